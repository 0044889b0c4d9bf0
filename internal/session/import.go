package session

import (
	"context"
	"encoding/json"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// Exists is the code of an import that fails because another session has the key.
const Exists fault.Code = "session_exists"

// ErrExists returns the fault of an import whose key has another session, or a later
// revision of the same session.
func ErrExists() error {
	return fault.New(Exists, "another session has this ID, or a later state of the same session is here; nothing was changed")
}

// Importer is a Store that can take over sessions from another store unchanged. It is
// optional; package sessiontest tests the stores that implement it.
type Importer interface {
	Store

	// Import stores the session as st describes it: its key, kind, incarnation,
	// revision, files and times. It does not record a use: the session's life
	// continues from st.LastUsed (now, if that lies in the future) by the lives of
	// this store; st.Expires is ignored. If its life is over by then, it is imported
	// as an expired session, which no method finds.
	//
	// If the same incarnation lives here with a lower revision, st replaces it, and
	// the later of the two last uses counts. If it has the same revision, only the
	// last use is updated. If it has a higher one, or if another incarnation lives
	// under the key, Import fails with Exists.
	//
	// Like every method on a key, Import is linearizable, durable when it returns,
	// and all or nothing, and keeps the bound on sessions. It refuses contents that
	// another session names, and invalid states (State.Check), with fault.BadRequest.
	// It returns what it removed, for the caller to delete, as Attach and Open do.
	Import(ctx context.Context, st State) (Removed, error)

	// So is what Webhooks returns.
	ProfileImporter
}

// ProfileImporter can take over profiles from another store.
type ProfileImporter interface {
	Profiles

	// ImportProfile stores an owner's profile with its revision, by the rule of
	// Profile.Import. It fails with Exists, and with fault.BadRequest for a profile
	// without a revision.
	ImportProfile(ctx context.Context, owner Owner, p Profile) error
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
		return bad("unknown kind of session %q", s.Kind)
	case s.Incarnation == Incarnation{}:
		return bad("it has no incarnation")
	case s.Revision < 1:
		return bad("there is no revision %d", s.Revision)
	case len(s.BOL) > MaxFiles:
		return bad("its BOL has %d files; at most %d fit", len(s.BOL), MaxFiles)
	case len(s.Orders) > MaxFiles:
		return bad("it has %d order exports; at most %d fit", len(s.Orders), MaxFiles)
	case len(s.Amendments) > 1:
		return bad("it has %d lists of amendments; one fits", len(s.Amendments))
	}
	seen := map[blob.Key]bool{}
	for _, in := range s.Inputs() {
		if err := in.check(seen, bad); err != nil {
			return err
		}
	}
	return nil
}

// check reports why a file cannot be attached. seen are the contents of the files
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

// Import returns the state after an import of st over the live session s, without
// LastUsed and Expires, what the import removes, and whether the result differs from
// s. Every Importer applies this rule; where no session lives the state is st. It
// fails with Exists.
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

// ImportTime returns the last use of an imported state, in milliseconds since 1970,
// at the time now.
func (s State) ImportTime(now time.Time) int64 {
	return min(s.LastUsed.UnixMilli(), now.UnixMilli())
}
