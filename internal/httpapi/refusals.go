package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tallyman/internal/fault"
)

// Serve has server, whose handler is s, serve the connections of a listener. Requests
// that net/http cannot parse and refuses by itself are answered like all others: in
// JSON, and never with a status of 5xx.
func (s *Server) Serve(server *http.Server, l net.Listener) error {
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateIdle { // the answer is sent
			c.(*conn).handled.Store(false)
		}
	}
	return server.Serve(connListener{l, s})
}

type connKey struct{}

type connListener struct {
	net.Listener
	s *Server
}

func (l connListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, s: l.s}, nil
}

// conn replaces the answers of net/http itself.
type conn struct {
	net.Conn
	s       *Server
	handled atomic.Bool // what is written belongs to a request that reached the Server
}

// reached notes that the request has reached the Server.
func reached(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.handled.Store(true)
	}
}

// shownKey notes that a request had a key, or comes from the only user of the server.
func shownKey(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		if p, ok := c.Conn.(*placed); ok {
			p.know()
		}
	}
}

// Write implements net.Conn. net/http writes an answer of its own in one piece.
func (c *conn) Write(p []byte) (int, error) {
	if c.handled.Load() || len(p) < 12 || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return c.Conn.Write(p)
	}
	status, err := strconv.Atoi(string(p[9:12]))
	if err != nil || status < 400 {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(c.s.refusal(status)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// refusal returns the answer to a request that net/http refuses with a status.
func (s *Server) refusal(status int) []byte {
	a := errorAnswer{Error: "The request is not valid HTTP.", Code: fault.BadRequest}
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		a = errorAnswer{Error: "The headers of the request are too large; send fewer or shorter ones.", Code: fault.TooLarge}
	case http.StatusExpectationFailed:
		a.Error = "The server does not know what the header Expect asks for; leave it out."
	case http.StatusNotImplemented:
		a.Error = "The server does not know this Transfer-Encoding; send the body chunked, or with its Content-Length."
	case http.StatusHTTPVersionNotSupported:
		a.Error = "The server speaks HTTP/1.0 and HTTP/1.1."
	}
	if status >= 500 {
		status = http.StatusBadRequest
	}
	return s.raw(status, a)
}

// raw returns the answer to what never became a request, with some more headers. Its
// connection is closed.
func (s *Server) raw(status int, a errorAnswer, more ...string) []byte {
	body, _ := json.Marshal(a)
	lines := append([]string{
		fmt.Sprintf("HTTP/1.1 %d %s", status, http.StatusText(status)),
		"Date: " + time.Now().UTC().Format(http.TimeFormat),
		"Content-Type: application/json",
		fmt.Sprintf("Content-Length: %d", len(body)+1),
		"Connection: close", "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
		"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
	}, more...)
	// As cors does it; nothing is known of the origin.
	if keyless := s.config.Loopback && !s.locked.Load(); len(s.config.Origins) == 0 && !keyless {
		lines = append(lines, "Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: Retry-After")
	}
	return fmt.Appendf(nil, "%s\r\n\r\n%s\n", strings.Join(lines, "\r\n"), body)
}
