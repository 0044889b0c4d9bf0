// Package xls reads workbooks in the binary format of Excel 5 to 2003 ([MS-XLS]):
// an OLE compound file with a stream of records in, sheets of cells out.
package xls

import (
	"cmp"
	"context"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/richardlehane/mscfb"
	"golang.org/x/text/encoding/charmap"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// Open opens an OLE compound file, which may be an XLS workbook or another kind of
// document. Its errors are faults: grid.Damaged, grid.Locked, grid.OldXLS, or
// grid.NotOrders for other files; or that of ctx.
func Open(ctx context.Context, r io.ReaderAt, size int64, lim grid.Limits) (*grid.Workbook, error) {
	doc, err := mscfb.New(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, grid.Because(err, grid.Damaged("it begins like an old Office file, but is cut off or broken"))
	}
	streams := map[string]*mscfb.File{}
	for _, f := range doc.File {
		// Deeper streams are embedded in the document.
		if name := strings.ToLower(f.Name); len(f.Path) == 0 && streams[name] == nil {
			streams[name] = f
		}
	}
	switch {
	case streams["encryptedpackage"] != nil:
		return nil, grid.Locked()
	case streams["workbook"] != nil:
		return openBook(ctx, streams["workbook"], size, lim)
	case streams["book"] != nil:
		return openBook(ctx, streams["book"], size, lim)
	case streams["worddocument"] != nil:
		return nil, grid.NotOrders("a Word document")
	case streams["powerpoint document"] != nil:
		return nil, grid.NotOrders("a PowerPoint presentation")
	case streams["__properties_version1.0"] != nil:
		return nil, grid.NotOrders("an Outlook message")
	}
	return nil, grid.NotOrders("an old Office file that is not a workbook")
}

func openBook(ctx context.Context, stream *mscfb.File, size int64, lim grid.Limits) (*grid.Workbook, error) {
	if stream.Size > size {
		return nil, grid.Damaged("it declares contents that are larger than the file")
	}
	var data []byte
	// Read small pieces: the work of mscfb grows with the square of the size of a read.
	for buf := make([]byte, 32<<10); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := stream.Read(buf)
		data = append(data, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, grid.Because(err, grid.Damaged("its contents cannot be read"))
		}
	}
	return OpenStream(ctx, data, lim)
}

// Numbers of the records that are read ([MS-XLS] 2.3.2).
const (
	recFormula  = 0x0006
	recEOF      = 0x000A
	rec1904     = 0x0022
	recFilePass = 0x002F
	recContinue = 0x003C
	recCodePage = 0x0042
	recSheet    = 0x0085
	recMulRk    = 0x00BD
	recRString  = 0x00D6
	recXF       = 0x00E0
	recSST      = 0x00FC
	recLabelSST = 0x00FD
	recNumber   = 0x0203
	recLabel    = 0x0204
	recBoolErr  = 0x0205
	recString   = 0x0207
	recRk       = 0x027E
	recFormat   = 0x041E
	recBOF      = 0x0809
)

const (
	biff5 = 0x0500 // Excel 5 and 95
	biff8 = 0x0600 // Excel 97 and later
)

// workbook is a workbook in the binary format of Excel 5 to 2003 ([MS-XLS]).
type workbook struct {
	grid.Workbook
	data    []byte // the stream of records
	version uint16
	page    *charmap.Charmap
	formats []grid.NumberFormat // by style (XF)
	shared  grid.StringTable
	offsets []uint32 // where each sheet begins
	left    int64    // bytes of sheets that may still be read
}

