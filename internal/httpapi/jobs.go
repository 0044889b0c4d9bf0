package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/jobs"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/text"
	"tallyman/internal/webhook"
)

// newJobs returns the jobs of a server.
func newJobs(s *Server, c Config) *jobs.Jobs {
	return jobs.New(jobs.Config{
		Desk: c.Desk, Tasks: c.Tasks, Turn: s.Turn, Keep: c.JobsKept, AtOnce: c.JobsAtOnce, Owner: c.Jobs, Lease: c.JobsLease,
		Log: c.Log, Tracer: c.Tracer,
		Translate: func(err error) (*fault.Error, bool) {
			status, a := translate(err)
			again := status >= http.StatusInternalServerError || a.Code == fault.Cancelled || a.Code == desk.OwnerLimit || a.Code == session.Superseded || a.Code == session.Changed
			return &fault.Error{Code: a.Code, Message: a.Error, Details: a.Details}, again
		},
		Told:   func(owner session.Owner, id queue.ID) { s.hub.tell(jobTopic(owner, id), event{Type: "job"}) },
		Ending: func(ctx context.Context, j jobs.Job) error { return s.emitJob(ctx, c, j) },
		Ended:  func(outcome string) { s.metrics.jobs.WithLabelValues(outcome).Inc() },
	})
}

// jobEvent is the data of job.done and job.failed.
type jobEvent struct {
	JobID string `json:"job_id"`
	// State is "done" or "failed".
	State string `json:"state"`
	// SessionID is the session that has the sheet; the figures are of what was read.
	SessionID  string `json:"session_id,omitempty"`
	Pages      int    `json:"pages"`
	Bills      int    `json:"bills"`
	Lines      int    `json:"lines"`
	Reconciled int    `json:"reconciled"`
	Rows       int    `json:"rows"`
	Matched    int    `json:"matched"`
	ToCheck    int    `json:"to_check"`
	// Code and Error say why the job failed.
	Code  fault.Code        `json:"code,omitempty"`
	Error string            `json:"error,omitempty"`
	Links map[string]string `json:"links"`
}

// emitJob keeps the event of a job's end. It is sent a moment later, when the end is
// committed.
func (s *Server) emitJob(ctx context.Context, c Config, j jobs.Job) error {
	if c.Webhooks == nil || c.Open && j.Owner == session.Local {
		return nil
	}
	at, r := strings.TrimSuffix(c.PublicURL, "/")+"/jobs/"+string(j.ID), j.Result
	e := jobEvent{
		JobID: string(j.ID), State: j.State, SessionID: string(r.Session), Pages: r.Bills.Pages, Bills: r.Bills.Bills, Lines: r.Bills.Lines,
		Reconciled: r.Bills.Reconciled, Rows: r.Rows, Matched: r.Matched, ToCheck: len(r.Findings) + r.More, Code: r.Code, Error: r.Error,
		Links: map[string]string{"self": at},
	}
	what := webhook.JobFailed
	if j.State == "done" {
		what, e.Links["sheet"] = webhook.JobDone, at+"/sheet"
	}
	return c.Webhooks.Emit(ctx, j.Owner, webhook.Event{Type: what, Data: e, Once: string(j.ID) + " " + j.State, After: time.Second})
}

// RunJobs runs jobs until ctx ends.
func (s *Server) RunJobs(ctx context.Context) { s.jobs.Run(ctx) }

// jobTopic is under which the hub tells of a job. No session can have such an ID.
func jobTopic(owner session.Owner, id queue.ID) session.Key {
	return session.Key{Owner: owner, ID: "\x00job " + session.ID(id)}
}

// jobAnswer describes a job.
type jobAnswer struct {
	JobID string `json:"job_id"`
	// State is "queued", "running", "done", "failed" or "cancelled".
	State string `json:"state"`
	// Files are the names of the job's files.
	Files []string `json:"files"`
	// Attempts counts how often the job was begun: more than once if a server was stopped, or
	// if there was no room. Problem is why the last attempt was put off, "" if it was not.
	Attempts int64         `json:"attempts"`
	Problem  string        `json:"problem,omitempty"`
	Progress jobs.Progress `json:"progress"`
	// Result is there once the job is done.
	Result *jobResult `json:"result,omitempty"`
	// Error is there if the job failed: what an upload of these files would have answered.
	Error     *errorAnswer `json:"error,omitempty"`
	CreatedAt time.Time    `json:"created_at"`
	// EndedAt and ExpiresAt, when the job is forgotten, are there once it has ended.
	EndedAt   *time.Time        `json:"ended_at,omitempty"`
	ExpiresAt *time.Time        `json:"expires_at,omitempty"`
	Links     map[string]string `json:"links"`
}

