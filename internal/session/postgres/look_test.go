package postgres

import (
	"strings"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

func TestLookingChangesNothing(t *testing.T) {
	at := address(t)
	if _, err := Open(ctx, at, session.Settings{}, Options{Look: true}); fault.CodeOf(err) != NoSchema {
		t.Errorf("an empty database: %v", err)
	}
	old := mustOpen(t, at, session.Settings{}, Options{migrations: migrations[:1]})
	_, _, err := old.New(ctx, keyOf("a"), session.Named)
	must.OK(t, err)
	s := mustOpen(t, at, session.Settings{Lives: session.Lives{Named: time.Hour}}, Options{Look: true})
	srv, err := s.Server(ctx)
	if err != nil || srv.Schema != 1 || srv.Known != latest(migrations) || srv.Connections != 200 || srv.Used < 2 || srv.Programs < 1 || srv.Standby || !srv.MayWrite || !srv.MayMigrate || srv.Version == "" {
		t.Errorf("%+v, %v", srv, err)
	}
	if apart := srv.Ahead.Abs(); apart > srv.Doubt+time.Second {
		t.Errorf("one machine's clocks are %v apart, give or take %v", srv.Ahead, srv.Doubt)
	}
	if page, err := s.List(ctx, session.Query{}); err != nil || len(page.Sessions) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if secret, err := s.FindSecret(ctx, "seal"); err != nil || secret != nil {
		t.Errorf("a secret that does not exist: %x, %v", secret, err)
	}
	made, err := old.Secret(ctx, "seal")
	must.OK(t, err)
	if secret, err := s.FindSecret(ctx, "seal"); err != nil || string(secret) != string(made) {
		t.Errorf("%x is not %x, %v", secret, made, err)
	}
	if _, _, err := s.New(ctx, keyOf("b"), session.Named); err == nil || !strings.Contains(err.Error(), "storage does not work") {
		t.Errorf("a store opened for reading accepts a change: %v", err)
	}
	// An upgrade or a copy does not wait for a store that only looks.
	alone := mustOpen(t, address(t), session.Settings{}, Options{})
	alone.Close()
	looking := mustOpen(t, at, session.Settings{}, Options{Look: true})
	if srv, err := looking.Server(ctx); err != nil || srv.Programs > 2 {
		t.Errorf("%+v, %v", srv, err)
	}
	old.Close()
	next, err := Open(ctx, at, session.Settings{}, Options{AllowUnsafe: true, Alone: true})
	if err != nil {
		t.Fatalf("beside one that looks: %v", err)
	}
	next.Close()
}
