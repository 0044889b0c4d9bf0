//go:build !linux

package pgtest

import "os/exec"

// prepare does nothing: only on Linux can another user be chosen, and the kernel be
// asked to stop what we leave.
func (u *account) prepare(*exec.Cmd, bool) {}
