package orders

import (
	"cmp"
	"fmt"
	"slices"

	"tallyman/internal/orders/grid"
)

// The kinds of notes about single cells and rows.
const (
	ErrorCell    NoteKind = "error_cell"    // #N/A and the like
	Uncomputed   NoteKind = "uncomputed"    // a formula without a value
	ComputedHere NoteKind = "computed_here" // a formula without a value that was computed
	FormulaText  NoteKind = "formula_text"  // a formula where its value should be
	SpoiltNumber NoteKind = "spoilt_number" // digits are lost: 6.55177E+11
	LostText     NoteKind = "lost_text"     // characters are lost, or were read in a wrong encoding
	RestoredText NoteKind = "restored_text" // lost characters were taken from other rows
	DoubtfulText NoteKind = "doubtful_text" // the encoding had to be guessed
	ControlMarks NoteKind = "control_marks" // control characters within a cell
	NullText     NoteKind = "null_text"     // NULL and the like, taken for an empty cell
	RowLeftOut   NoteKind = "row_left_out"  // a line of one cell that is not an order row
	CutOff       NoteKind = "cut_off"       // the file may end too early
	WiderRow     NoteKind = "wider_row"     // an empty cell too many
	StrayQuote   NoteKind = "stray_quote"   // a quotation mark that is not closed, taken for part of the text
	SplitCell    NoteKind = "split_cell"    // a cell with a delimiter that is not quoted, read as one
)

// trouble is a problem of cells of one column, or of rows.
type trouble struct {
	kind NoteKind
	col  int // -1 for rows
}

// troubles has the cells with each trouble.
type troubles map[trouble]*troubled

type troubled struct {
	found
	was string // what the first cell may have been, "" if that is not known
}

func (t troubles) add(kind NoteKind, row, col int, text, was string) {
	x := t[trouble{kind, col}]
	if x == nil {
		x = &troubled{was: was}
		t[trouble{kind, col}] = x
	}
	x.found.add(row, text)
}

// count returns the number of a column's cells with a trouble.
func (t troubles) count(kind NoteKind, col int) int {
	if x := t[trouble{kind, col}]; x != nil {
		return x.n
	}
	return 0
}

func (t troubles) row(kind NoteKind, col int) int { return t[trouble{kind, col}].row() }

// troubleNotes returns a note for each trouble, in the order of rows.
func (c *collector) troubleNotes() []Note {
	var notes []Note
	for key, x := range c.troubles {
		n := Note{Kind: key.kind, Row: x.row()}
		place := x.where()
		if key.col >= 0 {
			n.Column = c.header[key.col]
			place += ", " + columnLabel(key.col, n.Column)
		}
		if c.sheet != "" {
			place = fmt.Sprintf("sheet %s, %s", grid.Quoted(c.sheet), place)
		}
		texts := x.texts()
		switch key.kind {
		case ErrorCell:
			n.Message = fmt.Sprintf("an error (%s) stands in place of a value, and was left out", texts)
			n.Action = "mend the formula or type the value in, save the file, and give it again"
		case Uncomputed:
			n.Message = "a formula has no computed value, and was left out"
			n.Action = "open the workbook in Excel, save it, and give that file"
		case ComputedHere:
			n.Message = fmt.Sprintf("formulas have no computed value; what they look up was looked up here: %s", texts)
			n.Action = "compare the values, or open the workbook in Excel, save it, and give that file"
		case FormulaText:
			n.Message = fmt.Sprintf("a formula (%s) stands in place of its value, and was left out", texts)
			n.Action = "export the values in place of the formulas, and give that file"
		case SpoiltNumber:
			n.Message = fmt.Sprintf("digits of %s are lost, as happens when Excel opens and saves a file", texts)
			n.Action = "export the orders again, and give the file without opening it in Excel, or with the column formatted as text"
		case LostText:
			n.Message = fmt.Sprintf("characters of %s are lost", texts)
			if x.was != "" {
				n.Message = fmt.Sprintf("%s was read in a wrong encoding before it was exported, and was probably %s", texts, grid.Quoted(x.was))
			}
			n.Action = "correct the cells, or export the orders again as UTF-8, and give that file"
		case RestoredText:
			n.Message = fmt.Sprintf("characters of %s are lost; it was read as the name that other rows have: %s", texts, grid.Quoted(x.was))
			n.Action = "correct the cells, or export the orders again as UTF-8, and give that file"
		case DoubtfulText:
			n.Message = fmt.Sprintf("%s is read as %s, which is a guess", texts, c.guess.charset.name)
			if x.was != "" {
				n.Message += fmt.Sprintf(": in %s it is %s", c.guess.other.name, grid.Quoted(x.was))
			}
			n.Action = "compare the names with the order system; if they are wrong, export the orders as UTF-8, and give that file"
		case ControlMarks:
			n.Message = fmt.Sprintf("control characters within %s were left out", texts)
			n.Action = "compare the cells with the order system"
		case NullText:
			n.Info = true
			n.Message = fmt.Sprintf("%s was taken for an empty cell", texts)
		case CutOff:
			n.Message = "the file ends here, with an empty cell and without the end of the line, and may be cut off"
			n.Action = "look at the end of the export; if something is missing, export the orders again"
		case StrayQuote:
			n.Message = fmt.Sprintf("the quotation mark in %s is not closed, and was read as part of the text", texts)
			n.Action = "compare the rows with the order system; let the export put quotation marks around cells, and double those within"
		case SplitCell:
			n.Message = fmt.Sprintf("a %s with a space after it was read as part of the text, which has no quotation marks around it: %s", c.delimiter, texts)
			n.Action = "compare the rows with the order system; let the export put quotation marks around such cells"
		case RowLeftOut:
			n.Message = fmt.Sprintf("a row that holds nothing but %s was left out", texts)
			n.Action = "look whether it is part of a row that was cut in two; if it is, mend the export, and give it again"
		}
		n.Message = place + ": " + n.Message
		notes = append(notes, n)
	}
	if c.wider.n > 0 && c.fitting > 0 {
		notes = append(notes, Note{Kind: WiderRow, Row: c.wider.row(),
			Message: fmt.Sprintf("%s: the row ends with more empty cells than the header and other rows, so that its values may be one column over", c.wider.where()),
			Action:  "compare the row with the order system; take the empty cell away where it is too much, and give the file again"})
	}
	slices.SortFunc(notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Kind, b.Kind))
	})
	return notes
}
