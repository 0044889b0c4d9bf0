// Package queuetest defines queue.Queue: an implementation is correct if it passes Run.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

// Store is a store of sessions that keeps tasks as well.
type Store struct {
	session.Store
	Tasks func() queue.Queue
}

// Opener opens the store at a place, as a sessiontest.Opener does.
type Opener func(t testing.TB, place string, settings session.Settings) Store

// bench is the environment of a case.
type bench struct {
	*testing.T
	open  Opener
	place string
	clock *sessiontest.Clock
	store Store
	q     func() queue.Queue
}

var ctx = context.Background()

const (
	kind  queue.Kind = "job"
	lease            = time.Minute
	day              = 24 * time.Hour
)

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		run  func(*bench)
	}{
		{"a task is put once, claimed, noted on and finished", life},
		{"a repeated put of one ID, or one key, has no further effect", repeats},
		{"what no task can be is refused", refusals},
		{"the bounds of an owner hold", bounds},
		{"a claim holds until its time is over, and no longer", leases},
		{"a task that is put off waits, and counts its claims", retries},
		{"an end can be repeated by its claimant only", ends},
		{"a cancelled task stays cancelled", cancels},
		{"owners do not see each other's tasks", owners},
		{"owners take turns", turns},
		{"contents belong to one task until it ends", contents},
		{"an ended task expires, an open one does not", expiry},
		{"listings go from the latest to the first", lists},
		{"tasks are counted", counts},
		{"many who claim at once never share a task, and none is lost", race},
		{"puts at once under one key make one task", keyRace},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{T: t, open: open, place: t.TempDir(), clock: sessiontest.NewClock()}
			b.reopen()
			t.Cleanup(func() { b.store.Close() })
			c.run(b)
		})
	}
}

func (b *bench) reopen() {
	b.Helper()
	if b.store.Store != nil {
		must.OK(b, b.store.Close())
	}
	b.store = b.open(b.T, b.place, session.Settings{Now: b.clock.Now})
	b.q = b.store.Tasks
}

func task(owner session.Owner, payload string) queue.New {
	return queue.New{ID: queue.NewID("t_"), Owner: owner, Kind: kind, Payload: []byte(payload)}
}

func keyed(owner session.Owner, key, fingerprint string) queue.New {
	n := task(owner, key)
	n.Key, n.Fingerprint = key, fingerprint
	return n
}

func ref() blob.Ref {
	r := blob.Ref{Key: blob.NewKey(), Size: rand.Int64N(1 << 30)}
	copy(r.SHA256[:], blob.NewKey())
	return r
}

func (b *bench) put(n queue.New) queue.Task {
	b.Helper()
	t, created, err := b.q().Put(ctx, n)
	if err != nil || !created || t.ID != n.ID {
		b.Fatalf("put: %+v, %t, %v", t, created, err)
	}
	return t
}

func (b *bench) claim() queue.Task {
	b.Helper()
	t, ok, err := b.q().Claim(ctx, kind, lease)
	if err != nil || !ok || t.State != queue.Claimed || !t.Due.Equal(b.clock.Now().Truncate(time.Millisecond).Add(lease)) {
		b.Fatalf("claim: %+v, %t, %v", t, ok, err)
	}
	return t
}

func (b *bench) nothingToClaim() {
	b.Helper()
	if t, ok, err := b.q().Claim(ctx, kind, lease); err != nil || ok || t.ID != "" {
		b.Errorf("claim: %+v, %t, %v; want nothing", t, ok, err)
	}
}

func (b *bench) get(t queue.Task) queue.Task {
	b.Helper()
	got, err := b.q().Get(ctx, t.Owner, t.ID)
	must.OK(b, err)
	return got
}

func (b *bench) finish(t queue.Task, result string) []blob.Key {
	b.Helper()
	freed, err := b.q().Finish(ctx, t.Hold(), done(result))
	must.OK(b, err)
	return freed
}

func done(result string) queue.End {
	return queue.End{State: queue.Done, Result: []byte(result), Keep: day}
}

