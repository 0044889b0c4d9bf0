// Package hostile makes broken and malicious files, for tests of code that reads
// files: PDFs that never end, workbooks that unpack to gigabytes, truncated or locked
// files. All are built from bytes, since libraries for these formats refuse to write
// invalid files.
package hostile

import (
	"bytes"
	"cmp"
	deflate "compress/flate"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// document is a PDF under construction: objects, numbered from 1 in the order in
// which they are added.
type document struct {
	objects [][]byte
}

// add adds an object and returns its number.
func (d *document) add(format string, args ...any) int {
	d.objects = append(d.objects, fmt.Appendf(nil, format, args...))
	return len(d.objects)
}

// stream adds a stream. dict is the content of its dictionary besides its length.
func (d *document) stream(dict string, data []byte) int {
	return d.add("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

// shown is the content of a page that shows a few words.
func shown(words string) []byte {
	return fmt.Appendf(nil, "BT /F1 12 Tf 72 700 Td (%s) Tj ET", words)
}

// words adds such a content.
func (d *document) words(words string) int { return d.stream("", shown(words)) }

// next returns the number of the object that is added n objects from now, 0 for
// the next one.
func (d *document) next(n int) int { return len(d.objects) + 1 + n }

// page adds a page of a tree of pages.
func (d *document) page(tree, content int, resources string) int {
	return d.add("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << %s >> >>", tree, content, resources)
}

// pages adds a page tree that has one page, n times, and returns the number of the catalog.
func (d *document) pages(resources string, content, n int) int {
	tree := d.next(1)
	page := d.page(tree, content, resources)
	d.add("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Repeat(fmt.Sprintf("%d 0 R ", page), n), n)
	return d.add("<< /Type /Catalog /Pages %d 0 R >>", tree)
}

// showing returns the document with one page of that content.
func (d *document) showing(resources, content string) []byte {
	return d.bytes(d.pages(resources, d.stream("", []byte(content)), 1), "")
}

// onePage is a PDF of one page. dict is the content of its stream's dictionary besides its
// length.
func onePage(dict string, data []byte) []byte {
	var d document
	return d.bytes(d.pages(helvetica, d.stream(dict, data), 1), "")
}

// bytes returns the document. trailer is the content of the trailer besides its size
// and root.
func (d *document) bytes(root int, trailer string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(d.objects))
	for i, o := range d.objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	return end(b.Bytes(), offsets, fmt.Appendf(nil, "\n<< /Size %d /Root %d 0 R %s >>\n", len(offsets)+1, root, trailer))
}

// end adds what ends a PDF: where its objects begin, and what follows the word trailer.
func end(b []byte, offsets []int, trailer []byte) []byte {
	xref := len(b)
	b = fmt.Appendf(b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		b = fmt.Appendf(b, "%010d 00000 n \n", o)
	}
	return fmt.Appendf(b, "trailer%sstartxref\n%d\n%%%%EOF\n", trailer, xref)
}

const helvetica = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"

// flate packs data as a stream of the filter FlateDecode.
func flate(data []byte) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// flateRun packs the text n times, rounded up to whole chunks of about a mebibyte,
// without holding or packing all of them.
func flateRun(text string, n int) []byte {
	run := bytes.Repeat([]byte(text), (1<<20)/len(text))
	chunks := (n*len(text) + len(run) - 1) / len(run)
	var b bytes.Buffer
	w, err := deflate.NewWriter(&b, deflate.BestCompression)
	if err != nil {
		panic(err) // the level is valid
	}
	b.WriteString("\x78\xDA")
	// From the third on, each chunk is packed as a reference to the one before, so
	// all of these are equal.
	from := 0
	for range min(chunks, 3) {
		from = b.Len()
		w.Write(run)
		w.Flush()
	}
	again := bytes.Clone(b.Bytes()[from:])
	for range chunks - 3 {
		b.Write(again)
	}
	b.WriteString("\x01\x00\x00\xFF\xFF") // a last, empty block

	// Adler-32 (RFC 1950, 8.2), chunk by chunk.
	const mod = 65521
	var sum, weighted uint64
	for i, c := range run {
		sum += uint64(c)
		weighted += uint64(len(run)-i) * uint64(c) % mod
	}
	s1, s2 := uint64(1), uint64(0)
	for range chunks {
		s2 = (s2 + s1*uint64(len(run)) + weighted) % mod
		s1 = (s1 + sum) % mod
	}
	return binary.BigEndian.AppendUint32(b.Bytes(), uint32(s2<<16|s1))
}

// RootFirst returns a valid PDF with the same objects. The objects that lead to its pages
// come first, followed by a first trailer, much as in a PDF that is optimised for the
// web. If the end of such a document is cut off, the rest can be read as a shorter
// document. The PDF must have a plain cross-reference table.
func RootFirst(pdf []byte) ([]byte, error) {
	at, offsets, trailer, err := crossReferences(pdf)
	if err != nil {
		return nil, err
	}
	object := func(i int) []byte {
		o := pdf[offsets[i]:at]
		return o[:bytes.Index(o, []byte("endobj"))+len("endobj\n")]
	}
	front := func(i int) int {
		switch o := object(i); {
		case bytes.Contains(o, []byte("/Type /Catalog")):
			return 0
		case bytes.Contains(o, []byte("/Type /Pages")):
			return 1
		case bytes.Contains(o, []byte("/Type /Page")):
			return 2
		}
		return 3
	}
	order := make([]int, len(offsets))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(front(a), front(b)) })

	var b bytes.Buffer
	b.Write(pdf[:slices.Min(offsets)])
	moved := make([]int, len(offsets))
	led := false
	for _, i := range order {
		if front(i) == 3 && !led {
			led = true
			fmt.Fprintf(&b, "trailer%sstartxref\n0\n%%%%EOF\n", trailer)
		}
		moved[i] = b.Len()
		b.Write(object(i))
	}
	return end(b.Bytes(), moved, trailer), nil
}

// crossReferences reads the plain cross-reference table of a PDF: where it begins,
// where each object from 1 on begins, and what follows the word trailer.
func crossReferences(pdf []byte) (at int, offsets []int, trailer []byte, err error) {
	at = bytes.LastIndex(pdf, []byte("\nxref\n"))
	end := bytes.LastIndex(pdf, []byte("startxref"))
	if at < 0 || end < at {
		return 0, nil, nil, fmt.Errorf("the PDF has no cross-reference table")
	}
	var first, n int
	table, trailer, _ := bytes.Cut(pdf[at+len("\nxref\n"):end], []byte("trailer"))
	if _, err := fmt.Sscanf(string(table), "%d %d\n", &first, &n); err != nil || first != 0 {
		return 0, nil, nil, fmt.Errorf("its cross-reference table has several parts (%v)", err)
	}
	entries := bytes.Split(bytes.TrimSpace(table), []byte("\n"))[1:]
	if len(entries) != n || n < 2 {
		return 0, nil, nil, fmt.Errorf("its cross-reference table has %d entries, not %d", len(entries), n)
	}
	offsets = make([]int, n-1)
	for i := range offsets {
		if _, err := fmt.Sscanf(string(entries[i+1]), "%d", &offsets[i]); err != nil {
			return 0, nil, nil, fmt.Errorf("its cross-reference table: %w", err)
		}
	}
	return at, offsets, trailer, nil
}
