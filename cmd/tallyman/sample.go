package main

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/sample/degrade"
	"tallyman/internal/text"
)

const sampleHelp = `Writes a sample: a PDF of bills of invented companies (bol.pdf), its order export
(orders.csv), and the load sheets that they make (expected-sheet.csv with the
orders, expected-unmatched.csv without). With --form, the bills are VICS bills of
lading (vics), packing lists (packing), short forms without ruling lines (short) or
lists whose form must be taught (house; see "tallyman learn"), and truth.json, with
what they print, takes the place of the sheets. With --scan, there are also pictures
of the pages (scan-001.jpg, …), and a PDF of them (scan.pdf), as a scanner or a phone
makes them: clean, skewed, jpeg, light, bitonal, coarse, good-photo or poor-photo.

Usage: tallyman sample [--form NAME] [--scan KIND] [--bills N] [--lines N] [--seed N] [-o DIR]
`

func runSample(ctx context.Context, std streams, args []string) (int, error) {
	o := sample.Defaults()
	dir, replace := ".", false
	var kind degrade.Kind
	flags := newFlags(std, "sample", sampleHelp)
	flags.StringVar((*string)(&o.Form), "form", "", "print another form: vics, packing, short or house (`NAME`)")
	flags.StringVar((*string)(&kind), "scan", "", "also make pictures of the pages, as of paper: clean, skewed, jpeg, … (`KIND`)")
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
	if flags.Changed("scan") {
		if err := kind.Check(); err != nil {
			return exitFailed, err
		}
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
	if kind == "" {
		return exitOK, nil
	}
	return exitOK, writeScans(ctx, std, s, kind, o.Seed, dir, replace)
}

// writeScans writes pictures of a sample's pages, and a PDF of them.
func writeScans(ctx context.Context, std streams, s *sample.Sample, kind degrade.Kind, seed uint64, dir string, replace bool) error {
	var doc bytes.Buffer
	if err := s.WritePDF(&doc); err != nil {
		return err
	}
	reader := intake.New(intake.Config{Workers: 1})
	defer reader.Close()
	var pictures [][]byte
	var names []string
	for number := range s.BillPages() {
		f := intake.File{Name: sample.PDFName, ReaderAt: bytes.NewReader(doc.Bytes()), Size: int64(doc.Len())}
		p, err := reader.Picture(ctx, f, number+1, degrade.Width)
		if err != nil {
			return err
		}
		img, err := png.Decode(bytes.NewReader(p.PNG))
		if err != nil {
			return fmt.Errorf("drawing page %d of the sample: %w", number+1, err)
		}
		b, err := degrade.Make(img, kind, seed+uint64(number))
		if err != nil {
			return err
		}
		pictures, names = append(pictures, b), append(names, fmt.Sprintf("scan-%03d%s", number+1, kind.Ext()))
	}
	var scan bytes.Buffer
	if err := degrade.WritePDF(&scan, pictures); err != nil {
		return err
	}
	names = append(names, "scan.pdf")
	for i, b := range append(pictures, scan.Bytes()) {
		path := filepath.Join(dir, names[i])
		if _, err := os.Lstat(path); err == nil && !replace {
			return fault.New(fault.Unwritable, "%s is there already and is kept; choose an empty directory, or ask for it to be replaced", path)
		}
		if err := atomicfile.Write(path, atomicfile.Of(b)); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.err, "wrote %s and scan.pdf as well: %s\n", text.Count(len(pictures), "picture"), kind)
	return nil
}
