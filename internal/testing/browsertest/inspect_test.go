package browsertest

import (
	"fmt"
	"math"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// spot is a place on a page, in points, and how large that page is.
type spot struct {
	File, Page int
	X0, Y0, X1, Y1,
	Width, Height float64
}

// box is a rectangle in the window, in CSS pixels.
type box struct{ X, Y, Width, Height float64 }

// marked waits until exactly that place is marked, and in sight: the marker's rectangle on the
// screen is the place's box, scaled like the picture, with a border around it.
func (w *window) marked(what string, s spot) {
	w.t.Helper()
	var got struct{ Paper, Mark, View box }
	var wrong string
	if !comes(func() bool {
		w.until(inspected)
		got = value[struct{ Paper, Mark, View box }](w, `(() => {
			const b = (s) => { const r = [...document.querySelectorAll(s)].at(-1)?.getBoundingClientRect(); return r && { X: r.x, Y: r.y, Width: r.width, Height: r.height }; };
			return { Paper: b(".paper"), Mark: b(".marks .here"), View: b(".viewport") };
		})()`)
		// The mark is 1 point larger than the place on each side.
		f := got.Paper.Width / s.Width
		want := box{got.Paper.X + (s.X0-1)*f, got.Paper.Y + (s.Y0-1)*f, (s.X1 - s.X0 + 2) * f, (s.Y1 - s.Y0 + 2) * f}
		near := func(a, b float64) bool { return math.Abs(a-b) < 4 }
		mid := got.Mark.Y + got.Mark.Height/2
		switch m := got.Mark; {
		case !near(m.X, want.X) || !near(m.Y, want.Y) || !near(m.Width, want.Width) || !near(m.Height, want.Height):
			wrong = fmt.Sprintf("the place is at %+v", want)
		case !near(got.Paper.Height, s.Height*f):
			wrong = fmt.Sprintf("the page is %g by %g", s.Width, s.Height)
		case mid < got.View.Y || mid > got.View.Y+got.View.Height:
			wrong = "it is out of sight"
		default:
			return true
		}
		return false
	}) {
		w.t.Fatalf("%s: on the screen are %+v, but %s", what, got, wrong)
	}
}

// findSpot defines window.spot, which adds the page's size, from its picture, to a
// place in the API's sheet.
const findSpot = `window.spot = async (p) => {
	const v = window.theView ??= await (await fetch("view")).json();
	const r = await fetch("page-picture?" + new URLSearchParams({ of: v.version, file: p.file, page: p.page, width: 1200 }));
	const [w, h] = r.headers.get("Page-Size").split(" ").map(Number);
	return { File: p.file, Page: p.page, X0: p.box.x0, Y0: p.box.y0, X1: p.box.x1, Y1: p.box.y1, Width: w, Height: h };
};
window.theSheet = async () => (window.theView ??= await (await fetch("view")).json()).sheet;`

func TestTheMistakesOfADocumentAreFound(t *testing.T) {
	_, w := opened(t)
	w.click("#try-flawed")
	w.until(joined + " && document.querySelector('.bill')")
	w.run(findSpot)

	// Findings about wrong sums and unread rows come before notes, and bills with
	// findings before the others.
	kinds := value[[]string](w, `[...document.querySelectorAll(".issues .issue")].map((e) => e.className)`)
	if len(kinds) < 2 {
		t.Fatalf("there are %d things to check", len(kinds))
	}
	groups := value[[][]string](w, `[...document.querySelectorAll(".checkgroup")].map((g) => [...g.querySelectorAll(".issue")].map((e) => e.className))`)
	for i, group := range groups {
		for j := range group {
			if group[j] == "issue bad" && (j > 0 && group[j-1] != "issue bad" || i > 0 && groups[i-1][0] != "issue bad") {
				t.Errorf("the worst is not first: %q", groups)
			}
		}
	}
	said := value[[]string](w, `[...document.querySelectorAll(".issues .what strong")].map((e) => e.textContent)`)
	for _, want := range []string{"Does not add up", "Row not read"} {
		if !value[bool](w, fmt.Sprintf("[...document.querySelectorAll('.issues .issue.bad strong')].some((e) => e.textContent === %q)", want)) {
			t.Errorf("%q is missing among %q", want, said)
		}
	}
	verdicts := value[[]string](w, `[...document.querySelectorAll(".bill .verdict")].map((e) => e.innerText.trim())`)
	for i := 1; i < len(verdicts); i++ {
		if verdicts[i-1] == "Adds up" && verdicts[i] == "Does not add up" {
			t.Errorf("a bill that does not add up comes after one that does: %q", verdicts)
		}
	}
	off := value[int](w, `theSheet().then((s) => s.bills.filter((b) => b.verdict.outcome === "mismatched").length)`)
	if n := value[int](w, `[...document.querySelectorAll(".bill .verdict")].filter((e) => e.innerText.trim() === "Does not add up").length`); n != off || n == 0 {
		t.Errorf("%d bills do not add up, the page shows %d of them", off, n)
	}

	// The unread row is marked at its exact place.
	unread := value[spot](w, `theSheet().then((s) => spot(s.problems.find((p) => p.kind === "unread_row")))`)
	at := value[string](w, `[...document.querySelectorAll(".issues .issue")].find((e) => e.innerText.includes("Row not read")).dataset.issue`)
	w.click(fmt.Sprintf(".issues [data-issue='%s']", at))
	w.marked("the row that was not read", unread)
	w.says("#inspector-title", "Row not read")
	for _, zoom := range []string{"Zoom in", "Zoom in", "Zoom out", "Fit the width"} {
		w.click(fmt.Sprintf(".inspector-tools button[aria-label=%q]", zoom))
		w.marked(zoom, unread)
	}

	// Next visits all findings that have a place and returns to the first.
	placed := value[int](w, `parseInt(document.querySelector(".inspector-tools .position").textContent.split(" of ")[1])`)
	if placed < 2 || placed > len(kinds) {
		t.Errorf("%d of %d things to check have a place", placed, len(kinds))
	}
	first := w.text(".inspector .message")
	seen := map[string]bool{}
	for range placed {
		w.inspect(".inspector-tools button[aria-label='Next finding']")
		seen[w.text(".inspector-tools .position")] = true
	}
	if w.text(".inspector .message") != first || len(seen) != placed {
		t.Errorf("next goes through %d of %d and ends at %q", len(seen), placed, w.text(".inspector .message"))
	}
	w.click(".inspector-tools button[aria-label='Next finding']", ".inspector-tools button[aria-label='Previous finding']")
	w.marked("previous after next", unread)
	w.click(".inspector-head button[aria-label='Close']")
	w.until(shut)

	// A line of a bill with a wrong sum, and the wrong total.
	w.until("document.querySelector('.bill:first-child[open] tr.line')") // it is open from the beginning
	number := value[string](w, "document.querySelector('.bill:first-child .id').innerText.trim()")
	w.run(fmt.Sprintf("window.theBill = (await theSheet()).bills.find((b) => b.number?.text === %q)", number))
	lines := value[int](w, "theBill.lines.length")
	if n := value[int](w, "document.querySelectorAll('.bill:first-child tr.line').length"); n != lines {
		t.Errorf("bill %s shows %d lines of %d", number, n, lines)
	}
	for i := range lines {
		line := value[spot](w, fmt.Sprintf("spot(theBill.lines[%d])", i))
		w.click(fmt.Sprintf(".bill:first-child tr.line:nth-child(%d) button", i+1))
		w.until(fmt.Sprintf("document.getElementById('inspector-title').textContent.startsWith('Line %d of bill')", i+1))
		w.marked(fmt.Sprintf("line %d of bill %s", i+1, number), line)
	}
	w.click(".bill:first-child .totals .link")
	w.until("document.querySelector('.inspector .message').textContent.includes('Printed:')")
	w.marked("the printed cartons of bill "+number, value[spot](w, "spot(theBill.totals.cartons.value)"))
}

func TestTheBrowsersBackLeadsThroughTabsAndTheInspector(t *testing.T) {
	_, w := opened(t)
	w.try("flawed")
	w.click("#tab-matching", "#tab-sheet")
	w.until("document.querySelector('.gridrow')")
	const closed = "!document.querySelector('.inspector').open"
	selected := func(tab string) string { return "document.querySelector('#tab-" + tab + "').ariaSelected === 'true'" }
	w.inspect(".gridrow[aria-rowindex='2'] [role=rowheader]")
	w.run("history.back()")
	w.until(closed + " && " + selected("sheet"))
	w.run("history.forward()")
	w.until(inspected)
	// Closing it by its button leaves nothing behind to go back to.
	w.click(".inspector-head [aria-label='Close']")
	w.until(shut)
	w.run("history.back()")
	w.until(selected("matching"))
	w.run("history.back()")
	w.until(selected("bills") + " && " + closed)
}

func TestTheInspectorShowsALineWithItsTotalsAndCanBeSized(t *testing.T) {
	_, w := opened(t)
	w.try("flawed")
	w.until("document.querySelector('.bill[open] tr.line')")
	w.inspect(".bill[open] tr.line button")
	w.says(".inspector .sums", "Pieces 5,604, printed 5,606", "differs", "Cartons 119")
	if n := value[int](w, "document.querySelectorAll('.marks .total').length"); n != 4 {
		t.Errorf("%d totals of the bill are marked", n)
	}
	w.says(".inspector .legend", "totals of the bill")

	const sight = `((p, v) => p.top >= v.top - 1 && p.bottom <= v.bottom + 1)(document.querySelector(".paper").getBoundingClientRect(), document.querySelector(".viewport").getBoundingClientRect())`
	if value[bool](w, sight) {
		t.Error("the whole page is in sight already")
	}
	w.must(w.Press("f"))
	w.until(sight)
	w.must(w.Press("0"))
	w.until("!" + sight)

	// The divider moves by mouse and by keyboard.
	width := func() float64 { return value[float64](w, "document.querySelector('.inspector').offsetWidth") }
	before := width()
	w.must(w.Drag(".split", -150, 0))
	if got := width(); got < before+130 || got > before+170 {
		t.Errorf("dragged by 150 pixels it is %g wide, and was %g", got, before)
	}
	before = width()
	w.run("document.querySelector('.split').focus()")
	w.must(w.Press(kb.ArrowRight))
	if got := width(); got >= before || value[int](w, "Number(document.querySelector('.split').ariaValueNow)") >= 60 {
		t.Errorf("after the arrow it is %g wide, and was %g", got, before)
	}
}
