// Package proof measures false proofs (DESIGN.md §10). It plants errors on the pages of
// sound documents, one at a time, and counts bills that a reader still calls reconciled
// although a figure is wrong against the truth of the document. That must never happen.
//
// The truth is not read from the pages: package sample calculates it, or a file beside the
// document holds it. Pages are read from their PDF once; errors are planted among their
// words.
//
// Some errors cannot be seen by adding up, and are counted apart, with their rates:
//
//   - text: all figures are right, and a text of a row is not;
//   - combination: each column has the right figures, but in other rows;
//   - cancelled: the figures of a column are wrong, and their sum is right;
//   - rounding: a figure with decimals is off by no more than the rounding of the lines
//     explains, which is half a unit of its last digit per line;
//   - renamed: columns have each other's names;
//   - unread: a column that lost its heading is not read, and all others are right;
//   - unclaimed: the reader itself says that the wrong figures are not proved;
//   - gone: a bill is missing with all of its pages.
package proof

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/planted"
)

// Document is a document to plant errors in.
type Document struct {
	// Name is printed, so that an error can be planted again.
	Name  string
	Pages []page.Page
	Truth *sample.Truth
	// Whole is a document that is only read: its parts are documents of their own.
	Whole bool
}

// Bill is a bill as it was read.
type Bill struct {
	Number string
	Pages  int
	// Proved reports whether the reader says that the bill is reconciled.
	Proved bool
	Tables []Table
}

// Table is a table of a bill as it was read.
type Table struct {
	Role string
	// Rows are texts by the names of the truth's fields.
	Rows []map[string]string
	// Totals are those that are printed, by field.
	Totals map[string]string
	// Unproved are the figures whose fields the reader does not call proved.
	Unproved map[string]bool
}

// Reader reads pages as the product does. An error is a document that is refused.
type Reader func(pages []page.Page) ([]Bill, error)

// Options are the options of Run.
type Options struct {
	// Seed chooses the errors: the nth error of a seed is always the same.
	Seed uint64
	// Errors is the number of errors.
	Errors int
	// From is the first of them, to plant one error again.
	From int
	// In limits the documents to those whose names contain it.
	In string
	// Only limits the errors to the kinds whose names contain it.
	Only string
	// Examples is the number of descriptions to keep of each kind and result.
	Examples int
}

// Outcome is what becomes of an error.
type Outcome int

// The outcomes. Only False must never happen.
const (
	// Right is a document whose proved bills are all right.
	Right Outcome = iota
	// Told is a document with a bill that is not proved, or that is refused, and no wrong
	// bill that is.
	Told
	Text
	Combination
	Cancelled
	Rounding
	Renamed
	Unread
	Unclaimed
	Gone
	// False is a document with a proved bill that has a wrong figure.
	False
	outcomes
)

func (o Outcome) String() string {
	return [outcomes]string{"right", "told", "text", "combination", "cancelled", "rounding", "renamed", "unread", "unclaimed", "gone", "FALSE"}[o]
}

// Counts are numbers of errors by outcome.
type Counts [outcomes]int

// Sum returns the number of errors.
func (c Counts) Sum() (n int) {
	for _, v := range c {
		n += v
	}
	return n
}

// Sound is how a document is read without an error.
type Sound struct {
	Name                string
	Bills, Proved, True int // True is the number of bills whose figures are all right
	Outcome             Outcome
	Wrong               string // what is wrong with the first bill, or why the document is refused
}

// Result is the outcome of all errors.
type Result struct {
	Sound []Sound
	// Kinds are the counts by the name of the kind.
	Kinds map[string]*Counts
	// Examples are descriptions of errors, by outcome.
	Examples map[Outcome][]string
}

// Total returns the sum of all kinds.
func (r *Result) Total() (t Counts) {
	for _, c := range r.Kinds {
		for i, n := range c {
			t[i] += n
		}
	}
	return t
}

// False returns the number of documents with a false proof, with and without errors.
func (r *Result) False() int {
	n := r.Total()[False]
	for _, s := range r.Sound {
		if s.Outcome == False {
			n++
		}
	}
	return n
}

