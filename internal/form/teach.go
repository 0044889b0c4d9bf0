package form

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// Shown is what somebody says of the table on a page.
type Shown struct {
	// Name is that of the form, "" if it does not matter yet.
	Name string
	// Headings are meanings of headings, besides those of the lexicon.
	Headings map[string]Field
	// On is the page of the same bill of whose points Columns and Top are; 0 for the page of
	// the lesson.
	On int
	// Columns are the columns in points of the page; nil for those that are found. Where a
	// heading is "", or does not stand in its column, the text over the rows is one.
	Columns []FormColumn
	// Top is where the rows begin; 0 if that is under the headings that are found.
	Top float32
	// Rows say what the rows at some heights are, and Rules what rows with some words are.
	Rows   []ShownRow
	Rules  []RowRule
	Totals map[Field]TotalKind
}

// ShownRow says what the row at a height is, in points from the top of the page.
type ShownRow struct {
	Y  float32
	Is RowKind
}

// Lesson is how the table on a page is read, for somebody who teaches its form.
type Lesson struct {
	Page          int
	Width, Height float32
	// Pages are those of the bill that the page belongs to, as far as they were given.
	Pages []int
	// HeadingsOn is the page on which the headings stand, which may be another one; 0 if
	// none were found.
	HeadingsOn int
	// Title is what the page calls itself, such as "packing list"; "" if it does not.
	Title string
	Kind  Kind
	// Form is the form as it would be learnt; nil if the columns make none, for the reason
	// in Flaws.
	Form  *Form
	Flaws []Flaw
	// Columns are in points of the page.
	Columns     []FormColumn
	Top, Bottom float32
	Rows        []LessonRow
	// Sentences say for each column of figures what its lines add up to and what is
	// printed; Checks are the same for programs.
	Checks    []Check
	Sentences []string
	Outcome   Outcome
	Reason    string
	Bits      float64
	// Proved says that the printed totals prove what was read: that is what makes a form
	// trusted.
	Proved bool
}

// LessonRow is a row of the table.
type LessonRow struct {
	Is    RowKind
	Box   page.Box
	Text  string
	Cells []Cell
}

// FormError lists what is wrong with what was shown.
type FormError struct{ Flaws []Flaw }

// Error returns all flaws for people.
func (e *FormError) Error() string {
	var all []string
	for _, f := range e.Flaws {
		all = append(all, f.Reason)
	}
	return strings.Join(all, "; ")
}

func wrongForm(part, format string, args ...any) error {
	return &FormError{[]Flaw{{part, 0, fmt.Sprintf(format, args...)}}}
}

// Study reads the bill of a page as Read does, and says how; with what was shown, it reads
// it by the form which that makes, and by no other. pages are those of the document around
// the page which no known form claims, in order. It fails with a FormError.
func Study(pages []page.Page, number int, forms []Form, shown *Shown) (*Lesson, error) {
	if shown == nil {
		shown = &Shown{}
	}
	named, err := shown.lexicon()
	if err != nil {
		return nil, err
	}
	var g *group
	at := -1
	for _, o := range groupsOf(pages, forms, named, &Result{}) {
		if i := slices.IndexFunc(o.pages, func(s *leaf) bool { return s.number == number }); i >= 0 {
			g, at = o, i
		}
	}
	if g == nil {
		return nil, wrongForm("page", "page %d is not among those that can be shown: it has no text, or is of a known form", number)
	}
	s := g.pages[at]
	told := *shown
	if told.Columns == nil {
		l := g.lesson(g.best(forms), at)
		if told.Rows == nil && told.Rules == nil && len(told.Totals) == 0 {
			return l, nil
		}
		if len(l.Columns) == 0 {
			return nil, wrongForm("columns", "no table was found on page %d; show its columns", number)
		}
		told.Columns, told.On, told.Top = l.Columns, 0, cmp.Or(told.Top, l.Top)
	} else {
		g.partDecimals()
	}
	if told.On != 0 {
		i := slices.IndexFunc(g.pages, func(s *leaf) bool { return s.number == told.On })
		if i < 0 {
			return nil, wrongForm("page", "page %d, on which the columns were shown, is not of the bill of page %d", told.On, number)
		}
		s = g.pages[i]
	}
	if told.Top == 0 && len(s.bands) > 0 {
		told.Top = s.bands[0].base
	}
	f, err := s.teach(&told)
	if err != nil {
		return nil, err
	}
	by := func() *Lesson {
		one := []Form{*f}
		for _, s := range g.pages {
			s.fits = nil
			s.findForms(one)
		}
		return g.lesson(g.by(&one[0], 1), at)
	}
	l := by()
	if len(s.fits) == 0 {
		return nil, wrongForm("columns", "the headings of these columns stand too far from each other")
	}
	if len(told.Rows) == 0 {
		return l, nil
	}
	if len(l.Columns) == 0 {
		return nil, wrongForm("rows", "page %d has no rows of this table", number)
	}
	var rules []RowRule
	for _, r := range told.Rows {
		if !slices.Contains(RowKinds, r.Is) {
			return nil, wrongForm("rows", "a row is one of %s, not %q", list(RowKinds), r.Is)
		}
		words := g.pages[at].rowAt(r.Y, l)
		if words == nil {
			return nil, wrongForm("rows", "there is no row at %g points", r.Y)
		}
		rules = append(rules, RowRule{labelOf(words, r.Is), r.Is})
	}
	f.Rows = appendRules(rules, f.Rows)
	if flaws := f.Check(); flaws != nil {
		return nil, &FormError{flaws}
	}
	return by(), nil
}

