package s3test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy passes connections on to a server, and can harm them.
type Proxy struct {
	Endpoint string // http://127.0.0.1:PORT

	target string
	mu     sync.Mutex
	harm   Harm
	times  int
	open   map[net.Conn]struct{}
}

// Harm is what a Proxy does to a connection, after a number of bytes in one
// direction.
type Harm struct {
	Up    bool // to the server, else from it
	After int  // number of bytes
	Flip  bool // flip a bit of the next byte, otherwise end the connection
}

// NewProxy starts a proxy for a server; it ends with the test. It does no harm before
// a call of Harm.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Endpoint: "http://" + l.Addr().String(), target: s.address, open: map[net.Conn]struct{}{}}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		p.CloseConnections()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.pass(c) })
		}
	})
	return p
}

// Harm makes the proxy harm the next connections, as many as times says, all of them
// if it is negative. Open connections are closed, so that clients do not continue to
// use them.
func (p *Proxy) Harm(h Harm, times int) {
	p.CloseConnections()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.harm, p.times = h, times
}

// Done reports whether all the harm was done.
func (p *Proxy) Done() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times == 0
}

// CloseConnections closes the open connections.
func (p *Proxy) CloseConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

// strike reports whether to do harm now, and counts it.
func (p *Proxy) strike() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times > 0 {
		p.times--
		return true
	}
	return p.times < 0
}

func (p *Proxy) pass(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.open[client], p.open[server] = struct{}{}, struct{}{}
	h := p.harm
	p.mu.Unlock()
	end := func() {
		client.Close()
		server.Close()
		p.mu.Lock()
		delete(p.open, client)
		delete(p.open, server)
		p.mu.Unlock()
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, h, h.Up); end() })
	both.Go(func() { p.copy(client, server, h, !h.Up); end() })
	both.Wait()
}

// copy passes one direction on, and harms it if requested.
func (p *Proxy) copy(to io.Writer, from io.Reader, h Harm, harmful bool) {
	if harmful && h.After > 0 {
		if _, err := io.CopyN(to, from, int64(h.After)); err != nil {
			return
		}
		if p.strike() {
			if !h.Flip {
				return
			}
			var b [1]byte
			if _, err := io.ReadFull(from, b[:]); err != nil {
				return
			}
			b[0] ^= 4
			if _, err := to.Write(b[:]); err != nil {
				return
			}
		}
	}
	io.Copy(to, from)
}
