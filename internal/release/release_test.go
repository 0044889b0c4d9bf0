package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The same source in two folders makes the same binary, which has its version, is
// static, and comes with the licence of everything in it.
func TestABuildDependsOnItsSourceAlone(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	target := target{"linux", runtime.GOARCH}
	var made [2][]byte
	var binary string
	for i, folder := range []string{"a", "another/deeper/place"} {
		dir := t.TempDir()
		r := release{source: filepath.Join(dir, folder), version: "1.2.3", revision: "abc"}
		if err := copySource(root, r.source); err != nil {
			t.Fatal(err)
		}
		if _, err := r.toolchain(); err != nil {
			t.Fatal(err)
		}
		binary = filepath.Join(dir, "tallyman")
		if err := r.compile(t.Context(), target, binary); err != nil {
			t.Fatal(err)
		}
		if made[i], err = os.ReadFile(binary); err != nil {
			t.Fatal(err)
		}
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
	r := release{source: root, version: "1.2.3"}
	if _, err := r.toolchain(); err != nil {
		t.Fatal(err)
	}
	text, err := r.licences(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := r.linked(t.Context(), binary)
	if err != nil || len(modules) < 30 {
		t.Fatalf("%d modules, %v", len(modules), err)
	}
	for _, m := range modules {
		if !strings.Contains(string(text), "\n"+m.String()+"\n") {
			t.Errorf("the licence of %s is missing", m)
		}
	}
	for _, of := range []string{"chart.js 4", "PDFium, as in", "SQLite, as in", "the Go standard library"} {
		if !strings.Contains(string(text), of) {
			t.Errorf("there is nothing of %s", of)
		}
	}
}

func TestArchivesDependOnNothingButWhatIsInThem(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	files := []entry{{name: "b", data: []byte("two")}, {name: "a", data: []byte("one"), program: true}}
	for _, zipped := range []bool{false, true} {
		var made [2][]byte
		for i, order := range [][]entry{files, {files[1], files[0]}} {
			path, err := pack(filepath.Join(t.TempDir(), "x"), zipped, "x", at, order)
			if err != nil {
				t.Fatal(err)
			}
			if made[i], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(made[0], made[1]) || len(made[0]) == 0 {
			t.Errorf("two archives of the same files differ (zip: %v)", zipped)
		}
	}
}

func TestAToolchainIsNamed(t *testing.T) {
	r := release{source: t.TempDir()}
	if err := os.WriteFile(filepath.Join(r.source, "go.mod"), []byte("module x\n\ngo 1.26.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.toolchain(); err == nil {
		t.Error("a go.mod without a toolchain is taken")
	}
}
