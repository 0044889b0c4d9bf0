package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"tallyman/internal/httpapi"
	"tallyman/internal/testing/must"
)

// Only the operator gets profiles.
func TestProfilesAreForAdminKeys(t *testing.T) {
	p, secrets, _ := keyed(t, "depot", "admin")
	const path = "/debug/pprof/heap"
	p.get(t, path).fails(t, 401, "unauthorized", nil)
	p.get(t, path, apiKey(secrets["depot"])).fails(t, 403, "admin_only", nil)
	p.get(t, path, apiKey(secrets["admin"])).ok(t, "an admin")

	open := newPlace(t, func(c *httpapi.Config) { c.Open, c.Loopback = true, false })
	open.get(t, path).fails(t, 403, "admin_only", nil)

	// Without keys, requests of this machine are the operator's, except those that a
	// browser makes for pages of other sites.
	local := newPlace(t)
	for name, h := range map[string]http.Header{
		"a script of another site":         {"Origin": {"https://elsewhere.example"}},
		"a picture of another site":        {"Sec-Fetch-Site": {"cross-site"}},
		"another program's page":           {"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://localhost:1"}},
		"a page that knows a name of ours": {"Origin": {"null"}},
	} {
		t.Run(name, func(t *testing.T) {
			local.get(t, path, h).fails(t, 403, "cross_origin", nil)
		})
	}
	local.get(t, path, http.Header{"Host": {"rebound.example"}}).fails(t, 403, "host_not_allowed", nil)
	for name, h := range proxiedHeaders() {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, behindProxy)
			p.get(t, path, h).fails(t, 403, "admin_only", nil)
			p.get(t, path).ok(t, "a caller without the proxy")
		})
	}
	local.get(t, path, http.Header{"Sec-Fetch-Site": {"none"}}).ok(t, "a browser to which the address was typed")
}

func TestProfilesAreWhatTheirToolsRead(t *testing.T) {
	p := newPlace(t)
	dir := t.TempDir()
	for _, name := range []string{"allocs", "goroutine", "heap", "threadcreate", "block?seconds=1", "mutex?seconds=1", "profile?seconds=1", "trace?seconds=1"} {
		t.Run(name, func(t *testing.T) {
			a := p.get(t, "/debug/pprof/"+name)
			if a.status != 200 || a.header.Get("Content-Type") != "application/octet-stream" {
				t.Fatalf("%d %s %.200s", a.status, a.header, a.body)
			}
			file := filepath.Join(dir, strings.TrimRight(name, "?=1second"))
			must.OK(t, os.WriteFile(file, a.body, 0o600))
			tool := exec.Command("go", "tool", "pprof", "-raw", file)
			if strings.HasPrefix(name, "trace") {
				tool = exec.Command("go", "tool", "trace", "-d=footprint", file)
			}
			if out, err := tool.CombinedOutput(); err != nil {
				t.Errorf("its tool: %v\n%.1000s", err, out)
			}
			if head := p.do(t, request{method: "HEAD", path: "/debug/pprof/" + name}); head.status != 200 || head.header.Get("Content-Type") != a.header.Get("Content-Type") {
				t.Errorf("HEAD: %d %v", head.status, head.header)
			}
		})
	}
	a := p.get(t, "/debug/pprof/goroutine?debug=1")
	if a.status != 200 || !bytes.Contains(a.body, []byte("goroutine profile: ")) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("as text: %d %v %.100s", a.status, a.header, a.body)
	}
}

func TestWhatIsNoProfileIsRefused(t *testing.T) {
	p := newPlace(t)
	for _, name := range []string{"cmdline", "symbol", "nothing", "..%2Fheap", "index"} {
		p.get(t, "/debug/pprof/"+name).fails(t, 404, "not_found", nil)
	}
	p.get(t, "/debug/pprof/").fails(t, 404, "not_found", nil)
	for _, query := range []string{"profile?seconds=0", "profile?seconds=61", "trace?seconds=11", "block?seconds=-1", "mutex?seconds=x", "heap?debug=2", "goroutine?debug=2", "goroutine?debug=-1"} {
		p.get(t, "/debug/pprof/"+query).fails(t, 400, "bad_request", nil)
	}
}

// Only one measurement runs at a time, and it ends when its client hangs up.
func TestMeasuringEndsWithItsClient(t *testing.T) {
	p := newPlace(t)
	for _, name := range []string{"profile", "block", "mutex"} {
		ctx, hangUp := context.WithCancel(t.Context())
		got := p.measure(ctx, t, name)
		a := p.get(t, "/debug/pprof/trace")
		a.fails(t, 503, "busy", fields{"details": anyObject})
		if a.header.Get("Retry-After") == "" {
			t.Error("there is no Retry-After")
		}
		p.get(t, "/debug/pprof/heap").ok(t, "a profile without a duration waits for it")
		hangUp()
		if a := <-got; a.status != 0 {
			t.Errorf("it was answered: %d", a.status)
		}
		until(func() bool { return !p.measures(t) })
	}
}

// The end of the server does not wait for a measurement. Its client gets the data so far.
func TestMeasuringEndsWithTheServer(t *testing.T) {
	p := newPlace(t)
	got := p.measure(t.Context(), t, "profile")
	p.api.EndStreams()
	a := <-got
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil || a.status != 200 {
		t.Fatalf("%d: %v", a.status, err)
	}
	b, err := io.ReadAll(z)
	must.OK(t, err)
	if took := duration(t, b); took <= 0 || took >= time.Minute {
		t.Errorf("it measured for %v, so it was not cut short", took)
	}
}

// measure begins a measurement of a minute and returns once the server measures. Its
// answer has the status 0 if ctx ended first. Ending the measurement before it may take
// the server some time, in which it is busy.
func (p *place) measure(ctx context.Context, t *testing.T, name string) <-chan answer {
	t.Helper()
	got := make(chan answer, 1)
	begin := func() {
		a, err := p.tryFor(ctx, request{method: "GET", path: "/debug/pprof/" + name + "?seconds=60"})
		if err != nil {
			a.status = 0
		}
		got <- a
	}
	go begin()
	for !p.measures(t) {
		select {
		case a := <-got:
			if a.status != 503 {
				t.Fatalf("%s: %d %.200s", name, a.status, a.body)
			}
			go begin()
		default:
		}
	}
	return got
}

// duration returns the duration that a profile states: field 10 of its message.
func duration(t *testing.T, profile []byte) time.Duration {
	t.Helper()
	for len(profile) > 0 {
		number, kind, n := protowire.ConsumeTag(profile)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		profile = profile[n:]
		if number == 10 && kind == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(profile)
			return time.Duration(v)
		}
		if n = protowire.ConsumeFieldValue(number, kind, profile); n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		profile = profile[n:]
	}
	return 0
}

// measures reports whether something is being measured.
func (p *place) measures(t *testing.T) bool {
	t.Helper()
	return p.get(t, "/debug/pprof/goroutine?debug=1").has("(*call).pass+")
}

// has reports whether the answer contains a text.
func (a answer) has(text string) bool { return bytes.Contains(a.body, []byte(text)) }

// The profile includes measurements that others started in this process.
func TestATraceOfSomebodyElseIsLeftAlone(t *testing.T) {
	must.OK(t, trace.Start(io.Discard))
	defer trace.Stop()
	newPlace(t).get(t, "/debug/pprof/trace").fails(t, 503, "busy", fields{"details": anyObject})
}
