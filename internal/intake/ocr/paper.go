package ocr

import (
	"image"
	"math"
	"slices"
)

// point is a place in a picture, in pixels.
type point struct{ x, y float64 }

// Flattened returns the sheet of paper that a photo shows, as if it had been taken from
// straight above; the picture itself if it has no paper with edges within it.
func Flattened(img *image.Gray) *image.Gray { return flattened(img, Wide) }

// flattened is Flattened for a paper whose longer horizontal edge becomes so wide.
func flattened(img *image.Gray, wide float64) *image.Gray {
	q, ok := paper(img)
	if !ok {
		return img
	}
	top, bottom := dist(q[0], q[1]), dist(q[3], q[2])
	left, right := dist(q[0], q[3]), dist(q[1], q[2])
	w, h := (top+bottom)/2, (left+right)/2
	// Known sizes of paper have known proportions; perspective hides them.
	for _, p := range []float64{11 / 8.5, 8.5 / 11, math.Sqrt2, math.Sqrt2 / 2} {
		if math.Abs(h/w/p-1) < 0.07 {
			h = w * p
			break
		}
	}
	f := wide / max(top, bottom)
	if f >= 1 {
		f = max(top, bottom) / w
	}
	w, h = w*f, h*f
	return projected(img, q, int(w+0.5), int(h+0.5))
}

func dist(a, b point) float64 { return math.Hypot(a.x-b.x, a.y-b.y) }

// paper finds the four corners of the paper, from its top left clockwise.
func paper(img *image.Gray) (q [4]point, ok bool) {
	const wide = 480
	small := reduced(img, wide)
	w, h := small.Rect.Dx(), small.Rect.Dy()
	k := float64(img.Rect.Dx()) / float64(w)
	level := split(small)
	light := make([]bool, w*h)
	for y := range h {
		for x := range w {
			light[y*w+x] = small.Pix[y*small.Stride+x] >= level
		}
	}
	blob, area := largest(light, w, h)
	if area*3 < w*h || area*100 > w*h*97 {
		return q, false
	}
	// The first and last light pixels of rows and columns lie on the edges.
	corner := func(score func(x, y float64) float64) (best point) {
		most := math.Inf(-1)
		for i, is := range blob {
			if is {
				x, y := float64(i%w), float64(i/w)
				if s := score(x, y); s > most {
					most, best = s, point{x, y}
				}
			}
		}
		return best
	}
	c := [4]point{
		corner(func(x, y float64) float64 { return -x - y }), corner(func(x, y float64) float64 { return x - y }),
		corner(func(x, y float64) float64 { return x + y }), corner(func(x, y float64) float64 { return y - x }),
	}
	if inside := polygon(c); inside < 0.3*float64(w*h) || float64(area) < 0.8*inside {
		return q, false
	}
	var edges [4][2]point // a point and a direction
	within := 0
	for i := range 4 {
		a, b := c[i], c[(i+1)%4]
		var pts []point
		var steps []int // in brightness, from outside inward
		flat := math.Abs(b.x-a.x) > math.Abs(b.y-a.y)
		border := 0
		for s := 0.08; s < 0.92; s += 1.0 / 128 {
			x, y := a.x+(b.x-a.x)*s, a.y+(b.y-a.y)*s
			// Across the edge, from outside inward.
			p, found := point{}, false
			for d := -14; d <= 14; d++ {
				in := float64(d)
				if i == 1 || i == 2 && flat {
					in = -in
				}
				px, py := x, y
				if flat {
					py += in
				} else {
					px += in
				}
				ix, iy := int(px+0.5), int(py+0.5)
				if ix < 0 || iy < 0 || ix >= w || iy >= h {
					continue
				}
				if blob[iy*w+ix] {
					p, found = point{px, py}, true
					if ix <= 1 || iy <= 1 || ix >= w-2 || iy >= h-2 {
						border++
					}
					break
				}
			}
			if found {
				pts = append(pts, p)
				steps = append(steps, step(small, p, i))
			}
		}
		if len(pts) < 40 {
			return q, false
		}
		if border*2 < len(pts) {
			if slices.Sort(steps); steps[len(steps)/2] < leastStep {
				return q, false // a shadow ends there, and not the paper
			}
			within++
		}
		edges[i] = fitted(pts, flat)
	}
	if within == 0 {
		return q, false // the picture ends where the paper does
	}
	for i := range 4 {
		p, meet := crossing(edges[(i+3)%4], edges[i])
		if !meet || dist(p, c[i]) > 40 {
			return q, false
		}
		q[i] = point{(p.x + 0.5) * k, (p.y + 0.5) * k}
	}
	return q, true
}

// leastStep is how much brighter paper is than what it lies on. A shadow over a page grows by a
// level or two in as many pixels.
const leastStep = 12

// step is how much brighter a picture is a little inside of a point of an edge than outside. Edges
// are the top, the right, the bottom and the left one.
func step(img *image.Gray, p point, edge int) int {
	const far = 4
	dx, dy := [4]int{0, -far, 0, far}[edge], [4]int{far, 0, -far, 0}[edge]
	at := func(x, y int) int { // no pixel is as its nearest one
		return int(img.GrayAt(min(max(x, 0), img.Rect.Dx()-1), min(max(y, 0), img.Rect.Dy()-1)).Y)
	}
	x, y := int(p.x+0.5), int(p.y+0.5)
	return at(x+dx, y+dy) - at(x-dx, y-dy)
}

