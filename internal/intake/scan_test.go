package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/sample"
	"tallyman/internal/sample/degrade"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/must"
)

// scanned returns a sample, its first page as a picture, and a PDF of that.
func scanned(t *testing.T, o sample.Options, k degrade.Kind) (s *sample.Sample, picture, pdf []byte) {
	t.Helper()
	s = invented(t, o)
	p, err := shared.Picture(context.Background(), file("bol.pdf", must.Written(t, s.WritePDF)), 1, degrade.Width)
	must.OK(t, err)
	img, err := png.Decode(bytes.NewReader(p.PNG))
	must.OK(t, err)
	picture, err = degrade.Make(img, k, o.Seed)
	must.OK(t, err)
	var b bytes.Buffer
	must.OK(t, degrade.WritePDF(&b, [][]byte{picture}))
	return s, picture, b.Bytes()
}

func keysOf(b *bol.Bill) string {
	var out []string
	for _, v := range b.Keys() {
		out = append(out, v.Text)
	}
	return strings.Join(out, " ")
}

// What one reader reads of a picture is right here, and still is not called reconciled: its
// lines stay out of the sheet until somebody accepts the bill, and each value is named with its
// place.
func TestScansAreReadAndNeverReconciled(t *testing.T) {
	s, picture, pdf := scanned(t, sample.Options{Bills: 1, Lines: 3, Seed: 6}, degrade.Skewed)
	truth, err := shared.Bills(context.Background(), []intake.File{file("bol.pdf", must.Written(t, s.WritePDF))}, nil)
	must.OK(t, err)
	want := truth.Bills[0]
	for name, content := range map[string][]byte{"page.jpg": picture, "scan.pdf": pdf} {
		pages := 0
		d, err := shared.Bills(context.Background(), []intake.File{file(name, content)}, func(p intake.Progress) { pages = p.Pages })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(d.Bills) != 1 || pages != 1 {
			t.Fatalf("%s: %d bills on %d pages", name, len(d.Bills), pages)
		}
		b := d.Bills[0]
		if keysOf(b) != keysOf(want) {
			t.Errorf("%s: read %s, want %s", name, keysOf(b), keysOf(want))
		}
		if b.Verdict.Outcome != bol.Unproved || !b.Held() || !b.Optical || d.Held() != 3 {
			t.Errorf("%s: the bill is %s, held %v", name, b.Verdict.Outcome, b.Held())
		}
		for _, c := range b.Verdict.Checks {
			if c.State == bol.Proved {
				t.Errorf("%s: %s is called proved", name, c.Field)
			}
		}
		// On a PDF the page is as it was scanned, with its words on it; a picture is shown
		// level.
		angle := 0.0
		if name == "scan.pdf" {
			angle = slantOf(b)
			if math.Abs(angle) < 0.5 {
				t.Errorf("%s: the rows of the page are level (%.2f degrees)", name, angle)
			}
		}
		for i, v := range []bol.Value{b.Number, b.Lines[0].Style, b.Lines[2].Style, b.Printed.Pieces.Value} {
			w := []bol.Value{want.Number, want.Lines[0].Style, want.Lines[2].Style, want.Printed.Pieces.Value}[i]
			// The picture is turned around its middle: see degrade.
			if d := max(math.Abs(float64(v.Box.X0-w.Box.X0)), math.Abs(float64(v.Box.Y1-w.Box.Y1))); d > 22 || angle == 0 && d > 16 {
				t.Errorf("%s: %s was read at %v, %.1f points from %v", name, v.Text, v.Box, d, w.Box)
			}
		}
		rows := sheet.DefaultRules().Amended(d, nil, nil)
		if len(rows.Rows) != 0 {
			t.Errorf("%s: %d rows are in the sheet", name, len(rows.Rows))
		}
		found := false
		for _, f := range rows.Findings {
			found = found || f.Kind == sheet.NotProved && f.Open() && len(f.Places) == 1+len(b.Keys())
		}
		if !found {
			t.Errorf("%s: the values are not named: %v", name, rows.Findings)
		}
		p, err := shared.Picture(context.Background(), file(name, content), 1, 400)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if img, err := png.Decode(bytes.NewReader(p.PNG)); err != nil || img.Bounds().Dx() != 400 || math.Abs(float64(p.PageHeight)-792) > 8 {
			t.Errorf("%s: the picture is %v, of a page %g points high; %v", name, img.Bounds(), p.PageHeight, err)
		}
		if _, err := shared.Picture(context.Background(), file(name, content), 2, 400); fault.CodeOf(err) != fault.NoSuchPage {
			t.Errorf("%s: page 2: %v", name, err)
		}
	}
}

