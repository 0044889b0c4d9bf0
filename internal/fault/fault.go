// Package fault has the only kind of error that is meant for the people who use
// Tallyman: it says what is wrong, where, and what to do, and carries a code for
// programs. Any other error is internal: it is logged for the operator and shown to
// users only as such.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code identifies a kind of fault. Codes are part of the HTTP contract and never
// change their meaning.
type Code string

// The codes that reading a document can end with.
const (
	NotAPDF        Code = "not_a_pdf"         // the content is not a PDF
	DamagedPDF     Code = "damaged_pdf"       // it begins as a PDF, but is truncated or broken
	EncryptedPDF   Code = "encrypted_pdf"     // it cannot be opened without a password
	DamagedPicture Code = "damaged_picture"   // it begins as a picture, but is broken or of a kind that is not read
	NoText         Code = "no_text"           // every page is without text: a scan
	NoBills        Code = "no_bills"          // text, but nothing like a bill of lading
	UnreadForm     Code = "unread_form"       // a bill of lading whose table cannot be read, or that is not filled in
	EmptyFile      Code = "empty_file"        // nothing in it
	TooLarge       Code = "too_large"         // over a limit of size
	TooSlow        Code = "too_slow"          // over a limit of time
	TooMuchMemory  Code = "too_much_memory"   // over a limit of memory
	WorkerCrashed  Code = "worker_crashed"    // the content made its reader fail
	WorkerStopped  Code = "worker_stopped"    // another process ended its reader; nothing is wrong with the content
	NoSuchPage     Code = "no_such_page"      // a page number outside the document
	NotAnOrderFile Code = "not_an_order_file" // neither CSV nor a workbook
	DamagedOrders  Code = "damaged_orders"    // a workbook or CSV that cannot be read
	OldXLS         Code = "xls_unsupported"   // a kind of XLS that is not read
	MissingColumns Code = "missing_columns"   // an order export without its key columns
	NoOrderRows    Code = "no_order_rows"     // an order export with a header only
	Unreadable     Code = "unreadable"        // the file cannot be opened or read
	Unwritable     Code = "unwritable"        // the output cannot be written
	BadRequest     Code = "bad_request"       // the caller's request is invalid
	NoUpload       Code = "no_upload"         // the caller sent no file, or it is unclear which
	Busy           Code = "busy"              // no room now, try again later
	Cancelled      Code = "cancelled"         // the caller gave up
	NotFound       Code = "not_found"         // nothing has that name
	Internal       Code = "internal"          // our own fault
)

// Error is an error for people.
type Error struct {
	// Code identifies the fault for programs.
	Code Code
	// Message is a sentence for people, without a full stop: what is wrong,
	// where, and what to do.
	Message string
	// Details, if any, is a value for programs that can be encoded as JSON.
	Details any
	// Err is the cause, for the operator's log. It may be nil.
	Err error
}

// Error returns the message for people. The cause is not part of it.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an Error with a formatted message. If an argument is an error and the
// format wraps it with %w, it becomes the cause.
func New(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// With returns a copy of the error that carries details for programs.
func (e *Error) With(details any) *Error {
	c := *e
	c.Details = details
	return &c
}

// In returns err with "name: " before its message if it is a fault, for callers that
// know which of several files it concerns. Other errors are wrapped.
func In(name string, err error) error {
	if f, ok := errors.AsType[*Error](err); ok {
		c := *f
		c.Message = name + ": " + f.Message
		return &c
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Ended returns the fault of a context that ended with err before the work was done:
// the caller gave up or the time was over, and nothing was changed.
func Ended(err error) error {
	return &Error{Code: Cancelled, Message: "the request ended before its work was done; nothing was changed", Err: err}
}

// Pause waits for a time. It fails with Cancelled if ctx ends before.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	if err := ctx.Err(); err != nil {
		return Ended(err)
	}
	return nil
}

// CodeOf returns the code of the first Error in err's chain, Internal if there
// is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Code
	}
	return Internal
}

// Sentence ends a message with a full stop, unless it ends like a sentence already.
func Sentence(message string) string {
	if message == "" || strings.ContainsAny(message[len(message)-1:], ".!?") {
		return message
	}
	return message + "."
}
