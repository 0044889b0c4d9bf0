// Package program builds the program and runs it as a server on this machine, for
// tests that need a process that can be killed, and for measurements.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Released makes Build build like a release, as benchmarks need.
const Released = "-trimpath"

// built is the program that this process has built.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Variable is the environment variable with the path of an already built program, for
// all tests of a run.
const Variable = "TALLYMAN_TEST_PROGRAM"

// Path returns the path of the program in Variable, or builds it, once. Forget
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

// Build builds the program at a path. Arguments are for go build: without any it
// shares its cache with tests that are built without cgo; Released builds like a
// release.
func Build(path string, args ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-ldflags", "-s -w", "-o", path}, args...), "tallyman/cmd/tallyman")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}
