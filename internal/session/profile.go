package session

import (
	"context"

	"tallyman/internal/fault"
	"tallyman/internal/text"
)

// ProfileChanged is the code of writing a profile that is not the one that the caller saw.
const ProfileChanged fault.Code = "changed"

// ErrProfileChanged returns the fault of writing a profile over another revision than the
// caller saw.
func ErrProfileChanged(revision int64) error {
	return fault.New(ProfileChanged, "the profile was changed meanwhile: its revision is %d now, and nothing was written; read it again and make your changes to that", revision)
}

// MaxProfile is the greatest size of a profile, in bytes.
const MaxProfile = 64 << 10

// Profile is an owner's profile (DESIGN.md §12) as a Store keeps it: bytes without a
// meaning. It has no life and no incarnation; sessions come and go beside it.
type Profile struct {
	// Revision is 0 if the owner has no profile, 1 after the first write, and grows by 1
	// with each.
	Revision int64
	// Content is shared and must not be changed.
	Content []byte
}

// Profiles keeps one profile for each owner. Every Store is one. Its methods are
// linearizable for each owner, and durable before they return; they check owners first and
// fail with fault.BadRequest, and otherwise with the codes of Store.
type Profiles interface {
	// Profile returns the owner's profile; without one, the zero Profile.
	Profile(ctx context.Context, owner Owner) (Profile, error)

	// PutProfile writes the owner's profile by the rule of Profile.Put and returns it as
	// it is then. p.Revision is the revision that the caller saw.
	PutProfile(ctx context.Context, owner Owner, p Profile) (Profile, error)

	// ProfileOwners returns the owners that have a profile, in their order.
	ProfileOwners(ctx context.Context) ([]Owner, error)
}

// Check returns a fault with code fault.BadRequest if an owner can have no such
// profile. Every Store calls it before it writes one.
func (p Profile) Check(owner Owner) error {
	if err := owner.Check(); err != nil {
		return err
	}
	switch {
	case p.Revision < 0:
		return fault.New(fault.BadRequest, "there is no revision %d of a profile", p.Revision)
	case len(p.Content) > MaxProfile:
		return fault.New(fault.BadRequest, "the profile has more than %s", text.Size(MaxProfile))
	}
	return nil
}

// Put returns the profile after the write of next, whose Revision is the one that its
// writer saw. It fails with ProfileChanged if that is another than the present one.
func (p Profile) Put(next Profile) (Profile, error) {
	if next.Revision != p.Revision {
		return Profile{}, ErrProfileChanged(p.Revision)
	}
	return Profile{Revision: p.Revision + 1, Content: next.Content}, nil
}

// Import returns the profile after an import of another store's: that one, unless a later
// revision, or another content of the same, is here. It fails with Exists, and with
// fault.BadRequest for a profile without a revision.
func (p Profile) Import(next Profile) (Profile, error) {
	if next.Revision == 0 {
		return Profile{}, fault.New(fault.BadRequest, "importing a profile: it has no revision")
	}
	if p.Revision > next.Revision || p.Revision == next.Revision && string(p.Content) != string(next.Content) {
		return Profile{}, fault.New(Exists, "another profile of this owner, or a later one, is here; nothing was changed")
	}
	return next, nil
}
