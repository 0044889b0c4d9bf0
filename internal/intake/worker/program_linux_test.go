//go:build !race

// The race detector needs more memory than a confined program gets.

package worker_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/internal/intake/worker"
	"tallyman/internal/testing/must"
)

// shell returns a program that runs a script of the shell.
func shell(script string) *worker.Program {
	return &worker.Program{
		Path: "/bin/bash", Args: []string{"-c", script}, Env: []string{"SEEN=only this"},
		Folders: []string{"/usr", "/lib", "/lib64"}, Memory: 128 << 20, Time: time.Hour, Most: 1 << 16,
	}
}

func TestAProgramGetsItsInputAndNothingElse(t *testing.T) {
	t.Setenv("SECRET", "of the parent")
	out, err := shell(`read line; echo "$line, $SEEN, ${SECRET-no secret}"`).Run(context.Background(), []byte("hello\n"))
	if err != nil || string(out) != "hello, only this, no secret\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestAProgramIsConfined(t *testing.T) {
	if worker.Missing() != "" {
		t.Skipf("this machine lacks %s", worker.Missing())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must.OK(t, err)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	dir := t.TempDir()
	private, tool := filepath.Join(dir, "private"), filepath.Join(dir, "tool")
	must.OK(t, errors.Join(os.WriteFile(private, []byte("private\n"), 0o644), os.WriteFile(tool, []byte("#!/bin/bash\necho ran\n"), 0o755), os.Chmod(dir, 0o755)))
	for what, script := range map[string]string{
		"reading a file":                "read line < " + private + " && echo $line",
		"writing a file":                "echo x > " + filepath.Join(dir, "new") + " && echo written",
		"the network":                   "exec 3<>/dev/tcp/127.0.0.1/" + port + " && echo connected",
		"another process":               "/usr/bin/true; [ $? = 0 ] && echo started",
		"a program outside its folders": "exec " + tool,
		"signals":                       "kill -TERM $PPID && echo sent",
		"too much memory":               `x=$(:); for i in 1 2 3 4 5 6 7 8 9; do printf -v x '%050000000d' 1; y="$y$x"; done; echo held`,
	} {
		out, err := shell(script).Run(context.Background(), nil)
		if len(out) > 0 {
			t.Errorf("%s: %q, %v", what, out, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a file was written")
	}
}

func TestAProgramThatDoesNotEndIsEnded(t *testing.T) {
	p := shell("while :; do :; done")
	p.Time = 300 * time.Millisecond
	if _, err := p.Run(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("an endless program: %v", err)
	}
	if out, err := shell("while :; do echo yyyyyyyyyyyyyyyy; done").Run(context.Background(), nil); err == nil {
		t.Errorf("%d bytes were taken", len(out))
	}
	if _, err := shell("exit 3").Run(context.Background(), nil); err == nil {
		t.Error("a program that failed")
	}
}
