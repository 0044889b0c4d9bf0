package form

import (
	"slices"
	"strings"
)

// labelled is a total that a label names outside of the rows of a table, as "Total
// Cartons: 2057", "14 TOTAL CARTONS" or a sentence of such labels.
type labelled struct {
	fields []Field // what it may count
	values []Cell  // what may be the total, the likeliest first
}

// maxLabelled bounds the labels of one page.
const maxLabelled = 40

// labelsOf finds the labelled totals of a page. Words of rows of tables are left out.
func (s *leaf) labelsOf(inRows map[*word]bool) []labelled {
	var out []labelled
	for li, l := range s.lines {
		if len(out) == maxLabelled {
			break
		}
		ph := phrases(l.words, 0.9)
		for i, words := range ph {
			if inRows[words[0]] || len(words) > 24 {
				continue
			}
			for _, part := range sentence(words) {
				is, _ := totalLabel(part)
				if !is {
					continue
				}
				t := labelled{fields: fieldsOf(part)}
				if len(t.fields) == 0 {
					continue
				}
				for _, w := range part {
					t.take(w, s.number)
				}
				if len(t.values) == 0 || len(part) > 0 && !hasDigit(part[len(part)-1].Text) {
					// To the right, to the left, and below.
					last, first := part[len(part)-1], part[0]
					if i+1 < len(ph) && last == words[len(words)-1] && ph[i+1][0].Box.X0-last.Box.X1 < 200 && !s.ruledAway(last, ph[i+1][0]) {
						t.take(ph[i+1][0], s.number)
					}
					if i > 0 && first == words[0] {
						if w := ph[i-1][len(ph[i-1])-1]; first.Box.X0-w.Box.X1 < 40 {
							t.take(w, s.number)
						}
					}
					if len(t.values) == 0 {
						for r := li + 1; r < len(s.lines) && s.lines[r].base-l.base < 2.2*max(l.size, s.lines[r].size, 5); r++ {
							for _, w := range s.lines[r].words {
								if w.Box.X1 > first.Box.X0 && w.Box.X0 < last.Box.X1 {
									t.take(w, s.number)
								}
							}
						}
					}
				}
				if len(t.values) > 0 {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// ruledAway reports whether more than one vertical line stands between two words: the
// value of a label may stand in the next cell, but not further away.
func (s *leaf) ruledAway(a, b *word) bool {
	y := (a.Box.Y0 + a.Box.Y1) / 2
	last, n := float32(-1e9), 0
	for _, r := range s.ver {
		if x := (r.X0 + r.X1) / 2; x > a.Box.X1-1 && x < b.Box.X0+1 && r.Y0 <= y && r.Y1 >= y && abs(x-last) > 3 {
			n, last = n+1, x
		}
	}
	return n > 1
}

// sentence cuts a text of several labels, as "Total cartons: 12, total weight: 30.5 lb".
func sentence(words []*word) [][]*word {
	var out [][]*word
	from := 0
	for i := 1; i <= len(words); i++ {
		if i == len(words) || strings.HasSuffix(words[i-1].Text, ",") || strings.HasSuffix(words[i-1].Text, ";") {
			out = append(out, words[from:i])
			from = i
		}
	}
	return out
}

// fieldsOf returns what the label of a total may count: what all its words may mean, or
// else what one of them may.
func fieldsOf(words []*word) []Field {
	var all, out []Field
	for _, w := range words {
		for _, t := range w.tokens() {
			fields := labelFields[t]
			if fields == nil {
				continue
			}
			if all == nil {
				out = fields
			} else {
				out = slices.DeleteFunc(slices.Clone(out), func(f Field) bool { return !slices.Contains(fields, f) })
			}
			for _, f := range fields {
				if !slices.Contains(all, f) {
					all = append(all, f)
				}
			}
		}
	}
	if len(out) == 0 {
		return all
	}
	return out
}

// settle gives a column whose heading leaves open what it counts the meaning that a label
// gives to its sum, as "Total handling units: 51" under QTY.
func (t *figures) settle(labels []labelled) {
	for c := range t.columns {
		was := t.columns[c].field
		if !t.columns[c].open || !was.IsFigure() {
			continue
		}
		sum, lines, _ := t.sum(was)
		fits := func(l labelled) bool {
			return slices.ContainsFunc(l.values, func(v Cell) bool { return equal(v, sum) })
		}
		if lines < 2 || slices.ContainsFunc(labels, func(l labelled) bool { return slices.Contains(l.fields, was) && fits(l) }) {
			continue
		}
		for _, l := range labels {
			if len(l.fields) != 1 || slices.Contains(t.fields(), l.fields[0]) || !fits(l) {
				continue
			}
			t.columns[c].field, t.columns[c].open = l.fields[0], false
			for i := range t.rows {
				for j := range t.rows[i].cells {
					if cell := &t.rows[i].cells[j]; cell.Field == was {
						cell.Field = l.fields[0]
					}
				}
			}
			break
		}
	}
}

// take adds the number that a word prints.
func (t *labelled) take(w *word, number int) {
	if c, ok := cellOf(w, number); ok && len(t.values) < 6 {
		t.values = append(t.values, c)
	}
}

func cellOf(w *word, pageNumber int) (Cell, bool) {
	text := strings.Trim(w.Text, ":=,;()")
	plain, _, ok := numberIn(text, w.comma)
	if !ok {
		return Cell{}, false
	}
	return Cell{Text: text, Page: pageNumber, Box: w.Box.Round(), Figure: plain}, true
}

// looseOf returns the figures of a page that stand in no row of a table.
func (s *leaf) looseOf(inRows map[*word]bool) []Cell {
	var out []Cell
	for _, w := range s.words {
		if !inRows[w] && !w.heading {
			if c, ok := cellOf(w, s.number); ok {
				out = append(out, c)
			}
		}
	}
	return out
}
