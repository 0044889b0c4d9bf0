package fast

import (
	"bytes"
	"compress/zlib"
	"io"
)

// The bounds of one page, with its forms.
const (
	maxOperators = 4 << 20
	maxContent   = 64 << 20 // bytes
	maxChars     = 1 << 16
	maxAreas     = 1 << 14
	maxPairs     = 1 << 22 // of a text and an area
	maxForms     = 1 << 12 // forms that are painted
	maxStates    = 512     // saved graphics states
	maxOperands  = 64
)

// state is the graphics state (ISO 32000-1, 8.4), as far as text depends on it.
type state struct {
	ctm matrix
	// fill is the color for filling.
	fill      tone
	plain     space
	opaque    bool
	lineWidth float32
	clips     []clip

	font              *font
	size, scale       float32
	charSpace         float32
	wordSpace, rise   float32
	leading           float32
	mode              int
	text              matrix  // as Tm sets it
	x, y, lineX, line float32 // positions in it: of the next text, and of the line
}

// tone is what is known of the luminance of a color, from 0 to 1.
type tone struct{ low, high float32 }

var anyTone = tone{0, 1}

// contrast is the least difference of two tones, below 0 if they may be the same.
func (t tone) contrast(o tone) float32 { return max(t.low-o.high, o.low-t.high) }

// clip is a clip path: a rectangle, or something else.
type clip struct {
	box   rect
	other bool
}

// space is a color space.
type space struct {
	components int  // how many numbers a color has, 0 if that is not known
	near       bool // colors are changed a little, such as by ICC profiles
}

var (
	spaceOther    = space{}
	spaceGray     = space{1, false}
	spaceRGB      = space{3, false}
	spaceCMYK     = space{4, false}
	spaceNearGray = space{1, true}
	spaceNearRGB  = space{3, true}
	spaceNearCMYK = space{4, true}
)

// area is something painted that can cover text, or hide text painted on it.
type area struct {
	z    int
	box  rect
	dark bool
	// solid is a rectangle that surely has one opaque color; it is empty if there is none.
	solid rect
	paint tone
}

// interpreter reads the content of a page.
type interpreter struct {
	d         *Document
	box       rect // the visible box
	resources dict
	state
	saved     []state
	marks     []bool // for each open mark, whether it is one of a layer
	layered   int    // how many of those are
	operators int
	bytes     int // of content
	forms     int
	depth     int
	z         int
	chars     int
	pairs     int // of an outline and an area that were compared

	path     []point
	start    point
	clipNext bool
	curved   bool
	subpaths int
	tracer   *Tracer // nil if nobody asked for rules
	traced   int     // points of path that the tracer has

	texts []*text
	areas []area

	textMemory          []text
	glyphMemory         []placed
	usedText, usedGlyph int // blocks of the document's memory

	// pictures is the area of all pictures. most is the same if a form with a picture counts
	// as a whole.
	pictures, most float32
}

type point struct{ x, y float32 }

func newInterpreter(d *Document, box rect) *interpreter {
	return &interpreter{d: d, box: box, texts: d.memory.list[:0], areas: d.memory.areas[:0], state: state{
		ctm: identity, plain: spaceGray, opaque: true, lineWidth: 1, scale: 1, text: identity,
	}}
}

// run reads a content stream.
func (in *interpreter) run(data []byte, resources dict) {
	if in.bytes += len(data); in.bytes > maxContent {
		decline("too much data")
	}
	outer := in.resources
	in.resources = resources
	defer func() { in.resources = outer }()
	x := &lexer{b: data}
	var r argumentReader
	for {
		x.skip()
		if x.i >= len(x.b) {
			return
		}
		op, err := r.next(x)
		if err == errShort {
			err = errSyntax
		}
		if err != nil {
			panic(failed{err})
		}
		if op == nil {
			continue
		}
		if in.operators++; in.operators > maxOperators {
			decline("too many operators")
		}
		if string(op) == "BI" {
			in.inlineImage(x)
		} else {
			in.do(op, r.operands)
		}
		r.operands, r.items = r.operands[:0], r.items[:0]
	}
}

