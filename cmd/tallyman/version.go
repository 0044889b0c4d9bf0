package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and revision are set when a release is built. The revision is that of
// the source, by default what the Go tool knows of it.
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

// describe names the program, its source and what it was built with and for.
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
