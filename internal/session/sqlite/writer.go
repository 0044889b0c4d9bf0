package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/turn"
)

// The writer is the one goroutine that decides and commits. It takes all waiting
// operations, decides them one after the other, each on the state that the ones before
// leave, commits their changes in one transaction with one sync, publishes them in the
// table, and only then answers.
//
// Decisions are made in memory, so an operation that fails by itself changes nothing
// and disturbs no other. If the commit fails, nothing was published, and each operation
// is decided and committed again separately: one that finds no room does not make the
// others fail.

const (
	// maxBatch bounds how many operations share a commit.
	maxBatch = 256
	// maxWaiting bounds how many operations may wait for the writer.
	maxWaiting = 1024
	// gatherTime bounds how long a commit waits for more operations.
	gatherTime = 10 * time.Millisecond
	// trimRows bounds how many stale rows are removed in one commit.
	trimRows = 256
	// shrinkPages bounds how many free pages the database file returns at a time.
	shrinkPages = 256
)

// The phases of an operation.
const (
	waiting int32 = iota // in the queue
	taken                // being decided: its outcome is settled from here on
	dropped              // its context ended in the queue
)

// operation is an operation to decide and commit.
type operation struct {
	decide func(*batch) error
	frees  bool // the operation only deletes, so it may use the reserve
	phase  atomic.Int32
	err    error
	done   chan struct{} // closed when err and the results of decide are final
}

// do has the writer carry out an operation and returns its outcome. decide may
// be called more than once; its last call counts.
func (s *Store) do(ctx context.Context, decide func(*batch) error) error {
	return s.await(ctx, &operation{decide: decide, done: make(chan struct{})})
}

// free is do for operations that only delete.
func (s *Store) free(ctx context.Context, decide func(*batch) error) error {
	return s.await(ctx, &operation{decide: decide, frees: true, done: make(chan struct{})})
}

// ask carries out an operation by do or free, and returns its answer: that of decide's last
// call, and nothing if it fails.
func ask[T any](ctx context.Context, do func(context.Context, func(*batch) error) error, decide func(*batch) (T, error)) (T, error) {
	var answer, none T
	err := do(ctx, func(b *batch) (err error) {
		answer, err = decide(b)
		return err
	})
	if err != nil {
		return none, err
	}
	return answer, nil
}

func (s *Store) await(ctx context.Context, op *operation) error {
	if err := ctx.Err(); err != nil {
		return fault.Ended(err)
	}
	if err := s.enqueue(op); err != nil {
		return err
	}
	defer turn.Pause(ctx)()
	select {
	case <-op.done:
		return op.err
	case <-ctx.Done():
	}
	if op.phase.CompareAndSwap(waiting, dropped) {
		return fault.Ended(ctx.Err())
	}
	<-op.done
	return op.err
}

func (s *Store) enqueue(op *operation) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed.Load() {
		return session.ErrClosed()
	}
	select {
	case s.queue <- op:
		return nil
	default:
		return session.ErrBusy("too many operations on sessions are waiting")
	}
}

// write is the writer. It ends when the queue is closed and empty.
func (s *Store) write() {
	defer close(s.written)
	ops := make([]*operation, 0, maxBatch)
	var callers int        // how many there were at the last commit
	var took time.Duration // by it
	for op := range s.queue {
		ops = s.gather(append(ops[:0], op), callers, min(took, gatherTime))
		began, n := time.Now(), len(ops)
		live := ops[:0]
		for _, op := range ops {
			if op.phase.CompareAndSwap(waiting, taken) {
				live = append(live, op)
			}
		}
		s.carryOut(live)
		took, callers = time.Since(began), n+len(s.queue)
		s.maintain()
	}
}

// gather adds what waits in the queue to operations. Callers that were just answered are
// about to send their next operation. So it waits for as many as there were before, but no
// longer than a commit takes: one commit for all is quicker than two for half of them each.
func (s *Store) gather(ops []*operation, callers int, wait time.Duration) []*operation {
	late := time.After(wait)
	for len(ops) < maxBatch && (len(ops) < callers || len(s.queue) > 0) {
		select {
		case op, open := <-s.queue:
			if !open {
				return ops
			}
			ops = append(ops, op)
		case <-late:
			callers = 0
		}
	}
	return ops
}

