package hostile_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"testing"

	"tallyman/internal/orders"
	"tallyman/internal/sample"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// documents returns a sample in the formats that mutants are made from.
func documents(t *testing.T) map[string][]byte {
	t.Helper()
	s := shipments.Sample(t, sample.Options{Bills: 2, Lines: 8, Seed: 1})
	bills, export := must.Written(t, s.WritePDF), must.Written(t, s.WriteOrders)
	rows := must.CSV(t, bytes.NewReader(export))
	return map[string][]byte{"PDF": bills, "CSV": export, "XLSX": hostile.ZipBomb(100), "XLS": hostile.OldWorkbook(rows)}
}

func TestAMutantDiffersAndItsSeedDeterminesIt(t *testing.T) {
	for kind, whole := range documents(t) {
		before := bytes.Clone(whole)
		seen := map[string]bool{}
		same := 0
		for seed := range uint64(60) {
			m := hostile.Mutant(whole, seed)
			if !bytes.Equal(m, hostile.Mutant(whole, seed)) {
				t.Errorf("%s: seed %d makes different mutants", kind, seed)
			}
			if bytes.Equal(m, whole) {
				same++
			}
			seen[string(m)] = true
		}
		// Sometimes a change finds nothing to change, or is undone by another.
		if same > 4 || len(seen) < 54 {
			t.Errorf("%s: of 60 mutants %d are different, and %d equal the document", kind, len(seen), same)
		}
		if !bytes.Equal(before, whole) {
			t.Errorf("%s: the document itself was changed", kind)
		}
	}
}

func TestAnOldWorkbookIsValid(t *testing.T) {
	for _, n := range []int{1, 2000} { // in one table of sectors, and in several
		rows := [][]string{{"Invoice No.", "Style", "Cartons*", "Pieces*", "Ship-to Name"}}
		for i := range n {
			rows = append(rows, []string{fmt.Sprint("Q", i), "Ä€ style", "12", "0144", "Café"})
		}
		b := hostile.OldWorkbook(rows)
		got, err := orders.Read(context.Background(), bytes.NewReader(b), int64(len(b)), "old.xls", orders.Limits{}, nil)
		must.OK(t, err)
		if len(got.Rows) != n || got.Format != "XLS, sheet Orders" {
			t.Fatalf("%d rows of %s", len(got.Rows), got.Format)
		}
		last := got.Rows[n-1]
		if want := []string{rows[n][0], "Ä€ style", "12", "0144"}; !reflect.DeepEqual([]string{last.InvoiceNo, last.Style, last.Cartons, last.Pieces}, want) {
			t.Errorf("the last row is %+v", last)
		}
	}
}
