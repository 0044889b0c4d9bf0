// Package postgres keeps sessions in a PostgreSQL database, for any number of
// processes ("replicas") that serve the same sessions at once. In addition to
// sessions it keeps what replicas must agree on: API keys (Ring) and secrets
// (Store.Secret). It also carries events between them (Bus).
//
// # For operators
//
// Everything is in one schema of the database, called tallyman. It is created when a
// program first connects; the program's role must be allowed to create it. The
// database must be UTF-8, its server PostgreSQL 14 or newer. A dump of that schema is
// a complete backup of the sessions; the contents of files are elsewhere.
//
// Acknowledged operations were committed with synchronous_commit on, so neither kill
// -9 nor a power cut of the server loses them. That needs fsync and full_page_writes
// on: Open refuses a server that has them off, and Check fails on one that turns them
// off later. A failover to a standby keeps that promise only if replication is
// synchronous. A program that is to follow a failover names all hosts in its address,
// with target_session_attrs=read-write.
//
// While the server is away or restarting, operations fail with StorageUnavailable;
// afterwards they work again without opening the store anew.
//
// Each program opens up to Options.Connections connections, and one more for the Bus.
// A pooler between programs and server must pool by session, since prepared
// statements and LISTEN do not work through other modes, and must pass on the
// settings that programs request when they connect (PgBouncer's
// ignore_startup_parameters does not).
//
// # What is decided where
//
// Functions of the schema decide every operation, on the rows alone; no process keeps
// state of a session that the database does not have. Each function is called in one
// statement, which is a transaction of its own. So an operation is one round trip (one
// more where a connection sees a statement for the first time, and to probe a connection
// that was idle for seconds or may be broken), nothing is locked while a client thinks,
// and a client that dies leaves nothing locked. The isolation level is READ COMMITTED.
// These rules make operations linearizable:
//
//   - The session's row is locked (FOR UPDATE) before anything about the session is
//     decided or changed, its files included. So New, an Open that begins a session,
//     Clear, Attach, Expire and the writing of a use run one after the other, and each
//     sees what the one before committed.
//   - Where there is no row there is nothing to lock. To begin a session, a program
//     inserts the row; the primary key lets one program succeed, and the others look
//     again. A Clear or an Attach that finds no row changes nothing, and its answer is
//     correct for the instant at which it looked. No tombstone is needed: an Attach names
//     its incarnation, 128 random bits that never recur, so it cannot land in a row that
//     was begun meanwhile.
//   - Get reads without a lock, row and files in one statement, which is one
//     snapshot. It sees whole commits only, and all that were acknowledged before
//     it was called. PostgreSQL shows a commit to others only once it is durable.
//   - A session that is found expired is marked so in its row, under the lock. The mark
//     is final for all programs, whatever their clocks show. Where expiry may matter, the
//     clock is read after the lock was obtained, and a time earlier than the latest in
//     the row is replaced by that one.
//   - Expire and the writing of uses skip rows that others have locked. So no
//     transaction that holds one session's lock waits for another's, and there are
//     no deadlocks over rows; contents are claimed in the order of their keys.
//   - Every content has a row in a table of its own, whose primary key makes it
//     belong to one session.
//
// PostgreSQL may still abort a transaction and ask for a retry; the store retries a
// few times before it tells the caller.
//
// If the connection breaks while a statement is under way, it is unknown whether the
// statement was committed or still will be. The operation then fails with
// StorageUnavailable. A statement in flight ends within the server's statement_timeout,
// which is shorter than the time for which Named then refuses to answer. Only this
// process knows that: a sweep of orphans that several replicas run needs an age below
// which it spares contents (session.Janitor.OrphanAge), longer than any upload takes.
//
// # Uses
//
// A Get that finds the last use in the row older than a 16th of the session's life
// writes the new one in the same round trip, durably. Later uses are noted in memory
// and written together, within about a 32nd of the life; a crash loses those.
//
// # Clocks
//
// Time is the database's, since the clocks of several machines differ. Settings.Now
// replaces it in tests. Lives are each program's own setting: give all replicas the
// same.
//
// # The bound on sessions
//
// Counting all sessions for each new one would be slow. A process counts them now and
// then, and may then begin a 16th of the free number without counting again; when
// fewer than 16 are free every new session is counted. So a process alone keeps
// Settings.MaxSessions exactly, and each further process may exceed it by a 16th.
//
// # Upgrades
//
// The schema has a version, and each version says which programs it works with: those
// written for it, and those written for the version before. So:
//
//   - A migration only adds: tables, columns with a default, functions under new
//     names. What it makes superfluous is dropped by the migration after it, when
//     the programs that used it are no longer accepted.
//   - A program written for version N accepts a database of version N, and one of
//     N+1 that says it works with N. It upgrades a lower version to N when it
//     starts, under a lock, unless programs are connected that were written for
//     less than N-1. It refuses any other with NewerSchema, at the start, and at
//     run time in Check.
//   - The only way back is a backup.
//
// So old and new programs can run side by side over one step of the schema: replace
// the replicas one by one. Over several steps, go through a release of each, or stop
// all first.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/turn"
)

