// Package postoffice is a mail server for tests: IMAP and SMTP on this machine, for one user,
// that misbehave as they are told to.
package postoffice

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The user of every office.
const (
	User     = "robot@example.com"
	Password = "correct horse"
)

// Fault is a way to misbehave. Most have a number of times.
type Fault string

// The faults of the IMAP server, and after them those of the SMTP server.
const (
	Slow          Fault = "sends a few bytes at a time"
	CutLiteral    Fault = "closes the connection in the middle of a mail"
	HugeLiteral   Fault = "announces a mail of 99 GB"
	EndlessHeader Fault = "sends a header without end"
	RefuseLogin   Fault = "refuses the login"
	NoIdle        Fault = "knows no IDLE"
	NoMove        Fault = "knows neither MOVE nor UIDPLUS"
	MuteIdle      Fault = "never says anything while the client idles"
	CutMove       Fault = "closes the connection instead of answering to MOVE or COPY"

	RefuseMail Fault = "refuses a recipient for good"
	Postpone   Fault = "refuses a recipient for now"
	CutData    Fault = "takes a mail, and closes the connection before it says so"
	LoseData   Fault = "closes the connection in the middle of a mail that it is given"
)

// Options are the options of an office.
type Options struct {
	// TLS is what both servers speak from the first byte, StartTLS after STARTTLS; nil for
	// neither.
	TLS, StartTLS *tls.Config
	// Token, if not nil, is the only way to sign in: a token that is good.
	Token func(token string) bool
	// Bearer offers OAUTHBEARER besides XOAUTH2.
	Bearer bool
	// Lacks is what the IMAP server does not know, for the life of the office.
	Lacks []Fault
	// Copies has the SMTP server keep sent mails in the folder Sent, as some do.
	Copies bool
}

// Sent is a mail that the SMTP server took.
type Sent struct{ Raw []byte }

// Office is a mail server.
type Office struct {
	// IMAP and SMTP are the addresses, HOST:PORT.
	IMAP, SMTP string

	o        Options
	user     *imapmemserver.User
	listener [2]net.Listener
	imap     *imapserver.Server
	smtp     *smtp.Server

	mu     sync.Mutex
	faults map[Fault]int
	sent   []Sent
	logins int
	conns  map[net.Conn]bool // of IMAP
}

// Open opens an office.
func Open(o Options) (*Office, error) {
	f := &Office{o: o, faults: map[Fault]int{}, conns: map[net.Conn]bool{}, user: imapmemserver.NewUser(User, Password)}
	for _, lack := range o.Lacks {
		f.faults[lack] = 1 << 30
	}
	if err := f.user.Create("INBOX", nil); err != nil {
		return nil, err
	}
	for i := range f.listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		if o.TLS != nil {
			l = tls.NewListener(l, o.TLS)
		}
		if i == 0 {
			l = &listener{l, f}
		}
		f.listener[i] = l
	}
	f.IMAP, f.SMTP = f.listener[0].Addr().String(), f.listener[1].Addr().String()
	caps := imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}, imap.CapNamespace: {}}
	if f.has(NoMove) {
		delete(caps, imap.CapUIDPlus)
		delete(caps, imap.CapMove)
	}
	quiet := log.New(io.Discard, "", 0)
	f.imap = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{f: f}, &imapserver.GreetingData{}, nil
		},
		Caps: caps, InsecureAuth: true, TLSConfig: o.StartTLS, Logger: quiet,
	})
	f.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &transaction{f: f, c: c}, nil }))
	f.smtp.AllowInsecureAuth, f.smtp.TLSConfig, f.smtp.ErrorLog, f.smtp.Domain = true, o.StartTLS, quiet, "mx.example.com"
	f.smtp.MaxMessageBytes = 100 << 20
	go f.imap.Serve(f.listener[0])
	go f.smtp.Serve(f.listener[1])
	return f, nil
}

// Close closes the office.
func (f *Office) Close() {
	f.imap.Close()
	f.smtp.Close()
}

// Misbehave has the next so many occasions go wrong.
func (f *Office) Misbehave(how Fault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[how] = times
}

// Left returns how many of the occasions are still to come.
func (f *Office) Left(how Fault) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults[how]
}

func (f *Office) has(how Fault) bool { return f.Left(how) > 0 }

// occasion reports whether something goes wrong now, and counts it.
func (f *Office) occasion(how Fault) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults[how] == 0 {
		return false
	}
	f.faults[how]--
	return true
}

// Logins is how often somebody has tried to sign in at the IMAP server.
func (f *Office) Logins() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins
}

// Sent returns the mails that the SMTP server took.
func (f *Office) Sent() []Sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

// literal is a mail that is appended to a folder.
type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// Deliver puts a mail into a folder.
func (f *Office) Deliver(folder string, mail []byte) error {
	_, err := f.user.Append(folder, literal{bytes.NewReader(crlf(mail))}, &imap.AppendOptions{Time: time.Now()})
	return err
}

var bare = regexp.MustCompile(`\r?\n`)

func crlf(b []byte) []byte { return bare.ReplaceAll(b, []byte("\r\n")) }

// Mail is a mail in a folder.
type Mail struct {
	Raw   []byte
	Flags []imap.Flag
}

// Folder returns the mails of a folder, nil if it is not there.
func (f *Office) Folder(name string) (all []Mail) {
	client, server := net.Pipe()
	defer client.Close()
	// The library has no other way to the content of a mailbox than its protocol.
	one := imapserver.New(&imapserver.Options{InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return imapmemserver.NewUserSession(f.user), &imapserver.GreetingData{PreAuth: true}, nil
		}})
	defer one.Close()
	go one.Serve(&once{conn: server, closed: make(chan struct{})})
	return fetchAll(client, name)
}

