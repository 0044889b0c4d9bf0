package browsertest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// apiSheet is the part of the JSON sheet that tests compare the page with.
type apiSheet struct {
	Columns []string
	Rows    []struct {
		Cells      []any
		Bill, Line int
		OrderRow   *int `json:"order_row"`
	}
	Bills []struct {
		Number *struct{ Text string }
		Totals struct{ Cube struct{ Number *float64 } }
	}
}

func (s *apiSheet) column(name string) int { return slices.Index(s.Columns, name) }

// sheet returns the API's sheet of this window's session.
func (w *window) sheet() *apiSheet {
	w.t.Helper()
	got := value[struct{ Sheet apiSheet }](w, "fetch('view').then((r) => r.json()).then((v) => ({ Sheet: { Columns: v.sheet.columns, Rows: v.sheet.rows, Bills: v.sheet.bills } }))")
	return &got.Sheet
}

// inSight defines window.sight, which returns the visible rows of the grid from top
// to bottom, each as its cells by column name.
const inSight = `window.sight = () => {
	const grid = document.querySelector(".grid"), box = grid.getBoundingClientRect(), top = box.top + document.querySelector(".gridhead").offsetHeight;
	const names = [...document.querySelectorAll(".gridhead .cell")].map((c) => c.innerText.trim());
	return [...document.querySelectorAll(".gridrow")].filter((r) => !r.hidden).map((r) => [r.getBoundingClientRect(), r])
		.filter(([b]) => b.bottom > top + 1 && b.top < box.bottom - 1).sort(([a], [b]) => a.top - b.top)
		.map(([, r]) => ({ index: Number(r.getAttribute("aria-rowindex")), ...Object.fromEntries([...r.querySelectorAll(".cell")].map((c) => [names[Number(c.getAttribute("aria-colindex")) - 1], c.textContent])) }));
};
window.settled = async () => { for (let i = 0; i < 4; i++) await new Promise(requestAnimationFrame); };`

// heading returns the selector of a column's heading.
func (w *window) heading(name string) string {
	w.t.Helper()
	return "#" + value[string](w, fmt.Sprintf(`[...document.querySelectorAll(".gridhead .cell")].find((c) => c.innerText.trim() === %q).id`, name))
}

func TestASheetOfTenThousandRows(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(sample.Options{Bills: 250, Lines: 10_000, Seed: 3}, ""))
	w.grid()
	w.run(inSight)
	sheet := w.sheet()
	if len(sheet.Rows) != 10_000 {
		t.Fatalf("the sheet has %d rows", len(sheet.Rows))
	}
	if got := value[string](w, "document.querySelector('.grid').getAttribute('aria-rowcount')"); got != "10001" {
		t.Errorf("the grid says that it has %s rows", got)
	}
	if n := value[int](w, "document.querySelectorAll('.gridrow').length"); n > 100 {
		t.Errorf("%d rows are elements", n)
	}

	// At every scroll position the right rows are visible.
	invoice, style := sheet.column("Invoice No."), sheet.column("Style")
	for _, at := range []float64{0, 0.001, 0.0013, 0.3, 0.77, 0.5, 1} {
		w.run(fmt.Sprintf(`const g = document.querySelector(".grid"); g.scrollTop = (g.scrollHeight - g.clientHeight) * %g; await settled();`, at))
		rows := value[[]map[string]any](w, "sight()")
		if len(rows) < 10 {
			t.Fatalf("at %g only %d rows are in sight", at, len(rows))
		}
		first := value[int](w, "Math.floor(document.querySelector('.grid').scrollTop / 30)")
		for i, r := range rows {
			n := int(r["index"].(float64)) - 2
			if n != first+i {
				t.Fatalf("at %g row %d in sight is %d of the sheet, not %d", at, i, n, first+i)
			}
			if want := sheet.Rows[n].Cells; r["Invoice No."] != want[invoice] || r["Style"] != want[style] {
				t.Fatalf("row %d shows %v and %v instead of %v and %v", n, r["Invoice No."], r["Style"], want[invoice], want[style])
			}
		}
	}

	// The first columns stay visible during horizontal scrolling, with the headings
	// above.
	type corner struct{ X, Head, Last float64 }
	where := func(n int) corner {
		return value[corner](w, fmt.Sprintf(`(() => { const r = document.querySelector(".gridrow:not([hidden])"), x = (e) => e.getBoundingClientRect().x; return { X: x(r.querySelectorAll(".cell")[%d]), Head: x(document.querySelectorAll(".gridhead .cell")[%d]), Last: x([...r.querySelectorAll(".cell")].at(-1)) }; })()`, n, n))
	}
	var before [3]corner
	for n := range before {
		before[n] = where(n)
	}
	w.run(`document.querySelector(".grid").scrollLeft = 300; await settled();`)
	for n, was := range before {
		if now := where(n); now.X != was.X || now.Head != was.Head || now.X != now.Head || now.Last >= was.Last {
			t.Errorf("scrolled sideways, column %d went from %+v to %+v", n, was, now)
		}
	}
}

