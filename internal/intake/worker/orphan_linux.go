package worker

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the worker when its parent ends. The worker also
// notices that by itself, but not while a call hangs in WebAssembly and the garbage
// collector waits for it.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
