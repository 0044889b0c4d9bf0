package webhook

import (
	"sync"
	"time"

	"tallyman/internal/queue"
)

// Stats are measurements of this process.
type Stats struct {
	// On and Off count the endpoints of all owners.
	On, Off int
	// Delivered and Dead count deliveries that have ended here, and Failed attempts.
	Delivered, Dead, Failed int64
	// Seconds are of all attempts together.
	Seconds float64
	// Waiting are the deliveries that wait, and DeadLetters those in the lists, as of the
	// last minute or so; Oldest is for how long the first has been due.
	Waiting, DeadLetters int
	Oldest               time.Duration
}

// stats are read and written under mu; change does that.
type stats struct {
	mu     sync.Mutex
	is     Stats
	counts map[string]queue.Counts // by endpoint
}

func (s *stats) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Stats returns the measurements.
func (s *Service) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	now := s.stats.is
	for _, c := range s.stats.counts {
		now.Waiting += c.Waiting + c.Claimed
		now.DeadLetters += c.Dead
		now.Oldest = max(now.Oldest, c.Oldest)
	}
	return now
}
