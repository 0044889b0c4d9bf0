package desk

import (
	"context"
	"slices"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// waits adds an upload of an owner to the queue, and returns once it waits. The owner
// is sent to served when the upload gets its place; it leaves when told to.
func waits(t *testing.T, q *queue, owner session.Owner, served chan<- session.Owner, leave <-chan struct{}) {
	t.Helper()
	before := q.load()
	go func() {
		done, _, err := q.enter(context.Background(), owner)
		if err != nil {
			t.Error(err)
			return
		}
		served <- owner
		<-leave
		done()
	}()
	for now := before; now.Waiting == before.Waiting; now = q.load() {
		if now.Reading > before.Reading {
			t.Fatalf("%s need not wait", owner)
		}
	}
}

func TestOneOwnerCannotStarveTheOthers(t *testing.T) {
	q := newQueue(Limits{Reading: 1, Waiting: 10})
	done, _, err := q.enter(t.Context(), "greedy")
	must.OK(t, err)
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
	done, _, err := q.enter(t.Context(), "a")
	must.OK(t, err)
	served, leave := make(chan session.Owner, 9), make(chan struct{})
	waits(t, q, "a", served, leave)
	waits(t, q, "a", served, leave)
	_, _, err = q.enter(t.Context(), "a")
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
	done, _, err := q.enter(t.Context(), "a")
	must.OK(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, _, err := q.enter(ctx, "b")
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
	if l := q.load(); l != (Load{}) {
		t.Errorf("left in the queue: %+v", l)
	}
}

// atOnce runs a function that enters a queue, and fails the test if it waits there.
func atOnce(t *testing.T, q *queue, enter func()) {
	t.Helper()
	before, entered := q.load().Waiting, make(chan struct{})
	go func() {
		defer close(entered)
		enter()
	}()
	for {
		select {
		case <-entered:
			return
		default:
			if q.load().Waiting > before {
				t.Fatal("it waits for a place")
			}
		}
	}
}

func TestAnOwnerWithoutAPlaceGetsTheSpareOne(t *testing.T) {
	q := newQueue(Limits{Reading: 2, Waiting: 10, Spare: &intake.Reader{}})
	var leave []func()
	enter := func(owner session.Owner, want bool) {
		t.Helper()
		atOnce(t, q, func() {
			done, spare, err := q.enter(t.Context(), owner)
			if err != nil || spare != want {
				t.Errorf("%s gets a place that is spare: %v, %v; want %v", owner, spare, err, want)
			}
			leave = append(leave, done)
		})
	}
	enter("a", false)
	enter("a", false)
	served, go_ := make(chan session.Owner, 9), make(chan struct{})
	waits(t, q, "a", served, go_)
	enter("b", true)
	waits(t, q, "b", served, go_)
	leave[2]() // the spare place
	if got := <-served; got != "b" {
		t.Errorf("the spare place goes to %s", got)
	}
	close(go_)
	for _, done := range leave {
		done()
	}
	<-served
}

func TestAnOwnerHasALimitOfPlacesAndOfWaiting(t *testing.T) {
	q := newQueue(Limits{Reading: 3, OwnerReading: 1, OwnerUploads: 1})
	done, _, err := q.enter(t.Context(), "a")
	must.OK(t, err)
	served, go_ := make(chan session.Owner, 9), make(chan struct{})
	waits(t, q, "a", served, go_)
	if _, _, err := q.enter(t.Context(), "a"); fault.CodeOf(err) != fault.Busy {
		t.Errorf("a second one that waits: %v", err)
	}
	other, _, err := q.enter(t.Context(), "b")
	must.OK(t, err)
	other()
	done()
	<-served
	close(go_)
}

func TestWhoGetsTheSparePlaceReadsWithTheSpareReader(t *testing.T) {
	ordinary, spare := &intake.Reader{}, &intake.Reader{}
	d := New(nil, nil, ordinary, Limits{Reading: 1, Spare: spare})
	if got, _, err := d.place(t.Context(), "a"); got != ordinary || err != nil {
		t.Fatalf("the first owner: %p, %v", got, err)
	}
	atOnce(t, d.queue, func() {
		got, done, err := d.place(t.Context(), "b")
		if got != spare || err != nil {
			t.Errorf("another owner: %p, %v", got, err)
			return
		}
		done()
	})
}
