package fast

import (
	"math"
	"slices"
)

// cff is a font file in the Compact Font Format (Adobe TN 5176).
type cff struct {
	cid      bool
	glyphs   [][]byte // charstrings
	global   [][]byte // subroutines
	charset  []int    // by glyph: the number of its name, or its CID
	byCID    map[int]int
	names    map[string]int
	strings  [][]byte
	encoding [256]int   // glyphs
	private  [][][]byte // subroutines, by private data
	selects  []byte     // by glyph, the index of its private data
	bbox     [4]int
}

// cffReader reads big-endian data, and remembers if there was too little.
type cffReader struct {
	b   []byte
	i   int
	bad bool
}

func (r *cffReader) uint(n int) int {
	v := 0
	for range n {
		if r.i < 0 || r.i >= len(r.b) {
			r.bad = true
			return 0
		}
		v = v<<8 | int(r.b[r.i])
		r.i++
	}
	return v
}

func (r *cffReader) index() [][]byte {
	count := r.uint(2)
	if count == 0 {
		return nil
	}
	size := r.uint(1)
	if size < 1 || size > 4 {
		r.bad = true
		return nil
	}
	offsets := make([]int, 0, count+1)
	for range count + 1 {
		offsets = append(offsets, r.uint(size))
		if r.bad {
			return nil
		}
	}
	base := r.i - 1
	out := make([][]byte, count)
	for i := range out {
		from, to := base+offsets[i], base+offsets[i+1]
		if from < base+1 || from > to || to > len(r.b) {
			r.bad = true
			return nil
		}
		out[i] = r.b[from:to]
	}
	r.i = base + offsets[count]
	return out
}

// cffDict reads the entries of a dictionary. Operators of two bytes are 1200 and more.
func cffDict(b []byte) map[int][]float64 {
	out := map[int][]float64{}
	var operands []float64
	for i := 0; i < len(b); {
		c := int(b[i])
		i++
		switch {
		case c <= 21:
			if c == 12 {
				sound(i < len(b))
				c = 1200 + int(b[i])
				i++
			}
			out[c] = operands
			operands = nil
		case c == 28 && i+2 <= len(b):
			operands = append(operands, float64(i16(b, i)))
			i += 2
		case c == 29 && i+4 <= len(b):
			operands = append(operands, float64(int32(u32(b, i))))
			i += 4
		case c == 30:
			v, n, ok := cffReal(b[i:])
			sound(ok)
			operands = append(operands, v)
			i += n
		case c >= 32 && c <= 254:
			v, n, ok := operand(b[i-1:])
			sound(ok)
			operands = append(operands, v)
			i += n - 1
		default:
			sound(false)
		}
		sound(len(operands) <= 64)
	}
	return out
}

func cffReal(b []byte) (v float64, n int, ok bool) {
	var s []byte
	for n < len(b) {
		c := b[n]
		n++
		for _, d := range []byte{c >> 4, c & 15} {
			switch {
			case d <= 9:
				s = append(s, '0'+d)
			case d == 10:
				s = append(s, '.')
			case d == 11:
				s = append(s, 'E')
			case d == 12:
				s = append(s, 'E', '-')
			case d == 14:
				s = append(s, '-')
			case d == 15:
				v, ok := parseReal(s)
				return v, n, ok
			default:
				return 0, 0, false
			}
		}
	}
	return 0, 0, false
}

// sound declines a font that does not hold what it must.
func sound(ok bool) { expect(ok, "a damaged font") }

// ordinary reports whether a font's matrix makes 1000 units of an em.
func ordinary(m []float64) bool {
	return len(m) == 6 && abs(m[0]-0.001) < 1e-8 && m[1] == 0 && m[2] == 0 && abs(m[3]-0.001) < 1e-8 && m[4] == 0 && m[5] == 0
}

