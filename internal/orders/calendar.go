package orders

import (
	"fmt"
	"strings"
	"time"
)

// Dates names a column of dates.
type Dates uint8

// The columns of dates.
const (
	InvoiceDates Dates = iota
	DeliveryDates
	CancelDates
	numDates
)

// dateFields are the fields of the columns of dates.
var dateFields = [numDates]field{InvoiceDates: invoiceDate, DeliveryDates: deliveryDate, CancelDates: cancelDate}

// text returns the row's cell in the column.
func (d Dates) text(r *Row) string {
	switch d {
	case InvoiceDates:
		return r.InvoiceDate
	case DeliveryDates:
		return r.DeliveryDate
	}
	return r.CancelDate
}

// Calendar knows how the dates of an export are written. Which figure of 03/04/25 is
// the month is decided for a whole column at once, by the cells that can be read in one
// way only. Table.Calendar makes it.
type Calendar struct {
	columns [numDates]dateColumn
	notes   []Note
}

// dateColumn has what is known of a column: a decision for each form of dates, and the
// day of each text.
type dateColumn struct {
	forms   map[string]*dateForm
	written map[string]writtenDate // the zero writtenDate for a text that is not a date
	days    map[string]dayPair
}

// dayPair is the day of a text, and its day in the other reading of its form; zero
// times if there is none.
type dayPair struct {
	day, other time.Time
	sure       bool   // day is right although there is another
	timed      bool   // the text has a time of day
	cell       string // the result of Written
}

// order is the order in which day, month and year are written.
type order uint8

const (
	monthFirst order = iota // 12/19/25
	dayFirst                // 19/12/25
	yearFirst               // 25/12/19
	serialDay               // 46010, days since 1900
	numOrders
)

func (o order) String() string {
	return [...]string{"month first", "day first", "year first", "serial numbers of days"}[o]
}

// dateForm is one form of the dates in a column: the same separator, and the same
// number of digits of the year.
type dateForm struct {
	texts  int                       // the number of different texts of this form
	none   [numOrders]int            // the number of texts that are not days in each order
	lone   [numOrders]string         // the first such text
	differ [numOrders][numOrders]int // the number of texts that are another day in the other order
	spans  [numOrders]span

	read, or order
	// open is true if nothing in the column shows which of read and or is right, and it
	// matters; backed is true if another column shows that read is right.
	open, backed bool
	// weak is true if only a few texts show that read is right. They may be wrong.
	weak bool
	// mixed is true if no order fits nearly all texts.
	mixed bool
	// cut is true for a few dates that are shorter than the others of the column. They
	// are not read: 121920 may be 12192025 cut off, or 19 December 2020.
	cut     bool
	example found
}

// can reports whether all texts are days in an order.
func (f *dateForm) can(o order) bool { return f.none[o] == 0 }

// proves reports whether texts that are not days in the other order show that one order
// is right.
func (f *dateForm) proves(o, other order) bool {
	return !f.open && !f.weak && !f.mixed && !f.cut && f.read == o && f.none[other] > f.none[o]
}

type span struct{ first, last time.Time }

func (s *span) add(t time.Time) {
	if s.first.IsZero() || t.Before(s.first) {
		s.first = t
	}
	if t.After(s.last) {
		s.last = t
	}
}

func (s span) holds(t time.Time) bool { return !t.Before(s.first) && !t.After(s.last) }

func (s span) years() float64 { return s.last.Sub(s.first).Hours() / 24 / 365.25 }

// Calendar reads the dates of the table. It examines every row. said is the order of
// the dates, if that is known; dates that are none in this order are not read.
func (t *Table) Calendar(said DateOrder) *Calendar {
	c := &Calendar{}
	for d := range c.columns {
		c.columns[d] = t.dateColumn(Dates(d), said)
	}
	c.settle()
	for d := range c.columns {
		col := &c.columns[d]
		for text, w := range col.written {
			col.days[text] = col.resolve(text, w)
		}
	}
	c.notes = t.dateNotes(c)
	return c
}

