package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
)

// stream is an event stream being read.
type stream struct {
	*bufio.Scanner
	close func()
}

type event struct {
	Type, Kind, Status, Code, Error string
	Pages, Bills, Lines, Rows, File int
}

func (p *place) stream(t *testing.T, path string, header http.Header) *stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.URL+path, nil)
	must.OK(t, err)
	maps.Copy(req.Header, header)
	resp, err := p.client.Do(req)
	must.OK(t, err)
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("%d, %s", resp.StatusCode, kind)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &stream{bufio.NewScanner(resp.Body), func() { resp.Body.Close() }}
}

// next returns the next event, and false at the end of the stream.
func (s *stream) next(t *testing.T) (e event, ok bool) {
	t.Helper()
	name := ""
	for s.Scan() {
		if n, found := strings.CutPrefix(s.Text(), "event: "); found {
			name = n
		}
		if data, found := strings.CutPrefix(s.Text(), "data: "); found {
			if err := json.Unmarshal([]byte(data), &e); err != nil || e.Type != name {
				t.Errorf("event %q with %q: %v", name, data, err)
			}
			return e, true
		}
	}
	return e, false
}

// until returns the events up to the first of a type.
func (s *stream) until(t *testing.T, kind string) (all []event) {
	t.Helper()
	for {
		e, ok := s.next(t)
		if !ok {
			t.Fatalf("the stream ended before %q; there was %+v", kind, all)
		}
		if all = append(all, e); e.Type == kind {
			return all
		}
	}
}

func TestEventsTellWhatHappensInASession(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	s := p.stream(t, "/events?_sid=s", nil)
	elsewhere := p.stream(t, "/events?_sid=other", nil)
	elsewhere.until(t, "state")
	if all := s.until(t, "state"); len(all) != 1 || all[0].Status != "no_session" {
		t.Errorf("the first event is %+v", all)
	}
	p.post(t, "/new-session?_sid=s", "", nil)
	s.until(t, "new")
	p.uploadBills(t, "s", ship.bills)
	all := s.until(t, "attached")
	last := all[len(all)-1]
	if all[0].Type != "reading" || last.Kind != "bol" || last.Pages != 6 || last.Bills != 6 || last.Lines != 30 || last.Status != "ready" {
		t.Errorf("an upload sends %+v", all)
	}
	pages := 0
	for _, e := range all {
		if e.Type == "progress" {
			if e.Pages < pages || e.Pages > 6 || e.File != 1 {
				t.Errorf("progress goes from %d to %+v", pages, e)
			}
			pages = e.Pages
		}
	}
	if pages != 6 {
		t.Errorf("progress ends at page %d", pages)
	}
	p.uploadOrders(t, "s", ship.orders)
	all = s.until(t, "attached")
	if last := all[len(all)-1]; last.Kind != "orders" || last.Rows != 30 || last.Status != "merged" {
		t.Errorf("orders send %+v", all)
	}
	p.post(t, "/upload?_sid=s", "application/pdf", []byte("hello"))
	all = s.until(t, "failed")
	if last := all[len(all)-1]; last.Code != "not_a_pdf" || last.Error == "" {
		t.Errorf("a failed upload sends %+v", all)
	}
	late := p.stream(t, "/events?_sid=s", nil)
	if all := late.until(t, "state"); all[0].Status != "merged" || all[0].Bills != 6 {
		t.Errorf("a late subscriber gets %+v", all)
	}
	p.post(t, "/clear-session?_sid=s", "", nil)
	s.until(t, "cleared")

	p.api.EndStreams()
	if e, ok := elsewhere.next(t); ok {
		t.Errorf("another session's events came through: %+v", e)
	}
	if e, ok := s.next(t); ok {
		t.Errorf("the stream goes on after the end: %+v", e)
	}
	p.get(t, "/events?_sid=s").fails(t, 503, "busy", fields{"session_id": "s", "details": anyObject})
}

