package bol

import (
	"slices"
	"testing"

	"tallyman/internal/testing/must"
)

// manifest is another form, on paper of 400 by 300 points: other words, other
// columns in another order, its foot on the left, its header at the bottom.
var manifest = Layout{
	Name: "manifest",
	Type: 6, Width: 400, Height: 300,
	Table: Grid{Y: 40, Need: 4, Columns: []Column{
		{Name: "style", Heading: "ARTICLE", X: 20, Left: 18, Right: 80},
		{Name: "description", Heading: "GOODS", X: 80, Left: 78, Right: 200, Wraps: true},
		{Name: "weight", Heading: "KILOS", X: 205, Left: 200, Right: 240, Number: true, Decimals: 3},
		{Name: "pieces", Heading: "UNITS", X: 245, Left: 240, Right: 290, Number: true},
		{Name: "cartons", Heading: "CASES", X: 300, Left: 290, Right: 340, Number: true},
	}},
	Strips: []Grid{{Y: 15, Need: 1, From: 5, To: 15, Columns: []Column{
		{Name: "order_number", Heading: "YOUR ORDER", X: 20, Left: 18, Right: 200},
		{Name: "reference", Heading: "OUR REF", X: 200, Left: 198, Right: 390},
	}}},
	End: 5, Depth: 150,
	Foot: []Area{
		{Name: "cartons", Label: Label{"CASES IN ALL", 20, 200}, Left: 70, Right: 120, Top: 195, Bottom: 205},
		{Name: "weight", Label: Label{"KILOS IN ALL", 20, 210}, Left: 70, Right: 120, Top: 205, Bottom: 215, Decimals: 3},
	},
	Areas: []Area{
		{Name: "number", Label: Label{"MANIFEST NO", 20, 250}, Left: 70, Right: 120, Top: 245, Bottom: 255},
		{Name: "page", Label: Label{"MANIFEST NO", 20, 250}, Left: 120, Right: 200, Top: 245, Bottom: 255},
		{Name: "consignee", Label: Label{"FOR", 220, 240}, Left: 218, Right: 390, Top: 242, Bottom: 290},
	},
}

func TestALayoutIsData(t *testing.T) {
	p := &typist{advance: 0.5}
	p.page.Width, p.page.Height = 400, 300
	for _, l := range manifest.phrases() {
		p.put(l.X, l.Y, 5, l.Text)
	}
	for _, v := range []struct {
		x, y float32
		text string
	}{
		{20, 25, "PO 7781"}, {200, 25, "R-12"},
		{20, 50, "AX 100/2"}, {80, 50, "CUPS, 12 OZ"}, {205, 50, "1,002.250"}, {245, 50, "144"}, {300, 50, "12"},
		{80, 57, "WITH 2 SAUCERS"},
		{20, 66, "BX7"}, {205, 66, "14.500"}, {245, 66, "10"},
		{20, 74, "ZZ"}, {245, 74, "1O"},
		{70, 200, "12"}, {70, 210, "1,016.751"},
		{70, 250, "M-0042"}, {120, 250, "PAGE 1 OF 1"},
		{220, 248, "WILLOWMERE STORES"}, {220, 256, "WILLOWMERE, IL"},
	} {
		p.put(v.x, v.y, 6, v.text)
	}
	p.move(1.3, 12, -4)

	read := func(layouts ...*Layout) (*Document, error) {
		r, err := newReader(layouts)
		must.OK(t, err)
		must.OK(t, r.Add(0, p.done()))
		return r.Document([]File{{"m.pdf", 1}})
	}
	if d, err := read(&Straight); err == nil {
		t.Fatalf("in the first layout it reads as %+v", d.Bills[0])
	}
	d, err := read(&Straight, &manifest)
	must.OK(t, err)
	b := d.Bills[0]
	for _, v := range []struct{ name, got, want string }{
		{"number", b.Number.Text, "M-0042"},
		{"order number", b.OrderNumber.Text, "PO 7781"},
		{"reference", b.Reference.Text, "R-12"},
		{"consignee", textsOf(b.Consignee), "WILLOWMERE STORES | WILLOWMERE, IL"},
		{"total cartons", b.Printed.Cartons.Text, "12"},
		{"total weight", b.Printed.Weight.Text, "1,016.751"},
		{"cube", b.Printed.Cube.Text, ""},
		{"problems", kindsOf(d.Problems), "unread_row: ZZ 1O"},
	} {
		if v.got != v.want {
			t.Errorf("%s is %q, want %q", v.name, v.got, v.want)
		}
	}
	want := []cells{
		{cartons: "12", style: "AX 100/2", pieces: "144", desc: "CUPS, 12 OZ WITH 2 SAUCERS", wgt: "1,002.250"},
		{style: "BX7", pieces: "10", wgt: "14.500"},
	}
	for i, w := range want {
		if i >= len(b.Lines) || cellsOf(&b.Lines[i]) != w {
			t.Fatalf("lines %+v\nwant %q", b.Lines, want)
		}
	}
	// Half a thousandth for each of two lines.
	if b.Verdict.Outcome != Unchecked || b.Verdict.Reason != "no total is printed for pieces, cube" || b.Sheets[0].M != 1 {
		t.Errorf("it is %+v, page %+v", b.Verdict, b.Sheets[0])
	}
}

// Every layout must be consistent: otherwise values would be missing.
func TestLayoutsHoldTogether(t *testing.T) {
	for _, l := range append(slices.Clone(Layouts), &manifest) {
		must.OK(t, l.Check())
		for _, g := range append([]Grid{l.Table}, l.Strips...) {
			headings := 0
			for i, c := range g.Columns {
				if c.Heading != "" {
					headings++
				}
				if c.Left >= c.Right || i > 0 && c.Left != g.Columns[i-1].Right && c.Left < g.Columns[i-1].Left {
					t.Errorf("%s: column %s begins at %v and ends at %v", l.Name, c.Name, c.Left, c.Right)
				}
			}
			if g.Need < 1 || g.Need > headings {
				t.Errorf("%s: %d of %d headings are needed", l.Name, g.Need, headings)
			}
		}
		for _, a := range append(slices.Clone(l.Foot), l.Areas...) {
			if a.Label.Text == "" || a.Left >= a.Right || a.Top >= a.Bottom {
				t.Errorf("%s: area %+v", l.Name, a)
			}
		}
	}
}

func TestALayoutWithAnUnknownNameIsAnError(t *testing.T) {
	for what, spoil := range map[string]func(l *Layout){
		"column":         func(l *Layout) { l.Table.Columns[0].Name = "styles" },
		"kind of column": func(l *Layout) { l.Table.Columns[0].Number = true },
		"strip":          func(l *Layout) { l.Strips[0].Columns[1].Name = "style" },
		"total":          func(l *Layout) { l.Foot[0].Name = "volume" },
		"area":           func(l *Layout) { l.Areas[2].Name = "weight" },
	} {
		l := manifest
		l.Table.Columns, l.Foot, l.Areas = slices.Clone(l.Table.Columns), slices.Clone(l.Foot), slices.Clone(l.Areas)
		l.Strips = []Grid{{Columns: slices.Clone(manifest.Strips[0].Columns)}}
		spoil(&l)
		if _, err := newReader([]*Layout{&l}); err == nil {
			t.Errorf("an unknown %s gives no error", what)
		}
	}
}
