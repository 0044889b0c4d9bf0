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
// Clients and server share the processors of this machine. A's client has the lowest
// priority (nice), and what it takes nevertheless is measured: B works beside a client of A
// that makes the same requests to a handler that does nothing.
//
// --each has A do its worst in one way after the other, and prints the ratios of B's medians.
package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"math"
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
	load.RunIfBare()
	var b bench
	pflag.DurationVar(&b.long, "time", 5*time.Minute, "how long A does its worst")
	pflag.DurationVar(&b.quiet, "quiet", time.Minute, "how long B is measured alone")
	pflag.IntVar(&b.limit, "limit", 0, "give the server so many `MB` of memory, and have A come for more")
	pflag.StringSliceVar(&b.only, "only", nil, "have A do only what is `NAMED` so")
	pflag.BoolVar(&b.each, "each", false, "measure each way on its own, for a part of the time")
	pflag.StringSliceVar(&b.args, "serve", nil, "give the server these further `ARGUMENTS`")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if url, key, is := strings.Cut(os.Getenv(asA), " "); is {
		load.Main("bench/owners: A", func() { load.Check(newOwner(url, key).harm(ctx, b.long, b.only)) })
		return
	}
	var ok bool
	load.Main("bench/owners", func() { ok = b.run(ctx) })
	if !ok {
		os.Exit(1)
	}
}

// bench is one measurement.
type bench struct {
	long, quiet time.Duration
	limit       int // MB
	each        bool
	only, args  []string

	server *program.Server
	a, b   *owner
	files  files
}

// run measures, and reports whether all is as it must be.
func (m *bench) run(ctx context.Context) (ok bool) {
	dir := load.Must(os.MkdirTemp("", "tallyman-owners-"))
	defer os.RemoveAll(dir)
	built := load.Must(program.Path())
	data := filepath.Join(dir, "data")
	load.Check(os.Mkdir(data, 0o700))
	var secrets []string
	for _, name := range []session.Owner{"a", "b", "watch"} {
		secrets = append(secrets, load.Must(keys.Open(data).Add(ctx, keys.Key{Name: name, Admin: name == "watch"})))
	}
	s := program.New(built, append([]string{"--data", data, "--cache", filepath.Join(dir, "cache")}, m.args...)...)
	m.server = s
	s.Env = []string{"TMPDIR=" + dir}
	var failed atomic.Int64
	s.Heard = func(line string) {
		if strings.Contains(line, `"code":"internal"`) || strings.Contains(line, "panic") {
			fmt.Println("the server logs", line)
			failed.Add(1)
		}
	}
	var group *group
	if m.limit > 0 {
		group = newGroup(m.limit)
		defer group.remove()
		s.Program = group.wrap(built, dir)
	}
	load.Check(s.Start())
	defer s.End(0)
	m.a, m.b, m.files = newOwner(s.URL(), secrets[0]), newOwner(s.URL(), secrets[1]), newFiles()
	a, b, files := m.a, m.b, m.files
	fmt.Printf("%d processors, %s; documents of %d kB (86 pages) and %d kB (1 page)\n\n", runtime.NumCPU(), runtime.Version(), len(files.Usual.Bills)>>10, len(files.Small.Bills)>>10)
	load.Check(b.leave(ctx, "kept", files.Usual))
	load.Check(a.leave(ctx, "large", files.Large))
	alone := b.work(ctx, files, m.quiet)
	before, _ := load.Memory(s.PID())
	if m.each {
		m.oneByOne(ctx, alone)
		return failed.Load() == 0
	}
	bare := load.StartBare(load.BareAnswer{Body: []byte(`{"version":"bare"}` + "\n")})
	client, _, _ := m.beside(ctx, bare.URL, m.quiet, m.only)
	bare.End()
	peak := load.Peak(s.PID())
	beside, words, share := m.beside(ctx, a.url, m.long, m.only)
	most := peak()
	ok = compare(files, alone, client, beside) && failed.Load() == 0
	fmt.Printf("\nprocessor time while A did its worst: %s\n", share)
	os.Stdout.Write(words)
	b.answers.print("what B was answered")
	if refused := b.answers.refused(); refused > 0 {
		fmt.Printf("\n%d requests of B were refused\n", refused)
		ok = m.limit > 0 && ok // memory may be short for everybody
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
		fmt.Printf("control group of %d MB: %d MB at most, %d processes killed for lack of memory\n", m.limit, max, kills)
		ok = ok && kills == 0
	}
	return ok
}

