package sessiontest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/linear"
	"tallyman/internal/testing/must"
)

// Load is a random load of many clients on few sessions, so that their operations
// collide.
type Load struct {
	Clients    int
	Operations int // in each round, by all clients together
	Rounds     int // each on other sessions
	// Clock, if set, is the store's clock. Now and then it jumps by Life, so that all
	// sessions expire during other operations.
	Clock *Clock
	Life  time.Duration
	// Cancel makes contexts end at random moments.
	Cancel bool
	// Stubborn clients go on when storage fails.
	Stubborn bool
	// Reopen, if set, closes and opens the store between rounds.
	Reopen func() session.Store
	// Seed chooses the load, as far as concurrency allows; 0 for a random one.
	Seed uint64
	// Outcomes, if set, counts how the operations ended, as History.Outcomes does.
	Outcomes map[string]int
}

// Linearizable puts a load on a store, records every operation with its answer, and
// has porcupine look for an order of all operations, consistent with when each was
// called and answered, in which each answer follows the rules of DESIGN.md §6. It
// returns the number of operations, and an error if there is no such order, or if a
// content was lost: each must be named by a row, or have been returned to exactly one
// caller to delete.
func Linearizable(store session.Store, l Load) (operations int, err error) {
	seed := l.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	less := 0
	for round := 0; round < max(l.Rounds, 1)+less; round++ {
		l.Seed = seed + uint64(round)<<32
		h := NewHistory()
		run := l.Start(store, h, round)
		run.Clients()
		if l.Reopen != nil {
			store = l.Reopen()
			run.store = store
			h.Restarted()
		}
		run.ReadAll()
		operations += h.Len()
		if l.Outcomes != nil {
			h.Outcomes(l.Outcomes)
		}
		switch err := h.Check(); {
		case errors.Is(err, ErrUndecided) && l.Operations > l.Clients:
			// An undecided round says nothing about the store. Add a smaller round, on
			// other sessions, until one is decided.
			l.Operations = max(l.Clients, l.Operations/2)
			less++
		case err != nil:
			return operations, fmt.Errorf("round %d (seed %d): %w", round, seed, err)
		}
		if err := run.account(); err != nil {
			return operations, fmt.Errorf("round %d (seed %d): %w", round, seed, err)
		}
	}
	return operations, nil
}

// loadKeys is the number of sessions in a round.
const loadKeys = 3

// Round is one round of a load, for tests that do more than Linearizable, such as
// ending a store in the middle of it.
type Round struct {
	load    Load
	store   session.Store
	history *History
	round   int
	// profile is the key of the profile that the clients of this round write.
	profile session.Key

	mu       sync.Mutex
	attached map[blob.Key]bool // by an attach that was acknowledged
	handed   map[blob.Key]int  // returned to callers, to delete
	unsure   bool              // an outcome is unknown
}

// Start prepares a round. The number chooses the sessions; calls and answers are
// added to the history.
func (l Load) Start(store session.Store, h *History, round int) *Round {
	return &Round{load: l, store: store, history: h, round: round, attached: map[blob.Key]bool{}, handed: map[blob.Key]int{},
		// A profile cannot be removed, so each round has an owner of its own.
		profile: profileKey(session.Owner(blob.NewKey()))}
}

// profileKey is the key of an owner's profile in a History: one without an ID.
func profileKey(owner session.Owner) session.Key { return session.Key{Owner: owner} }

// isProfile reports whether a key of a History is that of a profile.
func isProfile(k session.Key) bool { return k.ID == "" }

func (r *Round) key(i int) session.Key { return key(fmt.Sprintf("round %d, session %d", r.round, i)) }

// Clients runs all clients. A client ends early when storage fails.
func (r *Round) Clients() {
	must.AtOnce(r.load.Clients, func(c int) {
		rng := rand.New(rand.NewPCG(r.load.Seed, uint64(c)))
		var known [loadKeys]session.State
		var seen int64
		for range r.load.Operations / r.load.Clients {
			if rng.IntN(8) == 0 {
				r.oneOfProfile(c, rng, &seen)
			} else {
				r.one(c, rng, &known)
			}
			if !r.load.Stubborn && r.failed() {
				return
			}
		}
	})
}

// failed reports whether an outcome is unknown.
func (r *Round) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unsure
}

