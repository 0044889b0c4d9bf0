package pdf_test

import (
	"bytes"
	"context"
	"math"
	"sync"
	"testing"

	"tallyman/internal/intake/pdf"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// ruled draws a table: with strokes, thin rectangles, a curve that is a line, and a filled
// heading; and a circle, which is not a line.
const ruled = "0.5 w 50 700 m 550 700 l S 50 650 500 1 re f 50 600 m 200 600 300 600 550 600 c S " +
	"0.9 g 50 701 500 20 re f 0 g q 1 0 0 1 0 -100 cm 100 500 m 100 700 l S Q " +
	"300 400 m 300 455 255 500 200 500 c S 60 300 40 20 re S"

func TestBothReadersSeeTheSameRules(t *testing.T) {
	pool := newPool(t, 1)
	see := func(doc []byte, engine bool) (rules []page.Box) {
		t.Helper()
		var mu sync.Mutex
		err := pdf.NewReader(pool, pdf.Config{PDFium: engine}).ReadRuled(context.Background(), bytes.NewReader(doc), int64(len(doc)),
			func(int) bool { return true }, func(p page.Page) error {
				mu.Lock()
				defer mu.Unlock()
				rules = append(rules, p.Rules...)
				return nil
			})
		must.OK(t, err)
		return rules
	}
	near := func(a, b page.Box) bool {
		for _, d := range [...]float32{a.X0 - b.X0, a.Y0 - b.Y0, a.X1 - b.X1, a.Y1 - b.Y1} {
			if math.Abs(float64(d)) > 0.3 {
				return false
			}
		}
		return true
	}
	same := func(what string, a, b []page.Box) {
		t.Helper()
		if len(a) != len(b) || len(a) == 0 {
			t.Errorf("%s: %d rules without PDFium, %d with it: %v, %v", what, len(a), len(b), a, b)
			return
		}
		for i := range a {
			if !near(a[i], b[i]) {
				t.Errorf("%s: rule %d is %v, and %v with PDFium", what, i, a[i], b[i])
			}
		}
	}
	drawn := document([2]string{"/MediaBox[0 0 612 792]", ruled})
	fast := see(drawn, false)
	if len(fast) != 9 {
		t.Errorf("there are %d rules: %v", len(fast), fast)
	}
	same("a drawing", fast, see(drawn, true))
	// Lines of a page that is turned a little are pieces, each of which is level.
	turned := document([2]string{"/MediaBox[0 0 612 792]", "0.9999 0.012 -0.012 0.9999 8 -4 cm " + ruled})
	pieces := see(turned, false)
	long := float32(0)
	for _, r := range pieces {
		if r.Y0 > 80 && r.Y1 < 100 {
			long += r.X1 - r.X0
		}
	}
	if long < 490 {
		t.Errorf("the first line has %.0f points of 500: %v", long, pieces)
	}
	same("a turned drawing", pieces, see(turned, true))
	for _, f := range sample.OtherForms {
		s := shipments.Sample(t, sample.Options{Form: f, Bills: 1, Lines: 3, Seed: 1})
		b := must.Written(t, s.WritePDF)
		if f != sample.Short { // it has no lines
			same(string(f), see(b, false), see(b, true))
		}
	}
}
