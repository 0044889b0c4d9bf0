package page

import (
	"cmp"
	"math"
	"slices"
)

// Plane is the plane in which a page is read, where rows are level and a point is as high
// as wide. The zero plane is the page itself.
type Plane struct {
	Sin, Cos float64 // of the angle at which rows go down to the right
	Tall     float64 // the ratio of a point's height to its width
}

// Back returns the box on the page that contains a box of the plane.
func (p Plane) Back(b Box) Box {
	if p == (Plane{}) || b == (Box{}) {
		return b
	}
	return b.Around(func(x, y float32) (float32, float32) {
		u, v := float64(x), float64(y)*p.Tall
		return float32(u*p.Cos - v*p.Sin), float32(u*p.Sin + v*p.Cos)
	})
}

// The tangent of the greatest angle at which a page is read, a little over five degrees,
// and of the smallest that is turned back.
const (
	mostSlant  = 0.1
	leastSlant = 0.0015
)

// Slant returns the tangent of the angle at which the rows of a page go down to the right;
// words are in reading order. It is the median of the angles between words and the words
// after them on their row, so that a single word cannot distort it.
func Slant(words []*Word) float64 {
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
	slices.SortStableFunc(sorted, func(a, b *Word) int { return cmp.Compare(a.Base, b.Base) })
	type angle struct{ tan, weight float64 }
	var angles []angle
	whole := 0.0
	for i, a := range sorted {
		var next *Word
		look := func(b *Word) bool {
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

// Turn turns words into a plane where rows that go down to the right at the angle with that
// tangent are level. It returns them in the same order, with baselines that may differ a
// little on one row.
func Turn(words []*Word, tan float64) ([]*Word, Plane) {
	angle := math.Atan(tan)
	p := Plane{Sin: math.Sin(angle), Cos: math.Cos(angle), Tall: 1}
	out := make([]*Word, len(words))
	steep := math.Abs(p.Sin)
	for i, w := range words {
		// The box of a slanted word is that of its characters: their height above and
		// below the baseline, and how much they make the box wider.
		up, down := float64(w.Base-w.Box.Y0), float64(w.Box.Y1-w.Base)
		wide := float64(w.Box.X1 - w.Box.X0)
		if p.Sin > 0 {
			down -= wide * steep
		} else {
			up -= wide * steep
		}
		size := float64(w.Size)
		up, down = max(0, min(up/p.Cos, 2*size)), max(0, min(down/p.Cos, size))
		before := down * steep
		if p.Sin < 0 {
			before = up * steep
		}
		x, y := p.turn(float64(w.Box.X0)+before, float64(w.Base))
		n := *w
		n.Edges = make([]float32, len(w.Edges))
		n.Box.X1 = float32(x + wide/p.Cos)
		for j, e := range w.Edges {
			d := float64(e - w.Box.X0)
			if j == len(w.Edges)-1 {
				d = max(d-(up+down)*steep, float64(w.Edges[j-1]-w.Box.X0))
			}
			n.Edges[j] = float32(x + d/p.Cos)
			n.Box.X1 = n.Edges[j]
		}
		n.Base = float32(y)
		n.Box = Box{X0: float32(x), Y0: float32(y - up), X1: n.Box.X1, Y1: float32(y + down)}
		out[i] = &n
	}
	return out, p
}

func (p Plane) turn(x, y float64) (float64, float64) { return x*p.Cos + y*p.Sin, -x*p.Sin + y*p.Cos }

// Even gives words whose baselines differ by next to nothing the same, as on a level page,
// and sorts them by it.
func Even(words []*Word) {
	slices.SortStableFunc(words, func(a, b *Word) int { return cmp.Compare(a.Base, b.Base) })
	line := float32(math.Inf(-1))
	for _, w := range words {
		if w.Base-line > 0.05*w.Size {
			line = w.Base
		}
		w.Box.Y0, w.Box.Y1, w.Base = w.Box.Y0+line-w.Base, w.Box.Y1+line-w.Base, line
	}
}

// Level returns the page as it is read: turned back if it slants a little. Its rules are
// pieces of lines there. The plane leads back to the page.
func (p *Page) Level() (*Page, Plane) {
	words := make([]*Word, len(p.Words))
	for i := range p.Words {
		words[i] = &p.Words[i]
	}
	tan := Slant(words)
	if tan == 0 {
		return p, Plane{}
	}
	turned, plane := Turn(words, tan)
	Even(turned)
	out := *p
	out.Words = make([]Word, len(turned))
	for i, w := range turned {
		out.Words[i] = *w
	}
	out.Rules = make([]Box, len(p.Rules))
	for i, r := range p.Rules {
		x, y := plane.turn(float64(r.X0+r.X1)/2, float64(r.Y0+r.Y1)/2)
		w, h := (r.X1-r.X0)/2, (r.Y1-r.Y0)/2
		out.Rules[i] = Box{X0: float32(x) - w, Y0: float32(y) - h, X1: float32(x) + w, Y1: float32(y) + h}
	}
	return &out, plane
}

func near(a, b, by float32) bool { return abs(a-b) <= by }

func abs(v float32) float32 { return max(v, -v) }

// Order sorts words into reading order: words whose baselines differ by less than a
// third of the font's size are on one line.
func Order(words []Word) {
	// Indexes are sorted, since words are large.
	by := make([]int32, len(words))
	for i := range by {
		by[i] = int32(i)
	}
	slices.SortStableFunc(by, func(a, b int32) int { return cmp.Compare(words[a].Base, words[b].Base) })
	for from := 0; from < len(by); {
		first := &words[by[from]]
		to := from + 1
		for to < len(by) && words[by[to]].Base-first.Base < max(first.Size, 1)/3 {
			to++
		}
		slices.SortStableFunc(by[from:to], func(a, b int32) int { return cmp.Compare(words[a].Box.X0, words[b].Box.X0) })
		from = to
	}
	unsorted := slices.Clone(words)
	for i, was := range by {
		words[i] = unsorted[was]
	}
}
