//go:build !linux

package main

import "os"

// syncData is what SQLite's commits cost on this system at least.
func syncData(f *os.File) error { return f.Sync() }
