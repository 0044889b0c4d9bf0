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

	"tallyman/internal/testing/must"
)

// The packages of two builds are the same, and hold what an installation needs.
// Building nFPM takes a minute, so this is one of the long tests.
func TestPackagesHoldTheProgramItsManualAndItsUnit(t *testing.T) {
	if os.Getenv("TALLYMAN_LONG") == "" {
		t.Skip("it builds nFPM: set TALLYMAN_LONG=1")
	}
	r := release{source: "../..", version: "1.2.3", time: time.Unix(1_700_000_000, 0).UTC()}
	r.toolchain()
	tool := r.install(t.Context(), t.TempDir(), packageModule, packageVersion)
	var made [2][]byte
	for i := range made {
		r.out = t.TempDir()
		dir := t.TempDir()
		binary := filepath.Join(dir, "tallyman")
		must.OK(t, os.WriteFile(binary, []byte("program"), 0o755))
		r.packages(t.Context(), tool, dir, target{"linux", runtime.GOARCH}, binary, []byte("licences"))
		if got := must.Read(t, binary); string(got) != "program" {
			t.Errorf("the program was overwritten: %.40q", got)
		}
		for _, kind := range []string{"deb", "rpm"} {
			b := must.Read(t, filepath.Join(r.out, "tallyman_1.2.3_linux_"+runtime.GOARCH+"."+kind))
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
	for _, file := range []string{"/usr/bin/tallyman", "/usr/lib/systemd/system/tallyman.service", "/usr/lib/systemd/system/tallyman-watch@.service", "/usr/lib/systemd/system/tallyman-mail@.service", "/usr/share/man/man1/tallyman.1", "completions/tallyman", "/copyright"} {
		if !strings.Contains(string(out), file) {
			t.Errorf("the package has no %s:\n%s", file, out)
		}
	}
}
