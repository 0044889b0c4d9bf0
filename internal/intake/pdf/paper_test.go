package pdf_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// maker puts a PDF together.
type maker struct {
	objects []string
	pages   []string // the objects of the pages
}

// What pages draw with: fonts, states, layers, pictures and forms.
const resources = `/Resources<</Font<</F 3 0 R/B 4 0 R>>/ExtGState<</None<</ca 0/CA 0>>/Half<</ca .5>>>>
/Properties<</On 5 0 R/Off 6 0 R>>/XObject<</Picture 7 0 R/Cover 8 0 R/Text 9 0 R>>>>`

func newMaker() *maker {
	m := &maker{objects: []string{"", ""}}
	m.add("<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>")
	m.add("<</Type/Font/Subtype/Type1/BaseFont/Courier-Bold>>")
	m.add("<</Type/OCG/Name(On)>>")
	m.add("<</Type/OCG/Name(Off)>>")
	m.stream("/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8", "\xFF")
	m.stream("/Type/XObject/Subtype/Form/BBox[0 0 612 792]", "1 g 90 640 200 30 re f")
	m.stream("/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</Font<</F 3 0 R>>>>", at(100, 650, "FORM"))
	return m
}

func (m *maker) add(body string) (number int) {
	m.objects = append(m.objects, body)
	return len(m.objects)
}

