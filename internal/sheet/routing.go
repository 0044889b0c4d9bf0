package sheet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/text"
)

// RoutingRules say how bills are grouped for routing requests, and what is warned of.
type RoutingRules struct {
	// Groups and Within are names of RoutingKeys: bills with the same values are one
	// group, and within it one part.
	Groups, Within []string
	// NearDays warns of a window that ends in at most so many days.
	NearDays int
	// NoticeDays warns of a window that ends before a request with so many days of
	// notice can be met; 0 for no notice.
	NoticeDays int
	// ParcelPounds and ParcelCartons are what may go as parcels; 0 for any. If both are
	// 0, nothing may.
	ParcelPounds, ParcelCartons int
}

// RoutingKeys are the columns by which bills can be grouped for routing.
var RoutingKeys = []string{
	Columns[shipToName], Columns[startDate], Columns[cancelDate], Columns[purchaseOrderNo], Columns[orderDate], Columns[invoiceNo],
}

// Routing is what routing requests to retailers ask for (DESIGN.md §5). Every bill is in
// exactly one part of one group, so the totals of all groups are those of all bills.
type Routing struct {
	// Day is the day for which windows were examined, as 2025-07-30; "" if none was
	// given, and then no warning is about a day.
	Day string `json:"day"`
	// GroupedBy and Within are the columns of the groups' and the parts' values.
	GroupedBy []string `json:"grouped_by"`
	Within    []string `json:"within"`
	// Groups are in the order of the sheet.
	Groups []RoutingGroup `json:"groups"`
	Total  RoutingLoad    `json:"total"`
	// Orders is the number of purchase orders.
	Orders int `json:"purchase_orders"`

	calendar *orders.Calendar // of the sheet
}

// dayIn returns the function that reads the dates of a column of the table.
func (r *Routing) dayIn(column string) func(string) (time.Time, bool) {
	return func(s string) (time.Time, bool) {
		if _, dates, ok := keyColumn(column); ok && r.calendar != nil {
			return r.calendar.Date(dates, s)
		}
		day, err := time.Parse(time.DateOnly, s) // the earliest cancel date
		return day, err == nil
	}
}

// RoutingGroup are the bills that are asked for together.
type RoutingGroup struct {
	// Values are those of the columns in Routing.GroupedBy, as in the sheet.
	Values []string `json:"values"`
	// CancelDate is the earliest one, as 2025-07-30; "" if no bill has one that was read.
	CancelDate string `json:"earliest_cancel_date"`
	RoutingLoad
	Parts    []RoutingPart    `json:"parts"`
	Warnings []RoutingWarning `json:"warnings"`
}

// RoutingPart are the bills of a group that have the same values, such as one purchase
// order.
type RoutingPart struct {
	// Values are those of the columns in Routing.Within, as in the sheet.
	Values []string `json:"values"`
	// Numbers are the numbers of the bills.
	Numbers []string `json:"bill_numbers"`
	// Bills are the bills, as indices in the document.
	Bills []int `json:"bills"`
	RoutingLoad
}

// RoutingLoad is the sum of some bills' totals, as printed or else of their lines.
type RoutingLoad struct {
	Count   int    `json:"bill_count"`
	Cartons Figure `json:"cartons"`
	Pieces  Figure `json:"pieces"`
	Weight  Figure `json:"weight"` // pounds
	Cube    Figure `json:"cube"`   // cubic feet
	// Pallets is the whole cube over the cube per pallet, rounded up. Of all groups it is
	// the sum of the groups' pallets.
	Pallets int64 `json:"pallets"`
	// PalletsByBill is the sum of the bills' own pallets, as in the sheet.
	PalletsByBill int64 `json:"pallets_by_bill"`

	cartons, pieces, weight, cube decimal.Decimal
}

// The kinds of warnings about a group.
const (
	WindowPassed   = "window_passed"    // the cancel date is before the day
	WindowNear     = "window_near"      // the cancel date is in a few days
	NoticeTooShort = "notice_too_short" // the days of notice lead past the cancel date
	ParcelSized    = "parcel"           // small enough for parcels
	SeveralValues  = "several_values"   // a bill's lines have other values; it is counted with its first line's
	NoFigure       = "no_figure"        // a bill has no such figure, so it is missing in the sum
	NoOrder        = "no_order"         // bills without an order row
)

