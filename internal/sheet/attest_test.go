package sheet

import (
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/page"
)

// seen returns a value as two readers read it from a picture. What they do not agree on has a
// question mark in doubts.
func seen(text, second, doubts string, y float32) bol.Value {
	s := &bol.Sight{State: bol.Confirmed, First: text, Second: []string{second}, Agreed: doubts == ""}
	for i, r := range doubts {
		if r == '?' {
			s.Doubts, s.State = append(s.Doubts, i), bol.Single
		}
	}
	return bol.Value{Text: text, Page: 1, Box: page.Box{X0: 10, Y0: y, X1: 60, Y1: y + 8}, Sight: s}
}

// scanned is a bill of two lines that was read from a picture by two readers, of whom one may
// have misread its number and a style.
func scanned(number, style bol.Value) *bol.Document {
	doc := document(bill("", "100.00", "36", "60.0", line("2", "RED", "12", "20.0"), line("4", "", "24", "40.0")))
	b := doc.Bills[0]
	for i, volume := range []string{"60.00", "40.00"} {
		b.Lines[i].Volume = num(volume)
	}
	b.Printed.Cartons = num("6")
	b.Number, b.Lines[1].Style = number, style
	b.Optical, b.Twice = true, true
	f := doc.Draft() // to reconcile it
	if _, err := f.SetCell(0, 0, "style", "RED"); err != nil {
		panic(err)
	}
	doc, _ = f.Finish()
	doc.Bills[0].Lines[1].Style = style
	return doc
}

func TestTheOrderExportSettlesWhatTheReadersDoubtAlone(t *testing.T) {
	row := func(bill, style, cartons, pieces string) orders.Row {
		return order(bill, style, cartons, pieces, "NORTH", "07202025")
	}
	sure, blue := seen("A1017", "A1017", "", 10), seen("BLUE", "BLUE", "", 30)
	number, style := seen("A1017", "A1077", "   ? ", 10), seen("BLUE", "8LUE", "?   ", 30)
	for name, c := range map[string]struct {
		number, style bol.Value
		orders        []orders.Row
		outcome       bol.Outcome
		says          []string // of the findings about readings, in order
		kinds         string
	}{
		"nothing is in doubt": {sure, blue, []orders.Row{row("A1077", "RED", "2", "12"), row("A1077", "8LUE", "4", "24")}, bol.Reconciled, nil, ""},
		"the number is that of an order": {number, blue, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "4", "24")}, bol.Reconciled,
			[]string{`"A1017" was chosen, since the order export has nothing else in its place`}, "chosen_reading"},
		"the number and a style are": {number, style, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "4", "24")}, bol.Reconciled,
			[]string{`"A1017" was chosen`, `"BLUE" was chosen`}, "chosen_reading chosen_reading"},
		"the number is another one": {number, blue, []orders.Row{row("A1077", "RED", "2", "12"), row("A1077", "BLUE", "4", "24")}, bol.Unproved,
			[]string{`the order export has "A1077" in its place`}, "doubtful_reading"},
		"two numbers may be it": {number, blue, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "4", "24"), row("A1047", "RED", "2", "12"), row("A1047", "BLUE", "4", "24")}, bol.Unproved, nil, ""},
		"of two numbers one has other lines": {number, blue, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "4", "24"), row("A1047", "RED", "2", "12"), row("A1047", "BLUE", "4", "25")}, bol.Reconciled,
			[]string{`"A1017" was chosen`}, "chosen_reading"},
		"the lines are others":            {number, blue, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "4", "25")}, bol.Unproved, nil, ""},
		"the order has a line more":       {number, blue, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "4", "24"), row("A1017", "BLUE", "1", "6")}, bol.Unproved, nil, ""},
		"what both readers read differs":  {number, blue, []orders.Row{row("B1017", "RED", "2", "12"), row("B1017", "BLUE", "4", "24")}, bol.Unproved, nil, ""},
		"the style is that of the order":  {sure, style, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "4", "24")}, bol.Reconciled, []string{`"BLUE" was chosen`}, "chosen_reading"},
		"the style is another one":        {sure, style, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "GLUE", "4", "24")}, bol.Reconciled, []string{`the order export has "GLUE" in its place`}, "doubtful_reading"},
		"the style may be one of two":     {sure, style, []orders.Row{row("A1017", "BLUE", "4", "24"), row("A1017", "GLUE", "4", "24")}, bol.Reconciled, []string{"no total proves either"}, "doubtful_reading"},
		"the style is of other cartons":   {sure, style, []orders.Row{row("A1017", "RED", "2", "12"), row("A1017", "BLUE", "5", "24")}, bol.Reconciled, []string{"no total proves either"}, "doubtful_reading"},
		"the style is of another bill":    {sure, style, []orders.Row{row("A1018", "BLUE", "4", "24")}, bol.Reconciled, []string{"no total proves either"}, "doubtful_reading"},
		"the style has a letter too many": {sure, style, []orders.Row{row("A1017", "BLUES", "4", "24")}, bol.Reconciled, []string{"no total proves either"}, "doubtful_reading"},
	} {
		t.Run(name, func(t *testing.T) {
			doc := scanned(c.number, c.style)
			s := Make(doc, table(c.orders...))
			b := s.Document.Bills[0]
			if b.Verdict.Outcome != c.outcome || b.Number.Text != c.number.Text || b.Lines[1].Style.Text != c.style.Text {
				t.Errorf("%s is %s (%s), its style %s", b.Number.Text, b.Verdict.Outcome, b.Verdict.Reason, b.Lines[1].Style.Text)
			}
			var kinds, texts []string
			for _, p := range s.Document.Problems {
				if p.Kind == bol.ChosenReading || p.Kind == bol.DoubtfulReading {
					kinds, texts = append(kinds, string(p.Kind)), append(texts, p.Message)
				}
			}
			if strings.Join(kinds, " ") != c.kinds {
				t.Fatalf("%q: %q, want %q", kinds, texts, c.kinds)
			}
			for i, want := range c.says {
				if !strings.Contains(texts[i], want) {
					t.Errorf("it says %q, not %q", texts[i], want)
				}
			}
			// What was read does not change, and another export settles something else.
			if doc.Bills[0].Number.Sight.Orders != "" || doc.Bills[0].Lines[1].Style.Sight.Orders != "" {
				t.Error("the document changed")
			}
			if again := Make(doc, nil).Document; again != doc {
				t.Error("without orders it is another document")
			}
		})
	}
}

// Two bills cannot be one of the export, and a bill cannot be one that another bill is.
func TestOneOrderSettlesOneBill(t *testing.T) {
	rows := table(order("A1017", "RED", "2", "12", "NORTH", "07202025"), order("A1017", "BLUE", "4", "24", "NORTH", "07202025"))
	blue := seen("BLUE", "BLUE", "", 30)
	for name, other := range map[string]bol.Value{"doubtful": seen("A1017", "A1047", "   ? ", 10), "sure": seen("A1017", "A1017", "", 10)} {
		doc := scanned(seen("A1017", "A1077", "   ? ", 10), blue)
		doc.Bills = append(doc.Bills, scanned(other, blue).Bills...)
		for _, b := range Make(doc, rows).Document.Bills {
			if b.Number.Sight.Orders != "" {
				t.Errorf("%s: %s was chosen", name, b.Number.Text)
			}
		}
	}
}
