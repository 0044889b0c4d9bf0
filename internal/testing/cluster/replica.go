package cluster

import (
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/testing/program"
)

// Replica is the program, running or not.
type Replica struct {
	program.Server

	// ToPostgres and ToS3 are what it reaches its servers by, nil if Config.Direct
	// says so.
	ToPostgres, ToS3 *Link

	cluster *Cluster
	mu      sync.Mutex
	log     []string
}

// Start starts it and waits until it listens, at a port of its own choice.
func (r *Replica) Start() error {
	c := r.cluster
	store, contents := c.addresses(r)
	r.Args = append([]string{
		"--listen", "127.0.0.1:0", "--data", filepath.Join(c.dir, r.Name), "--cache", intake.CacheDir(), "--log", "json",
		"--store", store, "--blobs", contents, "--workers", "1",
	}, c.Config.Args...)
	r.Env = c.Servers.S3.Environment()
	return r.Server.Start()
}

// logMost bounds how many lines of a log are kept.
const logMost = 10_000

func (r *Replica) hear(line string) {
	if strings.Contains(line, `"level":"INFO"`) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.log) < logMost {
		r.log = append(r.log, line+"\n")
	}
}

// Log returns the lines of its log that are more than information.
func (r *Replica) Log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.log...)
}

// Dump ends it, and returns what its goroutines were at.
func (r *Replica) Dump() string {
	from := len(r.Log())
	r.Server.Dump()
	return strings.Join(r.Log()[from:], "")
}

// End tells it to end, and waits until it has finished what it accepted. The
// balancer is told a moment before, as orchestrators do.
func (r *Replica) End() { r.Server.End(500 * time.Millisecond) }
