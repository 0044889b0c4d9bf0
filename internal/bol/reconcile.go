package bol

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/text"
)

// Field is one of the four figures of a bill that are reconciled.
type Field string

// The fields, in the order in which they are reported.
const (
	Cartons Field = "cartons"
	Pieces  Field = "pieces"
	Weight  Field = "weight" // pounds, one decimal
	Cube    Field = "cube"   // cubic feet, two decimals
)

// Fields are all fields, in the order in which they are reported.
var Fields = [...]Field{Cartons, Pieces, Weight, Cube}

// Outcome is the result of comparing a bill's lines with its printed totals.
type Outcome string

// The outcomes (DESIGN.md §3).
const (
	Reconciled Outcome = "reconciled" // every printed total equals the sum of the lines
	Mismatched Outcome = "mismatched" // at least one does not
	Unchecked  Outcome = "unchecked"  // none differs, but not all are printed
	Unproved   Outcome = "unproved"   // the form is not known, and nothing proves the reading
)

// Check is the comparison of one field.
type Check struct {
	Field Field
	// Printed is the total at the foot, without commas; "" if there is none.
	Printed string
	// Sum is the sum of the lines.
	Sum string
	// State says whether printed total and sum were compared, and with what result.
	State State
	// Difference is the printed total minus the sum; "" if there is none. In a proved
	// total it is within rounding.
	Difference string
	// Unit is the unit of the figures, for people.
	Unit string
}

// State is the result of comparing a total with the sum of its lines.
type State string

// The states (DESIGN.md §3).
const (
	Proved     State = "proved"      // the lines add up to the printed total
	Differs    State = "differs"     // they do not
	NotPrinted State = "not_printed" // no total is printed; nothing was compared
	Unread     State = "unread"      // what is printed is not a number; nothing was compared
	Unsure     State = "unproved"    // they add up, which proves nothing of this bill: see Unproved
)

// units are the units of the fields.
var units = map[Field]string{Cartons: "cartons", Pieces: "pieces", Weight: "lb", Cube: "cu ft"}

// Verdict is the outcome of a bill's reconciliation. Checks has one entry per
// field, in the order of Fields; of a bill that was read freely, one for each column of
// figures in its tables.
type Verdict struct {
	Outcome Outcome
	// Reason says why a bill is unchecked or unproved; "" for other bills.
	Reason string
	Checks []Check
}

// Differences returns the checks that failed.
func (v Verdict) Differences() []Check {
	var out []Check
	for _, c := range v.Checks {
		if c.State == Differs {
			out = append(out, c)
		}
	}
	return out
}

// String returns a check for people: "pieces: the lines add up to 12, the bill prints
// 13".
func (c Check) String() string {
	sum, printed := text.Figure(c.Sum), text.Figure(c.Printed)
	switch c.State {
	case Proved:
		said := fmt.Sprintf("%s: proved, the lines add up to %s", c.Field, sum)
		if r := c.Rounding(); r != "" {
			said += ", the bill prints " + printed + " (" + r + ")"
		}
		return said
	case NotPrinted:
		return fmt.Sprintf("%s: not printed, not compared; the lines add up to %s", c.Field, sum)
	case Unsure:
		return fmt.Sprintf("%s: the lines add up to %s, the bill prints %s, which alone proves nothing", c.Field, sum, printed)
	case Unread:
		return fmt.Sprintf("%s: the printed total cannot be read, not compared; the lines add up to %s", c.Field, sum)
	}
	return fmt.Sprintf("%s: the lines add up to %s, the bill prints %s", c.Field, sum, printed)
}

// differenceOf returns what a check says of by how much a total is off.
func differenceOf(off decimal.Decimal) string {
	if off.IsZero() {
		return ""
	}
	return off.String()
}

// Rounding returns the difference of a proved total, for example "≈ rounding, 0.3 lb";
// "" if there is none.
func (c Check) Rounding() string {
	if c.State != Proved || c.Difference == "" {
		return ""
	}
	return fmt.Sprintf("≈ rounding, %s %s", strings.TrimPrefix(c.Difference, "-"), c.Unit)
}

// PrintedTotal returns the printed total of a field.
func (b *Bill) PrintedTotal(f Field) Number {
	if !slices.Contains(Fields[:], f) { // a column that only a free form has
		return Number{}
	}
	return *totalOf(&b.Printed, f)
}

// total is the sum of one field of a bill's lines.
type total struct {
	amount decimal.Decimal
	places int32 // the most decimals that a line prints
	least  int32 // the least decimals that a line prints, but for zeros
	lines  int   // lines that have the field
}

func (t total) text() string {
	if t.lines == 0 {
		return ""
	}
	return t.amount.StringFixed(t.places)
}

