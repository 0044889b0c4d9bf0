package pdf

import (
	"context"
	"image"
	"io"

	"golang.org/x/image/draw"

	"tallyman/internal/fault"
	"tallyman/internal/intake/ocr"
	"tallyman/internal/intake/picture"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
)

// Scan reads a page, counted from 1, from its picture: a scan, with or without a scanner's
// invisible text. The words lie on the page as it is, which may be turned a little, unless the
// page is Flat: then they lie on what Show shows.
//
// It has no limit of time but that of the context. It fails with the codes of Picture.
func (r *Reader) Scan(ctx context.Context, src io.ReaderAt, size int64, number int) (*Scanned, error) {
	s, err := onPage(src, size, number, func(part *io.SectionReader, number int) (*Scanned, error) {
		return Receive(number, func(reply func([]byte) error) error {
			return r.ask(ctx, part, methodScan, pictureArgs{Page: number}, reply)
		})
	})
	if s != nil {
		s.Page.Number = number
	}
	return s, err
}

// Scanned is a page that was read from its picture.
type Scanned struct {
	Page page.Page
	// Strip are its words with digits, for a second reader.
	Strip *ocr.Strip
}

// Receive returns what a worker replies to a call that reads the page of that number from its
// picture: the page, and the strip.
func Receive(number int, call func(reply func(payload []byte) error) error) (*Scanned, error) {
	s := &Scanned{}
	parts := 0
	err := call(func(payload []byte) (err error) {
		switch parts++; parts {
		case 1:
			if s.Page, err = ParsePage(payload); err != nil || s.Page.Number != number {
				return errWire
			}
			s.Page.Twice = false // a worker has one reader
			for i := range s.Page.Words {
				s.Page.Words[i].Second = nil
			}
		case 2:
			if s.Strip, err = ocr.ParseStrip(payload, len(s.Page.Words)); err != nil {
				return errWire
			}
		default:
			return errWire
		}
		return nil
	})
	if err == nil && parts != 2 {
		err = errWire
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Send sends the two replies that Receive takes.
func Send(c *worker.Call, p *page.Page, s *ocr.Strip) error {
	if err := c.Reply(AppendPage(nil, p)); err != nil {
		return err
	}
	return c.Reply(s.Append(nil))
}

// scanDots is how many pixels a page is rendered with for each inch, unless it is very large.
const scanDots = 300

// maxScan bounds the pixels of a page that is rendered to be read.
const maxScan = 16 << 20

func serveScan(p *pdfium, c *worker.Call, a pictureArgs) error {
	doc, l, err := loadOne(p, c, a)
	if err != nil {
		return err
	}
	w, h := l.frame.size()
	width := min(int(w*scanDots/72+0.5), ocr.Wide)
	for width > MinWidth && width*int(float32(width)*h/w) > maxScan {
		width = width * 9 / 10
	}
	img, err := l.gray(max(width, MinWidth))
	if err != nil {
		return err
	}
	// The document is closed first: reading the picture takes seconds, and PDFium none of them.
	l.close()
	doc.close()
	reader, err := ocr.Shared()
	if err != nil {
		return err
	}
	if err := c.Alive(); err != nil {
		return err
	}
	flat := ocr.Flattened(img)
	sheet, err := reader.Upright(ocr.Prepare(flat), c.Alive)
	if err != nil {
		return err
	}
	if a.Width > 0 {
		return ShowSheet(c, sheet, a.Width)
	}
	// The words of a page that was neither flattened nor turned by quarters lie on it as it is.
	changed := flat != img || sheet.Turns != 0
	if changed {
		w = sheet.Width()
	}
	read, err := reader.Read(sheet, w, c.Alive)
	if err != nil {
		return err
	}
	strip := sheet.Strip(read)
	if !changed {
		read.Height = h
		sheet.Back(read)
	}
	read.Number, read.Flat = a.Page, changed
	return Send(c, read, strip)
}

// ShowSheet replies with the size of a sheet and with a PNG of it.
func ShowSheet(c *worker.Call, sheet *ocr.Sheet, width int) error {
	w, h := sheet.Gray.Rect.Dx(), sheet.Gray.Rect.Dy()
	points := sheet.Width()
	if err := c.Reply(appendSize(points, points*float32(h)/float32(w), true)); err != nil {
		return err
	}
	high := max(1, width*h/w)
	if high > picture.MaxSide || width*high > picture.MaxPixels {
		return fault.New(fault.TooLarge, "a picture of %d by %d pixels is too large; ask for a smaller width", width, high)
	}
	out := image.NewGray(image.Rect(0, 0, width, high))
	draw.ApproxBiLinear.Scale(out, out.Rect, sheet.Gray, sheet.Gray.Rect, draw.Src, nil)
	return replyPNG(c, out)
}

// gray renders the page as picture does, in gray.
func (l *loaded) gray(width int) (*image.Gray, error) {
	const annotations = 1
	b := l.render(view{width: width}, annotations)
	if b == nil {
		return nil, fault.New(fault.TooMuchMemory, "the page is too large to be read as a picture")
	}
	pixels := b.pixels()
	img := image.NewGray(image.Rect(0, 0, b.width, b.height))
	for y := range b.height {
		from, to := pixels[y*int(b.stride):], img.Pix[y*img.Stride:]
		for x := range b.width { // BGRx
			to[x] = uint8((7471*uint32(from[x*4]) + 38470*uint32(from[x*4+1]) + 19595*uint32(from[x*4+2]) + 1<<15) >> 16)
		}
	}
	b.free()
	return img, nil
}
