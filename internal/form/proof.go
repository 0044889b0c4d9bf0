package form

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// The strength that a proof needs, in bits: all columns together, and the strongest. A
// column's strength is the logarithm of its sum in units of its last printed digit, less
// that of the figures among which its total was found; that of a bill is the sum of its
// columns, less the logarithm of the readings that were tried. A total that repeats the
// only line proves little, whatever its size: copying proves nothing about the columns.
//
// Planting errors calibrates both: see TestNoErrorInAnyFormIsProved.
const (
	// Enough is what all columns of a bill need together.
	Enough     = 20
	oneEnough  = 10
	oneLine    = 2
	looseLeast = 6 // for a total that no label names
)

// equal reports whether a printed figure is a sum.
func equal(c Cell, sum amount) bool { return amountOf(c.Figure).compare(sum) == 0 }

// rounded reports whether rounding each line by half its last printed digit can explain
// that a total differs from the sum (DESIGN.md §3): never for what is counted. Such a total
// proves less, since it does not show a wrong last digit.
// within is 0 for what proves something, and 1 to count all lines rounded to the same side
// by as much as can be, which is hardly rounding.
func rounded(f Field, total Cell, sum amount, lines, within int) bool {
	if f != Weight && f != NetWeight && f != Volume {
		return false
	}
	a := amountOf(total.Figure)
	places := max(a.places, sum.places)
	off := new(big.Int).Sub(a.at(places), sum.at(places))
	off.Abs(off).Mul(off, big.NewInt(2))
	slack := amount{big.NewInt(int64(lines)), sum.places}.at(places)
	return off.Cmp(slack) < within
}

// evidence is everything on the pages of a bill that may prove its tables.
type evidence struct {
	tables   []*figures
	labels   []labelled
	loose    []Cell
	unread   []Cell
	readings int // how many were tried
	missing  []int
	excess   string
	orphan   bool // a table has totals and no lines
	commas   bool // some number of the pages has a decimal comma for certain
}

// verdict is the result of a proof.
type verdict struct {
	checks  []Check
	outcome Outcome
	reason  string
	bits    float64
	strong  bool // the proofs are strong enough, whatever else is open
}

// prove compares the sums of all columns with the totals that the bill prints.
func (e *evidence) prove() verdict {
	v := verdict{}
	var alone Field // a column with a total and no summands
	odd := e.odd()
	used := map[int]bool{} // labels that name a sum
	printed := false
	for _, t := range e.tables {
		printed = printed || t.blank
		for i := range t.rows {
			for _, c := range t.rows[i].cells {
				if t.rows[i].total && c.Figure != "" && !slices.Contains(t.fields(), c.Field) {
					alone = c.Field
				}
			}
		}
		for _, f := range t.fields() {
			c, isPrinted := e.check(t, f, used)
			printed = printed || isPrinted
			v.checks = append(v.checks, c)
		}
	}
	strongest := 0.0
	var differ, open, off, none []string
	for _, c := range v.checks {
		switch c.State {
		case Proved:
			v.bits += c.Bits
			strongest = max(strongest, c.Bits)
		case Differs:
			if c.Kind != "" {
				differ = append(differ, fmt.Sprintf("%s: %s, the document prints %s", c.Field.Words(), c.Kind.of(c), c.Printed))
				continue
			}
			differ = append(differ, fmt.Sprintf("%s: the lines add up to %s, the document prints %s", c.Field.Words(), c.Sum, c.Printed))
		default:
			if c.Kind == NoTotal {
				none = append(none, c.Field.Words())
				continue
			}
			if c.Kind != "" && c.State == NotPrinted {
				continue // it agrees
			}
			open = append(open, c.Field.Words())
			if c.State == Unproved {
				off = append(off, c.Field.Words())
			}
		}
	}
	for i, l := range e.labels {
		if !e.counts(l.fields) {
			alone = l.fields[0]
			continue
		}
		if !used[i] {
			printed = true
			differ = append(differ, fmt.Sprintf("a printed total of %s is the sum of no column", l.values[0].Text))
		}
	}
	v.bits = max(0, v.bits-math.Log2(float64(max(e.readings, 1))))
	strong := v.bits >= Enough && strongest >= oneEnough
	v.strong = strong && len(e.unread) == 0 && len(open) == 0 && len(differ) == 0
	switch {
	case e.excess != "":
		v.outcome, v.reason = NothingProves, "a page has more "+e.excess+" than are read"
	case e.orphan:
		v.outcome, v.reason = NothingProves, "a table has totals, and no line of it could be read"
	case len(e.missing) > 0:
		v.outcome, v.reason = NothingProves, "pages are missing"
	case e.ambiguous():
		v.outcome, v.reason = NothingProves, "it is not certain whether its figures have decimal commas or thousands commas"
	case len(e.unread) > 0:
		v.outcome, v.reason = NothingProves, fmt.Sprintf("%q, among the rows, could not be read", e.unread[0].Text)
	case len(differ) > 0 && strong:
		v.outcome, v.reason = Mismatched, strings.Join(differ, "; ")
	case odd != "":
		v.outcome, v.reason = NothingProves, odd
	case alone != "":
		v.outcome, v.reason = NothingProves, "a total of "+alone.Words()+" is printed, and no line has a figure for it"
	case len(differ) > 0:
		v.outcome, v.reason = NothingProves, strings.Join(differ, "; ")
	case !printed:
		v.outcome, v.reason = Unchecked, "the document prints no totals"
	case len(open) == len(v.checks):
		v.outcome, v.reason = NothingProves, "the totals are not filled in, or stand where they were not found"
	case len(off) > 0:
		v.outcome, v.reason = NothingProves, "rounding hardly explains the differences in "+strings.Join(off, ", ")
	case len(open) > 0:
		v.outcome, v.reason = NothingProves, "no total was found for "+strings.Join(open, ", ")
	case !e.allCounted(v.checks):
		v.outcome, v.reason = NothingProves, "a line has no figure in a column that a total proves"
	case !strong:
		v.outcome, v.reason = NothingProves, fmt.Sprintf("the totals agree with the lines, but the figures are too small or too few to prove that (%.0f bits of %d, the best column %.0f of %d)", v.bits, Enough, strongest, oneEnough)
	case len(none) > 0:
		v.outcome, v.reason = Unchecked, "the form prints no total of "+strings.Join(none, ", ")
	default:
		v.outcome = Reconciled
	}
	v.strong = v.strong && (v.outcome == Reconciled || v.outcome == Unchecked)
	if !v.holds() {
		v.unprove()
	}
	return v
}

