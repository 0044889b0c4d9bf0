package sqlite

import (
	"errors"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// The codes that opening a data directory can fail with.
const (
	InUse       fault.Code = "data_directory_in_use" // another process uses it
	NewerSchema fault.Code = "newer_schema"          // a later Tallyman wrote it
	Foreign     fault.Code = "not_a_data_directory"  // its database is not Tallyman's
	DamagedData fault.Code = "damaged_data"          // its database is broken
)

// noRoom reports whether SQLite failed because there was no room.
func noRoom(err error) bool {
	return errors.Is(err, sqlite3.FULL) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isFull reports whether SQLite failed because a write found no room. The same error
// from a sync does not tell what was written.
func isFull(err error) bool {
	return errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.IOERR_WRITE) && noRoom(err)
}

// storageFault returns the fault for an error of SQLite.
func storageFault(doing string, err error) error {
	if isFull(err) {
		err = errors.Join(err, syscall.ENOSPC)
	}
	return blob.Fault(doing, err)
}

// unsettled is the fault of an operation whose commit failed in such a way that it may
// or may not have effect after a restart.
func unsettled(err error) error {
	return &fault.Error{
		Code:    session.StorageUnavailable,
		Message: "storage fails: the session could not be written; try again later. The server's log has the cause",
		Err:     err,
	}
}

// openFault is the fault of a store that cannot be opened. It is for operators, so it
// has the full cause.
func openFault(dir string, err error) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return fault.New(DamagedData, "the session database in %s is damaged (%w); move the directory away or restore it from a backup", dir, err)
	case noRoom(err):
		return fault.New(session.StorageFull, "there is no room to open the session store in %s: %w", dir, err)
	default:
		return fault.New(session.StorageUnavailable, "the session store in %s cannot be opened: %w", dir, err)
	}
}
