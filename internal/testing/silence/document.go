package silence

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tallyman/internal/bol"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/paper"
	"tallyman/internal/testing/planted"
)

// documents are the mutations of a document.
var documents = []mutation{
	{"document: lay its pages differently", (*trial).layPages},
	{"document: drop a row", (*trial).dropRow},
	{"document: double a row", (*trial).doubleRow},
	{"document: hide a row", (*trial).hideRow},
	{"document: print a row again beside itself", (*trial).shadowRow},
	{"document: hide a word", (*trial).hideWord},
	{"document: cut a number", (*trial).cutNumber},
	{"document: cut a text", (*trial).cutText},
	{"document: change a digit", (*trial).changeDigit},
	{"document: change a text", (*trial).changeText},
	{"document: change a total", (*trial).changeTotal},
	{"document: change the number of a page", (*trial).changePageNumber},
	{"document: shift a cell", (*trial).shiftCell},
	{"document: shift a row", (*trial).shiftRow},
	{"document: shift a column", (*trial).shiftColumn},
	{"document: shift or scale a page", (*trial).shiftPage},
	{"document: swap two cells of a column", (*trial).swapInColumn},
	{"document: swap two cells of a row", (*trial).swapInRow},
	{"document: tear a word in two", (*trial).tearWord},
	{"document: drop a page", (*trial).dropPage},
	{"document: add a page", (*trial).addPage},
	{"document: double a page", (*trial).doublePage},
	{"document: shuffle the pages", (*trial).shufflePages},
	{"document: blank a page", (*trial).blankPage},
}

// row is a row of a page's table: the line that is printed in it, and the indexes of its
// words in the page, by column.
type row struct {
	page, bill, line int
	cells            [8][]int
}

// firstRow is the baseline of the first row of a table, and pitch the distance between
// rows, in points.
const firstRow, pitch = 355.585, 11.756

// rows returns the rows of all pages.
func (t *trial) rows() (out []row) {
	for p, leaf := range t.paper.BillPages() {
		bill := slices.Index(t.paper.Bills, leaf.Bill)
		for n := range min(sample.RowsPerPage, len(leaf.Bill.Lines)-(leaf.N-1)*sample.RowsPerPage) {
			r := row{page: p, bill: bill, line: (leaf.N-1)*sample.RowsPerPage + n}
			for i, w := range t.pages[p].Words {
				if math.Abs(float64(w.Base)-firstRow-float64(n)*pitch) < 1 {
					c := 0
					for c+1 < 8 && w.Box.X0 >= bol.Straight.Table.Columns[c+1].Left-1 {
						c++
					}
					r.cells[c] = append(r.cells[c], i)
				}
			}
			out = append(out, r)
		}
	}
	return out
}

// rowOf returns the row that contains a word.
func (t *trial) rowOf(p int, w page.Word) (row, bool) {
	for _, r := range t.rows() {
		if all := r.all(); r.page == p && len(all) > 0 && t.words(p)[all[0]].Base == w.Base {
			return r, true
		}
	}
	return row{}, false
}

// all returns the indexes of a row's words.
func (r *row) all() []int { return slices.Concat(r.cells[:]...) }

func (t *trial) row() row { return planted.Pick(t.Rand, t.rows()) }

func (t *trial) words(p int) []page.Word { return t.pages[p].Words }

// figures are the columns of numbers.
var figures = []sample.Column{sample.Cartons, sample.Pieces, sample.Volume, sample.Weight}

// hide removes words from a page.
func (t *trial) hide(p int, indexes ...int) {
	t.pages[p].Words = planted.Without(t.words(p), indexes...)
}

func (t *trial) layPages() string {
	if t.lay == (paper.Lay{}) {
		return ""
	}
	return "nothing else"
}

func (t *trial) dropRow() string {
	b := planted.Pick(t.Rand, t.paper.Bills)
	i := t.IntN(len(b.Lines))
	b.Lines = slices.Delete(b.Lines, i, i+1)
	t.layOut()
	return fmt.Sprintf("line %d of bill %s", i+1, b.Number)
}

