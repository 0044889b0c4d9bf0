package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/httpapi"
	"tallyman/internal/httpapi/web"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// keyed starts a server that other machines can reach, with a key for each name. The key
// of admin is an admin's.
func keyed(t testing.TB, names ...string) (*place, map[string]string, *keys.File) {
	t.Helper()
	ring, secrets := ringOf(t, names...)
	p := newPlace(t, func(c *httpapi.Config) { c.Keys, c.Loopback = ring, false })
	return p, secrets, ring
}

// ringOf returns a ring with a key for each name.
func ringOf(t testing.TB, names ...string) (*keys.File, map[string]string) {
	t.Helper()
	ring := keys.Open(t.TempDir())
	secrets := map[string]string{}
	for _, n := range names {
		secrets[n] = addKey(t, ring, keys.Key{Name: session.Owner(n), Admin: n == "admin"})
	}
	return ring, secrets
}

func addKey(t testing.TB, ring *keys.File, k keys.Key) (secret string) {
	t.Helper()
	secret, err := ring.Add(t.Context(), k)
	must.OK(t, err)
	return secret
}

func apiKey(secret string) http.Header { return http.Header{"X-Api-Key": {secret}} }

func TestWithKeysEveryRouteNeedsOne(t *testing.T) {
	p, secrets, ring := keyed(t, "depot", "admin")
	public := map[string]bool{
		"/": true, "/ping": true, "/wake-up": true, "/health": true, "/api/health": true, "/api/docs": true,
		"/openapi.json": true, "/docs": true, "/help": true, "/client.js": true, "/static/{name}": true,
		"/static/{version}/{name}": true, "/sample/{name}": true,
	}
	n := 0
	for path, item := range p.schemas.doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			at := strings.NewReplacer("/sample/{name}", "/sample/bol.pdf", "{name}", "style.css", "{version}", web.Version()).Replace(path)
			r := request{method: strings.ToUpper(method), path: at + "?_sid=x"}
			if public[path] {
				p.do(t, r).ok(t, method, path)
				continue
			}
			n++
			for name, header := range map[string]http.Header{
				"no key":       nil,
				"a wrong key":  apiKey("tmk_" + strings.Repeat("a", 26)),
				"an empty one": apiKey(""),
				"Basic":        {"Authorization": {"Basic " + secrets["depot"]}},
				"a hash":       apiKey(strings.Repeat("0", 64)),
			} {
				r.header = header
				a := p.do(t, r)
				if a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s with %s: %d %s", method, path, name, a.status, a.body)
				}
				a.fails(t, 401, "unauthorized", nil)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d routes were tried", n)
	}
	p.do(t, request{method: "GET", path: "/?format=json"}).fails(t, 401, "unauthorized", nil)
	p.do(t, request{method: "GET", path: "/ping?_action=new_session"}).fails(t, 401, "unauthorized", nil)

	for name, header := range map[string]http.Header{
		"X-API-Key": apiKey(secrets["depot"]),
		"Bearer":    {"Authorization": {"Bearer " + secrets["depot"]}},
		"bearer":    {"Authorization": {"bearer  " + secrets["depot"]}},
		"both":      {"Authorization": {"Bearer x"}, "X-Api-Key": {secrets["depot"]}},
	} {
		p.get(t, "/status?_sid=x", header).ok(t, name)
	}
	must.OK(t, ring.Remove(t.Context(), "depot", ""))
	p.get(t, "/status", apiKey(secrets["depot"])).fails(t, 401, "unauthorized", nil)
	must.OK(t, ring.Remove(t.Context(), "admin", ""))
	p.do(t, request{method: "GET", path: "/status"}).fails(t, 401, "unauthorized", nil) // make sure that the server is not open
	if log := p.log.String(); strings.Contains(log, secrets["depot"]) || strings.Contains(log, secrets["admin"]) {
		t.Error("a key is in the log")
	}
}

