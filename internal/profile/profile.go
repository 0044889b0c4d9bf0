// Package profile reads, checks and writes profiles: what an owner's house does its own
// way (DESIGN.md §12), such as names of columns, rules of pallets and the columns of the
// sheet. A profile is a small commented TOML file, or the same settings as JSON.
//
// It is pure. It knows the settings, their forms and their limits; packages orders and
// sheet apply them.
package profile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/orders"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// BadProfile is the code of profiles with problems; the details are a []Problem.
const BadProfile fault.Code = "bad_profile"

// MostBytes is the greatest size of a profile.
const MostBytes = 64 << 10

// Profile is an owner's own way. Default returns the settings of the product.
type Profile struct {
	// Orders are names of columns in order exports.
	Orders orders.Dialect
	// Sheet are the rules by which the sheet is made.
	Sheet sheet.Rules
	// Forms are the learnt forms, with names of their own.
	Forms []form.Form
}

// Default returns the profile of whoever has none.
func Default() *Profile {
	return &Profile{Orders: orders.Dialect{Columns: map[string][]string{}}, Sheet: sheet.DefaultRules()}
}

// Problem is something wrong in a profile.
type Problem struct {
	// Line is the line in the file, from 1; 0 if the whole file is concerned.
	Line int `json:"line"`
	// Reason is a sentence for people, without a full stop: what is wrong and what
	// would be right.
	Reason string `json:"reason"`
}

// Error returns the problem for people.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.Reason
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Reason)
}

