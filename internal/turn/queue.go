// Package turn shares among owners what there is little of, so that the flood of one costs
// the others little: places (Queue), and the time of the processors (Processors).
package turn

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrFull is the error of a request for which a queue has no room.
var ErrFull = errors.New("the queue is full")

// Limits are those of a Queue. All but Spares must be 1 or more.
type Limits struct {
	Places, Spares int // ordinary and spare places
	Each           int // ordinary places of one owner
	// Waiting bounds those who wait, but for the first of each owner, and OwnerWaiting
	// those of one owner.
	Waiting, OwnerWaiting int
}

// Queue gives places to owners in turn: next comes the oldest request of the owner that
// has the fewest places, and among those of the one that was served longest ago. Its length
// is bounded; further requests are refused at once.
//
// Spare places are for owners who have no other one: however long the requests that hold
// all ordinary places take, such an owner does not wait for them.
type Queue struct {
	limits Limits

	mu     sync.Mutex
	busy   int // ordinary places
	spared int // spare places
	queued int
	owners map[string]*line
	clock  int64         // the number of places given so far
	mean   time.Duration // how long a place is held, the latest counting most
}

// line has an owner's requests in the queue.
type line struct {
	back, waiting []*Place // those that come back, and the others, are served by turns
	cameBack      bool     // the last one that was served came back
	busy          int
	served        int64 // the clock when the owner was last served
}

// Place is a place in a queue. The caller must Leave it.
type Place struct {
	// Spare is true if it is a spare one.
	Spare bool

	q     *Queue
	owner string
	ready chan struct{} // closed when it is given; nil if nobody waits for that
	given bool
	left  bool
	began time.Time
}

// NewQueue returns a queue, given how long a place may be held.
func NewQueue(l Limits, mean time.Duration) *Queue {
	return &Queue{limits: l, owners: map[string]*line{}, mean: mean}
}

// Wait returns after how long a request of an owner that is refused now may find a place, if
// places are held as long as before.
func (q *Queue) Wait(owner string) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := 0
	if l := q.owners[owner]; l != nil {
		own = len(l.waiting) + len(l.back)
	}
	return max(q.mean*time.Duration(1+q.queued)/time.Duration(q.limits.Places), q.mean*time.Duration(1+own)/time.Duration(q.limits.Each))
}

// Load returns how many places are taken, and how many requests wait.
func (q *Queue) Load() (taken, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.busy + q.spared, q.queued
}

// Full reports whether the queue would refuse an owner's next request. An owner without
// waiting requests always gets a place, so that others cannot take all of them.
func (q *Queue) Full(owner string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full(owner)
}

func (q *Queue) full(owner string) bool {
	l := q.owners[owner]
	return l != nil && (q.queued >= q.limits.Waiting && len(l.waiting) > 0 || len(l.waiting) >= q.limits.OwnerWaiting)
}

// Enter waits for a place. It fails with ErrFull at once if the queue is full, and with the
// error of ctx if that ends.
func (q *Queue) Enter(ctx context.Context, owner string) (*Place, error) {
	q.mu.Lock()
	if q.full(owner) {
		q.mu.Unlock()
		return nil, ErrFull
	}
	return q.enter(ctx, owner, false)
}

// enter waits for a place; back is true for a request that had one before. The queue is
// locked, and is unlocked on return.
func (q *Queue) enter(ctx context.Context, owner string, back bool) (*Place, error) {
	p := &Place{q: q, owner: owner}
	l := q.owners[owner]
	if l == nil {
		l = &line{}
		q.owners[owner] = l
	}
	if back {
		l.back = append(l.back, p)
	} else {
		l.waiting = append(l.waiting, p)
	}
	q.queued++
	q.next()
	if p.given {
		q.mu.Unlock()
		return p, nil
	}
	p.ready = make(chan struct{})
	q.mu.Unlock()

	select {
	case <-p.ready:
		return p, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.given {
		q.leave(p)
	} else {
		l.back, l.waiting = without(l.back, p), without(l.waiting, p)
		q.queued--
		q.forget(owner)
	}
	return nil, ctx.Err()
}

func without(list []*Place, p *Place) []*Place {
	return slices.DeleteFunc(list, func(other *Place) bool { return other == p })
}

// Leave gives the place back. Further calls do nothing.
func (p *Place) Leave() {
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	if !p.left {
		p.q.mean += (time.Since(p.began) - p.q.mean) / 8
		p.q.leave(p)
	}
}

func (q *Queue) leave(p *Place) {
	p.left = true
	if p.Spare {
		q.spared--
	} else {
		q.busy--
	}
	q.owners[p.owner].busy--
	q.forget(p.owner)
	q.next()
}

// forget removes owners without requests, so that the map does not grow.
func (q *Queue) forget(owner string) {
	if l := q.owners[owner]; l.busy == 0 && len(l.waiting) == 0 && len(l.back) == 0 {
		delete(q.owners, owner)
	}
}

// next gives free places away.
func (q *Queue) next() {
	for q.queued > 0 {
		var first *line
		for _, l := range q.owners {
			if len(l.waiting) == 0 && len(l.back) == 0 || l.busy >= q.limits.Each {
				continue
			}
			if first == nil || l.busy < first.busy || l.busy == first.busy && l.served < first.served {
				first = l
			}
		}
		if first == nil {
			return
		}
		spare := q.busy >= q.limits.Places
		if spare && (first.busy > 0 || q.spared >= q.limits.Spares) {
			return
		}
		from := &first.waiting
		first.cameBack = len(first.back) > 0 && (len(first.waiting) == 0 || !first.cameBack)
		if first.cameBack {
			from = &first.back
		}
		p := (*from)[0]
		*from = (*from)[1:]
		first.busy++
		q.clock++
		first.served = q.clock
		q.queued--
		if p.Spare = spare; spare {
			q.spared++
		} else {
			q.busy++
		}
		p.given, p.began = true, time.Now()
		if p.ready != nil {
			close(p.ready)
		}
	}
}