// argument is an operand of an operator. Numbers, strings and arrays of them are the most
// frequent by far, and take no memory of their own.
type argument struct {
	kind   argumentKind
	number float32
	text   str
	list   []argument
	object any
}

type argumentKind uint8

const (
	anObject argumentKind = iota
	aNumber
	aText
	aList
)

// argumentReader collects the operands of an operator.
type argumentReader struct {
	operands []argument
	items    []argument // of their arrays
}

// next reads an operand, or an operator, which it returns.
func (r *argumentReader) next(x *lexer) (op []byte, err error) {
	o, op, err := r.read(x)
	if op != nil || err != nil {
		return op, err
	}
	if len(r.operands) == maxOperands {
		return nil, declined("too many operands")
	}
	if r.operands == nil {
		r.operands = make([]argument, 0, maxOperands)
	}
	r.operands = append(r.operands, o)
	return nil, nil
}

// read reads one object or keyword, after space.
func (r *argumentReader) read(x *lexer) (o argument, op []byte, err error) {
	switch c := x.b[x.i]; {
	case c == '(':
		o.kind = aText
		o.text, err = x.literal()
		return o, nil, err
	case c == '[':
		x.i++
		from := len(r.items)
		for {
			x.skip()
			if x.i >= len(x.b) {
				return o, nil, errShort
			}
			if x.b[x.i] == ']' {
				x.i++
				o.kind, o.list = aList, r.items[from:len(r.items):len(r.items)]
				return o, nil, nil
			}
			if x.b[x.i] == '[' { // an array in an array means nothing in a content
				return o, nil, errSyntax
			}
			item, word, err := r.read(x)
			if err != nil {
				return o, nil, err
			}
			if word != nil {
				return o, nil, errSyntax
			}
			r.items = append(r.items, item)
		}
	case isDelimiter(c):
		v, err := x.next()
		switch v := v.(type) {
		case keyword:
			return o, []byte(v), err
		case str:
			return argument{kind: aText, text: v}, nil, err
		}
		return argument{object: v}, nil, err
	}
	w := x.regular()
	if startsNumber(w[0]) {
		n, f, whole, err := number(w)
		if whole {
			f = float32(n)
		}
		return argument{kind: aNumber, number: f}, nil, err
	}
	v, isWord := word(w)
	if !isWord {
		return o, w, nil
	}
	return argument{object: v}, nil, nil
}

// numbers returns how many numbers an operator takes; ok is false if it takes other
// operands.
func numbers(op []byte) (n int, ok bool) {
	switch string(op) {
	case "q", "Q", "h", "S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "n", "W", "W*", "BT", "ET", "T*", "EMC", "BX", "EX":
		return 0, true
	case "w", "J", "j", "M", "i", "Tc", "Tw", "Tz", "TL", "Tr", "Ts", "G", "g":
		return 1, true
	case "m", "l", "Td", "TD":
		return 2, true
	case "RG", "rg":
		return 3, true
	case "v", "y", "re", "K", "k":
		return 4, true
	case "c", "cm", "Tm":
		return 6, true
	}
	return 0, false
}

