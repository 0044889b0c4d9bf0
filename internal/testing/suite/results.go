package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// event is a line of "go test -json"; "go doc test2json" describes it.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of a build
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

// name is a test, or a package if test is empty.
type name struct{ pkg, test string }

func (n name) String() string {
	return strings.TrimSpace(strings.TrimPrefix(n.pkg, module) + " " + n.test)
}

// row is the result of a package.
type row struct {
	pkg, with string
	verdict   string // ok, FAIL
	took      time.Duration
	tests     int
}

// skipped is a test that did not run.
type skipped struct {
	name
	why string
}

// timedTest is a test with its time.
type timedTest struct {
	name
	took time.Duration
}

// results collects the results of tests. It is safe for concurrent use.
type results struct {
	mu    sync.Mutex
	to    io.Writer
	rows  []row
	tests []timedTest
	skips []skipped
	fails []name
}

func newResults(to io.Writer) *results { return &results{to: to} }

// mostOutput bounds the kept output of one test, in lines: the last ones.
const mostOutput = 5000

// read reads the events of one run of go test and shows the output of failing tests and
// builds. with names what is special about the run, such as "race".
func (r *results) read(from io.Reader, with string) error {
	said := map[name][]string{} // of each test that has not passed
	builds := map[string][]string{}
	counts := map[string]int{}
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				r.say("%s", line) // of the Go tool itself
			} else {
				r.take(e, with, said, builds, counts)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *results) take(e event, with string, said map[name][]string, builds map[string][]string, counts map[string]int) {
	n := name{e.Package, e.Test}
	took := time.Duration(e.Elapsed * float64(time.Second))
	switch e.Action {
	case "build-output":
		builds[e.ImportPath] = append(builds[e.ImportPath], e.Output)
	case "build-fail":
		r.say("%s", strings.Join(builds[e.ImportPath], ""))
		delete(builds, e.ImportPath)
	case "output":
		said[n] = append(said[n], e.Output)
		if over := len(said[n]) - mostOutput; over > 1000 {
			said[n] = slices.Delete(said[n], 0, over)
		}
	case "pass", "skip", "fail":
		if e.Test != "" {
			counts[e.Package]++
			r.ended(e.Action, n, took, said[n])
			if e.Action != "fail" {
				delete(said, n)
			}
			return
		}
		verdict := "ok"
		if e.Action == "fail" {
			verdict = "FAIL"
			r.failure(n, said)
		} else if e.Action == "skip" {
			return // it has no tests
		}
		for other := range said {
			if other.pkg == e.Package {
				delete(said, other)
			}
		}
		r.say("%s\t%s\t%.3fs\n", fmt.Sprintf("%-4s", verdict), e.Package, e.Elapsed)
		r.mu.Lock()
		r.rows = append(r.rows, row{strings.TrimPrefix(e.Package, module), with, verdict, took, counts[e.Package]})
		r.mu.Unlock()
	}
}

var notWhy = regexp.MustCompile(`^\s*(===|---)`)

// ended records the end of a test.
func (r *results) ended(action string, n name, took time.Duration, said []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tests = append(r.tests, timedTest{n, took})
	switch action {
	case "skip":
		why := ""
		for _, line := range said {
			if !notWhy.MatchString(line) {
				why = strings.TrimSpace(line)
			}
		}
		r.skips = append(r.skips, skipped{n, why})
	case "fail":
		r.fails = append(r.fails, n)
	}
}

// failure shows the output of a package and of its failed tests. A test that neither
// passed nor failed was running when the package ended.
func (r *results) failure(pkg name, said map[name][]string) {
	var of []name
	for n := range said {
		if n.pkg == pkg.pkg {
			of = append(of, n)
		}
	}
	slices.SortFunc(of, func(a, b name) int { return cmp.Compare(a.test, b.test) })
	var b strings.Builder
	for _, n := range of {
		for _, line := range said[n] {
			if !strings.HasPrefix(line, "=== ") {
				b.WriteString(line)
			}
		}
	}
	r.say("%s", b.String())
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.ContainsFunc(r.fails, func(n name) bool { return n.pkg == pkg.pkg }) {
		r.fails = append(r.fails, pkg)
	}
}

func (r *results) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.to, format, args...)
}

// skip records a package or a check that was not run.
func (r *results) skip(what, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skips = append(r.skips, skipped{name{pkg: what}, why})
}

// timed records the time of a check that is not a test, and whether it failed.
func (r *results) timed(what string, check func() error) error {
	began := time.Now()
	err := check()
	row := row{pkg: what, verdict: "ok", took: time.Since(began)}
	if err != nil {
		row.verdict = "FAIL"
	}
	r.say("%-4s\t%s\t%.3fs\n", row.verdict, what, row.took.Seconds())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
	return err
}

// failed reports whether a test or a package failed.
func (r *results) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.fails) > 0
}

// slowest is the number of the slowest tests that are shown.
const slowest = 10

// close prints the table, and reports whether everything passed. err is an error
// outside of the tests.
func (r *results) close(took time.Duration, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		fmt.Fprintf(r.to, "\ntest: %v\n", err)
	}
	p := func(format string, args ...any) { fmt.Fprintf(r.to, format, args...) }
	p("\n%10s  %5s  %s\n", "time", "tests", "package")
	slices.SortStableFunc(r.rows, func(a, b row) int { return cmp.Compare(b.took, a.took) })
	n := 0
	for _, row := range r.rows {
		n += row.tests
		note := row.with
		if row.verdict != "ok" {
			note += " " + row.verdict
		}
		p("%8.1f s  %5d  %s\n", row.took.Seconds(), row.tests, strings.TrimSpace(row.pkg+"  "+strings.TrimSpace(note)))
	}
	// A test takes at least as long as its subtests.
	inner := map[name]bool{}
	for _, t := range r.tests {
		if i := strings.LastIndexByte(t.test, '/'); i >= 0 {
			inner[name{t.pkg, t.test[:i]}] = true
		}
	}
	slices.SortStableFunc(r.tests, func(a, b timedTest) int { return cmp.Compare(b.took, a.took) })
	p("%10s  %5s  slowest tests\n", "", "")
	shown := 0
	for _, t := range r.tests {
		if !inner[t.name] && shown < slowest {
			shown++
			p("%8.1f s  %5s  %v\n", t.took.Seconds(), "", t.name)
		}
	}
	if len(r.skips) > 0 {
		p("%10s  %5s  skipped\n", "", "")
	}
	for _, s := range r.skips {
		p("%10s  %5s  %v: %s\n", "", "", s.name, s.why)
	}
	if len(r.fails) > 0 {
		p("%10s  %5s  failed\n", "", "")
	}
	for _, f := range r.fails {
		p("%10s  %5s  %v\n", "", "", f)
	}
	p("%8.1f s  %5d  all, %d failed, %d skipped\n\n", took.Seconds(), n, len(r.fails), len(r.skips))
	if err != nil || len(r.fails) > 0 {
		p("FAIL\nFAIL\ttallyman\t%.3fs\n", took.Seconds())
		return false
	}
	p("PASS\nok  \ttallyman\t%.3fs\n", took.Seconds())
	return true
}
