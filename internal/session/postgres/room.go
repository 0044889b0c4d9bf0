package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/fault"
)

// room is how many sessions this process may begin without counting all.
type room struct {
	most int64
	low  chan struct{} // says that it is time to count
	turn chan struct{} // holds something while an operation counts for sure

	mu     sync.Mutex
	left   int64 // sessions that may be begun without counting
	from   int64 // what left was when they were counted
	leased int64 // operations under way that took room
	sure   bool  // an operation is under way that counts for sure
	begun  int64 // all operations of both kinds so far
}

const (
	// countEvery is the pause between counts, if no more are needed.
	countEvery = 10 * time.Second
	// roomParts is the part of what is free that one process may fill before it
	// counts again.
	roomParts = 16
)

// take takes room for a session, if some is left and nobody is counting for sure.
func (r *room) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if 2*r.left < r.from {
		select {
		case r.low <- struct{}{}:
		default:
		}
	}
	if r.left <= 0 || r.sure {
		return false
	}
	r.left--
	r.leased++
	r.begun++
	return true
}

// untake ends what take began. used is false if the room was not needed.
func (r *room) untake(used bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leased--
	if !used {
		r.left++
	}
}

// makeSure waits until no other operation of this process counts for sure. Then it
// takes room, if some is left by now; else it returns how many sessions there may
// be before another one, which is to be counted. Until unsure is called no room is
// taken then. It fails with fault.Busy or fault.Cancelled.
func (r *room) makeSure(ctx context.Context) (leased bool, most int64, err error) {
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case r.turn <- struct{}{}:
	case <-late.C:
		return false, 0, errBusy("there are about as many sessions as it keeps")
	case <-ctx.Done():
		return false, 0, fault.Ended(ctx.Err())
	}
	if r.take() {
		<-r.turn
		return true, 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sure = true
	r.begun++
	// Those that took room may not be seen yet.
	return false, r.most - r.leased, nil
}

// unsure ends what makeSure began.
func (r *room) unsure() {
	r.mu.Lock()
	r.sure = false
	r.mu.Unlock()
	<-r.turn
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
	under, begun := r.leased+1, r.begun // and the one that counts, if any
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
