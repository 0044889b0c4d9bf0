package cluster

import (
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/testing/link"
	"tallyman/internal/testing/program"
)

// Replica is one replica, running or not.
type Replica struct {
	program.Server

	// ToPostgres and ToS3 are its links to the servers, nil with Config.Direct.
	ToPostgres, ToS3 *link.Link

	cluster *Cluster
	mu      sync.Mutex
	log     []string
}

// Start starts the replica and waits until it listens, on a port of its own choice.
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

// Log returns the lines of its log above the level of information.
func (r *Replica) Log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.log...)
}

// Dump ends the replica, and returns the stacks of its goroutines.
func (r *Replica) Dump() string {
	from := len(r.Log())
	r.Server.Dump()
	return strings.Join(r.Log()[from:], "")
}

// End ends the replica, and waits until it has finished what it accepted. The
// balancer stops using it a moment before, as with orchestrators.
func (r *Replica) End() { r.Server.End(500 * time.Millisecond) }
