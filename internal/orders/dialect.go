package orders

import (
	"slices"
	"strings"
)

// Dialect has the names that an owner's order exports use for columns, beside those
// that the product knows (DESIGN.md §12). The zero value has none.
type Dialect struct {
	// Columns are names by the key of their meaning, see Meanings; the first of several
	// that an export has is preferred. They are preferred to the known names. A name
	// here has no other meaning, even if it is a known name.
	Columns map[string][]string `json:",omitempty"`
	// Ignored are names of columns that are not read.
	Ignored []string `json:",omitempty"`
	// Kept are names of columns whose cells are kept; see Row.KeptCells.
	Kept []string `json:",omitempty"`
}

// Meaning is what a column of an order export can mean.
type Meaning struct {
	Key      string `json:"key"`  // for settings: "bill_number"
	Name     string `json:"name"` // for people: "bill number"
	Required bool   `json:"required"`
	// Names are the preferred names of the column.
	Names []string `json:"names"`
}

// Meanings returns what columns of an order export can mean, the required first.
func Meanings() []Meaning {
	all := make([]Meaning, numFields)
	for f, k := range known {
		all[f] = Meaning{Key: field(f).key(), Name: k.meaning, Required: k.key, Names: slices.Clone(k.names)}
	}
	return all
}

// key returns the name of a field in settings.
func (f field) key() string {
	return strings.NewReplacer(" ", "_", "-", "_").Replace(known[f].meaning)
}

// MeaningOf returns the key of the meaning that people name: by its key, its name, or
// one of the known names of its column, but not a vague one.
func MeaningOf(name string) (key string, ok bool) {
	folded := fold(name)
	if folded == "" {
		return "", false
	}
	for f := range numFields {
		if folded == fold(f.key()) {
			return f.key(), true
		}
	}
	n, ok := byName()[folded]
	if !ok || n.vague {
		return "", false
	}
	return n.field.key(), true
}

// SameColumn reports whether two names of columns are the same to the reader, which
// ignores case, spaces and punctuation.
func SameColumn(a, b string) bool { return fold(a) == fold(b) }

// ColumnKey returns the form in which names of columns are compared, "" for a name
// without letters and digits, which can name no column.
func ColumnKey(name string) string { return fold(name) }

// With returns the dialect with a further name for a meaning, or with a name that is
// ignored if the key is "". The name loses every other meaning.
func (d Dialect) With(name, key string) Dialect {
	next := Dialect{Columns: map[string][]string{}}
	same := func(n string) bool { return SameColumn(n, name) }
	for k := range d.Columns {
		if names := slices.DeleteFunc(slices.Clone(d.Columns[k]), same); len(names) > 0 {
			next.Columns[k] = names
		}
	}
	next.Ignored = slices.DeleteFunc(slices.Clone(d.Ignored), same)
	if key == "" {
		next.Ignored = append(next.Ignored, name)
	} else {
		next.Columns[key] = append([]string{name}, next.Columns[key]...)
	}
	return next
}

// vocabulary knows what names of columns mean, by the folded name, beside the product's names.
type vocabulary map[string]nameRank

// ignored is the field of a column that is not read.
const ignored = numFields

// kept returns the names of the columns that are kept.
func (d *Dialect) kept() []string {
	if d == nil {
		return nil
	}
	return d.Kept
}

// vocabulary returns the names of the product with those of the dialect, if there is
// one. A key that is not a meaning has no effect.
func (d *Dialect) vocabulary() vocabulary {
	if d == nil {
		return nil
	}
	w := vocabulary{}
	for f := range numFields {
		names := d.Columns[f.key()]
		for i, name := range names {
			w.add(name, nameRank{field: f, rank: i - len(names)}) // before all known names
		}
	}
	for _, name := range d.Ignored {
		w.add(name, nameRank{field: ignored})
	}
	return w
}

func (w vocabulary) add(name string, n nameRank) {
	if folded := fold(name); folded != "" {
		if _, ok := w[folded]; !ok {
			w[folded] = n
		}
	}
}

// meaning returns the meaning of a folded name.
func (w vocabulary) meaning(folded string) (nameRank, bool) {
	if n, ok := w[folded]; ok {
		return n, true
	}
	n, ok := byName()[folded]
	return n, ok
}

// DateOrder is the order of day, month and year in dates that can be read in several
// ways.
type DateOrder string

// The orders of dates. AnyOrder, and "", decide by each column's own dates.
const (
	AnyOrder   DateOrder = "auto"
	MonthFirst DateOrder = "month first"
	DayFirst   DateOrder = "day first"
	YearFirst  DateOrder = "year first"
)

// DateOrders are all orders, in the order in which they are offered.
var DateOrders = []DateOrder{AnyOrder, MonthFirst, DayFirst, YearFirst}

// order returns the order that is said, false if each column decides.
func (o DateOrder) order() (order, bool) {
	i := slices.Index([]DateOrder{monthFirst: MonthFirst, dayFirst: DayFirst, yearFirst: YearFirst}, o)
	return order(max(i, 0)), i >= 0
}
