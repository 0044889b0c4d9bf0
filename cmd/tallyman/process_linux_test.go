package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// nobody is the user that unprivileged becomes.
const nobody = 65534

// unprivileged is a command that runs a program as a user without rights, since root may
// read and write everything.
func unprivileged() {
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			fmt.Fprintln(os.Stderr, "giving up rights:", err)
			os.Exit(125)
		}
	}
	path, err := exec.LookPath(os.Args[1])
	if err == nil {
		err = syscall.Exec(path, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "running it:", err)
	os.Exit(125)
}

// workers returns the process numbers of the workers of this script: they run in its
// directory.
func workers(ts *testscript.TestScript) []string {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ts.Check(err)
	var out []string
	for _, cmdline := range all {
		name, err := os.ReadFile(cmdline)
		if err != nil || !strings.HasPrefix(string(name), "tallyman-worker") {
			continue
		}
		if dir, err := os.Readlink(filepath.Join(filepath.Dir(cmdline), "cwd")); err == nil && strings.HasPrefix(dir, ts.Getenv("WORK")) {
			out = append(out, filepath.Base(filepath.Dir(cmdline)))
		}
	}
	return out
}

// soon waits until a condition holds, and ends the script after a time that is long
// enough for any machine.
func soon(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(30 * time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s", what)
		}
	}
}

func reading(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "reading")
	soon(ts, "no worker runs", func() bool { return len(workers(ts)) > 0 })
}

func workersGone(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "workers-gone")
	// When the program was killed, its workers end as soon as they notice.
	soon(ts, "workers are left", func() bool { return len(workers(ts)) == 0 })
}

// smallDisk mounts a file system of 16 kB.
func smallDisk(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "small-disk DIRECTORY")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	ts.Check(mountSmall(dir))
	ts.Defer(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

func mountSmall(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k")
}

// mayMount reports whether this user may mount file systems, which root may not do in
// every container.
func mayMount() (bool, error) {
	dir, err := os.MkdirTemp("", "tallyman-mount-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(dir)
	if err := mountSmall(dir); err != nil {
		return false, nil
	}
	return true, syscall.Unmount(dir, 0)
}
