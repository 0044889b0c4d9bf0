package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tallyman/internal/testing/load"
	"tallyman/internal/testing/must"
	built "tallyman/internal/testing/program"
)

// write writes files into a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		must.OK(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)))
	}
}

// program writes a minimal source that is built like the product.
func program(t *testing.T, dir string) {
	t.Helper()
	write(t, dir, map[string]string{
		"go.mod": "module small\n\ngo 1.26.0\n\ntoolchain " + runtime.Version() + "\n",
		"cmd/tallyman/main.go": "package main\n\nimport \"runtime\"\n\nvar version, revision string\n\n" +
			"func main() { _, file, _, _ := runtime.Caller(0); println(version, revision, file) }\n",
	})
}

// The same source in two folders makes the same binary, which has its version and is
// static. The long form builds the product. Both builds share a cache, so this shows
// that neither folders nor linking matter; "./release --check" compiles everything
// again with an empty cache.
func TestABuildDoesNotDependOnItsFolder(t *testing.T) {
	from, err := filepath.Abs("../..")
	must.OK(t, err)
	if os.Getenv("TALLYMAN_LONG") == "" {
		from = t.TempDir()
		program(t, from)
	}
	target := target{"linux", runtime.GOARCH}
	var made [2][]byte
	for i, folder := range []string{"a", "another/deeper/place"} {
		dir := t.TempDir()
		r := release{source: filepath.Join(dir, folder), version: "1.2.3", revision: "abc"}
		copySource(from, r.source)
		from = r.source // the source may be edited meanwhile
		r.toolchain()
		binary := filepath.Join(dir, "tallyman")
		r.compile(t.Context(), target, binary)
		made[i], err = os.ReadFile(binary)
		must.OK(t, err)
		if bytes.Contains(made[i], []byte(dir)) {
			t.Errorf("the binary names the folder %s", dir)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("the two binaries differ")
	}
	if !bytes.Contains(made[0], []byte("1.2.3")) || bytes.Contains(made[0], []byte("ld-linux")) {
		t.Error("the binary has not its version, or is not static")
	}
}

func TestEveryLinkedModuleHasItsLicence(t *testing.T) {
	root, err := filepath.Abs("../..")
	must.OK(t, err)
	binary, err := built.Path()
	must.OK(t, err)
	t.Cleanup(built.Forget)
	r := release{source: root, version: "1.2.3"}
	r.toolchain()
	text, modules := r.licences(t.Context(), binary), r.linked(t.Context(), binary)
	if len(modules) < 30 {
		t.Fatalf("%d modules", len(modules))
	}
	for _, m := range modules {
		if !strings.Contains(string(text), "\n"+m.String()+"\n") {
			t.Errorf("the licence of %s is missing", m)
		}
	}
	for _, of := range []string{"chart.js 4", "PDFium, as in", "PP-OCRv4 recogniser", "SQLite, as in", "the Go standard library"} {
		if !strings.Contains(string(text), of) {
			t.Errorf("there is nothing of %s", of)
		}
	}
}

func TestArchivesDependOnlyOnTheirContent(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	files := []entry{{name: "b", data: []byte("two")}, {name: "a", data: []byte("one"), program: true}}
	for _, zipped := range []bool{false, true} {
		var made [2][]byte
		for i, order := range [][]entry{files, {files[1], files[0]}} {
			made[i] = must.Read(t, pack(filepath.Join(t.TempDir(), "x"), zipped, "x", at, order))
		}
		if !bytes.Equal(made[0], made[1]) || len(made[0]) == 0 {
			t.Errorf("two archives of the same files differ (zip: %v)", zipped)
		}
	}
}

// unpack reads an archive and returns the content of each file, with its mode before
// it.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	b := must.Read(t, path)
	found := map[string]string{}
	add := func(name string, mode fs.FileMode, r io.Reader) {
		text, err := io.ReadAll(r)
		must.OK(t, err)
		if _, twice := found[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		found[name] = mode.String() + " " + string(text)
	}
	if filepath.Ext(path) == ".zip" {
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		must.OK(t, err)
		for _, f := range z.File {
			r, err := f.Open()
			must.OK(t, err)
			add(f.Name, f.Mode(), r)
			r.Close()
		}
		return found
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	must.OK(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		must.OK(t, err)
		add(h.Name, h.FileInfo().Mode(), r)
	}
}

func TestAnArchiveHoldsWhatWasPacked(t *testing.T) {
	program := filepath.Join(t.TempDir(), "built")
	must.OK(t, os.WriteFile(program, []byte("a program"), 0o600))
	files := []entry{{name: "tallyman", path: program, program: true}, {name: "LICENSE", data: []byte("a licence")}}
	want := map[string]string{"x/tallyman": "-rwxr-xr-x a program", "x/LICENSE": "-rw-r--r-- a licence"}
	for _, zipped := range []bool{false, true} {
		path := pack(filepath.Join(t.TempDir(), "x"), zipped, "x", time.Unix(1_700_000_000, 0), files)
		if got := unpack(t, path); !maps.Equal(got, want) {
			t.Errorf("%s holds %q, not %q", filepath.Base(path), got, want)
		}
	}
}

func TestOnlyAnEarlierReleaseIsRemoved(t *testing.T) {
	sum := strings.Repeat("0a", 32) + "  tallyman_1_linux_amd64.tar.gz\n"
	for _, c := range []struct {
		files   map[string]string
		removed bool
	}{
		{nil, true},
		{map[string]string{"SHA256SUMS": sum, "tallyman_1_linux_amd64.tar.gz": ""}, true},
		{map[string]string{"letter.txt": ""}, false},
		{map[string]string{"SHA256SUMS": sum, "letter.txt": ""}, false},
		{map[string]string{"SHA256SUMS": strings.Repeat("0a", 32) + "  letter.txt\n", "letter.txt": ""}, false},
	} {
		dir := t.TempDir()
		write(t, dir, c.files)
		err := load.Run(func() { clearOut(dir) })
		left, _ := os.ReadDir(dir)
		if (err == nil) != c.removed || !c.removed && len(left) != len(c.files) || c.removed && len(left) > 0 {
			t.Errorf("of %v %d are left, %v", c.files, len(left), err)
		}
	}
	clearOut(filepath.Join(t.TempDir(), "new"))
}

func TestASourceWithoutGitIsCopied(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	write(t, from, map[string]string{"go.mod": "m", "a/b.go": "b", "dist/old.zip": "z"})
	copySource(from, to)
	if names := sourceFiles(to); strings.Join(names, " ") != "a/b.go go.mod" {
		t.Errorf("%q were copied", names)
	}
}

func TestAToolchainIsNamed(t *testing.T) {
	r := release{source: t.TempDir()}
	write(t, r.source, map[string]string{"go.mod": "module x\n\ngo 1.26.0\n"})
	if err := load.Run(func() { r.toolchain() }); err == nil {
		t.Error("a go.mod without a toolchain is taken")
	}
}
