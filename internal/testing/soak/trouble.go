package soak

import (
	"sync"
	"time"
)

// trouble holds the faults that are under way or ended recently, which may excuse
// answers.
type trouble struct {
	mu    sync.Mutex
	kinds [kinds]window
}

// window is when there is trouble of one kind.
type window struct {
	open   int
	closed time.Time // when the last one ended
	// allowed is the number of answers that it still excuses, where they can be counted.
	allowed int
}

// allow adds an excused answer of a kind.
func (t *trouble) allow(k kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kinds[k].allowed++
}

// excuse consumes one excused answer, and reports whether there was one.
func (t *trouble) excuse(k kind) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds[k].allowed == 0 {
		return false
	}
	t.kinds[k].allowed--
	return true
}

// kind is a kind of trouble.
type kind int

// The kinds, and what they excuse.
const (
	calm    kind = iota // nothing
	down                // the server is down: connections break and are refused
	full                // the disk is full: 507, and 503 storage_unavailable
	harmed              // a worker was killed: 503 worker_stopped
	rogue               // a worker sends nonsense: 422 worker_crashed
	crowded             // there are many connections: 503, and connections that are not accepted
	jumped              // the clock is wrong: events that were signed at another time
	kinds               // how many there are
)

// lasting is how long a kind excuses requests after its end. A dead idle connection is
// discovered a moment later, but a killed idle worker only by the next upload that uses
// it.
var lasting = [kinds]time.Duration{
	down: time.Second, full: time.Second, harmed: time.Minute, rogue: time.Minute, crowded: 2 * time.Second, jumped: time.Minute,
}

// begin records the beginning of trouble. The returned function records the end.
func (t *trouble) begin(k kind) (over func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &t.kinds[k]
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
	return w.open > 0 || w.closed.Add(lasting[k]).After(then)
}
