package sheet

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
	"tallyman/internal/text"
)

func value(text string) bol.Value {
	if text == "" {
		return bol.Value{}
	}
	return bol.Value{Text: text, Page: 1, Box: page.Box{X0: 10.004, Y0: 20, X1: 30, Y1: 40}}
}

// num returns a number as the parser makes it: valid if the text is a number.
func num(text string) bol.Number {
	n := bol.Number{Value: value(text)}
	_, err := decimal.NewFromString(strings.ReplaceAll(text, ",", ""))
	n.Valid = err == nil
	return n
}

// line returns a line of a bill: cartons, style, pieces, weight, all as printed.
func line(cartons, style, pieces, weight string) bol.Line {
	return bol.Line{
		Cells: bol.Cells{Cartons: num(cartons), Style: value(style), Pieces: num(pieces), Weight: num(weight)},
		Page:  1, Box: page.Box{X0: 10, Y0: 20, X1: 400, Y1: 30},
	}
}

// bill returns a bill with printed totals; "" for a total that is not printed.
func bill(number, cube, pieces, weight string, lines ...bol.Line) *bol.Bill {
	b := &bol.Bill{
		Lines:   lines,
		Printed: bol.Totals{Cube: num(cube), Pieces: num(pieces), Weight: num(weight)},
		Sheets:  []bol.Sheet{{Page: 1, N: 1, M: 1}},
	}
	b.Number = value(number)
	return b
}

func document(bills ...*bol.Bill) *bol.Document {
	return &bol.Document{Files: []bol.File{{Name: "bol.pdf", Pages: len(bills)}}, Bills: bills}
}

// order returns an order row; table numbers them.
func order(invoice, style, cartons, pieces, shipTo, cancel string) orders.Row {
	return orders.Row{
		InvoiceNo: invoice, Style: style, Cartons: cartons, Pieces: pieces,
		InvoiceDate: "07102025", ShipTo: shipTo, OrderNo: "PO-" + invoice, DeliveryDate: "07152025", CancelDate: cancel,
	}
}

func table(rows ...orders.Row) *orders.Table {
	for i := range rows {
		rows[i].Number = i + 2
	}
	return &orders.Table{Name: "orders.csv", Format: "CSV", Header: []string{"Invoice No."}, Rows: rows}
}

// column returns a column of the sheet by its name.
func column(t *testing.T, s *Sheet, name string) []string {
	t.Helper()
	col := slices.Index(Columns[:], name)
	if col < 0 {
		t.Fatalf("no column %q", name)
	}
	return text.Each(s.Rows, func(r Row) string { return r.Cells[col] })
}

// written returns a sheet in a format.
func written(t testing.TB, s *Sheet, f Format) []byte {
	t.Helper()
	return must.Written(t, func(w io.Writer) error { return Write(w, s, f) })
}

func csvOf(t testing.TB, s *Sheet) string { return string(written(t, s, CSV)) }

func jsonOf(t testing.TB, s *Sheet) []byte { return written(t, s, JSON) }

func xlsxOf(t testing.TB, s *Sheet) []byte { return written(t, s, XLSX) }

// findingOf returns the first finding of a kind, and fails if there is none.
func findingOf(t testing.TB, s *Sheet, kind string) *Finding {
	t.Helper()
	i := slices.IndexFunc(s.Findings, func(f Finding) bool { return f.Kind == kind })
	if i < 0 {
		t.Fatalf("no %s among the findings %+v", kind, s.Findings)
	}
	return &s.Findings[i]
}
