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

// Limits bound the work that waits. A field that is zero stands for its default.
type Limits struct {
	// Reading is how many uploads are read at once: one per processor by
	// default. It should be the number of workers.
	Reading int
	// Waiting is how many more may wait for their turn: 64 by default.
	Waiting int
	// Lines is how many lines the bills of one session may have together:
	// 100,000 by default.
	Lines int
}

// queue lends out places for reading, in turn among owners: whoever has waited
// longest of the owner that was served longest ago comes next. It never holds
// more than it may; who does not fit is told so at once.
type queue struct {
	reading, waiting int // limits

	mu     sync.Mutex
	busy   int
	queued int
	owners map[session.Owner]*line
	clock  int64 // counts places given
}

// line is an owner's place in the queue.
type line struct {
	waiting []*turn
	busy    int
	served  int64 // the queue's clock when the owner was served last
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

// errFull is what an upload gets that finds no room to wait. A place is taken to
// need a second.
func (q *queue) errFull() error {
	seconds := min(30, 1+q.queued/q.reading)
	return fault.New(fault.Busy, "the server is busy: %d uploads are waiting to be read; try again in %d seconds", q.queued, seconds).
		With(session.RetryAfter{Seconds: seconds})
}

// full reports whether an owner's next upload would not find room. An owner who
// has nothing waiting always finds room: others cannot take all of it.
func (q *queue) full(owner session.Owner) bool {
	l := q.owners[owner]
	return q.queued >= q.waiting && l != nil && len(l.waiting) > 0
}

// check fails with fault.Busy if enter would now.
func (q *queue) check(owner session.Owner) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full(owner) {
		return q.errFull()
	}
	return nil
}

// Watcher hears how long work takes, for measurements. Its functions must be quick.
type Watcher struct {
	// Waited gets how long something waited for its turn to be read, if it got it.
	Waited func(time.Duration)
	// Read gets how long it then had its turn.
	Read func(time.Duration)
}

// Watch sets who hears how long work takes, in place of who did.
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

// enter waits for a place to read; leave gives it back. It fails with fault.Busy
// at once if there is no room to wait, and with fault.Cancelled if ctx ends.
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

// forget drops owners who have nothing here, so that the map does not grow.
func (q *queue) forget(owner session.Owner) {
	if l := q.owners[owner]; l.busy == 0 && len(l.waiting) == 0 {
		delete(q.owners, owner)
	}
}

// next gives free places away: to the owner with the fewest, among those the one
// served longest ago.
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

// Load is how much there is to read.
type Load struct {
	Reading int // uploads being read
	Waiting int // uploads that wait for their turn
}

func (q *queue) load() Load {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Load{Reading: q.busy, Waiting: q.queued}
}
