package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"tallyman/internal/sample"
	"tallyman/internal/text"
)

const sampleHelp = `Writes a sample: a PDF of bills of invented companies (bol.pdf), its order export
(orders.csv), and the load sheets that they make (expected-sheet.csv with the
orders, expected-unmatched.csv without). With --form, the bills are VICS bills of
lading (vics), packing lists (packing), short forms without ruling lines (short) or
lists whose form must be taught (house; see "tallyman learn"), and truth.json, with
what they print, takes the place of the sheets.

Usage: tallyman sample [--form NAME] [--bills N] [--lines N] [--seed N] [-o DIR]
`

func runSample(ctx context.Context, std streams, args []string) (int, error) {
	o := sample.Defaults()
	dir, replace := ".", false
	flags := newFlags(std, "sample", sampleHelp)
	flags.StringVar((*string)(&o.Form), "form", "", "print another form: vics, packing, short or house (`NAME`)")
	flags.IntVar(&o.Bills, "bills", o.Bills, "how many bills")
	flags.IntVar(&o.Lines, "lines", 0, "how many lines in all (default: five per bill)")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "another seed makes another sample; the same seed the same")
	flags.IntVar(&o.MissingOrders, "missing-orders", 0, "leave out the order rows of `N` lines")
	flags.IntVar(&o.NearMisses, "near-misses", 0, "give the order rows of `N` lines other pieces")
	flags.IntVar(&o.ExtraOrders, "extra-orders", 0, "add `N` order rows without a line")
	flags.StringVarP(&dir, "output", "o", dir, "write into `DIR`, which is made if it is not there")
	flags.BoolVarP(&replace, "force", "f", false, "replace files that are there already")
	if err := parse(flags, args); err != nil {
		return exitFailed, err
	}
	if flags.NArg() > 0 {
		return exitFailed, misuse(flags, "%q is not an argument of this command", flags.Arg(0))
	}
	if !flags.Changed("lines") {
		o.Lines = 5 * o.Bills
	}
	s, err := sample.New(o)
	if err != nil {
		return exitFailed, err
	}
	if err := s.WriteDir(dir, replace); err != nil {
		return exitFailed, err
	}
	names := s.FileNames()
	fmt.Fprintf(std.err, "wrote %s and %s into %s: %s, %s\n",
		strings.Join(names[:len(names)-1], ", "), names[len(names)-1], filepath.Clean(dir),
		text.Count(o.Bills, "bill"), text.Count(o.Lines, "line"))
	return exitOK, nil
}
