package page

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Seen returns a text as a person sees it, for comparing keys and labels: texts that
// look the same become the same. Case is kept.
//
//   - Invisible characters are dropped: zero-width and direction marks, joiners,
//     soft hyphens, variation selectors, fillers, control characters.
//   - Every run of white space, also of a no-break or an ideographic space, is one
//     space, and there is none at the ends.
//   - Hyphens, dashes and minus signs are '-', fraction and division slashes '/',
//     typographic quotes '\” and '"'.
//   - Full-width forms, ligatures and the codes of symbol fonts (U+F020 to U+F07E)
//     are the characters that they show.
//   - A letter with its accent is one character (NFC).
func Seen(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for i, r := range s {
		if unicode.IsSpace(r) {
			space = true
			continue
		}
		if Invisible(r) {
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		if n := int(r - 0xFB00); n >= 0 && n < len(ligatures) {
			b.WriteString(ligatures[n])
			continue
		}
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			b.WriteByte(s[i]) // invalid bytes stay, so that two different broken texts stay different
			continue
		}
		b.WriteRune(lookalike(r))
	}
	return norm.NFC.String(b.String())
}

// plain reports whether Seen would return the text as it is.
func plain(s string) bool {
	before := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return len(s) == 0 || before != ' '
}

// Invisible reports whether a character leaves no mark and takes no space: a control
// character, or one that Unicode says to ignore in display. A soft hyphen in a text is
// invisible; one that is drawn on a page is a hyphen.
func Invisible(r rune) bool {
	switch {
	case r >= ' ' && r < 0x7F:
		return false
	case unicode.IsSpace(r):
		return false
	case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, // joiner and Hangul fillers
		r == 0x17B4, r == 0x17B5, r == 0x2065, // Khmer vowels without a form
		r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE0FFF: // variation selectors, tags
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// lookalike returns the usual character in place of one that looks like it.
func lookalike(r rune) rune {
	switch {
	case r < 0x7F:
		return r
	case r >= 0x2010 && r <= 0x2015, // hyphens and dashes
		r == 0x2043, r == 0x2212, r == 0x02D7, // hyphen bullet, minus signs
		r == 0xFE58, r == 0xFE63, r == 0x2796:
		return '-'
	case r == 0x2044, r == 0x2215: // fraction and division slash
		return '/'
	case r >= 0x2018 && r <= 0x201B, r == 0x02BC, r == 0x2032:
		return '\''
	case r >= 0x201C && r <= 0x201F, r == 0x2033:
		return '"'
	case r >= 0xFF01 && r <= 0xFF5E:
		return r - 0xFF00 + ' '
	}
	return Symbol(r)
}

// Symbol returns the character that a code of a symbol font shows: such fonts have
// ASCII at U+F020 to U+F07E, in Unicode's private area. It returns other characters as
// they are.
func Symbol(r rune) rune {
	if r >= 0xF020 && r <= 0xF07E {
		return r - 0xF000
	}
	return r
}

// ligatures are Unicode's ligatures of Latin letters, from U+FB00.
var ligatures = [...]string{"ff", "fi", "fl", "ffi", "ffl", "st", "st"}

// Distance returns in how many letters two texts differ, one that is missing or too many
// included; more than most if it is more than that.
func Distance(a, b string, most int) int {
	if most == 0 {
		if a == b {
			return 0
		}
		return 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			d := before
			if a[i] != b[j] {
				d++
			}
			before = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
			least = min(least, row[j+1])
		}
		if least > most {
			return least
		}
	}
	return row[len(b)]
}
