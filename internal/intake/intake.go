// Package intake reads the files that people send: PDFs of bills and order exports.
// Hostile files meet the parsers here, and are kept away from everything else: all
// parsing is done in worker processes with limits of time, memory and size.
//
// The command line and the service both use it.
package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/intake/worker"
	"tallyman/internal/orders"
	"tallyman/internal/page"
)

// Config has the limits of reading. The zero value is usable.
type Config struct {
	// Workers is the number of processes that read. 0 means one per processor.
	Workers int
	// Memory is the limit of one worker, in bytes. 0 means 512 MiB.
	Memory int64
	// Time is how long one document may take. 0 means 3 minutes.
	Time time.Duration
	// PageTime is how long one page may take that is read from its picture, which Time does
	// not count. 0 means a minute.
	PageTime time.Duration
	// Kept keeps such pages for Readers that are Keeping; nil for none. Several may share it.
	Kept *Kept
	// Stall is how long a worker may work without sending anything. 0 means 20 seconds.
	Stall time.Duration
	// Pages is the greatest number of pages of a document. 0 means 20,000.
	Pages int
	// Orders are the limits of an order export. The zero value means the defaults.
	Orders orders.Limits
	// Cache is a directory for compiled code. "" means CacheDir().
	Cache string
	// PDFium has all PDFs read by PDFium, which is slower.
	PDFium bool
	// Judge compares the readers: of so many documents read without PDFium, one is read
	// again with it. 0 means never.
	Judge int
	// Yield has workers give way to other programs where processors are short (Linux).
	Yield bool
	// Second is the second reader of scans; nil for none.
	Second *tesseract.Reader
	// Log gets a line for each worker that was killed or crashed, and for each page on
	// which the readers differ; nil for none.
	Log *slog.Logger
}

// CacheDir returns the directory for compiled code in the user's cache directory, or ""
// if there is none.
func CacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "tallyman")
}

// Cache is the state of a directory for compiled code.
type Cache int

// The states of such a directory.
const (
	Ready    Cache = iota // it has this program's code, so workers start at once
	Cold                  // it is empty, so the first worker compiles
	Unusable              // it cannot be written, so every worker compiles
)

// Compiled returns the state of a directory for compiled code. It creates nothing
// there.
func Compiled(dir string) Cache {
	if dir == "" {
		return Unusable
	}
	if pdf.Compiled(dir) {
		return Ready
	}
	// Find the first folder that exists: whoever needs the others creates them.
	for {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
			continue
		case err != nil || !info.IsDir():
			return Unusable
		}
		f, err := os.CreateTemp(dir, ".tallyman-probe-*.part")
		if err != nil {
			return Unusable
		}
		f.Close()
		os.Remove(f.Name())
		return Cold
	}
}

// RunIfWorker serves calls if this process was started as a worker, and then never
// returns. Call it first in main, and in TestMain of tests that read files.
func RunIfWorker() {
	worker.Main(func(s worker.Settings) map[string]worker.Handler {
		handlers := pdf.Handlers(s)
		handlers[methodOrders] = worker.Decoded(serveOrders)
		handlers[methodScan] = worker.Decoded(serveScan)
		handlers[methodShow] = worker.Decoded(serveShow)
		return handlers
	})
}

// Reader reads files with worker processes. It is safe for concurrent use.
type Reader struct {
	pool   *worker.Pool
	pdf    *pdf.Reader
	second *tesseract.Reader
	log    *slog.Logger
	// places has room for as many second readers as there are workers.
	places chan struct{}
	orders orders.Limits
	time   time.Duration
	// replies bounds what a worker sends of one order export, in bytes. The worker has
	// all of it in its memory, where it is at least half as large.
	replies int64
	meter   func(bytes int) error // nil for none
	forms   []form.Form
	keep    bool
	page    time.Duration // for a page that is read from its picture
	kept    *Kept
	owner   *string // whose pages are kept; nil for nobody's
}

// New returns a Reader. Its workers start when they are first needed, or by Warm.
func New(c Config) *Reader {
	pool := worker.NewPool(worker.Config{
		Workers: c.Workers,
		Memory:  c.Memory,
		Stall:   c.Stall,
		Cache:   cmp.Or(c.Cache, CacheDir()),
		Yield:   c.Yield,
		Log:     c.Log,
	})
	return &Reader{
		pool:    pool,
		second:  c.Second,
		log:     cmp.Or(c.Log, slog.New(slog.DiscardHandler)),
		places:  make(chan struct{}, cmp.Or(max(c.Workers, 0), runtime.GOMAXPROCS(0))),
		pdf:     pdf.NewReader(pool, pdf.Config{Time: c.Time, Pages: c.Pages, PDFium: c.PDFium, Judge: c.Judge, Log: c.Log}),
		orders:  c.Orders,
		time:    cmp.Or(c.Time, 3*time.Minute),
		replies: 2 * cmp.Or(c.Memory, worker.DefaultMemory),
		page:    cmp.Or(c.PageTime, time.Minute),
		kept:    c.Kept,
	}
}

