package postgres

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and the server, and simulates faults of the network.
type proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	// toServer and toClient receive the data before it is passed on. They return what
	// to pass on, and false to cut the connection afterwards.
	toServer, toClient func([]byte) ([]byte, bool)
	refuses            bool
}

// newProxy starts a proxy, and returns the address of a database through it.
func newProxy(t testing.TB, address string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host, conns: map[net.Conn]struct{}{}}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.listener.Close()
		p.cut()
	})
	go func() {
		for {
			c, err := p.listener.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	u.Host = p.listener.Addr().String()
	return p, u.String()
}

func (p *proxy) serve(client net.Conn) {
	p.mu.Lock()
	refuses := p.refuses
	p.mu.Unlock()
	if refuses {
		client.Close()
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	pass := func(from, to net.Conn, watch func() func([]byte) ([]byte, bool)) {
		defer func() {
			client.Close()
			server.Close()
			p.mu.Lock()
			delete(p.conns, client)
			delete(p.conns, server)
			p.mu.Unlock()
		}()
		b := make([]byte, 64<<10)
		for {
			n, err := from.Read(b)
			if n > 0 {
				out, on := b[:n], true
				if f := watch(); f != nil {
					out, on = f(out)
				}
				if _, err := to.Write(out); err != nil || !on {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	go pass(client, server, func() func([]byte) ([]byte, bool) { p.mu.Lock(); defer p.mu.Unlock(); return p.toServer })
	pass(server, client, func() func([]byte) ([]byte, bool) { p.mu.Lock(); defer p.mu.Unlock(); return p.toClient })
}

// watch sets the functions that receive the traffic.
func (p *proxy) watch(toServer, toClient func([]byte) ([]byte, bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toServer, p.toClient = toServer, toClient
}

// refuse makes the proxy close new connections at once, or not.
func (p *proxy) refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = yes
}

// cut cuts all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}
