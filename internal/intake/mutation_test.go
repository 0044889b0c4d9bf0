package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
)

func TestEverySampleReconcilesAndGivesItsSheets(t *testing.T) {
	for seed := range uint64(10) {
		o := sample.Options{Bills: 1 + int(seed)%7, Seed: seed, MissingOrders: int(seed) % 3, NearMisses: int(seed) % 2, ExtraOrders: int(seed) % 4}
		o.Lines = o.Bills * (3 + 5*int(seed%4))
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			s := invented(t, o)
			d := read(t, shared, must.Written(t, s.WritePDF))
			if n := d.Count(bol.Reconciled); n != o.Bills || len(d.Bills) != o.Bills || d.Lines() != o.Lines {
				t.Errorf("%d of %d bills reconcile, with %d lines", n, len(d.Bills), d.Lines())
			}
			for _, p := range d.Problems {
				t.Errorf("page %d: %s", p.Page, p.Message)
			}
			sheetIs(t, d, s)
			orders, err := shared.Orders(context.Background(), file("orders.csv", must.Written(t, s.WriteOrders)), nil)
			must.OK(t, err)
			merged := sheet.Make(d, orders)
			got := string(must.Written(t, func(w io.Writer) error { return sheet.WriteCSV(w, merged) }))
			if want := string(must.Written(t, s.WriteExpected)); got != want {
				t.Errorf("the sheet with orders: %s", differing(got, want))
			}
			if m := merged.Match; m.Matched != o.Lines-o.MissingOrders-o.NearMisses || len(m.NearMisses) != o.NearMisses {
				t.Errorf("%d of %d lines matched, %d near misses", m.Matched, o.Lines, len(m.NearMisses))
			}
		})
	}
}

// find returns a bill by its number, or fails the test.
func find(t testing.TB, d *bol.Document, number string) *bol.Bill {
	t.Helper()
	i := slices.IndexFunc(d.Bills, func(b *bol.Bill) bool { return b.Number.Text == number })
	if i < 0 {
		t.Fatalf("there is no bill %s", number)
	}
	return d.Bills[i]
}

// only fails the test unless one bill has the outcome and all others reconcile.
func only(t testing.TB, d *bol.Document, number string, want bol.Outcome) *bol.Bill {
	t.Helper()
	for _, b := range d.Bills {
		if b.Number.Text != number && b.Verdict.Outcome != bol.Reconciled {
			t.Errorf("bill %s, which is as it was, is %s", b.Number.Text, b.Verdict.Outcome)
		}
	}
	b := find(t, d, number)
	if b.Verdict.Outcome != want {
		t.Fatalf("bill %s is %s, not %s: %+v", number, b.Verdict.Outcome, want, b.Verdict)
	}
	return b
}

// problem fails the test unless the document has exactly one problem, and that of the
// kind.
func problem(t testing.TB, d *bol.Document, kind bol.ProblemKind) bol.Problem {
	t.Helper()
	if len(d.Problems) != 1 || d.Problems[0].Kind != kind {
		t.Fatalf("the problems are %+v, not one %s", d.Problems, kind)
	}
	return d.Problems[0]
}

// The columns with totals, and their values in units of their last digit.
var summed = []struct {
	column sample.Column
	field  bol.Field
	places int
	line   func(*sample.Line) int
	total  func(*sample.Bill) int
}{
	{sample.Cartons, bol.Cartons, 0, func(l *sample.Line) int { return l.Cartons }, func(b *sample.Bill) int { return b.Cartons }},
	{sample.Pieces, bol.Pieces, 0, func(l *sample.Line) int { return l.Pieces }, func(b *sample.Bill) int { return b.Pieces }},
	{sample.Volume, bol.Cube, 2, func(l *sample.Line) int { return l.Volume }, func(b *sample.Bill) int { return b.Cube }},
	{sample.Weight, bol.Weight, 1, func(l *sample.Line) int { return l.Weight }, func(b *sample.Bill) int { return b.Weight }},
}

// printed returns n units as a bill prints them, without thousands commas and without a
// zero before the point.
func printed(n, places int) string {
	s := fmt.Sprintf("%0*d", places, n)
	if places > 0 {
		s = s[:len(s)-places] + "." + s[len(s)-places:]
	}
	return s
}

// sum adds up a column of a bill.
func sum(b *sample.Bill, of func(*sample.Line) int) int {
	n := 0
	for i := range b.Lines {
		n += of(&b.Lines[i])
	}
	return n
}

