// Package pgtest starts temporary PostgreSQL servers for tests, from the binaries of
// Debian's package postgresql. Data is in a temporary directory, which Close removes;
// on Linux a server ends with the test binary, however that ends.
//
// PostgreSQL refuses to run as root; a test that runs as root makes it run as the
// user postgres, which that package creates.
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
	"tallyman/internal/testing/must"
)

// Server is a PostgreSQL server on a loopback port. Any client that can reach the
// port may log in as the superuser postgres; only the role guarded needs the
// Password.
type Server struct {
	// Port is the port on 127.0.0.1.
	Port int

	bin   string
	dir   string
	fsync bool
	as    *account // the user that runs it, nil for this process's own

	mu      sync.Mutex
	running *exec.Cmd
	ended   <-chan struct{}
}

// Password is the password of the role guarded.
const Password = "s3cret@/%word"

// At returns a server that another process started, by its Port. It can be used, but
// neither stopped nor started.
func At(port int) *Server { return &Server{Port: port} }

// Start creates and starts a server. With fsync it is durable, like a server in real
// use; without, it is faster and suits only tests that do not test durability. The
// caller closes it.
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
	return s, s.exec("postgres", "CREATE ROLE guarded LOGIN PASSWORD '"+Password+"'")
}

// binaries finds the newest installed PostgreSQL.
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

// unprivileged returns the user to run the server, if this process may not.
func unprivileged() (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and the user that Debian's package postgresql makes is missing: %w", err)
	}
	var a account
	_, err = fmt.Sscan(u.Uid+" "+u.Gid, &a.uid, &a.gid)
	return &a, err
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
	// On this signal it also ends its own processes.
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
	Fast      = Mode(syscall.SIGINT)  // transactions are rolled back, and everything is written
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

// Close stops the server and removes its data.
func (s *Server) Close() error {
	return errors.Join(s.Stop(Immediate), os.RemoveAll(s.dir))
}

// Address is the address of a database, as the superuser.
func (s *Server) Address(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

// Database creates an unused, empty database and returns its name. The test fails if
// it cannot.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name, err := s.NewDatabase()
	must.OK(t, err)
	return name
}

// NewDatabase is Database without a test.
func (s *Server) NewDatabase() (string, error) {
	name := "test_" + strings.ToLower(rand.Text())
	return name, s.exec("postgres", "CREATE DATABASE "+name)
}

// Dump returns pg_dump's output for a database, in its custom format.
func (s *Server) Dump(database string) ([]byte, error) {
	var out, text bytes.Buffer
	cmd := s.command("pg_dump", "--format=custom", "--dbname="+s.Address(database))
	cmd.Stdout, cmd.Stderr = &out, &text
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pg_dump: %w\n%s", err, tail(text.String()))
	}
	return out.Bytes(), nil
}

// Restore loads a dump into an empty database.
func (s *Server) Restore(database string, dump []byte) error {
	cmd := s.command("pg_restore", "--exit-on-error", "--dbname="+s.Address(database))
	cmd.Stdin = bytes.NewReader(dump)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_restore: %w\n%s", err, tail(string(out)))
	}
	return nil
}

// PID is the server's first process, 0 if it is not running.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return 0
	}
	return s.running.Process.Pid
}

// Exec executes SQL in a database as the superuser. The test fails if it cannot.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	must.OK(t, s.exec(database, strings.Split(sql, ";;")...))
}

// exec executes statements in a database as the superuser.
func (s *Server) exec(database string, statements ...string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.Address(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, one := range statements {
		if _, err := conn.Exec(ctx, one); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
	}
	return nil
}
