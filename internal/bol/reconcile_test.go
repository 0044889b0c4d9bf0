package bol

import (
	"slices"
	"strings"
	"testing"
)

func num(text string) Number {
	n := Number{Value: Value{Text: text}}
	n.Valid = isNumber(text)
	return n
}

// lineOf makes a line of "cartons pieces volume weight"; "." is an empty cell.
func lineOf(figures string) Line {
	f := strings.Fields(figures)
	for i := range f {
		if f[i] == "." {
			f[i] = ""
		}
	}
	return Line{Cells: Cells{Cartons: num(f[0]), Pieces: num(f[1]), Volume: num(f[2]), Weight: num(f[3])}}
}

func billOf(totals string, lines ...string) *Bill {
	l := lineOf(totals)
	b := &Bill{Printed: Totals{Cartons: l.Cartons, Pieces: l.Pieces, Cube: l.Volume, Weight: l.Weight}}
	for _, line := range lines {
		b.Lines = append(b.Lines, lineOf(line))
	}
	return b
}

func TestBillsAreReconciled(t *testing.T) {
	many := func(n int, line string) []string { return slices.Repeat([]string{line}, n) }
	for _, tt := range []struct {
		name   string
		totals string // cartons, pieces, cube, weight
		lines  []string
		absent string
		want   string // the outcome, and why
	}{
		{"all agree", "3 84 4.06 35.7", []string{"2 48 2.61 20.3", "1 36 1.45 15.4"}, "", "reconciled"},
		{"commas do not matter", "1,204 12,960 1,037.42 11,553.0", []string{"1204 12960 1037.42 11553.0"}, "", "reconciled"},
		{"a volume under one", "1 72 .81 6.2", []string{"1 72 .81 6.2"}, "", "reconciled"},
		{"a carton too many", "4 84 4.06 35.7", []string{"2 48 2.61 20.3", "1 36 1.45 15.4"}, "",
			"mismatched: cartons: the lines add up to 3, the bill prints 4"},
		{"a piece too few, among thousands", "2 12,959 2.00 2.0", []string{"1 12,000 1.00 1.0", "1 960 1.00 1.0"}, "",
			"mismatched: pieces: the lines add up to 12,960, the bill prints 12,959"},
		{"every figure is off", "9 9 9.99 9.9", []string{"2 48 2.61 20.3"}, "",
			"mismatched: cartons: the lines add up to 2, the bill prints 9; pieces: the lines add up to 48, the bill prints 9; " +
				"weight: the lines add up to 20.3, the bill prints 9.9; cube: the lines add up to 2.61, the bill prints 9.99"},

		// Half the last printed digit per line: .005 of a cubic foot, .05 of a pound.
		{"one line cannot round a cube", "1 1 1.01 1.0", []string{"1 1 1.00 1.0"}, "", "mismatched: cube: the lines add up to 1.00, the bill prints 1.01"},
		{"two lines can, by one hundredth", "2 2 2.01 2.0", many(2, "1 1 1.00 1.0"), "", "reconciled"},
		{"two lines can, downward", "2 2 1.99 2.0", many(2, "1 1 1.00 1.0"), "", "reconciled"},
		{"not by two hundredths", "2 2 2.02 2.0", many(2, "1 1 1.00 1.0"), "", "mismatched: cube: the lines add up to 2.00, the bill prints 2.02"},
		{"three lines round no more than two", "3 3 3.02 3.0", many(3, "1 1 1.00 1.0"), "", "mismatched: cube: the lines add up to 3.00, the bill prints 3.02"},
		{"four lines round by two hundredths", "4 4 4.02 4.0", many(4, "1 1 1.00 1.0"), "", "reconciled"},
		{"one line cannot round a weight", "1 1 1.00 1.1", []string{"1 1 1.00 1.0"}, "", "mismatched: weight: the lines add up to 1.0, the bill prints 1.1"},
		{"two lines can, by a tenth", "2 2 2.00 2.1", many(2, "1 1 1.00 1.0"), "", "reconciled"},
		{"not by two tenths", "2 2 2.00 2.2", many(2, "1 1 1.00 1.0"), "", "mismatched: weight: the lines add up to 2.0, the bill prints 2.2"},
		{"a hundred lines, at the edge", "100 100 100.50 105.0", many(100, "1 1 1.00 1.0"), "", "reconciled"},
		{"a hundred lines, over the edge", "100 100 100.51 105.1", many(100, "1 1 1.00 1.0"), "",
			"mismatched: weight: the lines add up to 100.0, the bill prints 105.1; cube: the lines add up to 100.00, the bill prints 100.51"},
		{"a hundred lines never round cartons", "101 100 100.00 100.0", many(100, "1 1 1.00 1.0"), "",
			"mismatched: cartons: the lines add up to 100, the bill prints 101"},
		{"lines without a volume do not round it", "3 3 1.01 3.0", []string{"1 1 1.00 1.0", "1 1 . 1.0", "1 1 . 1.0"}, "",
			"mismatched: cube: the lines add up to 1.00, the bill prints 1.01"},
		{"a figure that is cut off does not round by half a pound", "2 2 2.00 33.2", []string{"1 1 1.00 10.5", "1 1 1.00 22"}, "",
			"mismatched: weight: the lines add up to 32.5, the bill prints 33.2"},
		{"a line that is cut off is not rounded", "3 3 3.00 44.1", []string{"1 1 1.00 14.7", "1 1 1.00 14.7", "1 1 1.00 14.8", "0 0 0 0"}, "", "reconciled"},
		{"a line that is cut off is not rounded, by a tenth", "3 3 3.00 44.1", []string{"1 1 1.00 14.7", "1 1 1.00 14.2", "1 1 1.00 15"}, "",
			"mismatched: weight: the lines add up to 43.9, the bill prints 44.1"},
		{"a total that is cut off is not rounded", "3 3 3.00 44", []string{"1 1 1.00 14.7", "1 1 1.00 14.7", "1 1 1.00 14.7"}, "",
			"mismatched: weight: the lines add up to 44.1, the bill prints 44"},
		{"a total may leave out zeros", "2 2 2 21", many(2, "1 1 1.00 10.5"), "", "reconciled"},
		{"whole pounds round by half a pound", "2 2 2.00 45.0", many(2, "1 1 1.00 22"), "", "reconciled"},
		{"lines with empty cells", "2 48 2.61 20.3", []string{"2 . 2.61 .", ". 48 . 20.3"}, "", "reconciled"},

		{"no totals", ". . . .", []string{"2 48 2.61 20.3"}, "", "unchecked: no total is printed for cartons, pieces, weight, cube"},
		{"no cube", "2 48 . 20.3", []string{"2 48 2.61 20.3"}, "", "unchecked: no total is printed for cube"},
		{"no totals since a page is missing", ". . . .", []string{"2 48 2.61 20.3"}, "page 2 of 2 is missing", "unchecked: page 2 of 2 is missing"},
		{"all totals although a page is missing", "2 48 2.61 20.3", []string{"2 48 2.61 20.3"}, "page 1 of 2 is missing", "reconciled"},
		{"a total that cannot be read", "2 4O 2.61 20.3", []string{"2 48 2.61 20.3"}, "", "unchecked: the printed total of pieces cannot be read"},
		{"a difference counts more than a total that is missing", "3 48 . 20.3", []string{"2 48 2.61 20.3"}, "",
			"mismatched: cartons: the lines add up to 2, the bill prints 3"},
		{"totals of no lines", "2 48 2.61 20.3", nil, "",
			"mismatched: cartons: the lines add up to 0, the bill prints 2; pieces: the lines add up to 0, the bill prints 48; " +
				"weight: the lines add up to 0, the bill prints 20.3; cube: the lines add up to 0, the bill prints 2.61"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := billOf(tt.totals, tt.lines...)
			most := decimals{}
			for _, f := range Fields {
				most[f] = b.sum(f).places
			}
			b.reconcile(tt.absent, most)
			v := b.Verdict
			got := string(v.Outcome)
			if v.Reason != "" {
				got += ": " + v.Reason
			}
			var off []string
			for _, c := range v.Differences() {
				off = append(off, c.String())
			}
			if len(off) > 0 {
				got += ": " + strings.Join(off, "; ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if len(v.Checks) != len(Fields) {
				t.Fatalf("%d checks", len(v.Checks))
			}
			for i, c := range v.Checks {
				if c.Field != Fields[i] {
					t.Errorf("check %d is of %s", i, c.Field)
				}
			}
		})
	}
}

