package browsertest

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fits fails if the page is wider than the phone (a phone's browser would widen its
// window) and says what sticks out, and if a touch target is smaller than 24 by 24
// pixels. Links in sentences may be smaller.
func (w *window) fits(width int) {
	w.t.Helper()
	if wide := value[string](w, `((room) => {
		const page = document.scrollingElement;
		if (page.scrollWidth <= room && innerWidth === room) return "";
		const out = [...document.body.querySelectorAll("*")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > room + 0.5);
		return page.scrollWidth + " of " + room + " pixels: " + out.slice(0, 8).map((e) => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right)).join(", ");
	})(`+strconv.Itoa(width)+")"); wide != "" {
		w.t.Errorf("the page is wider than the window, %s", wide)
	}
	if small := value[[]string](w, `[...document.querySelectorAll("a[href], button, input, select, summary, label:has(input), [role=tab], [role=gridcell], [role=rowheader], [role=columnheader]")].flatMap((e) => {
		if (!e.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }) || e.closest(".unseen, .skip") || e.matches("p a, td a") || e.type === "file") return [];
		const at = e.matches("input[type=checkbox], input[type=radio]") && e.closest("label") || e;
		const r = at.getBoundingClientRect();
		return r.width >= 24 && r.height >= 24 ? [] : [at.tagName + "." + at.className + " " + (at.ariaLabel || at.textContent).slice(0, 30) + " is " + r.width.toFixed(1) + " by " + r.height.toFixed(1)];
	})`); len(small) > 0 {
		w.t.Errorf("too small for a finger:\n%s", strings.Join(small, "\n"))
	}
}

// narrow gives the window the size of a phone, and waits until charts are redrawn.
func (w *window) narrow(width, height int64) {
	w.t.Helper()
	w.sized(width, height, true)
	w.until(fmt.Sprintf("[...document.querySelectorAll('#panel-load canvas')].every((c) => c.getBoundingClientRect().right <= %d)", width))
}

// tap taps what a selector finds, with a finger.
func (w *window) tap(selectors ...string) {
	w.t.Helper()
	for _, s := range selectors {
		w.must(w.Tab.Tap(s))
	}
}

func TestTheWorkflowOnAPhone(t *testing.T) {
	p := newPlace(t)
	w := p.openAs(func(w *window) { w.must(w.Size(390, 844, true)) }, "")
	w.ready()
	w.fits(390)
	ship := p.shipment(small, "p-")
	w.must(w.Tab.Pick(func() error { return w.Tab.Tap("#step-bills .choose") }, ship.bills))
	w.until(bills)
	w.must(w.Tab.Pick(func() error { return w.Tab.Tap("#step-orders .choose") }, ship.orders))
	w.until(joined)
	w.says("#step-orders", "matched 30")
	w.fits(390)

	down := w.downloads()
	w.tap("#step-sheet button[aria-label='Download Excel']")
	saved(t, filepath.Join(down, "load-sheet*.xlsx"))
	w.tap("#start-over")
	w.until("document.getElementById('ask').open")
	w.fits(390)
	w.tap("#ask button[value=yes]")
	w.until(fresh)

	w.tap("#try-flawed")
	w.until(joined)
	w.tap(".issues .issue.bad")
	w.until(inspected)
	w.fits(390)
	for _, f := range []struct{ side, size string }{{"clientWidth", "innerWidth"}, {"clientHeight", "innerHeight"}} {
		if !value[bool](w, fmt.Sprintf("document.querySelector('.inspector').%s === %s", f.side, f.size)) {
			t.Errorf("the picture does not take all of the phone's %s", f.size)
		}
	}
	w.says(".inspector-tools", "1 of")
	w.tap(".inspector [aria-label='Next finding']")
	w.says(".inspector-tools", "2 of")
	w.until(inspected)
	w.until(`((m, v) => m.left < v.right && m.right > v.left && m.top >= v.top - 1 && m.top < v.bottom)(document.querySelector(".marks .here").getBoundingClientRect(), document.querySelector(".viewport").getBoundingClientRect())`)
	w.tap(".inspector [aria-label='Close']")
	w.until(shut)

	// What a finger works with all day has 44 pixels.
	if small := value[[]string](w, `[...document.querySelectorAll("#start-over, .fold, .downloads button, [role=tab], .issue, #bill-search, #bill-only, .bill summary")].filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.id + "." + e.className)`); len(small) > 0 {
		t.Errorf("lower than 44 pixels: %q", small)
	}
	w.tap("#tab-matching")
	w.until("document.querySelector('.near td')")
	if !value[bool](w, "[...document.querySelectorAll('.near td')].every((e) => e.getBoundingClientRect().right <= innerWidth)") {
		t.Error("near misses do not fit")
	}
	if got := value[string](w, "getComputedStyle(document.querySelector('.near [data-name]'), '::before').content"); !strings.Contains(got, "Cartons, bill") {
		t.Errorf("the cartons of a near miss are named %s", got)
	}
	w.tap("input[value=lines]")
	w.until("document.querySelector('.group h2').textContent === 'Lines without order'")
	w.tap("#tab-sheet")
	w.until("document.querySelector('.gridrow')")
	// Wide content is reached by scrolling the table, not the page.
	w.run("document.querySelector('.grid').scrollLeft = 1e6")
	w.until("document.querySelector('.grid').scrollLeft > 0")
	w.fits(390)
	w.tap(".gridrow[aria-rowindex='2'] [role=rowheader]")
	w.until(inspected)
	w.tap(".inspector [aria-label='Close']")
	w.until(shut)
	w.tap("#tab-load")
	w.until("document.querySelectorAll('#panel-load canvas').length === 3")
	w.fits(390)
}

// On a phone the words of the help stand over what they mean, not beside it.
func TestTheHelpHasOneColumnOnAPhone(t *testing.T) {
	w := newPlace(t).openAs(func(w *window) { w.must(w.Size(390, 844, true)) }, "/help")
	if columns := value[string](w, "getComputedStyle(document.querySelector('.help > dl')).gridTemplateColumns"); strings.Contains(columns, " ") {
		t.Errorf("the columns of the help are %s wide", columns)
	}
}
