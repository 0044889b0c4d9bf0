package sqlite

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// simDisk is a disk for SQLite, in memory, that fails like real disks: it can refuse
// writes, be full, fail a sync and then lose what it had not written although reads
// still show it (as on Linux), and lose power.
type simDisk struct {
	mu    sync.Mutex
	rng   *rand.Rand
	files map[string]*simFile
	name  string
	// fault decides whether an operation fails: read, write, truncate, sync, open or
	// delete, of a file. nil means a working disk.
	fault func(op, file string) error
	// off is true after the power was cut, which happens after left operations that
	// change something, unless left is 0.
	off  bool
	left int
	// room is the number of bytes that all files may have together, 0 for no bound.
	room int64

	reads, writes, syncs atomic.Int64
}

// simFile is a file: what programs see, what is permanently on the disk, and which
// sectors were written since. Like the cache of a real system it writes whole
// sectors.
type simFile struct {
	seen, durable []byte
	dirty         map[int64]bool // by sector
	synced        bool           // at least once, so its name is on the disk
}

// store writes a sector to the disk as programs see it.
func (f *simFile) store(sector int64) {
	from, to := sector*simSector, min((sector+1)*simSector, int64(len(f.seen)))
	if from >= to {
		return // truncated meanwhile
	}
	if to > int64(len(f.durable)) {
		f.durable = resize(f.durable, to)
	}
	copy(f.durable[from:to], f.seen[from:to])
}

// touch marks the sectors of written bytes.
func (f *simFile) touch(from, to int64) {
	for s := from / simSector; s*simSector < to; s++ {
		f.dirty[s] = true
	}
}

var simDisks atomic.Int64

// newSimDisk returns an empty disk, registered with SQLite by its name.
func newSimDisk(t testing.TB, seed uint64) *simDisk {
	d := &simDisk{
		name:  fmt.Sprintf("sim%d", simDisks.Add(1)),
		files: map[string]*simFile{},
		rng:   rand.New(rand.NewPCG(seed, 7)),
	}
	vfs.Register(d.name, d)
	t.Cleanup(func() { vfs.Unregister(d.name) })
	return d
}

// setFault makes operations fail from now on as f decides.
func (d *simDisk) setFault(f func(op, file string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// setRoom leaves room for n more bytes.
func (d *simDisk) setRoom(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = d.used() + n
}

func (d *simDisk) used() (n int64) {
	for _, f := range d.files {
		n += int64(len(f.seen))
	}
	return n
}

// cutAfter cuts the power in the middle of the n-th write, truncation or sync from
// now. All operations after it fail.
func (d *simDisk) cutAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = n
}

// move moves all files of one folder to another.
func (d *simDisk) move(from, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range maps.Clone(d.files) {
		delete(d.files, name)
		d.files[strings.Replace(name, from, to, 1)] = f
	}
}

// isOff reports whether the power was cut.
func (d *simDisk) isOff() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// simSector is the size of the disk's sectors.
const simSector = 4096

// after returns the disk as it is when the power returns: with everything that was
// synced, and any of the sectors that were written since. One of those may be
// garbage, since it was being written.
func (d *simDisk) after(t testing.TB) *simDisk {
	return d.image(t, func(f *simFile) {
		if d.rng.IntN(2) == 0 && len(f.seen) < len(f.durable) {
			f.durable = f.durable[:len(f.seen)]
		}
		garbage := d.rng.IntN(2) == 0
		for s := range f.dirty {
			if d.rng.IntN(2) == 0 {
				continue
			}
			f.store(s)
			if garbage {
				garbage = false
				for i := s * simSector; i < min((s+1)*simSector, int64(len(f.durable))); i++ {
					f.durable[i] = byte(d.rng.Uint32())
				}
			}
		}
	})
}

// afterKill returns the disk as another process finds it.
func (d *simDisk) afterKill(t testing.TB) *simDisk {
	return d.image(t, func(f *simFile) {
		f.durable, f.synced = append([]byte(nil), f.seen...), true
	})
}

// image returns a copy of the disk after applying a function to its files.
func (d *simDisk) image(t testing.TB, happen func(*simFile)) *simDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := newSimDisk(t, d.rng.Uint64())
	for name, f := range d.files {
		c := &simFile{seen: append([]byte(nil), f.seen...), durable: append([]byte(nil), f.durable...), dirty: maps.Clone(f.dirty), synced: f.synced}
		happen(c)
		if !c.synced && d.rng.IntN(2) == 0 {
			continue // its name is lost
		}
		n.files[name] = &simFile{seen: append([]byte(nil), c.durable...), durable: c.durable, dirty: map[int64]bool{}, synced: true}
	}
	return n
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// check is called with the lock held before every operation.
func (d *simDisk) check(op, file string) error {
	if d.left > 0 && op != "read" && op != "open" {
		d.left--
		d.off = d.off || d.left == 0
	}
	if d.off {
		return syscall.EIO
	}
	if d.fault != nil {
		return d.fault(op, file)
	}
	return nil
}

func (d *simDisk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check("open", name); err != nil {
		return nil, 0, vfs.SystemError(err, sqlite3.CANTOPEN)
	}
	f := d.files[name]
	if f == nil {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, 0, sqlite3.CANTOPEN
		}
		f = &simFile{dirty: map[int64]bool{}}
		d.files[name] = f
	}
	return &simHandle{disk: d, file: f, name: name, psow: true}, flags, nil
}

