package pdf

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// The kinds of PDFium's annotations that are used here.
const (
	annotText      = 1
	annotLink      = 2
	annotFreeText  = 3
	annotStamp     = 13
	annotPopup     = 16
	annotFile      = 17
	annotWidget    = 20
	annotHidden    = 1<<1 | 1<<5 // flags: hidden, not to be viewed
	maxAnnotations = 4096        // of a page that are looked at
)

// pending is a note of which only the place in user space is known yet.
type pending struct {
	kind          page.NoteKind
	at            rect
	text, message string
}

// flatten makes everything that annotations and form fields draw a part of the page, so
// that it is read, and covers text, as in the picture. It returns notes about what it
// could not read.
func (l *loaded) flatten(d *document, number, annotations int) (notes []pending, err error) {
	p := d.p
	drawn, undrawn := false, false
	if annotations > maxAnnotations {
		notes = append(notes, pending{kind: page.Unsure, message: fmt.Sprintf(
			"the page has %d annotations and form fields, of which %d were looked at; compare it with the picture of the page", annotations, maxAnnotations)})
	}
	each := func(f func(a uint64, kind uint32)) {
		for i := range min(annotations, maxAnnotations) {
			a := p.call("FPDFPage_GetAnnot", uint64(l.page), uint64(i))
			if a == 0 {
				continue
			}
			kind := p.call("FPDFAnnot_GetSubtype", uint64(a))
			if kind != annotLink && kind != annotPopup && p.call("FPDFAnnot_GetFlags", uint64(a))&annotHidden == 0 {
				f(uint64(a), kind)
			}
			p.call("FPDFPage_CloseAnnot", uint64(a))
		}
	}
	each(func(a uint64, kind uint32) {
		has := p.hasKey(a, "AP")
		drawn, undrawn = drawn || has, undrawn || !has && kind == annotWidget
	})
	if undrawn {
		// Rendering makes PDFium draw the fields whose appearance is left to the
		// viewer.
		if b := l.render(view{width: 1}, 1); b != nil {
			b.free()
		}
	}
	each(func(a uint64, kind uint32) {
		has := p.hasKey(a, "AP")
		drawn = drawn || has
		n := pending{}
		p.call("FPDFAnnot_GetRect", a, uint64(p.scratch))
		n.at = p.rectF()
		switch {
		case kind == annotStamp:
			if n.text = p.annotString(a, "Contents"); n.text == "" {
				n.text = p.annotString(a, "Name")
			}
			n.kind, n.message = page.Stamp, stampMessage(n.text)
		case kind == annotFile:
			n.text = p.annotString(a, "Contents")
			n.kind, n.message = page.Attached, "a file is attached to the page and was not read; if it has bills, save it as a file of its own and give that, too"
		case has || kind != annotFreeText && kind != annotWidget:
			return
		default:
			key := "Contents"
			if kind == annotWidget {
				key = "V"
			}
			if n.text = p.annotString(a, key); n.text == "" {
				return
			}
			n.kind, n.message = page.Unsure, quoted(n.text)+" was added to the page, but the PDF does not say how it looks, so it was not read; print the PDF to a new PDF and give that"
		}
		if len(notes) < maxNotes {
			notes = append(notes, n)
		}
	})
	if !drawn {
		return notes, nil
	}
	const display, failed = 0, 0
	if p.call("FPDFPage_Flatten", uint64(l.page), display) == failed {
		notes = append(notes, pending{kind: page.Unsure, message: "what annotations and form fields draw on the page could not be read; print the PDF to a new PDF and give that"})
	}
	p.call("FPDF_ClosePage", uint64(l.page))
	l.page, err = d.openPage(number)
	return notes, err
}

// maxNotes is the greatest number of notes of one page.
const maxNotes = 100

func stampMessage(text string) string {
	if text == "" {
		return "the page bears a stamp; check on the picture of the page whether the bill is valid"
	}
	return fmt.Sprintf("the page bears the stamp %s; check whether the bill is valid", quoted(text))
}

// short shortens a text for a message.
func short(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return string(r)
}

// quoted returns a text of the file for a sentence.
func quoted(s string) string { return text.Quote(short(s)) }

func (p *pdfium) hasKey(annotation uint64, key string) bool {
	return p.call("FPDFAnnot_HasKey", annotation, p.name(key)) != 0
}

func (p *pdfium) annotString(annotation uint64, key string) string {
	return p.text16("FPDFAnnot_GetStringValue", annotation, p.name(key))
}

// name writes a short ASCII name to the module's memory, behind the results.
func (p *pdfium) name(s string) uint64 {
	const at = 32
	if len(s) >= 32 || !p.mem.Write(p.scratch+at, append([]byte(s), 0)) {
		panic(trap{errors.New("a name does not fit into PDFium's memory")})
	}
	return uint64(p.scratch + at)
}

// maxText bounds the texts that are read from PDFium, in bytes of UTF-16.
const maxText = 1 << 16

// text16 calls a function that fills a buffer with UTF-16 and returns the number of its
// bytes, end mark included. A text that is too long becomes "…".
func (p *pdfium) text16(function string, args ...uint64) string {
	n := p.call(function, append(args, 0, 0)...)
	if n <= 2 {
		return ""
	}
	if n > maxText {
		return "…"
	}
	at := p.call("malloc", uint64(n))
	if at == 0 {
		return "…"
	}
	p.call(function, append(args, uint64(at), uint64(n))...)
	b, ok := p.mem.Read(at, n)
	if !ok {
		panic(trap{errors.New("a text is outside PDFium's memory")})
	}
	units := make([]uint16, 0, n/2)
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, uint16(b[i])|uint16(b[i+1])<<8)
	}
	p.call("free", uint64(at))
	return strings.TrimRight(string(utf16.Decode(units)), "\x00")
}

// maxAttachments is how many attached files are examined, and maxNamed how many a note
// names.
const (
	maxAttachments = 1000
	maxNamed       = 5
)

// attachments notes PDFs that are attached to the document or are parts of a portfolio:
// none of their content is on the document's pages.
func (d *document) attachments() []page.Note {
	p := d.p
	count := int(int32(p.call("FPDFDoc_GetAttachmentCount", uint64(d.doc))))
	var names []string
	for i := range min(count, maxAttachments) {
		a := p.call("FPDFDoc_GetAttachment", uint64(d.doc), uint64(i))
		if a == 0 {
			continue
		}
		name := p.text16("FPDFAttachment_GetName", uint64(a))
		kind := p.text16("FPDFAttachment_GetSubtype", uint64(a))
		if strings.HasSuffix(strings.ToLower(name), ".pdf") || strings.Contains(strings.ToLower(kind), "pdf") {
			names = append(names, quoted(name))
		}
	}
	if len(names) == 0 && count <= maxAttachments {
		return nil
	}
	list := text.List(names, maxNamed, text.Itself)
	return []page.Note{{Kind: page.Attached, Text: list, Message: fmt.Sprintf(
		"%s attached to the PDF and not read: %s; save them by themselves and give them, too, if they hold bills", text.Verb(len(names), "PDF", "is", "are"), list)}}
}