// one runs one random operation. known are the states that the client saw last.
func (r *Round) one(client int, rng *rand.Rand, known *[loadKeys]session.State) {
	i := rng.IntN(loadKeys)
	k := r.key(i)
	ctx, cancel := context.Background(), func() {}
	if r.load.Cancel && rng.IntN(10) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(2000))*time.Microsecond)
	}
	defer cancel()
	h := r.history
	switch p := rng.IntN(1000); {
	case p < 4 && r.load.Clock != nil:
		call := h.call()
		r.load.Clock.Advance(r.load.Life + time.Millisecond)
		h.record(client, Op{Kind: Tick}, Answer{}, call)
	case p < 10:
		x, err := r.store.Expire(ctx, 1+rng.IntN(3)) // changes nothing that clients see
		r.note(nil, x.Contents, err)
	case p < 150:
		call := h.call()
		st, removed, err := r.store.Open(ctx, k, session.Named)
		h.record(client, Op{Kind: Open, Key: k}, answerOf(st, removed, err), call)
		r.note(nil, removed.Contents, err)
		known[i] = st
	case p < 240:
		call := h.call()
		st, removed, err := r.store.New(ctx, k, session.Named)
		h.record(client, Op{Kind: New, Key: k}, answerOf(st, removed, err), call)
		r.note(nil, removed.Contents, err)
		if rng.IntN(3) > 0 {
			known[i] = st // otherwise an attach will come too late
		}
	case p < 320:
		call := h.call()
		removed, err := r.store.Clear(ctx, k)
		h.record(client, Op{Kind: Clear, Key: k}, answerOf(session.State{}, removed, err), call)
		r.note(nil, removed.Contents, err)
	case p < 640:
		// Most uploads begin with an open; some continue with the client's last
		// incarnation.
		if known[i].Revision == 0 || rng.IntN(3) > 0 {
			call := h.call()
			st, removed, err := r.store.Open(ctx, k, session.Named)
			h.record(client, Op{Kind: Open, Key: k}, answerOf(st, removed, err), call)
			r.note(nil, removed.Contents, err)
			if err != nil {
				return
			}
			known[i] = st
		}
		a := randomAttachment(rng, known[i], named)
		call := h.call()
		st, removed, err := r.store.Attach(ctx, k, a)
		h.record(client, opOf(k, a), answerOf(st, removed, err), call)
		var contents []blob.Key
		for _, f := range a.Files {
			contents = append(contents, f.Content.Key, f.Reading.Key)
		}
		if a.Mode == session.Detach {
			contents = nil // they were attached before
		}
		r.note(contents, removed.Contents, err)
		switch {
		case err == nil && rng.IntN(2) == 0:
			known[i] = st
		case fault.CodeOf(err) == session.Superseded && rng.IntN(2) == 0:
			known[i] = session.State{}
		}
	default:
		call := h.call()
		st, err := r.store.Get(ctx, k)
		h.record(client, Op{Kind: Get, Key: k}, answerOf(st, session.Removed{}, err), call)
		if err == nil && rng.IntN(4) == 0 {
			known[i] = st
		}
	}
}

// oneOfProfile reads or writes the profile. seen is the revision that the client saw.
func (r *Round) oneOfProfile(client int, rng *rand.Rand, seen *int64) {
	h, owner := r.history, r.profile.Owner
	if rng.IntN(2) == 0 {
		call := h.call()
		p, err := r.store.Profile(context.Background(), owner)
		h.record(client, Op{Kind: GetProfile, Key: r.profile}, profileAnswer(p, err), call)
		*seen = p.Revision
		return
	}
	p := session.Profile{Revision: *seen, Content: []byte(blob.NewKey())}
	call := h.call()
	next, err := r.store.PutProfile(context.Background(), owner, p)
	h.record(client, putOf(r.profile, p), profileAnswer(next, err), call)
	r.note(nil, nil, err)
	*seen = next.Revision
}

// putOf describes the writing of a profile.
func putOf(k session.Key, p session.Profile) Op {
	return Op{Kind: PutProfile, Key: k, Revision: p.Revision, Files: Files(p.Content)}
}

// profileAnswer describes the answer of an operation on a profile.
func profileAnswer(p session.Profile, err error) Answer {
	if err != nil {
		return Answer{Code: fault.CodeOf(err), Unknown: !session.Settled(err)}
	}
	return Answer{Revision: p.Revision, BOL: Files(p.Content)}
}

