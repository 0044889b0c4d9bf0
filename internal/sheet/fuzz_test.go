package sheet

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/page"
)

// FuzzMake makes documents and exports from bytes, few of which differ, and checks what
// must hold for any of them.
func FuzzMake(f *testing.F) {
	f.Add([]byte{}, []byte{}, "ROSS", "07022025")
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, []byte{9, 8, 7, 6, 5, 4, 3, 2, 1}, "BURLINGTON", "7/2/2025")
	f.Add(bytes.Repeat([]byte{3}, 60), bytes.Repeat([]byte{3}, 60), "", "2025-07-02")
	f.Fuzz(func(t *testing.T, bills, rows []byte, shipTo, cancel string) {
		if len(bills) > 300 || len(rows) > 300 {
			t.Skip("the checks are by brute force")
		}
		pick := func(b byte, from ...string) string { return from[int(b)%len(from)] }
		doc := document()
		for i := 0; i+2 < len(bills); i += 3 {
			a, b, c := bills[i], bills[i+1], bills[i+2]
			if a%4 == 0 || len(doc.Bills) == 0 {
				doc.Bills = append(doc.Bills, bill(pick(b, "G1", "g1", "G2", cancel),
					pick(c, "81.36", "", "1,037.42", "0.00"), pick(a, "10", ""), pick(b, "1.5", "")))
				continue
			}
			last := doc.Bills[len(doc.Bills)-1]
			last.Lines = append(last.Lines, line(pick(a, "1", "2", "1,200", ""), pick(b, "A", "a", shipTo),
				pick(c, "1", "2", "x"), pick(a, "1.5", "", "-1.5")))
		}
		orderTable := table()
		for i := 0; i+3 < len(rows); i += 4 {
			a, b, c, d := rows[i], rows[i+1], rows[i+2], rows[i+3]
			o := order(pick(a, "G1", "G2", cancel), pick(b, "A", shipTo, " a"), pick(c, "1", "2", "1200", ""), pick(d, "1", "2", "X"),
				pick(a/8, shipTo, "ROSS", ""), pick(b/8, cancel, "07012025", "", "12312024"))
			o.Number = i/4 + 2
			orderTable.Rows = append(orderTable.Rows, o)
		}
		checkMake(t, doc, nil)
		checkMake(t, doc, orderTable)
	})
}

// FuzzNeutral checks that nothing in a neutral cell runs, and that a cell gains
// apostrophes only where something would.
func FuzzNeutral(f *testing.F) {
	for _, s := range []string{"", "=1", "-1.5", "x;=1\t@y\r\n+z", "\"-", "\ufeff＝1", "'=1", "-;--", "\xff=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parts := func(s string) []string {
			return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) })
		}
		got := neutral(s)
		if again := neutral(got); again != got {
			t.Errorf("%q became %q, and that %q", s, got, again)
		}
		if slices.ContainsFunc(parts(got), runs) || strings.HasPrefix(got, "\t") || strings.HasPrefix(got, "\r") {
			t.Errorf("a spreadsheet would run %q", got)
		}
		dangerous := 0
		for _, part := range parts(s) {
			if runs(part) {
				dangerous++
			}
		}
		if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") {
			dangerous++
		}
		if len(got) != len(s)+dangerous || strings.ReplaceAll(got, "'", "") != strings.ReplaceAll(s, "'", "") {
			t.Errorf("%q became %q: more or less than %d apostrophes", s, got, dangerous)
		}
	})
}

