package postgres

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/bus"
	"tallyman/internal/bus/bustest"
	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
	"tallyman/internal/turn"
)

func TestAllProgramsAcceptAKeyAndNoneARemovedOne(t *testing.T) {
	at := address(t)
	one, two := mustOpen(t, at, session.Settings{}, Options{}), mustOpen(t, at, session.Settings{}, Options{})
	find := func(s *Store, secret string) (keys.Key, bool) {
		t.Helper()
		all, err := s.Keys().All(t.Context())
		must.OK(t, err)
		return keys.Find(all, secret)
	}
	if _, ok := find(two, ""); ok {
		t.Error("an empty key is accepted")
	}
	secret, err := one.Keys().Add(t.Context(), keys.Key{Name: "dépôt 'x'", Admin: true})
	must.OK(t, err)
	_, err = one.Keys().Add(t.Context(), keys.Key{Name: "Acme"})
	must.OK(t, err)
	k, ok := find(one, secret)
	if !ok || k.Name != "dépôt 'x'" || !k.Admin || time.Since(k.Created) > time.Hour {
		t.Errorf("for the program that added it: %+v, %v", k, ok)
	}
	if _, ok := find(one, secret+"x"); ok {
		t.Error("a wrong key is accepted")
	}
	until := func(want bool) {
		t.Helper()
		for {
			if _, ok := find(two, secret); ok == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	until(true)
	expires := time.Now().Add(time.Hour)
	second, err := two.Keys().Add(t.Context(), keys.Key{Name: "dépôt 'x'", ReadOnly: true, Expires: expires})
	must.OK(t, err)
	if _, err := two.Keys().Add(t.Context(), keys.Key{Name: "dépôt 'x'"}); fault.CodeOf(err) != keys.Exists {
		t.Errorf("a third key for an owner: %v", err)
	}
	k, ok = find(two, second)
	if !ok || !k.ReadOnly || k.Admin || !k.Expires.Equal(expires.Truncate(time.Second)) {
		t.Errorf("the second key: %+v, %v", k, ok)
	}
	must.OK(t, two.Keys().Remove(t.Context(), "dépôt 'x'", k.ID()))
	if _, ok := find(two, second); ok {
		t.Error("a key that was removed by its ID is valid")
	}
	if _, ok := find(two, secret); !ok {
		t.Error("a key that was not removed is not valid")
	}
	for _, bad := range []session.Owner{"", " a", "a\x00", "\xff"} {
		if _, err := one.Keys().Add(t.Context(), keys.Key{Name: bad}); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("a key for %q: %v", bad, err)
		}
		if err := one.Keys().Remove(t.Context(), bad, ""); err == nil {
			t.Errorf("removed the key of %q", bad)
		}
	}
	all, err := one.Keys().All(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "Acme" {
		t.Errorf("the keys: %+v, %v", all, err)
	}
	must.OK(t, one.Keys().Remove(t.Context(), "dépôt 'x'", ""))
	if _, ok := find(one, secret); ok {
		t.Error("the program that removed a key still accepts it")
	}
	until(false)
	if err := two.Keys().Remove(t.Context(), "dépôt 'x'", ""); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("removing a key twice: %v", err)
	}
	// Only hashes are in the database.
	var n int
	if err := one.pool.QueryRow(ctx, `SELECT count(*) FROM tallyman.api_key k WHERE k::text LIKE '%tmk_%'`).Scan(&n); err != nil || n > 0 {
		t.Errorf("%d keys are in the clear (%v)", n, err)
	}
}

func TestNoKeyIsValidWhileTheDatabaseIsAway(t *testing.T) {
	p, through := newProxy(t, address(t))
	s := mustOpen(t, through, session.Settings{}, Options{})
	_, err := s.Keys().Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	p.Refuse(true)
	for ; ; time.Sleep(10 * time.Millisecond) {
		all, err := s.Keys().All(t.Context())
		if err != nil {
			if fault.CodeOf(err) != session.StorageUnavailable || len(all) > 0 {
				t.Errorf("%v, %v", all, err)
			}
			break
		}
	}
	p.Refuse(false)
	for ; ; time.Sleep(10 * time.Millisecond) {
		if all, err := s.Keys().All(t.Context()); err == nil && len(all) == 1 {
			return
		}
	}
}

// Requests of several owners take turns while the keys are read again and again: nobody
// waits for the keys with a turn that their reader waits for.
func TestNoKeyWaitsForATurn(t *testing.T) {
	s := mustOpen(t, address(t), session.Settings{}, Options{})
	ring := s.Keys()
	turns := turn.New(2)
	must.AtOnce(12, func(n int) {
		for range 20 {
			ctx, own, err := turns.Begin(t.Context(), fmt.Sprint("owner", n%4))
			if err != nil {
				t.Error(err)
				return
			}
			ring.mu.Lock()
			ring.at = time.Time{} // the keys are old
			ring.mu.Unlock()
			if _, err := ring.All(ctx); err != nil {
				t.Error(err)
			}
			own.End()
		}
	})
}

func TestProgramsAgreeOnASecret(t *testing.T) {
	at := address(t)
	var mu sync.Mutex
	drawn := map[string]bool{}
	var all sync.WaitGroup
	for range 6 {
		s := mustOpen(t, at, session.Settings{}, Options{})
		all.Go(func() {
			for range 3 {
				b, err := s.Secret(ctx, "seal")
				if err != nil || len(b) != 32 || bytes.Equal(b, make([]byte, 32)) {
					t.Errorf("%x, %v", b, err)
				}
				mu.Lock()
				drawn[string(b)] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(drawn) != 1 {
		t.Errorf("%d secrets under one name", len(drawn))
	}
	s := mustOpen(t, at, session.Settings{}, Options{})
	other, err := s.Secret(ctx, "another")
	if err != nil || drawn[string(other)] {
		t.Errorf("another name has the same secret (%v)", err)
	}
	if _, err := s.Secret(ctx, ""); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("a secret without a name: %v", err)
	}
}

func mustBus(t testing.TB, s *Store) *Bus {
	t.Helper()
	b, err := s.Bus(ctx)
	must.OK(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

func TestTheBusKeepsTheRules(t *testing.T) {
	bustest.Run(t, func(t testing.TB, n int) []bus.Bus {
		at := address(t)
		var all []bus.Bus
		for range n {
			all = append(all, mustBus(t, mustOpen(t, at, session.Settings{}, Options{})))
		}
		return all
	})
}

func TestTheBusReconnectsAndReportsMissedMessages(t *testing.T) {
	at := address(t)
	p, through := newProxy(t, at)
	from := mustBus(t, mustOpen(t, at, session.Settings{}, Options{}))
	to := mustBus(t, mustOpen(t, through, session.Settings{}, Options{}))
	in := bustest.Subscribe(t, to, "x")
	arrives := func(text string) {
		t.Helper()
		defer must.Meanwhile(1, func(int, int) bool {
			from.Publish(bus.Message{Topic: "x", Payload: []byte(text)})
			time.Sleep(50 * time.Millisecond)
			return true
		})()
		in.Until(t, text+" arrives", func() bool {
			m := in.Messages()
			return len(m) > 0 && string(m[len(m)-1]) == text
		})
	}
	arrives("first")
	for i := range 3 {
		missed := in.Missed()
		p.Cut()
		in.Until(t, "it is told that messages may be missing", func() bool { return in.Missed() > missed })
		arrives(fmt.Sprint("after cut ", i))
	}
	// Publishers do not notice that the database is away. Subscribers are told when it is
	// back.
	here := bustest.Subscribe(t, from, "y")
	missed := here.Missed()
	p.Refuse(true)
	for i := range 5000 {
		to.Publish(bus.Message{Topic: "y", Payload: fmt.Append(nil, i)})
	}
	time.Sleep(50 * time.Millisecond)
	p.Refuse(false)
	here.Until(t, "the others are told what was lost", func() bool { return here.Missed() > missed })
}

// Listeners on the channel learn no session's name, and foreign notifications do no
// harm.
func TestTheChannelHidesTopicsAndIgnoresForeignNotifications(t *testing.T) {
	at := address(t)
	from, to := mustBus(t, mustOpen(t, at, session.Settings{}, Options{})), mustBus(t, mustOpen(t, at, session.Settings{}, Options{}))
	topic := "acme\x00s_secretsecretsecret"
	in := bustest.Subscribe(t, to, topic)
	in.Until(t, "it listens", func() bool { return in.Missed() > 0 })
	stranger := mustConnect(t, at)
	_, err := stranger.Exec(ctx, "LISTEN tallyman")
	must.OK(t, err)
	from.Publish(bus.Message{Topic: topic, Payload: []byte("hello")})
	n, err := stranger.WaitForNotification(ctx)
	must.OK(t, err)
	if strings.Contains(n.Payload, "secret") || strings.Contains(n.Payload, "acme") {
		t.Errorf("the channel reveals: %s", n.Payload)
	}
	in.Until(t, "the message arrives", func() bool { return in.Len() == 1 })
	for _, hostile := range []string{"", " ", "1", "1 a", "1 a b", "1 a 1 x", "1 a 1 x !!!", "2 a 1 x aGVsbG8", "1 a 1 x y z", strings.Repeat("x", 7000), "1 a 1 " + to.hidden(topic) + " !!!"} {
		_, err := stranger.Exec(ctx, "SELECT pg_notify('tallyman', $1)", hostile)
		must.OK(t, err)
	}
	from.Publish(bus.Message{Topic: topic, Payload: []byte("end")})
	in.Until(t, "the end arrives", func() bool { return in.Len() >= 2 })
	if m := in.Messages(); len(m) != 2 || string(m[1]) != "end" {
		t.Errorf("%q", m)
	}
}
