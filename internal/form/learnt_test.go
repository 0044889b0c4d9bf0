package form

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// foreign is a document with headings that no lexicon has, and with totals. Figures and the
// headings' places can be changed.
func foreign(change changes, right float32) *drawing {
	d := sheet(1).put(60, 60, "Packing List No: PL-"+fmt.Sprint(right))
	at := func(x int) int { return x + int(right) }
	d.row(200, at(60), "TUOTE", at(330), "LAATIKOT", at(400), "KAPPALEET", at(470), "PAINO")
	for i, l := range fourLines {
		d.row(float32(230+14*i), at(60), l[0], at(330), change.of(fmt.Sprint("packages", i), l[1]), at(400), change.of(fmt.Sprint("pieces", i), l[2]), at(470), change.of(fmt.Sprint("weight", i), l[3]))
	}
	return d.row(300, at(60), change.of("label", "YHT"), at(330), change.of("packages", "153"), at(400), change.of("pieces", "7,344"), at(470), change.of("weight", "1,960.0"))
}

// columns are those of foreign, in points of its page.
func foreignColumns() []FormColumn {
	return []FormColumn{{Field: Style, Left: 50, Right: 300}, {Field: Packages, Left: 320, Right: 390}, {Field: Pieces, Left: 390, Right: 460}, {Field: Weight, Unit: Kilograms, Left: 460, Right: 540}}
}

func study(t *testing.T, d *drawing, shown *Shown, forms ...Form) *Lesson {
	t.Helper()
	l, err := Study([]page.Page{d.Page}, d.Number, forms, shown)
	must.OK(t, err)
	return l
}

// learnt is the form of foreign.
func learnt(t *testing.T) Form {
	t.Helper()
	l := study(t, foreign(nil, 0), &Shown{Name: "house", Columns: foreignColumns(), Top: 205, Rules: []RowRule{{"YHT", TotalRow}}})
	if l.Outcome != Reconciled || !l.Proved || l.Form == nil {
		t.Fatalf("it is %s: %s", l.Outcome, l.Reason)
	}
	return *l.Form
}

func readBy(d *drawing, forms ...Form) *Bill {
	r := Read([]page.Page{d.Page}, forms...)
	if len(r.Bills) != 1 {
		return &Bill{Reason: fmt.Sprint(r.Others)}
	}
	return &r.Bills[0]
}

func TestALearntFormReadsItsDocumentsWhereverTheyArePrinted(t *testing.T) {
	if b := readBy(foreign(nil, 0)); b.Outcome == Reconciled {
		t.Fatal("the document is read without its form")
	}
	f := learnt(t)
	for _, right := range []float32{0, 17, -30} {
		b := readBy(foreign(nil, right), f)
		if b.Outcome != Reconciled || b.Learnt != "house" || len(b.Tables) != 1 || len(b.Tables[0].Rows) != 4 {
			t.Fatalf("%g points to the right it is %s by %q: %s", right, b.Outcome, b.Learnt, b.Reason)
		}
		if c := b.Tables[0].Rows[2].Cell(Weight); c.Text != "1,460.2" || c.Unit != Kilograms || c.State != Proved {
			t.Errorf("the weight is %+v", c)
		}
	}
	// Headings in other columns are those of another form.
	d := foreign(nil, 0)
	for i := range d.Words {
		if d.Words[i].Text == "PAINO" {
			d.Words[i].Box.X0, d.Words[i].Box.X1 = 30, 52
		}
	}
	if b := readBy(d, f); b.Learnt != "" {
		t.Errorf("a page with the weight elsewhere is read by the form: %s", b.Outcome)
	}
}

func TestALearntFormProvesNoWrongFigure(t *testing.T) {
	f := learnt(t)
	for _, key := range []string{"packages", "pieces", "weight"} {
		for i := range 5 {
			at := key + fmt.Sprint(i)
			if i == 4 {
				at = key
			}
			for _, is := range []string{"", "1", "977", "24.5", "x7"} {
				if b := readBy(foreign(map[string]string{at: is}, 0), f); b.Outcome == Reconciled || b.Outcome == Unchecked && b.Vouched {
					t.Errorf("with %s = %q it is %s: %+v", at, is, b.Outcome, b.Checks)
				}
			}
		}
	}
}

