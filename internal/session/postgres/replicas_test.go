package postgres

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

// replicas are stores on one database. Each operation uses the next one.
type replicas struct {
	all  []*Store
	next *atomic.Int64
}

func openReplicas(t testing.TB, n int, address string, settings session.Settings, options Options) replicas {
	r := replicas{next: new(atomic.Int64)}
	for range n {
		r.all = append(r.all, mustOpen(t, address, settings, options))
	}
	return r
}

func (r replicas) one() *Store { return r.all[int(r.next.Add(1))%len(r.all)] }

func (r replicas) Open(ctx context.Context, k session.Key, kind session.Kind) (session.State, session.Removed, error) {
	return r.one().Open(ctx, k, kind)
}
func (r replicas) New(ctx context.Context, k session.Key, kind session.Kind) (session.State, session.Removed, error) {
	return r.one().New(ctx, k, kind)
}
func (r replicas) Clear(ctx context.Context, k session.Key) (session.Removed, error) {
	return r.one().Clear(ctx, k)
}
func (r replicas) Attach(ctx context.Context, k session.Key, a session.Attachment) (session.State, session.Removed, error) {
	return r.one().Attach(ctx, k, a)
}
func (r replicas) Get(ctx context.Context, k session.Key) (session.State, error) {
	return r.one().Get(ctx, k)
}
func (r replicas) List(ctx context.Context, q session.Query) (session.Page, error) {
	return r.one().List(ctx, q)
}
func (r replicas) Expire(ctx context.Context, limit int) (session.Expired, error) {
	return r.one().Expire(ctx, limit)
}
func (r replicas) Named(ctx context.Context, keys []blob.Key) ([]bool, error) {
	return r.one().Named(ctx, keys)
}
func (r replicas) Profile(ctx context.Context, o session.Owner) (session.Profile, error) {
	return r.one().Profile(ctx, o)
}
func (r replicas) PutProfile(ctx context.Context, o session.Owner, p session.Profile) (session.Profile, error) {
	return r.one().PutProfile(ctx, o, p)
}
func (r replicas) ImportProfile(ctx context.Context, o session.Owner, p session.Profile) error {
	return r.one().ImportProfile(ctx, o, p)
}
func (r replicas) Webhooks() session.Profiles { return r.one().Webhooks() }
func (r replicas) ProfileOwners(ctx context.Context) ([]session.Owner, error) {
	return r.one().ProfileOwners(ctx)
}
func (r replicas) Import(ctx context.Context, st session.State) (session.Removed, error) {
	return r.one().Import(ctx, st)
}
func (r replicas) Check(ctx context.Context) error { return r.one().Check(ctx) }
func (r replicas) Close() error {
	var errs []error
	for _, s := range r.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// Three replicas with separate pools behave as one store: the whole suite passes when
// each operation uses the next replica.
func TestThreeReplicasKeepTheRules(t *testing.T) {
	sessiontest.Run(t, suiteIn(server.Database(t), func(t testing.TB, address string, settings session.Settings) session.Store {
		// The bound is exact for one program only.
		n := 3
		if settings.MaxSessions > 0 {
			n = 1
		}
		return openReplicas(t, n, address, settings, Options{Connections: 3})
	}))
}

// Tests cannot stop the database's clock, so sessions live for so short a time that they
// expire during other operations.
func TestHistoriesAreLinearizableByTheClockOfTheDatabase(t *testing.T) {
	for _, life := range []time.Duration{0, 40 * time.Millisecond} {
		store := openReplicas(t, 3, address(t), session.Settings{Lives: session.Lives{Named: life}}, Options{})
		if life == 0 {
			load := sessiontest.Load{Clients: 8, Operations: 1200, Rounds: sessiontest.Times(2, 40), Cancel: true}
			if done, err := sessiontest.Linearizable(store, load); err != nil {
				t.Errorf("%d operations: %v", done, err)
			}
			continue
		}
		// The checker knows no clock. For such short lives the test checks only what
		// must never happen.
		must.AtOnce(8, func(int) {
			for i := range 150 {
				k := keyOf([]string{"a", "b"}[i%2])
				st, _, err := store.Open(ctx, k, session.Named)
				if err != nil {
					t.Error(err)
					return
				}
				if i%5 == 0 {
					time.Sleep(life)
				}
				in := sessiontest.NewInput(st.Incarnation.String())
				got, _, err := store.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.Orders, Mode: session.Replace, Files: []session.Input{in}})
				if code := fault.CodeOf(err); code != "" && code != session.Superseded {
					t.Error(err)
				}
				if err == nil && (got.Incarnation != st.Incarnation || got.Orders[0].Name != st.Incarnation.String()) {
					t.Errorf("an attach to %s landed in %+v", st.Incarnation, got)
				}
				if got, err := store.Get(ctx, k); err == nil && got.Orders != nil && got.Orders[0].Name != got.Incarnation.String() {
					t.Errorf("a file of incarnation %s is in %s", got.Orders[0].Name, got.Incarnation)
				}
				store.Expire(ctx, 2)
			}
		})
	}
}

