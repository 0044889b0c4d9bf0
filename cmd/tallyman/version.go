package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set when a release is built.
var version = "development"

func runVersion(ctx context.Context, std streams, args []string) (int, error) {
	flags := newFlags(std, "version", "Prints the version of this program.\n\nUsage: tallyman version\n")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(standardOutput{std.out}, "tallyman %s%s, %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK, err
}
