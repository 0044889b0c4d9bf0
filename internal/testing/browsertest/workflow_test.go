package browsertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/httpapi"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/testing/link"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
	"tallyman/internal/testing/shipments"
)

// saved waits for a download and returns it.
func saved(t *testing.T, pattern string) (b []byte) {
	t.Helper()
	if !comes(func() bool {
		found, err := filepath.Glob(pattern)
		must.OK(t, err)
		if len(found) == 1 {
			b, _ = os.ReadFile(found[0])
		}
		return len(b) > 0
	}) {
		t.Fatalf("%s was not saved", filepath.Base(pattern))
	}
	return b
}

func TestTheWorkflowOnTheSample(t *testing.T) {
	_, w := opened(t)
	w.until(fresh)
	w.says("#session", "Fresh session", "expires at")
	w.try("sample")
	// What is finished takes one line, and the downloads stay in sight.
	for step, gist := range map[string]string{"#step-bills": "12 bills, 60 lines", "#step-orders": "60 of 60 rows matched"} {
		if got := w.text(step); !strings.Contains(got, gist) || strings.Contains(got, "Choose") || strings.Contains(got, "eplace") {
			t.Errorf("%s is folded to %q", step, got)
		}
	}
	w.says("#step-bills", "bol.pdf", "bills 12", "pages 13", "lines 60", "12 reconciled")
	w.says("#step-orders", "orders.csv", "rows 60", "matched 60")
	w.says("#step-sheet", "rows 60", "pallets 200", "Every bill adds up and every line has its order.")
	w.says("#session", "Ready", "expires at")
	w.says("#panel-bills", "All 12 bills add up", "Adds up")

	down := w.downloads()
	w.click("#step-sheet button[aria-label='Download CSV']", "#step-sheet button[aria-label='Download Excel']", "#step-sheet button[aria-label='Download JSON']")
	s := shipments.Sample(t, sample.Defaults())
	want := must.Written(t, s.WriteExpected)
	if got := saved(t, filepath.Join(down, "load-sheet*.csv")); !bytes.Equal(got, want) {
		t.Errorf("the CSV that was saved is not the sheet: %.300s", got)
	}
	if got := saved(t, filepath.Join(down, "load-sheet*.xlsx")); !bytes.HasPrefix(got, []byte("PK")) {
		t.Errorf("the workbook begins with %q", got[:2])
	}
	if got := saved(t, filepath.Join(down, "load-sheet*.json")); !json.Valid(got) {
		t.Errorf("the JSON is invalid: %.100s", got)
	}

	// After a reload the page shows the same session at the same place.
	w.grid()
	w.must(w.Reload())
	w.until(joined)
	w.until("document.querySelector('#tab-sheet[aria-selected=true]') && document.querySelector('.gridrow')")
	w.says("#step-bills", "12 reconciled")

	w.click("#start-over", "#ask button[value=yes]")
	w.until(fresh)
	if v := w.view(); v.Status != "empty" || len(v.Bills) > 0 {
		t.Errorf("after starting over the session is %+v", v)
	}
}

func TestStartingOverAsksFirst(t *testing.T) {
	_, w := opened(t)
	w.try("sample")
	w.click("#start-over")
	w.says("#ask", "The bills, orders and sheet of this session are removed")
	w.click("#ask button[value='']")
	w.until("!document.getElementById('ask').open")
	if v := w.view(); v.Status != "merged" {
		t.Errorf("the session is %s", v.Status)
	}
}

func TestFilesMayBeDroppedAnywhere(t *testing.T) {
	p, w := opened(t)
	ship := p.shipment(small, "a-")
	w.must(w.Drop("#results", ship.orders, ship.bills)) // in any order
	w.until(joined)
	w.says("#step-bills", "a-bol.pdf", "bills 6", "lines 30")
	w.says("#step-orders", "a-orders.csv", "matched 30")
	if w.text("#dropping") != "" {
		t.Error("the hint for dropping files stays")
	}
}

