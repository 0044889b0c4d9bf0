package pdf

import (
	"encoding/binary"
	"math"
	"sync"
	"unicode/utf8"

	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
)

// Workers send pages to their parent in a format of our own, since a general encoding
// takes longer than reading the page. The parent trusts nothing: it checks all lengths
// against the data.

// AppendPage appends a page in the format in which workers send it to their parent.
func AppendPage(b []byte, p *page.Page) []byte {
	b = binary.AppendUvarint(b, uint64(p.Number))
	b = appendFloats(b, p.Width, p.Height)
	b = appendString(b, p.Damage)
	more := byte(0)
	if p.MoreRules {
		more = 1
	}
	if p.Flat {
		more |= 2
	}
	if p.Twice {
		more |= 4
	}
	b = append(b, byte(p.Scan), more)
	b = binary.AppendUvarint(b, uint64(len(p.Notes)))
	for _, n := range p.Notes {
		b = appendString(b, string(n.Kind))
		b = appendFloats(b, n.Box.X0, n.Box.Y0, n.Box.X1, n.Box.Y1)
		b = appendString(appendString(b, n.Text), n.Message)
	}
	b = appendWords(appendWords(b, p.Words), p.Hidden)
	b = binary.AppendUvarint(b, uint64(len(p.Rules)))
	for _, r := range p.Rules {
		b = appendFloats(b, r.X0, r.Y0, r.X1, r.Y1)
	}
	return b
}

func appendWords(b []byte, words []page.Word) []byte {
	b = binary.AppendUvarint(b, uint64(len(words)))
	for i := range words {
		w := &words[i]
		b = appendString(b, w.Text)
		b = appendFloats(b, w.Box.X0, w.Box.Y0, w.Box.X1, w.Box.Y1, w.Base, w.Size)
		b = appendFloats(b, w.Edges...)
		b = binary.AppendUvarint(b, uint64(len(w.Joints)))
		for _, j := range w.Joints {
			b = binary.AppendUvarint(b, uint64(j))
		}
		b = binary.AppendUvarint(b, uint64(len(w.Glyphs)))
		for _, g := range w.Glyphs {
			b = appendFloats(binary.AppendUvarint(b, uint64(g.Other-page.NoGlyph)), g.Sure, g.OtherSure)
		}
		b = binary.AppendUvarint(b, uint64(len(w.Second)))
		for _, s := range w.Second {
			b = appendString(b, s)
		}
	}
	return b
}

// appendSize is the first reply for a picture.
func appendSize(w, h float32, scan bool) []byte {
	b := appendFloats(nil, w, h)
	if scan {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendFloats(b []byte, fs ...float32) []byte {
	for _, f := range fs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// errWire is the fault of a worker that sent what cannot be decoded.
var errWire = worker.Rogue("the worker sent what cannot be decoded")

type wireReader struct {
	b   []byte
	bad bool
}

func (r *wireReader) uint() int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > math.MaxInt32 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *wireReader) float() float32 {
	if len(r.b) < 4 {
		r.bad, r.b = true, nil
		return 0
	}
	v := math.Float32frombits(binary.LittleEndian.Uint32(r.b))
	r.b = r.b[4:]
	return v
}

func (r *wireReader) string() string {
	n := r.uint()
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// ParsePage reads what AppendPage appended. It trusts nothing.
func ParsePage(b []byte) (page.Page, error) {
	r := &wireReader{b: b}
	p := page.Page{Number: r.uint(), Width: r.float(), Height: r.float(), Damage: r.string()}
	p.Scan = page.Scan(r.uint())
	more := r.uint()
	p.MoreRules, p.Flat, p.Twice = more&1 != 0, more&2 != 0, more&4 != 0
	for range r.uint() {
		if r.bad {
			return p, errWire
		}
		p.Notes = append(p.Notes, page.Note{
			Kind: page.NoteKind(r.string()),
			Box:  page.Box{X0: r.float(), Y0: r.float(), X1: r.float(), Y1: r.float()},
			Text: r.string(), Message: r.string(),
		})
	}
	p.Words, p.Hidden = r.words(), r.words()
	if len(p.Hidden) == 0 {
		p.Hidden = nil
	}
	n := r.uint()
	if n > page.MaxRules || n > len(r.b)/16 {
		return p, errWire
	}
	for range n {
		p.Rules = append(p.Rules, page.Box{X0: r.float(), Y0: r.float(), X1: r.float(), Y1: r.float()})
	}
	if r.bad || len(r.b) > 0 {
		return p, errWire
	}
	return p, nil
}

// spares are the words of pages that nothing refers to any more.
var spares sync.Pool // of *[]page.Word

// maxSpare bounds the words that stay, for the pages of hostile documents.
const maxSpare = 4096

// Done gives back the memory of a page's words, for other pages. Nothing may refer to them
// any more but to their texts, which stay.
func Done(p *page.Page) {
	if words := p.Words; cap(words) > 0 && cap(words) <= maxSpare {
		spares.Put(&words)
	}
}

// spareWords returns n empty words.
func spareWords(n int) []page.Word {
	if n > 0 && n <= maxSpare {
		if old, _ := spares.Get().(*[]page.Word); old != nil && cap(*old) >= n {
			words := (*old)[:n]
			clear(words)
			return words
		}
	}
	return make([]page.Word, n)
}

func (r *wireReader) words() []page.Word {
	n := r.uint()
	if n > len(r.b) { // each word takes more than one byte
		r.bad = true
		return nil
	}
	words := spareWords(n)
	edges := make([]float32, 0, len(r.b)/8)
	for i := range words {
		w := &words[i]
		w.Text = r.string()
		w.Box = page.Box{X0: r.float(), Y0: r.float(), X1: r.float(), Y1: r.float()}
		w.Base, w.Size = r.float(), r.float()
		from := len(edges)
		for range utf8.RuneCountInString(w.Text) + 1 {
			edges = append(edges, r.float())
		}
		w.Edges = edges[from:len(edges):len(edges)]
		for range r.uint() {
			if r.bad {
				return nil
			}
			w.Joints = append(w.Joints, r.uint())
		}
		glyphs := r.uint()
		if glyphs > len(w.Edges)-1 {
			r.bad = true
			return nil
		}
		for range glyphs {
			w.Glyphs = append(w.Glyphs, page.Glyph{Other: rune(r.uint()) + page.NoGlyph, Sure: r.float(), OtherSure: r.float()})
		}
		for range r.uint() {
			if r.bad {
				return nil
			}
			w.Second = append(w.Second, r.string())
		}
		if r.bad || w.Text == "" {
			r.bad = true
			return nil
		}
	}
	return words
}
