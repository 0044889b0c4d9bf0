// Judge compares the two readers of PDFs, page by page: what the fast reader takes, PDFium
// must read in the same way. It reads all PDFs below some folders, and damaged copies of
// them, and prints how many files and pages were taken, declined for which reasons, exact
// and different:
//
//	go run ./bench/judge [--mutate 10] [--seed 1] [--pages 50] DIR...
//
// bench/hostile/corpora.sh finds some thousand files to compare. It exits with 1 if a page
// of an undamaged file differs.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/testing/hostile"
)

func main() {
	intake.RunIfWorker()
	mutate := pflag.Int("mutate", 0, "compare `N` damaged copies of each file as well")
	seed := pflag.Uint64("seed", 1, "choose the damage by this `NUMBER`")
	pages := pflag.Int("pages", 50, "compare at most `N` pages of a file")
	list := pflag.Bool("list", false, "print for each file what was declined")
	pflag.Parse()
	if pflag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: go run ./bench/judge [--mutate N] [--seed N] [--pages N] DIR...")
		os.Exit(2)
	}
	r := intake.New(intake.Config{Workers: 1})
	defer r.Close()
	whole, damaged := &result{kind: "files", declined: map[string]int{}}, &result{kind: "damaged copies", declined: map[string]int{}}
	for _, dir := range pflag.Args() {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.EqualFold(filepath.Ext(path), ".pdf") {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			whole.compare(r, path, data, *pages, *list)
			for i := range *mutate {
				damaged.compare(r, fmt.Sprintf("%s (damage %d)", path, i), hostile.Mutant(data, *seed+uint64(i)), *pages, false)
			}
			return nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench/judge:", err)
			os.Exit(2)
		}
	}
	whole.print()
	if *mutate > 0 {
		damaged.print()
	}
	if whole.differing > 0 {
		os.Exit(1)
	}
}

// result counts verdicts.
type result struct {
	kind                                                string
	files, some, failed, pages, taken, exact, differing int
	declined                                            map[string]int
}

func (c *result) compare(r *intake.Reader, name string, data []byte, pages int, list bool) {
	c.files++
	before := c.taken
	why := map[string]int{}
	err := r.Judge(context.Background(), intake.File{Name: name, ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, 0, pages, func(v pdf.Verdict) {
		if v.Page > 0 {
			c.pages++
		}
		switch {
		case v.Declined != "" && v.Page == 0:
			why["document: "+v.Declined]++
		case v.Declined != "":
			why[v.Declined]++
		case v.Differs != "":
			c.taken++
			c.differing++
			fmt.Printf("%s, page %d: %s\n", name, v.Page, v.Differs)
		default:
			c.taken++
			c.exact++
		}
	})
	if err != nil {
		c.failed++ // PDFium fails; what counts is that the fast reader does not
	}
	if c.taken > before {
		c.some++
	}
	for w, n := range why {
		c.declined[w] += n
	}
	if list && len(why) > 0 {
		fmt.Println(name, why)
	}
}

func (c *result) print() {
	fmt.Printf("%d %s, of %d some pages are taken, %d fail in PDFium; %d pages: %d taken, %d exact, %d different\n",
		c.files, c.kind, c.some, c.failed, c.pages, c.taken, c.exact, c.differing)
	for _, w := range slices.SortedFunc(maps.Keys(c.declined), func(a, b string) int { return c.declined[b] - c.declined[a] }) {
		fmt.Printf("%8d %s\n", c.declined[w], w)
	}
}
