package sheet

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"

	"tallyman/internal/bol"
	"tallyman/internal/form"
	"tallyman/internal/orders"
	"tallyman/internal/page"
	"tallyman/internal/text"
)

// View is the JSON of a sheet: everything that a page needs to show the bills beside
// the document, and the source of each figure of the sheet. WriteJSON writes it; a
// program in Go reads it with encoding/json.
//
// Indices count from 0, page and row numbers from 1. Missing values are null.
type View struct {
	Summary SummaryView `json:"summary"`
	// Files are the documents read. Every "file" below is an index in them.
	Files []FileView `json:"files"`
	Bills []BillView `json:"bills"`
	// Problems are the problems of the document that people should check.
	Problems []ProblemView `json:"problems"`
	// Findings are everything that people should know, most severe first.
	Findings []Finding `json:"findings"`
	// Orders is the order export; null without one.
	Orders *OrdersView `json:"orders"`
	// Match is how lines and order rows were joined; null without an order export.
	Match *Match `json:"match"`
	// Columns are the names of the sheet's columns.
	Columns []string `json:"columns"`
	// Rows are the sheet's rows, in order.
	Rows []RowView `json:"rows"`
	// Routing is what routing requests ask for, without warnings about a day.
	Routing *Routing `json:"routing"`
	// Amendments are what people added to what was read, in order, each with what became of
	// it; absent if there are none.
	Amendments []Amendment `json:"amendments,omitempty"`
	// Profile is the profile by which the sheet was made; absent if there was none.
	Profile *ProfileView `json:"profile,omitempty"`
}

// ProfileView names the profile of a sheet, and says how its columns are shown.
type ProfileView struct {
	// Version is the same for the same settings.
	Version string `json:"version"`
	// Columns are those of CSV and XLSX, in order. Rows have the cells of all columns
	// that the product knows, whatever the profile shows.
	Columns []ShownView `json:"columns"`
}

// ShownView is a column of CSV and XLSX.
type ShownView struct {
	// Name is one of the names in View.Columns, or that of a column with a constant only.
	Name     string `json:"name"`
	Heading  string `json:"heading"`
	Constant string `json:"constant"` // "" if the column has a source or is empty
}

// SummaryView has counts of what was read.
type SummaryView struct {
	Pages      int `json:"pages"`
	Bills      int `json:"bills"`
	Lines      int `json:"lines"`
	Reconciled int `json:"reconciled"` // bills, like the next two
	Mismatched int `json:"mismatched"`
	Unchecked  int `json:"unchecked"`
	Unproved   int `json:"unproved"`
	// Held is the number of lines that stay out of the sheet until somebody accepts their
	// bills, which were read freely and are not proved.
	Held int `json:"held"`
	// Amended is the number of bills that people amended; absent if there are none.
	Amended int `json:"amended,omitempty"`
}

// FileView is one of the documents read.
type FileView struct {
	Name  string `json:"name"`
	Pages int    `json:"pages"`
}

// OrdersView is the order export that was read.
type OrdersView struct {
	Name   string   `json:"name"`
	Format string   `json:"format"` // the format found in the content, for people
	Header []string `json:"header"`
	Rows   int      `json:"rows"`
}

// PlaceView is a place in the documents.
type PlaceView struct {
	File int `json:"file"`
	Page int `json:"page"`
	// Box is in points from the top left corner of the page, rounded to
	// hundredths; null if the place is the whole page.
	Box *page.Box `json:"box"`
}

// ValueView is a text as printed and its place.
type ValueView struct {
	Text string `json:"text"`
	PlaceView
	// Reading says how it was read from a picture; absent for text that is printed, or that a
	// person gave.
	Reading *ReadingView `json:"reading,omitempty"`
}

// ReadingView is how a value was read from a picture.
type ReadingView struct {
	State bol.Certainty `json:"state"`
	// First and Second are what the two readers read. The second one may have read nothing, or
	// two texts, if it looked twice.
	First  string   `json:"first"`
	Second []string `json:"second"`
	// Other is what else the value may be; "" if both readers read the same.
	Other string `json:"other"`
	// Orders is what the order export has in the place of a doubtful text, if it leaves one
	// choice alone; absent otherwise.
	Orders string `json:"orders,omitempty"`
}

// NumberView is a printed number and its place. Number is null if the text is not a
// number.
type NumberView struct {
	Number Figure `json:"number"`
	ValueView
}

// TotalView is a total of a bill as it is in the sheet. Printed is false if no total is
// printed and the sum of the lines replaces it.
type TotalView struct {
	Number  Figure `json:"number"`
	Printed bool   `json:"printed"`
	// Value is the text printed in the total's place; null if there is none.
	Value *ValueView `json:"value"`
}

// VerdictView is the outcome of a bill's reconciliation.
type VerdictView struct {
	Outcome bol.Outcome `json:"outcome"`
	// Reason says why a bill is unchecked or unproved; "" for other bills.
	Reason string      `json:"reason"`
	Checks []CheckView `json:"checks"`
}

