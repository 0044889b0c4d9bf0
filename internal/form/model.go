// Package form reads documents of forms that nobody described: by their headings, ruling
// lines and gaps it finds tables, and by the totals that they print it proves them
// (DESIGN.md §10). Geometry only proposes; arithmetic decides whether a reading counts.
//
// The steps, each in the file of its name: words and their lines (words.go), headings and
// the bands that they make (heading.go, band.go), columns (columns.go), lines cut into
// columns (strips.go), rows (rows.go), rows of labels (labelled.go), labelled totals
// (totals.go), the pages of a bill in one way (pages.go) and what its rows say
// (figures.go), the proof (proof.go), and the choice of the best way (choice.go).
//
// It is pure: pages in, bills out, no I/O and no clock. Work and results are bounded on
// any page.
package form

import (
	"bytes"
	"encoding/json"
	"slices"

	"tallyman/internal/page"
)

// Kind says how a document's form came to be known.
type Kind string

// The kinds of forms.
const (
	Known  Kind = "known"  // a layout of the product
	Learnt Kind = "learnt" // one of the owner's profile
	Free   Kind = "free"   // neither: read by its headings, proved by its totals
)

// Field is the meaning of a column.
type Field string

// The fields of a row.
const (
	Packages    Field = "packages" // shipping boxes of any type
	PackageType Field = "package_type"
	Pieces      Field = "pieces"  // sellable units
	Pallets     Field = "pallets" // handling units: pallets, skids, drums
	UnitType    Field = "unit_type"
	Weight      Field = "weight" // gross
	NetWeight   Field = "net_weight"
	Volume      Field = "volume"
	Style       Field = "style"
	PO          Field = "po"
	Description Field = "description"
	NMFC        Field = "nmfc"
	Class       Field = "class"
	PackSize    Field = "pack_size" // pieces in a package
	Hazardous   Field = "hazardous"
	Other       Field = "other" // a column of no meaning for a load sheet

	// A heading may leave open what it counts; the table decides.
	quantity Field = "quantity"
	kind     Field = "type"
	// What a bill adds up and a load sheet does not need: what was ordered, and money.
	uncounted Field = "uncounted"
)

// Figures are the fields that are added up, in the order in which they are reported.
var Figures = [...]Field{Packages, Pieces, Pallets, Weight, NetWeight, Volume}

// IsFigure reports whether the column is one that is added up.
func (f Field) IsFigure() bool { return slices.Contains(Figures[:], f) }

// State is what is known of a figure.
type State string

// The states of a figure (DESIGN.md §10). Texts have none.
const (
	Proved     State = "proved"      // the column adds up to a printed total
	Differs    State = "differs"     // it does not
	NotPrinted State = "not_printed" // no total is printed
	Unproved   State = "unproved"    // a total is printed, but the reading as a whole is not proved
)

// Unit is the unit of a column, "" if the form does not name it.
type Unit string

// The units that a form may name.
const (
	Pounds      Unit = "lb"
	Kilograms   Unit = "kg"
	CubicFeet   Unit = "cu ft"
	CubicMetres Unit = "m3"
)

// Cell is a printed text, with its place. Reading sets no file; see Bill.Moved.
type Cell struct {
	Field Field    `json:"-"`
	Text  string   `json:"text"`
	File  int      `json:"file"`
	Page  int      `json:"page"`
	Box   page.Box `json:"box"`
	State State    `json:"state,omitempty"`
	// Figure is the number in Text without thousands commas and unit, "" if there is none.
	Figure string `json:"-"`
	Unit   Unit   `json:"unit,omitempty"`
}

// Row is a row of a table: its cells in the order of the columns.
type Row struct {
	Cells []Cell
	File  int
	Page  int
	Box   page.Box
}

// Cell returns the cell of a field; nil if the row has none.
func (r *Row) Cell(f Field) *Cell {
	for i := range r.Cells {
		if r.Cells[i].Field == f {
			return &r.Cells[i]
		}
	}
	return nil
}

