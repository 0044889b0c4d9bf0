package fast

import (
	"strings"
	"sync"
)

// font is a font of the document. Its glyphs are read when they are used.
type font struct {
	wide            bool // a character's code has two bytes
	ascent, descent int  // in thousandths of the size
	glyphs          map[uint32]*glyph
	small           [256]*glyph // those of codes of one byte
	load            func(code uint32) (*glyph, error)
}

// glyph is a character of a font, in thousandths of the size. The box is that of the
// outline.
type glyph struct {
	width                    int
	left, bottom, right, top int
	runes                    []rune
}

// outlines are the outlines of a font file.
type outlines interface {
	// box returns the bounds of a glyph and its advance width, in thousandths of the
	// size.
	box(glyph int) (b glyph, err error)
	// bounds returns the bounds of all glyphs, the ascent and the descent.
	bounds() (box [4]int, ascent, descent int)
}

var errNoGlyph = declined("a character without a glyph")

func (f *font) glyph(code uint32) (*glyph, error) {
	if !f.wide {
		if g := f.small[code&0xFF]; g != nil {
			return g, nil
		}
	} else if g := f.glyphs[code]; g != nil {
		return g, nil
	}
	g, err := f.load(code)
	if err != nil {
		return nil, err
	}
	if !f.wide {
		f.small[code&0xFF] = g
	} else {
		f.glyphs[code] = g
	}
	return g, nil
}

// loadFont returns the font of a resource. A font that is declined is only declined when
// it is used.
func (in *interpreter) loadFont(o any) *font {
	v := in.lookup("Font", o)
	r, indirect := v.(ref)
	if f, ok := in.d.fonts[r.num]; indirect && ok {
		return f
	}
	fd := need(in.d.f.dict(v))
	if fd == nil {
		return nil
	}
	f := &font{glyphs: map[uint32]*glyph{}}
	if err := in.d.open(f, fd); err != nil {
		if _, ok := err.(*Declined); !ok {
			panic(failed{err})
		}
		f.load = func(uint32) (*glyph, error) { return nil, err }
	}
	if indirect {
		if len(in.d.fonts) >= maxFonts {
			clear(in.d.fonts)
		}
		in.d.fonts[r.num] = f
	}
	return f
}

// maxFonts bounds the fonts that are kept.
const maxFonts = 128

// fontFiles are the files of fonts, inflated, by the number of their object.
type fontFiles struct {
	mu   sync.Mutex
	data map[int][]byte
}

// fontFile returns a font's file, which must not be changed. Whoever needs the same one
// waits for it, since inflating it takes longer than reading a page.
func (d *Document) fontFile(s stream) []byte {
	e := d.embedded
	e.mu.Lock()
	defer e.mu.Unlock()
	if b, ok := e.data[s.num]; ok {
		return b
	}
	b := need(d.f.data(s, nil))
	if len(e.data) >= maxFonts {
		clear(e.data)
	}
	e.data[s.num] = b
	return b
}

// descriptor is what a font's descriptor says (ISO 32000-1, 9.8).
type descriptor struct {
	flags           int
	ascent, descent int
	box             [4]int
	missing         int
	hasMissing      bool
	file            stream
	kind            name // FontFile, FontFile2, FontFile3 or "" for none
	subtype         name // of FontFile3
}

const (
	flagSymbolic    = 1 << 2
	flagNonsymbolic = 1 << 5
	flagAllCap      = 1 << 16
)

func (d *Document) descriptor(o any) (out descriptor) {
	fd := need(d.f.dict(o))
	out.flags = flagNonsymbolic
	if fd == nil {
		return out
	}
	number := func(key name, to *int) bool {
		if fd[key] == nil {
			return false
		}
		*to = need(d.f.int(fd[key]))
		return true
	}
	number("Flags", &out.flags)
	number("Ascent", &out.ascent)
	number("Descent", &out.descent)
	out.hasMissing = number("MissingWidth", &out.missing)
	if out.descent > 10 {
		out.descent = -out.descent
	}
	box := need(d.f.array(fd["FontBBox"]))
	for i := range box {
		expect(len(box) == 4, "a font's box")
		out.box[i] = need(d.f.int(box[i]))
	}
	for _, key := range []name{"FontFile", "FontFile2", "FontFile3"} {
		o := need(d.f.get(fd[key]))
		if s, ok := o.(stream); ok {
			expect(out.kind == "", "a font with two files")
			out.file, out.kind = s, key
			out.subtype = need(d.f.name(s.dict["Subtype"]))
		}
	}
	if out.flags&flagAllCap != 0 && out.kind == "" {
		decline("a font of capitals")
	}
	return out
}

