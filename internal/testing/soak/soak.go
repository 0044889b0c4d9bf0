// Package soak tests a server under load and faults: it starts the real program, has
// many clients work in sessions whose content each of them knows, injects faults
// meanwhile, and compares all answers with what the same client uploaded.
//
// A run has two phases. In the first the server is also killed and restarted. In the
// second one process serves all the time, under all other faults: what it uses at
// rest is compared between the beginning and the end, and memory is sampled. In the
// end all sessions are cleared or expire, and nothing may be left.
//
// The files: document.go invents what is uploaded; model.go knows what a session may
// hold and judges answers; wire.go makes requests; client.go has the clients;
// unattended.go has files and mails arrive; hooks.go receives events; server.go is the process and its
// directory; faults.go and rogue.go inject faults,
// clock_*.go sets the clock of one process; trouble.go says what faults excuse; leaks.go and memory.go measure; report.go counts.
package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the options of a run. Zero fields have defaults.
type Options struct {
	// Program is the path of the program. It is required.
	Program string
	// Dir is an empty directory for all files of the run. It is required.
	Dir string
	// Time is how long clients work, a minute by default; the time before and after
	// that is bounded, too.
	Time time.Duration
	// Faults is the number of faults, 10 a minute by default.
	Faults int
	// Clients is the number of concurrent clients, from 1 to MaxClients; 12 by
	// default.
	Clients int
	// Pause is a client's average pause after an operation, 300 ms by default.
	Pause time.Duration
	// Deadline is the time after which an answer is overdue, a minute by default.
	Deadline time.Duration
	// Growth is the allowed growth of the server's memory at rest during the second
	// phase, in MB; 0 means no bound.
	Growth float64
	// Seed chooses documents, operations and faults.
	Seed uint64
	// NoFullDisk leaves out the faults that need a separate disk.
	NoFullDisk bool
	// Progress receives the progress once a minute, and violations; nil means no
	// output.
	Progress io.Writer

	// between wraps the server, for tests that change its answers.
	between func(http.Handler) http.Handler
	// planted is called after all sessions were cleared, before the search for leaks.
	planted func(s *Soak)
	// brief skips the second phase and expiry.
	brief bool
	// leak is how long leftovers may take to disappear, if it is not 0.
	leak time.Duration
	// slack is a lower bound for all time limits, for tests that must pass on any
	// machine.
	slack time.Duration
}

// within returns the time limit d, or slack if that is longer.
func (o *Options) within(d time.Duration) time.Duration { return max(d, o.slack) }

// MaxClients is the largest number of clients: each has its own letter.
const MaxClients = 24

func (o *Options) defaults() error {
	o.Time = cmp.Or(o.Time, time.Minute)
	o.Faults = cmp.Or(o.Faults, max(1, int(o.Time.Minutes()*10)))
	o.Clients = cmp.Or(o.Clients, 12)
	o.Pause = cmp.Or(o.Pause, 300*time.Millisecond)
	o.Deadline = cmp.Or(o.Deadline, o.within(time.Minute))
	if o.Program == "" || o.Dir == "" {
		return errors.New("a run needs a program and a directory")
	}
	if o.Clients < 1 || o.Clients > MaxClients || o.Time < time.Second || o.Faults < 0 || o.Pause < time.Millisecond {
		return fmt.Errorf("a run has 1 to %d clients, lasts a second or more, and pauses for a millisecond or more", MaxClients)
	}
	return nil
}

// Soak is a run.
type Soak struct {
	o       Options
	report  *Report
	trouble trouble
	server  *server
	hc      *http.Client // of the run itself, directly to the server
	strays  *press       // documents of no client
	// unattended is what arrives in a folder and by mail.
	unattended *unattended
	hooks      *hooks
	// gate is held for reading during a client's operation.
	gate    sync.RWMutex
	looks   atomic.Int64 // how often clients had to look after all their sessions, at each start for instance
	clock   *wallClock   // of the process clockOf, once it was moved
	proxy   *httptest.Server
	clockOf int
	// background are faults that take long.
	background sync.WaitGroup

	ids     sync.Map // of all sessions of the run
	clients []*client
}

