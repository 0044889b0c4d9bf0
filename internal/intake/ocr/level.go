package ocr

import (
	"image"
	"math"
)

// mostSlant is the greatest angle that is looked for, in radians.
const mostSlant = 6 * math.Pi / 180

// slant returns the angle at which the rows of a picture go down to the right, to a
// fiftieth of a degree: that at which dark pixels gather best in rows.
func slant(img *image.Gray) float64 {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	level := threshold(img)
	// Edges from light to dark, downward: each row of letters and each ruling has many.
	type dot struct{ x, y float32 }
	var dots []dot
	step := max(1, w/1200)
	for y := 1; y < h; y++ {
		row, above := img.Pix[y*img.Stride:], img.Pix[(y-1)*img.Stride:]
		for x := (y * 7) % step; x < w; x += step {
			if row[x] < level && above[x] >= level {
				dots = append(dots, dot{float32(x - w/2), float32(y)})
			}
		}
	}
	if len(dots) < 200 {
		return 0
	}
	for len(dots) > 200_000 {
		half := dots[:0]
		for i := 0; i < len(dots); i += 2 {
			half = append(half, dots[i])
		}
		dots = half
	}
	margin := int(float64(w)/2*math.Tan(mostSlant)) + 2
	rows := make([]float32, h+2*margin+2)
	score := func(angle float64, every int) float64 {
		clear(rows)
		tan := float32(math.Tan(angle))
		for i := 0; i < len(dots); i += every {
			d := dots[i]
			y := d.y - d.x*tan + float32(margin)
			at := int(y)
			part := y - float32(at)
			rows[at] += 1 - part
			rows[at+1] += part
		}
		sum := 0.0
		for _, v := range rows {
			sum += float64(v) * float64(v)
		}
		return sum
	}
	best := 0.0
	for _, pass := range []struct {
		around, step float64
		every        int
	}{{6, 0.2, 4}, {0.2, 0.04, 2}, {0.04, 0.01, 1}} {
		from, most := best, -1.0
		for a := -pass.around; a <= pass.around+1e-9; a += pass.step {
			angle := from + a*math.Pi/180
			if math.Abs(angle) > mostSlant {
				continue
			}
			if s := score(angle, pass.every+len(dots)/(50_000)*(pass.every-1)); s > most {
				most, best = s, angle
			}
		}
	}
	return best
}

// turned turns a picture back by an angle around its middle. What comes from outside is
// white.
func turned(img *image.Gray, angle float64) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewGray(image.Rect(0, 0, w, h))
	sin, cos := math.Sincos(angle)
	mx, my := float64(w-1)/2, float64(h-1)/2
	for y := range h {
		row := out.Pix[y*out.Stride : y*out.Stride+w]
		// Fixed point: 16 bits after the point.
		fx := int64((mx - mx*cos - (float64(y)-my)*sin) * 65536)
		fy := int64((my - mx*sin + (float64(y)-my)*cos) * 65536)
		dx, dy := int64(cos*65536), int64(sin*65536)
		for x := range row {
			ix, iy := int(fx>>16), int(fy>>16)
			if ix >= 0 && iy >= 0 && ix < w-1 && iy < h-1 {
				u, v := int(fx>>8&255), int(fy>>8&255)
				at := iy*img.Stride + ix
				p := img.Pix[at:]
				q := img.Pix[at+img.Stride:]
				top := int(p[0])*(256-u) + int(p[1])*u
				bottom := int(q[0])*(256-u) + int(q[1])*u
				row[x] = uint8((top*(256-v) + bottom*v + 1<<15) >> 16)
			} else {
				row[x] = 255
			}
			fx += dx
			fy += dy
		}
	}
	return out
}

// threshold returns the brightness that parts ink from paper best (Otsu), within bounds.
func threshold(img *image.Gray) uint8 {
	var counts [256]float64
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := 0; y < h; y += 2 {
		for _, v := range img.Pix[y*img.Stride : y*img.Stride+w] {
			counts[v]++
		}
	}
	return uint8(max(110, min(otsu(&counts, 160), 200)))
}

// otsu returns the brightness that parts the counted pixels best, usual if none does.
func otsu(counts *[256]float64, usual int) int {
	var all, sum float64
	for v, n := range counts {
		all += n
		sum += float64(v) * n
	}
	best, most := usual, -1.0
	var n, s float64
	for v, c := range counts {
		n += c
		s += float64(v) * c
		if n == 0 || n == all {
			continue
		}
		d := s/n - (sum-s)/(all-n)
		if between := n * (all - n) * d * d; between > most {
			best, most = v+1, between
		}
	}
	return best
}
