package proof

import (
	"tallyman/internal/bol"
	"tallyman/internal/page"
)

// Known reads pages of the known form.
func Known(pages []page.Page) ([]Bill, error) {
	r := bol.NewReader()
	for _, p := range pages {
		if err := r.Add(0, p); err != nil {
			return nil, err
		}
	}
	doc, err := r.Document([]bol.File{{Name: "bol.pdf", Pages: len(pages)}})
	if err != nil {
		return nil, err
	}
	var bills []Bill
	for _, b := range doc.Bills {
		t := Table{Role: "lines", Unproved: map[string]bool{"volume": true}, Totals: map[string]string{
			"packages": b.Printed.Cartons.Text, "pieces": b.Printed.Pieces.Text, "weight": b.Printed.Weight.Text,
			"volume": b.Printed.Cube.Text,
		}}
		for i := range b.Lines {
			l := &b.Lines[i]
			t.Rows = append(t.Rows, map[string]string{
				"packages": l.Cartons.Text, "pieces": l.Pieces.Text, "weight": l.Weight.Text, "volume": l.Volume.Text,
				"style": l.Style.Text, "po": l.OrderNumber.Text, "description": l.Description.Text,
			})
		}
		bills = append(bills, Bill{Number: b.Number.Text, Pages: len(b.Sheets), Proved: b.Verdict.Outcome == bol.Reconciled, Tables: []Table{t}})
	}
	return bills, nil
}
