package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and revision are set when a release is built. The revision is the source's,
// by default the one that the Go tool recorded.
var (
	version  = "development"
	revision = ""
)

func runVersion(ctx context.Context, std streams, args []string) (int, error) {
	flags := newFlags(std, "version", "Prints the version of this program.\n\nUsage: tallyman version\n")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	_, err := fmt.Fprintln(standardOutput{std.out}, describe())
	return exitOK, err
}

// describe returns the program's version, source revision, toolchain and system.
func describe() string {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				built = s.Value
			}
		}
	}
	source := cmp.Or(revision, built)
	if source != "" {
		source = " " + source
	}
	return fmt.Sprintf("tallyman %s%s, %s %s/%s", version, source, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
