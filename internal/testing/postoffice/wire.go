package postoffice

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Base64 encodes a content in lines.
func Base64(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	var lines strings.Builder
	for len(s) > 76 {
		lines.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return lines.String() + s
}

// once is a listener with one connection.
type once struct {
	conn   net.Conn
	closed chan struct{}
	end    sync.Once
}

func (o *once) Accept() (net.Conn, error) {
	if c := o.conn; c != nil {
		o.conn = nil
		return c, nil
	}
	<-o.closed
	return nil, net.ErrClosed
}

func (o *once) Close() error {
	o.end.Do(func() { close(o.closed) })
	return nil
}

func (o *once) Addr() net.Addr { return &net.TCPAddr{} }

func fetchAll(conn net.Conn, folder string) (all []Mail) {
	c := imapclient.New(conn, nil)
	defer c.Close()
	if _, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return nil
	}
	all = []Mail{}
	fetched, err := c.Fetch(imap.SeqSet{imap.SeqRange{Start: 1, Stop: 0}}, &imap.FetchOptions{Flags: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}).Collect()
	if err != nil {
		return all
	}
	for _, m := range fetched {
		for _, s := range m.BodySection {
			all = append(all, Mail{s.Bytes, m.Flags})
		}
	}
	return all
}

// listener spoils what its connections send.
type listener struct {
	net.Listener
	f *Office
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.f.mu.Lock()
	l.f.conns[c] = true
	l.f.mu.Unlock()
	return &spoiled{Conn: c, f: l.f}, nil
}

func (s *spoiled) Close() error {
	s.f.mu.Lock()
	delete(s.f.conns, s.Conn)
	s.f.mu.Unlock()
	return s.Conn.Close()
}

// spoiled is a connection of the IMAP server.
type spoiled struct {
	net.Conn
	f    *Office
	left int // bytes until it is cut, 0 for never
}

var (
	idle     = []byte(" IDLE")
	body     = regexp.MustCompile(`BODY\[\] \{[0-9]+\}`)
	fields   = regexp.MustCompile(`(?s)BODY\[HEADER.FIELDS \([^)]*\)\] \{[0-9]+\}\r\n`)
	moved    = regexp.MustCompile(`COPYUID`)
	errSpoil = errors.New("the connection is cut")
)

func (s *spoiled) Write(p []byte) (int, error) {
	n := len(p)
	if s.f.has(NoIdle) && bytes.Contains(p, []byte("CAPABILITY")) {
		p = bytes.ReplaceAll(p, idle, nil)
	}
	if body.Match(p) {
		if s.left == 0 && s.f.occasion(CutLiteral) {
			s.left = len(p)/2 + 1
		}
		if s.f.occasion(HugeLiteral) {
			p = body.ReplaceAll(p, []byte("BODY[] {99999999999}"))
		}
	}
	if at := fields.FindIndex(p); at != nil && s.f.occasion(EndlessHeader) {
		s.Conn.Write(append(regexp.MustCompile(`\{[0-9]+\}\r\n$`).ReplaceAll(p[:at[1]:at[1]], []byte("{99999999999}\r\n")), "From: a@example.com\r\n"...))
		for {
			if _, err := io.WriteString(s.Conn, strings.Repeat("X-Filler: "+strings.Repeat("x", 900)+"\r\n", 100)); err != nil {
				return 0, err
			}
		}
	}
	if moved.Match(p) && s.f.occasion(CutMove) {
		s.Conn.Close()
		return 0, errSpoil
	}
	if s.left > 0 {
		if len(p) >= s.left {
			s.Conn.Write(p[:s.left])
			s.Conn.Close()
			return 0, errSpoil
		}
		s.left -= len(p)
	}
	if s.f.has(Slow) {
		for len(p) > 0 {
			k := min(len(p), 97)
			if _, err := s.Conn.Write(p[:k]); err != nil {
				return 0, err
			}
			p = p[k:]
			time.Sleep(100 * time.Microsecond)
		}
		return n, nil
	}
	if _, err := s.Conn.Write(p); err != nil {
		return 0, err
	}
	return n, nil
}
