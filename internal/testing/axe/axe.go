// Package axe fetches axe-core, which checks pages for accessibility, for tests.
// It comes from npm in one version, is verified, and is kept in the user's cache
// folder. It is no part of the program.
package axe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

const (
	version = "4.14.1"
	// integrity is the SHA-512 of the package's archive, as npm states it.
	integrity = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
	archive   = "axe-core-" + version + ".tgz"
	member    = "package/axe.min.js"
)

// Script returns axe-core as a script that defines the global axe. The first call
// on a machine needs npm and its registry. What is kept is verified each time.
func Script(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("axe-core has no place: %w", err)
	}
	return script(ctx, filepath.Join(cache, "tallyman-test"))
}

func script(ctx context.Context, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("axe-core has no place: %w", err)
	}
	path := filepath.Join(dir, archive)
	// Test binaries run side by side, and one of them fetches.
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("locking axe-core: %w", err)
	}
	defer lock.Unlock()
	b, err := os.ReadFile(path)
	if err == nil {
		err = verify(b)
	}
	if err == nil {
		return unpack(b)
	}
	if b, err = fetch(ctx, dir); err != nil {
		return "", err
	}
	if err := os.WriteFile(path+".new", b, 0o644); err != nil {
		return "", fmt.Errorf("keeping axe-core: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", fmt.Errorf("keeping axe-core: %w", err)
	}
	return unpack(b)
}

// fetch gets the archive from npm and verifies it.
func fetch(ctx context.Context, dir string) ([]byte, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("axe-core, which the page is checked with, is missing, and so is npm, which fetches it: install npm (apt-get install npm)")
	}
	fresh, err := os.MkdirTemp(dir, "axe")
	if err != nil {
		return nil, fmt.Errorf("axe-core has no place: %w", err)
	}
	defer os.RemoveAll(fresh)
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", fresh, "axe-core@"+version)
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("axe-core, which the page is checked with, is missing, and \"npm pack axe-core@%s\" fails (%w): it needs npm's registry, once\n%s", version, err, out)
	}
	b, err := os.ReadFile(filepath.Join(fresh, archive))
	if err != nil {
		return nil, fmt.Errorf("npm fetched axe-core, and it is not there: %w", err)
	}
	return b, verify(b)
}

func verify(b []byte) error {
	sum := sha512.Sum512(b)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != integrity {
		return fmt.Errorf("axe-core %s is sha512-%s, and not sha512-%s: it is not what was published", version, got, integrity)
	}
	return nil
}

func unpack(b []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("unpacking axe-core: %w", err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("looking for %s in axe-core: %w", member, err)
		}
		if h.Name != member {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return "", fmt.Errorf("unpacking axe-core: %w", err)
		}
		return string(text), nil
	}
}
