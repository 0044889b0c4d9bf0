package recognise

import (
	"encoding/binary"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"tallyman/internal/testing/must"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// line draws a text.
func line(t *testing.T, text string, width int) []byte {
	t.Helper()
	f, err := opentype.Parse(gomono.TTF)
	must.OK(t, err)
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 34, DPI: 72})
	must.OK(t, err)
	img := image.NewGray(image.Rect(0, 0, width, Height))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: img, Src: image.NewUniform(color.Black), Face: face, Dot: fixed.P(8, 36)}
	d.DrawString(text)
	return img.Pix
}

// What ONNX Runtime 1.20.1 finds for the same picture with the model as it is published, of 32
// bits: the likelihoods of the characters, among those that are read here.
var reference = []struct {
	char rune
	sure float64
}{
	{'G', 1.0000}, {'2', 1.0000}, {'4', 1.0000}, {'0', 0.9998}, {'2', 1.0000}, {'4', 0.9999},
	{' ', 0.9643}, {'1', 0.9994}, {',', 1.0000}, {'0', 0.9987}, {'3', 0.9999}, {'7', 1.0000},
	{'.', 0.9976}, {'4', 0.9999}, {'2', 1.0000}, {' ', 0.9813}, {'T', 0.9988}, {'O', 0.9297},
	{'T', 0.9995}, {'A', 0.9998}, {'L', 0.9969},
}

func TestALineIsReadAsONNXRuntimeReadsIt(t *testing.T) {
	m, err := New()
	must.OK(t, err)
	got := m.Begin().Read(line(t, "G24024 1,037.42 TOTAL", 480), 480)
	if len(got) != len(reference) {
		t.Fatalf("%d characters were read: %v", len(got), got)
	}
	for i, want := range reference {
		c := got[i]
		// 16-bit weights make the difference.
		if c.Rune != want.char || math.Abs(float64(c.Sure)-want.sure) > 0.004 {
			t.Errorf("character %d is %q (%.4f), want %q (%.4f)", i, c.Rune, c.Sure, want.char, want.sure)
		}
		if i > 0 && c.At <= got[i-1].At {
			t.Errorf("character %d is not to the right of the one before", i)
		}
	}
	if o := got[len("G24024 1,037.42 TO")-1]; o.Other != '0' || o.OtherSure < 0.01 {
		t.Errorf("the letter O may be %q (%.3f), want a zero", o.Other, o.OtherSure)
	}
}

// The kernels of the processor give the same bits as the scalar ones.
func TestKernelsAgreeToTheLastBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(r.NormFloat64() * math.Exp(r.NormFloat64()*4))
			switch r.IntN(40) {
			case 0:
				out[i] = 0
			case 1:
				out[i] = float32(r.NormFloat64() * 1e-38)
			}
		}
		return out
	}
	for n := range 300 {
		k := 1 + r.IntN(70)
		rows := (1 + r.IntN(5)) * tileRows
		a, b, bias := values(k*rows), values(k*tileCols), values(rows)
		swish := &[2]float32{float32(r.NormFloat64()), float32(r.NormFloat64())}
		if n%2 == 0 {
			swish = nil
		}
		one, two := make([]float32, rows*20), make([]float32, rows*20)
		for y := 0; y < rows; {
			y += tile(rows-y, k, &a[k*y], &b[0], &bias[y], &one[y*20], 80, swish)
		}
		for y := 0; y < rows; y += tileRows {
			tileScalar(k, &a[k*y], &b[0], &bias[y], &two[y*20], 80, swish)
		}
		same(t, "tile", one, two)

		blocks := 1 + r.IntN(9)
		in, w := values(k+blocks*tileCols), values(k)
		offsets := make([]int, k)
		for i := range offsets {
			offsets[i] = 4 * r.IntN(k)
		}
		swish = &[2]float32{float32(r.NormFloat64()), float32(r.NormFloat64())}
		one, two = make([]float32, blocks*tileCols), make([]float32, blocks*tileCols)
		taps(k, &w[0], &offsets[0], &in[0], blocks, bias[0], &one[0], swish)
		tapsScalar(k, &w[0], &offsets[0], &in[0], blocks, bias[0], &two[0], swish)
		same(t, "taps", one, two)
	}
}

