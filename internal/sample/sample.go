// Package sample invents bills of lading: a document in the layout of the uniform
// straight bill of lading (DESIGN.md §3), its order export (§4), and the expected
// load sheets (§5). It provides the tests' fixture, the README's demonstration, and
// documents large enough to measure with. It prints the same bills in other forms (§10)
// too; a Truth then takes the place of the sheets.
//
// It calculates on its own, in whole numbers (hundredths of a cubic foot, tenths of a
// pound), and does not use packages bol, orders and sheet. Only therefore do its
// sheets prove something about theirs.
//
// Everything is invented: companies, places, people, numbers. The same Options give
// the same bytes.
//
// Tests that need a faulty document change the Sample before they write it. The Print
// of a Bill or Line affects the PDF only; Sample.Pages leaves pages out, repeats or
// moves them, or adds others.
package sample

import "tallyman/internal/fault"

// The limits of Options. They keep WritePDF under two gigabytes of memory.
const (
	MaxBills        = 20_000
	MaxLines        = 200_000
	MaxLinesPerBill = 100 * RowsPerPage
)

// RowsPerPage is the number of lines that the layout prints on a page.
const RowsPerPage = 21

// Options say what to invent. The zero value is not valid; begin with Defaults.
type Options struct {
	// Form is the form of the bills.
	Form Form
	// Bills is the number of bills, from 1 to MaxBills.
	Bills int
	// Lines is the total number of lines, spread unevenly over the bills: at least
	// one and at most MaxLinesPerBill per bill, and at most MaxLines in total. Some
	// bills have several pages if there are enough lines.
	Lines int
	// Seed chooses among samples of the same size.
	Seed uint64

	// MissingOrders is the number of lines that the order export leaves out.
	MissingOrders int
	// NearMisses is the number of order rows whose pieces differ from their line's.
	NearMisses int
	// ExtraOrders is the number of order rows of bills and styles that are not
	// in the document.
	ExtraOrders int
}

// Defaults returns the options of a small sample with at least one of everything that
// makes a bill hard to read: a bill of two pages, a cube over 1,000 and one over
// 10,000 cubic feet, a ship-to in Burlington, descriptions that touch the volume,
// empty cells, equal lines. Every line has its order row.
func Defaults() Options {
	return Options{Bills: 12, Lines: 60, Seed: 1}
}

// check returns a fault of code bad_request for invalid options.
func (o Options) check() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.BadRequest, format, args...)
	}
	if err := o.Form.check(); err != nil {
		return err
	}
	perBill := o.Bills * MaxLinesPerBill
	switch {
	case o.Bills < 1 || o.Bills > MaxBills:
		return bad("a sample has 1 to %d bills, not %d", MaxBills, o.Bills)
	case o.Lines < o.Bills:
		return bad("%d lines are too few for %d bills; give at least one line per bill", o.Lines, o.Bills)
	case o.Lines > MaxLines:
		return bad("a sample has at most %d lines, not %d", MaxLines, o.Lines)
	case o.Lines > perBill:
		return bad("%d lines are too many for %d bills; give at most %d lines per bill", o.Lines, o.Bills, MaxLinesPerBill)
	case o.MissingOrders < 0 || o.NearMisses < 0 || o.ExtraOrders < 0:
		return bad("the numbers of missing orders (%d), near misses (%d) and extra orders (%d) cannot be negative",
			o.MissingOrders, o.NearMisses, o.ExtraOrders)
	case o.MissingOrders > o.Lines || o.NearMisses > o.Lines-o.MissingOrders:
		return bad("%d missing orders and %d near misses are more than the %d lines", o.MissingOrders, o.NearMisses, o.Lines)
	case o.ExtraOrders > MaxLines:
		return bad("a sample has at most %d extra orders, not %d", MaxLines, o.ExtraOrders)
	}
	return nil
}

// Sample is a document of bills and its order export. Its fields may be changed
// before it is written.
type Sample struct {
	// Bills are in the order of the document, which is not by number.
	Bills []*Bill
	// Orders are in the order of the export, which is not that of the document.
	Orders []Order
	// Pages, if not nil, replace BillPages in WritePDF. The sheets contain all Bills,
	// whatever Pages leaves out.
	Pages []Page

	form Form
	look look
}

// New invents a sample. It returns a fault of code bad_request for options that
// are out of range.
func New(o Options) (*Sample, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return invent(o), nil
}

// Page is one page of the document: of a bill if Bill is not nil, else of Text,
// else a picture. The zero Page is blank.
type Page struct {
	Bill *Bill
	// N and M are printed as "Page N of M". Page N shows the Nth RowsPerPage
	// lines of the bill, page M its totals.
	N, M int
	// Copy marks a page of the short form as a copy of the one before.
	Copy bool
	// Text is printed line by line, without a layout.
	Text []string
	// Picture fills the page with an image and no text.
	Picture bool
}

// BillPages returns the pages of all bills, in order: the starting point for Pages.
func (s *Sample) BillPages() []Page {
	var pages []Page
	for _, b := range s.Bills {
		m := s.form.pages(b)
		for n := 1; n <= m; n++ {
			pages = append(pages, Page{Bill: b, N: n, M: m})
			if b.copied {
				pages = append(pages, Page{Bill: b, N: n, M: m, Copy: true})
			}
		}
	}
	return pages
}

// pages returns the pages of the document.
func (s *Sample) pages() []Page {
	if s.Pages != nil {
		return s.Pages
	}
	return s.BillPages()
}

// Lines returns the number of lines of all bills.
func (s *Sample) Lines() int {
	n := 0
	for _, b := range s.Bills {
		n += len(b.Lines)
	}
	return n
}
