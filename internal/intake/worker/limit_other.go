//go:build !linux || race

package worker

// limitData does nothing here: this platform has no kernel limit that suits a Go
// process, and none suits the race detector's shadow memory. Only the worker's own
// watch limits memory.
func limitData(int64) {}
