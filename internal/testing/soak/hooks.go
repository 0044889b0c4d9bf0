package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	tallyman "tallyman/client"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/receiver"
)

// hooks are two webhooks with their receiver, which refuses some events at first, and knows
// which events the server has promised.
type hooks struct {
	s        *Soak
	receiver *httptest.Server

	mu      sync.Mutex
	secrets map[string]string // by path; empty until the webhooks are made
	// asked and promised count requests by the event that each makes: those that may have made
	// it, and those that were acknowledged.
	asked, promised load.Counts
	sessions        map[string]string // that each uploaded file went to, by name; "" if a cookie named it
	jobs            sync.Map          // acknowledged ones
	got             map[string]event  // by webhook-id
	refused         map[string]bool   // by webhook-id
	repeats         int
}

// event is an event that arrived, or is to arrive.
type event struct {
	tallyman.Event
	path string
}

// wanted are the types of events that go to each path.
var wanted = map[string][]string{"/sheets": {"sheet.ready"}, "/jobs": {"job.done", "job.failed"}}

// causes are the routes that make events of the type sheet.ready, and their causes.
var causes = map[string]string{"/upload": "bol", "/upload-base64": "bol", "/upload-csv": "orders"}

// marked is a file of a press.
var marked = regexp.MustCompile(`[A-Z]\d{6}\.(?:pdf|csv|xlsx)`)

// newRecord returns hooks without a receiver.
func newRecord(s *Soak) *hooks {
	return &hooks{
		s: s, secrets: map[string]string{}, sessions: map[string]string{}, got: map[string]event{}, refused: map[string]bool{},
	}
}

// newHooks starts the receiver, and has the server allow it.
func newHooks(s *Soak) *hooks {
	h := newRecord(s)
	h.receiver = httptest.NewServer(h)
	s.server.more = append(s.server.more, "--webhook-allow", h.receiver.URL, "--webhook-private", "127.0.0.1")
	return h
}

func (h *hooks) close() {
	h.receiver.CloseClientConnections()
	h.receiver.Close()
}

// ask makes a request to the server on behalf of the run, and fails unless it succeeds.
func (h *hooks) ask(ctx context.Context, method, path string, query url.Values, body, into any) error {
	r := api.Request{Method: method, Path: path, Query: query}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r.Kind, r.Body = "application/json", b
	}
	a, err := h.s.exchange(ctx, h.s.hc, r)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("%s: %d %.300q", r, a.Status, a.Body)
	}
	if err != nil {
		return err
	}
	return a.Into(into)
}

