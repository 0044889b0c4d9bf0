package mailbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/mailbox/unwrap"
	"tallyman/internal/pairing"
)

// State is the state of a mailbox.
type State struct {
	Mailbox string
	// Away is true while the mail servers cannot be used.
	Away bool
	// Arriving is how many mails are not read yet, Waiting how many wait for their counterpart,
	// and Answering how many answers are not sent yet.
	Arriving, Waiting, Answering int
	// Outcomes are how many mails had which outcome since the start, Left how many were left
	// alone, and Retries how often something that may work later did not work.
	Outcomes map[pairing.Outcome]int64
	Left     int64
	Retries  int64
}

// Mailbox is a mailbox that is worked on.
type Mailbox struct {
	c Config
	// step, if not nil, is called at each step of a mail, for tests.
	step func(string)

	lock     *flock.Flock
	journal  *pairing.Journal
	mu       sync.Mutex // guards the journal while jobs run
	box      *box
	validity uint32
	mails    map[imap.UID]*message
	letters  map[pairing.Sum]*letter
	pending  []*reply
	listed   bool
	put      map[pairing.Sum]bool // those whose first copy was put away by this process

	state   atomic.Pointer[State]
	told    string // the last trouble that was logged
	failing int    // how often in a row something did not work
	trouble error  // of the last look
	retries atomic.Int64
	counts  map[pairing.Outcome]int64
	left    int64
}

// message is a mail in the folder. Several may be copies of one letter.
type message struct {
	envelope
	uid    imap.UID
	size   int64
	letter *letter // nil while it is not known, or if the mail is left alone
}

// letter is a mail that has no outcome yet.
type letter struct {
	envelope
	seen time.Time
	// before is true if it lay there at the first look.
	before bool

	// What was read. A letter with a fault counts as read.
	dir       string // of its files, "" before it was fetched
	papers    []*paper
	notes     []string // of what could not be taken out of it
	read      bool
	fault     error
	tried     int
	notBefore time.Time
}

// paper is a file of a letter.
type paper struct {
	unwrap.File
	role    pairing.Role
	numbers []string
	read    bool
	fault   error
}

// reply is an answer that is written and not sent yet.
type reply struct {
	key  pairing.Sum
	to   string
	path string
	held bool // it was said that it waits
}

func (m *Mailbox) at(step string) {
	if m.step != nil {
		m.step(step)
	}
}

func (m *Mailbox) own(names ...string) string {
	return filepath.Join(append([]string{m.c.State}, names...)...)
}

// New returns a mailbox. It does nothing before Run. It fails as Config.Check does.
func New(c Config) (*Mailbox, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c.Log = c.Log.With("mailbox", c.Name())
	m := &Mailbox{c: c, counts: map[pairing.Outcome]int64{}, put: map[pairing.Sum]bool{}, letters: map[pairing.Sum]*letter{}}
	m.publishState()
	return m, nil
}

// State returns the state at the last look.
func (m *Mailbox) State() State {
	st := *m.state.Load()
	st.Retries = m.retries.Load()
	return st
}

func (m *Mailbox) publishState() {
	st := State{Mailbox: m.c.Name(), Away: m.box == nil || m.trouble != nil, Answering: len(m.pending), Left: m.left, Outcomes: maps.Clone(m.counts)}
	for _, l := range m.letters {
		switch {
		case !l.read:
			st.Arriving++
		case m.journal != nil && m.journal.Outcome(l.key) == "":
			st.Waiting++
		}
	}
	m.state.Store(&st)
}

