package worker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// allowed are the system calls of a worker: those of Go's runtime, and those by which
// Landlock and seccomp give up more. All others end the process, as do those of other
// architectures. Names that an architecture lacks are skipped.
var allowed = []string{
	"read", "write", "readv", "writev", "pread64", "pwrite64", "close", "lseek", "fcntl", "fstat", "fsync", "ftruncate", "flock",
	"futex", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "sched_yield", "sched_getaffinity", "restart_syscall",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "pipe2",
	"munmap", "mprotect", "madvise", "mremap", "mincore", "brk", "membarrier",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
	"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getrandom", "uname",
	"set_robust_list", "rseq", "exit", "exit_group",
	"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
}

// opening are the system calls that find files by name. They are allowed, in the folders
// that Landlock leaves, until no folder is left; then they fail with EPERM.
var opening = []string{
	"open", "openat", "stat", "lstat", "newfstatat", "statfs", "getdents64", "readlinkat", "faccessat", "faccessat2",
	"mkdirat", "unlinkat", "rename", "renameat", "renameat2",
}

// The flags with which Go and glibc begin a thread. Go's differ between architectures.
const (
	threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD
	goThread    = threadFlags | unix.CLONE_SETTLS
	cThread     = goThread | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
)

// limits are the system calls that are allowed if their argument has one of some values,
// or lacks some bits.
type limit struct {
	name     string
	argument uint32
	values   []uint32
	without  uint32
}

func limits(self int) []limit {
	return []limit{
		{name: "clone", values: []uint32{threadFlags, goThread, cThread}}, // threads, no processes
		{name: "tgkill", values: []uint32{uint32(self)}},                  // Go signals its own threads
		{name: "prlimit64", values: []uint32{0, uint32(self)}},
		{name: "mmap", argument: 3, without: unix.MAP_SHARED}, // RLIMIT_DATA does not count shared memory
		{name: "prctl", values: []uint32{unix.PR_SET_NO_NEW_PRIVS, unix.PR_SET_VMA}},
		{name: "seccomp", values: []uint32{unix.SECCOMP_SET_MODE_FILTER}},
	}
}

// The answers of filters.
var (
	allow = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	kill  = bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}
)

func refuse(err syscall.Errno) bpf.RetConstant {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(err)}
}

// word is the size of what a filter loads, and argumentsAt where the arguments of the
// system call are (struct seccomp_data). Their low halves come first: all architectures
// that are known here are little-endian.
const (
	word        = 4
	archAt      = 4
	argumentsAt = 16
)

// begin begins a filter: other architectures get one answer, and after it the number of
// the system call is loaded.
func begin(info *arch.Info, others bpf.RetConstant) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: archAt, Size: word},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(info.ID), SkipTrue: 1},
		others,
		bpf.LoadAbsolute{Off: 0, Size: word},
	}
}

// answer adds answers to system calls. Names that the architecture lacks are skipped.
func answer(filter []bpf.Instruction, info *arch.Info, with bpf.RetConstant, names ...string) []bpf.Instruction {
	for _, name := range names {
		if n, ok := info.SyscallNames[name]; ok {
			filter = append(filter, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(n), SkipFalse: 1}, with)
		}
	}
	return filter
}

// filter returns the filter of the process self: it allows what is allowed and some system
// calls more, gives all others an answer, and kills the process for those of other
// architectures.
func filter(info *arch.Info, self int, others bpf.RetConstant, more ...string) []bpf.Instruction {
	f := answer(begin(info, kill), info, allow, allowed...)
	f = answer(f, info, allow, opening...)
	f = answer(f, info, allow, more...)
	if withC { // with it, Landlock's library reaches the threads of the process in another way
		f = answer(f, info, allow, "tkill", "sysinfo", "getcpu")
	}
	f = answer(f, info, refuse(syscall.ENOSYS), "clone3") // glibc then takes clone
	for _, l := range limits(self) {
		n, ok := info.SyscallNames[l.name]
		if !ok {
			continue
		}
		low := argumentsAt + 2*word*l.argument
		then := []bpf.Instruction{
			bpf.LoadAbsolute{Off: low + word, Size: word},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
			others,
			bpf.LoadAbsolute{Off: low, Size: word},
		}
		for _, v := range l.values {
			then = append(then, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, allow)
		}
		if l.without != 0 {
			then = append(then, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: l.without, SkipTrue: 1}, allow)
		}
		then = append(then, others)
		f = append(f, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(n), SkipTrue: uint8(len(then))})
		f = append(f, then...)
	}
	return append(f, others)
}

// shut returns a filter that refuses to find files by name.
func shut(info *arch.Info) []bpf.Instruction {
	return append(answer(begin(info, kill), info, refuse(syscall.EPERM), opening...), allow)
}

// load puts all threads of the process under a filter for this architecture, for ever.
func load(filter func(info *arch.Info) []bpf.Instruction) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	raw, err := bpf.Assemble(filter(info))
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// Both calls must be of one thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	switch {
	case errno != 0:
		return errno
	case thread != 0:
		return fmt.Errorf("thread %d does not take the filter", thread)
	}
	return nil
}

