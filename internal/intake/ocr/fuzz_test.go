package ocr

import (
	"bytes"
	"image"
	"slices"
	"testing"
)

// Whatever a picture shows, it is made ready, and lines are found in it within its bounds.
func FuzzPrepare(f *testing.F) {
	f.Add(uint16(300), uint16(400), []byte{255, 255, 0, 255})
	f.Add(uint16(1), uint16(1), []byte{0})
	f.Add(uint16(2), uint16(400), []byte{1, 2, 3})
	f.Add(uint16(400), uint16(420), []byte("a table of some paper \xff\xff\xff\xff\xff\xff\xff\xff with ink"))
	f.Fuzz(func(t *testing.T, w, h uint16, pixels []byte) {
		if w == 0 || h == 0 || w > 420 || h > 420 || len(pixels) == 0 {
			return
		}
		img := image.NewGray(image.Rect(0, 0, int(w), int(h)))
		// Runs of equal pixels look more like paper than noise does.
		for i := range img.Pix {
			y, x := i/int(w), i%int(w)
			img.Pix[i] = pixels[(y/7*31+x/5)%len(pixels)]
		}
		flat := flattened(img, 300)
		s := Prepare(flat)
		sw, sh := s.Gray.Rect.Dx(), s.Gray.Rect.Dy()
		if sw < 1 || sh < 1 || sw > Wide+Wide/10 {
			t.Fatalf("a sheet of %d by %d of a picture of %d by %d", sw, sh, w, h)
		}
		for turns := range 4 {
			quarters(s.whole, turns)
		}
		scale := s.Width() / float32(sw)
		m := masked(s.Gray)
		for _, l := range m.lines(m.rules(scale), scale) {
			if l.x0 < 0 || l.y0 < 0 || l.x1 > sw || l.y1 > sh || l.x0 >= l.x1 || l.y0 >= l.y1 {
				t.Errorf("a line at %v on a sheet of %d by %d", l.span, sw, sh)
			}
			l.parts()
		}
	})
}

// What a worker sends in place of a strip is refused, or is a strip within its bounds that is
// sent in the same way.
func FuzzParseStrip(f *testing.F) {
	s := &Strip{Words: []int{0, 3, 200}, Width: 2, Pix: make([]byte, 3*StripRow*2)}
	f.Add(s.Append(nil), 300)
	f.Add((&Strip{}).Append(nil), 0)
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 4)
	f.Fuzz(func(t *testing.T, sent []byte, words int) {
		s, err := ParseStrip(sent, words)
		if err != nil {
			if s != nil {
				t.Error("a strip and an error")
			}
			return
		}
		if len(s.Words) > maxStripWords || s.Width > maxStripWidth || len(s.Pix) != len(s.Words)*StripRow*s.Width {
			t.Fatalf("%d words, %d pixels wide, %d pixels", len(s.Words), s.Width, len(s.Pix))
		}
		last := -1
		for _, w := range s.Words {
			if w <= last || w >= words {
				t.Fatalf("word %d after %d of %d", w, last, words)
			}
			last = w
		}
		again, err := ParseStrip(s.Append(nil), words)
		if err != nil || !slices.Equal(again.Words, s.Words) || again.Width != s.Width || !bytes.Equal(again.Pix, s.Pix) {
			t.Errorf("it is sent otherwise: %v", err)
		}
	})
}
