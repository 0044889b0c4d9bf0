package recognise

import (
	"math"
	"unsafe"
)

// The two kernels do nearly all of the work. Each output is one chain of fused multiplications
// and additions in the order of its inputs, whatever the processor: lanes of a vector are
// different outputs. The scalar kernels therefore give the same bits as the vector ones,
// and a page is read the same everywhere.

// Rows and columns of the tile that one call computes.
const (
	tileRows = 6
	tileCols = 16
)

// at returns the element at an index.
func at(p *float32, i int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), i*4))
}

// tileScalar computes a tile: c[r][j] = bias[r] + Σ a[k][r]·b[k][j]. a has 6 and b 16
// elements for each k. stride is the distance of two rows of c, in bytes. If swish is not
// nil, each result v becomes v·min(max(v+3, 0), 6)·swish[0] + swish[1].
func tileScalar(k int, a, b, bias, c *float32, stride int, swish *[2]float32) {
	as, bs := unsafe.Slice(a, k*tileRows), unsafe.Slice(b, k*tileCols)
	for r := range tileRows {
		var sum [tileCols]float32
		for j := range sum {
			sum[j] = *at(bias, r)
		}
		for i := range k {
			v, row := as[i*tileRows+r], bs[i*tileCols:i*tileCols+tileCols]
			for j := range sum {
				sum[j] = fma(v, row[j], sum[j])
			}
		}
		out := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(c), r*stride)), tileCols)
		for j, v := range sum {
			out[j] = swished(v, swish)
		}
	}
}

// tapsScalar computes 16·blocks outputs in a row: out[x] = bias + Σ w[i]·in[offsets[i]/4 + x],
// and swish of it; see tileScalar. Offsets are in bytes.
func tapsScalar(n int, w *float32, offsets *int, in *float32, blocks int, bias float32, out *float32, swish *[2]float32) {
	ws, from := unsafe.Slice(w, n), unsafe.Slice(offsets, n)
	to := unsafe.Slice(out, blocks*tileCols)
	for x := range to {
		sum := bias
		for i, v := range ws {
			sum = fma(v, *at(in, from[i]/4+x), sum)
		}
		to[x] = swished(sum, swish)
	}
}

func swished(v float32, swish *[2]float32) float32 {
	if swish == nil {
		return v
	}
	t := float32(v * min(max(v+3, 0), 6))
	return fma(swish[0], t, swish[1])
}

// fma returns a·b + c, rounded once. The product is exact in 64 bits, and so is the sum but
// for its last bits: only where those lie in the middle between two results could rounding
// twice differ.
func fma(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	bits := math.Float64bits(s)
	if bits&(1<<29-1) != 1<<28 && math.Abs(s) >= 0x1p-126 {
		return float32(s)
	}
	// Round the sum to odd, so that rounding again sees what was lost.
	d := s - p
	lost := (p - (s - d)) + (float64(c) - d)
	if lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