func (t *trial) doubleRow() string {
	b := planted.Pick(t.Rand, t.paper.Bills)
	i := t.IntN(len(b.Lines))
	b.Lines = slices.Insert(b.Lines, t.IntN(len(b.Lines)+1), b.Lines[i])
	t.layOut()
	return fmt.Sprintf("line %d of bill %s", i+1, b.Number)
}

func (t *trial) hideRow() string {
	r := t.row()
	t.hide(r.page, r.all()...)
	return fmt.Sprintf("page %d, line %d", r.page+1, r.line+1)
}

func (t *trial) shadowRow() string {
	r := t.row()
	dx, dy := t.Float32()*8-4, t.Float32()*8-4
	for _, i := range r.all() {
		w := t.words(r.page)[i]
		planted.Move(&w, dx, dy)
		t.pages[r.page].Words = append(t.pages[r.page].Words, w)
	}
	return fmt.Sprintf("page %d, line %d, by %.2f, %.2f", r.page+1, r.line+1, dx, dy)
}

func (t *trial) hideWord() string {
	p := t.IntN(len(t.pages))
	i := t.IntN(len(t.words(p)))
	if t.IntN(2) == 0 {
		r := t.row()
		p, i = r.page, planted.Pick(t.Rand, r.all())
	}
	what := planted.About(p, t.words(p)[i])
	t.hide(p, i)
	return what
}

// figure chooses a figure of a line or, one time in five, a total.
func (t *trial) figure() (p, i int, ok bool) {
	if t.IntN(5) == 0 {
		return t.total()
	}
	r := t.row()
	cell := r.cells[planted.Pick(t.Rand, figures)]
	if len(cell) == 0 {
		return 0, 0, false
	}
	return r.page, cell[len(cell)-1], true
}

// total chooses one of the totals.
func (t *trial) total() (p, i int, ok bool) {
	var found [][2]int
	for p := range t.pages {
		for i, w := range t.words(p) {
			if (math.Abs(float64(w.Base)-613.6) < 1 || math.Abs(float64(w.Base)-631.6) < 1 && w.Box.X0 > 500) && strings.Trim(w.Text, "0123456789.,") == "" {
				found = append(found, [2]int{p, i})
			}
		}
	}
	f := planted.Pick(t.Rand, found)
	return f[0], f[1], true
}

func (t *trial) cutNumber() string {
	p, i, ok := t.figure()
	if !ok || utf8.RuneCountInString(t.words(p)[i].Text) < 2 {
		return ""
	}
	w := &t.words(p)[i]
	before := planted.About(p, *w)
	planted.Cut(t.Rand, w)
	if r, ok := t.rowOf(p, *w); ok && w.Box.X0 > 540 {
		b, n := t.like(r.bill), tenths(w.Text)
		only := len(t.paper.Bills) == 1 && len(b.Lines) == 1
		if !strings.Contains(w.Text, ".") {
			n *= 10
		} else {
			only = false
		}
		b.Lines[r.line].Weight = n
		// The only weight of a document may be rounded to a whole pound.
		if off := max(n-b.Weight, b.Weight-n); !within(b.Weight, b, weight) && (!only || off > 5) {
			t.near = nil
		}
	}
	return before + " to " + w.Text
}

func (t *trial) cutText() string {
	t.merged = true
	r := t.row()
	cell := r.cells[sample.Style]
	if len(cell) == 0 {
		return ""
	}
	w := &t.words(r.page)[cell[0]]
	before := planted.About(r.page, *w)
	planted.Cut(t.Rand, w)
	return before + " to " + w.Text
}

// changeWord changes a digit of a word and describes that.
func (t *trial) changeWord(p int, w *page.Word) string {
	before := planted.About(p, *w)
	w.Text = planted.OtherDigit(t.Rand, w.Text)
	return before + " to " + w.Text
}

// tenths returns a printed weight in tenths of a pound.
func tenths(text string) int {
	n, _ := strconv.Atoi(strings.NewReplacer(",", "", ".", "").Replace(text))
	return n
}

