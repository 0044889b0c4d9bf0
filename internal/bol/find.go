package bol

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"tallyman/internal/page"
)

// vocabulary has the phrases that layouts search on a page. One pass over the page's
// words finds all of them.
type vocabulary struct {
	index map[string]int // the phrases, by their text
	// labels are those of each layout.
	labels map[*Layout][]Label
	words  [][]string       // of each phrase, its words as key makes them
	first  map[string][]int // the phrases by their first word
	// begins has, for each first byte of a first word, a bit for each length of such a
	// word, up to 31.
	begins [256]uint32
	// loose says that the words were read from a picture: phrases may be glued or misread.
	loose  bool
	folded []string // of each phrase, as fold makes it
}

// loosely returns the vocabulary for pages that were read from pictures.
func (v *vocabulary) loosely() *vocabulary {
	l := *v
	l.loose = true
	return &l
}

// fold returns letters and digits of a text alone, those that look alike as one.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '0' || r == 'Q':
			return 'O'
		case r == '1' || r == 'L':
			return 'I'
		case r == '5':
			return 'S'
		case r == '8':
			return 'B'
		case r >= 'A' && r <= 'Z' || r >= '2' && r <= '9':
			return r
		}
		return -1
	}, strings.ToUpper(page.Seen(text)))
}

func newVocabulary(layouts []*Layout) *vocabulary {
	v := &vocabulary{index: map[string]int{}, labels: map[*Layout][]Label{}, first: map[string][]int{}}
	for _, l := range layouts {
		v.labels[l] = l.labels()
		for _, phrase := range l.phrases() {
			text := phrase.Text
			if _, ok := v.index[text]; ok {
				continue
			}
			var words []string
			for _, w := range strings.Fields(text) {
				words = append(words, key(w))
			}
			v.index[text] = len(v.words)
			v.first[words[0]] = append(v.first[words[0]], len(v.words))
			v.words = append(v.words, words)
			v.folded = append(v.folded, fold(text))
			c, length := words[0][0], uint32(1)<<min(len(words[0]), 31)
			v.begins[c] |= length
			if c >= 'A' && c <= 'Z' {
				v.begins[c-'A'+'a'] |= length
			}
		}
	}
	return v
}

// key makes words equal that look the same, apart from case and a colon or full stop at
// the end.
func key(word string) string {
	return strings.ToUpper(strings.TrimRight(page.Seen(word), ".:"))
}

// place is a place where a phrase is printed.
type place struct {
	first, last int     // indexes of its words
	x, y        float32 // left edge and baseline
	size        float32
}

// find returns the places of each phrase, in reading order. A phrase is printed where
// its words follow each other on a line.
func (v *vocabulary) find(words []*word) [][]place {
	if v.loose {
		return v.findLoosely(words)
	}
	found := make([][]place, len(v.words))
	room := make([]place, len(v.words)) // most occur once
	for i := range found {
		found[i] = room[i : i : i+1]
	}
	for i, w := range words {
		if !v.mayBegin(w.Text) {
			continue
		}
		for _, phrase := range v.first[key(w.Text)] {
			last := i
			for _, part := range v.words[phrase][1:] {
				if last = next(words, last, part); last < 0 {
					break
				}
			}
			if last >= 0 {
				found[phrase] = append(found[phrase], place{i, last, w.Box.X0, w.Base, w.Size})
			}
		}
	}
	return found
}

// findLoosely is find for words that were read from a picture. A phrase may be one word, or
// its words may be cut elsewhere, and of five letters one may be wrong, of twelve two. Shorter
// ones must be right, apart from letters that look like others.
func (v *vocabulary) findLoosely(words []*word) [][]place {
	found := make([][]place, len(v.words))
	for i, w := range words {
		text := ""
		last := i
		for n := 0; n < 6; n++ {
			text += fold(words[last].Text)
			for phrase, want := range v.folded {
				wrong := min(len(want)/5, 1+len(want)/12)
				if d := len(text) - len(want); d > wrong || -d > wrong || text == "" {
					continue
				}
				if p := found[phrase]; len(p) > 0 && p[len(p)-1].last >= i && p[len(p)-1].first <= i {
					continue // the same place
				}
				if page.Distance(text, want, wrong) <= wrong {
					found[phrase] = append(found[phrase], place{i, last, w.Box.X0, w.Base, w.Size})
				}
			}
			if len(text) > 30 {
				break
			}
			next := -1
			for j := last + 1; j < len(words) && j < last+6; j++ {
				a, b := words[last], words[j]
				gap := b.Box.X0 - a.Box.X1
				if near(b.Base, w.Base, w.Size/4) && near(b.Size, w.Size, w.Size/3) && gap > -w.Size/4 && gap < w.Size {
					next = j
					break
				}
			}
			if next < 0 {
				break
			}
			last = next
		}
	}
	return found
}

