package bol

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/form"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// ownForm is a page of a form that the product does not know, under headings from left to right.
func ownForm(headings []string) page.Page {
	return list("Packing List No: PL-4711", headings, slices.Concat(twoOfFour, theOthers, []string{sum})...)
}

func readForms(t *testing.T, p page.Page, forms ...form.Form) *Document {
	t.Helper()
	r := NewReader()
	must.OK(t, r.Add(0, p))
	if !slices.Equal(r.Unclaimed(0), []int{1}) {
		t.Fatal("the page is of a known form")
	}
	must.OK(t, r.Free(0, []page.Page{p}, forms))
	d, err := r.Document([]File{{Name: "a", Pages: 1}})
	must.OK(t, err)
	return d
}

// Figures of free and learnt forms are chosen as those of the known form are, and what was chosen
// is proved by the form.
func TestFiguresOfAnyFormAreChosenOnlyIfNothingElseIsPossible(t *testing.T) {
	taught := []string{"WARE", "KOLLI", "STK", "VEKT"}
	learnt := form.Form{
		Name: "Nord", Rows: []form.RowRule{{Begins: "TOTAL", Is: form.TotalRow}},
		Columns: []form.FormColumn{
			{Heading: "WARE", Field: form.Style, Left: -2, Right: 200}, {Heading: "KOLLI", Field: form.Packages, Left: 220, Right: 300},
			{Heading: "STK", Field: form.Pieces, Left: 310, Right: 390}, {Heading: "VEKT", Field: form.Weight, Unit: form.Pounds, Left: 400, Right: 480},
		},
	}
	if flaws := learnt.Check(); len(flaws) > 0 {
		t.Fatal(flaws)
	}
	type texts = map[string]string
	for name, c := range map[string]struct {
		first, second texts
		outcome       Outcome
		chosen        []string // "text of first and second"
	}{
		"both read the same":                    {outcome: Reconciled},
		"one misreads a line":                   {second: texts{"336": "386"}, outcome: Reconciled, chosen: []string{"336 of 336 and 386"}},
		"the other misreads it":                 {first: texts{"336": "386"}, outcome: Reconciled, chosen: []string{"336 of 386 and 336"}},
		"one misreads a total":                  {first: texts{"1,960.0": "1,980.0"}, outcome: Reconciled, chosen: []string{"1960.0 of 1,980.0 and 1,960.0"}},
		"one reads a point in place of a comma": {first: texts{"1,960.0": "1.960.0"}, outcome: Reconciled, chosen: []string{"1960.0 of 1.960.0 and 1,960.0"}},
		"and what it reads is a figure":         {first: texts{"5,424": "5.424"}, outcome: Reconciled, chosen: []string{"5424 of 5.424 and 5,424"}},
		"points in place of all commas of a column and of a total": {
			first: texts{"1,152": "1.152", "7,344": "7.344", "1,960.0": "1.960.0"}, outcome: Reconciled,
			chosen: []string{"1152 of 1.152 and 1,152", "7344 of 7.344 and 7,344", "1960.0 of 1.960.0 and 1,960.0"},
		},
		"dirt stands before a figure": {first: texts{"336": "-336"}, outcome: Reconciled, chosen: []string{"336 of -336 and 336"}},
		"neither reads a figure":      {first: texts{"1,960.0": "1.960.0"}, second: texts{"1,960.0": "1.960,0"}, outcome: Unproved},
		"they misread two figures": {
			first: texts{"336": "386"}, second: texts{"101.3": "107.3"}, outcome: Reconciled, chosen: []string{"336 of 386 and 336", "101.3 of 101.3 and 107.3"},
		},

		"both misread a figure in one way":                          {first: texts{"336": "386"}, second: texts{"336": "386"}, outcome: Unproved},
		"neither reads it":                                          {first: texts{"336": "386"}, second: texts{"336": "338"}, outcome: Unproved},
		"one misreads the same place of a line and the total":       {second: texts{"336": "338", "7,344": "7,346"}, outcome: Unproved},
		"the same, and the first one does":                          {first: texts{"336": "338", "7,344": "7,346"}, outcome: Unproved},
		"two choices add up":                                        {second: texts{"336": "337", "432": "431"}, outcome: Unproved},
		"the paper does not add up, and a reader differs elsewhere": {first: texts{"7,344": "7,345"}, second: texts{"7,344": "7,345", "432": "482"}, outcome: Unproved},
		"the number is read differently":                            {second: texts{"PL-4711": "PL-4777"}, outcome: Unproved},
	} {
		for kind, d := range map[form.Kind]*Document{
			form.Free:   readForms(t, readTwice(ownForm(styled), c.first, c.second)),
			form.Learnt: readForms(t, readTwice(ownForm(taught), c.first, c.second), learnt),
		} {
			t.Run(fmt.Sprint(kind, ": ", name), func(t *testing.T) {
				b := d.Bills[0]
				if b.Verdict.Outcome != c.outcome || b.Form() != kind {
					t.Errorf("%s, of a %s form: %s", b.Verdict.Outcome, b.Form(), b.Verdict.Reason)
				}
				var chosen, told []string
				for _, v := range b.figures() {
					if v.Sight.State == Chosen {
						chosen = append(chosen, v.Text+" of "+v.Sight.First+" and "+strings.Join(v.Sight.Second, "/"))
					} else if c.outcome == Reconciled && v.Sight.State != Confirmed {
						t.Errorf("%s is %s", v.Text, v.Sight.State)
					}
				}
				for _, p := range d.Problems {
					if p.Kind == ChosenReading && p.Box != (page.Box{}) && p.Bill == "PL-4711" {
						told = append(told, p.Text)
					}
				}
				slices.Sort(chosen)
				slices.Sort(c.chosen)
				if !slices.Equal(chosen, c.chosen) || len(told) != len(chosen) {
					t.Errorf("chosen: %q, want %q; told: %q", chosen, c.chosen, told)
				}
				if c.outcome == Reconciled && (b.Lines[1].Pieces.Text != "336" || b.Printed.Weight.Plain() != "1960.0") {
					t.Errorf("the pieces are %s, the weight %s", b.Lines[1].Pieces.Text, b.Printed.Weight.Text)
				}
			})
		}
	}
}