func TestAReadOnlyKeyChangesNothing(t *testing.T) {
	p, secrets, ring := keyed(t, "depot")
	reader := addKey(t, ring, keys.Key{Name: "depot", ReadOnly: true})
	ship := small(t, 1)
	kind, body := multi(t, fileIn("file", "b.pdf", ship.bills))
	upload := request{method: "POST", path: "/upload?_sid=s", kind: kind, body: bytes.NewReader(body), header: apiKey(secrets["depot"])}
	p.do(t, upload).must(t)
	for _, path := range []string{"/status?_sid=s", "/files?_sid=s", "/view?_sid=s", "/?format=json&_sid=s", "/validate-session?_sid=s"} {
		p.get(t, path, apiKey(reader)).ok(t, path)
	}
	for _, r := range []request{
		{method: "POST", path: "/new-session?_sid=s"}, {method: "GET", path: "/new-session"}, {method: "POST", path: "/clear-session?_sid=s"},
		{method: "POST", path: "/auto-reset?_sid=s"}, {method: "POST", path: "/auto-clean-session?_sid=s"}, {method: "POST", path: "/process?_sid=s"},
		{method: "POST", path: "/upload?_sid=s", kind: kind, body: bytes.NewReader(body)}, {method: "GET", path: "/status?_sid=s&_action=new_session"},
		{method: "GET", path: "/?format=json&_sid=none"},
	} {
		r.header = apiKey(reader)
		if a := p.do(t, r); a.status != 403 || !bytes.Contains(a.body, []byte(`"read_only"`)) {
			t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
	}
	p.get(t, "/download?_sid=s", apiKey(reader)).holds(t, ship.unmatched)
	if _, _, total := listed(t, p.get(t, "/debug-sessions", apiKey(reader))); total != 1 {
		t.Errorf("there are %d sessions", total)
	}
}

func TestRemovingAKeyEndsItsUploads(t *testing.T) {
	p, secrets, ring := keyed(t, "depot", "other")
	conn := p.dial(t)
	const large = 1 << 20
	fmt.Fprintf(conn, "POST /upload?_sid=s HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %s\r\nContent-Type: application/pdf\r\nContent-Length: %d\r\n\r\n%%PDF-1.7\n", secrets["depot"], large)
	p.underway(t, 0)
	must.OK(t, ring.Remove(t.Context(), "depot", ""))
	// Byte by byte it would take hours.
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
				conn.Write([]byte(" "))
			}
		}
	}()
	a := answered(t, conn)
	close(done)
	a.fails(t, 401, "unauthorized", fields{"session_id": "s"})
	p.settles(t, 0)
}

func TestRemovingAKeyEndsItsStreams(t *testing.T) {
	p, secrets, ring := keyed(t, "depot", "other")
	s, other := p.stream(t, "/events?_sid=s", apiKey(secrets["depot"])), p.stream(t, "/events?_sid=s", apiKey(secrets["other"]))
	s.until(t, "state")
	other.until(t, "state")
	must.OK(t, ring.Remove(t.Context(), "depot", ""))
	hung := time.AfterFunc(time.Hour, s.close)
	if e, ok := s.next(t); ok {
		t.Errorf("the stream goes on with %+v", e)
	}
	if !hung.Stop() {
		t.Fatal("the stream goes on")
	}
	p.do(t, request{method: "POST", path: "/new-session?_sid=s", header: apiKey(secrets["other"])}).must(t)
	other.until(t, "new")
}

func TestRefusedKeysAreCountedAndLoggedWithoutTheKey(t *testing.T) {
	p, secrets, ring := keyed(t, "admin")
	expired := addKey(t, ring, keys.Key{Name: "depot", Expires: time.Now().Add(-time.Hour)})
	unknown := "tmk_" + strings.Repeat("b", 26)
	p.get(t, "/status", apiKey(expired)).fails(t, 401, "unauthorized", nil)
	for range 3 {
		p.get(t, "/status", apiKey(unknown)).fails(t, 401, "unauthorized", nil)
	}
	p.get(t, "/status").fails(t, 401, "unauthorized", nil) // without one
	measured := string(p.get(t, "/metrics", apiKey(secrets["admin"])).body)
	for reason, n := range map[string]string{"unknown": "3", "expired": "1"} {
		if want := `tallyman_keys_refused_total{reason="` + reason + `"} ` + n + "\n"; !strings.Contains(measured, want) {
			t.Errorf("there is no %s", want)
		}
	}
	log := p.log.String()
	if !strings.Contains(log, `"a key was refused","reason":"expired"`) || !strings.Contains(log, `"owner":"depot"`) || !strings.Contains(log, `"from":"127.0.0.1:`) {
		t.Errorf("the log: %s", log)
	}
	for _, secret := range []string{expired, unknown, secrets["admin"]} {
		if strings.Contains(log, strings.TrimPrefix(secret, keys.Prefix)) {
			t.Error("a key is in the log")
		}
	}
}

