package browsertest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// A person who reloads the page finds the view as it was.
func TestAReloadKeepsSearchesFiltersAndTheSort(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(small, ""))
	w.run("const s = document.querySelector('#bill-search'); s.value = 'no such bill'; s.dispatchEvent(new Event('input'))")
	w.until("document.querySelector('.bills .none')")
	if got := w.text(".bills"); strings.Contains(got, "false") {
		t.Errorf("the list of bills says %q", got)
	}
	w.grid()
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

func TestCellsAreCopiedAsASpreadsheetTakesThem(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(small, ""))
	w.grid()
	copy := func() string {
		t.Helper()
		return value[string](w, `(() => {
			const to = new DataTransfer();
			document.querySelector(".grid").dispatchEvent(new ClipboardEvent("copy", { clipboardData: to, bubbles: true, cancelable: true }));
			return to.getData("text/plain");
		})()`)
	}
	w.run("document.querySelector('.grid').focus()")
	w.must(w.Press(kb.ArrowRight))
	if want := value[string](w, "document.querySelector('.cell.active').textContent"); copy() != want || want == "" {
		t.Errorf("the chosen cell %q is copied as %q", want, copy())
	}
	// A range: Shift and arrows, or a drag of the mouse.
	picked := func() string {
		return value[string](w, `(() => {
			const rows = [...document.querySelectorAll(".gridrow")].filter((r) => r.querySelector(".picked")).sort((a, b) => a.ariaRowIndex - b.ariaRowIndex);
			return rows.map((r) => [...r.querySelectorAll(".cell.picked")].map((c) => c.textContent).join("\t")).join("\n");
		})()`)
	}
	w.must(w.Press(kb.ArrowRight+kb.ArrowRight+kb.ArrowDown, chromedp.ModifierShift))
	if want := picked(); copy() != want || strings.Count(want, "\t") != 4 || strings.Count(want, "\n") != 1 {
		t.Errorf("the selection %q is copied as %q", want, copy())
	}
	w.says(".gridinfo", "6 cells")
	w.must(w.Drag(".gridrow[aria-rowindex='4'] .cell[aria-colindex='5']", 0, 65))
	w.until("document.querySelectorAll('.picked').length === 3")
	if want := picked(); copy() != want || strings.Count(want, "\n") != 2 {
		t.Errorf("the cells that were dragged over, %q, are copied as %q", want, copy())
	}
	w.must(w.Press("a", chromedp.ModifierCtrl))
	if n := strings.Count(copy(), "\n"); n != 29 {
		t.Errorf("everything is copied as %d rows of 30", n+1)
	}
}

// The rows that are shown are saved as they are in the CSV of the whole sheet, in their order.
func TestWhatIsFilteredIsDownloaded(t *testing.T) {
	_, w := opened(t)
	w.try("flawed")
	w.grid()
	down := w.downloads()
	sheet := w.sheet()
	loose, sum := []int{}, 0.0
	for i, r := range sheet.Rows {
		if r.OrderRow == nil {
			loose = append(loose, i)
			n, _ := r.Cells[sheet.column("Cartons")].(float64)
			sum += n
		}
	}
	// What has no order is found by these words, and by the filter.
	w.run("const s = document.querySelector('#sheet-search'); s.value = 'no order'; s.dispatchEvent(new Event('input'))")
	w.says("#panel-sheet .found", fmt.Sprintf("%d of %d rows", len(loose), len(sheet.Rows)))
	w.run("const s = document.querySelector('#sheet-search'); s.value = ''; s.dispatchEvent(new Event('input'))")
	w.run("const s = document.querySelector('#sheet-only'); s.value = 'loose'; s.dispatchEvent(new Event('change'))")
	w.says("#panel-sheet .found", fmt.Sprintf("%d of %d rows", len(loose), len(sheet.Rows)))
	w.says("#grid-sums", fmt.Sprintf("Cartons %g", sum))
	w.click(w.heading("Style"), w.heading("Style"))
	w.until("document.querySelector('.gridhead [aria-sort=descending]')")
	w.click("#sheet-part")
	got := strings.SplitAfter(string(saved(t, filepath.Join(down, "load-sheet-part.csv"))), "\n")
	all := strings.SplitAfter(value[string](w, "fetch('download-bol').then((r) => r.text())"), "\n")
	slices.SortStableFunc(loose, func(a, b int) int {
		return -strings.Compare(fmt.Sprint(sheet.Rows[a].Cells[sheet.column("Style")]), fmt.Sprint(sheet.Rows[b].Cells[sheet.column("Style")]))
	})
	want := []string{all[0]}
	for _, i := range loose {
		want = append(want, all[i+1])
	}
	if !slices.Equal(got, append(want, "")) {
		t.Errorf("the rows are saved as %q, not %q", got, want)
	}
}

