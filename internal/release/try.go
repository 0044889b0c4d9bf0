package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyman/internal/testing/load"
)

// tryTime bounds a trial run. An emulator compiles the PDF engine slowly.
const tryTime = 10 * time.Minute

// emulators run programs of other systems, where they are installed.
var emulators = map[target][]string{
	{"linux", "arm64"}:   {"qemu-aarch64-static", "qemu-aarch64"},
	{"linux", "amd64"}:   {"qemu-x86_64-static", "qemu-x86_64"},
	{"windows", "amd64"}: {"wine64", "wine"},
}

// tryOut starts a binary and makes the sample's load sheet with it, where this
// machine can do that. It returns what was tried, in words. It fails if a binary that
// starts does not work; an emulator that does not start it is only mentioned.
func tryOut(ctx context.Context, t target, binary, dir string) string {
	if t.native() {
		runSample(ctx, nil, nil, binary, dir)
		return "here: started, and made the sample's sheet"
	}
	for _, e := range emulators[t] {
		path, err := exec.LookPath(e)
		if err != nil {
			continue
		}
		env := []string{"WINEPREFIX=" + filepath.Join(dir, "wine"), "WINEDEBUG=-all", "DISPLAY="}
		if err := output(ctx, env, path, binary, "version"); err != nil {
			return fmt.Sprintf("does not start under %s: %v", e, err)
		}
		err = load.Run(func() { runSample(ctx, env, []string{path}, binary, dir) })
		if err != nil && strings.Contains(err.Error(), "exec format error") {
			// The program starts workers by its own name, which the kernel must know
			// how to run.
			return fmt.Sprintf("started under %s; not the sheet: binfmt_misc has no handler for its workers", e)
		}
		if err != nil {
			load.Fail("started under %s; sheet: %w", e, err)
		}
		return "under " + e + ": started, and made the sample's sheet"
	}
	if names := emulators[t]; names != nil {
		return "no: there is no " + strings.Join(names, " or ")
	}
	return "no: nothing here runs it"
}

// runSample makes a program write the sample and make its sheet, and compares it with
// the expected one.
func runSample(ctx context.Context, env, prefix []string, binary, dir string) {
	at := filepath.Join(dir, "sample")
	load.Check(os.Mkdir(at, 0o755))
	run := func(args ...string) {
		all := slices.Concat(prefix, []string{binary}, args)
		load.Check(output(ctx, env, all[0], all[1:]...))
	}
	rel := func(name string) string { return filepath.Join("sample", name) }
	run("sample", "-o", "sample")
	run("sheet", "--orders", rel("orders.csv"), "-o", rel("sheet.csv"), "--strict", rel("bol.pdf"))
	got, want := load.Must(os.ReadFile(filepath.Join(at, "sheet.csv"))), load.Must(os.ReadFile(filepath.Join(at, "expected-sheet.csv")))
	if !bytes.Equal(got, want) {
		load.Fail("the sheet is not the expected one")
	}
}

// output runs a program in its own folder. An error contains the last line of its
// output.
func output(ctx context.Context, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	for i, a := range append([]string{name}, args...) {
		// The binary, which is in the folder of the trial.
		if i < 2 && filepath.IsAbs(a) && strings.HasPrefix(filepath.Base(a), "tallyman") {
			cmd.Dir = filepath.Dir(a)
			break
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%w: %.200s", err, lines[len(lines)-1])
	}
	return nil
}
