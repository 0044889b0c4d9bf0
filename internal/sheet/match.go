package sheet

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/page"
)

// Match says how lines and order rows were joined (DESIGN.md §4). Both parts of a near
// miss are also among UnmatchedLines and UnmatchedOrders: Matched and the length of
// UnmatchedLines add up to all lines, MatchedOrders and the length of UnmatchedOrders
// to all order rows.
type Match struct {
	// State is Joined, or WrongOrders if the export looks like that of another
	// shipment; Reason then says why.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Matched is the number of lines with an order row, or with several that add up to
	// the line.
	Matched int `json:"matched"`
	// MatchedOrders is the number of order rows with a line.
	MatchedOrders int `json:"matched_orders"`
	// UnmatchedLines are the lines without an order row, in the document's order.
	UnmatchedLines []LineRef `json:"unmatched_lines"`
	// UnmatchedOrders are the order rows without a line, in the export's order.
	UnmatchedOrders []OrderRef `json:"unmatched_orders"`
	// NearMisses are pairs of an unmatched line and an unmatched order row with the
	// same bill and style but other quantities, in the export's order. Each line and
	// each order row is in at most one pair; they pair in order of appearance. Nothing
	// of a near miss is filled into the sheet.
	NearMisses []NearMiss `json:"near_misses"`
}

// Joined is the state of a match with the order export of this shipment.
const Joined = "joined"

// LineRef refers to a line of a bill. Its texts are as printed.
type LineRef struct {
	Row     int    `json:"row"` // index in the sheet's rows, from 0
	Bill    string `json:"bill"`
	Style   string `json:"style"`
	Cartons string `json:"cartons"`
	Pieces  string `json:"pieces"`
	File    int    `json:"file"` // index in the document's files
	Page    int    `json:"page"` // from 1 within the file
}

// OrderRef refers to a row of the order export. Its texts are as in the export.
type OrderRef struct {
	Number      int    `json:"number"`           // the row's number in a spreadsheet
	Export      string `json:"export,omitempty"` // the name of its export, if there are several
	Bill        string `json:"bill"`
	Style       string `json:"style"`
	Cartons     string `json:"cartons"`
	Pieces      string `json:"pieces"`
	ShipTo      string `json:"ship_to"`
	OrderNumber string `json:"order_number"`
	// Nth tells the row from those before it with the same four texts, as in LineKey; 0 is 1.
	Nth int `json:"nth,omitempty"`
}

// NearMiss is a line and an order row of the same bill and style that differ in
// cartons or pieces.
type NearMiss struct {
	Line  LineRef  `json:"line"`
	Order OrderRef `json:"order"`
}

// key has the fields that a line and an order row must share.
type key struct{ bill, style, cartons, pieces string }

// normal makes a key comparable (DESIGN.md §4): bill and style as a person sees them,
// case folded; quantities by their value. The arguments say whether dots separate
// thousands in the quantities.
func (k key) normal(cartons, pieces bool) key {
	return key{normal(k.bill), normal(k.style), orders.Quantity(k.cartons, cartons), orders.Quantity(k.pieces, pieces)}
}

func lineKey(b *bol.Bill, l *bol.Line) key {
	// The text as printed, so that a quantity that is not a number can match an order
	// row with the same text.
	return key{b.Number.Text, l.Style.Text, l.Cartons.Text, l.Pieces.Text}
}

func orderKey(o *orders.Row) key { return key{o.InvoiceNo, o.Style, o.Cartons, o.Pieces} }

// product returns the part of a key that the parts of a near miss share.
func (k key) product() key { return key{bill: k.bill, style: k.style} }

// queues has indices by key, in order of appearance. Taking one costs the same however
// many share its key.
type queues struct {
	ends map[key][2]int // the first and last index of each key
	next []int          // by index, the next of the same key; -1 at the end
}

func newQueues(n int) *queues {
	return &queues{ends: make(map[key][2]int, n), next: make([]int, n)}
}

func (q *queues) add(k key, i int) {
	q.next[i] = -1
	e, ok := q.ends[k]
	if !ok {
		q.ends[k] = [2]int{i, i}
		return
	}
	q.next[e[1]] = i
	q.ends[k] = [2]int{e[0], i}
}

// take removes and returns the first index of k.
func (q *queues) take(k key) (i int, ok bool) {
	e, ok := q.ends[k]
	if !ok {
		return 0, false
	}
	if n := q.next[e[0]]; n < 0 {
		delete(q.ends, k)
	} else {
		q.ends[k] = [2]int{n, e[1]}
	}
	return e[0], true
}

