package bol

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/planted"
)

// fullPage is a page with every field filled.
func fullPage() *typist { return fill(newTypist()) }

func fill(p *typist) *typist {
	p.form("G24024")
	p.put(55.8, 49, 12, "ALLURA IMPORTS INC")
	p.put9(55.8, 62.8, "11854 SOUTH ALAMEDA ST, LYNWOOD, CA 90262")
	p.put9(522.6, 76, "07/10/2025")
	p.put9(63, 169, "COOKIESKIDS.COM INC")
	p.put9(63, 181, "2951 GRANT AVENUE")
	p.put9(63, 193, "PHILADELPHIA, PA 19114")
	p.put9(63, 205, "USA")
	p.put9(243, 205, "COOKIE")
	p.put(319.8, 201.4, 6, "1407 BROADWAY, SUITE 401")
	p.put(319.8, 211, 6, "Phone: 212-695-4510")
	p.put9(319.8, 236.2, "MIDAS EXPRESS INC")
	p.put9(319.8, 245.8, "11854 SOUTH ALAMEDA ST")
	p.put9(16.2, 281.2, "629493")
	p.put9(125.4, 281.2, "7")
	p.put9(169.2, 281.8, "12")
	p.put9(205.2, 281.2, "300034")
	p.put9(295.2, 281.2, "07")
	p.put9(321, 281.2, "PACIFIC LOGISTI")
	p.put9(529.8, 281.8, "RMM353")
	p.put9(16.2, 319, "1%10 EOM+30")
	p.put9(133.8, 320.2, "OUR WAREHOUSE - LYNWOOD, CA 90262")
	p.put9(401.4, 320.2, "071025-073025")
	p.put9(495.6, 320.2, "004410")
	p.put9(544.8, 319.6, "5")
	p.row(0, plain)
	p.foot("2", "48", "22.0", "2.03")
	p.put(312.6, 648, 8, "ROUTE ONLINE")
	p.put(312.6, 659.8, 8, "CALL 213-765-3310, DOCK 7")
	p.put(19.2, 639.6, 8, "HOLD 3 CTNS")
	p.put(19.2, 675.6, 8, "BALANCE 1,037.42 CU FT")
	return p
}

// said returns the fields of a bill, one per line.
func said(b *Bill) string {
	return strings.Join([]string{
		b.Number.Text, b.Date.Text, b.Shipper.Text, b.ShipperAddress.Text,
		textsOf(b.Consignee), b.CustomerCode.Text, textsOf(b.OfficeAddress), textsOf(b.WarehouseAddress),
		b.OrderNumber.Text, b.Store.Text, b.Dept.Text, b.Vendor.Text, b.SalesPerson.Text, b.ShippedVia.Text, b.Reference.Text,
		b.Terms.Text, b.FOB.Text, b.InternalCode.Text, b.ControlNo.Text, b.Zone.Text,
		textsOf(b.Instructions), textsOf(b.Notes),
		b.Printed.Cartons.Text, b.Printed.Pieces.Text, b.Printed.Weight.Text, b.Printed.Cube.Text,
		fmt.Sprint(len(b.Lines)),
	}, "\n")
}

const fullSays = `G24024
07/10/2025
ALLURA IMPORTS INC
11854 SOUTH ALAMEDA ST, LYNWOOD, CA 90262
COOKIESKIDS.COM INC | 2951 GRANT AVENUE | PHILADELPHIA, PA 19114 | USA
COOKIE
1407 BROADWAY, SUITE 401 | Phone: 212-695-4510
MIDAS EXPRESS INC | 11854 SOUTH ALAMEDA ST
629493
7
12
300034
07
PACIFIC LOGISTI
RMM353
1%10 EOM+30
OUR WAREHOUSE - LYNWOOD, CA 90262
071025-073025
004410
5
ROUTE ONLINE | CALL 213-765-3310, DOCK 7
HOLD 3 CTNS | BALANCE 1,037.42 CU FT
2
48
22.0
2.03
1`