// Orders that come first are kept until the bills come, wherever both are dropped or chosen.
func TestOrdersThatComeFirstWaitForTheBills(t *testing.T) {
	p, w := opened(t)
	const warned = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
	if value[bool](w, warned) {
		t.Error("a reload is warned of though nothing can be lost")
	}
	ship := p.shipment(small, "a-")
	w.must(w.Files("#bills-files", ship.orders))
	w.until("document.querySelector('#step-orders .trouble').textContent.includes('a-orders.csv is kept')")
	if !value[bool](w, warned) {
		t.Error("a reload loses the orders without a warning")
	}
	w.must(w.Drop("#step-orders", p.words("letter.pdf", "Dear Sirs, this is a letter.")))
	w.until("document.querySelector('#step-bills .error')")
	w.must(w.Drop("#step-orders", ship.bills))
	w.until(joined)
	w.says("#step-orders", "a-orders.csv", "matched 30")
	w.until("!" + warned)
}

func TestEachOfSeveralFilesHasItsFate(t *testing.T) {
	p, w := opened(t)
	w.must(w.Drop("#results", p.shipment(small, "good-").bills, p.words("letter.pdf", "Dear Sirs, this is a letter.")))
	w.until("document.querySelector('#step-bills .error')")
	if got := value[[]string](w, "[...document.querySelectorAll('#step-bills .error p')].map((p) => p.textContent)"); len(got) != 2 ||
		!strings.Contains(got[0], "letter.pdf") || !strings.Contains(got[1], "good-bol.pdf: read, but") {
		t.Errorf("the files are said to be %q", got)
	}
	w.click("#step-bills .error .buttons button")
	w.until(bills)
	w.says("#step-bills", "good-bol.pdf", "bills 6")
}

// An upload that breaks can be repeated, and is attached once even if its answer is lost.
func TestAnUploadThatBreaksIsTriedAgain(t *testing.T) {
	const lost, unanswered = 1, 2
	var broken atomic.Int32
	p, w := opened(t, wrapped(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		how := broken.Load()
		if r.URL.Path != "/upload" || how == 0 {
			next.ServeHTTP(w, r)
			return
		}
		if how == unanswered {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	}))
	w.upload(p.shipment(small, "one-").bills)
	broken.Store(lost)
	other := small
	other.Seed = 9
	w.must(w.Files("#bills-files", p.shipment(other, "two-").bills))
	w.click("#ask button[value=add]")
	w.until("document.querySelector('#step-bills .error .buttons button')")
	w.says("#step-bills .error", "did not answer")
	broken.Store(unanswered)
	w.click("#step-bills .error .buttons button")
	w.until("document.querySelectorAll('#step-bills .body .files li').length > 1 && !document.querySelector('#step-bills .work:not([hidden])')")
	if v := w.view(); len(v.Bills) != 2 {
		t.Errorf("the session has %+v", v)
	}
}

func TestSeveralPDFsAreOneDocumentAndMoreMayBeAdded(t *testing.T) {
	p, w := opened(t)
	all := p.shipment(sample.Options{Bills: 9, Lines: 27, Seed: 7}, "all-")
	split := func(name string, from, to int) string {
		part := *all.Sample
		part.Bills = all.Bills[from:to]
		return p.file(name, part.WritePDF)
	}
	w.upload(split("one.pdf", 0, 3), split("two.pdf", 3, 6))
	w.says("#step-bills", "one.pdf", "two.pdf", "bills 6")
	w.join(all.orders)
	third := split("three.pdf", 6, 9)
	w.must(w.Files("#bills-files", third))
	w.says("#ask", "Add three.pdf to what is here (6 bills)")
	w.click("#ask button[value=add]")
	w.until("/9\\s*bills|bills\\s*9/.test(document.querySelector('#step-bills .facts').innerText) && !document.querySelector('#step-bills.busy')")
	w.says("#step-orders", "matched 27")
	w.must(w.Files("#bills-files", third))
	w.click("#ask button[value=replace]")
	w.until("document.querySelectorAll('#step-bills .body .files li').length === 1")
	w.says("#step-sheet", "Bills only")
	w.says("#step-orders", "Choose a file")
}

