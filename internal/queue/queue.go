// Package queue keeps tasks that are carried out later: jobs, deliveries of webhooks.
//
// A task belongs to an owner and has a kind. Somebody puts it, and whoever carries out
// tasks of that kind claims it for a limited time, its lease:
//
//	t, ok, err := q.Claim(ctx, "job", time.Minute)
//	…                                     // work, and now and then:
//	err = q.Extend(ctx, t.Hold(), time.Minute, note)
//	freed, err := q.Finish(ctx, t.Hold(), queue.End{State: queue.Done, Result: result, Keep: day})
//	contents.Delete(ctx, freed...)        // what the task named
//
// If the claimant dies, its lease runs out, and another claims the task. Each claim has a
// higher number, its token; of all that claimed a task only the holder of the latest, and
// only while its lease lasts, can extend, finish or put it off. So a task ends once, however
// often it was begun. What a claimant does besides must be undone, or must not matter,
// if it loses its lease (Lost).
//
// Tasks live in the stores of sessions, and may name contents of a blob.Store: until the
// task ends, a session.Janitor spares them.
package queue

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/text"
)

// The codes that operations on tasks can fail with, besides fault.BadRequest,
// fault.NotFound, and those of session.Store: fault.Busy, fault.Cancelled,
// session.StorageFull and session.StorageUnavailable.
const (
	KeyReused fault.Code = "idempotency_key_reused" // another request had the key
	Lost      fault.Code = "lease_lost"             // the lease ran out, or the task has ended
	TooMany   fault.Code = "too_many_tasks"         // the owner has as many as it may
	Open      fault.Code = "task_open"              // the task has not ended
)

// Bounds of a task, in bytes and in number.
const (
	MaxPayload  = 64 << 10
	MaxNote     = 4 << 10
	MaxResult   = 64 << 10
	MaxError    = 4 << 10
	MaxKey      = 255
	MaxContents = 256
)

// ID names a task: up to 64 characters a-z, 0-9 and _.
type ID string

// NewID makes an ID that cannot be guessed: a prefix, and 26 characters with 130 random bits.
func NewID(prefix string) ID { return ID(prefix + strings.ToLower(rand.Text())) }

// Valid reports whether a task can have the ID.
func (id ID) Valid() bool { return simple(string(id)) }

// Kind is what a task is for: up to 64 characters a-z, 0-9 and _.
type Kind string

func simple(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_'
	})
}

