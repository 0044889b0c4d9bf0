package sessiontest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// papers are the documents of owners that the case is about.
func (b *bench) papers() session.Profiles {
	if b.webhooks {
		return b.store.Webhooks()
	}
	return b.store
}

// ofWebhooks is a case of profiles with the documents of webhooks. What happens to those
// does not touch profiles.
func ofWebhooks(of func(*bench)) func(*bench) {
	return func(b *bench) {
		b.webhooks = true
		of(b)
		if owners, err := b.store.ProfileOwners(ctx); err != nil || len(owners) != 0 {
			b.Errorf("writing webhooks made profiles of %q (%v)", owners, err)
		}
	}
}

// profile expects an owner's profile.
func (b *bench) profile(owner session.Owner, want session.Profile) {
	b.Helper()
	got, err := b.papers().Profile(ctx, owner)
	if err != nil || got.Revision != want.Revision || !bytes.Equal(got.Content, want.Content) {
		b.Errorf("the profile of %s is %d %.60q (%v), want %d %.60q", owner, got.Revision, got.Content, err, want.Revision, want.Content)
	}
}

// puts writes a profile over a revision.
func (b *bench) puts(owner session.Owner, over int64, content string) session.Profile {
	b.Helper()
	p, err := b.papers().PutProfile(ctx, owner, session.Profile{Revision: over, Content: []byte(content)})
	if err != nil || p.Revision != over+1 || string(p.Content) != content {
		b.Fatalf("writing a profile over revision %d: %d %.60q, %v", over, p.Revision, p.Content, err)
	}
	return p
}

func profiles(b *bench) {
	put := func(code fault.Code, owner session.Owner, over int64, content string) {
		b.Helper()
		before, _ := b.papers().Profile(ctx, owner)
		p, err := b.papers().PutProfile(ctx, owner, session.Profile{Revision: over, Content: []byte(content)})
		if fault.CodeOf(err) != code || !session.Settled(err) || p.Revision != 0 || p.Content != nil {
			b.Errorf("writing over revision %d: %+v, %v; want code %s", over, p, err, code)
		}
		b.profile(owner, before)
	}
	b.profile("acme", session.Profile{})
	put(session.ProfileChanged, "acme", 1, "x")
	put(fault.BadRequest, "acme", -1, "x")
	put(fault.BadRequest, "acme", 0, strings.Repeat("x", session.MaxProfile+1))
	if owners, err := b.papers().ProfileOwners(ctx); err != nil || len(owners) != 0 {
		b.Errorf("profiles that were refused have the owners %q (%v)", owners, err)
	}

	b.puts("acme", 0, "one")
	put(session.ProfileChanged, "acme", 0, "two")
	put(session.ProfileChanged, "acme", 2, "two")
	second := b.puts("acme", 1, "two\x00\xff, not text")
	empty := b.puts("zeta", 0, "")
	large := b.puts("Acme", 0, strings.Repeat("x", session.MaxProfile))
	same := b.puts("zeta", 1, "")

	// Sessions and profiles do not disturb each other.
	k := session.Key{Owner: "acme", ID: "x"}
	b.openSession(k)
	b.clear(k)
	b.clock.Advance(100 * b.settings.Lives.Of(session.Named))
	b.sweep(10)
	for range 2 {
		b.profile("acme", second)
		b.profile("Acme", large)
		b.profile("zeta", same)
		if owners, err := b.papers().ProfileOwners(ctx); err != nil || !slices.Equal(owners, []session.Owner{"Acme", "acme", "zeta"}) {
			b.Errorf("the owners of profiles are %q (%v)", owners, err)
		}
		put(session.ProfileChanged, "zeta", empty.Revision, "late")
		b.reopen()
	}
	b.puts("acme", second.Revision, "three")
}

func profileRace(b *bench) {
	const writers, each = 8, 20
	var mu sync.Mutex
	won := map[int64]string{}
	must.AtOnce(writers, func(w int) {
		for i := range each {
			seen, err := b.papers().Profile(ctx, "acme")
			if err != nil {
				b.Error(err)
				return
			}
			content := fmt.Sprint(w, " ", i)
			p, err := b.papers().PutProfile(ctx, "acme", session.Profile{Revision: seen.Revision, Content: []byte(content)})
			if fault.CodeOf(err) == session.ProfileChanged {
				continue
			}
			mu.Lock()
			if other, twice := won[p.Revision]; err != nil || twice || p.Revision != seen.Revision+1 {
				b.Errorf("after revision %d comes %d, which is %q and %q (%v)", seen.Revision, p.Revision, other, content, err)
			}
			won[p.Revision] = content
			mu.Unlock()
		}
	})
	last := session.Profile{Revision: int64(len(won)), Content: []byte(won[int64(len(won))])}
	b.profile("acme", last)
	b.reopen()
	b.profile("acme", last)
}

// importProfiles is a case for a store that is a session.Importer.
func importProfiles(b *bench) {
	imports := func(owner session.Owner, p session.Profile) error {
		return b.papers().(session.ProfileImporter).ImportProfile(ctx, owner, p)
	}
	keeps := func(p session.Profile) {
		b.Helper()
		b.profile("acme", p)
		b.reopen()
		b.profile("acme", p)
	}
	seven := session.Profile{Revision: 7, Content: []byte("seven")}
	for range 2 {
		must.OK(b, imports("acme", seven))
		keeps(seven)
	}
	for name, p := range map[string]session.Profile{"an earlier one": {Revision: 6, Content: []byte("six")}, "another": {Revision: 7, Content: []byte("other")}} {
		if err := imports("acme", p); fault.CodeOf(err) != session.Exists {
			b.Errorf("importing %s: %v", name, err)
		}
	}
	keeps(seven)
	for name, err := range map[string]error{
		"no revision": imports("acme", session.Profile{Content: []byte("x")}),
		"too large":   imports("acme", session.Profile{Revision: 9, Content: make([]byte, session.MaxProfile+1)}),
		"no owner":    imports("", seven),
	} {
		if fault.CodeOf(err) != fault.BadRequest {
			b.Errorf("importing a profile with %s: %v", name, err)
		}
	}
	nine := session.Profile{Revision: 9, Content: []byte("nine")}
	must.OK(b, imports("acme", nine))
	keeps(nine)
	b.puts("acme", 9, "ten")
}
