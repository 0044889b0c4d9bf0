package form

import (
	"slices"
	"strings"
	"testing"

	"tallyman/internal/page"
)

// onPicture turns a drawing into a picture that was read without doubt.
func (d *drawing) onPicture() *drawing {
	d.Scan = page.Recognised
	for i := range d.Words {
		w := &d.Words[i]
		w.Glyphs = make([]page.Glyph, len(w.Text))
		for j := range w.Glyphs {
			w.Glyphs[j].Sure = 1
		}
	}
	return d
}

// In pictures gaps between words are misread more often than letters, and letters that are
// not certain may be others.
func TestLabelsInPicturesAreReadAsTheFormPrintsThem(t *testing.T) {
	headings := []any{60, "STYLE", 200, "CARTONS", 300, "PIECES", 400, "WEIGHT"}
	list := func(number, label string, headings ...any) *drawing {
		d := sheet(1).put(60, 60, number).row(200, headings...)
		return d.row(d.goods(214, 60, 200, 300, 400)+6, 60, label, 200, "153", 300, "7,344", 400, "1,960.0")
	}
	unsure := list("BOL NO: 4711", "TOTAL", 60, "STYLE", 200, "CARTOHS", 300, "PIECES", 400, "WEIGHTy").onPicture()
	for i := range unsure.Words {
		switch w := &unsure.Words[i]; w.Text {
		case "CARTOHS":
			w.Glyphs[5] = page.Glyph{Sure: 0.8, Other: 'N', OtherSure: 0.2}
		case "WEIGHTy":
			w.Glyphs[6] = page.Glyph{Sure: 0.6, Other: 'r', OtherSure: 0.2}
		}
	}
	small := list("BOL NO: 4711", "TOTAL", headings...)
	small.row(206, 100, "WEIGHT IN ALL")
	for i := len(small.Words) - 3; i < len(small.Words); i++ {
		small.Words[i].Size = 3.5
	}
	for name, d := range map[string]*drawing{
		"as it is":                          list("BOL NO: 4711", "TOTAL", headings...),
		"a label of two words without gap":  list("BOL NO: 4711", "GRANDTOTAL", headings...),
		"a number without gap to its label": list("BOL NO:4711", "TOTAL", headings...),
		"a heading in parts":                list("BOL NO: 4711", "TOTAL", 60, "STYLE", 200, "CART", 220, "ONS", 300, "PIECES", 400, "WEIGHT"),
		"a heading with a point in a part":  list("BOL NO: 4711", "TOTAL", 60, "STYLE", 200, "CART:", 224, "ONS", 300, "PIECES", 400, "WEIGHT"),
		"headings with unsure letters":      unsure,
		"a heading again in a note":         small,
	} {
		t.Run(name, func(t *testing.T) {
			if d != unsure {
				d.onPicture()
			}
			if b := reconciled(t, d); b.Number.Text != "4711" {
				t.Errorf("the number is %q", b.Number.Text)
			}
		})
	}
	if b := readAll(list("BOL NO: 4711", "GRANDTOTAL", headings...)).Bills; len(b) != 1 || b[0].Outcome == Reconciled {
		t.Error("a page of text is not read to the letter")
	}
}

// A page of a bill may be photographed alone, and its number misread: the total of the page does
// not prove the bill.
func TestTheTotalOfAPageProvesNoBillInPictures(t *testing.T) {
	list := func(says, label string) *drawing {
		d := sheet(1).row(60, 60, "BOL NO: 4711", 400, says).row(200, 60, "STYLE", 200, "CARTONS", 300, "PIECES", 400, "WEIGHT")
		return d.row(d.goods(214, 60, 200, 300, 400)+6, 60, label, 200, "153", 300, "7,344", 400, "1,960.0").onPicture()
	}
	for says, label := range map[string]string{"Page 1 of 1": "PAGE TOTAL", "PAGE:1 0F 1": "PAGE TOTAL", "Page 1.of 1": "PAGE TOTAL", "Page l": "TOTAL", "": "GRAND TOTAL"} {
		reconciled(t, list(says, label))
	}
	for _, says := range []string{"Page 2 of 3", "Page 2 0F 3", "Page l of 3", ""} {
		if b := readAll(list(says, "PAGE TOTAL")).Bills; len(b) != 1 || b[0].Outcome != NothingProves {
			t.Errorf("%q: %+v", says, b)
		}
	}
}

