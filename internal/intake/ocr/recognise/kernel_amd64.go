package recognise

import "golang.org/x/sys/cpu"

// What the processor has of the instructions of the kernels.
var (
	vector = cpu.X86.HasAVX2 && cpu.X86.HasFMA
	wide   = vector && cpu.X86.HasAVX512F
)

//go:noescape
func tileAVX2(k int, a, b, bias, c *float32, stride int, swish *[2]float32)

// tilesAVX512 computes four tiles, one below the other.
//
//go:noescape
func tilesAVX512(k int, a, b, bias, c *float32, stride int, swish *[2]float32)

//go:noescape
func tapsAVX2(taps int, w *float32, offsets *int, in *float32, blocks int, bias float32, out *float32, swish *[2]float32)

// tile computes a tile as tileScalar does, or four if there are so many rows. It returns how
// many rows it computed.
func tile(rows, k int, a, b, bias, c *float32, stride int, swish *[2]float32) int {
	switch {
	case wide && rows > 3*tileRows:
		tilesAVX512(k, a, b, bias, c, stride, swish)
		return 4 * tileRows
	case vector:
		tileAVX2(k, a, b, bias, c, stride, swish)
	default:
		tileScalar(k, a, b, bias, c, stride, swish)
	}
	return tileRows
}

func taps(n int, w *float32, offsets *int, in *float32, blocks int, bias float32, out *float32, swish *[2]float32) {
	if vector {
		tapsAVX2(n, w, offsets, in, blocks, bias, out, swish)
		return
	}
	tapsScalar(n, w, offsets, in, blocks, bias, out, swish)
}
