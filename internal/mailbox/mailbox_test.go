package mailbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"tallyman/internal/fault"
	"tallyman/internal/mailbox/unwrap"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/certificate"
	"tallyman/internal/testing/logged"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pairingtest"
	"tallyman/internal/testing/postoffice"
)

// office is a mailbox of a test.
type office struct {
	*testing.T
	*postoffice.Office
	maker *pairingtest.Maker
	c     Config
	log   *logged.Buffer
}

func newOffice(t *testing.T, o postoffice.Options) *office {
	t.Helper()
	f, err := postoffice.Open(o)
	must.OK(t, err)
	t.Cleanup(f.Close)
	of := &office{T: t, Office: f, maker: &pairingtest.Maker{}, log: &logged.Buffer{}}
	server := func(at string) Server {
		host, port, err := net.SplitHostPort(at)
		must.OK(t, err)
		return Server{Host: host, Port: port, Security: Plain}
	}
	of.c = Config{
		IMAP: server(f.IMAP), SMTP: server(f.SMTP),
		Login:   Login{User: postoffice.User, Password: func() (string, error) { return postoffice.Password, nil }},
		Address: postoffice.User, Senders: []string{"Ann@shipper.example", "@friend.example"},
		State: filepath.Join(t.TempDir(), "state"), Maker: of.maker, List: func(w io.Writer, _ *sheet.Sheet) { fmt.Fprintln(w, "nothing to check") },
		Formats: []sheet.Format{sheet.CSV}, Every: 20 * time.Millisecond, Wait: time.Hour, AtOnce: 2,
		Log: slog.New(slog.NewTextHandler(of.log, nil)),
	}
	return of
}

func (o *office) new() *Mailbox {
	o.Helper()
	m, err := New(o.c)
	must.OK(o, err)
	return m
}

// once works until nothing is left to do.
func (o *office) once() {
	o.Helper()
	if err := o.new().Once(o.Context()); err != nil {
		o.Fatalf("%v\n%s", err, o.log)
	}
}

// until works until done, through whatever goes wrong.
func (o *office) until(what string, done func() bool) {
	o.Helper()
	o.untilBy(o.new(), what, done)
}

