package orders

import (
	"strconv"
	"strings"
	"unicode"

	"tallyman/internal/orders/grid"
)

// field is one of the meanings that a column can have.
type field int

const (
	invoiceNo field = iota
	style
	cartons
	pieces
	invoiceDate
	shipTo
	orderNo
	deliveryDate
	cancelDate
	numFields
)

// known are the columns that are read, with their accepted names, the
// preferred first (DESIGN.md §4).
var known = [numFields]struct {
	meaning string
	names   []string
	key     bool
}{
	invoiceNo:    {"bill number", []string{"Invoice No."}, true},
	style:        {"style", []string{"Style"}, true},
	cartons:      {"cartons", []string{"Cartons*", "Cartons"}, true},
	pieces:       {"pieces", []string{"Pieces*", "Individual Pieces"}, true},
	invoiceDate:  {"invoice date", []string{"Invoice Date", "Order Date"}, false},
	shipTo:       {"ship-to", []string{"Ship-to Name", "Ship To Name"}, false},
	orderNo:      {"order number", []string{"Order No.", "Purchase Order No."}, false},
	deliveryDate: {"delivery date", []string{"Delivery Date", "Start Date"}, false},
	cancelDate:   {"cancel date", []string{"Cancel Date"}, false},
}

// numKeys is the number of columns without which rows cannot be matched.
var numKeys = func() (n int) {
	for _, k := range known {
		if k.key {
			n++
		}
	}
	return n
}()

type nameRank struct {
	field field
	rank  int // the place among the field's names
}

var byName = func() map[string]nameRank {
	m := map[string]nameRank{}
	for f, k := range known {
		for rank, name := range k.names {
			if _, ok := m[fold(name)]; !ok {
				m[fold(name)] = nameRank{field(f), rank}
			}
		}
	}
	return m
}()

// fold brings a column's name into the form in which names are compared:
// without regard to case, white space, and asterisks and full stops at its end
// (DESIGN.md §4).
func fold(name string) string {
	name = strings.Map(func(r rune) rune {
		if grid.Blank(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	return strings.TrimRight(name, "*.")
}

// columns says in which column each field is, from 0; -1 if in none.
type columns [numFields]int

// locate finds the fields among the cells of a row. Of a field's names the
// preferred one counts, of columns with the same name the first.
func locate(cells []string) (cols columns, keys int) {
	var rank [numFields]int
	for f := range cols {
		cols[f] = -1
	}
	for col, cell := range cells {
		if cell == "" || len(cell) > 256 {
			continue
		}
		n, ok := byName[fold(cell)]
		if !ok || cols[n.field] >= 0 && rank[n.field] <= n.rank {
			continue
		}
		if cols[n.field] < 0 && known[n.field].key {
			keys++
		}
		cols[n.field], rank[n.field] = col, n.rank
	}
	return cols, keys
}

// labels is grid.Label for a list, which it shortens too.
func labels(list []string) []string {
	const most = 60
	var out []string
	for _, s := range list {
		if s = grid.Label(s); s == "" {
			continue
		}
		if len(out) == most {
			return append(out, "…")
		}
		out = append(out, s)
	}
	return out
}

// quoted lists texts for people: "A", "B".
func quoted(list []string, and string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = strconv.Quote(s)
	}
	return strings.Join(q, and)
}
