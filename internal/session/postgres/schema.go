package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// migration upgrades the database from one version of the schema to the next.
type migration struct {
	sql string
	// oldest is the lowest version whose programs can work with the schema
	// afterwards: the version before, or its own if earlier programs cannot work with
	// it.
	oldest int
}

//go:embed schema/1.sql
var schema1 string

//go:embed schema/2.sql
var schema2 string

//go:embed schema/3.sql
var schema3 string

//go:embed schema/4.sql
var schema4 string

//go:embed schema/5.sql
var schema5 string

//go:embed schema/6.sql
var schema6 string

// migrations are all migrations; the version of the schema is the number of those
// that ran. Released migrations never change; new ones are appended.
var migrations = []migration{
	{sql: schema1, oldest: 1},
	{sql: schema2, oldest: 1},
	// Earlier programs cannot add keys, and take all for unlimited.
	{sql: schema3, oldest: 1},
	// Earlier programs make sheets as if there were no profiles.
	{sql: schema4, oldest: 3},
	// Earlier programs make sheets as if there were no amendments, of the last order
	// export, and keep both.
	{sql: schema5, oldest: 4},
	// Earlier programs leave tasks alone, and what they name, and tell webhooks nothing.
	{sql: schema6, oldest: 5},
}

// schemaLock is the advisory lock that a program holds while it changes the schema.
const schemaLock = 8387794215404658784

// schema returns the migrations that the program knows.
func (o Options) schema() []migration {
	if o.migrations != nil {
		return o.migrations
	}
	return migrations
}

func latest(m []migration) int { return len(m) }

// programName is the application name of a program's connections: it contains the
// version of the schema that the program was written for. Migrations look for
// programs that are too old.
func programName(version int) string { return "tallyman schema " + strconv.Itoa(version) }

var programNamePattern = regexp.MustCompile(`^tallyman schema ([0-9]+)$`)

// version is the version of the database's schema.
type version struct {
	is int // 0 if there is none yet
	// oldest is the lowest version of a program that may use the schema.
	oldest int
}

// suits fails with NewerSchema if a program of the given version must not use the
// database.
func (v version) suits(program int, where string) error {
	if v.is > program+1 || v.is > program && v.oldest > program {
		return fault.New(NewerSchema, "the data in %s was written by a newer Tallyman (its schema is %d, for programs from %d on; this program was written for %d); use the newer program, or another database", where, v.is, v.oldest, program)
	}
	return nil
}

// prepare checks the server and upgrades the schema, on a connection of its own.
func (s *Store) prepare(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := s.checkServer(ctx, conn); err != nil {
		return err
	}
	v, err := readVersion(ctx, conn, s.where)
	if err != nil {
		return err
	}
	steps := s.options.schema()
	if v.is == 0 && (s.options.Existing || s.options.Look) {
		return fault.New(NoSchema, "the database %s has no Tallyman schema", s.where)
	}
	if s.options.Alone {
		if err := s.refuseOthers(ctx, conn); err != nil {
			return err
		}
	}
	if s.options.Look {
		return v.suits(latest(steps), s.where)
	}
	if v.is < latest(steps) {
		if v, err = s.migrate(ctx, conn, steps); err != nil {
			return err
		}
	}
	if err := v.suits(latest(steps), s.where); err != nil {
		return err
	}
	// Only a write shows whether the database can be written to.
	if _, err := conn.Exec(ctx, "UPDATE tallyman.probe SET n = n"); err != nil {
		return fmt.Errorf("trying to write: %w", err)
	}
	return nil
}

// connect makes a connection outside the pool.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, s.config.ConnConfig.Copy())
}

// oldestServer is the first supported major version of PostgreSQL.
const oldestServer = 140000

