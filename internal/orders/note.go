package orders

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tallyman/internal/orders/grid"
	"tallyman/internal/text"
)

// NoteKind is the kind of a note. The kinds are part of the HTTP contract.
type NoteKind string

// The kinds that package orders itself uses.
const (
	ColumnsUsed     NoteKind = "columns_used"     // which column was read as which field
	MissingColumn   NoteKind = "missing_column"   // an optional column was not found
	AmbiguousColumn NoteKind = "ambiguous_column" // a column's name may mean several things
	DuplicateColumn NoteKind = "duplicate_column" // several columns may be that of a field
	OtherSheets     NoteKind = "other_sheets"     // more than one sheet of the workbook was read, or could be
	FilledDown      NoteKind = "filled_down"      // values of an order's first row were copied to its other rows
	EmptyCells      NoteKind = "empty_cells"      // cells are empty that the sheet needs
	UnreadDate      NoteKind = "unread_date"      // a date column holds something that was not read as a date
	RewrittenDate   NoteKind = "rewritten_date"   // for information: a date was written as MMDDYYYY in the sheet
	AmbiguousDate   NoteKind = "ambiguous_date"   // day and month are ambiguous
	StrayDate       NoteKind = "stray_date"       // a date is in a column of texts
)

// Note is something that people should know about how an order export was read.
type Note struct {
	Kind NoteKind `json:"kind"`
	// Info is true for notes for information only: nothing was guessed, and nothing is
	// missing.
	Info bool `json:"info,omitempty"`
	// Row is the number of the first row concerned in a spreadsheet; 0 if the note is
	// about the whole file.
	Row int `json:"row,omitempty"`
	// Export is the name of the export, if there are several; "" if the note is about all.
	Export string `json:"export,omitempty"`
	// Column is the name of the column concerned, as in the file; "" if the note is
	// about no column.
	Column string `json:"column,omitempty"`
	// Message is one sentence for people, without a full stop.
	Message string `json:"message"`
	// Action says what to do; "" if nothing.
	Action string `json:"action,omitempty"`
}

// found collects cells of one column with the same problem.
type found struct {
	rows     []int    // the rows of the first maxExamples cells
	examples []string // the first maxExamples different texts
	n        int
	export   string // that of the rows
}

// maxExamples is the number of rows or texts that a note lists.
const maxExamples = 3

func (f *found) add(row int, text string) {
	f.n++
	if len(f.rows) < maxExamples {
		f.rows = append(f.rows, row)
	}
	if len(f.examples) < maxExamples && !slices.Contains(f.examples, text) {
		f.examples = append(f.examples, text)
	}
}

// addRow adds a cell of a row. Only the rows of one export are listed.
func (f *found) addRow(r *Row, text string) {
	if f.n == 0 {
		f.export = r.Export
	}
	if r.Export == f.export {
		f.add(r.Number, text)
		return
	}
	listed := f.rows
	f.add(r.Number, text)
	f.rows = listed
}

// row returns the first of the rows, 0 if there is none.
func (f *found) row() int {
	if f.n == 0 {
		return 0
	}
	return f.rows[0]
}

// where returns the rows for people: rows 2, 3, 4 and 17 more.
func (f *found) where() string {
	if f.n == 1 {
		return fmt.Sprintf("row %d", f.rows[0])
	}
	if len(f.rows) == 1 {
		return fmt.Sprintf("row %d and %d more", f.rows[0], f.n-1)
	}
	list := text.Each(f.rows, strconv.Itoa)
	if more := f.n - len(f.rows); more > 0 {
		return fmt.Sprintf("rows %s and %d more", strings.Join(list, ", "), more)
	}
	last := len(list) - 1
	return fmt.Sprintf("rows %s and %s", strings.Join(list[:last], ", "), list[last])
}

// texts returns the examples for people.
func (f *found) texts() string {
	return quoted(labels(f.examples), ", ")
}

// columnLabel returns the name of a column for people.
func columnLabel(col int, header string) string {
	return fmt.Sprintf("column %s (%s)", grid.ColumnName(col), grid.Quoted(header))
}

// labels is grid.Label for a list, which it also shortens.
func labels(list []string) []string {
	const most = 60
	var out []string
	for _, s := range list {
		if s = grid.Label(s); s == "" {
			continue
		}
		if len(out) == most {
			return append(out, "…")
		}
		out = append(out, s)
	}
	return out
}

// quoted returns texts for people: "A", "B".
func quoted(list []string, and string) string {
	return strings.Join(text.Each(list, strconv.Quote), and)
}
