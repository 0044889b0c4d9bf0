package profile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/form"
	"tallyman/internal/orders"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// setting is one setting. Reading, checking and writing profiles follow from settings.
type setting struct {
	// key is the setting's place: "pallets.cube".
	key string
	// comment explains the setting in the file.
	comment string
	// at returns the address of its value.
	at func(p *Profile) any
	// options are the values that a text may have, or the keys of a table; nil for any.
	options []string
	// optional is true for learnt forms, which profiles without any do not have.
	optional bool
	// check returns what is wrong with a value that has the right form.
	check func(p *Profile, d *decoder)
}

// settings are all settings, in the order of the file.
var settings = []setting{
	{
		key: "orders.dates",
		comment: `The order of day, month and year in dates such as 03/04/25: "auto" decides by
each column's own dates; "month first", "day first" and "year first" say it. Dates
as 2025-12-19 or with the month's name are read in any case.`,
		at:      func(p *Profile) any { return &p.Sheet.Dates },
		options: texts(orders.DateOrders),
	},
	{
		key:     "orders.ignored",
		comment: "Columns of the order export that are not to be read, though their names are known.",
		at:      func(p *Profile) any { return &p.Orders.Ignored },
		check:   checkIgnored,
	},
	{
		key: "orders.columns",
		comment: `Names of the columns of your order export, beside those that the product knows. The
first of several that an export has is used. Case, spaces and punctuation do not
matter. A name here has no other meaning.`,
		at:      func(p *Profile) any { return &p.Orders.Columns },
		options: meaningKeys(),
		check:   checkColumns,
	},
	{
		key:     "pallets.cube",
		comment: "Cubic feet of a bill that take one pallet; the pallets of a bill are rounded up.",
		at:      func(p *Profile) any { return &p.Sheet.CubePerPallet },
	},
	{
		key:     "pallets.final_cube",
		comment: "Cubic feet as which a pallet is booked: Final Cube is the pallets times this.",
		at:      func(p *Profile) any { return &p.Sheet.FinalPerPallet },
	},
	{
		key: "pallets.by_name",
		comment: `Ship-tos whose pallets are booked as another cube: part of the ship-to's name, in
any case, the cube, and the column that it goes to, "Final Cube" or "Burlington
Cube". The first that fits counts. [] means none.`,
		at:    func(p *Profile) any { return &p.Sheet.ByName },
		check: checkByName,
	},
	{
		key: "ship_tos",
		comment: `Other spellings of ship-tos: the name for the sheet, and the spellings in order
exports that mean it. Case and spaces do not matter. For example
  "ACME STORES" = ["Acme Str.", "ACME STORES INC"]`,
		at:    func(p *Profile) any { return &p.Sheet.Aliases },
		check: checkAliases,
	},
	{
		key: "routing.groups",
		comment: `The columns by which bills are grouped for routing requests: bills with the same
values are one group. There are ` + quoted(sheet.RoutingKeys) + `.`,
		at:      func(p *Profile) any { return &p.Sheet.Routing.Groups },
		options: sheet.RoutingKeys,
	},
	{
		key:     "routing.within",
		comment: "The columns by which the bills of a group are summed up within it; [] for none.",
		at:      func(p *Profile) any { return &p.Sheet.Routing.Within },
		options: sheet.RoutingKeys,
	},
	{
		key:     "routing.near_days",
		comment: "Warn of a ship window that ends in at most so many days.",
		at:      func(p *Profile) any { return &p.Sheet.Routing.NearDays },
	},
	{
		key:     "routing.notice_days",
		comment: "Days of notice that a routing request needs: warn if they lead past the window. 0 for none.",
		at:      func(p *Profile) any { return &p.Sheet.Routing.NoticeDays },
	},
	{
		key: "routing.parcel_pounds",
		comment: `Say which groups are small enough for parcels: of at most so many pounds, and at most
so many cartons. 0 for any; both 0 to say nothing.`,
		at: func(p *Profile) any { return &p.Sheet.Routing.ParcelPounds },
	},
	{
		key:     "routing.parcel_cartons",
		comment: "See parcel_pounds.",
		at:      func(p *Profile) any { return &p.Sheet.Routing.ParcelCartons },
	},
	{
		key: "sheet.columns",
		comment: `The columns of the sheet as CSV and XLSX, in order. There may be others than these
if they are among the constants below.`,
		at:    func(p *Profile) any { return &p.Sheet.Columns },
		check: checkSheetColumns,
	},
	{
		key:     "sheet.headings",
		comment: "Headings of columns that shall not be their names. For example\n  \"Invoice No.\" = \"BOL No.\"",
		at:      func(p *Profile) any { return &p.Sheet.Headings },
		check:   checkHeadings,
	},
	{
		key:     "sheet.constants",
		comment: "Contents of columns without a source, the same in every row. For example\n  \"Assigned Trucking Co.\" = \"ACME FREIGHT\"",
		at:      func(p *Profile) any { return &p.Sheet.Constants },
		check:   checkConstants,
	},
	{
		key: "ebol",
		comment: `What no bill says and drafts of electronic bills of lading need, by the fields of the
LTL eBOL description ` + sheet.EBOLVersion + `. Each is used only where the bill has nothing. For example
  "lineItems.classification" = "100"
  "lineItems.hazardous" = "false"
  "origin.contact.phone" = "5552226666"
"bol.isTest" is "true" until it is "false" here.`,
		at:      func(p *Profile) any { return &p.Sheet.EBOL },
		options: sheet.EBOLPaths(),
		check:   checkEBOL,
	},
	{
		key:      "forms",
		comment:  commentOfForms(),
		at:       func(p *Profile) any { return &p.Forms },
		optional: true,
	},
}

