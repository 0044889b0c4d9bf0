package bol

import (
	"fmt"
	"strings"

	"tallyman/internal/page"
)

// value makes a value of words in reading order.
func (s *scan) value(words []*word) Value {
	if len(words) == 0 {
		return Value{}
	}
	v := Value{File: s.File, Page: s.Page, Text: words[0].Text, Box: words[0].Box}
	if len(words) > 1 {
		n := 0
		for _, w := range words {
			n += len(w.Text) + 1
		}
		var text strings.Builder
		text.Grow(n)
		text.WriteString(v.Text)
		for i, w := range words[1:] {
			// Pieces of one word that were separated to find their columns are joined
			// without a space.
			if !goOn(words[i], w) {
				text.WriteByte(' ')
			}
			text.WriteString(w.Text)
			v.Box = v.Box.Union(w.Box)
		}
		v.Text = text.String()
	}
	v.Box = s.onPage(v.Box)
	return v
}

// onPage returns the part of a box that is on the page, in hundredths of a point.
func (s *scan) onPage(b page.Box) page.Box {
	b = s.plane.Back(b)
	w, h := s.sheet.Width, s.sheet.Height
	in := func(v, most float32) float32 { return max(0, min(v, most)) }
	return page.Box{X0: in(b.X0, w), Y0: in(b.Y0, h), X1: in(b.X1, w), Y1: in(b.Y1, h)}.Round()
}

// values makes a value of each row of words.
func (s *scan) values(words []*word) []Value {
	rows := rows(words)
	if len(rows) == 0 {
		return nil
	}
	out := make([]Value, len(rows)) // no longer than needed: it stays
	for i, row := range rows {
		out[i] = s.value(row)
	}
	return out
}

// number makes a number of words.
func (s *scan) number(words []*word) Number {
	n := Number{Value: s.value(words)}
	n.Text = page.Seen(n.Text)
	n.Valid = isNumber(n.Text)
	return n
}

// isNumber reports whether a text is a number as it is printed: with thousands commas
// in the right places or without, at most four decimals, perhaps nothing before the
// point. A whole number may be padded with zeros; before a point, a superfluous zero is
// the end of the figure beside it. The bounds keep sums of hostile figures small.
func isNumber(text string) bool {
	whole, decimals, point := strings.Cut(text, ".")
	if point && (len(decimals) < 1 || len(decimals) > 4 || !isDigits(decimals)) {
		return false
	}
	if point && len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if !strings.Contains(whole, ",") {
		return len(whole) <= 15 && isDigits(whole) && (point || whole != "")
	}
	for i := range len(whole) {
		comma := i > 0 && (len(whole)-i)%4 == 0
		if comma != (whole[i] == ',') || !comma && !isDigit(whole[i]) {
			return false
		}
	}
	return len(whole) <= 19
}

func isDigits(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// fits reports whether a text is a number with so many decimals.
func fits(text string, decimals int) bool {
	return isNumber(text) && decimalsOf(text) == decimals
}

// decimalsOf returns how many digits a number has after its point.
func decimalsOf(number string) int {
	if i := strings.IndexByte(number, '.'); i >= 0 {
		return len(number) - i - 1
	}
	return 0
}

func hasDigit(text string) bool { return strings.ContainsAny(text, "0123456789") }

func (s *scan) problem(kind ProblemKind, at Value, format string, args ...any) {
	s.Problems = append(s.Problems, Problem{
		Kind: kind, File: s.File, Page: s.Page, Box: at.Box, Text: at.Text,
		Message: fmt.Sprintf(format, args...),
	})
}
