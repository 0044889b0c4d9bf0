package sessiontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// testCase is one case of the suite.
type testCase struct {
	name string
	run  func(*bench)
}

// cases are the suite, in the order of DESIGN.md §6.
var cases = []testCase{
	{"open begins an empty incarnation where there is none", openBegins},
	{"open returns the session that is there, and keeps its kind", openReturns},
	{"new always begins an empty incarnation, and nothing of an earlier one is visible", newBegins},
	{"no two incarnations are the same", incarnationsDiffer},
	{"clear ends the incarnation and says how many files it removed", clearEnds},
	{"clearing a missing session succeeds", clearNothing},
	{"attaching a BOL replaces it and drops the orders", attachBOL},
	{"appending to the BOL adds files and keeps the orders", appendBOL},
	{"attaching orders replaces them and keeps the BOL", attachOrders},
	{"appending an order export keeps the others", appendOrders},
	{"amendments are replaced as a whole; a new BOL drops them, everything else keeps them", amend},
	{"detaching takes one file away and keeps everything else", detach},
	{"updating replaces the readings of existing files", updateReading},
	{"an attach that names a revision fails if another came first", revision},
	{"an attach never lands in another incarnation than it began in", superseded},
	{"an attach that fails leaves everything as it was", failedAttach},
	{"everything that was attached comes back, whatever its name", roundTrip},
	{"a content belongs to one session", contentsBelong},
	{"an ID is an opaque key: hostile ones are ordinary and all different", hostileIDs},
	{"every operation refuses an invalid ID", refusedIDs},
	{"the same ID under two owners is two sessions", owners},
	{"what was acknowledged is there after a restart, and what was cleared is not", restart},
	{"a session ends when its kind's life has passed since its last use", expiry},
	{"reading and attaching extend a session's life, listing does not", useExtends},
	{"a restart does not shorten a life by more than a sixteenth, nor lengthen it", expiryRestart},
	{"a changed life holds for sessions that are there", changedLives},
	{"an expired session is gone for every operation, and its contents are given back", expiredIsGone},
	{"the sweep removes expired sessions only, in small steps", sweep},
	{"a session that is used while the sweep runs is not removed", sweepRace},
	{"contents are named from the attach that names them until they are removed", namedContents},
	{"listing pages through live sessions in order", listing},
	{"listing leaves no session out while others come and go", listingRace},
	{"an operation whose context has ended is not done", cancelled},
	{"an upload under way delays no operation", uploadsHoldNothing},
	{"many clients that open one ID get one incarnation", openRace},
	{"many appends at once all land, once and whole", appendRace},
	{"of many amendments at once to one revision, one comes first", amendRace},
	{"many attaches and resets at once cross no incarnation", crossingRace},
	{"readers see whole states only", wholeStates},
	{"there is a bound on sessions, and room again after a clear", bound},
	{"a closed store refuses, and closing twice is harmless", closed},
	{"the check makes a write", check},
	{"an owner's profile is written only over the revision that its writer saw", profiles},
	{"of many writers of one profile at once, one comes first", profileRace},
	{"an owner's webhooks are written as profiles are, apart from them", ofWebhooks(profiles)},
	{"of many writers of one owner's webhooks at once, one comes first", ofWebhooks(profileRace)},
	{"every history is linearizable", linearizable},
}

func openBegins(b *bench) {
	k := key("BOL 24024 / Midas")
	for _, kind := range []session.Kind{session.Named, session.Cookie} {
		k.ID += "+"
		st, removed, err := b.store.Open(ctx, k, kind)
		must.OK(b, err)
		b.isEmpty(st)
		now := b.clock.Now()
		want := session.State{Key: k, Kind: kind, Incarnation: st.Incarnation, Revision: 1, Created: now, LastUsed: now, Expires: now.Add(b.settings.Lives.Of(kind))}
		if st.Created, st.LastUsed, st.Expires = st.Created.UTC(), st.LastUsed.UTC(), st.Expires.UTC(); !reflect.DeepEqual(st, want) {
			b.Errorf("opened %+v, want %+v", st, want)
		}
		if !reflect.DeepEqual(removed, session.Removed{}) {
			b.Errorf("opening a missing session removed %+v", removed)
		}
		b.same(b.get(k), st)
	}
	if _, _, err := b.store.Open(ctx, key("y"), "minted"); fault.CodeOf(err) != fault.BadRequest {
		b.Errorf("opening a session without a kind: %v", err)
	}
	b.isGone(key("y"))
}

func openReturns(b *bench) {
	k := key("x")
	first := b.openSession(k)
	f, o := NewInput("bol.pdf"), NewInput("orders.csv")
	b.attach(k, bolOf(first.Incarnation, f))
	want, _ := b.attach(k, ordersOf(first.Incarnation, o))
	b.clock.Advance(time.Minute)
	got, removed, err := b.store.Open(ctx, k, session.Cookie)
	must.OK(b, err)
	b.same(got, want)
	b.holds(got, &o, f)
	if got.Kind != session.Named {
		b.Errorf("opening changed the kind to %q", got.Kind)
	}
	if removed.Files != 0 || len(removed.Contents) != 0 {
		b.Errorf("opening a live session removed %+v", removed)
	}
}

func newBegins(b *bench) {
	k := key("x")
	first, removed := b.newSession(k)
	b.removes(removed)
	f, o := NewInput("bol.pdf"), NewInput("orders.csv")
	b.attach(k, bolOf(first.Incarnation, f))
	b.attach(k, ordersOf(first.Incarnation, o))
	second, removed := b.newSession(k)
	b.removes(removed, f, o)
	if second.Incarnation == first.Incarnation {
		b.Error("new kept the incarnation")
	}
	b.same(b.get(k), second)
	b.isEmpty(b.openSession(k))
	third, removed, err := b.store.New(ctx, k, session.Cookie)
	if err != nil || third.Kind != session.Cookie {
		b.Errorf("new with another kind: %+v, %v", third, err)
	}
	b.removes(removed)
	for _, s := range b.list(session.Local, 10) {
		b.isEmpty(s)
	}
	b.attachFails(session.Superseded, k, ordersOf(first.Incarnation, NewInput("late.csv")))
	b.attachFails(session.Superseded, k, bolOf(second.Incarnation, NewInput("late.pdf")))
}

func incarnationsDiffer(b *bench) {
	seen := map[session.Incarnation]bool{}
	note := func(st session.State) {
		if seen[st.Incarnation] {
			b.Fatalf("incarnation %s for the second time", st.Incarnation)
		}
		seen[st.Incarnation] = true
	}
	for i := range 100 {
		k := key(fmt.Sprint(i % 3))
		st, _ := b.newSession(k)
		note(st)
		b.clear(k)
		note(b.openSession(k))
		if i%40 == 0 {
			b.clear(k)
			b.reopen()
		}
	}
}

func clearEnds(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, g, o := NewInput("1.pdf"), NewInput("2.pdf"), NewInput("orders.csv")
	g.Reading = blob.Ref{} // a file without a reading
	b.attach(k, bolOf(st.Incarnation, f, g))
	b.attach(k, ordersOf(st.Incarnation, o))
	b.removes(b.clear(k), f, g, o)
	b.isGone(k)
	if l := b.list("", 10); len(l) != 0 {
		b.Errorf("after a clear the listing has %+v", l)
	}
	b.attachFails(session.Superseded, k, ordersOf(st.Incarnation, NewInput("late.csv")))
	again := b.openSession(k)
	b.isEmpty(again)
	if again.Incarnation == st.Incarnation {
		b.Error("the cleared incarnation came back")
	}
}

