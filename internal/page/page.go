// Package page holds pages of documents: their words, each with its place. Package pdf
// makes pages and package bol reads them, and neither needs to know the other.
//
// All coordinates are in points (1/72 inch), from the top left corner of the page as it
// is displayed: inside its visible box, after its rotation. X grows to the right, Y
// grows downward.
package page

import (
	"math"
	"slices"
)

// Box is a rectangle in points, X0 ≤ X1 and Y0 ≤ Y1.
type Box struct {
	X0 float32 `json:"x0"`
	Y0 float32 `json:"y0"`
	X1 float32 `json:"x1"`
	Y1 float32 `json:"y1"`
}

// Union returns the smallest box that contains both. An empty (zero) box adds nothing.
func (b Box) Union(o Box) Box {
	if b == (Box{}) {
		return o
	}
	if o == (Box{}) {
		return b
	}
	return Box{min(b.X0, o.X0), min(b.Y0, o.Y0), max(b.X1, o.X1), max(b.Y1, o.Y1)}
}

// Meets reports whether the boxes have a place in common.
func (b Box) Meets(o Box) bool {
	return b.X0 < o.X1 && o.X0 < b.X1 && b.Y0 < o.Y1 && o.Y0 < b.Y1
}

// Around returns the smallest box around where a function moves the corners to.
func (b Box) Around(move func(x, y float32) (float32, float32)) Box {
	out := Box{X0: math.MaxFloat32, Y0: math.MaxFloat32, X1: -math.MaxFloat32, Y1: -math.MaxFloat32}
	for _, x := range [2]float32{b.X0, b.X1} {
		for _, y := range [2]float32{b.Y0, b.Y1} {
			px, py := move(x, y)
			out = Box{min(out.X0, px), min(out.Y0, py), max(out.X1, px), max(out.Y1, py)}
		}
	}
	return out
}

// Round returns the box with its corners rounded to hundredths of a point:
// finer than any printer, and short in JSON.
func (b Box) Round() Box {
	r := func(v float32) float32 { return float32(math.Round(float64(v)*100) / 100) }
	return Box{r(b.X0), r(b.Y0), r(b.X1), r(b.Y1)}
}

// Word is a run of characters on one baseline, without white space.
type Word struct {
	// Text is never empty and has no white space or control characters.
	Text string
	// Box spans the advance widths of the characters and, vertically, the
	// ascent and descent of the font.
	Box Box
	// Base is the y of the baseline.
	Base float32
	// Size is the font size in points, as it appears on the page.
	Size float32
	// Edges are the left edges of the characters, one per rune of Text, and at the end
	// the right edge of the last: len(Edges) is the number of runes plus one.
	Edges []float32
	// Joints are the rune indexes, each between 0 and the number of runes, at which the
	// word continues in another text object of the page. Programs print two cells as
	// two text objects, even if the cells are so close that they read as one word.
	Joints []int
	// Glyphs say how the characters were read from a picture, one for each rune of Text; nil
	// for text that is printed, and for parts of words.
	Glyphs []Glyph
	// Second is what a second reader read at this place of the picture: nothing, one text, or
	// two if it looked twice and they differ.
	Second []string
}

// Glyph is how a character was read from a picture.
type Glyph struct {
	// Sure is how likely the character is, from 0 to 1.
	Sure float32
	// Other is what else it may be: 0 for nothing, NoGlyph for no character at all.
	Other rune
	// OtherSure is how likely that is.
	OtherSure float32
}

// NoGlyph says that there may be no character where one was read.
const NoGlyph rune = -1

// Split cuts the word before rune i, 0 < i < number of runes.
func (w Word) Split(i int) (Word, Word) {
	runes := []rune(w.Text)
	l, r := w, w
	l.Text, r.Text = string(runes[:i]), string(runes[i:])
	l.Edges, r.Edges = w.Edges[:i+1], w.Edges[i:]
	l.Box.X1, r.Box.X0 = w.Edges[i], w.Edges[i]
	l.Joints, r.Joints = nil, nil
	l.Glyphs, r.Glyphs, l.Second, r.Second = nil, nil, nil, nil
	for _, j := range w.Joints {
		switch {
		case j < i:
			l.Joints = append(l.Joints, j)
		case j > i:
			r.Joints = append(r.Joints, j-i)
		}
	}
	return l, r
}

// Join returns the word that goes on with another one, as if the file had not cut it. Both have
// Edges.
func (w Word) Join(next Word) Word {
	at := len(w.Edges) - 1
	w.Text += next.Text
	w.Box = w.Box.Union(next.Box)
	w.Edges = append(slices.Clone(w.Edges[:at]), next.Edges...)
	w.Joints = append(slices.Clone(w.Joints), at)
	for _, j := range next.Joints {
		w.Joints = append(w.Joints, at+j)
	}
	return w
}

// MaxRules bounds the rules that are read of one page.
const MaxRules = 4096

// Page is one page of a document.
type Page struct {
	// Number is the page's number within its document, from 1.
	Number int
	// Width and Height are the size of the visible box, in points.
	Width, Height float32
	// Damage says for people why the page could not be read. It is "" if the page was
	// read.
	Damage string
	// Words are in reading order: lines from top to bottom, and within a line from left
	// to right. They do not include invisible text.
	Words []Word
	// Hidden are the words that nobody can see. They are not read as values, but covered
	// labels of a form still show where its values are.
	Hidden []Word
	// Rules are the ruling lines and filled boxes that are painted on the page. They are
	// read only where somebody asks for them, and at most MaxRules of them. MoreRules is
	// true if the page has more, or more drawing than is searched for them.
	Rules     []Box
	MoreRules bool
	// Scan says whether the page is a picture.
	Scan Scan
	// Flat says that a page of a PDF that was read from its picture was turned by quarters or
	// flattened before: its words lie on that, and not on the page as it is printed.
	Flat bool
	// Twice says that a second reader read the words of a picture that have digits, too.
	Twice bool
	// Notes are what else a person must know about the page.
	Notes []Note
}

// Scan says whether a page is a picture, as a scanner makes it.
type Scan uint8

// The kinds of pages.
const (
	// Printed is a page of text, with or without pictures.
	Printed Scan = iota
	// Picture is a page most of which is covered by a picture. It may have some
	// words, such as a stamp or the line of a fax machine.
	Picture
	// TextLayer is a picture whose only text is invisible: the result of a scanner's
	// text recognition. The page has no words.
	TextLayer
	// Recognised is a picture whose words were read by text recognition.
	Recognised
)

// Note is a fact about a page, or its document, that the words do not show.
type Note struct {
	Kind NoteKind
	// Box is the place; zero if the note concerns the whole page.
	Box Box
	// Text is the text at that place, as printed.
	Text string
	// Message is a sentence for people, without a full stop.
	Message string
}

// NoteKind is the kind of a note.
type NoteKind string

// The kinds of notes.
const (
	// Unsure is text that may not be visible to a person.
	Unsure NoteKind = "unsure"
	// Stamp is a stamp over the page, such as VOID.
	Stamp NoteKind = "stamp"
	// Attached is another document within the document.
	Attached NoteKind = "attached"
	// Doubt is a text that was read from a picture and may be another one.
	Doubt NoteKind = "doubt"
	// Poor is what a person can do better about a picture of a page: more light, nearer.
	Poor NoteKind = "poor"
)
