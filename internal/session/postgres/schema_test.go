package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

func TestManyProgramsThatStartAtOnceMakeOneSchema(t *testing.T) {
	at := address(t)
	must.AtOnce(8, func(int) {
		s, err := Open(ctx, at, session.Settings{}, Options{AllowUnsafe: true})
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		if _, _, err := s.Open(ctx, keyOf("x"), session.Named); err != nil {
			t.Error(err)
		}
	})
	if page, err := mustOpen(t, at, session.Settings{}, Options{}).List(ctx, session.Query{}); err != nil || page.Total != 1 {
		t.Errorf("%+v, %v", page, err)
	}
}

// known is the version of the schema that this program was written for.
var known = latest(migrations)

// steps are schemas of future programs: the second adds a column and works with
// programs for the first, the third drops what those need.
var steps = append(slices.Clip(migrations),
	migration{sql: `ALTER TABLE tallyman.session ADD COLUMN note text NOT NULL DEFAULT ''`, oldest: known},
	migration{sql: `CREATE TABLE tallyman.later (x integer)`, oldest: known + 1},
	migration{sql: `CREATE TABLE tallyman.last (x integer)`, oldest: known + 2},
)

func TestOldAndNewProgramsRunSideBySideOverOneStep(t *testing.T) {
	at := address(t)
	try := func(version int) (*Store, error) {
		return Open(ctx, at, session.Settings{}, Options{AllowUnsafe: true, migrations: steps[:known-1+version]})
	}
	open := func(version int) *Store {
		t.Helper()
		s, err := try(version)
		if err != nil {
			t.Fatalf("a program for schema %d: %v", known-1+version, err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	works := func(s *Store, id string) {
		t.Helper()
		st, _, err := s.Open(ctx, keyOf(id), session.Named)
		if err == nil {
			_, _, err = s.Attach(ctx, keyOf(id), bolOf(st))
		}
		if err == nil {
			err = s.Check(ctx)
		}
		if err != nil {
			t.Errorf("%v", err)
		}
	}
	old := open(1)
	works(old, "a")
	next := open(2)
	works(next, "a")
	works(old, "a") // prepared before the step
	works(open(1), "a")
	st, err := old.Get(ctx, keyOf("a"))
	if err != nil || len(st.BOL) != 4 {
		t.Errorf("what both attached: %+v, %v", st, err)
	}

	// Two steps do not work, in either direction.
	if _, err := try(3); fault.CodeOf(err) != OlderProgram || !strings.Contains(err.Error(), fmt.Sprintf("schema %d", known)) {
		t.Errorf("a third schema while programs for the first are connected: %v", err)
	}
	works(old, "a")
	old.Close()
	server.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '"+programName(known)+"' AND datname = '"+next.config.ConnConfig.Database+"'")
	third := open(3)
	works(third, "a")
	works(next, "a")
	if _, err := try(1); fault.CodeOf(err) != NewerSchema {
		t.Errorf("a program for the first schema with the third: %v", err)
	}
	next.Close()
	server.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '"+programName(known+1)+"' AND datname = '"+third.config.ConnConfig.Database+"'")
	works(open(4), "a")
	if _, err := try(2); fault.CodeOf(err) != NewerSchema {
		t.Errorf("a program for the second schema with the fourth: %v", err)
	}
}

func TestAStepThatFailsLeavesTheSchemaAsItWas(t *testing.T) {
	at := address(t)
	old := mustOpen(t, at, session.Settings{}, Options{})
	broken := append(slices.Clip(migrations), migration{sql: `CREATE TABLE tallyman.half (x integer); SELECT 1/0`, oldest: 1})
	_, err := Open(ctx, at, session.Settings{}, Options{AllowUnsafe: true, migrations: broken})
	if fault.CodeOf(err) != session.StorageUnavailable || !strings.Contains(err.Error(), fmt.Sprintf("from version %d to %d", latest(migrations), latest(migrations)+1)) {
		t.Errorf("a step that fails: %v", err)
	}
	must.OK(t, old.Check(ctx))
	var half bool
	if err := old.pool.QueryRow(ctx, `SELECT to_regclass('tallyman.half') IS NOT NULL`).Scan(&half); err != nil || half {
		t.Errorf("half of the step is there: %v, %v", half, err)
	}
}

func TestTheDoctorFindsUnsafeServers(t *testing.T) {
	s := mustOpen(t, address(t), session.Settings{}, Options{})
	found, err := s.Doctor(ctx)
	if err != nil || len(found) != 2 || !strings.Contains(found[0].Found, "fsync") || !strings.Contains(found[1].Found, "full_page_writes") || !found[0].Refused {
		t.Errorf("%+v, %v", found, err)
	}
}

// Programs for the schema before do not know amendments and several order exports. They
// see neither the former nor anything that they could take for them, and keep both.
func TestAnOlderProgramLeavesAmendmentsAlone(t *testing.T) {
	at := address(t)
	s := mustOpen(t, at, session.Settings{}, Options{})
	k := keyOf("x")
	st, _, err := s.Open(ctx, k, session.Named)
	must.OK(t, err)
	attach := func(slot session.Slot, mode session.Mode) {
		t.Helper()
		st, _, err = s.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: slot, Mode: mode, Files: []session.Input{sessiontest.NewInput(string(slot))}})
		must.OK(t, err)
	}
	attach(session.BOL, session.Replace)
	attach(session.Amendments, session.Replace)
	config := s.config.ConnConfig.Copy()
	delete(config.RuntimeParams, "tallyman.slots")
	old, err := pgx.ConnectConfig(ctx, config)
	must.OK(t, err)
	defer old.Close(ctx)
	slots := func(want ...string) {
		t.Helper()
		var got []string
		err := old.QueryRow(ctx, `SELECT slots FROM tallyman.get_1($1, $2, NULL, $3, $4, 16)`, string(k.Owner), string(k.ID), s.life(session.Named), s.life(session.Cookie)).Scan(&got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("an older program sees %q, want %q: %v", got, want, err)
		}
	}
	slots("bol")
	attach(session.Orders, session.Replace)
	attach(session.Orders, session.Append)
	slots("bol", "orders", "orders")
	older := func(slot, mode string) {
		t.Helper()
		f := filesOf([]session.Input{sessiontest.NewInput(slot)})
		_, err := old.Exec(ctx, `SELECT tallyman.attach_1($1, $2, NULL, $3, $4, $5, 0, $6, $7, 100, $8, $9, $10, $11, $12, $13, $14, $15)`,
			string(k.Owner), string(k.ID), s.life(session.Named), s.life(session.Cookie), [16]byte(st.Incarnation), slot, mode,
			f.names, f.contents, f.sizes, f.sha256s, f.readings, f.readingSizes, f.readingSHA256s, f.summaries)
		must.OK(t, err)
		st, err = s.Get(ctx, k)
		must.OK(t, err)
	}
	older("bol", "append")
	older("orders", "replace")
	if len(st.BOL) != 2 || len(st.Orders) != 1 || len(st.Amendments) != 1 {
		t.Errorf("after an older program: %+v", st)
	}
	older("bol", "replace")
	if len(st.BOL) != 1 || len(st.Inputs()) != 1 {
		t.Errorf("after a new BOL by an older program: %+v", st)
	}
	attach(session.Orders, session.Append)
	attach(session.Amendments, session.Replace)
}