// remember records the ID of a session that is to be cleared in the end. It returns
// false if the ID is known.
func (s *Soak) remember(id string) bool {
	_, known := s.ids.LoadOrStore(id, true)
	return !known
}

// knows reports whether a session is one of the run.
func (s *Soak) knows(id string) bool {
	_, known := s.ids.Load(id)
	return known
}

// at is the server's address for clients.
func (s *Soak) at() string {
	if s.proxy != nil {
		return s.proxy.URL
	}
	return s.server.url()
}

// Run makes a run. If ctx ends the run ends early, and measures what it has. The
// error is of the run itself, such as a server that does not start; faults of the
// server are in the report, which is never nil.
func Run(ctx context.Context, o Options) (*Report, error) {
	report := newReport(o.Progress)
	if err := o.defaults(); err != nil {
		return report, err
	}
	s := &Soak{o: o, report: report, hc: newHTTP()}
	var err error
	if s.strays, err = newPress('Z', o.Seed+999_999, 12); err != nil {
		return report, err
	}
	if s.server, err = newServer(s); err != nil {
		return report, err
	}
	defer s.server.close()
	if s.unattended, err = newUnattended(s); err != nil {
		return report, err
	}
	defer s.unattended.office.Close()
	s.hooks = newHooks(s)
	defer s.hooks.close()
	if err := s.start(); err != nil {
		return report, err
	}
	if o.between != nil {
		target, err := url.Parse(s.server.url()) // the same after each start
		if err != nil {
			return report, err
		}
		s.proxy = httptest.NewServer(o.between(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
			// A connection that breaks behind the proxy must break in front of it,
			// too.
			ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
			FlushInterval: -1,
		}))
		defer s.proxy.Close()
	}
	// The run must end, whatever the server does.
	most := 2*o.Time + o.within(10*time.Minute)
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err = s.run(bounded)
	if bounded.Err() == nil {
		return report, err
	}
	if ctx.Err() == nil {
		report.violated(hangs, "the run was not over after %v", most)
	}
	return report, nil // the error is that it ended early
}

// start starts the server.
func (s *Soak) start() error {
	if err := s.server.Start(); err != nil {
		return err
	}
	s.looks.Add(1)
	return nil
}

// run runs all phases.
func (s *Soak) run(ctx context.Context) error {
	// The first start may have to compile the PDF engine.
	if err := s.probeWithin(ctx, "the first start", s.o.within(s.o.Deadline+3*time.Minute)); err != nil {
		return err
	}
	if err := s.hooks.start(ctx); err != nil {
		return err
	}
	known, err := s.server.files()
	if err != nil {
		return err
	}
	for n := range s.o.Clients {
		c, err := s.newClient(n)
		if err != nil {
			return err
		}
		s.clients = append(s.clients, c)
	}
	working, rest := context.WithCancel(ctx)
	defer rest()
	var all sync.WaitGroup
	for _, c := range s.clients {
		all.Go(func() { c.work(working) })
	}
	all.Go(func() { s.unattended.work(working) })
	watching, see := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.tell(watching) })
	defer watch.Wait()
	defer see()

	begin := time.Now()
	faults := s.faults()
	chaos := min(s.o.Faults, max(s.o.Faults*2/5, len(faults))) // each kind at least once
	if err := s.harm(ctx, faults, chaos, begin.Add(s.o.Time*2/5)); err != nil {
		return err
	}
	if !s.o.brief {
		if err := s.steady(ctx, faults, begin.Add(s.o.Time)); err != nil {
			return err
		}
	}
	rest()
	all.Wait()
	return s.finish(known)
}

