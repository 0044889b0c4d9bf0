package sheet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"tallyman/internal/bol"
	"tallyman/internal/form"
	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
	"tallyman/internal/text"
)

// freight returns a bill as it is printed, whose addresses are in the forms that people use.
func freight() *bol.Bill {
	a, b := line("3", "B4422", "36", "40.4"), line("1", "B4423", "12", "0.3")
	a.Description, b.Description = value("DENIM SHORT"), value("LINEN PANT")
	bl := bill("T1", "161.20", "48", "40.7", a, b)
	bl.Shipper, bl.ShipperAddress = value("NORTHWIND INC"), value("12 DOCK ST, SUITE 4, LYNWOOD, CA 90262")
	bl.Consignee = []bol.Value{value("STORES INC"), value("C/O DEPOT"), value("2951 Grant Avenue"), value("PHILADELPHIA, PA 19114-0001"), value("USA")}
	bl.OrderNumber, bl.Store, bl.ShippedVia = value("629493"), value("7"), value("ACME FREIGHT")
	bl.Instructions = []bol.Value{value("CALL FIRST"), value("DOCK 3")}
	return bl
}

// constants complete any draft.
var constants = map[string]string{
	"bol.requestedPickupDate": "2025-07-15", "bol.requestorRole": "Shipper", "payment.terms": "Collect",
	"lineItems.classification": "77.5", "lineItems.hazardous": "false", "lineItems.stackable": "true", "lineItems.nmfc": "49880",
	"origin.contact.phone": "5552226666", "destination.contact.phone": "5552227777",
	"origin.name": "NOBODY", // the bill names the origin
	"billTo.name": "PAYER", "billTo.address1": "1 Main St", "billTo.city": "Dallas", "billTo.stateProvince": "TX",
	"billTo.postalCode": "75201", "billTo.country": "USA", "billTo.contact.phone": "5552228888",
}

func drafts(t testing.TB, s *Sheet) EBOLView {
	t.Helper()
	var b bytes.Buffer
	must.OK(t, Write(&b, s, EBOL))
	var v EBOLView
	d := json.NewDecoder(&b)
	d.UseNumber()
	must.OK(t, d.Decode(&v))
	return v
}

// at returns the value at a path of a request, in which indices are in brackets.
func at(t testing.TB, request any, path string) any {
	t.Helper()
	b, _ := json.Marshal(request)
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	must.OK(t, d.Decode(&v))
	for _, name := range strings.Split(strings.ReplaceAll(path, "[", ".["), ".") {
		switch c := v.(type) {
		case map[string]any:
			v = c[name]
		case []any:
			i := int(name[1] - '0')
			if i >= len(c) {
				return nil
			}
			v = c[i]
		default:
			return nil
		}
	}
	return v
}

