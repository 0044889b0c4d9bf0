package form

import (
	"math/big"
	"regexp"
	"strings"

	"tallyman/internal/page"
)

// figure matches a number as forms print it, with what stands around it: a currency or
// weight sign, a unit, a type of package.
var figure = regexp.MustCompile(`^([0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,4})?|[0-9]{1,12}(?:\.[0-9]{1,4})?|\.[0-9]{1,4})\s*(#|[A-Za-z][A-Za-z0-9./]{0,11}\.?)?$`)

// Shapes of numbers that tell whether a comma or a point parts the decimals. "3,805" and
// "3.805" do not.
var (
	commaShape = regexp.MustCompile(`^(?:[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4})|0,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3}){2,})$`)
	pointShape = regexp.MustCompile(`^(?:[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]*\.(?:[0-9]{1,2}|[0-9]{4})|0\.[0-9]+|[0-9]{1,3}(?:,[0-9]{3}){2,})$`)
)

// swapped returns a text whose numbers have commas in place of points, and points in place
// of commas.
func swapped(text string) string {
	b := []byte(text)
	digit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	for i, c := range b {
		switch {
		case c == ',' && (digit(i-1) || digit(i+1)):
			b[i] = '.'
		case c == '.' && (digit(i-1) || digit(i+1)):
			b[i] = ','
		}
	}
	return string(b)
}

// number returns the number of a word.
func (w *word) number() (plain, beside string, ok bool) {
	return numberIn(w.Text, w.comma)
}

// numberOf returns the number of a cell; ok is false if the cell is empty or not a number.
func numberOf(cell []*word) (plain, beside string, ok bool) {
	if len(cell) == 0 {
		return "", "", false
	}
	text, _ := textOf(cell)
	return numberIn(text, cell[0].comma)
}

// numberIn returns the number of a text in whose page commas part decimals, or points.
func numberIn(text string, comma bool) (plain, beside string, ok bool) {
	if comma {
		text = swapped(text)
	}
	return number(text)
}

// number returns the number of a cell without commas, and the unit or type beside it; ok
// is false if the cell is not a number.
func number(text string) (plain, beside string, ok bool) {
	m := figure.FindStringSubmatch(page.Seen(strings.TrimSpace(text)))
	if m == nil {
		return "", "", false
	}
	plain = strings.ReplaceAll(m[1], ",", "")
	if strings.HasPrefix(plain, ".") {
		plain = "0" + plain
	}
	return plain, m[2], true
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

// units are the ways in which forms name units.
var units = map[string]Unit{
	"LB": Pounds, "LBS": Pounds, "POUND": Pounds, "POUNDS": Pounds,
	"KG": Kilograms, "KGS": Kilograms, "KGM": Kilograms, "KILOS": Kilograms, "KILOGRAMS": Kilograms, "KILOGRAM": Kilograms,
	"CBM": CubicMetres, "M3": CubicMetres, "CUM": CubicMetres,
	"CUFT": CubicFeet, "CFT": CubicFeet, "FT3": CubicFeet, "CF": CubicFeet, "CUFEET": CubicFeet,
}

// suits reports whether a unit measures what a field counts.
func (u Unit) suits(f Field) bool {
	switch u {
	case Pounds, Kilograms:
		return f == Weight || f == NetWeight
	case CubicFeet, CubicMetres:
		return f == Volume
	}
	return false
}

// amount is a number times ten to the power of places.
type amount struct {
	n      *big.Int
	places int
}

func amountOf(plain string) amount {
	whole, decimals, _ := strings.Cut(plain, ".")
	n, ok := new(big.Int).SetString(whole+decimals, 10)
	if !ok {
		n = new(big.Int)
	}
	return amount{n, len(decimals)}
}

// at returns the amount with so many places, which are not fewer than its own.
func (a amount) at(places int) *big.Int {
	n := new(big.Int).Set(a.n)
	for range places - a.places {
		n.Mul(n, ten)
	}
	return n
}

var ten = big.NewInt(10)

func (a amount) plus(b amount) amount {
	places := max(a.places, b.places)
	return amount{new(big.Int).Add(a.at(places), b.at(places)), places}
}

func (a amount) compare(b amount) int {
	places := max(a.places, b.places)
	return a.at(places).Cmp(b.at(places))
}

// String returns the amount with its places.
func (a amount) String() string {
	s := a.n.String()
	if a.places == 0 {
		return s
	}
	for len(s) <= a.places {
		s = "0" + s
	}
	return s[:len(s)-a.places] + "." + s[len(s)-a.places:]
}
