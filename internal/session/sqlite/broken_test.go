package sqlite

import (
	"context"
	"errors"
	"sync"
	"testing"

	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
)

// These tests break a rule of the real store from outside, to show that the
// linearizability test finds it.

// unchecked lets an attach change any incarnation.
type unchecked struct{ *Store }

func (s unchecked) Attach(ctx context.Context, k session.Key, a session.Attachment) (session.State, session.Removed, error) {
	if st, err := s.Store.Get(ctx, k); err == nil {
		a.Incarnation = st.Incarnation
	}
	return s.Store.Attach(ctx, k, a)
}

// counted has numbers for incarnations, which start again at 1 after a clear.
type counted struct {
	*Store
	mu    *sync.Mutex
	count map[session.Key]byte
	real  map[session.Key]session.Incarnation
}

// number replaces the incarnation in an answer by its number.
func (s counted) number(st session.State, r session.Removed, err error) (session.State, session.Removed, error) {
	if err != nil {
		return st, r, err
	}
	if s.real[st.Key] != st.Incarnation {
		s.real[st.Key] = st.Incarnation
		s.count[st.Key]++
	}
	st.Incarnation = session.Incarnation{15: s.count[st.Key]}
	return st, r, nil
}

func (s counted) Open(ctx context.Context, k session.Key, kind session.Kind) (session.State, session.Removed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number(s.Store.Open(ctx, k, kind))
}

func (s counted) New(ctx context.Context, k session.Key, kind session.Kind) (session.State, session.Removed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number(s.Store.New(ctx, k, kind))
}

func (s counted) Clear(ctx context.Context, k session.Key) (session.Removed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.Store.Clear(ctx, k)
	if err == nil {
		s.count[k] = 0
	}
	return r, err
}

func (s counted) Get(ctx context.Context, k session.Key) (session.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.Store.Get(ctx, k)
	st, _, err = s.number(st, session.Removed{}, err)
	return st, err
}

func (s counted) Attach(ctx context.Context, k session.Key, a session.Attachment) (session.State, session.Removed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Incarnation == (session.Incarnation{15: s.count[k]}) {
		a.Incarnation = s.real[k]
	}
	return s.number(s.Store.Attach(ctx, k, a))
}

// early publishes uncommitted changes: readers see an attach before it is decided
// whether it takes effect.
type early struct {
	*Store
	mu    *sync.Mutex
	dirty map[session.Key]session.State
}

func (s early) Attach(ctx context.Context, k session.Key, a session.Attachment) (session.State, session.Removed, error) {
	if st, err := s.Store.Get(ctx, k); err == nil {
		if next, _, err := st.Attach(a, st.LastUsed); err == nil {
			s.mu.Lock()
			s.dirty[k] = next
			s.mu.Unlock()
		}
	}
	st, r, err := s.Store.Attach(ctx, k, a)
	s.mu.Lock()
	delete(s.dirty, k)
	s.mu.Unlock()
	return st, r, err
}

func (s early) Get(ctx context.Context, k session.Key) (session.State, error) {
	st, err := s.Store.Get(ctx, k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.dirty[k]; ok && err == nil {
		return d, nil
	}
	return st, err
}

// late reads from a cache that is updated after writers were answered, not before.
type late struct {
	*Store
	mu    *sync.Mutex
	cache map[session.Key]session.State
}

func (s late) Get(ctx context.Context, k session.Key) (session.State, error) {
	st, err := s.Store.Get(ctx, k)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, cached := s.cache[k]
	if err != nil {
		delete(s.cache, k)
		return st, err
	}
	s.cache[k] = st
	if cached {
		return old, nil
	}
	return st, nil
}

func TestTheCheckerFindsABrokenStore(t *testing.T) {
	for _, c := range []struct {
		name  string
		broke func(*Store) session.Store
	}{
		{"no incarnation is checked", func(s *Store) session.Store { return unchecked{s} }},
		{"incarnations count from 1 after a clear", func(s *Store) session.Store {
			return counted{s, new(sync.Mutex), map[session.Key]byte{}, map[session.Key]session.Incarnation{}}
		}},
		{"reads see what is not committed", func(s *Store) session.Store {
			return early{s, new(sync.Mutex), map[session.Key]session.State{}}
		}},
		{"reads come from a cache that is late", func(s *Store) session.Store {
			return late{s, new(sync.Mutex), map[session.Key]session.State{}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := mustOpen(t, t.TempDir())
			_, err := sessiontest.Linearizable(c.broke(store), sessiontest.Load{Clients: 8, Operations: 2000, Rounds: 10})
			if !errors.Is(err, sessiontest.ErrNotLinearizable) {
				t.Errorf("not found: %v", err)
			}
		})
	}
}
