package orders

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"tallyman/internal/page"
)

// field is a meaning of a column.
type field int

const (
	invoiceNo field = iota
	style
	cartons
	pieces
	invoiceDate
	shipTo
	orderNo
	deliveryDate
	cancelDate
	numFields
)

// known are the columns that are read, with their names in exports. names are those of
// DESIGN.md §4, the preferred first; others are synonyms in exports of order systems,
// the more usual first; vague are names that may have another meaning, and count only
// if there is no other. hints are parts of names that make a column a likely candidate
// if no column is found.
//
// Names are compared after fold: "Invoice #", "Invoice No." and "INVOICE_NUMBER" are
// equal.
var known = [numFields]struct {
	meaning string
	key     bool
	names   []string
	others  []string
	vague   []string
	hints   []string
}{
	invoiceNo: {"bill number", true,
		[]string{"Invoice No."},
		[]string{"Invoice", "Invoice ID", "Invoice Code", "Inv No", "Inv", "Inv ID", "BOL No", "BOL", "BOL ID", "B/L No", "B/L",
			"BL No", "BL", "Bill of Lading No", "Bill of Lading", "Bill No", "VICS BOL", "VICS BOL No", "Invoice/BOL", "BOL/Invoice", "Outbound BOL"},
		[]string{"Bill", "Bill ID", "Document No", "Doc No", "Shipment No", "Shipment ID", "Shipment", "Packing Slip No", "Packing List No", "Pick Ticket No"},
		[]string{"invoice", "bol", "lading", "bill", "inv"}},
	style: {"style", true,
		[]string{"Style"},
		[]string{"Style No", "Style Code", "Style ID", "SKU", "SKU No", "SKU Code", "Item SKU", "Product SKU", "Lineitem SKU", "Line Item SKU",
			"Item No", "Item Code", "Item ID", "Item Style", "Product Code", "Product No", "Product ID", "Material No", "Material", "Material Code",
			"Article No", "Article", "Article Code", "Part No", "Model No", "Vendor Style", "Vendor Style No", "Vendor Item No", "Mfg Style", "Our Style"},
		[]string{"Item", "Product", "Part", "Model", "Catalog No"},
		[]string{"style", "sku", "item", "article", "product", "material"}},
	cartons: {"cartons", true,
		[]string{"Cartons*", "Cartons"},
		[]string{"Carton", "Ctns", "Ctn", "Carton Qty", "Cartons Qty", "Carton Quantity", "Carton Count", "Ctn Qty", "Ctns Qty", "Ctn Count",
			"No of Cartons", "No of Ctns", "No Cartons", "No Ctns", "Total Cartons", "Total Ctns", "Qty Cartons", "Qty Ctns", "Cartons Shipped", "Shipped Cartons",
			"Ctns Shipped", "Cases", "Case Qty", "Case Quantity", "Case Count", "No of Cases", "Total Cases", "Cases Shipped", "Qty Cases",
			"Boxes", "Box Qty", "Box Count", "No of Boxes", "Total Boxes"},
		[]string{"Packages", "Pkgs", "Package Qty", "No of Packages", "Total Packages", "Cs", "Bx"},
		[]string{"carton", "ctn", "case", "box", "pkg", "package"}},
	pieces: {"pieces", true,
		[]string{"Pieces*", "Individual Pieces"},
		[]string{"Piece", "Pcs", "Pc", "Piece Count", "Pieces Qty", "Piece Qty", "Pcs Qty", "Qty Pieces", "Qty Pcs", "Total Pieces", "Total Pcs", "No of Pieces", "No of Pcs",
			"Pieces Shipped", "Shipped Pieces", "Units", "Unit Qty", "Units Qty", "Qty Units", "Total Units", "Units Shipped", "Shipped Units", "No of Units",
			"Eaches", "Qty Each", "Qty Eaches"},
		[]string{"Qty", "Quantity", "Qty Shipped", "Shipped Qty", "Quantity Shipped", "Ship Qty", "Ship Quantity", "Lineitem Quantity", "Line Item Quantity",
			"Item Qty", "Item Quantity", "Total Qty", "Total Quantity", "Ext Qty", "Order Qty", "Order Quantity", "Qty Ordered", "Ordered Qty", "Quantity Ordered", "Units Ordered", "Unit", "Each", "Ea"},
		[]string{"piece", "pcs", "unit", "qty", "quant", "each"}},
	invoiceDate: {"invoice date", false,
		[]string{"Invoice Date", "Order Date"},
		[]string{"Inv Date", "Date of Invoice", "Invoice Dt", "Inv Dt", "Invoiced On", "PO Date", "P.O. Date", "Purchase Order Date", "Ordered Date", "Date Ordered", "Order Dt", "Ordered On"},
		[]string{"Date", "Document Date", "Doc Date", "Created", "Created At", "Created On", "Entry Date"},
		[]string{"invoicedate", "orderdate", "date"}},
	shipTo: {"ship-to", false,
		[]string{"Ship-to Name", "Ship To Name"},
		[]string{"Ship To", "Ship To Customer", "Ship To Customer Name", "Ship To Company", "Ship To Company Name", "Ship To Account", "Ship To Account Name", "Ship To Party",
			"Ship To Store", "Ship To Store Name", "Ship To Location", "Ship To Address Name", "Shipping Name", "Shipping Company", "Shipto Nm",
			"Consignee", "Consignee Name", "Consigned To", "Deliver To", "Deliver To Name", "Delivery Name", "Delivered To", "Recipient", "Recipient Name", "Receiver", "Receiver Name"},
		[]string{"Customer", "Customer Name", "Cust Name", "Cust", "Account", "Account Name", "Sold To", "Sold To Name", "Client", "Client Name", "Buyer", "Buyer Name",
			"Store", "Store Name", "Destination", "Destination Name", "Retailer", "Company", "Company Name", "Name", "Bill To", "Bill To Name"},
		[]string{"shipto", "consign", "customer", "store", "deliverto", "destination"}},
	orderNo: {"order number", false,
		[]string{"Order No.", "Purchase Order No."},
		[]string{"Purchase Order", "Purchase Order ID", "PO No", "PO", "PO ID", "P.O.", "Cust PO", "Cust PO No", "Customer PO", "Customer PO No", "Customers PO", "Buyer PO", "Buyer PO No",
			"Customer Order No", "Cust Order No", "Customer Purchase Order", "Customer Purchase Order No", "Customer Order", "Order ID", "Order", "PO Reference", "PO Ref"},
		[]string{"Sales Order No", "Sales Order", "SO No", "SO", "Reference", "Reference No", "Ref No", "Ref", "Customer Reference", "Your Reference"},
		[]string{"purchase", "order", "pono"}},
	deliveryDate: {"delivery date", false,
		[]string{"Delivery Date", "Start Date"},
		[]string{"Start", "Deliver Date", "Delivery Dt", "Start Dt", "Start Ship", "Start Ship Date", "Ship Start", "Ship Start Date", "Ship Window Start", "Window Start", "Start of Window",
			"Earliest Ship Date", "Not Before", "Not Before Date", "Ship Not Before", "Do Not Ship Before", "Do Not Deliver Before", "Deliver Not Before", "Earliest Delivery Date",
			"Requested Delivery Date", "Req Delivery Date", "Requested Delivery", "Delivery Start", "Delivery Start Date", "Deliver After", "Ship After", "Ship After Date"},
		[]string{"Ship Date", "Requested Ship Date", "Requested Date", "Request Date", "From Date", "From", "Delivery", "Expected Ship Date", "Need By", "Need By Date"},
		[]string{"start", "deliver", "notbefore", "shipdate"}},
	cancelDate: {"cancel date", false,
		[]string{"Cancel Date"},
		[]string{"Cancel", "Cancel Dt", "Cancel By", "Cancel By Date", "Cancel After", "Cancel After Date", "Cancel If Not Shipped By", "Cancellation Date", "Cancellation", "Canc Date", "Cancelled After",
			"Cxl Date", "Cxl", "Cxl Dt", "Canx Date", "Cncl Date", "Order Cancel Date", "PO Cancel Date", "Ship Cancel", "Ship Cancel Date", "Ship End", "Ship End Date", "Ship Window End", "Window End", "End of Window",
			"Latest Ship Date", "Not After", "Not After Date", "Ship Not After", "Do Not Ship After", "Do Not Deliver After", "Deliver Not After", "Ship No Later Than", "Latest Delivery Date", "Delivery End", "Delivery End Date"},
		[]string{"End Date", "End", "Due Date", "Due", "Ship By", "Ship By Date", "Deliver By", "Deliver By Date", "To Date", "Complete By", "Completion Date", "Expiry Date", "Expiration Date", "Expires"},
		[]string{"cancel", "cxl", "notafter", "enddate"}},
}

