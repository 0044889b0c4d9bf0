package pdf

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"tallyman/internal/page"
)

func TestFramesTurnThePageUpright(t *testing.T) {
	box := rect{left: 10, bottom: 20, right: 110, top: 220} // 100 wide, 200 high
	for _, c := range []struct {
		name   string
		turns  int
		w, h   float32
		corner [2]float32 // the lower left corner of the box, on the page
		next   [2]float32 // the point next to it on the right in user space
	}{
		{"not turned", 0, 100, 200, [2]float32{0, 200}, [2]float32{1, 200}},
		{"text runs upward", 1, 200, 100, [2]float32{0, 0}, [2]float32{0, 1}},
		{"upside down", 2, 100, 200, [2]float32{100, 0}, [2]float32{99, 0}},
		{"text runs downward", 3, 200, 100, [2]float32{200, 100}, [2]float32{200, 99}},
	} {
		f := frame{box, c.turns}
		if w, h := f.size(); w != c.w || h != c.h {
			t.Errorf("%s: the page is %v by %v, want %v by %v", c.name, w, h, c.w, c.h)
		}
		if x, y := f.point(10, 20); x != c.corner[0] || y != c.corner[1] {
			t.Errorf("%s: the corner lies at %v, %v; want %v", c.name, x, y, c.corner)
		}
		if x, y := f.point(11, 20); x != c.next[0] || y != c.next[1] {
			t.Errorf("%s: the point beside lies at %v, %v; want %v", c.name, x, y, c.next)
		}
		b := f.rect(rect{left: 20, bottom: 30, right: 25, top: 50})
		if b.X0 >= b.X1 || b.Y0 >= b.Y1 {
			t.Errorf("%s: the box %v is inside out", c.name, b)
		}
	}
}

// set adds a text in characters of 5 points, as a text object of its own.
func set(b *builder, x, y float32, text string) {
	var objects []uint64
	if b.object != nil {
		for i := range b.chars {
			objects = append(objects, b.object(i))
		}
	}
	b.object = func(char int) uint64 {
		if char < len(objects) {
			return objects[char]
		}
		return uint64(1000 + len(objects))
	}
	for i, r := range []rune(text) {
		if !visible(r) {
			b.between = spaced
			continue
		}
		box := page.Box{X0: x + 5*float32(i), Y0: y, X1: x + 5*float32(i) + 5, Y1: y + 9}
		if b.continues(box, len(b.chars)) {
			b.add(r, box, len(b.chars))
			continue
		}
		b.end()
		b.begin(r, box, y+7, 9, len(b.chars))
	}
}

func TestCharactersBecomeWords(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*builder)
		want []string
	}{
		{"spaces part words", func(b *builder) { set(b, 0, 0, "TWO WORDS") }, []string{"TWO", "WORDS"}},
		{"no-break spaces part words", func(b *builder) { set(b, 0, 0, "TWO\u00a0WORDS") }, []string{"TWO", "WORDS"}},
		{"a gap parts words", func(b *builder) { set(b, 0, 0, "PANT"); set(b, 22.9, 0, "2.03") }, []string{"PANT", "2.03"}},
		{"what is printed over the end is another word", func(b *builder) { set(b, 0, 0, "PANTS"); set(b, 23, 0, "2.03") }, []string{"PANTS", "2.03"}},
		{"without a gap it is one word", func(b *builder) { set(b, 0, 0, "PANT"); set(b, 20, 0, "2.03") }, []string{"PANT2.03"}},
		{"a gap that kerning makes does not", func(b *builder) { set(b, 0, 0, "T204"); set(b, 21.5, 0, "17") }, []string{"T20417"}},
		{"nor an overlap", func(b *builder) { set(b, 0, 0, "T204"); set(b, 19.3, 0, "17") }, []string{"T20417"}},
		{"the next line is another word", func(b *builder) { set(b, 0, 0, "A"); set(b, 5, 12, "B") }, []string{"A", "B"}},
		{"a step to the left begins another word", func(b *builder) { set(b, 50, 0, "A"); set(b, 0, 0, "B") }, []string{"A", "B"}},
	} {
		var b builder
		c.set(&b)
		b.end()
		var got []string
		for _, w := range b.words {
			got = append(got, w.Text)
			if n := len([]rune(w.Text)); len(w.Edges) != n+1 || w.Edges[0] != w.Box.X0 || w.Edges[n] != w.Box.X1 {
				t.Errorf("%s: %q has edges %v in box %v", c.name, w.Text, w.Edges, w.Box)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWordsAreOrderedAsTheyAreRead(t *testing.T) {
	words := []page.Word{
		{Text: "d", Base: 20, Size: 9, Box: page.Box{X0: 5}},
		{Text: "b", Base: 10.5, Size: 9, Box: page.Box{X0: 50}},
		{Text: "c", Base: 10, Size: 9, Box: page.Box{X0: 90}},
		{Text: "a", Base: 11, Size: 9, Box: page.Box{X0: 10}},
	}
	page.Order(words)
	var got string
	for _, w := range words {
		got += w.Text
	}
	if got != "abcd" {
		t.Errorf("got %s", got)
	}
}

func TestAPageCrossesUnchanged(t *testing.T) {
	p := page.Page{
		Number: 7, Width: 612, Height: 792, MoreRules: true,
		Words: []page.Word{
			{Text: "A", Box: page.Box{X0: 1, Y0: 2, X1: 3, Y1: 4}, Base: 3.5, Size: 9, Edges: []float32{1, 3}},
			{Text: "ÄÖ", Box: page.Box{X0: 5, Y0: 2, X1: 9, Y1: 4}, Base: 3.5, Size: 9, Edges: []float32{5, 7, 9}, Joints: []int{1}},
		},
		Hidden: []page.Word{{Text: "B", Edges: []float32{0, 0}}},
	}
	got, err := ParsePage(AppendPage(nil, &p))
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v, %v", got, err)
	}
	damaged := page.Page{Number: 8, Damage: "torn", Words: []page.Word{}}
	if got, err := ParsePage(AppendPage(nil, &damaged)); err != nil || !reflect.DeepEqual(got, damaged) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// FuzzParsePage gives the parent what a hostile worker might send.
func FuzzParsePage(f *testing.F) {
	p := page.Page{Number: 1, Words: []page.Word{{Text: "AB", Edges: []float32{1, 2, float32(math.NaN())}, Joints: []int{1}}}}
	whole := AppendPage(nil, &p)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	for range 10 {
		b := append([]byte(nil), whole...)
		b[rand.IntN(len(b))] ^= 0xFF
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePage(b)
		if err != nil {
			return
		}
		for _, w := range p.Words {
			if w.Text == "" || len(w.Edges) != len([]rune(w.Text))+1 {
				t.Errorf("a word %q with %d edges", w.Text, len(w.Edges))
			}
		}
		if again, err := ParsePage(AppendPage(nil, &p)); err != nil || len(again.Words) != len(p.Words) {
			t.Errorf("what was parsed does not parse again: %v", err)
		}
	})
}
