package sheet

import (
	"slices"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/page"
)

// attested returns the document with what the order export says of numbers of bills and of
// styles that were read from pictures and are doubtful (DESIGN.md §13). What both readers read
// stays as it is in any case.
//
// A number counts only if the export has one bill alone that may be it, has the same lines, each
// of them once, and is not another bill of the document. A style counts only if one alone may stand
// there, in the rows of its bill with the same cartons and pieces.
func attested(doc *bol.Document, table *orders.Table) *bol.Document {
	if table == nil || !slices.ContainsFunc(doc.Bills, func(b *bol.Bill) bool { return b.Optical }) {
		return doc
	}
	cartons, pieces := table.Dots()
	var numbers []string       // of the bills of the export, in order
	rows := map[string][]key{} // by number
	printed := map[key]key{}   // what the export has, by what compares
	for i := range table.Rows {
		as := orderKey(&table.Rows[i])
		k := as.normal(cartons, pieces)
		if k.bill == "" {
			continue
		}
		if rows[k.bill] == nil {
			numbers = append(numbers, k.bill)
		}
		rows[k.bill] = append(rows[k.bill], k)
		printed[k] = as
	}
	taken := map[string]int{}
	for _, b := range doc.Bills {
		if !b.Number.Doubtful() {
			taken[normal(b.Number.Text)]++
		}
	}
	found := make([]string, len(doc.Bills))
	for i, b := range doc.Bills {
		if !b.Number.Doubtful() {
			continue
		}
		n := 0
		for _, number := range numbers {
			if b.Number.MayBe(number) && sameLines(b, rows[number]) {
				found[i] = number
				n++
			}
		}
		if n != 1 {
			found[i] = ""
		}
		taken[found[i]]++
	}
	var all []bol.Attestation
	for i, b := range doc.Bills {
		if !b.Optical {
			continue
		}
		number := normal(b.Number.Text)
		if b.Number.Doubtful() {
			if number = found[i]; number == "" || taken[number] > 1 {
				continue
			}
			all = append(all, bol.Attestation{Bill: i, Line: -1, Text: page.Seen(printed[rows[number][0]].bill)})
		}
		for j := range b.Lines {
			l := &b.Lines[j]
			if !l.Style.Doubtful() {
				continue
			}
			like := key{number, "", l.Cartons.Text, l.Pieces.Text}.normal(false, false)
			var styles []string
			for _, k := range rows[number] {
				if k.cartons == like.cartons && k.pieces == like.pieces && l.Style.MayBe(k.style) && !slices.Contains(styles, k.style) {
					styles = append(styles, k.style)
					like.style = k.style
				}
			}
			if len(styles) == 1 {
				all = append(all, bol.Attestation{Bill: i, Line: j, Text: page.Seen(printed[like].style)})
			}
		}
	}
	return doc.Attested(all)
}

// sameLines reports whether the lines of a bill are those of order rows, each of them once, apart
// from what is doubtful of their styles.
func sameLines(b *bol.Bill, rows []key) bool {
	if len(b.Lines) != len(rows) {
		return false
	}
	left := slices.Clone(rows)
	for _, doubtful := range []bool{false, true} { // those that leave no choice come first
		for i := range b.Lines {
			l := &b.Lines[i]
			if l.Style.Doubtful() != doubtful {
				continue
			}
			k := lineKey(b, l).normal(false, false)
			at := slices.IndexFunc(left, func(o key) bool {
				return o.cartons == k.cartons && o.pieces == k.pieces && (o.style == k.style || doubtful && l.Style.MayBe(o.style))
			})
			if at < 0 {
				return false
			}
			left = slices.Delete(left, at, at+1)
		}
	}
	return true
}
