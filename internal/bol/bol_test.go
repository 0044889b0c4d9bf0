package bol_test

import (
	"os"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/intake"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/proof"
	"tallyman/internal/testing/shipments"
)

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	os.Exit(m.Run())
}

// pagesOf reads the pages of a PDF, in order.
func pagesOf(tb testing.TB, doc []byte) []page.Page {
	tb.Helper()
	l := proof.NewLibrary()
	defer l.Close()
	pages, err := l.Pages(tb.Context(), doc)
	must.OK(tb, err)
	return pages
}

func BenchmarkRead(b *testing.B) {
	s := shipments.Sample(b, sample.Options{Bills: 83, Lines: 366, Seed: 1})
	doc := must.Written(b, s.WritePDF)
	pages := pagesOf(b, doc)
	b.ReportAllocs()
	for b.Loop() {
		r := bol.NewReader()
		for _, p := range pages {
			r.Add(0, p)
		}
		_, err := r.Document([]bol.File{{Pages: len(pages)}})
		must.OK(b, err)
	}
}
