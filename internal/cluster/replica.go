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

	"tallyman/intake"
)

// Replica is the program, running or not.
type Replica struct {
	// Name is a name for people.
	Name string
	// Program is the path of the program at its next start.
	Program string
	// ToPostgres and ToS3 are what it reaches its servers by.
	ToPostgres, ToS3 *Link

	cluster *Cluster
	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{}
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
	contents := "s3://" + c.Bucket + "/tallyman?endpoint=http://" + r.ToS3.Address
	if c.Config.Patience != "" {
		contents += "&timeout=" + c.Config.Patience
	}
	cmd := exec.Command(r.Program, append([]string{
		"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(c.dir, r.Name), "--cache", intake.CacheDir(), "--log", "json",
		"--store", through(c.Store(), r.ToPostgres), "--blobs", contents, "--workers", "1",
	}, c.Config.Args...)...)
	cmd.Env = append(os.Environ(), c.Servers.S3.Environment()...)
	dieWithParent(cmd)
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	var first struct{ Msg, URL string }
	if err != nil || json.Unmarshal(line, &first) != nil || first.URL == "" {
		rest, _ := io.ReadAll(lines)
		cmd.Wait()
		return fmt.Errorf("%s does not start: %s%s", r.Name, line, rest)
	}
	ended := make(chan struct{})
	go func() {
		r.read(lines)
		cmd.Wait()
		close(ended)
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

// Kill ends it at once, as kill -9 does.
func (r *Replica) Kill() { r.stop(syscall.SIGKILL) }

// End tells it to end, and waits until it has finished what it accepted.
func (r *Replica) End() { r.stop(syscall.SIGTERM) }

func (r *Replica) stop(sig syscall.Signal) {
	r.mu.Lock()
	cmd, ended := r.cmd, r.ended
	r.cmd = nil
	r.mu.Unlock()
	if cmd != nil {
		cmd.Process.Signal(sig)
		<-ended
	}
}
