package body

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"tallyman/internal/magic"
)

// maxHead is the length of the beginning that is examined to find out the kind of a
// body or file, in bytes.
const maxHead = 4 << 10

const (
	pdfMark64 = "JVBERi0" // magic.PDF as base64
	blanks    = " \t\r\n"
)

// The media types that routes and bodies have in common.
const (
	Multipart  = "multipart/form-data"
	JSON       = "application/json"
	URLEncoded = "application/x-www-form-urlencoded"
	PDF        = "application/pdf"
	OldPDF     = "application/x-pdf"
	CSV        = "text/csv"
	JPEG       = "image/jpeg"
	PNG        = "image/png"
	TIFF       = "image/tiff"
	WebP       = "image/webp"
	Octets     = "application/octet-stream" // anything
)

// peek returns the beginning of b: as much as enough needs, and maxHead bytes at most.
// It does not wait for more. whole reports that nothing follows.
func peek(b *bufio.Reader, enough func(head []byte) bool) (head []byte, whole bool, err error) {
	for n := 1; ; n = len(head) + 1 {
		if _, err = b.Peek(min(n, maxHead)); err != nil && err != io.EOF {
			return nil, false, err
		}
		head, _ = b.Peek(min(b.Buffered(), maxHead))
		if err == io.EOF || len(head) == maxHead || enough(head) {
			return head, err == io.EOF, nil
		}
	}
}

// vague reports whether a media type says little about a body: programs send it by
// default.
func vague(kind string) bool {
	return kind == "" || kind == Octets || kind == "text/plain" || kind == URLEncoded
}

// IsJSON reports whether a media type is one of JSON.
func IsJSON(kind string) bool {
	return kind == JSON || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// settle returns the kind of a body with the given beginning and declared media type.
// If the type is vague, the content decides.
func settle(kind string, head []byte, rc Reception) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), blanks)
	begins := func(mark string) bool { return bytes.HasPrefix(text, []byte(mark)) }
	generic := kind
	if generic == "" {
		generic = Octets
	}
	switch {
	case IsJSON(kind):
		return JSON
	case !vague(kind):
		return kind
	case rc.reads(JSON) && (begins("{") || begins("[") && !rc.takes(generic)):
		return JSON
	case rc.takes(PDF) && (begins(magic.PDF) || begins(pdfMark64)):
		return PDF
	case rc.takes(JPEG) && magic.Picture(head): // which of them, the reader finds out
		return JPEG
	case kind == URLEncoded && rc.takes(CSV) && noForm(head):
		return CSV
	}
	return generic
}

// noForm reports whether a body that is declared as an URL-encoded form clearly is an
// order export: curl declares every --data-binary so. In a form, line breaks are
// escaped; in one where they are not, they follow the first equals sign.
func noForm(head []byte) bool {
	if magic.Workbook(head) {
		return true
	}
	text := bytes.Trim(bytes.TrimPrefix(head, []byte("\ufeff")), blanks)
	end := bytes.IndexAny(text, "\r\n")
	if end < 0 {
		return false
	}
	return !bytes.ContainsRune(text[:end], '=')
}

// IsBills reports whether a file with this beginning holds bills: a picture, or a PDF, plain,
// as base64 or in a ZIP archive.
func IsBills(head []byte) bool {
	return magic.Picture(head) || magic.HoldsPDF(head) || bytes.HasPrefix(bytes.TrimLeft(head, blanks), []byte(pdfMark64))
}

// dataURLHead matches the beginning of a data: URL, but not of a table whose first cell
// is "data:".
var dataURLHead = regexp.MustCompile(`^(?i)data:([a-z]+/[a-z0-9.+-]+)?(; ?[a-z0-9-]+(=[^\s,;]*)?)*,`)

// looksBase64 reports whether a text with this beginning is base64 and not an order
// export. whole reports that nothing follows; in forms a space may have been a plus
// sign.
//
// Almost every export has a separator, a space or a full stop in its header, which
// base64 has not. The rest are columns of single words, which base64 could be as well:
// then the text must have lines as encoders make them, and decode to what an export can
// begin with.
func looksBase64(head []byte, whole, fromForm bool) bool {
	text := bytes.Trim(head, blanks)
	if fromForm {
		text = bytes.ReplaceAll(text, []byte(" "), []byte("+"))
	}
	lines := bytes.Split(text, []byte("\n"))
	for i := range lines {
		lines[i] = bytes.TrimSuffix(lines[i], []byte("\r"))
		last, width := i == len(lines)-1, len(lines[0])
		if last && len(lines[i]) > width || !last && (len(lines[i]) != width || width%4 != 0) {
			return false
		}
	}
	padded := bytes.Join(lines, nil)
	data := bytes.TrimRight(padded, "=")
	urlSafe, standard := bytes.ContainsAny(data, "-_"), bytes.ContainsAny(data, "+/")
	odd := bytes.ContainsFunc(data, func(r rune) bool { return !base64Rune(r) })
	if len(data) == 0 || len(padded)-len(data) > 2 || odd || urlSafe && standard || whole && len(data)%4 == 1 {
		return false
	}
	const long = 256 // longer than any header without a separator
	if len(data) >= long && (len(lines) == 1 || len(lines[0]) >= 60) {
		return true
	}
	encoding := base64.RawStdEncoding
	if urlSafe {
		encoding = base64.RawURLEncoding
	}
	content := make([]byte, encoding.DecodedLen(len(data)))
	if !whole {
		data = data[:len(data)/4*4]
	}
	n, err := encoding.Decode(content, data)
	return err == nil && beginsExport(content[:n])
}

func base64Rune(r rune) bool {
	return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("+/-_", r)
}

// beginsExport reports whether an order export can begin like this: with the mark of a
// workbook, or with text that has a separator.
func beginsExport(head []byte) bool {
	if magic.Workbook(head) {
		return true
	}
	for range utf8.UTFMax - 1 { // the last character may be cut off
		if utf8.Valid(head) {
			break
		}
		head = head[:len(head)-1]
	}
	control := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) }
	return utf8.Valid(head) && !bytes.ContainsFunc(head, control) && bytes.ContainsAny(head, ",;\t")
}
