package form

import (
	"cmp"
	"slices"
	"strconv"
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
	// uncounted is true for a column of figures that are added up, and that no load sheet needs.
	uncounted bool
	// open is true for a heading that leaves open what it counts.
	open bool
}

// hitAt returns the longest heading that begins with a token; nil if there is none.
func (s *leaf) hitAt(i, j int) *hit {
	l := s.lines[i]
	e, words := s.longest(s.shown, i, j)
	if e == nil {
		e, words = s.longest(lexicon(), i, j)
	}
	if e == nil {
		return nil
	}
	best := &hit{entry: *e, words: words, open: e.field == quantity}
	if best.field == uncounted {
		best.field, best.uncounted = Other, true
	}
	for _, w := range words {
		best.box = best.box.Union(w.Box)
		best.base, best.size = max(best.base, w.Base), max(best.size, w.Size)
	}
	if best.shown {
		return best
	}
	// A label, with its colon, names the value beside it and is not a heading; a word within
	// a sentence is none either.
	last := best.words[len(best.words)-1]
	if strings.HasSuffix(last.Text, ":") && len(best.tokens) > 0 {
		return nil
	}
	if best.field == quantity && !s.begins(l, words[0]) {
		return nil // "BOL number", "PRO number"
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
		if _, _, is := next.number(); is && next.Box.X0 > last.Box.X1-1 && next.Box.X0-last.Box.X1 < 0.9*last.Size && !s.ruledBetween(last, next) {
			// … unless the number was printed over the headings.
			if best.labelled = true; !best.field.IsFigure() && best.field != quantity {
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
	return !h.shown && len(h.tokens) == 1 && (units[h.tokens[0]] != "" || types[h.tokens[0]])
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

// numbersOn returns how many numbers a line has. Numbers that count the headings of a line,
// as in "6 Marks  7 No. of packages  8 Method of packing", are none.
func numbersOn(l *line) int {
	n, last, counted := 0, 0, true
	for _, w := range l.words {
		if plain, _, ok := w.number(); ok {
			is, err := strconv.Atoi(plain)
			counted = counted && err == nil && (n == 0 || is == last+1)
			n, last = n+1, is
		}
	}
	if counted && n > 2 {
		return 0
	}
	return n
}

// longest returns the longest heading of a lexicon that begins with a token, and its words:
// each next token stands beside the last one, or under the heading so far.
func (s *leaf) longest(in *node, i, j int) (best *entry, words []*word) {
	n := in.after(s.lines[i].tokens[j].key)
	at := s.lines[i].tokens[j].word
	run := []*word{at}
	box := at.Box
	row, k := i, j
	for n != nil {
		// QTY under PACKAGE is a heading of its own.
		if n.entry != nil && !((n.entry.flat || n.entry.spans()) && at.Base > run[0].Base+0.4*run[0].Size) {
			best, words = n.entry, slices.Clone(run)
		}
		n = func() *node {
			l := s.lines[row]
			if k+1 < len(l.tokens) {
				next := l.tokens[k+1]
				gap := next.word.Box.X0 - at.Box.X1
				if next.word == at || gap < 0.9*at.Size && gap > -0.3*at.Size && !s.ruledBetween(at, next.word) {
					if to := n.after(next.key); to != nil || next.word != at {
						if next.word != at {
							run = append(run, next.word)
							at, box = next.word, box.Union(next.word.Box)
						}
						k++
						return to
					}
				}
			}
			for r := row + 1; r < len(s.lines) && r <= row+4; r++ {
				below := s.lines[r]
				if below.base-at.Base > 1.9*max(at.Size, 5) {
					break
				}
				for m, t := range below.tokens {
					if t.word.Base <= at.Base || t.word.Box.X1 <= box.X0-2 || t.word.Box.X0 >= box.X1+2 {
						continue
					}
					to := n.after(t.key)
					if to == nil && (t.word.Box.X1 <= box.X0 || t.word.Box.X0 >= box.X1) {
						continue // beside the heading, not under it
					}
					run = append(run, t.word)
					at, box, row, k = t.word, box.Union(t.word.Box), r, m
					return to
				}
			}
			return nil
		}()
	}
	return best, words
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
			if gap > 0.65*prev.Size || s.ruledBetween(left, right) {
				break
			}
			if _, _, is := w.number(); !own[w] && !is && !unitNoise(w) {
				others++
			}
			prev = w
		}
	}
	return others > len(h.words)
}

// unitNoise reports whether a word of a heading only says its unit, as in "weight in kg".
func unitNoise(w *word) bool {
	for _, t := range w.tokens() {
		if t != "IN" && units[t] == "" {
			return false
		}
	}
	return true
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