func TestEachTotalIsProvedOrDiffersOrWasNotCompared(t *testing.T) {
	b := billOf("2 9O . 2.1", "1 48 1.00 1.0", "1 48 1.00 1.0")
	b.reconcile("", nil)
	var got []string
	for _, c := range b.Verdict.Checks {
		got = append(got, string(c.Field)+" "+string(c.State)+" "+c.Rounding())
	}
	want := []string{"cartons proved ", "pieces unread ", "weight proved ≈ rounding, 0.1 lb", "cube not_printed "}
	if !slices.Equal(got, want) {
		t.Errorf("the totals are %q, want %q", got, want)
	}
	b = billOf("3 . . 2.2", "1 48 1.00 1.0", "1 48 1.00 1.0")
	b.reconcile("", nil)
	if c := b.Verdict.Checks[2]; c.State != Differs || c.Difference != "0.2" || c.Rounding() != "" {
		t.Errorf("a weight that is off is %+v", c)
	}
}

func TestSumsStandInForTotalsThatAreNotPrinted(t *testing.T) {
	b := billOf(". 48 . .", "2 48 1,002.61 20.3", "1 . .45 15.4")
	for f, want := range map[Field]string{Cartons: "3", Pieces: "48", Weight: "35.7", Cube: "1003.06"} {
		if got := b.Total(f); got != want {
			t.Errorf("%s: %q, want %q", f, got, want)
		}
	}
	if got := billOf(". . . .").Total(Cube); got != "" {
		t.Errorf("the cube of nothing is %q", got)
	}
	if got := billOf("2 4O 1,037.42 1").Total(Cube); got != "1037.42" {
		t.Errorf("the printed cube is %q", got)
	}
	if got := billOf("2 4O 1,037.42 1", "2 48 1.00 1.0").Total(Pieces); got != "48" {
		t.Errorf("the place of a total that cannot be read has %q", got)
	}
}

