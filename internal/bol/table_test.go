package bol

import (
	"math"
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/planted"
)

// plain is an ordinary line.
var plain = cells{"2", "D95487LA", "48", "629493", "", "0-9M BOYS 3 PC SS PANT", "2.03", "22.0"}

// with returns plain with a change.
func with(change func(*cells)) cells {
	c := plain
	change(&c)
	return c
}

func TestLinesAreReadByPosition(t *testing.T) {
	tests := []struct {
		name string
		row  cells
	}{
		{"an ordinary line", plain},
		{"every cell is filled", cells{"1,204", "D95487LA", "12,960", "0000000000000797150345", "CS-0000452804501", "STORAGE BIN 10.50 GAL.", "10,037.42", "934.5"}},
		{"no cartons", with(func(c *cells) { c.cartons = "" })},
		{"no pieces", with(func(c *cells) { c.pieces = "" })},
		{"no order number", with(func(c *cells) { c.order = "" })},
		{"no description", with(func(c *cells) { c.desc = "" })},
		{"no volume", with(func(c *cells) { c.vol = "" })},
		{"no weight", with(func(c *cells) { c.wgt = "" })},
		{"neither volume nor weight", with(func(c *cells) { c.vol, c.wgt = "", "" })},
		{"cartons and style alone", cells{cartons: "2", style: "D95487LA"}},
		{"a customer's style without a description", with(func(c *cells) { c.cust, c.desc = "778-12", "" })},
		{"a customer's style up to its neighbour", with(func(c *cells) { c.cust = "1234567890123456" })},
		{"a customer's style of several words", with(func(c *cells) { c.cust = "AB 12 34 C" })},
		{"a volume under one", with(func(c *cells) { c.vol = ".81" })},
		{"a volume in the thousands", with(func(c *cells) { c.vol = "1,037.42" })},
		{"a volume that reaches over the weight", with(func(c *cells) { c.vol, c.wgt = "10,037.42", "16123.4" })},
		{"a weight in the thousands", with(func(c *cells) { c.wgt = "2629.1" })},
		{"a weight with a comma", with(func(c *cells) { c.wgt = "16,123.4" })},
		{"cartons and pieces in the thousands", with(func(c *cells) { c.cartons, c.pieces = "1,204", "12,960" })},
		{"a description of numbers", with(func(c *cells) { c.desc = "12.50 OZ 2PK 30x40 6" })},
		{"a description that is a number", with(func(c *cells) { c.desc = "4711" })},
		{"a description that ends in a number before the volume", with(func(c *cells) { c.desc = "MENS BOXER BRIEF 2.03"[:21] })},
		{"a description that ends in digits against the volume", with(func(c *cells) { c.desc = "KNIT MITTENS SIZE 6/12" })},
		{"a description in lower case", with(func(c *cells) { c.desc = "0-9 Girls 3 pc pointll" })},
		{"a description with quotes", with(func(c *cells) { c.desc = `0-9M GIRLS 2PC "FUR BE` })},
		{"a description of the form's own words", with(func(c *cells) { c.desc = "TOTAL CARTONS STYLE" })},
		{"a style with a space", with(func(c *cells) { c.style = "D95487 LA 2" })},
		{"a style with dashes and slashes", with(func(c *cells) { c.style = "d-95/487.la" })},
		{"a style of digits", with(func(c *cells) { c.style = "10232" })},
		{"a style up to its neighbour", with(func(c *cells) { c.style = "ABCDEFGHIJKLMNOPQRST" })},
		{"an order number of several words", with(func(c *cells) { c.order = "PO 4500 12 A" })},
		{"an order number up to its neighbour", with(func(c *cells) { c.order = "4500123456789012345678" })},
	}
	for _, advance := range []float32{0.549, 0.6, 0.5} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				p := newTypist().form("G24024")
				p.advance = advance
				p.row(0, plain)
				p.row(1, tt.row)
				p.row(2, plain)
				b, problems := oneBill(t, p)
				if len(b.Lines) != 3 || len(problems) > 0 {
					t.Fatalf("advance %v: %d lines and problems %v", advance, len(b.Lines), kindsOf(problems))
				}
				for i, want := range []cells{plain, tt.row, plain} {
					if got := cellsOf(&b.Lines[i]); got != want {
						t.Errorf("advance %v, line %d:\ngot  %q\nwant %q", advance, i+1, got, want)
					}
				}
			})
		}
	}
}

