package orders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"tallyman/internal/orders/grid"
)

// delimiters are tried in this order.
var (
	delimiters     = []rune{',', ';', '\t', '|', '^'}
	delimiterNames = [...]string{"comma", "semicolon", "tab", "pipe", "caret"}
)

// readCSV reads a text, with the first delimiter that gives a header.
func readCSV(ctx context.Context, d decoded, o options) (*Table, error) {
	text := d.text
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
		if !plausible(text) {
			return nil, grid.NotOrders("neither text nor a workbook")
		}
		return nil, grid.EmptyFile()
	}

	var closest *collector
	var damage error
	empty := false
	for _, comma := range try {
		c := &collector{lim: o.Limits, words: o.words, keep: o.kept, comma: string(comma), delimiter: delimiterName(comma), guess: d.guess()}
		err := eachRecord(ctx, text, comma, c)
		if c.header != nil {
			if err != nil {
				return nil, err
			}
			return table(fmt.Sprintf("CSV, %s, %s", c.delimiter, d.encoding), c)
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
	case !plausible(text):
		return nil, grid.NotOrders("neither text nor a workbook")
	case closest.closest.keys > 0:
		return nil, closest.missing()
	case strings.IndexByte("{[", strings.TrimLeftFunc(text, grid.Blank)[0]) >= 0:
		return nil, grid.NotOrders("what looks like JSON")
	case damage != nil:
		// The text before the damage is not a header, and the text after it is not known.
		return nil, damage
	case empty:
		return nil, grid.EmptyFile()
	}
	return nil, closest.missing()
}

// cutSep removes the first line if it tells Excel the delimiter, as sep=; does. Excel
// does not show it as a row.
func cutSep(text string) (comma rune, rest string, ok bool) {
	line, rest, ok := strings.Cut(text, "\n")
	line = strings.Trim(strings.TrimRight(line, "\r"), `"`)
	if !ok || len(line) < 5 || !strings.EqualFold(line[:4], "sep=") {
		return 0, text, false
	}
	comma, size := utf8.DecodeRuneInString(line[4:])
	if len(line) != 4+size || !validComma(comma) {
		return 0, text, false
	}
	return comma, rest, true
}

func delimiterName(comma rune) string {
	if i := slices.Index(delimiters, comma); i >= 0 {
		return delimiterNames[i]
	}
	return fmt.Sprintf("%q", comma)
}

// eachRecord passes the records of a text to a collector, until that returns an error,
// which eachRecord returns.
func eachRecord(ctx context.Context, text string, comma rune, c *collector) error {
	var row []grid.Cell
	for r := newRecords(text, comma, c.lim.Columns); ; {
		number, cells, err := r.next()
		if err == io.EOF {
			c.endOfText(number, row, text)
			return nil
		}
		if err != nil {
			return err
		}
		if inner, ok := quotedWhole(cells, comma, c.lim.Columns); ok {
			cells = inner
		} else if cells, err = c.mend(number, cells, r); err != nil {
			return err
		}
		row = row[:0]
		for _, text := range cells {
			row = append(row, grid.Cell{Text: text})
		}
		if err := c.Add(ctx, number, row); err != nil {
			return err
		}
	}
}

// quotedWhole returns the cells of a row that is quoted as a whole: "a,b,""c""".
func quotedWhole(cells []string, comma rune, maxColumns int) ([]string, bool) {
	if len(cells) != 1 || !strings.ContainsRune(cells[0], comma) {
		return nil, false
	}
	r := newRecords(cells[0], comma, maxColumns)
	_, inner, err := r.next()
	if err != nil || r.doubt != nil || r.pos < len(r.text) {
		return nil, false
	}
	return inner, true
}
