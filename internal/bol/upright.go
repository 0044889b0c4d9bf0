package bol

import (
	"cmp"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// slant returns the tangent of the angle at which the rows of a page go down to the right.
func slant(words []*word) float64 { return page.Slant(printedOf(words)) }

func printedOf(words []*word) []*page.Word {
	printed := make([]*page.Word, len(words))
	for i, w := range words {
		printed[i] = w.Word
	}
	return printed
}

// turned returns the words in a plane where rows that go down to the right at the angle
// with that tangent are level.
func turned(words []*word, tan float64) ([]*word, page.Plane) {
	printed, p := page.Turn(printedOf(words), tan)
	out := make([]*word, len(words))
	for i, w := range words {
		out[i] = &word{Word: printed[i], taken: w.taken}
	}
	page.Even(printed)
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
func flattened(words []*word, p page.Plane, tall float64) ([]*word, page.Plane) {
	if p == (page.Plane{}) {
		p = page.Plane{Cos: 1, Tall: 1}
	}
	p.Tall *= tall
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
	n := a.Join(*b.Word)
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
func (v *vocabulary) tallness(l *Layout, f frame, found [][]place) float64 {
	_, bottom := f.at(0, l.Table.Y)
	var all []float64
	for _, label := range v.labels[l] {
		if l.Table.Y-label.Y < 30 {
			continue
		}
		px, _ := f.at(label.X, label.Y)
		for _, p := range v.in(found)(label.Text) {
			r := float64((bottom - p.y) / ((l.Table.Y - label.Y) * f.k))
			if near(p.x, px, stray*f.k) && r > 0.5 && r < 2 {
				all = append(all, r)
			}
		}
	}
	if len(all) < 4 {
		return 1
	}
	slices.Sort(all)
	return all[len(all)/2]
}
