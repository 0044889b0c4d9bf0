package orders

import (
	"strings"

	"tallyman/internal/orders/grid"
	"tallyman/internal/page"
)

// Quantity returns a quantity in a normal form, in which equal values are equal texts:
// 3 for 3.0, 3,00, 0003, +3 and "3 EA", 4032 for 4,032, 4'032 and 4 032. A text that is
// not a quantity is returned as a person sees it. If dots is true, dots separate
// thousands, so that 4.032 is also 4032; see Table.Dots.
func Quantity(text string, dots bool) string {
	if plainQuantity(text) {
		return text
	}
	s := withoutUnit(page.Seen(text))
	s = strings.TrimPrefix(s, "+")
	minus := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	whole, fraction, ok := figures(s, dots)
	if !ok {
		return page.Seen(text)
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		whole += "." + fraction
	}
	if minus && whole != "0" {
		whole = "-" + whole
	}
	return whole
}

// isQuantity reports whether a text is a quantity.
func isQuantity(text string) bool {
	_, _, ok := figures(strings.TrimPrefix(withoutUnit(page.Seen(text)), "+"), false)
	return ok
}

func plainQuantity(s string) bool {
	return grid.DigitsOnly(s) && s[0] != '0'
}

// units are words after a quantity that do not change it, as a dozen would.
var units = map[string]bool{"ea": true, "each": true, "pc": true, "pcs": true, "pce": true, "piece": true, "pieces": true, "unit": true, "units": true, "un": true,
	"ctn": true, "ctns": true, "carton": true, "cartons": true, "ct": true, "cts": true, "cs": true, "case": true, "cases": true, "bx": true, "box": true, "boxes": true, "pkg": true, "pkgs": true}

func withoutUnit(s string) string {
	end := len(s)
	if strings.HasSuffix(s, ".") {
		end--
	}
	start := end
	for start > 0 && (s[start-1]|0x20) >= 'a' && (s[start-1]|0x20) <= 'z' {
		start--
	}
	if start == end || !units[strings.ToLower(s[start:end])] {
		return s
	}
	return strings.TrimRight(s[:start], " ")
}

// figures splits a number into its digits before and after the decimal separator.
func figures(s string, dots bool) (whole, fraction string, ok bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return "", "", false
	}
	thousands, decimal := ",", "."
	switch comma, dot := strings.LastIndexByte(s, ','), strings.LastIndexByte(s, '.'); {
	case dots, comma > dot && dot >= 0, // 4.032,00
		dot < 0 && comma >= 0 && strings.Count(s, ",") == 1 && len(s)-comma-1 != 3: // 3,00
		thousands, decimal = ".", ","
	}
	whole, fraction, _ = strings.Cut(s, decimal)
	if fraction != "" && !grid.DigitsOnly(fraction) {
		return "", "", false
	}
	for _, sep := range []string{thousands, "'", " "} {
		if !strings.Contains(whole, sep) {
			continue
		}
		groups := strings.Split(whole, sep)
		for i, g := range groups {
			if !grid.DigitsOnly(g) || i > 0 && len(g) != 3 || len(g) > 3 {
				return "", "", false
			}
		}
		whole = strings.Join(groups, "")
	}
	return whole, fraction, grid.DigitsOnly(whole)
}

// Dots reports whether dots separate thousands in the columns of cartons and of pieces.
// 4.032 may be 4032, or 4 and a fraction; it is 4032 only if every dot of the column is
// before three digits, and the column also has numbers without a dot, all below a
// thousand.
func (t *Table) Dots() (cartons, pieces bool) {
	return dots(t.Rows, func(r *Row) string { return r.Cartons }), dots(t.Rows, func(r *Row) string { return r.Pieces })
}

func dots(rows []Row, of func(*Row) string) bool {
	dotted, plain := false, false
	for i := range rows {
		s := of(&rows[i])
		if s == "" {
			continue
		}
		if plainQuantity(s) {
			if len(s) > 3 {
				return false
			}
			plain = true
			continue
		}
		s = withoutUnit(page.Seen(s))
		if !strings.Contains(s, ".") {
			plain = plain || grid.DigitsOnly(s)
			continue
		}
		whole, fraction, _ := strings.Cut(s, ",")
		for i, g := range strings.Split(strings.TrimPrefix(whole, "+"), ".") {
			if !grid.DigitsOnly(g) || i > 0 && len(g) != 3 || len(g) > 3 || i == 0 && g[0] == '0' {
				return false
			}
		}
		if fraction != "" && !grid.DigitsOnly(fraction) {
			return false
		}
		dotted = true
	}
	return dotted && plain
}
