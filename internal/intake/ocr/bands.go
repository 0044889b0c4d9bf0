package ocr

import (
	"image"
	"slices"
)

// Bands, in points: those that are lower hold no letters, and higher ones are pictures.
const (
	lowestBand  = 7
	highestBand = 60
	leastBand   = 20 // how wide one is at least
)

// bandCells is how many cells the search for bands divides the width of a page into: a cell is
// lower than the lines of text in a band, and wider than their strokes.
const bandCells = 160

// shades are the cells of a picture that is searched for bands.
type shades struct {
	img    *image.Gray
	cell   int // the width and height of a cell, in pixels
	nx, ny int
	paper  []uint8 // how bright the paper is that a cell is part of
	dark   []bool  // most of a cell is much darker than that
}

// lighten finds bands that are darker than the paper, as the heads of tables are, and paints each as
// paper, with dark letters if there are any.
func lighten(img *image.Gray) {
	s := shadesOf(img)
	seen := make([]bool, len(s.dark))
	for i := range s.dark {
		if s.dark[i] && !seen[i] {
			if b := s.band(i, seen); b != nil {
				b.lighten()
			}
		}
	}
}

func shadesOf(img *image.Gray) *shades {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	s := &shades{img: img, cell: max(4, w/bandCells)}
	var light []uint8
	light, s.nx, s.ny = lightOf(img, s.cell)
	// What is darker than the paper above and below it is a band or ink; light that falls off
	// towards a side of the page is not changed by this.
	reach := int(highestBand*float32(w)/612)/s.cell/2 + 1
	s.paper = s.rows(s.rows(light, reach, func(a, b uint8) uint8 { return max(a, b) }), reach, func(a, b uint8) uint8 { return min(a, b) })
	s.dark = make([]bool, s.nx*s.ny)
	for cy := range s.ny {
		for cx := range s.nx {
			n, dark := 0, 0
			for y := cy * s.cell; y < min((cy+1)*s.cell, h); y++ {
				for x := cx * s.cell; x < min((cx+1)*s.cell, w); x++ {
					n++
					if s.darkAt(x, y) {
						dark++
					}
				}
			}
			s.dark[cy*s.nx+cx] = dark*2 >= n
		}
	}
	return s
}

// rows joins each cell by of with those above and below it within reach.
func (s *shades) rows(v []uint8, reach int, of func(a, b uint8) uint8) []uint8 {
	out := slices.Clone(v)
	for cy := range s.ny {
		for y := max(0, cy-reach); y <= min(s.ny-1, cy+reach); y++ {
			for cx := range s.nx {
				out[cy*s.nx+cx] = of(out[cy*s.nx+cx], v[y*s.nx+cx])
			}
		}
	}
	return out
}

func (s *shades) paperAt(x, y int) int { return int(s.paper[y/s.cell*s.nx+x/s.cell]) }

// darkAt reports whether a pixel is too dark for paper, or for light letters in a band.
func (s *shades) darkAt(x, y int) bool {
	return int(s.img.Pix[y*s.img.Stride+x])*100 < s.paperAt(x, y)*72
}

// band is a band of a picture, in strips that are a cell wide.
type band struct {
	*shades
	x0, x1      int   // its edges
	first       int   // the first of the strips, by its number on the page
	top, bottom []int // of each strip
	shade       []int // how bright the band is in each strip
	lighter     bool  // its letters are lighter than the band
}

