// Package receiver is a server for webhooks that tests start: it checks every signature, and
// misbehaves as it is told.
package receiver

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"tallyman/client"
	"tallyman/internal/fault"
	"tallyman/internal/testing/certificate"
)

// Got is a request that arrived with a right signature.
type Got struct {
	client.Event
	Path string
	At   time.Time
	// Signatures is how many signatures it carries.
	Signatures int
}

// Receiver receives events at URL + "/" + any path. It answers 200 unless it is told
// otherwise. It is safe for concurrent use.
type Receiver struct {
	// URL begins with https://, for the name localhost.
	URL string
	// Roots has its certificate, which vouches for itself, PEM the same for files.
	Roots *x509.CertPool
	PEM   []byte

	server *httptest.Server

	mu      sync.Mutex
	secrets map[string][]string // by path
	answers map[string]func(http.ResponseWriter, *http.Request)
	got     []Got
	bad     []string // requests with a wrong signature, or of another path's secret
	asked   map[string]int
	changed chan struct{} // closed at the next request
}

// Certificate says which certificate a Receiver has.
type Certificate int

// The certificates.
const (
	Right     Certificate = iota // for localhost, of Roots
	Expired                      // that was valid yesterday
	ForOthers                    // for another host
	Unknown                      // that is not in Roots
	None                         // no TLS
)

// Start starts a receiver on this machine. The caller closes it.
func Start(c Certificate) (*Receiver, error) {
	r := &Receiver{
		secrets: map[string][]string{}, answers: map[string]func(http.ResponseWriter, *http.Request){},
		asked: map[string]int{}, changed: make(chan struct{}), Roots: x509.NewCertPool(),
	}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if c == None {
		r.server.Start()
	} else {
		until, names := time.Now().Add(24*time.Hour), []string{"localhost", "127.0.0.1", "::1"}
		switch c {
		case Expired:
			until = time.Now().Add(-time.Hour)
		case ForOthers:
			names = []string{"hooks.example.com"}
		}
		config, roots, err := certificate.For(until, names...)
		if err != nil {
			return nil, err
		}
		r.server.TLS = config
		r.server.StartTLS()
		if c != Unknown {
			r.Roots = roots
			r.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]})
		}
	}
	r.URL = strings.Replace(r.server.URL, "127.0.0.1", "localhost", 1)
	return r, nil
}

// Close ends the receiver, and every answer that it keeps waiting.
func (r *Receiver) Close() {
	r.server.CloseClientConnections()
	r.server.Close()
}

// Expect has the requests for a path checked with these secrets. Requests for a path without
// secrets are only counted.
func (r *Receiver) Expect(path string, secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets[path] = secrets
}

// Answer has the requests for a path answered so; nil means with 200.
func (r *Receiver) Answer(path string, how func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = how
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	path := req.URL.Path
	r.mu.Lock()
	r.asked[path]++
	if secrets := r.secrets[path]; secrets != nil && err == nil {
		e, err := client.VerifyWebhook(req.Header, body, secrets...)
		if err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
			r.bad = append(r.bad, fmt.Sprintf("%s %s: %s: %v", req.Method, path, body, err))
		} else {
			r.got = append(r.got, Got{Event: e, Path: path, At: time.Now(), Signatures: len(strings.Fields(req.Header.Get("Webhook-Signature")))})
		}
	}
	answer := r.answers[path]
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	if answer != nil {
		answer(w, req)
	}
}

// Got returns all requests with right signatures so far.
func (r *Receiver) Got() []Got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Got(nil), r.got...)
}

// Bad returns what is wrong with all other requests for paths with secrets.
func (r *Receiver) Bad() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bad...)
}

// Asked returns how many requests there were for a path.
func (r *Receiver) Asked(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[path]
}

// Wait waits until enough is true of what arrived, or until done is closed; it reports which.
func (r *Receiver) Wait(done <-chan struct{}, enough func([]Got) bool) bool {
	for {
		r.mu.Lock()
		changed, got := r.changed, append([]Got(nil), r.got...)
		r.mu.Unlock()
		if enough(got) {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}

// The ways in which receivers misbehave, for Answer.

// Status answers with a status and, if it is not "", with a header Retry-After.
func Status(status int, retryAfter string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
}

// Redirect answers with a redirect.
func Redirect(status int, to string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

// Silent never answers. A handler that just returned would answer 200 to a client that has
// said that it closes its TLS connection and has not closed it yet.
func Silent(_ http.ResponseWriter, req *http.Request) {
	<-req.Context().Done()
	panic(http.ErrAbortHandler)
}

// Cut closes the connection instead of answering.
func Cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Drip answers 200 and sends a body that does not end, a byte at a time.
func Drip(w http.ResponseWriter, req *http.Request) {
	w.WriteHeader(http.StatusOK)
	c := http.NewResponseController(w)
	for req.Context().Err() == nil {
		w.Write([]byte{'.'})
		c.Flush()
		_ = fault.Pause(req.Context(), 10*time.Millisecond)
	}
}

// Flood answers 200 and sends a body without end, as fast as it is taken.
func Flood(w http.ResponseWriter, req *http.Request) {
	w.WriteHeader(http.StatusOK)
	piece := make([]byte, 64<<10)
	for req.Context().Err() == nil {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// raw takes the connection from net/http.
func raw(w http.ResponseWriter, write func(net.Conn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	write(conn)
}

// SlowHeaders sends a header a byte at a time, without end.
func SlowHeaders(w http.ResponseWriter, _ *http.Request) {
	raw(w, func(c net.Conn) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Slow: ")
		for ; err == nil; time.Sleep(10 * time.Millisecond) {
			_, err = io.WriteString(c, "x")
		}
	})
}

// HugeHeaders sends headers without end.
func HugeHeaders(w http.ResponseWriter, _ *http.Request) {
	raw(w, func(c net.Conn) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = io.WriteString(c, "X-Much: "+strings.Repeat("x", 1000)+"\r\n")
		}
	})
}

// Garbage answers with what is not HTTP.
func Garbage(w http.ResponseWriter, _ *http.Request) {
	raw(w, func(c net.Conn) { io.WriteString(c, "220 mail.example.com ESMTP\r\n") })
}

// CutBody answers 200, and closes the connection within the body.
func CutBody(w http.ResponseWriter, _ *http.Request) {
	raw(w, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") })
}
