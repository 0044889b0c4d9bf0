package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// Tasks is the store's queue. All tasks are held in memory as well, with payloads and
// results.
type Tasks struct{ store *Store }

var _ queue.Queue = Tasks{}

// Tasks returns the queue.
func (s *Store) Tasks() Tasks { return Tasks{s} }

// taskKey identifies an idempotency key.
type taskKey struct {
	owner session.Owner
	kind  queue.Kind
	key   string
}

func keyOfTask(t *queue.Task) taskKey { return taskKey{t.Owner, t.Kind, t.Key} }

// turnOf is whose turn it is to be served. When owners were served last is not written:
// after a restart they begin anew.
type turnOf struct {
	kind  queue.Kind
	owner session.Owner
}

// put stores a task, or removes it if t is nil.
func (tb *table) put(id queue.ID, t *queue.Task) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if old := tb.tasks[id]; old != nil {
		for _, c := range old.Named() {
			delete(tb.named, c)
		}
		delete(tb.tasks, id)
		delete(tb.open[old.Kind], id)
		if old.Key != "" {
			delete(tb.byKey, keyOfTask(old))
		}
	}
	if t == nil {
		return
	}
	for _, c := range t.Named() {
		tb.named[c] = struct{}{}
	}
	tb.tasks[id] = t
	if t.Key != "" {
		tb.byKey[keyOfTask(t)] = id
	}
	if !t.State.Ended() {
		if tb.open[t.Kind] == nil {
			tb.open[t.Kind] = map[queue.ID]*queue.Task{}
		}
		tb.open[t.Kind][id] = t
	}
}

// task returns a task after the operations before, or nil.
func (b *batch) task(id queue.ID) *queue.Task {
	if t, changed := b.tasks[id]; changed {
		return t
	}
	return b.store.table.tasks[id] // only the writer changes it
}

// setTask changes a task, or removes it if t is nil.
func (b *batch) setTask(id queue.ID, t *queue.Task) {
	if b.tasks == nil {
		b.tasks = map[queue.ID]*queue.Task{}
	}
	b.tasks[id] = t
}

// eachTask calls f for each task of a kind: those of the table's that are given, as long as
// the batch does not change them, and all that it changes.
func (b *batch) eachTask(given map[queue.ID]*queue.Task, kind queue.Kind, f func(*queue.Task)) {
	for id, t := range given {
		if _, changed := b.tasks[id]; !changed && t.Kind == kind {
			f(t)
		}
	}
	for _, t := range b.tasks {
		if t != nil && t.Kind == kind {
			f(t)
		}
	}
}

// taskWith returns the task with an idempotency key, or nil.
func (b *batch) taskWith(k taskKey) *queue.Task {
	if k.key == "" {
		return nil
	}
	for _, t := range b.tasks {
		if t != nil && keyOfTask(t) == k {
			return t
		}
	}
	if id, ok := b.store.table.byKey[k]; ok {
		return b.task(id) // nil if the batch removes it
	}
	return nil
}

func (b *batch) taskWork() (changed []queue.Task, gone []int64) {
	for id, t := range b.tasks {
		if t != nil {
			changed = append(changed, *t)
		} else if old := b.store.table.tasks[id]; old != nil {
			gone = append(gone, old.Seq)
		}
	}
	return changed, gone
}

func (b *batch) publishTasks() {
	for id, t := range b.tasks {
		b.store.table.put(id, t)
	}
	maps.Copy(b.store.turns, b.turns)
}

func (db *database) applyTasks(w work) error {
	for _, t := range w.tasks {
		text, err := json.Marshal(t)
		if err := errors.Join(err, db.task.BindInt64(1, t.Seq), db.task.BindRawText(2, text), db.task.Exec()); err != nil {
			return fmt.Errorf("writing a task: %w", err)
		}
	}
	for _, seq := range w.gone {
		if err := errors.Join(db.untask.BindInt64(1, seq), db.untask.Exec()); err != nil {
			return fmt.Errorf("removing a task: %w", err)
		}
	}
	return nil
}

// loadTasks reads all tasks.
func (db *database) loadTasks(yield func(queue.Task)) error {
	return each(db.conn, `SELECT seq, task FROM task ORDER BY seq`, func(st *sqlite3.Stmt) error {
		var t queue.Task
		if err := json.Unmarshal(st.ColumnRawText(1), &t); err != nil {
			return fmt.Errorf("task %d: %w", st.ColumnInt64(0), err)
		}
		yield(t)
		return nil
	})
}

