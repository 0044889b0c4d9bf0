package pdf

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode"

	"tallyman/internal/page"
)

// maxChars bounds the characters of one page. A page of a bill has 2,000, and
// whoever looks for bills on it may take time that grows with their square.
const maxChars = 1 << 16

// frame maps PDF's user space to the page as people read it: inside its visible
// box, upright. turns counts quarter turns counter-clockwise from the x axis to
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

// errDamaged is a page that PDFium cannot load.
type errDamaged struct{ why string }

func (e errDamaged) Error() string { return e.why }

// loaded is a page that is open, with its text.
type loaded struct {
	p          *pdfium
	page, text uint32
	chars      int
	frame      frame
	rotation   int // the page's own /Rotate, in quarter turns clockwise
}

// load opens a page, from 1. It fails with errDamaged if only this page is
// concerned.
func (d *document) load(number int) (l *loaded, err error) {
	p := d.p
	l = &loaded{p: p}
	if l.page, err = p.call("FPDF_LoadPage", uint64(d.doc), uint64(number-1)); err != nil {
		return nil, err
	}
	if l.page == 0 {
		if p.fileErr != nil {
			return nil, p.fileErr
		}
		return nil, errDamaged{"the page is damaged and cannot be read"}
	}
	if _, err = p.call("FPDF_GetPageBoundingBox", uint64(l.page), uint64(p.scratch)); err != nil {
		return nil, err
	}
	if l.frame.box, err = p.rectF(); err != nil {
		return nil, err
	}
	if w, h := l.frame.size(); !(w > 0 && h > 0 && w < 1e5 && h < 1e5) {
		return nil, cmp.Or(l.close(), error(errDamaged{"the page has no area"}))
	}
	rotation, err := p.call("FPDFPage_GetRotation", uint64(l.page))
	if err != nil {
		return nil, err
	}
	l.rotation = int(rotation & 3)
	l.frame.turns = l.rotation
	if l.text, err = p.call("FPDFText_LoadPage", uint64(l.page)); err != nil {
		return nil, err
	}
	if l.text == 0 {
		return nil, cmp.Or(l.close(), error(errDamaged{"the page's text cannot be read"}))
	}
	n, err := p.call("FPDFText_CountChars", uint64(l.text))
	if err != nil {
		return nil, err
	}
	l.chars = max(0, int(int32(n)))
	if l.chars > maxChars {
		return nil, cmp.Or(l.close(), error(errDamaged{fmt.Sprintf(
			"the page has %d characters, more than the %d that a page of bills may have", l.chars, maxChars)}))
	}
	return l, l.findTurns()
}

func (l *loaded) close() error {
	if l.text != 0 {
		if _, err := l.p.call("FPDFText_ClosePage", uint64(l.text)); err != nil {
			return err
		}
	}
	_, err := l.p.call("FPDF_ClosePage", uint64(l.page))
	return err
}

// findTurns looks at a few characters to see which way the page is meant to be
// read: some programs print sideways without saying so.
func (l *loaded) findTurns() error {
	var votes [4]int
	step := max(1, l.chars/32)
	for i := 0; i < l.chars; i += step {
		u, err := l.p.on(l.p.unicode, l.text, i)
		if err != nil {
			return err
		}
		if !visible(rune(uint32(u))) {
			continue
		}
		t, ok, err := l.turnsOf(i)
		if err != nil {
			return err
		}
		if ok {
			votes[t]++
		}
	}
	for t, n := range votes {
		if n > votes[l.frame.turns] {
			l.frame.turns = t
		}
	}
	return nil
}

// turnsOf returns the direction in which a character is written, in quarter
// turns counter-clockwise; ok is false if it is aslant.
func (l *loaded) turnsOf(char int) (turns int, ok bool, err error) {
	bits, err := l.p.on(l.p.angle, l.text, char)
	if err != nil {
		return 0, false, err
	}
	// PDFium's angle grows clockwise.
	quarter := -float64(math.Float32frombits(uint32(bits))) / (math.Pi / 2)
	t := math.Round(quarter)
	return int(t) & 3, math.Abs(quarter-t) < 0.1, nil
}

// visible reports whether a character leaves a mark and is part of a word.
func visible(r rune) bool {
	if r > ' ' && r < 0x7F {
		return true
	}
	return r == hyphen || r > ' ' && r != 0xFFFE && r != 0xFFFF &&
		!unicode.IsSpace(r) && !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r)
}

// hyphen is how PDFium shows a hyphen at the end of a run of text that seems to
// go on elsewhere.
const hyphen = 2

