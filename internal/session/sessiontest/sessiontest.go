// Package sessiontest defines session.Store: an implementation is correct if it
// passes Run (DESIGN.md §6).
//
// Run tests each sentence of §6 and of the interface's comments. Where the order of
// concurrent operations matters it records their answers and has a linearizability
// checker decide (Linearizable). The implementation's own tests cover killed
// processes and failing disks; they can use Linearizable as well.
package sessiontest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// Opener opens the store at a place, a path that nothing else uses. Reopened at the same
// place after Close, the store must hold what it held. The Opener fails t if it cannot
// open the store. The caller closes the store.
type Opener func(t testing.TB, place string, settings session.Settings) session.Store

// Long reports whether tests may take long: if the environment has TALLYMAN_LONG=1.
func Long() bool { return os.Getenv("TALLYMAN_LONG") == "1" }

// Times is how often a test repeats something: seldom, or often if it may take long.
func Times(seldom, often int) int {
	if Long() {
		return often
	}
	return seldom
}

// Clock is a clock that moves only when it is told to.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows some day in 2025.
func NewClock() *Clock {
	return &Clock{now: time.Date(2025, 7, 10, 14, 0, 0, 123_000_000, time.UTC)}
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Run runs the suite: all cases that a session.Store must pass, and those of the
// optional interfaces that this one implements.
func Run(t *testing.T, open Opener) {
	all := cases
	first := open(t, t.TempDir(), session.Settings{})
	if _, ok := first.(session.Importer); ok {
		all = slices.Concat(cases, importCases)
	}
	must.OK(t, first.Close())
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{t, &subject{open: open, place: t.TempDir(), clock: NewClock()}}
			b.reopen()
			t.Cleanup(func() {
				if b.store != nil {
					b.store.Close()
				}
			})
			c.run(b)
		})
	}
}

// bench is the environment of a case of the suite.
type bench struct {
	*testing.T
	*subject
}

// subject is the store under test.
type subject struct {
	open     Opener
	place    string
	clock    *Clock
	settings session.Settings
	store    session.Store
	// webhooks makes cases of profiles those of the documents of webhooks.
	webhooks bool
}

// with returns the same bench for a part of a case.
func (b *bench) with(t *testing.T) *bench { return &bench{t, b.subject} }

var ctx = context.Background()

// key returns the key of an ID of the owner Local.
func key(id string) session.Key { return session.Key{Owner: session.Local, ID: session.ID(id)} }

// reopen closes the store, if it is open, and reopens it at the same place.
func (b *bench) reopen() {
	b.Helper()
	if b.store != nil {
		must.OK(b, b.store.Close())
	}
	b.settings.Now = b.clock.Now
	b.store = nil // nothing to close if opening ends the test
	b.store = b.open(b.T, b.place, b.settings)
}

// NewInput makes a file to attach. Its contents are in no blob store, only their
// keys: a session.Store must not care.
func NewInput(name string) session.Input {
	ref := func() blob.Ref {
		r := blob.Ref{Key: blob.NewKey(), Size: rand.Int64N(1 << 30)}
		copy(r.SHA256[:], blob.NewKey())
		return r
	}
	return session.Input{Name: name, Content: ref(), Reading: ref(), Summary: json.RawMessage(`{"bills":83}`)}
}

func bolOf(inc session.Incarnation, files ...session.Input) session.Attachment {
	return session.Attachment{Incarnation: inc, Slot: session.BOL, Mode: session.Replace, Files: files}
}

func appendOf(inc session.Incarnation, files ...session.Input) session.Attachment {
	return session.Attachment{Incarnation: inc, Slot: session.BOL, Mode: session.Append, Files: files}
}

func ordersOf(inc session.Incarnation, file session.Input) session.Attachment {
	return slotOf(inc, session.Orders, session.Replace, file)
}

func amendOf(inc session.Incarnation, file session.Input) session.Attachment {
	return slotOf(inc, session.Amendments, session.Replace, file)
}

func slotOf(inc session.Incarnation, slot session.Slot, mode session.Mode, files ...session.Input) session.Attachment {
	return session.Attachment{Incarnation: inc, Slot: slot, Mode: mode, Files: files}
}

func (b *bench) openSession(k session.Key) session.State {
	b.Helper()
	st, removed, err := b.store.Open(ctx, k, session.Named)
	must.OK(b, err)
	if removed.Files != 0 || removed.Bytes != 0 {
		b.Errorf("open removed %d files", removed.Files)
	}
	return st
}

