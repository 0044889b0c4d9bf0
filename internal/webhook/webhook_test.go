package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/receiver"
)

var ctx = context.Background()

// place is a store with services over it.
type place struct {
	t     *testing.T
	dir   string
	store *sqlite.Store
	ahead atomic.Int64 // how far the store's clock is ahead, in nanoseconds
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	p.open()
	t.Cleanup(func() { p.store.Close() })
	return p
}

func (p *place) open() {
	p.t.Helper()
	store, err := sqlite.Open(ctx, p.dir, session.Settings{Now: func() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }})
	must.OK(p.t, err)
	p.store = store
}

// begin returns a place with a receiver and a service that does not run yet.
func begin(t *testing.T, waits ...time.Duration) (*place, *receiver.Receiver, *Service) {
	t.Helper()
	p, r := newPlace(t), start(t, receiver.Right)
	return p, r, p.service(r, waits...)
}

// service returns a service that does not run yet.
func (p *place) service(r *receiver.Receiver, w ...time.Duration) *Service {
	p.t.Helper()
	c := Config{Endpoints: p.store.Webhooks(), Queue: p.store.Tasks(), Policy: local(p.t), Roots: r.Roots, Version: "test", Waits: w}
	s := New(c)
	s.sender.patient(c.Policy)
	return s
}

// patient takes the limits of time away: a slow machine must not fail a test.
func (s *sender) patient(p *Policy) {
	s.limit = time.Hour
	transport := s.client.Transport.(*http.Transport)
	transport.TLSHandshakeTimeout = 0
	transport.DialContext = (&net.Dialer{Control: p.control}).DialContext
}

// run runs a service until the test, or stop, ends it.
func (p *place) run(s *Service) (stop func()) {
	own, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.Run(own) })
	stop = func() { cancel(); running.Wait() }
	p.t.Cleanup(stop)
	return stop
}

// add adds an endpoint at a path of a receiver, which then checks its signatures.
func (p *place) add(s *Service, owner session.Owner, r *receiver.Receiver, path string, types ...Type) Endpoint {
	p.t.Helper()
	e, err := s.Add(ctx, owner, r.URL+path, types, "")
	must.OK(p.t, err)
	r.Expect(path, e.Secrets[0].Secret)
	return e
}

func (p *place) emit(s *Service, owner session.Owner, t Type, data any) {
	p.t.Helper()
	must.OK(p.t, s.Emit(ctx, owner, Event{Type: t, Data: data}))
}

