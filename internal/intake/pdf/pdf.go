// Package pdf reads PDF documents: it returns their pages as words with places, and
// pictures of the pages. It does not know what a bill is.
//
// The engine is PDFium, compiled to WebAssembly and run by wazero, in worker processes:
// a document that makes it hang, crash or use up its memory ends with a clear fault,
// and affects no other document. Idle workers share the pages of one document.
//
// Only text inside a page's visible box counts; some billing systems leave stray text
// far outside of it.
package pdf

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
)

// Reader reads documents with the workers of a pool. It is safe for concurrent use.
type Reader struct {
	pool    *worker.Pool
	config  Config
	counts  counts
	checked atomic.Int64 // documents read without PDFium
}

// Config says how documents are read. A field that is zero means its default.
type Config struct {
	// Time is how long reading one document may take, by default 3 minutes.
	Time time.Duration
	// Pages is the greatest number of pages of a document, by default 20,000.
	Pages int
	// PDFium has everything read by PDFium.
	PDFium bool
	// Judge compares the readers: of so many documents read without PDFium, one is read
	// again with it. 0 means never.
	Judge int
	// Log gets a line for each page on which the readers differ.
	Log *slog.Logger
}

// NewReader returns a Reader. The workers of the pool must serve Handlers.
func NewReader(pool *worker.Pool, c Config) *Reader {
	c.Time = cmp.Or(max(c.Time, 0), 3*time.Minute)
	c.Pages = cmp.Or(max(c.Pages, 0), 20_000)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return &Reader{pool: pool, config: c}
}

// Read reads all pages of a document and returns their number. It calls each with a
// page as soon as it is read: in any order, and from several goroutines at once. A page
// that cannot be read while others can has its Damage set. Memory does not grow with
// the number of pages.
//
// It fails with the codes fault.EmptyFile, NotAPDF, DamagedPDF, EncryptedPDF, TooLarge,
// TooSlow, TooMuchMemory, WorkerCrashed, Cancelled or Unreadable, or with the error of
// each; each may have been called with some pages by then.
func (r *Reader) Read(ctx context.Context, src io.ReaderAt, size int64, each func(page.Page) error) (pages int, err error) {
	return r.readAll(ctx, src, size, nil, nil, each)
}

// ReadCounting is Read that calls counted with the number of pages as soon as it is known,
// before it calls each: once for each PDF in the file, with the pages of those before it.
func (r *Reader) ReadCounting(ctx context.Context, src io.ReaderAt, size int64, counted func(pages int), each func(page.Page) error) (pages int, err error) {
	return r.readAll(ctx, src, size, nil, counted, each)
}

// ReadRuled is Read for some pages of a document, with their rules. It calls each with
// the pages of which wanted reports true.
func (r *Reader) ReadRuled(ctx context.Context, src io.ReaderAt, size int64, wanted func(number int) bool, each func(page.Page) error) error {
	_, err := r.readAll(ctx, src, size, wanted, nil, each)
	return err
}

// readAll reads the pages that are wanted, with their rules, or all without rules.
func (r *Reader) readAll(ctx context.Context, src io.ReaderAt, size int64, wanted func(number int) bool, counted func(int), each func(page.Page) error) (pages int, err error) {
	ctx, cancel := worker.WithTimeout(ctx, r.config.Time)
	defer cancel()
	parts, err := partsOf(src, size)
	if err != nil {
		return 0, err
	}
	for i, part := range parts {
		n, err := r.readPart(ctx, part, pages, wanted, counted, each)
		if err != nil {
			if len(parts) > 1 {
				err = fault.In(fmt.Sprintf("PDF %d of the %d in the file", i+1, len(parts)), err)
			}
			return 0, err
		}
		pages += n
	}
	return pages, nil
}

