package sheet

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
)

// shipment is a bill of two lines that adds up, one with a line that was misread, and their
// orders.
func shipment() (*bol.Document, *orders.Table) {
	doc := document(
		bill("A1", "100.00", "36", "60.0", line("2", "RED", "12", "20.0"), line("4", "BLUE", "24", "40.0")),
		bill("A2", "50.00", "30", "50.0", line("3", "RED", "18", "30.0"), line("2", "RED", "12", "20.0")),
	)
	for i, volume := range []string{"60.00", "40.00", "30.00", "20.00"} {
		doc.Bills[i/2].Lines[i%2].Volume = num(volume)
	}
	doc.Bills[1].Lines[1].Cartons = num("1") // a carton was misread
	doc.Bills[0].Printed.Cartons, doc.Bills[1].Printed.Cartons = num("6"), num("5")
	return reconciled(doc), table(
		order("A1", "RED", "2", "12", "NORTH", "07202025"),
		order("A1", "BLUE", "4", "25", "NORTH", "07202025"),
		order("A2", "RED", "3", "18", "SOUTH", "07212025"),
		order("A2", "RED", "2", "12", "SOUTH", "07212025"),
	)
}

// reconciled returns the document with the verdicts of its bills.
func reconciled(doc *bol.Document) *bol.Document {
	f := doc.Draft()
	for i, b := range doc.Bills {
		if _, err := f.SetField(i, "number", b.Number.Text); err != nil {
			panic(err)
		}
	}
	doc, _ = f.Finish()
	for i, b := range doc.Bills { // what they were corrected to is what was read
		doc.Bills[i] = &bol.Bill{FieldsOf: b.FieldsOf, Lines: b.Lines, Printed: b.Printed, Sheets: b.Sheets, Verdict: b.Verdict}
	}
	return doc
}

func lineOf(bill, style, cartons, pieces string) *LineKey {
	return &LineKey{Bill: bill, Style: style, Cartons: cartons, Pieces: pieces}
}

func amended(list ...Amendment) *Sheet {
	doc, orders := shipment()
	return DefaultRules().Amended(doc, orders, list)
}

