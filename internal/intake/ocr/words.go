package ocr

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"unicode"

	"tallyman/internal/intake/ocr/recognise"
	"tallyman/internal/page"
)

// text is a line that was read. Places are in pixels of the sheet.
type text struct {
	*line
	chars []char
	base  float32 // of the baseline
	tall  float32 // the height of a capital
	loose bool    // its characters do not show where the baseline is
	// seam is from which width a gap within a word may part two cells.
	seam float32
	// differs is what the line reads otherwise if rulings are painted white, or are not; ""
	// if that makes no difference.
	differs string
}

type char struct {
	recognise.Char
	x    float32 // its middle
	blob int     // the nearest piece of ink
}

// widest is the width of the pictures that the recogniser gets at once, in pixels of its
// height. Longer lines are cut at a gap.
const widest = 1600

// readLine reads a line of text.
func readLine(r *recognise.Reading, gray *image.Gray, m *mask, l *line) *text {
	t := &text{line: l}
	var plain []char
	for _, p := range l.parts() {
		t.chars = append(t.chars, readPart(r, gray, m, l, p, true)...)
		if l.ruled {
			plain = append(plain, readPart(r, gray, m, l, p, false)...)
		}
	}
	if l.ruled && letters(plain) != letters(t.chars) {
		other := plain
		if sure(plain) > sure(t.chars) {
			t.chars, other = plain, t.chars
		}
		t.differs = string(runes(other))
	}
	t.measure()
	return t
}

// letters are the characters of a text that no ruling looks like.
func letters(chars []char) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) && r != 'l' && r != 'I' || unicode.IsDigit(r) && r != '1' || r == '.' || r == ',' {
			return r
		}
		return -1
	}, string(runes(chars)))
}

// sure returns how sure a reading is, per character.
func sure(chars []char) float64 {
	sum := 0.0
	for _, c := range chars {
		sum += math.Log(float64(c.Sure) + 1e-6)
	}
	return sum / float64(max(len(chars), 1))
}

func runes(chars []char) (out []rune) {
	for _, c := range chars {
		out = append(out, c.Rune)
	}
	return out
}

// parts cuts a line that is too long for the recogniser at its gaps.
func (l *line) parts() (out []span) {
	most := widest * (l.y1 - l.y0) / recognise.Height
	from := 0
	for from < len(l.blobs) {
		to, cut := from, 0
		best := -1
		for to < len(l.blobs) && l.blobs[to].x1-l.blobs[from].x0 <= most {
			to++
			if to < len(l.blobs) {
				if gap := l.blobs[to].x0 - l.blobs[to-1].x1; to-from > 5 && gap >= best {
					best, cut = gap, to
				}
			}
		}
		if to < len(l.blobs) && cut > from {
			to = cut
		}
		to = max(to, from+1)
		out = append(out, span{l.blobs[from].x0, l.y0, l.blobs[to-1].x1, l.y1})
		from = to
	}
	return out
}

// readPart reads a part of a line, with rulings painted white or as it is.
func readPart(r *recognise.Reading, gray *image.Gray, m *mask, l *line, p span, wipe bool) []char {
	h := p.y1 - p.y0
	pad := max(1, h/6)
	side := max(2, h/4)
	x0, y0, x1, y1 := p.x0-side, p.y0-pad, p.x1+side, p.y1+pad
	scale := float32(y1-y0) / recognise.Height // pixels of the sheet per pixel of the picture
	width := int(float32(x1-x0)/scale + 0.5)
	width = min(max((width+recognise.Step-1)/recognise.Step*recognise.Step, 6*recognise.Step), 2*widest)
	pixels := make([]byte, recognise.Height*width)
	at := func(x, y int) float32 {
		// What stands beside the pieces of the line is none of it.
		if x < max(0, p.x0-1) || y < max(0, p.y0-2) || x > min(m.w-1, p.x1) || y > min(m.h-1, p.y1+1) {
			return 255
		}
		bits := m.v[y*m.w+x]
		if wipe && bits&wiped != 0 {
			return 255
		}
		return float32(gray.Pix[y*gray.Stride+x])
	}
	for y := range recognise.Height {
		sy := float32(y0) + (float32(y)+0.5)*scale
		for x := range width {
			sx := float32(x0) + (float32(x)+0.5)*scale
			pixels[y*width+x] = sampled(at, sx, sy, scale)
		}
	}
	var out []char
	for _, c := range r.Read(pixels, width) {
		at := float32(x0) + c.At*float32(width)*scale
		out = append(out, char{Char: c, x: at, blob: l.nearest(at)})
	}
	return out
}