// Columns are chosen, ordered and kept in this browser.
func TestColumnsAreChosen(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(small, ""))
	w.grid()
	heads := func() string { return w.text(".gridhead") }
	if strings.Contains(heads(), "Load #") || !strings.Contains(heads(), "Order Date") {
		t.Fatalf("the columns are %s", heads())
	}
	w.click("#sheet-columns")
	w.until("document.querySelector('.chooser[open]')")
	w.run(`const box = (name) => [...document.querySelectorAll(".choices label")].find((l) => l.textContent.trim() === name).querySelector("input");
		box("Load #").click(); box("Order Date").click();`)
	for range 2 {
		w.run(`document.querySelector("[aria-label='Move Load # up']").click()`)
	}
	w.click(".chooser .primary")
	w.until("!document.querySelector('.chooser[open]')")
	check := func(when string) {
		t.Helper()
		if !comes(func() bool {
			got := heads()
			return !strings.Contains(got, "Order Date") && strings.HasPrefix(got, "# Invoice No. Style Load #")
		}) {
			t.Errorf("%s the columns are %s", when, heads())
		}
	}
	check("chosen,")
	w.must(w.Reload())
	w.until("document.querySelector('.gridrow')")
	check("after a reload")
	w.click("#sheet-columns", ".chooser button[value=reset]")
	w.says(".gridhead", "Order Date")
	if got := heads(); strings.Contains(got, "Load #") {
		t.Errorf("as at first the columns are %s", got)
	}
}

func TestPaperGetsAllRowsOfTheSheet(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	many := small
	many.Bills, many.Lines = 20, 120
	w.load(p.shipment(many, ""))
	w.grid()
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
	p, w := opened(t)
	w.until(fresh)
	w.follows()
	const asks = "asked.filter((path) => path === '/view').length"
	before := value[int](w, asks)
	w.must(w.Press(kb.Shift))
	if n := value[int](w, asks); n != before {
		t.Errorf("a key that is pressed at once makes %d requests", n-before)
	}
	p.later(w, 31*time.Minute) // the life is an hour
	if n := value[int](w, asks); n != before+1 {
		t.Errorf("a key that is pressed half an hour later makes %d requests", n-before)
	}
}

func TestTheBadgeCountsANearMissOnce(t *testing.T) {
	_, w := opened(t)
	w.try("flawed")
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

func TestPaperGetsAllRowsOfTheLists(t *testing.T) {
	p, w := opened(t)
	ship := p.shipment(sample.Options{Bills: 150, Lines: 300, Seed: 3}, "")
	w.upload(ship.bills)
	if n := value[int](w, "document.querySelectorAll('.bill').length"); n != 100 {
		t.Errorf("%d bills are shown at first", n)
	}
	w.run("dispatchEvent(new Event('beforeprint'))")
	if n := value[int](w, "document.querySelectorAll('.bill').length"); n != 150 {
		t.Errorf("paper gets %d bills of 150", n)
	}
}

// Lines that nothing proves stay out of downloads until the person vouches for them.
func TestLinesThatNothingProvesAreDownloadedOnRequest(t *testing.T) {
	p, w := opened(t)
	w.must(w.Files("#bills-files", p.weak()))
	w.until("document.querySelector('#accept')")
	w.says("#step-sheet", "also download 1 line that nothing proves")
	w.says("#session", "Check ")
	down := w.downloads()
	rows := func(name string, answer ...string) int {
		w.click(append([]string{"#step-sheet button[aria-label='Download CSV']"}, answer...)...)
		all := must.CSV(t, bytes.NewReader(saved(t, filepath.Join(down, name))))
		return len(all) - 1
	}
	if n := rows("*bol.csv", "#ask button[value=save]"); n != 0 {
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
