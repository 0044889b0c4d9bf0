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

// A power cut may keep a later page of a write and lose an earlier one.
func TestAJournalThatAPowerCutHasTornIsUsed(t *testing.T) {
	const (
		done  = `{"at":"2026-11-29T00:00:00Z","job":"1","outcome":"done","to":"done/1","files":[{"name":"a","sha256":"%064x"}]}` + "\n"
		waits = `{"at":"2026-11-29T00:00:00Z","waits":"%064x"}` + "\n"
	)
	first, second := fmt.Sprintf(done, 1), fmt.Sprintf(done, 2)
	zeros := strings.Repeat("\x00", 100)
	for name, c := range map[string]struct {
		after string
		ok    bool
	}{
		"in a line":                {zeros + second[100:], true},
		"in lines that waited":     {zeros + fmt.Sprintf(waits, 3)[20:] + fmt.Sprintf(waits, 4), true},
		"before one that counted":  {zeros + "\n" + second, false},
		"nowhere: a person did it": {"junk\n", false},
	} {
		path := filepath.Join(t.TempDir(), "journal")
		must.OK(t, os.WriteFile(path, []byte(first+c.after), 0o666))
		j, err := OpenJournal(path)
		if !c.ok {
			if err == nil || !strings.Contains(err.Error(), "line 2") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		must.OK(t, err)
		must.OK(t, j.Add(j.jobs["1"]))
		j.Close()
		if b := must.Read(t, path); len(j.outcomes) != 1 || string(b[:len(first)]) != first || strings.Contains(string(b), "\x00") {
			t.Errorf("%s: %d outcomes are known, and it holds %q", name, len(j.outcomes), b)
		}
	}
}
