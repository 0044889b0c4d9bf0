package form

import (
	"slices"
	"strings"

	"tallyman/internal/page"
)

// strip is a line within a table, cut into columns.
type strip struct {
	*line
	words   []*word
	cells   [][]*word
	figures int  // columns of figures that have a number
	across  int  // texts that run over the edge of a column
	total   bool // it has the label of a total
	grand   bool
	label   []*word
	said    RowKind // what a learnt form says of the row
}

// strips cuts the lines in the space of a table into columns.
func (s *leaf) strips(g *grid) []*strip {
	var out []*strip
	for _, l := range s.lines {
		if l.base <= g.top+1 || l.base >= g.bottom {
			continue
		}
		st := &strip{line: l, cells: make([][]*word, len(g.columns))}
		for _, w := range l.words {
			if !w.heading && !w.margin && w.middle() >= g.left && w.middle() <= g.right {
				st.words = append(st.words, cutAtEdges(w, g)...)
			}
		}
		if len(st.words) == 0 {
			continue
		}
		for _, ph := range phrases(st.words, 0.5) {
			first, last := g.of(ph[0]), g.of(ph[len(ph)-1])
			if first != last && !g.mayCross(ph) {
				st.across++
			}
		}
		before := -1
		for i, w := range st.words {
			c := g.of(w)
			if i > 0 && before >= 0 && c == before+1 && g.columns[c].field.IsFigure() && !g.columns[before].field.IsFigure() &&
				!hasDigit(w.Text) && w.Box.X0-st.words[i-1].Box.X1 < 0.75*w.Size {
				c = before // a long text runs on up to the figure
			}
			if before = c; c >= 0 {
				st.cells[c] = append(st.cells[c], w)
			}
		}
		for c := range g.columns {
			if g.columns[c].field.IsFigure() {
				if _, _, ok := numberOf(st.cells[c]); ok {
					st.figures++
				}
			}
		}
		kind, label := g.rule(st)
		if kind == EndRow {
			break
		}
		if kind == NoRow {
			g.none = append(g.none, st.box())
			continue
		}
		if st.said = kind; kind == "" && st.findLabel() {
			continue
		}
		if kind == TotalRow {
			st.total, st.label = true, label
		}
		out = append(out, st)
	}
	return out
}

// mayCross reports whether the words of a text that reach over an edge are cells that
// stand close together: where the edge lies, there is a space between two words, and one
// of them is a figure in a column of figures.
func (g *grid) mayCross(ph []*word) bool {
	for i := 1; i < len(ph); i++ {
		a, b := g.of(ph[i-1]), g.of(ph[i])
		if a == b || a < 0 || b < 0 {
			continue
		}
		figures := func(c int, w *word) bool {
			_, _, ok := w.number()
			return ok && (g.columns[c].field.IsFigure() || g.columns[c].field == PackSize)
		}
		if b != a+1 || !figures(a, ph[i-1]) && !figures(b, ph[i]) {
			return false
		}
	}
	return true
}

// cutAtEdges cuts a word that two columns share where the file prints it as two texts.
func cutAtEdges(w *word, g *grid) []*word {
	for _, c := range g.columns[1:] {
		if w.Box.X0 >= c.x0-1 || w.Box.X1 <= c.x0+1 || len(w.Edges) == 0 {
			continue
		}
		for _, j := range w.Joints {
			if j > 0 && j < len(w.Edges)-1 && abs(w.Edges[j]-c.x0) <= 0.6*w.Size {
				l, r := w.Word.Split(j)
				_, _, left := numberIn(l.Text, w.comma)
				_, _, right := numberIn(r.Text, w.comma)
				if !left && !right {
					continue // kerning
				}
				return append([]*word{{Word: l, comma: w.comma}}, cutAtEdges(&word{Word: r, comma: w.comma}, g)...)
			}
		}
	}
	return []*word{w}
}

// findLabel looks for the label of a total. A label that names its field and has its
// figure beside it belongs to no row: it is true then.
func (st *strip) findLabel() (apart bool) {
	for _, ph := range phrases(st.words, 0.9) {
		ok, grand := totalLabel(ph)
		if !ok {
			continue
		}
		if len(fieldsOf(ph)) > 0 && numbersOn(&line{words: ph}) > 0 {
			return true
		}
		st.total, st.grand, st.label = true, grand, ph
		return false
	}
	// "Subtotal dry goods", "Dry goods total": a label with the name of a group, in a line
	// that has no other text.
	for _, ph := range phrases(st.words, 0.9) {
		first, last := ph[0].tokens(), ph[len(ph)-1].tokens()
		if len(ph) > 8 || len(first) == 0 || len(last) == 0 || !totalWords[first[0]] && !totalWords[last[len(last)-1]] {
			continue
		}
		alone := !slices.ContainsFunc(st.words, func(w *word) bool {
			_, _, is := w.number()
			return !is && !slices.Contains(ph, w)
		})
		if alone && st.figures > 0 {
			st.total, st.label = true, ph
		}
		return false
	}
	return false
}

// totalLabel reports whether a text is the label of a total, and of a grand total: a word
// for it, and no other than names of fields. Numbers may stand beside it.
func totalLabel(words []*word) (ok, grand bool) {
	var tokens []string
	for _, w := range words {
		if _, _, is := numberIn(strings.Trim(w.Text, ":="), w.comma); is && len(tokens) == 0 {
			continue
		}
		tokens = append(tokens, w.tokens()...)
	}
	for i, t := range tokens {
		_, _, is := number(t)
		switch {
		case totalWords[t]:
			ok = true
			grand = grand || t == "GRAND"
		case i == 0 && subWords[t], labelNoise[t], labelFields[t] != nil, is, units[t] != "":
		default:
			return false, false
		}
	}
	return ok, grand
}

// bare reports whether a strip has figures and no text, as totals without a label have.
func (st *strip) bare(g *grid) bool {
	for c, words := range st.cells {
		f := g.columns[c].field
		if len(words) > 0 && !f.IsFigure() && f != PackSize && f != Other {
			return false
		}
	}
	return true
}

// stops reports whether a line begins what stands below a table.
func (st *strip) stops() bool {
	for _, ph := range phrases(st.words, 0.9) {
		var b strings.Builder
		for _, w := range ph {
			for _, t := range w.tokens() {
				b.WriteString(t)
				b.WriteByte(' ')
			}
		}
		text := b.String()
		for _, stop := range stops {
			if strings.HasPrefix(text, stop+" ") && (strings.Contains(stop, " ") || len(text) == len(stop)+1 || strings.HasPrefix(text, "SIGNATURE") || strings.HasSuffix(ph[0].Text, ":")) {
				return true
			}
		}
	}
	return false
}

// box returns the place of the words of a strip.
func (st *strip) box() page.Box {
	_, box := textOf(st.words)
	return box
}