// Write writes tables of the documents and of the errors.
func (r *Result) Write(w io.Writer) {
	fmt.Fprintf(w, "%-32s %6s %6s %6s  %s\n", "document", "bills", "proved", "right", "outcome")
	for _, s := range r.Sound {
		fmt.Fprintf(w, "%-32s %6d %6d %6d  %s %s\n", s.Name, s.Bills, s.Proved, s.True, s.Outcome, s.Wrong)
	}
	row := func(name string, c Counts) {
		fmt.Fprintf(w, "%-42s", name)
		for _, n := range c {
			fmt.Fprintf(w, " %11d", n)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\n%-42s", "error")
	for o := range outcomes {
		fmt.Fprintf(w, " %11s", o)
	}
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(r.Kinds)) {
		row(name, *r.Kinds[name])
	}
	row("all", r.Total())
	if n := r.Total().Sum(); n > 0 {
		for o := Text; o < False; o++ {
			fmt.Fprintf(w, "%s: %.2f %%  ", o, 100*float64(r.Total()[o])/float64(n))
		}
		fmt.Fprintln(w)
	}
}

// base is a document with what is known about it.
type base struct {
	Document
	rows   []row
	totals []figure
	// texts are the rows of the proved bills as read without an error.
	texts map[string]int
}

// Run plants errors in the documents in turn.
func Run(o Options, documents []Document, read Reader) (*Result, error) {
	r := &Result{Kinds: map[string]*Counts{}, Examples: map[Outcome][]string{}}
	chosen := slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return !strings.Contains(k.name, o.Only) })
	if len(chosen) == 0 || len(documents) == 0 {
		return nil, fmt.Errorf("there is no document, or no kind of error has %q in its name", o.Only)
	}
	var proved, others []*base
	for _, d := range documents {
		if !strings.Contains(d.Name, o.In) {
			continue
		}
		b := &base{Document: d}
		b.locate()
		bills, err := read(d.Pages)
		b.texts = texts(bills, d.Truth)
		s := tally(bills, d.Truth)
		s.Name = d.Name
		switch out, what := judge(bills, err, b); {
		case out == Unread:
			s.Outcome, s.Wrong = False, what
		case err != nil:
			s.Outcome, s.Wrong = Told, err.Error()
		case out == Text: // the texts are compared with themselves
		case out > Told:
			s.Outcome, s.Wrong = out, what
		default:
			s.Outcome = out
		}
		r.Sound = append(r.Sound, s)
		if len(b.rows) == 0 || d.Whole {
			continue
		}
		if s.Proved > 0 {
			proved = append(proved, b)
		} else {
			others = append(others, b)
		}
	}
	type result struct {
		kind, what string
		out        Outcome
		err        error
	}
	results := make([]result, o.Errors)
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < o.Errors; i = int(next.Add(1)) - 1 {
				n := o.From + i
				k := chosen[n%len(chosen)]
				what, out, err := try(o, n, k, proved, others, read)
				results[i] = result{k.name, what, out, err}
			}
		})
	}
	all.Wait()
	for _, one := range results {
		if one.err != nil {
			return nil, one.err
		}
		if r.Kinds[one.kind] == nil {
			r.Kinds[one.kind] = &Counts{}
		}
		r.Kinds[one.kind][one.out]++
		if one.out >= Text && len(r.Examples[one.out]) < o.Examples {
			r.Examples[one.out] = append(r.Examples[one.out], one.what)
		}
	}
	return r, nil
}

// try plants an error of a kind in a document that has what it changes.
func try(o Options, n int, k kind, proved, others []*base, read Reader) (what string, out Outcome, err error) {
	random := rand.New(rand.NewPCG(o.Seed, uint64(n)))
	for range 1000 {
		from := proved
		// One error in eight goes where nothing was proved before.
		if len(proved) == 0 || len(others) > 0 && random.IntN(8) == 0 {
			from = others
		}
		if len(from) == 0 {
			break
		}
		b := planted.Pick(random, from)
		t := &trial{Rand: random, base: b, pages: slices.Clone(b.Pages), owned: make([]bool, len(b.Pages))}
		if what = k.plant(t); what == "" {
			continue
		}
		bills, err := read(t.pages)
		out, wrong := judge(bills, err, b)
		if out == Unread && !k.unnamed {
			out = False // its heading is there
		}
		return fmt.Sprintf("--seed %d --from %d --errors 1 --in %q --only %q: %s: %s: %s; %s", o.Seed, n, o.In, o.Only, b.Name, k.name, what, wrong), out, nil
	}
	return "", 0, fmt.Errorf("no document has what the error %q changes", k.name)
}
