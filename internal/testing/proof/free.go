package proof

import (
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/form"
	"tallyman/internal/page"
	"tallyman/internal/sample"
)

// Free reads pages of any form by their headings.
func Free(pages []page.Page) ([]Bill, error) { return by(pages) }

// Learnt returns a reader that was taught the form of each document: by what is found on it,
// or by its headings and the labels of its rows if it is of sample's own form.
func Learnt(documents []Document) (Reader, error) {
	var forms []form.Form
	for _, d := range documents {
		l, err := form.Study(d.Pages, d.Pages[0].Number, nil, nil)
		if err == nil && l.HeadingsOn == 0 && strings.Contains(d.Truth.Layout, string(sample.House)) {
			l, err = form.Study(d.Pages, d.Pages[0].Number, nil, &form.Shown{
				Headings: map[string]form.Field{"LAATIKOT": form.Packages, "TUOTE": form.Style, "KUVAUS": form.Description, "KAPPALEET": form.Pieces, "PAINO": form.Weight},
				Rules:    []form.RowRule{{Begins: "SIIRTO", Is: form.NoRow}, {Begins: "YHTEENSÄ", Is: form.TotalRow}},
			})
		}
		if err != nil {
			return nil, fmt.Errorf("teaching %s: %w", d.Name, err)
		}
		if l.Form != nil && !slices.ContainsFunc(forms, func(f form.Form) bool { return f.Same(l.Form) }) {
			l.Form.Name = d.Name
			forms = append(forms, *l.Form)
		}
	}
	return func(pages []page.Page) ([]Bill, error) { return by(pages, forms...) }, nil
}

// by reads pages by learnt forms and by their headings.
func by(pages []page.Page, forms ...form.Form) ([]Bill, error) {
	var bills []Bill
	for _, b := range form.Read(pages, forms...).Bills {
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