func (o *office) untilBy(m *Mailbox, what string, done func() bool) {
	o.Helper()
	ctx, cancel := context.WithCancel(o.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	defer running.Wait()
	defer cancel()
	must.Soon(o, done, "%s: it does not come\n%s", what, o.log)
}

const ann = "Ann <ann@shipper.example>"

func (o *office) deliver(mail []byte) {
	o.Helper()
	must.OK(o, o.Deliver("INBOX", mail))
}

func file(name, content string) postoffice.Attachment {
	return postoffice.Attachment{Name: name, Content: []byte(content)}
}

// ids returns the Message-IDs (or subjects) of the mails of a folder, sorted.
func (o *office) ids(folder string) (ids []string) {
	o.Helper()
	for _, m := range o.Folder(folder) {
		if slices.Contains(m.Flags, imap.FlagDeleted) {
			continue // the server knows no other way to remove it alone
		}
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		must.OK(o, err)
		ids = append(ids, strings.Trim(cmp.Or(parsed.Header.Get("Message-Id"), parsed.Header.Get("Subject")), "<>"))
	}
	slices.Sort(ids)
	return ids
}

func (o *office) has(folder string, want ...string) {
	o.Helper()
	slices.Sort(want)
	if got := o.ids(folder); !slices.Equal(got, want) {
		o.Errorf("%s has %q, want %q\n%s", folder, got, want, o.log)
	}
}

// sent compares the number of answers that were sent.
func (o *office) sent(want int) {
	o.Helper()
	if n := len(o.Sent()); n != want {
		o.Errorf("%d answers were sent, want %d", n, want)
	}
}

// answer is an answer that was sent.
type answer struct {
	mail.Header
	text  string
	files map[string]string
}

// answers returns the answers to a mail, by its Message-ID.
func (o *office) answers(to string) (all []answer) {
	o.Helper()
	for _, s := range o.Sent() {
		m, err := mail.ReadMessage(bytes.NewReader(s.Raw))
		must.OK(o, err)
		if m.Header.Get("In-Reply-To") != "<"+to+">" {
			continue
		}
		dir := o.TempDir()
		content, err := unwrap.Mail(o.Context(), bytes.NewReader(s.Raw), dir, unwrap.Usual)
		if err != nil || len(content.Left) > 0 {
			o.Fatal(content, err)
		}
		a := answer{Header: m.Header, files: map[string]string{}}
		for _, f := range content.Files {
			b, err := os.ReadFile(f.Path)
			must.OK(o, err)
			a.files[f.Name] = string(b)
		}
		_, body, _ := strings.Cut(string(s.Raw), "quoted-printable\r\n")
		_, body, _ = strings.Cut(body, "\r\n\r\n")
		a.text, _, _ = strings.Cut(strings.ReplaceAll(body, "=\r\n", ""), "\r\n--")
		all = append(all, a)
	}
	return all
}

// one returns the only answer to a mail.
func (o *office) one(to string) answer {
	o.Helper()
	all := o.answers(to)
	if len(all) != 1 {
		o.Fatalf("%s has %d answers\n%s", to, len(all), o.log)
	}
	return all[0]
}

func TestAMailIsAnsweredWithItsSheet(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.deliver(postoffice.Compose(ann, "1@x", "Shipment 7", file("bol.pdf", "%PDF- A B"), file("orders.csv", "A B")))
	o.once()
	o.has("INBOX")
	o.has("Failed")
	o.has("Done", "1@x")
	a := o.one("1@x")
	for name, want := range map[string]string{
		"Subject": "Re: Shipment 7", "To": "<ann@shipper.example>", "Auto-Submitted": "auto-replied", "References": "<1@x>",
	} {
		if got := a.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got, want := o.maker.Pairs(), []string{"bol.pdf orders.csv"}; !slices.Equal(got, want) {
		t.Errorf("sheets were made of %q", got)
	}
	if len(a.files) != 2 || a.files["bol.check.txt"] != "nothing to check\n" || !strings.HasPrefix(a.files["bol.csv"], "RTS ID,") {
		t.Errorf("the files are %q", a.files)
	}
	if !strings.Contains(a.text, "bol.csv") || !strings.Contains(a.text, "nothing to check") || strings.Contains(a.text, "without orders") {
		t.Errorf("the text is %q", a.text)
	}
	flags := fmt.Sprint(o.Folder("Done")[0].Flags)
	if !strings.Contains(strings.ToLower(flags), `\seen`) || !strings.Contains(strings.ToLower(flags), `\answered`) {
		t.Errorf("its flags are %s", flags)
	}
	o.once()
	o.one("1@x")
}

func TestMailsOfASenderOrAThreadArePaired(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.deliver(postoffice.Compose(ann, "bills@x", "bills", file("bol.pdf", "%PDF- A")))
	o.deliver(postoffice.Compose("bob@friend.example", "other@x", "orders of somebody else", file("o.csv", "A")))
	o.once()
	o.has("INBOX", "bills@x", "other@x")
	// In the thread of the bills it belongs to them.
	reply := strings.Replace(string(postoffice.Compose("eve@friend.example", "reply@x", "orders", file("orders.csv", "A"))), "MIME-Version", "References: <bills@x>\r\nMIME-Version", 1)
	o.deliver([]byte(reply))
	o.once()
	o.has("INBOX", "other@x")
	o.has("Done", "bills@x", "reply@x")
	if got := o.one("bills@x"); len(got.files) != 2 || !strings.Contains(got.text, "orders.csv") {
		t.Errorf("the answer to the bills: %q %q", got.text, got.files)
	}
	if got := o.one("reply@x"); got.Get("To") != "<eve@friend.example>" || len(got.files) != 0 || !strings.Contains(got.text, "was used for the sheet") {
		t.Errorf("the answer to the orders: %q %q", got.text, got.files)
	}
	// Of one sender, without a thread.
	o.deliver(postoffice.Compose("bob@friend.example", "b2@x", "bills", file("b2.pdf", "%PDF- A")))
	o.once()
	o.has("INBOX")
	o.one("other@x")
	if got := o.maker.Pairs(); !slices.Equal(got, []string{"bol.pdf orders.csv", "b2.pdf o.csv"}) {
		t.Errorf("sheets were made of %q", got)
	}
}

func TestWhatFindsNoCounterpartIsAnsweredAfterTheWait(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.c.Wait = -1
	o.deliver(postoffice.Compose(ann, "bills@x", "bills", file("bol.pdf", "%PDF- A")))
	o.deliver(postoffice.Compose(ann, "orders@x", "orders", file("o.csv", "Z")))
	o.once()
	o.has("Done", "bills@x")
	o.has("Failed", "orders@x")
	if got := o.one("bills@x"); !strings.Contains(got.text, "without orders") || len(got.files) != 2 {
		t.Errorf("the answer: %q", got.text)
	}
	if got := o.one("orders@x"); !strings.Contains(got.text, "No bills of lading with the bills of this order export came") || len(got.files) != 0 {
		t.Errorf("the answer: %q", got.text)
	}
}

func TestWhatCannotBeReadIsAnsweredWithTheReason(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.deliver(postoffice.Compose(ann, "none@x", "hello"))
	o.deliver(postoffice.Compose(ann, "junk@x", "junk", file("letter.doc", "junk"), file("o.csv", "A")))
	o.deliver(postoffice.Compose(ann, "part@x", "part", file("terms.pdf", "%PDF- junk"), file("bol.pdf", "%PDF- B"), file("o.csv", "B")))
	o.c.Largest = 1 << 20
	o.deliver(postoffice.Compose(ann, "large@x", "large", file("bol.pdf", "%PDF- "+strings.Repeat("X", 1<<20))))
	o.once()
	o.has("INBOX")
	o.has("Done", "part@x")
	o.has("Failed", "junk@x", "large@x", "none@x")
	for id, says := range map[string]string{
		"none@x": "Nothing is attached", "junk@x": "Not read: letter.doc. It has nothing that can be read.",
		"part@x": "Not read: terms.pdf.", "large@x": "larger than 1 MB",
	} {
		if got := o.one(id); !strings.Contains(got.text, says) {
			t.Errorf("the answer to %s is %q", id, got.text)
		}
	}
}

func TestAMailHasOneAnswer(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	twice := postoffice.Compose(ann, "1@x", "twice", file("bol.pdf", "%PDF- A"), file("o.csv", "A"))
	o.deliver(twice)
	o.deliver(twice)
	anonymous := postoffice.Compose(ann, "", "no ID", file("b.pdf", "%PDF- B"), file("o.csv", "B"))
	o.deliver(anonymous)
	// The way of a mail leaves traces, which are not content.
	o.deliver(append([]byte("Received: from elsewhere\r\n"), anonymous...))
	o.once()
	o.has("Done", "1@x", "1@x", "no ID", "no ID")
	o.deliver(twice)
	o.deliver(anonymous)
	o.once()
	o.has("INBOX")
	o.one("1@x")
	o.sent(2)
	if n := o.maker.Made.Load(); n != 2 {
		t.Errorf("%d sheets were made", n)
	}
	// The Message-ID of another sender's mail is another mail: nobody can silence others.
	o.deliver(postoffice.Compose("bob@friend.example", "1@x", "same ID", file("c.pdf", "%PDF- C"), file("o.csv", "C")))
	o.once()
	o.sent(3)
}

func TestOthersAndProgramsGetNoAnswer(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	whole := string(postoffice.Compose(ann, "ID", "S", file("bol.pdf", "%PDF- A"), file("o.csv", "A")))
	with := func(id, field string) {
		o.deliver([]byte(strings.Replace(whole, "Message-ID: <ID>", field+"\r\nMessage-ID: <"+id+">", 1)))
	}
	from := func(id, sender string) {
		o.deliver([]byte(strings.Replace(strings.Replace(whole, "From: "+ann, "From: "+sender, 1), "<ID>", "<"+id+">", 1)))
	}
	from("1", "mallory@evil.example")
	from("2", `"ann@shipper.example" <mallory@evil.example>`)
	from("3", "ann@shipper.example, mallory@evil.example")
	from("4", "x@sub.friend.example")
	from("5", postoffice.User)
	from("6", "MAILER-DAEMON@friend.example")
	from("7", "no-reply@friend.example")
	with("8", "From: bob@friend.example")
	with("9", "Auto-Submitted: auto-replied")
	with("10", "Auto-Submitted: auto-generated; x=y")
	with("11", "List-Id: <all.friend.example>")
	with("12", "Precedence: bulk")
	with("13", "Return-Path: <>")
	with("14", "X-Auto-Response-Suppress: OOF, All")
	with("tallyman.abc@example.com", "X-None: x")
	o.c.Senders = append(o.c.Senders, postoffice.User)
	o.once()
	if n := len(o.Folder("INBOX")); n != 15 {
		t.Errorf("%d mails are left alone\n%s", n, o.log)
	}
	o.sent(0)
	o.c.Others = "Others"
	o.once()
	o.has("INBOX")
	if n := len(o.Folder("Others")); n != 15 || len(o.Sent()) != 0 {
		t.Errorf("%d mails were moved, %d answers were sent", n, len(o.Sent()))
	}
	with("no", "Auto-Submitted: no")
	o.once()
	o.one("no")
}

func TestATrustedServerSaysWhoseMailItIs(t *testing.T) {
	for results, want := range map[string]bool{
		"mx.example.com; dmarc=pass header.from=shipper.example":                                        true,
		"mx.example.com 1; spf=fail smtp.mailfrom=x@y.example; dkim=pass header.d=mail.shipper.example": true,
		"MX.example.com; spf=pass (1.2.3.4 is good) smtp.mailfrom=bounces@shipper.example":              true,
		"mx.example.com; dkim=pass header.i=@shipper.example header.s=x":                                true,
		"mx.example.com; dmarc=fail header.from=shipper.example; dkim=pass header.d=evil.example":       false,
		"mx.example.com; dmarc=pass header.from=evil.example":                                           false,
		"mx.example.com; dkim=pass header.d=example":                                                    false,
		"mx.example.com; none (dmarc=pass header.from=shipper.example)":                                 false,
		"mx.example.com; spf=pass smtp.mailfrom=shipper.example.evil.example":                           false,
		"evil.example; dmarc=pass header.from=shipper.example":                                          false,
		"": false,
	} {
		if got := authentic([]string{results}, "mx.example.com", "shipper.example"); got != want {
			t.Errorf("%s: %v", results, got)
		}
	}
	// What came with the mail stands below.
	if authentic([]string{"mx.example.com; dmarc=fail", "mx.example.com; dmarc=pass header.from=shipper.example"}, "mx.example.com", "shipper.example") {
		t.Error("a field that came with the mail counts")
	}
	o := newOffice(t, postoffice.Options{})
	o.c.Trusted = "mx.example.com"
	whole := postoffice.Compose(ann, "1@x", "S", file("bol.pdf", "%PDF- A"), file("o.csv", "A"))
	o.deliver(whole)
	o.once()
	o.has("INBOX", "1@x")
	o.deliver(append([]byte("Authentication-Results: mx.example.com;\r\n dmarc=pass (p=reject) header.from=shipper.example\r\n"), bytes.Replace(whole, []byte("1@x"), []byte("2@x"), 1)...))
	o.once()
	o.has("Done", "2@x")
	o.has("INBOX", "1@x")
}

func TestASenderGetsSoManyAnswersInAnHour(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.c.Hourly = 2
	for i := range 4 {
		o.deliver(postoffice.Compose(ann, fmt.Sprint(i, "@x"), "S", file("bol.pdf", fmt.Sprint("%PDF- A", i)), file("o.csv", fmt.Sprint("A", i))))
	}
	o.deliver(postoffice.Compose("bob@friend.example", "b@x", "S", file("bol.pdf", "%PDF- B"), file("o.csv", "B")))
	o.once()
	o.sent(3)
	if n := len(o.Folder("INBOX")); n != 2 {
		t.Errorf("%d mails wait", n)
	}
	o.c.Hourly = 10 // as after an hour
	o.once()
	o.sent(5)
	o.has("INBOX")
}

// dead is a process that stops for ever at a step, as a killed one does. Only its lock is given
// back, by the kernel.
func (o *office) dead(step string, nth int64) (met bool) {
	m := o.new()
	if met = pairingtest.Dead(&m.step, step, nth, m.Once); met {
		m.lock.Unlock()
	}
	return met
}

// After a death at each step, each mail has one outcome and one answer. Only an answer that was
// under way when the process died may come twice, as the same mail.
func TestEachStepCanBeTheLast(t *testing.T) {
	for _, lacks := range [][]postoffice.Fault{nil, {postoffice.NoMove}} {
		for _, step := range []string{"begun", "made", "written", "decided", "sending", "sent", "noted", "emptied", "moved"} {
			for nth := int64(1); nth <= 2; nth++ {
				t.Run(fmt.Sprint(step, " ", nth, " ", len(lacks)), func(t *testing.T) {
					o := newOffice(t, postoffice.Options{Lacks: lacks})
					o.c.AtOnce = 1
					o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A")))
					o.deliver(postoffice.Compose(ann, "b@x", "b", file("a.csv", "A")))
					o.deliver(postoffice.Compose(ann, "c@x", "c", file("c.doc", "junk")))
					if !o.dead(step, nth) && nth == 1 {
						t.Fatal("the step was not met")
					}
					o.once()
					o.has("INBOX")
					o.has("Done", "a@x", "b@x")
					o.has("Failed", "c@x")
					ids, raws := map[string]int{}, map[string]bool{}
					for _, s := range o.Sent() {
						m, err := mail.ReadMessage(bytes.NewReader(s.Raw))
						must.OK(t, err)
						ids[m.Header.Get("Message-Id")]++
						raws[string(s.Raw)] = true
					}
					most := 3
					if step == "sent" {
						most = 4
					}
					if len(ids) != 3 || len(raws) != 3 || len(o.Sent()) > most {
						t.Errorf("these answers were sent: %v, %d different ones", ids, len(raws))
					}
					if left, err := os.ReadDir(filepath.Join(o.c.State, "jobs")); err != nil || len(left) > 0 {
						t.Errorf("jobs are left: %v, %v", left, err)
					}
				})
			}
		}
	}
}

// If the journal cannot be written any more, it is opened again. An answer that was under way
// may come twice, and no further time.
func TestAJournalThatCannotBeWrittenIsOpenedAgain(t *testing.T) {
	for _, step := range []string{"decided", "sending", "sent"} {
		o := newOffice(t, postoffice.Options{})
		o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
		m := o.new()
		var once sync.Once
		m.step = func(at string) {
			if at == step {
				once.Do(m.journal.Close)
			}
		}
		o.untilBy(m, "the mail", func() bool { return len(o.Folder("Done")) == 1 })
		if n := len(o.answers("a@x")); n < 1 || n > 2 {
			t.Errorf("closed when %s: %d answers\n%s", step, n, o.log)
		}
	}
}

func TestTheStateMayHaveAnyName(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.c.State = filepath.Join(t.TempDir(), "[ops] *", "state")
	o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A")))
	o.deliver(postoffice.Compose(ann, "b@x", "b", file("a.csv", "A")))
	o.once()
	o.has("Done", "a@x", "b@x")
	o.one("a@x")
	o.one("b@x")
}

// With a folder of sent mails, an answer that lies there is not sent again.
func TestAnAnswerAmongTheSentOnesIsNotSentAgain(t *testing.T) {
	for _, copies := range []bool{true, false} {
		o := newOffice(t, postoffice.Options{Copies: copies})
		o.c.Sent = "Sent"
		o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
		if copies && !o.dead("sent", 1) {
			t.Fatal("the step was not met")
		}
		o.once()
		o.one("a@x")
		o.has("Done", "a@x")
		if n := len(o.Folder("Sent")); n != 1 {
			t.Errorf("%d copies are kept", n)
		}
	}
}

// each tries a way to misbehave, after which everything comes to its end.
func TestAServerThatMisbehavesLosesNothing(t *testing.T) {
	for how, times := range map[postoffice.Fault]int{
		postoffice.Slow: 1 << 30, postoffice.CutLiteral: 3, postoffice.RefuseLogin: 2, postoffice.MuteIdle: 1 << 30,
		postoffice.CutMove: 2, postoffice.EndlessHeader: 2,
		postoffice.Postpone: 2, postoffice.CutData: 1, postoffice.LoseData: 2,
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, postoffice.Options{})
			o.Misbehave(how, times)
			o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
			o.deliver(postoffice.Compose(ann, "b@x", "b", file("b.pdf", "%PDF- B"), file("b.csv", "B")))
			o.until("the second mail", func() bool { return len(o.Folder("Done")) == 2 })
			if times < 100 && o.Left(how) != 0 {
				t.Errorf("it went wrong %d times less than it should", o.Left(how))
			}
			for _, id := range []string{"a@x", "b@x"} {
				all := o.answers(id)
				if len(all) == 0 || len(all) > 1 && how != postoffice.CutData {
					t.Errorf("%s has %d answers\n%s", id, len(all), o.log)
				}
				for _, a := range all {
					if a.Get("Message-Id") != all[0].Get("Message-Id") {
						t.Errorf("the answers have the IDs %s and %s", a.Get("Message-Id"), all[0].Get("Message-Id"))
					}
				}
			}
			o.has("INBOX")
			o.has("Failed")
			if n := o.maker.Made.Load(); n != 2 {
				t.Errorf("%d sheets were made", n)
			}
		})
	}
}

