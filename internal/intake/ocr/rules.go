package ocr

import (
	"image"
	"slices"
)

// mask says which pixels are ink. Bits are set for what a pixel is part of.
type mask struct {
	w, h int
	v    []uint8
}

const (
	ink    = 1 << iota
	hor    // part of a horizontal ruling
	ver    // part of a vertical one
	wiped  // may be painted white when text is read: no letter touches it
	marked // belongs to a piece that was seen
	faint  // darker than paper, as thin rulings are
)

func masked(img *image.Gray) *mask {
	m := &mask{w: img.Rect.Dx(), h: img.Rect.Dy()}
	m.v = make([]uint8, m.w*m.h)
	level := threshold(img)
	for y := range m.h {
		row, to := img.Pix[y*img.Stride:], m.v[y*m.w:]
		for x := range m.w {
			switch {
			case row[x] < level:
				to[x] = ink | faint
			case row[x] < fainter:
				to[x] = faint
			}
		}
	}
	return m
}

// fainter is how dark the pixels of a thin ruling are; paper has 250.
const fainter = 222

// alone reports whether there is paper on both sides of most of a ruling.
func (m *mask) alone(from, to, first, last, dx, dy, n int, of uint8) bool {
	const apart = 2
	if first < apart || last+apart >= n {
		return false
	}
	paper := 0
	for x := from; x < to; x++ {
		if (m.v[x*dx+(first-apart)*dy]|m.v[x*dx+(last+apart)*dy])&of == 0 {
			paper++
		}
	}
	return paper*4 >= (to-from)*3
}

// span is a rectangle of pixels; x1 and y1 are not part of it.
type span struct{ x0, y0, x1, y1 int }

// rules finds ruling lines: straight runs of ink that are longer than any letter, and thin.
// Those that are much longer may be faint.
func (m *mask) rules(scale float32) []span {
	long, high := int(24/scale), int(16/scale) // longer than letters are wide or high
	thick := max(2, int(3.5/scale))
	level := func(a, b, c, d int) span { return span{a, b, c, d} }
	upright := func(a, b, c, d int) span { return span{b, a, d, c} }
	out := m.along(long, thick, 1, m.w, m.w, m.h, ink, hor, level)
	out = append(out, m.along(high, thick, m.w, 1, m.h, m.w, ink, ver, upright)...)
	for _, s := range m.along(3*long, thick, 1, m.w, m.w, m.h, faint, hor, level) {
		out = added(out, s)
	}
	for _, s := range m.along(3*high, thick, m.w, 1, m.h, m.w, faint, ver, upright) {
		out = added(out, s)
	}
	return out
}

// added adds a ruling, unless it is there already.
func added(rules []span, s span) []span {
	for _, r := range rules {
		if s.x0 >= r.x0-3 && s.x1 <= r.x1+3 && s.y0 >= r.y0-3 && s.y1 <= r.y1+3 {
			return rules
		}
	}
	return append(rules, s)
}

// along finds rulings in one direction: n lines of length pixels, where dx leads along and dy
// across. Pixels with the bit of are part of one, and get the bit.
func (m *mask) along(long, thick, dx, dy, length, n int, of, bit uint8, make func(a, b, c, d int) span) []span {
	type run struct{ from, to, first, last int }
	var open, done []run
	for y := range n {
		base := y * dy
		// A thin ruling may lie on two lines in turn.
		above, below := base-dy, base+dy
		if y == 0 {
			above = base
		}
		if y == n-1 {
			below = base
		}
		at := func(x int) bool { return (m.v[base+x*dx]|m.v[above+x*dx]|m.v[below+x*dx])&of != 0 }
		for x := 0; x < length; {
			if !at(x) {
				x++
				continue
			}
			from := x
			end := x // after the last ink
			for x < length {
				if at(x) {
					x++
					end = x
				} else if x-end < 2 { // a speck is missing
					x++
				} else {
					break
				}
			}
			if end-from < long {
				continue
			}
			joined := false
			for i := range open {
				o := &open[i]
				if o.last >= y-2 && from < o.to && end > o.from {
					o.from, o.to, o.last = min(o.from, from), max(o.to, end), y
					joined = true
					break
				}
			}
			if !joined {
				open = append(open, run{from, end, y, y})
			}
		}
		open = slices.DeleteFunc(open, func(r run) bool {
			if r.last < y-2 {
				done = append(done, r)
				return true
			}
			return false
		})
	}
	done = append(done, open...)
	var out []span
	for _, r := range done {
		if r.last-r.first+1 > thick {
			continue // a filled box, or a picture
		}
		if !m.alone(r.from, r.to, r.first, r.last, dx, dy, n, of) {
			continue // a row of letters, or the edge of a gray box
		}
		out = append(out, make(r.from, r.first, r.to, r.last+1))
		for y := r.first; y <= r.last; y++ {
			for x := r.from; x < r.to; x++ {
				if at := x*dx + y*dy; m.v[at]&of != 0 {
					m.v[at] |= bit
				}
			}
		}
		// What is no thicker than the ruling has no letter at it.
		most := r.last - r.first + 3
		for x := r.from; x < r.to; x++ {
			from, to := r.first, r.last+1
			for from > 0 && r.first-from <= most && m.v[x*dx+(from-1)*dy]&ink != 0 {
				from--
			}
			for to < n && to-r.last <= most && m.v[x*dx+to*dy]&ink != 0 {
				to++
			}
			if to-from <= most {
				for y := max(0, from-1); y < min(n, to+1); y++ {
					m.v[x*dx+y*dy] |= wiped
				}
			}
		}
	}
	return out
}
