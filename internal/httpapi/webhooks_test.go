package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/receiver"
	"tallyman/internal/webhook"
)

// hooked starts a server whose webhooks are sent, and a receiver.
func hooked(t *testing.T, change ...func(*httpapi.Config)) (*place, *receiver.Receiver) {
	t.Helper()
	r, err := receiver.Start(receiver.None)
	must.OK(t, err)
	t.Cleanup(r.Close)
	at := newStores(t)
	p := at.serve(t, desk.New(at.store, at.contents, reader, desk.Limits{}), append(change, func(c *httpapi.Config) {
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { c.Webhooks.Run(ctx) })
		t.Cleanup(func() { cancel(); running.Wait() })
	})...)
	return p, r
}

// sends makes a request with JSON.
func (p *place) sends(t testing.TB, method, path string, v any, header ...string) answer {
	t.Helper()
	r := request{method: method, path: path, header: http.Header{}}
	if v != nil {
		r.kind, r.body = "application/json", bytes.NewReader(jsonOf(t, v))
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.header.Set(header[i], header[i+1])
	}
	return p.do(t, r)
}

// hook adds a webhook, and returns its ID.
func (p *place) hook(t *testing.T, r *receiver.Receiver, path string, events []string, header ...string) string {
	t.Helper()
	a := p.sends(t, "POST", "/webhooks", fields{"url": r.URL + path, "events": events, "note": "a test"}, header...)
	var got struct {
		Webhook struct{ ID string }
		Secret  string
	}
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != 200 || !strings.HasPrefix(got.Secret, "whsec_") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	r.Expect(path, got.Secret)
	return got.Webhook.ID
}

// came waits for a number of events at a path, and returns their types and data.
func came(t *testing.T, r *receiver.Receiver, path string, n int) (types []string, data []map[string]any) {
	t.Helper()
	at := func(got []receiver.Got) []receiver.Got {
		return slices.DeleteFunc(slices.Clone(got), func(g receiver.Got) bool { return g.Path != path })
	}
	r.Wait(nil, func(got []receiver.Got) bool { return len(at(got)) >= n })
	got := at(r.Got())
	slices.SortFunc(got, func(a, b receiver.Got) int { return a.Timestamp.Compare(b.Timestamp) })
	for _, g := range got {
		var d map[string]any
		must.OK(t, json.Unmarshal(g.Data, &d))
		types, data = append(types, g.Type), append(data, d)
	}
	if bad := r.Bad(); len(bad) > 0 {
		t.Errorf("wrong requests: %.300s", bad[0])
	}
	return types, data
}

