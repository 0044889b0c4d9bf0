package form

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// MaxPages bounds the pages that are read freely of one document.
const MaxPages = 2000

// Result is what free reading finds on pages.
type Result struct {
	Bills []Bill
	// Others are the pages that belong to no bill.
	Others []Remark
}

// Remark says what is on a page that belongs to no bill.
type Remark struct {
	Page int
	// Title is what the page calls itself, such as "bill of lading"; "" if it does not.
	Title string
	// Message says for people what was found, without a full stop. It is "" if the page
	// has nothing of a bill.
	Message string
}

// Read reads pages of one document, in order, that no known form claims.
func Read(pages []page.Page) Result {
	var out Result
	var groups []*group
	byNumber := map[string]*group{}
	var current *group
	for i := range pages {
		if i == MaxPages {
			out.Others = append(out.Others, Remark{Page: pages[i].Number, Message: fmt.Sprintf("the document has more than %d pages that no known form claims; those from here on were not read", MaxPages)})
			break
		}
		s := newLeaf(&pages[i])
		s.findBands()
		s.identify()
		g := current
		switch number := s.id.number.Text; {
		case number != "":
			key := page.Seen(number)
			if g = byNumber[key]; g == nil {
				if current != nil && current.number == "" && current.pages[0].n == 1 && s.n > 1 && current.pages[0].m == s.m {
					g = current // the number comes on a later page
				} else {
					g = &group{}
					groups = append(groups, g)
				}
				g.number = number
				byNumber[key] = g
			}
		case g == nil || s.n == 1 && s.m > 0 || s.m == 0 && s.id.title != "" && len(s.bands) > 0 && current.complete(s):
			g = &group{}
			groups = append(groups, g)
		}
		g.pages = append(g.pages, s)
		current = g
	}
	for _, g := range groups {
		b, rest := g.bill()
		if b != nil {
			out.Bills = append(out.Bills, *b)
		}
		out.Others = append(out.Others, rest...)
	}
	slices.SortStableFunc(out.Others, func(a, b Remark) int { return cmp.Compare(a.Page, b.Page) })
	return out
}

// group are the pages of one bill.
type group struct {
	number string
	pages  []*leaf
}

// complete reports whether a page that names itself begins another bill without a number.
func (g *group) complete(s *leaf) bool {
	return g.number == "" && len(g.pages) > 0 && g.pages[0].id.title == s.id.title && len(g.pages[0].bands) > 0
}

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
	excess  bool
}

