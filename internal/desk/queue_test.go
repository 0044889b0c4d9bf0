package desk

import (
	"context"
	"slices"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// waits adds an upload of an owner to the queue, and returns once it waits. The owner
// is sent to served when the upload gets its place; it leaves when told to.
func waits(t *testing.T, q *queue, owner session.Owner, served chan<- session.Owner, leave <-chan struct{}) {
	t.Helper()
	before := q.load().Waiting
	go func() {
		done, err := q.enter(context.Background(), owner)
		if err != nil {
			t.Error(err)
			return
		}
		served <- owner
		<-leave
		done()
	}()
	for q.load().Waiting == before {
	}
}

func TestOneOwnerCannotStarveTheOthers(t *testing.T) {
	q := newQueue(Limits{Reading: 1, Waiting: 10})
	done, err := q.enter(t.Context(), "greedy")
	if err != nil {
		t.Fatal(err)
	}
	served, leave := make(chan session.Owner), make(chan struct{})
	for range 4 {
		waits(t, q, "greedy", served, leave)
	}
	waits(t, q, "modest", served, leave)
	done()
	var order []session.Owner
	for range 5 {
		order = append(order, <-served)
		leave <- struct{}{}
	}
	if i := slices.Index(order, "modest"); i > 0 {
		t.Errorf("the owner who had one upload was served at place %d: %v", i+1, order)
	}
}

func TestAFullQueueSaysSoAtOnceAndStillTakesOwnersWhoHaveNothingInIt(t *testing.T) {
	q := newQueue(Limits{Reading: 1, Waiting: 2})
	done, err := q.enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	served, leave := make(chan session.Owner, 9), make(chan struct{})
	waits(t, q, "a", served, leave)
	waits(t, q, "a", served, leave)
	_, err = q.enter(t.Context(), "a")
	if fault.CodeOf(err) != fault.Busy {
		t.Fatalf("the queue took more than it may: %v", err)
	}
	if after, ok := err.(*fault.Error).Details.(session.RetryAfter); !ok || after.Seconds < 1 {
		t.Errorf("a full queue does not say when to come again: %+v", err)
	}
	if fault.CodeOf(q.check("a")) != fault.Busy || q.check("b") != nil {
		t.Errorf("check says %v for a, %v for b", q.check("a"), q.check("b"))
	}
	waits(t, q, "b", served, leave)
	close(leave)
	done()
	for range 3 {
		<-served
	}
}

func TestWhoGivesUpLeavesNothingInTheQueue(t *testing.T) {
	q := newQueue(Limits{Reading: 1, Waiting: 2})
	done, err := q.enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := q.enter(ctx, "b")
		failed <- err
	}()
	for q.load().Waiting == 0 {
	}
	cancel()
	if err := <-failed; fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("who gave up got %v", err)
	}
	done()
	done() // leaving twice is leaving once
	if l := q.load(); l != (Load{}) || len(q.owners) != 0 {
		t.Errorf("left in the queue: %+v, %d owners", l, len(q.owners))
	}
}