// Options are settings of a Store in addition to session.Settings. The zero value is
// valid.
type Options struct {
	// Connections bounds the connections to the database; 0 means 16.
	Connections int
	// AllowUnsafe accepts a server that may lose commits: one whose fsync or
	// full_page_writes is off. It is for tests.
	AllowUnsafe bool
	// Existing makes Open fail with NoSchema if there is no schema. Otherwise Open
	// creates one.
	Existing bool
	// Alone makes Open fail with InUse if other programs are connected to the
	// database. It does not keep them from connecting later.
	Alone bool
	// Look opens the store for reading only: the server refuses every change, of the
	// schema as well, and other programs do not count this one as a Tallyman program.
	// It implies Existing. Servers that Open would refuse for their settings are
	// accepted; Doctor reports those settings.
	Look bool
	// Log receives failures in the background; nil means slog.Default.
	Log *slog.Logger

	// For this package's tests.
	dial       func(ctx context.Context, network, addr string) (net.Conn, error)
	migrations []migration
	limits     limits
}

// limits bounds how long operations may take, and how many may wait.
type limits struct {
	connect   time.Duration // for making a connection
	acquire   time.Duration // for a pooled connection to become free
	statement time.Duration // for the server to execute a statement
	lock      time.Duration // for a lock in the server
	answer    time.Duration // for the answer to arrive; longer than statement
	waiting   int           // operations at once
}

func (l limits) orDefault() limits {
	return limits{
		connect:   cmp.Or(l.connect, 5*time.Second),
		acquire:   cmp.Or(l.acquire, 5*time.Second),
		statement: cmp.Or(l.statement, 5*time.Second),
		lock:      cmp.Or(l.lock, 3*time.Second),
		answer:    cmp.Or(l.answer, 10*time.Second),
		waiting:   cmp.Or(l.waiting, 1024),
	}
}

// doubt is how long Named refuses to answer after an attach with an unknown outcome.
func (l limits) doubt() time.Duration { return l.answer + 2*l.statement }

// parts divides a life: the last use in a session's row may be late by one part.
const parts = 16

// Store is a session.Store in a PostgreSQL database.
type Store struct {
	papers   // the profiles
	pool     *pgxpool.Pool
	config   *pgxpool.Config
	settings session.Settings
	options  Options
	limits   limits
	log      *slog.Logger
	where    string // the database as people know it, without secrets

	uses uses
	room room
	ring *Ring
	// doubtful is until when Named refuses to answer, in nanoseconds since start.
	doubtful atomic.Int64
	// broke is when a connection last broke, likewise.
	broke atomic.Int64
	start time.Time

	mu     sync.Mutex
	inside int           // operations under way
	closed bool          // no operation may begin any more
	idle   chan struct{} // closed once the store is closed and no operation is under way

	stop   chan struct{}
	kept   chan struct{} // closed when the keeper ended
	ending sync.Once
}

var _ session.Importer = (*Store)(nil)

