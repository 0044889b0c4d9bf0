package postgres

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/pgtest"
)

func TestAloneIsRefusedWhileOtherProgramsAreConnected(t *testing.T) {
	database := server.Database(t)
	at := server.Address(database)
	alone := func(at string, wait time.Duration) (*Store, error) {
		l := patient(limits{acquire: wait})
		return Open(ctx, at, session.Settings{}, Options{AllowUnsafe: true, Alone: true, limits: l})
	}
	const brief = 500 * time.Millisecond
	other := mustOpen(t, at, session.Settings{}, Options{})
	bus, err := other.Bus(ctx)
	must.OK(t, err)
	if _, err := alone(at, brief); fault.CodeOf(err) != InUse || !strings.Contains(err.Error(), "stop them first") {
		t.Errorf("with another: %v", err)
	}
	// The role of the other program does not matter.
	server.Exec(t, database, "GRANT USAGE ON SCHEMA tallyman TO guarded;; GRANT ALL ON ALL TABLES IN SCHEMA tallyman TO guarded")
	guarded := fmt.Sprintf("postgres://guarded:%s@127.0.0.1:%d/%s?sslmode=disable", url.QueryEscape(pgtest.Password), server.Port, database)
	if _, err := alone(guarded, brief); fault.CodeOf(err) != InUse {
		t.Errorf("with another of another role: %v", err)
	}
	bus.Close()
	other.Close()
	s, err := alone(at, time.Hour)
	must.OK(t, err)
	s.Close()
	// A program in another database does not count.
	mustOpen(t, address(t), session.Settings{}, Options{})
	s, err = alone(guarded, time.Hour)
	must.OK(t, err)
	s.Close()
}

func TestExistingDoesNotCreateASchema(t *testing.T) {
	at := address(t)
	existing := Options{AllowUnsafe: true, Existing: true}
	for range 2 {
		if _, err := Open(ctx, at, session.Settings{}, existing); fault.CodeOf(err) != NoSchema {
			t.Errorf("an empty database: %v", err)
		}
	}
	mustOpen(t, at, session.Settings{}, Options{}).Close()
	mustOpen(t, at, session.Settings{}, existing)
}

func TestKeysAreTakenOverFromAnotherRing(t *testing.T) {
	ring := mustOpen(t, address(t), session.Settings{}, Options{}).Keys()
	k, secret, err := keys.Make(keys.Key{Name: "depot", Admin: true})
	must.OK(t, err)
	for range 2 {
		must.OK(t, ring.Import(t.Context(), k))
	}
	all, err := ring.All(t.Context())
	if got, ok := keys.Find(all, secret); err != nil || !ok || len(all) != 1 || got != k {
		t.Errorf("%+v, %v; want %+v", all, err, k)
	}
	other, _, _ := keys.Make(keys.Key{Name: "depot"})
	if err := ring.Import(t.Context(), other); err != nil {
		t.Errorf("a second key of the same owner: %v", err)
	}
	other, _, _ = keys.Make(keys.Key{Name: "depot"})
	if err := ring.Import(t.Context(), other); fault.CodeOf(err) != keys.Exists {
		t.Errorf("a third key of the same owner: %v", err)
	}
	other.SHA256 = "x"
	if err := ring.Import(t.Context(), other); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("a key without a hash: %v", err)
	}
}

// A new session that replaces an existing one was counted already.
func TestBeginningSessionsAnewKeepsAReachedBound(t *testing.T) {
	s := mustOpen(t, address(t), session.Settings{MaxSessions: 40}, Options{})
	for i := range 40 {
		_, _, err := s.Open(ctx, keyOf(fmt.Sprint(i)), session.Named)
		must.OK(t, err)
	}
	for i := range 40 {
		_, _, err := s.New(ctx, keyOf(fmt.Sprint(i)), session.Named)
		must.OK(t, err)
		if _, _, err := s.Open(ctx, keyOf("more"), session.Named); fault.CodeOf(err) != fault.Busy {
			t.Fatalf("one more than there may be: %v", err)
		}
	}
}
