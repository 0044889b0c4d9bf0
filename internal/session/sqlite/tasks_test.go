package sqlite

import (
	"testing"

	"tallyman/internal/queue"
	"tallyman/internal/queue/queuetest"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

func TestTasksKeepTheRules(t *testing.T) {
	queuetest.Run(t, func(t testing.TB, place string, settings session.Settings) queuetest.Store {
		s, err := Open(ctx, place, settings)
		must.OK(t, err)
		return queuetest.Store{Store: s, Tasks: func() queue.Queue { return s.Tasks() }}
	})
}