// within reports whether a bill's printed weight or cube differs from the sum of its
// lines by no more than rounding explains: half a unit per line.
func within(printed int, b *sample.Bill, of func(*sample.Line) int) bool {
	for i := range b.Lines {
		printed -= of(&b.Lines[i])
	}
	return 2*max(printed, -printed) <= len(b.Lines)
}

func weight(l *sample.Line) int { return l.Weight }
func volume(l *sample.Line) int { return l.Volume }

// like sets near to a copy of the true sample, and returns a bill of it for a change
// within rounding.
func (t *trial) like(bill int) *sample.Bill {
	s := *t.truth
	s.Bills = slices.Clone(s.Bills)
	b := *s.Bills[bill]
	b.Lines = slices.Clone(b.Lines)
	s.Bills[bill] = &b
	t.near = &s
	return &b
}

func (t *trial) changeDigit() string {
	r := t.row()
	c := planted.Pick(t.Rand, figures)
	cell := r.cells[c]
	if len(cell) == 0 {
		return ""
	}
	w := &t.words(r.page)[cell[len(cell)-1]]
	before := planted.About(r.page, *w)
	if w.Text = planted.OtherDigit(t.Rand, w.Text); w.Text == "" {
		return ""
	}
	if c == sample.Weight {
		b := t.like(r.bill)
		b.Lines[r.line].Weight = tenths(w.Text)
		if !within(b.Weight, b, weight) {
			t.near = nil
		}
	}
	return before + " to " + w.Text
}

func (t *trial) changeTotal() string {
	p, i, _ := t.total()
	w := &t.words(p)[i]
	what := t.changeWord(p, w)
	bill := slices.Index(t.paper.Bills, t.paper.BillPages()[p].Bill)
	b := t.like(bill)
	switch n := tenths(w.Text); {
	case w.Base > 620 && within(n, b, volume):
		b.Cube = n
	case w.Base < 620 && w.Box.X0 > 500 && within(n, b, weight):
		b.Weight = n
	default:
		t.near = nil
	}
	return what
}

func (t *trial) changeText() string {
	r := t.row()
	b := t.truth.Bills[r.bill]
	if t.IntN(3) > 0 {
		w := &t.words(r.page)[r.cells[sample.Style][0]]
		what := t.changeWord(r.page, w)
		b.Lines[r.line].Style = w.Text
		return what
	}
	for i := range t.words(r.page) {
		if w := &t.words(r.page)[i]; w.Text == b.Number {
			what := t.changeWord(r.page, w)
			if len(b.Lines) <= sample.RowsPerPage {
				b.Number = w.Text
			}
			return what
		}
	}
	return ""
}

func (t *trial) changePageNumber() string {
	p := t.IntN(len(t.pages))
	for i := range t.words(p) {
		if w := &t.words(p)[i]; math.Abs(float64(w.Base)-95.8) < 1 && w.Box.X0 > 490 && strings.Trim(w.Text, "0123456789") == "" && t.IntN(2) == 0 {
			return t.changeWord(p, w)
		}
	}
	return ""
}

// shift chooses a distance: a little, up to some columns, or some whole rows.
func (t *trial) shift() (dx, dy float32) {
	switch t.IntN(4) {
	case 0:
		return t.Float32()*240 - 120, 0
	case 1:
		return 0, t.Float32()*24 - 12
	case 2:
		return 0, float32(pitch * float64(t.IntN(7)-3))
	default:
		return t.Float32()*60 - 30, t.Float32()*24 - 12
	}
}

// shiftWords moves some words of a page.
func (t *trial) shiftWords(p int, indexes []int, dx, dy float32) string {
	if len(indexes) == 0 {
		return ""
	}
	defer t.besideStyles(p)
	what := planted.About(p, t.words(p)[indexes[0]])
	for _, i := range indexes {
		planted.Move(&t.words(p)[i], dx, dy)
	}
	return fmt.Sprintf("%s and %d more by %.2f, %.2f", what, len(indexes)-1, dx, dy)
}

