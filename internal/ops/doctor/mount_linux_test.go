package doctor

import (
	"os"
	"syscall"
	"testing"

	"tallyman/internal/testing/must"
)

// inMemory is a folder in memory, with little room.
func inMemory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k,mode=700"); err == nil {
		t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
		return dir
	}
	// A user that may not mount uses the small one that all systems have.
	dir, err := os.MkdirTemp("/dev/shm", "tallyman-test-*")
	must.OK(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
