//go:build unix

package soak

import "syscall"

// canStop says that processes can be stopped and continued.
const canStop = true

// The signals that stop and continue a process.
const stopped, continued = syscall.SIGSTOP, syscall.SIGCONT

// nonBlocking has a write to a full pipe wait no longer than its deadline.
const nonBlocking = syscall.O_NONBLOCK
