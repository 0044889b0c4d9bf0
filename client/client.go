// Package client uses a Tallyman server: it runs the workflow of DESIGN.md §7 in
// a session of its own.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client is one session of a server. It is safe for concurrent use once Session
// is set.
type Client struct {
	// URL is the server's address, such as http://localhost:8080.
	URL string
	// Key is an API key, "" if the server needs none.
	Key string
	// Session is the session's ID. New sets it if it is "".
	Session string
	// HTTP makes the requests; nil means http.DefaultClient.
	HTTP *http.Client
	// Retries is the number of retries while the server is busy: 0 means 5, a
	// negative number means none.
	Retries int
}

// Error is the server's answer to a failed request.
type Error struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// Message is a sentence for people.
	Message string `json:"error"`
	// Code identifies the error for programs.
	Code string `json:"code"`
	// Details contain more for programs, for some codes.
	Details json.RawMessage `json:"details"`
	// SessionID is the session concerned, if it is known.
	SessionID string `json:"session_id"`
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// CodeOf returns the code of the Error in err's chain, "" if there is none.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Created is the answer to New.
type Created struct {
	SessionID            string    `json:"session_id"`
	Type                 string    `json:"type"`
	PreviousFilesRemoved bool      `json:"previous_files_removed"`
	ExpiresAt            time.Time `json:"expires_at"`
}

// Bills is the answer to UploadBills. The figures are of all bills in the session.
type Bills struct {
	Filename   string `json:"filename"`
	SessionID  string `json:"session_id"`
	Pages      int    `json:"pages"`
	Bills      int    `json:"bills"`
	Lines      int    `json:"lines"`
	Reconciled int    `json:"reconciled"`
	Mismatched int    `json:"mismatched"`
	Unchecked  int    `json:"unchecked"`
	Unproved   int    `json:"unproved"`
	// Held is the number of lines that stay out of the sheet until somebody accepts their
	// bills, which are of no known form and are not proved.
	Held int `json:"held"`
	// Warnings are sentences about what a person should check.
	Warnings []string `json:"warnings"`
}

// Orders is the answer to UploadOrders.
type Orders struct {
	SessionID       string `json:"session_id"`
	Rows            int    `json:"rows"`
	Matched         int    `json:"matched"`
	UnmatchedLines  int    `json:"unmatched_lines"`
	UnmatchedOrders int    `json:"unmatched_orders"`
	NearMisses      int    `json:"near_misses"`
	// State is "joined", or "wrong_orders" if the export looks like that of another
	// shipment; Reason then says why.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Warnings are sentences about what a person should check in the sheet.
	Warnings []string `json:"warnings"`
}

// Cleared is the answer to Clear.
type Cleared struct {
	Status  string `json:"status"`
	Removed struct {
		Files int   `json:"files"`
		Bytes int64 `json:"bytes"`
	} `json:"removed"`
}

// Status is the state of a session.
type Status struct {
	Status           string `json:"status"`
	SessionExists    bool   `json:"session_exists"`
	HasProcessedData bool   `json:"has_processed_data"`
	AvailableFiles   []File `json:"available_files"`
}

// File is one of a session's files.
type File struct {
	Name string `json:"name"`
	// Size is in bytes.
	Size int64  `json:"size"`
	Type string `json:"type"`
}

// New begins a new, empty session with the ID in Session, or with a minted one, which
// it stores there.
func (c *Client) New(ctx context.Context) (*Created, error) {
	a, err := answer[Created](ctx, c, http.MethodPost, "/new-session", nil)
	if err == nil {
		c.Session = a.SessionID
	}
	return a, err
}

// Upload is a file to send.
type Upload struct {
	Name string
	// Content is read once; retries need it to be an io.Seeker.
	Content io.Reader
}

// UploadBills attaches PDFs of bills: they replace the session's BOL, or with add are
// added to it.
func (c *Client) UploadBills(ctx context.Context, add bool, files ...Upload) (*Bills, error) {
	query := url.Values{}
	if add {
		query.Set("mode", "append")
	}
	return answer[Bills](ctx, c, http.MethodPost, "/upload", query, files...)
}

// UploadOrders attaches an order export in place of those that the session has.
func (c *Client) UploadOrders(ctx context.Context, file Upload) (*Orders, error) {
	return answer[Orders](ctx, c, http.MethodPost, "/upload-csv", nil, file)
}

// AddOrders attaches an order export beside those that the session has.
func (c *Client) AddOrders(ctx context.Context, file Upload) (*Orders, error) {
	return answer[Orders](ctx, c, http.MethodPost, "/upload-csv", url.Values{"mode": {"append"}}, file)
}

// Download writes the sheet in a format: "csv", "xlsx" or "json".
func (c *Client) Download(ctx context.Context, w io.Writer, format string) error {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "/download-bol", query: url.Values{"format": {format}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("downloading the sheet: %w", err)
	}
	return nil
}

// Status returns the state of the session.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return answer[Status](ctx, c, http.MethodGet, "/status", nil)
}

// Clear ends the session and removes its files.
func (c *Client) Clear(ctx context.Context) (*Cleared, error) {
	return answer[Cleared](ctx, c, http.MethodPost, "/clear-session", nil)
}