// holdsNothing expects that a claim can do nothing.
func (b *bench) holdsNothing(h queue.Hold) {
	b.Helper()
	_, finish := b.q().Finish(ctx, h, done("late"))
	for what, err := range map[string]error{
		"extend": b.q().Extend(ctx, h, lease, []byte("late")),
		"finish": finish,
		"retry":  b.q().Retry(ctx, h, 0, "late"),
	} {
		if fault.CodeOf(err) != queue.Lost || !session.Settled(err) {
			b.Errorf("%s: %v, want %s", what, err, queue.Lost)
		}
	}
}

func (b *bench) fails(code fault.Code, err error) {
	b.Helper()
	if fault.CodeOf(err) != code || !session.Settled(err) {
		b.Errorf("got %v, want code %s", err, code)
	}
}

// same expects two equal tasks.
func (b *bench) same(got, want queue.Task) {
	b.Helper()
	bare := func(t queue.Task) queue.Task {
		for _, bytes := range []*[]byte{&t.Payload, &t.Note, &t.Result} {
			if len(*bytes) == 0 {
				*bytes = nil
			}
		}
		if len(t.Contents) == 0 {
			t.Contents = nil
		}
		return t
	}
	if got, want = bare(got), bare(want); !reflect.DeepEqual(got, want) {
		b.Errorf("task:\n got %+v\nwant %+v", got, want)
	}
}

func life(b *bench) {
	b.nothingToClaim()
	n := task("acme", "what to do\x00\xff")
	put := b.put(n)
	now := b.clock.Now().UTC().Truncate(time.Millisecond)
	b.same(put, queue.Task{ID: n.ID, Owner: "acme", Kind: kind, Payload: n.Payload, Seq: put.Seq, State: queue.Waiting, Due: now, Created: now})
	if put.Seq < 1 {
		b.Errorf("its number is %d", put.Seq)
	}
	b.reopen()
	b.same(b.get(put), put)
	if _, ok, err := b.q().Claim(ctx, "other", lease); ok || err != nil {
		b.Errorf("a claim of another kind: %t, %v", ok, err)
	}
	b.clock.Advance(time.Second)
	t := b.claim()
	want := put
	want.State, want.Due, want.Token = queue.Claimed, now.Add(time.Second+lease), 1
	b.same(t, want)
	b.nothingToClaim()
	b.clock.Advance(time.Second)
	must.OK(b, b.q().Extend(ctx, t.Hold(), 2*lease, []byte("half")))
	want.Note, want.Due = []byte("half"), now.Add(2*time.Second+2*lease)
	b.same(b.get(put), want)
	must.OK(b, b.q().Extend(ctx, t.Hold(), 2*lease, nil))
	b.reopen()
	b.same(b.get(put), want)
	b.finish(t, "done\x00")
	want.State, want.Result, want.Ended, want.Expires = queue.Done, []byte("done\x00"), now.Add(2*time.Second), now.Add(2*time.Second+day)
	b.same(b.get(put), want)
	b.reopen()
	b.same(b.get(put), want)
	b.nothingToClaim()
}

func repeats(b *bench) {
	n := keyed("acme", "once", "of this")
	first := b.put(n)
	b.same(b.put(n), first) // by its ID
	again := func(m queue.New, want queue.Task) {
		b.Helper()
		t, created, err := b.q().Put(ctx, m)
		if err != nil || created {
			b.Fatalf("put again: %t, %v", created, err)
		}
		b.same(t, want)
	}
	again(keyed("acme", "once", "of this"), first)
	_, _, err := b.q().Put(ctx, keyed("acme", "once", "of that"))
	b.fails(queue.KeyReused, err)
	b.put(keyed("zeta", "once", "of that")) // another owner
	other := keyed("acme", "once", "of that")
	other.Kind = "other"
	b.put(other)
	b.put(task("acme", "without a key"))
	b.put(task("acme", "without a key"))
	b.reopen()
	t := b.claim()
	again(keyed("acme", "once", "of this"), t)
	b.finish(t, "ended")
	again(keyed("acme", "once", "of this"), b.get(first))
	must.OK(b, b.q().Remove(ctx, "acme", first.ID))
	b.put(keyed("acme", "once", "of that"))
}