func TestOneDigitOfOneLineMakesItsBillMismatched(t *testing.T) {
	for seed := range uint64(2) {
		s := invented(t, sample.Options{Bills: 4, Lines: 30, Seed: seed})
		for i, b := range s.Bills {
			for _, c := range summed {
				// Change the first digit of the line with the most: rounding may
				// explain less.
				l := &b.Lines[0]
				for j := range b.Lines {
					if c.line(&b.Lines[j]) > c.line(l) {
						l = &b.Lines[j]
					}
				}
				digits := []byte(strconv.Itoa(c.line(l)))
				digits[0] = '1' + (digits[0]-'0')%9
				wrong, _ := strconv.Atoi(string(digits))
				t.Run(fmt.Sprintf("seed %d, bill %d, %s %d for %d", seed, i, c.field, wrong, c.line(l)), func(t *testing.T) {
					before := l.Print
					l.Print = sample.Print{c.column: printed(wrong, c.places)}
					d := read(t, shared, must.Written(t, s.WritePDF))
					l.Print = before

					got := only(t, d, b.Number, bol.Mismatched)
					differences := got.Verdict.Differences()
					if len(differences) != 1 || differences[0].Field != c.field {
						t.Fatalf("the differences are %v", differences)
					}
					wantSum := strings.TrimPrefix(printed(sum(b, c.line)-c.line(l)+wrong, c.places), "0")
					wantPrinted := printed(c.total(b), c.places)
					if check := differences[0]; strings.TrimPrefix(check.Sum, "0") != wantSum || check.Printed != wantPrinted {
						t.Errorf("it says %q, not %s and %s", check, wantSum, wantPrinted)
					}
					if len(d.Problems) > 0 {
						t.Errorf("problems: %+v", d.Problems)
					}
				})
			}
		}
	}
}

func TestAWrongTotalMakesItsBillMismatched(t *testing.T) {
	for _, c := range summed {
		t.Run(string(c.field), func(t *testing.T) {
			s := invented(t, sample.Options{Bills: 5, Lines: 25, Seed: 2})
			b := s.Bills[2]
			wrong := c.total(b) + 1000
			b.Print = sample.Print{c.column: printed(wrong, c.places)}
			got := only(t, read(t, shared, must.Written(t, s.WritePDF)), b.Number, bol.Mismatched)
			if differences := got.Verdict.Differences(); len(differences) != 1 || differences[0].Printed != printed(wrong, c.places) {
				t.Errorf("the differences are %v", differences)
			}
		})
	}
}

// long is a sample whose first bill has three pages.
func long(t testing.TB) (*sample.Sample, *sample.Bill) {
	s := invented(t, sample.Options{Bills: 3, Lines: 150, Seed: 3})
	for i, b := range s.Bills {
		if n := len(b.Lines); n > 2*sample.RowsPerPage && n <= 3*sample.RowsPerPage {
			s.Bills[0], s.Bills[i] = s.Bills[i], s.Bills[0]
			return s, s.Bills[0]
		}
	}
	t.Fatal("no bill of this sample has three pages")
	return nil, nil
}

func TestAMissingPageIsNamed(t *testing.T) {
	for missing := 1; missing <= 3; missing++ {
		t.Run(fmt.Sprintf("page %d of 3", missing), func(t *testing.T) {
			s, b := long(t)
			s.Pages = slices.DeleteFunc(s.BillPages(), func(p sample.Page) bool { return p.Bill == b && p.N == missing })
			d := read(t, shared, must.Written(t, s.WritePDF))
			want := bol.Mismatched
			if missing == 3 {
				want = bol.Unchecked // the totals are on it
			}
			got := only(t, d, b.Number, want)
			p := problem(t, d, bol.MissingPage)
			if says := fmt.Sprintf("page %d of 3 of bill %s is missing", missing, b.Number); p.Message != says || p.Bill != b.Number {
				t.Errorf("it says %q of bill %s, not %q", p.Message, p.Bill, says)
			}
			if missing == 3 && got.Verdict.Reason != "page 3 of 3 is missing" {
				t.Errorf("the reason is %q", got.Verdict.Reason)
			}
		})
	}
	t.Run("all but the last", func(t *testing.T) {
		s, b := long(t)
		s.Pages = slices.DeleteFunc(s.BillPages(), func(p sample.Page) bool { return p.Bill == b && p.N < 3 })
		d := read(t, shared, must.Written(t, s.WritePDF))
		only(t, d, b.Number, bol.Mismatched)
		if p := problem(t, d, bol.MissingPage); p.Message != "pages 1 to 2 of 3 of bill "+b.Number+" are missing" {
			t.Errorf("it says %q", p.Message)
		}
	})
}