// Metered returns a Reader with the same workers that tells a function the size of what
// they send, and ends with its error. The function is called by several goroutines.
func (r *Reader) Metered(meter func(bytes int) error) *Reader {
	metered := *r
	metered.meter = meter
	return &metered
}

// Taught returns a Reader with the same workers that knows the learnt forms of an owner.
func (r *Reader) Taught(forms []form.Form) *Reader {
	taught := *r
	taught.forms = forms
	return &taught
}

// KeepingUnread returns a Reader with the same workers that also returns documents of which
// no bill can be read; see bol.Pages.Keep.
func (r *Reader) KeepingUnread() *Reader {
	keeping := *r
	keeping.keep = true
	return &keeping
}

// Keeping returns a Reader with the same workers that keeps the pages that it reads from
// pictures for an owner, and reads no page of that owner again that is kept.
func (r *Reader) Keeping(owner string) *Reader {
	keeping := *r
	keeping.owner = &owner
	return &keeping
}

func (r *Reader) metered(bytes int) error {
	if r.meter == nil {
		return nil
	}
	return r.meter(bytes)
}

// Warm starts all workers now, with PDFium.
func (r *Reader) Warm() { r.pool.Warm(math.MaxInt, false) }

// WarmOne starts one worker now, without PDFium: it reads ordinary documents and order
// exports.
func (r *Reader) WarmOne() { r.pool.Warm(1, true) }

// Readers returns how many pages were read by which reader of PDFs.
func (r *Reader) Readers() pdf.Counts { return r.pdf.Counts() }

// Restarts returns how many workers were killed or crashed since the start.
func (r *Reader) Restarts() int64 { return r.pool.Restarts() }

// Close ends the workers.
func (r *Reader) Close() { r.pool.Close() }

// File is a file to read.
type File struct {
	// Name is the file's name for people. It has no other effect.
	Name string
	io.ReaderAt
	// Size is in bytes.
	Size int64
}

// Progress is the progress of reading bills.
type Progress struct {
	File  int // index of the file being read
	Pages int // pages read so far, of all files
	Total int // pages of the file being read and of those before it, and pictures after it
	Bills int // bills found so far
	Lines int // lines found so far
}

// Bills reads one or more PDFs of bills as one document. It calls progress, unless that
// is nil, after each page, one call at a time.
//
// It fails with the codes of pdf.Reader.Read and bol.Pages.Document. If there is more
// than one file, the message begins with the file's name.
func (r *Reader) Bills(ctx context.Context, files []File, progress func(Progress)) (*bol.Document, error) {
	pages, err := r.Pages(ctx, files, progress)
	if err != nil {
		return nil, err
	}
	return pages.Document()
}

// wordTakes is what a usual word of a page takes in a reply, in bytes.
const wordTakes = 64

// weight is what a page takes in memory, about. A worker that was taken over may send few
// words that are long.
func weight(p *page.Page) int {
	n := len(p.Damage) + 16*len(p.Rules)
	for _, words := range [][]page.Word{p.Words, p.Hidden} {
		for i := range words {
			n += max(wordTakes, 5*len(words[i].Text)) + 12*len(words[i].Glyphs) // each character has an edge, too
		}
	}
	for i := range p.Notes {
		n += wordTakes + len(p.Notes[i].Text) + len(p.Notes[i].Message)
	}
	return n
}