// open reads what a font's dictionary says.
func (d *Document) open(f *font, fd dict) (err error) {
	defer caught(&err)
	kind := need(d.f.name(fd["Subtype"]))
	unicodes := need(d.toUnicode(fd["ToUnicode"]))
	switch kind {
	case "TrueType", "Type1", "MMType1":
		d.simpleFont(f, fd, kind, unicodes)
	case "Type0":
		d.wideFont(f, fd, unicodes)
	case "Type3":
		decline("a Type 3 font")
	default:
		decline("a font")
	}
	return nil
}

// simpleFont opens a font whose codes have one byte (ISO 32000-1, 9.6).
func (d *Document) simpleFont(f *font, fd dict, kind name, unicodes *toUnicode) {
	desc := d.descriptor(fd["FontDescriptor"])
	base := need(d.f.name(fd["BaseFont"]))
	widths := d.widths(fd, &desc)
	enc := d.encoding(fd["Encoding"])
	if desc.kind == "" {
		standardFont(f, base, kind, &desc, &enc, widths, unicodes)
		return
	}
	data := d.fontFile(desc.file)
	var out outlines
	var find func(code int) (glyph int, r rune, err error)
	switch {
	case desc.kind == "FontFile2" && kind == "TrueType":
		tt := need(parseTrueType(data))
		out, find = tt, tt.simple(&desc, &enc)
	case desc.kind == "FontFile3" && desc.subtype == "Type1C" && kind != "TrueType":
		cf := need(parseCFF(data))
		expect(!cf.cid, "a CID font as a simple one")
		out, find = cf, named(&desc, &enc, cf)
	case desc.kind == "FontFile" && kind != "TrueType":
		t1 := need(parseType1(data))
		out, find = t1, named(&desc, &enc, t1)
	default:
		decline("a kind of font file")
	}
	shape := func(code uint32) (g glyph, r rune, err error) {
		id, r, err := find(int(code))
		if err == nil {
			g, err = out.box(id)
		}
		return g, r, err
	}
	f.load = func(code uint32) (*glyph, error) {
		g, r, err := shape(code)
		if err != nil {
			return nil, err
		}
		return g.of(code, r, widths, unicodes)
	}
	f.metrics(&desc, out, shape)
}

// of returns the glyph for a code of a simple font, with the font's width and characters;
// r is the character that its name means, 0 if that is not known.
func (g glyph) of(code uint32, r rune, widths *[256]int, unicodes *toUnicode) (*glyph, error) {
	if widths != nil {
		if g.width = widths[code]; g.width == noWidth {
			return nil, declined("a character without a width")
		}
	}
	if g.runes = unicodes.of(code); g.runes == nil {
		if r == 0 {
			r = rune(code)
		}
		g.runes = expanded(r)
	}
	if len(g.runes) == 0 {
		return nil, declined("a character without Unicode")
	}
	return &g, nil
}

// metrics sets ascent and descent: those of the descriptor, else those of the file. shape
// returns the box of a code's glyph.
func (f *font) metrics(desc *descriptor, out outlines, shape func(code uint32) (glyph, rune, error)) {
	f.ascent, f.descent = desc.ascent, desc.descent
	box := desc.box
	if box == [4]int{} {
		box, f.ascent, f.descent = out.bounds()
	}
	if f.ascent == 0 && f.descent == 0 {
		f.ascent, f.descent = box[3], box[1]
		// Those of A and g count, if the font has them.
		for _, code := range []uint32{'A', 'g'} {
			g, _, err := shape(code)
			if err == errNoGlyph {
				// PDFium takes the box of the mark for missing characters.
				if mark, err := out.box(0); err == nil && mark.bottom == mark.top {
					continue
				}
			}
			switch {
			case err != nil:
				decline("a font without ascent and descent")
			case g.bottom == g.top:
			case code == 'A':
				f.ascent = g.top
			default:
				f.descent = g.bottom
			}
		}
	}
	f.clamp(box)
}