// RoutingWarning is something about a group that people should know.
type RoutingWarning struct {
	Kind string `json:"kind"`
	Text string `json:"text"` // one sentence, without a full stop
}

// add adds a bill's totals. It returns the fields for which the bill has no figure.
func (l *RoutingLoad) add(b *bol.Bill, rules *Rules) (missing []string) {
	l.Count++
	for _, f := range []struct {
		field bol.Field
		sum   *decimal.Decimal
	}{{bol.Cartons, &l.cartons}, {bol.Pieces, &l.pieces}, {bol.Weight, &l.weight}, {bol.Cube, &l.cube}} {
		n, err := decimal.NewFromString(b.Total(f.field))
		if err != nil {
			missing = append(missing, string(f.field))
			continue
		}
		*f.sum = f.sum.Add(n)
	}
	if cube, ok := cubeOf(b); ok {
		l.PalletsByBill += rules.pallets(cube).IntPart()
	}
	return missing
}

// finish fills in what follows from the sums. Figures keep the decimals of what was
// added.
func (l *RoutingLoad) finish(rules *Rules) {
	l.Cartons, l.Pieces = Figure(l.cartons.String()), Figure(l.pieces.String())
	l.Weight, l.Cube = Figure(places(l.weight)), Figure(places(l.cube))
	l.Pallets = rules.pallets(l.cube).IntPart()
}

// places writes a sum with the decimals that its parts have: decimal.String drops none,
// but 0 has none.
func places(d decimal.Decimal) string { return d.StringFixed(max(0, -d.Exponent())) }

// keyColumn is the column of a routing key, and the dates in it.
func keyColumn(name string) (at int, dates orders.Dates, isDate bool) {
	at = slices.Index(Columns[:], name)
	dates, isDate = dateColumns[at]
	return at, dates, isDate
}

// Routing returns the routing of the sheet by the profile's rules. day is the day for
// which windows are examined; the zero time examines none. It depends on nothing else.
func (s *Sheet) Routing(day time.Time) *Routing {
	rules := &s.rules
	if s.Document == nil || rules.CubePerPallet.IsZero() { // a sheet that Make did not make
		return Make(s.Document, s.Orders).Routing(day)
	}
	r := &Routing{GroupedBy: append([]string{}, rules.Routing.Groups...), Within: append([]string{}, rules.Routing.Within...), Groups: []RoutingGroup{}, calendar: s.dates}
	if !day.IsZero() {
		r.Day = day.Format(time.DateOnly)
	}
	// The rows of each bill, in the order of the sheet.
	of := map[int][]int{}
	var bills []int
	for i := range s.Rows {
		b := s.Rows[i].bill
		if of[b] == nil {
			bills = append(bills, b)
		}
		of[b] = append(of[b], i)
	}
	for b := range s.Document.Bills { // those without lines come last
		if of[b] == nil && !s.Document.Bills[b].Held() {
			bills = append(bills, b)
		}
	}
	groups, parts := map[string]int{}, map[string]int{}
	cancels := map[int]time.Time{}
	names := map[string]bool{}
	for _, b := range bills {
		bill := s.Document.Bills[b]
		values, key := s.values(rules.Routing.Groups, bill, of[b])
		g, ok := groups[key]
		if !ok {
			g = len(r.Groups)
			groups[key] = g
			r.Groups = append(r.Groups, RoutingGroup{Values: values, Parts: []RoutingPart{}, Warnings: []RoutingWarning{}})
		}
		group := &r.Groups[g]
		values, within := s.values(rules.Routing.Within, bill, of[b])
		key += "\x00\x00" + within
		p, ok := parts[key]
		if !ok {
			p = len(group.Parts)
			parts[key] = p
			group.Parts = append(group.Parts, RoutingPart{Values: values})
		}
		part := &group.Parts[p]
		part.Bills, part.Numbers = append(part.Bills, b), append(part.Numbers, bill.Number.Text)
		part.add(bill, rules)
		r.Total.add(bill, rules)
		if missing := group.add(bill, rules); len(missing) > 0 {
			group.warn(NoFigure, "bill %s has no %s, which is missing in the sums", numberOf(bill), strings.Join(missing, " and no "))
		}
		if what := s.differing(append(slices.Clone(rules.Routing.Groups), rules.Routing.Within...), of[b]); what != "" {
			group.warn(SeveralValues, "bill %s has lines with another %s; all of it is counted with its first line's", numberOf(bill), what)
		}
		ordered := false
		for _, i := range of[b] {
			o := s.Rows[i].Order
			if o == nil {
				continue
			}
			ordered = true
			names[strings.TrimSpace(o.OrderNo)] = true
			if at, _, ok := s.dates.Guess(orders.CancelDates, o.CancelDate); ok && (cancels[g].IsZero() || at.Before(cancels[g])) {
				cancels[g] = at
			}
		}
		if s.Orders != nil && !ordered {
			group.warn(NoOrder, "bill %s has no order row, so that its ship-to and window are not known", numberOf(bill))
		}
	}
	delete(names, "")
	r.Orders = len(names)
	r.Total.finish(rules)
	r.Total.Pallets = 0
	for g := range r.Groups {
		group := &r.Groups[g]
		group.finish(rules)
		r.Total.Pallets += group.Pallets
		for p := range group.Parts {
			group.Parts[p].finish(rules)
		}
		if at := cancels[g]; !at.IsZero() {
			group.CancelDate = at.Format(time.DateOnly)
			group.window(at, day, &rules.Routing)
		}
		group.parcel(&rules.Routing)
	}
	return r
}

