// Package fast reads the text of ordinary PDFs (ISO 32000-1) without PDFium, in a tenth
// of the time. What it does not know to the end it declines, and leaves to PDFium: it
// never guesses. What it takes, PDFium reads in the same way; package pdf tests that.
//
// What is read must be visible, by the same rules as with PDFium; where that has to be
// decided by a picture of the page, the page is declined.
package fast

import (
	"io"
	"slices"
)

// Document is an open document. It is not safe for concurrent use; see Again.
type Document struct {
	f        *file
	embedded *fontFiles
	pages    []leaf
	fonts    map[int]*font // by the number of their object
	forms    map[int]*form // likewise
	buf      []byte
	other    []byte
	chars    []Char // of the last page
	all      []Char // likewise, with hidden ones
	memory   memory
	attached bool // there may be files attached, which the first page tells of
}

// leaf is a page with what it inherits.
type leaf struct {
	annots, contents any
	resources        dict
	media, crop      []any
	rotate           int
}

// Page is the text of a page.
type Page struct {
	// The visible box in points: the origin of the coordinates is the page's own.
	Left, Bottom, Right, Top float32
	// Rotation is the page's /Rotate, in quarter turns clockwise.
	Rotation int
	// Chars are the characters that a person sees, and All all of them, nil if there
	// are no others.
	Chars, All []Char
	// Rules are the lines and filled boxes; nil if they were not asked for. MoreRules is true
	// if there are more of them.
	Rules     []Rule
	MoreRules bool
	// Pictures is the area of the page's pictures within the visible box, in square
	// points.
	Pictures float32
}

// Char is a character.
type Char struct {
	Rune rune
	// Text is the number of the text object.
	Text   int32
	Hidden bool // nobody sees it
	// Size is the size of the font before the matrix.
	Size float32
	// Left to Top is the box: the advance width, ascent and descent, united with the
	// glyph's outline.
	Left, Bottom, Right, Top float32
	// X and Y are the origin.
	X, Y float32
	// Matrix is a, b, c and d of the text's matrix.
	Matrix [4]float32
}

// Open opens a document. It fails with *Declined, or an error of src.
func Open(src io.ReaderAt, size int64) (d *Document, err error) {
	defer caught(&err)
	f := openFile(src, size)
	d = &Document{f: f, embedded: &fontFiles{data: map[int][]byte{}}, fonts: map[int]*font{}, forms: map[int]*form{}}
	root := need(f.dict(f.trailer["Root"]))
	expect(root["Type"] == name("Catalog"), "the catalog")
	names := need(f.dict(root["Names"]))
	attached := need(f.dict(names["EmbeddedFiles"]))
	list := need(f.array(attached["Names"]))
	d.attached = len(list) > 0 || attached["Kids"] != nil || root["Collection"] != nil
	prefs := need(f.dict(root["ViewerPreferences"]))
	expect(prefs["Direction"] == nil || prefs["Direction"] == name("L2R"), "right to left")
	_, ok := root["Pages"].(ref)
	expect(ok, "the page tree")
	d.walk(need(f.dict(root["Pages"])), root["Pages"], leaf{}, 0)
	expect(len(d.pages) != 0, "no pages")
	return d, nil
}

// Again returns the same document for another goroutine, which may use it at the same time.
// The source must allow that. Both share what is only read: where objects are, the pages,
// and the files of fonts.
func (d *Document) Again() *Document {
	again := &Document{f: newFile(d.f.src, d.f.size, d.f.objects, d.f.total), embedded: d.embedded, fonts: map[int]*font{}, forms: map[int]*form{}}
	again.pages, again.attached = d.pages, d.attached
	return again
}

// maxPages bounds the pages of a document.
const maxPages = 100_000

