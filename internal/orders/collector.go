package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/text"
)

// headerRows is how many rows with content are searched for the header: exports have
// titles and dates above it.
const headerRows = 20

// collector makes a table of the rows of one sheet: it finds the header, then keeps the
// cells of the columns that are read.
type collector struct {
	lim   Limits
	words vocabulary
	keep  []string // names of columns that are kept
	kept  []int    // and these columns, -1 for those that are not there
	// sheet is the name of the workbook's sheet; "" in a CSV.
	sheet string

	seen   int // rows with content up to the header
	cols   columns
	header []string // nil until it is found
	rows   []Row
	spares []spare
	vague  [numFields]bool // the field's column has a vague name
	dates  [numFields]bool // the field's column has cells that are dates

	// Of delimited text: its delimiter, and the name of that for people.
	comma, delimiter string
	// Of delimited text: the cells of the header, those without a name included, the
	// rows that have more, all empty, and how many have not.
	headerCells int
	wider       found
	fitting     int

	guess *guess // of the text's encoding, nil if that is certain

	// from1904 is true if a workbook counts days from 1904.
	from1904 bool
	// compute, if not nil, computes a formula that has no value.
	compute func(formula string) (string, bool)

	troubles troubles
	filled   [numFields]int // cells with a value, by field

	// closest is the row most similar to a header, until the header is found.
	closest struct {
		number, keys int
		cols         columns
		cells        []string
		offers       []Offer // what people can map
	}
}

// spare is another column that may be that of a field, with its values by row.
type spare struct {
	field  field
	col    int
	values []string
	date   bool
}

// Wants reports whether Add uses the cells of a column, so that readers can omit the
// others.
func (c *collector) Wants(col int) bool {
	return c.header == nil || slices.Contains(c.cols[:], col) || slices.Contains(c.kept, col) ||
		slices.ContainsFunc(c.spares, func(s spare) bool { return s.col == col })
}

// InData reports whether the header was found.
func (c *collector) InData() bool { return c.header != nil }

// Add takes the next row. Its number is that which a spreadsheet shows; the
// cells are in the order of columns, and may be used again after the call.
func (c *collector) Add(ctx context.Context, number int, cells []grid.Cell) error {
	if len(c.rows)%1024 == 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if len(cells) > c.lim.Columns {
		return fault.New(fault.TooLarge, "%s: more than %d columns; take away those that are not needed",
			c.Where(number), c.lim.Columns)
	}
	if c.header == nil {
		return c.search(number, texts(cells))
	}
	if c.comma != "" {
		if leaveOut, err := c.checkWidth(number, cells); err != nil || leaveOut {
			return err
		}
	}

	var values [numFields]string
	total := 0
	for f, col := range c.cols {
		if col < 0 || col >= len(cells) {
			continue
		}
		if err := c.checkCell(number, col, cells[col].Text); err != nil {
			return err
		}
		values[f] = c.fieldValue(field(f), number, col, cells[col])
		if values[f] != "" {
			c.filled[f]++
		}
		total += len(values[f])
		c.dates[f] = c.dates[f] || cells[col].Kind == grid.Date
	}
	kept, err := c.keepCells(number, cells)
	if err != nil || total == 0 && kept == "" {
		return err
	}
	for i := range c.spares {
		s := &c.spares[i]
		value := ""
		if s.col < len(cells) {
			if err := c.checkCell(number, s.col, cells[s.col].Text); err != nil {
				return err
			}
			value = strings.Clone(c.fieldValue(s.field, number, s.col, cells[s.col]))
			s.date = s.date || cells[s.col].Kind == grid.Date
		}
		s.values = append(s.values, value)
	}
	if len(c.rows) >= c.lim.Rows {
		return fault.New(fault.TooLarge, "%s: more than %d order rows; split the export, or raise the limit",
			c.Where(number), c.lim.Rows)
	}
	// One string for the whole row: the cells may be parts of something much larger,
	// which the row must not keep in memory.
	var all strings.Builder
	all.Grow(total)
	for _, v := range values {
		all.WriteString(v)
	}
	rest := all.String()
	for f, v := range values {
		values[f], rest = rest[:len(v)], rest[len(v):]
	}
	row := Row{Number: number, Kept: kept}
	for f, v := range values {
		*row.field(field(f)) = v
	}
	c.rows = append(c.rows, row)
	return nil
}

// keepCells returns the cells of the columns that are kept, as Row.Kept has them.
func (c *collector) keepCells(number int, cells []grid.Cell) (string, error) {
	some := false
	kept := make([]string, len(c.kept))
	for i, col := range c.kept {
		if col < 0 || col >= len(cells) {
			continue
		}
		if err := c.checkCell(number, col, cells[col].Text); err != nil {
			return "", err
		}
		kept[i] = c.value(number, col, cells[col])
		some = some || kept[i] != ""
	}
	if !some {
		return "", nil
	}
	return strings.Join(kept, keptMark), nil
}

// field returns the address of the row's value of a field.
func (r *Row) field(f field) *string {
	return [numFields]*string{&r.InvoiceNo, &r.Style, &r.Cartons, &r.Pieces, &r.InvoiceDate,
		&r.ShipTo, &r.OrderNo, &r.DeliveryDate, &r.CancelDate}[f]
}

