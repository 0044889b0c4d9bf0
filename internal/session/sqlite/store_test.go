package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

func TestStoreKeepsTheRules(t *testing.T) {
	sessiontest.Run(t, func(t testing.TB, place string, settings session.Settings) session.Store {
		s, err := Open(context.Background(), place, settings)
		must.OK(t, err)
		return s
	})
}

// hang begins session "first" and makes its sync, and all syncs after it, wait until
// release is called. It returns when that sync waits. The syncs begin to wait while the
// writer decides on the session: before that, the writer may still do its work after an
// earlier commit, and a sync of that work would let "first" wait in the queue.
func hang(s *Store, disk *simDisk) (release func()) {
	started, released := make(chan struct{}), make(chan struct{})
	start := sync.OnceFunc(func() { close(started) })
	wait := func(op, _ string) error {
		if op == "sync" {
			start()
			disk.mu.Unlock()
			<-released
			disk.mu.Lock()
		}
		return nil
	}
	go s.do(ctx, func(b *batch) error {
		disk.setFault(wait)
		_, err := b.begin(b.at(keyOf("first")), session.Named)
		return err
	})
	<-started
	return sync.OnceFunc(func() { close(released) })
}

func TestManyCommitsAtOnceShareASync(t *testing.T) {
	disk := newSimDisk(t, 1)
	s := onDisk(t, disk, t.TempDir())
	release := hang(s, disk)
	var clients sync.WaitGroup
	before := disk.syncs.Load()
	const n = 200
	for i := range n {
		clients.Go(func() {
			if _, _, err := s.New(ctx, keyOf(fmt.Sprint(i)), session.Named); err != nil {
				t.Error(err)
			}
		})
	}
	for len(s.queue) < n {
		time.Sleep(time.Millisecond)
	}
	release()
	clients.Wait()
	// There is one sync for the batch, and at most a few for a checkpoint of the log.
	if syncs := disk.syncs.Load() - before; syncs > 5 {
		t.Errorf("%d operations at once took %d syncs", n, syncs)
	}
}

func TestACommitWaitsForTheCallersOfTheLastOne(t *testing.T) {
	s := &Store{queue: make(chan *operation, maxBatch)}
	first := []*operation{{}}
	s.queue <- &operation{}
	if got := s.gather(first, 1, time.Hour); len(got) != 2 {
		t.Errorf("%d operations, want all that wait", len(got))
	}
	if got := s.gather(first, 3, 0); len(got) != 1 {
		t.Errorf("%d operations after the wait, want 1", len(got))
	}
	gathered := make(chan []*operation)
	go func() { gathered <- s.gather(first, 3, time.Hour) }()
	for range 2 {
		s.queue <- &operation{}
	}
	if got := <-gathered; len(got) != 3 {
		t.Errorf("%d operations, want 3", len(got))
	}
	go func() { gathered <- s.gather(first, 3, time.Hour) }()
	close(s.queue)
	if got := <-gathered; len(got) != 1 {
		t.Errorf("%d operations when the store closes, want 1", len(got))
	}
}

func TestReadsNeverTouchTheDisk(t *testing.T) {
	disk := newSimDisk(t, 1)
	s := onDisk(t, disk, t.TempDir())
	k := keyOf("x")
	s.New(ctx, k, session.Named)
	s.Check(ctx)
	// The writer is held, so that its work after the commits above is done and no other begins.
	held, release := make(chan struct{}), make(chan struct{})
	go s.do(ctx, func(*batch) error {
		close(held)
		<-release
		return nil
	})
	<-held
	defer close(release)
	writes, syncs, reads := disk.writes.Load(), disk.syncs.Load(), disk.reads.Load()
	for range 10_000 {
		_, err := s.Get(ctx, k)
		must.OK(t, err)
		_, _, err = s.Open(ctx, k, session.Named)
		must.OK(t, err)
	}
	s.List(ctx, session.Query{})
	if w, y, r := disk.writes.Load()-writes, disk.syncs.Load()-syncs, disk.reads.Load()-reads; w+y+r > 0 {
		t.Errorf("20000 reads made %d writes, %d syncs and %d reads", w, y, r)
	}
}

