package pdf

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"tallyman/internal/intake/pdf/fast"
	"tallyman/internal/testing/must"
)

var update = flag.Bool("update", false, "write the metrics of the standard fonts")

// The fast reader has the metrics of the fonts that PDFs need not embed. They must be
// those of this build's PDFium.
func TestTheFastReaderHasPDFiumsMetrics(t *testing.T) {
	const file = "fast/standard.txt"
	var want strings.Builder
	p, err := newPDFium(context.Background(), testCache, 512<<20)
	must.OK(t, err)
	defer p.runtime.Close(p.ctx)
	names := fast.StandardNames()
	for _, font := range []string{
		"Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique",
		"Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic",
		"Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique",
	} {
		for from := 0; from < len(names); from += 200 {
			some := names[from:min(from+200, len(names))]
			metrics(t, p, font, some, from == 0, &want)
		}
	}
	if *update {
		must.OK(t, os.WriteFile(file, []byte(want.String()), 0o644))
	}
	got := must.Read(t, file)
	if string(got) != want.String() {
		t.Error("this PDFium has other metrics; run this test with -update")
	}
}

// metrics writes the metrics of glyphs of a font.
func metrics(t *testing.T, p *pdfium, font string, names []string, head bool, out *strings.Builder) {
	t.Helper()
	var content strings.Builder
	content.WriteString("BT /F 1000 Tf ")
	for i := range names {
		// The place of what follows a glyph shows its width.
		fmt.Fprintf(&content, "1 0 0 1 0 %d Tm <%02XFF> Tj ", -3000*i, 32+i)
	}
	content.WriteString("ET")
	doc := onePage(content.String(), fmt.Sprintf("<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding << /Differences [32 /%s 255 /exclam] >> >>",
		font, strings.Join(names, " /")))
	d, err := p.open(bytes.NewReader(doc), int64(len(doc)))
	must.OK(t, err)
	defer d.close()
	l, err := d.load(1)
	must.OK(t, err)
	defer l.close()
	at := uint64(p.scratch)
	box, width := map[string]string{}, map[string]float64{}
	for i := range l.chars {
		if l.generated(i) {
			continue
		}
		handle := p.call("FPDFTextObj_GetFont", l.object(i))
		if head {
			size := uint64(math.Float32bits(1000))
			p.call("FPDFFont_GetAscent", uint64(handle), size, at)
			p.call("FPDFFont_GetDescent", uint64(handle), size, at+4)
			fmt.Fprintf(out, "%s %v %v\n", font, p.float32At(p.scratch), p.float32At(p.scratch+4))
			head = false
		}
		p.on(p.origin, l.text, i, p.scratch, p.scratch+8)
		x, _ := p.mem.ReadFloat64Le(p.scratch)
		y, _ := p.mem.ReadFloat64Le(p.scratch + 8)
		name := names[int(math.Round(-y/3000))]
		if x > 0 {
			width[name] = x
			continue
		}
		p.call("FPDFText_GetCharBox", uint64(l.text), uint64(i), at, at+8, at+16, at+24)
		v := func(i uint32) float64 { v, _ := p.mem.ReadFloat64Le(p.scratch + 8*i); return v }
		left, right, bottom, top := v(0), v(1), v(2)-y, v(3)-y
		box[name] = fmt.Sprintf("%v %v %v %v", left, bottom, right, top)
	}
	for _, n := range names {
		if n == "space" {
			box[n] = "0 0 0 0" // PDFium makes up a box for what has none
		}
		if box[n] != "" {
			fmt.Fprintf(out, "%s %v %s\n", n, width[n], box[n])
		}
	}
}

// onePage makes a PDF of a page with one font.
func onePage(content, font string) []byte {
	return Assembled(
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
		font)
}

// Assembled makes a PDF of objects, which are numbered from 1. The first is the catalog.
func Assembled(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	table := fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for i, o := range objects {
		table += fmt.Sprintf("%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	fmt.Fprintf(&b, "%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", table, len(objects)+1, b.Len())
	return b.Bytes()
}

// testCache is the folder of compiled code.
var testCache = func() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return dir + "/tallyman"
}()
