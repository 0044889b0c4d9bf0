package fast

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/image/font/gofont/goregular"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// The fuzz targets, one for each layer: nothing may panic, and what fails must say why it
// is left to PDFium.

// declines fails if an error is not a reason to decline.
func declines(t *testing.T, err error) {
	t.Helper()
	var d *Declined
	if err != nil && !errors.As(err, &d) {
		t.Errorf("it fails with %v", err)
	}
}

// run calls a function, and returns why it declines.
func run(f func()) (err error) {
	defer caught(&err)
	f()
	return nil
}

func FuzzDocument(f *testing.F) {
	f.Add(must.Written(f, shipments.Sample(f, sample.Options{Bills: 1, Lines: 3, Seed: 1}).WritePDF))
	f.Add([]byte("%PDF-1.5\n1 0 obj<</Type/XRef/W[1 2 1]/Size 2/Root 1 0 R/Length 8>>stream\n\x01\x00\x09\x00\x01\x00\x09\x00endstream endobj startxref 9 %%EOF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Open(bytes.NewReader(b), int64(len(b)))
		declines(t, err)
		if err != nil {
			return
		}
		for n := range min(d.Pages(), 4) {
			_, err := d.Page(n, true)
			declines(t, err)
		}
	})
}

// document returns a PDF of objects, which are numbered from 1. The first is the catalog.
func document(objects ...string) []byte {
	var b bytes.Buffer
	var at []int
	b.WriteString("%PDF-1.4\n")
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, a := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, table)
	return b.Bytes()
}

func FuzzContent(f *testing.F) {
	f.Add("BT /F 12 Tf 100 700 Td (TEXT) Tj [(A)-50(B)] TJ ET 0 0 10 10 re W n q Q BI /W 1 /H 1 /BPC 8 /CS /G ID x EI")
	f.Add("/X Do /OC /P BDC 1 g 1 1 1 rg 0 0 0 1 k /G gs 3 Tr (H) ' EMC")
	f.Fuzz(func(t *testing.T, content string) {
		b := document(
			"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
			"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>/ExtGState<</G<</ca .5>>>>>>>>",
			fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(content), content),
			"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
			"<</Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>/Length 5>>stream\n/X Do\nendstream",
		)
		d, err := Open(bytes.NewReader(b), int64(len(b)))
		must.OK(t, err)
		_, err = d.Page(0, true)
		declines(t, err)
	})
}

func FuzzFonts(f *testing.F) {
	f.Add(goregular.TTF[:4096])
	f.Add(goregular.TTF)
	f.Add([]byte("\x01\x00\x04\x01\x00\x01\x01\x01\x02F\x00\x01\x01\x01\x05\x8b\x8b\x11\x00\x00\x00\x00"))
	f.Add([]byte("%!PS-AdobeFont-1.0\n/FontMatrix [0.001 0 0 0.001 0 0] def /Encoding StandardEncoding def currentfile eexec\n\x80abcdefgh"))
	f.Fuzz(func(t *testing.T, b []byte) {
		desc := &descriptor{flags: flagSymbolic}
		if tt, err := parseTrueType(b); err == nil {
			find := tt.simple(desc, &encoding{})
			for code := range 256 {
				if id, _, err := find(code); err == nil {
					_, err := tt.box(id)
					declines(t, err)
				}
			}
		}
		if c, err := parseCFF(b); err == nil {
			for id := range min(len(c.glyphs), 300) {
				_, err := c.box(id)
				declines(t, err)
				if !c.cid {
					c.nameOf(id)
				}
			}
		}
		for _, data := range [][]byte{b, append([]byte("%!PS\n/FontMatrix [0.001 0 0 0.001 0 0] /Encoding StandardEncoding eexec "), b...)} {
			if t1, err := parseType1(data); err == nil {
				for id := range min(len(t1.glyphs), 300) {
					_, err := t1.box(id + 1)
					declines(t, err)
				}
			}
		}
		c := &charstring{global: [][]byte{b}, local: [][]byte{b}}
		declines(t, run(func() { c.run(b, 0) }))
		c1 := &type1Charstring{subrs: map[int][]byte{0: b, 1: b}}
		declines(t, run(func() { c1.run(b, 0) }))
	})
}

func FuzzMaps(f *testing.F) {
	f.Add([]byte("1 begincodespacerange <00> <FF> endcodespacerange 2 beginbfrange <20> <7E> <0020> <80> <82> [<0041> <0042> <D835DC38>] endbfrange 1 beginbfchar <01> <00660069> endbfchar"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &Document{f: newFile(bytes.NewReader(append(b, " endstream"...)), int64(len(b))+10, nil, new(atomic.Int64))}
		u, err := d.toUnicode(stream{dict: dict{"Length": len(b)}})
		declines(t, err)
		if err == nil {
			u.of(65)
		}
	})
}
