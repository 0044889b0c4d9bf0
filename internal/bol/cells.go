package bol

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/text"
)

// grid has the columns of a Grid as they are on a page.
type grid struct {
	columns []Column
	edges   []float32 // the left edges of the columns, and the right edge of the last
	k       float32   // the size of a point of the form
}

func (s *scan) gridOf(g *Grid) *grid {
	out := &grid{columns: g.Columns, k: s.k, edges: make([]float32, 0, len(g.Columns)+1)}
	for _, c := range g.Columns {
		out.edges = append(out.edges, s.x+c.Left*s.k)
	}
	out.edges = append(out.edges, s.x+g.Columns[len(g.Columns)-1].Right*s.k)
	return out
}

// slack is how far to the left of its column's edge a word may begin, in points of the
// form.
const slack = 1.5

// column returns the column of a word that begins at x.
func (g *grid) column(x float32) int {
	x += slack * g.k
	c := 0
	for c+1 < len(g.columns) && x >= g.edges[c+1] {
		c++
	}
	return c
}

// split assigns each word of a row to its column by where the word begins, since cells
// can be empty and texts can contain anything. A word that reaches into the next column
// is cut where two cells run together; torn says that the place of the cut is not
// certain, so that the row cannot be read.
func (g *grid) split(row []*word) (cells [][]*word, torn string) {
	type piece struct {
		*word
		column int
	}
	pieces := make([]piece, 0, len(row)+2)
	filled := uint64(0) // a bit for each column in which a word begins
	// From right to left: whether a word continues in the next column depends on what
	// begins there.
	for i := len(row) - 1; i >= 0; i-- {
		w := row[i]
		c := g.column(w.Box.X0)
		from := len(pieces)
		// The last word of a long text can begin in a column of numbers, and run into
		// the number.
		letters := strings.TrimRightFunc(w.Text, digital)
		if g.columns[c].Number && letters != "" && !hasDigit(letters) && !g.atEdge(w.Box.X0, c) && fits(w.Text[len(letters):], g.columns[c].Decimals) {
			l, r := w.Split(utf8.RuneCountInString(letters))
			pieces = append(pieces, piece{&word{Word: &l}, c})
			w = &word{Word: &r}
		}
		for c+1 < len(g.columns) && w.Box.X1 > g.edges[c+1]+slack*g.k {
			at, to := g.joint(w, c)
			if at > 0 && g.columns[c].Decimals > 0 {
				// The decimals say more than the pieces of the file.
				if seam := g.seam(w, c, row[:i]); seam > 0 {
					at, to = seam, c+1
				}
			}
			// If the next column has a word of its own, it is printed over the end of
			// this one.
			if at < 0 && filled&(1<<(c+1)) == 0 {
				at, to = g.seam(w, c, row[:i]), c+1
				if at < 0 && g.doubtful(w, c) {
					torn = fmt.Sprintf("%s runs across two columns", text.Quote(w.Text))
				}
			}
			if at < 0 {
				break
			}
			if at > 0 {
				l, r := w.Split(at)
				// Where characters are printed over each other, some can be lost.
				if next := &g.columns[to]; next.Number && isNumber(r.Text) && !fits(r.Text, next.Decimals) {
					torn = fmt.Sprintf("%s and %s run together", text.Quote(l.Text), text.Quote(r.Text))
				}
				pieces = append(pieces, piece{&word{Word: &l}, c})
				w = &word{Word: &r}
			}
			c = to
		}
		pieces = append(pieces, piece{w, c})
		slices.Reverse(pieces[from:])
		for _, p := range pieces[from:] {
			filled |= 1 << p.column
		}
	}
	cells = make([][]*word, len(g.columns))
	for _, p := range slices.Backward(pieces) {
		cells[p.column] = append(cells[p.column], p.word)
	}
	g.settle(cells)
	return cells, torn
}

// joint returns where a word of column c continues in another text object of the page
// that begins in another column, and that column; -1 if nowhere. A program that prints
// two cells without a gap prints them as two text objects.
func (g *grid) joint(w *word, c int) (at, to int) {
	if len(w.Joints) == 0 {
		return -1, c
	}
	runes := []rune(w.Text)
	if len(w.Joints) == len(runes)-1 && len(runes) > 2 {
		return -1, c // with an object for each character, objects show nothing
	}
	at = -1
	for i, j := range w.Joints {
		if j < 1 || j >= len(runes) {
			continue
		}
		end := len(runes)
		if i+1 < len(w.Joints) && w.Joints[i+1] > j && w.Joints[i+1] < end {
			end = w.Joints[i+1]
		}
		object := string(runes[j:end])
		d := g.column(w.Edges[j])
		switch {
		case g.belongs(object, w.Edges[j], w.Edges[end], c+1):
			return j, c + 1
		case d > c && (!g.columns[d].Number || fits(object, g.columns[d].Decimals)):
			return j, d
		case d > c && at < 0:
			at, to = j, d
		}
	}
	return at, to
}

// belongs reports whether a text between x0 and x1 is a cell of column c although it
// may begin to the left of it, as a right-aligned number does: it has the decimals that
// only this column has, and most of it is in the column.
func (g *grid) belongs(text string, x0, x1 float32, c int) bool {
	return g.columns[c].Decimals > 0 && (x0+x1)/2 >= g.edges[c] && fits(text, g.columns[c].Decimals)
}

