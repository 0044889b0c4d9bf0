//go:build !linux

package child

import (
	"os/exec"
	"syscall"
)

func dieWithParent(*exec.Cmd, syscall.Signal) {}

// isChild cannot find out whose child a process is here.
func isChild(int, int) bool { return true }
