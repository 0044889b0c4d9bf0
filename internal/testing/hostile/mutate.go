package hostile

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
)

// Mutant returns a copy of a document with some changes that a broken disk, a
// careless program or an attacker might make: flipped bits, chunks removed, doubled
// or swapped, absurd numbers, words of the format in the wrong place. Packed data is
// changed as well: a PDF's streams and a workbook's parts are unpacked, changed and
// packed again, with correct sums. The same document and seed always make the same
// mutant.
func Mutant(document []byte, seed uint64) []byte {
	m := mutator{rand.New(rand.NewPCG(seed, uint64(len(document))))}
	switch {
	case bytes.HasPrefix(document, []byte("%PDF-")):
		if m.IntN(2) == 0 {
			if out, err := m.stream(document); err == nil {
				return out
			}
		}
		return m.change(document, pdfWords)
	case bytes.HasPrefix(document, []byte("PK\x03\x04")):
		if m.IntN(4) > 0 {
			if out, err := m.parts(document); err == nil {
				return out
			}
		}
		return m.change(document, zipWords)
	case bytes.HasPrefix(document, []byte("\xD0\xCF\x11\xE0")), bytes.HasPrefix(document, []byte("\xFF\xD8")), bytes.HasPrefix(document, []byte("\x89PNG")), bytes.HasPrefix(document, []byte("II*\x00")):
		return m.change(document, nil)
	}
	return m.change(document, tableWords)
}

type mutator struct{ *rand.Rand }

