//go:build !unix

package watch

// openFlags are none here: what was opened is compared with what was listed.
const openFlags = 0
