// Package s3 keeps contents as objects in a bucket of S3 or of compatible storage.
// Any number of processes may share a bucket and prefix.
//
// A content is the object PREFIX/KEY, with the key of package blob. Objects with
// other names are ignored and never changed.
//
// Put and Open work on a local copy, a spool: in memory up to 256 KiB, else in a
// temporary file without a name. So the size and the SHA-256 of a content are known
// before its first byte is sent, one signed request names its SHA-256, and the server
// stores it whole or not at all: a crash leaves no multipart uploads to pay for, and a
// client that hangs up half way costs no request. The cost is disk space for the contents
// that are being uploaded and read, and a limit of 5 GiB for each content. Open fetches
// and verifies a whole content before it returns, so that reading continues when the
// content is deleted, and so that ReadAt is fast and never returns a wrong byte.
//
// A content that is pending in this process is opened from its spool, without a
// request. Round trips: Put 1, Open 1 or none, Delete 1 for up to 1000 contents, List
// 1 for up to 1000, Check 3.
//
// A request that stalls for Config.Timeout is abandoned. A request that failed for a
// possibly temporary reason is sent up to three times in all, after random pauses that
// grow. If the outcome of a Put is unknown after that, the object is deleted; if that
// fails too, or the server finishes the write after it, an orphan stays for the sweep.
//
// Only one process knows which contents are pending. Processes that share a bucket
// need a session.Janitor with an OrphanAge: Written in List is the server's time at
// which the write ended or, on some servers, began.
//
// The service decides what acknowledged means: on Amazon S3 that a content is on
// several disks. A server that answers before its disk has the bytes, as some
// gateways over a file system do, can lose them in a power cut.
package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/turn"
)

// Config is the place of a Store's contents.
type Config struct {
	// Bucket is the bucket's name. The bucket must exist.
	Bucket string
	// Prefix is put before the keys: "" or a path without slashes at its ends.
	Prefix string
	// Endpoint is the URL of the service, "" for Amazon's.
	Endpoint string
	// Region is the bucket's region. "" means the one in the environment or the AWS
	// configuration files; if there is none and Endpoint is set, us-east-1.
	Region string
	// PathStyle puts the bucket into the path of URLs instead of the host name.
	PathStyle bool
	// Timeout is how long a request may stall, 0 means 5 seconds.
	Timeout time.Duration
	// Spool is the folder for temporary files, "" for the system's.
	Spool string
}

const (
	defaultTimeout = 5 * time.Second
	attempts       = 3               // how often a request is sent in all
	longestPause   = 2 * time.Second // between two of them
	batch          = 1000            // the most that S3 deletes or lists at once
)

// Store is a blob.Store in a bucket.
type Store struct {
	client  *s3.Client
	bucket  string
	prefix  string // "", or ends with a slash
	timeout time.Duration
	spool   string

	mu      sync.Mutex
	pending map[blob.Key]*spool // the spool of Put's content, nil for Check's
	ahead   *listing            // what the last List fetched and did not return
}

var _ blob.Importer = (*Store)(nil)

