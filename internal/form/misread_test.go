package form

import (
	"slices"
	"strings"
	"testing"

	"tallyman/internal/page"
)

// scanned marks all words as read from a picture, the letters of some as doubtful.
func (d *drawing) scanned(doubtful ...string) *drawing {
	for i := range d.Words {
		w := &d.Words[i]
		g := page.Glyph{Sure: 0.99, Other: page.NoGlyph}
		if slices.Contains(doubtful, w.Text) {
			g.Sure = 0.6
		}
		w.Glyphs = slices.Repeat([]page.Glyph{g}, len([]rune(w.Text)))
	}
	return d
}

func TestGluedAndMisreadWordsOfPicturesAreUnderstood(t *testing.T) {
	for text, want := range map[string]string{
		"GROSSWEIGHT": "GROSS WEIGHT", "BillofLading": "BILL OF LADING", "TOTALCARTONS:": "TOTAL CARTONS", "SHIPTO": "SHIP TO",
		"CART0NS": "CARTONS", "P1ECES": "PIECES", "WE1GHT(LBS)": "WEIGHT LBS", "WEIGHT": "WEIGHT",
		// These are as they were read.
		"FREIGHT": "FREIGHT", "LUMBER": "LUMBER", "STYLE-100": "STYLE 100", "NOTE": "NOTE", "CASTONS": "CASTONS", "B00": "B00", "4711": "4711",
	} {
		d := sheet(1).put(60, 60, text).scanned()
		w := &word{Word: d.Words[0]}
		if got := strings.Join(w.tokens(), " "); got != want {
			t.Errorf("%s is %q, not %q", text, got, want)
		}
		if w.Glyphs = nil; !slices.Equal(w.tokens(), tokensOf(text)) {
			t.Errorf("%s is %q if it is printed", text, w.tokens())
		}
	}
	for text, want := range map[string]string{"CASTONS": "CARTONS", "WERGHT": "WEIGHT", "XERGHT": "XERGHT"} {
		d := sheet(1).put(60, 60, text).scanned(text)
		if got := strings.Join((&word{Word: d.Words[0]}).tokens(), " "); got != want {
			t.Errorf("%s, doubtful, is %q, not %q", text, got, want)
		}
	}
}

func TestHeadingsOfPicturesMayBeGluedOrMisread(t *testing.T) {
	d := sheet(1).put(60, 60, "BOLNO: 4711").row(200, 60, "STYLENO", 200, "CART0NS", 300, "PIECFS", 400, "GROSSWEIGHT")
	y := d.goods(214, 60, 200, 300, 400)
	d.row(y, 60, "GRANDTOTAL", 200, "153", 300, "7,344", 400, "1,960.0")
	b := reconciled(t, d.scanned("PIECFS"))
	if b.Number.Text != "4711" {
		t.Errorf("its number is %q", b.Number.Text)
	}
}
