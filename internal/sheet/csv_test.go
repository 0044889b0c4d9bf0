package sheet

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/testing/must"
)

func TestCellsThatASpreadsheetWouldRunAreNeutralised(t *testing.T) {
	for _, c := range []struct{ cell, want string }{
		{"=1+1", "'=1+1"},
		{`=HYPERLINK("http://x.example","pay")`, `'=HYPERLINK("http://x.example","pay")`},
		{"+1", "'+1"},
		{"+15551234567", "'+15551234567"},
		{"-1+1", "'-1+1"},
		{"-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"},
		{"@SUM(1,1)", "'@SUM(1,1)"},
		{"\t=1", "'\t'=1"},
		{"\tplain", "'\tplain"},
		{"\rplain", "'\rplain"},
		{"  =1", "'  =1"},
		{"\u00a0=1", "'\u00a0=1"},
		{"\ufeff=1", "'\ufeff=1"},
		{"\u200b@x", "'\u200b@x"},
		{"\x00=1", "'\x00=1"},
		{"\"=1\"", "'\"=1\""},
		{"＝1+1", "'＝1+1"},
		{"＠x", "'＠x"},
		{"--", "'--"},
		{"--1", "'--1"},
		{"--1,000.5", "'--1,000.5"},
		{"-1e5", "'-1e5"},
		{"-1.2.3", "'-1.2.3"},
		{"-.", "'-."},

		{"x;=1+1;y", "x;'=1+1;y"},
		{"x;\"=1+1\"", "x;'\"=1+1\""},
		{"=1;=2", "'=1;'=2"},
		{"x\t=1", "x\t'=1"},
		{"x\n=1", "x\n'=1"},
		{"x\r\n@y", "x\r\n'@y"},
	} {
		if got := neutral(c.cell); got != c.want {
			t.Errorf("%q became %q, want %q", c.cell, got, c.want)
		}
		if twice := neutral(c.want); twice != c.want {
			t.Errorf("%q, which is neutral, became %q", c.want, twice)
		}
	}
}

func TestCellsThatNothingRunsStayAsTheyAre(t *testing.T) {
	for _, cell := range []string{
		"", "-5", "-1.5", "-1,234.50", "-.5", " -5 ", "-0", "-", "5", "1037.42", "0042",
		"DD'S DISCOUNTS", "'quoted", "A-1", "A=B", "x@y.example", "A+B", "COOKIES; MELROSE", "x;-5;y", "a;-;b",
		"2025-07-02", "two\nlines", "#REF", "％", "−5",
	} {
		if got := neutral(cell); got != cell {
			t.Errorf("%q became %q", cell, got)
		}
	}
}

func TestFormulasAreNeutralisedWhereverTheyComeFrom(t *testing.T) {
	doc := document(bill("=B", "1.00", "1", "1.0", line("1", "=S", "1", "-1.5")))
	o := order("=B", "=S", "1", "1", "=N", "=C")
	o.InvoiceDate, o.OrderNo, o.DeliveryDate = "=I", "=P", "=D"
	rows := must.CSV(t, strings.NewReader(csvOf(t, Make(doc, table(o)))))
	for col, want := range map[int]string{
		orderDate: "'=I", shipToName: "'=N", purchaseOrderNo: "'=P", startDate: "'=D", cancelDate: "'=C",
		invoiceNo: "'=B", style: "'=S", individualWeight: "-1.5",
	} {
		if got := rows[1][col]; got != want {
			t.Errorf("%s is %q, want %q", Columns[col], got, want)
		}
	}
}

func TestCSVQuotesOnlyWhatNeedsIt(t *testing.T) {
	doc := document(bill("G1", "1.00", "1", "1.0", line("1", "A", "1", "1.0")))
	o := order("G1", "A", "1", "1", `SMITH, "SONS" & CO`, "two\nlines")
	o.OrderNo, o.InvoiceDate = "DD'S", " lead"
	got := csvOf(t, Make(doc, table(o)))
	want := `,,,,,,,,," lead",,"SMITH, ""SONS"" & CO",DD'S,1,07152025,"two` + "\n" + `lines",1.00,130,,1,1,1,1.0,1.0,G1,A,,` + "\n"
	if _, row, _ := strings.Cut(got, "\n"); row != want {
		t.Errorf("the row is %q, want %q", row, want)
	}
}

// readCSV reads cells back as the sheet's columns.
func readCSV(t *testing.T, text string) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = len(Columns)
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("the CSV does not read back: %v", err)
	}
	if !slices.Equal(rows[0], Columns[:]) {
		t.Fatalf("the header is %q", rows[0])
	}
	return rows[1:]
}