func TestARowThatCannotBeReadIsReportedWithItsPageAndText(t *testing.T) {
	for _, tt := range []struct {
		name  string
		print sample.Print
		says  string
	}{
		{"pieces that are not a number", sample.Print{sample.Pieces: "1Z"}, `pieces is not a number: "1Z"`},
		{"cartons that are not a number", sample.Print{sample.Cartons: "?"}, `cartons is not a number: "?"`},
		{"a negative number", sample.Print{sample.Pieces: "-12"}, `pieces is not a number: "-12"`},
		{"half a piece", sample.Print{sample.Pieces: "1.5"}, `pieces is not a whole number: "1.5"`},
		{"a volume with two points", sample.Print{sample.Volume: "1.2.3"}, `volume is not a number: "1.2.3"`},
		{"a weight with a comma in the wrong place", sample.Print{sample.Weight: "1,2.3"}, `weight is not a number: "1,2.3"`},
		{"neither cartons nor pieces", sample.Print{sample.Cartons: "", sample.Pieces: ""}, "it has neither cartons nor pieces"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := invented(t, sample.Options{Bills: 5, Lines: 25, Seed: 6})
			b := s.Bills[3]
			l := &b.Lines[len(b.Lines)/2]
			l.Print = tt.print
			d := read(t, shared, must.Written(t, s.WritePDF))
			got := only(t, d, b.Number, bol.Mismatched)
			if len(got.Lines) != len(b.Lines)-1 {
				t.Errorf("the bill has %d lines", len(got.Lines))
			}
			p := problem(t, d, bol.UnreadRow)
			if !strings.Contains(p.Message, tt.says) || !strings.Contains(p.Text, l.Style) {
				t.Errorf("it says %q about %q", p.Message, p.Text)
			}
			if p.Bill != b.Number || p.Page != got.Sheets[0].Page || p.Box.X1 <= p.Box.X0 {
				t.Errorf("it is said of bill %s, page %d, %v", p.Bill, p.Page, p.Box)
			}
		})
	}
}

func TestAPageThatIsThereTwice(t *testing.T) {
	t.Run("is counted once if it is the same", func(t *testing.T) {
		s, b := long(t)
		s.Pages = append(s.BillPages(), sample.Page{Bill: b, N: 2, M: 3})
		d := read(t, shared, must.Written(t, s.WritePDF))
		only(t, d, b.Number, bol.Reconciled)
		p := problem(t, d, bol.DuplicatePage)
		if want := "page 2 of 3 of bill " + b.Number + " is there twice, first on page 2 of the document; it was counted once"; p.Message != want || p.Page != len(s.Pages) {
			t.Errorf("page %d: %q, not %q", p.Page, p.Message, want)
		}
		sheetIs(t, d, s)
	})
	t.Run("is counted twice if it is not the same", func(t *testing.T) {
		s, b := long(t)
		other := *b
		other.Lines = slices.Clone(b.Lines)
		other.Lines[sample.RowsPerPage].Print = sample.Print{sample.Style: "OTHER"}
		s.Pages = append(s.BillPages(), sample.Page{Bill: &other, N: 2, M: 3})
		d := read(t, shared, must.Written(t, s.WritePDF))
		only(t, d, b.Number, bol.Mismatched)
		if p := problem(t, d, bol.DifferingPage); !strings.HasSuffix(p.Message, "and they differ; both were counted") {
			t.Errorf("it says %q", p.Message)
		}
	})
}

func TestABillWithoutTotalsStandsForTheSumsOfItsLines(t *testing.T) {
	s := invented(t, sample.Options{Bills: 4, Lines: 30, Seed: 8})
	b := s.Bills[1]
	b.NoTotals = true
	b.Cube, b.Weight = sum(b, func(l *sample.Line) int { return l.Volume }), sum(b, func(l *sample.Line) int { return l.Weight })
	d := read(t, shared, must.Written(t, s.WritePDF))
	got := only(t, d, b.Number, bol.Unchecked)
	if want := "no total is printed for cartons, pieces, weight, cube"; got.Verdict.Reason != want {
		t.Errorf("the reason is %q, not %q", got.Verdict.Reason, want)
	}
	sheetIs(t, d, s)
}

func TestATotalThatIsEmptyOrNoNumberIsNamed(t *testing.T) {
	for _, c := range summed {
		t.Run(string(c.field), func(t *testing.T) {
			s := invented(t, sample.Options{Bills: 4, Lines: 30, Seed: 8})
			b := s.Bills[1]
			b.Print = sample.Print{c.column: ""}
			got := only(t, read(t, shared, must.Written(t, s.WritePDF)), b.Number, bol.Unchecked)
			if want := "no total is printed for " + string(c.field); got.Verdict.Reason != want {
				t.Errorf("the reason is %q, not %q", got.Verdict.Reason, want)
			}
			b.Print = sample.Print{c.column: "12x"}
			d := read(t, shared, must.Written(t, s.WritePDF))
			only(t, d, b.Number, bol.Unchecked)
			if p := problem(t, d, bol.UnreadTotal); p.Text != "12x" || p.Bill != b.Number {
				t.Errorf("the problem is %+v", p)
			}
		})
	}
}

