package xlsx

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"tallyman/internal/orders/grid"
)

// workbook is a workbook in Office Open XML (ECMA-376 part 1, 18).
//
// It is read here with the standard library's zip and XML, not with excelize, which
// writes our workbooks: that library's row iterator drops the errors of both, so that a
// damaged workbook would lose rows in silence, and it does not distinguish dates from
// numbers without loading the whole sheet.
type workbook struct {
	grid.Workbook
	pkg     *pkg
	paths   []string            // of the parts, one for each sheet
	formats []grid.NumberFormat // by style

	stringsPart string            // "" if there is none
	shared      *grid.StringTable // once they are needed
}

func openWorkbook(ctx context.Context, p *pkg, main string) (*grid.Workbook, error) {
	var doc struct {
		XMLName xml.Name `xml:"workbook"`
		Pr      struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name  string `xml:"name,attr"`
			State string `xml:"state,attr"`
			RelID string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := p.decode(ctx, main, &doc); err != nil {
		return nil, err
	}
	rels, err := p.rels(ctx, main)
	if err != nil {
		return nil, err
	}
	wb := &workbook{Workbook: grid.Workbook{Format: "XLSX", Date1904: xmlBool(doc.Pr.Date1904)}, pkg: p}
	wb.Read = wb.read
	sheets := map[string]string{}
	for _, r := range rels {
		switch {
		case r.is("worksheet"):
			sheets[r.ID] = r.Target
		case r.is("sharedStrings"):
			wb.stringsPart = r.Target
		case r.is("styles"):
			if err := wb.readStyles(ctx, r.Target); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range doc.Sheets {
		part, ok := sheets[s.RelID]
		if !ok {
			continue // a chart, a dialog or a macro
		}
		wb.Sheets = append(wb.Sheets, grid.Sheet{Name: s.Name, Hidden: strings.HasSuffix(strings.ToLower(s.State), "hidden")})
		wb.paths = append(wb.paths, part)
	}
	if len(wb.Sheets) == 0 {
		return nil, grid.Damaged("it has no sheets")
	}
	return &wb.Workbook, nil
}

func (wb *workbook) readStyles(ctx context.Context, part string) error {
	var doc struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := wb.pkg.decode(ctx, part, &doc); err != nil {
		return err
	}
	custom := map[int]grid.NumberFormat{}
	for _, f := range doc.Formats {
		custom[f.ID] = grid.ParseFormat(f.Code)
	}
	wb.formats = make([]grid.NumberFormat, len(doc.Cells))
	for i, xf := range doc.Cells {
		wb.formats[i] = grid.FormatOf(custom, xf.Format)
	}
	return nil
}

func (wb *workbook) read(ctx context.Context, i int, c grid.Rows) error {
	p, err := wb.pkg.open(ctx, wb.paths[i])
	if err != nil {
		return err
	}
	defer p.Close()
	s := &sheetReader{ctx: ctx, wb: wb, x: newScanner(p), c: c}
	if err := s.rows(); err != nil {
		if errors.Is(err, errHugeToken) {
			return c.CellTooLong(max(s.row, 1), max(s.col, 0))
		}
		return s.x.broken(err)
	}
	return p.drain()
}

// sharedString returns a string by its index, as in a cell.
func (wb *workbook) sharedString(ctx context.Context, index string, most int) (string, bool, error) {
	if wb.shared == nil {
		if err := wb.readStrings(ctx, most); err != nil {
			return "", false, err
		}
	}
	i, err := strconv.ParseUint(strings.TrimSpace(index), 10, 64)
	if err != nil {
		return "", false, nil
	}
	s, ok := wb.shared.At(i)
	return unescape(s), ok, nil
}

func (wb *workbook) readStrings(ctx context.Context, most int) error {
	if wb.stringsPart == "" {
		return grid.Damaged("its cells refer to shared strings, which it does not have")
	}
	p, err := wb.pkg.open(ctx, wb.stringsPart)
	if err != nil {
		return err
	}
	defer p.Close()
	x := newScanner(p)
	table := &grid.StringTable{}
	err = x.starts(func(t xml.StartElement, _ int64) (err error) {
		if t.Name.Local == "si" {
			table.Text, err = x.rich(table.Text, most)
			table.End()
		}
		return err
	})
	if err == nil {
		wb.shared = table
	}
	return err
}

// sheetReader reads the rows of one sheet.
type sheetReader struct {
	ctx      context.Context // of the only call to Read that uses the reader
	wb       *workbook
	x        *scanner
	c        grid.Rows
	row, col int // the present row, from 1, and column, from 0
	cells    []grid.Cell
}

// errEnough ends the reading of a sheet after its rows: what follows is layout.
var errEnough = errors.New("the rows were read")

func (s *sheetReader) rows() error {
	t, err := s.x.start()
	if err != nil {
		return err
	}
	if t.Name.Local != "worksheet" {
		return errors.New("it is not a worksheet")
	}
	err = s.x.named("sheetData", func(xml.StartElement) error {
		return cmp.Or(s.x.named("row", s.readRow), errEnough)
	})
	if err == nil { // there are no rows; a damaged part must not pass for an empty one
		if _, err = s.x.start(); err == nil {
			err = errors.New("it goes on after its end")
		}
	}
	if err == io.EOF || errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// maxRow is more than the rows of any spreadsheet (1,048,576 in Excel), but small
// enough for arithmetic.
const maxRow = 1 << 30

func (s *sheetReader) readRow(start xml.StartElement) error {
	s.row++
	s.col = -1
	for _, a := range start.Attr {
		if a.Name.Local == "r" {
			n, err := strconv.Atoi(a.Value)
			if err != nil || n < 1 || n > maxRow {
				return grid.Damaged("%s: its number is %s", s.c.Where(s.row), grid.Quoted(a.Value))
			}
			s.row = n
		}
	}
	s.cells = s.cells[:0]
	if err := s.x.named("c", s.readCell); err != nil {
		return err
	}
	return s.c.Add(s.ctx, s.row, s.cells)
}

// maxFormula is the length of a formula that is kept, in bytes.
const maxFormula = 512

func (s *sheetReader) readCell(start xml.StartElement) error {
	s.col++
	var typ, styleID string
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "r":
			col, ok := parseColumn(a.Value)
			if !ok {
				return grid.Damaged("%s: a cell is named %s", s.c.Where(s.row), grid.Quoted(a.Value))
			}
			s.col = col
		case "t":
			typ = a.Value
		case "s":
			styleID = a.Value
		}
	}
	if !s.c.Wants(s.col) {
		return s.x.skip()
	}
	var raw []byte
	var formula []byte
	isFormula, hasValue := false, false
	err := s.x.children(func(t xml.StartElement) (err error) {
		switch t.Name.Local {
		case "v":
			hasValue = true
			raw, err = s.x.text(raw, s.wb.pkg.lim.CellBytes(), false)
		case "is":
			raw, err = s.x.rich(raw, s.wb.pkg.lim.CellBytes())
		case "f":
			isFormula = true
			formula, err = s.x.text(formula, maxFormula, false)
		default:
			err = s.x.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	cell, err := s.value(string(raw), typ, styleID)
	if err != nil {
		return err
	}
	if isFormula && (typ != "str" || !hasValue) {
		cell = grid.Computed(cell, strings.TrimSpace(string(raw)), string(formula))
	}
	s.cells = place(s.cells, s.c, s.col, cell, s.wb.pkg.lim)
	return nil
}

// value returns what a cell shows, from its content (ECMA-376 part 1, 18.18.11,
// ST_CellType).
func (s *sheetReader) value(raw, typ, styleID string) (grid.Cell, error) {
	switch typ {
	case "s":
		if raw == "" {
			return grid.Cell{}, nil
		}
		text, ok, err := s.wb.sharedString(s.ctx, raw, s.wb.pkg.lim.CellBytes())
		if err == nil && !ok {
			err = grid.Damaged("%s: the cell refers to shared string %s, which is not there", s.c.WhereCell(s.row, s.col), grid.Quoted(raw))
		}
		return grid.Cell{Text: text}, err
	case "str", "inlineStr":
		return grid.Cell{Text: unescape(raw)}, nil
	case "b":
		return grid.Cell{Text: grid.BoolText(xmlBool(raw)), Kind: grid.Bool}, nil
	case "d":
		return grid.ISODate(strings.TrimSpace(raw)), nil
	case "n", "":
	case "e":
		return grid.Cell{Text: raw, Kind: grid.Error}, nil
	default:
		return grid.Cell{Text: raw}, nil
	}
	raw = strings.TrimSpace(raw)
	v, ok := grid.ParseNumber(raw)
	if !ok {
		return grid.Cell{Text: raw}, nil
	}
	var format grid.NumberFormat
	if id, err := strconv.Atoi(styleID); err == nil && id >= 0 && id < len(s.wb.formats) {
		format = s.wb.formats[id]
	}
	if !format.Date && len(raw) > 15 && grid.DigitsOnly(raw) {
		return grid.Cell{Text: raw, Kind: grid.Number}, nil // more digits than a number keeps
	}
	return format.Show(v, s.wb.Date1904), nil
}

// parseColumn reads the column of a cell's name: 0 for A1.
func parseColumn(name string) (int, bool) {
	col := 0
	for i := 0; i < len(name); i++ {
		switch b := name[i] | 0x20; {
		case b >= 'a' && b <= 'z' && i < 3:
			col = col*26 + int(b-'a') + 1
		case name[i] >= '1' && name[i] <= '9' && i > 0:
			return col - 1, true
		default:
			return 0, false
		}
	}
	return 0, false
}

func xmlBool(s string) bool {
	switch strings.TrimSpace(s) {
	case "1", "true", "on":
		return true
	}
	return false
}

var escape = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// unescape decodes the characters that strings of a workbook escape, such as _x000D_
// (ECMA-376 part 1, 22.9.2.19, ST_Xstring).
func unescape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		n, err := strconv.ParseUint(e[2:6], 16, 16)
		if err != nil || utf16.IsSurrogate(rune(n)) {
			return e
		}
		return string(rune(n))
	})
}