// These tests break a rule in the database's functions, to show that the
// linearizability check finds it.
func TestTheCheckerFindsBrokenFunctions(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"an attach does not look at the incarnation",
			"a.outcome IS DISTINCT FROM 'alive' OR a.incarnation <> p_incarnation", "a.outcome IS DISTINCT FROM 'alive'"},
		{"no row is locked",
			"WHERE s.owner = p_owner AND s.id = p_id FOR UPDATE;", "WHERE s.owner = p_owner AND s.id = p_id;"},
		{"a read takes row and files from two snapshots",
			"WHERE s.owner = p_owner AND s.id = p_id;\n\tIF NOT FOUND OR v_ended", "WHERE s.owner = p_owner AND s.id = p_id;\n\ta := tallyman.filled_1(a);\n\tIF NOT FOUND OR v_ended"},
		{"new leaves files", "a := tallyman.ended_1(a);\n\t\t\tUPDATE tallyman.session\n\t\t\t\tSET kind = p_kind, incarnation = p_incarnation,", "UPDATE tallyman.session\n\t\t\t\tSET kind = p_kind,"},
		{"the files of expired sessions count", "IF a.outcome = 'expired' THEN\n\t\ta.removed_files := 0;", "IF false THEN\n\t\ta.removed_files := 0;"},
		{"an expired session lives until it is swept", "a.at - a.used < tallyman.life_1(a.kind, p_named, p_cookie) THEN\n\t\ta.outcome := 'alive'", "true THEN\n\t\ta.outcome := 'alive'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Later migrations define some functions anew.
			step := len(migrations)
			for step > 1 && !strings.Contains(migrations[step-1].sql, c.old) {
				step--
			}
			options := Options{migrations: brokenSchema(t, step, c.old, c.new)}
			clock := sessiontest.NewClock()
			settings := session.Settings{Now: clock.Now}
			store := openReplicas(t, 2, address(t), settings, options)
			_, err := sessiontest.Linearizable(store, sessiontest.Load{Clients: 8, Operations: 1500, Rounds: 20, Clock: clock, Life: settings.Lives.Of(session.Named)})
			if err == nil {
				t.Error("not found")
			} else {
				t.Logf("%.200s", err)
			}
		})
	}
}

// A session that a program found expired is gone for all programs, whatever their
// clocks show: one whose clock is slow does not revive it.
func TestAnExpiredSessionStaysGoneForLateClocks(t *testing.T) {
	at := address(t)
	fast, slow := sessiontest.NewClock(), sessiontest.NewClock()
	one := mustOpen(t, at, session.Settings{Now: fast.Now}, Options{})
	two := mustOpen(t, at, session.Settings{Now: slow.Now}, Options{})
	k := keyOf("x")
	st, _, err := two.Open(ctx, k, session.Named)
	must.OK(t, err)
	in := sessiontest.NewInput("1.pdf")
	attach := func() error {
		_, _, err := two.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Append, Files: []session.Input{in}})
		return err
	}
	must.OK(t, attach())
	life := session.Lives{}.Of(session.Named)
	fast.Advance(life)
	if _, err := one.Get(ctx, k); fault.CodeOf(err) != fault.NotFound {
		t.Fatalf("after its life: %v", err)
	}
	if _, err := two.Get(ctx, k); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a late clock finds it: %v", err)
	}
	if err := attach(); fault.CodeOf(err) != session.Superseded {
		t.Errorf("a late clock attaches to it: %v", err)
	}
	if page, err := two.List(ctx, session.Query{}); err != nil || page.Total != 0 {
		t.Errorf("a late clock lists it: %+v, %v", page, err)
	}
	again, removed, err := two.Open(ctx, k, session.Named)
	if err != nil || again.Incarnation == st.Incarnation || len(removed.Contents) != 2 || removed.Files != 0 {
		t.Errorf("opened again: %+v, %+v, %v", again, removed, err)
	}
	// A session that begins then has its whole life ahead of it, by any program's clock.
	if got, err := one.Get(ctx, k); err != nil || got.Incarnation != again.Incarnation {
		t.Errorf("what began after it: %+v, %v", got, err)
	}
}

