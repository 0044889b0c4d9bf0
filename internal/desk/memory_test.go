package desk

import (
	"context"
	"errors"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// impatient is a budget on which nobody waits.
func impatient(most, each int64, spill func(int64) bool) *memory {
	m := newMemory(Limits{Memory: most, OwnerMemory: each}, spill)
	m.wait = func(time.Duration) <-chan time.Time {
		now := make(chan time.Time)
		close(now)
		return now
	}
	return m
}

func none(int64) bool { return false }

func TestMemoryIsRefusedWhereThereIsNoneAndSaysWhenToComeAgain(t *testing.T) {
	m := impatient(100, 75, none)
	take := func(owner session.Owner, n int64, want fault.Code) {
		t.Helper()
		err := m.take(t.Context(), owner, n)
		if fault.CodeOf(err) != want {
			t.Errorf("%s takes %d: %v, want %q", owner, n, err, want)
		}
		var f *fault.Error
		if want == fault.Busy && (!errors.As(err, &f) || f.Details == nil) {
			t.Errorf("it does not say when to come again: %+v", err)
		}
	}
	take("a", 76, fault.TooLarge)
	take("a", 70, "")
	take("a", 10, fault.Busy)
	take("b", 30, "") // one owner cannot have all
	take("b", 1, fault.Busy)
	m.give("a", 70)
	take("b", 45, "")
	m.give("b", 75)
	if m.used != 0 || len(m.owners) != 0 {
		t.Errorf("%d bytes are taken by %v after all was given back", m.used, m.owners)
	}
}

func TestWhoWaitsForMemoryGetsWhatIsGivenBackOrGivesUp(t *testing.T) {
	m := newMemory(Limits{Memory: 10, OwnerMemory: 10}, none)
	must.OK(t, m.take(t.Context(), "a", 10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.take(ctx, "b", 1); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("who gave up: %v", err)
	}
	got := make(chan error)
	go func() { got <- m.take(t.Context(), "b", 5) }()
	m.give("a", 10)
	must.OK(t, <-got)
}

func TestCachedSheetsMakeRoom(t *testing.T) {
	var m *memory
	m = impatient(10, 10, func(n int64) bool {
		if m.used < 10 {
			return false
		}
		m.give("", 10)
		return true
	})
	must.OK(t, m.take(t.Context(), "", 10))
	m.wait = func(time.Duration) <-chan time.Time { return nil }
	must.OK(t, m.take(t.Context(), "a", 8))
}

func TestWhatWorkersSendTakesMemoryUntilItIsGivenBack(t *testing.T) {
	m := impatient(3*heldStep, 3*heldStep, none)
	h, other := &held{memory: m, owner: "a"}, &held{memory: m, owner: "b"}
	meter := h.meter(t.Context())
	for range 3 {
		must.OK(t, meter(heldStep/repliesTake))
	}
	if err := meter(1); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("one byte more: %v", err)
	}
	if err := other.meter(t.Context())(1); fault.CodeOf(err) != fault.Busy {
		t.Errorf("a byte of another upload: %v", err)
	}
	h.end()
	if h.end(); m.used != 0 {
		t.Errorf("%d bytes are taken in the end", m.used)
	}
}
