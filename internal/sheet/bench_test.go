package sheet

import (
	"bytes"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
)

// repeated returns a document like the sample, n times as large.
func repeated(b *testing.B, n int) (*bol.Document, *orders.Table) {
	doc, orderTable := sample(b)
	big, bigTable := document(), table()
	for range n {
		big.Bills = append(big.Bills, doc.Bills...)
		bigTable.Rows = append(bigTable.Rows, orderTable.Rows...)
	}
	for i, old := range big.Bills {
		copied := *old
		copied.Lines = slices.Clone(old.Lines)
		big.Bills[i] = &copied
	}
	return big, bigTable
}

func BenchmarkMakeAndWrite(b *testing.B) {
	for _, size := range []struct {
		name  string
		times int
	}{{"366 lines", 1}, {"36600 lines", 100}} {
		doc, orderTable := repeated(b, size.times)
		for _, format := range Formats {
			b.Run(string(format)+"/"+size.name, func(b *testing.B) {
				b.ReportAllocs()
				var out bytes.Buffer
				for b.Loop() {
					out.Reset()
					must.OK(b, Write(&out, Make(doc, orderTable), format))
				}
				b.ReportMetric(float64(out.Len()), "bytes")
			})
		}
	}
}

func BenchmarkMakeOfHostileInputs(b *testing.B) {
	const lines = 100_000
	sameTable, noneTable, namesTable := table(), table(), table()
	long := strings.Repeat("x", 200)
	r := rand.New(rand.NewSource(1))
	bigBill := bill("G1", "1.00", "1", "1.0")
	for range lines {
		bigBill.Lines = append(bigBill.Lines, line("1", "A", "1", "1.0"))
		sameTable.Rows = append(sameTable.Rows, order("G1", "A", "1", "1", "ROSS", "07022025"))
		noneTable.Rows = append(noneTable.Rows, order("G1", "A", "2", "2", "ROSS", "07022025"))
		o := order("G1", "A", "1", "1", long+string(rune('a'+r.Intn(26)))+string(rune('a'+r.Intn(26))), "")
		namesTable.Rows = append(namesTable.Rows, o)
	}
	doc := document(bigBill)
	for _, c := range []struct {
		name  string
		table *orders.Table
	}{{"all keys equal", sameTable}, {"all near misses", noneTable}, {"long names and no dates", namesTable}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Make(doc, c.table)
			}
		})
	}
}
