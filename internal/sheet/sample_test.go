package sheet

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
	"tallyman/internal/text"
)

// sampleFile reads a file of the sample. It skips the test only if there is no sample
// at all.
func sampleFile(t testing.TB, name string) []byte {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "testdata", "midas-2025-07-10")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the sample is not here")
	}
	return must.Read(t, filepath.Join(dir, name))
}

func records(t testing.TB, b []byte) []map[string]string {
	t.Helper()
	all := must.CSV(t, bytes.NewReader(b))
	var rows []map[string]string
	for _, r := range all[1:] {
		row := map[string]string{}
		for col, cell := range r {
			row[all[0][col]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// sample makes the document and the order export of the sample from the sheet that is
// expected before a merge, which has every figure of both that matters here. Bills print figures
// with commas.
func sample(t testing.TB) (*bol.Document, *orders.Table) {
	t.Helper()
	var bills []*bol.Bill
	for _, r := range records(t, sampleFile(t, "expected-unmatched.csv")) {
		if len(bills) == 0 || bills[len(bills)-1].Number.Text != r["Invoice No."] {
			bills = append(bills, bill(r["Invoice No."],
				text.Figure(r["BOL Cube"]), text.Figure(r["Total Pieces"]), text.Figure(r["Total Weight"])))
		}
		b := bills[len(bills)-1]
		b.Lines = append(b.Lines, line(
			text.Figure(r["Cartons"]), r["Style"], text.Figure(r["Individual Pieces"]), text.Figure(r["Individual Weight"])))
	}
	var rows []orders.Row
	for _, r := range records(t, sampleFile(t, "orders.csv")) {
		rows = append(rows, orders.Row{
			InvoiceNo: r["Invoice No."], Style: r["Style"], Cartons: r["Cartons*"], Pieces: r["Pieces*"],
			InvoiceDate: r["Invoice Date"], ShipTo: r["Ship-to Name"], OrderNo: r["Order No."],
			DeliveryDate: r["Delivery Date"], CancelDate: r["Cancel Date"],
		})
	}
	return document(bills...), table(rows...)
}

func TestTheSampleGivesTheExpectedSheet(t *testing.T) {
	doc, orderTable := sample(t)
	if len(doc.Bills) != 83 || doc.Lines() != 366 || len(orderTable.Rows) != 366 {
		t.Fatalf("the sample has %d bills, %d lines and %d order rows, want 83, 366 and 366",
			len(doc.Bills), doc.Lines(), len(orderTable.Rows))
	}
	s := Make(doc, orderTable)
	sameText(t, csvOf(t, s), string(sampleFile(t, "expected-sheet.csv")))
	if m := s.Match; m.Matched != 366 || len(m.UnmatchedLines)+len(m.UnmatchedOrders)+len(m.NearMisses) != 0 {
		t.Errorf("matched %d, %d lines and %d orders left, %d near misses; want all 366 matched",
			m.Matched, len(m.UnmatchedLines), len(m.UnmatchedOrders), len(m.NearMisses))
	}
}

func TestTheSampleWithoutOrdersGivesTheExpectedSheet(t *testing.T) {
	doc, _ := sample(t)
	sameText(t, csvOf(t, Make(doc, nil)), string(sampleFile(t, "expected-unmatched.csv")))
}

// sameText compares line by line, and shows the first line that differs.
func sameText(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("line %d is\n%s\nwant\n%s", i+1, g[i], w[i])
		}
	}
	t.Fatalf("%d lines, want %d", len(g), len(w))
}