// carryOut decides, commits and answers operations.
func (s *Store) carryOut(ops []*operation) {
	if err := s.settle(); err != nil {
		answer(ops, err)
		return
	}
	var trim []int64
	if s.stale.len() > max(s.place.staleRows, int(s.table.size.Load())/2) {
		trim = s.stale.oldest(trimRows)
	}
	if s.try(ops, trim) == nil {
		return
	}
	for i, op := range ops {
		if err := s.settle(); err != nil {
			answer(ops[i:], err)
			return
		}
		s.alone(op)
	}
}

// alone decides, commits and answers one operation after the commit of many
// failed.
func (s *Store) alone(op *operation) {
	one := []*operation{op}
	err := s.try(one, nil)
	if isFull(err) && op.frees && s.reserve.giveUp() && s.settle() == nil {
		// Sessions can be cleared on a full disk.
		err = s.try(one, nil)
		if isFull(err) && s.settle() == nil {
			err = s.try(one, nil) // the log may have begun anew in the room of the reserve
		}
	}
	if err == nil {
		return
	}
	if serr := s.settle(); serr != nil || !isFull(err) {
		answer(one, unsettled(errors.Join(err, serr)))
		return
	}
	answer(one, storageFault("write the session", err))
}

func answer(ops []*operation, err error) {
	for _, op := range ops {
		op.err = err
		close(op.done)
	}
}

// try decides, commits and answers operations together, and removes stale rows with them. If
// it fails, nothing was changed and no operation was answered.
func (s *Store) try(ops []*operation, trim []int64) error {
	b := &batch{store: s, now: s.now(), slots: map[session.Key]*slot{}, trim: trim}
	for _, op := range ops {
		op.err = op.decide(b)
	}
	if w := b.work(); !w.empty() {
		if err := s.db.apply(w); err != nil {
			s.failed(w, err)
			return err
		}
	}
	b.publish()
	for _, op := range ops {
		close(op.done)
	}
	return nil
}

// failed records a commit that failed. The log may now hold the whole transaction
// although SQLite does not count it, and a crash would bring it to life. Its rows are
// suspect until that place in the log is overwritten.
func (s *Store) failed(w work, err error) {
	if s.db.log.writes > 0 {
		for _, r := range w.rows {
			s.suspects = append(s.suspects, r.seq)
		}
		s.cause = err
		s.unsure.Store(true)
	}
	if isFull(err) {
		// The log cannot grow. If it can be copied into the database file, it need not:
		// the next commit begins it anew.
		_ = s.db.checkpoint(sqlite3.CHECKPOINT_RESTART)
	}
}

// settle makes sure that failed commits stay undone. It returns an error as long as
// it cannot.
//
// It must use the connection that failed. That connection knows how far the log was
// good and overwrites the rest. Another connection would read the rest from the
// system's cache, take it for written, and continue after it. But Linux drops pages
// that a sync could not write and reports success to the next sync, so a power cut
// would then break the log at that place and lose everything after it.
func (s *Store) settle() error {
	if !s.unsure.Load() {
		return nil
	}
	err := s.db.apply(work{remove: s.suspects, probe: true})
	if isFull(err) && s.db.log.writes > 0 {
		// There was no room for the whole commit. But it began where the failed one did
		// and so overwrote that; this one is harmless, whether or not it reappears
		// after a crash.
		err = s.db.log.sync()
	}
	if err != nil {
		return unsettled(errors.Join(s.cause, err))
	}
	s.suspects, s.cause = nil, nil
	s.unsure.Store(false)
	return nil
}

// maintain does the work between commits that no caller waits for. It ignores
// errors: if one matters, the next commit fails too.
func (s *Store) maintain() {
	if s.unsure.Load() {
		return
	}
	if s.db.logPages >= s.place.logPages {
		_ = s.db.checkpoint(sqlite3.CHECKPOINT_PASSIVE)
	}
	if len(s.queue) == 0 && time.Since(s.shrunk) > time.Second {
		s.shrunk = time.Now()
		_ = s.db.shrink(shrinkPages)
	}
	s.reserve.restore()
}
