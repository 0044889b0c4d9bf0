// Package blob keeps the contents of files: bytes under fresh, unguessable keys
// that are written once and never overwritten (DESIGN.md §6).
//
// A content exists for the product only as long as a session's row names it.
// Everything else in a Store is either on its way into a row (pending) or an
// orphan, left by a crash or a deletion that failed; Store.List shows the
// latter to the sweep, never the former.
package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"time"

	"tallyman/internal/fault"
)

// The codes that storage can fail with.
const (
	StorageFull        fault.Code = "storage_full"        // no room on the disk, or a quota is used up
	StorageUnavailable fault.Code = "storage_unavailable" // storage cannot be read or written
	Damaged            fault.Code = "damaged_content"     // a content is not what was stored
	Taken              fault.Code = "content_exists"      // there is a content under the key already
)

// Key names a content: 32 lower-case hexadecimal digits, 128 random bits. Who
// does not know a key cannot guess it.
type Key string

// NewKey returns a key that was never used before.
func NewKey() Key {
	var b [16]byte
	rand.Read(b[:]) // never fails; it ends the process instead
	return Key(hex.EncodeToString(b[:]))
}

// Valid reports whether k has the shape of a key. Anything else, above all a
// path, is refused before it gets near a disk.
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

// Ref is a content as it was stored: where it is, and how to tell that it is
// still the same. The zero Ref stands for no content.
type Ref struct {
	Key    Key   `json:"key"`
	Size   int64 `json:"size"` // bytes
	SHA256 Sum   `json:"sha256"`
}

// IsZero reports whether r stands for no content.
func (r Ref) IsZero() bool { return r == Ref{} }

// Item is a content that a Store holds, as the sweep sees it.
type Item struct {
	Key     Key
	Size    int64 // bytes
	Written time.Time
}

// Reader reads one content. Read goes through it from the start and checks it
// on the way: in place of io.EOF it returns a fault with code Damaged if the
// size or the SHA-256 differ from the Ref. ReadAt does not check.
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
	// Put stores what it reads from r until io.EOF, under a fresh key. When it
	// returns without error the content is durable: neither kill -9 nor a
	// power cut loses it. On any error, one of r included, and when ctx ends,
	// nothing stays. r is read once, in pieces; the content is never in memory
	// as a whole.
	//
	// The content is pending until Release or Delete: the sweep does not see
	// it, so that an upload may take as long as it likes between Put and the
	// commit of the row that names it. A process that ends forgets what was
	// pending.
	Put(ctx context.Context, r io.Reader) (Ref, error)

	// Release ends the pending state: from now on only rows protect the
	// contents. Call it once the outcome of the commit is settled, or will
	// never be known. Keys that are not pending are ignored.
	Release(keys ...Key)

	// Open opens a content. It fails with fault.NotFound if there is none
	// under ref.Key (it was deleted, since its session was cleared), and with
	// Damaged if its size is not ref.Size. A content that was opened can be
	// read to its end even if it is deleted meanwhile.
	Open(ctx context.Context, ref Ref) (Reader, error)

	// Delete removes contents and gives back their room. Deleting what is not
	// there is success. If some cannot be removed the others are, the first
	// error is returned, and the sweep will come across the rest.
	Delete(ctx context.Context, keys ...Key) error

	// List returns up to limit contents that are not pending, in order of
	// their keys, beginning after the key given ("" is the first page). next
	// is the key to go on after; it is "" at the end. A page may be empty
	// although there are more. What is neither a content nor was put there by
	// the Store is left out, and never touched.
	List(ctx context.Context, after Key, limit int) (items []Item, next Key, err error)

	// Check stores, reads and removes a small content, and returns why it
	// could not.
	Check(ctx context.Context) error
}

// Importer is a Store that also takes contents over from another store, under the
// keys that they have there, so that the rows which name them stay as they are. A
// key is as fresh here as it was there: nothing is ever written over. Not every
// Store must; package blobtest tries those that do.
type Importer interface {
	Store

	// Import stores what it reads from r until io.EOF under ref.Key. It is Put in
	// everything else: durable when it returns, and pending until Release or
	// Delete.
	//
	// It fails with Damaged if what it read is not what ref says, with Taken if
	// there is something under the key, whatever that is, and with
	// fault.BadRequest if there cannot be such a key. Then nothing was stored. An
	// error of storage may leave a content, or a part of one, as an orphan.
	Import(ctx context.Context, ref Ref, r io.Reader) error
}

// ErrTaken makes the fault of importing what would have to be written over
// something.
func ErrTaken(cause error) error {
	return &fault.Error{Code: Taken, Message: "there is a stored file under that key already; it was left as it is", Err: cause}
}

// Check returns a fault with code Damaged if a content that was read is not the
// one that r stands for.
func (r Ref) Check(size int64, sum Sum) error {
	if size != r.Size {
		return fault.New(Damaged, "a stored file has %d bytes instead of %d: it was damaged on disk, upload it again", size, r.Size)
	}
	if sum != r.SHA256 {
		return fault.New(Damaged, "a stored file is not what was uploaded (its SHA-256 differs): it was damaged on disk, upload it again")
	}
	return nil
}

// Checked wraps the reader of a stored content into one that checks size and
// SHA-256, as Reader asks for. Implementations of Store use it.
func Checked(r Reader, ref Ref) Reader {
	return &checked{Reader: r, ref: ref, sum: sha256.New()}
}

type checked struct {
	Reader
	ref  Ref
	sum  hash.Hash
	read int64
	done error // what Read returns once the end was seen
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
		c.done = c.verdict()
		return n, c.done
	case err != nil:
		return n, Fault("read a stored file", err)
	}
	return n, nil
}

func (c *checked) verdict() error {
	if err := c.ref.Check(c.read, Sum(c.sum.Sum(nil))); err != nil {
		return err
	}
	return io.EOF
}

// ReadAll returns a whole content, checked. It is meant for small ones.
func ReadAll(ctx context.Context, s Store, ref Ref) ([]byte, error) {
	r, err := s.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, 0, ref.Size+1) // one more, so that the end is seen without growing
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

// Verify reads a whole content and returns an error if it is not what was
// stored.
func Verify(ctx context.Context, s Store, ref Ref) error {
	r, err := s.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}
