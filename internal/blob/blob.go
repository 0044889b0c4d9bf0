// Package blob keeps the contents of files: bytes under fresh, unguessable keys that
// are written once and never overwritten (DESIGN.md §6).
//
// A content is in use only as long as a session's row names it. Any other content in
// a Store is either pending, on its way into a row, or an orphan, left by a crash or
// a failed deletion; Store.List shows orphans to the sweep, never pending contents.
package blob

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"iter"
	"time"

	"tallyman/internal/fault"
)

// The codes that storage can fail with.
const (
	StorageFull        fault.Code = "storage_full"        // no room on the disk, or a quota is used up
	StorageUnavailable fault.Code = "storage_unavailable" // storage cannot be read or written
	Damaged            fault.Code = "damaged_content"     // a content is not what was stored
	Taken              fault.Code = "content_exists"      // a content has the key already
)

// Key identifies a content: 32 lower-case hexadecimal digits, 128 random bits. It
// cannot be guessed.
type Key string

// NewKey returns a key that was never used before.
func NewKey() Key {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the process instead
	return Key(hex.EncodeToString(b[:]))
}

// Valid reports whether k has the form of a key. Any other string, above all a path,
// is refused before it reaches a disk.
func (k Key) Valid() bool {
	if len(k) != 32 {
		return false
	}
	for i := 0; i < len(k); i++ {
		if c := k[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Sum is a SHA-256 of a content.
type Sum [sha256.Size]byte

// String returns the sum in hexadecimal.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// MarshalText writes the sum in hexadecimal.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Sum) UnmarshalText(text []byte) error {
	if len(text) != 2*len(s) {
		return fmt.Errorf("a SHA-256 has %d hexadecimal digits, not %d", 2*len(s), len(text))
	}
	_, err := hex.Decode(s[:], text)
	return err
}

// Ref is a reference to a stored content, with what is needed to verify it. The zero
// Ref means no content.
type Ref struct {
	Key    Key   `json:"key"`
	Size   int64 `json:"size"` // bytes
	SHA256 Sum   `json:"sha256"`
}

// IsZero reports whether r means no content.
func (r Ref) IsZero() bool { return r == Ref{} }

// Keys returns the keys of contents, nil for none.
func Keys(refs []Ref) (keys []Key) {
	for _, ref := range refs {
		keys = append(keys, ref.Key)
	}
	return keys
}

// Item is a content in a listing.
type Item struct {
	Key     Key
	Size    int64 // bytes
	Written time.Time
}

// Reader reads one content. Read reads it from the start and verifies it: instead of
// io.EOF it returns a fault with code Damaged if the size or the SHA-256 differs from
// the Ref. ReadAt does not verify.
type Reader interface {
	io.Reader
	io.ReaderAt
	io.Closer
	// Size is the content's length in bytes.
	Size() int64
}

// Store holds contents. It is safe for concurrent use. Its errors are faults
// with the codes StorageFull, StorageUnavailable, Damaged, fault.NotFound or
// fault.Cancelled, and whatever a reader given to Put returns.
type Store interface {
	// Put stores what it reads from r until io.EOF, under a fresh key. When it returns
	// without error the content is durable: neither kill -9 nor a power cut loses it. If
	// it fails, r fails or ctx ends, it leaves nothing behind. r is read once, in pieces;
	// the content is never in memory as a whole.
	//
	// The content is pending until Release or Delete: the sweep does not see it, so
	// that any time may pass between Put and the commit of the row that names it.
	// Pending contents are known only until the process ends.
	Put(ctx context.Context, r io.Reader) (Ref, error)

	// Release ends the pending state: from now on only rows protect the contents. Call it
	// when the outcome of the commit is known, or can no longer become known. Keys that
	// are not pending are ignored.
	Release(keys ...Key)

	// Open opens a content. It fails with fault.NotFound if there is none under
	// ref.Key (it was deleted with its session), and with Damaged if its size is not
	// ref.Size. An open content can be read to its end even if it is deleted
	// meanwhile.
	Open(ctx context.Context, ref Ref) (Reader, error)

	// Delete deletes contents and frees their storage. Deleting a missing content
	// succeeds. If some cannot be deleted, it deletes the others and returns the first
	// error; the sweep will find the rest.
	Delete(ctx context.Context, keys ...Key) error

	// List returns up to limit contents that are not pending, in order of their keys,
	// after the given key ("" for the first page). next is the key for the next page,
	// "" at the end. A page may be empty although more follow. Objects that are not
	// contents of the Store are left out, and never touched.
	List(ctx context.Context, after Key, limit int) (items []Item, next Key, err error)

	// Check stores, reads and deletes a small content, and returns the error if that
	// fails.
	Check(ctx context.Context) error
}

// Importer is a Store that can take over contents from another store under the same
// keys, so that the rows which name them stay valid. It never overwrites a content.
// It is optional; package blobtest tests the stores that implement it.
type Importer interface {
	Store

	// Import stores what it reads from r until io.EOF under ref.Key. Otherwise it
	// works like Put: the content is durable when it returns, and pending until
	// Release or Delete.
	//
	// It fails with Damaged if the bytes do not match ref, with Taken if the key is
	// in use, and with fault.BadRequest if the key is invalid. Nothing was stored
	// then. An error of storage may leave a content, or a part of one, as an orphan.
	Import(ctx context.Context, ref Ref, r io.Reader) error
}

// ErrTaken returns the fault of an import whose key is in use.
func ErrTaken(cause error) error {
	return &fault.Error{Code: Taken, Message: "a stored file already has that key; it was not changed", Err: cause}
}

// Check returns a fault with code Damaged if a content's size or sum does not match
// r.
func (r Ref) Check(size int64, sum Sum) error {
	if size != r.Size {
		return fault.New(Damaged, "a stored file has %d bytes instead of %d: it was damaged on disk; upload it again", size, r.Size)
	}
	if sum != r.SHA256 {
		return fault.New(Damaged, "a stored file is not what was uploaded (its SHA-256 differs): it was damaged on disk; upload it again")
	}
	return nil
}

// Checked wraps the reader of a stored content so that it verifies size and SHA-256,
// as Reader requires. Implementations of Store use it.
func Checked(r Reader, ref Ref) Reader {
	return &checked{Reader: r, ref: ref, sum: sha256.New()}
}

type checked struct {
	Reader
	ref  Ref
	sum  hash.Hash
	read int64
	done error // what Read returns after the end
}

func (c *checked) Read(p []byte) (int, error) {
	if c.done != nil {
		return 0, c.done
	}
	n, err := c.Reader.Read(p)
	c.sum.Write(p[:n])
	c.read += int64(n)
	switch {
	case err == io.EOF:
		c.done = cmp.Or(c.ref.Check(c.read, Sum(c.sum.Sum(nil))), io.EOF)
		return n, c.done
	case err != nil:
		return n, Fault("read a stored file", err)
	}
	return n, nil
}

// ReadAll returns a whole content, verified. It is meant for small contents.
func ReadAll(ctx context.Context, s Store, ref Ref) ([]byte, error) {
	r, err := s.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, 0, ref.Size+1) // the extra byte lets reading meet the end without growing the buffer
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// All returns what a Store lists, in pages of a size. An error ends it.
func All(ctx context.Context, s Store, limit int) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for after := Key(""); ; {
			items, next, err := s.List(ctx, after, limit)
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, it := range items {
				if !yield(it, nil) {
					return
				}
			}
			if after = next; next == "" {
				return
			}
		}
	}
}

// Verify reads a whole content and returns an error if it does not match its Ref.
func Verify(ctx context.Context, s Store, ref Ref) error {
	r, err := s.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}
