package orders

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tallyman/internal/orders/grid"
)

// NoteKind says what a note is about. The kinds are part of the HTTP contract.
type NoteKind string

// The kinds that package orders itself finds.
const (
	ColumnsUsed     NoteKind = "columns_used"     // which column was read as what
	MissingColumn   NoteKind = "missing_column"   // an optional column was not found
	AmbiguousColumn NoteKind = "ambiguous_column" // a column's name may mean several things
	DuplicateColumn NoteKind = "duplicate_column" // several columns for one meaning
	OtherSheets     NoteKind = "other_sheets"     // more than one sheet of the workbook was read, or could be
	FilledDown      NoteKind = "filled_down"      // values of an order's first row were copied to its other rows
	EmptyCells      NoteKind = "empty_cells"      // cells are empty that the sheet needs
	UnreadDate      NoteKind = "unread_date"      // a date column holds something that was not read as a date
	RewrittenDate   NoteKind = "rewritten_date"   // for information: the sheet has MMDDYYYY instead
	AmbiguousDate   NoteKind = "ambiguous_date"   // day and month may be the other way round
	StrayDate       NoteKind = "stray_date"       // a date stands in a column of texts
)

// Note is something that people should know of how an order export was read.
type Note struct {
	Kind NoteKind `json:"kind"`
	// Info is true for what is said for information only: nothing was guessed, and
	// nothing is missing.
	Info bool `json:"info,omitempty"`
	// Row is the number that a spreadsheet shows beside the first row concerned; 0
	// if the note is about the whole file.
	Row int `json:"row,omitempty"`
	// Column is the name of the column concerned as it stands in the file, "" if
	// the note is about none.
	Column string `json:"column,omitempty"`
	// Message is one sentence for people, without a full stop.
	Message string `json:"message"`
	// Action says what to do; "" if there is nothing to do.
	Action string `json:"action,omitempty"`
}

// found gathers cells of one column that have the same thing wrong with them.
type found struct {
	rows     []int    // of all of them, the first maxExamples
	examples []string // their texts, the first maxExamples that differ
	n        int
}

// maxExamples is how many rows or texts a note lists.
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

// row is the first row of them, 0 if there is none.
func (f *found) row() int {
	if f.n == 0 {
		return 0
	}
	return f.rows[0]
}

// where lists the rows for people: rows 2, 3, 4 and 17 more.
func (f *found) where() string {
	if f.n == 1 {
		return fmt.Sprintf("row %d", f.rows[0])
	}
	list := make([]string, len(f.rows))
	for i, r := range f.rows {
		list[i] = strconv.Itoa(r)
	}
	if more := f.n - len(f.rows); more > 0 {
		return fmt.Sprintf("rows %s and %d more", strings.Join(list, ", "), more)
	}
	last := len(list) - 1
	return fmt.Sprintf("rows %s and %s", strings.Join(list[:last], ", "), list[last])
}

// texts lists the examples for people.
func (f *found) texts() string {
	return quoted(labels(f.examples), ", ")
}

// columnLabel names a column for people.
func columnLabel(col int, header string) string {
	return fmt.Sprintf("column %s (%q)", grid.ColumnName(col), grid.Label(header))
}

// labels is grid.Label for a list, which it shortens too.
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

// quoted lists texts for people: "A", "B".
func quoted(list []string, and string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = strconv.Quote(s)
	}
	return strings.Join(q, and)
}