// pair assigns each entry its order row, equal keys in order of appearance, one to one,
// and then assigns several order rows to a line that they add up to. It returns the
// order rows that are left. Entries and order rows that people paired are left as they are;
// taken are those order rows.
func pair(doc *bol.Document, entries []entry, table *orders.Table, taken map[*orders.Row]bool) (unclaimed []*orders.Row) {
	lines := newQueues(len(entries))
	for i := range entries {
		e := &entries[i]
		if !e.alone && !nameless(doc.Bills[e.bill], e.line) {
			lines.add(lineKey(doc.Bills[e.bill], e.line).normal(false, false), i)
		}
	}
	cartons, pieces := table.Dots()
	for i := range table.Rows {
		o := &table.Rows[i]
		if taken[o] {
			continue
		}
		if j, ok := lines.take(orderKey(o).normal(cartons, pieces)); ok {
			entries[j].order = o
		} else {
			unclaimed = append(unclaimed, o)
		}
	}
	return byOrder(doc, entries, addUp(doc, entries, unclaimed, cartons, pieces), cartons)
}

// nameless reports whether a line names no style because its form has none.
func nameless(b *bol.Bill, l *bol.Line) bool { return b.Free != nil && l.Style.Text == "" }

// byOrder assigns order rows to lines that name no style, as those of bills by customer
// order: rows of the same order with the same cartons, first those of the same bill. It
// returns the order rows that are left.
func byOrder(doc *bol.Document, entries []entry, unclaimed []*orders.Row, dots bool) []*orders.Row {
	for _, sameBill := range []bool{true, false} {
		lines := newQueues(len(entries))
		some := false
		for i := range entries {
			e := &entries[i]
			b := doc.Bills[e.bill]
			if e.order != nil || e.alone || !nameless(b, e.line) || e.line.OrderNumber.Text == "" || !e.line.Cartons.Valid {
				continue
			}
			k := key{style: e.line.OrderNumber.Text, cartons: e.line.Cartons.Text}
			if sameBill {
				k.bill = b.Number.Text
			}
			lines.add(k.normal(false, false), i)
			some = true
		}
		if !some {
			break
		}
		unclaimed = slices.DeleteFunc(unclaimed, func(o *orders.Row) bool {
			k := key{style: o.OrderNo, cartons: o.Cartons}
			if sameBill {
				k.bill = o.InvoiceNo
			}
			i, ok := lines.take(k.normal(dots, false))
			if ok {
				entries[i].order = o
			}
			return ok
		})
	}
	return unclaimed
}

// addUp assigns to a line without an order row several of those left: successive rows
// of its bill and style that add up to its cartons and pieces, as those of sizes do. It
// returns the order rows that are still left.
func addUp(doc *bol.Document, entries []entry, unclaimed []*orders.Row, dotCartons, dotPieces bool) []*orders.Row {
	type sum struct {
		product         key
		cartons, pieces int64
	}
	open := map[key]int{}    // lines without order row by bill and style
	lines := map[sum][]int{} // the same by quantities, in order of appearance
	for i := range entries {
		e := &entries[i]
		if e.order != nil || e.alone || nameless(doc.Bills[e.bill], e.line) {
			continue
		}
		k := lineKey(doc.Bills[e.bill], e.line)
		n, ok := amounts(k.normal(false, false))
		if p := k.product().normal(false, false); ok {
			open[p]++
			lines[sum{p, n[0], n[1]}] = append(lines[sum{p, n[0], n[1]}], i)
		}
	}
	if len(open) == 0 {
		return unclaimed
	}
	runs := map[key][]*orders.Row{}
	for _, o := range unclaimed {
		if p := orderKey(o).product().normal(false, false); open[p] > 0 {
			runs[p] = append(runs[p], o)
		}
	}
	claimed := map[*orders.Row]bool{}
	for p, rows := range runs {
		for start := 0; start < len(rows) && open[p] > 0; start++ {
			at := sum{product: p}
			for end := start; end < min(len(rows), start+mostSizes); end++ {
				n, ok := amounts(orderKey(rows[end]).normal(dotCartons, dotPieces))
				if !ok {
					break
				}
				at.cartons, at.pieces = at.cartons+n[0], at.pieces+n[1]
				found := lines[at]
				if end == start || len(found) == 0 {
					continue
				}
				lines[at] = found[1:]
				open[p]--
				e := &entries[found[0]]
				e.order, e.more = rows[start], rows[start+1:end+1:end+1]
				for _, o := range rows[start : end+1] {
					claimed[o] = true
				}
				start = end
				break
			}
		}
	}
	return slices.DeleteFunc(unclaimed, func(o *orders.Row) bool { return claimed[o] })
}

