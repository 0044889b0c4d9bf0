// Soak tests the server under load and faults: clients work in sessions whose content
// each of them knows, while the server is killed, restarted and stopped, its disk
// filled, its workers killed or made to send nonsense, its clock set, another server
// started over its files, and while other clients are slow, hang up, flood it, or
// send hostile or invalid requests. Every download is compared with what the same
// client uploaded, every event of a webhook that was promised must arrive, and in the end
// nothing may be left. Any violation makes it fail.
//
//	go run ./bench/soak [--time 30m --faults 300] [--seed N]
//
// It builds the program and talks to it on this machine only. The disk to fill is a
// separate one, which needs root on Linux, or a kernel that lets users have name
// spaces; --no-full-disk does without.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/testing/program"
	"tallyman/internal/testing/soak"
)

// diskSize is the size of the separate disk, in MB: enough for the clients' data, and
// quickly filled.
const diskSize = 192

func main() {
	os.Exit(run())
}

func run() int {
	var o soak.Options
	pflag.DurationVar(&o.Time, "time", time.Minute, "let clients work for this `TIME`, in addition to the time for starting and for the search for leaks")
	pflag.IntVar(&o.Faults, "faults", 0, "do `N` faults (default: 10 a minute)")
	pflag.IntVar(&o.Clients, "clients", 12, fmt.Sprintf("have `N` clients work at once, at most %d", soak.MaxClients))
	pflag.DurationVar(&o.Pause, "pause", 300*time.Millisecond, "let each client pause for this `TIME` on average after an operation")
	pflag.DurationVar(&o.Deadline, "deadline", time.Minute, "call an answer overdue after this `TIME`")
	pflag.Uint64Var(&o.Seed, "seed", 0, "choose documents, operations and faults by this `NUMBER` (default: by chance)")
	pflag.Float64Var(&o.Growth, "growth", 24, "how many `MB` the memory of the idle server may grow by during the second phase; 0 for no bound")
	pflag.BoolVar(&o.NoFullDisk, "no-full-disk", false, "leave out the faults that need a private disk")
	dir := pflag.String("dir", os.TempDir(), "put everything into a new directory in this `DIR`")
	pflag.Parse()

	complain := func(err error) int {
		fmt.Fprintln(os.Stderr, "bench/soak:", err)
		return 2
	}
	if !o.NoFullDisk {
		code, started, err := soak.Privately()
		if err != nil {
			return complain(errors.Join(err, errors.New("--no-full-disk needs no private disk")))
		}
		if started {
			return code
		}
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1 << 32)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	place, err := os.MkdirTemp(*dir, "tallyman-soak-")
	if err != nil {
		return complain(err)
	}
	// The log is kept if there was a violation.
	clean, unmount := true, func() error { return nil }
	defer func() {
		if clean {
			if err := errors.Join(unmount(), os.RemoveAll(place)); err != nil {
				fmt.Fprintln(os.Stderr, "bench/soak:", err)
			}
		} else {
			fmt.Fprintf(os.Stderr, "the server's log is %s\n", soak.LogPath(o.Dir))
		}
	}()
	o.Dir, o.Program, o.Progress = filepath.Join(place, "run"), filepath.Join(place, "tallyman"), os.Stderr
	if err := os.MkdirAll(filepath.Join(o.Dir, "data"), 0o700); err != nil {
		return complain(err)
	}
	if !o.NoFullDisk {
		if unmount, err = soak.SmallDisk(filepath.Join(o.Dir, "data"), diskSize); err != nil {
			return complain(err)
		}
	}
	if err := program.Build(o.Program); err != nil {
		return complain(err)
	}
	command := fmt.Sprintf("go run ./bench/soak %s", strings.Join(os.Args[1:], " "))
	if !pflag.CommandLine.Changed("seed") {
		command += fmt.Sprintf(" --seed %d", o.Seed)
	}
	fmt.Printf("%s\n%s, %d processors, %s/%s\n\n", command, runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	report, err := soak.Run(ctx, o)
	report.Write(os.Stdout)
	clean = err == nil && len(report.Violations()) == 0
	switch {
	case len(report.Violations()) > 0:
		if err != nil {
			complain(err)
		}
		return 1
	case err != nil:
		return complain(err)
	case ctx.Err() != nil:
		return complain(errors.New("ended early, so it did not search for leftovers"))
	}
	return 0
}
