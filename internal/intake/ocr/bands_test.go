package ocr

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
)

// band fills a box with a shade and writes into it, in points.
func (s *sheet) band(x0, y0, x1, y1 float64, shade, letters uint8, texts map[float64]string) {
	draw.Draw(s, pixels(x0, y0, x1, y1), image.NewUniform(color.Gray{Y: shade}), image.Point{}, draw.Src)
	for x, text := range texts {
		d := font.Drawer{Dst: s, Src: image.NewUniform(color.Gray{Y: letters}), Face: s.face, Dot: fixed.P(int(x*dots), int((y1-4.5)*dots))}
		d.DrawString(text)
	}
}

// The heads of tables are often light letters in a dark band, and columns have no names
// without them.
func TestLettersInADarkBandAreRead(t *testing.T) {
	heads := map[float64]string{76: "PRODUCT", 300: "CARTONS", 480: "WEIGHT"}
	for name, band := range map[string]struct{ shade, letters uint8 }{
		"black": {0, 255}, "green": {100, 255}, "light blue": {150, 255}, "orange, cream": {140, 240},
		"gray with dark letters": {150, 0}, "light gray": {220, 0},
	} {
		for _, degrees := range []float64{0, 1.3} {
			s := blank(t)
			s.text(72, 94, "Bill of lading 4711")
			s.band(70, 100, 540, 115, band.shade, band.letters, heads)
			for y := 130.0; y < 230; y += 20 {
				s.text(76, y, "Roma tomatoes")
				s.text(300, y, "12")
				s.text(480, y, "148.9")
			}
			s.rule(70, 118, 540, 118.5)
			for i, v := range s.Pix { // light falls off to the left
				s.Pix[i] = uint8(float64(v) * (0.6 + 0.4*float64(i%s.Stride)/1700))
			}
			p, _ := read(t, turned(s.Gray, -degrees*math.Pi/180))
			got := texts(p)
			want := "Bill of lading 4711 PRODUCT CARTONS WEIGHT" + strings.Repeat(" Roma tomatoes 12 148.9", 5)
			if got != want {
				t.Errorf("%s, %g degrees: read %q", name, degrees, got)
			}
		}
	}
}

// Heavy letters close under a band are not part of it, and must not be inverted.
func TestHeavyLettersBesideABandStay(t *testing.T) {
	for _, degrees := range []float64{0, 0.8, -0.8} {
		s := blank(t)
		s.band(70, 100, 540, 115, 0, 255, map[float64]string{300: "CARTONS"})
		for dx := 0.0; dx < 1.6; dx += 0.2 {
			s.text(76+dx, 124.5, "HMEMHBHMEMBHHE")
		}
		s.text(76, 150, "Roma tomatoes")
		img := turned(s.Gray, -degrees*math.Pi/180)
		letters, band := pixels(76, 120, 190, 122), pixels(100, 104, 250, 111)
		before := inked(img, letters)
		lighten(img)
		if after := inked(img, letters); before < 0.3 || math.Abs(after-before) > 0.02 {
			t.Errorf("%g degrees: %.2f of the letters' box were dark, and %.2f are", degrees, before, after)
		}
		if left := inked(img, band); left > 0.02 {
			t.Errorf("%g degrees: %.2f of the band are dark", degrees, left)
		}
	}
}

// pixels is a box that is given in points.
func pixels(x0, y0, x1, y1 float64) image.Rectangle {
	return image.Rect(int(x0*dots), int(y0*dots), int(x1*dots), int(y1*dots))
}

// inked is the part of a box that is dark.
func inked(img *image.Gray, box image.Rectangle) float64 {
	n := 0
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if img.GrayAt(x, y).Y < 128 {
				n++
			}
		}
	}
	return float64(n) / float64(box.Dx()*box.Dy())
}

// A band without letters has none in a noisy picture.
func TestBandsWithoutLettersAreEmpty(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, shade := range []uint8{0, 60, 120, 140} {
		s := blank(t)
		s.text(72, 94, "GRAND TOTAL")
		s.band(200, 84, 540, 97, shade, 0, nil)
		s.band(300, 110, 540, 122, shade, 255, map[float64]string{480: "187"})
		for i, v := range s.Pix {
			s.Pix[i] = uint8(min(max(float64(v)+12*random.NormFloat64(), 0), 255))
		}
		p, _ := read(t, s.Gray)
		if got := texts(p); got != "GRAND TOTAL 187" {
			t.Errorf("shade %d: read %q", shade, got)
		}
	}
}

// What is dark and no band stays as it is.
func TestOnlyBandsAreLightened(t *testing.T) {
	for name, paint := range map[string]func(s *sheet){
		"heavy letters": func(s *sheet) {
			for dx := 0.0; dx < 1.6; dx += 0.2 {
				s.text(72+dx, 100, "MMWMHHEEBBMMWWMHMEM")
			}
		},
		"bar code": func(s *sheet) {
			for x := 72.0; x < 200; x += 3 {
				s.rule(x, 100, x+1.7, 130)
			}
		},
		"rulings":      func(s *sheet) { s.rule(72, 100, 500, 103) },
		"dark picture": func(s *sheet) { s.band(72, 100, 300, 300, 60, 255, map[float64]string{80: "PICTURE"}) },
		"at the edges": func(s *sheet) {
			s.rule(0, 0, 612, 2)
			s.rule(0, 0, 9, 792)
			s.rule(600, 300, 612, 320)
		},
	} {
		s := blank(t)
		paint(s)
		before := bytes.Clone(s.Pix)
		lighten(s.Gray)
		if !bytes.Equal(before, s.Pix) {
			t.Errorf("%s was changed", name)
		}
	}
	for _, size := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(0, 0, 3, 900), image.Rect(0, 0, 900, 3)} {
		lighten(image.NewGray(size)) // black
	}
}
