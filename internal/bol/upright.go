package bol

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// plane maps the page to the plane in which it is read, where rows are level and a
// point is as high as wide. The zero plane is the page itself.
type plane struct {
	sin, cos float64 // of the angle at which rows go down to the right
	tall     float64 // the ratio of a point's height to its width
}

// back returns the box on the page that contains a box of the plane.
func (p plane) back(b page.Box) page.Box {
	if p == (plane{}) || b == (page.Box{}) {
		return b
	}
	out := page.Box{X0: math.MaxFloat32, Y0: math.MaxFloat32, X1: -math.MaxFloat32, Y1: -math.MaxFloat32}
	for _, x := range [2]float32{b.X0, b.X1} {
		for _, y := range [2]float32{b.Y0, b.Y1} {
			u, v := float64(x), float64(y)*p.tall
			px, py := float32(u*p.cos-v*p.sin), float32(u*p.sin+v*p.cos)
			out = page.Box{X0: min(out.X0, px), Y0: min(out.Y0, py), X1: max(out.X1, px), Y1: max(out.Y1, py)}
		}
	}
	return out
}

// most is the tangent of the greatest angle at which a page is read, a little
// over five degrees, and least of the smallest that is turned back.
const (
	mostSlant  = 0.1
	leastSlant = 0.0015
)

// slant returns the tangent of the angle at which the rows of a page go down to the
// right. It is the median of the angles between words and the words after them on their
// row, so that a single word cannot distort it.
func slant(words []*word) float64 {
	level := 0
	for i := 1; i < len(words); i++ {
		a, b := words[i-1], words[i]
		if near(a.Base, b.Base, 0.02+leastSlant*abs(b.Box.X0-a.Box.X0)) {
			level++
		}
	}
	if 3*level > len(words) {
		return 0
	}
	sorted := slices.Clone(words)
	slices.SortStableFunc(sorted, func(a, b *word) int { return cmp.Compare(a.Base, b.Base) })
	type angle struct{ tan, weight float64 }
	var angles []angle
	whole := 0.0
	for i, a := range sorted {
		var next *word
		look := func(b *word) bool {
			dx, dy, gap := b.Box.X0-a.Box.X0, b.Base-a.Base, b.Box.X0-a.Box.X1
			if abs(dy) > a.Size {
				return false
			}
			if dx > 0 && gap > -0.4*a.Size && gap < 1.3*a.Size && abs(dy) <= mostSlant*dx+0.02 && near(a.Size, b.Size, a.Size/4) &&
				(next == nil || b.Box.X0 < next.Box.X0) {
				next = b
			}
			return true
		}
		for j := i + 1; j < min(len(sorted), i+200) && look(sorted[j]); j++ {
		}
		for j := i - 1; j >= max(0, i-200) && look(sorted[j]); j-- {
		}
		if next != nil {
			dx := float64(next.Box.X0 - a.Box.X0)
			angles = append(angles, angle{float64(next.Base-a.Base) / dx, dx})
			whole += dx
		}
	}
	if len(angles) < 8 {
		return 0
	}
	slices.SortFunc(angles, func(a, b angle) int { return cmp.Compare(a.tan, b.tan) })
	half := whole / 2
	for _, a := range angles {
		if half -= a.weight; half > 0 {
			continue
		}
		agree := 0.0
		for _, o := range angles {
			if math.Abs(o.tan-a.tan) < 0.006 {
				agree += o.weight
			}
		}
		// Words that are merely uneven make no slant.
		if math.Abs(a.tan) < leastSlant || agree < 0.6*whole {
			return 0
		}
		return a.tan
	}
	return 0
}

// turned returns the words in a plane where rows that go down to the right at the angle
// with that tangent are level.
func turned(words []*word, tan float64) ([]*word, plane) {
	angle := math.Atan(tan)
	p := plane{sin: math.Sin(angle), cos: math.Cos(angle), tall: 1}
	out := make([]*word, len(words))
	steep := math.Abs(p.sin)
	for i, w := range words {
		// The box of a slanted word is that of its characters: their height above and
		// below the baseline, and how much they make the box wider.
		up, down := float64(w.Base-w.Box.Y0), float64(w.Box.Y1-w.Base)
		wide := float64(w.Box.X1 - w.Box.X0)
		if p.sin > 0 {
			down -= wide * steep
		} else {
			up -= wide * steep
		}
		size := float64(w.Size)
		up, down = max(0, min(up/p.cos, 2*size)), max(0, min(down/p.cos, size))
		before := down * steep
		if p.sin < 0 {
			before = up * steep
		}
		ox, oy := float64(w.Box.X0)+before, float64(w.Base)
		x, y := ox*p.cos+oy*p.sin, -ox*p.sin+oy*p.cos
		n := *w.Word
		n.Edges = make([]float32, len(w.Edges))
		for j, e := range w.Edges {
			d := float64(e - w.Box.X0)
			if j == len(w.Edges)-1 {
				d = max(d-(up+down)*steep, float64(w.Edges[j-1]-w.Box.X0))
			}
			n.Edges[j] = float32(x + d/p.cos)
		}
		n.Base = float32(y)
		n.Box = page.Box{X0: float32(x), Y0: float32(y - up), X1: n.Edges[len(n.Edges)-1], Y1: float32(y + down)}
		out[i] = &word{Word: &n, taken: w.taken}
	}
	// Words on one line get exactly the same baseline, as on a level page.
	slices.SortStableFunc(out, func(a, b *word) int { return cmp.Compare(a.Base, b.Base) })
	line := float32(math.Inf(-1))
	for _, w := range out {
		if w.Base-line > 0.05*w.Size {
			line = w.Base
		}
		w.Box.Y0, w.Box.Y1, w.Base = w.Box.Y0+line-w.Base, w.Box.Y1+line-w.Base, line
	}
	inReadingOrder(out)
	return out, p
}

