//go:build !linux || race

package worker

// limitData does nothing here: no kernel limit of this platform fits a Go
// process, and none anywhere fits the race detector's shadow memory. The
// worker's own watch stands alone.
func limitData(int64) {}
