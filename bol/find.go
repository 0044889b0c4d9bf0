package bol

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"tallyman/page"
)

// finder finds printed words on a page.
type finder struct {
	words []*page.Word
	by    map[string][]int // upper-case text to indexes of words, in reading order
}

// newFinder returns a finder of phrases whose words are in the vocabulary.
func newFinder(words []*page.Word, vocabulary map[string]bool) *finder {
	f := &finder{words: words, by: make(map[string][]int, len(vocabulary))}
	for i, w := range words {
		if k := strings.ToUpper(w.Text); vocabulary[k] {
			f.by[k] = append(f.by[k], i)
		}
	}
	return f
}

// vocabularyOf returns the upper-case words of phrases.
func vocabularyOf(phrases ...string) map[string]bool {
	v := map[string]bool{}
	for _, p := range phrases {
		for _, w := range strings.Fields(p) {
			v[strings.ToUpper(w)] = true
		}
	}
	return v
}

// phrase is a place where a phrase is printed.
type phrase struct {
	first, last int // indexes of its words
	x, y        float32
}

// all returns the places where the words of a text are printed one after the
// other, in reading order, without regard to case.
func (f *finder) all(text string) []phrase {
	parts := strings.Fields(strings.ToUpper(text))
	var out []phrase
	for _, i := range f.by[parts[0]] {
		last := i
		for _, part := range parts[1:] {
			last = f.after(last, part)
			if last < 0 {
				break
			}
		}
		if last >= 0 {
			out = append(out, phrase{i, last, f.words[i].Box.X0, f.words[i].Base})
		}
	}
	return out
}

// after returns the word with the given upper-case text that goes on after word
// i on its line, in the same size, or -1.
func (f *finder) after(i int, part string) int {
	w := f.words[i]
	for _, j := range f.by[part] {
		v := f.words[j]
		gap := v.Box.X0 - w.Box.X1
		if near(v.Base, w.Base, w.Size/4) && near(v.Size, w.Size, w.Size/4) && gap > -w.Size/4 && gap < w.Size {
			return j
		}
	}
	return -1
}

func near(a, b, tolerance float32) bool {
	return math.Abs(float64(a-b)) <= float64(tolerance)
}

// scale maps positions of a form as designed to positions on a page: exactly at
// the points that were found, evenly between and beyond them.
type scale struct {
	design, actual []float32
	factor         float32
}

// newScale makes a scale from at least two pairs of positions, which must grow
// together.
func newScale(design, actual []float32) (s scale, ok bool) {
	n := len(design)
	if n < 2 || !slices.IsSorted(design) || !slices.IsSorted(actual) {
		return s, false
	}
	s = scale{design, actual, (actual[n-1] - actual[0]) / (design[n-1] - design[0])}
	return s, s.factor > 0.2 && s.factor < 5
}

func (s scale) at(v float32) float32 {
	n := len(s.design)
	i, _ := slices.BinarySearch(s.design, v)
	switch i {
	case 0:
		return s.actual[0] + (v-s.design[0])*s.factor
	case n:
		return s.actual[n-1] + (v-s.design[n-1])*s.factor
	}
	d := s.design[i] - s.design[i-1]
	if d == 0 {
		return s.actual[i]
	}
	return s.actual[i-1] + (v-s.design[i-1])/d*(s.actual[i]-s.actual[i-1])
}

// found is a grid that was found on a page.
type found struct {
	grid  *Grid
	x     scale
	y     float32 // baseline of the headings
	edges []float32
}

// grid finds the headings of a grid: of all places where they stand on about
// one line, the one that has the most of them.
func (f *finder) grid(g *Grid) (best found, ok bool) {
	type heading struct {
		column int
		phrase
	}
	var headings []heading
	for i, c := range g.Columns {
		if c.Heading == "" {
			continue
		}
		for _, p := range f.all(c.Heading) {
			headings = append(headings, heading{i, p})
		}
	}
	most := 0
	for _, anchor := range headings {
		var design, actual []float32
		tolerance := f.words[anchor.first].Size / 2
		var y float32 = anchor.y
		// Each column's heading that stands right of the one before it.
		column := -1
		for _, h := range headings {
			if h.column == column || !near(h.y, anchor.y, tolerance) ||
				len(actual) > 0 && h.x <= actual[len(actual)-1] {
				continue
			}
			column = h.column
			design = append(design, g.Columns[column].X)
			actual = append(actual, h.x)
		}
		if len(actual) <= most || len(actual) < g.Need {
			continue
		}
		if x, good := newScale(design, actual); good {
			most = len(actual)
			best = found{grid: g, x: x, y: y}
		}
	}
	if most == 0 {
		return best, false
	}
	for _, c := range g.Columns {
		best.edges = append(best.edges, best.x.at(c.Left))
	}
	best.edges = append(best.edges, best.x.at(g.Columns[len(g.Columns)-1].Right))
	return best, true
}

// label finds the label of an area: of all places where it is printed, the one
// nearest to where it should be. origin and factor tell where the page's own
// zero is and how it is scaled.
func (f *finder) label(a *Area, at func(x, y float32) (float32, float32)) (phrase, bool) {
	places := f.all(a.Label)
	if len(places) == 0 {
		return phrase{}, false
	}
	x, y := at(a.X, a.Y)
	distance := func(p phrase) float64 { return math.Hypot(float64(p.x-x), float64(p.y-y)) }
	return slices.MinFunc(places, func(a, b phrase) int { return cmp.Compare(distance(a), distance(b)) }), true
}

// rows groups words by their baselines: those within four tenths of their size
// stand on one row. The rows go from top to bottom, their words from left to
// right.
func rows(words []*page.Word) [][]*page.Word {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b *page.Word) int { return cmp.Compare(a.Base, b.Base) })
	var out [][]*page.Word
	for len(words) > 0 {
		n := 1
		for n < len(words) && words[n].Base-words[0].Base <= max(words[n].Size, words[0].Size)*0.4 {
			n++
		}
		row := words[:n:n]
		slices.SortStableFunc(row, func(a, b *page.Word) int { return cmp.Compare(a.Box.X0, b.Box.X0) })
		out = append(out, row)
		words = words[n:]
	}
	return out
}
