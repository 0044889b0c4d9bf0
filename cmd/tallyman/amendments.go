package main

import (
	"context"
	"slices"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/profile"
	"tallyman/internal/sheet"
)

// amendmentsOf returns the amendments of the options, nil for none.
func (o *sheetOptions) amendmentsOf(ctx context.Context, std streams) ([]sheet.Amendment, error) {
	if o.amended == "" {
		return nil, nil
	}
	b, err := readInput(ctx, std, o.amended, sheet.MostOfAmendments)
	if err != nil {
		return nil, err
	}
	list, err := sheet.ParseAmendments(b)
	if err != nil {
		return nil, fault.In(o.amended, err)
	}
	return list, nil
}

// carry fills in what people filled in on an earlier sheet. It also returns the rows of which
// something could not be carried over.
func carry(ctx context.Context, reader *intake.Reader, s *sheet.Sheet, own *profile.Profile, earlier *input) (*sheet.Sheet, []sheet.LostRow, error) {
	rules := own.Rules()
	table, err := reader.Orders(ctx, earlier.File, rules.Dialect())
	if err != nil {
		return nil, nil, rules.CarryFault(earlier.Name, err)
	}
	list, _, lost := s.Carry(table)
	if len(list) > 0 {
		s = s.Amend(slices.Concat(s.Amendments, list))
	}
	return s, lost, nil
}