// Pages reads the pages of one or more PDFs of bills, which may be combined with others
// later; see Bills.
func (r *Reader) Pages(ctx context.Context, files []File, progress func(Progress)) (*bol.Pages, error) {
	reader := bol.NewReader()
	docs := make([]bol.File, len(files))
	errs := make([]error, len(files))
	sums := make([][32]byte, len(files))
	sizes := map[int64]int{}
	for _, f := range files {
		sizes[f.Size]++
	}
	var turn sync.Mutex
	before := 0 // pages of the files before
	after := 0  // pages of pictures in the files after
	for _, f := range files {
		after += pictures(f)
	}
	for i, f := range files {
		after -= pictures(f)
		total := before
		count := func(n int) {
			turn.Lock()
			defer turn.Unlock()
			total = before + n + after
		}
		optical := map[int]page.Page{} // the pages that were read from pictures
		pages, err := r.read(ctx, f, count, func(p page.Page) error {
			if err := r.metered(weight(&p)); err != nil {
				return err
			}
			if p.Scan == page.Recognised {
				turn.Lock()
				optical[p.Number] = p
				turn.Unlock()
			}
			if err := reader.Add(i, p); err != nil {
				return err
			}
			if p.Scan != page.Recognised {
				pdf.Done(&p)
			}
			if progress != nil {
				turn.Lock()
				defer turn.Unlock()
				pages, bills, lines := reader.Progress()
				progress(Progress{File: i, Pages: pages, Total: total, Bills: bills, Lines: lines})
			}
			return nil
		})
		if err != nil {
			if len(files) == 1 {
				return nil, err
			}
			errs[i] = fault.In(f.Name, err)
			if Ends(err) {
				return nil, errs[i]
			}
			continue
		}
		docs[i] = bol.File{Name: f.Name, Pages: pages}
		before += pages
		if err := r.free(ctx, reader, i, f, optical); err != nil {
			return nil, err
		}
		if sizes[f.Size] > 1 {
			if sums[i], err = sumOf(f); err != nil {
				return nil, err
			}
		}
	}
	if err := Fates(files, errs); err != nil {
		return nil, err
	}
	all := reader.Pages(docs)
	all.Sums, all.Keep = sums, r.keep
	return all, nil
}

