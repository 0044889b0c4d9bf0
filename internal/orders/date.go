package orders

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/page"
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

// dateFields are the columns as fields.
var dateFields = [numDates]field{InvoiceDates: invoiceDate, DeliveryDates: deliveryDate, CancelDates: cancelDate}

// text is the row's cell in the column.
func (d Dates) text(r *Row) string {
	switch d {
	case InvoiceDates:
		return r.InvoiceDate
	case DeliveryDates:
		return r.DeliveryDate
	}
	return r.CancelDate
}

// Calendar says how the dates of an export are written. Which of the figures of
// 03/04/25 is the month is decided for a whole column at once: by the cells that
// can be read one way only. It is made by Table.Calendar.
type Calendar struct {
	columns [numDates]dateColumn
}

// dateColumn is what is known of a column: per way of writing a decision, per text
// the day that it names.
type dateColumn struct {
	forms   map[string]*dateForm
	written map[string]writtenDate // the zero writtenDate for what is none
	days    map[string]dayPair
}

// dayPair is the day that a text names, and the one that it names in the second
// reading of its form; zero times for none.
type dayPair struct {
	day, other time.Time
	sure       bool // day is right in spite of other
	timed      bool // a time of day stands beside it
}

// order says in which order day, month and year are written.
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

// dateForm is one way of writing dates in a column: the same separator, and the
// same number of digits of the year.
type dateForm struct {
	can    [numOrders]bool            // every cell is a day in this order
	differ [numOrders][numOrders]bool // some cell is another day in the other order
	spans  [numOrders]span

	read, or order
	// open is true if nothing in the column says which of read and or is right, and
	// it matters; backed if another column says that it is read.
	open, backed bool
	// mixed is true if no order fits all cells.
	mixed   bool
	example found
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

func (s span) years() float64 { return s.last.Sub(s.first).Hours() / 24 / 365.25 }

// Calendar reads the dates of the table. It costs a look at each row.
func (t *Table) Calendar() *Calendar {
	c := &Calendar{}
	for d := range numDates {
		c.columns[d] = t.dateColumn(d)
	}
	// What is open in one column is likely to be as in the others.
	for d := range c.columns {
		for key, f := range c.columns[d].forms {
			for other := range c.columns {
				o := c.columns[other].forms[key]
				if f.open && o != nil && !o.open && !o.mixed && f.can[o.read] && o.can[monthFirst] != o.can[dayFirst] {
					if f.backed = true; f.read != o.read {
						f.read, f.or = o.read, f.read
					}
				}
			}
		}
	}
	for d := range c.columns {
		col := &c.columns[d]
		for text, w := range col.written {
			col.days[text] = col.resolve(w)
		}
	}
	return c
}

// Date returns the day that a text names in a column of the export: at midnight
// UTC. It is false for what is no date or more than one, as a time of day, and for a
// text whose day and month may be the other way round; but MMDDYYYY is what dates are unless their column says
// otherwise (DESIGN.md §5).
func (c *Calendar) Date(d Dates, text string) (time.Time, bool) {
	p := c.columns[d].day(text)
	return p.day, !p.day.IsZero() && !p.timed && (p.other.IsZero() || p.sure)
}

// Written returns a date as it goes into the sheet. MMDDYYYY, MDDYYYY, ISO dates and
// M/D/YYYY stay as they stand (DESIGN.md §4). A date in any other form, which a reader
// of the sheet could take for another day, becomes MMDDYYYY. A text whose day is not
// certain stays as it stands.
func (c *Calendar) Written(d Dates, text string) string {
	p := c.columns[d].day(text)
	day := p.day
	if day.IsZero() || !p.other.IsZero() && !p.sure {
		return text
	}
	// Cells of one form are written alike, also those that both orders read as one day.
	plain := func(layout, text, form string) bool {
		at, err := time.Parse(layout, text)
		f := c.columns[d].forms[form]
		return err == nil && at.Equal(day) && (f == nil || f.read == monthFirst)
	}
	if plain("01022006", text, "8") || plain("01022006", "0"+text, "8") || plain("2006-01-02", text, "") || plain("1/2/2006", text, "/4") {
		return text
	}
	return day.Format("01022006")
}

// Guess is Date, but takes the likelier day where day and month may be the other
// way round; other is the other day then, and zero otherwise.
func (c *Calendar) Guess(d Dates, text string) (day, other time.Time, ok bool) {
	p := c.columns[d].day(text)
	return p.day, p.other, !p.day.IsZero()
}

// Open reports whether a column has dates whose day and month may be the other way
// round.
func (c *Calendar) Open(d Dates) bool {
	for _, f := range c.columns[d].forms {
		if f.open {
			return true
		}
	}
	return false
}

// day reads a text, which need not be one of the column's.
func (c *dateColumn) day(text string) dayPair {
	if text == "" {
		return dayPair{}
	}
	if p, ok := c.days[text]; ok {
		return p
	}
	return c.resolve(parseDate(text))
}

func (c *dateColumn) resolve(w writtenDate) dayPair {
	if w.form == "" {
		return dayPair{day: w.exact, timed: w.timed}
	}
	f := c.forms[w.form]
	if f == nil { // a form that the column does not have
		f = &dateForm{can: [numOrders]bool{true, true, true, true}}
		f.decide(w.form, false)
		f.open = false
	}
	day, ok := w.in(f.read)
	if f.mixed || !ok {
		for _, o := range []order{f.read, monthFirst, dayFirst, yearFirst, serialDay} {
			if day, ok := w.in(o); ok {
				return dayPair{day: day, timed: w.timed}
			}
		}
		return dayPair{}
	}
	p := dayPair{day: day, timed: w.timed}
	if other, ok := w.in(f.or); f.open && ok && !other.Equal(day) {
		p.other, p.sure = other, f.backed || w.form == "8"
	}
	return p
}

func (t *Table) dateColumn(d Dates) dateColumn {
	c := dateColumn{forms: map[string]*dateForm{}, written: map[string]writtenDate{}, days: map[string]dayPair{}}
	for i := range t.Rows {
		text := d.text(&t.Rows[i])
		if text == "" {
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
			f = &dateForm{can: [numOrders]bool{true, true, true, true}}
			c.forms[w.form] = f
		}
		for o := range numOrders {
			day, ok := w.in(o)
			if !ok {
				f.can[o] = false
				continue
			}
			f.spans[o].add(day)
			for p := range o {
				if other, ok := w.in(p); ok && !other.Equal(day) {
					f.differ[o][p], f.differ[p][o] = true, true
				}
			}
		}
		if f.example.n < maxExamples {
			f.example.add(t.Rows[i].Number, text)
		}
	}
	// Serial numbers of five digits and months of one digit: 46010 and 10125 beside
	// 121925. A column has one of them.
	if five, six := c.forms["5"], c.forms["6"]; five != nil && six != nil {
		five.can[serialDay] = false
	}
	for form, f := range c.forms {
		f.decide(form, t.dateCells(d))
	}
	return c
}

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

// longColumn is more years than the dates of one export are apart.
const longColumn = 3

// decide chooses the order of a form from the cells that were seen.
func (f *dateForm) decide(form string, dateCells bool) {
	likely := []order{monthFirst, dayFirst, yearFirst}
	switch {
	case strings.HasPrefix(form, "."):
		likely = []order{dayFirst, monthFirst, yearFirst}
	case form == "5":
		likely = []order{serialDay, monthFirst, dayFirst}
	}
	var can []order
	for _, o := range likely {
		if f.can[o] {
			can = append(can, o)
		}
	}
	switch {
	case len(can) == 0:
		f.read, f.mixed = likely[0], true
		return
	case form == "8" && dateCells && f.can[monthFirst]:
		can = []order{monthFirst}
	}
	f.read = can[0]
	// Dates with two digits of the year may begin with it; they do if the others are
	// years apart and these are not.
	for _, o := range can[1:] {
		if o == yearFirst && f.spans[f.read].years() <= longColumn {
			continue
		}
		if o == yearFirst && f.spans[o].years() < f.spans[f.read].years() {
			f.read, f.or, f.open = yearFirst, f.read, true
			return
		}
		if f.differ[o][f.read] {
			f.or, f.open = o, true
			return
		}
	}
}

// dateNotes says what stays ambiguous or unread in the columns of dates.
func (t *Table) dateNotes() []Note {
	var notes []Note
	c := t.Calendar()
	for d := range numDates {
		col := &c.columns[d]
		header := t.columnOf(dateFields[d])
		name := known[dateFields[d]].meaning
		var unread, rewritten found
		for i := range t.Rows {
			if text := d.text(&t.Rows[i]); text != "" && c.Written(d, text) != text {
				rewritten.add(t.Rows[i].Number, text)
			}
			if text := d.text(&t.Rows[i]); text != "" && col.days[text].day.IsZero() {
				unread.add(t.Rows[i].Number, text)
			}
		}
		if rewritten.n > 0 {
			notes = append(notes, Note{Kind: RewrittenDate, Info: true, Row: rewritten.row(), Column: header,
				Message: fmt.Sprintf("%s is written as MMDDYYYY in the sheet in %s: the export has %s", name, rewritten.where(), rewritten.texts())})
		}
		if unread.n > 0 {
			after := ""
			if d == CancelDates {
				after = "; these rows are sorted as if they had no date"
			}
			notes = append(notes, Note{Kind: UnreadDate, Row: unread.row(), Column: header,
				Message: fmt.Sprintf("%s was not read as a date in %s: %s%s", name, unread.where(), unread.texts(), after),
				Action:  "write the dates as 12/19/2025 or 2025-12-19, and give the export again"})
		}
		separated := false
		for _, key := range sortedForms(col.forms) {
			f := col.forms[key]
			separated = separated || !strings.ContainsAny(key[:1], "5678")
			switch {
			case f.mixed:
				notes = append(notes, Note{Kind: AmbiguousDate, Row: f.example.row(), Column: header,
					Message: fmt.Sprintf("some dates of %s have the day first and others the month, as %s; each was read as far as it can be", name, f.example.texts()),
					Action:  "write all dates of the column the same way, and give the export again"})
			case f.open && !f.backed:
				notes = append(notes, Note{Kind: AmbiguousDate, Info: true, Row: f.example.row(), Column: header,
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
	return notes
}

func sortedForms(forms map[string]*dateForm) []string {
	var keys []string
	for _, k := range dateFormKeys {
		if forms[k] != nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// dateFormKeys are all keys of forms: a separator and the digits of the year, or
// the number of digits that stand together.
var dateFormKeys = []string{"/4", "/2", "-4", "-2", ".4", ".2", " 4", " 2", "8", "6", "5"}

// writtenDate is a date as it is written: either exact, or three figures whose
// order depends on the form.
type writtenDate struct {
	exact   time.Time
	form    string // one of dateFormKeys
	figures [3]int
	// digits is the text if all figures stand together without separators.
	digits string
	// timed is true if a time of day other than midnight stands beside the date.
	timed bool
}

// in returns the day that the figures name in an order.
func (w writtenDate) in(o order) (time.Time, bool) {
	if w.form == "" {
		return w.exact, true
	}
	if o == serialDay {
		n, err := strconv.Atoi(w.digits)
		const from, to = 25_569, 73_050 // 1970 to 2099
		if w.form != "5" || err != nil || n < from || n > to {
			return time.Time{}, false
		}
		return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n), true
	}
	a, b, y := w.figures[0], w.figures[1], w.figures[2]
	short := w.form != "8" && !strings.HasSuffix(w.form, "4")
	switch o {
	case dayFirst:
		a, b = b, a
	case yearFirst:
		if !short || w.form == "5" {
			return time.Time{}, false
		}
		a, b, y = b, y, a
	}
	if short {
		y = fullYear(y)
	}
	return day(y, a, b)
}

// fullYear returns the year that two digits stand for: 1970 to 2069.
func fullYear(y int) int {
	if y < 70 {
		return 2000 + y
	}
	return 1900 + y
}

// day returns a day at midnight UTC. It is false for one that the calendar does not
// have.
func day(y, m, d int) (time.Time, bool) {
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	// time.Date makes the 2nd of March of the 30th of February.
	if y < 1 || t.Year() != y || int(t.Month()) != m || t.Day() != d {
		return time.Time{}, false
	}
	return t, true
}

// parseDate reads the form of a date, without a time of day, zone and weekday. It
// returns the zero writtenDate for what is no date in any order.
func parseDate(text string) writtenDate {
	s, timed := text, false
	if !digitsOnly(s) {
		if len(s) > 64 {
			return writtenDate{}
		}
		all := page.Seen(s)
		s = withoutTime(all)
		timed = !midnight(strings.TrimLeft(all[len(s):], " ,T"))
	}
	for _, read := range []func(string) (writtenDate, bool){parseDigits, parseSeparated, parseNamed} {
		if w, ok := read(s); ok {
			w.timed = w.timed || timed
			return w
		}
	}
	return writtenDate{}
}

// midnight reports whether a time of day, which may be followed by a zone, is the
// beginning of the day.
func midnight(s string) bool {
	clock := s
	if end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != ':' && r != '.' }); end >= 0 {
		clock = s[:end]
	}
	if rest, ok := strings.CutPrefix(clock, "12:"); ok && strings.HasPrefix(strings.ToUpper(strings.TrimSpace(s[len(clock):])), "AM") {
		clock = rest
	}
	return strings.Trim(clock, "0:.") == ""
}

func digitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// number reads a group of digits; -1 if they are too many.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// possible reports whether the figures are a day in any order.
func (w writtenDate) possible() bool {
	for o := range numOrders {
		if _, ok := w.in(o); ok {
			return true
		}
	}
	return false
}

// parseDigits reads digits without separators: 12192025, 2192025 (the zero of the
// month or the day is lost where a spreadsheet took it for a number), 20251219,
// 121925, and the serial number of a day, 46010.
func parseDigits(s string) (writtenDate, bool) {
	if !digitsOnly(s) {
		return writtenDate{}, false
	}
	whole := s
	if len(s) == 14 { // with a time of day: 20251219235959
		if _, err := time.Parse("20060102150405", s); err != nil {
			return writtenDate{}, false
		}
		s = s[:8]
	}
	switch len(s) {
	case 8:
		if y := number(s[:4]); y >= 1900 && y < 2200 {
			if t, ok := day(y, number(s[4:6]), number(s[6:])); ok {
				return writtenDate{exact: t, timed: strings.Trim(whole[8:], "0") != ""}, true
			}
		}
		if len(whole) != 8 {
			return writtenDate{}, false
		}
	case 5, 7:
		s = "0" + s
	case 6:
	default:
		return writtenDate{}, false
	}
	w := writtenDate{form: "8", digits: whole, figures: [3]int{number(s[:2]), number(s[2:4]), number(s[4:])}}
	if len(s) == 6 {
		w.form = strconv.Itoa(len(whole))
	}
	return w, w.possible()
}

// parseSeparated reads three groups of digits with one of - / . and space between
// them.
func parseSeparated(s string) (writtenDate, bool) {
	s = strings.TrimSuffix(s, ".")
	i := strings.IndexAny(s, "-/. ")
	if i < 1 {
		return writtenDate{}, false
	}
	sep := s[i : i+1]
	parts := strings.Split(s, sep)
	if len(parts) != 3 {
		return writtenDate{}, false
	}
	var w writtenDate
	for i, p := range parts {
		if !digitsOnly(p) || len(p) > 4 || len(p) == 3 {
			return w, false
		}
		w.figures[i] = number(p)
	}
	switch {
	case len(parts[1]) > 2:
		return w, false
	case len(parts[0]) == 4 && len(parts[2]) <= 2:
		t, ok := day(w.figures[0], w.figures[1], w.figures[2])
		return writtenDate{exact: t}, ok
	case len(parts[0]) > 2 || len(parts[2]) == 1:
		return w, false
	}
	w.form = sep + strconv.Itoa(len(parts[2]))
	return w, w.possible()
}

var months = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// month returns the month of an English name or its beginning of three letters at
// least, 0 if there is none.
func month(name string) int {
	if name == "sept" {
		return 9
	}
	for i, m := range months {
		if len(name) >= 3 && strings.HasPrefix(m, name) {
			return i + 1
		}
	}
	return 0
}

// weekdays and the endings of ordinal numbers say nothing more.
var silent = map[string]bool{"st": true, "nd": true, "rd": true, "th": true, "of": true,
	"mon": true, "tue": true, "tues": true, "wed": true, "thu": true, "thur": true, "thurs": true, "fri": true, "sat": true, "sun": true,
	"monday": true, "tuesday": true, "wednesday": true, "thursday": true, "friday": true, "saturday": true, "sunday": true}

// parseNamed reads a date whose month is a word: 19-Dec-2025, Dec 19, 2025,
// 2025-Dec-19, 19DEC25.
func parseNamed(s string) (writtenDate, bool) {
	m := 0
	var figures []string
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		switch {
		case n < 0:
			n = len(s)
			fallthrough
		case n > 0:
			figures = append(figures, s[:n])
			s = s[n:]
			continue
		}
		n = strings.IndexFunc(s, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
		if n < 0 {
			n = len(s)
		}
		if n == 0 {
			if !strings.ContainsAny(s[:1], " -/.,'") {
				return writtenDate{}, false
			}
			s = s[1:]
			continue
		}
		word := strings.ToLower(s[:n])
		s = s[n:]
		if found := month(word); found > 0 && m == 0 {
			m = found
		} else if !silent[word] {
			return writtenDate{}, false
		}
	}
	if m == 0 || len(figures) != 2 {
		return writtenDate{}, false
	}
	d, y := figures[0], figures[1]
	if len(d) == 4 {
		d, y = y, d
	}
	if len(d) > 2 || len(y) != 2 && len(y) != 4 {
		return writtenDate{}, false
	}
	year := number(y)
	if len(y) == 2 {
		year = fullYear(year)
	}
	t, ok := day(year, m, number(d))
	return writtenDate{exact: t}, ok
}

// withoutTime takes off a time of day, with its fractions and its zone: the day is
// the one that is written, in whatever zone. Of a number it takes off the decimals:
// 46010.5 is noon, and 12192025.0 what a program made of 12192025.
func withoutTime(s string) string {
	if whole, fraction, ok := strings.Cut(s, "."); ok && digitsOnly(whole) && digitsOnly(fraction) &&
		(len(whole) == 5 || strings.Trim(fraction, "0") == "") && len(whole) > 2 {
		return whole
	}
	at := strings.IndexByte(s, ':')
	if at < 0 {
		// 20251219T000000Z
		if d, t, ok := strings.Cut(s, "T"); ok && len(d) == 8 && digitsOnly(d) && len(strings.TrimRight(t, "Zz")) == 6 && digitsOnly(strings.TrimRight(t, "Zz")) {
			return d
		}
		return s
	}
	start := at
	for start > 0 && s[start-1] >= '0' && s[start-1] <= '9' {
		start--
	}
	if hours := at - start; hours < 1 || hours > 2 || start == 0 {
		return s
	}
	switch s[start-1] {
	case 'T', 't', ' ', ',':
	default:
		return s
	}
	if !isTime(s[start:]) {
		return s
	}
	return strings.TrimRight(s[:start-1], " ,")
}

// isTime reports whether s is a time of day: 13:45, 1:45:30.000 PM, 00:00:00-05:00,
// 00:00 -0500 EST.
func isTime(s string) bool {
	digits := func(least, most int) (int, bool) {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n < least || n > most {
			return 0, false
		}
		v := number(s[:n])
		s = s[n:]
		return v, true
	}
	if h, ok := digits(1, 2); !ok || h > 24 {
		return false
	}
	for n := 0; n < 2 && strings.HasPrefix(s, ":"); n++ {
		s = s[1:]
		if v, ok := digits(2, 2); !ok || v > 60 {
			return false
		}
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		if _, ok := digits(1, 9); !ok {
			return false
		}
	}
	// What is left names halves of days and zones.
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '(' || r == ')' }) {
		if strings.Trim(word, "+-:0123456789") != "" && (len(word) > 5 || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.") != "") {
			return false
		}
		if len(word) > 6 {
			return false
		}
	}
	return true
}
