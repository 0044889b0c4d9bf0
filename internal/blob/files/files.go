// Package files keeps contents as files in a folder.
//
// There are 256 folders, named by the first two digits of the keys in them, and in
// each a file per content, named by its key:
//
//	DIR/3f/3f9c0b7e5d1a48c2b6e0f4a79d218c53
//
// Folders have mode 0700 and files 0600. A file is written under its final name:
// until a session's row names it no reader opens it, and a crash leaves an orphan,
// whole or truncated, for the sweep. Put syncs the file and then its folder before it
// returns, so that a power cut never loses a file that a row names. Deletions are not
// synced: a file that reappears after a power cut is an orphan too.
//
// Only one process at a time may write to a folder, since only that process knows
// which contents are pending. Package sqlite's lock on the data directory ensures
// that; open it first.
//
// Files and folders with other names are ignored and never changed.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"tallyman/internal/atomicfile"
	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/turn"
)

// Store is a blob.Store in a folder.
type Store struct {
	dir  string
	disk disk

	mu      sync.Mutex
	pending map[blob.Key]struct{}
}

var _ blob.Importer = (*Store)(nil)

// Open returns the store in dir, which it creates if necessary. It only adds folders
// and changes nothing else.
func Open(dir string) (*Store, error) { return open(dir, osDisk{}) }

func open(dir string, d disk) (*Store, error) {
	s := &Store{dir: dir, disk: d, pending: map[blob.Key]struct{}{}}
	if err := s.prepare(); err != nil {
		return nil, blob.Fault("prepare the folder for uploaded files", fmt.Errorf("preparing %s: %w", dir, err))
	}
	return s, nil
}

// Look returns the store in a folder for reading, and adds nothing to it. It fails
// with fault.NotFound if there is no such folder.
func Look(dir string) (*Store, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, "there is no folder %s", dir)
	case err == nil && !info.IsDir():
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return nil, fault.New(fault.Unreadable, "the folder %s cannot be read: %w", dir, err)
	}
	return &Store{dir: filepath.Clean(dir), disk: partial{}, pending: map[blob.Key]struct{}{}}, nil
}

// partial is a disk on which folders may be missing.
type partial struct{ osDisk }