func TestAPageOfSomethingElse(t *testing.T) {
	for _, tt := range []struct {
		name string
		page sample.Page
		kind bol.ProblemKind
		text string
	}{
		{"blank", sample.Page{}, bol.NoTextOnPage, ""},
		{"a picture", sample.Page{Picture: true}, bol.NoTextOnPage, ""},
		{"a letter", sample.Page{Text: []string{"Dear Sir or Madam,", "enclosed are 1,204 bills of lading."}}, bol.NotABill, "Dear Sir or Madam,"},
		{"a list with the words of a bill", sample.Page{Text: []string{"CARTONS STYLE PIECES", "12 Q00042KT 144", "TOTAL CARTONS 12"}}, bol.NotABill, "CARTONS STYLE PIECES"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := invented(t, sample.Options{Bills: 3, Lines: 12, Seed: 9})
			s.Pages = slices.Insert(s.BillPages(), 1, tt.page)
			d := read(t, shared, must.Written(t, s.WritePDF))
			if n := d.Count(bol.Reconciled); n != 3 {
				t.Errorf("%d bills reconcile", n)
			}
			p := problem(t, d, tt.kind)
			if p.Page != 2 || !strings.HasPrefix(p.Text, tt.text) {
				t.Errorf("page %d, %q", p.Page, p.Text)
			}
			sheetIs(t, d, s)
		})
	}
}

func TestPagesMayComeInAnyOrder(t *testing.T) {
	s := invented(t, sample.Options{Bills: 6, Lines: 120, Seed: 10})
	whole := read(t, shared, must.Written(t, s.WritePDF))
	for seed := range uint64(3) {
		s.Pages = s.BillPages()
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(s.Pages), func(i, j int) { s.Pages[i], s.Pages[j] = s.Pages[j], s.Pages[i] })
		d := read(t, shared, must.Written(t, s.WritePDF))
		if n := d.Count(bol.Reconciled); n != 6 || len(d.Bills) != 6 || len(d.Problems) > 0 {
			t.Errorf("seed %d: %d of %d bills reconcile, with problems %+v", seed, n, len(d.Bills), d.Problems)
		}
		for _, want := range whole.Bills {
			got := find(t, d, want.Number.Text)
			same := slices.EqualFunc(got.Lines, want.Lines, func(a, b bol.Line) bool {
				return a.Style.Text == b.Style.Text && a.Cartons.Text == b.Cartons.Text && a.Pieces.Text == b.Pieces.Text
			})
			if !same {
				t.Errorf("seed %d: the lines of bill %s are not in the order of its pages", seed, want.Number.Text)
			}
		}
	}
}

func TestABillWhoseNumberCannotBeReadIsInTheSheetWithoutOne(t *testing.T) {
	s := invented(t, sample.Options{Bills: 4, Lines: 20, Seed: 11})
	i := slices.IndexFunc(s.Bills, func(b *sample.Bill) bool { return len(b.Lines) <= sample.RowsPerPage })
	s.Bills[i].Number = ""
	d := read(t, shared, must.Written(t, s.WritePDF))
	if n := d.Count(bol.Reconciled); n != 4 {
		t.Errorf("%d bills reconcile", n)
	}
	p := problem(t, d, bol.NoNumber)
	if p.Page == 0 || !strings.Contains(p.Message, "the number of this bill cannot be read") {
		t.Errorf("page %d: %q", p.Page, p.Message)
	}
	sheetIs(t, d, s)
}

func TestSeveralDocumentsAreReadAsOne(t *testing.T) {
	s, b := long(t)
	pages := s.BillPages()
	s.Pages = pages[:2]
	first := must.Written(t, s.WritePDF)
	s.Pages = pages[2:]
	second := must.Written(t, s.WritePDF)
	d, err := shared.Bills(context.Background(), []intake.File{file("first.pdf", first), file("second.pdf", second)}, nil)
	must.OK(t, err)
	got := only(t, d, b.Number, bol.Reconciled)
	if got.Sheets[1].File != 0 || got.Sheets[2].File != 1 || len(d.Problems) > 0 {
		t.Errorf("its pages are %+v, the problems %+v", got.Sheets, d.Problems)
	}
	sheetIs(t, d, s)
}

func TestReadingTheSameDocumentTwiceGivesTheSameBytes(t *testing.T) {
	s := invented(t, sample.Options{Bills: 12, Lines: 60, Seed: 12})
	pdf := must.Written(t, s.WritePDF)
	json := func() []byte {
		d := read(t, shared, pdf)
		return must.Written(t, func(w io.Writer) error { return sheet.WriteJSON(w, sheet.Make(d, nil)) })
	}
	if first := json(); !bytes.Equal(first, json()) {
		t.Error("they differ")
	}
}
