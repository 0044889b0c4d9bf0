package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/desk"
	"tallyman/internal/httpapi"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
)

// onlyOurs fails if the data directory holds files that the stores do not create.
func (p *place) onlyOurs(t *testing.T) {
	t.Helper()
	ours := regexp.MustCompile(`^(\.|LOCK|RESERVE|sessions\.db(-wal|-shm)?|contents(/[0-9a-f]{2}(/[0-9a-f]{32})?)?)$`)
	filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(p.dir, path)
		if !ours.MatchString(filepath.ToSlash(name)) {
			t.Errorf("there is a file %q in the data directory", name)
		}
		return nil
	})
	above, err := filepath.Glob(filepath.Join(p.dir, "..", "*"))
	must.OK(t, err)
	for _, path := range above {
		if path != p.dir {
			if info, err := filepath.Glob(filepath.Join(path, "*.pdf")); err != nil || len(info) > 0 {
				t.Errorf("there are files beside the data directory: %v", info)
			}
		}
	}
}

var traversals = []string{
	"../x", "../../../../etc/passwd", "/etc/passwd", `..\..\x`, "..", ".", "a/../../b", "%2e%2e%2f", "....//", "sessions.db", "LOCK", "contents/00", "C:\\x", "con", "~", "x;rm -rf", "$(id)", "' OR 1=1 --",
}

func TestPathsInEveryParameterAreOnlyNames(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	for _, evil := range traversals {
		sid := url.QueryEscape(evil)
		b64 := base64.StdEncoding.EncodeToString(ship.bills)
		p.post(t, "/upload-base64?_sid="+sid, "application/json", jsonOf(t, map[string]any{"file_data": b64, "filename": evil})).must(t, evil)
		p.get(t, "/download?_sid="+sid).holds(t, ship.unmatched, evil, "wrong sheet")
		p.get(t, "/download?session_id="+sid).holds(t, ship.unmatched, evil, "by session_id: wrong sheet")
		p.get(t, "/download", http.Header{"X-Session-Id": {evil}}).holds(t, ship.unmatched, evil, "by header: wrong sheet")
		// The address that /files gives serves the file under any name.
		files := decode(p.get(t, "/files?_sid="+sid).body).(map[string]any)["files"].([]any)
		for _, f := range files {
			f := f.(map[string]any)
			a := p.get(t, f["download_url"].(string)+"?_sid="+sid)
			if want := f["size"].(float64); a.status != 200 || float64(len(a.body)) != want {
				t.Errorf("%q: %v gives %d with %d bytes", evil, f, a.status, len(a.body))
			}
			if strings.ContainsAny(f["name"].(string), "/\\") {
				t.Errorf("%q: a file is called %q", evil, f["name"])
			}
		}
		for _, at := range []string{"/download-bol/", "/static/"} {
			a, err := p.try(request{method: "GET", path: at + url.PathEscape(evil) + "?_sid=empty"})
			if err != nil || a.status == 200 || a.status >= 500 {
				t.Errorf("%s%q: %d, %v", at, evil, a.status, err)
			}
		}
		p.post(t, "/clear-session?_sid="+sid, "", nil)
	}
	for _, raw := range []string{"/download-bol/../../sessions.db", "/static/../../LOCK", "/download-bol/..%2f..%2fsessions.db", "/static/%2e%2e/web.go", "//etc/passwd", "/download-bol//x", "/download-bol/%00"} {
		conn := p.dial(t)
		fmt.Fprintf(conn, "GET %s?_sid=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", raw)
		if a := answered(t, conn); a.status == 200 || a.status >= 500 {
			t.Errorf("%s: %v", raw, a)
		}
	}
	p.settles(t, 0)
	p.onlyOurs(t)
}

