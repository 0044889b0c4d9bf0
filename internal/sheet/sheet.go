// Package sheet joins bills with order rows into the load sheet: 28 columns, one
// row per line of every bill (DESIGN.md §5), and writes it as CSV, XLSX and JSON.
//
// It is pure: the same inputs give the same bytes, always.
package sheet

import (
	"cmp"
	"slices"
	"strings"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
)

// Columns are the load sheet's, in order.
var Columns = [28]string{
	"RTS ID", "RTS Status", "Load #", "Wave #", "Routed Date", "Ready Date",
	"Date of Pickup", "Time of Pickup", "Outbound BOL", "Order Date", "Customer",
	"Ship To Name", "Purchase Order No.", "Cartons", "Start Date", "Cancel Date",
	"BOL Cube", "Final Cube", "Burlington Cube", "Pallet", "Individual Pieces",
	"Total Pieces", "Individual Weight", "Total Weight", "Invoice No.", "Style",
	"Release", "Assigned Trucking Co.",
}

// The columns that have a source, by their index in Columns. People fill in the others.
const (
	orderDate        = 9
	shipToName       = 11
	purchaseOrderNo  = 12
	cartons          = 13
	startDate        = 14
	cancelDate       = 15
	bolCube          = 16
	finalCube        = 17
	burlingtonCube   = 18
	pallet           = 19
	individualPieces = 20
	totalPieces      = 21
	individualWeight = 22
	totalWeight      = 23
	invoiceNo        = 24
	style            = 25
	truckingCo       = 27
)

// kind is the kind of content of a column.
type kind uint8

const (
	textual kind = iota
	number
	date
)

// kinds are the kinds of the columns; those not listed are text. Numbers of invoices,
// styles and purchase orders are names, even if they look like numbers.
var kinds = [len(Columns)]kind{
	orderDate: date, startDate: date, cancelDate: date,
	cartons: number, bolCube: number, finalCube: number, burlingtonCube: number,
	pallet: number, individualPieces: number, totalPieces: number,
	individualWeight: number, totalWeight: number,
}

// Row is one row of the sheet: its cells, and what they were made from.
type Row struct {
	Cells [28]string
	Bill  *bol.Bill
	Line  *bol.Line
	// Order is the matching order row, nil if there is none or no orders were given. If
	// several order rows add up to the line, it is the first.
	Order *orders.Row
	// More are the other order rows that add up to the line.
	More []*orders.Row
	// Was is what was in cells that people amended, by the index in Columns.
	Was map[int]string

	bill, line int // indices of both in the document
}

// Sheet is the load sheet with its sources. Make makes it; the zero Sheet is one
// without bills.
type Sheet struct {
	Document *bol.Document
	Orders   *orders.Table // nil without an order export
	Rows     []Row
	Match    Match // zero without an order export
	// Findings are everything that people should know before they use the sheet.
	Findings []Finding
	// Notes are about how dates were read and how orders and bills were joined; those
	// about how the export was read are in Orders.
	Notes []orders.Note
	// Amendments are those that the sheet was made with, and what became of them.
	Amendments []Amendment

	read  *bol.Document    // Document as it was read
	given *orders.Table    // Orders as they were given
	dates *orders.Calendar // of Orders
	rules Rules
	shown []shownColumn // of rules
}

// Profile returns the version of the profile by which the sheet was made, "" for none.
func (s *Sheet) Profile() string { return s.rules.Version }

// entry is a line of the document that becomes a row.
type entry struct {
	line  *bol.Line
	order *orders.Row
	more  []*orders.Row
	bill  int  // index of the bill in the document
	at    int  // index of the line in the bill
	seq   int  // index among all lines of the document
	alone bool // people said which order row belongs to it, or that none does
}

// Make makes a sheet by the default rules; see Rules.Make.
func Make(doc *bol.Document, table *orders.Table) *Sheet { return DefaultRules().Make(doc, table) }

// Make makes the sheet without amendments; see Amended.
func (r Rules) Make(doc *bol.Document, table *orders.Table) *Sheet { return r.Amended(doc, table, nil) }

