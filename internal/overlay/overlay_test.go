package overlay_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/overlay"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

func blank(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 0xFF
	}
	var b bytes.Buffer
	must.OK(t, png.Encode(&b, img))
	return b.Bytes()
}

// at returns the colour at a point of the page, in points.
func at(img image.Image, scale, x, y float32) color.NRGBA {
	return color.NRGBAModel.Convert(img.At(int(x*scale), int(y*scale))).(color.NRGBA)
}

func TestWhatWasReadAndWhatWasNotIsMarked(t *testing.T) {
	line := page.Box{X0: 20, Y0: 100, X1: 500, Y1: 110}
	unread := page.Box{X0: 20, Y0: 200, X1: 500, Y1: 210}
	doc := &bol.Document{
		Bills: []*bol.Bill{{
			Sheets: []bol.Sheet{{Page: 2}},
			Lines:  []bol.Line{{Page: 2, Box: line, Cells: bol.Cells{Style: bol.Value{Text: "S", Page: 2, Box: line}}}},
		}},
		Problems: []bol.Problem{{Kind: bol.UnreadRow, Page: 2, Box: unread, Message: "a row cannot be read"}},
	}
	draw := func(page int) image.Image {
		t.Helper()
		out, err := overlay.Draw(blank(t, 612, 792), doc, 0, page, 306)
		must.OK(t, err)
		img, err := png.Decode(bytes.NewReader(out))
		must.OK(t, err)
		return img
	}
	const scale = 2 // the picture has two pixels for a point
	img := draw(2)
	if c := at(img, scale, 250, 105); !(c.G > c.R && c.G > c.B) {
		t.Errorf("the line is marked %v, not green", c)
	}
	if c := at(img, scale, 250, 205); !(c.R > c.G && c.R > c.B) {
		t.Errorf("the unread row is marked %v, not red", c)
	}
	if c := at(img, scale, 250, 305); c != (color.NRGBA{255, 255, 255, 255}) {
		t.Errorf("where nothing was read there is %v", c)
	}
	if img.Bounds().Dx() != 612 || img.Bounds().Dy() <= 792 {
		t.Errorf("the picture is %v: no room for the legend", img.Bounds())
	}
	other := draw(1)
	if c := at(other, scale, 250, 105); c != (color.NRGBA{255, 255, 255, 255}) {
		t.Errorf("another page shows the line, too: %v", c)
	}
}

func TestAPictureThatIsNoneIsAnError(t *testing.T) {
	if _, err := overlay.Draw([]byte("not a picture"), &bol.Document{}, 0, 1, 612); err == nil {
		t.Error("no error")
	}
}

func TestMarksThatOverlapAreDrawnInOneOrder(t *testing.T) {
	var b bol.Bill
	for i, v := range []*bol.Value{&b.Number, &b.Date, &b.Shipper, &b.Store, &b.Dept, &b.Vendor, &b.Terms, &b.Zone} {
		at := float32(20 + i)
		*v = bol.Value{Text: "x", Page: 1, Box: page.Box{X0: at, Y0: at, X1: at + 60, Y1: at + 40}}
	}
	var first []byte
	for range 20 {
		out, err := overlay.Draw(blank(t, 200, 200), &bol.Document{Bills: []*bol.Bill{&b}}, 0, 1, 200)
		must.OK(t, err)
		if first == nil {
			first = out
		}
		if !bytes.Equal(out, first) {
			t.Fatal("the same page was drawn in two ways")
		}
	}
}
