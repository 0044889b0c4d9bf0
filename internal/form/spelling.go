package form

import (
	"slices"
	"strings"
	"unicode"

	"tallyman/internal/page"
)

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
	const doubtful = 0.7
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
