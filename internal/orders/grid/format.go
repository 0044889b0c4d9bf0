package grid

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// NumberFormat is the part of a cell's number format that matters: whether the number
// is a date, and whether it is shown with leading zeros.
type NumberFormat struct {
	Date bool
	// width is the least number of digits, if the format has only zeros: 6 for 000000.
	width int
	// text is the template of a format that shows a text of its own.
	text string
}

// FormatOf returns the number format with a number: one of the workbook's own, or one of those
// that workbooks use by number only, according to ECMA-376 part 1, 18.8.30 (numFmt). Times of
// day without a date are numbers here.
func FormatOf(own map[int]NumberFormat, id int) NumberFormat {
	if f, ok := own[id]; ok {
		return f
	}
	switch {
	case id >= 14 && id <= 17, id == 22,
		id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58: // East Asian dates
		return NumberFormat{Date: true}
	}
	return NumberFormat{}
}

// ParseFormat parses a format code such as m/d/yyyy or 000000.
func ParseFormat(code string) NumberFormat {
	var plain strings.Builder // the first section without literal text
	for i := 0; i < len(code); i++ {
		switch b := code[i]; b {
		case ';':
			i = len(code)
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return NumberFormat{}
			}
			i += end + 1
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return NumberFormat{}
			}
			if in := strings.ToLower(code[i+1 : i+end]); strings.Trim(in, "hms") == "" {
				plain.WriteString(in) // elapsed time, such as [h]
			}
			i += end
		case '\\', '_', '*':
			i++
		default:
			plain.WriteByte(b | 0x20)
		}
	}
	p := plain.String()
	const widest = 32
	if strings.Trim(p, "0") == "" && len(p) <= widest {
		return NumberFormat{width: len(p), text: template(code)}
	}
	if strings.HasPrefix(p, "general") {
		return NumberFormat{text: template(code)}
	}
	// An m without a day or a year is a month, unless it is among hours and seconds.
	if strings.ContainsAny(p, "yd") || strings.Contains(p, "m") && !strings.ContainsAny(p, "hs") {
		return NumberFormat{Date: true}
	}
	return NumberFormat{text: template(code)}
}

// Show returns a number as the cell shows it: dates as MMDDYYYY (DESIGN.md §4), with
// leading zeros if the format asks for them, and otherwise without exponent, thousands
// separators or the format's decimals.
func (nf NumberFormat) Show(v float64, date1904 bool) Cell {
	if nf.Date {
		if s, ok := serialDate(v, date1904); ok {
			return Cell{s, Date}
		}
	}
	if nf.text != "" {
		if s, ok := fill(nf.text, v); ok {
			return Cell{s, Number}
		}
	}
	s := plainNumber(v)
	if missing := nf.width - len(s); missing > 0 && DigitsOnly(s) {
		s = strings.Repeat("0", missing) + s
	}
	return Cell{s, Number}
}

// serialDate returns the date of a serial number: days since the beginning of 1900 or
// of 1904. It is false for a number that is not a date's.
func serialDate(v float64, date1904 bool) (string, bool) {
	const end = 2_958_466 // the day after 9999-12-31, counted from 1900
	if !(v >= 0 && v < end) {
		return "", false
	}
	days := int(v)
	epoch := time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	if !date1904 {
		switch {
		case days == 0, days == 60:
			// Excel's 0 January and 29 February of 1900, which do not exist.
			return "", false
		case days < 60:
			days++
		}
		epoch = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	}
	d := epoch.AddDate(0, 0, days)
	if d.Year() > 9999 {
		return "", false
	}
	return d.Format("01022006"), true
}

// plainNumber returns a number with the 15 digits that spreadsheets keep, without an
// exponent unless it is extremely large or small.
func plainNumber(v float64) string {
	if v == 0 {
		return "0" // not -0
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatInt(int64(v), 10)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 14, 64), 64)
	if err != nil {
		rounded = v // infinite, or nearly
	}
	if a := math.Abs(rounded); a >= 1e21 || a < 1e-9 {
		return strconv.FormatFloat(rounded, 'E', -1, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// ParseNumber parses the number of a cell in XML. It is false for other texts, such as
// NaN or 0x10.
func ParseNumber(s string) (float64, bool) {
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// DigitsOnly reports whether s consists of digits, at least one.
func DigitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// ISODate returns the date of a cell of type d, such as 2025-07-10T00:00:00, as
// MMDDYYYY. Other texts stay as they are.
func ISODate(s string) Cell {
	day, _, _ := strings.Cut(s, "T")
	if d, err := time.Parse(time.DateOnly, day); err == nil {
		return Cell{d.Format("01022006"), Date}
	}
	return Cell{Text: s}
}

// BoolText returns what spreadsheets show for a truth value.
func BoolText(v bool) string {
	if v {
		return "TRUE"
	}
	return "FALSE"
}

// StringTable has the strings that the cells of a workbook share. There may be
// millions, so they are parts of one text.
type StringTable struct {
	// Text is the text of all strings. Append to it, then call End.
	Text []byte
	ends []int
}

// End makes a string of what was appended to Text since the last call.
func (t *StringTable) End() {
	t.ends = append(t.ends, len(t.Text))
}

// At returns the string with an index. It is false if there is none.
func (t *StringTable) At(i uint64) (string, bool) {
	if i >= uint64(len(t.ends)) {
		return "", false
	}
	start := 0
	if i > 0 {
		start = t.ends[i-1]
	}
	return string(t.Text[start:t.ends[i]]), true
}
