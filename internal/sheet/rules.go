package sheet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/page"
	"tallyman/internal/text"
)

// Rules are how an owner's house makes its sheet (DESIGN.md §12). DefaultRules returns
// those of DESIGN.md §5. Package profile reads and checks them.
type Rules struct {
	// Version names the rules in JSON; "" if nobody gave any.
	Version string
	// Dates is the order of the dates in order exports.
	Dates orders.DateOrder
	// CubePerPallet and FinalPerPallet are in cubic feet: how much of a bill's cube
	// takes a pallet, and as how much a pallet is booked.
	CubePerPallet, FinalPerPallet decimal.Decimal
	// ByName are ship-tos whose pallets are booked otherwise; the first that fits counts.
	ByName []ByName
	// Aliases are other spellings of ship-tos, by the name that the sheet has.
	Aliases map[string][]string
	// Columns are the columns of CSV and XLSX: names of Columns, or of Constants.
	Columns []string
	// Headings are the headings of columns that have another than their name.
	Headings map[string]string
	// Constants are the contents of columns without a source, by their name.
	Constants map[string]string
	// Routing groups bills for routing requests.
	Routing RoutingRules
	// EBOL are the contents of fields of electronic bills of lading that no bill has, by
	// the paths of EBOLFields.
	EBOL map[string]string
}

// ByName is a ship-to whose pallets are booked otherwise.
type ByName struct {
	// ShipTo is part of the ship-to's name, in any case.
	ShipTo string
	// FinalCube is what a pallet is booked as, in cubic feet.
	FinalCube decimal.Decimal
	// Column is the name of the column for it, one of FinalCubeColumns.
	Column string
}

// FinalCubeColumns are the columns that a booked cube can be written to.
var FinalCubeColumns = []string{Columns[finalCube], Columns[burlingtonCube]}

// DefaultRules returns the rules of DESIGN.md §5.
func DefaultRules() Rules {
	return Rules{
		Dates:          orders.AnyOrder,
		CubePerPallet:  decimal.NewFromInt(80),
		FinalPerPallet: decimal.NewFromInt(130),
		ByName:         []ByName{{ShipTo: "burlington", FinalCube: decimal.NewFromInt(93), Column: Columns[burlingtonCube]}},
		Aliases:        map[string][]string{},
		Columns:        slices.Clone(Columns[:]),
		Headings:       map[string]string{},
		Constants:      map[string]string{},
		Routing: RoutingRules{
			Groups:   []string{Columns[shipToName], Columns[startDate], Columns[cancelDate]},
			Within:   []string{Columns[purchaseOrderNo]},
			NearDays: 3,
		},
		EBOL: map[string]string{},
	}
}

// HasSource reports whether the product fills in a column of the sheet, so that it
// cannot have a constant.
func HasSource(column string) bool {
	i := slices.Index(Columns[:], column)
	return i >= 0 && sources[i]
}

// sources are the columns that are filled in from bills and orders.
var sources = [len(Columns)]bool{
	orderDate: true, shipToName: true, purchaseOrderNo: true, cartons: true, startDate: true, cancelDate: true,
	bolCube: true, finalCube: true, burlingtonCube: true, pallet: true, individualPieces: true, totalPieces: true,
	individualWeight: true, totalWeight: true, invoiceNo: true, style: true,
}

// shownColumn is a column of CSV and XLSX.
type shownColumn struct {
	at       int // the index in Columns; -1 if the column is only a constant
	name     string
	heading  string
	constant string
}

func headings(columns []shownColumn) []string {
	return text.Each(columns, func(c shownColumn) string { return c.heading })
}

// cell returns the text of the column in a row.
func (c *shownColumn) cell(r *Row) string {
	if c.at < 0 {
		return c.constant
	}
	return r.Cells[c.at]
}

// kind returns the kind of the column's contents.
func (c *shownColumn) kind() kind {
	if c.at < 0 {
		return textual
	}
	return kinds[c.at]
}

// shown returns the columns of CSV and XLSX.
func (r *Rules) shown() []shownColumn {
	return text.Each(r.Columns, func(name string) shownColumn {
		return shownColumn{at: slices.Index(Columns[:], name), name: name, heading: r.headings(name)[0], constant: r.Constants[name]}
	})
}

// columns returns the columns of CSV and XLSX, also of a zero Sheet.
func (s *Sheet) columns() []shownColumn {
	if s.shown == nil {
		d := DefaultRules()
		return d.shown()
	}
	return s.shown
}

// book fills in a bill's pallets and the cube that they are booked as. It books nothing
// for a bill without any cube, printed or of its lines.
func (r *Rules) book(c *[len(Columns)]string, b *bol.Bill, shipTo string) {
	cube, ok := cubeOf(b)
	if !ok {
		return
	}
	pallets := r.pallets(cube)
	c[pallet] = pallets.String()
	if shipTo == "" {
		return
	}
	name := strings.ToLower(shipTo)
	for _, other := range r.ByName {
		if strings.Contains(name, strings.ToLower(other.ShipTo)) {
			c[slices.Index(Columns[:], other.Column)] = pallets.Mul(other.FinalCube).String()
			return
		}
	}
	c[finalCube] = pallets.Mul(r.FinalPerPallet).String()
}

// pallets returns the pallets for a cube: the cube over the cube per pallet, rounded up.
func (r *Rules) pallets(cube decimal.Decimal) decimal.Decimal {
	pallets, rest := cube.QuoRem(r.CubePerPallet, 0)
	if rest.IsPositive() {
		pallets = pallets.Add(decimal.NewFromInt(1))
	}
	return pallets
}

// cubeOf returns the cube of a bill in cubic feet, printed or else of its lines.
func cubeOf(b *bol.Bill) (decimal.Decimal, bool) {
	if b.Printed.Cube.Valid {
		return b.Printed.Cube.Amount(), true
	}
	cube, err := decimal.NewFromString(b.Total(bol.Cube))
	return cube, err == nil
}

// ShipToKey returns the form in which names of ship-tos are compared with aliases: as a
// person sees them, in lower case, with single spaces.
func ShipToKey(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(page.Seen(name))), " ")
}

// AliasedShipTo is the kind of a note for information: ship-tos got the name of which
// theirs is an alias.
const AliasedShipTo orders.NoteKind = "aliased_ship_to"

// named returns the table with the names of ship-tos in place of their aliases, and a
// note about that.
func (r *Rules) named(t *orders.Table) (*orders.Table, []orders.Note) {
	if len(r.Aliases) == 0 {
		return t, nil
	}
	names := map[string]string{}
	for name, aliases := range r.Aliases {
		for _, alias := range append([]string{name}, aliases...) {
			names[ShipToKey(alias)] = name
		}
	}
	next := *t
	next.Rows = slices.Clone(t.Rows)
	changed := map[string]int{}
	n, first := 0, 0
	for i := range next.Rows {
		row := &next.Rows[i]
		if name, ok := names[ShipToKey(row.ShipTo)]; ok && name != row.ShipTo {
			if n++; n == 1 {
				first = row.Number
			}
			changed[fmt.Sprintf("%s for %s", quote(name), quote(row.ShipTo))]++
			row.ShipTo = name
		}
	}
	if n == 0 {
		return t, nil
	}
	return &next, []orders.Note{{Kind: AliasedShipTo, Info: true, Row: first,
		Message: fmt.Sprintf("the profile names the ship-to of %s: %s", text.Count(n, "order row"), listed(slices.Sorted(maps.Keys(changed)), text.Itself))}}
}
