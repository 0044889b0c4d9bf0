package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/session"
)

// Profile implements session.Profiles.
func (s *Store) Profile(ctx context.Context, owner session.Owner) (session.Profile, error) {
	var p session.Profile
	if err := owner.Check(); err != nil {
		return p, err
	}
	err := s.run(ctx, call{
		what:  "read the profile",
		again: true,
		sql:   `SELECT revision, content FROM tallyman.profile WHERE owner = $1`,
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
func (s *Store) PutProfile(ctx context.Context, owner session.Owner, p session.Profile) (session.Profile, error) {
	if err := p.Check(owner); err != nil {
		return session.Profile{}, err
	}
	var written bool
	var revision int64
	err := s.run(ctx, call{
		what: "write the profile",
		sql:  `SELECT * FROM tallyman.put_profile_4($1, $2, $3)`,
		args: func() []any { return []any{string(owner), p.Revision, append([]byte{}, p.Content...)} },
		scan: func(rows pgx.Rows) error {
			if !rows.Next() {
				return errors.Join(rows.Err(), errors.New("the database returned no row"))
			}
			return rows.Scan(&written, &revision)
		},
	})
	switch {
	case err != nil:
		return session.Profile{}, err
	case !written:
		return session.Profile{}, session.ErrProfileChanged(revision)
	}
	return session.Profile{Revision: revision, Content: p.Content}, nil
}

// ImportProfile implements session.Importer: session.Profile.Import in SQL.
func (s *Store) ImportProfile(ctx context.Context, owner session.Owner, p session.Profile) error {
	if err := p.Check(owner); err != nil {
		return err
	}
	if _, err := (session.Profile{}).Import(p); err != nil {
		return err
	}
	there := false
	err := s.run(ctx, call{
		what:  "import the profile",
		again: true,
		sql: `INSERT INTO tallyman.profile AS p (owner, revision, content) VALUES ($1, $2, $3)
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
func (s *Store) ProfileOwners(ctx context.Context) ([]session.Owner, error) {
	var owners []session.Owner
	err := s.run(ctx, call{
		what:  "list the owners of profiles",
		again: true,
		sql:   `SELECT owner FROM tallyman.profile ORDER BY owner`,
		args:  func() []any { return nil },
		scan: func(rows pgx.Rows) (err error) {
			owners, err = pgx.CollectRows(rows, pgx.RowTo[session.Owner])
			return err
		},
	})
	return owners, err
}
