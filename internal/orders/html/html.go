// Package html reads the tables of HTML pages, which web systems export under the names
// of workbooks. Each table is a sheet. Nothing is laid out, run or fetched.
package html

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/text"
)

const (
	// maxTables bounds the tables of a page, each of which is searched for a header,
	// and maxDepth bounds nested tables.
	maxTables = 1000
	maxDepth  = 16
	// maxToken bounds one tag or text, in bytes: the tokenizer holds it in memory.
	maxToken = 16 << 20
	// maxCells bounds the cells that spans make of a few bytes.
	maxCells = 50_000_000
	maxSpan  = 65_534 // of rows, as in browsers
)

// page is the text of a page, with the places where its tables begin.
type page struct {
	grid.Workbook
	text   string
	lim    grid.Limits
	starts []int
}

// Open finds the tables of a page. Its errors are faults, grid.NotRead for a page
// without a table and fault.TooLarge for one with too many or nested too deep, or that
// of ctx. The only table of a page has no name.
func Open(ctx context.Context, text string, lim grid.Limits) (*grid.Workbook, error) {
	p := &page{Workbook: grid.Workbook{Format: "HTML table"}, text: text, lim: lim}
	p.Read = p.read
	s := newScanner(ctx, text)
	for depth := 0; ; {
		typ, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if s.tag != atom.Table {
			continue
		}
		if typ == html.EndTagToken {
			depth = max(0, depth-1)
			continue
		}
		if depth++; depth > maxDepth || len(p.starts) == maxTables {
			return nil, fault.New(fault.TooLarge, "the HTML page has more than %d tables, or more than %d within one another; %s",
				maxTables, maxDepth, grid.SaveAsXLSX)
		}
		p.starts = append(p.starts, s.offset)
		p.Sheets = append(p.Sheets, grid.Sheet{Name: fmt.Sprintf("table %d", len(p.starts))})
	}
	switch len(p.starts) {
	case 0:
		return nil, grid.NotRead("an HTML page without a table")
	case 1:
		p.Sheets[0].Name = ""
	}
	return &p.Workbook, nil
}

func (p *page) read(ctx context.Context, i int, rows grid.Rows) error {
	t := &table{lim: p.lim, rows: rows, scanner: newScanner(ctx, p.text[p.starts[i]:])}
	return t.read()
}

// scanner reads the tags and texts of a page, except scripts and styles.
type scanner struct {
	ctx    context.Context // of the only call that uses the scanner
	z      *html.Tokenizer
	n      int
	offset int // the place where the last token begins
	end    int
	tag    atom.Atom // the tag of the last token, 0 if it is a text
	hidden atom.Atom // the script or style that is open
}

func newScanner(ctx context.Context, text string) *scanner {
	z := html.NewTokenizer(strings.NewReader(text))
	z.SetMaxBuf(maxToken)
	return &scanner{ctx: ctx, z: z}
}

