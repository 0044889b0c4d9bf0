package sqlite

import (
	"context"
	"maps"
	"slices"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// profile returns the profile of an owner.
func (t *table) profile(owner session.Owner) session.Profile {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.profiles[owner]
}

// publish shows readers profiles that were committed.
func (t *table) publish(profiles map[session.Owner]session.Profile) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.profiles, profiles)
}

// Profile implements session.Profiles. It answers from memory.
func (s *Store) Profile(ctx context.Context, owner session.Owner) (session.Profile, error) {
	if err := owner.Check(); err != nil {
		return session.Profile{}, err
	}
	if err := s.readable(ctx); err != nil {
		return session.Profile{}, err
	}
	return s.table.profile(owner), nil
}

// readable fails if a read must not be answered.
func (s *Store) readable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Ended(err)
	}
	if s.closed.Load() {
		return errClosed()
	}
	return nil
}

// PutProfile implements session.Profiles.
func (s *Store) PutProfile(ctx context.Context, owner session.Owner, p session.Profile) (session.Profile, error) {
	return s.writeProfile(ctx, owner, p, session.Profile.Put)
}

// ImportProfile implements session.Importer.
func (s *Store) ImportProfile(ctx context.Context, owner session.Owner, p session.Profile) error {
	_, err := s.writeProfile(ctx, owner, p, session.Profile.Import)
	return err
}

func (s *Store) writeProfile(ctx context.Context, owner session.Owner, p session.Profile, rule func(session.Profile, session.Profile) (session.Profile, error)) (next session.Profile, err error) {
	if err := p.Check(owner); err != nil {
		return session.Profile{}, err
	}
	p.Content = slices.Clone(p.Content)
	err = s.do(ctx, func(b *batch) (err error) {
		now, ok := b.profiles[owner]
		if !ok {
			now = s.table.profile(owner)
		}
		if next, err = rule(now, p); err != nil {
			return err
		}
		if b.profiles == nil {
			b.profiles = map[session.Owner]session.Profile{}
		}
		b.profiles[owner] = next
		return nil
	})
	if err != nil {
		return session.Profile{}, err
	}
	return next, nil
}

// ProfileOwners implements session.Profiles.
func (s *Store) ProfileOwners(ctx context.Context) ([]session.Owner, error) {
	if err := s.readable(ctx); err != nil {
		return nil, err
	}
	s.table.mu.RLock()
	defer s.table.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.table.profiles)), nil
}
