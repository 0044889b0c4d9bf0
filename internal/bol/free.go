package bol

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/shopspring/decimal"

	"tallyman/internal/form"
	"tallyman/internal/page"
)

// Pages that no known layout claims are read by learnt forms or freely (package form), all
// those of one file together, and of several files if they are pictures (joined.go). What that
// finds becomes bills like others: their lines are a view of the tables, in the product's units.

// Unclaimed returns the pages of a file, added so far, that have text and that no known
// layout claims, in order.
func (r *Reader) Unclaimed(file int) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []int
	for _, rd := range r.readings {
		if rd.File == file && rd.unclaimed() {
			out = append(out, rd.Page)
		}
	}
	slices.Sort(out)
	return out
}

func (r *reading) unclaimed() bool {
	return !r.Known && !r.Free && !r.Blank && r.Damage == "" && len(r.Problems) == 0 && !r.unreadable()
}

// Unknown returns those of some pages that have text and that no known layout claims.
func Unknown(pages []page.Page) []page.Page {
	r := NewReader()
	return slices.DeleteFunc(slices.Clone(pages), func(p page.Page) bool {
		return slices.ContainsFunc(readPage(0, &p, r.layouts, r.vocabulary), func(rd *reading) bool { return !rd.unclaimed() })
	})
}

// Free reads pages of a file that no known layout claims, by learnt forms or freely: all
// of them, in order, with their rules. It fails with fault.TooLarge, as Add does.
func (r *Reader) Free(file int, pages []page.Page, forms []form.Form) error {
	at := map[int]*reading{}
	r.mu.Lock()
	pictures := true
	for _, rd := range r.readings {
		if rd.File != file {
			continue
		}
		pictures = pictures && (rd.Scan != page.Printed || rd.Damage != "")
		if rd.unclaimed() {
			at[rd.Page] = rd
		}
	}
	r.mu.Unlock()
	bills, hints := freely(pages, forms, at, func(rd *reading) string { return fmt.Sprintf("page %d", rd.Page) })
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, hint := range hints {
		at[n].Hint = hint
	}
	for i := range pages {
		if rd := at[pages[i].Number]; pictures && rd != nil {
			rd.Loose = &pages[i]
			if err := r.keep(rd); err != nil {
				return err
			}
		}
	}
	r.forms = forms
	for _, own := range bills {
		for _, l := range own.Bill.Free.Pages {
			if rd := at[l.Page]; rd != nil {
				rd.Read = true
			}
		}
		r.readings = append(r.readings, own)
		if err := r.keep(own); err != nil {
			return err
		}
		r.bills[own.Bill.Number.Text] = true
		r.lines += len(own.Bill.Lines)
	}
	return nil
}

// freely reads pages by learnt forms or freely. The map has the readings of the pages, by the
// numbers that the pages have here, which may differ from those in their files; name returns what
// people call one. It returns the bills, and what was found on pages that are part of none.
func freely(pages []page.Page, forms []form.Form, of map[int]*reading, name func(*reading) string) (bills []*reading, hints map[int]string) {
	result, chosen := readFreely(pages, forms)
	hints = map[int]string{}
	for _, o := range result.Others {
		if of[o.Page] != nil && o.Message != "" {
			hints[o.Page] = o.Message
		}
	}
	for i := range result.Bills {
		b := &result.Bills[i]
		first := slices.IndexFunc(b.Pages, func(l form.Leaf) bool { return of[l.Page] != nil })
		if first < 0 {
			continue
		}
		own := &reading{Page: b.Pages[first].Page, Known: true, Free: true, Bill: freeBill(b)}
		for _, l := range b.Pages {
			if rd := of[l.Page]; rd != nil && rd.Scan == page.Recognised {
				own.Twice = rd.Twice && (own.Twice || own.Scan != page.Recognised)
				own.Scan = page.Recognised
			}
		}
		if own.Scan == page.Recognised {
			own.Bill.freeSights(pages, chosen)
		}
		own = own.moved(func(file, number int) (int, int) {
			if rd := of[number]; rd != nil {
				return rd.File, rd.Page
			}
			return file, number
		})
		own.Problems = own.freeProblems(b, of, name)
		bills = append(bills, own)
	}
	return bills, hints
}

// freeProblems are what a person should know of a bill's pages.
func (r *reading) freeProblems(b *form.Bill, of map[int]*reading, name func(*reading) string) (out []Problem) {
	for _, c := range b.Copies {
		if copied, first := of[c.Page], of[c.Of]; copied != nil && first != nil {
			out = append(out, copied.about(DuplicatePage, fmt.Sprintf("%s says again what %s says; it was counted once", name(copied), name(first))))
		}
	}
	if len(b.Missing) > 0 {
		out = append(out, r.about(MissingPage, fmt.Sprintf("%s of %s: missing", pageList(b.Missing), r.called())))
	}
	if b.Number.Text == "" {
		out = append(out, r.about(NoNumber, "no number of the bill was found"))
	}
	if is, right := form.VICS(b.Number.Text); is && !right {
		number := &r.Bill.Number
		out = append(out, Problem{
			Kind: DoubtfulNumber, File: number.File, Page: number.Page, Box: number.Box, Text: b.Number.Text,
			Message: fmt.Sprintf("the number %s has 17 digits, and its last one is not their check digit", b.Number.Text),
		})
	}
	if note := conversions(b); note != "" {
		out = append(out, r.about(Converted, note))
	}
	return out
}

