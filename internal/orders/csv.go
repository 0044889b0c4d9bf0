package orders

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// delimiters are those that are tried, in this order.
var delimiters = []rune{',', ';', '\t'}

// readCSV reads a text. Its delimiter is the first under which a header is
// found.
func readCSV(ctx context.Context, text, encoding string, lim Limits) (*Table, error) {
	if what := textKind(text); what != "" {
		return nil, grid.NotRead(what)
	}
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n")
	} else if strings.Contains(text, "\r\r\n") {
		text = strings.ReplaceAll(text, "\r\r\n", "\r\n")
	}
	try := delimiters
	if comma, rest, ok := cutSep(text); ok {
		text, try = rest, append([]rune{comma}, try...)
	}
	if strings.TrimLeftFunc(text, grid.Blank) == "" {
		return nil, grid.EmptyFile()
	}

	var closest *collector
	var damage error
	empty := false
	for _, comma := range try {
		c := &collector{lim: lim}
		err := eachRecord(text, comma, lim.Columns, func(number int, cells []grid.Cell) error {
			return c.Add(ctx, number, cells)
		})
		if c.header != nil {
			if err != nil {
				return nil, err
			}
			return c.table(fmt.Sprintf("CSV, %s, %s", delimiterName(comma), encoding))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil && !errors.Is(err, grid.ErrStop) && damage == nil {
			damage = err
		}
		empty = empty || err == nil && c.seen == 0 // nothing but this delimiter
		if c.closer(closest) {
			closest = c
		}
	}
	switch {
	case closest.closest.keys > 0:
		return nil, closest.missing()
	case strings.IndexByte("{[", strings.TrimLeftFunc(text, grid.Blank)[0]) >= 0:
		return nil, grid.NotOrders("what looks like JSON")
	case damage != nil:
		// What stands before the damage is no header, and what comes after it
		// is not known.
		return nil, damage
	case empty:
		return nil, grid.EmptyFile()
	}
	return nil, closest.missing()
}

// cutSep takes off the first line if it is one with which Excel is told the
// delimiter, as in sep=; Excel does not show it as a row.
func cutSep(text string) (comma rune, rest string, ok bool) {
	line, rest, ok := strings.Cut(text, "\n")
	line = strings.Trim(strings.TrimRight(line, "\r"), `"`)
	if !ok || len(line) < 5 || !strings.EqualFold(line[:4], "sep=") {
		return 0, text, false
	}
	comma, size := utf8.DecodeRuneInString(line[4:])
	if len(line) != 4+size || comma == utf8.RuneError || comma == '"' || comma == '\r' {
		return 0, text, false
	}
	return comma, rest, true
}

func delimiterName(comma rune) string {
	switch comma {
	case ',':
		return "comma"
	case ';':
		return "semicolon"
	case '\t':
		return "tab"
	}
	return fmt.Sprintf("%q", comma)
}

// eachRecord calls emit for every record that is not an empty line, with the
// number of the row that a spreadsheet would show it in. The cells are only good
// until emit returns.
func eachRecord(text string, comma rune, maxColumns int, emit func(number int, cells []grid.Cell) error) error {
	if line := tooWide(text, comma, maxColumns); line > 0 {
		return fault.New(fault.TooLarge, "line %d: more than %d columns; take away those that are not needed",
			line, maxColumns)
	}
	r := csv.NewReader(strings.NewReader(text))
	configure(r, comma)
	r.LazyQuotes = true
	r.ReuseRecord = true
	var row []grid.Cell
	number := 1
	start, line := 0, 1 // where the next record is looked for
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.New(fault.DamagedOrders, "row %d: the row cannot be read: %w", number, err)
		}
		// The reader passes over empty lines, which are rows all the same.
		at, _ := r.FieldPos(0)
		number += at - line
		end := int(r.InputOffset())
		raw := text[start:end]
		next := line + strings.Count(raw, "\n")
		if openQuote(raw, comma, next-at > 1) {
			return fault.New(fault.DamagedOrders,
				"row %d: a cell begins with a quotation mark (\") and is not closed by one, so that it is not clear where it ends; mend it, or export the orders again", number)
		}
		row = row[:0]
		for _, text := range cells {
			row = append(row, grid.Cell{Text: text})
		}
		if err := emit(number, row); err != nil {
			return err
		}
		number++
		start, line = end, next
	}
}

func configure(r *csv.Reader, comma rune) {
	r.Comma = comma
	r.FieldsPerRecord = -1
	// A space before a quotation mark does not make it a part of the value; but
	// where the delimiter is white space itself it is not to be skipped.
	r.TrimLeadingSpace = !unicode.IsSpace(comma)
}

// openQuote reports whether a record holds a quoted cell that is not closed.
// The csv package, made to accept stray quotation marks, would let such a cell
// swallow the rows after it. That shows in records of several lines, and at the
// end of the file.
func openQuote(raw string, comma rune, lines bool) bool {
	if !lines && (strings.HasSuffix(raw, "\n") || strings.Count(raw, `"`)%2 == 0) {
		return false
	}
	strict := csv.NewReader(strings.NewReader(raw))
	configure(strict, comma)
	_, err := strict.Read()
	return errors.Is(err, csv.ErrQuote)
}

// tooWide returns the first line with more columns than allowed, 0 if there is
// none. The csv package would make room for all of them at once.
func tooWide(text string, comma rune, most int) int {
	sep := string(comma)
	for line := 1; text != ""; line++ {
		end := strings.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		if end > most && strings.Count(text[:end], sep) >= most {
			return line
		}
		text = text[end:]
	}
	return 0
}
