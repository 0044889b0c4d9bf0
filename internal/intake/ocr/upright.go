package ocr

import (
	"cmp"
	"image"
	"math"
	"slices"

	"tallyman/internal/intake/picture"
)

// The bounds of what tells whether a page stands upright.
const (
	tried    = 14   // lines that are read
	enough   = 40   // characters that have to be read of them
	legible  = 0.90 // how sure the characters of a page that stands upright are, in the mean
	clearly  = 0.10 // how much surer those of another direction have to be
	shortest = 4    // pieces of ink of a line that is tried
)

// Upright returns the sheet with its text upright: scanners do not say how a page lay, and
// phones not always. It reads some lines, and those of the sheet turned by quarters only if
// hardly any can be read; a page in doubt stays as it is. The size of a sheet that is turned is
// that of the turned original. alive is called as by Read.
func (r *Reader) Upright(s *Sheet, alive func() error) (*Sheet, error) {
	first, n, err := r.legibility(s, alive)
	if err != nil || n >= enough && first >= legible {
		return s, err
	}
	best, most := s, first
	if n < enough {
		most = 0
	}
	for turns := 1; turns < 4; turns++ {
		other := levelled(quarters(s.whole, turns))
		other.Turns, other.paper = turns, s.paper
		sure, n, err := r.legibility(other, alive)
		if err != nil {
			return nil, err
		}
		if n >= enough && sure > most && sure >= legible-clearly && sure > first+clearly {
			best, most = other, sure
		}
	}
	return best, nil
}

// legibility returns how sure the characters of some lines are in the mean, and how many
// there are.
func (r *Reader) legibility(s *Sheet, alive func() error) (sure float64, n int, err error) {
	f := s.find(s.Width() / float32(s.Gray.Rect.Dx()))
	lines := slices.DeleteFunc(slices.Clone(f.lines), func(l *line) bool {
		return len(l.blobs) < shortest || (l.x1-l.x0) < 2*(l.y1-l.y0) || (l.x1-l.x0) > 40*(l.y1-l.y0)
	})
	// Long lines say most; those of one height are spread over the page.
	slices.SortStableFunc(lines, func(a, b *line) int { return cmp.Compare(len(b.blobs), len(a.blobs)) })
	lines = lines[:min(len(lines), tried)]
	texts, err := r.readLines(s.Gray, f, lines, alive)
	if err != nil {
		return 0, 0, err
	}
	sum := 0.0
	for _, t := range texts {
		for _, c := range t.chars {
			if c.Rune != ' ' {
				sum += float64(c.Sure)
				n++
			}
		}
	}
	return sum / math.Max(float64(n), 1), n, nil
}

// quarters turns a picture by quarter turns to the right.
func quarters(img *image.Gray, turns int) *image.Gray {
	return picture.Turned(img, [4]int{1, 6, 3, 8}[turns])
}