func meaningKeys() []string {
	return text.Each(orders.Meanings(), func(m orders.Meaning) string { return m.Key })
}

// The limits of settings.
const (
	mostEntries = 1000 // of a list or table
	mostCube    = 100_000
	mostPlaces  = 4 // decimals
	mostWhole   = 100_000
)

// decoder fills in a profile from a tree and collects problems.
type decoder struct {
	lines    map[string]int // of settings, and of the entries of lists and tables
	problems []Problem
}

// decode fills in the settings of a tree and returns all problems, by line.
func decode(root *node, p *Profile) []Problem {
	d := &decoder{lines: map[string]int{}}
	if root.kind != aTable {
		return []Problem{{root.line, "the profile is not a table of settings"}}
	}
	d.table("", root, p)
	if len(d.problems) == 0 {
		for _, s := range settings {
			if s.check != nil {
				s.check(p, d)
			}
		}
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return d.problems
}

func (d *decoder) wrong(line int, format string, args ...any) {
	d.problems = append(d.problems, Problem{line, fmt.Sprintf(format, args...)})
}

// entry returns the line of an entry of a setting, or that of the setting.
func (d *decoder) entry(key, entry string) int {
	if line, ok := d.lines[key+"\x00"+entry]; ok {
		return line
	}
	return d.lines[key]
}

func (d *decoder) note(key, entry string, n *node) { d.lines[key+"\x00"+entry] = n.line }

// table decodes the settings of a table, and of the tables in it.
func (d *decoder) table(prefix string, n *node, p *Profile) {
	for _, k := range n.keys {
		key, v := prefix+k, n.table[k]
		i := slices.IndexFunc(settings, func(s setting) bool { return s.key == key })
		section := slices.ContainsFunc(settings, func(s setting) bool { return strings.HasPrefix(s.key, key+".") })
		switch {
		case i >= 0:
			d.lines[key] = v.line
			d.value(&settings[i], v, settings[i].at(p))
		case section && v.kind == aTable:
			d.table(key+".", v, p)
		case section:
			d.wrong(v.line, "%s is a section of settings, as [%s], and not a value", k, key)
		default:
			d.wrong(v.line, "there is no setting %s; there are: %s", quote(key), strings.Join(siblings(prefix), ", "))
		}
	}
}

// siblings are the settings and sections with a prefix.
func siblings(prefix string) (names []string) {
	for _, s := range settings {
		if rest, ok := strings.CutPrefix(s.key, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, prefix+name) {
				names = append(names, prefix+name)
			}
		}
	}
	return names
}

