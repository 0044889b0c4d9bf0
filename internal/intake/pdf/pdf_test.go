package pdf_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

func TestMain(m *testing.M) {
	worker.Main(pdf.Handlers)
	os.Exit(m.Run())
}

const realPDF = "../../../../shared/testdata/midas-2025-07-10/bol.pdf"

func realDocument(tb testing.TB) []byte {
	b, err := os.ReadFile(realPDF)
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skip("the real sample is not beside this checkout")
	}
	must.OK(tb, err)
	return b
}

func sampleDocument(tb testing.TB, bills int) []byte {
	tb.Helper()
	s := shipments.Sample(tb, sample.Options{Bills: bills, Lines: 5 * bills, Seed: 1})
	return must.Written(tb, s.WritePDF)
}

func newPool(tb testing.TB, workers int) *worker.Pool {
	tb.Helper()
	cache, err := os.UserCacheDir()
	must.OK(tb, err)
	p := worker.NewPool(worker.Config{Workers: workers, Cache: cache + "/tallyman", Stall: 1000 * time.Hour})
	tb.Cleanup(p.Close)
	return p
}

// read returns the pages of a document in order.
func read(tb testing.TB, r *pdf.Reader, doc []byte) ([]page.Page, error) {
	tb.Helper()
	var mu sync.Mutex
	var pages []page.Page
	n, err := r.Read(context.Background(), bytes.NewReader(doc), int64(len(doc)), func(p page.Page) error {
		mu.Lock()
		defer mu.Unlock()
		pages = append(pages, p)
		return nil
	})
	slices.SortFunc(pages, func(a, b page.Page) int { return a.Number - b.Number })
	if err == nil && n != len(pages) {
		tb.Errorf("%d pages are said, %d were handed over", n, len(pages))
	}
	return pages, err
}

// document builds a PDF of pages, each given by its dictionary entries and its content.
func document(pages ...[2]string) []byte {
	kids := ""
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Courier>>"}
	for i, p := range pages {
		kids += fmt.Sprintf("%d 0 R ", 4+2*i)
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R %s>>", 5+2*i, p[0]),
			fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(p[1]), p[1]))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids, len(pages))
	return pdf.Assembled(objects...)
}

const letter = "/MediaBox[0 0 612 792]"

func text(words string) string {
	return "BT /F 10 Tf 100 700 Td (" + words + ") Tj ET "
}

func words(p page.Page) string {
	var out []string
	for _, w := range p.Words {
		out = append(out, w.Text)
	}
	return strings.Join(out, " ")
}

