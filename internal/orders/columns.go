package orders

import (
	"strconv"
	"strings"
	"unicode"
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
		if blank(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	return strings.TrimRight(name, "*.")
}

// blank reports whether a rune shows nothing: white space of any kind, and the
// marks of no width that exports carry along.
func blank(r rune) bool {
	switch r {
	case '\ufeff', '\u200b', '\u2060':
		return true
	}
	return unicode.IsSpace(r)
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

// columnName is the name that spreadsheets give to a column: 0 is A, 26 is AA.
func columnName(col int) string {
	var b [8]byte
	i := len(b)
	for col++; col > 0 && i > 0; col = (col - 1) / 26 {
		i--
		b[i] = byte('A' + (col-1)%26)
	}
	return string(b[i:])
}

// label shortens a text of the file so that it can stand in a sentence.
func label(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return blank(r) || unicode.IsControl(r) }), " ")
	const most = 60
	if runes := []rune(s[:min(len(s), 4*most+4)]); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

// labels is label for a list, which it shortens too.
func labels(list []string) []string {
	const most = 60
	var out []string
	for _, s := range list {
		if s = label(s); s == "" {
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