// holds reports whether the lines count as proved, with or without a printed total that
// differs.
func (v *verdict) holds() bool {
	return v.outcome == Reconciled || v.outcome == Mismatched || v.outcome == Unchecked && v.strong
}

// rank orders verdicts by what they show.
func (v *verdict) rank() int {
	switch {
	case v.outcome == Reconciled:
		return 3
	case v.outcome == Unchecked && v.strong:
		return 2
	case v.outcome == Mismatched:
		return 1
	}
	return 0
}

// unprove takes the proofs of the columns back: what a weak proof proves is not proved.
func (v *verdict) unprove() {
	for i := range v.checks {
		if v.checks[i].State == Proved {
			v.checks[i].State = Unproved
		}
	}
}

// odd says what in the lines can hardly be so, as if headings were those of other columns;
// "" if nothing is. Sums do not see that.
func (e *evidence) odd() string {
	more := func(r *figureRow, a, b Field) bool {
		x, is := r.figure(a)
		y, too := r.figure(b)
		return is && too && amountOf(x.Figure).compare(amountOf(y.Figure)) > 0
	}
	for _, t := range e.tables {
		for _, r := range t.lines() {
			for _, f := range []Field{Packages, Pieces, Pallets} {
				if c, ok := r.figure(f); ok && strings.Contains(strings.TrimRight(strings.TrimRight(c.Figure, "0"), "."), ".") {
					return fmt.Sprintf("%s are counted as %s", f.Words(), c.Text)
				}
			}
			switch {
			case more(r, Packages, Pieces):
				return "a line has more packages than pieces"
			case more(r, NetWeight, Weight):
				return "a line weighs more net than gross"
			}
		}
	}
	return ""
}

// ambiguous reports whether numbers of the pages have decimal commas, and the figures of the
// tables do not tell whether they have: sums agree either way.
func (e *evidence) ambiguous() bool {
	if !e.commas {
		return false
	}
	commas, points, either := false, false, false
	for _, t := range e.tables {
		for i := range t.rows {
			for _, c := range t.rows[i].cells {
				text, _, _ := strings.Cut(page.Seen(c.Text), " ")
				switch {
				case c.Figure == "":
				case commaShape.MatchString(text):
					commas = true
				case pointShape.MatchString(text):
					points = true
				default:
					either = either || strings.ContainsAny(text, ".,")
				}
			}
		}
	}
	return either && commas == points
}

// counts reports whether a table has lines of one of the fields.
func (e *evidence) counts(fields []Field) bool {
	return slices.ContainsFunc(e.tables, func(t *figures) bool {
		return slices.ContainsFunc(t.fields(), func(f Field) bool { return slices.Contains(fields, f) })
	})
}

