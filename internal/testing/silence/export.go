package silence

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/sample"
	"tallyman/internal/testing/planted"
)

// exports are the mutations of an order export.
var exports = []mutation{
	{"export: drop a row", (*trial).dropOrder},
	{"export: double a row", (*trial).doubleOrder},
	{"export: shift cells one over", (*trial).shiftOrder},
	{"export: cut a number", (*trial).cutOrder},
	{"export: change a digit", (*trial).changeOrder},
	{"export: blank a key", (*trial).blankOrder},
	{"export: swap the values of two columns", (*trial).swapOrders},
	{"export: swap two cells of a row", (*trial).swapOrder},
	{"export: repeat a header", (*trial).repeatHeader},
	{"export: spoil a date", (*trial).spoilDate},
	{"export: spoil a number", (*trial).spoilNumber},
	{"export: cut the file off", (*trial).cutExport},
	{"export: leave a quotation mark open", (*trial).openQuote},
}

func isExport(m mutation) bool { return strings.HasPrefix(m.name, "export") }

// The columns of the export.
const (
	invoice, style, cartons, pieces = 0, 1, 2, 3
	invoiceDate, shipTo, orderNo    = 4, 5, 6
	deliveryDate, cancelDate        = 7, 8
)

var dates = []int{invoiceDate, deliveryDate, cancelDate}

// table returns the order export as rows of cells.
func table(s *sample.Sample) [][]string {
	var b bytes.Buffer
	if err := s.WriteOrders(&b); err != nil {
		panic(err) // a buffer never fails
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		panic(err) // written by encoding/csv
	}
	return rows
}

// separators are the usual ones of CSV files.
var separators = []rune{',', ';', '\t'}

// write returns the export as a file.
func (t *trial) write(separator rune) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = separator
	w.UseCRLF = t.IntN(2) == 0
	w.WriteAll(t.export)
	return b.Bytes()
}

// order chooses a row of the export, from 1.
func (t *trial) order() int { return 1 + t.IntN(len(t.export)-1) }

// set sets the field of an order that a column of the export holds.
func set(o *sample.Order, col int, value string) {
	*[]*string{
		invoice: &o.InvoiceNo, style: &o.Style, cartons: &o.Cartons, pieces: &o.Pieces, invoiceDate: &o.InvoiceDate,
		shipTo: &o.ShipTo, orderNo: &o.OrderNo, deliveryDate: &o.DeliveryDate, cancelDate: &o.CancelDate,
	}[col] = value
}

// follow also accepts the sheet in which an order has the values of these cells.
func (t *trial) follow(row int, cells []string) {
	s := *t.truth
	s.Orders = slices.Clone(s.Orders)
	t.file = &s
	for col, value := range cells {
		set(&s.Orders[row-1], col, value)
	}
}

func (t *trial) dropOrder() string {
	i := t.order()
	what := fmt.Sprintf("row %d", i+1)
	t.export = slices.Delete(t.export, i, i+1)
	return what
}

func (t *trial) doubleOrder() string {
	i := t.order()
	at := 1 + t.IntN(len(t.export))
	t.export = slices.Insert(t.export, at, t.export[i])
	return fmt.Sprintf("row %d at %d", i+1, at+1)
}

func (t *trial) shiftOrder() string {
	i := t.order()
	r := slices.Clone(t.export[i])
	c := t.IntN(len(r))
	how := t.IntN(4)
	switch how {
	case 0: // one cell too many
		r = slices.Insert(r, c, "")
	case 1: // one cell too few
		r = slices.Delete(r, c, c+1)
	case 2: // to the right; the last value is lost
		r = slices.Insert(r[:8], min(c, 8), "")
	case 3: // to the left; the last cell is empty
		r = append(slices.Delete(r, c, c+1), "")
	}
	if how > 1 && c >= deliveryDate { // only dates move
		t.follow(i, r)
	}
	what := fmt.Sprintf("row %d, from column %d, way %d: %q to %q", i+1, c+1, how, t.export[i], r)
	t.export[i] = r
	return what
}

// edit changes a cell of the export.
func (t *trial) edit(row, col int, value string) string {
	before := t.export[row][col]
	if before == value {
		return ""
	}
	t.export[row] = slices.Clone(t.export[row])
	t.export[row][col] = value
	return fmt.Sprintf("row %d, column %d: %q to %q", row+1, col+1, before, value)
}

func (t *trial) cutOrder() string {
	row, col := t.order(), t.IntN(4)
	text := strings.TrimSpace(t.export[row][col])
	if len(text) < 2 {
		return ""
	}
	at := 1 + t.IntN(len(text)-1)
	if t.IntN(2) == 0 {
		return t.edit(row, col, text[at:])
	}
	return t.edit(row, col, text[:at])
}

