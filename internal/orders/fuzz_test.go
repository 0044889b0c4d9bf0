package orders

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// fuzzLimits are so small that a fuzz target is fast and reaches them.
var fuzzLimits = Limits{Bytes: 1 << 20, Unpacked: 8 << 20, Rows: 1000, Columns: 300, CellChars: 200}.OrDefaults()

// checkOutcome checks the invariants of tables and faults.
func checkOutcome(t *testing.T, table *Table, err error) {
	t.Helper()
	if err != nil {
		if table != nil {
			t.Fatalf("a table comes with %v", err)
		}
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			t.Fatalf("%v is not a fault", err)
		}
		if f.Message == "" || !utf8.ValidString(f.Message) || len(f.Message) > 100_000 {
			t.Fatalf("the message is %q", f.Message)
		}
		return
	}
	if table.Format == "" || len(table.Header) < numKeys || len(table.Header) > fuzzLimits.Columns {
		t.Fatalf("format %q, header %q", table.Format, table.Header)
	}
	if n := len(table.Rows); n == 0 || n > fuzzLimits.Rows {
		t.Fatalf("%d rows", n)
	}
	for _, r := range table.Rows {
		if r.Number < 1 {
			t.Fatalf("row number %d", r.Number)
		}
		all := ""
		for _, v := range []string{r.InvoiceNo, r.Style, r.Cartons, r.Pieces, r.InvoiceDate, r.ShipTo, r.OrderNo, r.DeliveryDate, r.CancelDate} {
			if v != strings.TrimFunc(v, grid.Blank) || !utf8.ValidString(v) || utf8.RuneCountInString(v) > fuzzLimits.CellChars {
				t.Fatalf("row %d holds %q", r.Number, v)
			}
			all += v
		}
		if all == "" {
			t.Fatalf("row %d is empty", r.Number)
		}
	}
}

// FuzzRead reads arbitrary bytes, without recovering from panics.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"invented.csv", "semicolon-1252.csv", "sep.csv", "utf16le.txt", "utf16be-no-bom.txt", "invented.xlsx", "invented.xls", "invented-95.xls"} {
		f.Add(inventedFile(f, name))
	}
	f.Add([]byte(keyHeader + "G1,S1,1,10,\"X\nG2,S2,2,20,\"Y\"\n"))
	f.Add(book(oneRow).zip(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := readLayer(t.Context(), bytes.NewReader(data), int64(len(data)), options{Limits: fuzzLimits}, 0)
		checkOutcome(t, table, err)
	})
}

// FuzzXLSX reads arbitrary sheets, styles and shared strings. FuzzRead rarely reaches
// these because of the archive's checksums.
func FuzzXLSX(f *testing.F) {
	p := book(oneRow)
	f.Add(p[sheet1], p["xl/sharedStrings.xml"], p["xl/styles.xml"])
	f.Add(strings.Replace(p[sheet1], `t="str"><v>S1</v>`, `t="inlineStr" s="2"><is><r><t>_x000D_</t></r></is><f>A1</f>`, 1), p["xl/sharedStrings.xml"], p["xl/styles.xml"])
	f.Fuzz(func(t *testing.T, sheet, strings, styles string) {
		data := p.with(sheet1, sheet).with("xl/sharedStrings.xml", strings).with("xl/styles.xml", styles).zip(t)
		table, err := readLayer(t.Context(), bytes.NewReader(data), int64(len(data)), options{Limits: fuzzLimits}, 0)
		checkOutcome(t, table, err)
	})
}