func (m *maker) stream(entries, content string) int {
	return m.add(fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", entries, len(content), content))
}

func (m *maker) page(entries, content string) {
	n := m.stream("", content)
	m.pages = append(m.pages, fmt.Sprintf("%d 0 R", m.add(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]%s/Contents %d 0 R%s>>", resources, n, entries))))
}

func (m *maker) done(catalog string) []byte {
	m.objects[0] = "<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[5 0 R 6 0 R]/D<</OFF[6 0 R]>>>>" + catalog + ">>"
	m.objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", strings.Join(m.pages, " "), len(m.pages))
	return pdf.Assembled(m.objects...)
}

// at prints a text in 10 points of Courier, whose characters are 6 points wide.
func at(x, y int, text string) string {
	return fmt.Sprintf("BT /F 10 Tf %d %d Td (%s) Tj ET ", x, y, text)
}

// annotation is one with an appearance of its own, or without if draws is "".
func (m *maker) annotation(kind, entries, draws string) string {
	if draws != "" {
		entries += fmt.Sprintf("/AP<</N %d 0 R>>", m.stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</F 3 0 R>>>>", draws))
	}
	n := m.add(fmt.Sprintf("<</Type/Annot/Subtype/%s/Rect[95 645 195 665]/F 4%s>>", kind, entries))
	return fmt.Sprintf("/Annots[%d 0 R]", n)
}

func TestWhatCountsIsWhatAPersonSees(t *testing.T) {
	const text = "BT /F 10 Tf 100 650 Td (HERE) Tj ET "
	const diagonal = "BT /B 60 Tf .7 .7 -.7 .7 150 300 Tm (VOID) Tj ET "
	drawn := (*maker).annotation
	cases := []struct {
		name    string
		content string
		entries func(m *maker) string
		want    string
		hidden  string        // what is there and nobody sees
		note    page.NoteKind // the kind of its only note
	}{
		{name: "plain text", content: text, want: "HERE"},
		{name: "gray text", content: ".6 g " + text, want: "HERE"},
		{name: "outlined text", content: "1 Tr " + text, want: "HERE"},
		{name: "text that is not painted", content: "3 Tr " + text, hidden: "HERE"},
		{name: "text that only clips", content: "q 7 Tr " + text + "Q ", hidden: "HERE"},
		{name: "white text", content: "1 g " + text, hidden: "HERE"},
		{name: "nearly white text", content: ".985 g " + text, hidden: "HERE"},
		{name: "white text on black", content: "90 640 200 30 re f 1 g " + text, want: "HERE"},
		{name: "black text on black", content: "90 640 200 30 re f " + text, hidden: "HERE"},
		{name: "transparent text", content: "/None gs " + text, hidden: "HERE"},
		{name: "half transparent text", content: "/Half gs " + text, want: "HERE"},
		{name: "a layer that is on", content: "/OC /On BDC " + text + "EMC ", want: "HERE"},
		{name: "a layer that is off", content: "/OC /Off BDC " + text + "EMC ", hidden: "HERE"},
		{name: "text outside of its clip", content: "q 300 300 50 50 re W n " + text + "Q ", hidden: "HERE"},
		{name: "text within its clip", content: "q 90 640 200 30 re W n " + text + "Q ", want: "HERE"},
		{name: "a clip that is not a rectangle", content: "q 90 600 m 300 600 l 200 800 l W n " + at(195, 650, "HERE") + "Q ", want: "HERE"},
		{name: "a text cut at the edge of its cell", content: "q 90 640 58 30 re W n " + at(100, 650, "PANT SET LONG") + "Q ", want: "PANT SET"},
		{name: "text under white", content: text + "1 g 90 640 200 30 re f ", hidden: "HERE"},
		{name: "text on white", content: "1 g 90 640 200 30 re f 0 g " + text, want: "HERE"},
		{name: "text under a thick line", content: text + "20 w 90 653 m 200 653 l S ", hidden: "HERE"},
		{name: "text that is struck through", content: text + "1 w 90 653 m 200 653 l S ", want: "HERE"},
		{name: "text under a picture", content: text + "q 200 0 0 30 90 640 cm /Picture Do Q ", hidden: "HERE"},
		{name: "text on a picture", content: "q 200 0 0 30 90 640 cm /Picture Do Q " + text, want: "HERE"},
		{name: "text under a form", content: text + "/Cover Do ", hidden: "HERE"},
		{name: "text of a form", content: "/Text Do ", want: "FORM"},
		{name: "text of a form under another", content: "/Text Do /Cover Do ", hidden: "FORM"},
		{name: "text in a transparent form", content: "q /None gs /Text Do Q ", hidden: "FORM"},
		{name: "text under white under text", content: text + "1 g 90 640 200 30 re f 0 g " + at(100, 650, "OVER"), want: "OVER", hidden: "HERE"},
		{name: "half of each character covered", content: text + "1 g 90 640 200 13 re f ", want: "HERE", note: page.Unsure},
		{name: "text off the page", content: at(-200, 650, "HERE") + at(100, 900, "HERE")},

		{name: "a negative size turned back", content: "BT /F -10 Tf -1 0 0 -1 100 650 Tm (HERE) Tj ET ", want: "HERE"},
		{name: "a page drawn from the top", content: "q 1 0 0 -1 0 792 cm BT /F 10 Tf 1 0 0 -1 100 142 Tm (HERE) Tj ET Q ", want: "HERE"},
		{name: "a negative size on a page drawn from the top", content: "q 1 0 0 -1 0 792 cm BT /F -10 Tf -1 0 0 1 100 142 Tm (HERE) Tj ET Q ", want: "HERE"},
		{name: "oblique text", content: "BT /F 10 Tf 1 0 .25 1 100 650 Tm (HERE) Tj ET ", want: "HERE"},
		{name: "a small size made large", content: "BT /F 1 Tf 10 0 0 10 100 650 Tm (HERE) Tj ET ", want: "HERE"},
		{name: "mirrored text", content: "BT /F 10 Tf -1 0 0 1 160 650 Tm (HERE) Tj ET ", note: page.Unsure},
		{name: "text upside down", content: "BT /F -10 Tf 100 650 Td (HERE) Tj ET "},

		{name: "kerned characters", content: "BT /F 10 Tf 100 650 Td [(T2)-60(04)60(17)] TJ ET ", want: "T20417"},
		{name: "a text in two objects", content: at(100, 650, "T204") + at(124, 650, "17"), want: "T20417"},
		{name: "pieces with a small gap", content: at(100, 650, "T204") + "BT /F 10 Tf 125.4 650 Td (17) Tj ET ", want: "T20417"},
		{name: "pieces that overlap", content: at(100, 650, "T204") + "BT /F 10 Tf 123.3 650 Td (17) Tj ET ", want: "T20417"},
		{name: "an invisible piece between", content: at(100, 650, "T204") + "BT /F 0.01 Tf 124 650 Td (X) Tj ET " + at(124, 650, "17"), want: "T20417"},
		{name: "a soft hyphen that is drawn", content: at(100, 650, `45\25541039`), want: "45-41039"},
		{name: "a copy for bold type", content: text + "BT /F 10 Tf 100.4 650 Td (HERE) Tj ET ", want: "HERE"},

		{name: "a corrected figure over what is printed", content: text,
			entries: func(m *maker) string {
				return drawn(m, "FreeText", "/Contents(77)", "1 g 0 0 100 20 re f 0 g BT /F 10 Tf 5 5 Td (77) Tj ET")
			}, want: "77", hidden: "HERE"},
		{name: "a hidden annotation", content: text,
			entries: func(m *maker) string { return drawn(m, "FreeText", "/F 2", "1 g 0 0 100 20 re f") }, want: "HERE"},
		{name: "a form field that is drawn",
			entries: func(m *maker) string {
				return drawn(m, "Widget", "/FT/Tx/T(a)/V(42)", "/Tx BMC BT /F 10 Tf 5 5 Td (42) Tj ET EMC")
			}, want: "42"},
		{name: "a form field that is left to the viewer to draw",
			entries: func(m *maker) string {
				return drawn(m, "Widget", "/FT/Tx/T(b)/V(43)/DA(/F 10 Tf 0 g)", "")
			}, want: "43"},
		{name: "a form field that is empty", content: text,
			entries: func(m *maker) string { return drawn(m, "Widget", "/FT/Tx/T(c)/DA(/F 10 Tf 0 g)", "") }, want: "HERE"},
		{name: "a link", content: text, entries: func(m *maker) string { return drawn(m, "Link", "", "") }, want: "HERE"},
		{name: "a text that says not how it looks", content: text,
			entries: func(m *maker) string { return drawn(m, "FreeText", "/Contents(77)", "") }, want: "HERE", note: page.Unsure},
		{name: "a stamp", content: text,
			entries: func(m *maker) string {
				return drawn(m, "Stamp", "/Name/Void", "1 0 0 RG 3 w 1 1 98 18 re S")
			}, want: "HERE", note: page.Stamp},
		{name: "an attached file", content: text, entries: func(m *maker) string { return drawn(m, "FileAttachment", "/Contents(bills.pdf)", "") }, want: "HERE", note: page.Attached},
		{name: "a word over the whole page", content: text + ".9 .5 .5 rg " + diagonal, want: "HERE", note: page.Stamp},
	}
	m := newMaker()
	for _, c := range cases {
		entries := ""
		if c.entries != nil {
			entries = c.entries(m)
		}
		m.page(entries, at(100, 700, "EACH PAGE HAS THIS")+"q "+c.content+"Q ")
	}
	fields := ""
	for i, o := range m.objects {
		if strings.Contains(o, "/Subtype/Widget") {
			fields += fmt.Sprintf("%d 0 R ", i+1)
		}
	}
	doc := m.done("/AcroForm<</NeedAppearances true/DA(/F 10 Tf 0 g)/DR<</Font<</F 3 0 R>>>>/Fields[" + fields + "]>>")
	pages, err := read(t, pdf.NewReader(newPool(t, 1), pdf.Config{}), doc)
	must.OK(t, err)
	for i, c := range cases {
		p := pages[i]
		if got := strings.TrimSpace(strings.TrimPrefix(words(p), "EACH PAGE HAS THIS")); got != c.want || p.Damage != "" {
			t.Errorf("%s: %q is read, want %q %s", c.name, got, c.want, p.Damage)
		}
		if got := words(page.Page{Words: p.Hidden}); got != c.hidden {
			t.Errorf("%s: %q is hidden, want %q", c.name, got, c.hidden)
		}
		var note page.NoteKind
		for _, n := range p.Notes {
			note += n.Kind
		}
		if note != c.note {
			t.Errorf("%s: it is noted %+v, want %q", c.name, p.Notes, c.note)
		}
	}
}

func TestAScanIsToldFromAPrintedPage(t *testing.T) {
	const picture = "q 612 0 0 792 0 0 cm /Picture Do Q "
	m := newMaker()
	m.page("", picture)
	m.page("", picture+"3 Tr "+at(100, 650, "SCANNED"))
	m.page("", picture+"q 3 Tr "+at(100, 650, "SCANNED")+"Q "+at(100, 20, "MIDAS 000012"))
	m.page("", "q 64 0 0 36 10 740 cm /Picture Do Q "+at(100, 650, "PRINTED"))
	pages, err := read(t, pdf.NewReader(newPool(t, 1), pdf.Config{}), m.done(""))
	must.OK(t, err)
	var got []string
	for _, p := range pages {
		got = append(got, fmt.Sprint(p.Scan, words(p)))
	}
	want := fmt.Sprint([]string{fmt.Sprint(page.Picture, ""), fmt.Sprint(page.TextLayer, ""), fmt.Sprint(page.Picture, "MIDAS 000012"), fmt.Sprint(page.Printed, "PRINTED")})
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// one is a PDF of one page with a text, and a stream of noise as large as compressed
// pages are.
func one(text string) []byte {
	m := newMaker()
	noise := make([]byte, 8<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 5)
	}
	m.stream("", string(noise)+"\r\n\r\r\n\n")
	m.page("", at(100, 650, text))
	return m.done("")
}

// archive is a ZIP archive of PDFs, a folder, a text, and what macOS adds.
func archive(method uint16, docs ...[]byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name string, content []byte) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			panic(err) // a buffer takes everything
		}
	}
	add("bills/", nil)
	add("__MACOSX/._bills.pdf", []byte("\x00\x05\x16\x07"))
	add("read me.txt", []byte("The bills of this week."))
	for i, d := range docs {
		add(fmt.Sprintf("../bills/%d.PDF", i), d)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func zipped(docs ...[]byte) []byte { return archive(zip.Deflate, docs...) }
func stored(docs ...[]byte) []byte { return archive(zip.Store, docs...) }

func gzipped(doc []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name = "bills.pdf"
	_, err := w.Write(doc)
	if err := cmp.Or(err, w.Close()); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestAnArchiveThatCannotBeReadWholeIsRefused(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{})
	a := one("FIRST")
	large := append(bytes.Clone(a), make([]byte, 65<<20)...)
	locked := bytes.Replace(zipped(a), []byte("PK\x01\x02\x14\x00\x14\x00\x08"), []byte("PK\x01\x02\x14\x00\x14\x00\x09"), -1)
	for _, c := range []struct {
		name    string
		doc     []byte
		code    fault.Code
		message string
	}{
		{"one that unpacks to more than it may", gzipped(large), fault.TooLarge, "more than 64 MB"},
		{"one with a PDF that is none", zipped(a, []byte("Dear Sir")), fault.NotAPDF, `"../bills/1.PDF" in the archive is not a PDF`},
		{"one with a PDF that is cut off", zipped(a, a[:len(a)/2]), fault.DamagedPDF, `"../bills/1.PDF" in the archive: the PDF is cut off`},
		{"gzip that is cut off", gzipped(a)[:5000], fault.DamagedPDF, `"bills.pdf" in the archive cannot be unpacked`},
		{"one with a password", locked, fault.EncryptedPDF, "protected by a password"},
		{"one without a PDF", zipped(), fault.NotAPDF, "looks like a ZIP archive"},
	} {
		if _, err := read(t, r, c.doc); fault.CodeOf(err) != c.code || err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %s, %v; want %s, %q", c.name, fault.CodeOf(err), err, c.code, c.message)
		}
	}
}

func TestAllPDFsOfAFileAreRead(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{})
	a, b := one("FIRST"), one("SECOND")
	mangle := func(doc []byte) []byte { return bytes.ReplaceAll(doc, []byte("\n"), []byte("\r\n")) }
	join := func(parts ...any) []byte {
		var out []byte
		for _, p := range parts {
			out = fmt.Append(out, fmt.Sprintf("%s", p))
		}
		return out
	}
	attached := func() []byte {
		m := newMaker()
		file := m.stream("/Type/EmbeddedFile/Subtype/application#2Fpdf", string(a))
		spec := m.add(fmt.Sprintf("<</Type/Filespec/F(more.pdf)/UF(more.pdf)/EF<</F %d 0 R>>>>", file))
		m.page("", at(100, 650, "OUTER"))
		return m.done(fmt.Sprintf("/Names<</EmbeddedFiles<</Names[(more.pdf) %d 0 R]>>>>", spec))
	}()
	updated := append(bytes.Clone(a), []byte("%%EOF\n")...)
	for _, c := range []struct {
		name string
		doc  []byte
		want string
	}{
		{"one", a, "FIRST"},
		{"two", join(a, b), "FIRST SECOND"},
		{"two of the same", join(a, a), "FIRST FIRST"},
		{"three", join(a, b, a), "FIRST SECOND FIRST"},
		{"a printer's commands around them", join("\x1B%-12345X@PJL\r\n", a, "\x1B%-12345X@PJL\r\n", b), "FIRST SECOND"},
		{"blanks between", join(a, strings.Repeat("\x00", 1000), b), "FIRST SECOND"},
		{"zeros at the end", join(a, strings.Repeat("\x00", 5000)), "FIRST"},
		{"blanks at the end", join(a, strings.Repeat(" \r\n", 5000)), "FIRST"},
		{"a second end", updated, "FIRST"},
		{"a ZIP archive", zipped(a, b), "FIRST SECOND"},
		{"a ZIP archive with a file of two", zipped(join(a, b), a), "FIRST SECOND FIRST"},
		{"a ZIP archive that stores", stored(a, b), "FIRST SECOND"},
		{"gzip", gzipped(a), "FIRST"},
		{"one that is attached to another", attached, "OUTER"},
		{"a transfer in text mode", mangle(a), "FIRST"},
		{"a transfer of two", mangle(join(a, b)), "FIRST SECOND"},
	} {
		pages, err := read(t, r, c.doc)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for i, p := range pages {
			got = append(got, words(p))
			if p.Number != i+1 {
				t.Errorf("%s: page %d has the number %d", c.name, i+1, p.Number)
			}
			// The picture is of the same page.
			if _, err := r.Picture(t.Context(), bytes.NewReader(c.doc), int64(len(c.doc)), p.Number, 100); err != nil {
				t.Errorf("%s: the picture of page %d: %v", c.name, p.Number, err)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if attached := len(pages[0].Notes) > 0; attached != (c.want == "OUTER") {
			t.Errorf("%s: the notes %+v", c.name, pages[0].Notes)
		}
	}

	// A transfer that leaves some ends of lines alone cannot be undone, nor one that
	// has lost carriage returns.
	some := mangle(a)
	some = bytes.Replace(some, []byte("\r\r\n"), []byte("\r\n"), 1)
	if _, err := read(t, r, some); fault.CodeOf(err) != fault.DamagedPDF || !strings.Contains(err.Error(), "text mode") {
		t.Errorf("a transfer that cannot be undone gives %v", err)
	}
	half := join(a, b[:len(b)/2])
	if _, err := read(t, r, half); fault.CodeOf(err) != fault.DamagedPDF || !strings.Contains(err.Error(), "PDF 2 of the 2") {
		t.Errorf("a second PDF that is cut off gives %v", err)
	}
}
