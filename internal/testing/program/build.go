// Package program builds the program and runs it as a server on this machine, for
// tests that need a process that can be killed, and for figures.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Released has Build make what a release has: the figures of benchmarks are of that.
const Released = "-trimpath"

// built is the program as it was built, once for this process.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Variable names the environment variable that holds the path of a program which was
// built already, for all tests of a run.
const Variable = "TALLYMAN_TEST_PROGRAM"

// Path returns the path of the program that Variable names, or builds it, once. Forget
// removes what it built.
func Path() (string, error) {
	if path := os.Getenv(Variable); path != "" {
		return path, nil
	}
	b := &built
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "tallyman-program-"); b.err == nil {
			b.err = Build(filepath.Join(b.dir, "tallyman"))
		}
	})
	return filepath.Join(b.dir, "tallyman"), b.err
}

// Forget removes what Path built.
func Forget() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}

// Build builds the program at a path. Arguments are for go build: with none it shares
// what is compiled with tests that are built without cgo; Released are those of a
// release.
func Build(path string, args ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-ldflags", "-s -w", "-o", path}, args...), "tallyman/cmd/tallyman")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}