func TestAPageIsReadWhereverItStands(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(p *typist)
	}{
		{"as designed", func(*typist) {}},
		{"shifted", func(p *typist) { p.move(1, 10, 7) }},
		{"shifted the other way", func(p *typist) { p.move(1, -8, -20) }},
		{"on A4, centered", func(p *typist) { p.move(1, -8, 25) }},
		{"shrunk to fit", func(p *typist) { p.move(0.9, 30, 40) }},
		{"enlarged", func(p *typist) { p.move(1.1, 0, 0) }},
		{"twice as large", func(p *typist) { p.move(2, 0, 0) }},
		{"half as large", func(p *typist) { p.move(0.5, 153, 198) }},
		{"a strip stands higher", func(p *typist) {
			for i := range p.page.Words {
				if w := &p.page.Words[i]; w.Base > 255 && w.Base < 290 {
					w.Base -= 13
				}
			}
		}},
		{"another text is printed over labels", func(p *typist) {
			p.put(246, 339.4, 6, "x x x")
			p.put(350, 339.4, 6, "x x x")
			p.put(75, 613.6, 6, "x")
		}},
		{"headings in lower case", func(p *typist) {
			for i, w := range p.page.Words {
				if w.Size == 6 && w.Base > 250 {
					p.page.Words[i].Text = strings.ToLower(w.Text)
				}
			}
		}},
		{"two headings are gone", func(p *typist) {
			p.erase(Label{"STYLE", 63, 339.4})
			p.erase(Label{"VOL./WEIGHT", 528, 339.4})
		}},
		{"a heading is somewhere else", func(p *typist) {
			p.erase(Label{"PIECES", 169.2, 339.4})
			p.label(Label{"PIECES", 120, 339.4})
		}},
		{"every label a point off", func(p *typist) { *p = *fill(&typist{page: newTypist().page, advance: p.advance, off: 1}) }},
		{"every label two points off", func(p *typist) { *p = *fill(&typist{page: newTypist().page, advance: p.advance, off: 2}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := fullPage()
			tt.change(p)
			b, problems := oneBill(t, p)
			if got := said(b); got != fullSays {
				t.Errorf("got\n%s", got)
			}
			if len(problems) > 0 || b.Verdict.Outcome != Reconciled || cellsOf(&b.Lines[0]) != plain {
				t.Errorf("%s, line %q, problems: %s", b.Verdict.Outcome, cellsOf(&b.Lines[0]), kindsOf(problems))
			}
			if s := b.Sheets[0]; s.N != 1 || s.M != 1 || len(s.Columns) != 8 {
				t.Errorf("the page gives its place as %+v", s)
			}
		})
	}
}

// The reader does not search for values under missing headings.
func TestAStripWithoutItsHeadings(t *testing.T) {
	p := fullPage()
	for _, c := range Straight.Strips[0].Columns[:4] {
		p.erase(Label{c.Heading, c.X, Straight.Strips[0].Y})
	}
	b, _ := oneBill(t, p)
	if b.OrderNumber.Text+b.SalesPerson.Text+b.Reference.Text != "" || b.Terms.Text != "1%10 EOM+30" {
		t.Errorf("the bill says\n%s", said(b))
	}
}