// listed waits until the deliveries of an owner are as f wants them, and returns them.
func (p *place) listed(s *Service, owner session.Owner, f func([]Delivery) bool) []Delivery {
	p.t.Helper()
	for {
		page, err := s.Deliveries(ctx, owner, Query{})
		must.OK(p.t, err)
		if f(page.Deliveries) {
			return page.Deliveries
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func all(n int, state State) func([]Delivery) bool {
	return func(ds []Delivery) bool {
		return len(ds) == n && !slices.ContainsFunc(ds, func(d Delivery) bool { return d.State != state })
	}
}

func arrived(r *receiver.Receiver, n int) []receiver.Got {
	r.Wait(nil, func(got []receiver.Got) bool { return len(got) >= n })
	return r.Got()
}

func refused(r *receiver.Receiver) error {
	if bad := r.Bad(); len(bad) > 0 {
		return fmt.Errorf("%d requests were wrong: %.300s", len(bad), bad[0])
	}
	return nil
}

func TestEventsGoToTheEndpointsOfTheirOwnerThatAskForThem(t *testing.T) {
	p, r, s := begin(t)
	p.run(s)
	p.add(s, "acme", r, "/usual")
	p.add(s, "acme", r, "/changes", SheetChanged)
	p.add(s, "zeta", r, "/zeta")
	p.emit(s, "acme", SheetReady, map[string]any{"session_id": "a", "bills": 3})
	p.emit(s, "acme", SheetChanged, map[string]any{"session_id": "a"})
	p.emit(s, "zeta", UploadFailed, map[string]any{"session_id": "z"})
	p.emit(s, "nobody", SheetReady, map[string]any{})
	got := arrived(r, 3)
	p.listed(s, "acme", all(2, Delivered))
	p.listed(s, "zeta", all(1, Delivered))
	if err := refused(r); err != nil || len(r.Got()) != 3 {
		t.Errorf("%d arrived, %v", len(got), err)
	}
	for _, g := range got {
		var data map[string]any
		if err := json.Unmarshal(g.Data, &data); err != nil || !strings.HasPrefix(g.ID, "msg_") || time.Since(g.Timestamp) > time.Hour {
			t.Errorf("%+v: %v", g, err)
		}
		want := map[string]Type{"/usual": SheetReady, "/changes": SheetChanged, "/zeta": UploadFailed}[g.Path]
		if Type(g.Type) != want || data["session_id"] == nil {
			t.Errorf("%s got %s: %s", g.Path, g.Type, g.Data)
		}
	}
	// Owners see their own only.
	page, err := s.Deliveries(ctx, "zeta", Query{})
	if err != nil || len(page.Deliveries) != 1 || page.Deliveries[0].Type != UploadFailed || page.Deliveries[0].Status != 200 {
		t.Errorf("the deliveries of zeta are %+v, %v", page.Deliveries, err)
	}
	mine, _ := s.Deliveries(ctx, "acme", Query{})
	if _, err := s.Again(ctx, "zeta", mine.Deliveries[0].ID); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("sending another owner's event again: %v", err)
	}
	for name, f := range map[string]func(string) error{
		"rotate": func(id string) error { _, err := s.Rotate(ctx, "zeta", id); return err },
		"update": func(id string) error { _, err := s.Update(ctx, "zeta", id, Change{}); return err },
		"remove": func(id string) error { return s.Remove(ctx, "zeta", id) },
		"try":    func(id string) error { _, err := s.Try(ctx, "zeta", id); return err },
		"again":  func(id string) error { _, err := s.AllAgain(ctx, "zeta", id); return err },
		"list":   func(id string) error { _, err := s.Deliveries(ctx, "zeta", Query{Endpoint: id}); return err },
	} {
		if err := f(mine.Deliveries[0].Endpoint); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%s of another owner's webhook: %v", name, err)
		}
	}
}

func TestAnEventIsRepeatedUntilItIsTakenWithTheSameID(t *testing.T) {
	p, r, s := begin(t, time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond)
	var asked atomic.Int64
	r.Answer("/x", func(w http.ResponseWriter, req *http.Request) {
		switch asked.Add(1) {
		case 1:
			receiver.Status(500, "")(w, req)
		case 2:
			receiver.Cut(w, req)
		case 3:
			receiver.Redirect(302, "https://localhost/")(w, req)
		}
	})
	p.run(s)
	p.add(s, "acme", r, "/x")
	p.emit(s, "acme", SheetReady, 1)
	got := arrived(r, 4)
	ds := p.listed(s, "acme", all(1, Delivered))
	for _, g := range got {
		if g.ID != got[0].ID || g.ID != ds[0].Message || string(g.Data) != "1" || !g.Timestamp.Equal(got[0].Timestamp) {
			t.Errorf("%+v is not %+v", g, got[0])
		}
	}
	if err := refused(r); err != nil || len(got) != 4 || ds[0].Attempts != 4 || ds[0].Problem != "" {
		t.Errorf("%d requests, %+v, %v", len(got), ds[0], err)
	}
}

func TestWhatCannotBeDeliveredIsListedAndSentAgainByHand(t *testing.T) {
	p, r, s := begin(t, time.Millisecond)
	r.Answer("/x", receiver.Status(503, ""))
	p.run(s)
	e := p.add(s, "acme", r, "/x")
	p.emit(s, "acme", SheetReady, 1)
	p.emit(s, "acme", SheetReady, 2)
	p.emit(s, "acme", SheetReady, 3)
	dead := p.listed(s, "acme", all(3, Dead))
	if d := dead[2]; d.Attempts != 2 || d.Status != 503 || !strings.Contains(d.Problem, "503") || d.Host == "" || string(d.Body) == "" || d.Ended.IsZero() {
		t.Errorf("the list has %+v", d)
	}
	r.Answer("/x", nil)
	before := len(r.Got())
	_, err := s.Again(ctx, "acme", dead[2].ID)
	must.OK(t, err)
	got := arrived(r, before+1)
	if g := got[before]; g.ID != dead[2].Message || string(g.Data) != "1" {
		t.Errorf("sent again was %+v, not %+v", g, dead[2])
	}
	if n, err := s.AllAgain(ctx, "acme", e.ID); n != 2 || err != nil {
		t.Errorf("%d were sent again, %v", n, err)
	}
	arrived(r, before+3)
	p.listed(s, "acme", all(3, Delivered))
	// What was delivered can be sent again as well, and stays in the list.
	_, err = s.Again(ctx, "acme", p.listed(s, "acme", all(3, Delivered))[0].ID)
	must.OK(t, err)
	p.listed(s, "acme", all(4, Delivered))
	if err := refused(r); err != nil {
		t.Error(err)
	}
}

func TestRetryAfterPutsTheNextAttemptOffAndSendingNowDoesNotWait(t *testing.T) {
	p, r, s := begin(t)
	r.Answer("/x", receiver.Status(429, "7200"))
	p.run(s)
	p.add(s, "acme", r, "/x")
	p.emit(s, "acme", SheetReady, 1)
	waits := p.listed(s, "acme", func(ds []Delivery) bool { return len(ds) == 1 && ds[0].State == Waiting && ds[0].Attempts == 1 })
	if next := time.Until(waits[0].Next); next < 100*time.Minute || next > 140*time.Minute {
		t.Errorf("it is tried again in %v", next)
	}
	r.Answer("/x", nil)
	_, err := s.Again(ctx, "acme", waits[0].ID)
	must.OK(t, err)
	if ds := p.listed(s, "acme", all(1, Delivered)); ds[0].Message != waits[0].Message {
		t.Errorf("%+v", ds)
	}
}

func TestAnEndpointThatIsGoneIsSwitchedOff(t *testing.T) {
	p, r, s := begin(t)
	r.Answer("/x", receiver.Status(410, ""))
	e := p.add(s, "acme", r, "/x")
	for i := range 3 {
		p.emit(s, "acme", SheetReady, i)
	}
	p.run(s)
	dead := p.listed(s, "acme", all(3, Dead))
	if now, err := s.Endpoint(ctx, "acme", e.ID); err != nil || !strings.Contains(now.Off, "410") {
		t.Fatalf("the webhook is %+v, %v", now, err)
	}
	asked := r.Asked("/x")
	p.emit(s, "acme", SheetReady, "not kept")
	if ds := p.listed(s, "acme", func([]Delivery) bool { return true }); len(ds) != 3 {
		t.Errorf("an event was kept for a webhook that is off: %+v", ds)
	}
	for name, err := range map[string]error{
		"try":       func() error { _, err := s.Try(ctx, "acme", e.ID); return err }(),
		"again":     func() error { _, err := s.Again(ctx, "acme", dead[0].ID); return err }(),
		"all again": func() error { _, err := s.AllAgain(ctx, "acme", e.ID); return err }(),
	} {
		if fault.CodeOf(err) != fault.BadRequest || !strings.Contains(err.Error(), "410") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.Asked("/x") != asked {
		t.Error("it was asked all the same")
	}
	r.Answer("/x", nil)
	on := true
	if now, err := s.Update(ctx, "acme", e.ID, Change{On: &on}); err != nil || now.Off != "" {
		t.Fatalf("switched on: %+v, %v", now, err)
	}
	if n, err := s.AllAgain(ctx, "acme", e.ID); n != 3 || err != nil {
		t.Errorf("%d sent again, %v", n, err)
	}
	p.listed(s, "acme", all(3, Delivered))
}

func TestASecretIsReplacedWhileBothSign(t *testing.T) {
	p, r, s := begin(t)
	var ahead atomic.Int64
	s.sender.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	p.run(s)
	e := p.add(s, "acme", r, "/x")
	next, err := s.Rotate(ctx, "acme", e.ID)
	if err != nil || next.Secrets[0].Secret == e.Secrets[0].Secret || len(next.Secrets) != 2 {
		t.Fatalf("rotated: %+v, %v", next, err)
	}
	p.emit(s, "acme", SheetReady, "both") // the receiver has the old secret
	if got := arrived(r, 1); got[0].Signatures != 2 {
		t.Errorf("%d signatures", got[0].Signatures)
	}
	r.Expect("/x", next.Secrets[0].Secret)
	p.emit(s, "acme", SheetReady, "both")
	arrived(r, 2)
	if err := refused(r); err != nil {
		t.Error(err)
	}
	// Rotated again and again there are a few secrets, and each stops to sign.
	for range 10 {
		next, err = s.Rotate(ctx, "acme", e.ID)
		must.OK(t, err)
	}
	if n := len(next.Secrets); n != maxSecrets {
		t.Errorf("%d secrets", n)
	}
	ahead.Store(int64(Overlap))
	if left := next.signing(s.sender.now()); !slices.Equal(left, []string{next.Secrets[0].Secret}) {
		t.Errorf("after a day %d secrets sign", len(left))
	}
	if next, err = s.Rotate(ctx, "acme", e.ID); err != nil || len(next.Secrets) != 2 {
		t.Errorf("those that sign no more are kept: %d, %v", len(next.Secrets), err)
	}
}

func TestABrokenEndpointDelaysNoOtherAndIsAskedByFewAtOnce(t *testing.T) {
	p, r, s := begin(t)
	s.sender.limit = time.Hour
	release := make(chan struct{})
	var now, most atomic.Int64
	r.Answer("/broken", func(_ http.ResponseWriter, req *http.Request) {
		n := now.Add(1)
		for {
			seen := most.Load()
			if n <= seen || most.CompareAndSwap(seen, n) {
				break
			}
		}
		select {
		case <-release:
		case <-req.Context().Done():
		}
		now.Add(-1)
	})
	p.add(s, "acme", r, "/broken")
	p.add(s, "acme", r, "/mine")
	p.add(s, "zeta", r, "/other")
	p.run(s)
	const n = 50
	for range n {
		p.emit(s, "acme", SheetReady, 1)
		p.emit(s, "zeta", SheetReady, 1)
	}
	// While nothing of the broken one ends, all others get theirs.
	r.Wait(nil, func(got []receiver.Got) bool {
		mine, other := 0, 0
		for _, g := range got {
			switch g.Path {
			case "/mine":
				mine++
			case "/other":
				other++
			}
		}
		return mine == n && other == n
	})
	if asked := r.Asked("/broken"); asked > parallel {
		t.Errorf("the broken one has %d requests", asked)
	}
	close(release)
	p.listed(s, "acme", func([]Delivery) bool { return r.Asked("/broken") >= n })
	if m := most.Load(); m < 1 || m > parallel {
		t.Errorf("%d at once", m)
	}
}

func TestAnEventSurvivesTheEndOfTheProcess(t *testing.T) {
	p, r, s := begin(t)
	e := p.add(s, "acme", r, "/x")
	p.emit(s, "acme", SheetReady, 1) // nothing runs
	p.store.Close()
	p.open()
	if page, err := p.store.Tasks().List(ctx, queue.Query{Owner: "acme", Kind: kindOf(e.ID)}); err != nil || len(page.Tasks) != 1 {
		t.Fatalf("after a restart there are %+v, %v", page, err)
	}
	// One process dies after it has sent the event and before it has noted that.
	task, ok, err := p.store.Tasks().Claim(ctx, kindOf(e.ID), lease)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	s = p.service(r)
	first := s.attempt(ctx, e, messageOf(t, task), 1)
	if !first.ok() {
		t.Fatal(first)
	}
	p.run(s)
	p.ahead.Store(int64(lease))
	s.wake(e.ID)
	p.listed(s, "acme", all(1, Delivered))
	got := r.Got()
	if err := refused(r); err != nil || len(got) != 2 || got[0].ID != got[1].ID {
		t.Errorf("%+v, %v", got, err)
	}
}

func messageOf(t *testing.T, task queue.Task) (m message) {
	t.Helper()
	must.OK(t, json.Unmarshal(task.Payload, &m))
	return m
}

func TestOfManyProcessesOneSendsAnEvent(t *testing.T) {
	p, r := newPlace(t), start(t, receiver.Right)
	services := []*Service{p.service(r), p.service(r), p.service(r)}
	p.add(services[0], "acme", r, "/x")
	for _, s := range services {
		p.run(s)
	}
	const n = 90
	var emitting sync.WaitGroup
	for i, s := range services {
		emitting.Go(func() {
			for j := range n / 3 {
				p.emit(s, "acme", SheetReady, fmt.Sprint(i, " ", j))
			}
		})
	}
	emitting.Wait()
	p.listed(services[0], "acme", all(n, Delivered))
	seen := map[string]bool{}
	for _, g := range r.Got() {
		if seen[g.ID] {
			t.Errorf("%s came twice", g.ID)
		}
		seen[g.ID] = true
	}
	if len(seen) != n {
		t.Errorf("%d of %d events came", len(seen), n)
	}
}

func TestWhatIsToldOnceIsKeptOnce(t *testing.T) {
	p, r, s := begin(t)
	p.add(s, "acme", r, "/x")
	for range 3 {
		must.OK(t, s.Emit(ctx, "acme", Event{Type: JobDone, Data: 1, Once: "job 7"}))
	}
	p.run(s)
	p.listed(s, "acme", all(1, Delivered))
	if n := r.Asked("/x"); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
}

func TestWhoIsTooFarBehindIsSwitchedOff(t *testing.T) {
	p, r, s := begin(t)
	s.limits.open = 5
	e := p.add(s, "acme", r, "/x")
	for i := range 7 {
		p.emit(s, "acme", SheetReady, i) // which never fails
	}
	if now, err := s.Endpoint(ctx, "acme", e.ID); err != nil || !strings.Contains(now.Off, "5 events") {
		t.Errorf("the webhook is %+v, %v", now, err)
	}
	if page, err := s.Deliveries(ctx, "acme", Query{}); err != nil || len(page.Deliveries) != 5 {
		t.Errorf("%d are kept, %v", len(page.Deliveries), err)
	}
}

func TestAnEventThatCannotBeKeptIsAnError(t *testing.T) {
	p, r, s := begin(t)
	p.add(s, "acme", r, "/x")
	if err := s.Emit(ctx, "acme", Event{Type: SheetReady, Data: strings.Repeat("x", maxBody)}); fault.CodeOf(err) != fault.Internal {
		t.Errorf("a huge event: %v", err)
	}
	p.store.Close()
	if err := s.Emit(ctx, "acme", Event{Type: SheetReady}); fault.CodeOf(err) != session.StorageUnavailable {
		t.Errorf("without a store: %v", err)
	}
}

func TestEndpointsAreChecked(t *testing.T) {
	p, r, s := begin(t)
	add := func(url string, types []Type, note string) error {
		_, err := s.Add(ctx, "acme", url, types, note)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want fault.Code
	}{
		"elsewhere":         {add("https://example.com/", nil, ""), Refused},
		"no address":        {add("", nil, ""), fault.BadRequest},
		"an unknown event":  {add(r.URL, []Type{"sheet.eaten"}, ""), fault.BadRequest},
		"ping":              {add(r.URL, []Type{Ping}, ""), fault.BadRequest},
		"a long note":       {add(r.URL, nil, strings.Repeat("x", MaxNote+1)), fault.BadRequest},
		"a note of lines":   {add(r.URL, nil, "a\nb"), fault.BadRequest},
		"a note that is no": {add(r.URL, nil, "\xff"), fault.BadRequest},
	} {
		if fault.CodeOf(c.err) != c.want {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	e := p.add(s, "acme", r, "/x", JobFailed, SheetReady, JobFailed)
	if !slices.Equal(e.Events, []Type{SheetReady, JobFailed}) {
		t.Errorf("the events are %v", e.Events)
	}
	url, note, types := r.URL+"/y", "n8n", []Type{}
	if got, err := s.Update(ctx, "acme", e.ID, Change{URL: &url, Note: &note, Events: &types}); err != nil || got.URL != url || got.Note != note || !slices.Equal(got.Events, Usual) || len(got.Secrets) != 1 {
		t.Errorf("changed: %+v, %v", got, err)
	}
	for name, c := range map[string]Change{"address": {URL: new(string)}, "events": {Events: &[]Type{"x"}}, "note": {Note: new("\x00")}} {
		if _, err := s.Update(ctx, "acme", e.ID, c); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("a wrong %s: %v", name, err)
		}
	}
	for range MaxEndpoints - 1 {
		p.add(s, "acme", r, "/z")
	}
	if err := add(r.URL, nil, ""); fault.CodeOf(err) != fault.BadRequest || !strings.Contains(err.Error(), "10 webhooks") {
		t.Errorf("one too many: %v", err)
	}
	p.add(s, "zeta", r, "/z") // others are not concerned
}

func TestARemovedEndpointGetsNothingMore(t *testing.T) {
	p, r, s := begin(t)
	e := p.add(s, "acme", r, "/x")
	kept := p.add(s, "acme", r, "/kept")
	for i := range 5 {
		p.emit(s, "acme", SheetReady, i)
	}
	must.OK(t, s.Remove(ctx, "acme", e.ID))
	if err := s.Remove(ctx, "acme", e.ID); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("removed twice: %v", err)
	}
	p.run(s)
	p.listed(s, "acme", all(5, Delivered))
	if n := r.Asked("/x"); n > 0 {
		t.Errorf("%d events were sent there", n)
	}
	if page, err := p.store.Tasks().List(ctx, queue.Query{Owner: "acme", Kind: kindOf(e.ID)}); err != nil || len(page.Tasks) > 0 {
		t.Errorf("its deliveries are still there: %+v, %v", page, err)
	}
	if ends, err := s.Endpoints(ctx, "acme"); err != nil || len(ends) != 1 || ends[0].ID != kept.ID {
		t.Errorf("%+v, %v", ends, err)
	}
}

// A process may end between the removal of an endpoint and that of its deliveries, and another may keep
// an event for the endpoint meanwhile.
func TestDeliveriesOfARemovedEndpointGoLater(t *testing.T) {
	p, r, s := begin(t)
	e := p.add(s, "acme", r, "/x")
	p.emit(s, "acme", SheetReady, 1)
	ended, end := context.WithCancel(ctx)
	s.c.Queue = cut{p.store.Tasks(), end}
	if err := s.Remove(ended, "acme", e.ID); err == nil {
		t.Fatal("the deliveries were removed after the end of the process")
	}
	s = p.service(r)
	s.sender.now = func() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }
	p.run(s)
	gone := func() {
		t.Helper()
		for {
			page, err := p.store.Tasks().List(ctx, queue.Query{Owner: "acme", Kind: kindOf(e.ID)})
			must.OK(t, err)
			if len(page.Tasks) == 0 {
				return
			}
			s.wake("")
			time.Sleep(5 * time.Millisecond)
		}
	}
	gone()
	_, err := s.put(ctx, "acme", e, "msg_late", Event{Type: SheetReady})
	must.OK(t, err)
	gone()
	p.ahead.Add(int64(lease))
	for {
		d, _, err := s.endpoints(ctx, "acme")
		must.OK(t, err)
		if len(d.Removed) == 0 {
			return
		}
		s.wake("")
		time.Sleep(5 * time.Millisecond)
	}
}

// cut is a queue of a process that ends when it is to list tasks.
type cut struct {
	queue.Queue
	end context.CancelFunc
}

func (c cut) List(ctx context.Context, q queue.Query) (queue.Page, error) {
	c.end()
	return c.Queue.List(ctx, q)
}

// What the operator allowed when an endpoint was made, he may forbid later.
func TestThePolicyHoldsForEachAttempt(t *testing.T) {
	p, r, s := begin(t, time.Millisecond)
	p.add(s, "acme", r, "/x")
	p.emit(s, "acme", SheetReady, 1)
	strict, err := NewPolicy([]string{"hooks.example.com"}, nil)
	must.OK(t, err)
	s.c.Policy = strict
	p.run(s)
	if d := p.listed(s, "acme", all(1, Dead)); !strings.Contains(d[0].Problem, "does not allow") || r.Asked("/x") > 0 {
		t.Errorf("%+v", d)
	}
}

func TestDeliveriesAreListedInPages(t *testing.T) {
	p, r, s := begin(t)
	a, b := p.add(s, "acme", r, "/a"), p.add(s, "acme", r, "/b")
	for i := range 5 {
		p.emit(s, "acme", SheetReady, i)
	}
	var ids []string
	q := Query{Limit: 3}
	for range 4 {
		page, err := s.Deliveries(ctx, "acme", q)
		must.OK(t, err)
		for _, d := range page.Deliveries {
			ids = append(ids, d.ID)
		}
		q.Before = page.Next
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 10 || q.Before != "" {
		t.Errorf("the pages have %d of 10 deliveries, and end with %q", n, q.Before)
	}
	for _, e := range []Endpoint{a, b} {
		if page, err := s.Deliveries(ctx, "acme", Query{Endpoint: e.ID, State: Waiting}); err != nil || len(page.Deliveries) != 5 {
			t.Errorf("%d of one webhook, %v", len(page.Deliveries), err)
		}
	}
	if page, err := s.Deliveries(ctx, "acme", Query{State: Dead}); err != nil || len(page.Deliveries) != 0 {
		t.Errorf("%d are dead, %v", len(page.Deliveries), err)
	}
	for name, q := range map[string]Query{"state": {State: "lost"}, "before": {Before: "x"}, "before 0": {Before: "0"}} {
		if _, err := s.Deliveries(ctx, "acme", q); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("a wrong %s: %v", name, err)
		}
	}
}

func TestOnlyTheLatestDeliveredEventsAreKept(t *testing.T) {
	p, r, s := begin(t)
	s.limits.delivered, s.limits.drain = 3, time.Hour
	e := p.add(s, "acme", r, "/x")
	for i := range 10 {
		p.emit(s, "acme", SheetReady, i)
	}
	stop := p.run(s)
	r.Wait(nil, func(got []receiver.Got) bool { return len(got) == 10 })
	stop()
	s.sweep(ctx, &runner{owner: "acme", id: e.ID})
	if ds := p.listed(s, "acme", func(ds []Delivery) bool { return true }); len(ds) > 3 {
		t.Errorf("%d are kept", len(ds))
	}
}

func TestTheEndOfTheServiceCutsAttemptsOffThatDoNotEnd(t *testing.T) {
	p, r, s := begin(t)
	s.limits.drain, s.sender.limit = time.Millisecond, time.Hour
	r.Answer("/x", receiver.Silent)
	p.add(s, "acme", r, "/x")
	p.emit(s, "acme", SheetReady, 1)
	stop := p.run(s)
	r.Wait(nil, func([]receiver.Got) bool { return r.Asked("/x") == 1 })
	stop()
	if ds := p.listed(s, "acme", func([]Delivery) bool { return true }); ds[0].State != Waiting || time.Until(ds[0].Next) > time.Second {
		t.Errorf("it waits as %+v", ds[0])
	}
}

func TestMeasurementsCountWhatHappens(t *testing.T) {
	p, r, s := begin(t, time.Millisecond)
	r.Answer("/bad", receiver.Status(500, ""))
	p.add(s, "acme", r, "/good")
	bad := p.add(s, "acme", r, "/bad")
	p.run(s)
	p.emit(s, "acme", SheetReady, 1)
	p.listed(s, "acme", func(ds []Delivery) bool {
		return len(ds) == 2 && !slices.ContainsFunc(ds, func(d Delivery) bool { return d.State != Dead && d.State != Delivered })
	})
	for s.Stats().Dead == 0 || s.Stats().Delivered == 0 {
		time.Sleep(time.Millisecond)
	}
	s.sweep(ctx, &runner{owner: "acme", id: bad.ID})
	if st := s.Stats(); st.Delivered != 1 || st.Dead != 1 || st.Failed != 2 || st.On != 2 || st.Off != 0 || st.DeadLetters != 1 || st.Seconds <= 0 {
		t.Errorf("%+v", st)
	}
}
