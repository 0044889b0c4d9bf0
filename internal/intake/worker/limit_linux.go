//go:build linux && !race

package worker

import "syscall"

// rlimitData is RLIMIT_DATA, which package syscall does not name on Linux. It
// bounds private writable memory; unlike RLIMIT_AS it leaves out what the Go
// runtime reserves and never touches.
const rlimitData = 2

// limitData sets a wall well behind the limit that the watch keeps. A Go process
// that runs into it dies in one of several ways, not all of which say why.
func limitData(memory int64) {
	n := uint64(2 * memory)
	// A failure leaves the watch.
	_ = syscall.Setrlimit(rlimitData, &syscall.Rlimit{Cur: n, Max: n})
}
