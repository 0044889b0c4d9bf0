package watch

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// place renames a file to a name that nothing has. It fails with fs.ErrExist if something has.
func place(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOTSUP):
		return placeUnguarded(from, to) // the file system does not know how
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