// mayBegin reports whether a word has the initial and, but for a colon or full
// stop at the end, the length of the first word of a phrase. Most have not, and
// are not looked up. Other characters can look like any of a phrase's.
func (v *vocabulary) mayBegin(text string) bool {
	n := len(text)
	for n > 0 && (text[n-1] == '.' || text[n-1] == ':') {
		n--
	}
	if n == 0 || text[0] >= utf8.RuneSelf {
		return n > 0
	}
	lengths := v.begins[text[0]]
	return lengths&(1<<min(n, 31)) != 0 || lengths != 0 && strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// foundOf returns how many of a layout's phrases were found, and how many there are.
func (v *vocabulary) foundOf(l *Layout, found [][]place) (n, all int) {
	phrases := map[string]bool{}
	for _, p := range l.phrases() {
		if !phrases[p.Text] && len(found[v.index[p.Text]]) > 0 {
			n++
		}
		phrases[p.Text] = true
	}
	return n, len(phrases)
}

// next returns the word with the given key that follows word i in the same size, or -1.
// Words of another text, printed over it, may come between.
func next(words []*word, i int, part string) int {
	w := words[i]
	for j := i + 1; j < len(words) && j < i+6; j++ {
		v := words[j]
		gap := v.Box.X0 - w.Box.X1
		if near(v.Base, w.Base, w.Size/4) && near(v.Size, w.Size, w.Size/4) &&
			gap > -w.Size/4 && gap < w.Size && key(v.Text) == part {
			return j
		}
	}
	return -1
}

func near(a, b, tolerance float32) bool {
	return a-b <= tolerance && b-a <= tolerance
}

// frame is the place of a form on a page: its top left corner, in points of the page,
// and the size of a point of the form.
type frame struct {
	x, y, k float32
}

func (f frame) at(x, y float32) (float32, float32) {
	return f.x + x*f.k, f.y + y*f.k
}

// heading is a place where the heading of a column is printed.
type heading struct {
	*Column
	place
}

// headingDrift is how far a heading can be from its place according to the other
// headings, in points of the form: enough for another font, too little for another
// form.
const headingDrift = 8

// maxForms is the greatest number of forms that are read on one page.
const maxForms = 16

// located is a form that was found on a page.
type located struct {
	frame
	headings []heading
}

// framesOf finds the headings of a table, and returns the form's place on the page for
// each time that enough headings are in their places.
func framesOf(table *Grid, places func(string) []place) []located {
	var all []heading
	for i := range table.Columns {
		c := &table.Columns[i]
		for _, p := range places(c.Heading) {
			all = append(all, heading{c, p})
		}
	}
	slices.SortStableFunc(all, func(a, b heading) int { return cmp.Compare(a.y, b.y) })
	var out []located
	for len(all) >= table.Need {
		n := 1
		for n < len(all) && all[n].y-all[0].y <= all[0].size {
			n++
		}
		row := slices.Clone(all[:n])
		for len(out) < maxForms {
			best := inLine(row, table.Need)
			if len(best) < table.Need {
				break
			}
			out = append(out, located{lying(table, best), best})
			row = slices.DeleteFunc(row, func(h heading) bool { return slices.Contains(best, h) })
		}
		all = all[n:]
	}
	return out
}

// lying returns the place of the form on the page, from a line through all of its
// headings, so that a single one cannot distort it.
func lying(table *Grid, headings []heading) frame {
	var mx, mX, my float64
	for _, h := range headings {
		mx, mX, my = mx+float64(h.x), mX+float64(h.X), my+float64(h.y)
	}
	n := float64(len(headings))
	mx, mX, my = mx/n, mX/n, my/n
	var a, b float64
	for _, h := range headings {
		a += (float64(h.X) - mX) * (float64(h.x) - mx)
		b += (float64(h.X) - mX) * (float64(h.X) - mX)
	}
	k := a / b
	return frame{float32(mx - k*mX), float32(my - k*float64(table.Y)), float32(k)}
}

// inLine returns the most headings, one for each column, that have the same distances
// as on the form, all scaled by one factor.
func inLine(row []heading, need int) (best []heading) {
	columns := map[*Column]bool{}
	for _, h := range row {
		columns[h.Column] = true
	}
	// Real headings occur once each. A page that repeats them many times is not a table,
	// and would take long.
	if len(columns) < need || len(row) > 48 {
		return nil
	}
	for _, a := range row {
		for _, b := range row {
			k := (b.x - a.x) / (b.X - a.X)
			if b.X <= a.X || k < 0.2 || k > 5 {
				continue
			}
			agree := make([]heading, 0, len(columns))
			for _, h := range row {
				if !near(h.x, a.x+(h.X-a.X)*k, headingDrift*k) {
					continue
				}
				if !slices.ContainsFunc(agree, func(o heading) bool { return o.Column == h.Column }) {
					agree = append(agree, h)
				}
			}
			if len(agree) > len(best) {
				best = agree
			}
			if len(best) == len(columns) {
				return best
			}
		}
	}
	return best
}

// rows groups words by their baselines: those within half of their size are on one row.
// The rows are in order from top to bottom, their words from left to right.
func rows(words []*word) [][]*word {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b *word) int { return cmp.Compare(a.Base, b.Base) })
	var out [][]*word
	for len(words) > 0 {
		n := 1
		for n < len(words) && words[n].Base-words[0].Base <= min(words[n].Size, words[0].Size)*0.6 {
			n++
		}
		row := words[:n:n]
		slices.SortStableFunc(row, func(a, b *word) int { return cmp.Compare(a.Box.X0, b.Box.X0) })
		out = append(out, row)
		words = words[n:]
	}
	return out
}
