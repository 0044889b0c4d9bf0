package xlsx

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"unicode"

	"tallyman/internal/orders/grid"
)

// ods is an OpenDocument spreadsheet: an archive, or one flat text.
type ods struct {
	grid.Workbook
	open func(context.Context) (*scanner, error)
	lim  grid.Limits
}

// openODS opens an archive with a part content.xml.
func openODS(ctx context.Context, p *pkg) (*grid.Workbook, error) {
	const content, manifest = "content.xml", "META-INF/manifest.xml"
	if p.has(manifest) {
		m, err := p.open(ctx, manifest)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		text, err := io.ReadAll(io.LimitReader(m, smallPart))
		if err != nil {
			return nil, err
		}
		if bytes.Contains(text, []byte("encryption-data")) {
			return nil, grid.Locked()
		}
	}
	return newODS(ctx, p.lim, func(ctx context.Context) (*scanner, error) {
		part, err := p.open(ctx, content)
		if err != nil {
			return nil, err
		}
		return newScanner(part), nil
	})
}

func newODS(ctx context.Context, lim grid.Limits, open func(context.Context) (*scanner, error)) (*grid.Workbook, error) {
	doc := &ods{Workbook: grid.Workbook{Format: "ODS"}, open: open, lim: lim}
	doc.Read = doc.read
	x, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer x.close()
	style, hidden, spreadsheet := "", map[string]bool{}, false
	err = x.starts(func(t xml.StartElement, _ int64) error {
		switch t.Name.Local {
		case "style":
			style = attr(t, "name")
		case "table-properties":
			hidden[style] = attr(t, "display") == "false"
		case "spreadsheet":
			spreadsheet = true
		case "tracked-changes": // contain deleted cells
			return x.skip()
		case "table":
			if len(doc.Sheets) == maxSheets {
				return tooManySheets()
			}
			doc.Sheets = append(doc.Sheets, grid.Sheet{Name: attr(t, "name"), Hidden: hidden[attr(t, "style-name")]})
			return x.skip()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !spreadsheet {
		return nil, grid.NotOrders("an OpenDocument file that is not a spreadsheet")
	}
	if len(doc.Sheets) == 0 {
		return nil, grid.Damaged("it has no sheets")
	}
	return &doc.Workbook, nil
}

func (doc *ods) read(ctx context.Context, i int, rows grid.Rows) error {
	x, err := doc.open(ctx)
	if err != nil {
		return err
	}
	defer x.close()
	s := &sheetODS{lim: doc.lim, x: x, c: rows}
	return x.broken(s.table(i))
}

type sheetODS struct {
	lim   grid.Limits
	x     *scanner
	c     grid.Rows
	row   int // the number of the last row
	cells []grid.Cell
}

// table finds the i-th table and reads its rows.
func (s *sheetODS) table(i int) error {
	for {
		t, err := s.x.start()
		switch {
		case err != nil:
		case t.Name.Local == "table" && i == 0:
			return s.rows()
		case t.Name.Local == "table":
			i--
			err = s.x.skip()
		case t.Name.Local == "tracked-changes":
			err = s.x.skip()
		}
		if err != nil {
			return err
		}
	}
}

func (s *sheetODS) rows() error {
	return s.x.children(func(t xml.StartElement) error {
		switch t.Name.Local {
		case "table-row":
			return s.readRow(t)
		case "table-header-rows", "table-rows", "table-row-group":
			return s.rows()
		}
		return s.x.skip()
	})
}

// repeated returns how often a row or a cell is repeated.
func repeated(t xml.StartElement, name string) int {
	n, err := strconv.Atoi(attr(t, name))
	if err != nil {
		return 1
	}
	return min(max(n, 1), maxRow)
}

func (s *sheetODS) readRow(start xml.StartElement) error {
	col := 0
	s.cells = s.cells[:0]
	err := s.x.children(func(t xml.StartElement) error {
		if t.Name.Local != "table-cell" && t.Name.Local != "covered-table-cell" {
			return s.x.skip()
		}
		cell, err := s.readCell(t)
		if err != nil {
			return err
		}
		n := repeated(t, "number-columns-repeated")
		for k := 0; k < n && col+k <= s.lim.Columns && (cell.Text != "" || cell.Kind != grid.Text); k++ {
			s.cells = place(s.cells, s.c, col+k, cell, s.lim)
		}
		col = min(col+n, maxRow)
		return nil
	})
	if err != nil {
		return err
	}
	n := repeated(start, "number-rows-repeated")
	first := s.row + 1
	s.row = min(s.row+n, maxRow)
	// Rows without a wanted cell cost nothing: a sheet ends with a million of
	// them. Others end at the limit of rows.
	for k := 0; k < n && len(s.cells) > 0; k++ {
		if err := s.c.Add(s.x.ctx, first+k, s.cells); err != nil {
			return err
		}
	}
	return nil
}

func (s *sheetODS) readCell(start xml.StartElement) (grid.Cell, error) {
	text, err := s.paragraphs()
	if err != nil {
		return grid.Cell{}, err
	}
	shown := strings.TrimFunc(string(text), grid.Blank)
	cell := grid.Cell{Text: shown}
	var typ, value string
	formula := false
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "value-type":
			if typ != "error" { // LibreOffice marks errors in an attribute of its own
				typ = a.Value
			}
		case "value", "date-value", "boolean-value", "string-value":
			value = a.Value
		case "formula":
			formula = true
		}
	}
	switch typ {
	case "float", "percentage", "currency":
		if v, ok := grid.ParseNumber(value); ok {
			cell = grid.NumberFormat{}.Show(v, false)
			if hasText(shown) {
				cell.Text = shown
			}
			if v == 0 && formula {
				cell.Kind = grid.Uncomputed
			}
		}
	case "date":
		cell = grid.ISODate(value)
	case "boolean":
		cell = grid.Cell{Text: grid.BoolText(value == "true"), Kind: grid.Bool}
	case "error":
		cell.Kind = grid.Error
	case "string":
		if value != "" {
			cell.Text = strings.TrimFunc(value, grid.Blank)
		}
	case "":
		if formula && shown == "" {
			cell.Kind = grid.Uncomputed
		}
	}
	return cell, nil
}

// hasText reports whether a number is shown with added text: letters, leading zeros, or
// hyphens among the digits.
func hasText(shown string) bool {
	if _, ok := grid.ParseNumber(shown); ok {
		return len(shown) > 1 && shown[0] == '0' && grid.DigitsOnly(shown)
	}
	return strings.IndexFunc(shown, unicode.IsLetter) >= 0 ||
		strings.Trim(shown, "0123456789-") == "" && strings.Contains(strings.Trim(shown, "-"), "-")
}

// paragraphs reads the text of a cell after its start tag, without comments and
// drawings.
func (s *sheetODS) paragraphs() ([]byte, error) {
	var text []byte
	lines := 0
	for depth := 1; depth > 0; {
		tok, err := s.x.next()
		if err != nil {
			return nil, err
		}
		add := func(t string) {
			if len(text) < s.lim.CellBytes() {
				text = append(text, t...)
			}
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			switch t.Name.Local {
			case "p":
				if lines++; lines > 1 {
					add("\n")
				}
			case "s":
				add(strings.Repeat(" ", min(repeated(t, "c"), 100)))
			case "tab":
				add("\t")
			case "line-break":
				add("\n")
			case "span", "a":
			default:
				depth--
				if err := s.x.skip(); err != nil {
					return nil, err
				}
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth > 1 {
				add(string(t[:min(len(t), s.lim.CellBytes())]))
			}
		}
	}
	return text, nil
}
