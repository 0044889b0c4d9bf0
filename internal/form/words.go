package form

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"tallyman/internal/page"
)

// maxWords bounds the words of one page, as page.MaxRules does its rules. A page with more is
// no page of a bill: it is read so far, and what is left out makes its figures unproved.
const maxWords = 6000

// word is a word of a page.
type word struct {
	page.Word
	heading bool // it is part of a heading
	comma   bool // commas part the decimals of its page
	margin  bool // it numbers the page, or says that it goes on
}

func (w *word) middle() float32 { return (w.Box.X0 + w.Box.X1) / 2 }

// token is a part of a word, as headings are compared: capitals and digits only.
type token struct {
	key  string
	word *word
}

// line has the words on one baseline, from left to right.
type line struct {
	words  []*word
	tokens []token
	base   float32
	size   float32
}

// leaf is a page as it is read: lines, rules, headings.
type leaf struct {
	number   int
	picture  bool // its words were read from a picture
	width    float32
	height   float32
	words    []*word
	lines    []*line
	hor, ver []page.Box // ruling lines
	excess   string     // what the page has more of than is read; "" for nothing
	bands    []*band
	fits     []fit  // places of learnt forms
	shown    *node  // headings that somebody named, besides those of the lexicon
	lost     []Cell // tables whose headings cannot be told from figures
	n, m     int    // "Page n of m"
	id       identity
	plane    page.Plane // in which it is read
	commas   int        // numbers whose decimals a comma parts for certain
	points   int        // … or a point
}

// thick is the greatest thickness of a ruling line, in points.
const thick = 4

func newLeaf(p *page.Page) *leaf {
	s := &leaf{number: p.Number, picture: p.Scan == page.Recognised, width: p.Width, height: p.Height}
	for i := range p.Words {
		if i == maxWords {
			s.excess = "words"
			break
		}
		if w := &p.Words[i]; w.Size >= 2 && w.Size < 200 {
			s.words = append(s.words, &word{Word: *w})
		}
	}
	if p.MoreRules || len(p.Rules) > page.MaxRules {
		s.excess = "ruling lines"
	}
	for _, r := range p.Rules[:min(len(p.Rules), page.MaxRules)] {
		w, h := r.X1-r.X0, r.Y1-r.Y0
		switch {
		case w >= h && h <= thick:
			s.hor = append(s.hor, r)
		case h > w && w <= thick:
			s.ver = append(s.ver, r)
		case w > 8 && h > 5: // the edges of a filled box rule as well
			s.hor = append(s.hor, page.Box{X0: r.X0, X1: r.X1, Y0: r.Y0, Y1: r.Y0}, page.Box{X0: r.X0, X1: r.X1, Y0: r.Y1, Y1: r.Y1})
		}
	}
	s.lines = linesOf(s.words, s.picture)
	s.words = s.words[:0]
	for _, l := range s.lines {
		s.words = append(s.words, l.words...)
		l.findMargins()
	}
	for _, w := range s.words {
		switch text := page.Seen(w.Text); {
		case commaShape.MatchString(text):
			s.commas++
		case pointShape.MatchString(text):
			s.points++
		}
	}
	s.part(s.commas > s.points)
	return s
}

// part says what parts the decimals of the page's numbers.
func (s *leaf) part(comma bool) {
	for _, w := range s.words {
		w.comma = comma
	}
}

// linesOf groups words by their baselines. Those of pictures are respelled.
func linesOf(words []*word, picture bool) []*line {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b *word) int { return cmp.Compare(a.Base, b.Base) })
	var out []*line
	for from := 0; from < len(words); {
		first := words[from]
		to := from + 1
		for to < len(words) && words[to].Base-first.Base <= 0.45*max(min(words[to].Size, first.Size), 3) {
			to++
		}
		l := &line{words: slices.Clone(words[from:to]), base: first.Base}
		slices.SortStableFunc(l.words, func(a, b *word) int { return cmp.Compare(a.Box.X0, b.Box.X0) })
		l.words = whole(l.words)
		if picture {
			l.words = respelled(l.words)
		}
		for _, w := range l.words {
			l.size = max(l.size, w.Size)
			for _, key := range w.tokens() {
				l.tokens = append(l.tokens, token{key, w})
			}
		}
		out = append(out, l)
		from = to
	}
	return out
}

// findMargins marks "Page 1", "Page 1 of 3" and "continued on the next page": they belong to
// no row of a table, however close they stand.
func (l *line) findMargins() {
	for _, ph := range phrases(l.words, 0.9) {
		tokens := ph[0].tokens()
		if len(tokens) == 0 || !margins[tokens[0]] || len(ph) > 8 {
			continue
		}
		numbers := strings.HasPrefix(tokens[0], "CONT") || slices.ContainsFunc(ph, func(w *word) bool { return hasDigit(w.Text) })
		for _, w := range ph {
			w.margin = numbers
		}
	}
}

// whole joins the parts of words that kerning has torn: they touch or overlap a little.
func whole(words []*word) []*word {
	out := words[:0:0]
	for _, w := range words {
		if n := len(out); n > 0 {
			last := out[n-1]
			gap := w.Box.X0 - last.Box.X1
			if gap < 0.06*w.Size && gap > -0.35*w.Size && near(w.Size, last.Size, 0.05*w.Size) && near(w.Base, last.Base, 0.05*w.Size) &&
				hasLetter(last.Text) == hasLetter(w.Text) && last.Box.X0 < w.Box.X0-0.3*w.Size && len(last.Edges) > 0 && len(w.Edges) > 0 {
				j := *last
				j.Word = last.Join(w.Word)
				out[n-1] = &j
				continue
			}
		}
		out = append(out, w)
	}
	return out
}

func hasLetter(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

// tokensOf returns the parts of a word as headings are compared: capitals without
// accents, digits, and '#'. Characters of other scripts are dropped, since headings in
// two languages say the same twice.
func tokensOf(text string) []string {
	var out []string
	var b strings.Builder
	end := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	for _, r := range norm.NFD.String(page.Seen(text)) {
		switch {
		case r == '.' || r == '\'' || unicode.Is(unicode.Mn, r):
		case r == '#':
			end()
			out = append(out, "#")
		case r < 0x250 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToUpper(r))
		default:
			end()
		}
	}
	end()
	return out
}

// phrases cuts words of one line where a gap is wider than so many times their size.
func phrases(words []*word, gap float32) [][]*word {
	var out [][]*word
	from := 0
	for i := 1; i <= len(words); i++ {
		if i == len(words) || words[i].Box.X0-words[i-1].Box.X1 > gap*max(words[i-1].Size, 3) {
			out = append(out, words[from:i])
			from = i
		}
	}
	return out
}

// textOf joins words in reading order, with the place that they take.
func textOf(words []*word) (text string, box page.Box) {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			// A word that was broken at a hyphen goes on in the next row.
			prev := words[i-1]
			if !(strings.HasSuffix(prev.Text, "-") && w.Base-prev.Base > 0.5*prev.Size && len(prev.Text) > 1) {
				b.WriteByte(' ')
			}
		}
		b.WriteString(w.Text)
		box = box.Union(w.Box)
	}
	return b.String(), box.Round()
}
