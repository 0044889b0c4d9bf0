package profile

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
)

func parsed(t *testing.T, content string) *Profile {
	t.Helper()
	p, err := Parse([]byte(content))
	must.OK(t, err)
	return p
}

func TestTheDefaultProfileIsWhatItSays(t *testing.T) {
	want := Default()
	want.Sheet.Version = want.version()
	for name, content := range map[string][]byte{"TOML": want.TOML(), "JSON": want.JSON(), "nothing": nil, "an empty object": []byte("{}")} {
		p := parsed(t, string(content))
		if !reflect.DeepEqual(p.JSON(), want.JSON()) || p.Sheet.Version != want.Sheet.Version {
			t.Errorf("%s gives %s", name, p.JSON())
		}
		if got := p.Rules(); !got.CubePerPallet.Equal(sheet.DefaultRules().CubePerPallet) || !reflect.DeepEqual(got.Columns, sheet.Columns[:]) {
			t.Errorf("%s gives the rules %+v", name, got)
		}
	}
}

const house = `
orders.dates = "day first"
orders.ignored = ["Old Qty"]
ship_tos."ACME STORES" = ["Acme Str.", "ACME  STORES INC"]
ship_tos."O=K & \"Sons\" <\u00e9>" = "OK"

[orders.columns]
bill_number = ["Num"]
cartons = ["Qty", "Kolli"]

[pallets]
cube = 65.5
[[pallets.by_name]]
ship_to = "Ross"
final_cube = 1_00
[sheet]
columns = ["Invoice No.", "Warehouse", "Style", "Customer"]
headings = { "Invoice No." = "BOL" }
constants.Warehouse = "East"
constants.Customer = "ACME"
`

func TestAProfileStaysTheSameWhenItIsWrittenAndRead(t *testing.T) {
	p := parsed(t, house)
	if c := p.Orders.Columns; !reflect.DeepEqual(c["cartons"], []string{"Qty", "Kolli"}) || len(c) != 2 || p.Sheet.Dates != orders.DayFirst {
		t.Errorf("the columns are %v, the dates %s", c, p.Sheet.Dates)
	}
	if b := p.Sheet.ByName; len(b) != 1 || b[0].ShipTo != "Ross" || b[0].FinalCube.String() != "100" || b[0].Column != "Final Cube" {
		t.Errorf("by name: %v", b)
	}
	if !reflect.DeepEqual(p.Sheet.Aliases, map[string][]string{"ACME STORES": {"Acme Str.", "ACME  STORES INC"}, `O=K & "Sons" <é>`: {"OK"}}) {
		t.Errorf("aliases: %v", p.Sheet.Aliases)
	}
	for _, content := range [][]byte{p.TOML(), p.JSON()} {
		again := parsed(t, string(content))
		if string(again.JSON()) != string(p.JSON()) || again.Sheet.Version != p.Sheet.Version {
			t.Errorf("%s\nbecomes %s", content, again.JSON())
		}
	}
	if text := string(p.TOML()); !strings.Contains(text, "# Cubic feet of a bill that take one pallet; the pallets of a bill are rounded up. Default: 80\ncube = 65.5\n") {
		t.Errorf("the default is not beside another value:\n%s", text)
	}
	if parsed(t, "").Sheet.Version == p.Sheet.Version {
		t.Error("two profiles have the same version")
	}
}

