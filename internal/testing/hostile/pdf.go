package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// TextPDF is a valid PDF of one page with a few words in no layout.
func TextPDF(words string) []byte {
	return onePage("", shown(words))
}

// FormBomb is a PDF whose page draws a form that draws the next form width
// times, and so on: width to the power of levels texts, from a few hundred
// bytes.
func FormBomb(levels, width int) []byte {
	var d document
	form := d.stream("/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << "+helvetica+" >>",
		shown("again"))
	for range levels {
		form = d.stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /X %d 0 R >> >>", form),
			[]byte(strings.Repeat("/X Do ", width)))
	}
	return d.showing(fmt.Sprintf("/XObject << /X %d 0 R >>", form), "/X Do")
}

// FormLoop is a PDF with a form that draws itself.
func FormLoop() []byte {
	var d document
	form := d.next(0)
	d.stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /X %d 0 R >> >>", form),
		[]byte("/X Do /X Do"))
	return d.showing(fmt.Sprintf("/XObject << /X %d 0 R >>", form), "/X Do")
}

// PatternLoop is a PDF with a pattern that is painted with itself.
func PatternLoop() []byte {
	var d document
	pattern := d.next(0)
	d.stream(fmt.Sprintf("/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.001 /YStep 0.001 "+
		"/Resources << /Pattern << /P %d 0 R >> >>", pattern), []byte("/Pattern cs /P scn 0 0 612 792 re f"))
	return d.showing(fmt.Sprintf("/Pattern << /P %d 0 R >>", pattern), "/Pattern cs /P scn 0 0 612 792 re f")
}

// Type3Loop is a PDF with a font whose letter is written in the same font.
func Type3Loop() []byte {
	var d document
	font := d.next(1)
	glyph := d.stream("", []byte("1000 0 0 0 1000 1000 d1 BT /T 1 Tf (aaaa) Tj ET"))
	d.add("<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1000 1000] /FontMatrix [0.001 0 0 0.001 0 0] "+
		"/CharProcs << /a %d 0 R >> /Encoding << /Type /Encoding /Differences [97 /a] >> /FirstChar 97 /LastChar 97 /Widths [1000] "+
		"/Resources << /Font << /T %d 0 R >> >> >>", glyph, font)
	return d.showing(fmt.Sprintf("/Font << /T %d 0 R >>", font), "BT /T 12 Tf 72 700 Td (aaaa) Tj ET")
}

// PageTreeLoop is a PDF whose tree of pages has itself for a branch.
func PageTreeLoop() []byte {
	var d document
	content := d.words("round")
	tree := d.next(0)
	d.add("<< /Type /Pages /Kids [%d 0 R %d 0 R] /Count 1000 /Parent %d 0 R >>", tree, tree+1, tree)
	d.page(tree, content, helvetica)
	root := d.add("<< /Type /Catalog /Pages %d 0 R >>", tree)
	return d.bytes(root, "")
}

// PageTreeDeep is a PDF whose only page is that many levels deep.
func PageTreeDeep(levels int) []byte {
	var d document
	content := d.words("deep")
	first := d.next(0)
	for i := range levels {
		d.add("<< /Type /Pages /Kids [%d 0 R] /Count 1 /Parent %d 0 R >>", d.next(1), first+i-1)
	}
	d.page(first+levels-1, content, helvetica)
	root := d.add("<< /Type /Catalog /Pages %d 0 R >>", first)
	return d.bytes(root, "")
}

// PageCount is a PDF of one page that claims to have n.
func PageCount(n int) []byte {
	b := TextPDF("one page")
	return bytes.Replace(b, []byte("/Count 1 "), fmt.Appendf(nil, "/Count %d ", n), 1)
}

// ManyPages is a PDF that shows one page n times. blanks is the number of blanks in
// its packed content, which slow reading down.
func ManyPages(n, blanks int) []byte {
	var d document
	content := d.stream("/Filter /FlateDecode", flateRun(" ", blanks))
	return d.bytes(d.pages(helvetica, content, n), "")
}

