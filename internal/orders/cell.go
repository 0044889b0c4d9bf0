package orders

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/text"
)

// fieldValue is value for dates that may be counted from 1904.
func (c *collector) fieldValue(f field, number, col int, cell grid.Cell) string {
	text := c.value(number, col, cell)
	if c.from1904 && cell.Kind == grid.Number && slices.Contains(dateFields[:], f) {
		const later = 1462 // days from 1899-12-30 to 1904-01-01
		whole, fraction, _ := strings.Cut(text, ".")
		if n, err := strconv.Atoi(whole); err == nil && n+later >= firstSerial && n+later <= lastSerial {
			return strings.TrimSuffix(strconv.Itoa(n+later)+"."+fraction, ".")
		}
	}
	return text
}

// value returns the text of a cell in a column that is read, and notes what is wrong
// with the cell. If its value is not known, the text is empty: otherwise a sheet would
// use #N/A like any ship-to.
func (c *collector) value(number, col int, cell grid.Cell) string {
	text := strings.TrimFunc(cell.Text, grid.Blank)
	switch {
	case cell.Kind == grid.Uncomputed:
		if c.compute != nil {
			if value, ok := c.compute(text); ok {
				c.troubles.add(ComputedHere, number, col, value, "")
				return value
			}
		}
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
	if !c.lost(number, col, text) && c.guess != nil {
		if other, ok := c.guess.otherwise(text); ok {
			c.troubles.add(DoubtfulText, number, col, text, other)
		}
	}
	return text
}

// lost adds a note about a cell with lost characters.
func (c *collector) lost(number, col int, text string) bool {
	was, ok := "", strings.ContainsRune(text, utf8.RuneError) || lostLetter(text)
	if !ok {
		was, ok = misread(text)
	}
	if ok {
		c.troubles.add(LostText, number, col, text, was)
	}
	return ok
}

// restoreNames replaces ship-tos with lost characters by the one ship-to of other rows
// that they can have been, and adds a note.
func (c *collector) restoreNames() {
	col := c.cols[shipTo]
	if c.troubles.count(LostText, col) == 0 {
		return
	}
	names := map[string]bool{}
	for i := range c.rows {
		names[c.rows[i].ShipTo] = true
	}
	delete(c.troubles, trouble{LostText, col})
	restored := map[string]string{}
	for i := range c.rows {
		r := &c.rows[i]
		name, ok := restored[r.ShipTo]
		if !ok {
			name = restore(r.ShipTo, names)
			restored[r.ShipTo] = name
		}
		if name == "" {
			c.lost(r.Number, col, r.ShipTo)
			continue
		}
		c.troubles.add(RestoredText, r.Number, col, r.ShipTo, name)
		r.ShipTo = name
	}
}

// restore returns the only name that equals a text, apart from a character beyond ASCII
// at each U+FFFD; "" if there is none, or more than one.
func restore(text string, names map[string]bool) (name string) {
	if !strings.ContainsRune(text, utf8.RuneError) {
		return ""
	}
	lost := []rune(text)
names:
	for other := range names {
		runes := []rune(other)
		if len(runes) != len(lost) {
			continue
		}
		for i, r := range runes {
			if r == utf8.RuneError || r != lost[i] && (lost[i] != utf8.RuneError || r < utf8.RuneSelf) {
				continue names
			}
		}
		if name != "" {
			return ""
		}
		name = other
	}
	return name
}

// unread adds a note about a cell whose value is not known.
func (c *collector) unread(kind NoteKind, number, col int, shown string) string {
	c.troubles.add(kind, number, col, shown, "")
	return ""
}

// isError reports whether a text is the error of a formula, as Excel, LibreOffice and
// Google Sheets write it in any language, or the hash marks of a number for which its
// column was too narrow.
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

// nulls are the texts that programs write for a missing value.
var nulls = map[string]bool{"NULL": true, "null": true, "(null)": true, "NaN": true, "nan": true,
	"<NA>": true, `\N`: true, "undefined": true}

// unproof returns the value of a text that is written as a formula to protect it from
// Excel, for example ="00230561". It is false for other formulas. The equals sign is
// not part of s.
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

// unapostrophe removes the apostrophe that marks a text for Excel, but not that of a
// name like 'T WINKEL.
func unapostrophe(s string) string {
	rest := s[1:]
	if rest == "" || len(rest) > 1 && unicode.IsLetter(rune(rest[0])) && (rest[1] == ' ' || rest[1] == '-') {
		return s
	}
	return strings.TrimFunc(strings.TrimSuffix(rest, "'"), grid.Blank)
}

// spoilt reports whether a number has lost digits: it has an exponent, or its digits
// after the fifteenth, the last that spreadsheets keep, are zeros.
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

// plain reports whether a text needs no further examination.
func plain(s string) bool {
	for i := range len(s) {
		if b := s[i]; b >= utf8.RuneSelf || b < ' ' && b != '\n' || b == 0x7F || b == '?' {
			return false
		}
	}
	return true
}

// withoutControls removes control characters except tabs and line breaks.
func withoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// lostLetter reports whether a question mark replaces a letter.
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

// mend returns the cells of a row of delimited text if there is exactly one reading
// that gives each column a value of its kind although it is unclear where a cell ends,
// and adds a note. The two possible readings are that a quotation mark which is not
// closed is part of its cell's text, and that a comma before a space, as in DRY GOODS,
// INC, is part of the text before it. The row must then be as wide as the header, with
// dates and quantities in their columns, one of them after the cell in doubt.
func (c *collector) mend(number int, cells []string, r *records) ([]string, error) {
	extra := len(cells) - len(c.header)
	if r.doubt == nil && (c.header == nil || extra <= 0 || extra != len(r.spaced)) {
		return cells, nil
	}
	if c.header == nil {
		return nil, r.doubt
	}
	kind, col, mended := StrayQuote, r.doubtful, cells
	if r.doubt == nil {
		kind, mended = SplitCell, nil
		for i, cell := range cells {
			if slices.Contains(r.spaced, i) {
				col = len(mended) - 1
				mended[col] += r.comma + cell
			} else {
				mended = append(mended, cell)
			}
		}
	}
	if len(mended) != len(c.header) || !c.fits(mended, col) {
		return cells, r.doubt // which checkWidth refuses, if it is nil
	}
	c.troubles.add(kind, number, col, strings.TrimFunc(mended[col], grid.Blank), "")
	return mended, nil
}

// fits reports whether the cells of all columns of dates and quantities have such
// values, and one of these columns is after a column.
func (c *collector) fits(cells []string, after int) bool {
	proof := false
	for f, col := range c.cols {
		if col < 0 {
			continue
		}
		text := strings.TrimFunc(cells[col], grid.Blank)
		switch date := slices.Contains(dateFields[:], field(f)); {
		case text != "" && known[f].key && text[0] == '"': // it would match nothing
			return false
		case text == "", !date && field(f) != cartons && field(f) != pieces:
			continue
		case date && parseDate(text) == writtenDate{}, !date && !isQuantity(text):
			return false
		}
		proof = proof || col > after
	}
	return proof
}

// endOfText notes that a text may be cut off: it does not end with the end of a line, and
// the last cell of its last row is empty, in a column that is read.
func (c *collector) endOfText(number int, last []grid.Cell, text string) {
	end := len(c.header) - 1
	if c.header != nil && len(last) == end+1 && c.Wants(end) && strings.TrimFunc(last[end].Text, grid.Blank) == "" && !strings.HasSuffix(text, "\n") && !allBlank(texts(last)) {
		c.troubles.add(CutOff, number, end, "", "")
	}
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
		if len(cells) <= c.headerCells {
			c.fitting++
		} else if !allBlank(texts(cells)) {
			c.wider.add(number, "")
		}
		return false, nil
	}
	switch {
	case allBlank(texts(cells)):
		return true, nil
	case len(cells) == 1:
		c.troubles.add(RowLeftOut, number, -1, cells[0].Text, "")
		return true, nil
	}
	return false, fault.New(fault.DamagedOrders,
		"%s: the row has %s, and the header %d, so that it is not clear which value belongs to which column; look for a line break within a cell, or a missing %s, mend it, and give the file again",
		c.Where(number), text.Count(len(cells), "cell"), width, c.delimiter)
}
