package main

import (
	"context"
	"io"

	"tallyman/internal/fault"
	"tallyman/internal/sheet"
)

// amendmentsOf returns the amendments of the options, nil for none.
func (o *sheetOptions) amendmentsOf(ctx context.Context, std streams) ([]sheet.Amendment, error) {
	if o.amended == "" {
		return nil, nil
	}
	in, err := openInput(ctx, std, o.amended, sheet.MostOfAmendments)
	if err != nil {
		return nil, err
	}
	defer in.close()
	b, err := io.ReadAll(io.NewSectionReader(in, 0, min(in.Size, sheet.MostOfAmendments+1)))
	if err != nil {
		return nil, unreadable(o.amended, err)
	}
	list, err := sheet.ParseAmendments(b)
	if err != nil {
		return nil, fault.In(o.amended, err)
	}
	return list, nil
}
