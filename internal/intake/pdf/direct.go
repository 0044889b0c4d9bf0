package pdf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"

	"tallyman/internal/intake/pdf/fast"
	"tallyman/internal/intake/worker"
	"tallyman/internal/page"
)

// The first byte of a reply of methodFast: a page follows; or the number of a page (a
// uvarint) and why it is left to PDFium; or why the document is.
const (
	replyPage     = 0
	replyDeclined = 1
	replyRefused  = 2
)

// pagesPerReader is how many pages a document must have for another page to be read at
// the same time, since the glyphs of fonts are read again for it.
const pagesPerReader = 4

// serveFast reads what can be read without PDFium, several pages at once.
func serveFast(c *worker.Call, a readArgs) error {
	d, err := openFast(c.Source(a.Size), a.Size)
	var declined *fast.Declined
	if errors.As(err, &declined) {
		return c.Reply(append([]byte{replyRefused}, declined.Why...))
	}
	if err != nil {
		return err
	}
	reader := func(d *fast.Document) func(int) error {
		var buf []byte
		return func(number int) error {
			pg, err := safePage(d, number, a.Ruled)
			if declined, ok := errors.AsType[*fast.Declined](err); ok {
				return c.Reply(append(binary.AppendUvarint([]byte{replyDeclined}, uint64(number)), declined.Why...))
			}
			if err != nil {
				return err
			}
			buf = AppendPage(append(buf[:0], replyPage), &pg)
			return c.Reply(buf)
		}
	}
	readers := []func(int) error{reader(d)}
	for len(readers) < min(runtime.GOMAXPROCS(0), d.Pages()/pagesPerReader) {
		readers = append(readers, reader(d.Again()))
	}
	return eachPage(c, d.Pages(), readers...)
}

// openFast opens a document without PDFium. It fails with *fast.Declined if that does
// not do; PDFium's handler says what is wrong with the file.
func openFast(src io.ReaderAt, size int64) (d *fast.Document, err error) {
	if err := checkEnds(src, size); err != nil {
		return nil, &fast.Declined{Why: "the ends of the file"}
	}
	err = safely(func() error { d, err = fast.Open(src, size); return err })
	return d, err
}

func safePage(d *fast.Document, number int, ruled bool) (pg page.Page, err error) {
	err = safely(func() error { pg, err = readFast(d, number, ruled); return err })
	return pg, err
}

// safely calls the fast reader. What makes it panic is left to PDFium.
func safely(read func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &fast.Declined{Why: fmt.Sprintf("a panic: %.100v", v)}
		}
	}()
	return read()
}

// direct gives the characters that the fast reader has read.
type direct []fast.Char

func (d direct) unicode(i int) rune  { return d[i].Rune }
func (d direct) generated(int) bool  { return false }
func (d direct) object(i int) uint64 { return uint64(d[i].Text) + 1 }
func (d direct) loose(i int) (rect, bool) {
	c := &d[i]
	return rect{left: c.Left, bottom: c.Bottom, right: c.Right, top: c.Top}, true
}

func (d direct) origin(i int) (x, y float32) { return d[i].X, d[i].Y }

func (d direct) matrix(i int) (m [4]float64, size float64) {
	c := &d[i]
	for i, v := range c.Matrix {
		m[i] = float64(v)
	}
	return m, float64(c.Size)
}

// readFast reads a page, counted from 1, with its rules if they are asked for, without PDFium. It
// fails with *fast.Declined if that does not do.
func readFast(d *fast.Document, number int, ruled bool) (page.Page, error) {
	pg := page.Page{Number: number}
	p, err := d.Page(number-1, ruled)
	if err != nil {
		return pg, err
	}
	f := frame{rect{left: p.Left, bottom: p.Bottom, right: p.Right, top: p.Top}, p.Rotation}
	if p.All != nil {
		l := &reading{from: direct(p.All), chars: len(p.All), frame: f}
		only := map[uint64]bool{}
		for i, c := range p.All {
			if c.Hidden {
				only[l.from.object(i)] = true
			}
		}
		if pg.Hidden = l.hiddenWords(only); l.verge {
			return pg, errVerge
		}
	}
	l := &reading{from: direct(p.Chars), chars: len(p.Chars), frame: f}
	l.findTurns()
	pg.Width, pg.Height = l.frame.size()
	if pg.Words = l.words(); l.verge {
		return pg, errVerge
	}
	if p.Pictures >= pg.Width*pg.Height/2 {
		pg.Scan = page.Picture
		if len(p.Chars) == 0 && len(p.All) > 0 {
			pg.Scan = page.TextLayer
		}
	}
	pg.Notes = l.notes
	pg.Rules, pg.MoreRules = l.frame.rules(p.Rules), p.MoreRules
	return pg, nil
}

var errVerge = &fast.Declined{Why: "a gap on the verge"}