// Words of the form within free text do not mislead the reader.
func TestFreeTextCanSayAnything(t *testing.T) {
	for _, text := range []string{
		"TOTAL CARTONS", "TOTAL PIECES 99", "TOTAL CARTONS MUST MATCH PO 12", "TOTAL VOL / WGT 1.0",
		"CARTONS STYLE PIECES ORDER NUMBER CUST. STYLE DESCRIPTION VOL./WEIGHT", "BILL OF LADING X99999",
		"Page 2 of 9", "DATE 01/01/2030", "CONSIGNED TO: NOBODY", "NOTES: 12", "SHIPPING INSTRUCTIONS: 4.00",
		"1,037.42", "2 D95487LA 48 629493 2.03 22.0", "*URGENT*", "-",
	} {
		t.Run(text, func(t *testing.T) {
			p := fullPage()
			p.put(312.6, 671.5, 8, text)
			p.put(19.2, 687.6, 8, text)
			b, problems := oneBill(t, p)
			want := strings.Replace(fullSays, "DOCK 7", "DOCK 7 | "+text, 1)
			want = strings.Replace(want, "CU FT", "CU FT | "+text, 1)
			if got := said(b); got != want || len(problems) > 0 {
				t.Errorf("problems: %s\ngot\n%s", kindsOf(problems), got)
			}
			if s := b.Sheets[0]; s.N != 1 || s.M != 1 {
				t.Errorf("the page gives its place as %+v", s)
			}
		})
	}
}

func TestTheNumberOfABill(t *testing.T) {
	for _, tt := range []struct{ printed, want string }{
		{"G24024", "G24024"},
		{"AB123456", "AB123456"},
		{"G-24024", "G-24024"},
		{"G24024-2", "G24024-2"},
		{"g24024", "g24024"},
		{"24024", "24024"},
		{"G24024 COPY", "G24024"},
		{"NO. G24024", "G24024"},
		{"G24024 2", "G24024"},
		{"", ""},
		{"DRAFT", ""},
		{"G 24024", ""},
		{"24024 2", ""},
		{"G24024 G24025", ""},
		{"07/10/2025", ""},
		{"########", ""},
		{"G２４０２４", "G24024"},
	} {
		t.Run(tt.printed, func(t *testing.T) {
			p := newTypist().form("")
			p.put9(523.2, 56.2, tt.printed)
			p.row(0, plain)
			b, problems := oneBill(t, p)
			if b.Number.Text != tt.want || len(b.Lines) != 1 {
				t.Fatalf("the number is %q, want %q; %d lines", b.Number.Text, tt.want, len(b.Lines))
			}
			want := ""
			if tt.want == "" {
				want = "no_number: " + tt.printed
			}
			if got := kindsOf(problems); got != want {
				t.Errorf("problems: %s, want %s", got, want)
			}
		})
	}
	t.Run("is not taken from the title of a page without its box", func(t *testing.T) {
		p := fullPage()
		p.erase(Label{"BILL OF LADING", 463.2, 55})
		b, problems := oneBill(t, p)
		if b.Number.Text != "" || kindsOf(problems) != "no_number: " {
			t.Errorf("the number is %q, problems: %s", b.Number.Text, kindsOf(problems))
		}
	})
}

func TestDatesAreTakenAsPrinted(t *testing.T) {
	for _, date := range []string{"07/10/2025", "7/10/25", "2025-07-10", "JULY 10, 2025", "10.07.2025", ""} {
		t.Run(date, func(t *testing.T) {
			p := newTypist().form("G24024")
			p.put9(522.6, 76, date)
			if b, _ := oneBill(t, p); b.Date.Text != date {
				t.Errorf("got %q", b.Date.Text)
			}
		})
	}
}

func TestPageNofM(t *testing.T) {
	for _, tt := range []struct {
		text string
		n, m int
	}{
		{"Page 1 of 1", 1, 1},
		{"Page 2 of 3", 2, 3},
		{"PAGE 12 OF 12", 12, 12},
		{"Page: 2/3", 2, 3},
		{"x Page 2 of 3 y", 2, 3},
		{"Page 1.of 2", 1, 2}, // a speck of a picture
		{"Page- 1 0f 2", 1, 2},
		{"Page 3 of 2", 0, 0},
		{"Page 0 of 2", 0, 0},
		{"Page 1", 0, 0},
		{"Page 1 of", 0, 0},
		{"Page 1 of 123456", 0, 0},
		{"2 of 3", 0, 0},
		{"Rampage 2 of 3", 0, 0},
		{"", 0, 0},
	} {
		if n, m := pageOf(tt.text); n != tt.n || m != tt.m {
			t.Errorf("%q: %d of %d, want %d of %d", tt.text, n, m, tt.n, tt.m)
		}
	}
}

