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
	each := func(f func(a uint64, kind uint32) error) error {
		for i := range min(annotations, maxAnnotations) {
			a, err := p.call("FPDFPage_GetAnnot", uint64(l.page), uint64(i))
			if err != nil {
				return err
			}
			if a == 0 {
				continue
			}
			kind, err := p.call("FPDFAnnot_GetSubtype", uint64(a))
			if err != nil {
				return err
			}
			if kind != annotLink && kind != annotPopup {
				flags, err := p.call("FPDFAnnot_GetFlags", uint64(a))
				if err != nil {
					return err
				}
				if flags&annotHidden == 0 {
					if err := f(uint64(a), kind); err != nil {
						return err
					}
				}
			}
			if _, err := p.call("FPDFPage_CloseAnnot", uint64(a)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := each(func(a uint64, kind uint32) error {
		has, err := p.hasKey(a, "AP")
		drawn, undrawn = drawn || has, undrawn || !has && kind == annotWidget
		return err
	}); err != nil {
		return nil, err
	}
	if undrawn {
		// Rendering makes PDFium draw the fields whose appearance is left to the
		// viewer.
		b, err := l.render(view{width: 1}, 1)
		if err != nil {
			return nil, err
		}
		if b != nil {
			if err := b.free(nil); err != nil {
				return nil, err
			}
		}
	}
	if err := each(func(a uint64, kind uint32) error {
		has, err := p.hasKey(a, "AP")
		if err != nil {
			return err
		}
		drawn = drawn || has
		n := pending{}
		if _, err := p.call("FPDFAnnot_GetRect", a, uint64(p.scratch)); err != nil {
			return err
		}
		if n.at, err = p.rectF(); err != nil {
			return err
		}
		switch {
		case kind == annotStamp:
			if n.text, err = p.annotString(a, "Contents"); err != nil {
				return err
			}
			if n.text == "" {
				if n.text, err = p.annotString(a, "Name"); err != nil {
					return err
				}
			}
			n.kind, n.message = page.Stamp, stampMessage(n.text)
		case kind == annotFile:
			if n.text, err = p.annotString(a, "Contents"); err != nil {
				return err
			}
			n.kind, n.message = page.Attached, "a file is attached to the page and was not read; if it has bills, save it as a file of its own and give that, too"
		case has || kind != annotFreeText && kind != annotWidget:
			return nil
		default:
			key := "Contents"
			if kind == annotWidget {
				key = "V"
			}
			if n.text, err = p.annotString(a, key); err != nil {
				return err
			}
			if n.text == "" {
				return nil
			}
			n.kind, n.message = page.Unsure, quoted(n.text)+" was added to the page, but the PDF does not say how it looks, so it was not read; print the PDF to a new PDF and give that"
		}
		if len(notes) < maxNotes {
			notes = append(notes, n)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if !drawn {
		return notes, nil
	}
	const display, failed = 0, 0
	done, err := p.call("FPDFPage_Flatten", uint64(l.page), display)
	if err != nil {
		return nil, err
	}
	if done == failed {
		notes = append(notes, pending{kind: page.Unsure, message: "what annotations and form fields draw on the page could not be read; print the PDF to a new PDF and give that"})
	}
	if _, err := p.call("FPDF_ClosePage", uint64(l.page)); err != nil {
		return nil, err
	}
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

func (p *pdfium) hasKey(annotation uint64, key string) (bool, error) {
	at, err := p.name(key)
	if err != nil {
		return false, err
	}
	has, err := p.call("FPDFAnnot_HasKey", annotation, at)
	return has != 0, err
}

func (p *pdfium) annotString(annotation uint64, key string) (string, error) {
	at, err := p.name(key)
	if err != nil {
		return "", err
	}
	return p.text16("FPDFAnnot_GetStringValue", annotation, at)
}

// name writes a short ASCII name to the module's memory, behind the results.
func (p *pdfium) name(s string) (uint64, error) {
	const at = 32
	if len(s) >= 32 || !p.mem.Write(p.scratch+at, append([]byte(s), 0)) {
		return 0, trap{errors.New("a name does not fit into PDFium's memory")}
	}
	return uint64(p.scratch + at), nil
}

// maxText bounds the texts that are read from PDFium, in bytes of UTF-16.
const maxText = 1 << 16

// text16 calls a function that fills a buffer with UTF-16 and returns the number of its
// bytes, end mark included. A text that is too long becomes "…".
func (p *pdfium) text16(function string, args ...uint64) (string, error) {
	n, err := p.call(function, append(args, 0, 0)...)
	if err != nil || n <= 2 {
		return "", err
	}
	if n > maxText {
		return "…", nil
	}
	at, err := p.call("malloc", uint64(n))
	if err != nil {
		return "", err
	}
	if at == 0 {
		return "…", nil
	}
	if _, err := p.call(function, append(args, uint64(at), uint64(n))...); err != nil {
		return "", err
	}
	b, ok := p.mem.Read(at, n)
	if !ok {
		return "", trap{errors.New("a text is outside PDFium's memory")}
	}
	units := make([]uint16, 0, n/2)
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, uint16(b[i])|uint16(b[i+1])<<8)
	}
	text := strings.TrimRight(string(utf16.Decode(units)), "\x00")
	_, err = p.call("free", uint64(at))
	return text, err
}

// maxAttachments is how many attached files are examined, and maxNamed how many a note
// names.
const (
	maxAttachments = 1000
	maxNamed       = 5
)

// attachments notes PDFs that are attached to the document or are parts of a portfolio:
// none of their content is on the document's pages.
func (d *document) attachments() ([]page.Note, error) {
	p := d.p
	count, err := p.call("FPDFDoc_GetAttachmentCount", uint64(d.doc))
	if err != nil {
		return nil, err
	}
	var names []string
	n := 0
	for i := range min(int(int32(count)), maxAttachments) {
		a, err := p.call("FPDFDoc_GetAttachment", uint64(d.doc), uint64(i))
		if err != nil {
			return nil, err
		}
		if a == 0 {
			continue
		}
		name, err := p.text16("FPDFAttachment_GetName", uint64(a))
		if err != nil {
			return nil, err
		}
		kind, err := p.text16("FPDFAttachment_GetSubtype", uint64(a))
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(strings.ToLower(name), ".pdf") || strings.Contains(strings.ToLower(kind), "pdf") {
			if n++; n <= maxNamed {
				names = append(names, quoted(name))
			}
		}
	}
	if n == 0 && int32(count) <= maxAttachments {
		return nil, nil
	}
	list := strings.Join(names, ", ")
	if n > len(names) {
		list += fmt.Sprintf(" and %d more", n-len(names))
	}
	return []page.Note{{Kind: page.Attached, Text: list, Message: fmt.Sprintf(
		"%s attached to the PDF and not read: %s; save them by themselves and give them, too, if they hold bills", plural(n, "PDF is", "PDFs are"), list)}}, nil
}
