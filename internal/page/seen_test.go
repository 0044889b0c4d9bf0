package page

import (
	"testing"
	"unicode"
)

func TestWhatLooksTheSameIsSeenAsTheSame(t *testing.T) {
	hyphens := []rune{0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE63, 0xFF0D}
	for _, h := range hyphens {
		if got := Seen("Q7LX" + string(h) + "XL"); got != "Q7LX-XL" {
			t.Errorf("%U is seen as %q", h, got)
		}
	}
	for _, tc := range []struct{ text, want string }{
		{"", ""},
		{"T20417", "T20417"},
		{"a  b", "a b"},
		{"  T20417\t", "T20417"},
		{"\u00a0T\u00a020417\u3000", "T 20417"},
		{"T20417\u200e", "T20417"},
		{"\ufeffT2\u200b04\u200d1\u00ad7\u202c", "T20417"},
		{"T2\x0004\x1f17", "T20417"},
		{"00748936\u20442", "00748936/2"},
		{"\uf054\uf032\uf030\uf034\uf031\uf037", "T20417"},
		{"o\ufb03ce \ufb02at", "office flat"},
		{"\uff34\uff12\uff10\uff0d\uff11", "T20-1"},
		{"KID\u2019S \u201cLAMB\u201d", "KID'S \"LAMB\""},
		{"CAFE\u0301", "CAF\u00c9"},
		{"\u200b \u200b", ""},
		{"a \u200b b", "a b"},
		{"T2\xff", "T2\xff"},
		{"T2\xef", "T2\xef"},
		{"\ufffd\u00bd\u00b2", "\ufffd\u00bd\u00b2"},
	} {
		if got := Seen(tc.text); got != tc.want {
			t.Errorf("%q is seen as %q, not %q", tc.text, got, tc.want)
		}
	}
}

func TestWhatIsSeenIsSeenSoAgain(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		once := Seen("A" + string(r) + "1")
		if twice := Seen(once); twice != once {
			t.Fatalf("%U is seen as %q, and that as %q", r, once, twice)
		}
		if r > ' ' && r < 0x7F && once != "A"+string(r)+"1" {
			t.Fatalf("%q is seen as %q", r, once)
		}
	}
}
