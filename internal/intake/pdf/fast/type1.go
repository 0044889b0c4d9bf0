package fast

import (
	"bytes"
	"strconv"
)

// type1 is a font file in the Type 1 format (Adobe, Type 1 Font Format, 1990).
type type1 struct {
	names    map[string]int
	order    []string
	glyphs   [][]byte
	subrs    map[int][]byte
	encoding [256]string
	bbox     [4]int
}

// decrypted undoes the encryption of a program, and drops its first bytes.
func decrypted(b []byte, key uint16, skip int) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = c ^ byte(key>>8)
		key = (uint16(c)+key)*52845 + 22719
	}
	if skip > len(out) {
		return nil
	}
	return out[skip:]
}

func parseReal(b []byte) (float64, bool) {
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil
}

func parseType1(b []byte) (f *type1, err error) {
	defer caught(&err)
	if bytes.HasPrefix(b, []byte{0x80}) {
		decline("a kind of font file")
	}
	mark := []byte("eexec")
	i := bytes.Index(b, mark)
	sound(i >= 0 && bytes.HasPrefix(b, []byte("%!")))
	open, secret := b[:i], b[i+len(mark):]
	for len(secret) > 0 && isSpace(secret[0]) {
		secret = secret[1:]
	}
	sound(len(secret) >= 8)
	isHex := true
	for _, c := range secret[:4] {
		isHex = isHex && nibble(c) >= 0
	}
	expect(!isHex, "a kind of font file")
	f = &type1{names: map[string]int{}, subrs: map[int][]byte{}}
	f.parseOpen(open)
	f.parseSecret(decrypted(secret, 55665, 4))
	return f, nil
}

// parseOpen reads the part that is not encrypted.
func (f *type1) parseOpen(b []byte) {
	numbers := func(key string, n int) []float64 {
		i := bytes.Index(b, []byte(key))
		if i < 0 {
			return nil
		}
		rest := b[i+len(key):]
		from := bytes.IndexAny(rest, "[{")
		to := bytes.IndexAny(rest, "]}")
		if from < 0 || to < from {
			return nil
		}
		var out []float64
		for _, w := range bytes.Fields(rest[from+1 : to]) {
			v, ok := parseReal(w)
			if !ok {
				return nil
			}
			out = append(out, v)
		}
		if len(out) != n {
			return nil
		}
		return out
	}
	if m := numbers("/FontMatrix", 6); !ordinary(m) {
		decline("a font's matrix")
	}
	for i, v := range numbers("/FontBBox", 4) {
		f.bbox[i] = int(v)
	}
	i := bytes.Index(b, []byte("/Encoding"))
	sound(i >= 0)
	x := &lexer{b: b, i: i + len("/Encoding")}
	first, err := x.next()
	sound(err == nil)
	if first == keyword("StandardEncoding") {
		f.encoding = standardEncoding
		return
	}
	// dup 65 /A put
	for {
		o, err := x.next()
		if err != nil || o == keyword("readonly") || o == keyword("def") {
			return
		}
		if o != keyword("dup") {
			continue
		}
		code, err1 := x.next()
		n, err2 := x.next()
		k, err3 := x.next()
		c, ok1 := code.(int)
		g, ok2 := n.(name)
		expect(err1 == nil && err2 == nil && err3 == nil && ok1 && ok2 && k == keyword("put") && c >= 0 && c <= 255, "an encoding")
		if g != ".notdef" {
			f.encoding[c] = string(g)
		}
	}
}

// parseSecret reads the part that was encrypted: subroutines and glyphs.
func (f *type1) parseSecret(b []byte) {
	skip := 4
	number := func(b []byte) (int, []byte, bool) {
		b = bytes.TrimLeft(b, " \r\n\t")
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		v, err := strconv.Atoi(string(b[:n]))
		return v, b[n:], err == nil
	}
	if i := bytes.Index(b, []byte("/lenIV")); i >= 0 {
		v, _, ok := number(b[i+len("/lenIV"):])
		expect(ok && v <= 16, "a font's encryption")
		skip = v
	}
	at := bytes.Index(b, []byte("/CharStrings"))
	sound(at >= 0)
	// program reads the length of a program, the word RD or -|, one space and it.
	program := func(b []byte) (code, rest []byte, ok bool) {
		n, b, ok := number(b)
		if !ok {
			return nil, nil, false
		}
		b = bytes.TrimLeft(b, " ")
		i := bytes.IndexByte(b, ' ')
		if i < 1 || i > 8 || n < 0 || i+1+n > len(b) {
			return nil, nil, false
		}
		return decrypted(b[i+1:i+1+n], 4330, skip), b[i+1+n:], true
	}
	if i := bytes.Index(b[:at], []byte("/Subrs")); i >= 0 {
		rest := b[i:at]
		for {
			j := bytes.Index(rest, []byte("dup "))
			if j < 0 {
				break
			}
			n, after, ok := number(rest[j+4:])
			if !ok {
				rest = rest[j+4:]
				continue
			}
			code, after, ok := program(after)
			sound(ok)
			if _, twice := f.subrs[n]; !twice {
				f.subrs[n] = code
			}
			rest = after
		}
	}
	rest := b[at+len("/CharStrings"):]
	for {
		i := bytes.IndexByte(rest, '/')
		if i < 0 || bytes.Contains(rest[:i], []byte("end")) && len(f.glyphs) > 0 {
			break
		}
		rest = rest[i+1:]
		n := 0
		for n < len(rest) && isRegular(rest[n]) {
			n++
		}
		glyph := string(rest[:n])
		code, after, ok := program(rest[n:])
		sound(ok)
		_, twice := f.names[glyph]
		sound(!twice)
		f.names[glyph] = len(f.glyphs) + 1 // 0 means none
		f.order = append(f.order, glyph)
		f.glyphs = append(f.glyphs, code)
		rest = after
		sound(len(f.glyphs) <= 1<<14)
	}
	sound(len(f.glyphs) != 0)
}