// value decodes the value of a setting.
func (d *decoder) value(s *setting, n *node, to any) {
	switch to := to.(type) {
	case *orders.DateOrder:
		if text, ok := d.text(s.key, n); ok {
			if !slices.Contains(s.options, text) {
				d.wrong(n.line, "%s must be one of %s, not %s", s.key, quoted(s.options), quote(text))
				return
			}
			*to = orders.DateOrder(text)
		}
	case *decimal.Decimal:
		d.cube(s.key, n, to)
	case *int:
		d.whole(s.key, n, to)
	case *[]string:
		*to = append([]string{}, d.texts(s.key, n)...)
		for _, text := range *to {
			if s.options != nil && !slices.Contains(s.options, text) {
				d.wrong(d.entry(s.key, text), "%s: there is no %s; there are: %s", s.key, quote(text), quoted(s.options))
			}
		}
	case *map[string]string:
		*to = map[string]string{}
		d.each(s, n, func(k string, v *node) {
			if text, ok := d.text(s.key, v); ok {
				(*to)[k] = text
			}
		})
	case *map[string][]string:
		*to = map[string][]string{}
		d.each(s, n, func(k string, v *node) {
			if v.kind == aText { // one spelling needs no list
				v = &node{kind: aList, line: v.line, list: []*node{v}}
			}
			if list := d.texts(s.key, v); len(list) > 0 {
				(*to)[k] = list
			}
		})
	case *[]sheet.ByName:
		*to = d.byName(s.key, n)
	case *[]form.Form:
		*to = d.forms(s.key, n)
	}
}

// entries reports whether a value is a list or a table of so many entries at most.
func (d *decoder) entries(key string, n *node, want kind, most int, what string) bool {
	if !d.kind(key, n, want) {
		return false
	}
	if max(len(n.list), len(n.keys)) > most {
		d.wrong(n.line, "%s has more than %d %s", key, most, what)
		return false
	}
	return true
}

// kind reports whether a value has the right kind.
func (d *decoder) kind(key string, n *node, want kind) bool {
	if n.kind != want {
		d.wrong(n.line, "%s needs %s, not %s", key, want, n.kind)
		return false
	}
	return true
}

func (d *decoder) text(key string, n *node) (string, bool) {
	if !d.kind(key, n, aText) {
		return "", false
	}
	if why := wrongText(n.text); why != "" {
		d.wrong(n.line, "%s: %s", key, why)
		return "", false
	}
	return n.text, true
}

func (d *decoder) texts(key string, n *node) (list []string) {
	if !d.entries(key, n, aList, mostEntries, "entries") {
		return nil
	}
	for _, e := range n.list {
		if text, ok := d.text(key, e); ok {
			if slices.Contains(list, text) {
				d.wrong(e.line, "%s: %s stands twice", key, quote(text))
				continue
			}
			list = append(list, text)
			d.note(key, text, e)
		}
	}
	return list
}

// each decodes the entries of a table of texts.
func (d *decoder) each(s *setting, n *node, value func(k string, v *node)) {
	if !d.entries(s.key, n, aTable, mostEntries, "entries") {
		return
	}
	for _, k := range n.keys {
		v := n.table[k]
		if s.options != nil && !slices.Contains(s.options, k) {
			d.wrong(v.line, "%s: there is no %s; there are: %s", s.key, quote(k), strings.Join(s.options, ", "))
			continue
		}
		if why := wrongText(k); why != "" {
			d.wrong(v.line, "%s: %s", s.key, why)
			continue
		}
		d.note(s.key, k, v)
		value(k, v)
	}
}