// What the page says while a document is read. The answer comes once the page has said it: the
// server tells of pages by another connection, which may be slower.
func TestProgressIsCorrect(t *testing.T) {
	said := make(chan struct{})
	p, w := opened(t, wrapped(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path != "/upload" {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		<-said
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}))
	w.follows()
	ship := p.shipment(sample.Options{Bills: 400, Lines: 800, Seed: 2}, "")
	w.run(`window.seen = []; new MutationObserver(() => { const s = document.querySelector("#step-bills"); seen.push(s.querySelector(".doing").textContent + " | " + s.querySelector(".detail").textContent); }).observe(document.querySelector("#step-bills .work"), { subtree: true, childList: true, characterData: true });`)
	w.run(`new MutationObserver(() => { states.push(document.querySelector("#session-text strong").textContent); }).observe(document.querySelector("#session-text"), { subtree: true, childList: true, characterData: true }); window.states = [];`)
	w.must(w.Files("#bills-files", ship.bills))
	pages := len(ship.BillPages())
	w.until(fmt.Sprintf("states.some((s) => /^Reading \\d+ of %d$/.test(s))", pages))
	close(said)
	w.until(bills)
	seen := value[string](w, "seen.join('\\n')")
	for _, pattern := range []string{`/Sending bol\.pdf \| [\d.]+( [kM]?B)? of [\d.]+ [kM]B/`, `/All [\d.]+ [kM]B sent/`, `/Reading bol\.pdf \| Found so far: [\d,]+ pages?, [\d,]+ bills?,? and [\d,]+ lines?/`} {
		if !value[bool](w, pattern+".test(seen.join('\\n'))") {
			t.Errorf("nothing like %s was shown:\n%.2000s", pattern, seen)
		}
	}
	// The number of pages read never decreases, and never exceeds the total.
	if !value[bool](w, `(() => { const n = seen.map((s) => /([\d,]+) pages?, /.exec(s)).filter(Boolean).map((m) => Number(m[1].replace(",", ""))); return n.every((v, i) => v <= `+strconv.Itoa(pages)+` && (i === 0 || v >= n[i - 1])); })()`) {
		t.Errorf("the pages read go back:\n%s", seen)
	}
}

func TestCancelStopsTheWork(t *testing.T) {
	g := newGate()
	p, w := opened(t, wrapped(g.after))
	w.must(w.Files("#bills-files", p.shipment(small, "").bills))
	<-g.arrived
	w.click("#step-bills .work button")
	w.until("!document.querySelector('#step-bills .body').hidden")
	w.says("#step-bills", "Cancelled. What was here before is unchanged.")
	<-g.hungUp
	if v := w.view(); v.Status != "empty" {
		t.Errorf("after cancelling the session is %+v", v)
	}
}

func TestGarbageIsRefusedWithTheServersMessage(t *testing.T) {
	p, w := opened(t)
	w.must(w.Files("#bills-files", p.words("letter.pdf", "Dear Sirs, this is a letter.")))
	w.until("document.querySelector('#step-bills .error')")
	w.says("#step-bills .error", "letter.pdf", "is not a PDF")
	if got := value[string](w, "document.querySelector('#step-bills .error').getAttribute('role')"); got != "alert" {
		t.Errorf("the error's role is %q", got)
	}

	scan := shipments.Sample(t, small)
	scan.Pages = []sample.Page{{}} // as a scanner of which nothing can be read makes it
	w.must(w.Files("#bills-files", p.file("scan.pdf", scan.WritePDF)))
	w.until("document.querySelector('#step-bills .error')?.innerText.includes('scan.pdf')")

	w.click("#step-bills .error button")
	w.upload(p.shipment(small, "").bills)
	w.must(w.Files("#orders-files", p.words("orders.csv", "Apples,Pears\n1,2\n")))
	w.until("document.querySelector('#step-orders .error')")
	w.says("#step-orders .error", "Invoice No.", "Apples")
	w.says("#step-bills", "bills 6") // the bills stay
}

