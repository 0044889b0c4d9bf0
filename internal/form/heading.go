package form

import (
	"cmp"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// The bounds of the headings of one page.
const (
	maxHits  = 600
	maxBands = 24
)

// hit is a heading of the lexicon that stands on the page.
type hit struct {
	entry
	words []*word
	box   page.Box
	base  float32 // of its last row
	size  float32
	unit  Unit
	// labelled is true if a number stands beside it.
	labelled bool
}

// band is a row of headings in one or more storeys, under which a table may stand.
type band struct {
	columns   []*hit   // the lowest storey, from left to right
	box       page.Box // of all storeys
	base      float32  // of the lowest storey
	size      float32
	strangers []page.Box // texts between the headings that the lexicon does not have
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

// hitAt returns the longest heading that begins with a token; nil if there is none.
func (s *leaf) hitAt(i, j int) *hit {
	l := s.lines[i]
	var best *hit
	for _, e := range byFirst[l.tokens[j].key] {
		if best != nil && len(e.tokens) <= len(best.tokens) {
			continue
		}
		if words, ok := s.follow(i, j, e.tokens); ok {
			if e.spans() && words[len(words)-1].Base > words[0].Base+0.4*words[0].Size {
				continue // QTY under PACKAGE is a heading of its own
			}
			h := &hit{entry: e, words: words}
			for _, w := range words {
				h.box = h.box.Union(w.Box)
				h.base, h.size = max(h.base, w.Base), max(h.size, w.Size)
			}
			best = h
		}
	}
	if best == nil {
		return nil
	}
	// A label, with its colon, names the value beside it and is no heading; a word within
	// a sentence is none either.
	last := best.words[len(best.words)-1]
	if strings.HasSuffix(last.Text, ":") && len(best.tokens) > 0 {
		return nil
	}
	if s.inSentence(l, best) || best.typical() && numbersOn(l) > 1 {
		return nil
	}
	// "3 TOTAL CARTONS 72 TOTAL PIECES" are totals.
	if (totalWords[best.tokens[0]] || j > 0 && totalWords[l.tokens[j-1].key]) && numbersOn(l) > 1 {
		return nil
	}
	if i := slices.Index(l.words, last); i >= 0 && i+1 < len(l.words) {
		// A number beside it makes it a label, too.
		next := l.words[i+1]
		if _, _, is := number(next.Text); is && next.Box.X0 > last.Box.X1-1 && next.Box.X0-last.Box.X1 < 0.9*last.Size && !s.ruledBetween(last, next) {
			// … unless the number was printed over the headings.
			if best.labelled = true; !best.field.isFigure() && best.field != quantity {
				return nil
			}
		}
	}
	return best
}

// spans reports whether the first word of a heading may stand over two columns, QTY and
// TYPE.
func (e *entry) spans() bool {
	last := e.tokens[len(e.tokens)-1]
	return len(e.tokens) > 1 && (last == "QTY" || last == "TYPE") && slices.Contains([]string{"PACKAGE", "PKG", "HANDLING", "UNIT", "PALLET"}, e.tokens[0])
}

// typical reports whether a heading is a word that rows have as the type of packages or as
// a unit.
func (h *hit) typical() bool {
	return len(h.tokens) == 1 && (units[h.tokens[0]] != "" || types[h.tokens[0]])
}

// belongs reports whether a typical word may stand in a column of the field, as its unit or
// type.
func (h *hit) belongs(f Field) bool {
	if u := units[h.tokens[0]]; u != "" {
		return u.suits(f)
	}
	switch f {
	case Packages, Pieces, Pallets, PackageType, UnitType, Description, quantity, kind:
		return true
	}
	return false
}

var types = map[string]bool{"PLT": true, "PLTS": true, "PALLET": true, "PALLETS": true, "SKID": true, "SKIDS": true, "CTN": true, "CTNS": true, "CARTON": true, "CARTONS": true, "CS": true, "CASES": true, "BOXES": true, "PCS": true, "PC": true, "PIECE": true, "PIECES": true, "PKG": true, "PKGS": true, "EACH": true, "PART": true, "GOODS": true, "ITEM": true, "NO": true}

// numbersOn returns how many numbers a line has.
func numbersOn(l *line) int {
	n := 0
	for _, w := range l.words {
		if _, _, ok := number(w.Text); ok {
			n++
		}
	}
	return n
}

// follow returns the words of a heading that begins with a token: each next token stands
// beside the last one, or under the heading so far.
func (s *leaf) follow(i, j int, tokens []string) ([]*word, bool) {
	at := s.lines[i].tokens[j].word
	words := []*word{at}
	box := at.Box
	row, k := i, j
	for _, want := range tokens[1:] {
		l := s.lines[row]
		if k+1 < len(l.tokens) {
			next := l.tokens[k+1]
			gap := next.word.Box.X0 - at.Box.X1
			if next.word == at || gap < 0.9*at.Size && gap > -0.3*at.Size && !s.ruledBetween(at, next.word) {
				if next.key == want {
					if next.word != at {
						words = append(words, next.word)
						at, box = next.word, box.Union(next.word.Box)
					}
					k++
					continue
				}
				if next.word != at {
					return nil, false
				}
			}
		}
		found := false
		for r := row + 1; r < len(s.lines) && r <= row+4 && !found; r++ {
			below := s.lines[r]
			if below.base-at.Base > 1.9*max(at.Size, 5) {
				break
			}
			for m, t := range below.tokens {
				if t.key == want && t.word.Box.X1 > box.X0-2 && t.word.Box.X0 < box.X1+2 && t.word.Base > at.Base {
					words = append(words, t.word)
					at, box, row, k, found = t.word, box.Union(t.word.Box), r, m, true
					break
				}
				if t.word.Box.X1 > box.X0 && t.word.Box.X0 < box.X1 {
					return nil, false // another word is under the heading
				}
			}
		}
		if !found {
			return nil, false
		}
	}
	return words, true
}

// ruledBetween reports whether a vertical line stands between two words of a line.
func (s *leaf) ruledBetween(a, b *word) bool {
	if b.Box.X0-a.Box.X1 < 0.5 {
		return false
	}
	y := (a.Box.Y0 + a.Box.Y1) / 2
	for _, r := range s.ver {
		if x := (r.X0 + r.X1) / 2; x > a.Box.X1-1 && x < b.Box.X0+1 && r.Y0 <= y && r.Y1 >= y {
			return true
		}
	}
	return false
}

// inSentence reports whether a heading is a small part of the text that it stands in.
func (s *leaf) inSentence(l *line, h *hit) bool {
	own := map[*word]bool{}
	for _, w := range h.words {
		own[w] = true
	}
	at := slices.Index(l.words, h.words[0])
	if at < 0 {
		return false
	}
	others := 0
	for step := -1; step <= 1; step += 2 {
		prev := h.words[0]
		for i := at + step; i >= 0 && i < len(l.words); i += step {
			w := l.words[i]
			gap := w.Box.X0 - prev.Box.X1
			if step < 0 {
				gap = prev.Box.X0 - w.Box.X1
			}
			left, right := prev, w
			if step < 0 {
				left, right = w, prev
			}
			if gap > 0.6*prev.Size || s.ruledBetween(left, right) {
				break
			}
			if !own[w] {
				others++
			}
			prev = w
		}
	}
	return others > len(h.words)
}

// settle keeps, of headings that share a word, the longest, and marks their words.
func (s *leaf) settle(hits []*hit) []*hit {
	slices.SortStableFunc(hits, func(a, b *hit) int { return cmp.Compare(len(b.tokens), len(a.tokens)) })
	var out []*hit
	taken := map[*word]*hit{}
	for _, h := range hits {
		if slices.ContainsFunc(h.words, func(w *word) bool { return taken[w] != nil }) {
			continue
		}
		for _, w := range h.words {
			taken[w] = h
		}
		out = append(out, h)
	}
	return out
}

// bandOf makes a band of headings that lie close together; nil if they are none.
func (s *leaf) bandOf(hits []*hit) *band {
	b := &band{}
	// Of two headings one over the other, the lower one is that of the column; the upper
	// one says what the lower ones count.
	var parents []*hit
	for _, h := range hits {
		if h.field == kind || h.field == quantity {
			continue
		}
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
		if h.field.isFigure() || h.field == quantity {
			figures++
		}
		if h.labelled {
			labels++
		}
	}
	if len(b.columns) < 2 || figures == 0 {
		return nil
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
			b.strangers = append(b.strangers, box)
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
