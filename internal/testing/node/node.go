// Package node installs test tools from npm: axe-core, which checks pages for
// accessibility, and TypeScript, which checks the types of the page's scripts. The
// lock file pins versions and checksums. They are not part of the program.
package node

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

//go:embed package.json
var packages []byte

//go:embed package-lock.json
var lock []byte

// Modules returns the folder node_modules with the packages, in the user's cache
// folder. The first call on a machine needs npm and its registry.
func Modules(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for npm's packages: %w", err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "tallyman-test", "npm-"+hex.EncodeToString(sum[:8]))
	modules := filepath.Join(dir, "node_modules")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("there is no folder for npm's packages: %w", err)
	}
	// Test binaries run in parallel, and only one may install.
	l := flock.New(dir + ".lock")
	if err := l.Lock(); err != nil {
		return "", fmt.Errorf("locking npm's packages: %w", err)
	}
	defer l.Unlock()
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return modules, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is missing, which fetches axe-core and TypeScript for the tests: install it (apt-get install npm)")
	}
	for name, content := range map[string][]byte{"package.json": packages, "package-lock.json": lock} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("\"npm ci\" in %s fails (%w): it needs npm's registry, once\n%s", dir, err, out)
	}
	return modules, os.WriteFile(done, nil, 0o644)
}

// Axe returns axe-core as a script that defines the global axe.
func Axe(ctx context.Context) (string, error) {
	modules, err := Modules(ctx)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
	if err != nil {
		return "", fmt.Errorf("axe-core is not where npm installs it: %w", err)
	}
	return string(b), nil
}
