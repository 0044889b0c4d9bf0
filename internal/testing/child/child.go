// Package child starts servers for tests and measurements that end with the
// process which started them, however that ends. Only Linux can promise that.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a process, and closes ended when it is gone. If this process is
// gone before, the kernel sends it the signal. wait waits for its end: cmd.Wait,
// or that after what it says has been read.
func Start(cmd *exec.Cmd, signal syscall.Signal, wait func() error) (ended <-chan struct{}, err error) {
	dieWithParent(cmd, signal)
	started, gone := make(chan error), make(chan struct{})
	go func() {
		// The kernel takes the end of the thread that started it for the end of
		// this process, so this one is for nobody else.
		runtime.LockOSThread()
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
