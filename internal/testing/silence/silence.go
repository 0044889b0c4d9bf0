// Package silence changes sound documents and order exports at random, one change
// each, and counts what becomes of the sheet (DESIGN.md §3 to §5):
//
//   - right: the sheet is the true one, to the byte;
//   - told: it is not, and the list of what needs a person's eye, as --strict counts
//     it, says so, or the file is refused;
//   - silent: it is not, and nothing is said. This must never happen.
//
// The true sheet is what package sample reckons, which knows nothing of the reader.
// It is the sheet of the shipment before the change, whatever happens to its files:
// rows, pages and words that are lost, doubled, cut, torn, moved out of their cells,
// values that stand one column over, figures with another digit while the totals stay
// as they were.
//
// Half of the documents lie differently, too: slanted, scaled, stretched, several pages
// on one, their words in pieces.
//
// Some changes make other sound files, which nobody can tell from what was meant. The
// truth then follows the paper or the export, and is what sample reckons for these:
//
//   - another letter or digit of a text that no total proves: a style, the number of a
//     bill of one page, an order number, a ship-to; another date that is one;
//   - two cells of one column of a bill that change places, and so do two columns of an
//     export whose values are of one kind: two dates, or ship-to and order number;
//   - a bill that is left out with all of its pages;
//   - a weight that is off by no more than the rounding of the lines explains, half a
//     tenth of a pound for each line. These are counted as right and, since arithmetic
//     cannot see them, once more as within rounding. The cube is printed only once and
//     its lines are not in the sheet: a cube within rounding is such a case as well.
//
// A cut text is proved by the order export only, so texts are cut only where there is
// one. What is hidden, clipped or covered on a PDF's page is for package intake to
// see: here, a hidden word is a word that is not there.
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
)

// Options say what to try.
type Options struct {
	// Seed chooses among the mutations; the nth of a seed is always the same.
	Seed uint64
	// Mutations is how many to try, each on a shipment of its own.
	Mutations int
	// Only, if not "", leaves out the kinds of mutations whose names do not hold it.
	Only string
	// Tamper, if not nil, changes what was read of a document before the sheet is
	// made. Tests break the product with it.
	Tamper func(*bol.Document)
}

// Count is how often a kind of mutation ended how. Rounding is the part of Right that
// is only within rounding.
type Count struct{ Right, Told, Silent, Rounding int }

// Result is what became of all mutations.
type Result struct {
	// Kinds has the counts by the name of the kind of mutation.
	Kinds map[string]*Count
	// Silent describes each mutation that changed a sheet in silence.
	Silent []string
}

// Total is the sum of all kinds.
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

// trial is one shipment and what is done to it.
type trial struct {
	*rand.Rand
	paper *sample.Sample // what the document is made from
	truth *sample.Sample // what the sheet must say
	// file, if not nil, is what the sheet may say as well: what the export says.
	file *sample.Sample
	// near, if not nil, is what the sheet may say within rounding.
	near    *sample.Sample
	pages   []page.Page
	lay     paper.Lay
	merged  bool // the order export is given
	export  [][]string
	written []byte // the export as it is given, if not as export
}

// mutation is one kind of change. It returns what it did, or "" where the shipment has
// nothing to do it to.
type mutation struct {
	name  string
	apply func(*trial) string
}

// Run tries the mutations. It fails if a sound shipment gives another sheet than the
// true one, or is reported: then no count would mean anything.
func Run(o Options) (*Result, error) {
	r := &Result{Kinds: map[string]*Count{}}
	all := slices.DeleteFunc(append(slices.Clone(documents), exports...), func(m mutation) bool { return !strings.Contains(m.name, o.Only) })
	if len(all) == 0 {
		return nil, fmt.Errorf("no kind of mutation holds %q", o.Only)
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

// try applies the mutation to shipments until one has something to apply it to.
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
			// A cancel date may be missing, but an export without any is reported.
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
				return "", 0, fmt.Errorf("the sound shipment %+v is not read as it is: %w %q\n%s", size, err, found, difference(got, t.sheet(t.truth)))
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

// zeros are those at the end of a figure: 11 and 11.0 are one weight.
var zeros = regexp.MustCompile(`\.0+,`)

// same reports whether two sheets hold the same.
func same(a, b string) bool {
	return a == b || zeros.ReplaceAllString(a, ",") == zeros.ReplaceAllString(b, ",")
}

// anyLay chooses how the pages lie: half of them as they are printed.
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

// laid are the pages as they lie. Pages that hold no form stay by themselves.
func (t *trial) laid() []page.Page {
	l := t.lay
	if slices.ContainsFunc(t.pages, func(p page.Page) bool { return len(p.Words) < 100 }) {
		l.Up = 1
	}
	return l.Pages(t.pages)
}

// layOut makes the pages of the paper.
func (t *trial) layOut() (err error) {
	t.pages, err = t.paper.WordPages()
	return err
}

// sheet is the sheet that sample reckons.
func (t *trial) sheet(s *sample.Sample) string {
	var b bytes.Buffer
	write := s.WriteUnmatched
	if t.merged {
		write = s.WriteExpected
	}
	if err := write(&b); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.String()
}

// read makes the sheet of the pages and the export, as the product does, and what
// --strict counts. It fails if one of them is refused.
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
			file = t.write(pick(t, separators))
		}
		if rows, err = orders.Read(context.Background(), bytes.NewReader(file), int64(len(file)), "orders.csv", orders.Limits{}); err != nil {
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

// difference shows the first lines in which two sheets differ.
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

// toCheck are the findings that --strict counts.
func toCheck(s *sheet.Sheet) (out []string) {
	for _, f := range s.Findings {
		if f.Severity.Strict() {
			out = append(out, f.String())
		}
	}
	return out
}
