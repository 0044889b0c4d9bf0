package form_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/form"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

func TestMain(m *testing.M) {
	worker.Main(pdf.Handlers)
	os.Exit(m.Run())
}

// pagesOf reads documents as the product reads those of no known form.
func pagesOf(tb testing.TB, names ...string) map[string][]page.Page {
	tb.Helper()
	cache, _ := os.UserCacheDir()
	pool := worker.NewPool(worker.Config{Workers: 1, Cache: cache + "/tallyman", Stall: 1000 * time.Hour})
	defer pool.Close()
	r := pdf.NewReader(pool, pdf.Config{Time: 1000 * time.Hour})
	out := map[string][]page.Page{}
	for _, name := range names {
		doc, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			tb.Skip("the documents are not beside this checkout")
		}
		must.OK(tb, err)
		var mu sync.Mutex
		err = r.ReadRuled(context.Background(), bytes.NewReader(doc), int64(len(doc)), func(int) bool { return true }, func(p page.Page) error {
			mu.Lock()
			defer mu.Unlock()
			out[name] = append(out[name], p)
			return nil
		})
		if err != nil {
			tb.Fatal(name, err)
		}
		slices.SortFunc(out[name], func(a, b page.Page) int { return a.Number - b.Number })
	}
	return out
}

const real = "../../../shared/testdata/midas-2025-07-10/"

// The real document, read as if nobody had described its form: each line must be right,
// or its bill not be called reconciled.
func TestTheRealDocumentWithoutItsForm(t *testing.T) {
	pages := pagesOf(t, real+"bol.pdf")[real+"bol.pdf"]
	raw := must.Read(t, real+"expected-unmatched.csv")
	rows := must.CSV(t, bytes.NewReader(raw))
	at := func(name string) int { return slices.Index(rows[0], name) }
	want := map[string][]string{}
	for _, r := range rows[1:] {
		n := r[at("Invoice No.")]
		want[n] = append(want[n], fmt.Sprint(r[at("Style")], r[at("Cartons")], r[at("Individual Pieces")], r[at("Individual Weight")]))
	}
	lines, right, proved := 0, 0, 0
	for _, b := range form.Read(pages).Bills {
		var got []string
		for _, table := range b.Tables {
			for _, r := range table.Rows {
				text := func(f form.Field) string {
					c := r.Cell(f)
					switch {
					case c == nil:
						return ""
					case c.Figure != "":
						return c.Figure
					}
					return c.Text
				}
				got = append(got, fmt.Sprint(text(form.Style), text(form.Packages), text(form.Pieces), text(form.Weight)))
			}
		}
		lines += len(got)
		same := slices.Equal(got, want[b.Number.Text])
		if same {
			right += len(got)
		}
		if b.Outcome == form.Reconciled {
			proved++
		}
		if b.Outcome == form.Reconciled && !same || b.Outcome == form.Mismatched {
			t.Errorf("bill %s is %s: %q, not %q", b.Number.Text, b.Outcome, got, want[b.Number.Text])
		}
	}
	t.Logf("%d lines, %d right, %d of 83 bills proved", lines, right, proved)
	if lines != 366 || right < 360 || proved < 20 {
		t.Errorf("%d lines, %d right", lines, right)
	}
}

// Documents from other people's generators, with their truth; see the README there.
func TestOtherPeoplesLayouts(t *testing.T) {
	truths, err := filepath.Glob("../../../shared/testdata/layouts/*/truth.json")
	if err != nil || len(truths) == 0 {
		t.Skip("the layouts are not beside this checkout")
	}
	var names []string
	for _, name := range truths {
		names = append(names, filepath.Join(filepath.Dir(name), "bol.pdf"))
	}
	pages := pagesOf(t, names...)
	missed := 0
	for i, name := range truths {
		raw := must.Read(t, name)
		var truth struct {
			Layout, Expected string
			Bills            []struct {
				Tables []struct{ Rows []map[string]string }
			}
		}
		must.OK(t, json.Unmarshal(raw, &truth))
		bills := form.Read(pages[names[i]]).Bills
		outcome := "no lines"
		var got []form.Row
		for _, b := range bills {
			outcome = string(b.Outcome)
			for _, table := range b.Tables {
				got = append(got, table.Rows...)
			}
		}
		wrong := 0
		for _, b := range truth.Bills {
			for _, table := range b.Tables {
				for _, row := range table.Rows {
					if !slices.ContainsFunc(got, func(r form.Row) bool { return holds(&r, row) }) {
						wrong++
					}
				}
			}
		}
		missed += wrong
		if outcome != truth.Expected && !(truth.Expected == "reconciled" && outcome == "unproved" && wrong == 0) {
			t.Errorf("%s is %s, not %s", truth.Layout, outcome, truth.Expected)
		}
		if outcome == "reconciled" && wrong > 0 {
			t.Errorf("%s: a false proof, %d rows are wrong", truth.Layout, wrong)
		}
	}
	if missed > 2 { // of a form that prints its first row over the headings
		t.Errorf("%d rows are wrong or missing", missed)
	}
}

// holds reports whether a row has all figures of the truth.
func holds(r *form.Row, truth map[string]string) bool {
	for _, f := range form.Figures {
		words := strings.Fields(truth[string(f)])
		if len(words) == 0 {
			continue
		}
		want := strings.TrimRight(strings.ReplaceAll(words[0], ",", ""), "#")
		c := r.Cell(f)
		if c == nil || trim(c.Figure) != trim(want) {
			return false
		}
	}
	return true
}

func trim(figure string) string {
	if strings.Contains(figure, ".") {
		figure = strings.TrimRight(strings.TrimRight(figure, "0"), ".")
	}
	return figure
}

// BenchmarkFreeReading reports how many times as long as the known form free reading takes
// for the same pages, words in and bills out.
func BenchmarkFreeReading(b *testing.B) {
	pages := pagesOf(b, real+"bol.pdf")[real+"bol.pdf"]
	var known, free time.Duration
	for b.Loop() {
		start := time.Now()
		r := bol.NewReader()
		for _, p := range pages {
			must.OK(b, r.Add(0, p))
		}
		_, err := r.Document([]bol.File{{Name: "bol.pdf", Pages: len(pages)}})
		must.OK(b, err)
		known += time.Since(start)
		start = time.Now()
		form.Read(pages)
		free += time.Since(start)
	}
	b.ReportMetric(float64(free)/float64(known), "×known")
}