func (in *interpreter) do(op []byte, operands []argument) {
	n := len(operands)
	if want, ok := numbers(op); ok {
		var v [6]float32
		expect(n == want && floats(v[:n], operands), "operands")
		in.simple(op, v)
		return
	}
	switch string(op) {
	case "d", "ri", "MP", "DP", "CS", "SC", "SCN":
	case "gs":
		expect(n == 1, "operands")
		in.graphics(operands[0].object)
	case "cs":
		expect(n == 1, "operands")
		in.plain = in.space(operands[0].object)
		in.fill = tone{} // black
		if in.plain == spaceOther || in.plain == spaceNearCMYK {
			in.fill = anyTone
		}
	case "sc", "scn":
		var v [4]float32
		if n > len(v) || !floats(v[:n], operands) {
			in.fill = anyTone // a pattern, or a color that is not known here
			return
		}
		in.color(in.plain, v[:n])
	case "sh":
		in.z++
		box := in.box
		for _, c := range in.clips {
			if !c.other {
				box = box.intersect(c.box)
			}
		}
		in.area(area{box: box})
	case "Tf":
		expect(n == 2 && operands[1].kind == aNumber, "operands")
		in.size = operands[1].number
		in.font = in.loadFont(operands[0].object)
	case "Tj", "'", "\"":
		if op[0] == '"' {
			var v [2]float32
			expect(n == 3 && floats(v[:], operands[:2]), "operands")
			in.wordSpace, in.charSpace = v[0], v[1]
			operands = operands[2:]
		}
		expect(len(operands) == 1, "operands")
		if op[0] != 'T' {
			in.move(0, -in.leading)
		}
		in.show(operands)
	case "TJ":
		expect(n == 1 && operands[0].kind == aList, "operands")
		in.show(operands[0].list)
	case "Do":
		expect(n == 1, "operands")
		in.paint(operands[0].object)
	case "BMC", "BDC":
		expect(n > 0, "operands")
		in.mark(operands)
	default:
		decline("an operator")
	}
}

// floats copies numbers, and reports whether all operands are numbers.
func floats(to []float32, operands []argument) bool {
	for i := range operands {
		if operands[i].kind != aNumber {
			return false
		}
		to[i] = operands[i].number
	}
	return true
}

func (in *interpreter) simple(op []byte, v [6]float32) {
	switch string(op) {
	case "w":
		in.lineWidth = v[0]
	case "cm":
		in.ctm = matrix{v[0], v[1], v[2], v[3], v[4], v[5]}.then(in.ctm)
	case "q":
		expect(len(in.saved) != maxStates, "nesting")
		in.saved = append(in.saved, in.state)
	case "Q":
		if n := len(in.saved); n > 0 {
			in.state = in.saved[n-1]
			in.saved = in.saved[:n-1]
		}
	case "m":
		in.subpaths++
		in.start = point{v[0], v[1]}
		in.path = append(in.path, in.start)
	case "l":
		in.path = append(in.path, point{v[0], v[1]})
	case "c":
		in.curved = true
		in.path = append(in.path, point{v[0], v[1]}, point{v[2], v[3]}, point{v[4], v[5]})
	case "v", "y":
		in.curved = true
		in.path = append(in.path, point{v[0], v[1]}, point{v[2], v[3]})
	case "h":
		if len(in.path) > 0 && in.path[len(in.path)-1] != in.start {
			in.path = append(in.path, in.start)
		}
	case "re":
		x, y, w, h := v[0], v[1], v[2], v[3]
		in.subpaths++
		in.start = point{x, y}
		in.path = append(in.path, in.start, point{x + w, y}, point{x + w, y + h}, point{x, y + h}, in.start)
	case "W", "W*":
		in.clipNext = true
	case "n":
		in.paintPath(op, false, false)
	case "S", "s":
		in.paintPath(op, false, true)
	case "f", "F", "f*":
		in.paintPath(op, true, false)
	case "B", "B*", "b", "b*":
		in.paintPath(op, true, true)
	case "BT":
		in.text = identity
		in.x, in.y, in.lineX, in.line = 0, 0, 0, 0
	case "Tc":
		in.charSpace = v[0]
	case "Tw":
		in.wordSpace = v[0]
	case "Tz":
		in.scale = v[0] / 100
	case "TL":
		in.leading = v[0]
	case "Tr":
		in.mode = int(v[0])
		expect(in.mode >= 0 && in.mode <= 7 && float32(in.mode) == v[0], "a way of drawing text")
	case "Ts":
		in.rise = v[0]
	case "Td":
		in.move(v[0], v[1])
	case "TD":
		in.move(v[0], v[1])
		in.leading = -v[1]
	case "Tm":
		in.text = matrix{v[0], v[1], v[2], v[3], v[4], v[5]}
		in.x, in.y, in.lineX, in.line = 0, 0, 0, 0
	case "T*":
		in.move(0, -in.leading)
	case "g":
		in.color(spaceGray, v[:1])
	case "rg":
		in.color(spaceRGB, v[:3])
	case "k":
		in.color(spaceCMYK, v[:4])
	case "EMC":
		n := len(in.marks)
		expect(n != 0, "marks")
		if in.marks[n-1] {
			in.layered--
		}
		in.marks = in.marks[:n-1]
	}
	expect(len(in.path) <= maxOperators, "too many points")
	if in.tracer != nil {
		in.trace(op)
	}
}

