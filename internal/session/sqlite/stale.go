package sqlite

import "slices"

// stale are the numbers of rows that newer ones have replaced, and of rows that
// end sessions. They are removed in order, oldest first: if a row were removed before
// the rows that it replaces, those would be valid again after a restart.
//
// Rows may be added while others are being removed: the rows that a row replaces are
// always added before it, or with it.
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