// Renumber gives the mails of INBOX new numbers, and the folder a new validity.
func (f *Office) Renumber() error {
	all := f.Folder("INBOX")
	if err := f.user.Delete("INBOX"); err != nil {
		return err
	}
	if err := f.user.Create("INBOX", nil); err != nil {
		return err
	}
	for _, m := range slices.Backward(all) {
		if err := f.Deliver("INBOX", m.Raw); err != nil {
			return err
		}
	}
	return nil
}

// HangUp closes all connections of IMAP.
func (f *Office) HangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
}

// session is a session of IMAP.
type session struct {
	*imapmemserver.UserSession
	f *Office
}

func (s *session) Login(user, password string) error {
	s.f.mu.Lock()
	s.f.logins++
	s.f.mu.Unlock()
	if s.f.o.Token != nil || s.f.occasion(RefuseLogin) {
		return imapserver.ErrAuthFailed
	}
	if err := s.f.user.Login(user, password); err != nil {
		return err
	}
	s.UserSession = imapmemserver.NewUserSession(s.f.user)
	return nil
}

func (s *session) AuthenticateMechanisms() []string { return s.f.mechanisms() }

func (s *session) Authenticate(mech string) (sasl.Server, error) {
	return s.f.authenticate(mech, s.Login, func() { s.UserSession = imapmemserver.NewUserSession(s.f.user) }, imapserver.ErrAuthFailed)
}

func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if s.f.has(MuteIdle) {
		<-stop
		return nil
	}
	return s.UserSession.Idle(w, stop)
}

func (f *Office) mechanisms() []string {
	switch {
	case f.o.Token == nil:
		return []string{"PLAIN"}
	case f.o.Bearer:
		return []string{"XOAUTH2", "OAUTHBEARER"}
	}
	return []string{"XOAUTH2"}
}

func (f *Office) authenticate(mech string, login func(user, password string) error, in func(), refused error) (sasl.Server, error) {
	token := func(user, token string) bool {
		f.mu.Lock()
		f.logins++
		f.mu.Unlock()
		if user != User || f.o.Token == nil || !f.o.Token(token) {
			return false
		}
		in()
		return true
	}
	switch {
	case mech == "PLAIN" && f.o.Token == nil:
		return sasl.NewPlainServer(func(_, user, password string) error { return login(user, password) }), nil
	case mech == "XOAUTH2" && f.o.Token != nil:
		return &xoauth2{check: token, refused: refused}, nil
	case mech == "OAUTHBEARER" && f.o.Bearer:
		return sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			if !token(o.Username, o.Token) {
				return &sasl.OAuthBearerError{Status: "invalid_token"}
			}
			return nil
		}), nil
	}
	return nil, refused
}

// xoauth2 is the mechanism of Google and Microsoft, on the server's side.
type xoauth2 struct {
	check   func(user, token string) bool
	refused error
	told    bool
}

func (x *xoauth2) Next(response []byte) (challenge []byte, done bool, err error) {
	if x.told {
		return nil, false, x.refused
	}
	if response == nil {
		return []byte{}, false, nil
	}
	parts := strings.Split(string(response), "\x01")
	if len(parts) >= 2 && x.check(strings.TrimPrefix(parts[0], "user="), strings.TrimPrefix(parts[1], "auth=Bearer ")) {
		return nil, true, nil
	}
	x.told = true
	return []byte(`{"status":"400","schemes":"Bearer"}`), false, nil
}

// transaction is a session of SMTP.
type transaction struct {
	f  *Office
	c  *smtp.Conn
	in bool
}

func (t *transaction) AuthMechanisms() []string { return t.f.mechanisms() }

func (t *transaction) Auth(mech string) (sasl.Server, error) {
	return t.f.authenticate(mech, func(user, password string) error {
		if user != User || password != Password {
			return smtp.ErrAuthFailed
		}
		t.in = true
		return nil
	}, func() { t.in = true }, smtp.ErrAuthFailed)
}

func (t *transaction) Reset()        {}
func (t *transaction) Logout() error { return nil }

func (t *transaction) Mail(string, *smtp.MailOptions) error {
	if !t.in {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (t *transaction) Rcpt(string, *smtp.RcptOptions) error {
	switch {
	case t.f.occasion(RefuseMail):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user"}
	case t.f.occasion(Postpone):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Come again later"}
	}
	return nil
}

func (t *transaction) Data(r io.Reader) error {
	if t.f.occasion(LoseData) {
		io.ReadFull(r, make([]byte, 100))
		t.c.Conn().Close()
		return errors.New("closed")
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	cut := t.f.occasion(CutData)
	t.f.mu.Lock()
	t.f.sent = append(t.f.sent, Sent{b})
	t.f.mu.Unlock()
	if t.f.o.Copies {
		t.f.user.Create("Sent", nil) // if it is not there
		t.f.Deliver("Sent", b)
	}
	if cut {
		t.c.Conn().Close()
		return errors.New("closed")
	}
	return nil
}

// Attachment is a file of a mail.
type Attachment struct {
	Name    string
	Content []byte
}

// Compose returns a mail with attachments.
func Compose(from, id, subject string, files ...Attachment) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n", from, User, subject, time.Now().Format(time.RFC1123Z))
	if id != "" {
		fmt.Fprintf(&b, "Message-ID: <%s>\r\n", id)
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_parts\"\r\n\r\n--=_parts\r\nContent-Type: text/plain\r\n\r\nPlease see attached.\r\n")
	for _, f := range files {
		fmt.Fprintf(&b, "--=_parts\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n", f.Name, Base64(f.Content))
	}
	b.WriteString("--=_parts--\r\n")
	return b.Bytes()
}