// Open returns the store in the database at an address like
// postgres://user:password@host:5432/database?sslmode=verify-full, or any other form
// that libpq accepts; missing parts come from PGHOST, PGPASSWORD and so on. Open
// creates or upgrades the schema if necessary.
//
// It fails with fault.BadRequest if the address cannot be parsed, with Refused if the
// server refuses the login, with NoDatabase, ReadOnly, Unsafe, Foreign, NewerSchema
// or OlderProgram if the database cannot be used, with NoSchema or InUse if Options
// ask for that, and with session.StorageUnavailable if it cannot be reached. No fault
// repeats the password. ctx bounds the opening only.
func Open(ctx context.Context, address string, settings session.Settings, options Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Ended(err)
	}
	limits := options.limits.orDefault()
	config, err := configure(address, options, limits)
	if err != nil {
		return nil, err
	}
	s := &Store{
		config:   config,
		settings: settings,
		options:  options,
		limits:   limits,
		log:      cmp.Or(options.Log, slog.Default()),
		where:    whereIs(config.ConnConfig),
		start:    time.Now(),
		idle:     make(chan struct{}),
		stop:     make(chan struct{}),
		kept:     make(chan struct{}),
	}
	s.papers = papers{s, "profile"}
	s.room.most = int64(cmp.Or(settings.MaxSessions, 1_000_000))
	s.room.low, s.room.turn = make(chan struct{}, 1), make(chan struct{}, 1)
	s.ring = &Ring{store: s}
	s.broke.Store(math.MinInt64 / 2)
	config.ShouldPing = s.suspect
	if err := s.prepare(ctx); err != nil {
		return nil, openFault(s.where, err)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, openFault(s.where, err)
	}
	if err := s.count(ctx); err != nil {
		s.pool.Close()
		return nil, openFault(s.where, err)
	}
	go s.keep()
	return s, nil
}

// configure parses an address. No error repeats a part of it.
func configure(address string, o Options, l limits) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		// The error may contain the address, and with it a password.
		return nil, fault.New(fault.BadRequest, "the address of the database cannot be understood; write it like postgres://user:password@host:5432/database?sslmode=verify-full, with characters like @ and / in the password as %%40 and %%2F")
	}
	params := config.ConnConfig.RuntimeParams
	if params["synchronous_commit"] == "off" {
		return nil, fault.New(Unsafe, "the address of the database sets synchronous_commit=off, which can lose acknowledged work; remove that setting")
	}
	millis := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	for name, value := range map[string]string{
		"synchronous_commit": "on",
		"application_name":   programName(latest(o.schema())),
		// Statements are short; compiling them would take longer.
		"jit": "off",
	} {
		params[name] = cmp.Or(params[name], value)
	}
	params["default_transaction_isolation"] = "read committed"
	params["tallyman.slots"] = "3" // see files_1 in schema/5.sql
	if o.Look {
		params["default_transaction_read_only"], params["application_name"] = "on", "tallyman doctor"
	}
	params["statement_timeout"] = millis(l.statement)
	params["lock_timeout"] = millis(l.lock)
	params["idle_in_transaction_session_timeout"] = millis(l.answer)
	config.ConnConfig.ConnectTimeout = cmp.Or(config.ConnConfig.ConnectTimeout, l.connect)
	if o.dial == nil {
		o.dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3,
		}}).DialContext
	}
	config.ConnConfig.DialFunc = o.dial
	config.MaxConns = int32(cmp.Or(o.Connections, 16))
	config.MinConns = 0
	config.MaxConnLifetime = 30 * time.Minute
	config.MaxConnLifetimeJitter = 5 * time.Minute
	config.MaxConnIdleTime = 5 * time.Minute
	config.PingTimeout = l.acquire
	return config, nil
}

// suspect reports whether to probe a connection before use, which costs a round trip: it
// may have broken unnoticed, and a statement sent on it would have an unknown outcome. A
// connection is suspect if it was idle for a while, or if another one broke since its
// last use.
func (s *Store) suspect(_ context.Context, p pgxpool.ShouldPingParams) bool {
	return p.IdleDuration > 2*time.Second || p.IdleDuration > time.Since(s.start)-time.Duration(s.broke.Load())
}

