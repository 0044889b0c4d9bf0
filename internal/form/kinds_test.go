package form

import (
	"fmt"
	"slices"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/planted"
)

// The kinds of layouts that were misread once, each as small as shows it.

// goods draws rows with so many cells, and returns the baseline below them. Figures are
// those of the packing list above: packages, pieces, weight.
func (d *drawing) goods(y float32, at ...int) float32 {
	for i, l := range fourLines {
		for j, x := range at {
			d.put(float32(x), y+float32(14*i), l[j])
		}
	}
	return y + 4*14
}

// reconciled fails unless the drawings are one bill with one table of four lines, proved.
func reconciled(t *testing.T, drawings ...*drawing) Bill {
	t.Helper()
	bills := readAll(drawings...).Bills
	if len(bills) != 1 || len(bills[0].Tables) != 1 {
		t.Fatalf("%d bills: %+v", len(bills), bills)
	}
	b := bills[0]
	if b.Outcome != Reconciled || len(b.Tables[0].Rows) != 4 {
		t.Fatalf("it is %s (%s): %+v", b.Outcome, b.Reason, b.Tables)
	}
	for i, want := range []string{"24", "7", "113", "9"} {
		if c := b.Tables[0].Rows[i].Cell(Packages); c == nil || c.Figure != want {
			t.Errorf("line %d has %+v packages, not %s", i+1, c, want)
		}
	}
	return b
}

func TestBoxesOfLabelledTotalsAreNoTable(t *testing.T) {
	d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 200, "CARTONS", 300, "PIECES", 400, "WEIGHT (LBS)")
	y := d.goods(214, 60, 200, 300, 400) + 20
	d.row(y, 60, "Total Cartons", 200, "Total Pieces", 320, "Total Weight (lbs)").row(y+11, 60, "153", 200, "7,344", 320, "1,960.0")
	reconciled(t, d)
}

func TestThePageNumberBelongsToNoRow(t *testing.T) {
	for _, foot := range []string{"Page 1", "Page 1 of 1", "continued on the next page"} {
		d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 200, "CARTONS", 300, "PIECES", 400, "WEIGHT")
		y := d.goods(228, 60, 200, 300, 400)
		d.row(214, 60, "TOTAL", 200, "153", 300, "7,344", 400, "1,960.0")
		d.put(400, y-4, foot)
		reconciled(t, d)
	}
}

func TestOnlyWhatWasShippedIsCounted(t *testing.T) {
	for i, h := range [][2]string{{"QTY", "B/O"}, {"QTY", "ORDERED"}, {"CARTONS", "ORDERED"}} {
		d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 150, h[0], 210, "CARTONS", 300, "QTY", 400, "WEIGHT").row(211, 150, h[1], 300, "SHIPPED")
		y := d.goods(230, 60, 210, 300, 400)
		for j := range 4 {
			d.put(150, 230+14*float32(j), fmt.Sprint(1+j))
		}
		d.row(y, 60, "TOTAL", 210, "153", 300, "7,344", 400, "1,960.0")
		b := reconciled(t, d)
		if c := b.Tables[0].Rows[2].Cell(Pieces); c == nil || c.Figure != "5424" {
			t.Errorf("%d: pieces are %+v", i, c)
		}
	}
}

func TestHeadingsNameTheirUnitAndNumber(t *testing.T) {
	d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "1 Style", 180, "2 No. of packages", 300, "3 Pieces", 400, "4 Gross weight in kg")
	y := d.goods(214, 60, 180, 300, 400)
	d.row(y, 60, "TOTAL", 180, "153", 300, "7,344", 400, "1,960.0")
	if b := reconciled(t, d); b.Tables[0].Rows[0].Cell(Weight).Unit != Kilograms {
		t.Errorf("the weight is %+v", b.Tables[0].Rows[0].Cell(Weight))
	}
}

func TestOfTwoStoreysTheTotalIsAddedUp(t *testing.T) {
	d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 150, "CTNS", 230, "QTY (PCS)", 400, "G.W. (KGS)").
		row(212, 210, "PER CTN", 270, "TOTAL", 370, "PER CTN", 440, "TOTAL")
	y := d.goods(230, 60, 150, 270, 440)
	for j := range 4 {
		d.row(230+14*float32(j), 210, fmt.Sprint(48-j), 370, fmt.Sprint(12-j))
	}
	d.row(y, 60, "TOTAL", 150, "153", 270, "7,344", 440, "1,960.0")
	b := reconciled(t, d)
	if c := b.Tables[0].Rows[2].Cell(Weight); c == nil || c.Figure != "1460.2" || c.Unit != Kilograms {
		t.Errorf("the weight is %+v", c)
	}
}