func TestEventsOfAnotherOwnersSessionAreNotShown(t *testing.T) {
	p, secrets, _ := keyed(t, "a", "b")
	s := p.stream(t, "/events?_sid=x", apiKey(secrets["a"]))
	s.until(t, "state")
	p.do(t, request{method: "POST", path: "/new-session?_sid=x", header: apiKey(secrets["b"])})
	p.do(t, request{method: "POST", path: "/upload?_sid=x", header: apiKey(secrets["b"]), kind: "application/pdf", body: strings.NewReader("hello")})
	p.api.EndStreams()
	if e, ok := s.next(t); ok {
		t.Errorf("another owner's event: %+v", e)
	}
}

// metric returns the value of a metric, -1 if it is missing.
func (p *place) metric(t *testing.T, name string) float64 {
	t.Helper()
	for line := range strings.Lines(string(p.get(t, "/metrics").body)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			f, err := strconv.ParseFloat(v, 64)
			must.OK(t, err)
			return f
		}
	}
	return -1
}

func TestMetricsCountWhatHappens(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "a", ship.bills)
	p.uploadBills(t, "b", ship.bills)
	p.uploadOrders(t, "b", ship.orders)
	p.uploadBills(t, "b", []byte("hello"))
	p.get(t, "/nowhere/"+strings.Repeat("x", 50))
	p.do(t, request{method: "BREW", path: "/status"})
	for name, want := range map[string]float64{
		`tallyman_requests_total{method="POST",route="/upload",status="200"}`:  2,
		`tallyman_requests_total{method="POST",route="/upload",status="422"}`:  1,
		`tallyman_requests_total{method="GET",route="(none)",status="404"}`:    1,
		`tallyman_requests_total{method="other",route="/status",status="405"}`: 1,
		`tallyman_request_seconds_count{route="/upload"}`:                      3,
		`tallyman_uploads_total{kind="bol",outcome="ok"}`:                      2,
		`tallyman_uploads_total{kind="bol",outcome="not_a_pdf"}`:               1,
		`tallyman_uploads_total{kind="orders",outcome="ok"}`:                   1,
		`tallyman_pages_read_total`:                                            12,
		`tallyman_bills_total{outcome="reconciled"}`:                           12,
		`tallyman_bills_total{outcome="mismatched"}`:                           0,
		`tallyman_sessions_live`:                                               2,
		`tallyman_reading`:                                                     0,
		`tallyman_waiting`:                                                     0,
		`tallyman_event_streams`:                                               0,
	} {
		if got := p.metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	a := p.get(t, "/metrics")
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("measurements come as %q", kind)
	}
	// Every metric has a description, and Prometheus can parse each line.
	sample := regexp.MustCompile(`^([a-z_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? ([-+0-9.e]+|\+Inf|NaN)$`)
	explained := map[string]bool{}
	for line := range strings.Lines(string(a.body)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, _, _ = strings.Cut(name, " ")
			explained[name] = true
			continue
		}
		if strings.HasPrefix(line, "# TYPE ") {
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no measurement: %q", line)
			continue
		}
		name := m[1]
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, part); ok && explained[base] {
				name = base
			}
		}
		if !explained[name] {
			t.Errorf("%s is not explained", name)
		}
	}
	if p.metric(t, "tallyman_worker_restarts_total") < 0 || p.metric(t, "process_resident_memory_bytes") <= 0 {
		t.Error("measurements of the workers or the process are missing")
	}
}

// An unknown number of sessions is left out, since 0 would be a number, too.
func TestTheSessionsAreNotCountedWhileStorageFails(t *testing.T) {
	p, broken := newFaulty(t)
	broken.fail(fault.New(session.StorageUnavailable, "storage cannot be reached"))
	a := p.get(t, "/metrics")
	if a.status != 200 || a.has("tallyman_sessions_live ") || !a.has("tallyman_reading ") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if log := p.log.String(); !strings.Contains(log, "tallyman_sessions_live is left out") || !strings.Contains(log, "storage cannot be reached") {
		t.Errorf("the log says %s", log)
	}
	broken.fail(nil)
	if got := p.metric(t, "tallyman_sessions_live"); got != 0 {
		t.Errorf("afterwards there are %v", got)
	}
}

