// Page measures the page in a headless Chromium, and takes pictures of its states.
//
//	go run ./bench/page                     print its cost and how smooth it is
//	go run ./bench/page --screenshots DIR   write pictures of each state into DIR
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/spf13/pflag"

	"tallyman/internal/intake"
	"tallyman/internal/testing/browser"
	"tallyman/internal/testing/load"
)

func main() {
	intake.RunIfWorker()
	pictures := pflag.String("screenshots", "", "write pictures of the page in each state into this `DIR`")
	only := pflag.String("only", "", "take only the pictures whose name has this `TEXT` in it")
	rows := pflag.Int("rows", 10_000, "how many rows the sheet to scroll has")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	load.Main("bench/page", func() { run(ctx, *pictures, *only, *rows) })
}

func run(ctx context.Context, pictures, only string, rows int) {
	dir := load.Must(os.MkdirTemp("", "tallyman-page"))
	defer os.RemoveAll(dir)
	reader := intake.New(intake.Config{})
	defer reader.Close()
	b := load.Must(browser.Start(ctx))
	defer b.Close()
	m := &maker{ctx: ctx, dir: dir, reader: reader, browser: b}
	if pictures != "" {
		m.pictures(pictures, only)
		return
	}
	m.measure(rows)
}
