package orders

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// header returns a header of preferred names, with another name for one field.
func headerWith(f field, name string) []string {
	h := make([]string, numFields)
	for i, k := range known {
		h[i] = k.names[0]
	}
	h[f] = name
	return h
}

const values = "G1;S1;2;48;2025-12-01;DOCK STREET;PO1;2025-12-05;2025-12-19"

func TestEverySynonymIsReadAndTheColumnsThatAreUsedAreSaid(t *testing.T) {
	spell := []func(string) string{
		func(s string) string { return s }, strings.ToUpper, strings.ToLower,
		func(s string) string { return strings.ReplaceAll(s, " ", "_") },
		func(s string) string { return "*" + strings.ReplaceAll(s, " ", "") + ":" },
		func(s string) string { return "\u200e" + strings.ReplaceAll(s, " No", " #") + "\u00a0" },
		func(s string) string {
			if base, ok := strings.CutSuffix(strings.TrimSuffix(s, "."), " No"); ok {
				return base + "Number"
			}
			return s
		},
	}
	for f, k := range known {
		for _, name := range slices.Concat(k.names, k.others, k.vague) {
			for _, as := range spell {
				name := as(name)
				table := mustRead(t, []byte(strings.Join(headerWith(field(f), name), ";")+"\n"+values+"\n"))
				if got := *table.Rows[0].field(field(f)); got != strings.Split(values, ";")[f] {
					t.Errorf("%q as the %s gives %q", name, k.meaning, got)
				}
				wantNote(t, table, ColumnsUsed, true, fmt.Sprintf("%s from column %c", k.meaning, 'A'+f))
				if table.Columns[f].Column != string(rune('A'+f)) {
					t.Errorf("%q: the columns are %+v", name, table.Columns)
				}
				vague := slices.Contains(k.vague, name)
				if n := noteOf(table, AmbiguousColumn); vague && (n == nil || n.Info != k.key) {
					t.Errorf("%q: a vague name is not reported: %+v", name, n)
				}
			}
		}
	}
}

func noteOf(t *Table, kind NoteKind) *Note {
	for i := range t.Notes {
		if t.Notes[i].Kind == kind {
			return &t.Notes[i]
		}
	}
	return nil
}

func TestNoNameMeansTwoThings(t *testing.T) {
	for f, k := range known {
		for _, name := range slices.Concat(k.names, k.others, k.vague) {
			if got := byName()[fold(name)].field; got != field(f) {
				t.Errorf("%q is a name of %s and of %s", name, k.meaning, known[got].meaning)
			}
		}
	}
}

func TestOptionalColumnsThatAreNotFoundAreSaid(t *testing.T) {
	for f, k := range known {
		if k.key {
			continue
		}
		table := mustRead(t, []byte(strings.Join(headerWith(field(f), "Xyz"), ";")+"\n"+values+"\n"))
		wantNote(t, table, MissingColumn, false, "no column for the "+k.meaning)
	}
	table := mustRead(t, []byte(strings.Join(headerWith(cancelDate, "Cancell Dat"), ";")+"\n"+values+"\n"))
	wantNote(t, table, MissingColumn, false, `"Cancell Dat" may be it`)
}

func TestTheSameHeaderTwiceIsSaidAndTheOneWithValuesWins(t *testing.T) {
	head := strings.Join(headerWith(cancelDate, "Cancel Date"), ";") + ";Cancel Date\n"
	for _, c := range []struct {
		name, rows, want string
		info             bool
	}{
		{"the first is empty", "G1;S1;2;48;;X;P;;;2025-12-19\n", "2025-12-19", true},
		{"the second is empty", "G1;S1;2;48;;X;P;;2025-12-19;\n", "2025-12-19", true},
		{"they are the same", "G1;S1;2;48;;X;P;;2025-12-19;2025-12-19\n", "2025-12-19", true},
		{"they differ", "G1;S1;2;48;;X;P;;2025-12-19;2025-12-20\n", "2025-12-19", false},
	} {
		table := mustRead(t, []byte(head+c.rows))
		if got := table.Rows[0].CancelDate; got != c.want {
			t.Errorf("%s: the date is %q", c.name, got)
		}
		wantNote(t, table, DuplicateColumn, c.info, "may be the cancel date as well")
	}
}

// An invoice date is preferred to an order date by rule; of two invoice dates that differ
// one is wrong.
func TestTwoInvoiceDatesThatDifferNeedAPerson(t *testing.T) {
	for other, info := range map[string]bool{"Order Date": true, "Invoice Date": false} {
		head := strings.Join(headerWith(invoiceDate, "Invoice Date"), ";") + ";" + other + "\n"
		table := mustRead(t, []byte(head+"G1;S1;2;48;2025-12-09;X;P;;;2025-12-10\n"))
		if got := table.Rows[0].InvoiceDate; got != "2025-12-09" {
			t.Errorf("beside %s the date is %q", other, got)
		}
		wantNote(t, table, DuplicateColumn, info, "may be the invoice date as well")
	}
}

func TestPipesCaretsAndLinesQuotedAsAWhole(t *testing.T) {
	table := "Invoice No.,Style,Cartons,Pieces,Ship-to Name\nG1,S1,2,48,DOCK\n"
	want := []Row{{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "2", Pieces: "48", ShipTo: "DOCK"}}
	for _, sep := range []string{"|", "^", "\t", ";"} {
		wantRows(t, mustRead(t, []byte(strings.ReplaceAll(table, ",", sep))), want)
	}
	quoted := ""
	for line := range strings.Lines(table) {
		quoted += `"` + strings.ReplaceAll(strings.TrimSpace(line), "DOCK", `""DOCK""`) + "\"\r\n"
	}
	wantRows(t, mustRead(t, []byte(quoted)), want)
}