func parseCFF(b []byte) (f *cff, err error) {
	defer caught(&err)
	sound(len(b) >= 4 && b[0] == 1)
	r := &cffReader{b: b, i: int(b[2])}
	names := r.index()
	tops := r.index()
	f = &cff{strings: r.index(), global: r.index()}
	sound(!r.bad && len(names) == 1 && len(tops) == 1)
	top := cffDict(tops[0])
	number := func(d map[int][]float64, key, usual int) int {
		if v := d[key]; len(v) == 1 && v[0] == math.Trunc(v[0]) && abs(v[0]) < 1<<30 {
			return int(v[0])
		}
		return usual
	}
	if m, ok := top[1207]; ok && !ordinary(m) {
		decline("a font's matrix")
	}
	expect(number(top, 1206, 2) == 2, "a kind of font file")
	_, f.cid = top[1230]
	if v := top[5]; len(v) == 4 {
		for i := range f.bbox {
			f.bbox[i] = int(v[i])
		}
	}
	r.i = number(top, 17, -1)
	f.glyphs = r.index()
	sound(!r.bad && len(f.glyphs) > 0)
	private := func(d map[int][]float64) {
		var subrs [][]byte
		if v := d[18]; len(v) > 0 {
			sound(len(v) == 2)
			size, at := int(v[0]), int(v[1])
			sound(size >= 0 && at >= 0 && at <= len(b) && size <= len(b)-at)
			if from := number(cffDict(b[at:at+size]), 19, 0); from != 0 {
				r := &cffReader{b: b, i: at + from}
				subrs = r.index()
				sound(!r.bad)
			}
		}
		f.private = append(f.private, subrs)
	}
	if f.cid {
		f.parseFDs(b, number(top, 1236, -1), number(top, 1237, -1), private)
	} else {
		private(top)
	}
	f.parseCharset(b, number(top, 15, 0))
	if !f.cid {
		f.parseEncoding(b, number(top, 16, 0))
	}
	return f, nil
}

// parseFDs reads the private data of a font with CIDs.
func (f *cff) parseFDs(b []byte, array, selects int, private func(map[int][]float64)) {
	r := &cffReader{b: b, i: array}
	for _, b := range r.index() {
		d := cffDict(b)
		private(d)
		if m, ok := d[1207]; ok && !(len(m) == 6 && (m[0] == 1 && m[3] == 1 || m[0] == 0.001 && m[3] == 0.001) && m[1] == 0 && m[2] == 0) {
			decline("a font's matrix")
		}
	}
	sound(!r.bad && len(f.private) > 0 && len(f.private) <= 255)
	f.selects = make([]byte, len(f.glyphs))
	r.i = selects
	switch r.uint(1) {
	case 0:
		for i := range f.selects {
			f.selects[i] = byte(r.uint(1))
		}
	case 3:
		n := r.uint(2)
		from := r.uint(2)
		for range n {
			fd := r.uint(1)
			to := r.uint(2)
			sound(!r.bad && to <= len(f.selects) && from <= to)
			for i := from; i < to; i++ {
				f.selects[i] = byte(fd)
			}
			from = to
		}
	default:
		sound(false)
	}
	sound(!r.bad && int(slices.Max(f.selects)) < len(f.private))
}

func (f *cff) parseCharset(b []byte, at int) {
	n := len(f.glyphs)
	f.charset = make([]int, 1, n)
	switch {
	case at == 0 && !f.cid:
		sound(n <= 229)
		for i := 1; i < n; i++ {
			f.charset = append(f.charset, i)
		}
	case at <= 2:
		decline("a font's characters")
	default:
		r := &cffReader{b: b, i: at}
		format := r.uint(1)
		for len(f.charset) < n && !r.bad {
			first, left := r.uint(2), 0
			switch format {
			case 0:
			case 1:
				left = r.uint(1)
			case 2:
				left = r.uint(2)
			default:
				sound(false)
			}
			for i := 0; i <= left && len(f.charset) < n; i++ {
				f.charset = append(f.charset, first+i)
			}
		}
		sound(!r.bad)
	}
	if f.cid {
		f.byCID = make(map[int]int, n)
		for g, c := range f.charset {
			if _, twice := f.byCID[c]; !twice {
				f.byCID[c] = g
			}
		}
		return
	}
	f.names = make(map[string]int, n)
	for g := range f.charset {
		s := f.nameOf(g)
		if _, twice := f.names[s]; !twice {
			f.names[s] = g
		}
	}
}

func (f *cff) parseEncoding(b []byte, at int) {
	switch at {
	case 0:
		for code, n := range standardEncoding {
			f.encoding[code] = f.names[n]
		}
		return
	case 1:
		decline("an encoding")
	}
	r := &cffReader{b: b, i: at}
	format := r.uint(1)
	g := 1
	n := r.uint(1)
	for range n {
		first, left := r.uint(1), 0
		if format&0x7F == 1 {
			left = r.uint(1)
		} else {
			sound(format&0x7F == 0)
		}
		for i := 0; i <= left; i++ {
			sound(first+i <= 255 && g < len(f.glyphs))
			f.encoding[first+i] = g
			g++
		}
	}
	expect(format&0x80 == 0, "an encoding")
	sound(!r.bad)
}

func (f *cff) bounds() ([4]int, int, int) { return f.bbox, f.bbox[3], f.bbox[1] }

func (f *cff) byName(n string) int { return f.names[n] }

func (f *cff) builtIn(code int) int { return f.encoding[code&0xFF] }

