package sheet

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/text"
)

func TestKeysMatchWithoutRegardToCaseCommasAndSpaceAround(t *testing.T) {
	for _, c := range []struct {
		name    string
		order   [4]string // bill, style, cartons, pieces
		number  string
		style   string
		matches bool
	}{
		{"the same", [4]string{"G1", "A1", "1200", "2400"}, "G1", "A1", true},
		{"commas in the export", [4]string{"G1", "A1", "1,200", "2,400"}, "G1", "A1", true},
		{"space around", [4]string{" G1\t", "\u00a0A1 ", " 1200", "2400 "}, "G1", "A1", true},
		{"small letters", [4]string{"g1", "a1", "1200", "2400"}, "G1", "A1", true},
		{"letters beyond ASCII", [4]string{"G1", "ünï", "1200", "2400"}, "G1", "ÜNÏ", true},
		{"a Kelvin sign is a k", [4]string{"G1", "k", "1200", "2400"}, "G1", "\u212a", true},
		{"a final sigma is a sigma", [4]string{"G1", "ΛΌΓΟΣ", "1200", "2400"}, "G1", "λόγος", true},
		{"a comma in a style", [4]string{"G1", "A,1", "1200", "2400"}, "G1", "A1", false},
		{"another bill", [4]string{"G2", "A1", "1200", "2400"}, "G1", "A1", false},
		{"another style", [4]string{"G1", "A2", "1200", "2400"}, "G1", "A1", false},
		{"other cartons", [4]string{"G1", "A1", "1201", "2400"}, "G1", "A1", false},
		{"other pieces", [4]string{"G1", "A1", "1200", "2401"}, "G1", "A1", false},
		{"space inside", [4]string{"G1", "A 1", "1200", "2400"}, "G1", "A1", false},
		{"two broken texts", [4]string{"G1", "\xfe", "1200", "2400"}, "G1", "\xff", false},
		{"fields that flow into each other", [4]string{"G1A", "1", "1200", "2400"}, "G1", "A1", false},
	} {
		doc := document(bill(c.number, "1.00", "2,400", "1.0", line("1,200", c.style, "2,400", "1.0")))
		s := Make(doc, table(order(c.order[0], c.order[1], c.order[2], c.order[3], "ROSS", "")))
		if got := s.Match.Matched == 1; got != c.matches {
			t.Errorf("%s: matched %t, want %t", c.name, got, c.matches)
		}
	}
}

// hyphens are what programs put in the place of one.
var hyphens = strings.Split("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d", "")

func TestEveryHyphenInEveryKey(t *testing.T) {
	for _, paper := range hyphens {
		for _, export := range hyphens {
			doc := document(bill("G"+paper+"1", "1.00", "5", "1.0", line("1", "A"+paper+"B", "5", "1.0")))
			s := Make(doc, table(order("G"+export+"1", "A"+export+"B", "1", "5", "ROSS", "")))
			if s.Match.Matched != 1 {
				t.Errorf("%+q on the bill and %+q in the export do not match", paper, export)
			}
			if got := s.Rows[0].Cells[style]; got != "A"+paper+"B" {
				t.Errorf("%+q became %+q", paper, got)
			}
		}
		doc := document(bill("G"+paper+"1", "1.00", "5", "1.0", line("1", "A"+paper+"B", "5", "1.0")))
		if Make(doc, table(order("G1", "AB", "1", "5", "ROSS", ""))).Match.Matched != 0 {
			t.Errorf("%+q is taken for nothing", paper)
		}
	}
}

func TestEveryFormOfAQuantityMatchesItsValue(t *testing.T) {
	forms := map[string][]string{
		"3":    {"3", "3.0", "3.00", "3,00", "+3", "0003", "3 EA", "3EA", "3 pcs.", "\u200e3\u00a0", " 3 ", "3."},
		"4032": {"4032", "4,032", "4'032", "4\u2019032", "4 032", "4\u00a0032", "4\u202f032", "4,032.00", "4.032,00", "+4,032 PCS", "04032"},
	}
	for value, texts := range forms {
		for _, text := range texts {
			for other := range forms {
				doc := document(bill("G1", "1.00", other, "1.0", line(other, "A", other, "1.0")))
				for _, q := range [][2]string{{text, other}, {other, text}} {
					if got := Make(doc, table(order("G1", "A", q[0], q[1], "ROSS", ""))).Match.Matched == 1; got != (value == other) {
						t.Errorf("%q and %s: matched %t", q, other, got)
					}
				}
			}
		}
	}
}

func TestALineWithoutCartonsMatchesAnOrderRowWithout(t *testing.T) {
	doc := document(bill("G1", "1.00", "5", "1.0", line("", "A", "5", "1.0")))
	if m := Make(doc, table(order("G1", "A", "", "5", "ROSS", ""))).Match; m.Matched != 1 {
		t.Errorf("matched %d", m.Matched)
	}
}

