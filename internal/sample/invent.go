package sample

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
)

// inventor makes one sample.
type inventor struct {
	Options
	*rand.Rand
	styles int // number of styles used
}

func invent(o Options) *Sample {
	// The second half of the state is a constant: only the seed chooses.
	in := &inventor{Options: o, Rand: rand.New(rand.NewPCG(o.Seed, 0x7A11_0000_0000_0B01))}
	s := &Sample{form: o.Form}
	// roles[0] is the bill that must be long, and so on. With more roles than
	// bills, some bills have several.
	roles := in.Perm(o.Bills)
	counts := in.spread(roles)
	numbers := in.Perm(o.Bills)
	for i := range o.Bills {
		s.Bills = append(s.Bills, in.bill(o.Form.number(20417+numbers[i]), counts[i]))
	}
	in.give(s, roles)
	for _, b := range s.Bills {
		if o.Form == Straight {
			in.total(b)
		} else {
			in.adapt(b)
		}
	}
	if o.Form != Straight {
		s.look = look{in.some(2), in.some(2), in.some(2), in.some(2)}
	}
	in.orders(s)
	return s
}

// some reports true once in n.
func (in *inventor) some(n int) bool { return in.IntN(n) == 0 }

func pick[T any](in *inventor, from []T) T { return from[in.IntN(len(from))] }

// spread returns the number of lines of each bill. The bill of the first role and one
// of forty have more than one page, the next has a few lines, and the rest is random.
func (in *inventor) spread(roles []int) []int {
	counts := make([]int, in.Bills)
	for i := range counts {
		counts[i] = 1
	}
	left := in.Lines - in.Bills
	for i, bill := range roles {
		want := 0
		switch {
		case i%40 == 0:
			want = RowsPerPage + in.IntN(RowsPerPage/2)
		case i == 1:
			want = 3
		case i == 2:
			want = 2
		}
		if want <= left {
			counts[bill] += want
			left -= want
		}
	}
	for left > 0 {
		i := in.IntN(in.Bills)
		for counts[i] == MaxLinesPerBill {
			i = (i + 1) % in.Bills
		}
		// A few at a time: most bills stay short, some grow.
		n := min(1+in.IntN(3), left, MaxLinesPerBill-counts[i])
		counts[i] += n
		left -= n
	}
	return counts
}

// bill invents an ordinary bill of n lines.
func (in *inventor) bill(number string, n int) *Bill {
	c := pick(in, customers)
	b := &Bill{
		Number:      number,
		Date:        fmt.Sprintf("12/%02d/2025", 8+in.IntN(3)),
		OrderNumber: in.purchaseOrder(),
		SalesPerson: fmt.Sprintf("%02d", 1+in.IntN(20)),
		ShippedVia:  pick(in, carriers),
		Reference:   fmt.Sprintf("RM%04d", in.IntN(10000)),
		Terms:       pick(in, terms),
	}
	b.consign(c)
	b.start = in.start()
	b.due(pick(in, cancelDates))
	if in.some(2) {
		b.Store = pick(in, stores)
	}
	if in.some(6) {
		b.Dept = pick(in, departments)
	}
	if in.some(2) {
		b.Vendor = pick(in, vendors)
	}
	if in.some(5) {
		b.ControlNo = fmt.Sprintf("%06d", in.IntN(1000000))
	}
	if in.some(3) {
		b.Zone = fmt.Sprint(1 + in.IntN(8))
	}
	if in.some(2) {
		b.Instructions = pick(in, instructions)
	}
	if in.some(5) {
		b.Notes = pick(in, notes)
	}
	for range n {
		cartons := 1 + in.IntN(4)
		if in.some(4) {
			cartons = 1 + in.IntN(100)
		}
		b.Lines = append(b.Lines, in.line(b, pick(in, goods), cartons))
	}
	return b
}

func (b *Bill) consign(c customer) {
	b.ShipTo, b.CustomerCode = c.shipTo, c.code
	b.Consignee = append(append([]string(nil), c.consignee...), "USA")
}

func (b *Bill) due(cancel int) {
	b.cancel = cancel
	b.InternalCode = shortDate(b.start) + "-" + shortDate(cancel)
}

// purchaseOrder invents an order number: digits, digits with leading zeros,
// digits and letters.
func (in *inventor) purchaseOrder() string {
	switch in.IntN(4) {
	case 0:
		return fmt.Sprintf("%08d", in.IntN(1_000_000))
	case 1:
		return fmt.Sprintf("%06d%c%c", in.IntN(1_000_000), 'A'+rune(in.IntN(26)), 'A'+rune(in.IntN(26)))
	case 2:
		return fmt.Sprintf("45-%05d-%02d", in.IntN(100_000), in.IntN(100))
	default:
		return fmt.Sprint(600_000 + in.IntN(300_000))
	}
}

// start is a delivery date, YYYYMMDD.
func (in *inventor) start() int { return 20251208 + in.IntN(11) }