// Open takes the state directory, and finishes what an earlier process left there. Run does so
// as well, but keeps trying. It fails with InUse if another process has it, and with
// fault.Unwritable.
func (m *Mailbox) Open() (err error) {
	if m.journal != nil {
		return nil
	}
	if err := atomicfile.MkdirAll(m.own("jobs")); err != nil {
		return atomicfile.Unwritable(m.own("jobs"), err)
	}
	lock := flock.New(m.own("lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	switch ok, err := lock.TryLock(); {
	case err != nil:
		return fault.New(fault.Unwritable, "%s cannot be locked: %w", m.own("lock"), err)
	case !ok:
		return fault.New(InUse, "another process works with %s; stop it, or give each mailbox a directory of its own", m.c.State)
	}
	defer func() {
		if err != nil {
			lock.Unlock()
		}
	}()
	stamp := m.own("mailbox")
	switch whose, err := os.ReadFile(stamp); {
	case errors.Is(err, fs.ErrNotExist):
		if err := atomicfile.WritePrivate(stamp, []byte(m.c.Name()+"\n")); err != nil {
			return err
		}
	case err != nil:
		return fault.New(fault.Unwritable, "%s cannot be read: %w", stamp, err)
	case strings.TrimSpace(string(whose)) != m.c.Name():
		return fault.New(fault.Unwritable, "%s is the state of the mailbox %s; give %s a directory of its own", m.c.State, shown(strings.TrimSpace(string(whose))), m.c.Name())
	}
	// What mails wait with is fetched again.
	if err := os.RemoveAll(m.own("mails")); err != nil {
		return atomicfile.Unwritable(m.own("mails"), err)
	}
	if err := os.Mkdir(m.own("mails"), 0o700); err != nil {
		return atomicfile.Unwritable(m.own("mails"), err)
	}
	j, err := pairing.OpenJournal(m.own("journal"))
	if err != nil {
		return fault.New(fault.Unwritable, "the journal in %s cannot be used: %w", m.c.State, err)
	}
	m.lock, m.journal, m.pending, m.letters = lock, j, nil, map[pairing.Sum]*letter{}
	m.mails, m.listed = nil, false
	if err := m.settle(); err != nil {
		m.release()
		return err
	}
	return nil
}

// settle finds the answers that are not sent yet, and removes what has no outcome.
func (m *Mailbox) settle() error {
	jobs, err := os.ReadDir(m.own("jobs"))
	if err != nil {
		return fault.New(fault.Unwritable, "%s cannot be read: %w", m.own("jobs"), err)
	}
	for _, jb := range jobs {
		dir := m.own("jobs", jb.Name())
		var left []*reply
		for _, f := range m.journal.Jobs()[jb.Name()].Files {
			path := filepath.Join(dir, answerFile(f.Sum))
			if sent, _ := m.journal.Sent(f.Sum); !sent {
				left = append(left, &reply{key: f.Sum, path: path})
			} else if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return atomicfile.Unwritable(path, err)
			}
		}
		if len(left) == 0 { // some of it may be gone already
			if err := os.RemoveAll(dir); err != nil {
				return atomicfile.Unwritable(dir, err)
			}
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, repliesName))
		var to map[string]string
		if err == nil {
			err = json.Unmarshal(b, &to)
		}
		if err != nil {
			return fault.New(fault.Unwritable, "the answers in %s cannot be read: %w", dir, err)
		}
		for _, r := range left {
			r.to = to[answerFile(r.key)]
		}
		m.pending = append(m.pending, left...)
	}
	m.journal.Settled()
	return nil
}

// release gives the state directory back.
func (m *Mailbox) release() {
	if m.journal != nil {
		m.journal.Close()
		m.journal = nil
		m.lock.Unlock()
	}
}

func (m *Mailbox) leave() {
	m.hangUp()
	m.release()
}

func (m *Mailbox) hangUp() {
	if m.box != nil {
		m.box.close()
		m.box = nil
	}
}

// Run works on the mailbox until ctx ends. The servers may come and go meanwhile.
func (m *Mailbox) Run(ctx context.Context) {
	defer m.leave()
	m.c.Log.Info("waiting for mails", "wait", m.c.Wait.String(), "every", m.c.Every.String(), "senders", len(m.c.Senders))
	for ctx.Err() == nil {
		if m.look(ctx) {
			continue
		}
		pause := m.c.Every
		if m.trouble != nil {
			// Less often each time, and not at the same time as others.
			pause = min(5*time.Minute, time.Second<<min(m.failing, 12))
			pause = min(max(pause/2+rand.N(pause/2), time.Millisecond), 10*m.c.Every)
		} else if soon := m.soonest(); soon > 0 && soon < pause {
			pause = soon
		}
		if m.box == nil || m.trouble != nil {
			_ = fault.Pause(ctx, pause)
		} else if err := m.box.wait(ctx, pause); err != nil && ctx.Err() == nil {
			m.lost("the mailbox cannot be watched", err)
		}
	}
}

