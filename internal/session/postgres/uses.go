package postgres

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/session"
)

// uses are last uses that rows do not hold yet. They decide nothing: a session lives as
// long as its row says. They are written long before a session could expire for lack of
// them.
type uses struct {
	mu sync.Mutex
	m  map[session.Key]use
}

// use is when an incarnation was used last, in milliseconds since 1970.
type use struct {
	incarnation session.Incarnation
	used        int64
	noted       time.Time // when the first use since the row's was noted
	tried       int       // how often writing it was tried
}

const (
	// usesMost bounds the number of sessions with noted uses. Beyond it, each read
	// writes its use.
	usesMost = 100_000
	// usesStep bounds the number of uses in one statement.
	usesStep = 500
	// usesParts is the divisor of a life that gives the time after which a noted use
	// is written.
	usesParts = 32
)

func (u *uses) full() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.m) >= usesMost
}

// note remembers the use that an answer reports, unless the row has it.
func (s *Store) note(key session.Key, a answer) {
	if a.at <= a.used {
		return
	}
	u := &s.uses
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = map[session.Key]use{}
	}
	old, ok := u.m[key]
	if !ok || old.incarnation != a.incarnation {
		old = use{incarnation: a.incarnation, noted: time.Now()}
	}
	old.used = max(old.used, a.at)
	u.m[key] = old
}

// late removes and returns uses that were noted before a time, up to usesStep.
func (u *uses) late(before time.Time) map[session.Key]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	late := map[session.Key]use{}
	for k, e := range u.m {
		if e.noted.Before(before) {
			late[k] = e
			delete(u.m, k)
			if len(late) == usesStep {
				break
			}
		}
	}
	return late
}

// putBack restores uses that could not be written. A use that fails twice is of a
// session that is gone, or that another program is using.
func (u *uses) putBack(late map[session.Key]use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for k, e := range late {
		if _, ok := u.m[k]; !ok && e.tried < 1 {
			e.tried++
			u.m[k] = e
		}
	}
}

// saveUses writes the uses that were noted before a time.
func (s *Store) saveUses(ctx context.Context, before time.Time) error {
	for {
		late := s.uses.late(before)
		if len(late) == 0 {
			return nil
		}
		err := s.writeUses(ctx, late)
		s.uses.putBack(late)
		if err != nil || len(late) > 0 {
			return err // the next round tries the rest
		}
	}
}

// saveAllUses writes all uses that it can, for the last time. If a step cannot be
// written, each of its uses is tried separately. After two failures in a row it takes the
// database to be away and gives up.
func (s *Store) saveAllUses(ctx context.Context) error {
	var first error
	failed := 0
	end := time.Now().Add(time.Hour)
	for late := s.uses.late(end); len(late) > 0; late = s.uses.late(end) {
		if s.writeUses(ctx, late) == nil {
			continue
		}
		for k, e := range late {
			err := s.writeUses(ctx, map[session.Key]use{k: e})
			if err == nil {
				failed = 0
				continue
			}
			first = cmp.Or(first, err)
			if failed++; failed == 2 {
				return first
			}
		}
	}
	return first
}

// writeUses writes uses and removes those that were written.
func (s *Store) writeUses(ctx context.Context, late map[session.Key]use) error {
	var owners, ids []string
	var incarnations [][16]byte
	var used []int64
	for k, e := range late {
		owners, ids = append(owners, string(k.Owner)), append(ids, string(k.ID))
		incarnations, used = append(incarnations, e.incarnation), append(used, e.used)
	}
	written := map[session.Incarnation]bool{}
	err := s.run(ctx, call{
		what:  "record last uses",
		again: true,
		sql:   `SELECT * FROM tallyman.uses_1($1, $2, $3, $4)`,
		args:  func() []any { return []any{owners, ids, incarnations, used} },
		scan: func(rows pgx.Rows) error {
			var id [16]byte
			_, err := pgx.ForEachRow(rows, []any{&id}, func() error { written[id] = true; return nil })
			return err
		},
	})
	for k, e := range late {
		if written[e.incarnation] {
			delete(late, k)
		}
	}
	return err
}

// keep writes uses and counts sessions, until the store is closed.
func (s *Store) keep() {
	defer close(s.kept)
	shortest := min(s.settings.Lives.Of(session.Named), s.settings.Lives.Of(session.Cookie))
	every := min(max(shortest/(2*usesParts), 10*time.Millisecond), 10*time.Second)
	t := time.NewTicker(every)
	defer t.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	told := func(err error) {
		if err != nil {
			s.log.Warn("last uses of sessions could not be written", "error", err)
		}
	}
	var counted time.Time
	for {
		select {
		case <-s.stop:
			told(s.saveAllUses(ctx))
			return
		case <-t.C:
			before := time.Now().Add(-shortest / usesParts)
			if s.uses.full() {
				before = time.Now()
			}
			told(s.saveUses(ctx, before))
			if time.Since(counted) < countEvery || !s.room.worthCounting() {
				continue
			}
		case <-s.room.low:
		}
		counted = time.Now()
		if err := s.count(ctx); err != nil {
			s.log.Warn("the sessions could not be counted", "error", err)
		}
	}
}
