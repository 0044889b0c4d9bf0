package orders

import (
	"strings"
	"testing"
	"time"
)

// datesTable returns a table whose rows have these delivery and cancel dates.
func datesTable(deliveries, cancels string) *Table {
	t := &Table{}
	d := strings.Fields(deliveries)
	for i, c := range strings.Fields(cancels) {
		r := Row{Number: i + 2, InvoiceNo: "G1", ShipTo: "DOCK", OrderNo: "P1", CancelDate: c}
		if len(d) > 0 {
			r.DeliveryDate = d[i%len(d)]
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// If a few cells of a column can be read in one way only, they may be typing errors.
func TestAFewOutliersDoNotTurnAColumnOfDates(t *testing.T) {
	for name, c := range map[string]struct {
		deliveries, cancels string
		day                 string // of 12/08/2025 among the cancel dates, "" if it is ambiguous
		kind                NoteKind
		says                []string
	}{
		"no other column shows which is the month": {"", "12/08/2025 12/09/2025 13/09/2025", "", AmbiguousDate, []string{"day first in row 4", `"13/09/2025"`, "read month first"}},
		"with MMDDYYYY too":                        {"", "12082025 12092025 13092025", "", AmbiguousDate, []string{"day first in row 4", "13092025"}},
		"another column says month first":          {"12/19/2025 12/21/2025", "12/08/2025 12/09/2025 13/09/2025", "2025-12-08", UnreadDate, []string{"row 4", "13/09/2025"}},
		"another column says day first":            {"19/12/2025 21/12/2025", "12/08/2025 12/09/2025 13/09/2025", "2025-08-12", "", nil},
		"another column has another outlier":       {"11/08/2025 11/08/2025 14/09/2025", "12/08/2025 12/09/2025 13/09/2025", "2025-08-12", "", nil},
		"another column has the same outlier":      {"11/08/2025 11/08/2025 13/09/2025", "12/08/2025 12/09/2025 13/09/2025", "", AmbiguousDate, []string{"day first in row 4"}},
		"the only date against another column":     {"12/31/2025", "13/10/2025", "", UnreadDate, []string{"row 2", "13/10/2025"}},
		"the only dates":                           {"20/10/2025", "13/10/2025", "2025-10-13", "", nil},
		"most dates say day first":                 {"", "12/08/2025 19/09/2025 13/09/2025", "2025-08-12", "", nil},
		"most dates say month first":               {"", "12/08/2025 12/19/2025 12/20/2025 19/12/2025", "2025-12-08", UnreadDate, []string{"row 5", "19/12/2025"}},
	} {
		t.Run(name, func(t *testing.T) {
			table := datesTable(c.deliveries, c.cancels)
			first := table.Rows[0].CancelDate
			day, ok := table.Calendar(AnyOrder).Date(CancelDates, first)
			if ok != (c.day != "") || ok && day.Format(time.DateOnly) != c.day {
				t.Errorf("%s is %v, %t", first, day, ok)
			}
			if got := table.Calendar(AnyOrder).Written(CancelDates, first); !ok && got != first {
				t.Errorf("it is written as %s, which is a guess", got)
			}
			if c.kind == "" {
				wantNothing(t, table)
			} else {
				wantNote(t, table, c.kind, false, c.says...)
			}
		})
	}
}

func TestYearsInWhichNoOrderIsAreNotRead(t *testing.T) {
	for _, text := range []string{"1216202", "12162205", "12311969", "1/1/2100", "9999-12-31", "31-Dec-1899", "21001231"} {
		wantNote(t, datesTable("", "12192025 "+text), UnreadDate, false, "row 3", text)
	}
	wantNothing(t, datesTable("", "01/01/1970 12/31/2099"))
}

// A date that lost its last digits is not read as a date of another year.
func TestAFewShortDatesBesideLongOnesAreNotRead(t *testing.T) {
	for long, short := range map[string]string{"12192025 12202025": "121920", "1192025 1202025": "11920", "12/19/2025 12/20/2025": "12/19/20",
		"19-12-2025 20-12-2025": "19-12-20", "19.12.2025 20.12.2025": "19.12.20"} {
		table := datesTable("", long+" "+short)
		wantNote(t, table, UnreadDate, false, "row 4", short)
		if _, _, ok := table.Calendar(AnyOrder).Guess(CancelDates, short); ok {
			t.Errorf("%s beside %s is read", short, long)
		}
	}
	// If a column has many of both, both are read.
	wantNothing(t, datesTable("", "12/19/2025 12/20/2025 12/21/2025 12/19/25 12/20/25"))
}

func TestADateInAColumnOfTextsIsSaid(t *testing.T) {
	head := "Invoice No.;Style;Cartons;Pieces;Invoice Date;Ship-to Name;Order No.;Delivery Date;Cancel Date\n"
	sound := "G1;A;1;10;12012025;DOCK;%;12052025;12192025\n"
	row := func(po string) string { return strings.Replace(sound, "%", po, 1) }
	for name, c := range map[string]struct {
		rows string
		told string // the row; "" if nothing is said
	}{
		"cells shifted to the left over the order number": {row("P1") + row("P2") + "G1;C;1;10;12012025;DOCK;12052025;12192025;\n", "row 4"},
		"cells shifted to the left over the ship-to":      {row("P1") + row("P2") + "G1;C;1;10;12012025;P3;12052025;12192025;\n", "row 4"},
		"the only row": {"G1;C;1;10;12012025;DOCK;12052025;12192025;\n", "row 2"},
		"an order number that is a date by chance": {row("P1") + row("12042041"), ""},
		"order numbers of which most are dates":    {row("12042025") + row("12032025") + row("P1"), ""},
		"a number in another form than the dates":  {row("P1") + row("P2") + row("46010"), ""},
		"a cancel date that is missing":            {row("P1") + "G2;A;1;10;12012025;DOCK;P2;12052025;\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			table := mustRead(t, []byte(head+c.rows))
			if c.told == "" {
				wantNothing(t, table)
			} else {
				wantNote(t, table, StrayDate, false, c.told, "one column over")
			}
		})
	}
}
