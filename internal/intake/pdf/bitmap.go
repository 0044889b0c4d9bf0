package pdf

import (
	"errors"

	"github.com/tetratelabs/wazero/api"

	"tallyman/internal/page"
)

// bitmap is a rendering of a page in PDFium's memory, with 4 bytes per pixel, BGRx.
type bitmap struct {
	p              *pdfium
	handle, buffer uint32
	width, height  int
	x, y           int     // its top left corner in the picture of the whole page
	scale          float32 // pixels per point
	stride         uint32
}

// view says which part of a page is rendered, and how large.
type view struct {
	width int // width of the whole page, in pixels
	// box is the part of the page to render; zero for all of it.
	box page.Box
}

// render renders the page, upright, on white. flags are PDFium's. The result is nil if
// there is not enough memory.
func (l *loaded) render(v view, flags uint64) *bitmap {
	p := l.p
	w, h := l.frame.size()
	height := max(1, int(float32(v.width)*h/w+0.5))
	b := &bitmap{p: p, width: v.width, height: height, scale: float32(v.width) / w}
	if v.box != (page.Box{}) {
		b.x, b.y = max(int(v.box.X0*b.scale)-1, 0), max(int(v.box.Y0*b.scale)-1, 0)
		b.width = max(min(int(v.box.X1*b.scale)+2, b.width)-b.x, 1)
		b.height = max(min(int(v.box.Y1*b.scale)+2, b.height)-b.y, 1)
	}
	if b.handle = p.call("FPDFBitmap_Create", uint64(b.width), uint64(b.height), 0); b.handle == 0 {
		return nil
	}
	p.call("FPDFBitmap_FillRect", uint64(b.handle), 0, 0, uint64(b.width), uint64(b.height), 0xFFFFFFFF)
	turn := uint64((l.frame.turns - l.rotation) & 3)
	p.call("FPDF_RenderPageBitmap", uint64(b.handle), uint64(l.page), api.EncodeI32(int32(-b.x)), api.EncodeI32(int32(-b.y)),
		uint64(v.width), uint64(height), turn, flags)
	b.buffer = p.call("FPDFBitmap_GetBuffer", uint64(b.handle))
	b.stride = p.call("FPDFBitmap_GetStride", uint64(b.handle))
	return b
}

func (b *bitmap) free() { b.p.call("FPDFBitmap_Destroy", uint64(b.handle)) }

// pixels returns the pixels, line by line in strides. They are valid until PDFium is called
// again.
func (b *bitmap) pixels() []byte {
	pixels, ok := b.p.mem.Read(b.buffer, b.stride*uint32(b.height))
	if !ok {
		panic(trap{errors.New("the picture is outside PDFium's memory")})
	}
	return pixels
}

// difference compares the pixels of two renderings of one view in a box of the page. It
// returns the largest difference of a color, and the number of pixels with a difference that
// everybody sees. It omits the sides of the box, which a neighbour may overlap.
func (b *bitmap) difference(own, others []byte, box page.Box) (most, ink int) {
	aside := (box.X1 - box.X0) / 8
	x0, x1 := int((box.X0+aside)*b.scale)-b.x, int((box.X1-aside)*b.scale)-b.x
	y0, y1 := int(box.Y0*b.scale)-b.y, int(box.Y1*b.scale)-b.y
	for y := max(y0, 0); y <= min(y1, b.height-1); y++ {
		for x := max(x0, 0); x <= min(x1, b.width-1); x++ {
			at, here := y*int(b.stride)+4*x, 0
			for i := at; i < at+3; i++ {
				d := int(own[i]) - int(others[i])
				here = max(here, d, -d)
			}
			most = max(most, here)
			if here >= seenFrom {
				ink++
			}
		}
	}
	return most, ink
}
