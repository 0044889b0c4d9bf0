package httpapi

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Limit returns a listener with at most so many open connections. It answers further
// ones with 503 and closes them, so that clients do not wait without knowing.
func Limit(l net.Listener, most int) net.Listener {
	return &limited{Listener: l, places: make(chan struct{}, most), away: make(chan struct{}, turningAway)}
}

type limited struct {
	net.Listener
	places chan struct{}
	away   chan struct{} // holds a place for each connection that is being refused
}

// full is the answer to connections over the limit.
var full = func() []byte {
	const body = `{"error":"The server has no room for another connection; try again later.","code":"busy"}` + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"+
		"Access-Control-Allow-Origin: *\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}()

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
		select {
		case l.places <- struct{}{}:
			return &placed{Conn: conn, leave: func() { <-l.places }}, nil
		default:
		}
		select {
		case l.away <- struct{}{}:
			go func() {
				turnAway(conn)
				<-l.away
			}()
		default:
			conn.Close()
		}
	}
}

// turnAway refuses a connection. It first reads what the client has sent, within
// limits: otherwise closing would discard the answer.
func turnAway(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(turnAwayTime))
	if _, err := conn.Read(make([]byte, 4<<10)); err != nil {
		return
	}
	if _, err := conn.Write(full); err != nil {
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

// placed is a connection that counts for the limit.
type placed struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close implements net.Conn.
func (p *placed) Close() error {
	err := p.Conn.Close()
	p.once.Do(p.leave)
	return err
}
