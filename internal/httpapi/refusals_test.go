package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/internal/desk"
	"tallyman/internal/httpapi"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// sendBytes sends bytes on a connection of their own, and returns the answers up to the end of
// the connection. Not all may be read.
func sendBytes(t *testing.T, address, sent string) (answers []*http.Response, bodies []string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	must.OK(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Minute)) // only if it fails
	go io.WriteString(c, sent)
	for r := bufio.NewReader(c); ; {
		a, err := http.ReadResponse(r, nil)
		if err != nil && len(answers) > 0 { // the end, or a reset because not all was read
			return answers, bodies
		}
		must.OK(t, err)
		b, err := io.ReadAll(a.Body)
		must.OK(t, err)
		answers, bodies = append(answers, a), append(bodies, string(b))
	}
}

func TestWhatIsNotHTTPIsAnsweredLikeAllElse(t *testing.T) {
	p := newPlace(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must.OK(t, err)
	server := &http.Server{Handler: p.api, MaxHeaderBytes: 64 << 10}
	go p.api.Serve(server, l)
	defer server.Close()
	const ping = "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, c := range map[string]struct {
		sent   string
		status int
		code   string
	}{
		"no HTTP":                    {"hello\r\n\r\n", 400, "bad_request"},
		"after a sound request":      {ping + "hello\r\n\r\n", 400, "bad_request"},
		"no host":                    {"GET /ping HTTP/1.1\r\n\r\n", 400, "bad_request"},
		"two hosts":                  {"GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"},
		"a header without a name":    {"GET /ping HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n", 400, "bad_request"},
		"two lengths":                {"POST /ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"},
		"headers without end":        {"GET /ping HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n", 431, "too_large"},
		"an unknown coding":          {"POST /ping HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "bad_request"},
		"another version":            {"GET /ping HTTP/3.0\r\nHost: localhost\r\n\r\n", 400, "bad_request"},
		"another protocol":           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403, "host_not_allowed"},
		"an unknown expectation":     {"GET /ping HTTP/1.1\r\nHost: localhost\r\nExpect: wonders\r\n\r\n", 417, "bad_request"},
		"a path that is none":        {"GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404, "not_found"},
		"a tunnel to somewhere else": {"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 403, "host_not_allowed"},
	} {
		answers, bodies := sendBytes(t, l.Addr().String(), c.sent)
		a, body := answers[len(answers)-1], bodies[len(bodies)-1]
		var got struct{ Error, Code string }
		if err := json.Unmarshal([]byte(body), &got); err != nil || a.StatusCode != c.status || got.Code != c.code || got.Error == "" {
			t.Errorf("%s: %d %.200s, %v", name, a.StatusCode, body, err)
		}
		for header, want := range map[string]string{"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if strings.HasPrefix(c.sent, ping) && (len(answers) != 2 || answers[0].StatusCode != 200) {
			t.Errorf("%s: %d answers", name, len(answers))
		}
	}
}

// What a request is answered is not replaced, even if a piece of it looks like an answer
// of net/http.
func TestAnAnswerThatHoldsAnAnswerIsSentAsItIs(t *testing.T) {
	p := newPlace(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must.OK(t, err)
	const piece = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.api.ServeHTTP(httptest.NewRecorder(), r)
		w.Header().Set("Content-Length", strconv.Itoa(len(piece)))
		http.NewResponseController(w).Flush()
		io.WriteString(w, piece)
	})}
	go p.api.Serve(server, l)
	defer server.Close()
	const get = "GET /ping HTTP/1.1\r\nHost: localhost\r\n"
	_, bodies := sendBytes(t, l.Addr().String(), get+"\r\n"+get+"Connection: close\r\n\r\n")
	if !slices.Equal(bodies, []string{piece, piece}) {
		t.Errorf("got %q", bodies)
	}
}

// Content-Length and Transfer-Encoding in one request may mean two different ends of it.
func TestABodyWhoseEndMayBeUnclearEndsTheConnection(t *testing.T) {
	p := newPlace(t)
	const next = "GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	sent := "POST /new-session?_sid=s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	answers, bodies := sendBytes(t, p.Listener.Addr().String(), sent+next)
	if len(answers) != 1 || answers[0].StatusCode != 200 || !answers[0].Close {
		t.Errorf("%d answers, %s", len(answers), bodies)
	}
}