func TestUsesAreWrittenSeldomAndInBatches(t *testing.T) {
	at := address(t)
	clock := sessiontest.NewClock()
	settings := session.Settings{Now: clock.Now}
	life := settings.Lives.Of(session.Named)
	one, two := mustOpen(t, at, settings, Options{}), mustOpen(t, at, settings, Options{})
	k := keyOf("x")
	one.New(ctx, k, session.Named)
	written := func() int64 {
		var n int64
		row := one.pool.QueryRow(ctx, `SELECT used FROM tallyman.session`)
		must.OK(t, row.Scan(&n))
		return n
	}
	const uses = 1000
	writes, last := 0, written()
	for range uses { // over three lives
		clock.Advance(3 * life / uses)
		st, err := one.Get(ctx, k)
		must.OK(t, err)
		now := written()
		if now != last {
			writes++
			last = now
		}
		if behind := st.LastUsed.Sub(time.UnixMilli(now)); behind < 0 || behind >= life/parts {
			t.Fatalf("the row is %v behind, of a life of %v", behind, life)
		}
	}
	if writes > 3*parts {
		t.Errorf("%d uses in three lives were written %d times", uses, writes)
	}
	// A use that was only noted is written in the background, so that all programs
	// see it.
	clock.Advance(life / 100)
	st, err := one.Get(ctx, k)
	if err != nil || written() == st.LastUsed.UnixMilli() {
		t.Fatalf("a use just after another: %v, %v", st.LastUsed, err)
	}
	must.OK(t, one.saveUses(ctx, time.Now().Add(time.Second)))
	if got := written(); got != st.LastUsed.UnixMilli() {
		t.Errorf("the row says %d, want %d", got, st.LastUsed.UnixMilli())
	}
	clock.Advance(life - time.Millisecond)
	if _, err := two.Get(ctx, k); err != nil {
		t.Errorf("another replica, a life after the last use: %v", err)
	}
	// A use that was noted for one incarnation does not apply to the next.
	clock.Advance(life / 100)
	one.Get(ctx, k)
	two.Clear(ctx, k)
	clock.Advance(life / 100)
	begun, _, _ := two.Open(ctx, k, session.Named)
	must.OK(t, one.saveUses(ctx, time.Now().Add(time.Second)))
	if got := written(); got != begun.LastUsed.UnixMilli() {
		t.Errorf("the row says %d, want %d", got, begun.LastUsed.UnixMilli())
	}
	if one.saveUses(ctx, time.Now().Add(time.Second)); len(one.uses.m) != 0 {
		t.Errorf("%d uses of sessions that are gone are still noted", len(one.uses.m))
	}
}

func TestCloseWritesAllUsesThatItCan(t *testing.T) {
	at := address(t)
	clock := sessiontest.NewClock()
	settings := session.Settings{Now: clock.Now}
	s := mustOpen(t, at, settings, Options{})
	s.New(ctx, keyOf("x"), session.Named)
	clock.Advance(time.Minute)
	used, err := s.Get(ctx, keyOf("x"))
	must.OK(t, err)
	// A use that the database refuses does not prevent the others from being written.
	s.note(session.Key{Owner: "\xff", ID: "x"}, answer{incarnation: session.NewIncarnation(), at: 1})
	s.Close()
	page, err := mustOpen(t, at, settings, Options{}).List(ctx, session.Query{})
	if err != nil || len(page.Sessions) != 1 || !page.Sessions[0].LastUsed.Equal(used.LastUsed) {
		t.Errorf("after closing: %+v, %v; want last used %v", page, err, used.LastUsed)
	}
}

func TestTheKeeperWritesUsesInTheBackground(t *testing.T) {
	const life = 20 * time.Second
	s := mustOpen(t, address(t), session.Settings{Lives: session.Lives{Named: life, Cookie: life}}, Options{})
	k := keyOf("x")
	var first time.Time
	begin := func() {
		st, _, err := s.New(ctx, k, session.Named)
		must.OK(t, err)
		first = st.LastUsed
	}
	begin()
	for ; ; time.Sleep(20 * time.Millisecond) {
		page, err := s.List(ctx, session.Query{})
		must.OK(t, err)
		if page.Total == 0 { // the machine was so slow that the session expired
			begin()
			continue
		}
		// If the use in the row moved by less than a part, the keeper wrote it, not a
		// Get.
		if by := page.Sessions[0].LastUsed.Sub(first); by > 0 && by < life/parts {
			return
		} else if by > 0 {
			first = page.Sessions[0].LastUsed
		}
		if _, err := s.Get(ctx, k); err != nil && fault.CodeOf(err) != fault.NotFound {
			t.Fatal(err)
		}
	}
}