func (d partial) names(dir string) ([]string, error) {
	names, err := d.osDisk.names(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// prepare creates all folders at once, so that no upload has to create one and sync
// its parent.
func (s *Store) prepare() error {
	if err := atomicfile.MkdirAllBy(filepath.Clean(s.dir), s.disk.mkdir, s.disk.syncDir); err != nil {
		return err
	}
	made := false
	for i := range 256 {
		m, err := s.disk.mkdir(filepath.Join(s.dir, shardName(i)))
		if err != nil {
			return err
		}
		made = made || m
	}
	if made {
		return s.disk.syncDir(s.dir)
	}
	return nil
}

func shardName(i int) string { return fmt.Sprintf("%02x", i) }

// path returns the path of a content. The key must be valid.
func (s *Store) path(k blob.Key) string {
	return filepath.Join(s.dir, string(k[:2]), string(k))
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, r io.Reader) (blob.Ref, error) {
	if err := ctx.Err(); err != nil {
		return blob.Ref{}, blob.Fault("store a file", err)
	}
	ref := blob.Ref{Key: blob.NewKey()}
	// The key is pending before the file exists, so that List never shows it.
	s.claim(ref.Key)
	if err := s.write(ctx, &ref, r); err != nil {
		_ = s.disk.remove(s.path(ref.Key)) // if this fails too, the sweep removes the file
		s.Release(ref.Key)
		return blob.Ref{}, err
	}
	return ref, nil
}

func (s *Store) write(ctx context.Context, ref *blob.Ref, r io.Reader) error {
	const doing = "store a file"
	path := s.path(ref.Key)
	f, err := s.disk.create(path)
	if errors.Is(err, fs.ErrExist) {
		return blob.ErrTaken(err)
	}
	if err != nil {
		return blob.Fault(doing, err)
	}
	defer f.Close() // after an error; the second time does nothing

	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	sum := sha256.New()
	unsynced := 0
	for {
		if err := ctx.Err(); err != nil {
			return blob.Fault(doing, err)
		}
		n, rerr := r.Read(buf[:])
		if n > 0 {
			if _, err := f.Write(buf[:n]); err != nil {
				return blob.Fault(doing, err)
			}
			sum.Write(buf[:n])
			ref.Size += int64(n)
			if unsynced += n; unsynced >= syncEvery {
				if err := flush(ctx, f); err != nil {
					return blob.Fault(doing, err)
				}
				unsynced = 0
			}
		}
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			return fmt.Errorf("reading what is to be stored: %w", rerr)
		}
	}
	sum.Sum(ref.SHA256[:0])

	if err := flush(ctx, f); err != nil {
		return blob.Fault(doing, err)
	}
	if err := f.Close(); err != nil {
		return blob.Fault(doing, err)
	}
	defer turn.Sync(ctx)()
	return blob.Fault(doing, s.disk.syncDir(filepath.Dir(path)))
}

// syncEvery is how many bytes are written before they are synced: whoever syncs next waits
// for all that others have written.
const syncEvery = 4 << 20

func flush(ctx context.Context, f writeFile) error {
	defer turn.Sync(ctx)()
	return f.Sync()
}

var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// Import implements blob.Importer. A crash may leave a part of the content under
// its key.
func (s *Store) Import(ctx context.Context, ref blob.Ref, r io.Reader) error {
	if err := ctx.Err(); err != nil {
		return blob.Fault("store a file", err)
	}
	if !ref.Key.Valid() {
		return fault.New(fault.BadRequest, "a file cannot be stored under an invalid key")
	}
	if !s.claim(ref.Key) {
		return blob.ErrTaken(nil)
	}
	got := blob.Ref{Key: ref.Key}
	err := s.write(ctx, &got, r)
	if err == nil {
		err = ref.Check(got.Size, got.SHA256)
	}
	if err != nil {
		if fault.CodeOf(err) != blob.Taken {
			_ = s.disk.remove(s.path(ref.Key))
		}
		s.Release(ref.Key)
	}
	return err
}

// claim makes a key pending, and reports whether it was not.
func (s *Store) claim(k blob.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, held := s.pending[k]; held {
		return false
	}
	s.pending[k] = struct{}{}
	return true
}

// Release implements blob.Store.
func (s *Store) Release(keys ...blob.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		delete(s.pending, k)
	}
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	const doing = "read a stored file"
	if err := ctx.Err(); err != nil {
		return nil, blob.Fault(doing, err)
	}
	if !ref.Key.Valid() {
		return nil, blob.Gone(nil)
	}
	f, err := s.disk.open(s.path(ref.Key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.Gone(err)
	}
	if err != nil {
		return nil, blob.Fault(doing, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, blob.Fault(doing, err)
	}
	if err := ref.Check(info.Size(), ref.SHA256); err != nil { // Read verifies the sum
		f.Close()
		return nil, err
	}
	return blob.Checked(content{f, ref.Size}, ref), nil
}

// content is an open file as a blob.Reader.
type content struct {
	*os.File
	n int64
}

func (c content) Size() int64 { return c.n }

// Delete implements blob.Store.
func (s *Store) Delete(_ context.Context, keys ...blob.Key) error {
	var first error
	for _, k := range keys {
		if !k.Valid() {
			continue // no content can have this key
		}
		if err := s.disk.remove(s.path(k)); err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = blob.Fault("remove a stored file", err)
		}
	}
	// The keys stay pending until now, so that the sweep does not find them
	// meanwhile.
	s.Release(keys...)
	return first
}

// List implements blob.Store. Each page reads one or more whole folders, so it costs
// at least one folder: a 256th of all contents.
func (s *Store) List(ctx context.Context, after blob.Key, limit int) ([]blob.Item, blob.Key, error) {
	if after != "" && !after.Valid() {
		return nil, "", fault.New(fault.BadRequest, "listing contents: the key of the previous page is invalid")
	}
	limit = max(limit, 1)
	first := 0
	if after != "" {
		shard, _ := hex.DecodeString(string(after[:2])) // the key is valid, so there is no error
		first = int(shard[0])
	}
	for i := first; i < 256; i++ {
		if err := ctx.Err(); err != nil {
			return nil, "", blob.Fault("list stored files", err)
		}
		names, err := s.disk.names(filepath.Join(s.dir, shardName(i)))
		if err != nil {
			return nil, "", blob.Fault("list stored files", err)
		}
		keys := s.listable(shardName(i), names, after)
		if len(keys) == 0 {
			continue
		}
		more := len(keys) > limit
		keys = keys[:min(limit, len(keys))]
		items, err := s.items(keys)
		if err != nil {
			return nil, "", blob.Fault("list stored files", err)
		}
		if !more && i == 255 {
			return items, "", nil
		}
		return items, keys[len(keys)-1], nil
	}
	return nil, "", nil
}

// listable returns in order the names in a folder that are keys, come after the given
// key and are not pending. It checks for pending after the folder was read: a content
// was pending before its file existed.
func (s *Store) listable(shard string, names []string, after blob.Key) []blob.Key {
	var keys []blob.Key
	for _, n := range names {
		if k := blob.Key(n); k.Valid() && n[:2] == shard && k > after {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(keys, func(k blob.Key) bool {
		_, held := s.pending[k]
		return held
	})
}

func (s *Store) items(keys []blob.Key) ([]blob.Item, error) {
	items := make([]blob.Item, 0, len(keys))
	for _, k := range keys {
		info, err := s.disk.stat(s.path(k))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		items = append(items, blob.Item{Key: k, Size: info.Size(), Written: info.ModTime()})
	}
	return items, nil
}

// Check implements blob.Store.
func (s *Store) Check(ctx context.Context) error {
	probe := blob.NewKey()
	ref, err := s.Put(ctx, strings.NewReader(string(probe)))
	if err != nil {
		return err
	}
	b, err := blob.ReadAll(ctx, s, ref)
	derr := s.Delete(ctx, ref.Key)
	switch {
	case err != nil:
		return err
	case string(b) != string(probe):
		return fault.New(blob.Damaged, "a stored file reads back with other bytes; check the server's disk")
	}
	return derr
}
