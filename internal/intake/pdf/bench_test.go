package pdf

import (
	"bytes"
	"testing"

	"tallyman/internal/sample"
)

// BenchmarkFastReader reads the words of an invented document of 86 pages.
func BenchmarkFastReader(b *testing.B) {
	s, err := sample.New(sample.Options{Bills: 83, Lines: 366, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	var file bytes.Buffer
	if err := s.WritePDF(&file); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		d, err := openFast(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			b.Fatal(err)
		}
		for number := range d.Pages() {
			if _, err := safePage(d, number+1, false); err != nil {
				b.Fatal(err)
			}
		}
	}
}
