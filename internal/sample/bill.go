package sample

import (
	"strconv"
	"strings"
)

// Column is a column of a bill's table. The foot has Cartons, Pieces, Volume
// (the cube) and Weight too.
type Column int

// The columns, from left to right.
const (
	Cartons Column = iota
	Style
	Pieces
	OrderNumber
	CustStyle
	Description
	Volume
	Weight
)

// Print replaces the true text in some columns of the PDF. An empty text leaves the
// cell empty. The order export and the sheets are not affected.
type Print map[Column]string

// Bill is one bill of lading.
type Bill struct {
	Number string // a letter and digits
	Date   string // MM/DD/YYYY

	ShipTo       string   // the consignee's name in the order export
	Consignee    []string // name and address, at most five lines
	CustomerCode string

	OrderNumber  string
	Store        string
	Dept         string
	Vendor       string
	SalesPerson  string
	ShippedVia   string
	Reference    string
	Terms        string
	InternalCode string // start and cancel date, MMDDYY-MMDDYY
	ControlNo    string
	Zone         string

	Instructions []string // at most five lines, on every page
	Notes        []string // at most two lines, on every page

	Lines []Line

	// The totals that the last page prints and the sheets take over. The cube is in
	// hundredths of a cubic foot, the weight in tenths of a pound; either may differ
	// from the sum of the lines by half a unit per line, as happens when each line is
	// rounded separately.
	Cartons, Pieces, Cube, Weight int

	// NoTotals leaves all four totals out of the PDF.
	NoTotals bool
	// Print changes the PDF's totals.
	Print Print

	// Dates of the order, YYYYMMDD. The second half of the lines is cancelled later,
	// if later is not 0; with unknown, the export does not say when.
	start, cancel, later int
	unknown              bool

	haul   haul
	copied bool // each page of the short form is followed by a copy
}

// Line is one row of a bill's table.
type Line struct {
	Cartons     int
	Style       string
	Pieces      int
	OrderNumber string
	CustStyle   string
	Description string // the column holds 22 characters; longer texts overlap the volume
	Volume      int    // hundredths of a cubic foot
	Weight      int    // tenths of a pound

	// Print changes the PDF's cells.
	Print Print

	// What only the other forms print.
	commodity int // index in commodities
	net       int // weight without cartons, tenths of a pound
	pallet    bool
}

// Order is one row of the order export, each cell as in the file. Dates are MMDDYYYY.
type Order struct {
	InvoiceNo    string
	Style        string
	Cartons      string
	Pieces       string
	InvoiceDate  string
	ShipTo       string
	OrderNo      string
	DeliveryDate string
	CancelDate   string
}

// cell returns what the PDF prints in a column of the line.
func (l *Line) cell(c Column) string {
	if s, ok := l.Print[c]; ok {
		return s
	}
	switch c {
	case Cartons:
		return grouped(l.Cartons)
	case Style:
		return l.Style
	case Pieces:
		return grouped(l.Pieces)
	case OrderNumber:
		return l.OrderNumber
	case CustStyle:
		return l.CustStyle
	case Description:
		return l.Description
	case Volume:
		return hundredths(l.Volume)
	default:
		// The layout groups the thousands of every number except a line's weight.
		return plain(tenths(l.Weight))
	}
}

// total returns what the PDF prints at the foot for a column.
func (b *Bill) total(c Column) string {
	if b.NoTotals {
		return ""
	}
	if s, ok := b.Print[c]; ok {
		return s
	}
	switch c {
	case Cartons:
		return grouped(b.Cartons)
	case Pieces:
		return grouped(b.Pieces)
	case Volume:
		return hundredths(b.Cube)
	default:
		return tenths(b.Weight)
	}
}

// add sets the totals to the sums of the lines.
func (b *Bill) add() {
	b.Cartons, b.Pieces, b.Cube, b.Weight = 0, 0, 0, 0
	for _, l := range b.Lines {
		b.Cartons += l.Cartons
		b.Pieces += l.Pieces
		b.Cube += l.Volume
		b.Weight += l.Weight
	}
}

// grouped returns n with thousands commas.
func grouped(n int) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// hundredths returns n hundredths as the layout prints a volume: two decimals,
// no zero before the point, thousands commas.
func hundredths(n int) string {
	if n < 0 {
		return "-" + hundredths(-n)
	}
	whole := ""
	if n >= 100 {
		whole = grouped(n / 100)
	}
	return whole + "." + strconv.Itoa(n/10%10) + strconv.Itoa(n%10)
}

// tenths returns n tenths as the layout prints a weight: one decimal, thousands
// commas.
func tenths(n int) string {
	if n < 0 {
		return "-" + tenths(-n)
	}
	return grouped(n/10) + "." + strconv.Itoa(n%10)
}

// plain returns a printed number as the sheets show it.
func plain(s string) string {
	return strings.ReplaceAll(s, ",", "")
}
