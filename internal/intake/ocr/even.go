package ocr

import "image"

// reduced returns a picture that is at most so wide, by the means of its pixels.
func reduced(img *image.Gray, wide int) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if w <= wide+wide/10 {
		out := image.NewGray(image.Rect(0, 0, w, h))
		for y := range h {
			copy(out.Pix[y*out.Stride:y*out.Stride+w], img.Pix[y*img.Stride:])
		}
		return out
	}
	high := max(1, int(float64(h)*float64(wide)/float64(w)+0.5))
	out := image.NewGray(image.Rect(0, 0, wide, high))
	sums, counts := make([]uint32, wide), make([]uint32, wide)
	for y := range high {
		clear(sums)
		clear(counts)
		from, to := y*h/high, max((y+1)*h/high, y*h/high+1)
		for sy := from; sy < min(to, h); sy++ {
			row := img.Pix[sy*img.Stride : sy*img.Stride+w]
			for x := range wide {
				for _, v := range row[x*w/wide : max((x+1)*w/wide, x*w/wide+1)] {
					sums[x] += uint32(v)
					counts[x]++
				}
			}
		}
		for x := range wide {
			out.Pix[y*out.Stride+x] = uint8(sums[x] / max(counts[x], 1))
		}
	}
	return out
}

// even divides a picture by its background, so that paper is white everywhere. The
// background of a cell is the brightness that an eighth of it exceeds; a cell is wider than
// large letters are thick.
func even(img *image.Gray) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	cell := max(8, w/80)
	light, nx, ny := lightOf(img, cell)
	back := make([]float32, len(light))
	for i, v := range light {
		back[i] = float32(v)
	}
	back = smoothed(back, nx, ny)
	line := make([]float32, w)
	at := func(i, n int) (int, int, float32) { // neighbouring cells, and the part of the second
		f := (float32(i)+0.5)/float32(cell) - 0.5
		a := max(0, min(int(f), n-1))
		b := min(a+1, n-1)
		return a, b, max(0, min(f-float32(a), 1))
	}
	for y := range h {
		a, b, t := at(y, ny)
		for x := range w {
			l, r, u := at(x, nx)
			top := back[a*nx+l]*(1-u) + back[a*nx+r]*u
			bottom := back[b*nx+l]*(1-u) + back[b*nx+r]*u
			line[x] = top*(1-t) + bottom*t
		}
		row := img.Pix[y*img.Stride : y*img.Stride+w]
		for x, v := range row {
			row[x] = uint8(min(255, float32(v)*250/line[x]+0.5))
		}
	}
}

// lightOf divides a picture into cells of a width and height, and returns the brightness that an
// eighth of each exceeds, at least 1, row by row, and how many cells there are each way.
func lightOf(img *image.Gray, cell int) (light []uint8, nx, ny int) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	nx, ny = (w+cell-1)/cell, (h+cell-1)/cell
	light = make([]uint8, nx*ny)
	for cy := range ny {
		for cx := range nx {
			var counts [256]int
			n := 0
			for y := cy * cell; y < min((cy+1)*cell, h); y++ {
				for _, v := range img.Pix[y*img.Stride+cx*cell : y*img.Stride+min((cx+1)*cell, w)] {
					counts[v]++
					n++
				}
			}
			light[cy*nx+cx] = uint8(max(1, brightest(&counts, n/8)))
		}
	}
	return light, nx, ny
}

// brightest returns the least value that at most n of the counted pixels exceed.
func brightest(counts *[256]int, n int) int {
	v := 255
	for ; v > 0 && n >= counts[v]; v-- {
		n -= counts[v]
	}
	return v
}

// smoothed returns the means of each cell and those around it.
func smoothed(v []float32, nx, ny int) []float32 {
	out := make([]float32, len(v))
	for y := range ny {
		for x := range nx {
			var sum, n float32
			for dy := max(0, y-1); dy <= min(ny-1, y+1); dy++ {
				for _, o := range v[dy*nx+max(0, x-1) : dy*nx+min(nx, x+2)] {
					sum, n = sum+o, n+1
				}
			}
			out[y*nx+x] = sum / n
		}
	}
	return out
}