func TestTheSameIDUnderTwoKeysIsTwoSessions(t *testing.T) {
	p, secrets, _ := keyed(t, "a", "b", "admin")
	ships := map[string]shipment{"a": small(t, 1), "b": other(t, 2)}
	for name, ship := range ships {
		r := request{path: "/upload?_sid=shared", header: apiKey(secrets[name])}
		p.do(t, r.form(t, fileIn("file", name+".pdf", ship.bills))).must(t, name)
	}
	for name, ship := range ships {
		a := p.get(t, "/download-bol?_sid=shared", apiKey(secrets[name]))
		if !bytes.Equal(a.body, ship.unmatched) {
			t.Errorf("%s got another sheet", name)
		}
	}
	p.get(t, "/status?_sid=shared", apiKey(secrets["admin"])).shows(t, `"no_session"`, "an admin's session of that ID")
	p.do(t, request{method: "POST", path: "/clear-session?_sid=shared", header: apiKey(secrets["a"])})
	left := p.get(t, "/download-bol?_sid=shared", apiKey(secrets["b"]))
	left.holds(t, ships["b"].unmatched, "clearing one owner's session cleared the other's")
}

func listed(t *testing.T, a answer) (ids []string, next *string, total int) {
	t.Helper()
	var l struct {
		All []struct {
			ID string `json:"session_id"`
		} `json:"all_sessions"`
		Total int     `json:"total_sessions"`
		Next  *string `json:"next"`
	}
	if err := json.Unmarshal(a.body, &l); err != nil || a.status != 200 {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	for _, s := range l.All {
		ids = append(ids, s.ID)
	}
	return ids, l.Next, l.Total
}

func TestDebugSessionsShowsCallersTheirOwn(t *testing.T) {
	p, secrets, _ := keyed(t, "a", "b", "admin")
	minted := ""
	for _, owner := range []string{"a", "b"} {
		for _, id := range []string{"one.one", "two.two", ""} {
			a := p.do(t, request{method: "POST", path: "/new-session?_sid=" + id, header: apiKey(secrets[owner])})
			if id == "" {
				minted = decode(a.body).(map[string]any)["session_id"].(string)
			}
		}
	}
	for owner, want := range map[string]int{"a": 3, "b": 3, "admin": 6} {
		var all []string
		after := ""
		for range 10 {
			ids, next, total := listed(t, p.get(t, "/debug-sessions?limit=2&after="+after, apiKey(secrets[owner])))
			if total != want || len(ids) > 2 {
				t.Errorf("%s sees %d on this page of %d", owner, len(ids), total)
			}
			all = append(all, ids...)
			if next == nil {
				break
			}
			after = *next
			// Sealed text never contains a full stop.
			if strings.Contains(after, "one.one") || strings.Contains(after, minted) {
				t.Errorf("the position in the listing reveals an ID: %s", after)
			}
		}
		if len(all) != want {
			t.Errorf("%s sees %v", owner, all)
		}
		for _, id := range all {
			if strings.HasPrefix(id, session.Minted) && len(id) > 12 {
				t.Errorf("%s sees a whole minted ID", owner)
			}
		}
	}
	a := p.get(t, "/debug-sessions?_sid="+minted, apiKey(secrets["b"]))
	if ids, _, _ := listed(t, a); !strings.Contains(strings.Join(ids, " "), minted) {
		t.Errorf("the ID that the caller presented is shortened: %v", ids)
	}
	for _, bad := range []string{"limit=0", "limit=x", "limit=1001", "after=x", "after=" + strings.Repeat("A", 60)} {
		p.get(t, "/debug-sessions?"+bad, apiKey(secrets["a"])).fails(t, 400, "bad_request", nil)
	}
}

func TestAnOpenServerShowsOnlyWhatTheCallerNames(t *testing.T) {
	p := newPlace(t, func(c *httpapi.Config) { c.Loopback, c.Open = false, true })
	p.post(t, "/new-session?_sid=mine", "", nil)
	p.post(t, "/new-session?_sid=theirs", "", nil)
	if ids, _, total := listed(t, p.get(t, "/debug-sessions?_sid=mine")); total != 1 || len(ids) != 1 || ids[0] != "mine" {
		t.Errorf("seen: %v of %d", ids, total)
	}
	if ids, _, total := listed(t, p.get(t, "/debug-sessions")); total != 0 || len(ids) != 0 {
		t.Errorf("seen without a session: %v of %d", ids, total)
	}
}

// Any page that the user of the machine visits can make their browser send requests, and
// may guess the names of sessions.
func TestPagesOfOtherOriginsNeitherReadNorChangeWhatAKeylessServerHolds(t *testing.T) {
	const named, embedding = "https://front.example", "https://frame.example"
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	p.post(t, "/new-session?_sid=two", "", nil)
	if ids, _, total := listed(t, p.get(t, "/debug-sessions")); total != 2 || len(ids) != 2 {
		t.Errorf("this machine sees %v of %d", ids, total)
	}
	kind, body := multi(t, fileIn("file", "b.pdf", ship.bills))
	requests := func() []request {
		return []request{
			{method: "GET", path: "/status?_sid=s"}, {method: "GET", path: "/download-bol?_sid=s"}, {method: "HEAD", path: "/download?_sid=s"},
			{method: "GET", path: "/?format=json&_sid=s"}, {method: "GET", path: "/health"}, {method: "HEAD", path: "/events?_sid=s"},
			{method: "GET", path: "/debug-sessions"}, {method: "GET", path: "/metrics"}, {method: "GET", path: "/client.js"},
			{method: "GET", path: "/new-session?_sid=s"}, {method: "GET", path: "/ping?_sid=s&_action=new_session"},
			{method: "GET", path: "/?_sid=s&_action=new_session"}, {method: "POST", path: "/clear-session?_sid=s"},
			{method: "POST", path: "/upload?_sid=s", kind: kind, body: bytes.NewReader(body)},
			{method: "POST", path: "/debug-request", kind: "text/plain", body: strings.NewReader("x")},
			{method: "POST", path: "/convert", kind: kind, body: bytes.NewReader(body)},
		}
	}
	navigation := func(from http.Header) http.Header {
		h := from.Clone()
		h.Set("Sec-Fetch-Mode", "navigate")
		return h
	}
	link := http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}
	for name, h := range foreignHeaders() {
		for _, r := range requests() {
			r.header = h
			a := p.do(t, r)
			if a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %s %s: %d %.200s", name, r.method, r.path, a.status, a.body)
			} else if r.method != "HEAD" {
				a.fails(t, 403, "cross_origin", nil)
			}
		}
		if a := p.do(t, request{method: "OPTIONS", path: "/status", header: h}); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: a preflight allows %v", name, a.header)
		}
	}
	// Who follows a link sees the answer, and the page with the link does not.
	for _, path := range []string{"/", "/?_sid=s", "/download-bol?_sid=s", "/docs"} {
		p.get(t, path, link).ok(t, "a link to", path)
	}
	for _, r := range requests()[9:] { // those that change something
		r.header = navigation(foreignHeaders()["cross-site"])
		p.do(t, r).fails(t, 403, "cross_origin", nil)
	}
	// A browser that does not say who sends a request loads a picture, or asks for one of
	// our pages.
	old := http.Header{"User-Agent": {"Mozilla/5.0 (Macintosh) Version/15.0 Safari/605.1.15"}}
	for _, path := range []string{"/new-session?_sid=s", "/ping?_sid=s&_action=new_session"} {
		p.get(t, path, old).fails(t, 403, "cross_origin", nil)
	}
	p.get(t, "/download?_sid=s").holds(t, ship.unmatched, "a page of another origin changed the session")

	// What front ends and robots do goes on working: scripts that are not browsers, pages
	// of this origin, and those of origins that the operator named.
	front := newPlace(t, func(c *httpapi.Config) { c.Origins, c.Embed = []string{named}, []string{embedding} })
	script := old.Clone()
	script.Set("X-Requested-With", "XMLHttpRequest")
	for name, from := range map[string]struct {
		at *place
		h  http.Header
	}{
		"a robot":                       {p, http.Header{"User-Agent": {"python-requests/2.32"}}},
		"Node's fetch":                  {p, http.Header{"User-Agent": {"node"}, "Sec-Fetch-Mode": {"cors"}}},
		"the server's own page":         {p, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {p.URL}}},
		"a typed address":               {p, http.Header{"Sec-Fetch-Site": {"none"}, "Sec-Fetch-Mode": {"navigate"}}},
		"an old browser's own script":   {p, script},
		"a page of a named origin":      {front, http.Header{"Origin": {named}, "Sec-Fetch-Site": {"cross-site"}}},
		"a link of a named origin":      {front, http.Header{"Referer": {named + "/"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}},
		"a frame in an allowed origin":  {front, http.Header{"Referer": {embedding + "/"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}},
		"a page that calls in the open": {newPlace(t, opened), foreignHeaders()["cross-site"]},
	} {
		for _, r := range []request{
			{method: "GET", path: "/status?_sid=a"}, {method: "GET", path: "/new-session?_sid=a"}, {method: "GET", path: "/ping?_sid=a&_action=new_session"},
			{method: "POST", path: "/clear-session?_sid=a"},
		} {
			r.header = from.h
			from.at.do(t, r).ok(t, name, r.method, r.path)
		}
	}
	if a := front.get(t, "/status", foreignHeaders()["an old browser"]); a.status != 403 {
		t.Errorf("beside a named origin another one gets %d", a.status)
	}
}

