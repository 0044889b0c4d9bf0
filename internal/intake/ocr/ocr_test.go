package ocr

import (
	"errors"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// sheet is a page that is drawn: letter paper with 200 dots per inch.
type sheet struct {
	*image.Gray
	face font.Face
}

const dots = 200.0 / 72

func blank(t *testing.T) *sheet {
	t.Helper()
	f, err := opentype.Parse(goregular.TTF)
	must.OK(t, err)
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 10, DPI: 200})
	must.OK(t, err)
	s := &sheet{image.NewGray(image.Rect(0, 0, 1700, 2200)), face}
	draw.Draw(s, s.Rect, image.White, image.Point{}, draw.Src)
	return s
}

// text draws a text with its left edge and baseline at a place in points.
func (s *sheet) text(x, y float64, text string) {
	d := font.Drawer{Dst: s, Src: image.NewUniform(color.Black), Face: s.face, Dot: fixed.P(int(x*dots), int(y*dots))}
	d.DrawString(text)
}

// rule draws a filled box, in points.
func (s *sheet) rule(x0, y0, x1, y1 float64) {
	r := image.Rect(int(x0*dots), int(y0*dots), int(math.Ceil(x1*dots)), int(math.Ceil(y1*dots)))
	draw.Draw(s, r, image.Black, image.Point{}, draw.Src)
}

func read(t *testing.T, img *image.Gray) (*page.Page, *Sheet) {
	t.Helper()
	r, err := Shared()
	must.OK(t, err)
	s := Prepare(img)
	p, err := r.Read(s, 612, func() error { return nil })
	must.OK(t, err)
	return p, s
}

func texts(p *page.Page) string {
	var out []string
	for _, w := range p.Words {
		out = append(out, w.Text)
	}
	return strings.Join(out, " ")
}

// find returns the word with a text.
func find(t *testing.T, p *page.Page, text string) page.Word {
	t.Helper()
	for _, w := range p.Words {
		if w.Text == text {
			return w
		}
	}
	t.Fatalf("there is no word %q among: %s", text, texts(p))
	return page.Word{}
}

func TestWordsAndTheirPlaces(t *testing.T) {
	s := blank(t)
	s.text(72, 100, "TOTAL CARTONS 1,037.42")
	s.text(72, 130, "Received in good order")
	s.text(300, 130, "45")
	p, _ := read(t, s.Gray)
	if got := texts(p); got != "TOTAL CARTONS 1,037.42 Received in good order 45" {
		t.Fatalf("read: %s", got)
	}
	if p.Scan != page.Recognised || math.Abs(float64(p.Height)-792) > 1 {
		t.Errorf("the page is %v, %g points high", p.Scan, p.Height)
	}
	for text, at := range map[string][2]float32{"TOTAL": {72, 100}, "Received": {72, 130}, "45": {300, 130}} {
		w := find(t, p, text)
		if d := w.Box.X0 - at[0]; d < -1.5 || d > 1.5 {
			t.Errorf("%s begins at %.1f, not %.1f", text, w.Box.X0, at[0])
		}
		if d := w.Base - at[1]; d < -1 || d > 1 {
			t.Errorf("%s stands on %.1f, not %.1f", text, w.Base, at[1])
		}
		if w.Size < 9 || w.Size > 11.5 {
			t.Errorf("%s has the size %.1f, not 10", text, w.Size)
		}
		if len(w.Edges) != len(text)+1 {
			t.Errorf("%s has %d edges", text, len(w.Edges))
		}
	}
}

// A page that lies askew is read level, and its words are put back to where they are.
func TestSlantedPages(t *testing.T) {
	s := blank(t)
	for y := 100.0; y < 400; y += 30 {
		s.text(72, y, "PIECES 240 WEIGHT 35.3 lb")
		s.text(400, y, "629543")
	}
	const angle = 1.7 * math.Pi / 180
	slanted := turned(s.Gray, -angle)
	p, level := read(t, slanted)
	if off := math.Abs(level.Angle-angle) * 180 / math.Pi; off > 0.02 {
		t.Errorf("the angle is %.3f degrees off", off)
	}
	want := find(t, p, "629543")
	level.Back(p)
	got := find(t, p, "629543")
	x, y := 400.0-306, float64(want.Base)-396
	if dx, dy := float64(got.Box.X0)-(306+x*math.Cos(angle)-y*math.Sin(angle)), float64(got.Base)-(396+x*math.Sin(angle)+y*math.Cos(angle)); math.Abs(dx) > 4 || math.Abs(dy) > 1.5 {
		t.Errorf("the word is %.1f, %.1f points off", dx, dy)
	}
}

// Rulings part cells, are no text, and take nothing from letters that stand on them.
func TestRulings(t *testing.T) {
	s := blank(t)
	s.rule(50, 90, 500, 91)
	s.rule(50, 120, 500, 121)
	for _, x := range []float64{50, 150, 250, 499} {
		s.rule(x, 90, x+0.8, 121)
	}
	s.text(120, 110, "1477")
	s.text(153, 110, "Q00163")
	s.text(255, 120.6, "148.98") // on the ruling
	p, _ := read(t, s.Gray)
	for _, text := range []string{"1477", "Q00163"} {
		find(t, p, text)
	}
	on := strings.TrimPrefix(texts(p), "1477 Q00163 ")
	doubted := false
	for _, n := range p.Notes {
		doubted = doubted || n.Kind == page.Doubt && strings.Contains(on, n.Text)
	}
	if on != "148.98" && !doubted {
		t.Errorf("148.98 was read %q, without a doubt", on)
	}
	if len(p.Words) > 4 {
		t.Errorf("read: %s", texts(p))
	}
	if len(p.Rules) < 6 {
		t.Errorf("%d of 6 rulings were found: %v", len(p.Rules), p.Rules)
	}
}