// A choice makes a proof weaker: what is hardly proved by figures that are printed is not proved by
// chosen ones.
func TestAChoiceNeedsAStrongerProof(t *testing.T) {
	b := form.Bill{Outcome: form.Reconciled, Bits: form.Enough + 1, Pages: []form.Leaf{{Page: 1}}}
	r := form.Result{Bills: []form.Bill{b}}
	for bits, holds := range map[float64]bool{0: true, 1: true, 1.1: false} {
		c := choice{readings: map[spot]Number{{1, 0}: {}}, bits: bits}
		if c.holds(&r, []choice{c}) != holds {
			t.Errorf("%g bits less: %v", bits, !holds)
		}
	}
}

// A number that stands so close to its label that they are read as one word is confirmed as others
// are.
func TestANumberCloseToItsLabelIsConfirmed(t *testing.T) {
	for second, want := range map[string]Outcome{"No:PL-4711": Reconciled, "No:PL-4777": Unproved} {
		p := ownForm(styled)
		at := slices.IndexFunc(p.Words, func(w page.Word) bool { return w.Text == "PL-4711" })
		w := &p.Words[at]
		w.Text, w.Box.X0 = "No:PL-4711", p.Words[at-1].Box.X0
		w.Edges = evenEdges(w.Box, len(w.Text))
		p.Words = slices.Delete(p.Words, at-1, at)
		b := readForms(t, readTwice(p, nil, map[string]string{"No:PL-4711": second})).Bills[0]
		if b.Number.Text != "PL-4711" || b.Verdict.Outcome != want {
			t.Errorf("with %s: bill %q is %s: %s", second, b.Number.Text, b.Verdict.Outcome, b.Verdict.Reason)
		}
	}
}
