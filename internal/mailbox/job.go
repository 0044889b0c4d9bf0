package mailbox

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/mailbox/unwrap"
	"tallyman/internal/pairing"
	"tallyman/internal/text"
)

type content = pairing.Paper[*letter]

// job is what is to be done with some letters.
type job struct {
	*pairing.Job[*letter]

	toCheck int
	sheets  []string // their names
	replies []*reply
}

// The files in the folder of a job: answers, and to whom they go.
const (
	repliesName = "to.json"
	answerEnd   = ".eml"
)

func answerFile(key pairing.Sum) string { return hex.EncodeToString(key[:]) + answerEnd }

var errJournal = errors.New("the journal cannot be written")

// runAll does jobs, several at once. It fails if the journal does.
func (m *Mailbox) runAll(ctx context.Context, jobs []*job) error {
	for i, err := range pairing.Each(ctx, jobs, m.c.AtOnce, func(jb *job) error { return m.run(ctx, jb) }) {
		jb := jobs[i]
		switch {
		case err == nil:
			m.decided(jb)
		case errors.Is(err, errJournal):
			return err
		case ctx.Err() != nil:
		case pairing.Later(err):
			m.failed("a sheet cannot be made now", err)
		case jb.BOL != nil:
			// The papers were read before one by one, but make no sheet together.
			jb.BOL.From[0].fault = err
		default:
			m.failed("an answer cannot be written", err)
		}
	}
	return nil
}

// run makes the sheet and the answers of a job, and decides its outcome: wholly, or not at all.
func (m *Mailbox) run(ctx context.Context, jb *job) (err error) {
	r := jb.Record(time.Now())
	r.To = "the answer to “" + jb.Take[0].From[0].subject + "”"
	dir := m.own("jobs", r.Job)
	made := filepath.Join(dir, "made")
	committed := false
	defer func() {
		if !committed && !errors.Is(err, errJournal) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	for _, d := range []string{dir, made} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return atomicfile.Unwritable(d, err)
		}
	}
	m.at("begun")
	to := map[string]string{}
	var files []string
	if jb.BOL != nil && jb.Outcome == pairing.Done {
		if files, err = m.make(ctx, jb, made); err != nil {
			return err
		}
		m.at("made")
	}
	for _, c := range jb.Take {
		l := c.From[0]
		said, attached := m.say(jb, l), files
		if c != jb.BOL {
			attached = nil
		}
		name := answerFile(l.key)
		if err := m.c.answer(filepath.Join(dir, name), l, said, made, attached); err != nil {
			return err
		}
		to[name] = l.from
		r.Files = append(r.Files, pairing.Named{Name: l.id, Sum: l.key})
		jb.replies = append(jb.replies, &reply{key: l.key, to: l.from, path: filepath.Join(dir, name)})
	}
	b, err := json.Marshal(to)
	if err != nil {
		return err
	}
	if err := atomicfile.WritePrivate(filepath.Join(dir, repliesName), b); err != nil {
		return err
	}
	if err := os.RemoveAll(made); err != nil {
		return atomicfile.Unwritable(made, err)
	}
	for _, d := range []string{dir, m.own("jobs")} {
		if err := atomicfile.SyncDir(d); err != nil {
			return atomicfile.Unwritable(d, err)
		}
	}
	m.at("written")
	if err := m.addLine(r); err != nil {
		return err
	}
	committed = true
	m.at("decided")
	return nil
}

// addLine writes a line of the journal. It fails with errJournal.
func (m *Mailbox) addLine(r pairing.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.journal.Add(r); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}

// make makes the sheet of a job, and returns the names of its files: the list first.
func (m *Mailbox) make(ctx context.Context, jb *job, dir string) (files []string, err error) {
	var opened []*os.File
	defer func() {
		for _, f := range opened {
			f.Close()
		}
	}()
	open := func(papers []*paper) (all []intake.File, err error) {
		for _, p := range papers {
			f, err := os.Open(p.Path)
			if err != nil {
				return nil, atomicfile.Unwritable(p.Path, err)
			}
			opened = append(opened, f)
			all = append(all, intake.File{Name: p.Name, ReaderAt: f, Size: p.Size})
		}
		return all, nil
	}
	l := jb.BOL.From[0]
	papers := l.of(pairing.BOL)
	orders := l.of(pairing.Orders)
	for _, x := range jb.With {
		orders = append(orders, x.From[0].of(pairing.Orders)...)
	}
	bills, err := open(papers)
	if err != nil {
		return nil, err
	}
	exports, err := open(orders)
	if err != nil {
		return nil, err
	}
	s, err := m.c.Maker.Make(ctx, bills, exports)
	if err != nil {
		return nil, err
	}
	jb.toCheck = pairing.ToCheck(s)
	results := pairing.Results{Dir: dir, Name: pairing.Stem(papers[0].Name), Taken: map[string]bool{}}
	list, sheets, err := results.Sheet(s, m.c.Formats, m.c.List, nil)
	if err != nil {
		return nil, err
	}
	jb.sheets = sheets
	if m.c.Append != nil {
		if err := m.c.Append(ctx, s); err != nil {
			return nil, err
		}
	}
	return append([]string{list}, sheets...), nil
}

