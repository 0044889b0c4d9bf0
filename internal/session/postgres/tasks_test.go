package postgres

import (
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/queue"
	"tallyman/internal/queue/queuetest"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

// tasksOf opens stores for the suite of tasks. Of replicas, each operation uses the next one.
func tasksOf(open sessiontest.Opener) queuetest.Opener {
	return func(t testing.TB, place string, settings session.Settings) queuetest.Store {
		s := open(t, place, settings)
		if one, ok := s.(*Store); ok {
			return queuetest.Store{Store: s, Tasks: func() queue.Queue { return one.Tasks() }}
		}
		return queuetest.Store{Store: s, Tasks: func() queue.Queue { return s.(replicas).one().Tasks() }}
	}
}

// Three replicas with separate pools behave as one queue.
func TestTasksOfThreeReplicasKeepTheRules(t *testing.T) {
	queuetest.Run(t, tasksOf(suiteIn(server.Database(t), func(t testing.TB, address string, settings session.Settings) session.Store {
		return openReplicas(t, 3, address, settings, Options{Connections: 3})
	})))
}

// A program for the schema before does not take the contents of tasks for orphans.
func TestAnOlderProgramLeavesTheContentsOfTasksAlone(t *testing.T) {
	at := address(t)
	s := mustOpen(t, at, session.Settings{}, Options{})
	old := mustOpen(t, at, session.Settings{}, Options{migrations: migrations[:5]})
	content := sessiontest.NewInput("a.pdf").Content
	_, _, err := s.Tasks().Put(ctx, queue.New{ID: queue.NewID("t_"), Owner: "acme", Kind: "job", Contents: []blob.Ref{content}})
	must.OK(t, err)
	if named, err := old.Named(ctx, []blob.Key{content.Key}); err != nil || !named[0] {
		t.Errorf("named: %v, %v", named, err)
	}
	must.OK(t, old.Check(ctx))
}
