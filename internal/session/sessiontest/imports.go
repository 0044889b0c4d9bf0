package sessiontest

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// importCases are for a store that is a session.Importer.
var importCases = []testCase{
	{"an import makes the session what it was elsewhere", importKeepsAll},
	{"an import does not count as use", importIsNoUse},
	{"an expired session is imported as one", importExpired},
	{"importing again changes nothing, and a later state takes an earlier one's place", importAgain},
	{"an import never takes another session's place", importRefused},
	{"an import replaces an expired session", importOverExpired},
	{"invalid imports are refused", importNonsense},
	{"imports keep the bound on sessions", importBound},
	{"an import makes a profile what it was elsewhere, and never goes back", importProfiles},
	{"an import makes webhooks what they were elsewhere, and never goes back", ofWebhooks(importProfiles)},
	{"imports of one session at once leave the latest", importRace},
	{"of an import and other ways to begin a session at once, one comes first", importBeginRace},
}

// elsewhere returns a state that another store may hold.
func (b *bench) elsewhere(k session.Key) session.State {
	at := b.clock.Now().UTC()
	st := session.Begin(k, session.Named, at.Add(-5*time.Hour))
	st.Revision = 7
	for i, name := range []string{"z.pdf", "a.pdf", "", "\u202e'; DROP.pdf"} {
		f := NewInput(name)
		f.Attached = at.Add(time.Duration(i-300) * time.Minute)
		switch i {
		case 1:
			f.Reading, f.Summary = blob.Ref{}, nil
		case 2:
			f.Summary = []byte(`{"a": "\u00e9  ",  "b": 1e2}`)
		}
		st.BOL = append(st.BOL, f)
	}
	o := NewInput("orders.csv")
	o.Attached = at.Add(-3 * time.Hour)
	p, x := NewInput("more.xlsx"), NewInput("amendments.json")
	p.Attached, x.Attached = o.Attached.Add(time.Minute), o.Attached.Add(time.Hour)
	x.Reading = blob.Ref{}
	st.Orders, st.Amendments = []session.Input{o, p}, []session.Input{x}
	st.LastUsed = at.Add(-2 * time.Hour)
	st.Expires = at.Add(1000 * time.Hour) // ignored by an import
	return st
}

func (b *bench) imports(st session.State) session.Removed {
	b.Helper()
	removed, err := b.store.(session.Importer).Import(ctx, st)
	must.OK(b, err)
	return removed
}

// importFails expects an import to fail and to change nothing.
func (b *bench) importFails(code fault.Code, st session.State) {
	b.Helper()
	before := b.list("", 100)
	removed, err := b.store.(session.Importer).Import(ctx, st)
	if fault.CodeOf(err) != code || !reflect.DeepEqual(removed, session.Removed{}) {
		b.Errorf("import: %+v, %v; want code %s", removed, err, code)
	}
	if after := b.list("", 100); !reflect.DeepEqual(after, before) {
		b.Errorf("an import that failed left\n%+v of\n%+v", after, before)
	}
}

// sameTimes expects two equal states.
func (b *bench) sameTimes(got, want session.State) {
	b.Helper()
	b.same(got, want)
	if !got.LastUsed.Equal(want.LastUsed) || !got.Expires.Equal(want.Expires) {
		b.Errorf("last used %v, expires %v; want %v, %v", got.LastUsed, got.Expires, want.LastUsed, want.Expires)
	}
}

// listed returns the session of a key from a listing, which does not record a use.
func (b *bench) listed(k session.Key) session.State {
	b.Helper()
	for _, st := range b.list(k.Owner, 100) {
		if st.Key == k {
			return st
		}
	}
	b.Fatalf("a session is not listed")
	return session.State{}
}

func importKeepsAll(b *bench) {
	var all []session.State
	for i, id := range append([]string{"plain"}, hostile...) {
		st := b.elsewhere(session.Key{Owner: session.Owner("owner " + string(rune('a'+i%3))), ID: session.ID(id)})
		switch i % 4 {
		case 1:
			st.Kind, st.LastUsed = session.Cookie, b.clock.Now().Add(-time.Minute)
		case 2:
			st.BOL, st.Orders, st.Amendments, st.Revision = nil, nil, nil, 1
		case 3:
			st.Orders = nil
		}
		if removed := b.imports(st); !reflect.DeepEqual(removed, session.Removed{}) {
			b.Errorf("importing to where nothing was removed %+v", removed)
		}
		st.Expires = st.LastUsed.Add(b.settings.Lives.Of(st.Kind))
		all = append(all, st)
	}
	slices.SortFunc(all, func(x, y session.State) int { return x.Key.Compare(y.Key) })
	for range 2 {
		got := b.list("", 7)
		if len(got) != len(all) {
			b.Fatalf("%d sessions are listed of %d", len(got), len(all))
		}
		for i, st := range all {
			b.sameTimes(got[i], st)
			b.named(true, st.Contents()...)
		}
		b.reopen()
	}
	// It continues as the same session.
	st := all[0]
	next, _ := b.attach(st.Key, appendOf(st.Incarnation, NewInput("more.pdf")))
	if next.Revision != st.Revision+1 || len(next.BOL) != len(st.BOL)+1 {
		b.Errorf("an attach after the import: %+v", next)
	}
	b.removes(b.clear(st.Key), next.Inputs()...)
}

