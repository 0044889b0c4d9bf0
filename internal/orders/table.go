package orders

import (
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/text"
)

// ColumnUse says which column of an export was read as a field.
type ColumnUse struct {
	// Meaning is the meaning of the column: "bill number".
	Meaning string `json:"meaning"`
	// Header is the name of the column in the export, and Column its name in
	// spreadsheets (A, B); both are "" if the export has no such column.
	Header string `json:"header"`
	Column string `json:"column"`
	// DateCells is true if the column is in a workbook and has cells that are dates.
	DateCells bool `json:"date_cells,omitempty"`
}

// columnOf returns the name of the column that was read as a field.
func (t *Table) columnOf(f field) string {
	for _, c := range t.Columns {
		if c.Meaning == known[f].meaning {
			return c.Header
		}
	}
	return ""
}

// Join returns the rows of several order exports as one table, nil of none. Their names must
// differ: rows and notes name their export. The header and the columns are those of the
// first.
func Join(tables ...*Table) *Table {
	if len(tables) < 2 {
		return append(tables, nil)[0]
	}
	joined := *tables[0]
	joined.Columns = slices.Clone(joined.Columns)
	joined.Rows, joined.Notes = nil, nil
	var names, formats []string
	for _, t := range tables {
		names = append(names, t.Name)
		if !slices.Contains(formats, t.Format) {
			formats = append(formats, t.Format)
		}
		for i := range joined.Columns {
			joined.Columns[i].DateCells = joined.Columns[i].DateCells || t.Columns[i].DateCells
		}
		for _, r := range t.Rows {
			r.Export = t.Name
			joined.Rows = append(joined.Rows, r)
		}
		for _, n := range t.Notes {
			n.Export = t.Name
			joined.Notes = append(joined.Notes, n)
		}
	}
	joined.Name, joined.Format = strings.Join(names, ", "), strings.Join(formats, "; ")
	return &joined
}

// table returns the rows under the headers that were found, of one sheet or of several
// sheets of a workbook.
func table(format string, sheets ...*collector) (*Table, error) {
	first := sheets[0]
	t := &Table{Format: format, Header: first.header}
	for i, c := range sheets {
		if err := c.uncomputed(); err != nil {
			return nil, err
		}
		c.restoreNames()
		troubles := c.troubleNotes()
		notes := append(c.choose(), troubles...)
		if i == 0 {
			t.Columns = c.uses()
			t.Notes = append(t.Notes, c.columnNotes()...)
		} else {
			for f := range t.Columns {
				t.Columns[f].DateCells = t.Columns[f].DateCells || c.dates[f]
			}
		}
		t.Notes = append(t.Notes, notes...)
		t.Notes = append(t.Notes, fillDown(c.rows)...)
		t.Notes = append(t.Notes, emptyNotes(c.rows, c.cols)...)
		if i > 0 {
			for r := range c.rows {
				c.rows[r].Sheet = c.sheet
			}
		}
		t.Rows = append(t.Rows, c.rows...)
	}
	if len(t.Rows) == 0 {
		in := ""
		if first.sheet != "" {
			in = fmt.Sprintf("sheet %s of ", grid.Quoted(first.sheet))
		}
		return nil, fault.New(fault.NoOrderRows, "%sthe order export has a header but no rows; export the orders of these bills", in)
	}
	if len(sheets) > 1 {
		names := text.Each(sheets, func(c *collector) string {
			return fmt.Sprintf("%s (%s)", grid.Quoted(c.sheet), text.Count(len(c.rows), "row"))
		})
		t.Notes = append(t.Notes, Note{Kind: OtherSheets, Info: true,
			Message: "several sheets of the workbook have the columns of an order export, and all were read: " + strings.Join(names, ", "),
			Action:  "if one of them is a copy or is out of date, delete it from the workbook and give it again"})
	}
	return t, nil
}

// uncomputed returns the fault of a column of formulas without any value: programs that
// write workbooks without computing formulas omit all values.
func (c *collector) uncomputed() error {
	for f, col := range c.cols {
		if n := c.troubles.count(Uncomputed, col); n > 0 && c.filled[f] == 0 {
			return fault.New(fault.DamagedOrders,
				"%s: none of the column's %s has a value: they were never computed; open the workbook in Excel, save it, and give that file",
				c.WhereCell(c.troubles.row(Uncomputed, col), col), text.Count(n, "formula"))
		}
	}
	return nil
}

