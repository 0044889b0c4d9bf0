// Package planted makes errors on pages: it changes, moves and removes words. The
// measures of wrong sheets (package silence) and of false proofs (package proof) plant
// them.
package planted

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"unicode/utf8"

	"tallyman/internal/page"
)

// Pick returns one of some things.
func Pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// Move moves a word. It does not change the edges that other copies of the word hold.
func Move(w *page.Word, dx, dy float32) {
	w.Base += dy
	w.Box = page.Box{X0: w.Box.X0 + dx, Y0: w.Box.Y0 + dy, X1: w.Box.X1 + dx, Y1: w.Box.Y1 + dy}
	w.Edges = slices.Clone(w.Edges)
	for i := range w.Edges {
		w.Edges[i] += dx
	}
}

// Without returns the words but for those of some indexes.
func Without(words []page.Word, indexes ...int) []page.Word {
	var left []page.Word
	for i, w := range words {
		if !slices.Contains(indexes, i) {
			left = append(left, w)
		}
	}
	return left
}

// OtherDigit changes a digit of a text. It returns "" if it finds none.
func OtherDigit(r *rand.Rand, text string) string {
	b := []byte(text)
	for range 20 {
		if i := r.IntN(len(b)); b[i] >= '0' && b[i] <= '9' {
			b[i] = '0' + (b[i]-'0'+byte(1+r.IntN(9)))%10
			return string(b)
		}
	}
	return ""
}

// Cut takes the first or the last characters of a word of more than one away.
func Cut(r *rand.Rand, w *page.Word) {
	first, last := w.Split(1 + r.IntN(utf8.RuneCountInString(w.Text)-1))
	*w = first
	if r.IntN(2) == 0 {
		*w = last
	}
}

// About describes a word of the page with index p for people.
func About(p int, w page.Word) string {
	return fmt.Sprintf("page %d, %q at %.0f, %.0f", p+1, w.Text, w.Box.X0, w.Base)
}
