package fast

import (
	"encoding/binary"
)

// trueType is a TrueType font file (ISO/IEC 14496-22).
type trueType struct {
	unit             int // per em
	glyphs           int
	long             bool // offsets of glyphs have four bytes
	loca, glyf, hmtx []byte
	metrics          int // glyphs with a width of their own
	ascent, descent  int
	bbox             [4]int
	maps             []charMap
	names            map[string]int // of glyphs, nil if there are none
}

// charMap is a table from codes to glyphs.
type charMap struct {
	platform, encoding int
	b                  []byte
	format             int
}

func u16(b []byte, at int) int {
	if at < 0 || at+2 > len(b) {
		return 0
	}
	return int(binary.BigEndian.Uint16(b[at:]))
}

func i16(b []byte, at int) int { return int(int16(u16(b, at))) }

func u32(b []byte, at int) int {
	if at < 0 || at+4 > len(b) {
		return 0
	}
	return int(binary.BigEndian.Uint32(b[at:]))
}

func parseTrueType(b []byte) (t *trueType, err error) {
	defer caught(&err)
	sound(len(b) >= 12)
	if kind := string(b[:4]); kind != "\x00\x01\x00\x00" && kind != "true" {
		decline("a kind of font file")
	}
	tables := map[string][]byte{}
	n := u16(b, 4)
	sound(n <= 64 && 12+16*n <= len(b))
	for i := range n {
		r := b[12+16*i:]
		at, size := u32(r, 8), u32(r, 12)
		sound(at <= len(b) && size <= len(b)-at)
		tag := string(r[:4])
		_, twice := tables[tag]
		sound(!twice)
		tables[tag] = b[at : at+size]
	}
	head, maxp, hhea := tables["head"], tables["maxp"], tables["hhea"]
	sound(len(head) >= 54 && len(maxp) >= 6 && len(hhea) >= 36)
	t = &trueType{
		unit: u16(head, 18), glyphs: u16(maxp, 4), long: i16(head, 50) == 1,
		loca: tables["loca"], glyf: tables["glyf"], hmtx: tables["hmtx"],
		metrics: u16(hhea, 34),
	}
	sound(t.unit >= 16 && t.unit <= 16384 && i16(head, 50)>>1 == 0 && t.metrics != 0 && t.metrics <= t.glyphs)
	size := 2
	if t.long {
		size = 4
	}
	sound(len(t.loca) >= (t.glyphs+1)*size && len(t.hmtx) >= 4*t.metrics+2*(t.glyphs-t.metrics))
	for i := range t.bbox {
		t.bbox[i] = t.scale(i16(head, 36+2*i))
	}
	t.ascent, t.descent = t.scale(i16(hhea, 4)), t.scale(i16(hhea, 6))
	sound(t.ascent != 0 || t.descent != 0)
	t.parseMaps(tables["cmap"])
	t.parseNames(tables["post"])
	return t, nil
}

// scale returns a length in thousandths.
func (t *trueType) scale(v int) int { return thousandths(v, t.unit) }

// thousandths returns a length in thousandths of an em that has some units. Half of a unit
// is added before the rest is cut off, as PDFium does: -70 of 1000 becomes -69.
func thousandths(v, unit int) int { return (v*1000 + unit/2) / unit }

func (t *trueType) bounds() ([4]int, int, int) { return t.bbox, t.ascent, t.descent }

func (t *trueType) parseMaps(b []byte) {
	if len(b) < 4 {
		return
	}
	n := u16(b, 2)
	sound(n <= 32 && 4+8*n <= len(b))
	for i := range n {
		r := b[4+8*i:]
		at := u32(r, 4)
		sound(at+6 <= len(b))
		m := charMap{platform: u16(r, 0), encoding: u16(r, 2), b: b[at:], format: u16(b, at)}
		length := u16(m.b, 2)
		switch m.format {
		case 0:
			if length < 262 || len(m.b) < 262 {
				continue // FreeType ignores it
			}
		case 4:
			sound(length >= 16 && len(m.b) >= 16)
		case 6:
			sound(len(m.b) >= 10+2*u16(m.b, 8))
		case 12:
		case 14:
			continue // variants of characters
		default:
			decline("a kind of font file")
		}
		t.maps = append(t.maps, m)
	}
}

// index returns the glyph of a code, 0 if there is none.
func (m *charMap) index(code int) int {
	b := m.b
	switch m.format {
	case 0:
		if code < 256 {
			return int(b[6+code])
		}
	case 4:
		n := u16(b, 6) / 2
		for i := range n {
			if code > u16(b, 14+2*i) {
				continue
			}
			start := u16(b, 16+2*n+2*i)
			if code < start {
				return 0
			}
			delta, at := u16(b, 16+4*n+2*i), 16+6*n+2*i
			offset := u16(b, at)
			if offset == 0xFFFF {
				return 0
			}
			if offset == 0 {
				return (code + delta) & 0xFFFF
			}
			g := u16(b, at+offset+2*(code-start))
			if g == 0 {
				return 0
			}
			return (g + delta) & 0xFFFF
		}
	case 6:
		if first := u16(b, 6); code >= first && code-first < u16(b, 8) {
			return u16(b, 10+2*(code-first))
		}
	case 12:
		for i := range min(u32(b, 12), 1<<16) {
			r := 16 + 12*i
			if r+12 > len(b) {
				break
			}
			if code >= u32(b, r) && code <= u32(b, r+4) {
				return u32(b, r+8) + code - u32(b, r)
			}
		}
	}
	return 0
}