// jobResult is what a job that is done found; the figures are those of the answers to
// uploads.
type jobResult struct {
	// SessionID is the session that has the sheet; it can be used like any other.
	SessionID string `json:"session_id"`
	desk.Figures
	matchFigures
	// Warnings are the findings that somebody should check, as sentences, and More the number
	// of further ones.
	Warnings []string `json:"warnings"`
	More     int      `json:"more"`
}

func answerJob(j jobs.Job) jobAnswer {
	at := "/jobs/" + string(j.ID)
	a := jobAnswer{
		JobID: string(j.ID), State: j.State, Files: append([]string{}, j.Files...), Attempts: j.Attempts, Problem: j.Problem, Progress: j.Progress,
		CreatedAt: j.Created, Links: map[string]string{"self": at, "events": at + "/events"},
	}
	if !j.Over() {
		return a
	}
	a.EndedAt, a.ExpiresAt = &j.Ended, &j.Expires
	r := j.Result
	switch j.State {
	case "done":
		a.Result = &jobResult{
			SessionID: string(r.Session), Figures: r.Bills.Figures,
			matchFigures: matchFigures{joinFigures{r.Rows, r.Matched, r.UnmatchedLines, r.UnmatchedOrders, r.NearMisses, r.State}, r.Reason},
			Warnings:     append([]string{}, r.Findings...), More: r.More,
		}
		a.Links["sheet"] = at + "/sheet"
		a.Links["page"] = "/?_sid=" + url.QueryEscape(string(r.Session))
	case "failed":
		a.Error = &errorAnswer{Error: r.Error, Code: r.Code}
		if r.Details != nil {
			a.Error.Details = r.Details
		}
	}
	return a
}

// jobRoutes are the routes of jobs.
func jobRoutes(keyParameter parameter) []*route {
	id := parameter{name: "id", in: "path", about: "\"job_id\" of the answer to POST /jobs"}
	gone := []fault.Code{fault.NotFound}
	keyParameter.about = "a name of this job, new for each one: repeated with it, the request makes no second job"
	fields := []bodyField{
		{name: "file", about: "a PDF of bills, a picture of a page, or an order export: the content decides; may be repeated", file: true, many: true},
		{name: "pdf", about: "a PDF of bills, or a picture of a page; may be repeated", file: true, many: true},
		{name: "csv", about: "an order export: CSV, XLSX or XLS; may be repeated", file: true, many: true},
	}
	return []*route{
		&route{path: "/jobs", methods: post, op: "job_put", changes: true, accepted: true,
			summary: "Have a sheet made later, of the files of the request or of those of a session; the answer says where to ask for it",
			queries: []parameter{keyParameter},
			bodies: append([]bodyDoc{
				{media: body.Multipart, fields: fields},
				{media: body.JSON, fields: []bodyField{{name: "uploads", about: "names from /files of the session that the request names; without it all its bills and order exports", many: true}}},
			}, rawDocs(billTypes, "one PDF; ?filename= names it")...),
			answer: reflect.TypeFor[jobAnswer](),
			faults: codes(bodyFaults, storedFaults, []fault.Code{session.TooManyFiles, desk.KeyReused, jobs.TooMany, fault.NotFound}),
			handle: handlePutJob},
		typed(route{path: "/jobs", methods: get, op: "jobs",
			summary: "The caller's jobs, the latest first",
			queries: []parameter{
				{name: "limit", in: "query", about: "jobs per page, 1 to 1000; 100 by default"},
				{name: "before", in: "query", about: "\"next\" of the previous page"},
			},
		}, handleJobs),
		typed(route{path: "/jobs/{id}", methods: get, op: "job", summary: "What became of a job", queries: []parameter{id}, faults: gone}, handleJob),
		typed(route{path: "/jobs/{id}", methods: []string{http.MethodDelete}, op: "job_delete", changes: true,
			summary: "Cancel a job; or remove one that has ended, with its sheet", queries: []parameter{id}, faults: gone}, handleDeleteJob),
		&route{path: "/jobs/{id}/events", methods: get, op: "job_events", media: []string{"text/event-stream"},
			summary: "What happens to a job, as server-sent events named after its state, with what /jobs/{id} answers; they end with the job",
			queries: []parameter{id}, faults: gone, handle: handleJobEvents},
		&route{path: "/jobs/{id}/sheet", methods: get, op: "job_sheet", media: sheetMedia,
			summary: "The sheet of a job that is done, as BOL_processed.csv",
			queries: []parameter{id, formatParameter, acceptParameter},
			faults:  codes(storedFaults, gone, []fault.Code{jobs.NotEnded, jobs.NoResult, desk.NoSheet, BadRange}),
			handle:  handleJobSheet},
	}
}

