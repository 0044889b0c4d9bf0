package orders

import (
	"fmt"
	"strings"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// orderFields are the columns whose values belong to an order and not to one of its
// lines.
var orderFields = [...]field{invoiceDate, shipTo, orderNo, deliveryDate, cancelDate}

// fillDown copies values that are only on the first row of a bill or an order to its
// other rows (DESIGN.md §4), and adds a note. It does so only if the whole export is
// written that way: if some orders repeat a value that others omit, the value is
// missing, and a note says that instead.
func fillDown(rows []Row) []Note {
	return append(fillBills(rows), fillOrders(rows)...)
}

// fillBills copies bill numbers to later rows with a style and no bill number.
func fillBills(rows []Row) []Note {
	var blank found
	repeated := false
	last := ""
	for i := range rows {
		r := &rows[i]
		switch {
		case r.InvoiceNo != "":
			repeated = repeated || r.InvoiceNo == last
			last = r.InvoiceNo
		case r.Style != "" && last != "":
			blank.add(r.Number, r.Style)
		}
	}
	if blank.n == 0 {
		return nil
	}
	if repeated {
		return []Note{{Kind: FilledDown, Row: blank.row(),
			Message: fmt.Sprintf("the bill number is missing in %s, though other rows repeat it; it was left empty", blank.where()),
			Action:  "fill it in, and give the export again"}}
	}
	last = ""
	for i := range rows {
		r := &rows[i]
		if r.InvoiceNo != "" {
			last = r.InvoiceNo
		} else if r.Style != "" {
			r.InvoiceNo = last
		}
	}
	return []Note{{Kind: FilledDown, Info: true, Row: blank.row(),
		Message: fmt.Sprintf("the bill number stands on the first row of each bill only; it was filled in on %s below", text.Count(blank.n, "row"))}}
}

// fillOrders copies the values of an order's first row to its other rows: those of the
// same bill that omit all of them, and agree in the values that they have.
func fillOrders(rows []Row) []Note {
	// The columns that some row of a bill omits although a row above has a value.
	var some, gaps [numFields]bool
	for i := range rows {
		for _, f := range orderFields {
			if *rows[i].field(f) == "" {
				gaps[f] = true
			} else {
				some[f] = true
			}
		}
	}
	var sparse, full []field
	for _, f := range orderFields {
		if some[f] && gaps[f] {
			sparse = append(sparse, f)
		} else if some[f] {
			full = append(full, f)
		}
	}
	if len(sparse) == 0 {
		return nil
	}

	heads := map[string]int{} // the first row of the last order, by bill
	above := make([]int, len(rows))
	var seen [numFields]bool
	var blank [numFields]found
	whole, partly := 0, 0
	for i := range rows {
		r := &rows[i]
		bill := strings.ToLower(page.Seen(r.InvoiceNo))
		head, ok := heads[bill]
		if ok && bill != "" {
			same := true
			for _, f := range full {
				same = same && *r.field(f) == *rows[head].field(f)
			}
			late := false // the first row of the order omits a value that this one has
			for _, f := range sparse {
				v, first := *r.field(f), *rows[head].field(f)
				same = same && (v == "" || first == "" || v == first)
				late = late || first == "" && v != ""
			}
			if same && late {
				for _, f := range sparse {
					if *r.field(f) != "" && *rows[head].field(f) == "" {
						seen[f] = true
						blank[f].add(rows[head].Number, r.InvoiceNo)
					}
				}
				partly++
			} else if same {
				above[i] = head + 1
				for _, f := range sparse {
					seen[f] = seen[f] || *r.field(f) == "" && *rows[head].field(f) != ""
				}
				continue
			}
		}
		heads[bill] = i
	}

	var rest found
	for i := range rows {
		if above[i] == 0 {
			continue
		}
		r, head := &rows[i], &rows[above[i]-1]
		n, of := 0, 0
		for _, f := range sparse {
			if !seen[f] || *head.field(f) == "" {
				continue
			}
			if of++; *r.field(f) == "" {
				n++
				blank[f].add(r.Number, r.InvoiceNo)
			}
		}
		switch {
		case of == 0:
		case n == of:
			whole++
			rest.add(r.Number, r.InvoiceNo)
		default:
			partly++
		}
	}
	if whole == 0 && partly == 0 {
		return nil
	}
	var names []string
	var notes []Note
	for _, f := range sparse {
		if !seen[f] {
			continue
		}
		names = append(names, known[f].meaning)
		if blank[f].n > 0 {
			notes = append(notes, Note{Kind: FilledDown, Row: blank[f].row(),
				Message: fmt.Sprintf("the %s is missing in %s, though other rows of the same order have it; it was left empty", known[f].meaning, blank[f].where()),
				Action:  "fill it in, and give the export again"})
		}
	}
	// A single row shows no pattern: its cells may be missing.
	if partly > 0 || whole < 2 {
		return notes
	}
	for i := range rows {
		if above[i] == 0 {
			continue
		}
		for _, f := range sparse {
			if v := rows[i].field(f); *v == "" {
				*v = *rows[above[i]-1].field(f)
			}
		}
	}
	return []Note{{Kind: FilledDown, Row: rest.row(),
		Message: fmt.Sprintf("%s: the values stand on the first row of each order only; they were filled in on %s below", strings.Join(names, ", "), text.Count(rest.n, "row")),
		Action:  "check that no bill has lines of another order, or export the values on every row"}}
}

// emptyNotes notes empty cells that the sheet needs. Dates may be empty.
func emptyNotes(rows []Row, cols columns) []Note {
	var notes []Note
	for _, f := range orderFields {
		if cols[f] < 0 {
			continue
		}
		var empty found
		for i := range rows {
			if *rows[i].field(f) == "" {
				empty.add(rows[i].Number, "")
			}
		}
		if empty.n == 0 {
			continue
		}
		n := Note{Kind: EmptyCells, Row: empty.row(), Info: f != shipTo && f != orderNo && empty.n < len(rows),
			Message: fmt.Sprintf("the %s is empty in %s", known[f].meaning, empty.where())}
		if f == cancelDate {
			n.Message += "; these rows are sorted as if they had no date"
		}
		if !n.Info {
			n.Action = "fill it in if it is missing, and give the export again"
		}
		notes = append(notes, n)
	}
	return notes
}