// Pages of a PDF that lie on their side, and photos from the side, are read and shown as if
// they had been scanned straight.
func TestScansThatLieAskewAreShownAsTheyAreRead(t *testing.T) {
	s := invented(t, sample.Options{Bills: 1, Lines: 3, Seed: 6})
	doc := file("bol.pdf", must.Written(t, s.WritePDF))
	truth, err := shared.Bills(context.Background(), []intake.File{doc}, nil)
	must.OK(t, err)
	p, err := shared.Picture(context.Background(), doc, 1, 1400)
	must.OK(t, err)
	img, err := png.Decode(bytes.NewReader(p.PNG))
	must.OK(t, err)
	b := img.Bounds()
	side := image.NewGray(image.Rect(0, 0, b.Dy(), b.Dx()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			side.Set(b.Dy()-1-y, x, img.At(x, y))
		}
	}
	sideways, err := degrade.Make(side, degrade.Small, 1)
	must.OK(t, err)
	_, photo, _ := scanned(t, sample.Options{Bills: 1, Lines: 3, Seed: 6}, degrade.GoodPhoto)
	config := patient
	config.Workers, config.Kept = 1, intake.NewKept()
	reader := newReader(t, config).Keeping("a")
	for name, picture := range map[string][]byte{"sideways": sideways, "photo": photo} {
		var pdf bytes.Buffer
		must.OK(t, degrade.WritePDF(&pdf, [][]byte{picture}))
		f := file(name+".pdf", pdf.Bytes())
		d, err := reader.Bills(context.Background(), []intake.File{f}, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := keysOf(d.Bills[0]), keysOf(truth.Bills[0]); got != want {
			t.Errorf("%s: read %s, want %s", name, got, want)
		}
		shown, err := reader.Picture(context.Background(), f, 1, 612)
		must.OK(t, err)
		if math.Abs(float64(shown.PageWidth)-612) > 1 || math.Abs(float64(shown.PageHeight)-792) > 20 {
			t.Errorf("%s: the page is shown as %g by %g points", name, shown.PageWidth, shown.PageHeight)
		}
		if w, got := truth.Bills[0].Lines[1].Style.Box, d.Bills[0].Lines[1].Style.Box; math.Abs(float64(w.X0-got.X0)) > 12 || math.Abs(float64(w.Y0-got.Y0)) > 12 {
			t.Errorf("%s: a style is at %v, want %v", name, got, w)
		}
	}
}

// A page of text over a large picture is read by its text: stamps and fax headers alone are less
// than 25 words. Here there is no time to read a picture, and the words are not bills.
func TestPagesWithWordsOverPicturesAreReadByTheirWords(t *testing.T) {
	config := patient
	config.Workers, config.PageTime = 1, 1
	reader := newReader(t, config)
	for words, code := range map[int]fault.Code{24: fault.TooSlow, 25: fault.NoText} {
		doc := fpdf.New("P", "pt", "Letter", "")
		doc.AddPage()
		doc.RegisterImageOptionsReader("picture", fpdf.ImageOptions{ImageType: "JPG"}, bytes.NewReader(hostile.Photo()))
		doc.ImageOptions("picture", 0, 0, 612, 792, false, fpdf.ImageOptions{}, 0, "")
		doc.SetFont("Helvetica", "", 10)
		for i := range words {
			doc.Text(60+80*float64(i%5), 60+20*float64(i/5), fmt.Sprint("word", i))
		}
		_, err := reader.Bills(context.Background(), []intake.File{file("bol.pdf", must.Written(t, doc.Output))}, nil)
		if fault.CodeOf(err) != code {
			t.Errorf("%d words: %v, want %s", words, err, code)
		}
	}
}

// watched is a file that calls a function when it is read.
type watched struct {
	*bytes.Reader
	read func()
}

func (w watched) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > 12 { // not for its first bytes alone
		w.read()
	}
	return w.Reader.ReadAt(p, off)
}

