package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tallyman/internal/testing/must"
)

func TestAFullScratchDiskIsNotReportedAsDamage(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from")
	must.OK(t, os.WriteFile(from, make([]byte, 9000), 0o600))
	var w *scratchError
	if err := copyFile(ctx, from, "/dev/full"); !errors.As(err, &w) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	if err := copyFile(ctx, filepath.Dir(from), filepath.Join(t.TempDir(), "to")); err == nil || errors.As(err, &w) {
		t.Errorf("what cannot be read: %v", err)
	}
}
