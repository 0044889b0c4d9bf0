package desk

import (
	"context"
	"fmt"
	"strings"

	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
)

// Restarts returns how many workers were killed or crashed since the start.
func (d *Desk) Restarts() int64 {
	n := d.reader.Restarts()
	if d.spare != nil {
		n += d.spare.Restarts()
	}
	return n
}

// Readers returns how many pages of PDFs were read by which reader.
func (d *Desk) Readers() pdf.Counts {
	c := d.reader.Readers()
	if d.spare != nil {
		c.Add(d.spare.Readers())
	}
	return c
}

// CheckSessions tests the store of sessions as a request would use it, and returns why
// it fails.
func (d *Desk) CheckSessions(ctx context.Context) error { return d.sessions.Check(ctx) }

// CheckContents tests the store of contents as a request would use it, and returns why
// it fails.
func (d *Desk) CheckContents(ctx context.Context) error { return d.contents.Check(ctx) }

// CheckReading has a worker draw a page, and returns why it fails. It waits for a
// worker like any reading, but not in the queue.
func (d *Desk) CheckReading(ctx context.Context) error {
	_, err := d.reader.Picture(ctx, intake.File{Name: "check", ReaderAt: strings.NewReader(onePage), Size: int64(len(onePage))}, 1, 16)
	if err != nil {
		return fmt.Errorf("drawing a page: %w", err)
	}
	return nil
}

// onePage is a PDF of one empty page.
const onePage = "%PDF-1.4\n" +
	"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n" +
	"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n" +
	"3 0 obj\n<</Type/Page/MediaBox[0 0 16 16]/Parent 2 0 R>>\nendobj\n" +
	"xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n0000000105 00000 n \n" +
	"trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n172\n%%EOF\n"
