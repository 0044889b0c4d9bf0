package worker

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the worker when its parent is gone. The worker
// also looks for itself, but cannot while it hangs in WebAssembly and the garbage
// collector waits for it.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
