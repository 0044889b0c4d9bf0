package postgres

import (
	"context"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// room counts the sessions that this process may begin without counting all sessions.
type room struct {
	most int64
	low  chan struct{} // signals that it is time to count
	turn chan struct{} // holds a token while an operation counts exactly

	mu     sync.Mutex
	left   int64 // sessions that may be begun without counting
	from   int64 // the value of left after the last count
	leased int64 // operations under way that took room
	sure   bool  // an operation that counts exactly is under way
	begun  int64 // all operations of both kinds so far
}

const (
	// countEvery is the pause between counts, unless room runs short.
	countEvery = 10 * time.Second
	// roomParts is the divisor of the free number: one process may fill that part
	// before it counts again.
	roomParts = 16
)

// take reserves room for a session, if some is left and no operation counts exactly.
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

// untake ends the reservation of take. used is false if the room was not needed.
func (r *room) untake(used bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leased--
	if !used {
		r.left++
	}
}

// makeSure waits until no other operation of this process counts exactly. If room is left
// by then, it reserves some. Otherwise it returns the number of sessions that may exist
// before a new one, for the database to count; take then reserves nothing until unsure is
// called. It fails with fault.Busy or fault.Cancelled.
func (r *room) makeSure(ctx context.Context) (leased bool, most int64, err error) {
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case r.turn <- struct{}{}:
	case <-late.C:
		return false, 0, session.ErrBusy("the number of sessions is close to its limit")
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
	// Sessions of the operations that reserved room may not be visible to the count yet.
	return false, r.most - r.leased, nil
}

// unsure ends makeSure.
func (r *room) unsure() {
	r.mu.Lock()
	r.sure = false
	r.mu.Unlock()
	<-r.turn
}

// worthCounting reports whether a count could find more room.
func (r *room) worthCounting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left < r.from
}

// counting begins a count. The caller passes the result to counted. The result may miss
// operations that are under way during the count.
func (r *room) counting() (counted func(n int64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	under, begun := r.leased+1, r.begun // 1 for an operation that counts exactly
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
	var n int64
	err := s.run(ctx, call{what: "count the sessions", again: true, sql: `SELECT count(*) FROM tallyman.session`, scan: one(&n)})
	if err == nil {
		counted(n)
	}
	return err
}
