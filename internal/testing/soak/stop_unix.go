//go:build unix

package soak

import "syscall"

// canStop says that processes can be stopped and continued.
const canStop = true

func stop(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }
func goOn(pid int) error { return syscall.Kill(pid, syscall.SIGCONT) }
func kill(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }
