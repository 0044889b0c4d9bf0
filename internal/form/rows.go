package form

import (
	"cmp"
	"slices"

	"tallyman/internal/page"
)

// maxRows bounds the rows of one table on one page.
const maxRows = 600

// draft is a row as it is found: the words of each column.
type draft struct {
	cells [][]*word // by column; nil if empty
	total bool      // it has the label of a total
	part  bool      // … of a page, which does not say whether it is the only one
	page  int
	box   page.Box
}

// part is a table on one page.
type part struct {
	leaf   *leaf
	grid   *grid
	rows   []*draft
	unread []Cell // figures in its space that belong to no row or column
}

// partOf reads the rows of a table.
func (s *leaf) partOf(g *grid) *part {
	p := &part{leaf: s, grid: g}
	strips := s.strips(g)
	strips = p.cut(strips)
	for _, band := range s.ruled(g, strips) {
		p.add(band)
		if len(p.rows) >= maxRows {
			p.unread = append(p.unread, Cell{Page: s.number, Text: "more rows than are read"})
			break
		}
	}
	return p
}

// cut ends a table where other things begin.
func (p *part) cut(strips []*strip) []*strip {
	g := p.grid
	var out []*strip
	var last *strip // the last one with figures
	pitch := float32(0)
	for _, st := range strips {
		if st.said == "" && st.stops() {
			break
		}
		within := g.floor > 0 && st.base <= g.floor+1
		if last != nil && !within {
			room := max(6*g.size, 3*pitch)
			if g.floor > 0 {
				room = max(4*g.size, 1.6*pitch) // only a total stands below a grid
			}
			if st.base-last.base > room || last.grand {
				break
			}
			if g.floor > 0 && !st.total && !(st.figures > 0 && st.bare(g)) {
				break
			}
			if st.across > 0 && st.figures == 0 && len(st.words) > 6 {
				break
			}
		}
		if last == nil && !within && st.base-g.top > 14*g.size {
			break // there is nothing under the headings
		}
		if st.figures > 0 || st.total {
			if last != nil && st.base-last.base > 0.5*g.size {
				if d := st.base - last.base; pitch == 0 || d < pitch {
					pitch = d
				}
			}
			last = st
		}
		out = append(out, st)
	}
	// A text belongs to the last row only if it follows it as the lines of a text do.
	for i := slices.Index(out, last) + 1; i > 0 && i < len(out); i++ {
		if st := out[i]; !(g.floor > 0 && st.base <= g.floor+1) && st.base-out[i-1].base > 1.6*max(st.size, 5) {
			return out[:i]
		}
	}
	return out
}

// ruled groups strips by the horizontal lines of the table. Without lines between rows,
// all are one group.
func (s *leaf) ruled(g *grid, strips []*strip) [][]*strip {
	if len(strips) == 0 {
		return nil
	}
	type level struct{ y, width float32 }
	var levels []level
	rules := slices.Clone(s.hor)
	slices.SortFunc(rules, func(a, b page.Box) int { return cmp.Compare(a.Y0+a.Y1, b.Y0+b.Y1) })
	for _, r := range rules {
		y := (r.Y0 + r.Y1) / 2
		w := min(r.X1, g.right) - max(r.X0, g.left)
		if y <= g.top-2 || y >= g.bottom || w <= 0 {
			continue
		}
		if n := len(levels); n > 0 && y-levels[n-1].y <= 3 {
			levels[n-1].width += w
			continue
		}
		levels = append(levels, level{y, w})
	}
	// Lines count by the widest of them: a table may be much narrower than its page.
	widest := float32(0)
	for _, l := range levels {
		widest = max(widest, min(l.width, g.right-g.left))
	}
	levels = slices.DeleteFunc(levels, func(l level) bool { return l.width < 0.6*widest || l.width < 40 })
	var out [][]*strip
	at := -1
	for _, st := range strips {
		y := st.base - 0.3*st.size
		n := 0
		for _, l := range levels {
			if l.y < y {
				n++
			}
		}
		if n != at || len(out) == 0 {
			out = append(out, nil)
			at = n
		}
		out[len(out)-1] = append(out[len(out)-1], st)
	}
	return out
}