// An I in light type is as thin as a ruling, but is a letter of its word.
func TestThinLetters(t *testing.T) {
	s := blank(t)
	for y := 100.0; y < 300; y += 25 {
		s.text(72, y, "SH")
		s.rule(87.2, y-7.2, 87.6, y)
		s.text(90, y, "P DATE")
		s.rule(200.2, y-7.2, 200.6, y) // by itself
	}
	p, _ := read(t, s.Gray)
	if got, want := texts(p), strings.TrimSuffix(strings.Repeat("SHIP DATE ", 8), " "); got != want {
		t.Errorf("read %q", got)
	}
}

// Shade does not matter.
func TestUnevenLight(t *testing.T) {
	s := blank(t)
	for y := 100.0; y < 760; y += 80 {
		s.text(72, y, "STYLE Q4711")
		s.text(460, y, "3,450")
	}
	for i, v := range s.Pix {
		x, y := i%s.Stride, i/s.Stride
		s.Pix[i] = uint8(float64(v)*(0.25+0.7*float64(x)/1700*(1-float64(y)/4400)) + 3)
	}
	p, _ := read(t, s.Gray)
	if got := strings.Count(texts(p), "Q4711"); got != 9 {
		t.Errorf("Q4711 was read %d times: %s", got, texts(p))
	}
	if got := strings.Count(texts(p), "3,450"); got != 9 {
		t.Errorf("3,450 was read %d times: %s", got, texts(p))
	}
}

// A photo of a page on a table becomes the page.
func TestPaperOnATable(t *testing.T) {
	photo := image.NewGray(image.Rect(0, 0, 1200, 1600))
	corners := [4]point{{140, 130}, {1090, 90}, {1120, 1480}, {90, 1500}}
	for y := range 1600 {
		for x := range 1200 {
			v := 60 + uint8((x/9+y/7)%20)
			in := true
			for i := range 4 {
				a, b := corners[i], corners[(i+1)%4]
				in = in && (b.x-a.x)*(float64(y)-a.y)-(b.y-a.y)*(float64(x)-a.x) >= 0
			}
			if in {
				v = 220
			}
			photo.SetGray(x, y, color.Gray{Y: v})
		}
	}
	q, ok := paper(photo)
	if !ok {
		t.Fatal("the paper was not found")
	}
	for i := range q {
		if d := dist(q[i], corners[i]); d > 5 {
			t.Errorf("corner %d is %.1f pixels off", i, d)
		}
	}
	flat := Flattened(photo)
	if ratio := float64(flat.Rect.Dy()) / float64(flat.Rect.Dx()); math.Abs(ratio-math.Sqrt2) > 0.01 && math.Abs(ratio-11/8.5) > 0.01 {
		t.Errorf("the page is %v", flat.Rect)
	}
	dark := 0
	for _, v := range flat.Pix {
		if v < 200 {
			dark++
		}
	}
	if dark*100 > len(flat.Pix) {
		t.Errorf("%d pixels of the table are left", dark)
	}
	// A scan has no table around it, and stays as it is.
	if s := blank(t); Flattened(s.Gray) != s.Gray {
		t.Error("a scan was projected")
	}
}

// The shadow over a scan has an edge of its own where it is as dark as a table would be.
func TestAShadowIsNoTable(t *testing.T) {
	for _, at := range []image.Point{{0, 0}, {1699, 0}, {1699, 2199}, {0, 2199}, {850, 0}, {0, 1100}} {
		scan := image.NewGray(image.Rect(0, 0, 1700, 2200))
		farthest := math.Hypot(1700, 2200)
		for y := range 2200 {
			for x := range 1700 {
				far := math.Hypot(float64(x-at.X), float64(y-at.Y)) / farthest
				scan.SetGray(x, y, color.Gray{Y: uint8(250 * (0.35 + 0.65*far))})
			}
		}
		if q, ok := paper(scan); ok {
			t.Errorf("a shadow from %v leaves the paper %v", at, q)
		}
	}
}

func TestPicturesOfNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, fill := range map[string]func(i int) uint8{
		"white": func(int) uint8 { return 255 }, "black": func(int) uint8 { return 0 },
		"noise": func(int) uint8 { return uint8(r.Uint32()) },
		"bars":  func(i int) uint8 { return uint8(i / 3 % 2 * 255) },
	} {
		for _, size := range [][2]int{{1, 1}, {3, 500}, {500, 2}, {300, 300}} {
			img := image.NewGray(image.Rect(0, 0, size[0], size[1]))
			for i := range img.Pix {
				img.Pix[i] = fill(i)
			}
			p, _ := read(t, Flattened(img))
			if name != "noise" && name != "bars" && len(p.Words) > 0 {
				t.Errorf("%s, %v: read %s", name, size, texts(p))
			}
		}
	}
}

func TestReadingCanBeEnded(t *testing.T) {
	s := blank(t)
	s.text(72, 100, "CARTONS")
	r, err := Shared()
	must.OK(t, err)
	gone := errors.New("gone")
	if _, err := r.Read(Prepare(s.Gray), 612, func() error { return gone }); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}
