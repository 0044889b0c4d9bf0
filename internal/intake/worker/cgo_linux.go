//go:build cgo

package worker

// withC is true in programs that are linked with the C library, as for tests with the
// race detector. Releases are not.
const withC = true
