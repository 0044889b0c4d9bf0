//go:build linux

package doctor

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/internal/httpapi"
	"tallyman/internal/keys"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
	"tallyman/internal/webhook"
)

// proxied is a service behind a proxy with a handler.
func proxied(t *testing.T, to string, handle handler) string {
	t.Helper()
	u, err := url.Parse(to)
	must.OK(t, err)
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
			if v := r.In.Header.Get("X-Test-Host"); v != "" {
				r.Out.Host = v
			}
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, proxy) }))
	t.Cleanup(s.Close)
	return s.URL
}

// patient waits for the service, however slow the machine is.
var patient = waits{answer: time.Hour, event: time.Hour, upload: time.Hour}

// looked returns the doctor's findings about a URL's service alone.
func looked(t *testing.T, target, key, version string) []Finding {
	t.Helper()
	d := &doctor{Config: Config{URL: target, Key: key, Version: version, Upload: 8 << 20}, waits: patient}
	if strings.HasSuffix(t.Name(), "it_keeps_events_back") {
		d.event = 100 * time.Millisecond
	}
	d.service(ctx)
	return d.findings
}

// whole delays an answer until it is complete.
type whole struct {
	http.ResponseWriter
	body   bytes.Buffer
	status int
}

func (w *whole) WriteHeader(status int)      { w.status = status }
func (w *whole) Write(p []byte) (int, error) { return w.body.Write(p) }
func (w *whole) Flush()                      {}

// handler is what a proxy does with a request.
type handler func(w http.ResponseWriter, r *http.Request, next http.Handler)

// at returns a proxy that treats the requests for one path in its own way.
func at(path string, how handler) handler {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == path {
			how(w, r, next)
		} else {
			next.ServeHTTP(w, r)
		}
	}
}

func TestFaultsOfProxiesAreFound(t *testing.T) {
	s := running(t, filepath.Join(t.TempDir(), "data"))
	found := looked(t, s.URL, "", "test")
	well(t, found)
	wants(t, found, OK, "PDF readers", "none of 0 pages")
	through := func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }
	well(t, looked(t, proxied(t, s.URL, through), "", "test"))
	for name, c := range map[string]struct {
		proxy   handler
		verdict Verdict
		check   string
		says    string
	}{
		"it redirects": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			http.Redirect(w, r, "https://elsewhere.example"+r.URL.Path, http.StatusMovedPermanently)
		}, Fail, "service", "redirects to https://elsewhere.example/health"},
		"another server answers": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			io.WriteString(w, "<h1>It works!</h1>")
		}, Fail, "service", "is not Tallyman"},
		"the proxy has no server": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			http.Error(w, "Bad Gateway", http.StatusBadGateway)
		}, Fail, "service", "502"},
		"its clock is wrong": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			next.ServeHTTP(w, r)
		}, Warn, "service", "behind of this machine's"},
		"it is unhealthy": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, `{"status":"unhealthy","sessions":"failing","contents":"working","workers":"working"}`)
		}, Fail, "service", "sessions failing"},
		"it takes small bodies only": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.ContentLength > 1<<20 {
				http.Error(w, "<h1>413</h1>", http.StatusRequestEntityTooLarge)
				return
			}
			next.ServeHTTP(w, r)
		}, Fail, "upload size", "client_max_body_size"},
		"it hangs up on large bodies": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.ContentLength > 1<<20 {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		}, Fail, "upload size", "does not arrive"},
		"it keeps events back": {at("/events", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			kept := &whole{ResponseWriter: w, status: http.StatusOK}
			next.ServeHTTP(kept, r)
			w.WriteHeader(kept.status)
			w.Write(kept.body.Bytes())
		}), Warn, "events", "holds them back"},
		"it drops headers": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Del("X-Session-Id")
			next.ServeHTTP(w, r)
		}, Fail, "headers", "X-Session-ID does not arrive"},
		"it drops cookies": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Del("Cookie")
			next.ServeHTTP(w, r)
		}, Fail, "headers", "cookies do not arrive"},
		"it gives another name": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Set("X-Test-Host", "localhost:1234")
			next.ServeHTTP(w, r)
		}, Warn, "headers", "localhost:1234"},
		"it gives a name that the server does not have": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Set("X-Test-Host", "tallyman.example")
			next.ServeHTTP(w, r)
		}, Fail, "service", "--host tallyman.example"},
		"it changes bodies": {at("/download-bol", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			io.WriteString(w, "RTS ID\n")
		}), Fail, "workflow", "not the expected one"},
		"its readers of PDFs differ": {at("/metrics", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			kept := &whole{ResponseWriter: w, status: http.StatusOK}
			r.Header.Set("Accept-Encoding", "identity")
			next.ServeHTTP(kept, r)
			body := bytes.ReplaceAll(kept.body.Bytes(), []byte("\ntallyman_pdf_judged_pages_total 0\n"), []byte("\ntallyman_pdf_judged_pages_total 16\n"))
			body = bytes.ReplaceAll(body, []byte("\ntallyman_pdf_differing_pages_total 0\n"), []byte("\ntallyman_pdf_differing_pages_total 3\n"))
			w.Header().Del("Content-Length")
			w.Write(body)
		}), Warn, "PDF readers", "of 16 pages that were read both ways, 3 differ"},
		"it refuses uploads": {at("/upload", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.Error(w, "blocked by a rule", http.StatusForbidden)
		}), Fail, "workflow", "not the server's own answer"},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, looked(t, proxied(t, s.URL, c.proxy), "", "test"), c.verdict, c.check, c.says)
		})
	}
	wants(t, looked(t, s.URL, "", "another"), Warn, "service", "it runs version test, and this program is another")
}

