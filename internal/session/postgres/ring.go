package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/turn"
)

// Ring holds the API keys in the database. When one program adds or removes a key, it
// sees the change at once, and the others within KeysKept.
type Ring struct {
	store *Store

	reading sync.Mutex // held by the caller that reads the keys

	mu      sync.Mutex
	at      time.Time // when the keys were last read, zero for never
	keys    []keys.Key
	err     error
	changes int // by this program
}

var _ keys.Importer = (*Ring)(nil)

// KeysKept is how long a program uses the keys that it last read.
const KeysKept = 2 * time.Second

// All implements keys.Ring. While the database does not answer, no key is valid: All
// fails with session.StorageUnavailable or fault.Busy.
func (r *Ring) All(ctx context.Context) ([]keys.Key, error) {
	if all, fresh, err := r.kept(); fresh {
		return all, err
	}
	// The request gives up its turn before it waits for the reader, and comes for the next
	// after it has let the others read: one that held the lock while it waited for a turn
	// would wait for those that have the turns and wait for the lock.
	defer turn.Pause(ctx)()
	r.reading.Lock()
	defer r.reading.Unlock()
	if all, fresh, err := r.kept(); fresh {
		return all, err
	}
	r.mu.Lock()
	at, changes := time.Now(), r.changes // taken before the query
	r.mu.Unlock()
	all, err := r.read(turn.Without(context.WithoutCancel(ctx)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys, r.err, r.at = all, err, at
	switch {
	case r.changes != changes: // the query may have missed them
		r.at = time.Time{}
	case err != nil:
		// Callers that waited for this query share its failure, instead of each waiting
		// as long in turn.
		r.at = time.Now().Add(time.Second - KeysKept)
	}
	return all, err
}

// kept returns the keys that were last read; fresh is false if it is time to read them.
func (r *Ring) kept() (all []keys.Key, fresh bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys, !r.at.IsZero() && time.Since(r.at) < KeysKept, r.err
}

func (r *Ring) read(ctx context.Context) ([]keys.Key, error) {
	var all []keys.Key
	err := r.store.run(ctx, call{
		what:  "read the keys",
		again: true,
		sql:   `SELECT name, admin, sha256, created, read_only, expires FROM tallyman.api_key ORDER BY name, created`,
		scan: func(rows pgx.Rows) error {
			all = nil
			for rows.Next() {
				var k keys.Key
				var sum []byte
				if err := rows.Scan((*string)(&k.Name), &k.Admin, &sum, &k.Created, &k.ReadOnly, (*zeronull.Timestamptz)(&k.Expires)); err != nil {
					return err
				}
				k.SHA256, k.Created, k.Expires = hex.EncodeToString(sum), k.Created.UTC(), k.Expires.UTC()
				all = append(all, k)
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Add implements keys.Ring.
func (r *Ring) Add(ctx context.Context, k keys.Key) (string, error) {
	k, secret, err := keys.Make(k)
	if err != nil {
		return "", err
	}
	added, err := r.insert(ctx, k)
	switch {
	case err != nil:
		return "", err
	case !added:
		return "", keys.ErrExists(k.Name)
	}
	return secret, nil
}

// insert adds a key unless it is there or its owner has keys.PerOwner.
func (r *Ring) insert(ctx context.Context, k keys.Key) (added bool, err error) {
	sum, err := hex.DecodeString(k.SHA256)
	if err != nil {
		return false, err
	}
	return r.change(ctx, `INSERT INTO tallyman.api_key (name, admin, sha256, created, read_only, expires)
		SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM tallyman.api_key WHERE name = $1) < $7 ON CONFLICT DO NOTHING RETURNING true`,
		string(k.Name), k.Admin, sum, k.Created, k.ReadOnly, zeronull.Timestamptz(k.Expires), keys.PerOwner)
}

// Import implements keys.Importer.
func (r *Ring) Import(ctx context.Context, k keys.Key) error {
	if err := k.Check(); err != nil {
		return err
	}
	added, err := r.insert(ctx, k)
	if err != nil || added {
		return err
	}
	all, err := r.All(ctx) // change has made sure that the keys are read again
	if err == nil && !slices.ContainsFunc(all, k.Same) {
		err = keys.ErrExists(k.Name)
	}
	return err
}

// Remove implements keys.Ring.
func (r *Ring) Remove(ctx context.Context, name session.Owner, id string) error {
	removed, err := r.change(ctx, `DELETE FROM tallyman.api_key WHERE name = $1 AND starts_with(encode(sha256, 'hex'), $2) RETURNING true`, string(name), id)
	if err == nil && !removed {
		return keys.ErrNone(name, id)
	}
	return err
}

// change executes a statement that returns a row if it changed something.
func (r *Ring) change(ctx context.Context, sql string, args ...any) (changed bool, err error) {
	err = r.store.run(ctx, call{
		what: "change the keys",
		sql:  sql,
		args: func() []any { return args },
		scan: func(rows pgx.Rows) error {
			changed = rows.Next()
			rows.Close()
			return nil
		},
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.changes = time.Time{}, r.changes+1
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == session.StorageUnavailable {
		return false, fault.New(session.StorageUnavailable, "the keys in %s could not be changed, or the answer was lost; check with \"tallyman key list\": %w", r.store.where, f.Err)
	}
	return changed, err
}
