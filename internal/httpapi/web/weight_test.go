package web

import (
	"regexp"
	"testing"
)

// mostOfFirstVisit is what a browser loads at most before the page can be used, in bytes as
// they are sent.
const mostOfFirstVisit = 100_000

var (
	named    = regexp.MustCompile(`(?:href|src)="static/[0-9a-f]+/([^"]+)"`)
	imported = regexp.MustCompile(`(?m)^(?:import|export) (?:[^;"]* from )?"\./([^"]+)"`)
)

// firstVisit returns the names of what the page loads until it can be used: what it names,
// and what its modules import. Modules that are imported when something is first done come
// later.
func firstVisit(t *testing.T) map[string]int {
	t.Helper()
	sizes := map[string]int{}
	var load func(name string)
	load = func(name string) {
		if _, again := sizes[name]; again {
			return
		}
		p, ok := Find(name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		sizes[name] = len(p.Plain)
		if p.Gzip != nil {
			sizes[name] = len(p.Gzip)
		}
		pattern := imported
		if name == "index.html" {
			pattern = named
		}
		for _, m := range pattern.FindAllStringSubmatch(string(p.Plain), -1) {
			load(m[1])
		}
	}
	load("index.html")
	return sizes
}

func TestTheFirstVisitIsSmall(t *testing.T) {
	sizes := firstVisit(t)
	for _, must := range []string{"app.js", "words.js", "style.css", "theme.js", "icon.svg"} {
		if sizes[must] == 0 {
			t.Errorf("%s is not counted: %v", must, sizes)
		}
	}
	for _, later := range []string{"es.js", "views.js", "chart.umd.min.js", "grid.js", "inspect.js", "amend.js", "teach.js"} {
		if _, first := sizes[later]; first {
			t.Errorf("%s is loaded before somebody needs it", later)
		}
	}
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	if sum > mostOfFirstVisit {
		t.Errorf("the first visit loads %d bytes, more than %d: %v", sum, mostOfFirstVisit, sizes)
	}
	t.Logf("%d bytes in %d files", sum, len(sizes))
}
