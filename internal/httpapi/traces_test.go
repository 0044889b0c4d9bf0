package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/desk"
	"tallyman/internal/httpapi"
	"tallyman/internal/ops/tracing"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/tracingtest"
)

// traced starts a server that sends its traces to a collector.
type traced struct {
	*place
	*tracingtest.Collector
	tracing *tracing.Tracing
}

func newTraced(t testing.TB, change ...func(*httpapi.Config)) *traced {
	t.Helper()
	c := tracingtest.New(t)
	tr, err := tracing.Open(t.Context(), tracing.Config{URL: c.URL, Version: "test"})
	must.OK(t, err)
	at := newStores(t)
	d := desk.New(tracing.Sessions(at.store), tracing.Contents(at.contents), reader, desk.Limits{})
	p := at.serve(t, d, append([]func(*httpapi.Config){func(c *httpapi.Config) {
		c.Tracer = tr.Tracer()
		c.Log = slog.New(tracing.Logs(c.Log.Handler()))
	}}, change...)...)
	return &traced{place: p, Collector: c, tracing: tr}
}

// sent ends the tracing and returns the received spans.
func (tr *traced) sent(t *testing.T) []tracingtest.Span {
	t.Helper()
	tr.place.settle(t)
	tr.place.Server.Close() // waits for requests
	must.OK(t, tr.tracing.Close(context.Background()))
	return tr.Spans()
}

// settle waits until no contents are being deleted.
func (p *place) settle(t *testing.T) {
	t.Helper()
	p.settles(t, 0)
	stacks := make([]byte, 1<<20)
	until(func() bool { return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("desk.(*Desk).drop")) })
}

