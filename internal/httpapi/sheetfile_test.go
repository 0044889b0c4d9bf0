package httpapi

import (
	"bytes"
	"fmt"
	"testing"

	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
)

func TestACSVHasItsLengthWhetherItIsKeptOrMadeTwice(t *testing.T) {
	for _, rows := range []int{0, 1, 5000} {
		s := &sheet.Sheet{Rows: make([]sheet.Row, rows)}
		for i := range s.Rows {
			s.Rows[i].Cells[0] = fmt.Sprint(i)
		}
		var want bytes.Buffer
		must.OK(t, sheet.WriteCSV(&want, s))
		if rows == 5000 && want.Len() <= maxKept {
			t.Fatalf("a sheet of %d bytes is kept", want.Len())
		}
		f, err := (&call{}).sheetFile("sheet", sheet.CSV, s)
		must.OK(t, err)
		var got bytes.Buffer
		must.OK(t, f.write(&got))
		if f.size != int64(want.Len()) || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("a CSV of %d bytes is said to have %d, and is sent with %d", want.Len(), f.size, got.Len())
		}
	}
}
