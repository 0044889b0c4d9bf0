package fast

import (
	"slices"
	"unicode"
)

// text is a text object: what one operator shows.
type text struct {
	z      int
	font   *font
	size   float32
	matrix matrix // from the text to the page
	glyphs []placed
	bounds rect // of the outlines, on the page
	core   rect // the middle of the bounds
	doubt  string
	hidden bool // it is neither filled nor stroked
	bright bool // it is visible on white, not on everything that is light
	paint  tone
	blank  bool // it paints nothing inside the visible box
}

// placed is a character with its place in the text.
type placed struct {
	*glyph
	code uint32
	x    float32
}

// show shows strings, and moves by the numbers between them (ISO 32000-1, 9.4.3).
func (in *interpreter) show(list []argument) {
	f := in.font
	expect(f != nil, "text without a font")
	in.z++
	// The position moves before the text by what is before the first string that is not
	// empty.
	first := 0
	var initial float32
	for ; first < len(list); first++ {
		o := &list[first]
		expect(o.kind == aText || o.kind == aNumber, "operands")
		if len(o.text) > 0 {
			break
		}
		initial += o.number
	}
	if initial != 0 {
		in.x -= initial * in.size * in.scale / 1000
	}
	if first == len(list) {
		return
	}
	most := 0
	for i := range list {
		most += len(list[i].text)
	}
	expect(in.chars+most <= maxChars, "too many characters")
	t := in.newText(most)
	t.z, t.font, t.size = in.z, f, in.size
	to := matrix{in.scale, 0, 0, 1, 0, 0}.then(in.text).then(in.ctm)
	x, y := in.text.point(in.x, in.y+in.rise)
	to.e, to.f = in.ctm.point(x, y)
	t.matrix = to

	var at, kern float32 // the position in the text, and what moves it before the next string
	box := rect{10000, 10000, -10000, -10000}
	begun := false
	for i := range list[first:] {
		o := &list[first+i]
		if o.kind == aNumber {
			kern += o.number
			continue
		}
		expect(o.kind == aText, "operands")
		s := o.text
		if len(s) == 0 {
			continue
		}
		if begun {
			at -= kern * in.size / 1000
		}
		begun, kern = true, 0
		in.chars += len(s)
		step := 1
		if f.wide {
			step = 2
			expect(len(s)%2 != 1, "half a character")
		}
		for i := 0; i < len(s); i += step {
			code := uint32(s[i])
			if f.wide {
				code = code<<8 | uint32(s[i+1])
			}
			g, err := f.glyph(code)
			if err != nil {
				panic(failed{err})
			}
			t.glyphs = append(t.glyphs, placed{g, code, at})
			left, right := at+float32(g.left)*in.size/1000, at+float32(g.right)*in.size/1000
			box.left = min(box.left, left, right)
			box.right = max(box.right, left, right)
			box.bottom = min(box.bottom, float32(g.bottom), float32(g.top))
			box.top = max(box.top, float32(g.bottom), float32(g.top))
			at += float32(g.width) * in.size / 1000
			if code == ' ' && !f.wide {
				at += in.wordSpace
			}
			at += in.charSpace
		}
	}
	in.x += at * in.scale
	if kern != 0 {
		in.x -= kern * in.size * in.scale / 1000
	}
	y0, y1 := box.bottom*in.size/1000, box.top*in.size/1000
	t.bounds = t.matrix.rect(rect{box.left, min(y0, y1), box.right, max(y0, y1)})
	if abs(t.bounds.right-t.bounds.left) < 0.01 {
		return // only spaces
	}
	expect(in.size != 0, "a font without a size")
	in.judge(t)
	in.texts = append(in.texts, t)
}

// memory is what the pages of a document use one after the other.
type memory struct {
	texts  [][]text
	glyphs [][]placed
	list   []*text
	areas  []area
}

// block returns the first block of memory with the room that is not used yet.
func block[T any](blocks *[][]T, used *int, room int) []T {
	for *used < len(*blocks) {
		b := (*blocks)[*used]
		if *used++; cap(b) >= room {
			return b
		}
	}
	b := make([]T, 0, room)
	*blocks = append(*blocks, b)
	*used++
	return b
}

