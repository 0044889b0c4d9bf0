package turn

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/internal/testing/must"
)

// requests are the requests of a test. Those of one owner are numbered.
type requests struct {
	t     *testing.T
	turns *Turns

	mu  sync.Mutex
	got []string // those that got their turn, in order
}

func (r *requests) note(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, name)
}

// begin begins a request in a goroutine, and returns when it has its turn or waits.
func (r *requests) begin(owner, name string) (ctx context.Context, own **Turn) {
	own = new(*Turn)
	var c context.Context
	go func() {
		ctx, x, err := r.turns.Begin(r.t.Context(), owner)
		if err != nil {
			r.t.Error(err)
		}
		*own, c = x, ctx
		r.note(name)
	}()
	synctest.Wait()
	return c, own
}

func (r *requests) want(names ...string) {
	r.t.Helper()
	if synctest.Wait(); !slices.Equal(r.got, names) {
		r.t.Errorf("turns were given to %v, not %v", r.got, names)
	}
	r.got = nil
}

func test(t *testing.T, processors int, f func(*testing.T, *requests)) {
	synctest.Test(t, func(t *testing.T) { f(t, &requests{t: t, turns: New(processors)}) })
}

func TestAnOwnerWhoIsAloneNeverWaits(t *testing.T) {
	test(t, 2, func(t *testing.T, r *requests) {
		for range 10 {
			_, x := r.begin("a", "a")
			defer (*x).End()
		}
		r.want("a", "a", "a", "a", "a", "a", "a", "a", "a", "a")
	})
}

func TestOneOwnersFloodLeavesAProcessorToAnother(t *testing.T) {
	test(t, 3, func(t *testing.T, r *requests) {
		_, b := r.begin("b", "b")
		(*b).End()
		_, a1 := r.begin("a", "a1")
		_, a2 := r.begin("a", "a2")
		_, a3 := r.begin("a", "a3")
		_, a4 := r.begin("a", "a4")
		r.want("b", "a1", "a2") // one of three processors is left
		_, b1 := r.begin("b", "b1")
		r.want("b1")
		_, b2 := r.begin("b", "b2")
		(*a1).End()
		r.want("a3") // both have one, and a was served before b
		(*a2).End()
		r.want("b2")
		(*b1).End()
		r.want() // the place that is left to an owner without one
		(*b2).End()
		r.want("a4")
		for _, x := range []**Turn{a3, a4} {
			(*x).End()
		}
	})
}

func TestOwnersWithoutATurnGoRound(t *testing.T) {
	test(t, 2, func(t *testing.T, r *requests) {
		_, a := r.begin("a", "a")
		_, b := r.begin("b", "b")
		var all []**Turn
		for _, name := range []string{"a1", "a2", "a3", "c1", "c2", "b1"} {
			_, x := r.begin(name[:1], name)
			all = append(all, x)
		}
		r.want("a", "b")
		for _, end := range []**Turn{a, b, all[3], all[0], all[4], all[5], all[1], all[2]} {
			(*end).End()
			synctest.Wait()
		}
		r.want("c1", "a1", "b1", "c2", "a2", "a3")
	})
}

func TestATurnIsGivenUpWhileTheRequestWaitsForSomethingElse(t *testing.T) {
	test(t, 2, func(t *testing.T, r *requests) {
		_, b := r.begin("b", "b")
		defer (*b).End()
		ctx, a1 := r.begin("a", "a1")
		_, a2 := r.begin("a", "a2")
		r.want("b", "a1")
		resume := Pause(ctx)
		r.want("a2")
		Pause(ctx)() // it is given up already
		_, a3 := r.begin("a", "a3")
		_, a4 := r.begin("a", "a4")
		go func() {
			resume()
			r.note("a1 again")
		}()
		r.want()
		(*a2).End()
		r.want("a1 again") // before those that have not begun
		resume = Pause(ctx)
		go func() {
			resume()
			r.note("a1 once more")
		}()
		r.want("a3") // but it does not keep them from it
		(*a3).End()
		r.want("a1 once more")
		(*a1).End()
		r.want("a4")
		(*a4).End()
	})
}

