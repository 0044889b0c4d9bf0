package body

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
)

// fields is the content of a body, field by field. next returns io.EOF after the last.
// The caller reads the value of a field before it calls next again.
type fields interface {
	next() (*field, error)
}

// field is one field of a body.
type field struct {
	name string
	// value is the content; nil if the field is neither text nor a file (a number in
	// JSON, say).
	value io.Reader
	// file is true for a raw body, and for a part of a multipart body that has a
	// file name or the type of a file.
	file     bool
	filename string
	// in is the media type of the form that the field is in, "" for a raw body.
	in string
	// what describes a value that is neither text nor a file: "null", "a list".
	what string
}

// MaxParts bounds the parts of a multipart body and the fields of the others.
const MaxParts = 1000

// open opens the body as one of the kinds that the reception takes, and returns the
// kind: a form, or the media type of a body that is one file with the given name. It
// fails with UnsupportedType, with fault.BadRequest, and with fault.TooLarge if the
// headers already say that the body is too large.
func (b *Body) open(rc Reception, name string) (f fields, kind string, err error) {
	switch coding := strings.ToLower(strings.TrimSpace(b.r.Header.Get("Content-Encoding"))); coding {
	case "", "identity", "utf-8": // utf-8 is not an encoding, but some clients send it
	default:
		return nil, "", fault.New(UnsupportedType, "the body has the Content-Encoding %.40q, which this server cannot decode; send the body unencoded, without that header", coding)
	}
	types := b.r.Header.Values("Content-Type")
	if len(types) > 1 {
		return nil, "", fault.New(fault.BadRequest, "the request has %d headers Content-Type; send one", len(types))
	}
	// A malformed type is treated as a missing one, unless it says where parts end.
	kind, params, err := mime.ParseMediaType(strings.Join(types, ""))
	if err != nil && strings.Contains(strings.ToLower(strings.Join(types, "")), "multipart/") {
		return nil, Multipart, fault.New(fault.BadRequest, "the Content-Type is malformed (%w); let your HTTP library set it for multipart/form-data", err)
	}
	if vague(kind) || IsJSON(kind) {
		// Base64 makes a text a third longer, and a form may escape some of it.
		b.left = b.limits.Upload/2*3 + overhead
	}
	if b.r.ContentLength > b.left {
		return nil, kind, b.tooLarge()
	}
	r := bufio.NewReaderSize(b, window)
	need := 1
	if vague(kind) {
		need = maxHead
	}
	head, err := r.Peek(need)
	if err != nil && err != io.EOF {
		return nil, kind, err
	}
	if len(head) == 0 {
		return &raw{}, kind, nil
	}
	said := kind
	kind = settle(kind, head, rc)
	switch {
	case rc.reads(kind) && kind == Multipart:
		if params["boundary"] == "" || len(params["boundary"]) > 70 {
			return nil, kind, fault.New(fault.BadRequest, "the Content-Type has no boundary; let your HTTP library set it for multipart/form-data")
		}
		return &counted{fields: &multiparts{r: multipart.NewReader(r, params["boundary"]), in: b}}, kind, nil
	case rc.reads(kind) && kind == JSON:
		return &counted{fields: newJSON(r)}, kind, nil
	case rc.reads(kind) && kind == URLEncoded:
		return &counted{fields: newURLEncoded(r)}, kind, nil
	case rc.takes(kind):
		return &raw{field: &field{name: rc.RawField, value: r, file: true, filename: name}}, kind, nil
	}
	accepted := strings.Join(append(slices.Clone(rc.Forms), rc.Raw...), ", ")
	if said == "" {
		return nil, kind, fault.New(UnsupportedType, "the request has no Content-Type that says what its body is; this route reads %s", accepted)
	}
	return nil, kind, fault.New(UnsupportedType, "this route does not read %.80q; it reads %s", said, accepted)
}

// window is the buffer size for a body and for a file in it, in bytes. Both are equal,
// so that a body that is one file is buffered once.
const window = 64 << 10

// counted limits the number of fields.
type counted struct {
	fields
	n int
}

func (c *counted) next() (*field, error) {
	if c.n++; c.n > MaxParts+1 {
		return nil, fault.New(TooManyParts, "the body has more than %d parts", MaxParts)
	}
	return c.fields.next()
}

