//go:build !linux

package worker

import "os/exec"

// dieWithParent does nothing here: the worker ends by itself when its input ends.
func dieWithParent(*exec.Cmd) {}
