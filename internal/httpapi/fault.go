package httpapi

import (
	"errors"
	"net/http"
	"strconv"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/session"
)

// The codes that the HTTP interface adds.
const (
	Unauthorized     fault.Code = "unauthorized"       // no key, or one that is not valid
	CrossOrigin      fault.Code = "cross_origin"       // a browser's cookie, sent on behalf of another site
	BadHost          fault.Code = "host_not_allowed"   // a request for another name than the server's
	MethodNotAllowed fault.Code = "method_not_allowed" // the path is there, not for this method
	SessionRequired  fault.Code = "session_required"   // the route needs a session to be named
	AdminOnly        fault.Code = "admin_only"         // the key is valid, and none of the operator's
)

// statuses are what codes mean in HTTP. A code that is not here is our own
// fault.
var statuses = map[fault.Code]int{
	session.BadID:           http.StatusBadRequest,
	fault.BadRequest:        http.StatusBadRequest,
	fault.NoUpload:          http.StatusBadRequest,
	desk.NoBOL:              http.StatusBadRequest,
	session.TooManyFiles:    http.StatusBadRequest,
	body.BadBase64:          http.StatusBadRequest,
	SessionRequired:         http.StatusBadRequest,
	body.TooManyParts:       http.StatusBadRequest,
	Unauthorized:            http.StatusUnauthorized,
	CrossOrigin:             http.StatusForbidden,
	BadHost:                 http.StatusForbidden,
	AdminOnly:               http.StatusForbidden,
	fault.NotFound:          http.StatusNotFound,
	fault.NoSuchPage:        http.StatusNotFound,
	desk.NoSheet:            http.StatusNotFound,
	MethodNotAllowed:        http.StatusMethodNotAllowed,
	body.RequestTimeout:     http.StatusRequestTimeout,
	session.Superseded:      http.StatusConflict,
	session.Changed:         http.StatusConflict,
	fault.TooLarge:          http.StatusRequestEntityTooLarge,
	body.UnsupportedType:    http.StatusUnsupportedMediaType,
	fault.NotAPDF:           http.StatusUnprocessableEntity,
	fault.DamagedPDF:        http.StatusUnprocessableEntity,
	fault.EncryptedPDF:      http.StatusUnprocessableEntity,
	fault.NoText:            http.StatusUnprocessableEntity,
	fault.NoBills:           http.StatusUnprocessableEntity,
	fault.EmptyFile:         http.StatusUnprocessableEntity,
	fault.TooSlow:           http.StatusUnprocessableEntity,
	fault.TooMuchMemory:     http.StatusUnprocessableEntity,
	fault.WorkerCrashed:     http.StatusUnprocessableEntity,
	fault.NotAnOrderFile:    http.StatusUnprocessableEntity,
	fault.DamagedOrders:     http.StatusUnprocessableEntity,
	fault.OldXLS:            http.StatusUnprocessableEntity,
	fault.MissingColumns:    http.StatusUnprocessableEntity,
	fault.NoOrderRows:       http.StatusUnprocessableEntity,
	fault.Cancelled:         statusClientGone,
	fault.Busy:              http.StatusServiceUnavailable,
	fault.WorkerStopped:     http.StatusServiceUnavailable,
	blob.StorageUnavailable: http.StatusServiceUnavailable,
	blob.StorageFull:        http.StatusInsufficientStorage,
	blob.Damaged:            http.StatusInternalServerError,
	fault.Internal:          http.StatusInternalServerError,
}

// statusClientGone stands in the log for requests whose client hung up. Nobody
// receives it.
const statusClientGone = 499

// errorAnswer is what every error is answered with (DESIGN.md §7).
type errorAnswer struct {
	// Error is a sentence for people.
	Error string `json:"error"`
	// Code is for programs.
	Code fault.Code `json:"code"`
	// Details say more to programs, for some codes.
	Details any `json:"details,omitempty"`
	// SessionID is the session concerned, if the caller named one or it was
	// minted for the request.
	SessionID string `json:"session_id,omitempty"`
}

// translate turns an error into its answer. It is the only place that does.
// What is our own fault is not explained to the client; its cause is for the
// log.
func translate(err error) (status int, a errorAnswer) {
	var f *fault.Error
	if errors.As(err, &f) {
		if status, ok := statuses[f.Code]; ok && f.Code != fault.Internal {
			return status, errorAnswer{Error: fault.Sentence(f.Message), Code: f.Code, Details: f.Details}
		}
	}
	return http.StatusInternalServerError, errorAnswer{
		Error: "Something went wrong on the server. Try again; if it stays, its operator finds the cause in the log.",
		Code:  fault.Internal,
	}
}

// errorHeaders are the headers that belong to an error.
func errorHeaders(h http.Header, err error, a errorAnswer) {
	switch {
	case statuses[a.Code] == http.StatusServiceUnavailable:
		seconds := 5
		var f *fault.Error
		if errors.As(err, &f) {
			if after, ok := f.Details.(session.RetryAfter); ok && after.Seconds > 0 {
				seconds = after.Seconds
			}
		}
		h.Set("Retry-After", strconv.Itoa(seconds))
	case a.Code == Unauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="tallyman"`)
	}
}
