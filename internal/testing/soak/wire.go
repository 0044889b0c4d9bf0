package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"tallyman/internal/testing/api"
)

// outcome is what is known about a request's effect.
type outcome int

const (
	done    outcome = iota // it was answered with 200
	refused                // it had no effect, and the answer says why
	busy                   // it had no effect, for a reason outside the request: try again
	unknown                // it may have had an effect
)

// answer is the answer to a request.
type answer struct {
	api.Answer
	outcome outcome
	code    string
}

// ask makes a request and judges the answer, taking into account the faults under
// way. Answers that nothing excuses are violations. want are the codes of errors that
// the request may always be answered with.
func (s *Soak) ask(ctx context.Context, hc *http.Client, r api.Request, want ...string) answer {
	s.report.operation(r.Method + " " + pathOf(r))
	acknowledged := func() {}
	if s.hooks != nil {
		acknowledged = s.hooks.asks(r)
	}
	began := time.Now()
	a, err := s.exchange(ctx, hc, r)
	a = s.judge(ctx, r.String(), began, a, err, want)
	if a.outcome == done {
		acknowledged()
	}
	return a
}

// pathOf is the path of a request without names.
func pathOf(r api.Request) string {
	if rest, ok := bytes.CutPrefix([]byte(r.Path), []byte("/download-bol/")); ok && len(rest) > 0 {
		return "/download-bol/{name}"
	}
	if r.Query.Get("mode") == "append" {
		return r.Path + ", append"
	}
	if f := r.Query.Get("format"); f != "" {
		return r.Path + ", " + f
	}
	return r.Path
}

func (s *Soak) exchange(ctx context.Context, hc *http.Client, r api.Request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Deadline)
	defer cancel()
	at := s.at()
	if hc == s.hc {
		at = s.server.url()
	}
	r.Client = hc
	a, err := r.Do(ctx, at)
	return answer{Answer: a}, err
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
			s.report.violated(unpromised, "%s: the connection broke after %v without a fault that explains it: %v", what, took, err)
		}
		return a
	}
	if a.Status == http.StatusOK || a.Status == http.StatusAccepted {
		a.outcome = done
		return a
	}
	var e struct{ Error, Code string }
	if json.Unmarshal(a.Body, &e) != nil || e.Error == "" || e.Code == "" {
		s.report.violated(unpromised, "%s was answered with %d and no JSON that says why: %.200q", what, a.Status, a.Body)
		a.outcome = unknown
		return a
	}
	a.code = e.Code
	s.report.answer(strconv.Itoa(a.Status) + " " + a.code)
	retry, _ := strconv.Atoi(a.Header.Get("Retry-After"))
	complain := func(why string) {
		s.report.violated(unpromised, "%s was answered with %d %s after %v%s: %s", what, a.Status, a.code, took, why, e.Error)
	}
	switch {
	case a.Status == http.StatusServiceUnavailable && a.code == "busy":
		a.outcome = busy
		if retry < 1 {
			complain(", without Retry-After")
		}
	case a.Status == http.StatusServiceUnavailable && a.code == "worker_stopped" && since(harmed) && s.trouble.excuse(harmed):
		a.outcome = busy
	case a.Status == http.StatusUnprocessableEntity && a.code == "worker_crashed" && since(rogue) && s.trouble.excuse(rogue):
		a.outcome = busy
	case a.Status == http.StatusInsufficientStorage && a.code == "storage_full" && since(full):
		a.outcome = busy
	case a.Status == http.StatusServiceUnavailable && a.code == "storage_unavailable" && since(full):
		a.outcome = unknown
		if retry < 1 {
			complain(", without Retry-After")
		}
	case a.Status >= 500:
		complain(", which no fault explains")
		a.outcome = unknown
	default:
		if a.outcome = refused; !slices.Contains(want, a.code) {
			complain(", which it should not be")
		}
	}
	return a
}

// uploading returns the request that uploads documents to a session.
func uploading(sid string, docs ...*Document) api.Request {
	var parts []api.Part
	for _, f := range billsOf(docs) {
		parts = append(parts, api.Part{Name: f.name(), Content: f.content()})
	}
	r := api.Request{Method: "POST", Path: "/upload", SID: sid}
	r.Kind, r.Body = api.Form(parts...)
	return r
}

// newHTTP returns a client with separate connections.
func newHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     20 * time.Second, // shorter than the server's, which would close during a request
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}}
}

// stray makes a document of no client, and names the session that is to hold it.
func (s *Soak) stray(of string) (d *Document, sid string) {
	d = s.strays.next()
	sid = of + "/" + d.Mark
	s.remember(sid)
	return d, sid
}

// probe uploads a document to a separate session and downloads it, and repeats that
// until it works or the deadline is over.
func (s *Soak) probe(ctx context.Context, after string) error {
	return s.probeWithin(ctx, after, s.o.Deadline)
}

func (s *Soak) probeWithin(ctx context.Context, after string, most time.Duration) error {
	d, sid := s.stray("probe")
	up, want, last := uploading(sid, d), sheetOf(d), ""
	for end := time.Now().Add(most); time.Now().Before(end); {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a := s.ask(ctx, s.hc, up)
		if a.outcome == done {
			a = s.ask(ctx, s.hc, api.Request{Method: "GET", Path: "/download", SID: sid})
			if a.outcome == done {
				if !bytes.Equal(a.Body, want) {
					s.report.violated(wrong, "after %s the document %s uploaded to %q gave the sheet %.300q", after, d.Mark, sid, a.Body)
				}
				s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/clear-session", SID: sid})
				return nil
			}
		}
		last = fmt.Sprintf("%d %.200q", a.Status, a.Body)
		sleep(ctx, 50*time.Millisecond)
	}
	s.report.violated(hangs, "the server does not work within %v after: %s; it answers %s", most, after, last)
	return nil
}
