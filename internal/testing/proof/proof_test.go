package proof

import (
	"os"
	"testing"

	"tallyman/internal/intake"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	os.Exit(m.Run())
}

// run plants errors, or ends the test.
func run(t *testing.T, o Options, read Reader, documents []Document) *Result {
	t.Helper()
	o.Examples = 3
	r, err := Run(o, documents, read)
	must.OK(t, err)
	return r
}

func known(t *testing.T) []Document {
	t.Helper()
	documents, err := Straight(8)
	must.OK(t, err)
	return documents
}

func TestNoErrorInTheKnownFormIsProved(t *testing.T) {
	r := run(t, Options{Seed: 1, Errors: 600}, Known, known(t))
	for _, s := range r.Sound {
		if s.Outcome != Right || s.Proved != s.Bills || s.True != s.Bills {
			t.Errorf("without an error: %+v", s)
		}
	}
	if r.False() > 0 {
		t.Errorf("%d false proofs: %q", r.False(), r.Examples[False])
	}
	if n := r.Total(); n[Right] < 60 || n[Told] < 200 || n[Cancelled] == 0 || n[Combination] == 0 || n[Text] == 0 {
		t.Errorf("too few of one outcome: %v", n)
	}
}

// sound fails if documents are not read right and proved without an error, or proved with one.
func sound(t *testing.T, r *Result, documents []Document) {
	t.Helper()
	proved := 0
	for _, s := range r.Sound {
		if proved += s.Proved; s.True != s.Bills {
			t.Errorf("without an error: %+v", s)
		}
	}
	if proved < len(documents) {
		t.Errorf("only %d bills of %d documents are proved", proved, len(documents))
	}
	if r.False() > 0 {
		t.Errorf("%d false proofs: %q", r.False(), r.Examples[False])
	}
}

// invented are documents of some forms.
func invented(t *testing.T, seeds int, forms ...sample.Form) (documents []Document) {
	t.Helper()
	l := NewLibrary()
	defer l.Close()
	for _, f := range forms {
		some, err := l.Invented(t.Context(), f, seeds)
		must.OK(t, err)
		documents = append(documents, some...)
	}
	return documents
}

func TestNoErrorInAnyFormIsProved(t *testing.T) {
	documents := invented(t, 3, sample.OtherForms...)
	r := run(t, Options{Seed: 3, Errors: 440}, Free, documents)
	sound(t, r, documents)
	if n := r.Total(); n[Right] < 30 || n[Told] < 150 {
		t.Errorf("too few of one outcome: %v", n)
	}
}

// A learnt form proves no error either, and reads documents that nothing else does.
func TestNoErrorInALearntFormIsProved(t *testing.T) {
	documents := invented(t, 2, sample.House, sample.Packing, sample.Short)
	learnt, err := Learnt(documents)
	must.OK(t, err)
	r := run(t, Options{Seed: 4, Errors: 300}, learnt, documents)
	sound(t, r, documents)
	if n := r.Total(); n[Right] < 20 || n[Told] < 100 {
		t.Errorf("too few of one outcome: %v", n)
	}
}

// TestFalseProofsAreFound breaks the reader: each must lead to false proofs.
func TestFalseProofsAreFound(t *testing.T) {
	for name, spoil := range map[string]func(b *Bill){
		"all bills are called proved": func(b *Bill) { b.Proved = true },
		"a row is left out": func(b *Bill) {
			if rows := b.Tables[0].Rows; len(rows) > 1 {
				b.Tables[0].Rows = rows[1:]
			}
		},
		"a figure is not read": func(b *Bill) {
			for _, r := range b.Tables[0].Rows {
				r["pieces"] = ""
				break
			}
		},
		"a total is wrong": func(b *Bill) { b.Tables[0].Totals["packages"] = "1" },
		"totals are lines": func(b *Bill) {
			b.Tables[0].Rows = append(b.Tables[0].Rows, b.Tables[0].Totals)
		},
	} {
		broken := func(pages []page.Page) ([]Bill, error) {
			bills, err := Known(pages)
			for i := range bills {
				spoil(&bills[i])
			}
			return bills, err
		}
		if r := run(t, Options{Seed: 2, Errors: 60}, broken, known(t)); r.False() == 0 {
			t.Errorf("%s: no false proof is found", name)
		}
	}
}
