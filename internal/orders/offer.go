package orders

import (
	"slices"
	"strings"
	"unicode"

	"tallyman/internal/orders/grid"
	"tallyman/internal/text"
)

// Offer is a column of an order export that lacks columns, for people to say what it means.
type Offer struct {
	// Header is the name of the column, and Column its name in spreadsheets.
	Header string `json:"header"`
	Column string `json:"column"`
	// Samples are its first different values, each of at most 40 characters.
	Samples []string `json:"samples"`
	// Meaning is the key of what it means most likely, "" if nothing is likely.
	Meaning string `json:"meaning"`
	// Confidence says how sure that is.
	Confidence Confidence `json:"confidence"`
}

// Confidence says how sure the meaning of a column is.
type Confidence string

// The degrees of confidence.
const (
	Known   Confidence = "known"   // the name of the column has one meaning
	Likely  Confidence = "likely"  // its name is vague, or similar to a known one
	Unclear Confidence = "unclear" // nothing is known
)

// The limits of what is offered.
const (
	mostOffers  = 100
	mostSamples = 3
)

// offers returns the columns with a name in a row that may be the header.
func offers(cells []string) (all []Offer) {
	for col, cell := range cells {
		if name := visible(cell); fold(name) != "" && len(name) <= 200 && len(all) < mostOffers {
			all = append(all, Offer{Header: name, Column: grid.ColumnName(col), Samples: []string{}, Confidence: Unclear})
		}
	}
	return all
}

// visible returns a name in one line and without characters that cannot be seen.
func visible(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
	return strings.Join(strings.Fields(name), " ")
}

// sample takes samples from a row below what may be the header.
func (c *collector) sample(cells []string) {
	for i := range c.closest.offers {
		o := &c.closest.offers[i]
		for col, cell := range cells {
			if len(o.Samples) == mostSamples || grid.ColumnName(col) != o.Column {
				continue
			}
			if cell = text.Shorten(strings.TrimFunc(cell, grid.Blank), 40); cell != "" && !slices.Contains(o.Samples, cell) {
				o.Samples = append(o.Samples, cell)
			}
		}
	}
}

// offered returns the columns with their likeliest meanings. A column means one thing, and
// only one column means it.
func (c *collector) offered() []Offer {
	all := c.closest.offers
	headers := text.Each(all, func(o Offer) string { return o.Header })
	candidates, _ := c.words.locate(headers)
	mean := func(f field, at int, sure Confidence) {
		all[at].Meaning, all[at].Confidence = f.key(), sure
	}
	for f, list := range candidates {
		if len(list) > 0 {
			sure := Known
			if list[0].vague {
				sure = Likely
			}
			mean(field(f), list[0].col, sure)
		}
	}
	for f := range numFields {
		if len(candidates[f]) > 0 {
			continue
		}
		likely := c.words.likeliest(f, headers)
		if at := slices.IndexFunc(all, func(o Offer) bool { return o.Header == likely && o.Meaning == "" }); likely != "" && at >= 0 {
			mean(f, at, Likely)
		}
	}
	return all
}

// Compare gives columns that are not known the meaning that their samples show: those of a
// column of bill numbers are bill numbers of the shipment, and likewise styles.
func (d *MissingColumns) Compare(bills, styles func(string) bool) {
	for _, m := range []struct {
		field field
		is    func(string) bool
	}{{invoiceNo, bills}, {style, styles}} {
		key := m.field.key()
		at := slices.IndexFunc(d.Columns, func(o Offer) bool {
			return o.Confidence != Known && len(o.Samples) > 0 && !slices.ContainsFunc(o.Samples, func(s string) bool { return !m.is(s) })
		})
		if at < 0 || slices.ContainsFunc(d.Columns, func(o Offer) bool { return o.Meaning == key && o.Confidence == Known }) {
			continue
		}
		for i := range d.Columns {
			if o := &d.Columns[i]; o.Meaning == key {
				o.Meaning, o.Confidence = "", Unclear
			}
		}
		d.Columns[at].Meaning, d.Columns[at].Confidence = key, Likely
	}
}
