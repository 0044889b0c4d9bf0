package desk_test

import (
	"bytes"
	"fmt"
	"testing"

	"codeberg.org/go-pdf/fpdf"

	"tallyman/internal/bol"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
)

// A bill may be photographed page by page: its pictures are one bill, whether they come in one
// upload or one after the other. The second page here shows lines and a total alone, which are
// no bill without the first.
func TestABillOfTwoPicturesIsOneBill(t *testing.T) {
	config := service.Patient
	config.Kept = intake.NewKept()
	reader := intake.New(config)
	t.Cleanup(reader.Close)
	p := placeWith(t, reader, desk.Limits{})
	ctx := t.Context()
	doc := fpdf.New("P", "pt", "Letter", "")
	doc.SetFont("Helvetica", "", 12)
	row := func(y float64, texts ...string) {
		for i, text := range texts {
			doc.Text([]float64{60, 240, 350, 470}[i], y, text)
		}
	}
	doc.AddPage()
	row(60, "PACKING LIST NO.: PL-4711")
	row(120, "STYLE", "CARTONS", "PIECES", "WEIGHT")
	row(150, "ALPHA-100", "24", "1,152", "310.5")
	row(180, "ALPHA-101", "7", "336", "88.0")
	doc.AddPage()
	row(120, "GAMMA-200", "113", "5,424", "1,460.2")
	row(150, "GAMMA-201", "9", "432", "101.3")
	row(180, "TOTAL", "153", "7,344", "1,960.0")
	written := must.Written(t, doc.Output)
	var pictures [][]byte
	for n := 1; n <= 2; n++ {
		shown, err := reader.Picture(ctx, intake.File{Name: "bol.pdf", ReaderAt: bytes.NewReader(written), Size: int64(len(written))}, n, 1200)
		must.OK(t, err)
		pictures = append(pictures, shown.PNG)
	}
	begin := func(id string) session.State {
		st, _, err := p.Begin(ctx, key(id), session.Named)
		must.OK(t, err)
		return st
	}
	send := func(st session.State, add bool, numbers ...int) (session.State, error) {
		var files []file
		for _, n := range numbers {
			files = append(files, upload(fmt.Sprintf("photo%d.png", n), pictures[n-1]))
		}
		return p.attachBills(ctx, st, add, files...)
	}
	whole := func(what string, st session.State) {
		t.Helper()
		s, err := p.Sheet(ctx, st)
		must.OK(t, err)
		b := s.Document.Bills[0]
		if len(s.Document.Bills) != 1 || len(b.Lines) != 4 || b.Free.Outcome != "reconciled" || b.Lines[3].File != 1 || b.Printed.Weight.File != 1 || len(b.Sheets) != 2 {
			t.Errorf("%s: %d bills, of which the first is %s: %s; %v", what, len(s.Document.Bills), b.Verdict.Outcome, b.Verdict.Reason, s.Document.Problems)
		}
	}

	together, err := send(begin("together"), false, 1, 2)
	must.OK(t, err)
	whole("together", together)

	one := begin("one by one")
	if _, err := send(one, false, 2); fault.CodeOf(err) != fault.NoBills && fault.CodeOf(err) != fault.UnreadForm {
		t.Errorf("the second picture alone: %v", err)
	}
	one, err = send(one, false, 1)
	must.OK(t, err)
	one, err = send(one, true, 2)
	must.OK(t, err)
	whole("one by one", one)
	one, _, err = p.Reread(ctx, one)
	must.OK(t, err)
	whole("read again", one)

	// What is left of it when a picture is taken away is told, and is not a fault.
	one, _, err = p.Detach(ctx, one, "photo1.png", 0)
	must.OK(t, err)
	s, err := p.Sheet(ctx, one)
	must.OK(t, err)
	if len(s.Document.Bills) != 0 || len(s.Document.Problems) == 0 || s.Document.Problems[0].Kind != bol.NotABill {
		t.Errorf("without its first picture: %d bills, %v", len(s.Document.Bills), s.Document.Problems)
	}
}