// inReadingOrder sorts words: those whose baselines differ by less than a third of
// their size are on one line.
func inReadingOrder(words []*word) {
	slices.SortStableFunc(words, func(a, b *word) int { return cmp.Compare(a.Base, b.Base) })
	for len(words) > 0 {
		n := 1
		for n < len(words) && words[n].Base-words[0].Base < max(words[0].Size, 1)/3 {
			n++
		}
		slices.SortStableFunc(words[:n], func(a, b *word) int { return cmp.Compare(a.Box.X0, b.Box.X0) })
		words = words[n:]
	}
}

// flattened returns the words in a plane where a point is as high as wide, if its
// height on the page is tall times its width. It joins pieces again, since the width of
// a space shows only there.
func flattened(words []*word, p plane, tall float64) ([]*word, plane) {
	if p == (plane{}) {
		p = plane{cos: 1, tall: 1}
	}
	p.tall *= tall
	by := float32(1 / tall)
	out := make([]*word, 0, len(words))
	for _, whole := range words {
		for _, w := range whole.parts() {
			n := *w.Word
			n.Base, n.Size, n.Box.Y0, n.Box.Y1 = n.Base*by, n.Size*by, n.Box.Y0*by, n.Box.Y1*by
			out = append(out, &word{Word: &n, taken: w.taken})
		}
	}
	return joined(out), p
}

// joined joins the pieces of words: pieces closer than any space between words are one
// word, however the file cuts it. Where it is cut, cells may still be separated.
func joined(words []*word) []*word {
	var out []*word
	for i, w := range words {
		if i > 0 {
			before := words[i-1]
			if out != nil {
				before = out[len(out)-1]
			}
			if goOn(before, w) {
				if out == nil {
					out = append(make([]*word, 0, len(words)), words[:i]...)
				}
				out[len(out)-1] = together(before, w)
				continue
			}
		}
		if out != nil {
			out = append(out, w)
		}
	}
	if out == nil {
		return words
	}
	return out
}

func goOn(a, b *word) bool {
	gap := b.Box.X0 - a.Box.X1
	return a.taken == b.taken && gap < 0.2*a.Size && gap > -0.25*a.Size && near(a.Base, b.Base, 0.1*a.Size) && near(a.Size, b.Size, 0.1*a.Size)
}

func together(a, b *word) *word {
	n := *a.Word
	n.Text += b.Text
	n.Box = n.Box.Union(b.Box)
	at := len(a.Edges) - 1
	n.Edges = append(slices.Clone(a.Edges[:at]), b.Edges...)
	n.Joints = append(slices.Clone(a.Joints), at)
	for _, j := range b.Joints {
		n.Joints = append(n.Joints, at+j)
	}
	return &word{Word: &n, taken: a.taken, pieces: append(a.parts(), b.parts()...)}
}

// parts returns the pieces of a word.
func (w *word) parts() []*word {
	if w.pieces == nil {
		return []*word{w}
	}
	return w.pieces
}

// rejoined returns the words of the table. Pieces that meet at the edge of a column are
// cells that run together, unless they are one number.
func (g *grid) rejoined(words []*word) []*word {
	if !slices.ContainsFunc(words, func(w *word) bool { return w.pieces != nil }) {
		return words
	}
	var out []*word
	for _, w := range words {
		if w.pieces == nil || w.taken {
			out = append(out, w)
			continue
		}
		whole := w.pieces[0]
		for _, p := range w.pieces[1:] {
			c := &g.columns[g.column(whole.Box.X0)]
			edge := slices.ContainsFunc(g.edges, func(e float32) bool { return near(p.Box.X0, e, 4*g.k) })
			text := whole.Text + p.Text
			if c.Decimals > 0 && strings.IndexFunc(text, func(r rune) bool { return !digital(r) }) < 0 {
				whole = together(whole, p) // the decimals tell where one ends
				continue
			}
			// Numbers of more than three digits have commas.
			two := isNumber(whole.Text) && isNumber(p.Text) && (!isNumber(text) || c.Number && len(text) > 3 && decimalsOf(text) == 0)
			if two || edge && !(c.Number && fits(text, c.Decimals)) {
				out = append(out, whole)
				whole = p
			} else {
				whole = together(whole, p)
			}
		}
		out = append(out, whole)
	}
	return out
}

// tallness returns the ratio of height to width of a point of the form on a page: the
// median according to the labels above the table.
func (l *Layout) tallness(f frame, places func(string) []place) float64 {
	_, bottom := f.at(0, l.Table.Y)
	var all []float64
	see := func(x, y float32, text string) {
		if l.Table.Y-y < 30 {
			return
		}
		px, _ := f.at(x, y)
		for _, p := range places(text) {
			r := float64((bottom - p.y) / ((l.Table.Y - y) * f.k))
			if near(p.x, px, stray*f.k) && r > 0.5 && r < 2 {
				all = append(all, r)
			}
		}
	}
	for _, g := range l.Strips {
		for _, c := range g.Columns {
			see(c.X, g.Y, c.Heading)
		}
	}
	for i := range l.Areas {
		see(l.Areas[i].Label.X, l.Areas[i].Label.Y, l.Areas[i].Label.Text)
	}
	if len(all) < 4 {
		return 1
	}
	slices.Sort(all)
	return all[len(all)/2]
}