// split returns the brightness that parts paper from what it lies on (Otsu).
func split(img *image.Gray) uint8 {
	var counts [256]float64
	for _, v := range img.Pix {
		counts[v]++
	}
	return uint8(min(otsu(&counts, 128), 255))
}

// largest returns the largest connected light part.
func largest(light []bool, w, h int) (blob []bool, area int) {
	seen := make([]bool, len(light))
	var stack, best []int
	for start := range light {
		if !light[start] || seen[start] {
			continue
		}
		var part []int
		stack = append(stack[:0], start)
		seen[start] = true
		for len(stack) > 0 {
			i := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			part = append(part, i)
			x, y := i%w, i/w
			for _, j := range [4]int{i - 1, i + 1, i - w, i + w} {
				if j < 0 || j >= len(light) || j == i-1 && x == 0 || j == i+1 && x == w-1 || j == i-w && y == 0 || j == i+w && y == h-1 {
					continue
				}
				if light[j] && !seen[j] {
					seen[j] = true
					stack = append(stack, j)
				}
			}
		}
		if len(part) > len(best) {
			best = part
		}
	}
	blob = make([]bool, len(light))
	for _, i := range best {
		blob[i] = true
	}
	return blob, len(best)
}

// polygon returns the area of a polygon.
func polygon(c [4]point) float64 {
	sum := 0.0
	for i := range c {
		a, b := c[i], c[(i+1)%4]
		sum += a.x*b.y - b.x*a.y
	}
	return math.Abs(sum) / 2
}

// fitted returns a line through most of some points, as a point and a direction.
func fitted(pts []point, flat bool) [2]point {
	get := func(p point) (float64, float64) {
		if flat {
			return p.x, p.y
		}
		return p.y, p.x
	}
	a, b := 0.0, 0.0
	keep := slices.Clone(pts)
	for range 4 {
		var n, sx, sy, sxx, sxy float64
		for _, p := range keep {
			x, y := get(p)
			n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		}
		d := n*sxx - sx*sx
		if d == 0 {
			break
		}
		a = (n*sxy - sx*sy) / d
		b = (sy - a*sx) / n
		var offs []float64
		for _, p := range pts {
			x, y := get(p)
			offs = append(offs, math.Abs(y-a*x-b))
		}
		sorted := slices.Sorted(slices.Values(offs))
		most := max(0.6, 2*sorted[len(sorted)/2])
		keep = keep[:0]
		for i, p := range pts {
			if offs[i] <= most {
				keep = append(keep, p)
			}
		}
	}
	if flat {
		return [2]point{{0, b}, {1, a}}
	}
	return [2]point{{b, 0}, {a, 1}}
}

// crossing returns where two lines meet.
func crossing(l, m [2]point) (point, bool) {
	d := l[1].x*m[1].y - l[1].y*m[1].x
	if math.Abs(d) < 1e-6 {
		return point{}, false
	}
	t := ((m[0].x-l[0].x)*m[1].y - (m[0].y-l[0].y)*m[1].x) / d
	return point{l[0].x + t*l[1].x, l[0].y + t*l[1].y}, true
}

// projected returns what is between four corners, as a rectangle.
func projected(img *image.Gray, q [4]point, w, h int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	// The projection of the unit square to the corners (Heckbert).
	dx1, dx2, dx3 := q[1].x-q[2].x, q[3].x-q[2].x, q[0].x-q[1].x+q[2].x-q[3].x
	dy1, dy2, dy3 := q[1].y-q[2].y, q[3].y-q[2].y, q[0].y-q[1].y+q[2].y-q[3].y
	den := dx1*dy2 - dx2*dy1
	g := (dx3*dy2 - dx2*dy3) / den
	i := (dx1*dy3 - dx3*dy1) / den
	a, b, c := q[1].x-q[0].x+g*q[1].x, q[3].x-q[0].x+i*q[3].x, q[0].x
	d, e, f := q[1].y-q[0].y+g*q[1].y, q[3].y-q[0].y+i*q[3].y, q[0].y
	sw, sh := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		v := (float64(y) + 0.5) / float64(h)
		row := out.Pix[y*out.Stride : y*out.Stride+w]
		for x := range row {
			u := (float64(x) + 0.5) / float64(w)
			z := g*u + i*v + 1
			px, py := (a*u+b*v+c)/z-0.5, (d*u+e*v+f)/z-0.5
			ix, iy := int(px), int(py)
			if ix < 0 || iy < 0 || ix >= sw-1 || iy >= sh-1 {
				ix, iy = max(0, min(ix, sw-1)), max(0, min(iy, sh-1))
				row[x] = img.Pix[iy*img.Stride+ix]
				continue
			}
			s, t := int((px-float64(ix))*256), int((py-float64(iy))*256)
			p := img.Pix[iy*img.Stride+ix:]
			n := p[img.Stride:]
			row[x] = uint8((int(p[0])*(256-s)*(256-t) + int(p[1])*s*(256-t) + int(n[0])*(256-s)*t + int(n[1])*s*t + 1<<15) >> 16)
		}
	}
	return out
}
