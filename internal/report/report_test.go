package report_test

import (
	"bytes"
	"errors"
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

var at = time.Date(2026, 11, 29, 5, 0, 0, 0, time.UTC)

func TestTheReportSaysWhoCheckedAndAmendedWhat(t *testing.T) {
	plain := flawed(t)
	var finding *sheet.Finding
	for i := range plain.Findings {
		if plain.Findings[i].Severity == sheet.Error {
			finding = &plain.Findings[i]
			break
		}
	}
	if finding == nil {
		t.Fatal("the sample has no finding")
	}
	key := finding.Key()
	s := flawed(t,
		sheet.Amendment{Kind: sheet.Tick, Finding: &key, By: "Ana", Note: "asked <b>the shipper</b>", At: at},
		sheet.Amendment{Kind: sheet.Correct, Bill: &sheet.BillKey{Number: plain.Document.Bills[0].Number.Text}, Field: "store", Value: "77", By: "Luis"},
		sheet.Amendment{Kind: sheet.Vouch, Bill: &sheet.BillKey{Number: "Z1"}})
	r := report.New(s, at)
	var page, again, paper bytes.Buffer
	for _, w := range []struct {
		to *bytes.Buffer
		f  report.Format
	}{{&page, report.HTML}, {&again, report.PDF}, {&paper, report.PDF}} {
		must.OK(t, report.New(s, at).Write(w.to, w.f))
	}
	for _, want := range []string{
		"Checked by Ana, 2026-11-29 05:00 UTC: asked &lt;b&gt;the shipper&lt;/b&gt;", "monday &lt;1&gt;.pdf", "Corrected store: bill ",
		"<td>77</td>", "Luis", "without effect: there is no bill Z1", "<p>12 bills with ", "1 of ",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", page.String())
	}
	if !bytes.Equal(again.Bytes(), paper.Bytes()) || !bytes.HasPrefix(paper.Bytes(), []byte("%PDF-")) {
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
	var page bytes.Buffer
	must.OK(t, report.New(sheet.Make(&bol.Document{}, nil), at).Write(&page, report.HTML))
	if !strings.Contains(page.String(), "Nothing needs to be checked.") {
		t.Errorf("%s", page.String())
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