// checkServer refuses unsupported servers.
func (s *Store) checkServer(ctx context.Context, conn *pgx.Conn) error {
	var number int
	var encoding string
	var g guarantees
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'),
		current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')`).
		Scan(&number, &encoding, &g.fsync, &g.fullPageWrites, &g.synchronousCommit)
	switch {
	case err != nil:
		return fmt.Errorf("asking for the server's settings: %w", err)
	case number < oldestServer:
		return fault.New(Unsafe, "the server of %s is PostgreSQL %d; 14 or newer is needed", s.where, number/10000)
	case encoding != "UTF8":
		return fault.New(Foreign, "the database %s has the encoding %s; make one with ENCODING 'UTF8'", s.where, encoding)
	}
	return s.checkGuarantees(g)
}

// guarantees are the server settings that the durability of commits depends on.
type guarantees struct{ fsync, fullPageWrites, synchronousCommit string }

// lacking describes in sentences the settings that are wrong.
func (g guarantees) lacking() []string {
	var lacking []string
	for _, s := range []struct{ name, is, loses string }{
		{"fsync", g.fsync, "a power cut may lose sessions that were acknowledged, or all"},
		{"full_page_writes", g.fullPageWrites, "a power cut may break the database"},
		{"synchronous_commit", g.synchronousCommit, "a crash may lose sessions that were acknowledged"},
	} {
		if s.is == "off" {
			lacking = append(lacking, s.name+" is off: "+s.loses)
		}
	}
	return lacking
}

func (s *Store) checkGuarantees(g guarantees) error {
	if lacking := g.lacking(); len(lacking) > 0 && !s.options.AllowUnsafe && !s.options.Look {
		return fault.New(Unsafe, "the server of %s can lose committed data: %s; turn that on in its configuration", s.where, strings.Join(lacking, "; "))
	}
	return nil
}

// Check implements session.Store. It also fails if Open would now refuse the server,
// or if the schema no longer suits this program.
func (s *Store) Check(ctx context.Context) error {
	var g guarantees
	var v version
	err := s.run(ctx, call{
		what:  "write to the database",
		sql:   `SELECT * FROM tallyman.check_1()`,
		scan:  one(&g.fsync, &g.fullPageWrites, &g.synchronousCommit, &v.is, &v.oldest),
		again: true,
	})
	if err != nil {
		return err
	}
	if err := errors.Join(s.checkGuarantees(g), v.suits(latest(s.options.schema()), s.where)); err != nil {
		return blob.Unavailable("use the database", "", err)
	}
	return nil
}

// Risk is a setting of the database server that may lose acknowledged operations.
type Risk struct {
	// Refused is true if servers do not start with this setting.
	Refused bool
	// Found describes the setting in a sentence without a full stop, and Advice says
	// what to do.
	Found, Advice string
}

// Doctor returns the settings of the server that may lose acknowledged operations. It
// fails with session.StorageUnavailable or fault.Busy.
func (s *Store) Doctor(ctx context.Context) ([]Risk, error) {
	var g guarantees
	var standbys int
	var synchronous string
	err := s.run(ctx, call{
		what:  "ask for the server's settings",
		again: true,
		sql: `SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
			current_setting('synchronous_standby_names'),
			(SELECT count(*) FROM pg_stat_replication WHERE application_name <> 'pg_basebackup')`,
		scan: one(&g.fsync, &g.fullPageWrites, &g.synchronousCommit, &synchronous, &standbys),
	})
	if err != nil {
		return nil, err
	}
	var found []Risk
	for _, what := range g.lacking() {
		found = append(found, Risk{true, what, "turn it on in the server's configuration; Tallyman refuses to start with it"})
	}
	if standbys > 0 && synchronous == "" {
		found = append(found, Risk{false, "replication is asynchronous: failing over to a standby may lose sessions that were acknowledged", "set synchronous_standby_names"})
	}
	return found, nil
}