// shortDate returns a YYYYMMDD as MMDDYY.
func shortDate(d int) string {
	return fmt.Sprintf("%04d%02d", d%10000, d/10000%100)
}

// style returns a new, unique style.
func (in *inventor) style() string {
	in.styles++
	s := fmt.Sprintf("Q%05d%s", in.styles*7, pick(in, suffixes))
	if in.some(12) {
		s += "-XL/2"
	}
	return s
}

func (in *inventor) line(b *Bill, p product, cartons int) Line {
	l := Line{Style: in.style(), OrderNumber: b.OrderNumber}
	l.hold(p, cartons)
	return l
}

// hold fills the line with cartons of p, rounding halves up as a printed bill does.
func (l *Line) hold(p product, cartons int) {
	l.Cartons, l.Pieces = cartons, cartons*p.pieces
	l.Description = p.description
	l.Volume = (cartons*p.volume + 5) / 10
	l.Weight = (cartons*p.weight + 5) / 10
	// The text of heavy is about the line's former content.
	delete(l.Print, Weight)
}

// total adds up the bill, and changes some cubes and weights by an amount that the
// rounding of the lines explains.
func (in *inventor) total(b *Bill) {
	b.add()
	slack := min(len(b.Lines)/2, 3)
	if slack > 0 && in.some(2) {
		b.Cube += in.IntN(2*slack+1) - slack
		b.Weight += in.IntN(2*slack+1) - slack
	}
}

// give assigns what makes bills hard to read: each role once, to the bills in turn,
// then again to some at random.
func (in *inventor) give(s *Sample, roles []int) {
	bill := func(i int) *Bill { return s.Bills[roles[i%len(roles)]] }
	for i, role := range billRoles {
		role(in, bill(i))
	}
	for i := len(billRoles); i < len(roles); i++ {
		if in.some(3) {
			pick(in, billRoles)(in, bill(i))
		}
	}
	// The lines of the long bill come first: it is otherwise ordinary, and has more
	// lines than there are roles.
	lines := bill(0).Lines
	i := 0
	for ; i < len(lineRoles) && i < len(lines); i++ {
		lineRoles[i](in, &lines[(3*i+1)%len(lines)])
	}
	for n := range s.Bills {
		for j := range bill(n).Lines {
			if i < len(lineRoles) {
				lineRoles[i](in, &bill(n).Lines[j])
				i++
			} else if n > 0 && in.some(8) {
				pick(in, lineRoles)(in, &bill(n).Lines[j])
			}
		}
	}
}

// billRoles make bills hard to read. The first one's bill is long already; those of
// the second and the third have more than one line if there are enough.
var billRoles = []func(*inventor, *Bill){
	(*inventor).parts,
	(*inventor).between,
	(*inventor).large,
	(*inventor).heavy,
	// Two ship-tos with the same earliest cancel date: sorted by name. The same
	// ship-to and date again further down: in the order of the document.
	func(_ *inventor, b *Bill) { b.consign(customers[0]); b.due(cancelDates[0]) },
	func(_ *inventor, b *Bill) { b.consign(customers[1]); b.due(cancelDates[0]) },
	func(_ *inventor, b *Bill) { b.consign(customers[2]) },
	func(_ *inventor, b *Bill) {
		b.consign(customers[0])
		b.due(cancelDates[0])
		b.Store, b.Dept, b.Vendor, b.ControlNo, b.Zone = stores[1], departments[2], vendors[1], "004410", "5"
	},
	func(_ *inventor, b *Bill) {
		b.Store, b.Dept, b.Vendor, b.ControlNo, b.Zone = "", "", "", "", ""
		b.Lines[0].hold(goods[1], 1) // less than a cubic foot
	},
	func(_ *inventor, b *Bill) { b.Instructions, b.Notes = instructions[1], notes[1] },
	func(_ *inventor, b *Bill) { b.Instructions, b.Notes = instructions[2], notes[0] },
	func(_ *inventor, b *Bill) { b.Instructions, b.Notes, b.unknown = nil, nil, true },
}

// parts makes the second half of the bill's lines ship later than the first, and
// two lines equal in all four fields of the key.
func (in *inventor) parts(b *Bill) {
	b.consign(customers[3])
	b.due(cancelDates[0])
	b.later = cancelDates[3]
	in.twins(b)
}

// between makes a huge bill for the same ship-to as parts, with a cancel date between
// the two of parts: in the merged sheet it comes between the halves of that bill.
func (in *inventor) between(b *Bill) {
	b.consign(customers[3])
	b.due(cancelDates[2])
	in.huge(b)
}

// twins makes two lines of the bill equal in all four fields of the key.
func (in *inventor) twins(b *Bill) {
	if n := len(b.Lines); n > 1 {
		b.Lines[n-1] = b.Lines[n/2-1]
		b.Lines[n-1].Print = maps.Clone(b.Lines[n-1].Print)
	}
}

// huge makes the cube exceed ten thousand cubic feet, if the bill has two lines.
func (in *inventor) huge(b *Bill) {
	for i := range min(2, len(b.Lines)) {
		b.Lines[i].hold(foam, 400+in.IntN(100))
	}
}