func refusals(b *bench) {
	good := task("acme", "x")
	for what, change := range map[string]func(*queue.New){
		"no ID":            func(n *queue.New) { n.ID = "" },
		"a path as ID":     func(n *queue.New) { n.ID = "../x" },
		"a long ID":        func(n *queue.New) { n.ID = queue.ID(strings.Repeat("x", 65)) },
		"no kind":          func(n *queue.New) { n.Kind = "" },
		"no owner":         func(n *queue.New) { n.Owner = "" },
		"a long key":       func(n *queue.New) { n.Key = strings.Repeat("x", queue.MaxKey+1) },
		"NUL in a key":     func(n *queue.New) { n.Key = "a\x00" },
		"no UTF-8":         func(n *queue.New) { n.Fingerprint = "a\xff" },
		"a long payload":   func(n *queue.New) { n.Payload = make([]byte, queue.MaxPayload+1) },
		"a bad content":    func(n *queue.New) { n.Contents = []blob.Ref{{Key: "x"}} },
		"a content twice":  func(n *queue.New) { r := ref(); n.Contents = []blob.Ref{r, r} },
		"a negative delay": func(n *queue.New) { n.After = -1 },
	} {
		n := good
		change(&n)
		if _, _, err := b.q().Put(ctx, n); fault.CodeOf(err) != fault.BadRequest {
			b.Errorf("%s: %v", what, err)
		}
	}
	b.nothingToClaim()
	good.Key, good.Payload = strings.Repeat("é", queue.MaxKey/2), make([]byte, queue.MaxPayload)
	for range queue.MaxContents {
		good.Contents = append(good.Contents, ref())
	}
	b.same(b.get(b.put(good)), b.put(good))
	stolen := good
	stolen.Owner = "zeta"
	_, _, err := b.q().Put(ctx, stolen)
	b.fails(fault.BadRequest, err)
	t := b.claim()
	_, err = b.q().Finish(ctx, t.Hold(), queue.End{State: queue.Waiting})
	b.fails(fault.BadRequest, err)
	_, err = b.q().Finish(ctx, t.Hold(), queue.End{State: queue.Done, Result: make([]byte, queue.MaxResult+1)})
	b.fails(fault.BadRequest, err)
	b.fails(fault.BadRequest, b.q().Extend(ctx, t.Hold(), lease, make([]byte, queue.MaxNote+1)))
	if _, err := b.q().Finish(ctx, t.Hold(), queue.End{State: queue.Dead, Result: make([]byte, queue.MaxResult), Error: strings.Repeat("é\x00\xff", queue.MaxError), Keep: day}); err != nil {
		b.Error(err)
	}
	if got := b.get(t); len(got.Error) > queue.MaxError || !strings.HasPrefix(got.Error, "é") || len(got.Result) != queue.MaxResult {
		b.Errorf("an error of %d bytes, a result of %d", len(got.Error), len(got.Result))
	}
}

func bounds(b *bench) {
	bounded := func(owner session.Owner) queue.New {
		n := task(owner, "x")
		n.MostOpen, n.MostKept = 2, 3
		return n
	}
	refused := func() {
		b.Helper()
		_, _, err := b.q().Put(ctx, bounded("acme"))
		b.fails(queue.TooMany, err)
		var f *fault.Error
		errors.As(err, &f)
		if d, ok := f.Details.(session.RetryAfter); !ok || d.Seconds < 1 {
			b.Errorf("it does not say when to try again: %v", err)
		}
	}
	b.put(bounded("acme"))
	second := bounded("acme")
	second.Key = "second"
	b.put(second)
	refused()
	if _, created, err := b.q().Put(ctx, second); err != nil || !created {
		b.Errorf("a repeated put over the bound: %t, %v", created, err)
	}
	b.put(bounded("zeta"))
	other := bounded("acme")
	other.Kind = "other"
	b.put(other)
	t := b.claim()
	for t.Owner != "acme" {
		t = b.claim()
	}
	refused() // a claimed one has not ended
	b.finish(t, "")
	b.put(bounded("acme"))
	refused() // two are open, three are kept
	_, _, err := b.q().Cancel(ctx, "acme", second.ID, day)
	must.OK(b, err)
	refused() // three are kept
	must.OK(b, b.q().Remove(ctx, "acme", second.ID))
	b.put(bounded("acme"))
}

