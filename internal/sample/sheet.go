package sample

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
)

// orderHeader is the header of the order export.
var orderHeader = []string{
	"Invoice No.", "Style", "Cartons*", "Pieces*", "Invoice Date", "Ship-to Name",
	"Order No.", "Delivery Date", "Cancel Date",
}

// sheetHeader is the header of the load sheet (DESIGN.md §5).
var sheetHeader = strings.Split("RTS ID,RTS Status,Load #,Wave #,Routed Date,Ready Date,Date of Pickup,"+
	"Time of Pickup,Outbound BOL,Order Date,Customer,Ship To Name,Purchase Order No.,Cartons,Start Date,"+
	"Cancel Date,BOL Cube,Final Cube,Burlington Cube,Pallet,Individual Pieces,Total Pieces,"+
	"Individual Weight,Total Weight,Invoice No.,Style,Release,Assigned Trucking Co.", ",")

// WriteOrders writes the order export: CSV, UTF-8, comma, and CRLF as real
// exports have it.
func (s *Sample) WriteOrders(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	c.Write(orderHeader)
	for _, o := range s.Orders {
		c.Write([]string{o.InvoiceNo, o.Style, o.Cartons, o.Pieces, o.InvoiceDate, o.ShipTo, o.OrderNo, o.DeliveryDate, o.CancelDate})
	}
	c.Flush()
	return c.Error()
}

// WriteUnmatched writes the expected load sheet of the document alone.
func (s *Sample) WriteUnmatched(w io.Writer) error {
	var rows []sheetRow
	for _, b := range s.Bills {
		for i := range b.Lines {
			rows = append(rows, sheetRow{b, &b.Lines[i], nil})
		}
	}
	return writeSheet(w, rows, false)
}

// WriteExpected writes the expected load sheet of the document and the order export.
func (s *Sample) WriteExpected(w io.Writer) error {
	rows := s.merge()
	earliest := map[string]int{}
	for _, r := range rows {
		d, ok := earliest[r.shipTo()]
		if !ok || r.cancel() < d {
			earliest[r.shipTo()] = r.cancel()
		}
	}
	slices.SortStableFunc(rows, func(a, b sheetRow) int {
		return cmp.Or(
			cmp.Compare(earliest[a.shipTo()], earliest[b.shipTo()]),
			cmp.Compare(a.shipTo(), b.shipTo()),
			cmp.Compare(a.cancel(), b.cancel()),
		)
	})
	return writeSheet(w, rows, true)
}

// sheetRow is a line of a bill with its order row, if it has one.
type sheetRow struct {
	bill  *Bill
	line  *Line
	order *Order
}

func (r sheetRow) shipTo() string {
	if r.order == nil {
		return ""
	}
	return r.order.ShipTo
}

// cancel returns the cancel date as a sortable number: a missing date, or one that is
// not MMDDYYYY, comes after all others.
func (r sheetRow) cancel() int {
	const none = 99999999
	if r.order == nil || len(r.order.CancelDate) != 8 {
		return none
	}
	d, err := strconv.Atoi(r.order.CancelDate)
	if err != nil {
		return none
	}
	return d%10000*10000 + d/10000
}

// merge pairs lines with order rows; equal keys are paired in order of appearance.
func (s *Sample) merge() []sheetRow {
	type key [4]string
	same := func(v string) string {
		return strings.ToLower(strings.TrimSpace(strings.ReplaceAll(v, ",", "")))
	}
	waiting := map[key][]*Order{}
	for i := range s.Orders {
		o := &s.Orders[i]
		k := key{same(o.InvoiceNo), same(o.Style), same(o.Cartons), same(o.Pieces)}
		waiting[k] = append(waiting[k], o)
	}
	var rows []sheetRow
	for _, b := range s.Bills {
		for i := range b.Lines {
			l := &b.Lines[i]
			k := key{same(b.Number), same(l.Style), strconv.Itoa(l.Cartons), strconv.Itoa(l.Pieces)}
			r := sheetRow{b, l, nil}
			if q := waiting[k]; len(q) > 0 {
				r.order, waiting[k] = q[0], q[1:]
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func writeSheet(w io.Writer, rows []sheetRow, merged bool) error {
	c := csv.NewWriter(w)
	c.Write(sheetHeader)
	seen := map[*Bill]bool{}
	// A bill belongs to the first ship-to that its rows name: some may have no order.
	shipTo := map[*Bill]string{}
	for _, r := range rows {
		if shipTo[r.bill] == "" {
			shipTo[r.bill] = r.shipTo()
		}
	}
	for _, r := range rows {
		cells := map[string]string{} // those that have a source
		cells["Cartons"] = strconv.Itoa(r.line.Cartons)
		cells["Individual Pieces"] = strconv.Itoa(r.line.Pieces)
		cells["Individual Weight"] = plain(tenths(r.line.Weight))
		cells["Style"] = r.line.Style
		cells["Invoice No."] = r.bill.Number
		cells["BOL Cube"] = plain(hundredths(r.bill.Cube))
		if r.order != nil {
			cells["Order Date"] = r.order.InvoiceDate
			cells["Ship To Name"] = r.order.ShipTo
			cells["Purchase Order No."] = r.order.OrderNo
			cells["Start Date"] = r.order.DeliveryDate
			cells["Cancel Date"] = r.order.CancelDate
		}
		if !seen[r.bill] {
			seen[r.bill] = true
			cells["Total Pieces"] = strconv.Itoa(r.bill.Pieces)
			cells["Total Weight"] = plain(tenths(r.bill.Weight))
			if merged {
				// A pallet is 80 cubic feet: 8,000 hundredths.
				pallets := (r.bill.Cube + 7999) / 8000
				cells["Pallet"] = strconv.Itoa(pallets)
				if strings.Contains(strings.ToLower(shipTo[r.bill]), "burlington") {
					cells["Burlington Cube"] = strconv.Itoa(93 * pallets)
				} else if shipTo[r.bill] != "" {
					cells["Final Cube"] = strconv.Itoa(130 * pallets)
				}
			}
		}
		row := make([]string, len(sheetHeader))
		for i, name := range sheetHeader {
			row[i] = cells[name]
		}
		c.Write(row)
	}
	c.Flush()
	return c.Error()
}
