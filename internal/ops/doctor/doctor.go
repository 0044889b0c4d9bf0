// Package doctor examines an installation of Tallyman and reports what to fix: its
// storage, its workers, the limits of the machine, and the service as callers reach
// it through proxies.
//
// It can run beside servers. It changes nothing of theirs, takes no lock, upgrades no
// schema and sweeps nothing. What it must write for a check, it writes under a fresh
// name and removes: a file in the data directory and in a watched folder, an object in the
// bucket, a session called doctor-… at the service.
package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"tallyman/internal/blob/stores"
	"tallyman/internal/fault"
	"tallyman/internal/mailbox"
)

// Verdict is how serious a finding is.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"   // as it should be
	Warn Verdict = "warn" // it works, but operators should know
	Fail Verdict = "fail" // it must be fixed
)

// Finding is what a check found.
type Finding struct {
	// Check names what was checked, such as "data directory".
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Found describes the state in a sentence without a full stop.
	Found string `json:"found"`
	// Advice says what to do, "" if there is nothing to do.
	Advice string `json:"advice,omitempty"`
}

// String returns the finding in one line.
func (f Finding) String() string {
	s := f.Found
	if f.Advice != "" {
		s += " — " + f.Advice
	}
	return fmt.Sprintf("%-4s  %s: %s", f.Verdict, f.Check, s)
}

// Config says what to examine: the options of the server's command.
type Config struct {
	// Program describes the program, as its version command does, and Version is the
	// version that its servers report.
	Program, Version string

	// Data is the data directory. It holds no sessions if Store is set.
	Data string
	// Store is the address of a PostgreSQL database, "" for none, and Where the same
	// for people, without secrets.
	Store, Where string
	// Blobs is the place of the contents, nil for "contents" in the data directory.
	Blobs *stores.Address
	// Connections is the largest number of connections that a server opens to
	// PostgreSQL, Replicas the number of servers.
	Connections, Replicas int
	// Cache is the folder of compiled code.
	Cache string

	// Workers is the number of the server's worker processes, 0 for one per
	// processor, and Memory the limit of each, in bytes.
	Workers int
	Memory  int64
	// Tesseract is the second reader of scans, as tesseract.Find takes it.
	Tesseract string
	// Upload is the largest body that the server accepts, in bytes, and Queue the
	// number of uploads that may wait.
	Upload int64
	Queue  int
	// Clients is the number of connections that the server serves at once.
	Clients int

	// Watched are the folders that are watched for files.
	Watched []string
	// Webhooks are the hosts to which events may go, and PublicURL is the address in their links.
	Webhooks  []string
	PublicURL string
	// Mailboxes are the mailboxes whose mails are worked on.
	Mailboxes []mailbox.Config

	// URL is the URL of the service for callers, "" to skip its checks, and Key the
	// API key to use.
	URL, Key string
	// Deep makes the doctor read every content and compare it with what was stored.
	Deep bool
	// Scratch is a folder for copies, "" for the system's temporary one.
	Scratch string

	// waits are the timeouts of tests, nil for the usual ones.
	waits *waits
}

// doctor is one examination.
type doctor struct {
	Config
	tell     func(Finding)
	findings []Finding
	waits
	// pid is the server that uses the data directory, 0 if none is visible.
	pid int
}

// waits are the doctor's timeouts for the service.
type waits struct {
	answer time.Duration // to a small request
	event  time.Duration // that is sent at once
	upload time.Duration // of the largest body
}

var usual = waits{answer: 15 * time.Second, event: 10 * time.Second, upload: 5 * time.Minute}

// Examine makes all checks that apply to an installation, one after the other. tell,
// if not nil, receives each finding at once.
//
// What cannot be examined is a finding too. Examine ends early only with ctx.
func Examine(ctx context.Context, c Config, tell func(Finding)) []Finding {
	c.Scratch = cmp.Or(c.Scratch, os.TempDir())
	c.Workers = cmp.Or(c.Workers, runtime.NumCPU())
	d := &doctor{Config: c, tell: tell, waits: usual}
	if c.waits != nil {
		d.waits = *c.waits
	}
	d.ok("program", "%s", c.Program)
	checks := []func(context.Context){d.directory, d.users, d.keys, d.sessions}
	if c.Store != "" {
		checks = []func(context.Context){d.database}
	}
	checks = append(checks, d.temporary, d.limits, d.reading, d.folders, d.allowed, d.mailboxes)
	if c.URL != "" {
		checks = append(checks, d.service)
	}
	for _, check := range checks {
		if ctx.Err() != nil {
			break
		}
		check(ctx)
	}
	return d.findings
}

func (d *doctor) found(f Finding) {
	d.findings = append(d.findings, f)
	if d.tell != nil {
		d.tell(f)
	}
}

func (d *doctor) ok(check, format string, args ...any) {
	d.found(Finding{Check: check, Verdict: OK, Found: fmt.Sprintf(format, args...)})
}

// warn reports a finding that operators should know. The advice follows " — " in the
// format.
func (d *doctor) warn(check, format string, args ...any) { d.bad(Warn, check, format, args...) }

// fail reports a finding that must be fixed, likewise.
func (d *doctor) fail(check, format string, args ...any) { d.bad(Fail, check, format, args...) }

func (d *doctor) bad(v Verdict, check, format string, args ...any) {
	found, advice, _ := strings.Cut(format, " — ")
	// Divide the arguments where the format is divided, since an argument may contain a
	// dash.
	n := strings.Count(found, "%") - 2*strings.Count(found, "%%")
	d.found(Finding{Check: check, Verdict: v, Found: fmt.Sprintf(found, args[:n]...), Advice: fmt.Sprintf(advice, args[n:]...)})
}

// because returns an error's message with its cause, since no log shows it here.
func because(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	message := strings.TrimSuffix(f.Message, "; try again later; the server's log says why")
	if f.Err != nil && !strings.Contains(message, f.Err.Error()) {
		message += " (" + f.Err.Error() + ")"
	}
	return message
}

// fresh returns an unused name.
func fresh(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

func brief(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
