package browsertest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

const teaching = "document.querySelector('.teacher[open] .viewport:not([aria-busy]) img')?.naturalWidth > 0"

// The columns of a house's list, whose headings the product does not know, and the edges
// between them in points.
var (
	houseEdges  = []int{24, 100, 200, 370, 440, 530}
	houseFields = []string{"packages", "style", "description", "pieces", "weight"}
)

const (
	underHeadings = 121 // points
	onFirst       = 22  // lines
)

func (p *place) house(lines int, seed uint64, prefix string) shipment {
	return p.shipment(sample.Options{Form: sample.House, Bills: 1, Lines: lines, Seed: seed}, prefix)
}

// The size of the taught page, in points.
const pageWidth, pageHeight = 612, 792

// choose chooses in a list as the mouse does. The list itself is the browser's, out of reach.
func (w *window) choose(selector, option string) {
	w.t.Helper()
	w.run(fmt.Sprintf("const s = document.querySelector(%q); s.value = %q; s.dispatchEvent(new Event('change', { bubbles: true }));", selector, option))
	if got := value[string](w, fmt.Sprintf("document.querySelector(%q).value", selector)); got != option {
		w.t.Fatalf("%s has no choice %q", selector, option)
	}
}

func chip(i int) string { return fmt.Sprintf(".columnchip:nth-child(%d) select", i+1) }

// reads fails unless the CSV that the page downloads has the lines of a bill.
func (w *window) reads(b *sample.Bill) {
	w.t.Helper()
	down := w.downloads()
	w.click("#step-sheet button[aria-label='Download CSV']")
	rows := must.CSV(w.t, bytes.NewReader(saved(w.t, filepath.Join(down, "load-sheet*.csv"))))
	if len(rows) != len(b.Lines)+1 {
		w.t.Fatalf("the sheet has %d rows, the bill %d lines", len(rows)-1, len(b.Lines))
	}
	for i, l := range b.Lines {
		cell := func(name string) string { return rows[i+1][slices.Index(rows[0], name)] }
		weight := strconv.Itoa(l.Weight/10) + "." + strconv.Itoa(l.Weight%10)
		got := []string{cell("Invoice No."), cell("Cartons"), cell("Style"), cell("Individual Pieces"), cell("Individual Weight")}
		if want := []string{b.Number, strconv.Itoa(l.Cartons), l.Style, strconv.Itoa(l.Pieces), weight}; !slices.Equal(got, want) {
			w.t.Errorf("row %d is %q, want %q", i+1, got, want)
		}
	}
}

func TestAFormIsTaughtByMouseAndReadsTheNextDocument(t *testing.T) {
	p, w := opened(t)
	first := p.house(30, 1, "first-")
	w.must(w.Files("#bills-files", first.bills))
	w.until("document.querySelector('#step-bills .error .buttons button')")
	w.says("#step-bills .error", "show us the columns")
	w.click("#step-bills .error .buttons button")
	w.until(teaching)
	for _, x := range houseEdges[1:] {
		w.must(w.ClickIn(".teacher .paper", float64(x)/pageWidth, 40.0/pageHeight))
	}
	for i, field := range houseFields {
		w.choose(chip(i), field)
	}
	w.choose(chip(4)+" + select", "lb")
	from, to := value[float64](w, "Number(document.querySelector('.slider.top').ariaValueNow)"), float64(underHeadings)
	scale := value[float64](w, "document.querySelector('.teacher .paper').getBoundingClientRect().height") / pageHeight
	w.must(w.Drag(".slider.top", 0, (to-from)*scale))

	// The first of two pages ends with the figures so far, which are not lines.
	lines := len(first.Bills[0].Lines)
	w.until(fmt.Sprintf("document.querySelectorAll('.rowlist li').length === %d", onFirst+1))
	w.says(".proof", "Not proved yet", "If one of the rows is the total, say so below.")
	w.choose(fmt.Sprintf(".rowlist li:nth-child(%d) select", onFirst+1), "none")
	w.until(fmt.Sprintf("document.querySelector('.sentences').textContent.includes('Pieces: %d lines')", lines+1))
	w.choose("#teach-page", "2")
	w.until(fmt.Sprintf("document.querySelectorAll('.rowlist li').length === %d && document.querySelector('.rowlist li.none')", lines-onFirst+2))
	w.choose(".rowlist li:last-child select", "total")
	w.until("document.querySelector('.proof.ok') && " + teaching)
	sum := first.Bills[0].Pieces
	grouped := value[string](w, fmt.Sprintf("(%d).toLocaleString('en-US')", sum))
	w.says(".sentences", fmt.Sprintf("Pieces: %d lines add up to %s, printed %s", lines, grouped, grouped))

	// What is shown is read again at once: without the figures of a column nothing is proved.
	const beside = ".slider[data-edge='4']"
	w.must(w.Drag(beside, 75*scale, 0))
	w.until("document.querySelector('.proof:not(.ok)')")
	w.must(w.Drag(beside, -75*scale, 0))
	w.until("document.querySelector('.proof.ok')")

	w.run("document.querySelector('#teach-name').value = 'The Finnish list'")
	w.click(".teacher .naming .primary")
	w.until("!document.querySelector('.teacher').open && " + bills)
	w.says("#notices", "The form “The Finnish list” was learnt", "prove this document")
	w.says("#step-bills", "1 reconciled")
	w.reads(first.Bills[0])

	second := p.house(8, 2, "second-")
	w.must(w.Files("#bills-files", second.bills))
	w.click("#ask button[value=replace]")
	w.until("document.querySelector('#step-bills .files')?.textContent.includes('second-bol.pdf')")
	w.says("#step-bills", "1 reconciled")
	w.reads(second.Bills[0])

	// The profile lists the form, which is renamed and forgotten there.
	w.click("#profile")
	w.until("document.querySelector('.forms li')")
	w.says(".forms", "The Finnish list", "proved by 2 documents, trusted")
	w.click(".forms [aria-label^='Rename']")
	w.run("document.querySelector('.forms input').value = 'Their list'")
	w.must(w.Press(kb.Enter))
	w.until("document.querySelector('.forms li span')?.textContent === 'Their list'")
	w.click(".forms [aria-label^='Forget']", "#ask button[value=yes]")
	w.until("!document.querySelector('.forms li')")
	if text := value[string](w, "document.getElementById('profile-text').value"); strings.Contains(text, "\n[[forms]]") {
		t.Errorf("the profile still has a form:\n%s", text)
	}
}