func same(t *testing.T, what string, one, two []float32) {
	t.Helper()
	for i := range one {
		if math.Float32bits(one[i]) != math.Float32bits(two[i]) {
			t.Fatalf("%s: %g and %g differ", what, one[i], two[i])
		}
	}
}

// A multiplication with an addition is rounded once.
func TestFMARoundsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	any := func() float32 {
		return math.Float32frombits(r.Uint32()&0x807FFFFF | uint32(100+r.IntN(60))<<23)
	}
	for range 200_000 {
		a, b, c := any(), any(), any()
		if r.IntN(4) == 0 { // sums that lie nearly in the middle of two results
			p := float64(a) * float64(b)
			c = math.Float32frombits(math.Float32bits(float32(p)) + 24<<23)
		}
		x := new(big.Float).SetPrec(400).SetFloat64(float64(a))
		x.Mul(x, new(big.Float).SetFloat64(float64(b)))
		x.Add(x, new(big.Float).SetFloat64(float64(c)))
		want, _ := x.Float32()
		if got := fma(a, b, c); got != want {
			t.Fatalf("%g · %g + %g = %g, want %g", a, b, c, got, want)
		}
	}
}

func TestExpIsRoundedRight(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	off := 0
	for n := range 200_000 {
		v := float32(r.Float64()*220 - 120)
		if n < 20_000 {
			v = float32(r.NormFloat64())
		}
		got, want := exp(v), float32(math.Exp(float64(v)))
		if math.Abs(float64(got)-float64(want)) > 0x1p-23*float64(want)+0x1p-149 {
			t.Fatalf("exp(%g) = %g, want %g", v, got, want)
		}
		if got != want {
			off++
		}
	}
	if off > 100 {
		t.Errorf("%d results are not rounded right", off)
	}
	for _, v := range []float32{0, -1000, 1000, float32(math.Inf(-1)), float32(math.Inf(1))} {
		if got, want := exp(v), float32(math.Exp(float64(v))); got != want {
			t.Errorf("exp(%g) = %g, want %g", v, got, want)
		}
	}
}

// The scores of a picture are these bits with AVX-512, AVX2, NEON and no vectors at all.
func TestAPictureIsReadTheSameOnEveryProcessor(t *testing.T) {
	m, err := New()
	must.OK(t, err)
	const width = 96
	r := rand.New(rand.NewPCG(7, 8))
	noise := make([]byte, Height*width)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	_, scores := m.run(&work{}, noise, width)
	sum := fnv.New64a()
	must.OK(t, binary.Write(sum, binary.LittleEndian, scores))
	if got, want := sum.Sum64(), uint64(0x8a745f93b05c1546); got != want {
		t.Errorf("the scores have the sum %#x, want %#x", got, want)
	}
}

func TestDamagedWeightsAreRefused(t *testing.T) {
	for _, b := range [][]byte{nil, packed[:100], packed[:len(packed)-1], append([]byte("x"), packed[1:]...), append(packed[:len(packed):len(packed)], 0)} {
		if _, err := unpack(b); err == nil {
			t.Errorf("%d bytes are taken for weights", len(b))
		}
	}
}

func TestNothingIsReadOfNothing(t *testing.T) {
	m, err := New()
	must.OK(t, err)
	r := m.Begin()
	if got := r.Read(nil, 0); got != nil {
		t.Errorf("%v was read", got)
	}
	blank := []byte(strings.Repeat("\xff", Height*64))
	if got := r.Read(blank, 64); len(got) != 0 {
		t.Errorf("%v was read of white paper", got)
	}
}