// sampled returns the mean of a square of the sheet around a point, or, where the sheet is
// enlarged, the value between its pixels.
func sampled(at func(x, y int) float32, x, y, scale float32) byte {
	if scale <= 1.2 {
		x, y = x-0.5, y-0.5
		ix, iy := floor(x), floor(y)
		u, v := x-float32(ix), y-float32(iy)
		top := at(ix, iy)*(1-u) + at(ix+1, iy)*u
		bottom := at(ix, iy+1)*(1-u) + at(ix+1, iy+1)*u
		return byte(top*(1-v) + bottom*v + 0.5)
	}
	var sum, n float32
	for sy := floor(y - scale/2); float32(sy) < y+scale/2; sy++ {
		for sx := floor(x - scale/2); float32(sx) < x+scale/2; sx++ {
			wx := min(float32(sx+1), x+scale/2) - max(float32(sx), x-scale/2)
			wy := min(float32(sy+1), y+scale/2) - max(float32(sy), y-scale/2)
			if wx > 0 && wy > 0 {
				sum += at(sx, sy) * wx * wy
				n += wx * wy
			}
		}
	}
	return byte(sum/n + 0.5)
}

func floor(v float32) int {
	i := int(v)
	if float32(i) > v {
		i--
	}
	return i
}

// nearest returns the piece of ink at or next to a place.
func (l *line) nearest(x float32) int {
	best, dist := 0, float32(1e9)
	for i, b := range l.blobs {
		d := max(float32(b.x0)-x, x-float32(b.x1), 0)*4 + absolute(x-float32(b.x0+b.x1)/2)/4
		if d < dist {
			best, dist = i, d
		}
	}
	return best
}

func absolute(v float32) float32 { return max(v, -v) }

// The shapes of characters, for the baseline and the size of a line.
func isTall(r rune) bool {
	return unicode.IsDigit(r) || unicode.IsUpper(r) && r != 'Q' && r != 'J' || strings.ContainsRune("bdfhklt&%", r)
}

func isLow(r rune) bool { return strings.ContainsRune("acemnorsuvwxz", r) }

// measure finds the baseline and the height of a line's capitals.
func (t *text) measure() {
	var bottoms, tall, low []int
	for i, c := range t.chars {
		if c.Rune == ' ' || i > 0 && t.chars[i-1].blob == c.blob || i+1 < len(t.chars) && t.chars[i+1].blob == c.blob {
			continue
		}
		b := t.blobs[c.blob]
		switch {
		case isTall(c.Rune):
			tall = append(tall, b.y1-b.y0)
			bottoms = append(bottoms, b.y1)
		case isLow(c.Rune):
			low = append(low, b.y1-b.y0)
			bottoms = append(bottoms, b.y1)
		}
	}
	var heights, feet []int
	for _, b := range t.blobs {
		heights, feet = append(heights, b.y1-b.y0), append(feet, b.y1)
	}
	t.base, t.tall = float32(median(feet)), float32(median(heights))
	t.loose = len(bottoms) == 0
	if !t.loose {
		t.base = float32(median(bottoms))
	}
	switch {
	case len(tall) > 0:
		t.tall = float32(median(tall))
	case len(low) > 0:
		t.tall = float32(median(low)) * 1.38
	}
}

func median(v []int) int {
	slices.Sort(v)
	return v[len(v)/2]
}