// OpenStream opens the records of a workbook of Excel 5 that is not in a compound file.
// Its errors are those of Open.
func OpenStream(ctx context.Context, data []byte, lim grid.Limits) (*grid.Workbook, error) {
	wb := &workbook{Workbook: grid.Workbook{Format: "XLS"}, data: data, page: charmap.Windows1252, left: lim.Unpacked}
	wb.Read = wb.read
	custom := map[int]grid.NumberFormat{}
	var styles []uint16
	r := &records{data: data}
	version, _, err := r.bof()
	if err != nil {
		return nil, err
	}
	wb.version = version
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rec, err := r.next()
		if err != nil {
			return nil, err
		}
		switch rec.id {
		case recEOF:
			for _, id := range styles {
				wb.formats = append(wb.formats, grid.FormatOf(custom, int(id)))
			}
			if len(wb.Sheets) == 0 {
				return nil, grid.Damaged("it has no sheets")
			}
			return &wb.Workbook, nil
		case recFilePass:
			return nil, grid.Locked()
		case recCodePage:
			if wb.version == biff5 {
				if wb.page, err = findCodePage(rec.u16(0)); err != nil {
					return nil, err
				}
			}
		case rec1904:
			wb.Date1904 = rec.u16(0) == 1
		case recFormat:
			id := int(rec.u16(0))
			size := 2
			if wb.version == biff5 {
				size = 1
			}
			custom[id] = grid.ParseFormat(wb.text(&rec, 2, size))
		case recXF:
			styles = append(styles, rec.u16(2))
		case recSheet:
			if rec.u8(5) != 0 {
				break // a chart, a macro sheet or a module
			}
			wb.Sheets = append(wb.Sheets, grid.Sheet{Name: wb.text(&rec, 6, 1), Hidden: rec.u8(4)&3 != 0})
			wb.offsets = append(wb.offsets, rec.u32(0))
		case recSST:
			r.join(&rec)
			if err := wb.readStrings(rec); err != nil {
				return nil, err
			}
		}
		if rec.short {
			return nil, grid.Damaged("one of its records (%#x) is cut off", rec.id)
		}
	}
}

// text reads a string of a record, whose length takes a number of bytes.
func (wb *workbook) text(rec *record, at, size int) string {
	if wb.version == biff5 {
		return rec.bytes(wb.page, at, size)
	}
	return rec.unicode(at, size)
}

// readStrings reads the table of shared strings ([MS-XLS] 2.4.265, SST). It accepts a
// count that is too high, since only the strings that cells refer to matter.
func (wb *workbook) readStrings(rec record) error {
	count := rec.u32(4)
	pos := 8
	for range count {
		if pos >= len(rec.data) {
			break
		}
		var s string
		s, pos = rec.richString(pos)
		if rec.short {
			return grid.Damaged("its table of strings is cut off")
		}
		wb.shared.Text = append(wb.shared.Text, s...)
		wb.shared.End()
	}
	return nil
}

// xlsCell is a cell as stored in its record. There can be millions, and most are in
// columns that are not read.
type xlsCell struct {
	row, col, style uint16
	kind            uint8
	bits            uint64 // a float64, or an index, by kind
}

const (
	cellNumber uint8 = iota
	cellShared       // index among the workbook's shared strings
	cellText         // index among the sheet's own strings
	cellBool
	cellError
	cellUncomputed // a formula
)

func (wb *workbook) read(ctx context.Context, i int, c grid.Rows) error {
	if int64(wb.offsets[i]) > int64(len(wb.data)) {
		return grid.Damaged("sheet %s is missing", grid.Quoted(wb.Sheets[i].Name))
	}
	r := &records{data: wb.data, pos: int(wb.offsets[i])}
	_, kind, err := r.bof()
	if err != nil {
		return err
	}
	// In workbooks that Excel 97 writes for Excel 95, the sheets name the version of
	// Excel 97.
	if kind != 0x10 {
		return grid.Damaged("another record is where sheet %s should begin", grid.Quoted(wb.Sheets[i].Name))
	}
	start := r.pos
	cells, own, err := wb.readCells(ctx, r)
	if err != nil {
		return err
	}
	// The list may declare any number of sheets at the same place.
	if wb.left -= int64(r.pos - start); wb.left < 0 {
		return fault.New(fault.TooLarge, "the unpacked sheets of the workbook are larger than allowed; %s", grid.SaveAsXLSX)
	}
	// Excel writes cells in order; other programs may not.
	slices.SortStableFunc(cells, func(a, b xlsCell) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.col, b.col))
	})
	var line []grid.Cell
	for len(cells) > 0 {
		row := cells[0].row
		line = line[:0]
		for len(cells) > 0 && cells[0].row == row {
			cell := cells[0]
			cells = cells[1:]
			if !c.Wants(int(cell.col)) {
				continue
			}
			shown, ok := wb.show(cell, own)
			if !ok {
				return grid.Damaged("%s: the cell refers to a missing shared string", c.WhereCell(int(row)+1, int(cell.col)))
			}
			if shown.Text == "" {
				continue
			}
			for len(line) <= int(cell.col) {
				line = append(line, grid.Cell{})
			}
			line[cell.col] = shown
		}
		if err := c.Add(ctx, int(row)+1, line); err != nil {
			return err
		}
	}
	return nil
}

