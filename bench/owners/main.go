// Owners measures what one owner can do to another, and what a server does when all come
// for more memory than it has.
//
// Two owners (the default): A does its worst in every way for which there is a limit of one
// owner, while B works as usual. It prints B's latency quiet and beside A, and what was
// refused to B, which must be nothing.
//
// --limit gives the server and its workers a control group of so many MB (cgroup v1,
// Linux, root), and has A do its worst in the ways that need memory. It prints the peak,
// whether anything was killed for lack of memory, the answers, whether a Retry-After was
// true, and the memory afterwards.
//
//	go run ./bench/owners [--time 5m] [--quiet 1m]
//	go run ./bench/owners --limit 2048 [--time 2m]
//
// Clients and server share the processors of this machine.
package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/testing/child"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

func main() {
	long := pflag.Duration("time", 5*time.Minute, "how long A does its worst")
	quiet := pflag.Duration("quiet", time.Minute, "how long B is measured alone")
	limit := pflag.Int("limit", 0, "give the server so many `MB` of memory, and have A come for more")
	only := pflag.StringSlice("only", nil, "have A do only what is `NAMED` so")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if url, key, is := strings.Cut(os.Getenv(asA), " "); is {
		if err := newOwner(url, key).harm(ctx, *long, *only); err != nil {
			fmt.Fprintln(os.Stderr, "bench/owners: A:", err)
			os.Exit(2)
		}
		return
	}
	ok, err := run(ctx, *long, *quiet, *limit)
	program.Forget()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench/owners:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

func run(ctx context.Context, long, quiet time.Duration, limit int) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "tallyman-owners-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	built, err := program.Path()
	if err != nil {
		return false, err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return false, err
	}
	var secrets []string
	for _, name := range []session.Owner{"a", "b", "watch"} {
		secret, err := keys.Open(data).Add(ctx, keys.Key{Name: name, Admin: name == "watch"})
		if err != nil {
			return false, err
		}
		secrets = append(secrets, secret)
	}
	s := program.New(built, "--data", data, "--cache", filepath.Join(dir, "cache"))
	s.Env = []string{"TMPDIR=" + dir}
	var killed atomic.Int64
	s.Heard = func(line string) {
		if strings.Contains(line, `"code":"internal"`) || strings.Contains(line, "panic") {
			fmt.Println("the server logs", line)
			killed.Add(1)
		}
	}
	var group *group
	if limit > 0 {
		if group, err = newGroup(limit); err != nil {
			return false, err
		}
		defer group.remove()
		s.Program = group.wrap(built, dir)
	}
	if err := s.Start(); err != nil {
		return false, err
	}
	defer s.End(0)
	a := newOwner(s.URL(), secrets[0])
	b := newOwner(s.URL(), secrets[1])
	files, err := newFiles()
	if err != nil {
		return false, err
	}
	fmt.Printf("%d processors, %s; documents of %d kB (86 pages) and %d kB (1 page)\n\n", runtime.NumCPU(), runtime.Version(), len(files.Usual.Bills)>>10, len(files.Small.Bills)>>10)
	if err := b.prepare(ctx, files); err != nil {
		return false, err
	}
	if err := a.fill(ctx, files); err != nil {
		return false, err
	}
	alone := b.work(ctx, files, quiet)
	before, _ := load.Memory(s.PID())

	attack, end := context.WithTimeout(ctx, long)
	defer end()
	// A is another process, so that B does not wait for it in this one.
	exe, err := os.Executable()
	if err != nil {
		return false, err
	}
	other := exec.CommandContext(attack, exe, os.Args[1:]...)
	other.Env = append(os.Environ(), asA+"="+s.URL()+" "+secrets[0])
	other.Cancel, other.WaitDelay = func() error { return os.ErrProcessDone }, time.Minute // it ends by itself
	var send bytes.Buffer
	if err := gob.NewEncoder(&send).Encode(files); err != nil {
		return false, err
	}
	other.Stdin, other.Stderr = &send, os.Stderr
	said, err := other.StdoutPipe()
	if err != nil {
		return false, err
	}
	if _, err := child.Start(other, syscall.SIGKILL, func() error { return nil }); err != nil {
		return false, err
	}
	if _, err := said.Read(make([]byte, 1)); err != nil { // it begins
		return false, err
	}
	peak := load.Peak(s.PID())
	beside := b.work(attack, files, long)
	words, _ := io.ReadAll(said)
	if err := other.Wait(); err != nil {
		return false, err
	}
	most := peak()
	if s.Fell() {
		return false, fmt.Errorf("the server ended: %s", s.How())
	}
	ok = compare(alone, beside) && killed.Load() == 0
	os.Stdout.Write(words)
	b.answers.print("what B was answered")
	if refused := b.answers.refused(); refused > 0 {
		fmt.Printf("\n%d requests of B were refused\n", refused)
		ok = limit > 0 && ok // memory may be short for everybody
	}
	if n := b.untrue.Load(); n > 0 {
		fmt.Printf("%d answers 503 to B had no Retry-After\n", n)
		ok = false
	}
	// Sheets and documents are kept for a minute or so; then memory goes back.
	for range 12 {
		if group == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(5 * time.Second)
	}
	after, _ := load.Memory(s.PID())
	fmt.Printf("\nmemory of the server and its workers: %.0f MB before, %.0f MB at most, %.0f MB after\n", before, most, after)
	if group != nil {
		kills, max := group.outcome()
		fmt.Printf("control group of %d MB: %d MB at most, %d processes killed for lack of memory\n", limit, max, kills)
		ok = ok && kills == 0
	}
	return ok, nil
}

