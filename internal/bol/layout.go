package bol

import "slices"

// A Layout describes a form: what is printed on every page of it, and where the values
// are. It is data; the reader knows nothing about any particular form.
//
// Positions are those of the form's design, in points from the top left corner; y is the
// y of a baseline. The reader finds the form's own words on the page and measures from
// there, so that a page that was shifted or scaled is read in the same way.
type Layout struct {
	// Name is the form's name, for people.
	Name string
	// Type is the font size of values. Words smaller than a third of it or larger than
	// twice are ignored: bar codes, stamps, text that is too small to see.
	Type float32
	// Width and Height are the size of the form's paper.
	Width, Height float32
	// Table is the place of the lines. A page has the layout if it has the headings of
	// the table.
	Table Grid
	// Strips are grids of a single row above the table.
	Strips []Grid
	// Foot are the labels of the totals, and the places of the totals.
	Foot []Area
	// End is how far above the first of the foot's labels the table ends, and Depth how
	// far below the headings if there is no foot.
	End, Depth float32
	// Areas are the places of the other values. A word belongs to the first area that
	// contains it.
	Areas []Area
	// Printed are the form's other words among the values.
	Printed []Label
}

// Grid is a row of headings with columns under them.
type Grid struct {
	// Y is the baseline of the headings.
	Y float32
	// Need is how many of the headings must be found.
	Need int
	// From and To are the bounds of the values' baselines, below that of the headings.
	// They are not used for the table.
	From, To float32
	Columns  []Column
}

// Column is one column of a grid.
type Column struct {
	Name string
	// Heading is the text above the column, "" if it shares the heading of the column
	// before. X is the heading's left edge.
	Heading string
	X       float32
	// Left and Right are the edges between which the column's values begin.
	Left, Right float32
	// Number is true if the column has numbers, and Decimals is how many digits they
	// have after the point. Whole numbers have no point.
	Number   bool
	Decimals int
	// Wraps is true if a long text continues in the next row.
	Wraps bool
}

// Label is a text of the form. X and Y are its left edge and baseline.
type Label struct {
	Text string
	X, Y float32
}

// Area is a place that is found by a label.
type Area struct {
	Name string
	// Label is the text nearby from which the area is measured. If the same words are
	// printed more than once, those nearest to their place count.
	Label Label
	// Left, Right, Top and Bottom are the edges of the area. A word belongs to
	// it if it begins between Left and Right, and its baseline is between Top
	// and Bottom.
	Left, Right, Top, Bottom float32
	// Apart is where the area's text usually begins, if it shares its row with another
	// text: the area's text begins there, or after a wide gap to the right of the other
	// text. 0 means that it has the row for itself.
	Apart float32
	// Decimals is how many digits a total has after the point.
	Decimals int
}

// labels returns the headings of the grid.
func (g *Grid) labels() (all []Label) {
	for _, c := range g.Columns {
		if c.Heading != "" {
			all = append(all, Label{c.Heading, c.X, g.Y})
		}
	}
	return all
}

// labels returns what is printed around the table beside values: the headings of the strips and
// the labels of foot and areas.
func (l *Layout) labels() (all []Label) {
	for i := range l.Strips {
		all = append(all, l.Strips[i].labels()...)
	}
	for _, areas := range [2][]Area{l.Foot, l.Areas} {
		for i := range areas {
			all = append(all, areas[i].Label)
		}
	}
	return all
}

// phrases returns all that the form itself prints, and where.
func (l *Layout) phrases() []Label { return slices.Concat(l.Table.labels(), l.labels(), l.Printed) }

// Layouts are the known forms, in the order in which they are tried.
var Layouts = []*Layout{&Straight}

