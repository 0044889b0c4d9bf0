package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tallyman/intake"
	"tallyman/internal/child"
)

// Replica is the program, running or not.
type Replica struct {
	// Name is a name for people.
	Name string
	// Program is the path of the program at its next start.
	Program string
	// ToPostgres and ToS3 are what it reaches its servers by, nil if Config.Direct
	// says so.
	ToPostgres, ToS3 *Link

	cluster *Cluster
	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   <-chan struct{}
	url     string
	log     []string
}

// Start starts it and waits until it listens, at a port of its own choice.
func (r *Replica) Start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd != nil {
		return fmt.Errorf("%s runs already", r.Name)
	}
	c := r.cluster
	store, contents := c.addresses(r)
	cmd := exec.Command(r.Program, append([]string{
		"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(c.dir, r.Name), "--cache", intake.CacheDir(), "--log", "json",
		"--store", store, "--blobs", contents, "--workers", "1",
	}, c.Config.Args...)...)
	cmd.Env = append(os.Environ(), c.Servers.S3.Environment()...)
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	read := make(chan struct{})
	ended, err := child.Start(cmd, syscall.SIGKILL, func() error { <-read; return cmd.Wait() })
	if err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	var first struct{ Msg, URL string }
	if err != nil || json.Unmarshal(line, &first) != nil || first.URL == "" {
		cmd.Process.Kill()
		rest, _ := io.ReadAll(lines)
		close(read)
		<-ended
		return fmt.Errorf("%s does not start: %s%s", r.Name, line, rest)
	}
	go func() {
		r.read(lines)
		close(read)
	}()
	r.cmd, r.ended, r.url = cmd, ended, first.URL
	return nil
}

// logMost bounds how many lines of a log are kept.
const logMost = 10_000

func (r *Replica) read(lines *bufio.Reader) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if strings.Contains(line, `"level":"INFO"`) {
			continue
		}
		r.mu.Lock()
		if len(r.log) < logMost {
			r.log = append(r.log, line)
		}
		r.mu.Unlock()
	}
}

// Log returns the lines of its log that are more than information.
func (r *Replica) Log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.log...)
}

// URL is where it listens, "" if it does not run.
func (r *Replica) URL() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return ""
	}
	return r.url
}

// PID is its process, 0 if it does not run.
func (r *Replica) PID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

// Dump ends it, and returns what its goroutines were at.
func (r *Replica) Dump() string {
	from := len(r.Log())
	r.stop(syscall.SIGQUIT, 0)
	return strings.Join(r.Log()[from:], "")
}

// Kill ends it at once, as kill -9 does.
func (r *Replica) Kill() { r.stop(syscall.SIGKILL, 0) }

// End tells it to end, and waits until it has finished what it accepted. The
// balancer is told a moment before, as orchestrators do.
func (r *Replica) End() { r.stop(syscall.SIGTERM, 100*time.Millisecond) }

func (r *Replica) stop(sig syscall.Signal, after time.Duration) {
	r.mu.Lock()
	cmd, ended := r.cmd, r.ended
	r.cmd = nil
	r.mu.Unlock()
	if cmd != nil {
		time.Sleep(after)
		cmd.Process.Signal(sig)
		<-ended
	}
}