func printable(s string) bool {
	return len(s) <= MaxKey && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

// State is where a task is in its life.
type State string

// The states. A task begins as Waiting; each claim makes it Claimed, and Retry Waiting
// again. Done, Dead and Cancelled are final.
const (
	Waiting   State = "waiting"
	Claimed   State = "claimed"
	Done      State = "done"
	Dead      State = "dead"
	Cancelled State = "cancelled"
)

// Ended reports whether the state is final.
func (s State) Ended() bool { return s == Done || s == Dead || s == Cancelled }

// Task is a task at one instant. What it points at is shared and must not be changed.
// Times are the store's, to the millisecond, in UTC.
type Task struct {
	ID    ID            `json:"id"`
	Owner session.Owner `json:"owner"`
	Kind  Kind          `json:"kind"`
	// Key is the idempotency key, unique among the owner's tasks of the kind; "" for none.
	// Fingerprint says for which request it was given: that of another is refused.
	Key         string `json:"key,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	// Payload is what to do, in a form that only the kind's users know.
	Payload []byte `json:"payload,omitempty"`
	// Contents are stored contents that belong to the task until it ends.
	Contents []blob.Ref `json:"contents,omitempty"`

	// Seq orders tasks by when they were put; it is positive.
	Seq   int64 `json:"seq"`
	State State `json:"state"`
	// Due is from when a waiting task may be claimed, and until when a claim holds.
	Due time.Time `json:"due"`
	// Token is the number of claims so far.
	Token int64 `json:"token,omitempty"`
	// Note is what the last claimant noted with Extend.
	Note []byte `json:"note,omitempty"`
	// Error is why the last attempt failed, "" if it did not.
	Error string `json:"error,omitempty"`
	// Result is what the task ended with.
	Result []byte `json:"result,omitempty"`
	// Created is when the task was put, Ended when it ended, and Expires when an ended task
	// is removed.
	Created time.Time `json:"created"`
	Ended   time.Time `json:"ended,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
}

// Hold is a claim on a task.
type Hold struct {
	ID    ID
	Token int64
}

// Hold returns the claim of which a task was returned.
func (t Task) Hold() Hold { return Hold{t.ID, t.Token} }

// New is a task to put.
type New struct {
	// ID is the task's ID, of NewID. A repeated Put of the same ID has no further effect,
	// and returns the same.
	ID          ID
	Owner       session.Owner
	Kind        Kind
	Key         string
	Fingerprint string
	Payload     []byte
	Contents    []blob.Ref
	// After is the time after which the task may be claimed.
	After time.Duration
	// MostOpen bounds the tasks of the owner and kind that have not ended, this one
	// included, and MostKept all; 0 means no bound.
	MostOpen, MostKept int
}

// Check returns a fault with code fault.BadRequest if no task can be so. Every Queue
// calls it before it puts one.
func (n New) Check() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.BadRequest, "putting a task: "+format, args...)
	}
	switch {
	case !n.ID.Valid():
		return bad("its ID is not one")
	case !simple(string(n.Kind)):
		return bad("its kind is not one")
	case !printable(n.Key) || !printable(n.Fingerprint):
		return bad("its key or fingerprint is not UTF-8 of up to %d bytes without NUL", MaxKey)
	case len(n.Payload) > MaxPayload:
		return bad("its payload has more than %s", text.Size(MaxPayload))
	case len(n.Contents) > MaxContents:
		return bad("it names more than %d contents", MaxContents)
	case n.After < 0:
		return bad("it is to wait for less than no time")
	}
	seen := map[blob.Key]bool{}
	for _, ref := range n.Contents {
		if !ref.Key.Valid() || ref.Size < 0 || seen[ref.Key] {
			return bad("one of its contents is not one, or named twice")
		}
		seen[ref.Key] = true
	}
	return n.Owner.Check()
}

// End is how a task ends.
type End struct {
	// State is Done or Dead.
	State  State
	Result []byte
	Error  string
	// Keep is how long the ended task can be read.
	Keep time.Duration
}

// Check returns a fault with code fault.BadRequest if no claim can end so.
func (e End) Check() error {
	switch {
	case e.State != Done && e.State != Dead:
		return fault.New(fault.BadRequest, "a task cannot be finished as %q", e.State)
	case len(e.Result) > MaxResult:
		return fault.New(fault.BadRequest, "the result of a task has more than %s", text.Size(MaxResult))
	}
	return nil
}

// Cut shortens the text of an error to what a task keeps, which is valid UTF-8 without NUL.
func Cut(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	return strings.ToValidUTF8(s[:min(len(s), MaxError)], "")
}

