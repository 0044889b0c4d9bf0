package form

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// read reads the pages of a bill in one way: by a learnt form, or freely if that is nil.
func (g *group) read(how axis, f *Form) *reading {
	r := &reading{whole: true, inRows: map[*word]bool{}, columns: map[int][]Column{}, used: map[int]bool{}}
	parts := make([][]*part, len(g.pages))
	for i, s := range g.pages {
		r.excess = cmp.Or(r.excess, s.excess)
		var whole, taught bool
		parts[i], whole, taught = s.partsOf(f, how)
		if r.whole = r.whole && whole; !taught {
			r.unread = append(r.unread, s.lost...)
		}
	}
	for i, s := range g.pages {
		if len(s.bands) == 0 && parts[i] == nil {
			if p := borrow(s, i, parts); p != nil {
				parts[i] = append(parts[i], p)
			}
		}
		if len(parts[i]) == 0 {
			if t := s.labelledRows(r.inRows); t != nil {
				r.tables = append(r.tables, t)
				r.used[s.number] = true
			}
		}
	}
	level(parts)
	for _, same := range alike(parts) {
		decide(same)
	}
	r.parts = parts
	prints := map[string]int{}
	seen, m := map[int]bool{}, 0
	for i, s := range g.pages {
		m = max(m, s.m)
		var tables []*figures
		for _, p := range parts[i] {
			tables = append(tables, p.figures())
		}
		// A page that prints the same rows again, and no other page number, is a copy.
		print := fingerprint(tables, s.picture && s.n > 0)
		if s.n > 0 {
			print += fmt.Sprint("/", s.n)
		}
		if first, ok := prints[print]; ok && fingerprint(tables, false) != "" {
			r.copies = append(r.copies, Copy{Page: s.number, Of: first})
			for _, w := range s.words {
				r.inRows[w] = true // its labels are not counted again
			}
			continue
		}
		prints[print] = s.number
		if s.n > 0 {
			seen[s.n] = true
		}
		for k, t := range tables {
			r.add(parts[i][k], t)
		}
	}
	for n := 1; n <= m; n++ {
		if !seen[n] {
			r.missing = append(r.missing, n)
		}
	}
	// Pages that do not say which they are may be those.
	if len(r.missing) <= len(g.pages)-len(r.copies)-len(seen) {
		r.missing = nil
	}
	return r
}

// borrow reads a page without headings with the columns of the page before it, or of the
// next one that has some.
func borrow(s *leaf, i int, parts [][]*part) *part {
	var from *part
	for j := i - 1; j >= 0 && from == nil; j-- {
		if n := len(parts[j]); n > 0 {
			from = parts[j][n-1]
		}
	}
	for j := i + 1; j < len(parts) && from == nil; j++ {
		if len(parts[j]) > 0 {
			from = parts[j][0]
		}
	}
	if from == nil {
		return nil
	}
	g := *from.grid
	g.top, g.bottom, g.floor = 0, s.height, 0
	// Only lines that fit the columns are rows of the table.
	strips := s.strips(&g)
	first := slices.IndexFunc(strips, func(st *strip) bool { return st.fits(&g) })
	if first < 0 {
		return nil
	}
	g.top = strips[first].base - 1.5*g.size
	p := s.partOf(&g)
	if len(p.rows) == 0 {
		return nil
	}
	return p
}

// fits reports whether a line has figures in columns of figures, and texts in others, and
// no text that runs over an edge.
func (st *strip) fits(g *grid) bool {
	if st.across > 0 || st.figures == 0 {
		return false
	}
	texts, figures := 0, 0
	for c, words := range st.cells {
		_, _, ok := numberOf(words)
		switch {
		case len(words) == 0:
		case !g.columns[c].field.IsFigure():
			texts++
		case !ok:
			return false
		default:
			figures++
		}
	}
	return texts > 0 && figures > 0 || figures > 1
}

// fingerprint is the same for pages with the same rows; "" without rows. If it is of figures
// alone, texts may differ: two pictures of one page are read differently.
func fingerprint(tables []*figures, figuresAlone bool) string {
	var b strings.Builder
	for _, t := range tables {
		for _, row := range t.rows {
			for _, c := range row.cells {
				if figuresAlone && c.Figure == "" {
					continue
				}
				b.WriteString(string(c.Field) + "=" + c.Text + "\t")
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// add adds the rows of a page to the table of the same role.
func (r *reading) add(p *part, t *figures) {
	r.unread = append(r.unread, p.unread...)
	if len(t.rows) == 0 && !t.blank {
		return
	}
	for _, c := range p.grid.columns {
		top, bottom := p.grid.top, p.grid.top
		for _, d := range p.rows {
			bottom = max(bottom, d.box.Y1)
		}
		r.columns[p.leaf.number] = append(r.columns[p.leaf.number], Column{c.field, page.Box{X0: max(0, c.x0), Y0: top, X1: min(p.leaf.width, c.x1), Y1: bottom}.Round()})
	}
	for i := range t.rows {
		r.used[p.leaf.number] = true
		for _, words := range t.rows[i].draft.cells {
			for _, w := range words {
				r.inRows[w] = true
			}
		}
	}
	for _, o := range r.tables {
		if o.role == t.role && slices.Equal(o.fieldList(), t.fieldList()) {
			o.rows = append(o.rows, t.rows...)
			o.blank = o.blank || t.blank
			return
		}
	}
	r.tables = append(r.tables, t)
}