func (b *Bill) sum(f Field) total {
	t := total{least: math.MaxInt32}
	for i := range b.Lines {
		n := cellOf(&b.Lines[i], f)
		if !n.Valid {
			continue
		}
		amount := n.Amount()
		t.amount = t.amount.Add(amount)
		t.places = max(t.places, -amount.Exponent())
		if !amount.IsZero() {
			t.least = min(t.least, -amount.Exponent())
		}
		t.lines++
	}
	return t
}

// decimals are the most decimals that the lines of a document print, by field.
type decimals map[Field]int32

// slack is how far rounding can put a printed total off the sum of a field: not at all
// for cartons and pieces, by half the last printed digit of each line for weight and
// volume (DESIGN.md §3). A document prints a figure with the same decimals throughout:
// 12 among figures like 12.5, or as their total, is not rounded, but cut off; then
// nothing is left to rounding.
func (t total) slack(f Field, printed *Number, most decimals) decimal.Decimal {
	if f != Weight && f != Cube || min(t.least, int32(decimalsOf(printed.Plain()))) < most[f] {
		return decimal.Decimal{}
	}
	return decimal.New(5*int64(t.lines), -max(t.places, most[f])-1)
}

// reconcile compares the bill's lines with its printed totals. absent says why totals
// might be missing; it becomes the reason if any is. most are the decimals of the whole
// document.
func (b *Bill) reconcile(absent string, most decimals) {
	if b.Optical {
		b.choose(most)
	}
	v := Verdict{Outcome: Reconciled, Checks: make([]Check, 0, len(Fields))}
	var missing, unread []string
	for _, f := range Fields {
		printed := totalOf(&b.Printed, f)
		sum := b.sum(f)
		c := Check{Field: f, Printed: printed.Plain(), Sum: sum.text(), State: NotPrinted, Unit: units[f]}
		switch {
		case printed.Valid:
			off := printed.Amount().Sub(sum.amount)
			c.Difference = differenceOf(off)
			c.State = Proved
			if off.Abs().GreaterThan(sum.slack(f, printed, most)) {
				c.State = Differs
				v.Outcome = Mismatched
			}
		case printed.Text != "":
			c.State = Unread
			unread = append(unread, string(f))
		default:
			missing = append(missing, string(f))
		}
		if c.Sum == "" {
			c.Sum = "0"
		}
		v.Checks = append(v.Checks, c)
	}
	if len(missing)+len(unread) > 0 && v.Outcome == Reconciled {
		v.Outcome = Unchecked
		switch {
		case len(unread) > 0:
			v.Reason = "the printed total of " + strings.Join(unread, ", ") + " cannot be read"
		case absent != "":
			v.Reason = absent
		default:
			v.Reason = "no total is printed for " + strings.Join(missing, ", ")
		}
	}
	b.Verdict = v
	b.vouch()
}

// vouch takes the proofs of a bill back that was read from pictures, unless each of its figures
// and its number is confirmed or chosen: what was misread once can be misread twice.
func (b *Bill) vouch() {
	if !b.Optical || b.Verdict.Outcome == Unproved {
		return
	}
	v := &b.Verdict
	loose := b.loose()
	if v.Outcome == Reconciled && len(loose) == 0 {
		return
	}
	v.Checks = slices.Clone(v.Checks)
	var differ []string
	for i := range v.Checks {
		switch c := &v.Checks[i]; c.State {
		case Proved:
			c.State = Unsure
		case Differs:
			differ = append(differ, c.String())
		}
	}
	who, why := "one reader read it from a picture", "its lines add up to the printed totals, but one misreading can stand in both"
	if b.Twice {
		who = "two readers read it from a picture"
		why = text.Verb(len(loose), "value", "is", "are") + " not proved, though the lines add up to the printed totals"
	}
	switch {
	case len(differ) > 0:
		why = strings.Join(differ, "; ")
	case v.Reason != "":
		why = v.Reason
	}
	v.Outcome, v.Reason = Unproved, who+"; "+why
}

// loose returns the figures of a bill, and its number, that were read from a picture and are
// neither confirmed nor chosen.
func (b *Bill) loose() []Value {
	out := slices.DeleteFunc(b.figures(), func(v Value) bool { return !v.Doubtful() })
	if b.Number.Text == "" || b.Number.Doubtful() {
		out = append(out, b.Number)
	}
	return out
}

// proveAgain proves a bill again of which something is chosen that was doubtful.
func (b *Bill) proveAgain(most decimals) {
	switch {
	case b.Free == nil:
		b.reconcile(b.absent, most)
	case b.change == nil: // what people changed is compared, not proved
		b.Verdict = freeVerdict(b.Free)
		b.vouch()
	}
}
