package blob

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"tallyman/internal/fault"
)

// Fault turns an error of the disk or of the service that a store uses into a fault for
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
		return Full(doing, "free space on the server's disk", err)
	default:
		return Unavailable(doing, "", err)
	}
}

// Full returns the fault of storage without room; advice completes "clear finished sessions or …".
func Full(doing, advice string, cause error) error {
	return &fault.Error{
		Code:    StorageFull,
		Message: "storage is full: could not " + doing + "; nothing was changed; clear finished sessions or " + advice,
		Err:     cause,
	}
}

// Unavailable returns the fault of storage that does not work, perhaps for a while; why completes
// "could not …, since …", and is "" if only the log says so.
func Unavailable(doing, why string, cause error) error {
	if why != "" {
		doing += ", since " + why
	}
	return &fault.Error{
		Code:    StorageUnavailable,
		Message: "storage does not work: could not " + doing + "; try again later; the server's log says why",
		Err:     cause,
	}
}

// errGone is the cause of every fault of Gone.
var errGone = errors.New("there is no such content")

// Gone returns the fault of opening a content that is not stored, which is ordinary
// when its session ended meanwhile.
func Gone(cause error) error {
	return &fault.Error{
		Code:    fault.NotFound,
		Message: "this file is not stored any more: its session was reset, cleared or has expired",
		Err:     fmt.Errorf("%w: %w", errGone, cause),
	}
}

// If err is a fault of Gone, Missing returns the fault of a content that a session still
// names but that is not stored. It returns any other error unchanged. The code is
// Damaged, since no user can cause it.
func Missing(err error) error {
	if !errors.Is(err, errGone) {
		return err
	}
	return &fault.Error{
		Code:    Damaged,
		Message: "a stored file is missing although its session is alive: the server's storage may not be mounted, or something else deleted the file; tell the operator, or upload it again",
		Err:     err,
	}
}
