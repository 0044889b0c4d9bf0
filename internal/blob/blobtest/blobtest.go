// Package blobtest defines blob.Store: an implementation is correct if it passes Run.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// ctx is the context of every operation that is not meant to be cancelled.
var ctx = context.Background()

// Opener opens the blob store at a place, a path that nothing else uses. Reopened at the
// same place it must hold what it held; reopening means that the previous process has
// ended.
type Opener func(t testing.TB, place string) blob.Store

// Run runs the suite for blob stores: all cases that a blob.Store must pass, and
// those of the optional interfaces that this one implements.
func Run(t *testing.T, open Opener) {
	all := cases
	if _, ok := open(t, t.TempDir()).(blob.Importer); ok {
		all = slices.Concat(cases, importCases)
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			place := t.TempDir()
			c.run(&bench{t, open, place, open(t, place)})
		})
	}
}

type testCase struct {
	name string
	run  func(*bench)
}

var cases = []testCase{
	{"what is put can be read, whatever its size", blobRoundTrip},
	{"every content has a fresh key, even of the same bytes", blobFreshKeys},
	{"a content is there after a restart", blobRestart},
	{"reading starts at any offset", blobReadAt},
	{"a put whose reader fails leaves nothing", blobFailedReader},
	{"a put whose context ends leaves nothing", blobCancelled},
	{"a missing content is not found", blobNotFound},
	{"a changed content is reported as damaged", blobDamaged},
	{"deleting frees storage, and deleting a missing content succeeds", blobDelete},
	{"an open content can be read to its end although it is deleted", blobDeleteOpen},
	{"listing shows what is not pending, in order, in pages", blobList},
	{"a content is pending until it is released or deleted, and a restart forgets that", blobPending},
	{"concurrent operations do not disturb each other", blobConcurrent},
	{"the check leaves nothing", blobCheck},
	{"a sweep while uploads go on deletes orphans only", blobSweep},
	{"the first claim of the contents wins", blobClaim},
}

// blobClaim is for stores that implement blob.Claimer; all present ones do.
func blobClaim(b *bench) {
	claimer := func(s blob.Store) blob.Claimer {
		c, ok := s.(blob.Claimer)
		if !ok {
			b.Fatal("the store is not a blob.Claimer")
		}
		return c
	}
	b.put([]byte("a content"))
	if got, err := claimer(b.store).Claimed(ctx); err != nil || got != "" {
		b.Errorf("unclaimed contents belong to %q, %v", got, err)
	}
	won := make(chan string, 8)
	for i := range cap(won) {
		go func() {
			recorded, err := claimer(b.store).Claim(ctx, fmt.Sprintf("owner-%d", i))
			if err != nil {
				b.Error(err)
			}
			won <- recorded
		}()
	}
	winner := <-won
	for range cap(won) - 1 {
		if other := <-won; other != winner || !strings.HasPrefix(other, "owner-") {
			b.Errorf("two claims returned different owners, %q and %q", winner, other)
		}
	}
	again := b.open(b.T, b.place)
	if got, err := claimer(again).Claim(ctx, "late"); err != nil || got != winner {
		b.Errorf("after a restart they belong to %q, %v", got, err)
	}
	if got, err := claimer(again).Claimed(ctx); err != nil || got != winner {
		b.Errorf("they belong to %q, %v", got, err)
	}
	must.OK(b, blob.Own(ctx, again, winner))
	if err := blob.Own(ctx, again, "late"); fault.CodeOf(err) != blob.Foreign {
		b.Errorf("the claim of another owner: %v", err)
	}
	// The record is not listed as a content.
	items, _, err := again.List(ctx, "", 1000)
	for _, it := range items {
		if !it.Key.Valid() {
			b.Errorf("%v is listed", it)
		}
	}
	if err != nil || len(items) > 1 {
		b.Errorf("%d contents are listed, %v", len(items), err)
	}
}

