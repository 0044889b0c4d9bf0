package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/fault"
)

// Limits of one attempt.
const (
	attemptTime    = 15 * time.Second // in all
	connectTime    = 5 * time.Second
	maxHeaderBytes = 16 << 10 // of an answer
)

// waits are the times between attempts: the last attempt is about a day and a half after
// the first.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 18 * time.Hour,
}

// maxRetryAfter is the longest time for which an endpoint can put the next attempt off.
const maxRetryAfter = 24 * time.Hour

// result is the outcome of one attempt.
type result struct {
	// status is that of the answer; 0 without one.
	status int
	// problem says what went wrong, "" for nothing.
	problem string
	// after is how long the endpoint wants to be left alone; 0 if it did not say.
	after time.Duration
	// gone is true if the endpoint wants nothing any more.
	gone bool
	took time.Duration
}

func (r result) ok() bool { return r.problem == "" }

// wait returns the time until the next attempt after that many, between the planned time
// and a quarter more: many endpoints that failed at once are not asked at once again.
func (r result) wait(waits []time.Duration, attempts int) time.Duration {
	planned := waits[min(max(attempts, 1), len(waits))-1]
	return max(planned+rand.N(planned/4+1), min(r.after, maxRetryAfter))
}

// sender makes requests to endpoints.
type sender struct {
	client *http.Client
	agent  string
	now    func() time.Time
	limit  time.Duration // of an attempt
}

// newSender returns a sender that connects only where the policy allows it. roots are the
// authorities that it trusts, nil for the system's. It knows no proxy: a proxy would connect
// to addresses that the policy never sees.
func newSender(p *Policy, roots *x509.CertPool, version string) *sender {
	dialer := &net.Dialer{Timeout: connectTime, Control: p.control}
	return &sender{
		agent: "Tallyman/" + version,
		now:   time.Now,
		limit: attemptTime,
		client: &http.Client{
			// An answer that leads elsewhere is an answer like any other that is not a success.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:                  nil,
				DialContext:            dialer.DialContext,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
				TLSHandshakeTimeout:    connectTime,
				MaxResponseHeaderBytes: maxHeaderBytes,
				DisableCompression:     true,
				// Whatever a server sends between two requests is of no interest.
				DisableKeepAlives: true,
			},
		},
	}
}

// send makes one attempt.
func (s *sender) send(ctx context.Context, address, id string, content []byte, secrets []string) (r result) {
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(content))
	if err != nil {
		return result{problem: "the address cannot be understood"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.agent)
	if err := sign(req.Header, id, s.now(), content, secrets); err != nil {
		return result{problem: err.Error()}
	}
	answer, err := s.client.Do(req)
	if err != nil {
		return result{problem: explain(err)}
	}
	answer.Body.Close() // the status says everything, and a body may be endless
	r = result{status: answer.StatusCode, after: s.retryAfter(answer.Header.Get("Retry-After")), gone: answer.StatusCode == http.StatusGone}
	switch {
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		r.problem = fmt.Sprintf("it answered %d and wants the event elsewhere; redirects are not followed, so give the final address", answer.StatusCode)
	case answer.StatusCode < 200 || answer.StatusCode >= 300:
		r.problem = fmt.Sprintf("it answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	r.problem = strings.TrimSpace(r.problem)
	return r
}

// retryAfter returns the time that a header asks for, 0 if it is not understood.
func (s *sender) retryAfter(header string) time.Duration {
	if n, err := strconv.ParseUint(strings.TrimSpace(header), 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(s.now()))
	}
	return 0
}

// explain says in a sentence what went wrong with a connection. It repeats nothing that a
// server has sent.
func explain(err error) string {
	var refused *fault.Error
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var other x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var name *net.DNSError
	var op *net.OpError
	timeout := interface{ Timeout() bool }(nil)
	switch {
	case errors.As(err, &refused):
		return refused.Message
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet"
	case errors.As(err, &other):
		return "its certificate is for another host"
	case errors.As(err, &unknown), errors.As(err, &invalid):
		return "its certificate is not of an authority that this server trusts"
	case errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS as expected"
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host of that name"
	case errors.Is(err, context.Canceled):
		return "the attempt was given up, since this server ends"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("it did not answer within %v", attemptTime)
	case errors.As(err, &name):
		return "its name could not be looked up"
	case errors.As(err, &op) && op.Op == "dial":
		return "nothing accepts connections there"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return "it closed the connection"
	}
	return "it did not answer as HTTP says"
}