// band returns the band that a dark cell is part of, nil if the dark cells that are joined to it
// are none. It marks these as seen.
func (s *shades) band(from int, seen []bool) *band {
	point := float32(s.img.Rect.Dx()) / 612
	tops, bottoms := map[int]int{}, map[int]int{}
	stack := []int{from}
	seen[from] = true
	left, right := s.nx, 0
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		x, y := at%s.nx, at/s.nx
		if t, ok := tops[x]; !ok || y < t {
			tops[x] = y
		}
		bottoms[x] = max(bottoms[x], y)
		left, right = min(left, x), max(right, x)
		for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
			nx, ny := x+d[0], y+d[1]
			if nx >= 0 && nx < s.nx && ny >= 0 && ny < s.ny && s.dark[ny*s.nx+nx] && !seen[ny*s.nx+nx] {
				seen[ny*s.nx+nx] = true
				stack = append(stack, ny*s.nx+nx)
			}
		}
	}
	if float32((right-left+1)*s.cell) < leastBand*point {
		return nil
	}
	b := &band{shades: s, first: left}
	for cx := left; cx <= right; cx++ {
		// Letters may hide where the band begins; it does so where it does beside them.
		top, bottom := s.ny, -1
		for x := max(left, cx-2); x <= min(right, cx+2); x++ {
			top, bottom = min(top, tops[x]), max(bottom, bottoms[x])
		}
		y0, y1 := b.edges(cx, top*s.cell, min((bottom+1)*s.cell, s.img.Rect.Dy()))
		b.top, b.bottom = append(b.top, y0), append(b.bottom, y1)
	}
	b.top, b.bottom = steady(b.top), steady(b.bottom)
	b.trim()
	high := b.heights()
	if m := float32(median(high)); m < lowestBand*point || m > highestBand*point {
		return nil
	}
	b.x0, b.x1 = b.ends(left*s.cell, -1), b.ends(min((right+1)*s.cell, s.img.Rect.Dx())-1, 1)+1
	if !b.solid() {
		return nil
	}
	b.findShade()
	return b
}

// edges returns where a band begins and ends in a strip, of which a part is within it.
func (b *band) edges(cx, from, to int) (top, bottom int) {
	x0, x1 := cx*b.cell, min((cx+1)*b.cell, b.img.Rect.Dx())
	full := func(y int) bool {
		n := 0
		for x := x0; x < x1; x++ {
			if b.darkAt(x, y) {
				n++
			}
		}
		return n*2 >= x1-x0
	}
	top = edge(from, to, -1, b.img.Rect.Dy(), full)
	return top, edge(to-1, top-1, 1, b.img.Rect.Dy(), full) + 1
}

// edge returns the last of the lines or columns of pixels in a direction that is full, near that
// at a place: it lies further back, up to an end, or further on, up to the edge of the picture.
func edge(at, end, way, size int, full func(int) bool) int {
	from := at
	for at != end && !full(at) {
		at -= way
	}
	for at == from && at+way >= 0 && at+way < size && full(at+way) {
		from += way
		at = from
	}
	return at
}

// steady returns the median of each value and the two on both sides of it.
func steady(v []int) []int {
	out := make([]int, len(v))
	for i := range v {
		out[i] = median(slices.Clone(v[max(0, i-2):min(len(v), i+3)]))
	}
	return out
}

// heights returns how high the band is in each strip.
func (b *band) heights() []int {
	out := make([]int, len(b.top))
	for i := range out {
		out[i] = b.bottom[i] - b.top[i]
	}
	return out
}

// trim gives strips that are higher than most the edges of those beside them: heavy letters above
// or below a band may be dark enough to be joined to it.
func (b *band) trim() {
	high := b.heights()
	sorted := slices.Sorted(slices.Values(high))
	most := sorted[len(sorted)*3/10]*9/8 + 2
	sound := func(i int) bool {
		// The edges of a strip are looked for in those beside it, too.
		return slices.Max(high[max(0, i-3):min(len(high), i+4)]) <= most
	}
	var good []int
	for i := range high {
		if sound(i) {
			good = append(good, i)
		}
	}
	for i := range high {
		if sound(i) || len(good) == 0 {
			continue
		}
		// Between two others, or, at an end of the band, on the line through two of them.
		at, _ := slices.BinarySearch(good, i)
		left, right := at-1, at
		switch {
		case left < 0:
			left, right = 0, min(len(good)-1, 20)
		case right == len(good):
			left, right = max(0, left-20), left
		}
		l, r := good[left], good[right]
		for _, edge := range [2][]int{b.top, b.bottom} {
			edge[i] = edge[l]
			if r > l {
				edge[i] += (edge[r] - edge[l]) * (i - l) / (r - l)
			}
		}
	}
}

