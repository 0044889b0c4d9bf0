package sqlite

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3/vfs"
)

// logDisk is the disk for SQLite. It counts the writes to the log: they decide whether
// a failed commit can reappear after a crash, and SQLite does not report them.
type logDisk struct {
	vfs.VFS
	name   string
	log    vfs.File
	writes int // successful writes to the log since the last commit began
}

var logDisks atomic.Int64

// newLogDisk registers a disk above another, by its name ("" is the system's).
func newLogDisk(under string) (*logDisk, error) {
	d := &logDisk{VFS: vfs.Find(under), name: fmt.Sprintf("tallyman%d", logDisks.Add(1))}
	if d.VFS == nil {
		return nil, fmt.Errorf("there is no VFS %q", under)
	}
	vfs.Register(d.name, d)
	return d, nil
}

// forget unregisters the disk.
func (d *logDisk) forget() { vfs.Unregister(d.name) }

// OpenFilename implements vfs.VFSFilename.
func (d *logDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	isLog := flags&vfs.OPEN_WAL != 0
	var f vfs.File
	var err error
	if under, ok := d.VFS.(vfs.VFSFilename); ok {
		f, flags, err = under.OpenFilename(name, flags)
	} else {
		f, flags, err = d.VFS.Open(name.String(), flags)
	}
	if err == nil && isLog {
		d.log = f
		f = logFile{f, d}
	}
	return f, flags, err
}

// sync makes durable what was written to the log.
func (d *logDisk) sync() error {
	if d.log == nil {
		return errors.New("there is no log")
	}
	return d.log.Sync(vfs.SYNC_FULL)
}

// logFile is the log. It implements only the operations that SQLite uses on a log.
type logFile struct {
	vfs.File
	disk *logDisk
}

func (f logFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	if err == nil {
		f.disk.writes++
	}
	return n, err
}
