// Proof plants errors on the pages of sound documents, and counts bills that are still
// called reconciled although a figure is wrong; see package testing/proof. It prints for
// each such bill how to repeat it.
//
//	go run ./bench/proof [--seed 1] [--errors 100000] [--only row] [--learnt]
//
// It exits with 1 if there was a false proof.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/proof"
)

func main() {
	intake.RunIfWorker()
	o := proof.Options{}
	pflag.Uint64Var(&o.Seed, "seed", 1, "choose the errors by this `NUMBER`")
	pflag.IntVar(&o.Errors, "errors", 100_000, "plant `N` errors")
	pflag.IntVar(&o.From, "from", 0, "begin with error `N` of the seed")
	pflag.StringVar(&o.Only, "only", "", "plant only errors with `TEXT` in their names, such as row")
	pflag.IntVar(&o.Examples, "examples", 5, "describe `N` errors of each outcome that is not told")
	pflag.StringVar(&o.In, "in", "", "plant only in documents with `TEXT` in their names")
	learnt := pflag.Bool("learnt", false, "teach the form of each document first")
	seeds := pflag.Int("seeds", 8, "invent `N` documents of each form")
	pflag.Parse()
	ok := false
	load.Main("bench/proof", func() { ok = run(context.Background(), o, *seeds, *learnt) })
	if !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, o proof.Options, seeds int, learnt bool) (ok bool) {
	documents := collect(ctx, seeds)
	read := proof.Reader(proof.Free)
	if learnt {
		read = load.Must(proof.Learnt(documents))
	}
	r := load.Must(proof.Run(o, documents, read))
	for out := proof.Text; out <= proof.False; out++ {
		for _, e := range r.Examples[out] {
			fmt.Printf("%s: %s\n", out, e)
		}
	}
	r.Write(os.Stdout)
	return r.False() == 0
}

// collect reads the documents from their PDFs.
func collect(ctx context.Context, seeds int) (all []proof.Document) {
	l := proof.NewLibrary()
	defer l.Close()
	for _, f := range append([]sample.Form{sample.Straight, sample.House}, sample.OtherForms...) {
		all = append(all, load.Must(l.Invented(ctx, f, seeds))...)
	}
	all = append(all, load.Must(l.Folder(ctx, "../shared/testdata/layouts"))...)
	return append(all, load.Must(l.Known(ctx, "../shared/testdata/midas-2025-07-10/bol.pdf", seeds))...)
}
