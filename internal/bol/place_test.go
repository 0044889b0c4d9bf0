package bol_test

import (
	"fmt"
	"iter"
	"strings"

	"tallyman/internal/bol"
	"tallyman/internal/page"
)

// valuesOf returns every value of a bill, with a name for people.
func valuesOf(b *bol.Bill) iter.Seq2[string, bol.Value] {
	return func(yield func(string, bol.Value) bool) {
		tables := map[string]any{"": &b.FieldsOf, "total ": &b.Printed}
		for i := range b.Lines {
			tables[fmt.Sprintf("line %d, ", i+1)] = &b.Lines[i].Cells
		}
		for of, table := range tables {
			for name, v := range bol.Values(table) {
				if !yield(of+name, *v) {
					return
				}
			}
		}
	}
}

// misplaced returns the values whose box is off the page, or not around their words.
func misplaced(d *bol.Document, pages []page.Page) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, b := range d.Bills {
			for name, v := range valuesOf(b) {
				if (v.Text == "") != (v == bol.Value{}) {
					yield(fmt.Sprintf("%s of bill %s is half empty: %+v", name, b.Number.Text, v))
				}
				if v.Text == "" {
					continue
				}
				p := pages[v.Page-1]
				x := v.Box
				if !(0 <= x.X0 && x.X0 < x.X1 && x.X1 <= p.Width && 0 <= x.Y0 && x.Y0 < x.Y1 && x.Y1 <= p.Height) {
					yield(fmt.Sprintf("%s of bill %s stands at %v, which is not on the page", name, b.Number.Text, x))
				}
				// All of the value's text is in its box, possibly beside other text.
				within := ""
				for _, w := range p.Words {
					if mid := (w.Box.Y0 + w.Box.Y1) / 2; mid > x.Y0 && mid < x.Y1 && w.Box.X0 < x.X1 && w.Box.X1 > x.X0 {
						within += w.Text
					}
				}
				for word := range strings.FieldsSeq(v.Text) {
					if !strings.Contains(within, word) {
						yield(fmt.Sprintf("%s of bill %s, %q, is not in its box %v, which holds %q", name, b.Number.Text, v.Text, x, within))
					}
				}
			}
		}
	}
}
