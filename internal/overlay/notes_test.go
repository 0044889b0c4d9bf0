package overlay

import (
	"testing"

	"tallyman/internal/bol"
)

func TestTotalsAreProvedOrDifferOrWereNotCompared(t *testing.T) {
	b := &bol.Bill{Sheets: []bol.Sheet{{Page: 1}}}
	b.Verdict = bol.Verdict{Outcome: bol.Mismatched, Checks: []bol.Check{
		{Field: bol.Cartons, Sum: "7", State: bol.NotPrinted},
		{Field: bol.Pieces, Printed: "13", Sum: "12", State: bol.Differs, Difference: "1", Unit: "pieces"},
		{Field: bol.Weight, Printed: "9.0", Sum: "9.3", State: bol.Proved, Difference: "-0.3", Unit: "lb"},
		{Field: bol.Cube, Sum: "1.00", State: bol.Unread},
	}}
	want := []note{
		{"Bill , 0 lines, 1 page: mismatched", red},
		{"cartons: not printed, not compared; the lines add up to 7", amber},
		{"pieces: the lines add up to 12, the bill prints 13", red},
		{"weight: proved, the lines add up to 9.3, the bill prints 9.0 (≈ rounding, 0.3 lb)", green},
		{"cube: the printed total cannot be read, not compared; the lines add up to 1.00", amber},
	}
	got := notesOf(&bol.Document{Bills: []*bol.Bill{b}}, 0, 1)
	if len(got) != len(want) {
		t.Fatalf("the notes are %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("note %d is %v, want %v", i, got[i], want[i])
		}
	}
}
