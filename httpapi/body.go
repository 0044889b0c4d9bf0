package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"tallyman/fault"
)

// body is the content of a request, field by field. next returns io.EOF after
// the last. The value of a field is read before the next is asked for.
type body interface {
	next() (*field, error)
}

// field is one field of a body.
type field struct {
	name string
	// value is the content, nil for what is neither text nor a file (a number in
	// JSON, say).
	value io.Reader
	// file is true for a raw body, and for a part of a multipart body that has a
	// file name or the type of a file.
	file     bool
	filename string
	// in is the form that the field is in, "" for a raw body.
	in form
	// what says what a value is that is neither text nor a file: "null", "a list".
	what string
}

// form is a way of giving input.
type form string

// The ways of giving input.
const (
	multipartForm form = "multipart/form-data"
	jsonObject    form = "application/json"
	urlEncoded    form = "application/x-www-form-urlencoded"
)

// maxParts bounds the parts of a multipart body and the fields of the others.
const maxParts = 1000

// maxOverhead is how many bytes a body may have beside the files in it.
const maxOverhead = 1 << 20

// openBody opens the request's body in one of the ways that the reception has,
// and says which it is: a form, or the media type of a body that is one file. It
// fails with UnsupportedType, with fault.BadRequest, and with fault.TooLarge for
// what says beforehand that it is.
func (c *call) openBody(rc reception) (b body, kind string, err error) {
	switch coding := strings.ToLower(strings.TrimSpace(c.r.Header.Get("Content-Encoding"))); coding {
	case "", "identity", "utf-8": // the last is none, but some send it
	default:
		return nil, "", fault.New(UnsupportedType, "the body has the Content-Encoding %.40q, which this server does not undo; send the body as it is, without that header", coding)
	}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil && kind == "" {
		kind = "" // what cannot be read says as little as what is not there
	}
	// Text is a third longer as base64, and a form may escape some of it.
	limit := c.s.config.MaxUpload + maxOverhead
	if vague(kind) || isJSON(kind) {
		limit = c.s.config.MaxUpload/2*3 + maxOverhead
	}
	if c.r.ContentLength > limit {
		return nil, kind, c.s.errTooLarge()
	}
	in := c.source(limit, c.s.errTooLarge())
	r := bufio.NewReaderSize(in, 32<<10)
	need := 1
	if vague(kind) {
		need = maxHead
	}
	head, err := r.Peek(need)
	if err != nil && err != io.EOF {
		return nil, kind, err
	}
	if len(head) == 0 {
		return &rawBody{}, kind, nil
	}
	said := kind
	kind = settle(kind, head, rc)
	switch {
	case rc.reads(form(kind)) && kind == string(multipartForm):
		if params["boundary"] == "" || len(params["boundary"]) > 70 {
			return nil, kind, fault.New(fault.BadRequest, "the Content-Type has no boundary; let your HTTP library set it for multipart/form-data")
		}
		return &counted{body: &multipartBody{r: multipart.NewReader(r, params["boundary"]), in: in}}, kind, nil
	case rc.reads(form(kind)) && kind == string(jsonObject):
		return &counted{body: newJSONBody(r)}, kind, nil
	case rc.reads(form(kind)) && kind == string(urlEncoded):
		return &counted{body: newFormBody(r)}, kind, nil
	case rc.takes(kind):
		return &rawBody{field: &field{name: rc.rawField, value: r, file: true, filename: c.query("filename")}}, kind, nil
	}
	var accepted []string
	for _, f := range rc.forms {
		accepted = append(accepted, string(f))
	}
	accepted = append(accepted, rc.raw...)
	if said == "" {
		return nil, kind, fault.New(UnsupportedType, "the request has no Content-Type that says what its body is; this route reads %s", strings.Join(accepted, ", "))
	}
	return nil, kind, fault.New(UnsupportedType, "this route does not read %.80q; it reads %s", said, strings.Join(accepted, ", "))
}

func (s *Server) errTooLarge() error {
	return fault.New(fault.TooLarge, "the upload is larger than the %d MB that this server takes at once", s.config.MaxUpload>>20)
}

// counted bounds the number of fields.
type counted struct {
	body
	n int
}

func (c *counted) next() (*field, error) {
	if c.n++; c.n > maxParts+1 {
		return nil, fault.New(TooManyParts, "the body has more than %d parts", maxParts)
	}
	return c.body.next()
}

// rawBody is a body that is one file, or nothing at all.
type rawBody struct {
	field *field
}

func (b *rawBody) next() (*field, error) {
	f := b.field
	if f == nil {
		return nil, io.EOF
	}
	b.field = nil
	return f, nil
}

// multipartBody reads multipart/form-data.
type multipartBody struct {
	r  *multipart.Reader
	in *source
}

