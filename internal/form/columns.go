package form

import (
	"cmp"
	"math"
	"slices"

	"tallyman/internal/page"
)

// axis is a way of finding where columns begin and end.
type axis int

// The ways, in the order in which they are tried.
const (
	byRules   axis = iota // vertical ruling lines, where there are any
	byGaps                // white space between the texts of the rows
	byMiddles             // the middle between headings
	axes
)

// column is a column of a table.
type column struct {
	field     Field
	unit      Unit
	x0, x1    float32
	bare      bool // between lines, without a heading
	uncounted bool // its figures are added up, and no load sheet needs them
	open      bool // its heading leaves open what it counts
}

// grid are the columns of a table on a page, and where it lies.
type grid struct {
	columns     []column
	left, right float32
	top, bottom float32 // between which its rows are searched
	floor       float32 // where its vertical lines end; 0 without such lines
	whole       bool    // lines part all columns
	size        float32
	form        *Form      // whose columns they are; nil if they were found freely
	none        []page.Box // rows that the form says are none
}

// gridOf returns the columns under a band. The rows are searched down to limit.
func (s *leaf) gridOf(b *band, limit float32, how axis) *grid {
	g := &grid{top: b.base, bottom: limit, size: b.size, left: 0, right: s.width}
	slots := slices.Concat(b.columns, b.strangers)
	slices.SortStableFunc(slots, func(a, b *hit) int { return cmp.Compare(a.box.X0+a.box.X1, b.box.X0+b.box.X1) })
	lines := s.uprights(b, limit)
	first, last := slots[0].box, slots[len(slots)-1].box
	// A vertical line beside the outermost headings ends the table in any case.
	for _, u := range lines {
		if u.x <= first.X0+2 && u.x > g.left {
			g.left = u.x
		}
		if u.x >= last.X1-2 && u.x < g.right {
			g.right = u.x
		}
	}
	// Where the lines between the rows go on, the table does, too: columns without a heading
	// are part of it.
	if x0, x1, ok := s.reach(b, limit, first.X0, last.X1); ok {
		for _, u := range lines {
			if near(u.x, x0, 4) && u.x < g.left {
				g.left = u.x
			}
			if near(u.x, x1, 4) && u.x > g.right {
				g.right = u.x
			}
		}
	}
	var inner []float32
	for _, u := range lines {
		if u.x > g.left+2 && u.x < g.right-2 {
			inner = append(inner, u.x)
		}
		if u.x >= g.left-1 && u.x <= g.right+1 {
			g.floor = max(g.floor, u.bottom)
		}
	}
	if len(inner) >= len(slots)-1 {
		how, g.whole = byRules, true // a whole grid of lines leaves nothing to guess
	}
	rows := s.within(g)
	edges := []float32{g.left}
	for i := 1; i < len(slots); i++ {
		a, b := slots[i-1].box, slots[i].box
		zone := [2]float32{g.left, g.right}
		if i > 1 {
			zone[0] = (slots[i-2].box.X0 + slots[i-2].box.X1) / 2
		}
		if i+1 < len(slots) {
			zone[1] = (slots[i+1].box.X0 + slots[i+1].box.X1) / 2
		}
		edges = append(edges, edgeBetween(a, b, zone, inner, rows, how))
	}
	edges = append(edges, g.right)
	for i, sl := range slots {
		c := column{field: sl.field, unit: sl.unit, x0: edges[i], x1: edges[i+1], uncounted: sl.uncounted, open: sl.open}
		// Lines within a heading's space make columns without a heading of their own.
		var cuts []float32
		if how == byRules {
			for _, x := range inner {
				// A line through a heading is not of this table, unless the heading spans columns.
				through := x > sl.box.X0+1 && x < sl.box.X1-1 && sl.field != Other
				if x > c.x0+3 && x < c.x1-3 && !through {
					cuts = append(cuts, x)
				}
			}
		}
		switch {
		case sl.second != "":
			at := split(rows, c)
			g.columns = append(g.columns, column{field: c.field, unit: c.unit, x0: c.x0, x1: at}, column{field: sl.second, x0: at, x1: c.x1})
		case len(cuts) > 0:
			middle := (sl.box.X0 + sl.box.X1) / 2
			bounds := append(append([]float32{c.x0}, cuts...), c.x1)
			for j := 1; j < len(bounds); j++ {
				part := column{field: Other, x0: bounds[j-1], x1: bounds[j], bare: true}
				if middle >= part.x0 && middle < part.x1 {
					part.field, part.unit, part.bare, part.uncounted, part.open = c.field, c.unit, false, c.uncounted, c.open
				}
				g.columns = append(g.columns, part)
			}
		default:
			g.columns = append(g.columns, c)
		}
	}
	return g
}

// reach returns how far the first horizontal line goes under headings that reach from one x
// to another; ok is false if there is none under all of them.
func (s *leaf) reach(b *band, limit, from, to float32) (x0, x1 float32, ok bool) {
	var rules []page.Box
	for _, r := range s.hor {
		if y := (r.Y0 + r.Y1) / 2; y > b.base && y < min(limit, b.base+12*b.size) {
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b page.Box) int {
		return cmp.Or(cmp.Compare(int(a.Y0+a.Y1)/4, int(b.Y0+b.Y1)/4), cmp.Compare(a.X0, b.X0))
	})
	for i := 0; i < len(rules); {
		run := rules[i]
		j := i + 1
		for j < len(rules) && near(rules[j].Y0+rules[j].Y1, run.Y0+run.Y1, 5) && rules[j].X0 <= run.X1+3 && rules[j].X0 >= run.X0 {
			run.X1 = max(run.X1, rules[j].X1)
			j++
		}
		if run.X0 <= from+2 && run.X1 >= to-2 {
			return run.X0, run.X1, true
		}
		i = j
	}
	return 0, 0, false
}

