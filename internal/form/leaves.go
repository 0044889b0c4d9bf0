package form

import (
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
	if best < 0 {
		return 0, false
	}
	return first + step*(float32(best)+0.5), true
}

// unturn leads all places of a bill back from the planes in which its pages were read.
func (b *Bill) unturn(planes map[int]page.Plane) {
	b.places(func(_, number *int, box *page.Box) { *box = planes[*number].Back(*box) })
	for _, l := range b.Pages {
		for i := range l.Columns {
			l.Columns[i].Box = planes[l.Page].Back(l.Columns[i].Box)
		}
	}
}

// places calls each with the place of every cell and row of the bill.
func (b *Bill) places(each func(file, number *int, box *page.Box)) {
	cell := func(c *Cell) { each(&c.File, &c.Page, &c.Box) }
	cells := func(all []Cell) {
		for i := range all {
			cell(&all[i])
		}
	}
	cell(&b.Number)
	for i := range b.Parties {
		cells(b.Parties[i].Lines)
	}
	for i := range b.References {
		cell(&b.References[i].Cell)
	}
	for i := range b.Tables {
		for j := range b.Tables[i].Rows {
			r := &b.Tables[i].Rows[j]
			each(&r.File, &r.Page, &r.Box)
			cells(r.Cells)
		}
		cells(b.Tables[i].Totals.Cells)
	}
	for i := range b.Checks {
		cell(&b.Checks[i].Total)
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
	m.places(func(file, number *int, _ *page.Box) {
		if *number > 0 {
			*file, *number = place(*file, *number)
		}
	})
	for i := range m.Pages {
		m.Pages[i].File, m.Pages[i].Page = place(m.Pages[i].File, m.Pages[i].Page)
	}
	return &m
}
