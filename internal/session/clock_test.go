package session_test

import (
	"testing"
	"time"

	"tallyman/internal/session"
)

func TestAClockThatJumpsIsFollowedSlowly(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var jump, elapsed time.Duration
	now := session.Steady(func() time.Time { return start.Add(jump + elapsed) }, func() time.Duration { return elapsed })
	after := func(want time.Duration) {
		t.Helper()
		if got := now().Sub(start); got != want {
			t.Errorf("after %v with a jump of %v the clock has advanced by %v, want %v", elapsed, jump, got, want)
		}
	}
	elapsed = time.Hour
	after(time.Hour)
	jump = 25 * time.Hour
	after(time.Hour)
	elapsed += 16 * time.Minute
	after(time.Hour + 17*time.Minute)
	jump = 0
	after(time.Hour + 17*time.Minute)
	elapsed += 8 * time.Minute
	after(time.Hour + 24*time.Minute + 30*time.Second)
	elapsed += 16 * time.Minute
	after(elapsed)
	jump = -time.Hour
	elapsed += 16 * time.Hour
	after(elapsed - time.Hour)
	elapsed += time.Hour
	after(elapsed - time.Hour)
}
