// Package watch makes the sheets of files that arrive in a folder (DESIGN.md §14).
//
// Under the folder are two more: done, in which each sheet has a folder of its own, with its
// inputs and the list of what needs a person's eye, and failed, with the reason beside each
// input. What an operator may find in .tallyman: lock, which keeps two watchers from one
// folder; journal, which remembers outcomes by content; jobs, with what is being made.
//
// An input has one outcome, however the program ends. A job is made in a folder under jobs:
// results are written there, then the inputs are moved there, and compared with what was
// read. Then a line of the journal says that it is done, and its folder is renamed to its
// place. What a crash leaves under jobs is undone if the journal does not name it, and
// finished if it does.
//
// Only polling finds new files, since network folders report no changes. A file is whole when
// it has not changed over several looks; one that was renamed into the folder is.
package watch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/pairing"
	"tallyman/internal/sheet"
)

// InUse is the code of a folder that another process watches.
const InUse fault.Code = "folder_in_use"

// Config says what to watch, and how. Dir, Maker and List are required; another field that is
// zero means its default.
type Config struct {
	// Dir is the folder.
	Dir   string
	Maker pairing.Maker
	// List writes what was read and what needs a person's eye, for people.
	List func(io.Writer, *sheet.Sheet)
	// Formats are those of the sheets, by default XLSX.
	Formats []sheet.Format
	// Append, if not nil, adds a sheet to a growing file. After a crash it can be called
	// again with the same sheet.
	Append func(context.Context, *sheet.Sheet) error

	// Every is the pause between two looks, by default 2 seconds, and Looks over how many of
	// them a file must not change, by default 3.
	Every time.Duration
	Looks int
	// Wait is how long bills wait for their order export, and an export for its bills, by
	// default 10 minutes. Negative means not at all.
	Wait time.Duration
	// Patience is how long a file that cannot be read may still change before it fails, by
	// default 1 minute. Negative means not at all.
	Patience time.Duration
	// AtOnce is how many files are read at once, by default 1.
	AtOnce int
	// Log gets a line for each outcome; nil for none.
	Log *slog.Logger
}

// State is the state of a watched folder.
type State struct {
	Dir string
	// Away is true while the folder cannot be used.
	Away bool
	// Arriving is how many files are not read yet, and Waiting how many wait for their
	// counterpart.
	Arriving, Waiting int
	// Outcomes are how many inputs had which outcome since the start, and Retries how often
	// something that may work later did not work.
	Outcomes map[pairing.Outcome]int64
	Retries  int64
}

// Watcher watches one folder.
type Watcher struct {
	c Config
	// step, if not nil, is called at each step of a job, for tests.
	step func(string)

	folder  *folder // nil while it is away
	entries map[string]*entry
	ignored map[string]bool // names that were reported as no files
	state   atomic.Pointer[State]
	told    string    // the last trouble that was logged
	listed  time.Time // zero before the first list
	retryAt time.Time
	retries atomic.Int64
	counts  map[pairing.Outcome]int64
}

// New returns a watcher. It changes nothing before Run.
func New(c Config) *Watcher {
	if len(c.Formats) == 0 {
		c.Formats = []sheet.Format{sheet.XLSX}
	}
	c.Every = cmp.Or(c.Every, 2*time.Second)
	c.Wait = cmp.Or(c.Wait, 10*time.Minute)
	c.Patience = cmp.Or(c.Patience, time.Minute)
	c.Looks = cmp.Or(c.Looks, 3)
	c.AtOnce = max(c.AtOnce, 1)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler)).With("folder", c.Dir)
	w := &Watcher{c: c, entries: map[string]*entry{}, ignored: map[string]bool{}, counts: map[pairing.Outcome]int64{}}
	w.publishState()
	return w
}

// State returns the state at the last look.
func (w *Watcher) State() State {
	st := *w.state.Load()
	st.Retries = w.retries.Load()
	return st
}

// Open takes the folder and finishes what an earlier process left. Run does so as well, but
// keeps trying. It fails with InUse if another process watches it, with fault.Unreadable and
// with fault.Unwritable.
func (w *Watcher) Open() error {
	if w.folder != nil {
		return nil
	}
	f, err := openFolder(w.c.Dir)
	if err != nil {
		return err
	}
	w.folder, w.listed = f, time.Time{}
	return nil
}