// atEdge reports whether x is where the cells of a column begin: from a point to the
// left of its edge to less than a character to the right of it.
func (g *grid) atEdge(x float32, c int) bool {
	return x >= g.edges[c]-g.k && x <= g.edges[c]+3.7*g.k
}

// digital reports whether a character can be part of a number.
func digital(r rune) bool { return r >= '0' && r <= '9' || r == '.' || r == ',' }

// signs are characters that can stand before a number and change it.
const signs = "-+($#"

// seam returns where in a word of column c, all in one text object, the cell of the
// next column begins; -1 if nowhere, or if the place is not certain. before are the
// words to its left.
func (g *grid) seam(w *word, c int, before []*word) int {
	runes := []rune(w.Text)
	n := len(runes)
	if n > 64 {
		return -1
	}
	own, next, edge := &g.columns[c], &g.columns[c+1], g.edges[c+1]
	advance := (w.Box.X1 - w.Box.X0) / float32(n)
	// A word with a gap to the text before it is a cell of its own.
	if g.belongs(w.Text, w.Box.X0, w.Box.X1, c+1) && (len(before) == 0 ||
		w.Box.X0 >= edge-advance || !near(w.Box.X0-before[len(before)-1].Box.X1, advance, advance/2)) {
		return 0
	}
	at := -1
	switch {
	case own.Number && next.Number:
		// Only one place leaves both with their decimals.
		for i := 1; i < n; i++ {
			if fits(string(runes[:i]), own.Decimals) && fits(string(runes[i:]), next.Decimals) {
				at = i
			}
		}
	case own.Number:
		if w.Box.X0 >= edge-advance && (w.Box.X0+w.Box.X1)/2 >= edge+advance {
			return 0 // all of it, a little off its place
		}
		i := slices.IndexFunc(runes, func(r rune) bool { return !digital(r) })
		if i > 0 && fits(string(runes[:i]), own.Decimals) && near(w.Edges[i], edge, 1.5*advance) {
			at = i
		}
	case next.Number:
		first := n
		for first > 0 && digital(runes[first-1]) {
			first--
		}
		if first > 0 && strings.ContainsRune(signs, runes[first-1]) {
			return -1
		}
		// By the text, the number begins after the last character that cannot be part
		// of it; by the form, at the edge of the column. If these are two places, the
		// seam is not certain.
		clean := -1
		for i := first; i < n; i++ {
			if !fits(string(runes[i:]), next.Decimals) || i > first && runes[i] == '.' {
				continue
			}
			if i == first && w.Edges[i] >= edge-2*advance {
				clean = i
			}
			if g.atEdge(w.Edges[i], c+1) {
				at = i
			}
		}
		switch {
		case clean < 0 || clean == at:
		case at >= 0:
			return -1
		case clean > 0 && w.Edges[clean] >= edge-advance:
			at = clean
		}
	}
	return at
}

// doubtful reports whether the part of a word of column c that is in the next column
// could belong to a number.
func (g *grid) doubtful(w *word, c int) bool {
	own, next := &g.columns[c], &g.columns[c+1]
	if !own.Number && !next.Number || own.Number && next.Number && fits(w.Text, own.Decimals) {
		return false
	}
	i := 0
	for _, r := range w.Text {
		if r >= '0' && r <= '9' && (w.Edges[i]+w.Edges[i+1])/2 > g.edges[c+1]+slack*g.k {
			return true
		}
		i++
	}
	return false
}

// settle moves words that begin in a column of numbers, and are the end of a long text,
// to the column of that text.
func (g *grid) settle(cells [][]*word) {
	text := -1 // the column of text to the left
	for c := range g.columns {
		if !g.columns[c].Number {
			text = c
			continue
		}
		cell := cells[c]
		if text < 0 || len(cells[text]) == 0 || len(cell) == 0 {
			continue
		}
		number := g.figure(cell, g.columns[c].Decimals)
		if len(cell) == 1 && number != nil {
			continue
		}
		cells[c] = nil
		for _, w := range cell {
			last := cells[text][len(cells[text])-1]
			gap := w.Box.X0 - last.Box.X1
			goesOn := gap < w.Size && gap > -w.Size/4
			letters := strings.ContainsFunc(w.Text, unicode.IsLetter)
			switch {
			case number != nil && w != number && goesOn && (letters || hasDigit(w.Text)),
				number == nil && goesOn && letters && !hasDigit(w.Text) && !g.atEdge(w.Box.X0, c):
				cells[text] = append(cells[text], w)
			default:
				cells[c] = append(cells[c], w)
			}
		}
	}
}

// figure returns the one word of a cell that is a number, or, of several, the one with
// the column's decimals; nil if there is none, or more than one.
func (g *grid) figure(cell []*word, decimals int) *word {
	var all, exact []*word
	for _, w := range cell {
		if isNumber(w.Text) {
			all = append(all, w)
			if decimalsOf(w.Text) == decimals {
				exact = append(exact, w)
			}
		}
	}
	switch {
	case len(all) == 1:
		return all[0]
	case len(exact) == 1:
		return exact[0]
	}
	return nil
}
