package pdf

import (
	"fmt"
	"math"

	"github.com/tetratelabs/wazero/api"

	"tallyman/internal/page"
	"tallyman/internal/text"
)

// The text that counts is the text that a person sees on the page. Nearly all text is
// plainly visible: dark, opaque, and not covered. Where the page's objects leave a
// doubt, the picture decides: the page is rendered with and without the text in doubt,
// and a character that does not change the picture is not visible. So whatever hides
// text (a layer, a clip, a mask, a cover, its color), the renderer decides, as it does
// for the picture that people see.

// The bounds of the check of one page. A page beyond them gets a note that it was not
// checked.
const (
	maxObjects = 1 << 17
	maxDepth   = 12      // of nested forms, the same as PDFium's
	maxPairs   = 1 << 22 // pairs of a text and an area that are compared
	maxGroups  = 6       // renderings besides the first
	maxMarks   = 64      // marks of one object that are examined
	maxPoints  = 64      // points of a clip path that are examined
	maxCheck   = 4 << 20 // pixels of a rendering
)

// Differences of a color's channels between two renderings, of 255. Below the first
// nobody sees a character, from the second on everybody does.
const (
	unseenBelow = 12
	seenFrom    = 40
)

// PDFium's kinds of page objects.
const (
	objectText    = 1
	objectPath    = 2
	objectImage   = 3
	objectShading = 4
	objectForm    = 5
)

// painted is a text object of a page.
type painted struct {
	handle uint32
	z      int  // its number in the order of painting
	core   rect // the middle of its bounds; zero for objects in forms
	doubt  bool
	hidden bool
	blank  bool // it paints nothing inside the visible box
}

// area is an object that can cover earlier text, or hide dark text painted on it.
type area struct {
	z      int
	handle uint64 // 0 for a form, which may have text
	box    rect
	dark   bool
}

// survey has everything that the page paints.
type survey struct {
	l       *loaded
	texts   []painted
	areas   []area
	objects int
	picture float32 // the area of the pictures, in square points
	excess  bool    // a bound was exceeded
}

// looker has PDFium's functions that examine a page's objects.
type looker struct {
	countObjects, getObject, countInForm, getInForm           api.Function
	kind, bounds, fill, strokeWidth, matrix, drawMode         api.Function
	renderMode, clip, clipPaths, clipSegments, clipSegment    api.Function
	point, countMarks, mark, markName, transparent, setActive api.Function
	pathSegments, pathSegment, segmentKind, segmentClosed     api.Function
}

func (k *looker) names() map[string]*api.Function {
	return map[string]*api.Function{
		"FPDFPage_CountObjects":          &k.countObjects,
		"FPDFPage_GetObject":             &k.getObject,
		"FPDFFormObj_CountObjects":       &k.countInForm,
		"FPDFFormObj_GetObject":          &k.getInForm,
		"FPDFPageObj_GetType":            &k.kind,
		"FPDFPageObj_GetBounds":          &k.bounds,
		"FPDFPageObj_GetFillColor":       &k.fill,
		"FPDFPageObj_GetStrokeWidth":     &k.strokeWidth,
		"FPDFPageObj_GetMatrix":          &k.matrix,
		"FPDFPath_GetDrawMode":           &k.drawMode,
		"FPDFTextObj_GetTextRenderMode":  &k.renderMode,
		"FPDFPageObj_GetClipPath":        &k.clip,
		"FPDFClipPath_CountPaths":        &k.clipPaths,
		"FPDFClipPath_CountPathSegments": &k.clipSegments,
		"FPDFClipPath_GetPathSegment":    &k.clipSegment,
		"FPDFPathSegment_GetPoint":       &k.point,
		"FPDFPageObj_CountMarks":         &k.countMarks,
		"FPDFPageObj_GetMark":            &k.mark,
		"FPDFPageObjMark_GetName":        &k.markName,
		"FPDFPageObj_HasTransparency":    &k.transparent,
		"FPDFPageObj_SetIsActive":        &k.setActive,
		"FPDFPath_CountSegments":         &k.pathSegments,
		"FPDFPath_GetPathSegment":        &k.pathSegment,
		"FPDFPathSegment_GetType":        &k.segmentKind,
		"FPDFPathSegment_GetClose":       &k.segmentClosed,
	}
}

