// Sheet measures how fast load sheets are made, compared with Poppler's "pdftotext
// -layout" on the same file in the same run, and how time and memory grow with the
// number of pages. It prints medians and ratios, without a verdict.
//
// Usage: go run ./bench/sheet [--runs N] [--scale] [BOL.pdf]
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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/program"
)

func main() {
	intake.RunIfWorker()
	runs := pflag.Int("runs", 15, "how often each is run")
	scale := pflag.Bool("scale", false, "also measure 860 and 8,600 pages")
	pflag.Parse()
	if err := measure(*runs, *scale, pflag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const realPDF = "../shared/testdata/midas-2025-07-10/bol.pdf"

func measure(runs int, scale bool, file string) error {
	if _, err := exec.LookPath("pdftotext"); err != nil {
		return fmt.Errorf("pdftotext is missing; install Debian's poppler-utils: %w", err)
	}
	dir, err := os.MkdirTemp("", "tallyman-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "tallyman")
	if err := program.Build(binary, program.Released); err != nil {
		return err
	}
	if file == "" {
		file = realPDF
		if _, err := os.Stat(file); err != nil {
			if file, err = generate(dir, 83); err != nil {
				return err
			}
		}
	}

	fmt.Printf("%s\n\n", file)
	engine, err := newEngine(file)
	if err != nil {
		return err
	}
	defer engine.close()
	text := func() (cost, error) { return run("pdftotext", "-layout", file, os.DevNull) }
	command := func() (cost, error) { return run(binary, "sheet", "-q", "-o", os.DevNull, file) }
	for _, f := range []func() (cost, error){text, engine.once, command} {
		if _, err := f(); err != nil { // warm up: caches, compiled code
			return err
		}
	}
	var texts, engines, commands []cost
	for range runs {
		for _, m := range []struct {
			f  func() (cost, error)
			to *[]cost
		}{{text, &texts}, {engine.once, &engines}, {command, &commands}} {
			c, err := m.f()
			if err != nil {
				return err
			}
			*m.to = append(*m.to, c)
		}
	}
	fmt.Printf("%-42s %9s %9s %9s\n", "median of "+strconv.Itoa(runs)+" runs", "wall ms", "cpu ms", "ratio")
	line := func(name string, cs []cost) {
		fmt.Printf("%-42s %9.1f %9.1f %9.2f\n", name, ms(median(cs, wall)), ms(median(cs, cpu)), medianRatio(cs, texts))
	}
	line("pdftotext -layout", texts)
	line("warm engine: read, reconcile, write CSV", engines)
	line("tallyman sheet, warm cache", commands)
	if !scale {
		return nil
	}
	return growth(dir, binary)
}

// growth measures the command on samples with 10 and 100 times the pages.
func growth(dir, binary string) error {
	fmt.Printf("\n%-42s %9s %9s %9s %9s\n", "tallyman sheet on samples", "wall ms", "x before", "peak MB", "x before")
	var before cost
	for _, bills := range []int{83, 830, 8300} {
		file, err := generate(dir, bills)
		if err != nil {
			return err
		}
		var cs []cost
		for range 3 {
			c, err := run(binary, "sheet", "-q", "-o", os.DevNull, "--orders", filepath.Join(filepath.Dir(file), sample.OrdersName), file)
			if err != nil {
				return err
			}
			cs = append(cs, c)
		}
		c := cost{wall: median(cs, wall), peak: slices.MaxFunc(cs, func(a, b cost) int { return int(a.peak - b.peak) }).peak}
		fmt.Printf("%-42s %9.0f", fmt.Sprintf("%d bills", bills), ms(c.wall))
		if before.wall > 0 {
			fmt.Printf(" %9.2f %9d %9.2f\n", float64(c.wall)/float64(before.wall), c.peak>>20, float64(c.peak)/float64(before.peak))
		} else {
			fmt.Printf(" %9s %9d\n", "", c.peak>>20)
		}
		before = c
	}
	return nil
}

func generate(dir string, bills int) (string, error) {
	s, err := sample.New(sample.Options{Bills: bills, Lines: bills * 44 / 10, Seed: 1})
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, strconv.Itoa(bills))
	return filepath.Join(dir, sample.PDFName), s.WriteDir(dir, true)
}

// cost is the cost of one run.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // bytes of all processes together, counting shared pages once
}

func wall(c cost) time.Duration { return c.wall }
func cpu(c cost) time.Duration  { return c.cpu }

func median(cs []cost, of func(cost) time.Duration) time.Duration {
	var ds []time.Duration
	for _, c := range cs {
		ds = append(ds, of(c))
	}
	slices.Sort(ds)
	return ds[len(ds)/2]
}

// medianRatio is the median of the ratios run by run: a drift that affects both
// cancels out.
func medianRatio(as, bs []cost) float64 {
	var rs []float64
	for i := range as {
		rs = append(rs, float64(as[i].wall)/float64(bs[i].wall))
	}
	slices.Sort(rs)
	return rs[len(rs)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func run(name string, args ...string) (cost, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	done := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watch(cmd.Process.Pid, done) }()
	err := cmd.Wait()
	c := cost{wall: time.Since(start)}
	close(done)
	c.peak = <-peak
	if err != nil {
		return c, fmt.Errorf("%s: %w: %s", name, err, stderr.Bytes())
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return c, nil
}

// watch returns the highest memory of a process and its children together.
func watch(pid int, done chan struct{}) (peak int64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return peak
		case <-tick.C:
			total := pss(pid)
			children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
			for _, f := range children {
				list, _ := os.ReadFile(f)
				for _, child := range strings.Fields(string(list)) {
					n, _ := strconv.Atoi(child)
					total += pss(n)
				}
			}
			peak = max(peak, total)
		}
	}
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

// engine is a warm reader, like the service's.
type engine struct {
	reader *intake.Reader
	file   intake.File
	close  func()
}

func newEngine(name string) (*engine, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	e := &engine{reader: intake.New(intake.Config{}), file: intake.File{Name: name, ReaderAt: f, Size: info.Size()}}
	e.close = func() {
		e.reader.Close()
		f.Close()
	}
	return e, nil
}

func (e *engine) once() (cost, error) {
	start := time.Now()
	doc, err := e.reader.Bills(context.Background(), []intake.File{e.file}, nil)
	if err != nil {
		return cost{}, err
	}
	if err := sheet.WriteCSV(io.Discard, sheet.Make(doc, nil)); err != nil {
		return cost{}, err
	}
	return cost{wall: time.Since(start)}, nil
}
