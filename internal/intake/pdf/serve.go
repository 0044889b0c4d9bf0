package pdf

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"regexp"
	"strconv"
	"sync"
	"unicode"

	"tallyman/internal/fault"
	"tallyman/internal/intake/worker"
	"tallyman/internal/magic"
	"tallyman/internal/page"
)

// The methods of a worker.
const (
	methodFast    = "pdf.fast"
	methodRead    = "pdf.read"
	methodJudge   = "pdf.judge" // replies with Verdicts
	methodPicture = "pdf.picture"
	methodScan    = "pdf.scan" // the arguments are pictureArgs; the reply is the page or, for a width, as that of methodPicture
)

// readArgs are the arguments of methodFast, methodRead and methodJudge. The worker then asks which pages to read,
// with the number of pages (a uvarint); the answer is the first page and the number of
// pages to read (two uvarints), or is empty.
type readArgs struct {
	Size int64
	// Ruled asks for the rules of the pages, too.
	Ruled bool `json:",omitempty"`
}

// pictureArgs are the arguments of methodPicture. The replies are the page's
// width and height in points (two little-endian float32), then a PNG.
type pictureArgs struct {
	Size  int64
	Page  int // from 1
	Width int // pixels; 0 for a page that is to be read
}

// Handlers returns the methods of a worker. Unless the worker is bare, PDFium is started
// at once, so that it is ready for the first call.
func Handlers(s worker.Settings) map[string]worker.Handler {
	if s.Bare {
		return map[string]worker.Handler{methodFast: worker.Decoded(serveFast)}
	}
	var p *pdfium
	var startErr error
	// The first start on a machine compiles the engine, which takes seconds.
	s.Prepare(func() {
		// The rest of the memory is for the Go side: the compiled code, pictures, and
		// the copy that is made whenever the module's memory grows.
		startErr = caught(func() (err error) {
			p, err = newPDFium(context.Background(), s.Cache, s.Memory*3/8)
			return err
		})
	})
	with := func(serve worker.Handler) worker.Handler {
		return func(c *worker.Call, args []byte) error {
			if err := startErr; err != nil {
				return worker.Retire(&fault.Error{Code: fault.Internal, Message: "the PDF engine does not start", Err: err})
			}
			err := caught(func() error { return serve(c, args) })
			if t, ok := errors.AsType[trap](err); ok {
				return worker.Retire(p.trapped(t))
			}
			return err
		}
	}
	return map[string]worker.Handler{
		methodFast:    worker.Decoded(serveFast),
		methodRead:    with(worker.Decoded(func(c *worker.Call, a readArgs) error { return serveRead(p, c, a) })),
		methodJudge:   with(worker.Decoded(func(c *worker.Call, a readArgs) error { return serveJudge(p, c, a) })),
		methodPicture: with(worker.Decoded(func(c *worker.Call, a pictureArgs) error { return servePicture(p, c, a) })),
		methodScan:    with(worker.Decoded(func(c *worker.Call, a pictureArgs) error { return serveScan(p, c, a) })),
	}
}

// trapped explains to people why PDFium stopped.
func (p *pdfium) trapped(t trap) error {
	if p.full() {
		return &fault.Error{
			Code:    fault.TooMuchMemory,
			Message: fmt.Sprintf("reading it needs more than %d MB of memory; the file is damaged or hostile", p.limit>>20),
			Err:     t,
		}
	}
	return &fault.Error{
		Code:    fault.WorkerCrashed,
		Message: "the file makes the PDF engine crash, since it is damaged or hostile; make the file again",
		Err:     t,
	}
}

// reopenAfter is how many bytes of a document are read before it is opened again.
// PDFium keeps what it has read, so its memory would grow with the document.
const reopenAfter = 32 << 20

func serveRead(p *pdfium, c *worker.Call, a readArgs) error {
	source, err := openPack(p, c.Source(a.Size), a.Size)
	if err != nil {
		return err
	}
	var buf []byte
	err = eachPage(c, source.pages, func(number int) error {
		doc, of, err := source.page(number)
		if err != nil {
			return err
		}
		pg, err := doc.read(of, a.Ruled)
		if err != nil {
			return err
		}
		pg.Number = number
		buf = AppendPage(buf[:0], &pg)
		return c.Reply(buf)
	})
	if err == nil {
		source.doc.close()
	}
	return err
}

