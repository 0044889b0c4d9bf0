package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tallyman/internal/bus"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/session"
	"tallyman/internal/webhook"
)

// event is an event of a session, as clients receive it.
type event struct {
	// Type is "state" at first and after events may have been missed; otherwise "new",
	// "cleared", "expired", "reading", "progress", "attached", "detached" or "failed".
	Type string `json:"type"`
	// Kind is what was attached: "bol", "orders" or "amendments".
	Kind string `json:"kind,omitempty"`
	// Revision is the session's after it: a client that has it need not load anything.
	Revision int64 `json:"revision,omitempty"`
	// File is the number of the file within the upload, from 1.
	File int `json:"file,omitempty"`
	// Pages is how many pages were read so far, and Total how many there are in the files up
	// to this one.
	Pages int `json:"pages,omitempty"`
	Total int `json:"total,omitempty"`
	Bills int `json:"bills,omitempty"`
	Lines int `json:"lines,omitempty"`
	Rows  int `json:"rows,omitempty"`
	// Status is the session's status, as in /status.
	Status string     `json:"status,omitempty"`
	Code   fault.Code `json:"code,omitempty"`
	Error  string     `json:"error,omitempty"`
}

// hub delivers the events of sessions to their watchers in this process and, over the
// bus if there is one, in other processes.
type hub struct {
	most int // streams of all owners
	each int // streams of one owner
	bus  bus.Bus

	mu     sync.Mutex
	topics map[session.Key]map[*watcher]struct{}
	owners map[session.Owner]int // how many streams each has
	// expires is when the watched sessions expire, as far as this process knows.
	expires map[session.Key]time.Time
	// unsubscribe ends a session's subscription to the events of other processes.
	unsubscribe map[session.Key]func()
	count       int
	closed      bool
}

// watcher is one event stream. It never blocks the work: later progress replaces
// progress that was not sent yet, and a watcher that is too far behind is disconnected.
type watcher struct {
	wake     chan struct{}
	mu       sync.Mutex
	queue    []event
	progress *event
	ended    bool
	missed   bool // events of other processes may be missing
}

// maxBehind is the number of unsent events at which a watcher is disconnected.
const maxBehind = 256

func newHub(most, each int, b bus.Bus) *hub {
	return &hub{
		most: most, each: each, bus: b, topics: map[session.Key]map[*watcher]struct{}{},
		owners: map[session.Owner]int{}, unsubscribe: map[session.Key]func(){}, expires: map[session.Key]time.Time{},
	}
}

// listen subscribes to the events of a session in other processes.
func (h *hub) listen(key session.Key) (unsubscribe func()) {
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

// topic returns the session's topic on the bus.
func topic(key session.Key) string { return string(key.Owner) + "\x00" + string(key.ID) }

// watch begins to watch a session. It fails with fault.Busy.
func (h *hub) watch(key session.Key) (*watcher, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// An owner without any stream always gets one, so that others cannot take all of
	// them.
	if h.closed || h.owners[key.Owner] >= h.each || h.count >= h.most && h.owners[key.Owner] > 0 {
		return nil, fault.New(fault.Busy, "the server has no room for another event stream; try again later, or ask /status").
			With(session.RetryAfter{Seconds: 5})
	}
	w := &watcher{wake: make(chan struct{}, 1)}
	if h.topics[key] == nil {
		h.topics[key] = map[*watcher]struct{}{}
		h.unsubscribe[key] = h.listen(key)
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
		h.unsubscribe[key]()
		delete(h.unsubscribe, key)
		delete(h.expires, key)
	}
	if h.owners[key.Owner]--; h.owners[key.Owner] == 0 {
		delete(h.owners, key.Owner)
	}
	h.count--
}

// seen records that a session was used: its watchers need not check whether it expired
// before its new expiry.
func (h *hub) seen(st session.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics[st.Key]) > 0 && st.Expires.After(h.expires[st.Key]) {
		h.expires[st.Key] = st.Expires
	}
}

// endsIn returns the time until a watched session expires, as far as this process
// knows.
func (h *hub) endsIn(key session.Key) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Until(h.expires[key])
}

// tell delivers an event to all watchers of a session, in all processes.
func (h *hub) tell(key session.Key, e event) {
	h.bring(key, e)
	if h.bus == nil {
		return
	}
	if payload, err := json.Marshal(e); err == nil {
		h.bus.Publish(bus.Message{Topic: topic(key), Payload: payload, Passing: e.Type == "progress"})
	}
}

// bring delivers an event to the watchers in this process.
func (h *hub) bring(key session.Key, e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.topics[key] {
		w.put(e)
	}
}

// close ends all streams and refuses new ones.
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

// miss has the watcher read the session's state anew.
func (w *watcher) miss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missed = true
	w.signal()
}

