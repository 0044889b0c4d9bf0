package session

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/fault"
)

func TestValidAndInvalidIDs(t *testing.T) {
	for _, c := range []struct {
		id  string
		why string // part of the refusal, "" if it is an ID
	}{
		{"x", ""}, {"../x", ""}, {" ", ""}, {".", ""}, {"/", ""}, {`\`, ""}, {"\u202e", ""}, {"\u2028", ""}, {"\ufffd", ""}, {"\uffff", ""}, {"\u00a0", ""}, {"\U0010ffff", ""},
		{strings.Repeat("a", 255), ""}, {strings.Repeat("é", 127) + "a", ""},
		{"", "is empty"},
		{strings.Repeat("a", 256), "too long: 256 bytes"}, {strings.Repeat("é", 128), "too long: 256 bytes"}, {strings.Repeat("a", 10<<10), "too long: 10240 bytes"},
		{"\x00", "control character at byte 1"}, {"ab\x00", "control character at byte 3"}, {"a\nb", "control character at byte 2"}, {"\t", "control character"}, {"\x1b", "control character"},
		{"\x7f", "control character"}, {"é\u0080", "control character at byte 3"}, {"\u009f", "control character"}, {"\u0085", "control character"},
		{"\xff", "not valid UTF-8 at byte 1"}, {"a\xc3", "not valid UTF-8 at byte 2"}, {"\xc0\x80", "not valid UTF-8"}, {"\xed\xa0\x80", "not valid UTF-8"}, {"\xf4\x90\x80\x80", "not valid UTF-8"},
	} {
		err := Key{Owner: Local, ID: ID(c.id)}.Check()
		switch {
		case c.why == "" && err != nil:
			t.Errorf("%q is refused: %v", c.id, err)
		case c.why != "" && (fault.CodeOf(err) != BadID || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%.20q: %v, want that it %s", c.id, err, c.why)
		}
		err = Key{Owner: Owner(c.id), ID: "x"}.Check()
		if (err == nil) != (c.why == "") || err != nil && fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("the owner %.20q: %v", c.id, err)
		}
	}
}

// The rule of DESIGN.md §6, written independently.
func FuzzCheckRefusesJustWhatTheDesignSays(f *testing.F) {
	for _, s := range []string{"", "x", "../x", "a\x00", "\u0085", "\xed\xa0\x80", "\u202e", strings.Repeat("é", 128)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		legal := len(s) >= 1 && len(s) <= 255 && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
		err := Key{Owner: Local, ID: ID(s)}.Check()
		if (err == nil) != legal {
			t.Errorf("%q: legal is %v, but: %v", s, legal, err)
		}
		if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("the refusal repeats control characters: %q", err)
		}
	})
}

func TestMintedIDsAreFreshAndLegal(t *testing.T) {
	seen := map[ID]bool{}
	for range 10_000 {
		id := Mint()
		if err := (Key{Local, id}).Check(); err != nil || seen[id] {
			t.Fatalf("%q: seen before %v, %v", id, seen[id], err)
		}
		seen[id] = true
		rest, ok := strings.CutPrefix(string(id), Minted)
		if !ok || len(rest) != 26 || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Fatalf("%q is not %q and 26 characters of base 32", id, Minted)
		}
	}
	if a, b := NewIncarnation(), NewIncarnation(); a == b {
		t.Error("two incarnations are the same")
	}
}

func TestTheHashTellsSessionsApartAndNothingElse(t *testing.T) {
	keys := []Key{{"a", "bc"}, {"ab", "c"}, {"a", "bd"}, {"b", "bc"}, {"local", "s_secret"}}
	seen := map[string]bool{}
	for _, k := range keys {
		h := k.Hash()
		if seen[h] || h != k.Hash() || len(h) != 12 || strings.Contains(h, "secret") {
			t.Errorf("the hash of %q is %q", k, h)
		}
		seen[h] = true
	}
}

func TestFileNamesAreCleaned(t *testing.T) {
	for raw, want := range map[string]string{
		"bol.pdf": "bol.pdf", "": "", "../../etc/passwd": "passwd", `C:\Users\me\BOL 7.pdf`: "BOL 7.pdf", "a/": "", "..": "..",
		"a\x00b\r\nc": "abc", "\x1b[2Jx": "[2Jx", " x ": "x", "\xff.pdf": "\ufffd.pdf", "\u202efdp": "\u202efdp", "Lieferschein ä.pdf": "Lieferschein ä.pdf",
		strings.Repeat("a", 300): strings.Repeat("a", 255), strings.Repeat("é", 200): strings.Repeat("é", 127), "\u0085x": "x",
	} {
		if got := FileName(raw); got != want {
			t.Errorf("FileName(%.20q) = %q, want %q", raw, got, want)
		}
	}
}

func FuzzFileNamesAreFitToKeep(f *testing.F) {
	for _, s := range []string{"", "a/b", "\xff\xfe", "\x00", strings.Repeat("é", 200), " \u00a0 ", "\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := FileName(s)
		if len(n) > MaxName || !utf8.ValidString(n) || strings.ContainsFunc(n, unicode.IsControl) || strings.ContainsAny(n, `/\`) {
			t.Errorf("FileName(%q) = %q", s, n)
		}
		if again := FileName(n); again != n {
			t.Errorf("FileName(%q) = %q, and of that %q", s, n, again)
		}
	})
}
