package desk

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/session"
	"tallyman/internal/span"
	"tallyman/internal/turn"
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
	// uploads under way, by default 32, and as many that wait to begin or to be read; sessions, by
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

// queue gives places to owners in turn; see turn.Queue.
type queue struct {
	*turn.Queue
	what string // of which there are many, for people
}

func newQueue(l Limits) *queue {
	l = l.complete()
	spares := 0
	if l.Spare != nil {
		spares = 1
	}
	return &queue{turn.NewQueue(turn.Limits{
		Places: l.Reading, Spares: spares, Each: l.OwnerReading, Waiting: l.Waiting, OwnerWaiting: l.OwnerUploads,
	}, time.Second), "uploads are waiting to be read"}
}

// errFull is the fault of a request for which the queue has no place.
func (q *queue) errFull(owner session.Owner) error {
	_, waiting := q.Load()
	seconds := session.Seconds(q.Wait(string(owner)))
	return fault.New(fault.Busy, "the server is busy: %d %s; try again in %d seconds", waiting, q.what, seconds).
		With(session.RetryAfter{Seconds: seconds})
}

// check fails with fault.Busy if enter would do so now.
func (q *queue) check(owner session.Owner) error {
	if q.Full(string(owner)) {
		return q.errFull(owner)
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

// turn waits for an owner's turn to read with the reader that it returns, which keeps the
// owner's pages; done ends it. It fails as queue.enter does.
func (d *Desk) turn(ctx context.Context, owner session.Owner) (reader *intake.Reader, done func(), err error) {
	reader, done, err = d.place(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	return reader.Keeping(string(owner)), done, nil
}

// place is turn for a reader that keeps nothing.
func (d *Desk) place(ctx context.Context, owner session.Owner) (reader *intake.Reader, done func(), err error) {
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
	_, waiting := q.Load()
	sp.Int("waiting", int64(waiting))
	defer turn.Pause(ctx)()
	p, err := q.Enter(ctx, string(owner))
	switch {
	case errors.Is(err, turn.ErrFull):
		return nil, false, q.errFull(owner)
	case err != nil:
		return nil, false, fault.Ended(err)
	}
	return p.Leave, p.Spare, nil
}

// Load is the amount of work.
type Load struct {
	Reading int // uploads being read
	Waiting int // uploads that wait for their turn
}

func (q *queue) load() Load {
	taken, waiting := q.Load()
	return Load{Reading: taken, Waiting: waiting}
}
