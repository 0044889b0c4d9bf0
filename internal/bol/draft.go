package bol

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/page"
)

// totalPrefix begins the names of totals among the fields of a bill: total_cartons.
const totalPrefix = "total_"

// change says what people changed of a bill or a line; nil if they changed nothing.
type change struct {
	was   map[string]string // what was read, by the field's name
	added bool              // the line was not read; or lines of the bill were added or removed
}

func (c *change) clone() *change {
	n := &change{was: map[string]string{}, added: c != nil && c.added}
	maps.Copy(n.was, c.read())
	return n
}

// read returns what was read where people corrected something.
func (c *change) read() map[string]string {
	if c == nil {
		return nil
	}
	return c.was
}

// Was returns what was read where people corrected the line, by the names of its cells.
func (l *Line) Was() map[string]string { return l.change.read() }

// Added reports whether people added the line: it was not read.
func (l *Line) Added() bool { return l.change != nil && l.change.added }

// Was returns what was read where people corrected fields and totals of the bill, by their
// names; those of totals begin with "total_".
func (b *Bill) Was() map[string]string { return b.change.read() }

// Confirmed reports whether people said of a cell of the line that it is right as it was read.
func (l *Line) Confirmed(name string) bool {
	was, said := l.Was()[name]
	index, ok := cellIndex[name]
	return said && ok && was != "" && was == joinedText(printed(&l.Cells, index))
}

// Confirmed is Confirmed of a field or total of the bill.
func (b *Bill) Confirmed(name string) bool {
	was, said := b.Was()[name]
	table, index, ok := b.field(name)
	return said && ok && was != "" && was == joinedText(printed(table, index))
}

// field returns the table that has a field or total of the bill, and its index there.
func (b *Bill) field(name string) (table any, index int, ok bool) {
	if total, is := strings.CutPrefix(name, totalPrefix); is {
		index, ok = totalIndex[total]
		return &b.Printed, index, ok
	}
	index, ok = fieldIndex[name]
	return &b.FieldsOf, index, ok
}

// printed returns the values of a field of a table.
func printed(table any, index int) []Value {
	switch v := fieldAt(table, index).(type) {
	case *Value:
		return []Value{*v}
	case *Number:
		return []Value{v.Value}
	case *[]Value:
		return *v
	}
	return nil
}

func joinedText(values []Value) string {
	texts := make([]string, len(values))
	for i := range values {
		texts[i] = values[i].Text
	}
	return strings.Join(texts, "\n")
}

// Amended reports whether people changed the bill, its totals or its lines.
func (b *Bill) Amended() bool { return b.change != nil }

// Draft is a copy of a document that people amend (DESIGN.md §11). Lines keep their index
// until the draft is finished.
type Draft struct {
	doc  Document
	own  map[int]bool     // bills that were copied
	gone map[[2]int]bool  // lines that were removed, by bill and index
	used map[[2]int]*Line // lines of the finished document
	said []Value          // what people corrected or confirmed, where it was read
}

// Draft returns a draft of the document, which does not change.
func (d *Document) Draft() *Draft {
	f := &Draft{doc: *d, own: map[int]bool{}, gone: map[[2]int]bool{}, used: map[[2]int]*Line{}}
	f.doc.Bills = slices.Clone(d.Bills)
	return f
}

// bill returns a bill to be changed.
func (f *Draft) bill(i int) *Bill {
	if !f.own[i] {
		f.own[i] = true
		copied := *f.doc.Bills[i]
		copied.Lines = slices.Clone(copied.Lines)
		copied.change = copied.change.clone()
		f.doc.Bills[i] = &copied
	}
	return f.doc.Bills[i]
}

// SetField sets a field or, if its name begins with "total_", a total of a bill, and
// returns the text before. A field with several printed lines takes them separated by
// newlines. It fails if there is no such field, or if the text is not a number and has to
// be one; the error is for people.
func (f *Draft) SetField(bill int, name, text string) (was string, err error) {
	b := f.bill(bill)
	table, index, ok := b.field(name)
	if !ok {
		return "", fmt.Errorf("a bill has no field %q; it has %s", name, strings.Join(BillFields(), ", "))
	}
	at := Value{}
	if len(b.Sheets) > 0 {
		at.File, at.Page = b.Sheets[0].File, b.Sheets[0].Page
	}
	before := printed(table, index)
	if was, err = assign(b.change, table, index, name, text, at); err == nil {
		f.said = append(f.said, before...)
	}
	return was, err
}