// Open returns the store in a bucket. Credentials come from the usual sources of AWS
// tools: the environment, configuration files, the machine's or the pod's role.
//
// It fails if there are no credentials, or if the service refuses them or does not
// know the bucket. If the service cannot be reached it succeeds, so that a server may
// start before its storage; Check reports the failure.
func Open(ctx context.Context, c Config) (*Store, error) {
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	// Credentials may take longer than a request of the store may stall.
	opening, cancel := context.WithTimeout(ctx, attempts*max(c.Timeout, defaultTimeout))
	defer cancel()
	cfg, err := config.LoadDefaultConfig(opening)
	if err != nil {
		return nil, unusable("the AWS configuration cannot be read", err)
	}
	cfg.Region = cmp.Or(c.Region, cfg.Region)
	if cfg.Region == "" && (c.Endpoint != "" || cfg.BaseEndpoint != nil) {
		cfg.Region = "us-east-1" // servers without regions accept it
	}
	if cfg.Region == "" {
		return nil, unusable("the bucket's region is not known: name it with region=… in the address or as AWS_REGION", nil)
	}
	if _, err := cfg.Credentials.Retrieve(opening); err != nil {
		if ctx.Err() != nil {
			return nil, blob.Fault("open the bucket", ctx.Err())
		}
		return nil, unusable("there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role", err)
	}
	s := &Store{
		client: newClient(cfg, c), bucket: c.Bucket,
		timeout: c.Timeout, spool: c.Spool, pending: map[blob.Key]*spool{},
	}
	if c.Prefix != "" {
		s.prefix = c.Prefix + "/"
	}
	if _, err := s.page(opening, "", nil); err != nil && ctx.Err() != nil {
		return nil, blob.Fault("open the bucket", ctx.Err())
	} else if why := refusal(err); why != "" {
		return nil, unusable("the bucket "+c.Bucket+" cannot be used: "+why, err)
	} else if code, status := codeOf(err); status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests {
		return nil, unusable(fmt.Sprintf("the bucket %s cannot be used: the service answers %d (%s)", c.Bucket, status, printable(code)), err)
	}
	return s, nil
}

// unusable returns a fault about the settings. Its cause is for operators only.
func unusable(message string, cause error) error {
	return &fault.Error{Code: blob.StorageUnavailable, Message: message, Err: cause}
}

func newClient(cfg aws.Config, c Config) *s3.Client {
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient) // has AWS_CA_BUNDLE
	if !ok {
		client = awshttp.NewBuildableClient()
	}
	client = client.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
		t.IdleConnTimeout = 20 * time.Second // before Amazon closes them
		t.TLSHandshakeTimeout = c.Timeout
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = c.Timeout })
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
		o.UsePathStyle = c.PathStyle
		o.HTTPClient = impatient{client, c.Timeout}
		// Not all servers understand the checksums that the SDK adds by default, and
		// they are not needed: every content is signed with its SHA-256 and verified
		// when it is read.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = attempts
			o.MaxBackoff = longestPause
			o.Retryables = append(o.Retryables, retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{
				http.StatusConflict: {}, // with another operation under the same prefix
			}}, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errStalled) {
					return aws.TrueTernary // a truncated answer
				}
				return aws.UnknownTernary
			}))
		})
	})
}

func (s *Store) name(k blob.Key) *string { return aws.String(s.prefix + string(k)) }

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, r io.Reader) (blob.Ref, error) {
	sp, err := fill(ctx, s.spool, r)
	if err != nil {
		return blob.Ref{}, err
	}
	return s.put(ctx, sp, sp)
}

// put sends a spool, and lets Open read keep until the content is not pending any
// more.
func (s *Store) put(ctx context.Context, sp, keep *spool) (blob.Ref, error) {
	ref := blob.Ref{Key: blob.NewKey(), Size: sp.size, SHA256: sp.sum}
	// The key is pending before the object is sent, so that List never shows it.
	s.mu.Lock()
	s.pending[ref.Key] = keep
	s.mu.Unlock()
	// No condition that the key be new is needed, since keys are random. With one, a
	// request that is repeated after its answer was lost would fail.
	if err := s.send(ctx, ref, sp, nil); err != nil {
		s.takeBack(ctx, ref.Key)
		s.Release(ref.Key)
		return blob.Ref{}, err
	}
	return ref, nil
}

// send sends a spool. unless, if not nil, is a condition: no object that matches it
// may exist.
func (s *Store) send(ctx context.Context, ref blob.Ref, sp *spool, unless *string) error {
	defer turn.Pause(ctx)()
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.name(ref.Key), Body: sp.seeker(), ContentLength: &ref.Size,
		ContentType: aws.String("application/octet-stream"), IfNoneMatch: unless,
	}, s3.WithAPIOptions(signedWith(ref.SHA256)))
	if _, status := codeOf(err); unless != nil && status == http.StatusPreconditionFailed {
		return blob.ErrTaken(err)
	}
	return s.fault(ctx, "store a file", err)
}

