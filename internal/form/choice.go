package form

import (
	"slices"

	"tallyman/internal/page"
)

// reading is one way of reading the pages of a bill.
type reading struct {
	tables  []*figures
	unread  []Cell
	inRows  map[*word]bool
	columns map[int][]Column
	copies  []Copy
	used    map[int]bool // pages with rows
	verdict verdict
	whole   bool  // lines part all columns of all tables
	lost    Field // of which another reading has figures more; "" for none
	missing []int
	excess  string
	form    *Form     // by which it was read; nil for free reading
	parts   [][]*part // of each page
}

// bill returns the bill that the pages make; nil if there are no lines on them.
func (g *group) bill(forms []Form) (*Bill, []Remark) {
	best := g.best(forms)
	if len(best.used) == 0 {
		var rest []Remark
		for _, s := range g.pages {
			rest = append(rest, s.remark())
		}
		return nil, rest
	}
	return g.billOf(best)
}

// best reads the pages of a bill by the learnt forms whose headings they have, and freely,
// and returns the reading that counts: of those that are proved to the same degree the
// learnt one.
func (g *group) best(forms []Form) *reading {
	g.partDecimals()
	all, best := g.free()
	var taught *reading
	tried := 0
	for i := range forms {
		f := &forms[i]
		if !slices.ContainsFunc(g.pages, func(s *leaf) bool { return slices.ContainsFunc(s.fits, func(at fit) bool { return at.form == f }) }) {
			continue
		}
		if tried++; tried > maxTried {
			break
		}
		if r := g.by(f, tried); taught == nil || r.verdict.rank() > taught.verdict.rank() {
			taught = r
		}
	}
	if taught == nil || len(taught.used) == 0 {
		best.doubted(best.doubt(all))
		return best
	}
	// Each may put the other in doubt.
	doubt := taught.doubt(all)
	best.doubted(best.doubt(append(all, taught)))
	taught.doubted(doubt)
	if doubt == "" && best.verdict.holds() && best.verdict.rank() > taught.verdict.rank() {
		return best
	}
	return taught
}

// maxTried bounds the learnt forms that are tried on the pages of one bill.
const maxTried = 8

// by reads the pages of a bill by a learnt form, of which so many were tried.
func (g *group) by(f *Form, tried int) *reading {
	r := g.read(byRules, f)
	r.form = f
	r.prove(g, tried)
	return r
}

// free reads the pages of a bill in each way, and returns all readings and the one that is
// proved best.
func (g *group) free() (all []*reading, best *reading) {
	for how := range axes {
		r := g.read(how, nil)
		if !slices.ContainsFunc(all, func(o *reading) bool { return o.same(r) }) {
			all = append(all, r)
		}
		if r.whole {
			break // the other ways are the same
		}
	}
	for _, r := range all {
		r.prove(g, len(all))
	}
	for _, r := range all {
		for _, o := range all {
			if r.lost == "" {
				r.lost = o.beyond(r)
			}
		}
		if best == nil || r.score() > best.score() {
			best = r
		}
	}
	return all, best
}

// billOf returns the bill of a reading.
func (g *group) billOf(best *reading) (*Bill, []Remark) {
	b := &Bill{Outcome: best.verdict.outcome, Reason: best.verdict.reason, Bits: best.verdict.bits, Checks: best.verdict.checks, Copies: best.copies, Missing: best.missing, Proved: best.verdict.strong}
	if best.form != nil {
		b.Learnt, b.Vouched = best.form.Name, best.form.Trusted() || b.Proved
	}
	var rest []Remark
	for i, s := range g.pages {
		isCopy := slices.ContainsFunc(best.copies, func(c Copy) bool { return c.Page == s.number })
		hasTotal := slices.ContainsFunc(b.Checks, func(c Check) bool { return c.Total.Page == s.number })
		if !isCopy && i > 0 && !best.used[s.number] && !hasTotal && s.id.number.Text == "" && s.m == 0 {
			rest = append(rest, s.remark())
			continue
		}
		b.Pages = append(b.Pages, Leaf{Page: s.number, N: s.n, M: s.m, Number: page.Seen(s.id.number.Text), Columns: best.columns[s.number]})
		if b.Number.Text == "" {
			b.Number = s.id.number
		}
		for _, p := range s.id.parties {
			if b.Party(p.Role) == nil {
				b.Parties = append(b.Parties, p)
			}
		}
		for _, r := range s.id.references {
			if b.Reference(r.Name) == nil {
				b.References = append(b.References, r)
			}
		}
	}
	for _, t := range best.tables {
		b.Tables = append(b.Tables, t.table(best.verdict.checks))
	}
	planes := map[int]page.Plane{}
	for _, s := range g.pages {
		planes[s.number] = s.plane
	}
	b.unturn(planes)
	return b, rest
}