// readPart reads one PDF of a file: without PDFium what can be read so, and the rest with
// it. The numbers of its pages follow before.
func (r *Reader) readPart(ctx context.Context, part *io.SectionReader, before int, wanted func(int) bool, counted func(int), each func(page.Page) error) (pages int, err error) {
	args, err := json.Marshal(readArgs{Size: part.Size(), Ruled: wanted != nil})
	if err != nil {
		return 0, fmt.Errorf("reading a PDF: %w", err)
	}
	j := &job{reader: r, ctx: ctx, src: part, args: args, before: before, each: each, wanted: wanted, counted: counted, fast: true}
	if !r.config.PDFium {
		if err := j.run(); err != nil && !j.givesUp(err) {
			return 0, err
		}
	}
	if j.read+j.skipped < j.pages || j.pages == 0 {
		rest := &job{reader: r, ctx: ctx, src: part, args: args, before: before, each: each, wanted: wanted, counted: counted, done: j.done}
		if err := rest.run(); err != nil {
			return 0, err
		}
		if j.pages > 0 && rest.pages != j.pages {
			return 0, fmt.Errorf("reading a PDF: PDFium finds %d pages where %d were read", rest.pages, j.pages)
		}
		r.counts.pages(rest.read, false)
		j.pages, j.read, j.skipped = rest.pages, j.read+rest.read, max(j.skipped, rest.skipped)
	} else if wanted == nil {
		r.check(ctx, part, j.pages)
	}
	if j.read+j.skipped != j.pages {
		return 0, fmt.Errorf("reading a PDF: %d of %d pages were read", j.read, j.pages)
	}
	return j.pages, nil
}

// run has workers read all pages that are not done.
func (j *job) run() error {
	lease, err := j.reader.pool.Lease(j.ctx, j.fast)
	if err != nil {
		return err
	}
	if !j.fast && j.done == nil && j.src.Size() > ManyBytes {
		j.help(true) // before it is known how many pages there are
	}
	j.work(lease)
	j.helpers.Wait()
	if j.panicked != nil {
		panic(j.panicked)
	}
	if j.fast {
		j.reader.counts.pages(j.read, true)
	}
	return j.err
}

// givesUp reports whether the fast reader failed in a way that is not the document's
// fault: PDFium may still read it.
func (j *job) givesUp(err error) bool {
	switch fault.CodeOf(err) {
	case fault.TooSlow, fault.TooMuchMemory, fault.WorkerCrashed:
		if j.ctx.Err() == nil {
			j.reader.counts.declined(string(fault.CodeOf(err)))
			return true
		}
	}
	return false
}

// job is the reading of one document by one or more workers.
type job struct {
	reader  *Reader
	ctx     context.Context
	src     *io.SectionReader
	args    []byte
	each    func(page.Page) error
	before  int                   // the number of pages of the PDFs before this one in the file
	wanted  func(number int) bool // which pages of the file are read; nil for all
	counted func(int)             // is told how many pages there are; may be nil
	fast    bool                  // without PDFium

	helpers sync.WaitGroup

	mu    sync.Mutex
	err   error  // the first error of a worker
	pages int    // 0 until a worker has opened the document
	done  []bool // for each page, whether it was read
	// panicked is the first panic of the function that receives the pages. It is raised
	// again in the goroutine of the caller, which may recover from it.
	panicked error
	left     []*span // pages that no worker has, one span for each worker so far
	read     int     // the number of pages passed on
	skipped  int     // the number of pages that are not wanted
}

// span is a range of pages for one worker: from next up to, not including, end.
type span struct{ next, end int }

// A second worker need not run yet to be worth while for documents of more bytes or
// pages: reading so many takes about as long as its start. Without PDFium it never is: one
// worker reads on all processors.
const (
	ManyBytes = 1 << 20
	manyPages = 64
)

// help takes another worker for the document, if one is idle, and if it runs or may be
// started for this.
func (j *job) help(start bool) {
	lease := j.reader.pool.TryLease(j.fast, start)
	if lease == nil {
		return
	}
	j.helpers.Go(func() { j.work(lease) })
}

