// Package bol reads bills of lading: positioned words in, bills and their lines
// out, each value with the place where it was read, each bill reconciled with
// the totals that are printed on it (DESIGN.md §3).
//
// It is pure: no files, no clock, no globals that change.
package bol

import (
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/page"
)

// Value is a text and the place where it was read. The zero Value is a cell
// that is empty, or a field that is not on the page.
type Value struct {
	// Text is as printed, words separated by single spaces.
	Text string
	// File is the index of the document among those read together, from 0.
	File int
	// Page counts from 1 within the document; 0 if nothing was read.
	Page int
	// Box is where the text stands on the page, in points.
	Box page.Box
}

// Number is a printed number. Valid is false if the cell is empty or holds
// something that is not a number; Text then tells which.
type Number struct {
	Value
	Valid bool
}

// Amount returns the number, exactly and with the decimals that are printed. It
// is zero if the number is not valid.
func (n Number) Amount() decimal.Decimal {
	d, _ := decimal.NewFromString(n.Plain())
	return d
}

// Plain returns the number as the sheet shows it: as printed, without thousands
// commas. It is "" if the number is not valid.
func (n Number) Plain() string {
	if !n.Valid {
		return ""
	}
	return strings.ReplaceAll(n.Text, ",", "")
}

// Line is one row of a bill's table: cartons of one style.
type Line struct {
	Cells
	// File, Page and Box say where the whole row stands.
	File int
	Page int
	Box  page.Box
}

// Bill is one bill of lading. Pages of one number are one bill, whatever their
// order in the document.
type Bill struct {
	FieldsOf[Value, []Value]

	// Lines are in the order of the bill's pages, top to bottom.
	Lines []Line
	// Printed are the totals at the foot of the last page.
	Printed Totals
	// Sheets are the pages of the document that make up the bill, by their own
	// "Page n of m".
	Sheets []Sheet
	// Verdict is the outcome of the reconciliation.
	Verdict Verdict
}

// Sheet is one page of a bill: where it is, and what it says of itself.
type Sheet struct {
	File int // index of the document
	Page int // page of the document, from 1
	N, M int // "Page N of M"; 0 if it does not say
	// Columns are the columns of the page's table, where they were looked for.
	Columns []Place
}

// Place is a named part of a page.
type Place struct {
	Name string
	Box  page.Box
}

// Total returns the figure that the bill stands for in the load sheet: what is
// printed, or where nothing is printed the sum of the lines (DESIGN.md §3).
func (b *Bill) Total(f Field) string {
	p := totalOf(&b.Printed, f)
	if p.Valid {
		return p.Plain()
	}
	return b.sum(f).text()
}

// Document is what was read from one or more PDFs of bills.
type Document struct {
	// Files are the documents read, in order.
	Files []File
	// Bills are in the order of their first page.
	Bills []*Bill
	// Problems are in the order of files and pages.
	Problems []Problem
}

// File is one of the documents read.
type File struct {
	Name  string
	Pages int
}

// Lines returns the number of lines of all bills.
func (d *Document) Lines() int {
	n := 0
	for _, b := range d.Bills {
		n += len(b.Lines)
	}
	return n
}

// Count returns the number of bills with the given outcome.
func (d *Document) Count(o Outcome) int {
	n := 0
	for _, b := range d.Bills {
		if b.Verdict.Outcome == o {
			n++
		}
	}
	return n
}

// PageCount returns the number of pages of all files.
func (d *Document) PageCount() int {
	n := 0
	for _, f := range d.Files {
		n += f.Pages
	}
	return n
}

// Problem is something in a document that people should look at: it was not
// read, or not as expected.
type Problem struct {
	Kind ProblemKind
	// Bill is the number of the bill concerned, if it is known.
	Bill string
	File int
	Page int      // 0 if the problem is about no page that is there
	Box  page.Box // zero if it concerns the whole page
	// Text is what stands there, as printed.
	Text string
	// Message is a sentence for people, without a full stop.
	Message string
}

// ProblemKind names a kind of problem, for programs.
type ProblemKind string

// The kinds of problems.
const (
	UnreadRow     ProblemKind = "unread_row"     // looks like a line, cannot be read
	TextInTable   ProblemKind = "text_in_table"  // words between the lines that belong to none
	UnreadTotal   ProblemKind = "unread_total"   // a printed total that is not a number
	MissingPage   ProblemKind = "missing_page"   // "Page n of m" that is in no file
	DuplicatePage ProblemKind = "duplicate_page" // the same page of a bill twice
	DifferingPage ProblemKind = "differing_page" // one page of a bill twice, with other content; both are counted
	DuplicateFile ProblemKind = "duplicate_file" // one file twice, by its content
	NoNumber      ProblemKind = "no_number"      // a bill's page without a readable number
	NoTextOnPage  ProblemKind = "no_text"        // a page without text: a scan or a picture
	NotABill      ProblemKind = "not_a_bill"     // a page with text in no known layout
	UnreadPage    ProblemKind = "unread_page"    // a page of a known layout whose table cannot be found
	DamagedPage   ProblemKind = "damaged_page"   // a page that the PDF engine cannot read
	UnsureText    ProblemKind = "unsure_text"    // text of which it is not clear whether a person sees it
	Stamped       ProblemKind = "stamp"          // a stamp over the page, such as VOID
	Attachment    ProblemKind = "attachment"     // another document within the PDF
)

// noteKinds are the kinds of what package pdf notes of a page.
var noteKinds = map[page.NoteKind]ProblemKind{
	page.Unsure:   UnsureText,
	page.Stamp:    Stamped,
	page.Attached: Attachment,
}

// Loses reports whether a problem of this kind means that something on the paper
// may be missing from what was read, or that what was read may not be valid.
func (k ProblemKind) Loses() bool {
	switch k {
	case UnreadRow, UnreadTotal, UnreadPage, MissingPage, NoNumber, NoTextOnPage, DamagedPage, UnsureText, Stamped, Attachment:
		return true
	}
	return false
}