// Queue keeps tasks. It is safe for concurrent use. Package queuetest defines it: a queue
// is correct if it passes that suite.
//
// Every method on a task is linearizable, and durable before it returns. Methods fail as
// those of session.Store do: session.Settled tells whether it is certain that one had no
// effect. Put, Extend, Finish, Cancel and Remove can be repeated after an unknown outcome;
// a Claim whose outcome is unknown ends with its lease.
type Queue interface {
	// Put adds a task; created is true. If the owner has a task of the kind with the same
	// key, it is returned instead, ended or not, and created is false: contents of the
	// new one still belong to the caller. Put then fails with KeyReused if the fingerprints
	// differ. It fails with TooMany (Details is a session.RetryAfter) over the bounds, and
	// with fault.BadRequest if something else names one of the contents.
	Put(ctx context.Context, n New) (t Task, created bool, err error)

	// Claim claims the next task of a kind that is due, for the time of a lease; ok is false
	// if there is none. A claimed task whose lease ran out is due. The owners take turns:
	// next is the owner with the fewest claims that hold; among equals, the one that was
	// served the longest time ago; and of its tasks the one that has been due for longest.
	Claim(ctx context.Context, kind Kind, lease time.Duration) (t Task, ok bool, err error)

	// Extend makes a claim hold for a lease from now on, and keeps a note, unless it is
	// nil. It fails with Lost.
	Extend(ctx context.Context, h Hold, lease time.Duration, note []byte) error

	// Finish ends a task, and returns the contents that it named, for the caller to delete
	// (none, if it is repeated). It fails with Lost.
	Finish(ctx context.Context, h Hold, e End) (freed []blob.Key, err error)

	// Retry gives a claim up: after a time the task may be claimed again. It fails with
	// Lost.
	Retry(ctx context.Context, h Hold, after time.Duration, reason string) error

	// Cancel ends an owner's task as Cancelled and returns it as it is then, and the
	// contents that it named. A task that has ended stays as it is, and freed is empty. It
	// fails with fault.NotFound.
	Cancel(ctx context.Context, owner session.Owner, id ID, keep time.Duration) (t Task, freed []blob.Key, err error)

	// Remove removes an owner's task that has ended. It fails with Open if it has not,
	// and succeeds if there is none.
	Remove(ctx context.Context, owner session.Owner, id ID) error

	// Get returns an owner's task or fails with fault.NotFound.
	Get(ctx context.Context, owner session.Owner, id ID) (Task, error)

	// List returns tasks, the latest first, as of one instant.
	List(ctx context.Context, q Query) (Page, error)

	// Expire removes up to limit ended tasks that have expired, and returns their number.
	Expire(ctx context.Context, limit int) (int, error)

	// Count counts the tasks of a kind, of all owners.
	Count(ctx context.Context, kind Kind) (Counts, error)
}

// Query selects tasks to list.
type Query struct {
	Owner session.Owner
	Kind  Kind
	// State selects the tasks in one state, "" all.
	State State
	// Before is the Seq before which the page begins, 0 for the first page.
	Before int64
	// Limit is the size of the page: 1 to MaxPage. Other values mean MaxPage.
	Limit int
}

// MaxPage is the largest page of a listing.
const MaxPage = 1000

// Page is a part of a listing. The Seq of the last task is the Before of the next page.
type Page struct {
	Tasks []Task
	// More is true if further tasks follow.
	More bool
}

// Counts are numbers of tasks.
type Counts struct {
	Waiting, Claimed, Done, Dead, Cancelled int
	// Due is the number of those that may be claimed now, and Oldest for how long the
	// first of them has been so.
	Due    int
	Oldest time.Duration
}

// Add counts a task.
func (c *Counts) Add(t Task, now time.Time) {
	*map[State]*int{Waiting: &c.Waiting, Claimed: &c.Claimed, Done: &c.Done, Dead: &c.Dead, Cancelled: &c.Cancelled}[t.State]++
	if t.Claimable(now) {
		c.Due++
		c.Oldest = max(c.Oldest, now.Sub(t.Due))
	}
}

// What follows are the rules that every Queue applies; SQL has them once more.

// Begin returns a new task.
func (n New) Begin(seq int64, now time.Time) Task {
	return Task{
		ID: n.ID, Owner: n.Owner, Kind: n.Kind, Key: n.Key, Fingerprint: n.Fingerprint, Payload: n.Payload, Contents: n.Contents,
		Seq: seq, State: Waiting, Due: now.Add(n.After), Created: now,
	}
}

// Same returns the answer of a Put that finds a task with its ID or its key.
func (t Task) Same(n New) (Task, bool, error) {
	switch {
	case t.Owner != n.Owner || t.Kind != n.Kind:
		return Task{}, false, fault.New(fault.BadRequest, "putting a task: another has its ID")
	case t.Fingerprint != n.Fingerprint:
		return Task{}, false, ErrKeyReused()
	}
	return t, t.ID == n.ID, nil
}

// Claimable reports whether the task may be claimed.
func (t Task) Claimable(now time.Time) bool { return !t.State.Ended() && !now.Before(t.Due) }