func leases(b *bench) {
	put := b.put(task("acme", "x"))
	first := b.claim()
	b.clock.Advance(lease - time.Millisecond)
	b.nothingToClaim()
	must.OK(b, b.q().Extend(ctx, first.Hold(), lease, nil))
	b.clock.Advance(lease - time.Millisecond)
	b.nothingToClaim()
	b.clock.Advance(time.Millisecond)
	b.holdsNothing(first.Hold()) // though nobody else has it
	b.reopen()
	second := b.claim()
	if second.ID != put.ID || second.Token != 2 {
		b.Errorf("the second claim is %+v", second)
	}
	b.holdsNothing(first.Hold())
	b.holdsNothing(queue.Hold{ID: put.ID, Token: 3})
	b.holdsNothing(queue.Hold{ID: "t_nothing", Token: 1})
	b.finish(second, "by the second")
	b.holdsNothing(first.Hold())
	if got := b.get(put); string(got.Result) != "by the second" || got.Token != 2 {
		b.Errorf("%+v", got)
	}
}

func retries(b *bench) {
	n := task("acme", "x")
	n.After = time.Second
	b.put(n)
	b.nothingToClaim()
	b.clock.Advance(time.Second)
	t := b.claim()
	must.OK(b, b.q().Retry(ctx, t.Hold(), time.Hour, "no answer"))
	b.holdsNothing(t.Hold())
	if got := b.get(t); got.State != queue.Waiting || got.Error != "no answer" || got.Token != 1 || !got.Due.Equal(b.clock.Now().Truncate(time.Millisecond).Add(time.Hour)) {
		b.Errorf("%+v", got)
	}
	b.clock.Advance(time.Hour - time.Millisecond)
	b.nothingToClaim()
	b.reopen()
	b.clock.Advance(time.Millisecond)
	t = b.claim()
	if t.Token != 2 || t.Error != "no answer" {
		b.Errorf("%+v", t)
	}
	_, err := b.q().Finish(ctx, t.Hold(), queue.End{State: queue.Dead, Error: "given up", Keep: day})
	must.OK(b, err)
	if got := b.get(t); got.State != queue.Dead || got.Error != "given up" {
		b.Errorf("%+v", got)
	}
	b.clock.Advance(lease)
	b.nothingToClaim()
}

func ends(b *bench) {
	b.put(task("acme", "x"))
	t := b.claim()
	b.finish(t, "first")
	ended := b.get(t)
	b.clock.Advance(time.Second)
	if freed := b.finish(t, "second"); len(freed) != 0 {
		b.Errorf("a repeated end frees %v", freed)
	}
	b.same(b.get(t), ended)
	_, err := b.q().Finish(ctx, t.Hold(), queue.End{State: queue.Dead, Keep: day})
	b.fails(queue.Lost, err)
	b.fails(queue.Lost, b.q().Extend(ctx, t.Hold(), lease, nil))
	b.same(b.get(t), ended)
}

