package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamed creates a file without a name in a folder; errors about it use the name called. Not all
// file systems know such files.
func unnamed(dir, called string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), called), nil
}