// Bills of a free form are converted to the units of the sheet: pounds and cubic feet.
var factors = map[form.Unit]struct {
	by       decimal.Decimal
	decimals int32 // of a converted figure
}{
	form.Kilograms:   {decimal.RequireFromString("2.20462262185"), 1},
	form.CubicMetres: {decimal.RequireFromString("35.3146667215"), 2},
}

// conversions says which units were converted; "" if none.
func conversions(b *form.Bill) string {
	has := map[form.Unit]bool{}
	for _, r := range mainTable(b).Rows {
		for _, c := range r.Cells {
			if c.Figure != "" && (c.Field == form.Weight || c.Field == form.Volume) {
				has[c.Unit] = true
			}
		}
	}
	switch kilograms, metres := has[form.Kilograms], has[form.CubicMetres]; {
	case kilograms && metres:
		return "its kilograms and cubic metres are converted to pounds and cubic feet in the sheet"
	case kilograms:
		return "its figures in kilograms are converted to pounds in the sheet"
	case metres:
		return "its figures in cubic metres are converted to cubic feet in the sheet"
	}
	return ""
}

// mainTable is the table whose rows are the lines of the sheet: goods by style, or else
// by order, or else by commodity.
func mainTable(b *form.Bill) form.Table {
	for _, role := range []form.Role{form.Lines, form.Orders, form.Carrier} {
		for _, t := range b.Tables {
			if t.Role == role && len(t.Rows) > 0 {
				return t
			}
		}
	}
	return form.Table{}
}

// freeBill is the view of a bill that was read freely.
func freeBill(f *form.Bill) Bill {
	b := Bill{Free: f}
	value := func(c *form.Cell) Value {
		if c == nil || c.Text == "" {
			return Value{}
		}
		return Value{Text: c.Text, Page: c.Page, Box: c.Box}
	}
	figure := func(c *form.Cell, unit form.Unit) Number {
		n := Number{Value: value(c)}
		if n.Text == "" || c.Figure == "" {
			return n
		}
		n.Text = c.Figure
		if factor, ok := factors[cmp.Or(c.Unit, unit)]; ok {
			d, _ := decimal.NewFromString(c.Figure)
			n.Text = d.Mul(factor.by).StringFixed(factor.decimals)
		}
		n.Valid = isNumber(n.Text)
		return n
	}
	b.Number = value(&f.Number)
	b.Number.Text = page.Seen(b.Number.Text)
	b.Date = value(f.Reference("date"))
	b.OrderNumber = value(f.Reference("po"))
	b.Reference = value(f.Reference("pro"))
	for i, v := range nameAndAddress(f.Party("ship_from"), value) {
		switch i {
		case 0:
			b.Shipper = v
		case 1:
			b.ShipperAddress = v
		default:
			b.ShipperAddress.Text += ", " + v.Text
			b.ShipperAddress.Box = b.ShipperAddress.Box.Union(v.Box)
		}
	}
	b.Consignee = nameAndAddress(f.Party("ship_to"), value)
	if carrier := f.Party("carrier"); len(carrier) > 0 {
		b.ShippedVia = value(&carrier[0])
	}
	t := mainTable(f)
	for i := range t.Rows {
		r := &t.Rows[i]
		l := Line{Page: r.Page, Box: r.Box}
		for _, f := range Fields {
			*cellOf(&l, f) = figure(r.Cell(formFields[f]), "")
		}
		l.Style = value(r.Cell(form.Style))
		l.Style.Text = page.Seen(l.Style.Text)
		l.OrderNumber = value(r.Cell(form.PO))
		l.Description = value(r.Cell(form.Description))
		b.Lines = append(b.Lines, l)
	}
	for _, c := range f.Checks {
		for _, f := range Fields {
			n := totalOf(&b.Printed, f)
			if formFields[f] == c.Field && c.Role == t.Role && c.Total.Text != "" && n.Text == "" {
				*n = figure(&c.Total, c.Unit)
			}
		}
	}
	b.Verdict = freeVerdict(f)
	for _, l := range f.Pages {
		s := Sheet{Page: l.Page, N: l.N, M: l.M}
		for _, c := range l.Columns {
			s.Columns = append(s.Columns, Place{string(c.Field), c.Box})
		}
		b.Sheets = append(b.Sheets, s)
	}
	return b
}