// CheckView compares one total of a bill with the sum of its lines.
type CheckView struct {
	Field   bol.Field `json:"field"`
	Printed Figure    `json:"printed"`
	Sum     Figure    `json:"sum"`
	// OK is true if State is proved, false if it is differs, and null if nothing was
	// compared.
	OK    *bool     `json:"ok"`
	State bol.State `json:"state"`
	// Difference is the printed figure minus the sum, in Unit; null if there is none.
	// In a proved total it is within rounding.
	Difference Figure `json:"difference"`
	Unit       string `json:"unit"`
}

// BillView is one bill of lading.
type BillView struct {
	bol.FieldsOf[*ValueView, []ValueView]
	Totals  bol.TotalsOf[TotalView] `json:"totals"`
	Verdict VerdictView             `json:"verdict"`
	Pages   []LeafView              `json:"pages"`
	Lines   []LineView              `json:"lines"`

	// Form says how the form of the document came to be known, and Outcome is that of the
	// verdict.
	Form form.Kind `json:"form"`
	// FormName is the name of a learnt form; absent for others.
	FormName string      `json:"form_name,omitempty"`
	Outcome  bol.Outcome `json:"outcome"`
	// Held is true if the bill's lines stay out of the sheet until somebody accepts them.
	Held     bool `json:"held"`
	Accepted bool `json:"accepted"`
	// Amended is true if people changed the bill or its lines, and Was is what was read
	// where they corrected its fields and totals, by name; both are absent otherwise.
	Amended bool              `json:"amended,omitempty"`
	Was     map[string]string `json:"was,omitempty"`
	// Tables are the tables of the bill with all their columns, as printed. Their pages are
	// those of the bill's file.
	Tables []form.Table `json:"tables"`
	// Parties, References and Bits are those of a bill of no known form; Bits is the strength
	// of its proof.
	Parties    []form.Party     `json:"parties"`
	References []form.Reference `json:"references"`
	Bits       float64          `json:"bits"`
}

// LeafView is one page of a bill and its "Page n of m"; both are 0 if it has none.
type LeafView struct {
	File int `json:"file"`
	Page int `json:"page"`
	N    int `json:"n"`
	M    int `json:"m"`
}

// LineView is one line of a bill. Its place is the whole row.
type LineView struct {
	// Row is the index in Rows of the line's row in the sheet; null if its bill is held.
	Row *int `json:"row"`
	// OrderRow is the number of the matching order row in a spreadsheet; null if there
	// is none.
	OrderRow *int `json:"order_row"`
	// Added is true if people added the line, and Was is what was read where they corrected
	// its cells, by name; both are absent otherwise.
	Added bool              `json:"added,omitempty"`
	Was   map[string]string `json:"was,omitempty"`
	bol.CellsOf[*ValueView, *NumberView]
	PlaceView
}

// ProblemView is something in a document that was not read, or not as expected. Page is
// 0 if it concerns no existing page.
type ProblemView struct {
	Kind    bol.ProblemKind `json:"kind"`
	Bill    string          `json:"bill"` // its number; "" if not known
	Text    string          `json:"text"`
	Message string          `json:"message"`
	PlaceView
}

// RowView is one row of the sheet.
type RowView struct {
	Bill     int  `json:"bill"`      // index in Bills
	Line     int  `json:"line"`      // index in that bill's lines
	OrderRow *int `json:"order_row"` // as in LineView
	// Export is the name of that row's order export; absent unless there are several.
	Export string `json:"export,omitempty"`
	// Cells are by column: a number in columns of numbers, null for an empty cell, else
	// the text of the cell.
	Cells []Cell `json:"cells"`
	// Was is what was in cells that people amended, by column; absent if there are none.
	Was map[string]string `json:"was,omitempty"`
}

// Cell is a cell of the sheet as a JSON value.
type Cell struct {
	Text   string // "" is null
	Number bool   // Text is a number in the form of Figure
}

// MarshalJSON returns the cell as a number, a string or null.
func (c Cell) MarshalJSON() ([]byte, error) {
	if c.Number || c.Text == "" {
		return Figure(c.Text).MarshalJSON()
	}
	return json.Marshal(c.Text)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Cell) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		c.Number = false
		return json.Unmarshal(b, &c.Text)
	}
	var f Figure
	err := f.UnmarshalJSON(b)
	*c = Cell{Text: string(f), Number: f != ""}
	return err
}

// Figure is a number as printed, without thousands commas, so that no digit is lost:
// "1037.40". In JSON it is a number; "" is null.
type Figure string

// MarshalJSON returns the number or null.
func (f Figure) MarshalJSON() ([]byte, error) {
	if f == "" {
		return []byte("null"), nil
	}
	return []byte(f), nil
}

// UnmarshalJSON reads a number or null.
func (f *Figure) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*f = ""
		return nil
	}
	var n json.Number
	err := json.Unmarshal(b, &n)
	*f = Figure(n)
	return err
}

