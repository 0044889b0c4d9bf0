// Package silence changes sound documents and order exports at random, one change
// each, and counts what becomes of the sheet (DESIGN.md §3 to §5):
//
//   - right: the sheet is the true one, to the byte;
//   - told: it is not, but the list of what needs a person's eye reports something
//     that --strict counts, or the file is refused;
//   - silent: it is not, and nothing is reported. This must never happen.
//
// The true sheet is calculated by package sample, which does not use the reader. It is
// the sheet of the shipment before the change. Changes lose, double, cut, tear or move
// rows, pages and words, shift values by a column, or change a digit of a figure
// without its total.
//
// Half of the documents also get another layout: slanted, scaled, stretched, several
// pages on one, or words in pieces.
//
// Some changes result in other sound files that nobody can tell from the intended ones.
// The truth then follows the changed files, as package sample calculates it:
//
//   - a text that no total proves has another letter or digit: a style, the number of
//     a bill of one page, an order number or a ship-to; or a date becomes another
//     valid date;
//   - two cells of one column of a bill change places, or two columns of an export
//     with values of one kind: two dates, or ship-to and order number;
//   - a bill is missing with all of its pages;
//   - a weight is off by no more than rounding of the lines explains, which is half a
//     tenth of a pound per line. Arithmetic cannot detect that, so these are counted
//     as right, and a second time as within rounding. The same goes for the cube: it
//     is printed only once, and the sheet has no cubes of lines.
//
// Only the order export proves a cut text, so texts are cut only where there is one.
// Package intake detects text that is hidden, clipped or covered on a PDF's page; here,
// a hidden word is a missing word.
package silence

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/paper"
	"tallyman/internal/testing/planted"
)

// Options are the options of Run.
type Options struct {
	// Seed chooses the mutations: the nth mutation of a seed is always the same.
	Seed uint64
	// Mutations is the number of mutations, each of a separate shipment.
	Mutations int
	// Only limits the mutations to the kinds whose names contain it.
	Only string
	// Tamper, if not nil, changes a document after it was read and before the sheet is
	// made. Tests use it to break the product.
	Tamper func(*bol.Document)
}

// Count counts the outcomes of a kind of mutation. Rounding is the part of Right that is
// only within rounding.
type Count struct{ Right, Told, Silent, Rounding int }

// Result is the outcome of all mutations.
type Result struct {
	// Kinds holds the counts by the name of the kind.
	Kinds map[string]*Count
	// Silent describes each mutation with the outcome silent.
	Silent []string
}

// Total returns the sum of all kinds.
func (r *Result) Total() (t Count) {
	for _, c := range r.Kinds {
		t.Right, t.Told, t.Silent, t.Rounding = t.Right+c.Right, t.Told+c.Told, t.Silent+c.Silent, t.Rounding+c.Rounding
	}
	return t
}

// Write writes a table of the counts.
func (r *Result) Write(w io.Writer) {
	row := func(name string, c Count) {
		fmt.Fprintf(w, "%-44s %7d %7d %7d %9d\n", name, c.Right, c.Told, c.Silent, c.Rounding)
	}
	fmt.Fprintf(w, "%-44s %7s %7s %7s %9s\n", "mutation", "right", "told", "silent", "rounding")
	for _, name := range slices.Sorted(maps.Keys(r.Kinds)) {
		row(name, *r.Kinds[name])
	}
	row("all", r.Total())
}

// trial is one shipment and its mutation.
type trial struct {
	*rand.Rand
	paper *sample.Sample // the source of the document
	truth *sample.Sample // the source of the true sheet
	// file, if not nil, is the source of a second accepted sheet, which follows the
	// export.
	file *sample.Sample
	// near, if not nil, is the source of the sheet that is accepted as within rounding.
	near    *sample.Sample
	pages   []page.Page
	lay     paper.Lay
	merged  bool // there is an order export
	export  [][]string
	written []byte // the file of the export, nil to write export
}

// mutation is one kind of change. apply returns what it changed, or "" if the shipment
// has nothing that it could change.
type mutation struct {
	name  string
	apply func(*trial) string
}

// Run tries the mutations. It fails if an unchanged shipment does not give the true
// sheet, or gives findings, since the counts would then be meaningless.
func Run(o Options) (*Result, error) {
	r := &Result{Kinds: map[string]*Count{}}
	all := slices.DeleteFunc(append(slices.Clone(documents), exports...), func(m mutation) bool { return !strings.Contains(m.name, o.Only) })
	if len(all) == 0 {
		return nil, fmt.Errorf("no kind of mutation has %q in its name", o.Only)
	}
	for n := range uint64(o.Mutations) {
		m := all[n%uint64(len(all))]
		if r.Kinds[m.name] == nil {
			r.Kinds[m.name] = &Count{}
		}
		what, outcome, err := try(o, n, m)
		if err != nil {
			return nil, fmt.Errorf("seed %d, mutation %d: %w", o.Seed, n, err)
		}
		c := r.Kinds[m.name]
		switch outcome {
		case right:
			c.Right++
		case rounding:
			c.Right, c.Rounding = c.Right+1, c.Rounding+1
		case told:
			c.Told++
		case silent:
			c.Silent++
			r.Silent = append(r.Silent, fmt.Sprintf("seed %d, mutation %d: %s: %s", o.Seed, n, m.name, what))
		}
	}
	return r, nil
}

type outcome int

const (
	right outcome = iota
	rounding
	told
	silent
)

