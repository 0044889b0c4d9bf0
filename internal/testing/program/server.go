package program

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"tallyman/internal/testing/child"
)

// Server is the program as a server, running or not. It ends with this process, on
// Linux even if this process is killed.
type Server struct {
	// Name is for people.
	Name string
	// Program is the path of the program at its next start.
	Program string
	// Args follow serve, and Env is added to the environment, at the next start. The
	// log must be JSON.
	Args, Env []string
	// Heard receives every line of its log, without the newline; nil to ignore the
	// log.
	Heard func(line string)

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended <-chan struct{}
	url   string // "" while it is not running
}

// New returns the program at a path as a server that will listen on a free port of
// this machine, with further arguments. Call Start to run it.
func New(program string, args ...string) *Server {
	return &Server{Name: "the server", Program: program, Args: append([]string{"--listen", "127.0.0.1:0", "--log", "json"}, args...)}
}

// startTime bounds the time until it listens.
const startTime = 30 * time.Minute

// ErrRuns is returned by Start if the server is running.
var ErrRuns = errors.New("the server is already running")

// Start starts the server and waits until it listens. If it does not, the error
// contains its log.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return fmt.Errorf("%s: %w", s.Name, ErrRuns)
	}
	cmd := exec.Command(s.Program, append([]string{"serve"}, s.Args...)...)
	cmd.Env = append(os.Environ(), s.Env...)
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	read := make(chan struct{})
	ended, err := child.Start(cmd, syscall.SIGKILL, func() error { <-read; return cmd.Wait() })
	if err != nil {
		return err
	}
	// A server that hangs before it listens is a fault, too.
	hung := time.AfterFunc(startTime, func() { cmd.Process.Kill() })
	defer hung.Stop()
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	var first struct{ Msg, URL string }
	for err == nil && (json.Unmarshal(line, &first) == nil && first.URL == "") {
		s.hear(line) // a warning before it listens
		line, err = lines.ReadBytes('\n')
	}
	if err != nil || first.URL == "" {
		cmd.Process.Kill()
		rest, _ := io.ReadAll(lines)
		close(read)
		<-ended
		return fmt.Errorf("%s does not start: %s%s", s.Name, line, rest)
	}
	s.hear(line)
	go func() {
		for {
			line, err := lines.ReadBytes('\n')
			if len(line) > 0 {
				s.hear(line)
			}
			if err != nil {
				break
			}
		}
		close(read)
	}()
	s.cmd, s.ended, s.url = cmd, ended, first.URL
	return nil
}

func (s *Server) hear(line []byte) {
	if s.Heard != nil {
		s.Heard(strings.TrimSuffix(string(line), "\n"))
	}
}

// URL is the server's address, "" if it is not running.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// PID is the server's process, 0 if it is not running.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Fell reports whether the server ended without being told to.
func (s *Server) Fell() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// How says how the server ended, if it Fell.
func (s *Server) How() string {
	if !s.Fell() {
		return ""
	}
	return s.cmd.ProcessState.String()
}

// Kill ends the server at once, as kill -9 does.
func (s *Server) Kill() { s.stop(syscall.SIGKILL, 0, 0) }

// Dump ends the server after it has logged the stacks of its goroutines.
func (s *Server) Dump() { s.stop(syscall.SIGQUIT, 0, 0) }

// End ends the server, and waits until it has finished what it accepted. The URL is empty
// from now on. The signal follows after a pause, as orchestrators do it.
func (s *Server) End(after time.Duration) { s.stop(syscall.SIGTERM, after, 0) }

// EndWithin ends the server, and kills it if it has not ended within a time. It
// returns how the server ended by itself, nil if it did not or was not running.
func (s *Server) EndWithin(most time.Duration) *os.ProcessState {
	return s.stop(syscall.SIGTERM, 0, most)
}

// stop sends a signal and waits for the end, for at most most unless that is 0.
func (s *Server) stop(sig syscall.Signal, after, most time.Duration) *os.ProcessState {
	s.mu.Lock()
	cmd, ended := s.cmd, s.ended
	s.cmd, s.url = nil, ""
	s.mu.Unlock()
	if cmd == nil {
		return nil
	}
	time.Sleep(after)
	cmd.Process.Signal(sig)
	if most > 0 {
		select {
		case <-ended:
			return cmd.ProcessState
		case <-time.After(most):
			cmd.Process.Kill()
			<-ended
			return nil
		}
	}
	<-ended
	return cmd.ProcessState
}
