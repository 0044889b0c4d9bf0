// Package docs holds the documents, and the tests that they name only what exists.
package docs

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tallyman/internal/testing/must"
)

func text(t *testing.T, name string) string {
	t.Helper()
	return string(must.Read(t, name))
}

var (
	namedTest = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	namedCase = regexp.MustCompile(`\*([^*|]+)\*`)
)

func TestEveryTestOfTheGuaranteesExists(t *testing.T) {
	tests := map[string]string{} // the test files of a package
	of := func(pkg string) string {
		if _, ok := tests[pkg]; !ok {
			files, err := filepath.Glob("../internal/" + pkg + "/*_test.go")
			if len(files) == 0 && err == nil {
				files, err = filepath.Glob("../" + pkg + "/*_test.go")
			}
			if err != nil || len(files) == 0 {
				t.Errorf("the package %s has no tests (%v)", pkg, err)
			}
			for _, f := range files {
				tests[pkg] += text(t, f)
			}
		}
		return tests[pkg]
	}
	suites := text(t, "../internal/session/sessiontest/cases.go") + text(t, "../internal/blob/blobtest/blobtest.go") + text(t, "../internal/queue/queuetest/queuetest.go")
	n := 0
	for line := range strings.Lines(text(t, "guarantees.md")) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, m := range namedTest.FindAllStringSubmatch(line, -1) {
			n++
			if !strings.Contains(of(m[1]), "\nfunc "+m[2]+"(") {
				t.Errorf("there is no test %s in %s", m[2], m[1])
			}
		}
		for _, m := range namedCase.FindAllStringSubmatch(line, -1) {
			n++
			if !strings.Contains(suites, "{\""+m[1]+"\", ") {
				t.Errorf("no suite has the case %q", m[1])
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d tests and cases were found in the document", n)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEveryLinkHasATarget(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../*.md", "*.md", "*/*.md"} {
		found, err := filepath.Glob(pattern)
		must.OK(t, err)
		files = append(files, found...)
	}
	if len(files) < 8 {
		t.Fatalf("only these documents were found: %v", files)
	}
	for _, file := range files {
		for _, m := range link.FindAllStringSubmatch(text(t, file), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to, anchor, _ := strings.Cut(m[1], "#")
			at := file
			if to != "" {
				at = path.Join(path.Dir(filepath.ToSlash(file)), to)
			}
			if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s is not there", file, m[1])
			} else if anchor != "" && !hasHeading(text(t, at), anchor) {
				t.Errorf("%s: %s has no such heading", file, m[1])
			}
		}
	}
}

// hasHeading reports whether a document has a heading with that anchor, by GitHub's
// rules.
func hasHeading(doc, anchor string) bool {
	for line := range strings.Lines(doc) {
		if title := strings.TrimLeft(line, "#"); title != line {
			made := strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
					return unicode.ToLower(r)
				}
				return -1
			}, strings.TrimSpace(title))
			if made == anchor {
				return true
			}
		}
	}
	return false
}

// rooms returns all rooms of the module: folders with a package, and the packages of the module
// that each imports outside of its tests.
func rooms(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir("..", func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "testdata" || e.Name() == "node_modules" || strings.HasPrefix(e.Name(), ".") && file != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		name := short(strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../"))
		imports := all[name]
		if !strings.HasSuffix(file, "_test.go") {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, i := range f.Imports {
				if p, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "tallyman/"); ours && !slices.Contains(imports, short(p)) {
					imports = append(imports, short(p))
				}
			}
		}
		all[name] = imports
		return nil
	})
	must.OK(t, err)
	return all
}

// short is the path of a room in the documents, without internal.
func short(path string) string { return strings.TrimPrefix(path, "internal/") }