// newText returns a text with room for so many characters. Many share one piece of memory.
func (in *interpreter) newText(chars int) *text {
	if len(in.textMemory) == cap(in.textMemory) {
		in.textMemory = block(&in.d.memory.texts, &in.usedText, 64)
	}
	if cap(in.glyphMemory)-len(in.glyphMemory) < chars {
		in.glyphMemory = block(&in.d.memory.glyphs, &in.usedGlyph, max(chars, 1024))
	}
	in.textMemory = append(in.textMemory, text{})
	from := len(in.glyphMemory)
	in.glyphMemory = in.glyphMemory[:from+chars]
	t := &in.textMemory[len(in.textMemory)-1]
	t.glyphs = in.glyphMemory[from : from : from+chars]
	return t
}

// judge sets the doubt whether the text is visible, as far as it alone causes one.
func (in *interpreter) judge(t *text) {
	if t.hidden = in.mode == 3; t.hidden {
		return
	}
	b := t.bounds
	w, h := min((b.right-b.left)/4, 1), (b.top-b.bottom)/4
	t.bright, t.paint = in.fill.high > darkText, in.fill
	t.core = rect{b.left + w, b.bottom + h, b.right - w, b.top - h}
	if t.blank = b.left == b.right || b.bottom == b.top || !b.overlaps(in.box); t.blank {
		return
	}
	switch {
	case in.mode != 0 && in.mode != 2:
		t.doubt = "a way of drawing text"
	case !in.opaque:
		t.doubt = "transparency"
	case in.layered > 0:
		t.doubt = "layers"
	}
	for _, c := range in.clips {
		if c.other || !c.box.contains(t.core) {
			t.doubt = "clipped text"
		}
	}
}

// survey declines the page if there is a doubt whether all text on it is visible.
func (in *interpreter) survey() {
	expect(len(in.texts)*len(in.areas) <= maxPairs, "too many areas")
	for _, t := range in.texts {
		if t.doubt != "" {
			decline(t.doubt)
		}
		if t.blank || t.hidden {
			continue
		}
		doubt := ""
		if t.paint.high > brightText {
			doubt = "bright text"
		}
		for i := range in.areas {
			if a := &in.areas[i]; (a.dark || a.z > t.z || t.bright) && a.box.overlaps(t.core) && t.inked(a.box) {
				doubt = "text under or on an area"
				break
			}
		}
		if doubt != "" && !in.shown(t) {
			decline(doubt)
		}
	}
}

// shown reports whether each outline of a text lies on paper, or within a solid area that
// hides all below it, in a color that differs much: a picture of the page would show it.
func (in *interpreter) shown(t *text) bool {
	if in.pairs += len(t.glyphs) * len(in.areas); in.pairs > maxPairs || in.box.area() > largePage {
		return false
	}
	for _, g := range t.glyphs {
		if g.left == g.right || g.bottom == g.top {
			continue
		}
		box := t.matrix.rect(t.outline(g))
		ground := tone{1, 1}
		for i := len(in.areas) - 1; i >= 0; i-- {
			a := &in.areas[i]
			if a.z < t.z && a.solid.contains(box) {
				ground = a.paint
				break
			}
			if a.box.overlaps(box) {
				return false
			}
		}
		if ground.contrast(t.paint) < plainly {
			return false
		}
	}
	return true
}

// inked reports whether an outline in the middle of the text's line reaches into an area.
func (t *text) inked(a rect) bool {
	for _, g := range t.glyphs {
		if g.left != g.right && g.bottom != g.top && t.matrix.rect(t.outline(g)).intersect(t.core).overlaps(a) {
			return true
		}
	}
	return false
}

// outline returns the bounds of a character's outline in the text.
func (t *text) outline(g placed) rect {
	s := t.size / 1000
	return rect{g.x + float32(g.left)*s, float32(g.bottom) * s, g.x + float32(g.right)*s, float32(g.top) * s}
}