func TestTheSheetIsSearchedFilteredAndSorted(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(sample.Options{Bills: 40, Lines: 200, Seed: 3}, ""))
	w.grid()
	w.run(inSight)
	sheet := w.sheet()
	count := func(keep func(cells []any) bool) (n int) {
		for _, r := range sheet.Rows {
			if keep(r.Cells) {
				n++
			}
		}
		return n
	}

	style, _ := sheet.Rows[7].Cells[sheet.column("Style")].(string)
	w.click("#sheet-search")
	w.must(w.Press(style))
	want := count(func(c []any) bool { return c[sheet.column("Style")] == style })
	w.until(fmt.Sprintf("document.querySelector('.grid').getAttribute('aria-rowcount') === '%d'", want+1))
	w.says("#panel-sheet .found", fmt.Sprintf("%d of 200 rows", want))
	w.run(`const s = document.querySelector("#sheet-search"); s.value = "no such thing"; s.dispatchEvent(new Event("input")); await settled();`)
	if rows := value[[]map[string]any](w, "sight()"); len(rows) != 0 {
		t.Errorf("a search without a match finds %v", rows)
	}
	w.run(`const s = document.querySelector("#sheet-search"); s.value = ""; s.dispatchEvent(new Event("input"));`)

	ship, _ := sheet.Rows[0].Cells[sheet.column("Ship To Name")].(string)
	want = count(func(c []any) bool { return c[sheet.column("Ship To Name")] == ship })
	w.run(fmt.Sprintf(`const s = document.querySelector("#sheet-ship"); s.selectedIndex = [...s.options].findIndex((o) => o.text.startsWith(%q)); s.dispatchEvent(new Event("change")); await settled();`, ship+" ("))
	w.says("#panel-sheet .found", fmt.Sprintf("%d of 200 rows", want))
	for _, r := range value[[]map[string]any](w, "sight()") {
		if r["Ship To Name"] != ship {
			t.Errorf("the filter for %s shows %v", ship, r["Ship To Name"])
		}
	}
	w.run(`const s = document.querySelector("#sheet-ship"); s.selectedIndex = 0; s.dispatchEvent(new Event("change"));`)

	// Numbers are sorted as numbers and dates as dates: sorted as texts, both would
	// differ.
	for _, c := range []struct{ name, key string }{
		{"Cartons", `Number(t.replaceAll(",", ""))`}, {"Total Pieces", `Number(t.replaceAll(",", ""))`}, {"Cancel Date", `Date.parse(t)`},
	} {
		for _, way := range []string{"ascending", "descending"} {
			w.click(w.heading(c.name))
			w.run("await settled();")
			if got := value[string](w, fmt.Sprintf("document.querySelector(%q).getAttribute('aria-sort')", w.heading(c.name))); got != way {
				t.Errorf("%s is sorted %q, not %s", c.name, got, way)
			}
			var shown []*float64
			for _, at := range []string{"0", "g.scrollHeight / 2", "g.scrollHeight"} {
				w.run("const g = document.querySelector('.grid'); g.scrollTop = " + at + "; await settled();")
				shown = append(shown, value[[]*float64](w, fmt.Sprintf("sight().map((r) => ((t) => (t === '' ? null : %s))(r[%q]))", c.key, c.name))...)
			}
			var keys []float64
			for i, v := range shown {
				if v != nil {
					keys = append(keys, *v)
				} else if slices.ContainsFunc(shown[i:], func(v *float64) bool { return v != nil }) {
					t.Errorf("%s %s: a value comes after an empty cell", c.name, way)
				}
			}
			if way == "descending" {
				slices.Reverse(keys)
			}
			if !slices.IsSorted(keys) || keys[0] == keys[len(keys)-1] {
				t.Errorf("%s %s is %v", c.name, way, keys)
			}
		}
		w.click(w.heading(c.name)) // a third click restores the order of the file
	}
	w.run("document.querySelector('.grid').scrollTop = 0; await settled();")
	if r := value[[]map[string]any](w, "sight()")[0]; r["#"] != "1" {
		t.Errorf("without sorting the first row is %v", r)
	}
}

func TestDownloadsAgreeWithTheAPI(t *testing.T) {
	p, w := opened(t)
	w.load(p.shipment(small, ""))
	down := w.downloads()
	for _, d := range []struct{ button, format, file string }{
		{"Download CSV", "csv", "load-sheet-bol.csv"}, {"Download Excel", "xlsx", "load-sheet-bol.xlsx"}, {"Download JSON", "json", "load-sheet-bol.json"}, {"Download eBOL drafts", "ebol", "load-sheet-bol.ebol.json"},
	} {
		w.click(fmt.Sprintf("#step-sheet button[aria-label=%q]", d.button))
		got := saved(t, filepath.Join(down, d.file))
		want, err := base64.StdEncoding.DecodeString(value[string](w, fmt.Sprintf(`fetch("download-bol?format=%s").then((r) => r.arrayBuffer()).then((b) => btoa(Array.from(new Uint8Array(b), (c) => String.fromCharCode(c)).join("")))`, d.format)))
		must.OK(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%s was saved as %d bytes, which are not the %d of the API", d.format, len(got), len(want))
		}
	}
}