// charMap returns the table for a platform and encoding, nil if there is none.
func (t *trueType) charMap(platform, encoding int) *charMap {
	for i := range t.maps {
		if m := &t.maps[i]; m.platform == platform && m.encoding == encoding {
			return m
		}
	}
	return nil
}

// parseNames reads the names of glyphs.
func (t *trueType) parseNames(b []byte) {
	if u32(b, 0) != 0x00020000 || len(b) < 34 {
		return
	}
	n := u16(b, 32)
	if n != t.glyphs || 34+2*n > len(b) {
		return
	}
	var own []string
	for rest := b[34+2*n:]; len(rest) > 0 && len(rest) > int(rest[0]); rest = rest[1+int(rest[0]):] {
		own = append(own, string(rest[1:1+int(rest[0])]))
	}
	t.names = map[string]int{}
	for g := range n {
		k := u16(b, 34+2*g)
		var s string
		switch {
		case k < len(macGlyphs):
			s = macGlyphs[k]
		case k-len(macGlyphs) < len(own):
			s = own[k-len(macGlyphs)]
		}
		if _, twice := t.names[s]; !twice && s != "" {
			t.names[s] = g
		}
	}
}

// simple returns how the codes of a simple font become glyphs, in the order in which
// PDFium tries (and ISO 32000-1, 9.6.6.4, recommends).
func (t *trueType) simple(desc *descriptor, enc *encoding) func(code int) (int, rune, error) {
	base := enc.effective(desc, true)
	symbolic := desc.flags&flagSymbolic != 0
	nonsymbolic := desc.flags&flagNonsymbolic != 0
	if symbolic && (base == "WinAnsiEncoding" || base == "MacRomanEncoding") && len(t.maps) > 0 {
		win, mac := false, false
		for _, m := range t.maps {
			win = win || m.platform == 0 || m.platform == 3
			mac = mac || m.platform == 1
		}
		switch {
		case base == "WinAnsiEncoding" && !win && mac:
			base = "MacRomanEncoding"
		case base == "WinAnsiEncoding" && !win, base == "MacRomanEncoding" && !mac && !win:
			base = ""
		case base == "MacRomanEncoding" && !mac:
			base = "WinAnsiEncoding"
		}
	}
	none := func(int) (int, rune, error) { return 0, 0, declined("a font's characters") }
	macUnicode, macCode := macTables()
	unicodeMap, symbolMap, macMap := t.charMap(3, 1), t.charMap(3, 0), t.charMap(1, 0)
	symbol := func(code int) int {
		for _, prefix := range []int{0xF000, 0xF100, 0xF200, 0} {
			if g := symbolMap.index(prefix + code); g != 0 {
				return g
			}
		}
		return 0
	}
	if (base == "WinAnsiEncoding" || base == "MacRomanEncoding") && len(enc.names) == 0 || nonsymbolic {
		if len(t.maps) == 0 {
			return none
		}
		kind := unicodeMap
		if kind == nil {
			first, second := macMap, symbolMap
			if !nonsymbolic {
				first, second = second, first
			}
			if kind = first; kind == nil {
				kind = second
			}
		}
		return func(code int) (int, rune, error) {
			n := enc.nameOf(base, code)
			if n == "" {
				return 0, 0, declined("a character without a name")
			}
			r := runeOf(n)
			g := 0
			switch {
			case kind == nil:
			case kind == symbolMap:
				g = symbol(code)
			case r == 0:
			case kind == unicodeMap:
				g = kind.index(int(r))
			default:
				if c, ok := macCode[r]; ok {
					g = kind.index(c)
				} else {
					g = t.names[n]
				}
			}
			if g == 0 {
				g = t.names[n]
			}
			if g == 0 {
				return 0, 0, errNoGlyph
			}
			return g, r, nil
		}
	}
	// The first table that has any code is used for all codes. Glyph 0 stands for a missing
	// character.
	has := func(index func(code int) int) bool {
		for code := range 256 {
			if index(code) != 0 {
				return true
			}
		}
		return false
	}
	switch {
	case symbolMap != nil && has(symbol):
		return func(code int) (int, rune, error) {
			switch {
			case base != "":
				return symbol(code), runeOf(enc.nameOf(base, code)), nil
			case macMap != nil:
				return symbol(code), macUnicode[code], nil
			}
			return symbol(code), 0, nil
		}
	case macMap != nil && has(macMap.index):
		return func(code int) (int, rune, error) { return macMap.index(code), macUnicode[code], nil }
	case unicodeMap != nil && t.charMap(3, 10) == nil && t.charMap(0, 4) == nil && has(unicodeMap.index):
		return func(code int) (int, rune, error) { return unicodeMap.index(code), rune(code), nil }
	}
	return none
}

