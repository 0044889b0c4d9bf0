package postgres

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

func TestManyProgramsThatStartAtOnceMakeOneSchema(t *testing.T) {
	at := address(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
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
	}
	all.Wait()
	if page, err := mustOpen(t, at, session.Settings{}, Options{}).List(ctx, session.Query{}); err != nil || page.Total != 1 {
		t.Errorf("%+v, %v", page, err)
	}
}

// steps are schemas of future programs: the second adds a column and works with
// programs for the first, the third drops what those need.
var steps = append(migrations[:1:1],
	migration{sql: `ALTER TABLE tallyman.session ADD COLUMN note text NOT NULL DEFAULT ''`, oldest: 1},
	migration{sql: `CREATE TABLE tallyman.later (x integer)`, oldest: 2},
	migration{sql: `CREATE TABLE tallyman.last (x integer)`, oldest: 3},
)

func TestOldAndNewProgramsRunSideBySideOverOneStep(t *testing.T) {
	at := address(t)
	try := func(version int) (*Store, error) {
		return Open(ctx, at, session.Settings{}, Options{AllowUnsafe: true, migrations: steps[:version]})
	}
	open := func(version int) *Store {
		t.Helper()
		s, err := try(version)
		if err != nil {
			t.Fatalf("a program for schema %d: %v", version, err)
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
	if _, err := try(3); fault.CodeOf(err) != OlderProgram || !strings.Contains(err.Error(), "schema 1") {
		t.Errorf("a third schema while programs for the first are connected: %v", err)
	}
	works(old, "a")
	old.Close()
	server.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tallyman schema 1' AND datname = '"+next.config.ConnConfig.Database+"'")
	third := open(3)
	works(third, "a")
	works(next, "a")
	if _, err := try(1); fault.CodeOf(err) != NewerSchema {
		t.Errorf("a program for the first schema with the third: %v", err)
	}
	next.Close()
	server.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tallyman schema 2' AND datname = '"+third.config.ConnConfig.Database+"'")
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
	if err := old.Check(ctx); err != nil {
		t.Error(err)
	}
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
