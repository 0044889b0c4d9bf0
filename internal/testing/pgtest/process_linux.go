package pgtest

import (
	"os/exec"
	"syscall"
)

// run makes a command run as the user, nil for this process's own.
func (u *account) run(cmd *exec.Cmd) {
	if u != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.uid, Gid: u.gid}}
	}
}
