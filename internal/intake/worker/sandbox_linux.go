package worker

import (
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// refused are system calls that a worker does not need and a hostile file could use:
// the network, other programs and processes, and ways around Landlock or deep into the
// kernel. They fail with EPERM. tkill is missing, since Landlock's library uses it to
// reach all threads of the process; newer kernels confine it themselves.
var refused = []string{
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg",
	"execve", "execveat", "kill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd",
	"io_uring_setup", "open_by_handle_at", "userfaultfd", "bpf", "perf_event_open", "memfd_create",
	"add_key", "request_key", "keyctl", "unshare", "setns", "chroot", "pivot_root", "mount", "umount2",
	"init_module", "finit_module", "delete_module", "kexec_load", "reboot",
}

// confine gives up what a worker does not need: the network, other programs, and all
// files but those in some folders. This is for ever, and for all threads. Where the
// kernel lacks support, confine does nothing; see Sandbox.
func confine(folders ...string) error {
	if err := confineFiles(folders...); err != nil {
		return err
	}
	if !seccomp.Supported() {
		return nil
	}
	err := seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionErrno, Names: refused},
				{Action: seccomp.ActionErrno, NamesWithCondtions: []seccomp.NameWithConditions{{
					// Go signals its own threads.
					Name:       "tgkill",
					Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.NotEqual, Value: uint64(os.Getpid())}},
				}}},
			},
		},
	})
	if err != nil {
		return fmt.Errorf("refusing system calls: %w", err)
	}
	return nil
}

// confineFiles gives up all files but those in some folders, which must exist. Open
// files stay open. It can be called again with fewer folders.
func confineFiles(folders ...string) error {
	if err := landlock.V7.BestEffort().Restrict(landlock.RWDirs(folders...).IgnoreIfMissing()); err != nil {
		return fmt.Errorf("giving up files: %w", err)
	}
	return nil
}

// Confined reports whether workers on this machine are kept from files, the network and
// other programs.
func Confined() bool {
	abi, err := ll.LandlockGetABIVersion()
	return err == nil && abi > 0 && seccomp.Supported()
}

// Sandbox describes in a few words what keeps workers on this machine from files, the
// network and other programs.
func Sandbox() string {
	abi, err := ll.LandlockGetABIVersion()
	files := err == nil && abi > 0
	calls := seccomp.Supported()
	switch {
	case files && calls:
		return fmt.Sprintf("landlock %d and seccomp", abi)
	case files:
		return fmt.Sprintf("landlock %d, no seccomp", abi)
	case calls:
		return "seccomp, no landlock"
	default:
		return "none: this kernel has neither landlock nor seccomp"
	}
}
