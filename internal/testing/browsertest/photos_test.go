package browsertest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// onPaper are the bills of which pictures are read: always the same, since reading takes seconds.
var onPaper = sample.Options{Bills: 2, Lines: 4, Seed: 3}

// photographed writes the pages of a sample as pictures and returns their paths.
func (p *place) photographed(s *sample.Sample, pages int) (paths []string) {
	p.t.Helper()
	var doc bytes.Buffer
	must.OK(p.t, s.WritePDF(&doc))
	for i := range pages {
		f := intake.File{Name: "bol.pdf", ReaderAt: bytes.NewReader(doc.Bytes()), Size: int64(doc.Len())}
		pic, err := reader.Picture(context.Background(), f, i+1, 1275)
		must.OK(p.t, err)
		paths = append(paths, p.file(fmt.Sprintf("photo%d.png", i+1), func(w io.Writer) error { _, err := w.Write(pic.PNG); return err }))
	}
	return paths
}

// pictures writes small pictures of nothing and returns their paths.
func (p *place) pictures(names ...string) (paths []string) {
	p.t.Helper()
	for _, name := range names {
		img := image.NewGray(image.Rect(0, 0, 40, 60))
		paths = append(paths, p.file(name, func(w io.Writer) error { return png.Encode(w, img) }))
	}
	return paths
}

// pieceInk counts the dark pixels of the piece of a picture that shows a value.
const pieceInk = `(() => {
	const c = document.querySelector(".doubt canvas");
	const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
	let n = 0;
	for (let i = 0; i < data.length; i += 4) if (data[i] < 100 && data[i + 3] > 200) n++;
	return n;
})()`

// gathered are the names of the pictures in the tray, in their order.
func (w *window) gathered() string {
	w.t.Helper()
	return strings.Join(value[[]string](w, "[...document.querySelectorAll('#tray li .name')].map((e) => e.textContent)"), ", ")
}

// Somebody takes two pictures with a phone, the second page first, puts them in order, has them
// read, confirms what is doubtful with one tap each, and downloads the sheet.
func TestPhotosOnAPhoneBecomeASheet(t *testing.T) {
	g := newGate()
	p := newPlace(t, wrapped(g.after))
	w := p.openAs(func(w *window) { w.must(w.Size(390, 844, true)) }, "")
	w.ready()
	w.named("Ana")
	down := w.downloads()
	s, err := sample.New(onPaper)
	must.OK(t, err)
	photos := p.photographed(s, 2)
	w.must(w.Tab.Pick(func() error { return w.Tab.Tap("#step-bills .camera") }, photos[1]))
	w.until("document.querySelectorAll('#tray li').length === 1")
	w.must(w.Tab.Pick(func() error { return w.Tab.Tap("#tray .touch") }, photos[0]))
	w.until("document.querySelectorAll('#tray li').length === 2")
	w.fits(390)
	w.tap("#tray [aria-label='Move page 2 up']")
	if got := w.gathered(); got != "Page 1 photo1.png, Page 2 photo2.png" {
		t.Fatalf("the order is %s", got)
	}
	w.picture("tray")
	w.tap("#tray-read")
	<-g.arrived
	w.until("document.querySelector('#step-bills .work button')?.checkVisibility()") // it can be cancelled
	close(g.open)
	w.until(bills)
	if n := value[int](w, "document.querySelectorAll('#tray li').length"); n != 0 {
		t.Errorf("%d pictures are still gathered", n)
	}
	w.fits(390)

	// Each doubtful value is confirmed by one tap, and then the next one is shown.
	const doubts = "[...document.querySelectorAll('.checks .issue strong')].filter((e) => e.textContent === 'Doubtful reading')"
	n := value[int](w, doubts+".length")
	if n == 0 {
		t.Fatal("nothing is doubtful, so there is nothing to confirm")
	}
	w.run(doubts + "[0].closest('.issue').id = 'first-doubt'")
	w.tap("#first-doubt")
	w.until(inspected)
	w.until("document.querySelector('.confirm .primary')?.checkVisibility()")
	w.fits(390)
	w.picture("confirm")
	// The piece of the picture and what was read of it stand beside the question.
	w.until("document.querySelector('.doubt canvas')?.checkVisibility()")
	w.says(".doubt", "One reader", "The other reader")
	if dark := value[int](w, pieceInk); dark < 20 {
		t.Errorf("the piece of the picture has %d dark pixels", dark)
	}
	if high := value[float64](w, "Math.min(...[...document.querySelectorAll('.confirm button')].map((e) => e.getBoundingClientRect().height))"); high < 44 {
		t.Errorf("what confirms is %g pixels high", high)
	}
	for left := n - 1; left >= 0; left-- {
		text := w.text(".confirm .primary")
		w.tap(".confirm .primary")
		w.until(fmt.Sprintf("%s.length === %d && (%d === 0 || document.querySelector('.confirm .primary')?.checkVisibility())", doubts, left, left))
		if !strings.HasPrefix(text, "Yes, it is ") {
			t.Errorf("the button says %q", text)
		}
	}
	w.until("document.querySelector('.confirm').hidden")
	w.says("#inspector-message", "This is settled")
	w.tap(".inspector [aria-label='Close']")
	w.until(shut)

	// What nobody has accepted is downloaded only if somebody says so.
	w.tap("#step-sheet label:has(#accept)")
	w.until("document.getElementById('accept').checked")
	cells, notes := w.workbook(down)
	var want bytes.Buffer
	must.OK(t, s.WriteUnmatched(&want))
	lines := strings.Split(strings.TrimSpace(want.String()), "\n")
	for i, line := range lines[1:] {
		for _, name := range []string{"Style", "Cartons"} {
			at := slices.Index(strings.Split(lines[0], ","), name)
			if at < 0 {
				t.Fatalf("there is no column %s in %s", name, lines[0])
			}
			if got := cells[fmt.Sprintf("%d %s", i+1, name)]; got != strings.Split(line, ",")[at] {
				t.Errorf("row %d: %s is %q, want %q", i+1, name, got, strings.Split(line, ",")[at])
			}
		}
	}
	if len(notes) != 0 {
		t.Errorf("confirmed cells are marked as changed: %v", notes)
	}
}