func TestOfTwoColumnsOfWeightsTheOneWithATotalCounts(t *testing.T) {
	for _, total := range []string{"", "46"} {
		d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 150, "CARTONS", 230, "PIECES", 320, "WEIGHT", 400, "WEIGHT")
		y := d.goods(214, 60, 150, 230, 400)
		for j := range 4 {
			d.row(214+14*float32(j), 320, fmt.Sprint(13-j))
		}
		d.row(y, 60, "TOTAL", 150, "153", 230, "7,344", 320, total, 400, "1,960.0")
		if total == "" {
			reconciled(t, d)
		} else if b := readAll(d).Bills; b[0].Outcome != NothingProves {
			t.Errorf("with a total under both, it is %s", b[0].Outcome)
		}
	}
}

func TestSubtotalsOfNamedGroupsAreNoLines(t *testing.T) {
	for _, labels := range [][2]string{{"Subtotal knitted goods", "Subtotal others"}, {"Knitted goods total", "Others total"}} {
		d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 200, "CARTONS", 300, "PIECES", 400, "WEIGHT")
		d.put(60, 214, "KNITTED GOODS").row(228, 60, "A-100", 200, "24", 300, "1,152", 400, "310.5").row(242, 60, "A-101", 200, "7", 300, "336", 400, "88.0").
			row(256, 60, labels[0], 200, "31", 300, "1,488", 400, "398.5").
			put(60, 270, "OTHERS").row(284, 60, "B-200", 200, "113", 300, "5,424", 400, "1,460.2").row(298, 60, "B-201", 200, "9", 300, "432", 400, "101.3").
			row(312, 60, labels[1], 200, "122", 300, "5,856", 400, "1,561.5").
			row(326, 60, "TOTAL", 200, "153", 300, "7,344", 400, "1,960.0")
		b := reconciled(t, d)
		if c := b.Tables[0].Rows[0].Cell(Style); c.Text != "A-100" {
			t.Errorf("the first style is %q", c.Text)
		}
	}
}

func TestALabelSaysWhatAnOpenHeadingCounts(t *testing.T) {
	d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 180, "CARTONS", 300, "QTY", 400, "WEIGHT")
	y := d.goods(214, 60, 180, 300, 400)
	d.put(60, y, "Total cartons: 153").put(60, y+12, "Total handling units: 7,344").put(60, y+24, "Total weight: 1,960.0 lbs")
	if c := reconciled(t, d).Tables[0].Rows[0].Cell(Pallets); c == nil || c.Figure != "1152" {
		t.Errorf("the handling units are %+v", c)
	}
}

func TestDecimalCommasAreReadWhereTheFiguresShowThem(t *testing.T) {
	draw := func(weights [4]string, total, pieces string) *drawing {
		d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 180, "CARTONS", 300, "PIECES", 400, "WEIGHT KG")
		y := d.goods(214, 60, 180)
		for i, p := range []string{"1.152", "336", "5.424", "432"} {
			d.row(214+14*float32(i), 300, p, 400, weights[i])
		}
		return d.row(y, 60, "TOTAL", 180, "153", 300, pieces, 400, total)
	}
	b := reconciled(t, draw([4]string{"310,5", "88,0", "1.460,2", "101,3"}, "1.960,0", "7.344"))
	if c := b.Tables[0].Rows[2].Cell(Weight); c.Figure != "1460.2" || c.Text != "1.460,2" {
		t.Errorf("the weight is %+v", c)
	}
	// The decimals of all weights are three: only a note has a comma that tells.
	d := sheet(1).put(60, 60, "BOL NO: 4711").put(60, 80, "Temperature 3,5").row(200, 60, "STYLE", 180, "CARTONS", 400, "WEIGHT KG")
	y := d.goods(214, 60, 180)
	for i, w := range []string{"310,500", "88,000", "460,200", "101,300"} {
		d.put(400, 214+14*float32(i), w)
	}
	d.row(y, 60, "TOTAL", 180, "153", 400, "960,000")
	if b := readAll(d).Bills; b[0].Outcome != NothingProves {
		t.Errorf("commas that may part thousands are %s", b[0].Outcome)
	}
}