// soonest is the time until the first mail that waits is over, 0 for none.
func (m *Mailbox) soonest() (soon time.Duration) {
	for _, l := range m.letters {
		if l.read && m.journal.Outcome(l.key) == "" {
			left := max(time.Until(m.journal.Since(l.key, l.seen).Add(max(m.c.Wait, 0))), min(m.c.Every, time.Second))
			if soon == 0 || left < soon {
				soon = left
			}
		}
	}
	return soon
}

// Once works until nothing is left to do but to wait for a counterpart. It fails as Open does,
// with Refused, Unreachable and other codes of what does not work now, and with fault.Cancelled.
func (m *Mailbox) Once(ctx context.Context) error {
	defer m.leave()
	if err := m.Open(); err != nil {
		return err
	}
	for {
		more := m.look(ctx)
		if err := ctx.Err(); err != nil {
			return fault.Ended(err)
		}
		if m.trouble != nil {
			return m.trouble
		}
		if more {
			continue
		}
		later := false
		for _, l := range m.letters {
			later = later || !l.read
		}
		if !later {
			return nil
		}
		_ = fault.Pause(ctx, min(m.c.Every, time.Second))
	}
}

// failed logs what does not work now, once for each text.
func (m *Mailbox) failed(what string, err error) {
	m.retries.Add(1)
	m.trouble = fault.In(what, err)
	m.failing++
	said := what + ": " + err.Error()
	log := m.c.Log.With("error", err)
	if cause := errors.Unwrap(err); cause != nil {
		log = log.With("cause", cause)
	}
	if said != m.told {
		m.told = said
		log.Warn("it will be tried again: " + what)
	}
}

// lost is failed for what the mailbox was asked for. What the connection is good for after an
// error that is not an answer of the server is not known.
func (m *Mailbox) lost(what string, err error) {
	m.failed(what, err)
	if no := (*imap.Error)(nil); !errors.As(err, &no) {
		m.hangUp()
	}
}

// look works through the mailbox once. more is true if there is more to do at once.
func (m *Mailbox) look(ctx context.Context) (more bool) {
	defer m.publishState()
	m.trouble = nil
	more = m.work(ctx)
	if m.trouble == nil && ctx.Err() == nil {
		m.failing = 0
		if m.told != "" {
			m.told = ""
			m.c.Log.Info("the mailbox can be used again")
		}
	}
	return more && m.trouble == nil && ctx.Err() == nil
}

func (m *Mailbox) work(ctx context.Context) (more bool) {
	if err := m.Open(); err != nil {
		m.failed("the state cannot be used", err)
		return false
	}
	if m.box == nil {
		b, err := openBox(ctx, &m.c)
		if err != nil {
			m.failed("the mailbox cannot be opened", err)
			return false
		}
		if m.box = b; m.mails == nil || b.validity != m.validity {
			// The numbers of mails mean others now. Letters are known by their keys.
			m.mails, m.validity = map[imap.UID]*message{}, b.validity
		}
	}
	if err := m.list(ctx); err != nil {
		m.lost("the mailbox cannot be listed", err)
		return false
	}
	left, err := m.fetchSome(ctx)
	if err != nil {
		m.lost("a mail cannot be fetched", err)
		return false
	}
	jobs := m.plan(time.Now())
	broken := m.runAll(ctx, jobs)
	if ctx.Err() != nil {
		return false
	}
	if broken == nil {
		broken = m.noteWaiting()
	}
	var unsent error
	if broken == nil {
		if unsent = m.send(ctx); errors.Is(unsent, errJournal) {
			broken = unsent
		}
	}
	if broken != nil {
		m.failed("the journal cannot be written", broken)
		m.leave() // and what is on disk counts
		return false
	}
	if unsent != nil {
		m.failed("answers cannot be sent", unsent)
		select {
		case <-m.box.client.Closed():
			m.hangUp()
			return false
		default: // what was sent is put away
		}
	}
	if err := m.putAway(ctx); err != nil {
		m.lost("a mail cannot be moved", err)
		return false
	}
	return left || len(jobs) > 0
}

