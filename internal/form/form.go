package form

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// Form is a learnt form: what somebody showed of a table, as data. It is the first
// hypothesis for pages that have all its headings in its columns, and must prove itself on
// each document as any other reading does.
type Form struct {
	Name    string
	Columns []FormColumn // from left to right
	Rows    []RowRule
	// Totals are the fields whose printed totals are not sums.
	Totals map[Field]TotalKind
	// Proved names the documents that proved the form, by what is in them; see Document.
	Proved []string
}

// FormColumn is a column of a learnt form. Left and Right are in points from the left edge
// of the first heading of the form.
type FormColumn struct {
	// Heading is the text over the column, "" if there is none. The headings are the form's
	// signature.
	Heading     string
	Field       Field
	Unit        Unit // "" if the form does not name it
	Left, Right float32
}

// RowRule says what the rows are that have a cell which begins with some words.
type RowRule struct {
	Begins string // "" for rows of figures alone
	Is     RowKind
}

// RowKind says what a row of a table is.
type RowKind string

// The kinds of rows.
const (
	LineRow  RowKind = "line"
	TotalRow RowKind = "total"
	NoRow    RowKind = "none" // neither
	EndRow   RowKind = "end"  // the table ends above it
)

// RowKinds are all kinds of rows.
var RowKinds = []RowKind{LineRow, TotalRow, NoRow, EndRow}

// TotalKind says what a printed total is that is not a sum.
type TotalKind string

// The kinds of totals that are not sums.
const (
	MaxTotal   TotalKind = "max"   // the largest figure of the column
	CountTotal TotalKind = "count" // the number of lines that have a figure
	NoTotal    TotalKind = "none"  // the form prints no total of the column
)

// TotalKinds are all kinds of totals that are not sums.
var TotalKinds = []TotalKind{MaxTotal, CountTotal, NoTotal}

// The bounds of learnt forms.
const (
	MaxForms       = 50 // of one owner
	maxFormColumns = 40
	maxRowRules    = 40
	maxFormText    = 100 // characters
	maxEdge        = 5000
	leastHeadings  = 2
	// trustedAfter is the number of documents that must prove a form before it is trusted.
	trustedAfter = 2
)

// Fields are the meanings that a column can have.
var Fields = []Field{Packages, PackageType, Pieces, Pallets, UnitType, Weight, NetWeight, Volume, Style, PO, Description, NMFC, Class, PackSize, Hazardous, Other}

// Units are the units that a column can have.
var Units = []Unit{Pounds, Kilograms, CubicFeet, CubicMetres}

// Suits reports whether the unit is one of the field; "" is one of all.
func (u Unit) Suits(f Field) bool { return u == "" || u.suits(f) }

// Trusted reports whether different documents proved the form, so that its lines also
// count where a document prints no totals.
func (f *Form) Trusted() bool { return len(f.Proved) >= trustedAfter }

// Prove records a document that proved the form. It reports whether that changes the form:
// not if it is trusted, or was proved on this document before.
func (f *Form) Prove(document string) bool {
	if f.Trusted() || document == "" || slices.Contains(f.Proved, document) {
		return false
	}
	f.Proved = append(slices.Clone(f.Proved), document)
	return true
}

// Same reports whether two forms read in the same way, whatever they are called.
func (f *Form) Same(o *Form) bool {
	return slices.Equal(f.Columns, o.Columns) && slices.Equal(f.Rows, o.Rows) && maps.Equal(f.Totals, o.Totals)
}

// Document names a document by the SHA-256 of its content, for Form.Proved.
func Document(sum [32]byte) string { return fmt.Sprintf("%x", sum[:8]) }

var documentName = regexp.MustCompile(`^[0-9a-f]{16}$`)

// Flaw is something wrong in a form.
type Flaw struct {
	// Part is "name", "columns", "rows", "totals" or "proved", and Index which of the
	// columns or rows, from 0; -1 for all.
	Part  string
	Index int
	// Reason says for people what is wrong and what would be right, without a full stop.
	Reason string
}

