package form

import (
	"iter"
	"slices"

	"tallyman/internal/page"
)

// leaves returns the pages that a page of the document holds: one, or two that are printed
// side by side, each with a table of its own, and with a name or number unless the page
// before it holds two as well. forms are learnt ones, and shown headings besides those of
// the lexicon.
func leaves(p *page.Page, before int, forms []Form, shown *node) []*leaf {
	level, plane := p.Level()
	read := func(p *page.Page) *leaf {
		s := newLeaf(p)
		s.plane, s.shown = plane, shown
		s.findForms(forms)
		s.findBands()
		s.identify()
		return s
	}
	whole := read(level)
	if level.Width <= level.Height || whole.excess != "" {
		return []*leaf{whole}
	}
	middle, ok := gutter(level)
	if !ok {
		return []*leaf{whole}
	}
	left, right := *level, *level
	left.Words, right.Words, left.Rules, right.Rules = nil, nil, nil, nil
	for _, w := range level.Words {
		if w.Box.X0 < middle {
			left.Words = append(left.Words, w)
		} else {
			right.Words = append(right.Words, w)
		}
	}
	for _, r := range level.Rules {
		if r.X0+r.X1 < 2*middle {
			left.Rules = append(left.Rules, r)
		} else {
			right.Rules = append(right.Rules, r)
		}
	}
	one, two := read(&left), read(&right)
	// A bill names itself once, on whichever side: two bills both have what names one.
	named := one.id.number.Text != "" && two.id.number.Text != "" || one.id.title != "" && two.id.title != "" || one.n > 0 && two.n > 0
	if !one.tabled() || !two.tabled() || !named && before != 2 {
		return []*leaf{whole}
	}
	return []*leaf{one, two}
}

// gutter returns an x near the middle of a page that no word and no line crosses.
func gutter(p *page.Page) (x float32, ok bool) {
	const step = 2
	free := make([]bool, int(p.Width/10)/step+1)
	first := p.Width/2 - p.Width/20
	for i := range free {
		free[i] = true
	}
	block := func(b page.Box) {
		from, to := int((b.X0-first)/step), int((b.X1-first)/step)+1
		for i := max(from, 0); i < min(to, len(free)); i++ {
			free[i] = false
		}
	}
	for i := range p.Words {
		block(p.Words[i].Box)
	}
	for _, r := range p.Rules {
		// A line that folds the paper may stand in the gutter.
		if r.X1-r.X0 > thick && r.X1-r.X0 < 0.9*p.Width {
			block(r)
		}
	}
	// The free place that is nearest to the middle.
	best := -1
	for i := range free {
		if free[i] && (best < 0 || abs(float32(2*i-len(free))) < abs(float32(2*best-len(free)))) {
			best = i
		}
	}
	if best < 0 || !slices.Contains(free, true) {
		return 0, false
	}
	return first + step*(float32(best)+0.5), true
}

// unturn leads all places of a bill back from the planes in which its pages were read.
func (b *Bill) unturn(planes map[int]page.Plane) {
	for c := range b.cells() {
		c.Box = planes[c.Page].Back(c.Box)
	}
	for i := range b.Tables {
		for j := range b.Tables[i].Rows {
			r := &b.Tables[i].Rows[j]
			r.Box = planes[r.Page].Back(r.Box)
		}
	}
	for i := range b.Pages {
		for j := range b.Pages[i].Columns {
			b.Pages[i].Columns[j].Box = planes[b.Pages[i].Page].Back(b.Pages[i].Columns[j].Box)
		}
	}
}

// cells returns all cells of the bill.
func (b *Bill) cells() iter.Seq[*Cell] {
	return func(yield func(*Cell) bool) {
		all := []*Cell{&b.Number}
		add := func(cells []Cell) {
			for i := range cells {
				all = append(all, &cells[i])
			}
		}
		for i := range b.Parties {
			add(b.Parties[i].Lines)
		}
		for i := range b.References {
			all = append(all, &b.References[i].Cell)
		}
		for i := range b.Tables {
			for j := range b.Tables[i].Rows {
				add(b.Tables[i].Rows[j].Cells)
			}
			add(b.Tables[i].Totals.Cells)
		}
		for i := range b.Checks {
			all = append(all, &b.Checks[i].Total)
		}
		for _, c := range all {
			if !yield(c) {
				return
			}
		}
	}
}

// Moved returns the bill with its pages in other files, or of other numbers: place says where
// each is. It does not change the bill. Copies and Missing stay as they are.
func (b *Bill) Moved(place func(file, page int) (int, int)) *Bill {
	m := *b
	m.Parties, m.References, m.Tables = slices.Clone(b.Parties), slices.Clone(b.References), slices.Clone(b.Tables)
	m.Checks, m.Pages = slices.Clone(b.Checks), slices.Clone(b.Pages)
	for i := range m.Parties {
		m.Parties[i].Lines = slices.Clone(m.Parties[i].Lines)
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		t.Rows, t.Totals.Cells = slices.Clone(t.Rows), slices.Clone(t.Totals.Cells)
		for j := range t.Rows {
			t.Rows[j].Cells = slices.Clone(t.Rows[j].Cells)
		}
	}
	for c := range m.cells() {
		if c.Page > 0 {
			c.File, c.Page = place(c.File, c.Page)
		}
	}
	for i := range m.Tables {
		for j := range m.Tables[i].Rows {
			r := &m.Tables[i].Rows[j]
			r.File, r.Page = place(r.File, r.Page)
		}
	}
	for i := range m.Pages {
		m.Pages[i].File, m.Pages[i].Page = place(m.Pages[i].File, m.Pages[i].Page)
	}
	return &m
}