// Run runs the whole workflow: clear, new, upload, upload-csv, download, clear. It
// writes the sheet as CSV. orders may be nil. The session is cleared in every case.
func (c *Client) Run(ctx context.Context, bills Upload, orders *Upload) (_ []byte, err error) {
	if c.Session != "" {
		if _, err := c.Clear(ctx); err != nil {
			return nil, err
		}
	}
	if _, err := c.New(ctx); err != nil {
		return nil, err
	}
	defer func() {
		// This does not depend on ctx: uploaded files must be removed even if ctx has
		// ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if _, cerr := c.Clear(ctx); err == nil {
			err = cerr
		}
	}()
	if _, err := c.UploadBills(ctx, false, bills); err != nil {
		return nil, err
	}
	if orders != nil {
		if _, err := c.UploadOrders(ctx, *orders); err != nil {
			return nil, err
		}
	}
	var sheet bytes.Buffer
	if err := c.Download(ctx, &sheet, "csv"); err != nil {
		return nil, err
	}
	return sheet.Bytes(), nil
}

// answer makes a request and decodes its answer.
func answer[T any](ctx context.Context, c *Client, method, path string, query url.Values, files ...Upload) (*T, error) {
	return ask[T](ctx, c, request{method: method, path: path, query: query, files: files})
}

func ask[T any](ctx context.Context, c *Client, r request) (*T, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := new(T)
	if err := json.NewDecoder(resp.Body).Decode(a); err != nil {
		return nil, fmt.Errorf("decoding the answer of %s: %w", r.path, err)
	}
	return a, nil
}

// request is a request to make, with files or with JSON.
type request struct {
	method, path string
	query        url.Values
	files        []Upload
	json         []byte
	once         string // the Idempotency-Key, "" for one that is chosen here
}

// send makes a request, and retries while the server is busy. The caller closes the
// answer's body. It fails with an *Error for answers that are neither 200 nor 202.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	retries := cmp.Or(c.Retries, 5)
	starts := positions(r.files)
	r.once = cmp.Or(r.once, rand.Text())
	for attempt := 0; ; attempt++ {
		resp, err := c.try(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("asking the server for %s: %w", r.path, err)
		}
		if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusAccepted {
			return resp, nil
		}
		e := &Error{Status: resp.StatusCode}
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if json.Unmarshal(b, e) != nil || e.Message == "" {
			e.Message = fmt.Sprintf("the server answered %s with %s", r.path, resp.Status)
		}
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		// While storage fails it is unknown whether the request had an effect. A
		// repetition is harmless, since it has the same Idempotency-Key.
		if resp.StatusCode != http.StatusServiceUnavailable || after == 0 || attempt >= retries || !rewind(r.files, starts) {
			return nil, e
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(after) * time.Second):
		}
	}
}

// positions returns the position of each file, nil if one of them cannot seek.
func positions(files []Upload) []int64 {
	starts := make([]int64, len(files))
	for i, f := range files {
		s, ok := f.Content.(io.Seeker)
		if !ok {
			return nil
		}
		var err error
		if starts[i], err = s.Seek(0, io.SeekCurrent); err != nil {
			return nil
		}
	}
	return starts
}

// rewind moves files back to their start, and reports whether it could.
func rewind(files []Upload, starts []int64) bool {
	if len(starts) != len(files) {
		return false
	}
	for i, f := range files {
		if _, err := f.Content.(io.Seeker).Seek(starts[i], io.SeekStart); err != nil {
			return false
		}
	}
	return true
}

// try makes a request once.
func (c *Client) try(ctx context.Context, r request) (*http.Response, error) {
	values := url.Values{}
	maps.Copy(values, r.query)
	if c.Session != "" {
		values.Set("_sid", c.Session)
	}
	address := strings.TrimRight(c.URL, "/") + r.path
	if len(values) > 0 {
		address += "?" + values.Encode()
	}
	var body io.Reader
	kind := ""
	if r.json != nil {
		body, kind = bytes.NewReader(r.json), "application/json"
	}
	if r.files != nil {
		from, w := io.Pipe()
		form := multipart.NewWriter(w)
		kind = form.FormDataContentType()
		written := make(chan struct{})
		go func() {
			defer close(written)
			w.CloseWithError(write(form, r.files))
		}()
		defer func() {
			from.Close() // ends the writer if the answer came before everything was sent
			<-written    // nothing else reads the files from now on
		}()
		body = from
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if body != nil {
		req.Header.Set("Idempotency-Key", r.once)
	}
	if c.Key != "" {
		req.Header.Set("X-API-Key", c.Key)
	}
	return cmp.Or(c.HTTP, http.DefaultClient).Do(req)
}

// write writes files as a form, without holding a whole file in memory.
func write(form *multipart.Writer, files []Upload) error {
	for _, f := range files {
		part, err := form.CreateFormFile("file", f.Name)
		if err != nil {
			return err
		}
		if _, err := io.Copy(part, f.Content); err != nil {
			return err
		}
	}
	return form.Close()
}
