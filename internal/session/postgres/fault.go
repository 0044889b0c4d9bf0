package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// The codes that opening a store can fail with, in addition to fault.BadRequest and
// session.StorageUnavailable.
const (
	Refused      fault.Code = "database_refused"        // the server refuses the login
	NoDatabase   fault.Code = "no_such_database"        // there is no database of that name
	ReadOnly     fault.Code = "database_read_only"      // a standby, or a role that may not write
	Unsafe       fault.Code = "database_unsafe"         // it may lose committed transactions
	Foreign      fault.Code = "not_a_tallyman_database" // the schema tallyman belongs to another program
	NewerSchema  fault.Code = "newer_schema"            // a later Tallyman wrote it
	NoSchema     fault.Code = "no_tallyman_schema"      // Options.Existing, and nothing is there
	InUse        fault.Code = "database_in_use"         // Options.Alone, and others are connected
	OlderProgram fault.Code = "older_program_connected" // a connected program could not work with the upgraded schema
)

// Error codes of PostgreSQL (its manual, appendix A), and of the functions of our
// schema.
const (
	contentTaken = "TM001" // a content belongs to another session
	fileMissing  = "TM002" // a file to update or detach is not there

	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	cachedPlanChanged    = "0A000"
	noSuchStatement      = "26000"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	outOfMemory          = "53200"
	tooManyConnections   = "53300"
	diskFull             = "53100"
	readOnly             = "25006"
	noPrivilege          = "42501"
	noSuchDatabase       = "3D000"
)

// refusal returns the server's error if it is certain that the transaction was rolled
// back. An error that also ends the connection leaves that open: the server may have
// committed just before.
func refusal(err error) *pgconn.PgError {
	var p *pgconn.PgError
	if !errors.As(err, &p) || p.SeverityUnlocalized != "ERROR" && p.Severity != "ERROR" {
		return nil
	}
	return p
}

// worthAnother reports whether the same statement may succeed when it is retried.
func worthAnother(p *pgconn.PgError) bool {
	switch p.Code {
	case serializationFailure, deadlockDetected, noSuchStatement:
		return true
	case cachedPlanChanged:
		return strings.Contains(p.Message, "cached plan") // the code stands for more than that
	}
	return false
}

// failed turns an error of the database into a fault for people.
func failed(what string, err error) error {
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return blob.Unavailable(what, "", err)
	}
	switch p.Code {
	case contentTaken:
		return fault.New(fault.BadRequest, "one of the stored contents already belongs to a session or a task")
	case fileMissing:
		return session.ErrChanged()
	case tooManyConnections:
		return session.ErrBusy("its database has no free connection")
	case serializationFailure, deadlockDetected, lockNotAvailable, queryCanceled, outOfMemory:
		if refusal(err) != nil {
			busy := session.ErrBusy("its database did not answer in time")
			busy.Err = err
			return busy
		}
	case diskFull:
		if refusal(err) != nil {
			return blob.Full(what, "free space on the database's disk", err)
		}
	}
	// The database does not work, or the outcome is unknown. The cause is for the log.
	return blob.Unavailable(what, "", err)
}

// openFault is the fault of a store that cannot be opened. Operators see it, so it
// names the cause in full. Neither PostgreSQL nor pgx repeats passwords.
func openFault(where string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code != session.StorageUnavailable {
		return f
	}
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case p.Code[:2] == "28":
			return fault.New(Refused, "the database %s refuses the login (%w); check the user and password in its address, and the server's pg_hba.conf", where, err)
		case p.Code == noSuchDatabase:
			return fault.New(NoDatabase, "there is no database %s (%w); create it with CREATE DATABASE, or correct its address", where, err)
		case p.Code == readOnly:
			return fault.New(ReadOnly, "the database %s cannot be written to (%w); it may be a standby: name the primary, or all hosts and target_session_attrs=read-write", where, err)
		case p.Code == noPrivilege:
			return fault.New(Refused, "the role lacks rights in the database %s (%w); grant it CREATE on the database, or make it the owner of the schema tallyman", where, err)
		}
	}
	if f != nil && f.Err != nil {
		err = f.Err
	}
	return fault.New(session.StorageUnavailable, "the database %s cannot be reached or used: %w", where, err)
}
