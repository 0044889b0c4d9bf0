// Binary measures the program itself: its size, how fast it starts, and what it uses
// while idle. It builds the program as a release does, and starts /bin/true in turn
// with it, for comparison.
//
//	go run ./bench/binary [--idle 10s]
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

func main() {
	idle := pflag.Duration("idle", 10*time.Second, "how long the server rests before its memory is measured")
	pflag.Parse()
	load.Main("bench/binary", func() { run(min(*idle, 10*time.Minute)) })
}

func run(idle time.Duration) {
	dir := load.Must(os.MkdirTemp("", "tallyman-bench-*"))
	defer os.RemoveAll(dir)
	built := filepath.Join(dir, "tallyman")
	load.Check(program.Build(built, program.Released))
	info := load.Must(os.Stat(built))
	fmt.Printf("%d processors, %s %s/%s\n\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Printf("%-48s %8.1f MB\n", "size of the binary", float64(info.Size())/1e6)
	ours, theirs := starts(built)
	fmt.Printf("%-48s %8.1f ms (median of 21)\n%-48s %8.1f ms, between these\n", "start to end of tallyman version", ms(ours), "start to end of /bin/true", ms(theirs))
	for _, cache := range []string{"cold", "warm"} {
		serve(built, dir, cache, idle)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// starts measures both programs in turn, so that both run under the same conditions.
func starts(program string) (ours, theirs time.Duration) {
	var a, b []time.Duration
	for range 21 {
		for _, p := range []struct {
			took *[]time.Duration
			args []string
		}{{&a, []string{program, "version"}}, {&b, []string{"/bin/true"}}} {
			began := time.Now()
			load.Check(exec.Command(p.args[0], p.args[1:]...).Run())
			*p.took = append(*p.took, time.Since(began))
		}
	}
	slices.Sort(a)
	slices.Sort(b)
	return a[len(a)/2], b[len(b)/2]
}

// serve measures the server: the first answers, and with a warm cache its memory at
// rest.
func serve(path, dir, cache string, idle time.Duration) {
	s := program.New(path, "--data", filepath.Join(dir, "data"))
	began := time.Now()
	load.Check(s.Start())
	defer s.End(0)
	for _, route := range []string{"/ping", "/health"} {
		resp, err := http.Get(s.URL() + route)
		load.Check(err)
		resp.Body.Close()
		note := ""
		if route == "/health" {
			note = ", which tries storage and a worker: " + resp.Status
		}
		fmt.Printf("%-48s %8.0f ms%s\n", "start of serve to the answer of "+route+", "+cache, ms(time.Since(began)), note)
	}
	if cache == "cold" {
		return
	}
	time.Sleep(idle)
	if self, workers := load.Family(s.PID()); self.PID > 0 {
		fmt.Printf("%-48s %8.0f MB server, %.0f MB in %d workers\n", fmt.Sprintf("resident memory after %v of rest", idle), self.MB, load.Sum(workers), len(workers))
	}
}