// mostSizes is the greatest number of order rows that are added up for one line.
const mostSizes = 64

// amounts returns the cartons and pieces of a normal key. An empty cell counts as 0:
// the cartons of all sizes may be on one row.
func amounts(k key) (n [2]int64, ok bool) {
	for i, s := range [...]string{k.cartons, k.pieces} {
		if s == "" {
			continue
		}
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v < 0 || v > 1e12 {
			return n, false
		}
		n[i] = v
	}
	return n, true
}

// report returns the result of the matching. The entries are in the order of the
// sheet's rows, lonely in that of the document.
func report(doc *bol.Document, table *orders.Table, entries, lonely []entry, unclaimed []*orders.Row) Match {
	m := Match{
		Matched:         len(entries) - len(lonely),
		MatchedOrders:   len(table.Rows) - len(unclaimed),
		UnmatchedLines:  make([]LineRef, len(lonely)),
		UnmatchedOrders: make([]OrderRef, len(unclaimed)),
		NearMisses:      []NearMiss{},
	}
	rows := make([]int, len(entries))
	for row, e := range entries {
		rows[e.seq] = row
	}
	nths := nthOf(table, unclaimed)
	lines := newQueues(len(lonely))
	for i, e := range lonely {
		k := lineKey(doc.Bills[e.bill], e.line)
		m.UnmatchedLines[i] = LineRef{
			Row: rows[e.seq], Bill: k.bill, Style: k.style, Cartons: k.cartons, Pieces: k.pieces,
			File: e.line.File, Page: e.line.Page,
		}
		if !e.alone {
			lines.add(k.product().normal(false, false), i)
		}
	}
	for i, o := range unclaimed {
		k := orderKey(o)
		m.UnmatchedOrders[i] = OrderRef{
			Number: o.Number, Export: o.Export, Bill: k.bill, Style: k.style, Cartons: k.cartons, Pieces: k.pieces,
			ShipTo: o.ShipTo, OrderNumber: o.OrderNo, Nth: nths[o],
		}
		if j, ok := lines.take(k.product().normal(false, false)); ok {
			m.NearMisses = append(m.NearMisses, NearMiss{m.UnmatchedLines[j], m.UnmatchedOrders[i]})
		}
	}
	return m
}

// nthOf says of order rows how many rows of their key there are up to each, without those
// that are the first.
func nthOf(table *orders.Table, some []*orders.Row) map[*orders.Row]int {
	if len(some) == 0 {
		return nil
	}
	cartons, pieces := table.Dots()
	counts := make(map[key]int, len(some))
	for _, o := range some {
		counts[orderKey(o).normal(cartons, pieces)] = 0
	}
	nths := map[*orders.Row]int{}
	for i := range table.Rows {
		o := &table.Rows[i]
		k := orderKey(o).normal(cartons, pieces)
		n, ok := counts[k]
		if !ok {
			continue
		}
		counts[k] = n + 1
		if n > 0 {
			nths[o] = n + 1
		}
	}
	return nths
}

// normal returns a text as a person sees it, case folded.
func normal(s string) string {
	if isNormal(s) {
		return s
	}
	s = page.Seen(s)
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b.WriteByte(s[i]) // invalid bytes stay, so that two different broken texts stay different
		} else {
			b.WriteRune(fold(r))
		}
		i += n
	}
	return b.String()
}

// isNormal reports whether normal would return s as it is, which is true for nearly all
// keys.
func isNormal(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || 'a' <= c && c <= 'z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fold returns the same rune for all that differ only in case, in ASCII the capital.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// BillNumbers returns the numbers of the bills of a document and of an order export, each
// once, in the form in which they compare (DESIGN.md §4). Both may be nil.
func BillNumbers(doc *bol.Document, table *orders.Table) []string {
	var numbers []string
	there := map[string]bool{"": true}
	add := func(number string) {
		if n := normal(number); !there[n] {
			there[n] = true
			numbers = append(numbers, n)
		}
	}
	if doc != nil {
		for _, b := range doc.Bills {
			add(b.Number.Text)
		}
	}
	if table != nil {
		for i := range table.Rows {
			add(table.Rows[i].InvoiceNo)
		}
	}
	return numbers
}
