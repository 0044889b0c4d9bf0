// Package atomicfile writes files that either appear whole or not at all: beside
// their final place first, then renamed. It also creates folders and makes names
// durable.
//
// An operator may find a file named ".NAME.*.part" if the program was killed while it
// wrote; it can be deleted.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"tallyman/internal/fault"
)

// Inherit gives a file to the owner of its folder if root made it.
func Inherit(path string) error { return own(path, filepath.Dir(path)) }

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there; NTFS journals names itself
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// SyncDirIfPossible is SyncDir where it can be done: a user may be allowed to write in a folder
// but not to open it, and some file systems cannot sync one.
func SyncDirIfPossible(dir string) error {
	err := syncDir(dir)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// syncDir is the function with which SyncDirIfPossible syncs a folder. Tests replace it.
var syncDir = SyncDir

// Scratch creates a file to write and read in a folder, "" for the system's temporary one. Where the
// system and the file system know files without a name (Linux), it is one: nothing of it stays
// however the program ends. Elsewhere its name begins with the prefix and is removed at once, or, on
// systems that cannot remove open files, by the caller after Close.
func Scratch(dir, prefix string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if f, err := unnamed(dir, filepath.Join(dir, prefix+rand.Text())); err == nil {
		return f, nil
	}
	f, err := os.CreateTemp(dir, prefix)
	if err == nil {
		os.Remove(f.Name()) // which not every system can while it is open
	}
	return f, err
}

// Mkdir creates a folder for its owner only, and reports whether it did not exist
// before.
func Mkdir(dir string) (made bool, err error) {
	err = os.Mkdir(dir, 0o700)
	if err == nil {
		return true, nil
	}
	if info, serr := os.Stat(dir); serr == nil && info.IsDir() {
		return false, nil
	}
	return false, err
}

// MkdirAll creates a folder and its parents for their owner only, durably.
func MkdirAll(dir string) error { return MkdirAllBy(dir, Mkdir, SyncDir) }

// MkdirAllBy is MkdirAll on a file system that has its own Mkdir and SyncDir.
func MkdirAllBy(dir string, mkdir func(string) (bool, error), sync func(string) error) error {
	parent := filepath.Dir(dir)
	made, err := mkdir(dir)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := MkdirAllBy(parent, mkdir, sync); err != nil {
			return err
		}
		made, err = mkdir(dir)
	}
	if err != nil || !made {
		return err
	}
	return sync(parent)
}

// File is a file being written.
type File struct {
	f    *os.File
	path string      // the final path; "" if f writes there directly
	mode fs.FileMode // of a file that replaces none or one that all can read, and that inherits its owner; 0 for the usual mode
	done bool
}

// Create begins a file that Commit puts at path, replacing an existing file. A path
// to something that is not a regular file, such as a device or a pipe, is written
// directly. It fails with fault.Unwritable.
func Create(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fault.New(fault.Unwritable, "%s is a directory; name a file in it", path)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, Unwritable(path, err)
		}
		return &File{f: f}, nil
	}
	// The file belongs at the target of a link.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, Unwritable(path, err)
	}
	return &File{f: f, path: path}, nil
}

// Unwritable returns a fault that says why path cannot be written, nil for no error.
func Unwritable(path string, err error) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // its path is the temporary one, which would confuse
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return fault.New(fault.Unwritable, "%s cannot be written: %w", path, err)
}

// Write appends to the file. It fails with fault.Unwritable.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	return n, Unwritable(f.name(), err)
}

func (f *File) name() string {
	if f.path == "" {
		return f.f.Name()
	}
	return f.path
}

// Commit makes the file appear at its path, whole and durable: a power cut after it
// loses neither the content nor the name. It fails with fault.Unwritable. Nothing has
// changed then, unless only the last step failed, which makes the name durable.
func (f *File) Commit() error {
	if f.path == "" {
		f.done = true
		return Unwritable(f.name(), f.f.Close())
	}
	mode := f.mode
	info, err := os.Stat(f.path)
	switch {
	case err == nil && (f.mode == 0 || info.Mode()&0o007 == 0):
		mode = info.Mode().Perm()
	case mode == 0:
		mode = 0o666 &^ umask()
	}
	if f.mode != 0 {
		like := f.path
		if err != nil {
			like = filepath.Dir(f.path)
		}
		if err := own(f.f.Name(), like); err != nil {
			return Unwritable(f.path, err)
		}
	}
	err = errors.Join(f.f.Chmod(mode), f.f.Sync(), f.f.Close())
	if err == nil {
		err = os.Rename(f.f.Name(), f.path)
	}
	if err != nil {
		return Unwritable(f.path, err)
	}
	f.done = true
	return Unwritable(f.path, SyncDirIfPossible(filepath.Dir(f.path)))
}

// Discard removes the file if it was not committed. It is meant for defer.
func (f *File) Discard() {
	if f.done {
		return
	}
	f.f.Close()
	if f.path != "" {
		os.Remove(f.f.Name())
	}
}

// Write makes a whole file of what a function writes; after an error of the function there
// is none, or the one that was there. It fails with fault.Unwritable, as Create and Commit do.
func Write(path string, write func(io.Writer) error) error { return writeAs(0, path, write) }

func writeAs(mode fs.FileMode, path string, write func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	f.mode = mode
	if err := write(f); err != nil {
		return err
	}
	return f.Commit()
}

// Of writes bytes, for Write.
func Of(b []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

// WritePrivate writes a whole file. One that it replaces keeps its owner, and its mode if
// that is closed to others; a new one can be read by its owner only, and if root writes
// it that is the owner of the folder. It fails with fault.Unwritable, as Create and Commit do.
func WritePrivate(path string, b []byte) error { return writeAs(0o600, path, Of(b)) }
