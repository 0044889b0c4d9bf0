package profile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"tallyman/internal/form"
	"tallyman/internal/orders"
	"tallyman/internal/sheet"
)

const preface = `# A profile of Tallyman: what your house does its own way.
#
# Every setting is here with its meaning; a setting that is left out has its default.
# "tallyman profile" prints the defaults, "tallyman profile check FILE" says what is
# wrong with a file, and "tallyman sheet --profile FILE" uses one.
`

// TOML returns the settings as TOML in which each is explained, with its default if it
// has another value. Parse returns the same profile.
func (p *Profile) TOML() []byte {
	var b strings.Builder
	b.WriteString(preface)
	section := ""
	d := Default()
	for _, s := range settings {
		value := s.at(p)
		comment := "# " + strings.ReplaceAll(s.comment, "\n", "\n# ")
		if forms, ok := value.(*[]form.Form); ok {
			b.WriteString("\n" + comment + "\n")
			for i := range *forms {
				b.WriteString("\n" + tomlOf(&(*forms)[i]))
			}
			continue
		}
		of, name := "", s.key
		if i := strings.LastIndexByte(s.key, '.'); i >= 0 {
			of, name = s.key[:i], s.key[i+1:]
		}
		entries, isTable := tableOf(s, value)
		b.WriteByte('\n')
		if of != section && !isTable {
			fmt.Fprintf(&b, "[%s]\n\n", of)
			section = of
		}
		b.WriteString(comment)
		if def := literal(s.at(d)); !isTable && def != literal(value) && !strings.Contains(def, "\n") {
			fmt.Fprintf(&b, " Default: %s", def)
		}
		b.WriteByte('\n')
		if isTable {
			fmt.Fprintf(&b, "[%s]\n%s", s.key, entries)
			section = s.key
			continue
		}
		fmt.Fprintf(&b, "%s = %s\n", name, literal(value))
	}
	return []byte(b.String())
}

// tableOf returns the entries of a setting that is a table.
func tableOf(s setting, value any) (entries string, ok bool) {
	var b strings.Builder
	switch v := value.(type) {
	case *map[string]string:
		for _, k := range slices.Sorted(maps.Keys(*v)) {
			fmt.Fprintf(&b, "%s = %s\n", textLiteral(k), textLiteral((*v)[k]))
		}
	case *map[string][]string:
		if s.options == nil {
			for _, k := range slices.Sorted(maps.Keys(*v)) {
				fmt.Fprintf(&b, "%s = %s\n", textLiteral(k), listLiteral((*v)[k]))
			}
			break
		}
		// Its keys are known, so all are there.
		for _, m := range orders.Meanings() {
			required := ""
			if m.Required {
				required = " (required)"
			}
			fmt.Fprintf(&b, "# %s%s: %s, …\n%s = %s\n", m.Name, required, strings.Join(m.Names, ", "), m.Key, listLiteral((*v)[m.Key]))
		}
	default:
		return "", false
	}
	return b.String(), true
}

// literal returns a value as TOML.
func literal(value any) string {
	switch v := value.(type) {
	case *orders.DateOrder:
		return textLiteral(string(*v))
	case *decimal.Decimal:
		return v.String()
	case *int:
		return strconv.Itoa(*v)
	case *[]string:
		return listLiteral(*v)
	case *[]sheet.ByName:
		if len(*v) == 0 {
			return "[]"
		}
		list := "[\n"
		for _, b := range *v {
			list += fmt.Sprintf("  { ship_to = %s, final_cube = %s, column = %s },\n", textLiteral(b.ShipTo), b.FinalCube, textLiteral(b.Column))
		}
		return list + "]"
	}
	return ""
}

// textLiteral returns a text as TOML. A basic string of TOML is one of JSON, but for the
// deletion character, which no setting has.
func textLiteral(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text into memory
	return strings.TrimSuffix(b.String(), "\n")
}

// listLiteral returns a list as TOML, on several lines if it is long.
func listLiteral(list []string) string {
	const most = 88
	texts := make([]string, len(list))
	n := 0
	for i, s := range list {
		texts[i] = textLiteral(s)
		n += len(texts[i]) + 2
	}
	if n <= most {
		return "[" + strings.Join(texts, ", ") + "]"
	}
	b, line := "[\n", " "
	for _, t := range texts {
		if len(line)+len(t)+2 > most {
			b += line + "\n"
			line = " "
		}
		line += " " + t + ","
	}
	return b + line + "\n]"
}

// plain returns a value as encoding/json shall write it.
func plain(value any) any {
	switch v := value.(type) {
	case *decimal.Decimal:
		return json.Number(v.String())
	case *[]string:
		return append([]string{}, *v...) // never null
	case *[]sheet.ByName:
		list := []any{}
		for _, b := range *v {
			list = append(list, map[string]any{"ship_to": b.ShipTo, "final_cube": json.Number(b.FinalCube.String()), "column": b.Column})
		}
		return list
	case *[]form.Form:
		return plainForms(*v)
	}
	return value
}