// survey examines all objects of the page.
func (l *loaded) survey() *survey {
	s := &survey{l: l}
	s.walk(l.p.look.getObject, l.page, l.p.do(l.p.look.countObjects, uint64(l.page)), 0)
	if len(s.texts)*len(s.areas) > maxPairs {
		// The picture decides about all texts.
		for i := range s.texts {
			s.texts[i].doubt = true
		}
		return s
	}
	for i := range s.texts {
		t := &s.texts[i]
		if t.blank {
			t.doubt = false
		}
		for j := 0; j < len(s.areas) && !t.doubt && !t.hidden && !t.blank; j++ {
			a := &s.areas[j]
			t.doubt = (a.dark || a.z > t.z) && a.box.overlaps(t.core)
		}
	}
	return s
}

// overlaps reports whether the rectangles have an area in common.
func (r rect) overlaps(o rect) bool {
	return r.left < o.right && o.left < r.right && r.bottom < o.top && o.bottom < r.top
}

// walk examines the objects of the page, or of a form, in the order of painting. It
// reports whether one has an area, and whether one is dark. Pictures count as light:
// text on a picture is meant to be seen.
func (s *survey) walk(get api.Function, of uint32, count uint64, depth int) (covers, dark bool) {
	p := s.l.p
	for i := range int(int32(count)) {
		if s.objects++; s.objects > maxObjects {
			s.excess = true
			return true, true
		}
		o := p.do(get, uint64(of), uint64(i))
		switch kind := p.do(p.look.kind, o); kind {
		case objectText:
			t := painted{handle: uint32(o), z: s.objects}
			s.text(&t, depth > 0)
			s.texts = append(s.texts, t)
			continue
		case objectForm:
			z := s.objects
			inner := p.do(p.look.countInForm, o)
			if depth == maxDepth {
				s.excess = true
				return true, true
			}
			pictures := s.picture
			filled, black := s.walk(p.look.getInForm, uint32(o), inner, depth+1)
			if !filled {
				continue
			}
			covers, dark = true, dark || black
			if depth == 0 {
				hasPicture := s.picture > pictures
				s.picture = pictures
				s.area(0, o, z, black, hasPicture)
			}
		case objectPath:
			fills, black := s.fills(o)
			if !fills {
				continue
			}
			covers, dark = true, dark || black
			if depth == 0 {
				s.area(o, o, s.objects, black, false)
			}
		default:
			covers = true
			if depth > 0 {
				if kind == objectImage {
					s.picture++ // its place is that of the outermost form
				}
				continue
			}
			s.area(o, o, s.objects, false, kind == objectImage)
		}
	}
	return covers, dark
}

// area adds an object that has an area.
func (s *survey) area(handle, object uint64, z int, dark, picture bool) {
	box, ok := s.l.p.boundsOf(object)
	if !ok || !box.overlaps(s.l.frame.box) {
		return
	}
	if picture {
		v := s.l.frame.box
		w := min(box.right, v.right) - max(box.left, v.left)
		h := min(box.top, v.top) - max(box.bottom, v.bottom)
		s.picture += max(w, 0) * max(h, 0)
	}
	s.areas = append(s.areas, area{z: z, handle: handle, box: box, dark: dark})
}

// boundsOf returns the bounds of an object; ok is false if there are none.
func (p *pdfium) boundsOf(object uint64) (r rect, ok bool) {
	at := uint64(p.scratch)
	got := p.do(p.look.bounds, object, at, at+4, at+8, at+12)
	b := rect{left: p.float32At(p.scratch), bottom: p.float32At(p.scratch + 4),
		right: p.float32At(p.scratch + 8), top: p.float32At(p.scratch + 12)}
	return b, got != 0 && b.left <= b.right && b.bottom <= b.top
}

// color reads a color with one of PDFium's two functions for that. ok is false if it is
// not a plain color.
func (p *pdfium) color(get api.Function, object uint64) (luminance float32, alpha byte, ok bool) {
	at := uint64(p.scratch)
	got := p.do(get, object, at, at+4, at+8, at+12)
	b, there := p.mem.Read(p.scratch, 16)
	if got == 0 || !there {
		return 0, 0, false
	}
	luminance = (0.3*float32(b[0]) + 0.6*float32(b[4]) + 0.1*float32(b[8])) / 255
	return luminance, b[12], true
}

