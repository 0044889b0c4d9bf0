package session

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// Janitor frees the storage of expired sessions and of crashes (DESIGN.md §6: nothing
// leaks). It works in small steps and rests after each for a multiple of the step's
// duration, so that it hardly slows requests. If a pass is interrupted, even by a
// crash, the next one continues: rows are removed before the contents that they name,
// and contents that no row names are orphans.
//
// Start one with Run in each process. The janitors of processes that share a store do
// not disturb each other.
type Janitor struct {
	Store    Store
	Contents blob.Store
	// Gone, if not nil, receives the contents of expired sessions before they are
	// deleted, so that caches can drop what was made from them.
	Gone func([]blob.Key)
	// Log receives what was swept and what failed; nil means slog.Default.
	Log *slog.Logger

	// Every is the pause between passes over expired sessions, 0 means a
	// minute.
	Every time.Duration
	// OrphansEvery is the pause between passes over all contents, 0 means an hour.
	// The first pass begins with Run, because the last process may have crashed.
	OrphansEvery time.Duration
	// OrphanAge is the age from which the sweep of orphans deletes a content. It may
	// be 0 if the blob store knows all pending contents. A blob store that several
	// processes share does not know those of the others: there it must be longer than
	// any upload may take.
	OrphanAge time.Duration
	// Owner is the owner whose contents are swept (see blob.Own); "" sweeps all
	// contents.
	Owner string
	// Step is the number of sessions or contents in one step, 0 means 100.
	Step int
	// Rest is the rest after a step, as a multiple of the step's duration; negative
	// means no rest, 0 means 4.
	Rest int
}

// Swept is the result of a pass.
type Swept struct {
	Sessions int   // expired sessions removed
	Contents int   // contents deleted
	Bytes    int64 // Bytes    int64 // their size, as far as it is known
	Steps    int
}

// Run sweeps until ctx ends. Failures are logged, and retried in the next pass.
func (j *Janitor) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { j.repeat(ctx, "expired sessions", orDefault(j.Every, time.Minute), j.Expired) })
	both.Go(func() { j.repeat(ctx, "orphaned contents", orDefault(j.OrphansEvery, time.Hour), j.Orphans) })
	both.Wait()
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

func (j *Janitor) repeat(ctx context.Context, what string, every time.Duration, pass func(context.Context) (Swept, error)) {
	log := j.Log
	if log == nil {
		log = slog.Default()
	}
	for {
		start := time.Now()
		s, err := pass(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("sweep failed", "what", what, "error", err, "sessions", s.Sessions, "contents", s.Contents)
		case s.Sessions > 0 || s.Contents > 0:
			log.Info("swept", "what", what, "sessions", s.Sessions, "contents", s.Contents, "bytes", s.Bytes, "took", time.Since(start))
		}
		if !sleep(ctx, every) {
			return
		}
	}
}

// Expired makes one pass over expired sessions: it removes them, and deletes
// their contents. If some contents cannot be deleted it goes on, leaves them to
// Orphans and returns the first such error.
func (j *Janitor) Expired(ctx context.Context) (Swept, error) {
	var s Swept
	var first error
	for {
		start := time.Now()
		x, err := j.Store.Expire(ctx, j.step())
		if err != nil {
			return s, err
		}
		if j.Gone != nil && len(x.Contents) > 0 {
			j.Gone(x.Contents)
		}
		if err := j.Contents.Delete(ctx, x.Contents...); err != nil && first == nil {
			first = err
		}
		s.Steps++
		s.Sessions += x.Sessions
		s.Contents += len(x.Contents)
		s.Bytes += x.Bytes
		if !x.More {
			return s, first
		}
		if err := j.rest(ctx, start); err != nil {
			return s, err
		}
	}
}

// Orphans makes one pass over all contents and deletes those that no row names. It
// fails with blob.Foreign, and deletes nothing, if the contents belong to another
// owner.
//
// A content is looked up in the rows only after the blob store reported that it is
// not pending. So if an upload was about to name it, the row exists by then.
func (j *Janitor) Orphans(ctx context.Context) (Swept, error) {
	var s Swept
	var first error
	if j.Owner != "" {
		if err := blob.Own(ctx, j.Contents, j.Owner); err != nil {
			return s, err
		}
	}
	before := time.Now().Add(-j.OrphanAge)
	for after := blob.Key(""); ; {
		start := time.Now()
		items, next, err := j.Contents.List(ctx, after, j.step())
		if err != nil {
			return s, err
		}
		keys := make([]blob.Key, len(items))
		for i, it := range items {
			keys[i] = it.Key
		}
		named, err := j.Store.Named(ctx, keys)
		if err != nil {
			return s, err
		}
		for i, it := range items {
			if named[i] || j.OrphanAge > 0 && it.Written.After(before) {
				continue
			}
			if err := j.Contents.Delete(ctx, it.Key); err != nil {
				if first == nil {
					first = err
				}
				continue
			}
			s.Contents++
			s.Bytes += it.Size
		}
		s.Steps++
		if next == "" {
			return s, first
		}
		after = next
		if err := j.rest(ctx, start); err != nil {
			return s, err
		}
	}
}

func (j *Janitor) step() int {
	if j.Step <= 0 {
		return 100
	}
	return j.Step
}

// rest pauses after a step that began at start.
func (j *Janitor) rest(ctx context.Context, start time.Time) error {
	times := j.Rest
	if times == 0 {
		times = 4
	}
	if !sleep(ctx, time.Duration(times)*time.Since(start)) {
		return fault.Ended(ctx.Err())
	}
	return nil
}

// sleep waits, and reports whether ctx is still alive afterwards.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
