package postgres

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// room is how many sessions this process may begin without counting all.
type room struct {
	most int64
	left atomic.Int64
	from atomic.Int64  // what left was when it was counted last
	low  chan struct{} // says that it is time to count
}

const (
	// countEvery is the pause between counts, if no more are needed.
	countEvery = 10 * time.Second
	// roomParts is the part of what is free that one process may fill before it
	// counts again.
	roomParts = 16
)

// take takes room for a session, and reports whether there was some.
func (r *room) take() bool {
	left := r.left.Add(-1)
	if left < 0 {
		r.left.Add(1)
	}
	if left < r.from.Load()/2 && r.from.Load() > 0 {
		select {
		case r.low <- struct{}{}:
		default:
		}
	}
	return left >= 0
}

// giveBack gives back room that was not needed.
func (r *room) giveBack() { r.left.Add(1) }

// counted says how many sessions there are.
func (r *room) counted(n int64) {
	left := max((r.most-n)/roomParts, 0)
	r.from.Store(left)
	r.left.Store(left)
}

// count counts the sessions.
func (s *Store) count(ctx context.Context) error {
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
				s.room.counted(n)
			}
			return nil
		},
	})
}
