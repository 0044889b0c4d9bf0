// Package overlay draws what was read from a page on the picture of the page, for
// people who want to know why a line is wrong.
package overlay

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"tallyman/internal/bol"
	"tallyman/internal/page"
	"tallyman/internal/text"
)

// The colours can be told apart by colour-blind eyes; each also has words in the
// legend.
var (
	ink    = color.NRGBA{0x20, 0x24, 0x2B, 0xFF}
	faint  = color.NRGBA{0x5B, 0x64, 0x72, 0xFF}
	blue   = color.NRGBA{0x1F, 0x5F, 0xBF, 0xFF} // fields of the bill
	green  = color.NRGBA{0x0B, 0x8A, 0x5A, 0xFF} // lines
	violet = color.NRGBA{0x7A, 0x3F, 0xB0, 0xFF} // totals
	grey   = color.NRGBA{0x80, 0x88, 0x94, 0xFF} // columns
	amber  = color.NRGBA{0x8A, 0x55, 0x00, 0xFF} // not compared
	red    = color.NRGBA{0xC8, 0x1E, 0x1E, 0xFF} // not read
)

// Draw draws what the document has of one page, counted from 1, of one of its files on
// the page's picture, a PNG of any size. It returns a PNG: the page with marks, and
// under it a legend, the verdict of its bill and its problems. pageWidth is the width
// of the page in points.
func Draw(picture []byte, doc *bol.Document, file, number int, pageWidth float32) ([]byte, error) {
	src, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("drawing over page %d: %w", number, err)
	}
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	c := &canvas{scale: float32(w) / pageWidth}
	if err := c.loadFonts(float64(w)); err != nil {
		return nil, fmt.Errorf("drawing over page %d: %w", number, err)
	}
	notes := notesOf(doc, file, number)
	footer := c.lineHeight * (len(wrap(c, notes, w)) + 3)
	c.img = image.NewNRGBA(image.Rect(0, 0, w, h+footer))
	draw.Draw(c.img, c.img.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(c.img, image.Rect(0, 0, w, h), src, src.Bounds().Min, draw.Src)

	for _, b := range doc.Bills {
		c.bill(b, file, number)
	}
	for _, p := range doc.Problems {
		if p.File == file && p.Page == number && p.Box != (page.Box{}) {
			c.fill(p.Box, red, 0x38)
			c.outline(p.Box, red, 2)
		}
	}
	c.legend(h)
	y := h + c.lineHeight*3
	for _, n := range wrap(c, notes, w) {
		c.text(c.regular, c.lineHeight/2, y, n.text, n.color)
		y += c.lineHeight
	}
	var out bytes.Buffer
	if err := png.Encode(&out, c.img); err != nil {
		return nil, fmt.Errorf("drawing over page %d: %w", number, err)
	}
	return out.Bytes(), nil
}

type note struct {
	text  string
	color color.NRGBA
}

// notesOf returns the sentences under the page.
func notesOf(doc *bol.Document, file, number int) []note {
	var notes []note
	for _, b := range doc.Bills {
		for _, s := range b.Sheets {
			if s.File != file || s.Page != number {
				continue
			}
			n := note{fmt.Sprintf("Bill %s, %s, %s: %s", b.Number.Text, text.Count(len(b.Lines), "line"), text.Count(len(b.Sheets), "page"), b.Verdict.Outcome), green}
			if b.Verdict.Reason != "" {
				n.text += ": " + b.Verdict.Reason
			}
			switch b.Verdict.Outcome {
			case bol.Mismatched:
				n.color = red
			case bol.Unchecked, bol.Unproved:
				n.color = amber
			}
			notes = append(notes, n)
			for _, c := range b.Verdict.Checks {
				n := note{c.String(), amber}
				switch c.State {
				case bol.Proved:
					n.color = green
				case bol.Differs:
					n.color = red
				}
				notes = append(notes, n)
			}
		}
	}
	for _, p := range doc.Problems {
		if p.File == file && p.Page == number {
			notes = append(notes, note{p.Message, red})
		}
	}
	if len(notes) == 0 {
		notes = append(notes, note{"Nothing was read from this page.", red})
	}
	return notes
}

// wrap breaks notes into lines that fit the width.
func wrap(c *canvas, notes []note, width int) []note {
	var out []note
	room := width - c.lineHeight
	for _, n := range notes {
		line := ""
		for word := range strings.FieldsSeq(n.text) {
			longer := word
			if line != "" {
				longer = line + " " + longer
			}
			if line != "" && font.MeasureString(c.regular, longer).Ceil() > room {
				out = append(out, note{line, n.color})
				longer = word
			}
			line = longer
		}
		out = append(out, note{line, n.color})
	}
	return out
}

