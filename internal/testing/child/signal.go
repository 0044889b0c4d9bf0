package child

import (
	"errors"
	"os"
)

// ErrGone is returned by Signal if the parent has no such child.
var ErrGone = errors.New("that process is not a child of that parent")

// Signal sends a signal to a child of a parent, which need not be this process. A process
// ID that was read from a list may belong to another process by now, so Signal first
// takes a handle of the process, and then makes sure whose child it is. It fails with
// ErrGone if it is not the parent's.
func Signal(pid, parent int, signal os.Signal) error {
	if pid <= 0 || parent <= 0 {
		return ErrGone
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer p.Release()
	if !isChild(pid, parent) {
		return ErrGone
	}
	return p.Signal(signal)
}
