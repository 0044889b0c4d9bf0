// Package pgtest starts throwaway PostgreSQL servers for tests, from the binaries
// that Debian's package postgresql installs. Data is in a temporary directory, which
// Close removes; on Linux a server ends with the test binary, however that ends.
//
// PostgreSQL refuses to run as root; a test that does has it run as the user
// postgres, which the package makes.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tallyman/internal/testing/child"
)

// Server is a PostgreSQL server on a loopback port. Whoever can reach the port is
// let in as the superuser postgres, but for the role guarded, which needs the
// Password.
type Server struct {
	// Port is where it listens, on 127.0.0.1.
	Port int

	bin   string
	dir   string
	fsync bool
	as    *account // who runs it, nil for ourselves

	mu      sync.Mutex
	running *exec.Cmd
	ended   <-chan struct{}
}

// Password is the password of the role guarded.
const Password = "s3cret@/%word"

// At is a server that another process started, by its Port. It can be used, but
// neither be stopped nor started.
func At(port int) *Server { return &Server{Port: port} }

// Start makes a server and starts it. With fsync it keeps what it commits, as a
// server in real use does; without, it is faster and only fit for tests that do
// not try that. Close it in the end.
func Start(fsync bool) (_ *Server, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, fsync: fsync}
	if s.as, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "tallyman-postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.as != nil {
		if err := os.Chown(s.dir, int(s.as.uid), int(s.as.gid)); err != nil {
			return nil, err
		}
	}
	initdb := s.command("initdb", "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--username=postgres", "--pgdata="+s.data())
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	hba := "local all all trust\nhost all guarded all scram-sha-256\nhost all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"
	if err := os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(context.Background(), s.Address("postgres"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), "CREATE ROLE guarded LOGIN PASSWORD '"+Password+"'")
	return s, err
}

// binaries finds the newest PostgreSQL there is.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("PostgreSQL is missing: install Debian's package postgresql, or have postgres and initdb in PATH")
}

// account is a user of the machine.
type account struct{ uid, gid uint32 }

// unprivileged is who runs the server, if we must not.
func unprivileged() (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and the user that Debian's package postgresql makes is missing: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &account{uint32(uid), uint32(gid)}, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + s.bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "TMPDIR=" + s.dir}
	s.as.run(cmd)
	return cmd
}

// Start starts the server again after a Stop, at the same port, and waits until it
// answers.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return errors.New("the server is running")
	}
	if s.Port == 0 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.Port = free.Addr().(*net.TCPAddr).Port
		free.Close()
	}
	onOff := map[bool]string{true: "on", false: "off"}
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.Port)}
	for name, value := range map[string]string{
		"listen_addresses": "127.0.0.1", "unix_socket_directories": s.dir, "max_connections": "200",
		"fsync": onOff[s.fsync], "full_page_writes": onOff[s.fsync],
		"shared_buffers": "64MB", "logging_collector": "off", "log_min_messages": "fatal",
	} {
		args = append(args, "-c", name+"="+value)
	}
	cmd := s.command("postgres", args...)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	// Told so, it ends its own processes, too.
	ended, err := child.Start(cmd, syscall.SIGQUIT, cmd.Wait)
	if err != nil {
		return err
	}
	s.running, s.ended = cmd, ended
	ctx := context.Background()
	for {
		conn, err := pgx.Connect(ctx, s.Address("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ended:
			s.running = nil
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server does not start:\n%s", tail(string(text)))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// Mode is a way to stop a server.
type Mode syscall.Signal

// The modes, as pg_ctl calls them.
const (
	Fast      = Mode(syscall.SIGINT)  // transactions are rolled back, all is written
	Immediate = Mode(syscall.SIGQUIT) // as in a crash: the next start recovers from the log
)

// Stop stops the server and waits until it has ended.
func (s *Server) Stop(m Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return nil
	}
	if err := s.running.Process.Signal(syscall.Signal(m)); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	s.running = nil
	return nil
}

// Close stops the server and removes all that it had.
func (s *Server) Close() error {
	return errors.Join(s.Stop(Immediate), os.RemoveAll(s.dir))
}

// Address is the address of a database, as the superuser.
func (s *Server) Address(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

// Database makes an empty database that nothing else uses and returns its name.
// The test fails if it cannot.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name, err := s.NewDatabase()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// NewDatabase is Database where there is no test.
func (s *Server) NewDatabase() (string, error) {
	name := "test_" + strings.ToLower(rand.Text())
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.Address("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	return name, err
}

// Dump returns what pg_dump says of a database, in its custom format.
func (s *Server) Dump(database string) ([]byte, error) {
	var out, text bytes.Buffer
	cmd := s.command("pg_dump", "--format=custom", "--dbname="+s.Address(database))
	cmd.Stdout, cmd.Stderr = &out, &text
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pg_dump: %w\n%s", err, tail(text.String()))
	}
	return out.Bytes(), nil
}

// Restore puts a dump into an empty database.
func (s *Server) Restore(database string, dump []byte) error {
	cmd := s.command("pg_restore", "--exit-on-error", "--dbname="+s.Address(database))
	cmd.Stdin = bytes.NewReader(dump)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_restore: %w\n%s", err, tail(string(out)))
	}
	return nil
}

// PID is the server's first process, 0 if it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return 0
	}
	return s.running.Process.Pid
}

// Exec carries out SQL in a database as the superuser. The test fails if it
// cannot.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.Address(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, one := range strings.Split(sql, ";;") {
		if _, err := conn.Exec(ctx, one); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
	}
}
