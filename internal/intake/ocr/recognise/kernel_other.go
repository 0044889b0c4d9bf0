//go:build !amd64 && !arm64

package recognise

func tile(_, k int, a, b, bias, c *float32, stride int, swish *[2]float32) int {
	tileScalar(k, a, b, bias, c, stride, swish)
	return tileRows
}

func taps(n int, w *float32, offsets *int, in *float32, blocks int, bias float32, out *float32, swish *[2]float32) {
	tapsScalar(n, w, offsets, in, blocks, bias, out, swish)
}