func clearNothing(b *bench) {
	k := key("x")
	b.removes(b.clear(k))
	b.isGone(k)
	b.newSession(k)
	b.removes(b.clear(k))
	b.removes(b.clear(k))
	b.isGone(k)
}

func attachBOL(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, o := NewInput("1.pdf"), NewInput("orders.csv")
	got, removed := b.attach(k, bolOf(st.Incarnation, f))
	b.holds(got, nil, f)
	b.removes(removed)
	b.attach(k, ordersOf(st.Incarnation, o))

	g, h := NewInput("2.pdf"), NewInput("3.pdf")
	b.clock.Advance(time.Minute)
	got, removed = b.attach(k, bolOf(st.Incarnation, g, h))
	b.holds(got, nil, g, h)
	b.removes(removed, f, o)
	b.same(b.get(k), got)
	for _, f := range got.BOL {
		if !f.Attached.Equal(b.clock.Now()) {
			b.Errorf("attached at %v, the clock shows %v", f.Attached, b.clock.Now())
		}
	}
	if got.Incarnation != st.Incarnation || !got.Created.Equal(st.Created) || got.Revision != 4 {
		b.Errorf("after three attaches to %+v: %+v", st, got)
	}
}

func appendBOL(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, g, h, o := NewInput("1.pdf"), NewInput("2.pdf"), NewInput("2.pdf"), NewInput("orders.csv")
	got, removed := b.attach(k, appendOf(st.Incarnation, f))
	b.holds(got, nil, f)
	b.removes(removed)
	b.attach(k, ordersOf(st.Incarnation, o))
	got, removed = b.attach(k, appendOf(st.Incarnation, g, h))
	b.holds(got, &o, f, g, h)
	b.removes(removed)
	b.same(b.get(k), got)
}

func attachOrders(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, o, p := NewInput("1.pdf"), NewInput("a.csv"), NewInput("b.xlsx")
	b.attach(k, bolOf(st.Incarnation, f))
	got, removed := b.attach(k, ordersOf(st.Incarnation, o))
	b.holds(got, &o, f)
	b.removes(removed)
	got, removed = b.attach(k, ordersOf(st.Incarnation, p))
	b.holds(got, &p, f)
	b.removes(removed, o)
	b.same(b.get(k), got)
}

func appendOrders(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, o, p, q, r := NewInput("1.pdf"), NewInput("a.csv"), NewInput("b.xlsx"), NewInput("a.csv"), NewInput("d.csv")
	b.attach(k, bolOf(st.Incarnation, f))
	more := func(files ...session.Input) session.Attachment {
		return slotOf(st.Incarnation, session.Orders, session.Append, files...)
	}
	got, removed := b.attach(k, more(o))
	b.holdsAll(got, []session.Input{f}, []session.Input{o}, nil)
	b.removes(removed)
	got, removed = b.attach(k, more(p, q))
	b.holdsAll(got, []session.Input{f}, []session.Input{o, p, q}, nil)
	b.removes(removed)
	g := NewInput("2.pdf")
	got, _ = b.attach(k, appendOf(st.Incarnation, g))
	b.holdsAll(got, []session.Input{f, g}, []session.Input{o, p, q}, nil)
	b.reopen()
	b.same(b.get(k), got)
	got, removed = b.attach(k, ordersOf(st.Incarnation, r))
	b.holdsAll(got, []session.Input{f, g}, []session.Input{r}, nil)
	b.removes(removed, o, p, q)
	b.attach(k, more(NewInput("e.csv")))
	b.same(b.get(k), b.listed(k))
	got, _ = b.attach(k, bolOf(st.Incarnation, NewInput("3.pdf")))
	if len(got.Orders) != 0 {
		b.Errorf("a new BOL keeps %d order exports", len(got.Orders))
	}
}

func amend(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, g, o, p := NewInput("1.pdf"), NewInput("2.pdf"), NewInput("a.csv"), NewInput("b.csv")
	b.attach(k, bolOf(st.Incarnation, f))
	x, y, z := NewInput("amendments.json"), NewInput("amendments.json"), NewInput("amendments.json")
	x.Reading = blob.Ref{}
	got, removed := b.attach(k, amendOf(st.Incarnation, x))
	b.holdsAll(got, []session.Input{f}, nil, []session.Input{x})
	b.removes(removed)
	if got.Revision != 3 {
		b.Errorf("the revision is %d", got.Revision)
	}
	a := amendOf(st.Incarnation, y)
	a.Revision = got.Revision - 1
	b.attachFails(session.Changed, k, a)
	a.Revision = got.Revision
	got, removed = b.attach(k, a)
	b.holdsAll(got, []session.Input{f}, nil, []session.Input{y})
	b.removes(removed, x)
	b.attachFails(session.Superseded, k, amendOf(session.NewIncarnation(), z))

	got, removed = b.attach(k, appendOf(st.Incarnation, g))
	b.holdsAll(got, []session.Input{f, g}, nil, []session.Input{y})
	b.removes(removed)
	b.attach(k, ordersOf(st.Incarnation, o))
	got, removed = b.attach(k, ordersOf(st.Incarnation, p))
	b.holdsAll(got, []session.Input{f, g}, []session.Input{p}, []session.Input{y})
	b.removes(removed, o)
	again := NewInput("ignored")
	again.Content = g.Content
	got, _ = b.attach(k, slotOf(st.Incarnation, session.BOL, session.Update, again))
	again.Name = g.Name
	b.holdsAll(got, []session.Input{f, again}, []session.Input{p}, []session.Input{y})
	b.same(b.get(k), got)
	b.same(b.listed(k), got)
	b.named(true, y.Content.Key, y.Reading.Key)
	b.reopen()
	b.same(b.get(k), got)

	h := NewInput("3.pdf")
	got, removed = b.attach(k, bolOf(st.Incarnation, h))
	b.holdsAll(got, []session.Input{h}, nil, nil)
	b.removes(removed, f, again, p, y)

	// What ends the session takes them away.
	b.attach(k, amendOf(st.Incarnation, z))
	b.removes(b.clear(k), h, z)
	st = b.openSession(k)
	x, y = NewInput("amendments.json"), NewInput("amendments.json")
	b.attach(k, amendOf(st.Incarnation, x))
	_, removed = b.newSession(k)
	b.removes(removed, x)
	st = b.get(k)
	b.attach(k, amendOf(st.Incarnation, y))
	b.clock.Advance(b.settings.Lives.Of(session.Named))
	b.isGone(k)
	b.contents(b.sweep(10).Contents, []blob.Key{y.Content.Key, y.Reading.Key})
}