// Text of at most the first brightness is visible on areas of at least the second.
const (
	darkText   = 0.4
	lightArea  = 0.6
	thickPoint = 2 // a line thicker than this covers text, in points
)

// fills reports whether a path has an area, and whether that is dark.
func (s *survey) fills(object uint64) (fills, dark bool) {
	p := s.l.p
	at := uint64(p.scratch)
	got := p.do(p.look.drawMode, object, at, at+4)
	fillMode, _ := p.mem.ReadUint32Le(p.scratch)
	stroked, _ := p.mem.ReadUint32Le(p.scratch + 4)
	if got == 0 {
		return true, true
	}
	if fillMode != 0 {
		luminance, alpha, ok := p.color(p.look.fill, object)
		if alpha != 0 || !ok {
			return true, !ok || luminance < lightArea
		}
	}
	if stroked == 0 {
		return false, false
	}
	p.do(p.look.strokeWidth, object, at)
	width := p.float32At(p.scratch)
	p.do(p.look.matrix, object, at)
	f := func(i uint32) float64 { return float64(p.float32At(p.scratch + 4*i)) }
	scale := max(math.Hypot(f(0), f(1)), math.Hypot(f(2), f(3)))
	return !(float64(width)*scale <= thickPoint), true
}

// text examines one text object.
func (s *survey) text(t *painted, nested bool) {
	p, o := s.l.p, uint64(t.handle)
	switch mode := p.do(p.look.renderMode, o); int32(mode) {
	case 3, 7: // neither filled nor stroked
		t.hidden = true
		return
	case 0, 2:
		luminance, alpha, ok := p.color(p.look.fill, o)
		t.doubt = !ok || alpha < 255 || luminance > darkText
	default:
		t.doubt = true
	}
	if nested {
		t.doubt = true
		return
	}
	box, ok := p.boundsOf(o)
	if !ok {
		t.doubt = true
		return
	}
	// A cover of less than a quarter of a line's height leaves the text readable.
	w, h := min((box.right-box.left)/4, 1), (box.top-box.bottom)/4
	t.core = rect{left: box.left + w, right: box.right - w, bottom: box.bottom + h, top: box.top - h}
	if t.blank = box.left == box.right || box.bottom == box.top || !box.overlaps(s.l.frame.box); t.blank {
		return
	}
	t.doubt = t.doubt || s.marked(o) || s.l.transparency && p.do(p.look.transparent, o) != 0 || s.clipped(o, t.core)
}

// marked reports whether an object may belong to a layer.
func (s *survey) marked(object uint64) bool {
	p := s.l.p
	marks := int(int32(p.do(p.look.countMarks, object)))
	for i := range min(marks, maxMarks) {
		m := p.do(p.look.mark, object, uint64(i))
		// "OC" and its end in UTF-16 take 6 bytes; a longer name is another one.
		at := uint64(p.scratch)
		ok := p.do(p.look.markName, m, at+8, 6, at)
		length, _ := p.mem.ReadUint32Le(p.scratch)
		name, _ := p.mem.ReadUint32Le(p.scratch + 8)
		if ok != 0 && length == 6 && name == 'O'|'C'<<16 {
			return true
		}
	}
	return marks > maxMarks
}

// clipped reports whether the clip of an object may cut off part of it.
func (s *survey) clipped(object uint64, core rect) bool {
	p := s.l.p
	clip := p.do(p.look.clip, object)
	if clip == 0 {
		return false
	}
	paths := int(int32(p.do(p.look.clipPaths, clip)))
	if paths > maxMarks {
		return true
	}
	for i := range max(paths, 0) {
		n := p.do(p.look.clipSegments, clip, uint64(i))
		if int32(n) > maxPoints {
			return true
		}
		// Only a rectangle surely shows everything within its bounds.
		var box rect
		for j := range max(int(int32(n)), 0) {
			segment := p.do(p.look.clipSegment, clip, uint64(i), uint64(j))
			at := uint64(p.scratch)
			p.do(p.look.point, segment, at, at+4)
			x, y := p.float32At(p.scratch), p.float32At(p.scratch+4)
			if j == 0 {
				box = rect{x, y, x, y}
			}
			if j > 0 && x != box.left && x != box.right && y != box.bottom && y != box.top {
				return true
			}
			box = rect{min(box.left, x), min(box.bottom, y), max(box.right, x), max(box.top, y)}
		}
		if int32(n) > 5 || !(box.left <= core.left && box.right >= core.right && box.bottom <= core.bottom && box.top >= core.top) {
			return true
		}
	}
	return false
}