func (m *multipartBody) next() (*field, error) {
	part, err := m.r.NextPart()
	if err == io.EOF {
		return nil, io.EOF
	}
	if err != nil {
		return nil, m.explain(err)
	}
	f := &field{in: multipartForm, value: &partReader{part, m}}
	f.name, f.filename, f.file = partName(part.Header.Get("Content-Disposition"))
	f.file = f.file || typeOfFile(part.Header.Get("Content-Type"))
	if strings.EqualFold(strings.TrimSpace(part.Header.Get("Content-Transfer-Encoding")), "base64") {
		if f.value, err = undone(f.value); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// undone decodes a part that says it is base64. Some say so of a PDF that is not.
func undone(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(len(pdfMark))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(head) == pdfMark {
		return b, nil
	}
	return newBase64(b, false), nil
}

// partName reads a part's Content-Disposition. What does not keep the rules is
// understood as far as it can be: many programs do not quote a name with blanks.
// file is true if there is a file name, even an empty one: so a browser sends a
// file that nobody chose.
func partName(header string) (name, filename string, file bool) {
	_, params, err := mime.ParseMediaType(header)
	if err != nil {
		params = looseParameters(header)
	}
	filename, file = params["filename"]
	return params["name"], filename, file
}

// looseParameters reads the parameters of a header that breaks the rules.
func looseParameters(header string) map[string]string {
	params := map[string]string{}
	_, rest, _ := strings.Cut(header, ";")
	for rest != "" {
		var name, value string
		name, rest, _ = strings.Cut(rest, "=")
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, `"`) {
			// The quote that ends it comes before a semicolon or the end: a name may
			// hold others.
			end := closingQuote.FindStringIndex(rest[1:])
			if end == nil {
				end = []int{len(rest) - 1, len(rest) - 1}
			}
			value, rest = rest[1:1+end[0]], rest[1+end[1]:]
		} else {
			value, rest, _ = strings.Cut(rest, ";")
		}
		// A semicolon too many before the name belongs to nothing.
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

// typeOfFile reports whether a part of this Content-Type is a file, although it
// has no file name: forms give their texts no type, or one of these.
func typeOfFile(header string) bool {
	kind, _, _ := mime.ParseMediaType(header)
	switch kind {
	case "", "text/plain", string(jsonObject), string(urlEncoded):
		return false
	}
	return true
}

// explain tells what is wrong with a body that breaks off from a source that
// cannot be read, or reads too much.
func (m *multipartBody) explain(err error) error {
	if m.in.err != nil && m.in.err != io.EOF {
		return m.in.err
	}
	return fault.New(fault.BadRequest, "the multipart body is damaged or cut off: %w", errors.New(strings.TrimPrefix(err.Error(), "multipart: ")))
}

// partReader is the content of a part.
type partReader struct {
	*multipart.Part
	m *multipartBody
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.Part.Read(b)
	if err != nil && err != io.EOF {
		err = p.m.explain(err)
	}
	return n, err
}

// source reads a request's body under limits of size and of time. It remembers
// its error.
type source struct {
	c     *call
	r     io.Reader
	left  int64
	read  int64
	since time.Time
	large error // what is said of a body that is larger
	err   error
}

// source begins to read the request's body, of which at most limit bytes are
// taken. A larger one fails with large.
func (c *call) source(limit int64, large error) *source {
	c.body = &source{c: c, r: c.r.Body, left: limit, since: time.Now(), large: large}
	return c.body
}

// Whoever sends a body has a minute, and then must have sent this many bytes a
// second on average: less than any real line, and too much for somebody who
// wants to hold many connections open.
const minRate = 4 << 10

func (s *source) Read(p []byte) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	now := time.Now()
	slow := s.c.s.config.BodyTimeout
	deadline := s.since.Add(2*slow + time.Duration(s.read/minRate)*time.Second)
	if idle := now.Add(slow); idle.Before(deadline) {
		deadline = idle
	}
	s.c.control.SetReadDeadline(deadline)
	if int64(len(p)) > s.left {
		p = p[:s.left+1] // one more, to see whether there is more
	}
	n, err = s.r.Read(p)
	s.read += int64(n)
	if int64(n) > s.left {
		n, err = int(s.left), s.large
	}
	s.left -= int64(n)
	if err != nil {
		// The connection is watched for a client that hangs up, which must not
		// end with the deadline.
		s.c.control.SetReadDeadline(time.Time{})
		s.err = s.explain(err)
	}
	return n, s.err
}

func (s *source) explain(err error) error {
	var f *fault.Error
	var network net.Error
	switch {
	case err == io.EOF, errors.As(err, &f):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fault.New(RequestTimeout, "the body came too slowly: %d bytes arrived before the server gave up; try again", s.read)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled), errors.As(err, &network):
		return &fault.Error{Code: fault.Cancelled, Message: "the client hung up before its request was whole", Err: err}
	default:
		return fault.New(fault.BadRequest, "the body cannot be read: %w", err)
	}
}

// ignoreBody reads the body of a request that needs none: many clients send an
// empty object. Only when it is read does a client that hangs up show.
func (c *call) ignoreBody() error {
	if c.r.Body == nil || c.r.Body == http.NoBody {
		return nil
	}
	large := fault.New(fault.TooLarge, "this request needs no body, and one of more than %d MB is not read; send none", maxOverhead>>20)
	_, err := io.Copy(io.Discard, c.source(maxOverhead, large))
	return err
}

// drain reads what is left of the body of a request that was refused, within
// limits: many clients look for the answer only when they have sent everything.
func (c *call) drain() {
	if c.r.Body == nil || c.r.Body == http.NoBody {
		return
	}
	c.control.SetReadDeadline(time.Now().Add(drainTime))
	io.Copy(io.Discard, io.LimitReader(c.r.Body, c.s.config.MaxUpload+maxOverhead))
	c.control.SetReadDeadline(time.Time{})
}

// drainTime is how long a refused request may go on sending.
const drainTime = 3 * time.Second

// isEmpty reports whether nothing can be read from r, and returns a reader of
// all there is.
func isEmpty(r io.Reader) (*bufio.Reader, bool, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	_, err := b.Peek(1)
	if err == io.EOF {
		return b, true, nil
	}
	return b, false, err
}
