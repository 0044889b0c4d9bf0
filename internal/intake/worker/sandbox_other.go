//go:build !linux

package worker

import "runtime"

func confine(...string) error { return nil }

func confineFiles(...string) error { return nil }

// Confined reports whether workers on this machine are kept from files, the network and
// other programs.
func Confined() bool { return false }

// Sandbox describes in a few words what keeps workers on this machine from files, the
// network and other programs.
func Sandbox() string {
	return "none on " + runtime.GOOS + ": workers are processes with limits of memory and time, and no more"
}