// next moves to the next tag or visible text, or returns io.EOF.
func (s *scanner) next() (html.TokenType, error) {
	for {
		if s.n++; s.n%1024 == 0 && s.ctx.Err() != nil {
			return 0, s.ctx.Err()
		}
		typ := s.z.Next()
		s.offset = s.end
		s.end += len(s.z.Raw())
		s.tag = 0
		switch typ {
		case html.ErrorToken:
			if errors.Is(s.z.Err(), html.ErrBufferExceeded) {
				return 0, fault.New(fault.TooLarge, "the HTML page has a tag or text of more than %s; %s", text.Size(maxToken), grid.SaveAsXLSX)
			}
			return 0, s.z.Err()
		case html.TextToken:
			if s.hidden == 0 {
				return typ, nil
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			name, _ := s.z.TagName()
			s.tag = atom.Lookup(name)
			switch s.tag {
			case atom.Script, atom.Style, atom.Template:
				s.hidden = 0
				if typ == html.StartTagToken {
					s.hidden = s.tag
				}
				continue
			}
			if s.hidden == 0 {
				return typ, nil
			}
		}
	}
}

// table reads one table.
type table struct {
	*scanner
	lim  grid.Limits
	rows grid.Rows

	number int // the number of the row, from 1
	cells  []grid.Cell
	spans  []span // by column
	made   int    // cells so far

	open    bool // within a row
	in      bool // within a cell
	text    []byte
	value   string // the number in the cell's tag
	colspan int
	rowspan int
}

// span is a cell that extends into the following rows.
type span struct {
	rows int
	cell grid.Cell
}

func (t *table) read() error {
	for depth := 0; ; {
		typ, err := t.next()
		if err == io.EOF {
			return t.endRow() // browsers show a table without end tag
		}
		if err != nil {
			return err
		}
		if typ == html.TextToken {
			if t.in && len(t.text) < t.lim.CellBytes() {
				t.append(t.z.Text())
			}
			continue
		}
		end := typ == html.EndTagToken
		switch {
		case t.tag == atom.Table && !end:
			depth++
		case t.tag == atom.Table:
			if depth--; depth == 0 {
				return t.endRow()
			}
		}
		if depth > 1 {
			t.append([]byte(" ")) // a table in a cell is read as the cell's text
			continue
		}
		switch t.tag {
		case atom.Tr, atom.Tbody, atom.Thead, atom.Tfoot:
			err = t.endRow()
			if t.tag == atom.Tr && !end {
				t.number++
				t.open = true
			}
		case atom.Td, atom.Th:
			if err = t.endCell(); err == nil && !end {
				t.beginCell()
			}
		case atom.Br, atom.P, atom.Div, atom.Li:
			t.append([]byte("\n"))
		case atom.Input:
			t.input()
		}
		if err != nil {
			return err
		}
	}
}

// append adds to the cell's text. White space becomes one space, but a line break of
// the page stays.
func (t *table) append(text []byte) {
	if !t.in {
		return
	}
	if string(text) == "\n" {
		t.text = append(t.text, '\n')
		return
	}
	for _, b := range text {
		if b == ' ' || b == '\t' || b == '\n' || b == '\r' || b == '\f' {
			if n := len(t.text); n == 0 || t.text[n-1] == ' ' || t.text[n-1] == '\n' {
				continue
			}
			b = ' '
		}
		t.text = append(t.text, b)
	}
}

func (t *table) beginCell() {
	if !t.open { // a cell without a row begins one
		t.number++
		t.open = true
	}
	t.in, t.text, t.value, t.colspan, t.rowspan = true, t.text[:0], "", 1, 1
	t.attributes(func(name, value string) {
		n, _ := strconv.Atoi(strings.TrimSpace(value))
		switch name {
		case "colspan":
			t.colspan = min(max(n, 1), t.lim.Columns)
		case "rowspan":
			if t.rowspan = min(n, maxSpan); n <= 0 {
				t.rowspan = maxSpan // it extends to the end of the table
			}
		case "x:num", "sdval":
			// Excel and LibreOffice write this beside a number that is shown with fewer
			// digits.
			t.value = value
		}
	})
}

func (t *table) attributes(each func(name, value string)) {
	for {
		name, value, more := t.z.TagAttr()
		each(string(name), string(value))
		if !more {
			return
		}
	}
}

// input adds the value of an input field.
func (t *table) input() {
	typ, value := "text", ""
	t.attributes(func(name, v string) {
		switch name {
		case "type":
			typ = strings.ToLower(v)
		case "value":
			value = v
		}
	})
	switch typ {
	case "text", "number", "date", "tel":
		if len(t.text) < t.lim.CellBytes() {
			t.append([]byte(value))
		}
	}
}

// endCell puts the present cell in its place.
func (t *table) endCell() error {
	if !t.in {
		return nil
	}
	t.in = false
	t.fill(len(t.cells))
	cell := grid.Cell{Text: strings.TrimFunc(string(t.text), grid.Blank)}
	_, isNumber := grid.ParseNumber(cell.Text)
	if v, ok := grid.ParseNumber(t.value); ok && (isNumber && strings.ContainsAny(cell.Text, "eE") || strings.Trim(cell.Text, "#") == "") {
		cell = grid.NumberFormat{}.Show(v, false)
	}
	for n := range t.colspan {
		if t.rowspan > 1 {
			for len(t.spans) <= len(t.cells) {
				t.spans = append(t.spans, span{})
			}
			t.spans[len(t.cells)] = span{t.rowspan - 1, cell}
		}
		if err := t.put(cell); err != nil {
			return err
		}
		if n == 0 {
			cell = grid.Cell{} // the other columns of a wide cell are empty
		}
	}
	return nil
}

// fill adds the cells that extend from earlier rows, from a column on.
func (t *table) fill(col int) {
	for ; col < len(t.spans) && t.spans[col].rows > 0 && len(t.cells) <= t.lim.Columns; col++ {
		t.spans[col].rows--
		t.cells = append(t.cells, t.spans[col].cell)
		t.made++
	}
}

func (t *table) put(c grid.Cell) error {
	t.made++
	if t.made > maxCells {
		return t.tooMany()
	}
	if len(t.cells) <= t.lim.Columns { // Add refuses one more
		t.cells = append(t.cells, c)
	}
	return nil
}

func (t *table) endRow() error {
	if err := t.endCell(); err != nil {
		return err
	}
	if !t.open {
		return nil
	}
	t.open = false
	for col := len(t.cells); col < len(t.spans); col++ {
		t.fill(len(t.cells))
		if len(t.cells) <= col {
			if err := t.put(grid.Cell{}); err != nil {
				return err
			}
		}
	}
	if t.made > maxCells {
		return t.tooMany()
	}
	if len(t.cells) == 0 {
		return nil
	}
	err := t.rows.Add(t.ctx, t.number, t.cells)
	t.cells = t.cells[:0]
	return err
}

func (t *table) tooMany() error {
	return fault.New(fault.TooLarge, "%s: the table has more than %d cells; %s", t.rows.Where(t.number), maxCells, grid.SaveAsXLSX)
}
