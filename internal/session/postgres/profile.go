package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/session"
)

// papers are the documents of owners in one table. It is a session.ProfileImporter.
type papers struct {
	store *Store
	table string
}

var _ session.ProfileImporter = papers{}

// Webhooks implements session.Store.
func (s *Store) Webhooks() session.Profiles { return papers{s, "webhook"} }

// Profile implements session.Profiles.
func (ps papers) Profile(ctx context.Context, owner session.Owner) (session.Profile, error) {
	var p session.Profile
	if err := owner.Check(); err != nil {
		return p, err
	}
	err := ps.store.run(ctx, call{
		what:  "read the " + ps.table,
		again: true,
		sql:   `SELECT revision, content FROM tallyman.` + ps.table + ` WHERE owner = $1`,
		args:  func() []any { return []any{string(owner)} },
		scan: func(rows pgx.Rows) error {
			p = session.Profile{}
			if !rows.Next() {
				return rows.Err()
			}
			return rows.Scan(&p.Revision, &p.Content)
		},
	})
	return p, err
}

// PutProfile implements session.Profiles.
func (ps papers) PutProfile(ctx context.Context, owner session.Owner, p session.Profile) (session.Profile, error) {
	if err := p.Check(owner); err != nil {
		return session.Profile{}, err
	}
	var written bool
	var revision int64
	err := ps.store.run(ctx, call{
		what: "write the " + ps.table,
		sql:  ps.put(),
		args: func() []any { return []any{string(owner), p.Revision, append([]byte{}, p.Content...)} },
		scan: one(&written, &revision),
	})
	switch {
	case err != nil:
		return session.Profile{}, err
	case !written:
		return session.Profile{}, session.ErrProfileChanged(revision)
	}
	return session.Profile{Revision: revision, Content: p.Content}, nil
}

// put is the statement that writes a document over the revision $2, 0 for none.
func (ps papers) put() string {
	if ps.table == "profile" {
		return `SELECT * FROM tallyman.put_profile_4($1, $2, $3)`
	}
	// Of several writers the primary key lets one insert the row. An update waits for the
	// one before and then looks at the revision again.
	return `WITH put AS (
			INSERT INTO tallyman.` + ps.table + ` AS p (owner, revision, content) SELECT $1::text, 1, $3::bytea WHERE $2::bigint = 0
				ON CONFLICT (owner) DO NOTHING RETURNING revision
		), changed AS (
			UPDATE tallyman.` + ps.table + ` SET revision = revision + 1, content = $3::bytea WHERE owner = $1::text AND revision = $2::bigint AND $2::bigint > 0 RETURNING revision
		), written AS (SELECT revision FROM put UNION ALL SELECT revision FROM changed)
		SELECT EXISTS (SELECT FROM written),
			coalesce((SELECT revision FROM written), (SELECT revision FROM tallyman.` + ps.table + ` WHERE owner = $1::text), 0)`
}

// ImportProfile implements session.ProfileImporter: session.Profile.Import in SQL.
func (ps papers) ImportProfile(ctx context.Context, owner session.Owner, p session.Profile) error {
	if err := p.Check(owner); err != nil {
		return err
	}
	if _, err := (session.Profile{}).Import(p); err != nil {
		return err
	}
	there := false
	err := ps.store.run(ctx, call{
		what:  "import the " + ps.table,
		again: true,
		sql: `INSERT INTO tallyman.` + ps.table + ` AS p (owner, revision, content) VALUES ($1, $2, $3)
			ON CONFLICT (owner) DO UPDATE SET revision = excluded.revision, content = excluded.content
				WHERE p.revision < excluded.revision OR p.revision = excluded.revision AND p.content = excluded.content
			RETURNING 1`,
		args: func() []any { return []any{string(owner), p.Revision, append([]byte{}, p.Content...)} },
		scan: func(rows pgx.Rows) error {
			there = rows.Next()
			return rows.Err()
		},
	})
	if err == nil && !there {
		_, err = (session.Profile{Revision: p.Revision + 1}).Import(p)
	}
	return err
}

// ProfileOwners implements session.Profiles.
func (ps papers) ProfileOwners(ctx context.Context) ([]session.Owner, error) {
	var owners []session.Owner
	err := ps.store.run(ctx, call{
		what:  "list the owners of a " + ps.table,
		again: true,
		sql:   `SELECT owner FROM tallyman.` + ps.table + ` ORDER BY owner`,
		scan: func(rows pgx.Rows) (err error) {
			owners, err = pgx.CollectRows(rows, pgx.RowTo[session.Owner])
			return err
		},
	})
	return owners, err
}