// SpaceBomb is a PDF with a page whose content is n bytes of blanks, packed to a
// thousandth of that, and then a word.
func SpaceBomb(n int) []byte {
	return onePage("/Filter /FlateDecode", flateRun(" ", n))
}

// NestedBomb is a PDF with a page whose content is packed twice: a few kilobytes
// become n bytes.
func NestedBomb(n int) []byte {
	return onePage("/Filter [/FlateDecode /FlateDecode]", flate(flateRun(" ", n)))
}

// TextBomb is a PDF with a page that contains the words n times, all over the page,
// in an unreadably small size.
func TextBomb(words string, n int) []byte {
	const size = 0.3
	var b bytes.Buffer
	fmt.Fprintf(&b, "BT /F1 %v Tf\n", size)
	perLine := max(1, int(600/(float64(len(words)+1)*size*0.75)))
	for y := 790.0; n > 0; y -= size * 1.2 {
		fmt.Fprintf(&b, "1 0 0 1 2 %.2f Tm (%s) Tj\n", y, strings.Repeat(words+" ", min(n, perLine)))
		n -= perLine
	}
	b.WriteString("ET")
	return onePage("/Filter /FlateDecode", flate(b.Bytes()))
}

// TableBomb is a PDF of that many pages of one bill of lading in the first layout,
// whose table has n words, perLine on a line, in an unreadably small size. None of
// them is a line of the bill.
func TableBomb(pages, n, perLine int) []byte {
	var d document
	var b bytes.Buffer
	text := func(x, y, size float64, words string) {
		fmt.Fprintf(&b, "/F1 %v Tf 1 0 0 1 %.2f %.3f Tm (%s) Tj\n", size, x, 792-y, words)
	}
	b.WriteString("BT\n")
	for _, h := range []struct {
		x    float64
		text string
	}{
		{15.6, "CARTONS"}, {63, "STYLE"}, {169.2, "PIECES"}, {229.2, "ORDER NUMBER"},
		{334.2, "CUST. STYLE"}, {429, "DESCRIPTION"}, {528, "VOL./WEIGHT"},
	} {
		text(h.x, 339.4, 6, h.text)
	}
	text(58.2, 613.6, 6, "TOTAL CARTONS")
	pitch := 250 / float64(n/perLine+1)
	for y := 346.0; n > 0; y += pitch {
		text(15, y, pitch*0.8, strings.Repeat("x ", min(n, perLine)))
		n -= perLine
	}
	b.WriteString("ET")
	content := d.stream("/Filter /FlateDecode", flate(b.Bytes()))
	return d.bytes(d.pages(helvetica, content, pages), "")
}

// NumberBomb is a PDF with a page of n operands without an operator.
func NumberBomb(n int) []byte {
	return onePage("/Filter /FlateDecode", flateRun("1 ", n))
}

// ArrayBomb is a PDF with a page whose content is n opening brackets.
func ArrayBomb(n int) []byte {
	return onePage("/Filter /FlateDecode", flateRun("[", n))
}

// DeepObject is a PDF whose catalog holds an array in an array, and so on.
func DeepObject(n int) []byte {
	var d document
	root := d.pages(helvetica, d.words("deep"), 1)
	d.objects[root-1] = bytes.Replace(d.objects[root-1], []byte(" >>"),
		[]byte(" /Deep "+strings.Repeat("[", n)+strings.Repeat("]", n)+" >>"), 1)
	return d.bytes(root, "")
}

// SaveBomb is a PDF with a page that saves its state n times and never restores
// it.
func SaveBomb(n int) []byte {
	return onePage("/Filter /FlateDecode", flateRun("q ", n))
}

// PathBomb is a PDF with a page that draws one path of n points.
func PathBomb(n int) []byte {
	return onePage("/Filter /FlateDecode", flateRun("1 1 m 9 9 l ", n))
}

// ImageBomb is a PDF with a picture that claims side times side pixels in the given
// filter, such as JPXDecode, JBIG2Decode or FlateDecode, and has almost no data.
func ImageBomb(filter string, side int) []byte {
	var d document
	data := flateRun("\x00", 1000)
	switch filter {
	case "JPXDecode":
		data = jpx(side)
	case "JBIG2Decode":
		data = jbig2(side)
	}
	picture := d.stream(fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /%s",
		side, side, filter), data)
	return d.showing(fmt.Sprintf("/XObject << /X %d 0 R >>", picture), "q 612 0 0 792 0 0 cm /X Do Q")
}

