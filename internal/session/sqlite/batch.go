package sqlite

import (
	"slices"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// batch is a number of operations that are decided one after the other and
// committed together.
type batch struct {
	store *Store
	// now is the time of the operation that is being decided: the time at which the
	// batch began. If a reader with a later clock has found a session expired that
	// the batch takes for alive, now moves to the reader's time for all operations
	// that follow: a session begun with the earlier time would already be too old.
	now   time.Time
	slots map[session.Key]*slot
	order []*slot // the slots, in the order of their first use
	begun int     // the number of sessions that the batch adds to the table
	probe bool    // make a durable write even if nothing changes
	uses  []use
	trim  []int64 // rows to remove
	// claimed are the contents that the batch makes rows name.
	claimed map[blob.Key]struct{}
	// papers are the documents of owners that the batch changes.
	papers map[paper]session.Profile
	// tasks are those that the batch changes; nil for those that it removes.
	tasks map[queue.ID]*queue.Task
	turns map[turnOf]int64
}

// slot is the state of one key within a batch.
type slot struct {
	key session.Key
	// entry is the key's entry in the table, alive or expired; nil if there is none.
	entry *entry
	// state is the state after the batch, alive or expired; nil if there is no session.
	state *session.State
	// dead is true if the state was found expired.
	dead bool
	// fresh is true if the state's incarnation began in the batch.
	fresh bool
	// changed is true if a row must be written.
	changed bool
	// used is the last use within the batch, in milliseconds since 1970.
	used int64
	// seq is the number of the new row, once it has one.
	seq int64
}

// use is a last use to be written to a row.
type use struct {
	entry *entry
	used  int64
}

// millis returns the time of the present operation in milliseconds since 1970.
func (b *batch) millis() int64 { return b.now.UnixMilli() }

// at returns the slot of a key, after the operations before.
func (b *batch) at(key session.Key) *slot {
	if sl := b.slots[key]; sl != nil {
		return sl
	}
	sl := &slot{key: key, entry: b.store.table.get(key)}
	if sl.entry != nil {
		sl.state = sl.entry.state.Load()
	}
	b.slots[key] = sl
	b.order = append(b.order, sl)
	return sl
}

// alive reports whether the slot has a session that lives now.
func (b *batch) alive(sl *slot) bool {
	return b.lives(sl, func() bool { return sl.entry.alive(b.millis()) })
}

// use is alive, and records a use of the session.
func (b *batch) use(sl *slot) bool {
	if !b.lives(sl, func() bool { return sl.entry.use(b.millis()) }) {
		return false
	}
	sl.used = b.millis()
	return true
}

func (b *batch) lives(sl *slot, inTable func() bool) bool {
	switch {
	case sl.state == nil || sl.dead:
		return false
	case sl.fresh && b.millis() < sl.used+b.store.life(sl.state.Kind):
		return true
	case !sl.fresh && inTable():
		return true
	}
	sl.dead = true
	if now := b.store.now(); now.After(b.now) {
		b.now = now
	}
	return false
}

// end leaves the slot without a session and returns what that removes.
func (b *batch) end(sl *slot) session.Removed {
	var r session.Removed
	if sl.state != nil {
		for _, c := range sl.state.Contents() {
			delete(b.claimed, c)
		}
	}
	switch {
	case b.alive(sl):
		r = sl.state.Remove()
	case sl.state != nil:
		r.Contents = sl.state.Contents()
	}
	sl.state, sl.dead, sl.fresh, sl.changed = nil, false, false, true
	return r
}

// room fails if there are too many sessions for one more in the slot. On nil the
// caller must begin the session.
func (b *batch) room(sl *slot) error {
	if sl.entry != nil || sl.state != nil {
		return nil // it counts already
	}
	if b.store.table.size.Load()+int64(b.begun) >= int64(b.store.maxSessions) {
		return session.ErrFull()
	}
	b.begun++
	return nil
}

// take puts an imported session into the slot, and returns what that removes.
func (b *batch) take(sl *slot, st session.State) (session.Removed, error) {
	used := st.ImportTime(b.now)
	st.Created = st.Created.UTC().Truncate(time.Millisecond)
	st.LastUsed, st.Expires = time.Time{}, time.Time{}
	// The session may refer to contents that it already refers to, before the batch or
	// within it.
	var mine session.State
	if sl.entry != nil {
		mine = *sl.entry.state.Load()
	}
	if b.alive(sl) {
		next, removed, changed, err := sl.state.Import(st)
		if err != nil {
			return session.Removed{}, err
		}
		if changed {
			if err := b.claim(&next, sl.state, &mine); err != nil {
				return session.Removed{}, err
			}
		}
		if !sl.fresh {
			sl.entry.use(used) // the later of the two
			used = max(used, sl.entry.used.Load())
		}
		sl.used = max(sl.used, used)
		if changed {
			sl.state, sl.changed = &next, true
		}
		return removed, nil
	}
	if err := b.claim(&st, sl.state, &mine); err != nil {
		return session.Removed{}, err
	}
	if err := b.room(sl); err != nil {
		return session.Removed{}, err
	}
	removed := b.end(sl)
	removed.Contents = slices.DeleteFunc(removed.Contents, func(k blob.Key) bool { return slices.Contains(st.Contents(), k) })
	sl.state, sl.fresh, sl.used = &st, true, used
	return removed, nil
}

// begin puts a new incarnation into the slot, and returns what that removes.
func (b *batch) begin(sl *slot, kind session.Kind) (session.Removed, error) {
	if err := b.room(sl); err != nil {
		return session.Removed{}, err
	}
	r := b.end(sl)
	s := session.Begin(sl.key, kind, b.now)
	sl.state, sl.fresh, sl.used = &s, true, b.millis()
	return r, nil
}

// claim refuses contents that another session's row names. states are the session's
// own states, whose contents it may keep; they may be nil.
func (b *batch) claim(next *session.State, states ...*session.State) error {
	var old []blob.Key
	for _, s := range states {
		if s != nil {
			old = append(old, s.Contents()...)
		}
	}
	return b.claimContents(next.Contents(), old)
}

// claimContents refuses contents that a row names, but for old ones.
func (b *batch) claimContents(contents, old []blob.Key) error {
	for _, c := range contents {
		if slices.Contains(old, c) {
			continue
		}
		_, claimed := b.claimed[c]
		if claimed || b.store.table.names(c) {
			return fault.New(fault.BadRequest, "one of the stored contents already belongs to a session or a task")
		}
		if b.claimed == nil {
			b.claimed = map[blob.Key]struct{}{}
		}
		b.claimed[c] = struct{}{}
	}
	return nil
}

// view returns the slot's state for an answer that records a use.
func (b *batch) view(sl *slot) session.State {
	return view(sl.state, sl.used, b.store.life(sl.state.Kind))
}

// work returns what must be committed.
func (b *batch) work() work {
	w := work{probe: b.probe, remove: b.trim, uses: map[int64]int64{}, papers: b.papers}
	for _, u := range b.uses {
		w.uses[u.entry.seq] = u.used
	}
	w.tasks, w.gone = b.taskWork()
	for _, sl := range b.order {
		if !sl.changed || sl.entry == nil && sl.state == nil {
			continue
		}
		b.store.seq++
		sl.seq = b.store.seq
		w.rows = append(w.rows, row{seq: sl.seq, key: sl.key, state: sl.state, used: sl.used})
	}
	return w
}

// publish shows readers what the batch committed.
func (b *batch) publish() {
	t := b.store.table
	b.store.stale.removed(len(b.trim))
	t.publish(b.papers)
	b.publishTasks()
	for _, u := range b.uses {
		u.entry.saved.Store(u.used)
	}
	for _, sl := range b.order {
		if !sl.changed || sl.entry == nil && sl.state == nil {
			continue
		}
		var before *session.State
		if sl.entry != nil {
			before = sl.entry.state.Load()
			b.store.stale.add(sl.entry.seq)
		}
		t.rename(before, sl.state)
		switch {
		case sl.state == nil:
			t.remove(sl.key)
			b.store.stale.add(sl.seq) // it is needed as long as older rows exist
		case sl.fresh:
			t.set(sl.key, newEntry(sl.seq, b.store.life(sl.state.Kind), sl.state, sl.used))
		default:
			sl.entry.seq = sl.seq
			sl.entry.state.Store(sl.state)
			sl.entry.saved.Store(sl.used)
		}
	}
}
