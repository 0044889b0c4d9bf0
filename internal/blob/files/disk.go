package files

import (
	"io"
	"io/fs"
	"os"

	"tallyman/internal/atomicfile"
)

// disk is the part of a file system that the store needs. Tests replace it with disks
// that fail, or that lose whatever was not synced.
type disk interface {
	// mkdir creates a folder for its owner only, and reports whether it was missing.
	mkdir(path string) (made bool, err error)
	// create creates a file, which must not exist, for its owner only.
	create(path string) (writeFile, error)
	open(path string) (*os.File, error)
	stat(path string) (fs.FileInfo, error)
	remove(path string) error
	names(dir string) ([]string, error)
	// syncDir makes the names in a folder durable.
	syncDir(dir string) error
}

type writeFile interface {
	io.Writer
	Sync() error
	Close() error
}

type osDisk struct{}

func (osDisk) mkdir(path string) (bool, error) { return atomicfile.Mkdir(path) }

func (osDisk) create(path string) (writeFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osDisk) open(path string) (*os.File, error) { return os.Open(path) }

func (osDisk) stat(path string) (fs.FileInfo, error) { return os.Lstat(path) }

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) names(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (osDisk) syncDir(dir string) error { return atomicfile.SyncDir(dir) }
