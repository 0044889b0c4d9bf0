package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tallyman/internal/fault"
)

// Limit returns a listener with at most so many open connections, and at most each of one
// address on which no request had a key yet. It answers further ones with 503 and closes
// them, so that clients do not wait without knowing.
func (s *Server) Limit(l net.Listener, most, each int) net.Listener {
	return &limited{Listener: l, s: s, most: most, each: each, strangers: map[netip.Prefix]int{}, away: make(chan struct{}, turningAway)}
}

type limited struct {
	net.Listener
	s          *Server
	most, each int
	away       chan struct{} // holds a place for each connection that is being refused

	mu        sync.Mutex
	open      int
	strangers map[netip.Prefix]int // connections without a key so far, by address
}

// from returns the address of a client; for IPv6 the network, of which one host has all.
func from(c net.Conn) netip.Prefix {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{}
	}
	ip := at.Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits)
	return p
}

// place returns a connection that counts for the limits, nil if there is no place for it.
func (l *limited) place(c net.Conn) *placed {
	p := &placed{Conn: c, l: l, at: from(c)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.most || l.strangers[p.at] >= l.each {
		return nil
	}
	l.open++
	l.strangers[p.at]++
	return p
}

// full is the answer to connections over the limit.
var full = errorAnswer{Error: "The server has no room for another connection; try again later.", Code: fault.Busy}

const (
	// turningAway bounds the connections that are being refused at once.
	turningAway = 64
	// turnAwayTime bounds how long a refusal takes.
	turnAwayTime = time.Second
)

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if p := l.place(conn); p != nil {
			return p, nil
		}
		select {
		case l.away <- struct{}{}:
			go func() {
				turnAway(conn, l.s.raw(http.StatusServiceUnavailable, full, "Retry-After: 5"))
				<-l.away
			}()
		default:
			conn.Close()
		}
	}
}

// turnAway refuses a connection with an answer. It first reads what the client has sent, within
// limits: otherwise closing would discard the answer.
func turnAway(conn net.Conn, answer []byte) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(turnAwayTime))
	if _, err := conn.Read(make([]byte, 4<<10)); err != nil {
		return
	}
	if _, err := conn.Write(answer); err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
	for buf := make([]byte, 4<<10); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// placed is a connection that counts for the limits.
type placed struct {
	net.Conn
	l      *limited
	at     netip.Prefix
	known  bool // a request on it had a key
	closed bool
}

// know notes that a request on the connection had a key.
func (p *placed) know() {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	p.forget()
}

// forget removes the connection from those of strangers. The listener is locked.
func (p *placed) forget() {
	if p.known {
		return
	}
	p.known = true
	if p.l.strangers[p.at]--; p.l.strangers[p.at] == 0 {
		delete(p.l.strangers, p.at)
	}
}

// Close implements net.Conn.
func (p *placed) Close() error {
	err := p.Conn.Close()
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.forget()
		p.l.open--
	}
	return err
}

// Operators returns a handler for a listener that only operators reach: it serves health and
// measurements alone, so that no client can take their places.
func (s *Server) Operators() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/health", path == "/api/health", path == "/ping", path == "/metrics", strings.HasPrefix(path, "/debug/pprof/"):
			s.ServeHTTP(w, r)
		default:
			http.Error(w, "only /health, /ping, /metrics and /debug/pprof are served here", http.StatusNotFound)
		}
	})
}
