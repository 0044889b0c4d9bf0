package desk

import (
	"context"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/text"
	"tallyman/internal/turn"
)

// OwnerLimit is the code of a request that would take its owner over a limit that holds
// until the owner clears sessions, or they expire.
const OwnerLimit fault.Code = "owner_limit"

// Exceeded is the Details of a fault with code OwnerLimit.
type Exceeded struct {
	// Limit is "sessions" or "bytes", and Most the greatest allowed number.
	Limit string `json:"limit"`
	Most  int64  `json:"most"`
}

// owners keeps what each owner uses within the limits for one owner.
//
// The store of sessions is asked how many sessions and bytes an owner has only if what
// was counted since the last answer could exceed the limit, or if other processes may
// have added some.
type owners struct {
	sessions session.Store
	limits   Limits
	uploads  *turn.Queue   // those under way
	patience time.Duration // how long one waits to begin

	mu sync.Mutex
	m  map[session.Owner]*account
}

// account is what one owner uses.
type account struct {
	uploads  []time.Time // when those under way began
	arriving int64       // bytes of these on the disk

	// sessions and bytes are at least what the owner has, as of at.
	sessions, bytes int64
	at              time.Time
}

const (
	// usageKept is how long an answer of the store is used.
	usageKept = 10 * time.Second
	// mostAccounts bounds the owners in memory; more are forgotten, and asked for anew.
	mostAccounts = 10_000
)

// with runs a function on an owner's account.
func (o *owners) with(owner session.Owner, f func(*account)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.m[owner]
	if a == nil {
		if len(o.m) >= mostAccounts {
			for k, old := range o.m {
				if len(old.uploads) == 0 {
					delete(o.m, k)
				}
			}
		}
		a = &account{}
		o.m[owner] = a
	}
	f(a)
}

// fits fails with OwnerLimit if an owner cannot have so many more sessions and bytes. With
// count they are counted from now on.
func (o *owners) fits(ctx context.Context, owner session.Owner, sessions, bytes int64, count bool) error {
	over := func(a *account) error {
		switch {
		case sessions > 0 && a.sessions+sessions > int64(o.limits.OwnerSessions):
			return fault.New(OwnerLimit, "you have %s, and can have no more (--owner-sessions of the server); clear some, or use them again", text.Count(int(a.sessions), "session")).
				With(Exceeded{"sessions", int64(o.limits.OwnerSessions)})
		case bytes > 0 && a.bytes+a.arriving+bytes > o.limits.OwnerBytes:
			return fault.New(OwnerLimit, "your sessions have %s of files, and can have %s at most (--owner-storage of the server); clear some", text.Size(a.bytes+a.arriving), text.Size(o.limits.OwnerBytes)).
				With(Exceeded{"bytes", o.limits.OwnerBytes})
		}
		return nil
	}
	var err error
	fresh := false
	try := func(a *account) {
		fresh = time.Since(a.at) < usageKept
		if err = over(a); err == nil && fresh && count {
			a.sessions += sessions
			a.bytes += bytes
		}
	}
	o.with(owner, try)
	if fresh && err == nil {
		return nil
	}
	began := time.Now()
	page, failed := o.sessions.List(ctx, session.Query{Owner: owner, Limit: 1, Bytes: true})
	if failed != nil {
		return failed
	}
	o.with(owner, func(a *account) {
		a.sessions, a.bytes, a.at = int64(page.Total), page.Bytes, began
		try(a)
	})
	return err
}

// beginWait is how long an upload waits until others of its owner have ended.
const beginWait = 20 * time.Second

func newOwners(sessions session.Store, l Limits) *owners {
	return &owners{
		sessions: sessions, limits: l, m: map[session.Owner]*account{}, patience: beginWait,
		uploads: turn.NewQueue(turn.Limits{Places: math.MaxInt, Each: l.OwnerUploads, Waiting: math.MaxInt, OwnerWaiting: l.OwnerUploads}, time.Second),
	}
}

// begin waits until an owner may have one more upload under way; end ends it, of which so
// many bytes were stored. It fails with fault.Busy if too many wait, or after a time, and
// with fault.Cancelled.
func (o *owners) begin(ctx context.Context, owner session.Owner) (end func(stored int64), err error) {
	defer turn.Pause(ctx)()
	soon, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	place, err := o.uploads.Enter(soon, string(owner))
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, fault.Ended(ctx.Err())
	case err != nil:
		return nil, o.errMany(owner)
	}
	began := time.Now()
	o.with(owner, func(a *account) { a.uploads = append(a.uploads, began) })
	return func(stored int64) {
		o.with(owner, func(a *account) {
			if i := slices.Index(a.uploads, began); i >= 0 {
				a.uploads = slices.Delete(a.uploads, i, i+1)
			}
			a.arriving -= stored
		})
		place.Leave()
	}, nil
}

// check fails with fault.Busy if begin would do so at once.
func (o *owners) check(owner session.Owner) error {
	if o.uploads.Full(string(owner)) {
		return o.errMany(owner)
	}
	return nil
}

// mostWait bounds the advice after how many seconds an upload may find room because others
// stand still: those end within that time.
const mostWait = 30 * time.Second

// errMany is the fault of an upload beside too many others. Nobody knows how long these
// take: as long as those before, or about as long again as they have taken until now.
func (o *owners) errMany(owner session.Owner) error {
	wait := o.uploads.Wait(string(owner))
	o.with(owner, func(a *account) {
		if len(a.uploads) > 0 {
			wait = max(wait, min(time.Since(slices.MinFunc(a.uploads, time.Time.Compare)), mostWait))
		}
	})
	return fault.New(fault.Busy, "you have %s under way, and can have no more at once (--owner-uploads of the server); others are waiting for one of them to end", text.Count(o.limits.OwnerUploads, "upload")).
		With(session.RetryAfter{Seconds: session.Seconds(wait)})
}

// meter counts what arrives for an owner, and ends with OwnerLimit where it is too much.
type meter struct {
	io.Reader
	ctx   context.Context
	desk  *Desk
	owner session.Owner
	read  int64
	fits  int64 // how many bytes are known to fit
}

// meterStep is how many bytes are asked for at a time.
const meterStep = 1 << 20

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.read += int64(n)
	for m.fits < m.read {
		if err := m.desk.owners.fits(m.ctx, m.owner, 0, meterStep, false); err != nil {
			return 0, err
		}
		m.fits += meterStep
		m.desk.owners.with(m.owner, func(a *account) { a.arriving += meterStep })
	}
	return n, err
}
