package orders

import (
	"context"
	"regexp"
	"strings"

	"tallyman/internal/orders/grid"
)

// lookups computes formulas that programs wrote into a workbook without a value, if
// they are simple enough: an exact VLOOKUP of a text or a cell in columns of a sheet of
// the workbook, by which exports often get names of customers.
type lookups struct {
	wb      *grid.Workbook
	columns map[sheetColumn]map[int]grid.Cell // the cells of columns, by row
	tables  map[lookupTable]map[grid.Cell]grid.Cell
}

type sheetColumn struct{ sheet, col int }

// lookupTable is a range of a sheet with its columns of keys and of values.
type lookupTable struct{ sheet, key, value, first, last int }

const (
	// maxLookups bounds the columns and tables that are kept; reading a column takes a
	// pass over its sheet.
	maxLookups = 8
	// maxLookupRows bounds the rows of a sheet in which values are looked up.
	maxLookupRows = 100_000
)

// vlookup matches an exact VLOOKUP: the key, as a text or a cell; sheet, first and last
// column and row of the range; and the column in the range, from 1.
var vlookup = regexp.MustCompile(`(?i)^\s*VLOOKUP\(\s*(?:"((?:[^"]|"")*)"|\$?([A-Z]{1,3})\$?(\d{1,7}))\s*,` +
	`\s*(?:(?:'((?:[^']|'')+)'|([\pL\d_.]+))!)?\$?([A-Z]{1,3})(?:\$?(\d{1,7}))?:\$?([A-Z]{1,3})(?:\$?(\d{1,7}))?\s*,` +
	`\s*(\d{1,5})\s*,\s*(?:FALSE(?:\(\))?|0)\s*\)\s*$`)

// compute returns the value of a formula of a sheet. It is false for any formula that
// it cannot compute completely.
func (l *lookups) compute(ctx context.Context, sheet int, formula string) (string, bool) {
	m := vlookup.FindStringSubmatch(formula)
	if m == nil {
		return "", false
	}
	key := grid.Cell{Text: strings.ReplaceAll(m[1], `""`, `"`)}
	if m[2] != "" {
		key = l.column(ctx, sheet, columnNumber(m[2]))[number(m[3])]
	}
	table := lookupTable{sheet: sheet, key: columnNumber(m[6]), first: 1, last: 1 << 30}
	if name := strings.ReplaceAll(m[4], "''", "'") + m[5]; name != "" {
		table.sheet = -1
		for i, s := range l.wb.Sheets {
			if strings.EqualFold(s.Name, name) {
				table.sheet = i
			}
		}
	}
	if m[7] != "" && m[9] != "" {
		table.first, table.last = number(m[7]), number(m[9])
	}
	table.value = table.key + number(m[10]) - 1
	if key.Text == "" || key.Kind > grid.Number || strings.ContainsAny(key.Text, "*?~") ||
		table.sheet < 0 || table.value < table.key || table.value > columnNumber(m[8]) || (m[7] == "") != (m[9] == "") {
		return "", false
	}
	key.Text = strings.ToUpper(key.Text)
	value := l.table(ctx, table)[key]
	return value.Text, value.Text != "" && value.Kind <= grid.Date
}

// columnNumber returns the index of a column: 1 for B.
func columnNumber(name string) (n int) {
	for _, b := range []byte(strings.ToUpper(name)) {
		n = n*26 + int(b-'A') + 1
	}
	return n - 1
}

// table returns the value for each key, from the first row with that key.
func (l *lookups) table(ctx context.Context, t lookupTable) map[grid.Cell]grid.Cell {
	if found, ok := l.tables[t]; ok || len(l.tables) == maxLookups {
		return found
	}
	found, rows := map[grid.Cell]grid.Cell{}, map[grid.Cell]int{}
	values := l.column(ctx, t.sheet, t.value)
	for row, key := range l.column(ctx, t.sheet, t.key) {
		key.Text = strings.ToUpper(key.Text)
		if before, ok := rows[key]; row >= t.first && row <= t.last && (!ok || row < before) {
			found[key], rows[key] = values[row], row
		}
	}
	l.tables[t] = found
	return found
}

// column returns a column of a sheet; nil if it cannot be read.
func (l *lookups) column(ctx context.Context, sheet, col int) map[int]grid.Cell {
	at := sheetColumn{sheet, col}
	if cells, ok := l.columns[at]; ok || len(l.columns) == maxLookups {
		return cells
	}
	r := &columnReader{col: col, cells: map[int]grid.Cell{}}
	if err := l.wb.Read(ctx, sheet, r); err != nil {
		r.cells = nil
	}
	l.columns[at] = r.cells
	return r.cells
}

// columnReader keeps one column of a sheet.
type columnReader struct {
	collector // for the names of places
	col       int
	cells     map[int]grid.Cell
}

func (r *columnReader) Wants(col int) bool { return col == r.col }

func (r *columnReader) InData() bool { return true }

func (r *columnReader) Add(ctx context.Context, number int, cells []grid.Cell) error {
	if len(r.cells) == maxLookupRows {
		return grid.ErrStop
	}
	if r.col < len(cells) {
		c := cells[r.col]
		c.Text = strings.Clone(c.Text)
		r.cells[number] = c
	}
	return ctx.Err()
}
