package ocr

import (
	"cmp"
	"slices"
)

// line is a line of text: pieces of ink that stand side by side, without a wide gap or a
// ruling between them.
type line struct {
	span
	blobs []span // from left to right; pieces above each other are one
	ruled bool   // a ruling was painted white within it
}

// Pieces of ink, in points: what is lower is a speck or a point, what is higher a picture.
const (
	lowest  = 2.6
	highest = 40
)

// lines finds the lines of text.
func (m *mask) lines(rules []span, scale float32) []*line {
	pieces, thin, specks := m.pieces(scale)
	pieces = append(pieces, slices.DeleteFunc(thin, func(t span) bool { return !besideLetters(t, pieces) })...)
	slices.SortFunc(pieces, func(a, b span) int { return cmp.Or(cmp.Compare(a.x0, b.x0), cmp.Compare(a.y0, b.y0)) })
	walls := m.walls(rules)
	pieces = slices.DeleteFunc(pieces, func(p span) bool { return walls.goesOn(p, int(30/scale)) })
	// Each piece is joined to the next one to its right.
	parent := make([]int, len(pieces))
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	band := max(1, int(8/scale)) // pieces by their middles
	bands := make([][]int, m.h/band+1)
	for i, p := range pieces {
		for b := p.y0 / band; b <= (p.y1-1)/band; b++ {
			bands[b] = append(bands[b], i)
		}
	}
	for i, a := range pieces {
		ha := a.y1 - a.y0
		best, nearest := -1, 1<<30
		for b := a.y0 / band; b <= (a.y1-1)/band; b++ {
			from, _ := slices.BinarySearch(bands[b], i)
			for _, j := range bands[b][min(from+1, len(bands[b])):] {
				o := pieces[j]
				gap := o.x0 - a.x1
				ho := o.y1 - o.y0
				if gap > 3*max(ha, ho) {
					break
				}
				common := min(a.y1, o.y1) - max(a.y0, o.y0)
				if gap > max(ha, ho)*8/5 || common*2 < min(ha, ho) || max(ha, ho)*10 > 19*min(ha, ho) || gap >= nearest {
					continue
				}
				if walls.between(a, o) {
					continue
				}
				best, nearest = j, gap
			}
		}
		if best >= 0 {
			parent[find(best)] = find(i)
		}
	}
	groups := map[int]*line{}
	var out []*line
	for i, p := range pieces {
		root := find(i)
		l := groups[root]
		if l == nil {
			l = &line{span: p}
			groups[root] = l
			out = append(out, l)
		}
		l.span = l.with(p)
		l.blobs = append(l.blobs, p)
	}
	out = slices.DeleteFunc(out, func(l *line) bool {
		// A dash by itself, dirt, or what is left of a ruling.
		return len(l.blobs) == 1 && (l.y1-l.y0 < int(4/scale) || (l.x1-l.x0)*7 < l.y1-l.y0)
	})
	m.addSpecks(out, specks, walls, scale)
	for _, l := range out {
		l.blobs = merged(l.blobs)
		for y := l.y0; y < l.y1 && !l.ruled; y++ {
			for x := l.x0; x < l.x1; x++ {
				if m.v[y*m.w+x]&(ink|wiped) == ink|wiped {
					l.ruled = true
					break
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b *line) int { return cmp.Or(cmp.Compare(a.y0, b.y0), cmp.Compare(a.x0, b.x0)) })
	return out
}

func (s span) with(o span) span {
	return span{min(s.x0, o.x0), min(s.y0, o.y0), max(s.x1, o.x1), max(s.y1, o.y1)}
}

// addSpecks adds points, commas and dashes to the lines at which they are.
// At their ends only what is too large to be dust is added: a point is as high as wide.
func (m *mask) addSpecks(lines []*line, specks []span, walls *walls, scale float32) {
	byRow := map[int][]int{}
	const row = 32
	for i, s := range specks {
		byRow[s.y0/row] = append(byRow[s.y0/row], i)
	}
	used := make([]bool, len(specks))
	for _, l := range lines {
		h := l.y1 - l.y0
		core := l.span
		for again := true; again; {
			again = false
			for r := max(0, (core.y0-h/3)/row); r <= (core.y1+h/3)/row; r++ {
				for _, i := range byRow[r] {
					s := specks[i]
					if used[i] || s.y0 < core.y0-h/4 || s.y1 > core.y1+h/3 {
						continue
					}
					gap := max(s.x0-l.x1, l.x0-s.x1)
					dust := float32(min(s.x1-s.x0, s.y1-s.y0)) < 0.45/scale && float32(max(s.x1-s.x0, s.y1-s.y0)) < 1.2/scale
					if gap > h*2/3 || gap > h/2 && float32(max(s.x1-s.x0, s.y1-s.y0)) < 1.5/scale || gap > 0 && (dust || walls.between(l.span, s)) {
						continue
					}
					used[i], again = true, true
					l.span = l.with(s)
					l.blobs = append(l.blobs, s)
				}
			}
		}
	}
}

// merged joins pieces that stand above each other, and sorts them.
func merged(blobs []span) []span {
	slices.SortFunc(blobs, func(a, b span) int { return cmp.Compare(a.x0, b.x0) })
	out := blobs[:1]
	for _, b := range blobs[1:] {
		last := &out[len(out)-1]
		if b.x0 < last.x1-1 && (min(b.x1, last.x1)-b.x0)*2 > min(b.x1-b.x0, last.x1-last.x0) {
			*last = last.with(b)
		} else {
			out = append(out, b)
		}
	}
	return out
}

// walls are the vertical rulings, by columns of pixels.
type walls struct {
	step int
	at   [][]span
}

func (m *mask) walls(rules []span) *walls {
	w := &walls{step: 64}
	w.at = make([][]span, m.w/w.step+1)
	for _, r := range rules {
		if r.y1-r.y0 <= r.x1-r.x0 {
			continue
		}
		for i := r.x0 / w.step; i <= (r.x1-1)/w.step; i++ {
			w.at[i] = append(w.at[i], r)
		}
	}
	return w
}

// between reports whether a ruling stands between two pieces, over most of their height.
func (w *walls) between(a, b span) bool {
	if a.x0 > b.x0 {
		a, b = b, a
	}
	top, bottom := min(a.y0, b.y0), max(a.y1, b.y1)
	left, right := a.x1-2, b.x0+2
	if right < left {
		return false
	}
	for i := max(0, left/w.step); i <= min(right/w.step, len(w.at)-1); i++ {
		for _, r := range w.at[i] {
			if r.x0 >= left && r.x1 <= right && 2*(min(r.y1, bottom)-max(r.y0, top)) > bottom-top {
				return true
			}
		}
	}
	return false
}

// goesOn reports whether a thin piece lies where a ruling goes on that is broken off above or
// below it, not further away than that: text that is printed over a ruling breaks it.
func (w *walls) goesOn(p span, apart int) bool {
	if (p.x1-p.x0)*4 >= p.y1-p.y0 {
		return false
	}
	middle := (p.x0 + p.x1) / 2
	for i := max(0, (middle-3)/w.step); i <= min((middle+3)/w.step, len(w.at)-1); i++ {
		for _, r := range w.at[i] {
			if middle >= r.x0-2 && middle < r.x1+2 && p.y0 < r.y1+apart && p.y1 > r.y0-apart {
				return true
			}
		}
	}
	return false
}

// besideLetters reports whether a piece that is as thin as a ruling stands beside a letter, on
// the same line, and is as high as letters are beside that one: it is an I, an l or a 1 in
// light type then.
func besideLetters(t span, pieces []span) bool {
	h := t.y1 - t.y0
	near := func(a, b int) bool { return max(a-b, b-a) <= max(2, h/8) }
	return slices.ContainsFunc(pieces, func(p span) bool {
		return near(p.y1, t.y1) && (p.y1-p.y0)*5 >= h*3 && p.y0 >= t.y0-max(2, h/8) && max(p.x0-t.x1, t.x0-p.x1) < h*4/5
	})
}

// pieces finds the connected pieces of ink, without rulings: those of the height of letters,
// those as thin as pieces of rulings, and lower ones.
func (m *mask) pieces(scale float32) (pieces, thin, specks []span) {
	const most = 60_000
	low, high := int(lowest/scale), int(highest/scale)
	least := max(1, int(0.3/scale))
	var stack []int32
	for start := range m.v {
		if m.v[start]&(ink|hor|ver|wiped|marked) != ink {
			continue
		}
		s := span{start % m.w, start / m.w, start%m.w + 1, start/m.w + 1}
		area := 0
		stack = append(stack[:0], int32(start))
		m.v[start] |= marked
		for len(stack) > 0 {
			at := int(stack[len(stack)-1])
			stack = stack[:len(stack)-1]
			x, y := at%m.w, at/m.w
			area++
			s.x0, s.x1, s.y0, s.y1 = min(s.x0, x), max(s.x1, x+1), min(s.y0, y), max(s.y1, y+1)
			for ny := max(0, y-1); ny <= min(m.h-1, y+1); ny++ {
				for nx := max(0, x-1); nx <= min(m.w-1, x+1); nx++ {
					// Rulings lead from one part of a letter to the other, but are not followed.
					if i := ny*m.w + nx; m.v[i]&(ink|hor|ver|wiped|marked) == ink {
						m.v[i] |= marked
						stack = append(stack, int32(i))
					}
				}
			}
		}
		w, h := s.x1-s.x0, s.y1-s.y0
		switch {
		case h > high || w > 12*high:
		case w*18 < h: // a piece of a ruling
		case w*9 < h:
			if len(thin) < 2000 {
				thin = append(thin, s)
			}
		case h >= low && area >= 3*low/2:
			if len(pieces) < most {
				pieces = append(pieces, s)
			}
		case max(w, h) >= least && len(specks) < most:
			specks = append(specks, s)
		}
	}
	return pieces, thin, specks
}