// say returns the lines of an answer to a letter of a job.
func (m *Mailbox) say(jb *job, l *letter) (said []string) {
	add := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	switch {
	case jb.Outcome == pairing.Failed:
		add("No sheet was made. %s", fault.Sentence(upper(jb.Why)))
	case jb.BOL != nil && jb.BOL.From[0] == l:
		add("The load sheet is attached: %s.", text.List(jb.sheets, 9, text.Itself))
	case jb.BOL != nil:
		add("The order export of this mail was used for the sheet that was sent in answer to “%s”.", jb.BOL.From[0].subject)
	default:
		add("%s", upper(jb.Why))
	}
	if jb.BOL != nil && jb.BOL.From[0] == l || jb.Outcome == pairing.Failed {
		for _, p := range l.papers {
			switch {
			case p.fault != nil && p.Inline:
				add("Not used: %s", p.Name)
			case p.fault != nil:
				add("Not read: %s. %s", p.Name, upper(pairing.Reason(p.fault)))
			case p.role == pairing.BOL:
				add("Bills of lading: %s", p.Name)
			case p.read:
				add("Order export: %s", p.Name)
			}
		}
		for _, x := range jb.With {
			for _, p := range x.From[0].of(pairing.Orders) {
				add("Order export: %s, of the mail “%s”", p.Name, x.From[0].subject)
			}
		}
		for _, n := range l.notes {
			add("Not read: %s", n)
		}
	}
	if jb.BOL != nil && jb.BOL.From[0] == l && len(jb.With)+len(l.of(pairing.Orders)) == 0 {
		if len(l.unread())+len(l.notes) > 0 {
			add("No order export could be read: the sheet is made without orders.")
		} else {
			add("No order export with these bills came within %v: the sheet is made without orders.", max(m.c.Wait, 0))
		}
	}
	return said
}

// upper begins a sentence with a capital letter.
func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// decided takes up the answers of a job, and logs its outcome.
func (m *Mailbox) decided(jb *job) {
	var ids []string
	for _, c := range jb.Take {
		l := c.From[0]
		ids = append(ids, l.id)
		m.forget(l)
		m.counts[jb.Outcome]++
	}
	m.pending = append(m.pending, jb.replies...)
	log := m.c.Log.With("mails", ids, "from", jb.Take[0].From[0].from)
	switch {
	case jb.Outcome == pairing.Failed:
		jb.LogFailure(log)
	case jb.BOL == nil:
		log.Info("done", "note", jb.Why)
	default:
		log.Info("done", "bills", len(jb.BOL.Numbers), "orders", len(jb.With)+len(jb.BOL.From[0].of(pairing.Orders)), "to_check", jb.toCheck)
	}
}

// send sends the answers that are written.
func (m *Mailbox) send(ctx context.Context) error {
	var p *post
	defer func() {
		if p != nil {
			p.close()
		}
	}()
	var left []*reply
	var failed error
	for i, r := range m.pending {
		if failed == nil {
			failed = ctx.Err()
		}
		if failed != nil {
			left = append(left, m.pending[i:]...)
			break
		}
		if m.journal.SentTo(r.to, time.Now().Add(-time.Hour)) >= m.c.Hourly {
			if !r.held {
				r.held = true
				m.c.Log.Warn("an answer waits, since its sender got as many in this hour as are allowed", "to", r.to, "allowed", m.c.Hourly)
			}
			left = append(left, r)
			continue
		}
		var err error
		if p, err = m.sendOne(ctx, p, r); err != nil {
			failed = err
			left = append(left, r)
		}
	}
	m.pending = left
	return failed
}