func importIsNoUse(b *bench) {
	st := b.elsewhere(key("x"))
	b.imports(st)
	life := b.settings.Lives.Of(session.Named)
	b.clock.Advance(st.LastUsed.Add(life).Sub(b.clock.Now()) - time.Millisecond)
	if got := b.listed(st.Key); !got.LastUsed.Equal(st.LastUsed) {
		b.Errorf("last used %v, not %v", got.LastUsed, st.LastUsed)
	}
	b.clock.Advance(time.Millisecond)
	b.isGone(st.Key)

	// A last use from a clock that is ahead does not give it a longer life either.
	st = b.elsewhere(key("y"))
	st.LastUsed = b.clock.Now().Add(time.Hour)
	b.imports(st)
	if got := b.listed(st.Key); !got.LastUsed.Equal(b.clock.Now()) {
		b.Errorf("last used at %v, which is in the future", got.LastUsed)
	}
}

func importExpired(b *bench) {
	st := b.elsewhere(key("x"))
	st.LastUsed = b.clock.Now().Add(-b.settings.Lives.Of(st.Kind))
	b.imports(st)
	b.isGone(st.Key)
	x := b.sweep(10)
	if x.Sessions != 1 {
		b.Errorf("the sweep removed %+v", x)
	}
	b.contents(x.Contents, st.Contents())
}

func importAgain(b *bench) {
	first := b.elsewhere(key("x"))
	b.imports(first)
	first.Expires = first.LastUsed.Add(b.settings.Lives.Of(session.Named))
	if removed := b.imports(first); !reflect.DeepEqual(removed, session.Removed{}) {
		b.Errorf("importing it again removed %+v", removed)
	}
	b.sameTimes(b.listed(first.Key), first)

	// The later of the last uses counts.
	older := first
	older.LastUsed = older.LastUsed.Add(-time.Hour)
	b.imports(older)
	b.sameTimes(b.listed(first.Key), first)
	used := first
	used.LastUsed, used.Expires = used.LastUsed.Add(time.Hour), used.Expires.Add(time.Hour)
	b.imports(used)
	b.sameTimes(b.listed(first.Key), used)

	// One file was kept, others were replaced, one has a new reading.
	next := used
	next.Revision += 3
	kept, reread, fresh := first.BOL[3], first.BOL[0], NewInput("fresh.pdf")
	reread.Reading = NewInput("").Reading
	fresh.Attached = b.clock.Now().UTC()
	next.BOL, next.Orders = []session.Input{kept, reread, fresh}, first.Orders[1:]
	earlier := next
	earlier.LastUsed = earlier.LastUsed.Add(-time.Minute)
	removed := b.imports(earlier)
	b.contents(removed.Contents, []blob.Key{
		first.BOL[0].Reading.Key, first.BOL[1].Content.Key, first.BOL[2].Content.Key, first.BOL[2].Reading.Key,
		first.Orders[0].Content.Key, first.Orders[0].Reading.Key,
	})
	if want := first.BOL[1].Content.Size + first.BOL[2].Content.Size + first.Orders[0].Content.Size; removed.Files != 3 || removed.Bytes != want {
		b.Errorf("removed %d files of %d bytes, want 3 of %d", removed.Files, removed.Bytes, want)
	}
	b.sameTimes(b.listed(first.Key), next)
	b.named(true, next.Contents()...)
	b.importFails(session.Exists, first)
	b.reopen()
	b.sameTimes(b.listed(first.Key), next)
	b.removes(b.clear(first.Key), next.Inputs()...)
	// A cleared session does not exist, so it can be imported again.
	b.imports(first)
	b.sameTimes(b.listed(first.Key), first)
}

func importRefused(b *bench) {
	k := key("x")
	there := b.openSession(k)
	st := b.elsewhere(k)
	b.importFails(session.Exists, st)
	b.attach(k, bolOf(there.Incarnation, NewInput("f")))
	st.Incarnation, st.Revision = there.Incarnation, 1
	b.importFails(session.Exists, st)
	// Contents belong to one session each.
	other := b.elsewhere(key("other"))
	other.BOL[2].Reading = b.listed(k).BOL[0].Content
	b.importFails(fault.BadRequest, other)
	b.named(false, other.BOL[0].Content.Key)
	b.isGone(other.Key)
}

func importOverExpired(b *bench) {
	k := key("x")
	old := b.openSession(k)
	f := NewInput("f")
	b.attach(k, bolOf(old.Incarnation, f))
	b.clock.Advance(b.settings.Lives.Of(session.Named))
	st := b.elsewhere(k)
	removed := b.imports(st)
	if removed.Files != 0 || removed.Bytes != 0 {
		b.Errorf("an expired session counts: %+v", removed)
	}
	b.contents(removed.Contents, []blob.Key{f.Content.Key, f.Reading.Key})
	b.same(b.listed(k), st)
	b.attachFails(session.Superseded, k, bolOf(old.Incarnation, NewInput("late")))
	b.reopen()
	b.same(b.listed(k), st)
}

