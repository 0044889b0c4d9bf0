package pgtest

import (
	"os/exec"
	"syscall"
)

// prepare has a command run as the user, nil for ourselves, and with mortal has the
// kernel stop it when the test binary is gone.
func (u *account) prepare(cmd *exec.Cmd, mortal bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if u != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.uid, Gid: u.gid}
	}
	if mortal {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	}
}
