package browsertest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/xuri/excelize/v2"

	"tallyman/internal/sample"
	"tallyman/internal/testing/browser"
	"tallyman/internal/testing/shipments"
)

// ana opens the page as somebody whose name is known, with downloads in a folder.
func (p *place) ana() (w *window, down string) {
	p.t.Helper()
	w = p.unhurried()
	w.ready()
	w.named("Ana")
	return w, w.downloads()
}

// flawed does so with the sample with mistakes.
func (p *place) flawed() (w *window, down string) {
	p.t.Helper()
	w, down = p.ana()
	w.try("flawed")
	w.until("document.querySelector('.issue')")
	return w, down
}

// named says who the person is, whom the page asks otherwise.
func (w *window) named(name string) {
	w.t.Helper()
	w.run(fmt.Sprintf("localStorage.setItem('tallyman.name', %q)", name))
}

// workbook downloads the sheet as a workbook and returns its cells by "row column", the row
// counted from 1 without the header, and its notes.
func (w *window) workbook(down string) (cells, notes map[string]string) {
	w.t.Helper()
	w.click("#step-sheet button[aria-label='Download Excel']")
	pattern := filepath.Join(down, "*.xlsx")
	// While findings are not ticked off, the page asks first.
	const asks = "document.querySelector('#ask[open] button[value=save]')"
	comes(func() bool {
		found, _ := filepath.Glob(pattern)
		if len(found) == 0 && value[bool](w, "Boolean("+asks+")") {
			w.run(asks + "?.click()")
		}
		return len(found) > 0
	})
	f, err := excelize.OpenReader(bytes.NewReader(saved(w.t, pattern)))
	w.must(err)
	defer f.Close()
	w.must(os.Remove(only(w.t, pattern)))
	tab := f.GetSheetName(0)
	rows, err := f.GetRows(tab, excelize.Options{RawCellValue: true})
	w.must(err)
	cells, notes = map[string]string{}, map[string]string{}
	for i, row := range rows[1:] {
		if slices.Contains(row, "Total") {
			break // the sums
		}
		for j, v := range row {
			if v != "" {
				cells[fmt.Sprintf("%d %s", i+1, rows[0][j])] = v
			}
		}
	}
	comments, err := f.GetComments(tab)
	w.must(err)
	for _, c := range comments {
		col, row, err := excelize.CellNameToCoordinates(c.Cell)
		w.must(err)
		text := c.Text
		for _, run := range c.Paragraph {
			text += run.Text
		}
		notes[fmt.Sprintf("%d %s", row-1, rows[0][col-1])] = text
	}
	return cells, notes
}

// changes fails unless exactly these cells of the workbook differ from those before: what was
// there, an arrow, what is there. It returns the workbook's notes.
func (w *window) changes(down, when string, before, want map[string]string) map[string]string {
	w.t.Helper()
	after, notes := w.workbook(down)
	diff := map[string]string{}
	for k := range before {
		if after[k] != before[k] {
			diff[k] = before[k] + " → " + after[k]
		}
	}
	for k := range after {
		if before[k] == "" {
			diff[k] = " → " + after[k]
		}
	}
	if !maps.Equal(diff, want) {
		w.t.Errorf("%s, the workbook changed by %q, not %q", when, diff, want)
	}
	return notes
}

// amendment is the part of an amendment that tests read.
type amendment struct{ ID, Kind, By, Value, Was, State, Note string }

func (w *window) amendments() []amendment {
	w.t.Helper()
	return value[[]amendment](w, "fetch('amendments').then((r) => r.json()).then((a) => a.amendments)")
}

// amended waits until there are so many amendments.
func (w *window) amended(n int) {
	w.t.Helper()
	if !comes(func() bool { return len(w.amendments()) == n }) {
		w.t.Fatalf("there are never %d amendments, but %+v", n, w.amendments())
	}
}

// rowOf returns the number of the row of a bill and style in the sheet, from 1, and its JSON.
func (s *apiSheet) rowOf(t *testing.T, bill, style string) int {
	t.Helper()
	for i, r := range s.Rows {
		if r.Cells[s.column("Invoice No.")] == bill && r.Cells[s.column("Style")] == style {
			return i + 1
		}
	}
	t.Fatalf("the sheet has no row of bill %s, style %s", bill, style)
	return 0
}