// photographed returns pictures of one bill each.
func photographed(t *testing.T, n int) (files []intake.File) {
	t.Helper()
	doc := file("bol.pdf", must.Written(t, invented(t, sample.Options{Bills: n, Lines: n, Seed: 20}).WritePDF))
	for i := range n {
		p, err := shared.Picture(context.Background(), doc, i+1, 1000)
		must.OK(t, err)
		files = append(files, file(fmt.Sprintf("photo%d.png", i+1), p.PNG))
	}
	return files
}

// Pictures are one document in the order in which they are given, and each tells that it was
// read. What was read is not read again for the same owner, be it in another order: here there
// is no time to read anything.
func TestPicturesAreReadOnceInTheirOrder(t *testing.T) {
	files := photographed(t, 2)
	config := patient
	config.Workers, config.Kept = 1, intake.NewKept()
	reader := newReader(t, config)
	var told []intake.Progress
	d, err := reader.Keeping("a").Bills(context.Background(), files, func(p intake.Progress) { told = append(told, p) })
	must.OK(t, err)
	if len(d.Bills) != 2 || d.Bills[0].Sheets[0].File != 0 || d.Bills[1].Sheets[0].File != 1 {
		t.Fatalf("%d bills", len(d.Bills))
	}
	if len(told) != 2 || told[0].Pages != 1 || told[0].Total != 2 || told[1].Pages != 2 || told[1].Total != 2 || told[1].File != 1 {
		t.Errorf("progress: %+v", told)
	}
	config.PageTime = 1
	hasty := newReader(t, config)
	again, err := hasty.Keeping("a").Bills(context.Background(), []intake.File{files[1], files[0]}, nil)
	if err != nil {
		t.Fatalf("it is read again: %v", err)
	}
	if keysOf(again.Bills[0]) != keysOf(d.Bills[1]) || keysOf(again.Bills[1]) != keysOf(d.Bills[0]) {
		t.Error("the other order is another document")
	}
	for name, r := range map[string]*intake.Reader{"another owner": hasty.Keeping("b"), "nobody": hasty} {
		if _, err := r.Bills(context.Background(), files[:1], nil); fault.CodeOf(err) != fault.TooSlow || !strings.Contains(err.Error(), "one page may take") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who gives up stops the worker in the middle of a page.
func TestReadingPicturesIsCancelled(t *testing.T) {
	second := photographed(t, 1)[0]
	config := patient
	config.Workers = 1
	reader := newReader(t, config)
	ctx, cancel := context.WithCancel(context.Background())
	second.ReaderAt = watched{second.ReaderAt.(*bytes.Reader), cancel} // the worker has begun with it
	_, err := reader.Bills(ctx, []intake.File{file("photo0.jpg", hostile.Photo()), second}, nil)
	if fault.CodeOf(err) != fault.Cancelled {
		t.Fatalf("got %v", err)
	}
	if reader.Restarts() != 1 {
		t.Errorf("%d workers were ended", reader.Restarts())
	}
}

// A page of several that cannot be read is named, and the others are read.
func TestAPageThatCannotBeReadIsNamed(t *testing.T) {
	_, picture, _ := scanned(t, sample.Options{Bills: 1, Lines: 1, Seed: 5}, degrade.Small)
	var pdf bytes.Buffer
	must.OK(t, degrade.WritePDF(&pdf, [][]byte{picture, picture}))
	config := patient
	config.Workers, config.PageTime = 1, 1
	_, err := newReader(t, config).Bills(context.Background(), []intake.File{file("scan.pdf", pdf.Bytes())}, nil)
	if fault.CodeOf(err) != fault.DamagedPDF || !strings.Contains(err.Error(), "one page may take") {
		t.Errorf("got %v", err)
	}
}

// slantOf returns the angle of a bill's first line, in degrees.
func slantOf(b *bol.Bill) float64 {
	l := &b.Lines[0]
	return math.Atan2(float64(l.Weight.Box.Y1-l.Cartons.Box.Y1), float64(l.Weight.Box.X0-l.Cartons.Box.X0)) * 180 / math.Pi
}

// A scan of a form that nobody described is read by its headings, as its text would be.
func TestScansOfAnyForm(t *testing.T) {
	s, picture, _ := scanned(t, sample.Options{Form: sample.Packing, Bills: 1, Lines: 4, Seed: 1}, degrade.Clean)
	d, err := shared.Bills(context.Background(), []intake.File{file("photo", picture)}, nil)
	must.OK(t, err)
	if len(d.Bills) != 1 || d.Bills[0].Free == nil || d.Bills[0].Verdict.Outcome != bol.Unproved {
		t.Fatalf("%d bills, %+v", len(d.Bills), d.Bills[0].Verdict)
	}
	want := s.Truth().Bills[0]
	if got := d.Bills[0].Number.Text; got != want.Number {
		t.Errorf("the number is %q, want %q", got, want.Number)
	}
	if got := len(d.Bills[0].Lines); got != 4 {
		t.Fatalf("%d lines", got)
	}
	for i, row := range want.Tables[0].Rows {
		if l := &d.Bills[0].Lines[i]; l.Cartons.Text != row["packages"] || l.Weight.Plain() != strings.ReplaceAll(row["weight"], ",", "") {
			t.Errorf("line %d: %s cartons, %s lb, want %v", i, l.Cartons.Text, l.Weight.Text, row)
		}
	}
}

// Files that are not pictures of bills are refused for what they are.
func TestPicturesThatCannotBeRead(t *testing.T) {
	white := image.NewGray(image.Rect(0, 0, 300, 400))
	for i := range white.Pix {
		white.Pix[i] = 250
	}
	var blank bytes.Buffer
	must.OK(t, png.Encode(&blank, white))
	for name, c := range map[string]struct {
		content string
		code    fault.Code
		says    string
	}{
		"blank":  {blank.String(), fault.NoText, "page 1"},
		"broken": {"\xff\xd8\xff\xe0 broken", fault.DamagedPicture, "save it again as JPEG or PNG"},
		"heic":   {"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", fault.NotAPDF, "Most Compatible"},
	} {
		_, err := shared.Bills(context.Background(), []intake.File{file(name, []byte(c.content))}, nil)
		if fault.CodeOf(err) != c.code || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What two readers read in the same way, and what adds up, is reconciled; see package bol for
// what is not.
func TestTwoReadersProveAScan(t *testing.T) {
	second, err := tesseract.Find("")
	must.OK(t, err)
	if second == nil {
		t.Skipf("%s is not installed", tesseract.Usual)
	}
	config := patient
	config.Workers, config.Second = 1, second
	reader := newReader(t, config)
	s, picture, pdf := scanned(t, sample.Options{Bills: 1, Lines: 3, Seed: 6}, degrade.Clean)
	truth, err := shared.Bills(context.Background(), []intake.File{file("bol.pdf", must.Written(t, s.WritePDF))}, nil)
	must.OK(t, err)
	for name, content := range map[string][]byte{"page.png": picture, "scan.pdf": pdf} {
		d, err := reader.Bills(context.Background(), []intake.File{file(name, content)}, nil)
		must.OK(t, err)
		b := d.Bills[0]
		if b.Verdict.Outcome != bol.Reconciled || b.Held() || keysOf(b) != keysOf(truth.Bills[0]) {
			t.Errorf("%s: %s, %s: %s, want %s", name, b.Verdict.Outcome, b.Verdict.Reason, keysOf(b), keysOf(truth.Bills[0]))
		}
		confirmed := 0
		for _, v := range b.Keys() {
			if v.Sight == nil || len(v.Sight.Second) == 0 && v.Sight.State == bol.Confirmed {
				t.Errorf("%s: %q: %+v", name, v.Text, v.Sight)
			} else if v.Sight.State == bol.Confirmed {
				confirmed++
			}
		}
		if confirmed < 12 {
			t.Errorf("%s: %d values are confirmed", name, confirmed)
		}
	}
}