// list compares the folder with what is known of it.
func (m *Mailbox) list(ctx context.Context) error {
	uids, err := m.box.uids(ctx)
	if err != nil {
		return err
	}
	there := map[imap.UID]bool{}
	var fresh []imap.UID
	for _, uid := range uids {
		there[uid] = true
		if m.mails[uid] == nil {
			fresh = append(fresh, uid)
		}
	}
	maps.DeleteFunc(m.mails, func(uid imap.UID, _ *message) bool { return !there[uid] })
	now := time.Now()
	for batch := range slices.Chunk(fresh, 100) {
		offers, err := m.box.offers(ctx, batch)
		if err != nil {
			return err
		}
		for _, o := range offers {
			mail := &message{envelope: m.c.read(o.header), uid: o.uid, size: o.size}
			m.mails[o.uid] = mail
			if mail.no != "" {
				m.left++
				m.c.Log.Info("left alone", "mail", mail.id, "from", mail.from, "reason", mail.no)
				continue
			}
			m.known(mail, now)
		}
	}
	m.listed = true
	// Letters that nobody has any more.
	kept := map[*letter]bool{}
	for _, mail := range m.mails {
		kept[mail.letter] = true
	}
	for key, l := range m.letters {
		if !kept[l] {
			m.forget(l)
			delete(m.letters, key)
		}
	}
	return nil
}

// known finds the letter of a mail, unless the mail has its outcome.
func (m *Mailbox) known(mail *message, now time.Time) {
	fresh := &letter{envelope: mail.envelope, seen: now, before: !m.listed}
	if mail.key == (pairing.Sum{}) {
		// Without a Message-ID its content will tell; until then it is one of its own.
		fresh.key = sha256.Sum256(fmt.Appendf(nil, "unread\x00%s\x00%d", now, mail.uid))
	} else if m.journal.Outcome(mail.key) != "" {
		return
	}
	if m.letters[fresh.key] == nil {
		m.letters[fresh.key] = fresh
	}
	mail.letter = m.letters[fresh.key]
}

func (m *Mailbox) forget(l *letter) {
	if l.dir != "" {
		os.RemoveAll(l.dir)
		l.dir = ""
	}
}

// fetchSome fetches and reads some of the letters, and reports whether others are left.
func (m *Mailbox) fetchSome(ctx context.Context) (left bool, err error) {
	now := time.Now()
	var ready []*message
	seen := map[*letter]bool{}
	for _, mail := range m.mails {
		if l := mail.letter; l != nil && !l.read && !seen[l] && !now.Before(l.notBefore) {
			seen[l] = true
			ready = append(ready, mail)
		}
	}
	slices.SortFunc(ready, func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.letter.tried, b.letter.tried), a.letter.seen.Compare(b.letter.seen), cmp.Compare(a.uid, b.uid))
	})
	if most := 4 * m.c.AtOnce; len(ready) > most {
		ready, left = ready[:most], true
	}
	var all errgroup.Group
	all.SetLimit(m.c.AtOnce)
	defer func() { _ = all.Wait() }() // which has no error
	for _, mail := range ready {
		l := mail.letter
		if l.dir == "" {
			again, err := m.fetch(ctx, mail)
			if err != nil {
				l.tried++
				l.notBefore = now.Add(min(time.Duration(l.tried)*m.c.Every, 10*time.Minute))
				return false, err
			}
			if again {
				continue
			}
		}
		if l.read {
			continue
		}
		all.Go(func() error {
			m.readLetter(ctx, l)
			return nil
		})
	}
	return left, nil
}

