// Package magic recognises files by their first bytes.
package magic

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Begins reports whether a file begins with a mark.
func Begins(head []byte, mark string) bool { return bytes.HasPrefix(head, []byte(mark)) }

// The marks of files that are read.
const (
	PDF  = "%PDF-"            // other bytes may come before it
	ZIP  = "PK\x03\x04"       // XLSX and ODS as well
	OLE  = "\xd0\xcf\x11\xe0" // XLS and other documents of old Office
	Gzip = "\x1f\x8b"

	JPEG       = "\xff\xd8\xff"
	PNG        = "\x89PNG"
	TIFFLittle = "II*\x00"
	TIFFBig    = "MM\x00*"
)

// Kind is the kind of a file, as people call it.
type Kind string

// The kinds of files that are read, or that need more than their name.
const (
	Unknown      Kind = ""
	ZIPArchive   Kind = "a ZIP archive"
	CompoundFile Kind = "an OLE compound file"
	GzipArchive  Kind = "a gzip archive"
	OldWorkbook  Kind = "an old workbook"
	BareWorkbook Kind = "a workbook of Excel 5 without its compound file"
	pdfDocument  Kind = "a PDF document"
)

var kinds = []struct {
	mark string
	kind Kind
}{
	{ZIP, ZIPArchive},
	{"PK\x05\x06", ZIPArchive}, // an empty archive
	{"PK\x07\x08", ZIPArchive},
	{OLE, CompoundFile},
	// BOF records of BIFF 2, 3 and 4, and of 5 without its compound file: record,
	// length, version or type of substream.
	{"\x09\x00\x04\x00", OldWorkbook},
	{"\x09\x02\x06\x00", OldWorkbook},
	{"\x09\x04\x06\x00", OldWorkbook},
	{"\x09\x08\x08\x00", BareWorkbook},
	{"\x09\x08\x10\x00", BareWorkbook},
	{PDF, pdfDocument},
	{"%!PS", "a PostScript document"},
	{PNG, "a PNG picture"},
	{JPEG, "a JPEG picture"},
	{"GIF87a", "a GIF picture"},
	{"GIF89a", "a GIF picture"},
	{TIFFLittle, "a TIFF picture"},
	{TIFFBig, "a TIFF picture"},
	{Gzip, GzipArchive},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"Rar!\x1a\x07", "a RAR archive"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"{\\rtf", "an RTF document"},
}

// Of returns the kind of a file with these first bytes.
func Of(head []byte) Kind {
	for _, k := range kinds {
		if Begins(head, k.mark) {
			return k.kind
		}
	}
	if webp(head) {
		return "a WebP picture"
	}
	if HEIC(head) {
		return "a HEIC picture"
	}
	// Readers of PDF accept other bytes before the header, and web systems write them.
	if bytes.Contains(head[:min(len(head), 1024)], []byte("\n"+PDF)) {
		return pdfDocument
	}
	return Unknown
}

// HoldsPDF reports whether a file with this beginning is a PDF, or a ZIP archive whose first
// file is one by its name. Those of a workbook are XML.
func HoldsPDF(head []byte) bool {
	if bytes.Contains(head[:min(len(head), 1<<10)], []byte(PDF)) {
		return true
	}
	const nameLength, name = 26, 30 // in the header of a file (APPNOTE.TXT, 4.3.7)
	if len(head) < name || !Begins(head, ZIP) {
		return false
	}
	end := name + int(binary.LittleEndian.Uint16(head[nameLength:]))
	return end <= len(head) && bytes.HasSuffix(bytes.ToLower(head[name:end]), []byte(".pdf"))
}

// Picture reports whether a file with these first bytes is a picture that is read.
func Picture(head []byte) bool {
	return slices.ContainsFunc([]string{JPEG, PNG, TIFFLittle, TIFFBig}, func(mark string) bool { return Begins(head, mark) }) || webp(head)
}

// TIFF reports whether a file with these first bytes is a TIFF file, which may have several
// pages.
func TIFF(head []byte) bool { return Begins(head, TIFFLittle) || Begins(head, TIFFBig) }

func webp(head []byte) bool {
	return Begins(head, "RIFF") && len(head) >= 12 && string(head[8:12]) == "WEBP"
}

// HEIC reports whether a file is a picture as phones write it, which few programs read.
func HEIC(head []byte) bool {
	return len(head) >= 12 && string(head[4:8]) == "ftyp" &&
		slices.Contains([]string{"heic", "heix", "hevc", "heim", "heis", "mif1", "msf1", "avif"}, string(head[8:12]))
}

// workbooks are the marks of order exports that are not plain text: XLSX, XLS and
// UTF-16.
var workbooks = []string{ZIP, OLE, "\xff\xfe", "\xfe\xff"}

// Workbook reports whether an order export with these first bytes is a workbook or
// UTF-16.
func Workbook(head []byte) bool {
	return slices.ContainsFunc(workbooks, func(mark string) bool { return Begins(head, mark) })
}
