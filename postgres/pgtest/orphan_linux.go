package pgtest

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel stop the server when the test binary is gone.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT }
