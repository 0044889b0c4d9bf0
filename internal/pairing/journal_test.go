package pairing

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/internal/testing/must"
)

func TestALongJournalForgetsTheOldest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	var b strings.Builder
	for i := range mostLines + 1 {
		fmt.Fprintf(&b, `{"at":"2026-11-29T00:00:00Z","job":"%d","outcome":"done","to":"done/%d","files":[{"name":"a","sha256":"%064x"}]}`+"\n", i, i, i)
	}
	must.OK(t, os.WriteFile(path, []byte(b.String()), 0o666))
	j, err := OpenJournal(path)
	must.OK(t, err)
	defer j.Close()
	if n := len(j.done); n < keptLines-1 || n > keptLines {
		t.Errorf("%d outcomes are known", n)
	}
	if _, there := j.jobs[fmt.Sprint(mostLines)]; !there {
		t.Error("the newest is not known")
	}
}