// SetCell sets a cell of a line, as SetField does.
func (f *Draft) SetCell(bill, line int, name, text string) (was string, err error) {
	index, ok := cellIndex[name]
	if !ok {
		return "", fmt.Errorf("a line has no cell %q; it has %s", name, strings.Join(LineCells(), ", "))
	}
	l := &f.bill(bill).Lines[line]
	changed, before := l.change.clone(), printed(&l.Cells, index)
	if was, err = assign(changed, &l.Cells, index, name, text, Value{File: l.File, Page: l.Page}); err == nil {
		l.change = changed
		f.said = append(f.said, before...)
	}
	return was, err
}

// BillFields returns the names of the fields of a bill that SetField takes, LineCells those
// of the cells of a line.
func BillFields() []string {
	names := namesOf[FieldsOf[Value, []Value]]()
	for _, total := range namesOf[Totals]() {
		names = append(names, totalPrefix+total)
	}
	return names
}

// LineCells returns the names of the cells of a line.
func LineCells() []string { return namesOf[Cells]() }

func namesOf[Table any]() []string {
	t := reflect.TypeFor[Table]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("json")
	}
	return names
}

// assign sets a field of a table, and notes what was there. at is the place of a field that
// was empty.
func assign(c *change, table any, index int, name, text string, at Value) (was string, err error) {
	switch v := fieldAt(table, index).(type) {
	case *Value:
		was = v.Text
		*v = v.saying(text, at)
	case *Number:
		n := Number{Value: v.saying(page.Seen(text), at)}
		if n.Valid = isNumber(n.Text); !n.Valid && n.Text != "" {
			return "", fmt.Errorf("%s must be a number such as 1,234.5 or empty, and not %q", name, text)
		}
		was = v.Text
		*v = n
	case *[]Value:
		was = joinedText(*v)
		var lines []Value
		for i, line := range strings.Split(text, "\n") {
			old := at
			if i < len(*v) {
				old = (*v)[i]
			}
			if line != "" {
				lines = append(lines, old.saying(line, at))
			}
		}
		*v = lines
	}
	if _, again := c.was[name]; !again {
		c.was[name] = was
	}
	return was, nil
}

// saying returns the value with another text, at its place or, if it has none, at another.
func (v Value) saying(text string, at Value) Value {
	if v.Page == 0 {
		v = at
	}
	v.Text, v.Sight = text, nil // what a person says was not read
	if text == "" && v.Box == (page.Box{}) {
		return Value{}
	}
	return v
}

// AddLine adds a line with the given cells, which was not read, at the end of a bill and
// returns its index. It fails as SetCell does. place is where the line is printed; without
// a page it is the bill's first.
func (f *Draft) AddLine(bill int, cells map[string]string, place Value) (line int, err error) {
	b := f.bill(bill)
	if place.Page == 0 && len(b.Sheets) > 0 {
		place.File, place.Page = b.Sheets[0].File, b.Sheets[0].Page
	}
	l := Line{File: place.File, Page: place.Page, Box: place.Box, change: &change{added: true}}
	b.Lines = append(b.Lines, l)
	line = len(b.Lines) - 1
	for _, name := range slices.Sorted(maps.Keys(cells)) {
		if _, err := f.SetCell(bill, line, name, cells[name]); err != nil {
			b.Lines = b.Lines[:line]
			return 0, err
		}
	}
	b.Lines[line].change = l.change // nothing was there before
	b.change.added = true
	return line, nil
}

// RemoveLine removes what is not a line of a bill.
func (f *Draft) RemoveLine(bill, line int) {
	f.bill(bill).change.added = true
	f.gone[[2]int{bill, line}] = true
}

// Removed reports whether a line was removed.
func (f *Draft) Removed(bill, line int) bool { return f.gone[[2]int{bill, line}] }

