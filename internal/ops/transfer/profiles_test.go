package transfer

import (
	"testing"

	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

func (p *place) put(t *testing.T, owner session.Owner, contents ...string) {
	t.Helper()
	now, err := p.sessions.Profile(t.Context(), owner)
	for _, c := range contents {
		if err == nil {
			now, err = p.sessions.PutProfile(t.Context(), owner, session.Profile{Revision: now.Revision, Content: []byte(c)})
		}
	}
	must.OK(t, err)
}

func (p *place) profile(t *testing.T, owner session.Owner, revision int64, content string) {
	t.Helper()
	got, err := p.sessions.Profile(t.Context(), owner)
	if err != nil || got.Revision != revision || string(got.Content) != content {
		t.Errorf("the profile of %s is %d %q (%v), want %d %q", owner, got.Revision, got.Content, err, revision, content)
	}
}

func TestProfilesAreCopiedWithTheirRevisions(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	from.attach(t, "a", "one")
	from.put(t, "acme", "one", "two")
	from.put(t, "zeta", "z")
	for copied := range 2 {
		r, err := Copy(t.Context(), from.source(), to.target(), from.options())
		if err != nil || r.Profiles != 2 || r.ProfilesCopied != 2-2*copied || len(r.Problems) != 0 {
			t.Fatalf("copy %d: %+v, %v", copied, r, err)
		}
		to.profile(t, "acme", 2, "two")
		to.profile(t, "zeta", 1, "z")
	}
	// What changed in the source is copied; what changed in the target is not overwritten.
	from.put(t, "acme", "three")
	if r, err := Copy(t.Context(), from.source(), to.target(), from.options()); err != nil || r.ProfilesCopied != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	to.profile(t, "acme", 3, "three")
	to.put(t, "zeta", "y")
	to.put(t, "more", "m")
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	code(t, err, Occupied)
	if r.OtherProfiles != 2 {
		t.Errorf("%+v", r)
	}
	merge := from.options()
	merge.Merge = true
	r, err = Copy(t.Context(), from.source(), to.target(), merge)
	if err != nil || len(r.Problems) != 1 || r.Problems[0].Profile != "zeta" || r.Problems[0].Whole() {
		t.Errorf("%+v, %v", r, err)
	}
	to.profile(t, "zeta", 2, "y")
	to.profile(t, "more", 1, "m")
}

func TestWebhooksAreCopiedApartFromProfiles(t *testing.T) {
	from, to := newPlace(t), newPlace(t)
	from.put(t, "acme", "profile")
	_, err := from.sessions.Webhooks().PutProfile(t.Context(), "acme", session.Profile{Content: []byte("webhooks")})
	must.OK(t, err)
	r, err := Copy(t.Context(), from.source(), to.target(), from.options())
	if err != nil || r.Profiles != 1 || r.Webhooks != 1 || r.ProfilesCopied != 1 || r.WebhooksCopied != 1 || len(r.Problems) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	to.profile(t, "acme", 1, "profile")
	if got, err := to.sessions.Webhooks().Profile(t.Context(), "acme"); err != nil || got.Revision != 1 || string(got.Content) != "webhooks" {
		t.Errorf("the webhooks are %d %q, %v", got.Revision, got.Content, err)
	}
}