// work has one worker read until no page is left.
func (j *job) work(lease *worker.Lease) {
	defer lease.Release()
	defer func() {
		if v := recover(); v != nil {
			j.mu.Lock()
			defer j.mu.Unlock()
			err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			j.panicked, j.err = cmp.Or(j.panicked, err), cmp.Or(j.err, err)
		}
	}()
	method := methodRead
	if j.fast {
		method = methodFast
	}
	own := &span{}
	given := map[int]bool{} // the pages that the worker was given and has not read
	opened, refused := false, false
	err := lease.Call(j.ctx, worker.Request{
		Method: method,
		Args:   j.args,
		Source: j.src,
		Answer: func(question []byte) ([]byte, error) {
			pages, n := binary.Uvarint(question)
			if n <= 0 {
				return nil, errWire
			}
			opened = true
			first, count, err := j.take(own, int(pages))
			if count == 0 || err != nil {
				return nil, err
			}
			for i := range count {
				given[first+i] = true
			}
			return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(first)), uint64(count)), nil
		},
		Reply: func(payload []byte) error {
			if j.fast {
				if len(payload) == 0 {
					return errWire
				}
				kind := payload[0]
				payload = payload[1:]
				switch {
				case kind == replyRefused && !opened && !refused:
					refused = true
					j.reader.counts.declined(string(payload))
					return nil
				case kind == replyDeclined:
					number, n := binary.Uvarint(payload)
					if n <= 0 || !given[int(number)] {
						return errWire
					}
					delete(given, int(number))
					j.reader.counts.declined(string(payload[n:]))
					return nil
				case kind != replyPage:
					return errWire
				}
			}
			p, err := ParsePage(payload)
			if err != nil {
				return err
			}
			if !given[p.Number] {
				return errWire
			}
			delete(given, p.Number)
			p.Number += j.before
			if err := j.each(p); err != nil {
				return err
			}
			j.mu.Lock()
			defer j.mu.Unlock()
			j.read++
			j.done[p.Number-1-j.before] = true
			return nil
		},
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil || j.err != nil {
		return
	}
	if code := fault.CodeOf(err); len(given) > 0 &&
		(code == fault.TooSlow || code == fault.TooMuchMemory || code == fault.WorkerCrashed) {
		err = fault.In(fmt.Sprintf("page %d", j.before+slices.Min(slices.Collect(maps.Keys(given)))), err)
	}
	j.err = err
}

// chunk is the greatest number of pages that a worker gets at once: few enough for all
// workers to finish at about the same time. Without PDFium it is the least number, if so
// many are left, and chunkFast the greatest: with each question, readers wait.
const (
	chunk     = 8
	chunkFast = 32
)

// take returns the next pages for a worker; count is 0 when none are left or the job
// has failed. A worker continues in its own span, so that it reads only one part of the
// file; when that is finished, or when it is new, it takes half of the longest span
// that is left.
func (j *job) take(own *span, pages int) (first, count int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return 0, 0, nil
	}
	if j.pages == 0 {
		if all := j.before + pages; all > j.reader.config.Pages {
			return 0, 0, fault.New(fault.TooLarge, "the PDF has %d pages, more than the %d that are read at once; split the PDF", all, j.reader.config.Pages)
		}
		j.pages = pages
		if j.counted != nil {
			j.counted(j.before + pages)
		}
		j.left = append(j.left, &span{1, pages + 1})
		if j.done == nil {
			j.done = make([]bool, pages)
			for i := range j.done {
				if j.wanted != nil && !j.wanted(j.before+i+1) {
					j.done[i] = true
					j.skipped++
				}
			}
		}
		if len(j.done) != pages {
			return 0, 0, errors.New("the readers do not agree on the number of pages")
		}
	}
	if pages != j.pages {
		return 0, 0, errors.New("the workers do not agree on the number of pages")
	}
	for {
		// What was read without PDFium is skipped.
		for own.next < own.end && j.done[own.next-1] {
			own.next++
		}
		if own.next < own.end {
			break
		}
		longest := slices.MaxFunc(j.left, func(a, b *span) int { return cmp.Compare(a.end-a.next, b.end-b.next) })
		middle := longest.next + (longest.end-longest.next)/2
		own.next, own.end, longest.end = middle, longest.end, middle
		if !slices.Contains(j.left, own) {
			j.left = append(j.left, own)
		}
		if own.next == own.end {
			return 0, 0, nil
		}
		j.help(!j.fast && own.end-own.next > manyPages)
	}
	first = own.next
	half := (own.end - own.next) / 2
	most := min(chunk, max(1, half))
	if j.fast {
		most = min(chunkFast, max(chunk, half), own.end-own.next)
	}
	for ; count < most && !j.done[own.next-1]; count++ {
		own.next++
	}
	return first, count, nil
}

// The least and greatest width of a picture, in pixels.
const (
	MinWidth = 16
	MaxWidth = 4000
)