// upright is a vertical line, or several that stand one over the other.
type upright struct{ x, bottom float32 }

// uprights returns the vertical lines that go on below a band.
func (s *leaf) uprights(b *band, limit float32) []upright {
	var rules []page.Box
	for _, r := range s.ver {
		if r.Y1 > b.base+2 && r.Y0 < limit {
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b page.Box) int { return cmp.Compare(a.X0+a.X1, b.X0+b.X1) })
	var out []upright
	for i := 0; i < len(rules); {
		j := i + 1
		for j < len(rules) && rules[j].X0+rules[j].X1-rules[i].X0-rules[i].X1 <= 5 {
			j++
		}
		same := slices.Clone(rules[i:j])
		slices.SortFunc(same, func(a, b page.Box) int { return cmp.Compare(a.Y0, b.Y0) })
		// Only what goes on from the headings downwards belongs to the table.
		u := upright{x: (same[0].X0 + same[0].X1) / 2, bottom: same[0].Y1}
		if same[0].Y0 <= b.base+3*b.size {
			for _, r := range same[1:] {
				if r.Y0 > u.bottom+6 {
					break
				}
				u.bottom = max(u.bottom, r.Y1)
			}
			if u.bottom-b.base >= 0.8*b.size {
				out = append(out, u)
			}
		}
		i = j
	}
	return out
}

// mostRows bounds the rows from which columns are found.
const mostRows = 120

// within returns the words of the rows of a table, as far as they are known before its
// columns: lines with figures that follow each other.
func (s *leaf) within(g *grid) [][]*word {
	type row struct {
		words   []*word
		figures int
	}
	var rows []row
	most := 0
	last := g.top
	for _, l := range s.lines {
		if l.base <= g.top+1 || l.base >= g.bottom {
			continue
		}
		var words []*word
		figures := 0
		for _, w := range l.words {
			if !w.heading && !w.margin && w.middle() >= g.left && w.middle() <= g.right {
				words = append(words, w)
				if _, _, ok := w.number(); ok {
					figures++
				}
			}
		}
		if l.base > last+14*g.size && (g.floor == 0 || l.base > g.floor+1) || (&strip{line: l, words: words}).stops() {
			break
		}
		if figures == 0 {
			continue
		}
		last = l.base
		rows = append(rows, row{words, figures})
		if most = max(most, figures); len(rows) == mostRows {
			break
		}
	}
	var out [][]*word
	for _, r := range rows {
		if 2*r.figures >= most {
			out = append(out, r.words)
		}
	}
	return out
}

// edgeBetween returns where the column under one heading ends and the next begins. zone
// reaches from the heading before them to the one after them.
func edgeBetween(a, b page.Box, zone [2]float32, lines []float32, rows [][]*word, how axis) float32 {
	from, to := (a.X0+a.X1)/2, (b.X0+b.X1)/2
	middle := (a.X1 + b.X0) / 2
	if how == byRules {
		best := float32(math.NaN())
		for _, x := range lines {
			if x > from && x < to && !(abs(x-middle) >= abs(best-middle)) {
				best = x
			}
		}
		if best == best {
			return best
		}
	}
	if how == byMiddles || to-from < 2 {
		return middle
	}
	// The space that the fewest words enter, and that parts texts in the most rows; of
	// equals the widest.
	type measure struct{ cost, parts int }
	at := func(x float32) (m measure) {
		for _, row := range rows {
			left, right := false, false
			for _, w := range row {
				switch {
				case w.Box.X0 < x && w.Box.X1 > x:
					m.cost++
				case w.Box.X1 <= x && w.middle() > zone[0]:
					left = true
				case w.Box.X0 >= x && w.middle() < zone[1]:
					right = true
				}
			}
			if left && right {
				m.parts++
			}
		}
		return m
	}
	step := max((to-from)/64, 0.5)
	best, edge, widest := measure{math.MaxInt, 0}, middle, float32(0)
	start, last := from, at(from)
	flush := func(end float32) {
		width := end - start
		better := last.cost < best.cost || last.cost == best.cost && (last.parts > best.parts || last.parts == best.parts && width > widest+0.5)
		if better {
			best, widest, edge = last, width, (start+end)/2
		}
	}
	for x := from + step; x <= to; x += step {
		if m := at(x); m != last {
			flush(x)
			start, last = x, m
		}
	}
	flush(to)
	return edge
}

// split returns where the figures under a compound heading part.
func split(rows [][]*word, c column) float32 {
	var ends []float32
	for _, row := range rows {
		for _, w := range row {
			if m := w.middle(); m >= c.x0 && m < c.x1 && hasDigit(w.Text) {
				ends = append(ends, m)
			}
		}
	}
	slices.Sort(ends)
	at, widest := (c.x0+c.x1)/2, float32(0)
	for i := 1; i < len(ends); i++ {
		if gap := ends[i] - ends[i-1]; gap > widest {
			widest, at = gap, (ends[i]+ends[i-1])/2
		}
	}
	return at
}

// of returns the index of the column in which a word stands; -1 outside of the table.
func (g *grid) of(w *word) int {
	m := w.middle()
	for i := range g.columns {
		if m >= g.columns[i].x0 && m < g.columns[i].x1 {
			return i
		}
	}
	return -1
}