// large makes the cube exceed one thousand cubic feet in one line.
func (in *inventor) large(b *Bill) {
	b.Lines[0].hold(foam, 75+in.IntN(200))
}

// heavy makes the weight exceed one thousand pounds in one line, and prints it
// with a comma.
func (in *inventor) heavy(b *Bill) {
	l := &b.Lines[len(b.Lines)-1]
	l.hold(iron, 25+in.IntN(100))
	l.Print = Print{Weight: tenths(l.Weight)}
}

// lineRoles make lines hard to read. None changes the line's quantities, so that they
// do not undo a bill's role.
var lineRoles = []func(*inventor, *Line){
	// 22 characters end three points before the volume begins.
	func(_ *inventor, l *Line) { l.Description = "GIRLS 3 PC WOVEN PANTS" },
	func(_ *inventor, l *Line) { l.Description = `28x28" 6PC 12 PK` },
	func(_ *inventor, l *Line) { l.Description = "" },
	func(_ *inventor, l *Line) { l.OrderNumber = "" },
	func(in *inventor, l *Line) { l.CustStyle = fmt.Sprintf("%07d", in.IntN(10_000_000)) },
	// Both fill their columns: order number, customer's style, description and volume
	// have no gap between them.
	func(in *inventor, l *Line) {
		l.OrderNumber = fmt.Sprintf("%022d", in.IntN(1_000_000_000))
		l.CustStyle = fmt.Sprintf("CS-%013d", in.IntN(1_000_000_000))
		l.Description = "STORAGE BIN 10.50 GAL."
	},
	func(_ *inventor, l *Line) { l.Description, l.OrderNumber = "", "" },
	func(_ *inventor, l *Line) { l.Description = "CONFETTI 1,000 PC 2.03" },
}

// orders invents the export: a row per line, shuffled, except those left out and the
// near misses, and the extra rows.
func (in *inventor) orders(s *Sample) {
	missing, near := make([]bool, in.Lines), make([]bool, in.Lines)
	unlucky := in.Perm(in.Lines)
	for _, i := range unlucky[:in.MissingOrders] {
		missing[i] = true
	}
	for _, i := range unlucky[in.MissingOrders:][:in.NearMisses] {
		near[i] = true
	}
	i := -1
	for _, b := range s.Bills {
		o := in.order(b)
		cancel, later := b.cancel, cmp.Or(b.later, b.cancel)
		if b.unknown {
			cancel, later = 0, 0
		}
		for j := range b.Lines {
			l := &b.Lines[j]
			row := o
			row.Style = l.Style
			row.Cartons, row.Pieces = grouped(l.Cartons), grouped(l.Pieces)
			if in.Form == VICS {
				row.OrderNo = l.OrderNumber
			}
			row.DeliveryDate, row.CancelDate = usDate(b.start), usDate(cancel)
			if j >= (len(b.Lines)+1)/2 {
				row.CancelDate = usDate(later)
				if in.Form != VICS {
					// This distinguishes the rows of equal lines.
					row.OrderNo += "/2"
				}
			}
			in.vary(&row)
			i++
			if missing[i] {
				continue
			}
			if near[i] {
				// No line has so many pieces, so the row matches no other.
				row.Pieces = fmt.Sprint(l.Pieces + 1_000_000 + i)
			}
			s.Orders = append(s.Orders, row)
		}
	}
	for range in.ExtraOrders {
		o := in.order(pick(in, s.Bills))
		if in.some(2) {
			o.InvoiceNo = fmt.Sprintf("X%05d", in.IntN(100_000))
		}
		o.Style = in.style()
		o.Cartons, o.Pieces = "1", "12"
		o.DeliveryDate, o.CancelDate = usDate(in.start()), usDate(pick(in, cancelDates))
		s.Orders = append(s.Orders, o)
	}
	in.Shuffle(len(s.Orders), func(i, j int) { s.Orders[i], s.Orders[j] = s.Orders[j], s.Orders[i] })
}

// order returns what all order rows of a bill share.
func (in *inventor) order(b *Bill) Order {
	return Order{
		InvoiceNo:   b.Number,
		InvoiceDate: strings.ReplaceAll(b.Date, "/", ""),
		ShipTo:      b.ShipTo,
		OrderNo:     b.OrderNumber,
	}
}

// usDate returns a YYYYMMDD as MMDDYYYY, and "" for 0.
func usDate(d int) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%04d%04d", d%10000, d/10000)
}

// vary writes the key's cells in the ways of people and programs, without changing
// their meaning (DESIGN.md §4, matching).
func (in *inventor) vary(o *Order) {
	if in.some(2) {
		o.Cartons, o.Pieces = plain(o.Cartons), plain(o.Pieces)
	}
	if in.some(25) {
		o.Style = strings.ToLower(o.Style)
	}
	if in.some(25) {
		o.Style = " " + o.Style + "  "
	}
}
