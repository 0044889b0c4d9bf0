// Package jobs carries out work that nobody waits for: a job has files, and becomes a sheet
// some time later (DESIGN.md §14).
//
// A job is a task of package queue, which owns the stored files until the job ends. Any
// process may run it. Each attempt works in a session of its own, which has the job's name
// and the number of the attempt, and goes through the desk as an upload does: with the
// owner's limits, profile and turns. The commit that ends the task says which attempt
// succeeded; a process that lost its claim meanwhile cannot make it, and clears its session.
// So a job has one result, however often it was begun.
//
// What an attempt leaves behind when its process is killed, the next one clears; otherwise
// it expires as all sessions do.
package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
)

// Kind is the kind of the tasks that are jobs.
const Kind queue.Kind = "job"

// The codes that only jobs use.
const (
	TooMany  fault.Code = "too_many_jobs"  // the owner has as many as it may
	GivenUp  fault.Code = "job_given_up"   // every attempt ended without an outcome
	NotEnded fault.Code = "job_not_ended"  // the job has no sheet yet
	NoResult fault.Code = "job_has_failed" // the job has no sheet
)

// Config has the settings of jobs. Desk, Tasks and Turn must be set.
type Config struct {
	Desk  *desk.Desk
	Tasks queue.Queue
	// Turn begins an owner's turn on the processors; see httpapi.Server.Turn.
	Turn func(context.Context, session.Owner) (context.Context, func(), error)
	// Keep is how long the outcome of a job can be read, by default a day.
	Keep time.Duration
	// AtOnce is how many jobs this process runs at once, by default one.
	AtOnce int
	// Owner bounds the jobs of one owner that have not ended, by default 100, and Kept all,
	// by default 10,000.
	Owner, Kept int
	// Lease is how long a job waits for the next attempt after its process died, by default
	// 20 seconds. Every is how often a process looks for jobs of other processes, by
	// default each second.
	Lease, Every time.Duration
	// Translate returns what clients may know of an error, and whether it is the server's
	// and the attempt should be repeated.
	Translate func(error) (f *fault.Error, again bool)
	// Told, if not nil, is called when something about a job changed.
	Told func(session.Owner, queue.ID)
	// Ending, if not nil, is called with a job as it is about to end, as done or failed, before
	// that is committed. If it fails, the attempt is repeated. It may be called again for the
	// same job, and the job may be cancelled just then.
	Ending func(context.Context, Job) error
	// Ended, if not nil, is called with the outcome of each attempt: done, the code of a
	// failure, again, lost.
	Ended func(outcome string)
	// Log gets one line per attempt; nil for none.
	Log *slog.Logger
	// Tracer makes a span of each attempt; nil for none.
	Tracer trace.Tracer
}

// mostLost is how many attempts of one job may end without a word, since their process was
// killed, before nobody tries any more: the job itself may be what kills them.
const mostLost = 20

// longest is how long attempts are repeated that fail by the server's own fault.
const longest = 24 * time.Hour

// Jobs are the jobs of one process. They are safe for concurrent use.
type Jobs struct {
	Config
	wake chan struct{}

	mu      sync.Mutex
	running map[queue.Hold]context.CancelCauseFunc
}