// opened lets everybody in.
func opened(c *httpapi.Config) { c.Loopback, c.Open = false, true }

// A caller through a proxy on the same machine does not count as on it.
func TestAKeylessServerBehindAProxyShowsOnlyWhatTheCallerNames(t *testing.T) {
	p := newPlace(t, behindProxy)
	p.post(t, "/new-session?_sid=one", "", nil)
	p.post(t, "/new-session?_sid=two", "", nil)
	if _, _, total := listed(t, p.get(t, "/debug-sessions")); total != 2 {
		t.Errorf("this machine sees %d", total)
	}
	for name, h := range proxiedHeaders() {
		if ids, _, total := listed(t, p.get(t, "/debug-sessions?_sid=one", h)); total != 1 || ids[0] != "one" {
			t.Errorf("%s: seen: %v of %d", name, ids, total)
		}
	}
}

func behindProxy(c *httpapi.Config) { c.Hosts = []string{"tally.example", "tally.localhost"} }

// proxiedHeaders are what proxies on the server's machine send.
func proxiedHeaders() map[string]http.Header {
	return map[string]http.Header{
		"its name":          {"Host": {"tally.example"}},
		"its local name":    {"Host": {"tally.localhost:80"}},
		"X-Forwarded-For":   {"X-Forwarded-For": {"192.0.2.1"}},
		"X-Forwarded-Proto": {"X-Forwarded-Proto": {"https"}},
		"X-Forwarded-Host":  {"X-Forwarded-Host": {"localhost"}},
		"X-Real-IP":         {"X-Real-Ip": {""}},
		"Forwarded":         {"Forwarded": {"for=127.0.0.1"}},
		"Via":               {"Via": {"1.1 proxy"}},
	}
}