// importCases are for a store that implements blob.Importer.
var importCases = []testCase{
	{"an import stores under the given key", blobImport},
	{"an import never overwrites anything", blobImportTaken},
	{"an import with other bytes is refused, and nothing stays", blobImportDamaged},
	{"an imported content is pending like any other", blobImportPending},
	{"of concurrent imports under one key, one stores", blobImportRace},
}

type bench struct {
	*testing.T
	open  Opener
	place string
	store blob.Store
}

// Bytes returns so many random bytes.
func Bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func (b *bench) put(content []byte) blob.Ref {
	b.Helper()
	ref, err := b.store.Put(ctx, bytes.NewReader(content))
	must.OK(b, err)
	return ref
}

func (b *bench) holds(ref blob.Ref, content []byte) {
	b.Helper()
	got, err := blob.ReadAll(ctx, b.store, ref)
	if err != nil || !bytes.Equal(got, content) {
		b.Errorf("a content of %d bytes reads back as %d others (%v)", len(content), len(got), err)
	}
	if err := blob.Verify(ctx, b.store, ref); err != nil {
		b.Errorf("verify: %v", err)
	}
}

func (b *bench) isGone(ref blob.Ref) {
	b.Helper()
	if r, err := b.store.Open(ctx, ref); fault.CodeOf(err) != fault.NotFound {
		b.Errorf("open: %v, %v; want code not_found", r, err)
	}
}

// list returns all listed contents.
func (b *bench) list(limit int) []blob.Item {
	b.Helper()
	var all []blob.Item
	for after := blob.Key(""); ; {
		items, next, err := b.store.List(ctx, after, limit)
		must.OK(b, err)
		if len(items) > limit {
			b.Errorf("a page of at most %d has %d contents", limit, len(items))
		}
		all = append(all, items...)
		if next == "" {
			return all
		}
		if next <= after {
			b.Fatalf("the page after %q is to be followed by that after %q", after, next)
		}
		after = next
	}
}

func (b *bench) listed() []blob.Key {
	b.Helper()
	var keys []blob.Key
	for _, it := range b.list(100) {
		keys = append(keys, it.Key)
	}
	return keys
}

func blobRoundTrip(b *bench) {
	for _, n := range []int{0, 1, 4095, 4096, 64 << 10, 64<<10 + 1, 3 << 20} {
		content := Bytes(n)
		ref := b.put(content)
		if ref.Size != int64(n) || !ref.Key.Valid() {
			b.Errorf("%d bytes were stored as %+v", n, ref)
		}
		b.holds(ref, content)
		// The reader may return the bytes in any portions.
		for _, slow := range []func(io.Reader) io.Reader{iotest.DataErrReader, iotest.HalfReader} {
			again, err := b.store.Put(ctx, slow(bytes.NewReader(content)))
			if err != nil || again.SHA256 != ref.SHA256 || again.Size != ref.Size {
				b.Errorf("%+v (%v), want the sum and size of %+v", again, err, ref)
			}
			b.holds(again, content)
		}
		r, err := b.store.Open(ctx, ref)
		must.OK(b, err)
		if r.Size() != int64(n) {
			b.Errorf("size %d, want %d", r.Size(), n)
		}
		if err := iotest.TestReader(readerOnly{r}, content); err != nil && n < 5000 {
			b.Errorf("reading %d bytes: %v", n, err)
		}
		if n, err := r.Read(make([]byte, 10)); n != 0 || err != io.EOF {
			b.Errorf("reading after the end: %d, %v", n, err)
		}
		r.Close()
	}
}

type readerOnly struct{ io.Reader }

func blobFreshKeys(b *bench) {
	content := []byte("the same")
	seen := map[blob.Key]bool{}
	for range 100 {
		ref := b.put(content)
		if seen[ref.Key] {
			b.Fatalf("key %s for the second time", ref.Key)
		}
		seen[ref.Key] = true
	}
}

