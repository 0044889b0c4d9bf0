package sqlite

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// table has every session of the database in memory, for readers. The writer changes it
// after each commit and before it answers, so it is never ahead of the disk and never
// behind an answer.
//
// It takes about 500 bytes for a session without files, and 1 to 2 KB for one with a
// BOL and an order export.
type table struct {
	seed   maphash.Seed
	shards [shardCount]shard
	size   atomic.Int64

	mu    sync.RWMutex
	named map[blob.Key]struct{} // the contents that rows refer to
	// papers are the documents of all owners. There are few owners: each has a key.
	papers map[paper]session.Profile
	// tasks are all tasks, open those that have not ended, by kind, and byKey those with
	// an idempotency key.
	tasks map[queue.ID]*queue.Task
	open  map[queue.Kind]map[queue.ID]*queue.Task
	byKey map[taskKey]queue.ID
}

// shardCount is the number of shards. Each has its own lock, and a walk through the
// table can pause between shards.
const shardCount = 256

type shard struct {
	mu sync.RWMutex
	m  map[session.Key]*entry
}

// entry is one incarnation. Its other fields change; the incarnation never does.
type entry struct {
	// seq is the number of its newest row. Only the writer uses it.
	seq int64
	// life is how long the session lives unused, in milliseconds.
	life int64
	// used is the time of the last use, in milliseconds since 1970, or sealed.
	used atomic.Int64
	// saved is the last use in the row.
	saved atomic.Int64
	// state is the last committed state, without LastUsed and Expires.
	state atomic.Pointer[session.State]
}

func newEntry(seq, life int64, state *session.State, used int64) *entry {
	e := &entry{seq: seq, life: life}
	e.state.Store(state)
	e.used.Store(used)
	e.saved.Store(used)
	return e
}

// sealed is the value of used for an entry that a caller found expired. Such an entry
// stays dead: otherwise a use under way could bring back a session that another
// caller was told is gone.
const sealed = math.MinInt64

func newTable() *table {
	t := &table{seed: maphash.MakeSeed(), named: map[blob.Key]struct{}{}, papers: map[paper]session.Profile{},
		tasks: map[queue.ID]*queue.Task{}, open: map[queue.Kind]map[queue.ID]*queue.Task{}, byKey: map[taskKey]queue.ID{}}
	for i := range t.shards {
		t.shards[i].m = map[session.Key]*entry{}
	}
	return t
}

func (t *table) shard(k session.Key) *shard {
	return &t.shards[maphash.Comparable(t.seed, k)%shardCount]
}

// get returns the entry of a key, expired or not, or nil.
func (t *table) get(k session.Key) *entry {
	s := t.shard(k)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[k]
}

// set replaces the entry of a key.
func (t *table) set(k session.Key, e *entry) {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.m[k]; !there {
		t.size.Add(1)
	}
	s.m[k] = e
}

// remove removes the entry of a key.
func (t *table) remove(k session.Key) {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.m[k]; there {
		t.size.Add(-1)
		delete(s.m, k)
	}
}

// each calls f for every entry of one shard, until it returns false.
func (t *table) each(shard int, f func(session.Key, *entry) bool) {
	s := &t.shards[shard]
	s.mu.RLock()
	defer s.mu.RUnlock()
	for k, e := range s.m {
		if !f(k, e) {
			return
		}
	}
}

// use records a use at a time, in milliseconds since 1970, and reports whether the
// entry is alive then. A dead entry never lives again.
func (e *entry) use(now int64) bool {
	for {
		used := e.used.Load()
		switch {
		case used == sealed:
			return false
		case now >= used+e.life:
			if e.used.CompareAndSwap(used, sealed) {
				return false
			}
		case now <= used || e.used.CompareAndSwap(used, now):
			return true
		}
	}
}

// alive reports whether the entry is alive at a time, without recording a use. A dead
// entry never lives again.
func (e *entry) alive(now int64) bool {
	for {
		used := e.used.Load()
		switch {
		case used == sealed:
			return false
		case now < used+e.life:
			return true
		case e.used.CompareAndSwap(used, sealed):
			return false
		}
	}
}

// view returns the entry's state for an answer. used must not be sealed.
func view(s *session.State, used, life int64) session.State {
	v := *s
	v.LastUsed = time.UnixMilli(used).UTC()
	v.Expires = time.UnixMilli(used + life).UTC()
	return v
}

// rename records that a row which referred to some contents now refers to others.
func (t *table) rename(before, after *session.State) {
	var was, is []blob.Key
	if before != nil {
		was = before.Contents()
	}
	if after != nil {
		is = after.Contents()
	}
	if len(was) == 0 && len(is) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range was {
		delete(t.named, c)
	}
	for _, c := range is {
		t.named[c] = struct{}{}
	}
}

// names reports whether a row refers to a content.
func (t *table) names(c blob.Key) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.named[c]
	return ok
}