// foreignHeaders are what browsers send on behalf of pages of other sites.
func foreignHeaders() map[string]http.Header {
	return map[string]http.Header{
		"cross-site":       {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		"same-site":        {"Sec-Fetch-Site": {"same-site"}},
		"an old browser":   {"Origin": {"https://evil.example"}},
		"a sandboxed page": {"Origin": {"null"}},
		"another port":     {"Origin": {"http://127.0.0.1:1"}},
	}
}

func TestOtherSitesCannotUseABrowsersCookie(t *testing.T) {
	p, ship := newPlace(t, opened), small(t, 1)
	jar := newJar(t)
	p.do(t, request{method: "POST", path: "/new-session", jar: jar})
	id := p.cookie(t, jar)
	kind, body := multi(t, fileIn("file", "b.pdf", ship.bills))
	p.do(t, request{method: "POST", path: "/upload", jar: jar, kind: kind, body: bytes.NewReader(body)}).must(t)
	for name, h := range foreignHeaders() {
		for _, r := range []request{
			{method: "POST", path: "/clear-session"}, {method: "POST", path: "/new-session"}, {method: "GET", path: "/new-session"},
			{method: "POST", path: "/auto-reset"}, {method: "POST", path: "/upload", kind: kind, body: bytes.NewReader(body)},
			{method: "POST", path: "/upload-csv", kind: "text/plain", body: bytes.NewReader(ship.orders)},
			{method: "POST", path: "/process"}, {method: "GET", path: "/status?_action=new_session"}, {method: "GET", path: "/?_action=new_session"},
			{method: "POST", path: "/upload-attachment", kind: "application/x-www-form-urlencoded", body: strings.NewReader("data=x")},
		} {
			r.header, r.jar = h, jar
			a := p.do(t, r)
			a.fails(t, 403, "cross_origin", fields{"session_id": id})
			if a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %s %s sets a cookie", name, r.method, r.path)
			}
		}
		// Without the cookie, which SameSite withholds, the request does not affect the
		// browser's session or its cookie.
		if a := p.do(t, request{method: "POST", path: "/new-session", header: h}); a.status != 200 || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d, cookie %q", name, a.status, a.header.Get("Set-Cookie"))
		}
	}
	p.do(t, request{method: "GET", path: "/download", jar: jar}).holds(t, ship.unmatched, "another site changed the session")
	for _, h := range []http.Header{{"Sec-Fetch-Site": {"same-origin"}, "Origin": {p.URL}}, {"Origin": {p.URL}}, {"Sec-Fetch-Site": {"none"}}} {
		p.do(t, request{method: "POST", path: "/process", header: h, jar: jar}).ok(t, h, "the page itself is refused")
	}
	// If the request names the session, the ID is the credential, whatever the origin of
	// the page.
	evil := http.Header{"Origin": {"https://evil.example"}}
	p.do(t, request{method: "POST", path: "/process?_sid=" + id, header: evil}).ok(t, "a front end of another origin is refused")
}