// Line returns a line as it is in the draft.
func (f *Draft) Line(bill, line int) *Line { return &f.doc.Bills[bill].Lines[line] }

// Accept puts the lines of a bill into the sheet that nothing proves. It reports whether
// the bill is one that has to be accepted.
func (f *Draft) Accept(bill int) bool {
	if !f.doc.Bills[bill].Held() {
		return f.doc.Bills[bill].Accepted // by another amendment, or with all others
	}
	f.bill(bill).Accepted = true
	return true
}

// Finish reconciles the bills that were changed again and returns the document, and a
// function that finds a line of the draft in it, nil if it was removed. The draft must not
// be used afterwards.
func (f *Draft) Finish() (*Document, func(bill, line int) *Line) {
	for i := range f.own {
		b := f.doc.Bills[i]
		all := b.Lines
		b.Lines = make([]Line, 0, len(all))
		for j := range all {
			if !f.Removed(i, j) {
				b.Lines = append(b.Lines, all[j])
				f.used[[2]int{i, j}] = &b.Lines[len(b.Lines)-1]
			}
		}
		switch changed := len(b.change.was) > 0 || b.change.added || slices.ContainsFunc(b.Lines, func(l Line) bool { return l.change != nil }); {
		case !changed:
			b.change = nil // it was only accepted
		case b.Free != nil:
			b.compare(f.doc.most)
		default:
			b.reconcile(b.absent, f.doc.most)
		}
	}
	f.settle()
	return &f.doc, func(bill, line int) *Line {
		if f.own[bill] {
			return f.used[[2]int{bill, line}]
		}
		return &f.doc.Bills[bill].Lines[line]
	}
}

// settle drops the doubts about readings of what people corrected or confirmed, and names what
// is chosen since.
func (f *Draft) settle() {
	f.doc.Problems = slices.DeleteFunc(slices.Clone(f.doc.Problems), func(p Problem) bool {
		return slices.ContainsFunc(f.said, func(v Value) bool { return p.doubts(&v) })
	})
	for i := range f.own {
		b := f.doc.Bills[i]
		if !b.Optical || b.Verdict.Outcome != Reconciled {
			continue
		}
		for _, v := range b.Keys() {
			p, ok := v.doubt(b)
			if ok && !slices.ContainsFunc(f.doc.Problems, func(o Problem) bool { return o.doubts(&v) }) {
				f.doc.Problems = append(f.doc.Problems, p)
			}
		}
	}
	f.doc.sort()
}

// compare compares the lines of a bill that was read freely and then amended with its
// totals. What nothing proved stays unproved: somebody has to accept it.
func (b *Bill) compare(most decimals) {
	v := b.Verdict
	v.Checks = slices.Clone(v.Checks)
	differs := false
	for i := range v.Checks {
		c := &v.Checks[i]
		if !slices.Contains(Fields[:], c.Field) || !b.PrintedTotal(c.Field).Valid {
			continue
		}
		printed, sum := b.PrintedTotal(c.Field), b.sum(c.Field)
		off := printed.Amount().Sub(sum.amount)
		c.Printed, c.Sum, c.Unit, c.Difference = printed.Plain(), sum.text(), units[c.Field], differenceOf(off)
		if off.Abs().LessThanOrEqual(sum.slack(c.Field, &printed, most)) || off.Abs().LessThanOrEqual(b.converted(c.Field)) {
			if c.State == Differs {
				c.State = Proved
			}
			continue
		}
		c.State = Differs
		differs = true
	}
	switch {
	case differs && v.Outcome == Reconciled:
		v.Outcome = Mismatched
	case !differs && v.Outcome == Mismatched && len(v.Differences()) == 0:
		v.Outcome = Reconciled
	}
	b.Verdict = v
}

// converted is how far conversion to the units of the sheet can put the total of a bill off
// the sum of its lines, each of which is rounded.
func (b *Bill) converted(f Field) decimal.Decimal {
	if f != Weight && f != Cube || conversions(b.Free) == "" {
		return decimal.Decimal{}
	}
	return decimal.New(5*int64(len(b.Lines)+1), -2)
}
