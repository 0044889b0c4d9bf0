// Package bol reads bills of lading: positioned words in, bills and their lines
// out, each value with the place where it was read, each bill reconciled with
// the totals that are printed on it (DESIGN.md §3).
//
// It is pure: no files, no clock, no globals that change.
package bol

import (
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/form"
	"tallyman/internal/page"
)

// Value is a text and the place where it was read. The zero Value is an empty cell, or
// a field that is not on the page.
type Value struct {
	// Text is as printed, words separated by single spaces.
	Text string
	// File is the index of the document among those read together.
	File int
	// Page is the number of the page in the document, from 1; 0 if nothing was read.
	Page int
	// Box is the place of the text on the page, in points.
	Box page.Box
	// Sight says how it was read from a picture; nil for values that are printed, or were
	// given by a person.
	Sight *Sight
}

// Number is a printed number. Valid is false if the cell is empty or is not a number;
// Text then shows which.
type Number struct {
	Value
	Valid bool
}

// Amount returns the number exactly, with the printed decimals. It is zero if the
// number is not valid.
func (n Number) Amount() decimal.Decimal {
	d, _ := decimal.NewFromString(n.Plain())
	return d
}

// Plain returns the number as in the sheet: as printed, without thousands commas. It is
// "" if the number is not valid.
func (n Number) Plain() string {
	if !n.Valid {
		return ""
	}
	return strings.ReplaceAll(n.Text, ",", "")
}

// Line is one row of a bill's table: cartons of one style.
type Line struct {
	Cells
	// File, Page and Box are the place of the whole row.
	File int
	Page int
	Box  page.Box

	change *change // nil if it is as it was read
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
	// Free is what was read of a bill of no known form, by a learnt form or freely; nil for
	// others. Lines and Printed are a view of it, in pounds and cubic feet.
	Free *form.Bill
	// Optical says that pages of the bill are pictures whose text was recognised. It is
	// reconciled only if each figure is confirmed or chosen, since a misreading can stand in a
	// line and in its total (DESIGN.md §13). Twice says that two readers read all of them.
	Optical, Twice bool
	// Accepted is true if somebody vouches for a bill that nothing proves.
	Accepted bool

	change *change // nil if it is as it was read
	absent string  // why totals might be missing
}

// Sheet is one page of a bill: its place in the document, and its own number.
type Sheet struct {
	File int // index of the document
	Page int // page of the document, from 1
	N, M int // "Page N of M"; 0 if it does not say
	// Columns are the columns of the page's table, as they were searched.
	Columns []Place
}

// Place is a named part of a page.
type Place struct {
	Name string
	Box  page.Box
}

// Total returns a total of the bill for the load sheet: the printed one, or, if none is
// printed, the sum of the lines (DESIGN.md §3).
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

	most decimals
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

// Problem is something in a document that people should check: it was not read, or not
// as expected.
type Problem struct {
	Kind ProblemKind
	// Bill is the number of the bill concerned, "" if it is not known.
	Bill string
	File int
	Page int      // 0 if the problem concerns no existing page
	Box  page.Box // zero if it concerns the whole page
	// Text is the text at that place, as printed.
	Text string
	// Message is a sentence for people, without a full stop.
	Message string
}

// ProblemKind is the kind of a problem, for programs.
type ProblemKind string

// The kinds of problems.
const (
	UnreadRow     ProblemKind = "unread_row"     // looks like a line, cannot be read
	TextInTable   ProblemKind = "text_in_table"  // words between the lines that belong to none
	UnreadTotal   ProblemKind = "unread_total"   // a printed total that is not a number, or may be cut off
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
	// DoubtfulNumber is a bill's number whose check digit is wrong, and Converted says that
	// figures were converted to the units of the sheet.
	DoubtfulNumber ProblemKind = "doubtful_number"
	Converted      ProblemKind = "converted"
	// DoubtfulReading is a value that was read from a picture and may be another one.
	DoubtfulReading ProblemKind = "doubtful_reading"
	// PoorPicture is a picture of a page that is dark, or taken from too far.
	PoorPicture ProblemKind = "poor_picture"
	// ChosenReading is a figure in a picture that the readers read differently, where the
	// totals show which reading is right.
	ChosenReading ProblemKind = "chosen_reading"
	// OneReader says that pictures were read by one reader only.
	OneReader ProblemKind = "one_reader"
)

// noteKinds are the kinds of problems by the kinds of package page's notes.
var noteKinds = map[page.NoteKind]ProblemKind{
	page.Unsure:   UnsureText,
	page.Stamp:    Stamped,
	page.Attached: Attachment,
	page.Doubt:    DoubtfulReading,
	page.Poor:     PoorPicture,
}

// Loses reports whether a problem of this kind means that something on the page may be
// missing from what was read, or that what was read may not be valid.
func (k ProblemKind) Loses() bool {
	switch k {
	case UnreadRow, UnreadTotal, UnreadPage, MissingPage, NoNumber, NoTextOnPage, DamagedPage, UnsureText, Stamped, Attachment:
		return true
	}
	return false
}