// What the first reader read is wrong here and there: another reading is taken with one tap. All of it
// is in the language of the page.
func TestAnotherReadingIsTakenWithATap(t *testing.T) {
	p, w := opened(t)
	w.until(fresh)
	w.language("es")
	w.ready()
	w.named("Ana")
	s, err := sample.New(sample.Options{Bills: 1, Lines: 1, Seed: 3})
	w.must(err)
	w.upload(p.photographed(s, 1)...)
	w.says(".checks", "Lectura dudosa", "En la imagen se leyó", "Leído una sola vez", "Un solo lector leyó de una imagen sus 10 valores")
	w.run("[...document.querySelectorAll('.checks .issue')].find((e) => e.innerText.includes('Lectura dudosa')).click()")
	w.until(inspected)
	const others = "[...document.querySelectorAll('.confirm button')].filter((e) => e.textContent.startsWith('Es '))"
	w.until(others + ".length > 0 && document.querySelector('.doubt canvas').checkVisibility()")
	w.says(".doubt", "Un lector", "El otro lector", "nada")
	w.says(".confirm", "Sí, es ", "No, corregirlo")
	other := strings.TrimPrefix(value[string](w, others+"[0].textContent"), "Es ")
	if values := value[int](w, fmt.Sprintf("[...document.querySelectorAll('.values .was')].filter((e) => e.textContent === 'o ' + %q).length", other)); values != 1 {
		t.Errorf("the other reading stands beside %d values", values)
	}
	w.run(others + "[0].click()")
	w.until(fmt.Sprintf("[...document.querySelectorAll('.values input')].some((e) => e.value === %q && e.classList.contains('amended'))", other))
}

// The pages are put in order with a finger, with the mouse and with the keyboard.
func TestPagesArePutInOrder(t *testing.T) {
	p := newPlace(t)
	w := p.openAs(func(w *window) { w.must(w.Size(390, 844, true)) }, "")
	w.ready()
	w.must(w.Files("#bills-files", p.pictures("a.png", "b.png", "c.png")...))
	w.until("document.querySelectorAll('#tray li').length === 3")
	order := func(how, want string) {
		t.Helper()
		got := w.gathered()
		if want != got {
			t.Errorf("%s: the order is %s, want %s", how, got, want)
		}
	}
	order("as chosen", "Page 1 a.png, Page 2 b.png, Page 3 c.png")
	w.must(w.Tab.Swipe("#tray li:first-child .grip", 0, 75))
	order("a finger", "Page 1 b.png, Page 2 a.png, Page 3 c.png")
	w.sized(1280, 900, false)
	w.must(w.Tab.Drag("#tray li:last-child .grip", 0, -150))
	order("the mouse", "Page 1 c.png, Page 2 b.png, Page 3 a.png")
	w.run("document.querySelector('#tray li:first-child [data-to=\"1\"]').focus()")
	w.must(w.Press(kb.Enter + kb.Enter))
	order("the keyboard", "Page 1 b.png, Page 2 a.png, Page 3 c.png")
	w.until("document.getElementById('said').textContent.includes('Page 2 is now page 3 of 3.')") // for screen readers
	if got := value[string](w, "document.activeElement.ariaLabel"); got != "Move page 3 up" {
		t.Errorf("the focus is on %q", got)
	}
	w.click("#tray [aria-label='Remove page 3']")
	order("removed", "Page 1 b.png, Page 2 a.png")
	w.must(w.Drop("body", p.words("later.pdf", "%PDF-1.4")))
	w.until("document.querySelectorAll('#tray li').length === 3")
	w.click("#tray .buttons .quiet")
	w.until("document.getElementById('tray').hidden")
}

// picture keeps a picture of the window in the folder that TALLYMAN_SHOTS names, for people.
func (w *window) picture(name string) {
	w.t.Helper()
	dir := os.Getenv("TALLYMAN_SHOTS")
	if dir == "" {
		return
	}
	b, err := w.Tab.Picture()
	w.must(err)
	w.must(os.WriteFile(dir+"/"+name+".png", b, 0o600))
}