// Amended makes the sheet of a document, its amendments and, unless table is nil, its order
// export (DESIGN.md §5 and §11). It depends on nothing else and changes none of them; the
// sheet refers to them, so they must not change while it is in use. A nil document is one
// without bills. The amendments must be valid; see CheckAmendments. Those that have nothing
// to change are a finding.
func (r Rules) Amended(doc *bol.Document, table *orders.Table, amendments []Amendment) *Sheet {
	if doc == nil {
		doc = &bol.Document{}
	}
	read := doc
	doc, amended := amend(attested(doc, table), amendments)
	entries := make([]entry, 0, doc.Lines())
	for i, b := range doc.Bills {
		if b.Held() {
			continue
		}
		for j := range b.Lines {
			entries = append(entries, entry{line: &b.Lines[j], bill: i, at: j, seq: len(entries)})
		}
	}
	s := &Sheet{Document: doc, Orders: table, read: read, given: table, rules: r, shown: r.shown()}
	if table == nil {
		s.dates = (&orders.Table{}).Calendar(orders.AnyOrder)
		amended.pairs(entries, &orders.Table{})
		s.Rows = s.fill(doc, entries, false)
	} else {
		table, s.Notes = s.rules.named(table)
		s.Orders = table
		unclaimed := pair(doc, entries, table, amended.pairs(entries, table))
		lonely := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.order != nil })
		s.dates = table.Calendar(s.rules.Dates)
		s.Notes = append(append(s.Notes, s.dates.Notes()...), joinNotes(entries, arrangeBy(entries, s.dates))...)
		s.Rows = s.fill(doc, entries, true)
		s.Match = report(doc, table, entries, lonely, unclaimed)
		s.Match.State, s.Match.Reason = s.state()
	}
	amended.fill(s)
	s.Findings = s.find(amended)
	return s
}

// Accept returns the sheet with the lines of bills that nothing proves, because somebody
// vouches for them.
func (s *Sheet) Accept() *Sheet {
	if s.Document == nil || s.Document.Held() == 0 {
		return s
	}
	return s.rules.Amended(s.read.Accept(), s.given, s.Amendments)
}

// Amend returns the sheet of the same document and order export with other amendments.
func (s *Sheet) Amend(amendments []Amendment) *Sheet {
	return s.rules.Amended(s.read, s.given, amendments)
}

// load has what the rows of one bill share.
type load struct {
	cube   string
	shipTo string
	begun  bool // its first row was made
}

// fill makes the rows, in the order of the entries.
func (s *Sheet) fill(doc *bol.Document, entries []entry, merged bool) []Row {
	dates := s.dates
	loads := make([]load, len(doc.Bills))
	for i := range entries {
		// A bill may have lines without an order row, or with several ship-tos; the
		// first in the order of the sheet decides which kind of cube the bill gets.
		e := &entries[i]
		if l := &loads[e.bill]; l.shipTo == "" && e.order != nil {
			l.shipTo = strings.TrimSpace(e.order.ShipTo)
		}
	}
	constants := map[int]string{} // by the index in Columns
	for name, constant := range s.rules.Constants {
		if at := slices.Index(Columns[:], name); at >= 0 {
			constants[at] = constant
		}
	}
	rows := make([]Row, len(entries))
	for i := range entries {
		e := &entries[i]
		b, l := doc.Bills[e.bill], &loads[e.bill]
		rows[i] = Row{Bill: b, Line: e.line, Order: e.order, More: e.more, bill: e.bill, line: e.at}
		c := &rows[i].Cells
		c[cartons] = e.line.Cartons.Plain()
		c[individualPieces] = e.line.Pieces.Plain()
		c[individualWeight] = e.line.Weight.Plain()
		c[invoiceNo] = b.Number.Text
		c[style] = e.line.Style.Text
		if b.Free != nil {
			// The document says what the orders may say otherwise.
			c[purchaseOrderNo] = cmp.Or(e.line.OrderNumber.Text, b.OrderNumber.Text)
			if len(b.Consignee) > 0 {
				c[shipToName] = b.Consignee[0].Text
			}
			c[truckingCo] = b.ShippedVia.Text
		}
		if o := e.order; o != nil {
			c[orderDate] = dates.Written(orders.InvoiceDates, o.InvoiceDate)
			c[shipToName] = o.ShipTo
			if o.OrderNo != "" || b.Free == nil {
				c[purchaseOrderNo] = o.OrderNo
			}
			c[startDate] = dates.Written(orders.DeliveryDates, o.DeliveryDate)
			c[cancelDate] = dates.Written(orders.CancelDates, o.CancelDate)
		}
		if !l.begun {
			l.begun = true
			l.cube = b.Total(bol.Cube)
			c[totalPieces] = b.Total(bol.Pieces)
			c[totalWeight] = b.Total(bol.Weight)
			if merged {
				s.rules.book(c, b, l.shipTo)
			}
		}
		c[bolCube] = l.cube
		for at, constant := range constants {
			c[at] = constant
		}
	}
	return rows
}