// sendOne sends an answer over a connection, which it makes if there is none.
func (m *Mailbox) sendOne(ctx context.Context, p *post, r *reply) (*post, error) {
	id := m.c.answerID(r.key)
	_, maybe := m.journal.Sent(r.key)
	inSent := false
	if m.c.Sent != "" && maybe {
		var err error
		if inSent, err = m.box.has(ctx, m.c.Sent, id); err != nil {
			return p, err
		}
	}
	f, err := os.Open(r.path)
	if err != nil {
		return p, fault.New(fault.Unwritable, "an answer cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return p, fault.New(fault.Unwritable, "an answer cannot be read: %w", err)
	}
	done := pairing.Record{Sent: &r.key, Sender: r.to}
	if !inSent {
		if p == nil {
			if p, err = openPost(ctx, &m.c); err != nil {
				return nil, err
			}
		}
		if !maybe {
			if err := m.addLine(pairing.Record{At: time.Now(), Sending: &r.key}); err != nil {
				return p, err
			}
		}
		m.at("sending")
		err = p.send(ctx, r.to, f, info.Size())
		m.at("sent")
		var no *errRefused
		switch {
		case errors.As(err, &no):
			m.c.Log.Warn("the answer was refused", "answer", id, "to", r.to, "reason", no.reason)
			done.Outcome = pairing.Failed
			p.close()
			p = nil // what the server expects now is not known
		case err != nil:
			p.close()
			return nil, err
		}
	}
	if m.c.Sent != "" && !inSent && done.Outcome == "" {
		if err := m.keep(ctx, id, f, info.Size()); err != nil {
			// The answer is on its way; only the copy is missing.
			m.c.Log.Warn("the copy of an answer cannot be kept", "answer", id, "folder", m.c.Sent, "error", err)
		}
	}
	done.At = time.Now()
	if err := m.addLine(done); err != nil {
		return p, err
	}
	m.at("noted")
	if done.Outcome == "" {
		m.c.Log.Info("answered", "answer", id, "to", r.to)
	}
	if err := m.remove(r); err != nil {
		m.c.Log.Warn("an answer that was sent cannot be removed; the next start tries it again", "answer", id, "error", err)
	}
	return p, nil
}

// remove removes an answer that was sent, and with the last one of its job the job's folder.
func (m *Mailbox) remove(r *reply) error {
	if err := os.Remove(r.path); err != nil {
		return err
	}
	dir := filepath.Dir(r.path)
	left, err := os.ReadDir(dir)
	if err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), answerEnd) }) {
		return err
	}
	if err := os.Remove(filepath.Join(dir, repliesName)); err != nil {
		return err
	}
	m.at("emptied")
	return os.RemoveAll(dir)
}

// keep puts a copy of an answer into the folder of sent mails, unless the server has done so.
func (m *Mailbox) keep(ctx context.Context, id string, f *os.File, size int64) error {
	there, err := m.box.has(ctx, m.c.Sent, id)
	if err != nil || there {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return m.box.keep(ctx, m.c.Sent, f, size)
}

// putAway moves the mails whose answers were sent, and those that are left alone if there is a
// folder for them.
func (m *Mailbox) putAway(ctx context.Context) error {
	for uid, mail := range m.mails {
		if mail.no != "" {
			if m.c.Others == "" {
				continue
			}
			if err := m.box.putAway(ctx, uid, mail.id, m.c.Others); err != nil {
				return err
			}
			delete(m.mails, uid)
			continue
		}
		outcome := m.journal.Outcome(mail.key)
		if sent, _ := m.journal.Sent(mail.key); outcome == "" || !sent {
			continue
		}
		folder := m.c.Done
		if outcome == pairing.Failed {
			folder = m.c.Failed
		}
		if err := m.box.putAway(ctx, uid, mail.id, folder, imap.FlagSeen, imap.FlagAnswered); err != nil {
			return err
		}
		m.at("moved")
		if m.put[mail.key] {
			m.counts[pairing.Again]++
			m.c.Log.Info("done before", "mail", mail.id, "from", mail.from)
		}
		m.put[mail.key] = true
		delete(m.mails, uid)
		if l := m.letters[mail.key]; l != nil {
			m.forget(l)
			delete(m.letters, mail.key)
		}
	}
	return nil
}

// hashBody adds to a hash what follows the header of a mail.
func hashBody(h hash.Hash, r io.Reader) error {
	b := bufio.NewReader(r)
	if _, err := unwrap.Header(b, 1<<20); err != nil && fault.CodeOf(err) == fault.Internal {
		return err
	}
	_, err := io.Copy(h, b)
	return err
}
