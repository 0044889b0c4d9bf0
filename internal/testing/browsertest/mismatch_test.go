package browsertest

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/shipments"
)

func TestAMismatchIsFoundAndCorrected(t *testing.T) {
	p := newPlace(t)
	w := p.open()
	good := p.shipment(small, "good-")
	s := shipments.Sample(t, small)
	s.Bills[3].Print = sample.Print{sample.Pieces: "999"}
	number := s.Bills[3].Number
	w.load(shipment{bills: p.file("wrong-bol.pdf", s.WritePDF), orders: good.orders})
	w.says("#step-bills", "wrong-bol.pdf", "5 reconciled", "1 mismatched")
	w.says("#step-sheet", "1 thing to check")
	w.says(".issues", "Does not add up", "Pieces: the lines add up to", "the bill prints 999", "Bill "+number)
	if got := value[string](w, "document.querySelector('.bill .id').innerText.trim()"); got != number {
		t.Errorf("the first bill is %s, and %s does not add up", got, number)
	}
	w.says(".bill tr.off", "Pieces", "999")

	// A link in step 3 leads to the figure on the page.
	w.click("#tab-sheet", "#step-sheet .trust .link", ".issues .issue")
	w.run(findSpot)
	w.marked("the printed pieces", value[spot](w, fmt.Sprintf("theSheet().then((s) => spot(s.bills.find((b) => b.number.text === %q).totals.pieces.value))", number)))
	w.click(".inspector-head button[aria-label='Close']")
	w.until(shut)

	// The sheet can be downloaded nevertheless, after a question.
	down := w.downloads()
	w.click("#step-sheet button[aria-label='Download CSV']")
	w.says("#ask", "Download with 1 thing unchecked?")
	w.click("#ask button[value=save]")
	saved(t, filepath.Join(down, "load-sheet*.csv"))

	w.must(w.Files("#bills-files", good.bills))
	w.click("#ask button[value=replace]")
	w.until(bills + " && document.querySelector('#step-bills .files').innerText.includes('good-bol.pdf')")
	w.until("document.querySelector('.allwell')")
	w.join(good.orders)
	w.says("#step-bills", "6 reconciled")
	w.says("#step-sheet", "Every bill adds up and every line has its order.")
	w.says("#panel-bills", "All 6 bills add up")
}

func TestAMismatchIsToldFromWhatWasNotCompared(t *testing.T) {
	p, w := opened(t)
	s := shipments.Sample(t, small)
	b := s.Bills[slices.IndexFunc(s.Bills, func(b *sample.Bill) bool { return len(b.Lines) > 1 })]
	b.Cartons++
	b.Weight++ // by a tenth of a pound
	b.Print = sample.Print{sample.Pieces: ""}
	b.Instructions, b.Notes = []string{"HOLD 3 CTNS FOR QC"}, []string{"CALL AHEAD"}
	w.must(w.Files("#bills-files", p.file("wrong-bol.pdf", s.WritePDF)))
	w.until(bills + " && document.querySelector('.bill[open] .totals')")
	want := []string{"does not add up", "not printed, not compared", "adds up ≈ 0.1", "adds up"}
	got := value[[]string](w, `[...document.querySelectorAll(".bill[open] .totals .outcome")].map((e) => [...e.querySelectorAll(".unseen, small")].map((x) => x.textContent.trim()).join(" "))`)
	if !slices.Equal(got, want) {
		t.Errorf("the page shows the totals as %q, want %q", got, want)
	}
	w.says(".bill[open] .about", "HOLD 3 CTNS FOR QC", "CALL AHEAD")
}
