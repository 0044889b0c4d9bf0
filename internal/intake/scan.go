package intake

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"slices"
	"sync"

	"tallyman/internal/fault"
	"tallyman/internal/intake/ocr"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/picture"
	"tallyman/internal/intake/worker"
	"tallyman/internal/magic"
	"tallyman/internal/page"
)

// The methods of workers for pictures. The arguments of both are scanArgs. Both begin with a
// reply that is the number of pages, as JSON.
const (
	methodScan = "picture.read" // replies with the page
	methodShow = "picture.show" // replies with the size of the page in points, as JSON, and a PNG
)

// scanArgs names one page of a file of pictures, from 1. Page 0 asks for the number of pages
// alone.
type scanArgs struct {
	Size  int64
	Page  int
	Width int `json:",omitempty"`
}

// isPicture reports whether a file is a picture, by its first bytes.
func isPicture(f File) bool { return magic.Picture(headOf(f)) }

// pictures returns the number of pages of a picture that can have only one, 0 of other files.
func pictures(f File) int {
	if head := headOf(f); magic.Picture(head) && !magic.TIFF(head) {
		return 1
	}
	return 0
}

func headOf(f File) []byte {
	head := make([]byte, 12)
	n, _ := f.ReadAt(head, 0)
	return head[:n]
}

// MaxScans bounds the pages of one document that are read from pictures. Further ones are
// pages without text.
const MaxScans = 300

// stampWords is from how many words on a page is printed, even if it is mostly pictures: below
// them are the stamps, numbers and fax headers that programs print on scans.
const stampWords = 25

// read reads all pages of a file, be it a PDF or a picture. Pages of a PDF that are pictures
// are read last. It calls count and each as pdf.Reader.ReadCounting does.
func (r *Reader) read(ctx context.Context, f File, count func(pages int), each func(page.Page) error) (pages int, err error) {
	if isPicture(f) {
		pages, err = r.scannedPages(ctx, f)
		if err != nil {
			return 0, err
		}
		count(pages)
		return pages, r.scanned(ctx, f, pages, func(int) bool { return true }, each)
	}
	var mu sync.Mutex
	var scans []page.Page
	pages, err = r.pdf.ReadCounting(ctx, f, f.Size, count, func(p page.Page) error {
		if p.Scan != page.Picture && p.Scan != page.TextLayer || len(p.Words) >= stampWords || p.Damage != "" {
			return each(p)
		}
		mu.Lock()
		defer mu.Unlock()
		scans = append(scans, p)
		return nil
	})
	if err != nil {
		return pages, err
	}
	slices.SortFunc(scans, func(a, b page.Page) int { return a.Number - b.Number })
	var numbers []int
	for _, p := range scans[:min(len(scans), MaxScans)] {
		numbers = append(numbers, p.Number)
	}
	err = inTurn(ctx, numbers, r.reading(f, pages, r.scannedPDF), func(i int, scan *page.Page) error {
		p := scans[i]
		if len(scan.Words) > 0 || scan.Damage != "" {
			p = *scan
			p.Notes = append(slices.Clone(scans[i].Notes), p.Notes...)
		}
		return each(p)
	})
	for i := len(numbers); err == nil && i < len(scans); i++ {
		err = each(scans[i])
	}
	return pages, err
}

