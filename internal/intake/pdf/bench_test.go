package pdf

import (
	"bytes"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// BenchmarkFastReader reads the words of an invented document of 86 pages.
func BenchmarkFastReader(b *testing.B) {
	s := shipments.Sample(b, sample.Options{Bills: 83, Lines: 366, Seed: 1})
	file := must.Written(b, s.WritePDF)
	b.ReportAllocs()
	for b.Loop() {
		d, err := openFast(bytes.NewReader(file), int64(len(file)))
		must.OK(b, err)
		for number := range d.Pages() {
			_, err := safePage(d, number+1, false)
			must.OK(b, err)
		}
	}
}
