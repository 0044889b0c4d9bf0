// Package paper lays the words of pages differently: slanted as on a crooked scan,
// stretched as by a careless printer, several pages on one sheet. Tests lay sound
// pages with it, which must then be read as before.
package paper

import (
	"cmp"
	"math"
	"slices"

	"tallyman/internal/page"
)

// Lay is a way to lay pages. The zero Lay leaves them as they are.
type Lay struct {
	// Degrees is how far pages are turned, clockwise.
	Degrees float64
	// Wide and Tall are how many times their size they are; 0 means 1.
	Wide, Tall float64
	// Up is how many pages come on one, Columns how many side by side; 0 means 1.
	Up, Columns int
	// Margin is between the pages on one, in points.
	Margin float64
	// Pieces cuts words into pieces of so many characters, as those of slanted
	// text are; 0 leaves them whole.
	Pieces int
}

// Pages lays pages. Their numbers count from 1 again.
func (l Lay) Pages(pages []page.Page) []page.Page {
	up, columns := max(l.Up, 1), max(l.Columns, 1)
	kx, ky := cmp.Or(l.Wide, 1), cmp.Or(l.Tall, 1)
	sin, cos := math.Sincos(l.Degrees * math.Pi / 180)
	var out []page.Page
	for some := range slices.Chunk(pages, up) {
		one := page.Page{Number: len(out) + 1, Scan: some[0].Scan, Damage: some[0].Damage}
		for i, p := range some {
			dx, dy := float64(i%columns)*(float64(p.Width)*kx+l.Margin), float64(i/columns)*(float64(p.Height)*ky+l.Margin)
			at := func(x, y float64) (float64, float64) {
				x, y = x*kx+dx, y*ky+dy
				if l.Degrees != 0 {
					// Room for what the turn would move off the page.
					x, y = x*cos-y*sin+100, x*sin+y*cos+100
				}
				return x, y
			}
			one.Width = max(one.Width, float32(dx+float64(p.Width)*kx+200))
			one.Height = max(one.Height, float32(dy+float64(p.Height)*ky+200))
			one.Words = append(one.Words, words(p.Words, l.Pieces, at, ky)...)
		}
		Order(one.Words)
		out = append(out, one)
	}
	return out
}

// words puts words through a map of the page's points. Each character has the box
// that holds it where it comes to lie, and a word that of its characters.
func words(all []page.Word, pieces int, at func(x, y float64) (float64, float64), scale float64) (out []page.Word) {
	for _, w := range all {
		n := len(w.Edges) - 1
		most := cmp.Or(pieces, n)
		box := func(i int) page.Box {
			b := page.Box{X0: math.MaxFloat32, Y0: math.MaxFloat32, X1: -math.MaxFloat32, Y1: -math.MaxFloat32}
			for _, x := range w.Edges[i : i+2] {
				for _, y := range [2]float32{w.Box.Y0, w.Box.Y1} {
					px, py := at(float64(x), float64(y))
					b = page.Box{X0: min(b.X0, float32(px)), Y0: min(b.Y0, float32(py)), X1: max(b.X1, float32(px)), Y1: max(b.Y1, float32(py))}
				}
			}
			return b
		}
		runes := []rune(w.Text)
		for from := 0; from < n; from += most {
			to := min(from+most, n)
			_, base := at(float64(w.Edges[from]), float64(w.Base))
			piece := page.Word{Text: string(runes[from:to]), Base: float32(base), Size: w.Size * float32(scale)}
			for i := from; i < to; i++ {
				char := box(i)
				piece.Edges = append(piece.Edges, char.X0)
				piece.Box = piece.Box.Union(char)
				if i == to-1 {
					piece.Edges = append(piece.Edges, char.X1)
				}
			}
			for _, j := range w.Joints {
				if j > from && j < to {
					piece.Joints = append(piece.Joints, j-from)
				}
			}
			out = append(out, piece)
		}
	}
	return out
}

// Order sorts words as a reader of documents gives them: by line, and within a line
// from left to right.
func Order(words []page.Word) {
	slices.SortStableFunc(words, func(a, b page.Word) int { return cmp.Compare(a.Base, b.Base) })
	for len(words) > 0 {
		n := 1
		for n < len(words) && words[n].Base-words[0].Base < max(words[0].Size, 1)/3 {
			n++
		}
		slices.SortStableFunc(words[:n], func(a, b page.Word) int { return cmp.Compare(a.Box.X0, b.Box.X0) })
		words = words[n:]
	}
}
