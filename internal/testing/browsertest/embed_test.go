package browsertest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tallyman/internal/httpapi"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
)

// frontEnd is a page of another site that shows the service's page in a frame. Its
// name is localhost, the service's 127.0.0.1: to a browser these are two sites, both
// as trustworthy as HTTPS.
type frontEnd struct {
	origin string
	url    string // of the service; set it before opening the front end
}

func newFrontEnd(t *testing.T) *frontEnd {
	t.Helper()
	f := &frontEnd{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Front end</title><h1>Front end</h1><iframe title="Tallyman" src="%s" width="1200" height="800"></iframe>`, f.url)
	}))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	must.OK(t, err)
	f.origin = "http://localhost:" + port
	return f
}

// framed opens a front end, and returns its tab and the frame in it.
func (p *place) framed(f *frontEnd) (tab, frame *window) {
	p.t.Helper()
	t, err := chromium.Tab()
	must.OK(p.t, err)
	p.t.Cleanup(t.Close)
	f.url = p.URL + "/"
	tab = &window{t, p.t}
	tab.must(tab.Go(f.origin))
	inner, err := t.Frame(p.URL)
	must.OK(p.t, err)
	p.t.Cleanup(func() {
		for _, fault := range inner.Faults() {
			p.t.Errorf("the page in the frame reports: %s", fault)
		}
	})
	return tab, &window{inner, p.t}
}

// do clicks in a frame, by script.
func (w *window) do(selectors ...string) {
	w.t.Helper()
	for _, s := range selectors {
		w.until(fmt.Sprintf("document.querySelector(%q) && !document.querySelector(%q).disabled", s, s))
		w.run(fmt.Sprintf("document.querySelector(%q).click()", s))
	}
}

func TestTheWorkflowInAFrameOfAnAllowedOrigin(t *testing.T) {
	f := newFrontEnd(t)
	p := newPlace(t, func(o *service.Options) { o.Config = httpapi.Config{Embed: []string{f.origin}} })
	tab, w := p.framed(f)
	w.ready()
	w.do("#try-flawed")
	w.until(joined)
	w.do(".issues .issue.bad")
	w.until(inspected)
	w.do(".inspector [aria-label='Close']")
	w.until(shut)
	w.do("#tab-sheet")
	w.until("document.querySelector('.gridrow')")

	// The session is kept by a cookie of this frame, not by the address.
	id := value[string](w, "fetch('view').then((r) => r.json()).then((v) => v.session_id)")
	tab.must(tab.Reload())
	inner, err := tab.Frame(p.URL)
	must.OK(t, err)
	w = &window{inner, t}
	w.until(joined)
	if now := value[string](w, "fetch('view').then((r) => r.json()).then((v) => v.session_id)"); now != id {
		t.Errorf("reloading the front end changed the session")
	}
	w.do("#start-over", "#ask button[value=yes]")
	w.until(fresh)

	// Outside of the frame the same browser has another session.
	alone, err := tab.Another()
	must.OK(t, err)
	o := p.show(alone)
	o.until(fresh)
	if there := value[string](o, "fetch('view').then((r) => r.json()).then((v) => v.session_id)"); there == id {
		t.Error("the session of the frame is that of the page outside")
	}
}

// Browsers keep no cookies for frames of sites without HTTPS. They make an exception
// for loopback, which the other tests use.
func TestAFrameWithoutHTTPSSaysWhatItNeeds(t *testing.T) {
	f := newFrontEnd(t)
	p := newPlace(t, func(o *service.Options) {
		o.Config = httpapi.Config{Embed: []string{f.origin}, Hosts: []string{"tally.example"}}
	})
	p.URL = strings.Replace(p.URL, "127.0.0.1", "tally.example", 1)
	_, w := p.framed(f)
	w.until("!document.getElementById('ended').hidden")
	w.says("#ended", "No session can begin", "cookie", "HTTPS", "a tab of its own")
	w.do("#begin") // it fails again
	w.until("!document.getElementById('ended').hidden && !document.getElementById('begin').disabled")
	w.says("#ended", "No session can begin")
	if w.text("#steps") != "" {
		t.Error("files can be chosen, and would be lost")
	}
}

func TestOtherOriginsCannotFrameThePage(t *testing.T) {
	other := newFrontEnd(t)
	for name, embed := range map[string][]string{"nobody may": nil, "another may": {"https://front.example"}} {
		t.Run(name, func(t *testing.T) {
			var parts atomic.Int32
			config := func(o *service.Options) { o.Config = httpapi.Config{Embed: embed} }
			p := newPlace(t, config, wrapped(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.URL.Path != "/" {
					parts.Add(1)
				}
				next.ServeHTTP(w, r)
			}))
			other.url = p.URL + "/"
			tab, err := chromium.Tab()
			must.OK(t, err)
			defer tab.Close()
			w := &window{tab, t}
			w.must(w.Go(other.origin))
			if !comes(func() bool {
				return strings.Contains(strings.Join(w.Faults(), "\n"), "frame-ancestors") || strings.Contains(strings.Join(w.Faults(), "\n"), "X-Frame-Options")
			}) {
				t.Errorf("the browser does not say that it refuses the frame, but %q", w.Faults())
			}
			// If the page were shown the browser would load its parts.
			if n := parts.Load(); n > 0 {
				t.Errorf("the page was refused, and %d of its parts were loaded", n)
			}
		})
	}
}