// fetch fetches a mail and takes its files out. again is true if the mail is a copy of another.
func (m *Mailbox) fetch(ctx context.Context, mail *message) (again bool, err error) {
	l := mail.letter
	dir, err := os.MkdirTemp(m.own("mails"), "")
	if err != nil {
		return false, atomicfile.Unwritable(m.own("mails"), err)
	}
	l.dir = dir
	defer func() {
		if err != nil || again {
			m.forget(l)
		}
	}()
	fail := func(why error) {
		l.read, l.fault = true, why
	}
	tooLarge := func() {
		if mail.key == (pairing.Sum{}) {
			m.rename(mail, sha256.Sum256([]byte("large\x00"+mail.from+"\x00"+mail.subject)))
		}
		fail(fault.New(fault.TooLarge, "the mail is larger than %d MB; send less at once", m.c.Largest>>20))
	}
	if mail.size > m.c.Largest {
		tooLarge()
		return false, nil
	}
	raw := filepath.Join(dir, "mail")
	f, err := os.OpenFile(raw, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, atomicfile.Unwritable(raw, err)
	}
	defer f.Close()
	err = m.box.fetch(ctx, mail.uid, sink{f}, m.c.Largest)
	switch {
	case errors.Is(err, errGone):
		delete(m.mails, mail.uid)
		delete(m.letters, l.key)
		return true, nil
	case errors.Is(err, errLiteral):
		m.hangUp()
		tooLarge()
		return false, m.reopen(ctx)
	case err != nil:
		return false, err
	}
	if mail.key == (pairing.Sum{}) {
		key, err := contentKey(f, mail)
		if err != nil {
			return false, atomicfile.Unwritable(raw, err)
		}
		if known := m.rename(mail, key); known {
			return true, nil
		}
	}
	if _, err := f.Seek(0, 0); err != nil {
		return false, atomicfile.Unwritable(raw, err)
	}
	content, err := unwrap.Mail(ctx, f, dir, m.c.Limits)
	switch {
	case err != nil && (pairing.Later(err) || ctx.Err() != nil):
		return false, err
	case err != nil:
		fail(err)
		return false, nil
	}
	f.Close()
	if err := os.Remove(raw); err != nil {
		return false, atomicfile.Unwritable(raw, err)
	}
	l.papers, l.notes = nil, content.Left
	for _, file := range content.Files {
		l.papers = append(l.papers, &paper{File: file})
	}
	return false, nil
}

// reopen connects again after a connection that had to be closed.
func (m *Mailbox) reopen(ctx context.Context) error {
	b, err := openBox(ctx, &m.c)
	if err != nil {
		return err
	}
	if m.box = b; b.validity != m.validity {
		return errors.New("the numbers of the mails have changed")
	}
	return nil
}

// sink tells errors of the file from those of the connection.
type sink struct{ f *os.File }

func (s sink) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	if err != nil {
		err = fault.New(fault.Unwritable, "a mail cannot be stored: %w", err)
	}
	return n, err
}

// contentKey is the key of a mail without Message-ID: what it says and holds, without the traces
// of its way.
func contentKey(f *os.File, mail *message) (key pairing.Sum, err error) {
	if _, err := f.Seek(0, 0); err != nil {
		return key, err
	}
	h := sha256.New()
	h.Write([]byte("content\x00" + mail.from + "\x00" + mail.subject + "\x00"))
	if err := hashBody(h, f); err != nil {
		return key, err
	}
	h.Sum(key[:0])
	return key, nil
}

// rename gives a mail without Message-ID its key. known is true if it is a copy of another.
func (m *Mailbox) rename(mail *message, key pairing.Sum) (known bool) {
	l := mail.letter
	delete(m.letters, l.key)
	mail.key, l.key = key, key
	switch other := m.letters[key]; {
	case m.journal.Outcome(key) != "":
		mail.letter = nil
		return true
	case other != nil:
		mail.letter = other
		return true
	}
	m.letters[key] = l
	return false
}

// readLetter reads which bills the papers of a letter have.
func (m *Mailbox) readLetter(ctx context.Context, l *letter) {
	for _, p := range l.papers {
		if p.read {
			continue
		}
		err := func() error {
			f, err := os.Open(p.Path)
			if err != nil {
				return atomicfile.Unwritable(p.Path, err)
			}
			defer f.Close()
			p.role, p.numbers, err = pairing.Read(ctx, m.c.Maker, intake.File{Name: p.Name, ReaderAt: f, Size: p.Size})
			return err
		}()
		if err != nil && (ctx.Err() != nil || pairing.Later(err)) {
			m.retries.Add(1)
			l.notBefore = time.Now().Add(min(m.c.Every, 2*time.Second))
			return
		}
		p.read, p.fault = true, err
	}
	l.read = true
}

