package soak

import (
	"bytes"
	"context"
	"time"

	"tallyman/internal/testing/api"
)

// job is a job that a client has put, or tried to put.
type job struct {
	key   string
	doc   *Document
	began time.Time
	id    string // "" while it is not known whether it was put
}

// mostJobs is how many jobs of a client may be under way.
const mostJobs = 4

// putJob has the sheet of a document made later.
func (c *client) putJob(ctx context.Context) {
	if len(c.jobs) >= mostJobs {
		c.checkJob(ctx)
		return
	}
	j := &job{key: c.load(), doc: c.docs(1)[0], began: time.Now()}
	c.jobs = append(c.jobs, j)
	c.sendJob(ctx, j)
}

// sendJob puts a job. Its key makes it one job, however often it is sent.
func (c *client) sendJob(ctx context.Context, j *job) {
	r := api.Request{Method: "POST", Path: "/jobs", Once: j.key}
	r.Kind, r.Body = api.Form(
		api.Part{Field: "file", Name: j.doc.Mark + ".pdf", Content: j.doc.PDF}, api.Part{Field: "file", Name: j.doc.Mark + ".csv", Content: j.doc.CSV})
	a := c.ask(ctx, c.hc, r)
	if a.outcome != done {
		return
	}
	var v struct {
		ID string `json:"job_id"`
	}
	if err := a.Into(&v); err != nil || v.ID == "" || j.id != "" && v.ID != j.id {
		c.report.violated(wrong, "the job %s was put, and the answer is %.300q", j.id, a.Body)
		return
	}
	j.id = v.ID
	c.hooks.jobs.Store(j.id, true)
	c.report.count("jobs put")
}

// checkJob looks at the client's oldest job. One that has ended must have the sheet of its
// document; it is then removed.
func (c *client) checkJob(ctx context.Context) {
	if len(c.jobs) == 0 {
		return
	}
	j := c.jobs[0]
	if j.id == "" || c.random.IntN(10) == 0 {
		c.sendJob(ctx, j)
		return
	}
	path := "/jobs/" + j.id
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: path}, "not_found")
	if a.outcome == refused {
		c.report.violated(lost, "the job %s was acknowledged and is not there", j.id)
		c.jobs = c.jobs[1:]
	}
	if a.outcome != done {
		return
	}
	var v struct {
		State string
		Error struct{ Code string }
	}
	if err := a.Into(&v); err != nil {
		c.report.violated(wrong, "the job %s is described by %.300q", j.id, a.Body)
		return
	}
	if v.State == "done" || v.State == "failed" {
		c.hooks.ended(j.id, v.State)
	}
	switch v.State {
	case "queued", "running":
		return
	case "done":
		sheet := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: path + "/sheet"})
		if sheet.outcome != done {
			return
		}
		want := csvOf(holding(j.doc).Ordered(file{j.doc, ".csv"}))
		if c.report.count("sheets of jobs compared"); !bytes.Equal(sheet.Body, want) {
			c.report.violated(wrong, "the job %s of the document %s has the sheet %.300q", j.id, j.doc.Mark, sheet.Body)
		}
	case "failed":
		if v.Error.Code != "worker_crashed" || !c.trouble.since(rogue, j.began) || !c.trouble.excuse(rogue) {
			c.report.violated(unpromised, "the job %s failed: %.300q", j.id, a.Body)
		}
	default:
		c.report.violated(wrong, "the job %s is %s, though nobody cancelled it", j.id, v.State)
	}
	if gone := c.ask(ctx, c.hc, api.Request{Method: "DELETE", Path: path}, "not_found"); gone.outcome == done || gone.outcome == refused {
		c.jobs = c.jobs[1:]
	}
}

// endJobs waits until all jobs of the client have ended, and checks and removes them.
func (c *client) endJobs(ctx context.Context, most time.Duration) {
	for end := time.Now().Add(most); len(c.jobs) > 0 && ctx.Err() == nil; sleep(ctx, 50*time.Millisecond) {
		if time.Now().After(end) {
			c.report.violated(hangs, "the job %s has not ended %v after the last fault", c.jobs[0].id, most)
			return
		}
		c.checkJob(ctx)
	}
}
