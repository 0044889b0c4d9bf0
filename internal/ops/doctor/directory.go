package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tallyman/internal/keys"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/text"
)

// directory checks the folders of the data: who may read them, and the disk.
func (d *doctor) directory(context.Context) {
	const check = "data directory"
	info, err := os.Stat(d.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.fail(check, "there is no directory %s — name the server's with --data; the server makes it when it first starts", d.Data)
		return
	case err != nil:
		d.fail(check, "%s cannot be examined: %v — run this as the server's user, or give this user access", d.Data, err)
		return
	case !info.IsDir():
		d.fail(check, "%s is not a directory — name another with --data", d.Data)
		return
	}
	owner := d.modes(check, d.Data, info)
	if !d.disk("disk of the data", d.Data) {
		return
	}
	d.sync(d.Data, owner)
	d.leftovers()
	if d.Blobs != nil && d.Blobs.Dir != "" {
		if info, err := os.Stat(d.Blobs.Dir); err != nil {
			d.fail("contents", "the folder of the contents cannot be examined: %v — correct --blobs", err)
		} else {
			d.modes("contents", d.Blobs.Dir, info)
			d.disk("disk of the contents", d.Blobs.Dir)
		}
	}
}

// modes reports who may read a folder, and returns whether it is ours.
func (d *doctor) modes(check, dir string, info fs.FileInfo) (ours bool) {
	uid, name, known := owner(info)
	mode := info.Mode().Perm()
	switch {
	case !known:
		d.ok(check, "%s", dir)
		return true
	case mode&0o007 != 0:
		d.fail(check, "everybody on this machine has rights in %s (mode %03o), which holds people's documents — chmod 700 %s", dir, mode, dir)
	case mode&0o070 != 0:
		d.warn(check, "a group has rights in %s (mode %03o), which holds people's documents — chmod 700 %s, unless the group is meant to have them", dir, mode, dir)
	default:
		d.ok(check, "%s belongs to %s, mode %03o", dir, name, mode)
	}
	if uid != os.Geteuid() {
		d.warn("user", "%s belongs to %s, but this runs as %s — run it as %s (sudo -u %s), since that user's rights count", dir, name, userName(os.Geteuid()), name, name)
		return false
	}
	return true
}

// The room that is needed.
const (
	roomLow    = 1 << 30
	inodesLow  = 10_000
	inodesNone = 500
)

// disk checks the file system under a folder, and reports whether it can be used.
func (d *doctor) disk(check, dir string) bool {
	s, err := statDisk(dir)
	if err != nil {
		d.fail(check, "the file system of %s does not answer: %v", dir, err)
		return false
	}
	if s != nil { // otherwise unknown on this system
		d.judge(check, dir, s)
	}
	return true
}

// judge reports what a file system is unsuitable for.
func (d *doctor) judge(check, dir string, s *disk) {
	switch s.kind {
	case kindNetwork:
		d.fail(check, "%s is on a network file system (%s): its locks and syncs do not keep SQLite's data safe — use a disk of this machine, or --store postgres://… with --blobs s3://…", dir, s.name)
	case kindMemory:
		d.fail(check, "%s is in memory (%s): a restart of the machine loses everything — use a disk", dir, s.name)
	case kindLayer:
		d.warn(check, "%s is in the layer of a container (%s): it is deleted with the container — mount a volume there", dir, s.name)
	case kindUser:
		d.warn(check, "%s is on a file system that a program provides (%s): whether synced files survive a power cut depends on that program — use a disk of this machine if you are not sure", dir, s.name)
	default:
		d.ok(check, "%s", s.name)
	}
	room := max(d.Upload, 64<<20)
	switch {
	case s.readOnly:
		d.fail(check, "%s is mounted for reading only — mount it for writing; look into the kernel's log first, since the kernel does this when a disk fails", dir)
	case s.free < room:
		d.fail(check, "only %s of %s are free, less than one upload may take — make room, or clear sessions", text.Size(s.free), text.Size(s.size))
	case s.free < roomLow:
		d.warn(check, "only %s of %s are free — make room before uploads are refused", text.Size(s.free), text.Size(s.size))
	default:
		d.ok(check, "%s of %s are free", text.Size(s.free), text.Size(s.size))
	}
	switch {
	case s.inodes == 0: // created as needed
	case s.inodesFree < inodesNone:
		d.fail(check, "only %d of %d inodes are free: each file needs one — remove files, or create the file system again with more inodes", s.inodesFree, s.inodes)
	case s.inodesFree < inodesLow:
		d.warn(check, "only %d of %d inodes are free; a session takes up to 4 — remove files", s.inodesFree, s.inodes)
	}
}

