package bol

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// typist sets words on a page, without a PDF.
type typist struct {
	page page.Page
	// advance is the width of a character in sizes of the type. The form's own
	// type has 0.549, Courier 0.6.
	advance float32
	// off is the distance of labels from their places.
	off    float32
	labels int // how many are there
}

func newTypist() *typist {
	return &typist{page: page.Page{Number: 1, Width: 612, Height: 792}, advance: 0.549}
}

// put prints texts, in the given size, one after the other. Each is a separate text
// object; texts that meet without a space make one word.
func (t *typist) put(x, base, size float32, texts ...string) {
	type char struct {
		r     rune
		x     float32
		joint bool
	}
	var word []char
	end := func(right float32) {
		if len(word) == 0 {
			return
		}
		w := page.Word{Base: base, Size: size, Box: page.Box{X0: word[0].x, Y0: base - size*0.75, X1: right, Y1: base + size*0.25}}
		for i, c := range word {
			w.Text += string(c.r)
			w.Edges = append(w.Edges, c.x)
			if c.joint && i > 0 {
				w.Joints = append(w.Joints, i)
			}
		}
		w.Edges = append(w.Edges, right)
		t.page.Words = append(t.page.Words, w)
		word = nil
	}
	for _, text := range texts {
		for i, r := range text {
			if r == ' ' {
				end(x)
			} else {
				word = append(word, char{r, x, i == 0})
			}
			x += t.advance * size
		}
	}
	end(x)
}

// put9 prints a value.
func (t *typist) put9(x, base float32, texts ...string) { t.put(x, base, 9, texts...) }

// label prints the form's own words.
func (t *typist) label(l Label) {
	advance := t.advance
	t.advance = 0.5
	t.labels++
	t.put(l.X+t.off*float32(t.labels%3-1), l.Y+t.off*float32(t.labels*2%3-1), 6, l.Text)
	t.advance = advance
}

// cells are the cells of a row, from left to right.
type cells struct {
	cartons, style, pieces, order, cust, desc, vol, wgt string
}

const (
	firstRow = 355.6
	pitch    = 11.756
)

// row prints the cells of the nth row, from 0, as the order system does: cartons,
// pieces and weight right-aligned to seven characters.
func (t *typist) row(n int, c cells) *typist {
	y := float32(firstRow + pitch*float64(n))
	t.put9(14.4, y, fmt.Sprintf("%7s", c.cartons))
	t.put9(55.2, y, c.style)
	t.put9(165, y, fmt.Sprintf("%7s", c.pieces))
	t.put9(204.6, y, c.order)
	t.put9(316.2, y, c.cust)
	t.put9(399.6, y, c.desc)
	t.put9(511.2, y, c.vol)
	t.put9(542.4, y, fmt.Sprintf("%7s", c.wgt))
	return t
}

// form prints the constant text of every page, the bill's number and "Page 1 of 1".
func (t *typist) form(number string) *typist {
	labels := Straight.phrases()
	for i, l := range labels {
		if !slices.Contains(labels[:i], l) {
			t.label(l)
		}
	}
	t.put(227.4, 101.7, 20, "BILL OF LADING")
	t.label(Label{"UNIFORM STRAIGHT BILL OF LADING             ORIGINAL NON-NEGOTIABLE", 25.2, 226})
	t.label(Label{"RECEIVED, subject to the classification and tariffs in effect on the date of the issue of", 25.2, 235})
	t.label(Label{"this Bill of Lading", 25.2, 244})
	t.put(325.8, 766.6, 9, "Received _____________     Date _____________")
	t.put(313.2, 738.8, 28, "*"+number+"*")
	t.put9(523.2, 56.2, number)
	t.put9(497.4, 95.8, "Page 1 of 1")
	return t
}

// foot prints the totals.
func (t *typist) foot(cartons, pieces, weight, cube string) *typist {
	t.put9(14.4, 613.6, fmt.Sprintf("%7s", cartons))
	t.put9(165, 613.6, fmt.Sprintf("%7s", pieces))
	t.put9(531.6, 613.6, fmt.Sprintf("%9s", weight))
	t.put9(509.4, 631.6, cube)
	return t
}

// erase removes the words of a text that begins at a place of the form.
func (t *typist) erase(l Label) {
	t.page.Words = slices.DeleteFunc(t.page.Words, func(w page.Word) bool {
		return w.Base == l.Y && w.Box.X0 >= l.X && w.Box.X0 < l.X+5*float32(len(l.Text)) && strings.Contains(l.Text, w.Text)
	})
}

// move shifts and scales the whole page.
func (t *typist) move(k, dx, dy float32) {
	p := &t.page
	p.Width, p.Height = p.Width*k+dx, p.Height*k+dy
	for i := range p.Words {
		w := &p.Words[i]
		w.Box = page.Box{X0: w.Box.X0*k + dx, Y0: w.Box.Y0*k + dy, X1: w.Box.X1*k + dx, Y1: w.Box.Y1*k + dy}
		w.Base, w.Size = w.Base*k+dy, w.Size*k
		w.Edges = slices.Clone(w.Edges)
		for j := range w.Edges {
			w.Edges[j] = w.Edges[j]*k + dx
		}
	}
}

// done returns the page, with its words in the reading order of a PDF.
func (t *typist) done() page.Page {
	p := t.page
	p.Words = slices.Clone(p.Words)
	page.Order(p.Words)
	return p
}

// documentOf reads pages of one document, numbered from 1.
func documentOf(tb testing.TB, pages ...page.Page) *Document {
	tb.Helper()
	d, err := readerOf(tb, pages...).Document([]File{{Name: "bol.pdf", Pages: len(pages)}})
	must.OK(tb, err)
	return d
}

// readerOf is a reader that has read pages of one document.
func readerOf(tb testing.TB, pages ...page.Page) *Reader {
	tb.Helper()
	r := NewReader()
	addTo(tb, r, 0, pages)
	return r
}

// addTo numbers the pages of a file from 1, and adds them.
func addTo(tb testing.TB, r *Reader, file int, pages []page.Page) {
	tb.Helper()
	for i := range pages {
		pages[i].Number = i + 1
		must.OK(tb, r.Add(file, pages[i]))
	}
}

// oneBill reads a page that is one bill.
func oneBill(tb testing.TB, t *typist) (*Bill, []Problem) {
	tb.Helper()
	d := documentOf(tb, t.done())
	if len(d.Bills) != 1 {
		tb.Fatalf("%d bills, want one", len(d.Bills))
	}
	return d.Bills[0], d.Problems
}

// cellsOf returns the texts of a line.
func cellsOf(l *Line) cells {
	return cells{l.Cartons.Text, l.Style.Text, l.Pieces.Text, l.OrderNumber.Text,
		l.CustStyle.Text, l.Description.Text, l.Volume.Text, l.Weight.Text}
}

// textsOf joins the texts of values.
func textsOf(vs []Value) string {
	var out []string
	for _, v := range vs {
		out = append(out, v.Text)
	}
	return strings.Join(out, " | ")
}

// kindsOf names problems, each with its text.
func kindsOf(problems []Problem) string {
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%s: %s", p.Kind, p.Text))
	}
	return strings.Join(out, " | ")
}
