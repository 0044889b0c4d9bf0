package ocr

import "image"

// smear returns over how many pixels the edges of a line's letters are spread, from left to
// right: 1 for edges of black on white that are sharp. An edge of height h that is spread evenly
// over n pixels is n differences of h/n, so the sum of their squares is h*h/n. It returns 0 for a
// line without ink.
func (l *line) smear(gray *image.Gray) float32 {
	var counts [256]int
	n := 0
	for y := l.y0; y < l.y1; y++ {
		for _, v := range gray.Pix[y*gray.Stride+l.x0 : y*gray.Stride+l.x1] {
			counts[v]++
			n++
		}
	}
	// Ink is as dark as the darkest twentieth, paper as light as half of the line.
	level := func(left int) int {
		v := 0
		for ; v < 255 && left >= counts[v]; v++ {
			left -= counts[v]
		}
		return v
	}
	depth := level(n/2) - level(n/20)
	if depth < 8 {
		return 0
	}
	sum, squares := 0, 0
	for y := l.y0; y < l.y1; y++ {
		row := gray.Pix[y*gray.Stride+l.x0 : y*gray.Stride+l.x1]
		for x := 1; x < len(row); x++ {
			d := int(row[x]) - int(row[x-1])
			if d = max(d, -d); d*16 < depth { // noise
				continue
			}
			sum += d
			squares += d * d
		}
	}
	if squares == 0 {
		return 0
	}
	return float32(sum) * float32(depth) / float32(squares)
}
