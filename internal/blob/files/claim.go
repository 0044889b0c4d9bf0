package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tallyman/internal/atomicfile"
	"tallyman/internal/blob"
)

var _ blob.Claimer = (*Store)(nil)

// Claim implements blob.Claimer: the owner is recorded in a file beside the folders
// of contents.
func (s *Store) Claim(_ context.Context, owner string) (string, error) {
	recorded, err := s.record(owner)
	if err != nil {
		return "", blob.Fault("read the owner of the contents", fmt.Errorf("claiming %s: %w", s.dir, err))
	}
	return recorded, nil
}

// Claimed implements blob.Claimer.
func (s *Store) Claimed(context.Context) (string, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, blob.ClaimName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(b)), blob.Fault("read the owner of the contents", err)
}

func (s *Store) record(owner string) (string, error) {
	path := filepath.Join(s.dir, blob.ClaimName)
	b, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return strings.TrimSpace(string(b)), err
	}
	f, err := os.CreateTemp(s.dir, "."+blob.ClaimName+".*.part")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(owner + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	// A link, unlike a rename, never replaces a file that another process created
	// meanwhile.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := atomicfile.SyncDir(s.dir); err != nil {
		return "", err
	}
	b, err = os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}
