package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tallyman/internal/fault"
	"tallyman/internal/intake/worker"
	"tallyman/internal/testing/must"
)

// escapes are attempts of a document that has taken over its reader. Each returns nil
// if it succeeded.
var escapes = map[string]func(dir string, parent int) error{
	"read a file": func(dir string, _ int) error {
		_, err := os.ReadFile(filepath.Join(dir, "secret"))
		return err
	},
	"list a folder": func(dir string, _ int) error {
		_, err := os.ReadDir(dir)
		return err
	},
	"write a file": func(dir string, _ int) error {
		return os.WriteFile(filepath.Join(dir, "new"), []byte("x"), 0o600)
	},
	"remove a file": func(dir string, _ int) error {
		return os.Remove(filepath.Join(dir, "doomed"))
	},
	"read its parent's memory": func(_ string, parent int) error {
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", parent), os.O_RDWR, 0)
		if err == nil {
			f.Close()
		}
		return err
	},
	"read its parent's environment": func(_ string, parent int) error {
		_, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", parent))
		return err
	},
	"signal its parent":             func(_ string, parent int) error { return syscall.Kill(parent, 0) },
	"signal a thread of its parent": func(_ string, parent int) error { return raw(unix.SYS_TGKILL, uintptr(parent), uintptr(parent), 0) },
	"change a limit of its parent": func(_ string, parent int) error {
		return unix.Prlimit(parent, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}, nil)
	},
	"move its parent to a processor": func(_ string, parent int) error {
		var all unix.CPUSet
		all.Fill()
		return unix.SchedSetaffinity(parent, &all)
	},
	"open a TCP socket":   func(string, int) error { return socket(syscall.AF_INET, syscall.SOCK_STREAM) },
	"open a UDP socket":   func(string, int) error { return socket(syscall.AF_INET, syscall.SOCK_DGRAM) },
	"open a local socket": func(string, int) error { return socket(syscall.AF_UNIX, syscall.SOCK_STREAM) },
	"start a program":     func(string, int) error { return exec.Command("/bin/true").Run() },
	"become two": func(string, int) error {
		pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 && errno == 0 {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		if errno != 0 {
			return errno
		}
		_, err := syscall.Wait4(int(pid), nil, 0, nil)
		return err
	},
	"become root in a user namespace": func(string, int) error {
		pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD|unix.CLONE_NEWUSER), 0, 0, 0, 0, 0)
		if pid == 0 && errno == 0 {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		if errno != 0 {
			return errno
		}
		_, err := syscall.Wait4(int(pid), nil, 0, nil)
		return err
	},
	"change the mode of a file": func(dir string, _ int) error { return os.Chmod(filepath.Join(dir, "secret"), 0o644) },
	"cut a file off":            func(dir string, _ int) error { return unix.Truncate(filepath.Join(dir, "secret"), 1) },
	"make a file in memory":     func(string, int) error { return closing(unix.MemfdCreate("x", 0)) },
	"watch a folder":            func(string, int) error { return closing(unix.InotifyInit1(0)) },
	"change its priority":       func(string, int) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, 0) },
	"share memory (System V)":   func(string, int) error { _, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600); return err },
	"share memory": func(string, int) error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_ANON)
		return err
	},
	"wait for input by io_uring": func(string, int) error {
		return raw(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(new([120]byte))), 0)
	},
	"use the 32-bit system calls": int80,
	"use system calls of the future": func(string, int) error {
		if err := raw(9999, 0, 0, 0); err != syscall.ENOSYS {
			return err
		}
		return nil
	},
}

func raw(number, a, b, c uintptr) error {
	if _, _, errno := syscall.Syscall(number, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

func closing(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

var errNoInt80 = fmt.Errorf("this machine has no 32-bit system calls: %w", fs.ErrPermission)

// int80 asks for the process ID as programs for i386 do.
func int80(string, int) (err error) {
	if runtime.GOARCH != "amd64" {
		return syscall.EPERM
	}
	code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	copy(code, []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3}) // mov eax, getpid; int 0x80; ret
	// Some virtual machines have no such calls: that is a fault.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = errNoInt80
		}
	}()
	closure := &[1]*byte{unsafe.SliceData(code)}
	f := *(*func() int)(unsafe.Pointer(&closure))
	if f() != os.Getpid() {
		return errors.New("the answer is another process ID")
	}
	return nil
}

func socket(domain, kind int) error {
	fd, err := syscall.Socket(domain, kind, 0)
	if err == nil {
		syscall.Close(fd)
	}
	return err
}

func init() {
	escape = try
	descriptor = func(c *worker.Call, args []byte) error {
		fd, _ := strconv.Atoi(string(args))
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return c.Reply(fmt.Append(nil, err))
	}
}

