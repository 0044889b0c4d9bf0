package postgres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pgtest"
)

// crashingServer opens the database and works on few sessions with many clients,
// while it sweeps, until it is killed.
func crashingServer(address string) {
	store, err := Open(ctx, address, session.Settings{}, Options{limits: patient(limits{})})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		for {
			store.Expire(ctx, 10)
		}
	}()
	sessiontest.Victim{Store: store, Input: func() session.Input { return sessiontest.NewInput("f") }}.Work()
}

// durable starts a server with fsync on.
func durable(t *testing.T) *pgtest.Server {
	t.Helper()
	s, err := pgtest.Start(true)
	must.OK(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// A real process under a load on few sessions is killed at random moments, sometimes
// while it opens the database. Afterwards every acknowledged operation must be there; any
// other must be there as a whole or not at all.
func TestKillingTheProcessLosesNothingThatWasAcknowledged(t *testing.T) {
	killer(t, "").LosesNothing(t)
}

// The test above can fail: it finds a process that answers before it commits.
func TestKillingTheProcessFindsAnEarlyAnswer(t *testing.T) {
	if _, err := killer(t, sessiontest.AnswerFirst).Kill(100); err == nil {
		t.Error("100 kills did not reveal the mistake")
	} else {
		t.Logf("%.300s", err)
	}
}

func killer(t *testing.T, wrong string) sessiontest.Killer {
	s := durable(t)
	address := s.Address(s.Database(t))
	return sessiontest.Killer{
		Place: address, Wrong: wrong, Start: 60 * time.Millisecond,
		Settled: func() { waitUntilIdle(t, s, address) },
		Open: func() (session.Store, func() error, error) {
			store, err := Open(ctx, address, session.Settings{}, Options{limits: patient(limits{})})
			return store, func() error { return consistent(store) }, err
		},
	}
}

// consistent checks that the rows agree with each other.
func consistent(store *Store) error {
	page, err := store.List(ctx, session.Query{})
	if err != nil {
		return err
	}
	var contents []blob.Key
	for _, st := range page.Sessions {
		contents = append(contents, st.Contents()...)
	}
	slices.Sort(contents)
	contents = slices.Compact(contents) // a file may be in a BOL twice
	named, err := store.Named(ctx, contents)
	if err != nil {
		return err
	}
	for i, is := range named {
		if !is {
			return fmt.Errorf("content %s is in a session, but nothing names it", contents[i])
		}
	}
	var n, stray int
	err = store.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM tallyman.content),
		(SELECT count(*) FROM tallyman.file f WHERE NOT EXISTS (SELECT FROM tallyman.session s WHERE s.incarnation = f.incarnation))`).Scan(&n, &stray)
	if err != nil {
		return err
	}
	if n != len(contents) || stray > 0 {
		return fmt.Errorf("%d contents are named, sessions have %d; %d files are of no session", n, len(contents), stray)
	}
	return nil
}

// The server is crashed and restarted in the middle of a load by three replicas.
// Their stores continue without being opened again.
func TestACrashOfTheServerLosesNothingThatWasAcknowledged(t *testing.T) {
	crashes := sessiontest.Times(4, 60)
	s := durable(t)
	address := s.Address(s.Database(t))
	stores := openReplicas(t, 3, address, session.Settings{}, Options{Connections: 4})
	all := map[string]int{}
	for round := range crashes {
		h := sessiontest.NewHistory()
		run := sessiontest.Load{Clients: 6, Operations: 1 << 20, Seed: rand.Uint64()}.Start(stores, h, round)
		mode := pgtest.Immediate
		if round%4 == 3 {
			mode = pgtest.Fast
		}
		done := make(chan struct{})
		go func() { defer close(done); run.Clients() }()
		for want := 50 + rand.IntN(500); h.Len() < want; {
			time.Sleep(time.Millisecond)
		}
		must.OK(t, s.Stop(mode))
		<-done // a client stops after an unknown outcome
		if _, err := stores.Get(ctx, keyOf("x")); fault.CodeOf(err) != session.StorageUnavailable {
			t.Errorf("while the server is stopped: %v", err)
		}
		must.OK(t, s.Start())
		h.Restarted()
		run.ReadAll()
		h.Outcomes(all)
		if err := h.Check(); err != nil {
			t.Fatalf("crash %d: %v", round, err)
		}
		one := stores.one()
		one.doubtful.Store(0) // or Named might still refuse to answer
		if err := consistent(one); err != nil {
			t.Fatalf("crash %d: %v", round, err)
		}
	}
	t.Logf("%v", all)
}

// After a restart all connections of a pool are dead. The first operation that meets one
// discovers them all, so that the next ones do not fail.
func TestAfterARestartOneOperationFailsAtMost(t *testing.T) {
	s := durable(t)
	store := mustOpen(t, s.Address(s.Database(t)), session.Settings{}, Options{Connections: 8})
	for range 3 {
		var all []*pgxpool.Conn
		for range 8 {
			conn, err := store.pool.Acquire(ctx)
			must.OK(t, err)
			all = append(all, conn)
		}
		for _, conn := range all {
			conn.Release()
		}
		must.OK(t, errors.Join(s.Stop(pgtest.Fast), s.Start()))
		failed := 0
		for i := range 30 {
			if _, _, err := store.New(ctx, keyOf(fmt.Sprint(i)), session.Named); err != nil {
				failed++
			}
		}
		if failed > 1 {
			t.Errorf("%d operations failed after a restart", failed)
		}
	}
}

// A power cut loses what is not on the disk. Each operation is answered only after its
// log is on the disk, although the server's own setting would let it answer earlier.
func TestTheLogIsOnTheDiskBeforeAnOperationIsAnswered(t *testing.T) {
	s := durable(t)
	s.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_commit = off;; ALTER SYSTEM SET wal_writer_delay = '10s';; SELECT pg_reload_conf()")
	address := s.Address(s.Database(t))
	store := mustOpen(t, address, session.Settings{}, Options{})
	watcher := mustConnect(t, address)
	flushed := func(operation func() error) bool {
		t.Helper()
		var before string
		must.OK(t, watcher.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()`).Scan(&before))
		must.OK(t, operation())
		var is bool
		must.OK(t, watcher.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn() > $1::pg_lsn`, before).Scan(&is))
		return is
	}
	k := keyOf("x")
	for range 20 {
		for name, operation := range map[string]func() error{
			"new": func() error { _, _, err := store.New(ctx, k, session.Named); return err },
			"attach": func() error {
				st, _, err := store.Open(ctx, k, session.Named)
				if err == nil {
					_, _, err = store.Attach(ctx, k, bolOf(st))
				}
				return err
			},
			"check": func() error { return store.Check(ctx) },
		} {
			if !flushed(operation) {
				t.Errorf("%s was answered before the log was on the disk", name)
			}
		}
		if !flushed(func() error { _, err := store.Clear(ctx, k); return err }) {
			t.Error("clear was answered before the log was on the disk")
		}
	}
	// The test can fail: with the server's own setting, answers come earlier.
	early := 0
	for range 20 {
		if !flushed(func() error { _, err := watcher.Exec(ctx, "UPDATE tallyman.probe SET n = n + 1"); return err }) {
			early++
		}
	}
	if early == 0 {
		t.Error("with the server's own setting too, every answer waits for the disk")
	}
}