func (b *bench) newSession(k session.Key) (session.State, session.Removed) {
	b.Helper()
	st, removed, err := b.store.New(ctx, k, session.Named)
	must.OK(b, err)
	b.isEmpty(st)
	return st, removed
}

func (b *bench) clear(k session.Key) session.Removed {
	b.Helper()
	removed, err := b.store.Clear(ctx, k)
	must.OK(b, err)
	return removed
}

func (b *bench) attach(k session.Key, a session.Attachment) (session.State, session.Removed) {
	b.Helper()
	st, removed, err := b.store.Attach(ctx, k, a)
	must.OK(b, err)
	return st, removed
}

// attachFails expects an attach to fail with a code, and to leave nothing: neither in
// the session nor as a named content.
func (b *bench) attachFails(code fault.Code, k session.Key, a session.Attachment) {
	b.Helper()
	before, berr := b.store.Get(ctx, k)
	var had []blob.Key
	if berr == nil {
		had = before.Contents()
	}
	_, removed, err := b.store.Attach(ctx, k, a)
	if got := fault.CodeOf(err); got != code {
		b.Errorf("attach: code %q (%v), want %q", got, err, code)
	}
	if !reflect.DeepEqual(removed, session.Removed{}) {
		b.Errorf("a failed attach says that it removed %+v", removed)
	}
	after, aerr := b.store.Get(ctx, k)
	if fault.CodeOf(aerr) != fault.CodeOf(berr) {
		b.Errorf("get after a failed attach: %v, before: %v", aerr, berr)
	}
	if berr == nil {
		b.same(after, before)
	}
	for _, f := range a.Files {
		if f.Content.Key.Valid() && !slices.Contains(had, f.Content.Key) {
			b.named(false, f.Content.Key)
		}
	}
}

func (b *bench) get(k session.Key) session.State {
	b.Helper()
	st, err := b.store.Get(ctx, k)
	must.OK(b, err)
	return st
}

func (b *bench) isGone(k session.Key) {
	b.Helper()
	if st, err := b.store.Get(ctx, k); fault.CodeOf(err) != fault.NotFound {
		b.Errorf("get: %+v, %v; want code not_found", st, err)
	}
}

func (b *bench) isEmpty(st session.State) {
	b.Helper()
	if len(st.Inputs()) != 0 || st.Revision != 1 {
		b.Errorf("a new incarnation is not empty: %+v", st)
	}
	if st.Incarnation == (session.Incarnation{}) {
		b.Error("a new incarnation has no name")
	}
}

// same expects two states that are equal but for their last use.
func (b *bench) same(got, want session.State) {
	b.Helper()
	got, want = comparable(got), comparable(want)
	if !reflect.DeepEqual(got, want) {
		b.Errorf("state:\n got %+v\nwant %+v", got, want)
	}
}

// comparable converts a state so that equal states are deeply equal.
func comparable(s session.State) session.State {
	s.LastUsed, s.Expires = time.Time{}, time.Time{}
	s.Created = s.Created.UTC()
	for _, slot := range []*[]session.Input{&s.BOL, &s.Orders, &s.Amendments} {
		files := make([]session.Input, len(*slot))
		for i, f := range *slot {
			files[i] = comparableInput(f)
		}
		*slot = files
	}
	return s
}

func comparableInput(f session.Input) session.Input {
	f.Attached = f.Attached.UTC()
	if f.Summary != nil {
		var v any
		json.Unmarshal(f.Summary, &v)
		f.Summary, _ = json.Marshal(v)
	}
	return f
}

// holds expects a session to hold files with these names and contents, and no amendments.
func (b *bench) holds(st session.State, orders *session.Input, bol ...session.Input) {
	b.Helper()
	var exports []session.Input
	if orders != nil {
		exports = []session.Input{*orders}
	}
	b.holdsAll(st, bol, exports, nil)
}

// holdsAll expects a session to hold files with these names and contents.
func (b *bench) holdsAll(st session.State, bol, orders, amendments []session.Input) {
	b.Helper()
	bare := func(f session.Input) session.Input {
		f = comparableInput(f)
		f.Attached = time.Time{}
		return f
	}
	for _, slot := range []struct {
		name      session.Slot
		got, want []session.Input
	}{{session.BOL, st.BOL, bol}, {session.Orders, st.Orders, orders}, {session.Amendments, st.Amendments, amendments}} {
		if len(slot.got) != len(slot.want) {
			b.Errorf("%s has %d files, want %d", slot.name, len(slot.got), len(slot.want))
			continue
		}
		for i := range slot.want {
			if !reflect.DeepEqual(bare(slot.got[i]), bare(slot.want[i])) {
				b.Errorf("file %d of %s is %+v, want %+v", i, slot.name, slot.got[i], slot.want[i])
			}
		}
	}
}