// FuzzWriters puts any text into every cell, and checks that it can be read back from
// each format.
func FuzzWriters(f *testing.F) {
	f.Add("ROSS", "A1", "07022025", "1,037.42", float32(1.5))
	f.Add("=1+1", "@x", "\t=1", "-5", float32(0))
	f.Add("x;=1\r\n\"y\"", "_x0041_", "2025-07-02", "1e5", float32(-1))
	f.Add("\x00\xff\uffff", "</t><f>1</f>", "＝1", ".5", float32(1e38))
	f.Fuzz(func(t *testing.T, shipTo, styleName, cancel, quantity string, x float32) {
		doc := document(
			bill(styleName, quantity, quantity, "1.0", line(quantity, styleName, "1", quantity)),
			bill("G2", "1.00", "1", "1.0", line("1", shipTo, "1", "1.0")))
		doc.Bills[0].Lines[0].Box = page.Box{X0: x, Y0: x, X1: x, Y1: x}
		doc.Bills[0].Notes = []bol.Value{value(cancel), {}}
		doc.Problems = []bol.Problem{{Kind: bol.UnreadRow, Text: shipTo, Message: cancel}}
		o := order(styleName, styleName, quantity, "1", shipTo, cancel)
		o.InvoiceDate, o.OrderNo, o.DeliveryDate = quantity, cancel, shipTo
		s := Make(doc, table(o, order("", shipTo, cancel, quantity, "", "")))

		for i, row := range readCSV(t, csvOf(t, s)) {
			for col, got := range row {
				cell := s.Rows[i].Cells[col]
				// A CSV cannot distinguish the two line ends.
				if want := strings.ReplaceAll(neutral(cell), "\r\n", "\n"); got != want {
					t.Errorf("CSV: %q reads back as %q, want %q", cell, got, want)
				}
				if neutral(got) != got || runs(got) {
					t.Errorf("CSV: a spreadsheet would run %q", got)
				}
				if strings.ReplaceAll(got, "'", "") != strings.ReplaceAll(strings.ReplaceAll(cell, "\r\n", "\n"), "'", "") {
					t.Errorf("CSV: %q lost more than it gained an apostrophe: %q", cell, got)
				}
			}
		}

		b := jsonOf(t, s)
		if !json.Valid(b) {
			t.Errorf("no JSON: %q", b)
		}
		v := viewOf(t, b)
		for i, r := range v.Rows {
			for col, c := range r.Cells {
				want := strings.ToValidUTF8(s.Rows[i].Cells[col], "\ufffd")
				if c.Number {
					want = string(figure(want))
				}
				// Package json writes a U+FFFD for each invalid byte, ToValidUTF8 one
				// for each run of them.
				if squeeze(c.Text) != squeeze(want) {
					t.Errorf("JSON: %q reads back as %q", s.Rows[i].Cells[col], c.Text)
				}
			}
		}

		if slices.ContainsFunc(s.Rows, func(r Row) bool {
			return slices.ContainsFunc(r.Cells[:], func(c string) bool { return units(c) > mostChars })
		}) {
			if WriteXLSX(&bytes.Buffer{}, s) == nil {
				t.Error("XLSX: a cell that is too long was written")
			}
			return
		}
		x1 := xlsxOf(t, s)
		if !bytes.Equal(x1, xlsxOf(t, s)) {
			t.Error("XLSX: two workbooks differ")
		}
		w := openXLSX(t, x1)
		noFormula(t, w, x1, len(s.Rows))
		for i, r := range s.Rows {
			for _, col := range []int{shipToName, style, purchaseOrderNo, invoiceNo} {
				got, err := w.GetCellValue(tabName, cellName(t, col, i+1))
				if err != nil || got != inXML(r.Cells[col]) {
					t.Errorf("XLSX: %q reads back as %q (%v)", r.Cells[col], got, err)
				}
			}
		}
	})
}

func squeeze(s string) string {
	for strings.Contains(s, "\ufffd\ufffd") {
		s = strings.ReplaceAll(s, "\ufffd\ufffd", "\ufffd")
	}
	return s
}

// inXML returns s with U+FFFD for what XML 1.0 cannot hold (section 2.2).
func inXML(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r < 0xFFFE || r >= 0x10000 {
			return r
		}
		return '\ufffd'
	}, s)
}