// numKeys is the number of key columns, without which rows cannot be matched.
var numKeys = func() (n int) {
	for _, k := range known {
		if k.key {
			n++
		}
	}
	return n
}()

// nameRank is the meaning of a name, with its rank: lower is better.
type nameRank struct {
	field field
	rank  int
	vague bool
}

var byName = sync.OnceValue(func() map[string]nameRank {
	m := map[string]nameRank{}
	for f, k := range known {
		rank := 0
		for i, list := range [][]string{k.names, k.others, k.vague} {
			for _, name := range list {
				if _, ok := m[fold(name)]; !ok {
					m[fold(name)] = nameRank{field(f), rank, i == 2}
				}
				rank++
			}
		}
	}
	return m
})

// numberWords are the words for number.
var numberWords = map[string]bool{"#": true, "no": true, "nr": true, "num": true, "nbr": true, "numb": true, "nos": true, "number": true, "numbers": true}

// fold returns a column's name in the form for comparison: as a person sees it, in
// lower case, with letters and digits only, and with one word for number.
func fold(name string) string {
	// № is seen as No, and CSV exports of databases write words_with_underscores.
	name = strings.ToLower(strings.ReplaceAll(page.Seen(name), "№", "#"))
	words := strings.FieldsFunc(name, func(r rune) bool {
		return r != '#' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	var b strings.Builder
	for _, w := range words {
		for w != "" {
			part := w
			if i := strings.IndexByte(w, '#'); i == 0 {
				part = "#"
			} else if i > 0 {
				part = w[:i]
			}
			w = w[len(part):]
			if numberWords[part] {
				part = "no"
			}
			b.WriteString(part)
		}
	}
	s := b.String()
	// Words that are written together: InvoiceNumber.
	for _, end := range []string{"number", "num", "nbr"} {
		if rest, ok := strings.CutSuffix(s, end); ok && rest != "" {
			return rest + "no"
		}
	}
	return s
}

// candidate is a column that may be that of a field.
type candidate struct {
	col   int
	rank  int
	vague bool
}

// maxCandidates bounds the columns that are considered for one field.
const maxCandidates = 8

// locate finds the fields among the cells of a row, with all candidates for each. Vague
// names count only if there is no other.
func (w vocabulary) locate(cells []string) (found [numFields][]candidate, keys int) {
	for col, cell := range cells {
		if cell == "" || len(cell) > 256 {
			continue
		}
		n, ok := w.meaning(fold(cell))
		if !ok || n.field == ignored {
			continue
		}
		list := found[n.field]
		switch {
		case len(list) > 0 && n.vague && !list[0].vague:
			continue
		case len(list) > 0 && !n.vague && list[0].vague:
			list = nil
		case len(list) == maxCandidates:
			continue
		}
		// Sorted by rank, and within a rank by column.
		i := len(list)
		for i > 0 && list[i-1].rank > n.rank {
			i--
		}
		found[n.field] = slices.Insert(list, i, candidate{col, n.rank, n.vague})
	}
	for f, list := range found {
		if len(list) > 0 && known[f].key {
			keys++
		}
	}
	return found, keys
}

// likeliest returns the header cell that most likely means a field that was not found,
// "" if there is none: it contains a word of the field's names, and means nothing else.
func (w vocabulary) likeliest(f field, cells []string) string {
	for _, hint := range known[f].hints {
		for _, cell := range cells {
			folded := fold(cell)
			if _, taken := w.meaning(folded); !taken && strings.Contains(folded, hint) && len(cell) <= 64 {
				return cell
			}
		}
	}
	for _, cell := range cells { // a spelling error
		folded := fold(cell)
		if _, taken := w.meaning(folded); taken || len(folded) > 40 {
			continue
		}
		for _, list := range [][]string{known[f].names, known[f].others} {
			for _, name := range list {
				if name = fold(name); len(name) > 4 && page.Distance(folded, name, 2) <= 2 {
					return cell
				}
			}
		}
	}
	return ""
}
