package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tallyman/internal/bus"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/session"
)

// event is something that happens in a session, as its watchers see it.
type event struct {
	// Type is "state" first of all and when events may have been missed, and
	// else "new", "cleared", "expired", "reading", "progress", "attached" or
	// "failed".
	Type string `json:"type"`
	// Kind is what is being uploaded: "bol" or "orders".
	Kind string `json:"kind,omitempty"`
	// File counts the files of an upload from 1.
	File  int `json:"file,omitempty"`
	Pages int `json:"pages,omitempty"`
	Bills int `json:"bills,omitempty"`
	Lines int `json:"lines,omitempty"`
	Rows  int `json:"rows,omitempty"`
	// Status is the session's, as /status gives it.
	Status string     `json:"status,omitempty"`
	Code   fault.Code `json:"code,omitempty"`
	Error  string     `json:"error,omitempty"`
}

// hub brings what happens in sessions to those who watch them, here and, if there
// is a bus, in other processes.
type hub struct {
	most int
	bus  bus.Bus

	mu     sync.Mutex
	topics map[session.Key]map[*watcher]struct{}
	owners map[session.Owner]int // how many streams each has
	// expires is when the sessions that are watched end, as far as this process
	// knows.
	expires map[session.Key]time.Time
	// deaf ends the subscriptions to what other processes tell of the topics.
	deaf   map[session.Key]func()
	count  int
	closed bool
}

// watcher is one event stream. It never makes the work wait: progress that it
// cannot take is replaced by later progress, and one that is far behind is cut
// off.
type watcher struct {
	wake     chan struct{}
	mu       sync.Mutex
	queue    []event
	progress *event
	ended    bool
	missed   bool // what others told may be missing
}

// maxBehind is how many events a watcher may be behind.
const maxBehind = 256

func newHub(most int, b bus.Bus) *hub {
	return &hub{
		most: most, bus: b, topics: map[session.Key]map[*watcher]struct{}{},
		owners: map[session.Owner]int{}, deaf: map[session.Key]func(){}, expires: map[session.Key]time.Time{},
	}
}

// listen has what other processes tell of a session brought to its watchers here.
func (h *hub) listen(key session.Key) (deaf func()) {
	if h.bus == nil {
		return func() {}
	}
	return h.bus.Subscribe(topic(key), bus.Subscriber{
		Message: func(payload []byte) {
			var e event
			if json.Unmarshal(payload, &e) == nil {
				h.bring(key, e)
			}
		},
		Missed: func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			for w := range h.topics[key] {
				w.miss()
			}
		},
	})
}

// topic names a session on the bus.
func topic(key session.Key) string { return string(key.Owner) + "\x00" + string(key.ID) }

// watch begins to watch a session. It fails with fault.Busy.
func (h *hub) watch(key session.Key) (*watcher, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Others cannot take all the room: an owner who has nothing gets a stream
	// however full it is.
	if h.closed || h.count >= h.most && h.owners[key.Owner] > 0 {
		return nil, fault.New(fault.Busy, "the server has no room for another event stream; try again later, or ask /status").
			With(session.RetryAfter{Seconds: 5})
	}
	w := &watcher{wake: make(chan struct{}, 1)}
	if h.topics[key] == nil {
		h.topics[key] = map[*watcher]struct{}{}
		h.deaf[key] = h.listen(key)
	}
	h.topics[key][w] = struct{}{}
	h.owners[key.Owner]++
	h.count++
	return w, nil
}

func (h *hub) unwatch(key session.Key, w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.topics[key][w]; !ok {
		return
	}
	delete(h.topics[key], w)
	if len(h.topics[key]) == 0 {
		delete(h.topics, key)
		h.deaf[key]()
		delete(h.deaf, key)
		delete(h.expires, key)
	}
	if h.owners[key.Owner]--; h.owners[key.Owner] == 0 {
		delete(h.owners, key.Owner)
	}
	h.count--
}

// seen notes that a session was used: its watchers need not look for its end
// before the time that it has now.
func (h *hub) seen(st session.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics[st.Key]) > 0 && st.Expires.After(h.expires[st.Key]) {
		h.expires[st.Key] = st.Expires
	}
}

// endsIn is how long a session that is watched lives yet, as far as this process
// knows.
func (h *hub) endsIn(key session.Key) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Until(h.expires[key])
}

// tell brings an event to all who watch a session.
func (h *hub) tell(key session.Key, e event) {
	h.bring(key, e)
	if h.bus == nil {
		return
	}
	if payload, err := json.Marshal(e); err == nil {
		h.bus.Publish(bus.Message{Topic: topic(key), Payload: payload, Passing: e.Type == "progress"})
	}
}

// bring brings an event to those who watch here.
func (h *hub) bring(key session.Key, e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.topics[key] {
		w.put(e)
	}
}

// close ends all streams, and lets none begin.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, watchers := range h.topics {
		for w := range watchers {
			w.end()
		}
	}
}

func (w *watcher) put(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
		return
	case e.Type == "progress":
		w.progress = &e
	case len(w.queue) >= maxBehind:
		w.ended = true
	default:
		if w.progress != nil {
			w.queue = append(w.queue, *w.progress)
			w.progress = nil
		}
		w.queue = append(w.queue, e)
	}
	w.signal()
}

// miss has the watcher look at the session anew.
func (w *watcher) miss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missed = true
	w.signal()
}

