// Package ocr reads the text in pictures of pages: scans and photos. It returns words with
// their places, as package pdf does for digital pages, and says which of them are doubtful.
//
// The steps, each in the file of its name: dark bands with light letters painted as letters
// on paper (bands.go), an even background, black on white (even.go), the picture turned so
// that its rows are level (level.go), ruling lines (rules.go), pieces of ink joined to lines of
// text (lines.go), each line read by package recognise (words.go), what may be a letter or a
// digit compared with others of the page (shapes.go), and the lines cut into words (words.go).
// Pages that lie on their side or upside down are found by how well their lines can be read
// (upright.go). Line finding never changes the picture from which text is read, except that
// rulings are painted white where no letter touches them; a line where that may matter is
// read from the untouched picture, too.
//
// It is pure: pictures in, pages out. Memory grows with the picture, which is reduced to Wide
// first; work is bounded by the lines that a page may have, and ends when alive says so.
package ocr

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"runtime"
	"slices"
	"sync"

	"tallyman/internal/intake/ocr/recognise"
	"tallyman/internal/page"
)

// Wide is the width to which wider pages are reduced, in pixels: 300 for each inch of
// letter paper.
const Wide = 2550

// Sheet is a picture that is ready to be read.
type Sheet struct {
	// Gray is the picture: black on white, its rows level.
	Gray *image.Gray
	// Angle is by how much the rows of the original go down to the right, in radians. The
	// sheet is the original turned back by that around its middle, in the same size.
	Angle float64
	// Turns is by how many quarter turns to the right Upright turned the original.
	Turns int

	whole *image.Gray // before it was turned by Angle
	paper uint8       // how bright its paper was
	found *found      // what Upright found in it
}

// found are the ruling lines and lines of text of a sheet at a scale, in points for a pixel.
type found struct {
	scale float32
	mask  *mask
	rules []span
	lines []*line
	texts map[*line]*text // those that were read
}

// find finds what there is in a sheet, once for each scale.
func (s *Sheet) find(scale float32) *found {
	if s.found == nil || s.found.scale != scale {
		m := masked(s.Gray)
		rules := m.rules(scale)
		s.found = &found{scale, m, rules, m.lines(rules, scale), map[*line]*text{}}
	}
	return s.found
}

// Width is the width of the page in points: that of letter paper. Pictures seldom say how
// large the paper was.
func (s *Sheet) Width() float32 {
	if s.Gray.Rect.Dx() > s.Gray.Rect.Dy() {
		return 792
	}
	return 612
}

// Prepare evens out the background of a picture, reduces it to Wide if it is wider, and
// turns it so that its rows are level.
func Prepare(img *image.Gray) *Sheet {
	img = reduced(img, Wide)
	paper := brightness(img)
	lighten(img)
	even(img)
	s := levelled(img)
	s.paper = paper
	return s
}

// brightness returns how bright the paper of a picture is: as the darkest of the lightest
// quarter of its pixels.
func brightness(img *image.Gray) uint8 {
	var counts [256]int
	for _, v := range img.Pix {
		counts[v]++
	}
	return uint8(brightest(&counts, len(img.Pix)/4))
}

// Pictures that a person should take again: their paper is darker than dark, of 255, their
// capitals are lower than low, in pixels, or the edges of their letters are wider than blurred, in
// heights of a capital. Capitals of a page in small type at 150 dots for each inch are ten pixels
// high, and their edges less than 0.15 of that wide, as those of a photo in the shade are.
const (
	dark    = 70
	low     = 7.5
	blurred = 0.2
)

// poor returns a note on a sheet that was read if the picture is dark, not sharp, or was taken from
// too far.
func (s *Sheet) poor(texts []*text) *page.Note {
	var heights, edges []float32
	for _, t := range texts {
		if len(t.chars) > 2 {
			heights = append(heights, t.tall)
			edges = append(edges, t.smear(s.Gray)/t.tall)
		}
	}
	slices.Sort(heights)
	slices.Sort(edges)
	switch {
	case s.paper < dark:
		return &page.Note{Kind: page.Poor, Message: "the picture is too dark; take it again with more light"}
	case len(heights) > 0 && heights[len(heights)/2] < low:
		return &page.Note{Kind: page.Poor, Message: fmt.Sprintf("the picture was taken from too far or with too few dots, so that its letters are only %.0f pixels high; take it again from nearer, or scan it with 300 dots per inch", heights[len(heights)/2])}
	case len(edges) > 0 && edges[len(edges)/2] > blurred:
		return &page.Note{Kind: page.Poor, Message: "the picture is blurred; hold the camera still and take it again"}
	}
	return nil
}