func (d *simDisk) Delete(name string, _ bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check("delete", name); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *simDisk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.files[name]
	return ok, nil
}

func (d *simDisk) FullPathname(name string) (string, error) { return name, nil }

// simHandle is an open file.
type simHandle struct {
	disk *simDisk
	file *simFile
	name string
	psow bool
}

func (h *simHandle) ReadAt(p []byte, off int64) (int, error) {
	h.disk.reads.Add(1)
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.check("read", h.name); err != nil {
		return 0, err
	}
	if off >= int64(len(h.file.seen)) {
		return 0, io.EOF
	}
	n := copy(p, h.file.seen[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *simHandle) WriteAt(p []byte, off int64) (int, error) {
	h.disk.writes.Add(1)
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	wasOff := h.disk.off
	if err := h.disk.check("write", h.name); err != nil {
		if h.disk.off && !wasOff {
			h.write(p, off) // all or part of it may have arrived
		}
		return 0, err
	}
	if grows := off + int64(len(p)) - int64(len(h.file.seen)); h.disk.room > 0 && grows > 0 && h.disk.used()+grows > h.disk.room {
		return 0, syscall.ENOSPC
	}
	h.write(p, off)
	return len(p), nil
}

func (h *simHandle) Truncate(size int64) error {
	h.disk.writes.Add(1)
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.check("truncate", h.name); err != nil {
		return err
	}
	f := h.file
	if size < int64(len(f.seen)) {
		f.touch(size, int64(len(f.seen)))
	} else {
		f.touch(int64(len(f.seen)), size)
	}
	f.seen = resize(f.seen, size)
	return nil
}

func (h *simHandle) write(p []byte, off int64) {
	f := h.file
	end := off + int64(len(p))
	if end > int64(len(f.seen)) {
		f.touch(int64(len(f.seen)), end)
		f.seen = resize(f.seen, end)
	}
	copy(f.seen[off:], p)
	f.touch(off, end)
}

func (h *simHandle) Sync(vfs.SyncFlag) error {
	h.disk.syncs.Add(1)
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	f := h.file
	err := h.disk.check("sync", h.name)
	if h.disk.off {
		return err
	}
	if err != nil {
		// Some of it may have arrived. The rest never will, unless it is written
		// again, but reads still show it, and the next sync succeeds.
		for s := range f.dirty {
			if h.disk.rng.IntN(2) == 0 {
				f.store(s)
			}
		}
		clear(f.dirty)
		return err
	}
	for s := range f.dirty {
		f.store(s)
	}
	clear(f.dirty)
	f.durable = resize(f.durable, int64(len(f.seen)))
	f.synced = true
	return nil
}

func (h *simHandle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return int64(len(h.file.seen)), nil
}

// The lock file excludes other processes, so these do nothing.
func (h *simHandle) Lock(vfs.LockLevel) error         { return nil }
func (h *simHandle) Unlock(vfs.LockLevel) error       { return nil }
func (h *simHandle) CheckReservedLock() (bool, error) { return false, nil }
func (h *simHandle) Close() error                     { return nil }

func (h *simHandle) SectorSize() int { return simSector }

// SQLite may assume that a sector's other bytes survive only if this flag is set.
func (h *simHandle) DeviceCharacteristics() vfs.DeviceCharacteristic {
	c := vfs.IOCAP_SUBPAGE_READ
	if h.psow {
		c |= vfs.IOCAP_POWERSAFE_OVERWRITE
	}
	return c
}

func (h *simHandle) PowersafeOverwrite() bool     { return h.psow }
func (h *simHandle) SetPowersafeOverwrite(y bool) { h.psow = y }