// Straight is the uniform straight bill of lading on US letter paper, as printed
// by the order system that calls itself PLBWIN.
//
// Its numbers are padded to seven characters. Where a column of them ends, the
// edge lies between its last digit and the first letter of the next column, in
// type of eight to ten points.
var Straight = Layout{
	Name: "uniform straight bill of lading",
	Type: 9, Width: 612, Height: 792,
	Table: Grid{
		Y: 339.4, Need: 5,
		Columns: []Column{
			{Name: "cartons", Heading: "CARTONS", X: 15.6, Left: 12, Right: 53.1, Number: true},
			{Name: "style", Heading: "STYLE", X: 63, Left: 53.1, Right: 162.6},
			{Name: "pieces", Heading: "PIECES", X: 169.2, Left: 162.6, Right: 203.1, Number: true},
			{Name: "order_number", Heading: "ORDER NUMBER", X: 229.2, Left: 203.1, Right: 313.2},
			{Name: "cust_style", Heading: "CUST. STYLE", X: 334.2, Left: 313.2, Right: 396.6, Wraps: true},
			{Name: "description", Heading: "DESCRIPTION", X: 429, Left: 396.6, Right: 509, Wraps: true},
			{Name: "volume", Heading: "VOL./WEIGHT", X: 528, Left: 509, Right: 540, Number: true, Decimals: 2},
			{Name: "weight", Left: 540, Right: 579, Number: true, Decimals: 1},
		},
	},
	Strips: []Grid{
		{
			Y: 262.6, Need: 4, From: 8, To: 28,
			Columns: []Column{
				{Name: "order_number", Heading: "ORDER NUMBER", X: 42, Left: 12, Right: 123},
				{Name: "store", Heading: "STORE", X: 133.2, Left: 123, Right: 167.4},
				{Name: "dept", Heading: "DEPT.", X: 175.2, Left: 167.4, Right: 202.8},
				{Name: "vendor", Heading: "VENDOR", X: 231, Left: 202.8, Right: 288},
				{Name: "sales_person", Heading: "PERSON", X: 289.2, Left: 288, Right: 317.4},
				{Name: "shipped_via", Heading: "SHIPPED VIA", X: 399.6, Left: 317.4, Right: 519},
				{Name: "reference", Heading: "REFERENCE", X: 529.2, Left: 519, Right: 579},
			},
		},
		{
			Y: 300.4, Need: 3, From: 8, To: 28,
			Columns: []Column{
				{Name: "terms", Heading: "TERMS", X: 55.8, Left: 12, Right: 130.2},
				{Name: "fob", Heading: "F.O.B.", X: 239.4, Left: 130.2, Right: 378.6},
				{Name: "internal_code", Heading: "INTERNAL CODE", X: 407.4, Left: 378.6, Right: 486},
				{Name: "control_no", Heading: "CONTROL NO.", X: 492, Left: 486, Right: 540},
				{Name: "zone", Heading: "ZONE", X: 551.4, Left: 540, Right: 579},
			},
		},
	},
	End:   8,
	Depth: 262,
	Foot: []Area{
		{Name: "cartons", Label: Label{"TOTAL CARTONS", 58.2, 613.6}, Left: 10, Right: 57, Top: 605.6, Bottom: 620},
		{Name: "pieces", Label: Label{"TOTAL PIECES", 210, 613.6}, Left: 160, Right: 209, Top: 605.6, Bottom: 620},
		{Name: "weight", Label: Label{"TOTAL VOL / WGT", 453, 613.6}, Left: 507, Right: 579, Top: 605.6, Bottom: 620, Decimals: 1},
		{Name: "cube", Label: Label{"SHIPPING INSTRUCTIONS:", 312, 634.6}, Left: 490, Right: 579, Top: 625, Bottom: 638, Decimals: 2},
	},
	Areas: []Area{
		{Name: "number", Label: Label{"BILL OF LADING", 463.2, 55}, Left: 516, Right: 612, Top: 48, Bottom: 62},
		{Name: "date", Label: Label{"DATE", 477, 75.4}, Left: 516, Right: 612, Top: 69, Bottom: 81},
		{Name: "page", Label: Label{"DATE", 477, 75.4}, Left: 480, Right: 612, Top: 85, Bottom: 106},
		{Name: "shipper", Label: Label{"From:", 16.2, 48.4}, Left: 52, Right: 455, Top: 43, Bottom: 54},
		{Name: "shipper_address", Label: Label{"At:", 16.8, 64}, Left: 52, Right: 455, Top: 57.5, Bottom: 70},
		{Name: "customer_code", Label: Label{"CONSIGNED TO:", 66, 118.6}, Left: 221, Right: 312, Top: 199, Bottom: 213, Apart: 243},
		{Name: "consignee", Label: Label{"CONSIGNED TO:", 66, 118.6}, Left: 54, Right: 312, Top: 123, Bottom: 213},
		{Name: "office_address", Label: Label{"OFFICE ADDRESS", 318, 184.6}, Left: 312, Right: 612, Top: 188, Bottom: 222},
		{Name: "warehouse_address", Label: Label{"WAREHOUSE ADDRESS:", 318, 226.6}, Left: 312, Right: 612, Top: 230, Bottom: 259},
		{Name: "instructions", Label: Label{"SHIPPING INSTRUCTIONS:", 312, 634.6}, Left: 308, Right: 612, Top: 628, Bottom: 750},
		{Name: "notes", Label: Label{"NOTES:", 15, 664.6}, Left: 10, Right: 308, Top: 630, Bottom: 750},
	}, Printed: []Label{{"Permanent Post Office Address of Shipper", 319.8, 191.8}},
}
