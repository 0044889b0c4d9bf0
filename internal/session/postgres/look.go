package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server describes a database and its server for operators.
type Server struct {
	// Version is the server's version, as it reports it.
	Version string
	// Schema is the version of the schema, Known the latest version that this program
	// knows. Open upgrades an older one.
	Schema, Known int
	// Connections is the number of connections that the server allows, Reserved the
	// number of those that are kept for privileged roles, and Used the number in use.
	Connections, Reserved, Used int
	// Programs is the number of connections that other Tallyman programs have to this
	// database.
	Programs int
	// Ahead is how far the server's clock is ahead of ours, to within Doubt.
	Ahead, Doubt time.Duration
	// Standby is true of a server that accepts no changes.
	Standby bool
	// MayWrite is true if the role may change what the schema holds, and MayMigrate
	// if it may change the schema.
	MayWrite, MayMigrate bool
}

// Server returns what operators may want to know. It changes nothing.
func (s *Store) Server(ctx context.Context) (Server, error) {
	// pg_stat_activity hides the kind of other roles' connections from ordinary
	// roles, whereas pg_stat_database counts them for everybody. reserved_connections
	// exists from PostgreSQL 16 on.
	srv := Server{Known: latest(s.options.schema())}
	var now time.Time
	var sent, received time.Time
	err := s.run(ctx, call{
		what:  "ask for the server's state",
		again: true,
		sql: `SELECT clock_timestamp(), current_setting('server_version'), (SELECT version FROM tallyman.schema),
			current_setting('max_connections')::integer, current_setting('superuser_reserved_connections')::integer + coalesce(nullif(current_setting('reserved_connections', true), '')::integer, 0),
			(SELECT sum(numbackends) FROM pg_stat_database WHERE datname IS NOT NULL),
			(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ $1),
			pg_is_in_recovery(),
			(SELECT bool_and(has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'tallyman' AND c.relname IN ('session', 'file', 'content')),
			(SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'tallyman')`,
		args: func() []any { sent = time.Now(); return []any{programNamePattern.String()} },
		scan: func(rows pgx.Rows) error {
			received = time.Now()
			return one(&now, &srv.Version, &srv.Schema, &srv.Connections, &srv.Reserved, &srv.Used, &srv.Programs, &srv.Standby, &srv.MayWrite, &srv.MayMigrate)(rows)
		},
	})
	srv.Doubt = received.Sub(sent) / 2
	srv.Ahead = now.Sub(sent.Add(srv.Doubt))
	return srv, err
}

// FindSecret returns the secret of a name like Secret does, but nil if there is none
// yet.
func (s *Store) FindSecret(ctx context.Context, name string) (secret []byte, err error) {
	err = s.run(ctx, call{
		what:  "read a shared secret",
		again: true,
		sql:   `SELECT value FROM tallyman.secret WHERE name = $1`,
		args:  func() []any { return []any{name} },
		scan:  scanSecret(&secret),
	})
	return secret, err
}
