package cluster

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Link passes connections on to a server, and simulates faults of the network.
type Link struct {
	Address string // HOST:PORT, where it listens

	// Up and Down count the bytes that went to the server and came back.
	Up, Down atomic.Int64

	target   string
	listener net.Listener
	// tap, if not nil, reads what is sent to the server, for each connection.
	tap func(io.Reader)

	mu      sync.Mutex
	changed *sync.Cond
	open    map[net.Conn]struct{}
	refuses bool
	stalled bool
	delay   time.Duration
	closed  bool
	all     sync.WaitGroup
}

// NewLink starts a link to HOST:PORT on a port of this machine. tap may be nil.
func NewLink(target string, tap func(io.Reader)) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &Link{Address: l.Addr().String(), target: target, listener: l, tap: tap, open: map[net.Conn]struct{}{}}
	k.changed = sync.NewCond(&k.mu)
	k.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			k.all.Go(func() { k.pass(c) })
		}
	})
	return k, nil
}

// Cut closes all connections, in the middle of whatever is under way.
func (k *Link) Cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut()
}

func (k *Link) cut() {
	for c := range k.open {
		c.(*net.TCPConn).SetLinger(0) // as a reset, not an end
		c.Close()
	}
}

// Refuse closes all connections and refuses new ones, or accepts them again.
func (k *Link) Refuse(yes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuses = yes; yes {
		k.cut()
	}
}

// Stall stops all traffic, with connections open, or resumes it.
func (k *Link) Stall(yes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stalled = yes
	k.changed.Broadcast()
}

// Delay delays all traffic, in both directions.
func (k *Link) Delay(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.delay = d
}

// Close ends the link.
func (k *Link) Close() {
	k.listener.Close()
	k.mu.Lock()
	k.closed = true
	k.changed.Broadcast()
	k.cut()
	k.mu.Unlock()
	k.all.Wait()
}

// wait waits for the present delay.
func (k *Link) wait() {
	k.mu.Lock()
	d := k.delay
	for k.stalled && !k.closed {
		k.changed.Wait()
	}
	k.mu.Unlock()
	if d > 0 {
		time.Sleep(d)
	}
}

func (k *Link) pass(client net.Conn) {
	k.mu.Lock()
	refuses := k.refuses || k.closed
	k.mu.Unlock()
	if refuses {
		client.(*net.TCPConn).SetLinger(0)
		client.Close()
		return
	}
	server, err := net.Dial("tcp", k.target)
	if err != nil {
		client.Close()
		return
	}
	k.mu.Lock()
	k.open[client], k.open[server] = struct{}{}, struct{}{}
	if k.refuses || k.closed {
		k.cut()
	}
	k.mu.Unlock()
	var up io.Writer = server
	if k.tap != nil {
		r, w := io.Pipe()
		defer w.Close()
		k.all.Go(func() {
			k.tap(r)
			io.Copy(io.Discard, r)
		})
		up = io.MultiWriter(w, server)
	}
	end := func() {
		client.Close()
		server.Close()
	}
	var both sync.WaitGroup
	both.Go(func() { k.copy(up, client, &k.Up); end() })
	both.Go(func() { k.copy(client, server, &k.Down); end() })
	both.Wait()
	k.mu.Lock()
	delete(k.open, client)
	delete(k.open, server)
	k.mu.Unlock()
}

func (k *Link) copy(to io.Writer, from io.Reader, bytes *atomic.Int64) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			k.wait()
			bytes.Add(int64(n))
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
