package session

import (
	"context"
	"encoding/json"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// Exists is the code of an import of a session in whose place there is another.
const Exists fault.Code = "session_exists"

// ErrExists makes the fault that an import gets if there is another session under
// its key, or a later revision of the same.
func ErrExists() error {
	return fault.New(Exists, "there is another session of that ID, or a later state of it; nothing was changed")
}

// Importer is a Store that also takes sessions over from another store, as they
// were there. Not every Store must; package sessiontest tries those that do.
type Importer interface {
	Store

	// Import makes the session what st says: its key, kind, incarnation, revision,
	// files and times. It does not count as use: the session's life goes on from
	// st.LastUsed, taken to be now if that is yet to come, by the lives of this
	// store, and st.Expires is ignored. One whose life is over by then is imported
	// as an expired session, which no method finds.
	//
	// If the same incarnation lives here with a lower revision, st takes its place,
	// and the later of their last uses counts. If it lives here with the same
	// revision, only that is done. If it has a higher one, or if another
	// incarnation lives under the key, Import fails with Exists.
	//
	// Like all that a Store does with a key it is linearizable, durable when it
	// returns, all or nothing, and keeps the bound on sessions. It refuses contents
	// that another session names, and states that make no sense (State.Check), with
	// fault.BadRequest. It returns what it removed, for the caller to delete, as
	// Attach and Open do.
	Import(ctx context.Context, st State) (Removed, error)
}

// Check returns a fault with code BadID or fault.BadRequest if no session can be
// in this state. Every Importer calls it first.
func (s State) Check() error {
	if err := s.Key.Check(); err != nil {
		return err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.BadRequest, "importing a session: "+format, args...)
	}
	switch {
	case !s.Kind.Valid():
		return bad("there is no kind of session called %q", s.Kind)
	case s.Incarnation == Incarnation{}:
		return bad("it has no incarnation")
	case s.Revision < 1:
		return bad("there is no revision %d", s.Revision)
	case len(s.BOL) > MaxFiles:
		return bad("its BOL has %d files; at most %d fit", len(s.BOL), MaxFiles)
	}
	seen := map[blob.Key]bool{}
	for _, in := range s.Inputs() {
		if err := in.check(seen, bad); err != nil {
			return err
		}
	}
	return nil
}

// check looks for what cannot be attached. seen are the contents of the files
// before it.
func (in Input) check(seen map[blob.Key]bool, bad func(string, ...any) error) error {
	refs := []blob.Ref{in.Content}
	if !in.Reading.IsZero() {
		refs = append(refs, in.Reading)
	}
	for _, r := range refs {
		if !r.Key.Valid() || r.Size < 0 {
			return bad("a file has no stored content")
		}
		if seen[r.Key] {
			return bad("two files share a stored content")
		}
		seen[r.Key] = true
	}
	switch {
	case FileName(in.Name) != in.Name:
		return bad("a file's name is not clean")
	case len(in.Summary) > MaxSummary:
		return bad("a summary has %d bytes; at most %d are kept", len(in.Summary), MaxSummary)
	case in.Summary != nil && !json.Valid(in.Summary):
		return bad("a summary is not JSON")
	}
	return nil
}

// Import returns the state that an import of st leaves where the session in the
// state s lives, without LastUsed and Expires, what that removes, and whether it
// differs from s. It is the rule that every Importer applies; where no session
// lives the state is st. It fails with Exists.
func (s State) Import(st State) (next State, removed Removed, changed bool, err error) {
	switch {
	case s.Incarnation != st.Incarnation || s.Revision > st.Revision:
		return State{}, Removed{}, false, ErrExists()
	case s.Revision == st.Revision:
		return s, Removed{}, false, nil
	}
	st.Kind, st.Created = s.Kind, s.Created
	return st, s.lost(st), true, nil
}

// ImportTime is when a state to import was last used, in milliseconds since 1970,
// if it is now.
func (s State) ImportTime(now time.Time) int64 {
	return min(s.LastUsed.UnixMilli(), now.UnixMilli())
}