// whereIs names a database for people.
func whereIs(c *pgx.ConnConfig) string {
	return c.Database + " at " + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// Keys returns the API keys in the database.
func (s *Store) Keys() *Ring { return s.ring }

// Open implements session.Store.
func (s *Store) Open(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	return s.begin(ctx, key, kind, false)
}

// New implements session.Store.
func (s *Store) New(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	return s.begin(ctx, key, kind, true)
}

func (s *Store) begin(ctx context.Context, key session.Key, kind session.Kind, anew bool) (st session.State, removed session.Removed, err error) {
	if err := cmp.Or(key.Check(), kind.Check()); err != nil {
		return st, removed, err
	}
	a, err := s.within(ctx, func(most *int64) call {
		return call{
			what: "begin the session",
			sql:  `SELECT * FROM tallyman.begin_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			args: func() []any {
				return append(s.about(key), s.parts(), anew, string(kind), [16]byte(session.NewIncarnation()), most)
			},
		}
	})
	switch {
	case err != nil:
		return st, removed, err
	case a.outcome == "found":
		s.note(key, a)
	case a.outcome != "begun":
		return st, removed, errNonsense(a)
	}
	return s.after(key, a)
}

// within makes a call that may begin a session, and keeps the bound on sessions. The
// argument most of the call is the number of sessions that may exist before it, or nil if
// room is reserved for it. The outcome of the returned answer is begun if the session is
// new; it is never full or counting.
func (s *Store) within(ctx context.Context, c func(most *int64) call) (answer, error) {
	leased := func() (answer, error) {
		a, err := s.bounded(ctx, c, nil)
		s.room.untake(a.outcome == "begun" || err != nil && !session.Settled(err))
		return a, err
	}
	if s.room.take() {
		return leased()
	}
	// Without reserved room, the call may only replace an existing session; the
	// sessions are counted only if there is none.
	var none int64
	if a, err := s.bounded(ctx, c, &none); err != nil || a.outcome != "full" {
		return a, err
	}
	defer turn.Pause(ctx)() // one operation counts, and the others wait for it
	took, most, err := s.room.makeSure(ctx)
	if err != nil {
		return answer{}, err
	}
	if took {
		return leased()
	}
	defer s.room.unsure()
	a, err := s.bounded(ctx, c, &most)
	if err == nil && a.outcome == "full" {
		return answer{}, session.ErrFull()
	}
	return a, err
}

// bounded makes a call that may begin a session if there are fewer than most, and
// retries while another program counts. The outcome may be full.
func (s *Store) bounded(ctx context.Context, c func(most *int64) call, most *int64) (answer, error) {
	for wait := 0; ; wait++ {
		counted := s.room.counting()
		a, err := s.ask(ctx, c(most))
		if err != nil {
			return answer{}, err
		}
		switch a.outcome {
		case "begun":
			if a.counted > 0 {
				counted(a.counted + 1)
			}
		case "counting":
			// Another program counts, since hardly any room is left.
			if wait == 50 {
				return answer{}, session.ErrBusy("the number of sessions is close to its limit")
			}
			if err := fault.Pause(ctx, 10*time.Millisecond); err != nil {
				return answer{}, err
			}
			continue
		}
		return a, nil
	}
}

// Clear implements session.Store.
func (s *Store) Clear(ctx context.Context, key session.Key) (session.Removed, error) {
	if err := key.Check(); err != nil {
		return session.Removed{}, err
	}
	a, err := s.ask(ctx, call{
		what: "clear the session",
		sql:  `SELECT * FROM tallyman.clear_1($1, $2, $3, $4, $5)`,
		args: func() []any { return s.about(key) },
	})
	if err != nil {
		return session.Removed{}, err
	}
	return a.removed(), nil
}

// Attach implements session.Store.
func (s *Store) Attach(ctx context.Context, key session.Key, a session.Attachment) (st session.State, removed session.Removed, err error) {
	if err := errors.Join(key.Check(), a.Check()); err != nil {
		return st, removed, err
	}
	f := filesOf(a.Files)
	got, err := s.ask(ctx, call{
		what:   "attach the files",
		attach: true,
		sql:    `SELECT * FROM tallyman.attach_5($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		args: func() []any {
			return append(s.about(key), [16]byte(a.Incarnation), a.Revision, string(a.Slot), string(a.Mode), session.MaxFiles,
				f.names, f.contents, f.sizes, f.sha256s, f.readings, f.readingSizes, f.readingSHA256s, f.summaries)
		},
	})
	switch {
	case err != nil:
	case got.outcome == "attached":
		return s.after(key, got)
	case got.outcome == "superseded":
		err = session.ErrSuperseded()
	case got.outcome == "changed":
		err = session.ErrChanged()
	case got.outcome == "too_many":
		err = session.ErrTooManyFiles(a.Slot, int(got.counted))
	default:
		err = errNonsense(got)
	}
	return st, removed, err
}

// Import implements session.Importer.
func (s *Store) Import(ctx context.Context, st session.State) (session.Removed, error) {
	if err := st.Check(); err != nil {
		return session.Removed{}, err
	}
	f := inputsOf(st)
	a, err := s.within(ctx, func(most *int64) call {
		return call{
			what:   "import the session",
			attach: true,
			sql:    `SELECT * FROM tallyman.import_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
			args: func() []any {
				return append(s.about(st.Key), most, string(st.Kind), [16]byte(st.Incarnation), st.Revision,
					st.Created.UnixMilli(), st.LastUsed.UnixMilli(),
					f.slots, f.names, f.contents, f.sizes, f.sha256s, f.readings, f.readingSizes, f.readingSHA256s, f.summaries, f.attached)
			},
		}
	})
	switch {
	case err != nil:
		return session.Removed{}, err
	case a.outcome == "conflict":
		return session.Removed{}, session.ErrExists()
	case a.outcome == "there", a.outcome == "replaced", a.outcome == "begun":
		return a.removed(), nil
	}
	return session.Removed{}, errNonsense(a)
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, key session.Key) (session.State, error) {
	if err := key.Check(); err != nil {
		return session.State{}, err
	}
	a, err := s.ask(ctx, call{
		what:  "read the session",
		again: true,
		sql:   `SELECT * FROM tallyman.get_1($1, $2, $3, $4, $5, $6)`,
		args:  func() []any { return append(s.about(key), s.parts()) },
	})
	switch {
	case err != nil:
		return session.State{}, err
	case a.outcome == "gone":
		return session.State{}, session.ErrNotFound()
	case a.outcome == "found":
		s.note(key, a)
		return s.state(key, a)
	}
	return session.State{}, errNonsense(a)
}

// List implements session.Store. It counts sessions, which takes 0.4 s for a
// million of them.
func (s *Store) List(ctx context.Context, q session.Query) (session.Page, error) {
	if q.Limit < 1 || q.Limit > session.MaxPage {
		q.Limit = session.MaxPage
	}
	var page session.Page
	err := s.run(ctx, call{
		what:  "list sessions",
		again: true,
		sql: `
			WITH live AS NOT MATERIALIZED (
				SELECT * FROM tallyman.session WHERE ended IS NULL AND ($1 = '' OR owner = $1) AND used >
					coalesce($2::bigint, floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint) - tallyman.life_1(kind, $3, $4)
			), page AS (
				SELECT * FROM live WHERE (owner, id) > ($5, $6) ORDER BY owner, id LIMIT $7
			)
			SELECT t.n, CASE WHEN $8 THEN (SELECT coalesce(sum(f.size + f.reading_size), 0) FROM live JOIN tallyman.file f USING (incarnation)) ELSE 0 END::bigint,
				p.owner, p.id, p.kind, p.incarnation, p.revision, p.created, p.used, f.*
				FROM (SELECT count(*) AS n FROM live) t LEFT JOIN page p ON true
					LEFT JOIN LATERAL tallyman.files_1(p.incarnation) f ON p.incarnation IS NOT NULL
				ORDER BY p.owner, p.id`,
		args: func() []any {
			return []any{string(q.Owner), s.now(), s.life(session.Named), s.life(session.Cookie), string(q.After.Owner), string(q.After.ID), q.Limit + 1, q.Bytes}
		},
		scan: func(rows pgx.Rows) error {
			page = session.Page{}
			for rows.Next() {
				var owner, id pgtype.Text
				var a answer
				targets := append([]any{&page.Total, &page.Bytes, &owner, &id}, a.row()...)
				if err := rows.Scan(append(targets, a.files()...)...); err != nil {
					return err
				}
				if !owner.Valid {
					return nil // there is no session on this page
				}
				if len(page.Sessions) == q.Limit {
					page.More = true
					continue
				}
				a.at = a.used
				st, err := s.state(session.Key{Owner: session.Owner(owner.String), ID: session.ID(id.String)}, a)
				if err != nil {
					return err
				}
				page.Sessions = append(page.Sessions, st)
			}
			return nil
		},
	})
	if err != nil {
		return session.Page{}, err
	}
	return page, nil
}

// Expire implements session.Store.
func (s *Store) Expire(ctx context.Context, limit int) (session.Expired, error) {
	limit = max(limit, 1)
	var x session.Expired
	var contents [][16]byte
	err := s.run(ctx, call{
		what: "remove expired sessions",
		sql:  `SELECT * FROM tallyman.expire_1($1, $2, $3, $4)`,
		args: func() []any {
			return []any{s.now(), s.life(session.Named), s.life(session.Cookie), limit}
		},
		scan: one(&x.Sessions, &x.Files, &x.Bytes, &contents),
	})
	if err != nil {
		return session.Expired{}, err
	}
	x.Contents, x.More = blobKeys(contents), x.Sessions >= limit
	return x, nil
}

// Named implements session.Store. It fails for a while after an attach of this
// process had an unknown outcome; see the package comment.
func (s *Store) Named(ctx context.Context, keys []blob.Key) ([]bool, error) {
	named := make([]bool, len(keys))
	at := map[[16]byte][]int{}
	var ask [][16]byte
	for i, k := range keys {
		if id, ok := uuidOf(k); ok {
			at[id] = append(at[id], i)
			ask = append(ask, id)
		}
	}
	err := s.run(ctx, call{
		what:  "look up contents",
		again: true,
		sql:   `SELECT key FROM tallyman.content WHERE key = ANY ($1)`,
		args:  func() []any { return []any{ask} },
		scan: func(rows pgx.Rows) error {
			clear(named)
			var id [16]byte
			_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
				for _, i := range at[id] {
					named[i] = true
				}
				return nil
			})
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	// Look at doubtful after the query: an attach that was abandoned before the query has
	// set it by now.
	if time.Since(s.start) < time.Duration(s.doubtful.Load()) {
		return nil, blob.Unavailable("look up contents", "", errors.New("the outcome of an attach is not certain yet"))
	}
	return named, nil
}

// Close implements session.Store. It also writes all last uses that it can.
func (s *Store) Close() error {
	s.ending.Do(func() {
		close(s.stop)
		<-s.kept
		s.mu.Lock()
		s.closed = true
		if s.inside == 0 {
			close(s.idle)
		}
		s.mu.Unlock()
		<-s.idle
		s.pool.Close()
	})
	return nil
}

// about are the first arguments of an operation on a session.
func (s *Store) about(key session.Key) []any {
	return []any{string(key.Owner), string(key.ID), s.now(), s.life(session.Named), s.life(session.Cookie)}
}

// now is the time that is passed to operations: nil for the database's.
func (s *Store) now() *int64 {
	if s.settings.Now == nil {
		return nil
	}
	ms := s.settings.Now().UnixMilli()
	return &ms
}

// life returns the life of unused sessions of a kind, in milliseconds.
func (s *Store) life(k session.Kind) int64 { return s.settings.Lives.Of(k).Milliseconds() }

// parts returns the divisor of a life: the row's last use may be late by one such part.
func (s *Store) parts() int64 {
	if s.uses.full() {
		return math.MaxInt64 // no use can be noted, so each is written
	}
	return parts
}
