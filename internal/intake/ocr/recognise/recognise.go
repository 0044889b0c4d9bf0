// Package recognise reads a line of text in a picture: the recogniser of PP-OCRv4 (a
// convolutional network with two layers of attention, by PaddleOCR, Apache-2.0), run by Go.
//
// The weights are in the binary, as 16-bit floats, for Latin letters, digits and signs only.
// Nothing of them is in memory until New is called. convert makes them of the published
// model; go generate says how.
//
// The same picture gives the same result to the last bit on every processor: see tile.
package recognise

//go:generate go run ../convert -o weights.bin

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"
)

//go:embed weights.bin
var packed []byte

// Mark is how weights.bin begins. It changes with the order of what follows.
const Mark = "tallyman recogniser 1\n"

var errWeights = errors.New("the recogniser's weights are not those of this program")

// Height is the height of a line's picture, in pixels, and Step the width that is one step
// of the result.
const (
	Height = 48
	Step   = 8
)

// Recogniser has the weights. It is safe for concurrent use.
type Recogniser struct {
	chars  []rune
	first  matrix
	blocks []block
	neck   neck
}

// matrix are weights of a product, packed for tile: rows by six, padded with zeros.
type matrix struct {
	rows, cols int
	w          []float32
	bias       []float32 // padded, too
}

// block is a convolution of the backbone with its activation.
type block struct {
	shape
	matrix           // of one by one pixels
	taps   []float32 // of others, channel by channel
	bias   []float32
	swish  [2]float32
	down   matrix // of the squeeze, if there is one
	up     matrix
}

// shape is the shape of a block: a kernel of k by k pixels per channel, or, if k is 1, of
// all channels.
type shape struct {
	k, in, out int
	sy, sx     int // strides
	squeeze    int // channels of the squeeze after it; 0 for none
}

// shapes are the blocks of the backbone.
var shapes = []shape{
	{3, 16, 16, 1, 1, 0}, {1, 16, 32, 1, 1, 0},
	{3, 32, 32, 1, 1, 0}, {1, 32, 64, 1, 1, 0},
	{3, 64, 64, 1, 1, 0}, {1, 64, 64, 1, 1, 0},
	{3, 64, 64, 2, 1, 0}, {1, 64, 128, 1, 1, 0},
	{3, 128, 128, 1, 1, 0}, {1, 128, 128, 1, 1, 0},
	{3, 128, 128, 1, 2, 0}, {1, 128, 240, 1, 1, 0},
	{5, 240, 240, 1, 1, 0}, {1, 240, 240, 1, 1, 0},
	{5, 240, 240, 1, 1, 0}, {1, 240, 240, 1, 1, 0},
	{5, 240, 240, 1, 1, 0}, {1, 240, 240, 1, 1, 0},
	{5, 240, 240, 1, 1, 0}, {1, 240, 240, 1, 1, 0},
	{5, 240, 240, 2, 1, 60}, {1, 240, 480, 1, 1, 0},
	{5, 480, 480, 1, 1, 120}, {1, 480, 480, 1, 1, 0},
	{5, 480, 480, 2, 1, 0}, {1, 480, 480, 1, 1, 0},
	{5, 480, 480, 1, 1, 0}, {1, 480, 480, 1, 1, 0},
}

// The sizes of the neck.
const (
	firstOut = 16
	features = 480
	width    = 120
	narrow   = 60
	heads    = 8
	head     = width / heads
	layers   = 2
)

type norm struct {
	w, b []float32
	eps  float32
}

type layer struct {
	before    norm
	qkv, proj matrix
	middle    norm
	in, out   matrix
}

type neck struct {
	in1, in2   matrix // 1×3 and 1×1
	layers     [layers]layer
	after      norm
	back       matrix
	out1, out2 matrix
	classes    matrix
}

// New unpacks the weights.
func New() (*Recogniser, error) { return unpack(packed) }

func unpack(b []byte) (*Recogniser, error) {
	r := &reader{b: b}
	if string(r.take(len(Mark))) != Mark {
		return nil, errWeights
	}
	n := int(r.uint32())
	text := r.take(n)
	if r.bad || !utf8.Valid(text) {
		return nil, errWeights
	}
	m := &Recogniser{chars: []rune(string(text))}
	m.first = r.matrix(firstOut, 9)
	for _, s := range shapes {
		b := block{shape: s}
		if s.k == 1 {
			b.matrix = r.matrix(s.out, s.in)
		} else {
			b.taps, b.bias = r.halves(s.out*s.k*s.k), r.floats(s.out)
		}
		copy(b.swish[:], r.floats(2))
		if s.squeeze > 0 {
			b.down, b.up = r.matrix(s.squeeze, s.out), r.matrix(s.out, s.squeeze)
		}
		m.blocks = append(m.blocks, b)
	}
	k := &m.neck
	k.in1, k.in2 = r.matrix(narrow, 3*features), r.matrix(width, narrow)
	for i := range k.layers {
		k.layers[i] = layer{
			before: r.norm(1e-5), qkv: r.matrix(3*width, width), proj: r.matrix(width, width),
			middle: r.norm(1e-5), in: r.matrix(2*width, width), out: r.matrix(width, 2*width),
		}
	}
	k.after = r.norm(1e-6)
	k.back = r.matrix(features, width)
	k.out1, k.out2 = r.matrix(narrow, 3*2*features), r.matrix(width, narrow)
	k.classes = r.matrix(len(m.chars)+1, width)
	if r.bad || len(r.b) > 0 {
		return nil, errWeights
	}
	return m, nil
}

// reader reads weights.bin.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad = true
		return make([]byte, max(n, 0)&(1<<24-1))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

func (r *reader) floats(n int) []float32 {
	b, out := r.take(4*n), make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func (r *reader) halves(n int) []float32 {
	b, out := r.take(2*n), make([]float32, n)
	for i := range out {
		out[i] = float(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out
}

// matrix reads rows of weights, and a bias for each.
func (r *reader) matrix(rows, cols int) matrix {
	w := r.halves(rows * cols)
	tiles := (rows + tileRows - 1) / tileRows
	m := matrix{rows: rows, cols: cols, w: make([]float32, tiles*cols*tileRows), bias: make([]float32, tiles*tileRows)}
	for i := range rows {
		for j := range cols {
			m.w[(i/tileRows*cols+j)*tileRows+i%tileRows] = w[i*cols+j]
		}
	}
	copy(m.bias, r.floats(rows))
	return m
}

func (r *reader) norm(eps float32) norm { return norm{r.floats(width), r.floats(width), eps} }

// float returns the value of a 16-bit float that is zero or normal.
func float(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	if exp == 0 {
		v := float32(frac) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// Shape is the shape of a block of the backbone, for convert.
type Shape struct{ Out, Squeeze int }

// Backbone returns the blocks whose weights follow each other in weights.bin.
func Backbone() (out []Shape) {
	for _, s := range shapes {
		out = append(out, Shape{s.out, s.squeeze})
	}
	return out
}
