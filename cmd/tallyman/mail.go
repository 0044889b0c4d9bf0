package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi"
	"tallyman/internal/keys"
	"tallyman/internal/mailbox"
	"tallyman/internal/session"
)

const mailHelp = `Makes the sheets of what arrives by mail, and answers with them.

Usage: tallyman mail --imap ADDRESS --smtp ADDRESS --user NAME --from SENDER [--password-file FILE | --token-command COMMAND] [--once] [OPTION …]

  tallyman mail --imap imaps://imap.example.com --smtp smtps://smtp.example.com \
      --user robot@example.com --password-file /etc/tallyman/password \
      --from ann@shipper.example --from @depot.example

Addresses begin with imaps:// and smtps:// (TLS), imap:// and smtp:// (STARTTLS), or
imap+plain:// and smtp+plain:// (not encrypted, only for this machine or with --plain).
The password is read from --password-file or TALLYMAN_MAIL_PASSWORD; --token-command
prints an OAuth 2 token, and runs again when the server refuses it.

Only mails of senders in --from are worked on, and only they are answered. A sender can
be forged: --trust names the server whose Authentication-Results have to say who it was.

PDFs, pictures and order exports are taken from attachments, also within ZIP archives,
winmail.dat and other mails. Bills and exports in one mail belong together; else those of
one sender or thread that have bills in common, which wait for each other for --wait.
The answer has the sheet and the list of what needs a person's eye, or the reason why
there is none. Then the mail is moved to the folder Done or Failed. Each mail is answered
once, by its Message-ID, however the program ends; if it ends while an answer is being
sent, the same answer may come twice.

Exit codes: 0 it was told to end, or with --once nothing is left to do; 1 the mailbox
cannot be used.
`

// mailOptions are those of a mailbox.
type mailOptions struct {
	imap, smtp, user, passwordFile, tokenCommand, ca string
	plain                                            bool
	address, trust                                   string
	from                                             []string
	folder, done, failed, others, sent, state        string
	wait, every                                      time.Duration
	largest                                          int64 // MB
	hourly                                           int
	formats                                          []string

	password string // from the environment
}

func (o *mailOptions) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.imap, "imap", "", "fetch mails from the server at this `ADDRESS`: imaps://HOST[:PORT]")
	flags.StringVar(&o.smtp, "smtp", "", "send answers through the server at this `ADDRESS`: smtps://HOST[:PORT]")
	flags.StringVar(&o.user, "user", "", "sign in to both as `NAME`")
	flags.StringVar(&o.passwordFile, "password-file", "", "read the password from `FILE` (default: TALLYMAN_MAIL_PASSWORD)")
	flags.StringVar(&o.tokenCommand, "token-command", "", "sign in with the OAuth 2 token that this `COMMAND` of the shell prints")
	flags.StringVar(&o.ca, "ca", "", "also trust the authorities in the PEM file `FILE`")
	flags.BoolVar(&o.plain, "plain", false, "allow connections to other machines that are not encrypted")
	flags.StringSliceVar(&o.from, "from", nil, "work on mails of this `SENDER`, an address or a domain as in @example.com; can be repeated")
	flags.StringVar(&o.trust, "trust", "", "believe a sender only if the Authentication-Results of `SERVER` do")
	flags.StringVar(&o.address, "address", "", "answer as `ADDRESS` (default: --user)")
	flags.StringVar(&o.folder, "folder", "INBOX", "look for mails in this `FOLDER`")
	flags.StringVar(&o.done, "done", "Done", "move mails with a sheet to this `FOLDER`")
	flags.StringVar(&o.failed, "failed", "Failed", "move the others to this `FOLDER`")
	flags.StringVar(&o.others, "others", "", "move mails that are not worked on to this `FOLDER` (default: leave them alone)")
	flags.StringVar(&o.sent, "sent", "", "keep copies of answers in this `FOLDER`, and do not send again what lies there")
	flags.StringVar(&o.state, "state", "", "remember in this `DIR` what was done (default: mail/USER@HOST in the data directory)")
	flags.DurationVar(&o.wait, "wait", 10*time.Minute, "let bills and order exports of different mails wait for each other for this `TIME`; 0 for not at all")
	flags.DurationVar(&o.every, "every", time.Minute, "look into the mailbox at least every so much `TIME`; servers with IDLE tell of mails before")
	flags.Int64Var(&o.largest, "max-mail", 64, "take mails of at most so many `MB`")
	flags.IntVar(&o.hourly, "hourly", 60, "send one sender at most `N` answers an hour; others wait")
	flags.StringSliceVar(&o.formats, "format", []string{"xlsx"}, "attach sheets as xlsx, csv, json or ebol; several are separated by commas")
}

