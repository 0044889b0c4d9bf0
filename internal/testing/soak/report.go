package soak

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/internal/testing/load"
)

// Report is the result of a run. It is safe for concurrent use.
type Report struct {
	// Out receives violations as they happen; nil means no output.
	Out io.Writer

	began      time.Time
	operations load.Counts
	faults     load.Counts
	answers    load.Counts // 4xx and 5xx by status and code
	counts     load.Counts
	many       atomic.Int64 // violations in all

	mu         sync.Mutex
	violations []string
	figures    []figure
}

// figure is a line of the summary.
type figure struct{ name, value string }

// The counts that must be 0.
const (
	leakedFiles      = "leaked files"
	leakedProcesses  = "leaked processes"
	leakedGoroutines = "leaked goroutines"
	leakedFDs        = "leaked file descriptors"
	grown            = "memory that grew"
	unpromised       = "unpromised answers" // 5xx, errors that are not JSON, answers that no state explains
	hangs            = "hangs"
	panics           = "panics and internal errors in the log"
)

// promises are the counts that must be 0, in the order of the summary.
var promises = []string{
	contaminated, lost, wrong, leakedFiles, leakedProcesses, leakedGoroutines, leakedFDs, grown, unpromised, hangs, panics,
}

func newReport(out io.Writer) *Report { return &Report{Out: out, began: time.Now()} }

func (r *Report) operation(name string) { r.operations.Add(name, 1) }
func (r *Report) fault(name string)     { r.faults.Add(name, 1) }
func (r *Report) answer(name string)    { r.answers.Add(name, 1) }
func (r *Report) count(name string)     { r.counts.Add(name, 1) }

// most bounds the number of violations that are kept and printed.
const most = 200

// violated counts a violation. what is one of promises, and the sentence says what
// was done and what happened.
func (r *Report) violated(what, format string, args ...any) { r.violatedBy(what, 1, format, args...) }

func (r *Report) violatedBy(what string, n int, format string, args ...any) {
	r.counts.Add(what, n)
	r.many.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.violations) >= most {
		return
	}
	line := fmt.Sprintf("%v after the start: %s: %s", time.Since(r.began).Round(time.Millisecond), what, fmt.Sprintf(format, args...))
	r.violations = append(r.violations, line)
	if r.Out != nil {
		fmt.Fprintln(r.Out, "VIOLATION", line)
	}
}

func (r *Report) figure(name, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.figures = append(r.figures, figure{name, fmt.Sprintf(format, args...)})
}

// Violations returns sentences about violations, the first ones if there are many.
func (r *Report) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}

// Count returns the count of one of the summary's names.
func (r *Report) Count(name string) int {
	return cmp.Or(r.counts.Get(name), r.faults.Get(name), r.operations.Get(name), r.answers.Get(name))
}

// Operations is the total number of operations.
func (r *Report) Operations() int { return r.operations.Sum() }

// Faults is the total number of faults.
func (r *Report) Faults() int { return r.faults.Sum() }

// line describes the progress in a few words.
func (r *Report) line() string {
	return fmt.Sprintf("%d operations, %d faults, contaminated %d, lost %d, violations %d",
		r.Operations(), r.Faults(), r.Count(contaminated), r.Count(lost), r.many.Load())
}

// Write writes the summary.
func (r *Report) Write(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	section := func(title string, m map[string]int) {
		if len(m) == 0 {
			return
		}
		fmt.Fprintf(w, "\n%s\n", title)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(w, "  %-52s %9d\n", name, m[name])
		}
	}
	fmt.Fprintf(w, "%-54s %9d\n", "operations", r.Operations())
	fmt.Fprintf(w, "%-54s %9d\n", "faults", r.Faults())
	others := r.counts.All()
	for _, name := range promises {
		fmt.Fprintf(w, "%-54s %9d\n", name, others[name])
		delete(others, name)
	}
	fmt.Fprintln(w)
	for _, f := range r.figures {
		fmt.Fprintf(w, "%-54s %s\n", f.name, f.value)
	}
	section("operations", r.operations.All())
	section("faults", r.faults.All())
	section("answers that were not 200", r.answers.All())
	section("beside that", others)
	if many := r.many.Load(); many > 0 {
		fmt.Fprintf(w, "\n%d violations; the first of them:\n  %s\n", many, strings.Join(r.violations[:min(len(r.violations), 20)], "\n  "))
	}
}