func TestWhileTheDiskHangsReadsWorkAndWaitingIsBounded(t *testing.T) {
	disk := newSimDisk(t, 1)
	dir := t.TempDir()
	s := onDisk(t, disk, dir)
	here := keyOf("here")
	s.New(ctx, here, session.Named)
	release := hang(s, disk)
	defer release()

	// An operation that the writer has taken waits for its outcome; one in the queue
	// may leave.
	impatient, cancel := context.WithCancel(ctx)
	gone := make(chan error)
	go func() {
		_, _, err := s.New(impatient, keyOf("impatient"), session.Named)
		gone <- err
	}()
	for len(s.queue) < 1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-gone; fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("cancelled while waiting: %v", err)
	}

	var clients sync.WaitGroup
	for i := range maxWaiting - 1 {
		clients.Go(func() {
			if _, _, err := s.New(ctx, keyOf(fmt.Sprint(i)), session.Named); err != nil {
				t.Error(err)
			}
		})
	}
	for len(s.queue) < maxWaiting {
		time.Sleep(time.Millisecond)
	}
	_, _, err := s.New(ctx, keyOf("too many"), session.Named)
	if busy, ok := errors.AsType[*fault.Error](err); !ok || busy.Code != fault.Busy || busy.Details != (session.RetryAfter{Seconds: 1}) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.Get(ctx, here); err != nil {
		t.Errorf("reading while the disk hangs: %v", err)
	}
	if _, _, err := s.Open(ctx, here, session.Named); err != nil {
		t.Errorf("opening what is there while the disk hangs: %v", err)
	}
	if _, err := s.Get(ctx, keyOf("first")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("what is not committed yet is seen: %v", err)
	}
	release()
	clients.Wait()
	for id, code := range map[string]fault.Code{"first": "", "0": "", "impatient": fault.NotFound, "too many": fault.NotFound} {
		if _, err := s.Get(ctx, keyOf(id)); fault.CodeOf(err) != code {
			t.Errorf("session %q afterwards: %v, want code %q", id, err, code)
		}
	}
}

// A reader with a later clock finds a session expired that a batch takes for alive. A
// session that the batch begins after that must not be as old as the batch.
func TestASessionThatBeginsAfterAnotherExpiredLives(t *testing.T) {
	clock := sessiontest.NewClock()
	s := openAt(t, safe(t.TempDir()), session.Settings{Now: clock.Now})
	k := keyOf("x")
	st, _, _ := s.New(ctx, k, session.Named)
	life := s.settings.Lives.Of(session.Named)
	in := sessiontest.NewInput("1.pdf")
	var removed session.Removed
	err := s.do(ctx, func(b *batch) error {
		sl := b.at(k)
		next, _, err := sl.state.Attach(session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}}, b.now)
		if err != nil || !b.use(sl) {
			t.Errorf("attaching: %v", err)
		}
		sl.state, sl.changed = &next, true

		clock.Advance(life)
		if _, err := s.Get(ctx, k); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("after its life: %v", err)
		}

		if b.use(sl) {
			t.Error("the batch takes for alive what a reader was told is gone")
		}
		removed, err = b.begin(sl, session.Named)
		return err
	})
	must.OK(t, err)
	got, err := s.Get(ctx, k)
	if err != nil || !got.Created.Equal(clock.Now()) || len(got.BOL) > 0 {
		t.Errorf("the session that began after it: %+v, %v", got, err)
	}
	if removed.Files != 0 || len(removed.Contents) != 2 {
		t.Errorf("beginning it removed %+v, want the contents of the expired one", removed)
	}
}

func TestUsesAreWrittenSeldomAndACrashLosesFew(t *testing.T) {
	disk := newSimDisk(t, 1)
	dir := t.TempDir()
	clock := sessiontest.NewClock()
	p := safe(dir)
	p.vfs = disk.name
	settings := session.Settings{Now: clock.Now}
	life := settings.Lives.Of(session.Named)
	s := openAt(t, p, settings)
	k := keyOf("x")
	s.New(ctx, k, session.Named)
	const uses = 1000
	before := disk.syncs.Load()
	for range uses { // over three lives
		clock.Advance(3 * life / uses)
		_, err := s.Get(ctx, k)
		must.OK(t, err)
		s.saveUses(func(life int64) int64 { return life / keepParts }) // as the keeper does
	}
	if syncs := disk.syncs.Load() - before; syncs > 3*keepParts+5 {
		t.Errorf("%d uses in three lives took %d syncs", uses, syncs)
	}
	used := clock.Now()
	disk.cutAfter(1)
	s.Close()
	disk = disk.after(t)
	p.vfs = disk.name
	page, err := openAt(t, p, settings).List(ctx, session.Query{})
	if err != nil || len(page.Sessions) != 1 {
		t.Fatalf("after a crash: %+v, %v", page, err)
	}
	if lost := used.Sub(page.Sessions[0].LastUsed); lost < 0 || lost > life/16 {
		t.Errorf("a crash made the last use %v earlier, more than a 16th of %v", lost, life)
	}
}

