package sheet

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
)

// filledIn returns a sheet as CSV, with cells that a function fills in by the row's number and
// the heading.
func filledIn(t *testing.T, s *Sheet, cell func(row int, heading, now string) string) []byte {
	t.Helper()
	rows := must.CSV(t, strings.NewReader(csvOf(t, s)))
	for i, row := range rows[1:] {
		for j := range row {
			row[j] = cell(i+2, rows[0][j], row[j])
		}
	}
	return must.Written(t, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}

func earlier(t *testing.T, s *Sheet, data []byte) *orders.Table {
	t.Helper()
	table, err := orders.Read(context.Background(), bytes.NewReader(data), int64(len(data)), "earlier", orders.Limits{}, s.rules.Dialect())
	must.OK(t, err)
	return table
}

func TestWhatPeopleFilledInIsCarriedOver(t *testing.T) {
	s := amended(
		Amendment{Kind: Correct, Line: lineOf("A2", "RED", "1", "12"), Field: "cartons", Value: "2"},
		Amendment{Kind: Add, Bill: &BillKey{Number: "A1"}, Cells: map[string]string{"style": "RED", "cartons": "2", "pieces": "12"}},
	)
	data := filledIn(t, s, func(row int, heading, now string) string {
		switch {
		case heading == "Load #":
			return "L" + string(rune('0'+row))
		case heading == "Customer":
			return "ACME, \"Inc\"\nEast"
		case heading == "Ship To Name":
			return "ELSEWHERE" // it has a source
		}
		return now
	})
	list, values, lost := s.Carry(earlier(t, s, data))
	if len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
	if values != 2*len(s.Rows) {
		t.Errorf("%d values were carried over of %d rows", values, len(s.Rows))
	}
	must.OK(t, CheckAmendments(list))
	bills := 0
	for _, a := range list {
		if a.Bill != nil {
			bills++
		}
	}
	if bills != 2 || len(list) != len(s.Rows)+2 {
		t.Errorf("%d amendments, %d of them for bills: %+v", len(list), bills, list)
	}
	next := s.Amend(slices.Concat(s.Amendments, list))
	for i := range next.Rows {
		want := s.Rows[i].Cells
		want[2], want[10] = "L"+string(rune('2'+i)), "ACME, \"Inc\"\nEast"
		if next.Rows[i].Cells != want {
			t.Errorf("row %d is %q, want %q", i+2, next.Rows[i].Cells, want)
		}
	}
	for _, a := range next.Amendments {
		if a.State != Applied {
			t.Errorf("%+v", a)
		}
	}
	// Nothing of it is new then.
	if list, values, lost := next.Carry(earlier(t, next, data)); len(list)+values+len(lost) > 0 {
		t.Errorf("carried over again: %+v %v", list, lost)
	}
}

func TestRowsOfAnEarlierSheetThatFindNoLineAreListed(t *testing.T) {
	s := amended()
	data := filledIn(t, s, func(row int, heading, now string) string {
		switch {
		case row == 2 && heading == "Cartons":
			return "99"
		case row == 3 && heading == "Load #":
			return "#N/A"
		case row == 4 && heading == "Load #":
			return strings.Repeat("x", mostOfAmendment+1)
		case row == 2 && heading == "Load #":
			return "7"
		case heading == "Release" && row == 5:
			return "'=2+2"
		}
		return now
	})
	list, _, lost := s.Carry(earlier(t, s, data))
	if len(list) != 1 || list[0].Column != "Release" || list[0].Value != "=2+2" {
		t.Errorf("carried over: %+v", list)
	}
	if len(lost) != 3 || lost[0].Row != 2 || !strings.Contains(lost[0].Why, "99 cartons") || lost[1].Row != 3 || !strings.Contains(lost[1].Why, "#N/A") || lost[2].Row != 4 {
		t.Errorf("lost: %+v", lost)
	}
}

func TestALineThatWasRemovedTakesNoOccurrence(t *testing.T) {
	doc := document(bill("A1", "100.00", "36", "60.0", line("2", "RED", "12", "20.0"), line("2", "RED", "12", "20.0"), line("2", "RED", "12", "20.0")))
	first := lineOf("A1", "RED", "2", "12")
	s := DefaultRules().Amended(doc, nil, []Amendment{{Kind: Remove, Line: first}})
	data := filledIn(t, s, func(row int, heading, now string) string {
		if heading == "Load #" && row == 3 {
			return "7"
		}
		return now
	})
	list, _, _ := s.Carry(earlier(t, s, data))
	next := s.Amend(slices.Concat(s.Amendments, list))
	if len(list) != 1 || list[0].Line.Nth != 3 || next.Rows[1].Cells[2] != "7" || next.Rows[0].Cells[2] != "" {
		t.Errorf("%+v makes %q and %q", list, next.Rows[0].Cells, next.Rows[1].Cells)
	}
}

func TestAWorkbookWithOtherColumnsIsCarriedOver(t *testing.T) {
	doc, table := shipment()
	rules := DefaultRules()
	rules.Columns = []string{"Style", "Load #", "Individual Pieces", "Cartons", "Customer", "Invoice No."}
	rules.Headings = map[string]string{"Style": "Item", "Load #": "Truck", "Cartons": "Boxes"}
	s := rules.Amended(doc, table, nil)
	b := edited(t, xlsxOf(t, s), func(f *excelize.File) error {
		return errors.Join(f.SetCellValue(f.GetSheetName(0), "B2", 4711), f.SetCellValue(f.GetSheetName(0), "E3", "ACME"))
	})
	list, values, lost := s.Carry(earlier(t, s, b))
	if values != 2 || len(lost) > 0 {
		t.Errorf("%d values, %v", values, lost)
	}
	next := s.Amend(list)
	if next.Rows[0].Cells[2] != "4711" || next.Rows[1].Cells[10] != "ACME" {
		t.Errorf("%+v makes %q and %q", list, next.Rows[0].Cells, next.Rows[1].Cells)
	}
}

func TestOrderExportsAreJoinedWithTheirNames(t *testing.T) {
	doc, all := shipment()
	one, two := *all, *all
	one.Name, one.Rows = "a.csv", []orders.Row{all.Rows[0], all.Rows[1]}
	two.Name, two.Rows = "b.csv", []orders.Row{all.Rows[2], order("A1", "BLUE", "9", "99", "NORTH", "07202025"), order("A2", "BLUE", "1", "1", "SOUTH", "07212025")}
	for i := range two.Rows {
		two.Rows[i].Number = i + 2
	}
	two.Notes = []orders.Note{{Kind: orders.FilledDown, Row: 3, Message: "row 3: filled down"}}
	s := Make(doc, orders.Join(&one, &two))
	if s.Orders.Name != "a.csv, b.csv" || s.Match.Matched != 2 || len(s.Match.UnmatchedOrders) != 3 {
		t.Errorf("%q: %+v", s.Orders.Name, s.Match)
	}
	exports := map[string]bool{}
	for _, f := range s.Findings {
		if len(f.OrderRows) > 0 {
			exports[f.Export] = true
			if !strings.Contains(f.Where, " of "+f.Export) {
				t.Errorf("a finding is at %q of %q", f.Where, f.Export)
			}
		}
	}
	if !exports["a.csv"] || !exports["b.csv"] || exports[""] {
		t.Errorf("the findings name the exports %v: %+v", exports, s.Findings)
	}
}

func TestWideFillsAreBounded(t *testing.T) {
	list := make([]Amendment, MaxWideFills+1)
	for i := range list {
		list[i] = Amendment{Kind: Fill, ShipTo: "NORTH", Column: "Load #", Value: "1"}
	}
	if err := CheckAmendments(list); err == nil || !strings.Contains(err.Error(), "at most 2000") {
		t.Errorf("%v", err)
	}
	must.OK(t, CheckAmendments(list[1:]))
}