// sumOf returns the SHA-256 of a file. It fails with fault.Unreadable.
func sumOf(f File) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, f.Size)); err != nil {
		return sum, fault.New(fault.Unreadable, "%s cannot be read: %w", f.Name, err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// free reads the pages of a file again that no known layout claims, now with their rules,
// and reads them by learnt forms or freely. optical are pages that need not be read again.
func (r *Reader) free(ctx context.Context, reader *bol.Reader, i int, f File, optical map[int]page.Page) error {
	numbers := reader.Unclaimed(i)
	if len(numbers) == 0 {
		return nil
	}
	// One more than are read, so that it is said that there are more.
	numbers = numbers[:min(len(numbers), form.MaxPages+1)]
	wanted := map[int]bool{}
	var pages []page.Page
	for _, n := range numbers {
		if p, ok := optical[n]; ok {
			pages = append(pages, p)
		} else {
			wanted[n] = true
		}
	}
	if len(wanted) > 0 {
		more, err := r.ruled(ctx, f, func(number int) bool { return wanted[number] })
		if err != nil {
			return fault.In(f.Name, err)
		}
		pages = append(pages, more...)
		slices.SortFunc(pages, func(a, b page.Page) int { return cmp.Compare(a.Number, b.Number) })
	}
	return reader.Free(i, pages, r.forms)
}

// around is how many pages before and after one Unknown reads at most.
const around = 12

// Unknown returns the pages of a PDF around one, counted from 1, or the first ones for 0,
// that no known form claims, with their rules: those by which its form can be taught. It
// fails with fault.NoSuchPage, and with the codes of pdf.Reader.Read.
func (r *Reader) Unknown(ctx context.Context, f File, number int) ([]page.Page, error) {
	middle := number
	if number == 0 {
		middle = 1 + around
	}
	pages, err := r.ruled(ctx, f, func(n int) bool { return n >= middle-around && n <= middle+around })
	if err != nil {
		return nil, err
	}
	if number != 0 && !slices.ContainsFunc(pages, func(p page.Page) bool { return p.Number == number }) {
		return nil, fault.New(fault.NoSuchPage, "there is no page %d", number)
	}
	return bol.Unknown(pages), nil
}

// ruled reads some pages with their rules, and returns them in order.
func (r *Reader) ruled(ctx context.Context, f File, wanted func(number int) bool) (pages []page.Page, err error) {
	var turn sync.Mutex
	read := func(each func(page.Page) error) error { return r.pdf.ReadRuled(ctx, f, f.Size, wanted, each) }
	if isPicture(f) {
		read = func(each func(page.Page) error) error {
			pages, err := r.scannedPages(ctx, f)
			if err != nil {
				return err
			}
			return r.scanned(ctx, f, pages, wanted, each)
		}
	}
	err = read(func(p page.Page) error {
		if err := r.metered(weight(&p)); err != nil {
			return err
		}
		turn.Lock()
		defer turn.Unlock()
		pages = append(pages, p)
		return nil
	})
	slices.SortFunc(pages, func(a, b page.Page) int { return cmp.Compare(a.Number, b.Number) })
	return pages, err
}

// Ends reports whether a fault of one file ends the reading, since it would happen to
// the files after it, too.
func Ends(err error) bool {
	switch fault.CodeOf(err) {
	case fault.NotAPDF, fault.DamagedPDF, fault.EncryptedPDF, fault.DamagedPicture, fault.EmptyFile, fault.NoText, fault.NoBills, fault.UnreadForm, fault.TooSlow, fault.TooMuchMemory, fault.WorkerCrashed:
		return false
	}
	return true
}

// Fates returns nil if there is no fault, and else the first one, with what happened to
// every other file added to its message.
func Fates(files []File, errs []error) error {
	first := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if first < 0 {
		return nil
	}
	f, ok := errors.AsType[*fault.Error](errs[first])
	if len(files) == 1 || !ok {
		return errs[first]
	}
	all := *f
	for i, err := range errs {
		switch {
		case i == first:
		case err != nil:
			all.Message += "; " + err.Error()
		default:
			all.Message += "; " + files[i].Name + ": read, but no sheet is made unless all files are read"
		}
	}
	return &all
}

// Picture renders one page of a PDF; see pdf.Reader.Picture. Of a picture it shows the page
// as it was read: flat, and its rows level.
func (r *Reader) Picture(ctx context.Context, f File, number, width int) (*pdf.Picture, error) {
	if isPicture(f) {
		return r.shown(ctx, f, number, width)
	}
	p, err := r.pdf.Picture(ctx, f, f.Size, number, width)
	if err != nil || !p.Scan {
		return p, err
	}
	// Whether it was turned or flattened is known from its reading.
	read, err := r.reading(f, 1, r.scannedPDF)(ctx, number)()
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil || !read.Flat:
		return p, nil // it shows at least why it cannot be read
	}
	return r.pdf.Show(ctx, f, f.Size, number, width)
}

// methodOrders reads an order export. The first reply is the table without its rows,
// the others are batches of rows.
const methodOrders = "orders.read"

type ordersArgs struct {
	Name    string
	Size    int64
	Limits  orders.Limits
	Dialect *orders.Dialect `json:",omitempty"`
}

// ordersReply is one reply of the worker.
type ordersReply struct {
	Table *orders.Table `json:",omitempty"`
	Rows  []orders.Row  `json:",omitempty"`
}

// rowsPerReply bounds the rows of one reply.
const rowsPerReply = 2000

func serveOrders(c *worker.Call, a ordersArgs) error {
	t, err := orders.Read(context.Background(), c.Source(a.Size), a.Size, a.Name, a.Limits, a.Dialect)
	if err != nil {
		return err
	}
	head := *t
	head.Rows = nil
	reply := func(r ordersReply) error {
		payload, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return c.Reply(payload)
	}
	if err := reply(ordersReply{Table: &head}); err != nil {
		return err
	}
	for rows := t.Rows; len(rows) > 0; {
		n := min(rowsPerReply, len(rows))
		if err := reply(ordersReply{Rows: rows[:n]}); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// Orders reads an order export whose columns may have the names of a dialect, which may
// be nil. It fails
// with the codes of orders.Read, and with
// fault.TooSlow, TooMuchMemory, WorkerCrashed or Cancelled.
func (r *Reader) Orders(ctx context.Context, f File, dialect *orders.Dialect) (*orders.Table, error) {
	ctx, cancel := worker.WithTimeout(ctx, r.time)
	defer cancel()
	var t *orders.Table
	rows := r.orders.OrDefaults().Rows
	args := ordersArgs{Name: f.Name, Size: f.Size, Limits: r.orders, Dialect: dialect}
	err := r.pool.Call(ctx, true, args, worker.Request{
		Method: methodOrders,
		Source: f,
		Most:   r.replies,
		Reply: func(payload []byte) error {
			if err := r.metered(len(payload)); err != nil {
				return err
			}
			var reply ordersReply
			if err := json.Unmarshal(payload, &reply); err != nil {
				return worker.Rogue("reading orders: %w", err)
			}
			if reply.Table != nil && t != nil {
				return worker.Rogue("reading orders: the worker sent two tables")
			}
			if reply.Table != nil {
				t = reply.Table
			}
			if t == nil {
				return worker.Rogue("reading orders: the worker sent rows before the table")
			}
			if len(t.Rows)+len(reply.Rows) > rows {
				return worker.Rogue("reading orders: the worker sent more than the %d rows that there may be", rows)
			}
			t.Rows = append(t.Rows, reply.Rows...)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, worker.Rogue("reading orders: the worker sent nothing")
	}
	return t, nil
}

// Judge compares the readers of PDFs on the pages of a document; see pdf.Reader.Judge.
func (r *Reader) Judge(ctx context.Context, f File, first, pages int, each func(pdf.Verdict)) error {
	return r.pdf.Judge(ctx, f, f.Size, first, pages, each)
}