func TestAmendmentsChangeTheSheetWhereTheySay(t *testing.T) {
	doc, orders := shipment()
	before := Make(doc, orders)
	if doc.Bills[1].Verdict.Outcome != bol.Mismatched || before.Match.Matched != 2 || len(before.Match.NearMisses) != 2 {
		t.Fatalf("before: %v, %+v", doc.Bills[1].Verdict, before.Match)
	}
	read := csvOf(t, before)
	when := time.Date(2025, 7, 10, 14, 0, 0, 0, time.UTC)
	s := DefaultRules().Amended(doc, orders, []Amendment{
		{Kind: Correct, Line: lineOf("A2", "red", "1", "12"), Field: "cartons", Value: "2", By: "Ann", At: when},
		{Kind: Pair, Line: lineOf("A1", "BLUE", "4", "24"), Order: lineOf("A1", "BLUE", "4", "25"), By: "Ann"},
		{Kind: Fill, Column: "Load #", ShipTo: "south", Value: "L-7"},
		{Kind: Fill, Column: "Wave #", Window: &WindowKey{"07152025", "07202025"}, Value: "W1"},
		{Kind: Fill, Column: "Wave #", Line: lineOf("A1", "RED", "2", "12"), Value: "W2"},
		{Kind: Fill, Column: "Release", Bill: &BillKey{Number: "A1"}, Value: "R"},
	})
	if b := s.Document.Bills[1]; b.Verdict.Outcome != bol.Reconciled || !b.Amended() || s.Document.Bills[0].Amended() {
		t.Errorf("the corrected bill: %v, amended %v", b.Verdict, b.Amended())
	}
	if s.Match.Matched != 4 || len(s.Match.NearMisses) != 0 || len(s.Match.UnmatchedOrders) != 0 {
		t.Errorf("match: %+v", s.Match)
	}
	for name, want := range map[string][]string{
		"Cartons":      {"2", "4", "3", "2"},
		"Ship To Name": {"NORTH", "NORTH", "SOUTH", "SOUTH"},
		"Load #":       {"", "", "L-7", "L-7"},
		"Wave #":       {"W2", "W1", "", ""},
		"Release":      {"R", "R", "", ""},
	} {
		if got := column(t, s, name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if was := s.Rows[3].Was; was[cartons] != "1" || len(was) != 2 {
		t.Errorf("the corrected row was %v", was)
	}
	if was := s.Rows[0].Was[3]; was != "" {
		t.Errorf("Wave # was %q", was)
	}
	for i, m := range s.Amendments {
		if m.State != Applied {
			t.Errorf("amendment %d: %s, %s", i, m.State, m.Reason)
		}
	}
	if m := s.Amendments[0]; m.Was != "1" {
		t.Errorf("was %q", m.Was)
	}
	if csvOf(t, Make(doc, orders)) != read {
		t.Error("the document that was read has changed")
	}
	if again := s.Accept(); again != s {
		t.Error("a sheet without held lines was made again")
	}
}

func TestLinesAreAddedAndRemoved(t *testing.T) {
	s := amended(
		Amendment{Kind: Remove, Line: lineOf("A2", "RED", "1", "12")},
		Amendment{Kind: Add, Bill: &BillKey{Number: "A2"}, Place: &PlaceView{Page: 2}, Cells: map[string]string{"cartons": "2", "style": "RED", "pieces": "12", "weight": "20.0", "volume": "20.00"}},
		Amendment{Kind: Correct, Line: lineOf("A2", "RED", "2", "12"), Field: "description", Value: "BIG"},
		Amendment{Kind: Fill, Column: "Load #", Line: lineOf("A2", "RED", "2", "12"), Value: "9"},
	)
	b := s.Document.Bills[1]
	if len(b.Lines) != 2 || !b.Lines[1].Added() || b.Lines[1].Page != 2 || b.Verdict.Outcome != bol.Reconciled || b.Lines[1].Description.Text != "BIG" {
		t.Errorf("%+v, %v", b.Lines, b.Verdict)
	}
	if s.Match.Matched != 3 || len(s.Match.NearMisses) != 1 {
		t.Errorf("match: %+v", s.Match)
	}
	if got := column(t, s, "Load #"); !slices.Equal(got, []string{"", "", "9", ""}) && !slices.Equal(got, []string{"", "", "", "9"}) && strings.Join(got, "") != "9" {
		t.Errorf("Load #: %q", got)
	}
	if m := s.Amendments[0]; m.Was != "style RED (1 carton, 12 pieces)" {
		t.Errorf("removed %q", m.Was)
	}
}

// A total or a field of a bill is corrected like a cell; the number is the key of the
// orders.
func TestFieldsOfBillsAreCorrected(t *testing.T) {
	s := amended(
		Amendment{Kind: Correct, Bill: &BillKey{Number: "A2"}, Field: "total_cartons", Value: "4"},
		Amendment{Kind: Correct, Bill: &BillKey{Number: "A1"}, Field: "total_cube", Value: "100"},
		Amendment{Kind: Correct, Bill: &BillKey{Number: "A1"}, Field: "number", Value: "A9"},
		Amendment{Kind: Correct, Bill: &BillKey{Number: "A1"}, Field: "consignee", Value: "One\nTwo"},
		// It still names the bill by what was read.
		Amendment{Kind: Fill, Column: "Load #", Bill: &BillKey{Number: "A1"}, Value: "1"},
	)
	if v := s.Document.Bills[1].Verdict; v.Outcome != bol.Reconciled {
		t.Errorf("%v", v)
	}
	if s.Match.Matched != 1 || s.Rows[0].Cells[invoiceNo] == "" {
		t.Errorf("match: %+v", s.Match)
	}
	b := s.Document.Bills[0]
	if b.Was()["number"] != "A1" || b.Was()["total_cube"] != "100.00" || len(b.Consignee) != 2 || b.Consignee[1].Text != "Two" {
		t.Errorf("%v, %v", b.Was(), b.Consignee)
	}
	for i := range s.Rows {
		if r := &s.Rows[i]; r.bill == 0 && (r.Was[invoiceNo] != "A1" || r.Cells[2] != "1" || r.Cells[bolCube] != "100") {
			t.Errorf("row %d: %q, was %v", i, r.Cells, r.Was)
		}
	}
}

func TestAmendmentsWithoutAPlaceAreSaid(t *testing.T) {
	lost := []Amendment{
		{Kind: Correct, Line: lineOf("A7", "RED", "1", "12"), Field: "cartons", Value: "2"},
		{Kind: Correct, Line: &LineKey{Bill: "A1", Style: "RED", Cartons: "2", Pieces: "12", Nth: 2}, Field: "cartons", Value: "2"},
		{Kind: Correct, Line: lineOf("A1", "RED", "2", "12"), Field: "cartons", Value: "two"},
		{Kind: Correct, Bill: &BillKey{Number: "A1", Nth: 2}, Field: "number", Value: "A9"},
		{Kind: Add, Bill: &BillKey{Number: "A1"}, Cells: map[string]string{"pieces": "x"}},
		{Kind: Add, Bill: &BillKey{Number: "A1"}, Cells: map[string]string{"pieces": "1"}, Place: &PlaceView{Page: 3}},
		{Kind: Vouch, Bill: &BillKey{Number: "A1"}},
		{Kind: Pair, Line: lineOf("A1", "RED", "2", "12"), Order: lineOf("A1", "GREEN", "2", "12")},
		{Kind: Fill, Column: "Load #", ShipTo: "WEST", Value: "1"},
		{Kind: Tick, Finding: &FindingKey{Kind: Mismatch, Where: "bill A7", Text: "no"}},
	}
	doc, orders := shipment()
	before := csvOf(t, Make(doc, orders))
	for i, m := range lost {
		s := DefaultRules().Amended(doc, orders, []Amendment{m})
		if got := s.Amendments[0]; got.State != Lost || got.Reason == "" {
			t.Errorf("%d %+v: %s", i, m, got.State)
		}
		// A tick without its finding is nothing to look at.
		if said := slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Kind == AmendmentLost && f.Open() }); said != (m.Kind != Tick) {
			t.Errorf("%d: a finding: %t", i, said)
		}
		if slices.ContainsFunc(s.Document.Bills, (*bol.Bill).Amended) {
			t.Errorf("%d: a bill counts as amended", i)
		}
		if got := csvOf(t, s); got != before {
			t.Errorf("%d: the sheet has changed:\n%s", i, got)
		}
	}
}

