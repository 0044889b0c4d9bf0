package form

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// figures are the rows of one table of a bill, in the order of the pages: lines and
// totals.
type figures struct {
	role    Role
	columns []column
	rows    []figureRow
	blank   bool                // there is a row for totals, without any
	totals  map[Field]TotalKind // that are not sums
}

// figureRow is a row with what its cells say.
type figureRow struct {
	cells []Cell
	total bool
	draft *draft
}

// figures parses the rows of a table on one page.
func (p *part) figures() *figures {
	t := &figures{columns: p.grid.columns}
	if p.grid.form != nil {
		t.totals = p.grid.form.Totals
	}
	has := func(fields ...Field) bool {
		return slices.ContainsFunc(t.columns, func(c column) bool { return slices.Contains(fields, c.field) })
	}
	switch {
	case has(NMFC, Class, UnitType, Hazardous):
		t.role = Carrier
	case has(PO) && !has(Style, Description):
		t.role = Orders
	default:
		t.role = Lines
	}
	// A column of figures that no heading explains may be one that a bill needs.
	bare := make([]int, len(t.columns))
	defer func() {
		for c, n := range bare {
			if n > 0 && 2*n >= len(t.rows) {
				p.unread = append(p.unread, Cell{Field: Other, Text: "figures without a heading", Page: p.leaf.number,
					Box: page.Box{X0: t.columns[c].x0, Y0: p.grid.top, X1: t.columns[c].x1, Y1: p.grid.top}})
			}
		}
	}()
	for _, d := range p.rows {
		row := figureRow{total: d.total, draft: d}
		figures := 0
		for c, col := range p.grid.columns {
			if d.cells[c] == nil {
				continue
			}
			text, box := textOf(d.cells[c])
			plain, beside, ok := numberIn(text, d.cells[c][0].comma)
			cell := Cell{Field: col.field, Text: text, Page: d.page, Box: box, Unit: col.unit}
			if col.field.IsFigure() {
				switch {
				case ok && row.has(col.field):
					cell.Field = Other
				case ok:
					cell.Figure = plain
					if u := units[strings.ToUpper(strings.Trim(beside, "."))]; u.suits(col.field) {
						cell.Unit = u
					}
					figures++
				case hasDigit(text):
					if !d.total {
						p.unread = append(p.unread, cell)
					}
					cell.Field = Other
				default:
					cell.Field = Other
				}
			}
			if ok && d.total && !col.field.IsFigure() && !col.uncounted {
				// What is added up is a figure, whatever stands over it.
				p.unread = append(p.unread, cell)
			}
			// A long number without a comma is a name.
			if ok && col.bare && (len(plain) < 5 || text != plain || strings.Contains(plain, ".")) {
				bare[c]++
			}
			row.cells = append(row.cells, cell)
		}
		if figures > 0 {
			t.rows = append(t.rows, row)
		} else if d.total {
			t.blank = true
		}
	}
	// The last row, if it alone has no text, is one of totals without a label.
	isBare := func(r figureRow) bool { return !r.total && !r.hasText() }
	if n := len(t.rows); n > 2 && slices.IndexFunc(t.rows, isBare) == n-1 {
		t.rows[n-1].total = true
	}
	return t
}

func (r *figureRow) has(f Field) bool {
	_, ok := r.figure(f)
	return ok
}

// hasText reports whether a row says what it counts.
func (r *figureRow) hasText() bool {
	return slices.ContainsFunc(r.cells, func(c Cell) bool { return !c.Field.IsFigure() && c.Field != PackSize })
}

func (r *figureRow) figure(f Field) (Cell, bool) {
	for _, c := range r.cells {
		if c.Field == f {
			return c, c.Figure != ""
		}
	}
	return Cell{}, false
}

// lines returns the rows that are not totals.
func (t *figures) lines() (out []*figureRow) {
	for i := range t.rows {
		if !t.rows[i].total {
			out = append(out, &t.rows[i])
		}
	}
	return out
}

// fields returns the figures that the lines of a table have.
func (t *figures) fields() (out []Field) {
	lines := t.lines()
	for _, f := range Figures {
		if slices.ContainsFunc(lines, func(r *figureRow) bool { return r.has(f) }) {
			out = append(out, f)
		}
	}
	return out
}

func (t *figures) fieldList() (out []Field) {
	for _, c := range t.columns {
		if c.field != Other {
			out = append(out, c.field)
		}
	}
	return out
}

// sum adds up the lines of a field. bits is the logarithm of the sum in units of its last printed digit.
func (t *figures) sum(f Field) (sum amount, lines int, bits float64) {
	sum = amount{new(big.Int), 0}
	var all []amount
	for _, r := range t.lines() {
		if c, ok := r.figure(f); ok {
			a := amountOf(c.Figure)
			all = append(all, a)
			sum = sum.plus(a)
		}
	}
	if sum.n.Sign() > 0 {
		v, _ := new(big.Float).SetInt(sum.n).Float64()
		bits = math.Log2(v)
	}
	if len(all) == 1 {
		bits = min(bits, oneLine)
	}
	return sum, len(all), bits
}

// table returns the table as the model has it.
func (t *figures) table(checks []Check) Table {
	state := func(f Field) State {
		for _, c := range checks {
			if c.Role == t.role && c.Field == f {
				return c.State
			}
		}
		return ""
	}
	out := Table{Role: t.role, Rows: []Row{}, Totals: Row{}}
	for _, row := range t.rows {
		cells := slices.Clone(row.cells)
		var box page.Box
		for i := range cells {
			box = box.Union(cells[i].Box)
			if cells[i].Figure != "" {
				cells[i].State = state(cells[i].Field)
			}
		}
		if row.total {
			// Of totals of parts and of all, the last is shown where none is proved.
			for _, c := range cells {
				if c.Figure != "" {
					out.Totals.put(c)
				}
			}
			continue
		}
		out.Rows = append(out.Rows, Row{Cells: cells, Page: row.draft.page, Box: box})
	}
	// The total that was compared counts; it may also stand elsewhere.
	for _, c := range checks {
		if c.Role == t.role && c.Total.Text != "" {
			cell := c.Total
			cell.Field, cell.State = c.Field, c.State
			out.Totals.put(cell)
		}
	}
	return out
}

// put sets the cell of a field.
func (r *Row) put(c Cell) {
	if old := r.Cell(c.Field); old != nil {
		*old = c
		return
	}
	r.Cells = append(r.Cells, c)
}
