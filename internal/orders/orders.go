// Package orders reads order exports: CSV in its real-world variants, XLSX and XLS
// workbooks in, order rows out (DESIGN.md §4).
//
// It knows the meaning of columns, rows and texts. Packages orders/xlsx and orders/xls
// convert workbooks to sheets of cells and know nothing about orders; the three share
// orders/grid.
//
// It is pure: no files but the reader that it is given, no clock, no globals that
// change. The content decides what a file is, never its name.
//
// Nothing is lost in silence: a file is either read completely, or refused with a fault
// that says where it could not be read.
package orders

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
	"tallyman/internal/orders/grid"
	"tallyman/internal/orders/html"
	"tallyman/internal/orders/xls"
	"tallyman/internal/orders/xlsx"
	"tallyman/internal/text"
)

// columns has the column of each field, from 0; -1 if there is none.
type columns [numFields]int

// Row is one row of an order export. Fields are the values of cells, without white
// space and invisible marks at both ends; a date cell of a workbook is MMDDYYYY. A
// value that is only on the first row of its order is filled in on the others. Fields
// without a column are "".
type Row struct {
	// Number is the row's number in the file, from 1, including the header: the number
	// in a spreadsheet.
	Number int
	// Sheet is the name of the workbook's sheet, if it is not the first that was read.
	Sheet string `json:",omitempty"`

	InvoiceNo    string // the bill's number
	Style        string
	Cartons      string
	Pieces       string
	InvoiceDate  string
	ShipTo       string
	OrderNo      string
	DeliveryDate string
	CancelDate   string

	// Export is the name of the export, if there are several; see Join.
	Export string `json:",omitempty"`
	// Kept are the cells of the columns of Dialect.Kept, joined by keptMark; "" if none has a
	// value. See KeptCells.
	Kept string `json:",omitempty"`
}

// keptMark stands between kept cells, which have no control characters but white space.
const keptMark = "\x1f"

// KeptCells returns the cells of the columns of Dialect.Kept, "" for one that is not there;
// nil if none has a value.
func (r *Row) KeptCells() []string {
	if r.Kept == "" {
		return nil
	}
	return strings.Split(r.Kept, keptMark)
}

// Table is an order export. It has at least one row.
type Table struct {
	Name string
	// Format is the format of the file for people: "CSV, semicolon, Windows-1252",
	// "XLSX, sheet Orders".
	Format string
	// Header are the column names, without white space at both ends.
	Header []string
	// Columns says which column was read as which field: one entry for each field, the
	// key columns first.
	Columns []ColumnUse
	// Rows are in the order of the file. Rows that are empty in every column that is
	// read are left out.
	Rows []Row
	// Notes are what people should know about how the file was read, those about the
	// whole file first.
	Notes []Note
}

// Limits bound the cost of reading an order export.
type Limits = grid.Limits

// DefaultLimits returns the limits that a zero Limits means.
func DefaultLimits() Limits { return grid.DefaultLimits() }

// options are the limits of reading, and the names of columns.
type options struct {
	Limits
	words vocabulary
	kept  []string // names of columns
}

// Read reads the order export of size bytes in r. The name is only passed on to the
// table; the content decides what the file is. dialect has names of columns beside those
// that the product knows, and may be nil.
//
// Every error is a *fault.Error: EmptyFile, TooLarge, NotAnOrderFile,
// DamagedOrders (also for a workbook that is protected by a password), OldXLS,
// MissingColumns with MissingColumns as details, NoOrderRows, Unreadable if r
// fails, Cancelled or TooSlow if the context ends, WorkerCrashed if the content
// made a reader panic. The cause of the latter three is in the chain.
func Read(ctx context.Context, r io.ReaderAt, size int64, name string, lim Limits, dialect *Dialect) (t *Table, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, &fault.Error{
				Code:    fault.WorkerCrashed,
				Message: "the order export made its reader fail; it is probably damaged: " + grid.SaveAsXLSX,
				Err:     fmt.Errorf("panic: %v\n%s", p, debug.Stack()),
			}
		}
	}()
	src := &source{r: r, size: size}
	t, err = readLayer(ctx, src, size, options{lim.OrDefaults(), dialect.vocabulary(), dialect.kept()}, 0)
	if err != nil {
		return nil, asFault(ctx, src, err)
	}
	t.Name = name
	return t, nil
}

