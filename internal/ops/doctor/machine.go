package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/intake/tesseract"
	"tallyman/internal/intake/worker"
	"tallyman/internal/sample"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// temporary checks the folder for temporary files.
func (d *doctor) temporary(context.Context) {
	const check = "temporary files"
	f, err := os.CreateTemp(d.Scratch, ".tallyman-doctor-*.part")
	if err != nil {
		d.fail(check, "no file can be made in %s: %v — give TMPDIR a folder that the server's user may write to", d.Scratch, err)
		return
	}
	f.Close()
	os.Remove(f.Name())
	s, err := statDisk(d.Scratch)
	if err != nil || s == nil {
		d.ok(check, "%s can be written to", d.Scratch)
		return
	}
	// Only shared storage makes copies there.
	need := int64(64 << 20)
	if d.Blobs != nil && d.Blobs.Shared() {
		need = d.Upload * int64(d.Workers+d.Queue)
	}
	in := ""
	if s.kind == kindMemory {
		in = ", in memory"
	}
	switch {
	case s.free < d.Upload:
		d.fail(check, "only %s are free in %s%s, less than one upload (%s) — give TMPDIR a place with more", text.Size(s.free), d.Scratch, in, text.Size(d.Upload))
	case s.free < need:
		d.warn(check, "%s are free in %s%s, and uploads may take %s at the worst (--max-upload times --workers and --queue) — give TMPDIR a place with more, or lower those", text.Size(s.free), d.Scratch, in, text.Size(need))
	default:
		d.ok(check, "%s are free in %s%s", text.Size(s.free), d.Scratch, in)
	}
}

// serverMemory is the memory of a server without its workers, with some thousands of
// sessions, in bytes.
const serverMemory = 256 << 20

// limits checks the machine's limits on the server.
func (d *doctor) limits(context.Context) {
	if limit, by := MemoryLimit(d.pid); limit > 0 {
		need := int64(d.Workers)*d.Memory + serverMemory
		say := fmt.Sprintf("%s of up to %s and the server may take %s; %s gives %s", text.Count(d.Workers, "worker"), text.Size(d.Memory), text.Size(need), by, text.Size(limit))
		switch {
		case limit < d.Memory+serverMemory:
			d.fail("memory", "%s — not even one worker fits: give it more memory, or lower --worker-memory", say)
		case limit < need:
			d.warn("memory", "%s — the kernel may kill the server under load: give it more, or use fewer --workers", say)
		default:
			d.ok("memory", "%s", say)
		}
	}
	if limit := fileLimit(d.pid); limit > 0 {
		// In addition to clients: storage, workers' pipes, the database, the log.
		need := int64(d.Clients + 200)
		if limit < need {
			d.warn("open files", "%d are allowed, and %d connections need %d — raise the limit (ulimit -n, LimitNOFILE), or lower --connections", limit, d.Clients, need)
		} else {
			d.ok("open files", "%d are allowed; %d connections need %d", limit, d.Clients, need)
		}
	}
}

// reading reads the built-in sample with a worker, from end to end.
func (d *doctor) reading(ctx context.Context) {
	const check = "workers"
	if missing := worker.Missing(); missing == "" {
		d.ok("sandbox", "workers are confined by %s", worker.Sandbox())
	} else {
		d.warn("sandbox", "workers are confined by %s; missing: %s — see docs/SECURITY.md", worker.Sandbox(), missing)
	}
	switch second, err := tesseract.Find(d.Tesseract); {
	case err != nil:
		d.fail("scans", "%s — give the right file with --tesseract, or none", because(err))
	case second == nil:
		d.warn("scans", "one reader reads scans, so nothing that it reads is proved — install tesseract (in Debian: tesseract-ocr) to have bills on scans reconciled")
	default:
		if err := second.Try(ctx); err != nil {
			d.fail("scans", "the second reader fails: %s — install it again, with its English data", because(err))
		} else {
			d.ok("scans", "two readers read scans: the one that is built in, and %s", second.Path())
		}
	}
	cache := d.Cache
	state := intake.Compiled(cache)
	if state != intake.Ready {
		// Nothing is written where a server may find it.
		tmp, err := os.MkdirTemp(d.Scratch, ".tallyman-doctor-*")
		if err != nil {
			return // reported already
		}
		defer os.RemoveAll(tmp)
		cache = tmp
	}
	var log lastLine
	reader := intake.New(intake.Config{Workers: 1, Memory: d.Memory, Time: 2 * time.Minute, Cache: cache, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer reader.Close()
	started := time.Now()
	made, err := makeSample(ctx, reader)
	took := time.Since(started)
	if err != nil {
		why, said := log.last.Load().(string)
		if said {
			why = " (" + why + ")"
		}
		d.fail(check, "the built-in sample cannot be read: %s%s — check the limits of memory, whether anything keeps programs from starting, and the log", because(err), why)
		return
	}
	if !made {
		d.fail(check, "the sheet of the built-in sample is not the expected one — this program or this machine is broken: do not use it")
		return
	}
	d.ok(check, "a worker started and made the expected sheet of the built-in sample in %s", brief(took))
	switch state {
	case intake.Ready:
		d.ok("compiled code", "%s holds it: workers start at once", d.Cache)
	case intake.Cold:
		d.ok("compiled code", "%s is empty: the first start of a server compiles the PDF engine, which took %s here", d.Cache, brief(took))
	default:
		d.warn("compiled code", "%s cannot be used: each start of a worker compiles the PDF engine, which took %s here — let the server's user write there, or name another place with --cache", d.Cache, brief(took))
	}
}

// makeSample makes the sample's sheet, and reports whether it is the expected one.
func makeSample(ctx context.Context, reader *intake.Reader) (right bool, err error) {
	bills, orders, want, err := sampleFiles()
	if err != nil {
		return false, err
	}
	table, err := reader.Orders(ctx, intake.File{Name: sample.OrdersName, ReaderAt: bytes.NewReader(orders), Size: int64(len(orders))}, nil)
	if err != nil {
		return false, err
	}
	doc, err := reader.Bills(ctx, []intake.File{{Name: sample.PDFName, ReaderAt: bytes.NewReader(bills), Size: int64(len(bills))}}, nil)
	if err != nil {
		return false, err
	}
	var got bytes.Buffer
	if err := sheet.WriteCSV(&got, sheet.Make(doc, table)); err != nil {
		return false, err
	}
	return bytes.Equal(got.Bytes(), want), nil
}

// sampleFiles returns the sample's bills and orders, and the expected sheet.
func sampleFiles() (bills, orders, want []byte, err error) {
	s, err := sample.New(sample.Defaults())
	if err != nil {
		return nil, nil, nil, err
	}
	var b, o, w bytes.Buffer
	err = errors.Join(s.WritePDF(&b), s.WriteOrders(&o), s.WriteExpected(&w))
	return b.Bytes(), o.Bytes(), w.Bytes(), err
}

// lastLine keeps the last line of a log.
type lastLine struct{ last atomic.Value }

func (l *lastLine) Write(p []byte) (int, error) {
	l.last.Store(string(bytes.TrimSpace(p)))
	return len(p), nil
}