// trace passes the points that an operator added to the path on to the tracer.
func (in *interpreter) trace(op []byte) {
	kind := LineTo
	switch op[0] {
	case 'm', 'r':
		kind = MoveTo
	case 'c', 'v', 'y':
		kind = CurveTo
		if op[0] != 'c' && in.traced < len(in.path) && in.traced > 0 {
			// One of the two control points is the end that is next to it.
			p := in.path[in.traced-1]
			if op[0] == 'y' {
				p = in.path[len(in.path)-1]
			}
			in.point(p, CurveTo)
		}
	}
	for ; in.traced < len(in.path); in.traced++ {
		in.point(in.path[in.traced], kind)
		if kind == MoveTo {
			kind = LineTo
		}
	}
}

func (in *interpreter) point(p point, k PointKind) {
	x, y := in.ctm.point(p.x, p.y)
	in.tracer.Point(Point{x, y}, k)
}

// ruled passes the path on to the tracer, as it is painted.
func (in *interpreter) ruled(op []byte, fill, stroke bool) {
	box := in.box
	for _, c := range in.clips {
		box = box.intersect(c.box)
	}
	// What is filled with white is the paper.
	fill = fill && in.fill.low < 0.97
	closed := op[0] == 's' || op[0] == 'b'
	in.tracer.Paint(fill, stroke, closed, in.lineWidth*in.ctm.scale(), Rule{box.left, box.bottom, box.right, box.top})
	in.traced = 0
}

// move begins a line at a distance from the beginning of the last one.
func (in *interpreter) move(x, y float32) {
	in.lineX += x
	in.line += y
	in.x, in.y = in.lineX, in.line
}

// mark begins marked content (ISO 32000-1, 14.6).
func (in *interpreter) mark(operands []argument) {
	tag, ok := operands[0].object.(name)
	expect(ok && len(in.marks) != maxStates, "marks")
	if len(operands) > 1 {
		o := operands[1].object
		if n, ok := o.(name); ok {
			o = in.lookup("Properties", n)
		}
		expect(need(in.d.f.dict(o))["ActualText"] == nil, "replaced text")
	}
	layer := tag == "OC"
	in.marks = append(in.marks, layer)
	if layer {
		in.layered++
	}
}

// lookup returns a resource, nil if there is none of that kind and name.
func (in *interpreter) lookup(kind name, operand any) any {
	n, ok := operand.(name)
	expect(ok, "operands")
	return need(in.d.f.dict(in.resources[kind]))[n]
}