// sync creates and syncs a file, as the server does for everything that it
// acknowledges.
func (d *doctor) sync(dir string, ours bool) {
	const check = "sync"
	f, err := os.CreateTemp(dir, ".tallyman-doctor-*.part")
	if err != nil {
		advice := "let the server's user write there"
		if !ours {
			advice = "run this as the server's user"
		}
		d.fail(check, "no file can be made in %s: %v — %s", dir, err, advice)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	_, err = f.Write(make([]byte, 4096))
	if err = errors.Join(err, f.Sync()); err != nil {
		d.fail(check, "writing and syncing a file in %s fails: %v — make room, or replace the disk; the server cannot acknowledge anything", dir, err)
		return
	}
	d.ok(check, "a file was written and synced")
}

// leftovers looks for temporary files of killed programs.
func (d *doctor) leftovers() {
	var old []string
	for _, dir := range []string{d.Data, filepath.Join(d.Data, "contents"), d.Scratch} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			n := e.Name()
			ours := strings.HasPrefix(n, ".tallyman-look-") || strings.HasPrefix(n, ".tallyman-doctor-") || dir != d.Scratch && strings.HasPrefix(n, ".") && strings.HasSuffix(n, ".part")
			if info, err := e.Info(); ours && err == nil && time.Since(info.ModTime()) > time.Hour {
				old = append(old, filepath.Join(dir, n))
			}
		}
	}
	if len(old) > 0 {
		d.warn("temporary files", "%s of killed programs: %s — remove them", text.Count(len(old), "file"), text.List(old, 5, text.Itself))
	}
}

// users reports which server uses the data directory, if any.
func (d *doctor) users(context.Context) {
	const check = "server"
	if _, err := os.Stat(d.Data); err != nil {
		return // reported already
	}
	h, err := sqlite.UsedBy(d.Data)
	switch {
	case err != nil:
		d.fail(check, "it is unknown whether a server uses %s: %v — run this as the server's user", d.Data, err)
	case h.Hidden:
		d.ok(check, "a process uses this data directory, whose ID cannot be read")
	case h.PID == 0 && !h.Sure:
		d.ok(check, "this system does not show whether a server uses this data directory")
	case h.PID == 0:
		d.ok(check, "no server uses this data directory")
	case !h.Sure:
		d.warn(check, "the process with ID %d claimed %s and is not visible from here — it runs in another container, or it was killed and the next start takes the directory over", h.PID, d.Data)
	default:
		d.pid = h.PID
		switch same, replaced, known := sameProgram(h.PID); {
		case !known:
			d.ok(check, "the process with ID %d uses this data directory", h.PID)
		case replaced:
			d.warn(check, "the process with ID %d uses this data directory, and its program was replaced since it started — restart it to have the new one", h.PID)
		case !same:
			d.warn(check, "the process with ID %d uses this data directory and runs another program than this one — use the doctor of that program, or restart the server with this one", h.PID)
		default:
			d.ok(check, "the process with ID %d uses this data directory; it is this very program", h.PID)
		}
	}
}

// keys checks the file of keys.
func (d *doctor) keys(ctx context.Context) {
	const check = "keys"
	path := filepath.Join(d.Data, keys.FileName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(d.Data); err == nil {
			d.ok(check, "there are none: without --open, a server accepts requests of this machine only")
		}
		return
	}
	all, err := keys.Open(d.Data).All(ctx)
	if err != nil {
		d.fail(check, "%s", because(err))
		return
	}
	if _, _, known := owner(info); known && info.Mode().Perm()&0o077 != 0 {
		d.warn(check, "others may read the hashes of the keys in %s (mode %03o) — chmod 600 %s", path, info.Mode().Perm(), path)
	}
	d.tellKeys(check, all)
}

func (d *doctor) tellKeys(check string, all []keys.Key) {
	admins := 0
	for _, k := range all {
		if k.Admin {
			admins++
		}
	}
	d.ok(check, "%s, of which %d for administrators", text.Count(len(all), "key"), admins)
}