func levelled(img *image.Gray) *Sheet {
	s := &Sheet{Gray: img, Angle: slant(img), whole: img}
	if math.Abs(s.Angle) > leastAngle {
		s.Gray = turned(img, s.Angle)
	}
	return s
}

// Reader reads sheets. It is safe for concurrent use.
type Reader struct {
	m *recognise.Recogniser
}

// Shared returns one Reader for the whole process, made when it is first asked for: that unpacks
// the weights of the recogniser, which takes some tens of milliseconds and 10 MB.
var Shared = sync.OnceValues(func() (*Reader, error) {
	m, err := recognise.New()
	return &Reader{m}, err
})

// Read reads the words and ruling lines of a sheet. width is the width of the page in
// points; its height follows. The result lies level, in points of the sheet. alive is
// called again and again meanwhile, from one goroutine; its error ends the reading.
func (r *Reader) Read(s *Sheet, width float32, alive func() error) (*page.Page, error) {
	scale := width / float32(s.Gray.Rect.Dx())
	p := &page.Page{Width: width, Height: float32(s.Gray.Rect.Dy()) * scale, Scan: page.Recognised}
	f := s.find(scale)
	for _, r := range f.rules {
		if len(p.Rules) == page.MaxRules {
			p.MoreRules = true
			break
		}
		p.Rules = append(p.Rules, page.Box{X0: float32(r.x0) * scale, Y0: float32(r.y0) * scale, X1: float32(r.x1) * scale, Y1: float32(r.y1) * scale})
	}
	lines := f.lines
	if len(lines) > maxLines {
		lines, p.MoreRules = lines[:maxLines], true
	}
	texts, err := r.readLines(s.Gray, f, lines, alive)
	if err != nil {
		return nil, err
	}
	compare(s.Gray, texts)
	level(texts)
	if n := s.poor(texts); n != nil {
		p.Notes = append(p.Notes, *n)
	}
	for i := range texts {
		words, notes := texts[i].words(scale)
		p.Words = append(p.Words, words...)
		p.Notes = append(p.Notes, notes...)
	}
	slices.SortStableFunc(p.Words, func(a, b page.Word) int {
		return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.Box.X0, b.Box.X0))
	})
	p.Notes = p.Notes[:min(len(p.Notes), maxNotes)]
	return p, nil
}

// Back moves what was read from the level sheet to the picture that Prepare was given.
func (s *Sheet) Back(p *page.Page) {
	if s.Angle == 0 || math.Abs(s.Angle) <= leastAngle {
		return
	}
	sin, cos := math.Sincos(s.Angle)
	mx, my := float64(p.Width)/2, float64(p.Height)/2
	at := func(x, y float32) (float32, float32) {
		dx, dy := float64(x)-mx, float64(y)-my
		return float32(mx + dx*cos - dy*sin), float32(my + dx*sin + dy*cos)
	}
	for i := range p.Words {
		w := &p.Words[i]
		x, y := at(w.Box.X0, w.Base)
		left := w.Box.X0
		w.Box, w.Base = w.Box.Around(at), y
		for j, e := range w.Edges {
			w.Edges[j] = x + (e-left)*float32(cos)
		}
	}
	for i := range p.Rules {
		r := p.Rules[i]
		x, y := at((r.X0+r.X1)/2, (r.Y0+r.Y1)/2)
		w, h := (r.X1-r.X0)/2, (r.Y1-r.Y0)/2
		p.Rules[i] = page.Box{X0: x - w, Y0: y - h, X1: x + w, Y1: y + h}
	}
	for i := range p.Notes {
		p.Notes[i].Box = p.Notes[i].Box.Around(at).Round()
	}
}

// leastAngle is the smallest angle by which a picture is turned.
const leastAngle = 1e-4

// Bounds of a page.
const (
	maxLines = 2500
	maxNotes = 200
)

// readLines reads lines, several at once. Those that were read before are not read again.
func (r *Reader) readLines(gray *image.Gray, f *found, lines []*line, alive func() error) ([]*text, error) {
	out := make([]*text, len(lines))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 4) {
		wg.Go(func() {
			reading := r.m.Begin()
			for i := range next {
				out[i] = readLine(reading, gray, f.mask, lines[i])
			}
		})
	}
	var err error
	for i, l := range lines {
		if err = alive(); err != nil {
			break
		}
		if f.texts[l] == nil {
			next <- i
		}
	}
	close(next)
	wg.Wait()
	for i, l := range lines {
		if out[i] != nil {
			f.texts[l] = out[i]
		}
		if f.texts[l] != nil {
			t := *f.texts[l] // level changes it
			out[i] = &t
		}
	}
	return out, err
}