// graphics sets parameters of the graphics state (ISO 32000-1, 8.4.5).
func (in *interpreter) graphics(o any) {
	g := need(in.d.f.dict(in.lookup("ExtGState", o)))
	expect(g != nil, "a missing resource")
	for key, o := range g {
		v := need(in.d.f.get(o))
		switch key {
		case "Font":
			decline("a font of the graphics state")
		case "LW":
			in.lineWidth = need(in.d.f.float(v))
		}
	}
	// Any of these makes text transparent. A state that was transparent is opaque again only
	// if all say so.
	opaque, all := true, true
	for key, is := range map[name]func(any) bool{
		"ca":    func(v any) bool { f, err := in.d.f.float(v); return err == nil && f == 1 },
		"BM":    func(v any) bool { return v == name("Normal") || v == name("Compatible") },
		"SMask": func(v any) bool { return v == name("None") },
	} {
		v := need(in.d.f.get(g[key]))
		opaque = opaque && (v == nil || is(v))
		all = all && g[key] != nil
	}
	in.opaque = opaque && (in.opaque || all)
}

// device returns the color space that a name means without a resource.
func device(n name) (s space, ok bool) {
	switch n {
	case "DeviceGray", "G", "CalGray":
		return spaceGray, true
	case "DeviceRGB", "RGB", "CalRGB":
		return spaceRGB, true
	case "DeviceCMYK", "CMYK":
		return spaceCMYK, true
	case "Pattern":
		return spaceOther, true
	}
	return spaceOther, false
}

// space returns the color space of a name or an object.
func (in *interpreter) space(o any) space {
	if n, ok := o.(name); ok {
		if s, ok := device(n); ok {
			return s
		}
		o = need(in.d.f.get(in.lookup("ColorSpace", n)))
	}
	if n, ok := o.(name); ok {
		s, _ := device(n)
		return s
	}
	list, ok := o.([]any)
	if !ok || len(list) < 2 {
		return spaceOther
	}
	switch need(in.d.f.name(list[0])) {
	case "CalGray":
		return spaceNearGray
	case "CalRGB":
		return spaceNearRGB
	case "ICCBased":
		switch n, _ := in.d.f.int(need(in.d.f.dict(list[1]))["N"]); n {
		case 1, 3, 4:
			return space{n, true}
		}
	}
	return spaceOther
}

// The luminances that decide, as with PDFium: dark text is visible on light areas, and
// bright text on white paper still is.
const (
	darkText   = 0.4
	brightText = 0.6
	lightArea  = 0.6
	inexact    = 0.15 // the error of a luminance that is only estimated
	// From this difference on, text is plainly visible on its background: rendering it
	// shows the same.
	plainly = 0.5
	// Larger pages, in square points, are rendered with less than two pixels a point.
	largePage = 1 << 20
)

// color sets the color for filling.
func (in *interpreter) color(s space, v []float32) {
	in.fill = anyTone
	for i := range v {
		v[i] = min(max(v[i], 0), 1)
	}
	expect(s == spaceOther || len(v) == s.components, "operands")
	near := s.near
	var luminance float32
	switch s.components {
	case 1:
		luminance = v[0]
	case 3:
		luminance = 0.3*v[0] + 0.6*v[1] + 0.1*v[2]
	case 4:
		near, luminance = true, (1-v[3])*(0.3*(1-v[0])+0.6*(1-v[1])+0.1*(1-v[2]))
	default:
		return
	}
	in.fill = tone{luminance, luminance}
	if near {
		in.fill = tone{luminance - inexact, luminance + inexact}
	}
}