// box returns the bounds of a glyph's points and its width.
func (t *trueType) box(id int) (g glyph, err error) {
	defer caught(&err)
	if id < 0 || id >= t.glyphs {
		return g, errNoGlyph
	}
	at := min(id, t.metrics-1) * 4
	g.width = t.scale(u16(t.hmtx, at))
	bearing := i16(t.hmtx, at+2)
	if id >= t.metrics {
		bearing = i16(t.hmtx, 4*t.metrics+2*(id-t.metrics))
	}
	data := t.outline(id)
	if len(data) == 0 {
		return g, nil
	}
	budget := 1 << 14
	points := t.points(id, 0, &budget)
	if len(points) == 0 {
		return g, nil
	}
	// The outline is shifted so that it begins at the bearing of the table of widths.
	shift := float32(bearing - i16(data, 2))
	lo, hi := points[0], points[0]
	for _, p := range points[1:] {
		lo = point{min(lo.x, p.x), min(lo.y, p.y)}
		hi = point{max(hi.x, p.x), max(hi.y, p.y)}
	}
	g.left, g.right = t.scale(int(lo.x+shift)), t.scale(int(hi.x+shift))
	g.bottom, g.top = t.scale(int(lo.y)), t.scale(int(hi.y))
	return g, nil
}

func (t *trueType) outline(id int) []byte {
	var from, to int
	if t.long {
		from, to = u32(t.loca, 4*id), u32(t.loca, 4*id+4)
	} else {
		from, to = 2*u16(t.loca, 2*id), 2*u16(t.loca, 2*id+2)
	}
	sound(from <= to && to <= len(t.glyf))
	return t.glyf[from:to]
}

// points returns the points of a glyph, in units of the font.
func (t *trueType) points(id, depth int, budget *int) []point {
	sound(depth <= 6 && id < t.glyphs)
	b := t.outline(id)
	if len(b) == 0 {
		return nil
	}
	sound(len(b) >= 10)
	n := i16(b, 0)
	if n < 0 {
		return t.composite(b[10:], depth, budget)
	}
	if n == 0 {
		return nil
	}
	ends := b[10:]
	sound(len(ends) >= 2*n+2)
	count := u16(ends, 2*n-2) + 1
	if *budget -= count; *budget < 0 {
		decline("a large outline")
	}
	at := 2*n + 2 + u16(ends, 2*n)
	flags := make([]byte, 0, count)
	for len(flags) < count {
		sound(at < len(ends))
		f := ends[at]
		at++
		repeat := 1
		if f&8 != 0 {
			sound(at < len(ends))
			repeat += int(ends[at])
			at++
		}
		for ; repeat > 0 && len(flags) < count; repeat-- {
			flags = append(flags, f)
		}
	}
	points := make([]point, count)
	axis := func(short, same byte, set func(i, v int)) {
		v := 0
		for i, f := range flags {
			switch {
			case f&short != 0:
				sound(at < len(ends))
				d := int(ends[at])
				at++
				if f&same == 0 {
					d = -d
				}
				v += d
			case f&same == 0:
				sound(at+2 <= len(ends))
				v += i16(ends, at)
				at += 2
			}
			set(i, v)
		}
	}
	axis(2, 16, func(i, v int) { points[i].x = float32(v) })
	axis(4, 32, func(i, v int) { points[i].y = float32(v) })
	return points
}

// composite returns the points of a glyph made of others.
func (t *trueType) composite(b []byte, depth int, budget *int) []point {
	var all []point
	for more := true; more; {
		sound(len(b) >= 4)
		flags, id := u16(b, 0), u16(b, 2)
		b = b[4:]
		const words, offsets, scaled, further, two, four = 1, 2, 8, 32, 64, 128
		more = flags&further != 0
		expect(flags&offsets != 0, "an outline joined at points")
		size := 1 // bytes of a number of the place
		if flags&words != 0 {
			size = 2
		}
		n := 0 // numbers of the scale
		switch {
		case flags&scaled != 0:
			n = 1
		case flags&two != 0:
			n = 2
		case flags&four != 0:
			n = 4
		}
		sound(len(b) >= 2*size+2*n)
		m := identity
		if size == 2 {
			m.e, m.f = float32(i16(b, 0)), float32(i16(b, 2))
		} else {
			m.e, m.f = float32(int8(b[0])), float32(int8(b[1]))
		}
		f := func(i int) float32 { return float32(i16(b, 2*size+2*i)) / (1 << 14) }
		switch n {
		case 1:
			m.a, m.d = f(0), f(0)
		case 2:
			m.a, m.d = f(0), f(1)
		case 4:
			m.a, m.b, m.c, m.d = f(0), f(1), f(2), f(3)
		}
		b = b[2*size+2*n:]
		const scaledOffset = 0x800
		if flags&scaledOffset != 0 && (m.a != 1 || m.d != 1) {
			decline("an outline with a scaled place")
		}
		for _, p := range t.points(id, depth+1, budget) {
			x, y := m.point(p.x, p.y)
			all = append(all, point{x, y})
		}
		expect(len(all) <= 1<<14, "a large outline")
	}
	return all
}