// Parse reads a profile as TOML, or as JSON if its first character is a brace. Settings
// that it lacks have their defaults. It fails with BadProfile, which names the line and
// the reason of each problem, or with fault.TooLarge.
func Parse(content []byte) (*Profile, error) {
	if len(content) > MostBytes {
		return nil, fault.New(fault.TooLarge, "the profile is larger than %s; a real one is a small part of that", text.Size(MostBytes))
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	of := ofTOML
	if bytes.HasPrefix(bytes.TrimLeft(content, " \t\r\n"), []byte("{")) {
		of = ofJSON
	}
	var problems []Problem
	p := Default()
	if !utf8.Valid(content) {
		problems = []Problem{{badLine(content), "the profile is not UTF-8; save it as UTF-8"}}
	} else if root, err := of(content); err != nil {
		problems = []Problem{err.(Problem)}
	} else {
		problems = decode(root, p)
	}
	if len(problems) > 0 {
		const most = 20
		return nil, fault.New(BadProfile, "the profile is wrong: %s", text.List(problems, most, Problem.Error)).With(problems)
	}
	p.Sheet.Version = p.version()
	return p, nil
}

// badLine returns the first line that is not UTF-8.
func badLine(content []byte) int {
	for i, line := range bytes.Split(content, []byte("\n")) {
		if !utf8.Valid(line) {
			return i + 1
		}
	}
	return 0
}

// version names the settings: the same settings have the same version. Which documents
// proved a form is not a setting.
func (p *Profile) version() string {
	settings := *p
	settings.Forms = slices.Clone(p.Forms)
	for i := range settings.Forms {
		settings.Forms[i].Proved = nil
	}
	sum := sha256.Sum256(settings.JSON())
	return hex.EncodeToString(sum[:6])
}

// Dialect returns the names of columns of a profile, nil for no profile.
func (p *Profile) Dialect() *orders.Dialect {
	if p == nil {
		return nil
	}
	return &p.Orders
}

// Rules returns the rules of the sheet of a profile, the default ones for no profile.
func (p *Profile) Rules() sheet.Rules {
	if p == nil {
		return sheet.DefaultRules()
	}
	return p.Sheet
}

// WithColumns returns a profile with further names of columns: each is "Qty=Cartons", a
// name in the export and its meaning by one of the known names, or "Qty=" for a column
// that is not to be read. p may be nil. It fails with fault.BadRequest.
func (p *Profile) WithColumns(mappings []string) (*Profile, error) {
	if len(mappings) == 0 {
		return p, nil
	}
	if p == nil {
		p = Default()
	}
	next := *p
	seen := map[string]bool{}
	for _, m := range mappings {
		name := MappedColumn(m)
		if !strings.Contains(m, "=") {
			return nil, fault.New(fault.BadRequest, "a mapping of columns is Name=Meaning, as in Qty=Cartons, and %s is not", quote(m))
		}
		meaning := strings.TrimSpace(m[strings.LastIndexByte(m, '=')+1:])
		if why := wrongColumn(name); why != "" {
			return nil, fault.New(fault.BadRequest, "the mapping %s: %s", quote(m), why)
		}
		key, ok := "", meaning == ""
		if !ok {
			key, ok = orders.MeaningOf(meaning)
		}
		if !ok {
			return nil, fault.New(fault.BadRequest, "the mapping %s: %s is not a meaning; there are: %s", quote(m), quote(meaning), meanings())
		}
		if folded := orders.ColumnKey(name); seen[folded] {
			return nil, fault.New(fault.BadRequest, "the column %s is mapped twice", quote(name))
		} else {
			seen[folded] = true
		}
		next.Orders = next.Orders.With(name, key)
	}
	// The rules of the sheet are those of the settings as a whole.
	next.Sheet.Version = next.version()
	return &next, nil
}

// MappedColumn returns the name of the column in a mapping. The name may contain the
// equals sign; meanings do not.
func MappedColumn(mapping string) string {
	return strings.TrimSpace(mapping[:max(0, strings.LastIndexByte(mapping, '='))])
}

// Columns returns what the profile says about the columns of an order export with such a
// header, as mappings; see WithColumns.
func (p *Profile) Columns(header []string) (mappings []string) {
	if p == nil {
		return nil
	}
	say := func(names []string, key string) {
		for _, name := range names {
			if slices.ContainsFunc(header, func(h string) bool { return orders.SameColumn(h, name) }) {
				mappings = append(mappings, name+"="+key)
			}
		}
	}
	for _, m := range orders.Meanings() {
		say(p.Orders.Columns[m.Key], m.Key)
	}
	say(p.Orders.Ignored, "")
	return mappings
}

// CheckMapped fails with fault.BadRequest if a mapping names a column that an order export
// with such a header does not have: that is a spelling error, and would change nothing in
// silence.
func CheckMapped(mappings, header []string) error {
	for _, m := range mappings {
		name := MappedColumn(m)
		if !slices.ContainsFunc(header, func(h string) bool { return orders.SameColumn(h, name) }) {
			return fault.New(fault.BadRequest, "the mapping %q: the order export has no column %q; it has: %s", m, name, text.List(header, 30, quote))
		}
	}
	return nil
}

// meanings lists the meanings of columns for people.
func meanings() string {
	all := orders.Meanings()
	return text.List(all, len(all), func(m orders.Meaning) string { return m.Name })
}

// JSON returns the settings as JSON.
func (p *Profile) JSON() []byte {
	root := map[string]any{}
	for _, s := range settings {
		if s.optional && len(p.Forms) == 0 {
			continue
		}
		to := root
		path := strings.Split(s.key, ".")
		for _, k := range path[:len(path)-1] {
			if to[k] == nil {
				to[k] = map[string]any{}
			}
			to = to[k].(map[string]any)
		}
		to[path[len(path)-1]] = plain(s.at(p))
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // texts, numbers, lists and maps
	}
	return append(b, '\n')
}

// quote returns a text in quotation marks and shortened, for a sentence.
func quote(s string) string { return text.Quote(text.Shorten(s, 40)) }

// wrongText says what is wrong with a text of a setting, "" if nothing is.
func wrongText(s string) string {
	const most = 200
	switch {
	case strings.TrimSpace(s) == "":
		return "the text is empty"
	case strings.TrimSpace(s) != s:
		return quote(s) + " begins or ends with a space"
	case utf8.RuneCountInString(s) > most:
		return fmt.Sprintf("the text has more than %d characters", most)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		return quote(s) + " has a character that cannot be seen"
	}
	return ""
}

// wrongColumn says what is wrong with the name of a column of an order export.
func wrongColumn(s string) string {
	if why := wrongText(s); why != "" {
		return why
	}
	if orders.ColumnKey(s) == "" {
		return quote(s) + " has neither letters nor digits, so it can name no column"
	}
	return ""
}