func detach(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, g, h, o, p, x := NewInput("1.pdf"), NewInput("2.pdf"), NewInput("3.pdf"), NewInput("a.csv"), NewInput("b.csv"), NewInput("amendments.json")
	b.attach(k, bolOf(st.Incarnation, f, g, h))
	b.attach(k, slotOf(st.Incarnation, session.Orders, session.Append, o, p))
	b.attach(k, amendOf(st.Incarnation, x))
	away := func(slot session.Slot, files ...session.Input) session.Attachment {
		return slotOf(st.Incarnation, slot, session.Detach, files...)
	}
	got, removed := b.attach(k, away(session.BOL, g))
	b.holdsAll(got, []session.Input{f, h}, []session.Input{o, p}, []session.Input{x})
	b.removes(removed, g)
	b.attachFails(session.Changed, k, away(session.BOL, g))
	b.attachFails(session.Changed, k, away(session.BOL, f, o))
	b.attachFails(session.Changed, k, away(session.Orders, f))
	b.attachFails(session.Superseded, k, slotOf(session.NewIncarnation(), session.BOL, session.Detach, f))
	got, removed = b.attach(k, away(session.Orders, o))
	b.holdsAll(got, []session.Input{f, h}, []session.Input{p}, []session.Input{x})
	b.removes(removed, o)
	q := NewInput("c.csv")
	got, _ = b.attach(k, slotOf(st.Incarnation, session.Orders, session.Append, q))
	b.holdsAll(got, []session.Input{f, h}, []session.Input{p, q}, []session.Input{x})
	b.reopen()
	b.same(b.get(k), got)
	got, removed = b.attach(k, away(session.BOL, h, f))
	b.holdsAll(got, nil, []session.Input{p, q}, []session.Input{x})
	b.removes(removed, h, f)
	got, _ = b.attach(k, appendOf(st.Incarnation, NewInput("4.pdf")))
	if len(got.Orders) != 2 || len(got.Amendments) != 1 {
		b.Errorf("appending to no BOL leaves %+v", got)
	}
	got, removed = b.attach(k, away(session.Amendments, x))
	if len(got.Amendments) != 0 {
		b.Errorf("the amendments are still there: %+v", got.Amendments)
	}
	b.removes(removed, x)
}

// amendRace has many clients amend one state.
func amendRace(b *bench) {
	k := key("x")
	st := b.openSession(k)
	var won atomic.Int32
	must.AtOnce(16, func(int) {
		for range 20 {
			now, err := b.store.Get(ctx, k)
			if err != nil {
				b.Error(err)
				return
			}
			a := amendOf(now.Incarnation, NewInput("amendments.json"))
			a.Revision = now.Revision
			switch got, _, err := b.store.Attach(ctx, k, a); {
			case err == nil:
				won.Add(1)
				if got.Revision != now.Revision+1 || len(got.Amendments) != 1 || got.Amendments[0].Content.Key != a.Files[0].Content.Key {
					b.Errorf("an amendment of revision %d made %+v", now.Revision, got)
				}
			case fault.CodeOf(err) != session.Changed:
				b.Error(err)
			}
		}
	})
	if got := b.get(k); got.Revision != st.Revision+int64(won.Load()) || won.Load() == 0 {
		b.Errorf("revision %d after %d amendments", got.Revision, won.Load())
	}
}

func updateReading(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, g, o := NewInput("1.pdf"), NewInput("2.pdf"), NewInput("orders.csv")
	b.attach(k, bolOf(st.Incarnation, f, g))
	before, _ := b.attach(k, ordersOf(st.Incarnation, o))
	b.clock.Advance(time.Minute)

	again := func(f session.Input) session.Input {
		u := NewInput("ignored")
		u.Content, u.Summary = f.Content, json.RawMessage(`{"bills":84}`)
		return u
	}
	update := func(slot session.Slot, files ...session.Input) session.Attachment {
		return session.Attachment{Incarnation: st.Incarnation, Slot: slot, Mode: session.Update, Files: files}
	}
	u := again(g)
	got, removed := b.attach(k, update(session.BOL, u))
	u.Name = g.Name
	b.holds(got, &o, f, u)
	if removed.Files != 0 || removed.Bytes != 0 {
		b.Errorf("an update removed %d files", removed.Files)
	}
	b.contents(removed.Contents, []blob.Key{g.Reading.Key})
	if !got.BOL[1].Attached.Equal(before.BOL[1].Attached) || got.Revision != before.Revision+1 {
		b.Errorf("an update of %+v made %+v", before, got)
	}
	p := again(o)
	got, removed = b.attach(k, update(session.Orders, p))
	p.Name = o.Name
	b.holds(got, &p, f, u)
	b.contents(removed.Contents, []blob.Key{o.Reading.Key})

	b.attachFails(session.Changed, k, update(session.BOL, again(f), again(NewInput("other.pdf"))))
	b.attachFails(session.Changed, k, update(session.Orders, again(f)))
	b.attach(k, bolOf(st.Incarnation, NewInput("3.pdf")))
	b.attachFails(session.Changed, k, update(session.BOL, again(f)))
	b.attachFails(session.Changed, k, update(session.Orders, again(o)))
}

func revision(b *bench) {
	k := key("x")
	st := b.openSession(k)
	at := func(r int64, a session.Attachment) session.Attachment {
		a.Revision = r
		return a
	}
	f, g := NewInput("1.pdf"), NewInput("2.pdf")
	got, _ := b.attach(k, at(st.Revision, bolOf(st.Incarnation, f)))
	if got.Revision != st.Revision+1 {
		b.Errorf("revision %d after %d", got.Revision, st.Revision)
	}
	b.attachFails(session.Changed, k, at(st.Revision, appendOf(st.Incarnation, g)))
	b.attachFails(session.Changed, k, at(got.Revision+1, appendOf(st.Incarnation, g)))
	b.attach(k, at(got.Revision, appendOf(st.Incarnation, g)))
	again, _ := b.newSession(k)
	if again.Revision != 1 {
		b.Errorf("a new incarnation begins with revision %d", again.Revision)
	}
	b.attachFails(session.Superseded, k, at(1, appendOf(st.Incarnation, NewInput("3.pdf"))))
}

func superseded(b *bench) {
	life := b.settings.Lives.Of(session.Named)
	for _, c := range []struct {
		name      string
		meanwhile func(k session.Key)
	}{
		{"new", func(k session.Key) { b.newSession(k) }},
		{"clear", func(k session.Key) { b.clear(k) }},
		{"clear and open", func(k session.Key) { b.clear(k); b.openSession(k) }},
		{"clear and new", func(k session.Key) { b.clear(k); b.newSession(k) }},
		{"clear, restart and open", func(k session.Key) { b.clear(k); b.reopen(); b.openSession(k) }},
		{"expiry", func(session.Key) { b.clock.Advance(life) }},
		{"expiry and open", func(k session.Key) { b.clock.Advance(life); b.openSession(k) }},
		{"expiry, sweep and open", func(k session.Key) { b.clock.Advance(life); b.sweep(10); b.openSession(k) }},
		{"clear, open and the same files again", func(k session.Key) {
			b.clear(k)
			b.attach(k, bolOf(b.openSession(k).Incarnation, NewInput("1.pdf")))
		}},
	} {
		b.Run(c.name, func(t *testing.T) {
			b := b.with(t)
			k := key("during " + c.name)
			st := b.openSession(k)
			b.attach(k, bolOf(st.Incarnation, NewInput("1.pdf")))
			c.meanwhile(k)
			b.attachFails(session.Superseded, k, bolOf(st.Incarnation, NewInput("2.pdf")))
			b.attachFails(session.Superseded, k, appendOf(st.Incarnation, NewInput("2.pdf")))
			b.attachFails(session.Superseded, k, ordersOf(st.Incarnation, NewInput("orders.csv")))
			late := amendOf(st.Incarnation, NewInput("amendments.json"))
			b.attachFails(session.Superseded, k, late)
			late.Revision = 2 // which the session may have again
			b.attachFails(session.Superseded, k, late)
			b.attachFails(session.Superseded, k, slotOf(st.Incarnation, session.BOL, session.Detach, NewInput("1.pdf")))
		})
	}
	b.attachFails(session.Superseded, key("never used"), bolOf(session.NewIncarnation(), NewInput("2.pdf")))
	b.isGone(key("never used"))
	st := b.openSession(key("another"))
	b.openSession(key("one"))
	b.attachFails(session.Superseded, key("one"), bolOf(st.Incarnation, NewInput("2.pdf")))
	b.attachFails(session.Superseded, key("one"), bolOf(session.Incarnation{}, NewInput("2.pdf")))
}