// Each of two lines can have the order row once; the last amendment of a line counts.
func TestPairsAreOneToOne(t *testing.T) {
	red, blue := lineOf("A1", "RED", "2", "12"), lineOf("A1", "BLUE", "4", "24")
	s := amended(
		Amendment{Kind: Pair, Line: red, Order: lineOf("A1", "BLUE", "4", "25")},
		Amendment{Kind: Pair, Line: blue, Order: lineOf("A1", "BLUE", "4", "25")},
		Amendment{Kind: Unpair, Line: lineOf("A2", "RED", "3", "18")},
	)
	if s.Amendments[1].State != Lost || s.Match.Matched != 1 {
		t.Errorf("%+v, %+v", s.Amendments[1], s.Match)
	}
	for _, n := range s.Match.NearMisses {
		if n.Line.Pieces == "18" {
			t.Errorf("what was taken apart is a near miss: %+v", n)
		}
	}
	s = amended(
		Amendment{Kind: Pair, Line: red, Order: lineOf("A1", "BLUE", "4", "25")},
		Amendment{Kind: Unpair, Line: red},
		Amendment{Kind: Pair, Line: blue, Order: lineOf("A1", "BLUE", "4", "25")},
	)
	if s.Amendments[2].State != Applied || s.Match.Matched != 2 {
		t.Errorf("%+v, %+v", s.Amendments[2], s.Match)
	}
}

