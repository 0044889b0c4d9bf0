package pdf

import (
	"github.com/tetratelabs/wazero/api"

	"tallyman/internal/intake/pdf/fast"
	"tallyman/internal/page"
)

// rules returns rules of a page in the page's own coordinates.
func (f frame) rules(rules []fast.Rule) []page.Box {
	if len(rules) == 0 {
		return nil
	}
	out := make([]page.Box, len(rules))
	for i, r := range rules {
		out[i] = f.rect(rect{left: r.Left, bottom: r.Bottom, right: r.Right, top: r.Top}).Round()
	}
	return out
}

// The bounds of looking for rules on one page: each object and each point takes some
// calls of PDFium.
const (
	maxRuled  = 1 << 14 // objects
	maxTraced = 1 << 15 // points
)

// affine is a matrix as PDFium has it: a, b, c, d, e, f.
type affine [6]float32

func (m affine) then(o affine) affine {
	return affine{
		m[0]*o[0] + m[1]*o[2], m[0]*o[1] + m[1]*o[3],
		m[2]*o[0] + m[3]*o[2], m[2]*o[1] + m[3]*o[3],
		m[4]*o[0] + m[5]*o[2] + o[4], m[4]*o[1] + m[5]*o[3] + o[5],
	}
}

// trace is the search for rules on a page.
type trace struct {
	l               *loaded
	tracer          fast.Tracer
	objects, points int
}

// rules returns the lines and filled boxes of the page. more is true for a page with more
// rules, objects or points than the bounds: it has only the first.
func (l *loaded) rules() (rules []page.Box, more bool) {
	t := trace{l: l}
	t.walk(l.p.look.getObject, l.page, l.p.do(l.p.look.countObjects, uint64(l.page)), 0, affine{1, 0, 0, 1, 0, 0})
	return l.frame.rules(t.tracer.Rules), t.tracer.More
}

// walk examines the objects of the page, or of a form.
func (t *trace) walk(get api.Function, of uint32, count uint64, depth int, at affine) {
	p := t.l.p
	for i := range int(int32(count)) {
		if t.objects++; t.objects > maxRuled || t.points > maxTraced {
			t.tracer.More = true
		}
		if t.tracer.More {
			return
		}
		o := p.do(get, uint64(of), uint64(i))
		kind := p.do(p.look.kind, o)
		if kind != objectPath && (kind != objectForm || depth == maxDepth) {
			continue
		}
		p.do(p.look.matrix, o, uint64(p.scratch))
		var m affine
		for i := range m {
			m[i] = p.float32At(p.scratch + 4*uint32(i))
		}
		m = m.then(at)
		if kind == objectPath {
			t.path(o, m)
			continue
		}
		t.walk(p.look.getInForm, uint32(o), p.do(p.look.countInForm, o), depth+1, m)
	}
}

// path passes a path on to the tracer.
func (t *trace) path(object uint64, m affine) {
	p := t.l.p
	at := uint64(p.scratch)
	p.do(p.look.drawMode, object, at, at+4)
	fillMode, _ := p.mem.ReadUint32Le(p.scratch)
	stroked, _ := p.mem.ReadUint32Le(p.scratch + 4)
	fill, stroke := fillMode != 0, stroked != 0
	if fill {
		luminance, alpha, ok := p.color(p.look.fill, object)
		fill = !ok || alpha != 0 && luminance < 0.97
	}
	if !fill && !stroke {
		return
	}
	p.do(p.look.strokeWidth, object, at)
	width := p.float32At(p.scratch) * max(abs(m[0])+abs(m[1]), abs(m[2])+abs(m[3]))
	kinds := [...]fast.PointKind{fast.LineTo, fast.CurveTo, fast.MoveTo} // FPDF_SEGMENT_LINETO, _BEZIERTO, _MOVETO
	var start fast.Point
	for i := range int(int32(p.do(p.look.pathSegments, object))) {
		if t.points++; t.points > maxTraced {
			break
		}
		segment := p.do(p.look.pathSegment, object, uint64(i))
		kind := p.do(p.look.segmentKind, segment)
		p.do(p.look.point, segment, at, at+4)
		x, y := p.float32At(p.scratch), p.float32At(p.scratch+4)
		point := fast.Point{X: m[0]*x + m[2]*y + m[4], Y: m[1]*x + m[3]*y + m[5]}
		k := fast.CurveTo
		if kind < uint64(len(kinds)) {
			k = kinds[kind]
		}
		if k == fast.MoveTo {
			start = point
		}
		t.tracer.Point(point, k)
		if closes := p.do(p.look.segmentClosed, segment); uint32(closes) != 0 && point != start {
			t.tracer.Point(start, fast.LineTo)
		}
	}
	b := t.l.frame.box
	t.tracer.Paint(fill, stroke, false, width, fast.Rule{Left: b.left, Bottom: b.bottom, Right: b.right, Top: b.top})
}