// A body of unknown length may hold what looks like the next request. Whether the request is
// served or refused before its body was read, nothing of the body is taken for a request, and
// the connection ends, also if the rest of the body never comes.
func TestNothingInTheChunksOfARefusedUploadIsARequest(t *testing.T) {
	ship := small(t, 1)
	tight := newPlace(t, func(c *httpapi.Config) { c.MaxUpload = 1 << 10 })
	locked, secrets, _ := keyed(t, "depot")
	full := newPlaceWith(t, desk.Limits{OwnerUploads: 1})
	const upload = "POST /upload?_sid=held HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pdf\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
	full.begun(t, upload) // one is under way
	io.WriteString(full.dial(t), upload)
	for full.desk.Room(session.Local) == nil { // until it waits
		time.Sleep(time.Millisecond)
	}
	for name, c := range map[string]struct {
		p      *place
		line   string
		header string
		body   []byte
		status int
	}{
		"served":               {newPlace(t), "POST /upload?_sid=s", "", ship.bills, 200},
		"no PDF":               {newPlace(t), "POST /upload?_sid=s", "", nil, 422},
		"no such path":         {newPlace(t), "POST /nowhere", "", nil, 404},
		"wrong method":         {newPlace(t), "DELETE /upload?_sid=s", "", nil, 405},
		"foreign origin":       {newPlace(t), "POST /upload?_sid=s", "Origin: http://evil.example\r\n", nil, 403},
		"no session ID":        {newPlace(t), "POST /upload?_sid=%0a", "", nil, 400},
		"a foreign type":       {newPlace(t), "POST /upload?_sid=s", "Content-Type: text/html\r\n", nil, 415},
		"too large":            {tight, "POST /upload?_sid=s", "", bytes.Repeat([]byte("x"), 2<<20), 413},
		"where none is needed": {tight, "POST /clear-session?_sid=s", "", bytes.Repeat([]byte("x"), 2<<20), 413},
		"no key":               {locked, "POST /upload?_sid=s", "", nil, 401},
		"busy":                 {full, "POST /upload?_sid=s", "", nil, 503},
	} {
		for _, whole := range []bool{true, false} {
			if !whole && (c.status == 200 || c.status == 422) {
				continue // the answer needs the whole body
			}
			t.Run(fmt.Sprintf("%s, whole %v", name, whole), func(t *testing.T) {
				t.Parallel() // the server waits a moment for the rest of a body
				const smuggled = "POST /new-session?_sid=smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
				body := append([]byte(smuggled), c.body...)
				if c.status == 200 {
					body = append(c.body, smuggled...)
				}
				sent := c.line + " HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n" + c.header
				if !strings.Contains(c.header, "Content-Type") {
					sent += "Content-Type: application/pdf\r\n"
				}
				sent += fmt.Sprintf("\r\n%x\r\n%s\r\n", len(body), body)
				if whole {
					sent += "0\r\n\r\n" + smuggled
				}
				answers, bodies := sendBytes(t, c.p.Listener.Addr().String(), sent)
				if len(answers) != 1 || answers[0].StatusCode != c.status || !answers[0].Close {
					t.Errorf("%d answers, %.200s", len(answers), bodies)
				}
				state := c.p.get(t, "/status?_sid=smuggled", apiKey(secrets["depot"]))
				if got, _ := decode(state.body).(map[string]any); state.status != 200 || got["session_exists"] != false {
					t.Errorf("what the body holds was done: %s", state.body)
				}
			})
		}
	}
}

func TestUnclearContentTypesAreRefused(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	kind, body := multi(t, fileIn("file", "b.pdf", ship.bills))
	for _, kinds := range [][]string{
		{kind + "; boundary=other"}, {kind + ";;=x"}, {kind, kind}, {kind, "application/pdf"},
	} {
		a := p.do(t, request{method: "POST", path: "/upload?_sid=s", header: http.Header{"Content-Type": kinds}, body: bytes.NewReader(body)})
		a.fails(t, 400, "bad_request", fields{"session_id": "s"})
		if !strings.Contains(string(a.body), "Content-Type") {
			t.Errorf("%q: %s", kinds, a.body)
		}
	}
	if a := p.get(t, "/status?_sid=s"); !bytes.Contains(a.body, []byte(`"no_session"`)) && !bytes.Contains(a.body, []byte(`"empty"`)) {
		t.Errorf("something was stored: %s", a.body)
	}
}

// Measurements are of the work for all owners.
func TestMeasurementsAreForAdminKeys(t *testing.T) {
	p, secrets, _ := keyed(t, "depot", "admin")
	p.get(t, "/metrics", apiKey(secrets["depot"])).fails(t, 403, "admin_only", nil)
	p.get(t, "/metrics", apiKey(secrets["admin"])).ok(t, "an admin key")
	for name, p := range map[string]*place{"this machine": newPlace(t), "open": newPlace(t, opened), "a proxy's name": newPlace(t, behindProxy)} {
		r := request{method: "GET", path: "/metrics"}
		if name == "a proxy's name" {
			r.header = http.Header{"Host": {"tally.example"}}
		}
		p.do(t, r).ok(t, name)
	}
}
