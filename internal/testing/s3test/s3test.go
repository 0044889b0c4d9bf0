// Package s3test starts temporary S3 servers for tests: Versity's S3 gateway over a
// temporary folder, on a port of the loopback interface.
//
// The server is built once, with the Go module proxy, into the user's cache folder.
// It is not a dependency of this module.
package s3test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"tallyman/internal/testing/child"
	"tallyman/internal/testing/must"
)

const (
	module  = "github.com/versity/versitygw/cmd/versitygw"
	version = "v1.8.0"
)

// Build returns the path of the server's program, and builds it if it is missing.
func Build(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("the S3 server for tests has no cache folder: %w", err)
	}
	dir := filepath.Join(cache, "tallyman-test", "versitygw-"+version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("the S3 server for tests has no cache folder: %w", err)
	}
	program := filepath.Join(dir, "versitygw")
	// Test binaries run in parallel, and only one may build.
	lock := flock.New(program + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("locking the S3 server for tests: %w", err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	// This does not use TMPDIR, which a test may have made small.
	temporary, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", fmt.Errorf("the S3 server for tests has no cache folder: %w", err)
	}
	defer os.RemoveAll(temporary)
	fresh := filepath.Join(temporary, "bin")
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", module+"@"+version)
	cmd.Dir = dir // outside of this module
	cmd.Env = append(os.Environ(), "GOBIN="+fresh, "TMPDIR="+temporary, "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the S3 server for tests is missing, and \"go install %s@%s\" fails (%w): it needs the Go module proxy, once\n%s", module, version, err, out)
	}
	if err := os.Rename(filepath.Join(fresh, "versitygw"), program); err != nil {
		return "", fmt.Errorf("keeping the S3 server for tests: %w", err)
	}
	return program, nil
}

// Server is a running S3 server. Access and Secret are its only credentials.
type Server struct {
	Endpoint string // http://127.0.0.1:PORT
	Access   string
	Secret   string
	// Root is the folder with a folder for each bucket, which has a file for each
	// object.
	Root string

	program string
	address string
	mu      sync.Mutex
	cmd     *exec.Cmd
	done    <-chan struct{}
	log     *bytes.Buffer
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := New(t.TempDir())
	must.OK(t, err)
	t.Cleanup(s.Kill)
	return s
}

// New starts a server that keeps its data in a folder. Call Kill in the end; the
// server ends with this process in any case.
func New(dir string) (*Server, error) {
	program, err := Build(context.Background())
	if err != nil {
		return nil, err
	}
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Endpoint: "http://" + address, Access: rand.Text(), Secret: rand.Text(),
		Root: filepath.Join(dir, "buckets"), program: program, address: address,
	}
	if err := os.Mkdir(s.Root, 0o755); err != nil {
		return nil, err
	}
	if err := s.Run(); err != nil {
		return nil, err
	}
	return s, nil
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

// freePort returns an address that is free at the moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Bucket makes a new bucket and returns its name. The server may be stopped.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	name, err := s.NewBucket()
	must.OK(t, err)
	return name
}

// NewBucket is Bucket without a test.
func (s *Server) NewBucket() (string, error) {
	name := "bucket-" + strings.ToLower(rand.Text())
	return name, os.Mkdir(filepath.Join(s.Root, name), 0o755)
}

// Address returns the address of a store for tallyman/blob/stores.
func (s *Server) Address(bucket, prefix string) string {
	return "s3://" + bucket + "/" + prefix + "?timeout=10m&endpoint=" + s.Endpoint
}

// Environment returns the variables with the credentials, for processes. They also
// hide the AWS configuration of the user who runs the test.
func (s *Server) Environment() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + s.Access, "AWS_SECRET_ACCESS_KEY=" + s.Secret, "AWS_SESSION_TOKEN=",
		"AWS_PROFILE=", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=", "AWS_ENDPOINT_URL_S3=", "AWS_CA_BUNDLE=",
	}
}

// Setenv sets the variables of Environment in this process until the test ends.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	for _, v := range s.Environment() {
		name, value, _ := bytes.Cut([]byte(v), []byte("="))
		t.Setenv(string(name), string(value))
	}
}

// Run starts the server again, at the same address and over the same buckets,
// after Kill.
func (s *Server) Run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return errors.New("the S3 server for tests is already running")
	}
	cmd := exec.Command(s.program, "--port", s.address, "--access", s.Access, "--secret", s.Secret, "--health", "/health", "--quiet", "--keep-alive", "posix", s.Root)
	cmd.Dir = filepath.Dir(s.Root) // where it puts its files
	s.log = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = s.log, s.log
	done, err := child.Start(cmd, syscall.SIGKILL, cmd.Wait)
	if err != nil {
		return fmt.Errorf("starting the S3 server for tests: %w", err)
	}
	s.cmd, s.done = cmd, done
	for {
		resp, err := http.Get(s.Endpoint + "/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-done:
			s.cmd = nil
			return fmt.Errorf("the S3 server for tests ended: %s", s.log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill ends the server at once, as kill -9 does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
}
