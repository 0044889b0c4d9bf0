package form

import (
	"fmt"
	"testing"
)

// The kinds of layouts that were misread once, each as small as shows it.

// goods draws rows with so many cells, and returns the baseline below them. Figures are
// those of the packing list above: packages, pieces, weight.
func (d *drawing) goods(y float32, at ...int) float32 {
	for i, l := range [][4]string{{"A-100", "24", "1,152", "310.5"}, {"A-101", "7", "336", "88.0"}, {"B-200", "113", "5,424", "1,460.2"}, {"B-201", "9", "432", "101.3"}} {
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