func TestTheKeeperWritesUsesInTheBackground(t *testing.T) {
	disk := newSimDisk(t, 1)
	p := safe(t.TempDir())
	p.vfs = disk.name
	const life = 3 * time.Second
	s := openAt(t, p, session.Settings{Lives: session.Lives{Named: life, Cookie: life}})
	k := keyOf("x")
	s.New(ctx, k, session.Named)
	before := disk.syncs.Load()
	for disk.syncs.Load() < before+3 {
		_, err := s.Get(ctx, k)
		if fault.CodeOf(err) == fault.NotFound { // on a machine so slow that it expired
			s.New(ctx, k, session.Named)
			before = disk.syncs.Load()
		} else if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestTheDatabaseFileShrinksWhenSessionsAreGone(t *testing.T) {
	dir := t.TempDir()
	l, err := lock(dir)
	must.OK(t, err)
	defer unlock(l)
	db, err := openDatabase(safe(dir))
	must.OK(t, err)
	defer db.close()
	size := func() int64 {
		must.OK(t, db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE))
		info, err := os.Stat(filepath.Join(dir, fileName))
		must.OK(t, err)
		return info.Size()
	}
	var put, remove work
	for i := range int64(10_000) {
		st := session.Begin(keyOf(fmt.Sprintf("%0200d", i)), session.Named, time.Now())
		put.rows = append(put.rows, row{seq: i, key: st.Key, state: &st})
		remove.remove = append(remove.remove, i)
	}
	must.OK(t, db.apply(put))
	full := size()
	must.OK(t, db.apply(remove))
	for range full / 4096 / shrinkPages * 2 {
		must.OK(t, db.shrink(shrinkPages))
	}
	if empty := size(); empty > full/4+shrinkPages*4096 {
		t.Errorf("the file has %d bytes with 10000 sessions and %d with none", full, empty)
	}
}

// The newest row of a session decides, whichever older rows were removed.
func TestTheNewestRowOfASessionDecides(t *testing.T) {
	a := session.Begin(keyOf("x"), session.Named, time.Now().UTC())
	b := session.Begin(keyOf("x"), session.Named, time.Now().UTC())
	c := session.Begin(keyOf("y"), session.Cookie, time.Now().UTC())
	x := func(seq int64, st *session.State) row {
		return row{seq: seq, key: keyOf("x"), state: st, used: time.Now().UnixMilli()}
	}
	y := row{seq: 3, key: keyOf("y"), state: &c, used: time.Now().UnixMilli()}
	for name, c := range map[string]struct {
		rows  []row
		want  *session.State
		stale int
	}{
		"begun":                     {[]row{x(1, &a), y}, &a, 0},
		"begun twice":               {[]row{x(1, &a), y, x(4, &b)}, &b, 1},
		"ended":                     {[]row{x(1, &a), x(2, nil), y}, nil, 2},
		"ended and begun":           {[]row{x(1, &a), x(2, nil), y, x(5, &b)}, &b, 2},
		"its beginning was trimmed": {[]row{x(2, nil), y}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := lock(dir)
			must.OK(t, err)
			db, err := openDatabase(safe(dir))
			must.OK(t, err)
			must.OK(t, db.apply(work{rows: c.rows}))
			db.close()
			unlock(l)
			for range 2 { // the second time with stale rows trimmed
				s := mustOpen(t, dir)
				if got := s.stale.len(); got != c.stale {
					t.Errorf("%d stale rows, want %d", got, c.stale)
				}
				got, err := s.Get(ctx, keyOf("x"))
				if c.want == nil && fault.CodeOf(err) != fault.NotFound || c.want != nil && (err != nil || got.Incarnation != c.want.Incarnation) {
					t.Errorf("%+v, %v; want %+v", got, err, c.want)
				}
				if got, err := s.Get(ctx, keyOf("y")); err != nil || got.Kind != session.Cookie {
					t.Errorf("another session: %+v, %v", got, err)
				}
				s.Close()
				c.stale = 0
			}
		})
	}
}

