package s3

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tallyman/internal/blob"
	"tallyman/internal/blob/blobtest"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/link"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/s3test"
)

var ctx = context.Background()

// patience is a limit that a slow machine does not exceed.
const patience = 10 * time.Minute

// bench is a server and one of its buckets.
type bench struct {
	*testing.T
	server *s3test.Server
	bucket string
}

func newBench(t *testing.T) *bench {
	s := s3test.Start(t)
	s.Setenv(t)
	return &bench{t, s, s.Bucket(t)}
}

// config returns the settings of a store in the bench's bucket.
func (b *bench) config() Config {
	return Config{Bucket: b.bucket, Prefix: "some/where", Endpoint: b.server.Endpoint, PathStyle: true, Spool: b.TempDir(), Timeout: patience}
}

// linked starts a link to the server, and returns the settings of a store that uses it.
func (b *bench) linked() (*link.Link, Config) {
	p := link.For(b, strings.TrimPrefix(b.server.Endpoint, "http://"))
	c := b.config()
	c.Endpoint = "http://" + p.Address
	return p, c
}

func (b *bench) open(c Config) *Store {
	b.Helper()
	s, err := Open(ctx, c)
	if err != nil {
		b.Fatalf("open: %v (%v)", err, errors.Unwrap(err))
	}
	return s
}

func (b *bench) put(s *Store, content []byte) blob.Ref {
	b.Helper()
	ref, err := s.Put(ctx, bytes.NewReader(content))
	if err != nil {
		b.Fatalf("put: %v (%v)", err, errors.Unwrap(err))
	}
	// Without the spool, Open fetches it.
	s.Release(ref.Key)
	return ref
}

func (b *bench) holds(s *Store, ref blob.Ref, content []byte) {
	b.Helper()
	got, err := blob.ReadAll(ctx, s, ref)
	if err != nil || !bytes.Equal(got, content) {
		b.Errorf("a content of %d bytes reads back as %d others: %v (%v)", len(content), len(got), err, errors.Unwrap(err))
	}
}

// path is the server's file of an object.
func (b *bench) path(k blob.Key) string {
	return filepath.Join(b.server.Root, b.bucket, "some/where", string(k))
}

// objects returns the names of all objects of the bucket.
func (b *bench) objects() (names []string) {
	b.Helper()
	root := filepath.Join(b.server.Root, b.bucket)
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == ".sgwtmp" {
			return filepath.SkipDir // files of the server itself
		}
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	must.OK(b, err)
	return names
}

// spooled expects that no temporary file has a name.
func (b *bench) spooled(c Config) {
	b.Helper()
	entries, err := os.ReadDir(c.Spool)
	if err != nil || len(entries) > 0 {
		b.Errorf("%d temporary files are left (%v)", len(entries), err)
	}
}

// against opens a store of a service that is a handler. Listings, with which Open looks for
// the bucket, are answered for it.
func against(t *testing.T, c Config, serve http.HandlerFunc) *Store {
	t.Helper()
	server := httptest.NewServer(empty(serve))
	t.Cleanup(server.Close)
	return openAt(t, server.URL, c)
}

