// Suite checks everything and runs all tests, for the script test at the top, and
// prints one table at the end: the packages with their times, the slowest tests, and
// what was skipped and why. It exits with 1 if anything failed, and shows the output
// of failing tests.
//
//	go run ./internal/testing/suite                      everything
//	go run ./internal/testing/suite --quick              the tests for each change
//	go run ./internal/testing/suite ./internal/bol …     the arguments of go test
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"tallyman/internal/testing/node"
	"tallyman/internal/testing/program"
	"tallyman/internal/testing/s3test"
)

// Versions of the tools are pinned here and nowhere else.
const (
	linter      = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
	govulncheck = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
)

// timeout ends a package whose tests hang. It is longer than the slowest machine
// needs.
const timeout = "-timeout=6h"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if dir := os.Getenv("TALLYMAN_SUITE"); dir != "" {
		os.RemoveAll(dir) // where the script test put this program
	}
	began := time.Now()
	r := newResults(os.Stdout)
	err := run(ctx, r, os.Args[1:])
	if !r.close(time.Since(began), err) {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, r *results, args []string) error {
	switch {
	case len(args) == 0:
		return everything(ctx, r)
	case args[0] == "--quick" && len(args) == 1:
		return quick(ctx, r)
	case args[0] == "--quick":
		return errors.New("--quick takes no arguments")
	}
	var flags, patterns []string
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			flags = append(flags, a)
		} else {
			patterns = append(patterns, a)
		}
	}
	some, err := packages(ctx, patterns...)
	if err != nil {
		// These are arguments that only go test understands, such as "-run NAME":
		// show all its output.
		return r.test(ctx, plain, args...)
	}
	return tests(ctx, r, some, append([]string{"-vet=all", timeout}, flags...)...)
}

const module = "tallyman/"

// quick runs the tests that need no service, no browser and no root. Go does not
// repeat those that passed and have not changed.
func quick(ctx context.Context, r *results) error {
	if err := formatted(ctx); err != nil {
		return err
	}
	all, err := packages(ctx, "./...")
	if err != nil {
		return err
	}
	var some []string
	for _, p := range all {
		if why, slow := slow[p]; slow {
			r.skip("./"+p, "only in the whole run: "+why)
			continue
		}
		some = append(some, "./"+p)
	}
	return errors.Join(
		command(ctx, plain, "go", "vet", "./..."),
		r.test(ctx, plain, append([]string{"-short", timeout}, some...)...))
}

// everything checks the source and the deployments in addition to the tests.
func everything(ctx context.Context, r *results) error {
	if err := formatted(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tallyman-suite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := packages(ctx, "./...")
	if err != nil {
		return err
	}
	// All tests share this program. Building it also compiles most of what they need.
	built := filepath.Join(dir, "tallyman")
	if err := program.Build(built); err != nil {
		return err
	}
	os.Setenv(program.Variable, built)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var beside sync.WaitGroup
	var errs [3]error
	beside.Go(func() {
		_, errs[0] = s3test.Build(ctx)
		if errs[0] == nil {
			_, errs[0] = node.Modules(ctx)
		}
	})
	beside.Go(func() {
		errs[1] = r.timed("golangci-lint", func() error {
			return command(ctx, append(seldom, plain...), "go", "run", linter, "run", "--concurrency=1", "--allow-parallel-runners", "./...")
		})
	})
	beside.Go(func() {
		errs[2] = errors.Join(
			r.timed("docs/deploy/check.sh", func() error { return command(ctx, nil, "docs/deploy/check.sh") }),
			r.test(ctx, arm64, "-count=1", "-vet=all", "-exec=qemu-aarch64-static", "-run=TestKernels|TestAPicture", "./internal/intake/ocr/recognise"),
			vulnerabilities(ctx, r))
	})
	// The linter vets. Without tables for debuggers, linking takes a fifth less.
	err = tests(ctx, r, all, "-count=1", "-vet=off", "-ldflags=-w", timeout)
	if ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	beside.Wait()
	return errors.Join(append(errs[:], err)...)
}

// tests runs the tests of packages, with flags of go test. Slow packages come first,
// so that no processor is idle at the end.
func tests(ctx context.Context, r *results, pkgs []string, flags ...string) error {
	var withRace, without []string
	var parts []group
	for _, g := range raced {
		if i := slices.Index(pkgs, g.pkg); i >= 0 && g.run == "" {
			withRace = append(withRace, "./"+g.pkg)
			pkgs = slices.Delete(pkgs, i, i+1)
		} else if i >= 0 {
			parts = append(parts, g)
		}
	}
	for _, p := range long {
		if i := slices.Index(pkgs, p); i >= 0 {
			without = append(without, "./"+p)
			pkgs = slices.Delete(pkgs, i, i+1)
		}
	}
	for _, p := range pkgs {
		without = append(without, "./"+p)
	}
	var errs [2]error
	run := func(err *error, env []string, atOnce int, args ...string) {
		if len(args) > 0 {
			all := append([]string{"-p=" + strconv.Itoa(atOnce)}, flags...)
			*err = errors.Join(*err, r.test(ctx, env, append(all, args...)...))
		}
	}
	// Both kinds run at once, which makes more test binaries than there are
	// processors: many tests wait for something.
	processors := runtime.NumCPU()
	var beside sync.WaitGroup
	beside.Go(func() {
		run(&errs[0], race, max(1, processors/2), withRace...)
		for _, g := range parts {
			if !slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, "-run") }) {
				run(&errs[0], race, 1, "-run="+g.run, "./"+g.pkg)
			}
		}
	})
	run(&errs[1], plain, processors, without...)
	beside.Wait()
	return errors.Join(errs[:]...)
}

