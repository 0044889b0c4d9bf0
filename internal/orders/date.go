package orders

import (
	"strconv"
	"strings"
	"time"

	"tallyman/internal/orders/grid"
	"tallyman/internal/page"
)

// writtenDate is a date as written: either exact, or three figures whose order depends
// on the form.
type writtenDate struct {
	exact   time.Time
	form    string // one of dateFormKeys
	figures [3]int
	// digits is the text if it has no separators.
	digits string
	// timed is true if the text has a time of day other than midnight.
	timed bool
}

// in returns the day of the figures in an order.
func (w writtenDate) in(o order) (time.Time, bool) {
	if w.form == "" {
		return w.exact, true
	}
	if o == serialDay {
		n, err := strconv.Atoi(w.digits)
		if w.form != "5" || err != nil || n < firstSerial || n > lastSerial {
			return time.Time{}, false
		}
		return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n), true
	}
	a, b, y := w.figures[0], w.figures[1], w.figures[2]
	short := !longYear(w.form)
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

// fullYear returns the year of two digits: 1970 to 2069.
func fullYear(y int) int {
	if y < 70 {
		return 2000 + y
	}
	return 1900 + y
}

// Dates of orders are in these years. Any other year is an error: 1216202 is 12162025
// without its last digit, not a day of the year 6202.
const (
	firstYear, lastYear     = 1970, 2099
	firstSerial, lastSerial = 25_569, 73_050 // their days, counted from 1900
)

// day returns a day at midnight UTC. It is false for days that do not exist, and for
// years without orders.
func day(y, m, d int) (time.Time, bool) {
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	// time.Date makes the 2nd of March of the 30th of February.
	if y < firstYear || y > lastYear || t.Year() != y || int(t.Month()) != m || t.Day() != d {
		return time.Time{}, false
	}
	return t, true
}

// parseDate parses a date without time of day, zone and weekday. It returns the zero
// writtenDate for a text that is not a date in any order.
func parseDate(text string) writtenDate {
	s, timed := text, false
	if !grid.DigitsOnly(s) {
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

// midnight reports whether a time of day, perhaps with a zone, is midnight.
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

// number parses a group of digits; it returns -1 if there are too many.
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
	if !grid.DigitsOnly(s) {
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
		if t, ok := day(number(s[:4]), number(s[4:6]), number(s[6:])); ok {
			return writtenDate{exact: t, timed: strings.Trim(whole[8:], "0") != ""}, true
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

// parseSeparated parses three groups of digits separated by one of - / . and space.
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
		if !grid.DigitsOnly(p) || len(p) > 4 || len(p) == 3 {
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

// silent are words that add nothing to a date: weekdays and the endings of ordinal
// numbers.
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

// withoutTime removes a time of day, with fractions and zone: the day is the written
// one, in whatever zone. It removes the decimals of a number: 46010.5 is noon, and
// 12192025.0 is how a program wrote 12192025.
func withoutTime(s string) string {
	if whole, fraction, ok := strings.Cut(s, "."); ok && grid.DigitsOnly(whole) && grid.DigitsOnly(fraction) &&
		(len(whole) == 5 || strings.Trim(fraction, "0") == "") && len(whole) > 2 {
		return whole
	}
	at := strings.IndexByte(s, ':')
	if at < 0 {
		// 20251219T000000Z
		if d, t, ok := strings.Cut(s, "T"); ok && len(d) == 8 && grid.DigitsOnly(d) && len(strings.TrimRight(t, "Zz")) == 6 && grid.DigitsOnly(strings.TrimRight(t, "Zz")) {
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
	// The rest are names of halves of days and of zones.
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
