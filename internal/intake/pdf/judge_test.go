package pdf_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/goregular"

	"tallyman/internal/intake/pdf"
	"tallyman/internal/page"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
)

// verdicts compares the readers on a document, and reports pages on which they differ.
func verdicts(t *testing.T, r *pdf.Reader, name string, doc []byte) (all []pdf.Verdict) {
	t.Helper()
	err := r.Judge(t.Context(), bytes.NewReader(doc), int64(len(doc)), 0, 1000, func(v pdf.Verdict) {
		all = append(all, v)
		if v.Differs != "" {
			t.Errorf("%s, page %d: %s", name, v.Page, v.Differs)
		}
	})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return all
}

// taken is verdicts of a document whose pages the fast reader must take.
func taken(t *testing.T, r *pdf.Reader, name string, doc []byte) {
	t.Helper()
	all := verdicts(t, r, name, doc)
	if len(all) == 0 {
		t.Errorf("%s: no page is read", name)
	}
	for _, v := range all {
		if v.Declined != "" {
			t.Errorf("%s, page %d is declined: %s", name, v.Page, v.Declined)
		}
	}
}

// What the fast reader takes, PDFium reads in the same way: go run ./bench/judge compares
// them on as many files as one likes.
func TestTheFastReaderReadsWhatPDFiumReads(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{})
	t.Run("bills", func(t *testing.T) { taken(t, r, "bills", sampleDocument(t, 3)) })
	t.Run("the real bills", func(t *testing.T) { taken(t, r, "the real bills", realDocument(t)) })
	t.Run("ways of writing", func(t *testing.T) {
		m := newMaker()
		for _, content := range []string{
			"BT /F 10 Tf 100 700 Td 12 TL (ONE) Tj T* (TWO) Tj (THREE) ' 2 1 (FO UR) \" ET",
			"BT /F 10 Tf 1 0 0 1 100 700 Tm [(KER)-20(NED)-400(AP)300(ART)] TJ 5 Ts (UP) Tj 0 Ts 50 Tz (NARROW) Tj ET",
			"BT /B 12 Tf 0 1 -1 0 300 300 Tm (UPWARDS ALL OF IT) Tj ET",
			"BT /F -10 Tf -1 0 0 -1 300 300 Tm (NEGATIVE) Tj ET",
			"BT /F 1 Tf 12 0 0 12 100 600 Tm (SCALED) Tj 1.5 -1 TD (NEXT) Tj ET",
			"q .5 0 0 .5 10 10 cm BT /F 20 Tf 100 700 Td (HALF) Tj ET Q BT /B 9 Tf 50 50 Td <48455821> Tj ET",
			"BT /F 10 Tf 200 500 Td (RIGHT) Tj -60 0 Td (LEFT) Tj 120 0 Td (FAR) Tj ET",
			"BT /F 10 Tf 100 400 Td (PIE) Tj 18 0 Td (CES) Tj 0 -12 Td (\\122\\123\\(T\\)) Tj ET",
			"0.5 g 50 50 100 20 re f 1 g 50 80 100 20 re f 0 g " + at(60, 86, "ON WHITE"),
			"0 0 .4 rg 50 100 300 30 re f 1 g " + at(60, 110, "WHITE ON BLUE") + "0 g " + at(60, 300, "BLACK"),
			"0.2 g 50 100 300 60 re B 0.9 1 1 rg " + at(60, 120, "LIGHT ON GRAY") + "1 g 60 132 100 14 re f 0 g " + at(62, 136, "ON WHITE"),
			"q 50 100 300 60 re W n 0 g 0 0 600 700 re f 1 g " + at(60, 120, "IN A CLIP") + "Q " + at(60, 300, "BLACK"),
			"0 g 50 100 m 350 100 l 350 130 l 50 130 l h f 1 g " + at(60, 110, "A PATH"),
			"0 g 50 100 40 30 re f 90 100 100 30 re f 1 g BT /F 10 Tf 60 110 Td [(AB)-3000(CD)] TJ ET",
			"BT /F 10 Tf 1 0 0 1 100 700 Tm (L) Tj 1 0 0 1 106 700 Tm (L) Tj 1 0 0 1 112 700 Tm (L) Tj ET",
			"q 100 100 200 100 re W n " + at(110, 120, "INSIDE") + "Q " + at(100, 300, "OUTSIDE"),
			"q 1 0 0 1 0 -300 cm /Text Do Q",
			"BT /F 10 Tf 3 Tr 100 700 Td (HIDDEN) Tj 0 Tr 0 -20 Td (SEEN) Tj ET",
		} {
			m.page("", content)
		}
		taken(t, r, "ways of writing", m.done(""))
	})
	t.Run("standard fonts", func(t *testing.T) {
		m := newMaker()
		fonts := ""
		content := "BT 14 TL 50 750 Td "
		for i, name := range []string{"Helvetica", "Helvetica-Oblique", "Times-Roman", "Times-BoldItalic", "Courier-Oblique", "Arial,Bold", "TimesNewRomanPS-BoldMT", "CourierNew"} {
			for j, encoding := range []string{"", "/Encoding/WinAnsiEncoding", "/Encoding/MacRomanEncoding", "/Encoding<</Differences[65/Adieresis/fi/quotesingle]>>"} {
				f := fmt.Sprintf("S%d%d", i, j)
				fonts += fmt.Sprintf("/%s %d 0 R", f, m.add("<</Type/Font/Subtype/Type1/BaseFont/"+name+encoding+">>"))
				accents := ""
				if j == 1 || j == 2 {
					accents = "\\341\\344\\307\\247\\222"
				}
				content += fmt.Sprintf("/%s 9 Tf (ABC abc-gjy 0123456789 %s) ' ", f, accents)
			}
		}
		n := m.stream("", content+"ET")
		m.pages = append(m.pages, fmt.Sprintf("%d 0 R", m.add(fmt.Sprintf(
			"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<<%s>>>>/Contents %d 0 R>>", fonts, n))))
		taken(t, r, "standard fonts", m.done(""))
	})
	t.Run("embedded fonts", func(t *testing.T) {
		m := newMaker()
		file := m.stream(fmt.Sprintf("/Length1 %d", len(goregular.TTF)), string(goregular.TTF))
		descriptor := func(flags int) int {
			return m.add(fmt.Sprintf("<</Type/FontDescriptor/FontName/Go/Flags %d/Ascent 944/Descent -211/FontBBox[-440 -432 1600 1070]/FontFile2 %d 0 R>>", flags, file))
		}
		widths := "/FirstChar 32/LastChar 126/Widths[" + strings.Repeat("600 ", 95) + "]"
		simple := m.add(fmt.Sprintf("<</Type/Font/Subtype/TrueType/BaseFont/Go/Encoding/WinAnsiEncoding/FontDescriptor %d 0 R%s>>", descriptor(32), widths))
		symbolic := m.add(fmt.Sprintf("<</Type/Font/Subtype/TrueType/BaseFont/Go/FontDescriptor %d 0 R%s>>", descriptor(4), widths))
		cid := m.add(fmt.Sprintf("<</Type/Font/Subtype/CIDFontType2/BaseFont/Go/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 700/W[36[667 650]40 60 580]/CIDToGIDMap/Identity/FontDescriptor %d 0 R>>", descriptor(4)))
		unicodes := m.stream("", "1 begincodespacerange <0000><FFFF> endcodespacerange 2 beginbfrange <0024><003D><0041> <0044><005D><0061> endbfrange 1 beginbfchar <0003><0020> endbfchar")
		wide := m.add(fmt.Sprintf("<</Type/Font/Subtype/Type0/BaseFont/Go/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>", cid, unicodes))
		n := m.stream("", "BT 20 TL /A 12 Tf 50 700 Td (Simple gjy AV) Tj T* /Y 12 Tf (Symbolic gjy) Tj T* /W 12 Tf <00240025002600030044004500460047> Tj ET")
		m.pages = append(m.pages, fmt.Sprintf("%d 0 R", m.add(fmt.Sprintf(
			"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Rotate 90/Resources<</Font<</A %d 0 R/Y %d 0 R/W %d 0 R>>>>/Contents %d 0 R>>", simple, symbolic, wide, n))))
		taken(t, r, "embedded fonts", m.done(""))
	})
	t.Run("damaged copies", func(t *testing.T) {
		doc := sampleDocument(t, 3)
		some := 0
		for seed := range uint64(100) {
			for _, v := range verdicts(t, r, fmt.Sprintf("damage %d", seed), hostile.Mutant(doc, seed)) {
				if v.Declined == "" {
					some++
				}
			}
		}
		if some < 20 {
			t.Errorf("the fast reader takes %d pages of damaged copies: nothing is compared", some)
		}
	})
}