// reading returns a function that reads pages of a file from their pictures by scan, within
// the limit of time of a page, or takes what is kept of them. A page that cannot be read is a
// damaged page if the file has others.
//
// It returns when the first reader has read the page; wait waits for the second one. So the
// next page can be read meanwhile.
func (r *Reader) reading(f File, pages int, scan func(ctx context.Context, f File, number int) (*pdf.Scanned, error)) func(ctx context.Context, number int) (wait func() (*page.Page, error)) {
	sum := sync.OnceValues(func() ([sha256.Size]byte, error) { return sumOf(f) })
	return func(ctx context.Context, number int) func() (*page.Page, error) {
		ready := func(p *page.Page, err error) func() (*page.Page, error) {
			return func() (*page.Page, error) { return p, err }
		}
		keep := r.kept != nil && r.owner != nil
		var at keptPage
		if keep {
			sum, err := sum()
			if err != nil {
				return ready(nil, err)
			}
			at = keptPage{*r.owner, sum, number}
			if p := r.kept.get(at); p != nil {
				return ready(p, nil)
			}
		}
		limited, cancel := worker.WithPageTimeout(ctx, r.page)
		s, err := scan(limited, f, number)
		if err != nil {
			cancel()
			if pages > 1 && ctx.Err() == nil && unreadable(err) {
				return ready(&page.Page{Number: number, Width: 612, Height: 792, Damage: err.Error()}, nil)
			}
			return ready(nil, err)
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			defer cancel()
			r.readAgain(limited, s)
			if keep && (s.Page.Twice || r.second == nil) { // else the next reading may prove more
				r.kept.put(at, &s.Page)
			}
		}()
		return func() (*page.Page, error) {
			<-read
			return &s.Page, nil
		}
	}
}

// inTurn passes on pages of a document in their order, each while the next one is read.
func inTurn(ctx context.Context, numbers []int, read func(ctx context.Context, number int) (wait func() (*page.Page, error)), each func(i int, p *page.Page) error) error {
	if len(numbers) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wait := read(ctx, numbers[0])
	for i := range numbers {
		next := make(chan func() (*page.Page, error), 1)
		go func() {
			if i+1 < len(numbers) {
				next <- read(ctx, numbers[i+1])
			}
			close(next)
		}()
		p, err := wait()
		if err == nil {
			err = each(i, p)
		}
		if err != nil {
			cancel() // what is read in vain
		}
		wait = <-next
		if err != nil {
			return err
		}
	}
	return nil
}

// unreadable reports whether a page cannot be read for a fault of its own.
func unreadable(err error) bool {
	switch fault.CodeOf(err) {
	case fault.TooSlow, fault.TooMuchMemory, fault.WorkerCrashed, fault.DamagedPicture, fault.TooLarge:
		return true
	}
	return false
}

func (r *Reader) scannedPDF(ctx context.Context, f File, number int) (*pdf.Scanned, error) {
	return r.pdf.Scan(ctx, f, f.Size, number)
}

// readAgain has the second reader read the words of a page that have digits. Without it, or if
// it fails, the page was read once, and less of it is proved.
func (r *Reader) readAgain(ctx context.Context, s *pdf.Scanned) {
	if r.second == nil {
		return
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return
	}
	var first []string
	for _, w := range s.Strip.Words {
		first = append(first, s.Page.Words[w].Text)
	}
	texts, err := r.second.Read(ctx, s.Strip, first)
	if err != nil {
		r.log.WarnContext(ctx, "the second reader failed", "page", s.Page.Number, "error", err)
		return
	}
	for i := range texts {
		s.Page.Words[s.Strip.Words[i]].Second = texts[i]
	}
	s.Page.Twice = true
}

// call calls a method for a picture. more gets the replies after the first.
func (r *Reader) call(ctx context.Context, method string, f File, args scanArgs, more func(payload []byte) error) (pages int, err error) {
	ctx, cancel := worker.WithTimeout(ctx, max(r.time, r.page))
	defer cancel()
	args.Size = f.Size
	err = r.pool.Call(ctx, true, args, worker.Request{
		Method: method,
		Source: f,
		Most:   r.replies,
		Reply: func(payload []byte) error {
			if pages > 0 {
				return more(payload)
			}
			if err := json.Unmarshal(payload, &pages); err != nil || pages < 1 || pages > picture.MaxPages {
				return worker.Rogue("reading a picture: the worker sent %.40q for its pages", payload)
			}
			return nil
		},
	})
	if err == nil && pages == 0 {
		err = worker.Rogue("reading a picture: the worker sent nothing")
	}
	return pages, err
}