// start makes the webhooks. From then on events are promised.
func (h *hooks) start(ctx context.Context) error {
	var before struct{ Webhooks []struct{ ID string } }
	if err := h.ask(ctx, "GET", "/webhooks", nil, nil, &before); err != nil {
		return err
	}
	for _, w := range before.Webhooks { // of another run in the same directory
		if err := h.ask(ctx, "DELETE", "/webhooks/"+w.ID, nil, nil, &struct{}{}); err != nil {
			return err
		}
	}
	secrets := map[string]string{}
	for path, types := range wanted {
		var v struct{ Secret string }
		if err := h.ask(ctx, "POST", "/webhooks", nil, map[string]any{"url": h.receiver.URL + path, "events": types}, &v); err != nil {
			return err
		}
		secrets[path] = v.Secret
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.secrets = secrets
	return nil
}

// key names what an event tells of; "" if it tells of a file that no press has made.
func (e event) key() string {
	d := e.data()
	if e.Type != "sheet.ready" {
		return e.Type + " " + d.Job
	}
	last := ""
	for _, name := range d.Files {
		if d.Cause == "orders" || strings.HasSuffix(name, ".pdf") {
			last = name // the latest one, since files are attached at the end
		}
	}
	if marked.FindString(last) != last {
		return ""
	}
	return ready(d.Cause, last)
}

// ready is the key of an event of the type sheet.ready.
func ready(cause, file string) string { return "sheet.ready " + cause + " " + file }

// data is of an event of any type.
type data struct {
	Session string `json:"session_id"`
	Job     string `json:"job_id"`
	Cause   string
	Files   []string
}

func (e event) data() (d data) {
	_ = json.Unmarshal(e.Data, &d) // what is missing belongs to nobody
	return d
}

// asks records a request that is about to be made. The function it returns records that it was
// acknowledged.
func (h *hooks) asks(r api.Request) (acknowledged func()) {
	cause := causes[r.Path]
	names := marked.FindAllString(r.Query.Get("filename")+"\n"+string(r.Body), -1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if cause == "" || len(names) == 0 || len(h.secrets) == 0 {
		return func() {}
	}
	for _, name := range names {
		h.sessions[name] = r.SID
	}
	key := ready(cause, names[len(names)-1])
	h.asked.Add(key, 1)
	return func() { h.promised.Add(key, 1) }
}

// ended records that a job has ended, which is told once.
func (h *hooks) ended(id, state string) {
	if key := "job." + state + " " + id; h.promised.Get(key) == 0 {
		h.asked.Add(key, 1)
		h.promised.Add(key, 1)
	}
}

// ServeHTTP implements http.Handler: it receives an event.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // cut off by a kill
	}
	h.mu.Lock()
	secret := h.secrets[r.URL.Path]
	h.mu.Unlock()
	e, err := tallyman.VerifyWebhook(r.Header, body, secret)
	if err != nil {
		// It is sent again, and has the right time then.
		if h.s.trouble.since(jumped, time.Now()) {
			h.s.report.count("events refused while the clock was wrong")
		} else {
			h.s.report.violated(wrong, "a request to the webhook %s: %v: %.300q", r.URL.Path, err, body)
		}
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if refuse := h.take(event{e, r.URL.Path}); refuse != nil {
		h.s.report.count("events refused by their receiver at first")
		refuse(w, r)
	}
}

// refusals are the ways in which the receiver refuses events.
var refusals = []http.HandlerFunc{
	receiver.Status(http.StatusInternalServerError, ""), receiver.Cut, receiver.Status(http.StatusTooManyRequests, "2"),
	func(w http.ResponseWriter, r *http.Request) { // slow, and then away
		sleep(r.Context(), 2*time.Second)
		receiver.Cut(w, r)
	},
}

// take records an event, and returns how to refuse it, nil for not at all. One of twenty is
// refused once, and not recorded, as by a receiver that fails before it keeps what it got;
// another one is recorded and refused, so that it comes twice. What is refused is sent again
// after 5 seconds.
func (h *hooks) take(e event) (refuse http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, known := h.got[e.ID]
	switch n := len(h.got) + len(h.refused); {
	case known && (before.path != e.path || string(before.Data) != string(e.Data)):
		h.s.report.violated(wrong, "the event %s is %.300q, and was %.300q before", e.ID, e.Data, before.Data)
	case known:
		h.repeats++
	case n%20 == 3 && !h.refused[e.ID]:
		h.refused[e.ID] = true
		return refusals[len(h.refused)%len(refusals)]
	default:
		h.got[e.ID] = e
		if n%20 == 13 {
			return refusals[n/20%len(refusals)]
		}
	}
	return nil
}

// missing are the events that were promised and have not arrived, with how many are missing.
func (h *hooks) missing() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := h.promised.All()
	for _, e := range h.got {
		if key := e.key(); left[key] > 1 {
			left[key]--
		} else {
			delete(left, key)
		}
	}
	return left
}

// open are the events that the server lists as on their way, by the delivery's ID.
func (h *hooks) open(ctx context.Context, state string) (map[string]event, error) {
	all := map[string]event{}
	for q := (url.Values{"state": {state}, "limit": {"200"}}); ; {
		var page struct {
			Deliveries []struct {
				ID, Message string
				Body        tallyman.Event
			}
			Next string
		}
		if err := h.ask(ctx, "GET", "/webhooks/deliveries", q, nil, &page); err != nil {
			return nil, err
		}
		for _, d := range page.Deliveries {
			d.Body.ID = d.Message
			all[d.ID] = event{Event: d.Body}
		}
		if page.Next == "" {
			return all, nil
		}
		q.Set("after", page.Next)
	}
}

