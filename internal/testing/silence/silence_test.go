package silence

import (
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/testing/must"
)

func TestNoMutationChangesTheSheetInSilence(t *testing.T) {
	r, err := Run(Options{Seed: 1, Mutations: 720})
	must.OK(t, err)
	for name, c := range r.Kinds {
		if c.Silent > 0 {
			t.Errorf("%s: %d of %d are silent: %s", name, c.Silent, c.Right+c.Told+c.Silent, r.Silent)
		}
	}
	if n := r.Total(); n.Right < 200 || n.Told < 200 {
		t.Errorf("%+v: too few outcomes of one kind", n)
	}
}

func TestAFieldThatIsNotReconciledIsSilent(t *testing.T) {
	for _, field := range []bol.Field{bol.Pieces, bol.Weight} {
		r, err := Run(Options{Seed: 2, Mutations: 180, Tamper: func(d *bol.Document) { ignore(d, field) }})
		must.OK(t, err)
		if r.Total().Silent == 0 {
			t.Errorf("the run does not notice that %s are not compared", field)
		}
	}
}

// ignore marks a field as proved even if the lines do not add up to its total.
func ignore(d *bol.Document, field bol.Field) {
	for _, b := range d.Bills {
		v := &b.Verdict
		for i := range v.Checks {
			if c := &v.Checks[i]; c.Field == field && c.State == bol.Differs {
				c.State = bol.Proved
			}
		}
		if v.Outcome == bol.Mismatched && len(v.Differences()) == 0 {
			v.Outcome = bol.Reconciled
		}
	}
}