// Check returns everything that is wrong in a form.
func (f *Form) Check() (flaws []Flaw) {
	wrong := func(part string, index int, format string, args ...any) {
		flaws = append(flaws, Flaw{part, index, fmt.Sprintf(format, args...)})
	}
	switch why := wrongText(f.Name); {
	case strings.TrimSpace(f.Name) == "":
		wrong("name", 0, "the name of a form is empty")
	case why != "":
		wrong("name", 0, "the name of a form %s", why)
	}
	if len(f.Columns) > maxFormColumns {
		wrong("columns", -1, "a form has at most %d columns", maxFormColumns)
		return flaws
	}
	headings, figures := 0, 0
	of := map[Field]bool{}
	for i, c := range f.Columns {
		if c.Heading != "" {
			if headings++; headingWords(c.Heading) == nil {
				wrong("columns", i, "the heading %q has nothing that can be compared", c.Heading)
			}
			if why := wrongText(c.Heading); why != "" {
				wrong("columns", i, "the heading of a column %s", why)
			}
		}
		if c.Field.IsFigure() {
			figures++
		}
		switch {
		case !slices.Contains(Fields, c.Field):
			wrong("columns", i, "there is no field %q; there are %s", c.Field, list(Fields))
		case of[c.Field] && c.Field != Other:
			wrong("columns", i, "two columns are %s; one of them must be other", c.Field)
		}
		of[c.Field] = true
		switch {
		case c.Unit != "" && !slices.Contains(Units, c.Unit):
			wrong("columns", i, "there is no unit %q; there are %s", c.Unit, list(Units))
		case !c.Unit.Suits(c.Field):
			wrong("columns", i, "%s is not a unit of %s", c.Unit, c.Field)
		}
		switch {
		case !(abs(c.Left) <= maxEdge && abs(c.Right) <= maxEdge):
			wrong("columns", i, "the edges of a column must be from -%d to %d points", maxEdge, maxEdge)
		case c.Left >= c.Right:
			wrong("columns", i, "a column must have left less than right, not %g and %g", c.Left, c.Right)
		case i > 0 && c.Left < f.Columns[i-1].Right-0.01:
			wrong("columns", i, "a column begins at %g, within the one before it, which ends at %g", c.Left, f.Columns[i-1].Right)
		}
	}
	if headings < leastHeadings {
		wrong("columns", -1, "a form needs the headings of at least %d columns, by which it is recognised", leastHeadings)
	}
	if figures == 0 {
		wrong("columns", -1, "a form needs a column of figures: %s", list(Figures[:]))
	}
	if len(f.Rows) > maxRowRules {
		wrong("rows", -1, "a form has at most %d rules for rows", maxRowRules)
		return flaws
	}
	for i, r := range f.Rows {
		switch why := wrongText(r.Begins); {
		case !slices.Contains(RowKinds, r.Is):
			wrong("rows", i, "a row is one of %s, not %q", list(RowKinds), r.Is)
		case r.Begins == "" && r.Is == EndRow:
			wrong("rows", i, "a table cannot end at the first row of figures alone; say with which words the row begins")
		case r.Begins != "" && why != "":
			wrong("rows", i, "the beginning of a row %s", why)
		case r.Begins != "" && headingWords(r.Begins) == nil:
			wrong("rows", i, "the beginning of a row %q has nothing that can be compared", r.Begins)
		}
	}
	for field, kind := range f.Totals {
		switch {
		case !field.IsFigure() || !of[field]:
			wrong("totals", 0, "the form has no column of figures %q", field)
		case !slices.Contains(TotalKinds, kind):
			wrong("totals", 0, "a total that is not a sum is one of %s, not %q", list(TotalKinds), kind)
		}
	}
	if len(f.Proved) > trustedAfter {
		wrong("proved", 0, "a form is trusted after %d documents; more are not kept", trustedAfter)
	}
	for i, d := range f.Proved {
		if !documentName.MatchString(d) || slices.Contains(f.Proved[:i], d) {
			wrong("proved", 0, "%q is not the mark of a document that is not here yet: 16 hexadecimal digits", d)
		}
	}
	return flaws
}

