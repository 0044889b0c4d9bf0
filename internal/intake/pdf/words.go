package pdf

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/page"
)

// maxChars bounds the characters of one page. A page of a bill has about 2,000, and the
// time to find bills on a page may grow with the square.
const maxChars = 1 << 16

// frame maps PDF's user space to the page as people read it: inside its visible box,
// upright. turns is the number of quarter turns counter-clockwise from the x axis to
// the direction of the text.
type frame struct {
	box   rect
	turns int
}

func (f frame) size() (width, height float32) {
	w, h := f.box.right-f.box.left, f.box.top-f.box.bottom
	if f.turns%2 == 1 {
		return h, w
	}
	return w, h
}

func (f frame) point(x, y float32) (float32, float32) {
	switch f.turns {
	case 1:
		return y - f.box.bottom, x - f.box.left
	case 2:
		return f.box.right - x, y - f.box.bottom
	case 3:
		return f.box.top - y, f.box.right - x
	default:
		return x - f.box.left, f.box.top - y
	}
}

func (f frame) rect(r rect) page.Box {
	x0, y0 := f.point(r.left, r.top)
	x1, y1 := f.point(r.right, r.bottom)
	return page.Box{X0: min(x0, x1), Y0: min(y0, y1), X1: max(x0, x1), Y1: max(y0, y1)}
}

// errDamaged is the error of a page that PDFium cannot load.
type errDamaged struct{ why string }

func (e errDamaged) Error() string { return e.why }

// characters are the characters of a page, as one of the readers has them.
type characters interface {
	unicode(char int) rune
	// generated reports whether the reader derived a space from a gap.
	generated(char int) bool
	// object returns the text object of a character.
	object(char int) uint64
	// loose returns the box in user space: the advance width between ascent and descent,
	// united with the outline.
	loose(char int) (r rect, ok bool)
	origin(char int) (x, y float32)
	// matrix returns a, b, c and d, and the size of the font before them.
	matrix(char int) (m [4]float64, size float64)
}

// reading makes words of the characters of a page.
type reading struct {
	from  characters
	chars int
	frame frame
	// unseen are the invisible characters of texts that are visible in part, in user
	// space, by text object.
	unseen map[uint32][]rect
	notes  []page.Note
	verge  bool // rounding decided where a word ends
}

// loaded is a page that PDFium has opened, with its text.
type loaded struct {
	reading
	p          *pdfium
	page, text uint32
	rotation   int // the page's own /Rotate, in quarter turns clockwise
	// transparency is true if something on the page may be transparent.
	transparency bool
	scan         page.Scan
	hidden       []page.Word // those of the texts that nobody sees
}

func (l *loaded) unicode(char int) rune { return rune(uint32(l.p.on(l.p.unicode, l.text, char))) }

func (l *loaded) generated(char int) bool { return uint32(l.p.on(l.p.generated, l.text, char)) == 1 }

func (l *loaded) object(char int) uint64 { return l.p.on(l.p.object, l.text, char) }

func (l *loaded) loose(char int) (r rect, ok bool) {
	got := l.p.on(l.p.looseBox, l.text, char, l.p.scratch)
	return l.p.rectF(), got != 0
}

func (l *loaded) origin(char int) (x, y float32) {
	l.p.on(l.p.origin, l.text, char, l.p.scratch, l.p.scratch+8)
	dx, _ := l.p.mem.ReadFloat64Le(l.p.scratch)
	dy, _ := l.p.mem.ReadFloat64Le(l.p.scratch + 8)
	return float32(dx), float32(dy)
}

func (l *loaded) matrix(char int) (m [4]float64, size float64) {
	l.p.on(l.p.matrix, l.text, char, l.p.scratch)
	for i := range m {
		m[i] = float64(l.p.float32At(l.p.scratch + 4*uint32(i)))
	}
	return m, math.Float64frombits(l.p.on(l.p.fontSize, l.text, char))
}

