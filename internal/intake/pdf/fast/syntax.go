package fast

import (
	"bytes"
	"slices"
	"strconv"
)

// The objects of a PDF (ISO 32000-1, 7.3). Numbers are int or float32, strings are
// str, names are name, and null is nil.
type (
	name string
	str  []byte
	ref  struct{ num, gen int }
	dict map[name]any
	// stream is a stream whose data has not been read.
	stream struct {
		dict dict
		at   int64 // the place of the data in the file
		num  int   // of the object
	}
	// keyword is a word that is not an object: an operator, or a part of the file's structure.
	keyword string
)

// lexer reads objects from bytes.
type lexer struct {
	b     []byte
	i     int
	depth int
	copy  bool // the bytes are overwritten later, so strings need memory of their own
}

// errShort is returned at the end of the bytes.
var errShort = declined("the file ends within an object")

var errSyntax = declined("syntax")

const maxNesting = 32

// class is the class of a character (ISO 32000-1, 7.2.2).
type class uint8

const (
	classRegular class = iota
	classSpace
	classDelimiter
)

// classes is a table, since most of a content's characters are asked for theirs.
var classes = func() (of [256]class) {
	for _, c := range " \n\r\t\f\x00" {
		of[c] = classSpace
	}
	for _, c := range "()<>[]{}/%" {
		of[c] = classDelimiter
	}
	return of
}()

func isSpace(c byte) bool     { return classes[c] == classSpace }
func isDelimiter(c byte) bool { return classes[c] == classDelimiter }
func isRegular(c byte) bool   { return classes[c] == classRegular }

func (x *lexer) skip() {
	for x.i < len(x.b) {
		switch c := x.b[x.i]; {
		case isSpace(c):
			x.i++
		case c == '%':
			for x.i < len(x.b) && x.b[x.i] != '\n' && x.b[x.i] != '\r' {
				x.i++
			}
		default:
			return
		}
	}
}

// regular returns the regular characters from here on, and moves behind them.
func (x *lexer) regular() []byte {
	from := x.i
	for x.i < len(x.b) && isRegular(x.b[x.i]) {
		x.i++
	}
	return x.b[from:x.i]
}

// next returns the next object or keyword. References are not recognized; see object.
func (x *lexer) next() (any, error) {
	x.skip()
	if x.i >= len(x.b) {
		return nil, errShort
	}
	switch c := x.b[x.i]; c {
	case '/':
		return x.name()
	case '(':
		return x.literal()
	case '<':
		if x.i+1 < len(x.b) && x.b[x.i+1] == '<' {
			x.i += 2
			return x.dict()
		}
		return x.hex()
	case '[':
		x.i++
		return x.array()
	case ']', '{', '}', ')':
		x.i++
		return keyword(c), nil
	case '>':
		if x.i+1 >= len(x.b) {
			return nil, errShort
		}
		if x.b[x.i+1] == '>' {
			x.i += 2
			return keyword(">>"), nil
		}
		return nil, errSyntax
	}
	w := x.regular()
	if startsNumber(w[0]) {
		n, f, whole, err := number(w)
		if err != nil {
			return nil, err
		}
		if whole {
			return n, nil
		}
		return f, nil
	}
	if v, ok := word(w); ok {
		return v, nil
	}
	return keyword(w), nil
}

func startsNumber(c byte) bool { return c == '+' || c == '-' || c == '.' || c >= '0' && c <= '9' }

// word returns the object that a word means; ok is false if it is a keyword.
func word(w []byte) (o any, ok bool) {
	switch string(w) {
	case "true":
		return true, true
	case "false":
		return false, true
	case "null":
		return nil, true
	}
	return nil, false
}