func (c *call) jobID() queue.ID { return queue.ID(c.r.PathValue("id")) }

// handlePutJob makes a job.
func handlePutJob(c *call) (any, error) {
	in, err := c.jobFiles()
	if err != nil {
		return nil, err
	}
	defer in.Discard()
	c.note("files", in.Len())
	c.attrs = append(c.attrs, byteCount(in.Size()))
	j, err := c.s.jobs.Put(c.r.Context(), c.caller.owner, c.once(), in)
	if err != nil {
		return nil, err
	}
	a := answerJob(j)
	c.w.Header().Set("Location", a.Links["self"])
	c.json(http.StatusAccepted, a)
	return nil, nil
}

// jobFiles stores the files of a job: those of the request, or copies of a session's. The
// caller must discard them.
func (c *call) jobFiles() (*desk.Incoming, error) {
	if body.IsJSON(c.r.Header.Get("Content-Type")) {
		return c.sessionFiles()
	}
	in, _, err := c.receive(body.Reception{
		Forms:    []string{body.Multipart},
		Raw:      billTypes,
		RawField: "pdf",
		Files: map[string]body.Slot{
			"file": {Coding: body.AsPDF}, // by its content
			"pdf":  bills(body.AsPDF),
			"csv":  {For: string(session.Orders), Coding: body.AsEither},
		},
		Also:     []string{"csv_file"},
		Stray:    only(body.Slot{Coding: body.AsPDF}),
		Fallback: "document.pdf",
	})
	return in, err
}

// jobRequest is the JSON of POST /jobs.
type jobRequest struct {
	Uploads []string `json:"uploads"`
}

// mostRequest bounds the JSON of POST /jobs, in bytes.
const mostRequest = 64 << 10