func blobRestart(b *bench) {
	contents := map[blob.Ref][]byte{}
	for range 20 {
		content := Bytes(rand.IntN(10_000))
		contents[b.put(content)] = content
	}
	b.store = b.open(b.T, b.place)
	for ref, content := range contents {
		b.holds(ref, content)
	}
}

func blobReadAt(b *bench) {
	content := Bytes(100_000)
	r, err := b.store.Open(ctx, b.put(content))
	must.OK(b, err)
	defer r.Close()
	must.AtOnce(8, func(int) {
		for range 50 {
			off := rand.IntN(len(content))
			p := make([]byte, rand.IntN(len(content)-off))
			if n, err := r.ReadAt(p, int64(off)); n != len(p) || err != nil && err != io.EOF || !bytes.Equal(p, content[off:off+len(p)]) {
				b.Errorf("ReadAt(%d bytes, %d) = %d, %v", len(p), off, n, err)
			}
		}
	})
	if n, err := r.ReadAt(make([]byte, 10), int64(len(content))-4); n != 4 || err != io.EOF {
		b.Errorf("ReadAt over the end: %d, %v", n, err)
	}
	// ReadAt does not move the position of Read.
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		b.Errorf("Read after ReadAt: %d bytes, %v", len(got), err)
	}
}

func blobFailedReader(b *bench) {
	broken := errors.New("the client hung up")
	limit := fault.New(fault.TooLarge, "more than 64 MiB")
	for _, err := range []error{broken, limit, io.ErrUnexpectedEOF} {
		for _, n := range []int{0, 1, 200_000} {
			ref, got := b.store.Put(ctx, io.MultiReader(bytes.NewReader(Bytes(n)), iotest.ErrReader(err)))
			if !errors.Is(got, err) || ref != (blob.Ref{}) {
				b.Errorf("a reader that fails after %d bytes: %+v, %v", n, ref, got)
			}
			if err == error(limit) && fault.CodeOf(got) != fault.TooLarge {
				b.Errorf("code %s, want that of the reader", fault.CodeOf(got))
			}
		}
	}
	b.nothing()
}

// nothing expects that no content is stored, pending or not.
func (b *bench) nothing() {
	b.Helper()
	b.store = b.open(b.T, b.place)
	if keys := b.listed(); len(keys) > 0 {
		b.Errorf("%d contents are left", len(keys))
	}
}

