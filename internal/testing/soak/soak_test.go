package soak

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/intake"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/program"
)

// All tests run where a separate disk can be mounted.
func TestMain(m *testing.M) {
	if runtime.GOOS == "linux" {
		if code, started, err := Privately(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		} else if started {
			os.Exit(code)
		}
	}
	code := m.Run()
	program.Forget()
	os.Exit(code)
}

// options returns the options of a short run.
func options(t *testing.T) Options {
	t.Helper()
	path, err := program.Path()
	must.OK(t, err)
	// Processes are identified by the path of their program, so each run has its own
	// path.
	dir := t.TempDir()
	own := filepath.Join(dir, "tallyman")
	must.OK(t, os.Link(path, own))
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(LogPath(dir))
			t.Logf("the end of the server's log: %s", b[max(0, len(b)-1000):])
		}
	})
	return Options{Program: own, Dir: dir, Time: 2 * time.Second, Clients: 5, Pause: 20 * time.Millisecond, Seed: 1, NoFullDisk: true, slack: 30 * time.Minute}
}

// Clients work while the server is killed, restarted and stopped, its workers killed,
// its disk filled, and other clients are slow, hang up, flood it and send hostile
// files: every answer matches what that client uploaded, and in the end nothing is
// left.
func TestLoadAndFaultsMixUpLoseAndLeaveNothing(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Time, o.Faults = 5*time.Second, 22
	if runtime.GOOS == "linux" {
		o.NoFullDisk = false
		data := filepath.Join(o.Dir, "data")
		must.OK(t, os.Mkdir(data, 0o700))
		unmount, err := SmallDisk(data, 64)
		must.OK(t, err)
		t.Cleanup(func() {
			if err := unmount(); err != nil {
				t.Error(err)
			}
		})
	}
	report, err := Run(t.Context(), o)
	// A slow machine needs more time for as much work.
	for err == nil && len(report.Violations()) == 0 && (report.Count("downloads compared") < 20 || report.Count("events that were promised and arrived") == 0) && t.Context().Err() == nil {
		o.Time *= 2
		report, err = Run(t.Context(), o)
	}
	if err != nil {
		t.Error(err)
	}
	for _, v := range report.Violations() {
		t.Error(v)
	}
	for _, kind := range (&Soak{o: o}).faults() {
		if report.Count(kind.name) == 0 {
			t.Errorf("there was no fault of the kind %q", kind.name)
		}
	}
	var summary strings.Builder
	report.Write(&summary)
	t.Log(summary.String())
}

// liar is a handler between clients and server that changes answers.
type liar func(next http.Handler, w http.ResponseWriter, r *http.Request)

// pass makes the server answer, and returns the answer instead of sending it.
func pass(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	next.ServeHTTP(w, r)
	return w
}

func send(w http.ResponseWriter, a *httptest.ResponseRecorder, body []byte) {
	for k, v := range a.Header() {
		w.Header()[k] = v
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(a.Code)
	w.Write(body)
}

// sheets changes the sheets that are downloaded as CSV.
func sheets(change func(r *http.Request, sheet []byte) []byte) liar {
	return func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		a := pass(next, r)
		body := a.Body.Bytes()
		is := r.URL.Path == "/download" || r.URL.Path == "/download-bol" && r.URL.Query().Get("format") == ""
		if is && r.Method == http.MethodGet && a.Code == http.StatusOK {
			body = change(r, body)
		}
		send(w, a, body)
	}
}