func (c *collector) search(number int, cells []string) error {
	if allBlank(cells) {
		return nil
	}
	c.seen++
	c.sample(cells)
	candidates, keys := c.words.locate(cells)
	var cols columns
	for f, list := range candidates {
		if cols[f] = -1; len(list) > 0 {
			cols[f] = list[0].col
		}
	}
	if keys < numKeys {
		if c.seen == 1 || keys > c.closest.keys {
			c.closest.number, c.closest.keys, c.closest.cols = number, keys, cols
			c.closest.cells = labels(cells)
			c.closest.offers = offers(cells)
		}
		if c.seen >= headerRows {
			return grid.ErrStop
		}
		return nil
	}
	header := make([]string, len(cells))
	for col, cell := range cells {
		if err := c.checkCell(number, col, cell); err != nil {
			return err
		}
		header[col] = strings.Clone(strings.TrimFunc(cell, grid.Blank))
	}
	for len(header) > 0 && header[len(header)-1] == "" {
		header = header[:len(header)-1]
	}
	c.cols, c.header, c.troubles, c.headerCells = cols, header, troubles{}, len(cells)
	for _, name := range c.keep {
		c.kept = append(c.kept, slices.IndexFunc(header, func(h string) bool { return h != "" && SameColumn(h, name) }))
	}
	for f, list := range candidates {
		for i, other := range list {
			if c.vague[f] = list[0].vague; i > 0 {
				c.spares = append(c.spares, spare{field: field(f), col: other.col})
			}
		}
	}
	return nil
}

func texts(cells []grid.Cell) []string {
	return text.Each(cells, func(c grid.Cell) string { return c.Text })
}

func allBlank(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimLeftFunc(cell, grid.Blank) != "" })
}

func (c *collector) checkCell(number, col int, cell string) error {
	if len(cell) <= c.lim.CellChars || utf8.RuneCountInString(cell) <= c.lim.CellChars {
		return nil
	}
	return c.CellTooLong(number, col)
}

func (c *collector) CellTooLong(number, col int) error {
	return fault.New(fault.TooLarge, "%s: the cell has more than %d characters; shorten it",
		c.WhereCell(number, col), c.lim.CellChars)
}

// Where returns the name of a row for people.
func (c *collector) Where(number int) string {
	if c.sheet == "" {
		return fmt.Sprintf("row %d", number)
	}
	return fmt.Sprintf("sheet %s, row %d", grid.Quoted(c.sheet), number)
}

// WhereCell returns the name of a cell for people.
func (c *collector) WhereCell(number, col int) string {
	if col < len(c.header) && c.header[col] != "" {
		return fmt.Sprintf("%s, column %s (%s)", c.Where(number), grid.ColumnName(col), grid.Quoted(c.header[col]))
	}
	return fmt.Sprintf("%s, column %s", c.Where(number), grid.ColumnName(col))
}

// closer reports whether c came closer to a header than o did.
func (c *collector) closer(o *collector) bool {
	if o == nil || c.closest.keys != o.closest.keys {
		return o == nil || c.closest.keys > o.closest.keys
	}
	return len(c.closest.cells) > len(o.closest.cells)
}

// MissingColumns are the details of a fault with code fault.MissingColumns.
type MissingColumns struct {
	// Missing are the key columns that were not found.
	Missing []Column `json:"missing"`
	// Found are the cells of the row most similar to a header.
	Found []string `json:"found"`
	// Columns are the columns under that row that have a name, with what each means most
	// likely, for people to decide. At most mostOffers are given.
	Columns []Offer `json:"columns,omitempty"`
	// Meanings are what columns can mean.
	Meanings []Meaning `json:"meanings,omitempty"`
}

// Column is a column of an order export.
type Column struct {
	// Meaning is the meaning of the column: "bill number".
	Meaning string `json:"meaning"`
	// Names are the preferred names of the column; there are synonyms.
	Names []string `json:"names"`
	// Likely is the header that is most likely meant, "" if there is none.
	Likely string `json:"likely,omitempty"`
}

// missing returns the fault of a sheet without a header.
func (c *collector) missing() error {
	d := MissingColumns{Found: append([]string{}, c.closest.cells...), Columns: c.offered(), Meanings: Meanings()}
	var list, guesses []string
	for f, k := range known {
		if k.key && (c.closest.keys == 0 || c.closest.cols[f] < 0) {
			guess := c.words.likeliest(field(f), c.closest.cells)
			d.Missing = append(d.Missing, Column{k.meaning, k.names, guess})
			list = append(list, fmt.Sprintf("%s (%s)", k.meaning, quoted(k.names, " or ")))
			if guess != "" {
				guesses = append(guesses, fmt.Sprintf("%q for %s", guess, k.meaning))
			}
		}
	}
	perhaps := ""
	if len(guesses) > 0 {
		perhaps = "; most likely meant: " + strings.Join(guesses, ", ")
	}
	return fault.New(fault.MissingColumns,
		"the order export lacks columns: %s; %s has: %s%s; name them so, in one of the first %d rows, and give the file again",
		strings.Join(list, ", "), c.Where(c.closest.number), quoted(d.Found, ", "), perhaps, headerRows).With(d)
}