// wrongText says what is wrong with a text of a form; "" if nothing is.
func wrongText(s string) string {
	switch {
	case utf8.RuneCountInString(s) > maxFormText:
		return fmt.Sprintf("has more than %d characters", maxFormText)
	case strings.TrimSpace(s) != s:
		return "begins or ends with a space"
	case !utf8.ValidString(s), strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		return "has a character that cannot be seen"
	}
	return ""
}

// list joins names for people.
func list[T ~string](names []T) string {
	return text.List(names, len(names), func(n T) string { return string(n) })
}

// headingWords are the words of a heading as they are compared; nil if there are none.
func headingWords(text string) (words []string) {
	for word := range strings.FieldsSeq(text) {
		if key := wordKey(word); key != "" {
			words = append(words, key)
		}
	}
	return words
}

// wordKey is a word as headings of learnt forms are compared: capitals, without the
// punctuation around it.
func wordKey(text string) string {
	return strings.ToUpper(strings.TrimFunc(page.Seen(text), func(r rune) bool { return unicode.IsPunct(r) && r != '#' }))
}

// fit is a place on a page where all headings of a learnt form stand in its columns.
type fit struct {
	form *Form
	left float32  // of the first heading
	box  page.Box // of the headings
	base float32  // of the lowest one
	size float32
}

// The bounds of looking for forms on a page.
const (
	maxFits    = 8  // of one form
	maxAnchors = 60 // places of a form's first word that are looked at
)

// findForms finds the places of learnt forms on a page, and marks the words of their
// headings.
func (s *leaf) findForms(forms []Form) {
	if len(forms) == 0 {
		return
	}
	byKey := map[string][]*word{}
	for _, w := range s.words {
		if key := wordKey(w.Text); key != "" {
			byKey[key] = append(byKey[key], w)
		}
	}
	for i := range forms {
		s.fits = append(s.fits, fitsOf(&forms[i], byKey)...)
	}
}

// fitsOf finds the places of a learnt form on a page, by its words.
func fitsOf(f *Form, byKey map[string][]*word) (out []fit) {
	first := slices.IndexFunc(f.Columns, func(c FormColumn) bool { return c.Heading != "" })
	if first < 0 {
		return nil
	}
	anchors := headingWords(f.Columns[first].Heading)
	if len(anchors) == 0 {
		return nil
	}
	for i, a := range byKey[anchors[0]] {
		if i == maxAnchors || len(out) == maxFits {
			break
		}
		if slices.ContainsFunc(out, func(o fit) bool { return a.Base <= o.base }) {
			continue // the words of a heading twice
		}
		at := fit{form: f, left: a.Box.X0}
		var all []*word
		for _, c := range f.Columns {
			words := at.heading(c, a, byKey)
			if words == nil && c.Heading != "" {
				all = nil
				break
			}
			all = append(all, words...)
		}
		if all == nil {
			continue
		}
		for _, w := range all {
			w.heading = true
			at.box = at.box.Union(w.Box)
			at.base, at.size = max(at.base, w.Base), max(at.size, w.Size)
		}
		out = append(out, at)
	}
	return out
}

// heading returns the words of the heading of a column, which stand within it, not far
// above or below the anchor; nil if one of them is missing.
func (at *fit) heading(c FormColumn, anchor *word, byKey map[string][]*word) (words []*word) {
	for _, key := range headingWords(c.Heading) {
		var found *word
		for _, w := range byKey[key] {
			if m := w.middle() - at.left; m >= c.Left-2 && m <= c.Right+2 && near(w.Base, anchor.Base, 4*anchor.Size) && !slices.Contains(words, w) &&
				(found == nil || abs(w.Base-anchor.Base) < abs(found.Base-anchor.Base)) {
				found = w
			}
		}
		if found == nil {
			return nil
		}
		words = append(words, found)
	}
	return words
}