func TestAKeyIsUsedAndNeverShown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ring := keys.Open(dir)
	s := started(t, service.Options{Dir: dir, Config: httpapi.Config{Keys: ring}})
	secret, err := ring.Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	wants(t, looked(t, s.URL, "", "test"), Fail, "workflow", "TALLYMAN_KEY")
	wants(t, looked(t, s.URL, "tmk_wrong", "test"), Fail, "workflow", "tallyman key add")
	found := looked(t, s.URL, secret, "test")
	well(t, found)
	if strings.Contains(all(found), secret) {
		t.Errorf("it reveals the key:\n%s", all(found))
	}
}

func TestWebhooksThatNeedSomebodyAreFound(t *testing.T) {
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	defer gone.Close()
	policy, err := webhook.NewPolicy([]string{"http://127.0.0.1:*"}, []string{"127.0.0.1"})
	must.OK(t, err)
	s := started(t, service.Options{Dir: filepath.Join(t.TempDir(), "data"), Webhooks: policy})
	found := looked(t, s.URL, "", "test")
	well(t, found)
	wants(t, found, OK, "webhooks", "0 webhooks of this key's owner")

	sends := func(method, path, body string, into any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		must.OK(t, err)
		r.Header.Set("Content-Type", "application/json")
		a, err := http.DefaultClient.Do(r)
		must.OK(t, err)
		defer a.Body.Close()
		if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusCreated {
			t.Fatalf("%s %s: %s", method, path, a.Status)
		}
		must.OK(t, json.NewDecoder(a.Body).Decode(into))
	}
	var made struct{ Webhook struct{ ID string } }
	sends("POST", "/webhooks", `{"url": "`+gone.URL+`/secret-path"}`, &made)
	sends("POST", "/webhooks/"+made.Webhook.ID+"/ping", "", &struct{}{})
	for { // the receiver is asked at once, and wants no more
		var got struct{ Deliveries []struct{ State string } }
		sends("GET", "/webhooks/deliveries?state=dead", "", &got)
		if len(got.Deliveries) > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	found = looked(t, s.URL, "", "test")
	wants(t, found, Warn, "webhooks", made.Webhook.ID+", to 127.0.0.1:")
	wants(t, found, Warn, "webhooks", "events were given up, the latest for 127.0.0.1")
	if strings.Contains(all(found), "secret-path") {
		t.Errorf("it shows an address that may be a secret:\n%s", all(found))
	}

	// Options that the server was not started with.
	none := running(t, filepath.Join(t.TempDir(), "data"))
	d := &doctor{Config: Config{URL: none.URL, Version: "test", Upload: 8 << 20, Webhooks: []string{"hooks.example.com", "http://*:8080"}}, waits: patient}
	d.allowed(ctx)
	d.service(ctx)
	wants(t, d.findings, Warn, "webhooks", "every public host: hooks.example.com")
	wants(t, d.findings, Warn, "webhooks", "--public-url")
	wants(t, d.findings, Warn, "webhooks", "--webhook-allow is given, and the server says")
}