// wrongProfiles have one problem each: its line, and a part of its reason.
var wrongProfiles = []struct {
	name, content string
	line          int
	reason        string
}{
	{"a value that is not finished", "[pallets]\ncube = \n", 2, "not TOML"},
	{"a text without its end", "[orders]\n\ndates = \"auto\n", 3, "not TOML"},
	{"a setting twice", "[pallets]\ncube = 80\ncube = 65\n", 3, "not TOML"},
	{"a section twice", "[pallets]\ncube = 80\n[orders]\n[pallets]\n", 4, "not TOML"},
	{"no UTF-8", "# fine\n[ship_tos]\n\"Caf\xe9\" = [\"x\"]\n", 3, "UTF-8"},
	{"an unknown setting", "[pallets]\ncubes = 80\n", 2, `"pallets.cubes"; there are: pallets.cube, pallets.final_cube`},
	{"an unknown section", "[palets]\ncube = 80\n", 1, `"palets"; there are: orders, pallets`},
	{"a value in place of a section", "pallets = 80\n", 1, "[pallets]"},
	{"a text in place of a number", "[pallets]\n\ncube = \"80\"\n", 3, "needs a number"},
	{"an unknown field of a draft", "[ebol]\n\"lineItems.class\" = \"100\"\n", 2, "there is no \"lineItems.class\""},
	{"a wrong freight class", "[ebol]\n\"lineItems.nmfc\" = \"1\"\n\"lineItems.classification\" = \"101\"\n", 3, "one of 50, 55"},
	{"a phone number with dashes", "[ebol]\n\"origin.contact.phone\" = \"555-222-6666\"\n", 2, "ten digits"},
	{"dangerous goods", "[ebol]\n\"lineItems.hazardous\" = \"true\"\n", 2, "emergency contact"},
	{"no cube", "[pallets]\ncube = 0\n", 2, "more than 0"},
	{"a negative cube", "[pallets]\nfinal_cube = -130\n", 2, "more than 0"},
	{"a cube like a warehouse", "[pallets]\ncube = 100001\n", 2, "at most 100000"},
	{"a number that is none", "[pallets]\ncube = nan\n", 2, "plain number"},
	{"an exponent", "[pallets]\ncube = 8e1\n", 2, "plain number"},
	{"too many decimals", "[pallets]\ncube = 80.00001\n", 2, "4 decimals"},
	{"an unknown order of dates", "[orders]\ndates = \"european\"\n", 2, `"day first"`},
	{"an unknown meaning", "[orders.columns]\nquantity = [\"Qty\"]\n", 2, "bill_number, style, cartons"},
	{"a column with two meanings", "[orders.columns]\ncartons = [\"Qty\"]\npieces = [\n  \"Pcs\",\n  \"QTY.\",\n]\n", 5, "one meaning"},
	{"a column that is read and ignored", "[orders]\nignored = [\"Num\"]\n[orders.columns]\nbill_number = [\"num\"]\n", 2, "also a name of bill_number"},
	{"a column without letters", "[orders.columns]\nstyle = [\"***\"]\n", 2, "neither letters nor digits"},
	{"an empty name", "[orders.columns]\nstyle = [\"Item\",\n \" \"]\n", 3, "empty"},
	{"a name twice", "[orders]\nignored = [\"A\", \"A\"]\n", 2, "twice"},
	{"an alias of two ship-tos", "[ship_tos]\n\"ACME\" = [\"A1\"]\n\"BEST\" = [\"a1\"]\n", 3, `"ACME" and for "BEST"`},
	{"a ship-to twice", "[ship_tos]\n\"ACME\" = [\"A1\"]\n\"Acme\" = [\"A2\"]\n", 3, "same name"},
	{"an entry without cube", "[pallets]\nby_name = [\n  { ship_to = \"ross\" },\n]\n", 3, "lacks final_cube"},
	{"an entry that never counts", "[pallets]\nby_name = [\n  { ship_to = \"ross\", final_cube = 90 },\n  { ship_to = \"Ross Stores\", final_cube = 95 },\n]\n", 4, "never counts"},
	{"a cube in another column", "[[pallets.by_name]]\nship_to = \"ross\"\nfinal_cube = 90\ncolumn = \"Pallet\"\n", 1, `"Final Cube", "Burlington Cube"`},
	{"an unknown key of an entry", "[pallets]\nby_name = [{ ship_to = \"ross\", final_cube = 90, cube = 80 }]\n", 2, `no "cube"`},
	{"a group by no column", "[routing]\ngroups = [\n  \"Ship To Name\",\n  \"Carrier\",\n]\n", 4, `no "Carrier"`},
	{"half a day", "[routing]\nnear_days = 1.5\n", 2, "whole number"},
	{"negative days", "[routing]\nnotice_days = -1\n", 2, "from 0 to"},
	{"a column that the sheet does not have", "[sheet]\ncolumns = [\n  \"Style\",\n  \"Weight\",\n]\n", 4, `no column "Weight"`},
	{"a sheet without columns", "[sheet]\ncolumns = []\n", 2, "empty"},
	{"two columns with one heading", "[sheet.headings]\n\"Style\" = \"Item\"\n\"Release\" = \"Item\"\n", 3, `"Item"`},
	{"a heading of no column", "[sheet]\ncolumns = [\"Style\"]\n[sheet.headings]\n\"Customer\" = \"Buyer\"\n", 4, "not among sheet.columns"},
	{"a constant in a column with a source", "[sheet.constants]\n\"Cartons\" = \"1\"\n", 2, "filled in from bills"},
	{"a constant that is not shown", "[sheet.constants]\n\"Warehouse\" = \"East\"\n", 2, "not among sheet.columns"},
	{"a constant over two lines", "[sheet.constants]\n\"Customer\" = \"A\\nB\"\n", 2, "cannot be seen"},
	{"a text of many characters", "[sheet.constants]\n\"Customer\" = \"" + strings.Repeat("A", 201) + "\"\n", 2, "200 characters"},
	{"lists in lists", "[orders]\nignored = " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n", 2, "too deep"},
	{"JSON that is not finished", "{\n\"pallets\": {\"cube\": 80", 2, "not JSON"},
	{"a wrong setting in JSON", "{\"orders\": {},\n\"pallets\": {\n\"cube\": \"80\"}}", 3, "needs a number"},
	{"a key of JSON twice", "{\"orders\": {},\n\n\"orders\": {}}", 3, "twice"},
	{"JSON with something after it", "{}\n\n{}", 3, "follows"},
}

func TestWrongProfilesNameTheLineAndTheReason(t *testing.T) {
	for _, w := range wrongProfiles {
		t.Run(w.name, func(t *testing.T) {
			_, err := Parse([]byte(w.content))
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != BadProfile {
				t.Fatalf("the profile was read: %v", err)
			}
			problems := f.Details.([]Problem)
			if len(problems) != 1 || problems[0].Line != w.line || !strings.Contains(problems[0].Reason, w.reason) {
				t.Errorf("got %+v, want one problem in line %d with %q", problems, w.line, w.reason)
			}
			if want := fmt.Sprintf("line %d: ", w.line); !strings.Contains(f.Message, want) {
				t.Errorf("%q lacks %q", f.Message, want)
			}
		})
	}
	if len(wrongProfiles) < 30 {
		t.Error("there are fewer than 30 wrong profiles")
	}
}

func TestAllProblemsOfAProfileAreNamedInTheOrderOfItsLines(t *testing.T) {
	_, err := Parse([]byte("[sheet]\ncolumns = 3\n[pallets]\ncube = -1\n[orders]\ndates = \"x\"\n"))
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	var lines []int
	for _, p := range f.Details.([]Problem) {
		lines = append(lines, p.Line)
	}
	if !reflect.DeepEqual(lines, []int{2, 4, 6}) {
		t.Errorf("the problems are in lines %v: %v", lines, err)
	}
	if _, err := Parse(make([]byte, MostBytes+1)); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("a large profile: %v", err)
	}
}

