// Package paper changes the layout of pages: it turns them as on a crooked scan,
// stretches them as a careless printer does, or puts several on one sheet. Tests apply it
// to sound pages, which must then be read as before.
package paper

import (
	"cmp"
	"math"
	"slices"

	"tallyman/internal/page"
)

// Lay is a change of layout. The zero Lay changes nothing.
type Lay struct {
	// Degrees is the clockwise turn of each page.
	Degrees float64
	// Wide and Tall are the factors of width and height; 0 means 1.
	Wide, Tall float64
	// Up is the number of pages on one sheet, Columns how many of them are side by side;
	// 0 means 1.
	Up, Columns int
	// Margin is the space between the pages of one sheet, in points.
	Margin float64
	// Pieces is the number of characters after which words are cut, as a reader cuts
	// slanted text; 0 leaves words whole.
	Pieces int
}

// Pages returns the changed pages, numbered from 1.
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
					// The margin of 100 points holds what the turn would move off the
					// page.
					x, y = x*cos-y*sin+100, x*sin+y*cos+100
				}
				return x, y
			}
			one.Width = max(one.Width, float32(dx+float64(p.Width)*kx+200))
			one.Height = max(one.Height, float32(dy+float64(p.Height)*ky+200))
			one.Words = append(one.Words, words(p.Words, l.Pieces, at, ky)...)
		}
		page.Order(one.Words)
		out = append(out, one)
	}
	return out
}

// words maps words by a function on points. The box of a character is the smallest
// upright box around its mapped box; the box of a word is the union of its characters'
// boxes.
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
