package fast

import "tallyman/internal/page"

// Rule is a ruling line or a filled box that is painted on a page, in user space. It is a
// line if it is at most MaxThickness wide or high.
type Rule struct{ Left, Bottom, Right, Top float32 }

// MaxThickness is the greatest thickness of a line, in points. Programs paint lines as
// strokes, as thin rectangles and as degenerate curves; all are the same on paper.
const MaxThickness = 4

// The shortest line and the least area of a box that a table may have, in points and square
// points.
const (
	leastLine  = 4
	leastBox   = 60
	straightBy = 0.6 // how far the ends of a level line may lie apart, in points
	// A longer line may lie at up to some five degrees to the page.
	mostSlant    = 0.1
	leastSlanted = 20
)

// Point is a point of a path in user space.
type Point struct{ X, Y float32 }

// PointKind says how a path gets to a point.
type PointKind byte

// The kinds of points.
const (
	MoveTo PointKind = iota
	LineTo
	CurveTo // one of the points of a curve
)

// Tracer collects the rules of the paths of a page.
type Tracer struct {
	Rules []Rule // at most page.MaxRules
	// More is true if the page has more rules than that, or a path of more points than are
	// examined.
	More   bool
	points []Point // of the present path
	kinds  []PointKind
}

// Point adds a point to the path.
func (t *Tracer) Point(p Point, k PointKind) {
	if len(t.points) == maxTraced {
		t.More = true
		return
	}
	t.points, t.kinds = append(t.points, p), append(t.kinds, k)
}

// maxTraced bounds the points of one path. A longer one is a drawing.
const maxTraced = 1 << 14

// Drop forgets the path.
func (t *Tracer) Drop() { t.points, t.kinds = t.points[:0], t.kinds[:0] }

// Paint ends the path, which is filled or stroked, or both, with lines of the given width
// in points, and shows only within a box.
func (t *Tracer) Paint(fill, stroke, closed bool, width float32, within Rule) {
	defer t.Drop()
	for from := 0; from < len(t.points) && !t.More; {
		to := from + 1
		for to < len(t.points) && t.kinds[to] != MoveTo {
			to++
		}
		t.subpath(t.points[from:to], t.kinds[from:to], fill, stroke, closed, width, within)
		from = to
	}
}

func (t *Tracer) subpath(points []Point, kinds []PointKind, fill, stroke, closed bool, width float32, within Rule) {
	if fill {
		b := Rule{points[0].X, points[0].Y, points[0].X, points[0].Y}
		level := true
		for i, p := range points {
			if i > 0 && abs(p.X-points[i-1].X) > straightBy && abs(p.Y-points[i-1].Y) > straightBy {
				level = false
			}
			b = Rule{min(b.Left, p.X), min(b.Bottom, p.Y), max(b.Right, p.X), max(b.Top, p.Y)}
		}
		if w, h := b.Right-b.Left, b.Top-b.Bottom; level || min(w, h) <= MaxThickness {
			t.add(b, within)
		} else if len(points) == 4 || len(points) == 5 && points[4] == points[0] {
			for i := range 4 {
				t.slanted(points[i], points[(i+1)%4], 0, within)
			}
		}
	}
	if !stroke {
		return
	}
	half := min(width, MaxThickness) / 2
	line := func(a, b Point) {
		if t.slanted(a, b, half, within) {
			return
		}
		switch {
		case abs(a.X-b.X) <= straightBy && abs(a.Y-b.Y) >= leastLine:
			x := (a.X + b.X) / 2
			t.add(Rule{x - half, min(a.Y, b.Y), x + half, max(a.Y, b.Y)}, within)
		case abs(a.Y-b.Y) <= straightBy && abs(a.X-b.X) >= leastLine:
			y := (a.Y + b.Y) / 2
			t.add(Rule{min(a.X, b.X), y - half, max(a.X, b.X), y + half}, within)
		}
	}
	for i := 1; i < len(points); i++ {
		if kinds[i] != CurveTo {
			line(points[i-1], points[i])
			continue
		}
		// Three points of a curve that all lie on one line draw that line.
		if i+2 < len(points) && kinds[i+2] == CurveTo {
			a, b := points[i-1], points[i+2]
			flat := func(v func(Point) float32) bool {
				return abs(v(points[i])-v(a)) <= straightBy && abs(v(points[i+1])-v(a)) <= straightBy && abs(v(b)-v(a)) <= straightBy
			}
			if flat(func(p Point) float32 { return p.X }) || flat(func(p Point) float32 { return p.Y }) {
				line(a, b)
			}
			i += 2
		}
	}
	if closed && len(points) > 2 {
		line(points[len(points)-1], points[0])
	}
}

// slanted adds a line of a page that is turned a little, and reports whether it is one: in
// pieces, each of which is level or upright within straightBy, as a rule has to be.
func (t *Tracer) slanted(a, b Point, half float32, within Rule) bool {
	w, h := abs(a.X-b.X), abs(a.Y-b.Y)
	long, across := max(w, h), min(w, h)
	if across <= straightBy || across > mostSlant*long || long < leastSlanted {
		return false
	}
	n := int(across/straightBy) + 1
	for i := range n {
		from, to := float32(i)/float32(n), float32(i+1)/float32(n)
		x0, x1 := a.X+(b.X-a.X)*from, a.X+(b.X-a.X)*to
		y0, y1 := a.Y+(b.Y-a.Y)*from, a.Y+(b.Y-a.Y)*to
		if w > h {
			y := (y0 + y1) / 2
			t.add(Rule{min(x0, x1), y - half, max(x0, x1), y + half}, within)
		} else {
			x := (x0 + x1) / 2
			t.add(Rule{x - half, min(y0, y1), x + half, max(y0, y1)}, within)
		}
	}
	return true
}

// add adds the part of a rule that shows.
func (t *Tracer) add(r, within Rule) {
	r = Rule{max(r.Left, within.Left), max(r.Bottom, within.Bottom), min(r.Right, within.Right), min(r.Top, within.Top)}
	w, h := r.Right-r.Left, r.Top-r.Bottom
	if !(w >= 0 && h >= 0) || max(w, h) < leastLine || min(w, h) > MaxThickness && w*h < leastBox {
		return
	}
	if len(t.Rules) == page.MaxRules {
		t.More = true
		return
	}
	t.Rules = append(t.Rules, r)
}