// Notes are what people should know about how the dates were read: what stays ambiguous
// or unread.
func (c *Calendar) Notes() []Note { return c.notes }

// settle decides open columns by the other columns, which are probably written in the
// same way.
func (c *Calendar) settle() {
	settled := map[*dateForm]order{}
	for d := range c.columns {
		for key, f := range c.columns[d].forms {
			if !f.weak {
				continue
			}
			read, or := false, false
			for other := range c.columns {
				switch o := c.columns[other].forms[key]; {
				case o == nil || o == f:
				case o.weak: // two columns rarely have the same fault
					or = or || o.or == f.or && o.lone[f.read] != f.lone[f.read]
				default:
					read = read || o.proves(f.read, f.or)
					or = or || o.proves(f.or, f.read)
				}
			}
			switch {
			case read && !or:
				settled[f] = f.read
			case or && !read, !read && f.differ[f.read][f.or] == 0: // or there is no other date
				settled[f] = f.or
			}
		}
	}
	for f, o := range settled {
		f.read, f.weak = o, false
	}
	for d := range c.columns {
		for key, f := range c.columns[d].forms {
			for other := range c.columns {
				o := c.columns[other].forms[key]
				if f.open && o != nil && f.can(o.read) && (o.proves(monthFirst, dayFirst) || o.proves(dayFirst, monthFirst)) {
					if f.backed = true; f.read != o.read {
						f.read, f.or = o.read, f.read
					}
				}
			}
		}
	}
}

// Date returns the day of a text in a column of the export, at midnight UTC. It is
// false for a text that is not a date, has a time of day, or is ambiguous in day and
// month; but dates are MMDDYYYY unless their column shows otherwise (DESIGN.md §5).
func (c *Calendar) Date(d Dates, text string) (time.Time, bool) {
	p := c.columns[d].day(text)
	return p.day, p.certain() && !p.timed
}

// Written returns a date as it goes into the sheet. MMDDYYYY, MDDYYYY, ISO dates and
// M/D/YYYY stay as they are (DESIGN.md §4). A date in any other form, which a reader of
// the sheet could take for another day, becomes MMDDYYYY. A text whose day is not
// certain stays as it is.
func (c *Calendar) Written(d Dates, text string) string { return c.columns[d].day(text).cell }

// Guess is like Date, but returns the likelier day if day and month are ambiguous;
// other is then the other day, and otherwise zero.
func (c *Calendar) Guess(d Dates, text string) (day, other time.Time, ok bool) {
	p := c.columns[d].day(text)
	return p.day, p.other, !p.day.IsZero()
}

// Open reports whether a column has dates that are ambiguous in day and month.
func (c *Calendar) Open(d Dates) bool {
	for _, f := range c.columns[d].forms {
		if f.open || f.weak {
			return true
		}
	}
	return false
}

// certain reports whether the day is known.
func (p *dayPair) certain() bool { return !p.day.IsZero() && (p.other.IsZero() || p.sure) }

// day returns the day of a text, which need not be in the column.
func (c *dateColumn) day(text string) dayPair {
	if text == "" {
		return dayPair{}
	}
	if p, ok := c.days[text]; ok {
		return p
	}
	return c.resolve(text, parseDate(text))
}