func TestATickHoldsForWhatWasSeenOnly(t *testing.T) {
	first := amended()
	seen := findingOf(t, first, Mismatch).Key()
	tick := Amendment{Kind: Tick, Finding: &seen, By: "Ann", Note: "called the shipper"}
	s := amended(tick)
	if f := findingOf(t, s, Mismatch); f.Open() || f.Checked == nil || f.Checked.By != "Ann" || f.Checked.Note == "" {
		t.Errorf("%+v", f)
	}
	// Another figure makes another finding.
	s = amended(tick, Amendment{Kind: Correct, Line: lineOf("A2", "RED", "1", "12"), Field: "pieces", Value: "13"})
	if f := findingOf(t, s, Mismatch); !f.Open() || s.Amendments[0].State != Lost {
		t.Errorf("%+v, %+v", f, s.Amendments[0])
	}
	// A tick whose finding is gone makes no finding of its own.
	for _, f := range s.Findings {
		if f.Kind == AmendmentLost {
			t.Errorf("the tick without effect is to be checked: %+v", f)
		}
	}
}

func TestWrongAmendmentsAreRefused(t *testing.T) {
	for list, want := range map[string]string{
		`nonsense`:             "not a JSON list",
		`[{"kind":"correct"`:   "not a JSON list",
		`[{"kynd":"correct"}]`: "kynd",
		`[] []`:                "text after the list",
		`[{"kind":"mend"}]`:    `amendment 1: its kind is "mend"; the kinds are correct, add`,
		`[{"kind":"remove"}]`:  `a "remove" needs "line"`,
		`[{"kind":"accept","bill":{"number":"A1"}},{"kind":"accept","bill":{"number":"A1"},"column":"Load #"}]`:  `amendment 2: an "accept" has no "column"`,
		`[{"kind":"correct","field":"cartons","value":"1"}]`:                                                     "either a bill or a line",
		`[{"kind":"correct","bill":{"number":"A1"},"field":"cartons","value":"1"}]`:                              `no field "cartons" here; the fields are number, date`,
		`[{"kind":"correct","line":{"bill":"A1"},"field":"number","value":"1"}]`:                                 `no field "number" here; the fields are cartons`,
		`[{"kind":"fill","column":"Cartons","bill":{"number":"A1"},"value":"1"}]`:                                `column "Cartons" cannot be filled in`,
		`[{"kind":"fill","column":"Load #","value":"1"}]`:                                                        `needs a line, a bill`,
		`[{"kind":"fill","column":"Load #","ship_to":"X","bill":{"number":"A1"},"value":"1"}]`:                   `for a line, or a bill`,
		`[{"kind":"remove","line":{"bill":"A1","nth":-1}}]`:                                                      `nth counts from 1`,
		`[{"kind":"remove","line":{"bill":"A1"},"note":"\u0000"}]`:                                               `control characters`,
		`[{"kind":"remove","line":{"bill":"A1"},"value":"1"}]`:                                                   `has no value`,
		`[{"kind":"add","bill":{"number":"A1"},"cells":{"carton":"1"}}]`:                                         `no cell "carton"`,
		`[{"kind":"add","bill":{"number":"A1"},"cells":{"cartons":"1"},"place":{"file":0,"page":0,"box":null}}]`: `a page from 1`,
		`[{"kind":"remove","line":{"bill":"` + strings.Repeat("A", 5000) + `"}}]`:                                `5000 bytes`,
	} {
		_, err := ParseAmendments([]byte(list))
		if fault.CodeOf(err) != fault.BadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %s", list, err, want)
		}
	}
	if _, err := ParseAmendments(fmt.Appendf(nil, "[%s]", strings.TrimSuffix(strings.Repeat(`{"kind":"remove","line":{"bill":"1"}},`, MaxAmendments+1), ","))); err == nil {
		t.Error("too many are taken")
	}
	if _, err := ParseAmendments(make([]byte, MostOfAmendments+1)); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("too long: %v", err)
	}
}