// Cells without a gap make one word, of two text objects or, in files of some programs,
// of one.
func TestCellsThatRunTogetherAreCut(t *testing.T) {
	const y = firstRow
	// printed prints texts, each at its x and in one object or, where "|" parts it, in several.
	printed := func(texts ...any) func(*typist) {
		return func(p *typist) {
			for i := 0; i < len(texts); i += 2 {
				p.put9(float32(texts[i].(float64)), y, strings.Split(texts[i+1].(string), "|")...)
			}
		}
	}
	described := func(text string) func(*typist) { return printed(399.6, text, 557.2, "22.0") }
	each := func(text string) string { return strings.Join(strings.Split(text, ""), "|") }
	tests := []struct {
		name    string
		advance float32
		put     func(p *typist) // all cells but cartons, style, pieces and order number
		want    cells           // of description, volume and weight
		unread  string          // or the text of a row that cannot be read
	}{
		{"description and volume, two objects", 0.549, described("0-9M BOYS 3 PC SS PANT|2.03"),
			cells{desc: "0-9M BOYS 3 PC SS PANT", vol: "2.03", wgt: "22.0"}, ""},
		{"description and volume, one object", 0.549, described("0-9M BOYS 3 PC SS PANT2.03"),
			cells{desc: "0-9M BOYS 3 PC SS PANT", vol: "2.03", wgt: "22.0"}, ""},
		{"description and volume, one object in Courier", 0.6, described("0-9M BOYS 3 PC SS PANT2.03"),
			cells{desc: "0-9M BOYS 3 PC SS PANT", vol: "2.03", wgt: "22.0"}, ""},
		{"description and volume, one object, the last word in the volume's column", 0.6,
			described("QUEEN SHEET SET 400 TC116.94"),
			cells{desc: "QUEEN SHEET SET 400 TC", vol: "116.94", wgt: "22.0"}, ""},
		{"a description that ends in digits, two objects", 0.549, described("KNIT MITTENS SIZE 6/12|2.03"),
			cells{desc: "KNIT MITTENS SIZE 6/12", vol: "2.03", wgt: "22.0"}, ""},
		{"a description that ends in a number, two objects", 0.549, described("KNIT MITTENS SIZE   12|2.03"),
			cells{desc: "KNIT MITTENS SIZE 12", vol: "2.03", wgt: "22.0"}, ""},
		{"a description that ends in a number, one object: the volume begins at its edge", 0.549,
			described("KNITTED MITTEN SIZE 122.03"),
			cells{desc: "KNITTED MITTEN SIZE 12", vol: "2.03", wgt: "22.0"}, ""},
		{"a description that ends in digits, one object: the volume may begin in two places", 0.549,
			described("KNIT MITTENS SIZE  PK12.03"),
			cells{}, "2 D95487LA 48 629493 KNIT MITTENS SIZE PK12.03 22.0"},
		{"a description that ends in more digits, one object: only one place is near the edge", 0.549,
			described("KNIT MITTENS SIZE X4122.03"),
			cells{desc: "KNIT MITTENS SIZE X412", vol: "2.03", wgt: "22.0"}, ""},
		{"a volume of several digits, one object", 0.549, described(`30x40" GIRLS PRINT BLA151.74`),
			cells{desc: `30x40" GIRLS PRINT BLA`, vol: "151.74", wgt: "22.0"}, ""},
		{"a volume of several digits, one object in Courier", 0.6, described(`30x40" GIRLS PRINT BLA151.74`),
			cells{desc: `30x40" GIRLS PRINT BLA`, vol: "151.74", wgt: "22.0"}, ""},
		{"a volume that begins a little early, one object", 4.8 / 9.0, described("0-9M BOYS 3 PC SS PANT2.03"),
			cells{desc: "0-9M BOYS 3 PC SS PANT", vol: "2.03", wgt: "22.0"}, ""},
		{"a number that begins too early may be of the description, one object", 4.8 / 9.0,
			described("0-9M BOYS 3PC SS PANT2.03"),
			cells{}, "2 D95487LA 48 629493 0-9M BOYS 3PC SS PANT2.03 22.0"},
		{"numbers that are set from the right", 0.549,
			printed(399.6, "0-9M BOYS", 538-9*4.941, "10,037.42", 577-8*4.941, "16,123.4"),
			cells{desc: "0-9M BOYS", vol: "10,037.42", wgt: "16,123.4"}, ""},
		{"numbers that are set from the right, in Courier", 0.6,
			printed(399.6, "0-9M BOYS 3 PC", 538-8*5.4, "1,037.42", 577-8*5.4, "16,123.4"),
			cells{desc: "0-9M BOYS 3 PC", vol: "1,037.42", wgt: "16,123.4"}, ""},
		{"numbers that are set from the right, against the description", 0.6,
			printed(399.6, "GIRLS MITTENS SIZE|231.59", 577-6*5.4, "2629.1"),
			cells{desc: "GIRLS MITTENS SIZE", vol: "231.59", wgt: "2629.1"}, ""},
		{"a volume that is printed a little left of its column", 0.549,
			printed(399.6, "0-9M BOYS 3 PC", 505.5, "58.64", 557.2, "22.0"),
			cells{desc: "0-9M BOYS 3 PC", vol: "58.64", wgt: "22.0"}, ""},
		{"a volume a little left of its column, and near the description", 0.549,
			printed(399.6, "0-9M BOYS 3 PC SS PA", 504.5, "58.64", 557.2, "22.0"),
			cells{desc: "0-9M BOYS 3 PC SS PA", vol: "58.64", wgt: "22.0"}, ""},
		{"a number of the description that ends in the volume's column", 0.6,
			described("STORAGE BIN     10.50"), cells{desc: "STORAGE BIN 10.50", wgt: "22.0"}, ""},
		{"a number that begins a character early may be of the description in part", 0.549,
			described("KNITTED MITTENS SIZE 12.03"),
			cells{}, "2 D95487LA 48 629493 KNITTED MITTENS SIZE 12.03 22.0"},
		{"a volume under one, one object", 0.549, described("OS GIRLS 4PK MITTENSSS.81"),
			cells{desc: "OS GIRLS 4PK MITTENSSS", vol: ".81", wgt: "22.0"}, ""},
		{"a sign may belong to either", 0.549, described("0-9M BOYS 3 PC SS PAN-2.03"),
			cells{}, "2 D95487LA 48 629493 0-9M BOYS 3 PC SS PAN-2.03 22.0"},
		{"volume and weight, two objects", 0.549, printed(511.2, "4,410.30|1984.0"),
			cells{vol: "4,410.30", wgt: "1984.0"}, ""},
		{"volume and weight, one object", 0.549, printed(511.2, "4,410.301984.0"),
			cells{vol: "4,410.30", wgt: "1984.0"}, ""},
		{"all three, two objects each", 0.549, printed(399.6, "0-9M BOYS 3 PC SS PANT|441.39|2629.1"),
			cells{desc: "0-9M BOYS 3 PC SS PANT", vol: "441.39", wgt: "2629.1"}, ""},
		{"customer's style and description, two objects", 0.549,
			printed(316.2, "12345678901234567|0-9M BOYS", 511.2, "2.03"),
			cells{cust: "12345678901234567", desc: "0-9M BOYS", vol: "2.03"}, ""},
		{"a text object for each character gives no hint", 0.549,
			printed(399.6, each("0-9M BOYS 3 PC SS PANTALOON"), 530.0, "2.03"),
			cells{desc: "0-9M BOYS 3 PC SS PANTALOON", vol: "2.03"}, ""},
		{"a text object for each character, in Courier", 0.6, described(each("0-9M BOYS 3 PC SS PANT2.03")),
			cells{desc: "0-9M BOYS 3 PC SS PANT", vol: "2.03", wgt: "22.0"}, ""},
		{"a description of several objects", 0.6, described("0-9M BOYS 3 PC SS PA|NT|2.03"),
			cells{desc: "0-9M BOYS 3 PC SS PANT", vol: "2.03", wgt: "22.0"}, ""},
		{"a description is printed over the volume", 0.6,
			printed(399.6, "0-9M GIRLS 3PK SHORT S", 511.2, "2.86"),
			cells{desc: "0-9M GIRLS 3PK SHORT S", vol: "2.86"}, ""},
		{"a description that ends in a number is printed over the volume", 0.6,
			printed(399.6, "0-9M GIRLS 3PK SIZES 4", 511.2, "2.86"),
			cells{desc: "0-9M GIRLS 3PK SIZES 4", vol: "2.86"}, ""},
		{"a long description is printed over the volume", 0.549,
			printed(399.6, "0-9M GIRLS 3PK SHORTSLEEVESHIRT", 511.2, "2.86"),
			cells{desc: "0-9M GIRLS 3PK SHORTSLEEVESHIRT", vol: "2.86"}, ""},
		{"a long description over an empty volume", 0.549, described("0-9M GIRLS 3PK SHORTSLEEVES AND"),
			cells{desc: "0-9M GIRLS 3PK SHORTSLEEVES AND", wgt: "22.0"}, ""},
		{"a long description of several objects over an empty volume", 0.6,
			described("0-9M GIRLS 3PK SHORTSLE|EVES"),
			cells{desc: "0-9M GIRLS 3PK SHORTSLEEVES", wgt: "22.0"}, ""},
		{"text at the beginning of the volume's column is the volume", 0.549,
			printed(399.6, "0-9M BOYS 3 PC SS PANT", 511.2, "N/A"),
			cells{}, "2 D95487LA 48 629493 0-9M BOYS 3 PC SS PANT N/A"},
		{"a minus before the volume is not the end of the description", 0.549,
			printed(399.6, "0-9M BOYS 3 PC SS PANT", 511.2, "- 2.03"),
			cells{}, "2 D95487LA 48 629493 0-9M BOYS 3 PC SS PANT - 2.03"},
		{"digits where the volume is may be the volume", 0.549,
			printed(399.6, "0-9M GIRLS 3PK SHORTSLEEVES 2X"),
			cells{}, "2 D95487LA 48 629493 0-9M GIRLS 3PK SHORTSLEEVES 2X"},
		{"characters that are printed over each other can be lost", 0.549,
			printed(399.6, "STORAGE BIN 10.50 GAL.|81"),
			cells{}, "2 D95487LA 48 629493 STORAGE BIN 10.50 GAL.81"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024")
			p.row(0, cells{cartons: "2", style: "D95487LA", pieces: "48", order: "629493"})
			p.advance = tt.advance
			tt.put(p)
			b, problems := oneBill(t, p)
			if tt.unread != "" {
				if got := kindsOf(problems); got != "unread_row: "+tt.unread || len(b.Lines) > 0 {
					t.Fatalf("%d lines, problems: %s", len(b.Lines), got)
				}
				return
			}
			if len(b.Lines) != 1 || len(problems) > 0 {
				t.Fatalf("%d lines, problems: %s", len(b.Lines), kindsOf(problems))
			}
			tt.want.cartons, tt.want.style, tt.want.pieces, tt.want.order = "2", "D95487LA", "48", "629493"
			if got := cellsOf(&b.Lines[0]); got != tt.want {
				t.Errorf("\ngot  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestPiecesAndOrderNumberThatRunTogether(t *testing.T) {
	for _, tt := range []struct {
		name          string
		text          string
		pieces, order string
	}{
		{"a letter begins the order number", "     48ALL0618A", "48", "ALL0618A"},
		{"digits may belong to either", "     48629493", "", ""},
		{"a letter far from the edge begins nothing", "48ABCDEFGHIJK", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024")
			p.row(0, cells{cartons: "2", style: "D95487LA", desc: "BIBS", vol: "2.03", wgt: "22.0"})
			p.put9(165, firstRow, tt.text)
			b, problems := oneBill(t, p)
			if tt.pieces == "" {
				if len(b.Lines) != 0 || !strings.HasPrefix(kindsOf(problems), "unread_row: 2 D95487LA "+strings.TrimSpace(tt.text)) {
					t.Fatalf("%d lines, problems: %s", len(b.Lines), kindsOf(problems))
				}
				return
			}
			if len(b.Lines) != 1 || b.Lines[0].Pieces.Text != tt.pieces || b.Lines[0].OrderNumber.Text != tt.order {
				t.Errorf("lines %+v, problems: %s", b.Lines, kindsOf(problems))
			}
		})
	}
}

func TestPiecesAndOrderNumberOfTwoObjects(t *testing.T) {
	p := newTypist().form("G24024")
	p.row(0, cells{cartons: "2", style: "D95487LA", desc: "BIBS", vol: "2.03", wgt: "22.0"})
	p.put9(177, firstRow, "1,344", "45-04634-17")
	b, problems := oneBill(t, p)
	if len(b.Lines) != 1 || b.Lines[0].Pieces.Text != "1,344" || b.Lines[0].OrderNumber.Text != "45-04634-17" {
		t.Errorf("lines %+v, problems: %s", b.Lines, kindsOf(problems))
	}
}

func TestTextsThatBeginALittleLeftOfTheirColumn(t *testing.T) {
	for _, order := range []string{"ALL0618A", "80598467"} {
		p := newTypist().form("G24024")
		p.row(0, cells{cartons: "2", pieces: "48", desc: "BIBS", vol: "2.03", wgt: "22.0"})
		p.put9(50.5, firstRow, "D95487LA")
		p.put9(200.5, firstRow, order)
		b, problems := oneBill(t, p)
		if len(b.Lines) != 1 || b.Lines[0].Style.Text != "D95487LA" || b.Lines[0].OrderNumber.Text != order || len(problems) > 0 {
			t.Errorf("lines %+v, problems: %s", b.Lines, kindsOf(problems))
		}
	}
}

func TestPiecesThatReachOverTheirEdge(t *testing.T) {
	for _, tt := range []struct {
		advance, x float32
		pieces     string
	}{{0.6, 167.2, "    157"}, {6 / 9.0, 165.4, "      8"}} {
		p := newTypist().form("G24024")
		p.row(0, cells{cartons: "2", style: "D95487LA", desc: "BIBS", vol: "2.03", wgt: "22.0"})
		p.advance = tt.advance
		p.put9(tt.x, firstRow, tt.pieces)
		b, problems := oneBill(t, p)
		if len(b.Lines) != 1 || b.Lines[0].Pieces.Text != strings.TrimSpace(tt.pieces) || len(problems) > 0 {
			t.Errorf("lines %+v, problems: %s", b.Lines, kindsOf(problems))
		}
	}
}

// A row that looks like a line but cannot be read is reported, and makes no line.
func TestRowsThatCannotBeReadAreReported(t *testing.T) {
	change := func(f func(*cells)) cells { return with(f) }
	tests := []struct {
		name string
		row  cells
		kind ProblemKind
	}{
		{"a letter for a digit", change(func(c *cells) { c.pieces = "4O" }), UnreadRow},
		{"a negative number", change(func(c *cells) { c.wgt = "-22.0" }), UnreadRow},
		{"a minus at the end", change(func(c *cells) { c.wgt = "22.0-" }), UnreadRow},
		{"a minus apart", change(func(c *cells) { c.pieces = "- 48" }), UnreadRow},
		{"a number in parentheses", change(func(c *cells) { c.vol = "(2.03)" }), UnreadRow},
		{"a currency", change(func(c *cells) { c.wgt = "$22.0" }), UnreadRow},
		{"a unit", change(func(c *cells) { c.wgt = "22.0LB" }), UnreadRow},
		{"a unit in front", change(func(c *cells) { c.pieces = "EA 48" }), UnreadRow},
		{"a unit apart", change(func(c *cells) { c.pieces = "48 EA" }), UnreadRow},
		{"digits of another script", change(func(c *cells) { c.pieces = "٤٨" }), UnreadRow},
		{"no style", change(func(c *cells) { c.style = "" }), UnreadRow},
		{"cartons and pieces alone", cells{cartons: "2", pieces: "48"}, UnreadRow},
		{"a decimal comma", change(func(c *cells) { c.vol = "2,03" }), UnreadRow},
		{"a thousands point", change(func(c *cells) { c.pieces = "1.204" }), UnreadRow},
		{"a part of a carton", change(func(c *cells) { c.cartons = "2.5" }), UnreadRow},
		{"a comma in the wrong place", change(func(c *cells) { c.pieces = "12,96" }), UnreadRow},
		{"a thousands blank", change(func(c *cells) { c.pieces = "1 204" }), UnreadRow},
		{"a letter before a number", change(func(c *cells) { c.vol = "O2.03" }), UnreadRow},
		{"two points", change(func(c *cells) { c.vol = "2..03" }), UnreadRow},
		{"an overflow", change(func(c *cells) { c.wgt = "######" }), UnreadRow},
		{"a number without end", change(func(c *cells) { c.pieces = strings.Repeat("9", 17) }), UnreadRow},
		{"a style that counts nothing", cells{style: "D95487LA", desc: "BIBS"}, UnreadRow},
		{"figures that count nothing", cells{desc: "BIBS", vol: "2.03", wgt: "22.0"}, UnreadRow},
		{"a number alone", cells{cartons: "7"}, UnreadRow},
		{"a style alone", cells{style: "SHIP COMPLETE"}, UnreadRow},
		{"a remark", cells{order: "*** CONTINUED ON", cust: "NEXT PAGE ***"}, TextInTable},
		{"a remark in small print", cells{order: "NO BACK ORDERS"}, TextInTable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024").row(0, plain).row(1, tt.row).row(2, plain)
			b, problems := oneBill(t, p)
			if len(b.Lines) != 2 || len(problems) != 1 {
				t.Fatalf("%d lines, problems: %s", len(b.Lines), kindsOf(problems))
			}
			got := problems[0]
			whole := strings.Join(strings.Fields(strings.Join([]string{tt.row.cartons, tt.row.style, tt.row.pieces,
				tt.row.order, tt.row.cust, tt.row.desc, tt.row.vol, tt.row.wgt}, " ")), " ")
			if got.Kind != tt.kind || got.Text != whole || got.Page != 1 || got.Bill != "G24024" || got.Message == "" {
				t.Errorf("got %+v\nwant %s of %q", got, tt.kind, whole)
			}
			const y = firstRow + pitch
			if got.Box.Y0 > y || got.Box.Y1 < y || got.Box.X0 < 12 || got.Box.X1 > 600 {
				t.Errorf("its box is %v, not around the row at %v", got.Box, float32(y))
			}
		})
	}
}

func TestALongTextGoesOnInTheNextRow(t *testing.T) {
	p := newTypist().form("G24024").row(0, plain).row(1, cells{desc: "WITH 2 FREE HATS", cust: "778-12"})
	p.row(2, cells{desc: "AND SOCKS"})
	p.row(3, plain)
	b, problems := oneBill(t, p)
	if len(b.Lines) != 2 || len(problems) > 0 {
		t.Fatalf("%d lines, problems: %s", len(b.Lines), kindsOf(problems))
	}
	l := &b.Lines[0]
	if l.Description.Text != "0-9M BOYS 3 PC SS PANT WITH 2 FREE HATS AND SOCKS" || l.CustStyle.Text != "778-12" {
		t.Errorf("got %q and %q", l.Description.Text, l.CustStyle.Text)
	}
	if y := float32(firstRow + 2*pitch); l.Box.Y1 < y || l.Description.Box.Y1 < y {
		t.Errorf("the line ends at %v, its description at %v, not after %v", l.Box.Y1, l.Description.Box.Y1, y)
	}
	if got := cellsOf(&b.Lines[1]); got != plain {
		t.Errorf("the next line is %q", got)
	}
}

func TestATextThatBelongsToNoLineIsReported(t *testing.T) {
	for _, tt := range []struct {
		name string
		row  int
	}{{"before the first line", 0}, {"far below the last line", 5}} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024").row(2, plain).row(tt.row, cells{desc: "CONTINUED"})
			b, problems := oneBill(t, p)
			if len(b.Lines) != 1 || cellsOf(&b.Lines[0]) != plain || kindsOf(problems) != "text_in_table: CONTINUED" {
				t.Errorf("lines %+v, problems: %s", b.Lines, kindsOf(problems))
			}
		})
	}
}

