package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/client"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/receiver"
)

// Uploads are acknowledged while the receiver is away and the server dies again and again.
// Each then has its event.
func TestEveryAcknowledgedUploadHasItsEventThroughKills(t *testing.T) {
	t.Parallel() // it waits for what dead servers had taken on
	r, err := receiver.Start(receiver.Right)
	must.OK(t, err)
	defer r.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	must.OK(t, os.WriteFile(roots, r.PEM, 0o600))
	dir := t.TempDir()
	args := []string{"--listen", "127.0.0.1:0", "--webhook-allow", "localhost:*", "--webhook-private", "127.0.0.1,::1"}
	run := func() *server { return startServer(t, dir, []string{"SSL_CERT_FILE=" + roots}, args...) }
	s := run()
	var made struct{ Secret string }
	s.ask(t, api.Request{Method: "POST", Path: "/webhooks", Kind: "application/json", Body: []byte(`{"url": "` + r.URL + `/x"}`)}, &made)
	r.Expect("/x", made.Secret)
	var mu sync.Mutex
	away, taken := true, map[string]bool{} // by the events' IDs
	r.Answer("/x", func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if away {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else {
			taken[req.Header.Get("Webhook-Id")] = true
		}
	})
	pdf, _ := documents(t)
	const kills = 3
	for i := range kills {
		s.ask(t, api.Request{Method: "POST", Path: "/upload", SID: fmt.Sprint("s", i), Kind: "application/pdf", Body: pdf}, nil)
		s.Kill() // nothing is finished
		s = run()
	}
	// The IDs of events that were tried before are those that arrive in the end.
	tried := map[string]string{} // by session
	of := func(g receiver.Got) string {
		var d struct {
			SessionID string `json:"session_id"`
		}
		must.OK(t, json.Unmarshal(g.Data, &d))
		return d.SessionID
	}
	mu.Lock()
	away = false
	mu.Unlock()
	for _, g := range r.Got() {
		if id, again := tried[of(g)]; again && id != g.ID {
			t.Errorf("%s has the events %s and %s", of(g), id, g.ID)
		}
		tried[of(g)] = g.ID
	}
	// What waits for its next attempt need not.
	var listed struct{ Deliveries []struct{ ID, State string } }
	s.ask(t, api.Request{Method: "GET", Path: "/webhooks/deliveries"}, &listed)
	if len(listed.Deliveries) != kills {
		t.Fatalf("%d uploads were acknowledged, and there are %d events", kills, len(listed.Deliveries))
	}
	for _, d := range listed.Deliveries {
		if d.State == "waiting" {
			s.ask(t, api.Request{Method: "POST", Path: "/webhooks/deliveries/" + d.ID + "/resend"}, nil)
		}
	}
	for n := 0; n < kills; time.Sleep(time.Millisecond) {
		mu.Lock()
		n = len(taken)
		mu.Unlock()
	}
	for _, g := range r.Got() {
		if id := tried[of(g)]; id != "" && id != g.ID {
			t.Errorf("%s was told of as %s, and then as %s", of(g), id, g.ID)
		}
	}
	if bad := r.Bad(); len(bad) > 0 {
		t.Errorf("wrong requests: %s", bad[0])
	}
	s.end(t)
}

func TestWebhooksNeedTheOperatorsConsent(t *testing.T) {
	s := startServer(t, t.TempDir(), nil, "--listen", "127.0.0.1:0", "--webhook-allow", "localhost:*")
	r, err := receiver.Start(receiver.Right)
	must.OK(t, err)
	defer r.Close()
	c := &client.Client{URL: s.url, Session: "s"}
	_, err = c.New(t.Context())
	must.OK(t, err)
	var made struct{ Webhook struct{ ID string } }
	body := `{"url": "` + r.URL + `/x", "events": ["sheet.ready"]}`
	s.ask(t, api.Request{Method: "POST", Path: "/webhooks", Kind: "application/json", Body: []byte(body)}, &made)
	s.ask(t, api.Request{Method: "POST", Path: "/webhooks/" + made.Webhook.ID + "/ping"}, nil)
	// localhost is allowed, but leads to an address that is not public.
	for {
		var listed struct{ Deliveries []struct{ Problem string } }
		s.ask(t, api.Request{Method: "GET", Path: "/webhooks/deliveries"}, &listed)
		if len(listed.Deliveries) != 1 {
			t.Fatalf("%+v", listed)
		}
		if p := listed.Deliveries[0].Problem; p != "" {
			if !strings.Contains(p, "not public") {
				t.Errorf("the problem is %q", p)
			}
			break
		}
	}
	if r.Asked("/x") > 0 {
		t.Error("it was sent all the same")
	}
	s.end(t)
}