// gridAt returns the columns of a learnt form at one of its places on a page. The rows are
// searched down to limit.
func (s *leaf) gridAt(at fit, limit float32) *grid {
	f := at.form
	g := &grid{form: f, top: at.base, bottom: limit, size: at.size}
	for _, c := range f.Columns {
		left, right := at.left+c.Left, at.left+c.Right
		if n := len(g.columns); n > 0 && left-g.columns[n-1].x1 > 0.5 {
			// Figures between the columns that were shown are not read by them.
			g.columns = append(g.columns, column{field: Other, x0: g.columns[n-1].x1, x1: left, bare: true})
		}
		g.columns = append(g.columns, column{field: c.Field, unit: c.Unit, x0: left, x1: right, uncounted: c.Field == Other})
	}
	g.left, g.right = g.columns[0].x0, g.columns[len(g.columns)-1].x1
	for _, u := range s.uprights(&band{base: at.base, size: at.size}, limit) {
		if u.x >= g.left-1 && u.x <= g.right+1 {
			g.floor = max(g.floor, u.bottom)
		}
	}
	return g
}

// partsOf reads the tables of a page: those under the headings of a learnt form, unless it is nil,
// and those under other headings, in one way. whole says that lines part all columns of these, and
// taught that the page has the headings of the form.
func (s *leaf) partsOf(f *Form, how axis) (parts []*part, whole, taught bool) {
	var own []fit
	for _, at := range s.fits {
		if at.form == f {
			own = append(own, at)
		}
	}
	others := slices.DeleteFunc(slices.Clone(s.bands), func(b *band) bool {
		return slices.ContainsFunc(own, func(at fit) bool {
			return overlap(b.box, at.box) > 0 && b.box.Y0 < at.box.Y1 && b.box.Y1 > at.box.Y0
		})
	})
	limit := func(box page.Box, base float32) float32 {
		y := s.height
		for _, at := range own {
			if at.box.Y0 > base && overlap(at.box, box) > 0 {
				y = min(y, at.box.Y0)
			}
		}
		for _, b := range others {
			if b.box.Y0 > base && overlap(b.box, box) > 0 {
				y = min(y, b.box.Y0)
			}
		}
		return y
	}
	for _, at := range own {
		parts = append(parts, s.partOf(s.gridAt(at, limit(at.box, at.base))))
	}
	whole = true
	for _, b := range others {
		g := s.gridOf(b, limit(b.box, b.base), how)
		whole = whole && g.whole
		if p := s.partOf(g); len(p.rows) > 0 || len(p.unread) > 0 {
			parts = append(parts, p)
		}
	}
	return parts, whole, len(own) > 0
}

// rule returns what a learnt form says of a row, "" if it says nothing.
func (g *grid) rule(st *strip) (kind RowKind, label []*word) {
	if g.form == nil {
		return "", nil
	}
	for _, r := range g.form.Rows {
		if r.Begins == "" {
			if st.figures > 0 && st.bare(g) {
				return r.Is, nil
			}
			continue
		}
		want := headingWords(r.Begins)
		for _, ph := range phrases(st.words, 0.9) {
			for i, w := range ph {
				// A text begins with its cell, or after a figure that stands close to it.
				if (i == 0 || g.of(w) != g.of(ph[i-1]) || !hasLetter(ph[i-1].Text)) && begins(ph[i:], want) {
					return r.Is, ph[i:]
				}
			}
		}
	}
	return "", nil
}

// begins reports whether a text begins with some words.
func begins(words []*word, want []string) bool {
	for _, w := range words {
		key := wordKey(w.Text)
		if key == "" {
			continue
		}
		if len(want) == 0 || key != want[0] {
			return len(want) == 0
		}
		want = want[1:]
	}
	return len(want) == 0
}
