package form

import (
	"slices"
	"strings"
	"sync"
	"unicode"

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

// respelled returns the words of a line of a picture as the form prints them: a label and its
// value that were read as one word are two, and the parts of a word of a label are one. Nothing is
// changed that has digits, apart from labels before them.
func respelled(words []*word) []*word {
	var cut []*word
	for _, w := range words {
		cut = append(cut, w.cut()...)
	}
	out := cut[:0:0]
	for i := 0; i < len(cut); {
		n := 1
		for _, most := range []int{3, 2} {
			if i+most <= len(cut) && n == 1 && torn(cut[i:i+most]) {
				n = most
			}
		}
		w := cut[i]
		if n > 1 {
			w = joined(cut[i : i+n])
		}
		out = append(out, w)
		i += n
	}
	return out
}

// cut cuts a word after the colon of a label.
func (w *word) cut() []*word {
	at := strings.IndexByte(w.Text, ':')
	if at <= 0 || at+1 == len(w.Text) || len(w.Edges) != len([]rune(w.Text))+1 || hasDigit(w.Text[:at]) {
		return []*word{w}
	}
	label := tokensOf(w.Text[:at])
	if n := len(label); n == 0 || !known()[label[n-1]] && parted(label[n-1]) == nil {
		return []*word{w}
	}
	first, rest := *w, *w
	n := len([]rune(w.Text[:at])) + 1
	first.Word, rest.Word = w.Split(n)
	if n < len(w.Glyphs) {
		first.Glyphs, rest.Glyphs = w.Glyphs[:n], w.Glyphs[n:]
	}
	return append([]*word{&first}, rest.cut()...)
}

// bareLetters returns the letters of a word without the signs around them; "" if it has others.
func bareLetters(text string) string {
	text = strings.TrimFunc(page.Seen(text), unicode.IsPunct)
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		return ""
	}
	return strings.ToUpper(text)
}

// torn reports whether words are parts of one, by a gap that is narrow.
func torn(words []*word) bool {
	all, each := "", true
	for i, w := range words {
		text := bareLetters(w.Text)
		if text == "" || i > 0 && w.Box.X0-words[i-1].Box.X1 > 0.5*min(w.Size, words[i-1].Size) {
			return false
		}
		all += text
		each = each && known()[text]
	}
	return len(all) >= 4 && known()[all] && !each
}

// joined joins the parts of a word.
func joined(words []*word) *word {
	j := *words[0]
	j.Text = strings.TrimRightFunc(j.Text, unicode.IsPunct)
	for i, w := range words[1:] {
		text := w.Text
		if i+2 < len(words) {
			text = strings.TrimRightFunc(text, unicode.IsPunct)
		}
		j.Text += text
		j.Box = j.Box.Union(w.Box)
	}
	n := len([]rune(j.Text))
	j.Edges, j.Joints, j.Glyphs = make([]float32, n+1), nil, nil
	for i := range j.Edges {
		j.Edges[i] = j.Box.X0 + (j.Box.X1-j.Box.X0)*float32(i)/float32(n)
	}
	return &j
}

// considered returns a known token that the reader considered for a word of which it was not sure:
// with one other letter, or one less; "" if there is none, or more than one.
func (w *word) considered() string {
	const sure, doubtful = 0.9, 0.7
	runes := []rune(w.Text)
	if len(w.Glyphs) != len(runes) || hasDigit(w.Text) {
		return ""
	}
	var found []string
	try := func(text string) {
		if tokens := tokensOf(text); len(tokens) == 1 && known()[tokens[0]] {
			found = append(found, tokens[0])
		}
	}
	for i, g := range w.Glyphs {
		if g.Sure >= sure || !unicode.IsLetter(runes[i]) {
			continue
		}
		before, after := string(runes[:i]), string(runes[i+1:])
		if g.Sure < doubtful || g.Other == page.NoGlyph {
			try(before + after)
		}
		if g.Other > 0 {
			try(before + string(g.Other) + after)
		}
	}
	if len(slices.Compact(found)) != 1 {
		return ""
	}
	return found[0]
}

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
	var out []string
	for i, t := range plain {
		if rest, ok := strings.CutPrefix(t, "L"); ok && i > 0 && plain[i-1] == "B" && rest != "" {
			out, t = append(out, "L"), rest // B/LNO.
		}
		out = append(out, mended(t)...)
	}
	return out
}

// letters are those for which readers take them.
var letters = strings.NewReplacer("0", "O", "1", "I", "5", "S", "8", "B", "6", "G", "2", "Z")

// mended returns the known tokens that a token is likely to be, else the token itself.
func mended(token string) []string {
	text := letters.Replace(token)
	switch {
	case known()[token] || len(token) < 4 || !hasLetter(token):
	case known()[text]:
		return []string{text}
	default:
		if parts := parted(text); parts != nil {
			return parts
		}
	}
	return []string{token}
}

// joints are the known tokens of two letters that may be a part of a glued text.
var joints = map[string]bool{"OF": true, "NO": true, "TO": true, "IN": true, "PO": true, "BL": true}

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