func blobCancelled(b *bench) {
	over, cancel := context.WithCancel(ctx)
	part := func() io.Reader {
		return io.MultiReader(bytes.NewReader(Bytes(100_000)), readerFunc(func(p []byte) (int, error) {
			cancel()
			return len(p), nil // without end
		}))
	}
	if ref, err := b.store.Put(over, part()); fault.CodeOf(err) != fault.Cancelled || ref != (blob.Ref{}) {
		b.Errorf("put with a context that ends: %+v, %v", ref, err)
	}
	if ref, err := b.store.Put(over, part()); fault.CodeOf(err) != fault.Cancelled || ref != (blob.Ref{}) {
		b.Errorf("put with a context that has ended: %+v, %v", ref, err)
	}
	if _, _, err := b.store.List(over, "", 10); fault.CodeOf(err) != fault.Cancelled {
		b.Errorf("list: %v", err)
	}
	if _, err := b.store.Open(over, blob.Ref{Key: blob.NewKey()}); fault.CodeOf(err) != fault.Cancelled {
		b.Errorf("open: %v", err)
	}
	b.nothing()
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func blobNotFound(b *bench) {
	for _, k := range []blob.Key{blob.NewKey(), "", "x", "../../../../../../etc/passwd", "..", "ABCDEF0123456789ABCDEF0123456789", "0123456789abcdef0123456789abcde/", "\x00"} {
		b.isGone(blob.Ref{Key: k})
		if err := b.store.Delete(ctx, k); err != nil {
			b.Errorf("deleting %q: %v", k, err)
		}
		b.store.Release(k)
	}
}

func blobDamaged(b *bench) {
	content := Bytes(10_000)
	ref := b.put(content)
	for name, wrong := range map[string]blob.Ref{
		"longer":    {Key: ref.Key, Size: ref.Size + 1, SHA256: ref.SHA256},
		"shorter":   {Key: ref.Key, Size: ref.Size - 1, SHA256: ref.SHA256},
		"different": {Key: ref.Key, Size: ref.Size, SHA256: blob.Sum{1}},
	} {
		if err := blob.Verify(ctx, b.store, wrong); fault.CodeOf(err) != blob.Damaged {
			b.Errorf("%s: verify: %v", name, err)
		}
		if got, err := blob.ReadAll(ctx, b.store, wrong); fault.CodeOf(err) != blob.Damaged || got != nil {
			b.Errorf("%s: read: %d bytes, %v", name, len(got), err)
		}
	}
	b.holds(ref, content)
}

func blobDelete(b *bench) {
	one, two, three := b.put([]byte("1")), b.put([]byte("2")), b.put([]byte("3"))
	b.store.Release(one.Key, two.Key, three.Key)
	if err := b.store.Delete(ctx, one.Key, blob.NewKey(), two.Key, "no key"); err != nil {
		b.Errorf("delete: %v", err)
	}
	b.isGone(one)
	b.isGone(two)
	b.holds(three, []byte("3"))
	if err := b.store.Delete(ctx, one.Key); err != nil {
		b.Errorf("deleting again: %v", err)
	}
	if err := b.store.Delete(ctx); err != nil {
		b.Errorf("deleting nothing: %v", err)
	}
	if got := b.listed(); !slices.Equal(got, []blob.Key{three.Key}) {
		b.Errorf("listed %v, want %v", got, three.Key)
	}
}

func blobDeleteOpen(b *bench) {
	content := Bytes(1 << 20)
	ref := b.put(content)
	r, err := b.store.Open(ctx, ref)
	must.OK(b, err)
	defer r.Close()
	_, err = io.CopyN(io.Discard, r, 1000)
	must.OK(b, err)
	must.OK(b, b.store.Delete(ctx, ref.Key))
	if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, content[1000:]) {
		b.Errorf("the rest: %d bytes, %v", len(rest), err)
	}
}

func blobList(b *bench) {
	want := map[blob.Key]int64{}
	for i := range 100 {
		ref := b.put(Bytes(i))
		b.store.Release(ref.Key)
		want[ref.Key] = ref.Size
	}
	pending := b.put(nil)
	for _, limit := range []int{1, 7, 1000} {
		got := b.list(limit)
		if len(got) != len(want) {
			b.Errorf("in pages of %d: %d contents, want %d", limit, len(got), len(want))
		}
		for i, it := range got {
			if size, ok := want[it.Key]; !ok || size != it.Size || it.Written.IsZero() {
				b.Errorf("listed %+v, want %d bytes", it, size)
			}
			if i > 0 && got[i-1].Key >= it.Key {
				b.Errorf("%s is listed after %s", it.Key, got[i-1].Key)
			}
		}
	}
	b.store.Release(pending.Key)
	if n := len(b.list(100)); n != len(want)+1 {
		b.Errorf("%d contents after a release, want %d", n, len(want)+1)
	}
	if _, _, err := b.store.List(ctx, "no key", 10); fault.CodeOf(err) != fault.BadRequest {
		b.Errorf("listing after no key: %v", err)
	}
}

