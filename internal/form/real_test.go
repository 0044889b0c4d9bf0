package form_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/form"
	"tallyman/internal/intake"
	"tallyman/internal/page"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/proof"
)

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	os.Exit(m.Run())
}

// library reads documents as the product reads those of no known form.
func library(tb testing.TB) *proof.Library {
	l := proof.NewLibrary()
	tb.Cleanup(l.Close)
	return l
}

// realPages are those of the real document.
func realPages(tb testing.TB) []page.Page {
	tb.Helper()
	documents, err := library(tb).Known(tb.Context(), real+"bol.pdf", 0)
	must.OK(tb, err)
	if len(documents) == 0 {
		tb.Skip("the documents are not beside this checkout")
	}
	return documents[0].Pages
}

const real = "../../../shared/testdata/midas-2025-07-10/"

// The real document, read as if nobody had described its form: each line must be right,
// or its bill not be called reconciled.
func TestTheRealDocumentWithoutItsForm(t *testing.T) {
	pages := realPages(t)
	rows := must.CSV(t, bytes.NewReader(must.Read(t, real+"expected-unmatched.csv")))
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
	documents, err := library(t).Folder(t.Context(), "../../../shared/testdata/layouts")
	must.OK(t, err)
	if len(documents) == 0 {
		t.Skip("the layouts are not beside this checkout")
	}
	missed := 0
	for _, d := range documents {
		truth := d.Truth
		outcome := "no lines"
		var got []form.Row
		for _, b := range form.Read(d.Pages).Bills {
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
	pages := realPages(b)
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