// Import implements blob.Importer. The service must support conditional writes
// (If-None-Match), or it would overwrite an existing object. A request that is
// repeated after its answer was lost finds its own object, and fails with blob.Taken.
func (s *Store) Import(ctx context.Context, ref blob.Ref, r io.Reader) error {
	if !ref.Key.Valid() {
		return fault.New(fault.BadRequest, "a file cannot be stored under an invalid key")
	}
	sp, err := fill(ctx, s.spool, r)
	if err != nil {
		return err
	}
	if err := sp.is(ref); err != nil {
		sp.done()
		return err
	}
	s.mu.Lock()
	if _, held := s.pending[ref.Key]; held {
		s.mu.Unlock()
		sp.done()
		return blob.ErrTaken(nil)
	}
	s.pending[ref.Key] = sp
	s.mu.Unlock()
	if err := s.send(ctx, ref, sp, aws.String("*")); err != nil {
		// It is uncertain whose object exists now, so it is left to the sweep.
		s.Release(ref.Key)
		return err
	}
	return nil
}

// signedWith makes the SHA-256 of the body part of the signature, which the SDK does
// not do over TLS by default. The server refuses a body with another sum.
func signedWith(sum blob.Sum) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("ContentSHA256", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			return next.HandleFinalize(v4.SetPayloadHash(ctx, sum.String()), in)
		}), "ComputePayloadHash", middleware.Before)
	}
}

// takeBack deletes what a failed request may have stored nevertheless, even if ctx
// has ended.
func (s *Store) takeBack(ctx context.Context, k blob.Key) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(s.timeout, 2*time.Second))
	defer cancel()
	_, _ = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.name(k)}, func(o *s3.Options) {
		o.Retryer = aws.NopRetryer{}
	})
}

// Release implements blob.Store.
func (s *Store) Release(keys ...blob.Key) {
	var free []*spool
	s.mu.Lock()
	for _, k := range keys {
		if sp := s.pending[k]; sp != nil {
			free = append(free, sp)
		}
		delete(s.pending, k)
	}
	s.mu.Unlock()
	for _, sp := range free {
		sp.done()
	}
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, blob.Fault("read a stored file", err)
	}
	if !ref.Key.Valid() {
		return nil, blob.Gone(nil)
	}
	s.mu.Lock()
	if sp := s.pending[ref.Key]; sp != nil {
		defer s.mu.Unlock()
		if err := sp.is(ref); err != nil {
			return nil, err
		}
		return newContent(sp.use()), nil
	}
	s.mu.Unlock()
	sp, err := s.fetch(ctx, ref)
	if err != nil {
		return nil, err
	}
	return newContent(sp), nil
}

// is verifies that a spool holds the stored content.
func (s *spool) is(ref blob.Ref) error {
	switch {
	case s.size != ref.Size:
		return wrongSize(s.size, ref)
	case s.sum != ref.SHA256:
		return fault.New(blob.Damaged, "a stored file is not what was uploaded (its SHA-256 differs): it was damaged in storage; upload it again")
	}
	return nil
}

func wrongSize(size int64, ref blob.Ref) error {
	return fault.New(blob.Damaged, "a stored file has %d bytes instead of %d: it was damaged in storage; upload it again", size, ref.Size)
}

// fetch downloads a whole content. It retries when an answer is truncated.
func (s *Store) fetch(ctx context.Context, ref blob.Ref) (*spool, error) {
	const doing = "read a stored file"
	defer turn.Pause(ctx)()
	for attempt := 1; ; attempt++ {
		sp, err := s.fetchOnce(ctx, ref)
		if _, ok := errors.AsType[*brokenOff](err); !ok || attempt == attempts {
			return sp, s.fault(ctx, doing, err)
		}
		pause := min(longestPause, 100*time.Millisecond<<attempt)
		if err := fault.Pause(ctx, rand.N(pause)); err != nil {
			return nil, err
		}
	}
}

