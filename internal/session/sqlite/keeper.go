package sqlite

import (
	"context"
	"time"

	"tallyman/internal/session"
)

// keepParts is the part of a session's life by which its row's last use may be behind. A
// read records its time in memory only. The keeper writes a row when its last use is
// behind by a 32nd of the session's life, so at most 32 times in a life, however often
// the session is read. It looks every minute, or every 32nd of the shortest life if that
// is less. So a row is never behind by more than a 16th of a life, which is what a crash
// can cost.
const keepParts = 32

// keepStep bounds how many uses are written in one commit.
const keepStep = 256

// keep is the keeper. It ends, after a last round, when stop is closed.
func (s *Store) keep() {
	defer close(s.kept)
	shortest := min(s.life(session.Named), s.life(session.Cookie))
	every := time.Duration(shortest/keepParts) * time.Millisecond
	t := time.NewTicker(min(max(every, 10*time.Millisecond), time.Minute))
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			s.saveUses(func(life int64) int64 { return 1 })
			s.trim()
			return
		case <-t.C:
			s.saveUses(func(life int64) int64 { return life / keepParts })
			s.trim()
		}
	}
}

// saveUses writes the last uses whose rows are at least behind milliseconds late.
// Uses that cannot be written now are written in a later round.
func (s *Store) saveUses(behind func(life int64) int64) {
	var late []use
	save := func() {
		step := late
		late = nil
		_ = s.do(context.Background(), func(b *batch) error {
			for _, u := range step {
				sl := b.at(u.entry.state.Load().Key)
				if sl.entry == u.entry && !sl.changed {
					b.uses = append(b.uses, u)
				}
			}
			return nil
		})
	}
	for i := range shardCount {
		s.table.each(i, func(_ session.Key, e *entry) bool {
			if used := e.used.Load(); used != sealed && used-e.saved.Load() >= behind(e.life) {
				late = append(late, use{e, used})
			}
			return true
		})
		if len(late) >= keepStep {
			save()
		}
	}
	if len(late) > 0 {
		save()
	}
}

// trim removes all stale rows, in small steps.
func (s *Store) trim() {
	for {
		old, err := ask(context.Background(), s.do, func(b *batch) ([]int64, error) {
			b.trim = s.stale.oldest(trimRows)
			return b.trim, nil
		})
		if err != nil || len(old) == 0 {
			return // after an error the next round tries again
		}
	}
}