// bill reads the pages of a bill in each way, and returns the one that is proved best;
// nil if there are no lines on them.
func (g *group) bill() (*Bill, []Remark) {
	var all []*reading
	for how := range axes {
		r := g.read(how)
		if !slices.ContainsFunc(all, func(o *reading) bool { return o.same(r) }) {
			all = append(all, r)
		}
		if r.whole {
			break // the other ways are the same
		}
	}
	var best *reading
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
	if len(best.used) == 0 {
		var rest []Remark
		for _, s := range g.pages {
			rest = append(rest, s.remark())
		}
		return nil, rest
	}
	best.compare(all)
	b := &Bill{Outcome: best.verdict.outcome, Reason: best.verdict.reason, Bits: best.verdict.bits, Checks: best.verdict.checks, Copies: best.copies, Missing: best.missing}
	var rest []Remark
	for i, s := range g.pages {
		isCopy := slices.ContainsFunc(best.copies, func(c Copy) bool { return c.Page == s.number })
		if !isCopy && i > 0 && !best.used[s.number] && s.id.number.Text == "" && s.m == 0 {
			rest = append(rest, s.remark())
			continue
		}
		b.Pages = append(b.Pages, Leaf{Page: s.number, N: s.n, M: s.m, Columns: best.columns[s.number]})
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
	return b, rest
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

// compare takes a proof back that another reading puts in doubt: one that is proved as well
// and differs, or one that has a column of figures more, which was lost here.
func (r *reading) compare(all []*reading) {
	if !r.verdict.holds() {
		return
	}
	why := ""
	if r.lost != "" {
		why = "figures were found under " + r.lost.words() + " that do not fit into its rows for certain"
	}
	for _, o := range all {
		if o != r && o.verdict.outcome == Reconciled && o.contradicts(r) {
			why = "two ways of reading its table agree with its totals"
		}
	}
	if why == "" {
		return
	}
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

// read reads the pages of a bill in one way.
func (g *group) read(how axis) *reading {
	r := &reading{whole: true, inRows: map[*word]bool{}, columns: map[int][]Column{}, used: map[int]bool{}}
	parts := make([][]*part, len(g.pages))
	for i, s := range g.pages {
		r.excess = r.excess || s.excess
		r.unread = append(r.unread, s.lost...)
		for j, b := range s.bands {
			limit := s.height
			for _, next := range s.bands[j+1:] {
				if next.box.Y0 > b.base && overlap(next.box, b.box) > 0 {
					limit = min(limit, next.box.Y0)
				}
			}
			grid := s.gridOf(b, limit, how)
			r.whole = r.whole && grid.whole
			if p := s.partOf(grid); len(p.rows) > 0 || len(p.unread) > 0 {
				parts[i] = append(parts[i], p)
			}
		}
	}
	for i, s := range g.pages {
		if len(s.bands) > 0 {
			continue
		}
		if p := borrow(s, i, parts); p != nil {
			parts[i] = append(parts[i], p)
		}
	}
	for i, s := range g.pages {
		if len(parts[i]) == 0 {
			if t := s.labelledRows(r.inRows); t != nil {
				r.tables = append(r.tables, t)
				r.used[s.number] = true
			}
		}
	}
	prints := map[string]int{}
	seen := map[int]bool{}
	for i, s := range g.pages {
		var tables []*figures
		for _, p := range parts[i] {
			tables = append(tables, p.figures())
		}
		// A page that prints the same rows again, and no other page number, is a copy.
		print := fingerprint(tables)
		if s.n > 0 {
			print += fmt.Sprint("/", s.n)
		}
		if first, ok := prints[print]; ok && fingerprint(tables) != "" {
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
	m := 0
	for _, s := range g.pages {
		m = max(m, s.m)
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
		if len(words) == 0 {
			continue
		}
		if text, _ := textOf(words); g.columns[c].field.isFigure() {
			if _, _, ok := number(text); !ok {
				return false
			}
			figures++
		} else {
			texts++
		}
	}
	return texts > 0 && figures > 0 || figures > 1
}

// fingerprint is the same for pages with the same rows; "" without rows.
func fingerprint(tables []*figures) string {
	var b strings.Builder
	for _, t := range tables {
		for _, row := range t.rows {
			for _, c := range row.cells {
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

func (t *figures) fieldList() (out []Field) {
	for _, c := range t.columns {
		if c.field != Other {
			out = append(out, c.field)
		}
	}
	return out
}

// figures parses the rows of a table on one page.
func (p *part) figures() *figures {
	t := &figures{columns: p.grid.columns}
	has := func(fields ...Field) bool {
		return slices.ContainsFunc(t.columns, func(c column) bool { return slices.Contains(fields, c.field) })
	}
	switch {
	case has(NMFC, Class, UnitType, Hazardous):
		t.role = Carrier
	case has(PO) && !has(Style, Description):
		t.role = Orders
	default:
		t.role = Lines
	}
	// A column of figures that no heading explains may be one that a bill needs.
	bare := make([]int, len(t.columns))
	defer func() {
		for c, n := range bare {
			if n > 0 && 2*n >= len(t.rows) {
				p.unread = append(p.unread, Cell{Field: Other, Text: "figures without a heading", Page: p.leaf.number,
					Box: page.Box{X0: t.columns[c].x0, Y0: p.grid.top, X1: t.columns[c].x1, Y1: p.grid.top}})
			}
		}
	}()
	for _, d := range p.rows {
		row := figureRow{total: d.total, grand: d.grand, page: d.page, draft: d}
		figures := 0
		for c, col := range p.grid.columns {
			if d.cells[c] == nil {
				continue
			}
			text, box := textOf(d.cells[c])
			plain, beside, ok := number(text)
			cell := Cell{Field: col.field, Text: text, Page: d.page, Box: box, Unit: col.unit}
			if col.field.isFigure() {
				switch {
				case ok && row.has(col.field):
					cell.Field = Other
				case ok:
					cell.Figure = plain
					if u := units[strings.ToUpper(strings.Trim(beside, "."))]; u.suits(col.field) {
						cell.Unit = u
					}
					figures++
				case hasDigit(text):
					if !d.total {
						p.unread = append(p.unread, cell)
					}
					cell.Field = Other
				default:
					cell.Field = Other
				}
			}
			if ok && d.total && !col.field.isFigure() {
				// What is added up is a figure, whatever stands over it.
				p.unread = append(p.unread, cell)
			}
			// A long number without a comma is a name.
			if ok && col.bare && (len(plain) < 5 || text != plain || strings.Contains(plain, ".")) {
				bare[c]++
			}
			row.cells = append(row.cells, cell)
		}
		switch {
		case figures == 0 && d.total:
			t.blank = true
		case figures == 0:
		default:
			t.rows = append(t.rows, row)
		}
	}
	// The last row, if it alone has no text, is one of totals without a label.
	if n := len(t.rows); n > 2 && !t.rows[n-1].total && !t.rows[n-1].hasText() {
		all := true
		for i := range t.rows[:n-1] {
			all = all && (t.rows[i].total || t.rows[i].hasText())
		}
		if all {
			t.rows[n-1].total = true
		}
	}
	return t
}

func (r *figureRow) has(f Field) bool {
	_, ok := r.figure(f)
	return ok
}

// hasText reports whether a row says what it counts.
func (r *figureRow) hasText() bool {
	return slices.ContainsFunc(r.cells, func(c Cell) bool { return !c.Field.isFigure() && c.Field != PackSize })
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
	e := evidence{tables: r.tables, unread: r.unread, readings: readings, missing: r.missing, excess: r.excess, orphan: orphan}
	for _, s := range g.pages {
		if !slices.ContainsFunc(r.copies, func(c Copy) bool { return c.Page == s.number }) {
			e.labels = append(e.labels, s.labelsOf(r.inRows)...)
			e.loose = append(e.loose, s.looseOf(r.inRows)...)
		}
	}
	r.verdict = e.prove()
}

// table returns the table as the model has it.
func (t *figures) table(checks []Check) Table {
	state := func(f Field) State {
		for _, c := range checks {
			if c.Role == t.role && c.Field == f {
				return c.State
			}
		}
		return ""
	}
	out := Table{Role: t.role, Rows: []Row{}, Totals: Row{}}
	for _, row := range t.rows {
		cells := slices.Clone(row.cells)
		var box page.Box
		for i := range cells {
			box = box.Union(cells[i].Box)
			if cells[i].Figure != "" {
				cells[i].State = state(cells[i].Field)
			}
		}
		if row.total {
			// Of totals of parts and of all, the last is shown where none is proved.
			for _, c := range cells {
				if c.Figure != "" {
					out.Totals.put(c)
				}
			}
			continue
		}
		out.Rows = append(out.Rows, Row{Cells: cells, Page: row.page, Box: box})
	}
	// The total that was compared counts; it may also stand elsewhere.
	for _, c := range checks {
		if c.Role == t.role && c.Total.Text != "" {
			cell := c.Total
			cell.Field, cell.State = c.Field, c.State
			out.Totals.put(cell)
		}
	}
	return out
}

// put sets the cell of a field.
func (r *Row) put(c Cell) {
	if old := r.Cell(c.Field); old != nil {
		*old = c
		return
	}
	r.Cells = append(r.Cells, c)
}

// labelledRows reads a page whose rows name their figures one by one, as "Quantity: 42 ctn
// Weight: 630.5 lb": labels that repeat under each other.
func (s *leaf) labelledRows(inRows map[*word]bool) *figures {
	type found struct {
		field Field
		cell  Cell
		word  *word
		x, y  float32
	}
	var all []found
	for li, l := range s.lines {
		for j, t := range l.tokens {
			if !strings.HasSuffix(t.word.Text, ":") || j > 0 && l.tokens[j-1].word == t.word {
				continue
			}
			for _, e := range byFirst[t.key] {
				if len(e.tokens) > 1 || !e.field.isFigure() && e.field != quantity {
					continue
				}
				if c, w := s.figureAfter(li, t.word); w != nil {
					all = append(all, found{e.field, c, w, t.word.Box.X0, l.base})
				}
				break
			}
		}
	}
	// The first label that stands at one place several times begins the rows.
	for i, f := range all {
		var starts []float32
		for _, o := range all {
			if o.field == f.field && near(o.x, f.x, 3) {
				starts = append(starts, o.y)
			}
		}
		if len(starts) < 2 || i > 50 {
			continue
		}
		t := &figures{role: Lines}
		for k, y := range starts {
			end := float32(1e9)
			if k+1 < len(starts) {
				end = starts[k+1]
			}
			row := figureRow{page: s.number, draft: &draft{page: s.number}}
			for _, o := range all {
				if o.y < y || o.y >= end || !near(o.x, f.x, 120) {
					continue
				}
				c := o.cell
				if c.Field = o.field; c.Field == quantity {
					c.Field = Packages
					if strings.HasSuffix(strings.ToUpper(c.Text), "PCS") || strings.HasSuffix(strings.ToUpper(c.Text), "EA") {
						c.Field = Pieces
					}
				}
				if !row.has(c.Field) {
					row.cells = append(row.cells, c)
					inRows[o.word] = true
				}
			}
			t.rows = append(t.rows, row)
		}
		return t
	}
	return nil
}

// figureAfter returns the figure beside a label or under it, with the word that follows it
// as its unit.
func (s *leaf) figureAfter(li int, w *word) (Cell, *word) {
	try := func(l *line, at int) (Cell, *word) {
		if at >= len(l.words) {
			return Cell{}, nil
		}
		c, ok := cellOf(l.words[at], s.number)
		if !ok {
			return Cell{}, nil
		}
		unit := ""
		if at+1 < len(l.words) && l.words[at+1].Box.X0-l.words[at].Box.X1 < w.Size {
			unit = l.words[at+1].Text
		} else {
			for _, next := range s.lines[slices.Index(s.lines, l)+1:] {
				if next.base-l.base > 1.6*w.Size || unit != "" {
					break
				}
				for _, o := range next.words {
					if near(o.Box.X0, l.words[at].Box.X0, 3) && !hasDigit(o.Text) && !strings.HasSuffix(o.Text, ":") {
						unit = o.Text
					}
				}
			}
		}
		if unit != "" && len(unit) < 8 {
			if plain, beside, ok := number(c.Text + " " + unit); ok && beside != "" {
				c.Text, c.Figure, c.Unit = c.Text+" "+unit, plain, units[strings.ToUpper(beside)]
			}
		}
		return c, l.words[at]
	}
	l := s.lines[li]
	at := slices.Index(l.words, w)
	if at+1 < len(l.words) && l.words[at+1].Box.X0-w.Box.X1 < 60 {
		return try(l, at+1)
	}
	for _, next := range s.lines[li+1:] {
		if next.base-l.base > 1.6*w.Size {
			break
		}
		for i, o := range next.words {
			if near(o.Box.X0, w.Box.X0, 6) {
				return try(next, i)
			}
		}
	}
	return Cell{}, nil
}

// remark says what is on a page without lines.
func (s *leaf) remark() Remark {
	r := Remark{Page: s.number, Title: s.id.title}
	what := "the page"
	if s.id.title != "" {
		article := "a "
		if strings.ContainsAny(s.id.title[:1], "aeiou") {
			article = "an "
		}
		what = "this is " + article + s.id.title
	}
	var names []string
	for _, b := range s.bands {
		for _, h := range b.columns {
			names = append(names, strings.ToLower(strings.Join(h.tokens, " ")))
		}
	}
	switch {
	case len(names) > 0:
		if len(names) > 6 {
			names = append(names[:6], "…")
		}
		r.Message = fmt.Sprintf("%s; the headings %s were found, and no rows with figures under them: it is a blank form, or its table could not be read; show us the columns", what, strings.Join(names, ", "))
	case s.id.title != "":
		r.Message = what + ", but no headings of a table were found; show us the columns"
	}
	return r
}
