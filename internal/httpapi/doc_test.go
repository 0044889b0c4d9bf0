package httpapi

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// tableRows returns the rows of the tables under a heading of docs/api.md, each as
// its cells.
func tableRows(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	b := must.Read(t, "../../docs/api.md")
	_, text, found := strings.Cut(string(b), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/api.md has no part called %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.Split(strings.Trim(line, "|"), "|"))
		}
	}
	return rows
}

var quoted = regexp.MustCompile("`([^`]+)`")

// quotedIn returns the texts between backquotes.
func quotedIn(cell string) (all []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestTheManualNamesEveryCodeWithItsStatus(t *testing.T) {
	written := map[fault.Code]bool{}
	for _, row := range tableRows(t, "Errors") {
		for _, name := range quotedIn(row[0]) {
			code := fault.Code(name)
			if written[code] {
				t.Errorf("%s is there twice", code)
			}
			written[code] = true
			want, known := statuses[code]
			if !known || code == fault.Cancelled {
				t.Errorf("no route answers with %s", code)
			} else if got := strings.TrimSpace(row[1]); got != strconv.Itoa(want) {
				t.Errorf("%s has the status %s, want %d", code, got, want)
			}
		}
	}
	for code := range statuses {
		if !written[code] && code != fault.Cancelled { // no client receives it
			t.Errorf("%s is missing", code)
		}
	}
}

func TestTheManualNamesEveryRoute(t *testing.T) {
	written := map[string]bool{}
	for _, row := range tableRows(t, "Routes") {
		for _, name := range quotedIn(row[0]) {
			if written[name] {
				t.Errorf("%s is there twice", name)
			}
			written[name] = true
			if open := strings.Contains(row[1], "*open*"); open != isPublic(name) {
				t.Errorf("%s is marked as open: %v", name, open)
			}
		}
	}
	for _, rt := range routes() {
		for _, m := range rt.methods {
			name := m + " " + rt.path
			if !written[name] {
				t.Errorf("%s is missing", name)
			}
			delete(written, name)
		}
	}
	for name := range written {
		t.Errorf("there is no route %s", name)
	}
}

// isPublic reports whether a route, given as "GET /path", needs no key.
func isPublic(name string) bool {
	_, path, _ := strings.Cut(name, " ")
	for _, rt := range routes() {
		if rt.path == path {
			return rt.public
		}
	}
	return false
}
