package orders

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// dialect reads an export by a dialect.
func dialectRead(t *testing.T, text string, d *Dialect) (*Table, error) {
	t.Helper()
	return Read(t.Context(), strings.NewReader(text), int64(len(text)), "orders", Limits{}, d)
}

func TestNamesOfADialectArePreferredAndHaveNoOtherMeaning(t *testing.T) {
	// Without the dialect, Qty would be the pieces, Cartons the cartons, and Num nothing.
	const export = "Num,Style,Qty,Cartons,Units,Store,P. O. #\nA1,S1,2,9,24,Berlin,77\n"
	if _, err := dialectRead(t, export, nil); err == nil {
		t.Fatal("the export was read without the dialect")
	}
	table, err := dialectRead(t, export, &Dialect{
		Columns: map[string][]string{"bill_number": {"Nothing", "num."}, "cartons": {"QTY"}},
		Ignored: []string{"store"},
	})
	must.OK(t, err)
	wantRows(t, table, []Row{{Number: 2, InvoiceNo: "A1", Style: "S1", Cartons: "2", Pieces: "24", OrderNo: "77"}})
	// That Cartons would have been the cartons as well is said.
	said := false
	for _, n := range table.Notes {
		said = said || n.Kind == DuplicateColumn && strings.Contains(n.Message, `column C ("Qty") was used`)
	}
	if !said {
		t.Errorf("the notes are %+v", table.Notes)
	}
}

func TestOfSeveralNamesOfADialectTheFirstIsUsed(t *testing.T) {
	d := &Dialect{Columns: map[string][]string{"bill_number": {"B", "A"}}}
	table, err := dialectRead(t, "A,B,Style,Cartons,Pieces\na1,b1,S,1,2\n", d)
	if err != nil || table.Rows[0].InvoiceNo != "b1" {
		t.Errorf("%+v, %v", table, err)
	}
	table, err = dialectRead(t, "A,Invoice No.,Style,Cartons,Pieces\na1,b1,S,1,2\n", d)
	if err != nil || table.Rows[0].InvoiceNo != "a1" {
		t.Errorf("%+v, %v", table, err)
	}
}

func TestMeaningsAreNamedInSeveralWays(t *testing.T) {
	for name, want := range map[string]string{
		"cartons": "cartons", "Cartons": "cartons", "CTNS": "cartons", "bill number": "bill_number", "bill_number": "bill_number",
		"Invoice No.": "bill_number", "Ship To Name": "ship_to", "ship-to": "ship_to", "PO Number": "order_number", "Cancel Date": "cancel_date",
		"Qty": "", "": "", "--": "", "weight": "",
	} {
		if got, ok := MeaningOf(name); got != want || ok != (want != "") {
			t.Errorf("%q means %q", name, got)
		}
	}
	for _, m := range Meanings() {
		if key, ok := MeaningOf(m.Key); !ok || key != m.Key {
			t.Errorf("%s means %q", m.Key, key)
		}
	}
}

func TestANameAddedToADialectLosesItsOldMeaning(t *testing.T) {
	before := Dialect{Columns: map[string][]string{"cartons": {"Qty", "Kolli"}, "pieces": {"Stück"}}, Ignored: []string{"Num"}}
	after := before.With("QTY", "pieces").With("num", "bill_number").With("Kolli", "")
	want := Dialect{Columns: map[string][]string{"pieces": {"QTY", "Stück"}, "bill_number": {"num"}}, Ignored: []string{"Kolli"}}
	if !reflect.DeepEqual(after, want) {
		t.Errorf("got %+v", after)
	}
	if len(before.Columns["cartons"]) != 2 || len(before.Ignored) != 1 {
		t.Errorf("the dialect itself was changed: %+v", before)
	}
}