// sessionFiles copies files of the session that the request names.
func (c *call) sessionFiles() (*desk.Incoming, error) {
	data, err := readAll(c.body, mostRequest)
	if err != nil {
		return nil, err
	}
	var r jobRequest
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if !body.Shallow(data) || d.Decode(&r) != nil {
		return nil, fault.New(fault.BadRequest, "the body is not JSON like {\"uploads\": [\"bol.pdf\", \"orders.csv\"]}; files themselves are sent as multipart/form-data")
	}
	first, err := c.withBills()
	if fault.CodeOf(err) == desk.NoBOL {
		return nil, fault.New(fault.NoUpload, "the session has no bills of which a sheet could be made; upload them first, or send files")
	}
	if err != nil {
		return nil, err
	}
	var in *desk.Incoming
	err = c.s.desk.Look(c.r.Context(), first, func(st session.State) (err error) {
		uploads, err := desk.Inputs(st, r.Uploads)
		if err != nil {
			return err
		}
		if in, err = c.s.desk.Receive(c.r.Context(), c.caller.owner); err != nil {
			return err
		}
		for _, f := range uploads {
			if err := in.AddStored(c.r.Context(), f); err != nil {
				in.Discard()
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return in, nil
}

// jobsAnswer is a page of jobs.
type jobsAnswer struct {
	Jobs []jobAnswer `json:"jobs"`
	// Next is the "before" of the next page; "" on the last.
	Next string `json:"next"`
}

func handleJobs(c *call) (a jobsAnswer, err error) {
	limit, before := 100, 0
	for name, to := range map[string]*int{"limit": &limit, "before": &before} {
		if text := c.query(name); text != "" {
			if *to, err = strconv.Atoi(text); err != nil || *to < 1 || name == "limit" && *to > queue.MaxPage {
				return a, fault.New(fault.BadRequest, "%s is a number from 1 on, limit at most %d; not %.40q", name, queue.MaxPage, text)
			}
		}
	}
	page, more, err := c.s.jobs.List(c.r.Context(), c.caller.owner, int64(before), limit)
	if err != nil {
		return a, err
	}
	a.Jobs = text.Each(page, answerJob)
	if more {
		a.Next = strconv.FormatInt(page[len(page)-1].Seq, 10)
	}
	return a, nil
}

func handleJob(c *call) (jobAnswer, error) {
	j, err := c.s.jobs.Get(c.r.Context(), c.caller.owner, c.jobID())
	return answerJob(j), err
}

// jobDeleted is the answer of DELETE /jobs/{id}.
type jobDeleted struct {
	JobID string `json:"job_id"`
	// Status is "cancelled", or "removed" if the job had ended.
	Status string `json:"status"`
	State  string `json:"state"`
}

func handleDeleteJob(c *call) (jobDeleted, error) {
	j, removed, err := c.s.jobs.Delete(c.r.Context(), c.caller.owner, c.jobID())
	if err != nil {
		return jobDeleted{}, err
	}
	a := jobDeleted{JobID: string(j.ID), Status: "cancelled", State: j.State}
	if removed {
		a.Status = "removed"
	}
	return a, nil
}

// handleJobSheet answers with the sheet of a job.
func handleJobSheet(c *call) (any, error) {
	st, err := c.s.jobs.Sheet(c.r.Context(), c.caller.owner, c.jobID())
	if err != nil {
		return nil, err
	}
	c.naming = naming{given: st.Key.ID}
	return c.download("BOL_processed")
}

// jobLook is how often a stream of a job looks at it unasked: another process may have ended
// it, and there may be no bus.
const jobLook = 2 * time.Second

// handleJobEvents streams a job's states until it has ended.
func handleJobEvents(c *call) (any, error) {
	topic := jobTopic(c.caller.owner, c.jobID())
	j, err := c.s.jobs.Get(c.r.Context(), c.caller.owner, c.jobID())
	if err != nil {
		return nil, err
	}
	w, err := c.s.hub.watch(topic)
	if err != nil {
		return nil, err
	}
	defer c.s.hub.unwatch(topic, w)
	if !c.beginStream() {
		return nil, nil
	}
	c.s.metrics.streams.Inc()
	defer c.s.metrics.streams.Dec()
	look, pulse := time.NewTicker(jobLook), time.NewTicker(keysChecked)
	defer look.Stop()
	defer pulse.Stop()
	var last []byte
	for {
		b, err := json.Marshal(answerJob(j))
		if err != nil {
			return nil, nil
		}
		if !bytes.Equal(b, last) {
			if _, err := fmt.Fprintf(c.w, "event: %s\ndata: %s\n\n", j.State, b); err != nil || c.control.Flush() != nil {
				return nil, nil
			}
			last = b
		}
		if j.Over() {
			return nil, nil
		}
		select {
		case <-c.r.Context().Done():
			return nil, nil
		case <-pulse.C:
			if !c.lasts() {
				return nil, nil
			}
		case <-look.C:
		case <-w.wake:
			if _, _, ended := w.take(true); ended {
				return nil, nil
			}
		}
		now, err := c.s.jobs.Get(c.r.Context(), c.caller.owner, c.jobID())
		switch {
		case fault.CodeOf(err) == fault.NotFound:
			return nil, nil // it was removed
		case err == nil:
			j = now
		}
	}
}

// jobCounts counts jobs. The metrics are absent while storage does not answer.
func jobCounts(s *Server) scraped {
	in := prometheus.NewDesc("tallyman_jobs", "Jobs by state, of all servers that share the storage; absent while it does not answer.", []string{"state"}, nil)
	oldest := prometheus.NewDesc("tallyman_jobs_oldest_seconds", "For how long the job that has waited longest could have been run.", nil, nil)
	return scraped{[]*prometheus.Desc{in, oldest}, func(gauge, _ measurement) {
		ctx, cancel := context.WithTimeout(context.Background(), liveTime)
		defer cancel()
		n, err := s.jobs.Count(ctx)
		if err != nil {
			s.log.Warn("the jobs cannot be counted; tallyman_jobs is left out", "error", err, "cause", errors.Unwrap(err))
			return
		}
		for i, count := range []int{n.Waiting, n.Claimed, n.Done, n.Dead, n.Cancelled} {
			gauge(in, float64(count), jobs.States[i])
		}
		gauge(oldest, n.Oldest.Seconds())
	}}
}