// empty answers listings for a handler, as of an empty bucket.
func empty(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("list-type") {
			io.WriteString(w, `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)
			return
		}
		serve(w, r)
	}
}

// openAt opens a store of a service at a URL that takes any credentials.
func openAt(t *testing.T, url string, c Config) *Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	c.Bucket, c.Endpoint, c.PathStyle = "bucket", url, true
	s, err := Open(ctx, c)
	must.OK(t, err)
	return s
}

func TestStoreKeepsTheRules(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv(t)
	buckets := map[string]string{}
	blobtest.Run(t, func(t testing.TB, place string) blob.Store {
		if buckets[place] == "" {
			buckets[place] = server.Bucket(t)
		}
		s, err := Open(ctx, Config{Bucket: buckets[place], Prefix: "some/where", Endpoint: server.Endpoint, PathStyle: true, Spool: place, Timeout: patience})
		must.OK(t, err)
		return s
	})
}

func TestTheStoreNeedsNoPrefix(t *testing.T) {
	b := newBench(t)
	c := b.config()
	c.Prefix = ""
	s := b.open(c)
	ref := b.put(s, []byte("content"))
	b.holds(s, ref, []byte("content"))
	if items, next, err := s.List(ctx, "", 10); err != nil || next != "" || len(items) != 1 || items[0].Key != ref.Key {
		t.Errorf("listed %v, %q, %v", items, next, err)
	}
	if got := b.objects(); !slices.Equal(got, []string{string(ref.Key)}) {
		t.Errorf("the bucket has %v", got)
	}
}

func TestForeignObjectsAreLeftAlone(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	ref := b.put(s, []byte("ours"))
	key := string(blob.NewKey())
	alien := []string{
		key, "some/" + key, "some/where/README", "some/where/" + strings.ToUpper(key[:31]) + "A", "some/where/deep/" + key,
		"some/where/" + key + ".tmp", "some/where/0", "some/where/zz", "some/where-else/" + key,
	}
	for i := range 50 {
		alien = append(alien, fmt.Sprintf("some/where/!%02d", i), fmt.Sprintf("some/where/~%02d", i), fmt.Sprintf("some/where/0%02d/x", i))
	}
	for _, name := range alien {
		path := filepath.Join(b.server.Root, b.bucket, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		must.OK(t, os.WriteFile(path, []byte("mine"), 0o644))
	}
	for _, limit := range []int{1, 3, 1000} {
		var all []blob.Key
		for it, err := range blob.All(ctx, s, limit) {
			if err != nil {
				t.Fatalf("list: %v (%v)", err, errors.Unwrap(err))
			}
			all = append(all, it.Key)
		}
		if !slices.Equal(all, []blob.Key{ref.Key}) {
			t.Errorf("in pages of %d: %v", limit, all)
		}
	}
	j := session.Janitor{Store: noRows{}, Contents: s, Rest: -1, Step: 2}
	if swept, err := j.Orphans(ctx); err != nil || swept.Contents != 1 {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if got := b.objects(); len(got) != len(alien) {
		t.Errorf("%d objects, want %d", len(got), len(alien))
	}
}

// noRows is a session store in which no content is named.
type noRows struct{ session.Store }

func (noRows) Named(_ context.Context, keys []blob.Key) ([]bool, error) {
	return make([]bool, len(keys)), nil
}

func TestContentsChangedInStorageAreReportedAsDamaged(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	for name, change := range map[string]func(b []byte) []byte{
		"a bit flipped": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"cut off":       func(b []byte) []byte { return b[:len(b)-1] },
		"longer":        func(b []byte) []byte { return append(b, 0) },
		"empty":         func(b []byte) []byte { return nil },
	} {
		for _, size := range []int{1000, 2_000_000} {
			ref := b.put(s, blobtest.Bytes(size))
			content := must.Read(t, b.path(ref.Key))
			must.OK(t, os.WriteFile(b.path(ref.Key), change(content), 0o644))
			// Not even ReadAt may return it.
			if r, err := s.Open(ctx, ref); fault.CodeOf(err) != blob.Damaged {
				t.Errorf("%s: %v, %v", name, r, err)
			}
		}
	}
	b.spooled(Config{Spool: s.spool})
}

func TestReplicasShareABucket(t *testing.T) {
	b := newBench(t)
	one, two := b.open(b.config()), b.open(b.config())
	content := blobtest.Bytes(1 << 20)
	ref, err := one.Put(ctx, bytes.NewReader(content))
	must.OK(t, err)
	b.holds(two, ref, content)

	// Its age protects a content that is pending in one process from another's sweep.
	sweep := func(s *Store, age time.Duration) int {
		t.Helper()
		j := session.Janitor{Store: noRows{}, Contents: s, Rest: -1, OrphanAge: age}
		swept, err := j.Orphans(ctx)
		must.OK(t, err)
		return swept.Contents
	}
	if n := sweep(one, 0); n != 0 {
		t.Errorf("%d contents that are pending in the same process were swept", n)
	}
	if n := sweep(two, time.Hour); n != 0 {
		t.Errorf("%d contents that are pending in another process were swept", n)
	}
	items, _, err := two.List(ctx, "", 10)
	if err != nil || len(items) != 1 {
		t.Fatalf("listed %v, %v", items, err)
	}
	if age := time.Since(items[0].Written); age < -time.Minute || age > time.Hour {
		t.Errorf("written %v ago", age)
	}
	one.Release(ref.Key)
	if n := sweep(two, 0); n != 1 {
		t.Errorf("%d contents were swept, want 1", n)
	}
	if _, err := one.Open(ctx, ref); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("opening what another process deleted: %v", err)
	}
}

// counted counts the requests to a server.
type counted struct {
	client interface {
		Do(*http.Request) (*http.Response, error)
	}
	requests []string
}

func (c *counted) Do(r *http.Request) (*http.Response, error) {
	c.requests = append(c.requests, r.Method)
	return c.client.Do(r)
}

func TestRoundTrips(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	o := s.client.Options()
	c := &counted{client: o.HTTPClient}
	o.HTTPClient = c
	s.client = s3.New(o)
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(c.requests, want) {
			t.Errorf("%s: %v, want %v", what, c.requests, want)
		}
		c.requests = nil
	}
	var refs []blob.Ref
	for _, n := range []int{0, 1000, 10 << 20} {
		ref, err := s.Put(ctx, bytes.NewReader(blobtest.Bytes(n)))
		must.OK(t, err)
		expect("put", "PUT")
		must.OK(t, blob.Verify(ctx, s, ref))
		expect("open what is pending")
		s.Release(ref.Key)
		must.OK(t, blob.Verify(ctx, s, ref))
		expect("open", "GET")
		refs = append(refs, ref)
	}
	if _, _, err := s.List(ctx, "", 1000); err != nil {
		t.Error(err)
	}
	expect("list", "GET")
	must.OK(t, s.Delete(ctx, refs[0].Key))
	expect("delete one", "DELETE")
	if err := s.Delete(ctx, refs[1].Key, refs[2].Key); err != nil {
		t.Errorf("%v (%v)", err, errors.Unwrap(err))
	}
	expect("delete several", "POST")
	if _, err := s.Put(ctx, io.MultiReader(bytes.NewReader(blobtest.Bytes(1<<20)), iotest.ErrReader(errors.New("the client hung up")))); err == nil {
		t.Error("a client that hung up was not noticed")
	}
	expect("a client that hangs up")
	must.OK(t, s.Check(ctx))
	expect("check", "PUT", "GET", "DELETE")
	for _, k := range []blob.Key{"", "..", "../../x", "/", "x", blob.NewKey() + "/..", "0123456789abcdef0123456789abcde\x00", "0123456789ABCDEF0123456789ABCDEF"} {
		if _, err := s.Open(ctx, blob.Ref{Key: k}); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("open %q: %v", k, err)
		}
		if err := s.Delete(ctx, k); err != nil {
			t.Errorf("delete %q: %v", k, err)
		}
		s.Release(k)
	}
	expect("hostile keys")
}

func TestManyContentsAreDeletedInBatches(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	ref := b.put(s, []byte("1"))
	keys := []blob.Key{ref.Key}
	for range 2500 {
		keys = append(keys, blob.NewKey())
	}
	slices.Reverse(keys)
	if err := s.Delete(ctx, keys...); err != nil {
		t.Errorf("%v (%v)", err, errors.Unwrap(err))
	}
	if got := b.objects(); len(got) != 0 {
		t.Errorf("the bucket has %v", got)
	}
}

// A request to a stalled service fails after its timeout, and the service works again
// when it continues, without a restart.
func TestAStalledServerIsUnavailableAndThenRecovers(t *testing.T) {
	b := newBench(t)
	patient := b.open(b.config())
	c := b.config()
	c.Timeout = 300 * time.Millisecond
	s := b.open(c)
	small, large := blobtest.Bytes(1000), blobtest.Bytes(8<<20)
	ref := b.put(patient, small)
	must.OK(t, b.server.Stop())
	for name, do := range map[string]func() error{
		"put a small content": func() error { _, err := s.Put(ctx, bytes.NewReader(small)); return err },
		"put a large content": func() error { _, err := s.Put(ctx, bytes.NewReader(large)); return err },
		"open":                func() error { _, err := s.Open(ctx, ref); return err },
		"delete":              func() error { return s.Delete(ctx, ref.Key, blob.NewKey()) },
		"list":                func() error { _, _, err := s.List(ctx, "", 10); return err },
		"check":               func() error { return s.Check(ctx) },
	} {
		err := do()
		if fault.CodeOf(err) != blob.StorageUnavailable || !strings.Contains(err.Error(), "does not answer in time") {
			t.Errorf("%s: %v (%v)", name, err, errors.Unwrap(err))
		}
	}
	must.OK(t, b.server.Continue())
	// The server may still execute requests that it received while it stood still. It did
	// so with the Delete.
	ref = b.put(patient, small)
	b.holds(patient, ref, small)
	for s.Check(ctx) != nil { // a server may be slow just after it was stopped
		time.Sleep(100 * time.Millisecond)
	}
}

func TestACheckThatTimesOutReportsSlowStorage(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	must.OK(t, b.server.Stop())
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := s.Check(short); fault.CodeOf(err) != blob.StorageUnavailable {
		t.Errorf("%v (%v)", err, errors.Unwrap(err))
	}
	over, cancel := context.WithCancel(ctx)
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := s.Put(over, strings.NewReader("x")); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("a client that gives up while the server stands still: %v", err)
	}
	b.server.Continue()
}

func TestAKilledServerWorksAfterARestart(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	content := blobtest.Bytes(100_000)
	ref := b.put(s, content)
	for range 3 {
		b.server.Kill()
		if _, err := s.Open(ctx, ref); fault.CodeOf(err) != blob.StorageUnavailable || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("%v (%v)", err, errors.Unwrap(err))
		}
		if _, err := s.Put(ctx, bytes.NewReader(content)); fault.CodeOf(err) != blob.StorageUnavailable {
			t.Errorf("%v (%v)", err, errors.Unwrap(err))
		}
		// A store that is opened meanwhile works once its server does.
		other := b.open(b.config())
		must.OK(t, b.server.Run())
		b.holds(s, ref, content)
		b.holds(other, ref, content)
		must.OK(t, s.Delete(ctx, ref.Key))
		ref = b.put(s, content)
	}
}

// more is the length of what comes before the answer to a large Put. If that were lost, the server
// might still be storing the object when it is deleted.
const more = len("HTTP/1.1 100 Continue\r\n\r\n")

func TestBrokenConnectionsNeverGiveWrongBytes(t *testing.T) {
	b := newBench(t)
	p, c := b.linked()
	s := b.open(c)
	content := blobtest.Bytes(3 << 20)
	ref := b.put(s, content)
	for _, after := range []int{1, 100, 5000, 300_000, 3 << 20} {
		// One broken connection: the request is retried.
		for _, up := range []bool{true, false} {
			at := after
			if !up {
				at = max(at, more+1)
			}
			p.Harm(link.Harm{Up: up, After: at}, 1)
			again, err := s.Put(ctx, bytes.NewReader(content))
			if err != nil {
				t.Errorf("put, cut off once after %d bytes: %v (%v)", after, err, errors.Unwrap(err))
			} else if err := s.Delete(ctx, again.Key); err != nil {
				t.Error(err)
			}
		}
		p.Harm(link.Harm{After: after}, 1)
		b.holds(s, ref, content)
		if !p.Done() {
			t.Errorf("the connection was not cut off after %d bytes", after)
		}
		// All connections break: the request fails.
		p.Harm(link.Harm{Up: true, After: after}, -1)
		if _, err := s.Put(ctx, bytes.NewReader(content)); fault.CodeOf(err) != blob.StorageUnavailable {
			t.Errorf("put, always cut off after %d bytes: %v (%v)", after, err, errors.Unwrap(err))
		}
		p.Harm(link.Harm{After: after}, -1)
		if r, err := s.Open(ctx, ref); fault.CodeOf(err) != blob.StorageUnavailable {
			t.Errorf("open, always cut off after %d bytes: %v, %v", after, r, err)
		}
		p.Harm(link.Harm{}, 0)
		if got := b.objects(); len(got) != 1 {
			t.Errorf("cut off after %d bytes: %d objects, want 1", after, len(got))
		}
		b.holds(s, ref, content)
	}
	b.spooled(c)
}

// A Put whose every answer is lost has failed, and the stored object is deleted.
func TestAPutWhoseAnswersAreLostLeavesNothing(t *testing.T) {
	b := newBench(t)
	p, c := b.linked()
	s := b.open(c)
	for size, after := range map[int]int{0: 1, 1000: 1, 3 << 20: more + 1} {
		p.Harm(link.Harm{After: after}, attempts)
		if _, err := s.Put(ctx, bytes.NewReader(blobtest.Bytes(size))); fault.CodeOf(err) != blob.StorageUnavailable {
			t.Errorf("put %d bytes: %v (%v)", size, err, errors.Unwrap(err))
		}
		if !p.Done() {
			t.Error("not all answers were lost")
		}
		if got := b.objects(); len(got) != 0 {
			t.Errorf("%d objects are left", len(got))
		}
	}
}

// If a client cancels while the server writes, the object is deleted.
func TestACancelledPutIsUndone(t *testing.T) {
	over, cancel := context.WithCancel(ctx)
	stored := ""
	s := against(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut:
			io.Copy(io.Discard, r.Body)
			stored = r.URL.Path
			cancel()
			<-r.Context().Done()
		case http.MethodDelete:
			if r.URL.Path == stored {
				stored = ""
			}
			w.WriteHeader(http.StatusNoContent)
		}
	})
	if _, err := s.Put(over, strings.NewReader("x")); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("%v (%v)", err, errors.Unwrap(err))
	}
	if stored != "" {
		t.Errorf("%s is left", stored)
	}
}

// Over TLS, the SDK does not sign the body by default.
func TestBodiesAreSignedOverTLS(t *testing.T) {
	var sums []string
	server := httptest.NewTLSServer(empty(func(w http.ResponseWriter, r *http.Request) {
		sums = append(sums, r.Header.Get("X-Amz-Content-Sha256"))
		io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "authorities.pem")
	must.OK(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	t.Setenv("AWS_CA_BUNDLE", bundle)
	s := openAt(t, server.URL, Config{})
	for _, size := range []int{0, 1000, 3 << 20} {
		ref, err := s.Put(ctx, bytes.NewReader(blobtest.Bytes(size)))
		if err != nil {
			t.Fatalf("%v (%v)", err, errors.Unwrap(err))
		}
		if got := sums[len(sums)-1]; got != ref.SHA256.String() {
			t.Errorf("the body of %d bytes is signed as %s, want %s", size, got, ref.SHA256)
		}
	}
}

func TestABitFlippedInTransitIsNeverStored(t *testing.T) {
	b := newBench(t)
	p, c := b.linked()
	s := b.open(c)
	for _, size := range []int{100_000, 3 << 20} {
		content := blobtest.Bytes(size)
		ref := b.put(s, content)
		p.Harm(link.Harm{Up: true, After: size / 2, Flip: true}, -1)
		if _, err := s.Put(ctx, bytes.NewReader(content)); fault.CodeOf(err) != blob.StorageUnavailable {
			t.Errorf("put %d bytes: %v (%v)", size, err, errors.Unwrap(err))
		}
		p.Harm(link.Harm{After: size / 2, Flip: true}, -1)
		if _, err := s.Open(ctx, ref); fault.CodeOf(err) != blob.Damaged {
			t.Errorf("open %d bytes: %v (%v)", size, err, errors.Unwrap(err))
		}
		p.Harm(link.Harm{}, 0)
		b.holds(s, ref, content)
		if got := b.objects(); len(got) != 1 {
			t.Errorf("%d objects, want 1", len(got))
		}
		must.OK(t, s.Delete(ctx, ref.Key))
	}
}

// 64 MiB are put and read with a few hundred KiB of memory.
func TestMemoryIsBounded(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	const size = 64 << 20
	const most = 8 << 20 // bytes allocated in total, not at once
	var ref blob.Ref
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	source := rand.NewChaCha8([32]byte{1})
	if n := allocated(func() {
		var err error
		ref, err = s.Put(ctx, io.LimitReader(source, size))
		must.OK(t, err)
	}); n > most {
		t.Errorf("putting 64 MiB allocates %d KiB", n>>10)
	} else {
		t.Logf("putting 64 MiB allocates %d KiB", n>>10)
	}
	s.Release(ref.Key)
	if n := allocated(func() {
		must.OK(t, blob.Verify(ctx, s, ref))
	}); n > most {
		t.Errorf("reading 64 MiB allocates %d KiB", n>>10)
	} else {
		t.Logf("reading 64 MiB allocates %d KiB", n>>10)
	}
}

func TestTemporaryFilesAreRemovedAndAFullFolderIsAFault(t *testing.T) {
	b := newBench(t)
	c := b.config()
	s := b.open(c)
	ref := b.put(s, blobtest.Bytes(1<<20))
	r, err := s.Open(ctx, ref)
	must.OK(t, err)
	b.spooled(c)
	must.OK(t, r.Close())
	if err := r.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	c.Spool = filepath.Join(c.Spool, "missing")
	s = b.open(c)
	if _, err := s.Put(ctx, bytes.NewReader(blobtest.Bytes(1<<20))); fault.CodeOf(err) != blob.StorageUnavailable || strings.Contains(err.Error(), c.Spool) {
		t.Errorf("put without a folder for temporary files: %v", err)
	}
	if _, err := s.Open(ctx, ref); fault.CodeOf(err) != blob.StorageUnavailable {
		t.Errorf("open without a folder for temporary files: %v", err)
	}
	// Small contents need none.
	b.holds(s, b.put(s, []byte("small")), []byte("small"))
}

func TestWrongSettingsAreExplained(t *testing.T) {
	b := newBench(t)
	opening := func(change func(*Config)) error {
		c := b.config()
		change(&c)
		_, err := Open(ctx, c)
		return err
	}
	for _, c := range []struct {
		name string
		env  []string
		set  func(*Config)
		want string
	}{
		{"no such bucket", nil, func(c *Config) { c.Bucket = "no-such-bucket" }, "the bucket no-such-bucket cannot be used: it does not exist; create it, or correct its name"},
		{"an unknown key", []string{"AWS_ACCESS_KEY_ID", "SOMEBODYELSE"}, func(c *Config) {}, "cannot be used: the service does not know the access key; correct AWS_ACCESS_KEY_ID, or the role"},
		{"a wrong secret", []string{"AWS_SECRET_ACCESS_KEY", "swordfish"}, func(c *Config) {}, "cannot be used: the secret key is wrong; correct AWS_SECRET_ACCESS_KEY"},
		{"another region", nil, func(c *Config) { c.Region = "eu-central-1" }, "cannot be used: it is in another region; name the right one"},
		{"no credentials", []string{"AWS_ACCESS_KEY_ID", "", "AWS_SECRET_ACCESS_KEY", ""}, func(c *Config) {}, "there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"},
		{"no region", nil, func(c *Config) { c.Endpoint = "" }, "the bucket's region is not known: name it with region=… in the address or as AWS_REGION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := 0; i < len(c.env); i += 2 {
				t.Setenv(c.env[i], c.env[i+1])
			}
			err := opening(c.set)
			if fault.CodeOf(err) != blob.StorageUnavailable || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("%v (%v)\nwant %s", err, errors.Unwrap(err), c.want)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), "swordfish") || strings.Contains(e.Error(), b.server.Secret) {
					t.Errorf("a secret is shown: %v", e)
				}
			}
		})
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Open(over, b.config()); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("a context that has ended: %v", err)
	}
}

// When a bucket disappears or rights are withdrawn, a file is not reported as missing.
func TestABucketThatGoesAwayIsNotAMissingFile(t *testing.T) {
	b := newBench(t)
	s := b.open(b.config())
	ref := b.put(s, []byte("content"))
	root := filepath.Join(b.server.Root, b.bucket)
	must.OK(t, os.Rename(root, root+"-gone"))
	for name, do := range map[string]func() error{
		"put":            func() error { _, err := s.Put(ctx, strings.NewReader("x")); return err },
		"open":           func() error { _, err := s.Open(ctx, ref); return err },
		"delete":         func() error { return s.Delete(ctx, ref.Key) },
		"delete several": func() error { return s.Delete(ctx, ref.Key, blob.NewKey()) },
		"list":           func() error { _, _, err := s.List(ctx, "", 10); return err },
		"check":          func() error { return s.Check(ctx) },
	} {
		err := do()
		if fault.CodeOf(err) != blob.StorageUnavailable || !strings.Contains(err.Error(), "it does not exist") || strings.Contains(err.Error(), b.bucket) {
			t.Errorf("%s: %v (%v)", name, err, errors.Unwrap(err))
		}
	}
	must.OK(t, os.Rename(root+"-gone", root))
	b.holds(s, ref, []byte("content"))
}

// answering is a server that gives the same answer to every request except listings.
func answering(t *testing.T, status int, code string) (s *Store, asked *int) {
	asked = new(int)
	return against(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		*asked++
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if code != "" {
			fmt.Fprintf(w, `<Error><Code>%s</Code><Message>secret words</Message></Error>`, code)
		}
	}), asked
}

func TestFailureAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   fault.Code
		words  string
		asked  int // including the deletion of what may have been stored
	}{
		{403, "QuotaExceeded", blob.StorageFull, "quota", 2},
		{507, "XMinioStorageFull", blob.StorageFull, "quota", 2},
		{507, "", blob.StorageFull, "quota", 2},
		{403, "AccessDenied", blob.StorageUnavailable, "access is denied", 2},
		{403, "", blob.StorageUnavailable, "access is denied", 2},
		{400, "ExpiredToken", blob.StorageUnavailable, "have expired", 2},
		{404, "NoSuchBucket", blob.StorageUnavailable, "does not exist", 2},
		{500, "InternalError", blob.StorageUnavailable, "answers 500 (InternalError)", 4},
		{503, "SlowDown", blob.StorageUnavailable, "answers 503 (SlowDown)", 4},
		{502, "", blob.StorageUnavailable, "answers 502", 4},
		{418, "<![CDATA[</p>\x1b]]>", blob.StorageUnavailable, "answers 418", 2},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			s, asked := answering(t, c.status, c.code)
			_, err := s.Put(ctx, strings.NewReader("x"))
			if fault.CodeOf(err) != c.want || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v (%v)", err, errors.Unwrap(err))
			}
			if *asked != c.asked {
				t.Errorf("%d requests, want %d", *asked, c.asked)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\x1b") || strings.Contains(err.Error(), "bucket:") {
				t.Errorf("the message shows too much: %v", err)
			}
		})
	}
}

// Some services do not support batch deletion.
func TestContentsAreDeletedOneByOneWithoutBatchDeletion(t *testing.T) {
	var deleted []string
	s := against(t, Config{Prefix: "p"}, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusNotImplemented)
			io.WriteString(w, `<Error><Code>NotImplemented</Code></Error>`)
		case http.MethodDelete:
			deleted = append(deleted, r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
		}
	})
	one, two := blob.NewKey(), blob.NewKey()
	must.OK(t, s.Delete(ctx, one, two))
	if want := []string{"/bucket/p/" + string(one), "/bucket/p/" + string(two)}; !slices.Equal(deleted, want) {
		t.Errorf("deleted %v, want %v", deleted, want)
	}
}

// The server sends byte after byte, too slowly to finish.
func TestATooSlowTransferIsAbandoned(t *testing.T) {
	s := against(t, Config{Timeout: 200 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	_, err := s.Open(ctx, blob.Ref{Key: blob.NewKey(), Size: 1_000_000})
	if fault.CodeOf(err) != blob.StorageUnavailable || !strings.Contains(err.Error(), "in time") {
		t.Errorf("%v (%v)", err, errors.Unwrap(err))
	}
}

// A server that sends more than it should must not fill the disk.
func TestAnEndlessAnswerIsReportedAsDamage(t *testing.T) {
	s := against(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		for { // without a length, in chunks
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	if _, err := s.Open(ctx, blob.Ref{Key: blob.NewKey(), Size: 1_000_000}); fault.CodeOf(err) != blob.Damaged {
		t.Errorf("%v (%v)", err, errors.Unwrap(err))
	}
}

func BenchmarkPut(b *testing.B) {
	server := s3test.Start(b)
	server.Setenv(b)
	s, err := Open(ctx, Config{Bucket: server.Bucket(b), Endpoint: server.Endpoint, PathStyle: true})
	must.OK(b, err)
	content := make([]byte, 4096)
	for b.Loop() {
		ref, err := s.Put(ctx, bytes.NewReader(content))
		must.OK(b, err)
		s.Release(ref.Key)
	}
}