func TestStaleRowsAreTrimmedOldestFirst(t *testing.T) {
	var s stale
	for _, seq := range []int64{5, 1, 3} {
		s.add(seq)
	}
	take := func(n int, want ...int64) {
		t.Helper()
		got := s.oldest(n)
		if !slices.Equal(got, want) {
			t.Errorf("took %v, want %v", got, want)
		}
		s.removed(len(got))
	}
	take(2, 1, 3)
	s.add(2)
	s.add(9)
	take(10, 5)
	take(1, 2)
	if s.len() != 1 {
		t.Errorf("%d are left, want 1", s.len())
	}
	take(10, 9)
	take(10)
}

func TestTheNumberOfStaleRowsIsBounded(t *testing.T) {
	disk := newSimDisk(t, 1)
	s := onDisk(t, disk, t.TempDir())
	must.AtOnce(32, func(int) {
		for i := range 1000 {
			if _, _, err := s.New(ctx, keyOf(fmt.Sprint(i%7)), session.Named); err != nil {
				t.Error(err)
			}
		}
	})
	s.do(ctx, func(b *batch) error {
		if n := s.stale.len(); n > s.place.staleRows+maxBatch {
			t.Errorf("%d stale rows, want %d or so", n, s.place.staleRows)
		}
		return nil
	})
	s.trim()
	n, err := int64(0), error(nil)
	s.do(ctx, func(b *batch) error {
		n, err = number(s.db.conn, "SELECT count(*) FROM session")
		return nil
	})
	if err != nil || n != 7 {
		t.Errorf("%d rows after trimming (%v), want those of 7 sessions", n, err)
	}
}

func TestNothingIsAnOrphanWhileAnOutcomeIsUnknown(t *testing.T) {
	disk := newSimDisk(t, 1)
	s := onDisk(t, disk, t.TempDir())
	st, _, _ := s.Open(ctx, keyOf("x"), session.Named)
	disk.setFault(func(op, _ string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	})
	in := sessiontest.NewInput("1.pdf")
	_, _, err := s.Attach(ctx, keyOf("x"), session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}})
	if session.Settled(err) {
		t.Fatalf("attaching: %v", err)
	}
	if named, err := s.Named(ctx, []blob.Key{in.Content.Key}); fault.CodeOf(err) != session.StorageUnavailable {
		t.Errorf("whether the content is named: %v, %v", named, err)
	}
	if err := s.Check(ctx); fault.CodeOf(err) != session.StorageUnavailable {
		t.Errorf("the check: %v", err)
	}
	disk.setFault(nil)
	if err := s.Check(ctx); err != nil {
		t.Errorf("when the disk is well again: %v", err)
	}
	if named, err := s.Named(ctx, []blob.Key{in.Content.Key}); err != nil || named[0] {
		t.Errorf("afterwards: %v, %v", named, err)
	}
}

func TestAWallClockThatJumpsEndsNoSession(t *testing.T) {
	start := time.Now().Round(0)
	var jump, elapsed time.Duration
	now := session.Steady(func() time.Time { return start.Add(jump + elapsed) }, func() time.Duration { return elapsed })
	s := openAt(t, safe(t.TempDir()), session.Settings{Now: now})
	made, _, err := s.New(ctx, keyOf("x"), session.Named)
	must.OK(t, err)
	look := func() {
		t.Helper()
		x, err := s.Expire(ctx, 10)
		if err != nil || x.Sessions != 0 {
			t.Fatalf("the sweep removes %d sessions, %v", x.Sessions, err)
		}
		st, err := s.Get(ctx, keyOf("x"))
		if err != nil || st.Incarnation != made.Incarnation {
			t.Fatalf("the session is %+v, %v", st, err)
		}
	}
	elapsed = time.Hour
	jump = 25 * time.Hour
	look()
	elapsed += time.Minute
	look()
	jump = -1000 * time.Hour
	look()
	elapsed += time.Minute
	jump = 0
	look()
	elapsed += 25 * time.Hour
	if _, err := s.Get(ctx, keyOf("x")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("after its life: %v", err)
	}
}