// try is a worker's method. It tries one escape, and replies what became of it unless the
// sandbox refused.
func try(c *worker.Call, args []byte) error {
	var name, dir string
	var parent int
	if err := json.Unmarshal(args, &[]any{&name, &dir, &parent}); err != nil {
		return err
	}
	switch err := escapes[name](dir, parent); {
	case err == nil:
		return c.Reply([]byte("done"))
	case !errors.Is(err, fs.ErrPermission):
		return c.Reply([]byte(err.Error()))
	}
	return nil
}

// prey returns a folder with the targets of the escapes.
func prey(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"secret", "doomed"} {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	return dir
}

// What a worker that was taken over tries is refused, or ends it. With -v the test prints
// what became of each attempt, as in docs/SECURITY.md.
func TestAWorkerCannotReachOut(t *testing.T) {
	if missing := worker.Missing(); missing != "" {
		t.Errorf("this machine cannot confine workers wholly: %s", missing)
	}
	p := pool(t, worker.Config{Workers: 1})
	dir := prey(t)
	var table strings.Builder
	fmt.Fprintf(&table, "%s, sandbox: %s\n", kernel(t), worker.Sandbox())
	defer func() { t.Log(table.String()) }()
	for _, name := range slices.Sorted(maps.Keys(escapes)) {
		args, err := json.Marshal([]any{name, dir, os.Getpid()})
		must.OK(t, err)
		reply, err := call(t.Context(), t, p, "escape", string(args), nil)
		if alive, err := call(t.Context(), t, p, "echo", "x", nil); err != nil || alive != "xx" {
			t.Fatalf("a worker that does no harm fails: %v", err)
		}
		switch {
		case reply != "":
			t.Errorf("%s: %s", name, reply)
		case err == nil:
			fmt.Fprintf(&table, "| %s | refused |\n", name)
		case fault.CodeOf(err) == fault.WorkerCrashed && strings.Contains(errors.Unwrap(err).Error(), "bad system call"):
			fmt.Fprintf(&table, "| %s | ends the worker |\n", name)
		default:
			t.Errorf("%s: %v: %v", name, err, errors.Unwrap(err))
		}
	}
	for _, name := range []string{"secret", "doomed"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("%s is not what it was: %v, %v", name, info, err)
		}
	}
}

// kernel names the kernel and the architecture.
func kernel(t *testing.T) string {
	t.Helper()
	var u unix.Utsname
	must.OK(t, unix.Uname(&u))
	return fmt.Sprintf("Linux %s, %s", unix.ByteSliceToString(u.Release[:]), runtime.GOARCH)
}