func TestMappingsOfColumnsAddToAProfile(t *testing.T) {
	p, err := parsed(t, house).WithColumns([]string{"Qty=pieces", " Total = Ctns = Cartons ", "Kolli="})
	must.OK(t, err)
	if c := p.Orders.Columns; !reflect.DeepEqual(c["pieces"], []string{"Qty"}) || !reflect.DeepEqual(c["cartons"], []string{"Total = Ctns"}) {
		t.Errorf("the columns are %v", c)
	}
	if !reflect.DeepEqual(p.Orders.Ignored, []string{"Old Qty", "Kolli"}) || p.Sheet.Dates != orders.DayFirst {
		t.Errorf("ignored: %v", p.Orders.Ignored)
	}
	if again := parsed(t, string(p.TOML())); again.Sheet.Version != p.Sheet.Version {
		t.Error("a profile with mappings is not the same when it is read again")
	}
	if p, err := (*Profile)(nil).WithColumns(nil); p != nil || err != nil {
		t.Errorf("no mappings of no profile: %v, %v", p, err)
	}
	for mapping, want := range map[string]string{"Qty": "Name=Meaning", "Qty=Kilos": "bill number, style, cartons", "=Cartons": "empty", "--=Cartons": "neither letters"} {
		if _, err := Default().WithColumns([]string{mapping}); fault.CodeOf(err) != fault.BadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", mapping, err)
		}
	}
	if _, err := Default().WithColumns([]string{"Qty=Cartons", "QTY=Pieces"}); err == nil {
		t.Error("a column was mapped twice")
	}
}

func TestTheLargestProfileIsReadOnce(t *testing.T) {
	// As many values and lines as fit: the work must not grow with their product.
	list := "[orders]\nignored = [\n" + strings.Repeat("1,\n", 21_000) + "]\n"
	if _, err := Parse([]byte(list)); fault.CodeOf(err) != BadProfile || !strings.Contains(err.Error(), "line 2: orders.ignored has more than 1000 entries") {
		t.Errorf("%v", err)
	}
}

// FuzzParse tests that no profile makes the parser fail otherwise than with problems,
// and that a profile that it reads stays the same when it is written and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(house))
	f.Add(Default().TOML())
	f.Add(Default().JSON())
	for _, w := range wrongProfiles {
		f.Add([]byte(w.content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := Parse(content)
		if err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		for _, written := range [][]byte{p.TOML(), p.JSON()} {
			again, err := Parse(written)
			if err != nil || again.Sheet.Version != p.Sheet.Version {
				t.Fatalf("%q becomes %s: %v", content, written, err)
			}
		}
	})
}
