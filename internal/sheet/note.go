package sheet

import (
	"fmt"

	"tallyman/internal/orders"
)

// The kinds of notes about joining.
const (
	SortedByOpenDates orders.NoteKind = "sorted_by_ambiguous_dates" // the order of rows depends on which figure of a date is the month
	SeveralOrderRows  orders.NoteKind = "several_order_rows"        // order rows that add up to one line
)

// joinNotes returns notes about what joining had to decide. open is true if the order
// of the rows depends on ambiguous dates.
func joinNotes(entries []entry, open bool) []orders.Note {
	var notes []orders.Note
	if open {
		notes = append(notes, orders.Note{Kind: SortedByOpenDates,
			Message: "the order of the sheet's rows depends on whether the day or the month comes first in the cancel dates, which nothing in their column says",
			Action:  "check the order of the rows, or write the cancel dates as 2025-12-19 and give the export again"})
	}
	var joined, differ []*entry
	for i := range entries {
		if e := &entries[i]; len(e.more) > 0 {
			joined = append(joined, e)
			if difference(e) != "" {
				differ = append(differ, e)
			}
		}
	}
	if len(joined) > 0 {
		first := joined[0]
		notes = append(notes, orders.Note{Kind: SeveralOrderRows, Info: true, Row: first.order.Number, Export: first.order.Export,
			Message: fmt.Sprintf("lines matched by several order rows that add up to them, as sizes of a style do: %d, first order row %d and %d more", len(joined), first.order.Number, len(first.more))})
	}
	if len(differ) > 0 {
		first := differ[0]
		notes = append(notes, orders.Note{Kind: SeveralOrderRows, Row: first.order.Number, Export: first.order.Export,
			Message: fmt.Sprintf("the order rows that add up to one line differ in other columns on %d lines, first in the %s from order row %d on; the first row's values are in the sheet", len(differ), difference(first), first.order.Number),
			Action:  "check the order's values on these lines"})
	}
	return notes
}

// difference returns the name of a column in which the order rows of one line differ,
// "" if there is none.
func difference(e *entry) string {
	for _, o := range e.more {
		for _, c := range [...]struct{ name, first, other string }{
			{"ship-to", e.order.ShipTo, o.ShipTo}, {"order number", e.order.OrderNo, o.OrderNo}, {"invoice date", e.order.InvoiceDate, o.InvoiceDate},
			{"delivery date", e.order.DeliveryDate, o.DeliveryDate}, {"cancel date", e.order.CancelDate, o.CancelDate},
		} {
			if c.first != c.other {
				return c.name
			}
		}
	}
	return ""
}
