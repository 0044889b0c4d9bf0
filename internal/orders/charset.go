package orders

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// guessCharset finds the character set in which the bytes beyond ASCII make the
// likeliest words, judged by their neighbours. other is a set that fits nearly as well.
// unknown is true if no set fits.
func guessCharset(data string) (best, other *charset, unknown bool) {
	const most = 10_000 // bytes that are examined
	var scores [guessed]int
	n := 0
	at := func(c *charset, i int) rune {
		if i < 0 || i >= len(data) {
			return ' '
		}
		return c.DecodeByte(data[i])
	}
	for i := 0; i < len(data) && n < most; i++ {
		if data[i] < utf8.RuneSelf {
			continue
		}
		n++
		for s := range scores {
			c := &charsets[s]
			scores[s] += likely(at(c, i-1), at(c, i), at(c, i+1), at(c, i+2))
		}
	}
	// Most files with one byte per character come from Windows.
	scores[0] += 2 * n
	first := 0
	for s := range scores {
		if scores[s] > scores[first] {
			first = s
		}
	}
	best = &charsets[first]
	closest := -1
	for s := range scores {
		if s == first || scores[first]-scores[s] > 2*n || sameIn(data, best, &charsets[s]) {
			continue
		}
		if closest < 0 || scores[s] > scores[closest] {
			closest = s
		}
	}
	if closest >= 0 {
		other = &charsets[closest]
	}
	if first == 0 {
		scores[0] -= 2 * n // without the bonus
	}
	return best, other, scores[first] < 0
}

// sameIn reports whether a text reads the same in two character sets.
func sameIn(data string, a, b *charset) bool {
	for i := range len(data) {
		if data[i] >= utf8.RuneSelf && a.DecodeByte(data[i]) != b.DecodeByte(data[i]) {
			return false
		}
	}
	return true
}

// Letters that hardly occur in names, so that another reading of their byte is
// likelier; and marks by where they stand.
const (
	rareLetters  = "ÀÂÅÆÊËÌÎÏÐÒÔÕØÙÛÝÞŒŸàâåæêëìîïðòôõøùûýþÿœßŠšŽž"
	plainVowels  = "aeiouyAEIOUY"
	afterWords   = "®™©°²³º"
	dashes       = "–—"
	openQuotes   = "“‘«„¿¡"
	closeQuotes  = "”’»"
	otherSymbols = "½¼¾€£¢§•·\u00a0"
)

// likely rates a character beyond ASCII by its neighbours: from 4, certainly right, to
// -10, impossible.
func likely(before, r, after, next rune) int {
	left, right := unicode.IsLetter(before), unicode.IsLetter(after)
	switch {
	case r == utf8.RuneError || unicode.IsControl(r):
		return -10
	case r == '’' && left && (after|0x20 == 's' || after|0x20 == 't') && !unicode.IsLetter(next):
		return 4
	case r == '’' && left && right:
		return 1
	case strings.ContainsRune(openQuotes, r):
		return mark(!left && (right || unicode.IsDigit(after)), left && right)
	case strings.ContainsRune(closeQuotes, r):
		return mark(!unicode.IsSpace(before) && !right, left && right)
	case strings.ContainsRune(afterWords, r):
		return mark((left || unicode.IsDigit(before)) && !right, left && right)
	case strings.ContainsRune(dashes, r):
		return mark(!left && !right, false)
	case strings.ContainsRune(otherSymbols, r):
		return mark(!left || !right || r == '\u00a0', left && right)
	case !unicode.IsLetter(r) || !unicode.Is(unicode.Latin, r) || strings.ContainsRune("ƒªºⁿıﬁﬂ", r):
		return mark(false, left && right || unicode.Is(unicode.So, r))
	}

	points := 2
	if strings.ContainsRune(rareLetters, r) {
		points = 1
	}
	upper := unicode.IsUpper(r)
	switch {
	case !left && !right:
		points = 0
	case upper && left && unicode.IsLower(before):
		points = -3 // CafÉ
	case !upper && left && unicode.IsUpper(before) && !(right && unicode.IsLower(after)),
		!upper && !left && unicode.IsUpper(after):
		points = -1 // CAFé, which comes of capitals that were made of ASCII only
	}
	switch r {
	case 'Ã', 'Â', 'â', 'ã':
		// The first bytes of characters whose other bytes UTF-8 lost.
		if !strings.ContainsRune("OoEeIiMmNnTtGgLl", after) {
			points = min(points, -2)
		}
	}
	if base := rune(norm.NFD.String(string(r))[0]); base|0x20 == before|0x20 || base|0x20 == after|0x20 {
		points -= 2 // NOÓL
	}
	if strings.ContainsRune(plainVowels, before) && strings.ContainsRune(plainVowels, after) && r != 'ß' && r != 'ñ' && r != 'Ñ' && r != 'ç' && r != 'Ç' {
		points -= 2
	}
	return points
}

// mark rates a character that is not a letter.
func mark(fits, within bool) int {
	switch {
	case fits:
		return 2
	case within:
		return -4
	}
	return -1
}

// misread finds a text in UTF-8 that was read in another character set, such as
// "CAFÃ‰", and returns the original: "CAFÉ".
func misread(s string) (string, bool) {
	if !adjacent(s) {
		return "", false
	}
	for i := range charsets[:guessed] {
		b, ok := charsets[i].encode(s)
		if !ok || !utf8.ValidString(b) {
			continue
		}
		common := false
		for _, r := range b {
			if r < utf8.RuneSelf {
				continue
			}
			// Two characters that go together by chance make a rare one.
			if common = r <= 'ÿ' && r >= '\u00a0' || r >= '‐' && r <= '™' || strings.ContainsRune("ŒœŠšŸŽž", r); !common {
				break
			}
		}
		if common {
			return b, true
		}
	}
	return "", false
}

// adjacent reports whether two characters beyond ASCII are side by side, as a misread
// character of UTF-8 makes them.
func adjacent(s string) bool {
	before := false
	for _, r := range s {
		if r >= utf8.RuneSelf && before {
			return true
		}
		before = r >= utf8.RuneSelf
	}
	return false
}
