package bol

import (
	"cmp"
	"fmt"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// table reads the lines.
func (s *scan) table() {
	g := s.gridOf(&s.layout.Table)
	n := len(g.columns)
	top, bottom := s.region()
	for i, c := range g.columns {
		box := page.Box{X0: g.edges[i], Y0: top, X1: g.edges[i+1], Y1: bottom}
		s.Columns = append(s.Columns, Place{c.Name, s.onPage(box)})
	}
	var words, other []*word
	for _, w := range g.rejoined(s.words) {
		switch {
		case w.taken || w.Base <= top || w.Base > bottom || w.Box.X0 < g.edges[0]-4*s.k || w.Box.X0 >= g.edges[n]+12*s.k:
		case s.sized(w):
			words = append(words, w)
		default:
			other = append(other, w)
		}
	}
	t := table{scan: s, grid: g}
	for _, row := range rows(words) {
		t.row(row)
	}
	t.end()
	for _, row := range rows(other) {
		at := s.value(row)
		s.problem(TextInTable, at, "a text in the table is much smaller or larger than its lines: %s", text.Quote(at.Text))
	}
}

// region returns the heights between which baselines are in the table.
func (s *scan) region() (top, bottom float32) {
	_, y := s.frame.at(0, s.layout.Table.Y)
	// The headings are marked as taken, but perhaps not all of them.
	top, bottom = y+4*s.k, y+s.layout.Depth*s.k
	if s.foot {
		_, bottom = s.at(0, s.layout.Foot[0].Label.Y-s.layout.End)
	}
	return top, bottom
}

// table combines the rows of a table to lines.
type table struct {
	*scan
	*grid
	// cells and words are those of the present line: a long description continues in
	// the next row.
	cells [][]*word
	words []*word
	torn  string
}

// row adds a row.
func (t *table) row(words []*word) {
	cells, torn := t.split(words)
	if torn == "" && !level(words) {
		torn = "its words do not stand on one line"
	}
	if t.cells != nil && torn == "" && t.goesOn(cells, words) {
		for i, cell := range cells {
			t.cells[i] = append(t.cells[i], cell...)
		}
		t.words = append(t.words, words...)
		return
	}
	t.end()
	t.cells, t.words, t.torn = cells, words, torn
}

// level reports whether the words of a row are on one line. If not, the page is slanted
// in a way that was not found, and the row may be parts of two.
func level(row []*word) bool {
	low, high := row[0].Base, row[0].Base
	for _, w := range row {
		low, high = min(low, w.Base), max(high, w.Base)
	}
	return high-low <= 0.45*row[0].Size
}

// goesOn reports whether a row continues the one above it: it fills only columns whose
// text wraps, and is next to it.
func (t *table) goesOn(cells [][]*word, words []*word) bool {
	for i, c := range t.columns {
		if len(cells[i]) > 0 && !c.Wraps {
			return false
		}
	}
	last := t.words[len(t.words)-1]
	return words[0].Base-last.Base < 2.2*t.layout.Type*t.k
}

// end makes a line of the rows, or a problem.
func (t *table) end() {
	if t.cells == nil {
		return
	}
	l := Line{File: t.File, Page: t.Page}
	filled := 0
	for i, c := range t.columns {
		words := t.cells[i]
		if len(words) > 0 {
			filled++
		}
		t.set(&l.Cells, cellIndex[c.Name], words)
		if n, ok := fieldAt(&l.Cells, cellIndex[c.Name]).(*Number); ok {
			t.look(n, c.Decimals)
		}
		if c.Name == "style" && strayed(words) {
			t.problem(TextInTable, l.Style, "the style of a line holds two texts: %s", text.Quote(l.Style.Text))
		}
	}
	whole := t.value(t.words)
	l.Box = whole.Box
	l.Style.Text = page.Seen(l.Style.Text)
	t.lookText(&l.Style, false)
	reason := cmp.Or(t.torn, unreadable(&l))
	switch {
	case t.torn == "" && l.Style.Text == "" && l.figures() == 0:
		t.problem(TextInTable, whole, "a text in the table belongs to no line: %s", text.Quote(whole.Text))
	case reason == "" && filled == 1:
		reason = "there is nothing else on it"
		fallthrough
	case reason != "":
		t.problem(UnreadRow, whole, "a row of the table cannot be read (%s): %s", reason, text.Quote(whole.Text))
	default:
		t.Bill.Lines = append(t.Bill.Lines, l)
	}
	t.cells = nil
}

// strayed reports whether one of the words of a cell came from another place: it is
// further away than two spaces of a fixed-width type, or is printed over another.
func strayed(cell []*word) bool {
	for i := 1; i < len(cell); i++ {
		a, b := cell[i-1], cell[i]
		gap := b.Box.X0 - a.Box.X1
		if near(a.Base, b.Base, a.Size/4) && (gap > 1.4*a.Size || gap < -a.Size/4) {
			return true
		}
	}
	return false
}

// figures returns how many of the line's columns of numbers are filled.
func (l *Line) figures() int {
	n := 0
	for _, f := range Fields {
		if cellOf(l, f).Text != "" {
			n++
		}
	}
	return n
}

// unreadable returns why a row is not a line, "" if it is one. A line has a style,
// since the halves of a torn row must not add up to its bill's totals; and it has
// cartons or pieces.
func unreadable(l *Line) string {
	for _, f := range Fields {
		n := cellOf(l, f)
		switch {
		case n.Text != "" && !n.Valid:
			return fmt.Sprintf("%s is not a number: %s", columnOf(f), text.Quote(n.Text))
		case (f == Cartons || f == Pieces) && decimalsOf(n.Text) > 0:
			return fmt.Sprintf("%s is not a whole number: %s", columnOf(f), text.Quote(n.Text))
		}
	}
	switch {
	case l.Style.Text == "":
		return "it has no style"
	case !l.Cartons.Valid && !l.Pieces.Valid:
		return "it has neither cartons nor pieces"
	}
	return ""
}

// columnOf returns the name of the column that is summed for a field.
func columnOf(f Field) string {
	if f == Cube {
		return "volume"
	}
	return string(f)
}