var plainNumber = regexp.MustCompile(`^[+]?[0-9]{1,12}(\.[0-9]{1,12})?$`)

// cube decodes a number of cubic feet: more than 0.
func (d *decoder) cube(key string, n *node, to *decimal.Decimal) {
	if !d.kind(key, n, aNumber) {
		return
	}
	v, err := decimal.NewFromString(strings.TrimPrefix(n.text, "+"))
	switch {
	case !plainNumber.MatchString(n.text) && !strings.HasPrefix(n.text, "-") || err != nil:
		d.wrong(n.line, "%s must be a plain number such as 80 or 62.5, not %s", key, quote(n.text))
	case !v.IsPositive() || v.GreaterThan(decimal.NewFromInt(mostCube)):
		d.wrong(n.line, "%s must be more than 0 and at most %d, not %s", key, mostCube, quote(n.text))
	case !v.Truncate(mostPlaces).Equal(v):
		d.wrong(n.line, "%s may have %d decimals, not those of %s", key, mostPlaces, quote(n.text))
	default:
		*to = v
	}
}

// whole decodes a whole number: 0 or more.
func (d *decoder) whole(key string, n *node, to *int) {
	if !d.kind(key, n, aNumber) {
		return
	}
	v, err := strconv.Atoi(n.text)
	if err != nil || v < 0 || v > mostWhole {
		d.wrong(n.line, "%s must be a whole number from 0 to %d, not %s", key, mostWhole, quote(n.text))
		return
	}
	*to = v
}

// byName decodes the list of ship-tos with another cube.
func (d *decoder) byName(key string, n *node) (list []sheet.ByName) {
	list = []sheet.ByName{}
	if !d.entries(key, n, aList, mostEntries, "entries") {
		return list
	}
	for _, e := range n.list {
		if !d.kind(key, e, aTable) {
			continue
		}
		b := sheet.ByName{Column: sheet.FinalCubeColumns[0]}
		for _, k := range e.keys {
			switch v := e.table[k]; k {
			case "ship_to":
				b.ShipTo, _ = d.text(key+".ship_to", v)
			case "final_cube":
				d.cube(key+".final_cube", v, &b.FinalCube)
			case "column":
				b.Column, _ = d.text(key+".column", v)
			default:
				d.wrong(v.line, "%s: there is no %s; there are: ship_to, final_cube, column", key, quote(k))
			}
		}
		for _, k := range []string{"ship_to", "final_cube"} {
			if e.table[k] == nil {
				d.wrong(e.line, "%s: an entry lacks %s", key, k)
			}
		}
		d.note(key, strconv.Itoa(len(list)), e)
		list = append(list, b)
	}
	return list
}

func checkByName(p *Profile, d *decoder) {
	const key = "pallets.by_name"
	for i, b := range p.Sheet.ByName {
		line := d.entry(key, strconv.Itoa(i))
		if !slices.Contains(sheet.FinalCubeColumns, b.Column) {
			d.wrong(line, "%s: column must be one of %s, not %s", key, quoted(sheet.FinalCubeColumns), quote(b.Column))
		}
		for _, before := range p.Sheet.ByName[:i] {
			if strings.Contains(strings.ToLower(b.ShipTo), strings.ToLower(before.ShipTo)) {
				d.wrong(line, "%s: %s never counts, since %s before it fits the same names", key, quote(b.ShipTo), quote(before.ShipTo))
				break
			}
		}
	}
}

func checkColumns(p *Profile, d *decoder) {
	const key = "orders.columns"
	of := map[string]string{}
	for _, meaning := range meaningKeys() {
		for _, name := range p.Orders.Columns[meaning] {
			folded := orders.ColumnKey(name)
			if why := wrongColumn(name); why != "" {
				d.wrong(d.entry(key, name), "%s: %s", key, why)
			} else if other, ok := of[folded]; ok {
				d.wrong(d.entry(key, name), "%s: %s is also a name of %s; a column has one meaning", key, quote(name), other)
			}
			of[folded] = meaning
		}
	}
}