// Run watches the folder until ctx ends. The folder may come and go meanwhile.
func (w *Watcher) Run(ctx context.Context) {
	defer w.leave()
	w.c.Log.Info("watching", "wait", w.c.Wait.String(), "every", w.c.Every.String())
	for ctx.Err() == nil {
		began := time.Now()
		more := w.look(ctx)
		if more {
			continue
		}
		// A folder that is slow to list is listed less often.
		pause := max(w.c.Every, 5*time.Since(began))
		_ = fault.Pause(ctx, min(pause, max(w.c.Every, time.Minute)))
	}
}

// Once looks until nothing is left to do but to wait: for a counterpart, or for what may work
// later. It fails as Open does, and with fault.Cancelled.
func (w *Watcher) Once(ctx context.Context) error {
	defer w.leave()
	if err := w.Open(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return fault.Ended(err)
		}
		if w.look(ctx) {
			continue
		}
		if w.folder == nil {
			return fault.New(fault.Unwritable, "%s cannot be used now: %s", w.c.Dir, w.told)
		}
		left := 0
		for _, e := range w.entries {
			if !e.read && (e.tried == 0 || w.c.Patience > 0) {
				left++
			}
		}
		// Files that go on growing are left to the next time.
		if left == 0 || n > 10*w.c.Looks && n > int(w.c.Patience/w.c.Every)+2*w.c.Looks {
			return nil
		}
		_ = fault.Pause(ctx, w.c.Every)
	}
}

func (w *Watcher) leave() {
	if w.folder != nil {
		w.folder.close()
		w.folder = nil
	}
}

// trouble logs what does not work now, once for each text, and waits longer each time.
func (w *Watcher) trouble(what string, err error) {
	w.retries.Add(1)
	if said := what + ": " + err.Error(); said != w.told {
		w.told = said
		w.c.Log.Warn("it will be tried again: "+what, "error", err)
	}
}

// look lists the folder once and does what can be done. more is true if there is more to do
// at once.
func (w *Watcher) look(ctx context.Context) (more bool) {
	defer w.publishState()
	if w.folder != nil {
		if err := w.folder.there(); err != nil {
			w.trouble("the folder is not there", err)
			w.leave()
		}
	}
	if w.folder == nil {
		if err := w.Open(); err != nil {
			w.trouble("the folder cannot be used", err)
			return false
		}
		if w.told != "" {
			w.c.Log.Info("the folder can be used again")
			w.told = ""
		}
	}
	if err := w.folder.settle(); err != nil {
		w.trouble("an earlier job cannot be finished", err)
		w.leave()
		return false
	}
	now := time.Now()
	if now.Sub(w.listed) >= w.c.Every*9/10 { // not at once again, while there is more to do
		if err := w.list(now); err != nil {
			w.trouble("the folder cannot be listed", err)
			return false
		}
		w.listed = now
	}
	if now.Before(w.retryAt) {
		return false
	}
	left := w.readSome(ctx, now)
	jobs := w.plan(time.Now())
	w.runAll(ctx, jobs)
	if err := w.noteWaiting(); err != nil {
		w.trouble("the journal cannot be written", err)
		w.leave()
		return false
	}
	return ctx.Err() == nil && time.Now().After(w.retryAt) && (left || len(jobs) > 0)
}

// noteWaiting writes into the journal since when contents wait, so that they do not wait anew
// after a restart, and which ones people took away.
func (w *Watcher) noteWaiting() error {
	if w.folder == nil {
		return nil
	}
	there, unread := map[pairing.Sum]time.Time{}, false
	for _, e := range w.entries {
		switch {
		case !e.read:
			unread = true
		case e.fault == nil:
			there[e.sum] = e.seen
		default:
			there[e.sum] = time.Time{}
		}
	}
	return w.folder.journal.NoteWaiting(there, !unread)
}

// readSome reads some of the files that are whole, and reports whether others are left.
func (w *Watcher) readSome(ctx context.Context, now time.Time) (left bool) {
	var ready []*entry
	for _, e := range w.entries {
		if !e.read && e.same >= w.c.Looks && !now.Before(e.notBefore) {
			ready = append(ready, e)
		}
	}
	slices.SortFunc(ready, (*entry).order)
	if most := 4 * w.c.AtOnce; len(ready) > most {
		ready, left = ready[:most], true
	}
	pairing.Each(ctx, ready, w.c.AtOnce, func(e *entry) error {
		w.read(ctx, e)
		return nil
	})
	return left
}

// content is what files of the same bytes have in common.
type content = pairing.Paper[*entry]