// hasMissed reports whether miss was called since it was asked last.
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

// take returns the events since the last call. It leaves progress that came last,
// unless progress is true; left reports that it did.
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

// heartbeat is the interval of comments that keep streams open through proxies and
// reveal clients that hung up.
const heartbeat = 15 * time.Second

// progressEvery is the shortest interval between two events of progress.
const progressEvery = 100 * time.Millisecond

// beginStream begins an answer of server-sent events, which waits for them and so gives up
// its turn. It returns false if that is all of it.
func (c *call) beginStream() bool {
	c.turn.End()
	c.beat = time.Now()
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	return c.r.Method != http.MethodHead
}

// lasts reports whether a stream goes on: whether its key is still valid, and its client still
// there, which it tells now and then that the server is. It is called each keysChecked.
func (c *call) lasts() bool {
	if c.stillAllowed() != nil {
		return false
	}
	if time.Since(c.beat) < heartbeat {
		return true
	}
	c.beat = time.Now()
	_, err := c.w.Write([]byte(": still there\n\n"))
	return err == nil && c.control.Flush() == nil
}

// handleEvents streams the events of a session as server-sent events. The session need
// not exist yet.
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
	if !c.beginStream() {
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
	pulse := time.NewTicker(keysChecked)
	defer pulse.Stop()
	later := time.NewTimer(0)
	defer later.Stop()
	ending := time.NewTimer(endsIn(st, there))
	defer ending.Stop()
	var sent time.Time // when the last progress was sent
	for {
		select {
		case <-c.r.Context().Done():
			return nil, nil
		case <-pulse.C:
			if !c.lasts() {
				return nil, nil
			}
		case <-ending.C:
			if left := c.s.hub.endsIn(key); there && left > 0 {
				ending.Reset(left + time.Millisecond) // the session was used meanwhile
				continue
			}
			// Looking counts as use. If the session was used through another process,
			// one look is enough; more would keep a session alive that is only watched.
			was := there
			if _, there, err = look(); err != nil {
				return nil, nil // the client reconnects
			}
			if was && !there && !send(event{Type: "expired", Status: statusNone}) {
				return nil, nil
			}
			continue
		case <-w.wake:
		case <-later.C:
		}
		if w.hasMissed() {
			// The state is sent before the events taken next, which are newer.
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
		if slices.ContainsFunc(events, func(e event) bool {
			return e.Type == "new" || e.Type == "cleared" || e.Type == "attached" || e.Type == "detached"
		}) {
			if now, is, err := look(); err == nil {
				there = is
				ending.Reset(endsIn(now, is))
			}
		}
	}
}

// endsIn returns the time until the next check whether a session still exists.
func endsIn(st session.State, there bool) time.Duration {
	if !there {
		return time.Hour
	}
	return max(time.Second, time.Until(st.Expires)+time.Millisecond)
}

// stateEvent returns an event with the state of a session.
func stateEvent(st session.State, there bool) event {
	e := event{Type: "state", Status: statusOf(st, there), Revision: st.Revision}
	for _, in := range st.BOL {
		sum := summaryOf(in)
		e.Pages, e.Bills, e.Lines = e.Pages+sum.Pages, e.Bills+sum.Bills, e.Lines+sum.Lines
	}
	return e
}

// progressAbroad is the shortest interval between two messages of progress to other
// processes. Each message is a transaction in the database that all of them share.
const progressAbroad = 250 * time.Millisecond

// progress returns a function that reports the progress of a reading to the session's
// watchers.
func (c *call) progress() func(intake.Progress) {
	key := c.key()
	var mu sync.Mutex
	var abroad time.Time // when other processes were last told
	return func(p intake.Progress) {
		mu.Lock()
		defer mu.Unlock()
		e := event{Type: "progress", Kind: "bol", File: p.File + 1, Pages: p.Pages, Total: p.Total, Bills: p.Bills, Lines: p.Lines}
		if time.Since(abroad) < progressAbroad {
			c.s.hub.bring(key, e) // the last event goes to other processes, too
			return
		}
		abroad = time.Now()
		c.s.hub.tell(key, e)
	}
}

// failed tells the session's watchers and the owner's webhooks that an upload failed. It
// returns the error of the request.
func (c *call) failed(kind string, err error) error {
	_, a := translate(err)
	c.s.hub.tell(c.key(), event{Type: "failed", Kind: kind, Code: a.Code, Error: a.Error})
	switch a.Code {
	case fault.Cancelled, fault.Busy, desk.OwnerLimit:
		return err // the client comes again
	}
	if lost := c.emit(webhook.UploadFailed, failedEvent{string(c.naming.id()), kind, a.Code, a.Error}); lost != nil {
		return lost
	}
	return err
}
