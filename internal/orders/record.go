package orders

import (
	"io"
	"strings"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// records reads the records of delimited text. It replaces package encoding/csv, which
// either refuses every stray quotation mark or lets one swallow the following cells in
// silence.
type records struct {
	text  string
	comma string
	most  int // the greatest number of columns

	pos   int
	row   int // number of the last record, as a spreadsheet shows it
	cells []string

	// Of the last record: the fault of the first cell with an unclear end, nil if there
	// is none, and the index of the last such cell. Such a cell is read as if its
	// quotation mark were part of its text.
	doubt    error
	doubtful int
	// spaced are the cells that begin with a space after a comma, if neither they nor
	// the cells before them are quoted.
	spaced []int
	bare   bool // the last cell is not quoted

	wasted int // bytes searched for closing quotation marks in vain
}

func newRecords(text string, comma rune, maxColumns int) *records {
	return &records{text: text, comma: string(comma), most: maxColumns}
}

// next returns the next record that is not an empty line, or io.EOF. The number counts
// empty lines, too. The slice is valid until the next call. A quotation mark that
// leaves the end of a cell unclear is a doubt.
func (r *records) next() (number int, cells []string, err error) {
	for r.pos < len(r.text) {
		r.row++
		if r.endOfLine() {
			continue
		}
		r.cells, r.spaced, r.doubt = r.cells[:0], r.spaced[:0], nil
		for {
			cell, err := r.cell()
			if err != nil {
				if r.wasted > 4*len(r.text)+1<<20 {
					return r.row, nil, err
				}
				if r.doubtful = len(r.cells); r.doubt == nil {
					r.doubt = err
				}
				cell = r.plain()
			}
			if len(r.cells) == r.most {
				return r.row, nil, fault.New(fault.TooLarge, "row %d: more than %d columns; take away those that are not needed",
					r.row, r.most)
			}
			r.cells = append(r.cells, cell)
			if r.pos == len(r.text) || r.endOfLine() {
				return r.row, r.cells, nil
			}
			r.pos += len(r.comma)
		}
	}
	return r.row, nil, io.EOF
}

// endOfLine skips the end of a line: LF, CRLF or CR.
func (r *records) endOfLine() bool {
	switch {
	case r.pos == len(r.text):
		return false
	case r.text[r.pos] == '\n':
		r.pos++
		return true
	case r.text[r.pos] == '\r':
		r.pos++
		if r.pos < len(r.text) && r.text[r.pos] == '\n' {
			r.pos++
		}
		return true
	}
	return false
}

// atEnd reports whether a cell ends at a position.
func (r *records) atEnd(pos int) bool {
	return pos == len(r.text) || r.text[pos] == '\n' || r.text[pos] == '\r' || strings.HasPrefix(r.text[pos:], r.comma)
}

// space returns the first position from pos without a space. Spaces, and NUL with which
// some systems pad cells, are not part of a quoted cell.
func (r *records) space(pos int) int {
	for pos < len(r.text) && (r.text[pos] == ' ' || r.text[pos] == '\t' || r.text[pos] == 0) && !strings.HasPrefix(r.text[pos:], r.comma) {
		pos++
	}
	return pos
}

// cell reads up to the delimiter or the end of the line. On an error it consumes
// nothing.
func (r *records) cell() (string, error) {
	bare := r.bare && len(r.cells) > 0
	if open := r.space(r.pos); open < len(r.text) && r.text[open] == '"' {
		r.bare = false
		return r.quoted(open + 1)
	}
	if r.bare = true; bare && r.comma == "," && r.pos < len(r.text) && r.text[r.pos] == ' ' {
		r.spaced = append(r.spaced, len(r.cells))
	}
	return r.plain(), nil
}

// plain reads a cell in which quotation marks have no meaning.
func (r *records) plain() string {
	start, first := r.pos, r.comma[0]
	for i := r.pos; i < len(r.text); i++ {
		if b := r.text[i]; b == '\n' || b == '\r' || b == first && strings.HasPrefix(r.text[i:], r.comma) {
			r.pos = i
			return r.text[start:i]
		}
	}
	r.pos = len(r.text)
	return r.text[start:]
}

// quoted reads a cell in quotation marks, from after the first. The mark that a
// delimiter or the end of the line follows closes the cell. Marks within that
// are not doubled are part of the text, unless the cell also holds a delimiter
// or a line break: then it may be that another cell was meant to begin there.
func (r *records) quoted(start int) (string, error) {
	doubled, stray := false, false
	for i := start; ; {
		n := strings.IndexByte(r.text[i:], '"')
		if n < 0 {
			r.wasted += len(r.text) - start
			return "", fault.New(fault.DamagedOrders,
				"row %d, column %s: a cell begins with a quotation mark (\") and is not closed by one, so that it is not clear where it ends; mend it, or export the orders again",
				r.row, grid.ColumnName(len(r.cells)))
		}
		i += n + 1
		if i < len(r.text) && r.text[i] == '"' {
			doubled = true
			i++
			continue
		}
		end := r.space(i)
		if !r.atEnd(end) {
			stray = true
			continue
		}
		cell := r.text[start : i-1]
		if stray && (strings.Contains(cell, r.comma) || strings.ContainsAny(cell, "\r\n")) {
			r.wasted += len(cell)
			how := ""
			if strings.Contains(cell, `\"`) {
				how = ` (a backslash before it is not enough)`
			}
			return "", fault.New(fault.DamagedOrders,
				"row %d, column %s: a quotation mark (\") stands within a cell and is not doubled%s, so that it is not clear where the cell ends; mend it, or export the orders again",
				r.row, grid.ColumnName(len(r.cells)), how)
		}
		r.pos = end
		cell = strings.ReplaceAll(cell, "\r\n", "\n")
		if stray {
			cell = strings.ReplaceAll(cell, `\"`, `"`)
		}
		if doubled {
			cell = strings.ReplaceAll(cell, `""`, `"`)
		}
		return cell, nil
	}
}

// swallowed reports whether a cell of several lines may contain the end of its own row
// and the beginning of a later one, between two stray quotation marks: it has as many
// delimiters before its first line break, and after its last, as there are columns
// after and before its own.
func swallowed(cell, comma string, col, width int) bool {
	first := strings.IndexByte(cell, '\n')
	if first < 0 || width < 2 {
		return false
	}
	last := strings.LastIndexByte(cell, '\n')
	return strings.Count(cell[:first], comma) >= width-1-col && strings.Count(cell[last:], comma) >= col
}

// validComma reports whether a rune can be a delimiter.
func validComma(r rune) bool {
	return r != utf8.RuneError && r != '"' && r != '\r' && r != '\n'
}
