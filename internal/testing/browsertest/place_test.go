// Package browsertest tests the page as its readers see it: in a real Chromium, with
// the real server. Scripts that fail, errors on the console and violations of the
// Content-Security-Policy fail every test.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/browser"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
	"tallyman/internal/testing/shipments"
)

var (
	reader   *intake.Reader
	chromium *browser.Browser
)

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if chromium, err = browser.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer chromium.Close()
	config := service.Patient
	config.Kept = intake.NewKept() // a picture that comes several times is read once
	reader = intake.New(config)
	defer reader.Close()
	return m.Run()
}

// place is a service with what its tests need.
type place struct {
	*service.Service
	t     *testing.T
	dir   string
	ahead atomic.Int64 // of the system's clock, in nanoseconds
}

func newPlace(t *testing.T, change ...func(*service.Options)) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	o := service.Options{Dir: t.TempDir(), Reader: reader, Now: func() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }}
	for _, f := range change {
		f(&o)
	}
	var err error
	p.Service, err = service.Start(t.Context(), o)
	must.OK(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// answer returns what the server answers to a request beside the page.
func (p *place) answer(r *http.Response, err error) []byte {
	p.t.Helper()
	must.OK(p.t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	must.OK(p.t, err)
	if r.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %s", r.Request.URL.Path, r.StatusCode, body)
	}
	return body
}

// later lets time pass for the service's sessions and for a page of them, and has the
// page's reader do something then.
func (p *place) later(w *window, d time.Duration) {
	p.t.Helper()
	p.ahead.Add(int64(d))
	w.run(fmt.Sprintf("const now = Date.now; Date.now = () => now() + %d", d.Milliseconds()))
	w.must(w.Press(kb.Shift))
}

// window is a tab that fails the test instead of returning errors.
type window struct {
	*browser.Tab
	t *testing.T
}

// open opens the page as another person.
func (p *place) open() *window {
	p.t.Helper()
	return p.openAs(func(*window) {}, "")
}

// beside opens the page in another tab of the same person.
func (p *place) beside(w *window) *window {
	p.t.Helper()
	tab, err := w.Tab.Another()
	must.OK(p.t, err)
	return p.show(tab)
}

func (p *place) show(tab *browser.Tab) *window {
	p.t.Helper()
	w := &window{tab, p.t}
	p.t.Cleanup(func() {
		for _, fault := range tab.Faults() {
			p.t.Errorf("the page reports: %s", fault)
		}
		tab.Close()
	})
	w.must(tab.Before(probe))
	w.must(tab.Go(p.URL))
	return w
}

// probe lets tests know which paths the page asked for, which were answered, and how many
// pieces of streams of events the page has taken. From hold(path) to free(path), answers do not
// arrive, nor pieces of the stream of events; with true as the second argument, requests are not
// sent either.
const probe = `(() => {
	const real = window.fetch, held = {};
	Object.assign(window, { asked: [], answered: [], heard: 0 });
	window.hold = (path, requests = false) => { held[path] = { requests, ...Promise.withResolvers() }; };
	window.free = (path) => held[path].resolve();
	window.fetch = async (...args) => {
		const path = new URL(args[0], location.href).pathname;
		if (held[path]?.requests) await held[path].promise;
		asked.push(path);
		const answer = await real(...args);
		await held[path]?.promise;
		answered.push(path);
		if (path !== "/events") return answer;
		const { body } = answer, open = body.getReader;
		body.getReader = () => {
			const reader = open.call(body), read = reader.read;
			reader.read = async () => {
				const piece = await read.call(reader);
				await held[path]?.promise;
				heard++;
				return piece;
			};
			return reader;
		};
		return answer;
	};
})()`

// views counts the answers in which the page got a view of its session.
const views = "answered.filter((path) => path === '/view').length"

// follows waits until the page hears what happens in its session.
func (w *window) follows() {
	w.t.Helper()
	w.until("heard > 0")
}

// late holds timers of five seconds and more until fire is called with about their time in
// milliseconds; then the last of them goes off.
const late = `(() => {
	const real = window.setTimeout, held = [];
	window.setTimeout = (f, ms = 0, ...args) => (ms < 5000 ? real(f, ms, ...args) : -held.push({ f, ms }));
	window.fire = (ms) => held.findLast((t) => Math.abs(t.ms - ms) < ms / 20).f();
})()`

// unhurried opens the page as another person, with its long timers held: what it says for a
// while stays.
func (p *place) unhurried() *window {
	p.t.Helper()
	return p.openAs(func(w *window) { w.must(w.Before(late)) }, "")
}

func (w *window) must(err error) {
	w.t.Helper()
	must.OK(w.t, err)
}

func (w *window) until(expression string) {
	w.t.Helper()
	w.must(w.Tab.Until(expression))
}

// ready waits until files can be chosen.
func (w *window) ready() {
	w.t.Helper()
	w.until(browser.Ready)
}

func (w *window) click(selectors ...string) {
	w.t.Helper()
	for _, s := range selectors {
		w.must(w.Tab.Click(s))
	}
}

// opened starts a service and opens its page, once files can be chosen.
func opened(t *testing.T, change ...func(*service.Options)) (*place, *window) {
	t.Helper()
	p := newPlace(t, change...)
	w := p.open()
	w.ready()
	return p, w
}

// upload uploads bills, and waits until they are read.
func (w *window) upload(paths ...string) {
	w.t.Helper()
	w.must(w.Files("#bills-files", paths...))
	w.until(bills)
}

// join uploads an order export, and waits until it is joined.
func (w *window) join(orders string) {
	w.t.Helper()
	w.must(w.Files("#orders-files", orders))
	w.until(joined)
}

// load uploads a shipment and waits until it is joined.
func (w *window) load(s shipment) {
	w.t.Helper()
	w.ready()
	w.upload(s.bills)
	w.join(s.orders)
}

// try uploads a sample: "sample", or "flawed" for the one with mistakes.
func (w *window) try(name string) {
	w.t.Helper()
	w.click("#try-" + name)
	w.until(joined)
}

// grid opens the tab of the sheet, clicks there, and waits until rows are shown.
func (w *window) grid(selectors ...string) {
	w.t.Helper()
	w.click("#tab-sheet")
	w.click(selectors...)
	w.until("document.querySelector('.gridrow')")
}

// inspect clicks, the last time on something that is shown on its page, and waits until it is.
func (w *window) inspect(selectors ...string) {
	w.t.Helper()
	w.click(selectors...)
	w.until(inspected)
}

// downloads makes the window's downloads go to a new folder, and returns it.
func (w *window) downloads() string {
	w.t.Helper()
	dir := w.t.TempDir()
	w.must(w.Save(dir))
	return dir
}

// language changes the language of the page, which loads it again.
func (w *window) language(code string) {
	w.t.Helper()
	w.click("#language")
	w.until(fmt.Sprintf("document.documentElement.lang === %q", code))
}

func (w *window) run(script string) {
	w.t.Helper()
	w.must(w.Tab.Run(script))
}

func value[T any](w *window, expression string) T {
	w.t.Helper()
	v, err := browser.Value[T](w.Tab, expression)
	if err != nil {
		w.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// text is the visible text of an element, "" if it is hidden.
func (w *window) text(selector string) string {
	w.t.Helper()
	return strings.Join(strings.Fields(value[string](w, fmt.Sprintf("((e) => !e ? '(not there)' : e.checkVisibility() ? e.innerText : '')(document.querySelector(%q))", selector))), " ")
}

// says waits until an element shows all of the texts. A step that is folded is unfolded.
func (w *window) says(selector string, texts ...string) {
	w.t.Helper()
	var got, lacks string
	if !comes(func() bool {
		w.run(fmt.Sprintf("document.querySelector(%q + ' .fold[aria-expanded=false]')?.click()", selector))
		got = w.text(selector)
		i := slices.IndexFunc(texts, func(text string) bool { return !strings.Contains(got, text) })
		if i >= 0 {
			lacks = texts[i]
		}
		return i < 0
	}) {
		w.t.Fatalf("%s shows %q, not %q", selector, got, lacks)
	}
}

// settle waits for frames in which the page lays out what changed, and then what hangs on it.
func (w *window) settle() {
	w.t.Helper()
	w.run("for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame)")
}

// sized gives the window a size, and waits until the page has it, or is wider: a phone's browser
// widens its window then.
func (w *window) sized(width, height int64, phone bool) {
	w.t.Helper()
	w.must(w.Size(width, height, phone))
	w.until(fmt.Sprintf("innerWidth === %d || document.scrollingElement.scrollWidth > %d", width, width))
}

const (
	joined    = browser.Joined
	bills     = browser.Bills
	inspected = browser.Inspected
	// The inspector is closed, and the browser's history is back at what was before it.
	shut  = "!document.querySelector('.inspector').open && !document.body.classList.contains('inspecting') && !history.state?.inspect"
	fresh = "document.getElementById('session-text').textContent.startsWith('Fresh session') && !document.getElementById('empty').hidden"
)

// file writes a file to upload and returns its path.
func (p *place) file(name string, write func(io.Writer) error) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	f, err := os.Create(path)
	must.OK(p.t, err)
	must.OK(p.t, write(f))
	must.OK(p.t, f.Close())
	return path
}

func (p *place) words(name, content string) string {
	return p.file(name, func(w io.Writer) error { _, err := io.WriteString(w, content); return err })
}

// shipment is a sample as files to upload.
type shipment struct {
	*sample.Sample
	bills, orders string
}

func (p *place) shipment(o sample.Options, prefix string) shipment {
	p.t.Helper()
	s := shipments.Sample(p.t, o)
	return shipment{s, p.file(prefix+"bol.pdf", s.WritePDF), p.file(prefix+"orders.csv", s.WriteOrders)}
}

// weak writes a bill that nothing proves, and returns its path.
func (p *place) weak() string {
	p.t.Helper()
	return p.shipment(sample.Options{Form: sample.Short, Bills: 1, Lines: 1, Seed: 1}, "weak-").bills
}

var small = sample.Options{Bills: 6, Lines: 30, Seed: 1}

// view is the part of GET /view that tests read, with the window's cookie.
type view struct {
	Status string
	Bills  []struct{ Name string }
	Sheet  *struct {
		Summary struct{ Bills, Lines, Mismatched int }
		Match   *struct{ Matched int }
	}
}

func (w *window) view() view {
	w.t.Helper()
	var v view
	text := value[string](w, "fetch('view', { headers: JSON.parse(sessionStorage.getItem('test.headers') || '{}') }).then((r) => r.text())")
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		w.t.Fatalf("%v: %.300s", err, text)
	}
	return v
}

// wrapped has a function handle the requests, which may pass them on to the service.
func wrapped(handle func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(*service.Options) {
	return func(o *service.Options) {
		o.Wrap = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, next) })
		}
	}
}

// gate holds uploads until it is opened, and records those whose client hung up.
type gate struct {
	open, hungUp, arrived chan struct{}
}

func newGate() *gate {
	return &gate{make(chan struct{}), make(chan struct{}, 16), make(chan struct{}, 16)}
}

// after holds each upload after the server has begun it: its body stalls, so that the
// upload belongs to the earlier session.
func (g *gate) after(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/upload") {
		r.Body = &held{r.Body, g, r, false}
	}
	next.ServeHTTP(w, r)
}

type held struct {
	io.ReadCloser
	gate *gate
	r    *http.Request
	told bool
}

func (h *held) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	// The end of the body is held, not the beginning: only then does the server see
	// that a client hangs up.
	if err != io.EOF || h.told {
		return n, err
	}
	h.told = true
	h.gate.arrived <- struct{}{}
	select {
	case <-h.gate.open:
		return n, err
	case <-h.r.Context().Done():
		h.gate.hungUp <- struct{}{}
		return n, h.r.Context().Err()
	}
}