// glyph is a character of a text object whose visibility is in doubt.
type glyph struct {
	text  int // the index of the text object
	box   page.Box
	user  rect
	group int
	// most is the largest difference that the character makes to the page. ink is the
	// number of pixels that differ much, and alone the number if only texts are
	// painted.
	most, ink, alone int
}

// judge finds text of the page that nobody sees, and takes it off the page. If it
// reports true, the page's text must be loaded again.
func (l *loaded) judge(s *survey) (changed bool) {
	index := map[uint32]int{}
	doubts := false
	for i := range s.texts {
		t := &s.texts[i]
		if t.doubt && !t.hidden && !t.blank {
			index[t.handle] = i
			doubts = true
		}
	}
	if s.excess {
		l.note(page.Unsure, page.Box{}, "", "the page is too complicated to check whether all of its text is visible; compare it with the picture of the page")
		doubts = false
	}
	if doubts {
		l.compare(s, index)
	}
	for i := range s.texts {
		if s.texts[i].hidden {
			changed = true
			l.p.do(l.p.look.setActive, uint64(s.texts[i].handle), off)
		}
	}
	return changed
}

// compare decides the doubts by rendering.
func (l *loaded) compare(s *survey, index map[uint32]int) {
	glyphs := l.glyphs(index)
	if len(glyphs) == 0 {
		return
	}
	w, h := l.frame.size()
	scale := min(2, float32(math.Sqrt(float64(maxCheck)/float64(w*h))))
	groups := grouped(glyphs, len(s.texts), w, h)
	unsure := func(why string) {
		l.note(page.Unsure, page.Box{}, "", "it could not be decided whether all text of the page is visible ("+why+"); compare it with the picture of the page")
	}
	switch {
	case groups > maxGroups:
		unsure("too many texts lie one over the other")
		return
	case scale < 0.7:
		unsure("the page is too large")
		return
	}
	look := page.Box{}
	for _, g := range glyphs {
		look = look.Union(g.box)
	}
	v := view{width: max(1, int(w*scale)), box: look}
	if !l.measure(s, glyphs, groups, v, func(g *glyph, most, ink int) { g.most, g.ink = most, ink }) {
		unsure("there is not enough memory")
		return
	}
	// The same without the objects that may cover text shows how much they cover.
	l.cover(s, off)
	if !l.measure(s, glyphs, groups, v, func(g *glyph, _, ink int) { g.alone = ink }) {
		unsure("there is not enough memory")
		return
	}
	l.cover(s, on)
	l.settle(s, glyphs)
}

// Whether an object is on the page, for PDFium.
const off, on uint64 = 0, 1

// cover puts the objects that may cover text on the page, or takes them off.
func (l *loaded) cover(s *survey, flag uint64) {
	for _, a := range s.areas {
		if a.handle != 0 {
			l.p.do(l.p.look.setActive, a.handle, flag)
		}
	}
}

// measure renders the page with all texts and without each group, and calls tell with
// what each character changes. ok is false if there is not enough memory.
func (l *loaded) measure(s *survey, glyphs []glyph, groups int, v view, tell func(g *glyph, most, ink int)) (ok bool) {
	all := l.render(v, 0)
	if all == nil {
		return false
	}
	for g := 1; g <= groups; g++ {
		l.activate(s, glyphs, g, off)
		without := l.render(v, 0)
		l.activate(s, glyphs, g, on)
		if without == nil {
			all.free()
			return false
		}
		a, b := all.pixels(), without.pixels()
		for i := range glyphs {
			if glyphs[i].group == g {
				most, ink := all.difference(a, b, glyphs[i].box)
				tell(&glyphs[i], most, ink)
			}
		}
		without.free()
	}
	all.free()
	return true
}

// The share of a character's ink that must be left. Below the first, the character is
// not visible.
const (
	coveredBelow = 0.3
	wholeFrom    = 0.6
)

