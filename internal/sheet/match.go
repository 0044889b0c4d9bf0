package sheet

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
)

// Match says which lines and order rows found each other (DESIGN.md §4). The
// two parts of a near miss found nothing, so they are also among
// UnmatchedLines and UnmatchedOrders: Matched and the length of UnmatchedLines
// add up to all lines, Matched and the length of UnmatchedOrders to all order
// rows.
type Match struct {
	// State is Joined, or WrongOrders if the export looks like that of another
	// shipment; Reason then says why.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Matched is the number of pairs.
	Matched int `json:"matched"`
	// UnmatchedLines are the lines with no order row, in the document's order.
	UnmatchedLines []LineRef `json:"unmatched_lines"`
	// UnmatchedOrders are the order rows with no line, in the export's order.
	UnmatchedOrders []OrderRef `json:"unmatched_orders"`
	// NearMisses are pairs of the two with the same bill and style but other
	// quantities, in the export's order. Each line and each order row is in one
	// pair at most; if several could pair, they do in order of appearance.
	// Nothing of a near miss is filled into the sheet.
	NearMisses []NearMiss `json:"near_misses"`
}

// Joined is the state of a match with the order export of this shipment.
const Joined = "joined"

// LineRef names a line of a bill. Its texts are as printed.
type LineRef struct {
	Row     int    `json:"row"` // index in the sheet's rows, from 0
	Bill    string `json:"bill"`
	Style   string `json:"style"`
	Cartons string `json:"cartons"`
	Pieces  string `json:"pieces"`
	File    int    `json:"file"` // index in the document's files
	Page    int    `json:"page"` // from 1 within the file
}

// OrderRef names a row of the order export. Its texts are as they stand there.
type OrderRef struct {
	Number      int    `json:"number"` // what a spreadsheet shows beside the row
	Bill        string `json:"bill"`
	Style       string `json:"style"`
	Cartons     string `json:"cartons"`
	Pieces      string `json:"pieces"`
	ShipTo      string `json:"ship_to"`
	OrderNumber string `json:"order_number"`
}

// NearMiss is a line and an order row of the same bill and style that differ in
// cartons or pieces.
type NearMiss struct {
	Line  LineRef  `json:"line"`
	Order OrderRef `json:"order"`
}

// key is what a line and an order row must have in common.
type key struct{ bill, style, cartons, pieces string }

// normal makes a key comparable: trimmed, without commas, case folded
// (DESIGN.md §4).
func (k key) normal() key {
	return key{normal(k.bill), normal(k.style), normal(k.cartons), normal(k.pieces)}
}

func lineKey(b *bol.Bill, l *bol.Line) key {
	// The text as printed, so that a quantity that is not a number can match an
	// order row that says the same.
	return key{b.Number.Text, l.Style.Text, l.Cartons.Text, l.Pieces.Text}
}

func orderKey(o *orders.Row) key { return key{o.InvoiceNo, o.Style, o.Cartons, o.Pieces} }

// product is the part of a key that a near miss has in common.
func (k key) product() key { return key{bill: k.bill, style: k.style} }

// queues holds, by key, indices in order of appearance. Taking them one by one
// costs the same however many share a key.
type queues struct {
	ends map[key][2]int // first and last index
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

// pair gives each entry its order row, equal keys in order of appearance, one to
// one. It returns the order rows that are left over.
func pair(doc *bol.Document, entries []entry, table *orders.Table) (unclaimed []*orders.Row) {
	lines := newQueues(len(entries))
	for i := range entries {
		e := &entries[i]
		lines.add(lineKey(doc.Bills[e.bill], e.line).normal(), i)
	}
	for i := range table.Rows {
		o := &table.Rows[i]
		if j, ok := lines.take(orderKey(o).normal()); ok {
			entries[j].order = o
		} else {
			unclaimed = append(unclaimed, o)
		}
	}
	return unclaimed
}

// unmatched returns the entries with no order row.
func unmatched(entries []entry) []entry {
	var lonely []entry
	for _, e := range entries {
		if e.order == nil {
			lonely = append(lonely, e)
		}
	}
	return lonely
}

// report tells how the matching went. The entries are in the order of the
// sheet's rows, lonely in the document's.
func report(doc *bol.Document, table *orders.Table, entries, lonely []entry, unclaimed []*orders.Row) Match {
	m := Match{
		Matched:         len(entries) - len(lonely),
		UnmatchedLines:  make([]LineRef, len(lonely)),
		UnmatchedOrders: make([]OrderRef, len(unclaimed)),
		NearMisses:      []NearMiss{},
	}
	rows := make([]int, len(entries))
	for row, e := range entries {
		rows[e.seq] = row
	}
	lines := newQueues(len(lonely))
	for i, e := range lonely {
		k := lineKey(doc.Bills[e.bill], e.line)
		m.UnmatchedLines[i] = LineRef{
			Row: rows[e.seq], Bill: k.bill, Style: k.style, Cartons: k.cartons, Pieces: k.pieces,
			File: e.line.File, Page: e.line.Page,
		}
		lines.add(k.product().normal(), i)
	}
	for i, o := range unclaimed {
		k := orderKey(o)
		m.UnmatchedOrders[i] = OrderRef{
			Number: o.Number, Bill: k.bill, Style: k.style, Cartons: k.cartons, Pieces: k.pieces,
			ShipTo: o.ShipTo, OrderNumber: o.OrderNo,
		}
		if j, ok := lines.take(k.product().normal()); ok {
			m.NearMisses = append(m.NearMisses, NearMiss{m.UnmatchedLines[j], m.UnmatchedOrders[i]})
		}
	}
	return m
}

// normal returns s trimmed, without commas and case folded.
func normal(s string) string {
	if isNormal(s) {
		return s
	}
	s = strings.TrimSpace(strings.ReplaceAll(s, ",", ""))
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b.WriteByte(s[i]) // two broken texts are not equal because both are broken
		} else {
			b.WriteRune(fold(r))
		}
		i += n
	}
	return b.String()
}

// isNormal reports whether s needs no work, as nearly all keys do not.
func isNormal(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == ',' || 'a' <= c && c <= 'z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fold returns one rune for all that differ in case only, in ASCII the capital.
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
