// Proof plants errors on the pages of sound documents, and counts bills that are still
// called reconciled although a figure is wrong; see package testing/proof. It prints for
// each such bill how to repeat it.
//
//	go run ./bench/proof [--seed 1] [--errors 100000] [--only row]
//
// It exits with 1 if there was a false proof.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"tallyman/internal/testing/proof"
)

func main() {
	o := proof.Options{}
	pflag.Uint64Var(&o.Seed, "seed", 1, "choose the errors by this `NUMBER`")
	pflag.IntVar(&o.Errors, "errors", 100_000, "plant `N` errors")
	pflag.IntVar(&o.From, "from", 0, "begin with error `N` of the seed")
	pflag.StringVar(&o.Only, "only", "", "plant only errors with `TEXT` in their names, such as row")
	pflag.IntVar(&o.Examples, "examples", 5, "describe `N` errors of each outcome that is not told")
	seeds := pflag.Int("seeds", 4, "invent `N` documents of each form")
	pflag.Parse()
	ok, err := run(o, *seeds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/proof:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(o proof.Options, seeds int) (ok bool, err error) {
	documents, err := proof.Straight(seeds)
	if err != nil {
		return false, err
	}
	r, err := proof.Run(o, documents, proof.Known)
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