// The continuation of a row that cannot be read is reported with it.
func TestTheRestOfARowThatCannotBeRead(t *testing.T) {
	p := newTypist().form("G24024").row(0, plain).row(1, with(func(c *cells) { c.pieces = "4O" }))
	p.row(2, cells{desc: "AND SOCKS"})
	b, problems := oneBill(t, p)
	if len(b.Lines) != 1 || cellsOf(&b.Lines[0]) != plain || !strings.HasSuffix(kindsOf(problems), " 22.0 AND SOCKS") {
		t.Errorf("%d lines, problems: %s", len(b.Lines), kindsOf(problems))
	}
}

// A row that may hold a number does not continue the row above.
func TestATornRowIsReported(t *testing.T) {
	p := newTypist().form("G24024").row(0, plain).row(1, cells{desc: "KNIT MITTENS SIZE  PK12.03"})
	b, problems := oneBill(t, p)
	if len(b.Lines) != 1 || cellsOf(&b.Lines[0]) != plain || kindsOf(problems) != "unread_row: KNIT MITTENS SIZE PK12.03" {
		t.Errorf("lines %+v, problems: %s", b.Lines, kindsOf(problems))
	}
}

func TestEveryRowOfTheTableIsRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rows  int
		pitch float32
		shake float32 // how far words are off their places
	}{
		{"one line", 1, pitch, 0},
		{"a full page", 21, pitch, 0},
		{"one more, upon the frame", 22, pitch, 0},
		{"single spacing", 24, 10, 0},
		{"single spacing, every word a point off", 24, 10, 1},
		{"every word a point off", 21, pitch, 1},
		{"every word two points off", 20, pitch, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024")
			for i := range tt.rows {
				from := len(p.page.Words)
				p.row(i, with(func(c *cells) { c.cartons = string(rune('1' + i%9)) }))
				for j := range p.page.Words[from:] {
					w := &p.page.Words[from+j]
					dy := float32(i)*(tt.pitch-pitch) + tt.shake*float32((i+j)%3-1)
					planted.Move(w, tt.shake*float32((i*2+j)%3-1), dy)
				}
			}
			p.foot("2", "48", "22.0", "2.03")
			b, problems := oneBill(t, p)
			if len(b.Lines) != tt.rows || len(problems) > 0 {
				t.Fatalf("%d lines, problems: %s", len(b.Lines), kindsOf(problems))
			}
			for i := range b.Lines {
				want := with(func(c *cells) { c.cartons = string(rune('1' + i%9)) })
				if got := cellsOf(&b.Lines[i]); got != want {
					t.Errorf("line %d:\ngot  %q\nwant %q", i+1, got, want)
				}
			}
			if b.Printed.Cartons.Text != "2" || b.Printed.Cube.Text != "2.03" {
				t.Errorf("totals %+v", b.Printed)
			}
		})
	}
}