func TestGluedAndMisreadWordsOfPicturesAreUnderstood(t *testing.T) {
	for text, want := range map[string]string{
		"GROSSWEIGHT": "GROSS WEIGHT", "BillofLading": "BILL OF LADING", "TOTALCARTONS:": "TOTAL CARTONS", "SHIPTO": "SHIP TO",
		"B/LNo.:": "B L NO", "B/LNUMBER": "B L NUMBER", "B/L": "B L", "BLNo:": "BL NO", "CART0NS": "CARTONS", "P1ECES": "PIECES", "WE1GHT(LBS)": "WEIGHT LBS", "WEIGHT": "WEIGHT",
		// These are as they were read.
		"FREIGHT": "FREIGHT", "LUMBER": "LUMBER", "STYLE-100": "STYLE 100", "NOTE": "NOTE", "B00": "B00", "4711": "4711",
	} {
		d := sheet(1).put(60, 60, text).onPicture()
		w := &word{Word: d.Words[0]}
		if got := strings.Join(w.tokens(), " "); got != want {
			t.Errorf("%s is %q, not %q", text, got, want)
		}
		if w.Glyphs = nil; !slices.Equal(w.tokens(), tokensOf(text)) {
			t.Errorf("%s is %q if it is printed", text, w.tokens())
		}
	}
}

func TestHeadingsOfPicturesMayBeGluedOrMisread(t *testing.T) {
	d := sheet(1).put(60, 60, "BOLNO: 4711").row(200, 60, "STYLENO", 200, "CART0NS", 300, "P1ECES", 400, "GROSSWEIGHT")
	y := d.goods(214, 60, 200, 300, 400)
	d.row(y, 60, "GRANDTOTAL", 200, "153", 300, "7,344", 400, "1,960.0")
	b := reconciled(t, d.onPicture())
	if b.Number.Text != "4711" {
		t.Errorf("its number is %q", b.Number.Text)
	}
}

// The pages of a bill are photographed one by one, and a heading is misread on one of them.
func TestTablesOfPicturesGoOnThoughAHeadingIsMisread(t *testing.T) {
	first := []string{"STYLE", "CARTONS", "PIECES", "WEIGHT", "PALLET/SLIP"}
	pages := func(x int, headings ...string) []*drawing {
		one := sheet(1).row(60, 60, "BOL NO: 4711", 400, "Page 1 of 2")
		two := sheet(2).row(60, 60, "BOL NO: 4711", 400, "Page 2 of 2")
		for i, at := range []int{60, 200, 300, 400, 500} {
			one.put(float32(at), 200, first[i])
			two.put(float32(at+x), 200, headings[i])
		}
		one.goods(214, 60, 200, 300, 400)
		two.row(214, 60+x, "C-300", 200+x, "5", 300+x, "60", 400+x, "12.5", 500+x, "N")
		two.row(234, 60+x, "TOTAL", 200+x, "158", 300+x, "7,404", 400+x, "1,972.5")
		return []*drawing{one.onPicture(), two.onPicture()}
	}
	for name, c := range map[string]struct {
		x        int
		headings []string
		tables   int
	}{
		"as they are":               {0, first, 1},
		"a heading of texts":        {0, []string{"SLYTE", "CARTONS", "PIECES", "WEIGHT", "PALLET/SLIP"}, 1},
		"a heading of figures":      {0, []string{"STYLE", "CARTONS", "PIEGES", "WEIGHT", "PALLET/SLIP"}, 1},
		"one taken for figures":     {0, []string{"STYLE", "CARTONS", "PIECES", "WEIGHT", "PALLET/SUP"}, 1},
		"two of five":               {0, []string{"SLYTE", "CARTONS", "PIEGES", "WEIGHT", "PALLET/SLIP"}, 2},
		"other columns":             {0, []string{"STYLE", "CARTONS", "CUBE", "WEIGHT", "PALLET/SLIP"}, 2},
		"columns in another place":  {90, []string{"STYLE", "CARTONS", "PIEGES", "WEIGHT", "PALLET/SLIP"}, 2},
		"another number of columns": {0, []string{"STYLE", "CARTONS", "", "WEIGHT", "PALLET/SLIP"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bills := readAll(pages(c.x, c.headings...)...).Bills
			if len(bills) != 1 {
				t.Fatalf("%d bills", len(bills))
			}
			b := bills[0]
			if whole := len(b.Tables) == 1 && len(b.Tables[0].Rows) == 5 && b.Outcome == Reconciled; whole != (c.tables == 1) {
				t.Errorf("%d tables, %s (%s)", len(b.Tables), b.Outcome, b.Reason)
			}
		})
	}
}