// asA is set in the environment of the process that is A.
const asA = "TALLYMAN_OWNERS_A"

// harm does its worst for a time, and prints what it was answered.
func (o *owner) harm(ctx context.Context, long time.Duration, only []string) error {
	var files files
	if err := gob.NewDecoder(os.Stdin).Decode(&files); err != nil {
		return err
	}
	if err := o.look(ctx); err != nil {
		return err
	}
	os.Stdout.WriteString("\n")
	ctx, end := context.WithTimeout(ctx, long)
	defer end()
	var all sync.WaitGroup
	for _, w := range o.ways(files) {
		if len(only) > 0 && !slices.Contains(only, w.name) {
			continue
		}
		for i := range w.clients {
			all.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					w.do(ctx, i, n)
				}
			})
		}
	}
	all.Wait()
	o.answers.print("what A was answered")
	fmt.Printf("  %d answers 503 had no Retry-After; A came again after the time of one %d times, and was served %d times\n", o.untrue.Load(), o.again.Load(), o.served.Load())
	return nil
}

// compare prints the latencies, and reports whether all of them are at most doubled.
func compare(alone, beside *latencies) bool {
	ok := true
	fmt.Printf("%-48s %22s %22s %9s\n", "B's requests: median and 95 % in ms (number)", "quiet", "beside A", "ratio")
	for _, kind := range alone.order {
		q, s := alone.of[kind], beside.of[kind]
		if len(s) == 0 {
			fmt.Printf("%-48s %22s %22s\n", kind, describe(q), "none")
			ok = false
			continue
		}
		ratio := at(s, 50) / at(q, 50)
		mark := ""
		if ratio > 2 {
			mark, ok = " more than twice", false
		}
		fmt.Printf("%-48s %22s %22s %8.1f%s\n", kind, describe(q), describe(s), ratio, mark)
	}
	return ok
}

// describe gives the median and the 95th percentile.
func describe(l []float64) string {
	return fmt.Sprintf("%.1f  %.1f (%d)", at(l, 50), at(l, 95), len(l))
}

// at is a percentile of latencies.
func at(l []float64, percent int) float64 {
	l = slices.Sorted(slices.Values(l))
	return l[min(len(l)-1, len(l)*percent/100)]
}
