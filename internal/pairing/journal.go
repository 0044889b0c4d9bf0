package pairing

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyman/internal/atomicfile"
)

// Sum is the SHA-256 of a content, which names it.
type Sum [32]byte

func (s Sum) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

func (s *Sum) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(s) {
		return errors.New("not a SHA-256")
	}
	_, err := hex.Decode(s[:], b)
	return err
}

// Record is a line of the journal: the outcome of a job, or the time at which a content
// began to wait for its counterpart.
type Record struct {
	At time.Time `json:"at"`
	// Job names the folder of the job, and To the one that it becomes.
	Job     string  `json:"job,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`
	To      string  `json:"to,omitempty"`
	// Files are the inputs that the outcome is of.
	Files []Named `json:"files,omitempty"`
	// BOL is the content of which a sheet was made, Orders those that it was joined with, and
	// Bills its bills: those of Orders that are not among Files go on waiting for others.
	BOL    *Sum     `json:"bol,omitempty"`
	Orders []Sum    `json:"orders,omitempty"`
	Bills  []string `json:"bills,omitempty"`

	// Sending is a mail whose answer may be sent from At on, and Sent one whose answer was
	// sent to Sender, or was refused for good, which changes its Outcome.
	Sending *Sum   `json:"sending,omitempty"`
	Sent    *Sum   `json:"sent,omitempty"`
	Sender  string `json:"sender,omitempty"`

	// Waits is a content that waits since At, Gone one that somebody took away.
	Waits *Sum `json:"waits,omitempty"`
	Gone  *Sum `json:"gone,omitempty"`
}

// Named is an input and its content.
type Named struct {
	Name string `json:"name"`
	Sum  Sum    `json:"sha256"`
}

// use says what an order export was used for while it went on waiting.
type use struct {
	bills map[string]bool
	to    []string
}

// Journal remembers outcomes. A line of it, once it is on disk, is the outcome: everything
// before is undone after a crash, everything after is finished.
type Journal struct {
	f      *os.File
	size   int64 // of the lines that are whole
	broken error // after it nothing is written

	jobs  map[string]Record // by the name of the job
	made  map[string]string // where the sheet of contents is, by made
	done  map[Sum]string    // where a content with an outcome other than Failed is
	used  map[Sum]*use      // order exports that wait, although they were used
	since map[Sum]time.Time // since when contents wait

	outcomes map[Sum]Outcome   // of all contents
	sending  map[Sum]time.Time // mails whose answers may have been sent since
	sent     map[Sum]time.Time // mails whose answers were sent
	senders  map[string][]time.Time
}

// Most lines of a journal. When it is opened with more, the oldest outcomes are forgotten:
// the same contents would be taken for new ones.
const (
	mostLines = 40_000
	keptLines = 20_000
)

// OpenJournal reads the journal at a path, or begins one. A line that a crash cut off never
// took effect, nor did one of which a power cut has left a part, and zeros: it was not synced,
// and neither was what follows it.
func OpenJournal(path string) (*Journal, error) {
	j := &Journal{jobs: map[string]Record{}, made: map[string]string{}, done: map[Sum]string{}, used: map[Sum]*use{}, since: map[Sum]time.Time{},
		outcomes: map[Sum]Outcome{}, sending: map[Sum]time.Time{}, sent: map[Sum]time.Time{}, senders: map[string][]time.Time{}}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	if lines := bytes.SplitAfter(whole, []byte("\n")); len(lines) > mostLines {
		whole = slices.Concat(lines[len(lines)-keptLines:]...)
		if err := atomicfile.Write(path, atomicfile.Of(whole)); err != nil {
			return nil, err
		}
	}
	var torn error
	for n, line := range slices.Collect(bytes.Lines(whole)) {
		var r Record
		err := json.Unmarshal(line, &r)
		if err != nil {
			err = fmt.Errorf("line %d of %s is damaged; move the file away, and what was done before is forgotten: %w", n+1, path, err)
		}
		switch {
		case err == nil && torn == nil:
			j.apply(r)
			j.size += int64(len(line))
		case torn == nil && bytes.IndexByte(line, 0) >= 0:
			torn = err
		case torn != nil && (err != nil || !r.synced()): // nothing followed from it
		default:
			return nil, cmp.Or(torn, err)
		}
	}
	if j.f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return nil, err
	}
	if err := errors.Join(j.f.Truncate(j.size), j.f.Sync(), atomicfile.SyncDirIfPossible(filepath.Dir(path))); err != nil {
		j.f.Close()
		return nil, err
	}
	return j, nil
}