// strip returns the strip of a band in which a column of pixels is.
func (b *band) strip(x int) int { return min(max(x/b.cell-b.first, 0), len(b.top)-1) }

// ends returns the last column of pixels of a band in a direction, near that at x.
func (b *band) ends(x, way int) int {
	full := func(x int) bool {
		i := b.strip(x)
		n := 0
		for y := b.top[i]; y < b.bottom[i]; y++ {
			if b.darkAt(x, y) {
				n++
			}
		}
		return n*2 >= b.bottom[i]-b.top[i]
	}
	return edge(x, x-way*b.cell, way, b.img.Rect.Dx(), full)
}

// solid reports whether the edges of a band are straight, and dark all along: those of a row
// of heavy letters, of a bar code or of a picture are not.
func (b *band) solid() bool {
	straight := 0
	for i := 1; i < len(b.top); i++ {
		if max(b.top[i]-b.top[i-1], b.top[i-1]-b.top[i]) <= 3 && max(b.bottom[i]-b.bottom[i-1], b.bottom[i-1]-b.bottom[i]) <= 3 {
			straight++
		}
	}
	n, dark := 0, 0
	for x := b.x0; x < b.x1; x++ {
		i := b.strip(x)
		for _, y := range [4]int{b.top[i] + 1, b.top[i] + 2, b.bottom[i] - 2, b.bottom[i] - 3} {
			if y < 0 || y >= b.img.Rect.Dy() {
				continue
			}
			n++
			if b.darkAt(x, y) {
				dark++
			}
		}
	}
	return straight*10 >= 9*(len(b.top)-1) && n > 0 && dark*100 >= 92*n
}

// findShade finds how bright the band is in each strip, and whether its letters are lighter.
func (b *band) findShade() {
	var all, lighter, darker int
	for i := range b.top {
		var counts [256]int
		n := 0
		// The strips beside it are as bright, and have other letters.
		for j := max(0, i-4); j <= min(len(b.top)-1, i+4); j++ {
			x0 := (b.first + j) * b.cell
			for y := b.top[j]; y < b.bottom[j]; y++ {
				for x := max(b.x0, x0); x < min(b.x1, x0+b.cell); x++ {
					counts[b.img.Pix[y*b.img.Stride+x]]++
					n++
				}
			}
		}
		shade := brightest(&counts, n/2)
		b.shade = append(b.shade, shade)
		x0 := (b.first + i) * b.cell
		for y := b.top[i]; y < b.bottom[i]; y++ {
			for x := max(b.x0, x0); x < min(b.x1, x0+b.cell); x++ {
				all++
				switch v := int(b.img.Pix[y*b.img.Stride+x]); {
				case (v-shade)*5 > (b.paperAt(x, y)-shade)*2:
					lighter++
				case (shade-v)*5 > b.paperAt(x, y):
					darker++
				}
			}
		}
	}
	if few := all / 300; lighter > few || darker > few {
		b.lighter = lighter > darker
		return
	}
	// Without letters it is all the same, but for dirt: dark on a light band, light on a dark one.
	b.lighter = b.shade[len(b.shade)/2]*2 < b.paperAt(b.x0, b.top[0])
}

// lighten paints letters dark, and the band like the paper around it.
func (b *band) lighten() {
	const edge = 2 // pixels, which are partly of the band
	for x := max(0, b.x0-edge); x < min(b.img.Rect.Dx(), b.x1+edge); x++ {
		i := b.strip(x)
		for y := max(0, b.top[i]-edge); y < min(b.img.Rect.Dy(), b.bottom[i]+edge); y++ {
			at := y*b.img.Stride + x
			paper := b.paperAt(x, y)
			if x < b.x0+edge || x >= b.x1-edge || y < b.top[i]+edge || y >= b.bottom[i]-edge {
				b.img.Pix[at] = uint8(paper)
				continue
			}
			v := int(b.img.Pix[at]) * paper / max(1, b.shade[i])
			if b.lighter {
				v = paper - (int(b.img.Pix[at])-b.shade[i])*paper/max(1, paper-b.shade[i])
			}
			b.img.Pix[at] = uint8(min(max(v, 0), paper))
		}
	}
}
