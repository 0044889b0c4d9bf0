// Package sqlite keeps sessions in a data directory. It is the default store.
//
// On disk there are
//
//	DIR/LOCK             locked by the process that uses the directory; holds its ID
//	DIR/sessions.db      the sessions, an SQLite database
//	DIR/sessions.db-wal  its log: what was committed since the last checkpoint
//	DIR/RESERVE          1 MiB that is freed when the disk is full, so that
//	                     sessions can still be cleared; may be deleted
//
// all readable by their owner only; package files usually keeps the contents of
// files beside them. To back the directory up, stop the server and copy all of
// it; a copy of sessions.db without its log lacks the latest sessions.
//
// An acknowledged operation is on the disk: every commit syncs the log, and many
// small ones that come at once share one sync. Neither kill -9 nor a power cut loses
// it, provided that the disk keeps what it reports as synced. Last uses are the
// exception that session.Store allows.
//
// Every live session is also held in memory (see table), so that reads never
// wait for the disk. The store does not delete contents; its callers do, and a
// session.Janitor.
package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"tallyman/internal/atomicfile"
	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// Store is a session.Store in a data directory.
type Store struct {
	papers      // the profiles
	table       *table
	settings    session.Settings
	maxSessions int

	queue   chan *operation
	written chan struct{} // closed when the writer ended
	stop    chan struct{} // closed when the store is to be closed
	kept    chan struct{} // closed when the keeper ended
	closing sync.RWMutex  // held for reading while an operation is put in the queue
	closed  atomic.Bool
	ending  sync.Once
	ended   error // the result of Close

	// unsure is true while the outcome of a commit is not certain.
	unsure atomic.Bool

	sweep struct {
		sync.Mutex
		shard int // the shard where Expire continues
	}

	// The following fields belong to the writer.
	place    place
	lock     *flock.Flock
	db       *database
	seq      int64 // the highest row number so far
	taskSeq  int64 // likewise, of tasks
	served   int64 // the number of claims of tasks so far
	turns    map[turnOf]int64
	stale    stale   // rows to trim
	suspects []int64 // rows of commits that failed
	cause    error   // why unsure is true
	shrunk   time.Time
	reserve  *reserve
}

var _ session.Importer = (*Store)(nil)

// Open returns the store in a data directory, and creates the directory if necessary.
// It fails with InUse if another process uses the directory, with NewerSchema if a
// later Tallyman wrote it, with Foreign or DamagedData if its database cannot be used,
// and with blob.StorageFull or blob.StorageUnavailable if the disk fails. ctx bounds
// only the opening.
func Open(ctx context.Context, dir string, settings session.Settings) (*Store, error) {
	return open(ctx, safe(dir), settings)
}

func open(ctx context.Context, p place, settings session.Settings) (_ *Store, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Ended(err)
	}
	if settings.Now == nil {
		settings.Now = session.SystemClock()
	}
	s := &Store{
		table:       newTable(),
		settings:    settings,
		maxSessions: cmp.Or(settings.MaxSessions, 1_000_000),
		queue:       make(chan *operation, maxWaiting),
		written:     make(chan struct{}),
		stop:        make(chan struct{}),
		kept:        make(chan struct{}),
		place:       p,
		reserve:     &reserve{path: filepath.Join(p.dir, reserveName), size: p.reserve},
		turns:       map[turnOf]int64{},
	}
	s.papers = papers{s, ofProfiles}
	defer func() {
		if err != nil {
			if s.db != nil {
				_ = s.db.close()
			}
			if s.lock != nil {
				_ = unlock(s.lock)
			}
			err = openFault(p.dir, err)
		}
	}()
	if err := atomicfile.MkdirAll(p.dir); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	if s.lock, err = lock(p.dir); err != nil {
		return nil, err
	}
	if s.db, err = openDatabase(p); err != nil {
		return nil, err
	}
	if err := atomicfile.SyncDir(p.dir); err != nil {
		return nil, fmt.Errorf("syncing the data directory: %w", err)
	}
	if err := s.load(ctx); err != nil {
		return nil, fmt.Errorf("reading the sessions: %w", err)
	}
	s.reserve.restore()
	go s.write()
	go s.keep()
	return s, nil
}

