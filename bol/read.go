package bol

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"tallyman/page"
)

// reading is what one page says.
type reading struct {
	file, page int
	damage     string
	blank      bool // no words at all
	known      bool // in a known layout
	n, m       int  // "Page n of m", 0 if it does not say
	text       string
	bill       Bill // fields, lines and totals of this page alone
	columns    []Place
	problems   []Problem
}

// readPage reads one page. It never fails: what cannot be read is among the
// problems.
func readPage(file int, p *page.Page, layouts []*Layout, vocabulary map[string]bool) *reading {
	r := &reading{file: file, page: p.Number, damage: p.Damage, blank: len(p.Words) == 0}
	if r.damage != "" || r.blank {
		return r
	}
	words := make([]*page.Word, len(p.Words))
	for i := range p.Words {
		words[i] = &p.Words[i]
	}
	f := newFinder(words, vocabulary)
	for _, l := range layouts {
		if table, ok := f.grid(&l.Table); ok {
			r.known = true
			s := scan{reading: r, finder: f, layout: l, table: table}
			s.read()
			return r
		}
	}
	r.text = excerpt(words)
	return r
}

// excerpt is the beginning of a page's text, for people.
func excerpt(words []*page.Word) string {
	const most = 60
	var b strings.Builder
	for _, w := range words {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if b.Len()+len(w.Text) > most {
			b.WriteString("…")
			break
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// scan reads one page in one layout.
type scan struct {
	*reading
	*finder
	layout *Layout
	table  found
	foot   float32 // baseline of the foot's first label, 0 if there is none
}

// place maps a position of the form as designed to the page, measured from the
// table's headings: what is known before a label of its own is found.
func (s *scan) place(x, y float32) (float32, float32) {
	return s.table.x.at(x), s.table.y + (y-s.layout.Table.Y)*s.table.x.factor
}

func (s *scan) read() {
	for i := range s.layout.Areas {
		a := &s.layout.Areas[i]
		if words, ok := s.area(a); ok {
			s.store(a, words)
		}
	}
	for i := range s.layout.Strips {
		s.strip(&s.layout.Strips[i])
	}
	for i := range s.layout.Foot {
		s.total(&s.layout.Foot[i])
	}
	s.lines()
}

// area returns the words of an area, measured from its label.
func (s *scan) area(a *Area) ([]*page.Word, bool) {
	label, ok := s.label(a, s.place)
	if !ok {
		return nil, false
	}
	k := s.table.x.factor
	x := func(v float32) float32 { return label.x + (v-a.X)*k }
	y := func(v float32) float32 { return label.y + (v-a.Y)*k }
	var out []*page.Word
	for i, w := range s.words {
		if i >= label.first && i <= label.last && w.Base == label.y {
			continue
		}
		if w.Box.X0 >= x(a.Left) && w.Box.X0 < x(a.Right) && w.Base >= y(a.Top) && w.Base < y(a.Bottom) {
			out = append(out, w)
		}
	}
	for _, skip := range a.Skip {
		out = without(out, skip)
	}
	return out, true
}

// without removes the places where a phrase is printed.
func without(words []*page.Word, text string) []*page.Word {
	f := newFinder(words, vocabularyOf(text))
	drop := map[int]bool{}
	for _, p := range f.all(text) {
		for i := p.first; i <= p.last; i++ {
			drop[i] = true
		}
	}
	if len(drop) == 0 {
		return words
	}
	var out []*page.Word
	for i, w := range words {
		if !drop[i] {
			out = append(out, w)
		}
	}
	return out
}

// barcode is how a bar code's text is printed, in a font that shows it as bars.
var barcode = regexp.MustCompile(`^\*[0-9A-Z-]+\*$`)

// store puts an area's words into the bill's field of the same name.
func (s *scan) store(a *Area, words []*page.Word) {
	b := &s.bill
	switch a.Name {
	case "number":
		b.Number = s.value(words)
	case "date":
		b.Date = s.value(words)
	case "page":
		s.n, s.m = pageOf(s.value(words).Text)
	case "shipper":
		b.Shipper = s.value(words)
	case "shipper_address":
		b.ShipperAddress = s.value(words)
	case "consignee":
		b.Consignee = s.values(words)
		s.splitCustomerCode(words)
	case "office_address":
		b.OfficeAddress = s.values(words)
	case "warehouse_address":
		b.WarehouseAddress = s.values(words)
	case "instructions":
		b.Instructions = s.values(words)
	case "notes":
		b.Notes = s.values(words)
	}
}

var pageOfM = regexp.MustCompile(`(?i)\bpage\s+(\d{1,5})\s+of\s+(\d{1,5})\b`)

// pageOf reads "Page n of m". It returns zeros if that is not what it says, or
// makes no sense.
func pageOf(text string) (n, m int) {
	match := pageOfM.FindStringSubmatch(text)
	if match == nil {
		return 0, 0
	}
	n, _ = strconv.Atoi(match[1])
	m, _ = strconv.Atoi(match[2])
	if n < 1 || n > m {
		return 0, 0
	}
	return n, m
}

// splitCustomerCode takes the customer's code out of the consignee's box. It
// stands at the lower right, a wide gap away from the last line of the address
// or alone on its line.
func (s *scan) splitCustomerCode(words []*page.Word) {
	grouped := rows(words)
	if len(grouped) == 0 {
		return
	}
	last := grouped[len(grouped)-1]
	from := s.table.x.at(221)
	at := len(last)
	for i, w := range last {
		if w.Box.X0 >= from && (i == 0 || w.Box.X0-last[i-1].Box.X1 > w.Size) {
			at = i
			break
		}
	}
	if at == len(last) {
		return
	}
	s.bill.CustomerCode = s.value(last[at:])
	if at == 0 {
		s.bill.Consignee = s.bill.Consignee[:len(s.bill.Consignee)-1]
	} else {
		s.bill.Consignee[len(s.bill.Consignee)-1] = s.value(last[:at])
	}
}

// value makes a value of words in reading order.
func (s *scan) value(words []*page.Word) Value {
	if len(words) == 0 {
		return Value{}
	}
	v := Value{File: s.file, Page: s.page}
	if len(words) == 1 {
		v.Text, v.Box = words[0].Text, words[0].Box.Round()
		return v
	}
	var text strings.Builder
	var box page.Box
	for i := range words {
		// Pieces of one word, apart for a while to see which column they are
		// in, stand without a gap.
		if i > 0 && words[i].Box.X0 != words[i-1].Box.X1 {
			text.WriteByte(' ')
		}
		text.WriteString(words[i].Text)
		box = box.Union(words[i].Box)
	}
	v.Text, v.Box = text.String(), box.Round()
	return v
}

// values makes a value of each row of words. Bar codes are left out.
func (s *scan) values(words []*page.Word) []Value {
	var out []Value
	for _, row := range rows(words) {
		v := s.value(row)
		if !barcode.MatchString(v.Text) {
			out = append(out, v)
		}
	}
	return out
}

// number makes a number of words.
func (s *scan) number(words []*page.Word) Number {
	n := Number{Value: s.value(words)}
	n.Valid = isNumber(n.Text)
	return n
}

// figure is a number as it is printed: thousands commas where they belong or
// none, at most four decimals, perhaps nothing before the point. The bounds keep
// sums of hostile figures small.
var figure = regexp.MustCompile(`^(\d{1,3}(,\d{3}){1,4}|\d{1,15})?(\.\d{1,4})?$`)

func isNumber(text string) bool {
	// Most texts are no numbers, which their first character tells.
	return text != "" && (text[0] == '.' || text[0] >= '0' && text[0] <= '9') && figure.MatchString(text)
}

// strip reads a grid of one row.
func (s *scan) strip(g *Grid) {
	at, ok := s.grid(g)
	if !ok {
		return
	}
	k := s.table.x.factor
	var words []*page.Word
	for _, w := range s.words {
		if w.Base >= at.y+g.From*k && w.Base < at.y+g.To*k {
			words = append(words, w)
		}
	}
	cells := make([][]*page.Word, len(g.Columns))
	for _, row := range rows(words) {
		for i, cell := range at.split(row) {
			cells[i] = append(cells[i], cell...)
		}
	}
	b := &s.bill
	for i, c := range g.Columns {
		v := s.value(cells[i])
		switch c.Name {
		case "order_number":
			b.OrderNumber = v
		case "store":
			b.Store = v
		case "dept":
			b.Dept = v
		case "vendor":
			b.Vendor = v
		case "sales_person":
			b.SalesPerson = v
		case "shipped_via":
			b.ShippedVia = v
		case "reference":
			b.Reference = v
		case "terms":
			b.Terms = v
		case "fob":
			b.FOB = v
		case "internal_code":
			b.InternalCode = v
		case "control_no":
			b.ControlNo = v
		case "zone":
			b.Zone = v
		}
	}
}

// total reads one of the figures at the foot.
func (s *scan) total(a *Area) {
	words, ok := s.area(a)
	if !ok {
		return
	}
	if label, ok := s.label(a, s.place); ok && s.foot == 0 {
		s.foot = label.y
	}
	n := s.number(words)
	if !n.Valid && len(words) > 1 {
		// Free text can come near. One number among it is the figure.
		var numbers []Number
		for i := range words {
			if one := s.number(words[i : i+1]); one.Valid {
				numbers = append(numbers, one)
			}
		}
		if len(numbers) == 1 {
			n = numbers[0]
		}
	}
	switch t := &s.bill.Printed; a.Name {
	case "cartons":
		t.Cartons = n
	case "pieces":
		t.Pieces = n
	case "weight":
		t.Weight = n
	case "cube":
		t.Cube = n
	}
	if !n.Valid && len(words) > 0 {
		s.problem(UnreadTotal, n.Value, "the total of %s is not a number: %q", a.Name, n.Text)
	}
}

func (s *scan) problem(kind ProblemKind, at Value, format string, args ...any) {
	s.problems = append(s.problems, Problem{
		Kind: kind, File: s.file, Page: s.page, Box: at.Box, Text: at.Text,
		Message: fmt.Sprintf(format, args...),
	})
}

// lines reads the rows of the table.
func (s *scan) lines() {
	k := s.table.x.factor
	top := s.table.y + 4*k
	bottom := s.table.y + s.layout.Depth*k
	if s.foot > s.table.y {
		bottom = s.foot - s.layout.End*k
	}
	for i, c := range s.table.grid.Columns {
		box := page.Box{X0: s.table.edges[i], Y0: top, X1: s.table.edges[i+1], Y1: bottom}
		s.columns = append(s.columns, Place{c.Name, box.Round()})
	}
	left, right := s.table.edges[0]-4*k, s.table.edges[len(s.table.edges)-1]+12*k
	var words []*page.Word
	for _, w := range s.words {
		if w.Base > top && w.Base <= bottom && w.Box.X0 >= left && w.Box.X0 < right {
			words = append(words, w)
		}
	}
	for _, row := range rows(words) {
		s.line(row)
	}
}

// line reads one row of the table.
func (s *scan) line(row []*page.Word) {
	cells := s.table.split(row)
	var l Line
	var text bool // a cell other than description and customer's style is filled
	for i, c := range s.table.grid.Columns {
		words := cells[i]
		switch c.Name {
		case "cartons":
			l.Cartons = s.number(words)
		case "style":
			l.Style = s.value(words)
		case "pieces":
			l.Pieces = s.number(words)
		case "order_number":
			l.OrderNumber = s.value(words)
		case "cust_style":
			l.CustStyle = s.value(words)
		case "description":
			l.Description = s.value(words)
		case "volume":
			l.Volume = s.number(words)
		case "weight":
			l.Weight = s.number(words)
		}
		if len(words) > 0 && c.Name != "description" && c.Name != "cust_style" {
			text = true
		}
	}
	whole := s.value(row)
	if !text {
		s.goOn(&l, whole)
		return
	}
	if reason := unreadable(&l); reason != "" {
		kind := UnreadRow
		if l.Style.Text == "" && !numeric(&l) {
			kind = TextInTable
		}
		s.problem(kind, whole, "a row of the table cannot be read (%s): %q", reason, whole.Text)
		return
	}
	l.File, l.Page, l.Box = s.file, s.page, whole.Box
	s.bill.Lines = append(s.bill.Lines, l)
}

// goOn adds a row that has a description or a customer's style alone to the
// line above, whose text it continues.
func (s *scan) goOn(l *Line, whole Value) {
	n := len(s.bill.Lines)
	if n == 0 {
		s.problem(TextInTable, whole, "a text in the table belongs to no line: %q", whole.Text)
		return
	}
	above := &s.bill.Lines[n-1]
	above.Description = above.Description.with(l.Description)
	above.CustStyle = above.CustStyle.with(l.CustStyle)
	above.Box = above.Box.Union(whole.Box)
}

// with returns the value followed by another one.
func (v Value) with(next Value) Value {
	switch {
	case next.Text == "":
		return v
	case v.Text == "":
		return next
	}
	v.Text += " " + next.Text
	v.Box = v.Box.Union(next.Box)
	return v
}

func numeric(l *Line) bool {
	for _, f := range Fields {
		if l.field(f).Text != "" {
			return true
		}
	}
	return false
}

// unreadable says why a row is not a line, or "" if it is one. Any cell may be
// empty, but cartons and pieces not both: a line counts something.
func unreadable(l *Line) string {
	for _, f := range Fields {
		n := l.field(f)
		if n.Text != "" && !n.Valid {
			return fmt.Sprintf("%s is not a number: %q", columnOf(f), n.Text)
		}
		if (f == Cartons || f == Pieces) && n.Valid && !n.Amount().IsInteger() {
			return fmt.Sprintf("%s is not a whole number: %q", columnOf(f), n.Text)
		}
	}
	if !l.Cartons.Valid && !l.Pieces.Valid {
		return "it has neither cartons nor pieces"
	}
	return ""
}

// columnOf names the column of a line that a field is summed over.
func columnOf(f Field) string {
	if f == Cube {
		return "volume"
	}
	return string(f)
}

// split gives each word of a row to its column: by where it begins, since every
// cell is printed from its left edge. Two cells that run together are cut apart
// where their text objects meet, else at the edge between their columns if a
// number stands there.
func (t *found) split(row []*page.Word) [][]*page.Word {
	cells := make([][]*page.Word, len(t.grid.Columns))
	for i, w := range row {
		for _, piece := range t.cut(w, row[i+1:]) {
			c := t.column(piece.Box.X0)
			cells[c] = append(cells[c], piece)
		}
	}
	t.handBack(cells)
	return cells
}

// slack is how far left of its column's edge a word may begin, in points of the
// form.
const slack = 1.5

func (t *found) column(x float32) int {
	x += slack * t.x.factor
	c := 0
	for c+1 < len(t.grid.Columns) && x >= t.edges[c+1] {
		c++
	}
	return c
}

// cut returns the pieces of a word that stand in different columns. rest are the
// words that follow it on the row.
func (t *found) cut(w *page.Word, rest []*page.Word) []*page.Word {
	if len(w.Joints) > 0 {
		for _, j := range w.Joints {
			if t.column(w.Edges[j]) != t.column(w.Box.X0) {
				l, r := w.Split(j)
				return append([]*page.Word{&l}, t.cut(&r, rest)...)
			}
		}
	}
	c := t.column(w.Box.X0)
	if c+1 == len(t.grid.Columns) || !t.grid.Columns[c+1].Number {
		return []*page.Word{w}
	}
	edge := t.edges[c+1]
	if w.Box.X1 <= edge+slack*t.x.factor {
		return []*page.Word{w}
	}
	if isNumber(w.Text) && t.grid.Columns[c].Number {
		// A large number, wider than its column.
		return []*page.Word{w}
	}
	if len(rest) > 0 && rest[0].Box.X0 < w.Box.X1 {
		// The next cell is printed over its end.
		return []*page.Word{w}
	}
	at := 1
	for at < len(w.Edges)-2 && (w.Edges[at]+w.Edges[at+1])/2 < edge {
		at++
	}
	l, r := w.Split(at)
	if !isNumber(r.Text) || t.column(r.Box.X0) != c+1 {
		return []*page.Word{w}
	}
	return []*page.Word{&l, &r}
}

// handBack returns words that overran the edge of their column from a column of
// numbers to the one on its left, where one number is left.
func (t *found) handBack(cells [][]*page.Word) {
	for c := 1; c < len(cells); c++ {
		if !t.grid.Columns[c].Number || t.grid.Columns[c-1].Number || len(cells[c]) < 2 {
			continue
		}
		n := len(cells[c]) - 1
		if !isNumber(cells[c][n].Text) {
			continue
		}
		numbers := false
		for _, w := range cells[c][:n] {
			if isNumber(w.Text) {
				numbers = true
			}
		}
		if !numbers {
			cells[c-1] = append(cells[c-1], cells[c][:n]...)
			cells[c] = cells[c][n:]
		}
	}
}