func TestWordsHaveTheirPlaces(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{})
	upright := page.Box{X0: 100, X1: 130} // five characters of 6 points
	for _, c := range []struct {
		name    string
		entries string
		content string
		words   string
		first   page.Box // where the first word begins and ends; y is not compared
		base    float32
	}{
		{"upright", letter, text("HELLO WORLD"), "HELLO WORLD", upright, 92},
		{"media box elsewhere", "/MediaBox[50 60 662 852]", text("HELLO WORLD"), "HELLO WORLD", page.Box{X0: 50, X1: 80}, 152},
		{"crop box", letter + "/CropBox[90 100 500 750]", text("HELLO WORLD"), "HELLO WORLD", page.Box{X0: 10, X1: 40}, 50},
		{"off the visible box", letter + "/CropBox[0 0 612 650]", text("HELLO") + "BT /F 10 Tf 100 600 Td (SEEN) Tj ET", "SEEN", page.Box{X0: 100, X1: 124}, 50},
		{"far off the page", letter, text("HELLO") + "BT /F 10 Tf -51 -7028 Td (84) Tj ET BT /F 10 Tf 7813 -7028 Td (84) Tj ET", "HELLO", upright, 92},
		{"turned page", letter + "/Rotate 90", "BT /F 10 Tf 0 1 -1 0 92 100 Tm (HELLO WORLD) Tj ET", "HELLO WORLD", upright, 92},
		{"turned upside down", letter + "/Rotate 180", "BT /F 10 Tf -1 0 0 -1 512 92 Tm (HELLO WORLD) Tj ET", "HELLO WORLD", upright, 92},
		{"turned to the left", letter + "/Rotate 270", "BT /F 10 Tf 0 -1 1 0 520 692 Tm (HELLO WORLD) Tj ET", "HELLO WORLD", upright, 92},
		{"printed sideways without saying so", letter, "BT /F 10 Tf 0 1 -1 0 92 100 Tm (HELLO WORLD) Tj ET", "HELLO WORLD", upright, 92},
		{"a watermark is left out", letter, text("HELLO WORLD AND ALL") + "BT /F 60 Tf .7 .7 -.7 .7 100 200 Tm (COPY) Tj ET", "HELLO WORLD AND ALL", upright, 92},
		{"a hyphen at the end stays", letter, text("HELLO-") + "BT /F 10 Tf 100 680 Td (WORLD) Tj ET", "HELLO- WORLD", page.Box{X0: 100, X1: 136}, 92},
		{"scaled by its matrix", letter, "BT /F 1 Tf 10 0 0 10 100 700 Tm (HELLO WORLD) Tj ET", "HELLO WORLD", upright, 92},
		{"user's own order of words", letter, "BT /F 10 Tf 200 600 Td (LAST) Tj ET " + text("HELLO"), "HELLO LAST", upright, 92},
		{"blank", letter, "", "", page.Box{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			pages, err := read(t, r, document([2]string{c.entries, c.content}))
			must.OK(t, err)
			if got := words(pages[0]); got != c.words {
				t.Fatalf("got %q, want %q", got, c.words)
			}
			if c.words == "" {
				return
			}
			w := pages[0].Words[0]
			if !near(w.Box.X0, c.first.X0) || !near(w.Box.X1, c.first.X1) || !near(w.Base, c.base) || !near(w.Size, 10) {
				t.Errorf("%q stands at %v, baseline %v, size %v; want %v to %v, baseline %v, size 10",
					w.Text, w.Box, w.Base, w.Size, c.first.X0, c.first.X1, c.base)
			}
			if w.Box.Y0 >= w.Base || w.Box.Y1 < w.Base {
				t.Errorf("the baseline %v is outside of %v", w.Base, w.Box)
			}
		})
	}
}

func near(a, b float32) bool { return a-b < 0.1 && b-a < 0.1 }

func TestCellsThatRunTogetherKeepTheirJoint(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{})
	pages, err := read(t, r, document([2]string{letter, text("PANT") + "BT /F 10 Tf 124 700 Td (2.03) Tj ET"}))
	must.OK(t, err)
	w := pages[0].Words
	if len(w) != 1 || w[0].Text != "PANT2.03" || !slices.Equal(w[0].Joints, []int{4}) {
		t.Fatalf("got %+v", w)
	}
	left, right := w[0].Split(4)
	if left.Text != "PANT" || right.Text != "2.03" || !near(right.Box.X0, 124) || !near(left.Box.X1, 124) {
		t.Errorf("split into %+v and %+v", left, right)
	}
}

func TestAPictureShowsWordsWhereTheyWereRead(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{})
	for _, c := range []struct{ name, entries, content string }{
		{"upright", letter, text("HELLO")},
		{"crop box", letter + "/CropBox[90 100 500 750]", text("HELLO")},
		{"turned page", letter + "/Rotate 90", "BT /F 10 Tf 0 1 -1 0 92 100 Tm (HELLO) Tj ET"},
		{"printed sideways without saying so", letter, "BT /F 10 Tf 0 1 -1 0 92 100 Tm (HELLO) Tj ET"},
		{"printed upside down", letter, "BT /F 10 Tf -1 0 0 -1 512 92 Tm (HELLO) Tj ET"},
	} {
		doc := document([2]string{c.entries, c.content})
		pages, err := read(t, r, doc)
		must.OK(t, err)
		pic, err := r.Picture(t.Context(), bytes.NewReader(doc), int64(len(doc)), 1, 1000)
		must.OK(t, err)
		img, err := png.Decode(bytes.NewReader(pic.PNG))
		must.OK(t, err)
		p := pages[0]
		if img.Bounds().Dx() != 1000 || !near(pic.PageWidth, p.Width) || !near(pic.PageHeight, p.Height) {
			t.Errorf("%s: the picture is %v of a page %v by %v", c.name, img.Bounds(), pic.PageWidth, pic.PageHeight)
		}
		inside, outside := ink(img, p.Words[0].Box, 1000/p.Width)
		if inside < 50 || outside > 0 {
			t.Errorf("%s: %d dark pixels inside the word's box, %d outside", c.name, inside, outside)
		}
	}
}

