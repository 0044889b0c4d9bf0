package intake_test

import (
	"bytes"
	"context"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/form"
	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// Documents of the known form and of others are read together, are stored and come back,
// and are joined with what was read before.
func TestDocumentsOfAnyFormAreReadStoredAndJoined(t *testing.T) {
	known := invented(t, sample.Options{Bills: 2, Lines: 4, Seed: 1})
	vics := invented(t, sample.Options{Form: sample.VICS, Bills: 1, Lines: 9, Seed: 1})
	read := func(samples ...*sample.Sample) *bol.Pages {
		t.Helper()
		var files []intake.File
		for i, s := range samples {
			files = append(files, file([]string{"a.pdf", "b.pdf"}[i], must.Written(t, s.WritePDF)))
		}
		pages, err := shared.Pages(context.Background(), files, nil)
		must.OK(t, err)
		return pages
	}
	stored := func(p *bol.Pages) *bol.Pages {
		t.Helper()
		var b bytes.Buffer
		must.OK(t, p.Encode(&b))
		again, err := bol.DecodePages(b.Bytes())
		must.OK(t, err)
		return again
	}
	check := func(what string, p *bol.Pages) {
		t.Helper()
		d, err := p.Document()
		if err != nil {
			t.Fatal(what, err)
		}
		if len(d.Bills) != 3 || d.Count(bol.Reconciled) != 3 || d.Held() != 0 {
			t.Fatalf("%s: %d bills, %d reconciled, %d lines held: %v", what, len(d.Bills), d.Count(bol.Reconciled), d.Held(), d.Problems)
		}
		for i, b := range d.Bills {
			want := form.Known
			if i == 2 {
				want = form.Free
			}
			if b.Form() != want || len(b.Tables()) == 0 || len(b.Tables()[0].Rows) != len(b.Lines) {
				t.Errorf("%s: bill %s is %s with %d lines and the tables %v", what, b.Number.Text, b.Form(), len(b.Lines), b.Tables())
			}
		}
		free := d.Bills[2]
		if free.Number.Text != vics.Truth().Bills[0].Number || free.Lines[0].File != 1 || free.Sheets[0].File != 1 || free.Number.File != 1 {
			t.Errorf("%s: bill %s stands in file %d", what, free.Number.Text, free.Lines[0].File)
		}
	}
	check("together", read(known, vics))
	check("stored", stored(read(known, vics)))
	joined := stored(read(known))
	joined.Append(stored(read(vics)))
	check("joined", joined)

	twice := read(vics)
	twice.Append(read(vics))
	d, err := twice.Document()
	if err != nil || len(d.Bills) != 1 || len(d.Problems) == 0 {
		t.Errorf("twice: %d bills, %v, %v", len(d.Bills), d.Problems, err)
	}
}
