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
