package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// request is a request to make.
type request struct {
	method, path string
	sid          string
	query        url.Values
	kind         string // Content-Type
	body         []byte
}

func (r request) address(at string) string {
	q := url.Values{}
	for k, v := range r.query {
		q[k] = v
	}
	if r.sid != "" {
		q.Set("_sid", r.sid)
	}
	if len(q) == 0 {
		return at + r.path
	}
	return at + r.path + "?" + q.Encode()
}

func (r request) String() string { return r.method + " " + r.address("") }

// outcome is what is known about a request's effect.
type outcome int

const (
	done    outcome = iota // it was answered with 200
	refused                // it had no effect, and the answer says why
	busy                   // it had no effect, for no reason of its own: try again
	unknown                // it may have had an effect
)

// answer is the answer to a request.
type answer struct {
	outcome outcome
	status  int
	code    string
	header  http.Header
	body    []byte
}

// into decodes an answer of 200, which must be JSON.
func (a answer) into(v any) error { return json.Unmarshal(a.body, v) }

// ask makes a request and judges the answer, taking into account the faults under
// way. Answers that nothing excuses are violations. want are the codes of errors that
// the request may always be answered with.
func (s *Soak) ask(ctx context.Context, hc *http.Client, r request, want ...string) answer {
	s.report.operation(r.method + " " + pathOf(r))
	began := time.Now()
	a, err := s.exchange(ctx, hc, r)
	return s.judge(ctx, r.String(), began, a, err, want)
}

// pathOf is the path of a request without names.
func pathOf(r request) string {
	if rest, ok := bytes.CutPrefix([]byte(r.path), []byte("/download-bol/")); ok && len(rest) > 0 {
		return "/download-bol/{name}"
	}
	if r.query.Get("mode") == "append" {
		return r.path + ", append"
	}
	if f := r.query.Get("format"); f != "" {
		return r.path + ", " + f
	}
	return r.path
}

func (s *Soak) exchange(ctx context.Context, hc *http.Client, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Deadline)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	at := s.at()
	if hc == s.hc {
		at = s.server.url()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.address(at), body)
	if err != nil {
		return answer{}, err
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	resp, err := hc.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: b}, err
}

func (s *Soak) judge(ctx context.Context, what string, began time.Time, a answer, err error, want []string) answer {
	since := func(k kind) bool { return s.trouble.since(k, began) }
	took := time.Since(began).Round(time.Millisecond)
	if err != nil {
		a.outcome = unknown
		var timeout net.Error
		switch {
		case ctx.Err() != nil: // the run is over
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
			s.report.violated(hangs, "%s was not answered within %v", what, took)
		case since(down):
			s.report.count("requests cut off by the end of the server")
		case since(crowded):
			s.report.count("requests cut off by too many connections")
		default:
			s.report.violated(unpromised, "%s: the connection broke after %v, though nothing was done to the server: %v", what, took, err)
		}
		return a
	}
	if a.status == http.StatusOK {
		a.outcome = done
		return a
	}
	var e struct{ Error, Code string }
	if json.Unmarshal(a.body, &e) != nil || e.Error == "" || e.Code == "" {
		s.report.violated(unpromised, "%s was answered with %d and no JSON that says why: %.200q", what, a.status, a.body)
		a.outcome = unknown
		return a
	}
	a.code = e.Code
	s.report.answer(strconv.Itoa(a.status) + " " + a.code)
	retry, _ := strconv.Atoi(a.header.Get("Retry-After"))
	complain := func(why string) {
		s.report.violated(unpromised, "%s was answered with %d %s after %v%s: %s", what, a.status, a.code, took, why, e.Error)
	}
	switch {
	case a.status == http.StatusServiceUnavailable && a.code == "busy":
		a.outcome = busy
		if retry < 1 {
			complain(", without Retry-After")
		}
	case a.status == http.StatusServiceUnavailable && a.code == "worker_stopped" && since(harmed) && s.trouble.excuse(harmed):
		a.outcome = busy
	case a.status == http.StatusInsufficientStorage && a.code == "storage_full" && since(full):
		a.outcome = busy
	case a.status == http.StatusServiceUnavailable && a.code == "storage_unavailable" && since(full):
		a.outcome = unknown
		if retry < 1 {
			complain(", without Retry-After")
		}
	case a.status >= 500:
		complain(", which nothing that was done to the server explains")
		a.outcome = unknown
	default:
		a.outcome = refused
		for _, code := range want {
			if a.code == code {
				return a
			}
		}
		complain(", which it should not be")
	}
	return a
}

// form is a multipart body with files in the named fields.
func form(files ...part) (kind string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		p, err := w.CreateFormFile(f.field, f.name)
		if err == nil {
			_, err = p.Write(f.content)
		}
		if err != nil {
			panic(err) // a buffer never fails
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

type part struct {
	field, name string
	content     []byte
}

// pdfs returns documents as a form.
func pdfs(docs ...*Document) (kind string, body []byte) {
	var parts []part
	for _, d := range docs {
		parts = append(parts, part{"file", d.Name(), d.PDF})
	}
	return form(parts...)
}

// newHTTP returns a client with separate connections.
func newHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     20 * time.Second, // shorter than the server's, which would close during a request
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}}
}

// probe uploads a document to a separate session and downloads it, and repeats that
// until it works or the deadline is over.
func (s *Soak) probe(ctx context.Context, after string) error {
	return s.probeWithin(ctx, after, s.o.Deadline)
}

func (s *Soak) probeWithin(ctx context.Context, after string, most time.Duration) error {
	d, err := s.strays.next()
	if err != nil {
		return err
	}
	kind, body := pdfs(d)
	sid := "probe/" + d.Mark
	s.remember(sid)
	want, last := state{bills: []*Document{d}}.sheet(), ""
	for end := time.Now().Add(most); time.Now().Before(end); {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a := s.ask(ctx, s.hc, request{method: "POST", path: "/upload", sid: sid, kind: kind, body: body})
		if a.outcome == done {
			a = s.ask(ctx, s.hc, request{method: "GET", path: "/download", sid: sid})
			if a.outcome == done {
				if !bytes.Equal(a.body, want) {
					s.report.violated(string(wrong), "after %s the document %s uploaded to %q gave the sheet %.300q", after, d.Mark, sid, a.body)
				}
				s.ask(ctx, s.hc, request{method: "POST", path: "/clear-session", sid: sid})
				return nil
			}
		}
		last = fmt.Sprintf("%d %.200q", a.status, a.body)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.report.violated(hangs, "the server does not work within %v after: %s; it answers %s", most, after, last)
	return nil
}
