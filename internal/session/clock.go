package session

import (
	"sync"
	"time"
)

// Steady returns a clock that follows another one, wall, but never gains or loses more
// than a sixteenth of the time that really elapsed since it was made: a wall clock that
// jumps, for a minute or for good, ends no session. elapsed is monotonic.
func Steady(wall func() time.Time, elapsed func() time.Duration) func() time.Time {
	var mu sync.Mutex
	at, before := wall().Round(0), elapsed()
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now := elapsed()
		passed := now - before
		before = now
		at = at.Add(min(max(wall().Round(0).Sub(at), passed-passed/16), passed+passed/16))
		return at
	}
}

// SystemClock returns the system's clock, made Steady.
func SystemClock() func() time.Time {
	start := time.Now()
	return Steady(time.Now, func() time.Duration { return time.Since(start) })
}
