package httpapi

import (
	"errors"
	"net/http"
	"strconv"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/jobs"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/webhook"
)

// The codes that only the HTTP interface uses.
const (
	Unauthorized     fault.Code = "unauthorized"       // no key, or an invalid one
	CrossOrigin      fault.Code = "cross_origin"       // a page of another origin used a browser's cookie, or a keyless server on loopback
	BadHost          fault.Code = "host_not_allowed"   // the request is for a host that is not this server
	MethodNotAllowed fault.Code = "method_not_allowed" // the path exists, but not with this method
	SessionRequired  fault.Code = "session_required"   // the request must name a session
	AdminOnly        fault.Code = "admin_only"         // the key is valid, but not an admin key
	BadRange         fault.Code = "bad_range"          // the file does not have the bytes of the header Range
	ReadOnly         fault.Code = "read_only"          // the key must not change sessions
)

// statuses are the HTTP statuses of codes. A code without one is the server's own
// fault.
var statuses = func() map[fault.Code]int {
	all := map[fault.Code]int{}
	for status, list := range map[int][]fault.Code{
		http.StatusBadRequest: {
			session.BadID, fault.BadRequest, fault.NoUpload, desk.NoBOL, session.TooManyFiles, body.BadBase64,
			SessionRequired, body.TooManyParts,
		},
		http.StatusUnauthorized: {Unauthorized},
		http.StatusForbidden:    {CrossOrigin, BadHost, AdminOnly, WebhooksOff, webhook.Refused, ReadOnly},
		http.StatusUnprocessableEntity: {
			desk.KeyReused, profile.BadProfile, desk.BadForm, fault.NotAPDF, fault.DamagedPDF,
			fault.EncryptedPDF, fault.DamagedPicture, fault.NoText, fault.NoBills, fault.UnreadForm,
			fault.EmptyFile, fault.TooSlow, fault.TooMuchMemory, fault.WorkerCrashed, fault.NotAnOrderFile,
			fault.DamagedOrders, fault.OldXLS, fault.MissingColumns, fault.NoOrderRows, jobs.GivenUp,
		},
		http.StatusRequestedRangeNotSatisfiable: {BadRange},
		http.StatusNotFound:                     {fault.NotFound, fault.NoSuchPage, desk.NoSheet, jobs.NoResult},
		http.StatusMethodNotAllowed:             {MethodNotAllowed},
		http.StatusRequestTimeout:               {body.RequestTimeout},
		http.StatusConflict:                     {session.Superseded, session.Changed, session.ProfileChanged, jobs.NotEnded},
		http.StatusRequestEntityTooLarge:        {fault.TooLarge},
		http.StatusUnsupportedMediaType:         {body.UnsupportedType},
		statusClientGone:                        {fault.Cancelled},
		http.StatusTooManyRequests:              {desk.OwnerLimit, jobs.TooMany},
		http.StatusServiceUnavailable:           {fault.Busy, fault.WorkerStopped, blob.StorageUnavailable},
		http.StatusInsufficientStorage:          {blob.StorageFull},
		http.StatusInternalServerError:          {blob.Damaged, fault.Internal},
	} {
		for _, code := range list {
			all[code] = status
		}
	}
	return all
}()

// statusClientGone is logged for requests whose client hung up. It is never sent.
const statusClientGone = 499

// errorAnswer is the answer to every request that fails (DESIGN.md §7).
type errorAnswer struct {
	// Error is a sentence for people.
	Error string `json:"error"`
	// Code is for programs.
	Code fault.Code `json:"code"`
	// Details add data for programs, with some codes.
	Details any `json:"details,omitempty"`
	// SessionID is the session concerned, if the caller named one or the server minted
	// one for the request.
	SessionID string `json:"session_id,omitempty"`
}

// translate turns an error into its answer. Nothing else does. Clients do not get the
// cause of the server's own faults, which is in the log.
func translate(err error) (status int, a errorAnswer) {
	if f, found := errors.AsType[*fault.Error](err); found {
		if status, ok := statuses[f.Code]; ok && f.Code != fault.Internal {
			return status, errorAnswer{Error: fault.Sentence(f.Message), Code: f.Code, Details: f.Details}
		}
	}
	return http.StatusInternalServerError, errorAnswer{
		Error: "Something went wrong on the server. Try again. If it happens again, tell the operator, who finds the cause in the log.",
		Code:  fault.Internal,
	}
}

// errorHeaders sets the headers that belong to an error.
func errorHeaders(h http.Header, err error, a errorAnswer) {
	switch {
	case statuses[a.Code] == http.StatusServiceUnavailable, a.Code == jobs.TooMany:
		seconds := 5
		if f, found := errors.AsType[*fault.Error](err); found {
			if after, ok := f.Details.(session.RetryAfter); ok && after.Seconds > 0 {
				seconds = after.Seconds
			}
		}
		h.Set("Retry-After", strconv.Itoa(seconds))
	case a.Code == Unauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="tallyman"`)
	}
}
