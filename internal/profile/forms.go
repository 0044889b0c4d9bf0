package profile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/text"
)

// commentOfForms explains learnt forms in the file.
func commentOfForms() string {
	return wrapped(fmt.Sprintf(`Forms of bills and packing lists that you taught, one table each; "tallyman learn" and the page write them. A page that has all the headings in their columns is read by the form first, and counts only if its printed totals prove that. "left" and "right" are points from the left edge of the first heading. Fields are %s; units %s. "rows" say what rows are that begin with some words, "" for figures alone: %s. "totals" name fields whose printed total is not a sum: %s. "proved" are marks of documents that proved the form; after two it is trusted, and its lines also count where no totals are printed. For example`,
		join(form.Fields), join(form.Units), join(form.RowKinds), join(form.TotalKinds))) + `
  [[forms]]
  name = "Our packing list"
  columns = [
    { heading = "KOLLI", field = "packages", left = 0, right = 40 },
    { heading = "KILOS", field = "weight", unit = "kg", left = 200, right = 260 },
  ]
  rows = [{ begins = "SUMMA", is = "total" }]
  totals = { pallets = "max" }`
}

// wrapped breaks a text into lines for a comment.
func wrapped(s string) string {
	const most = 88
	b, width := "", 0
	for word := range strings.FieldsSeq(s) {
		switch {
		case b == "":
		case width+1+len(word) > most:
			b, width = b+"\n", 0
		default:
			b, width = b+" ", width+1
		}
		b, width = b+word, width+len(word)
	}
	return b
}

func join[T ~string](names []T) string { return strings.Join(texts(names), ", ") }

func texts[T ~string](names []T) []string {
	return text.Each(names, func(n T) string { return string(n) })
}

// FormNamed returns the index of the learnt form of a name, -1 if there is none.
func (p *Profile) FormNamed(name string) int {
	return slices.IndexFunc(p.Forms, func(f form.Form) bool { return f.Name == name })
}

// LearntForms returns the learnt forms of a profile, none for no profile.
func (p *Profile) LearntForms() []form.Form {
	if p == nil {
		return nil
	}
	return p.Forms
}

// WithForm returns a profile that has a learnt form, in place of one of the same name; p may
// be nil. document is the mark of a document that proved it, "" for none; what proved the
// form before counts if it is the same. It fails with fault.BadRequest.
func (p *Profile) WithForm(f form.Form, document string) (*Profile, error) {
	if p == nil {
		p = Default()
	}
	next := *p
	next.Forms = slices.Clone(p.Forms)
	f.Proved = nil
	i := p.FormNamed(f.Name)
	if i < 0 {
		if len(p.Forms) >= form.MaxForms {
			return nil, fault.New(fault.BadRequest, "the profile has %d learnt forms, as many as there may be; forget one first", form.MaxForms)
		}
		i = len(next.Forms)
		next.Forms = append(next.Forms, f)
	} else if now := p.Forms[i]; f.Same(&now) {
		f.Proved = now.Proved
	}
	f.Prove(document)
	next.Forms[i] = f
	return next.changed(), nil
}

// RenameForm returns a profile in which a learnt form has another name, or without it if
// that is "". It fails with fault.NotFound, and with fault.BadRequest if the name cannot be
// one or is taken.
func (p *Profile) RenameForm(name, to string) (*Profile, error) {
	i := -1
	if p != nil {
		i = p.FormNamed(name)
	}
	if i < 0 {
		return nil, fault.New(fault.NotFound, "the profile has no learnt form %s", quote(name))
	}
	next := *p
	next.Forms = slices.Clone(p.Forms)
	if to == "" {
		next.Forms = slices.Delete(next.Forms, i, i+1)
		return next.changed(), nil
	}
	next.Forms[i].Name = to
	if why := wrongText(to); why != "" {
		return nil, fault.New(fault.BadRequest, "the new name cannot be used: %s", why)
	}
	if flaws := next.Forms[i].Check(); len(flaws) > 0 {
		return nil, fault.New(fault.BadRequest, "%s", flaws[0].Reason)
	}
	if name != to && p.FormNamed(to) >= 0 {
		return nil, fault.New(fault.BadRequest, "there is a learnt form %s already", quote(to))
	}
	return next.changed(), nil
}

