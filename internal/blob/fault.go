package blob

import (
	"context"
	"errors"
	"syscall"

	"tallyman/internal/fault"
)

// Fault turns an error of the disk or of the service that a store uses into one for
// people: StorageFull if there is no room, StorageUnavailable otherwise. Faults are
// returned unchanged, and the end of a context becomes fault.Ended. doing completes
// "storage could not …". The cause, with its paths, is for the log only.
func Fault(doing string, err error) error {
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.Ended(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &fault.Error{
			Code:    StorageFull,
			Message: "storage is full: could not " + doing + "; nothing was changed, clear sessions that are done or make room on the server's disk",
			Err:     err,
		}
	default:
		return &fault.Error{
			Code:    StorageUnavailable,
			Message: "storage does not work: could not " + doing + "; try again later, the server's log says why",
			Err:     err,
		}
	}
}