// clamp bounds ascent and descent by the font's box, as PDFium does.
func (f *font) clamp(box [4]int) {
	expect(f.ascent != 0 || f.descent != 0, "a font without ascent and descent")
	f.ascent, f.descent = min(f.ascent, box[3]), max(f.descent, box[1])
	expect(f.ascent > f.descent, "a font without ascent and descent")
}

const noWidth = 0xFFFF

// widths returns the widths of a simple font, nil if it has none.
func (d *Document) widths(fd dict, desc *descriptor) *[256]int {
	list := need(d.f.array(fd["Widths"]))
	if list == nil {
		return nil
	}
	var w [256]int
	for i := range w {
		w[i] = noWidth
		if desc.hasMissing {
			w[i] = desc.missing
		}
	}
	var first, last int
	for key, to := range map[name]*int{"FirstChar": &first, "LastChar": &last} {
		if fd[key] != nil {
			*to = need(d.f.int(fd[key]))
		}
	}
	expect(first >= 0 && first <= 255, "a font's widths")
	if last == 0 || last >= first+len(list) {
		last = first + len(list) - 1
	}
	for code := first; code <= min(last, 255); code++ {
		w[code] = need(d.f.int(list[code-first]))
	}
	return &w
}

// encoding is the encoding of a simple font (ISO 32000-1, 9.6.6).
type encoding struct {
	isDic bool
	base  name
	names map[int]name
}

func (d *Document) encoding(o any) (e encoding) {
	switch v := need(d.f.get(o)).(type) {
	case nil:
		return e
	case name:
		e.base = v
	case dict:
		e.isDic = true
		e.base = need(d.f.name(v["BaseEncoding"]))
		list := need(d.f.array(v["Differences"]))
		e.names = map[int]name{}
		code := -1
		for _, o := range list {
			switch o := need(d.f.get(o)).(type) {
			case int:
				code = o
			case name:
				expect(code >= 0 && code <= 255, "an encoding")
				e.names[code] = o
				code++
			default:
				decline("an encoding")
			}
		}
	default:
		decline("an encoding")
	}
	expect(e.base == "" || table(e.base) != nil, "an encoding")
	return e
}

// table returns the names of a predefined encoding, nil for the font's own.
func table(base name) *[256]string {
	switch base {
	case "WinAnsiEncoding":
		return &winAnsi
	case "MacRomanEncoding":
		return &macRoman
	case "StandardEncoding":
		return &standardEncoding
	}
	return nil
}

// nameOf returns the name of a code, "" if there is none.
func (e *encoding) nameOf(base name, code int) string {
	if n, ok := e.names[code]; ok && n != "" {
		return string(n)
	}
	if t := table(base); t != nil {
		return t[code]
	}
	return ""
}

// effective returns the base encoding that counts: the one that is given, else that of
// the font's flags.
func (e *encoding) effective(desc *descriptor, trueType bool) name {
	base := name("")
	if desc.flags&flagSymbolic == 0 {
		base = "StandardEncoding"
	}
	if e.base != "" {
		base = e.base
	}
	if e.isDic && trueType && base == "" {
		base = "StandardEncoding"
	}
	return base
}

// glyphNames is a font file whose glyphs have names.
type glyphNames interface {
	outlines
	byName(n string) int  // 0 if there is none
	builtIn(code int) int // the glyph of the file's own encoding
	nameOf(glyph int) string
}

// named returns how the codes of a Type 1 font become glyphs.
func named(desc *descriptor, enc *encoding, file glyphNames) func(code int) (int, rune, error) {
	base := enc.effective(desc, false)
	return func(code int) (int, rune, error) {
		n, id := enc.nameOf(base, code), 0
		if n != "" {
			id = file.byName(n)
		} else if desc.flags&flagSymbolic != 0 {
			if id = file.builtIn(code); id != 0 {
				n = file.nameOf(id)
			}
		}
		switch {
		case id == 0:
			return 0, 0, errNoGlyph
		case dingbat(n):
			return 0, 0, declined("a glyph's name")
		}
		return id, runeOf(n), nil
	}
}

// dingbat reports whether a name may be one of the font Zapf Dingbats, such as a101.
func dingbat(n string) bool {
	return len(n) > 1 && n[0] == 'a' && strings.Trim(n[1:], "0123456789") == ""
}

