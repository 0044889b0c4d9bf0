package desk

import (
	"context"
	"io"

	"tallyman/internal/blob"
	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/orders"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
)

// Incoming are files on their way in: stored, but part of no session yet. Only
// attaching them makes them so; whatever is not attached must be discarded.
type Incoming struct {
	desk  *Desk
	files []received
	taken bool
}

type received struct {
	name string
	ref  blob.Ref
}

// Receive begins to take files in.
func (d *Desk) Receive() *Incoming { return &Incoming{desk: d} }

// Add stores the next file, which is read once, to its end, and never held in
// memory as a whole. The name is as the client gave it, for display only. It
// fails with the codes of storage, with session.TooManyFiles, and with whatever
// the reader returns; then nothing of this file is kept.
func (in *Incoming) Add(ctx context.Context, name string, content io.Reader) error {
	if len(in.files) >= session.MaxFiles {
		return fault.New(session.TooManyFiles, "the request has more than %d files; send fewer at once", session.MaxFiles)
	}
	ref, err := in.desk.contents.Put(ctx, content)
	if err != nil {
		return err
	}
	in.files = append(in.files, received{session.FileName(name), ref})
	return nil
}

// Name gives the last file added another name, for requests that name a file
// after it. An empty name changes nothing.
func (in *Incoming) Name(name string) {
	if name = session.FileName(name); name != "" && len(in.files) > 0 {
		in.files[len(in.files)-1].name = name
	}
}

// Move takes over the files of another, which has none from then on.
func (in *Incoming) Move(from *Incoming) {
	in.files = append(in.files, from.files...)
	from.files = nil
}

// Len returns the number of files.
func (in *Incoming) Len() int { return len(in.files) }

// Size returns the size of all files, in bytes.
func (in *Incoming) Size() int64 {
	var n int64
	for _, f := range in.files {
		n += f.ref.Size
	}
	return n
}

// First returns the name of the first file, "" if there is none.
func (in *Incoming) First() string {
	if len(in.files) == 0 {
		return ""
	}
	return in.files[0].name
}

// Discard gives back the room of files that were not attached. It does nothing
// to those that were.
func (in *Incoming) Discard() {
	if !in.taken {
		in.desk.drop(context.Background(), session.Removed{Contents: in.take()})
	}
}

// take returns the keys of the files, which are the caller's from now on.
func (in *Incoming) take() []blob.Key {
	in.taken = true
	keys := make([]blob.Key, len(in.files))
	for i, f := range in.files {
		keys[i] = f.ref.Key
	}
	return keys
}

func (in *Incoming) inputs() []session.Input {
	inputs := make([]session.Input, len(in.files))
	for i, f := range in.files {
		inputs[i] = session.Input{Name: f.name, Content: f.ref}
	}
	return inputs
}

// open opens all files to be read.
func (in *Incoming) open(ctx context.Context) (files []intake.File, closeAll func(), err error) {
	var open []io.Closer
	closeAll = func() {
		for _, c := range open {
			c.Close()
		}
	}
	for _, f := range in.files {
		content, err := in.desk.contents.Open(ctx, f.ref)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		open = append(open, content)
		files = append(files, intake.File{Name: f.name, ReaderAt: content, Size: f.ref.Size})
	}
	return files, closeAll, nil
}

// Convert makes a sheet without a session: of PDFs of bills and, if there is a
// file in it, an order export. Neither is kept. It fails with NoUpload, with
// fault.Busy, and with the codes of storage and of reading.
func (d *Desk) Convert(ctx context.Context, owner session.Owner, bills, export *Incoming) (*sheet.Sheet, error) {
	if bills.Len() == 0 {
		return nil, fault.New(NoUpload, "there is no PDF of bills in the request")
	}
	pdfs, closePDFs, err := bills.open(ctx)
	if err != nil {
		return nil, err
	}
	defer closePDFs()
	exports, closeExports, err := export.open(ctx)
	if err != nil {
		return nil, err
	}
	defer closeExports()
	leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	var table *orders.Table
	if len(exports) > 0 {
		// First, since it is quick and a wrong file is a frequent mistake.
		if table, err = d.readOrders(ctx, exports[0]); err != nil {
			return nil, err
		}
	}
	readings, err := d.readBills(ctx, pdfs, nil)
	if err != nil {
		return nil, err
	}
	var all bol.Pages
	for _, r := range readings {
		all.Append(r.pages)
	}
	doc, err := all.Document()
	if err != nil {
		return nil, err
	}
	if err := d.sheets.check(doc.Lines()); err != nil {
		return nil, err
	}
	_, sp := span.Start(ctx, "sheet.make")
	defer sp.End(nil)
	sp.Int("lines", int64(doc.Lines()))
	return sheet.Make(doc, table), nil
}