func cancels(b *bench) {
	cancel := func(owner session.Owner, id queue.ID) queue.Task {
		b.Helper()
		t, _, err := b.q().Cancel(ctx, owner, id, time.Hour)
		must.OK(b, err)
		return t
	}
	put := b.put(task("acme", "x"))
	b.fails(queue.Open, b.q().Remove(ctx, "acme", put.ID))
	want := put
	now := b.clock.Now().UTC().Truncate(time.Millisecond)
	want.State, want.Ended, want.Expires = queue.Cancelled, now, now.Add(time.Hour)
	b.same(cancel("acme", put.ID), want)
	b.clock.Advance(time.Minute)
	b.same(cancel("acme", put.ID), want)
	b.nothingToClaim()
	b.put(task("acme", "y"))
	t := b.claim()
	b.fails(queue.Open, b.q().Remove(ctx, "acme", t.ID))
	if got := cancel("acme", t.ID); got.State != queue.Cancelled {
		b.Errorf("%+v", got)
	}
	b.holdsNothing(t.Hold())
	b.put(task("acme", "z"))
	t = b.claim()
	b.finish(t, "z")
	if got := cancel("acme", t.ID); got.State != queue.Done {
		b.Errorf("%+v", got)
	}
	b.reopen()
	for range 2 {
		if err := b.q().Remove(ctx, "acme", t.ID); err != nil {
			b.Error(err)
		}
		_, err := b.q().Get(ctx, "acme", t.ID)
		b.fails(fault.NotFound, err)
		_, _, err = b.q().Cancel(ctx, "acme", t.ID, day)
		b.fails(fault.NotFound, err)
		b.reopen()
	}
}

func owners(b *bench) {
	put := b.put(task("acme", "x"))
	for _, owner := range []session.Owner{"zeta", "Acme"} {
		_, err := b.q().Get(ctx, owner, put.ID)
		b.fails(fault.NotFound, err)
		_, _, err = b.q().Cancel(ctx, owner, put.ID, day)
		b.fails(fault.NotFound, err)
		if err := b.q().Remove(ctx, owner, put.ID); err != nil {
			b.Error(err)
		}
		if page, err := b.q().List(ctx, queue.Query{Owner: owner, Kind: kind}); err != nil || len(page.Tasks) != 0 {
			b.Errorf("%+v, %v", page, err)
		}
	}
	b.same(b.get(put), put)
}

func turns(b *bench) {
	for i := range 4 {
		b.put(task("many", fmt.Sprint("many ", i)))
		b.clock.Advance(time.Millisecond)
	}
	b.put(task("one", "one 0"))
	b.put(task("two", "two 0"))
	b.clock.Advance(time.Millisecond)
	b.put(task("two", "two 1"))
	take := func(want string) queue.Task {
		b.Helper()
		t := b.claim()
		if string(t.Payload) != want {
			b.Errorf("claimed %q, want %q", t.Payload, want)
		}
		return t
	}
	// One at a time.
	for _, want := range []string{"many 0", "one 0", "two 0", "many 1", "two 1"} {
		b.finish(take(want), "")
	}
	// Several at a time: who has least under way comes first.
	b.put(task("two", "two 2"))
	b.put(task("one", "one 1"))
	b.put(task("one", "one 2"))
	take("one 1")
	many := take("many 2")
	take("two 2")
	b.finish(many, "")
	take("many 3") // though one was served earlier
	take("one 2")
	b.nothingToClaim()
}

