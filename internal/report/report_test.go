package report_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/report"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
)

func flawed(t *testing.T, amendments ...sheet.Amendment) *sheet.Sheet {
	t.Helper()
	s, err := sample.Flawed()
	must.OK(t, err)
	pages, err := s.WordPages()
	must.OK(t, err)
	r := bol.NewReader()
	for _, p := range pages {
		must.OK(t, r.Add(0, p))
	}
	doc, err := r.Document([]bol.File{{Name: "monday <1>.pdf", Pages: len(pages)}})
	must.OK(t, err)
	return sheet.DefaultRules().Amended(doc, nil, amendments)
}

func written(t *testing.T, s *sheet.Sheet, f report.Format) []byte {
	t.Helper()
	return must.Written(t, func(w io.Writer) error { return report.New(s, at).Write(w, f) })
}

var at = time.Date(2026, 11, 29, 5, 0, 0, 0, time.UTC)

func TestTheReportSaysWhoCheckedAndAmendedWhat(t *testing.T) {
	plain := flawed(t)
	i := slices.IndexFunc(plain.Findings, func(f sheet.Finding) bool { return f.Severity == sheet.Error })
	if i < 0 {
		t.Fatal("the sample has no finding")
	}
	key := plain.Findings[i].Key()
	s := flawed(t,
		sheet.Amendment{Kind: sheet.Tick, Finding: &key, By: "Ana", Note: "asked <b>the shipper</b>", At: at},
		sheet.Amendment{Kind: sheet.Correct, Bill: &sheet.BillKey{Number: plain.Document.Bills[0].Number.Text}, Field: "store", Value: "77", By: "Luis"},
		sheet.Amendment{Kind: sheet.Vouch, Bill: &sheet.BillKey{Number: "Z1"}})
	r := report.New(s, at)
	page, again, paper := string(written(t, s, report.HTML)), written(t, s, report.PDF), written(t, s, report.PDF)
	for _, want := range []string{
		"Checked by Ana, 2026-11-29 05:00 UTC: asked &lt;b&gt;the shipper&lt;/b&gt;", "monday &lt;1&gt;.pdf", "Corrected store: bill ",
		"<td>77</td>", "Luis", "without effect: there is no bill Z1", "<p>12 bills with ", "1 of ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
	if !bytes.Equal(again, paper) || !bytes.HasPrefix(paper, []byte("%PDF-")) {
		t.Error("the same report gives other bytes")
	}
	if r.Items() < len(r.Groups) {
		t.Errorf("%d items in %d groups", r.Items(), len(r.Groups))
	}
	for _, g := range r.Groups {
		for _, i := range g.Items {
			if (i.Checked != "") != (i.Text != "" && strings.Contains(i.Checked, "Ana")) {
				t.Errorf("%+v is checked", i)
			}
		}
	}
}

func TestNothingToCheckIsSaid(t *testing.T) {
	if page := string(written(t, sheet.Make(&bol.Document{}, nil), report.HTML)); !strings.Contains(page, "Nothing needs to be checked.") {
		t.Error(page)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestAReportThatCannotBeWrittenIsAFault(t *testing.T) {
	for _, f := range []report.Format{report.HTML, report.PDF} {
		if err := report.New(flawed(t), at).Write(full{}, f); fault.CodeOf(err) != fault.Unwritable {
			t.Errorf("%s: %v", f, err)
		}
	}
	if _, err := report.ParseFormat("docx"); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("docx: %v", err)
	}
}