func numberOf(b *bol.Bill) string { return cmp.Or(b.Number.Text, "without number") }

func (g *RoutingGroup) warn(kind, format string, args ...any) {
	g.Warnings = append(g.Warnings, RoutingWarning{kind, fmt.Sprintf(format, args...)})
}

// window warns of a cancel date that has passed or is near.
func (g *RoutingGroup) window(cancel, day time.Time, rules *RoutingRules) {
	if day.IsZero() {
		return
	}
	day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	switch left := int(cancel.Sub(day).Hours() / 24); {
	case left < 0:
		g.warn(WindowPassed, "the window ended on %s, %s before %s", g.CancelDate, text.Count(-left, "day"), day.Format(time.DateOnly))
	case left < rules.NoticeDays:
		g.warn(NoticeTooShort, "the window ends on %s, and %s of notice lead past it", g.CancelDate, text.Count(rules.NoticeDays, "day"))
	case left <= rules.NearDays:
		g.warn(WindowNear, "the window ends on %s, in %s", g.CancelDate, text.Count(left, "day"))
	}
}

// parcel says that a group is small enough for parcels.
func (g *RoutingGroup) parcel(rules *RoutingRules) {
	if rules.ParcelPounds == 0 && rules.ParcelCartons == 0 ||
		rules.ParcelPounds > 0 && g.weight.GreaterThan(decimal.NewFromInt(int64(rules.ParcelPounds))) ||
		rules.ParcelCartons > 0 && g.cartons.GreaterThan(decimal.NewFromInt(int64(rules.ParcelCartons))) {
		return
	}
	g.warn(ParcelSized, "small enough for parcels: %s cartons, %s lb", g.Cartons, g.Weight)
}

// values returns the values of a bill's first line with an order row in some columns, as
// in the sheet, and a key by which equal ones are found: dates by their day.
func (s *Sheet) values(columns []string, b *bol.Bill, rows []int) (values []string, key string) {
	values = make([]string, len(columns))
	for i, name := range columns {
		at, _, _ := keyColumn(name)
		if at == invoiceNo {
			values[i] = b.Number.Text
		} else if first := s.firstOrdered(rows); first != nil {
			values[i] = strings.TrimSpace(first.Cells[at])
		}
		key += s.comparable(name, values[i]) + "\x00"
	}
	return values, key
}

func (s *Sheet) firstOrdered(rows []int) *Row {
	for _, i := range rows {
		if s.Rows[i].Order != nil {
			return &s.Rows[i]
		}
	}
	return nil
}

// comparable returns the form in which a value of a column is compared.
func (s *Sheet) comparable(column, value string) string {
	if _, dates, ok := keyColumn(column); ok {
		if day, ok := s.dates.Date(dates, value); ok {
			return day.Format(time.DateOnly)
		}
	}
	return value
}