func TestFreeReadingWinsWhereTheFormProvesNothing(t *testing.T) {
	// A form whose columns are taken from a document that free reading proves, but moved.
	l := study(t, packing(nil), nil)
	if l.Kind != Free || l.Outcome != Reconciled || l.Form == nil || l.HeadingsOn != 1 {
		t.Fatalf("it is %s %s: %v", l.Kind, l.Outcome, l.Flaws)
	}
	good := *l.Form
	good.Name = "good"
	if b := readBy(packing(nil), good); b.Outcome != Reconciled || b.Learnt != "good" || len(b.Tables[0].Rows) != 4 {
		t.Errorf("by what was found it is %s by %q: %s", b.Outcome, b.Learnt, b.Reason)
	}
	bad := good
	bad.Name, bad.Columns = "bad", slices.Clone(good.Columns)
	for i := range bad.Columns {
		switch c := &bad.Columns[i]; c.Field {
		case Packages:
			c.Field = Weight
			c.Unit = ""
		case Weight:
			c.Field, c.Unit = Packages, ""
		}
	}
	if b := readBy(packing(nil), bad); b.Outcome != Reconciled || b.Learnt != "" {
		t.Errorf("with packages and weights changed it is %s by %q: %s", b.Outcome, b.Learnt, b.Reason)
	}
	if b := readBy(packing(nil), bad, good); b.Learnt != "good" {
		t.Errorf("of two forms %q counts", b.Learnt)
	}
}

func TestFiguresBetweenTheColumnsOfAFormAreNotLost(t *testing.T) {
	f := learnt(t)
	f.Columns = slices.Delete(slices.Clone(f.Columns), 2, 3)
	if b := readBy(foreign(nil, 0), f); b.Outcome == Reconciled {
		t.Errorf("without the column of pieces it is %s: %s", b.Outcome, b.Reason)
	}
	f = learnt(t)
	f.Columns[2].Field = Other // said to be of no meaning
	if b := readBy(foreign(nil, 0), f); b.Outcome != Reconciled {
		t.Errorf("with pieces that are none it is %s: %s", b.Outcome, b.Reason)
	}
}

func TestTotalsThatAreNoSumsAreComparedWithWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		kind    TotalKind
		printed string
		want    Outcome
	}{
		{MaxTotal, "113", Reconciled}, {MaxTotal, "153", Mismatched}, {MaxTotal, "114", Mismatched},
		{CountTotal, "4", Reconciled}, {CountTotal, "5", Mismatched},
		{NoTotal, "", Unchecked}, {NoTotal, "99", Unchecked}, {"", "113", Mismatched}, {"", "", NothingProves},
	} {
		f := learnt(t)
		if c.kind != "" {
			f.Totals = map[Field]TotalKind{Packages: c.kind}
		}
		b := readBy(foreign(map[string]string{"packages": c.printed}, 0), f)
		if b.Outcome != c.want || b.Vouched != (c.want == Reconciled || c.want == Unchecked) {
			t.Errorf("%q printed for %q: it is %s, vouched %t: %s", c.printed, c.kind, b.Outcome, b.Vouched, b.Reason)
		}
		// Even so a wrong figure of another column is not proved.
		b = readBy(foreign(map[string]string{"packages": c.printed, "pieces1": "337"}, 0), f)
		if b.Outcome == Reconciled || b.Vouched {
			t.Errorf("%q printed for %q, and a wrong figure: it is %s", c.printed, c.kind, b.Outcome)
		}
	}
	// Figures that no total proves do not prove each other.
	f := learnt(t)
	f.Totals = map[Field]TotalKind{Packages: NoTotal, Pieces: MaxTotal, Weight: CountTotal}
	if b := readBy(foreign(map[string]string{"packages": "", "pieces": "5,424", "weight": "4"}, 0), f); b.Outcome == Reconciled || b.Vouched {
		t.Errorf("without any sum it is %s: %s", b.Outcome, b.Reason)
	}
}

func TestWithoutTotalsTheLinesOfATrustedFormCount(t *testing.T) {
	f := learnt(t)
	none := map[string]string{"label": "", "packages": "", "pieces": "", "weight": ""}
	for n := range 3 {
		b := readBy(foreign(none, 0), f)
		if b.Outcome != Unchecked || b.Vouched != (n == 2) || f.Trusted() != (n == 2) || len(b.Tables[0].Rows) != 4 {
			t.Errorf("proved on %d documents it is %s, vouched %t: %s", n, b.Outcome, b.Vouched, b.Reason)
		}
		if !f.Prove(Document([32]byte{byte(n)})) != (n == 2) || f.Prove(Document([32]byte{byte(n)})) {
			t.Errorf("document %d is recorded wrongly: %v", n, f.Proved)
		}
	}
}