// Without the sandbox the same attempts succeed, so it is the sandbox that makes them
// fail.
func TestWithoutTheSandboxTheyWouldSucceed(t *testing.T) {
	dir := prey(t)
	for name, attempt := range escapes {
		if strings.Contains(name, "parent") || strings.Contains(name, "io_uring") {
			continue // depends on the user who runs the tests, and on the kernel
		}
		if err := attempt(dir, os.Getppid()); err != nil && err != errNoInt80 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The filter is evaluated as the kernel does, for all architectures, the numbers of all
// system calls, and arguments that matter.
func TestTheFilterAllowsOnlyWhatIsListed(t *testing.T) {
	const self = 4711
	evaluated := 0
	defer func() { t.Logf("the filter was evaluated %d times", evaluated) }()
	others := []uint32{unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, unix.AUDIT_ARCH_RISCV64, unix.AUDIT_ARCH_PPC64LE, unix.AUDIT_ARCH_S390X, 0, 1 << 31}
	for name, own := range map[string]uint32{"x86_64": unix.AUDIT_ARCH_X86_64, "aarch64": unix.AUDIT_ARCH_AARCH64} {
		evaluate, listed, number := worker.Filter(t, name, self)
		for n := range uint32(2000) {
			if withC := map[uint32]bool{number("tkill"): true, number("sysinfo"): true, number("getcpu"): true}; worker.WithC && withC[n] {
				continue
			}
			for _, bits := range []uint32{0, 0x40000000, 0x80000000, 0xfffff000} { // x32 among them
				got := evaluate(own, n|bits, [6]uint64{})
				evaluated++
				want := uint32(unix.SECCOMP_RET_KILL_PROCESS)
				switch {
				case bits == 0 && listed[n]:
					want = unix.SECCOMP_RET_ALLOW
				case bits == 0 && n == number("clone3"):
					want = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
				case bits == 0 && (n == number("mmap") || n == number("prlimit64")): // the arguments are 0
					want = unix.SECCOMP_RET_ALLOW
				}
				if got != want {
					t.Errorf("%s: %#x gets %#x, want %#x", name, n|bits, got, want)
				}
			}
			for _, arch := range append(others, unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_AARCH64) {
				if arch == own {
					continue
				}
				evaluated++
				if got := evaluate(arch, n, [6]uint64{self, 1}); got != unix.SECCOMP_RET_KILL_PROCESS {
					t.Errorf("%s: %d of architecture %#x gets %#x", name, n, arch, got)
				}
			}
		}
		const thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD
		for _, c := range []struct {
			call      string
			arguments [6]uint64
			allowed   bool
		}{
			{"clone", [6]uint64{thread}, true}, {"clone", [6]uint64{thread | unix.CLONE_SETTLS}, true}, {"clone", [6]uint64{uint64(unix.SIGCHLD)}, false},
			{"clone", [6]uint64{thread | unix.CLONE_NEWUSER}, false}, {"clone", [6]uint64{thread | 1<<32}, false}, {"clone", [6]uint64{unix.CLONE_VM | unix.CLONE_VFORK}, false},
			{"tgkill", [6]uint64{self, 1, 9}, true}, {"tgkill", [6]uint64{self - 1, self, 9}, false}, {"tgkill", [6]uint64{self | 1<<32}, false},
			{"prlimit64", [6]uint64{self}, true}, {"prlimit64", [6]uint64{1}, false},
			{"mmap", [6]uint64{0, 4096, 7, unix.MAP_PRIVATE | unix.MAP_ANON}, true}, {"mmap", [6]uint64{0, 4096, 7, unix.MAP_SHARED}, false}, {"mmap", [6]uint64{0, 4096, 7, unix.MAP_SHARED_VALIDATE}, false},
			{"prctl", [6]uint64{unix.PR_SET_NO_NEW_PRIVS, 1}, true}, {"prctl", [6]uint64{unix.PR_SET_VMA}, true}, {"prctl", [6]uint64{unix.PR_SET_PDEATHSIG}, false}, {"prctl", [6]uint64{unix.PR_SET_DUMPABLE}, false},
			{"seccomp", [6]uint64{unix.SECCOMP_SET_MODE_FILTER}, true}, {"seccomp", [6]uint64{unix.SECCOMP_GET_NOTIF_SIZES}, false},
		} {
			got := evaluate(own, number(c.call), c.arguments)
			if (got == unix.SECCOMP_RET_ALLOW) != c.allowed || !c.allowed && got != unix.SECCOMP_RET_KILL_PROCESS {
				t.Errorf("%s: %s%x gets %#x", name, c.call, c.arguments, got)
			}
		}
		for _, call := range []string{"socket", "connect", "execve", "execveat", "kill", "ptrace", "process_vm_writev", "fchmod", "fchmodat", "chroot", "mount", "unshare",
			"setns", "bpf", "io_uring_setup", "io_uring_enter", "memfd_create", "shmget", "inotify_init1", "setpriority", "truncate", "keyctl", "userfaultfd", "perf_event_open"} {
			if number(call) == 0 || listed[number(call)] {
				t.Errorf("%s: %s is listed, or unknown", name, call)
			}
		}
	}
}

// What a worker has started may hold its pipes open.
func TestAProgramOfAWorkerHoldsNeitherACallNorThePool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "child")
	must.OK(t, os.Mkdir(dir, 0o700))
	p := worker.NewPool(worker.Config{Workers: 1, Stall: never, Cache: dir})
	done := make(chan error, 2)
	go func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l, err := p.Lease(ctx, false)
		if err != nil {
			done <- err
			return
		}
		// The worker replies once, and then hangs.
		err = l.Call(ctx, worker.Request{Method: "hang", Reply: func([]byte) error { cancel(); return nil }})
		l.Release()
		p.Close()
		done <- err
	}()
	wait := time.AfterFunc(time.Hour, func() { done <- errors.New("it still waits") })
	defer wait.Stop()
	if err := <-done; fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("the call ends with %v", err)
	}
	b := must.Read(t, filepath.Join(dir, "pid"))
	var pid int
	var namespace string
	must.OK(t, json.Unmarshal(b, &[]any{&pid, &namespace}))
	if namespace != pidNamespace() {
		return // it ended with the first process of its namespace, and here its ID may be any process's
	}
	// It has left the group of the worker, so it lives.
	child, err := os.FindProcess(pid)
	must.OK(t, err)
	defer child.Release()
	if words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); string(words) != "/bin/sleep\x00"+lonely+"\x00" {
		t.Fatalf("process %d is %q", pid, words)
	}
	must.OK(t, child.Kill())
}

// lonely is the argument of sleep in a process of the test of children.
const lonely = "600.015"

// pidNamespace names the namespace of this process's IDs.
func pidNamespace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		panic(err)
	}
	return name
}