func TestAMailWithoutEndFailsAndHoldsUpNoOther(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.Misbehave(postoffice.HugeLiteral, 1)
	o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
	o.deliver(postoffice.Compose(ann, "b@x", "b", file("b.pdf", "%PDF- B"), file("b.csv", "B")))
	o.until("both", func() bool { return len(o.Folder("Done"))+len(o.Folder("Failed")) == 2 })
	o.has("Failed", "a@x")
	if got := o.one("a@x"); !strings.Contains(got.text, "larger than") {
		t.Errorf("the answer is %q", got.text)
	}
	o.has("Done", "b@x")
}

func TestAnAnswerThatIsRefusedIsSaidAndNotTriedForEver(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.Misbehave(postoffice.RefuseMail, 1)
	o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
	o.once()
	o.has("Failed", "a@x")
	if n := len(o.Sent()); n != 0 || !strings.Contains(o.log.String(), "the answer was refused") || !strings.Contains(o.log.String(), "No such user") {
		t.Errorf("%d answers were sent\n%s", n, o.log)
	}
	o.once()
	o.sent(0)
}

func TestNewNumbersOfMailsDoNoHarm(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A")))
	o.deliver(postoffice.Compose(ann, "z@x", "z", file("z.pdf", "%PDF- Z")))
	renumbered := false
	o.until("the mail with orders", func() bool {
		if !renumbered && strings.Count(o.log.String(), "waiting for mails") == 1 && o.waiting() == 2 {
			renumbered = true
			must.OK(t, o.Renumber())
			o.deliver(postoffice.Compose(ann, "b@x", "b", file("a.csv", "A")))
			o.HangUp()
		}
		return len(o.Folder("Done")) == 2
	})
	o.has("Done", "a@x", "b@x")
	o.has("INBOX", "z@x")
	o.one("a@x")
	o.one("b@x")
}

