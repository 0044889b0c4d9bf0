package bol

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/internal/page"
)

// few are texts that differ enough not to be taken for one text printed twice.
var few = []string{"2", "X", "2.03", "48", "Y9", "1,204", "-"}

// crowds are pages of very many words or characters. Each makes some part of the reader
// slow if its work grows too fast.
var crowds = []struct {
	name string
	put  func(p *typist, n int)
}{
	{"one heading over and over", func(p *typist, n int) {
		for i := range n {
			p.put(float32(i%600), float32(i/600), 6, "STYLE")
		}
	}},
	{"all headings over and over", func(p *typist, n int) {
		for i := range n / 9 {
			for _, c := range Straight.Table.Columns {
				p.put(c.X+float32(i%3), 7*float32(i/3), 6, c.Heading)
			}
		}
	}},
	{"headings on one line", func(p *typist, n int) {
		for i := range n / 9 {
			for _, c := range Straight.Table.Columns {
				p.put(c.X+float32(i)/100, 20, 6, c.Heading)
			}
		}
	}},
	{"labels of the foot", func(p *typist, n int) {
		for i := range n / 2 {
			p.put(58.2, 340+float32(i)/100, 6, "TOTAL CARTONS")
		}
	}},
	{"first words of labels", func(p *typist, n int) {
		for i := range n {
			p.put(float32(i%600), 700+float32(i/600)/100, 6, "TOTAL")
		}
	}},
	{"rows that go on", func(p *typist, n int) {
		p.row(0, plain)
		for i := range n {
			p.put9(399.6, firstRow+1+240*float32(i)/float32(n), few[i%len(few)])
		}
	}},
	{"rows that go on and on, a table as high as they are", func(p *typist, n int) {
		p.row(0, plain)
		for i := range n {
			p.put9(399.6, firstRow+10*float32(i+1), few[i%len(few)])
		}
		p.page.Height = firstRow + 10*float32(n+1) + 200
		for i := range p.page.Words {
			if w := &p.page.Words[i]; w.Size == 6 && w.Base > 600 {
				w.Base += 10 * float32(n)
			}
		}
	}},
	{"words in one row", func(p *typist, n int) {
		for i := range n {
			p.put9(20+550*float32(i)/float32(n), firstRow, few[i%len(few)])
		}
	}},
	{"words where the customer's code is", func(p *typist, n int) {
		for i := range n {
			p.put9(222+50*float32(i)/float32(n), 205, few[i%len(few)])
		}
	}},
	{"numbers in the foot", func(p *typist, n int) {
		for i := range n {
			p.put9(20+30*float32(i)/float32(n), 613.6, few[i%len(few)])
		}
	}},
	{"one long word of digits", func(p *typist, n int) {
		p.put9(400, firstRow, strings.Repeat("2", n))
	}},
	{"one long word of many objects", func(p *typist, n int) {
		p.advance = 150 / (9 * float32(2*n))
		p.put9(400, firstRow, strings.Split(strings.Repeat("22", n), "22")...)
		p.put9(400, firstRow+12, strings.SplitAfter(strings.Repeat("22", n), "22")...)
	}},
	{"the same word again and again", func(p *typist, n int) {
		for i := range n {
			p.put9(20, firstRow, few[i%2])
		}
	}},
	{"numbers of bills", func(p *typist, n int) {
		for i := range n {
			p.put9(520, 50+10*float32(i)/float32(n), "G"+few[i%len(few)])
		}
	}},
}

func crowd(put func(*typist, int), n int) page.Page {
	p := newTypist().form("G24024")
	put(p, n)
	return p.done()
}

// A page with any number of words is read, and nothing is lost. BenchmarkCrowds shows the
// time.
func TestCrowdedPages(t *testing.T) {
	for _, c := range crowds {
		t.Run(c.name, func(t *testing.T) {
			p := crowd(c.put, 2000)
			check(t, []page.Page{p})
		})
	}
}

// The time per word must not grow with the number of words.
func BenchmarkCrowds(b *testing.B) {
	v := newVocabulary(Layouts)
	for _, c := range crowds {
		for _, n := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(c.name, " ", "_"), n), func(b *testing.B) {
				p := crowd(c.put, n)
				for b.Loop() {
					readPage(0, &p, Layouts, v)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/word")
			})
		}
	}
}