// Each of these breaks one promise on purpose, to show that a run can find
// violations.
func TestDeliberateFaultsAreFound(t *testing.T) {
	var mu sync.Mutex
	swapped := []byte(nil)
	first := map[string][]byte{}
	var n atomic.Int64
	for _, c := range []struct {
		name string
		lie  liar
		// set changes the options, unless nil.
		set  func(*testing.T, *Options)
		want []string // the counts that must not be 0
	}{
		{name: "a client gets another's sheet", want: []string{contaminated}, lie: sheets(func(_ *http.Request, own []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			other := swapped
			if swapped = own; other == nil {
				return own
			}
			return other
		})},
		{name: "a client gets an earlier sheet of its session", want: []string{lost}, lie: sheets(func(r *http.Request, sheet []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			sid := r.URL.Query().Get("_sid")
			if first[sid] == nil {
				first[sid] = sheet
			}
			return first[sid]
		})},
		{name: "an upload that was acknowledged is gone", want: []string{lost}, lie: func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			a := pass(next, r)
			if r.URL.Path == "/upload" && a.Code == http.StatusOK && n.Add(1)%3 == 0 {
				pass(next, httptest.NewRequestWithContext(r.Context(), http.MethodPost, "/clear-session?"+r.URL.RawQuery, nil))
			}
			send(w, a, a.Body.Bytes())
		}},
		{name: "the last line of a sheet is missing", want: []string{lost}, lie: sheets(func(_ *http.Request, sheet []byte) []byte {
			return sheet[:bytes.LastIndexByte(sheet[:len(sheet)-1], '\n')+1]
		})},
		{name: "an error of the server's own", want: []string{unpromised}, lie: instead(500, `{"error":"Something went wrong.","code":"internal"}`)},
		{name: "an answer that never comes", want: []string{hangs}, set: func(_ *testing.T, o *Options) { o.Deadline = time.Second }, lie: func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && n.Add(1)%30 == 0 {
				<-r.Context().Done()
			}
			next.ServeHTTP(w, r)
		}},
		{name: "files and processes and a panic are left behind", want: []string{leakedFiles, leakedProcesses, panics}, set: func(t *testing.T, o *Options) {
			o.Time = time.Second
			o.planted = func(s *Soak) { leave(t, s) }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			o.brief, o.leak = true, 500*time.Millisecond
			if c.lie != nil {
				o.between = func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/events" { // which never ends
							next.ServeHTTP(w, r)
							return
						}
						c.lie(next, w, r)
					})
				}
			}
			if c.set != nil {
				c.set(t, &o)
			}
			// Whether a client meets a lie depends on chance, but planted leftovers are
			// always searched for in the end.
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.lie != nil {
				o.Time = 30 * time.Minute // it ends as soon as the lie is found
				o.Progress = writer(func(line []byte) {
					for _, what := range c.want {
						if bytes.Contains(line, []byte(": "+what+": ")) {
							cancel()
						}
					}
				})
			}
			report, err := Run(ctx, o)
			if err != nil {
				t.Error(err)
			}
			for _, what := range c.want {
				if report.Count(what) == 0 {
					t.Errorf("%s: none was found; there are these violations: %v", what, report.Violations())
				}
			}
		})
	}
}