type canvas struct {
	img        *image.NRGBA
	scale      float32 // pixels per point
	small      font.Face
	regular    font.Face
	bold       font.Face
	lineHeight int
}

func (c *canvas) loadFonts(width float64) error {
	for _, f := range []struct {
		face *font.Face
		ttf  []byte
		size float64 // font size in pixels, on a page 1,000 pixels wide
	}{
		{&c.small, gobold.TTF, 8.5}, {&c.regular, goregular.TTF, 14}, {&c.bold, gobold.TTF, 14},
	} {
		parsed, err := opentype.Parse(f.ttf)
		if err != nil {
			return err
		}
		size := math.Max(f.size*width/1000, 6)
		*f.face, err = opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			return err
		}
	}
	c.lineHeight = c.regular.Metrics().Height.Ceil() * 5 / 4
	return nil
}

func (c *canvas) rect(b page.Box) image.Rectangle {
	px := func(v float32) int { return int(math.Round(float64(v * c.scale))) }
	return image.Rect(px(b.X0), px(b.Y0), px(b.X1), px(b.Y1))
}

func (c *canvas) fill(b page.Box, col color.NRGBA, alpha uint8) {
	col.A = alpha
	draw.Draw(c.img, c.rect(b), image.NewUniform(col), image.Point{}, draw.Over)
}

func (c *canvas) outline(b page.Box, col color.NRGBA, width int) {
	r := c.rect(b).Inset(-width)
	for _, side := range []image.Rectangle{
		{r.Min, image.Pt(r.Max.X, r.Min.Y+width)},
		{image.Pt(r.Min.X, r.Max.Y-width), r.Max},
		{r.Min, image.Pt(r.Min.X+width, r.Max.Y)},
		{image.Pt(r.Max.X-width, r.Min.Y), r.Max},
	} {
		draw.Draw(c.img, side, image.NewUniform(col), image.Point{}, draw.Over)
	}
}

func (c *canvas) text(face font.Face, x, y int, s string, col color.NRGBA) int {
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(col), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(s)
	return d.Dot.X.Ceil()
}

// field marks a value with its name.
func (c *canvas) field(v bol.Value, name string, col color.NRGBA, file, number int) {
	if v.Text == "" || v.File != file || v.Page != number {
		return
	}
	c.fill(v.Box, col, 0x20)
	c.outline(v.Box, col, 1)
	r := c.rect(v.Box)
	c.text(c.small, r.Min.X, r.Min.Y-2, name, col)
}

// bill marks everything that was read of a bill on a page.
func (c *canvas) bill(b *bol.Bill, file, number int) {
	for _, s := range b.Sheets {
		if s.File != file || s.Page != number {
			continue
		}
		for i, col := range s.Columns {
			if i%2 == 0 {
				c.fill(col.Box, grey, 0x14)
			}
			c.outline(col.Box, grey, 1)
			r := c.rect(col.Box)
			c.text(c.small, r.Min.X+3, r.Max.Y-4, col.Name, grey)
		}
	}
	for name, v := range bol.Values(&b.FieldsOf) {
		c.field(*v, name, blue, file, number)
	}
	for _, l := range b.Lines {
		if l.File != file || l.Page != number {
			continue
		}
		c.fill(l.Box, green, 0x18)
		for _, v := range bol.Values(&l.Cells) {
			if v.Text != "" {
				c.outline(v.Box, green, 1)
			}
		}
	}
	for name, v := range bol.Values(&b.Printed) {
		c.field(*v, name, violet, file, number)
	}
}

func (c *canvas) legend(top int) {
	draw.Draw(c.img, image.Rect(0, top, c.img.Bounds().Dx(), top+2), image.NewUniform(faint), image.Point{}, draw.Over)
	x, y := c.lineHeight/2, top+c.lineHeight*3/2
	x = c.text(c.bold, x, y, "What was read:  ", ink)
	for _, e := range []note{{"fields", blue}, {"table columns", grey}, {"lines", green}, {"totals", violet}, {"not read", red}} {
		side := c.lineHeight / 2
		box := image.Rect(x, y-side, x+side, y)
		draw.Draw(c.img, box, image.NewUniform(e.color), image.Point{}, draw.Over)
		x = c.text(c.regular, x+side+side/2, y, e.text, e.color) + c.lineHeight
	}
}
