//go:build !linux

package soak

import "errors"

var errNoDisk = errors.New("a private disk can be filled on Linux only; leave it out with --no-full-disk")

// Privately fails: this system has no private disks.
func Privately() (code int, started bool, err error) { return 0, false, errNoDisk }

// SmallDisk fails.
func SmallDisk(string, int) (unmount func() error, err error) { return nil, errNoDisk }

func fill(string) (empty func(), err error) { return nil, errNoDisk }
