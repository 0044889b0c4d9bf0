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

// built is the program as it was built, once for this process.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Path builds the program, once, and returns its path. Forget removes it.
func Path() (string, error) {
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

// Build builds the program at a path. Arguments are for go build.
func Build(path string, args ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}, args...), "tallyman/cmd/tallyman")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}