func TestNamesCannotBreakHeaders(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	b64 := base64.StdEncoding.EncodeToString(ship.bills)
	for evil, want := range map[string]string{
		"a\r\nX-Evil: 1\r\n\r\n<html>.pdf":        "aX-Evil: 1<html>.pdf",
		"a\"; filename=\"evil.exe":                "a\"; filename=\"evil.exe",
		"\u202efdp.exe":                           "\u202efdp.exe",
		"Lieferschein für Köln.pdf":               "Lieferschein für Köln.pdf",
		"100%.pdf":                                "100%.pdf",
		"\xff\xfe.pdf":                            "\ufffd\ufffd.pdf",
		"..":                                      "..",
		strings.Repeat("é", 300) + ".pdf":         strings.Repeat("é", 127),
		"C:\\Users\\me\\Documents\\bol final.pdf": "bol final.pdf",
	} {
		body := []byte(`{"filename":` + string(jsonOf(t, evil)) + `,"file_data":"` + b64 + `"}`)
		p.post(t, "/upload-base64?_sid=s", "application/json", body).must(t, evil)
		files := decode(p.get(t, "/files?_sid=s").body).(map[string]any)["files"].([]any)
		f := files[1].(map[string]any)
		if f["name"] != want {
			t.Errorf("%q is called %q, want %q", evil, f["name"], want)
		}
		a := p.get(t, f["download_url"].(string)+"?_sid=s")
		if !bytes.Equal(a.body, ship.bills) || a.header.Get("X-Evil") != "" {
			t.Errorf("%q: %d, %v", evil, a.status, a.header)
		}
		kind, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || params["filename"] != want && params["filename"] == "" {
			t.Errorf("%q: the disposition is %q (%v)", evil, a.header.Get("Content-Disposition"), err)
		}
		if a.header.Get("Content-Type") != "application/pdf" {
			t.Errorf("%q is served as %s", evil, a.header.Get("Content-Type"))
		}
	}
	for _, evil := range []string{"a\r\nSet-Cookie: x=y", "a\nb"} {
		a := p.post(t, "/new-session?_sid="+url.QueryEscape(evil), "", nil)
		a.fails(t, 400, "bad_session_id", nil)
		if a.header.Get("Set-Cookie") != "" {
			t.Error("a session's ID became a header")
		}
	}
}

// endless delivers bytes until it is closed, and counts them.
type endless struct {
	head  string
	count atomic.Int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for i := n; i < len(p); i++ {
		p[i] = 'A'
	}
	e.count.Add(int64(len(p)))
	return len(p), nil
}

