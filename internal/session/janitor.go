package session

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
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
	// any upload may take. After a pass that left younger ones, the next one follows
	// when they are old enough.
	OrphanAge time.Duration
	// Share is how many percent of all contents a pass over orphans may delete, 0 means
	// DefaultShare. A few are always deleted: a crash leaves some.
	Share int
	// Stopped, if not nil, receives after each look for orphans whether the pass ends
	// there because of Share, and the number of orphans.
	Stopped func(stopped bool, orphans int)
	// Now is the clock for ages, nil for the system's.
	Now func() time.Time
	// Owner is the owner whose contents are swept (see Own); "" sweeps all
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
	Bytes    int64 // their size, as far as it is known
	Young    int   // orphans left for a later pass
	Steps    int
}

// SweepStopped is the code of a pass over orphans that found too many of them.
const SweepStopped fault.Code = "sweep_stopped"

// DefaultShare is the default of Janitor.Share, in percent.
const DefaultShare = 10

const (
	// fewOrphans is how many orphans are deleted whatever their share.
	fewOrphans = 32
	// mostOrphans bounds the memory of a pass.
	mostOrphans = 200_000
)

// Run sweeps until ctx ends. Failures are logged, and retried in the next pass.
func (j *Janitor) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { j.repeat(ctx, "expired sessions", cmp.Or(j.Every, time.Minute), j.Expired) })
	both.Go(func() { j.repeat(ctx, "orphaned contents", cmp.Or(j.OrphansEvery, time.Hour), j.Orphans) })
	both.Wait()
}

func (j *Janitor) repeat(ctx context.Context, what string, every time.Duration, pass func(context.Context) (Swept, error)) {
	log := cmp.Or(j.Log, slog.Default())
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
		pause := every
		if s.Young > 0 {
			pause = min(every, max(j.OrphanAge, time.Second))
		}
		if fault.Pause(ctx, pause) != nil {
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
		first = cmp.Or(first, j.Contents.Delete(ctx, x.Contents...))
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

// Orphans makes one pass over all contents and deletes those that no row names and that
// are old enough. It fails and deletes nothing if the contents belong to another owner
// (blob.Foreign), or if a large share of them are orphans (SweepStopped): then it is
// likelier that rows were lost.
func (j *Janitor) Orphans(ctx context.Context) (Swept, error) {
	var s Swept
	if j.Owner != "" {
		if err := Own(ctx, j.Store, j.Contents, j.Owner); err != nil {
			return s, err
		}
	}
	orphans, total, err := j.find(ctx, &s)
	if err != nil {
		return s, err
	}
	share := cmp.Or(max(j.Share, 0), DefaultShare)
	stop := len(orphans) > fewOrphans && len(orphans)*100 > total*share
	if j.Stopped != nil {
		j.Stopped(stop, len(orphans))
	}
	if stop {
		return s, fault.New(SweepStopped, "no session names %d of the %d stored files, and a sweep removes at most %d %% of them; nothing was removed: "+
			"if sessions were lost, bring them back; if the files may go, start once with --sweep-share 100", len(orphans), total, share)
	}
	var first error
	for step := range slices.Chunk(orphans, j.step()) {
		start := time.Now()
		for _, it := range step {
			err := j.Contents.Delete(ctx, it.Key)
			if first = cmp.Or(first, err); err == nil {
				s.Contents++
				s.Bytes += it.Size
			}
		}
		s.Steps++
		if err := j.rest(ctx, start); err != nil {
			return s, err
		}
	}
	return s, first
}

// find returns the orphans that are old enough, and the number of all contents.
//
// A content is looked up in the rows only after the blob store reported that it is
// not pending. So if an upload was about to name it, the row exists by then.
func (j *Janitor) find(ctx context.Context, s *Swept) (orphans []blob.Item, total int, err error) {
	now := j.Now
	if now == nil {
		now = time.Now
	}
	before := now().Add(-j.OrphanAge)
	for after := blob.Key(""); ; {
		start := time.Now()
		items, next, err := j.Contents.List(ctx, after, j.step())
		if err != nil {
			return nil, 0, err
		}
		named, err := named(ctx, j.Store, items)
		if err != nil {
			return nil, 0, err
		}
		total += len(items)
		for i, it := range items {
			switch {
			case named[i]:
			case j.OrphanAge > 0 && it.Written.After(before):
				s.Young++
			case len(orphans) == mostOrphans:
				s.Young++
			default:
				orphans = append(orphans, it)
			}
		}
		s.Steps++
		if after = next; next == "" {
			return orphans, total, nil
		}
		if err := j.rest(ctx, start); err != nil {
			return nil, 0, err
		}
	}
}

func named(ctx context.Context, store Store, items []blob.Item) ([]bool, error) {
	keys := make([]blob.Key, len(items))
	for i, it := range items {
		keys[i] = it.Key
	}
	return store.Named(ctx, keys)
}

// Own makes sure that contents belong to an owner, and claims them if they belong to
// nobody and there are none, or the store names some. Otherwise it fails with
// blob.Foreign: they could be anybody's.
func Own(ctx context.Context, store Store, contents blob.Store, owner string) error {
	c, ok := contents.(blob.Claimer)
	if !ok {
		return nil
	}
	if recorded, err := c.Claimed(ctx); err != nil {
		return err
	} else if recorded == "" {
		total, ours := 0, false
		for after := blob.Key(""); !ours; {
			items, next, err := contents.List(ctx, after, MaxPage)
			if err != nil {
				return err
			}
			named, err := named(ctx, store, items)
			if err != nil {
				return err
			}
			total += len(items)
			ours = slices.Contains(named, true)
			if after = next; next == "" {
				break
			}
		}
		if total > 0 && !ours {
			return fault.New(blob.Foreign, "the place for the contents of files has %d already, does not say whose they are, and no session here names one of them; "+
				"give an empty folder, or an empty prefix of the bucket, or the sessions that they belong to", total)
		}
	}
	return blob.Own(ctx, contents, owner)
}

func (j *Janitor) step() int { return cmp.Or(j.Step, 100) }

// rest pauses after a step that began at start.
func (j *Janitor) rest(ctx context.Context, start time.Time) error {
	return fault.Pause(ctx, time.Duration(cmp.Or(j.Rest, 4))*time.Since(start))
}