// brokenOff is the error of an answer whose body ended early.
type brokenOff struct{ error }

func (b *brokenOff) Unwrap() error { return b.error }

func (s *Store) fetchOnce(ctx context.Context, ref blob.Ref) (*spool, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.name(ref.Key)})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	if out.ContentLength != nil && *out.ContentLength != ref.Size {
		return nil, wrongSize(*out.ContentLength, ref)
	}
	body := &answer{r: io.LimitReader(out.Body, ref.Size+1)} // whatever length the server announces
	sp, err := fill(ctx, s.spool, body)
	switch {
	case body.err != nil:
		return nil, &brokenOff{body.err}
	case err != nil:
		return nil, err
	}
	if err := sp.is(ref); err != nil {
		sp.done()
		return nil, err
	}
	return sp, nil
}

// answer remembers the error of a body, to distinguish it from those of the spool.
type answer struct {
	r   io.Reader
	err error
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && err != io.EOF {
		a.err = err
	}
	return n, err
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, keys ...blob.Key) error {
	var first error
	valid := make([]blob.Key, 0, len(keys))
	for _, k := range keys {
		if k.Valid() { // no content can have another key
			valid = append(valid, k)
		}
	}
	for len(valid) > 0 {
		n := min(batch, len(valid))
		err := s.delete(ctx, valid[:n])
		first = cmp.Or(first, s.fault(ctx, "remove a stored file", err))
		if hopeless(err) {
			break
		}
		valid = valid[n:]
	}
	// The keys stay pending until now, so that the sweep does not find them
	// meanwhile.
	s.Release(keys...)
	return first
}

func (s *Store) delete(ctx context.Context, keys []blob.Key) error {
	if len(keys) == 1 {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.name(keys[0])})
		return absent(err)
	}
	objects := make([]types.ObjectIdentifier, len(keys))
	for i, k := range keys {
		objects[i].Key = s.name(k)
	}
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &s.bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	}, s3.WithAPIOptions(smithyhttp.AddContentChecksumMiddleware)) // older servers require an MD5
	if err != nil {
		if hopeless(err) {
			return err
		}
		return s.deleteEach(ctx, keys)
	}
	for _, e := range out.Errors {
		if err := absent(&refused{aws.ToString(e.Code), aws.ToString(e.Message)}); err != nil {
			return err
		}
	}
	return nil
}

// deleteEach is for services without batch deletion.
func (s *Store) deleteEach(ctx context.Context, keys []blob.Key) error {
	var first error
	for _, k := range keys {
		err := s.delete(ctx, []blob.Key{k})
		first = cmp.Or(first, err)
		if hopeless(err) {
			break
		}
	}
	return first
}

// page requests one page of names after the given key, or the page of a continuation
// token.
func (s *Store) page(ctx context.Context, after blob.Key, token *string) (*s3.ListObjectsV2Output, error) {
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Delimiter: aws.String("/"), ContinuationToken: token, MaxKeys: aws.Int32(batch)}
	if s.prefix != "" {
		in.Prefix = &s.prefix
	}
	if after != "" && token == nil {
		in.StartAfter = s.name(after)
	}
	return s.client.ListObjectsV2(ctx, in)
}