// named makes a file to attach whose name is that of its content.
func named() session.Input {
	f := NewInput("")
	f.Name = string(f.Content.Key[:8])
	return f
}

// randomAttachment makes a change of any kind to a state that a client saw, with new files.
func randomAttachment(rng *rand.Rand, st session.State, file func() session.Input) session.Attachment {
	inc := st.Incarnation
	switch rng.IntN(8) {
	case 0:
		return ordersOf(inc, file())
	case 1:
		return bolOf(inc, file())
	case 2:
		return appendOf(inc, file(), file())
	case 3:
		return slotOf(inc, session.Orders, session.Append, file())
	case 4:
		// Whoever takes a file away saw it.
		for _, slot := range session.Slots {
			if files := *st.In(slot); len(files) > 0 && rng.IntN(2) == 0 {
				return slotOf(inc, slot, session.Detach, files[rng.IntN(len(files))])
			}
		}
		fallthrough
	default:
		a := slotOf(inc, session.Amendments, session.Replace, file())
		if rng.IntN(4) > 0 {
			a.Revision = st.Revision
		}
		return a
	}
}

// note records attached and removed contents.
func (r *Round) note(attached, removed []blob.Key, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.unsure = r.unsure || !session.Settled(err)
		return
	}
	for _, c := range attached {
		r.attached[c] = true
	}
	for _, c := range removed {
		r.handed[c]++
	}
}

// ReadAll reads every session of the round.
func (r *Round) ReadAll() {
	for i := range loadKeys {
		call := r.history.call()
		st, err := r.store.Get(context.Background(), r.key(i))
		r.history.record(r.load.Clients, Op{Kind: Get, Key: r.key(i)}, answerOf(st, session.Removed{}, err), call)
	}
	call := r.history.call()
	p, err := r.store.Profile(context.Background(), r.profile.Owner)
	r.history.record(r.load.Clients, Op{Kind: GetProfile, Key: r.profile}, profileAnswer(p, err), call)
}

// account checks that no content was lost or handed out twice.
func (r *Round) account() error {
	if r.unsure {
		return nil // whether it took effect is unknown
	}
	for {
		x, err := r.store.Expire(context.Background(), 100)
		if err != nil {
			return err
		}
		r.note(nil, x.Contents, nil)
		if !x.More {
			break
		}
	}
	here := map[blob.Key]bool{}
	for i := range loadKeys {
		if st, err := r.store.Get(context.Background(), r.key(i)); err == nil {
			for _, c := range st.Contents() {
				here[c] = true
			}
		}
	}
	for c, n := range r.handed {
		switch {
		case !r.attached[c]:
			return fmt.Errorf("content %s, which nobody attached, was handed out to be deleted", c)
		case n > 1:
			return fmt.Errorf("content %s was handed out to be deleted %d times", c, n)
		case here[c]:
			return fmt.Errorf("content %s was handed out to be deleted, but is in a session", c)
		}
	}
	for c := range r.attached {
		named, err := r.store.Named(context.Background(), []blob.Key{c})
		switch {
		case err != nil:
			return err
		case here[c] != named[0]:
			return fmt.Errorf("content %s: in a session %v, named %v", c, here[c], named[0])
		case !here[c] && r.handed[c] == 0:
			return fmt.Errorf("content %s is in no session and was handed to nobody to be deleted", c)
		}
	}
	// The next round must not find these sessions.
	for i := range loadKeys {
		if _, err := r.store.Clear(context.Background(), r.key(i)); err != nil {
			return err
		}
	}
	return nil
}

// OpKind is a kind of operation in a History.
type OpKind string

// The operations. Tick is a jump of the clock that ends every session last used
// before it.
const (
	Open   OpKind = "open"
	New    OpKind = "new"
	Clear  OpKind = "clear"
	Attach OpKind = "attach"
	Get    OpKind = "get"
	Tick   OpKind = "tick"

	GetProfile OpKind = "get_profile"
	PutProfile OpKind = "put_profile"
)

// Op is an operation as it was called.
type Op struct {
	Kind OpKind      `json:"kind"`
	Key  session.Key `json:"key"`
	// For an attach: the incarnation in hexadecimal, slot and mode.
	Incarnation string       `json:"incarnation,omitempty"`
	Slot        session.Slot `json:"slot,omitempty"`
	Mode        session.Mode `json:"mode,omitempty"`
	// Files are those of an attach, or the content of a profile that is written.
	Files Files `json:"files,omitempty"`
	// Revision is the one of the profile that its writer saw, or that an attach depends on.
	Revision int64 `json:"revision,omitempty"`
}