// differing returns the first of some columns in which a bill's lines differ, "" if
// there is none. Lines without an order row differ from nothing.
func (s *Sheet) differing(columns []string, rows []int) string {
	first := s.firstOrdered(rows)
	for _, name := range columns {
		at, _, _ := keyColumn(name)
		for _, i := range rows {
			if r := &s.Rows[i]; r.Order != nil && s.comparable(name, strings.TrimSpace(r.Cells[at])) != s.comparable(name, strings.TrimSpace(first.Cells[at])) {
				return name
			}
		}
	}
	return ""
}

// The columns of routing as a table, after those of the groups and the parts. Group
// figures are on the first row of each group only, so that every column can be added up.
var routingColumns = []struct {
	name  string
	kind  kind
	of    func(g *RoutingGroup, p *RoutingPart) string
	group bool
}{
	{"Bills", number, func(_ *RoutingGroup, p *RoutingPart) string { return fmt.Sprint(p.Count) }, false},
	{"Cartons", number, func(_ *RoutingGroup, p *RoutingPart) string { return string(p.Cartons) }, false},
	{"Pieces", number, func(_ *RoutingGroup, p *RoutingPart) string { return string(p.Pieces) }, false},
	{"Weight", number, func(_ *RoutingGroup, p *RoutingPart) string { return string(p.Weight) }, false},
	{"Cube", number, func(_ *RoutingGroup, p *RoutingPart) string { return string(p.Cube) }, false},
	{"Group Cartons", number, func(g *RoutingGroup, _ *RoutingPart) string { return string(g.Cartons) }, true},
	{"Group Pieces", number, func(g *RoutingGroup, _ *RoutingPart) string { return string(g.Pieces) }, true},
	{"Group Weight", number, func(g *RoutingGroup, _ *RoutingPart) string { return string(g.Weight) }, true},
	{"Group Cube", number, func(g *RoutingGroup, _ *RoutingPart) string { return string(g.Cube) }, true},
	{"Group Pallets", number, func(g *RoutingGroup, _ *RoutingPart) string { return fmt.Sprint(g.Pallets) }, true},
	{"Pallets Bill by Bill", number, func(g *RoutingGroup, _ *RoutingPart) string { return fmt.Sprint(g.PalletsByBill) }, true},
	{"Earliest Cancel Date", date, func(g *RoutingGroup, _ *RoutingPart) string { return g.CancelDate }, true},
	{"Bill Numbers", textual, func(_ *RoutingGroup, p *RoutingPart) string { return strings.Join(p.Numbers, ", ") }, false},
	{"Warnings", textual, func(g *RoutingGroup, _ *RoutingPart) string {
		return strings.Join(text.Each(g.Warnings, func(w RoutingWarning) string { return w.Text }), "; ")
	}, true},
}

// header returns the headings of the routing as a table.
func (r *Routing) header() []string {
	header := append(slices.Clone(r.GroupedBy), r.Within...)
	for _, c := range routingColumns {
		header = append(header, c.name)
	}
	return header
}

// each calls a function with the cells of each row of the routing as a table.
func (r *Routing) each(row func(cells []string) error) error {
	for g := range r.Groups {
		group := &r.Groups[g]
		for p := range group.Parts {
			part := &group.Parts[p]
			cells := append(slices.Clone(group.Values), part.Values...)
			for _, c := range routingColumns {
				cell := ""
				if !c.group || p == 0 {
					cell = c.of(group, part)
				}
				cells = append(cells, cell)
			}
			if err := row(cells); err != nil {
				return err
			}
		}
	}
	return nil
}

// WriteCSV writes the routing as CSV, like the sheet: one row for each part of a group.
func (r *Routing) WriteCSV(w io.Writer) error {
	return writeCSV(w, func(row func(cells []string) error) error {
		if err := row(r.header()); err != nil {
			return err
		}
		return r.each(row)
	})
}

// WriteJSON writes the routing as JSON, the same as in the sheet's but for the day.
func (r *Routing) WriteJSON(w io.Writer) error {
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return unwritable(JSON, err)
	}
	return nil
}

// Write writes the routing in the given format; see Sheet's Write.
func (r *Routing) Write(w io.Writer, f Format) error {
	switch f {
	case CSV:
		return r.WriteCSV(w)
	case XLSX:
		return r.WriteXLSX(w)
	case JSON:
		return r.WriteJSON(w)
	}
	return unknown(string(f))
}