// load fills the table from the database.
func (s *Store) load(ctx context.Context) error {
	if err := s.db.loadPapers(func(at paper, p session.Profile) { s.table.papers[at] = p }); err != nil {
		return err
	}
	if err := s.db.loadTasks(func(t queue.Task) {
		s.table.put(t.ID, &t)
		s.taskSeq = max(s.taskSeq, t.Seq)
	}); err != nil {
		return err
	}
	return s.db.load(func(r row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.seq = r.seq
		var before *session.State
		if old := s.table.get(r.key); old != nil {
			before = old.state.Load()
			s.stale.add(old.seq)
		}
		s.table.rename(before, r.state)
		if r.state == nil {
			s.table.remove(r.key)
			s.stale.add(r.seq)
			return nil
		}
		s.table.set(r.key, newEntry(r.seq, s.life(r.state.Kind), r.state, r.used))
		return nil
	})
}

// now returns the time of an operation, to the millisecond.
func (s *Store) now() time.Time { return s.settings.Now().UTC().Truncate(time.Millisecond) }

// life returns how many milliseconds sessions of a kind live unused.
func (s *Store) life(k session.Kind) int64 { return s.settings.Lives.Of(k).Milliseconds() }

// Open implements session.Store.
func (s *Store) Open(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	if st, err := s.read(ctx, key); err == nil || fault.CodeOf(err) != fault.NotFound {
		return st, session.Removed{}, err
	}
	return s.begin(ctx, key, kind, false)
}

// New implements session.Store.
func (s *Store) New(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	return s.begin(ctx, key, kind, true)
}

// begin begins a session. Unless anew is true, it uses the one that is there, if any.
func (s *Store) begin(ctx context.Context, key session.Key, kind session.Kind, anew bool) (session.State, session.Removed, error) {
	if err := errors.Join(key.Check(), kind.Check()); err != nil {
		return session.State{}, session.Removed{}, err
	}
	return s.change(ctx, key, func(b *batch, sl *slot) (session.Removed, error) {
		if !anew && b.use(sl) {
			return session.Removed{}, nil
		}
		return b.begin(sl, kind)
	})
}

// change decides about a session, and returns its state after that and what was removed.
func (s *Store) change(ctx context.Context, key session.Key, decide func(*batch, *slot) (session.Removed, error)) (session.State, session.Removed, error) {
	var st session.State
	removed, err := ask(ctx, s.do, func(b *batch) (removed session.Removed, err error) {
		sl := b.at(key)
		if removed, err = decide(b, sl); err == nil {
			st = b.view(sl)
		}
		return removed, err
	})
	if err != nil {
		return session.State{}, removed, err
	}
	return st, removed, nil
}

// Clear implements session.Store.
func (s *Store) Clear(ctx context.Context, key session.Key) (session.Removed, error) {
	if err := key.Check(); err != nil {
		return session.Removed{}, err
	}
	return ask(ctx, s.free, func(b *batch) (session.Removed, error) { return b.end(b.at(key)), nil })
}

// Attach implements session.Store.
func (s *Store) Attach(ctx context.Context, key session.Key, a session.Attachment) (session.State, session.Removed, error) {
	if err := errors.Join(key.Check(), a.Check()); err != nil {
		return session.State{}, session.Removed{}, err
	}
	return s.change(ctx, key, func(b *batch, sl *slot) (removed session.Removed, err error) {
		// This is checked before the use is recorded: a failed attach records none.
		if !b.alive(sl) {
			return removed, session.ErrSuperseded()
		}
		next, removed, err := sl.state.Attach(a, b.now)
		if err != nil {
			return removed, err
		}
		if err := b.claim(&next, sl.state); err != nil {
			return removed, err
		}
		if !b.use(sl) {
			return removed, session.ErrSuperseded()
		}
		sl.state, sl.changed = &next, true
		return removed, nil
	})
}

// Import implements session.Importer.
func (s *Store) Import(ctx context.Context, st session.State) (session.Removed, error) {
	if err := st.Check(); err != nil {
		return session.Removed{}, err
	}
	return ask(ctx, s.do, func(b *batch) (session.Removed, error) { return b.take(b.at(st.Key), st) })
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, key session.Key) (session.State, error) {
	return s.read(ctx, key)
}