func TestADraftHoldsWhatTheBillPrints(t *testing.T) {
	row := order("T1", "B4422", "3", "36", "STORES", "07302025")
	d := drafts(t, Make(document(freight()), table(row))).Drafts[0]
	for path, want := range map[string]any{
		"version":                             "2.1.0",
		"bol.function":                        "Create",
		"bol.isTest":                          true,
		"bol.specialInstructions":             "CALL FIRST\nDOCK 3",
		"origin.name":                         "NORTHWIND INC",
		"origin.address1":                     "12 DOCK ST",
		"origin.address2":                     "SUITE 4",
		"origin.city":                         "LYNWOOD",
		"origin.stateProvince":                "CA",
		"origin.postalCode":                   "90262",
		"origin.country":                      "USA",
		"destination.name":                    "STORES INC",
		"destination.address1":                "2951 Grant Avenue",
		"destination.address2":                "C/O DEPOT",
		"destination.city":                    "PHILADELPHIA",
		"destination.postalCode":              "19114-0001",
		"referenceNumbers.bol[0]":             "T1",
		"referenceNumbers.po[0].number":       "PO-T1",
		"referenceNumbers.po[0].pieces":       json.Number("3"),
		"referenceNumbers.po[0].weight":       json.Number("40"),
		"referenceNumbers.po[1].number":       "629493",
		"commodities.handlingUnits[0].count":  json.Number("3"),
		"commodities.handlingUnits[0].weight": json.Number("41"),
		"commodities.handlingUnits[0].lineItems[0].description": "B4422 DENIM SHORT",
		"commodities.handlingUnits[0].lineItems[0].pieces":      json.Number("3"),
		"commodities.handlingUnits[0].lineItems[0].weight":      json.Number("40"),
		"commodities.handlingUnits[0].lineItems[1].weight":      json.Number("1"),
		"shipmentTotals.netWeight":                              json.Number("41"),
		"shipmentTotals.cube":                                   json.Number("161"),
		"payment.terms":                                         nil,
		"billTo.name":                                           nil,
	} {
		if got := at(t, d.Request, path); got != want {
			t.Errorf("%s is %v, not %v", path, got, want)
		}
	}
	if d.Bill != "T1" || d.Carrier != "ACME FREIGHT" || len(d.Pages) != 1 || len(d.FromProfile) != 0 {
		t.Errorf("the draft is %+v", d)
	}
	if !slices.Contains(d.Rounded, EBOLRounded{"commodities.handlingUnits[0].lineItems[1].weight", "0.3", "1"}) {
		t.Errorf("a rounded weight is not said: %v", d.Rounded)
	}
	if len(d.Calculated) != 1 || !strings.Contains(d.Calculated[0].How, "161.2") {
		t.Errorf("the pallets are not said to be calculated: %v", d.Calculated)
	}
	// The bill has a line without an order row, which is said beside its draft.
	if !slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Kind == LineWithoutOrder }) {
		t.Errorf("the findings are %v", d.Findings)
	}
}

func TestADraftGuessesNothing(t *testing.T) {
	b := freight()
	b.ShipperAddress = value("DOCK 4, SOMEWHERE")                                           // no state
	b.Consignee = []bol.Value{value("STORES"), value("2 Rue X"), value("OTTAWA, ON 19114")} // no Canadian postal code
	b.Lines[1].Weight, b.Lines[1].Cartons = bol.Number{}, bol.Number{}
	b.Printed.Cube = bol.Number{}
	d := drafts(t, Make(document(b), nil)).Drafts[0]
	missing := text.Each(d.Missing, func(m EBOLMissing) string { return m.Path })
	for _, path := range []string{
		"origin.address1", "origin.city", "origin.stateProvince", "origin.country", "destination.city", "destination.country", "destination.address1",
		"commodities.handlingUnits[0].count", "commodities.handlingUnits[0].lineItems[1].weight", "commodities.handlingUnits[0].lineItems[1].pieces",
		"commodities.handlingUnits[0].lineItems[*].classification", "bol.requestedPickupDate", "billTo.name", "origin.contact.phone",
	} {
		if !slices.Contains(missing, path) {
			t.Errorf("%s is not said to be missing", path)
		}
	}
	for _, path := range []string{"origin.city", "destination.city", "commodities.handlingUnits[0].count", "referenceNumbers.po[0].pieces"} {
		if got := at(t, d.Request, path); got != nil {
			t.Errorf("%s is %v", path, got)
		}
	}
}

func TestAProfileCompletesDraftsAndOverridesNoBill(t *testing.T) {
	r := DefaultRules()
	r.Version, r.EBOL = "v1", constants
	v := drafts(t, r.Make(document(freight()), nil))
	d := v.Drafts[0]
	if v.Profile != "v1" || len(d.Missing) != 0 {
		t.Errorf("of the draft by profile %q there is missing %v", v.Profile, d.Missing)
	}
	if got := at(t, d.Request, "origin.name"); got != "NORTHWIND INC" || slices.Contains(d.FromProfile, "origin.name") {
		t.Errorf("the profile replaces the shipper by %v", got)
	}
	if got := at(t, d.Request, "bol.requestedPickupDate"); got != "2025-07-15T00:00:00.000" {
		t.Errorf("the day of pick-up is %v", got)
	}
	if !slices.Contains(d.FromProfile, "commodities.handlingUnits[0].lineItems[*].classification") {
		t.Errorf("from the profile: %v", d.FromProfile)
	}
}