func TestTheOrderOfDatesCanBeSaid(t *testing.T) {
	rows := func(dates ...string) *Table {
		table := &Table{}
		for i, d := range dates {
			table.Rows = append(table.Rows, Row{Number: i + 2, CancelDate: d})
		}
		return table
	}
	for _, c := range []struct {
		said  DateOrder
		dates []string
		want  string // of the first date
		notes int
	}{
		{AnyOrder, []string{"03/04/2025"}, "2025-03-04", 1}, // ambiguous, and said so
		{MonthFirst, []string{"03/04/2025"}, "2025-03-04", 0},
		{DayFirst, []string{"03/04/2025"}, "2025-04-03", 1}, // rewritten
		{DayFirst, []string{"03/04/25", "12/19/25"}, "2025-04-03", 2},
		{YearFirst, []string{"03/04/05"}, "2003-04-05", 1},
		{YearFirst, []string{"19/04/2025"}, "2025-04-19", 1}, // the year is last
		{DayFirst, []string{"2025-03-04"}, "2025-03-04", 0},
		{DayFirst, []string{"46010"}, "2025-12-19", 1},
	} {
		cal := rows(c.dates...).Calendar(c.said)
		day, ok := cal.Date(CancelDates, c.dates[0])
		if c.said == AnyOrder {
			day, _, ok = cal.Guess(CancelDates, c.dates[0])
		}
		if !ok || day.Format("2006-01-02") != c.want || len(cal.Notes()) != c.notes {
			t.Errorf("%s %s: %s, %v, %+v", c.said, c.dates, day, ok, cal.Notes())
		}
	}
	// A date that is none in the order that is said is not read, and named.
	cal := rows("03/04/25", "12/19/25").Calendar(DayFirst)
	if _, _, ok := cal.Guess(CancelDates, "12/19/25"); ok {
		t.Error("12/19/25 was read day first")
	}
}

func TestColumnsThatAreNotKnownAreOfferedWithSamples(t *testing.T) {
	export := "Orders of July\n" +
		"Num,P. O. #,Style,Qty,Ctns in all,Ship To,Start,Remarks\n" +
		"T1,PO-1,A1,24,2,Acme,13/07/2025,\n" +
		"T2,PO-1,A2,36,3,Acme,13/07/2025," + strings.Repeat("x", 300) + "\n" +
		"T3,,A3,12,1,Zeta,14/07/2025,\nT4,PO-2,A4,12,1,Zeta,14/07/2025,\n"
	_, err := Read(t.Context(), strings.NewReader(export), int64(len(export)), "o.csv", Limits{}, nil)
	d := wantFault(t, err, fault.MissingColumns).Details.(MissingColumns)
	want := []Offer{
		{"Num", "A", []string{"T1", "T2", "T3"}, "", Unclear},
		{"P. O. #", "B", []string{"PO-1", "PO-2"}, "order_number", Known},
		{"Style", "C", []string{"A1", "A2", "A3"}, "style", Known},
		{"Qty", "D", []string{"24", "36", "12"}, "pieces", Likely},
		{"Ctns in all", "E", []string{"2", "3", "1"}, "cartons", Likely},
		{"Ship To", "F", []string{"Acme", "Zeta"}, "ship_to", Known},
		{"Start", "G", []string{"13/07/2025", "14/07/2025"}, "delivery_date", Known},
		{"Remarks", "H", d.Columns[7].Samples, "", Unclear},
	}
	if !reflect.DeepEqual(d.Columns, want) {
		t.Errorf("offered are\n%+v, want\n%+v", d.Columns, want)
	}
	if s := d.Columns[7].Samples; len(s) != 1 || utf8.RuneCountInString(s[0]) > 41 {
		t.Errorf("a long value is the sample %q", s)
	}
	if len(d.Meanings) != int(numFields) || d.Meanings[0].Key != "bill_number" {
		t.Errorf("the meanings are %+v", d.Meanings)
	}
	wide := strings.Repeat("a column,", 5000) + "Style\n1\n"
	_, err = Read(t.Context(), strings.NewReader(wide), int64(len(wide)), "o.csv", Limits{}, nil)
	if f := wantFault(t, err, fault.MissingColumns); len(f.Details.(MissingColumns).Columns) != mostOffers {
		t.Errorf("of 5001 columns: %v", err)
	}
}