func failedAttach(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, o := NewInput("1.pdf"), NewInput("orders.csv")
	b.attach(k, bolOf(st.Incarnation, f))
	b.attach(k, ordersOf(st.Incarnation, o))

	many := make([]session.Input, session.MaxFiles)
	for i := range many {
		many[i] = NewInput(fmt.Sprint(i))
	}
	b.attachFails(session.TooManyFiles, k, appendOf(st.Incarnation, many...))
	b.attachFails(session.TooManyFiles, k, slotOf(st.Incarnation, session.Orders, session.Append, many...))
	with := func(change func(*session.Attachment)) session.Attachment {
		a := bolOf(st.Incarnation, NewInput("2.pdf"))
		change(&a)
		return a
	}
	for name, a := range map[string]session.Attachment{
		"no file":     with(func(a *session.Attachment) { a.Files = nil }),
		"no slot":     with(func(a *session.Attachment) { a.Slot = "" }),
		"no mode":     with(func(a *session.Attachment) { a.Mode = "" }),
		"no content":  with(func(a *session.Attachment) { a.Files[0].Content = blob.Ref{} }),
		"a path":      with(func(a *session.Attachment) { a.Files[0].Content.Key = "../../../../../../../etc/passwd" }),
		"one twice":   with(func(a *session.Attachment) { a.Files = append(a.Files, a.Files[0]) }),
		"bad reading": with(func(a *session.Attachment) { a.Files[0].Reading.Key = "x" }),
		"bad summary": with(func(a *session.Attachment) { a.Files[0].Summary = json.RawMessage(`{"bills":`) }),
		"long summary": with(func(a *session.Attachment) {
			a.Files[0].Summary = json.RawMessage(`"` + strings.Repeat("a", session.MaxSummary) + `"`)
		}),
		"NUL in a name":   with(func(a *session.Attachment) { a.Files[0].Name = "a\x00b" }),
		"long name":       with(func(a *session.Attachment) { a.Files[0].Name = strings.Repeat("a", session.MaxName+1) }),
		"two amendments":  with(func(a *session.Attachment) { a.Slot, a.Files = session.Amendments, append(a.Files, NewInput("3")) }),
		"append to amend": with(func(a *session.Attachment) { a.Slot, a.Mode = session.Amendments, session.Append }),
		"update amend":    with(func(a *session.Attachment) { a.Slot, a.Mode = session.Amendments, session.Update }),
	} {
		b.Run(name, func(t *testing.T) { b.with(t).attachFails(fault.BadRequest, k, a) })
	}
	b.reopen()
	b.holds(b.get(k), &o, f)
}

func roundTrip(b *bench) {
	k := key("x")
	st := b.openSession(k)
	var files []session.Input
	for _, name := range []string{"", "bol.pdf", "../../etc/passwd", `C:\Users\bol.pdf`, "\u202efdp.lob", "bill\x00of\nlading", "\xff\xfe", "'; DROP TABLE session; --", "=cmd()", strings.Repeat("ü", 1000), `{"a":"\u0000"}`, "<b>"} {
		f := NewInput(session.FileName(name))
		files = append(files, f)
	}
	for i, s := range []string{`null`, `{}`, `"\u0000"`, `{"a":[1,2.5,"\ud83d\ude00",null,true]}`, `"` + strings.Repeat("a", session.MaxSummary-2) + `"`} {
		files[i].Summary = json.RawMessage(s)
	}
	files[6].Summary = nil
	files[7].Reading = blob.Ref{}
	files[8].Content.Size, files[8].Reading.Size = 0, 1<<50
	for len(files) < session.MaxFiles {
		files = append(files, NewInput(fmt.Sprint(len(files))))
	}
	o := NewInput("orders.csv")
	b.attach(k, bolOf(st.Incarnation, files...))
	want, _ := b.attach(k, ordersOf(st.Incarnation, o))
	b.holds(want, &o, files...)
	b.same(b.get(k), want)
	b.reopen()
	got := b.get(k)
	b.same(got, want)
	b.holds(got, &o, files...)
	for _, c := range got.Contents() {
		b.named(true, c)
	}
	b.removes(b.clear(k), append(files, o)...)
}