// paintPath ends the path: it is painted, or makes the clip narrower, or both.
func (in *interpreter) paintPath(op []byte, fill, stroke bool) {
	if in.tracer != nil {
		in.ruled(op, fill, stroke)
	}
	clips := in.clipNext
	path := in.path
	rectangle := !in.curved && in.subpaths == 1 && (len(path) == 4 || len(path) == 5)
	in.path, in.clipNext, in.curved, in.subpaths = in.path[:0], false, false, 0
	in.z++
	if len(path) == 0 {
		expect(!clips, "an empty clip")
		return
	}
	x, y := in.ctm.point(path[0].x, path[0].y)
	box := rect{x, y, x, y}
	var corners [5]point
	for i, p := range path {
		x, y := in.ctm.point(p.x, p.y)
		box = box.union(rect{x, y, x, y})
		if i < len(corners) {
			corners[i] = point{x, y}
		}
	}
	// Two opposite corners with both coordinates different, and each corner between them
	// sharing one with either, make a rectangle.
	c := corners
	rectangle = rectangle && c[0].x != c[2].x && c[0].y != c[2].y &&
		(c[1] == point{c[0].x, c[2].y} && c[3] == point{c[2].x, c[0].y} || c[1] == point{c[2].x, c[0].y} && c[3] == point{c[0].x, c[2].y}) &&
		(len(path) == 4 || c[4] == c[0])
	if clips {
		// Only a rectangle shows everything within its bounds.
		expect(len(in.clips) < 64, "too many clips")
		in.clips = append(in.clips[:len(in.clips):len(in.clips)], clip{box: box, other: !rectangle})
	}
	if fill {
		a := area{box: box, dark: in.fill.low < lightArea, paint: in.fill}
		if rectangle {
			a.solid = box
		}
		if stroke {
			w := in.lineWidth * in.ctm.scale()
			a.box = rect{box.left - w, box.bottom - w, box.right + w, box.top + w}
			if rectangle {
				a.solid = rect{box.left + w, box.bottom + w, box.right - w, box.top - w}
			}
		}
		if !in.opaque || in.layered > 0 {
			a.solid = rect{}
		}
		in.area(a)
	} else if stroke {
		// A line thicker than two points covers text.
		if w := in.lineWidth * in.ctm.scale(); !(w <= 2) {
			m := w * 10 // a miter
			in.area(area{box: rect{box.left - m, box.bottom - m, box.right + m, box.top + m}, dark: true})
		}
	}
}

// area adds something that was painted.
func (in *interpreter) area(a area) {
	for _, c := range in.clips {
		a.box = a.box.intersect(c.box)
		if a.solid = a.solid.intersect(c.box); c.other {
			a.solid = rect{}
		}
	}
	box := a.box
	if box.left > box.right || box.bottom > box.top {
		return
	}
	if !(box.left <= in.box.right && in.box.left <= box.right && box.bottom <= in.box.top && in.box.bottom <= box.top) {
		return
	}
	expect(len(in.areas) != maxAreas, "too many areas")
	a.z = in.z
	in.areas = append(in.areas, a)
}

// paint paints an external object: a picture or a form.
func (in *interpreter) paint(o any) {
	s, ok := need(in.d.f.get(in.lookup("XObject", o))).(stream)
	expect(ok, "a missing resource")
	switch need(in.d.f.name(s.dict["Subtype"])) {
	case "Image":
		in.image()
	case "Form":
		in.form(s)
	default:
		decline("an external object")
	}
}

func (in *interpreter) image() {
	in.z++
	box := in.ctm.rect(rect{0, 0, 1, 1})
	seen := box.intersect(in.box).area()
	in.pictures += seen
	in.most += seen
	in.area(area{box: box})
}

// form is the content of a form XObject.
type form struct {
	data      []byte
	resources dict
	matrix    matrix
	box       rect
}

func (in *interpreter) form(s stream) {
	if in.forms++; in.forms > maxForms || in.depth == 12 {
		decline("too many forms")
	}
	fm := in.d.loadForm(s)
	resources := fm.resources
	if resources == nil {
		resources = in.resources
	}
	saved, stack, marks := in.state, in.saved, in.marks
	layered := in.layered
	in.saved, in.marks = nil, nil
	in.depth++
	if s.dict["OC"] != nil {
		in.layered++
	}
	in.ctm = fm.matrix.then(in.ctm)
	box := in.ctm.rect(fm.box)
	straight := in.ctm.b == 0 && in.ctm.c == 0 || in.ctm.a == 0 && in.ctm.d == 0
	in.clips = append(in.clips[:len(in.clips):len(in.clips)], clip{box: box, other: !straight})
	in.path, in.subpaths = in.path[:0], 0
	in.drop()
	in.scale, in.rise, in.leading = 1, 0, 0 // PDFium inherits only the rest of the text state
	pictures := in.pictures
	in.run(fm.data, resources)
	if in.pictures > pictures {
		in.most += box.intersect(in.box).area()
	}
	in.state, in.saved, in.marks = saved, stack, marks
	in.layered = layered
	in.depth--
	in.path, in.clipNext, in.curved, in.subpaths = in.path[:0], false, false, 0
	in.drop()
}

