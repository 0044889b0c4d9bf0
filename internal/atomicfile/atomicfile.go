// Package atomicfile writes files that are either whole or not there: beside their
// final place first, then moved.
//
// An operator may find a file named ".NAME.*.part" if the program was killed
// while it wrote; it can be deleted.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"tallyman/internal/fault"
)

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

// File is a file being written.
type File struct {
	f    *os.File
	path string // the final place; "" if f is that place already
	done bool
}

// Create begins a file that Commit puts at path, replacing what is there. A path
// to something that is not a regular file, such as a device or a pipe, is
// written directly. It fails with fault.Unwritable.
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
	// Where a link points is where the file belongs.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, Unwritable(path, err)
	}
	return &File{f: f, path: path}, nil
}

// Unwritable says for people why path cannot be written.
func Unwritable(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // its path is the one beside, which would confuse
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return fault.New(fault.Unwritable, "%s cannot be written: %w", path, err)
}

// Write writes on. It fails with fault.Unwritable.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	if err != nil {
		err = Unwritable(f.name(), err)
	}
	return n, err
}

func (f *File) name() string {
	if f.path == "" {
		return f.f.Name()
	}
	return f.path
}

// Commit makes the file appear at its place, whole and on disk. It fails with
// fault.Unwritable, and then nothing has changed.
func (f *File) Commit() error {
	if f.path == "" {
		f.done = true
		if err := f.f.Close(); err != nil {
			return Unwritable(f.name(), err)
		}
		return nil
	}
	mode := fs.FileMode(0o666) &^ umask()
	if info, err := os.Stat(f.path); err == nil {
		mode = info.Mode().Perm()
	}
	err := errors.Join(f.f.Chmod(mode), f.f.Sync(), f.f.Close())
	if err == nil {
		err = os.Rename(f.f.Name(), f.path)
	}
	if err != nil {
		return Unwritable(f.path, err)
	}
	f.done = true
	return nil
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

// WriteFile writes a whole file by a function. It fails with what the function
// returns, or with fault.Unwritable, and then nothing has changed.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := write(f); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return f.Commit()
}
