package text

import (
	"strconv"
	"testing"
)

func TestCountsAndSizesAreWrittenForPeople(t *testing.T) {
	for got, want := range map[string]string{
		Count(0, "carton"): "0 cartons", Count(1, "carton"): "1 carton", Count(2, "carton"): "2 cartons",
		Verb(1, "file", "was", "were"): "1 file was", Verb(2, "file", "was", "were"): "2 files were",
		List([]string{"a", "b"}, 2, Itself): "a, b", List([]int{1, 2, 3, 4}, 2, strconv.Itoa): "1, 2 and 2 more", List[string](nil, 2, Itself): "",
		Shorten("dépôt", 5): "dépôt", Shorten("dépôts", 5): "dépôt…", Shorten("a\xff\xfeb", 2): "a\uFFFD…",
		Size(0): "0 bytes", Size(1): "1 byte", Size(1023): "1023 bytes", Size(1536): "1.5 kB",
		Size(3 << 20): "3.0 MB", Size(1 << 30): "1.0 GB", Size(5 << 40): "5.0 TB",
	} {
		if got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

func TestAQuotedTextStaysAsItIs(t *testing.T) {
	for in, want := range map[string]string{
		`A\B`: `"A\B"`, `24" BLINDS`: `"24" BLINDS"`, "two\nlines\x1b[31m": `"two lines [31m"`, "caf\xe9": "\"caf\uFFFD\"", "": `""`,
	} {
		if got := Quote(in); got != want {
			t.Errorf("%q is quoted as %s, not %s", in, got, want)
		}
	}
}

func TestFiguresGetCommasOnce(t *testing.T) {
	for give, want := range map[string]string{
		"": "", "999": "999", "1000": "1,000", "5604": "5,604", "2427.1": "2,427.1", "1234567": "1,234,567", "-1234": "-1,234",
		"5,604": "5,604", "1.234": "1.234", "0012": "0012", "12a45": "12a45", "1234.5.6": "1234.5.6", "1234 ": "1234 ",
	} {
		if got := Figure(give); got != want {
			t.Errorf("Figure(%q) is %q, want %q", give, got, want)
		}
	}
}