// A document is read to the same pages in whatever way, and each way is counted.
func TestTheReadersShareADocument(t *testing.T) {
	m := newMaker()
	m.page("", at(100, 700, "PLAIN"))
	m.page("", "0.9 g "+at(100, 700, "FAINT")+"0 g "+at(100, 650, "DARK"))
	m.page("", at(100, 700, "PLAIN AGAIN"))
	doc := m.done("")
	both := pdf.NewReader(newPool(t, 2), pdf.Config{})
	alone := pdf.NewReader(newPool(t, 2), pdf.Config{PDFium: true})
	var texts [2]string
	for i, r := range []*pdf.Reader{both, alone} {
		pages, err := read(t, r, doc)
		must.OK(t, err)
		for _, p := range pages {
			texts[i] += fmt.Sprintf("%d %v\n", p.Number, words(p))
		}
	}
	if texts[0] != texts[1] {
		t.Errorf("two readers read\n%s\none reads\n%s", texts[0], texts[1])
	}
	if c := both.Counts(); c.Fast != 2 || c.Slow != 1 || c.Declined["bright text"] != 1 {
		t.Errorf("counted: %+v", c)
	}
	if c := alone.Counts(); c.Fast != 0 || c.Slow != 3 || len(c.Declined) != 0 {
		t.Errorf("without the fast reader is counted: %+v", c)
	}
}

// In production some documents are read both ways. The second worker must be idle.
func TestOneDocumentInManyIsJudged(t *testing.T) {
	var log bytes.Buffer
	r := pdf.NewReader(newPool(t, 2), pdf.Config{Judge: 2, Log: slog.New(slog.NewTextHandler(&log, nil))})
	doc := sampleDocument(t, 1)
	for range 4 {
		_, err := read(t, r, doc)
		must.OK(t, err)
	}
	if c := r.Counts(); c.Judged == 0 || c.Differing != 0 || c.Slow != 0 {
		t.Errorf("counted: %+v", c)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
	busy := pdf.NewReader(newPool(t, 1), pdf.Config{Judge: 1})
	_, err := busy.Read(t.Context(), bytes.NewReader(doc), int64(len(doc)), func(page.Page) error { return nil })
	must.OK(t, err)
}