// New returns jobs, which Run runs.
func New(c Config) *Jobs {
	c.Keep = cmp.Or(c.Keep, 24*time.Hour)
	c.AtOnce = cmp.Or(c.AtOnce, 1)
	c.Owner, c.Kept = cmp.Or(c.Owner, 100), cmp.Or(c.Kept, 10_000)
	c.Lease, c.Every = cmp.Or(c.Lease, 20*time.Second), cmp.Or(c.Every, time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Told == nil {
		c.Told = func(session.Owner, queue.ID) {}
	}
	if c.Ended == nil {
		c.Ended = func(string) {}
	}
	return &Jobs{Config: c, wake: make(chan struct{}, 1), running: map[queue.Hold]context.CancelCauseFunc{}}
}

// payload is what a task of ours says to do.
type payload struct {
	// Files are the task's contents, in their order.
	Files []payloadFile `json:"files"`
}

type payloadFile struct {
	Slot session.Slot `json:"slot"`
	Name string       `json:"name"`
}

// Progress is how far an attempt is. Pages, bills and lines are those read so far.
type Progress struct {
	Files int `json:"files"` // of the job
	File  int `json:"file"`  // being read, from 1
	Pages int `json:"pages"`
	Total int `json:"total"` // pages, as far as they are known
	Bills int `json:"bills"`
	Lines int `json:"lines"`
}

// note is what an attempt notes in its task.
type note struct {
	Progress
	// Lost counts attempts that ended without a word. Off is true of one that was put off.
	Lost int  `json:"lost,omitempty"`
	Off  bool `json:"off,omitempty"`
}

// Result is what a job ended with.
type Result struct {
	// Session is the ID of the session that has the sheet, and Incarnation its incarnation.
	Session     session.ID `json:"session,omitempty"`
	Incarnation string     `json:"incarnation,omitempty"`
	// Bills counts what was read of bills, and the others order rows and how they match, as
	// in the answers to uploads.
	Bills           desk.BillsSummary `json:"bills,omitzero"`
	Rows            int               `json:"rows,omitempty"`
	Matched         int               `json:"matched,omitempty"`
	UnmatchedLines  int               `json:"unmatched_lines,omitempty"`
	UnmatchedOrders int               `json:"unmatched_orders,omitempty"`
	NearMisses      int               `json:"near_misses,omitempty"`
	State           string            `json:"state,omitempty"`
	Reason          string            `json:"reason,omitempty"`
	// Findings are the findings that somebody should check, as sentences, of which there are
	// More.
	Findings []string `json:"findings,omitempty"`
	More     int      `json:"more,omitempty"`

	// Code, Error and Details say why the job failed.
	Code    fault.Code      `json:"code,omitempty"`
	Error   string          `json:"error,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
}

// Job is a job at one instant.
type Job struct {
	ID       queue.ID
	Owner    session.Owner
	State    string // queued, running, done, failed or cancelled
	Files    []string
	Attempts int64
	// Problem is why the last attempt was put off, "" if it was not.
	Problem                 string
	Progress                Progress
	Result                  Result
	Created, Ended, Expires time.Time
	Seq                     int64
}

// States are the states of jobs.
var States = []string{"queued", "running", "done", "failed", "cancelled"}

var states = map[queue.State]string{
	queue.Waiting: "queued", queue.Claimed: "running", queue.Done: "done", queue.Dead: "failed", queue.Cancelled: "cancelled",
}

// Over reports whether the job has ended.
func (j Job) Over() bool { return !j.Ended.IsZero() }

// Key is the key of the session that has the sheet.
func (j Job) Key() session.Key { return session.Key{Owner: j.Owner, ID: j.Result.Session} }

func jobOf(t queue.Task) Job {
	j := Job{ID: t.ID, Owner: t.Owner, State: states[t.State], Attempts: t.Token, Created: t.Created, Ended: t.Ended, Expires: t.Expires, Seq: t.Seq}
	if t.State == queue.Waiting {
		j.Problem = t.Error
	}
	var p payload
	var n note
	// This package wrote them; without them there is less to tell.
	_ = json.Unmarshal(t.Payload, &p)
	_ = json.Unmarshal(t.Note, &n)
	_ = json.Unmarshal(t.Result, &j.Result)
	for _, f := range p.Files {
		j.Files = append(j.Files, f.Name)
	}
	j.Progress = n.Progress
	j.Progress.Files = len(p.Files)
	if b := j.Result.Bills; t.State == queue.Done { // its end was not noted as progress
		j.Progress = Progress{Files: len(p.Files), File: len(p.Files), Pages: b.Pages, Total: b.Pages, Bills: b.Bills, Lines: b.Lines}
	}
	return j
}

// Put makes a job of the files of an upload, which it takes over. If the owner has a job
// with the key, that one is returned, and the upload keeps its files. Put fails with
// fault.NoUpload if there are no bills, with TooMany, and with desk.KeyReused.
func (j *Jobs) Put(ctx context.Context, owner session.Owner, key string, in *desk.Incoming) (job Job, err error) {
	err = in.Submit(func(files []desk.Stored) (bool, error) {
		n := queue.New{ID: queue.NewID("j_"), Owner: owner, Kind: Kind, Key: key, MostOpen: j.Owner, MostKept: j.Kept}
		var p payload
		sum := sha256.New()
		bills := false
		for _, f := range files {
			p.Files = append(p.Files, payloadFile{f.Slot, f.Name})
			n.Contents = append(n.Contents, f.Content)
			fmt.Fprintf(sum, "%s %s\n", f.Slot, f.Content.SHA256)
			bills = bills || f.Slot == session.BOL
		}
		if !bills {
			return false, fault.New(fault.NoUpload, "there is no PDF of bills among the files")
		}
		n.Fingerprint = hex.EncodeToString(sum.Sum(nil))
		var err error
		if n.Payload, err = json.Marshal(p); err != nil {
			return false, fmt.Errorf("describing a job: %w", err)
		}
		t, created, err := j.Tasks.Put(ctx, n)
		var f *fault.Error
		if fault.CodeOf(err) == queue.TooMany && errors.As(err, &f) {
			return false, fault.New(TooMany, "you have %d jobs that have not ended, or %d in all, which is as many as you may have; wait until some have ended, or delete some", j.Owner, j.Kept).With(f.Details)
		}
		job = jobOf(t)
		return created, err
	})
	if err != nil {
		return Job{}, err
	}
	j.Told(owner, job.ID)
	j.Wake()
	return job, nil
}

// Get returns an owner's job, or fails with fault.NotFound.
func (j *Jobs) Get(ctx context.Context, owner session.Owner, id queue.ID) (Job, error) {
	t, err := j.Tasks.Get(ctx, owner, id)
	if err != nil || t.Kind != Kind {
		return Job{}, noJob(err)
	}
	return jobOf(t), nil
}

// noJob is the fault of a job that is not there.
func noJob(err error) error {
	if err == nil || fault.CodeOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "there is no such job: it never was, or has expired or was deleted")
	}
	return err
}

// List returns jobs of an owner, the latest first; see queue.Query.
func (j *Jobs) List(ctx context.Context, owner session.Owner, before int64, limit int) (all []Job, more bool, err error) {
	page, err := j.Tasks.List(ctx, queue.Query{Owner: owner, Kind: Kind, Before: before, Limit: limit})
	for _, t := range page.Tasks {
		all = append(all, jobOf(t))
	}
	return all, page.More, err
}

// Delete cancels a job that has not ended, and removes one that has, with its sheet.
// removed tells which. It fails with fault.NotFound.
func (j *Jobs) Delete(ctx context.Context, owner session.Owner, id queue.ID) (job Job, removed bool, err error) {
	if job, err = j.Get(ctx, owner, id); err != nil {
		return job, false, err
	}
	t, freed, err := j.Tasks.Cancel(ctx, owner, id, j.Keep)
	if err != nil {
		return job, false, noJob(err)
	}
	was := job
	job = jobOf(t)
	j.Desk.Free(ctx, freed)
	if job.State == "cancelled" && !was.Over() {
		j.mu.Lock()
		stop := j.running[t.Hold()]
		j.mu.Unlock()
		if stop != nil {
			stop(queue.ErrLost())
		}
		// If its process was killed, nobody else clears the last attempt's session.
		_, err := j.Desk.Clear(ctx, sessionOf(t))
		j.Told(owner, id)
		return job, false, err
	}
	if job.Result.Session != "" {
		if _, err := j.Desk.Clear(ctx, job.Key()); err != nil {
			return job, false, err
		}
	}
	if err := j.Tasks.Remove(ctx, owner, id); err != nil {
		return job, false, err
	}
	j.Told(owner, id)
	return job, true, nil
}

// Sheet returns the state of the session that has the job's sheet. It fails with NotEnded,
// NoResult, and with desk.NoSheet if the session was cleared or has expired.
func (j *Jobs) Sheet(ctx context.Context, owner session.Owner, id queue.ID) (session.State, error) {
	job, err := j.Get(ctx, owner, id)
	if err != nil {
		return session.State{}, err
	}
	switch {
	case !job.Over():
		return session.State{}, fault.New(NotEnded, "the job is %s: it has no sheet yet", job.State)
	case job.Result.Session == "":
		return session.State{}, fault.New(NoResult, "the job has %s: it has no sheet", map[string]string{"failed": "failed", "cancelled": "been cancelled"}[job.State])
	}
	st, err := j.Desk.State(ctx, job.Key())
	if fault.CodeOf(err) == fault.NotFound || err == nil && st.Incarnation.String() != job.Result.Incarnation {
		return session.State{}, fault.New(desk.NoSheet, "the job's session was cleared or has expired, and its sheet with it")
	}
	return st, err
}

// Count counts the jobs of all owners.
func (j *Jobs) Count(ctx context.Context) (queue.Counts, error) { return j.Tasks.Count(ctx, Kind) }

// Wake has the process look for jobs now.
func (j *Jobs) Wake() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// sessionOf is the key of the session of a task's last attempt.
func sessionOf(t queue.Task) session.Key { return attemptOf(t, t.Token) }

func attemptOf(t queue.Task, n int64) session.Key {
	return session.Key{Owner: t.Owner, ID: session.ID(fmt.Sprintf("%s.%d", t.ID, n))}
}

// Run runs jobs until ctx ends. Those under way then are put back for other processes, or
// for the next start.
func (j *Jobs) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	places := make(chan struct{}, j.AtOnce)
	look := time.NewTicker(j.Every)
	defer look.Stop()
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		t, ok, err := j.Tasks.Claim(ctx, Kind, j.Lease)
		if ok {
			all.Go(func() {
				defer func() { <-places }()
				j.attempt(ctx, t)
			})
			continue
		}
		<-places
		if err != nil && ctx.Err() == nil {
			j.Log.Warn("no job can be claimed", "error", err, "cause", errors.Unwrap(err))
		}
		select {
		case <-j.wake:
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// attempt runs a claimed job.
func (j *Jobs) attempt(ctx context.Context, t queue.Task) {
	began := time.Now()
	var s trace.Span
	if j.Tracer != nil {
		ctx, s = j.Tracer.Start(ctx, "job")
	}
	a := &attempt{Jobs: j, task: t, start: began}
	outcome := a.run(ctx)
	if s != nil {
		s.SetAttributes(attribute.String(span.Scope+".outcome", outcome), attribute.Int64(span.Scope+".attempt", t.Token), attribute.String(span.Scope+".owner", string(t.Owner)))
		s.End()
	}
	j.Ended(outcome)
	j.Told(t.Owner, t.ID)
	j.Log.LogAttrs(ctx, slog.LevelInfo, "job", slog.String("op", "job"), slog.String("outcome", outcome), slog.Int64("attempt", t.Token),
		slog.Float64("ms", float64(time.Since(began).Microseconds())/1000), slog.String("session", sessionOf(t).Hash()), slog.String("owner", string(t.Owner)),
		slog.Int("pages", a.note.Pages), slog.Int("lines", a.note.Lines))
}

// attempt is one attempt of a job.
type attempt struct {
	*Jobs
	task  queue.Task
	start time.Time

	mu   sync.Mutex
	note note

	ended bool // it tried to end the job, and perhaps did
}

func (a *attempt) noted(change func(*note)) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.note)
	b, _ := json.Marshal(a.note) // which can always be written
	return b
}

// run runs the attempt and returns its outcome.
func (a *attempt) run(ctx context.Context) (outcome string) {
	hold := a.task.Hold()
	var p payload
	if err := json.Unmarshal(a.task.Payload, &p); err != nil || len(p.Files) != len(a.task.Contents) {
		return a.fail(ctx, fmt.Errorf("a job's payload cannot be read: %w", err))
	}
	_ = json.Unmarshal(a.task.Note, &a.note) // none at first
	if a.task.Token > 1 && !a.note.Off {
		a.note.Lost++
	}
	a.note.Progress, a.note.Off = Progress{Files: len(p.Files)}, false
	if a.note.Lost > mostLost {
		return a.fail(ctx, fault.New(GivenUp, "%d attempts at the job ended without an outcome, since the server was stopped each time; perhaps because of these files", a.note.Lost))
	}
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a.Jobs.mu.Lock()
	a.running[hold] = stop
	a.Jobs.mu.Unlock()
	defer func() {
		a.Jobs.mu.Lock()
		delete(a.running, hold)
		a.Jobs.mu.Unlock()
	}()
	var beating sync.WaitGroup
	beating.Go(func() { a.beat(work, stop) })
	result, err := a.make(work, p)
	if err == nil {
		// Extending would only delay the end.
		outcome, err = a.finish(work, queue.End{State: queue.Done, Keep: a.Keep}, result)
	}
	lost := context.Cause(work)
	stop(nil)
	beating.Wait()
	if err == nil {
		return outcome
	}
	if fault.CodeOf(lost) == queue.Lost || fault.CodeOf(err) == queue.Lost {
		return a.lost(ctx)
	}
	f, again := a.Translate(err)
	if ctx.Err() == nil && (!again || time.Since(a.task.Created) > longest) {
		a.clear(ctx)
		return a.fail(ctx, err)
	}
	return a.putOff(ctx, f, err)
}

// lost ends an attempt whose claim no longer holds. It may be over because the attempt
// ended the job, and did not learn of it: then its session has the sheet.
func (a *attempt) lost(ctx context.Context) string {
	if a.ended {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
		defer cancel()
		t, err := a.Tasks.Get(ctx, a.task.Owner, a.task.ID)
		switch {
		case err == nil && t.State == queue.Done && t.Token == a.task.Token:
			return "done"
		case err != nil && fault.CodeOf(err) != fault.NotFound:
			return "lost" // the next attempt clears the session, if there is one
		}
	}
	a.clear(ctx)
	return "lost"
}

// beat extends the claim until ctx ends, and stops the attempt when it is lost.
func (a *attempt) beat(ctx context.Context, stop context.CancelCauseFunc) {
	held := a.start.Add(a.Lease)
	t := time.NewTicker(a.Lease / 4)
	defer t.Stop()
	last := ""
	for {
		now := time.Now()
		noted := a.noted(func(*note) {})
		err := a.Tasks.Extend(ctx, a.task.Hold(), a.Lease, noted)
		switch {
		case err == nil:
			held = now.Add(a.Lease)
			if string(noted) != last {
				last = string(noted)
				a.Told(a.task.Owner, a.task.ID)
			}
		case fault.CodeOf(err) == queue.Lost || time.Now().After(held):
			stop(queue.ErrLost())
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// make makes the sheet in a session of the attempt, and describes it.
func (a *attempt) make(ctx context.Context, p payload) (r Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.Log.ErrorContext(ctx, "panic", "panic", p, "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	ctx, end, err := a.Turn(ctx, a.task.Owner)
	if err != nil {
		return r, err
	}
	defer end()
	for n := a.task.Token - 1; n > 0 && n > a.task.Token-mostLost; n-- { // each cleared those before it
		if _, err := a.Desk.Clear(ctx, attemptOf(a.task, n)); err != nil {
			return r, err
		}
	}
	key := sessionOf(a.task)
	st, _, err := a.Desk.Begin(ctx, key, session.Named)
	if err != nil {
		return r, err
	}
	files := map[session.Slot][]desk.Stored{}
	for i, f := range p.Files {
		files[f.Slot] = append(files[f.Slot], desk.Stored{Slot: f.Slot, Name: f.Name, Content: a.task.Contents[i]})
	}
	upload := func(files []desk.Stored, attach func(*desk.Incoming) error) error {
		in, err := a.Desk.Receive(ctx, a.task.Owner)
		if err != nil {
			return err
		}
		defer in.Discard()
		for _, f := range files {
			if err := in.AddStored(ctx, f); err != nil {
				return err
			}
		}
		return attach(in)
	}
	var s *sheet.Sheet
	err = upload(files[session.BOL], func(in *desk.Incoming) (err error) {
		st, s, err = a.Desk.AttachBills(ctx, st, false, in, func(pr intake.Progress) {
			a.noted(func(n *note) {
				n.Progress = Progress{len(p.Files), pr.File + 1, pr.Pages, pr.Total, pr.Bills, pr.Lines}
			})
		})
		return err
	})
	for i, f := range files[session.Orders] {
		if err != nil {
			break
		}
		a.noted(func(n *note) { n.File = len(files[session.BOL]) + i + 1 })
		err = upload([]desk.Stored{f}, func(in *desk.Incoming) (err error) {
			st, s, err = a.Desk.AttachOrders(ctx, st, i > 0, in)
			return err
		})
	}
	if err != nil {
		return r, err
	}
	return resultOf(st, s), nil
}

// resultOf describes a sheet. It fits into a task: findings that do not are counted only.
func resultOf(st session.State, s *sheet.Sheet) Result {
	r := Result{
		Session: st.Key.ID, Incarnation: st.Incarnation.String(), Bills: desk.Summary(s.Document),
	}
	if s.Orders != nil {
		r.Rows, r.Matched, r.State, r.Reason = len(s.Orders.Rows), s.Match.Matched, s.Match.State, s.Match.Reason
		r.UnmatchedLines, r.UnmatchedOrders, r.NearMisses = len(s.Match.UnmatchedLines), len(s.Match.UnmatchedOrders), len(s.Match.NearMisses)
	}
	all := s.ToCheck()
	for size := 0; len(r.Findings) < min(len(all), sheet.Listed); {
		f := all[len(r.Findings)].String()
		if size += len(f); size > queue.MaxResult/8 { // JSON may write six bytes for one
			break
		}
		r.Findings = append(r.Findings, f)
	}
	r.More = len(all) - len(r.Findings)
	return r
}

// finish ends the task. While it is not known whether that took effect, it tries again as
// long as the claim may hold.
func (a *attempt) finish(ctx context.Context, e queue.End, r Result) (string, error) {
	var err error
	if e.Result, err = json.Marshal(r); err == nil && len(e.Result) > queue.MaxResult {
		r.More, r.Findings, r.Details = r.More+len(r.Findings), nil, nil
		e.Result, err = json.Marshal(r)
	}
	if err != nil {
		return "", fmt.Errorf("describing a job's result: %w", err)
	}
	outcome := "done"
	if e.State == queue.Dead {
		outcome, e.Error = string(r.Code), string(r.Code)
	}
	if a.Ending != nil {
		j := jobOf(a.task)
		j.State, j.Result = states[e.State], r
		if err := a.Ending(ctx, j); err != nil {
			return "", err
		}
	}
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		a.ended = true
		freed, err := a.Tasks.Finish(ctx, a.task.Hold(), e)
		if err == nil {
			a.Desk.Free(ctx, freed)
			return outcome, nil
		}
		if session.Settled(err) && fault.CodeOf(err) != fault.Busy || ctx.Err() != nil {
			return "", err
		}
		if err := fault.Pause(ctx, pause); err != nil {
			return "", err
		}
	}
}

// ending is how long the end of an attempt may take after the process was told to end.
const ending = 5 * time.Second

// fail ends the job as failed.
func (a *attempt) fail(ctx context.Context, err error) string {
	f, _ := a.Translate(err)
	r := Result{Code: f.Code, Error: f.Message}
	if details, derr := json.Marshal(f.Details); derr == nil && f.Details != nil {
		r.Details = details
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Lease)
	defer cancel()
	outcome, ferr := a.finish(ctx, queue.End{State: queue.Dead, Keep: a.Keep}, r)
	if ferr != nil {
		a.Log.Warn("a job that failed could not be ended", "error", ferr, "code", f.Code)
		return "lost"
	}
	if f.Code == fault.Internal {
		a.Log.Error("a job failed", "error", err)
	}
	return outcome
}

// putOff gives the job back, for another attempt.
func (a *attempt) putOff(ctx context.Context, f *fault.Error, cause error) string {
	after := time.Second << min(a.task.Token, 5)
	if wait, ok := f.Details.(session.RetryAfter); ok {
		after = max(time.Duration(wait.Seconds)*time.Second, time.Second)
	}
	if ctx.Err() != nil {
		after, f = 0, fault.New(fault.Cancelled, "the server was stopped")
	}
	a.clear(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	err := a.Tasks.Extend(ctx, a.task.Hold(), a.Lease, a.noted(func(n *note) { n.Progress, n.Off = Progress{Files: n.Files}, true }))
	if err == nil {
		err = a.Tasks.Retry(ctx, a.task.Hold(), after, fault.Sentence(f.Message))
	}
	if fault.CodeOf(err) == queue.Lost {
		return "lost"
	}
	if err != nil {
		a.Log.Warn("a job could not be put off; it is tried again when its claim runs out", "error", err)
	}
	if f.Code == fault.Internal {
		a.Log.Error("a job failed", "error", cause)
	}
	return "again"
}

// clear clears the attempt's session. If it cannot, the next attempt does, or the session
// expires.
func (a *attempt) clear(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	if _, err := a.Desk.Clear(ctx, sessionOf(a.task)); err != nil {
		a.Log.Warn("the session of a job's attempt could not be cleared", "error", err)
	}
}