// resolve decides which day a text means.
func (c *dateColumn) resolve(text string, w writtenDate) dayPair {
	p := dayPair{day: w.exact, timed: w.timed, cell: text}
	f := c.forms[w.form]
	if w.form != "" {
		if f == nil { // the column has no dates of this form
			f = &dateForm{read: likelyOrders(w.form)[0], mixed: true}
		}
		if f.cut {
			return dayPair{cell: text}
		}
		var ok bool
		if p.day, ok = w.in(f.read); !ok && f.mixed {
			for o := range numOrders {
				if p.day, ok = w.in(o); ok {
					break
				}
			}
		}
		if other, ok := w.in(f.or); ok && (f.open || f.weak) && !other.Equal(p.day) && !p.day.IsZero() {
			p.other, p.sure = other, !f.weak && (f.backed || w.form == "8")
		}
	}
	// All cells of a form are written alike, even those that are the same day in both
	// orders.
	if p.certain() && !(f == nil || f.mixed || f.read == monthFirst) || p.certain() && !plainDate(text, p.day) {
		p.cell = p.day.Format("01022006")
	}
	return p
}

// plainDate reports whether every reader of the sheet takes a text for the same day.
func plainDate(text string, day time.Time) bool {
	if len(text) == 7 {
		text = "0" + text
	}
	for _, layout := range []string{"01022006", "2006-01-02", "1/2/2006"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Equal(day)
		}
	}
	return false
}

func (t *Table) dateColumn(d Dates, said DateOrder) dateColumn {
	c := dateColumn{forms: map[string]*dateForm{}, written: map[string]writtenDate{}, days: map[string]dayPair{}}
	last := ""
	for i := range t.Rows {
		text := d.text(&t.Rows[i])
		if text == last {
			continue
		}
		if last = text; text == "" {
			continue
		}
		if _, seen := c.written[text]; seen {
			continue
		}
		w := parseDate(text)
		c.written[text] = w
		if w.form == "" {
			continue
		}
		f := c.forms[w.form]
		if f == nil {
			f = &dateForm{}
			c.forms[w.form] = f
		}
		f.texts++
		for o := range numOrders {
			day, ok := w.in(o)
			if !ok {
				if f.none[o]++; f.none[o] == 1 {
					f.lone[o] = text
				}
				continue
			}
			f.spans[o].add(day)
			for p := range o {
				if other, ok := w.in(p); ok && !other.Equal(day) {
					f.differ[o][p]++
					f.differ[p][o]++
				}
			}
		}
		if f.example.n < maxExamples {
			f.example.add(t.Rows[i].Number, text)
		}
	}
	// Serial numbers of five digits and dates with a month of one digit look alike:
	// 46010, and 10125 beside 121925. A column has only one of the two.
	if five, six := c.forms["5"], c.forms["6"]; five != nil && six != nil {
		five.none[serialDay] = five.texts
	}
	for form, f := range c.forms {
		long := c.forms[longer[form]]
		if f.cut = long != nil && few(f.texts, long.texts); !f.cut {
			f.decide(form, t.dateCells(d), said)
		}
	}
	return c
}

// longer is the form of which a form is a part, if digits at the end of the year are
// missing.
var longer = map[string]string{"5": "8", "6": "8", "/2": "/4", "-2": "-4", ".2": ".4", " 2": " 4"}

// dateCells reports whether the column of a workbook has cells that are dates,
// which are written month first (DESIGN.md §4).
func (t *Table) dateCells(d Dates) bool {
	for _, c := range t.Columns {
		if c.Meaning == known[dateFields[d]].meaning {
			return c.DateCells
		}
	}
	return false
}

// longColumn is a span of years that is longer than that of the dates of one export.
const longColumn = 3

// few reports whether n texts of a column are so few, compared with the others, that
// they may be errors.
func few(n, others int) bool { return n == 1 || n <= 3 && n*3 <= others || n*10 <= others }

// likelyOrders returns the orders of a form, the likeliest first.
func likelyOrders(form string) []order {
	switch {
	case strings.HasPrefix(form, "."):
		return []order{dayFirst, monthFirst, yearFirst}
	case form == "5":
		return []order{serialDay, monthFirst, dayFirst}
	}
	return []order{monthFirst, dayFirst, yearFirst}
}

