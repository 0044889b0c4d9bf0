package soak

import (
	"sync"
	"time"
)

// trouble holds the faults that are under way or ended recently, which may excuse
// answers.
type trouble struct {
	mu    sync.Mutex
	kinds map[kind]*window
	// allowed is the number of answers that each kind still excuses, where they can
	// be counted.
	allowed map[kind]int
}

// allow adds an excused answer of a kind.
func (t *trouble) allow(k kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.allowed == nil {
		t.allowed = map[kind]int{}
	}
	t.allowed[k]++
}

// excuse consumes one excused answer, and reports whether there was one.
func (t *trouble) excuse(k kind) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.allowed[k] == 0 {
		return false
	}
	t.allowed[k]--
	return true
}

// kind is a kind of trouble.
type kind string

// The kinds that excuse something.
const (
	down    kind = "the server is down"         // connections break and are refused
	full    kind = "the disk is full"           // 507, and 503 storage_unavailable
	harmed  kind = "a worker was killed"        // 503 worker_stopped
	rogue   kind = "a worker sends nonsense"    // 422 worker_crashed
	crowded kind = "there are many connections" // 503, and connections that are not accepted
	jumped  kind = "the clock is wrong"         // events that were signed at another time
)

// lasting is how long a kind excuses requests after its end. A dead idle connection is
// discovered a moment later, but a killed idle worker only by the next upload that uses
// it.
var lasting = map[kind]time.Duration{
	down: time.Second, full: time.Second, harmed: time.Minute, rogue: time.Minute, crowded: 2 * time.Second, jumped: time.Minute,
}

type window struct {
	open   int
	closed time.Time // when the last one ended
}

// begin records the beginning of trouble. The returned function records the end.
func (t *trouble) begin(k kind) (over func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = map[kind]*window{}
	}
	w := t.kinds[k]
	if w == nil {
		w = &window{}
		t.kinds[k] = w
	}
	w.open++
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		w.open--
		w.closed = time.Now()
	})
}

// since reports whether there was trouble of a kind since a time.
func (t *trouble) since(k kind, then time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.kinds[k]
	return w != nil && (w.open > 0 || w.closed.Add(lasting[k]).After(then))
}
