package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/testing/api"
	"tallyman/internal/testing/child"
	"tallyman/internal/testing/program"
)

// rogueWords are what a worker that was taken over may send to the server, beside what a
// sound one sends: one part, and then the other again and again. A worker that lies about
// what it has read is not among them, since nobody can tell.
var rogueWords = []struct {
	name        string
	once, again []byte
}{
	{"bytes that are not frames", nil, bytes.Repeat([]byte{0xAB, 0xCD, 0xEF}, 1000)},
	{"a frame without an end", []byte("P\xff\xff\xff\x03"), make([]byte, 4096)},
	{"a frame that is too large", []byte("P\xff\xff\xff\xff"), nil},
	{"replies that nobody can read", nil, append([]byte("P\x00\x04\x00\x00"), bytes.Repeat([]byte("{"), 1024)...)},
	{"an end that is none", []byte("E\x01\x00\x00\x00{"), nil},
	{"reads of what is not there", nil, []byte("R\x0c\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
}

// rogueWorker has a worker send what no sound one sends, whether it is working or idle.
// The document that it reads then, or next, may be refused; nothing else may happen.
func (s *Soak) rogueWorker(ctx context.Context) error {
	pid := s.server.worker()
	if pid == 0 {
		return errMissed
	}
	words := rogueWords[s.server.random.IntN(len(rogueWords))]
	over := s.trouble.begin(rogue)
	defer over()
	out, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", pid), os.O_WRONLY|nonBlocking, 0)
	if err != nil {
		return errMissed // it ended meanwhile
	}
	defer out.Close()
	if child.Signal(pid, s.server.PID(), syscall.Signal(0)) != nil {
		return errMissed
	}
	s.trouble.allow(rogue)
	out.SetWriteDeadline(time.Now().Add(s.patience(2 * time.Second)))
	_, err = out.Write(words.once)
	for err == nil && ctx.Err() == nil && len(words.again) > 0 {
		_, err = out.Write(words.again)
	}
	s.report.count("rogue workers: " + words.name)
	out.Close()
	over()
	return s.probe(ctx, "a worker that sent "+words.name)
}

// foreignServer starts another server over the contents of this one, and with a data
// directory of its own. It must refuse to run; if it ran, its sweep would remove them.
func (s *Soak) foreignServer(ctx context.Context) error {
	dir := filepath.Join(s.o.Dir, "foreign-"+strconv.Itoa(s.server.random.IntN(1<<30)))
	defer os.RemoveAll(dir)
	return s.second(ctx, "a foreign server over the same contents", "in use by another Tallyman",
		"--data", dir, "--blobs", "file://"+filepath.Join(s.server.data, "contents"), "--orphan-age", "1s", "--sweep-share", "100")
}

// twin starts another server with the data directory of this one.
func (s *Soak) twin(ctx context.Context) error {
	return s.second(ctx, "a second server with the same data directory", "in use", "--data", s.server.data)
}

// second starts another server, which must refuse to run, and say why.
func (s *Soak) second(ctx context.Context, name, why string, args ...string) error {
	other := program.New(s.o.Program, append(args, "--cache", intake.CacheDir())...)
	other.Env = s.server.Env
	switch err := other.Start(); {
	case err == nil:
		s.report.violated(unpromised, "%s runs", name)
		sleep(ctx, 3*time.Second)
		other.Kill()
	case !strings.Contains(err.Error(), why):
		s.report.violated(unpromised, "%s does not say %q: %v", name, why, err)
	}
	s.looks.Add(1)
	return s.probe(ctx, name)
}

// jumps are the differences by which the wall clock jumps.
var jumps = []time.Duration{25 * time.Hour, -25 * time.Hour, 400 * 24 * time.Hour, -400 * 24 * time.Hour}

// jumpClock moves the server's wall clock for a while. No session ends by that.
func (s *Soak) jumpClock(ctx context.Context) error {
	if pid := s.server.PID(); s.clock == nil || s.clockOf != pid {
		if s.clock != nil {
			s.clock.close()
		}
		var err error
		if s.clock, err = openClock(pid, os.Getpid()); err != nil {
			return fmt.Errorf("moving the server's clock: %w", err)
		}
		s.clockOf = pid
	}
	by := jumps[s.server.random.IntN(len(jumps))]
	over := s.trouble.begin(jumped)
	defer over()
	if err := s.clock.set(by); err != nil {
		return err
	}
	a := s.ask(ctx, s.hc, api.Request{Method: "GET", Path: "/ping"})
	if at, err := http.ParseTime(a.Header.Get("Date")); a.outcome == done && (err != nil || (time.Until(at)-by).Abs() > time.Hour) {
		return fmt.Errorf("the server's clock was to jump by %v, and it says %v, %w", by, at, err)
	}
	s.looks.Add(1)
	sleep(ctx, s.between(100*time.Millisecond, s.patience(6*time.Second)))
	if err := errors.Join(s.probe(ctx, "a jump of the clock"), s.clock.set(0)); err != nil {
		return err
	}
	s.looks.Add(1)
	return s.probe(ctx, "a jump of the clock back")
}
