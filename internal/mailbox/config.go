// Package mailbox makes the sheets of papers that arrive by mail, and answers with them
// (DESIGN.md §14). Which papers belong together, and what came of them, is decided by package
// pairing, as it is for folders.
//
// A mail has one outcome and one answer, by its Message-ID and sender, or by its content if it
// has no Message-ID. What an operator may find in the state directory: mailbox, which says whose
// state it is; lock, which keeps two processes from one mailbox; journal, which remembers
// outcomes; jobs, with answers that are not sent yet; mails, with the files of mails that wait.
//
// Answers are written down before they are sent: first all of them, then a line of the journal
// that decides the outcome, then a line before each is sent and one after. If the program, the
// machine or the connection dies between these two lines, nobody knows whether the server took
// the answer, and it is sent again: the same bytes, with the same Message-ID, which is made of
// that of the question. With Config.Sent, an answer that lies there counts as sent. Only then is
// the mail moved to its last folder, which can be done again without harm.
package mailbox

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/mailbox/unwrap"
	"tallyman/internal/pairing"
	"tallyman/internal/sheet"
)

// The codes of mailboxes.
const (
	// InUse is the code of a state directory that another process uses.
	InUse fault.Code = "mailbox_in_use"
	// Unreachable is the code of a server that does not do now what it is asked for.
	Unreachable fault.Code = "mail_unreachable"
	// Refused is the code of a server that refuses the login, or is not the one that it
	// should be.
	Refused fault.Code = "mail_refused"
	// NoPapers is the code of a mail without anything that could be read.
	NoPapers fault.Code = "no_papers"
)

// Security is how a connection is encrypted.
type Security int

// The kinds of security.
const (
	Implicit Security = iota // TLS from the first byte
	StartTLS                 // TLS before anything is said
	Plain                    // none
)

// Server is the address of a server.
type Server struct {
	Host, Port string
	Security   Security
}

// ParseServer reads the address of a server for a protocol (imap or smtp): imaps://HOST for TLS,
// imap://HOST for STARTTLS, imap+plain://HOST for none, each with a :PORT unless it is the usual
// one. It fails with fault.BadRequest.
func ParseServer(protocol, address string) (s Server, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return s, fault.New(fault.BadRequest, "%s is not an address of a server, such as %ss://%s.example.com", shown(address), protocol, protocol)
	}
	ports := map[string][3]string{"imap": {"993", "143", "143"}, "smtp": {"465", "587", "25"}}[protocol]
	security, known := map[string]Security{protocol + "s": Implicit, protocol: StartTLS, protocol + "+plain": Plain}[u.Scheme]
	if !known {
		return s, fault.New(fault.BadRequest, "%s must begin with %ss:// (TLS), %s:// (STARTTLS) or %s+plain:// (not encrypted)", shown(address), protocol, protocol, protocol)
	}
	return Server{Host: u.Hostname(), Port: cmp.Or(u.Port(), ports[security]), Security: security}, nil
}

// shown is a text of others as it can stand in a message.
func shown(s string) string { return pairing.Clean(pairing.Shorten(s, 200)) }

// Loopback reports whether a server is on this machine, by its address.
func (s Server) Loopback() bool {
	return s.Host == "localhost" || net.ParseIP(s.Host).IsLoopback()
}

// Login says how to sign in to the servers.
type Login struct {
	User string
	// Password returns the password, and Token an OAuth 2 token, a new one if fresh. One of
	// them is nil.
	Password func() (string, error)
	Token    func(ctx context.Context, fresh bool) (string, error)
}

