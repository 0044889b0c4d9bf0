package bol

// A Layout describes a form: what is printed on every page of it, and where the
// values stand. It is data; the reader knows nothing of any particular form.
//
// Positions are those of the form as it was designed, in points from the top
// left corner; y is that of a baseline. The reader finds the form's own words on
// the page and measures from there, so that a page that was shifted or scaled
// reads the same.
type Layout struct {
	// Name says which form this is, for people.
	Name string
	// Table is where the lines are. A page belongs to the layout if the
	// headings of its table are there.
	Table Grid
	// Strips are grids of a single row above the table.
	Strips []Grid
	// Foot are the labels of the totals, and where their figures stand.
	Foot []Area
	// End is the height above the first of the foot's labels at which the table
	// ends, and Depth its height below the headings if there is no foot.
	End, Depth float32
	// Areas are the other values.
	Areas []Area
}

// Grid is a row of headings with columns under them.
type Grid struct {
	// Y is the baseline of the headings.
	Y float32
	// Need is how many of the headings must be found.
	Need int
	// From and To are where the values' baselines may be, below that of the
	// headings. They say nothing for the table.
	From, To float32
	Columns  []Column
}

// Column is one column of a grid.
type Column struct {
	Name string
	// Heading is what is printed above it. X is its left edge. A column
	// without a heading of its own shares that of the one before.
	Heading string
	X       float32
	// Left and Right are the edges between which the column's values begin.
	Left, Right float32
	// Number says that the column holds numbers.
	Number bool
}

// Area is a place that is found by a label.
type Area struct {
	Name string
	// Label is what is printed; X and Y are its left edge and baseline. Where
	// the same words are printed more than once, the one nearest to its place
	// is meant.
	Label string
	X, Y  float32
	// Left, Right, Top and Bottom are the edges of the area. A word belongs to
	// it if it begins between Left and Right, and its baseline is between Top
	// and Bottom.
	Left, Right, Top, Bottom float32
	// Lines says that the area holds several lines, each a value.
	Lines bool
	// Number says that it holds one number; other words beside it do not matter.
	Number bool
	// Skip are printed words that stand in the area and are not part of it.
	Skip []string
}

// Layouts are the forms that are known, in the order in which they are tried.
var Layouts = []*Layout{&Straight}

// Straight is the uniform straight bill of lading on US letter paper, as printed
// by the order system that calls itself PLBWIN.
var Straight = Layout{
	Name: "uniform straight bill of lading",
	Table: Grid{
		Y: 339.4, Need: 5,
		Columns: []Column{
			{Name: "cartons", Heading: "CARTONS", X: 15.6, Left: 12, Right: 51.6, Number: true},
			{Name: "style", Heading: "STYLE", X: 63, Left: 51.6, Right: 162.6},
			{Name: "pieces", Heading: "PIECES", X: 169.2, Left: 162.6, Right: 202.2, Number: true},
			{Name: "order_number", Heading: "ORDER NUMBER", X: 229.2, Left: 202.2, Right: 313.2},
			{Name: "cust_style", Heading: "CUST. STYLE", X: 334.2, Left: 313.2, Right: 396.6},
			{Name: "description", Heading: "DESCRIPTION", X: 429, Left: 396.6, Right: 509},
			{Name: "volume", Heading: "VOL./WEIGHT", X: 528, Left: 509, Right: 540, Number: true},
			{Name: "weight", Left: 540, Right: 579, Number: true},
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
	End:   12,
	Depth: 262,
	Foot: []Area{
		{Name: "cartons", Label: "TOTAL CARTONS", X: 58.2, Y: 613.6, Left: 10, Right: 57, Top: 608, Bottom: 619, Number: true},
		{Name: "pieces", Label: "TOTAL PIECES", X: 210, Y: 613.6, Left: 160, Right: 209, Top: 608, Bottom: 619, Number: true},
		{Name: "weight", Label: "TOTAL VOL / WGT", X: 453, Y: 613.6, Left: 507, Right: 579, Top: 608, Bottom: 619, Number: true},
		{Name: "cube", Label: "SHIPPING INSTRUCTIONS:", X: 312, Y: 634.6, Left: 490, Right: 579, Top: 625, Bottom: 638, Number: true},
	},
	Areas: []Area{
		{Name: "number", Label: "BILL OF LADING", X: 463.2, Y: 55, Left: 516, Right: 579, Top: 48, Bottom: 62},
		{Name: "date", Label: "DATE", X: 477, Y: 75.4, Left: 516, Right: 579, Top: 69, Bottom: 81},
		{Name: "page", Label: "DATE", X: 477, Y: 75.4, Left: 480, Right: 579, Top: 85, Bottom: 106},
		{Name: "shipper", Label: "From:", X: 16.2, Y: 48.4, Left: 52, Right: 455, Top: 43, Bottom: 54},
		{Name: "shipper_address", Label: "At:", X: 16.8, Y: 64, Left: 52, Right: 455, Top: 57.5, Bottom: 70},
		{Name: "consignee", Label: "CONSIGNED TO:", X: 66, Y: 118.6, Left: 54, Right: 276, Top: 123, Bottom: 211, Lines: true},
		{Name: "office_address", Label: "OFFICE ADDRESS", X: 318, Y: 184.6, Left: 312, Right: 579, Top: 188, Bottom: 216, Lines: true,
			Skip: []string{"Permanent Post Office Address of Shipper"}},
		{Name: "warehouse_address", Label: "WAREHOUSE ADDRESS:", X: 318, Y: 226.6, Left: 312, Right: 579, Top: 230, Bottom: 251, Lines: true},
		{Name: "instructions", Label: "SHIPPING INSTRUCTIONS:", X: 312, Y: 634.6, Left: 308, Right: 612, Top: 638, Bottom: 728, Lines: true},
		{Name: "notes", Label: "NOTES:", X: 15, Y: 664.6, Left: 10, Right: 308, Top: 630, Bottom: 750, Lines: true,
			Skip: []string{"NOTES:"}},
	},
}

// vocabulary returns the upper-case words of all headings and labels.
func vocabulary(layouts []*Layout) map[string]bool {
	var phrases []string
	for _, l := range layouts {
		for _, g := range append([]Grid{l.Table}, l.Strips...) {
			for _, c := range g.Columns {
				phrases = append(phrases, c.Heading)
			}
		}
		for _, a := range append(append([]Area{}, l.Foot...), l.Areas...) {
			phrases = append(phrases, a.Label)
		}
	}
	return vocabularyOf(phrases...)
}