func importNonsense(b *bench) {
	for name, change := range map[string]func(*session.State){
		"no kind":         func(st *session.State) { st.Kind = "" },
		"no incarnation":  func(st *session.State) { st.Incarnation = session.Incarnation{} },
		"no revision":     func(st *session.State) { st.Revision = 0 },
		"no content":      func(st *session.State) { st.BOL[0].Content = blob.Ref{} },
		"a path":          func(st *session.State) { st.BOL[0].Content.Key = "../../../../../../../../../../x/y" },
		"shared contents": func(st *session.State) { st.Orders[0].Content = st.BOL[0].Content },
		"two amendments":  func(st *session.State) { st.Amendments = append(st.Amendments, NewInput("x")) },
		"a path as name":  func(st *session.State) { st.BOL[0].Name = "../x" },
		"broken JSON":     func(st *session.State) { st.BOL[0].Summary = []byte("{") },
		"a long summary": func(st *session.State) {
			st.BOL[0].Summary = []byte(`"` + string(make([]byte, session.MaxSummary)) + `"`)
		},
		"too many files": func(st *session.State) {
			for range session.MaxFiles {
				st.BOL = append(st.BOL, NewInput("x"))
			}
		},
	} {
		st := b.elsewhere(key("x"))
		change(&st)
		_, err := b.store.(session.Importer).Import(ctx, st)
		if fault.CodeOf(err) != fault.BadRequest {
			b.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range refused {
		if _, err := b.store.(session.Importer).Import(ctx, b.elsewhere(key(id))); fault.CodeOf(err) != session.BadID {
			b.Errorf("%.20q: %v", id, err)
		}
	}
	b.isGone(key("x"))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.store.(session.Importer).Import(ended, b.elsewhere(key("x"))); fault.CodeOf(err) != fault.Cancelled {
		b.Errorf("with a context that has ended: %v", err)
	}
	b.isGone(key("x"))
}

func importBound(b *bench) {
	b.settings.MaxSessions = 3
	b.reopen()
	for _, id := range []string{"a", "b", "c"} {
		b.imports(b.elsewhere(key(id)))
	}
	b.importFails(fault.Busy, b.elsewhere(key("d")))
	again := b.listed(key("a"))
	again.Revision++
	b.imports(again)
	b.clear(key("b"))
	b.imports(b.elsewhere(key("d")))
	b.importFails(fault.Busy, b.elsewhere(key("b")))
}

func importRace(b *bench) {
	for range 20 {
		st := b.elsewhere(session.Key{Owner: session.Local, ID: session.Mint()})
		states := make([]session.State, 8)
		for i := range states {
			states[i] = st
			states[i].Revision += int64(i)
			states[i].BOL = append(slices.Clone(st.BOL[:1]), NewInput("own"))
			states[i].BOL[1].Attached = b.clock.Now().UTC()
		}
		var mu sync.Mutex
		var removed []blob.Key
		order := rand.Perm(len(states))
		must.AtOnce(len(states), func(i int) {
			r, err := b.store.(session.Importer).Import(ctx, states[order[i]])
			if err != nil && fault.CodeOf(err) != session.Exists {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			removed = append(removed, r.Contents...)
		})
		b.same(b.listed(st.Key), states[len(states)-1])
		b.named(false, removed...)
		slices.Sort(removed)
		if n := len(removed); len(slices.Compact(removed)) != n {
			b.Error("a content was handed out twice to be deleted")
		}
	}
}

func importBeginRace(b *bench) {
	for i := range 60 {
		st := b.elsewhere(session.Key{Owner: session.Local, ID: session.Mint()})
		var all sync.WaitGroup
		var imported error
		var opened, begun session.State
		var cleared session.Removed
		all.Go(func() { _, imported = b.store.(session.Importer).Import(ctx, st) })
		all.Go(func() {
			var err error
			switch i % 3 {
			case 0:
				opened, _, err = b.store.Open(ctx, st.Key, session.Named)
			case 1:
				begun, _, err = b.store.New(ctx, st.Key, session.Named)
			default:
				cleared, err = b.store.Clear(ctx, st.Key)
			}
			if err != nil {
				b.Error(err)
			}
		})
		all.Wait()
		now, err := b.store.Get(ctx, st.Key)
		switch {
		case imported != nil && fault.CodeOf(imported) != session.Exists:
			b.Error(imported)
		case i%3 == 0 && imported == nil: // the import came first, and the opened session is the imported one
			b.same(opened, st)
			b.same(now, st)
		case i%3 == 0:
			b.isEmpty(opened)
			b.same(now, opened)
		case i%3 == 1: // in either order the new session is there now
			b.isEmpty(begun)
			b.same(now, begun)
			b.named(false, st.Contents()...)
		case cleared.Files > 0:
			if imported != nil || fault.CodeOf(err) != fault.NotFound {
				b.Errorf("cleared, and then: %+v, %v, %v", now, err, imported)
			}
		default:
			if imported != nil {
				b.Error(imported)
			}
			b.same(now, st)
		}
	}
}