// characters returns the characters of the page in PDFium's order: texts are sorted from
// left to right as long as they continue a line.
// They go into memory that may have room for them.
func (in *interpreter) characters(texts []*text, into []Char) []Char {
	twice(texts)
	order := make([]*text, 0, len(texts))
	from := 0 // the beginning of the line
	for _, t := range texts {
		if from == len(order) {
			order = append(order, t)
			continue
		}
		last := order[len(order)-1]
		edge := max(last.widthOf(last.glyphs[len(last.glyphs)-1]), t.widthOf(t.glyphs[0])) / 4
		if abs(t.matrix.f-last.matrix.f) > edge*2 {
			from = len(order)
			order = append(order, t)
			continue
		}
		i := len(order)
		for i > from && t.matrix.e < order[i-1].matrix.e {
			i--
		}
		order = slices.Insert(order, i, t)
	}
	out := into[:0]
	if cap(out) < in.chars {
		out = make([]Char, 0, in.chars)
	}
	var recent [8]drawn
	for n, t := range order {
		m := t.matrix
		c := Char{Text: int32(n), Size: t.size, Hidden: t.hidden, Matrix: [4]float32{m.a, m.b, m.c, m.d}}
		close := 0.07 * abs(t.size) * m.distance() * 1.01
		for _, g := range t.glyphs {
			c.X, c.Y = m.point(g.x, 0)
			expect(t.blank || !near(recent[:], g, t, c, close), "text printed twice")
			recent[len(out)%len(recent)] = drawn{t.font, g.code, c.X, c.Y}
			box := t.box(g)
			c.Left, c.Bottom, c.Right, c.Top = box.left, box.bottom, box.right, box.top
			for _, r := range g.runes {
				if g.left == g.right && g.bottom == g.top && !t.blank && !unicode.IsSpace(r) && !unicode.IsControl(r) {
					decline("a character that draws nothing")
				}
				expect(r < firstRightToLeft || !unicode.In(r, rightToLeft...), "right to left")
				c.Rune = r
				out = append(out, c)
			}
		}
	}
	return out
}

// drawn is a character with its origin on the page.
type drawn struct {
	font *font
	code uint32
	x, y float32
}

// near reports whether one of the last characters is the same, in almost the same place.
func near(recent []drawn, g placed, t *text, c Char, most float32) bool {
	for i := range recent {
		if r := &recent[i]; r.font == t.font && r.code == g.code && abs(r.x-c.X) < most && abs(r.y-c.Y) < most {
			return true
		}
	}
	return false
}

// firstRightToLeft is not greater than any character of rightToLeft.
const firstRightToLeft = 0x0590

var rightToLeft = []*unicode.RangeTable{unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko}

// widthOf returns the width of a character on the page.
func (t *text) widthOf(g placed) float32 {
	return abs(float32(g.width)*t.size/1000) * t.matrix.distance()
}

// distance is how long a horizontal unit is.
func (m matrix) distance() float32 {
	return matrix{m.a, m.b, 0, 0, 0, 0}.scale()
}

// box returns the box of a character: its advance width between ascent and descent,
// united with the outline.
func (t *text) box(g placed) rect {
	s := t.size / 1000
	tight := t.outline(g)
	if abs(tight.top-tight.bottom) < 0.01 {
		tight.top = tight.bottom + s
	}
	if abs(tight.right-tight.left) < 0.01 {
		tight.right = tight.left + float32(g.width)*s
	}
	box := t.matrix.rect(tight)
	if f := t.font; f.ascent != f.descent {
		box = box.union(t.matrix.rect(rect{g.x, float32(f.descent) * s, g.x + float32(g.width)*s, float32(f.ascent) * s}))
	}
	return box
}

// twice declines a page with texts or characters that are printed twice, almost in one
// place, as some programs make bold type: PDFium leaves some out.
func twice(texts []*text) {
	const window = 8
	for i, t := range texts {
		if t.blank {
			continue
		}
		for _, o := range texts[max(0, i-window):i] {
			const apart = 0.1
			if !o.blank && (t.bounds.left > o.bounds.right+apart || o.bounds.left > t.bounds.right+apart) {
				continue
			}
			if len(t.glyphs) == len(o.glyphs) && abs(t.matrix.f-o.matrix.f) <= max(t.bounds.top-t.bounds.bottom, abs(t.size))/8+0.1 &&
				abs(t.matrix.e-o.matrix.e) <= max(t.widthOf(t.glyphs[0]), t.widthOf(t.glyphs[len(t.glyphs)-1])) &&
				slices.EqualFunc(t.glyphs, o.glyphs, func(a, b placed) bool { return a.code == b.code }) {
				decline("text printed twice")
			}
		}
	}
}
