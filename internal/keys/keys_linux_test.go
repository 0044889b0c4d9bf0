package keys_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/testing/must"
)

// nobody is another user than root.
const nobody = 65534

func ownerOf(t *testing.T, path string) (uid uint32, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	must.OK(t, err)
	return info.Sys().(*syscall.Stat_t).Uid, info.Mode().Perm()
}

// An operator may make keys as root beside a service of another user.
func TestKeysThatRootMakesBelongToTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	must.OK(t, os.Chown(dir, nobody, nobody))
	path := filepath.Join(dir, keys.FileName)
	_, err := keys.Open(dir).Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	if uid, mode := ownerOf(t, path); uid != nobody || mode != 0o600 {
		t.Errorf("the new file belongs to %d, mode %v", uid, mode)
	}
	if uid, _ := ownerOf(t, path+".lock"); uid != nobody {
		t.Errorf("the lock belongs to %d", uid)
	}
	must.OK(t, os.Chown(path, nobody-1, nobody))
	must.OK(t, os.Chmod(path, 0o640))
	_, err = keys.Open(dir).Add(t.Context(), keys.Key{Name: "other"})
	must.OK(t, err)
	if uid, mode := ownerOf(t, path); uid != nobody-1 || mode != 0o640 {
		t.Errorf("the changed file belongs to %d, mode %v", uid, mode)
	}
}

// A file that could not be read is tried again, although nothing of it changes but its
// owner.
func TestKeysThatCouldNotBeReadAreReadWhenTheirOwnerIsMended(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	must.OK(t, os.Chmod(dir, 0o755))
	for at := filepath.Dir(dir); at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		must.OK(t, os.Chmod(at, 0o755))
	}
	_, err := keys.Open(dir).Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	// The server, as another user.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	as := func(uid int) {
		must.OK(t, syscall.Setfsuid(uid))
	}
	server := keys.Open(dir)
	defer as(0)
	for range 2 {
		as(nobody)
		if _, err := server.All(t.Context()); fault.CodeOf(err) != fault.Unreadable {
			t.Fatalf("a file of root's is read, or: %v", err)
		}
	}
	as(0)
	must.OK(t, os.Chown(filepath.Join(dir, keys.FileName), nobody, nobody))
	as(nobody)
	if got, err := server.All(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("after its owner was mended: %v, %v", got, err)
	}
}
