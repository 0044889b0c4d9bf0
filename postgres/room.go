package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// room is how many sessions this process may begin without counting all.
type room struct {
	most int64
	low  chan struct{} // says that it is time to count

	mu     sync.Mutex
	left   int64 // sessions that may be begun without counting
	from   int64 // what left was when they were counted
	under  int64 // operations under way that may begin a session
	leased int64 // those of them that do not count
	begun  int64 // all operations of the kind so far
}

const (
	// countEvery is the pause between counts, if no more are needed.
	countEvery = 10 * time.Second
	// roomParts is the part of what is free that one process may fill before it
	// counts again.
	roomParts = 16
)

// begin begins an operation that may begin a session. most is nil if there is room
// for that, and else how many sessions there may be before; the operation is to
// count them then.
func (r *room) begin() (most *int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.under++
	r.begun++
	if 2*r.left < r.from {
		select {
		case r.low <- struct{}{}:
		default:
		}
	}
	if r.left > 0 {
		r.left--
		r.leased++
		return nil
	}
	// Those that did not count may not be seen yet by who does.
	n := r.most - r.leased
	return &n
}

// end ends the operation. most is what begin returned.
func (r *room) end(most *int64, used bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.under--
	if most == nil {
		r.leased--
		if !used {
			r.left++
		}
	}
}

// worthCounting reports whether a count could make more room.
func (r *room) worthCounting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left < r.from
}

// counting says that a count begins. counted is to be told how many there were:
// what is under way meanwhile it may not have seen.
func (r *room) counting() (counted func(n int64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	under, begun := r.under, r.begun
	return func(n int64) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.from = max((r.most-n-under)/roomParts, 0)
		r.left = max(r.from-(r.begun-begun), 0)
	}
}

// count counts the sessions.
func (s *Store) count(ctx context.Context) error {
	counted := s.room.counting()
	return s.run(ctx, call{
		what:  "count the sessions",
		again: true,
		sql:   `SELECT count(*) FROM tallyman.session`,
		args:  func() []any { return nil },
		scan: func(rows pgx.Rows) error {
			var n int64
			if rows.Next() {
				if err := rows.Scan(&n); err != nil {
					return err
				}
				counted(n)
			}
			return nil
		},
	})
}