func blobPending(b *bench) {
	one, two, three := b.put([]byte("1")), b.put([]byte("2")), b.put([]byte("3"))
	if got := b.listed(); len(got) != 0 {
		b.Errorf("pending contents are listed: %v", got)
	}
	b.holds(one, []byte("1"))
	b.store.Release(one.Key)
	b.store.Release(one.Key, blob.NewKey())
	if got := b.listed(); !slices.Equal(got, []blob.Key{one.Key}) {
		b.Errorf("listed %v, want %v", got, one.Key)
	}
	b.store.Delete(ctx, two.Key)
	b.store = b.open(b.T, b.place) // like a crash, since pending contents are not released
	want := []blob.Key{one.Key, three.Key}
	slices.Sort(want)
	if got := b.listed(); !slices.Equal(got, want) {
		b.Errorf("listed %v, want %v", got, want)
	}
}

func blobConcurrent(b *bench) {
	must.AtOnce(8, func(int) {
		for range 20 {
			content := Bytes(rand.IntN(100_000))
			ref, err := b.store.Put(ctx, bytes.NewReader(content))
			if err != nil {
				b.Error(err)
				return
			}
			b.holds(ref, content)
			if rand.IntN(2) == 0 {
				b.store.Release(ref.Key)
			}
			if err := b.store.Delete(ctx, ref.Key); err != nil {
				b.Error(err)
			}
			b.isGone(ref)
		}
	})
	b.nothing()
}

func blobCheck(b *bench) {
	ref := b.put([]byte("1"))
	b.store.Release(ref.Key)
	for range 3 {
		must.OK(b, b.store.Check(ctx))
	}
	b.store = b.open(b.T, b.place)
	if got := b.listed(); len(got) != 1 {
		b.Errorf("%d contents after checks, want 1", len(got))
	}
}

// rows is the part of a session.Store that a sweep of orphans needs.
type rows struct {
	session.Store
	mu    sync.Mutex
	named map[blob.Key]bool
}

func (r *rows) Named(_ context.Context, keys []blob.Key) ([]bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	named := make([]bool, len(keys))
	for i, k := range keys {
		named[i] = r.named[k]
	}
	return named, nil
}

func (r *rows) name(k blob.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.named[k] = true
}

func blobSweep(b *bench) {
	// Orphans of a crash.
	var orphans []blob.Ref
	for range 50 {
		orphans = append(orphans, b.put(Bytes(100)))
	}
	b.store = b.open(b.T, b.place)
	r := &rows{named: map[blob.Key]bool{}}
	j := session.Janitor{Store: r, Contents: b.store, Rest: -1, Step: 7, Share: 100}
	var mu sync.Mutex
	var kept []blob.Ref
	end := must.Meanwhile(4, func(int, int) bool {
		ref, err := b.store.Put(ctx, bytes.NewReader(Bytes(100)))
		if err != nil {
			b.Error(err)
			return false
		}
		r.name(ref.Key) // as the commit of a row does
		b.store.Release(ref.Key)
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, ref)
		return true
	})
	swept := 0
	for range 10 {
		s, err := j.Orphans(ctx)
		if err != nil {
			b.Error(err)
		}
		swept += s.Contents
	}
	end()
	if swept != len(orphans) {
		b.Errorf("%d orphans were swept, want %d", swept, len(orphans))
	}
	for _, ref := range orphans {
		b.isGone(ref)
	}
	for _, ref := range kept {
		if err := blob.Verify(ctx, b.store, ref); err != nil {
			b.Fatalf("a content that a row names, of %d: %v", len(kept), err)
		}
	}
	if len(kept) == 0 {
		b.Error("nothing was uploaded meanwhile")
	}
	b.Logf("%d uploads meanwhile", len(kept))
}

// refOf returns the Ref that another store may have for a content.
func refOf(content []byte) blob.Ref {
	return blob.Ref{Key: blob.NewKey(), Size: int64(len(content)), SHA256: sha256.Sum256(content)}
}

func (b *bench) imports(ref blob.Ref, r io.Reader) error {
	return b.store.(blob.Importer).Import(ctx, ref, r)
}

