package proof

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"tallyman/internal/page"
	"tallyman/internal/sample"
)

// row is a row of a table where it is printed.
type row struct {
	bill, table, page int
	base              float32
	figures           map[string]int // the index of the word, by field
	words             []int          // all words of the row, and of its further lines of text
}

// figure is a word that is a total.
type figure struct {
	page, word int
	field      string
}

// line is the words of a page on one baseline.
type line struct {
	base  float32
	words []int
}

// lines returns the lines of a page, from the top.
func lines(p *page.Page) (out []line) {
	order := make([]int, len(p.Words))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Words[a].Base, p.Words[b].Base) })
	for _, i := range order {
		w := &p.Words[i]
		if n := len(out); n > 0 && w.Base-out[n-1].base < w.Size/3 {
			out[n-1].words = append(out[n-1].words, i)
			continue
		}
		out = append(out, line{w.Base, []int{i}})
	}
	for _, l := range out {
		slices.SortFunc(l.words, func(a, b int) int { return cmp.Compare(p.Words[a].Box.X0, p.Words[b].Box.X0) })
	}
	return out
}

// where returns the words of a line that print a figure.
func (l *line) where(p *page.Page, text string) (out []int) {
	want, ok := number(text)
	if !ok {
		return nil
	}
	first, _, _ := strings.Cut(text, " ")
	for _, i := range l.words {
		if got, ok := number(p.Words[i].Text); ok && got == want && len(p.Words[i].Text) <= len(first)+1 {
			out = append(out, i)
		}
	}
	return out
}

// locate finds the rows and totals of the truth on the pages.
func (b *base) locate() {
	all := make([][]line, len(b.Pages))
	for p := range b.Pages {
		all[p] = lines(&b.Pages[p])
	}
	pages := 0
	for i := range b.Truth.Bills {
		pages += b.Truth.Bills[i].Pages
	}
	from := 0
	taken := map[[2]int]bool{} // page and line
	for i := range b.Truth.Bills {
		bill := &b.Truth.Bills[i]
		to := from + bill.Pages
		if pages != len(b.Pages) {
			from, to = 0, len(b.Pages)
		}
		for j := range bill.Tables {
			b.locateRows(all, taken, i, j, from, to)
		}
		for j := range bill.Tables {
			b.locateTotals(all, taken, &bill.Tables[j], from, to)
		}
		from = to
	}
}

func (b *base) locateRows(all [][]line, taken map[[2]int]bool, bill, table, from, to int) {
	t := &b.Truth.Bills[bill].Tables[table]
	for _, cells := range t.Rows {
		fs := fields(&sample.TruthTable{Rows: []map[string]string{cells}})
		if len(fs) == 0 {
			continue
		}
	search:
		for p := from; p < to; p++ {
			for n := range all[p] {
				l := &all[p][n]
				if taken[[2]int{p, n}] {
					continue
				}
				found := map[string]int{}
				for _, f := range fs {
					places := l.where(&b.Pages[p], cells[f])
					i := b.nearest(p, bill, table, f, places, found)
					if i < 0 {
						break
					}
					found[f] = i
				}
				if len(found) < len(fs) {
					continue
				}
				taken[[2]int{p, n}] = true
				r := row{bill: bill, table: table, page: p, base: l.base, figures: found, words: slices.Clone(l.words)}
				// Lines of text alone that follow closely belong to the row.
				for _, next := range all[p][n+1:] {
					if next.base-l.base > 18 || slices.ContainsFunc(next.words, func(i int) bool { _, ok := number(b.Pages[p].Words[i].Text); return ok && len(next.words) > 4 }) {
						break
					}
					r.words = append(r.words, next.words...)
				}
				b.rows = append(b.rows, r)
				break search
			}
		}
	}
}

// nearest returns the word of some that is nearest to the column of a field, and not
// another field's already; -1 if there is none.
func (b *base) nearest(p, bill, table int, field string, places []int, found map[string]int) int {
	x := float32(-1)
	for _, r := range b.rows {
		if r.bill == bill && r.table == table {
			if i, ok := r.figures[field]; ok {
				x = b.Pages[r.page].Words[i].Box.X1
			}
		}
	}
	best := -1
	for _, i := range places {
		if slices.Contains(slices.Collect(maps.Values(found)), i) {
			continue
		}
		off := func(i int) float64 { return math.Abs(float64(b.Pages[p].Words[i].Box.X1 - x)) }
		if best < 0 || x >= 0 && off(i) < off(best) {
			best = i
		}
	}
	return best
}

func (b *base) locateTotals(all [][]line, taken map[[2]int]bool, t *sample.TruthTable, from, to int) {
	for _, field := range slices.Sorted(maps.Keys(t.Totals)) {
		text := t.Totals[field]
		for p := from; p < to; p++ {
			for n := range all[p] {
				if taken[[2]int{p, n}] {
					continue
				}
				for _, i := range all[p][n].where(&b.Pages[p], text) {
					f := figure{p, i, field}
					if !slices.ContainsFunc(b.totals, func(o figure) bool { return o.page == p && o.word == i }) {
						b.totals = append(b.totals, f)
					}
				}
			}
		}
	}
	slices.SortFunc(b.totals, func(a, b figure) int { return cmp.Or(a.page-b.page, a.word-b.word) })
}