func TestCookiesAreSafeAndOnlyOursCount(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	set := p.do(t, request{method: "POST", path: "/new-session"}).header.Get("Set-Cookie")
	if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Lax") || !strings.Contains(set, "Path=/") || strings.Contains(set, "Domain") {
		t.Errorf("the cookie is %q", set)
	}
	embedded := newPlace(t, func(c *httpapi.Config) { c.Embed = []string{"https://front.example"} })
	a := embedded.do(t, request{method: "POST", path: "/new-session"})
	if set := a.header.Get("Set-Cookie"); !strings.Contains(set, "SameSite=None") || !strings.Contains(set, "Secure") || !strings.Contains(set, "Partitioned") || !strings.Contains(set, "HttpOnly") {
		t.Errorf("the embedded cookie is %q", set)
	}
	if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'self' https://front.example") || a.header.Get("X-Frame-Options") != "" {
		t.Errorf("framing: %q", policy)
	}

	p.uploadBills(t, "named", ship.bills)
	minted := decode(p.post(t, "/new-session", "", nil).body).(map[string]any)["session_id"].(string)
	p.uploadBills(t, minted, ship.bills)
	p.post(t, "/clear-session?_sid="+minted, "", nil)
	for _, guess := range []string{"named", "s_" + strings.Repeat("a", 26), minted, "../" + minted, "s_", strings.Repeat("s", 28), "s_" + strings.Repeat("A", 26)} {
		h := http.Header{"Cookie": {"tallyman_session=" + guess}}
		p.get(t, "/download-bol", h).fails(t, 404, "no_sheet", nil)
		got := p.do(t, request{path: "/upload", header: h}.form(t, fileIn("file", "b.pdf", ship.bills)))
		if id := decode(got.body).(map[string]any)["session_id"]; id == guess || got.status != 200 {
			t.Errorf("the cookie %q makes a session of its name: %d %s", guess, got.status, got.body)
		}
	}
}

