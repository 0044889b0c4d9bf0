// Package session keeps workflows in isolated sessions (DESIGN.md §6): who owns them,
// what they are called, which incarnation they are in, what is attached to them and
// when they end.
//
// Sessions live in a Store and the contents of their files in a blob.Store. An upload
// works like this, without holding a lock:
//
//	st, _, err := store.Open(ctx, key, session.Named) // the incarnation it belongs to
//	ref, err := contents.Put(ctx, upload)             // durable, but named by no row
//	st, removed, err := store.Attach(ctx, key, session.Attachment{
//		Incarnation: st.Incarnation,
//		Slot:        session.BOL,
//		Mode:        session.Replace,
//		Files:       []session.Input{{Name: name, Content: ref}},
//	})
//	if err != nil && session.Settled(err) {
//		contents.Delete(ctx, ref.Key) // the attach had no effect
//	} else {
//		contents.Release(ref.Key) // the row decides
//	}
//	contents.Delete(ctx, removed.Contents...) // what it replaced
//
// A Janitor deletes what a crash between these steps leaves behind.
package session

import (
	"context"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// The codes that operations on sessions can fail with, besides fault.NotFound,
// fault.BadRequest, fault.Busy and fault.Cancelled.
const (
	BadID        fault.Code = "bad_session_id"     // the ID cannot name a session
	Superseded   fault.Code = "session_superseded" // the incarnation in which the upload began is over
	Changed      fault.Code = "session_changed"    // another attach took effect first
	TooManyFiles fault.Code = "too_many_files"     // over MaxFiles

	StorageFull        = blob.StorageFull        // no room; nothing was changed
	StorageUnavailable = blob.StorageUnavailable // storage fails; whether anything was changed is not known
)

// ErrSuperseded returns the fault of an attach whose incarnation is over.
func ErrSuperseded() error {
	return fault.New(Superseded, "the session was reset, cleared or has expired since this upload began; nothing of it was kept, upload it again")
}

// ErrNotFound returns the fault of a session that does not exist.
func ErrNotFound() error {
	return fault.New(fault.NotFound, "there is no such session: it was never used, or was cleared or has expired")
}

// ErrChanged returns the fault of an attach that depends on a state that has changed.
func ErrChanged() error {
	return fault.New(Changed, "another upload changed the session first; this one changed nothing, so try again")
}

// ErrTooManyFiles returns the fault of an attach after which a slot would have n files.
func ErrTooManyFiles(slot Slot, n int) error {
	if slot == Orders {
		return fault.New(TooManyFiles, "the session would have %d order exports, but can have at most %d; begin a new session", n, MaxFiles)
	}
	return fault.New(TooManyFiles, "the session's BOL would have %d files, but can have at most %d; begin a new session", n, MaxFiles)
}

// ErrFull returns the fault of beginning a session where there are as many as the store
// may have. The sweep of expired ones passes every minute.
func ErrFull() error {
	return fault.New(fault.Busy, "the server holds as many sessions as it may (--max-sessions): clear some that are done, or wait until some have expired").
		With(RetryAfter{Seconds: 60})
}

// ErrBusy returns the fault of an operation for which the store has no room now; what says why.
func ErrBusy(what string) *fault.Error {
	return fault.New(fault.Busy, "the server is busy: %s; try again in a moment", what).With(RetryAfter{Seconds: 1})
}

// ErrClosed returns the fault of an operation on a store that was closed.
func ErrClosed() error {
	return fault.New(StorageUnavailable, "the session store is closed: the server is shutting down")
}

// Seconds returns whole seconds for a RetryAfter: not less than a time, from 1 to 300.
func Seconds(d time.Duration) int {
	return int(min(max((d+time.Second-1)/time.Second, 1), 300))
}

// RetryAfter is the Details of a fault with code fault.Busy.
type RetryAfter struct {
	Seconds int `json:"retry_after_seconds"`
}

// Settled reports whether it is certain that the operation that returned err
// had no effect, now or later. That holds for every error but
// StorageUnavailable, and internal ones.
func Settled(err error) bool {
	c := fault.CodeOf(err)
	return c != "" && c != StorageUnavailable && c != fault.Internal
}

// Settings are the settings of a Store. The zero value is valid.
type Settings struct {
	// Lives are the times after which unused sessions expire.
	Lives Lives
	// Now is the clock. nil means the system's, made Steady, or the one that all processes
	// of the store share.
	Now func() time.Time
	// MaxSessions bounds the number of sessions in the store, 0 means
	// 1,000,000. Beginning one more fails with fault.Busy until others are
	// cleared or swept.
	MaxSessions int
}

// Store keeps sessions. It is safe for concurrent use. Package sessiontest defines
// it: a store is correct if it passes that suite.
//
// Every method on a key is linearizable: it takes effect at one instant between call
// and return, and is durable before it returns. A session that was not used for its
// kind's life does not exist: from the instant State.Expires on, no method finds it,
// whether it was swept or not. A method that "records a use" moves that instant. Uses
// are not written one by one: a crash may make a session's last use seem earlier, by
// at most a sixteenth of its life.
//
// All methods check keys first and fail with BadID for an invalid one. They fail with
// fault.Cancelled if ctx ends before they take effect, and then nothing was done;
// once an operation is being committed, the method waits for its outcome, whether ctx
// ends or not. They fail with fault.Busy if too many operations are waiting (Details
// is a RetryAfter), and with StorageFull if there is no room; nothing was done then
// either. They fail with StorageUnavailable if storage fails: it is then unknown
// whether the operation took effect, or will turn out to have done so after a
// restart, but it never takes effect in part.
//
// No method waits for an upload, its own or another session's.
type Store interface {
	// Open returns the live session of exactly that key. If there is none it begins
	// an empty incarnation of the given kind; a live session keeps its kind. It
	// records a use. Removed has Contents only: those of an expired session of that
	// key.
	Open(ctx context.Context, key Key, kind Kind) (State, Removed, error)

	// New begins an empty incarnation, whether or not the session exists, and returns
	// what it removed. Nothing of an earlier incarnation is ever visible again. New
	// clears and begins in one step.
	New(ctx context.Context, key Key, kind Kind) (State, Removed, error)

	// Clear ends the session and returns what it removed. If the session does not
	// exist, Clear succeeds and removes nothing.
	Clear(ctx context.Context, key Key) (Removed, error)

	// Attach changes the inputs of the session by the rule of State.Attach and
	// returns the state after it. It records a use. If the session does not exist, or
	// is in another incarnation than the attachment says, it fails with Superseded;
	// it never begins one. Contents that another session names are refused with
	// fault.BadRequest: every content belongs to one session.
	Attach(ctx context.Context, key Key, a Attachment) (State, Removed, error)

	// Get returns the live session or fails with fault.NotFound. It records a use,
	// but does not wait for storage.
	Get(ctx context.Context, key Key) (State, error)

	// List returns live sessions in the order of their keys. It does not record a
	// use. Each State was the session's at some instant between call and return, but
	// not all at the same instant; a session that lives throughout the call is always
	// listed.
	List(ctx context.Context, q Query) (Page, error)

	// Expire removes up to limit expired sessions for good, and returns what it
	// removed; the caller deletes Removed.Contents. Only the janitor calls it: a
	// session is gone when it expires, not when it is removed.
	Expire(ctx context.Context, limit int) (Expired, error)

	Profiles

	// Webhooks keeps a document of package webhook for each owner, by the rules of
	// profiles and apart from them.
	Webhooks() Profiles

	// Named reports for each content whether a session's row names it (expired
	// sessions that were not removed included), as of one instant between call and
	// return. It fails with StorageUnavailable while that is not certain.
	Named(ctx context.Context, keys []blob.Key) ([]bool, error)

	// Check makes a durable write that changes nothing, and returns the error if that
	// fails.
	Check(ctx context.Context) error

	// Close waits for the operations under way and ends the store. Methods called
	// after it fail with StorageUnavailable and have no effect.
	Close() error
}

// Query selects sessions to list.
type Query struct {
	// Owner is the owner whose sessions are listed, "" for all owners.
	Owner Owner
	// After is the key after which the page begins; the zero Key asks for the
	// first page.
	After Key
	// Limit is the size of the page: 1 to MaxPage. Other values mean MaxPage.
	Limit int
	// Bytes asks for Page.Bytes, which takes longer.
	Bytes bool
}

// MaxPage is the largest page of a listing.
const MaxPage = 1000

// Page is a part of a listing.
type Page struct {
	Sessions []State
	// More is true if further sessions follow. The Key of the last session is the
	// After of the next page.
	More bool
	// Total counts the live sessions of the owner, or of all owners.
	Total int
	// Bytes is the size of everything that these have in storage, if it was asked for.
	Bytes int64
}

// Expired is the result of a step of the sweep.
type Expired struct {
	Removed
	// Sessions is the number of sessions.
	Sessions int
	// More is true if there may be more sessions to remove now.
	More bool
}
