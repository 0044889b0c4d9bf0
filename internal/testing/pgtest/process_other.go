//go:build !linux

package pgtest

import "os/exec"

// run does nothing: only on Linux can another user be chosen.
func (u *account) run(*exec.Cmd) {}
