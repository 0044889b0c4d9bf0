package bol

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/page"
	"tallyman/internal/testing/planted"
)

// bits returns the bytes of a fuzzer's input one by one, and zeros after its end.
type bits struct{ b []byte }

func (b *bits) left() bool { return len(b.b) > 0 }

func (b *bits) byte() byte {
	if len(b.b) == 0 {
		return 0
	}
	v := b.b[0]
	b.b = b.b[1:]
	return v
}

func (b *bits) n(n int) int { return (int(b.byte())<<8 | int(b.byte())) % n }

// float returns v with a small change, a place on the page, or any number.
func (b *bits) float(v float32) float32 {
	switch k := b.byte(); {
	case k < 96:
		return v
	case k < 192:
		return v + float32(int8(b.byte()))/8
	case k < 240:
		return float32(b.n(8000)) / 10
	default:
		var raw [4]byte
		for i := range raw {
			raw[i] = b.byte()
		}
		return math.Float32frombits(binary.LittleEndian.Uint32(raw[:]))
	}
}

// pieces are parts of the words of bills.
var pieces = []string{
	"2", "48", "1,204", "2.03", ".81", "22.0", "10,037.42", "16,123.4", "D95487LA", "629493", "0-9M", "PANT", "PANT2.03",
	"2.0322.0", "12", "W", "-", "(2.03)", "4O", "$", "G24024", "Page", "of", "３", "é", "\xff", "\u202e",
}

func (b *bits) text() string {
	switch k := b.byte(); {
	case k < 200:
		return pieces[int(k)%len(pieces)]
	case k < 230:
		return pieces[b.n(len(pieces))] + pieces[b.n(len(pieces))]
	default:
		n := min(int(b.byte()), len(b.b))
		s := string(b.b[:n])
		b.b = b.b[n:]
		return s
	}
}

// change changes a word.
func (b *bits) change(w *page.Word) {
	switch b.byte() % 8 {
	case 0, 1:
		dx, dy := b.float(0), b.float(0)
		planted.Move(w, dx, dy)
	case 2, 3:
		w.Text = b.text()
		advance := w.Size * 0.55
		w.Edges, w.Joints = []float32{w.Box.X0}, nil
		for range w.Text {
			w.Edges = append(w.Edges, w.Edges[len(w.Edges)-1]+advance)
		}
		w.Box.X1 = w.Edges[len(w.Edges)-1]
	case 4:
		w.Size = b.float(w.Size)
	case 5:
		w.Joints = append(w.Joints, b.n(20)-2)
	case 6:
		w.Edges = w.Edges[:b.n(len(w.Edges)+1)]
	case 7:
		w.Box = page.Box{X0: b.float(w.Box.X0), Y0: b.float(w.Box.Y0), X1: b.float(w.Box.X1), Y1: b.float(w.Box.Y1)}
		w.Base = b.float(w.Base)
	}
}

// clone returns a deep copy of pages.
func clone(p page.Page) page.Page {
	words := make([]page.Word, len(p.Words))
	for i, w := range p.Words {
		w.Edges = append([]float32(nil), w.Edges...)
		w.Joints = append([]int(nil), w.Joints...)
		words[i] = w
	}
	p.Words = words
	return p
}

// check reads pages and ends the test if the result is impossible.
func check(t *testing.T, pages []page.Page) {
	for i := range pages {
		pages[i].Number = i + 1
		nothingIsLost(t, &pages[i])
	}
	r := readerOf(t, pages...)
	d, err := r.Document([]File{{"a.pdf", len(pages)}})
	if err != nil {
		if code := fault.CodeOf(err); code != fault.NoBills && code != fault.NoText && code != fault.DamagedPDF {
			t.Fatal(err)
		}
		return
	}
	problems := 0
	for _, b := range d.Bills {
		if len(b.Verdict.Checks) != len(Fields) || (b.Verdict.Outcome == Unchecked) != (b.Verdict.Reason != "") {
			t.Fatalf("verdict %+v", b.Verdict)
		}
		for i := range b.Lines {
			if why := unreadable(&b.Lines[i]); why != "" {
				t.Fatalf("a line was made although %s", why)
			}
			for _, f := range Fields {
				if n := cellOf(&b.Lines[i], f); n.Valid != (n.Text != "") {
					t.Fatalf("%s of a line is %+v", f, n)
				}
			}
		}
		for v := range b.values() {
			p := page.Page{}
			if v.Page > 0 {
				p = pages[v.Page-1]
			}
			x := v.Box
			if !(x.X0 >= 0 && x.Y0 >= 0 && x.X1 <= p.Width && x.Y1 <= p.Height) || (v.Text == "") != (*v == Value{}) {
				t.Fatalf("a value is %+v on a page of %v by %v", *v, p.Width, p.Height)
			}
		}
		problems += len(b.Sheets)
	}
	for _, p := range d.Problems {
		if p.Message == "" || p.Kind == "" || p.Page < 1 || p.Page > len(pages) {
			t.Fatalf("problem %+v", p)
		}
	}
	again, err := r.Document([]File{{"a.pdf", len(pages)}})
	if err != nil || !reflect.DeepEqual(d, again) {
		t.Fatal("the same pages read differently a second time")
	}
}