// load opens a page, counted from 1, and takes invisible text off it. It fails with
// errDamaged if the rest of the document can still be read.
func (d *document) load(number int) (l *loaded, err error) {
	p := d.p
	l = &loaded{p: p}
	l.from = l
	if l.page, err = d.openPage(number); err != nil {
		return nil, err
	}
	p.call("FPDF_GetPageBoundingBox", uint64(l.page), uint64(p.scratch))
	l.frame.box = p.rectF()
	if w, h := l.frame.size(); !(w > 0 && h > 0 && w < 1e5 && h < 1e5) {
		l.close()
		return nil, errDamaged{"the page has no area"}
	}
	l.rotation = int(p.call("FPDFPage_GetRotation", uint64(l.page)) & 3)
	l.frame.turns = l.rotation
	annotations := p.call("FPDFPage_GetAnnotCount", uint64(l.page))
	var notes []pending
	if int32(annotations) > 0 {
		if notes, err = l.flatten(d, number, int(annotations)); err != nil {
			return nil, err
		}
	}
	if err := l.loadText(); err != nil {
		return nil, err
	}
	l.transparency = p.call("FPDFPage_HasTransparency", uint64(l.page)) != 0
	s := l.survey()
	chars := l.chars
	if l.judge(s) {
		only := map[uint64]bool{}
		for i := range s.texts {
			if s.texts[i].hidden {
				only[uint64(s.texts[i].handle)] = true
			}
		}
		l.hidden = l.hiddenWords(only)
		p.call("FPDFText_ClosePage", uint64(l.text))
		if err := l.loadText(); err != nil {
			return nil, err
		}
	}
	l.findTurns()
	w, h := l.frame.size()
	if s.picture >= w*h/2 {
		l.scan = page.Picture
		if l.chars == 0 && chars > 0 {
			l.scan = page.TextLayer
		}
	}
	for _, n := range notes {
		l.note(n.kind, l.frame.rect(n.at), n.text, n.message)
	}
	return l, nil
}

// openPage returns PDFium's handle of a page, counted from 1.
func (d *document) openPage(number int) (uint32, error) {
	handle := d.p.call("FPDF_LoadPage", uint64(d.doc), uint64(number-1))
	if handle == 0 {
		return 0, cmp.Or(d.p.fileErr, error(errDamaged{"the page is damaged and cannot be read"}))
	}
	return handle, nil
}

// loadText loads the page's text. If it fails with errDamaged, the page is closed.
func (l *loaded) loadText() error {
	p := l.p
	l.text = p.call("FPDFText_LoadPage", uint64(l.page))
	if l.text == 0 {
		l.close()
		return errDamaged{"the page's text cannot be read"}
	}
	n := p.call("FPDFText_CountChars", uint64(l.text))
	l.chars = max(0, int(int32(n)))
	if l.chars > maxChars {
		l.close()
		return errDamaged{fmt.Sprintf(
			"the page has %d characters, more than the %d that a page of bills may have", l.chars, maxChars)}
	}
	return nil
}

func (l *loaded) close() {
	if l.text != 0 {
		l.p.call("FPDFText_ClosePage", uint64(l.text))
	}
	l.p.call("FPDF_ClosePage", uint64(l.page))
}

// findTurns examines a few characters to find out which way the page is to be read:
// some programs print sideways without setting /Rotate.
func (l *reading) findTurns() {
	var votes [4]int
	step := max(1, l.chars/32)
	for i := 0; i < l.chars; i += step {
		if !visible(l.from.unicode(i)) {
			continue
		}
		if pose := l.poseOf(i); pose.straight {
			votes[pose.turns]++
		}
	}
	for t, n := range votes {
		if n > votes[l.frame.turns] {
			l.frame.turns = t
		}
	}
}

// pose is the direction and size of a character in user space.
type pose struct {
	// turns is the direction of writing, in quarter turns counter-clockwise.
	turns int
	// straight is true if the direction differs from that by less than 9 degrees.
	straight bool
	mirrored bool
	size     float32 // of the font, in points
}

// poseOf returns the pose of a character. A negative font size turns the text by half a
// turn.
func (l *reading) poseOf(char int) pose {
	m, size := l.from.matrix(char)
	a, b, c, d := m[0], m[1], m[2], m[3]
	if size < 0 {
		a, b, c, d, size = -a, -b, -c, -d, -size
	}
	if b == 0 && c == 0 && a > 0 && d > 0 { // nearly all text
		return pose{straight: true, size: float32(size * d)}
	}
	quarter := math.Atan2(b, a) / (math.Pi / 2)
	turns := math.Round(quarter)
	return pose{
		turns:    int(turns) & 3,
		straight: math.Abs(quarter-turns) < 0.1,
		mirrored: a*d < b*c,
		size:     float32(size * math.Hypot(c, d)),
	}
}

// visible reports whether a character leaves a mark and can be part of a word.
func visible(r rune) bool {
	if r > ' ' && r < 0x7F {
		return true
	}
	return r == hyphen || r == softHyphen || r > ' ' && r != 0xFFFE && r != 0xFFFF &&
		!unicode.IsSpace(r) && !page.Invisible(r)
}

const (
	// hyphen is PDFium's character for a hyphen at the end of a run of text that seems
	// to continue elsewhere.
	hyphen = 2
	// softHyphen is a soft hyphen, which is drawn as a hyphen.
	softHyphen = 0xAD
)

