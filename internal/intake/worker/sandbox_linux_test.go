package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tallyman/internal/intake/worker"
)

// escapes are attempts of a document that has taken over its reader. Each returns nil
// if it succeeded.
var escapes = map[string]func(dir string) error{
	"read a file": func(dir string) error {
		_, err := os.ReadFile(filepath.Join(dir, "secret"))
		return err
	},
	"list a folder": func(dir string) error {
		_, err := os.ReadDir(dir)
		return err
	},
	"write a file": func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "new"), []byte("x"), 0o600)
	},
	"remove a file": func(dir string) error {
		return os.Remove(filepath.Join(dir, "doomed"))
	},
	"read the parent's memory": func(string) error {
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", os.Getppid()), os.O_RDWR, 0)
		if err == nil {
			f.Close()
		}
		return err
	},
	"read the parent's environment": func(string) error {
		_, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid()))
		return err
	},
	"open a TCP socket":   func(string) error { return socket(syscall.AF_INET, syscall.SOCK_STREAM) },
	"open a UDP socket":   func(string) error { return socket(syscall.AF_INET, syscall.SOCK_DGRAM) },
	"open a local socket": func(string) error { return socket(syscall.AF_UNIX, syscall.SOCK_STREAM) },
	"start a program":     func(string) error { return exec.Command("/bin/true").Run() },
	"signal a thread of its parent": func(string) error {
		if _, _, errno := syscall.Syscall(syscall.SYS_TGKILL, uintptr(os.Getppid()), uintptr(os.Getppid()), 0); errno != 0 {
			return errno
		}
		return nil
	},
	"signal its parent": func(string) error { return syscall.Kill(os.Getppid(), 0) },
}

func socket(domain, kind int) error {
	fd, err := syscall.Socket(domain, kind, 0)
	if err == nil {
		syscall.Close(fd)
	}
	return err
}

func init() { escape = try }

// try is a worker's method. It tries all escapes, and replies with the names of those
// that succeeded, or that failed for another reason than the sandbox.
func try(c *worker.Call, args []byte) error {
	for name, attempt := range escapes {
		switch err := attempt(string(args)); {
		case err == nil:
			if err := c.Reply([]byte(name)); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrPermission):
			if err := c.Reply(fmt.Appendf(nil, "%s: %v", name, err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// prey returns a folder with the targets of the escapes.
func prey(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"secret", "doomed"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAWorkerCannotReachOut(t *testing.T) {
	if box := worker.Sandbox(); !strings.Contains(box, "and seccomp") {
		t.Fatalf("this kernel cannot confine workers: %s", box)
	}
	p := pool(t, worker.Config{Workers: 1})
	dir := prey(t)
	var done []string
	call := worker.Request{Method: "escape", Args: []byte(dir), Reply: func(b []byte) error {
		done = append(done, string(b))
		return nil
	}}
	lease, err := p.Lease(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if err := lease.Call(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	slices.Sort(done)
	if len(done) > 0 {
		t.Errorf("a worker could: %s", strings.Join(done, "; "))
	}
	for _, name := range []string{"secret", "doomed"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// Without the sandbox the same attempts succeed, so it is the sandbox that makes them
// fail.
func TestWithoutTheSandboxTheyWouldSucceed(t *testing.T) {
	dir := prey(t)
	for name, attempt := range escapes {
		if strings.Contains(name, "parent") {
			continue // depends on the user who runs the tests
		}
		if err := attempt(dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A worker that compiles can use its folder only until it has compiled.
func TestASealedWorkerLosesTheFolderOfCompiledCode(t *testing.T) {
	cache := prey(t)
	p := pool(t, worker.Config{Workers: 1, Cache: cache})
	lease, err := p.Lease(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	ask := func(method string) (found string) {
		t.Helper()
		err := lease.Call(context.Background(), worker.Request{Method: method, Args: []byte(cache), Reply: func(b []byte) error {
			found = string(b)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := ask("peek"); got != "x" {
		t.Errorf("before it is sealed it reads %q", got)
	}
	ask("seal")
	if got := ask("peek"); !strings.Contains(got, "permission denied") {
		t.Errorf("sealed it reads %q", got)
	}
	// One that prepares nothing never has it.
	bare := pool(t, worker.Config{Workers: 1, Cache: cache})
	if lease, err = bare.LeaseBare(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if got := ask("peek"); !strings.Contains(got, "permission denied") {
		t.Errorf("a worker that prepares nothing reads %q", got)
	}
}