func TestEqualKeysPairInOrderOfAppearance(t *testing.T) {
	doc := document(bill("G1", "1.00", "5", "1.0",
		line("1", "A", "5", "1.0"), line("1", "A", "5", "2.0"), line("1", "A", "5", "3.0")))
	s := Make(doc, table(
		order("G1", "A", "1", "5", "ONE", "07012025"),
		order("G1", "A", "1", "5", "TWO", "07022025")))
	if s.Match.Matched != 2 || len(s.Match.UnmatchedLines) != 1 || len(s.Match.UnmatchedOrders) != 0 {
		t.Fatalf("match is %+v", s.Match)
	}
	for i, want := range [][2]string{{"1.0", "ONE"}, {"2.0", "TWO"}, {"3.0", ""}} {
		c := s.Rows[i].Cells
		if got := [2]string{c[individualWeight], c[shipToName]}; got != want {
			t.Errorf("row %d is %q, want %q", i, got, want)
		}
	}
}

func TestTheReportListsWhatFoundNothing(t *testing.T) {
	doc := document(
		bill("G1", "1.00", "5", "1.0", line("1", "A", "1,005", "1.0"), line("1", "B", "5", "1.0")),
		bill("G2", "1.00", "5", "1.0", line("1", "A", "5", "1.0"), line("2", "A", "6", "1.0"), line("3", "C", "7", "1.0")))
	doc.Bills[1].Lines[0].Page, doc.Bills[1].Lines[0].File = 7, 1
	s := Make(doc, table(
		order("G1", "A", "1", "1005", "ROSS", "07012025"),
		order("G2", "a", "9", "9", "ROSS", "07012025"), // pairs with the first of the two
		order("G3", "A", "1", "5", "ROSS", "07012025"),
		order("G2", "A", "5", "5", "ROSS", "07012025"),
		order("G2", "A", "5", "6", "ROSS", "07012025"), // no line is left for it
	))
	lines := []LineRef{
		{Row: 1, Bill: "G1", Style: "B", Cartons: "1", Pieces: "5", Page: 1},
		{Row: 2, Bill: "G2", Style: "A", Cartons: "1", Pieces: "5", File: 1, Page: 7},
		{Row: 3, Bill: "G2", Style: "A", Cartons: "2", Pieces: "6", Page: 1},
		{Row: 4, Bill: "G2", Style: "C", Cartons: "3", Pieces: "7", Page: 1},
	}
	rows := []OrderRef{
		{Number: 3, Bill: "G2", Style: "a", Cartons: "9", Pieces: "9", ShipTo: "ROSS", OrderNumber: "PO-G2"},
		{Number: 4, Bill: "G3", Style: "A", Cartons: "1", Pieces: "5", ShipTo: "ROSS", OrderNumber: "PO-G3"},
		{Number: 5, Bill: "G2", Style: "A", Cartons: "5", Pieces: "5", ShipTo: "ROSS", OrderNumber: "PO-G2"},
		{Number: 6, Bill: "G2", Style: "A", Cartons: "5", Pieces: "6", ShipTo: "ROSS", OrderNumber: "PO-G2"},
	}
	want := Match{
		State:           Joined,
		Matched:         1,
		MatchedOrders:   1,
		UnmatchedLines:  lines,
		UnmatchedOrders: rows,
		NearMisses:      []NearMiss{{lines[1], rows[0]}, {lines[2], rows[2]}},
	}
	if !reflect.DeepEqual(s.Match, want) {
		t.Errorf("the report is\n%+v\nwant\n%+v", s.Match, want)
	}
	for _, n := range s.Match.NearMisses {
		if c := s.Rows[n.Line.Row].Cells; c[shipToName] != "" {
			t.Errorf("a near miss was filled in: %q", c[shipToName])
		}
	}
}

func TestFoldIsThatOfEqualFold(t *testing.T) {
	for r := rune(0); r < 0x20000; r++ {
		up, low := strings.ToUpper(string(r)), strings.ToLower(string(r))
		for _, other := range []string{up, low} {
			if strings.EqualFold(string(r), other) != (normal("x"+string(r)+"x") == normal("x"+other+"x")) {
				t.Errorf("%q and %q", r, other)
			}
		}
	}
}

// Amendments name an order row by its texts, so that the report tells which of those with the
// same texts it is.
func TestTheReportTellsOrderRowsOfTheSameTextsApart(t *testing.T) {
	doc := document(bill("G1", "10", "12", "1", line("1", "RED", "12", "1")))
	rows := table(order("G1", "RED", "1", "12", "A", ""), order("G1", "BLUE", "2", "4", "B", ""), order("g1", "RED", "1", "12.0", "C", ""), order("G1", "RED", "0001", "12", "D", ""))
	s := Make(doc, rows)
	got := text.Each(s.Match.UnmatchedOrders, func(o OrderRef) int { return o.Nth })
	if want := []int{0, 2, 3}; !slices.Equal(got, want) {
		t.Fatalf("the order rows that found nothing are %v of their texts, want %v", got, want)
	}
	o := s.Match.UnmatchedOrders[2]
	pair := Amendment{Kind: Pair, Line: &LineKey{Bill: "G1", Style: "RED", Cartons: "1", Pieces: "12"},
		Order: &LineKey{Bill: o.Bill, Style: o.Style, Cartons: o.Cartons, Pieces: o.Pieces, Nth: o.Nth}}
	if s = DefaultRules().Amended(doc, rows, []Amendment{pair}); s.Rows[0].Cells[shipToName] != "D" {
		t.Errorf("the line is paired with the order row for %s, not D", s.Rows[0].Cells[shipToName])
	}
}
