package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyman/internal/testing/load"
)

// The packages for Debian and Fedora and their relatives are made by nFPM. Its version
// is pinned here and nowhere else.
const (
	packageModule  = "github.com/goreleaser/nfpm/v2/cmd/nfpm"
	packageVersion = "v2.45.0"
)

// packages writes a .deb and an .rpm of a Linux binary: the program, its manual page
// and completions, its licences, and the systemd units, which are not enabled.
func (r *release) packages(ctx context.Context, tool, dir string, t target, binary string, licences []byte) {
	contents := []string{
		"{src: " + binary + ", dst: /usr/bin/tallyman, file_info: {mode: 0755}}",
		"{dst: /etc/tallyman, type: dir, file_info: {mode: 0755}}",
	}
	files := map[string][]byte{
		"/usr/lib/sysusers.d/tallyman.conf":                []byte("u tallyman - \"Tallyman\" /var/lib/tallyman\n"),
		"/usr/share/doc/tallyman/copyright":                load.Must(os.ReadFile(filepath.Join(r.source, "LICENSE"))),
		"/usr/share/doc/tallyman/THIRD-PARTY-LICENCES.txt": licences,
	}
	for _, name := range []string{"tallyman.service", "tallyman-watch@.service", "tallyman-mail@.service"} {
		unit := load.Must(os.ReadFile(filepath.Join(r.source, "docs", "deploy", name)))
		files["/usr/lib/systemd/system/"+name] = bytes.Replace(unit, []byte("/usr/local/bin/tallyman"), []byte("/usr/bin/tallyman"), 1)
	}
	for dst, args := range map[string][]string{
		"/usr/share/man/man1/tallyman.1":                     {"man"},
		"/usr/share/bash-completion/completions/tallyman":    {"completion", "bash"},
		"/usr/share/zsh/vendor-completions/_tallyman":        {"completion", "zsh"},
		"/usr/share/fish/vendor_completions.d/tallyman.fish": {"completion", "fish"},
	} {
		files[dst] = r.goTool(ctx, append([]string{"run", "-ldflags=-X main.version=" + r.version, "./cmd/tallyman"}, args...)...)
	}
	dir = filepath.Join(dir, "package") // beside the binary, whose name one of the completions has
	load.Check(os.Mkdir(dir, 0o755))
	for _, dst := range slices.Sorted(maps.Keys(files)) {
		src := filepath.Join(dir, filepath.Base(dst))
		contents = append(contents, "{src: "+src+", dst: "+dst+", file_info: {mode: 0644}}")
		load.Check(os.WriteFile(src, files[dst], 0o644))
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
	load.Check(os.WriteFile(config, []byte(settings), 0o644))
	for _, kind := range []string{"deb", "rpm"} {
		out := filepath.Join(r.out, fmt.Sprintf("tallyman_%s_%s_%s.%s", r.version, t.os, t.arch, kind))
		cmd := exec.CommandContext(ctx, tool, "package", "--config", config, "--packager", kind, "--target", out)
		cmd.Env = append(slices.Clip(r.env), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix()))
		if said, err := cmd.CombinedOutput(); err != nil {
			load.Fail("making the %s: %w\n%s", kind, err, said)
		}
	}
}
