package ocr

import (
	"image"
	"math"
	"slices"
	"unicode"
)

// The recogniser tells an O from a zero more by what stands beside it than by its shape, and is
// often wrong in words of letters and digits. Fonts tell them apart in different ways: by a stroke,
// a point or the width. So a digit that may be a letter is compared with digits and letters of the
// same page that can be nothing else. A letter is not: figures are in the font of what stands beside
// them, but the letters of headings seldom are.

// shape is what a character looks like: how dark the parts of its box are, and how wide that is
// for its height.
type shape struct {
	ink    [shapeWide * shapeHigh]float32
	aspect float64
	high   int // of its box, in pixels
}

const (
	shapeWide = 8
	shapeHigh = 12
)

// Bounds of comparing: how many characters of a page are compared, with how many examples, of how
// many the mean is taken, how sure examples must be, and how much further than others what is
// clearly different is.
const (
	maxCompared = 500
	maxExamples = 100
	nearest     = 3
	exemplary   = 0.98
	distinct    = 1.5
)

// example is a character of a page and its shape.
type example struct {
	shape
	c *char
}

// compare changes digits to letters, in words that have both, where the recogniser considered that
// and the shapes of others on the page say so. They stay doubtful.
func compare(gray *image.Gray, texts []*text) {
	type candidate struct {
		t *text
		i int
	}
	var all []candidate
	examples := map[rune][]example{}
	for _, t := range texts {
		for i := range t.chars {
			if len(all) < maxCompared && t.ambiguous(i) {
				all = append(all, candidate{t, i})
				examples[t.chars[i].Rune], examples[t.chars[i].Other] = nil, nil
			}
		}
	}
	if len(all) == 0 {
		return
	}
	for _, t := range texts {
		for i := range t.chars {
			c := &t.chars[i]
			have, wanted := examples[c.Rune]
			if !wanted || len(have) == maxExamples || c.Sure < exemplary || t.ambiguous(i) || t.opposed(i) {
				continue
			}
			if s, ok := t.shape(gray, i); ok {
				examples[c.Rune] = append(have, example{s, c})
			}
		}
	}
	for _, a := range all {
		c := &a.t.chars[a.i]
		s, ok := a.t.shape(gray, a.i)
		if !ok {
			continue
		}
		own, far := s.from(examples[c.Rune], c), s.from(examples[c.Other], c)
		if math.IsInf(far, 1) {
			far = distinct * s.spread(examples[c.Rune])
		}
		if math.IsInf(own, 1) || own <= far {
			continue
		}
		c.Rune, c.Other = c.Other, c.Rune
		c.Sure, c.OtherSure = c.OtherSure, c.Sure
	}
}

// ambiguous reports whether a digit of a word that has letters may be a letter. Digits of a figure
// that touches the word are not.
func (t *text) ambiguous(i int) bool {
	if !unicode.IsDigit(t.chars[i].Rune) || !unicode.IsLetter(t.chars[i].Other) {
		return false
	}
	end := i + 1
	for end < len(t.chars) && unicode.IsDigit(t.chars[end].Rune) {
		end++
	}
	if end < len(t.chars) && (t.chars[end].Rune == '.' || t.chars[end].Rune == ',') {
		return false
	}
	for _, step := range [2]int{-1, 1} {
		for j := i + step; j >= 0 && j < len(t.chars); j += step {
			if unicode.IsLetter(t.chars[j].Rune) {
				return true
			} else if !unicode.IsDigit(t.chars[j].Rune) {
				break
			}
		}
	}
	return false
}

// opposed reports whether a letter stands beside a digit, or a digit beside a letter.
func (t *text) opposed(i int) bool {
	letter := unicode.IsLetter(t.chars[i].Rune)
	for _, j := range [2]int{i - 1, i + 1} {
		if j < 0 || j >= len(t.chars) {
			continue
		}
		if r := t.chars[j].Rune; letter && unicode.IsDigit(r) || !letter && unicode.IsLetter(r) {
			return true
		}
	}
	return false
}

// shape returns what a character looks like that is one piece of ink by itself.
func (t *text) shape(gray *image.Gray, i int) (s shape, ok bool) {
	at := t.chars[i].blob
	if i > 0 && t.chars[i-1].blob == at || i+1 < len(t.chars) && t.chars[i+1].blob == at {
		return s, false
	}
	b := t.blobs[at]
	w, h := b.x1-b.x0, b.y1-b.y0
	scale := float32(h) / shapeHigh
	if w < 4 || h < 6 || w > 2*h {
		return s, false
	}
	s.high, s.aspect = h, float64(w)/float64(h)
	get := func(x, y int) float32 {
		x, y = min(max(x, 0), gray.Rect.Dx()-1), min(max(y, 0), gray.Rect.Dy()-1)
		return float32(gray.Pix[y*gray.Stride+x])
	}
	for y := range shapeHigh {
		for x := range shapeWide {
			sx := float32(b.x0) + (float32(x)+0.5)*float32(w)/shapeWide
			sy := float32(b.y0) + (float32(y)+0.5)*scale
			s.ink[y*shapeWide+x] = 1 - float32(sampled(get, sx, sy, scale))/255
		}
	}
	return s, true
}

// alike reports whether an example has about the height of a shape.
func (s *shape) alike(e *example) bool { return 4*e.high > 3*s.high && 3*e.high < 4*s.high }

// from returns how far a shape is from the nearest ones of some examples of about its height,
// other than itself; a lot if there are none.
func (s *shape) from(all []example, self *char) float64 {
	var found []float64
	for i := range all {
		e := &all[i]
		if e.c == self || !s.alike(e) {
			continue
		}
		sum := float32(0)
		for k, v := range s.ink {
			sum += float32((v - e.ink[k]) * (v - e.ink[k])) // rounded as on every processor
		}
		found = append(found, math.Sqrt(float64(sum)/(shapeWide*shapeHigh))+(max(s.aspect/e.aspect, e.aspect/s.aspect)-1)/2)
	}
	if len(found) == 0 {
		return math.Inf(1)
	}
	slices.Sort(found)
	found = found[:min(len(found), nearest)]
	mean := 0.0
	for _, d := range found {
		mean += d / float64(len(found))
	}
	return mean
}

// spread returns how far examples of about the height of a shape are from each other at most; a
// lot if there are too few to tell.
func (s *shape) spread(all []example) float64 {
	var like []example
	for i := range all {
		if s.alike(&all[i]) {
			like = append(like, all[i])
		}
	}
	if len(like) <= nearest {
		return math.Inf(1)
	}
	most := 0.0
	for i := range like {
		most = max(most, like[i].from(like, like[i].c))
	}
	return most
}
