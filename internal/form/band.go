package form

import (
	"cmp"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// band is a row of headings in one or more storeys, under which a table may stand.
type band struct {
	columns   []*hit   // the lowest storey, from left to right
	box       page.Box // of all storeys
	base      float32  // of the lowest storey
	size      float32
	strangers []*hit // texts between the headings that the lexicon does not have
}

// findBands finds the headings of a page, and the bands that they make.
func (s *leaf) findBands() {
	var hits []*hit
	for i, l := range s.lines {
		for j := range l.tokens {
			if len(hits) == maxHits {
				break
			}
			if j > 0 && l.tokens[j].word == l.tokens[j-1].word && l.tokens[j-1].key != "#" {
				continue // a heading begins with a word
			}
			if h := s.hitAt(i, j); h != nil {
				hits = append(hits, h)
			}
		}
	}
	hits = s.settle(hits)
	slices.SortStableFunc(hits, func(a, b *hit) int { return cmp.Compare(a.box.Y0, b.box.Y0) })
	for from := 0; from < len(hits) && len(s.bands) < maxBands; {
		bottom := hits[from].box.Y1
		to := from + 1
		for to < len(hits) && s.follows(hits[to], bottom) && hits[to].box.Y0-hits[from].box.Y0 <= 7*max(hits[from].size, 6) &&
			(storey(hits[to:]) || !s.closed(hits[from:to], bottom, hits[to])) {
			bottom = max(bottom, hits[to].box.Y1)
			to++
		}
		if b := s.bandOf(hits[from:to]); b != nil {
			s.bands = append(s.bands, b)
		}
		from = to
	}
}

// follows reports whether a heading belongs to a band that ends at bottom: it is close
// under it, or a little further with nothing between, as in high boxes.
func (s *leaf) follows(h *hit, bottom float32) bool {
	gap := h.box.Y0 - bottom
	if gap <= 0.9*h.size {
		return true
	}
	return gap <= 2.6*h.size && !slices.ContainsFunc(s.lines, func(l *line) bool {
		return l.base > bottom+0.3*h.size && l.base < h.base-0.6*h.size
	})
}

// storey reports whether the first of the headings stands in a row of at least three, none
// of which a row of a table would have.
func storey(hits []*hit) bool {
	n := 0
	for _, h := range hits {
		if near(h.base, hits[0].base, 0.4*h.size) && !h.typical() {
			n++
		}
	}
	return n >= 3
}

// closed reports whether a horizontal line under all headings so far parts them from the
// next one. Lines between storeys leave out the headings that span them.
func (s *leaf) closed(hits []*hit, bottom float32, next *hit) bool {
	x0, x1 := hits[0].box.X0, hits[0].box.X1
	for _, h := range hits {
		x0, x1 = min(x0, h.box.X0), max(x1, h.box.X1)
	}
	if len(hits) < 3 {
		return false
	}
	covered := float32(0)
	at := x0
	rules := make([]page.Box, 0, 8)
	for _, r := range s.hor {
		if y := (r.Y0 + r.Y1) / 2; y >= bottom-2 && y <= next.box.Y0+0.4*next.size && r.X1 > x0 && r.X0 < x1 {
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b page.Box) int { return cmp.Compare(a.X0, b.X0) })
	for _, r := range rules {
		if r.X1 > at {
			covered += min(r.X1, x1) - max(r.X0, at)
			at = r.X1
		}
	}
	return covered >= 0.95*(x1-x0)
}

// bandOf makes a band of headings that lie close together; nil if they are none.
func (s *leaf) bandOf(hits []*hit) *band {
	b := &band{}
	// The same in much smaller type stands in a note.
	hits = slices.DeleteFunc(slices.Clone(hits), func(h *hit) bool {
		return h.field != Other && slices.ContainsFunc(hits, func(o *hit) bool { return o.field == h.field && h.size < 0.65*o.size })
	})
	// Of two headings one over the other, the lower one is that of the column; the upper
	// one says what the lower ones count.
	hits, parents := divide(hits)
	for _, h := range hits {
		if h.field != Pallets && h.field != Packages {
			continue
		}
		if slices.ContainsFunc(hits, func(o *hit) bool {
			return o != h && (o.field == quantity || o.field == kind) && o.base > h.base+0.5*h.size
		}) && !slices.ContainsFunc(hits, func(o *hit) bool {
			return o != h && (o.field == quantity || o.field == kind) && near(o.base, h.base, 0.4*h.size)
		}) {
			parents = append(parents, h)
		}
	}
	for _, h := range hits {
		if slices.Contains(parents, h) {
			continue
		}
		if h.typical() && slices.ContainsFunc(hits, func(o *hit) bool {
			return o != h && o.base < h.base-0.5*h.size && overlap(o.box, h.box) > 0 && !slices.Contains(parents, o) && h.belongs(o.field)
		}) {
			continue // a unit, or a word of the first row
		}
		over := slices.ContainsFunc(hits, func(o *hit) bool {
			return o != h && !o.typical() && !slices.Contains(parents, o) && o.base > h.base+0.5*h.size && overlap(o.box, h.box) > 0.5*min(o.box.X1-o.box.X0, h.box.X1-h.box.X0)
		})
		if !over {
			b.columns = append(b.columns, h)
		}
	}
	figures, labels := 0, 0
	for _, h := range b.columns {
		if h.field.IsFigure() || h.field == quantity {
			figures++
		}
		if h.labelled {
			labels++
		}
	}
	if len(b.columns) < 2 || figures == 0 {
		return nil
	}
	if !slices.ContainsFunc(b.columns, func(h *hit) bool { return !totalWords[h.tokens[0]] }) {
		return nil // labels of totals, each with its value below
	}
	if len(b.columns) < 2+2*labels {
		if len(b.columns) > 3 {
			// Rather headings with a row printed over them: the table is lost.
			s.lost = append(s.lost, Cell{Text: "a row over the headings", Page: s.number, Box: b.columns[0].box.Round()})
		}
		return nil
	}
	slices.SortStableFunc(b.columns, func(x, y *hit) int { return cmp.Compare(x.box.X0, y.box.X0) })
	for i := 1; i < len(b.columns); i++ {
		prev, h := b.columns[i-1], b.columns[i]
		if overlap(prev.box, h.box) > 0.5*min(prev.box.X1-prev.box.X0, h.box.X1-h.box.X0) {
			// Two texts at one place: one printed over the other. The first stays.
			b.columns = slices.Delete(b.columns, i, i+1)
			i--
		}
	}
	if len(b.columns) < 2 {
		return nil
	}
	for _, h := range hits {
		if h.typical() && !slices.Contains(b.columns, h) && !slices.Contains(parents, h) {
			continue
		}
		for _, w := range h.words {
			w.heading = true
		}
		b.box = b.box.Union(h.box)
		b.size = max(b.size, h.size)
	}
	for _, h := range b.columns {
		b.base = max(b.base, h.base)
	}
	name(b.columns, parents)
	s.units(b)
	s.findStrangers(b)
	return b
}

// name gives headings that leave open what they count the meaning of the heading above
// them, or of their place: the first QTY of a VICS bill counts handling units.
func name(columns, parents []*hit) {
	open := 0
	for _, h := range columns {
		if h.field == quantity {
			open++
		}
	}
	nth := 0
	for _, h := range columns {
		if h.field != quantity && h.field != kind {
			continue
		}
		var of Field
		best := float32(1e9)
		for _, p := range parents {
			if d := abs((p.box.X0+p.box.X1)-(h.box.X0+h.box.X1)) / 2; d < best && p.base < h.base {
				best, of = d, p.field
			}
		}
		if of == "" && open == 2 {
			if h.field == quantity {
				nth++
			}
			of = [...]Field{Pallets, Pallets, Packages}[min(nth, 2)]
		}
		switch {
		case h.field == quantity && of != "":
			h.field = of
		case h.field == kind && of == Pallets:
			h.field = UnitType
		case h.field == kind:
			h.field = PackageType
		}
	}
	has := func(f Field) bool { return slices.ContainsFunc(columns, func(h *hit) bool { return h.field == f }) }
	for _, h := range columns {
		if h.field == quantity {
			// Beside a column of pack sizes, and none of packages, it counts packages.
			if h.field = Pieces; has(PackSize) && !has(Packages) || slices.ContainsFunc(columns, func(o *hit) bool { return o != h && o.field == Pieces }) {
				h.field = Packages
			}
		}
	}
}

// units reads the units that stand within or under the headings.
func (s *leaf) units(b *band) {
	for _, h := range b.columns {
		look := h.box
		look.Y1 += 1.8 * h.size
		for _, l := range s.lines {
			if l.base < look.Y0 || l.base > look.Y1 {
				continue
			}
			for _, t := range l.tokens {
				u, ok := units[t.key]
				own := slices.Contains(h.words, t.word)
				if !ok || !u.suits(h.field) && !(h.second != "" && u.suits(h.second)) {
					continue
				}
				beside := t.word.Box.X0-h.box.X1 < 0.9*h.size && t.word.Box.X0 >= h.box.X0
				if own || beside && (t.word.Box.X1 > h.box.X0-2) || t.word.Box.X1 > h.box.X0 && t.word.Box.X0 < h.box.X1 {
					h.unit = u
					if !hasDigit(strings.TrimSuffix(t.word.Text, "3")) || own {
						t.word.heading = true
						b.base = max(b.base, min(t.word.Base, b.base+1.8*h.size))
					}
				}
			}
		}
	}
}

// findStrangers finds texts beside the headings, in their rows, that the lexicon does not
// have: columns whose meaning is not known.
func (s *leaf) findStrangers(b *band) {
	for _, l := range s.lines {
		if !slices.ContainsFunc(b.columns, func(h *hit) bool { return near(h.base, l.base, 0.3*h.size) }) {
			continue
		}
		for _, p := range phrases(l.words, 0.9) {
			text, box := textOf(p)
			if slices.ContainsFunc(p, func(w *word) bool { return w.heading }) || hasDigit(text) || len(text) > 40 || strings.HasSuffix(text, ":") {
				continue
			}
			if slices.ContainsFunc(b.columns, func(h *hit) bool { return overlap(h.box, box) > 0 }) {
				continue
			}
			b.strangers = append(b.strangers, &hit{entry: entry{field: Other}, box: box})
		}
	}
}

func overlap(a, b page.Box) float32 { return min(a.X1, b.X1) - max(a.X0, b.X0) }

func near(a, b, by float32) bool { return abs(a-b) <= by }

func abs(v float32) float32 {
	if v < 0 {
		return -v
	}
	return v
}
