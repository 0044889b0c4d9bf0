package orders

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// value returns what the cell of a column that is read holds, and notes what is
// wrong with it. Of a cell whose value is not known nothing is left: a sheet
// would reckon with #N/A as with any ship-to.
func (c *collector) value(number, col int, cell grid.Cell) string {
	text := strings.TrimFunc(cell.Text, grid.Blank)
	switch {
	case cell.Kind == grid.Uncomputed:
		return c.unread(Uncomputed, number, col, text)
	case text == "":
		return ""
	case cell.Kind == grid.Error || isError(text):
		return c.unread(ErrorCell, number, col, text)
	case nulls[text]:
		c.troubles.add(NullText, number, col, text, "")
		return ""
	case text[0] == '=' && cell.Kind == grid.Text:
		proofed, ok := unproof(text[1:])
		if !ok {
			return c.unread(FormulaText, number, col, text)
		}
		text = proofed
	case text[0] == '\'':
		text = unapostrophe(text)
	case spoilt(text, cell.Kind):
		c.troubles.add(SpoiltNumber, number, col, text, "")
		return text
	}
	if plain(text) {
		return text
	}
	if clean := withoutControls(text); clean != text {
		c.troubles.add(ControlMarks, number, col, clean, "")
		text = clean
	}
	if strings.ContainsRune(text, utf8.RuneError) || lostLetter(text) {
		c.troubles.add(LostText, number, col, text, "")
	} else if was, ok := misread(text); ok {
		c.troubles.add(LostText, number, col, text, was)
	} else if c.guess != nil {
		if other, ok := c.guess.otherwise(text); ok {
			c.troubles.add(DoubtfulText, number, col, text, other)
		}
	}
	return text
}

// unread notes a cell whose value is not known.
func (c *collector) unread(kind NoteKind, number, col int, shown string) string {
	c.troubles.add(kind, number, col, shown, "")
	return ""
}

// isError reports whether a text is the error of a formula, as Excel,
// LibreOffice and Google Sheets write it in any language, or the hash marks of
// a number that its column was too narrow for.
func isError(s string) bool {
	switch {
	case strings.HasPrefix(s, "Err:"):
		return len(s) == 7 && grid.DigitsOnly(s[4:])
	case s[0] != '#' || len(s) < 3 || len(s) > 30:
		return false
	case s == "#N/A", s == "#NV", s == "#N/D", s == "#GETTING_DATA", strings.Trim(s, "#") == "":
		return true
	}
	last := s[len(s)-1]
	return (last == '!' || last == '?') && strings.IndexFunc(s[1:len(s)-1], func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/_.¡¿", r)
	}) < 0
}

// nulls are what programs write for a value that is not there.
var nulls = map[string]bool{"NULL": true, "null": true, "(null)": true, "NaN": true, "nan": true,
	"<NA>": true, `\N`: true, "undefined": true}

// unproof returns the value of a text that is written as a formula so that Excel
// leaves it alone, as ="00230561". It is false for other formulas. The equals
// sign is not part of s.
func unproof(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if grid.DigitsOnly(s) {
		return s, true
	}
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	in := s[1 : len(s)-1]
	if strings.Contains(strings.ReplaceAll(in, `""`, ""), `"`) {
		return "", false // "A"&"B"
	}
	return strings.TrimFunc(strings.ReplaceAll(in, `""`, `"`), grid.Blank), true
}

// unapostrophe takes away the apostrophe with which Excel is told that a text is
// one, but not that of a name such as 'T WINKEL.
func unapostrophe(s string) string {
	rest := s[1:]
	if rest == "" || len(rest) > 1 && unicode.IsLetter(rune(rest[0])) && (rest[1] == ' ' || rest[1] == '-') {
		return s
	}
	return strings.TrimFunc(strings.TrimSuffix(rest, "'"), grid.Blank)
}

// spoilt reports whether a number has lost digits: it has an exponent, or its
// digits after the fifteenth are zeros, which is all that spreadsheets keep.
func spoilt(s string, kind grid.Kind) bool {
	s = strings.TrimLeft(s, "+-")
	if s == "" || s[0] < '0' || s[0] > '9' {
		return false
	}
	if grid.DigitsOnly(s) {
		const kept = 15
		least := kept + 2 // a text may well end with one zero
		if kind == grid.Number {
			least = kept + 1
		}
		return len(s) >= least && strings.Trim(s[kept:], "0") == ""
	}
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(s), "E")
	if !ok || exponent == "" || len(exponent) > 4 {
		return false
	}
	whole, decimals, point := strings.Cut(strings.Replace(mantissa, ",", ".", 1), ".")
	if len(whole) != 1 || !grid.DigitsOnly(whole) || point && !grid.DigitsOnly(decimals) {
		return false
	}
	// A style may be called 3E10 or 3E-10.
	return grid.DigitsOnly(exponent[1:]) && (exponent[0] == '+' || exponent[0] == '-' && point)
}

// plain reports whether a text needs no closer look.
func plain(s string) bool {
	for i := range len(s) {
		if b := s[i]; b >= utf8.RuneSelf || b < ' ' && b != '\n' || b == 0x7F || b == '?' {
			return false
		}
	}
	return true
}

// withoutControls takes away control characters but tabs and line breaks.
func withoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// lostLetter reports whether a question mark stands where a letter was.
func lostLetter(s string) bool {
	var before [2]rune
	for _, r := range s {
		if before[1] == '?' && unicode.IsLetter(before[0]) && unicode.IsLetter(r) {
			return true
		}
		before[0], before[1] = before[1], r
	}
	return false
}

// checkWidth compares the cells of a row of delimited text with the header. It
// reports whether to leave the row out. A row that is wider or narrower is a
// fault, since its values may be one column over. What does no harm are empty
// cells at its end, and a line of one cell only, such as "End of report".
func (c *collector) checkWidth(number int, cells []grid.Cell) (leaveOut bool, err error) {
	width := len(c.header)
	for col := width; col < len(cells); col++ {
		if text := strings.TrimFunc(cells[col].Text, grid.Blank); text != "" {
			return false, fault.New(fault.DamagedOrders,
				"%s: the row has more cells than the header, which has %d columns: %q stands in column %s, so that it is not clear which value belongs to which column; put quotation marks (\") around cells with a %s in them, or add the missing heading, and give the file again",
				c.Where(number), width, grid.Label(text), grid.ColumnName(col), c.delimiter)
		}
	}
	for col, cell := range cells {
		if swallowed(cell.Text, c.comma, col, width) {
			return false, fault.New(fault.DamagedOrders,
				"%s: the cell begins with a quotation mark (\") and seems to go on into row %d or later, so that it is not clear where it ends; mend it, or export the orders again",
				c.WhereCell(number, col), number+1)
		}
	}
	if len(cells) >= width {
		return false, nil
	}
	filled := 0
	for _, cell := range cells {
		if strings.TrimFunc(cell.Text, grid.Blank) != "" {
			filled++
		}
	}
	switch {
	case filled == 0:
		return true, nil
	case len(cells) == 1:
		c.troubles.add(RowLeftOut, number, -1, cells[0].Text, "")
		return true, nil
	}
	return false, fault.New(fault.DamagedOrders,
		"%s: the row has %s, and the header %d, so that it is not clear which value belongs to which column; look for a line break within a cell, or a missing %s, mend it, and give the file again",
		c.Where(number), count(len(cells), "cell"), width, c.delimiter)
}