// nothingIsLost ends the test unless each word in the table of a page is part of the
// form, of a line, or of a problem.
func nothingIsLost(t *testing.T, p *page.Page) {
	words := joined(usable(p.Words, &room{}))
	v := newVocabulary(Layouts)
	r := &reading{Page: p.Number}
	s := scan{reading: r, sheet: p, words: words, vocabulary: v, found: v.find(words), layout: &Straight}
	forms := framesOf(&Straight.Table, s.places)
	if p.Damage != "" || len(forms) != 1 {
		return
	}
	s.located = forms[0]
	s.claim()
	form := map[*word]bool{}
	for _, w := range words {
		form[w] = w.taken
	}
	s.read()

	said := map[rune]int{}
	count := func(text string) {
		for _, c := range page.Seen(text) {
			said[c]++
		}
	}
	for v := range s.Bill.values() {
		count(v.Text)
	}
	for _, p := range s.Problems {
		count(p.Text)
	}
	top, bottom := s.region()
	var there []string
	for _, w := range words {
		if !form[w] && w.Base > top && w.Base <= bottom && w.Box.X0 >= s.x+s.k*12 && w.Box.X0 < s.x+s.k*579 {
			there = append(there, w.Text)
			for _, c := range page.Seen(w.Text) {
				said[c]--
			}
		}
	}
	for c, n := range said {
		if n < 0 {
			t.Fatalf("%q is lost %d times of the table's words %q\nproblems %s", c, -n, there, kindsOf(s.Problems))
		}
	}
}

// FuzzRead reads pages of any words: of the form, of bills, or of nothing.
func FuzzRead(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte{200, 0, 0, 0, 0, 100, 0, 0, 20, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Add([]byte(strings.Repeat("\x00\x10\x80\x20\xd0\x01\x02\xf0", 60)))
	form := newTypist().form("G24024").done()
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &bits{data}
		var pages []page.Page
		for b.left() && len(pages) < 4 {
			// A page has a size; its words can be anywhere.
			p := page.Page{Width: float32(1 + b.n(1000)), Height: 792}
			if b.byte() < 224 {
				p.Words = clone(form).Words
			}
			for n := b.n(400); b.left() && n > 0; n-- {
				x, y := b.float(float32(b.n(640)-10)), b.float(float32(330+b.n(300)))
				w := page.Word{Text: b.text(), Base: y, Size: 9}
				w.Box = page.Box{X0: x, Y0: y - 7, Y1: y + 2}
				w.Edges = []float32{x}
				for range w.Text {
					x += 5
					w.Edges = append(w.Edges, x)
				}
				w.Box.X1 = x
				if b.byte() > 200 {
					b.change(&w)
				}
				p.Words = append(p.Words, w)
			}
			if b.byte() < 240 {
				page.Order(p.Words)
			}
			pages = append(pages, p)
		}
		check(t, pages)
	})
}

// FuzzMutate reads good pages in which some words were changed, moved, doubled or
// removed.
func FuzzMutate(f *testing.F) {
	var good []page.Page
	for i := range 3 {
		p := fullPage()
		p.advance = []float32{0.549, 0.6, 0.5}[i]
		for row := 1; row < 6*i; row++ {
			p.row(row, with(func(c *cells) { c.style = fmt.Sprintf("S%d", row) }))
		}
		good = append(good, p.done())
	}
	f.Add([]byte(""))
	f.Add([]byte("\x01move these words a little, and some a lot\xff\xfe\xfd"))
	f.Add([]byte(strings.Repeat("\x02\x00\x40\x03\x10", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &bits{data}
		pages := make([]page.Page, 0, 3)
		for _, p := range good[:1+int(b.byte())%3] {
			pages = append(pages, clone(p))
		}
		for b.left() {
			p := &pages[int(b.byte())%len(pages)]
			if len(p.Words) == 0 {
				continue
			}
			i := b.n(len(p.Words))
			switch b.byte() % 5 {
			case 0:
				p.Words = append(p.Words[:i], p.Words[i+1:]...)
			case 1:
				w := clone(page.Page{Words: p.Words[i : i+1]}).Words[0]
				b.change(&w)
				p.Words = append(p.Words, w)
			default:
				b.change(&p.Words[i])
			}
		}
		for i := range pages {
			if b.byte()%4 == 0 {
				page.Order(pages[i].Words)
			}
		}
		check(t, pages)
	})
}
