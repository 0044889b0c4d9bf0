package ocr

import (
	"encoding/binary"
	"errors"
	"image"
	"strings"

	xdraw "golang.org/x/image/draw"

	"tallyman/internal/page"
)

// Strip is a picture of some words of a page, one below the other, for another reader: each
// in a row of StripRow pixels, capitals StripTall pixels high, black on white.
type Strip struct {
	// Words are the indexes of the words, one for each row, in increasing order.
	Words []int
	// Width is that of the picture, in pixels.
	Width int
	// Pix are the gray pixels, row by row.
	Pix []byte
}

// The measures of a strip, in pixels. Of 20 to 40 pixels, 30 were read best by Tesseract.
const (
	StripTall = 30
	StripRow  = 5 * StripTall / 2
)

// Bounds of a strip: words on it, and its width in pixels.
const (
	maxStripWords = 400
	maxStripWidth = 900
)

// Strip draws the words of a page that have a digit. p is the page as Read returned it; words
// that are too long are left out.
func (s *Sheet) Strip(p *page.Page) *Strip {
	out := &Strip{}
	scale := float32(s.Gray.Rect.Dx()) / p.Width
	type row struct{ from, to image.Rectangle }
	var rows []row
	for i := range p.Words {
		w := &p.Words[i]
		if !strings.ContainsAny(w.Text, "0123456789") || w.Size <= 0 || len(rows) == maxStripWords {
			continue
		}
		box := padded(p, w)
		from := image.Rect(int(box.X0*scale), int(box.Y0*scale), int(box.X1*scale+0.5), int(box.Y1*scale+0.5)).Intersect(s.Gray.Rect)
		k := StripTall / (0.7 * w.Size * scale)
		wide, high := int(float32(from.Dx())*k), int(float32(from.Dy())*k)
		if from.Empty() || wide < 1 || high < 1 || high > StripRow || wide > maxStripWidth-2*StripTall {
			continue
		}
		at := image.Pt(StripTall, len(rows)*StripRow+(StripRow-high)/2)
		rows = append(rows, row{from, image.Rectangle{at, at.Add(image.Pt(wide, high))}})
		out.Words = append(out.Words, i)
		out.Width = max(out.Width, wide+2*StripTall)
	}
	img := image.NewGray(image.Rect(0, 0, out.Width, len(rows)*StripRow))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, r := range rows {
		xdraw.CatmullRom.Scale(img, r.to, s.Gray, r.from, xdraw.Src, nil)
	}
	out.Pix = img.Pix
	return out
}

// padded returns the place of a word with some of what is around it, so that what was cut
// off is seen, but no ruling line that is beside it.
func padded(p *page.Page, w *page.Word) page.Box {
	out := page.Box{X0: w.Box.X0 - 0.3*w.Size, Y0: w.Base - 0.88*w.Size, X1: w.Box.X1 + 0.3*w.Size, Y1: w.Base + 0.25*w.Size}
	tight := page.Box{X0: w.Box.X0, Y0: w.Base - 0.7*w.Size, X1: w.Box.X1, Y1: w.Base}
	const gap = 0.4 // points: a ruling's own blur
	for _, r := range p.Rules {
		if !r.Meets(out) {
			continue
		}
		switch {
		case r.Y1-r.Y0 > r.X1-r.X0:
			if r.X0 >= tight.X1-0.1*w.Size {
				out.X1 = min(out.X1, r.X0-gap)
			} else if r.X1 <= tight.X0+0.1*w.Size {
				out.X0 = max(out.X0, r.X1+gap)
			}
		case r.Y0 >= tight.Y1:
			out.Y1 = min(out.Y1, r.Y0-gap)
		case r.Y1 <= tight.Y0:
			out.Y0 = max(out.Y0, r.Y1+gap)
		}
	}
	return out
}

// Append appends the strip for ParseStrip.
func (s *Strip) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.Words)))
	for _, w := range s.Words {
		b = binary.AppendUvarint(b, uint64(w))
	}
	b = binary.AppendUvarint(b, uint64(s.Width))
	return append(b, s.Pix...)
}

var errStrip = errors.New("the picture of words cannot be decoded")

// ParseStrip reads what Append appended, of a page of so many words. It trusts nothing.
func ParseStrip(b []byte, words int) (*Strip, error) {
	next := func() int {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > 1<<24 {
			b = nil
			return -1
		}
		b = b[n:]
		return int(v)
	}
	s := &Strip{}
	n := next()
	if n < 0 || n > maxStripWords {
		return nil, errStrip
	}
	for range n {
		w := next()
		if w < 0 || w >= words || len(s.Words) > 0 && w <= s.Words[len(s.Words)-1] {
			return nil, errStrip
		}
		s.Words = append(s.Words, w)
	}
	s.Width = next()
	if s.Width < 0 || s.Width > maxStripWidth || len(b) != n*StripRow*s.Width {
		return nil, errStrip
	}
	s.Pix = append([]byte(nil), b...)
	return s, nil
}