// besideStyles adds the order export if a text now stands beside a style like its second
// word: only the export shows that it is not part of the style.
func (t *trial) besideStyles(p int) {
	for _, r := range t.rows() {
		if r.page != p {
			continue
		}
		cell := r.cells[sample.Style]
		for _, i := range cell {
			for _, j := range cell {
				gap := t.words(p)[j].Box.X0 - t.words(p)[i].Box.X1
				t.merged = t.merged || i != j && gap > -3 && gap < 13
			}
		}
	}
}

func (t *trial) shiftCell() string {
	r := t.row()
	dx, dy := t.shift()
	return t.shiftWords(r.page, r.cells[t.IntN(8)], dx, dy)
}

func (t *trial) shiftRow() string {
	r := t.row()
	dx, dy := t.shift()
	// A row that is moved to a free place is a line there.
	to, free := r.line, dx == 0
	for _, o := range t.rows() {
		d := r.line - o.line
		if o.page != r.page || d == 0 {
			continue
		}
		gap := float64(dy) + float64(d)*pitch // the distance below the other row after the move
		free = free && math.Abs(gap) > pitch/2
		switch {
		case d < 0 && gap > 0:
			to++
		case d > 0 && gap < 0:
			to--
		}
	}
	if lines := t.truth.Bills[r.bill].Lines; free && to != r.line {
		l := lines[r.line]
		copy(lines[r.line:], lines[r.line+1:])
		copy(lines[to+1:], lines[to:])
		lines[to] = l
	}
	return t.shiftWords(r.page, r.all(), dx, dy)
}

func (t *trial) shiftColumn() string {
	p, c := t.IntN(len(t.pages)), t.IntN(8)
	var column []int
	for _, r := range t.rows() {
		if r.page == p {
			column = append(column, r.cells[c]...)
		}
	}
	dx, dy := t.shift()
	return t.shiftWords(p, column, dx, dy)
}

func (t *trial) shiftPage() string {
	p, k := t.IntN(len(t.pages)), 0.8+t.Float32()*0.4
	dx, dy := t.Float32()*40-20, t.Float32()*40-20
	for i := range t.words(p) {
		w := &t.words(p)[i]
		planted.Move(w, dx, dy)
		w.Base, w.Size = w.Base*k, w.Size*k
		w.Box = page.Box{X0: w.Box.X0 * k, Y0: w.Box.Y0 * k, X1: w.Box.X1 * k, Y1: w.Box.Y1 * k}
		for j := range w.Edges {
			w.Edges[j] *= k
		}
	}
	return fmt.Sprintf("page %d by %.2f, %.2f, %.3f times as large", p+1, dx, dy, k)
}

func (t *trial) swapInColumn() string {
	a, b := t.row(), t.row()
	if a.bill != b.bill || a.line == b.line || a.page != b.page {
		return ""
	}
	c := sample.Column(t.IntN(8))
	dy := float32(pitch * float64(b.line-a.line))
	for _, i := range a.cells[c] {
		planted.Move(&t.words(a.page)[i], 0, dy)
	}
	for _, i := range b.cells[c] {
		planted.Move(&t.words(a.page)[i], 0, -dy)
	}
	x, y := &t.truth.Bills[a.bill].Lines[a.line], &t.truth.Bills[a.bill].Lines[b.line]
	switch c {
	case sample.Cartons:
		x.Cartons, y.Cartons = y.Cartons, x.Cartons
	case sample.Style:
		x.Style, y.Style = y.Style, x.Style
	case sample.Pieces:
		x.Pieces, y.Pieces = y.Pieces, x.Pieces
	case sample.Weight:
		x.Weight, y.Weight = y.Weight, x.Weight
	}
	return fmt.Sprintf("page %d, lines %d and %d, column %d", a.page+1, a.line+1, b.line+1, c)
}