// contents returns what was read, by role, in the order in which it came.
func (w *Watcher) contents() (bols, exports []*content) {
	all := map[pairing.Sum]*content{}
	var entries []*entry
	for _, e := range w.entries {
		if e.read {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, (*entry).order)
	for _, e := range entries {
		if c := all[e.sum]; c != nil && e.sum != (pairing.Sum{}) {
			c.From = append(c.From, e)
			continue
		}
		c := &content{Sum: e.sum, From: []*entry{e}, Numbers: e.numbers, Since: w.folder.journal.Since(e.sum, e.seen), Fault: e.fault}
		all[e.sum] = c
		if e.role == pairing.Orders {
			exports = append(exports, c)
		} else {
			bols = append(bols, c)
		}
	}
	return bols, exports
}

// plan decides which jobs can be done now. No two of them share a file.
func (w *Watcher) plan(now time.Time) (jobs []*job) {
	if w.folder == nil {
		return nil
	}
	// A file that is not read yet may be the counterpart of another.
	quiet, oldest := true, now
	for _, e := range w.entries {
		if e.read || e.tried > 0 {
			continue
		}
		// A file that goes on changing does not hold up the others for ever.
		soon := now.Sub(e.seen) < max(w.c.Wait, 0)+w.c.Every*time.Duration(w.c.Looks)
		quiet = quiet && !soon
		since := e.seen
		if e.before {
			since = time.Time{} // it may have come with any of them
		}
		if (e.same >= w.c.Looks || e.before && soon) && since.Before(oldest) {
			oldest = since
		}
	}
	bols, exports := w.contents()
	for _, jb := range pairing.Plan(bols, exports, w.folder.journal, pairing.Situation[*entry]{
		Now: now, Wait: w.c.Wait, Oldest: oldest, Quiet: quiet, Retry: "Put it into the folder again",
	}) {
		jobs = append(jobs, &job{Job: jb})
	}
	return jobs
}

// runAll does jobs, several at once, and forgets the files that have an outcome.
func (w *Watcher) runAll(ctx context.Context, jobs []*job) {
	broken := false
	for i, err := range pairing.Each(ctx, jobs, w.c.AtOnce, func(jb *job) error { return w.run(ctx, jb) }) {
		jb := jobs[i]
		switch {
		case err == nil:
			w.ended(jb)
		case errors.Is(err, pairing.ErrChanged):
			for _, c := range append(jb.Take, jb.With...) {
				w.forget(c.From)
			}
		case errors.Is(err, errJournal), errors.Is(err, errUnfinished):
			broken = true
			w.trouble("a job cannot be finished", err)
		case ctx.Err() != nil:
		case pairing.Later(err):
			w.trouble("a sheet cannot be made now", err)
			w.retryAt = time.Now().Add(w.c.Every)
		case jb.BOL != nil:
			// It was read before; its next reading decides.
			w.put(jb.BOL.From, err)
		default:
			w.trouble("an input cannot be moved", err)
			w.retryAt = time.Now().Add(w.c.Every)
		}
	}
	if broken {
		w.leave() // and what is on disk counts
		w.entries = map[string]*entry{}
	}
}

// ended logs an outcome and forgets its files.
func (w *Watcher) ended(jb *job) {
	var names []string
	for _, c := range jb.Take {
		for _, e := range c.From {
			names = append(names, e.name)
		}
		w.forget(c.From)
	}
	w.counts[jb.Outcome] += int64(len(names))
	log := w.c.Log.With("files", names, "to", jb.to)
	switch jb.Outcome {
	case pairing.Failed:
		jb.LogFailure(log)
	case pairing.Again:
		log.Info("done before", "reason", jb.Why)
	default:
		if jb.BOL == nil {
			log.Info("done", "note", jb.Why)
			return
		}
		log.Info("done", "bills", len(jb.BOL.Numbers), "orders", len(jb.With), "to_check", jb.toCheck)
	}
}

func (w *Watcher) forget(entries []*entry) {
	for _, e := range entries {
		delete(w.entries, e.name)
	}
}

func (w *Watcher) publishState() {
	st := State{Dir: w.c.Dir, Away: w.folder == nil, Outcomes: maps.Clone(w.counts)}
	for _, e := range w.entries {
		if e.read {
			st.Waiting++
		} else {
			st.Arriving++
		}
	}
	w.state.Store(&st)
}

// Places returns the folders of a watched folder in which its inputs end.
func Places(dir string) (done, failed string) {
	return filepath.Join(dir, doneName), filepath.Join(dir, failedName)
}
