//go:build unix

package atomicfile

import (
	"io/fs"
	"sync"
	"syscall"
)

// umask returns the process's mask, which can only be read by setting it. That is
// done once, while no file is being created.
var umask = sync.OnceValue(func() fs.FileMode {
	m := syscall.Umask(0o077)
	syscall.Umask(m)
	return fs.FileMode(m)
})
