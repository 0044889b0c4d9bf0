package orders

import (
	"bytes"
	"regexp"
	"strings"

	"tallyman/internal/orders/grid"
)

// The results of magic for files that are read, or that need more than their name.
const (
	zipArchive   = "a ZIP archive"
	compoundFile = "an OLE compound file"
	oldWorkbook  = "an old workbook"
	bareWorkbook = "a workbook of Excel 5 without its compound file"
	gzipArchive  = "a gzip archive"
	xmlWorkbook  = "a workbook in XML"
	htmlPage     = "an HTML page"
)

var magics = []struct {
	prefix string
	what   string
}{
	{"PK\x03\x04", zipArchive},
	{"PK\x05\x06", zipArchive}, // an empty archive
	{"PK\x07\x08", zipArchive},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", compoundFile},
	// BOF records of BIFF 2, 3 and 4, and of 5 without its compound file: record,
	// length, version or type of substream.
	{"\x09\x00\x04\x00", oldWorkbook},
	{"\x09\x02\x06\x00", oldWorkbook},
	{"\x09\x04\x06\x00", oldWorkbook},
	{"\x09\x08\x08\x00", bareWorkbook},
	{"\x09\x08\x10\x00", bareWorkbook},
	{"%PDF-", "a PDF document"},
	{"%!PS", "a PostScript document"},
	{"\x89PNG\r\n", "a PNG picture"},
	{"\xff\xd8\xff", "a JPEG picture"},
	{"GIF87a", "a GIF picture"},
	{"GIF89a", "a GIF picture"},
	{"II*\x00", "a TIFF picture"},
	{"MM\x00*", "a TIFF picture"},
	{"\x1f\x8b", gzipArchive},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"Rar!\x1a\x07", "a RAR archive"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"{\\rtf", "an RTF document"},
}

// magic returns the kind of a file according to its first bytes, "" if they show none.
func magic(head []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return m.what
		}
	}
	if bytes.HasPrefix(head, []byte("RIFF")) && len(head) >= 12 && string(head[8:12]) == "WEBP" {
		return "a WebP picture"
	}
	// Readers of PDF accept other bytes before the header, and web systems write them.
	if i := bytes.Index(head[:min(len(head), 1024)], []byte("\n%PDF-")); i >= 0 {
		return "a PDF document"
	}
	return ""
}

// textKind returns the kind of a text that is not a CSV, "" if it shows none. Web
// systems often export such files under the name .xls or .csv.
func textKind(text string) string {
	head := strings.ToLower(strings.TrimLeftFunc(text[:min(len(text), 4096)], grid.Blank))
	isXML := strings.HasPrefix(head, "<?xml") || strings.HasPrefix(head, "<!--")
	switch {
	case strings.HasPrefix(head, "mime-version:"):
		return "a web archive (MHTML), whatever its name says"
	case !strings.HasPrefix(head, "<"):
		return ""
	case containsAny(head, "urn:schemas-microsoft-com:office:spreadsheet") && !containsAny(head, "<html", "<!doctype html"),
		containsAny(head, "<office:document") && containsAny(head, "urn:oasis:names:tc:opendocument"):
		return xmlWorkbook
	case isXML && !containsAny(head, "<html", "<!doctype html", "<table"):
		return "an XML document"
	case isXML, containsAny(head, "<!doctype html", "<html", "<head", "<body", "<meta", "<table", "<tr", "<style", "<script", "<div", "<font", "<center"):
		return htmlPage
	}
	return ""
}

// declaration matches the declaration of the encoding in HTML pages and XML documents.
var declaration = regexp.MustCompile(`(?i)(?:charset|encoding)\s*=\s*["']?\s*([a-z0-9_:.-]+)`)

// declaredCharset returns the single-byte character set that an HTML page or an XML
// document declares, nil if it declares none.
func declaredCharset(data string) *charset {
	if !strings.HasPrefix(strings.TrimLeftFunc(data[:min(len(data), 4096)], grid.Blank), "<") {
		return nil
	}
	m := declaration.FindStringSubmatch(data[:min(len(data), 4096)])
	if m == nil {
		return nil
	}
	return byLabel(m[1])
}

func containsAny(s string, subs ...string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}