// The sums change while somebody types. Everything is done with the keyboard.
func TestAValueIsCorrectedByKeyboardAlone(t *testing.T) {
	p := newPlace(t)
	w := p.unhurried()
	w.ready()
	down := w.downloads()
	w.enter("#try-flawed")
	w.until(joined + " && document.querySelector('.issue')")
	before, _ := w.workbook(down)

	w.tabTo("#tab-bills")
	w.until("document.querySelector('.bill[open] tr.line')")
	w.enter(".bill[open] tr.line:last-child button")
	w.until(inspected)
	w.says("#inspector-title", "Line 4 of bill T20425")
	w.says(".preview", "Does not add up: Pieces: 2 missing")
	w.press("e")
	w.at("#v-" + w.billIndex("T20425") + "-3-cartons")
	w.tabTo("[aria-label='Pieces of line 4']")
	w.press("5")
	w.says(".preview", "If saved: Does not add up")
	w.press(",502")
	w.says(".preview", "If saved: Adds up")
	// What is not a number is not sent.
	w.press("x" + kb.Enter)
	w.until("document.querySelector('.values [aria-invalid]')")
	w.says(".values .preview", "“5,502x” is not a number")
	w.press(kb.Backspace + kb.Enter)
	// The person is asked for a name, once.
	w.until("document.querySelector('.write[open]')")
	w.press("Ana" + kb.Enter)
	w.says(".told", "1 change of bill T20425 was saved.")
	w.says(".preview", "Adds up")
	w.says(".values", "was 5,500", "Ana", "amended")
	w.until("document.activeElement.ariaLabel === 'Pieces of line 4'")

	at := fmt.Sprintf("%d Individual Pieces", w.sheet().rowOf(t, "T20425", "Q00035RO"))
	notes := w.changes(down, "corrected", before, map[string]string{at: "5500 → 5502"})
	if note := notes[at]; !strings.Contains(note, "5,500") {
		t.Errorf("the note of %s is %q", at, note)
	}

	// A second correction of the same value replaces the first and asks for no name. Undone,
	// everything is as before.
	w.run("const field = document.querySelector(\"[aria-label='Pieces of line 4']\"); field.focus(); field.select()")
	w.press("5,503" + kb.Enter)
	w.until("document.querySelector('.preview').textContent.startsWith('Does not add up')")
	if list := w.amendments(); len(list) != 1 || list[0].Value != "5,503" || list[0].Was != "5,500" || list[0].By != "Ana" {
		t.Errorf("the amendments are %+v", list)
	}
	w.enter(".changes summary")
	w.enter(".changes button")
	w.until("document.querySelector('.changes').hidden")
	w.changes(down, "after the undo", before, nil)
	w.press(kb.Escape)
}

// billIndex returns the index of a bill of that number.
func (w *window) billIndex(number string) string {
	w.t.Helper()
	return fmt.Sprint(value[int](w, fmt.Sprintf("fetch('view').then((r) => r.json()).then((v) => v.sheet.bills.findIndex((b) => b.number?.text === %q))", number)))
}

