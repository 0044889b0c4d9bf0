package sheet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/text"
)

// An earlier sheet, as people filled it in, becomes amendments (DESIGN.md §11). It is read
// like an order export: it has the same key columns.

// LostRow is a row of an earlier sheet of which something could not be carried over.
type LostRow struct {
	Row int    `json:"row"` // the row's number in a spreadsheet
	Why string `json:"why"` // for people, without a full stop
}

// carriedKeys are the columns by which rows of an earlier sheet are found, and what an order
// export calls them.
var carriedKeys = []struct {
	at  int
	key string
}{{invoiceNo, "bill_number"}, {style, "style"}, {cartons, "cartons"}, {individualPieces, "pieces"}}

// headings returns the names that a column may have in sheets: that of the rules, and the
// product's.
func (r *Rules) headings(column string) []string {
	if h, ok := r.Headings[column]; ok && h != column {
		return []string{h, column}
	}
	return []string{column}
}

// Dialect returns the names of the columns of sheets by the rules, with which
// package orders reads an earlier sheet for Carry.
func (r *Rules) Dialect() *orders.Dialect {
	d := &orders.Dialect{Columns: map[string][]string{}}
	for _, k := range carriedKeys {
		d.Columns[k.key] = r.headings(Columns[k.at])
	}
	for at, column := range Columns {
		if !sources[at] {
			d.Kept = append(d.Kept, r.headings(column)...)
		}
		d.Ignored = append(d.Ignored, r.headings(column)...) // the keys come first
	}
	return d
}

// CarryFault says of an earlier sheet what package orders says of an order export.
func (r *Rules) CarryFault(name string, err error) error {
	switch fault.CodeOf(err) {
	case fault.MissingColumns:
		var names []string
		for _, k := range carriedKeys {
			names = append(names, r.headings(Columns[k.at])[0])
		}
		return fault.New(fault.MissingColumns, "%s: an earlier sheet has the headings %s in one row; give the CSV or the workbook as it was downloaded and filled in", name, strings.Join(names, ", "))
	case fault.NoOrderRows:
		return fault.New(fault.NoOrderRows, "%s: the earlier sheet has no rows", name)
	}
	return fault.In(name, err)
}

// Carry returns amendments that fill in what people filled in on an earlier sheet, which was
// read with the Dialect of the sheet's rules. Its rows are found by bill, style, cartons and
// pieces, and several of the same in order of appearance. What is in the sheet already needs
// no amendment; values counts the others. A value of all rows of a bill is filled in for the bill. It also
// returns the rows whose values could not be carried over.
func (s *Sheet) Carry(t *orders.Table) (amendments []Amendment, values int, lost []LostRow) {
	lose := func(row int, format string, args ...any) {
		lost = append(lost, LostRow{row, fmt.Sprintf(format, args...)})
	}
	rows := newQueues(len(s.Rows))
	for i := range s.Rows {
		c := &s.Rows[i].Cells
		rows.add(key{c[invoiceNo], c[style], c[cartons], c[individualPieces]}.normal(false, false), i)
	}
	dotCartons, dotPieces := t.Dots()
	filled := make([]map[int]string, len(s.Rows)) // by the index in Columns
	from := make([]int, len(s.Rows))              // the number of the earlier row
	for i := range t.Rows {
		o := &t.Rows[i]
		at, found := rows.take(orderKey(o).normal(dotCartons, dotPieces))
		values := s.rules.kept(o)
		switch {
		case len(values) == 0:
		case !found:
			lose(o.Number, "bill %s has no line of %s in the sheet that is left for it", cmp.Or(o.InvoiceNo, "without number"), styleAndQuantities(o.Style, o.Cartons, o.Pieces))
		default:
			filled[at], from[at] = values, o.Number
		}
	}
	ofBill := map[int][]int{}
	for i := range s.Rows {
		ofBill[s.Rows[i].bill] = append(ofBill[s.Rows[i].bill], i)
	}
	lines, bills := s.lineKeys(), s.billKeys()
	add := func(row, at int, a Amendment, n int) {
		a.Kind, a.Column = Fill, Columns[at]
		if err := a.check(); err != nil {
			lose(row, "%s: %v", a.Column, err)
			return
		}
		amendments = append(amendments, a)
		values += n
	}
	whole := map[[2]int]bool{} // bills and columns that are filled in at once
	for i := range s.Rows {
		r := &s.Rows[i]
		for at := range Columns {
			value, ok := filled[i][at]
			if !ok || value == r.Cells[at] || whole[[2]int{r.bill, at}] {
				continue
			}
			same := ofBill[r.bill]
			if len(same) > 1 && !slices.ContainsFunc(same, func(j int) bool { return filled[j][at] != value }) {
				whole[[2]int{r.bill, at}] = true
				add(from[i], at, Amendment{Bill: &bills[r.bill], Value: value}, len(same))
				continue
			}
			add(from[i], at, Amendment{Line: &lines[i], Value: value}, 1)
		}
	}
	for _, n := range t.Notes {
		if n.Row > 0 && !n.Info && slices.ContainsFunc(s.rules.Dialect().Kept, func(name string) bool { return n.Column != "" && orders.SameColumn(name, n.Column) }) {
			lose(n.Row, "%s", n.Message)
		}
	}
	slices.SortStableFunc(lost, func(a, b LostRow) int { return a.Row - b.Row })
	return amendments, values, lost
}

// kept returns the cells without a source of an earlier row, by the index in Columns. Empty
// ones are left out.
func (r *Rules) kept(o *orders.Row) map[int]string {
	kept := o.KeptCells()
	values := map[int]string{}
	i := 0
	for at, column := range Columns {
		if sources[at] {
			continue
		}
		for range r.headings(column) {
			if values[at] == "" && i < len(kept) && kept[i] != "" {
				values[at] = kept[i]
			}
			i++
		}
	}
	return values
}

// lineKeys names the lines of the sheet's rows in amendments: by what was read.
func (s *Sheet) lineKeys() []LineKey {
	doc, a := amend(s.read, s.Amendments)
	if a == nil {
		a = newAmender(s.read, nil)
		doc, a.find = a.draft.Finish()
	}
	keys := map[*bol.Line]LineKey{}
	for _, places := range a.lines {
		for n, p := range places {
			l := a.find(p.bill, p.line)
			if l == nil {
				continue // it was removed
			}
			k := readKey(doc.Bills[p.bill], l)
			named := LineKey{Bill: k.bill, Style: k.style, Cartons: k.cartons, Pieces: k.pieces}
			if n > 0 {
				named.Nth = n + 1
			}
			keys[l] = named
		}
	}
	return text.Each(s.Rows, func(r Row) LineKey { return keys[&doc.Bills[r.bill].Lines[r.line]] })
}

// readKey returns the key of a line as it was read, or added.
func readKey(b *bol.Bill, l *bol.Line) key {
	k := lineKey(b, l)
	was := func(of map[string]string, name string, text *string) {
		if read, ok := of[name]; ok {
			*text = read
		}
	}
	was(b.Was(), "number", &k.bill)
	was(l.Was(), "style", &k.style)
	was(l.Was(), "cartons", &k.cartons)
	was(l.Was(), "pieces", &k.pieces)
	return k
}

// billKeys names the bills of the document in amendments.
func (s *Sheet) billKeys() []BillKey {
	keys := make([]BillKey, len(s.read.Bills))
	nth := map[string]int{}
	for i, b := range s.read.Bills {
		keys[i].Number = b.Number.Text
		n := normal(b.Number.Text)
		if nth[n]++; nth[n] > 1 {
			keys[i].Nth = nth[n]
		}
	}
	return keys
}