// partDecimals lets all pages of the bill follow those whose numbers tell what parts decimals.
func (g *group) partDecimals() {
	commas, points := 0, 0
	for _, s := range g.pages {
		commas, points = commas+s.commas, points+s.points
	}
	for _, s := range g.pages {
		s.part(commas > points)
	}
}

// score says how good a reading is: how strong its proof is, less what is open.
func (r *reading) score() float64 {
	score := r.verdict.bits
	switch r.verdict.outcome {
	case Reconciled:
		if score += 1000; r.lost != "" {
			score -= 800
		}
	case Mismatched:
		score += 500
	}
	for _, c := range r.verdict.checks {
		if c.State == Differs {
			score -= 4
		}
	}
	rows := 0
	for _, t := range r.tables {
		rows += min(len(t.lines()), 4) + 2*len(t.fields())
	}
	return score - 6*float64(len(r.unread)) + float64(rows)
}

// same reports whether two readings have the same figures in the same places.
func (r *reading) same(o *reading) bool {
	if len(r.unread) != len(o.unread) || len(r.tables) != len(o.tables) {
		return false
	}
	for i, t := range r.tables {
		u := o.tables[i]
		if len(t.rows) != len(u.rows) {
			return false
		}
		for j := range t.rows {
			for _, f := range Figures {
				a, _ := t.rows[j].figure(f)
				b, _ := u.rows[j].figure(f)
				if a.Figure != b.Figure || t.rows[j].total != u.rows[j].total {
					return false
				}
			}
		}
	}
	return true
}

// doubt says for people why another reading puts a proof in doubt: one that is proved as well
// and differs, or one that has a column of figures more, which was lost here; "" if none does.
func (r *reading) doubt(all []*reading) string {
	if !r.verdict.holds() {
		return ""
	}
	why := ""
	if r.lost != "" {
		why = "figures were found under " + r.lost.Words() + " that do not fit into its rows for certain"
	}
	for _, o := range all {
		if o != r && o.verdict.outcome == Reconciled && o.contradicts(r) {
			why = "two ways of reading its table agree with its totals"
		}
	}
	return why
}

// doubted takes a proof back that is in doubt.
func (r *reading) doubted(why string) {
	if why == "" {
		return
	}
	r.verdict.strong = false
	r.verdict.outcome, r.verdict.reason = NothingProves, why
	r.verdict.unprove()
}

// beyond returns a field of which a reading has a figure that another one lacks: in the
// table of the same role, and in the same line if both have equally many; "" if there is
// none.
func (r *reading) beyond(o *reading) Field {
	for _, t := range r.tables {
		i := slices.IndexFunc(o.tables, func(u *figures) bool { return u.role == t.role })
		var others []*figureRow
		if i >= 0 {
			others = o.tables[i].lines()
		}
		own := t.lines()
		for _, f := range t.fields() {
			if i < 0 || !slices.Contains(o.tables[i].fields(), f) {
				return f
			}
			for j := range own {
				if len(own) == len(others) && own[j].has(f) && !others[j].has(f) {
					return f
				}
			}
		}
	}
	return ""
}

// contradicts reports whether two readings have different lines, or different figures of
// one field in one line.
func (r *reading) contradicts(o *reading) bool {
	for _, t := range r.tables {
		i := slices.IndexFunc(o.tables, func(u *figures) bool { return u.role == t.role })
		if i < 0 {
			continue
		}
		a, b := t.lines(), o.tables[i].lines()
		if len(a) != len(b) {
			return true
		}
		for j := range a {
			for _, f := range Figures {
				x, has := a[j].figure(f)
				y, too := b[j].figure(f)
				if has && too && x.Figure != y.Figure {
					return true
				}
			}
		}
	}
	return false
}

// prove gathers the evidence for a reading and proves it.
func (r *reading) prove(g *group, readings int) {
	// A table without lines counts nothing, but its empty totals were printed.
	// Totals of a table without lines say that its lines were lost.
	blank, orphan := false, false
	r.tables = slices.DeleteFunc(r.tables, func(t *figures) bool {
		if len(t.lines()) == 0 {
			blank, orphan = blank || t.blank, orphan || len(t.rows) > 0
			return true
		}
		return false
	})
	if len(r.tables) > 0 {
		r.tables[0].blank = r.tables[0].blank || blank
	}
	commas := 0
	for _, s := range g.pages {
		commas += s.commas
	}
	e := evidence{commas: commas > 0, tables: r.tables, unread: r.unread, readings: readings, missing: r.missing, excess: r.excess, orphan: orphan}
	for _, s := range g.pages {
		if !slices.ContainsFunc(r.copies, func(c Copy) bool { return c.Page == s.number }) {
			e.labels = append(e.labels, s.labelsOf(r.inRows)...)
			e.loose = append(e.loose, s.looseOf(r.inRows)...)
		}
	}
	for _, t := range r.tables {
		t.settle(e.labels)
	}
	r.verdict = e.prove()
}