// readCells reads the cells of a sheet, and the texts that they hold themselves. r must
// be just after the record that begins the sheet.
func (wb *workbook) readCells(ctx context.Context, r *records) (cells []xlsCell, own []string, err error) {
	pending := -1 // the formula whose text is in a separate record
	depth := 1    // charts are separate streams within sheets
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		rec, err := r.next()
		if err != nil {
			return nil, nil, err
		}
		switch rec.id {
		case recBOF:
			depth++
			continue
		case recEOF:
			if depth--; depth == 0 {
				return cells, own, nil
			}
			continue
		}
		if depth > 1 {
			continue
		}
		if rec.id == recString {
			if pending < 0 {
				continue
			}
			r.join(&rec)
			if own[pending] = wb.text(&rec, 0, 2); rec.short {
				return nil, nil, grid.Damaged("the text of a formula is cut off")
			}
			pending = -1
			continue
		}
		cell := xlsCell{row: rec.u16(0), col: rec.u16(2), style: rec.u16(4)}
		switch rec.id {
		case recLabelSST:
			cell.kind, cell.bits = cellShared, uint64(rec.u32(6))
		case recLabel, recRString:
			cell.kind, cell.bits = cellText, uint64(len(own))
			own = append(own, wb.text(&rec, 6, 2))
		case recNumber:
			cell.bits = rec.u64(6)
		case recRk:
			cell.bits = math.Float64bits(rk(rec.u32(6)))
		case recMulRk:
			// The record has a row, a first column, pairs of style and number, and a last
			// column.
			for at := 4; at+6 <= len(rec.data)-2; at += 6 {
				cell.style = rec.u16(at)
				cell.bits = math.Float64bits(rk(rec.u32(at + 2)))
				cells = append(cells, cell)
				cell.col++
			}
			continue
		case recBoolErr:
			cell.kind, cell.bits = cellBool, uint64(rec.u8(6))
			if rec.u8(7) != 0 {
				cell.kind = cellError
			}
		case recFormula:
			pending = -1
			switch {
			case rec.u16(12) != 0xFFFF:
				// Programs that do not compute formulas write 0.
				if cell.bits = rec.u64(6); cell.bits<<1 == 0 {
					cell.kind = cellUncomputed
				}
			case rec.u8(6) == 0:
				cell.kind, cell.bits = cellText, uint64(len(own))
				own = append(own, "")
				pending = len(own) - 1
			case rec.u8(6) == 1:
				cell.kind, cell.bits = cellBool, uint64(rec.u8(8))
			case rec.u8(6) == 2:
				cell.kind, cell.bits = cellError, uint64(rec.u8(8))
			default: // an empty text
				continue
			}
		default:
			continue
		}
		if rec.short {
			return nil, nil, grid.Damaged("the record of a cell in row %d is cut off", int(cell.row)+1)
		}
		cells = append(cells, cell)
	}
}

// show returns what a cell shows, and false if the cell refers to a missing shared
// string.
func (wb *workbook) show(cell xlsCell, own []string) (grid.Cell, bool) {
	switch cell.kind {
	case cellShared:
		text, ok := wb.shared.At(cell.bits)
		return grid.Cell{Text: text}, ok
	case cellText:
		return grid.Cell{Text: own[cell.bits]}, true
	case cellBool:
		return grid.Cell{Text: grid.BoolText(cell.bits != 0), Kind: grid.Bool}, true
	case cellUncomputed:
		return grid.Cell{Text: "0", Kind: grid.Uncomputed}, true
	case cellError:
		return grid.Cell{Text: cmp.Or(errorTexts[cell.bits], "#ERROR!"), Kind: grid.Error}, true
	}
	var format grid.NumberFormat
	if int(cell.style) < len(wb.formats) {
		format = wb.formats[cell.style]
	}
	return format.Show(math.Float64frombits(cell.bits), wb.Date1904), true
}

// rk unpacks a number from 30 bits: an integer or the top of a float64, perhaps
// times a hundred ([MS-XLS] 2.5.217, RkNumber).
func rk(bits uint32) float64 {
	v := math.Float64frombits(uint64(bits&^3) << 32)
	if bits&2 != 0 {
		v = float64(int32(bits) >> 2)
	}
	if bits&1 != 0 {
		v /= 100
	}
	return v
}

// errorTexts are what cells with an error show ([MS-XLS] 2.5.10, BErr).
var errorTexts = map[uint64]string{0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}