// A click on a value of the picture leads to it. What is not a line is removed, and what was not
// read is added, with its place on the picture.
func TestLinesAreRemovedAndAddedOnThePicture(t *testing.T) {
	w, down := newPlace(t).flawed()
	before, _ := w.workbook(down)
	w.until("document.querySelector('.bill[open] tr.line')")
	w.inspect(".bill[open] tr.line:first-child button")
	bill := w.billIndex("T20425")
	spot := func(expression string) string { // scrolls to a place of the picture, and is it in parts of the picture
		return fmt.Sprintf(`(async () => {
			const s = (await (await fetch("view")).json()).sheet.bills[%s];
			const p = %s, r = document.querySelector(".paper").getBoundingClientRect();
			const [w, h] = document.querySelector(".marks").getAttribute("viewBox").split(" ").slice(2).map(Number);
			document.querySelector(".viewport").scrollTop += r.top + p.y0 * r.height / h - document.querySelector(".viewport").getBoundingClientRect().top - 100;
			return { X: p.x0 / w, Y: p.y0 / h, Width: (p.x1 - p.x0) / w, Height: (p.y1 - p.y0) / h };
		})()`, bill, expression)
	}
	at := value[box](w, spot("s.lines[3].style.box"))
	w.must(w.ClickIn(".paper", at.X+at.Width/2, at.Y+at.Height/2))
	w.until("document.activeElement.id === 'v-" + bill + "-3-style' && document.querySelector('.marks .now')")

	// The line is removed. Its values stay in the list of changes.
	w.click("[aria-label='Line 4 is not a line: remove it']")
	w.until("document.querySelectorAll('.valuetable tbody tr').length === 3")
	w.says(".told", "Line 4 of bill T20425 was removed.")
	w.says(".preview", "Does not add up: Cartons: 110 missing, Pieces: 5,502 missing")
	gone, _ := w.workbook(down)
	if len(gone) >= len(before) {
		t.Errorf("without the line the workbook has %d cells, and had %d", len(gone), len(before))
	}

	// It is added again, at the place that is dragged.
	w.click(".values [class=set] button:nth-of-type(2)")
	w.until("document.activeElement.id === 'draft-0-cartons'")
	w.press("110" + kb.Tab + "Q00035RO" + kb.Tab + "5,502" + kb.Tab + "137.50" + kb.Tab + "4,859.8" + kb.Tab + "45-91574-71" + kb.Tab + kb.Tab + "CAST IRON HOOK 50 CT")
	w.says(".preview", "If saved: Adds up")
	at = value[box](w, spot("({ x0: 30, y0: 500, x1: 560, y1: 520 })"))
	paper := value[box](w, "((r) => ({ Width: r.width, Height: r.height }))(document.querySelector('.paper').getBoundingClientRect())")
	w.must(w.DragIn(".paper", at.X, at.Y, at.Width*paper.Width, at.Height*paper.Height))
	w.until("document.querySelector('.marks .now')")
	w.click("#draft-0-cartons")
	w.press(kb.Enter)
	w.until("document.querySelectorAll('.valuetable tbody tr.added').length === 1 && !document.querySelector('#draft-0-cartons')")
	w.says(".values", "added", "Adds up")
	got := value[struct {
		Added bool
		Page  int
		Box   struct{ Y0, Y1 float64 }
	}](w, fmt.Sprintf(`fetch("view").then((r) => r.json()).then((v) => v.sheet.bills[%s].lines.at(-1)).then((l) => ({ Added: l.added, Page: l.page, Box: { Y0: l.box.y0, Y1: l.box.y1 } }))`, bill))
	if !got.Added || got.Page != 2 || got.Box.Y0 < 497 || got.Box.Y1 > 523 {
		t.Errorf("the line that was added is %+v", got)
	}
	after, _ := w.workbook(down)
	at4 := fmt.Sprintf("%d ", w.sheet().rowOf(t, "T20425", "Q00035RO"))
	if after[at4+"Individual Pieces"] != "5502" || after[at4+"Cartons"] != "110" || after[at4+"Individual Weight"] != "4859.8" {
		t.Errorf("the row of the added line has %s pieces, %s cartons", after[at4+"Individual Pieces"], after[at4+"Cartons"])
	}

	// What somebody added is taken away again as a whole; and the other line comes back.
	w.click("[aria-label='Line 4 is not a line: remove it']")
	w.until("document.querySelectorAll('.valuetable tbody tr').length === 3")
	w.run("document.querySelector('.changes').open = true")
	w.click(".changes button")
	w.until("document.querySelectorAll('.valuetable tbody tr').length === 4 && document.querySelector('.changes').hidden")
	w.changes(down, "after the undo", before, nil)
}