func TestWhatIsShownMakesAForm(t *testing.T) {
	d := foreign(nil, 0)
	// Rows are shown by their place.
	l := study(t, d, &Shown{Columns: foreignColumns(), Top: 205})
	if l.Outcome != Unchecked || len(l.Rows) != 5 || l.Rows[4].Is != LineRow || l.Sentences[0] != "packages: 5 lines add up to 306; no total is printed" {
		t.Fatalf("it is %s: %s; %v; %v", l.Outcome, l.Reason, l.Sentences, l.Rows)
	}
	box := l.Rows[4].Box
	l = study(t, d, &Shown{Columns: foreignColumns(), Top: 205, Rows: []ShownRow{{(box.Y0 + box.Y1) / 2, TotalRow}}})
	if l.Outcome != Reconciled || len(l.Form.Rows) != 1 || l.Form.Rows[0] != (RowRule{"YHT", TotalRow}) || l.Sentences[2] != "weight: 4 lines add up to 1,960.0 kg, printed 1,960.0" {
		t.Errorf("it is %s: %s; %v; %+v", l.Outcome, l.Reason, l.Sentences, l.Form)
	}
	// What was answered can be sent again, and says the same.
	again := study(t, d, &Shown{Columns: l.Columns, Top: l.Top, Rules: l.Form.Rows})
	if again.Outcome != Reconciled || !again.Form.Same(l.Form) {
		t.Errorf("sent again it is %s: %+v, not %+v", again.Outcome, again.Form, l.Form)
	}
	// Headings can be named without edges.
	l = study(t, d, &Shown{Headings: map[string]Field{"tuote": Style, "laatikot": Packages, "kappaleet": Pieces, "paino": Weight}, Rules: []RowRule{{"yht", TotalRow}}})
	if l.Outcome != Reconciled || l.Columns[1].Heading != "LAATIKOT" {
		t.Errorf("it is %s: %s; %v", l.Outcome, l.Reason, l.Columns)
	}
	// A row of figures alone is one, too.
	bare := foreign(map[string]string{"label": ""}, 0)
	l = study(t, bare, &Shown{Columns: foreignColumns(), Top: 205, Rows: []ShownRow{{300, TotalRow}}})
	if l.Outcome != Reconciled || l.Form.Rows[0] != (RowRule{"", TotalRow}) {
		t.Errorf("it is %s: %s; %+v", l.Outcome, l.Reason, l.Form)
	}
	// The table ends where somebody says.
	end := foreign(map[string]string{"label": "LOPPU"}, 0)
	l = study(t, end, &Shown{Columns: foreignColumns(), Top: 205, Rules: []RowRule{{"LOPPU", EndRow}}})
	if l.Outcome == Reconciled || len(l.Rows) != 4 {
		t.Errorf("it is %s with %d rows", l.Outcome, len(l.Rows))
	}
	for want, shown := range map[string]*Shown{
		"there is no row at 700 points":                {Columns: foreignColumns(), Top: 205, Rows: []ShownRow{{700, NoRow}}},
		"page 1 has no headings over these columns":    {Columns: foreignColumns(), Top: 400},
		"no table was found on page 1":                 {Rules: []RowRule{{"YHT", TotalRow}}},
		"neither letters of the Latin alphabet nor":    {Headings: map[string]Field{"数量": Packages}},
		`there is no field "boxes"`:                    {Headings: map[string]Field{"LAATIKOT": "boxes"}},
		"a form has at most 40 columns":                {Columns: slices.Repeat(foreignColumns(), 11), Top: 205},
		"a form needs the headings of at least 2":      {Columns: foreignColumns()[:1], Top: 205},
		"a table cannot end at the first row of figur": {Columns: foreignColumns(), Top: 205, Rules: []RowRule{{"", EndRow}}},
	} {
		if _, err := Study([]page.Page{d.Page}, 1, nil, shown); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v, not %q", err, want)
		}
	}
	if _, err := Study([]page.Page{d.Page}, 2, nil, nil); err == nil {
		t.Error("page 2 was studied")
	}
}

// Headings in any script can be the signature.
func TestHeadingsOfOtherScripts(t *testing.T) {
	d := foreign(nil, 0)
	for i := range d.Words {
		if to, ok := map[string]string{"TUOTE": "品名", "LAATIKOT": "箱数", "KAPPALEET": "数量", "PAINO": "重量"}[d.Words[i].Text]; ok {
			d.Words[i].Text = to
		}
	}
	l := study(t, d, &Shown{Columns: foreignColumns(), Top: 205, Rules: []RowRule{{"YHT", TotalRow}}})
	if l.Outcome != Reconciled || l.Form.Columns[1].Heading != "箱数" {
		t.Errorf("it is %s: %s; %+v", l.Outcome, l.Reason, l.Form)
	}
	if b := readBy(d, *l.Form); b.Outcome != Reconciled || b.Learnt == "" {
		t.Errorf("read again it is %s by %q", b.Outcome, b.Learnt)
	}
}