func contentsBelong(b *bench) {
	one, two := b.openSession(key("1")), b.openSession(key("2"))
	f := NewInput("1.pdf")
	b.attach(key("1"), bolOf(one.Incarnation, f))
	thief := NewInput("2.pdf")
	thief.Content = f.Content
	if _, _, err := b.store.Attach(ctx, key("2"), bolOf(two.Incarnation, thief)); fault.CodeOf(err) != fault.BadRequest {
		b.Errorf("attaching another session's content: %v", err)
	}
	thief = NewInput("3.pdf")
	thief.Reading = f.Reading
	if _, _, err := b.store.Attach(ctx, key("2"), appendOf(two.Incarnation, thief)); fault.CodeOf(err) != fault.BadRequest {
		b.Errorf("attaching another session's reading: %v", err)
	}
	b.isEmpty(b.get(key("2")))
	b.named(true, f.Content.Key, f.Reading.Key)

	// Of many attaches at once, one may have it.
	g := NewInput("shared.pdf")
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		st := b.openSession(key(fmt.Sprint("race ", i)))
		all.Go(func() {
			if _, _, err := b.store.Attach(ctx, st.Key, bolOf(st.Incarnation, g)); err == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		b.Errorf("%d sessions have the same content", won.Load())
	}
}

func hostileIDs(b *bench) {
	want := map[session.Key]session.State{}
	for i, id := range hostile {
		st := b.openSession(key(id))
		b.isEmpty(st)
		if st.Key != key(id) {
			b.Errorf("opening %q gave %q", id, st.Key.ID)
		}
		st, _ = b.attach(key(id), bolOf(st.Incarnation, NewInput(fmt.Sprint(i))))
		want[key(id)] = st
	}
	if len(want) != len(hostile) {
		b.Fatal("the list of hostile IDs has one twice")
	}
	check := func() {
		b.Helper()
		for k, st := range want {
			b.same(b.get(k), st)
		}
		got := b.list(session.Local, 7)
		if len(got) != len(want) {
			b.Errorf("the listing has %d sessions, want %d", len(got), len(want))
		}
		for _, st := range got {
			b.same(st, want[st.Key])
		}
	}
	check()
	b.reopen()
	check()
	for i, id := range hostile {
		if i%2 == 0 {
			b.removes(b.clear(key(id)), want[key(id)].BOL...)
			delete(want, key(id))
			b.isGone(key(id))
		}
	}
	check()
}

func refusedIDs(b *bench) {
	good := b.openSession(key("x"))
	for _, id := range refused {
		for name, err := range b.everyOperation(session.Key{Owner: session.Local, ID: session.ID(id)}, good) {
			if fault.CodeOf(err) != session.BadID || !session.Settled(err) {
				b.Errorf("%s with the ID %.20q: %v", name, id, err)
			} else if c := strings.ToValidUTF8(err.Error(), "?"); c != err.Error() || strings.ContainsFunc(c, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(c) > 300 {
				b.Errorf("%s repeats a hostile ID: %.300q", name, err.Error())
			}
		}
		for name, err := range b.everyOperation(session.Key{Owner: session.Owner(id), ID: "x"}, good) {
			if fault.CodeOf(err) != fault.BadRequest {
				b.Errorf("%s with the owner %.20q: %v", name, id, err)
			}
		}
	}
	if l := b.list("", 100); len(l) != 1 {
		b.Errorf("refused IDs left %d sessions", len(l)-1)
	}
}

// everyOperation tries all operations on a key, and returns how they failed.
func (b *bench) everyOperation(k session.Key, other session.State) map[string]error {
	_, _, open := b.store.Open(ctx, k, session.Named)
	_, _, new := b.store.New(ctx, k, session.Named)
	_, _, attach := b.store.Attach(ctx, k, bolOf(other.Incarnation, NewInput("1.pdf")))
	_, get := b.store.Get(ctx, k)
	_, clear := b.store.Clear(ctx, k)
	if k.ID == "x" { // profiles have no ID
		_, put := b.store.PutProfile(ctx, k.Owner, session.Profile{})
		_, profile := b.store.Profile(ctx, k.Owner)
		return map[string]error{"open": open, "new": new, "attach": attach, "get": get, "clear": clear, "put profile": put, "profile": profile}
	}
	return map[string]error{"open": open, "new": new, "attach": attach, "get": get, "clear": clear}
}

func owners(b *bench) {
	a := session.Key{Owner: "acme", ID: "x"}
	z := session.Key{Owner: "zeta", ID: "x"}
	tricky := []session.Key{
		{Owner: "a", ID: "bc"}, {Owner: "ab", ID: "c"}, {Owner: "a/b", ID: "c"}, {Owner: "a", ID: "b/c"},
		{Owner: "acme ", ID: "x"}, {Owner: "Acme", ID: "x"}, {Owner: "acme", ID: "x "}, {Owner: "x", ID: "acme"},
	}
	fa, fz := NewInput("a.pdf"), NewInput("z.pdf")
	b.attach(a, bolOf(b.openSession(a).Incarnation, fa))
	b.isGone(z)
	for _, k := range tricky {
		b.isEmpty(b.openSession(k))
	}
	zs := b.openSession(z)
	b.isEmpty(zs)
	b.attach(z, bolOf(zs.Incarnation, fz))
	b.holds(b.get(a), nil, fa)
	b.holds(b.get(z), nil, fz)
	for _, owner := range []session.Owner{"acme", "zeta", "nobody", "acme' OR '1'='1"} {
		for _, st := range b.list(owner, 10) {
			if st.Key.Owner != owner {
				b.Errorf("the listing of %q has a session of %q", owner, st.Key.Owner)
			}
		}
	}
	if got := b.list("acme", 10); len(got) != 2 {
		b.Errorf("acme's listing has %d sessions, want 2", len(got))
	}
	b.removes(b.clear(z), fz)
	b.holds(b.get(a), nil, fa)
	b.newSession(z)
	b.reopen()
	b.holds(b.get(a), nil, fa)
	b.isEmpty(b.get(z))
}

func restart(b *bench) {
	var want []session.State
	for i := range 20 {
		k := key(fmt.Sprint(i))
		st := b.openSession(k)
		b.attach(k, bolOf(st.Incarnation, NewInput("1.pdf")))
		st, _ = b.attach(k, ordersOf(st.Incarnation, NewInput("orders.csv")))
		switch i % 4 {
		case 1:
			b.clear(k)
			continue
		case 2:
			st, _ = b.newSession(k)
		case 3:
			b.clear(k)
			st = b.openSession(k)
			st, _ = b.attach(k, appendOf(st.Incarnation, NewInput("2.pdf"), NewInput("3.pdf")))
		}
		want = append(want, st)
	}
	for range 3 {
		b.reopen()
		for i := range 20 {
			if i%4 == 1 {
				b.isGone(key(fmt.Sprint(i)))
			}
		}
		got := b.list("", 6)
		if len(got) != len(want) {
			b.Fatalf("%d sessions after a restart, want %d", len(got), len(want))
		}
		for _, st := range want {
			b.same(b.get(st.Key), st)
			b.named(true, st.Contents()...)
		}
	}
	// They live on afterwards.
	st := want[len(want)-1]
	b.attach(st.Key, ordersOf(st.Incarnation, NewInput("after.csv")))
}

func expiry(b *bench) {
	for _, lives := range []session.Lives{{}, {Named: 10 * time.Hour, Cookie: 20 * time.Minute}} {
		b.settings.Lives = lives
		b.reopen()
		for _, kind := range []session.Kind{session.Named, session.Cookie} {
			life := lives.Of(kind)
			k := key("x" + string(kind))
			for _, begin := range []func() (session.State, session.Removed, error){
				func() (session.State, session.Removed, error) { return b.store.Open(ctx, k, kind) },
				func() (session.State, session.Removed, error) { return b.store.New(ctx, k, kind) },
			} {
				b.clear(k)
				st, _, err := begin()
				must.OK(b, err)
				if !st.Expires.Equal(b.clock.Now().Add(life)) {
					b.Errorf("a %s session that begins at %v expires at %v", kind, b.clock.Now(), st.Expires)
				}
				b.clock.Advance(life - time.Millisecond)
				b.same(b.get(k), st)
				b.clock.Advance(life - time.Millisecond)
				b.same(b.get(k), st)
				b.clock.Advance(life)
				b.isGone(k)
			}
		}
	}
	if d := (session.Lives{}); d.Of(session.Named) != 24*time.Hour || d.Of(session.Cookie) != time.Hour {
		b.Errorf("default lives are %v and %v", d.Of(session.Named), d.Of(session.Cookie))
	}
}

func useExtends(b *bench) {
	life := b.settings.Lives.Of(session.Named)
	k := key("x")
	st := b.openSession(k)
	for _, use := range []struct {
		name string
		use  func() session.State
	}{
		{"get", func() session.State { return b.get(k) }},
		{"open", func() session.State { return b.openSession(k) }},
		{"attach", func() session.State {
			got, _ := b.attach(k, appendOf(st.Incarnation, NewInput("1.pdf")))
			return got
		}},
	} {
		for range 3 {
			b.clock.Advance(life * 3 / 4)
			got := use.use()
			if now := b.clock.Now(); !got.LastUsed.Equal(now) || !got.Expires.Equal(now.Add(life)) || !got.Created.Equal(st.Created) {
				b.Errorf("%s at %v: last used %v, expires %v, created %v", use.name, now, got.LastUsed, got.Expires, got.Created)
			}
		}
	}
	used := b.clock.Now()
	b.clock.Advance(life * 3 / 4)
	for _, got := range b.list("", 10) {
		if !got.LastUsed.Equal(used) || !got.Expires.Equal(used.Add(life)) {
			b.Errorf("listed as last used %v, want %v", got.LastUsed, used)
		}
	}
	b.clock.Advance(life / 4)
	b.isGone(k)
}

func expiryRestart(b *bench) {
	life := b.settings.Lives.Of(session.Named)
	for _, uses := range []int{0, 1, 50} {
		k := key(fmt.Sprint("used ", uses))
		b.openSession(k)
		for range uses {
			b.clock.Advance(life / 3)
			b.get(k)
		}
		b.reopen()
		b.clock.Advance(life*15/16 - time.Second)
		if l := b.list("", 10); len(l) != 1 || l[0].Expires.After(b.clock.Now().Add(life/16+time.Second)) {
			b.Errorf("after %d uses and a restart, shortly before the end: %+v", uses, l)
		}
		b.clock.Advance(life/16 + time.Second)
		b.isGone(k)
		b.reopen()
		b.isGone(k)
		b.sweep(10)
	}
}

func changedLives(b *bench) {
	k := key("x")
	b.openSession(k)
	b.settings.Lives.Named = time.Hour
	b.reopen()
	st := b.get(k)
	if want := b.clock.Now().Add(time.Hour); !st.Expires.Equal(want) {
		b.Errorf("expires %v, want %v", st.Expires, want)
	}
	b.clock.Advance(time.Hour)
	b.isGone(k)
}

func expiredIsGone(b *bench) {
	life := b.settings.Lives.Of(session.Named)
	files := map[string][]session.Input{}
	incs := map[string]session.Incarnation{}
	ids := []string{"get", "open", "new", "clear", "attach", "list", "sweep"}
	for _, id := range ids {
		st := b.openSession(key(id))
		files[id] = []session.Input{NewInput("1.pdf"), NewInput("orders.csv")}
		b.attach(key(id), bolOf(st.Incarnation, files[id][0]))
		b.attach(key(id), ordersOf(st.Incarnation, files[id][1]))
		incs[id] = st.Incarnation
	}
	b.clock.Advance(life)

	if l := b.list("", 10); len(l) != 0 {
		b.Errorf("the listing has %d expired sessions", len(l))
	}
	b.isGone(key("get"))
	b.attachFails(session.Superseded, key("attach"), ordersOf(incs["attach"], NewInput("late.csv")))
	b.isGone(key("attach"))
	contentsOf := func(id string) []blob.Key {
		var keys []blob.Key
		for _, f := range files[id] {
			keys = append(keys, f.Content.Key, f.Reading.Key)
		}
		return keys
	}
	anew := func(id string, st session.State, r session.Removed, err error) {
		b.Helper()
		if err != nil {
			b.Fatalf("%s: %v", id, err)
		}
		if r.Files != 0 || r.Bytes != 0 {
			b.Errorf("%s removed %d files of an expired session", id, r.Files)
		}
		b.contents(r.Contents, contentsOf(id))
		if id != "clear" {
			b.isEmpty(st)
			if st.Incarnation == incs[id] {
				b.Errorf("%s brought the expired incarnation back", id)
			}
		}
	}
	st, r, err := b.store.Open(ctx, key("open"), session.Named)
	anew("open", st, r, err)
	st, r, err = b.store.New(ctx, key("new"), session.Named)
	anew("new", st, r, err)
	r, err = b.store.Clear(ctx, key("clear"))
	anew("clear", session.State{}, r, err)
	// Neither use nor time revives them.
	for _, id := range []string{"get", "attach", "clear", "list", "sweep"} {
		b.isGone(key(id))
	}
	x := b.sweep(10)
	if want := 4; x.Sessions != want { // get, attach, list, sweep
		b.Errorf("the sweep removed %d sessions, want %d", x.Sessions, want)
	}
	b.contents(x.Contents, slices.Concat(contentsOf("get"), contentsOf("attach"), contentsOf("list"), contentsOf("sweep")))
	b.reopen()
	for _, id := range []string{"get", "attach", "clear", "list", "sweep"} {
		b.isGone(key(id))
	}
	b.isEmpty(b.get(key("open")))
	b.isEmpty(b.get(key("new")))
}

func sweep(b *bench) {
	life := b.settings.Lives.Of(session.Named)
	var old []session.Input
	for i := range 25 {
		k := key(fmt.Sprint("old ", i))
		f := NewInput("1.pdf")
		old = append(old, f)
		b.attach(k, bolOf(b.openSession(k).Incarnation, f))
	}
	var kept []session.State
	for i := range 5 {
		k := key(fmt.Sprint("old but used ", i))
		b.openSession(k)
		kept = append(kept, b.get(k))
	}
	b.clock.Advance(life / 2)
	for _, st := range kept {
		b.get(st.Key)
	}
	for i := range 25 {
		k := key(fmt.Sprint("young ", i))
		st, _ := b.attach(k, bolOf(b.openSession(k).Incarnation, NewInput("1.pdf")))
		kept = append(kept, st)
	}
	if x := b.sweep(10); x.Sessions != 0 || len(x.Contents) != 0 {
		b.Errorf("a sweep before anything expired removed %+v", x)
	}
	b.clock.Advance(life / 2)
	x := b.sweep(10)
	if x.Sessions != len(old) {
		b.Errorf("the sweep removed %d sessions, want %d", x.Sessions, len(old))
	}
	b.removes(x.Removed, old...)
	if x := b.sweep(10); x.Sessions != 0 {
		b.Errorf("a second sweep removed %+v", x)
	}
	for _, st := range kept {
		b.same(b.get(st.Key), st)
		b.named(true, st.Contents()...)
	}
	b.reopen()
	if l := b.list("", 10); len(l) != len(kept) {
		b.Errorf("%d sessions after the sweep and a restart, want %d", len(l), len(kept))
	}
}

func sweepRace(b *bench) {
	life := b.settings.Lives.Of(session.Named)
	k := key("x")
	for range 80 {
		st := b.openSession(k)
		// In the last millisecond a use and the sweep race: if the use finds the
		// session, the session stays.
		b.clock.Advance(life - time.Millisecond)
		var all sync.WaitGroup
		var used atomic.Bool
		all.Go(func() {
			if got, err := b.store.Get(ctx, k); err == nil && got.Incarnation == st.Incarnation {
				used.Store(true)
			}
		})
		all.Go(func() { b.clock.Advance(time.Millisecond) })
		all.Go(func() { b.store.Expire(ctx, 10) })
		all.Wait()
		got, err := b.store.Get(ctx, k)
		if used.Load() != (err == nil) {
			b.Fatalf("a use that found the session: %v; the session afterwards: %+v, %v", used.Load(), got, err)
		}
		b.clear(k)
	}
}

func namedContents(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f, g, o := NewInput("1.pdf"), NewInput("2.pdf"), NewInput("orders.csv")
	all := func(files ...session.Input) (keys []blob.Key) {
		for _, f := range files {
			keys = append(keys, f.Content.Key, f.Reading.Key)
		}
		return keys
	}
	b.named(false, all(f, g, o)...)
	b.attach(k, bolOf(st.Incarnation, f))
	b.attach(k, ordersOf(st.Incarnation, o))
	b.named(true, all(f, o)...)
	b.named(false, all(g)...)
	b.reopen()
	b.named(true, all(f, o)...)
	b.attach(k, bolOf(st.Incarnation, g))
	b.named(false, all(f, o)...)
	b.named(true, all(g)...)
	// The contents of an expired session are not orphans until its row is removed: whoever
	// removes the row receives them.
	b.clock.Advance(b.settings.Lives.Of(session.Named))
	b.named(true, all(g)...)
	b.sweep(1)
	b.named(false, all(g)...)
	if named, err := b.store.Named(ctx, nil); err != nil || len(named) != 0 {
		b.Errorf("named of no keys: %v, %v", named, err)
	}
	named, err := b.store.Named(ctx, []blob.Key{"", "../x", blob.NewKey()})
	if err != nil || slices.Contains(named, true) {
		b.Errorf("named of an invalid key: %v, %v", named, err)
	}
}

func listing(b *bench) {
	var want []session.Key
	for _, owner := range []session.Owner{"acme", "Acme", "zeta", "\u00e9", "a\u0301"} {
		for i := range 23 {
			k := session.Key{Owner: owner, ID: session.ID(fmt.Sprintf("%c%d", "aAz\u00e9\U0001f600"[i%3], i*7))}
			b.openSession(k)
			want = append(want, k)
		}
	}
	rand.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
	slices.SortFunc(want, session.Key.Compare)
	for _, limit := range []int{1, 7, 23, 1000} {
		for _, owner := range []session.Owner{"", "acme", "Acme", "\u00e9", "nobody"} {
			var mine []session.Key
			for _, k := range want {
				if owner == "" || k.Owner == owner {
					mine = append(mine, k)
				}
			}
			var got []session.Key
			for _, st := range b.list(owner, limit) {
				got = append(got, st.Key)
			}
			if !slices.Equal(got, mine) {
				b.Errorf("listing of %q in pages of %d:\n got %q\nwant %q", owner, limit, got, mine)
			}
			p, err := b.store.List(ctx, session.Query{Owner: owner, Limit: limit})
			if err != nil || p.Total != len(mine) {
				b.Errorf("listing of %q in pages of %d counts %d in total (%v), want %d", owner, limit, p.Total, err, len(mine))
			}
		}
	}
	for _, limit := range []int{0, -1, session.MaxPage + 1} {
		p, err := b.store.List(ctx, session.Query{Limit: limit})
		if err != nil || len(p.Sessions) != len(want) || p.More {
			b.Errorf("a page of %d has %d sessions (%v), want all %d", limit, len(p.Sessions), err, len(want))
		}
	}
	for i, k := range []session.Key{want[0], want[1], {Owner: "acme", ID: "files"}} {
		st := b.openSession(k)
		st, _ = b.attach(k, bolOf(st.Incarnation, NewInput("1.pdf"), NewInput("2.pdf")))
		if i < 2 {
			continue
		}
		p, err := b.store.List(ctx, session.Query{Owner: k.Owner, Limit: 1, Bytes: true})
		if err != nil || p.Bytes != st.Bytes() {
			b.Errorf("the sessions of %q have %d bytes (%v), want %d", k.Owner, p.Bytes, err, st.Bytes())
		}
		b.clear(k)
	}
	p, err := b.store.List(ctx, session.Query{After: want[len(want)-1]})
	if err != nil || len(p.Sessions) != 0 || p.More || p.Total != len(want) {
		b.Errorf("the page after the last: %+v, %v", p, err)
	}
}

func listingRace(b *bench) {
	var stay []session.Key
	for i := range 30 {
		k := key(fmt.Sprintf("%03d", i*10))
		b.openSession(k)
		stay = append(stay, k)
	}
	end := must.Meanwhile(3, func(c, i int) bool {
		k := key(fmt.Sprintf("%03d", (i*7+c)%300))
		if int(k.ID[2]-'0') == 0 {
			b.store.New(ctx, k, session.Named)
		} else if i%2 == 0 {
			b.store.Open(ctx, k, session.Named)
		} else {
			b.store.Clear(ctx, k)
		}
		return true
	})
	for range 10 {
		seen := map[session.Key]int{}
		all, err := listAll(b.store, "", 8)
		if err != nil {
			b.Error(err)
		}
		for i, st := range all {
			seen[st.Key]++
			if i > 0 && all[i-1].Key.Compare(st.Key) >= 0 {
				b.Errorf("%q is listed after %q", st.Key.ID, all[i-1].Key.ID)
			}
		}
		for _, k := range stay {
			if seen[k] != 1 {
				b.Errorf("%q, which was there all the while, is listed %d times", k.ID, seen[k])
			}
		}
	}
	end()
}

func cancelled(b *bench) {
	k := key("x")
	st := b.openSession(k)
	f := NewInput("1.pdf")
	want, _ := b.attach(k, bolOf(st.Incarnation, f))
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _, errOpen := b.store.Open(over, key("y"), session.Named)
	_, _, errNew := b.store.New(over, k, session.Named)
	_, errClear := b.store.Clear(over, k)
	late := NewInput("2.pdf")
	_, _, errAttach := b.store.Attach(over, k, bolOf(st.Incarnation, late))
	_, errGet := b.store.Get(over, k)
	_, errList := b.store.List(over, session.Query{})
	_, errNamed := b.store.Named(over, []blob.Key{f.Content.Key})
	_, errProfile := b.store.Profile(over, k.Owner)
	_, errPut := b.store.PutProfile(over, k.Owner, session.Profile{Content: []byte("late")})
	_, errOwners := b.store.ProfileOwners(over)
	defer func() { b.profile(k.Owner, session.Profile{}) }()
	for name, err := range map[string]error{"profile": errProfile, "put profile": errPut, "profile owners": errOwners, "open": errOpen, "new": errNew, "clear": errClear, "attach": errAttach, "get": errGet, "list": errList, "named": errNamed, "check": b.store.Check(over)} {
		if fault.CodeOf(err) != fault.Cancelled || !session.Settled(err) {
			b.Errorf("%s with a context that has ended: %v", name, err)
		}
	}
	b.isGone(key("y"))
	b.same(b.get(k), want)
	b.named(false, late.Content.Key)
	b.reopen()
	b.same(b.get(k), want)
	b.isGone(key("y"))
}

func uploadsHoldNothing(b *bench) {
	// Uploads are under way in all sessions: opened, contents stored, not yet
	// attached.
	var uploads []session.State
	for i := range 50 {
		st := b.openSession(key(fmt.Sprint(i)))
		uploads = append(uploads, st)
	}
	for i, up := range uploads {
		k := up.Key
		var err error
		switch i % 5 {
		case 0:
			_, _, err = b.store.Open(ctx, k, session.Named)
		case 1:
			_, _, err = b.store.New(ctx, k, session.Named)
		case 2:
			_, err = b.store.Clear(ctx, k)
		case 3:
			_, err = b.store.Get(ctx, k)
		case 4:
			_, _, err = b.store.Attach(ctx, k, bolOf(up.Incarnation, NewInput("faster.pdf")))
		}
		if err != nil {
			b.Errorf("while an upload to the session is under way: %v", err)
		}
	}
	if _, _, err := b.store.Open(ctx, key("another"), session.Named); err != nil {
		b.Error(err)
	}
	for i, up := range uploads {
		_, _, err := b.store.Attach(ctx, up.Key, bolOf(up.Incarnation, NewInput("1.pdf")))
		if over := i%5 == 1 || i%5 == 2; over != (fault.CodeOf(err) == session.Superseded) {
			b.Errorf("upload %d: %v", i, err)
		}
	}
}

func openRace(b *bench) {
	for round := range 10 {
		k := key(fmt.Sprint(round))
		var mu sync.Mutex
		seen := map[session.Incarnation]int{}
		must.AtOnce(16, func(int) {
			st, _, err := b.store.Open(ctx, k, session.Named)
			if err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[st.Incarnation]++
		})
		if len(seen) != 1 {
			b.Fatalf("16 clients that opened one ID got %d incarnations", len(seen))
		}
	}
}

func appendRace(b *bench) {
	k := key("x")
	st := b.openSession(k)
	var files sync.Map
	must.AtOnce(8, func(c int) {
		for i := range session.MaxFiles / 2 / 8 {
			f, g := NewInput(fmt.Sprintf("%d-%d a", c, i)), NewInput(fmt.Sprintf("%d-%d b", c, i))
			if _, _, err := b.store.Attach(ctx, k, appendOf(st.Incarnation, f, g)); err != nil {
				b.Error(err)
			}
			files.Store(f.Content.Key, f)
			files.Store(g.Content.Key, g)
		}
	})
	check := func() {
		got := b.get(k)
		if want := session.MaxFiles / 2 / 8 * 8 * 2; len(got.BOL) != want {
			b.Fatalf("the BOL has %d files, want %d", len(got.BOL), want)
		}
		seen := map[blob.Key]bool{}
		for i, f := range got.BOL {
			want, ok := files.Load(f.Content.Key)
			if !ok || seen[f.Content.Key] || want.(session.Input).Name != f.Name {
				b.Errorf("file %d is %+v, want %+v, once", i, f, want)
			}
			seen[f.Content.Key] = true
			if i%2 == 1 && strings.TrimSuffix(f.Name, "b") != strings.TrimSuffix(got.BOL[i-1].Name, "a") {
				b.Errorf("files %q and %q were attached together", got.BOL[i-1].Name, f.Name)
			}
		}
	}
	check()
	b.reopen()
	check()
}

func crossingRace(b *bench) {
	k := key("x")
	// Every file's name contains the incarnation in which its upload began.
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 30 {
				st, _, err := b.store.Open(ctx, k, session.Named)
				if err != nil {
					b.Error(err)
				}
				for range rand.IntN(3) {
					b.store.Get(ctx, k)
				}
				a := bolOf(st.Incarnation, NewInput(st.Incarnation.String()))
				if rand.IntN(2) == 0 {
					a.Mode = session.Append
				}
				if _, _, err := b.store.Attach(ctx, k, a); err != nil && fault.CodeOf(err) != session.Superseded && fault.CodeOf(err) != session.TooManyFiles {
					b.Error(err)
				}
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for range 50 {
				if rand.IntN(2) == 0 {
					b.store.New(ctx, k, session.Named)
				} else {
					b.store.Clear(ctx, k)
				}
			}
		})
	}
	all.Go(func() {
		for range 600 {
			st, err := b.store.Get(ctx, k)
			if err != nil {
				continue
			}
			for _, f := range st.BOL {
				if f.Name != st.Incarnation.String() {
					b.Errorf("a file of incarnation %s is in %s", f.Name, st.Incarnation)
				}
			}
		}
	})
	all.Wait()
}

