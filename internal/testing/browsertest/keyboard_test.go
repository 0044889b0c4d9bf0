package browsertest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
)

// at fails unless what a selector finds has the focus, visibly.
func (w *window) at(selector string) {
	w.t.Helper()
	w.until(fmt.Sprintf("document.activeElement?.matches(%q)", selector))
	if !value[bool](w, "document.activeElement.matches(':focus-visible') && document.activeElement.checkVisibility()") {
		w.t.Errorf("%s does not have the focus, or not visibly", selector)
	}
}

// tabTo presses Tab, or Shift and Tab, until what a selector finds has the focus.
func (w *window) tabTo(selector string, modifiers ...chromedp.Modifier) {
	w.t.Helper()
	var seen []string
	for range 80 {
		w.must(w.Press(kb.Tab, modifiers...))
		if value[bool](w, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			w.at(selector)
			return
		}
		seen = append(seen, value[string](w, "((e) => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '.' + e.className) + ' ' + (e.getAttribute('aria-label') || e.textContent).slice(0, 30))(document.activeElement)"))
	}
	w.t.Fatalf("Tab does not reach %s; the focus is on %q", selector, seen)
}

// enter presses Tab until what a selector finds has the focus, and then Enter.
func (w *window) enter(selector string, modifiers ...chromedp.Modifier) {
	w.t.Helper()
	w.tabTo(selector, modifiers...)
	w.press(kb.Enter)
}

func (w *window) press(keys string) {
	w.t.Helper()
	w.must(w.Press(keys))
}

// pick presses a key that opens the browser's file dialog, and chooses files in it.
func (w *window) pick(key string, paths ...string) {
	w.t.Helper()
	w.must(w.Tab.Pick(func() error { return w.Press(key) }, paths...))
}

func TestTheWorkflowByKeyboardAlone(t *testing.T) {
	p := newPlace(t)
	ship := p.shipment(small, "k-")
	w := p.open()
	w.ready()

	// The first stop of Tab is a link that skips to the content.
	w.press(kb.Tab)
	w.at(".skip")
	w.press(kb.Enter)
	w.until("location.hash === '#results'")
	w.tabTo("#try-sample")
	w.tabTo("#step-bills .choose", chromedp.ModifierShift)
	w.pick(" ", ship.bills)
	w.until(bills)
	w.at("#step-bills .fold")
	w.tabTo("#step-orders .choose")
	w.pick(kb.Enter, ship.orders)
	w.until(joined)
	w.at("#step-orders .fold[aria-expanded=false]")
	w.press(kb.Enter)
	w.until("document.activeElement.ariaExpanded === 'true'")
	w.tabTo("#step-orders .choose")
	w.says("#step-orders", "k-orders.csv", "matched 30")

	down := w.downloads()
	w.enter("#step-sheet button[aria-label='Download CSV']")
	want := must.Written(t, ship.WriteExpected)
	if got := saved(t, filepath.Join(down, "load-sheet*.csv")); !bytes.Equal(got, want) {
		t.Errorf("the CSV that was saved is not the sheet: %.300s", got)
	}
	w.at("#step-sheet button[aria-label='Download CSV']")

	// Starting over asks for confirmation; Escape cancels; the focus returns.
	w.enter("#start-over", chromedp.ModifierShift)
	w.until("document.getElementById('ask').open && document.getElementById('ask').contains(document.activeElement)")
	w.press(kb.Escape)
	w.until("!document.getElementById('ask').open")
	w.at("#start-over")
	w.press(kb.Enter)
	w.until("document.getElementById('ask').open")
	w.at("#ask button[value=yes]")
	w.press(kb.Enter)
	w.until(fresh)
	w.at("#step-bills .choose")
}

