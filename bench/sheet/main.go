// Sheet measures how fast load sheets are made, compared with Poppler's "pdftotext
// -layout" on the same file in the same run, and how time and memory grow with the
// number of pages. It prints medians, ratios, and which targets are met; only figures of
// a quiet machine count.
//
// Usage: go run ./bench/sheet [--runs N] [--scale] [--orders FILE] [BOL.pdf]
//
// Without a file it uses the real 86-page document if it is beside the checkout, else
// a sample of the same size. It needs pdftotext (Debian: poppler-utils) and, for
// memory, Linux.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

func main() {
	intake.RunIfWorker()
	runs := pflag.Int("runs", 15, "how often each is run")
	scale := pflag.Bool("scale", false, "also measure 860 and 8,600 pages")
	export := pflag.String("orders", "", "the order export of the document")
	pflag.Parse()
	load.Main("bench/sheet", func() { measure(max(1, *runs), *scale, pflag.Arg(0), *export) })
}

// The real document and its order export.
const (
	realPDF    = "../shared/testdata/midas-2025-07-10/bol.pdf"
	realOrders = "../shared/testdata/midas-2025-07-10/orders.csv"
)

func measure(runs int, scale bool, file, export string) {
	if _, err := exec.LookPath("pdftotext"); err != nil {
		load.Fail("pdftotext is missing; install Debian's poppler-utils: %w", err)
	}
	dir := load.Must(os.MkdirTemp("", "tallyman-bench-"))
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "tallyman")
	load.Check(program.Build(binary, program.Released))
	if file == "" {
		file, export = realPDF, realOrders
		if _, err := os.Stat(file); err != nil {
			file = generate(dir, 83)
			export = filepath.Join(filepath.Dir(file), sample.OrdersName)
		}
	}

	fmt.Printf("%s\n%s\n\n", load.Card(), file)
	once, end := engine(file)
	defer end()
	command := func(args ...string) func() cost {
		args = append(append([]string{"sheet", "-q", "-o", os.DevNull}, args...), file)
		return func() cost { return run(binary, args...) }
	}
	type work struct {
		name  string
		limit float64 // of the ratio, 0 if there is none
		run   func() cost
		costs []cost
	}
	works := []*work{
		{name: "pdftotext -layout", run: func() cost { return run("pdftotext", "-layout", file, os.DevNull) }},
		{name: "warm engine: read, reconcile, write CSV", run: once},
		{name: "tallyman sheet, warm cache", limit: 1, run: command()},
	}
	if export != "" {
		works = append(works, &work{name: "tallyman sheet --orders, warm cache", limit: 1.3, run: command("--orders", export)})
	}
	for _, w := range works {
		w.run() // warm up: caches, compiled code
	}
	for range runs {
		for _, w := range works {
			w.costs = append(w.costs, w.run())
		}
	}
	fmt.Printf("%-46s %9s %9s %9s\n", "median of "+strconv.Itoa(runs)+" runs", "wall ms", "cpu ms", "ratio")
	texts := works[0].costs
	var targets []load.Target
	for _, w := range works {
		r := ratio(w.costs, texts)
		fmt.Printf("%-46s %9.1f %9.1f %9.2f\n", w.name, median(w.costs, wall), median(w.costs, cpu), r)
		if w.limit > 0 {
			targets = append(targets, load.Target{Work: w.name, Limit: w.limit, Ratio: r,
				Value: millis(median(w.costs, wall)), Beside: millis(median(texts, wall))})
		}
	}
	if scale {
		more := growth(dir, binary)
		targets = append(targets, more...)
	}
	load.PrintTargets(os.Stdout, targets)
	fmt.Println("load at the end", load.Busy())
}

// growth measures the command on samples with 10 and 100 times the pages. Time and
// memory are measured in runs of their own, since watching the memory takes time.
func growth(dir, binary string) []load.Target {
	fmt.Printf("\n%-46s %9s %9s %9s %9s\n", "tallyman sheet --orders on samples", "wall ms", "cpu ms", "peak MB", "processes")
	var targets []load.Target
	var lastTime, lastPeak float64
	for _, bills := range []int{83, 830, 8300} {
		file := generate(dir, bills)
		args := []string{"sheet", "-q", "-o", os.DevNull, "--orders", filepath.Join(filepath.Dir(file), sample.OrdersName), file}
		var costs []cost
		for range 5 {
			costs = append(costs, run(binary, args...))
		}
		var most cost
		for range 3 {
			c := watched(binary, args...)
			if c.peak > most.peak {
				most = c
			}
		}
		t, m := median(costs, wall), float64(most.peak)/(1<<20)
		fmt.Printf("%-46s %9.0f %9.0f %9.0f %9d\n", fmt.Sprintf("%d bills", bills), t, median(costs, cpu), m, most.processes)
		if lastTime > 0 {
			name := fmt.Sprintf("10 times the pages, %d bills: ", bills)
			targets = append(targets,
				load.Target{Work: name + "time", Limit: 10.5, Ratio: t / lastTime, Value: millis(t), Beside: millis(lastTime)},
				load.Target{Work: name + "memory", Limit: 1.2, Ratio: m / lastPeak, Value: fmt.Sprintf("%.0f MB", m), Beside: fmt.Sprintf("%.0f MB", lastPeak)})
		}
		lastTime, lastPeak = t, m
	}
	return targets
}