// printed returns the character that the page shows for one of PDFium's.
func printed(r rune) rune {
	switch {
	case r > ' ' && r < 0x7F:
		return r
	case r == hyphen, r == softHyphen, r == 0x2010, r == 0x2011: // the same hyphen, breaking or not
		return '-'
	case r > unicode.MaxRune || r >= 0xD800 && r < 0xE000:
		return unicode.ReplacementChar
	}
	return page.Symbol(r)
}

// boxOf returns the box of a character, in user space and on the page; ok is false
// if its middle is outside the visible box.
func (l *reading) boxOf(char int, width, height float32) (user rect, box page.Box, ok bool) {
	user, got := l.from.loose(char)
	box = l.frame.rect(user)
	x, y := (box.X0+box.X1)/2, (box.Y0+box.Y1)/2
	// The comparison is false for a NaN, too.
	return user, box, got && x >= 0 && x <= width && y >= 0 && y <= height
}

// words returns the words inside the visible box, in reading order. It omits text that
// is slanted or runs in another direction than the page, such as a watermark; stamps
// get a note.
func (l *reading) words() []page.Word {
	b := l.build(nil)
	l.verge = b.verge
	l.findStamps(b)
	page.Order(b.words)
	return b.words
}

// hiddenWords returns the words of some text objects, which nobody sees.
func (l *reading) hiddenWords(only map[uint64]bool) []page.Word {
	l.findTurns()
	b := l.build(only)
	l.verge = b.verge
	page.Order(b.words)
	return b.words
}

// build makes words of the page's characters or, if only is not nil, of those of
// some text objects.
func (l *reading) build(only map[uint64]bool) *builder {
	b := builder{
		object: l.from.object,
		chars:  make([]int32, 0, l.chars),
		words:  make([]page.Word, 0, l.chars/4),
		edges:  make([]float32, 0, l.chars+l.chars/4),
	}
	width, height := l.frame.size()
	for i := range l.chars {
		r := l.from.unicode(i)
		if only != nil && !only[l.from.object(i)] {
			b.end()
			continue
		}
		if !visible(r) {
			if unicode.IsSpace(r) && b.between != spaced && !l.from.generated(i) {
				b.between = spaced
			}
			continue
		}
		user, box, ok := l.boxOf(i, width, height)
		if !ok {
			b.end()
			continue
		}
		if l.unseen != nil && l.isUnseen(i, user) {
			continue
		}
		if r == softHyphen && box.X1-box.X0 < (box.Y1-box.Y0)*0.05 {
			continue // the character has no glyph
		}
		r = printed(r)
		if b.continues(box, i) {
			b.add(r, box, i)
			continue
		}
		b.end()
		pose := l.poseOf(i)
		if !pose.straight || pose.mirrored || pose.turns != l.frame.turns {
			b.stray(r, box, pose.mirrored)
			continue
		}
		b.begin(r, box, l.baseOf(i), pose.size, i)
	}
	b.end()
	l.findJoints(&b)
	return &b
}

// isUnseen reports whether a character is in l.unseen.
func (l *reading) isUnseen(char int, user rect) bool {
	return slices.ContainsFunc(l.unseen[uint32(l.from.object(char))], func(r rect) bool {
		return abs(r.left-user.left)+abs(r.bottom-user.bottom) < 0.2
	})
}

// baseOf returns the baseline of a character on the page.
func (l *reading) baseOf(char int) float32 {
	_, base := l.frame.point(l.from.origin(char))
	return base
}

// findJoints finds where words continue in another text object. Most words do not,
// which two calls show.
func (l *reading) findJoints(b *builder) {
	from := 0
	for w := range b.words {
		n := len(b.words[w].Edges) - 1
		chars := b.chars[from : from+n]
		from += n
		first := l.from.object(int(chars[0]))
		if first == l.from.object(int(chars[n-1])) {
			continue
		}
		for i := 1; i < n; i++ {
			if o := l.from.object(int(chars[i])); o != first {
				b.words[w].Joints = append(b.words[w].Joints, i)
				first = o
			}
		}
	}
}

// builder joins characters to words.
type builder struct {
	// object returns the text object of a character.
	object func(char int) uint64
	words  []page.Word
	chars  []int32 // the indexes of the characters of all words
	open   bool
	text   []byte
	word   page.Word
	edges  []float32 // free memory for the edges of words
	last   page.Box  // the box of the last character
	// between is what came after the last character.
	between between
	strays  []stray
	// mirrored is the box of mirrored text.
	mirrored page.Box
	verge    bool // rounding decided where a word ends
}

// between is what is between two characters.
type between uint8

const (
	nothing between = iota // nothing, or a space that PDFium derived from a gap
	spaced                 // a space character
)

// The widest gaps within a word, in font sizes. A word space is at least a fifth wide;
// kerning leaves less. Where the page has a space character, a narrow gap counts as
// well, but not one that kerning takes back.
const (
	widestGap    = 0.18
	widestSpaced = 0.06
)