// appendRules returns rules followed by those of others that are about other rows.
func appendRules(rules, others []RowRule) (out []RowRule) {
	for _, r := range append(slices.Clone(rules), others...) {
		if !slices.ContainsFunc(out, func(o RowRule) bool {
			return slices.Equal(headingWords(o.Begins), headingWords(r.Begins))
		}) {
			out = append(out, r)
		}
	}
	return out
}

// lexicon has the headings that were named.
func (sh *Shown) lexicon() (*node, error) {
	root := &node{}
	for text, field := range sh.Headings {
		e := entry{field: field, shown: true}
		for word := range strings.FieldsSeq(text) {
			e.tokens = append(e.tokens, tokensOf(word)...)
		}
		switch {
		case !slices.Contains(Fields, field):
			return nil, wrongForm("columns", "there is no field %q; there are %s", field, list(Fields))
		case len(e.tokens) == 0:
			return nil, wrongForm("columns", "the heading %q has neither letters of the Latin alphabet nor digits; give the edges of its column", text)
		}
		root.add(e)
	}
	return root, nil
}

// teach makes a form of columns that were shown on a page.
func (s *leaf) teach(shown *Shown) (*Form, error) {
	f := &Form{Name: cmp.Or(shown.Name, s.id.title, "form"), Columns: slices.Clone(shown.Columns), Rows: appendRules(shown.Rules, nil), Totals: shown.Totals}
	slices.SortStableFunc(f.Columns, func(a, b FormColumn) int { return cmp.Compare(a.Left, b.Left) })
	if len(f.Columns) > maxFormColumns {
		return nil, wrongForm("columns", "a form has at most %d columns", maxFormColumns)
	}
	left := float32(math.NaN())
	for i := range f.Columns {
		c := &f.Columns[i]
		words := s.headingAt(c.Left, c.Right, shown.Top, headingWords(c.Heading))
		if words == nil {
			words = s.headingAt(c.Left, c.Right, shown.Top, nil)
		}
		if words == nil {
			c.Heading = ""
			continue
		}
		if text, _ := textOf(words); !slices.Equal(headingWords(c.Heading), headingWords(text)) {
			c.Heading = text
		}
		if left != left {
			left = words[0].Box.X0
		}
	}
	if left != left {
		return nil, wrongForm("columns", "page %d has no headings over these columns; show the columns on a page that has them, and where its rows begin", s.number)
	}
	for i := range f.Columns {
		c := &f.Columns[i]
		c.Left, c.Right = hundredths(c.Left-left), hundredths(c.Right-left)
	}
	if flaws := f.Check(); flaws != nil {
		return nil, &FormError{flaws}
	}
	return f, nil
}

func hundredths(v float32) float32 { return float32(math.Round(float64(v)*100) / 100) }

