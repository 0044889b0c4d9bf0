package orders

import (
	"context"
	"errors"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// readWorkbook reads the first visible sheet that has a header.
func readWorkbook(ctx context.Context, format string, wb grid.Workbook, g *guess, lim Limits) (*Table, error) {
	var closest *collector
	all := wb.Sheets()
	for _, hidden := range []bool{false, true} {
		for i, s := range all {
			if s.Hidden != hidden {
				continue
			}
			c := &collector{lim: lim, sheet: s.Name, guess: g}
			err := wb.Read(ctx, i, c)
			if hidden {
				// Only to say why there is nothing; what goes wrong in a sheet
				// that nobody sees is of no interest.
				if c.header != nil {
					return nil, fault.New(fault.MissingColumns,
						"of the workbook's sheets only %q has the columns of an order export, and it is hidden; unhide it and save the workbook",
						grid.Label(s.Name)).With(MissingColumns{Missing: []Column{}, Found: labels(c.header)})
				}
				continue
			}
			if err != nil && !errors.Is(err, grid.ErrStop) {
				return nil, err
			}
			if c.header != nil {
				if s.Name != "" {
					format += ", sheet " + grid.Label(s.Name)
				}
				return c.table(format)
			}
			if c.seen > 0 && c.closer(closest) {
				closest = c
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if closest == nil {
		return nil, grid.EmptyFile()
	}
	return nil, closest.missing()
}
