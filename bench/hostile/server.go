package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tallyman/intake"
	"tallyman/internal/load"
)

// server is the program, running, with folders of its own.
type server struct {
	url  string
	data string
	tmp  string

	cmd   *exec.Cmd
	ended chan struct{} // closed when its process is gone

	mu       sync.Mutex
	warnings map[string]int // what its log says beyond information, how often
	errors   []string       // lines of its log about faults of its own
}

// start starts the program and waits for its first line.
func start(program, dir string, atOnce int) (*server, error) {
	s := &server{
		data: filepath.Join(dir, "data"), tmp: filepath.Join(dir, "tmp"),
		ended: make(chan struct{}), warnings: map[string]int{},
	}
	if err := os.Mkdir(s.tmp, 0o700); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--data", s.data, "--cache", intake.CacheDir(),
		"--log", "json", "--workers", strconv.Itoa(atOnce))
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.tmp)
	out, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	var first struct{ URL string }
	if err != nil || json.Unmarshal(line, &first) != nil || first.URL == "" {
		s.cmd.Process.Kill()
		rest, _ := io.ReadAll(lines)
		s.cmd.Wait()
		return nil, fmt.Errorf("the server does not start: %s%s", line, rest)
	}
	s.url = first.URL
	go func() {
		s.listen(lines)
		s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// listen reads the log to its end.
func (s *server) listen(lines *bufio.Reader) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var says struct{ Level, Msg, Error, Cause string }
		if json.Unmarshal([]byte(line), &says) == nil && says.Level == "INFO" {
			continue
		}
		s.mu.Lock()
		if says.Level == "WARN" {
			s.warnings[says.Msg+": "+says.Error]++
		} else if len(s.errors) < 100 {
			s.errors = append(s.errors, strings.TrimSpace(line))
		}
		s.mu.Unlock()
	}
}

// end ends the server, if it runs still, and waits until it is gone.
func (s *server) end() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
	}
}

// gone reports whether the process has ended.
func (s *server) gone() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// state is how a server is while it has nothing to do.
type state struct {
	started    float64 // when its process was, in seconds of the epoch
	memory     float64 // resident, of the server alone, in MB
	heap       float64 // what Go's heap holds of it, garbage included, in MB
	workers    int
	ofWorkers  float64 // their memory, in MB
	goroutines int
	open       int // file descriptors
	sessions   int
	restarts   int // of workers, so far
	temporary  []string
	contents   int // files of sessions
}

// alone makes every request on a connection of its own, so that looking always
// costs the server the same.
var alone = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}

// look asks the server how it is.
func (s *server) look(ctx context.Context) (state, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/metrics", nil)
	if err != nil {
		return state{}, err
	}
	resp, err := alone.Do(req)
	if err != nil {
		return state{}, err
	}
	defer resp.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && !strings.HasPrefix(name, "#") {
			values[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	if err := lines.Err(); err != nil || resp.StatusCode != http.StatusOK {
		return state{}, fmt.Errorf("/metrics: %s, %w", resp.Status, err)
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
	all, processes := load.Memory(s.cmd.Process.Pid)
	now.workers, now.ofWorkers = processes-1, all-now.memory
	if now.temporary, err = files(s.tmp); err != nil {
		return state{}, err
	}
	contents, err := files(filepath.Join(s.data, "contents"))
	now.contents = len(contents)
	return now, err
}

// files lists the files below a folder.
func files(dir string) (all []string, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	})
	return all, err
}

// harm is what is worse now than it was before.
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

// settle waits until the server's figures stand still, for a first look at it.
func (s *server) settle(ctx context.Context) (state, error) {
	last := state{goroutines: -1}
	for end := time.Now().Add(10 * time.Second); ; {
		now, err := s.look(ctx)
		if err != nil || now.goroutines == last.goroutines && now.open == last.open || time.Now().After(end) {
			return now, err
		}
		last = now
		if err := pause(ctx); err != nil {
			return now, err
		}
	}
}

// rest waits until the server is no worse than it was, for so long.
func (s *server) rest(ctx context.Context, before state, growth float64, patience time.Duration) (state, error) {
	for end := time.Now().Add(patience); ; {
		now, err := s.look(ctx)
		if err != nil || len(now.harm(before, growth)) == 0 || time.Now().After(end) {
			return now, err
		}
		if err := pause(ctx); err != nil {
			return now, err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(500 * time.Millisecond):
		return nil
	}
}