// Claim returns the task after a claim.
func (t Task) Claim(now time.Time, lease time.Duration) Task {
	t.State, t.Due, t.Token = Claimed, now.Add(lease), t.Token+1
	return t
}

// Held fails with Lost unless the claim holds.
func (t Task) Held(h Hold, now time.Time) error {
	if t.State != Claimed || t.Token != h.Token || !now.Before(t.Due) {
		return ErrLost()
	}
	return nil
}

// Finish returns the task after its claim has ended it, and what it named.
func (t Task) Finish(h Hold, e End, now time.Time) (Task, []blob.Key, error) {
	if t.State == e.State && t.Token == h.Token {
		return t, nil, nil
	}
	if err := t.Held(h, now); err != nil {
		return t, nil, err
	}
	t.Result, t.Error = e.Result, Cut(e.Error)
	next, freed := t.end(e.State, now, e.Keep)
	return next, freed, nil
}

// Cancel returns the task after it was cancelled, and what it named.
func (t Task) Cancel(now time.Time, keep time.Duration) (Task, []blob.Key) {
	if t.State.Ended() {
		return t, nil
	}
	return t.end(Cancelled, now, keep)
}

func (t Task) end(s State, now time.Time, keep time.Duration) (Task, []blob.Key) {
	freed := t.Named()
	t.State, t.Ended, t.Expires, t.Contents = s, now, now.Add(keep), nil
	return t, freed
}

// Named returns the contents that the task names.
func (t Task) Named() []blob.Key { return blob.Keys(t.Contents) }

// Page returns a page of all tasks of an owner and kind.
func (q Query) Page(all []Task) Page {
	all = slices.DeleteFunc(all, func(t Task) bool {
		return q.State != "" && t.State != q.State || q.Before != 0 && t.Seq >= q.Before
	})
	slices.SortFunc(all, func(a, b Task) int { return cmp.Compare(b.Seq, a.Seq) })
	n := min(len(all), q.Size())
	return Page{Tasks: all[:n:n], More: len(all) > n}
}

// Size returns the size of the page.
func (q Query) Size() int {
	if q.Limit < 1 || q.Limit > MaxPage {
		return MaxPage
	}
	return q.Limit
}

// ErrLost returns the fault of a claim that no longer holds.
func ErrLost() error {
	return fault.New(Lost, "this claim no longer holds: its time ran out, or the task was cancelled")
}

// ErrKeyReused returns the fault of a key that another request had.
func ErrKeyReused() error {
	return fault.New(KeyReused, "another request had the same Idempotency-Key; use a new key for each")
}

// ErrNotFound returns the fault of a task that does not exist.
func ErrNotFound() error {
	return fault.New(fault.NotFound, "there is no such task: it never was, or has expired")
}

// ErrOpen returns the fault of removing a task that has not ended.
func ErrOpen() error { return fault.New(Open, "the task has not ended; cancel it first") }

// ErrTooMany returns the fault of a task over a bound. Tasks end all the time, but kept
// ones only expire.
func ErrTooMany(most int, open bool) error {
	if open {
		return fault.New(TooMany, "%d tasks of this owner have not ended, which is as many as may be; put this one again once some have", most).
			With(session.RetryAfter{Seconds: 10})
	}
	return fault.New(TooMany, "%d tasks of this owner are kept, which is as many as may be; remove some that have ended", most).
		With(session.RetryAfter{Seconds: 300})
}

// sweepEvery is the pause between passes of Sweep, and sweepStep the size of a step.
const (
	sweepEvery = time.Minute
	sweepStep  = 500
)

// Sweep removes expired tasks now and then, until ctx ends. It may run in any number of
// processes.
func Sweep(ctx context.Context, q Queue, log *slog.Logger) {
	for {
		n, err := q.Expire(ctx, sweepStep)
		if err != nil && ctx.Err() == nil {
			log.Error("sweep failed", "what", "expired tasks", "error", err)
		}
		if err == nil && n >= sweepStep {
			continue
		}
		if fault.Pause(ctx, sweepEvery) != nil {
			return
		}
	}
}