func TestProblemsByKeyboardAlone(t *testing.T) {
	for name, px := range map[string][2]int64{"beside the results": {1440, 900}, "over the results": {1024, 768}} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			w := p.open()
			w.sized(px[0], px[1], false)
			w.ready()
			w.enter("#try-flawed")
			w.until(joined)
			w.until("document.querySelector('.issue')")

			w.at("#results")
			w.tabTo("#tab-bills")
			w.enter(".issue")
			w.until(inspected)
			if !value[bool](w, "document.querySelector('.inspector').contains(document.activeElement)") {
				t.Error("the focus is outside the inspector")
			}
			title := func() string { return w.text("#inspector-title") + " " + w.text("#inspector-message") }
			first := title()
			w.press("n")
			w.says(".inspector-tools", "2 of")
			if title() == first {
				t.Errorf("the next problem is the same: %s", first)
			}
			w.press("p")
			w.says(".inspector-tools", "1 of")
			if title() != first {
				t.Errorf("the problem before is %q, not %q", title(), first)
			}
			// The same works with buttons, for users who do not know the keys.
			w.tabTo(".inspector [aria-label='Next finding']")
			w.press(" ")
			w.says(".inspector-tools", "2 of")
			width := func() float64 { return value[float64](w, "document.querySelector('.paper').clientWidth") }
			w.until(inspected)
			w.settle()
			small := width()
			w.press("+")
			if width() <= small {
				t.Error("it is not larger after +")
			}
			w.press("-")
			if width() != small {
				t.Errorf("after + and - it is %g wide, and was %g", width(), small)
			}
			w.tabTo(".inspector [aria-label='Zoom in']")
			w.press(kb.Enter + kb.Enter)
			w.until("document.querySelector('.viewport').scrollHeight > document.querySelector('.viewport').clientHeight")
			w.tabTo(".viewport")
			w.run("document.querySelector('.viewport').scrollTop = 0")
			// A key that arrives while the picture is laid out scrolls nothing.
			for tries := 0; value[float64](w, "document.querySelector('.viewport').scrollTop") == 0; tries++ {
				if tries == 5000 {
					t.Fatal("the arrow does not scroll the page")
				}
				w.press(kb.ArrowDown)
				w.run("new Promise((done) => setTimeout(done, 100))")
			}
			w.press("]")
			w.press("[")
			w.press(kb.Escape)
			w.until(shut)
			w.at(".issue")
			if !value[bool](w, "document.activeElement === document.querySelector('.issue')") {
				t.Error("the focus does not return to the finding")
			}

			// A bill's lines.
			w.enter(".bill:not([open]) summary")
			w.until("document.activeElement.parentNode.open && document.activeElement.parentNode.querySelector('.lines')")
			w.enter(".lines button")
			w.until(inspected)
			w.press(kb.Escape)
			w.until(shut)
			w.at(".lines button")
		})
	}
}

