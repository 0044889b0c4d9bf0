package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The packages of two builds are the same, and hold what an installation needs.
// Building nFPM takes a minute, so this is one of the long tests.
func TestPackagesHoldTheProgramItsManualAndItsUnit(t *testing.T) {
	if os.Getenv("TALLYMAN_LONG") == "" {
		t.Skip("it builds nFPM: set TALLYMAN_LONG=1")
	}
	r := release{source: "../..", version: "1.2.3", time: time.Unix(1_700_000_000, 0).UTC()}
	if _, err := r.toolchain(); err != nil {
		t.Fatal(err)
	}
	tool, err := r.install(t.Context(), t.TempDir(), packageModule, packageVersion)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "tallyman")
	if err := os.WriteFile(binary, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var made [2][]byte
	for i := range made {
		r.out = t.TempDir()
		if err := r.packages(t.Context(), tool, t.TempDir(), target{"linux", runtime.GOARCH}, binary, []byte("licences")); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"deb", "rpm"} {
			b, err := os.ReadFile(filepath.Join(r.out, "tallyman_1.2.3_linux_"+runtime.GOARCH+"."+kind))
			if err != nil {
				t.Fatal(err)
			}
			made[i] = append(made[i], b...)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("two builds differ")
	}
	out, err := exec.Command("dpkg-deb", "-c", filepath.Join(r.out, "tallyman_1.2.3_linux_"+runtime.GOARCH+".deb")).Output()
	if err != nil {
		t.Skipf("the package cannot be listed: %v", err)
	}
	for _, file := range []string{"/usr/bin/tallyman", "/usr/lib/systemd/system/tallyman.service", "/usr/share/man/man1/tallyman.1", "completions/tallyman", "/copyright"} {
		if !strings.Contains(string(out), file) {
			t.Errorf("the package has no %s:\n%s", file, out)
		}
	}
}