func TestABillThatNothingProvesIsAccepted(t *testing.T) {
	p := newPlace(t)
	w, down := p.ana()
	w.must(w.Files("#bills-files", p.weak()))
	w.until("document.querySelector('#accept') && document.querySelector('.bill')")
	if cells, _ := w.workbook(down); len(cells) != 0 {
		t.Fatalf("the workbook has %d cells already", len(cells))
	}
	w.run("document.querySelector('.bill').open = true")
	w.until("document.querySelector('.bill[open] tr.line')")
	w.inspect(".bill[open] tr.line button")
	w.press("e")
	w.until("document.activeElement.matches('.values input')")
	w.tabTo(".values .set button", chromedp.ModifierShift)
	w.tabTo(".values .set button:first-child", chromedp.ModifierShift)
	w.says(".values .set", "Accept the bill")
	// The key that opens the question does not answer it, however long it is held.
	w.must(w.Hold('\r', func() { w.until("document.querySelector('.write[open]')") }))
	w.press("compared with the page" + kb.Enter)
	w.says(".told", "was accepted")
	w.says(".values", "accepted")
	w.until("document.querySelector('.values .set button:first-child').hidden")
	if cells, _ := w.workbook(down); cells["1 Cartons"] == "" {
		t.Errorf("the workbook of the accepted bill has %q", cells)
	}
	if list := w.amendments(); len(list) != 1 || list[0].Kind != "accept" || list[0].Note != "compared with the page" {
		t.Errorf("the amendments are %+v", list)
	}
	w.click(".told button:not(.icon)") // Undo
	w.until("!document.querySelector('.values .set button:first-child').hidden")
	if cells, _ := w.workbook(down); len(cells) != 0 {
		t.Errorf("after the undo the workbook has %d cells", len(cells))
	}
}

// A line that is dragged onto an order row is paired with that row, and with no other.
func TestALineIsDraggedOntoItsOrderRow(t *testing.T) {
	w, down := newPlace(t).flawed()
	w.click("#tab-matching")
	w.until("document.querySelector('.differs')")
	w.click("input[value=lines]")
	w.until("document.querySelector('.why')")
	w.click("#panel-matching td:last-child button")
	w.until("document.querySelectorAll('.orders .item').length > 2 && document.querySelectorAll('.lines .item').length > 1")
	m := value[apiMatch](w, "fetch('view').then((r) => r.json()).then((v) => v.sheet.match)")
	line := value[string](w, "document.querySelector('.lines .item:nth-child(2) strong').innerText")
	order := value[string](w, "document.querySelector('.orders .item:nth-child(3) small').innerText")
	w.must(w.Carry(".lines .item:nth-child(2)", ".orders .item:nth-child(3)"))
	l := m.UnmatchedLines[1]
	if line != l.Bill+" "+l.Style {
		t.Fatalf("the second line is %q, not that of bill %s, style %s", line, l.Bill, l.Style)
	}
	w.says(".told", fmt.Sprintf("Bill %s, style %s is paired with", l.Bill, l.Style))
	list := w.amendments()
	if len(list) != 1 || list[0].Kind != "pair" || list[0].State != "applied" {
		t.Fatalf("the amendments are %+v", list)
	}
	after, _ := w.workbook(down)
	row := w.sheet().rowOf(t, l.Bill, l.Style)
	if ship := after[fmt.Sprintf("%d Ship To Name", row)]; ship == "" || !strings.Contains(order, ship) {
		t.Errorf("the line was dropped on %q, and its row is for %q", order, ship)
	}
}