// level gives lines side by side the same baseline and, if they are nearly the same, size.
func level(texts []*text) {
	for _, t := range texts {
		if !t.loose {
			continue
		}
		// Signs stand on the line of what is next to them.
		middle, nearest := float32(t.y0+t.y1)/2, float32(1e9)
		base, tall := t.base, t.tall
		for _, o := range texts {
			d := float32(max(o.x0-t.x1, t.x0-o.x1))
			if !o.loose && d < nearest && d < 20*o.tall && middle > o.base-1.3*o.tall && middle < o.base+0.4*o.tall {
				base, tall, nearest = o.base, o.tall, d
			}
		}
		t.base, t.tall = base, tall
	}
	sorted := slices.Clone(texts)
	slices.SortStableFunc(sorted, func(a, b *text) int { return cmp.Compare(a.base, b.base) })
	for len(sorted) > 0 {
		n := 1
		sum := sorted[0].base
		for n < len(sorted) && sorted[n].base-sorted[0].base < 0.3*min(sorted[n].tall, sorted[0].tall) {
			sum += sorted[n].base
			n++
		}
		for _, t := range sorted[:n] {
			t.base = sum / float32(n)
		}
		row := slices.Clone(sorted[:n])
		slices.SortStableFunc(row, func(a, b *text) int { return cmp.Compare(a.tall, b.tall) })
		for len(row) > 0 {
			k, sum := 1, row[0].tall
			for k < len(row) && row[k].tall < 1.2*row[0].tall {
				sum += row[k].tall
				k++
			}
			for _, t := range row[:k] {
				t.tall = sum / float32(k)
			}
			row = row[k:]
		}
		sorted = sorted[n:]
	}
}

// doubtful is how sure a character must be not to be doubtful.
const doubtful = 0.9

// words cuts the line into words, in points. notes are on those that are doubtful.
func (t *text) words(scale float32) (out []page.Word, notes []page.Note) {
	var gaps []float32
	for i := 1; i < len(t.blobs); i++ {
		gaps = append(gaps, float32(t.blobs[i].x0-t.blobs[i-1].x1))
	}
	slices.Sort(gaps)
	wide := 0.38 * t.tall
	t.seam = 0.3 * t.tall
	if len(gaps) > 4 {
		usual := gaps[len(gaps)/2]
		wide = max(wide, 2.2*usual)
		t.seam = max(0.12*t.tall, 1.5*usual)
	}
	from := 0
	left := float32(t.x0)
	if len(t.chars) > 0 && t.chars[0].Rune == '|' {
		from = 1
		_, left = t.bar(0)
	}
	end := func(to int, right float32) {
		w := t.chars[from:to]
		for len(w) > 0 && w[0].Rune == ' ' {
			w = w[1:]
		}
		for len(w) > 0 && w[len(w)-1].Rune == ' ' {
			w = w[:len(w)-1]
		}
		if slices.ContainsFunc(w, func(c char) bool { return !strings.ContainsRune("|[]_ ", c.Rune) }) { // what is left of rulings
			word, doubts := t.word(w, left, right, scale)
			out, notes = append(out, word), append(notes, doubts...)
		}
	}
	for i := 1; i < len(t.chars); i++ {
		a, b := i-1, i
		if t.chars[i].Rune == '|' { // a piece of a ruling
			x0, x1 := t.bar(i)
			end(i, x0)
			from, left = i+1, x1
			continue
		}
		if from >= i {
			continue
		}
		space := t.chars[i].Rune == ' '
		if space {
			for b < len(t.chars) && t.chars[b].Rune == ' ' {
				b++
			}
			if b == len(t.chars) {
				break
			}
		} else if t.chars[a].Rune == ' ' {
			continue
		}
		// The widest gap of the ink between the two characters.
		x0, x1, size := float32(0), float32(0), float32(-1)
		for j := t.chars[a].blob; j < t.chars[b].blob; j++ {
			if g := float32(t.blobs[j+1].x0 - t.blobs[j].x1); g > size {
				x0, x1, size = float32(t.blobs[j].x1), float32(t.blobs[j+1].x0), g
			}
		}
		switch {
		case space && size < 0: // the ink touches
			x0 = (t.chars[a].x + t.chars[b].x) / 2
			x1 = x0
		case space && size < 0.12*t.tall && size < wide/2:
			continue // no space is there
		case size < 1.3*t.tall && t.figure(a, b, ".,"), size < 0.85*t.tall && t.figure(a, b, "-"):
			continue // a point in type of one width
		case !space && size < wide*t.apart(a, b):
			continue
		}
		end(b, x0)
		from, left = b, x1
	}
	end(len(t.chars), float32(t.x1))
	return out, notes
}

// bar returns the edges of a character that is a piece of a ruling.
func (t *text) bar(i int) (x0, x1 float32) {
	c := t.chars[i]
	if b := t.blobs[c.blob]; (b.x1-b.x0)*4 < b.y1-b.y0 {
		return float32(b.x0), float32(b.x1)
	}
	return c.x, c.x
}