func TestEverySessionOperationIsOneLineWithoutIDsOrSecrets(t *testing.T) {
	p, secrets, _ := keyed(t, "depot")
	ship := small(t, 1)
	h := apiKey(secrets["depot"])
	const sid = "very-secret-session"
	kind, body := multi(t, fileIn("file", "secret-name.pdf", ship.bills))
	for _, r := range []struct {
		request
		op, outcome string
		has         []string
	}{
		{request{method: "POST", path: "/new-session"}, "new", "ok", []string{"files_removed"}},
		{request{method: "POST", path: "/upload", kind: kind, body: bytes.NewReader(body)}, "attach_bol", "ok", []string{"pages", "bills", "lines", "bytes"}},
		{request{method: "POST", path: "/upload-csv", kind: "text/csv", body: bytes.NewReader(ship.orders)}, "attach_orders", "ok", []string{"rows", "matched"}},
		{request{method: "GET", path: "/download-bol"}, "sheet", "ok", []string{"rows"}},
		{request{method: "GET", path: "/status"}, "status", "ok", nil},
		{request{method: "POST", path: "/process"}, "reread", "ok", []string{"pages"}},
		{request{method: "POST", path: "/upload", kind: "application/pdf", body: strings.NewReader("x")}, "attach_bol", "not_a_pdf", nil},
		{request{method: "POST", path: "/auto-reset"}, "reset", "ok", []string{"files_removed"}},
		{request{method: "POST", path: "/clear-session"}, "clear", "ok", []string{"bytes_removed"}},
	} {
		p.log.Reset()
		r.path += "?_sid=" + sid
		r.header = h
		p.do(t, r.request)
		lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || len(lines) != 1 {
			t.Errorf("%s: %d lines, %v: %s", r.op, len(lines), err, p.log.String())
			continue
		}
		if line["op"] != r.op || line["outcome"] != r.outcome || line["kind"] != "named" || line["owner"] != "depot" || line["ms"] == nil {
			t.Errorf("%s: %s", r.op, lines[0])
		}
		if hash, _ := line["session"].(string); !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(hash) {
			t.Errorf("%s: the session is %q", r.op, hash)
		}
		for _, name := range r.has {
			if line[name] == nil {
				t.Errorf("%s: %s is missing: %s", r.op, name, lines[0])
			}
		}
		for _, secret := range []string{sid, secrets["depot"], "secret-name"} {
			if strings.Contains(p.log.String(), secret) {
				t.Errorf("%s: %q is in the log", r.op, secret)
			}
		}
	}
}

// health is the answer of /health, by the state of the storage of sessions.
func health(status, sessions string) fields {
	return fields{
		"status": status, "service": "Tallyman", "version": "test", "storage": sessions, "sessions": sessions, "contents": "working",
		"workers": "working", "sweep": "working", "reading": 0, "waiting": 0, "endpoints": anyObject, "environment": "production",
		"cookie_config": fields{"samesite": "Lax", "secure": false, "httponly": true, "cookies_valid": true},
	}
}