// MarshalJSON returns an object with a member for each field; cells of several columns
// with one meaning are a list. Handling units have two names, since forms have.
func (r Row) MarshalJSON() ([]byte, error) {
	type member struct {
		name  Field
		value any
	}
	var members []member
	var others []Cell
	for _, c := range r.Cells {
		if c.Field == Other {
			others = append(others, c)
			continue
		}
		if members = append(members, member{c.Field, c}); c.Field == Pallets {
			members = append(members, member{handlingUnits, c})
		}
	}
	if others != nil {
		members = append(members, member{Other, others})
	}
	b := []byte{'{'}
	for i, m := range members {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `"`+string(m.name)+`":`...)
		b = append(b, value...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Row) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil { // the brace
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := name.(string)
		var cells []Cell
		if Field(key) == Other {
			err = d.Decode(&cells)
		} else {
			cells = make([]Cell, 1)
			err = d.Decode(&cells[0])
		}
		if err != nil {
			return err
		}
		if key == handlingUnits {
			continue // pallets say the same
		}
		for i := range cells {
			cells[i].Field = Field(key)
		}
		r.Cells = append(r.Cells, cells...)
	}
	return nil
}

// handlingUnits is the second name of Pallets in JSON.
const handlingUnits = "handling_units"

// Role says what the rows of a table are.
type Role string

// The roles of tables.
const (
	Lines   Role = "lines"   // goods by style or article
	Orders  Role = "orders"  // packages by the customer's order
	Carrier Role = "carrier" // freight by commodity and class
)

// Table is a table of a bill, of all its pages.
type Table struct {
	Role   Role  `json:"role"`
	Rows   []Row `json:"rows"`
	Totals Row   `json:"totals"`
}

// Check is what is known of one column of a bill.
type Check struct {
	Role    Role   `json:"role"`
	Field   Field  `json:"field"`
	Sum     string `json:"sum"`
	Printed string `json:"printed"` // "" if no total is printed
	State   State  `json:"state"`
	Unit    Unit   `json:"unit,omitempty"`
	// Bits is the strength of the proof, 0 if there is none.
	Bits float64 `json:"bits"`
	// Total is the place of the printed total.
	Total Cell `json:"-"`
	// Lines is the number of lines that have a figure, and Kind what the total is if a
	// learnt form says that it is not a sum; Sum is that, then.
	Lines int       `json:"-"`
	Kind  TotalKind `json:"-"`
}

// Outcome is what is known of a bill.
type Outcome string

// The outcomes (DESIGN.md §10).
const (
	Reconciled    Outcome = "reconciled" // every figure is in a column that a total proves
	Mismatched    Outcome = "mismatched" // the reading is proved, and a printed total differs
	Unchecked     Outcome = "unchecked"  // the document prints no totals
	NothingProves Outcome = "unproved"   // totals are printed, but they do not prove the reading
)

// Party is a company on a bill.
type Party struct {
	Role  string `json:"role"` // ship_from, ship_to, bill_to, carrier, notify
	Lines []Cell `json:"lines"`
}

// Reference is a number or name that a label names.
type Reference struct {
	Name string `json:"name"` // number, po, scac, pro, trailer, seal, date, …
	Cell
}

// Column is a column as it was searched on a page.
type Column struct {
	Field Field
	Box   page.Box
}

// Leaf is a page of a bill.
type Leaf struct {
	File int
	Page int
	N, M int // "Page N of M"; 0 if it does not say
	// Number is the number of the bill that is printed on the page, "" if there is none.
	Number string
	// Columns are those of the page's tables.
	Columns []Column
}

// Bill is a bill of lading, or a packing list, of a form that nobody described.
type Bill struct {
	Number     Cell
	Parties    []Party
	References []Reference
	Tables     []Table
	Pages      []Leaf
	Checks     []Check
	Outcome    Outcome
	// Reason says for people why the bill is not reconciled; "" if it is.
	Reason string
	// Bits is the strength of the whole proof.
	Bits float64
	// Copies are pages that say again what others say; Missing are pages that a "Page n
	// of m" names and that are not there.
	Copies  []Copy
	Missing []int
	// Learnt is the name of the learnt form by which it was read, "" for none. Vouched says
	// that its lines count although no totals are printed for them: other documents proved
	// the form, or the rest of the totals proves it here.
	Learnt  string
	Vouched bool
	// Proved says that the printed totals prove the reading, as far as there are any.
	Proved bool
}

// Copy is a page that repeats another one.
type Copy struct{ Page, Of int }

// Party returns the lines of a party, nil if it is not on the bill.
func (b *Bill) Party(role string) []Cell {
	for _, p := range b.Parties {
		if p.Role == role {
			return p.Lines
		}
	}
	return nil
}

// Reference returns a reference by its name, nil if the bill has none of that name.
func (b *Bill) Reference(name string) *Cell {
	for i := range b.References {
		if b.References[i].Name == name {
			return &b.References[i].Cell
		}
	}
	return nil
}