// Proved returns a profile with the marks of documents that proved learnt forms, by the
// names of the forms, and whether that changes anything.
func (p *Profile) Proved(documents map[string]string) (next *Profile, changed bool) {
	n := *p
	n.Forms = slices.Clone(p.Forms)
	for name, document := range documents {
		if i := p.FormNamed(name); i >= 0 && n.Forms[i].Prove(document) {
			changed = true
		}
	}
	return n.changed(), changed
}

// changed names the settings anew.
func (p *Profile) changed() *Profile {
	p.Sheet.Version = p.version()
	return p
}

// forms decodes the list of learnt forms.
func (d *decoder) forms(key string, n *node) (list []form.Form) {
	if !d.entries(key, n, aList, form.MaxForms, "forms") {
		return nil
	}
	for i, e := range n.list {
		if !d.kind(key, e, aTable) {
			continue
		}
		lines := map[string]int{}
		var f form.Form
		for _, k := range e.keys {
			v := e.table[k]
			lines[k] = v.line
			switch at := key + "." + k; k {
			case "name":
				f.Name, _ = d.text(at, v)
			case "columns":
				for j, m := range d.tables(at, v, "heading", "field", "unit", "left", "right") {
					lines[part(k, j)] = m.line
					f.Columns = append(f.Columns, form.FormColumn{
						Heading: d.optional(at, m, "heading"), Field: form.Field(d.required(at, m, "field")), Unit: form.Unit(d.optional(at, m, "unit")),
						Left: d.edge(at, m, "left"), Right: d.edge(at, m, "right"),
					})
				}
			case "rows":
				for j, m := range d.tables(at, v, "begins", "is") {
					lines[part(k, j)] = m.line
					f.Rows = append(f.Rows, form.RowRule{Begins: d.optional(at, m, "begins"), Is: form.RowKind(d.required(at, m, "is"))})
				}
			case "totals":
				if !d.kind(at, v, aTable) {
					break
				}
				f.Totals = map[form.Field]form.TotalKind{}
				for _, field := range v.keys {
					kind, _ := d.text(at, v.table[field])
					f.Totals[form.Field(field)] = form.TotalKind(kind)
				}
			case "proved":
				f.Proved = d.texts(at, v)
			default:
				d.wrong(v.line, "%s: there is no %s; there are: name, columns, rows, totals, proved", key, quote(k))
			}
		}
		if len(d.problems) == 0 {
			for _, flaw := range f.Check() {
				line := e.line
				for _, k := range []string{flaw.Part, part(flaw.Part, flaw.Index)} {
					if l, ok := lines[k]; ok {
						line = l
					}
				}
				d.wrong(line, "%s: %s", key, flaw.Reason)
			}
		}
		if slices.ContainsFunc(list, func(o form.Form) bool { return o.Name == f.Name }) {
			d.wrong(e.line, "%s: two forms are called %s", key, quote(f.Name))
		}
		d.note(key, strconv.Itoa(i), e)
		list = append(list, f)
	}
	return list
}

func part(name string, i int) string { return name + "/" + strconv.Itoa(i) }

// tables decodes a list of tables that have some keys.
func (d *decoder) tables(key string, n *node, keys ...string) (list []*node) {
	if !d.entries(key, n, aList, mostEntries, "entries") {
		return nil
	}
	for _, e := range n.list {
		if !d.kind(key, e, aTable) {
			continue
		}
		for _, k := range e.keys {
			if !slices.Contains(keys, k) {
				d.wrong(e.table[k].line, "%s: there is no %s; there are: %s", key, quote(k), strings.Join(keys, ", "))
			}
		}
		list = append(list, e)
	}
	return list
}