// verge is the difference, in points, up to which two readers may decide differently
// what is less.
const verge = 0.002

// continues reports whether a character continues the word: it is on the same line, and
// begins where the last one ended, apart from kerning.
func (b *builder) continues(box page.Box, char int) bool {
	if !b.open {
		return false
	}
	// less compares, and remembers if the values are so close that rounding decides.
	less := func(x, y float32) bool {
		b.verge = b.verge || abs(x-y) < verge
		return x < y
	}
	h := b.last.Y1 - b.last.Y0
	if !less(abs(box.Y0-b.last.Y0), h*0.1) || !less(abs(box.Y1-b.last.Y1), h*0.1) {
		return false
	}
	gap, most := box.X0-b.last.X1, b.word.Size*widestGap
	if b.between == spaced {
		most = b.word.Size * widestSpaced
	}
	if !less(gap, most) {
		return false
	}
	if less(-h*0.1, gap) {
		return true
	}
	// Characters of one text object may overlap more as long as they advance: their
	// widths can be wrong. Two cells that overlap are two text objects.
	// Each letter of a ligature has the box of the whole ligature.
	if box != b.last && !less(b.last.X0+(b.last.X1-b.last.X0)*0.3, box.X0) {
		return false
	}
	return b.object(int(b.chars[len(b.chars)-1])) == b.object(char)
}

func (b *builder) begin(r rune, box page.Box, base, size float32, char int) {
	b.open = true
	b.text = utf8.AppendRune(b.text[:0], r)
	b.word = page.Word{Box: box, Base: base, Size: size, Edges: append(b.edges, box.X0, box.X1)}
	b.next(box, char)
}

func (b *builder) add(r rune, box page.Box, char int) {
	b.text = utf8.AppendRune(b.text, r)
	w := &b.word
	w.Edges[len(w.Edges)-1] = box.X0
	w.Edges = append(w.Edges, box.X1)
	w.Box = w.Box.Union(box)
	b.next(box, char)
}

func (b *builder) next(box page.Box, char int) {
	b.last, b.between = box, nothing
	b.chars = append(b.chars, int32(char))
}

func (b *builder) end() {
	b.between = nothing
	if !b.open {
		return
	}
	b.open = false
	b.word.Text = string(b.text)
	n := len(b.word.Edges)
	b.word.Edges, b.edges = b.word.Edges[:n:n], b.word.Edges[n:]
	b.words = append(b.words, b.word)
}

// stray is a run of text that is not read as words, since it is slanted or runs in
// another direction.
type stray struct {
	text string
	box  page.Box
}

// The limits of stray text that is searched for stamps.
const (
	maxStrays  = 64
	maxStamped = 64 // bytes of one run
)

func (b *builder) stray(r rune, box page.Box, mirrored bool) {
	if mirrored {
		b.mirrored = b.mirrored.Union(box)
	}
	n := len(b.strays)
	if n == 0 || len(b.strays[n-1].text) >= maxStamped {
		if n == maxStrays {
			return
		}
		b.strays = append(b.strays, stray{})
		n++
	}
	s := &b.strays[n-1]
	if b.between == spaced && s.text != "" {
		s.text += " "
	}
	s.text += string(r)
	s.box = s.box.Union(box)
	b.between = nothing
}

// stamps matches words that invalidate a bill or change its meaning, if they are
// slanted or large.
var stamps = regexp.MustCompile(`(?i)\b(VOID(ED)?|CANCELL?(ED)?|SUPERSEDED|DUPLICATE|SPECIMEN|DRAFT|REJECTED|NOT VALID|DO NOT SHIP|ON HOLD)\b`)

// bigWord is the font size from which an upright word is a stamp, in points.
const bigWord = 20

// findStamps adds notes about the stamps of the page.
func (l *reading) findStamps(b *builder) {
	for _, s := range b.strays {
		if m := stamps.FindString(page.Seen(s.text)); m != "" {
			l.stamp(s.box, m)
		}
	}
	for i := range b.words {
		if w := &b.words[i]; w.Size >= bigWord {
			if m := stamps.FindString(page.Seen(w.Text)); m != "" {
				l.stamp(w.Box, m)
			}
		}
	}
	if b.mirrored != (page.Box{}) {
		l.note(page.Unsure, b.mirrored, "", "text here is mirrored and was not read; compare it with the picture of the page")
	}
}

// stamp adds a note about a stamp, unless the page has the same.
func (l *reading) stamp(at page.Box, text string) {
	for _, n := range l.notes {
		if n.Kind == page.Stamp && strings.EqualFold(n.Text, text) {
			return
		}
	}
	l.note(page.Stamp, at, text, stampMessage(text))
}

func abs(v float32) float32 { return max(v, -v) }