// source keeps the error of its reader, so that a failing disk is not taken for a
// damaged file.
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
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return fault.New(fault.Unreadable, "the order export cannot be read: %w", err)
}

// readLayer reads a file that was within so many archives.
func readLayer(ctx context.Context, r io.ReaderAt, size int64, o options, layers int) (*Table, error) {
	if size <= 0 {
		return nil, grid.EmptyFile()
	}
	if size > o.Bytes {
		return nil, fault.New(fault.TooLarge,
			"the order export is larger than %s; split it, or raise the limit", text.Size(o.Bytes))
	}
	head := make([]byte, min(size, 4096))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, fmt.Errorf("reading its beginning: %w", err)
	}
	switch kind := magic.Of(head); kind {
	case magic.ZIPArchive:
		if in, err := unzip(ctx, r, size, o.Limits); in != nil || err != nil {
			return readUnpacked(ctx, in, err, o, layers)
		}
		wb, err := xlsx.Open(ctx, r, size, o.Limits)
		return readOpened(ctx, wb, err, "", nil, o)
	case magic.GzipArchive:
		in, err := gunzip(ctx, r, size, o.Limits)
		return readUnpacked(ctx, in, err, o, layers)
	case magic.CompoundFile:
		wb, err := xls.Open(ctx, r, size, o.Limits)
		return readOpened(ctx, wb, err, "", nil, o)
	case magic.OldWorkbook:
		return nil, grid.OldXLS("a workbook of Excel 4 or earlier")
	case magic.Unknown, magic.BareWorkbook:
	default:
		return nil, grid.NotOrders(string(kind))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all strings.Builder // returns its content without a copy
	all.Grow(int(size))
	if _, err := io.CopyN(&all, io.NewSectionReader(r, 0, size), size); err != nil {
		return nil, fmt.Errorf("reading all of it: %w", err)
	}
	data := all.String()
	if magic.Of(head) == magic.BareWorkbook {
		wb, err := xls.OpenStream(ctx, []byte(data), o.Limits)
		return readOpened(ctx, wb, err, "", nil, o)
	}
	d, err := decode(data, declaredCharset(data))
	if err != nil {
		return nil, err
	}
	switch what := textKind(d.text); what {
	case "":
		return readCSV(ctx, d, o)
	case htmlPage:
		wb, err := html.Open(ctx, d.text, o.Limits)
		return readOpened(ctx, wb, err, ", "+d.encoding, d.guess(), o)
	case xmlWorkbook:
		wb, err := xlsx.OpenText(ctx, d.text, o.Limits)
		return readOpened(ctx, wb, err, ", "+d.encoding, d.guess(), o)
	default:
		return nil, grid.NotRead(what)
	}
}

func readOpened(ctx context.Context, wb *grid.Workbook, err error, encoding string, g *guess, o options) (*Table, error) {
	if err != nil {
		return nil, err
	}
	return readWorkbook(ctx, wb.Format+encoding, wb, g, o)
}

// readUnpacked reads a file from an archive.
func readUnpacked(ctx context.Context, in *unpackedFile, err error, o options, layers int) (*Table, error) {
	if err != nil {
		return nil, err
	}
	if layers == maxLayers {
		return nil, fault.New(fault.NotAnOrderFile, "the file is an archive within archives; unpack it, and give the order export in it")
	}
	t, err := readLayer(ctx, bytes.NewReader(in.data), int64(len(in.data)), o, layers+1)
	if err != nil {
		return nil, err
	}
	t.Format += ", " + in.how
	return t, nil
}