func TestBodiesThatAreTooLargeOrEndless(t *testing.T) {
	const limit = 2 << 20
	p := newPlace(t, func(c *httpapi.Config) { c.MaxUpload = limit })
	ship := small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	before := p.get(t, "/download?_sid=s").body
	big := padded(t, ship.bills, limit+1)
	for name, size := range map[string]int{"as large as may be": limit, "one more": limit + 1} {
		kind, body := multi(t, fileIn("file", "b.pdf", padded(t, ship.bills, size)))
		b64 := jsonOf(t, map[string]any{"file_data": base64.StdEncoding.EncodeToString(padded(t, ship.bills, size))})
		for path, a := range map[string]answer{
			"/upload":        p.post(t, "/upload?_sid=x", kind, body),
			"/upload raw":    p.post(t, "/upload?_sid=x", "application/pdf", padded(t, ship.bills, size)),
			"/upload-base64": p.post(t, "/upload-base64?_sid=x", "application/json", b64),
		} {
			if size == limit && a.status != 200 {
				t.Errorf("%s, %s: %d %s", path, name, a.status, a.body)
			}
			if size > limit {
				a.fails(t, 413, "too_large", fields{"session_id": "x"})
			}
		}
	}
	two := p.form(t, "/upload?_sid=s", fileIn("file", "1.pdf", big[:limit-10]), fileIn("file", "2.pdf", big[:100]))
	two.fails(t, 413, "too_large", fields{"session_id": "s"})

	const form = "multipart/form-data; boundary=x"
	for _, e := range []struct{ name, path, kind, head string }{
		{"a file", "/upload", form, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"},
		{"an unknown field", "/upload", form, "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"},
		{"text before the first part", "/upload", form, ""},
		{"a part's header", "/upload", form, "--x\r\nContent-Disposition: "},
		{"a raw body", "/upload", "application/pdf", "%PDF-"},
		{"base64", "/upload-base64", "application/json", `{"file_data":"`},
		{"an unknown member", "/upload-base64", "application/json", `{"x":"`},
		{"a member's name", "/upload-base64", "application/json", `{"`},
		{"a number", "/upload-base64", "application/json", `{"x":`},
		{"a file's name", "/upload-base64", "application/json", `{"filename":"`},
		{"a form's field", "/upload-attachment", "application/x-www-form-urlencoded", "data="},
		{"a form's name", "/upload-attachment", "application/x-www-form-urlencoded", ""},
		{"an export", "/upload-csv", "text/csv", "Invoice No.,"},
		{"text for an export", "/upload-csv", "application/json", `{"csv_data":"`},
		{"a conversion", "/convert", form, "--x\r\nContent-Disposition: form-data; name=\"pdf\"; filename=\"a\"\r\n\r\n"},
		{"an echo", "/debug-request", "text/plain", ""},
		{"a route that needs no body", "/new-session", "application/json", "{"},
	} {
		t.Run("endless: "+e.name, func(t *testing.T) {
			body := &endless{head: e.head}
			a, err := p.try(request{method: "POST", path: e.path + "?_sid=s", kind: e.kind, body: body})
			if err == nil && (a.status < 400 || a.status >= 500) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if err != nil && !strings.Contains(err.Error(), "connection") && !strings.Contains(err.Error(), "pipe") {
				t.Error(err)
			}
			if n := body.count.Load(); n > 64<<20 {
				t.Errorf("the server took %d bytes", n)
			}
		})
	}
	// A request that declares too large a body is refused at once.
	conn := p.dial(t)
	fmt.Fprintf(conn, "POST /upload?_sid=s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pdf\r\nContent-Length: 1000000000000\r\n\r\n")
	if a := answered(t, conn); a.status != 413 {
		t.Errorf("%v", a)
	}
	if got := p.get(t, "/download?_sid=s").body; !bytes.Equal(got, before) {
		t.Error("one of these changed the session")
	}
	p.post(t, "/clear-session?_sid=s", "", nil)
	p.post(t, "/clear-session?_sid=x", "", nil)
	p.settles(t, 0)
	p.onlyOurs(t)
}

// Package body tests the time limit for bodies, and TestEveryRouteRefusesWhatNoRouteTakes
// tries silence on every route.
func TestABodyOfAByteNowAndThenIsRefused(t *testing.T) {
	p := newPlace(t, func(c *httpapi.Config) { c.BodyTimeout = 100 * time.Millisecond })
	for path, begin := range map[string]struct{ kind, head string }{
		"/upload":        {"application/pdf", "%PDF-"},
		"/upload-base64": {"application/json", `{"file_data":"JVBERi0x`},
	} {
		t.Run(path, func(t *testing.T) {
			conn := p.dial(t)
			fmt.Fprintf(conn, "POST %s?_sid=s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 1000000\r\n\r\n%s", path, begin.kind, begin.head)
			go func() {
				for t.Context().Err() == nil {
					conn.Write([]byte("a"))
					time.Sleep(20 * time.Millisecond)
				}
			}()
			if a := answered(t, conn); a.status != 408 || !a.has(`"request_timeout"`) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestTooManyPartsAndTooDeepJSON(t *testing.T) {
	p := newPlace(t)
	var parts []part
	for i := range 10_000 {
		parts = append(parts, part{name: fmt.Sprint("x", i), content: []byte("y")})
	}
	kind, body := multi(t, parts...)
	for _, path := range []string{"/upload", "/upload-attachment", "/convert"} {
		p.post(t, path+"?_sid=s", kind, body).fails(t, 400, "too_many_parts", fields{"session_id": "s"})
	}
	p.post(t, "/upload-attachment?_sid=s", "application/x-www-form-urlencoded", []byte(strings.Repeat("a=b&", 10_000))).fails(t, 400, "too_many_parts", fields{"session_id": "s"})
	members := `{` + strings.Repeat(`"a":"b",`, 10_000) + `"c":"d"}`
	p.post(t, "/upload-base64?_sid=s", "application/json", []byte(members)).fails(t, 400, "too_many_parts", fields{"session_id": "s"})
	files := make([]part, 101)
	for i := range files {
		files[i] = fileIn("file", "a.pdf", []byte("x"))
	}
	p.form(t, "/upload?_sid=s", files...).fails(t, 400, "too_many_files", fields{"session_id": "s"})
	for _, deep := range []string{
		strings.Repeat("[", 1_000_000),
		`{"x":` + strings.Repeat("[", 1_000_000),
		`{"x":` + strings.Repeat(`{"a":`, 1_000_000),
		`{"file_data":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
	} {
		p.post(t, "/upload-base64?_sid=s", "application/json", []byte(deep)).fails(t, 400, "bad_request", fields{"session_id": "s"})
		p.post(t, "/debug-request?_sid=s", "application/json", []byte(deep)).ok(t, "the echo of it")
	}
	p.settles(t, 0)
}

// slow returns a document that takes long to read.
func slow() []byte { return hostile.ManyPages(15_000, 1<<20) }

// reads waits until the given number of uploads are being read.
func (p *place) reads(t *testing.T, n int) {
	t.Helper()
	until(func() bool { return p.desk.Load().Reading == n })
}

// uploads begins an upload. The returned function hangs up and waits for the end.
func (p *place) uploads(t *testing.T, sid string, body []byte) (hangUp func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, err := http.NewRequestWithContext(ctx, "POST", p.URL+"/upload?_sid="+sid, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/pdf")
		if resp, err := p.client.Do(req); err == nil {
			resp.Body.Close()
			if ctx.Err() == nil {
				t.Errorf("the slow upload was answered with %d", resp.StatusCode)
			}
		}
	}()
	return func() { cancel(); <-done }
}

func TestNothingWaitsForReadingAndAFullQueueSaysSo(t *testing.T) {
	p := newPlaceWith(t, desk.Limits{Reading: 1, Waiting: 1})
	ship := small(t, 1)
	p.uploadBills(t, "ready", ship.bills)
	first := p.uploads(t, "slow1", slow())
	p.reads(t, 1)
	second := p.uploads(t, "slow2", slow())
	until(func() bool { return p.desk.Load().Waiting > 0 })
	p.get(t, "/status?_sid=slow1").is(t, 200, stateOf("slow1", "empty", []any{}, anyObject))
	for _, path := range []string{"/status?_sid=ready", "/download?_sid=ready", "/files?_sid=ready", "/ping", "/health", "/debug-sessions", "/metrics"} {
		p.get(t, path).ok(t, path)
	}
	p.post(t, "/new-session?_sid=slow3", "", nil)
	kind, form := multi(t, fileIn("pdf", "b.pdf", ship.bills))
	for path, r := range map[string]request{
		"/upload":        {kind: "application/pdf", body: bytes.NewReader(ship.bills)},
		"/upload-base64": {kind: "application/json", body: strings.NewReader("{}")},
		"/upload-csv":    {kind: "text/csv", body: bytes.NewReader(ship.orders)},
		"/process":       {},
		"/convert":       {kind: kind, body: bytes.NewReader(form)},
	} {
		r.method, r.path = "POST", path+"?_sid=ready"
		a := p.do(t, r)
		a.fails(t, 503, "busy", fields{"session_id": "ready", "details": anyObject})
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: a busy server sends no Retry-After", path)
		}
	}
	if l := p.desk.Load(); l.Reading != 1 || l.Waiting != 1 {
		t.Errorf("the slow uploads have ended, so the test shows nothing: %+v", l)
	}
	first()
	second()
	p.reads(t, 0) // a client that hangs up stops the work
	p.post(t, "/clear-session?_sid=ready", "", nil)
	p.settles(t, 0)
}

func TestAClientThatHangsUpLeavesNothing(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	for _, path := range []string{"/upload", "/upload-csv", "/upload-base64"} {
		p.uploadBills(t, "s", ship.bills)
		conn := p.dial(t)
		kind := map[string]string{"/upload": "application/pdf", "/upload-csv": "text/csv", "/upload-base64": "application/json"}[path]
		fmt.Fprintf(conn, "POST %s?_sid=s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 1000000\r\n\r\n{\"file_data\":\"", path, kind)
		conn.Write(bytes.Repeat([]byte("A"), 100_000))
		conn.Close()
		until(func() bool { return strings.Contains(p.log.String(), `"outcome":"cancelled"`) })
		p.settles(t, 2)
		p.get(t, "/download?_sid=s").holds(t, ship.unmatched, path, "the session changed")
		p.log.Reset()
	}
}
