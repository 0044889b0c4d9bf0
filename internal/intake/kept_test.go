package intake

import (
	"strings"
	"testing"
	"time"

	"tallyman/internal/page"
)

// What is kept belongs to one owner, one file and one page, and nobody who has it can change
// what others get.
func TestPagesAreKeptForTheirOwnerAlone(t *testing.T) {
	k := NewKept()
	at := keptPage{owner: "a", file: [32]byte{1}, number: 2}
	k.put(at, &page.Page{Number: 2, Words: []page.Word{{Text: "4711", Edges: make([]float32, 5)}}})
	got := k.get(at)
	if got == nil || got.Number != 2 || len(got.Words) != 1 || got.Words[0].Text != "4711" {
		t.Fatalf("got %+v", got)
	}
	got.Words[0].Text = "other"
	if again := k.get(at); again.Words[0].Text != "4711" {
		t.Errorf("a caller changed it to %q", again.Words[0].Text)
	}
	for name, other := range map[string]keptPage{
		"another owner": {"b", [32]byte{1}, 2}, "another file": {"a", [32]byte{2}, 2}, "another page": {"a", [32]byte{1}, 1},
	} {
		if k.get(other) != nil {
			t.Errorf("%s gets it", name)
		}
	}
}

// Pages that were not used for an hour go, and so do the oldest beyond the bounds: one owner
// pushes out its own only.
func TestKeptPagesAreBounded(t *testing.T) {
	k := NewKept()
	now := time.Now()
	k.now = func() time.Time { return now }
	large := &page.Page{Number: 1, Damage: strings.Repeat("x", 1<<20)}
	k.put(keptPage{owner: "small", number: 1}, large)
	for i := range 3 * keptEach >> 20 {
		now = now.Add(time.Second)
		k.put(keptPage{owner: "large", number: i}, large)
	}
	if n := k.owners["large"]; n > keptEach || n < keptEach-2<<20 {
		t.Errorf("one owner has %d bytes", n)
	}
	if k.get(keptPage{owner: "small", number: 1}) == nil {
		t.Error("one owner pushed out another's")
	}
	for _, owner := range []string{"b", "c", "d", "e", "f"} {
		for i := range keptEach >> 20 {
			k.put(keptPage{owner: owner, number: i}, large)
		}
	}
	if k.all > keptBytes || len(k.pages) != k.used.Len() {
		t.Errorf("there are %d bytes, %d pages of %d", k.all, len(k.pages), k.used.Len())
	}
	now = now.Add(keptTime + time.Second)
	if k.get(keptPage{owner: "f", number: 1}) != nil || k.all != 0 || len(k.owners) != 0 {
		t.Errorf("an hour later there are %d bytes of %v", k.all, k.owners)
	}
	k.put(keptPage{owner: "a"}, &page.Page{Damage: strings.Repeat("x", keptEach)})
	if k.all != 0 {
		t.Error("more than one owner may have is kept")
	}
}