// refuseOthers fails with InUse if other programs are connected. A program that has
// just ended may be visible for a moment: its server process finishes its work.
func (s *Store) refuseOthers(ctx context.Context, conn *pgx.Conn) error {
	for start := time.Now(); ; {
		var n int
		var who string
		err := conn.QueryRow(ctx, `SELECT count(*), coalesce(string_agg(DISTINCT coalesce(host(client_addr), 'its own machine'), ', '), '')
			FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name ~ $1`,
			programNamePattern.String()).Scan(&n, &who)
		switch {
		case err != nil:
			return fmt.Errorf("looking for other programs: %w", err)
		case n == 0:
			return nil
		case time.Since(start) > 2*s.limits.acquire:
			return fault.New(InUse, "the database %s is in use by other Tallyman programs (%d connections, from %s); stop them first", s.where, n, who)
		}
		if err := fault.Pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// readVersion returns the version of the schema, or fails with Foreign.
func readVersion(ctx context.Context, q interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, where string) (v version, err error) {
	var things, tables int
	// Do not use to_regclass: its cached catalogue does not show what another program
	// created while we waited for its lock.
	err = q.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE c.relname = 'schema')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'tallyman'`).Scan(&things, &tables)
	switch {
	case err != nil:
		return v, fmt.Errorf("looking for the schema: %w", err)
	case things == 0:
		return v, nil
	case tables == 0:
		return v, fault.New(Foreign, "the schema tallyman of %s is not Tallyman's; choose another database", where)
	}
	if err := q.QueryRow(ctx, `SELECT version, oldest FROM tallyman.schema`).Scan(&v.is, &v.oldest); err != nil {
		return v, fmt.Errorf("reading the schema's version: %w", err)
	}
	return v, nil
}

// migrate upgrades the schema, all or nothing. Other programs that want to do the
// same wait.
func (s *Store) migrate(ctx context.Context, conn *pgx.Conn, steps []migration) (v version, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// A step may take long; ctx bounds it.
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(schemaLock)); err != nil {
			return fmt.Errorf("waiting for other programs that change the schema: %w", err)
		}
		if v, err = readVersion(ctx, tx, s.where); err != nil || v.is >= latest(steps) {
			return err
		}
		if v.is > 0 {
			if err := s.refuseOlder(ctx, tx, latest(steps)); err != nil {
				return err
			}
		} else if _, err := tx.Exec(ctx, bootstrap); err != nil {
			return fmt.Errorf("making the schema: %w", err)
		}
		for ; v.is < latest(steps); v.is++ {
			step := steps[v.is]
			if _, err := tx.Exec(ctx, step.sql); err != nil {
				return fmt.Errorf("upgrading the schema from version %d to %d: %w", v.is, v.is+1, err)
			}
			v.oldest = step.oldest
		}
		_, err := tx.Exec(ctx, `UPDATE tallyman.schema SET version = $1, oldest = $2`, v.is, v.oldest)
		return err
	})
	return v, err
}

const bootstrap = `
	DO $$ BEGIN
		IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'tallyman') THEN
			CREATE SCHEMA tallyman;
		END IF;
	END $$;
	-- Which schema this is: one row. Programs written for a version below oldest
	-- cannot use it.
	CREATE TABLE tallyman.schema (
		one     boolean PRIMARY KEY DEFAULT true CHECK (one),
		version integer NOT NULL,
		oldest  integer NOT NULL
	);
	INSERT INTO tallyman.schema (version, oldest) VALUES (0, 0);`

// refuseOlder fails with OlderProgram if connected programs could not work with a
// version of the schema.
func (s *Store) refuseOlder(ctx context.Context, tx pgx.Tx, version int) error {
	rows, _ := tx.Query(ctx, `SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name IS NOT NULL`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("looking for other programs: %w", err)
	}
	for _, name := range names {
		m := programNamePattern.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err == nil && n < version-1 {
			return fault.New(OlderProgram, "a running Tallyman uses the data in %s with schema %d and cannot work with schema %d; stop all such programs first, or upgrade release by release", s.where, n, version)
		}
	}
	return nil
}