// Text across or beside the lines does not change them.
func TestJunkAmongTheLines(t *testing.T) {
	for _, tt := range []struct {
		name     string
		put      func(p *typist)
		problems string
	}{
		{"a fake bold: every word twice, a hair apart", func(p *typist) {
			for _, w := range p.page.Words {
				w.Box.X0, w.Box.X1 = w.Box.X0+0.3, w.Box.X1+0.3
				p.page.Words = append(p.page.Words, w)
			}
		}, ""},
		{"a stamp in large type", func(p *typist) { p.put(100, firstRow+8, 60, "COPY") }, "text_in_table: COPY"},
		{"a text too small to see", func(p *typist) { p.put(170, firstRow, 1, "99") }, "text_in_table: 99"},
		{"text in the margins", func(p *typist) { p.put9(1, firstRow, "7"); p.put9(600, firstRow, "77") }, ""},
		{"words without a valid place", func(p *typist) {
			for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1)), -3e38} {
				p.page.Words = append(p.page.Words,
					page.Word{Text: "9", Box: page.Box{X0: v, X1: 30, Y0: 350, Y1: 356}, Base: firstRow, Size: 9},
					page.Word{Text: "9", Box: page.Box{X0: 20, X1: 30, Y0: 350, Y1: 356}, Base: v, Size: 9})
			}
		}, ""},
		{"a word without the places of its characters", func(p *typist) {
			for i := range p.page.Words {
				p.page.Words[i].Edges = nil
			}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024").row(0, plain).row(1, plain).foot("4", "96", "44.0", "4.06")
			tt.put(p)
			b, problems := oneBill(t, p)
			if len(b.Lines) != 2 || cellsOf(&b.Lines[0]) != plain || cellsOf(&b.Lines[1]) != plain || kindsOf(problems) != tt.problems {
				t.Errorf("lines %+v\nproblems: %s", b.Lines, kindsOf(problems))
			}
			if b.Verdict.Outcome != Reconciled {
				t.Errorf("it is %s: %v", b.Verdict.Outcome, b.Verdict.Checks)
			}
		})
	}
}
