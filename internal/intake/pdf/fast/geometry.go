package fast

import "math"

// rect is a rectangle in a space whose y grows upward.
type rect struct{ left, bottom, right, top float32 }

func (r rect) empty() bool { return !(r.left < r.right && r.bottom < r.top) }

// upright returns the rectangle of two opposite corners.
func upright(v []float32) rect {
	return rect{min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])}
}

// area is 0 for an empty rectangle.
func (r rect) area() float32 { return max(r.right-r.left, 0) * max(r.top-r.bottom, 0) }

func (r rect) intersect(o rect) rect {
	return rect{max(r.left, o.left), max(r.bottom, o.bottom), min(r.right, o.right), min(r.top, o.top)}
}

func (r rect) union(o rect) rect {
	return rect{min(r.left, o.left), min(r.bottom, o.bottom), max(r.right, o.right), max(r.top, o.top)}
}

func (r rect) overlaps(o rect) bool {
	return r.left < o.right && o.left < r.right && r.bottom < o.top && o.bottom < r.top
}

func (r rect) contains(o rect) bool {
	return r.left <= o.left && r.right >= o.right && r.bottom <= o.bottom && r.top >= o.top
}

// matrix is a transformation; see ISO 32000-1, 8.3.3. Products are rounded one by one,
// so that all processors compute the same.
type matrix struct{ a, b, c, d, e, f float32 }

var identity = matrix{a: 1, d: 1}

// then returns the transformation that applies m first and o second.
func (m matrix) then(o matrix) matrix {
	return matrix{
		float32(m.a*o.a) + float32(m.b*o.c), float32(m.a*o.b) + float32(m.b*o.d),
		float32(m.c*o.a) + float32(m.d*o.c), float32(m.c*o.b) + float32(m.d*o.d),
		float32(m.e*o.a) + float32(m.f*o.c) + o.e, float32(m.e*o.b) + float32(m.f*o.d) + o.f,
	}
}

func (m matrix) point(x, y float32) (float32, float32) {
	return float32(m.a*x) + float32(m.c*y) + m.e, float32(m.b*x) + float32(m.d*y) + m.f
}

func (m matrix) rect(r rect) rect {
	if m.b == 0 && m.c == 0 {
		x0, x1 := float32(m.a*r.left)+m.e, float32(m.a*r.right)+m.e
		y0, y1 := float32(m.d*r.bottom)+m.f, float32(m.d*r.top)+m.f
		return rect{min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)}
	}
	x, y := m.point(r.left, r.bottom)
	out := rect{x, y, x, y}
	for _, p := range [...][2]float32{{r.left, r.top}, {r.right, r.bottom}, {r.right, r.top}} {
		x, y := m.point(p[0], p[1])
		out = out.union(rect{x, y, x, y})
	}
	return out
}

// scale is the greater of the lengths of the images of the unit vectors.
func (m matrix) scale() float32 {
	return float32(max(math.Hypot(float64(m.a), float64(m.b)), math.Hypot(float64(m.c), float64(m.d))))
}
