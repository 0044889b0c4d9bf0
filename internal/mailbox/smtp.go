package mailbox

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"tallyman/internal/fault"
)

// post is a connection to the server that takes mails.
type post struct {
	c      *Config
	line   *line
	client *smtp.Client
}

// errRefused is the error of a mail that the server refuses for good.
type errRefused struct{ reason string }

func (e *errRefused) Error() string { return e.reason }

// openPost connects and signs in. It fails with Refused and Unreachable.
func openPost(ctx context.Context, c *Config) (*post, error) { return anew(ctx, c, tryPost) }

func tryPost(ctx context.Context, c *Config, fresh bool) (_ *post, err error) {
	p := &post{c: c}
	if p.line, err = c.dial(ctx, c.SMTP); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	_, domain, _ := strings.Cut(c.Address, "@")
	return p, p.do(ctx, 1, func() (err error) {
		if c.SMTP.Security == StartTLS {
			if p.client, err = smtp.NewClientStartTLS(p.line, c.tlsFor(c.SMTP)); err != nil {
				return err
			}
		} else {
			p.client = smtp.NewClient(p.line)
			if err := p.client.Hello(domain); err != nil {
				return err
			}
		}
		// The watch over the whole of a step is enough.
		p.client.CommandTimeout, p.client.SubmissionTimeout = time.Hour, time.Hour
		if ok, _ := p.client.Extension("AUTH"); !ok && c.SMTP.Security == Plain {
			return nil // a relay on this machine
		}
		how, err := c.sasls(ctx, c.SMTP, p.client.SupportsAuth, fresh)
		if err != nil {
			return err
		}
		if err := p.client.Auth(how); err != nil {
			if no := (*smtp.SMTPError)(nil); errors.As(err, &no) && !no.Temporary() {
				return fault.New(Refused, "%s refuses the login of %s: %s", c.SMTP.Host, shown(c.Login.User), shown(no.Message))
			}
			return err
		}
		return nil
	})
}

// do gives commands to the server, within as many times the usual time.
func (p *post) do(ctx context.Context, times int, commands func() error) error {
	err := p.line.during(ctx, time.Duration(times)*p.c.Patience, 0, commands)
	if no := (*errRefused)(nil); err == nil || errors.As(err, &no) {
		return err
	}
	return p.c.unreachable(p.c.SMTP, err)
}

// send gives a mail to the server. It fails with errRefused if the server refuses it for good.
// After another error it is not known whether the server took it.
func (p *post) send(ctx context.Context, to string, r io.Reader, size int64) error {
	return p.do(ctx, 10, func() error {
		if most, ok := p.client.MaxMessageSize(); ok && most > 0 && size > int64(most) {
			return &errRefused{"it is larger than the server takes"}
		}
		if err := p.client.Mail(p.c.Address, &smtp.MailOptions{Size: size, UTF8: !ascii(to)}); err != nil {
			if no := (*smtp.SMTPError)(nil); errors.As(err, &no) && no.Code == 552 { // the size
				return forGood(err)
			}
			return err
		}
		if err := p.client.Rcpt(to, nil); err != nil {
			return forGood(err)
		}
		data, err := p.client.Data()
		if err != nil {
			return forGood(err)
		}
		if _, err := io.Copy(data, r); err != nil {
			return err
		}
		return forGood(data.Close())
	})
}

func forGood(err error) error {
	if no := (*smtp.SMTPError)(nil); errors.As(err, &no) && no.Code >= 500 {
		return &errRefused{shown(no.Error())}
	}
	return err
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

func (p *post) close() {
	if p.client != nil {
		p.client.Close()
	}
	p.line.Close()
}