func TestOurOwnFaultsAreExplainedToTheOperatorOnly(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	// Truncate a stored file.
	stored, err := filepath.Glob(filepath.Join(p.dir, "contents", "*", "*"))
	if err != nil || len(stored) != 2 {
		t.Fatal(stored, err)
	}
	for _, path := range stored {
		must.OK(t, os.Truncate(path, 10))
	}
	a := p.get(t, "/download-bol/bol.pdf?_sid=s")
	if a.status != 500 || bytes.Contains(a.body, []byte(p.dir)) {
		t.Errorf("a damaged file: %d %s", a.status, a.body)
	}
	if !strings.Contains(p.log.String(), `"level":"ERROR"`) {
		t.Errorf("the log does not report it: %s", p.log.String())
	}
	if p.metric(t, `tallyman_errors_total{code="damaged_content"}`) != 1 {
		t.Error("it is not counted")
	}
	p.store.Close()
	for _, r := range []request{
		{method: "POST", path: "/new-session?_sid=s"}, {method: "GET", path: "/status?_sid=s"},
		{method: "POST", path: "/upload?_sid=n", kind: "application/pdf", body: bytes.NewReader(ship.bills)},
	} {
		a := p.do(t, r)
		a.fails(t, 503, "storage_unavailable", fields{"session_id": anyText})
		if a.header.Get("Retry-After") == "" || bytes.Contains(a.body, []byte("sqlite")) || bytes.Contains(a.body, []byte(p.dir)) {
			t.Errorf("%s: %v %s", r.path, a.header, a.body)
		}
	}
	p.get(t, "/health").is(t, 503, health("unhealthy", "failing"))
	p.get(t, "/ping").ok(t, "ping")
}

func TestTheEchoShowsARequestWithoutItsSecrets(t *testing.T) {
	p, secrets, _ := keyed(t, "depot")
	key := secrets["depot"]
	header := http.Header{"Authorization": {"Bearer " + key}, "Cookie": {"a=hidden"}, "X-Secret-Thing": {"hidden"}, "X-Custom-Header": {"shown"}}
	kind, form := multi(t, fileIn("file", "b.pdf", []byte("x")), textIn("note", "shown"), textIn("password", "hidden"))
	for _, e := range []struct {
		method, query, kind, body string
		want                      fields // of request_info
	}{
		{"GET", "?_sid=x&api_key=hidden&t=shown", "", "", fields{"query_params": fields{"_sid": "x", "api_key": "[blanked]", "t": "shown"}, "raw_data_length": 0, "content_type": nil}},
		{"POST", "", "application/json", `{"csv_data":"shown","token":"hidden","in":[{"password":"hidden"}]}`,
			fields{"is_json": true, "json_data": fields{"csv_data": "shown", "token": "[blanked]", "in": []fields{{"password": "[blanked]"}}}, "raw_data_length": 66}},
		{"PUT", "", "application/x-www-form-urlencoded", "a=shown&secret=hidden", fields{"form_data": fields{"a": "shown", "secret": "[blanked]"}, "raw_data": "", "raw_data_length": 21}},
		{"POST", "", kind, string(form), fields{"files": []string{"file"}, "form_data": fields{"note": "shown", "password": "[blanked]"}, "raw_data": ""}},
		{"PATCH", "?pwd=hidden&pass=hidden&X-Amz-Signature=hidden&sig=hidden&jwt=hidden&x=eyJhbGciOiJI.hidden", "application/json", `{"private_key":"hidden","passphrase":"hidden","pin":"hidden","a":"-----BEGIN RSA PRIVATE KEY-----hidden","spin":"shown"}`,
			fields{"json_data": fields{"private_key": "[blanked]", "passphrase": "[blanked]", "pin": "[blanked]", "a": "[blanked]", "spin": "shown"}}},
		{"DELETE", "", "text/plain", "shown", fields{"raw_data": "shown", "raw_data_length": 5, "content_length": 5}},
		{"POST", "", "application/json", "{", fields{"is_json": true, "json_data": "Error parsing JSON"}},
	} {
		a := p.do(t, request{method: e.method, path: "/debug-request" + e.query, header: header, kind: e.kind, body: strings.NewReader(e.body)})
		want := fields{
			"method": e.method, "url": anyText, "path": "/debug-request", "query_params": anything, "headers": anyObject, "content_type": anything,
			"content_length": anything, "is_json": e.kind == "application/json", "json_data": anything, "form_data": anything, "files": anything,
			"raw_data": anything, "raw_data_length": anyNumber, "timestamp": anyNumber,
		}
		maps.Copy(want, e.want)
		a.is(t, 200, fields{"status": "debug_complete", "message": anyText, "request_info": want})
		if bytes.Contains(a.body, []byte("hidden")) || bytes.Contains(a.body, []byte(key)) {
			t.Errorf("%s %s: a secret is shown: %s", e.method, e.kind, a.body)
		}
		if !bytes.Contains(a.body, []byte(`"X-Custom-Header":"shown"`)) {
			t.Errorf("a header is missing: %s", a.body)
		}
	}
	long := p.do(t, request{method: "POST", path: "/debug-request", header: apiKey(key), kind: "text/plain", body: bytes.NewReader(bytes.Repeat([]byte("hidden"), 100_000))})
	if bytes.Contains(long.body, []byte("hidden")) || !bytes.Contains(long.body, []byte(`"raw_data_length":600000`)) {
		t.Errorf("a long body: %.300s", long.body)
	}
}