// headingAt returns the words of a heading over the rows of a column; without a heading,
// the lowest text there.
func (s *leaf) headingAt(left, right, top float32, want []string) []*word {
	within := func(w *word) bool {
		return w.middle() >= left && w.middle() <= right && w.Base <= top+1.5 && w.Base > top-6*max(w.Size, 5)
	}
	if want != nil {
		var out []*word
		for _, key := range want {
			var found *word
			for _, w := range s.words {
				if within(w) && wordKey(w.Text) == key && !slices.Contains(out, w) && (found == nil || w.Base > found.Base) {
					found = w
				}
			}
			if found == nil {
				return nil
			}
			out = append(out, found)
		}
		return out
	}
	for i := len(s.lines) - 1; i >= 0; i-- {
		var best []*word
		for _, ph := range phrases(s.lines[i].words, 0.9) {
			ph = slices.DeleteFunc(slices.Clone(ph), func(w *word) bool { return !within(w) || w.Base <= top-3*max(w.Size, 5) })
			text, _ := textOf(ph)
			if len(ph) == 0 || len(text) > maxFormText || headingWords(text) == nil || hasDigit(text) && !hasLetter(text) {
				continue
			}
			far := func(ph []*word) float32 { return abs(ph[0].Box.X0 + ph[len(ph)-1].Box.X1 - left - right) }
			if best == nil || far(ph) < far(best) {
				best = ph
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// rowAt returns the words of the row of a lesson at a height, or else of the nearest line.
func (s *leaf) rowAt(y float32, l *Lesson) (words []*word) {
	left, right := l.Columns[0].Left, l.Columns[len(l.Columns)-1].Right
	for _, r := range l.Rows {
		if y >= r.Box.Y0-1 && y <= r.Box.Y1+1 {
			return s.wordsIn(left, right, r.Box.Y0, r.Box.Y1)
		}
	}
	for _, w := range s.words {
		if w.middle() >= left && w.middle() <= right && !w.heading && y >= w.Box.Y0-1 && y <= w.Box.Y1+1 {
			words = append(words, w)
		}
	}
	return words
}

// wordsIn returns the words of a part of the page that are not headings.
func (s *leaf) wordsIn(left, right, top, bottom float32) (words []*word) {
	for _, w := range s.words {
		if y := (w.Box.Y0 + w.Box.Y1) / 2; w.middle() >= left && w.middle() <= right && y >= top && y <= bottom && !w.heading {
			words = append(words, w)
		}
	}
	return words
}

// labelOf returns the words by which rows like one are recognised: its first text without
// digits; "" if it has none.
func labelOf(words []*word, kind RowKind) string {
	const most = 4
	best := ""
	for _, l := range linesOf(words, false) {
		for _, ph := range phrases(l.words, 0.9) {
			for len(ph) > 0 && !hasLetter(ph[0].Text) {
				ph = ph[1:]
			}
			n := slices.IndexFunc(ph, func(w *word) bool { return hasDigit(w.Text) })
			if n < 0 {
				n = len(ph)
			}
			ph = ph[:min(n, most)]
			if len(ph) == 0 {
				continue
			}
			text, _ := textOf(ph)
			text = strings.TrimRight(text, ":= ")
			if is, _ := totalLabel(ph); is && kind == TotalRow {
				return text
			}
			if best == "" && headingWords(text) != nil && wrongText(text) == "" {
				best = text
			}
		}
	}
	return best
}

// lesson says how the table on a page of a bill was read.
func (g *group) lesson(r *reading, at int) *Lesson {
	s := g.pages[at]
	v := r.verdict
	l := &Lesson{
		Page: s.number, Width: s.width, Height: s.height, Title: s.id.title, Kind: Free, Rows: []LessonRow{}, Columns: []FormColumn{},
		Checks: v.checks, Outcome: v.outcome, Reason: v.reason, Bits: v.bits, Proved: v.strong,
	}
	for _, o := range g.pages {
		l.Pages = append(l.Pages, o.number)
		if o.tabled() && (l.HeadingsOn == 0 || o == s) {
			l.HeadingsOn = o.number
		}
	}
	for _, c := range v.checks {
		l.Sentences = append(l.Sentences, c.sentence(slices.ContainsFunc(v.checks, func(o Check) bool { return o.Field == c.Field && o.Role != c.Role })))
	}
	main := mainPart(r.parts[at])
	if r.form != nil {
		l.Kind, l.Form = Learnt, r.form
	}
	switch {
	case main != nil:
		l.table(main, v.checks)
	case len(s.bands) > 0:
		l.table(&part{leaf: s, grid: s.gridOf(s.bands[0], s.height, byGaps)}, nil)
	default:
		return l
	}
	if r.form == nil {
		f, err := s.teach(&Shown{Columns: l.Columns, Top: l.Top})
		if wrong, ok := err.(*FormError); ok {
			l.Flaws = wrong.Flaws
		}
		l.Form = f
	}
	return l
}

// mainPart is the table whose form is taught: that of a learnt form, or else goods by
// style before orders and freight; nil if there is none.
func mainPart(parts []*part) *part {
	var best *part
	rank := -1
	for _, p := range parts {
		n := len(p.rows)
		switch role := p.figures().role; {
		case p.grid.form != nil:
			return p
		case n == 0:
		case role == Lines:
			n += 2 * maxRows
		case role == Orders:
			n += maxRows
		}
		if n > rank {
			best, rank = p, n
		}
	}
	return best
}

// table describes a table on the page.
func (l *Lesson) table(p *part, checks []Check) {
	g, s := p.grid, p.leaf
	for _, c := range g.columns {
		if g.form != nil && c.bare {
			continue // between those of the form
		}
		col := FormColumn{Field: c.field, Unit: c.unit, Left: hundredths(max(0, c.x0)), Right: hundredths(min(s.width, c.x1))}
		if g.form != nil {
			col.Heading = g.form.Columns[len(l.Columns)].Heading
		} else {
			var words []*word
			for _, w := range s.words {
				if w.heading && w.middle() >= c.x0 && w.middle() < c.x1 && w.Base <= g.top+1 && w.Base > g.top-6*g.size {
					words = append(words, w)
				}
			}
			if words == nil {
				words = s.headingAt(c.x0, c.x1, g.top, nil)
			}
			if text, _ := textOf(words); wrongText(text) == "" {
				col.Heading = text
			}
		}
		l.Columns = append(l.Columns, col)
	}
	l.Top, l.Bottom = hundredths(g.top), hundredths(g.top)
	t := p.figures()
	table := t.table(checks)
	lines := table.Rows
	for _, d := range p.rows {
		row := LessonRow{Is: NoRow, Box: d.box}
		for i := range t.rows {
			if t.rows[i].draft != d {
				continue
			}
			if row.Is, row.Cells = LineRow, t.rows[i].cells; t.rows[i].total {
				row.Is = TotalRow
			} else if len(lines) > 0 {
				row.Cells, lines = lines[0].Cells, lines[1:]
			}
		}
		if row.Is == NoRow && d.total {
			row.Is = TotalRow
		}
		l.Rows = append(l.Rows, row)
	}
	for _, box := range g.none {
		l.Rows = append(l.Rows, LessonRow{Is: NoRow, Box: box})
	}
	slices.SortStableFunc(l.Rows, func(a, b LessonRow) int { return cmp.Compare(a.Box.Y0, b.Box.Y0) })
	for i := range l.Rows {
		r := &l.Rows[i]
		r.Text, r.Box = textOf(s.wordsIn(g.left, g.right, r.Box.Y0, r.Box.Y1)) // with the label of a total
		l.Bottom = max(l.Bottom, r.Box.Y1)
	}
}

// sentence says what a column adds up to: "weight: 4 lines add up to 4,114.4, printed
// 4,114.4". named adds which table that is.
func (c Check) sentence(named bool) string {
	what := c.Field.Words()
	if named {
		what += " (" + string(c.Role) + ")"
	}
	lines := "1 line adds up to "
	if c.Lines != 1 {
		lines = fmt.Sprintf("%d lines add up to ", c.Lines)
	}
	lines += grouped(c.Sum)
	switch {
	case c.Kind == MaxTotal:
		lines = fmt.Sprintf("the largest of %d lines is %s", c.Lines, grouped(c.Sum))
	case c.Kind == CountTotal:
		lines = fmt.Sprintf("there are %d lines", c.Lines)
	}
	if c.Unit != "" && c.Kind != CountTotal {
		lines += " " + string(c.Unit)
	}
	switch {
	case c.Kind == NoTotal:
		return what + ": " + lines + "; the form prints no total"
	case c.Kind != "" && c.State == NotPrinted:
		return what + ": " + lines + ", and no other is printed"
	case c.Printed == "":
		return what + ": " + lines + "; no total is printed"
	case c.State == Differs:
		return what + ": " + lines + ", but " + grouped(c.Printed) + " is printed"
	case c.State == Proved && c.Printed != c.Sum && !equal(Cell{Figure: c.Printed}, amountOf(c.Sum)):
		return what + ": " + lines + ", printed " + grouped(c.Printed) + ", which is rounding"
	}
	return what + ": " + lines + ", printed " + grouped(c.Printed)
}

// grouped returns a number with commas between its thousands.
func grouped(plain string) string {
	whole, decimals, point := strings.Cut(plain, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + decimals
	}
	return whole
}