func (t *trial) swapInRow() string {
	r := t.row()
	a, b := t.IntN(8), t.IntN(8)
	if a == b || len(r.cells[a]) == 0 || len(r.cells[b]) == 0 {
		return ""
	}
	words := t.words(r.page)
	// The style becomes the text that is moved to its cell.
	for _, c := range [2][2]int{{a, b}, {b, a}} {
		if c[0] == int(sample.Style) && !slices.Contains(figures, sample.Column(c[1])) {
			var texts []string
			for _, i := range r.cells[c[1]] {
				texts = append(texts, words[i].Text)
			}
			t.truth.Bills[r.bill].Lines[r.line].Style = strings.Join(texts, " ")
		}
	}
	dx := words[r.cells[b][0]].Box.X0 - words[r.cells[a][0]].Box.X0
	t.shiftWords(r.page, r.cells[a], dx, 0)
	t.shiftWords(r.page, r.cells[b], -dx, 0)
	return fmt.Sprintf("page %d, line %d, columns %d and %d", r.page+1, r.line+1, a, b)
}

func (t *trial) tearWord() string {
	p, i, ok := t.figure()
	if r := t.row(); t.IntN(3) == 0 && len(r.cells[sample.Style]) > 0 {
		p, i, ok = r.page, r.cells[sample.Style][0], true
	}
	if !ok || len(t.words(p)[i].Text) < 2 {
		return ""
	}
	w := t.words(p)[i]
	left, right := w.Split(1 + t.IntN(len(w.Text)-1))
	dx := t.Float32() * 15
	if dx > w.Size/5 {
		t.merged = true // the gap reads as a space; in a text only the order export shows that it is none
	}
	planted.Move(&left, -dx, 0)
	t.pages[p].Words = slices.Insert(slices.Delete(t.words(p), i, i+1), i, left, right)
	return fmt.Sprintf("%s, %q by %.2f", planted.About(p, w), left.Text, dx)
}

func (t *trial) dropPage() string {
	p := t.IntN(len(t.pages))
	leaf := t.paper.BillPages()[p]
	t.pages = slices.Delete(t.pages, p, p+1)
	if leaf.M == 1 {
		i := slices.Index(t.paper.Bills, leaf.Bill)
		t.truth.Bills = slices.Delete(t.truth.Bills, i, i+1)
	}
	return fmt.Sprintf("page %d of %d", p+1, len(t.pages)+1)
}

func (t *trial) addPage() string {
	t.paper.Pages = []sample.Page{
		{Picture: true},
		{Text: []string{"PACKING LIST", "CARTONS STYLE PIECES", "12 Q00007 144"}},
		{Text: []string{"TERMS AND CONDITIONS", "1. The carrier shall not be liable."}},
		{Bill: &sample.Bill{Number: t.paper.Bills[0].Number}, N: 1, M: 1},
		{Bill: &sample.Bill{}, N: 1, M: 1},
	}
	more, err := t.paper.WordPages()
	if err != nil {
		panic(err) // the same layout as before
	}
	i, at := t.IntN(len(more)), t.IntN(len(t.pages)+1)
	t.paper.Pages = nil
	t.pages = slices.Insert(t.pages, at, more[i])
	return fmt.Sprintf("added page %d at %d", i, at+1)
}

func (t *trial) doublePage() string {
	// Bills are in the order of their first pages, so the copy comes after the original.
	p := t.IntN(len(t.pages))
	at := p + 1 + t.IntN(len(t.pages)-p)
	t.pages = slices.Insert(t.pages, at, t.pages[p])
	return fmt.Sprintf("page %d at %d", p+1, at+1)
}

func (t *trial) shufflePages() string {
	if len(t.pages) < 2 {
		return ""
	}
	// Without orders the sheet follows the order of the document.
	t.merged = true
	for _, b := range t.paper.Bills {
		if len(b.Lines) <= sample.RowsPerPage {
			continue
		}
		var of []int
		for p, leaf := range t.paper.BillPages() {
			if leaf.Bill == b {
				of = append(of, p)
			}
		}
		i, j := planted.Pick(t.Rand, of), planted.Pick(t.Rand, of)
		t.pages[i], t.pages[j] = t.pages[j], t.pages[i]
		return fmt.Sprintf("pages %d and %d", i+1, j+1)
	}
	return ""
}

func (t *trial) blankPage() string {
	p := t.IntN(len(t.pages))
	t.pages[p].Words = nil
	return fmt.Sprintf("page %d", p+1)
}