// add makes rows of the strips between two horizontal lines.
func (p *part) add(strips []*strip) {
	g := p.grid
	anchors := 0
	most := make([]int, len(g.columns))
	for _, st := range strips {
		if st.figures > 0 || st.total {
			anchors++
		}
		for c := range g.columns {
			if g.columns[c].field.IsFigure() && len(st.cells[c]) > 0 {
				if text, _ := textOf(st.cells[c]); hasDigit(text) {
					most[c]++
				}
			}
		}
	}
	if anchors == 0 {
		for _, st := range strips {
			p.leaveOut(st)
		}
		return
	}
	if slices.Max(most) <= 1 {
		for i := 1; i < len(strips); i++ {
			if strips[i].closes(strips[i-1], g) {
				p.row(strips[:i])
				strips = strips[i:]
				break
			}
		}
		p.row(strips)
		return
	}
	// Several rows: each begins with figures, or with the label of a total. Texts belong
	// to the row above them, unless the row below is nearer and the first line of texts
	// stands above the first figures.
	above := strips[0].figures == 0 && !strips[0].total
	var groups [][]*strip
	var lead []*strip
	for i, st := range strips {
		if st.figures > 0 || st.total {
			// Figures of one row may stand on lines a little apart.
			if n := len(groups); n > 0 && !st.total && len(lead) == 0 {
				last := groups[n-1]
				if l := last[len(last)-1]; l.figures > 0 && !l.total && st.base-l.base < 0.85*max(st.size, 5) && apart(l, st, g) {
					groups[n-1] = append(last, st)
					continue
				}
			}
			lead = slices.DeleteFunc(lead, func(l *strip) bool { return l.groups(st, strips[i+1:], g) })
			groups = append(groups, append(lead, st))
			lead = nil
			continue
		}
		if above {
			next := float32(1e9)
			for _, o := range strips[i+1:] {
				if o.figures > 0 || o.total {
					next = o.base - st.base
					break
				}
			}
			if n := len(groups); n == 0 || next < st.base-groups[n-1][len(groups[n-1])-1].base {
				lead = append(lead, st)
				continue
			}
		}
		if n := len(groups); n > 0 {
			groups[n-1] = append(groups[n-1], st)
		}
	}
	for _, gr := range groups {
		p.row(gr)
	}
}

// closes reports whether a strip is a total without figures, and the line above it a row that
// names what it counts: its figures are not the total's.
func (st *strip) closes(above *strip, g *grid) bool {
	if !st.total || st.figures > 0 || above.total || above.figures == 0 || st.base-above.base < max(st.size, 5) {
		return false
	}
	for c := range g.columns {
		if f := g.columns[c].field; (f == Style || f == PO || f == Description) && len(above.cells[c]) > 0 {
			return true
		}
	}
	return false
}

// groups reports whether a text above a row is the name of the rows below it, and no part
// of that row: the row has a style or an order of its own at its place, on the line of the
// figures and not below.
func (st *strip) groups(row *strip, below []*strip, g *grid) bool {
	for c := range g.columns {
		if f := g.columns[c].field; f != Style && f != PO || len(st.cells[c]) == 0 {
			continue
		}
		return len(row.cells[c]) > 0 && (len(below) == 0 || below[0].figures > 0 || below[0].total || len(below[0].cells[c]) == 0)
	}
	return false
}

// apart reports whether two strips fill different columns of figures.
func apart(a, b *strip, g *grid) bool {
	for c := range g.columns {
		if g.columns[c].field.IsFigure() && len(a.cells[c]) > 0 && len(b.cells[c]) > 0 {
			return false
		}
	}
	return true
}

// leaveOut notes the figures of a strip that belong to no row.
func (p *part) leaveOut(st *strip) {
	for c, words := range st.cells {
		if f := p.grid.columns[c].field; f.IsFigure() && len(words) > 0 {
			if _, _, ok := numberOf(words); ok {
				text, box := textOf(words)
				p.unread = append(p.unread, Cell{Field: f, Text: text, Page: p.leaf.number, Box: box})
			}
		}
	}
}

// row adds a row of the strips.
func (p *part) row(strips []*strip) {
	d := &draft{cells: make([][]*word, len(p.grid.columns)), page: p.leaf.number}
	var label []*word
	for _, st := range strips {
		if st.total {
			d.total = true
			label = append(label, st.label...)
		}
	}
	for c := range p.grid.columns {
		var words []*word
		for _, st := range strips {
			for _, w := range st.cells[c] {
				if d.total && slices.Contains(label, w) {
					if _, _, ok := w.number(); !ok || !p.grid.columns[c].field.IsFigure() {
						continue
					}
				}
				words = append(words, w)
			}
		}
		if len(words) > 0 {
			d.cells[c] = words
			for _, w := range words {
				d.box = d.box.Union(w.Box)
			}
		}
	}
	d.part = p.leaf.picture && p.leaf.m == 0 && slices.ContainsFunc(label, func(w *word) bool { return slices.Contains(w.tokens(), "PAGE") })
	d.box = d.box.Round()
	p.rows = append(p.rows, d)
}
