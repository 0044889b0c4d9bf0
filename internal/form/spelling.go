package form

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"tallyman/internal/page"
)

// vocabulary has all parts of headings, labels, titles and what else the package looks for.
var vocabulary = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		for _, next := range n.next {
			out[next.token] = true
			walk(next)
		}
	}
	walk(lexicon())
	for _, list := range labels {
		for _, l := range list {
			for _, t := range l.tokens {
				out[t] = true
			}
		}
	}
	for _, texts := range [][]string{titles, stops} {
		for _, text := range texts {
			for t := range strings.FieldsSeq(text) {
				out[t] = true
			}
		}
	}
	for t := range partyLabels {
		for part := range strings.FieldsSeq(t) {
			out[part] = true
		}
	}
	for _, set := range []map[string]bool{titleKinds, totalWords, subWords, labelNoise, margins} {
		maps.Copy(out, set)
	}
	for t := range labelFields {
		out[t] = true
	}
	return out
})

// respelled returns the words of a line of a picture as the form prints them. Gaps are misread
// more often than letters: a label and its value are read as one word, and words in parts.
// Nothing is changed that has digits, apart from labels before them.
func respelled(words []*word) []*word {
	var parted []*word
	for _, w := range words {
		parted = append(parted, w.parted()...)
	}
	out := parted[:0:0]
	for i := 0; i < len(parted); {
		n := 1
		for _, most := range []int{3, 2} {
			if i+most <= len(parted) && n == 1 && torn(parted[i:i+most]) {
				n = most
			}
		}
		w := parted[i]
		if n > 1 {
			w = mended(parted[i : i+n])
		}
		if w.keys = spelt(w.Text); w.keys == nil {
			w.keys = w.likely()
		}
		out = append(out, w)
		i += n
	}
	return out
}

// parted cuts a word after the colon of a label.
func (w *word) parted() []*word {
	at := strings.IndexByte(w.Text, ':')
	if at <= 0 || at+1 == len(w.Text) || len(w.Edges) != len([]rune(w.Text))+1 {
		return []*word{w}
	}
	label := tokensOf(w.Text[:at])
	if n := len(label); n == 0 || !vocabulary()[label[n-1]] && spelt(label[n-1]) == nil || hasDigit(w.Text[:at]) {
		return []*word{w}
	}
	first, rest := *w, *w
	first.Word, rest.Word = w.Split(len([]rune(w.Text[:at])) + 1)
	return append([]*word{&first}, rest.parted()...)
}

// bareLetters returns those of a word without the signs around them; "" if it has others.
func bareLetters(text string) string {
	text = strings.TrimFunc(page.Seen(text), unicode.IsPunct)
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		return ""
	}
	return strings.ToUpper(text)
}

// torn reports whether words are parts of one, by a gap that is narrow.
func torn(words []*word) bool {
	known := vocabulary()
	all, each := "", true
	for i, w := range words {
		text := bareLetters(w.Text)
		if text == "" || i > 0 && w.Box.X0-words[i-1].Box.X1 > 0.5*min(w.Size, words[i-1].Size) {
			return false
		}
		all += text
		each = each && known[text]
	}
	return len(all) >= 4 && known[all] && !each
}

// mended joins the parts of a word.
func mended(words []*word) *word {
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

// spelt returns the parts of a word that is several words of labels without gaps between them,
// or one and a number; nil if it is not.
func spelt(text string) []string {
	const shortest, longest = 6, 40
	tokens := tokensOf(text)
	if len(tokens) != 1 || vocabulary()[tokens[0]] || len(tokens[0]) > longest {
		return nil
	}
	key := tokens[0]
	letters := strings.TrimRight(key, "0123456789")
	if digits := key[len(letters):]; digits != "" {
		if len(letters) >= 4 && vocabulary()[letters] {
			return []string{letters, digits}
		}
		return nil
	}
	// P.O.NO. is short, and its points show where its words end.
	if len(key) < shortest && !strings.Contains(strings.Trim(text, "."), ".") {
		return nil
	}
	// The fewest parts of the beginning of each length.
	best := make([][]string, len(key)+1)
	best[0] = []string{}
	for end := 2; end <= len(key); end++ {
		for from := 0; from <= end-2; from++ {
			if best[from] != nil && (best[end] == nil || len(best[from])+1 < len(best[end])) && vocabulary()[key[from:end]] {
				best[end] = append(best[from][:len(best[from]):len(best[from])], key[from:end])
			}
		}
	}
	return best[len(key)]
}

// likely returns a word of a label that the reader was not sure of, if one other character, or
// one less, makes it one of the vocabulary, and no other does; nil else.
func (w *word) likely() []string {
	const unsure, doubtful = 0.9, 0.7
	runes := []rune(w.Text)
	if len(w.Glyphs) != len(runes) || hasDigit(w.Text) {
		return nil
	}
	if tokens := tokensOf(w.Text); len(tokens) != 1 || vocabulary()[tokens[0]] {
		return nil
	}
	var found []string
	try := func(text string) {
		if tokens := tokensOf(text); len(tokens) == 1 && vocabulary()[tokens[0]] && !slices.Equal(tokens, found) {
			found = append(found, tokens[0])
		}
	}
	for i, g := range w.Glyphs {
		if g.Sure >= unsure || !unicode.IsLetter(runes[i]) {
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
	if len(found) != 1 {
		return nil
	}
	return found
}

// tokens are the parts of the word as headings are compared.
func (w *word) tokens() []string {
	if w.keys != nil {
		return w.keys
	}
	return tokensOf(w.Text)
}
