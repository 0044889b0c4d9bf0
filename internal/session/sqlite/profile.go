package sqlite

import (
	"context"
	"maps"
	"slices"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// shelf is what a store keeps one document of for each owner.
type shelf int

const (
	ofProfiles shelf = iota
	ofWebhooks
)

// tables are the tables of the shelves.
var tables = [...]string{ofProfiles: "profile", ofWebhooks: "webhook"}

// paper is the place of a document.
type paper struct {
	shelf shelf
	owner session.Owner
}

// papers are the documents of one shelf. It is a session.ProfileImporter.
type papers struct {
	store *Store
	shelf shelf
}

var _ session.ProfileImporter = papers{}

// Webhooks implements session.Store.
func (s *Store) Webhooks() session.Profiles { return papers{s, ofWebhooks} }

// paper returns a document.
func (t *table) paper(at paper) session.Profile {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.papers[at]
}

// publish shows readers documents that were committed.
func (t *table) publish(papers map[paper]session.Profile) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.papers, papers)
}

// readable fails if a read must not be answered.
func (s *Store) readable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Ended(err)
	}
	if s.closed.Load() {
		return session.ErrClosed()
	}
	return nil
}

// Profile implements session.Profiles. It answers from memory.
func (ps papers) Profile(ctx context.Context, owner session.Owner) (session.Profile, error) {
	if err := owner.Check(); err != nil {
		return session.Profile{}, err
	}
	if err := ps.store.readable(ctx); err != nil {
		return session.Profile{}, err
	}
	return ps.store.table.paper(paper{ps.shelf, owner}), nil
}

// PutProfile implements session.Profiles.
func (ps papers) PutProfile(ctx context.Context, owner session.Owner, p session.Profile) (session.Profile, error) {
	return ps.write(ctx, owner, p, session.Profile.Put)
}

// ImportProfile implements session.ProfileImporter.
func (ps papers) ImportProfile(ctx context.Context, owner session.Owner, p session.Profile) error {
	_, err := ps.write(ctx, owner, p, session.Profile.Import)
	return err
}

func (ps papers) write(ctx context.Context, owner session.Owner, p session.Profile, rule func(session.Profile, session.Profile) (session.Profile, error)) (session.Profile, error) {
	if err := p.Check(owner); err != nil {
		return session.Profile{}, err
	}
	p.Content = slices.Clone(p.Content)
	at := paper{ps.shelf, owner}
	return ask(ctx, ps.store.do, func(b *batch) (session.Profile, error) {
		now, ok := b.papers[at]
		if !ok {
			now = ps.store.table.paper(at)
		}
		next, err := rule(now, p)
		if err != nil {
			return session.Profile{}, err
		}
		if b.papers == nil {
			b.papers = map[paper]session.Profile{}
		}
		b.papers[at] = next
		return next, nil
	})
}

// ProfileOwners implements session.Profiles.
func (ps papers) ProfileOwners(ctx context.Context) (owners []session.Owner, err error) {
	if err := ps.store.readable(ctx); err != nil {
		return nil, err
	}
	t := ps.store.table
	t.mu.RLock()
	defer t.mu.RUnlock()
	for at := range t.papers {
		if at.shelf == ps.shelf {
			owners = append(owners, at.owner)
		}
	}
	slices.Sort(owners)
	return owners, nil
}