func (t *trial) changeOrder() string {
	row, col := t.order(), planted.Pick(t.Rand, []int{invoice, style, cartons, pieces, orderNo})
	text := t.export[row][col]
	if text == "" {
		return ""
	}
	if text = planted.OtherDigit(t.Rand, text); text == "" {
		return ""
	}
	set(&t.truth.Orders[row-1], col, text)
	return t.edit(row, col, text)
}

func (t *trial) blankOrder() string { return t.edit(t.order(), t.IntN(4), "") }

// kin reports whether two columns hold the same kind of value, and neither is proved.
func kin(a, b int) bool {
	return slices.Contains(dates, a) && slices.Contains(dates, b) || a+b == shipTo+orderNo && a >= shipTo
}

func (t *trial) swapOrders() string {
	a, b := t.IntN(9), t.IntN(9)
	if a == b {
		return ""
	}
	for i := 1; i < len(t.export); i++ {
		t.swap(i, a, b)
	}
	return fmt.Sprintf("columns %d and %d", a+1, b+1)
}

func (t *trial) swap(row, a, b int) {
	r := slices.Clone(t.export[row])
	r[a], r[b] = r[b], r[a]
	t.export[row] = r
	if kin(a, b) {
		set(&t.truth.Orders[row-1], a, r[a])
		set(&t.truth.Orders[row-1], b, r[b])
	}
}

func (t *trial) swapOrder() string {
	row, a, b := t.order(), t.IntN(9), t.IntN(9)
	if t.export[row][a] == t.export[row][b] {
		return ""
	}
	t.swap(row, a, b)
	return fmt.Sprintf("row %d, columns %d and %d: %q", row+1, a+1, b+1, t.export[row])
}

func (t *trial) repeatHeader() string {
	c, at := t.IntN(9), t.IntN(10)
	if t.IntN(3) == 0 {
		row := 1 + t.IntN(len(t.export))
		t.export = slices.Insert(t.export, row, t.export[0])
		return fmt.Sprintf("all of it as row %d", row+1)
	}
	full := t.IntN(3)
	for i, r := range t.export {
		value := r[c]
		if i > 0 {
			switch full {
			case 0: // the value of another row
				value = t.export[1+i%(len(t.export)-1)][c]
			case 1:
				value = ""
			}
		}
		t.export[i] = slices.Insert(slices.Clone(r), at, value)
	}
	return fmt.Sprintf("column %d before %d, way %d", c+1, at+1, full)
}

func (t *trial) spoilDate() string {
	row, col := t.order(), planted.Pick(t.Rand, dates)
	text := t.export[row][col]
	if text == "" {
		return ""
	}
	return t.edit(row, col, planted.Pick(t.Rand, []string{
		text[:7], text[:7] + "X", "#####", "13" + text[2:], text[:2] + "32" + text[4:], "00" + text[2:], "soon",
		text[:2] + "-" + text[4:], "1.2E+07", "#VALUE!", text + text, text[:4],
	}))
}

func (t *trial) spoilNumber() string {
	row, col := t.order(), planted.Pick(t.Rand, []int{style, cartons, pieces, orderNo})
	return t.edit(row, col, planted.Pick(t.Rand, []string{"6.55177E+11", "#N/A", "#REF!", "=1+2"}))
}

func (t *trial) cutExport() string {
	whole := t.write(planted.Pick(t.Rand, separators))
	n := 1 + t.IntN(min(len(whole)-1, 300))
	t.written = whole[:len(whole)-n]
	return fmt.Sprintf("the last %d bytes", n)
}

func (t *trial) openQuote() string {
	row, col := t.order(), t.IntN(9)
	cells := slices.Clone(t.export[row])
	for _, cell := range cells {
		if strings.ContainsAny(cell, `",;`) {
			return ""
		}
	}
	at := t.IntN(len(cells[col]) + 1)
	cells[col] = cells[col][:at] + `"` + cells[col][at:]
	if at > 0 && (col == shipTo || col == orderNo) { // within a text, the mark is part of it
		t.follow(row, cells)
	}
	mark, comma := "\x01", planted.Pick(t.Rand, separators)
	t.export[row] = []string{mark}
	t.written = bytes.Replace(t.write(comma), []byte(mark), []byte(strings.Join(cells, string(comma))), 1)
	return fmt.Sprintf("row %d, column %d: %q", row+1, col+1, cells[col])
}
