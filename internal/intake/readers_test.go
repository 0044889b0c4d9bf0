package intake_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"

	"tallyman/internal/bol"
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// The fast reader, PDFium, and the fast reader with PDFium for the pages that it leaves make
// the same sheet of a shipment: the same CSV, and the same JSON but for the rounding of places.
func TestEachWayOfReadingMakesTheSameSheet(t *testing.T) {
	pool := worker.NewPool(worker.Config{Workers: 1, Stall: never, Cache: intake.CacheDir()})
	t.Cleanup(pool.Close)
	check := func(t *testing.T, s shipments.Shipment) {
		table, err := shared.Orders(t.Context(), file("orders.csv", s.Orders), nil)
		must.OK(t, err)
		pages := func(c pdf.Config) (all []page.Page) {
			c.Time = never
			r := pdf.NewReader(pool, c)
			var mu sync.Mutex
			n, err := r.Read(t.Context(), bytes.NewReader(s.Bills), int64(len(s.Bills)), func(p page.Page) error {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, p)
				return nil
			})
			must.OK(t, err)
			if read := r.Counts(); int(read.Fast+read.Slow) != n || c.PDFium != (read.Fast == 0) || c.PDFium == (read.Slow == 0) {
				t.Fatalf("of %d pages, the fast reader read %d and PDFium %d", n, read.Fast, read.Slow)
			}
			return all
		}
		fast, slow := pages(pdf.Config{}), pages(pdf.Config{PDFium: true})
		every := func(from []page.Page, rest int) (some []page.Page) {
			for _, p := range from {
				if p.Number%3 == 0 == (rest == 0) {
					some = append(some, p)
				}
			}
			return some
		}
		made := func(pages []page.Page, f sheet.Format) []byte {
			r := bol.NewReader()
			for _, p := range pages {
				must.OK(t, r.Add(0, p))
			}
			d, err := r.Document([]bol.File{{Name: "bol.pdf", Pages: len(pages)}})
			must.OK(t, err)
			return must.Written(t, func(w io.Writer) error { return sheet.Write(w, sheet.Make(d, table), f) })
		}
		want := made(slow, sheet.JSON)
		for name, ps := range map[string][]page.Page{"fast": fast, "PDFium": slow, "fast then PDFium": append(every(fast, 1), every(slow, 0)...)} {
			if csv := made(ps, sheet.CSV); !bytes.Equal(csv, s.Expected) {
				t.Errorf("%s: the CSV differs: %s", name, differing(string(csv), string(s.Expected)))
			}
			var got, from any
			must.OK(t, json.Unmarshal(made(ps, sheet.JSON), &got))
			must.OK(t, json.Unmarshal(want, &from))
			if at := apart("", got, from); at != "" {
				t.Errorf("%s: the JSON differs from PDFium's at %s", name, at)
			}
		}
	}
	t.Run("invented", func(t *testing.T) { check(t, shipments.New(t, sample.Options{Bills: 7, Lines: 31, Seed: 16}, "")) })
	t.Run("real", func(t *testing.T) {
		s, ok := shipments.Real(t, "../..")
		if !ok {
			t.Skip("the real documents are not here")
		}
		check(t, s)
	})
}

// apart returns where two values of JSON differ, "" if they do not: numbers of places may do
// so by their rounding, a hundredth of a point.
func apart(at string, a, b any) string {
	switch x := a.(type) {
	case map[string]any:
		y, _ := b.(map[string]any)
		if len(x) != len(y) {
			return at
		}
		for k := range x {
			if d := apart(at+"."+k, x[k], y[k]); d != "" {
				return d
			}
		}
	case []any:
		y, _ := b.([]any)
		if len(x) != len(y) {
			return at
		}
		for i := range x {
			if d := apart(fmt.Sprintf("%s[%d]", at, i), x[i], y[i]); d != "" {
				return d
			}
		}
	default:
		x0, ok := a.(float64)
		y0, _ := b.(float64)
		place := strings.HasSuffix(at, ".x0") || strings.HasSuffix(at, ".x1") || strings.HasSuffix(at, ".y0") || strings.HasSuffix(at, ".y1")
		if ok && place && math.Abs(x0-y0) < 0.0101 {
			return ""
		}
		if !reflect.DeepEqual(a, b) {
			return fmt.Sprintf("%s: %v, not %v", at, a, b)
		}
	}
	return ""
}
