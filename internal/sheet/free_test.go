package sheet

import (
	"strings"
	"testing"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/form"
)

// freely returns a bill of a form that nobody described, with one line per order.
func freely(number string, outcome bol.Outcome, orders ...string) *bol.Bill {
	b := bill(number, "", "", "")
	b.Free = &form.Bill{Outcome: form.Outcome(outcome)}
	b.Verdict = bol.Verdict{Outcome: outcome, Reason: "the document prints no totals"}
	b.Consignee = []bol.Value{value("Harbour Goods Ltd"), value("12 Pier Road")}
	b.ShippedVia = value("Copperline Freight")
	for _, o := range orders {
		l := line("12", "", "", "130.5")
		l.OrderNumber = value(o)
		b.Lines = append(b.Lines, l)
	}
	return b
}

func TestLinesThatNothingProvesStayOutUntilSomebodyAcceptsThem(t *testing.T) {
	doc := document(freely("B1", bol.Reconciled, "4500118821"), freely("B2", bol.Unproved, "4500118822", "4500118823"), freely("B3", bol.Unchecked, "4500118824"))
	s := Make(doc, nil)
	if got := csvOf(t, s); strings.Count(got, "\n") != 2 || !strings.Contains(got, "4500118821") || doc.Held() != 3 {
		t.Errorf("%d lines are held:\n%s", doc.Held(), got)
	}
	if r := s.Rows[0].Cells; r[shipToName] != "Harbour Goods Ltd" || r[truckingCo] != "Copperline Freight" || r[purchaseOrderNo] != "4500118821" || r[cartons] != "12" {
		t.Errorf("the row is %q", r)
	}
	said := 0
	for _, f := range s.Findings {
		if f.Kind == NotProved && f.Severity.Strict() && strings.Contains(f.Text, "not in the sheet") {
			said++
		}
	}
	if said != 2 {
		t.Errorf("%d bills are said not to be proved: %v", said, s.Findings)
	}
	v := s.Routing(time.Time{})
	if len(v.Groups) == 0 || v.Total.Count != 1 {
		t.Errorf("the routing has %d bills", v.Total.Count)
	}
	accepted := s.Accept()
	if got := csvOf(t, accepted); strings.Count(got, "\n") != 5 {
		t.Errorf("accepted, it is\n%s", got)
	}
	for _, f := range accepted.Findings {
		if f.Kind == NotProved && f.Severity != Notice {
			t.Errorf("accepted, it says %v", f)
		}
	}
	if doc.Held() != 3 {
		t.Error("accepting changed the document")
	}
	// Who accepts a bill has looked at it.
	one := DefaultRules().Amended(doc, nil, []Amendment{{Kind: Vouch, Bill: &BillKey{Number: "B2"}, By: "Ann", Note: "compared"}})
	for _, f := range one.Findings {
		if f.Kind != NotProved {
			continue
		}
		if mine := one.Document.Bills[f.Bills[0]].Number.Text == "B2"; mine != (f.Checked != nil && f.Checked.By == "Ann" && f.Checked.Note == "compared") {
			t.Errorf("B2 accepted by Ann: %v, %+v", f, f.Checked)
		}
	}
}

func TestLinesWithoutAStyleMatchByOrderAndCartons(t *testing.T) {
	doc := document(freely("B1", bol.Reconciled, "4500118821", "4500118822"))
	a, b, c := order("B1", "", "12", "", "Harbour", ""), order("B1", "S-1", "12", "", "Harbour", ""), order("B1", "", "11", "", "Harbour", "")
	a.OrderNo, b.OrderNo, c.OrderNo = "4500118822", "4500118821", "4500118821"
	s := Make(doc, table(c, a, b))
	if s.Match.Matched != 2 || len(s.Match.UnmatchedOrders) != 1 || s.Match.UnmatchedOrders[0].Cartons != "11" {
		t.Errorf("%+v", s.Match)
	}
}
