package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/aws/smithy-go"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// refused is an error that the service reports for one item of a successful request.
type refused struct{ code, message string }

func (r *refused) Error() string     { return r.code + ": " + r.message }
func (r *refused) ErrorCode() string { return r.code }

// codeOf returns the code and the HTTP status of an answer; "" and 0 if there was
// none.
func codeOf(err error) (code string, status int) {
	var c interface{ ErrorCode() string }
	if errors.As(err, &c) {
		code = c.ErrorCode()
	}
	var s interface{ HTTPStatusCode() int }
	if errors.As(err, &s) {
		status = s.HTTPStatusCode()
	}
	return code, status
}

// absent returns nil for errors that say that an object does not exist.
func absent(err error) error {
	if code, _ := codeOf(err); code == "NoSuchKey" || code == "NotFound" {
		return nil
	}
	return err
}

// hopeless reports whether other requests would fail for the same reason: the service
// does not answer, or refuses all requests.
func hopeless(err error) bool {
	if err == nil {
		return false
	}
	code, status := codeOf(err)
	if refusal(err) != "" || full(code, status) {
		return true
	}
	return status == 0 || status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented
}

func full(code string, status int) bool {
	switch code {
	case "QuotaExceeded", "QuotaExceededException", "StorageQuotaExceeded", "InsufficientStorage", "InsufficientCapacity",
		"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "StorageFull", "DiskFull":
		return true
	}
	return status == http.StatusInsufficientStorage
}

// refusal explains why the service refuses every request until its settings or ours
// change; it returns "" for other errors.
func refusal(err error) string {
	code, status := codeOf(err)
	switch code {
	case "NoSuchBucket":
		return "it does not exist; create it, or correct its name"
	case "InvalidAccessKeyId", "InvalidClientTokenId", "XAdminUserNotFound":
		return "the service does not know the access key; correct AWS_ACCESS_KEY_ID, or the role"
	case "SignatureDoesNotMatch":
		return "the secret key is wrong; correct AWS_SECRET_ACCESS_KEY"
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "ExpiredTokenException":
		return "the credentials have expired; renew them"
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess":
		return "access is denied; allow these credentials s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on what is in it"
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return "it is in another region; name the right one"
	case "RequestTimeTooSkewed":
		return "this machine's clock is wrong; set it"
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden && !full(code, status):
		return "access is denied; correct the credentials or what they may do"
	case status == http.StatusMovedPermanently:
		return "it is in another region; name the right one"
	}
	return ""
}

// fault turns the error of a request into one of the errors of blob.Store. The names
// of buckets and servers are for the log only.
func (s *Store) fault(ctx context.Context, doing string, err error) error {
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return blob.Fault(doing, fmt.Errorf("%w: %w", ctx.Err(), err))
	case errors.As(err, &f):
		return f
	}
	code, status := codeOf(err)
	if full(code, status) {
		return blob.Full(doing, "raise the storage service's quota", err)
	}
	if code == "NoSuchKey" {
		return blob.Gone(err)
	}
	if why := refusal(err); why != "" {
		return blob.Unavailable(doing, "the storage service refuses: the bucket cannot be used: "+why, err)
	}
	var timeout interface{ Timeout() bool }
	var api smithy.APIError
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &api) && status > 0:
		return blob.Unavailable(doing, fmt.Sprintf("the storage service answers %d (%s)", status, printable(code)), err)
	case status >= 300:
		return blob.Unavailable(doing, fmt.Sprintf("the storage service answers %d", status), err)
	case errors.Is(err, errStalled), errors.As(err, &timeout) && timeout.Timeout():
		return blob.Unavailable(doing, "the storage service does not answer in time", err)
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		return blob.Unavailable(doing, "the storage service cannot be reached", err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), op != nil:
		return blob.Unavailable(doing, "the connection to the storage service broke off", err)
	}
	return blob.Unavailable(doing, "", err)
}

// printable makes text from a server harmless in a message.
func printable(code string) string {
	b := []byte(code)
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			b[i] = '.'
		}
	}
	return string(b[:min(len(b), 60)])
}