// waiting is how many mails the journal knows to wait.
func (o *office) waiting() int {
	b, _ := os.ReadFile(filepath.Join(o.c.State, "journal"))
	return bytes.Count(b, []byte(`"waits"`))
}

// A server without IDLE is asked again and again, one with it tells by itself.
func TestNewMailsAreNoticedWithAndWithoutIdle(t *testing.T) {
	for _, how := range []postoffice.Fault{"", postoffice.NoIdle, postoffice.MuteIdle} {
		o := newOffice(t, postoffice.Options{})
		if how == "" {
			o.c.Every = time.Hour
		} else {
			o.Misbehave(how, 1<<30)
		}
		delivered := false
		o.until("the mail", func() bool {
			if !delivered && o.Logins() > 0 {
				time.Sleep(50 * time.Millisecond) // most likely it is idle now; it need not be
				delivered = true
				o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
			}
			return len(o.Folder("Done")) == 1
		})
	}
}

func TestConnectionsAreEncryptedAndToTheRightServer(t *testing.T) {
	year := time.Now().AddDate(1, 0, 0)
	good, pool, err := certificate.For(year, "127.0.0.1")
	must.OK(t, err)
	foreign, foreignPool, err := certificate.For(year, "mail.elsewhere.example")
	must.OK(t, err)
	old, oldPool, err := certificate.For(time.Now().Add(-time.Hour), "127.0.0.1")
	must.OK(t, err)
	for _, c := range []struct {
		name   string
		server *tls.Config
		trust  *x509.CertPool
		ok     bool
	}{
		{"good", good, pool, true},
		{"of another name", foreign, foreignPool, false},
		{"expired", old, oldPool, false},
		{"of an unknown authority", good, foreignPool, false},
	} {
		for _, how := range []Security{Implicit, StartTLS} {
			options := postoffice.Options{TLS: c.server}
			if how == StartTLS {
				options = postoffice.Options{StartTLS: c.server}
			}
			o := newOffice(t, options)
			o.c.IMAP.Security, o.c.SMTP.Security, o.c.TLS = how, how, &tls.Config{RootCAs: c.trust}
			o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
			err := o.new().Once(t.Context())
			if c.ok {
				if err != nil || len(o.Sent()) != 1 {
					t.Errorf("%s, %d: %v, %d answers", c.name, how, err, len(o.Sent()))
				}
				continue
			}
			if fault.CodeOf(err) != Refused || !strings.Contains(err.Error(), "certificate") || o.Logins() != 0 {
				t.Errorf("%s, %d: %v, %d logins", c.name, how, err, o.Logins())
			}
			// The same of the other server: nothing is sent.
			if how == Implicit {
				other := newOffice(t, postoffice.Options{})
				other.c.SMTP = o.c.SMTP
				other.c.SMTP.Security, other.c.TLS = how, o.c.TLS
				other.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
				if err := other.new().Once(t.Context()); fault.CodeOf(err) != Refused || len(o.Sent()) != 0 {
					t.Errorf("%s: %v, %d answers", c.name, err, len(o.Sent()))
				}
			}
		}
	}
	// A server that knows no STARTTLS gets no password.
	o := newOffice(t, postoffice.Options{})
	o.c.IMAP.Security = StartTLS
	if err := o.new().Once(t.Context()); fault.CodeOf(err) != Refused || o.Logins() != 0 {
		t.Errorf("without STARTTLS: %v, %d logins", err, o.Logins())
	}
}

