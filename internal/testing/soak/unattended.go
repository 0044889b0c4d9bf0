package soak

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyman/internal/testing/load"
	"tallyman/internal/testing/postoffice"
)

// unattended is what arrives by itself: files in a folder that the server watches, and mails in a
// mailbox that it works on.
type unattended struct {
	s      *Soak
	press  *press
	folder string
	office *postoffice.Office

	dropped map[string][]byte    // contents of files, by name
	mailed  map[string]letter    // by Message-ID
	of      map[string]*Document // by mark
}

// letter is a mail with a document.
type letter struct {
	*Document
	sent time.Time
}

// unattendedEvery is the pause between two arrivals, at most.
const unattendedEvery = time.Second

// newUnattended makes the folder and the mailbox, and tells the server of them.
func newUnattended(s *Soak) (*unattended, error) {
	u := &unattended{s: s, folder: filepath.Join(s.o.Dir, "inbox"), dropped: map[string][]byte{}, mailed: map[string]letter{}, of: map[string]*Document{}}
	var err error
	if u.press, err = newPress('Y', s.o.Seed+888_888, 12); err != nil {
		return nil, err
	}
	// Another run in the same directory begins with an empty folder.
	for _, dir := range []string{u.folder, filepath.Join(s.o.Dir, "mailbox")} {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(u.folder, 0o700); err != nil {
		return nil, err
	}
	if u.office, err = postoffice.Open(postoffice.Options{}); err != nil {
		return nil, err
	}
	settings := filepath.Join(s.o.Dir, "mail")
	lines := []string{
		"TALLYMAN_IMAP=imap+plain://" + u.office.IMAP, "TALLYMAN_SMTP=smtp+plain://" + u.office.SMTP, "TALLYMAN_USER=" + postoffice.User,
		"TALLYMAN_MAIL_PASSWORD=" + postoffice.Password, "TALLYMAN_FROM=@shipper.example", "TALLYMAN_FORMAT=csv", "TALLYMAN_EVERY=2s",
		"TALLYMAN_HOURLY=1000000", "TALLYMAN_STATE=" + filepath.Join(s.o.Dir, "mailbox"),
	}
	if err := os.WriteFile(settings, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	s.server.more = []string{"--watch", u.folder, "--watch-format", "csv", "--watch-wait", "5s", "--mail", settings}
	return u, nil
}

// work has files and mails arrive until the run is over. The gate is held until they have their
// outcome, or for the time in which an answer is due: faults may come between.
func (u *unattended) work(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		u.s.gate.RLock()
		if ctx.Err() == nil {
			if err := u.arrive(ctx, n); err != nil {
				u.s.report.violated(unpromised, "something cannot arrive: %v", err)
			}
		}
		u.s.gate.RUnlock()
		sleep(ctx, unattendedEvery)
	}
}

func (u *unattended) arrive(ctx context.Context, n int) error {
	d := u.press.next()
	u.of[d.Mark] = d
	settled := func() bool { return len(u.left()) == 0 }
	// A file takes some seconds: it must not change over several looks.
	if n%2 == 1 && !u.s.o.brief {
		u.s.report.operation("files into a folder")
		for name, content := range map[string][]byte{d.Mark + ".pdf": d.PDF, d.Mark + "-orders.csv": d.CSV} {
			part := filepath.Join(u.folder, name+".part")
			if err := os.WriteFile(part, content, 0o600); err != nil {
				return err
			}
			if err := os.Rename(part, filepath.Join(u.folder, name)); err != nil {
				return err
			}
			u.dropped[name] = content
		}
	} else {
		u.s.report.operation("a mail")
		id := d.Mark + "@shipper.example"
		u.mailed[id] = letter{d, time.Now()}
		if err := u.office.Deliver("INBOX", postoffice.Compose("ann@shipper.example", id, d.Mark,
			postoffice.Attachment{Name: d.Mark + ".pdf", Content: d.PDF}, postoffice.Attachment{Name: "orders.csv", Content: d.CSV})); err != nil {
			return err
		}
		settled = func() bool { return len(u.office.Folder("INBOX")) == 0 }
	}
	for end := time.Now().Add(u.s.o.Deadline); ctx.Err() == nil && !settled() && time.Now().Before(end); {
		sleep(ctx, 50*time.Millisecond)
	}
	return nil
}

// left are the files that have no outcome yet.
func (u *unattended) left() (names []string) {
	all, err := os.ReadDir(u.folder)
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range all {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}

// finish waits until everything has its outcome, and checks that each has one, and the right one.
func (u *unattended) finish(ctx context.Context) {
	for ctx.Err() == nil && (len(u.left()) > 0 || len(u.office.Folder("INBOX")) > 0) {
		sleep(ctx, 100*time.Millisecond)
	}
	at := map[string][]string{}
	all, err := load.Files(u.folder)
	for _, path := range all {
		name := filepath.Base(path)
		at[name] = append(at[name], path)
	}
	if err != nil {
		u.s.report.violated(unpromised, "the watched folder cannot be read: %v", err)
	}
	bad := u.s.report.violated
	for name, content := range u.dropped {
		if len(at[name]) != 1 {
			bad(lost, "the file %s lies in %q", name, at[name])
			continue
		}
		place := filepath.Dir(at[name][0])
		if b, err := os.ReadFile(at[name][0]); err != nil || !bytes.Equal(b, content) {
			bad(wrong, "the file %s is not what it was (%v)", at[name][0], err)
		}
		kind := filepath.Base(filepath.Dir(place))
		u.s.report.count("files " + kind)
		mark, isBOL := strings.CutSuffix(name, ".pdf")
		if kind != "done" || !isBOL {
			continue
		}
		b, err := os.ReadFile(filepath.Join(place, mark+".csv"))
		if err != nil {
			bad(lost, "%s has no sheet: %v", name, err)
			continue
		}
		// A clock that jumps can end the wait for orders that come by themselves.
		u.judge(name, u.of[mark], b, func() bool { return true })
	}
	outcomes := map[string]int{}
	for _, folder := range []string{"INBOX", "Done", "Failed"} {
		for _, m := range u.office.Folder(folder) {
			id := field(m.Raw, "Message-Id")
			outcomes[id]++
			u.s.report.count("mails in " + folder)
			if folder == "INBOX" {
				bad(lost, "the mail %s has no outcome", id)
			}
		}
	}
	answers := map[string][]byte{}
	for _, a := range u.office.Sent() {
		to := field(a.Raw, "In-Reply-To")
		switch before := answers[to]; {
		case before == nil:
			answers[to] = a.Raw
			if sheet := attachedCSV(a.Raw); sheet != nil {
				u.judge("the mail "+to, u.mailed[to].Document, sheet, u.mailed[to].unread(u.s))
			}
		case !bytes.Equal(before, a.Raw):
			bad(wrong, "the mail %s has two answers", to)
		default:
			u.s.report.count("answers that came twice, as the same mail")
		}
	}
	for id := range u.mailed {
		if outcomes[id] != 1 || answers[id] == nil {
			bad(lost, "the mail %s lies in %d folders, and has an answer: %v", id, outcomes[id], answers[id] != nil)
		}
	}
}

// unread reports whether a rogue worker may have had the orders of a mail: they are refused
// then, and the answer has the sheet of the bills alone.
func (l letter) unread(s *Soak) func() bool {
	return func() bool { return s.trouble.since(rogue, l.sent) && s.trouble.excuse(rogue) }
}

// judge compares a sheet with the one of a document. alone reports whether it may be the
// sheet of the bills alone.
func (u *unattended) judge(of string, d *Document, got []byte, alone func() bool) {
	if d == nil {
		u.s.report.violated(contaminated, "%s has a sheet, and nobody sent it", of)
		return
	}
	bills := []file{{d, ".pdf"}}
	for _, orders := range [][]file{{{d, ".csv"}}, nil} {
		want, err := together(bills, orders)
		if err == nil && sameCSV(got, want) && (orders != nil || alone()) {
			u.s.report.count("unattended sheets compared")
			return
		}
	}
	u.s.report.violated(wrong, "the sheet of %s is %.300q", of, got)
}

func sameCSV(a, b []byte) bool {
	x, err1 := csv.NewReader(bytes.NewReader(a)).ReadAll()
	y, err2 := csv.NewReader(bytes.NewReader(b)).ReadAll()
	return err1 == nil && err2 == nil && slices.EqualFunc(x, y, slices.Equal)
}

func field(raw []byte, name string) string {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err.Error()
	}
	return strings.Trim(m.Header.Get(name), "<>")
}

// attachedCSV returns the sheet that is attached to an answer, nil if there is none.
func attachedCSV(raw []byte) []byte {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return nil
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return nil
		}
		if strings.HasSuffix(p.FileName(), ".csv") {
			b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
			if err != nil {
				return nil
			}
			return b
		}
	}
}
