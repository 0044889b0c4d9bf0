package bol

import (
	"fmt"
	"iter"
	"reflect"
)

// The tables of a bill's fields. A field is one row: its name, which layouts and the
// JSON use; its kind, which is its type; and, if it differs from the name, the word
// that marks the field on a picture. The reader, the JSON and the overlay follow from
// the tables.
//
// The tables are generic: a reading has a Value or a Number in each row, views of it
// have other types.

// FieldsOf are the fields of a bill outside of its table. One is a text, Many has a
// text per printed line.
type FieldsOf[One, Many any] struct {
	Number           One  `json:"number"` // a letter and digits; the order system's Invoice No.
	Date             One  `json:"date"`   // as printed, MM/DD/YYYY
	Shipper          One  `json:"shipper"`
	ShipperAddress   One  `json:"shipper_address" mark:"address"`
	Consignee        Many `json:"consignee"` // name and address
	CustomerCode     One  `json:"customer_code" mark:"customer"`
	OfficeAddress    Many `json:"office_address" mark:"office"`
	WarehouseAddress Many `json:"warehouse_address" mark:"warehouse"`
	OrderNumber      One  `json:"order_number" mark:"order"`
	Store            One  `json:"store"`
	Dept             One  `json:"dept"`
	Vendor           One  `json:"vendor"`
	SalesPerson      One  `json:"sales_person" mark:"sales"`
	ShippedVia       One  `json:"shipped_via" mark:"via"`
	Reference        One  `json:"reference"`
	Terms            One  `json:"terms"`
	FOB              One  `json:"fob" mark:"f.o.b."`
	InternalCode     One  `json:"internal_code" mark:"internal code"` // start and cancel date, MMDDYY-MMDDYY
	ControlNo        One  `json:"control_no" mark:"control"`
	Zone             One  `json:"zone"`
	Instructions     Many `json:"instructions"` // free text under SHIPPING INSTRUCTIONS
	Notes            Many `json:"notes"`        // free text under NOTES
}

// CellsOf are the cells of a line. Text is a text, Figure a number.
type CellsOf[Text, Figure any] struct {
	Cartons     Figure `json:"cartons"` // shipping boxes; empty in some rows of mixed cartons
	Style       Text   `json:"style"`
	Pieces      Figure `json:"pieces"` // sellable units
	OrderNumber Text   `json:"order_number"`
	CustStyle   Text   `json:"cust_style"`
	Description Text   `json:"description"`
	Volume      Figure `json:"volume"` // cubic feet
	Weight      Figure `json:"weight"` // pounds
}

// TotalsOf are the totals of a bill. The names are those of the Fields.
type TotalsOf[Figure any] struct {
	Cartons Figure `json:"cartons" mark:"total cartons"`
	Pieces  Figure `json:"pieces" mark:"total pieces"`
	Weight  Figure `json:"weight" mark:"total weight"` // pounds
	Cube    Figure `json:"cube"`                       // cubic feet
}

// Cells are the cells of a line as they were read.
type Cells = CellsOf[Value, Number]

// Totals are the totals at the foot of a bill.
type Totals = TotalsOf[Number]

// indexes returns the index in the table of each row, by its name.
func indexes[Table any]() map[string]int {
	out := map[string]int{}
	for i, name := range namesOf[Table]() {
		out[name] = i
	}
	return out
}

var (
	fieldIndex = indexes[FieldsOf[Value, []Value]]()
	cellIndex  = indexes[Cells]()
	totalIndex = indexes[Totals]()
)

// fieldAt returns the field with an index of a table: a *Value, *[]Value or *Number. The table is
// given by its address.
func fieldAt(table any, index int) any {
	return reflect.ValueOf(table).Elem().Field(index).Addr().Interface()
}

// totalOf returns the total of that name.
func totalOf(t *Totals, f Field) *Number { return fieldAt(t, totalIndex[string(f)]).(*Number) }

// cellOf returns the cell of a line that is summed for a total.
func cellOf(l *Line, f Field) *Number { return fieldAt(&l.Cells, cellIndex[columnOf(f)]).(*Number) }

// set fills the field with an index of a table with the value, values or number of the
// words.
func (s *scan) set(table any, index int, words []*word) {
	switch v := fieldAt(table, index).(type) {
	case *Value:
		*v = s.value(words)
	case *[]Value:
		*v = s.values(words)
	case *Number:
		*v = s.number(words)
	}
}

// Values returns the values in a table, given by its address, each with the word that
// marks it on a picture; of several values of one field only the first has the word. A
// missing field has an empty value.
func Values(table any) iter.Seq2[string, *Value] {
	return func(yield func(string, *Value) bool) {
		t := reflect.ValueOf(table).Elem()
		for i := range t.NumField() {
			tag := t.Type().Field(i).Tag
			mark := tag.Get("mark")
			if mark == "" {
				mark = tag.Get("json")
			}
			switch v := t.Field(i).Addr().Interface().(type) {
			case *Value:
				if !yield(mark, v) {
					return
				}
			case *Number:
				if !yield(mark, &v.Value) {
					return
				}
			case *[]Value:
				for j := range *v {
					if !yield(mark, &(*v)[j]) {
						return
					}
					mark = ""
				}
			}
		}
	}
}

// Convert fills a table with the results of each for the fields of another table with
// the same rows; each gets the field's name and a *Value, *[]Value or *Number. Both
// tables are given by their addresses.
func Convert(from, to any, each func(name string, field any) any) {
	f, t := reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem()
	for i := range f.NumField() {
		t.Field(i).Set(reflect.ValueOf(each(f.Type().Field(i).Tag.Get("json"), f.Field(i).Addr().Interface())))
	}
}

// texts returns the fields that have one value per printed line.
func (b *Bill) texts() []*[]Value {
	t := reflect.ValueOf(&b.FieldsOf).Elem()
	var out []*[]Value
	for i := range t.NumField() {
		if v, ok := t.Field(i).Addr().Interface().(*[]Value); ok {
			out = append(out, v)
		}
	}
	return out
}

// values returns all values of the bill, including those of its lines and totals.
func (b *Bill) values() iter.Seq[*Value] {
	return func(yield func(*Value) bool) {
		tables := []any{&b.FieldsOf, &b.Printed}
		for i := range b.Lines {
			tables = append(tables, &b.Lines[i].Cells)
		}
		for _, t := range tables {
			for _, v := range Values(t) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// Check fails if no field has a name in the layout, or if a field's kind does not suit
// its place.
func (l *Layout) Check() (err error) {
	known := func(what string, names map[string]int, name string) {
		if _, ok := names[name]; !ok && err == nil {
			err = fmt.Errorf("layout %q: there is no %s called %q", l.Name, what, name)
		}
	}
	for _, c := range l.Table.Columns {
		known("column of a table", cellIndex, c.Name)
		kind := reflect.TypeFor[Cells]().Field(cellIndex[c.Name]).Type
		if err == nil && c.Number != (kind == reflect.TypeFor[Number]()) {
			err = fmt.Errorf("layout %q: only numbers stand in columns of numbers; column %q is wrong", l.Name, c.Name)
		}
	}
	for _, g := range l.Strips {
		for _, c := range g.Columns {
			known("field", fieldIndex, c.Name)
		}
	}
	for _, a := range l.Foot {
		known("total", totalIndex, a.Name)
	}
	for _, a := range l.Areas {
		if a.Name != pageOfArea {
			known("field", fieldIndex, a.Name)
		}
	}
	return err
}

// pageOfArea is the name of the area of "Page n of m", which is not a field.
const pageOfArea = "page"
