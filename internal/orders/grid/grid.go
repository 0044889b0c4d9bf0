// Package grid has what the readers of workbooks and package orders share: sheets as
// rows of cells, what a cell shows, the limits of reading, and the faults of files that
// are not order exports. It does not know what columns mean.
package grid

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// Kind is the kind of a cell's content.
type Kind uint8

// The kinds. Every cell of a CSV is a text.
const (
	Text   Kind = iota
	Number      // a number that is not a date
	Date        // a date; its text is MMDDYYYY
	Bool        // TRUE or FALSE
	Error       // the error of a formula: #N/A
	// Uncomputed is a formula without a value, or with the 0 that programs write which
	// cannot compute formulas.
	Uncomputed
)

// Cell is one cell of a sheet.
type Cell struct {
	// Text is what the cell shows: for a date MMDDYYYY (DESIGN.md §4), and for a
	// formula that was not computed the formula, if it is known.
	Text string
	Kind Kind
}

// Computed returns the cell of a formula, made of the cell without the formula and the
// stored value. The cell must not be a text.
func Computed(c Cell, value, formula string) Cell {
	if c.Kind == Bool || c.Kind == Error {
		return c
	}
	if v, ok := ParseNumber(value); value == "" || ok && v == 0 {
		c = Cell{Text: formula, Kind: Uncomputed}
	}
	return c
}

// Sheet is one worksheet of a workbook.
type Sheet struct {
	Name   string
	Hidden bool
}

// Workbook is an opened workbook.
type Workbook struct {
	// Format is the name of the file's format for people: "XLSX".
	Format string
	// Sheets are the worksheets, in the order of their tabs. The only table of a
	// file without tabs has no name.
	Sheets []Sheet
	// Date1904 is true if the workbook counts days from 1904.
	Date1904 bool
	// Read passes the rows of the i-th sheet to rows, until Add returns an error, which
	// Read returns. Its other errors are of package fault, or that of ctx.
	Read func(ctx context.Context, i int, rows Rows) error
}

// ErrStop is returned by Rows.Add when it needs no more rows, and then by
// Workbook.Read.
var ErrStop = errors.New("no more rows are needed")

// Rows receives the rows of one sheet.
type Rows interface {
	// Wants reports whether Add uses the cells of a column, counted from 0, so that
	// readers can omit the others.
	Wants(col int) bool
	// Add takes the next row that has cells. Its number counts from 1, as in a
	// spreadsheet. The cells are in the order of columns; omitted ones and those after
	// the last may be missing. The slice may be reused after the call.
	Add(ctx context.Context, number int, cells []Cell) error
	// InData reports whether the header was found: rows before it are not part of the
	// orders.
	InData() bool
	// Where returns the name of a row, and WhereCell that of a cell, for a sentence for
	// people.
	Where(number int) string
	WhereCell(number, col int) string
	// CellTooLong returns the fault of a cell with more than Limits.CellChars.
	CellTooLong(number, col int) error
}

// Limits bound the cost of reading an order export. A field that is zero means its
// default.
type Limits struct {
	// Bytes is the size of the file; by default 64 MiB.
	Bytes int64
	// Unpacked is the unpacked size of all parts of a workbook together, in bytes; by
	// default 512 MiB.
	Unpacked int64
	// Ratio is the greatest ratio of unpacked to packed size of a part over 16 MiB; by
	// default 200. Real sheets stay under 50.
	Ratio int64
	// Rows is the number of order rows; by default 1,000,000.
	Rows int
	// Columns is the number of columns; by default 16,384, which is Excel's own limit.
	Columns int
	// CellChars is the length in characters of a cell that is kept; by default 32,767,
	// which is Excel's own limit.
	CellChars int
}

// DefaultLimits returns the limits that a zero Limits means.
func DefaultLimits() Limits { return Limits{}.OrDefaults() }

// OrDefaults returns the limits with the defaults filled in.
func (l Limits) OrDefaults() Limits {
	return Limits{
		Bytes:     cmp.Or(l.Bytes, 64<<20),
		Unpacked:  cmp.Or(l.Unpacked, 512<<20),
		Ratio:     cmp.Or(l.Ratio, 200),
		Rows:      cmp.Or(l.Rows, 1_000_000),
		Columns:   cmp.Or(l.Columns, 16_384),
		CellChars: cmp.Or(l.CellChars, 32_767),
	}
}

// CellBytes returns the length in bytes from which a cell is certainly too long, so
// that readers need not keep more of it.
func (l Limits) CellBytes() int {
	return (l.CellChars + 1) * utf8.UTFMax
}

// ColumnName returns the name of a column in spreadsheets: 0 is A, 26 is AA.
func ColumnName(col int) string {
	var b [8]byte
	i := len(b)
	for col++; col > 0 && i > 0; col = (col - 1) / 26 {
		i--
		b[i] = byte('A' + (col-1)%26)
	}
	return string(b[i:])
}

// Blank reports whether a rune shows nothing: white space of any kind, control
// characters (some systems pad cells with NUL), and the invisible marks in exports.
func Blank(r rune) bool { return unicode.IsSpace(r) || page.Invisible(r) }

// Quoted returns the Label of a text in quotation marks.
func Quoted(s string) string { return text.Quote(Label(s)) }

// Label shortens a text of the file for a sentence.
func Label(s string) string {
	return text.Shorten(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return Blank(r) || unicode.IsControl(r) }), " "), 60)
}