// check proves one column of one table. printed is true if there is a total for it.
func (e *evidence) check(t *figures, f Field, used map[int]bool) (c Check, printed bool) {
	sum, lines, bits := t.sum(f)
	c = Check{Role: t.role, Field: f, Sum: sum.String(), State: NotPrinted, Lines: lines}
	for _, col := range t.columns {
		if col.field == f && c.Unit == "" {
			c.Unit = col.unit
		}
	}
	if kind := t.totals[f]; kind != "" {
		return e.noSum(t, f, kind, c, used)
	}
	prove := func(total Cell, bits float64) {
		if !equal(total, sum) {
			bits -= math.Log2(float64(lines + 1)) // so many totals are within rounding
		}
		c.State, c.Printed, c.Total, c.Bits = Proved, total.Figure, total, max(0, bits)
	}
	differs := func(total Cell) {
		c.State, c.Printed, c.Total, c.Bits = Differs, total.Figure, total, 0
		if rounded(f, total, sum, lines, 1) {
			c.State = Unproved
		}
	}
	// Totals in rows: each is the sum of all lines, of those since the last total, or of
	// those so far.
	var all *Cell
	open, far := amount{new(big.Int), 0}, amount{new(big.Int), 0}
	since := 0
	for i := range t.rows {
		r := &t.rows[i]
		cell, ok := r.figure(f)
		switch {
		case !ok:
		case !r.total:
			a := amountOf(cell.Figure)
			open, far = open.plus(a), far.plus(a)
			since++
		case !r.draft.part && (equal(cell, sum) || rounded(f, cell, sum, lines, 0)):
			printed = true
			all = &cell
			open, since = amount{new(big.Int), 0}, 0
		case since > 0 && (equal(cell, open) || equal(cell, far)):
			printed = true
			open, since = amount{new(big.Int), 0}, 0
		default:
			differs(cell)
			return c, true
		}
	}
	// Labels outside of the rows.
	for i, l := range e.labels {
		if !slices.Contains(l.fields, f) {
			continue
		}
		at := slices.IndexFunc(l.values, func(v Cell) bool { return equal(v, sum) })
		if at < 0 && len(l.values) == 1 && len(l.fields) == 1 && rounded(f, l.values[0], sum, lines, 0) {
			at = 0
		}
		if at >= 0 {
			printed, used[i] = true, true
			if all == nil {
				prove(l.values[at], bits-math.Log2(float64(len(l.values))))
				return c, true
			}
		}
	}
	if all != nil {
		prove(*all, bits)
		return c, true
	}
	if printed {
		// Totals of parts, and none of all: a part that is lost with its total is not
		// missed.
		return c, true
	}
	// The same field of another table.
	for _, o := range e.tables {
		if o == t || !slices.Contains(o.fields(), f) {
			continue
		}
		other, n, _ := o.sum(f)
		for i := range o.rows {
			if cell, ok := o.rows[i].figure(f); ok && o.rows[i].total && equal(cell, sum) {
				prove(cell, bits)
				return c, true
			}
		}
		if other.compare(sum) == 0 && (n > 1 || lines > 1) {
			prove(Cell{Figure: other.String()}, bits)
			return c, true
		}
	}
	// A figure that no label names, somewhere on the pages. Among many figures one may be
	// the sum by chance.
	if lines > 1 && len(t.fields()) > 1 { // other columns may be proved by better means
		if at := slices.IndexFunc(e.loose, func(v Cell) bool { return equal(v, sum) }); at >= 0 {
			if b := bits - math.Log2(float64(len(e.loose))); b >= looseLeast {
				prove(e.loose[at], b)
				return c, true
			}
		}
	}
	return c, false
}

// Words names the field for people.
func (f Field) Words() string { return strings.ReplaceAll(string(f), "_", " ") }

// noSum compares a total that a learnt form says is not a sum. What agrees proves nothing, so
// the column stays one without a printed total.
func (e *evidence) noSum(t *figures, f Field, kind TotalKind, c Check, used map[int]bool) (Check, bool) {
	c.Kind = kind
	switch kind {
	case MaxTotal:
		largest := amount{new(big.Int), 0}
		for _, r := range t.lines() {
			if cell, ok := r.figure(f); ok && amountOf(cell.Figure).compare(largest) > 0 {
				largest = amountOf(cell.Figure)
			}
		}
		c.Sum = largest.String()
	case CountTotal:
		c.Sum = fmt.Sprint(c.Lines)
	}
	want := amountOf(c.Sum)
	compare := func(cell Cell) {
		if kind != NoTotal && !equal(cell, want) {
			c.State, c.Printed, c.Total = Differs, cell.Figure, cell
		}
	}
	printed := false
	for i := range t.rows {
		if cell, ok := t.rows[i].figure(f); ok && t.rows[i].total {
			printed = true
			compare(cell)
		}
	}
	for i, l := range e.labels {
		if !slices.Contains(l.fields, f) || used[i] {
			continue
		}
		switch agrees := slices.ContainsFunc(l.values, func(v Cell) bool { return equal(v, want) }); {
		case agrees, kind == NoTotal && len(l.fields) == 1:
			printed, used[i] = true, true
		case len(l.fields) == 1:
			printed, used[i] = true, true
			compare(l.values[0])
		}
	}
	return c, printed && kind != NoTotal
}

// of says for people what a total of the kind should be.
func (k TotalKind) of(c Check) string {
	switch k {
	case MaxTotal:
		return "the largest of the lines is " + c.Sum
	case CountTotal:
		return "there are " + c.Sum + " lines"
	}
	return "the lines add up to " + c.Sum
}

// allCounted reports whether each line has a figure in a column that a total proves. It is
// so where all columns are proved.
func (e *evidence) allCounted(checks []Check) bool {
	if !slices.ContainsFunc(checks, func(c Check) bool { return c.Kind != "" }) {
		return true
	}
	for _, t := range e.tables {
		for _, r := range t.lines() {
			if !slices.ContainsFunc(checks, func(c Check) bool { return c.Role == t.role && c.State == Proved && r.has(c.Field) }) {
				return false
			}
		}
	}
	return true
}