func TestNumbersAreReadAsTheyArePrintedOrNotAtAll(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "48": "48", "007": "007", "2.03": "2.03", ".81": ".81", "22.0": "22.0",
		"1,204": "1204", "12,960": "12960", "1,037.42": "1037.42", "10,037.42": "10037.42",
		"16,123.4": "16123.4", "2629.1": "2629.1", "1,234,567.8901": "1234567.8901",
		"0957.5": "", "0.81": "0.81", "00.81": "", "": "", ".": "", ",": "", "-1": "", "+1": "", "1-": "", "(1)": "", "$1": "", "1%": "", "1e3": "", "0x1": "",
		"1,2": "", "12,34": "", "1,2345": "", ",123": "", "1,": "", "1.": "", "1..2": "", "1.2.3": "", "1 204": "",
		"2,03": "", "1.204,5": "", "1O": "", "l2": "", "４８": "", "NaN": "", "Inf": "", "1.23456": "",
		"1234567890123456": "", "1,234,567,890,123,456,789": "", "1,204\n": "", "1_000": "",
	} {
		if got := num(text).Plain(); got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"1,037.42": "1037.42", ".81": "0.81", "4O": "0", "": "0"} {
		if got := num(text).Amount().String(); got != want {
			t.Errorf("%q amounts to %s, want %s", text, got, want)
		}
	}
}