// String shows the operation without its session.
func (o Op) String() string {
	switch o.Kind {
	case Attach:
	case PutProfile:
		return fmt.Sprintf("put profile %q over revision %d", o.Files, o.Revision)
	default:
		return string(o.Kind)
	}
	return fmt.Sprintf("attach %s %s %q in %.6s at revision %d", o.Slot, o.Mode, o.Files, o.Incarnation, o.Revision)
}

// Files are attached files, each as "name:bytes;".
type Files string

// filesOf describes files.
func filesOf(in []session.Input) Files {
	var s strings.Builder
	for _, f := range in {
		fmt.Fprintf(&s, "%s/%s:%d;", f.Name, f.Content.Key[:8], f.Content.Size)
	}
	return Files(s.String())
}

// opOf describes an attach.
func opOf(k session.Key, a session.Attachment) Op {
	return Op{Kind: Attach, Key: k, Incarnation: a.Incarnation.String(), Slot: a.Slot, Mode: a.Mode, Files: filesOf(a.Files), Revision: a.Revision}
}

// Answer is what an operation was answered.
type Answer struct {
	// Code is the fault's, "" if there was none.
	Code fault.Code `json:"code,omitempty"`
	// Unknown is true if there was no answer, or one that leaves the outcome
	// open.
	Unknown bool `json:"unknown,omitempty"`

	Incarnation  string `json:"incarnation,omitempty"`
	Revision     int64  `json:"revision,omitempty"`
	BOL          Files  `json:"bol,omitempty"`
	Orders       Files  `json:"orders,omitempty"`
	Amendments   Files  `json:"amendments,omitempty"`
	RemovedFiles int    `json:"removed_files,omitempty"`
	RemovedBytes int64  `json:"removed_bytes,omitempty"`
}

// String shows the answer.
func (a Answer) String() string {
	switch {
	case a.Unknown:
		return "unknown"
	case a.Code != "":
		return string(a.Code)
	}
	s := fmt.Sprintf("%.6s revision %d, BOL %q, orders %q, amendments %q", a.Incarnation, a.Revision, a.BOL, a.Orders, a.Amendments)
	if a.RemovedFiles > 0 {
		s += fmt.Sprintf(", removed %d files of %d bytes", a.RemovedFiles, a.RemovedBytes)
	}
	return s
}

// answerOf describes an operation's answer.
func answerOf(st session.State, removed session.Removed, err error) Answer {
	if err != nil {
		return Answer{Code: fault.CodeOf(err), Unknown: !session.Settled(err)}
	}
	a := Answer{Revision: st.Revision, BOL: filesOf(st.BOL), Orders: filesOf(st.Orders), Amendments: filesOf(st.Amendments),
		RemovedFiles: removed.Files, RemovedBytes: removed.Bytes}
	if st.Revision > 0 {
		a.Incarnation = st.Incarnation.String()
	}
	return a
}

// History is what clients called and which answers they got. It is safe for
// concurrent use.
type History struct {
	now func() int64
	mu  sync.Mutex
	ops []porcupine.Operation
}

// NewHistory returns an empty history.
func NewHistory() *History {
	start := time.Now()
	return &History{now: func() int64 { return int64(time.Since(start)) }}
}

// Len returns the number of operations.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

// call returns the moment at which an operation is called, for record. Call it just
// before the operation.
func (h *History) call() int64 { return h.now() }

// record adds an operation that has just returned. If its outcome is unknown it may
// take effect at any time until Restarted.
func (h *History) record(client int, op Op, a Answer, call int64) {
	ret := h.call()
	if a.Unknown {
		ret = never
	}
	h.recordAt(client, op, a, call, ret)
}

// recordAt adds an operation that took effect between two moments, if at all. Use
// recordAt for all operations of a history or for none.
func (h *History) recordAt(client int, op Op, a Answer, call, ret int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: op, Output: a, Call: call, Return: ret})
}

// never is the moment of return of an operation without an answer.
const never = math.MaxInt64

// Restarted records that the store was reopened: operations under way have taken
// effect by now, or never will.
func (h *History) Restarted() {
	now := h.call()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.ops {
		if h.ops[i].Return == never {
			h.ops[i].Return = now
		}
	}
}