func wholeStates(b *bench) {
	k := key("x")
	st := b.openSession(k)
	end := must.Meanwhile(4, func(int, int) bool {
		runtime.Gosched() // the writer wants a processor too
		got, err := b.store.Get(ctx, k)
		if err != nil {
			b.Error(err)
			return false
		}
		// Each attach has three files of one name, and the orders that follow
		// have the same name.
		for _, f := range got.Inputs() {
			if len(got.BOL) != 3 || f.Name != got.BOL[0].Name {
				b.Errorf("a torn state: %+v", got)
				return false
			}
		}
		if got.Orders != nil && got.Revision%2 == 0 || got.Orders == nil && got.Revision%2 == 1 && got.Revision > 1 {
			b.Errorf("revision %d with orders %v", got.Revision, got.Orders)
			return false
		}
		return true
	})
	for i := range 60 {
		name := fmt.Sprint(i)
		b.attach(k, bolOf(st.Incarnation, NewInput(name), NewInput(name), NewInput(name)))
		b.attach(k, ordersOf(st.Incarnation, NewInput(name)))
	}
	end()
}

func bound(b *bench) {
	b.settings.MaxSessions = 3
	b.reopen()
	for i := range 3 {
		b.openSession(key(fmt.Sprint(i)))
	}
	_, _, err := b.store.Open(ctx, key("3"), session.Named)
	if fault.CodeOf(err) != fault.Busy || !session.Settled(err) {
		b.Errorf("one session too many: %v", err)
	}
	if busy, ok := errors.AsType[*fault.Error](err); !ok || busy.Details != (session.RetryAfter{Seconds: 60}) {
		b.Errorf("busy does not say when to try again: %+v", busy)
	}
	if _, _, err := b.store.New(ctx, key("4"), session.Named); fault.CodeOf(err) != fault.Busy {
		b.Errorf("one session too many: %v", err)
	}
	b.newSession(key("1")) // not one session more
	b.openSession(key("2"))
	b.clear(key("0"))
	b.openSession(key("3"))
	b.clock.Advance(b.settings.Lives.Of(session.Named))
	b.sweep(10)
	b.openSession(key("4"))
}