func TestAHostilePDFIsAnsweredAndTheNextOneIsRead(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	for name, pdf := range map[string][]byte{
		"a page tree in a ring": hostile.PageTreeLoop(), "a form in itself": hostile.FormLoop(), "a page of blanks": hostile.SpaceBomb(16 << 20),
	} {
		if a := p.post(t, "/upload?_sid=s", "application/pdf", pdf); a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	p.uploadBills(t, "s", ship.bills).ok(t, "after them")
}

func TestConnectionsOverTheLimitAreToldSo(t *testing.T) {
	p := newPlace(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must.OK(t, err)
	server := &http.Server{Handler: p.api}
	go server.Serve(p.api.Limit(listener, 2, 2))
	defer server.Close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", listener.Addr().String())
		must.OK(t, err)
		return conn
	}
	ask := func(conn net.Conn) int {
		fmt.Fprintf(conn, "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
		a := answered(t, conn)
		if a.status == 503 {
			a.fails(t, 503, "busy", nil)
			// Without a key, pages of other origins read nothing of a server on loopback.
			if h := a.header.Get; h("Retry-After") == "" || h("Connection") != "close" || h("Access-Control-Allow-Origin") != "" || h("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%v", a.header)
			}
		}
		return a.status
	}
	first, second := dial(), dial()
	if a, b := ask(first), ask(second); a != 200 || b != 200 {
		t.Errorf("within the limit: %d, %d", a, b)
	}
	for range 10 {
		third := dial()
		if got := ask(third); got != 503 {
			t.Errorf("over the limit: %d", got)
		}
		third.Close()
	}
	if got := ask(second); got != 200 {
		t.Errorf("an open connection stays: %d", got)
	}
	first.Close()
	until(func() bool { // the server notices that a moment later
		next := dial()
		defer next.Close()
		return ask(next) == 200
	})
}

func TestAnEventStreamTellsThatItsSessionExpired(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), dir, session.Settings{Lives: session.Lives{Named: 1500 * time.Millisecond}})
	must.OK(t, err)
	t.Cleanup(func() { store.Close() })
	at := &stores{dir: dir, store: store}
	p := at.serve(t, desk.New(store, nil, reader, desk.Limits{}))
	p.post(t, "/new-session?_sid=s", "", nil)
	s := p.stream(t, "/events?_sid=s", nil)
	for s.until(t, "state")[0].Status != "empty" { // the machine was so slow that it expired
		p.post(t, "/new-session?_sid=s", "", nil)
		s = p.stream(t, "/events?_sid=s", nil)
	}
	if all := s.until(t, "expired"); len(all) != 1 || all[0].Status != "no_session" {
		t.Errorf("%+v", all)
	}
	p.post(t, "/new-session?_sid=s", "", nil)
	s.until(t, "new")
	// Requests keep the session alive; the stream does not.
	for range 3 {
		time.Sleep(400 * time.Millisecond)
		p.get(t, "/status?_sid=s")
	}
	s.until(t, "expired")
}