// seen reports whether a person sees the character, and whether that is certain.
func (g *glyph) seen() (seen, sure bool) {
	if g.most < unseenBelow {
		return false, true
	}
	if g.alone > 0 {
		part := float32(g.ink) / float32(g.alone)
		return part >= coveredBelow, part < coveredBelow || part >= wholeFrom
	}
	return true, g.most >= seenFrom
}

// settle applies the results of the renderings.
func (l *loaded) settle(s *survey, glyphs []glyph) {
	seen := make([]bool, len(s.texts))
	faint, faints := page.Box{}, 0
	for i := range glyphs {
		g := &glyphs[i]
		there, sure := g.seen()
		seen[g.text] = seen[g.text] || there
		if !sure {
			faint = faint.Union(g.box)
			faints++
		}
	}
	for i := range glyphs {
		g := &glyphs[i]
		t := &s.texts[g.text]
		if !seen[g.text] {
			t.hidden = true
		} else if there, _ := g.seen(); !there {
			if l.unseen == nil {
				l.unseen = map[uint32][]rect{}
			}
			l.unseen[t.handle] = append(l.unseen[t.handle], g.user)
		}
	}
	if faints > 0 {
		l.note(page.Unsure, faint, "", fmt.Sprintf("%s so faint or so far covered that it is not clear whether a person can read it; it was read; compare it with the picture of the page", text.Verb(faints, "character", "is", "are")))
	}
}

// glyphs returns the characters of the texts in doubt that are inside the visible box.
// Others are not read.
func (l *loaded) glyphs(index map[uint32]int) []glyph {
	var out []glyph
	width, height := l.frame.size()
	for i := range l.chars {
		if !visible(l.unicode(i)) {
			continue
		}
		text, ok := index[uint32(l.object(i))]
		if !ok {
			continue
		}
		if user, box, ok := l.boxOf(i, width, height); ok {
			out = append(out, glyph{text: text, box: box, user: user})
		}
	}
	return out
}

// grouped divides texts into groups whose texts do not overlap, so that one rendering
// can omit a whole group. It returns the number of groups; above maxGroups it stops.
func grouped(glyphs []glyph, texts int, width, height float32) int {
	// The cells have two points; on a large page more.
	cell := max(2, width/1024, height/1024)
	columns, rows := int(width/cell)+1, int(height/cell)+1
	taken := make([][]int32, 0, maxGroups) // per group and cell, the number of its text, from 1
	cells := func(b page.Box, each func(at int) bool) bool {
		// The margins are omitted: neighbours touch.
		w, h := (b.X1-b.X0)/4, (b.Y1-b.Y0)/4
		x0, x1 := int((b.X0+w)/cell), int((b.X1-w)/cell)
		y0, y1 := int((b.Y0+h)/cell), int((b.Y1-h)/cell)
		for y := max(y0, 0); y <= min(y1, rows-1); y++ {
			for x := max(x0, 0); x <= min(x1, columns-1); x++ {
				if !each(y*columns + x) {
					return false
				}
			}
		}
		return true
	}
	for from := 0; from < len(glyphs); {
		to := from
		for to < len(glyphs) && glyphs[to].text == glyphs[from].text {
			to++
		}
		own := int32(glyphs[from].text + 1)
		g := 0
		for ; g < maxGroups; g++ {
			if g == len(taken) {
				taken = append(taken, make([]int32, columns*rows))
			}
			free := true
			for i := from; i < to && free; i++ {
				free = cells(glyphs[i].box, func(at int) bool { return taken[g][at] == 0 || taken[g][at] == own })
			}
			if free {
				break
			}
		}
		if g == maxGroups {
			return maxGroups + 1
		}
		for i := from; i < to; i++ {
			glyphs[i].group = g + 1
			cells(glyphs[i].box, func(at int) bool { taken[g][at] = own; return true })
		}
		from = to
	}
	return len(taken)
}

// activate puts the texts of a group on the page, or takes them off.
func (l *loaded) activate(s *survey, glyphs []glyph, group int, flag uint64) {
	last := -1
	for _, g := range glyphs {
		if g.group == group && g.text != last {
			last = g.text
			l.p.do(l.p.look.setActive, uint64(s.texts[g.text].handle), flag)
		}
	}
}

// note adds a note to the page.
func (l *reading) note(kind page.NoteKind, at page.Box, text, message string) {
	l.notes = append(l.notes, page.Note{Kind: kind, Box: at, Text: text, Message: message})
}