func TestABusyServerIsRetriedWithACountdown(t *testing.T) {
	var refused atomic.Int32
	p, w := opened(t, wrapped(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == "/upload" && refused.Add(1) == 1 {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Retry-After", "1")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, `{"error":"The server is busy.","code":"busy"}`)
			return
		}
		next.ServeHTTP(w, r)
	}))
	w.run(`window.seen = []; new MutationObserver(() => seen.push(document.querySelector("#step-bills .work").innerText)).observe(document.querySelector("#step-bills .work"), { subtree: true, childList: true, characterData: true });`)
	w.upload(p.shipment(small, "").bills)
	if !value[bool](w, `seen.some((s) => /The server is busy[^]*tried again in 1 second/.test(s))`) {
		t.Errorf("no countdown was shown: %s", value[string](w, "seen.join('\\n')"))
	}
}

func TestTwoTabsShowTheSame(t *testing.T) {
	p := newPlace(t)
	a := p.open()
	a.ready()
	b := p.beside(a)
	b.ready()
	ship := p.shipment(small, "")
	a.upload(ship.bills)
	b.until(bills)
	b.says("#step-bills", "bol.pdf", "bills 6")
	b.join(ship.orders)
	a.until(joined)
	a.says("#step-orders", "matched 30")
	a.click("#start-over", "#ask button[value=yes]")
	a.until(fresh)
	b.until(fresh)
	b.says("#notices", "started over in another tab")
	b.must(b.Files("#bills-files", ship.bills)) // in the new session, not the old
	b.until(bills)
	a.until(bills)
}

func TestAResetDuringAnUploadIsExplained(t *testing.T) {
	for name, first := range map[string]bool{"heard of before the failure": true, "heard of after it": false} {
		t.Run(name, func(t *testing.T) {
			const replaced = "[...document.querySelectorAll('#notices .notice')].some((n) => /started over in another tab/.test(n.innerText))"
			g := newGate()
			p := newPlace(t, wrapped(g.after))
			a := p.open()
			a.ready()
			a.follows()
			b := p.beside(a)
			b.ready()
			a.must(a.Files("#bills-files", p.shipment(small, "").bills))
			<-g.arrived
			a.run("hold('/events'); hold('/view')")
			b.run("window.was = (await (await fetch('view')).json()).session_id")
			b.click("#start-over")
			b.run("while ((await (await fetch('view')).json()).session_id === was) await new Promise((r) => setTimeout(r, 20));")
			b.until(fresh)
			const hear = "free('/events'); free('/view')"
			if first {
				a.run(hear)
				a.until(replaced)
			}
			close(g.open)
			a.until("document.querySelector('#step-bills .error')")
			a.run(hear)
			a.until(replaced)
			a.says("#step-bills .error", "reset", "nothing of it was kept")
			for _, w := range []*window{a, b} {
				if v := w.view(); v.Status != "empty" || len(v.Bills) != 0 {
					t.Errorf("after the reset the session is %+v", v)
				}
				w.says("#step-bills", "Choose PDFs or pictures")
			}
			a.must(a.Files("#bills-files", p.shipment(small, "").bills)) // and now it works
			a.until(bills)
			b.until(bills)
			if a.text("#step-bills .error") != "(not there)" {
				t.Error("the error of the first upload is still shown after the second")
			}
		})
	}
}

func TestAnExpiredSessionSaysSoAndOffersAFreshOne(t *testing.T) {
	p, w := opened(t)
	w.try("sample")
	p.later(w, 2*time.Hour)
	w.until("!document.getElementById('ended').hidden")
	w.says("#ended", "This session has expired", "removed")
	w.says("#session", "Session ended")
	if w.text("#steps") != "" || w.text("#results") != "" {
		t.Error("the sheet of the expired session is still shown")
	}
	w.must(w.Reload())
	w.until("!document.getElementById('ended').hidden")
	w.says("#ended", "This session has ended")
	w.click("#begin")
	w.until("document.getElementById('ended').hidden && " + fresh)
}