// ink counts the dark pixels inside and outside of a box.
func ink(img image.Image, b page.Box, scale float32) (inside, outside int) {
	r := image.Rect(int(b.X0*scale)-2, int(b.Y0*scale)-2, int(b.X1*scale)+2, int(b.Y1*scale)+2)
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if v, _, _, _ := img.At(x, y).RGBA(); v < 0x8000 {
				if image.Pt(x, y).In(r) {
					inside++
				} else {
					outside++
				}
			}
		}
	}
	return inside, outside
}

func TestPicturesHaveBounds(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{})
	doc := document([2]string{letter, text("HELLO")}, [2]string{"/MediaBox[0 0 10 14000]", text("LONG")})
	for _, c := range []struct {
		page, width int
		code        fault.Code
	}{
		{1, 15, fault.BadRequest}, {1, 4001, fault.BadRequest}, {1, -1, fault.BadRequest},
		{0, 500, fault.NoSuchPage}, {3, 500, fault.NoSuchPage}, {-1, 500, fault.NoSuchPage},
		{2, 4000, fault.TooLarge},
	} {
		_, err := r.Picture(t.Context(), bytes.NewReader(doc), int64(len(doc)), c.page, c.width)
		if fault.CodeOf(err) != c.code {
			t.Errorf("page %d, width %d: got %v, want %s", c.page, c.width, err, c.code)
		}
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	r := pdf.NewReader(newPool(t, 1), pdf.Config{Pages: 3})
	good := document([2]string{letter, text("HELLO")})
	for _, c := range []struct {
		name    string
		doc     []byte
		code    fault.Code
		message string
	}{
		{"nothing", nil, fault.EmptyFile, "empty"},
		{"text", []byte("Dear Sir or Madam"), fault.NotAPDF, "not a PDF"},
		{"an Office document", []byte("PK\x03\x04 and so on"), fault.NotAPDF, "looks like a ZIP archive or an Office document"},
		{"a web page", []byte("\n <!DOCTYPE html><p>Sign in"), fault.NotAPDF, "looks like a web page"},
		{"an order export", []byte("Invoice No.,Style\r\nQ1,Caf\xe9\r\n"), fault.NotAPDF, "looks like plain text, such as an order export; give the PDF"},
		{"bytes of no kind", []byte("\x00\x01\x02"), fault.NotAPDF, "does not begin like one"},
		{"a header alone", []byte("%PDF-1.4\n"), fault.DamagedPDF, "cut off"},
		{"half a file", good[:len(good)/2], fault.DamagedPDF, "cut off"},
		{"the beginning of a PDF for the web", []byte("%PDF-1.4\n1 0 obj\n<</Linearized 1/L 54321/H[1 2]>>\nendobj\nstartxref\n0\n%%EOF\n"), fault.DamagedPDF, "bytes of 54321"},
		{"an end without a beginning", append([]byte("%PDF-1.4\n"), []byte("\n%%EOF\n")...), fault.DamagedPDF, "damaged"},
		{"no pages", document(), fault.DamagedPDF, "no pages"},
		{"too many pages", document([2]string{letter, ""}, [2]string{letter, ""}, [2]string{letter, ""}, [2]string{letter, ""}), fault.TooLarge, "has 4 pages, more than the 3"},
	} {
		_, err := read(t, r, c.doc)
		if fault.CodeOf(err) != c.code || err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %s, %v; want %s, %q", c.name, fault.CodeOf(err), err, c.code, c.message)
		}
	}
	if pages, err := read(t, r, good); err != nil || words(pages[0]) != "HELLO" {
		t.Errorf("after all that, a good document gives %v, %v", pages, err)
	}
}

func TestADamagedPageIsToldAndTheOthersAreRead(t *testing.T) {
	doc := document([2]string{letter, text("ONE")}, [2]string{letter, text("TWO")}, [2]string{letter, text("THREE")})
	// The second page's object is overwritten with something that is not a page.
	broken := bytes.Replace(doc, []byte("6 0 obj\n<</Type/Page/Parent"), []byte("6 0 obj\n<</Tipe/Peig/Perent"), 1)
	broken = bytes.Replace(broken, []byte("6 0 obj\n<<"), []byte("6 0 obj\n[["), 1)
	pages, err := read(t, pdf.NewReader(newPool(t, 2), pdf.Config{}), broken)
	must.OK(t, err)
	if len(pages) != 3 || words(pages[0]) != "ONE" || words(pages[2]) != "THREE" {
		t.Fatalf("got %+v", pages)
	}
	if pages[1].Damage == "" {
		t.Errorf("the damaged page gives %+v", pages[1])
	}
}