// haveSeccomp reports whether the kernel has seccomp. It asks once: a worker cannot.
var haveSeccomp = sync.OnceValue(seccomp.Supported)

// confine gives up what a worker does not need: all system calls but those that are
// allowed, and all files but those in some folders. This is for ever, and for all
// threads. Where the kernel lacks support, confine does nothing; see Sandbox.
func confine(folders ...string) error {
	if haveSeccomp() {
		if err := load(func(info *arch.Info) []bpf.Instruction { return filter(info, os.Getpid(), kill) }); err != nil {
			return fmt.Errorf("refusing system calls: %w", err)
		}
	}
	return confineFiles(folders...)
}

// confineFiles gives up all files but those in some folders, which must exist. Open
// files stay open. It can be called again with fewer folders.
func confineFiles(folders ...string) error {
	if err := landlock.V7.BestEffort().Restrict(landlock.RWDirs(folders...).IgnoreIfMissing()); err != nil {
		return fmt.Errorf("giving up files: %w", err)
	}
	if len(folders) > 0 || !haveSeccomp() {
		return nil
	}
	// Landlock may be missing, or too old to know of every way to change a file.
	if err := load(shut); err != nil {
		return fmt.Errorf("refusing to open files: %w", err)
	}
	return nil
}

// namespaces returns the namespaces of its own that a worker gets where the kernel allows
// it.
func namespaces() uintptr {
	all := uintptr(syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS)
	if !withC { // Landlock's library then looks for the threads of the process in /proc, by its ID
		all |= syscall.CLONE_NEWPID
	}
	return all
}

// isolate prepares the start of a worker: in a process group of its own, in namespaces
// of its own if apart is set, without capabilities there, and ended by the kernel when
// the parent ends. The worker also notices that by itself, but not while a call hangs in
// WebAssembly and the garbage collector waits for it. For the kernel the parent is the
// thread that started it; see starter.
func isolate(cmd *exec.Cmd, apart bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if !apart {
		return
	}
	const nobody = 65534 // any user but root, whose programs have all capabilities of the namespace
	cmd.SysProcAttr.Cloneflags = namespaces()
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}}
}

// starter returns a function that gives a thread for starting workers, which never ends:
// the kernel ends a worker (Pdeathsig) with the thread that started it, not with the
// process, and Go ends a thread with a goroutine that returns while it is locked to it.
// Workers inherit the nice value of the thread, which is that of this process and more.
func starter(more int) func() chan<- func() {
	return sync.OnceValue(func() chan<- func() {
		todo := make(chan func())
		go func() {
			runtime.LockOSThread()
			// Of this thread. The kernel answers with 20 less the nice value.
			if priority, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && more > 0 {
				_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 20-priority+more) // without it workers only yield less
			}
			for f := range todo {
				f()
			}
		}()
		return todo
	})
}

// yielding is by how much the nice value of workers that yield is higher: they get a third of
// the processor time of others where it is short.
const yielding = 5

var starts, startsYielding = starter(0), starter(yielding)

// spawn starts a worker.
func spawn(cmd *exec.Cmd, yield bool) error {
	done, thread := make(chan error), starts
	if yield {
		thread = startsYielding
	}
	thread() <- func() { done <- cmd.Start() }
	return <-done
}

// keepFiles has programs that this one starts inherit no files but their standard ones:
// the program that started this one may have left some open.
func keepFiles() {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// killAll ends a worker and what it has started.
func killAll(p *os.Process) {
	if p.Pid > 0 {
		_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // it may have ended
	}
	p.Kill()
}

// denied reports whether a worker could not be started because of its namespaces.
func denied(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EUSERS)
}

// tryNamespaces finds out whether workers get namespaces, by starting one that ends at
// once.
var tryNamespaces = sync.OnceValue(func() bool {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Env = []string{argv0}, []string{envWorker + "=" + probe}
	isolate(cmd, true)
	return cmd.Run() == nil
})

// parts returns what confines workers on this machine, and what of it is missing.
func parts() (there, missing []string) {
	if abi, err := ll.LandlockGetABIVersion(); err != nil || abi <= 0 {
		missing = append(missing, "Landlock (until compiled code is loaded, a worker can open files)")
	} else {
		there = append(there, fmt.Sprintf("landlock %d", abi))
		if abi < 3 {
			missing = append(missing, "Landlock of ABI 3, Linux 6.2 (until compiled code is loaded, a worker can cut files that it may open)")
		}
	}
	if haveSeccomp() {
		there = append(there, "seccomp")
	} else {
		missing = append(missing, "seccomp")
	}
	if tryNamespaces() {
		there = append(there, "namespaces")
	} else {
		missing = append(missing, "namespaces (the kernel or the container forbids user namespaces)")
	}
	return there, missing
}

// Missing describes what of the sandbox this machine lacks, "" for nothing.
func Missing() string {
	_, missing := parts()
	return strings.Join(missing, "; ")
}

// Sandbox describes in a few words what confines workers on this machine.
func Sandbox() string {
	there, _ := parts()
	if len(there) == 0 {
		return "none: this kernel has neither landlock nor seccomp nor namespaces for it"
	}
	return strings.Join(there, ", ")
}