func TestAKeylessServerAnswersOnlyForThisMachinesNames(t *testing.T) {
	p := newPlace(t, func(c *httpapi.Config) { c.Hosts = []string{"tally.example"} })
	u, _ := url.Parse(p.URL)
	for host, want := range map[string]int{
		"localhost:" + u.Port(): 200, "127.0.0.1": 200, "[::1]:80": 200, "a.localhost": 200, "tally.example": 200, "TALLY.example:443": 200,
		"evil.example": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403, "192.168.1.5": 403, "tally.example.evil": 403,
	} {
		a := p.get(t, "/status?_sid=x", http.Header{"Host": {host}})
		if a.status != want {
			t.Errorf("for %s: %d %s", host, a.status, a.body)
		}
		if want == 403 {
			a.fails(t, 403, "host_not_allowed", nil)
		}
	}
}

func TestCORS(t *testing.T) {
	p := newPlace(t, opened)
	for _, path := range []string{"/upload", "/download-bol", "/status", "/nothing", "/events"} {
		a := p.do(t, request{method: "OPTIONS", path: path, header: http.Header{
			"Origin": {"https://front.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"x-session-id"},
		}})
		if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		allowed := strings.Split(a.header.Get("Access-Control-Allow-Headers"), ", ")
		for _, want := range []string{"Content-Type", "Authorization", "Cache-Control", "Pragma", "Expires", "X-Requested-With", "X-API-Key", "X-Session-ID"} {
			if !slices.Contains(allowed, want) {
				t.Errorf("%s: the header %s is not allowed", path, want)
			}
		}
		for _, want := range []string{"GET", "POST"} {
			if !slices.Contains(strings.Split(a.header.Get("Access-Control-Allow-Methods"), ", "), want) {
				t.Errorf("%s: %s is not allowed", path, want)
			}
		}
	}
	for _, path := range []string{"/status", "/nothing", "/download-bol", "/docs"} {
		a := p.get(t, path, http.Header{"Origin": {"https://front.example"}})
		if a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "Content-Disposition") {
			t.Errorf("%s: %v", path, a.header)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
	only := newPlace(t, func(c *httpapi.Config) { c.Origins = []string{"https://front.example"} })
	for origin, want := range map[string]string{"https://front.example": "https://front.example", "https://evil.example": "", "": ""} {
		a := only.do(t, request{method: "OPTIONS", path: "/status", header: http.Header{"Origin": {origin}}})
		if got := a.header.Get("Access-Control-Allow-Origin"); got != want || !strings.Contains(a.header.Get("Vary"), "Origin") {
			t.Errorf("for %q: %q, Vary %q", origin, got, a.header.Get("Vary"))
		}
	}
}

// Answers share the headers that all have, and the memory in which they are encoded.
func TestNothingOfAnAnswerReachesAnother(t *testing.T) {
	p := newPlace(t)
	status := func(sid string) (header http.Header) {
		a, err := p.try(request{method: "GET", path: "/status?_sid=" + sid})
		var is struct {
			ID string `json:"session_id"`
		}
		if err != nil || a.status != http.StatusOK || json.Unmarshal(a.body, &is) != nil || is.ID != sid {
			t.Errorf("the status of %s is %d, %s, %v", sid, a.status, a.body, err)
		}
		a.header.Del("Date")
		return a.header
	}
	want := status("before")
	p.get(t, "/")
	p.uploadBills(t, "bills", small(t, 1).bills)
	p.get(t, "/report?format=html&_sid=bills") // adds to the policy
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				status(fmt.Sprint(i, strings.Repeat("x", n)))
			}
		})
	}
	all.Wait()
	if got := status("afters"); !reflect.DeepEqual(got, want) {
		t.Errorf("the headers of a status were %v, and are %v", want, got)
	}
}

