package pdf

import (
	"fmt"
	"math"

	"github.com/tetratelabs/wazero/api"

	"tallyman/internal/page"
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
	}
}

// survey examines all objects of the page.
func (l *loaded) survey() (*survey, error) {
	s := &survey{l: l}
	n, err := l.p.do(l.p.look.countObjects, uint64(l.page))
	if err != nil {
		return nil, err
	}
	_, _, err = s.walk(l.p.look.getObject, l.page, int(int32(n)), 0)
	if err != nil {
		return nil, err
	}
	if len(s.texts)*len(s.areas) > maxPairs {
		// The picture decides about all texts.
		for i := range s.texts {
			s.texts[i].doubt = true
		}
		return s, nil
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
	return s, nil
}

// overlaps reports whether the rectangles have an area in common.
func (r rect) overlaps(o rect) bool {
	return r.left < o.right && o.left < r.right && r.bottom < o.top && o.bottom < r.top
}

// walk examines the objects of the page, or of a form, in the order of painting. It
// reports whether one has an area, and whether one is dark. Pictures count as light:
// text on a picture is meant to be seen.
func (s *survey) walk(get api.Function, of uint32, n, depth int) (covers, dark bool, err error) {
	p := s.l.p
	for i := range n {
		if s.objects++; s.objects > maxObjects {
			s.excess = true
			return true, true, nil
		}
		o, err := p.do(get, uint64(of), uint64(i))
		if err != nil {
			return false, false, err
		}
		object := uint32(o)
		kind, err := p.do(p.look.kind, o)
		if err != nil {
			return false, false, err
		}
		switch kind {
		case objectText:
			t := painted{handle: object, z: s.objects}
			if err := s.text(&t, depth > 0); err != nil {
				return false, false, err
			}
			s.texts = append(s.texts, t)
			continue
		case objectForm:
			z := s.objects
			inner, err := p.do(p.look.countInForm, o)
			if err != nil {
				return false, false, err
			}
			if depth == maxDepth {
				s.excess = true
				return true, true, nil
			}
			pictures := s.picture
			filled, black, err := s.walk(p.look.getInForm, object, int(int32(inner)), depth+1)
			if err != nil {
				return false, false, err
			}
			if !filled {
				continue
			}
			covers, dark = true, dark || black
			if depth == 0 {
				hasPicture := s.picture > pictures
				s.picture = pictures
				if err := s.area(0, o, z, black, hasPicture); err != nil {
					return false, false, err
				}
			}
		case objectPath:
			fills, black, err := s.fills(o)
			if err != nil {
				return false, false, err
			}
			if !fills {
				continue
			}
			covers, dark = true, dark || black
			if depth == 0 {
				if err := s.area(o, o, s.objects, black, false); err != nil {
					return false, false, err
				}
			}
		default:
			covers = true
			if depth > 0 {
				if kind == objectImage {
					s.picture++ // its place is that of the outermost form
				}
				continue
			}
			if err := s.area(o, o, s.objects, false, kind == objectImage); err != nil {
				return false, false, err
			}
		}
	}
	return covers, dark, nil
}

// area adds an object that has an area.
func (s *survey) area(handle, object uint64, z int, dark, picture bool) error {
	box, ok, err := s.l.p.boundsOf(object)
	if err != nil || !ok || !box.overlaps(s.l.frame.box) {
		return err
	}
	if picture {
		v := s.l.frame.box
		w := min(box.right, v.right) - max(box.left, v.left)
		h := min(box.top, v.top) - max(box.bottom, v.bottom)
		s.picture += max(w, 0) * max(h, 0)
	}
	s.areas = append(s.areas, area{z: z, handle: handle, box: box, dark: dark})
	return nil
}

// boundsOf returns the bounds of an object; ok is false if there are none.
func (p *pdfium) boundsOf(object uint64) (r rect, ok bool, err error) {
	at := uint64(p.scratch)
	got, err := p.do(p.look.bounds, object, at, at+4, at+8, at+12)
	if err != nil {
		return r, false, err
	}
	b := rect{left: p.float32At(p.scratch), bottom: p.float32At(p.scratch + 4),
		right: p.float32At(p.scratch + 8), top: p.float32At(p.scratch + 12)}
	return b, got != 0 && b.left <= b.right && b.bottom <= b.top, nil
}

// color reads a color with one of PDFium's two functions for that. ok is false if it is
// not a plain color.
func (p *pdfium) color(get api.Function, object uint64) (luminance float32, alpha byte, ok bool, err error) {
	at := uint64(p.scratch)
	got, err := p.do(get, object, at, at+4, at+8, at+12)
	if err != nil {
		return 0, 0, false, err
	}
	b, there := p.mem.Read(p.scratch, 16)
	if got == 0 || !there {
		return 0, 0, false, nil
	}
	luminance = (0.3*float32(b[0]) + 0.6*float32(b[4]) + 0.1*float32(b[8])) / 255
	return luminance, b[12], true, nil
}

// Text of at most the first brightness is visible on areas of at least the second.
const (
	darkText   = 0.4
	lightArea  = 0.6
	thickPoint = 2 // a line thicker than this covers text, in points
)

// fills reports whether a path has an area, and whether that is dark.
func (s *survey) fills(object uint64) (fills, dark bool, err error) {
	p := s.l.p
	at := uint64(p.scratch)
	got, err := p.do(p.look.drawMode, object, at, at+4)
	if err != nil {
		return false, false, err
	}
	fillMode, _ := p.mem.ReadUint32Le(p.scratch)
	stroked, _ := p.mem.ReadUint32Le(p.scratch + 4)
	if got == 0 {
		return true, true, nil
	}
	if fillMode != 0 {
		luminance, alpha, ok, err := p.color(p.look.fill, object)
		if err != nil {
			return false, false, err
		}
		if alpha != 0 || !ok {
			return true, !ok || luminance < lightArea, nil
		}
	}
	if stroked == 0 {
		return false, false, nil
	}
	if _, err := p.do(p.look.strokeWidth, object, at); err != nil {
		return false, false, err
	}
	width := p.float32At(p.scratch)
	if _, err := p.do(p.look.matrix, object, at); err != nil {
		return false, false, err
	}
	f := func(i uint32) float64 { return float64(p.float32At(p.scratch + 4*i)) }
	scale := max(math.Hypot(f(0), f(1)), math.Hypot(f(2), f(3)))
	return !(float64(width)*scale <= thickPoint), true, nil
}

// text examines one text object.
func (s *survey) text(t *painted, nested bool) error {
	p, o := s.l.p, uint64(t.handle)
	mode, err := p.do(p.look.renderMode, o)
	if err != nil {
		return err
	}
	switch int32(mode) {
	case 3, 7: // neither filled nor stroked
		t.hidden = true
		return nil
	case 0, 2:
		luminance, alpha, ok, err := p.color(p.look.fill, o)
		if err != nil {
			return err
		}
		t.doubt = !ok || alpha < 255 || luminance > darkText
	default:
		t.doubt = true
	}
	if nested {
		t.doubt = true
		return nil
	}
	box, ok, err := p.boundsOf(o)
	if err != nil {
		return err
	}
	if !ok {
		t.doubt = true
		return nil
	}
	// A cover of less than a quarter of a line's height leaves the text readable.
	w, h := min((box.right-box.left)/4, 1), (box.top-box.bottom)/4
	t.core = rect{left: box.left + w, right: box.right - w, bottom: box.bottom + h, top: box.top - h}
	if t.blank = box.left == box.right || box.bottom == box.top || !box.overlaps(s.l.frame.box); t.blank {
		return nil
	}
	if !t.doubt {
		t.doubt, err = s.marked(o)
	}
	if !t.doubt && err == nil && s.l.transparency {
		var transparent uint64
		transparent, err = p.do(p.look.transparent, o)
		t.doubt = transparent != 0
	}
	if !t.doubt && err == nil {
		t.doubt, err = s.clipped(o, t.core)
	}
	return err
}

// marked reports whether an object may belong to a layer.
func (s *survey) marked(object uint64) (bool, error) {
	p := s.l.p
	n, err := p.do(p.look.countMarks, object)
	if err != nil {
		return false, err
	}
	marks := int(int32(n))
	for i := range min(marks, maxMarks) {
		m, err := p.do(p.look.mark, object, uint64(i))
		if err != nil {
			return false, err
		}
		// "OC" and its end in UTF-16 take 6 bytes; a longer name is another one.
		at := uint64(p.scratch)
		ok, err := p.do(p.look.markName, m, at+8, 6, at)
		if err != nil {
			return false, err
		}
		length, _ := p.mem.ReadUint32Le(p.scratch)
		name, _ := p.mem.ReadUint32Le(p.scratch + 8)
		if ok != 0 && length == 6 && name == 'O'|'C'<<16 {
			return true, nil
		}
	}
	return marks > maxMarks, nil
}

// clipped reports whether the clip of an object may cut off part of it.
func (s *survey) clipped(object uint64, core rect) (bool, error) {
	p := s.l.p
	clip, err := p.do(p.look.clip, object)
	if err != nil || clip == 0 {
		return false, err
	}
	n, err := p.do(p.look.clipPaths, clip)
	if err != nil {
		return false, err
	}
	paths := int(int32(n))
	if paths > maxMarks {
		return true, nil
	}
	for i := range max(paths, 0) {
		n, err := p.do(p.look.clipSegments, clip, uint64(i))
		if err != nil {
			return false, err
		}
		if int32(n) > maxPoints {
			return true, nil
		}
		// Only a rectangle surely shows everything within its bounds.
		var box rect
		for j := range max(int(int32(n)), 0) {
			segment, err := p.do(p.look.clipSegment, clip, uint64(i), uint64(j))
			if err != nil {
				return false, err
			}
			at := uint64(p.scratch)
			if _, err := p.do(p.look.point, segment, at, at+4); err != nil {
				return false, err
			}
			x, y := p.float32At(p.scratch), p.float32At(p.scratch+4)
			if j == 0 {
				box = rect{x, y, x, y}
			}
			if j > 0 && x != box.left && x != box.right && y != box.bottom && y != box.top {
				return true, nil
			}
			box = rect{min(box.left, x), min(box.bottom, y), max(box.right, x), max(box.top, y)}
		}
		if int32(n) > 5 || !(box.left <= core.left && box.right >= core.right && box.bottom <= core.bottom && box.top >= core.top) {
			return true, nil
		}
	}
	return false, nil
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
func (l *loaded) judge(s *survey) (changed bool, err error) {
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
		if err := l.compare(s, index); err != nil {
			return false, err
		}
	}
	for i := range s.texts {
		if s.texts[i].hidden {
			changed = true
			if _, err := l.p.do(l.p.look.setActive, uint64(s.texts[i].handle), 0); err != nil {
				return false, err
			}
		}
	}
	return changed, nil
}

// compare decides the doubts by rendering.
func (l *loaded) compare(s *survey, index map[uint32]int) error {
	glyphs, err := l.glyphs(index)
	if err != nil || len(glyphs) == 0 {
		return err
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
		return nil
	case scale < 0.7:
		unsure("the page is too large")
		return nil
	}
	look := page.Box{}
	for _, g := range glyphs {
		look = look.Union(g.box)
	}
	v := view{width: max(1, int(w*scale)), box: look}
	if ok, err := l.measure(s, glyphs, groups, v, func(g *glyph, most, ink int) { g.most, g.ink = most, ink }); err != nil || !ok {
		unsure("there is not enough memory")
		return err
	}
	// The same without the objects that may cover text shows how much they cover.
	if err := l.uncover(s, true); err != nil {
		return err
	}
	if ok, err := l.measure(s, glyphs, groups, v, func(g *glyph, _, ink int) { g.alone = ink }); err != nil || !ok {
		unsure("there is not enough memory")
		return err
	}
	if err := l.uncover(s, false); err != nil {
		return err
	}
	l.settle(s, glyphs)
	return nil
}

// uncover takes the objects that may cover text off the page, or puts them back.
func (l *loaded) uncover(s *survey, off bool) error {
	var on uint64 = 1
	if off {
		on = 0
	}
	for _, a := range s.areas {
		if a.handle != 0 {
			if _, err := l.p.do(l.p.look.setActive, a.handle, on); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure renders the page with all texts and without each group, and calls tell with
// what each character changes. ok is false if there is not enough memory.
func (l *loaded) measure(s *survey, glyphs []glyph, groups int, v view, tell func(g *glyph, most, ink int)) (ok bool, err error) {
	all, err := l.render(v, 0)
	if err != nil || all == nil {
		return false, err
	}
	for g := 1; g <= groups; g++ {
		if err := l.activate(s, glyphs, g, false); err != nil {
			return false, err
		}
		without, err := l.render(v, 0)
		if err != nil {
			return false, err
		}
		if without == nil {
			return false, all.free(l.activate(s, glyphs, g, true))
		}
		a, b, err := all.pixels(without)
		if err != nil {
			return false, err
		}
		for i := range glyphs {
			if glyphs[i].group == g {
				most, ink := all.difference(a, b, glyphs[i].box)
				tell(&glyphs[i], most, ink)
			}
		}
		if err := without.free(l.activate(s, glyphs, g, true)); err != nil {
			return false, err
		}
	}
	return true, all.free(nil)
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
		l.note(page.Unsure, faint, "", fmt.Sprintf("%s so faint or so far covered that it is not clear whether a person can read it; it was read; compare it with the picture of the page", plural(faints, "character is", "characters are")))
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// glyphs returns the characters of the texts in doubt that are inside the visible box.
// Others are not read.
func (l *loaded) glyphs(index map[uint32]int) ([]glyph, error) {
	var out []glyph
	width, height := l.frame.size()
	for i := range l.chars {
		r, err := l.unicode(i)
		if err != nil {
			return nil, err
		}
		if !visible(r) {
			continue
		}
		o, err := l.object(i)
		if err != nil {
			return nil, err
		}
		text, ok := index[uint32(o)]
		if !ok {
			continue
		}
		user, box, ok, err := l.boxOf(i, width, height)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, glyph{text: text, box: box, user: user})
		}
	}
	return out, nil
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
func (l *loaded) activate(s *survey, glyphs []glyph, group int, on bool) error {
	var flag uint64
	if on {
		flag = 1
	}
	last := -1
	for _, g := range glyphs {
		if g.group == group && g.text != last {
			last = g.text
			if _, err := l.p.do(l.p.look.setActive, uint64(s.texts[g.text].handle), flag); err != nil {
				return err
			}
		}
	}
	return nil
}

// note adds a note to the page.
func (l *reading) note(kind page.NoteKind, at page.Box, text, message string) {
	l.notes = append(l.notes, page.Note{Kind: kind, Box: at, Text: text, Message: message})
}
