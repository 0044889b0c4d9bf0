package recognise

// All processors of this architecture have the instructions of the kernels (NEON).

//go:noescape
func tileNEON(k int, a, b, bias, c *float32, stride int, swish *[2]float32)

//go:noescape
func taps(n int, w *float32, offsets *int, in *float32, blocks int, bias float32, out *float32, swish *[2]float32)

func tile(_, k int, a, b, bias, c *float32, stride int, swish *[2]float32) int {
	tileNEON(k, a, b, bias, c, stride, swish)
	return tileRows
}