// List implements blob.Store. It requests as many names as S3 returns at once and
// keeps the rest for the next call of a sweep. So it may list contents that were
// deleted meanwhile.
func (s *Store) List(ctx context.Context, after blob.Key, limit int) ([]blob.Item, blob.Key, error) {
	const doing = "list stored files"
	if after != "" && !after.Valid() {
		return nil, "", fault.New(fault.BadRequest, "listing contents: the key of the previous page is invalid")
	}
	if err := ctx.Err(); err != nil {
		return nil, "", blob.Fault(doing, err)
	}
	l := s.takeAhead(after)
	if l == nil {
		var err error
		if l, err = s.list(ctx, after); err != nil {
			return nil, "", s.fault(ctx, doing, err)
		}
	}
	n := min(max(limit, 1), len(l.items))
	items := l.items[:n:n]
	next := blob.Key("")
	if n < len(l.items) || l.more {
		next = items[n-1].Key
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < len(l.items) {
		s.ahead = &listing{after: next, items: l.items[n:], more: l.more}
	}
	// Check for pending after the names were listed: a content was pending before its
	// object existed.
	items = slices.DeleteFunc(items, func(it blob.Item) bool {
		_, held := s.pending[it.Key]
		return held
	})
	return items, next, nil
}

// listing is a page of contents after a key, pending or not.
type listing struct {
	after blob.Key
	items []blob.Item
	more  bool // more may follow
}

// takeAhead returns the listing after a key if it was fetched already, else nil.
func (s *Store) takeAhead(after blob.Key) *listing {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ahead
	if l == nil || after == "" || l.after != after {
		return nil
	}
	s.ahead = nil
	return l
}

// list returns a listing that is empty only if it is the last.
func (s *Store) list(ctx context.Context, after blob.Key) (*listing, error) {
	l := &listing{after: after}
	for token := (*string)(nil); ; {
		out, err := s.page(ctx, after, token)
		if err != nil {
			return nil, err
		}
		if err := l.add(out.Contents, s.prefix); err != nil {
			return nil, err
		}
		l.more = aws.ToBool(out.IsTruncated)
		if len(l.items) > 0 || !l.more {
			return l, nil
		}
		// This page has no contents of ours.
		if token = out.NextContinuationToken; aws.ToString(token) == "" {
			return nil, errors.New("a listing is incomplete and has no continuation token")
		}
	}
}

// add adds the objects that are contents.
func (l *listing) add(objects []types.Object, prefix string) error {
	last := l.after
	for _, o := range objects {
		name, ours := strings.CutPrefix(aws.ToString(o.Key), prefix)
		k := blob.Key(name)
		if !ours || !k.Valid() {
			continue
		}
		if k <= last {
			return errors.New("the bucket is not listed in the order of names, as directory buckets are not")
		}
		if o.LastModified == nil {
			return errors.New("a listing does not say when an object was written")
		}
		l.items = append(l.items, blob.Item{Key: k, Size: aws.ToInt64(o.Size), Written: *o.LastModified})
		last = k
	}
	return nil
}

// Check implements blob.Store. It does not use the spool that Put keeps for Open.
func (s *Store) Check(ctx context.Context) error {
	sp, err := fill(ctx, s.spool, strings.NewReader(string(blob.NewKey())))
	if err != nil {
		return err
	}
	defer sp.done()
	ref, err := s.put(ctx, sp, nil)
	if err != nil {
		return late(ctx, err)
	}
	got, err := s.fetch(ctx, ref)
	if err == nil {
		got.done()
	} else if fault.CodeOf(err) == fault.NotFound {
		err = fault.New(blob.Damaged, "a file that was just stored is missing; check the storage service")
	}
	if derr := s.Delete(ctx, ref.Key); err == nil {
		err = derr
	}
	return late(ctx, err)
}

// Skew returns how far the service's clock is ahead of ours, to the second.
func (s *Store) Skew(ctx context.Context) (time.Duration, error) {
	out, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	if err != nil {
		return 0, s.fault(ctx, "ask for the time", err)
	}
	theirs, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	at, ok2 := awsmiddleware.GetResponseAt(out.ResultMetadata)
	if !ok || !ok2 {
		return 0, blob.Unavailable("ask for the time", "the storage service does not say what time it is", nil)
	}
	// The service's time has no fractions of seconds.
	return theirs.Add(time.Second / 2).Sub(at).Round(time.Second), nil
}

// late turns the timeout of a check into a fault of storage: callers of a check set a
// deadline to detect that.
func late(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return blob.Unavailable("check the storage", "the storage service does not answer in time", err)
	}
	return err
}
