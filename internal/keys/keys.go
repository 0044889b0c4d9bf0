// Package keys keeps the API keys of a server (DESIGN.md §8). A key's name is the
// owner of the sessions that are made with it.
//
// Only the name and the SHA-256 of a key are stored. Keys carry 130 random bits, so a
// slow hash would protect them no better than a fast one.
//
// File keeps keys in one file, readable by its owner only. It is replaced atomically;
// a running server notices the change. If root changes the file it stays its owner's; a
// new one belongs to the owner of the folder.
package keys

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// FileName is the name of the file of keys in a data directory.
const FileName = "keys.json"

// Prefix is the prefix of all keys, so that people and scanners for leaked secrets
// recognise them.
const Prefix = "tmk_"

// The codes that changing keys can fail with, beside fault.Unwritable.
const (
	Exists  fault.Code = "key_exists"  // the name has as many keys as it may have
	Damaged fault.Code = "keys_broken" // the file of keys cannot be parsed
)

// Key is the stored part of a key.
type Key struct {
	// Name is the owner of the sessions made with the key.
	Name session.Owner `json:"name"`
	// Admin keys may see what happens in all owners' sessions.
	Admin bool `json:"admin,omitempty"`
	// ReadOnly keys may look and download, but change no session.
	ReadOnly bool `json:"read_only,omitempty"`
	// Expires is when the key becomes invalid; zero for never.
	Expires time.Time `json:"expires,omitzero"`
	// SHA256 is the hash of the key, in hexadecimal.
	SHA256 string `json:"sha256"`
	// Created is when the key was made.
	Created time.Time `json:"created"`
}

// Ring is a store of a server's keys. It is safe for concurrent use.
type Ring interface {
	// All returns the keys, in order of their names. It is called for each request.
	// While it fails no key is valid.
	All(ctx context.Context) ([]Key, error)

	// Add makes a key and returns it; it cannot be shown again. Hash and time of k are
	// ignored. It fails with Exists if the owner has PerOwner keys, and with
	// fault.BadRequest for an invalid name.
	Add(ctx context.Context, k Key) (string, error)

	// Remove makes the key of an owner with an ID invalid, or all keys of the owner
	// if the ID is ""; running servers notice within seconds. It fails with
	// fault.NotFound if there is none. The owner's sessions stay until they expire.
	Remove(ctx context.Context, name session.Owner, id string) error
}

// Importer is a Ring that can take over keys from another.
type Importer interface {
	Ring

	// Import adds a key of another ring, so that its holders can go on using it. It
	// succeeds if the key is there already. It fails with Exists if the owner has
	// PerOwner others, and with fault.BadRequest if k is invalid.
	Import(ctx context.Context, k Key) error
}

var _ Importer = (*File)(nil)

// PerOwner is how many keys an owner may have at once, so that a key can be replaced
// while it is in use.
const PerOwner = 2

// ErrExists returns the fault of adding a key for an owner who has PerOwner.
func ErrExists(name session.Owner) error {
	return fault.New(Exists, "%q has %d keys already; remove one first by its ID, which \"tallyman key list\" shows: the sessions stay", name, PerOwner)
}

// ErrNone returns the fault of removing a missing key.
func ErrNone(name session.Owner, id string) error {
	if id == "" {
		return fault.New(fault.NotFound, "there is no key for %q", name)
	}
	return fault.New(fault.NotFound, "there is no key for %q with the ID %q", name, id)
}

// ID tells the keys of one owner apart. It does not reveal the key.
func (k Key) ID() string { return strings.ToLower(k.SHA256[:min(8, len(k.SHA256))]) }

// Expired reports whether the key is not valid any more.
func (k Key) Expired() bool { return !k.Expires.IsZero() && !time.Now().Before(k.Expires) }

// named reports whether Remove means the key.
func (k Key) named(name session.Owner, id string) bool {
	return k.Name == name && (id == "" || k.ID() == id)
}

// Same reports whether two keys are the same secret of the same owner.
func (k Key) Same(o Key) bool { return k.Name == o.Name && strings.EqualFold(k.SHA256, o.SHA256) }

// Check returns a fault with code fault.BadRequest if the key is invalid.
func (k Key) Check() error {
	if err := checkName(k.Name); err != nil {
		return err
	}
	if sum, err := hex.DecodeString(k.SHA256); err != nil || len(sum) != sha256.Size {
		return fault.New(fault.BadRequest, "the key of %q has no SHA-256", k.Name)
	}
	return nil
}

// Make draws a key, and returns the part to store and the key itself. It fails with
// fault.BadRequest for an invalid name. Implementations of Ring use it.
func Make(k Key) (made Key, secret string, err error) {
	if err := checkName(k.Name); err != nil {
		return Key{}, "", err
	}
	secret = Prefix + strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(secret))
	k.SHA256, k.Created = hex.EncodeToString(sum[:]), time.Now().UTC().Truncate(time.Second)
	k.Expires = k.Expires.UTC().Truncate(time.Second)
	return k, secret, nil
}

// File holds the keys of a data directory. It is safe for concurrent use.
type File struct {
	path string

	mu   sync.Mutex
	info fs.FileInfo // of the file that keys were read from, nil for none
	keys []Key
	err  error     // why the file cannot be used
	seen time.Time // when it was last looked at, zero if that failed
}

