package pdf

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"tallyman/internal/fault"
	"tallyman/internal/intake/pdf/fast"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
)

// Verdict is what comparing both readers on one page, or on a document, shows.
type Verdict struct {
	// Page is the number of the page, from 1; 0 if the fast reader declined the document.
	Page int
	// Declined says why the fast reader left it to PDFium, "" if it did not.
	Declined string
	// Differs says how what it read differs from what PDFium reads, "" if it does not.
	Differs string
}

// Judge reads a document with both readers and passes on a verdict for each page that is
// read, from the page first, counted from 0, on. It reads at most so many pages.
func (r *Reader) Judge(ctx context.Context, src io.ReaderAt, size int64, first, pages int, each func(Verdict)) error {
	ctx, cancel := worker.WithTimeout(ctx, r.config.Time)
	defer cancel()
	lease, err := r.pool.Lease(ctx, false)
	if err != nil {
		return err
	}
	defer lease.Release()
	return judge(ctx, lease, src, size, first, pages, each)
}

func judge(ctx context.Context, lease *worker.Lease, src io.ReaderAt, size int64, first, pages int, each func(Verdict)) error {
	args, err := json.Marshal(readArgs{Size: size})
	if err != nil {
		return fmt.Errorf("comparing the readers: %w", err)
	}
	asked := false
	return lease.Call(ctx, worker.Request{
		Method: methodJudge, Args: args, Source: src,
		Answer: func(question []byte) ([]byte, error) {
			all, n := binary.Uvarint(question)
			if n <= 0 {
				return nil, errWire
			}
			if asked || uint64(first) >= all {
				return nil, nil
			}
			asked = true
			some := min(uint64(pages), all-uint64(first))
			return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(first)+1), some), nil
		},
		Reply: func(payload []byte) error {
			var v Verdict
			if err := json.Unmarshal(payload, &v); err != nil {
				return errWire
			}
			each(v)
			return nil
		},
	})
}

// judged are the pages of one document that are compared in production.
const judged = 8

// check compares the readers on some pages of one document in many, if a worker is idle.
func (r *Reader) check(ctx context.Context, src *io.SectionReader, pages int) {
	n := r.checked.Add(1)
	if r.config.Judge <= 0 || n%int64(r.config.Judge) != 0 {
		return
	}
	lease := r.pool.TryLease(false, true)
	if lease == nil {
		return
	}
	defer lease.Release()
	first := int(n) % max(1, pages-judged+1)
	err := judge(ctx, lease, src, src.Size(), first, judged, func(v Verdict) {
		if v.Declined == "" {
			r.counts.judge(v.Differs != "")
		}
		if v.Differs != "" {
			r.config.Log.WarnContext(ctx, "the readers of PDFs differ", "page", v.Page, "difference", short(v.Differs))
		}
	})
	if err != nil && fault.CodeOf(err) != fault.Cancelled {
		r.config.Log.WarnContext(ctx, "the readers of PDFs could not be compared", "error", err)
	}
}

// serveJudge reads pages with both readers.
func serveJudge(p *pdfium, c *worker.Call, a readArgs) error {
	src := c.Source(a.Size)
	reply := func(v Verdict) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return c.Reply(b)
	}
	d, err := openFast(src, a.Size)
	var declined *fast.Declined
	if errors.As(err, &declined) {
		return reply(Verdict{Declined: declined.Why})
	}
	if err != nil {
		return err
	}
	doc, err := openChecked(p, src, a.Size)
	if err != nil {
		if f, ok := errors.AsType[*fault.Error](err); ok {
			return reply(Verdict{Differs: "PDFium does not open the document: " + f.Message})
		}
		return err
	}
	if doc.pages != d.Pages() {
		doc.close()
		return reply(Verdict{Differs: fmt.Sprintf("there are %d pages, not %d", d.Pages(), doc.pages)})
	}
	err = eachPage(c, doc.pages, func(number int) error {
		v := Verdict{Page: number}
		got, err := safePage(d, number, a.Ruled)
		if errors.As(err, &declined) {
			v.Declined = declined.Why
			return reply(v)
		}
		if err != nil {
			return err
		}
		want, err := doc.read(number, a.Ruled)
		if err != nil {
			return err
		}
		v.Differs = differs(&got, &want)
		return reply(v)
	})
	if err == nil {
		doc.close()
	}
	return err
}

// nearby is how far places of two readers may lie apart, in points.
const nearby = 0.1

// differs says how a page read by the fast reader differs from what PDFium reads, ""
// if it does not: words and their order must be the same, places nearly so.
func differs(a, b *page.Page) string {
	switch {
	case !close(a.Width, b.Width) || !close(a.Height, b.Height):
		return fmt.Sprintf("the size is %v by %v, not %v by %v", a.Width, a.Height, b.Width, b.Height)
	case a.Damage != b.Damage || a.Scan != b.Scan:
		return fmt.Sprintf("the kind is %q %v, not %q %v", a.Damage, a.Scan, b.Damage, b.Scan)
	}
	if why := differ(a.Hidden, b.Hidden); why != "" {
		return "hidden: " + why
	}
	if why := differ(a.Words, b.Words); why != "" {
		return why
	}
	notes := func(p *page.Page) (out []string) {
		for _, n := range p.Notes {
			out = append(out, string(n.Kind)+" "+n.Text)
		}
		return out
	}
	if x, y := notes(a), notes(b); !slices.Equal(x, y) {
		return fmt.Sprintf("the notes are %q, not %q", x, y)
	}
	return ""
}

func close(x, y float32) bool { return abs(x-y) <= nearby }

// differ is differs for words.
func differ(a, b []page.Word) string {
	for i := range max(len(a), len(b)) {
		if i == len(a) {
			return fmt.Sprintf("the word %d, %q, is missing", i, b[i].Text)
		}
		if i == len(b) {
			return fmt.Sprintf("the word %d, %q, is too much", i, a[i].Text)
		}
		v, w := &a[i], &b[i]
		if v.Text != w.Text {
			return fmt.Sprintf("the word %d is %q at %v, not %q at %v", i, v.Text, v.Box, w.Text, w.Box)
		}
		if !close(v.Box.X0, w.Box.X0) || !close(v.Box.Y0, w.Box.Y0) || !close(v.Box.X1, w.Box.X1) || !close(v.Box.Y1, w.Box.Y1) ||
			!close(v.Base, w.Base) || !close(v.Size, w.Size) || !slices.EqualFunc(v.Edges, w.Edges, close) {
			return fmt.Sprintf("the word %d, %q, is at %v %v %v %v, not at %v %v %v %v", i, v.Text, v.Box, v.Base, v.Size, v.Edges, w.Box, w.Base, w.Size, w.Edges)
		}
		if !slices.Equal(v.Joints, w.Joints) {
			return fmt.Sprintf("the word %d, %q, has joints at %v, not %v", i, v.Text, v.Joints, w.Joints)
		}
	}
	return ""
}