// words returns the words inside the visible box, in reading order. Text that
// is aslant or runs another way than the page, such as a watermark, is left out.
func (l *loaded) words() ([]page.Word, error) {
	var b builder
	width, height := l.frame.size()
	for i := range l.chars {
		u, err := l.p.on(l.p.unicode, l.text, i)
		if err != nil {
			return nil, err
		}
		r := rune(uint32(u))
		if !visible(r) {
			b.end()
			continue
		}
		if r == hyphen {
			r = '-'
		}
		if r > unicode.MaxRune || r >= 0xD800 && r < 0xE000 {
			r = unicode.ReplacementChar
		}
		ok, err := l.p.on(l.p.looseBox, l.text, i, l.p.scratch)
		if err != nil {
			return nil, err
		}
		user, err := l.p.rectF()
		if err != nil {
			return nil, err
		}
		box := l.frame.rect(user)
		x, y := (box.X0+box.X1)/2, (box.Y0+box.Y1)/2
		// The comparison is false for a NaN, too.
		if ok == 0 || !(x >= 0 && x <= width && y >= 0 && y <= height) {
			b.end()
			continue
		}
		if b.continues(box) {
			b.add(r, box)
			continue
		}
		b.end()
		turns, straight, err := l.turnsOf(i)
		if err != nil {
			return nil, err
		}
		if !straight || turns != l.frame.turns {
			continue
		}
		base, size, err := l.fontOf(i)
		if err != nil {
			return nil, err
		}
		b.begin(r, box, base, size, i)
	}
	b.end()
	if err := l.findJoints(&b); err != nil {
		return nil, err
	}
	order(b.words)
	return b.words, nil
}

// fontOf returns the baseline and the font size of a character, as they appear
// on the page.
func (l *loaded) fontOf(char int) (base, size float32, err error) {
	p := l.p
	if _, err := p.on(p.origin, l.text, char, p.scratch, p.scratch+8); err != nil {
		return 0, 0, err
	}
	x, _ := p.mem.ReadFloat64Le(p.scratch)
	y, _ := p.mem.ReadFloat64Le(p.scratch + 8)
	_, base = l.frame.point(float32(x), float32(y))
	bits, err := p.on(p.fontSize, l.text, char)
	if err != nil {
		return 0, 0, err
	}
	size = float32(math.Float64frombits(bits))
	if _, err := p.on(p.matrix, l.text, char, p.scratch); err != nil {
		return 0, 0, err
	}
	scale := math.Hypot(float64(p.float32At(p.scratch+8)), float64(p.float32At(p.scratch+12)))
	return base, size * float32(scale), nil
}

// findJoints fills in where words go on in another text object. Most words do
// not, which two calls tell.
func (l *loaded) findJoints(b *builder) error {
	object := func(char int) (uint64, error) {
		return l.p.on(l.p.object, l.text, char)
	}
	for w := range b.words {
		n := len(b.words[w].Edges) - 1
		at := b.first[w]
		first, err := object(at)
		if err != nil {
			return err
		}
		last, err := object(at + n - 1)
		if err != nil {
			return err
		}
		if first == last {
			continue
		}
		for i := 1; i < n; i++ {
			o, err := object(at + i)
			if err != nil {
				return err
			}
			if o != first {
				b.words[w].Joints = append(b.words[w].Joints, i)
				first = o
			}
		}
	}
	return nil
}

// builder puts characters together to words.
type builder struct {
	words []page.Word
	first []int // the index of each word's first character
	open  bool
	text  []byte
	word  page.Word
	char  int
}

// Within a word, characters stand on one line, and the next begins where the
// last ended, give or take a tenth of the line's height. A word space is at
// least twice as wide; two cells that are printed apart usually are, too.
func (b *builder) continues(box page.Box) bool {
	if !b.open {
		return false
	}
	h := b.word.Box.Y1 - b.word.Box.Y0
	gap := box.X0 - b.word.Box.X1
	return gap < h*0.1 && gap > -h*0.1 &&
		abs(box.Y0-b.word.Box.Y0) < h*0.1 && abs(box.Y1-b.word.Box.Y1) < h*0.1
}

func (b *builder) begin(r rune, box page.Box, base, size float32, char int) {
	b.open = true
	b.text = append(b.text[:0], string(r)...)
	b.word = page.Word{Box: box, Base: base, Size: size, Edges: []float32{box.X0, box.X1}}
	b.char = char
}

func (b *builder) add(r rune, box page.Box) {
	b.text = append(b.text, string(r)...)
	w := &b.word
	w.Edges[len(w.Edges)-1] = box.X0
	w.Edges = append(w.Edges, box.X1)
	w.Box = w.Box.Union(box)
}

func (b *builder) end() {
	if !b.open {
		return
	}
	b.open = false
	b.word.Text = string(b.text)
	b.words = append(b.words, b.word)
	b.first = append(b.first, b.char)
}

// order sorts words as they are read: those whose baselines are within a third
// of the font's size stand on one line.
func order(words []page.Word) {
	slices.SortStableFunc(words, func(a, b page.Word) int { return cmp.Compare(a.Base, b.Base) })
	for from := 0; from < len(words); {
		to := from + 1
		for to < len(words) && words[to].Base-words[from].Base < max(words[from].Size, 1)/3 {
			to++
		}
		slices.SortStableFunc(words[from:to], func(a, b page.Word) int { return cmp.Compare(a.Box.X0, b.Box.X0) })
		from = to
	}
}

func abs(v float32) float32 {
	if v < 0 {
		return -v
	}
	return v
}
