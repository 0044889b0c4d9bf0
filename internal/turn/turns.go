package turn

import (
	"context"
	"math"
	"sync"
	"time"
)

// Turns has the requests of owners take turns on the processors, and at the disk. As long as
// more than one owner sends requests, a place is left to those for whom nothing is done, and
// the others go round; an owner who is alone does not wait.
//
// A turn lasts as long as the request works. While it waits for something else, a worker, a
// disk or its client, it gives the turn up: see Pause.
type Turns struct {
	processors, disk place

	mu      sync.Mutex
	last    string    // the owner who began last
	another time.Time // when another owner than the one before began last
}

// place is a queue with its limits while there are several owners.
type place struct {
	q      *Queue
	shared Limits
}

const (
	// sharedFor is how long an owner counts as present after a request.
	sharedFor = 5 * time.Second
	// mostWaiting bounds the requests of one owner that wait for their first turn.
	mostWaiting = 512
)

// New returns turns on so many processors.
func New(processors int) *Turns {
	of := func(most int) place {
		l := Limits{Places: most, Spares: 1, Each: most, Waiting: math.MaxInt, OwnerWaiting: mostWaiting}
		return place{NewQueue(l, time.Millisecond), l}
	}
	return &Turns{processors: of(max(1, processors-1)), disk: of(1)}
}

// present notes that an owner is here, and reports whether others are, too.
func (t *Turns) present(owner string) (shared bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if owner != t.last {
		if t.last != "" {
			t.another = now
		}
		t.last = owner
	}
	return now.Sub(t.another) <= sharedFor
}

// enter waits for a place; back is true for a request that had one before, which is never
// refused.
func (p *place) enter(ctx context.Context, owner string, shared, back bool) (*Place, error) {
	q := p.q
	q.mu.Lock()
	if q.limits = p.shared; !shared {
		q.limits.Places, q.limits.Each = math.MaxInt, math.MaxInt
	}
	if !back && q.full(owner) {
		q.mu.Unlock()
		return nil, ErrFull
	}
	return q.enter(ctx, owner, back)
}

// Turn is the turn of one request. The nil Turn waits for nothing.
type Turn struct {
	of    *Turns
	owner string

	mu    sync.Mutex
	place *Place // nil while the turn is given up
	ended bool
}

type key struct{}

// Begin waits for the first turn of a request; End ends the last one. It fails with ErrFull
// at once if too many requests of the owner wait, and with the error of ctx. Pause, Sync and
// Fork take the context that it returns.
func (t *Turns) Begin(ctx context.Context, owner string) (context.Context, *Turn, error) {
	first, err := t.processors.enter(ctx, owner, t.present(owner), false)
	if err != nil {
		return ctx, nil, err
	}
	own := &Turn{of: t, owner: owner, place: first}
	return context.WithValue(ctx, key{}, own), own, nil
}

// Wait returns after how long a request of an owner that is refused now may find room.
func (t *Turns) Wait(owner string) time.Duration { return t.processors.q.Wait(owner) }

// End ends the turn.
func (t *Turn) End() {
	if t == nil {
		return
	}
	t.mu.Lock()
	place := t.place
	t.place, t.ended = nil, true
	t.mu.Unlock()
	if place != nil {
		place.Leave()
	}
}

// Pause gives the turn up while its request waits for something that is not a processor;
// resume waits for the next turn. A request that works in several goroutines has one turn:
// what is given up already is not given up again.
func (t *Turn) Pause(ctx context.Context) (resume func()) {
	if t == nil {
		return nothing
	}
	t.mu.Lock()
	place := t.place
	t.place = nil
	t.mu.Unlock()
	if place == nil {
		return nothing
	}
	place.Leave()
	return func() {
		place, err := t.enter(ctx, &t.of.processors)
		if err != nil {
			return // the request is about to end
		}
		t.mu.Lock()
		ended := t.ended
		if !ended {
			t.place = place
		}
		t.mu.Unlock()
		if ended {
			place.Leave()
		}
	}
}

func (t *Turn) enter(ctx context.Context, at *place) (*Place, error) {
	return at.enter(ctx, t.owner, t.of.present(t.owner), true)
}

func nothing() {}

func of(ctx context.Context) *Turn {
	t, _ := ctx.Value(key{}).(*Turn)
	return t
}

// Pause gives up the turn of the request with a context, if it has one; see Turn.Pause. No
// lock may be held from one to the other: what waits for it would wait for the turn.
func Pause(ctx context.Context) (resume func()) { return of(ctx).Pause(ctx) }

// Without returns a context without the turn, for work under a lock that others with turns
// wait for.
func Without(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, nil) }

// Fork begins a turn of its own for a goroutine that works for the request with a context
// while the request waits for it; end ends it.
func Fork(ctx context.Context) (own context.Context, end func()) {
	t := of(ctx)
	if t == nil {
		return ctx, nothing
	}
	fork := &Turn{of: t.of, owner: t.owner}
	fork.place, _ = t.enter(ctx, &t.of.processors) // without a turn, the work ends with ctx
	return context.WithValue(ctx, key{}, fork), fork.End
}

// Sync pauses the request with a context, if it takes turns, and waits for its turn to sync
// what it has written to the disk; done ends that and waits for the next turn.
func Sync(ctx context.Context) (done func()) {
	t := of(ctx)
	if t == nil {
		return nothing
	}
	resume := t.Pause(ctx)
	place, err := t.enter(ctx, &t.of.disk)
	return func() {
		if err == nil {
			place.Leave()
		}
		resume()
	}
}