// Outcomes adds the numbers of the operations by kind and outcome.
func (h *History) Outcomes(n map[string]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range h.ops {
		outcome := "ok"
		if a := op.Output.(Answer); a.Unknown || a.Code != "" {
			outcome = a.String()
		}
		n[string(op.Input.(Op).Kind)+": "+outcome]++
	}
}

// checkTimeout bounds the search for an order in one history.
const checkTimeout = 5 * time.Minute

// The errors of Check; package linear says what they mean.
var (
	ErrNotLinearizable = linear.ErrNotLinearizable
	ErrUndecided       = linear.ErrUndecided
)

// Check returns an error that wraps ErrUndecided, or ErrNotLinearizable if no order of the
// operations explains the answers.
func (h *History) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return model.Check(h.ops, checkTimeout)
}

// life is the model's state of one session ID according to DESIGN.md §6, or of a
// profile, which has a revision and, as bol, a content. It is compared with ==.
type life struct {
	alive bool
	// incarnation is "" if no answer has named it yet.
	incarnation string
	revision    int64
	bol, orders Files
	amendments  Files
	// told lists the incarnations that answers have named so far; a new one must not be
	// among them. They follow from the earlier operations, so the checker need not
	// compare them.
	told *told
}

func (l life) equal(o life) bool {
	l.told, o.told = nil, nil
	return l == o
}

// told is a list of incarnations, newest first.
type told struct {
	incarnation string
	before      *told
}

func (t *told) has(inc string) bool {
	for ; t != nil; t = t.before {
		if t.incarnation == inc {
			return true
		}
	}
	return false
}

func count(f Files) int { return strings.Count(string(f), ";") }

func bytesOf(f Files) (sum int64) {
	for _, one := range strings.Split(string(f), ";") {
		var n int64
		if i := strings.LastIndexByte(one, ':'); i >= 0 {
			fmt.Sscan(one[i+1:], &n)
		}
		sum += n
	}
	return sum
}

// removes reports whether an answer says that all files of the life were removed.
func (l life) removes(a Answer) bool {
	if !l.alive {
		return a.RemovedFiles == 0 && a.RemovedBytes == 0
	}
	return a.RemovedFiles == count(l.all()) && a.RemovedBytes == bytesOf(l.all())
}

func (l life) all() Files { return l.bol + l.orders + l.amendments }

// is reports whether an answer matches the life. It returns the life, with the answer's
// incarnation if none was known.
func (l life) is(a Answer) (life, bool) {
	if !l.alive || a.Revision != l.revision || a.BOL != l.bol || a.Orders != l.orders || a.Amendments != l.amendments {
		return l, false
	}
	if l.incarnation == "" {
		return l.tell(a.Incarnation)
	}
	return l, a.Incarnation == l.incarnation
}

// tell names the life's incarnation, unless the name was used before.
func (l life) tell(inc string) (life, bool) {
	if b, err := hex.DecodeString(inc); err != nil || len(b) != 16 || l.told.has(inc) {
		return l, false
	}
	l.incarnation = inc
	l.told = &told{inc, l.told}
	return l, true
}

// begun is the life after a reset.
func (l life) begun() life { return life{alive: true, revision: 1, told: l.told} }

// ended is the life after a clear or expiry.
func (l life) ended() life { return life{told: l.told} }

// written is a profile after a write.
func (l life) written(op Op) life {
	l.revision++
	l.bol = op.Files
	return l
}

// takes reports whether an attach finds its session in the incarnation, with the revision
// and the files that it depends on.
func (l life) takes(op Op) (incarnation, state bool) {
	incarnation = l.alive && l.incarnation == op.Incarnation
	_, there := l.slot(op.Slot).without(op.Files)
	return incarnation, incarnation && (op.Revision == 0 || op.Revision == l.revision) && (op.Mode != session.Detach || there)
}

func (l *life) slot(s session.Slot) *Files {
	switch s {
	case session.BOL:
		return &l.bol
	case session.Orders:
		return &l.orders
	default:
		return &l.amendments
	}
}

// without returns the files without some of them, and whether all of those were there.
func (f Files) without(some Files) (Files, bool) {
	for one := range strings.SplitAfterSeq(string(some), ";") {
		if !strings.Contains(string(f), one) {
			return f, false
		}
		f = Files(strings.Replace(string(f), one, "", 1))
	}
	return f, true
}

