package desk

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/session"
	"tallyman/internal/span"
)

// Limits bound the work of a desk. A field that is zero means its default.
type Limits struct {
	// Reading is how many uploads are read at once, by default one per processor. It
	// should equal the number of workers.
	Reading int
	// Waiting is how many more may wait for their turn, by default 64.
	Waiting int
	// Lines is how many lines the bills of one session may have together, by default
	// 100,000.
	Lines int
	// Spare reads for an owner for whom nothing is read while others have all places. nil
	// means that such an owner waits for one of them.
	Spare *intake.Reader

	// Memory is the budget for what documents become in memory, in bytes, by default
	// 1 GiB, and OwnerMemory the part of it that one owner can have, by default all.
	Memory, OwnerMemory int64

	// The limits of one owner: how many of the places for reading, by default all;
	// uploads under way, by default 32, and as many that wait to be read; sessions, by
	// default 100,000; and bytes of the files of sessions and of uploads under way, by
	// default 20 GiB.
	OwnerReading, OwnerUploads, OwnerSessions int
	OwnerBytes                                int64
}

// complete returns the limits with their defaults.
func (l Limits) complete() Limits {
	if l.Reading <= 0 {
		l.Reading = runtime.GOMAXPROCS(0)
	}
	l.Waiting = cmp.Or(l.Waiting, 64)
	l.Lines = cmp.Or(l.Lines, 100_000)
	l.Memory = cmp.Or(l.Memory, 1<<30)
	l.OwnerMemory = min(cmp.Or(l.OwnerMemory, l.Memory), l.Memory)
	l.OwnerReading = cmp.Or(l.OwnerReading, l.Reading)
	l.OwnerUploads = cmp.Or(l.OwnerUploads, 32)
	l.OwnerSessions = cmp.Or(l.OwnerSessions, 100_000)
	l.OwnerBytes = cmp.Or(l.OwnerBytes, 20<<30)
	return l
}

// queue gives places to owners in turn: next comes the oldest request of the owner that
// was served longest ago. Its length is bounded; further requests are refused at once.
//
// Spare places are for owners who have no other one: however long the requests that hold
// all ordinary places take, such an owner does not wait for them.
type queue struct {
	what                   string // of which there are many, for people
	places, spares, atOnce int    // limits: ordinary and spare places, and those of one owner
	waiting, ownerWaiting  int    // limits of those who wait

	mu     sync.Mutex
	busy   int // ordinary places
	spared int // spare places
	queued int
	owners map[session.Owner]*line
	clock  int64         // the number of places given so far
	mean   time.Duration // how long a place is held, the latest counting most
}

// line has an owner's requests in the queue.
type line struct {
	waiting []*turn
	busy    int
	served  int64 // the clock when the owner was last served
}

type turn struct {
	ready chan struct{}
	given bool
	spare bool
	began time.Time
}

func newQueue(l Limits) *queue {
	l = l.complete()
	q := &queue{
		what: "uploads are waiting to be read", places: l.Reading, atOnce: l.OwnerReading, waiting: l.Waiting, ownerWaiting: l.OwnerUploads,
		owners: map[session.Owner]*line{}, mean: time.Second,
	}
	if l.Spare != nil {
		q.spares = 1
	}
	return q
}

// errFull is the fault of a request for which the queue has no place. It expects that
// places are held as long as before.
func (q *queue) errFull() error {
	seconds := int(min(max(q.mean*time.Duration(1+q.queued)/time.Duration(q.places), time.Second), 5*time.Minute).Seconds())
	return fault.New(fault.Busy, "the server is busy: %d %s; try again in %d seconds", q.queued, q.what, seconds).
		With(session.RetryAfter{Seconds: seconds})
}

// full reports whether the queue would refuse an owner's next request. An owner without
// waiting requests always gets a place, so that others cannot take all of them.
func (q *queue) full(owner session.Owner) bool {
	l := q.owners[owner]
	return l != nil && (q.queued >= q.waiting && len(l.waiting) > 0 || len(l.waiting) >= q.ownerWaiting)
}

