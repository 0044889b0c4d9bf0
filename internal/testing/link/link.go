// Package link stands between a program and a server, and simulates faults of the network
// between them.
package link

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/testing/must"
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

	mu       sync.Mutex
	changed  *sync.Cond
	open     map[net.Conn]struct{}
	refuses  bool
	stalled  bool
	delay    time.Duration
	closed   bool
	up, down Filter
	harm     Harm
	times    int // how often to harm, negative for always
	all      sync.WaitGroup
}

// Filter receives data before it is passed on. It returns what to pass on, and false to end
// the connection afterwards.
type Filter func([]byte) ([]byte, bool)

// Harm is what a link does to a connection after a number of bytes in one direction.
type Harm struct {
	Up    bool // to the server, else from it
	After int  // number of bytes, 0 for no harm
	Flip  bool // flip a bit of the next byte, otherwise end the connection
}

// For starts a link to HOST:PORT that ends with the test.
func For(t testing.TB, target string) *Link {
	t.Helper()
	k, err := New(target, nil)
	must.OK(t, err)
	t.Cleanup(k.Close)
	return k
}

// New starts a link to HOST:PORT on a port of this machine. tap may be nil.
func New(target string, tap func(io.Reader)) (*Link, error) {
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

// locked does something while no other goroutine changes the link.
func (k *Link) locked(do func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	do()
}

// Cut closes all connections, in the middle of whatever is under way.
func (k *Link) Cut() { k.locked(k.cut) }

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

// Lead passes the next connections on to another server, HOST:PORT.
func (k *Link) Lead(target string) { k.locked(func() { k.target = target }) }

// Stall stops all traffic, with connections open, or resumes it.
func (k *Link) Stall(yes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stalled = yes
	k.changed.Broadcast()
}

// Delay delays all traffic, in both directions.
func (k *Link) Delay(d time.Duration) { k.locked(func() { k.delay = d }) }

// Watch sets the filters of what goes to the server and what comes back; nil for none.
func (k *Link) Watch(up, down Filter) { k.locked(func() { k.up, k.down = up, down }) }

// Harm makes the link harm the next connections, as many as times says, all of them if it
// is negative. Open connections are closed, so that clients do not continue to use them.
func (k *Link) Harm(h Harm, times int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut()
	k.harm, k.times = h, times
}

// Done reports whether all the harm was done.
func (k *Link) Done() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.times == 0
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
	refuses, target := k.refuses || k.closed, k.target
	k.mu.Unlock()
	if refuses {
		client.(*net.TCPConn).SetLinger(0)
		client.Close()
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		client.Close()
		return
	}
	k.mu.Lock()
	k.open[client], k.open[server] = struct{}{}, struct{}{}
	h := k.harm
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
	both.Go(func() { k.copy(up, client, &k.Up, true, h); end() })
	both.Go(func() { k.copy(client, server, &k.Down, false, h); end() })
	both.Wait()
	k.mu.Lock()
	delete(k.open, client)
	delete(k.open, server)
	k.mu.Unlock()
}

// copy passes one direction on, with what happens to it.
func (k *Link) copy(to io.Writer, from io.Reader, bytes *atomic.Int64, up bool, h Harm) {
	b := make([]byte, 64<<10)
	for passed := 0; ; {
		n, err := from.Read(b)
		if n > 0 {
			k.wait()
			bytes.Add(int64(n))
			out, on := b[:n], true
			if f := k.filter(up); f != nil {
				out, on = f(out)
			}
			if h.After > 0 && h.Up == up {
				out, on = k.harmed(h, out, h.After-passed)
			}
			passed += n
			if _, err := to.Write(out); err != nil || !on {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (k *Link) filter(up bool) Filter {
	k.mu.Lock()
	defer k.mu.Unlock()
	if up {
		return k.up
	}
	return k.down
}

// harmed harms data at a place, if that is in it.
func (k *Link) harmed(h Harm, data []byte, at int) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	within := at >= 0 && at < len(data) || !h.Flip && at == len(data)
	if !within || k.times == 0 {
		return data, true
	}
	k.times = max(k.times-1, -1)
	if !h.Flip {
		return data[:at], false
	}
	data[at] ^= 4
	return data, true
}