// walk adds the pages below a node of the page tree (ISO 32000-1, 7.7.3). at is the
// node's reference.
func (d *Document) walk(node dict, at any, l leaf, depth int) {
	expect(depth <= maxNesting && len(d.pages) < maxPages, "the page tree")
	f := d.f
	if node["Resources"] != nil {
		l.resources = need(f.dict(node["Resources"]))
	}
	if node["MediaBox"] != nil {
		l.media = need(f.array(node["MediaBox"]))
	}
	if node["CropBox"] != nil {
		l.crop = need(f.array(node["CropBox"]))
	}
	if node["Rotate"] != nil {
		if l.rotate = need(f.int(node["Rotate"])); l.rotate%90 != 0 {
			decline("a page's rotation")
		}
	}
	switch need(f.name(node["Type"])) {
	case "Page":
		expect(node["Kids"] == nil, "the page tree")
		if node["UserUnit"] != nil {
			if unit, err := f.float(node["UserUnit"]); err != nil || unit != 1 {
				decline("a page's unit")
			}
		}
		l.annots, l.contents = node["Annots"], node["Contents"]
		d.pages = append(d.pages, l)
	case "Pages":
		kids := need(f.array(node["Kids"]))
		count := need(f.int(node["Count"]))
		before := len(d.pages)
		for _, k := range kids {
			_, ok := k.(ref)
			expect(ok, "the page tree")
			kid := need(f.dict(k))
			expect(kid["Parent"] == at, "the page tree") // by which PDFium looks for what a page inherits
			d.walk(kid, k, l, depth+1)
			f.forget(k)
		}
		expect(len(d.pages)-before == count, "the page tree")
	default:
		decline("the page tree")
	}
}

// Pages returns the number of pages.
func (d *Document) Pages() int { return len(d.pages) }

// box returns a box of a page, normalized; ok is false if there is none.
func (d *Document) box(a []any) (b rect, ok bool) {
	v := need(d.f.floats(a))
	if v == nil {
		return b, false
	}
	expect(len(v) == 4, "a page's box")
	if b = upright(v); b.empty() {
		decline("a page's box")
	}
	return b, true
}

// visible returns the visible box of a page.
func (d *Document) visible(l *leaf) rect {
	box, ok := d.box(l.media)
	expect(ok, "a page's box")
	if crop, ok := d.box(l.crop); ok {
		box = box.intersect(crop)
	}
	expect(!box.empty() && box.right-box.left < 1e5 && box.top-box.bottom < 1e5, "a page's box")
	return box
}

// Page reads a page, counted from 0. It fails with *Declined, or an error of the source.
// The next page overwrites its Chars and All. It has rules if ruled is true.
func (d *Document) Page(number int, ruled bool) (_ *Page, err error) {
	defer caught(&err)
	expect(number > 0 || !d.attached, "attached files")
	l := &d.pages[number]
	box := d.visible(l)
	d.annotations(l.annots)
	data := d.contents(l.contents)
	in := newInterpreter(d, box)
	if ruled {
		in.tracer = &Tracer{}
	}
	in.run(data, l.resources)
	in.survey()
	seen := slices.DeleteFunc(slices.Clone(in.texts), func(t *text) bool { return t.hidden })
	d.chars = in.characters(seen, d.chars)
	if half := box.area() / 2; in.pictures < half != (in.most < half) {
		decline("a picture in a form")
	}
	if len(seen) < len(in.texts) && in.pictures > box.area()/4 {
		decline("hidden text on a picture") // a scan
	}
	var all []Char
	if len(seen) < len(in.texts) {
		all = in.characters(in.texts, d.all)
		d.all = all
	}
	d.memory.list, d.memory.areas = in.texts, in.areas
	var rules Tracer
	if ruled {
		rules = *in.tracer
	}
	return &Page{Rules: rules.Rules, MoreRules: rules.More, All: all, Left: box.left, Bottom: box.bottom, Right: box.right, Top: box.top,
		Rotation: ((l.rotate/90)%4 + 4) % 4, Chars: d.chars, Pictures: in.pictures}, nil
}

// annotations declines a page with annotations that draw.
func (d *Document) annotations(o any) {
	list := need(d.f.array(o))
	expect(len(list) <= 4096, "annotations")
	for _, o := range list {
		a := need(d.f.dict(o))
		kind := need(d.f.name(a["Subtype"]))
		expect(kind == "Link" || kind == "Popup", "annotations")
	}
}

// contents returns the content of a page: all its streams, one after the other.
func (d *Document) contents(o any) []byte {
	v := need(d.f.get(o))
	if v == nil {
		return nil
	}
	d.f.forget(o)
	switch v := v.(type) {
	case stream:
		d.buf = need(d.f.data(v, d.buf))
	case []any:
		all := d.buf[:0]
		for _, o := range v {
			s := need(d.f.get(o))
			d.f.forget(o)
			st, ok := s.(stream)
			expect(ok, "a page's content")
			d.other = need(d.f.data(st, d.other))
			expect(len(all)+len(d.other) <= maxStream, "too much data")
			all = append(append(all, d.other...), ' ')
		}
		d.buf = all
	default:
		decline("a page's content")
	}
	return d.buf
}
