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
	"os"
	"slices"
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
	// file is true for a part of a multipart body that has a file name.
	file     bool
	filename string
	// fromForm is true for fields of an URL-encoded form.
	fromForm bool
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

// openBody opens the request's body as one of the forms. Media types in raw are
// read as one file field of that name. It fails with UnsupportedType, with
// fault.BadRequest, and with fault.TooLarge for what says beforehand that it is.
func (c *call) openBody(forms []form, rawName string, raw []string) (body, error) {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil && kind == "" {
		kind = ""
	}
	if strings.HasSuffix(kind, "+json") {
		kind = string(jsonObject)
	}
	// Text is a third longer as base64, and a form may escape some of it.
	limit := c.s.config.MaxUpload + maxOverhead
	if kind == string(jsonObject) || kind == string(urlEncoded) {
		limit = c.s.config.MaxUpload/2*3 + maxOverhead
	}
	if c.r.ContentLength > limit {
		return nil, c.s.errTooLarge()
	}
	in := c.source(limit)
	switch {
	case slices.Contains(forms, form(kind)) && kind == string(multipartForm):
		if params["boundary"] == "" || len(params["boundary"]) > 70 {
			return nil, fault.New(fault.BadRequest, "the Content-Type has no boundary; let your HTTP library set it for multipart/form-data")
		}
		return &counted{body: &multipartBody{r: multipart.NewReader(in, params["boundary"]), in: in}}, nil
	case slices.Contains(forms, form(kind)) && kind == string(jsonObject):
		return &counted{body: newJSONBody(in)}, nil
	case slices.Contains(forms, form(kind)) && kind == string(urlEncoded):
		return &counted{body: newFormBody(in)}, nil
	case slices.Contains(raw, kind):
		return &rawBody{field: &field{name: rawName, value: in, file: true, filename: c.query("filename")}}, nil
	}
	accepted := slices.Clone(raw)
	for _, f := range slices.Backward(forms) {
		accepted = slices.Insert(accepted, 0, string(f))
	}
	if kind == "" {
		return nil, fault.New(UnsupportedType, "the request has no Content-Type that says what its body is; this route reads %s", strings.Join(accepted, ", "))
	}
	return nil, fault.New(UnsupportedType, "this route does not read %.80q; it reads %s", kind, strings.Join(accepted, ", "))
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

// rawBody is a body that is one file.
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
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	// A part is a file if it says so, even if the name is empty, as it is when a
	// browser's form is sent without choosing one.
	_, file := params["filename"]
	return &field{name: part.FormName(), value: &partReader{part, m}, file: file, filename: params["filename"]}, nil
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
	err   error
}

// source begins to read the request's body, of which at most limit bytes are
// taken.
func (c *call) source(limit int64) *source {
	c.body = &source{c: c, r: c.r.Body, left: limit, since: time.Now()}
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
		n, err = int(s.left), s.c.s.errTooLarge()
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
	_, err := io.Copy(io.Discard, c.source(maxOverhead))
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
func isEmpty(r io.Reader) (io.Reader, bool, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	_, err := b.Peek(1)
	if err == io.EOF {
		return b, true, nil
	}
	return b, false, err
}