// jpx is the beginning of a JPEG 2000 code stream of side times side pixels: SOC
// and SIZ (ISO/IEC 15444-1, A.5.1), and then nothing.
func jpx(side int) []byte {
	b := []byte{0xFF, 0x4F, 0xFF, 0x51, 0, 47, 0, 0}
	for _, v := range []int{side, side, 0, 0, side, side, 0, 0} {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return append(b, 0, 3, 7, 1, 1, 7, 1, 1, 7, 1, 1, 0xFF, 0xD9)
}

// jbig2 is a page information segment of side times side pixels (ISO/IEC 14492,
// 7.4.8), and then nothing.
func jbig2(side int) []byte {
	b := []byte{0, 0, 0, 0, 0x30, 0, 1, 0, 0, 0, 19}
	for range 2 {
		b = binary.BigEndian.AppendUint32(b, uint32(side))
	}
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

// UnicodeBomb is a PDF with a font whose map to Unicode gives a long text to
// every one of its 65,536 characters.
func UnicodeBomb() []byte {
	var d document
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n" +
		"1 begincodespacerange <0000> <FFFF> endcodespacerange\n")
	for i := range 500 {
		fmt.Fprintf(&b, "1 beginbfrange <0000> <FFFF> <%s> endbfrange\n", strings.Repeat(fmt.Sprintf("%04X", 0x41+i%26), 250))
	}
	b.WriteString("endcmap end end")
	unicode := d.stream("/Filter /FlateDecode", flate(b.Bytes()))
	font := d.add("<< /Type /Font /Subtype /Type0 /BaseFont /Helvetica /Encoding /Identity-H /ToUnicode %d 0 R "+
		"/DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Helvetica /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "+
		"/FontDescriptor << /Type /FontDescriptor /FontName /Helvetica /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >> >>] >>", unicode)
	return d.showing(fmt.Sprintf("/Font << /F1 %d 0 R >>", font),
		"BT /F1 12 Tf 72 700 Td <"+strings.Repeat("00410042", 1000)+"> Tj ET")
}

// PrevLoop is a PDF whose cross-reference table names itself as the one before.
func PrevLoop() []byte {
	var d document
	root := d.pages(helvetica, d.words("round"), 1)
	plain := d.bytes(root, "/Prev 0000000000")
	at := bytes.LastIndex(plain, []byte("\nxref")) + 1
	return bytes.Replace(plain, []byte("/Prev 0000000000"), fmt.Appendf(nil, "/Prev %010d", at), 1)
}

// XrefSize is a PDF whose cross-reference stream claims n entries.
func XrefSize(n int) []byte {
	var d document
	root := d.pages(helvetica, d.words("many"), 1)
	plain := d.bytes(root, "")
	at := bytes.LastIndex(plain, []byte("\nxref")) + 1
	b := bytes.Clone(plain[:at])
	return fmt.Appendf(b, "%d 0 obj\n<< /Type /XRef /Size %d /W [1 4 2] /Index [0 %d] /Root %d 0 R /Length 7 >>\nstream\n\x00\x00\x00\x00\x00\x00\x00\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n",
		d.next(0), n, n, root, at)
}

// LengthLoop is a PDF with a content stream that gives itself as its length.
func LengthLoop() []byte {
	var d document
	content := d.next(0)
	d.add("<< /Length %d 0 R >>\nstream\nBT /F1 12 Tf 72 700 Td (round) Tj ET\nendstream", content)
	return d.bytes(d.pages(helvetica, content, 1), "")
}

// ObjectLoop is a PDF whose objects refer to each other and to nothing else.
func ObjectLoop() []byte {
	var d document
	d.add("2 0 R")
	d.add("1 0 R")
	root := d.add("<< /Type /Catalog /Pages 1 0 R >>")
	return d.bytes(root, "")
}