// raw is a body that is one file, or empty.
type raw struct {
	field *field
}

func (b *raw) next() (*field, error) {
	f := b.field
	if f == nil {
		return nil, io.EOF
	}
	b.field = nil
	return f, nil
}

// multiparts reads multipart/form-data.
type multiparts struct {
	r  *multipart.Reader
	in *Body
}

func (m *multiparts) next() (*field, error) {
	part, err := m.r.NextPart()
	if err == io.EOF {
		return nil, io.EOF
	}
	if err != nil {
		return nil, m.explain(err)
	}
	f := &field{in: Multipart, value: &partReader{part, m}}
	f.name, f.filename, f.file = Part(part.Header)
	if strings.EqualFold(strings.TrimSpace(part.Header.Get("Content-Transfer-Encoding")), "base64") {
		if f.value, err = undone(f.value); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// undone decodes a part that is declared as base64. Some clients declare that for plain
// PDFs.
func undone(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(len(magic.PDF))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(head) == magic.PDF {
		return b, nil
	}
	return newBase64(b, false), nil
}

// Part parses the header of a part of a multipart body: the field's name, the file's
// name, and whether the part is a file: it has a file name, even an empty one, which is how
// browsers send a file field in which nobody chose a file, or the type of a file. Malformed
// headers are accepted as far as they can be understood: many programs do not quote a name
// with blanks.
func Part(header textproto.MIMEHeader) (name, filename string, file bool) {
	disposition := header.Get("Content-Disposition")
	_, params, err := mime.ParseMediaType(disposition)
	if err != nil {
		params = looseParameters(disposition)
	}
	filename, file = params["filename"]
	return params["name"], filename, file || typeOfFile(header.Get("Content-Type"))
}

// looseParameters parses the parameters of a malformed header.
func looseParameters(header string) map[string]string {
	params := map[string]string{}
	_, rest, _ := strings.Cut(header, ";")
	for rest != "" {
		var name, value string
		name, rest, _ = strings.Cut(rest, "=")
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, `"`) {
			// The closing quote stands before a semicolon or the end: the name may
			// contain other quotes.
			end := closingQuote.FindStringIndex(rest[1:])
			if end == nil {
				end = []int{len(rest) - 1, len(rest) - 1}
			}
			value, rest = rest[1:1+end[0]], rest[1+end[1]:]
		} else {
			value, rest, _ = strings.Cut(rest, ";")
		}
		// A superfluous semicolon before the name is dropped.
		name = strings.ToLower(strings.Trim(name, " \t;"))
		if charset, escaped, ok := strings.Cut(value, "''"); ok && strings.HasSuffix(name, "*") && strings.EqualFold(charset, "utf-8") {
			if text, err := url.PathUnescape(escaped); err == nil {
				name, value = strings.TrimSuffix(name, "*"), text
			}
		}
		if _, twice := params[name]; !twice {
			params[name] = strings.TrimSpace(value)
		}
	}
	return params
}

var closingQuote = regexp.MustCompile(`"[ \t]*(;|$)`)

// typeOfFile reports whether a part of this Content-Type is a file although it has no
// file name: text fields of forms have no type, or one of these.
func typeOfFile(header string) bool {
	kind, _, _ := mime.ParseMediaType(header)
	switch kind {
	case "", "text/plain", JSON, URLEncoded:
		return false
	}
	return true
}

// explain tells a multipart body that is cut off from one that cannot be read or is too
// large.
func (m *multiparts) explain(err error) error {
	if m.in.err != nil && m.in.err != io.EOF {
		return m.in.err
	}
	return fault.New(fault.BadRequest, "the multipart body is damaged or cut off: %w", errors.New(strings.TrimPrefix(err.Error(), "multipart: ")))
}

// partReader is the content of a part.
type partReader struct {
	*multipart.Part
	m *multiparts
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.Part.Read(b)
	if err != nil && err != io.EOF {
		err = p.m.explain(err)
	}
	return n, err
}

// isEmpty reports whether r has no content, and returns a reader of its content.
func isEmpty(r io.Reader) (*bufio.Reader, bool, error) {
	b := bufio.NewReaderSize(r, window) // r itself, if r is the buffered body
	_, err := b.Peek(1)
	if err == io.EOF {
		return b, true, nil
	}
	return b, false, err
}