// of returns the papers of a letter that were read in a role.
func (l *letter) of(role pairing.Role) []*paper {
	return l.without(func(p *paper) bool { return p.fault != nil || p.role != role })
}

// unread returns the papers that could not be read, without those that only decorate a text.
func (l *letter) unread() []*paper {
	return l.without(func(p *paper) bool { return p.fault == nil || p.Inline })
}

func (l *letter) without(others func(*paper) bool) []*paper {
	return slices.DeleteFunc(slices.Clone(l.papers), others)
}

// together reports whether papers of two letters may be joined: mails of one sender, or of one
// thread.
func together(a, b *letter) bool {
	if a.from == b.from {
		return true
	}
	ids := append(a.refs[:len(a.refs):len(a.refs)], a.id)
	return slices.ContainsFunc(append(b.refs[:len(b.refs):len(b.refs)], b.id), func(id string) bool { return id != "" && slices.Contains(ids, id) })
}

// plan decides which jobs can be done now.
func (m *Mailbox) plan(now time.Time) (jobs []*job) {
	quiet, oldest := true, now
	var read []*letter
	for _, l := range m.letters {
		if l.read {
			if m.journal.Outcome(l.key) == "" {
				read = append(read, l)
			}
			continue
		}
		if l.tried > 0 {
			continue // it does not hold up the others for ever
		}
		quiet = false
		since := l.seen
		if l.before {
			since = time.Time{} // it may have come with any of them
		}
		if since.Before(oldest) {
			oldest = since
		}
	}
	slices.SortFunc(read, func(a, b *letter) int {
		return cmp.Or(a.seen.Compare(b.seen), strings.Compare(a.id, b.id))
	})
	var bols, exports []*content
	add := func(jb *pairing.Job[*letter]) { jobs = append(jobs, &job{Job: jb}) }
	for _, l := range read {
		c := &content{Sum: l.key, From: []*letter{l}, Since: m.journal.Since(l.key, l.seen), Fault: l.fault}
		bills, orders := l.of(pairing.BOL), l.of(pairing.Orders)
		failed := len(l.unread())+len(l.notes) > 0
		number := func(all []*paper) {
			for _, p := range all {
				for _, n := range p.numbers {
					if !slices.Contains(c.Numbers, n) {
						c.Numbers = append(c.Numbers, n)
					}
				}
			}
		}
		switch {
		case l.fault != nil:
			add(pairing.Failure(c))
		case len(bills) > 0 && (len(orders) > 0 || failed):
			number(bills)
			add(&pairing.Job[*letter]{Outcome: pairing.Done, BOL: c, Take: []*content{c}})
		case len(bills) > 0:
			number(bills)
			bols = append(bols, c)
		case len(orders) > 0 && !failed:
			number(orders)
			exports = append(exports, c)
		case failed:
			jb := &pairing.Job[*letter]{Outcome: pairing.Failed, Take: []*content{c}, Code: NoPapers, Why: "No bill of lading could be read in the mail."}
			if u := l.unread(); len(u) > 0 {
				jb.Code, jb.Err = fault.CodeOf(u[0].fault), u[0].fault
			}
			add(jb)
		default:
			c.Fault = fault.New(NoPapers, "nothing is attached to the mail that could be read; attach the PDF of the bills of lading and their order export (CSV or Excel)")
			add(pairing.Failure(c))
		}
	}
	for _, jb := range pairing.Plan(bols, exports, m.journal, pairing.Situation[*letter]{
		Now: now, Wait: m.c.Wait, Oldest: oldest, Quiet: quiet, Retry: "Send it again",
		Fits: func(b, x *content) bool { return together(b.From[0], x.From[0]) },
	}) {
		add(jb)
	}
	return jobs
}

// noteWaiting writes into the journal since when letters wait.
func (m *Mailbox) noteWaiting() error {
	there, unread := map[pairing.Sum]time.Time{}, false
	for _, l := range m.letters {
		switch {
		case !l.read:
			unread = true
		case m.journal.Outcome(l.key) == "":
			there[l.key] = l.seen
		default:
			there[l.key] = time.Time{}
		}
	}
	return m.journal.NoteWaiting(there, !unread)
}
