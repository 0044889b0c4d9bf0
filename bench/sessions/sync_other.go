//go:build !linux

package main

import "os"

// syncData is the least that one of SQLite's commits costs on this system.
func syncData(f *os.File) error { return f.Sync() }
