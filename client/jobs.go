package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Job is a sheet that is made later; see Client.Submit.
type Job struct {
	ID string `json:"job_id"`
	// State is "queued", "running", "done", "failed" or "cancelled".
	State string   `json:"state"`
	Files []string `json:"files"`
	// Attempts counts how often the job was begun, and Problem says why the last attempt was
	// put off.
	Attempts int    `json:"attempts"`
	Problem  string `json:"problem"`
	// Result is there once the job is done, and Error if it failed.
	Result *JobResult `json:"result"`
	Error  *Error     `json:"error"`
	// Created is when the server took the job. Ended and Expires, when it is forgotten, are
	// nil before it has ended.
	Created time.Time  `json:"created_at"`
	Ended   *time.Time `json:"ended_at"`
	Expires *time.Time `json:"expires_at"`
}

// Over reports whether the job has ended.
func (j *Job) Over() bool { return j.State == "done" || j.State == "failed" || j.State == "cancelled" }

// JobResult is what a job found.
type JobResult struct {
	// Session is the session that has the sheet.
	Session         string `json:"session_id"`
	Pages           int    `json:"pages"`
	Bills           int    `json:"bills"`
	Lines           int    `json:"lines"`
	Reconciled      int    `json:"reconciled"`
	Mismatched      int    `json:"mismatched"`
	Unchecked       int    `json:"unchecked"`
	Unproved        int    `json:"unproved"`
	Held            int    `json:"held"`
	Rows            int    `json:"rows"`
	Matched         int    `json:"matched"`
	UnmatchedLines  int    `json:"unmatched_lines"`
	UnmatchedOrders int    `json:"unmatched_orders"`
	NearMisses      int    `json:"near_misses"`
	// Warnings are what somebody should check, as sentences, and More the number of further
	// ones.
	Warnings []string `json:"warnings"`
	More     int      `json:"more"`
}

// Submit has a sheet made later, of bills and order exports; their contents decide which is
// which. It needs no session. key names the job: repeated with the same key, Submit returns
// the same job; "" names it anew.
func (c *Client) Submit(ctx context.Context, key string, files ...Upload) (*Job, error) {
	return ask[Job](ctx, c, request{method: http.MethodPost, path: "/jobs", files: files, once: key})
}

// Job returns a job.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	return answer[Job](ctx, c, http.MethodGet, "/jobs/"+url.PathEscape(id), nil)
}

// Wait asks for a job now and then, until it has ended.
func (c *Client) Wait(ctx context.Context, id string) (*Job, error) {
	for pause := 200 * time.Millisecond; ; pause = min(pause*3/2, 5*time.Second) {
		j, err := c.Job(ctx, id)
		if err != nil || j.Over() {
			return j, err
		}
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// JobSheet writes the sheet of a job that is done, in a format: csv, xlsx or json.
func (c *Client) JobSheet(ctx context.Context, id string, w io.Writer, format string) error {
	path := "/jobs/" + url.PathEscape(id) + "/sheet"
	resp, err := c.send(ctx, request{method: http.MethodGet, path: path, query: url.Values{"format": {format}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(w, resp.Body)
	return err
}

// DeleteJob cancels a job, or removes one that has ended, with its sheet.
func (c *Client) DeleteJob(ctx context.Context, id string) error {
	resp, err := c.send(ctx, request{method: http.MethodDelete, path: "/jobs/" + url.PathEscape(id)})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