// check fails with fault.Busy if enter would do so now.
func (q *queue) check(owner session.Owner) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full(owner) {
		return q.errFull()
	}
	return nil
}

// Watcher receives durations, for measurements. Its functions must be quick.
type Watcher struct {
	// Waited receives how long an upload waited for its turn, if its turn came.
	Waited func(time.Duration)
	// Read receives how long its turn then took.
	Read func(time.Duration)
}

// Watch sets the watcher, in place of the one before.
func (d *Desk) Watch(w Watcher) { d.watcher.Store(&w) }

// turn waits for an owner's turn to read with the reader that it returns; done ends it.
// It fails as queue.enter does.
func (d *Desk) turn(ctx context.Context, owner session.Owner) (reader *intake.Reader, done func(), err error) {
	began := time.Now()
	leave, spare, err := d.queue.enter(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	reader = d.reader
	if spare {
		reader = d.spare
	}
	w := d.watcher.Load()
	if w == nil {
		return reader, leave, nil
	}
	turn := time.Now()
	w.Waited(turn.Sub(began))
	return reader, func() {
		w.Read(time.Since(turn))
		leave()
	}, nil
}

// enter waits for a place, which may be a spare one; leave gives it back. It fails with
// fault.Busy at once if the queue is full, and with fault.Cancelled if ctx ends.
func (q *queue) enter(ctx context.Context, owner session.Owner) (leave func(), spare bool, err error) {
	_, sp := span.Start(ctx, "queue.wait")
	defer func() { sp.End(err) }()
	q.mu.Lock()
	if q.full(owner) {
		defer q.mu.Unlock()
		return nil, false, q.errFull()
	}
	sp.Int("waiting", int64(q.queued))
	l := q.owners[owner]
	if l == nil {
		l = &line{}
		q.owners[owner] = l
	}
	t := &turn{ready: make(chan struct{})}
	l.waiting = append(l.waiting, t)
	q.queued++
	q.next()
	q.mu.Unlock()

	select {
	case <-t.ready:
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		if t.given {
			q.leave(owner, t)
		} else {
			q.abandon(owner, t)
		}
		return nil, false, fault.Ended(ctx.Err())
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.mean += (time.Since(t.began) - q.mean) / 8
			q.leave(owner, t)
		})
	}, t.spare, nil
}

func (q *queue) leave(owner session.Owner, t *turn) {
	if t.spare {
		q.spared--
	} else {
		q.busy--
	}
	q.owners[owner].busy--
	q.forget(owner)
	q.next()
}

func (q *queue) abandon(owner session.Owner, t *turn) {
	l := q.owners[owner]
	if i := slices.Index(l.waiting, t); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		q.queued--
	}
	q.forget(owner)
}

// forget removes owners without uploads, so that the map does not grow.
func (q *queue) forget(owner session.Owner) {
	if l := q.owners[owner]; l.busy == 0 && len(l.waiting) == 0 {
		delete(q.owners, owner)
	}
}

// next gives free places away: to the owners with the fewest, and among those to the
// one served longest ago.
func (q *queue) next() {
	for q.queued > 0 {
		var first *line
		for _, l := range q.owners {
			if len(l.waiting) == 0 || l.busy >= q.atOnce {
				continue
			}
			if first == nil || l.busy < first.busy || l.busy == first.busy && l.served < first.served {
				first = l
			}
		}
		spare := q.busy >= q.places
		if first == nil || spare && (first.busy > 0 || q.spared >= q.spares) {
			return
		}
		t := first.waiting[0]
		first.waiting = first.waiting[1:]
		first.busy++
		q.clock++
		first.served = q.clock
		q.queued--
		if t.spare = spare; spare {
			q.spared++
		} else {
			q.busy++
		}
		t.given, t.began = true, time.Now()
		close(t.ready)
	}
}

// Load is the amount of work.
type Load struct {
	Reading int // uploads being read
	Waiting int // uploads that wait for their turn
}

func (q *queue) load() Load {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Load{Reading: q.busy + q.spared, Waiting: q.queued}
}
