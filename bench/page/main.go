// Page measures the page in a headless Chromium, and takes pictures of its states.
//
//	go run ./bench/page                     print its cost and how smooth it is
//	go run ./bench/page --screenshots DIR   write pictures of each state into DIR
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/pflag"

	"tallyman/internal/intake"
	"tallyman/internal/testing/browser"
)

func main() {
	intake.RunIfWorker()
	pictures := pflag.String("screenshots", "", "write pictures of the page in each state into this `DIR`")
	only := pflag.String("only", "", "take only the pictures whose name has this `TEXT` in it")
	rows := pflag.Int("rows", 10_000, "how many rows the sheet to scroll has")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *pictures, *only, *rows); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pictures, only string, rows int) error {
	dir, err := os.MkdirTemp("", "tallyman-page")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	reader := intake.New(intake.Config{})
	defer reader.Close()
	b, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	m := &maker{ctx: ctx, dir: dir, reader: reader, browser: b}
	if pictures != "" {
		return m.pictures(pictures, only)
	}
	return m.measure(rows)
}
