package xlsx

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

const (
	// maxDepth bounds nested elements, each of which the decoder keeps.
	maxDepth = 256
	// maxSheets bounds the sheets of a workbook that is one text, each of which is
	// searched for a header.
	maxSheets = 1000
)

// scanner reads the tokens of a part, or of a text in memory, within limits.
// encoding/xml does not know entities that a document declares, so that they cannot
// multiply.
type scanner struct {
	*xml.Decoder
	ctx   context.Context // of the only call that uses the scanner
	part  *part           // nil for a text in memory
	n     int
	depth int
}

func newScanner(p *part) *scanner {
	return &scanner{Decoder: xml.NewDecoder(p), ctx: p.ctx, part: p}
}

// newTextScanner reads a text in UTF-8, whatever encoding it declares.
func newTextScanner(ctx context.Context, text string) *scanner {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return &scanner{Decoder: d, ctx: ctx}
}

func (s *scanner) close() {
	if s.part != nil {
		s.part.Close()
	}
}

func (s *scanner) next() (xml.Token, error) {
	if s.part != nil {
		s.part.token = 0
	} else if s.n++; s.n%4096 == 0 && s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	tok, err := s.Token()
	switch tok.(type) {
	case xml.StartElement:
		if s.depth++; s.depth > maxDepth {
			return nil, grid.Damaged("its elements lie more than %d deep within one another", maxDepth)
		}
	case xml.EndElement:
		s.depth--
	}
	return tok, err
}

// broken turns an error of reading or parsing into a fault, unless it is one, the end
// of the context, or grid.ErrStop.
func (s *scanner) broken(err error) error {
	var f *fault.Error
	switch {
	case err == nil, errors.Is(err, grid.ErrStop), errors.As(err, &f), s.ctx.Err() != nil:
		return err
	case s.part != nil:
		return s.part.broken(err)
	}
	line, _ := s.InputPos()
	if err == io.EOF {
		return grid.Damaged("it ends in line %d, before its cells do", line)
	}
	return grid.Damaged("line %d cannot be read (%w)", line, err)
}

func tooManySheets() error {
	return fault.New(fault.TooLarge, "the workbook has more than %d sheets; %s", maxSheets, grid.SaveAsXLSX)
}

// place puts a cell into a row, unless it is empty or in a column that is not wanted.
func place(cells []grid.Cell, rows grid.Rows, col int, cell grid.Cell, lim grid.Limits) []grid.Cell {
	if cell == (grid.Cell{}) || !rows.Wants(col) {
		return cells
	}
	if col >= lim.Columns {
		return make([]grid.Cell, lim.Columns+1) // which Add refuses
	}
	for len(cells) <= col {
		cells = append(cells, grid.Cell{})
	}
	cells[col] = cell
	return cells
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// starts calls read with the start tag of each element to the end of the part or text,
// and the place where the tag begins. Elements that read does not read to their end are
// read next.
func (s *scanner) starts(read func(t xml.StartElement, at int64) error) error {
	for {
		at := s.InputOffset()
		tok, err := s.next()
		if err == io.EOF {
			return nil
		}
		if t, ok := tok.(xml.StartElement); ok && err == nil {
			err = read(t, at)
		}
		if err != nil {
			return s.broken(err)
		}
	}
}

// start moves after the next start tag.
func (s *scanner) start() (t xml.StartElement, err error) {
	for found := false; !found && err == nil; {
		var tok xml.Token
		tok, err = s.next()
		t, found = tok.(xml.StartElement)
	}
	return t, err
}

// children reads to the end of the element whose start tag was read. It calls read with
// the start tag of each element in it, which read must read to its end.
func (s *scanner) children(read func(xml.StartElement) error) error {
	for {
		tok, err := s.next()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if err := read(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// named is children for elements of one name; it skips all others.
func (s *scanner) named(name string, read func(xml.StartElement) error) error {
	return s.children(func(t xml.StartElement) error {
		if t.Name.Local == name {
			return read(t)
		}
		return s.skip()
	})
}

// skip reads to the end of the element whose start tag was read.
func (s *scanner) skip() error {
	return s.children(func(xml.StartElement) error { return s.skip() })
}

// text appends the text of the element whose start tag was read, at most a number of
// bytes. deep includes the text of elements in it.
func (s *scanner) text(dst []byte, most int, deep bool) ([]byte, error) {
	most += len(dst)
	for depth := 1; depth > 0; {
		tok, err := s.next()
		if err != nil {
			return dst, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if deep {
				depth++
			} else if err := s.skip(); err != nil {
				return dst, err
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			dst = append(dst, t[:min(len(t), max(0, most-len(dst)))]...)
		}
	}
	return dst, nil
}

// rich appends the text of a string item (si or is) whose start tag was read: its own
// and that of its runs, but not its phonetic text.
func (s *scanner) rich(dst []byte, most int) ([]byte, error) {
	start := len(dst)
	var read func(xml.StartElement) error
	read = func(t xml.StartElement) (err error) {
		switch t.Name.Local {
		case "t":
			dst, err = s.text(dst, max(0, most-(len(dst)-start)), false)
			return err
		case "rPh":
			return s.skip()
		}
		return s.children(read)
	}
	err := s.children(read)
	return dst, err
}