func contents(b *bench) {
	named := func(want bool, refs ...blob.Ref) {
		b.Helper()
		got, err := b.store.Named(ctx, blob.Keys(refs))
		if err != nil || slices.Contains(got, !want) {
			b.Errorf("named: %v, %v; want %t", got, err, want)
		}
	}
	with := func(refs ...blob.Ref) queue.New {
		n := task("acme", "x")
		n.Contents = refs
		return n
	}
	x, y, z := ref(), ref(), ref()
	named(false, x, y)
	put := b.put(with(x, y))
	named(true, x, y)
	named(false, z)
	b.reopen()
	named(true, x, y)
	if got := b.get(put); !slices.Equal(got.Contents, []blob.Ref{x, y}) {
		b.Errorf("%+v", got)
	}
	_, _, err := b.q().Put(ctx, with(z, x))
	b.fails(fault.BadRequest, err)
	named(false, z)
	st, _, err := b.store.Open(ctx, session.Key{Owner: "acme", ID: "s"}, session.Named)
	must.OK(b, err)
	attach := func(r blob.Ref) error {
		_, _, err := b.store.Attach(ctx, st.Key, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append,
			Files: []session.Input{{Name: "a.pdf", Content: r}}})
		return err
	}
	b.fails(fault.BadRequest, attach(x))
	must.OK(b, attach(z))
	_, _, err = b.q().Put(ctx, with(z))
	b.fails(fault.BadRequest, err)
	_, err = b.store.Clear(ctx, st.Key)
	must.OK(b, err)
	named(true, x, y)

	t := b.claim()
	must.OK(b, b.q().Retry(ctx, t.Hold(), 0, "later"))
	t = b.claim()
	named(true, x, y)
	if freed := b.finish(t, ""); !slices.Equal(freed, []blob.Key{x.Key, y.Key}) {
		b.Errorf("freed %v", freed)
	}
	named(false, x, y)
	if got := b.get(put); len(got.Contents) != 0 {
		b.Errorf("an ended task names %v", got.Contents)
	}
	n := b.put(with(x))
	_, freed, err := b.q().Cancel(ctx, "acme", n.ID, day)
	if err != nil || !slices.Equal(freed, []blob.Key{x.Key}) {
		b.Errorf("freed %v, %v", freed, err)
	}
	b.reopen()
	named(false, x, y)
}

func expiry(b *bench) {
	expire := func(limit, want int) {
		b.Helper()
		if n, err := b.q().Expire(ctx, limit); err != nil || n != want {
			b.Errorf("removed %d, %v; want %d", n, err, want)
		}
	}
	var ended []queue.Task
	for i := range 3 {
		t := b.put(keyed("acme", fmt.Sprint(i), ""))
		b.finish(b.claim(), "")
		ended = append(ended, t)
	}
	open := b.put(task("acme", "open"))
	b.clock.Advance(day - time.Millisecond)
	expire(10, 0)
	b.get(ended[0])
	b.clock.Advance(time.Millisecond)
	expire(2, 2)
	expire(2, 1)
	expire(2, 0)
	b.reopen()
	for _, t := range ended {
		_, err := b.q().Get(ctx, "acme", t.ID)
		b.fails(fault.NotFound, err)
	}
	b.clock.Advance(100 * day)
	expire(10, 0)
	b.same(b.get(open), open)
	b.put(keyed("acme", "0", "another"))
}

func lists(b *bench) {
	var all []queue.ID
	for i := range 5 {
		all = append(all, b.put(task("acme", fmt.Sprint(i))).ID)
	}
	b.put(task("zeta", "x"))
	other := task("acme", "x")
	other.Kind = "other"
	b.put(other)
	slices.Reverse(all)
	list := func(q queue.Query, more bool, want ...queue.ID) queue.Page {
		b.Helper()
		q.Owner, q.Kind = "acme", kind
		page, err := b.q().List(ctx, q)
		var got []queue.ID
		for _, t := range page.Tasks {
			got = append(got, t.ID)
		}
		if err != nil || !slices.Equal(got, want) || page.More != more {
			b.Errorf("listed %v, more %t (%v), want %v", got, page.More, err, want)
		}
		return page
	}
	page := list(queue.Query{}, false, all...)
	b.same(page.Tasks[0], b.get(page.Tasks[0]))
	page = list(queue.Query{Limit: 2}, true, all[:2]...)
	page = list(queue.Query{Limit: 2, Before: page.Tasks[1].Seq}, true, all[2:4]...)
	list(queue.Query{Limit: 2, Before: page.Tasks[1].Seq}, false, all[4])
	for t := b.claim(); t.Owner != "acme"; {
		t = b.claim()
	}
	list(queue.Query{State: queue.Claimed}, false, all[4])
	list(queue.Query{State: queue.Waiting}, false, all[:4]...)
	list(queue.Query{State: queue.Dead}, false)
}

