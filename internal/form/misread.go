package form

import (
	"slices"
	"strings"
	"sync"

	"tallyman/internal/page"
)

// known are the tokens of all texts by which forms are understood: headings, labels of totals,
// of numbers and of companies, and titles.
var known = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	var add func(n *node)
	add = func(n *node) {
		for _, to := range n.next {
			out[to.token] = true
			add(to)
		}
	}
	add(lexicon())
	for _, of := range []map[string]bool{totalWords, subWords, labelNoise} {
		for t := range of {
			out[t] = true
		}
	}
	for t := range labelFields {
		out[t] = true
	}
	for _, of := range labels {
		for _, l := range of {
			for _, t := range l.tokens {
				out[t] = true
			}
		}
	}
	for _, text := range titles {
		for t := range strings.FieldsSeq(text) {
			out[t] = true
		}
	}
	return out
})

// tokens returns the tokens of a word. Those of one that was read from a picture are mended if
// they are known ones that were glued or misread, as GROSSWEIGHT and CART0NS: the text of the
// word stays as it was read, since it may be a value.
func (w *word) tokens() []string {
	plain := tokensOf(w.Text)
	if len(w.Glyphs) == 0 {
		return plain
	}
	if len(plain) == 1 && !known()[plain[0]] {
		if token := w.considered(); token != "" {
			return []string{token}
		}
	}
	doubtful := slices.ContainsFunc(w.Glyphs, func(g page.Glyph) bool { return g.Sure < sure })
	var out []string
	for _, t := range plain {
		out = append(out, mended(t, doubtful)...)
	}
	return out
}

// sure is how sure the letters of a word are of which none may be wrong.
const sure = 0.9

// letters are those for which readers take them.
var letters = strings.NewReplacer("0", "O", "1", "I", "5", "S", "8", "B", "6", "G", "2", "Z")

// mended returns the known tokens that a token is likely to be, else the token itself. One of
// its letters may be wrong if it is doubtful.
func mended(token string, doubtful bool) []string {
	text := letters.Replace(token)
	switch {
	case known()[token] || len(token) < 4 || !hasLetter(token):
		return []string{token}
	case known()[text]:
		return []string{text}
	}
	if parts := parted(text); parts != nil {
		return parts
	}
	if !doubtful || len(token) < 6 { // shorter texts look like too many others
		return []string{token}
	}
	best := ""
	for t := range known() {
		if len(t) == len(text) && wrong(t, text) == 1 {
			if best != "" {
				return []string{token}
			}
			best = t
		}
	}
	if best != "" {
		return []string{best}
	}
	return []string{token}
}

// joints are the known tokens of two letters that may be a part of a glued text.
var joints = map[string]bool{"OF": true, "NO": true, "TO": true, "IN": true, "PO": true}

// parted cuts a text into as few known tokens as possible; nil if it is not made of some.
func parted(text string) []string {
	best := make([][]string, len(text)+1)
	best[0] = []string{}
	for to := 1; to <= len(text); to++ {
		for from := range to {
			t := text[from:to]
			if best[from] == nil || len(t) < 3 && !joints[t] || !known()[t] {
				continue
			}
			if best[to] == nil || len(best[from])+1 < len(best[to]) {
				best[to] = append(best[from][:len(best[from]):len(best[from])], t)
			}
		}
	}
	return best[len(text)]
}

// wrong returns in how many letters two texts of one length differ.
func wrong(a, b string) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