// finish waits for the events that were promised, and judges what arrived. Some still wait for
// their next attempt then, for hours if the clock was wrong when they failed: they are asked for.
// After that the server must at least list those that are missing, such as one whose sender was
// killed less than a minute ago.
func (h *hooks) finish(ctx context.Context) error {
	patience := min(90*time.Second, h.s.o.Time)
	wait := func() {
		for end := time.Now().Add(patience); len(h.missing()) > 0 && time.Now().Before(end); {
			sleep(ctx, 100*time.Millisecond)
		}
	}
	wait()
	late, err := h.open(ctx, "waiting")
	if err != nil {
		return err
	}
	for id := range late {
		// One that was sent meanwhile is sent once more.
		if err := h.ask(ctx, "POST", "/webhooks/deliveries/"+id+"/resend", nil, nil, &struct{}{}); err != nil {
			return err
		}
		h.s.report.count("events asked for in the end")
	}
	wait()
	// An event goes from waiting to sending and back: each may be missed in one list.
	var listed []event
	for _, state := range []string{"waiting", "sending", "waiting"} {
		some, err := h.open(ctx, state)
		if err != nil {
			return err
		}
		for _, e := range some {
			listed = append(listed, e)
		}
	}
	h.judge(listed)
	return nil
}

// judge reports what is missing and not listed, and what should not have come.
func (h *hooks) judge(listed []event) {
	left, waits := h.missing(), map[string]map[string]bool{}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range listed {
		if _, arrived := h.got[e.ID]; arrived {
			continue
		}
		if waits[e.key()] == nil {
			waits[e.key()] = map[string]bool{}
		}
		waits[e.key()][e.ID] = true
	}
	promised, arrived, pending, gone, foreign := 0, 0, 0, 0, 0
	for key, n := range h.promised.All() {
		promised += n
		arrived += n - left[key]
		onTheWay := min(left[key], len(waits[key]))
		pending += onTheWay
		if n := left[key] - onTheWay; n > 0 {
			gone += n
			h.s.report.violatedBy(lost, n, "the event %q was promised, has not arrived, and is not on its way", key)
		}
	}
	asked, ids := h.asked.All(), map[string]int{}
	for id, e := range h.got {
		if why := h.foreign(e); why != "" {
			foreign++
			h.s.report.violated(contaminated, "%s has the event %s, %s: %s %.300s", e.path, id, why, e.Type, e.Data)
			continue
		}
		key := e.key()
		if ids[key]++; key != "" && ids[key] == asked[key]+1 {
			h.s.report.violated(wrong, "the event %q came with %d webhook-ids after %d requests", key, ids[key], asked[key])
		}
	}
	h.s.report.figure("events of webhooks", "%d promised, %d arrived, %d pending, lost %d, foreign %d; %d repeats", promised, arrived, pending, gone, foreign, h.repeats)
	for range arrived {
		h.s.report.count("events that were promised and arrived")
	}
}

// foreign says why an event should not have come to its path, "" if it should have.
func (h *hooks) foreign(e event) string {
	d := e.data()
	switch {
	case !slices.Contains(wanted[e.path], e.Type):
		return "for which it does not ask"
	case e.Type != "sheet.ready":
		if _, put := h.jobs.Load(d.Job); !put {
			return "and nobody put the job"
		}
		return ""
	case !h.s.knows(d.Session):
		return "and nobody has the session"
	}
	for _, name := range d.Files {
		at, sent := h.sessions[name]
		if marked.FindString(name) == name && (!sent || at != "" && at != d.Session) {
			return fmt.Sprintf("and %s was not uploaded there", name)
		}
	}
	return ""
}