// tree returns the paths in README's tree, in their order. A row that is indented
// further than the one before it lies in that folder.
func tree(t *testing.T) (paths []string) {
	t.Helper()
	_, chapter, _ := strings.Cut(text(t, "../README.md"), "## How it is built")
	blocks := strings.Split(chapter, "```")
	if len(blocks) < 3 {
		t.Fatal("README has no tree of packages")
	}
	var above []string
	for line := range strings.Lines(strings.TrimPrefix(blocks[1], "\n")) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth > len(above) {
			t.Fatalf("the row %q of README's tree is indented too far", line)
		}
		above = append(above[:depth], name)
		paths = append(paths, strings.Join(above, "/"))
	}
	return paths
}

// implements says which interfaces of rooms above it a package implements, and may
// know therefore.
var implements = map[string][]string{
	"session/sqlite":   {"session", "queue"},
	"session/postgres": {"session", "queue", "keys", "bus"},
	"blob/files":       {"blob"},
	"blob/s3":          {"blob"},
	"blob/stores":      {"blob"},
}

// onlyForTests reports whether the product must not import a room, and the room may
// import what it likes.
func onlyForTests(room string) bool {
	return room == "release" || strings.HasPrefix(room, "testing/") || strings.HasPrefix(room, "bench/") || strings.HasSuffix(room, "test")
}

func TestTheTreeInREADMEIsThatOfThePackages(t *testing.T) {
	all := rooms(t)
	paths := tree(t)
	var order []string
	for _, path := range paths {
		order = append(order, short(path))
		if info, err := os.Stat("../" + path); err != nil || !info.IsDir() {
			t.Errorf("README's tree names %s, which is not there", path)
		}
	}
	for name := range all {
		if !slices.ContainsFunc(order, func(row string) bool {
			return row == name || row == "bench" && strings.HasPrefix(name, "bench/") || row == "docs/deploy" && strings.HasPrefix(name, "docs/deploy/")
		}) {
			t.Errorf("README's tree does not name %s", name)
		}
	}
	for i, name := range order {
		if onlyForTests(name) {
			continue
		}
		for _, to := range all[name] {
			if onlyForTests(to) {
				t.Errorf("%s imports %s, which is only for tests", name, to)
			}
			if !slices.Contains(order[i+1:], to) && !slices.Contains(implements[name], to) {
				t.Errorf("%s imports %s, which is not below it in README's tree", name, to)
			}
		}
	}
	entries, err := os.ReadDir("..")
	must.OK(t, err)
	visible := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "dist" || e.Name() == "tallyman" || e.Name() == "tallyman-data" {
			continue // settings, and what commands leave, which git ignores
		}
		visible++
		if e.IsDir() && !slices.ContainsFunc(paths, func(path string) bool { return path == e.Name() || strings.HasPrefix(path, e.Name()+"/") }) {
			t.Errorf("README's tree does not name the folder %s", e.Name())
		}
	}
	if visible >= 12 {
		t.Errorf("the top folder has %d entries; keep it under a dozen", visible)
	}
}

var quoted = regexp.MustCompile("`([a-z0-9/]+)`")

// What all may use is not in the table.
func TestTheTableOfRoomsSaysWhatEachUses(t *testing.T) {
	all := rooms(t)
	_, table, _ := strings.Cut(text(t, "architecture.md"), "| room | uses |")
	n := 0
	for line := range strings.Lines(table) {
		if strings.TrimSpace(line) == "" {
			break
		}
		cells := strings.Split(line, "|")
		names := quoted.FindAllStringSubmatch(cells[1], -1)
		if len(names) == 0 || strings.TrimSpace(cells[2]) == "everything" {
			continue
		}
		n++
		said, real := map[string]bool{}, map[string]bool{}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			said[m[1]] = true
		}
		for _, m := range names {
			if _, ok := all[m[1]]; !ok {
				t.Errorf("the room %s is not there", m[1])
			}
			for _, to := range all[m[1]] {
				if slices.Contains([]string{"fault", "atomicfile", "text", "magic", "span", "turn"}, to) {
					continue
				}
				real[to] = true
				if !said[to] {
					t.Errorf("the table does not say that %s uses %s", m[1], to)
				}
			}
		}
		for to := range said {
			if !real[to] {
				t.Errorf("the table says that %s uses %s, which it does not", strings.TrimSpace(cells[1]), to)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d rooms were found in the table", n)
	}
}