// removes expects that an operation removed exactly these files.
func (b *bench) removes(r session.Removed, files ...session.Input) {
	b.Helper()
	var bytes int64
	var contents []blob.Key
	for _, f := range files {
		bytes += f.Content.Size
		contents = append(contents, f.Content.Key)
		if !f.Reading.IsZero() {
			contents = append(contents, f.Reading.Key)
		}
	}
	if r.Files != len(files) || r.Bytes != bytes {
		b.Errorf("removed %d files of %d bytes, want %d of %d", r.Files, r.Bytes, len(files), bytes)
	}
	b.contents(r.Contents, contents)
}

// contents expects the same keys, in any order.
func (b *bench) contents(got, want []blob.Key) {
	b.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.Errorf("contents %v, want %v", got, want)
	}
	for _, k := range want {
		b.named(false, k)
	}
}

func (b *bench) named(want bool, keys ...blob.Key) {
	b.Helper()
	named, err := b.store.Named(ctx, keys)
	if err != nil || len(named) != len(keys) {
		b.Fatalf("named: %v, %v", named, err)
	}
	for i, is := range named {
		if is != want {
			b.Errorf("content %s: named is %v, want %v", keys[i], is, want)
		}
	}
}

// list returns all sessions of an owner, read in pages.
func (b *bench) list(owner session.Owner, limit int) []session.State {
	b.Helper()
	all, err := listAll(b.store, owner, limit)
	must.OK(b, err)
	return all
}

func listAll(s session.Store, owner session.Owner, limit int) ([]session.State, error) {
	var all []session.State
	for q := (session.Query{Owner: owner, Limit: limit}); ; {
		p, err := s.List(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		if len(p.Sessions) > limit {
			return nil, fmt.Errorf("a page of at most %d has %d sessions", limit, len(p.Sessions))
		}
		all = append(all, p.Sessions...)
		if !p.More {
			return all, nil
		}
		if len(p.Sessions) == 0 {
			return nil, fmt.Errorf("an empty page says that there are more")
		}
		q.After = p.Sessions[len(p.Sessions)-1].Key
	}
}

// sweep removes everything that has expired.
func (b *bench) sweep(limit int) session.Expired {
	b.Helper()
	var all session.Expired
	for {
		x, err := b.store.Expire(ctx, limit)
		must.OK(b, err)
		if x.Sessions > limit {
			b.Errorf("a step of at most %d removed %d sessions", limit, x.Sessions)
		}
		all.Add(x.Removed)
		all.Sessions += x.Sessions
		if !x.More {
			return all
		}
	}
}

// hostile are unusual but valid IDs, all different.
var hostile = []string{
	"../x", "../../etc/passwd", "/etc/passwd", `..\x`, "x/../y", ".", "..", "~", "-rf", "%2e%2e%2f", "con", "nul.db", "sessions.db", "LOCK",
	"x", "X", " x", "x ", "x.", "\u00a0x", "\u200bx", "x\u200d", "\ufeffx",
	"e\u0301", "\u00e9", // one é decomposed, one composed
	"\u212b", "\u00c5", "A\u030a", // Ångström, Å, Å decomposed
	"\ufb01", "fi", "\u017f", "s", "\u212a", "k", "K", "\u00df", "ss", "SS", "\u0131", "i", "I", "\u0130",
	"\u202ex", "x\u202e", "\u2028", "\u2029", "\u2066x\u2069", "\U000e0001", "\ufffd", "\uffff", "\U0010ffff", "\U0001f600",
	"'; DROP TABLE session; --", `"`, "`", "$(id)", "${x}", "%s%n", "<script>", "*", "?", "[a-z]", "s_", "NULL", "null", "0", "00", "true",
	string(bytes.Repeat([]byte("a"), 255)), string(bytes.Repeat([]byte("é"), 127)), string(bytes.Repeat([]byte("a"), 254)),
}

// refused are strings that cannot be IDs.
var refused = []string{
	"", "\x00", "a\x00", "a\x00b", "\n", "a\r", "\t", "\x1b[2J", "\x7f", "\u0080", "a\u0085b", "\u009f",
	"\xff", "a\xc3", "\xc3\x28", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82",
	string(bytes.Repeat([]byte("a"), 256)), string(bytes.Repeat([]byte("é"), 128)), string(bytes.Repeat([]byte("a"), 10<<10)),
}
