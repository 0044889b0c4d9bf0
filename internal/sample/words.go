package sample

import (
	"fmt"
	"unicode"

	"codeberg.org/go-pdf/fpdf"

	"tallyman/internal/page"
)

// WordPages returns the words that a reader of the PDF finds on its pages, without
// writing the PDF: what tests need that read thousands of documents. It fails for other
// forms than Straight, whose ruling lines matter as well.
func (s *Sample) WordPages() ([]page.Page, error) {
	if s.form != Straight {
		return nil, fmt.Errorf("the words of the form %s are only in its PDF", s.form)
	}
	pages := s.pages()
	d := &drawing{pdf: fpdf.New("P", "pt", "Letter", ""), encode: func(s string) string { return s }}
	out := make([]page.Page, len(pages))
	for i, p := range pages {
		out[i] = page.Page{Number: i + 1, Width: pageWidth, Height: pageHeight}
		d.seen = &out[i]
		d.page(p)
		page.Order(out[i].Words)
	}
	if err := d.pdf.Error(); err != nil {
		return nil, fmt.Errorf("laying out the sample's words: %w", err)
	}
	return out, nil
}

// see adds the words of a text in the current font to the page, but for those that
// stand outside of it.
func (d *drawing) see(at place, size float64, text string) {
	x, base := at.x, float32(pageHeight-at.y)
	var w page.Word
	end := func() {
		if w.Text != "" && w.Box.X1 > 0 && w.Box.X0 < pageWidth && base > 0 && base < pageHeight {
			d.seen.Words = append(d.seen.Words, w)
		}
		w = page.Word{}
	}
	for _, r := range text {
		advance := 0.6 * size * d.scale / 100
		switch {
		case r == '\n':
			advance = 0
		case d.face.family != "Courier":
			advance = d.pdf.GetStringWidth(string(r))
		}
		if unicode.IsSpace(r) {
			end()
		} else {
			if w.Text == "" {
				w = page.Word{Base: base, Size: float32(size), Edges: []float32{float32(x)}}
				w.Box = page.Box{X0: float32(x), Y0: base - w.Size*3/4, Y1: base + w.Size/4}
			}
			w.Text += string(r)
			w.Box.X1 = float32(x + advance)
			w.Edges = append(w.Edges, w.Box.X1)
		}
		x += advance
	}
	end()
}