func TestWaysOfNamingASession(t *testing.T) {
	p := newPlace(t)
	name := func(query string, header http.Header) answer {
		t.Helper()
		return p.get(t, "/status"+query, header)
	}
	id := func(a answer) any {
		t.Helper()
		if a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
			return nil
		}
		return decode(a.body).(map[string]any)["session_id"]
	}
	for want, got := range map[string]any{
		"a":     id(name("?_sid=a", nil)),
		"b":     id(name("?session_id=b", nil)),
		"c":     id(name("", http.Header{"X-Session-Id": {"c"}})),
		"d":     id(name("?_sid=&session_id=d", nil)),
		"e":     id(name("?_sid=e&session_id=e&_sid=e", nil)),
		"f":     id(name("?_sid=f", http.Header{"X-Session-Id": {"other"}})),
		"g":     id(name("", http.Header{"X-Session-Id": {"", "g", "g"}})),
		"ü ../": id(name("?_sid="+url.QueryEscape("ü ../"), nil)),
	} {
		if got != want {
			t.Errorf("the session is %v, want %v", got, want)
		}
	}
	name("", http.Header{"X-Session-Id": {"a", "b"}}).fails(t, 400, "bad_request", nil)
	if got := id(name("?_sid=", nil)); got != nil {
		t.Errorf("an empty name names %v", got)
	}
	for _, q := range []string{"?_sid=a&session_id=b", "?_sid=a&_sid=b", "?_sid=%zz"} {
		name(q, nil).fails(t, 400, "bad_request", nil)
	}
	for _, bad := range []string{strings.Repeat("x", 256), "a\x00b", "a\nb", "\xff", "a\x7f", "\u0085"} {
		name("?_sid="+url.QueryEscape(bad), nil).fails(t, 400, "bad_session_id", nil)
	}
	long := strings.Repeat("x", 255)
	name("?_sid="+long, nil).is(t, 200, stateOf(long, "no_session", []any{}, anyObject))
}

func TestTakingTheLastKeyAwayOpensNothing(t *testing.T) {
	ring, secrets := ringOf(t, "depot")
	p := newPlace(t, func(c *httpapi.Config) { c.Keys = ring }) // on loopback
	p.do(t, request{method: "POST", path: "/new-session?_sid=x", header: apiKey(secrets["depot"])}).must(t)
	must.OK(t, ring.Remove(t.Context(), "depot", ""))
	for _, header := range []http.Header{nil, apiKey(secrets["depot"])} {
		for _, path := range []string{"/status?_sid=x", "/debug-sessions", "/metrics"} {
			p.get(t, path, header).is(t, 401, fields{"error": anyText, "code": "unauthorized"})
		}
	}
}

func TestWithKeysAServerAnswersByAnyName(t *testing.T) {
	ring, secrets := ringOf(t, "depot")
	p := newPlace(t, func(c *httpapi.Config) { c.Keys = ring })
	behindProxy := http.Header{"Host": {"tally.example.com"}}
	p.get(t, "/ping", behindProxy).ok(t)
	p.get(t, "/status?_sid=x", behindProxy).is(t, 401, fields{"error": anyText, "code": "unauthorized"})
	behindProxy.Set("X-API-Key", secrets["depot"])
	p.get(t, "/status?_sid=x", behindProxy).ok(t)
}

func TestThePageComesToThoseWhoHaveYetToSignIn(t *testing.T) {
	p, _, _ := keyed(t, "depot")
	for _, query := range []string{"", "?_action=new_session", "?_sid=x&_action=new_session"} {
		a := p.get(t, "/"+query, http.Header{"Accept": {"text/html"}})
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%q: %d %s", query, a.status, a.body)
		}
	}
}

func TestHEADChangesNothing(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	p.uploadBills(t, "s", ship.bills)
	for _, path := range []string{"/new-session?_sid=s", "/status?_sid=s&_action=new_session", "/download?_sid=s&_action=new_session"} {
		p.do(t, request{method: "HEAD", path: path})
		if a := p.get(t, "/download?_sid=s"); !bytes.Equal(a.body, ship.unmatched) {
			t.Fatalf("HEAD %s changed the session: %d %.100s", path, a.status, a.body)
		}
	}
}

func TestASlashTooManyIsForgiven(t *testing.T) {
	p, ship := newPlace(t), small(t, 1)
	kind, body := multi(t, fileIn("file", "a/b.pdf", ship.bills))
	for _, path := range []string{"//upload", "/upload/", "///upload//"} {
		a, err := p.try(request{method: "POST", path: path + "?_sid=s", kind: kind, body: bytes.NewReader(body)})
		if err != nil || a.status != 200 {
			t.Errorf("%s: %v, %d %s", path, err, a.status, a.body)
		}
	}
	for _, path := range []string{"//download-bol//b.pdf", "/download-bol/b.pdf/"} {
		if a, err := p.try(request{method: "GET", path: path + "?_sid=s"}); err != nil || !bytes.Equal(a.body, ship.bills) {
			t.Errorf("%s: %v, %d %.100s", path, err, a.status, a.body)
		}
	}
}