func blobImport(b *bench) {
	for _, n := range []int{0, 1, 64<<10 + 1, 3 << 20} {
		content := Bytes(n)
		ref := refOf(content)
		must.OK(b, b.imports(ref, iotest.HalfReader(bytes.NewReader(content))))
		b.holds(ref, content)
		b.store.Release(ref.Key)
		b.holds(ref, content)
		b.store = b.open(b, b.place)
		b.holds(ref, content)
		must.OK(b, b.store.Delete(ctx, ref.Key))
		b.isGone(ref)
	}
	for _, k := range []blob.Key{"", "x", "../../../../../../../../../../x/y", "ABCDEF01234567890123456789012345"} {
		ref := refOf(nil)
		ref.Key = k
		if err := b.imports(ref, bytes.NewReader(nil)); fault.CodeOf(err) != fault.BadRequest {
			b.Errorf("under the key %q: %v", k, err)
		}
	}
}

func blobImportTaken(b *bench) {
	there := Bytes(1000)
	pending, released := b.put(there), b.put(there)
	b.store.Release(released.Key)
	for _, ref := range []blob.Ref{pending, released} {
		for _, content := range [][]byte{there, Bytes(2000)} {
			as := refOf(content)
			as.Key = ref.Key
			if err := b.imports(as, bytes.NewReader(content)); fault.CodeOf(err) != blob.Taken {
				b.Errorf("importing over a content: %v", err)
			}
			b.holds(ref, there)
		}
	}
	if got := b.listed(); !slices.Equal(got, []blob.Key{released.Key}) {
		b.Errorf("%v are listed; only the content that is not pending should be", got)
	}
}

func blobImportDamaged(b *bench) {
	content := Bytes(300 << 10)
	for name, wrong := range map[string][]byte{
		"cut off": content[:len(content)-1], "with more": append(slices.Clone(content), 0), "another byte": append(slices.Clone(content[:len(content)-1]), content[len(content)-1]^1), "nothing": nil,
	} {
		ref := refOf(content)
		if err := b.imports(ref, bytes.NewReader(wrong)); fault.CodeOf(err) != blob.Damaged {
			b.Errorf("%s: %v", name, err)
		}
		b.isGone(ref)
		// The key is still free.
		if err := b.imports(ref, bytes.NewReader(content)); err != nil {
			b.Errorf("%s, and then the right bytes: %v", name, err)
		}
		b.holds(ref, content)
	}
	broken := errors.New("the reader broke")
	ref := refOf(content)
	if err := b.imports(ref, io.MultiReader(bytes.NewReader(content[:1000]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		b.Errorf("a reader that fails: %v", err)
	}
	b.isGone(ref)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.store.(blob.Importer).Import(ended, ref, bytes.NewReader(content)); fault.CodeOf(err) != fault.Cancelled {
		b.Errorf("with a context that has ended: %v", err)
	}
	b.isGone(ref)
}

func blobImportPending(b *bench) {
	content := Bytes(100)
	one, two := refOf(content), refOf(content)
	for _, ref := range []blob.Ref{one, two} {
		must.OK(b, b.imports(ref, bytes.NewReader(content)))
	}
	if got := b.listed(); len(got) > 0 {
		b.Errorf("%v are pending and listed", got)
	}
	b.store.Release(one.Key)
	if got := b.listed(); !slices.Equal(got, []blob.Key{one.Key}) {
		b.Errorf("%v are listed", got)
	}
}

func blobImportRace(b *bench) {
	for range 10 {
		content := Bytes(5000)
		ref := refOf(content)
		var stored atomic.Int32
		must.AtOnce(6, func(int) {
			switch err := b.imports(ref, bytes.NewReader(content)); fault.CodeOf(err) {
			case "":
				stored.Add(1)
			case blob.Taken:
			default:
				b.Error(err)
			}
		})
		if n := stored.Load(); n != 1 {
			b.Errorf("%d imports under one key stored", n)
		}
		b.holds(ref, content)
	}
}
