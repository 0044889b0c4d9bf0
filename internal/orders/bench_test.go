package orders

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/internal/testing/must"

	"github.com/xuri/excelize/v2"
)

const benchRows = 10_000

func BenchmarkReadCSV(b *testing.B) {
	var s strings.Builder
	s.WriteString(strings.Join(inventedHeader, ",") + "\r\n")
	for i := range benchRows {
		s.WriteString(strings.Join(benchRow(i), ",") + "\r\n")
	}
	benchmark(b, []byte(s.String()))
}

func BenchmarkReadXLSX(b *testing.B) {
	f := excelize.NewFile()
	defer f.Close()
	w, err := f.NewStreamWriter("Sheet1")
	must.OK(b, err)
	row := func(n int, values []string) {
		cells := make([]any, len(values))
		for i, v := range values {
			cells[i] = v
		}
		must.OK(b, w.SetRow(cell(0, n), cells))
	}
	row(1, inventedHeader)
	for i := range benchRows {
		row(i+2, benchRow(i))
	}
	must.OK(b, w.Flush())
	benchmark(b, save(b, f))
}

func BenchmarkReadXLS(b *testing.B) {
	benchmark(b, fixture(b, "invented.xls"))
}

func BenchmarkReadSample(b *testing.B) {
	benchmark(b, sample(b))
}

func benchRow(i int) []string {
	return []string{fmt.Sprintf("G%05d", i/5), fmt.Sprintf("D%05dLA", i), "2", "48", "07102031",
		"DOCK STREET STORES", fmt.Sprint(629493 + i), "07112031", "07302031", "ignored"}
}

func benchmark(b *testing.B, data []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		mustRead(b, data)
	}
}