func TestTheConsigneeAndItsCode(t *testing.T) {
	type text struct {
		x, y float32
		text string
	}
	for _, tt := range []struct {
		name            string
		put             []text
		consignee, code string
	}{
		{"three lines", []text{{63, 181, "ZEPHYR COVE KIDS"}, {63, 193, "410 1/2 BOARDWALK"}, {63, 205, "USA"}, {243, 205, "ZEPHYR"}},
			"ZEPHYR COVE KIDS | 410 1/2 BOARDWALK | USA", "ZEPHYR"},
		{"six lines", []text{{63, 145, "A"}, {63, 157, "B"}, {63, 169, "C"}, {63, 181, "D"}, {63, 193, "E 1"}, {63, 205, "USA"}, {243, 205, "S3390"}},
			"A | B | C | D | E 1 | USA", "S3390"},
		{"no code", []text{{63, 193, "CITY OF INDUSTRY, CA 91748"}, {63, 205, "USA"}}, "CITY OF INDUSTRY, CA 91748 | USA", ""},
		{"the code has its line for itself", []text{{63, 181, "A"}, {63, 193, "USA"}, {243, 205, "COOKIE"}}, "A | USA", "COOKIE"},
		{"the code alone", []text{{243, 205, "COOKIE"}}, "", "COOKIE"},
		{"a last line that ends near the code", []text{{63, 205, "CITY OF INDUSTRY, CA 91748-1234 USA"}, {243, 205, "COOKIE"}},
			"CITY OF INDUSTRY, CA 91748-1234 USA", "COOKIE"},
		{"a last line under the code", []text{{63, 205, "12345 SOUTH INDUSTRIAL BOULEVARD, CALIFORNIA"}, {243, 205, "COOKIE"}},
			"12345 SOUTH INDUSTRIAL BOULEVARD, CALIFORNIA", "COOKIE"},
		{"the code is not at its usual place", []text{{63, 205, "USA"}, {228, 205, "COOKIE"}}, "USA", "COOKIE"},
		{"a long last line and no code", []text{{63, 205, "12345 SOUTH INDUSTRIAL BLVD STE 1100 UNIT 7"}},
			"12345 SOUTH INDUSTRIAL BLVD STE 1100 UNIT 7", ""},
		{"a long name", []text{{63, 193, "THE VERY LONG NAME OF A COMPANY THAT DOES NOT FIT"}, {63, 205, "USA"}, {243, 205, "B1920"}},
			"THE VERY LONG NAME OF A COMPANY THAT DOES NOT FIT | USA", "B1920"},
		{"a code of two words", []text{{63, 205, "USA"}, {243, 205, "AB 12"}}, "USA", "AB 12"},
		{"a wide gap further up is not a code", []text{{63, 193, "PHILADELPHIA, PA"}, {240, 193, "19114"}, {63, 205, "USA"}},
			"PHILADELPHIA, PA 19114 | USA", ""},
		{"nothing at all", nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024")
			for _, w := range tt.put {
				p.put9(w.x, w.y, w.text)
			}
			b, _ := oneBill(t, p)
			if got := textsOf(b.Consignee); got != tt.consignee || b.CustomerCode.Text != tt.code {
				t.Errorf("got %q and %q\nwant %q and %q", got, b.CustomerCode.Text, tt.consignee, tt.code)
			}
		})
	}
}