// Put implements queue.Queue.
func (q Tasks) Put(ctx context.Context, n queue.New) (t queue.Task, created bool, err error) {
	if err := n.Check(); err != nil {
		return queue.Task{}, false, err
	}
	n.Payload, n.Contents = slices.Clone(n.Payload), slices.Clone(n.Contents)
	err = q.store.do(ctx, func(b *batch) error {
		t, created = queue.Task{}, false
		old := b.task(n.ID)
		if old == nil {
			old = b.taskWith(taskKey{n.Owner, n.Kind, n.Key})
		}
		if old != nil {
			t, created, err = old.Same(n)
			return err
		}
		if err := b.roomForTask(n); err != nil {
			return err
		}
		next := n.Begin(b.store.taskSeq+1, b.now)
		if err := b.claimContents(next.Named(), nil); err != nil {
			return err
		}
		b.store.taskSeq++
		b.setTask(n.ID, &next)
		t, created = next, true
		return nil
	})
	if err != nil {
		return queue.Task{}, false, err
	}
	return t, created, nil
}

// roomForTask fails if an owner has as many tasks as it may.
func (b *batch) roomForTask(n queue.New) error {
	open, kept := 0, 0
	b.eachTask(b.store.table.open[n.Kind], n.Kind, func(t *queue.Task) {
		if t.Owner == n.Owner && !t.State.Ended() {
			open++
		}
	})
	if n.MostOpen > 0 && open >= n.MostOpen {
		return queue.ErrTooMany(n.MostOpen, true)
	}
	if n.MostKept == 0 {
		return nil
	}
	b.eachTask(b.store.table.tasks, n.Kind, func(t *queue.Task) {
		if t.Owner == n.Owner {
			kept++
		}
	})
	if kept >= n.MostKept {
		return queue.ErrTooMany(n.MostKept, false)
	}
	return nil
}

// Claim implements queue.Queue.
func (q Tasks) Claim(ctx context.Context, kind queue.Kind, lease time.Duration) (t queue.Task, ok bool, err error) {
	if !q.store.table.anyDue(kind, q.store.now()) {
		return queue.Task{}, false, q.store.readable(ctx)
	}
	err = q.store.do(ctx, func(b *batch) error {
		if t, ok = b.nextTask(kind); ok {
			t = t.Claim(b.now, lease)
			next := t
			b.setTask(t.ID, &next)
			if b.turns == nil {
				b.turns = map[turnOf]int64{}
			}
			b.store.served++
			b.turns[turnOf{kind, t.Owner}] = b.store.served
		}
		return nil
	})
	if err != nil {
		return queue.Task{}, false, err
	}
	return t, ok, nil
}

// anyDue reports whether a task of a kind may be claimed.
func (tb *table) anyDue(kind queue.Kind, now time.Time) bool {
	tb.mu.RLock()
	defer tb.mu.RUnlock()
	for _, t := range tb.open[kind] {
		if t.Claimable(now) {
			return true
		}
	}
	return false
}

// nextTask returns the task to claim next.
func (b *batch) nextTask(kind queue.Kind) (queue.Task, bool) {
	type owners struct {
		running int
		next    *queue.Task
	}
	all := map[session.Owner]*owners{}
	b.eachTask(b.store.table.open[kind], kind, func(t *queue.Task) {
		o := all[t.Owner]
		if o == nil {
			o = &owners{}
			all[t.Owner] = o
		}
		switch {
		case !t.Claimable(b.now):
			if t.State == queue.Claimed {
				o.running++
			}
		case o.next == nil || t.Due.Before(o.next.Due) || t.Due.Equal(o.next.Due) && t.Seq < o.next.Seq:
			o.next = t
		}
	})
	served := func(owner session.Owner) int64 {
		if n, ok := b.turns[turnOf{kind, owner}]; ok {
			return n
		}
		return b.store.turns[turnOf{kind, owner}]
	}
	var best *owners
	for _, o := range all {
		if o.next == nil {
			continue
		}
		if best != nil {
			x, y := served(o.next.Owner), served(best.next.Owner)
			if o.running > best.running || o.running == best.running && (x > y || x == y && o.next.Owner > best.next.Owner) {
				continue
			}
		}
		best = o
	}
	if best == nil {
		return queue.Task{}, false
	}
	return *best.next, true
}

// Extend implements queue.Queue.
func (q Tasks) Extend(ctx context.Context, h queue.Hold, lease time.Duration, note []byte) error {
	if len(note) > queue.MaxNote {
		return fault.New(fault.BadRequest, "the note of a task has more than %d bytes", queue.MaxNote)
	}
	note = slices.Clone(note)
	return q.change(ctx, h, func(t *queue.Task, now time.Time) error {
		if err := t.Held(h, now); err != nil {
			return err
		}
		t.Due = now.Add(lease)
		if note != nil {
			t.Note = note
		}
		return nil
	})
}

