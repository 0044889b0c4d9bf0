package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/load"
)

// clearAll clears all sessions of the run.
func (s *Soak) clearAll(ctx context.Context) error {
	var ids []string
	for id := range s.ids.Range {
		ids = append(ids, id.(string))
	}
	slices.Sort(ids)
	for _, id := range ids {
		a := s.ask(ctx, s.hc, api.Request{Method: "POST", Path: "/clear-session", SID: id})
		if a.outcome != done {
			return fmt.Errorf("clearing the session %q: %d %s", id, a.Status, a.Body)
		}
	}
	s.report.figure("sessions cleared in the end", "%d", len(ids))
	return nil
}

// leftovers waits until nothing is left, for some time, and returns what is.
func leftovers[T any](o *Options, patience time.Duration, find func() ([]T, error)) ([]T, error) {
	patience = cmp.Or(o.leak, o.within(patience))
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if left, err := find(); err != nil || len(left) == 0 || time.Now().After(end) {
			return left, err
		}
	}
}

// leftFiles counts new files, after those of ended sessions have had time to go.
func (s *Soak) leftFiles(known []string, when string, patience time.Duration) {
	left, err := leftovers(&s.o, patience, func() ([]string, error) {
		now, err := s.server.files()
		return slices.DeleteFunc(now, func(path string) bool { return slices.Contains(known, path) }), err
	})
	if err != nil {
		s.report.violated(leakedFiles, "the data directory cannot be read: %v", err)
	} else if len(left) > 0 {
		slices.Sort(left)
		s.report.violatedBy(leakedFiles, len(left), "%s there are %d files that no session names, such as %v", when, len(left), left[:min(5, len(left))])
	}
}

// expire lets sessions expire, ends the server, and checks what is left.
func (s *Soak) expire(ctx context.Context, known []string) error {
	const n = 5
	for i := range n {
		a := s.ask(ctx, s.hc, uploading(fmt.Sprint("expires ", i), s.strays.next()))
		if a.outcome != done {
			return fmt.Errorf("uploading to a session that is to expire: %d %s", a.Status, a.Body)
		}
	}
	s.hc.CloseIdleConnections()
	s.end()
	// A shorter life applies to existing sessions.
	const short = time.Second
	s.server.life = short.String()
	time.Sleep(short + 100*time.Millisecond)
	if err := s.start(); err != nil {
		return err
	}
	s.leftFiles(known, fmt.Sprintf("after %d sessions expired", n), 90*time.Second)
	if m, err := s.metrics(ctx); err != nil {
		return err
	} else if live := m["tallyman_sessions_live"]; live != 0 {
		s.report.violated(wrong, "%v sessions are live after all expired", live)
	}
	s.processes("while the server runs again", s.server.PID())
	s.hc.CloseIdleConnections()
	s.end()
	s.processes("after the server ended", 0)
	s.leftFiles(known, "after the server ended", 0)
	return nil
}

// processes counts processes of the program that do not belong to the server.
func (s *Soak) processes(when string, server int) {
	stray, _ := leftovers(&s.o, 10*time.Second, func() ([]int, error) {
		_, own := load.Family(server)
		return slices.DeleteFunc(load.Running(s.server.Program), func(pid int) bool {
			return pid == server || slices.ContainsFunc(own, func(p load.Process) bool { return p.PID == pid })
		}), nil
	})
	if len(stray) > 0 {
		s.report.violatedBy(leakedProcesses, len(stray), "%s there are stray processes of the program: %v", when, stray)
	}
}

// rest is what an idle server uses.
type rest struct {
	goroutines, files  int
	children, sessions int
	server, workers    float64 // MB
	heap, processors   float64 // MB in use by Go; seconds of processor time
	operations         int
	at                 time.Time
}

// atRest pauses the clients, makes the server use all that it has, and measures it.
// With an earlier measurement it waits for a while until the server returns to that.
func (s *Soak) atRest(ctx context.Context, before *rest) (rest, error) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.background.Wait()
	for _, c := range s.clients {
		c.hc.CloseIdleConnections()
	}
	if err := s.warm(ctx); err != nil {
		return rest{}, err
	}
	var r rest
	for began := time.Now(); ; sleep(ctx, 100*time.Millisecond) {
		s.hc.CloseIdleConnections()
		m, err := s.metrics(ctx)
		if err != nil {
			return r, err
		}
		self, workers := load.Family(s.server.PID())
		r = rest{
			goroutines: int(m["go_goroutines"]), files: int(m["process_open_fds"]), server: self.MB, workers: load.Sum(workers),
			heap: m["go_memstats_heap_inuse_bytes"] / (1 << 20), processors: m["process_cpu_seconds_total"],
			operations: s.report.Operations(), at: time.Now(),
			children: len(workers), sessions: int(m["tallyman_sessions_live"]),
		}
		// The first measurement is made after connections have ended.
		calm := m["tallyman_requests_in_flight"] <= 1 && m["tallyman_event_streams"] == 0
		if before == nil && calm && time.Since(began) > 2*time.Second {
			return r, nil
		}
		if before != nil && calm && r.goroutines <= before.goroutines && r.files <= before.files {
			return r, nil
		}
		if time.Since(began) > s.o.within(30*time.Second) || ctx.Err() != nil {
			return r, ctx.Err()
		}
	}
}

// warm uploads several documents at once, so that every worker runs.
func (s *Soak) warm(ctx context.Context) error {
	var errs [4]error
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = s.probe(ctx, "a rest") })
	}
	all.Wait()
	return errors.Join(errs[:]...)
}

// compare reports the differences between the rests at the beginning and at the end
// of one process.
func (s *Soak) compare(first, last rest, seen []reading) {
	r := s.report
	r.figure("one process served", "%v, %d operations, %.1f s of processor", last.at.Sub(first.at).Round(time.Second),
		last.operations-first.operations, last.processors-first.processors)
	r.figure("goroutines at rest", "%d, then %d", first.goroutines, last.goroutines)
	r.figure("file descriptors at rest", "%d, then %d", first.files, last.files)
	r.figure("server at rest, MB resident", "%.1f, then %.1f", first.server, last.server)
	r.figure("workers at rest, MB resident", "%.1f, then %.1f", first.workers, last.workers)
	r.figure("sessions at rest", "%d, then %d", first.sessions, last.sessions)
	r.figure("workers at rest", "%d, then %d", first.children, last.children)
	if n := last.children - first.children; n > 0 {
		r.violatedBy(leakedProcesses, n, "at rest the server had %d workers, and %d in the end", first.children, last.children)
	}
	if g := last.server - first.server; s.o.Growth > 0 && g > s.o.Growth {
		r.violated(grown, "the server had %.1f MB at rest, and %.1f MB in the end", first.server, last.server)
	}
	r.figure("heap of the server at rest, MB in use", "%.1f, then %.1f", first.heap, last.heap)
	if n := last.goroutines - first.goroutines; n > 0 {
		r.violatedBy(leakedGoroutines, n, "at rest there were %d goroutines, and %d in the end", first.goroutines, last.goroutines)
	}
	if n := last.files - first.files; n > 0 {
		r.violatedBy(leakedFDs, n, "at rest there were %d file descriptors, and %d in the end", first.files, last.files)
	}
	s.slopes(seen)
}
