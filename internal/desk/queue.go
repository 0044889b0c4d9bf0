package desk

import (
	"context"
	"runtime"
	"sync"
	"time"

	"tallyman/internal/fault"
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
}

// queue gives places for reading to owners in turn: next comes the oldest upload of the
// owner that was served longest ago. Its length is bounded; further uploads are refused
// at once.
type queue struct {
	reading, waiting int // limits

	mu     sync.Mutex
	busy   int
	queued int
	owners map[session.Owner]*line
	clock  int64 // the number of places given so far
}

// line has an owner's uploads in the queue.
type line struct {
	waiting []*turn
	busy    int
	served  int64 // the clock when the owner was last served
}

type turn struct {
	ready chan struct{}
	given bool
}

func newQueue(l Limits) *queue {
	if l.Reading <= 0 {
		l.Reading = runtime.NumCPU()
	}
	if l.Waiting <= 0 {
		l.Waiting = 64
	}
	return &queue{reading: l.Reading, waiting: l.Waiting, owners: map[session.Owner]*line{}}
}

// errFull is the fault of an upload for which the queue has no place. It assumes one
// second per upload.
func (q *queue) errFull() error {
	seconds := min(30, 1+q.queued/q.reading)
	return fault.New(fault.Busy, "the server is busy: %d uploads are waiting to be read; try again in %d seconds", q.queued, seconds).
		With(session.RetryAfter{Seconds: seconds})
}

// full reports whether the queue would refuse an owner's next upload. An owner without
// waiting uploads always gets a place, so that others cannot take all of them.
func (q *queue) full(owner session.Owner) bool {
	l := q.owners[owner]
	return q.queued >= q.waiting && l != nil && len(l.waiting) > 0
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

// turn waits for an owner's turn to read; done ends it. It fails as queue.enter does.
func (d *Desk) turn(ctx context.Context, owner session.Owner) (done func(), err error) {
	began := time.Now()
	leave, err := d.queue.enter(ctx, owner)
	w := d.watcher.Load()
	if err != nil || w == nil {
		return leave, err
	}
	turn := time.Now()
	w.Waited(turn.Sub(began))
	return func() {
		w.Read(time.Since(turn))
		leave()
	}, nil
}

// enter waits for a place to read; leave gives it back. It fails with fault.Busy at
// once if the queue is full, and with fault.Cancelled if ctx ends.
func (q *queue) enter(ctx context.Context, owner session.Owner) (leave func(), err error) {
	_, sp := span.Start(ctx, "queue.wait")
	defer func() { sp.End(err) }()
	q.mu.Lock()
	if q.full(owner) {
		defer q.mu.Unlock()
		return nil, q.errFull()
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
			q.leave(owner)
		} else {
			q.abandon(owner, t)
		}
		return nil, fault.Ended(ctx.Err())
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.leave(owner)
		})
	}, nil
}

func (q *queue) leave(owner session.Owner) {
	q.busy--
	q.owners[owner].busy--
	q.forget(owner)
	q.next()
}

func (q *queue) abandon(owner session.Owner, t *turn) {
	l := q.owners[owner]
	for i, other := range l.waiting {
		if other == t {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			q.queued--
			break
		}
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
	for q.busy < q.reading && q.queued > 0 {
		var first *line
		for _, l := range q.owners {
			if len(l.waiting) == 0 {
				continue
			}
			if first == nil || l.busy < first.busy || l.busy == first.busy && l.served < first.served {
				first = l
			}
		}
		t := first.waiting[0]
		first.waiting = first.waiting[1:]
		first.busy++
		q.clock++
		first.served = q.clock
		q.queued--
		q.busy++
		t.given = true
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
	return Load{Reading: q.busy, Waiting: q.queued}
}
