package bol

import (
	"fmt"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/page"
)

// tablePage returns a page of the first layout whose table has the given number of
// unreadable rows.
func tablePage(number, rows int) page.Page {
	p := page.Page{Number: number, Width: 612, Height: 792}
	word := func(text string, x, y float32) {
		w := page.Word{Text: text, Base: y, Size: 6, Edges: []float32{x}}
		for range text {
			w.Edges = append(w.Edges, w.Edges[len(w.Edges)-1]+3.6)
		}
		w.Box = page.Box{X0: x, Y0: y - 5, X1: w.Edges[len(w.Edges)-1], Y1: y + 1}
		p.Words = append(p.Words, w)
	}
	for _, c := range Straight.Table.Columns {
		if c.Heading == "ORDER NUMBER" || c.Heading == "CUST. STYLE" || c.Heading == "" {
			continue // of more than one word, or none
		}
		word(c.Heading, c.X, Straight.Table.Y)
	}
	for i := range rows {
		word("x", 20, Straight.Table.Y+6+250*float32(i)/float32(rows))
	}
	for i := range p.Words[5:] {
		p.Words[5+i].Size = 0.1
	}
	return p
}

func TestThereIsAnEndToWhatADocumentMayHold(t *testing.T) {
	r := NewReader()
	r.most = 1000
	for n := 1; n <= 5; n++ {
		if err := r.Add(0, tablePage(n, 199)); err != nil {
			t.Fatalf("page %d, with %d problems so far: %v", n, r.kept, err)
		}
	}
	if r.kept != 1000 {
		t.Fatalf("%d problems were kept, not one for each of 199 rows and one for the number, five times", r.kept)
	}
	if err := r.Add(0, tablePage(6, 1)); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("got %v, want too_large", fmt.Sprint(err))
	}
}
