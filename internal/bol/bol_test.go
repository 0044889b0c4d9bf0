package bol_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"sync"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

func TestMain(m *testing.M) {
	worker.Main(pdf.Handlers)
	os.Exit(m.Run())
}

// pagesOf reads the pages of a PDF, in order.
func pagesOf(tb testing.TB, doc []byte) []page.Page {
	tb.Helper()
	cache, _ := os.UserCacheDir()
	pool := worker.NewPool(worker.Config{Cache: cache + "/tallyman"})
	defer pool.Close()
	var mu sync.Mutex
	var pages []page.Page
	_, err := pdf.NewReader(pool, pdf.Config{}).Read(context.Background(), bytes.NewReader(doc), int64(len(doc)), func(p page.Page) error {
		mu.Lock()
		defer mu.Unlock()
		pages = append(pages, p)
		return nil
	})
	must.OK(tb, err)
	slices.SortFunc(pages, func(a, b page.Page) int { return a.Number - b.Number })
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