// uses returns which column is read as which field.
func (c *collector) uses() []ColumnUse {
	uses := make([]ColumnUse, numFields)
	for f, k := range known {
		uses[f].Meaning = k.meaning
		if col := c.cols[f]; col >= 0 {
			uses[f].Header, uses[f].Column, uses[f].DateCells = c.header[col], grid.ColumnName(col), c.dates[f]
		}
	}
	return uses
}

// choose decides between several columns for one field: it takes the preferred name,
// and of several with that name the first; but a column without values only if no other
// has values. It returns notes about that.
func (c *collector) choose() []Note {
	var notes []Note
	for f := range c.cols {
		f := field(f)
		var others []*spare
		for i := range c.spares {
			if c.spares[i].field == f {
				others = append(others, &c.spares[i])
			}
		}
		if len(others) == 0 {
			continue
		}
		filled := c.filled[f] // in the column that is read
		for _, o := range others {
			n := 0
			for _, v := range o.values {
				if v != "" {
					n++
				}
			}
			// If two columns have the same name, the one that is filled on more rows is
			// that of the lines; the other is that of their orders.
			same := fold(c.header[o.col]) == fold(c.header[c.cols[f]])
			if n == 0 || filled > 0 && (!same || n <= filled) {
				continue
			}
			filled = n
			for i := range c.rows {
				value := c.rows[i].field(f)
				*value, o.values[i] = o.values[i], *value
			}
			c.cols[f], o.col = o.col, c.cols[f]
			c.dates[f], o.date = o.date, c.dates[f]
		}
		notes = append(notes, c.duplicate(f, others))
	}
	return notes
}

// duplicate returns a note that several columns may be that of a field, and whether
// they differ.
func (c *collector) duplicate(f field, others []*spare) Note {
	used := columnLabel(c.cols[f], c.header[c.cols[f]])
	var list []string
	differ, empty, same := 0, true, false
	for _, o := range others {
		same = same || fold(c.header[o.col]) == fold(c.header[c.cols[f]])
		list = append(list, columnLabel(o.col, c.header[o.col]))
		for i, v := range o.values {
			if v == "" {
				continue
			}
			empty = false
			if differ == 0 && v != *c.rows[i].field(f) {
				differ = c.rows[i].Number
			}
		}
	}
	n := Note{Kind: DuplicateColumn, Column: c.header[c.cols[f]], Row: differ,
		Message: fmt.Sprintf("%s may be the %s as well; %s was used", strings.Join(list, ", "), known[f].meaning, used)}
	switch {
	case empty:
		n.Info = true
		n.Message += ", the other has no values"
	case differ == 0:
		n.Info = true
		n.Message += ", their values are the same"
	default:
		// Key columns are proved by the matches, and an invoice date is preferred to an
		// order date by rule, but not to another invoice date.
		n.Info = known[f].key || f == invoiceDate && !same
		n.Message += fmt.Sprintf("; their values differ, first in %s", c.Where(differ))
		n.Action = "if the other is right, delete or rename the column that is not, and give the export again"
	}
	return n
}

// columnNotes returns notes about which columns were used, and which are missing or
// ambiguous.
func (c *collector) columnNotes() []Note {
	var used []string
	var notes []Note
	for f, k := range known {
		col := c.cols[f]
		if col < 0 {
			n := Note{Kind: MissingColumn,
				Message: fmt.Sprintf("the order export has no column for the %s; its cells stay empty in the sheet", k.meaning),
				Action:  fmt.Sprintf("if the export has it under another name, name it %q and give it again", k.names[0])}
			if f := field(f); f == shipTo {
				n.Message += ", and so do Final Cube and Burlington Cube"
			} else if f == cancelDate {
				n.Message += ", and rows are not sorted by it"
			}
			if guess := c.words.likeliest(field(f), c.header); guess != "" {
				n.Message += fmt.Sprintf("; %s may be it", grid.Quoted(guess))
			}
			notes = append(notes, n)
			continue
		}
		used = append(used, fmt.Sprintf("%s from %s", k.meaning, columnLabel(col, c.header[col])))
		if c.vague[f] {
			// The values of a wrong key column match nothing.
			notes = append(notes, Note{Kind: AmbiguousColumn, Info: k.key, Column: c.header[col],
				Message: fmt.Sprintf("%s was read as the %s, but its name may mean something else", columnLabel(col, c.header[col]), k.meaning),
				Action:  fmt.Sprintf("check it; if it is the %s, name it %q", k.meaning, k.names[0])})
		}
	}
	in := ""
	if c.sheet != "" {
		in = fmt.Sprintf("in sheet %s ", grid.Quoted(c.sheet))
	}
	return append([]Note{{Kind: ColumnsUsed, Info: true, Message: in + "read: " + strings.Join(used, ", ")}}, notes...)
}
