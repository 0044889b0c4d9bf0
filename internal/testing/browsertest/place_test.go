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
	"strings"
	"testing"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/browser"
	"tallyman/internal/testing/service"
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
	reader = intake.New(service.Patient)
	defer reader.Close()
	return m.Run()
}

// place is a service with what its tests need.
type place struct {
	*service.Service
	t   *testing.T
	dir string
}

func newPlace(t *testing.T, change ...func(*service.Options)) *place {
	t.Helper()
	o := service.Options{Dir: t.TempDir(), Reader: reader}
	for _, f := range change {
		f(&o)
	}
	s, err := service.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &place{Service: s, t: t, dir: t.TempDir()}
}

// window is a tab that fails the test instead of returning errors.
type window struct {
	*browser.Tab
	t *testing.T
}

// open opens the page as another person.
func (p *place) open() *window {
	p.t.Helper()
	tab, err := chromium.Tab()
	if err != nil {
		p.t.Fatal(err)
	}
	return p.show(tab)
}

// beside opens the page in another tab of the same person.
func (p *place) beside(w *window) *window {
	p.t.Helper()
	tab, err := w.Tab.Another()
	if err != nil {
		p.t.Fatal(err)
	}
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
	w.must(tab.Go(p.URL))
	return w
}

func (w *window) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *window) until(expression string) {
	w.t.Helper()
	w.must(w.Tab.Until(expression))
}

// ready waits until files can be chosen.
func (w *window) ready() {
	w.t.Helper()
	w.until("document.querySelector('#step-bills .choose:not(:disabled)')")
}

func (w *window) click(selectors ...string) {
	w.t.Helper()
	for _, s := range selectors {
		w.must(w.Tab.Click(s))
	}
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

// says fails unless an element shows all of the texts. A step that is folded is unfolded
// first.
func (w *window) says(selector string, texts ...string) {
	w.t.Helper()
	w.run(fmt.Sprintf("document.querySelector(%q + ' .fold[aria-expanded=false]')?.click()", selector))
	got := w.text(selector)
	for _, text := range texts {
		if !strings.Contains(got, text) {
			w.t.Errorf("%s shows %q, not %q", selector, got, text)
		}
	}
}

const (
	joined    = "document.querySelector('#step-sheet .chip')?.textContent === 'Joined' && document.querySelector('#step-orders.has')"
	bills     = "document.querySelector('#step-bills.has') && document.querySelector('.bill')"
	inspected = "document.querySelector('.inspector[open] .marks .here') && document.querySelector('.paper img').naturalWidth > 0"
	fresh     = "document.getElementById('session-text').textContent.startsWith('Fresh session') && !document.getElementById('empty').hidden"
)

// file writes a file to upload and returns its path.
func (p *place) file(name string, write func(io.Writer) error) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	f, err := os.Create(path)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := write(f); err != nil {
		p.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		p.t.Fatal(err)
	}
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
	s, err := sample.New(o)
	if err != nil {
		p.t.Fatal(err)
	}
	return shipment{s, p.file(prefix+"bol.pdf", s.WritePDF), p.file(prefix+"orders.csv", s.WriteOrders)}
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

// gate holds uploads until it is opened, and records those whose client hung up.
type gate struct {
	open, hungUp, arrived chan struct{}
}

func newGate() *gate {
	return &gate{make(chan struct{}), make(chan struct{}, 16), make(chan struct{}, 16)}
}

// after holds each upload after the server has begun it: its body stalls, so that the
// upload belongs to the earlier session.
func (g *gate) after(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/upload") {
			r.Body = &held{r.Body, g, r, false}
		}
		next.ServeHTTP(w, r)
	})
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