// PasswordFile returns a password that is read from a file for each login, so that it can be
// changed.
func PasswordFile(path string) func() (string, error) {
	return func() (string, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fault.New(fault.Unreadable, "the password in %s cannot be read: %w", path, err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
}

// TokenCommand returns tokens that a command of the shell prints. It runs again when a fresh one
// is asked for.
func TokenCommand(command string) func(context.Context, bool) (string, error) {
	var mu sync.Mutex
	var token string
	return func(ctx context.Context, fresh bool) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if token != "" && !fresh {
			return token, nil
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
		cmd.Stderr = os.Stderr // for whoever set it up
		cmd.WaitDelay = time.Second
		out, err := cmd.Output()
		if err != nil {
			return "", fault.New(Refused, "the command for tokens fails: %w", err)
		}
		if token = strings.TrimSpace(string(out)); token == "" || strings.ContainsAny(token, " \r\n\x01") {
			token = ""
			return "", fault.New(Refused, "the command for tokens must print a token and nothing else")
		}
		return token, nil
	}
}

// Config says which mailbox to work on, and how. IMAP, SMTP, Login, Address, Senders, State,
// Maker and List are required; another field that is zero means its default.
type Config struct {
	IMAP, SMTP Server
	Login      Login
	// TLS has what to trust; nil for the machine's authorities.
	TLS *tls.Config
	// Address is the sender of answers.
	Address string
	// Senders are the addresses, and as @example.com the domains, whose mails are worked on.
	Senders []string
	// Trusted, if not "", is the server (authserv-id) whose Authentication-Results must say
	// that a mail really comes from its sender.
	Trusted string

	// Folder is looked at, by default INBOX. Done and Failed are where mails end, by default
	// the folders Done and Failed. Others, if not "", is where mails of other senders are
	// moved; else they are left alone. Sent, if not "", gets copies of answers.
	Folder, Done, Failed, Others, Sent string

	// State is the state directory.
	State string

	Maker pairing.Maker
	// List writes what was read and what needs a person's eye, for people.
	List func(io.Writer, *sheet.Sheet)
	// Formats are those of the sheets, by default XLSX.
	Formats []sheet.Format
	// Append, if not nil, adds a sheet to a growing file. After a crash it can be called
	// again with the same sheet.
	Append func(context.Context, *sheet.Sheet) error

	// Every is the longest pause between two looks, by default 1 minute: a server with IDLE
	// tells of new mails before.
	Every time.Duration
	// Wait is how long a mail with bills alone waits for one with their order export, and
	// the other way round, by default 10 minutes. Negative means not at all.
	Wait time.Duration
	// AtOnce is how many mails are read at once, by default 1.
	AtOnce int
	// Largest is the size of the largest mail, by default 64 MiB.
	Largest int64
	// Hourly is how many answers one sender gets in an hour, by default 60; others wait.
	Hourly int
	// Limits bound what is taken out of a mail, by default unwrap.Usual.
	Limits unwrap.Limits
	// Patience bounds how long a server may take for one command, by default 1 minute, and
	// ten times as much for a mail.
	Patience time.Duration
	// Log gets a line for each outcome; nil for none.
	Log *slog.Logger
}

func (c *Config) defaults() {
	c.Folder = cmp.Or(c.Folder, "INBOX")
	c.Done = cmp.Or(c.Done, "Done")
	c.Failed = cmp.Or(c.Failed, "Failed")
	if len(c.Formats) == 0 {
		c.Formats = []sheet.Format{sheet.XLSX}
	}
	c.Every = cmp.Or(c.Every, time.Minute)
	c.Wait = cmp.Or(c.Wait, 10*time.Minute)
	c.Patience = cmp.Or(c.Patience, time.Minute)
	c.AtOnce = max(c.AtOnce, 1)
	c.Largest = cmp.Or(c.Largest, 64<<20)
	c.Hourly = cmp.Or(c.Hourly, 60)
	c.Limits = cmp.Or(c.Limits, unwrap.Usual)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
}

// Name names the mailbox for people.
func (c *Config) Name() string { return c.Login.User + "@" + c.IMAP.Host + "/" + c.Folder }

// Check refuses what cannot work, with fault.BadRequest.
func (c *Config) Check() error {
	c.defaults()
	if a, err := mail.ParseAddress(c.Address); err != nil || a.Address != c.Address {
		return fault.New(fault.BadRequest, "%s is not an address to send answers from", shown(c.Address))
	}
	if len(c.Senders) == 0 {
		return fault.New(fault.BadRequest, "say whose mails to work on: addresses, or domains as in @example.com")
	}
	for i, s := range c.Senders {
		s = strings.ToLower(strings.TrimSpace(s))
		if strings.Count(s, "@") != 1 || strings.HasSuffix(s, "@") || strings.ContainsAny(s, " ,<>") {
			return fault.New(fault.BadRequest, "%s is neither an address nor a domain as in @example.com", shown(s))
		}
		c.Senders[i] = s
	}
	folders := []string{c.Folder, c.Done, c.Failed, c.Others, c.Sent}
	for i, f := range folders {
		if j := slices.Index(folders, f); f != "" && j != i {
			return fault.New(fault.BadRequest, "the folder %s is named twice", shown(f))
		}
	}
	return nil
}