// fresh is for how long what was seen of the file holds: a look takes as long as a tenth of a
// short request. Whoever changes keys waits for as long, so that no server uses old ones
// afterwards.
const fresh = time.Millisecond

// Open returns the keys of a data directory. Directory and file may be missing.
func Open(dir string) *File { return &File{path: filepath.Join(dir, FileName)} }

// All returns the keys, in order of their names. It looks at the file and reads it again
// when it has changed. While the file cannot be used it fails with Damaged or
// fault.Unreadable: no key is valid then. What Add and Remove have done holds when they
// return, for every process; other changes of the file hold after a millisecond.
func (f *File) All(context.Context) ([]Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.seen.IsZero() && time.Since(f.seen) < fresh {
		return f.keys, nil
	}
	now := time.Now()
	all, err := f.look()
	if f.seen = now; err != nil {
		f.seen = time.Time{}
	}
	return all, err
}

// look looks at the file, and reads it again if it has changed. f is locked.
func (f *File) look() ([]Key, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.info, f.keys, f.err = nil, nil, nil
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unreadable, "the keys in %s cannot be read: %w", f.path, err)
	}
	// An error is not kept: its cause may be mended without a change to the file.
	if f.err == nil && f.info != nil && os.SameFile(f.info, info) && f.info.ModTime().Equal(info.ModTime()) && f.info.Size() == info.Size() {
		return f.keys, nil
	}
	f.keys, f.err = read(f.path)
	f.info = info
	return f.keys, f.err
}

func read(path string) ([]Key, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Unreadable, "the keys in %s cannot be read: %w", path, err)
	}
	var keys []Key
	if err := json.Unmarshal(b, &keys); err != nil {
		return nil, fault.New(Damaged, "the keys in %s are damaged (%w); repair the file, or remove it and make new keys", path, err)
	}
	for _, k := range keys {
		if k.Check() != nil {
			return nil, fault.New(Damaged, "the keys in %s are damaged: the entry of %q is invalid; repair the file, or remove it and make new keys", path, k.Name)
		}
	}
	return keys, nil
}

// Find returns the key that a caller presented, and whether it is valid: an expired one
// is not. All keys are compared, each in constant time.
func Find(all []Key, presented string) (Key, bool) {
	sum := sha256.Sum256([]byte(presented))
	hash := []byte(hex.EncodeToString(sum[:]))
	var found Key
	ok := 0
	for _, k := range all {
		if subtle.ConstantTimeCompare(hash, []byte(strings.ToLower(k.SHA256))) == 1 {
			found, ok = k, 1
		}
	}
	return found, ok == 1 && !found.Expired()
}

func checkName(name session.Owner) error {
	if err := (session.Key{Owner: name, ID: "x"}).Check(); err != nil {
		return err
	}
	if name == session.Local {
		return fault.New(fault.BadRequest, "%q is the owner of sessions made without a key; choose another name", name)
	}
	if strings.TrimSpace(string(name)) != string(name) {
		return fault.New(fault.BadRequest, "the owner's name begins or ends with a space")
	}
	return nil
}

// Add implements Ring. It fails with fault.Unwritable as well.
func (f *File) Add(ctx context.Context, k Key) (string, error) {
	made, secret, err := Make(k)
	if err != nil {
		return "", err
	}
	if err := f.Import(ctx, made); err != nil {
		return "", err
	}
	return secret, nil
}

// Import implements Importer.
func (f *File) Import(ctx context.Context, k Key) error {
	if err := k.Check(); err != nil {
		return err
	}
	return f.change(ctx, func(keys []Key) ([]Key, error) {
		n := 0
		for _, o := range keys {
			if o.Same(k) {
				return keys, nil
			}
			if o.Name == k.Name {
				n++
			}
		}
		if n >= PerOwner {
			return nil, ErrExists(k.Name)
		}
		return append(keys, k), nil
	})
}

// Remove implements Ring. It fails with fault.Unwritable as well.
func (f *File) Remove(ctx context.Context, name session.Owner, id string) error {
	return f.change(ctx, func(keys []Key) ([]Key, error) {
		left := slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return k.named(name, id) })
		if len(left) == len(keys) {
			return nil, ErrNone(name, id)
		}
		return left, nil
	})
}

// change rewrites the file, after other processes that change it.
func (f *File) change(ctx context.Context, to func([]Key) ([]Key, error)) error {
	dir := filepath.Dir(f.path)
	if err := atomicfile.MkdirAll(dir); err != nil {
		return atomicfile.Unwritable(dir, err)
	}
	lock := flock.New(f.path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return atomicfile.Unwritable(f.path, err)
	}
	defer lock.Unlock()
	if err := atomicfile.Inherit(lock.Path()); err != nil {
		return atomicfile.Unwritable(lock.Path(), err)
	}
	f.mu.Lock()
	all, err := f.look()
	f.mu.Unlock()
	if err != nil {
		return err
	}
	next, err := to(slices.Clone(all))
	if err != nil {
		return err
	}
	slices.SortStableFunc(next, func(a, b Key) int { return strings.Compare(string(a.Name), string(b.Name)) })
	b, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the keys: %w", err)
	}
	err = atomicfile.WritePrivate(f.path, append(b, '\n')) // durable, or a power cut could revive a removed key
	time.Sleep(fresh)
	return err
}