// apart is how much wider than others a gap between two characters must be to part words:
// points, and characters that are thin in type of one width, have wide gaps beside them.
func (t *text) apart(a, b int) float32 {
	factor := float32(1)
	for _, r := range [2]rune{t.chars[a].Rune, t.chars[b].Rune} {
		switch {
		case strings.ContainsRune(".,:'", r):
			factor = max(factor, 2)
		case strings.ContainsRune("1-/()", r):
			factor = max(factor, 1.5)
		}
	}
	return factor
}

// figure reports whether two characters are a digit and one of some signs between digits.
func (t *text) figure(a, b int, signs string) bool {
	digit := func(i int) bool { return i >= 0 && i < len(t.chars) && unicode.IsDigit(t.chars[i].Rune) }
	before := func(i int) bool { // spaces are what is in doubt
		for i--; i > 0 && t.chars[i].Rune == ' '; i-- {
		}
		return digit(i)
	}
	after := func(i int) bool {
		for i++; i+1 < len(t.chars) && t.chars[i].Rune == ' '; i++ {
		}
		return digit(i)
	}
	return digit(a) && strings.ContainsRune(signs, t.chars[b].Rune) && after(b) ||
		digit(b) && strings.ContainsRune(signs, t.chars[a].Rune) && before(a)
}

// parts reports whether the gap before a character of a word is so much wider than others
// that two cells may meet there.
func (t *text) parts(chars []char, i int) bool {
	a, b := chars[i-1], chars[i]
	switch {
	case strings.ContainsRune(".,", a.Rune) && unicode.IsDigit(b.Rune) && i > 1 && unicode.IsLetter(chars[i-2].Rune):
		// A text ends with a point, and a figure follows.
	case strings.ContainsRune(".,:'-", a.Rune), strings.ContainsRune(".,:'-", b.Rune):
		return false
	case (a.Rune == '1' || b.Rune == '1') && unicode.IsLetter(a.Rune) == unicode.IsLetter(b.Rune):
		return false // thin in type of one width
	}
	for j := a.blob; j < b.blob; j++ {
		if float32(t.blobs[j+1].x0-t.blobs[j].x1) >= t.seam {
			return true
		}
	}
	return false
}

// word makes a word of some characters, with a note if it is doubtful.
func (t *text) word(chars []char, left, right, scale float32) (page.Word, []page.Note) {
	w := page.Word{Base: t.base * scale, Size: t.tall / 0.7 * scale}
	w.Box = page.Box{X0: left * scale, Y0: w.Base - 0.78*w.Size, X1: max(right, left+1) * scale, Y1: w.Base + 0.22*w.Size}
	var b strings.Builder
	var doubts []string
	digits := false
	kept := slices.DeleteFunc(slices.Clone(chars), func(c char) bool { return c.Rune == ' ' || unicode.IsControl(c.Rune) })
	for i, c := range kept {
		b.WriteRune(c.Rune)
		digits = digits || unicode.IsDigit(c.Rune)
		edge := left
		if i > 0 {
			edge = min(max((kept[i-1].x+c.x)/2, left), right)
		}
		w.Edges = append(w.Edges, edge*scale)
		g := page.Glyph{Sure: c.Sure, Other: c.Other, OtherSure: c.OtherSure}
		if c.Other == recognise.NoChar {
			g.Other = page.NoGlyph
		}
		w.Glyphs = append(w.Glyphs, g)
		if i > 0 && t.parts(kept, i) {
			w.Joints = append(w.Joints, i)
		}
	}
	w.Edges = append(w.Edges, w.Box.X1)
	w.Text = b.String()
	for i, c := range kept {
		if c.Sure >= doubtful || !digits {
			continue
		}
		other := ""
		if c.Other > 0 {
			other = string(c.Other)
		}
		runes := []rune(w.Text)
		if maybe := string(runes[:i]) + other + string(runes[i+1:]); maybe != w.Text {
			doubts = append(doubts, fmt.Sprintf("%q", maybe))
		}
	}
	var says string
	switch {
	case len(doubts) > 0:
		says = fmt.Sprintf("%q was read from the picture, and it may be %s", w.Text, strings.Join(doubts[:min(len(doubts), 3)], " or "))
	case t.differs != "" && digits:
		says = fmt.Sprintf("%q was read from the picture, close to a ruling line; it may be another text: %q", w.Text, t.differs)
	default:
		return w, nil
	}
	return w, []page.Note{{Kind: page.Doubt, Box: w.Box.Round(), Text: w.Text, Message: says}}
}