func TestTabsAndTheSheetByKeyboardAlone(t *testing.T) {
	_, w := opened(t)
	w.enter("#try-flawed")
	w.until(joined)
	w.until("document.querySelector('.issue')")

	// Arrow keys move between tabs, and wrap around; Tab moves into a tab's content.
	w.tabTo("#tab-bills")
	for _, step := range []struct{ key, to string }{
		{kb.ArrowRight, "matching"}, {kb.ArrowRight, "sheet"}, {kb.ArrowRight, "routing"}, {kb.ArrowRight, "load"}, {kb.ArrowRight, "bills"},
		{kb.ArrowLeft, "load"}, {kb.Home, "bills"}, {kb.End, "load"}, {kb.Home, "bills"}, {kb.ArrowRight, "matching"},
	} {
		w.press(step.key)
		w.at("#tab-" + step.to + "[aria-selected=true][tabindex='0']")
		if n := value[int](w, "document.querySelectorAll('[role=tab][aria-selected=true]').length * 10 + document.querySelectorAll('[role=tabpanel]:not([hidden])').length"); n != 11 {
			t.Errorf("at %s the tabs and panels shown are %d", step.to, n)
		}
	}
	w.until("document.querySelector('.tile')")
	w.press(kb.Tab)
	w.at("#panel-matching input[type=radio]:checked")
	w.press(kb.ArrowDown)
	w.until("document.querySelector('.group h2').textContent === 'Lines without order'")
	w.at("#panel-matching input[value=lines]:checked")
	w.enter("#panel-matching .link")
	w.until(inspected)
	w.press(kb.Escape)
	w.until(shut)
	w.at("#panel-matching .link")

	w.tabTo("#tab-matching", chromedp.ModifierShift)
	w.press(kb.ArrowRight)
	w.until("document.querySelector('.gridrow')")
	w.tabTo("#sheet-search")
	w.tabTo(".grid")
	cell := func() string {
		return value[string](w, "((e) => e ? `${e.closest('[role=row]').getAttribute('aria-rowindex') ?? 1},${e.getAttribute('aria-colindex')}` : 'none')(document.getElementById(document.querySelector('.grid').getAttribute('aria-activedescendant')))")
	}
	rows := value[int](w, "Number(document.querySelector('.grid').getAttribute('aria-rowcount'))")
	cols := value[int](w, "Number(document.querySelector('.grid').getAttribute('aria-colcount'))")
	for _, step := range []struct {
		keys string
		mod  []chromedp.Modifier
		want string
	}{
		{kb.ArrowDown, nil, "3,1"}, {kb.ArrowRight, nil, "3,2"}, {kb.ArrowUp, nil, "2,2"}, {kb.ArrowLeft, nil, "2,1"}, {kb.ArrowLeft, nil, "2,1"},
		{kb.End, nil, fmt.Sprintf("2,%d", cols)},
		{kb.End, []chromedp.Modifier{chromedp.ModifierCtrl}, fmt.Sprintf("%d,%d", rows, cols)},
		{kb.ArrowDown, nil, fmt.Sprintf("%d,%d", rows, cols)},
		{kb.Home, nil, fmt.Sprintf("%d,1", rows)},
		{kb.Home, []chromedp.Modifier{chromedp.ModifierCtrl}, "2,1"},
		{kb.ArrowUp, nil, "1,1"},
	} {
		w.must(w.Press(step.keys, step.mod...))
		w.until("document.querySelector('.cell.active')")
		if got := cell(); got != step.want {
			t.Errorf("after %q %v the cell is %s, not %s", step.keys, step.mod, got, step.want)
		}
		if !value[bool](w, `(() => {
			const g = document.querySelector(".grid").getBoundingClientRect(), c = document.querySelector(".cell.active").getBoundingClientRect();
			return c.left >= g.left - 1 && c.right <= g.right + 1 && c.top >= g.top - 1 && c.bottom <= g.bottom + 1;
		})()`) {
			t.Errorf("after %q %v the cell is out of sight", step.keys, step.mod)
		}
	}
	w.press(kb.ArrowRight + kb.Enter)
	w.until("document.querySelector('.gridhead [aria-sort=ascending]')")
	w.press(kb.ArrowDown + kb.Enter)
	w.until(inspected)
	w.press(kb.Escape)
	w.until(shut)
	w.at(".grid")

	w.tabTo("#tab-sheet", chromedp.ModifierShift)
	w.press(kb.ArrowRight)
	w.until("document.querySelector('.groupbar')")
	w.enter(".groupbar")
	w.at("#tab-sheet")
	w.enter(".only button")
	w.at(".grid")
	w.tabTo("#tab-sheet", chromedp.ModifierShift)
	w.press(kb.ArrowRight + kb.ArrowRight)
	w.until("document.querySelectorAll('#panel-load canvas').length === 3")
	w.tabTo(".figures summary")
	w.press(" ")
	w.until("document.querySelector('.figures[open] td')")
}

// Signing in, an error and the end of a session move the focus.
func TestTheFocusMovesToNewContent(t *testing.T) {
	p := newPlace(t, func(o *service.Options) { withKeys(t, o) })
	w := p.open()
	w.until("!document.getElementById('signin').hidden")
	w.at("#key")
	w.press("tmk_wrong" + kb.Enter)
	w.until("!document.getElementById('signin-error').hidden")
	w.at("#key[aria-invalid=true]")

	p = newPlace(t)
	w = p.open()
	w.ready()
	w.tabTo("#step-bills .choose")
	w.pick(kb.Enter, p.words("letter.pdf", "Dear Sirs, this is a letter."))
	w.until("document.querySelector('#step-bills .error')")
	w.enter("#step-bills .error button")
	w.until("!document.querySelector('#step-bills .error')")
	w.at("#step-bills .choose")
	w.follows()
	w.run("await fetch('clear-session', { method: 'POST' })")
	w.until("!document.getElementById('ended').hidden")
	w.at("#begin")
	w.press(kb.Enter)
	w.until(fresh)
	w.at("#step-bills .choose")
}
