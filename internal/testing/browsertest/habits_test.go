package browsertest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/sample"
)

// A person who reloads the page finds the view as it was.
func TestAReloadKeepsSearchesFiltersAndTheSort(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	w.load(p.shipment(small, ""))
	w.run("const s = document.querySelector('#bill-search'); s.value = 'no such bill'; s.dispatchEvent(new Event('input'))")
	w.until("document.querySelector('.bills .none')")
	if got := w.text(".bills"); strings.Contains(got, "false") {
		t.Errorf("the list of bills says %q", got)
	}
	w.click("#tab-sheet")
	w.until("document.querySelector('.gridrow')")
	w.run("const f = document.querySelector('#sheet-ship'); f.selectedIndex = 1; f.dispatchEvent(new Event('change'))")
	w.click(w.heading("Cartons"))
	w.until("document.querySelector('.gridhead [aria-sort=ascending]')")
	found := w.text("#panel-sheet .found")
	w.must(w.Reload())
	w.until("document.querySelector('.gridrow')")
	if got := w.text("#panel-sheet .found"); got != found || !strings.Contains(got, " of ") {
		t.Errorf("after the reload %q rows are shown, not %q", got, found)
	}
	w.says(".gridhead [aria-sort=ascending]", "Cartons")
	w.click("#tab-bills")
	w.until("document.querySelector('.bills .none')")

	// Another session begins without them.
	w.click("#start-over", "#ask-buttons .primary")
	w.until(fresh)
	w.load(p.shipment(small, "next-"))
	w.click("#tab-bills")
	w.until("document.querySelector('.bill') && document.querySelector('#bill-search').value === ''")
}

// copied is what the clipboard gets, by a listener that reads it from the event.
const copied = `window.copies = [];
document.addEventListener("copy", (e) => window.copies.push(e.clipboardData.getData("text/plain")));`

func TestCellsAreCopiedAsASpreadsheetTakesThem(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	w.load(p.shipment(small, ""))
	w.click("#tab-sheet")
	w.until("document.querySelector('.gridrow')")
	w.run(copied)
	copy := func() string {
		t.Helper()
		return value[string](w, "(() => { window.copies = []; document.execCommand('copy'); return window.copies[0] ?? '(nothing)'; })()")
	}
	w.run("document.querySelector('.grid').focus()")
	w.must(w.Press(kb.ArrowRight))
	if want := value[string](w, "document.querySelector('.cell.active').textContent"); copy() != want || want == "" {
		t.Errorf("the chosen cell %q is copied as %q", want, copy())
	}
	// A selection over three cells of two rows.
	w.run(`const rows = [...document.querySelectorAll(".gridrow")].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex);
		const cells = (r) => [...r.querySelectorAll(".cell")];
		getSelection().setBaseAndExtent(cells(rows[0])[2].firstChild, 0, cells(rows[1])[0].firstChild, 1);
		window.wanted = [cells(rows[0]).slice(2).map((c) => c.textContent).join("\t"), cells(rows[1])[0].textContent].join("\n");`)
	if want := value[string](w, "window.wanted"); copy() != want || !strings.Contains(want, "\t") {
		t.Errorf("the selection %q is copied as %q", want, copy())
	}
}

func TestPaperGetsAllRowsOfTheSheet(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	many := small
	many.Bills, many.Lines = 20, 120
	w.load(p.shipment(many, ""))
	w.click("#tab-sheet")
	w.until("document.querySelector('.gridrow')")
	drawn := func() int { return value[int](w, "document.querySelectorAll('.gridrow:not([hidden])').length") }
	if n := drawn(); n >= 120 {
		t.Fatalf("%d rows are drawn for the screen", n)
	}
	w.run("window.dispatchEvent(new Event('beforeprint'))")
	if n := drawn(); n != 120 {
		t.Errorf("%d of 120 rows are printed", n)
	}
	w.run("window.dispatchEvent(new Event('afterprint'))")
	if n := drawn(); n >= 120 {
		t.Errorf("after printing %d rows stay", n)
	}
}

// A person who works in the page, without any request, does not lose the session: half of
// its life after the last request the next press of a key asks for it.
func TestWorkInThePageKeepsTheSession(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	w.until(fresh)
	const asked = "performance.getEntriesByType('resource').filter((r) => new URL(r.name).pathname.endsWith('/view')).length"
	before := value[int](w, asked)
	w.must(w.Press(kb.Shift))
	w.run("const now = Date.now; Date.now = () => now() + 31 * 60_000") // the life is an hour
	if n := value[int](w, asked); n != before {
		t.Errorf("a key that is pressed at once makes %d requests", n-before)
	}
	w.must(w.Press(kb.Shift))
	w.until(fmt.Sprintf("%s > %d", asked, before))
}

func TestTheBadgeCountsANearMissOnce(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	w.ready()
	w.click("#try-flawed")
	w.until(joined)
	w.until("document.querySelector('#tab-matching .badge:not([hidden])')")
	want := value[int](w, "fetch('view').then((r) => r.json()).then(({ sheet: { match: m } }) => m.unmatched_lines.length + m.unmatched_orders.length - m.near_misses.length)")
	near := value[int](w, "fetch('view').then((r) => r.json()).then(({ sheet: { match: m } }) => m.near_misses.length)")
	// Nothing is green above what is to be checked.
	w.says("#session", "Check ")
	for _, step := range []string{"#step-bills", "#step-orders", "#step-sheet"} {
		if !value[bool](w, fmt.Sprintf("document.querySelector('%s .chip').classList.contains('bad')", step)) {
			t.Errorf("%s looks well, beside errors", step)
		}
	}
	if got := value[int](w, "Number(document.querySelector('#tab-matching .badge').firstChild.data)"); got != want || near == 0 {
		t.Errorf("the badge counts %d, not %d with %d near misses", got, want, near)
	}
}

// Lines that nothing proves stay out of downloads until the person vouches for them.
func TestLinesThatNothingProvesAreDownloadedOnRequest(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	w.ready()
	w.must(w.Files("#bills-files", p.shipment(sample.Options{Form: sample.Short, Bills: 1, Lines: 1, Seed: 1}, "weak-").bills))
	w.until("document.querySelector('#accept')")
	w.says("#step-sheet", "also download 1 line that nothing proves")
	w.says("#session", "Check ")
	down := t.TempDir()
	w.must(w.Save(down))
	rows := func(name string) int {
		w.click("#step-sheet button[aria-label='Download CSV']")
		all, err := csv.NewReader(bytes.NewReader(saved(t, filepath.Join(down, name)))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return len(all) - 1
	}
	if n := rows("*bol.csv"); n != 0 {
		t.Errorf("the sheet has %d rows", n)
	}
	w.must(os.Remove(only(t, filepath.Join(down, "*"))))
	w.click("#accept")
	if n := rows("*bol.csv"); n != 1 {
		t.Errorf("once the line is accepted the sheet has %d rows", n)
	}
}

// only returns the name of the file that a pattern means.
func only(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("there are %v (%v)", found, err)
	}
	return found[0]
}
