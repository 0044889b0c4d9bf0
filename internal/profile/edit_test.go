package profile

import (
	"strings"
	"testing"

	"tallyman/internal/form"
)

const taught = `# Our house.

[orders] # the ERP's
ignored = ["Qty"] # a running number
[orders.columns]
# as the ERP has it
cartons = [
  "Boxes", # since May
  "Kolli",
]

# what Ann showed
[[forms]]
# of the harbour
name = "harbour" # do not rename
columns = [
  { heading = "KOLLI", field = "packages", left = 0, right = 40 }, # boxes
  { heading = "KILOS", field = "weight", unit = "kg", left = 200, right = 260.25 },
]

# the pallets
[pallets]
cube = 65 # feet
`

// comments returns the comments of a text.
func comments(text string) (all []string) {
	for line := range strings.Lines(text) {
		if _, c, ok := strings.Cut(line, "#"); ok {
			all = append(all, strings.TrimSpace(c))
		}
	}
	return all
}

func TestRewritingAProfileKeepsItsOwnersComments(t *testing.T) {
	own := form.Form{Name: "other \"one\"", Columns: parsed(t, taught).Forms[0].Columns, Rows: []form.RowRule{{Begins: "", Is: form.TotalRow}}, Totals: map[form.Field]form.TotalKind{form.Packages: form.NoTotal}}
	for name, change := range map[string]func(p *Profile){
		"nothing":    func(*Profile) {},
		"a form":     func(p *Profile) { p.Forms = append(p.Forms, own) },
		"a proof":    func(p *Profile) { p.Forms[0].Prove(form.Document([32]byte{1})) },
		"a name":     func(p *Profile) { p.Forms[0].Name = "pier" },
		"columns":    func(p *Profile) { p.Orders = p.Orders.With("Stk", "pieces").With("Kolli", "").With("Qty", "cartons") },
		"everything": func(p *Profile) { p.Forms = append(p.Forms, own); p.Orders = p.Orders.With("Num", "bill_number") },
	} {
		for _, text := range []string{taught, "# none\n", "", "# none", strings.TrimSuffix(taught, "\n"), strings.ReplaceAll(taught, "\n", "\r\n")} {
			if !strings.Contains(text, "forms") && (name == "a proof" || name == "a name") {
				continue
			}
			next := parsed(t, text)
			change(next)
			out := string(Rewrite([]byte(text), next))
			if got := parsed(t, out); string(got.JSON()) != string(next.JSON()) {
				t.Errorf("%s: it says\n%s", name, out)
			}
			for _, c := range comments(text) {
				if !strings.Contains(out, c) {
					t.Errorf("%s: the comment %q is lost:\n%s", name, c, out)
				}
			}
			if name == "nothing" && out != text {
				t.Errorf("without a change it became\n%s", out)
			}
			if len(out) > len(text)+800 {
				t.Errorf("%s: it was written anew:\n%s", name, out)
			}
		}
	}
	// The comments of a form go with it.
	next := parsed(t, taught)
	next.Forms = nil
	if out := string(Rewrite([]byte(taught), next)); strings.Contains(out, "harbour") || !strings.Contains(out, "# the pallets\n[pallets]\ncube = 65 # feet\n") {
		t.Errorf("without the form it says\n%s", out)
	}
	// Where settings stand in another way, the text is written anew, and says the same.
	for _, text := range []string{
		`{"pallets": {"cube": 65}}`, `orders = { columns = { cartons = "Boxes" } }`, "orders.ignored = [\"X\"]\norders.columns.cartons = \"Qty\"\n",
		`forms = [{ name = "a", columns = [{ heading = "A", field = "packages", left = 0, right = 9 }, { heading = "B", field = "other", left = 9, right = 20 }] }]`,
	} {
		next := parsed(t, text)
		next.Forms = append(next.Forms, own)
		next.Orders = next.Orders.With("Num", "bill_number")
		if got := parsed(t, string(Rewrite([]byte(text), next))); string(got.JSON()) != string(next.JSON()) {
			t.Errorf("%s became\n%s", text, got.TOML())
		}
	}
}