func TestEventsOfASessionGoToItsOwnersWebhooks(t *testing.T) {
	p, r := hooked(t, func(c *httpapi.Config) { c.PublicURL = "https://tallyman.example.com/" })
	ship := small(t, 1)
	p.hook(t, r, "/usual", nil)
	p.hook(t, r, "/all", []string{"sheet.ready", "sheet.changed", "upload.failed"})

	p.uploadBills(t, "s", ship.bills)
	types, data := came(t, r, "/usual", 1)
	if d := data[0]; types[0] != "sheet.ready" || d["session_id"] != "s" || d["cause"] != "bol" || d["revision"] != 2.0 && d["revision"] != 1.0 ||
		d["bills"].(float64) < 1 || d["lines"].(float64) < 1 || d["orders"] != nil || len(d["files"].([]any)) != 1 ||
		d["links"].(map[string]any)["sheet"] != "https://tallyman.example.com/download-bol?_sid=s" {
		t.Errorf("after the bills: %s %v", types[0], d)
	}
	p.uploadOrders(t, "s", ship.orders)
	_, data = came(t, r, "/usual", 2)
	if o, _ := data[1]["orders"].(map[string]any); data[1]["cause"] != "orders" || o == nil || o["rows"].(float64) < 1 || o["state"] != "joined" || len(data[1]["files"].([]any)) != 2 {
		t.Errorf("after the orders: %v", data[1])
	}
	// Nothing of a document is in an event.
	var texts bytes.Buffer
	for _, g := range r.Got() {
		texts.Write(g.Data)
	}
	for line := range strings.Lines(string(ship.orders)) {
		for cell := range strings.SplitSeq(strings.TrimSpace(line), ",") {
			if len(cell) > 5 && strings.Contains(texts.String(), cell) {
				t.Errorf("an event repeats %q", cell)
			}
		}
	}

	p.form(t, "/upload?_sid=s", fileIn("file", "x.pdf", []byte("no PDF"))).fails(t, 422, "not_a_pdf", fields{"session_id": "s"})
	p.form(t, "/upload-csv?_sid=s", fileIn("file", "x.csv", []byte("a,b\n1,2\n")))
	types, data = came(t, r, "/usual", 4)
	for i, want := range []string{"bol", "orders"} {
		if d := data[2+i]; types[2+i] != "upload.failed" || d["kind"] != want || d["code"] == "" || d["error"] == "" || d["session_id"] != "s" {
			t.Errorf("a refused upload: %s %v", types[2+i], d)
		}
	}
	p.sends(t, "POST", "/amendments?_sid=s", fields{"add": []any{tickOf("x")}}).must(t)
	p.sends(t, "POST", "/process?_sid=s", nil).must(t)
	p.sends(t, "DELETE", "/files?_sid=s&name=orders.csv", nil).must(t)
	p.sends(t, "DELETE", "/files?_sid=s&name=bol.pdf", nil).must(t)
	types, data = came(t, r, "/all", 8)
	for i, want := range []string{"amendments", "process", "detached", "detached"} {
		if d := data[4+i]; types[4+i] != "sheet.changed" || d["cause"] != want {
			t.Errorf("a change: %s %v, want %s", types[4+i], d, want)
		}
	}
	if last := data[7]; last["bills"] != 0.0 || len(last["files"].([]any)) != 0 {
		t.Errorf("without bills: %v", last)
	}
	if usual, _ := came(t, r, "/usual", 4); len(usual) != 4 {
		t.Errorf("who asked for nothing got %v", usual)
	}
}

// An upload is acknowledged when its event is kept, and not before.
func TestAnUploadWhoseEventCannotBeKeptIsNotAcknowledged(t *testing.T) {
	ship := small(t, 1)
	at := newStores(t)
	broken := &brokenPapers{Profiles: at.store.Webhooks()}
	p := at.serve(t, desk.New(at.store, at.contents, reader, desk.Limits{}), func(c *httpapi.Config) {
		policy, err := webhook.NewPolicy([]string{"*"}, nil)
		must.OK(t, err)
		c.Webhooks = webhook.New(webhook.Config{Endpoints: broken, Queue: at.store.(*sqlite.Store).Tasks(), Policy: policy})
	})
	p.sends(t, "POST", "/webhooks", fields{"url": "https://hooks.example.com/"}).must(t)
	broken.err = fault.New(blob.StorageUnavailable, "storage is away")
	for _, r := range []request{{path: "/upload?_sid=s", kind: "application/pdf", body: bytes.NewReader(ship.bills)}, {path: "/upload-csv?_sid=s", kind: "text/csv", body: bytes.NewReader(ship.orders)}, {path: "/process?_sid=s"}, {path: "/upload?_sid=s", kind: "application/pdf", body: strings.NewReader("no PDF")}} {
		r.method = "POST"
		a := p.do(t, r)
		if got, _ := decode(a.body).(map[string]any); a.status != 503 || got["code"] != "storage_unavailable" || !strings.Contains(got["error"].(string), "could not be kept") || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", r.path, a.status, a.body)
		}
	}
	broken.err = nil
	p.uploadBills(t, "s", ship.bills)
	var got struct{ Deliveries []map[string]any }
	if err := json.Unmarshal(p.get(t, "/webhooks/deliveries").body, &got); err != nil || len(got.Deliveries) != 1 || got.Deliveries[0]["event"] != "sheet.ready" {
		t.Errorf("kept are %v, %v", got.Deliveries, err)
	}
}

type brokenPapers struct {
	session.Profiles
	err error
}

func (b *brokenPapers) Profile(ctx context.Context, owner session.Owner) (session.Profile, error) {
	if b.err != nil {
		return session.Profile{}, b.err
	}
	return b.Profiles.Profile(ctx, owner)
}