func TestATokenThatIsRefusedIsAskedForAgain(t *testing.T) {
	for _, bearer := range []bool{false, true} {
		dir := t.TempDir()
		o := newOffice(t, postoffice.Options{Bearer: bearer, Token: func(token string) bool { return token == "token-2" }})
		// A command that prints another token each time.
		o.c.Login = Login{User: postoffice.User, Token: TokenCommand("echo x >>" + dir + "/runs; echo token-$(wc -l <" + dir + "/runs)")}
		o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
		o.once()
		o.one("a@x")
		runs, err := os.ReadFile(filepath.Join(dir, "runs"))
		if err != nil || len(runs) != len("x\nx\n") {
			t.Errorf("the command ran %d times (%v)", len(runs)/2, err)
		}
		o.c.Login.Token = TokenCommand("echo never")
		if err := o.new().Once(t.Context()); fault.CodeOf(err) != Refused {
			t.Errorf("a token that is never good: %v", err)
		}
		for command, says := range map[string]string{"exit 3": "fails", "echo a; echo b": "nothing else"} {
			o.c.Login.Token = TokenCommand(command)
			if err := o.new().Once(t.Context()); fault.CodeOf(err) != Refused || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", command, err)
			}
		}
	}
}

func TestWhatIsNotTheMailsFaultIsNoOutcome(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	var n atomic.Int64
	o.maker.Fails = func(string) error {
		if n.Add(1) < 6 {
			return fault.New(fault.Busy, "not now")
		}
		return nil
	}
	o.deliver(postoffice.Compose(ann, "a@x", "a", file("a.pdf", "%PDF- A"), file("a.csv", "A")))
	o.until("the sheet", func() bool { return len(o.Folder("Done")) == 1 })
	o.has("Failed")
	o.one("a@x")
}

