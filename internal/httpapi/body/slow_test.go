package body

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/internal/fault"
)

// line is a connection that delivers the head at once, then n pieces, one per interval,
// and then the end. It keeps its deadline like a connection of package net.
type line struct {
	*httptest.ResponseRecorder
	head     string
	n, size  int
	every    time.Duration
	deadline time.Time
}

func (l *line) SetReadDeadline(t time.Time) error { l.deadline = t; return nil }

func (l *line) Read(p []byte) (int, error) {
	if l.head != "" {
		n := copy(p, l.head)
		l.head = l.head[n:]
		return n, nil
	}
	wait := l.every
	if !l.deadline.IsZero() {
		wait = min(wait, time.Until(l.deadline))
	}
	time.Sleep(wait)
	if !l.deadline.IsZero() && !time.Now().Before(l.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	if l.n == 0 {
		return 0, io.EOF
	}
	l.n--
	return min(l.size, len(p)), nil
}

func (l *line) Close() error { return nil }

func TestABodyThatComesTooSlowlyIsGivenUp(t *testing.T) {
	const timeout = 30 * time.Second
	for name, c := range map[string]struct {
		n     int
		size  int // of each piece, in bytes
		every time.Duration
		code  fault.Code
		after time.Duration // when the body is refused or complete
	}{
		"silence":             {1, 1, time.Hour, RequestTimeout, timeout},
		"a byte now and then": {1000, 1, 7 * time.Second, RequestTimeout, 2 * timeout},
		"one that pauses":     {1, 1, timeout - time.Second, "", 2 * (timeout - time.Second)},
		"half the least rate": {1000, minRate, 2 * time.Second, RequestTimeout, 118 * time.Second},
		"twice that rate":     {1000, minRate, time.Second / 2, "", 1001 * time.Second / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{ResponseRecorder: httptest.NewRecorder(), n: c.n, size: c.size, every: c.every}
				r := httptest.NewRequest("POST", "/", l)
				b := New(r, http.NewResponseController(l), Limits{Upload: 64 << 20, Timeout: timeout})
				began := time.Now()
				_, err := io.Copy(io.Discard, b)
				took := time.Since(began)
				if fault.CodeOf(err) != c.code || took != c.after {
					t.Errorf("after %v it ends with %v", took, err)
				}
				// The body may be processed for any time afterwards.
				if !l.deadline.IsZero() {
					t.Errorf("the deadline stays %v", l.deadline.Sub(began))
				}
			})
		})
	}
}

// The body is refused for being slow, whatever errors decoding and storing return at its
// end.
func TestAFileThatComesTooSlowlyIsRefusedForThat(t *testing.T) {
	for name, c := range map[string]struct{ kind, head string }{
		"whole base64":     {JSON, `{"file_data":"JVBERi0xLjQK`},
		"base64 in pieces": {JSON, `{"file_data":"JVBERi0xL`},
		"a form's base64":  {URLEncoded, "file_data=JVBERi0xL"},
		"a member's name":  {JSON, `{"file_data":"JVBERi0xLjQK","fi`},
	} {
		for _, cancelled := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := &line{ResponseRecorder: httptest.NewRecorder(), head: c.head, n: 1, every: time.Hour}
					r := httptest.NewRequest("POST", "/", l)
					r.Header.Set("Content-Type", c.kind)
					b := New(r, http.NewResponseController(l), Limits{Upload: 64 << 20, Timeout: 30 * time.Second})
					rc := Reception{Forms: []string{JSON, URLEncoded}, Files: map[string]Slot{"file_data": {For: "bills", Coding: AsBase64}}}
					_, err := b.Receive(rc, "", func(f File) error {
						_, err := io.Copy(io.Discard, f.Content)
						if cancelled {
							err = fault.Ended(err)
						}
						return err
					})
					if cancelled && b.Err() == nil {
						return // its store gave up before the body did
					}
					if fault.CodeOf(err) != RequestTimeout {
						t.Errorf("it ends with %v", err)
					}
				})
			})
		}
	}
}