func TestWebhooksAreManagedOverTheAPI(t *testing.T) {
	p, r := hooked(t)
	id := p.hook(t, r, "/x", nil)
	list := func() (w []map[string]any) {
		t.Helper()
		var a struct{ Webhooks []map[string]any }
		must.OK(t, json.Unmarshal(p.get(t, "/webhooks").body, &a))
		return a.Webhooks
	}
	deliveries := func(query string) (d []map[string]any) {
		t.Helper()
		var a struct{ Deliveries []map[string]any }
		must.OK(t, json.Unmarshal(p.get(t, "/webhooks/deliveries"+query).body, &a))
		return a.Deliveries
	}
	if w := list(); len(w) != 1 || w[0]["id"] != id || w[0]["url"] != r.URL+"/x" || w[0]["on"] != true || w[0]["note"] != "a test" || bytes.Contains(p.get(t, "/webhooks").body, []byte("whsec_")) {
		t.Fatalf("%v", w)
	}
	p.sends(t, "POST", "/webhooks/"+id+"/ping", nil).shows(t, `"event":"ping"`)
	if types, data := came(t, r, "/x", 1); types[0] != "ping" || data[0]["webhook"] != id {
		t.Errorf("%v %v", types, data)
	}
	for len(deliveries("?state=delivered")) == 0 {
		time.Sleep(time.Millisecond)
	}
	d := deliveries("?limit=1&webhook=" + id)[0]
	if d["http_status"] != 200.0 || d["attempts"] != 1.0 || d["host"] == "" || d["message"] == "" || d["ended_at"] == nil {
		t.Errorf("%v", d)
	}
	p.sends(t, "POST", "/webhooks/deliveries/"+d["id"].(string)+"/resend", nil).ok(t)
	came(t, r, "/x", 2)

	rotated := p.sends(t, "POST", "/webhooks/"+id+"/rotate", nil)
	var secret struct{ Secret string }
	if err := json.Unmarshal(rotated.body, &secret); err != nil || rotated.status != 200 || list()[0]["old_secret_until"] == nil {
		t.Errorf("%d %s", rotated.status, rotated.body)
	}
	r.Expect("/x", secret.Secret)
	p.sends(t, "POST", "/webhooks/"+id+"/ping", nil)
	came(t, r, "/x", 3)

	off := p.sends(t, "PATCH", "/webhooks/"+id, fields{"on": false, "note": "resting", "events": []string{"upload.failed"}})
	if w := list()[0]; off.status != 200 || w["on"] != false || w["off"] == "" || w["note"] != "resting" || len(w["events"].([]any)) != 1 {
		t.Errorf("%d %s", off.status, off.body)
	}
	for _, path := range []string{"/webhooks/" + id + "/ping", "/webhooks/" + id + "/resend", "/webhooks/deliveries/" + d["id"].(string) + "/resend"} {
		p.sends(t, "POST", path, nil).fails(t, 400, "bad_request", nil)
	}
	p.sends(t, "PATCH", "/webhooks/"+id, fields{"on": true}).ok(t)
	p.sends(t, "POST", "/webhooks/"+id+"/resend", nil).shows(t, `"sent":0`)

	// Wrong requests.
	const other = "/webhooks/we_other"
	for _, rt := range [][2]string{{"PATCH", other}, {"DELETE", other}, {"POST", other + "/rotate"}, {"POST", other + "/ping"}, {"POST", other + "/resend"}, {"POST", "/webhooks/deliveries/dl_other/resend"}, {"GET", "/webhooks/deliveries?webhook=we_other"}} {
		var v any
		if rt[0] == "PATCH" {
			v = fields{}
		}
		p.sends(t, rt[0], rt[1], v).fails(t, 404, "not_found", nil)
	}
	for _, rt := range [][2]string{{"POST", "/webhooks"}, {"PATCH", "/webhooks/" + id}} {
		for _, v := range []any{fields{"url": ""}, fields{"url": "ftp://x/"}, fields{"url": r.URL, "events": []string{"no.event"}}, fields{"what": 1}, "text", []int{}} {
			p.sends(t, rt[0], rt[1], v).fails(t, 400, "bad_request", nil)
		}
		for _, url := range []string{"https://example.com/", "http://10.0.0.1/", "https://localhost.evil.example/"} {
			p.sends(t, rt[0], rt[1], fields{"url": url}).fails(t, 403, "address_refused", nil)
		}
		p.do(t, request{method: rt[0], path: rt[1], kind: "text/csv", body: strings.NewReader("x")}).fails(t, 415, "unsupported_media_type", nil)
	}
	p.get(t, "/webhooks/deliveries?state=lost").fails(t, 400, "bad_request", nil)
	p.get(t, "/webhooks/deliveries?after=x").fails(t, 400, "bad_request", nil)
	p.get(t, "/webhooks/deliveries?limit=x").fails(t, 400, "bad_request", nil)
	if a := p.sends(t, "DELETE", "/webhooks/"+id, nil); a.status != 200 || len(list()) != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestWebhooksOfOwnersAreApart(t *testing.T) {
	ring, secrets := ringOf(t, "depot", "office")
	viewer := addKey(t, ring, keys.Key{Name: "depot", ReadOnly: true})
	p, r := hooked(t, func(c *httpapi.Config) { c.Keys, c.Loopback = ring, false })
	id := p.hook(t, r, "/secret-path", nil, "X-API-Key", secrets["depot"])
	p.hook(t, r, "/office", nil, "X-API-Key", secrets["office"])
	ship := small(t, 1)
	p.do(t, request{method: "POST", path: "/upload?_sid=same", kind: "application/pdf", body: bytes.NewReader(ship.bills), header: http.Header{"X-Api-Key": {secrets["office"]}}})
	came(t, r, "/office", 1)
	if n := r.Asked("/secret-path"); n > 0 {
		t.Error("an event went to another owner")
	}
	if a := p.sends(t, "GET", "/webhooks", nil, "X-API-Key", secrets["office"]); bytes.Contains(a.body, []byte("secret-path")) {
		t.Errorf("another owner's webhook is listed: %s", a.body)
	}
	p.sends(t, "DELETE", "/webhooks/"+id, nil, "X-API-Key", secrets["office"]).fails(t, 404, "not_found", nil)
	// A key that may only look sees no address that may be a secret.
	if a := p.sends(t, "GET", "/webhooks", nil, "X-API-Key", viewer); a.status != 200 || bytes.Contains(a.body, []byte("secret-path")) || !bytes.Contains(a.body, []byte("localhost")) {
		t.Errorf("%d %s", a.status, a.body)
	}
	p.sends(t, "POST", "/webhooks/"+id+"/rotate", nil, "X-API-Key", viewer).fails(t, 403, "read_only", nil)
}

func TestThereAreNoWebhooksWhereCallersShareAnOwnerOrTheOperatorAllowsNone(t *testing.T) {
	at := newStores(t)
	d := desk.New(at.store, at.contents, reader, desk.Limits{})
	for name, p := range map[string]*place{
		"none are allowed":     at.serve(t, d, func(c *httpapi.Config) { c.Webhooks = nil }),
		"an open server":       at.serve(t, d, func(c *httpapi.Config) { c.Loopback, c.Open = false, true }),
		"through a proxy here": at.serve(t, d, func(c *httpapi.Config) { c.Hosts = []string{"proxy.example"} }),
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{"X-None", "x"}
			if name == "through a proxy here" {
				header = []string{"X-Forwarded-For", "203.0.113.5"}
			}
			for _, rt := range []struct{ method, path string }{
				{"GET", "/webhooks"}, {"POST", "/webhooks"}, {"PATCH", "/webhooks/x"}, {"DELETE", "/webhooks/x"}, {"POST", "/webhooks/x/rotate"}, {"POST", "/webhooks/x/ping"},
				{"POST", "/webhooks/x/resend"}, {"GET", "/webhooks/deliveries"}, {"POST", "/webhooks/deliveries/x/resend"},
			} {
				var v any
				if rt.path == "/webhooks" && rt.method == "POST" || rt.method == "PATCH" {
					v = fields{"url": "https://localhost/"}
				}
				p.sends(t, rt.method, rt.path, v, header...).fails(t, 403, "webhooks_off", nil)
			}
			p.sends(t, "GET", "/view?_sid=s", nil, header...).shows(t, `"webhooks":false`, "the page offers them")
		})
	}
	at.serve(t, d).get(t, "/view?_sid=s").shows(t, `"webhooks":true`, "the page does not offer them")
}