// A near miss is accepted, others are paired by hand and taken apart, by keyboard alone.
func TestLinesArePairedByKeyboardAlone(t *testing.T) {
	w, down := newPlace(t).flawed()
	before, _ := w.workbook(down)
	m := value[apiMatch](w, "fetch('view').then((r) => r.json()).then((v) => v.sheet.match)")
	w.tabTo("#tab-bills")
	w.press(kb.ArrowRight)
	w.until("document.querySelector('.near td')")
	w.says(".near tbody tr:first-child", "The bill adds up: the order was probably shipped in part.")
	w.enter(".near [id^=accept-]")
	near := m.NearMisses[0]
	w.says(".told", fmt.Sprintf("Bill %s, style %s is paired with order row %d.", near.Line.Bill, near.Line.Style, near.Order.Number))
	w.until(fmt.Sprintf("document.querySelectorAll('.near tbody tr').length === %d", len(m.NearMisses)-1))
	after, _ := w.workbook(down)
	row := w.sheet().rowOf(t, near.Line.Bill, near.Line.Style)
	if ship := after[fmt.Sprintf("%d Ship To Name", row)]; ship == "" || after[fmt.Sprintf("%d Individual Pieces", row)] != near.Line.Pieces {
		t.Errorf("the row of the pair is for %q with %s pieces", ship, after[fmt.Sprintf("%d Individual Pieces", row)])
	}

	// By hand: the line, the likeliest order row, and the button that pairs them.
	w.tabTo("#panel-matching input:checked", chromedp.ModifierShift)
	w.press(kb.ArrowDown)
	w.until("document.querySelector('.group h2').textContent === 'Lines without order'")
	w.tabTo("#panel-matching td:last-child button")
	chosen := value[string](w, "document.activeElement.ariaLabel.replace('Pair ', '')")
	w.press(kb.Enter)
	w.at(".orders .item")
	w.press(kb.Enter)
	w.at("#hand-pair")
	w.says(".group", "They differ:")
	w.press(kb.Enter)
	w.says(".told", strings.Replace(chosen, "bill", "Bill", 1)+" is paired with")
	if list := w.amendments(); len(list) != 2 || list[1].Kind != "pair" || list[1].State != "applied" || list[1].By != "Ana" {
		t.Errorf("the amendments are %+v", list)
	}

	// Taken apart again, everything is as before.
	for range 2 {
		w.run("document.querySelector('#panel-matching input[value=matched]').click()")
		w.until("document.querySelector('.group h2').textContent === 'Matched' && document.querySelector('.was')")
		n := len(w.amendments())
		w.run("document.querySelector('td:has(.was) button').click()")
		w.amended(n - 1)
		w.until(fmt.Sprintf("document.querySelectorAll('.group .was').length === %d", n-1))
	}
	w.changes(down, "after the undo", before, nil)

	// Lines that matched are taken apart, too.
	w.run("document.querySelector('#panel-matching tbody td:last-child button').click()")
	w.until("document.querySelector('.tile:has([value=lines]) .figure').textContent === '" + fmt.Sprint(len(m.UnmatchedLines)+1) + "'")
	w.run("document.querySelector('#panel-matching input[value=lines]').click()")
	w.until("document.querySelector('.group').textContent.includes('Taken apart: Ana')")
}