func (f *cff) nameOf(g int) string {
	sid := f.charset[g]
	if sid < len(cffStrings) {
		return cffStrings[sid]
	}
	if sid -= len(cffStrings); sid < len(f.strings) {
		return string(f.strings[sid])
	}
	return ""
}

func (f *cff) ofCID(cid int) (int, bool) {
	g, ok := f.byCID[cid]
	return g, ok
}

func (f *cff) box(id int) (g glyph, err error) {
	defer caught(&err)
	if id < 0 || id >= len(f.glyphs) {
		return g, errNoGlyph
	}
	fd := 0
	if f.selects != nil {
		fd = int(f.selects[id])
	}
	c := &charstring{global: f.global, local: f.private[fd]}
	c.run(f.glyphs[id], 0)
	sound(c.ended)
	return c.pen.glyph(), nil
}

// pen collects the points of an outline.
type pen struct {
	x, y  float64
	drawn bool // there are points
	open  bool // the current point is one of them
	l, b  float64
	r, t  float64
}

func (p *pen) move(dx, dy float64) {
	p.x += dx
	p.y += dy
	p.open = false
}

func (p *pen) add() {
	// FreeType has 1024 steps between two units, and then cuts off.
	x, y := math.Floor(math.Round(p.x*1024)/1024), math.Floor(math.Round(p.y*1024)/1024)
	if !p.drawn {
		p.l, p.b, p.r, p.t = x, y, x, y
		p.drawn = true
	}
	p.l, p.b, p.r, p.t = min(p.l, x), min(p.b, y), max(p.r, x), max(p.t, y)
}

// to draws to a point, or adds a point that controls a curve.
func (p *pen) to(dx, dy float64) {
	if !p.open {
		p.add()
		p.open = true
	}
	p.x += dx
	p.y += dy
	p.add()
}

// curve draws a curve with two points that control it.
func (p *pen) curve(ax, ay, bx, by, x, y float64) {
	p.to(ax, ay)
	p.to(bx, by)
	p.to(x, y)
}

func (p *pen) glyph() (g glyph) {
	if p.drawn {
		t := func(v float64) int { return thousandths(int(v), 1000) }
		g.left, g.bottom, g.right, g.top = t(p.l), t(p.b), t(p.r), t(p.t)
	}
	return g
}

// charstring runs the program of a glyph (Adobe TN 5177).
type charstring struct {
	global, local [][]byte
	pen           pen
	stack         []float64
	hints         int
	begun         bool // the width, which may stand before the first operands, is past
	ended         bool
	steps         int
}

// The bounds of one glyph: steps of its program, and operands at once.
const (
	maxSteps = 1 << 15
	maxStack = 48
)

func bias(subrs [][]byte) int {
	switch n := len(subrs); {
	case n < 1240:
		return 107
	case n < 33900:
		return 1131
	}
	return 32768
}

// operand reads a number of one or two bytes, which begins with a byte from 32 to 254, and
// returns its length. Dictionaries of CFF and both kinds of charstrings have them.
func operand(b []byte) (v float64, n int, ok bool) {
	c := int(b[0])
	switch {
	case c <= 246:
		return float64(c - 139), 1, true
	case len(b) < 2:
		return 0, 0, false
	case c <= 250:
		return float64((c-247)*256 + int(b[1]) + 108), 2, true
	}
	return float64(-(c-251)*256 - int(b[1]) - 108), 2, true
}

func (c *charstring) run(b []byte, depth int) {
	sound(depth <= 10)
	for i := 0; i < len(b) && !c.ended; {
		if c.steps++; c.steps > maxSteps {
			decline("a large outline")
		}
		op := int(b[i])
		i++
		switch {
		case op == 28:
			sound(i+2 <= len(b))
			c.stack = append(c.stack, float64(i16(b, i)))
			i += 2
		case op >= 32 && op <= 254:
			v, n, ok := operand(b[i-1:])
			sound(ok)
			c.stack = append(c.stack, v)
			i += n - 1
		case op == 255:
			sound(i+4 <= len(b))
			c.stack = append(c.stack, float64(int32(u32(b, i)))/65536)
			i += 4
		case op == 10, op == 29:
			subrs := c.local
			if op == 29 {
				subrs = c.global
			}
			n := len(c.stack)
			sound(n != 0)
			k := int(c.stack[n-1]) + bias(subrs)
			c.stack = c.stack[:n-1]
			sound(k >= 0 && k < len(subrs))
			c.run(subrs[k], depth+1)
		case op == 11:
			return
		case op == 19, op == 20: // hints
			c.width(len(c.stack)%2 == 1)
			c.hints += len(c.stack) / 2
			c.stack = c.stack[:0]
			i += (c.hints + 7) / 8
		default:
			if op == 12 {
				sound(i < len(b))
				op = 1200 + int(b[i])
				i++
			}
			c.draw(op)
		}
		sound(len(c.stack) <= maxStack)
	}
}