func TestAPageWithMoreLinesThanAreReadIsNotProved(t *testing.T) {
	d := packing(nil)
	d.MoreRules = true
	if b := readAll(d).Bills[0]; b.Outcome != NothingProves || b.Reason != "a page has more ruling lines than are read" {
		t.Errorf("it is %s (%s)", b.Outcome, b.Reason)
	}
}

// slanted returns the page turned by an angle with that tangent.
func (d *drawing) slanted(tan float32) *drawing {
	out := &drawing{d.Page}
	out.Words, out.Rules = nil, nil
	move := func(b page.Box) page.Box {
		x, y := (b.X0+b.X1)/2, (b.Y0+b.Y1)/2
		dx, dy := -y*tan-x*tan*tan/2, x*tan-y*tan*tan/2
		return page.Box{X0: b.X0 + dx, Y0: b.Y0 + dy, X1: b.X1 + dx, Y1: b.Y1 + dy}
	}
	for _, w := range d.Words {
		b := move(w.Box)
		dx := b.X0 - w.Box.X0
		// The baseline is that of the word's beginning.
		w.Base, w.Box = w.Base+w.Box.X0*tan-w.Base*tan*tan/2, b
		w.Edges = slices.Clone(w.Edges)
		for i := range w.Edges {
			w.Edges[i] += dx
		}
		out.Words = append(out.Words, w)
	}
	for _, r := range d.Rules {
		out.Rules = append(out.Rules, move(r))
	}
	return out
}

func TestASlantedPageIsReadAsALevelOne(t *testing.T) {
	for _, tan := range []float32{0.012, -0.03, 0.06} {
		straight, slanted := readAll(packing(nil)).Bills[0], readAll(packing(nil).slanted(tan)).Bills
		if len(slanted) != 1 || slanted[0].Outcome != Reconciled {
			t.Fatalf("%v: %+v", tan, slanted)
		}
		a, b := straight.Tables[0].Rows[3].Cell(Weight), slanted[0].Tables[0].Rows[3].Cell(Weight)
		if off := a.Box.Y0 + a.Box.X0*tan - b.Box.Y0; a.Text != b.Text || abs(off) > 3 {
			t.Errorf("%v: the last weight is %+v, and %+v on the slanted page", tan, a, b)
		}
	}
}

func TestTwoBillsSideBySideAreTwo(t *testing.T) {
	left, right := packing(nil), packing(map[string]string{"cartons3": "10", "cartons": "154"})
	two := sheet(1)
	two.Width = 1224
	two.Words = left.Words
	for _, w := range right.Words {
		if w.Text == "PL-4711" {
			w.Text = "PL-4712"
		}
		planted.Move(&w, 612, 0)
		two.Words = append(two.Words, w)
	}
	bills := readAll(two).Bills
	if len(bills) != 2 || bills[0].Outcome != Reconciled || bills[1].Outcome != Reconciled || bills[1].Number.Text != "PL-4712" {
		t.Fatalf("they are %+v", bills)
	}
	if c := bills[1].Tables[0].Rows[3].Cell(Packages); c.Text != "10" || c.Box.X0 < 900 {
		t.Errorf("the last packages of the second are %+v", c)
	}
}

// The total of a table may be left blank, and no line stand between it and the last row.
func TestABlankTotalTakesNoFiguresFromTheRowAboveIt(t *testing.T) {
	d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 200, "CARTONS", 300, "PIECES", 400, "WEIGHT (LBS)")
	y := d.goods(214, 60, 200, 300, 400)
	for at := float32(190); at < y-10; at += 14 {
		d.across(at, 55, 460)
	}
	d.across(y+4, 55, 460)
	d.put(60, y, "GRAND TOTAL")
	d.put(60, y+40, "Total Cartons: 153").put(200, y+40, "Total Pieces: 7,344").put(350, y+40, "Total Weight: 1,960.0")
	reconciled(t, d)
}

// Dirt just above a row belongs to the row before, and does not join the two.
func TestDirtBetweenRowsJoinsNone(t *testing.T) {
	d := sheet(1).put(60, 60, "BOL NO: 4711").row(200, 60, "STYLE", 200, "CARTONS", 300, "PIECES", 400, "WEIGHT (LBS)")
	y := d.goods(214, 60, 200, 300, 400)
	d.row(y, 60, "TOTAL", 200, "153", 300, "7,344", 400, "1,960.0")
	d.put(500, 214+14-5, "T").put(130, 214+28-5, "x")
	reconciled(t, d)
}