// number reads a number: n if it is whole, else f. Readers differ in what they make of one
// that is not written as the standard says.
func number(w []byte) (n int, f float32, whole bool, err error) {
	i, minus := 0, false
	if w[0] == '+' || w[0] == '-' {
		minus = w[0] == '-'
		i++
	}
	digits := 0
	for ; i < len(w) && w[i] >= '0' && w[i] <= '9'; i++ {
		n = n*10 + int(w[i]-'0')
		if digits++; digits > 18 {
			return 0, 0, false, declined("number")
		}
	}
	if i == len(w) {
		if digits == 0 || n > 1<<31-1 {
			return 0, 0, false, declined("number")
		}
		if minus {
			n = -n
		}
		return n, 0, true, nil
	}
	for j := i; j < len(w); j++ {
		if w[j] == '.' && j == i {
			continue
		}
		if w[j] < '0' || w[j] > '9' {
			return 0, 0, false, declined("number")
		}
		digits++
	}
	if digits == 0 {
		return 0, 0, false, declined("number")
	}
	// Up to 15 digits in all, the quotient of two exact numbers is rounded once.
	if frac := len(w) - i - 1; digits <= 15 && frac <= 15 {
		for _, c := range w[i+1:] {
			n = n*10 + int(c-'0')
		}
		d := float64(n) / tens[frac]
		if minus {
			d = -d
		}
		return 0, float32(d), false, nil
	}
	d, err := strconv.ParseFloat(string(w), 64)
	if err != nil {
		return 0, 0, false, declined("number")
	}
	return 0, float32(d), false, nil
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

func (x *lexer) name() (any, error) {
	x.i++
	n := x.regular()
	if !slices.Contains(n, '#') {
		return name(n), nil
	}
	var out []byte
	for i := 0; i < len(n); i++ {
		c := n[i]
		if c == '#' {
			if i+2 >= len(n) || nibble(n[i+1]) < 0 || nibble(n[i+2]) < 0 {
				return nil, declined("name")
			}
			c = byte(nibble(n[i+1])<<4 | nibble(n[i+2]))
			i += 2
		}
		out = append(out, c)
	}
	return name(out), nil
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (x *lexer) literal() (str, error) {
	x.i++
	if end := bytes.IndexAny(x.b[x.i:], `()\`+"\r"); end >= 0 && x.b[x.i+end] == ')' {
		s := str(x.b[x.i : x.i+end : x.i+end])
		x.i += end + 1
		if x.copy {
			s = bytes.Clone(s)
		}
		return s, nil
	}
	var out str
	for open := 1; ; {
		if x.i >= len(x.b) {
			return nil, errShort
		}
		c := x.b[x.i]
		x.i++
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return out, nil
			}
		case '\r': // an end of line in a string is a line feed
			if x.i < len(x.b) && x.b[x.i] == '\n' {
				x.i++
			}
			c = '\n'
		case '\\':
			if x.i >= len(x.b) {
				return nil, errShort
			}
			c = x.b[x.i]
			x.i++
			switch c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case '\r':
				if x.i < len(x.b) && x.b[x.i] == '\n' {
					x.i++
				}
				continue
			case '\n':
				continue
			case '0', '1', '2', '3', '4', '5', '6', '7':
				v := int(c - '0')
				for n := 1; n < 3 && x.i < len(x.b) && x.b[x.i] >= '0' && x.b[x.i] <= '7'; n++ {
					v = v<<3 | int(x.b[x.i]-'0')
					x.i++
				}
				c = byte(v)
			}
		}
		out = append(out, c)
	}
}

func (x *lexer) hex() (any, error) {
	x.i++
	var out str
	hi := -1
	for {
		if x.i >= len(x.b) {
			return nil, errShort
		}
		c := x.b[x.i]
		x.i++
		if c == '>' {
			if hi >= 0 {
				out = append(out, byte(hi<<4))
			}
			return out, nil
		}
		if isSpace(c) {
			continue
		}
		n := nibble(c)
		if n < 0 {
			return nil, declined("string")
		}
		if hi < 0 {
			hi = n
			continue
		}
		out = append(out, byte(hi<<4|n))
		hi = -1
	}
}

// object is next, with references.
func (x *lexer) object() (any, error) {
	o, err := x.next()
	n, ok := o.(int)
	if err != nil || !ok || n < 0 {
		return o, err
	}
	back := x.i
	g, err := x.next()
	if gen, ok := g.(int); err == nil && ok && gen >= 0 {
		var r any
		if r, err = x.next(); err == nil && r == keyword("R") {
			return ref{n, gen}, nil
		}
	}
	if err == errShort {
		return nil, err
	}
	x.i = back
	return o, nil
}

func (x *lexer) array() (any, error) {
	if x.depth++; x.depth > maxNesting {
		return nil, declined("nesting")
	}
	defer func() { x.depth-- }()
	out := []any{}
	for {
		o, err := x.object()
		if err != nil {
			return nil, err
		}
		if k, ok := o.(keyword); ok {
			if k == "]" {
				return out, nil
			}
			return nil, errSyntax
		}
		out = append(out, o)
	}
}

func (x *lexer) dict() (any, error) {
	if x.depth++; x.depth > maxNesting {
		return nil, declined("nesting")
	}
	defer func() { x.depth-- }()
	out := dict{}
	for {
		k, err := x.next()
		if err != nil {
			return nil, err
		}
		key, ok := k.(name)
		if !ok {
			if k == keyword(">>") {
				return out, nil
			}
			return nil, errSyntax
		}
		v, err := x.object()
		if err != nil {
			return nil, err
		}
		if _, ok := v.(keyword); ok {
			return nil, errSyntax
		}
		if _, twice := out[key]; twice {
			return nil, declined("a key twice")
		}
		out[key] = v
	}
}