// config returns the settings of the mailbox, apart from who reads. Without --state, what was
// done is remembered below data.
func (o *mailOptions) config(flags *pflag.FlagSet, data string) (c mailbox.Config, err error) {
	for _, name := range []string{"imap", "smtp", "user"} {
		if flags.Lookup(name).Value.String() == "" {
			return c, misuse(flags, "--imap, --smtp and --user are needed, and --%s is missing", name)
		}
	}
	if o.wait < 0 || o.every <= 0 || o.largest < 1 || o.largest > 4095 || o.hourly < 1 {
		return c, misuse(flags, "--every must be longer than 0, --wait must not be less, --max-mail must be from 1 to 4095 (MB), and --hourly 1 or more")
	}
	c = mailbox.Config{
		Login: mailbox.Login{User: o.user}, Address: cmp.Or(o.address, o.user), Senders: o.from, Trusted: o.trust,
		Folder: o.folder, Done: o.done, Failed: o.failed, Others: o.others, Sent: o.sent,
		Wait: orNone(o.wait), Every: o.every, Largest: o.largest << 20, Hourly: o.hourly, List: listAll,
	}
	if c.IMAP, err = mailbox.ParseServer("imap", o.imap); err != nil {
		return c, err
	}
	if c.SMTP, err = mailbox.ParseServer("smtp", o.smtp); err != nil {
		return c, err
	}
	c.State = cmp.Or(o.state, filepath.Join(data, "mail", url.PathEscape(o.user+"@"+c.IMAP.Host)))
	for _, s := range []mailbox.Server{c.IMAP, c.SMTP} {
		if s.Security == mailbox.Plain && !s.Loopback() && !o.plain {
			return c, misuse(flags, "%s is another machine: everybody on the way could read the password and the mails; use TLS, or say --plain", s.Host)
		}
	}
	switch {
	case o.passwordFile != "" && o.tokenCommand != "":
		return c, misuse(flags, "give --password-file or --token-command, not both")
	case o.tokenCommand != "":
		c.Login.Token = mailbox.TokenCommand(o.tokenCommand)
	case o.passwordFile != "":
		c.Login.Password = mailbox.PasswordFile(o.passwordFile)
	case o.password != "":
		c.Login.Password = func() (string, error) { return o.password, nil }
	default:
		return c, misuse(flags, "there is no password: give --password-file, TALLYMAN_MAIL_PASSWORD or --token-command")
	}
	if o.ca != "" {
		pem, err := os.ReadFile(o.ca)
		if err != nil {
			return c, fault.New(fault.Unreadable, "the authorities cannot be read: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return c, misuse(flags, "%s has no certificates in PEM", o.ca)
		}
		c.TLS = &tls.Config{RootCAs: pool}
	}
	if c.Formats, err = formatsOf(o.formats); err != nil {
		return c, err
	}
	return c, c.Check()
}

func runMail(ctx context.Context, std streams, args []string) (int, error) {
	var o mailOptions
	var sheets attending
	flags := newFlags(std, "mail", mailHelp)
	o.flags(flags)
	flags.StringVar(&sheets.profile, "profile", "", "make the sheets by the settings in `FILE`; see \"tallyman profile --help\"")
	sheets.flags(flags)
	if err := parseWithEnvironment(flags, args); err != nil {
		return exitFailed, err
	}
	o.password = os.Getenv("TALLYMAN_MAIL_PASSWORD")
	switch {
	case flags.NArg() > 0:
		return exitFailed, misuse(flags, "there is no argument %q", flags.Arg(0))
	case sheets.timeout <= 0 || sheets.pageTimeout <= 0:
		return exitFailed, misuse(flags, "--timeout and --page-timeout must be longer than 0, for example 90s")
	}
	if err := sheets.check(flags); err != nil {
		return exitFailed, err
	}
	c, err := o.config(flags, dataDir())
	if err != nil {
		return exitFailed, err
	}
	maker, log, grow, err := sheets.open(ctx, std)
	if err != nil {
		return exitFailed, err
	}
	defer maker.reader.Close()
	c.Maker, c.AtOnce, c.Log, c.Append = maker, sheets.workers, log, grow
	m, err := mailbox.New(c)
	if err != nil {
		return exitFailed, err
	}
	return sheets.attend(ctx, m)
}

// readMailFile reads the settings of a mailbox from a file: lines VARIABLE=value, with the
// variables of "tallyman mail".
func readMailFile(std streams, path, data string) (mailbox.Config, error) {
	o, flags, err := readMailLines(std, path)
	if err != nil {
		return mailbox.Config{}, err
	}
	c, err := o.config(flags, data)
	if err != nil {
		return c, fault.In(path, err)
	}
	return c, nil
}

func readMailLines(std streams, path string) (*mailOptions, *pflag.FlagSet, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fault.New(fault.Unreadable, "the settings of the mailbox cannot be read: %w", err)
	}
	defer f.Close()
	o := &mailOptions{}
	flags := newFlags(std, "mail", mailHelp)
	o.flags(flags)
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		value = strings.Trim(strings.TrimSpace(value), `"`)
		if ok && name == "TALLYMAN_MAIL_PASSWORD" {
			o.password = value
			continue
		}
		flag, ours := strings.CutPrefix(name, "TALLYMAN_")
		flag = strings.ToLower(strings.ReplaceAll(flag, "_", "-"))
		if !ok || !ours || flags.Lookup(flag) == nil {
			return nil, nil, fault.New(fault.BadRequest, "line %d of %s is not VARIABLE=value with a variable of a mailbox, such as TALLYMAN_IMAP", n, path)
		}
		if err := flags.Set(flag, value); err != nil {
			return nil, nil, fault.New(fault.BadRequest, "line %d of %s: %v", n, path, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, nil, fault.New(fault.Unreadable, "the settings of the mailbox cannot be read: %w", err)
	}
	return o, flags, nil
}

// ownedPath parts [KEY=]PATH into the owner and the path. Where there are keys, one of them must
// be named.
func ownedPath(option, at string, known []keys.Key, whose string) (session.Owner, string, error) {
	if len(known) == 0 {
		return session.Local, at, nil
	}
	name, rest, ok := strings.Cut(at, "=")
	if !ok || !hasKey(known, session.Owner(name)) {
		return "", "", fault.New(fault.BadRequest, "--%s %s must name the key whose %s, as in --%s %s=%s", option, at, whose, option, known[0].Name, at)
	}
	return session.Owner(name), rest, nil
}

// withoutKey returns the path of [KEY=]PATH. If there is a file of the whole name, that is the path.
func withoutKey(at string) string {
	if _, err := os.Stat(at); err != nil {
		if _, path, ok := strings.Cut(at, "="); ok {
			return path
		}
	}
	return at
}

// mailboxes returns the mailboxes of the service.
func (o *serveOptions) mailboxes(std streams, work *desk.Desk, api *httpapi.Server, known []keys.Key, log *slog.Logger) (all []*mailbox.Mailbox, err error) {
	for _, at := range o.mails {
		owner, path, err := ownedPath("mail", at, known, "mails these are")
		if err != nil {
			return nil, err
		}
		c, err := readMailFile(std, path, o.storage.data)
		if err != nil {
			return nil, err
		}
		c.Maker, c.AtOnce, c.Log = &deskMaker{work, api.Turn, owner}, max(1, o.workers/2), log.With("owner", string(owner))
		m, err := mailbox.New(c)
		if err != nil {
			return nil, fault.In(path, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// mailConfigs are the settings of the mailboxes of --mail, for the doctor.
func (o *serveOptions) mailConfigs(std streams) (all []mailbox.Config, err error) {
	for _, at := range o.mails {
		c, err := readMailFile(std, withoutKey(at), o.storage.data)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}
