//go:build !linux

package pgtest

import "os/exec"

// run does nothing: another user can be chosen only on Linux.
func (u *account) run(*exec.Cmd) {}
