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
func Open(src io.ReaderAt, size int64) (*Document, error) {
	f, err := openFile(src, size)
	if err != nil {
		return nil, err
	}
	d := &Document{f: f, embedded: &fontFiles{data: map[int][]byte{}}, fonts: map[int]*font{}, forms: map[int]*form{}}
	root, err := f.dict(f.trailer["Root"])
	if err != nil {
		return nil, err
	}
	if root["Type"] != name("Catalog") {
		return nil, declined("the catalog")
	}
	names, err := f.dict(root["Names"])
	if err != nil {
		return nil, err
	}
	attached, err := f.dict(names["EmbeddedFiles"])
	if err != nil {
		return nil, err
	}
	list, err := f.array(attached["Names"])
	if err != nil {
		return nil, err
	}
	d.attached = len(list) > 0 || attached["Kids"] != nil || root["Collection"] != nil
	prefs, err := f.dict(root["ViewerPreferences"])
	if err != nil {
		return nil, err
	}
	if prefs["Direction"] != nil && prefs["Direction"] != name("L2R") {
		return nil, declined("right to left")
	}
	if _, ok := root["Pages"].(ref); !ok {
		return nil, declined("the page tree")
	}
	top, err := f.dict(root["Pages"])
	if err != nil {
		return nil, err
	}
	if err := d.walk(top, root["Pages"], leaf{}, 0); err != nil {
		return nil, err
	}
	if len(d.pages) == 0 {
		return nil, declined("no pages")
	}
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
func (d *Document) walk(node dict, at any, inherited leaf, depth int) (err error) {
	if depth > maxNesting || len(d.pages) >= maxPages {
		return declined("the page tree")
	}
	f := d.f
	l := inherited
	if node["Resources"] != nil {
		if l.resources, err = f.dict(node["Resources"]); err != nil {
			return err
		}
	}
	if node["MediaBox"] != nil {
		if l.media, err = f.array(node["MediaBox"]); err != nil {
			return err
		}
	}
	if node["CropBox"] != nil {
		if l.crop, err = f.array(node["CropBox"]); err != nil {
			return err
		}
	}
	if node["Rotate"] != nil {
		if l.rotate, err = f.int(node["Rotate"]); err != nil {
			return err
		}
		if l.rotate%90 != 0 {
			return declined("a page's rotation")
		}
	}
	kind, err := f.name(node["Type"])
	if err != nil {
		return err
	}
	switch kind {
	case "Page":
		if node["Kids"] != nil {
			return declined("the page tree")
		}
		if node["UserUnit"] != nil {
			if unit, err := f.float(node["UserUnit"]); err != nil || unit != 1 {
				return declined("a page's unit")
			}
		}
		l.annots, l.contents = node["Annots"], node["Contents"]
		d.pages = append(d.pages, l)
		return nil
	case "Pages":
		kids, err := f.array(node["Kids"])
		if err != nil {
			return err
		}
		count, err := f.int(node["Count"])
		if err != nil {
			return err
		}
		before := len(d.pages)
		for _, k := range kids {
			if _, ok := k.(ref); !ok {
				return declined("the page tree")
			}
			kid, err := f.dict(k)
			if err != nil {
				return err
			}
			if kid["Parent"] != at { // by which PDFium looks for what a page inherits
				return declined("the page tree")
			}
			if err := d.walk(kid, k, l, depth+1); err != nil {
				return err
			}
			f.forget(k)
		}
		if len(d.pages)-before != count {
			return declined("the page tree")
		}
		return nil
	}
	return declined("the page tree")
}

// Pages returns the number of pages.
func (d *Document) Pages() int { return len(d.pages) }

// box returns a box of a page, normalized; ok is false if there is none.
func (d *Document) box(a []any) (b rect, ok bool, err error) {
	v, err := d.f.floats(a)
	if err != nil || v == nil {
		return b, false, err
	}
	if len(v) != 4 {
		return b, false, declined("a page's box")
	}
	b = upright(v)
	if b.empty() {
		return b, false, declined("a page's box")
	}
	return b, true, nil
}

// visible returns the visible box of a page.
func (d *Document) visible(l *leaf) (rect, error) {
	media, ok, err := d.box(l.media)
	if err != nil {
		return media, err
	}
	if !ok {
		return media, declined("a page's box")
	}
	crop, ok, err := d.box(l.crop)
	if err != nil {
		return crop, err
	}
	if ok {
		media = media.intersect(crop)
	}
	if media.empty() || media.right-media.left >= 1e5 || media.top-media.bottom >= 1e5 {
		return media, declined("a page's box")
	}
	return media, nil
}

// Page reads a page, counted from 0. It fails with *Declined, or an error of the source.
// The next page overwrites its Chars and All. It has rules if ruled is true.
func (d *Document) Page(number int, ruled bool) (*Page, error) {
	if number == 0 && d.attached {
		return nil, declined("attached files")
	}
	l := &d.pages[number]
	box, err := d.visible(l)
	if err != nil {
		return nil, err
	}
	if err := d.annotations(l.annots); err != nil {
		return nil, err
	}
	data, err := d.contents(l.contents)
	if err != nil {
		return nil, err
	}
	in := newInterpreter(d, box)
	if ruled {
		in.tracer = &Tracer{}
	}
	if err := in.run(data, l.resources); err != nil {
		return nil, err
	}
	if err := in.survey(); err != nil {
		return nil, err
	}
	seen := slices.DeleteFunc(slices.Clone(in.texts), func(t *text) bool { return t.hidden })
	chars, err := in.characters(seen, d.chars)
	if err != nil {
		return nil, err
	}
	d.chars = chars
	if half := box.area() / 2; in.pictures < half != (in.most < half) {
		return nil, declined("a picture in a form")
	}
	if len(seen) < len(in.texts) && in.pictures > box.area()/4 {
		return nil, declined("hidden text on a picture") // a scan
	}
	var all []Char
	if len(seen) < len(in.texts) {
		if all, err = in.characters(in.texts, d.all); err != nil {
			return nil, err
		}
		d.all = all
	}
	d.memory.list, d.memory.areas = in.texts, in.areas
	var rules Tracer
	if ruled {
		rules = *in.tracer
	}
	return &Page{Rules: rules.Rules, MoreRules: rules.More, All: all, Left: box.left, Bottom: box.bottom, Right: box.right, Top: box.top,
		Rotation: ((l.rotate/90)%4 + 4) % 4, Chars: chars, Pictures: in.pictures}, nil
}

// annotations declines a page with annotations that draw.
func (d *Document) annotations(o any) error {
	list, err := d.f.array(o)
	if err != nil {
		return err
	}
	if len(list) > 4096 {
		return declined("annotations")
	}
	for _, o := range list {
		a, err := d.f.dict(o)
		if err != nil {
			return err
		}
		kind, err := d.f.name(a["Subtype"])
		if err != nil {
			return err
		}
		if kind != "Link" && kind != "Popup" {
			return declined("annotations")
		}
	}
	return nil
}

// contents returns the content of a page: all its streams, one after the other.
func (d *Document) contents(o any) ([]byte, error) {
	v, err := d.f.get(o)
	if err != nil || v == nil {
		return nil, err
	}
	d.f.forget(o)
	switch v := v.(type) {
	case stream:
		b, err := d.f.data(v, d.buf)
		if err == nil {
			d.buf = b
		}
		return b, err
	case []any:
		all := d.buf[:0]
		for _, o := range v {
			s, err := d.f.get(o)
			if err != nil {
				return nil, err
			}
			d.f.forget(o)
			st, ok := s.(stream)
			if !ok {
				return nil, declined("a page's content")
			}
			if d.other, err = d.f.data(st, d.other); err != nil {
				return nil, err
			}
			if len(all)+len(d.other) > maxStream {
				return nil, declined("too much data")
			}
			all = append(append(all, d.other...), ' ')
		}
		d.buf = all
		return all, nil
	}
	return nil, declined("a page's content")
}
