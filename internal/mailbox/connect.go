package mailbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"

	"tallyman/internal/fault"
)

// line is a connection that ends when it has taken too long, or when more came than was asked
// for.
type line struct {
	net.Conn
	left atomic.Int64 // bytes that may come
}

var errTooMuch = errors.New("the server sends more than it was asked for")

func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.left.Add(-int64(n)) < 0 {
		l.Conn.Close()
		return 0, errTooMuch
	}
	return n, err
}

// during does something within a time, in which so many bytes may come. After that, or when
// ctx ends, the connection is closed.
func (l *line) during(ctx context.Context, most time.Duration, bytes int64, do func() error) error {
	const slack = 1 << 20 // of the protocol
	l.left.Store(bytes + bytes/8 + slack)
	var over atomic.Bool
	var once sync.Once
	end := func() { once.Do(func() { over.Store(true); l.Conn.Close() }) }
	timer := time.AfterFunc(most, end)
	defer timer.Stop()
	stop := context.AfterFunc(ctx, end)
	defer stop()
	err := do()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Ended(ctx.Err())
	case l.left.Load() < 0:
		return errTooMuch
	case over.Load():
		return fmt.Errorf("the server did not answer within %v", most)
	}
	return err
}

// dial connects to a server, with TLS if that comes first.
func (c *Config) dial(ctx context.Context, s Server) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		return nil, c.unreachable(s, err)
	}
	if s.Security == Implicit {
		secure := tls.Client(conn, c.tlsFor(s))
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, c.unreachable(s, err)
		}
		conn = secure
	}
	return &line{Conn: conn}, nil
}

func (c *Config) tlsFor(s Server) *tls.Config {
	t := &tls.Config{}
	if c.TLS != nil {
		t = c.TLS.Clone()
	}
	t.ServerName, t.MinVersion = s.Host, tls.VersionTLS12
	return t
}

// unreachable is the fault of a server that cannot be used now.
func (c *Config) unreachable(s Server, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	at := net.JoinHostPort(s.Host, s.Port)
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var other x509.HostnameError
	if errors.As(err, &invalid) || errors.As(err, &unknown) || errors.As(err, &other) {
		return fault.New(Refused, "%s does not show a certificate that is valid for it: %w — nothing was sent", at, err)
	}
	return fault.New(Unreachable, "%s cannot be used now: %w", at, err)
}

// anew connects and signs in, with a fresh token if the server refuses the one that is known: it
// may be too old.
func anew[C any](ctx context.Context, c *Config, try func(ctx context.Context, c *Config, fresh bool) (C, error)) (C, error) {
	conn, err := try(ctx, c, false)
	if c.Login.Token != nil && fault.CodeOf(err) == Refused && ctx.Err() == nil {
		return try(ctx, c, true)
	}
	return conn, err
}

// sasls returns the ways to sign in, the best first, for a server that offers some mechanisms.
func (c *Config) sasls(ctx context.Context, s Server, offers func(string) bool, fresh bool) (sasl.Client, error) {
	if c.Login.Token != nil {
		token, err := c.Login.Token(ctx, fresh)
		if err != nil {
			return nil, err
		}
		if offers("XOAUTH2") && !offers(sasl.OAuthBearer) {
			return &xoauth2{c.Login.User, token}, nil
		}
		return &bearer{Client: sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: c.Login.User, Token: token})}, nil
	}
	password, err := c.Login.Password()
	if err != nil {
		return nil, err
	}
	if !offers(sasl.Plain) && offers("LOGIN") {
		return sasl.NewLoginClient(c.Login.User, password), nil
	}
	return sasl.NewPlainClient("", c.Login.User, password), nil
}

// xoauth2 is the mechanism of Google and Microsoft. A server that refuses the token sends a
// challenge with the reason, which is answered with nothing.
type xoauth2 struct{ user, token string }

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

func (x *xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }

// bearer answers the challenge with the reason of a refusal, as RFC 7628 (3.2.3) asks, so that
// the server ends the exchange.
type bearer struct{ sasl.Client }

func (b *bearer) Next(challenge []byte) ([]byte, error) {
	if json.Valid(challenge) {
		return []byte{1}, nil
	}
	return nil, errors.New("the server answers a token with something else than the standard says")
}
