package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// starting are the system calls that a program needs besides those of workers: to start, and
// to find out about the machine. None of them changes anything outside of the process.
var starting = []string{
	"execve", "arch_prctl", "set_tid_address", "access", "readlink", "getcwd", "ioctl", "sysinfo", "times", "getrusage",
	"getppid", "getpgrp", "statx", "dup", "dup2", "dup3", "fadvise64", "tkill", "poll", "ppoll", "getcpu", "time",
}

// become turns this process into another program, for ever. It returns only if that fails.
// What the kernel lacks of the sandbox is left out, as it is for workers; see Sandbox.
func become(encoded string) error {
	var p Program
	if err := json.Unmarshal([]byte(encoded), &p); err != nil {
		return fmt.Errorf("what to run cannot be decoded: %w", err)
	}
	runtime.LockOSThread()
	if err := landlock.V7.BestEffort().Restrict(
		landlock.RODirs(p.Folders...).IgnoreIfMissing(), landlock.ROFiles("/etc/ld.so.cache").IgnoreIfMissing(), // by which libraries are found
	); err != nil {
		return fmt.Errorf("giving up files: %w", err)
	}
	seconds := uint64(p.Time.Seconds()) + 1
	for _, l := range []struct {
		what int
		most uint64
	}{
		{unix.RLIMIT_CPU, seconds}, {unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, 64}, {unix.RLIMIT_DATA, uint64(p.Memory)},
	} {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("limiting what it may take: %w", err)
		}
	}
	if haveSeccomp() {
		if err := load(func(info *arch.Info) []bpf.Instruction {
			return filter(info, os.Getpid(), refuse(syscall.EPERM), starting...)
		}); err != nil {
			return fmt.Errorf("refusing system calls: %w", err)
		}
	}
	return fmt.Errorf("starting %s: %w", p.Path, syscall.Exec(p.Path, append([]string{p.Path}, p.Args...), p.Env))
}