func generate(dir string, bills int) string {
	s := load.Must(sample.New(sample.Options{Bills: bills, Lines: bills * 44 / 10, Seed: 1}))
	dir = filepath.Join(dir, strconv.Itoa(bills))
	load.Check(s.WriteDir(dir, true))
	return filepath.Join(dir, sample.PDFName)
}

// cost is the cost of one run.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // bytes of all processes together, counting shared pages once
	processes int   // at the peak
}

func wall(c cost) time.Duration { return c.wall }
func cpu(c cost) time.Duration  { return c.cpu }

// median returns the median of a time, in milliseconds.
func median(cs []cost, of func(cost) time.Duration) float64 {
	var all []float64
	for _, c := range cs {
		all = append(all, float64(of(c))/float64(time.Millisecond))
	}
	return load.Median(all)
}

// ratio is the median of the ratios run by run: a drift that affects both cancels out.
func ratio(as, bs []cost) float64 {
	var all []float64
	for i := range as {
		all = append(all, float64(as[i].wall)/float64(bs[i].wall))
	}
	return load.Median(all)
}

func millis(ms float64) string { return fmt.Sprintf("%.0f ms", ms) }

func run(name string, args ...string) cost { return start(nil, name, args...) }

// watched runs a program and watches the memory of its processes.
func watched(name string, args ...string) (c cost) {
	done := make(chan struct{})
	seen := make(chan cost)
	c = start(func(pid int) { go func() { seen <- watch(pid, done) }() }, name, args...)
	close(done)
	most := <-seen
	c.peak, c.processes = most.peak, most.processes
	return c
}

// start runs a program, and calls a function with its process ID.
func start(started func(pid int), name string, args ...string) (c cost) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	load.Check(cmd.Start())
	if started != nil {
		started(cmd.Process.Pid)
	}
	err := cmd.Wait()
	c.wall = max(1, time.Since(began))
	if err != nil {
		load.Fail("%s: %w: %s", name, err, stderr.Bytes())
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return c
}

// watch returns the highest memory of a process and its children together.
func watch(pid int, done chan struct{}) (most cost) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return most
		case <-tick.C:
			now := cost{peak: pss(pid), processes: 1}
			children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
			for _, f := range children {
				list, _ := os.ReadFile(f)
				for _, child := range strings.Fields(string(list)) {
					if starting(child) {
						continue
					}
					n, _ := strconv.Atoi(child)
					now.peak += pss(n)
					now.processes++
				}
			}
			if now.peak > most.peak {
				most = now
			}
		}
	}
}

// starting reports whether a process is still the copy of its parent, whose memory it shows
// as its own.
func starting(pid string) bool {
	const forked = 0x40 // PF_FORKNOEXEC of Linux
	b, _ := os.ReadFile("/proc/" + pid + "/stat")
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 7 {
		return true // it has ended
	}
	flags, _ := strconv.Atoi(f[6])
	return flags&forked != 0
}

// pss is a process's proportional set size in bytes, 0 if it is unknown.
func pss(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// engine returns a function that makes a sheet with a warm reader, like the service's, and one
// that ends the reader.
func engine(name string) (once func() cost, end func()) {
	f := load.Must(os.Open(name))
	files := []intake.File{{Name: name, ReaderAt: f, Size: load.Must(f.Stat()).Size()}}
	reader := intake.New(intake.Config{})
	once = func() cost {
		start := time.Now()
		doc := load.Must(reader.Bills(context.Background(), files, nil))
		load.Check(sheet.WriteCSV(io.Discard, sheet.Make(doc, nil)))
		return cost{wall: time.Since(start)}
	}
	return once, func() {
		reader.Close()
		f.Close()
	}
}
