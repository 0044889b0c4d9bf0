package orders

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"tallyman/internal/fault"
)

// workbook is an opened workbook of either kind.
type workbook interface {
	// sheets are the worksheets, in the order of their tabs.
	sheets() []worksheet
	// read hands the rows of the i-th of them to a collector, until that
	// returns an error, which it returns.
	read(ctx context.Context, i int, c *collector) error
}

type worksheet struct {
	name   string
	hidden bool
}

// readWorkbook reads the first visible sheet that has a header.
func readWorkbook(ctx context.Context, format string, wb workbook, lim Limits) (*Table, error) {
	var closest *collector
	all := wb.sheets()
	for _, hidden := range []bool{false, true} {
		for i, s := range all {
			if s.hidden != hidden {
				continue
			}
			c := &collector{lim: lim, sheet: s.name}
			err := wb.read(ctx, i, c)
			if hidden {
				// Only to say why there is nothing; what goes wrong in a sheet
				// that nobody sees is of no interest.
				if c.header != nil {
					return nil, fault.New(fault.MissingColumns,
						"of the workbook's sheets only %q has the columns of an order export, and it is hidden; unhide it and save the workbook",
						label(s.name)).With(MissingColumns{Missing: []Column{}, Found: labels(c.header)})
				}
				continue
			}
			if err != nil && !errors.Is(err, errNoHeader) {
				return nil, err
			}
			if c.header != nil {
				return c.table(fmt.Sprintf("%s, sheet %s", format, label(s.name)))
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
		return nil, emptyFile()
	}
	return nil, closest.missing()
}

// damaged is the fault for a workbook that breaks the rules of its format.
func damaged(what string, args ...any) *fault.Error {
	f := fault.New(fault.DamagedOrders, "the workbook is damaged: "+what+"; "+saveAsXLSX, args...)
	// The decoders' own errors quote the file's bytes.
	f.Message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(f.Message, "\ufffd"))
	return f
}

// because gives a fault a cause that says nothing to people: mscfb's speak of its
// own inside.
func because(cause error, f *fault.Error) error {
	f.Err = cause
	return f
}
