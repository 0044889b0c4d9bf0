package session

import (
	"cmp"
	"encoding/json"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// Kind says how a session is named, which decides how long it lives unused.
type Kind string

// The kinds.
const (
	// Named sessions have an ID that the client gave, or was told and repeats.
	Named Kind = "named"
	// Cookie sessions have an ID that only a browser's cookie holds.
	Cookie Kind = "cookie"
)

// Valid reports whether k is one of the kinds.
func (k Kind) Valid() bool { return k == Named || k == Cookie }

// Check returns a fault with code fault.BadRequest if k is none of the kinds.
func (k Kind) Check() error {
	if !k.Valid() {
		return fault.New(fault.BadRequest, "unknown kind of session %q", k)
	}
	return nil
}

// Lives are the times for which sessions live after their last use. They are
// settings: a change also applies to existing sessions. Zero means the default.
type Lives struct {
	Named  time.Duration // default 24 h
	Cookie time.Duration // default 1 h
}

// Of returns the life of sessions of a kind.
func (l Lives) Of(k Kind) time.Duration {
	if k == Cookie {
		return cmp.Or(max(l.Cookie, 0), time.Hour)
	}
	return cmp.Or(max(l.Named, 0), 24*time.Hour)
}

// Input is a file attached to a session.
type Input struct {
	// Name is the file's name as the client gave it, cleaned by FileName. It is
	// for display only and may be anything.
	Name string `json:"name"`
	// Content is the file as it was uploaded.
	Content blob.Ref `json:"content"`
	// Reading is what was read from the file, in a form that only package desk knows;
	// zero if it is not kept.
	Reading blob.Ref `json:"reading,omitzero"`
	// Summary is a small JSON value that describes the reading in listings: at
	// most MaxSummary bytes, nil if there is none.
	Summary json.RawMessage `json:"summary,omitempty"`
	// Attached is when the attach took effect. The store sets it.
	Attached time.Time `json:"attached"`
}

// Begin returns the first state of a new incarnation.
func Begin(key Key, kind Kind, at time.Time) State {
	return State{Key: key, Kind: kind, Incarnation: NewIncarnation(), Revision: 1, Created: at}
}

// State is the complete description of a session at one instant. What it points at is
// shared and must not be changed.
type State struct {
	Key         Key
	Kind        Kind
	Incarnation Incarnation
	// Revision is 1 when the incarnation begins and grows by 1 with each attach.
	// Within an incarnation, equal revisions mean equal inputs.
	Revision int64
	// BOL are the files of the session's BOL, in the order in which they were
	// attached: one, or more if some were uploaded together or appended.
	BOL []Input
	// Orders are the order exports, in the order in which they were attached: mostly one.
	Orders []Input
	// Amendments is the list of amendments, as one file; none if there are no amendments.
	Amendments []Input
	// Created is when the incarnation began, LastUsed when it was last used (now, in
	// the answer of an operation that records a use), and Expires when it ends unless
	// it is used before. To the millisecond, in UTC.
	Created, LastUsed, Expires time.Time
}

// Inputs returns all files of the session: the BOL's, the order exports, the amendments.
func (s State) Inputs() []Input {
	in := s.BOL[:len(s.BOL):len(s.BOL)]
	in = append(in, s.Orders...)
	return append(in, s.Amendments...)
}

// Stored returns everything that the session has in storage.
func (s State) Stored() []blob.Ref {
	var refs []blob.Ref
	for _, in := range s.Inputs() {
		refs = append(refs, in.Content)
		if !in.Reading.IsZero() {
			refs = append(refs, in.Reading)
		}
	}
	return refs
}

// Bytes returns the size of everything that the session has in storage.
func (s State) Bytes() (n int64) {
	for _, in := range s.Inputs() {
		n += in.Content.Size + in.Reading.Size
	}
	return n
}

// Contents returns the keys of everything that the session has in storage.
func (s State) Contents() []blob.Key { return blob.Keys(s.Stored()) }

// Removed is what an operation removed.
type Removed struct {
	// Files is the number of attached files, and Bytes the sum of their sizes as
	// uploaded. Both are 0 for an expired session, whose files no longer exist.
	Files int
	Bytes int64
	// Contents are the keys that no row names any longer, including those of an
	// expired session. The caller deletes them from the blob store; the sweep of
	// orphans deletes the rest.
	Contents []blob.Key
}

// Remove returns what ending a session in this state removes.
func (s State) Remove() Removed { return s.lost(State{}) }

// Add adds what another operation removed.
func (r *Removed) Add(o Removed) {
	r.Files += o.Files
	r.Bytes += o.Bytes
	r.Contents = append(r.Contents, o.Contents...)
}