func closed(b *bench) {
	k := key("x")
	st := b.openSession(k)
	must.OK(b, b.store.Close())
	errs := b.everyOperation(k, st)
	_, errs["list"] = b.store.List(ctx, session.Query{})
	_, errs["expire"] = b.store.Expire(ctx, 1)
	_, errs["named"] = b.store.Named(ctx, nil)
	errs["check"] = b.store.Check(ctx)
	_, errs["profile owners"] = b.store.ProfileOwners(ctx)
	for name, err := range errs {
		if fault.CodeOf(err) != session.StorageUnavailable {
			b.Errorf("%s on a closed store: %v", name, err)
		}
	}
	if err := b.store.Close(); err != nil {
		b.Errorf("closing a closed store: %v", err)
	}
	b.reopen()
	b.same(b.get(k), st)
}

func check(b *bench) {
	k := key("x")
	st := b.openSession(k)
	for range 3 {
		must.OK(b, b.store.Check(ctx))
	}
	b.same(b.get(k), st)
}

func linearizable(b *bench) {
	all := map[string]int{}
	done, err := Linearizable(b.store, Load{
		Clients: Times(8, 16), Operations: Times(1500, 2500), Rounds: Times(2, 60),
		Clock: b.clock, Life: b.settings.Lives.Of(session.Named), Cancel: true, Outcomes: all,
		Reopen: func() session.Store {
			b.reopen()
			return b.store
		},
	})
	b.Logf("%d operations: %v", done, all)
	must.OK(b, err)
	// Without conflicts the check would prove nothing.
	for _, must := range []string{"attach: ok", "attach: session_superseded", "attach: session_changed", "get: not_found", "get: ok", "open: ok", "new: ok", "clear: ok", "tick: ok", "put_profile: ok", "put_profile: changed", "get_profile: ok"} {
		if all[must] == 0 {
			b.Errorf("the load had no %q", must)
		}
	}
}