func checkIgnored(p *Profile, d *decoder) {
	const key = "orders.ignored"
	for _, name := range p.Orders.Ignored {
		if why := wrongColumn(name); why != "" {
			d.wrong(d.entry(key, name), "%s: %s", key, why)
			continue
		}
		for meaning, names := range p.Orders.Columns {
			if slices.ContainsFunc(names, func(n string) bool { return orders.SameColumn(n, name) }) {
				d.wrong(d.entry(key, name), "%s: %s is also a name of %s", key, quote(name), meaning)
			}
		}
	}
}

func checkAliases(p *Profile, d *decoder) {
	const key = "ship_tos"
	of := map[string]string{}
	names := slices.Sorted(maps.Keys(p.Sheet.Aliases))
	for _, name := range names {
		if other, ok := of[sheet.ShipToKey(name)]; ok {
			d.wrong(d.entry(key, name), "%s: %s and %s are the same name", key, quote(name), quote(other))
		}
		of[sheet.ShipToKey(name)] = name
	}
	for _, name := range names {
		for _, alias := range p.Sheet.Aliases[name] {
			if other, ok := of[sheet.ShipToKey(alias)]; ok && other != name {
				d.wrong(d.entry(key, alias), "%s: %s stands for %s and for %s", key, quote(alias), quote(other), quote(name))
			}
			of[sheet.ShipToKey(alias)] = name
		}
	}
}

func checkSheetColumns(p *Profile, d *decoder) {
	const key = "sheet.columns"
	if len(p.Sheet.Columns) == 0 {
		d.wrong(d.lines[key], "%s is empty; a sheet has columns", key)
	}
	for _, name := range p.Sheet.Columns {
		if _, constant := p.Sheet.Constants[name]; !constant && !slices.Contains(sheet.Columns[:], name) {
			d.wrong(d.entry(key, name), "%s: the product has no column %s, and the constants have none either; there are: %s", key, quote(name), strings.Join(sheet.Columns[:], ", "))
		}
	}
}

func checkHeadings(p *Profile, d *decoder) {
	const key = "sheet.headings"
	of := map[string]string{}
	for _, name := range p.Sheet.Columns {
		heading, ok := p.Sheet.Headings[name]
		if !ok {
			heading = name
		}
		if other, twice := of[heading]; twice {
			line := d.entry(key, name)
			if !ok {
				line = d.entry(key, other)
			}
			d.wrong(line, "%s: the columns %s and %s both have the heading %s", key, quote(other), quote(name), quote(heading))
		}
		of[heading] = name
	}
	for name := range p.Sheet.Headings {
		if !slices.Contains(p.Sheet.Columns, name) {
			d.wrong(d.entry(key, name), "%s: %s is not among sheet.columns", key, quote(name))
		}
	}
}

func checkConstants(p *Profile, d *decoder) {
	const key = "sheet.constants"
	for name := range p.Sheet.Constants {
		switch {
		case sheet.HasSource(name):
			d.wrong(d.entry(key, name), "%s: %s is filled in from bills and orders, so it can have no constant", key, quote(name))
		case !slices.Contains(p.Sheet.Columns, name):
			d.wrong(d.entry(key, name), "%s: %s is not among sheet.columns", key, quote(name))
		}
	}
}

func checkEBOL(p *Profile, d *decoder) {
	const key = "ebol"
	for _, f := range sheet.EBOLFields {
		if text, ok := p.Sheet.EBOL[f.Path]; ok {
			if must := f.Wrong(text); must != "" {
				d.wrong(d.entry(key, f.Path), "%s: %s, the %s, must be %s; not %s", key, f.Path, f.What, must, quote(text))
			}
		}
	}
}

// quoted returns texts in quotation marks, for a sentence.
func quoted(list []string) string { return text.List(list, len(list), strconv.Quote) }
