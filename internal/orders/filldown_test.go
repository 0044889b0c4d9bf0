package orders

import (
	"testing"
)

const fillHeader = "Invoice No.;Style;Cartons;Pieces;Invoice Date;Ship-to Name;Order No.;Delivery Date;Cancel Date\n"

func TestOrderValuesOfFirstRowsAreFilledDown(t *testing.T) {
	table := mustRead(t, []byte(fillHeader+
		"G1;A;1;10;2025-12-01;DOCK;P1;2025-12-05;2025-12-19\n"+
		"G1;B;1;10;;;;;\n"+
		"G1;C;1;10;2025-12-01;DOCK;P2;2025-12-05;2025-12-20\n"+ // another order of the bill
		"G1;D;1;10;;;;;\n"+
		"G2;A;1;10;2025-12-02;PIER;P3;2025-12-05;\n"+
		"G2;B;1;10;;;;;\n"))
	wantNote(t, table, FilledDown, false, "filled in on 3 rows")
	for i, want := range []string{"P1", "P1", "P2", "P2", "P3", "P3"} {
		if got := table.Rows[i].OrderNo; got != want {
			t.Errorf("row %d is of order %q, want %q", i, got, want)
		}
	}
	if r := table.Rows[3]; r.CancelDate != "2025-12-20" || r.ShipTo != "DOCK" {
		t.Errorf("the row is %+v", r)
	}
	if r := table.Rows[5]; r.CancelDate != "" || r.ShipTo != "PIER" {
		t.Errorf("the row is %+v", r)
	}
}

func TestBillNumbersOfFirstRowsAreFilledDown(t *testing.T) {
	table := mustRead(t, []byte(fillHeader+"G1;A;1;10;2025-12-01;DOCK;P1;;\n;B;1;10;;;;;\n;C;1;10;;;;;\nG2;A;1;10;2025-12-02;PIER;P3;;\n;;2;20;;;;;\n"))
	wantNote(t, table, FilledDown, true, "bill number stands on the first row")
	if r := table.Rows[1]; r.InvoiceNo != "G1" || r.ShipTo != "DOCK" || r.OrderNo != "P1" {
		t.Errorf("the row is %+v", r)
	}
	if r := table.Rows[4]; r.InvoiceNo != "" || r.ShipTo != "" {
		t.Errorf("a row without a style was filled in: %+v", r)
	}
}

func TestAValueThatIsMissingIsNotFilledIn(t *testing.T) {
	rows := []string{"G1;A;1;10;2025-12-01;DOCK;P1;2025-12-05;2025-12-19\n", "G1;B;1;10;2025-12-01;DOCK;P1;2025-12-05;2025-12-19\n", "G1;C;1;10;2025-12-01;DOCK;P1;2025-12-05;2025-12-19\n"}
	for i := range rows {
		with := append([]string{}, rows...)
		with[i] = with[i][:len("G1;A;1;10;2025-12-01;DOCK;P1;2025-12-05;")] + "\n"
		table := mustRead(t, []byte(fillHeader+with[0]+with[1]+with[2]))
		if table.Rows[i].CancelDate != "" {
			t.Errorf("row %d was filled in", i+2)
		}
		wantNote(t, table, FilledDown, false, "the cancel date is missing in row ")
	}
	table := mustRead(t, []byte(fillHeader+rows[0]+rows[1]+";C;1;10;2025-12-01;DOCK;P1;2025-12-05;2025-12-19\n"))
	wantNote(t, table, FilledDown, false, "the bill number is missing in row 4")
}