// change changes a task by the rule of a claim.
func (q Tasks) change(ctx context.Context, h queue.Hold, rule func(t *queue.Task, now time.Time) error) error {
	return q.store.do(ctx, func(b *batch) error {
		t := b.task(h.ID)
		if t == nil {
			return queue.ErrLost()
		}
		next := *t
		if err := rule(&next, b.now); err != nil {
			return err
		}
		b.setTask(h.ID, &next)
		return nil
	})
}

// Finish implements queue.Queue.
func (q Tasks) Finish(ctx context.Context, h queue.Hold, e queue.End) (freed []blob.Key, err error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	e.Result = slices.Clone(e.Result)
	err = q.change(ctx, h, func(t *queue.Task, now time.Time) (err error) {
		*t, freed, err = t.Finish(h, e, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return freed, nil
}

// Retry implements queue.Queue.
func (q Tasks) Retry(ctx context.Context, h queue.Hold, after time.Duration, reason string) error {
	return q.change(ctx, h, func(t *queue.Task, now time.Time) error {
		if err := t.Held(h, now); err != nil {
			return err
		}
		t.State, t.Due, t.Error = queue.Waiting, now.Add(after), queue.Cut(reason)
		return nil
	})
}

// Cancel implements queue.Queue.
func (q Tasks) Cancel(ctx context.Context, owner session.Owner, id queue.ID, keep time.Duration) (t queue.Task, freed []blob.Key, err error) {
	err = q.store.do(ctx, func(b *batch) error {
		old := b.task(id)
		if old == nil || old.Owner != owner {
			return queue.ErrNotFound()
		}
		if t, freed = old.Cancel(b.now, keep); t.State != old.State {
			next := t
			b.setTask(id, &next)
		}
		return nil
	})
	if err != nil {
		return queue.Task{}, nil, err
	}
	return t, freed, nil
}

// Remove implements queue.Queue.
func (q Tasks) Remove(ctx context.Context, owner session.Owner, id queue.ID) error {
	return q.store.free(ctx, func(b *batch) error {
		t := b.task(id)
		switch {
		case t == nil || t.Owner != owner:
			return nil
		case !t.State.Ended():
			return queue.ErrOpen()
		}
		b.setTask(id, nil)
		return nil
	})
}

// Get implements queue.Queue. It answers from memory.
func (q Tasks) Get(ctx context.Context, owner session.Owner, id queue.ID) (queue.Task, error) {
	if err := q.store.readable(ctx); err != nil {
		return queue.Task{}, err
	}
	tb := q.store.table
	tb.mu.RLock()
	defer tb.mu.RUnlock()
	if t := tb.tasks[id]; t != nil && t.Owner == owner {
		return *t, nil
	}
	return queue.Task{}, queue.ErrNotFound()
}

// List implements queue.Queue. It answers from memory.
func (q Tasks) List(ctx context.Context, query queue.Query) (queue.Page, error) {
	if err := q.store.readable(ctx); err != nil {
		return queue.Page{}, err
	}
	var all []queue.Task
	q.store.table.eachTask(query.Kind, func(t *queue.Task) {
		if t.Owner == query.Owner {
			all = append(all, *t)
		}
	})
	return query.Page(all), nil
}

// eachTask calls f for each task of a kind.
func (tb *table) eachTask(kind queue.Kind, f func(*queue.Task)) {
	tb.mu.RLock()
	defer tb.mu.RUnlock()
	for _, t := range tb.tasks {
		if t.Kind == kind {
			f(t)
		}
	}
}

// Expire implements queue.Queue.
func (q Tasks) Expire(ctx context.Context, limit int) (int, error) {
	var over []queue.ID
	now := q.store.now()
	tb := q.store.table
	tb.mu.RLock()
	for id, t := range tb.tasks {
		if len(over) < limit && t.State.Ended() && !now.Before(t.Expires) {
			over = append(over, id)
		}
	}
	tb.mu.RUnlock()
	if len(over) == 0 {
		return 0, q.store.readable(ctx)
	}
	return ask(ctx, q.store.free, func(b *batch) (n int, err error) {
		for _, id := range over {
			if b.task(id) != nil {
				b.setTask(id, nil)
				n++
			}
		}
		return n, nil
	})
}

// Count implements queue.Queue. It answers from memory.
func (q Tasks) Count(ctx context.Context, kind queue.Kind) (c queue.Counts, err error) {
	if err := q.store.readable(ctx); err != nil {
		return c, err
	}
	now := q.store.now()
	q.store.table.eachTask(kind, func(t *queue.Task) { c.Add(*t, now) })
	return c, nil
}