// hasMissed reports whether it is to look, once.
func (w *watcher) hasMissed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	missed := w.missed
	w.missed = false
	return missed
}

func (w *watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.signal()
}

func (w *watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what has happened since it was called last. Progress that came
// last is left, unless it is asked for; left says that it is there.
func (w *watcher) take(progress bool) (events []event, left, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events, w.queue = w.queue, nil
	if w.progress != nil && progress {
		events = append(events, *w.progress)
		w.progress = nil
	}
	return events, w.progress != nil, w.ended
}

// heartbeat keeps streams open through proxies, and finds out who has hung up.
const heartbeat = 15 * time.Second

// progressEvery bounds how often progress is sent.
const progressEvery = 100 * time.Millisecond

// handleEvents streams what happens in a session as server-sent events. The
// session need not be there yet.
func handleEvents(c *call) (any, error) {
	if c.naming.id() == "" {
		return nil, errSessionRequired()
	}
	key := c.key()
	w, err := c.s.hub.watch(key)
	if err != nil {
		return nil, err
	}
	defer c.s.hub.unwatch(key, w)
	look := func() (session.State, bool, error) {
		st, err := c.s.desk.State(c.r.Context(), key)
		if fault.CodeOf(err) == fault.NotFound {
			return st, false, nil
		}
		if err == nil {
			c.s.hub.seen(st)
		}
		return st, err == nil, err
	}
	st, there, err := look()
	if err != nil {
		return nil, err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil, nil
	}
	send := func(events ...event) bool {
		for _, e := range events {
			b, err := json.Marshal(e)
			if err != nil {
				return false
			}
			if _, err := fmt.Fprintf(c.w, "event: %s\ndata: %s\n\n", e.Type, b); err != nil {
				return false
			}
		}
		return c.control.Flush() == nil
	}
	if !send(stateEvent(st, there)) {
		return nil, nil
	}
	c.s.metrics.streams.Inc()
	defer c.s.metrics.streams.Dec()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	later := time.NewTimer(0)
	defer later.Stop()
	ending := time.NewTimer(endsIn(st, there))
	defer ending.Stop()
	var sent time.Time // when progress was sent last
	for {
		select {
		case <-c.r.Context().Done():
			return nil, nil
		case <-beat.C:
			if _, err := c.w.Write([]byte(": still there\n\n")); err != nil || c.control.Flush() != nil {
				return nil, nil
			}
		case <-ending.C:
			if left := c.s.hub.endsIn(key); there && left > 0 {
				ending.Reset(left + time.Millisecond) // it was used since
				continue
			}
			// To look is to use it, if it was used through another process: once
			// is enough then, or who watches would keep it alive.
			was := there
			if _, there, err = look(); err != nil {
				return nil, nil // the client comes again
			}
			if was && !there && !send(event{Type: "expired", Status: statusNone}) {
				return nil, nil
			}
			continue
		case <-w.wake:
		case <-later.C:
		}
		if w.hasMissed() {
			// Before what is taken next, which is newer.
			if now, is, err := look(); err == nil {
				if there = is; !send(stateEvent(now, is)) {
					return nil, nil
				}
				ending.Reset(endsIn(now, is))
			}
		}
		due := time.Since(sent) >= progressEvery
		events, left, ended := w.take(due)
		if left {
			later.Reset(progressEvery - time.Since(sent))
		}
		if len(events) == 0 && !ended {
			continue
		}
		if due {
			sent = time.Now()
		}
		if !send(events...) || ended {
			return nil, nil
		}
		if slices.ContainsFunc(events, func(e event) bool { return e.Type == "new" || e.Type == "cleared" || e.Type == "attached" }) {
			if now, is, err := look(); err == nil {
				there = is
				ending.Reset(endsIn(now, is))
			}
		}
	}
}

// endsIn is how long to wait before looking whether a session is still there.
func endsIn(st session.State, there bool) time.Duration {
	if !there {
		return time.Hour
	}
	return max(time.Second, time.Until(st.Expires)+time.Millisecond)
}

// stateEvent tells how a session is.
func stateEvent(st session.State, there bool) event {
	e := event{Type: "state", Status: statusOf(st, there)}
	for _, in := range st.BOL {
		sum := summaryOf(in)
		e.Pages, e.Bills, e.Lines = e.Pages+sum.Pages, e.Bills+sum.Bills, e.Lines+sum.Lines
	}
	return e
}

// progressAbroad bounds how often other processes are told of progress. Each time
// is a transaction of the database that all of them share.
const progressAbroad = 250 * time.Millisecond

// progress returns what tells the session's watchers how far a reading has come.
func (c *call) progress() func(intake.Progress) {
	key := c.key()
	var mu sync.Mutex
	var abroad time.Time // when others were told last
	return func(p intake.Progress) {
		mu.Lock()
		defer mu.Unlock()
		e := event{Type: "progress", Kind: "bol", File: p.File + 1, Pages: p.Pages, Bills: p.Bills, Lines: p.Lines}
		if time.Since(abroad) < progressAbroad {
			c.s.hub.bring(key, e) // what comes in the end tells others, too
			return
		}
		abroad = time.Now()
		c.s.hub.tell(key, e)
	}
}

// tellFailed tells the session's watchers that an upload came to nothing.
func (c *call) tellFailed(kind string, err error) {
	_, a := translate(err)
	c.s.hub.tell(c.key(), event{Type: "failed", Kind: kind, Code: a.Code, Error: a.Error})
}