// read answers from memory.
func (s *Store) read(ctx context.Context, key session.Key) (session.State, error) {
	if err := key.Check(); err != nil {
		return session.State{}, err
	}
	if err := s.readable(ctx); err != nil {
		return session.State{}, err
	}
	// Read the clock before the table: a session that is found then was alive at
	// that time.
	now := s.settings.Now().UnixMilli()
	e := s.table.get(key)
	if e == nil || !e.use(now) {
		return session.State{}, session.ErrNotFound()
	}
	return view(e.state.Load(), now, e.life), nil
}

// List implements session.Store. It examines every session, one shard after the other,
// in about 1 ms for 20,000 sessions.
func (s *Store) List(ctx context.Context, q session.Query) (session.Page, error) {
	if q.Limit < 1 || q.Limit > session.MaxPage {
		q.Limit = session.MaxPage
	}
	now := s.settings.Now().UnixMilli()
	var page session.Page
	var first []session.State // the first in order so far, and sometimes more
	cut := func() {
		slices.SortFunc(first, func(a, b session.State) int { return a.Key.Compare(b.Key) })
		page.More = page.More || len(first) > q.Limit
		first = first[:min(len(first), q.Limit)]
	}
	for i := range shardCount {
		if err := s.readable(ctx); err != nil {
			return session.Page{}, err
		}
		s.table.each(i, func(k session.Key, e *entry) bool {
			if q.Owner != "" && k.Owner != q.Owner || !e.alive(now) {
				return true
			}
			page.Total++
			if q.Bytes {
				page.Bytes += e.state.Load().Bytes()
			}
			if k.Compare(q.After) > 0 {
				first = append(first, view(e.state.Load(), max(e.used.Load(), 0), e.life))
			}
			return true
		})
		if len(first) > 2*session.MaxPage {
			cut()
		}
	}
	cut()
	page.Sessions = first
	return page, nil
}

// Expire implements session.Store.
func (s *Store) Expire(ctx context.Context, limit int) (session.Expired, error) {
	type candidate struct {
		key   session.Key
		entry *entry
	}
	var found []candidate
	more := false
	now := s.settings.Now().UnixMilli()
	s.sweep.Lock()
	for range shardCount {
		s.table.each(s.sweep.shard, func(k session.Key, e *entry) bool {
			if !e.alive(now) {
				if len(found) >= max(limit, 1) {
					more = true
					return false
				}
				found = append(found, candidate{k, e})
			}
			return true
		})
		if more {
			break
		}
		s.sweep.shard = (s.sweep.shard + 1) % shardCount
	}
	s.sweep.Unlock()
	if len(found) == 0 {
		if s.closed.Load() {
			return session.Expired{}, session.ErrClosed()
		}
		return session.Expired{}, nil
	}
	return ask(ctx, s.free, func(b *batch) (session.Expired, error) {
		x := session.Expired{More: more}
		for _, c := range found {
			sl := b.at(c.key)
			if sl.entry != c.entry || sl.changed {
				continue // it was cleared or begun anew meanwhile
			}
			x.Sessions++
			x.Removed.Add(sl.state.Remove())
			b.end(sl)
		}
		return x, nil
	})
}

// Named implements session.Store.
func (s *Store) Named(ctx context.Context, keys []blob.Key) ([]bool, error) {
	if err := s.readable(ctx); err != nil {
		return nil, err
	}
	if s.unsure.Load() {
		return nil, unsettled(errors.New("a commit failed, and whether it took effect is not certain yet"))
	}
	named := make([]bool, len(keys))
	s.table.mu.RLock()
	defer s.table.mu.RUnlock()
	for i, k := range keys {
		_, named[i] = s.table.named[k]
	}
	return named, nil
}

// Check implements session.Store.
func (s *Store) Check(ctx context.Context) error {
	return s.do(ctx, func(b *batch) error {
		b.probe = true
		return nil
	})
}

// Close implements session.Store. It also writes all last uses, and releases the
// data directory.
func (s *Store) Close() error {
	s.ending.Do(func() {
		close(s.stop)
		<-s.kept
		s.closing.Lock()
		s.closed.Store(true)
		close(s.queue)
		s.closing.Unlock()
		<-s.written
		err := errors.Join(s.settle(), s.db.close(), unlock(s.lock))
		if err != nil {
			s.ended = storageFault("close the session store", err)
		}
	})
	return s.ended
}

// Exists reports whether a data directory has sessions. It creates nothing.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fault.New(session.StorageUnavailable, "the session store in %s cannot be read: %w", dir, err)
	}
	return true, nil
}
