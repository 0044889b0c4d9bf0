package form

import (
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// BenchmarkStudy is one preview of a page among 25, each with 40 rows.
func BenchmarkStudy(b *testing.B) {
	var pages []page.Page
	for n := range 25 {
		d := foreign(nil, 0)
		d.Number = n + 1
		for i := range 36 {
			d.row(float32(310+12*i), 60, "A-1", 330, "7", 400, "336", 470, "88.0")
		}
		pages = append(pages, d.Page)
	}
	for b.Loop() {
		_, err := Study(pages, 12, nil, &Shown{Columns: foreignColumns(), Top: 205})
		must.OK(b, err)
	}
}