// IsPNG reports whether what a worker sent begins and ends as each PNG does (ISO 15948, 5.2
// and 11.2.5).
func IsPNG(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) && bytes.HasSuffix(b, []byte("IEND\xaeB`\x82"))
}

// Picture is the picture of a page.
type Picture struct {
	PNG []byte
	// PageWidth and PageHeight are the size of the page in points.
	PageWidth, PageHeight float32
	// Scan says that the page may have been read from its picture.
	Scan bool
}

// Take takes the replies of a worker that shows a page: its size, and then the PNG.
func (p *Picture) Take(payload []byte) error {
	switch {
	case p.PageWidth == 0:
		r := &wireReader{b: payload}
		p.PageWidth, p.PageHeight, p.Scan = r.float(), r.float(), r.uint() != 0
		if r.bad || !(p.PageWidth > 0) || !(p.PageHeight > 0) {
			return errWire
		}
	case p.PNG == nil && IsPNG(payload):
		p.PNG = bytes.Clone(payload)
	default:
		return errWire
	}
	return nil
}

// Picture renders a page, counted from 1, as a PNG of the given width in pixels. It
// shows the page as Read reads it: the visible box, upright, so that a point of a
// word's box is at the same place in both, scaled by the picture's width over the
// page's width.
//
// Besides the codes of Read, it fails with fault.NoSuchPage, and with fault.BadRequest
// if the width is outside MinWidth and MaxWidth.
func (r *Reader) Picture(ctx context.Context, src io.ReaderAt, size int64, number, width int) (*Picture, error) {
	return r.show(ctx, src, size, number, width, methodPicture)
}

// Show is Picture for a page that Scan read and that is Flat: it shows it as it was read.
func (r *Reader) Show(ctx context.Context, src io.ReaderAt, size int64, number, width int) (*Picture, error) {
	return r.show(ctx, src, size, number, width, methodScan)
}

func (r *Reader) show(ctx context.Context, src io.ReaderAt, size int64, number, width int, method string) (*Picture, error) {
	if width < MinWidth || width > MaxWidth {
		return nil, fault.New(fault.BadRequest, "the width of a picture must be between %d and %d pixels, not %d", MinWidth, MaxWidth, width)
	}
	ctx, cancel := worker.WithTimeout(ctx, r.config.Time)
	defer cancel()
	return onPage(src, size, number, func(part *io.SectionReader, number int) (*Picture, error) {
		return r.picture(ctx, part, number, width, method)
	})
}

// onPage calls a function for a page, counted from 1, with the PDF of the file that has it,
// and the page's number in that. do fails with fault.NoSuchPage for a page that is not there.
func onPage[T any](src io.ReaderAt, size int64, number int, do func(part *io.SectionReader, number int) (*T, error)) (*T, error) {
	parts, err := partsOf(src, size)
	if err != nil {
		return nil, err
	}
	before := 0
	for i, part := range parts {
		out, err := do(part, number-before)
		if i == len(parts)-1 || fault.CodeOf(err) != fault.NoSuchPage {
			if fault.CodeOf(err) == fault.NoSuchPage {
				return nil, fault.New(fault.NoSuchPage, "there is no page %d: the document has %d", number, before+pagesOf(err))
			}
			return out, err
		}
		before += pagesOf(err)
	}
	return nil, errors.New("the file has no part")
}

// pagesOf returns the number of pages of a document that lacks the requested page.
func pagesOf(err error) int {
	var details struct{ Pages int }
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if raw, ok := f.Details.(json.RawMessage); ok && json.Unmarshal(raw, &details) == nil {
			return max(details.Pages, 0)
		}
	}
	return 0
}

// picture renders a page of one PDF of a file.
func (r *Reader) picture(ctx context.Context, part *io.SectionReader, number, width int, method string) (*Picture, error) {
	p := &Picture{}
	if err := r.ask(ctx, part, method, pictureArgs{Page: number, Width: width}, p.Take); err != nil {
		return nil, err
	}
	if p.PNG == nil { // it comes after the size
		return nil, errWire
	}
	return p, nil
}

// ask has a worker do what a method says with a page of one PDF of a file.
func (r *Reader) ask(ctx context.Context, part *io.SectionReader, method string, args pictureArgs, reply func([]byte) error) error {
	args.Size = part.Size()
	return r.pool.Call(ctx, false, args, worker.Request{Method: method, Source: part, Reply: reply})
}