func TestEachMistakeInALearntFormIsToldWithItsLine(t *testing.T) {
	const good = "[[forms]]\nname = \"a\"\ncolumns = [\n{ heading = \"A\", field = \"packages\", left = 0, right = 9 },\n{ heading = \"B\", field = \"weight\", unit = \"kg\", left = 9, right = 20 },\n]\nrows = [\n{ begins = \"SUM\", is = \"total\" },\n]\ntotals = { weight = \"none\" }\nproved = [\"0123456789abcdef\"]\n"
	p, err := Parse([]byte(good))
	if err != nil || len(p.Forms) != 1 || p.Forms[0].Trusted() || p.Forms[0].Columns[1].Unit != form.Kilograms {
		t.Fatalf("%v %+v", err, p)
	}
	if again, err := Parse(p.TOML()); err != nil || string(again.JSON()) != string(p.JSON()) {
		t.Errorf("as TOML: %v", err)
	}
	if again, err := Parse(p.JSON()); err != nil || string(again.JSON()) != string(p.JSON()) {
		t.Errorf("as JSON: %v", err)
	}
	for _, c := range []struct{ was, is, want string }{
		{`name = "a"`, `name = ""`, "line 2: forms.name: the text is empty"},
		{`name = "a"`, `nam = "a"`, "line 2: forms: there is no"},
		{`name = "a"`, `name = 3`, "line 2: forms.name needs a text"},
		{`"packages"`, `"boxes"`, `line 4: forms: there is no field "boxes"; there are packages,`},
		{`"packages"`, `"weight"`, "line 5: forms: two columns are weight; one of them must be other"},
		{`"packages"`, `3`, "line 4: forms.columns.field needs a text"},
		{`"kg"`, `"m3"`, "line 5: forms: m3 is not a unit of weight"},
		{`"kg"`, `"t"`, `line 5: forms: there is no unit "t"`},
		{`left = 9`, `left = 8`, "line 5: forms: a column begins at 8, within the one before it, which ends at 9"},
		{`left = 9`, `left = 99`, "line 5: forms: a column must have left less than right, not 99 and 20"},
		{`left = 9`, `left = "9"`, "line 5: forms.columns.left needs a number"},
		{`left = 9`, `left = nan`, "line 5: forms"},
		{`left = 9`, `left = 1e9`, "line 5: forms: the edges of a column must be from -5000 to 5000 points"},
		{`left = 9, `, ``, "line 5: forms.columns: an entry lacks left"},
		{`, right = 9`, `, rigth = 9`, "line 4: forms.columns: there is no"},
		{`heading = "B", `, ``, "line 3: forms: a form needs the headings of at least 2 columns"},
		{`"B"`, `"--"`, `line 5: forms: the heading "--" has nothing that can be compared`},
		{`"SUM"`, `"` + strings.Repeat("x", 101) + `"`, "line 8: forms: the beginning of a row has more than 100 characters"},
		{`is = "total"`, `is = "sum"`, `line 8: forms: a row is one of line, total, none, end, not "sum"`},
		{`begins = "SUM", is = "total"`, `is = "end"`, "line 8: forms: a table cannot end"},
		{`{ weight = "none" }`, `{ weight = "sum" }`, `line 10: forms: a total that is not a sum is one of max, count, none, not "sum"`},
		{`{ weight = "none" }`, `{ volume = "max" }`, `line 10: forms: the form has no column of figures "volume"`},
		{`{ weight = "none" }`, `3`, "line 10: forms.totals needs a table"},
		{`"0123456789abcdef"`, `"x"`, `line 11: forms: "x" is not the mark of a document`},
		{`["0123456789abcdef"]`, `["0123456789abcdef", "1123456789abcdef", "2123456789abcdef"]`, "line 11: forms: a form is trusted after 2 documents"},
		{good, good + good, "line 12: forms: two forms are called"},
		{good, strings.Repeat("[[forms]]\n", 51), "line 1: forms has more than 50 forms"},
		{good, "[forms]\n", "line 1: forms needs a list"},
	} {
		text := strings.Replace(good, c.was, c.is, 1)
		if text == good {
			t.Fatalf("%q is not there", c.was)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, not %q", c.is, err, c.want)
		}
	}
}