// scannedPages returns the number of pages of a picture.
func (r *Reader) scannedPages(ctx context.Context, f File) (int, error) {
	if n := pictures(f); n > 0 {
		return n, nil
	}
	return r.call(ctx, methodScan, f, scanArgs{}, func([]byte) error { return worker.Rogue("the worker sent a page that nobody asked for") })
}

// scanned reads those of the pages of a picture that are wanted.
func (r *Reader) scanned(ctx context.Context, f File, pages int, wanted func(number int) bool, each func(page.Page) error) error {
	if pages > MaxScans {
		return fault.New(fault.TooLarge, "the file has %d pictures, more than the %d that are read at once; split it", pages, MaxScans)
	}
	var numbers []int
	for number := 1; number <= pages; number++ {
		if wanted(number) {
			numbers = append(numbers, number)
		}
	}
	return inTurn(ctx, numbers, r.reading(f, pages, r.scannedPicture), func(_ int, p *page.Page) error { return each(*p) })
}

// scannedPicture reads a page of a picture.
func (r *Reader) scannedPicture(ctx context.Context, f File, number int) (*pdf.Scanned, error) {
	return pdf.Receive(number, func(reply func(payload []byte) error) error {
		_, err := r.call(ctx, methodScan, f, scanArgs{Page: number}, reply)
		return err
	})
}

// shown returns the picture of a page of a picture.
func (r *Reader) shown(ctx context.Context, f File, number, width int) (*pdf.Picture, error) {
	if width < pdf.MinWidth || width > pdf.MaxWidth {
		return nil, fault.New(fault.BadRequest, "the width of a picture must be between %d and %d pixels, not %d", pdf.MinWidth, pdf.MaxWidth, width)
	}
	out := &pdf.Picture{}
	pages, err := r.call(ctx, methodShow, f, scanArgs{Page: number, Width: width}, out.Take)
	switch {
	case err != nil:
		return nil, err
	case number < 1 || number > pages:
		return nil, fault.New(fault.NoSuchPage, "there is no page %d: the document has %d", number, pages)
	case out.PNG == nil:
		return nil, worker.Rogue("showing a picture: the worker did not send it")
	}
	return out, nil
}

// opened opens the picture of a call, replies with the number of its pages, and returns the
// page that is wanted, flat, upright and level, with what reads it; nil if there is no such
// page.
func opened(c *worker.Call, a scanArgs) (*ocr.Sheet, *ocr.Reader, error) {
	f, err := picture.Open(io.NewSectionReader(c.Source(a.Size), 0, a.Size), a.Size)
	if err != nil {
		return nil, nil, err
	}
	count, err := json.Marshal(f.Pages())
	if err != nil {
		return nil, nil, err
	}
	if err := c.Reply(count); err != nil || a.Page < 1 || a.Page > f.Pages() {
		return nil, nil, err
	}
	img, err := f.Gray(a.Page - 1)
	if err != nil {
		return nil, nil, err
	}
	if err := c.Alive(); err != nil {
		return nil, nil, err
	}
	reader, err := ocr.Shared()
	if err != nil {
		return nil, nil, err
	}
	sheet, err := reader.Upright(ocr.Prepare(ocr.Flattened(img)), c.Alive)
	return sheet, reader, err
}

func serveScan(c *worker.Call, a scanArgs) error {
	sheet, reader, err := opened(c, a)
	if err != nil || sheet == nil {
		return err
	}
	p, err := reader.Read(sheet, sheet.Width(), c.Alive)
	if err != nil {
		return err
	}
	p.Number = a.Page
	return pdf.Send(c, p, sheet.Strip(p))
}

func serveShow(c *worker.Call, a scanArgs) error {
	sheet, _, err := opened(c, a)
	if err != nil || sheet == nil {
		return err
	}
	return pdf.ShowSheet(c, sheet, a.Width)
}