// oneByOne measures B beside each way of A, and prints the ratios of the medians.
func (m *bench) oneByOne(ctx context.Context, alone latencies) {
	ways := m.a.ways(m.files)
	var names []string
	beside := map[string]latencies{}
	for _, w := range ways {
		if len(m.only) > 0 && !slices.Contains(m.only, w.name) {
			continue
		}
		l, words, share := m.beside(ctx, m.a.url, m.long/time.Duration(len(ways)), []string{w.name})
		fmt.Printf("%s: processor time: %s%s\n", w.name, share, words)
		m.b.answers.print("what B was answered so far")
		names = append(names, w.name)
		beside[w.name] = l
	}
	fmt.Printf("%-48s %8s", "medians of B in ms, then ratios beside A", "quiet")
	for _, name := range names {
		fmt.Printf(" %12s", name)
	}
	for _, kind := range kinds(m.files) {
		quiet := at(alone[kind.name], 50)
		fmt.Printf("\n%-48s %8.1f", kind.name, quiet)
		for _, name := range names {
			fmt.Printf(" %12.1f", at(beside[name][kind.name], 50)/quiet)
		}
	}
	fmt.Println()
}

// beside has A do its worst to the server at a URL, while B works. It returns B's
// latencies, what A says, and who used the processors.
func (m *bench) beside(ctx context.Context, url string, long time.Duration, only []string) (l latencies, words []byte, share string) {
	attack, end := context.WithTimeout(ctx, long)
	defer end()
	// A is another process, so that B does not wait for it in this one.
	exe := load.Must(os.Executable())
	args := []string{"-n", "19", exe, "--time", long.String()}
	if len(only) > 0 {
		args = append(args, "--only", strings.Join(only, ","))
	}
	other := exec.CommandContext(attack, "nice", args...)
	other.Env = append(os.Environ(), asA+"="+url+" "+m.a.key)
	other.Cancel, other.WaitDelay = func() error { return os.ErrProcessDone }, time.Minute // it ends by itself
	var send bytes.Buffer
	load.Check(gob.NewEncoder(&send).Encode(m.files))
	other.Stdin, other.Stderr = &send, os.Stderr
	said := load.Must(other.StdoutPipe())
	load.Must(child.Start(other, syscall.SIGKILL, func() error { return nil }))
	load.Must(said.Read(make([]byte, 1))) // it begins
	used := func() [3]time.Duration {
		var own syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own)
		return [...]time.Duration{load.CPU(m.server.PID()), load.CPU(other.Process.Pid), time.Duration(own.Utime.Nano() + own.Stime.Nano())}
	}
	began, u := time.Now(), used()
	l = m.b.work(attack, m.files, long)
	took, v := time.Since(began), used()
	for i := range v {
		v[i] = (v[i] - u[i]) * 100 / took
	}
	share = fmt.Sprintf("server and workers %d %%, A's client %d %%, B's client %d %% of one processor", v[0], v[1], v[2])
	words, _ = io.ReadAll(said)
	load.Check(other.Wait())
	if m.server.Fell() {
		load.Fail("the server ended: %s", m.server.How())
	}
	return l, words, share
}

// asA is set in the environment of the process that is A.
const asA = "TALLYMAN_OWNERS_A"

// harm does its worst for a time, and prints what it was answered.
func (o *owner) harm(ctx context.Context, long time.Duration, only []string) error {
	var files files
	load.Check(gob.NewDecoder(os.Stdin).Decode(&files))
	load.Check(o.look(ctx))
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
	fmt.Printf("  %d answers 503 had no Retry-After\n", o.untrue.Load())
	o.again.print("what A asked again after the time of Retry-After, by what had refused it")
	o.served.print("and of these was served")
	return nil
}

// compare prints the latencies, and reports whether all of them are at most doubled.
func compare(f files, alone, client, beside latencies) bool {
	ok := true
	fmt.Printf("%-40s %20s %20s %20s %18s\n%40s %20s %20s %20s %6s %6s\n", "B's requests: median and 95 % in ms", "quiet", "beside A's client", "beside A", "ratio to",
		"(number)", "", "at a bare handler", "", "quiet", "bare")
	for _, k := range kinds(f) {
		kind := k.name
		q, c, s := alone[kind], client[kind], beside[kind]
		if len(q) == 0 || len(c) == 0 || len(s) == 0 {
			fmt.Printf("%-40s %20s %20s %20s\n", kind, describe(q), describe(c), describe(s))
			ok = false
			continue
		}
		ratio := at(s, 50) / at(q, 50)
		mark := ""
		if ratio > 2 {
			mark, ok = " more than twice", false
		}
		fmt.Printf("%-40s %20s %20s %20s %6.1f %6.1f%s\n", kind, describe(q), describe(c), describe(s), ratio, at(s, 50)/at(c, 50), mark)
	}
	return ok
}

// describe gives the median and the 95th percentile.
func describe(l []float64) string {
	if len(l) == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f  %.1f (%d)", at(l, 50), at(l, 95), len(l))
}

// at is a percentile of latencies; it is not a number if there are none.
func at(l []float64, percent int) float64 {
	if len(l) == 0 {
		return math.NaN()
	}
	l = slices.Sorted(slices.Values(l))
	return l[min(len(l)-1, len(l)*percent/100)]
}