// Five minutes before its end the page offers to keep a session. If somebody does, it lives past
// the time at which it would have ended.
func TestASessionThatIsAboutToExpireCanBeKept(t *testing.T) {
	p := newPlace(t)
	w := p.unhurried()
	w.until(fresh)
	w.follows()
	const id = "fetch('view').then((r) => r.json()).then((v) => v.session_id)"
	there := value[string](w, id)
	p.ahead.Add(int64(56 * time.Minute)) // the life is an hour
	w.run("fire(55 * 60_000)")
	w.says("#notices", "This session expires at", "Keep it")
	before := value[int](w, views)
	w.click("#notices .notice.warn button")
	w.until(fmt.Sprintf("%s > %d && !document.querySelector('#notices .notice.warn')", views, before))
	p.ahead.Add(int64(56 * time.Minute))
	if now := value[string](w, id); there == "" || now != there {
		t.Errorf("the session was extended, but does not exist: %q, not %q", now, there)
	}
}

func TestASessionClearedByAProgramSaysSo(t *testing.T) {
	_, w := opened(t)
	w.try("sample")
	w.follows()
	w.run("await fetch('clear-session', { method: 'POST' })")
	w.until("!document.getElementById('ended').hidden")
	w.says("#ended", "This session was cleared")
	w.click("#begin")
	w.until(fresh)
}

func TestAPageOfANamedSessionUsesIt(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	w.must(w.Go(p.URL + "/?_sid=dock%207"))
	w.ready()
	w.says("#session", "dock 7")
	w.upload(p.shipment(small, "").bills)
	b := p.answer(http.Get(p.URL + "/status?_sid=dock%207"))
	if !bytes.Contains(b, []byte(`"status":"ready"`)) {
		t.Errorf("the session is %s", b)
	}
}

func TestSignInWhenKeysAreOn(t *testing.T) {
	ring := keys.Open(t.TempDir())
	secret, err := ring.Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	p := newPlace(t, func(o *service.Options) { o.Config = httpapi.Config{Keys: ring} })
	w := p.open()
	w.until("!document.getElementById('signin').hidden")
	if w.text("#steps") != "" {
		t.Error("the steps are shown before signing in")
	}
	enter := func(key string) {
		w.click("#key")
		w.must(w.Press(key + "\r"))
	}
	enter("tmk_wrong")
	w.until("!document.getElementById('signin-error').hidden")
	w.says("#signin-error", "not valid here")
	w.run("document.getElementById('key').value = ''")
	enter(secret)
	w.until("document.getElementById('signin').hidden")
	w.ready()
	w.try("flawed")
	w.inspect(".issues .issue")
	down := w.downloads()
	w.click("#step-sheet button[aria-label='Download CSV']", "#ask button[value=save]")
	saved(t, filepath.Join(down, "load-sheet*.csv"))
	w.must(w.Reload())
	w.until(joined)
	must.OK(t, ring.Remove(t.Context(), "depot", ""))
	_, err = ring.Add(t.Context(), keys.Key{Name: "other"})
	must.OK(t, err)
	w.must(w.Reload())
	w.until("!document.getElementById('signin').hidden")
	w.says("#signin-error", "not valid here")
}

func TestThePageRecoversWhenTheServerReturns(t *testing.T) {
	dir := t.TempDir()
	same := func(o *service.Options) { o.Dir = dir }
	p := newPlace(t, same)
	l := link.For(t, p.Address) // whose address nobody else can take while there is no server
	p.URL = "http://" + l.Address
	w := p.open()
	w.ready()
	w.try("sample")
	must.OK(t, p.Close())
	w.until("document.getElementById('session-text').textContent === 'Not connected'")
	w.says("#notices", "The server did not answer", "tries again in")
	l.Lead(newPlace(t, same).Address)
	w.until("document.getElementById('session-text').textContent.startsWith('Ready')")
	w.until("!document.querySelector('.notice')")
	w.says("#step-orders", "matched 60")
}