// slide moves the line that has the focus to a place, with the keyboard.
func (w *window) slide(to int) {
	w.t.Helper()
	for range 200 {
		now := value[int](w, "Number(document.activeElement.ariaValueNow)")
		switch by := to - now; {
		case by == 0:
			return
		case by >= 20:
			w.press(kb.PageDown)
		case by <= -20:
			w.press(kb.PageUp)
		case by > 0:
			w.press(kb.ArrowDown)
		default:
			w.press(kb.ArrowUp)
		}
	}
	w.t.Fatalf("the line does not move to %d", to)
}

// pickKey chooses in the list that has the focus, with the keyboard.
func (w *window) pickKey(option string) {
	w.t.Helper()
	w.press(kb.Home)
	for range 30 {
		if value[string](w, "document.activeElement.value") == option {
			return
		}
		w.press(kb.ArrowDown)
	}
	w.t.Fatalf("the list has no choice %q", option)
}

func TestAFormIsTaughtByKeyboardAlone(t *testing.T) {
	p, w := opened(t)
	ship := p.house(8, 3, "k-")
	w.tabTo("#step-bills .choose")
	w.pick(kb.Enter, ship.bills)
	w.until("document.querySelector('#step-bills .error .buttons button')")
	w.enter("#step-bills .error .buttons button")
	w.until(teaching)
	w.until("document.activeElement.id === 'teach-title'")
	w.tabTo(".slider[data-edge='0']")
	for i, x := range houseEdges[1:] {
		w.press("+")
		w.at(fmt.Sprintf(".slider[data-edge='%d']", i+1))
		w.slide(x)
	}
	w.tabTo(".slider.top")
	w.slide(underHeadings)
	for i, field := range houseFields {
		w.tabTo(chip(i))
		w.pickKey(field)
	}
	w.press(kb.Tab)
	w.pickKey("lb")
	lines := len(ship.Bills[0].Lines)
	w.until(fmt.Sprintf("document.querySelectorAll('.rowlist li').length === %d", lines+1))
	w.tabTo(".rowlist li:last-child select")
	w.pickKey("total")
	w.until("document.querySelector('.proof.ok')")
	w.at(".rowlist li:last-child select") // the focus stays while the rows are read anew
	w.tabTo("#teach-name", chromedp.ModifierShift)
	w.must(w.Press("a", chromedp.ModifierCtrl))
	w.press("By keys")
	w.enter(".teacher .naming .primary")
	w.until("!document.querySelector('.teacher').open && " + bills)
	w.says("#notices", "The form “By keys” was learnt")
	w.at("#step-bills .fold")
	w.reads(ship.Bills[0])
}

// Nothing that was shown is lost by a key.
func TestALessonAsksBeforeItIsLeft(t *testing.T) {
	p, w := opened(t)
	w.must(w.Files("#bills-files", p.weak()))
	w.until("document.querySelector('.teachme')")
	w.says(".teachme", "This is a bill of lading, but its table could not be proved: show us the columns.")
	w.click(".teachme button")
	w.until(teaching)
	w.press(kb.Escape)
	w.until("!document.querySelector('.teacher').open")
	w.at(".teachme button")
	w.press(kb.Enter)
	w.until(teaching)
	w.choose(chip(0), "pallets")
	w.press(kb.Escape)
	w.until("document.getElementById('ask').open")
	w.press(kb.Escape)
	w.until("!document.getElementById('ask').open && document.querySelector('.teacher').open")
	w.press(kb.Escape)
	w.click("#ask button[value=yes]")
	w.until("!document.querySelector('.teacher').open")
}