// Values are typed, filled in and pasted; what has a source stays, and that is said.
func TestColumnsAreFilledInAndPasted(t *testing.T) {
	w, down := newPlace(t).flawed()
	before, _ := w.workbook(down)
	w.grid("#sheet-empty")
	w.run(inSight)
	sheet := w.sheet()
	load := value[int](w, "[...document.querySelectorAll('.gridhead .cell')].findIndex((c) => c.innerText.trim() === 'Load #') + 1")
	cell := func(row, col int) string {
		return fmt.Sprintf(".gridrow[aria-rowindex='%d'] .cell[aria-colindex='%d']", row+1, col)
	}
	saving := func() {
		t.Helper()
		w.until("!document.querySelector('.gridinfo').textContent.includes('Saving')")
	}

	// Typed, and filled in for the ship-to.
	w.click(cell(1, load))
	w.press("L-17" + kb.Enter)
	saving()
	w.press(kb.ArrowUp)
	w.says(".fillbar", "Load #: “L-17”")
	w.click("#fill-ship")
	ship := sheet.Rows[0].Cells[sheet.column("Ship To Name")]
	want := map[string]string{}
	for i, r := range sheet.Rows {
		if r.Cells[sheet.column("Ship To Name")] == ship {
			want[fmt.Sprintf("%d Load #", i+1)] = " → L-17"
		}
	}
	w.says(".told", fmt.Sprintf("Load # is “L-17” for %s: %d rows.", ship, len(want)))
	saving()
	if w.changes(down, "filled in for the ship-to", before, want); len(want) < 2 {
		t.Errorf("the ship-to has %d rows", len(want))
	}

	// Pasted from a spreadsheet over three rows and three columns, of which one has a source.
	w.until("document.querySelector('#sheet-columns:not(:disabled)')")
	order := value[int](w, "[...document.querySelectorAll('.gridhead .cell')].findIndex((c) => c.innerText.trim() === 'Order Date') + 1")
	w.click(cell(2, order-2))
	names := value[[]string](w, fmt.Sprintf("[...document.querySelectorAll('.gridhead .cell')].slice(%d, %d).map((c) => c.innerText.trim())", order-3, order-1))
	paste := func(text string) {
		w.run(fmt.Sprintf(`const d = new DataTransfer(); d.setData("text/plain", %q);
			document.querySelector(".grid").dispatchEvent(new ClipboardEvent("paste", { clipboardData: d, bubbles: true, cancelable: true }));`, text))
	}
	paste("9 AM\tB-1\tx\r\n10 AM\tB-2\ty\r\n\"11\nAM\"\tB-3\tz\r\n")
	w.says(".told", "6 cells were pasted.", "Not pasted: 3 cells in columns with a source (Order Date).")
	for i, texts := range [][]string{{"9 AM", "B-1"}, {"10 AM", "B-2"}, {"11 AM", "B-3"}} {
		for j, text := range texts {
			want[fmt.Sprintf("%d %s", i+2, names[j])] = " → " + text
		}
	}
	saving()
	w.changes(down, "after the paste", before, want)

	// Undone one after another, faster than the server answers.
	w.run("document.querySelector('.grid').focus()")
	for range 3 {
		w.must(w.Press("z", chromedp.ModifierCtrl))
	}
	w.amended(0)
	w.changes(down, "after the undo", before, nil)
	w.until(fmt.Sprintf("document.querySelector(%q)?.textContent === ''", cell(1, load))) // the last is undone in the page, too

	// Downwards, and emptied, by keyboard.
	w.until("document.querySelector('.gridrow')")
	w.click(cell(3, load))
	w.press("7" + kb.Enter + kb.ArrowUp)
	w.must(w.Press(kb.ArrowDown+kb.ArrowDown, chromedp.ModifierShift))
	w.must(w.Press("d", chromedp.ModifierCtrl))
	w.says(".told", "2 cells were filled in")
	saving()
	want = map[string]string{"3 Load #": " → 7", "4 Load #": " → 7", "5 Load #": " → 7"}
	w.changes(down, "filled down", before, want)
	w.run("document.querySelector('.grid').focus()")
	w.press(kb.Delete)
	w.says(".told", "3 cells were emptied")
	saving()
	w.changes(down, "emptied", before, nil)
}