// decide chooses the order of a form from the texts that were seen.
func (f *dateForm) decide(form string, dateCells bool, said DateOrder) {
	likely := likelyOrders(form)
	f.read = likely[0]
	if form == "8" && dateCells {
		return
	}
	// The year cannot be first in 19/12/2025, and five digits may be the number of a day.
	if o, ok := said.order(); ok && !(o == yearFirst && longYear(form)) && !(form == "5" && f.can(serialDay)) {
		f.read = o
		return
	}
	for _, o := range likely[1:] {
		if f.none[o] < f.none[f.read] {
			f.read = o
		}
	}
	for _, o := range likely {
		if o != f.read && !f.can(f.read) && !(f.none[f.read] < f.none[o] && few(f.none[f.read], f.none[o])) {
			f.read, f.mixed = likely[0], true
			return
		}
	}
	if first := likely[0]; f.read != first && few(f.none[first], f.differ[first][f.read]) {
		f.read, f.or, f.weak = first, f.read, true
		return
	}
	// Dates with two digits of the year may begin with the year; they do if the dates
	// would otherwise be years apart.
	for _, o := range likely {
		if o == f.read || f.none[o] > f.none[f.read] || o == yearFirst && f.spans[f.read].years() <= longColumn {
			continue
		}
		if o == yearFirst && f.spans[o].years() < f.spans[f.read].years() {
			f.read, f.or, f.open = yearFirst, f.read, true
			return
		}
		if f.differ[o][f.read] > 0 {
			f.or, f.open = o, true
			return
		}
	}
}

// longYear reports whether the dates of a form end with a year of four digits.
func longYear(form string) bool { return form == "8" || strings.HasSuffix(form, "4") }

// dateNotes adds notes about what stays ambiguous or unread in the columns of dates.
func (t *Table) dateNotes(c *Calendar) []Note {
	var notes []Note
	for d := range numDates {
		col := &c.columns[d]
		header := t.columnOf(dateFields[d])
		name := known[dateFields[d]].meaning
		unread, rewritten, odd := t.oddDates(d, col)
		if rewritten.n > 0 {
			notes = append(notes, Note{Kind: RewrittenDate, Info: true, Row: rewritten.row(), Export: rewritten.export, Column: header,
				Message: fmt.Sprintf("%s is written as MMDDYYYY in the sheet in %s: the export has %s", name, rewritten.where(), rewritten.texts())})
		}
		if unread.n > 0 {
			after := ""
			if d == CancelDates {
				after = "; these rows are sorted as if they had no date"
			}
			notes = append(notes, Note{Kind: UnreadDate, Row: unread.row(), Export: unread.export, Column: header,
				Message: fmt.Sprintf("%s was not read as a date in %s: %s%s", name, unread.where(), unread.texts(), after),
				Action:  "write the dates as 12/19/2025 or 2025-12-19, and give the export again"})
		}
		separated := false
		for _, key := range dateFormKeys {
			f := col.forms[key]
			if f == nil {
				continue
			}
			separated = separated || !strings.ContainsAny(key[:1], "5678")
			switch {
			case f.mixed:
				notes = append(notes, Note{Kind: AmbiguousDate, Row: f.example.row(), Export: f.example.export, Column: header,
					Message: fmt.Sprintf("some dates of %s have the day first and others the month, as %s; each was read as far as it can be", name, f.example.texts()),
					Action:  "write all dates of the column the same way, and give the export again"})
			case f.weak:
				x := odd[f]
				notes = append(notes, Note{Kind: AmbiguousDate, Row: x.row(), Export: x.export, Column: header,
					Message: fmt.Sprintf("%s can only be read %s in %s: %s; the other dates may be read either way, and were read %s", name, f.or, x.where(), x.texts(), f.read),
					Action:  "correct these cells, or write all dates of the column as 2025-12-19, and give the export again"})
			case f.open && !f.backed:
				notes = append(notes, Note{Kind: AmbiguousDate, Info: true, Row: f.example.row(), Export: f.example.export, Column: header,
					Message: fmt.Sprintf("%s may be read %s or %s, as %s; it was read %s", name, f.read, f.or, f.example.texts(), f.read),
					Action:  "check the dates, or write them as 2025-12-19 and give the export again"})
			}
		}
		if separated && t.dateCells(d) {
			notes = append(notes, Note{Kind: AmbiguousDate, Column: header,
				Message: fmt.Sprintf("%s has cells that are dates beside texts that look like dates; Excel may have taken the day for the month in the former", name),
				Action:  "compare the dates with the order system, or give its export as CSV, not opened in Excel"})
		}
	}
	return append(notes, t.strayDates(c)...)
}