// The words of formats, and texts that are known to break readers.
var (
	pdfWords = []string{"obj", "endobj", "stream\n", "endstream", "xref", "trailer", "startxref", "%%EOF", "1 0 R", "9999999 0 R", "<<", ">>", "[", "]", "(", ")", "<", ">",
		"/Type /Page", "/Type /Pages", "/Type /ObjStm", "/Type /XRef", "/Kids [1 0 R]", "/Parent 1 0 R", "/Count -1", "/Count 999999999", "/Length 0", "/Length 99999999", "/Prev 0",
		"/MediaBox [0 0 1e9 1e9]", "/MediaBox [0 0 0 0]", "/CropBox [9 9 -9 -9]", "/Rotate 45", "/UserUnit 1e6", "/Encrypt 1 0 R", "/W [8 8 8]", "/Size 2147483647", "/Root 1 0 R",
		"/Filter /FlateDecode", "/Filter /LZWDecode", "/Filter /ASCII85Decode", "/Filter /RunLengthDecode", "/Filter /JBIG2Decode", "/Filter /JPXDecode", "/Filter /DCTDecode",
		"/Filter /CCITTFaxDecode", "/DecodeParms << /Predictor 12 /Columns 99999999 >>", "/Subtype /Type3", "/Subtype /Type0", "/Encoding /Identity-H", "/ToUnicode 1 0 R"}
	contentWords = []string{"BT", "ET", "q", "Q", "cm", "Tj", "TJ", "Td", "Tm", "T*", "'", "\"", "Tf", "Tz", "TL", "Tc", "Tw", "Tr", "Ts", "re", "W n", "f", "S", "sh", "Do", "/F1", "/I1",
		"BI /W 99999 /H 99999 /BPC 8 /CS /G ID ", "EI", "1e38", "-1e38", "0", "nan", "0 0 0 0 0 0 cm", "1e20 0 0 1e20 0 0 Tm", "(", ")", "<", ">", "<FFFF>", "[", "]", "\\ddd", "\x00", "%"}
	zipWords = []string{"PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "PK\x07\x08", "\xFF\xFF\xFF\xFF", "../", "/", "\x00"}
	xmlWords = []string{"<", ">", "</", "/>", "&", ";", "<!DOCTYPE a [<!ENTITY a \"b\">]>", "<!ENTITY a SYSTEM \"file:///etc/passwd\">", "&a;", "&#0;", "&#x10FFFF;", "<![CDATA[", "]]>", "<!--", "-->",
		"<?xml version=\"1.1\" encoding=\"UTF-16\"?>", "</sheetData>", "<row r=\"1048576\">", "<row r=\"0\">", "</row>", "<c r=\"XFD1\">", "<c r=\"A0\">", "<c r=\"ZZZZZZZ1\">", "</c>",
		" t=\"s\"", " t=\"inlineStr\"", " t=\"e\"", " t=\"d\"", " s=\"-1\"", " s=\"4294967295\"", "<v>4294967295</v>", "<v>-1</v>", "<v>1e999</v>", "<v>NaN</v>", "<is><t>", "<si>", "</si>",
		" count=\"4294967295\"", " r:id=\"rId9\"", " Target=\"../../../etc/passwd\"", " state=\"veryHidden\"", " date1904=\"1\"", "\xFF\xFE", "\xC3\x28", "\x00"}
	tableWords = []string{`"`, `""`, `"""`, ",", ";", "\t", "\r", "\n", "\r\n", "\x00", "\xFF\xFE", "\xFE\xFF", "\xEF\xBB\xBF", "\xC3\x28", "\u202E", "\u00A0", "\u2028", "=1+1", "@SUM(A1)", "+1", "-1", "1,000",
		"1e999", "NaN", "99999999999999999999", "Invoice No.", "Style", "Cartons*", "Pieces*", "Ship-to Name", "13/32/2025", "2025-02-30", "00000000"}
	// Numbers that break arithmetic.
	numbers = []string{"0", "-1", "1", "255", "256", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1e309", "-0.0", "0.00000000001"}
)

// change makes a few changes.
func (m mutator) change(document []byte, dictionary []string) []byte {
	b := bytes.Clone(document)
	for range 1 + m.IntN(6) {
		if len(b) == 0 {
			break
		}
		at := m.IntN(len(b))
		switch n := m.IntN(12); {
		case n < 2:
			b[at] ^= 1 << m.IntN(8)
		case n == 2:
			b[at] = []byte{0, 1, 0x7F, 0x80, 0xFF, ' ', '\n'}[m.IntN(7)]
		case n == 3: // a number of 2 or 4 bytes, as in binary formats
			v := binary.LittleEndian.AppendUint32(nil, []uint32{0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF}[m.IntN(8)])
			copy(b[at:], v[:2<<m.IntN(2)])
		case n == 4:
			from, to := m.chunk(b)
			b = slices.Delete(b, from, to)
		case n == 5:
			from, to := m.chunk(b)
			b = slices.Insert(b, at, bytes.Repeat(b[from:to], 1+m.IntN(3))...)
		case n == 6:
			b = m.swap(b)
		case n == 7:
			from, to := m.chunk(b)
			clear(b[from:to])
		case n == 8 && m.IntN(3) == 0:
			b = b[:at]
		case n <= 9:
			b = m.number(b, at)
		case len(dictionary) > 0:
			word := dictionary[m.IntN(len(dictionary))]
			over := min(len(word)*m.IntN(2), len(b)-at)
			b = slices.Replace(b, at, at+over, []byte(word)...)
		default:
			b = slices.Insert(b, at, byte(m.IntN(256)))
		}
	}
	return b
}

// chunk selects some bytes, mostly few.
func (m mutator) chunk(b []byte) (from, to int) {
	from = m.IntN(len(b))
	return from, min(len(b), from+1+m.IntN(4<<m.IntN(10)))
}

// swap exchanges two chunks.
func (m mutator) swap(b []byte) []byte {
	from1, to1 := m.chunk(b)
	from2, to2 := m.chunk(b)
	if from1 > from2 {
		from1, to1, from2, to2 = from2, to2, from1, to1
	}
	to1 = min(to1, from2)
	return slices.Concat(b[:from1], b[from2:to2], b[to1:from2], b[from1:to1], b[to2:])
}

var digits = regexp.MustCompile(`[0-9]+`)

// number changes the next number that is written in digits.
func (m mutator) number(b []byte, at int) []byte {
	end := min(len(b), at+4096)
	if found := digits.FindIndex(b[at:end]); found != nil {
		return slices.Replace(b, at+found[0], at+found[1], []byte(numbers[m.IntN(len(numbers))])...)
	}
	return b
}

// packed matches a stream with one filter, FlateDecode, and a plain length. The
// groups are the length, and the text between it and the stream.
var packed = regexp.MustCompile(`<<[^<>]*/Filter /FlateDecode[^<>]*/Length ([0-9]+)([^<>]*>>\s*stream\r?\n)`)

// stream changes the content of one of a PDF's packed streams, and nothing else.
func (m mutator) stream(pdf []byte) ([]byte, error) {
	at, offsets, trailer, err := crossReferences(pdf)
	if err != nil {
		return nil, err
	}
	all := packed.FindAllSubmatchIndex(pdf[:at], -1)
	if len(all) == 0 {
		return nil, fmt.Errorf("the PDF has no packed streams")
	}
	found := all[m.IntN(len(all))]
	from := found[1]
	length, err := strconv.Atoi(string(pdf[found[2]:found[3]]))
	if err != nil || from+length > at {
		return nil, fmt.Errorf("a stream is said to have %s bytes", pdf[found[2]:found[3]])
	}
	r, err := zlib.NewReader(bytes.NewReader(pdf[from : from+length]))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	data := flate(m.change(plain, contentWords))

	out := slices.Concat(pdf[:found[2]], strconv.AppendInt(nil, int64(len(data)), 10), pdf[found[3]:from], data, pdf[from+length:at])
	for i := range offsets {
		if offsets[i] > from {
			offsets[i] += len(out) - at
		}
	}
	return end(append(out, '\n'), offsets, trailer), nil
}

// parts changes the content of one or two parts of a zip archive, or removes a part,
// doubles it or renames it to another.
func (m mutator) parts(archive []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	type part struct {
		name    string
		content []byte
	}
	var all []part
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		all = append(all, part{f.Name, content})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the archive is empty")
	}
	for range 1 + m.IntN(2) {
		i := m.IntN(len(all))
		switch m.IntN(12) {
		case 0:
			if len(all) > 1 {
				all = slices.Delete(all, i, i+1)
			}
		case 1:
			all = append(all, part{all[i].name, m.change(all[i].content, xmlWords)})
		case 2:
			all[i].name = all[m.IntN(len(all))].name
		case 3:
			all[i].name = string(m.change([]byte(all[i].name), zipWords))
		default:
			all[i].content = m.change(all[i].content, xmlWords)
		}
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range all {
		f, err := w.Create(p.name)
		if err == nil {
			_, err = f.Write(p.content)
		}
		if err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}
