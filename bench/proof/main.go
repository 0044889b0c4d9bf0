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
	ok, err := run(context.Background(), o, *seeds, *learnt)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/proof:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, o proof.Options, seeds int, learnt bool) (ok bool, err error) {
	documents, err := collect(ctx, seeds)
	if err != nil {
		return false, err
	}
	read := proof.Reader(proof.Free)
	if learnt {
		if read, err = proof.Learnt(documents); err != nil {
			return false, err
		}
	}
	r, err := proof.Run(o, documents, read)
	if err != nil {
		return false, err
	}
	for out := proof.Text; out <= proof.False; out++ {
		for _, e := range r.Examples[out] {
			fmt.Printf("%s: %s\n", out, e)
		}
	}
	r.Write(os.Stdout)
	return r.False() == 0, nil
}

// collect reads the documents from their PDFs.
func collect(ctx context.Context, seeds int) (all []proof.Document, err error) {
	l := proof.NewLibrary()
	defer l.Close()
	for _, f := range append([]sample.Form{sample.Straight, sample.House}, sample.OtherForms...) {
		invented, err := l.Invented(ctx, f, seeds)
		if err != nil {
			return nil, err
		}
		all = append(all, invented...)
	}
	kept, err := l.Folder(ctx, "../shared/testdata/layouts")
	if err != nil {
		return nil, err
	}
	all = append(all, kept...)
	known, err := l.Known(ctx, "../shared/testdata/midas-2025-07-10/bol.pdf", seeds)
	if err != nil {
		return nil, err
	}
	return append(all, known...), nil
}
