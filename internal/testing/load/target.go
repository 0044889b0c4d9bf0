package load

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Target is a target of speed: a ratio to something that was measured beside it.
type Target struct {
	Work string
	// Value is what was measured, and Beside what beside it, with units.
	Value, Beside string
	Ratio, Limit  float64
	// AtLeast says that Ratio must be at least Limit; else it must be at most Limit.
	AtLeast bool
}

// Met reports whether the target is met.
func (t Target) Met() bool {
	if t.AtLeast {
		return t.Ratio >= t.Limit
	}
	return t.Ratio <= t.Limit
}

// PrintTargets prints a table of targets.
func PrintTargets(w io.Writer, targets []Target) {
	fmt.Fprintf(w, "\n%-46s %12s %14s %7s %9s\n", "target", "measured", "beside it", "ratio", "limit")
	for _, t := range targets {
		sign, verdict := "<=", "not met"
		if t.AtLeast {
			sign = ">="
		}
		if t.Met() {
			verdict = "met"
		}
		fmt.Fprintf(w, "%-46s %12s %14s %7.2f %9s %s\n", t.Work, t.Value, t.Beside, t.Ratio, fmt.Sprintf("%s %.2f", sign, t.Limit), verdict)
	}
}

// Card describes the machine, and how busy it is.
func Card() string {
	cpu := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			cpu = strings.TrimSpace(strings.TrimLeft(name, " \t:"))
			break
		}
	}
	s := fmt.Sprintf("%s, %d cores, %s/%s, %s, load %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), Busy())
	if out, err := exec.Command("pdftotext", "-v").CombinedOutput(); err == nil {
		version, _, _ := bytes.Cut(out, []byte("\n"))
		s += ", " + string(version)
	}
	return s
}

// Busy returns the machine's average loads over 1, 5 and 15 minutes: at 0 it is quiet.
func Busy() string {
	b, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(b)); err == nil && len(f) >= 3 {
		return strings.Join(f[:3], " ")
	}
	return "unknown"
}

// Median returns the median of values, of which there must be one.
func Median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
