package sample

// Flawed returns a small sample with one of each problem that occurs in practice: a
// bill with wrong printed pieces, one without totals, one without its last page, an
// unreadable row, lines and order rows without a match, and quantities that differ.
// It shows people how each is reported.
func Flawed() (*Sample, error) {
	o := Defaults()
	o.Seed = 4
	o.MissingOrders, o.ExtraOrders = 3, 2
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	short, long := []*Bill{}, (*Bill)(nil)
	for _, b := range s.Bills {
		if len(b.Lines) > RowsPerPage {
			long = b
		} else {
			short = append(short, b)
		}
	}
	short[1].Print = Print{Pieces: grouped(short[1].Pieces + 2)}
	short[3].NoTotals = true
	row := &short[5].Lines[len(short[5].Lines)/2]
	row.Print = Print{Cartons: "l4"} // as after a bad scan: a letter for a digit
	s.miss(short[7], func(o *Order, l *Line) { o.Pieces = plain(grouped(l.Pieces + 12)) })
	s.miss(short[8], func(o *Order, l *Line) { o.Cartons = plain(grouped(l.Cartons + 1)) })
	s.miss(short[9], func(o *Order, l *Line) { o.Cartons, o.Pieces = plain(grouped(l.Cartons+2)), plain(grouped(l.Pieces*2)) })
	if long != nil {
		for _, p := range s.BillPages() {
			if p.Bill != long || p.N < p.M {
				s.Pages = append(s.Pages, p)
			}
		}
	}
	return s, nil
}

// miss changes the order row of the first line of a bill that has one.
func (s *Sample) miss(b *Bill, change func(*Order, *Line)) {
	for i := range b.Lines {
		l := &b.Lines[i]
		for j := range s.Orders {
			o := &s.Orders[j]
			if o.InvoiceNo == b.Number && o.Style == l.Style {
				change(o, l)
				return
			}
		}
	}
}
