package form

import (
	"slices"
	"strings"
)

// labelledRows reads a page whose rows name their figures one by one, as "Quantity: 42 ctn
// Weight: 630.5 lb": labels that repeat under each other.
func (s *leaf) labelledRows(inRows map[*word]bool) *figures {
	type found struct {
		field Field
		cell  Cell
		word  *word
		x, y  float32
	}
	var all []found
	for li, l := range s.lines {
		for j, t := range l.tokens {
			if !strings.HasSuffix(t.word.Text, ":") || j > 0 && l.tokens[j-1].word == t.word {
				continue
			}
			n := lexicon().after(t.key)
			if n == nil || n.entry == nil || !n.entry.field.IsFigure() && n.entry.field != quantity {
				continue
			}
			if c, w := s.figureAfter(li, t.word); w != nil {
				all = append(all, found{n.entry.field, c, w, t.word.Box.X0, l.base})
			}
		}
	}
	// The first label that stands at one place several times begins the rows.
	for i, f := range all {
		var starts []float32
		for _, o := range all {
			if o.field == f.field && near(o.x, f.x, 3) {
				starts = append(starts, o.y)
			}
		}
		if len(starts) < 2 || i > 50 {
			continue
		}
		t := &figures{role: Lines}
		for k, y := range starts {
			end := float32(1e9)
			if k+1 < len(starts) {
				end = starts[k+1]
			}
			row := figureRow{draft: &draft{page: s.number}}
			for _, o := range all {
				if o.y < y || o.y >= end || !near(o.x, f.x, 120) {
					continue
				}
				c := o.cell
				if c.Field = o.field; c.Field == quantity {
					c.Field = Packages
					if strings.HasSuffix(strings.ToUpper(c.Text), "PCS") || strings.HasSuffix(strings.ToUpper(c.Text), "EA") {
						c.Field = Pieces
					}
				}
				if !row.has(c.Field) {
					row.cells = append(row.cells, c)
					inRows[o.word] = true
				}
			}
			t.rows = append(t.rows, row)
		}
		return t
	}
	return nil
}

// figureAfter returns the figure beside a label or under it, with the word that follows it
// as its unit.
func (s *leaf) figureAfter(li int, w *word) (Cell, *word) {
	try := func(l *line, at int) (Cell, *word) {
		if at >= len(l.words) {
			return Cell{}, nil
		}
		c, ok := cellOf(l.words[at], s.number)
		if !ok {
			return Cell{}, nil
		}
		unit := ""
		if at+1 < len(l.words) && l.words[at+1].Box.X0-l.words[at].Box.X1 < w.Size {
			unit = l.words[at+1].Text
		} else {
			for _, next := range s.lines[slices.Index(s.lines, l)+1:] {
				if next.base-l.base > 1.6*w.Size || unit != "" {
					break
				}
				for _, o := range next.words {
					if near(o.Box.X0, l.words[at].Box.X0, 3) && !hasDigit(o.Text) && !strings.HasSuffix(o.Text, ":") {
						unit = o.Text
					}
				}
			}
		}
		if unit != "" && len(unit) < 8 {
			if plain, beside, ok := numberIn(c.Text+" "+unit, l.words[at].comma); ok && beside != "" {
				c.Text, c.Figure, c.Unit = c.Text+" "+unit, plain, units[strings.ToUpper(beside)]
			}
		}
		return c, l.words[at]
	}
	l := s.lines[li]
	at := slices.Index(l.words, w)
	if at+1 < len(l.words) && l.words[at+1].Box.X0-w.Box.X1 < 60 {
		return try(l, at+1)
	}
	for _, next := range s.lines[li+1:] {
		if next.base-l.base > 1.6*w.Size {
			break
		}
		for i, o := range next.words {
			if near(o.Box.X0, w.Box.X0, 6) {
				return try(next, i)
			}
		}
	}
	return Cell{}, nil
}
