// Package orders reads order exports: CSV in its real-world variants, XLSX and
// XLS workbooks in, order rows out (DESIGN.md §4).
//
// It is pure: no files but the reader that it is given, no clock, no globals
// that change. Content decides what a file is, never its name.
//
// Nothing is lost in silence: a file is either read whole, or refused with a
// fault that says where it could not be read.
package orders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"tallyman/internal/fault"
)

// Row is one row of an order export. Fields are cell values as they stand,
// trimmed of white space around them; a date cell of a workbook is MMDDYYYY.
// A column that the export does not have is "".
type Row struct {
	// Number is the row's place in the file, from 1, the header included: what
	// a spreadsheet shows beside it.
	Number int

	InvoiceNo    string // the bill's number
	Style        string
	Cartons      string
	Pieces       string
	InvoiceDate  string
	ShipTo       string
	OrderNo      string
	DeliveryDate string
	CancelDate   string
}

// Table is an order export that was read. It has at least one row.
type Table struct {
	Name string
	// Format says what the file was found to be, for people: "CSV, semicolon,
	// Windows-1252", "XLSX, sheet Orders".
	Format string
	// Header are the column names as they stand, trimmed of white space around
	// them.
	Header []string
	// Rows are in the order of the file. Rows that are empty in every column
	// that is read are left out.
	Rows []Row
}

// Limits bound what reading an order export may cost. A field that is zero
// stands for its default.
type Limits struct {
	// Bytes is the size of the file; 64 MiB.
	Bytes int64
	// Unpacked is what the parts of a workbook may come to together when they
	// are unpacked, in bytes; 512 MiB.
	Unpacked int64
	// Ratio is how many times its packed size a workbook's part may be when it
	// is unpacked, once it is over 16 MiB; 200. Real sheets stay under 50.
	Ratio int64
	// Rows is the number of order rows; 1,000,000.
	Rows int
	// Columns is the number of columns; 16,384, which is Excel's own limit.
	Columns int
	// CellChars is the length in characters of a cell that is kept; 32,767,
	// which is Excel's own limit.
	CellChars int
}

// DefaultLimits are the limits that a zero Limits stands for.
func DefaultLimits() Limits {
	return Limits{
		Bytes:     64 << 20,
		Unpacked:  512 << 20,
		Ratio:     200,
		Rows:      1_000_000,
		Columns:   16_384,
		CellChars: 32_767,
	}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	if l.Bytes == 0 {
		l.Bytes = d.Bytes
	}
	if l.Unpacked == 0 {
		l.Unpacked = d.Unpacked
	}
	if l.Ratio == 0 {
		l.Ratio = d.Ratio
	}
	if l.Rows == 0 {
		l.Rows = d.Rows
	}
	if l.Columns == 0 {
		l.Columns = d.Columns
	}
	if l.CellChars == 0 {
		l.CellChars = d.CellChars
	}
	return l
}

// Read reads the order export of size bytes in r. The name is only handed on to
// the table; what the file is, its content decides.
//
// Every error is a *fault.Error: EmptyFile, TooLarge, NotAnOrderFile,
// DamagedOrders (also for a workbook that is protected by a password), OldXLS,
// MissingColumns with MissingColumns as details, NoOrderRows, Unreadable if r
// fails, Cancelled or TooSlow if the context ends, WorkerCrashed if the content
// made a reader panic. The cause of the latter three is in the chain.
func Read(ctx context.Context, r io.ReaderAt, size int64, name string, lim Limits) (t *Table, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, &fault.Error{
				Code:    fault.WorkerCrashed,
				Message: "the order export made its reader fail; it is probably damaged: " + saveAsXLSX,
				Err:     fmt.Errorf("panic: %v\n%s", p, debug.Stack()),
			}
		}
	}()
	src := &source{r: r, size: size}
	t, err = read(ctx, src, size, lim.orDefaults())
	if err != nil {
		return nil, asFault(ctx, src, err)
	}
	t.Name = name
	return t, nil
}

// source remembers why its reader failed, so that a disk that fails is not
// taken for a file that is damaged.
type source struct {
	r    io.ReaderAt
	size int64
	err  error
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF // a damaged file leads anywhere
	}
	n, err := s.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) && s.err == nil {
		s.err = err
	}
	return n, err
}

func asFault(ctx context.Context, src *source, err error) error {
	if cause := ctx.Err(); cause != nil {
		if errors.Is(cause, context.DeadlineExceeded) {
			return fault.New(fault.TooSlow, "reading the order export took too long: %w", cause)
		}
		return fault.New(fault.Cancelled, "reading the order export was given up: %w", cause)
	}
	if src.err != nil {
		return fault.New(fault.Unreadable, "the order export cannot be read: %w", src.err)
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return fault.New(fault.Unreadable, "the order export cannot be read: %w", err)
}

func read(ctx context.Context, r io.ReaderAt, size int64, lim Limits) (*Table, error) {
	if size <= 0 {
		return nil, emptyFile()
	}
	if size > lim.Bytes {
		return nil, fault.New(fault.TooLarge,
			"the order export is larger than %s; split it, or raise the limit", bytesText(lim.Bytes))
	}
	head := make([]byte, min(size, 4096))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, fmt.Errorf("reading its beginning: %w", err)
	}
	switch what := magic(head); what {
	case zipArchive:
		return readZip(ctx, r, size, lim)
	case compoundFile:
		return readCompound(ctx, r, size, lim)
	case oldWorkbook:
		return nil, oldXLS("a workbook of Excel 4 or earlier")
	case "":
	default:
		return nil, notOrders(what)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var data strings.Builder // which gives its contents away without a copy
	data.Grow(int(size))
	if _, err := io.CopyN(&data, io.NewSectionReader(r, 0, size), size); err != nil {
		return nil, fmt.Errorf("reading all of it: %w", err)
	}
	text, encoding, err := decode(data.String())
	if err != nil {
		return nil, err
	}
	return readCSV(ctx, text, encoding, lim)
}

// saveAsXLSX says how to turn what is not read into what is.
const saveAsXLSX = `open it in Excel, choose File, Save As, "Excel Workbook (*.xlsx)" ` +
	`(or save it as XLSX in LibreOffice), and give that file`

func emptyFile() error {
	return fault.New(fault.EmptyFile, "the order export is empty; export it again")
}

func notOrders(what string) error {
	return fault.New(fault.NotAnOrderFile,
		"the file is no order export but %s; give the CSV, XLSX or XLS file that the order system exports", what)
}

// notRead is for what may well hold the orders, in a form that is not read.
func notRead(what string) error {
	return fault.New(fault.NotAnOrderFile, "the file is %s, which is not read; %s", what, saveAsXLSX)
}

func oldXLS(what string) error {
	return fault.New(fault.OldXLS, "the file is %s, which is not read; %s", what, saveAsXLSX)
}

func locked() error {
	return fault.New(fault.DamagedOrders, "the workbook is protected by a password; open it in Excel, "+
		"take the password away (File, Info, Protect Workbook, Encrypt with Password, leave it empty), save it, and give that file")
}

// bytesText writes a size for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