func TestTheFoot(t *testing.T) {
	type foot struct{ cartons, pieces, weight, cube string }
	for _, tt := range []struct {
		name     string
		printed  foot
		more     func(p *typist)
		want     foot
		problems string
	}{
		{name: "filled", printed: foot{"2", "48", "22.0", "2.03"}, want: foot{"2", "48", "22.0", "2.03"}},
		{name: "with commas", printed: foot{"1,204", "12,960", "11,553.0", "1,037.42"}, want: foot{"1,204", "12,960", "11,553.0", "1,037.42"}},
		{name: "a cube over ten thousand", printed: foot{"1,204", "12,960", "11,553.0", "10,037.42"}, want: foot{"1,204", "12,960", "11,553.0", "10,037.42"}},
		{name: "without commas", printed: foot{"1204", "12960", "11553.0", "1037.42"}, want: foot{"1204", "12960", "11553.0", "1037.42"}},
		{name: "blank"},
		{name: "without a cube", printed: foot{"2", "48", "22.0", ""}, want: foot{"2", "48", "22.0", ""}},
		{name: "without pieces", printed: foot{"2", "", "22.0", "2.03"}, want: foot{"2", "", "22.0", "2.03"}},
		{name: "a weight that is not a number", printed: foot{"2", "48", "2Z.0", "2.03"}, want: foot{"2", "48", "2Z.0", "2.03"},
			problems: "unread_total: 2Z.0"},
		{name: "a negative total", printed: foot{"-2", "48", "22.0", "2.03"}, want: foot{"-2", "48", "22.0", "2.03"},
			problems: "unread_total: -2"},
		{name: "two figures for one", printed: foot{"2 3", "48", "22.0", "2.03"}, want: foot{"2 3", "48", "22.0", "2.03"},
			problems: "unread_total: 2 3"},
		{name: "a cube cut off after its first decimal", printed: foot{"2", "48", "22.0", "2.0"}, want: foot{"2", "48", "22.0", "2.0"},
			problems: "unread_total: 2.0"},
		{name: "a weight cut off before its decimal", printed: foot{"2", "48", "22", "2.03"}, want: foot{"2", "48", "22", "2.03"},
			problems: "unread_total: 22"},
		{name: "a cube of nothing", printed: foot{"2", "48", "22.0", "0"}, want: foot{"2", "48", "22.0", "0"}},
		{name: "a unit", printed: foot{"2", "48", "22.0 LB", "2.03 CFT"}, want: foot{"2", "48", "22.0", "2.03"}},
		{name: "free text beside an empty cube", printed: foot{"2", "48", "22.0", ""}, want: foot{"2", "48", "22.0", ""},
			more: func(p *typist) { p.put9(400, 634.6, "PLEASE CALL FIRST AND BE EARLY") }},
		{name: "free text beside the cube", printed: foot{"2", "48", "22.0", "2.03"}, want: foot{"2", "48", "22.0", "2.03"},
			more: func(p *typist) { p.put9(400, 634.6, "CALL FIRST") }},
		{name: "off its labels", want: foot{"2", "48", "22.0", "2.03"}, more: func(p *typist) {
			from := len(p.page.Words)
			p.foot("2", "48", "22.0", "2.03")
			for i := range p.page.Words[from:] {
				p.page.Words[from+i].Base -= 3
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTypist().form("G24024").row(0, plain)
			p.foot(tt.printed.cartons, tt.printed.pieces, tt.printed.weight, tt.printed.cube)
			if tt.more != nil {
				tt.more(p)
			}
			b, problems := oneBill(t, p)
			got := foot{b.Printed.Cartons.Text, b.Printed.Pieces.Text, b.Printed.Weight.Text, b.Printed.Cube.Text}
			if got != tt.want || kindsOf(problems) != tt.problems || len(b.Lines) != 1 {
				t.Errorf("got %+v, %d lines, problems: %s\nwant %+v, problems: %s", got, len(b.Lines), kindsOf(problems), tt.want, tt.problems)
			}
		})
	}
}

func TestATableOfAnotherHeight(t *testing.T) {
	for _, dy := range []float32{-100, 150} {
		p := newTypist().form("G24024").foot("9", "99", "9.9", "9.99")
		for i := range p.page.Words {
			if w := &p.page.Words[i]; w.Base > 600 && w.Base < 740 {
				planted.Move(w, 0, dy)
			}
		}
		n := int((250 + dy) / pitch)
		for i := range n {
			p.row(i, plain)
		}
		p.page.Height += 150
		b, problems := oneBill(t, p)
		if len(b.Lines) != n || len(problems) > 0 || b.Printed.Cartons.Text != "9" || b.Printed.Cube.Text != "9.99" {
			t.Errorf("%v lower: %d lines of %d, totals %+v, problems: %s", dy, len(b.Lines), n, b.Printed, kindsOf(problems))
		}
	}
}

// Without a foot the table ends at its place on the form.
func TestAPageWithoutItsFoot(t *testing.T) {
	p := newTypist().form("G24024")
	for _, a := range Straight.Foot {
		p.erase(a.Label)
	}
	for i := range 21 {
		p.row(i, plain)
	}
	p.put(210, 690, 8, "TOTAL PIECES WILL FOLLOW")
	b, problems := oneBill(t, p)
	if len(b.Lines) != 21 || len(problems) > 0 || b.Printed != (Totals{}) {
		t.Errorf("%d lines, totals %+v, problems: %s", len(b.Lines), b.Printed, kindsOf(problems))
	}
	if b.Verdict.Outcome != Unchecked || b.Verdict.Reason != "no total is printed for cartons, pieces, weight, cube" {
		t.Errorf("it is %+v", b.Verdict)
	}
}

func TestPagesThatAreNoBills(t *testing.T) {
	good := newTypist().form("G24024").row(0, plain)
	words := func(texts ...string) page.Page {
		p := newTypist()
		for i, text := range texts {
			p.put9(72, 72+12*float32(i), text)
		}
		return p.done()
	}
	packing := newTypist()
	packing.put(220, 60, 20, "PACKING LIST")
	for i, text := range []string{"STYLE", "DESCRIPTION", "CUST. STYLE", "ORDER NUMBER", "PIECES", "CARTONS"} {
		packing.put9(40+90*float32(i), 120, text)
	}
	ordered := newTypist()
	for i, text := range []string{"CARTONS", "STYLE", "PIECES", "ORDER NUMBER", "DESCRIPTION", "WEIGHT"} {
		ordered.put9(40+90*float32(i), 120, text)
	}
	broken := fullPage()
	for _, c := range Straight.Table.Columns[2:] {
		broken.erase(Label{c.Heading, c.X, Straight.Table.Y})
	}
	for _, tt := range []struct {
		name  string
		page  page.Page
		kind  ProblemKind
		loses bool
	}{
		{"blank, or a picture", page.Page{Width: 612, Height: 792}, NoTextOnPage, true},
		{"damaged", page.Page{Damage: "the page is damaged"}, DamagedPage, true},
		{"a letter", words("Please note our new bank account.", "CARTONS STYLE PIECES"), NotABill, false},
		{"a packing list with the same headings in another order", packing.done(), NotABill, false},
		{"a packing list with the same headings at other places", ordered.done(), NotABill, false},
		{"a bill whose table has lost its headings", broken.done(), UnreadPage, true},
		{"words at no place", page.Page{Words: []page.Word{{Text: "x", Size: float32(math.NaN())}}}, NoTextOnPage, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := documentOf(t, tt.page, good.done())
			if len(d.Bills) != 1 || len(d.Problems) != 1 {
				t.Fatalf("%d bills, problems: %s", len(d.Bills), kindsOf(d.Problems))
			}
			if p := d.Problems[0]; p.Kind != tt.kind || p.Page != 1 || p.Message == "" || p.Kind.Loses() != tt.loses {
				t.Errorf("got %+v, want %s", p, tt.kind)
			}
		})
	}
}
