package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The packages for Debian and Fedora and their relatives are made by nFPM. Its version
// is pinned here and nowhere else.
const (
	packageModule  = "github.com/goreleaser/nfpm/v2/cmd/nfpm"
	packageVersion = "v2.45.0"
)

// packages writes a .deb and an .rpm of a Linux binary: the program, its manual page
// and completions, its licences, and the systemd unit, which is not enabled.
func (r *release) packages(ctx context.Context, tool, dir string, t target, binary string, licences []byte) error {
	contents := []string{
		"{src: " + binary + ", dst: /usr/bin/tallyman, file_info: {mode: 0755}}",
		"{dst: /etc/tallyman, type: dir, file_info: {mode: 0755}}",
	}
	add := func(dst string, data []byte) error {
		src := filepath.Join(dir, filepath.Base(dst))
		contents = append(contents, "{src: "+src+", dst: "+dst+", file_info: {mode: 0644}}")
		return os.WriteFile(src, data, 0o644)
	}
	unit, err := os.ReadFile(filepath.Join(r.source, "docs", "deploy", "tallyman.service"))
	if err != nil {
		return err
	}
	unit = []byte(strings.Replace(string(unit), "/usr/local/bin/tallyman", "/usr/bin/tallyman", 1))
	licence, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"/usr/lib/systemd/system/tallyman.service":         unit,
		"/usr/lib/sysusers.d/tallyman.conf":                []byte("u tallyman - \"Tallyman\" /var/lib/tallyman\n"),
		"/usr/share/doc/tallyman/copyright":                licence,
		"/usr/share/doc/tallyman/THIRD-PARTY-LICENCES.txt": licences,
	}
	for dst, args := range map[string][]string{
		"/usr/share/man/man1/tallyman.1":                     {"man"},
		"/usr/share/bash-completion/completions/tallyman":    {"completion", "bash"},
		"/usr/share/zsh/vendor-completions/_tallyman":        {"completion", "zsh"},
		"/usr/share/fish/vendor_completions.d/tallyman.fish": {"completion", "fish"},
	} {
		if files[dst], err = r.goTool(ctx, append([]string{"run", "-ldflags=-X main.version=" + r.version, "./cmd/tallyman"}, args...)...); err != nil {
			return err
		}
	}
	for _, dst := range slices.Sorted(maps.Keys(files)) {
		if err := add(dst, files[dst]); err != nil {
			return err
		}
	}
	settings := fmt.Sprintf(`name: tallyman
arch: %s
platform: linux
version: %q
maintainer: The Tallyman maintainers <maintainers@example.invalid>
description: Load sheets from bills of lading and order exports
license: Apache-2.0
section: utils
mtime: %s
contents:
  - %s
`, t.arch, r.version, r.time.Format(time.RFC3339), strings.Join(contents, "\n  - "))
	config := filepath.Join(dir, "nfpm.yaml")
	if err := os.WriteFile(config, []byte(settings), 0o644); err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm"} {
		out := filepath.Join(r.out, fmt.Sprintf("tallyman_%s_%s_%s.%s", r.version, t.os, t.arch, kind))
		cmd := exec.CommandContext(ctx, tool, "package", "--config", config, "--packager", kind, "--target", out)
		cmd.Env = append(slices.Clip(r.env), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix()))
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("making the %s: %w\n%s", kind, err, said)
		}
	}
	return nil
}