// eachPage reads the pages that the parent wants. The readers read at once, each one page
// after the other.
func eachPage(c *worker.Call, pages int, readers ...func(number int) error) error {
	var mu sync.Mutex
	var next, left uint64
	over := false
	// take returns the next page, 0 if there is none.
	take := func() (number int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if left == 0 && !over {
			answer, err := c.Ask(binary.AppendUvarint(nil, uint64(pages)))
			if over = err != nil || len(answer) == 0; over {
				return 0, err
			}
			first, n := binary.Uvarint(answer)
			count, m := binary.Uvarint(answer[max(n, 0):])
			if n <= 0 || m <= 0 {
				return 0, errors.New("the parent's answer cannot be decoded")
			}
			next, left = first, count
		}
		if over || left == 0 {
			return 0, nil
		}
		next, left = next+1, left-1
		return int(next - 1), nil
	}
	work := func(read func(number int) error) error {
		for {
			number, err := take()
			if err == nil && number > 0 {
				err = read(number)
			}
			if err != nil || number == 0 {
				mu.Lock()
				over, left = true, 0
				mu.Unlock()
				return err
			}
		}
	}
	errs := make(chan error, len(readers))
	for _, read := range readers[1:] {
		go func() { errs <- work(read) }()
	}
	errs <- work(readers[0])
	var all error
	for range readers {
		all = cmp.Or(all, <-errs)
	}
	return all
}

// read reads a page, counted from 1, with its rules if they are asked for.
func (d *document) read(number int, ruled bool) (page.Page, error) {
	pg := page.Page{Number: number}
	l, err := d.load(number)
	if damaged, ok := errors.AsType[errDamaged](err); ok {
		pg.Damage = damaged.why
		return pg, nil
	}
	if err != nil {
		return pg, err
	}
	pg.Width, pg.Height = l.frame.size()
	pg.Words = l.words()
	pg.Hidden, pg.Scan, pg.Notes = l.hidden, l.scan, l.notes
	if ruled {
		pg.Rules, pg.MoreRules = l.rules()
	}
	if number == 1 {
		pg.Notes = append(pg.Notes, d.attachments()...)
	}
	l.close()
	return pg, nil
}

// openChecked opens a document, or explains to people why it cannot be opened.
func openChecked(p *pdfium, src io.ReaderAt, size int64) (*document, error) {
	if err := checkEnds(src, size); err != nil {
		return nil, err
	}
	doc, err := p.open(src, size)
	if err == nil {
		if doc.pages > 0 {
			return doc, nil
		}
		doc.close()
		return nil, fault.New(fault.DamagedPDF, "the PDF has no pages; make it again")
	}
	refused, ok := errors.AsType[errOpen](err)
	if !ok {
		return nil, err
	}
	switch refused.code {
	case errPassword:
		return nil, fault.New(fault.EncryptedPDF, "the PDF is protected by a password; save it without one and try again")
	case errSecurity:
		return nil, fault.New(fault.EncryptedPDF, "the PDF is encrypted in a way that cannot be read; save it without protection and try again")
	default:
		return nil, &fault.Error{Code: fault.DamagedPDF, Message: "the PDF is damaged and cannot be opened; make or send it again", Err: err}
	}
}

// ends is how many bytes may be before and after the actual PDF: some programs and mail
// systems add a few lines.
const ends = 4 << 10

// checkEnds checks the marks at the beginning and the end of a PDF. PDFium also opens a
// file that is cut off, and shows what is left of it; the missing bills would be lost
// in silence.
func checkEnds(src io.ReaderAt, size int64) error {
	if size == 0 {
		return fault.New(fault.EmptyFile, "the file is empty; send it again")
	}
	if size > MaxSize {
		return fault.New(fault.TooLarge, "the file has %d MB, more than the %d MB that a PDF may have", size>>20, int64(MaxSize)>>20)
	}
	head := make([]byte, min(ends, size))
	if _, err := src.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	if magic.HEIC(head) {
		return fault.New(fault.NotAPDF, "the file is a HEIC picture, which cannot be read; send it as JPEG: an iPhone takes photos so with Settings, Camera, Formats, Most Compatible, and sends any photo so if it is shared by mail")
	}
	if !bytes.Contains(head, header) || magic.Begins(head, magic.ZIP) {
		return fault.New(fault.NotAPDF, "the file is not a PDF: %s; give the PDF that the billing system prints", looksLike(head))
	}
	// In a file for the web, the end mark near the beginning is not the last.
	if m := linearized.FindSubmatch(head); m != nil {
		if whole, _ := strconv.ParseInt(string(m[1]), 10, 64); whole > size {
			return fault.New(fault.DamagedPDF, "the PDF is cut off: it has %d bytes of %d; make or send it again", size, whole)
		}
	}
	tail := make([]byte, min(ends, size))
	if _, err := src.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	if !bytes.Contains(tail, []byte("%%EOF")) && !bytes.Contains(tail, []byte("startxref")) {
		return fault.New(fault.DamagedPDF, "the PDF is cut off: its end mark is missing; make or send it again")
	}
	return nil
}