func (f *type1) bounds() ([4]int, int, int) { return f.bbox, f.bbox[3], f.bbox[1] }

func (f *type1) byName(n string) int { return f.names[n] }

func (f *type1) builtIn(code int) int { return f.names[f.encoding[code&0xFF]] }

func (f *type1) nameOf(g int) string { return f.order[g-1] }

func (f *type1) box(id int) (g glyph, err error) {
	defer caught(&err)
	if id == 0 {
		id = f.names[".notdef"]
	}
	if id < 1 || id > len(f.glyphs) {
		return g, errNoGlyph
	}
	c := &type1Charstring{subrs: f.subrs}
	c.run(f.glyphs[id-1], 0)
	sound(c.ended)
	return c.pen.glyph(), nil
}

// type1Charstring runs the program of a glyph.
type type1Charstring struct {
	subrs map[int][]byte
	pen   pen
	stack []float64
	ps    []float64
	flex  int // 0 for none, else one more than the points so far
	ended bool
	steps int
}

func (c *type1Charstring) run(b []byte, depth int) {
	sound(depth <= 10)
	for i := 0; i < len(b) && !c.ended; {
		if c.steps++; c.steps > maxSteps || len(c.stack) > maxStack {
			decline("a large outline")
		}
		op := int(b[i])
		i++
		switch {
		case op >= 32 && op <= 254:
			v, n, ok := operand(b[i-1:])
			sound(ok)
			c.stack = append(c.stack, v)
			i += n - 1
			continue
		case op == 255:
			sound(i+4 <= len(b))
			c.stack = append(c.stack, float64(int32(u32(b, i))))
			i += 4
			continue
		case op == 10: // callsubr
			n := len(c.stack)
			sound(n != 0)
			sub, ok := c.subrs[int(c.stack[n-1])]
			c.stack = c.stack[:n-1]
			sound(ok)
			c.run(sub, depth+1)
			continue
		case op == 11: // return
			return
		case op == 12:
			sound(i < len(b))
			op = 1200 + int(b[i])
			i++
		}
		c.draw(op)
	}
}

// type1Operands is how many operands operators need.
var type1Operands = map[int]int{13: 2, 1207: 4, 21: 2, 22: 1, 4: 1, 5: 2, 6: 1, 7: 1, 8: 6, 30: 4, 31: 4, 1212: 2}

func (c *type1Charstring) draw(op int) {
	p := &c.pen
	s := c.stack
	n := len(s)
	sound(n >= type1Operands[op])
	move := func(dx, dy float64) {
		if c.flex == 0 {
			p.move(dx, dy)
			return
		}
		p.x += dx
		p.y += dy
		c.flex++
	}
	switch op {
	case 1212: // div
		sound(s[n-1] != 0)
		c.stack = append(s[:n-2], s[n-2]/s[n-1])
		return
	case 1216: // callothersubr
		sound(n >= 2)
		which, count := int(s[n-1]), int(s[n-2])
		sound(count >= 0 && count <= n-2)
		args := s[n-2-count : n-2]
		c.stack = s[:n-2-count]
		c.ps = c.ps[:0]
		switch which {
		case 1:
			if !p.open {
				p.add()
				p.open = true
			}
			c.flex = 1
		case 2:
			// The first of seven points is only a reference.
			if c.flex > 2 {
				p.add()
			}
		case 0:
			sound(c.flex == 8 && count == 3)
			c.flex = 0
			c.ps = append(c.ps, args[2], args[1])
		case 3:
			c.ps = append(c.ps, 3)
		default:
			decline("an outline's operator")
		}
		return
	case 1217: // pop
		k := len(c.ps)
		sound(k != 0)
		c.stack = append(c.stack, c.ps[k-1])
		c.ps = c.ps[:k-1]
		return
	case 13: // hsbw
		p.x, p.y = s[0], 0
	case 1207: // sbw
		p.x, p.y = s[0], s[1]
	case 21:
		move(s[n-2], s[n-1])
	case 22:
		move(s[n-1], 0)
	case 4:
		move(0, s[n-1])
	case 5:
		p.to(s[0], s[1])
	case 6:
		p.to(s[0], 0)
	case 7:
		p.to(0, s[0])
	case 8:
		p.curve(s[0], s[1], s[2], s[3], s[4], s[5])
	case 30: // vhcurveto
		p.curve(0, s[0], s[1], s[2], s[3], 0)
	case 31: // hvcurveto
		p.curve(s[0], 0, s[1], s[2], 0, s[3])
	case 9: // closepath
		p.open = false
	case 1, 3, 1200, 1201, 1202: // hints
	case 1233: // setcurrentpoint
	case 14:
		c.ended = true
	case 1206:
		decline("an outline of two glyphs")
	default:
		decline("an outline's operator")
	}
	c.stack = c.stack[:0]
}
