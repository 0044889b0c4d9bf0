package form

import (
	"fmt"
	"slices"
	"strings"
)

// alike returns the parts of a bill's tables by their columns, in the order of the pages.
func alike(parts [][]*part) [][]*part {
	var out [][]*part
	at := map[string]int{}
	for _, ps := range parts {
		for _, p := range ps {
			var key strings.Builder
			for _, c := range p.grid.columns {
				key.WriteString(string(c.field) + "|")
			}
			i, ok := at[key.String()]
			if !ok {
				i = len(out)
				at[key.String()] = i
				out = append(out, nil)
			}
			out[i] = append(out[i], p)
		}
	}
	return out
}

// level gives the tables of a bill's pictures the same columns where a heading was read on one
// page only.
func level(parts [][]*part) {
	var all []*part
	for _, p := range slices.Concat(parts...) {
		if !p.leaf.picture {
			continue
		}
		for _, q := range all {
			if p.leaf != q.leaf && p.resembles(q) {
				for c := range p.grid.columns {
					p.shareHeading(q, c)
				}
			}
		}
		all = append(all, p)
	}
}

// shareHeading gives a column of two tables the heading that was read in one of them: if it is
// one of texts, or all cells are figures. If none is, a heading of figures was misread.
func (p *part) shareHeading(q *part, c int) {
	one, two := &p.grid.columns[c], &q.grid.columns[c]
	if one.field == two.field {
		return
	}
	named := one
	if one.field == Other {
		named = two
	}
	figures, texts := 0, 0
	for _, d := range slices.Concat(p.rows, q.rows) {
		if _, ok := d.figure(c); ok {
			figures++
		} else if len(d.cells[c]) > 0 {
			texts++
		}
	}
	switch {
	case named.field.IsFigure() && figures > 0 && texts > 0:
	case named.field.IsFigure() && figures == 0:
		named.field = Other
	default:
		one.field, one.unit = named.field, named.unit
		two.field, two.unit = named.field, named.unit
	}
}

// resembles reports whether two tables have as many columns, in the same places, and the same
// headings, but for few that were not read in one of them.
func (p *part) resembles(q *part) bool {
	if len(p.grid.columns) != len(q.grid.columns) {
		return false
	}
	same, other := 0, 0
	for c, one := range p.grid.columns {
		two := q.grid.columns[c]
		middle := (max(0, one.x0)/p.leaf.width + min(1, one.x1/p.leaf.width)) / 2
		switch {
		case middle*q.leaf.width < two.x0 || middle*q.leaf.width > two.x1:
			return false
		case one.field == two.field:
			same++
		case one.field != Other && two.field != Other || one.uncounted || two.uncounted:
			return false
		default:
			other++
		}
	}
	return same > 2*other
}

// decide decides which of several columns with one meaning counts, in parts with the same
// columns: the only one that has a total, such as that of weights beside one of weights per
// package. Where that does not tell, and their figures differ, the table cannot be read.
func decide(parts []*part) {
	for _, f := range Figures {
		var double []int
		for c := range parts[0].grid.columns {
			if parts[0].grid.columns[c].field == f {
				double = append(double, c)
			}
		}
		if len(double) < 2 {
			continue
		}
		var added []int
		differ := -1
		for i, p := range parts {
			for _, d := range p.rows {
				var first string
				for _, c := range double {
					plain, ok := d.figure(c)
					switch {
					case !ok:
					case d.total && !slices.Contains(added, c):
						added = append(added, c)
					case first == "":
						first = plain
					case first != plain && differ < 0:
						differ = i
					}
				}
			}
		}
		switch {
		case len(added) == 1:
			for _, p := range parts {
				p.grid.columns = slices.Clone(p.grid.columns)
				for _, c := range double {
					if c != added[0] {
						p.grid.columns[c].field, p.grid.columns[c].uncounted = Other, true
					}
				}
			}
		case differ >= 0:
			p := parts[differ]
			p.unread = append(p.unread, Cell{Field: f, Text: fmt.Sprintf("%d columns of %s", len(double), f.Words()), Page: p.leaf.number})
		}
	}
}

// figure returns the number of a cell.
func (d *draft) figure(c int) (plain string, ok bool) {
	plain, _, ok = numberOf(d.cells[c])
	return plain, ok
}
