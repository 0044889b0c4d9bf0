package orders

import (
	"bytes"
	"strings"

	"tallyman/internal/orders/grid"
)

// What magic finds that is read, or that needs more than a word.
const (
	zipArchive   = "a ZIP archive"
	compoundFile = "an OLE compound file"
	oldWorkbook  = "an old workbook"
)

var magics = []struct {
	prefix string
	what   string
}{
	{"PK\x03\x04", zipArchive},
	{"PK\x05\x06", zipArchive}, // an archive with nothing in it
	{"PK\x07\x08", zipArchive},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", compoundFile},
	// BOF records of BIFF 2, 3 and 4 (and 5 without its compound file): record,
	// length, version or substream type.
	{"\x09\x00\x04\x00", oldWorkbook},
	{"\x09\x02\x06\x00", oldWorkbook},
	{"\x09\x04\x06\x00", oldWorkbook},
	{"\x09\x08\x08\x00", oldWorkbook},
	{"\x09\x08\x10\x00", oldWorkbook},
	{"%PDF-", "a PDF document"},
	{"%!PS", "a PostScript document"},
	{"\x89PNG\r\n", "a PNG picture"},
	{"\xff\xd8\xff", "a JPEG picture"},
	{"GIF87a", "a GIF picture"},
	{"GIF89a", "a GIF picture"},
	{"II*\x00", "a TIFF picture"},
	{"MM\x00*", "a TIFF picture"},
	{"\x1f\x8b", "a gzip archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"Rar!\x1a\x07", "a RAR archive"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"{\\rtf", "an RTF document"},
}

// magic names what the first bytes of a file give away, "" if nothing.
func magic(head []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return m.what
		}
	}
	if bytes.HasPrefix(head, []byte("RIFF")) && len(head) >= 12 && string(head[8:12]) == "WEBP" {
		return "a WebP picture"
	}
	// Readers of PDF accept other bytes before its header, and web systems
	// produce them.
	if i := bytes.Index(head[:min(len(head), 1024)], []byte("\n%PDF-")); i >= 0 {
		return "a PDF document"
	}
	return ""
}

// textKind names what a text gives away that is no CSV, "" if nothing. Web
// systems often export such files under the name .xls or .csv.
func textKind(text string) string {
	head := strings.ToLower(strings.TrimLeftFunc(text[:min(len(text), 4096)], grid.Blank))
	switch {
	case strings.HasPrefix(head, "<?xml") && strings.Contains(head, "urn:schemas-microsoft-com:office:spreadsheet"):
		return "an Excel 2003 XML workbook"
	case strings.HasPrefix(head, "<?xml") && !containsAny(head, "<html", "<!doctype html"):
		return "an XML document"
	case strings.HasPrefix(head, "<") && containsAny(head, "<!doctype html", "<html", "<head", "<body", "<meta", "<table", "<style", "<script", "<div"):
		return "an HTML page, whatever its name says"
	case strings.HasPrefix(head, "mime-version:"):
		return "a web archive (MHTML), whatever its name says"
	}
	return ""
}

func containsAny(s string, subs ...string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}
