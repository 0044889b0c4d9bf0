// Hostile sends every file of some folders to a server, as a BOL and as an order export,
// each in a separate session, and checks whether that harms it. Each request must be
// answered with 2xx or 4xx, in time, and with JSON where JSON is promised; an accepted
// file must come back whole, as every kind of sheet and as a picture. The first page of
// every other PDF that can be opened is drawn as well, by workers of this program, since
// a server draws only what it accepted. In the end the server must be as before: the same
// process, with the same memory, goroutines, files and workers, and nothing left on the
// disk.
//
//	go run ./bench/hostile DIR...
//	go run ./bench/hostile --mutate 500 [--seed 7] [DIR...]
//
// bench/hostile/corpora.sh DIR downloads a few thousand suitable files. With --mutate
// it sends mutants of invented documents as well. It builds the program, starts it on
// a free port of this machine, and ends it; all its files are in a temporary folder.
// It fails on any violation, and names the file.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/intake"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

// options are the options of the command line.
type options struct {
	deadline time.Duration
	all      time.Duration
	atOnce   int
	warm     int     // how often valid documents are sent first
	largest  int64   // MB
	growth   float64 // MB
	patience time.Duration
	mutate   int
	seed     uint64
	save     string
	say      int
}

func main() {
	intake.RunIfWorker()
	var o options
	// The server abandons a file after 3 minutes, and must then still say so.
	pflag.DurationVar(&o.deadline, "deadline", 200*time.Second, "how long one answer may take")
	pflag.DurationVar(&o.all, "time", 3*time.Hour, "how long everything may take; a file that was not sent by then is a failure")
	pflag.IntVar(&o.atOnce, "at-once", runtime.NumCPU(), "how many files are sent at once")
	pflag.Int64Var(&o.largest, "largest", 64, "leave out files of more than this many `MB`")
	// Go returns memory to the system after two or three minutes.
	pflag.DurationVar(&o.patience, "patience", 4*time.Minute, "how long the server may take to become idle at the end")
	pflag.Float64Var(&o.growth, "growth", 48, "how many `MB` the server's memory at rest may grow by")
	pflag.IntVar(&o.mutate, "mutate", 0, "send `N` mutants of each invented document, too")
	pflag.Uint64Var(&o.seed, "seed", 1, "of the mutants")
	pflag.StringVar(&o.save, "save", "", "write the files of violations into this `DIR`")
	pflag.IntVar(&o.say, "sentences", 0, "show `N` of the sentences of each code, to check that people can understand them")
	pflag.Parse()
	o.warm = 4 * o.atOnce
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := load.Run(func() { run(ctx, o, pflag.Args()) })
	stop()
	program.Forget()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/hostile:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, paths []string) {
	if o.atOnce < 1 || o.mutate < 0 || o.deadline <= 0 || o.all <= 0 || len(paths) == 0 && o.mutate == 0 {
		load.Fail("give folders to send the files of, or --mutate N; times and numbers must be above 0")
	}
	documents, leftOut, err := collect(paths, o.largest<<20)
	load.Check(err)
	if o.mutate > 0 {
		documents = append(documents, mutants(o.mutate, o.seed)...)
	}
	if len(documents) == 0 {
		load.Fail("nothing to send in %s", strings.Join(paths, ", "))
	}
	dir := load.Must(os.MkdirTemp("", "tallyman-hostile-*"))
	defer os.RemoveAll(dir)
	s := load.Must(start(load.Must(program.Path()), dir, o.atOnce))
	defer s.end()
	r := load.Must(try(ctx, s, s.URL(), documents, o))
	r.leftOut = append(leftOut, r.leftOut...)
	r.print(os.Stdout)
	r.printSentences(os.Stdout, o.say)
	if o.save != "" {
		load.Check(r.saveBad(o.save))
	}
	if n := len(r.violations); n > 0 {
		load.Fail("%d violations", n)
	}
}
