package orders

import (
	"context"
	"errors"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// readWorkbook reads all visible sheets with a header.
func readWorkbook(ctx context.Context, format string, wb *grid.Workbook, g *guess, o options) (*Table, error) {
	var closest *collector
	var read []*collector
	rows := 0
	l := &lookups{wb: wb, columns: map[sheetColumn]map[int]grid.Cell{}, tables: map[lookupTable]map[grid.Cell]grid.Cell{}}
	for _, hidden := range []bool{false, true} {
		if hidden && len(read) > 0 {
			break
		}
		for i, s := range wb.Sheets {
			if s.Hidden != hidden {
				continue
			}
			c := &collector{lim: o.Limits, words: o.words, keep: o.kept, sheet: s.Name, guess: g, from1904: wb.Date1904,
				compute: func(formula string) (string, bool) { return l.compute(ctx, i, formula) }}
			err := wb.Read(ctx, i, c)
			if hidden {
				// A hidden sheet is read only to explain why no orders were found, so its
				// errors do not matter.
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
				if rows += len(c.rows); rows > o.Rows {
					return nil, fault.New(fault.TooLarge, "the workbook's sheets have more than %d order rows together; split it, or raise the limit", o.Rows)
				}
				// A sheet with a header and no rows counts only if there is no other.
				if len(read) == 1 && len(read[0].rows) == 0 {
					read = read[:0]
				}
				if len(read) == 0 || len(c.rows) > 0 {
					read = append(read, c)
				}
				continue
			}
			if c.seen > 0 && c.closer(closest) {
				closest = c
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(read) > 0 {
		var names []string
		for _, c := range read {
			if c.sheet != "" {
				names = append(names, grid.Label(c.sheet))
			}
		}
		switch len(names) {
		case 0:
		case 1:
			format += ", sheet " + names[0]
		default:
			format += ", sheets " + strings.Join(names, ", ")
		}
		return table(format, read...)
	}
	if closest == nil {
		return nil, grid.EmptyFile()
	}
	return nil, closest.missing()
}