// apply takes a line into the memory.
func (j *Journal) apply(r Record) {
	switch {
	case r.Waits != nil:
		j.since[*r.Waits] = r.At
	case r.Gone != nil:
		delete(j.since, *r.Gone)
	case r.Sending != nil:
		j.sending[*r.Sending] = r.At
	case r.Sent != nil:
		delete(j.sending, *r.Sent)
		j.sent[*r.Sent] = r.At
		if r.Outcome != "" {
			j.outcomes[*r.Sent] = r.Outcome
		}
		if r.Sender != "" {
			j.senders[r.Sender] = append(j.senders[r.Sender], r.At)
		}
	default:
		j.applyJob(r)
	}
}

func (j *Journal) applyJob(r Record) {
	j.jobs[r.Job] = r
	for _, o := range r.Orders {
		u := j.used[o]
		if u == nil {
			u = &use{bills: map[string]bool{}}
			j.used[o] = u
		}
		for _, b := range r.Bills {
			u.bills[b] = true
		}
		u.to = append(u.to, r.To)
	}
	if r.BOL != nil && r.Outcome == Done {
		j.made[made(*r.BOL, r.Orders)] = r.To
	}
	for _, f := range r.Files {
		delete(j.since, f.Sum)
		delete(j.used, f.Sum)
		j.outcomes[f.Sum] = r.Outcome
		if r.Outcome != Failed {
			j.done[f.Sum] = r.To
		}
	}
}

// synced reports whether a line must be on disk before anything follows from it. Waiting anew
// after a power cut does no harm.
func (r *Record) synced() bool { return r.Waits == nil && r.Gone == nil }

// made names the sheet of contents.
func made(bol Sum, orders []Sum) string {
	var b strings.Builder
	b.Write(bol[:])
	for _, o := range slices.SortedFunc(slices.Values(orders), func(a, b Sum) int { return bytes.Compare(a[:], b[:]) }) {
		b.Write(o[:])
	}
	return b.String()
}

// Add writes a line. When it returns nil, an outcome is on disk. After an error it is not known
// whether the line is there: the journal must be opened again.
func (j *Journal) Add(r Record) error {
	if j.broken != nil {
		return j.broken
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, j.broken = j.f.WriteAt(append(line, '\n'), j.size); j.broken != nil {
		return j.broken
	}
	if r.synced() {
		if j.broken = j.f.Sync(); j.broken != nil {
			return j.broken
		}
	}
	j.size += int64(len(line)) + 1
	j.apply(r)
	return nil
}

// Close ends the use of the journal.
func (j *Journal) Close() { j.f.Close() }

// Jobs are the outcomes that were read when the journal was opened or came since, by the names
// of their jobs, until Settled.
func (j *Journal) Jobs() map[string]Record { return j.jobs }

// Settled forgets the names of jobs.
func (j *Journal) Settled() { clear(j.jobs) }

// Since returns since when a content waits, fresh if that is not known.
func (j *Journal) Since(s Sum, fresh time.Time) time.Time {
	if since, ok := j.since[s]; ok {
		return since
	}
	return fresh
}

// Outcome returns the outcome of a content, "" if it has none.
func (j *Journal) Outcome(s Sum) Outcome { return j.outcomes[s] }

// Sent reports whether the answer to a mail was sent, and maybe whether it may have been.
func (j *Journal) Sent(s Sum) (sent, maybe bool) {
	_, sent = j.sent[s]
	_, maybe = j.sending[s]
	return sent, maybe
}

// SentTo counts the answers that were sent to a sender since a time.
func (j *Journal) SentTo(sender string, since time.Time) int {
	all := j.senders[sender]
	for len(all) > 0 && all[0].Before(since) {
		all = all[1:]
	}
	if j.senders[sender] = all; len(all) == 0 {
		delete(j.senders, sender)
	}
	return len(all)
}

// NoteWaiting writes since when contents wait, so that they do not wait anew after a restart,
// and if all that is there is known, which ones people took away. Contents that are there and
// do not wait have a zero time.
func (j *Journal) NoteWaiting(there map[Sum]time.Time, all bool) error {
	for s, at := range there {
		if j.since[s].IsZero() && !at.IsZero() {
			if err := j.Add(Record{At: at, Waits: &s}); err != nil {
				return err
			}
		}
	}
	if !all {
		return nil
	}
	for s := range j.since {
		if _, ok := there[s]; !ok {
			if err := j.Add(Record{At: time.Now(), Gone: &s}); err != nil {
				return err
			}
		}
	}
	return nil
}

// SumOf returns the sum of so many bytes. It fails with ErrChanged if there are more or fewer.
func SumOf(r io.ReaderAt, size int64) (s Sum, err error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(r, 0, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("%w: it has another size", ErrChanged)
	}
	h.Sum(s[:0])
	return s, err
}

// ErrChanged is the error of a content that is not any more what was read.
var ErrChanged = errors.New("the file has changed")
