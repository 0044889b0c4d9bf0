package sqlite

import "slices"

// stale are the numbers of rows that newer ones have replaced, and of rows that
// end sessions. They are taken out in order, oldest first: a row must not be
// removed before those that it replaces, or they would count again after a
// restart.
//
// It does not matter that rows come in while others are being taken out: the
// rows that a row replaces always come in before it does, or with it.
type stale struct {
	ready []int64 // sorted
	later []int64
}

func (s *stale) len() int { return len(s.ready) + len(s.later) }

func (s *stale) add(seq int64) { s.later = append(s.later, seq) }

// oldest returns up to n rows to remove now. They stay until removed is called.
func (s *stale) oldest(n int) []int64 {
	if len(s.ready) == 0 {
		slices.Sort(s.later)
		s.ready, s.later = s.later, nil
	}
	return s.ready[:min(n, len(s.ready))]
}

// removed takes out the first n that oldest returned.
func (s *stale) removed(n int) { s.ready = s.ready[n:] }
