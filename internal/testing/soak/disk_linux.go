package soak

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"tallyman/internal/testing/smalldisk"
)

// inPrivate is set in the environment of a process that may mount private disks.
const inPrivate = "TALLYMAN_SOAK_PRIVATE"

// Privately starts this program again, with the same arguments, where it may mount
// private disks that are gone when it ends: as root, or where the kernel lets users
// have name spaces. It returns the exit code of that program, and false if this
// process is already that program.
func Privately() (code int, started bool, err error) {
	if os.Getenv(inPrivate) != "" {
		return 0, false, smalldisk.Private()
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inPrivate+"=1")
	smalldisk.Isolate(cmd)
	// The program must end with this process. The kernel watches the thread that
	// started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return 0, false, fmt.Errorf("no private disk can be mounted here, so it cannot be filled: %w", err)
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), true, nil
	}
	return 0, true, err
}

// SmallDisk mounts a disk of a few megabytes at a directory, until the returned
// function is called or this process ends.
func SmallDisk(dir string, megabytes int) (unmount func() error, err error) {
	if err := smalldisk.Mount(dir, fmt.Sprintf("%dm", megabytes)); err != nil {
		return nil, fmt.Errorf("mounting a small disk at %s: %w", dir, err)
	}
	return func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) }, nil
}

// fill takes all the room of a disk; the returned function frees it.
func fill(dir string) (empty func(), err error) {
	path := filepath.Join(dir, ballast)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 4
		} else if err != nil {
			os.Remove(path)
			return nil, err
		}
	}
	return func() { os.Remove(path) }, nil
}
