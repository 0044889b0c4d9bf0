package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

// server is the process and its directories.
type server struct {
	program.Server
	data, temp string
	more       []string      // arguments
	life       string        // of sessions, from the next start on
	random     *rand.Rand    // of the faults
	grace      time.Duration // that it may take to end
	document   time.Duration // that a document may take

	report *Report
	log    *os.File
	last   atomic.Value // its last URL
}

// connections is the server's limit of connections.
const connections = 160

func newServer(s *Soak) (*server, error) {
	v := &server{
		data: filepath.Join(s.o.Dir, "data"), temp: filepath.Join(s.o.Dir, "tmp"),
		random: rand.New(rand.NewPCG(s.o.Seed, 0xFA17)), report: s.report,
		life:  "24h", // longer than a run, until its end
		grace: s.o.within(5 * time.Second), document: s.o.within(time.Minute),
	}
	if err := errors.Join(os.MkdirAll(v.data, 0o700), os.MkdirAll(v.temp, 0o700)); err != nil {
		return nil, err
	}
	var err error
	if v.log, err = os.OpenFile(LogPath(s.o.Dir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	v.Name, v.Program, v.Heard = "the server", s.o.Program, v.hear
	v.Env = []string{"TMPDIR=" + v.temp}
	return v, nil
}

// Start starts the server, from the second time on at the same address.
func (v *server) Start() error {
	at := cmp.Or(strings.TrimPrefix(v.url(), "http://"), "127.0.0.1:0")
	v.Args = []string{
		"--listen", at, "--data", v.data, "--cache", intake.CacheDir(), "--log", "json", "--grace", v.grace.String(),
		"--workers", "2", "--timeout", v.document.String(), "--connections", strconv.Itoa(connections),
		"--life", v.life, "--cookie-life", v.life,
		// What a kill leaves is looked for at the end. Few files are left then, of which
		// orphans may be a large share.
		"--orphan-age", "2s", "--sweep-share", "100",
	}
	v.Args = append(v.Args, v.more...)
	err := v.Server.Start()
	if err == nil {
		v.last.Store(v.URL())
	}
	return err
}

// url is the server's present or last URL.
func (v *server) url() string {
	last, _ := v.last.Load().(string)
	return last
}

// hear keeps the log, and checks it for lines that must not be there.
func (v *server) hear(line string) {
	fmt.Fprintln(v.log, line)
	for _, bad := range []string{"panic", "goroutine ", `"code":"internal"`, "fatal error", "DATA RACE", `"code":"damaged_content"`} {
		if strings.Contains(line, bad) {
			v.report.violated(panics, "the server's log has %.600s", line)
			return
		}
	}
}

func (v *server) close() {
	v.Kill()
	v.log.Close()
}

// memory describes the memory of the server and its workers.
func (v *server) memory() string {
	self, workers := load.Family(v.PID())
	return fmt.Sprintf("server %.0f MB, %d workers %.0f MB", self.MB, len(workers), load.Sum(workers))
}

// worker returns a random worker of the server, 0 if there is none.
func (v *server) worker() int {
	_, workers := load.Family(v.PID())
	if len(workers) == 0 {
		return 0
	}
	return workers[v.random.IntN(len(workers))].PID
}

// files are the paths of the files in the data directory and in the directory for
// temporary files. The database's own files are left out, since they come and go.
func (v *server) files() ([]string, error) {
	found, err := load.Files(v.data, v.temp)
	return slices.DeleteFunc(found, func(path string) bool {
		name := filepath.Base(path)
		return filepath.Dir(path) == v.data && (strings.HasPrefix(name, "sessions.db") || name == "RESERVE" || name == "LOCK" || name == ballast)
	}), err
}

// metrics returns measurements of the server by name, those without labels.
func (s *Soak) metrics(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Deadline)
	defer cancel()
	return load.Metrics(ctx, s.hc, s.server.url())
}

// restart ends the server and starts it again.
func (s *Soak) restart(ctx context.Context) error {
	s.background.Wait() // slow clients may take longer than the grace
	over := s.trouble.begin(down)
	defer over()
	s.end()
	if err := s.start(); err != nil {
		return err
	}
	over()
	return s.probe(ctx, "SIGTERM and a start")
}

// end lets the server finish what it accepted.
func (s *Soak) end() {
	most := s.server.grace + 15*time.Second
	how := s.server.EndWithin(most)
	if how == nil {
		s.report.violated(hangs, "the server did not end within %v of SIGTERM", most)
	} else if !how.Success() && s.trouble.since(rogue, time.Now()) {
		// A rogue worker holds its document for as long as a worker may say nothing, which is
		// longer than the grace.
		s.report.count("ends before all that was accepted was finished, because of a rogue worker")
	} else if !how.Success() {
		s.report.violated(unpromised, "the server ended with %v after SIGTERM: not all that it had accepted was finished", how)
	}
}