// Two tabs amend the same sheet at once: both changes are kept, or one is told so and shows the
// newest.
func TestTwoTabsAmendAtOnce(t *testing.T) {
	// The change that says SLOW is held until the test lets it go.
	arrived, open := make(chan struct{}), make(chan struct{})
	p := newPlace(t, wrapped(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost && r.URL.Path == "/amendments" {
			body, _ := io.ReadAll(r.Body)
			if bytes.Contains(body, []byte(`"SLOW"`)) {
				close(arrived)
				<-open
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	}))
	w, down := p.flawed()
	before, _ := w.workbook(down)
	other := p.beside(w)
	other.until(joined)
	for _, x := range []*window{w, other} {
		x.follows()
		x.grid("#sheet-empty")
	}
	load := value[int](w, "[...document.querySelectorAll('.gridhead .cell')].findIndex((c) => c.innerText.trim() === 'Load #') + 1")
	cell := func(row int) string {
		return fmt.Sprintf(".gridrow[aria-rowindex='%d'] .cell[aria-colindex='%d']", row+1, load)
	}
	shows := func(x *window, row int, text string) {
		t.Helper()
		x.until(fmt.Sprintf("document.querySelector(%q)?.textContent === %q", cell(row), text))
	}
	// One after another, each shows the other's.
	w.click(cell(1))
	w.press("A" + kb.Enter)
	shows(other, 1, "A")
	other.click(cell(2))
	other.press("B" + kb.Enter)
	shows(w, 2, "B")

	// At once: the change that comes second is told so, is not made, and shows the newest.
	other.click(cell(3))
	other.press("SLOW" + kb.Enter)
	<-arrived
	w.click(cell(4))
	w.press("C" + kb.Enter)
	w.amended(3)
	close(open)
	other.says(".told", "Your change was not made", "somebody else (Ana")
	shows(other, 4, "C")
	shows(other, 3, "")
	// Repeated, it is made.
	other.click(cell(3))
	other.press("D" + kb.Enter)
	shows(w, 3, "D")
	// Between the load of the sheet and the beginning of the stream of events, too.
	w.must(w.Before("hold('/events', true)"))
	w.must(w.Reload())
	w.until(joined)
	shows(w, 3, "D")
	other.click(cell(5))
	other.press("E" + kb.Enter)
	other.amended(5)
	w.run("free('/events')")
	shows(w, 5, "E")
	// What is typed while the sheet is being loaded is not hidden by that load.
	w.run("hold('/view')")
	w.click(cell(6))
	w.press("F" + kb.Enter)
	w.amended(6)
	loads := value[int](w, views)
	w.until("asked.at(-1) === '/view'")
	w.click(cell(7))
	w.press("G" + kb.Enter)
	w.amended(7)
	w.run("free('/view')")
	w.until(fmt.Sprintf("%s > %d", views, loads))
	w.settle()
	if got := w.text(cell(7)); got != "G" {
		t.Errorf("after a load that began before it, the cell shows %q, not G", got)
	}
	want := map[string]string{"1 Load #": " → A", "2 Load #": " → B", "3 Load #": " → D", "4 Load #": " → C", "5 Load #": " → E", "6 Load #": " → F", "7 Load #": " → G"}
	w.changes(down, "amended by two", before, want)
}

// Edits of a long sheet keep the page smooth. How long the longest frames are depends on the
// machine, so that they are printed and not judged.
func TestTenThousandRowsAreEdited(t *testing.T) {
	p := newPlace(t)
	w := p.unhurried()
	w.named("Ana")
	w.load(p.shipment(sample.Options{Bills: 250, Lines: 10_000, Seed: 3}, ""))
	w.grid("#sheet-empty")
	load := value[int](w, "[...document.querySelectorAll('.gridhead .cell')].findIndex((c) => c.innerText.trim() === 'Load #') + 1")
	w.run(`window.longest = 0;
		let last = performance.now();
		const frame = (now) => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(frame); };
		requestAnimationFrame(frame);`)
	var last browser.Costs
	phase := func(name string) {
		t.Helper()
		w.run("await new Promise((done) => setTimeout(done, 100))")
		now, err := w.Costs()
		w.must(err)
		t.Logf("%s: the longest frame has %.0f ms; scripts took %.0f ms, layout and style %.0f ms", name,
			value[float64](w, "((n) => { window.longest = 0; return n; })(window.longest)"),
			now.Script-last.Script, now.Layout+now.Style-last.Layout-last.Style)
		last = now
	}
	phase("before")
	w.click(fmt.Sprintf(".gridrow[aria-rowindex='2'] .cell[aria-colindex='%d']", load))
	for i := range 5 {
		w.press(fmt.Sprintf("L-%d", i) + kb.Enter)
	}
	phase("typing five cells")
	w.run("document.querySelector('.grid').scrollTop = 0; document.querySelector('.grid').focus()")
	w.click(fmt.Sprintf(".gridrow[aria-rowindex='2'] .cell[aria-colindex='%d']", load), "#fill-ship")
	w.says(".told", "Load # is “L-0” for")
	phase("filling a ship-to")
	lines, loads := strings.Repeat("X\n", 1000), value[int](w, views)
	w.click(fmt.Sprintf(".gridrow[aria-rowindex='2'] .cell[aria-colindex='%d']", load+1))
	w.run(fmt.Sprintf(`const d = new DataTransfer(); d.setData("text/plain", %q);
		document.querySelector(".grid").dispatchEvent(new ClipboardEvent("paste", { clipboardData: d, bubbles: true, cancelable: true }));`, lines))
	w.says(".told", "1,000 cells were pasted.")
	phase("pasting 1,000 cells")
	w.must(w.Wheel(".grid", 0, 400, 40))
	phase("scrolling")
	w.until(fmt.Sprintf("%s > %d", views, loads))
	phase("loading the sheet in a pause")
	if n := len(w.amendments()); n < 7 || n > 1006 {
		t.Errorf("there are %d amendments", n)
	}
}

// The real sample with one order row spoilt: a value is corrected, the near miss paired, a
// column filled in for a ship-to, a finding ticked off. The sheet is what it should be, to the
// byte, but for these places.
func TestTheRealSampleIsFinished(t *testing.T) {
	ship, ok := shipments.Real(t, "../../..")
	if !ok {
		t.Skip("the real sample is not here")
	}
	p := newPlace(t)
	w, down := p.ana()
	const row, spoilt = "G24025,D91840LA,2,48,", "G24025,D91840LA,2,50,"
	if !bytes.Contains(ship.Orders, []byte(row)) {
		t.Fatalf("the orders have no row %s", row)
	}
	put := func(name string, b []byte) string {
		return p.file(name, func(to io.Writer) error { _, err := to.Write(b); return err })
	}
	w.upload(put("bol.pdf", ship.Bills))
	w.join(put("orders.csv", bytes.Replace(ship.Orders, []byte(row), []byte(spoilt), 1)))

	// The near miss is paired.
	w.click("#tab-matching", ".tile:has(input[value=near])", "[id^=accept-]")
	w.says(".told", "is paired with order row")
	// The weight of a line is corrected.
	w.click("#tab-bills")
	w.run("const s = document.querySelector('#bill-search'); s.value = 'G24024'; s.dispatchEvent(new Event('input')); document.querySelector('.bill').open = true")
	w.until("document.querySelector('.bill[open] tr.line')")
	w.inspect(".bill[open] tr.line button")
	w.click("[aria-label='Weight of line 1']")
	w.run("document.activeElement.select()")
	w.press("99.9" + kb.Enter)
	w.says(".told", "1 change of bill G24024 was saved.")
	w.click(".inspector [aria-label='Close']")
	w.until(shut)
	// What does not add up now is ticked off.
	w.until("document.querySelector('.issues')?.innerText.includes('Does not add up')")
	w.click(".issues .tick input")
	w.until("document.querySelector('.noteform input')")
	w.press("seen" + kb.Enter)
	w.says(".told", "Ticked off.")
	// A column is filled in for a ship-to.
	w.click("#tab-sheet", "#sheet-empty")
	w.until("document.querySelector('.gridrow .open')")
	load := value[int](w, "[...document.querySelectorAll('.gridhead .cell')].findIndex((c) => c.innerText.trim() === 'Load #') + 1")
	w.click(fmt.Sprintf(".gridrow[aria-rowindex='2'] .cell[aria-colindex='%d']", load))
	w.press("L-1" + kb.Enter + kb.ArrowUp)
	w.click("#fill-ship")
	w.amended(5)

	rows, err := csv.NewReader(bytes.NewReader(ship.Expected)).ReadAll()
	w.must(err)
	column := func(name string) int { return slices.Index(rows[0], name) }
	first, changed := rows[1][column("Ship To Name")], 0
	for _, r := range rows[1:] {
		if r[column("Ship To Name")] == first {
			r[column("Load #")] = "L-1"
			changed++
		}
		if r[column("Invoice No.")] == "G24024" && r[column("Individual Weight")] != "99.9" {
			r[column("Individual Weight")] = "99.9"
		}
	}
	var want bytes.Buffer
	out := csv.NewWriter(&want)
	w.must(out.WriteAll(rows))
	got := value[string](w, "fetch('download-bol').then((r) => r.text())")
	if got != want.String() || changed < 2 {
		t.Errorf("the sheet is not what it should be, with %d rows filled in: %s", changed, firstDifference(got, want.String()))
	}
	if cells, _ := w.workbook(down); cells["1 Load #"] != "L-1" {
		t.Errorf("the workbook has %q as Load #", cells["1 Load #"])
	}
	if list := w.amendments(); !slices.ContainsFunc(list, func(a amendment) bool { return a.Kind == "check" && a.Note == "seen" && a.State == "applied" }) {
		t.Errorf("the amendments are %+v", list)
	}
}

// firstDifference shows the first lines of two texts that differ.
func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d is %q, not %q", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("they have %d and %d lines", len(as), len(bs))
}