// figure returns a plain number in JSON's form: "007" becomes 7 and ".5" becomes 0.5.
// It returns "" for anything else.
func figure(s string) Figure {
	if !isPlain(s) {
		return ""
	}
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if negative {
		whole = "-" + whole
	}
	if point {
		whole += "." + fraction
	}
	return Figure(whole)
}

func viewBox(b page.Box) *page.Box {
	for _, v := range [...]float32{b.X0, b.Y0, b.X1, b.Y1} {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
	}
	if b == (page.Box{}) {
		return nil
	}
	b = b.Round()
	return &b
}

func viewPlace(file, pageNumber int, box page.Box) PlaceView {
	return PlaceView{File: file, Page: pageNumber, Box: viewBox(box)}
}

func viewText(v bol.Value) ValueView {
	view := ValueView{Text: v.Text, PlaceView: viewPlace(v.File, v.Page, v.Box)}
	if s := v.Sight; s != nil {
		view.Reading = &ReadingView{s.State, s.First, append([]string{}, s.Second...), s.Other(v.Text), s.Orders}
	}
	return view
}

// viewValue returns nil for a missing value.
func viewValue(v bol.Value) *ValueView {
	if v.Text == "" && v.Page == 0 {
		return nil
	}
	view := viewText(v)
	return &view
}

// viewNumber returns nil for an empty cell.
func viewNumber(n bol.Number) *NumberView {
	v := viewValue(n.Value)
	if v == nil {
		return nil
	}
	return &NumberView{Number: figure(n.Plain()), ValueView: *v}
}

// viewField returns the view of a field of a bill or a cell of a line.
func viewField(_ string, field any) any {
	switch field := field.(type) {
	case *bol.Number:
		return viewNumber(*field)
	case *[]bol.Value:
		return text.Each(*field, viewText)
	default:
		return viewValue(*field.(*bol.Value))
	}
}

func viewVerdict(v bol.Verdict) VerdictView {
	return VerdictView{Outcome: v.Outcome, Reason: v.Reason, Checks: text.Each(v.Checks, func(c bol.Check) CheckView {
		view := CheckView{Field: c.Field, Printed: figure(c.Printed), Sum: figure(c.Sum),
			State: c.State, Difference: figure(c.Difference), Unit: c.Unit}
		if c.State == bol.Proved || c.State == bol.Differs {
			ok := c.State == bol.Proved
			view.OK = &ok
		}
		return view
	})}
}

func orderRow(o *orders.Row) *int {
	if o == nil {
		return nil
	}
	return &o.Number
}

func viewBill(b *bol.Bill, rowOf map[*bol.Line]int, rows []Row) BillView {
	view := BillView{
		Verdict: viewVerdict(b.Verdict),
		Pages:   text.Each(b.Sheets, viewLeaf),
		Lines:   make([]LineView, len(b.Lines)),
		Form:    b.Form(), Outcome: b.Verdict.Outcome, Held: b.Held(), Accepted: b.Accepted,
		Amended: b.Amended(), Was: b.Was(),
		Tables: b.Tables(), Parties: []form.Party{}, References: []form.Reference{},
	}
	if f := b.Free; f != nil {
		view.Parties, view.References = append(view.Parties, f.Parties...), append(view.References, f.References...)
		view.Bits = math.Round(10*f.Bits) / 10
		view.FormName = f.Learnt
	}
	bol.Convert(&b.FieldsOf, &view.FieldsOf, viewField)
	bol.Convert(&b.Printed, &view.Totals, func(name string, printed any) any {
		n := printed.(*bol.Number)
		return TotalView{Number: figure(b.Total(bol.Field(name))), Printed: n.Valid, Value: viewValue(n.Value)}
	})
	for i := range b.Lines {
		l := &b.Lines[i]
		view.Lines[i] = LineView{PlaceView: viewPlace(l.File, l.Page, l.Box), Added: l.Added(), Was: l.Was()}
		if row, ok := rowOf[l]; ok {
			view.Lines[i].Row, view.Lines[i].OrderRow = &row, orderRow(rows[row].Order)
		}
		bol.Convert(&l.Cells, &view.Lines[i].CellsOf, viewField)
	}
	return view
}

func viewLeaf(s bol.Sheet) LeafView { return LeafView{File: s.File, Page: s.Page, N: s.N, M: s.M} }

// viewOrders returns nil without an order export.
func viewOrders(t *orders.Table) *OrdersView {
	if t == nil {
		return nil
	}
	return &OrdersView{Name: t.Name, Format: t.Format, Header: append([]string{}, t.Header...), Rows: len(t.Rows)}
}

func (s *Sheet) viewProfile() *ProfileView {
	return &ProfileView{Version: s.rules.Version, Columns: text.Each(s.columns(), func(c shownColumn) ShownView {
		return ShownView{c.name, c.heading, c.constant}
	})}
}

func viewCells(cells *[len(Columns)]string) []Cell {
	views := make([]Cell, len(cells))
	for col, s := range cells {
		views[col].Text = s
		if kinds[col] == number {
			if f := figure(s); f != "" {
				views[col] = Cell{Text: string(f), Number: true}
			}
		}
	}
	return views
}
