package bol

import (
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// read from a picture, in which labels are glued and misread.
func opticalPage(t *testing.T, glue func(p *page.Page)) page.Page {
	t.Helper()
	ty := newTypist().form("G24024").foot("3", "84", "35.7", "4.06")
	ty.row(0, cells{"2", "D04650LA", "48", "629543", "", "GIRLS", "2.61", "20.3"})
	ty.row(1, cells{"1", "D04651LA", "36", "629543", "", "BOYS", "1.45", "15.4"})
	p := ty.done()
	p.Scan = page.Recognised
	if glue != nil {
		glue(&p)
	}
	return p
}

// rename changes the text of words, one after the other; an empty text joins a word to the
// one before.
func rename(p *page.Page, from []string, to ...string) {
	for i := range p.Words {
		if i+len(from) > len(p.Words) {
			return
		}
		same := true
		for j, text := range from {
			same = same && p.Words[i+j].Text == text
		}
		if !same {
			continue
		}
		first := &p.Words[i]
		first.Text = to[0]
		n := 1
		for j := range from[1:] {
			if j+1 < len(to) {
				p.Words[i+n].Text = to[j+1]
				n++
			} else {
				first.Box = first.Box.Union(p.Words[i+n].Box)
				p.Words = append(p.Words[:i+n], p.Words[i+n+1:]...)
			}
		}
		w := &p.Words[i]
		w.Edges = evenEdges(w.Box, len([]rune(w.Text)))
		w.Joints = nil
		return
	}
}

func TestLabelsAreFoundInPicturesThoughTheyAreGluedOrMisread(t *testing.T) {
	glued := func(p *page.Page) {
		rename(p, []string{"TOTAL", "CARTONS"}, "TOTALCARTONS")
		rename(p, []string{"TOTAL", "PIECES"}, "TOTALPIECFS")
		rename(p, []string{"SHIPPING", "INSTRUCTIONS:"}, "SHIPPINGINSTRUCTI0NS")
		rename(p, []string{"DESCRIPTION"}, "DFSCRIPTION")
		rename(p, []string{"BILL", "OF", "LADING"}, "BILLOFLADING")
		rename(p, []string{"CUST.", "STYLE"}, "CUST.STYLE")
	}
	d := documentOf(t, opticalPage(t, glued))
	b := d.Bills[0]
	if b.Number.Text != "G24024" || len(b.Lines) != 2 {
		t.Fatalf("bill %q with %d lines: %v", b.Number.Text, len(b.Lines), d.Problems)
	}
	for _, c := range b.Verdict.Checks {
		if c.State != Unsure {
			t.Errorf("%s is %s", c.Field, c.State)
		}
	}
	// Digital pages are read to the letter.
	p := opticalPage(t, glued)
	p.Scan = page.Printed
	if b := documentOf(t, p).Bills[0]; b.Verdict.Outcome != Unchecked {
		t.Errorf("a digital page with such labels is %s", b.Verdict.Outcome)
	}
}

// withPieces is a document in which somebody sets the pieces of the first line.
func withPieces(t *testing.T, d *Document, pieces string) (*Document, func(bill, line int) *Line) {
	t.Helper()
	draft := d.Draft()
	_, err := draft.SetCell(0, 0, "pieces", pieces)
	must.OK(t, err)
	return draft.Finish()
}

// What one reader read is never reconciled: not if it adds up, not if it does not, and not
// after somebody corrected it. Somebody has to accept it.
func TestNothingReadFromAPictureIsReconciled(t *testing.T) {
	read := func(glue func(*page.Page)) *Document { return documentOf(t, opticalPage(t, glue)) }
	d := read(nil)
	wrong := read(func(p *page.Page) { rename(p, []string{"48"}, "43") })
	for name, b := range map[string]*Bill{"right": d.Bills[0], "wrong": wrong.Bills[0]} {
		if b.Verdict.Outcome != Unproved || !b.Held() || !strings.HasPrefix(b.Verdict.Reason, "one reader read it from a picture") {
			t.Errorf("%s: %s, held %v: %s", name, b.Verdict.Outcome, b.Held(), b.Verdict.Reason)
		}
	}
	if reason := wrong.Bills[0].Verdict.Reason; !strings.Contains(reason, "pieces: the lines add up to 79, the bill prints 84") {
		t.Errorf("the difference is not told: %s", reason)
	}
	corrected, _ := withPieces(t, wrong, "48")
	if b := corrected.Bills[0]; b.Verdict.Outcome != Unproved || !b.Held() {
		t.Errorf("after a correction it is %s", b.Verdict.Outcome)
	}
	if accepted := corrected.Accept(); accepted.Held() != 0 || accepted.Bills[0].Verdict.Outcome != Unproved {
		t.Errorf("accepted: %d lines held", accepted.Held())
	}
	// It is the same after it was stored.
	r := readerOf(t, opticalPage(t, nil))
	var b strings.Builder
	must.OK(t, r.Pages([]File{{Name: "a", Pages: 1}}).Encode(&b))
	pages, err := DecodePages([]byte(b.String()))
	must.OK(t, err)
	again, err := pages.Document()
	if err != nil || again.Bills[0].Verdict.Outcome != Unproved {
		t.Errorf("stored: %v, %v", again.Bills[0].Verdict, err)
	}
}

// Doubts matter where a value is: in figures, styles and numbers.
func TestDoubtsAreToldOfValuesOnly(t *testing.T) {
	p := opticalPage(t, nil)
	for _, w := range p.Words {
		if w.Text == "D04650LA" || w.Text == "GIRLS" {
			p.Notes = append(p.Notes, page.Note{Kind: page.Doubt, Box: w.Box, Text: w.Text, Message: w.Text + " may be another"})
		}
	}
	d := documentOf(t, p)
	if len(d.Problems) != 2 || d.Problems[1].Kind != OneReader || d.Problems[0].Kind != DoubtfulReading || d.Problems[0].Text != "D04650LA" || d.Problems[0].Bill != "G24024" {
		t.Errorf("problems: %+v", d.Problems)
	}
}

// A person who says that a doubtful figure is right as it was read settles the doubt, and no
// other one.
func TestConfirmedReadingsAreSettled(t *testing.T) {
	p := opticalPage(t, nil)
	var doubted []page.Box
	for i := range p.Words {
		if w := &p.Words[i]; w.Text == "629543" || w.Text == "48" {
			p.Notes = append(p.Notes, page.Note{Kind: page.Doubt, Box: w.Box, Text: w.Text, Message: "it may be another text"})
			doubted = append(doubted, w.Box)
		}
	}
	d := documentOf(t, p)
	doubts := func(d *Document) (n int) {
		for _, p := range d.Problems {
			if p.Kind == DoubtfulReading {
				n++
			}
		}
		return n
	}
	before := doubts(d)
	if before == 0 || len(doubted) == 0 {
		t.Fatalf("%d doubts: %v", before, d.Problems)
	}
	draft := d.Draft()
	if was, err := draft.SetCell(0, 0, "pieces", "48"); was != "48" || err != nil {
		t.Fatalf("was %q, %v", was, err)
	}
	now, find := draft.Finish()
	if got := doubts(now); got != before-1 || doubts(d) != before {
		t.Errorf("%d doubts are left of %d; the document itself has %d", got, before, doubts(d))
	}
	l := find(0, 0)
	if !l.Confirmed("pieces") || l.Confirmed("cartons") || l.Was()["pieces"] != "48" || !now.Bills[0].Amended() {
		t.Errorf("it is not confirmed: %v", l.Was())
	}
	draft = d.Draft()
	if _, err := draft.SetField(0, "total_pieces", "84"); err != nil {
		t.Fatal(err)
	}
	if now, _ = draft.Finish(); !now.Bills[0].Confirmed("total_pieces") || now.Bills[0].Confirmed("total_cartons") {
		t.Error("the total is not confirmed")
	}
	if _, find := withPieces(t, d, "47"); find(0, 0).Confirmed("pieces") {
		t.Error("what was corrected is called confirmed")
	}
}