func TestARequestThatEndsWhileItIsPausedTakesNoFurtherTurn(t *testing.T) {
	test(t, 2, func(t *testing.T, r *requests) {
		_, b := r.begin("b", "b")
		defer (*b).End()
		ctx, a1 := r.begin("a", "a1")
		resume := Pause(ctx)
		(*a1).End()
		resume()
		Pause(ctx)()
		_, a2 := r.begin("a", "a2")
		(*a2).End()
		r.want("b", "a1", "a2")
	})
}

func TestWhatWorksForARequestHasATurnOfItsOwn(t *testing.T) {
	test(t, 2, func(t *testing.T, r *requests) {
		_, b := r.begin("b", "b")
		defer (*b).End()
		ctx, a1 := r.begin("a", "a1")
		var end func()
		go func() {
			_, end = Fork(ctx)
			r.note("the fork of a1")
		}()
		r.want("b", "a1")
		resume := Pause(ctx)
		r.want("the fork of a1")
		go func() {
			resume()
			r.note("a1 again")
		}()
		r.want()
		end()
		r.want("a1 again")
		(*a1).End()
	})
}

func TestOneRequestOfAnOwnerSyncsAtATime(t *testing.T) {
	test(t, 9, func(t *testing.T, r *requests) {
		b, _ := r.begin("b", "b")
		a1, _ := r.begin("a", "a1")
		a2, _ := r.begin("a", "a2")
		r.got = nil
		done := Sync(a1)
		go func() {
			Sync(a2)()
			r.note("a2")
		}()
		r.want()
		go func() {
			Sync(b)()
			r.note("b")
		}()
		r.want("b")
		done()
		r.want("a2")
	})
}

func TestAnOwnerIsAloneAgainSomeTimeAfterTheOthers(t *testing.T) {
	test(t, 2, func(t *testing.T, r *requests) {
		_, b := r.begin("b", "b")
		(*b).End()
		_, a1 := r.begin("a", "a1")
		defer (*a1).End()
		_, a2 := r.begin("a", "a2")
		r.want("b", "a1")
		time.Sleep(sharedFor + time.Second)
		_, a3 := r.begin("a", "a3")
		synctest.Wait()
		slices.Sort(r.got) // both get their turns at once
		r.want("a2", "a3")
		(*a2).End()
		(*a3).End()
	})
}

func TestTooManyRequestsOfOneOwnerAreRefusedWithATime(t *testing.T) {
	test(t, 2, func(t *testing.T, r *requests) {
		_, b := r.begin("b", "b")
		(*b).End()
		ctx, cancel := context.WithCancel(t.Context())
		_, first, err := r.turns.Begin(ctx, "a")
		must.OK(t, err)
		failed := make(chan error, mostWaiting)
		for range mostWaiting {
			go func() {
				_, _, err := r.turns.Begin(ctx, "a")
				failed <- err
			}()
		}
		synctest.Wait()
		if _, _, err := r.turns.Begin(ctx, "a"); !errors.Is(err, ErrFull) {
			t.Errorf("one more than may wait: %v", err)
		}
		if _, x, err := r.turns.Begin(ctx, "b"); err != nil {
			t.Errorf("another owner: %v", err)
		} else {
			x.End()
		}
		time.Sleep(time.Second) // the first takes that long
		first.End()
		if got := r.turns.Wait("a"); got < mostWaiting*100*time.Millisecond {
			t.Errorf("come again after %v, although %d wait and one took a second", got, mostWaiting)
		}
		cancel()
		for range mostWaiting { // one of them has a turn
			if err := <-failed; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if taken, waiting := r.turns.processors.q.Load(); waiting != 0 || taken > 1 {
			t.Errorf("%d have a turn and %d wait after all gave up", taken, waiting)
		}
	})
}