// tell reports the progress once a minute.
func (s *Soak) tell(ctx context.Context) {
	for sleep(ctx, time.Minute) {
		if s.o.Progress != nil {
			fmt.Fprintf(s.o.Progress, "%6v  %s, %s\n", time.Since(s.report.began).Round(time.Second), s.report.line(), s.server.memory())
		}
	}
}

// steady is the phase in which one process serves.
func (s *Soak) steady(ctx context.Context, faults []fault, end time.Time) error {
	// The process starts with this phase, and with a sweep of the earlier leftovers.
	if err := s.restart(ctx); err != nil {
		return err
	}
	whole := time.Until(end)
	if whole <= 0 { // the first phase took longer
		whole = s.o.Time / 4
		end = time.Now().Add(whole)
	}
	// It warms up first: it keeps the latest sheets in memory.
	sleep(ctx, min(6*time.Minute, whole/3))
	first, err := s.atRest(ctx, nil)
	if err != nil {
		return err
	}
	sampling, stop := context.WithCancel(ctx)
	samples := make(chan []reading)
	go func() { samples <- s.sample(sampling, max(500*time.Millisecond, min(5*time.Second, whole/100))) }()
	gentle := slices.DeleteFunc(slices.Clone(faults), func(f fault) bool { return f.ends })
	err = s.harm(ctx, gentle, s.o.Faults-s.report.Faults(), end)
	stop()
	seen := <-samples
	if err != nil {
		return err
	}
	last, err := s.atRest(ctx, &first)
	if err != nil {
		return err
	}
	s.compare(first, last, seen)
	return nil
}

// harm injects n faults, of each kind in turn, spread evenly over the time until the
// end.
func (s *Soak) harm(ctx context.Context, kinds []fault, n int, end time.Time) error {
	var turn []fault
	for i, missed := 0, 0; i < n; i++ {
		if len(turn) == 0 {
			turn = append(turn, kinds...)
			s.server.random.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		}
		f := turn[0]
		turn = turn[1:]
		wait := max(0, time.Until(end)/time.Duration(n-i))
		if !sleep(ctx, wait/2+time.Duration(s.server.random.Int64N(int64(wait)+1))/2) {
			return ctx.Err()
		}
		if s.server.Fell() {
			return s.fell()
		}
		err := f.do(ctx)
		if errors.Is(err, errMissed) {
			s.report.count("faults that missed, which are not counted")
			if missed++; missed < n {
				i--
				turn = append(turn, f) // so that a short run has a fault of each kind
			}
			continue
		}
		s.report.fault(f.name)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	sleep(ctx, time.Until(end))
	s.background.Wait()
	if s.server.Fell() {
		return s.fell()
	}
	return ctx.Err()
}

// fell is the error of a server that ended by itself: the run cannot continue.
func (s *Soak) fell() error {
	s.report.violated(panics, "the server ended by itself; its log is %s", LogPath(s.o.Dir))
	return errors.New("the server ended by itself")
}

// finish clears the sessions, and checks what is left.
func (s *Soak) finish(known []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.within(8*time.Minute))
	defer cancel()
	for _, c := range s.clients {
		c.recall(ctx) // everything acknowledged is there
		c.endJobs(ctx, s.o.within(4*time.Minute))
		c.hc.CloseIdleConnections()
	}
	s.unattended.finish(ctx)
	if err := s.hooks.finish(ctx); err != nil {
		return err
	}
	if err := s.clearAll(ctx); err != nil {
		return err
	}
	if s.o.planted != nil {
		s.o.planted(s)
	}
	s.leftFiles(known, "after all sessions were cleared", 15*time.Second)
	s.processes("while the server runs", s.server.PID())
	if s.o.brief {
		return nil
	}
	return s.expire(ctx, known)
}

// LogPath is the path of the server's log in a run's directory.
func LogPath(dir string) string { return filepath.Join(dir, "server.log") }
