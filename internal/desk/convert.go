package desk

import (
	"context"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/orders"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
)

// Convert makes a sheet without a session, of PDFs of bills and of an order export, if
// there is one, by the owner's profile. It keeps neither. It fails with fault.NoUpload,
// with fault.Busy, and with the codes of storage and of reading.
func (d *Desk) Convert(ctx context.Context, owner session.Owner, in *Incoming) (*sheet.Sheet, error) {
	pdfs, closePDFs, err := in.open(ctx, session.BOL)
	if err != nil {
		return nil, err
	}
	defer closePDFs()
	if len(pdfs) == 0 {
		return nil, fault.New(fault.NoUpload, "there is no PDF of bills in the request")
	}
	exports, closeExports, err := in.open(ctx, session.Orders)
	if err != nil {
		return nil, err
	}
	defer closeExports()
	var sums [][32]byte
	for _, f := range in.of(session.BOL) {
		sums = append(sums, f.ref.SHA256)
	}
	return d.convert(ctx, owner, in.newest, in.columns, pdfs, sums, exports[:min(len(exports), 1)])
}

// ConvertFiles makes a sheet of files that are stored elsewhere: of bills, and of their order
// exports, if there are any. The owner's limits and profile are those of an upload. It fails
// with fault.Busy, and with the codes of storage and of reading.
func (d *Desk) ConvertFiles(ctx context.Context, owner session.Owner, bills, exports []intake.File) (*sheet.Sheet, error) {
	own, end, err := d.guest(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer end()
	return d.convert(ctx, owner, own, nil, bills, nil, exports)
}

// BillNumbers returns the numbers of the bills in a file that is stored elsewhere: in a PDF of
// bills, or, for the slot of orders, in an order export; see sheet.BillNumbers. It fails as
// ConvertFiles does.
func (d *Desk) BillNumbers(ctx context.Context, owner session.Owner, slot session.Slot, f intake.File) ([]string, error) {
	own, end, err := d.guest(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer end()
	reader, leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	held := &held{memory: d.memory, owner: owner}
	defer held.end()
	reader = reader.Metered(held.meter(ctx))
	if slot == session.Orders {
		table, err := readBy(ctx, reader, f, own, nil)
		return sheet.BillNumbers(nil, table), err
	}
	readings, err := readBills(ctx, reader.Taught(own.LearntForms()), []intake.File{f}, nil, nil)
	if err != nil {
		return nil, err
	}
	return sheet.BillNumbers(readings[0].doc, nil), nil
}

// guest begins the reading of files that are stored elsewhere as an upload of an owner, and
// returns the owner's profile.
func (d *Desk) guest(ctx context.Context, owner session.Owner) (own *profile.Profile, end func(), err error) {
	newest, err := d.Profile(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	leave, err := d.owners.begin(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	return newest.Profile, func() { leave(0) }, nil
}

// convert makes the sheet of files. sums are those of the PDFs, if they are known.
func (d *Desk) convert(ctx context.Context, owner session.Owner, own *profile.Profile, columns []string, pdfs []intake.File, sums [][32]byte, exports []intake.File) (*sheet.Sheet, error) {
	reader, leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	held := &held{memory: d.memory, owner: owner}
	defer held.end()
	reader = reader.Metered(held.meter(ctx))
	// The orders are read first: that is quick, and a wrong file is a frequent mistake.
	var tables []*orders.Table
	for _, f := range exports {
		table, err := readBy(ctx, reader, f, own, columns)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	readings, err := readBills(ctx, reader.Taught(own.LearntForms()), pdfs, nil, nil)
	if err != nil {
		return nil, err
	}
	var all bol.Pages
	for _, r := range readings {
		all.Append(r.pages)
	}
	all.Sums = sums
	doc, err := all.Document()
	if err != nil {
		return nil, err
	}
	if err := d.sheets.check(doc.Lines()); err != nil {
		return nil, err
	}
	n := int64(1+doc.Lines()) * linesTake
	if err := d.memory.take(ctx, owner, n); err != nil {
		return nil, err
	}
	_, sp := span.Start(ctx, "sheet.make")
	defer sp.End(nil)
	sp.Int("lines", int64(doc.Lines()))
	s := own.Rules().Make(doc, orders.Join(tables...))
	d.memory.giveWith(s, owner, n+held.pass())
	return s, nil
}
