package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"tallyman/internal/bus"
	"tallyman/internal/bus/bustest"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/keys"
	"tallyman/internal/session"
)

// holding is a bus that can report missed messages.
type holding struct {
	bus.Bus
	mu  sync.Mutex
	all []bus.Subscriber
}

func (h *holding) Subscribe(topic string, s bus.Subscriber) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, s)
	return h.Bus.Subscribe(topic, s)
}

func (h *holding) missed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.all {
		s.Missed()
	}
}

// Two servers over one desk work like two processes over one database.
func TestEventsReachClientsOfAnotherServer(t *testing.T) {
	var local bustest.Local
	here, there := local.Join(), &holding{Bus: local.Join()}
	t.Cleanup(func() { here.Close(); there.Close() })
	p := newPlace(t, func(c *httpapi.Config) { c.Bus = here })
	q := newPlace(t, func(c *httpapi.Config) { c.Desk, c.Bus = p.desk, there })
	ship := small(t, 1)
	s := q.stream(t, "/events?_sid=s", nil)
	elsewhere := q.stream(t, "/events?_sid=S", nil)
	elsewhere.until(t, "state")
	s.until(t, "state")
	p.post(t, "/new-session?_sid=s", "", nil)
	s.until(t, "new")
	p.uploadBills(t, "s", ship.bills)
	all := s.until(t, "attached")
	pages := 0
	for _, e := range all {
		pages = max(pages, e.Pages)
	}
	if last := all[len(all)-1]; all[0].Type != "reading" || last.Bills != 6 || pages != 6 {
		t.Errorf("an upload at another server sends %+v", all)
	}
	// A subscriber that may have missed events gets the present state.
	there.missed()
	if all := s.until(t, "state"); all[len(all)-1].Status != "ready" || all[len(all)-1].Bills != 6 {
		t.Errorf("after a gap it gets %+v", all)
	}
	p.post(t, "/clear-session?_sid=s", "", nil)
	if all := s.until(t, "cleared"); len(all) != 1 {
		t.Errorf("events come twice: %+v", all)
	}
	q.api.EndStreams()
	if e, ok := elsewhere.next(t); ok && e.Type != "state" {
		t.Errorf("another session's events came through: %+v", e)
	}
}

// A listing that begins at one server continues at another.
func TestServersWithOneSecretGoOnWithEachOthersListings(t *testing.T) {
	secret := func(c *httpapi.Config) { c.Secret = []byte("a secret that both have") }
	p := newPlace(t, secret)
	q := newPlace(t, func(c *httpapi.Config) { secret(c); c.Desk = p.desk })
	stranger := newPlace(t, func(c *httpapi.Config) { c.Desk = p.desk })
	for _, id := range []string{"a", "b", "c"} {
		p.post(t, "/new-session?_sid="+id, "", nil)
	}
	first := p.get(t, "/debug-sessions?limit=2")
	_, rest, ok := strings.Cut(string(first.body), `"next":"`)
	after, _, _ := strings.Cut(rest, `"`)
	if !ok || after == "" {
		t.Fatalf("%s", first.body)
	}
	q.get(t, "/debug-sessions?limit=2&after="+after).shows(t, `"session_id":"c"`, "at the other server")
	stranger.get(t, "/debug-sessions?limit=2&after="+after).fails(t, 400, "bad_request", nil)
}

// away are keys that cannot be looked up.
type away struct {
	keys.Ring
	err error
}

func (a away) All(context.Context) ([]keys.Key, error) { return nil, a.err }

func TestNobodyGetsInWhileKeysCannotBeLookedUp(t *testing.T) {
	for code, want := range map[fault.Code]int{session.StorageUnavailable: 503, fault.Busy: 503, keys.Damaged: 500, fault.Internal: 500} {
		ring := away{err: fault.New(code, "the secret place does not answer")}
		if code == fault.Internal {
			ring.err = errors.New("the secret place does not answer")
		}
		p := newPlace(t, func(c *httpapi.Config) { c.Keys = ring })
		a := p.get(t, "/status?_sid=x", apiKey("tmk_x"))
		if a.status != want || want == 500 && strings.Contains(string(a.body), "secret place") {
			t.Errorf("keys that fail with %s: %d, %s", code, a.status, a.body)
		}
		if retry := a.header.Get("Retry-After"); (retry != "") != (want == 503) {
			t.Errorf("keys that fail with %s: Retry-After %q", code, retry)
		}
	}
}
