// Package body turns the bodies that front ends and mail robots really send into
// fields and files: multipart and URL-encoded forms, JSON, base64, and files as
// they are, named rightly, wrongly or not at all.
//
// A body is read once, as a stream, under limits of size and of time. Each file goes
// straight to whoever stores it; nothing but short texts is ever held in memory as a
// whole. The package knows nothing of sessions or of what files are for.
package body

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"tallyman/internal/fault"
)

// The codes that reading a body adds.
const (
	UnsupportedType fault.Code = "unsupported_media_type" // a body of a kind that the route does not read
	BadBase64       fault.Code = "bad_base64"             // content that should be base64 is not
	RequestTimeout  fault.Code = "request_timeout"        // the body came too slowly
	TooManyParts    fault.Code = "too_many_parts"         // a body of more parts than anybody needs
)

// Limits bound what one request may send.
type Limits struct {
	// Upload bounds its files, in bytes.
	Upload int64
	// Timeout is how long the body may stand still, and half of what it may take
	// altogether before it must come at a decent rate.
	Timeout time.Duration
}

// Body is the body of one request. It remembers its error.
type Body struct {
	r       *http.Request
	control *http.ResponseController
	limits  Limits
	left    int64
	read    int64
	since   time.Time // when the first byte was asked for
	needed  bool      // by the route
	err     error
}

// overhead is how many bytes a body may have beside the files in it.
const overhead = 1 << 20

// New returns the body of a request, of which nothing has been read yet. control
// is that of its answer.
func New(r *http.Request, control *http.ResponseController, limits Limits) *Body {
	return &Body{r: r, control: control, limits: limits, left: limits.Upload + overhead, needed: true}
}

func (l Limits) exceeded() error {
	return fault.New(fault.TooLarge, "the upload is larger than the %d MB that this server takes at once", l.Upload>>20)
}

func (b *Body) tooLarge() error {
	if !b.needed {
		return fault.New(fault.TooLarge, "this request needs no body, and one of more than %d MB is not read; send none", overhead>>20)
	}
	return b.limits.exceeded()
}

// Err is what reading has ended with: nil while there may be more to read, io.EOF
// if all has come.
func (b *Body) Err() error { return b.err }

// Whoever sends a body has a minute, and then must have sent this many bytes a
// second on average: less than any real line, and too much for somebody who
// wants to hold many connections open.
const minRate = 4 << 10

// Read reads the body as it is, which may be as large as the files of an upload.
// It fails with RequestTimeout, with fault.TooLarge, with fault.Cancelled for a
// client that hung up, and with fault.BadRequest.
func (b *Body) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	now := time.Now()
	if b.since.IsZero() {
		b.since = now
	}
	slow := b.limits.Timeout
	deadline := b.since.Add(2*slow + time.Duration(b.read/minRate)*time.Second)
	if idle := now.Add(slow); idle.Before(deadline) {
		deadline = idle
	}
	b.control.SetReadDeadline(deadline)
	if int64(len(p)) > b.left {
		p = p[:b.left+1] // one more, to see whether there is more
	}
	n, err = b.r.Body.Read(p)
	b.read += int64(n)
	if int64(n) > b.left {
		n, err = int(b.left), b.tooLarge()
	}
	b.left -= int64(n)
	if err != nil {
		// The connection is watched for a client that hangs up, which must not
		// end with the deadline.
		b.control.SetReadDeadline(time.Time{})
		b.err = b.explain(err)
	}
	return n, b.err
}

func (b *Body) explain(err error) error {
	var f *fault.Error
	var network net.Error
	switch {
	case err == io.EOF, errors.As(err, &f):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fault.New(RequestTimeout, "the body came too slowly: %d bytes arrived before the server gave up; try again", b.read)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled), errors.As(err, &network):
		return &fault.Error{Code: fault.Cancelled, Message: "the client hung up before its request was whole", Err: err}
	default:
		return fault.New(fault.BadRequest, "the body cannot be read: %w", err)
	}
}

// Ignore reads the body of a request that needs none: many clients send an empty
// object. Only when it is read does a client that hangs up show.
func (b *Body) Ignore() error {
	if b.none() {
		return nil
	}
	b.left, b.needed = overhead, false
	_, err := io.Copy(io.Discard, b)
	return err
}

// Drain reads what is left of the body of a request that was refused, within
// limits: many clients look for the answer only when they have sent everything.
func (b *Body) Drain() {
	if b.none() {
		return
	}
	b.control.SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.Copy(io.Discard, io.LimitReader(b.r.Body, b.limits.Upload+overhead))
	b.control.SetReadDeadline(time.Time{})
}

// drainTime is how long a refused request may go on sending.
const drainTime = 3 * time.Second

func (b *Body) none() bool { return b.r.Body == nil || b.r.Body == http.NoBody }
