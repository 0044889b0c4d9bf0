package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/intake"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

// server is the running program, with separate folders.
type server struct {
	*program.Server
	data string
	tmp  string

	warnings load.Counts // messages of its log above the level of information

	mu     sync.Mutex
	errors []string // lines of its log about internal faults
}

// start starts the program and waits until it listens.
func start(path, dir string, atOnce int) (*server, error) {
	s := &server{data: filepath.Join(dir, "data"), tmp: filepath.Join(dir, "tmp")}
	if err := os.Mkdir(s.tmp, 0o700); err != nil {
		return nil, err
	}
	s.Server = program.New(path, "--data", s.data, "--cache", intake.CacheDir(), "--workers", strconv.Itoa(atOnce))
	s.Env, s.Heard = []string{"TMPDIR=" + s.tmp}, s.hear
	return s, s.Start()
}

// hear keeps the messages of the log above the level of information.
func (s *server) hear(line string) {
	var says struct{ Level, Msg, Error, Cause string }
	if json.Unmarshal([]byte(line), &says) == nil && says.Level == "INFO" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if says.Level == "WARN" {
		s.warnings.Add(says.Msg+": "+says.Error, 1)
	} else if len(s.errors) < 100 {
		s.errors = append(s.errors, line)
	}
}

// end ends the server, if it still runs, and waits until it is gone.
func (s *server) end() { s.EndWithin(30 * time.Second) }

// state is the state of an idle server.
type state struct {
	started    float64 // when its process started, in seconds since 1970
	memory     float64 // resident, of the server alone, in MB
	heap       float64 // Go's heap, garbage included, in MB
	workers    int
	ofWorkers  float64 // their memory, in MB
	goroutines int
	open       int // file descriptors
	sessions   int
	restarts   int // of workers, so far
	temporary  []string
	contents   int // files of sessions
}

// alone makes every request on a new connection, so that each look costs the server
// the same.
var alone = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}

// look reads the server's state.
func (s *server) look(ctx context.Context) (state, error) {
	values, err := load.Metrics(ctx, alone, s.URL())
	if err != nil {
		return state{}, err
	}
	now := state{
		started:    values["process_start_time_seconds"],
		memory:     values["process_resident_memory_bytes"] / (1 << 20),
		heap:       values["go_memstats_heap_inuse_bytes"] / (1 << 20),
		goroutines: int(values["go_goroutines"]),
		open:       int(values["process_open_fds"]),
		sessions:   int(values["tallyman_sessions_live"]),
		restarts:   int(values["tallyman_worker_restarts_total"]),
	}
	all, processes := load.Memory(s.PID())
	now.workers, now.ofWorkers = processes-1, all-now.memory
	if now.temporary, err = load.Files(s.tmp); err != nil {
		return state{}, err
	}
	contents, err := load.Files(filepath.Join(s.data, "contents"))
	contents = slices.DeleteFunc(contents, func(path string) bool { return filepath.Base(path) == blob.ClaimName })
	now.contents = len(contents)
	return now, err
}

// harm returns sentences about figures that are worse than before.
func (now state) harm(before state, growth float64) (out []string) {
	worse := func(is bool, format string, args ...any) {
		if is {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	worse(now.started != before.started, "the server was started again")
	worse(now.memory > before.memory+growth, "the server's memory grew from %.0f to %.0f MB", before.memory, now.memory)
	worse(now.goroutines > before.goroutines, "the server has %d goroutines, %d before", now.goroutines, before.goroutines)
	worse(now.open > before.open, "the server has %d files open, %d before", now.open, before.open)
	worse(now.workers > before.workers, "the server has %d workers, %d before", now.workers, before.workers)
	worse(now.sessions > before.sessions, "there are %d sessions, %d before", now.sessions, before.sessions)
	worse(now.contents > before.contents, "%d files of sessions are left, %d before", now.contents, before.contents)
	worse(len(now.temporary) > len(before.temporary), "temporary files are left: %.80q, %d before", now.temporary, len(before.temporary))
	return out
}

// settle waits until the server's figures are stable, for a first look.
func (s *server) settle(ctx context.Context) (state, error) {
	last := state{goroutines: -1}
	return s.wait(ctx, 10*time.Second, func(now state) bool {
		before := last
		last = now
		return now.goroutines == before.goroutines && now.open == before.open
	})
}

// rest waits, for a limited time, until the server is no worse than before.
func (s *server) rest(ctx context.Context, before state, growth float64, patience time.Duration) (state, error) {
	return s.wait(ctx, patience, func(now state) bool { return len(now.harm(before, growth)) == 0 })
}

// wait looks at the server again and again, until that is enough or the time is over.
func (s *server) wait(ctx context.Context, most time.Duration, enough func(state) bool) (state, error) {
	for end := time.Now().Add(most); ; {
		now, err := s.look(ctx)
		if err != nil || enough(now) || time.Now().After(end) {
			return now, err
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}