// wideFont opens a font whose codes have two bytes (ISO 32000-1, 9.7).
func (d *Document) wideFont(f *font, fd dict, unicodes *toUnicode) {
	f.wide = true
	expect(need(d.f.get(fd["Encoding"])) == name("Identity-H"), "a composite font's encoding")
	expect(unicodes != nil, "a composite font without Unicode")
	kids := need(d.f.array(fd["DescendantFonts"]))
	expect(len(kids) == 1, "a composite font")
	cid := need(d.f.dict(kids[0]))
	kind := need(d.f.name(cid["Subtype"]))
	desc := d.descriptor(cid["FontDescriptor"])
	info := need(d.f.dict(cid["CIDSystemInfo"]))
	if o, _ := info["Ordering"].(str); string(o) != "Identity" && string(o) != "UCS" && len(o) > 0 {
		decline("a composite font's characters")
	}
	usual := 1000
	if cid["DW"] != nil {
		usual = need(d.f.int(cid["DW"]))
	}
	widths := d.wideWidths(cid["W"])
	toGlyph := d.cidToGID(cid["CIDToGIDMap"])
	expect(desc.kind != "", "a font that is not embedded")
	data := d.fontFile(desc.file)
	var out outlines
	switch {
	case desc.kind == "FontFile2" && kind == "CIDFontType2":
		out = need(parseTrueType(data))
	case desc.kind == "FontFile3" && desc.subtype == "CIDFontType0C" && kind == "CIDFontType0":
		expect(cid["CIDToGIDMap"] == nil, "a composite font")
		cf := need(parseCFF(data))
		out = cf
		if cf.cid {
			toGlyph = cf.ofCID
		}
	default:
		decline("a kind of font file")
	}
	f.load = func(code uint32) (*glyph, error) {
		id, ok := toGlyph(int(code))
		if !ok {
			return nil, errNoGlyph
		}
		g, err := out.box(id)
		if err != nil {
			return nil, err
		}
		g.top += g.top / 64 // PDFium makes the boxes of composite fonts a little higher
		var has bool
		if g.width, has = widths[int(code)]; !has {
			g.width = usual
		}
		if g.runes = unicodes.of(code); len(g.runes) == 0 {
			return nil, declined("a character without Unicode")
		}
		return &g, nil
	}
	f.metrics(&desc, out, func(code uint32) (glyph, rune, error) {
		g, err := f.glyph(code)
		if err != nil {
			return glyph{}, 0, err
		}
		return *g, 0, nil
	})
}

// wideWidths returns the widths of a composite font (ISO 32000-1, 9.7.4.3).
func (d *Document) wideWidths(o any) map[int]int {
	list := need(d.f.array(o))
	out := map[int]int{}
	set := func(cid, w int) {
		if _, twice := out[cid]; twice || cid < 0 || cid > 0xFFFF {
			decline("a font's widths")
		}
		out[cid] = w
	}
	for i := 0; i < len(list); {
		first, err := d.f.int(list[i])
		expect(err == nil && i+1 < len(list), "a font's widths")
		next := need(d.f.get(list[i+1]))
		if ws, ok := next.([]any); ok {
			for k, o := range ws {
				set(first+k, need(d.f.int(o)))
			}
			i += 2
			continue
		}
		last, err := d.f.int(next)
		expect(err == nil && i+2 < len(list) && last >= first && last <= 0xFFFF, "a font's widths")
		w := need(d.f.int(list[i+2]))
		for c := first; c <= last; c++ {
			set(c, w)
		}
		i += 3
	}
	return out
}

// cidToGID returns the map from characters to glyphs of a TrueType font.
func (d *Document) cidToGID(o any) func(cid int) (int, bool) {
	v := need(d.f.get(o))
	if s, ok := v.(stream); ok {
		b := need(d.f.data(s, nil))
		return func(cid int) (int, bool) {
			if 2*cid+1 >= len(b) {
				return 0, false
			}
			return u16(b, 2*cid), true
		}
	}
	expect(v == nil || v == name("Identity"), "a composite font")
	return func(cid int) (int, bool) { return cid, true }
}

// expanded returns the characters of one: ligatures become their letters, as PDFium
// gives them.
func expanded(r rune) []rune {
	switch r {
	case 0xFB00:
		return []rune("ff")
	case 0xFB01:
		return []rune("fi")
	case 0xFB02:
		return []rune("fl")
	case 0xFB03:
		return []rune("ffi")
	case 0xFB04:
		return []rune("ffl")
	case 0xFB05, 0xFB06:
		return []rune("st")
	}
	return []rune{r}
}