// formFields are the names that the fields have in package form.
var formFields = map[Field]form.Field{Cartons: form.Packages, Pieces: form.Pieces, Weight: form.Weight, Cube: form.Volume}

// freeVerdict is the verdict on a bill that was read freely.
func freeVerdict(f *form.Bill) Verdict {
	v := Verdict{Outcome: Outcome(f.Outcome), Reason: f.Reason, Checks: []Check{}}
	for _, c := range f.Checks {
		check := Check{Field: Field(c.Field), Printed: c.Printed, Sum: c.Sum, State: State(c.State)}
		for name, of := range formFields {
			if of == c.Field {
				check.Field = name
			}
		}
		check.Unit = cmp.Or(string(c.Unit), units[check.Field])
		if c.Printed != "" && c.Printed != c.Sum {
			p, _ := decimal.NewFromString(c.Printed)
			s, _ := decimal.NewFromString(c.Sum)
			check.Difference = differenceOf(p.Sub(s))
		}
		v.Checks = append(v.Checks, check)
	}
	return v
}

// Form says how the form of the bill's document came to be known.
func (b *Bill) Form() form.Kind {
	switch {
	case b.Free == nil:
		return form.Known
	case b.Free.Learnt != "":
		return form.Learnt
	}
	return form.Free
}

// otherLine begins lines of a party that are neither its name nor its address.
var otherLine = regexp.MustCompile(`(?i)^(tel|telephone|phone|fax|cid|sid|location|loc|fob|attn|attention|contact|e-?mail)\W*:`)

// nameAndAddress returns the lines of a party without those that say something else, such
// as a phone number.
func nameAndAddress(party []form.Cell, value func(*form.Cell) Value) (out []Value) {
	for i := range party {
		if !otherLine.MatchString(party[i].Text) {
			out = append(out, value(&party[i]))
		}
	}
	return out
}

// Held reports whether the bill's lines stay out of the sheet until somebody accepts them: it is of
// no known form or was read from pictures, and nothing proves what was read. A bill without totals
// counts if it was read by a learnt form that is trusted.
func (b *Bill) Held() bool { return b.Doubtful() && !b.Accepted }

// Doubtful reports whether nothing proves what was read of a bill that is of no known form,
// or was read from pictures, whether or not somebody accepted it.
func (b *Bill) Doubtful() bool {
	if b.Optical {
		return b.Verdict.Outcome == Unproved
	}
	return b.Free != nil && (b.Verdict.Outcome == Unproved || b.Verdict.Outcome == Unchecked && !b.Free.Vouched)
}

// Accept returns the document with the bills accepted that nothing proves, so that their
// lines are in the sheet. It does not change the document.
func (d *Document) Accept() *Document {
	accepted := *d
	accepted.Bills = slices.Clone(d.Bills)
	for i, b := range d.Bills {
		if b.Held() {
			copied := *b
			copied.Accepted = true
			accepted.Bills[i] = &copied
		}
	}
	return &accepted
}

// Held returns the number of lines that stay out of the sheet.
func (d *Document) Held() int {
	n := 0
	for _, b := range d.Bills {
		if b.Held() {
			n += len(b.Lines)
		}
	}
	return n
}

// Tables returns the tables of the bill. Those of a known form are made of its lines.
func (b *Bill) Tables() []form.Table {
	if b.Free != nil {
		return b.Free.Tables
	}
	states := map[Field]form.State{}
	for _, c := range b.Verdict.Checks {
		states[c.Field] = form.State(c.State)
	}
	add := func(cells []form.Cell, f form.Field, v Value, n *Number, of Field) []form.Cell {
		if v.Text == "" {
			return cells
		}
		c := form.Cell{Field: f, Text: v.Text, File: v.File, Page: v.Page, Box: v.Box}
		if n != nil {
			c.State, c.Figure = states[of], n.Plain()
		}
		return append(cells, c)
	}
	t := form.Table{Role: form.Lines, Rows: make([]form.Row, len(b.Lines))}
	for i := range b.Lines {
		l := &b.Lines[i]
		var cells []form.Cell
		cells = add(cells, form.Packages, l.Cartons.Value, &l.Cartons, Cartons)
		cells = add(cells, form.Style, l.Style, nil, "")
		cells = add(cells, form.Pieces, l.Pieces.Value, &l.Pieces, Pieces)
		cells = add(cells, form.PO, l.OrderNumber, nil, "")
		cells = add(cells, form.Description, l.Description, nil, "")
		cells = add(cells, form.Volume, l.Volume.Value, &l.Volume, Cube)
		cells = add(cells, form.Weight, l.Weight.Value, &l.Weight, Weight)
		t.Rows[i] = form.Row{Cells: cells, File: l.File, Page: l.Page, Box: l.Box}
	}
	for _, f := range Fields {
		n := totalOf(&b.Printed, f)
		t.Totals.Cells = add(t.Totals.Cells, formFields[f], n.Value, n, f)
	}
	return []form.Table{t}
}
