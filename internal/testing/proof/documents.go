package proof

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
	"tallyman/internal/sample"
)

// Straight returns invented documents of the known form, with the words of their pages.
func Straight(seeds int) ([]Document, error) {
	var out []Document
	for seed := range seeds {
		s, err := sample.New(options(sample.Straight, seed))
		if err != nil {
			return nil, err
		}
		pages, err := s.WordPages()
		if err != nil {
			return nil, err
		}
		out = append(out, Document{Name: fmt.Sprintf("straight-%d", seed), Pages: pages, Truth: s.Truth()})
	}
	return out, nil
}

// options returns those of the invented document of a seed: mostly one bill, with few
// lines or with several pages, so that thousands of errors can be read.
func options(f sample.Form, seed int) sample.Options {
	o := sample.Options{Form: f, Bills: 1, Lines: []int{14, 5, 9, 12, 28, 7, 11, 20}[seed%8], Seed: uint64(seed)}
	if seed%4 == 3 {
		o.Bills = 2
	}
	return o
}

// Library reads documents from their PDFs, with the ruling lines of their pages.
type Library struct {
	pool   *worker.Pool
	reader *pdf.Reader
}

// NewLibrary returns a library, whose workers are processes; Close ends them.
func NewLibrary() *Library {
	pool := worker.NewPool(worker.Config{Cache: intake.CacheDir()})
	return &Library{pool: pool, reader: pdf.NewReader(pool, pdf.Config{})}
}

// Close ends the workers.
func (l *Library) Close() { l.pool.Close() }

// Pages reads the pages of a PDF.
func (l *Library) Pages(ctx context.Context, doc []byte) (pages []page.Page, err error) {
	var turn sync.Mutex
	err = l.reader.ReadRuled(ctx, bytes.NewReader(doc), int64(len(doc)), func(int) bool { return true }, func(p page.Page) error {
		turn.Lock()
		defer turn.Unlock()
		pages = append(pages, p)
		return nil
	})
	slices.SortFunc(pages, func(a, b page.Page) int { return cmp.Compare(a.Number, b.Number) })
	return pages, err
}

// Invented returns invented documents of a form.
func (l *Library) Invented(ctx context.Context, f sample.Form, seeds int) ([]Document, error) {
	var out []Document
	for seed := range seeds {
		s, err := sample.New(options(f, seed))
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := s.WritePDF(&b); err != nil {
			return nil, err
		}
		pages, err := l.Pages(ctx, b.Bytes())
		if err != nil {
			return nil, fmt.Errorf("reading the invented document %d of the form %q: %w", seed, f, err)
		}
		out = append(out, Document{Name: fmt.Sprintf("%s-%d", cmp.Or(f, "straight"), seed), Pages: pages, Truth: s.Truth()})
	}
	return out, nil
}

// Folder returns the documents of a folder: each a folder with bol.pdf and truth.json. It
// returns none if there is no such folder.
func (l *Library) Folder(ctx context.Context, dir string) ([]Document, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*", sample.TruthName))
	if err != nil {
		return nil, err
	}
	var out []Document
	for _, name := range names {
		d := Document{Name: filepath.Base(filepath.Dir(name)), Truth: &sample.Truth{}}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, d.Truth); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if d.Pages, err = l.file(ctx, filepath.Join(filepath.Dir(name), sample.PDFName)); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (l *Library) file(ctx context.Context, name string) ([]page.Page, error) {
	doc, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pages, err := l.Pages(ctx, doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return pages, nil
}

// partPages is the number of pages of a part of a long document, about.
const partPages = 2

// Known returns a document of the known form whose truth is what the known form's reader
// reads, and some of its parts. It returns none if there is no such file.
func (l *Library) Known(ctx context.Context, name string, parts int) ([]Document, error) {
	pages, err := l.file(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	whole, err := ofKnown(filepath.Base(filepath.Dir(name)), pages)
	if err != nil {
		return nil, err
	}
	whole.Whole = true
	out := []Document{whole}
	// A part begins where a bill does.
	var starts []int
	at := 0
	for _, b := range whole.Truth.Bills {
		if len(starts) == 0 || at-starts[len(starts)-1] >= partPages {
			starts = append(starts, at)
		}
		at += b.Pages
	}
	starts = append(starts, len(pages))
	for i := range min(parts, len(starts)-1) {
		part := slices.Clone(pages[starts[i]:starts[i+1]])
		for j := range part {
			part[j].Number = j + 1
		}
		d, err := ofKnown(fmt.Sprintf("%s-%d", whole.Name, i), part)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func ofKnown(name string, pages []page.Page) (Document, error) {
	d := Document{Name: name, Pages: pages, Truth: &sample.Truth{}}
	bills, err := Known(pages)
	for _, b := range bills {
		t := sample.TruthBill{Number: b.Number, Pages: b.Pages}
		for _, own := range b.Tables {
			t.Tables = append(t.Tables, sample.TruthTable{Name: own.Role, Rows: own.Rows, Totals: own.Totals})
		}
		d.Truth.Bills = append(d.Truth.Bills, t)
	}
	return d, err
}
