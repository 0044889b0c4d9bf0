package grid

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// The places of a template: runes that no format contains as text.
const (
	placeZero    = '\ue000' + iota // 0: a digit, or a zero
	placeDigit                     // # and ?: a digit, or nothing
	placePoint                     // the decimal point
	placeGeneral                   // General: the whole number
)

// template returns how a format shows a number with added text, such as the "PO-" of
// "PO-"0 or the hyphen of 00000-0000: the text, with runes for the places of digits. It
// returns "" for a format that only shows the number: currencies, signs, thousands
// separators and exponents are not part of a value.
func template(code string) string {
	const most = 64 // runes; no format of a number is longer
	var out []rune
	text, between, places := false, false, 0
	literal := func(r rune) {
		text = text || unicode.IsLetter(r) || unicode.IsDigit(r)
		between = places > 0
		out = append(out, r)
	}
	place := func(r rune) {
		text = text || between // there is text among the digits
		between = false
		places++
		out = append(out, r)
	}
	runes := []rune(code)
scan:
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; r {
		case ';':
			break scan
		case '"':
			for i++; i < len(runes) && runes[i] != '"'; i++ {
				literal(runes[i])
			}
		case '[':
			for i++; i < len(runes) && runes[i] != ']'; i++ {
				if strings.ContainsRune("<>=", runes[i]) {
					return "" // the section to use depends on the number
				}
			}
		case '_', '*':
			i++
		case '\\':
			if i++; i < len(runes) {
				literal(runes[i])
			}
		case '0':
			place(placeZero)
		case '#', '?':
			place(placeDigit)
		case '.':
			place(placePoint)
		case 'G', 'g':
			const general = "General"
			if places > 0 || !strings.HasPrefix(strings.ToLower(string(runes[i:])), strings.ToLower(general)) {
				return ""
			}
			i += len(general) - 1
			place(placeGeneral)
		case ',':
		case '%', '/', '@':
			return ""
		default:
			if r < unicode.MaxASCII && unicode.IsLetter(r) {
				return "" // a date or an exponent
			}
			literal(r)
		}
	}
	if !text || places == 0 || len(out) > most {
		return ""
	}
	return string(out)
}

// fill returns a number in a template. It is false for a number that the template would
// round, and for a negative one, which has a format of its own.
func fill(template string, v float64) (string, bool) {
	if !(v >= 0 && v < 1e15) {
		return "", false
	}
	t := []rune(template)
	point, decimals, zeros, first := len(t), 0, 0, -1
	for i, r := range t {
		switch r {
		case placeGeneral:
			return string(t[:i]) + plainNumber(v) + string(t[i+1:]), true
		case placePoint:
			point = min(point, i)
		case placeZero, placeDigit:
			if first < 0 {
				first = i
			}
			if i > point {
				decimals++
			} else if r == placeZero {
				zeros++
			}
		}
	}
	number := strconv.FormatFloat(v, 'f', decimals, 64)
	if rounded, err := strconv.ParseFloat(number, 64); err != nil || math.Abs(rounded-v) > v*1e-14 {
		return "", false
	}
	whole, fraction, _ := strings.Cut(number, ".")
	if whole = strings.TrimLeft(whole, "0"); len(whole) < zeros {
		whole = strings.Repeat("0", zeros-len(whole)) + whole
	}
	out := make([]rune, 0, len(t)+len(number))
	// The last places take one digit each, the first takes the rest.
	left := 0
	for _, r := range t[:point] {
		if r == placeZero || r == placeDigit {
			left++
		}
	}
	for i, r := range t {
		switch r {
		case placeZero, placeDigit:
			if i > point {
				out = append(out, rune(fraction[0]))
				fraction = fraction[1:]
				continue
			}
			if n := len(whole) - left + 1; n > 0 {
				if i != first {
					n = 1
				}
				out = append(out, []rune(whole[:n])...)
				whole = whole[n:]
			}
			left--
		case placePoint:
			if i == point {
				out = append(out, '.')
			}
		default:
			out = append(out, r)
		}
	}
	return string(out), true
}