// drop has the tracer forget the path.
func (in *interpreter) drop() {
	if in.traced = 0; in.tracer != nil {
		in.tracer.Drop()
	}
}

func (d *Document) loadForm(s stream) *form {
	if fm, ok := d.forms[s.num]; ok {
		return fm
	}
	fm := &form{matrix: identity}
	fm.data = need(d.f.data(s, nil))
	fm.resources = need(d.f.dict(s.dict["Resources"]))
	m := need(d.f.floats(s.dict["Matrix"]))
	b, err := d.f.floats(s.dict["BBox"])
	expect(err == nil && len(b) == 4 && (m == nil || len(m) == 6), "a form")
	if m != nil {
		fm.matrix = matrix{m[0], m[1], m[2], m[3], m[4], m[5]}
	}
	fm.box = upright(b)
	if len(d.forms) >= 256 {
		clear(d.forms)
	}
	d.forms[s.num] = fm
	return fm
}

// inlineImage reads a picture within the content (ISO 32000-1, 8.9.7), whose end must be
// certain.
func (in *interpreter) inlineImage(x *lexer) {
	d := dict{}
	for {
		k, err := x.next()
		if err == nil && k == keyword("ID") {
			break
		}
		key, ok := k.(name)
		if err == nil && ok {
			d[key], err = x.next()
		}
		if err != nil || !ok {
			panic(failed{errSyntax})
		}
	}
	x.i++ // one space
	value := func(keys ...name) any {
		for _, k := range keys {
			if v, ok := d[k]; ok {
				return v
			}
		}
		return nil
	}
	filter := value("F", "Filter")
	if list, ok := filter.([]any); ok && len(list) > 0 {
		filter = list[0]
	}
	if x.i > len(x.b) {
		panic(failed{errSyntax})
	}
	rest := x.b[x.i:]
	switch filter {
	case nil:
		w, _ := value("W", "Width").(int)
		h, _ := value("H", "Height").(int)
		bits, _ := value("BPC", "BitsPerComponent").(int)
		if mask, _ := value("IM", "ImageMask").(bool); mask {
			bits = 1
		}
		n := 0
		switch value("CS", "ColorSpace") {
		case name("G"), name("DeviceGray"):
			n = 1
		case name("RGB"), name("DeviceRGB"):
			n = 3
		case name("CMYK"), name("DeviceCMYK"):
			n = 4
		case nil:
			n = 1
		}
		expect(n > 0 && w > 0 && h > 0 && w <= 1<<16 && h <= 1<<16 && bits > 0 && bits <= 16, "a picture in the content")
		x.i += (w*n*bits + 7) / 8 * h
	case name("Fl"), name("FlateDecode"):
		r := bytes.NewReader(rest)
		z, err := zlib.NewReader(r)
		expect(err == nil, "damaged data")
		if n, err := io.Copy(io.Discard, io.LimitReader(z, maxStream)); err != nil || n == maxStream {
			decline("damaged data")
		}
		x.i += len(rest) - r.Len()
	case name("A85"), name("ASCII85Decode"):
		end := bytes.Index(rest, []byte("~>"))
		expect(end >= 0, "damaged data")
		x.i += end + 2
	default:
		decline("a picture in the content")
	}
	if x.i > len(x.b) {
		panic(failed{errSyntax})
	}
	if k, err := x.next(); err != nil || k != keyword("EI") {
		decline("a picture in the content")
	}
	in.image()
}