// optional decodes a text of a table, which may be missing or "".
func (d *decoder) optional(key string, n *node, name string) string {
	v := n.table[name]
	if v == nil || v.kind == aText && v.text == "" {
		return ""
	}
	text, _ := d.text(key+"."+name, v)
	return text
}

func (d *decoder) required(key string, n *node, name string) string {
	if n.table[name] == nil {
		d.wrong(n.line, "%s: an entry lacks %s", key, name)
	}
	return d.optional(key, n, name)
}

// edge decodes the edge of a column, in points.
func (d *decoder) edge(key string, n *node, name string) float32 {
	v := n.table[name]
	if v == nil {
		d.wrong(n.line, "%s: an entry lacks %s", key, name)
		return 0
	}
	if !d.kind(key+"."+name, v, aNumber) {
		return 0
	}
	f, err := strconv.ParseFloat(v.text, 32)
	if err != nil {
		d.wrong(v.line, "%s.%s must be a number of points such as 120.5, not %s", key, name, quote(v.text))
	}
	return float32(f)
}

// tomlOf returns a learnt form as TOML.
func tomlOf(f *form.Form) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[[forms]]\nname = %s\ncolumns = [\n", textLiteral(f.Name))
	for _, c := range f.Columns {
		b.WriteString("  { ")
		if c.Heading != "" {
			fmt.Fprintf(&b, "heading = %s, ", textLiteral(c.Heading))
		}
		fmt.Fprintf(&b, "field = %s, ", textLiteral(string(c.Field)))
		if c.Unit != "" {
			fmt.Fprintf(&b, "unit = %s, ", textLiteral(string(c.Unit)))
		}
		fmt.Fprintf(&b, "left = %s, right = %s },\n", points(c.Left), points(c.Right))
	}
	b.WriteString("]\n")
	if len(f.Rows) > 0 {
		b.WriteString("rows = [\n")
		for _, r := range f.Rows {
			fmt.Fprintf(&b, "  { begins = %s, is = %s },\n", textLiteral(r.Begins), textLiteral(string(r.Is)))
		}
		b.WriteString("]\n")
	}
	if len(f.Totals) > 0 {
		var list []string
		for _, field := range slices.Sorted(maps.Keys(f.Totals)) {
			list = append(list, fmt.Sprintf("%s = %s", field, textLiteral(string(f.Totals[field]))))
		}
		fmt.Fprintf(&b, "totals = { %s }\n", strings.Join(list, ", "))
	}
	if len(f.Proved) > 0 {
		fmt.Fprintf(&b, "proved = %s\n", listLiteral(f.Proved))
	}
	return b.String()
}

// FormTOML returns a learnt form as it stands in a profile.
func FormTOML(f *form.Form) []byte { return []byte(tomlOf(f)) }

// points returns a number of points, as short as it can be.
func points(v float32) string { return strconv.FormatFloat(float64(v), 'f', -1, 32) }

// plainForms are learnt forms as encoding/json shall write them.
func plainForms(forms []form.Form) []any {
	list := []any{}
	for _, f := range forms {
		columns, rows := []any{}, []any{}
		for _, c := range f.Columns {
			columns = append(columns, map[string]any{"heading": c.Heading, "field": c.Field, "unit": c.Unit, "left": c.Left, "right": c.Right})
		}
		for _, r := range f.Rows {
			rows = append(rows, map[string]any{"begins": r.Begins, "is": r.Is})
		}
		totals := map[form.Field]form.TotalKind{}
		maps.Copy(totals, f.Totals)
		list = append(list, map[string]any{"name": f.Name, "columns": columns, "rows": rows, "totals": totals, "proved": append([]string{}, f.Proved...)})
	}
	return list
}
