package form

// Headings in two storeys say above what is counted, and below how: N.W. over PER CTN and
// TOTAL. Only the total is added up.

// inAll is the field of TOTAL below another heading.
const inAll Field = "total"

// divide gives the headings of a lower storey of totals the meaning of the headings above
// them. It returns all headings but those of TOTAL that stand below none, and those that
// say only what others count.
func divide(hits []*hit) (rest, parents []*hit) {
	over := func(h *hit) *hit {
		var best *hit
		for _, p := range hits {
			if p.base < h.base-0.5*h.size && p.field != inAll && (best == nil || off(p, h) < off(best, h)) {
				best = p
			}
		}
		if best == nil || !best.field.IsFigure() && best.field != quantity {
			return nil
		}
		return best
	}
	under := map[*hit][]*hit{} // the headings below one that has a total
	for _, h := range hits {
		if h.field != inAll {
			continue
		}
		if p := over(h); p != nil {
			for _, o := range hits {
				if o != h && near(o.base, h.base, 0.4*h.size) && over(o) == p {
					under[p] = append(under[p], o)
				}
			}
			if len(under[p]) == 0 {
				delete(under, p)
				continue
			}
			under[p] = append(under[p], h)
		}
	}
	for p, below := range under {
		parents = append(parents, p)
		for _, h := range below {
			switch {
			case h.field == inAll:
				h.field, h.unit = p.field, p.ownUnit()
			case p.field == quantity || p.field == Pieces:
				h.field = PackSize
			default:
				h.field, h.uncounted = Other, true
			}
		}
	}
	for _, h := range hits {
		if h.field != inAll {
			rest = append(rest, h)
		}
	}
	return rest, parents
}

// ownUnit returns the unit that a heading names itself, "" for none.
func (h *hit) ownUnit() Unit {
	for _, t := range h.tokens {
		if u := units[t]; u.suits(h.field) {
			return u
		}
	}
	return ""
}

// off is how far apart the middles of two headings are.
func off(a, b *hit) float32 { return abs((a.box.X0+a.box.X1)-(b.box.X0+b.box.X1)) / 2 }
