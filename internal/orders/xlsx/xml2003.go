package xlsx

import (
	"context"
	"encoding/xml"
	"strconv"
	"strings"

	"tallyman/internal/orders/grid"
)

// xml2003 is a workbook in one XML text, a format of Excel 2002 that many web systems
// write (SpreadsheetML 2003).
type xml2003 struct {
	grid.Workbook
	text    string
	lim     grid.Limits
	starts  []int64 // of the sheets in the text
	formats map[string]grid.NumberFormat
}

// OpenText opens a workbook that is one XML text in UTF-8, whatever encoding it
// declares: an Excel 2003 XML workbook or a flat OpenDocument spreadsheet. Its
// errors are those of Open.
func OpenText(ctx context.Context, text string, lim grid.Limits) (*grid.Workbook, error) {
	if strings.Contains(text[:min(len(text), 4096)], "urn:oasis:names:tc:opendocument") {
		return newODS(ctx, lim, func(ctx context.Context) (*scanner, error) { return newTextScanner(ctx, text), nil })
	}
	return openXML2003(ctx, text, lim)
}

func openXML2003(ctx context.Context, text string, lim grid.Limits) (*grid.Workbook, error) {
	wb := &xml2003{Workbook: grid.Workbook{Format: "Excel 2003 XML"}, text: text, lim: lim, formats: map[string]grid.NumberFormat{}}
	wb.Read = wb.read
	x := newTextScanner(ctx, text)
	style := ""
	err := x.starts(func(t xml.StartElement, at int64) error {
		switch t.Name.Local {
		case "Style":
			style = attr(t, "ID")
		case "NumberFormat":
			wb.formats[style] = format2003(attr(t, "Format"))
		case "Worksheet":
			if len(wb.Sheets) == maxSheets {
				return tooManySheets()
			}
			wb.Sheets = append(wb.Sheets, grid.Sheet{Name: attr(t, "Name")})
			wb.starts = append(wb.starts, at)
		case "Visible": // an option of the sheet, after its cells
			state, err := x.text(nil, 64, false)
			if n := len(wb.Sheets); n > 0 {
				wb.Sheets[n-1].Hidden = strings.HasSuffix(string(state), "Hidden")
			}
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(wb.Sheets) == 0 {
		return nil, grid.Damaged("it has no sheets")
	}
	return &wb.Workbook, nil
}

// format2003 returns the meaning of a format's code, or of its English name.
func format2003(code string) grid.NumberFormat {
	switch code {
	case "General Date", "Short Date", "Medium Date", "Long Date":
		return grid.NumberFormat{Date: true}
	case "Standard", "Fixed", "Currency", "Euro Currency", "Percent", "Scientific",
		"Yes/No", "True/False", "On/Off", "General Number", "Short Time", "Medium Time", "Long Time":
		return grid.NumberFormat{}
	}
	return grid.ParseFormat(code)
}

func (wb *xml2003) read(ctx context.Context, i int, rows grid.Rows) error {
	s := &sheet2003{wb: wb, x: newTextScanner(ctx, wb.text[wb.starts[i]:]), c: rows}
	return s.x.broken(s.rows())
}

type sheet2003 struct {
	wb       *xml2003
	x        *scanner
	c        grid.Rows
	row, col int // the last ones, from 1
	cells    []grid.Cell
}

func (s *sheet2003) rows() error {
	if _, err := s.x.next(); err != nil { // the start of the sheet
		return err
	}
	return s.x.named("Table", func(xml.StartElement) error { return s.x.named("Row", s.readRow) })
}

// place reads the place of a row or a cell, which is given only if it does not follow
// the last one.
func (s *sheet2003) place(t xml.StartElement, last int) (int, error) {
	index := attr(t, "Index")
	if index == "" {
		return last + 1, nil
	}
	n, err := strconv.Atoi(index)
	if err != nil || n <= last || n > maxRow {
		return 0, grid.Damaged("%s: the place of a row or cell is %s", s.c.Where(max(s.row, 1)), grid.Quoted(index))
	}
	return n, nil
}

func (s *sheet2003) readRow(start xml.StartElement) (err error) {
	if s.row, err = s.place(start, s.row); err != nil {
		return err
	}
	s.col, s.cells = 0, s.cells[:0]
	if err := s.x.named("Cell", s.readCell); err != nil {
		return err
	}
	return s.c.Add(s.x.ctx, s.row, s.cells)
}

func (s *sheet2003) readCell(start xml.StartElement) error {
	n, err := s.place(start, s.col)
	if err != nil {
		return err
	}
	// The cells that a merged cell covers are not written.
	across, _ := strconv.Atoi(attr(start, "MergeAcross"))
	s.col = min(n+min(max(across, 0), maxRow), maxRow)
	var typ string
	var raw []byte
	err = s.x.named("Data", func(t xml.StartElement) (err error) { // or it is a comment
		typ = attr(t, "Type")
		raw, err = s.x.text(raw, s.wb.lim.CellBytes()-len(raw), true)
		return err
	})
	if err != nil {
		return err
	}
	cell := s.value(string(raw), typ, s.wb.formats[attr(start, "StyleID")])
	if attr(start, "Formula") != "" && typ != "String" {
		cell = grid.Computed(cell, strings.TrimSpace(string(raw)), "")
	}
	s.cells = place(s.cells, s.c, n-1, cell, s.wb.lim)
	return nil
}

// value returns what a cell shows, from its content.
func (s *sheet2003) value(raw, typ string, format grid.NumberFormat) grid.Cell {
	switch typ {
	case "Number":
		if v, ok := grid.ParseNumber(strings.TrimSpace(raw)); ok {
			return format.Show(v, false)
		}
	case "DateTime":
		return grid.ISODate(strings.TrimSpace(raw))
	case "Boolean":
		return grid.Cell{Text: grid.BoolText(xmlBool(raw)), Kind: grid.Bool}
	case "Error":
		return grid.Cell{Text: raw, Kind: grid.Error}
	}
	return grid.Cell{Text: raw}
}
