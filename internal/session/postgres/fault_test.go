package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/link"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pgtest"
)

// bolOf attaches one new file.
func bolOf(st session.State) session.Attachment {
	return session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append, Files: []session.Input{sessiontest.NewInput("1.pdf")}}
}

// A connection that breaks around a commit causes no wrong answer: the operation reports
// that its outcome is unknown, and it took effect completely or not at all.
func TestAConnectionThatBreaksInACommitCausesNoWrongAnswer(t *testing.T) {
	at := address(t)
	direct := mustOpen(t, at, session.Settings{}, Options{})
	lost := func([]byte) ([]byte, bool) { return nil, false }
	for _, c := range []struct {
		name               string
		toServer, toClient link.Filter
		done               bool
	}{
		{"before the statement arrives", lost, nil, false},
		{"after half of the statement", func(b []byte) ([]byte, bool) { return b[:len(b)/2], false }, nil, false},
		{"before the answer", nil, lost, true},
		{"just before the server says that it committed", nil, func(b []byte) ([]byte, bool) {
			if !bytes.HasSuffix(b, []byte{'Z', 0, 0, 0, 5, 'I'}) {
				t.Errorf("the answer ends with %q", b[max(0, len(b)-10):])
			}
			return b[:len(b)-6], false
		}, true},
	} {
		for _, op := range []string{"new", "attach", "clear", "open"} {
			t.Run(op+": "+c.name, func(t *testing.T) {
				p, through := newProxy(t, at)
				s := mustOpen(t, through, session.Settings{}, Options{Connections: 1})
				k := keyOf(t.Name())
				// Each statement is prepared once on the connection before the test
				// counts.
				before, _, err := s.New(ctx, k, session.Named)
				if err == nil {
					before, _, err = s.Attach(ctx, k, bolOf(before))
				}
				if err == nil {
					_, err = s.Clear(ctx, keyOf("no such session"))
				}
				if err == nil && op == "open" {
					_, err = s.Clear(ctx, k)
				}
				must.OK(t, err)
				a := bolOf(before)
				p.Watch(c.toServer, c.toClient)
				switch op {
				case "new":
					_, _, err = s.New(ctx, k, session.Named)
				case "open":
					_, _, err = s.Open(ctx, k, session.Named)
				case "attach":
					_, _, err = s.Attach(ctx, k, a)
				case "clear":
					_, err = s.Clear(ctx, k)
				}
				p.Watch(nil, nil)
				if fault.CodeOf(err) != session.StorageUnavailable || session.Settled(err) {
					t.Fatalf("the answer: %v", err)
				}
				done := func() bool {
					st, err := direct.Get(ctx, k)
					switch op {
					case "new":
						return err == nil && st.Incarnation != before.Incarnation && len(st.BOL) == 0
					case "open":
						return err == nil && len(st.BOL) == 0
					case "attach":
						return err == nil && len(st.BOL) == 2
					default:
						return fault.CodeOf(err) == fault.NotFound
					}
				}
				if !c.done {
					if st, err := direct.Get(ctx, k); done() || op != "open" && (err != nil || st.Incarnation != before.Incarnation || len(st.BOL) != 1) {
						t.Errorf("it took effect, or half of it: %+v, %v", st, err)
					}
				}
				for c.done && !done() { // never ends if the test cuts at the wrong place
					time.Sleep(time.Millisecond)
				}
				// It is not certain now whether the contents are orphans.
				_, err = s.Named(ctx, []blob.Key{a.Files[0].Content.Key})
				if unsure := fault.CodeOf(err) == session.StorageUnavailable; unsure != (op == "attach") {
					t.Errorf("named: %v", err)
				}
				// The store continues to work.
				if _, _, err := s.New(ctx, k, session.Named); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

func TestAReadIsTriedAgainWhenAConnectionBreaks(t *testing.T) {
	p, through := newProxy(t, address(t))
	s := mustOpen(t, through, session.Settings{}, Options{Connections: 1})
	st, _, err := s.New(ctx, keyOf("x"), session.Named)
	must.OK(t, err)
	for range 5 {
		_, err := s.Get(ctx, keyOf("x"))
		must.OK(t, err)
		var once atomic.Bool
		p.Watch(nil, func(b []byte) ([]byte, bool) {
			if once.Swap(true) {
				return b, true
			}
			return nil, false
		})
		got, err := s.Get(ctx, keyOf("x"))
		if err != nil || got.Incarnation != st.Incarnation || !once.Load() {
			t.Errorf("reading when the connection breaks: %v", err)
		}
		p.Watch(nil, nil)
	}
}

// Connections are cut and delayed at random while replicas work on few sessions.
func TestHistoriesAreLinearizableWhenConnectionsBreak(t *testing.T) {
	at := address(t)
	p, through := newProxy(t, at)
	direct := mustOpen(t, at, session.Settings{}, Options{})
	rounds := sessiontest.Times(8, 200)
	all := map[string]int{}
	operations := 240
	for round := 0; round < rounds; round++ {
		s := openReplicas(t, 3, through, session.Settings{}, Options{Connections: 4})
		h := sessiontest.NewHistory()
		run := sessiontest.Load{Clients: 6, Operations: operations, Stubborn: true, Seed: rand.Uint64()}.Start(s, h, round)
		var left atomic.Int64
		left.Store(5) // the checker cannot try more unknown outcomes
		trouble := func(b []byte) ([]byte, bool) {
			switch p := rand.IntN(200); {
			case p < 4 && left.Add(-1) >= 0:
				return b[:rand.IntN(len(b)+1)], false
			case p < 40:
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			}
			return b, true
		}
		p.Watch(trouble, trouble)
		run.Clients()
		p.Watch(nil, nil)
		s.Close()
		waitUntilIdle(t, server, at)
		h.Restarted()
		sessiontest.Load{Clients: 6}.Start(direct, h, round).ReadAll()
		h.Outcomes(all)
		switch err := h.Check(); {
		case errors.Is(err, sessiontest.ErrUndecided) && operations > 6:
			rounds, operations = rounds+1, operations/2 // a further, smaller round
		case err != nil:
			t.Fatalf("round %d: %v", round, err)
		}
	}
	t.Logf("%v", all)
	unknown := 0
	for k, n := range all {
		if strings.HasSuffix(k, "unknown") {
			unknown += n
		}
	}
	if unknown == 0 {
		t.Error("no outcome was unknown, so nothing was tried")
	}
}

// waitUntilIdle waits until the server runs no statement of other clients on a
// database: after that, no statement that a client abandoned can take effect.
func waitUntilIdle(t testing.TB, s *pgtest.Server, address string) {
	t.Helper()
	watcher := mustConnect(t, s.Address("postgres"))
	defer watcher.Close(ctx) // not only in the end: there may be many
	name := strings.TrimPrefix(mustParse(t, address).Path, "/")
	for {
		var busy int
		must.OK(t, watcher.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state <> 'idle'`, name).Scan(&busy))
		if busy == 0 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestOperationsFailWhileTheDatabaseIsAwayAndThenRecover(t *testing.T) {
	p, through := newProxy(t, address(t))
	s := mustOpen(t, through, session.Settings{}, Options{})
	k := keyOf("x")
	st, _, err := s.New(ctx, k, session.Named)
	must.OK(t, err)
	for range 3 {
		p.Refuse(true)
		for name, err := range everyOperation(s, k, st) {
			if fault.CodeOf(err) != session.StorageUnavailable {
				t.Errorf("%s while the database is away: %v", name, err)
			}
			if err != nil && strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%s tells users where the database is: %v", name, err)
			}
		}
		p.Refuse(false)
		if got, err := s.Get(ctx, k); err != nil || got.Incarnation != st.Incarnation {
			t.Errorf("when it is back: %v", err)
		}
		if err := s.Check(ctx); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	}
}

func everyOperation(s *Store, k session.Key, st session.State) map[string]error {
	errs := map[string]error{}
	_, _, errs["open"] = s.Open(ctx, k, session.Named)
	_, _, errs["new"] = s.New(ctx, keyOf("another"), session.Named)
	_, _, errs["attach"] = s.Attach(ctx, k, bolOf(st))
	_, errs["get"] = s.Get(ctx, k)
	_, errs["clear"] = s.Clear(ctx, keyOf("another"))
	_, errs["list"] = s.List(ctx, session.Query{})
	_, errs["expire"] = s.Expire(ctx, 1)
	_, errs["named"] = s.Named(ctx, nil)
	errs["check"] = s.Check(ctx)
	return errs
}

// newProxy starts a link to a database, and returns the database's address through it.
func newProxy(t testing.TB, address string) (*link.Link, string) {
	t.Helper()
	u := mustParse(t, address)
	p := link.For(t, u.Host)
	u.Host = p.Address
	return p, u.String()
}

// hang stops all answers of the database until the returned function is called.
func hang(p *link.Link) (release func()) {
	released := make(chan struct{})
	p.Watch(nil, func(b []byte) ([]byte, bool) { <-released; return b, true })
	return sync.OnceFunc(func() {
		p.Watch(nil, nil)
		close(released)
	})
}

func TestWaitingForAHungDatabaseIsBoundedAndCancellable(t *testing.T) {
	p, through := newProxy(t, address(t))
	s := mustOpen(t, through, session.Settings{}, Options{Connections: 2, limits: patient(limits{waiting: 6})})
	k := keyOf("x")
	_, _, err := s.New(ctx, k, session.Named)
	must.OK(t, err)
	release := hang(p)
	defer release()
	inside := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.inside
	}
	until := func(n int) {
		for inside() != n {
			time.Sleep(time.Millisecond)
		}
	}
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			if _, _, err := s.New(ctx, k, session.Named); err != nil {
				t.Error(err)
			}
		})
	}
	until(5)
	impatient, cancel := context.WithCancel(ctx)
	gone := make(chan error)
	go func() {
		_, _, err := s.New(impatient, keyOf("gone"), session.Named)
		gone <- err
	}()
	until(6)
	for name, err := range everyOperation(s, k, session.State{Incarnation: session.NewIncarnation()}) {
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.Busy || f.Details != (session.RetryAfter{Seconds: 1}) || !session.Settled(err) {
			t.Errorf("%s, one too many: %v", name, err)
		}
	}
	cancel()
	if err := <-gone; fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("cancelled while waiting: %v", err)
	}
	until(5)
	release()
	clients.Wait()
	if _, err := s.Get(ctx, keyOf("gone")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("what was cancelled: %v", err)
	}
}

func TestAHungDatabaseBlocksNoOperationForEver(t *testing.T) {
	p, through := newProxy(t, address(t))
	k := keyOf("x")
	// The limits are so short that a slow machine exceeds them without a fault.
	until := func(do func() error) {
		t.Helper()
		for err := do(); err != nil; err = do() {
			if code := fault.CodeOf(err); code != session.StorageUnavailable && code != fault.Busy {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	var s *Store
	until(func() (err error) {
		s, err = Open(ctx, through, session.Settings{}, Options{
			AllowUnsafe: true, Log: slog.New(slog.DiscardHandler), Connections: 2,
			limits: limits{connect: 300 * time.Millisecond, acquire: 300 * time.Millisecond, answer: time.Second},
		})
		return err
	})
	t.Cleanup(func() { s.Close() })
	until(func() error { _, _, err := s.New(ctx, k, session.Named); return err })
	release := hang(p)
	defer release()
	var unsettled atomic.Int64
	must.AtOnce(12, func(int) {
		_, _, err := s.New(ctx, k, session.Named)
		switch fault.CodeOf(err) {
		case session.StorageUnavailable:
			unsettled.Add(1)
		case fault.Busy:
		default:
			t.Errorf("while the database hangs: %v", err)
		}
	})
	if unsettled.Load() == 0 {
		t.Error("no operation ran out of time")
	}
	release()
	until(func() error { _, err := s.Get(ctx, k); return err })
}

// Once a statement is under way its outcome is awaited, even if the caller's context
// ends.
func TestAnOperationUnderWayIsAwaitedWhenItsContextEnds(t *testing.T) {
	at := address(t)
	s := mustOpen(t, at, session.Settings{}, Options{})
	k := keyOf("x")
	s.New(ctx, k, session.Named)
	locker := mustConnect(t, at)
	tx, err := locker.Begin(ctx)
	must.OK(t, err)
	_, err = tx.Exec(ctx, "SELECT FROM tallyman.session FOR UPDATE")
	must.OK(t, err)
	impatient, cancel := context.WithCancel(ctx)
	answered := make(chan error)
	var st session.State
	go func() {
		var err error
		st, _, err = s.New(impatient, k, session.Named)
		answered <- err
	}()
	waitForLock(t, locker.Config().Database)
	cancel()
	// Other sessions are not affected.
	if _, _, err := s.New(ctx, keyOf("y"), session.Named); err != nil {
		t.Errorf("another session meanwhile: %v", err)
	}
	if _, err := s.Get(ctx, k); err != nil {
		t.Errorf("a read meanwhile: %v", err)
	}
	must.OK(t, tx.Rollback(ctx))
	if err := <-answered; err != nil {
		t.Errorf("it was under way: %v", err)
	}
	if got, err := s.Get(ctx, k); err != nil || got.Incarnation != st.Incarnation {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

// A lock that is never released (an operator's psql) makes operations on that session
// busy, and on no other.
func TestAHeldLockMakesOnlyOneSessionBusy(t *testing.T) {
	at := address(t)
	s := mustOpen(t, at, session.Settings{}, Options{limits: limits{lock: 200 * time.Millisecond}})
	k := keyOf("x")
	st, _, _ := s.New(ctx, k, session.Named)
	locker := mustConnect(t, at)
	tx, err := locker.Begin(ctx)
	must.OK(t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, "SELECT FROM tallyman.session FOR UPDATE")
	must.OK(t, err)
	_, _, err = s.Attach(ctx, k, bolOf(st))
	if fault.CodeOf(err) != fault.Busy || !session.Settled(err) {
		t.Errorf("attaching: %v", err)
	}
	if _, err := s.Clear(ctx, k); fault.CodeOf(err) != fault.Busy {
		t.Errorf("clearing: %v", err)
	}
	if got, err := s.Get(ctx, k); err != nil || got.Revision != st.Revision {
		t.Errorf("reading: %+v, %v", got, err)
	}
	if _, _, err := s.Open(ctx, k, session.Named); err != nil {
		t.Errorf("opening: %v", err)
	}
	if _, _, err := s.Open(ctx, keyOf("y"), session.Named); err != nil {
		t.Errorf("another session: %v", err)
	}
	if _, err := s.Expire(ctx, 10); err != nil {
		t.Errorf("the sweep: %v", err)
	}
}

func TestOpeningSaysWhatIsWrongAndNeverThePassword(t *testing.T) {
	name := server.Database(t)
	good := server.Address(name)
	password := url.QueryEscape(pgtest.Password)
	readOnly := server.Database(t)
	server.Exec(t, "postgres", "ALTER DATABASE "+readOnly+" SET default_transaction_read_only = on")
	latin := "latin_" + name
	server.Exec(t, "postgres", "CREATE DATABASE "+latin+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	foreign := server.Database(t)
	server.Exec(t, foreign, "CREATE SCHEMA tallyman;; CREATE TABLE tallyman.session (x int)")
	newer, next := server.Database(t), server.Database(t)
	for _, db := range []string{newer, next} {
		mustOpen(t, server.Address(db), session.Settings{}, Options{}).Close()
	}
	server.Exec(t, newer, "UPDATE tallyman.schema SET version = version + 1, oldest = version + 1")
	server.Exec(t, next, "UPDATE tallyman.schema SET version = version + 2, oldest = 1")
	as := func(user, database string) string {
		return strings.Replace(server.Address(database), "postgres@", user+"@", 1)
	}
	for _, c := range []struct {
		name, address string
		code          fault.Code
		says          string
	}{
		{"wrong password", as("guarded:wrong"+password, name), Refused, "refuses the login"},
		{"no password", as("guarded", name), Refused, "refuses the login"},
		{"no such user", as("nobody:"+password, name), Refused, "refuses the login"},
		{"may not make the schema", as("guarded:"+password, name), Refused, "lacks rights"},
		{"no such database", as("postgres:"+password, "nothing"), NoDatabase, "there is no database"},
		{"nobody listens", fmt.Sprintf("postgres://guarded:%s@127.0.0.1:1/x", password), session.StorageUnavailable, "cannot be reached"},
		{"no such host", fmt.Sprintf("postgres://guarded:%s@nothing.invalid/x", password), session.StorageUnavailable, "cannot be reached"},
		{"TLS that the server does not offer", as("postgres:"+password, name) + "&sslmode=require", session.StorageUnavailable, "cannot be reached"},
		{"not an address", "postgres://guarded:" + password + "%zz@host/x", fault.BadRequest, "cannot be understood"},
		{"an invalid port", "postgres://guarded:" + password + "@host:port/x", fault.BadRequest, "cannot be understood"},
		{"an unknown setting", good + "&password=" + password + "&sslmode=perhaps", fault.BadRequest, "cannot be understood"},
		{"a word", password, fault.BadRequest, "cannot be understood"},
		{"asynchronous commits", good + "&synchronous_commit=off", Unsafe, "synchronous_commit"},
		{"an unsafe server", good, Unsafe, "fsync is off"},
		{"read only", server.Address(readOnly), ReadOnly, "cannot be written to"},
		{"another encoding", server.Address(latin), Foreign, "LATIN1"},
		{"somebody else's schema", server.Address(foreign), Foreign, "is not Tallyman's"},
		{"a schema for later programs", server.Address(newer), NewerSchema, "newer Tallyman"},
		{"a schema two versions ahead", server.Address(next), NewerSchema, "newer Tallyman"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(ctx, c.address, session.Settings{}, Options{AllowUnsafe: c.code != Unsafe})
			if err == nil {
				s.Close()
				t.Fatal("it opened")
			}
			if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("code %q, want %q and %q: %v", fault.CodeOf(err), c.code, c.says, err)
			}
			// Neither people nor the log may see it.
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, secret := range []string{pgtest.Password, password, "s3cret"} {
					if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(e.Error(), secret) || strings.Contains(text, secret) {
						t.Errorf("it tells the password: %s", text)
					}
				}
			}
		})
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Open(over, good, session.Settings{}, Options{AllowUnsafe: true}); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("opening with a context that has ended: %v", err)
	}
}

func TestADatabaseThatIsDroppedOrTurnsReadOnlyIsUnavailable(t *testing.T) {
	name := server.Database(t)
	s := mustOpen(t, server.Address(name), session.Settings{}, Options{})
	k := keyOf("x")
	st, _, err := s.New(ctx, k, session.Named)
	must.OK(t, err)
	reset := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'"
	server.Exec(t, "postgres", "ALTER DATABASE "+name+" SET default_transaction_read_only = on;; "+reset)
	s.Get(ctx, k) // finds the old connections broken
	if _, _, err := s.New(ctx, k, session.Named); fault.CodeOf(err) != session.StorageUnavailable {
		t.Errorf("new while it is read only: %v", err)
	}
	if err := s.Check(ctx); fault.CodeOf(err) != session.StorageUnavailable {
		t.Errorf("the check while it is read only: %v", err)
	}
	if got, err := s.Get(ctx, k); err != nil || got.Incarnation != st.Incarnation {
		t.Errorf("reading while it is read only: %v", err)
	}
	server.Exec(t, "postgres", "ALTER DATABASE "+name+" SET default_transaction_read_only = off")
	for s.Check(ctx) != nil { // until it accepts writes again
		time.Sleep(time.Millisecond)
	}
	server.Exec(t, "postgres", "DROP DATABASE "+name+" WITH (FORCE)")
	for name, err := range everyOperation(s, k, st) {
		if fault.CodeOf(err) != session.StorageUnavailable {
			t.Errorf("%s when the database was dropped: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func TestCheckFindsAForeignSchema(t *testing.T) {
	name := server.Database(t)
	s := mustOpen(t, server.Address(name), session.Settings{}, Options{})
	must.OK(t, s.Check(ctx))
	server.Exec(t, name, fmt.Sprintf("UPDATE tallyman.schema SET version = %d, oldest = %d", latest(migrations)+1, latest(migrations)))
	if err := s.Check(ctx); err != nil {
		t.Errorf("the next schema, which accepts this program: %v", err)
	}
	server.Exec(t, name, fmt.Sprintf("UPDATE tallyman.schema SET version = %d, oldest = %d", latest(migrations)+2, latest(migrations)+1))
	if err := s.Check(ctx); fault.CodeOf(err) != session.StorageUnavailable || !strings.Contains(errors.Unwrap(err).Error(), "newer Tallyman") {
		t.Errorf("a schema that does not accept it: %v", err)
	}
}
