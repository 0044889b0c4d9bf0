// Silence changes sound documents and order exports at random and counts what becomes of
// the load sheet: right, told or silent; see package testing/silence. It needs no other
// program, and prints for each silent change how to repeat it.
//
//	go run ./bench/silence [--seed 1] [--mutations 20000] [--only document]
//
// It exits with 1 if any change was silent.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"tallyman/internal/testing/silence"
)

func main() {
	var o silence.Options
	pflag.Uint64Var(&o.Seed, "seed", 1, "choose the mutations by this `NUMBER`")
	pflag.IntVar(&o.Mutations, "mutations", 20_000, "try `N` mutations")
	pflag.StringVar(&o.Only, "only", "", "try only mutations with `TEXT` in their names, such as document")
	pflag.Parse()
	r, err := silence.Run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/silence:", err)
		os.Exit(2)
	}
	for _, s := range r.Silent {
		fmt.Println(s)
	}
	r.Write(os.Stdout)
	if len(r.Silent) > 0 {
		os.Exit(1)
	}
}