// leave leaves a content that no session names, a temporary file, a server with its
// workers, and a line in the log.
func leave(t *testing.T, s *Soak) {
	key := string(blob.NewKey())
	for _, path := range []string{filepath.Join(s.server.data, "contents", key[:2], key), filepath.Join(s.server.temp, "upload-1")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	stray := &program.Server{Name: "a stray server", Program: s.server.Program, Args: []string{
		"--listen", "127.0.0.1:0", "--data", filepath.Join(s.o.Dir, "stray"), "--cache", intake.CacheDir(), "--log", "json",
	}}
	if err := stray.Start(); err != nil {
		t.Error(err)
	}
	t.Cleanup(stray.Kill)
	s.server.hear(`{"level":"ERROR","msg":"panic","stack":"goroutine 1 [running]"}`)
}

// writer is a function that receives what is written.
type writer func(b []byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

// instead replaces one answer in twenty.
func instead(status int, body string) liar {
	var n atomic.Int64
	return func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%20 != 0 {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestInexplicableAnswersAreFound(t *testing.T) {
	const busyBody, fullBody = `{"error":"Busy.","code":"busy"}`, `{"error":"Full.","code":"storage_full"}`
	after := http.Header{"Retry-After": {"1"}}
	for _, c := range []struct {
		name    string
		trouble kind
		answer  answer
		err     error
		want    outcome
		count   string // of the violation, "" for none
	}{
		{name: "what was asked for", answer: answer{Answer: api.Answer{Status: 200}}, want: done},
		{name: "a refusal that the request may get", answer: answer{Answer: api.Answer{Status: 404, Body: []byte(`{"error":"None.","code":"no_sheet"}`)}}, want: refused},
		{name: "a refusal that it may not get", answer: answer{Answer: api.Answer{Status: 409, Body: []byte(`{"error":"Lost.","code":"session_superseded"}`)}}, want: refused, count: unpromised},
		{name: "an error that is not JSON", answer: answer{Answer: api.Answer{Status: 404, Body: []byte("404 page not found")}}, want: unknown, count: unpromised},
		{name: "an error without a sentence", answer: answer{Answer: api.Answer{Status: 404, Body: []byte(`{"code":"no_sheet"}`)}}, want: unknown, count: unpromised},
		{name: "an error of its own", trouble: full, answer: answer{Answer: api.Answer{Status: 500, Body: []byte(`{"error":"Oh.","code":"internal"}`)}}, want: unknown, count: unpromised},
		{name: "busy", answer: answer{Answer: api.Answer{Status: 503, Header: after, Body: []byte(busyBody)}}, want: busy},
		{name: "busy, without Retry-After", answer: answer{Answer: api.Answer{Status: 503, Body: []byte(busyBody)}}, want: busy, count: unpromised},
		{name: "a full disk", trouble: full, answer: answer{Answer: api.Answer{Status: 507, Body: []byte(fullBody)}}, want: busy},
		{name: "a full disk that is not full", answer: answer{Answer: api.Answer{Status: 507, Body: []byte(fullBody)}}, want: unknown, count: unpromised},
		{name: "a worker that was killed", trouble: harmed, answer: answer{Answer: api.Answer{Status: 503, Body: []byte(`{"error":"Ended.","code":"worker_stopped"}`)}}, want: busy},
		{name: "a document whose worker was rogue", trouble: rogue, answer: answer{Answer: api.Answer{Status: 422, Body: []byte(`{"error":"Crashed.","code":"worker_crashed"}`)}}, want: busy},
		{name: "a document that makes a sound worker crash", answer: answer{Answer: api.Answer{Status: 422, Body: []byte(`{"error":"Crashed.","code":"worker_crashed"}`)}}, want: refused, count: unpromised},
		{name: "a worker that was not killed", answer: answer{Answer: api.Answer{Status: 503, Body: []byte(`{"error":"Ended.","code":"worker_stopped"}`)}}, want: unknown, count: unpromised},
		{name: "storage that fails with a sound disk", answer: answer{Answer: api.Answer{Status: 503, Header: after, Body: []byte(`{"error":"Away.","code":"storage_unavailable"}`)}}, want: unknown, count: unpromised},
		{name: "a connection that is cut off by the end of the server", trouble: down, err: io.ErrUnexpectedEOF, want: unknown},
		{name: "a connection that breaks by itself", err: io.ErrUnexpectedEOF, want: unknown, count: unpromised},
		{name: "an answer that is overdue", trouble: down, err: context.DeadlineExceeded, want: unknown, count: hangs},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Soak{report: newReport(nil)}
			began := time.Now()
			if c.trouble != calm {
				s.trouble.begin(c.trouble)()
				s.trouble.allow(c.trouble)
			}
			if a := s.judge(t.Context(), "GET /download", began, c.answer, c.err, []string{"no_sheet"}); a.outcome != c.want {
				t.Errorf("the outcome is %d, want %d", a.outcome, c.want)
			}
			if v := s.report.Violations(); len(v) > 0 != (c.count != "") || c.count != "" && s.report.Count(c.count) != 1 {
				t.Errorf("the violations are %v, want one that counts as %q", v, c.count)
			}
		})
	}
}

// A worker that dies by itself must not be excused by one that was killed.
func TestAKilledWorkerExcusesOneAnswer(t *testing.T) {
	s := &Soak{report: newReport(nil)}
	s.trouble.begin(harmed)()
	s.trouble.allow(harmed)
	stopped := answer{Answer: api.Answer{Status: 503, Body: []byte(`{"error":"Ended.","code":"worker_stopped"}`)}}
	for n := range 2 {
		s.judge(t.Context(), "POST /upload", time.Now(), stopped, nil, nil)
		if got := s.report.Count(unpromised); got != n {
			t.Errorf("after %d answers %d are not explained", n+1, got)
		}
	}
}

// A mail whose orders are lost must not be excused by a rogue worker that had others.
func TestARogueWorkerExcusesTheOrdersOfOneMail(t *testing.T) {
	d := pressed(t, 'Y', 1)[0]
	for _, c := range []struct {
		name  string
		harm  func(*trouble)
		wrong int // of two sheets without orders
	}{
		{"no rogue worker", func(*trouble) {}, 2},
		{"a rogue worker", func(r *trouble) { r.allow(rogue); r.begin(rogue)() }, 1},
	} {
		s := &Soak{report: newReport(nil)}
		u, l := &unattended{s: s}, letter{d, time.Now()}
		c.harm(&s.trouble)
		for range 2 {
			u.judge("the mail", d, sheetOf(d), l.unread(s))
		}
		u.judge("the mail", d, csvOf(holding(d).Ordered(file{d, ".csv"})), l.unread(s))
		if got := s.report.Count(wrong); got != c.wrong {
			t.Errorf("%s: %d sheets are wrong, want %d", c.name, got, c.wrong)
		}
	}
}

func TestLeaksAtRestAreFound(t *testing.T) {
	s := &Soak{o: Options{Growth: 10}, report: newReport(nil)}
	before := rest{goroutines: 20, files: 10, children: 2, server: 50}
	s.compare(before, rest{goroutines: 20, files: 9, children: 2, server: 59}, nil)
	if v := s.report.Violations(); len(v) > 0 {
		t.Errorf("nothing grew, and yet %v", v)
	}
	s.compare(before, rest{goroutines: 23, files: 12, children: 3, server: 61}, nil)
	if g, f := s.report.Count(leakedGoroutines), s.report.Count(leakedFDs); g != 3 || f != 2 {
		t.Errorf("%d goroutines and %d file descriptors were found to be leaked, want 3 and 2", g, f)
	}
	if w, m := s.report.Count(leakedProcesses), s.report.Count(grown); w != 1 || m != 1 {
		t.Errorf("%d workers were found to be leaked and memory to have grown %d times, want 1 and 1", w, m)
	}
}

func TestTheSlopeOfALineIsExact(t *testing.T) {
	var x, y []float64
	for i := range 100 {
		x = append(x, float64(i)/10)
		y = append(y, 3+2*float64(i)/10+math.Pow(-1, float64(i)))
	}
	b, se, mean := slope(x, y)
	if math.Abs(b-2) > .01 || math.Abs(mean-12.9) > .01 || math.Abs(se-.035) > .001 {
		t.Errorf("the slope is %v ± %v and the mean %v, want 2 ± 0.035 and 12.9", b, se, mean)
	}
	if b, _, _ := slope(x[:2], y[:2]); !math.IsNaN(b) {
		t.Errorf("two points have the slope %v", b)
	}
}

// Each wrong request is answered as the run expects.
func TestWrongRequestsAreAnsweredInJSON(t *testing.T) {
	o := options(t)
	must.OK(t, o.defaults())
	s := &Soak{o: o, report: newReport(nil), hc: newHTTP()}
	var err error
	s.server, err = newServer(s)
	must.OK(t, err)
	defer s.server.close()
	must.OK(t, s.start())
	for _, w := range wrongRequests {
		s.wrong(t.Context(), w.text, w.status)
	}
	for _, v := range s.report.Violations() {
		t.Error(v)
	}
}
