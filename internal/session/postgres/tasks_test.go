package postgres

import (
	"context"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/queue"
	"tallyman/internal/queue/queuetest"
	"tallyman/internal/session"
	"tallyman/internal/session/sessiontest"
	"tallyman/internal/testing/must"
)

// tasks are the queues of replicas. Each operation uses the next one.
type tasks struct{ of replicas }

func (q tasks) Put(ctx context.Context, n queue.New) (queue.Task, bool, error) {
	return q.of.one().Tasks().Put(ctx, n)
}
func (q tasks) Claim(ctx context.Context, k queue.Kind, lease time.Duration) (queue.Task, bool, error) {
	return q.of.one().Tasks().Claim(ctx, k, lease)
}
func (q tasks) Extend(ctx context.Context, h queue.Hold, lease time.Duration, note []byte) error {
	return q.of.one().Tasks().Extend(ctx, h, lease, note)
}
func (q tasks) Finish(ctx context.Context, h queue.Hold, e queue.End) ([]blob.Key, error) {
	return q.of.one().Tasks().Finish(ctx, h, e)
}
func (q tasks) Retry(ctx context.Context, h queue.Hold, after time.Duration, reason string) error {
	return q.of.one().Tasks().Retry(ctx, h, after, reason)
}
func (q tasks) Cancel(ctx context.Context, o session.Owner, id queue.ID, keep time.Duration) (queue.Task, []blob.Key, error) {
	return q.of.one().Tasks().Cancel(ctx, o, id, keep)
}
func (q tasks) Remove(ctx context.Context, o session.Owner, id queue.ID) error {
	return q.of.one().Tasks().Remove(ctx, o, id)
}
func (q tasks) Get(ctx context.Context, o session.Owner, id queue.ID) (queue.Task, error) {
	return q.of.one().Tasks().Get(ctx, o, id)
}
func (q tasks) List(ctx context.Context, query queue.Query) (queue.Page, error) {
	return q.of.one().Tasks().List(ctx, query)
}
func (q tasks) Expire(ctx context.Context, limit int) (int, error) {
	return q.of.one().Tasks().Expire(ctx, limit)
}
func (q tasks) Count(ctx context.Context, k queue.Kind) (queue.Counts, error) {
	return q.of.one().Tasks().Count(ctx, k)
}

// tasksOf opens stores for the suite of tasks.
func tasksOf(open sessiontest.Opener) queuetest.Opener {
	return func(t testing.TB, place string, settings session.Settings) queuetest.Store {
		s := open(t, place, settings)
		if one, ok := s.(*Store); ok {
			return queuetest.Store{Store: s, Tasks: one.Tasks()}
		}
		return queuetest.Store{Store: s, Tasks: tasks{s.(replicas)}}
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