// Where processors are short, workers that yield get a third of the time of others.
func TestWorkersYieldIfTheyAreTold(t *testing.T) {
	priority, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the nice value
	must.OK(t, err)
	for yield, more := range map[bool]int{false: 0, true: 5} {
		want := strconv.Itoa(min(20-priority+more, 19))
		before := workersOf(t)
		if got, err := call(t.Context(), t, pool(t, worker.Config{Workers: 1, Yield: yield}), "echo", "x", nil); err != nil || got != "xx" {
			t.Fatalf("%q, %v", got, err)
		}
		found := 0
		for pid := range workersOf(t) {
			if before[pid] {
				continue
			}
			threads, err := filepath.Glob(fmt.Sprintf("/proc/%s/task/*/stat", pid))
			must.OK(t, err)
			for _, path := range threads {
				b, err := os.ReadFile(path)
				if err != nil {
					continue // the thread has ended
				}
				// The name may contain anything; what follows it contains no parenthesis.
				if f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:])); f[16] != want {
					t.Errorf("%s has the nice value %s, want %s", path, f[16], want)
				}
				found++
			}
		}
		if found == 0 {
			t.Error("the worker was not found")
		}
	}
}

// workersOf are the IDs of the child processes of this one.
func workersOf(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	lists, err := filepath.Glob("/proc/self/task/*/children")
	must.OK(t, err)
	for _, path := range lists {
		b, _ := os.ReadFile(path) // the thread may have ended
		for _, pid := range strings.Fields(string(b)) {
			all[pid] = true
		}
	}
	return all
}

// A thread of Go's ends with a goroutine that returns while it is locked to it, and the
// kernel ends children with the thread that started them.
func TestAWorkerOutlivesTheThreadOfItsFirstCall(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	thread := os.Getpid()
	for thread == os.Getpid() { // the first thread never ends
		ended := make(chan error)
		go func() {
			runtime.LockOSThread() // for ever
			var err error
			if thread = syscall.Gettid(); thread != os.Getpid() {
				_, err = call(t.Context(), t, p, "echo", "x", nil)
			}
			ended <- err
		}()
		must.OK(t, <-ended)
	}
	workers := workersOf(t)
	task := fmt.Sprintf("/proc/self/task/%d", thread)
	for _, err := os.Stat(task); err == nil && t.Context().Err() == nil; _, err = os.Stat(task) {
		time.Sleep(time.Millisecond)
	}
	if got, err := call(t.Context(), t, p, "echo", "x", nil); err != nil || got != "xx" {
		t.Errorf("the next call gets %q, %v", got, err)
	}
	if now := workersOf(t); !maps.Equal(now, workers) {
		t.Errorf("the worker was replaced: there were %v, and are %v", workers, now)
	}
}

func init() {
	if cache := os.Getenv("TALLYMAN_WORKER_CACHE"); filepath.Base(cache) == "child" && os.Args[0] == "tallyman-worker" {
		child := exec.Command("/bin/sleep", lonely)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			panic(err)
		}
		b, err := json.Marshal([]any{child.Process.Pid, pidNamespace()})
		if err == nil {
			err = os.WriteFile(filepath.Join(cache, "pid"), b, 0o600)
		}
		if err != nil {
			panic(err)
		}
	}
}

// A program that starts this one may leave files open for it.
func TestAWorkerInheritsNoOpenFiles(t *testing.T) {
	f, err := os.Open(filepath.Join(prey(t), "secret"))
	must.OK(t, err)
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, 200) // without close-on-exec
	must.OK(t, err)
	defer unix.Close(fd)
	got, err := call(t.Context(), t, pool(t, worker.Config{Workers: 1}), "descriptor", strconv.Itoa(fd), nil)
	if err != nil || got != unix.EBADF.Error() {
		t.Errorf("the worker has the file: %q, %v", got, err)
	}
}

// A worker that compiles can use its folder only until it has compiled.
func TestASealedWorkerLosesTheFolderOfCompiledCode(t *testing.T) {
	cache := prey(t)
	p := pool(t, worker.Config{Workers: 1, Cache: cache})
	lease, err := p.Lease(context.Background(), false)
	must.OK(t, err)
	defer lease.Release()
	ask := func(method string) (found string) {
		t.Helper()
		err := lease.Call(context.Background(), worker.Request{Method: method, Args: []byte(cache), Reply: func(b []byte) error {
			found = string(b)
			return nil
		}})
		must.OK(t, err)
		return found
	}
	if got := ask("peek"); got != "x" {
		t.Errorf("before it is sealed it reads %q", got)
	}
	ask("seal")
	if got := ask("peek"); !strings.Contains(got, "not permitted") {
		t.Errorf("sealed it reads %q", got)
	}
	// One that prepares nothing never has it.
	bare := pool(t, worker.Config{Workers: 1, Cache: cache})
	lease, err = bare.Lease(context.Background(), true)
	must.OK(t, err)
	defer lease.Release()
	if got := ask("peek"); !strings.Contains(got, "not permitted") {
		t.Errorf("a worker that prepares nothing reads %q", got)
	}
}
