package fast

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// standardList has the metrics of the standard fonts that PDFs need not embed, as
// PDFium has them: a line for each font with its name, ascent and descent, followed by
// a line for each glyph with its name, width and box. A test of package pdf makes it.
//
//go:embed standard.txt
var standardList string

// standard is one of the standard fonts.
type standard struct {
	ascent, descent int
	glyphs          map[string]glyph
}

var standards = sync.OnceValue(func() map[string]*standard {
	out := map[string]*standard{}
	var s *standard
	for line := range strings.Lines(standardList) {
		n, numbers, _ := strings.Cut(strings.TrimSpace(line), " ")
		var v [5]int
		got := 0
		for number := range strings.SplitSeq(numbers, " ") {
			v[got], _ = strconv.Atoi(number)
			got++
		}
		if got == 2 {
			s = &standard{v[0], v[1], map[string]glyph{}}
			out[n] = s
		} else {
			s.glyphs[n] = glyph{width: v[0], left: v[1], bottom: v[2], right: v[3], top: v[4]}
		}
	}
	return out
})

// aliases are other names of the standard fonts. PDFium has the same.
var aliases = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for _, f := range []struct {
		name    string
		others  []string
		regular string
	}{
		{"Helvetica", []string{"Arial", "ArialMT"}, ""},
		{"Times", []string{"TimesNewRoman", "TimesNewRomanPS", "TimesNewRomanPSMT"}, "-Roman"},
		{"Courier", []string{"CourierNew", "CourierNewPS", "CourierNewPSMT"}, ""},
	} {
		oblique := "Oblique"
		if f.name == "Times" {
			oblique = "Italic"
		}
		for _, o := range f.others {
			short := strings.TrimSuffix(o, "MT")
			out[o] = f.name + f.regular
			for _, style := range [][2]string{{"Bold", "Bold"}, {"Italic", oblique}, {"BoldItalic", "Bold" + oblique}} {
				for _, written := range []string{o + "," + style[0], short + "-" + style[0], short + "-" + style[0] + "MT"} {
					out[written] = f.name + "-" + style[1]
				}
			}
		}
	}
	return out
})

// StandardNames returns the names of the glyphs whose metrics are known.
func StandardNames() []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, t := range []*[256]string{&standardEncoding, &winAnsi, &macRoman} {
		for _, n := range t {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	return out
}

// standardFont opens a standard font that is not embedded.
func standardFont(f *font, base, kind name, desc *descriptor, enc *encoding, widths *[256]int, unicodes *toUnicode) {
	expect(kind != "MMType1", "a font that is not embedded")
	n := string(base)
	if alias, ok := aliases()[n]; ok {
		n = alias
	}
	s := standards()[n]
	expect(s != nil, "a font that is not embedded")
	expect(desc.flags&flagSymbolic == 0, "a symbolic font that is not embedded")
	f.ascent, f.descent = s.ascent, s.descent
	if desc.box != [4]int{} {
		f.ascent, f.descent = desc.ascent, desc.descent
		f.clamp(desc.box)
	}
	names := enc.effective(desc, false)
	f.load = func(code uint32) (*glyph, error) {
		n := enc.nameOf(names, int(code))
		if n == "" { // it is drawn as a space
			return s.glyphs["space"].of(code, 0, widths, unicodes)
		}
		g, ok := s.glyphs[n]
		if !ok {
			return nil, errNoGlyph
		}
		return g.of(code, runeOf(n), widths, unicodes)
	}
}
