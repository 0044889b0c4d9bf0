package proof

import (
	"tallyman/internal/form"
	"tallyman/internal/page"
)

// Free reads pages of any form by their headings.
func Free(pages []page.Page) ([]Bill, error) {
	var bills []Bill
	for _, b := range form.Read(pages).Bills {
		own := Bill{Number: b.Number.Text, Pages: len(b.Pages), Proved: b.Outcome == form.Reconciled}
		for _, t := range b.Tables {
			to := Table{Role: string(t.Role), Totals: texted(t.Totals), Unproved: map[string]bool{}}
			for _, c := range b.Checks {
				if c.Role == t.Role && c.State != form.Proved {
					to.Unproved[string(c.Field)] = true
				}
			}
			for _, r := range t.Rows {
				to.Rows = append(to.Rows, texted(r))
			}
			own.Tables = append(own.Tables, to)
		}
		bills = append(bills, own)
	}
	return bills, nil
}

// texted returns the texts of a row by field.
func texted(r form.Row) map[string]string {
	out := map[string]string{}
	for _, c := range r.Cells {
		out[string(c.Field)] = c.Text
	}
	return out
}
