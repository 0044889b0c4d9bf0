package browsertest

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/internal/testing/must"

	"github.com/chromedp/chromedp/kb"
	"github.com/xuri/excelize/v2"
)

// checkedBy returns the last column of the workbook's tab "To check", by what and where.
func checkedBy(t *testing.T, book []byte) map[string]string {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(book))
	must.OK(t, err)
	defer f.Close()
	rows, err := f.GetRows("To check")
	must.OK(t, err)
	at := map[string]string{}
	for _, r := range rows[1:] {
		if len(r) < 3 || r[0] == "For information" {
			continue
		}
		last := ""
		if len(r) > 7 {
			last = r[7]
		}
		at[r[1]+", "+strings.ToLower(r[2])] = last
	}
	return at
}

// From the drop to the workbook, by keyboard alone: a finding is ticked off with a note.
func TestAFindingIsTickedOffWithANoteByKeyboardAlone(t *testing.T) {
	w, down := newPlace(t).flawed()
	all := value[int](w, "document.querySelectorAll('.issues li').length")
	w.says("#checked-count", "0 of ")
	what := value[string](w, "document.querySelector('.issues .what strong').textContent + ', ' + document.querySelector('.issues .where').textContent.toLowerCase()")

	w.tabTo(".tick input")
	w.must(w.Press(" "))
	w.at(".noteform input")
	w.must(w.Press("asked the shipper" + kb.Enter))
	w.until("document.querySelector('.issues .checked')")
	w.says(".checknote", "Checked by Ana", "asked the shipper")
	w.says("#checked-count", "1 of ")
	w.at("[data-check]:not(:checked)") // the focus goes on to the next
	w.until("document.querySelector('#tab-bills .badge').firstChild.textContent === String(" + jsInt(all-1) + ")")
	w.says("#session", "Check "+jsInt(all-1))

	// Escape leaves the note without a tick.
	w.must(w.Press(" "))
	w.at(".noteform input")
	w.must(w.Press(kb.Escape))
	w.at("[data-check]:not(:checked)")
	w.says("#checked-count", "1 of ")

	w.run("document.getElementById('shipments').focus()") // back to the top, before the steps

	// The download asks, and the workbook says who checked what.
	w.tabTo("#step-sheet button[aria-label='Download Excel']")
	w.must(w.Press(kb.Enter))
	w.until("document.getElementById('ask').open")
	w.says("#ask", "Download with "+jsInt(all-1)+" things unchecked?")
	w.tabTo("#ask button[value=save]")
	w.must(w.Press(kb.Enter))
	got := checkedBy(t, saved(t, filepath.Join(down, "*.xlsx")))
	if by := got[what]; by != "Ana: asked the shipper" {
		t.Errorf("%s was checked by %q: %q", what, by, got)
	}
	for other, by := range got {
		if other != what && by != "" {
			t.Errorf("%s was checked by %q", other, by)
		}
	}

	// The tick is taken back.
	w.tabTo(".issues .checked .tick input")
	w.must(w.Press(" "))
	w.until("!document.querySelector('.issues .checked')")
	w.says("#checked-count", "0 of ")
}

func TestEverythingIsTickedOffByCauseAndNothingAsksAnyMore(t *testing.T) {
	w, down := newPlace(t).flawed()
	w.click(".ways input[value=cause]")
	w.until("document.querySelector('.ways input[value=cause]').checked && !document.querySelector('.checkgroup h3').textContent.startsWith('Bill')")
	all := value[int](w, "document.querySelectorAll('.issues li').length")
	for value[bool](w, "Boolean(document.querySelector('.checkgroup h3 .link'))") {
		n := value[int](w, "document.querySelectorAll('.issues .checked').length")
		w.click(".checkgroup h3 .link")
		w.until("document.querySelector('dialog.write')?.open")
		w.must(w.Press("seen" + kb.Enter))
		w.until("document.querySelectorAll('.issues .checked').length > " + jsInt(n))
	}
	for value[bool](w, "Boolean(document.querySelector('.issues li:not(.checked)'))") {
		n := value[int](w, "document.querySelectorAll('.issues .checked').length")
		w.click(".issues li:not(.checked) .tick input")
		w.must(w.Press(kb.Enter))
		w.until("document.querySelectorAll('.issues .checked').length > " + jsInt(n))
	}
	w.until("document.getElementById('session-text').textContent.startsWith('All " + jsInt(all) + " checked')")
	w.says("#step-sheet", "All "+jsInt(all)+" findings are checked")
	w.click("#step-sheet button[aria-label='Download Excel']")
	for what, by := range checkedBy(t, saved(t, filepath.Join(down, "*.xlsx"))) {
		if !strings.HasPrefix(by, "Ana") {
			t.Errorf("%s was checked by %q", what, by)
		}
	}
	w.must(w.Reload())
	w.until("document.getElementById('session-text').textContent.startsWith('All " + jsInt(all) + " checked')")
}

func TestTheReportIsSavedFromThePage(t *testing.T) {
	p := newPlace(t)
	w, down := p.flawed()
	w.click(".issues .tick input")
	w.must(w.Press("the paper is wrong" + kb.Enter))
	w.until("document.querySelector('.issues .checked')")
	w.click(".reports button:nth-child(2)")
	page := string(saved(t, filepath.Join(down, "to-check-*.html")))
	for _, want := range []string{"bol-with-mistakes.pdf", "Checked by Ana", "the paper is wrong", "1 of "} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	w.click(".reports button:nth-child(1)")
	if paper := saved(t, filepath.Join(down, "to-check-*.pdf")); !bytes.HasPrefix(paper, []byte("%PDF-")) {
		t.Errorf("the paper is %.20q", paper)
	}
	// The page that the server sends keeps its style under its own policy.
	tab := p.beside(w)
	tab.must(tab.Go(p.URL + "/report"))
	tab.until("document.querySelector('li.checked .box')")
	if value[string](tab, "getComputedStyle(document.querySelector('li')).display") != "flex" {
		t.Error("the report has no style")
	}
}