// attached is the life after an attach that it takes.
func (l life) attached(op Op) (life, Answer) {
	var a Answer
	was := l
	l.revision++
	slot := l.slot(op.Slot)
	switch op.Mode {
	case session.Append:
		*slot += op.Files
	case session.Detach:
		*slot, _ = slot.without(op.Files)
	default:
		if op.Slot == session.BOL {
			l.orders, l.amendments = "", ""
		}
		*slot = op.Files
	}
	if op.Mode != session.Append {
		// No file that is attached was there before.
		kept := l.all()
		if op.Mode == session.Replace {
			kept, _ = kept.without(op.Files)
		}
		a.RemovedFiles, a.RemovedBytes = count(was.all())-count(kept), bytesOf(was.all())-bytesOf(kept)
	}
	a.Incarnation, a.Revision, a.BOL, a.Orders, a.Amendments = l.incarnation, l.revision, l.bol, l.orders, l.amendments
	return l, a
}

// step returns the lives that an operation with that answer can lead to.
func step(l life, op Op, a Answer) []life {
	switch {
	case a.Unknown:
		return append([]life{l}, effects(l, op)...)
	case op.Kind == Tick:
		return []life{l.ended()}
	case a.Code == session.ProfileChanged && op.Kind == PutProfile:
		return if_(l, l.revision != op.Revision)
	case a.Code == fault.NotFound && op.Kind == Get:
		return if_(l, !l.alive)
	case a.Code == session.Superseded && op.Kind == Attach:
		return if_(l, !l.alive || l.incarnation != op.Incarnation)
	case a.Code == session.TooManyFiles && op.Kind == Attach:
		_, takes := l.takes(op)
		return if_(l, takes && op.Mode == session.Append && count(*l.slot(op.Slot))+count(op.Files) > session.MaxFiles)
	case a.Code == session.Changed && op.Kind == Attach:
		incarnation, takes := l.takes(op)
		return if_(l, incarnation && !takes)
	case a.Code == fault.Cancelled, a.Code == fault.Busy, a.Code == session.StorageFull:
		return []life{l} // refused, so nothing changed
	case a.Code != "":
		return nil
	}
	switch op.Kind {
	case GetProfile:
		return if_(l, a == Answer{Revision: l.revision, BOL: l.bol})
	case PutProfile:
		next := l.written(op)
		return if_(next, l.revision == op.Revision && a == Answer{Revision: next.revision, BOL: next.bol})
	case Get:
		next, ok := l.is(a)
		return if_(next, ok)
	case Open:
		if l.alive {
			next, ok := l.is(a)
			return if_(next, ok && a.RemovedFiles == 0)
		}
		next, ok := l.begun().is(a)
		return if_(next, ok && a.RemovedFiles == 0)
	case New:
		next, ok := l.begun().is(a)
		return if_(next, ok && l.removes(a))
	case Clear:
		return if_(l.ended(), l.removes(a))
	case Attach:
		if _, takes := l.takes(op); !takes {
			return nil
		}
		next, want := l.attached(op)
		return if_(next, a == want)
	}
	return nil
}

// effects returns the lives that an operation without an answer can lead to, provided
// that it took effect.
func effects(l life, op Op) []life {
	switch op.Kind {
	case PutProfile:
		return if_(l.written(op), l.revision == op.Revision)
	case Open:
		return if_(l.begun(), !l.alive)
	case New:
		return []life{l.begun()}
	case Clear:
		return if_(l.ended(), l.alive)
	case Attach:
		if _, takes := l.takes(op); !takes {
			return nil
		}
		next, _ := l.attached(op)
		return if_(next, count(*next.slot(op.Slot)) <= session.MaxFiles)
	}
	return nil
}

func if_(l life, ok bool) []life {
	if !ok {
		return nil
	}
	return []life{l}
}

// model describes DESIGN.md §6 to the checker.
var model = linear.Model[session.Key, life, Op, Answer]{
	Step:  step,
	Equal: life.equal,
	Key:   func(op Op) session.Key { return op.Key },
	Also:  func(k session.Key, op Op) bool { return op.Kind == Tick && !isProfile(k) }, // a profile does not expire
	Show: func(op porcupine.Operation) string {
		return fmt.Sprintf("client %d: %v -> %v", op.ClientId, op.Input, op.Output)
	},
}