// width drops the width before the first operands.
func (c *charstring) width(there bool) {
	if !c.begun && there && len(c.stack) > 0 {
		c.stack = c.stack[1:]
	}
	c.begun = true
}

func (c *charstring) draw(op int) {
	p := &c.pen
	n := len(c.stack)
	defer func() { c.stack = c.stack[:0] }()
	switch op {
	case 1, 3, 18, 23: // stems
		c.width(n%2 == 1)
		c.hints += len(c.stack) / 2
		return
	case 21: // rmoveto
		c.width(n > 2)
		sound(len(c.stack) == 2)
		p.move(c.stack[0], c.stack[1])
		return
	case 22, 4: // hmoveto, vmoveto
		c.width(n > 1)
		sound(len(c.stack) == 1)
		if op == 22 {
			p.move(c.stack[0], 0)
		} else {
			p.move(0, c.stack[0])
		}
		return
	case 14: // endchar
		c.width(n == 1 || n == 5)
		expect(len(c.stack) == 0, "an outline of two glyphs")
		c.ended = true
		return
	}
	need, known := operands[op]
	sound(c.begun && (!known || n >= need.least && (n-need.least)%need.step <= need.more))
	s := c.stack
	switch op {
	case 5, 25: // rlineto, rlinecurve
		for ; len(s) > 6 || op == 5 && len(s) > 0; s = s[2:] {
			p.to(s[0], s[1])
		}
		if op == 25 {
			p.curve(s[0], s[1], s[2], s[3], s[4], s[5])
		}
	case 6, 7: // hlineto, vlineto
		for i, v := range s {
			if (op == 6) == (i%2 == 0) {
				p.to(v, 0)
			} else {
				p.to(0, v)
			}
		}
	case 8, 24: // rrcurveto, rcurveline
		for ; len(s) >= 6; s = s[6:] {
			p.curve(s[0], s[1], s[2], s[3], s[4], s[5])
		}
		if op == 24 {
			p.to(s[0], s[1])
		}
	case 26, 27: // vvcurveto, hhcurveto
		across := 0.0
		if n%4 == 1 {
			across, s = s[0], s[1:]
		}
		for ; len(s) >= 4; s = s[4:] {
			if op == 26 {
				p.curve(across, s[0], s[1], s[2], 0, s[3])
			} else {
				p.curve(s[0], across, s[1], s[2], s[3], 0)
			}
			across = 0
		}
	case 30, 31: // vhcurveto, hvcurveto
		for flat := op == 31; len(s) >= 4; flat = !flat {
			last := 0.0
			if len(s) == 5 {
				last = s[4]
			}
			if flat {
				p.curve(s[0], 0, s[1], s[2], last, s[3])
			} else {
				p.curve(0, s[0], s[1], s[2], s[3], last)
			}
			s = s[4:]
		}
	case 1234: // hflex
		p.curve(s[0], 0, s[1], s[2], s[3], 0)
		p.curve(s[4], 0, s[5], -s[2], s[6], 0)
	case 1235: // flex
		p.curve(s[0], s[1], s[2], s[3], s[4], s[5])
		p.curve(s[6], s[7], s[8], s[9], s[10], s[11])
	case 1236: // hflex1
		p.curve(s[0], s[1], s[2], s[3], s[4], 0)
		p.curve(s[5], 0, s[6], s[7], s[8], -(s[1] + s[3] + s[7]))
	case 1237: // flex1
		dx, dy := s[0]+s[2]+s[4]+s[6]+s[8], s[1]+s[3]+s[5]+s[7]+s[9]
		p.curve(s[0], s[1], s[2], s[3], s[4], s[5])
		if abs(dx) > abs(dy) {
			p.curve(s[6], s[7], s[8], s[9], s[10], -dy)
		} else {
			p.curve(s[6], s[7], s[8], s[9], -dx, s[10])
		}
	default:
		decline("an outline's operator")
	}
}

// operands says how many operands the operators for lines and curves take: a least number and
// any number of steps, and so many more before them.
var operands = map[int]struct{ least, step, more int }{
	5: {2, 2, 0}, 6: {1, 1, 0}, 7: {1, 1, 0}, 8: {6, 6, 0}, 24: {8, 6, 0}, 25: {8, 2, 0},
	26: {4, 4, 1}, 27: {4, 4, 1}, 30: {4, 4, 1}, 31: {4, 4, 1},
	1234: {7, maxStack, 0}, 1235: {13, maxStack, 0}, 1236: {9, maxStack, 0}, 1237: {11, maxStack, 0},
}
