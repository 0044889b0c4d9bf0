// Package body parses the request bodies that front ends and mail robots send into
// fields and files: multipart and URL-encoded forms, JSON, base64, and plain files,
// with the right media type, a wrong one or none.
//
// A body is read once, as a stream, with limits of size and time. Each file goes
// straight to the function that stores it; only short texts are held in memory as a
// whole. The package knows nothing of sessions or of the purpose of files.
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

// The codes that only this package uses.
const (
	UnsupportedType fault.Code = "unsupported_media_type" // the route does not take bodies of this media type
	BadBase64       fault.Code = "bad_base64"             // the content is not valid base64
	RequestTimeout  fault.Code = "request_timeout"        // the body came too slowly
	TooManyParts    fault.Code = "too_many_parts"         // the body has too many parts
)

// Limits bound the body of one request.
type Limits struct {
	// Upload bounds the files, in bytes.
	Upload int64
	// Timeout is how long the body may pause, and half of the time after which it must
	// have a minimum rate.
	Timeout time.Duration
}

// Body is the body of one request. It keeps the error that reading ended with.
type Body struct {
	r       *http.Request
	control *http.ResponseController
	limits  Limits
	left    int64
	read    int64
	since   time.Time // when reading began
	needed  bool      // the route needs a body
	err     error
}

// overhead is how many bytes a body may have besides the files in it.
const overhead = 1 << 20

// New returns the body of a request that was not read yet. control controls the answer
// to it.
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

// Err returns the error that reading ended with: nil while there may be more to read,
// io.EOF at the end.
func (b *Body) Err() error { return b.err }

// minRate is the average rate that a body must have after the first minute, in bytes
// per second: slower than any real line, but too fast for a client that wants to hold
// many connections open.
const minRate = 4 << 10

// Read reads the body as it is, which may be as large as the files of an upload. It
// fails with RequestTimeout, with fault.TooLarge, with fault.Cancelled if the client
// hung up, and with fault.BadRequest.
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
		p = p[:b.left+1] // one byte more, to notice a body over the limit
	}
	n, err = b.r.Body.Read(p)
	b.read += int64(n)
	if int64(n) > b.left {
		n, err = int(b.left), b.tooLarge()
	}
	b.left -= int64(n)
	if err != nil {
		// The server watches the connection for a client that hangs up. The deadline
		// must not end that.
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
// object. The server notices that a client hung up only after the body was read.
func (b *Body) Ignore() error {
	if b.none() {
		return nil
	}
	b.left, b.needed = overhead, false
	_, err := io.Copy(io.Discard, b)
	return err
}

// Drain reads the rest of the body of a refused request, within limits: many clients
// read the answer only after they have sent everything.
func (b *Body) Drain() {
	if b.none() {
		return
	}
	b.control.SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.Copy(io.Discard, io.LimitReader(b.r.Body, b.limits.Upload+overhead))
	b.control.SetReadDeadline(time.Time{})
}

// drainTime is how long Drain reads.
const drainTime = 3 * time.Second

func (b *Body) none() bool { return b.r.Body == nil || b.r.Body == http.NoBody }
