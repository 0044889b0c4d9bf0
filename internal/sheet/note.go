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
	joined, differ := 0, 0
	var first, firstDiffer *entry
	for i := range entries {
		e := &entries[i]
		if len(e.more) == 0 {
			continue
		}
		if joined++; first == nil {
			first = e
		}
		if what := difference(e); what != "" {
			if differ++; firstDiffer == nil {
				firstDiffer = e
			}
		}
	}
	if joined > 0 {
		notes = append(notes, orders.Note{Kind: SeveralOrderRows, Info: true, Row: first.order.Number, Export: first.order.Export,
			Message: fmt.Sprintf("lines matched by several order rows that add up to them, as sizes of a style do: %d, first order row %d and %d more", joined, first.order.Number, len(first.more))})
	}
	if differ > 0 {
		notes = append(notes, orders.Note{Kind: SeveralOrderRows, Row: firstDiffer.order.Number, Export: firstDiffer.order.Export,
			Message: fmt.Sprintf("the order rows that add up to one line differ in other columns on %d lines, first in the %s from order row %d on; the first row's values are in the sheet", differ, difference(firstDiffer), firstDiffer.order.Number),
			Action:  "check the order's values on these lines"})
	}
	return notes
}

// difference returns the name of a column in which the order rows of one line differ,
// "" if there is none.
func difference(e *entry) string {
	for _, o := range e.more {
		switch {
		case o.ShipTo != e.order.ShipTo:
			return "ship-to"
		case o.OrderNo != e.order.OrderNo:
			return "order number"
		case o.InvoiceDate != e.order.InvoiceDate:
			return "invoice date"
		case o.DeliveryDate != e.order.DeliveryDate:
			return "delivery date"
		case o.CancelDate != e.order.CancelDate:
			return "cancel date"
		}
	}
	return ""
}
