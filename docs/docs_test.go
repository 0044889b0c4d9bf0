// Package docs holds the documents, and the test that they do not name what is not
// there.
package docs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	namedTest = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	namedCase = regexp.MustCompile(`\*([^*|]+)\*`)
)

func TestEveryTestOfTheGuaranteesIsThere(t *testing.T) {
	tests := map[string]string{} // the test files of a package
	of := func(pkg string) string {
		if _, ok := tests[pkg]; !ok {
			files, err := filepath.Glob("../" + pkg + "/*_test.go")
			if err != nil || len(files) == 0 {
				t.Errorf("the package %s has no tests (%v)", pkg, err)
			}
			for _, f := range files {
				tests[pkg] += text(t, f)
			}
		}
		return tests[pkg]
	}
	suites := text(t, "../storetest/cases.go") + text(t, "../storetest/blobs.go")
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

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../*.md", "*.md", "../deploy/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
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

// hasHeading reports whether a document has a heading with that anchor, as GitHub
// makes them.
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