// oddDates finds the cells of a column that are not dates, those that the sheet has in
// another form, and, by form, those that are not days in the order of a weak form.
func (t *Table) oddDates(d Dates, col *dateColumn) (unread, rewritten found, odd map[*dateForm]*found) {
	for text, p := range col.days {
		if p.day.IsZero() || p.cell != text {
			odd = map[*dateForm]*found{}
		}
	}
	if odd == nil { // there are none
		return
	}
	for i := range t.Rows {
		text := d.text(&t.Rows[i])
		if text == "" {
			continue
		}
		switch p, f := col.days[text], col.forms[col.written[text].form]; {
		case p.day.IsZero() && f != nil && f.weak:
			if odd[f] == nil {
				odd[f] = &found{}
			}
			odd[f].addRow(&t.Rows[i], text)
		case p.day.IsZero():
			unread.addRow(&t.Rows[i], text)
		case p.cell != text:
			rewritten.addRow(&t.Rows[i], text)
		}
	}
	return unread, rewritten, odd
}

// strayDates notes cells in columns of texts with a date of this export: values of
// their rows may be in the wrong column. If most cells of a column are such, they may
// be meant so, except where the row lacks a date.
func (t *Table) strayDates(c *Calendar) []Note {
	var all span
	exact := false
	for d := range c.columns {
		col := &c.columns[d]
		for text, p := range col.days {
			if !p.day.IsZero() {
				all.add(p.day)
				exact = exact || col.written[text].form == ""
			}
		}
	}
	if all.first.IsZero() {
		return nil
	}
	isDate := func(text string) bool {
		if len(text) < 5 || len(text) > 32 {
			return false
		}
		w := parseDate(text)
		if w.form == "" {
			return exact && !w.exact.IsZero() && all.holds(w.exact)
		}
		for d := range c.columns {
			if f := c.columns[d].forms[w.form]; f != nil {
				if day, ok := w.in(f.read); ok && all.holds(day) {
					return true
				}
			}
		}
		return false
	}
	var notes []Note
	for _, f := range []field{shipTo, orderNo} {
		var stray, gaps found
		filled, last, was := 0, "", false
		for i := range t.Rows {
			r := &t.Rows[i]
			text := *r.field(f)
			if text == "" {
				continue
			}
			filled++
			if text != last {
				last, was = text, isDate(text)
			}
			if !was {
				continue
			}
			stray.addRow(r, text)
			for d := range numDates {
				if t.columnOf(dateFields[d]) != "" && d.text(r) == "" {
					gaps.addRow(r, text)
					break
				}
			}
		}
		if 2*stray.n > filled {
			stray = gaps
		}
		if stray.n > 0 {
			notes = append(notes, Note{Kind: StrayDate, Row: stray.row(), Export: stray.export, Column: t.columnOf(f),
				Message: fmt.Sprintf("the %s is a date in %s: %s; the values of the row may stand one column over", known[f].meaning, stray.where(), stray.texts()),
				Action:  "compare the rows with the order system, mend the export, and give it again"})
		}
	}
	return notes
}

// dateFormKeys are the keys of all forms: a separator and the number of digits of the
// year, or the number of digits without separator.
var dateFormKeys = []string{"/4", "/2", "-4", "-2", ".4", ".2", " 4", " 2", "8", "6", "5"}