func TestOneOwnerCannotTakeAllEventStreams(t *testing.T) {
	p, secrets, ring := keyed(t, "a", "b")
	few := p.serve(t, p.desk, func(c *httpapi.Config) { c.Keys, c.Loopback, c.Streams = ring, false, 2 })
	few.stream(t, "/events?_sid=1", apiKey(secrets["a"])).until(t, "state")
	few.stream(t, "/events?_sid=2", apiKey(secrets["a"])).until(t, "state")
	few.get(t, "/events?_sid=3", apiKey(secrets["a"])).fails(t, 503, "busy", fields{"session_id": "3", "details": anyObject})
	few.stream(t, "/events?_sid=1", apiKey(secrets["b"])).until(t, "state")
	few.get(t, "/events?_sid=2", apiKey(secrets["b"])).fails(t, 503, "busy", fields{"session_id": "2", "details": anyObject})
	each := p.serve(t, p.desk, func(c *httpapi.Config) { c.Keys, c.Loopback, c.OwnerStreams = ring, false, 1 })
	each.stream(t, "/events?_sid=1", apiKey(secrets["a"])).until(t, "state")
	each.get(t, "/events?_sid=2", apiKey(secrets["a"])).fails(t, 503, "busy", fields{"session_id": "2", "details": anyObject})
	each.stream(t, "/events?_sid=1", apiKey(secrets["b"])).until(t, "state")
}

func TestOneAddressWithoutAKeyCannotTakeAllConnections(t *testing.T) {
	p, secrets, ring := keyed(t, "a")
	served := p.serve(t, p.desk, func(c *httpapi.Config) { c.Keys, c.Loopback = ring, false })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must.OK(t, err)
	server := &http.Server{Handler: served.api}
	go served.api.Serve(server, served.api.Limit(listener, 4, 2))
	defer server.Close()
	ask := func(key string) (net.Conn, int) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		must.OK(t, err)
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET /status?_sid=s HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %s\r\n\r\n", key)
		a := answered(t, conn)
		if origin := a.header.Get("Access-Control-Allow-Origin"); origin != "*" {
			t.Errorf("%d may be read by %q", a.status, origin)
		}
		return conn, a.status
	}
	want := func(key string, want int) net.Conn {
		t.Helper()
		conn, got := ask(key)
		if got != want {
			t.Fatalf("answered with %d, want %d", got, want)
		}
		return conn
	}
	want(secrets["a"], 200)
	first := want("wrong", 401)
	want("wrong", 401)
	want("wrong", 503)
	want(secrets["a"], 503) // who it is cannot be known before the connection is there
	first.Close()
	for code := 0; code != 200; { // until the server notices
		_, code = ask(secrets["a"])
	}
	want("wrong", 401)
	want(secrets["a"], 503) // these are four
}

func TestOperatorsGetHealthAndMeasurementsAlone(t *testing.T) {
	p := newPlace(t)
	for path, want := range map[string]int{"/health": 200, "/ping": 200, "/metrics": 200, "/": 404, "/status": 404, "/upload": 404} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost"+path, nil)
		p.api.Operators().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// stuck is a store that hangs, like one on a disk that does not answer.
type stuck struct {
	session.Store
	hangs chan struct{} // until it is closed
}

func (s stuck) Check(context.Context) error {
	<-s.hangs
	return nil
}

func TestHealthAnswersWhenStorageDoesNot(t *testing.T) {
	at := newStores(t)
	hanging := stuck{at.store, make(chan struct{})}
	p := at.serve(t, desk.New(hanging, at.contents, reader, desk.Limits{}), func(c *httpapi.Config) { c.HealthTimeout = 10 * time.Second })
	answers := make(chan answer, 4)
	for range cap(answers) {
		go func() {
			a, err := p.try(request{method: "GET", path: "/health"})
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	for range cap(answers) {
		(<-answers).is(t, 503, health("unhealthy", "failing"))
	}
	close(hanging.hangs)
	until(func() bool { return p.get(t, "/health").status == 200 })
}
