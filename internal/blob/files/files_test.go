package files

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/blob/blobtest"
	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

var ctx = context.Background()

func TestStoreKeepsTheRules(t *testing.T) {
	blobtest.Run(t, func(t testing.TB, place string) blob.Store {
		s, err := Open(filepath.Join(place, "contents"))
		must.OK(t, err)
		return s
	})
}

func TestOnlyTheOwnerCanReadContents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "contents")
	s, err := Open(dir)
	must.OK(t, err)
	ref, err := s.Put(ctx, strings.NewReader("secret"))
	must.OK(t, err)
	files := 0
	filepath.WalkDir(filepath.Dir(dir), func(path string, e fs.DirEntry, err error) error {
		info, ierr := e.Info()
		if err != nil || ierr != nil {
			t.Fatal(err, ierr)
		}
		want := fs.FileMode(0o700)
		if !e.IsDir() {
			want = 0o600
			files++
			if path != filepath.Join(dir, string(ref.Key[:2]), string(ref.Key)) {
				t.Errorf("unexpected file %s", path)
			}
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if files != 1 {
		t.Errorf("%d files, want 1", files)
	}
}

func TestForeignObjectsAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	must.OK(t, err)
	key := blob.NewKey()
	other := "00"
	if key[:2] == "00" {
		other = "01"
	}
	alien := []string{
		"README", "00/README", "00/" + strings.ToUpper(string(key)), "00/" + string(key) + ".tmp", "00/x",
		other + "/" + string(key), // a key in another key's folder
	}
	for _, name := range alien {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o644))
	}
	items, next, err := s.List(ctx, "", 1000)
	if err != nil || len(items) != 0 || next != "" {
		t.Errorf("listed %v, %q, %v", items, next, err)
	}
	for _, name := range alien {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestContentsChangedOnDiskAreReportedAsDamaged(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	must.OK(t, err)
	for name, change := range map[string]func(b []byte) []byte{
		"a bit flipped": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"cut off":       func(b []byte) []byte { return b[:len(b)-1] },
		"longer":        func(b []byte) []byte { return append(b, 0) },
		"empty":         func(b []byte) []byte { return nil },
	} {
		ref, err := s.Put(ctx, bytes.NewReader(make([]byte, 200_000)))
		must.OK(t, err)
		path := s.path(ref.Key)
		b := must.Read(t, path)
		must.OK(t, os.WriteFile(path, change(b), 0o600))
		if err := blob.Verify(ctx, s, ref); fault.CodeOf(err) != blob.Damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// strictDisk passes calls to the real disk, records what is durable, and fails on
// demand.
type strictDisk struct {
	osDisk
	mu    sync.Mutex
	fail  func(op, path string) error
	named map[string]bool // files and folders whose name was synced
	files map[string]bool // files whose content was synced, and not written since
}

func newStrictDisk() *strictDisk {
	return &strictDisk{named: map[string]bool{}, files: map[string]bool{}}
}

func (d *strictDisk) check(op, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail(op, path)
	}
	return nil
}

func (d *strictDisk) mkdir(path string) (bool, error) {
	if err := d.check("mkdir", path); err != nil {
		return false, err
	}
	return d.osDisk.mkdir(path)
}

func (d *strictDisk) create(path string) (writeFile, error) {
	if err := d.check("create", path); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	return &strictFile{f, d, path}, err
}

func (d *strictDisk) remove(path string) error {
	if err := d.check("remove", path); err != nil {
		return err
	}
	return d.osDisk.remove(path)
}

func (d *strictDisk) syncDir(dir string) error {
	if err := d.check("sync folder", dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		d.named[filepath.Join(dir, e.Name())] = true
	}
	return d.osDisk.syncDir(dir)
}

type strictFile struct {
	writeFile
	disk *strictDisk
	path string
}

func (f *strictFile) Write(p []byte) (int, error) {
	if err := f.disk.check("write", f.path); err != nil {
		n, _ := f.writeFile.Write(p[:len(p)/2])
		return n, err
	}
	f.disk.mu.Lock()
	delete(f.disk.files, f.path)
	f.disk.mu.Unlock()
	return f.writeFile.Write(p)
}

func (f *strictFile) Sync() error {
	if err := f.disk.check("sync", f.path); err != nil {
		return err
	}
	f.disk.mu.Lock()
	f.disk.files[f.path] = true
	f.disk.mu.Unlock()
	return f.writeFile.Sync()
}

func (f *strictFile) Close() error {
	err := f.writeFile.Close()
	if cerr := f.disk.check("close", f.path); cerr != nil {
		return cerr
	}
	return err
}

// DESIGN.md §6: acknowledged means durable. A power cut keeps a file only if its
// content and its name, and the names of the folders above, were synced.
func TestAPutContentSurvivesAPowerCut(t *testing.T) {
	d := newStrictDisk()
	world := t.TempDir()
	dir := filepath.Join(world, "new", "contents")
	s, err := open(dir, d)
	must.OK(t, err)
	for range 20 {
		ref, err := s.Put(ctx, bytes.NewReader(make([]byte, 100_000)))
		must.OK(t, err)
		path := s.path(ref.Key)
		if !d.files[path] {
			t.Errorf("%s: its content was not synced", path)
		}
		for p := path; p != world; p = filepath.Dir(p) {
			if !d.named[p] {
				t.Errorf("%s: the folder that names it was not synced", p)
			}
		}
	}
}

func TestAnyFailureLeavesNothingAndTheStoreWorking(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, fs.ErrPermission} {
		want := blob.StorageUnavailable
		if err == syscall.ENOSPC || err == syscall.EDQUOT {
			want = blob.StorageFull
		}
		for _, op := range []string{"create", "write", "sync", "close", "sync folder"} {
			d := newStrictDisk()
			dir := t.TempDir()
			s, oerr := open(dir, d)
			if oerr != nil {
				t.Fatal(oerr)
			}
			d.fail = func(o, _ string) error {
				if o == op {
					return &fs.PathError{Op: o, Path: "/secret/path", Err: err}
				}
				return nil
			}
			ref, got := s.Put(ctx, bytes.NewReader(make([]byte, 100_000)))
			if fault.CodeOf(got) != want || !errors.Is(got, err) || ref != (blob.Ref{}) {
				t.Errorf("%s fails with %v: %+v, %v; want code %s", op, err, ref, got, want)
			}
			if strings.Contains(got.Error(), "secret") {
				t.Errorf("the message shows a path to users: %v", got)
			}
			if cerr := s.Check(ctx); fault.CodeOf(cerr) != want {
				t.Errorf("%s fails with %v: the check says %v", op, err, cerr)
			}
			if n := countFiles(t, dir); n != 0 {
				t.Errorf("%s fails with %v: %d files stay", op, err, n)
			}
			d.fail = nil
			ref, got = s.Put(ctx, strings.NewReader("again"))
			if got != nil {
				t.Errorf("when the disk works again: %v", got)
			}
			if b, err := blob.ReadAll(ctx, s, ref); err != nil || string(b) != "again" {
				t.Errorf("when the disk works again: %q, %v", b, err)
			}
		}
	}
}

func TestUndeletableContentsAreLeftToTheSweep(t *testing.T) {
	d := newStrictDisk()
	s, err := open(t.TempDir(), d)
	must.OK(t, err)
	one, _ := s.Put(ctx, strings.NewReader("1"))
	two, _ := s.Put(ctx, strings.NewReader("2"))
	d.fail = func(op, path string) error {
		if op == "remove" && strings.HasSuffix(path, string(one.Key)) {
			return syscall.EIO
		}
		return nil
	}
	if err := s.Delete(ctx, one.Key, two.Key); fault.CodeOf(err) != blob.StorageUnavailable {
		t.Errorf("deleting on a disk that fails: %v", err)
	}
	items, _, err := s.List(ctx, "", 10)
	if err != nil || len(items) != 1 || items[0].Key != one.Key {
		t.Errorf("listed %v, %v; want what could not be deleted", items, err)
	}
}

func TestOpeningOnADiskThatFails(t *testing.T) {
	for _, op := range []string{"mkdir", "sync folder"} {
		d := newStrictDisk()
		d.fail = func(o, _ string) error {
			if o == op {
				return syscall.EIO
			}
			return nil
		}
		if _, err := open(filepath.Join(t.TempDir(), "new"), d); fault.CodeOf(err) != blob.StorageUnavailable {
			t.Errorf("%s fails: %v", op, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	if _, err := Open(file); fault.CodeOf(err) != blob.StorageUnavailable {
		t.Errorf("a file for a folder: %v", err)
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	must.OK(t, err)
	return n
}

func BenchmarkPut(b *testing.B) {
	s, err := Open(b.TempDir())
	must.OK(b, err)
	content := make([]byte, 4096)
	for b.Loop() {
		ref, err := s.Put(ctx, bytes.NewReader(content))
		must.OK(b, err)
		s.Release(ref.Key)
	}
}

func TestLookingAddsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "contents")
	if _, err := Look(dir); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a folder that is not there: %v", err)
	}
	must.OK(t, os.Mkdir(dir, 0o700))
	s, err := Look(dir)
	must.OK(t, err)
	if items, next, err := s.List(context.Background(), "", 10); err != nil || len(items) > 0 || next != "" {
		t.Errorf("%v %q %v", items, next, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("it added %v, %v", entries, err)
	}
	whole, err := Open(dir)
	must.OK(t, err)
	ref, err := whole.Put(context.Background(), strings.NewReader("a content"))
	must.OK(t, err)
	if items, _, err := s.List(context.Background(), "", 10); err != nil || len(items) != 1 || items[0].Key != ref.Key {
		t.Errorf("%v %v", items, err)
	}
}