func TestAStateBelongsToOneMailboxAndOneProcess(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	m := o.new()
	must.OK(t, m.Open())
	if err := o.new().Once(t.Context()); fault.CodeOf(err) != InUse {
		t.Errorf("the second: %v", err)
	}
	m.leave()
	o.c.Folder = "Other"
	if err := o.new().Once(t.Context()); fault.CodeOf(err) != fault.Unwritable || !strings.Contains(err.Error(), "INBOX") {
		t.Errorf("another mailbox: %v", err)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	o := newOffice(t, postoffice.Options{})
	for says, change := range map[string]func(*Config){
		"whose mails":        func(c *Config) { c.Senders = nil },
		"neither an address": func(c *Config) { c.Senders = []string{"everybody"} },
		"send answers from":  func(c *Config) { c.Address = "robot" },
		"named twice":        func(c *Config) { c.Done = "Failed" },
	} {
		c := o.c
		change(&c)
		if _, err := New(c); fault.CodeOf(err) != fault.BadRequest || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	for at, want := range map[string]Server{
		"imaps://mail.example.com": {"mail.example.com", "993", Implicit}, "imap://[::1]:1143": {"::1", "1143", StartTLS},
		"imap+plain://localhost": {"localhost", "143", Plain},
	} {
		if got, err := ParseServer("imap", at); err != nil || got != want {
			t.Errorf("%s: %v, %v", at, got, err)
		}
	}
	for _, at := range []string{"", "mail.example.com", "imaps://user@mail.example.com", "smtps://mail.example.com", "imaps://mail.example.com/INBOX"} {
		if _, err := ParseServer("imap", at); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("%s: %v", at, err)
		}
	}
}
