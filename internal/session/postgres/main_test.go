package postgres

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pgtest"
)

var ctx = context.Background()

// server is the server that most tests share; it is not durable.
var server *pgtest.Server

// TestMain starts the server, unless another test binary did, or makes the test
// binary the process that is killed.
func TestMain(m *testing.M) {
	if address, _ := sessiontest.VictimOf(); address != "" {
		crashingServer(address)
	}
	if port, err := strconv.Atoi(os.Getenv("TALLYMAN_SERVER_PORT")); err == nil {
		server = pgtest.At(port)
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		var err error
		if server, err = pgtest.Start(false); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer server.Close()
		return m.Run()
	}())
}

func keyOf(id string) session.Key { return session.Key{Owner: session.Local, ID: session.ID(id)} }

// address returns the address of a fresh database.
func address(t testing.TB) string { return server.Address(server.Database(t)) }

// patient returns limits, and where there are none, some that a slow machine does not exceed.
func patient(l limits) limits {
	return limits{
		connect: cmp.Or(l.connect, time.Hour), acquire: cmp.Or(l.acquire, time.Hour), statement: cmp.Or(l.statement, time.Hour),
		lock: cmp.Or(l.lock, time.Hour), answer: cmp.Or(l.answer, time.Hour), waiting: l.waiting,
	}
}

func mustOpen(t testing.TB, address string, settings session.Settings, options Options) *Store {
	t.Helper()
	options.AllowUnsafe = true
	options.Log = slog.New(slog.DiscardHandler)
	s, err := Open(ctx, address, settings, options)
	must.OK(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// suiteIn returns an Opener for the suite, which uses one place at a time: all places
// share one database, which is emptied for each new one. That costs far less than a
// database for each.
func suiteIn(name string, open func(t testing.TB, address string, settings session.Settings) session.Store) sessiontest.Opener {
	last := ""
	return func(t testing.TB, place string, settings session.Settings) session.Store {
		t.Helper()
		if place != last {
			server.Exec(t, name, emptied)
			last = place
		}
		return open(t, server.Address(name), settings)
	}
}

// emptied restores the schema of a store, if there is one, to its initial state: no rows
// and no latest time.
const emptied = `DO $$
DECLARE
	v_tables text := (SELECT string_agg(format('tallyman.%I', tablename), ', ') FROM pg_tables
		WHERE schemaname = 'tallyman' AND tablename NOT IN ('schema', 'probe'));
BEGIN
	IF v_tables IS NOT NULL THEN
		EXECUTE 'TRUNCATE ' || v_tables;
		ALTER SEQUENCE tallyman.given RESTART;
	END IF;
END $$`

func mustConnect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(ctx, address)
	must.OK(t, err)
	t.Cleanup(func() { conn.Close(ctx) })
	return conn
}

func mustParse(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	must.OK(t, err)
	return u
}

// waitForLock waits until an operation on a database waits for a lock.
func waitForLock(t testing.TB, database string) {
	t.Helper()
	conn := mustConnect(t, server.Address("postgres"))
	for n := 0; n == 0; time.Sleep(time.Millisecond) {
		must.OK(t, conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'`, database).Scan(&n))
	}
}
