package watch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/pairing"
)

// The names under a watched folder.
const (
	doneName   = "done"
	failedName = "failed"
	ownName    = ".tallyman"
)

// folder is a folder that this process watches.
type folder struct {
	dir     string
	lock    *flock.Flock
	locked  fs.FileInfo
	mu      sync.Mutex // guards the journal while jobs run
	journal *pairing.Journal
}

func (f *folder) own(names ...string) string {
	return filepath.Join(append([]string{f.dir, ownName}, names...)...)
}

// openFolder takes a folder: no other process does until close.
func openFolder(dir string) (_ *folder, err error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fault.New(fault.Unreadable, "%s cannot be watched: %w", dir, cause(err))
	} else if !info.IsDir() {
		return nil, fault.New(fault.Unreadable, "%s cannot be watched, since it is not a folder", dir)
	}
	f := &folder{dir: dir}
	for _, name := range []string{ownName, filepath.Join(ownName, "jobs"), doneName, failedName} {
		path := filepath.Join(dir, name)
		// Everybody who may use the folder may use these.
		if err := os.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, atomicfile.Unwritable(path, err)
		}
		if info, err := os.Lstat(path); err != nil || !info.IsDir() {
			return nil, fault.New(fault.Unwritable, "%s must be a folder, not a link or a file", path)
		}
	}
	f.lock = flock.New(f.own("lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666))
	ok, err := f.lock.TryLock()
	if err != nil {
		return nil, fault.New(fault.Unwritable, "%s cannot be locked, so that two processes could watch the folder: %w", f.own("lock"), cause(err))
	}
	if !ok {
		return nil, fault.New(InUse, "another process watches %s; stop it, or watch another folder", dir)
	}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.locked, err = os.Stat(f.own("lock")); err != nil {
		return nil, fault.New(fault.Unwritable, "%s cannot be used: %w", dir, cause(err))
	}
	if f.journal, err = pairing.OpenJournal(f.own("journal")); err != nil {
		return nil, fault.New(fault.Unwritable, "the journal in %s cannot be used: %w", f.own(), err)
	}
	if err := f.settle(); err != nil {
		return nil, err
	}
	return f, nil
}

// there fails if the folder is not the one that was taken: a network drive that is not
// mounted leaves an empty folder.
func (f *folder) there() error {
	info, err := os.Stat(f.own("lock"))
	if err != nil {
		return cause(err)
	}
	if !os.SameFile(info, f.locked) {
		return errors.New("there is another folder in its place")
	}
	return nil
}

func (f *folder) close() {
	if f.journal != nil {
		f.journal.Close()
	}
	f.lock.Unlock()
}

// cause returns the reason of an error without the paths, which the message has already.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

// entry is a file of the folder.
type entry struct {
	name string
	info fs.FileInfo
	seen time.Time // at first
	same int       // in how many looks it was the same
	// before is true if it lay there when the folder was taken.
	before bool

	// What was read. A file with a fault counts as read once the fault is certain.
	read      bool
	role      pairing.Role
	sum       pairing.Sum
	numbers   []string
	fault     error
	tried     int
	notBefore time.Time // is it read again
}

func (e *entry) order(o *entry) int {
	return cmp.Or(e.seen.Compare(o.seen), strings.Compare(e.name, o.name))
}

// unfinished are endings of names that programs give to files that they still write.
var unfinished = []string{".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".temp", ".!ut", ".swp", "~"}

// inWork reports whether a name says that somebody still works on the file, or that it is none
// for us.
func inWork(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~$") {
		return true
	}
	lower := strings.ToLower(name)
	return slices.ContainsFunc(unfinished, func(end string) bool { return strings.HasSuffix(lower, end) })
}

// list compares the folder with the entries.
func (w *Watcher) list(now time.Time) error {
	d, err := os.Open(w.c.Dir)
	if err != nil {
		return cause(err)
	}
	defer d.Close()
	there := map[string]bool{}
	for {
		files, err := d.ReadDir(1000)
		for _, f := range files {
			name := f.Name()
			if inWork(name) || name == doneName || name == failedName {
				continue
			}
			info, err := f.Info() // of a link, not of its target
			if err != nil {
				continue // it is gone
			}
			there[name] = true
			if !info.Mode().IsRegular() {
				if !w.ignored[name] {
					w.ignored[name] = true
					w.c.Log.Warn("left alone, since it is not a file", "name", name, "mode", info.Mode().String())
				}
				continue
			}
			e := w.entries[name]
			if e == nil || !unchanged(e.info, info) {
				fresh := &entry{name: name, info: info, seen: now, same: 1, before: w.listed.IsZero()}
				if e != nil && !e.read {
					fresh.seen, fresh.before = e.seen, e.before
				}
				w.entries[name] = fresh
				continue
			}
			e.same++
		}
		if err == io.EOF || err == nil && len(files) == 0 {
			break
		}
		if err != nil {
			return cause(err)
		}
	}
	maps.DeleteFunc(w.entries, func(name string, _ *entry) bool { return !there[name] })
	maps.DeleteFunc(w.ignored, func(name string, _ bool) bool { return !there[name] })
	return nil
}

func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// open opens the file of an entry, if it still is what was listed.
func (w *Watcher) open(e *entry) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(w.c.Dir, e.name), os.O_RDONLY|openFlags, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, pairing.ErrChanged
	case errors.Is(err, fs.ErrPermission):
		return nil, fault.New(fault.Unreadable, "%s: there is no permission to read it", e.name)
	case err != nil:
		return nil, fault.New(fault.Unreadable, "%s cannot be read: %w", e.name, cause(err))
	}
	if info, err := f.Stat(); err != nil || !unchanged(info, e.info) {
		f.Close()
		return nil, pairing.ErrChanged
	}
	return f, nil
}

// read reads which bills a file has.
func (w *Watcher) read(ctx context.Context, e *entry) {
	err := w.inspect(ctx, e)
	switch {
	case err == nil:
		e.read = true
	case errors.Is(err, pairing.ErrChanged):
		e.same = 0
	case ctx.Err() != nil:
	case pairing.Later(err):
		w.retries.Add(1)
		e.notBefore = time.Now().Add(w.c.Every)
	default:
		w.put([]*entry{e}, err)
	}
}

// put gives files a fault. It is certain when it is met again after a while: the file may not
// have been whole.
func (w *Watcher) put(entries []*entry, err error) {
	for _, e := range entries {
		e.tried++
		e.read = e.tried > 1 || w.c.Patience < 0
		e.fault = err
		e.notBefore = time.Now().Add(w.c.Patience)
	}
}

// inspect reads the content of a file: its sum, its role, its bills.
func (w *Watcher) inspect(ctx context.Context, e *entry) error {
	f, err := w.open(e)
	if err != nil {
		return err
	}
	defer f.Close()
	if e.sum, err = pairing.SumOf(f, e.info.Size()); err != nil {
		return fault.New(fault.Unreadable, "%s cannot be read: %w", e.name, cause(err))
	}
	e.role, e.numbers, err = pairing.Read(ctx, w.c.Maker, intake.File{Name: e.name, ReaderAt: f, Size: e.info.Size()})
	if info, serr := f.Stat(); serr != nil || !unchanged(info, e.info) {
		return pairing.ErrChanged
	}
	if err != nil {
		return err
	}
	e.fault = nil
	return nil
}
