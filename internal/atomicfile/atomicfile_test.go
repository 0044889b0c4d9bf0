package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	must.OK(t, Write(path, Of([]byte(text))))
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(names) {
		t.Errorf("%s holds %v, %v; want %v", dir, entries, err, names)
	}
}

func TestAFileAppearsWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.csv")
	f, err := Create(path)
	must.OK(t, err)
	_, err = f.Write([]byte("half"))
	must.OK(t, err)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before the commit there is something: %v", err)
	}
	must.OK(t, f.Commit())
	f.Discard()
	holds(t, path, "half")
	alone(t, dir, "out.csv")
}

func TestAFailureKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.csv")
	write(t, path, "old")
	f, err := Create(path)
	must.OK(t, err)
	io.WriteString(f, "new")
	f.Discard()
	holds(t, path, "old")
	alone(t, dir, "out.csv")
}

// watchSync records Commit's syncs of folders, and makes them fail with err.
func watchSync(t *testing.T, err error) *[]string {
	var synced []string
	syncDir = func(dir string) error {
		synced = append(synced, dir)
		return err
	}
	t.Cleanup(func() { syncDir = SyncDir })
	return &synced
}

// Without that sync a power cut after the commit may leave the old file, or none.
func TestACommitMakesTheNameDurable(t *testing.T) {
	dir := t.TempDir()
	synced := watchSync(t, nil)
	write(t, filepath.Join(dir, "out.csv"), "new")
	if len(*synced) != 1 || (*synced)[0] != dir {
		t.Errorf("these folders were synced: %q, want %q", *synced, dir)
	}
}

func TestANameThatIsNotDurableIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.csv")
	watchSync(t, syscall.EIO)
	if err := WritePrivate(path, []byte("new")); fault.CodeOf(err) != fault.Unwritable {
		t.Errorf("got %v", err)
	}
	for _, cannot := range []error{syscall.EACCES, syscall.EINVAL} { // nothing better is possible
		watchSync(t, cannot)
		must.OK(t, WritePrivate(path, []byte("newer")))
	}
}

func TestOnlyTheOwnerCanReadAPrivateFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	write(t, path, "old") // readable by all
	must.OK(t, WritePrivate(path, []byte("new")))
	holds(t, path, "new")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func TestReplacingKeepsTheMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "out.csv")
	write(t, path, "old")
	must.OK(t, os.Chmod(path, 0o640))
	write(t, path, "new")
	holds(t, path, "new")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func TestALinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.csv"), filepath.Join(dir, "link.csv")
	write(t, real, "old")
	must.OK(t, os.Symlink(real, link))
	write(t, link, "new")
	holds(t, real, "new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced by a file")
	}
}

func TestPlacesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ path, message string }{
		{dir, "is a directory"},
		{filepath.Join(dir, "no", "such", "out.csv"), "no such file or directory"},
	} {
		_, err := Create(c.path)
		if fault.CodeOf(err) != fault.Unwritable || !strings.Contains(err.Error(), c.path) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

func TestAFullDiskIsReported(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	f, err := Create("/dev/full")
	must.OK(t, err)
	defer f.Discard()
	if _, err := f.Write([]byte("x")); fault.CodeOf(err) != fault.Unwritable || !strings.Contains(err.Error(), "no space") {
		t.Errorf("got %v", err)
	}
}

// A program that is killed at any moment leaves nothing of a scratch file.
func TestAScratchFileHasNoName(t *testing.T) {
	dir := t.TempDir()
	f, err := Scratch(dir, "scratch-")
	must.OK(t, err)
	defer f.Close()
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", names, err)
	}
	_, err = f.WriteString("abc")
	must.OK(t, err)
	got := make([]byte, 3)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Scratch(filepath.Join(dir, "missing"), "x"); err == nil {
		t.Error("a file was made in a folder that is not there")
	}
}