// packages returns the folders of packages, by the patterns of the Go tool.
func packages(ctx context.Context, patterns ...string) ([]string, error) {
	out, err := output(ctx, nil, "go", append([]string{"list"}, patterns...)...)
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, out)
	}
	all := strings.Fields(string(out))
	for i := range all {
		all[i] = strings.TrimPrefix(all[i], module)
	}
	return all, nil
}

// The environments of the Go tool. Without the race detector nothing needs a C
// compiler. Workers are processes of the test binaries; the race detector would make
// each sleep for a second when it ends. What is in the assembly of arm64 is tested under an
// emulator.
var (
	plain = []string{"CGO_ENABLED=0"}
	race  = []string{"CGO_ENABLED=1", "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE")}
	arm64 = []string{"GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0"}
)

// seldom makes the linter collect garbage more rarely, which halves its processor time; it
// then takes three gigabytes, less where it would take more than the limit.
var seldom = []string{"GOGC=400", "GOMEMLIMIT=3GiB"}

// command runs a command, and shows its output if it fails.
func command(ctx context.Context, env []string, name string, args ...string) error {
	out, err := output(ctx, env, name, args...)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, out)
	}
	return nil
}

func output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	endAll(cmd)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// endAll makes the end of a command's context also end all its children.
func endAll(cmd *exec.Cmd) {
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return endGroup(cmd.Process) }
	cmd.WaitDelay = time.Minute
}

func formatted(ctx context.Context) error {
	out, err := output(ctx, nil, "gofmt", "-l", ".")
	if err != nil {
		return fmt.Errorf("gofmt: %w\n%s", err, out)
	}
	if strings.TrimSpace(out) != "" {
		return fmt.Errorf("these files are not formatted, run gofmt -w:\n%s", out)
	}
	long, err := longLines(".")
	if err == nil && len(long) > 0 {
		err = fmt.Errorf("these lines have more than %d columns, break them:\n%s", columns, strings.Join(long, "\n"))
	}
	return err
}

// columns is how long a line of the page's code may be.
const columns = 120

// longLines returns the places of the lines below a folder that are too long, in
// scripts, style sheets and pages that are our own.
func longLines(dir string) (places []string, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && (d.Name() == "vendor" || d.Name() != "." && strings.HasPrefix(d.Name(), ".")) {
				return fs.SkipDir
			}
			return err
		}
		if !slices.Contains([]string{".js", ".css", ".html"}, filepath.Ext(name)) {
			return nil
		}
		b, err := os.ReadFile(name)
		i := 0
		for line := range strings.Lines(string(b)) {
			i++
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > columns {
				places = append(places, fmt.Sprintf("%s:%d", name, i))
			}
		}
		return err
	})
	return places, err
}

// vulnerabilities queries a database that is not reachable everywhere. GOVULNDB may
// name a copy of it.
func vulnerabilities(ctx context.Context, r *results) error {
	if os.Getenv("GOVULNDB") == "" && !answers(ctx, "https://vuln.go.dev/index/db.json") {
		r.skip("govulncheck", "its database is out of reach")
		return nil
	}
	return r.timed("govulncheck", func() error { return command(ctx, plain, "go", "run", govulncheck, "./...") })
}

// answers reports whether a GET of an address succeeds.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// test runs go test. Its error is of go test itself: failures are in the results.
func (r *results) test(ctx context.Context, env []string, args ...string) error {
	with := ""
	switch env[0] {
	case race[0]:
		with = "race"
		args = append([]string{"-race"}, args...)
	case arm64[0]:
		with = "arm64"
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	endAll(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := r.read(out, with)
	io.Copy(io.Discard, out)
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() && r.failed() {
		err = nil // the results contain the failures
	}
	return errors.Join(readErr, err)
}
