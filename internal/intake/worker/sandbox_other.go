//go:build !linux

package worker

import (
	"os"
	"os/exec"
	"runtime"
)

func confine(...string) error { return nil }

func confineFiles(...string) error { return nil }

// isolate does nothing here: the worker ends by itself when its input ends.
func isolate(*exec.Cmd, bool) {}

func spawn(cmd *exec.Cmd, _ bool) error { return cmd.Start() }

func keepFiles() {}

func killAll(p *os.Process) { p.Kill() }

func denied(error) bool { return false }

// Missing describes what of the sandbox this machine lacks, "" for nothing.
func Missing() string { return Sandbox() }

// Sandbox describes in a few words what confines workers on this machine.
func Sandbox() string {
	return "none on " + runtime.GOOS + ": workers are processes with limits of memory and time, and no more"
}

func become(string) error { return ErrNoPrograms }