// linearized matches the beginning of a PDF for the web, which contains the length of
// the file.
var linearized = regexp.MustCompile(`<<[^>]*/Linearized\b[^>]*/L\s+(\d{1,18})\b`)

// MaxSize is the size of the largest PDF that can be read, in bytes: the limit of
// PDFium's 32-bit file offsets.
const MaxSize = 1<<32 - 1

// looksLike guesses the kind of a file that is not a PDF.
func looksLike(head []byte) string {
	switch kind := magic.Of(head); kind {
	case magic.Unknown:
	case magic.ZIPArchive:
		return "it looks like a ZIP archive or an Office document"
	case magic.CompoundFile:
		return "it looks like an old Office document"
	default:
		return "it looks like " + string(kind)
	}
	lower := bytes.ToLower(bytes.TrimSpace(head))
	if bytes.HasPrefix(lower, []byte("<!doctype html")) || bytes.HasPrefix(lower, []byte("<html")) {
		return "it looks like a web page"
	}
	if !bytes.ContainsFunc(head, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return "it looks like plain text, such as an order export"
	}
	return "it does not begin like one"
}

// maxPixels is the greatest number of pixels of a picture.
const maxPixels = 40 << 20

func servePicture(p *pdfium, c *worker.Call, a pictureArgs) error {
	doc, l, err := loadOne(p, c, a)
	if err != nil {
		return err
	}
	w, h := l.frame.size()
	if err := c.Reply(appendSize(w, h, l.scan != page.Printed)); err != nil {
		return err
	}
	img, err := l.picture(a.Width)
	if err != nil {
		return err
	}
	l.close()
	doc.close()
	return replyPNG(c, img)
}

// replyPNG replies with a picture.
func replyPNG(c *worker.Call, img image.Image) error {
	var out bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := enc.Encode(&out, img); err != nil {
		return fmt.Errorf("encoding the picture: %w", err)
	}
	return c.Reply(out.Bytes())
}

// loadOne opens a source and loads the page of it that the arguments name.
func loadOne(p *pdfium, c *worker.Call, a pictureArgs) (*document, *loaded, error) {
	source, err := openPack(p, c.Source(a.Size), a.Size)
	if err != nil {
		return nil, nil, err
	}
	if a.Page < 1 || a.Page > source.pages {
		source.doc.close()
		return nil, nil, fault.New(fault.NoSuchPage, "there is no page %d: the document has %d", a.Page, source.pages).With(map[string]int{"pages": source.pages})
	}
	doc, of, err := source.page(a.Page)
	if err != nil {
		return nil, nil, err
	}
	l, err := doc.load(of)
	if damaged, ok := errors.AsType[errDamaged](err); ok {
		doc.close()
		return nil, nil, fault.New(fault.DamagedPDF, "page %d: %s", a.Page, damaged.why)
	}
	return doc, l, err
}

// picture renders the page, upright, on white.
func (l *loaded) picture(width int) (*image.RGBA, error) {
	w, h := l.frame.size()
	height := max(1, int(float32(width)*h/w+0.5))
	if width < 1 || width*height > maxPixels {
		return nil, fault.New(fault.TooLarge, "a picture of %d by %d pixels is too large; ask for a smaller width", width, height)
	}
	const annotations = 1
	b := l.render(view{width: width}, annotations)
	if b == nil {
		return nil, fault.New(fault.TooMuchMemory, "a picture of %d by %d pixels needs too much memory; ask for a smaller width", width, height)
	}
	pixels := b.pixels()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		from, to := pixels[y*int(b.stride):], img.Pix[y*img.Stride:]
		for x := range width {
			// PDFium's pixels are BGRx.
			to[x*4], to[x*4+1], to[x*4+2], to[x*4+3] = from[x*4+2], from[x*4+1], from[x*4], 0xFF
		}
	}
	b.free()
	return img, nil
}
