// Package child starts servers for tests and measurements that end with the process
// that started them, however it ends. Only Linux can guarantee that.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a process, and closes ended when it is gone. If this process ends
// first, the kernel sends the child the signal. wait waits for its end: cmd.Wait, or
// the same after its output has been read.
func Start(cmd *exec.Cmd, signal syscall.Signal, wait func() error) (ended <-chan struct{}, err error) {
	dieWithParent(cmd, signal)
	started, gone := make(chan error), make(chan struct{})
	go func() {
		// The kernel sends the signal when the starting thread ends, so this thread
		// does nothing else meanwhile. It must not end afterwards either: it may have
		// started other processes before, which the kernel would then kill.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			wait()
		}
		close(gone)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return gone, nil
}