func TestPagesAreTheSameWithAnyNumberOfWorkers(t *testing.T) {
	doc := sampleDocument(t, 40)
	var want []page.Page
	for _, n := range []int{1, 2, 5} {
		got, err := read(t, pdf.NewReader(newPool(t, n), pdf.Config{}), doc)
		must.OK(t, err)
		if want == nil {
			want = got
		}
		if !slices.EqualFunc(got, want, func(a, b page.Page) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("%d workers read something else than one", n)
		}
	}
}

func TestReadersAtOnceDoNotMix(t *testing.T) {
	r := pdf.NewReader(newPool(t, 2), pdf.Config{})
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			word := fmt.Sprintf("READER%d", i)
			var doc [][2]string
			for range 1 + i*5 {
				doc = append(doc, [2]string{letter, text(word)})
			}
			pages, err := read(t, r, document(doc...))
			if err != nil || len(pages) != 1+i*5 {
				t.Errorf("reader %d: %d pages, %v", i, len(pages), err)
			}
			for _, p := range pages {
				if words(p) != word {
					t.Errorf("reader %d got %q", i, words(p))
				}
			}
		})
	}
	wg.Wait()
}

func TestAReaderStopsWhenItIsToldTo(t *testing.T) {
	r := pdf.NewReader(newPool(t, 2), pdf.Config{})
	doc := sampleDocument(t, 200)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := r.Read(ctx, bytes.NewReader(doc), int64(len(doc)), func(p page.Page) error {
		cancel()
		return nil
	})
	if fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("a cancelled reading ends with %v", err)
	}
	mine := errors.New("enough")
	_, err = r.Read(t.Context(), bytes.NewReader(doc), int64(len(doc)), func(p page.Page) error { return mine })
	if !errors.Is(err, mine) {
		t.Errorf("a reading whose pages are refused ends with %v", err)
	}
}

func TestTheRealDocument(t *testing.T) {
	pages, err := read(t, pdf.NewReader(newPool(t, 2), pdf.Config{}), realDocument(t))
	if err != nil || len(pages) != 86 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for i, p := range pages {
		if p.Number != i+1 || p.Width != 612 || p.Height != 792 || p.Damage != "" {
			t.Errorf("page %d: number %d, %v by %v, %s", i+1, p.Number, p.Width, p.Height, p.Damage)
		}
		for _, w := range p.Words {
			if w.Box.Y0 < -20 || w.Box.Y1 > 812 {
				t.Errorf("page %d: %q is off the page: %v", i+1, w.Text, w.Box)
			}
		}
	}
}

func BenchmarkRead86Pages(b *testing.B) {
	doc := realDocument(b)
	r := pdf.NewReader(newPool(b, 0), pdf.Config{})
	for b.Loop() {
		n, err := r.Read(context.Background(), bytes.NewReader(doc), int64(len(doc)), func(p page.Page) error { return nil })
		if err != nil || n != 86 {
			b.Fatal(n, err)
		}
	}
}

// A second worker is served by a goroutine of its own, where a panic would end the
// whole program.
func TestAPanicOverAPageReachesTheCaller(t *testing.T) {
	p := newPool(t, 2)
	p.Warm(2, false)
	r := pdf.NewReader(p, pdf.Config{})
	doc := sampleDocument(t, 40)
	helped := make(chan struct{})
	var once sync.Once
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "planted") {
			t.Errorf("the caller gets the panic %v", v)
		}
		if _, err := read(t, r, doc); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}()
	_, err := r.Read(t.Context(), bytes.NewReader(doc), int64(len(doc)), func(pg page.Page) error {
		if pg.Number <= 20 { // the second worker has a part of the first half
			once.Do(func() { close(helped) })
			panic("planted")
		}
		<-helped
		return nil
	})
	t.Errorf("it ends with %v", err)
}
