//go:build linux && !race

package worker

import "syscall"

// rlimitData is RLIMIT_DATA, which package syscall does not define on Linux. It limits
// private writable memory; unlike RLIMIT_AS it does not count what the Go runtime
// reserves and never uses.
const rlimitData = 2

// limitData sets the kernel's limit well above the one that the watch enforces: a Go
// process that reaches the kernel's limit dies in one of several ways, some without a
// message.
func limitData(memory int64) {
	n := uint64(2 * memory)
	// If this fails, the watch still works.
	_ = syscall.Setrlimit(rlimitData, &syscall.Rlimit{Cur: n, Max: n})
}