func counts(b *bench) {
	count := func(want queue.Counts) {
		b.Helper()
		if got, err := b.q().Count(ctx, kind); err != nil || got != want {
			b.Errorf("counted %+v, %v; want %+v", got, err, want)
		}
	}
	count(queue.Counts{})
	b.put(task("acme", "0"))
	late := task("zeta", "1")
	late.After = time.Hour
	b.put(late)
	other := task("acme", "x")
	other.Kind = "other"
	b.put(other)
	b.clock.Advance(3 * time.Second)
	count(queue.Counts{Waiting: 2, Due: 1, Oldest: 3 * time.Second})
	b.claim()
	count(queue.Counts{Waiting: 1, Claimed: 1})
	b.clock.Advance(lease + time.Second)
	count(queue.Counts{Waiting: 1, Claimed: 1, Due: 1, Oldest: time.Second})
	t := b.claim()
	b.finish(t, "")
	count(queue.Counts{Waiting: 1, Done: 1})
	_, _, err := b.q().Cancel(ctx, "zeta", late.ID, day)
	must.OK(b, err)
	b.put(task("acme", "2"))
	t = b.claim()
	_, err = b.q().Finish(ctx, t.Hold(), queue.End{State: queue.Dead, Keep: day})
	must.OK(b, err)
	count(queue.Counts{Done: 1, Dead: 1, Cancelled: 1})
}

func race(b *bench) {
	const tasks, claimants = 60, 6
	for i := range tasks {
		b.put(task(session.Owner(fmt.Sprint("owner ", i%3)), fmt.Sprint(i)))
	}
	var mu sync.Mutex
	held := map[queue.Hold]int{}
	finished := map[queue.ID][]int64{}
	must.AtOnce(claimants, func(w int) {
		for i := 0; ; i++ {
			t, ok, err := b.q().Claim(ctx, kind, lease)
			if err != nil {
				b.Error(err)
				return
			}
			if !ok {
				return
			}
			mu.Lock()
			held[t.Hold()]++
			mu.Unlock()
			switch (w + i) % 4 {
			case 0:
				err = b.q().Retry(ctx, t.Hold(), 0, "later")
			case 1:
				err = b.q().Extend(ctx, t.Hold(), lease, []byte("soon"))
				fallthrough
			default:
				if err == nil {
					_, err = b.q().Finish(ctx, t.Hold(), done(fmt.Sprint(t.Token)))
				}
				mu.Lock()
				finished[t.ID] = append(finished[t.ID], t.Token)
				mu.Unlock()
			}
			if err != nil {
				b.Errorf("a claim that holds: %v", err)
			}
		}
	})
	for h, n := range held {
		if n != 1 {
			b.Errorf("%d claims have the number %d of one task", n, h.Token)
		}
	}
	if len(finished) != tasks {
		b.Errorf("%d of %d tasks ended", len(finished), tasks)
	}
	for i := range 3 {
		page, err := b.q().List(ctx, queue.Query{Owner: session.Owner(fmt.Sprint("owner ", i)), Kind: kind})
		must.OK(b, err)
		for _, t := range page.Tasks {
			if by := finished[t.ID]; len(by) != 1 || t.State != queue.Done || t.Token != by[0] || string(t.Result) != fmt.Sprint(by[0]) {
				b.Errorf("a task that claims %v finished is %+v", by, t)
			}
		}
	}
}

func keyRace(b *bench) {
	for i := range 10 {
		var mu sync.Mutex
		made := map[queue.ID]bool{}
		created := 0
		must.AtOnce(6, func(int) {
			n := keyed("acme", fmt.Sprint(i), "same")
			n.MostOpen = 10
			t, c, err := b.q().Put(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			if made[t.ID] = true; c {
				created++
			}
			if err != nil || c != (t.ID == n.ID) {
				b.Errorf("%t, %v", c, err)
			}
		})
		if len(made) != 1 || created != 1 {
			b.Errorf("%d puts under one key succeeded, for %d tasks", created, len(made))
		}
	}
}