func TestAWorkflowIsATreeOfSpans(t *testing.T) {
	ring, secrets := ringOf(t, "depot")
	key := secrets["depot"]
	p := newTraced(t, func(c *httpapi.Config) { c.Keys, c.Loopback = ring, false })
	ship := small(t, 5)
	send := func(method, path, kind string, body []byte) answer {
		t.Helper()
		a := p.do(t, request{method: method, path: path, kind: kind, body: bytes.NewReader(body), header: http.Header{"X-Api-Key": {key}}})
		if a.status != 200 {
			t.Fatalf("%s %s: %d %.200s", method, path, a.status, a.body)
		}
		for name := range a.header {
			if strings.HasPrefix(strings.ToLower(name), "trace") {
				t.Errorf("the answer has a header %s", name)
			}
		}
		return a
	}
	minted, _ := decode(send("POST", "/new-session", "", nil).body).(map[string]any)["session_id"].(string)
	const named = "winter-shipment-of-acme"
	for _, sid := range []string{minted, named} {
		kind, body := multi(t, fileIn("file", "hush-4711.pdf", ship.bills))
		send("POST", "/upload?_sid="+sid, kind, body)
		kind, body = multi(t, fileIn("file", "quiet-4712.csv", ship.orders))
		send("POST", "/upload-csv?_sid="+sid, kind, body)
		send("GET", "/status?_sid="+sid, "", nil)
		send("GET", "/download-bol/hush-4711.pdf?_sid="+sid, "", nil)
		if got := send("GET", "/download-bol?_sid="+sid, "", nil).body; !bytes.Equal(got, ship.expected) {
			t.Error("traces change the sheet")
		}
		send("POST", "/clear-session?_sid="+sid, "", nil)
	}
	p.get(t, "/metrics", http.Header{"X-Api-Key": {key}}).fails(t, 403, "admin_only", nil)
	send("GET", "/health", "", nil)
	log := p.log.String()
	spans := p.sent(t)

	byID := map[string]tracingtest.Span{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	// What is below which, by name.
	tree := map[string]bool{}
	stored := map[string]bool{} // what a request stored, by its name and the size
	requests := map[string]tracingtest.Span{}
	for _, s := range spans {
		above, ok := byID[s.Parent]
		switch {
		case s.Parent == "":
			requests[s.Name] = s
			if s.Attributes["http.route"] == "" || s.Attributes["tallyman.owner"] != "depot" || s.Attributes["http.response.status_code"] != int64(200) || s.Attributes["tallyman.outcome"] != "ok" {
				t.Errorf("%s has %v", s.Name, s.Attributes)
			}
			if !strings.Contains(log, `"trace_id":"`+s.Trace+`"`) {
				t.Errorf("no line of the log is of the trace of %s", s.Name)
			}
		case !ok || above.Trace != s.Trace:
			t.Errorf("%s has a missing parent", s.Name)
		default:
			tree[above.Name+" > "+s.Name] = true
			if s.Name == "contents.put" {
				stored[fmt.Sprint(above.Name, " ", s.Attributes["tallyman.bytes"])] = true
			}
			if s.Start < above.Start {
				t.Errorf("%s began before %s", s.Name, above.Name)
			}
		}
	}
	for _, want := range []string{
		"POST /upload > sessions.open",
		"POST /upload > contents.put",
		"POST /upload > contents.open",
		"POST /upload > queue.wait",
		"POST /upload > bills.read",
		"bills.read > worker.call",
		"POST /upload > sheet.make",
		"POST /upload > sessions.attach",
		"POST /upload-csv > orders.read",
		"orders.read > worker.call",
		"POST /upload-csv > sheet.make",
		"GET /status > sessions.get",
		"GET /download-bol > answer.send",
		"GET /download-bol/{name} > contents.open",
		"POST /clear-session > sessions.clear",
		"POST /clear-session > files.drop",
		"files.drop > contents.delete",
	} {
		if !tree[want] {
			t.Errorf("missing: %s; there is %v", want, tree)
		}
	}
	for _, want := range []string{fmt.Sprint("POST /upload ", len(ship.bills)), fmt.Sprint("POST /upload-csv ", len(ship.orders))} {
		if !stored[want] {
			t.Errorf("nothing was stored as %q; there is %v", want, stored)
		}
	}
	var replies int64
	for _, s := range spans {
		switch s.Name {
		case "worker.call":
			if s.Attributes["tallyman.pid"].(int64) <= 0 || s.Attributes["tallyman.bytes"].(int64) <= 0 || s.Attributes["tallyman.outcome"] != "ok" {
				t.Errorf("a call of a worker has %v", s.Attributes)
			}
			replies += s.Attributes["tallyman.replies"].(int64) // none of a worker that came too late
		case "bills.read":
			if s.Attributes["tallyman.bills"] != int64(6) || s.Attributes["tallyman.lines"] != int64(30) || s.Attributes["tallyman.bytes"] != int64(len(ship.bills)) {
				t.Errorf("a reading has %v", s.Attributes)
			}
		}
	}
	if replies < 2*6 {
		t.Errorf("the workers replied %d times", replies)
	}
	if hash := (session.Key{Owner: "depot", ID: named}).Hash(); requests["POST /upload"].Attributes["tallyman.session"] != hash || requests["POST /upload"].Attributes["tallyman.bills"] != int64(6) {
		t.Errorf("an upload has %v", requests["POST /upload"].Attributes)
	}
	for _, not := range []string{"GET /metrics", "GET /health"} {
		if _, ok := requests[not]; ok {
			t.Errorf("there is a span of %s, which is not an operation on a session", not)
		}
	}
	raw := p.Raw()
	for _, secret := range append([]string{key, minted, named, minted[2:], "hush-4711", "quiet-4712", "4711.pdf"}, words(t, ship)...) {
		if bytes.Contains(bytes.ToLower(raw), []byte(strings.ToLower(secret))) {
			t.Errorf("%q is in the spans", secret)
		}
	}
}

// words returns texts of a shipment's documents that are too long to occur elsewhere by
// chance.
func words(t *testing.T, ship shipment) []string {
	t.Helper()
	found := map[string]bool{}
	for _, w := range strings.FieldsFunc(string(ship.expected), func(r rune) bool { return r == ',' || r == '\n' || r == '"' }) {
		if len(w) >= 6 && strings.ContainsAny(w, "0123456789") {
			found[w] = true
		}
	}
	if len(found) < 20 {
		t.Fatalf("the sheet has %d words", len(found))
	}
	var all []string
	for w := range found {
		all = append(all, w)
	}
	return all
}

// A known caller may make its requests part of its own trace, and decide whether that is
// sampled. Others may not, and unauthenticated requests get no span.
func TestOnlyWhoIsKnownContinuesATrace(t *testing.T) {
	const trace, above = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	parent := func(flags string) http.Header {
		return http.Header{"Traceparent": {"00-" + trace + "-" + above + "-" + flags}, "Tracestate": {"vendor=secret"}}
	}
	ring, secrets := ringOf(t, "depot")
	key := secrets["depot"]
	withKeys := func(c *httpapi.Config) { c.Keys, c.Loopback = ring, false }
	open := func(c *httpapi.Config) { c.Open, c.Loopback = true, false }
	local := func(*httpapi.Config) {}
	through := func(by string) http.Header {
		h := proxiedHeaders()[by]
		h.Set("Traceparent", parent("01").Get("Traceparent"))
		return h
	}
	for name, c := range map[string]struct {
		server       func(*httpapi.Config)
		key          string
		header       http.Header
		spans, joins bool
	}{
		"a key":                     {withKeys, key, parent("01"), true, true},
		"a key, not sampled":        {withKeys, key, parent("00"), false, false},
		"no key":                    {withKeys, "", parent("01"), false, false},
		"a wrong key":               {withKeys, "tm_wrong", parent("01"), false, false},
		"open":                      {open, "", parent("01"), true, false},
		"open, not sampled":         {open, "", parent("00"), true, false},
		"this machine":              {local, "", parent("01"), true, true},
		"a page of another site":    {local, "", http.Header{"Traceparent": parent("01")["Traceparent"], "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}, true, false},
		"a proxy's name":            {behindProxy, "", through("its name"), true, false},
		"a proxy's header":          {behindProxy, "", through("X-Forwarded-For"), true, false},
		"an invalid parent":         {withKeys, key, http.Header{"Traceparent": {"00-" + trace + "-0000000000000000-01"}}, true, false},
		"an invalid version":        {withKeys, key, http.Header{"Traceparent": {"ff-" + trace + "-" + above + "-01"}}, true, false},
		"a parent in capitals":      {withKeys, key, http.Header{"Traceparent": {strings.ToUpper(parent("01").Get("Traceparent"))}}, true, false},
		"a parent that is too long": {withKeys, key, http.Header{"Traceparent": {parent("01").Get("Traceparent") + "-x"}}, true, false},
		"no parent":                 {withKeys, key, nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTraced(t, c.server)
			h := c.header.Clone()
			if h == nil {
				h = http.Header{}
			}
			if c.key != "" {
				h.Set("X-API-Key", c.key)
			}
			p.get(t, "/status?_sid=s", h)
			spans := p.sent(t)
			if c.spans != (len(spans) > 0) {
				t.Fatalf("%d spans", len(spans))
			}
			for _, s := range spans {
				if (s.Trace == trace) != c.joins {
					t.Errorf("%s is of the trace %s", s.Name, s.Trace)
				}
				if strings.HasPrefix(s.Name, "GET") && (s.Parent == above) != c.joins {
					t.Errorf("%s is below %q", s.Name, s.Parent)
				}
			}
		})
	}
}

func TestSamplingIsTheOperators(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	p := newTraced(t)
	p.get(t, "/status?_sid=s")
	log := p.log.String()
	if spans := p.sent(t); len(spans) > 0 {
		t.Errorf("%d spans were sent", len(spans))
	}
	if strings.Contains(log, "trace_id") {
		t.Error("the log names a missing trace")
	}
}

// The failed operation and its reason are in the span, and in the log with its trace.
func TestAFailureIsInItsTrace(t *testing.T) {
	p := newTraced(t)
	a := p.do(t, request{method: "POST", path: "/upload?_sid=s", kind: "application/pdf", body: strings.NewReader("hello")})
	if a.status != 422 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p.do(t, request{method: "POST", path: "/clear-session?_sid=s"})
	lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
	spans := p.sent(t)
	i := slices.IndexFunc(spans, func(s tracingtest.Span) bool { return s.Name == "POST /upload" })
	if i < 0 || spans[i].Attributes["tallyman.outcome"] != "not_a_pdf" || spans[i].Attributes["http.response.status_code"] != int64(422) || spans[i].Failed {
		t.Fatalf("the spans are %v", spans)
	}
	j := slices.IndexFunc(spans, func(s tracingtest.Span) bool {
		return s.Name == "worker.call" && s.Attributes["tallyman.outcome"] == "not_a_pdf"
	})
	if j < 0 || !spans[j].Failed || spans[j].Trace != spans[i].Trace {
		t.Errorf("the spans are %v", spans)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || line["trace_id"] != spans[i].Trace || line["op"] != "attach_bol" {
		t.Errorf("the log says %v (%v)", line, err)
	}
}