// try makes shipments until it finds one that the mutation can change.
func try(o Options, n uint64, m mutation) (what string, out outcome, err error) {
	random := rand.New(rand.NewPCG(o.Seed, n))
	for {
		t := &trial{Rand: random}
		size := sample.Options{Bills: 1 + t.IntN(5), Seed: t.Uint64()}
		size.Lines = size.Bills * (1 + t.IntN(9))
		if t.IntN(4) == 0 {
			size.Lines += sample.RowsPerPage
		}
		for _, s := range []**sample.Sample{&t.paper, &t.truth} {
			if *s, err = sample.New(size); err != nil {
				return "", 0, err
			}
			// An export in which every cancel date is missing would be reported.
			if all := (*s).Orders; !slices.ContainsFunc(all, func(o sample.Order) bool { return o.CancelDate != "" }) {
				for i := range all {
					all[i].CancelDate = "12312025"
				}
			}
		}
		t.merged = t.IntN(2) == 0 || isExport(m)
		if !isExport(m) {
			t.lay = t.anyLay()
		}
		t.export = table(t.paper)
		if err := t.layOut(); err != nil {
			return "", 0, err
		}
		if n < 50 && t.lay == (paper.Lay{}) {
			if got, found, err := t.read(o); err != nil || len(found) > 0 || got != t.sheet(t.truth) {
				return "", 0, fmt.Errorf("the unchanged shipment %+v is not read correctly: %w %q\n%s", size, err, found, difference(got, t.sheet(t.truth)))
			}
		}
		if what = m.apply(t); what == "" {
			continue
		}
		what = fmt.Sprintf("%s (%+v, merged %t, %+v)", what, size, t.merged, t.lay)
		got, found, err := t.read(o)
		switch {
		case err == nil && (same(got, t.sheet(t.truth)) || t.file != nil && same(got, t.sheet(t.file))):
			return what, right, nil
		case err != nil || len(found) > 0:
			return what, told, nil
		case t.near != nil && same(got, t.sheet(t.near)):
			return what, rounding, nil
		}
		return what + "\n" + difference(got, t.sheet(t.truth)), silent, nil
	}
}

// zeros matches decimals that do not change a figure: 11 and 11.0 are the same weight.
var zeros = regexp.MustCompile(`\.0+,`)

// same reports whether two sheets have the same values.
func same(a, b string) bool {
	return a == b || zeros.ReplaceAllString(a, ",") == zeros.ReplaceAllString(b, ",")
}

// anyLay chooses a layout: for half of the trials, the printed one.
func (t *trial) anyLay() (l paper.Lay) {
	if t.IntN(2) == 0 {
		return l
	}
	l.Wide = 0.6 + t.Float64()*0.8
	l.Tall = l.Wide
	if t.IntN(3) == 0 {
		l.Tall *= 0.8 + t.Float64()*0.4
	}
	if t.IntN(2) == 0 {
		l.Degrees = t.Float64()*10 - 5
	}
	if t.IntN(6) == 0 {
		l.Pieces = 1 + t.IntN(3)
	}
	if t.IntN(3) == 0 {
		l.Up, l.Columns = 2+2*t.IntN(2), 1+t.IntN(2)
	}
	return l
}

// laid returns the pages in the layout of the trial. A document with pages without a form
// keeps one page per sheet.
func (t *trial) laid() []page.Page {
	l := t.lay
	if slices.ContainsFunc(t.pages, func(p page.Page) bool { return len(p.Words) < 100 }) {
		l.Up = 1
	}
	return l.Pages(t.pages)
}

// layOut makes the pages from paper.
func (t *trial) layOut() (err error) {
	t.pages, err = t.paper.WordPages()
	return err
}

// sheet returns the sheet that package sample calculates.
func (t *trial) sheet(s *sample.Sample) string {
	var b bytes.Buffer
	write := s.WriteUnmatched
	if t.merged {
		write = s.WriteExpected
	}
	if err := write(&b); err != nil {
		panic(err) // a buffer never fails
	}
	return b.String()
}

// read makes the sheet of the pages and the export as the product does, and returns it
// with the findings that --strict counts. It fails if a file is refused.
func (t *trial) read(o Options) (csv string, found []string, err error) {
	r := bol.NewReader()
	pages := t.laid()
	for i, p := range pages {
		p.Number = i + 1
		if err := r.Add(0, p); err != nil {
			return "", nil, err
		}
	}
	doc, err := r.Document([]bol.File{{Name: "bol.pdf", Pages: len(pages)}})
	if err != nil {
		return "", nil, err
	}
	var rows *orders.Table
	if t.merged {
		file := t.written
		if file == nil {
			file = t.write(planted.Pick(t.Rand, separators))
		}
		if rows, err = orders.Read(context.Background(), bytes.NewReader(file), int64(len(file)), "orders.csv", orders.Limits{}, nil); err != nil {
			return "", nil, err
		}
	}
	if o.Tamper != nil {
		o.Tamper(doc)
	}
	s := sheet.Make(doc, rows)
	var b bytes.Buffer
	if err := sheet.WriteCSV(&b, s); err != nil {
		return "", nil, err
	}
	return b.String(), toCheck(s), nil
}

// difference returns the first lines in which two sheets differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("  got  %s\n  want %s", cmp.Or(a, "no row"), cmp.Or(b, "no row"))
		}
	}
	return ""
}

// toCheck returns the findings that --strict counts.
func toCheck(s *sheet.Sheet) (out []string) {
	for _, f := range s.Findings {
		if f.Severity.Strict() {
			out = append(out, f.String())
		}
	}
	return out
}