// What the JSON of a sheet has is read back, and makes the same sheet.
func TestAmendmentsTravel(t *testing.T) {
	s := amended(
		Amendment{Kind: Correct, Line: lineOf("A2", "RED", "1", "12"), Field: "cartons", Value: "2", By: "Ann", At: time.Date(2025, 7, 10, 14, 0, 0, 0, time.UTC), Note: "seen"},
		Amendment{Kind: Fill, Column: "Load #", Bill: &BillKey{Number: "A7"}, Value: "1"},
	)
	b := jsonOf(t, s)
	v := viewOf(t, b)
	if !v.Bills[1].Amended || v.Bills[1].Lines[1].Was["cartons"] != "1" || v.Summary.Amended != 1 || v.Rows[2].Was["Cartons"] != "1" {
		t.Errorf("%+v, %+v, %+v", v.Bills[1].Lines[1], v.Summary, v.Rows[2])
	}
	list, err := ParseAmendments(b)
	must.OK(t, err)
	again := amended(list...)
	if !reflect.DeepEqual(again.Amendments, s.Amendments) || csvOf(t, again) != csvOf(t, s) {
		t.Errorf("read back: %+v", again.Amendments)
	}
	plain := jsonOf(t, amended())
	if list, err := ParseAmendments(plain); err != nil || len(list) != 0 || strings.Contains(string(plain), "amend") {
		t.Errorf("without amendments: %v, %v", list, err)
	}
}

func TestTheWorkbookMarksWhatPeopleChanged(t *testing.T) {
	s := amended(
		Amendment{Kind: Correct, Line: lineOf("A2", "RED", "1", "12"), Field: "cartons", Value: "2", By: "Ann", At: time.Date(2025, 7, 10, 14, 0, 0, 0, time.UTC), Note: "seen"},
		Amendment{Kind: Fill, Column: "Load #", Bill: &BillKey{Number: "A7"}, Value: "=1+1"},
	)
	one := xlsxOf(t, s)
	if !bytes.Equal(one, xlsxOf(t, s)) {
		t.Error("the same sheet gives other bytes")
	}
	f := opened(t, one)
	comments, err := f.GetComments(tabName)
	if err != nil || len(comments) != 1 || comments[0].Cell != "N4" || !strings.Contains(comments[0].Text, "Was 1") {
		t.Errorf("notes: %+v, %v", comments, err)
	}
	rows, err := f.GetRows(changesTab)
	if err != nil || len(rows) != 3 || !slices.Equal(rows[1], []string{"Corrected cartons", "bill A2, style RED (1 carton, 12 pieces)", "1", "2", "Ann", "2025-07-10 14:00", "seen", "applied"}) || rows[2][3] != "=1+1" {
		t.Errorf("%q, %v", rows, err)
	}
	if v, err := f.GetCellValue(tabName, "N4"); err != nil || v != "2" {
		t.Errorf("the cell: %q, %v", v, err)
	}
}

// Who confirms a value changes no cell, and is named for it.
func TestAConfirmationChangesNoCell(t *testing.T) {
	s := amended(Amendment{Kind: Correct, Line: lineOf("A1", "RED", "2", "12"), Field: "pieces", Value: "12", By: "Ana"})
	m := &s.Amendments[0]
	if !m.Confirms() || m.What() != "Confirmed pieces" || m.Was != "12" {
		t.Errorf("%q, was %q", m.What(), m.Was)
	}
	marked := func(s *Sheet) (n int) {
		for i := range s.Rows {
			n += len(s.Rows[i].Was)
		}
		return n
	}
	if n := marked(s); n > 0 {
		t.Errorf("%d cells are marked as changed", n)
	}
	if s = amended(Amendment{Kind: Correct, Line: lineOf("A1", "RED", "2", "12"), Field: "pieces", Value: "13"}); s.Amendments[0].Confirms() || marked(s) != 1 {
		t.Errorf("a correction is taken for a confirmation: %+v", s.Amendments[0])
	}
}