// Lines of a bill that nothing proves go to no carrier until somebody accepts it. Its form
// does not say that it counts cartons.
func TestABillThatNothingProvesHasNoRequest(t *testing.T) {
	b := freight()
	b.Free, b.Verdict.Outcome = &form.Bill{}, bol.Unproved
	s := Make(document(b), nil)
	if d := drafts(t, s).Drafts[0]; d.Request != nil || d.Outcome != bol.Unproved {
		t.Errorf("the draft of an unproved bill is %+v", d)
	}
	d := drafts(t, s.Accept()).Drafts[0]
	if d.Request == nil || at(t, d.Request, "commodities.handlingUnits[0].lineItems[0].packagingType") != nil {
		t.Errorf("the draft of an accepted bill is %+v", d)
	}
	if !slices.ContainsFunc(d.Missing, func(m EBOLMissing) bool { return strings.HasSuffix(m.Path, "packagingType") }) {
		t.Errorf("the kind of packages is not said to be missing: %v", d.Missing)
	}
}

// description returns the schema of a request of the public description.
func description(t testing.TB) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "testdata", "ebol", "ltl-ebol-2.1.0-openapi.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the description of electronic bills is not here")
	}
	must.OK(t, err)
	var doc any
	must.OK(t, yaml.Unmarshal(b, &doc))
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	must.OK(t, c.AddResource("ebol.json", doc))
	s, err := c.Compile("ebol.json#/components/schemas/BOL_Request")
	must.OK(t, err)
	return s
}

func validate(t testing.TB, s *jsonschema.Schema, request any) error {
	t.Helper()
	b, err := json.Marshal(request)
	must.OK(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	must.OK(t, err)
	return s.Validate(v)
}

// required returns what a request lacks by the schema. Any other error fails the test.
func required(t testing.TB, err error) (missing []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	var walk func(o *jsonschema.OutputUnit)
	walk = func(o *jsonschema.OutputUnit) {
		for i := range o.Errors {
			walk(&o.Errors[i])
		}
		if len(o.Errors) > 0 || o.Error == nil {
			return
		}
		said := o.Error.String()
		if !strings.HasPrefix(said, "missing propert") {
			t.Errorf("%s: %s", o.InstanceLocation, said)
			return
		}
		for _, name := range strings.Split(said[strings.Index(said, " '")+2:len(said)-1], "', '") {
			missing = append(missing, strings.ReplaceAll(strings.TrimPrefix(o.InstanceLocation, "/"), "/", ".")+"."+name)
		}
	}
	var wrong *jsonschema.ValidationError
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	walk(wrong.DetailedOutput())
	return missing
}

// A draft lacks by the schema what it says to be missing, and nothing else is wrong; what
// it says to be missing is all that a profile has to give for a valid request.
func TestDraftsFollowTheDescription(t *testing.T) {
	schema := description(t)
	doc := document(freight())
	var table *orders.Table
	for name, rules := range map[string]map[string]string{"without a profile": nil, "with half of it": half(constants), "with all of it": constants} {
		r := DefaultRules()
		r.EBOL = rules
		d := drafts(t, r.Make(doc, table)).Drafts[0]
		var said []string
		for _, m := range d.Missing {
			path := strings.NewReplacer("[0]", ".0").Replace(m.Path)
			if before, after, ok := strings.Cut(path, "[*]"); ok {
				said = append(said, before+".0"+after, before+".1"+after)
				continue
			}
			said = append(said, path)
		}
		lacks := required(t, validate(t, schema, d.Request))
		slices.Sort(said)
		slices.Sort(lacks)
		if !slices.Equal(said, lacks) {
			t.Errorf("%s: said to be missing\n%s\nand by the schema\n%s", name, strings.Join(said, "\n"), strings.Join(lacks, "\n"))
		}
	}
}

func half(all map[string]string) map[string]string {
	some := maps.Clone(all)
	for i, k := range slices.Sorted(maps.Keys(all)) {
		if i%2 == 0 {
			delete(some, k)
		}
	}
	return some
}
