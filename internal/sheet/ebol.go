package sheet

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"tallyman/internal/bol"
	"tallyman/internal/text"
)

// EBOLVersion is the version of the description of electronic bills of lading that
// drafts follow: that of the Digital LTL Council (NMFTA).
const EBOLVersion = "2.1.0"

// ebolForm is what a text of a draft has to look like.
type ebolForm struct {
	// about completes "must be ...".
	about string
	fits  func(text string) bool
	// value returns the JSON value of a text that fits.
	value func(text string) any
}

func itself(text string) any { return text }

func matching(about, pattern string) *ebolForm {
	return &ebolForm{about, regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString, itself}
}

func oneOf(names ...string) *ebolForm {
	return &ebolForm{"one of " + strings.Join(names, ", "), func(s string) bool { return slices.Contains(names, s) }, itself}
}

// packages are the codes of packages.
var packages = strings.Fields(`BAG BAL BBL BSK BIN BOX BXT BCH BDL CAB CAG CAN CBY CAR CTN CAS CSK CHS COL CNT COR CRT
	CYL DRM DBK ENV FIR GLD HPR HGH HRB INT JAR JCN KEG KIT LIF LBK LSE MXD OTH PKG PCK PAL PAT PCS PLN RCK REL ROL SKD
	SLP SPL TNK TBN TRY`)

// statesOf are the codes of states and provinces by the code of their country.
var statesOf = map[string][]string{
	"USA": strings.Fields(`AL AK AZ AR CA CO CT DC DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM
		NY NC ND OH OK OR PA PR RI SC SD TN TX UT VT VA WA WV WI WY`),
	"CAN": strings.Fields(`AB BC MB NB NL NS NT NU ON PE QC SK YT`),
	"MEX": strings.Fields(`CMX AGU BCN BCS CAM COA COL CHP CHH DUR GUA GRO HID JAL MEX MIC MOR NAY NLE OAX PUE QUE ROO SLP
		SIN SON TAB TAM TLA VER YUC ZAC`),
}

// The forms of texts.
var (
	anyText     = matching("a text", `.+`)
	yesNo       = &ebolForm{"true or false", func(s string) bool { return s == "true" || s == "false" }, func(s string) any { return s == "true" }}
	notTrue     = &ebolForm{"false: dangerous goods need an emergency contact and details of each line, which a draft does not have", func(s string) bool { return s == "false" }, func(string) any { return false }}
	phoneNumber = matching("ten digits", `[0-9]{10}`)
	postalCode  = matching("a postal code such as 90001, 90001-1234 or A1A1A1", `[0-9]{5}(-[0-9]{4})?|[A-Z][0-9][A-Z][0-9][A-Z][0-9]?`)
	aDay        = &ebolForm{"a day such as 2025-07-15", func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil },
		func(s string) any { return s + "T00:00:00.000" }}
	stateCode   = &ebolForm{"the code of a state or province, such as CA", func(s string) bool { return countryOf(s) != "" }, itself}
	countryCode = oneOf("CAN", "USA", "MEX")
	freightTerm = oneOf("Prepaid", "Collect", "Third Party")
	role        = oneOf("Shipper", "Consignee", "Third Party")
	class       = oneOf("50", "55", "60", "65", "70", "77.5", "85", "92.5", "100", "110", "125", "150", "175", "200", "250", "300", "400", "500", "Not required")
)

// EBOLField is a field of a draft that a profile can fill in.
type EBOLField struct {
	// Path is the field's place in a request, without the indices of lists:
	// "lineItems.classification".
	Path string
	// What names the field for people.
	What string
	// Required is set if no request is complete without the field.
	Required bool
	form     *ebolForm
}

// Wrong returns what a text has to be to stand in the field, or "" if it can.
func (f *EBOLField) Wrong(text string) string {
	if f.form.fits(text) {
		return ""
	}
	return f.form.about
}

// EBOLFields are all fields that a profile can fill in, in the order of a request.
var EBOLFields = slices.Concat([]EBOLField{
	{"bol.requestedPickupDate", "day of pick-up", true, aDay},
	{"bol.requestorRole", "role of whoever asks", true, role},
	{"bol.isTest", "whether the request is a test", true, yesNo},
	{"payment.terms", "freight terms", true, freightTerm},
	{"lineItems.packagingType", "kind of packages", true, oneOf(packages...)},
	{"lineItems.classification", "freight class", true, class},
	{"lineItems.nmfc", "NMFC number", false, anyText},
	{"lineItems.nmfcSub", "sub of the NMFC number", false, anyText},
	{"lineItems.hazardous", "whether the goods are dangerous", true, notTrue},
	{"lineItems.stackable", "whether the goods can be stacked", true, yesNo},
}, ebolParty("origin", "origin"), ebolParty("destination", "destination"), ebolParty("billTo", "payer"))

func ebolParty(path, name string) []EBOLField {
	return []EBOLField{
		{path + ".account", "account number of the " + name, false, anyText},
		{path + ".locationId", "location number of the " + name, false, anyText},
		{path + ".name", "name of the " + name, true, anyText},
		{path + ".address1", "address of the " + name, true, anyText},
		{path + ".address2", "second line of the address of the " + name, false, anyText},
		{path + ".city", "city of the " + name, true, anyText},
		{path + ".stateProvince", "state or province of the " + name, true, stateCode},
		{path + ".postalCode", "postal code of the " + name, true, postalCode},
		{path + ".country", "country of the " + name, true, countryCode},
		{path + ".contact.phone", "phone number of the contact at the " + name, true, phoneNumber},
		{path + ".contact.phoneExt", "extension of that phone", false, anyText},
		{path + ".contact.name", "contact at the " + name, false, anyText},
		{path + ".contact.email", "e-mail address of the contact at the " + name, false, anyText},
	}
}

// countryOf returns the code of the country of a state or province, or "".
func countryOf(state string) string {
	for country, states := range statesOf { // no code is in two countries
		if slices.Contains(states, state) {
			return country
		}
	}
	return ""
}

// EBOLView is the JSON of drafts of electronic bills of lading.
type EBOLView struct {
	// Version is EBOLVersion.
	Version string `json:"version"`
	// Profile is the version of the profile whose constants were used; "" for none.
	Profile string `json:"profile"`
	// Drafts are in the order of the bills.
	Drafts []EBOLDraft `json:"drafts"`
}

// EBOLDraft is the draft of a request to a carrier to create the electronic bill of one
// bill. It can be sent if Missing is empty, the bill is reconciled, and somebody has
// looked at it. A bill that nothing proves, and that nobody accepted, has no request.
type EBOLDraft struct {
	Bill    string      `json:"bill"`
	Pages   []LeafView  `json:"pages"`
	Outcome bol.Outcome `json:"outcome"`
	// Carrier is by whom the bill is shipped, as printed.
	Carrier string `json:"carrier"`
	// Missing are the required fields that neither the bill nor the profile has.
	Missing []EBOLMissing `json:"missing"`
	// FromProfile are the paths of the fields that the profile filled in.
	FromProfile []string `json:"from_profile"`
	// Calculated are the paths of figures that are not on the bill, and how they are made.
	Calculated []EBOLNote `json:"calculated"`
	// Rounded are the figures that a request can only hold as whole numbers.
	Rounded []EBOLRounded `json:"rounded"`
	// Findings are those about the bill.
	Findings []Finding `json:"findings"`
	// Request is the request, as the description has it (BOL_Request); null for a bill
	// whose lines stay out of the sheet.
	Request map[string]any `json:"request"`
}

// EBOLMissing is a required field without a value. An index [*] stands for all elements.
type EBOLMissing struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// EBOLNote is a remark about a field.
type EBOLNote struct {
	Path string `json:"path"`
	How  string `json:"how"`
}

// EBOLRounded is a figure as printed or calculated, and as it is in the request.
type EBOLRounded struct {
	Path  string `json:"path"`
	Exact Figure `json:"exact"`
	Sent  Figure `json:"sent"`
}

// WriteEBOL writes drafts of electronic bills of lading for the bills of a sheet, as the
// JSON of an EBOLView, one draft per line of text. Nothing in them is invented: a field
// holds what the bill prints, what is calculated of that, or what the profile says. If w
// fails, the error is a fault.Unwritable.
func WriteEBOL(w io.Writer, s *Sheet) error {
	doc := s.Document
	if doc == nil {
		doc = &bol.Document{}
	}
	rows := map[*bol.Line]*Row{}
	for i := range s.Rows {
		rows[s.Rows[i].Line] = &s.Rows[i]
	}
	found := make([][]Finding, len(doc.Bills))
	for _, f := range s.Findings {
		for _, i := range f.Bills {
			found[i] = append(found[i], f)
		}
	}
	j := &jsonWriter{w: bufio.NewWriter(w)}
	j.member("version", EBOLVersion)
	j.member("profile", s.rules.Version)
	j.members("drafts", len(doc.Bills), func(i int) any {
		d := s.rules.draft(doc.Bills[i], rows)
		d.Findings = append(d.Findings, found[i]...)
		return d
	})
	return j.end()
}

// object is a JSON object under construction.
type object = map[string]any

// drafter makes one draft.
type drafter struct {
	EBOLDraft
	rules *Rules
	bill  *bol.Bill
}

func (r *Rules) draft(b *bol.Bill, rows map[*bol.Line]*Row) EBOLDraft {
	d := &drafter{rules: r, bill: b, EBOLDraft: EBOLDraft{
		Bill: b.Number.Text, Outcome: b.Verdict.Outcome, Carrier: b.ShippedVia.Text, Pages: text.Each(b.Sheets, viewLeaf),
		Missing: []EBOLMissing{}, FromProfile: []string{}, Calculated: []EBOLNote{}, Rounded: []EBOLRounded{}, Findings: []Finding{},
	}}
	if b.Held() {
		return d.EBOLDraft
	}
	request := object{
		"version":          EBOLVersion,
		"bol":              object{"function": "Create"},
		"referenceNumbers": d.references(rows),
		"payment":          object{},
		"commodities":      d.commodities(),
		"shipmentTotals":   d.totals(),
		"origin":           origin(b),
		"destination":      destination(b),
		"billTo":           object{},
	}
	if lines := texts(b.Instructions); len(lines) > 0 {
		request["bol"].(object)["specialInstructions"] = strings.Join(lines, "\n")
	}
	if freightTerm.fits(b.Terms.Text) {
		request["payment"].(object)["terms"] = b.Terms.Text
	}
	d.fill(request)
	d.Request = request
	return d.EBOLDraft
}

// fill fills in what the bill lacks and the profile has, and lists what is missing.
func (d *drafter) fill(request object) {
	unit := request["commodities"].(object)["handlingUnits"].([]object)[0]
	d.require(unit, "commodities.handlingUnits[0].", "count", "pallets")
	d.require(unit, "commodities.handlingUnits[0].", "weight", "weight of the bill")
	items := unit["lineItems"].([]object)
	for i, item := range items {
		at := fmt.Sprintf("commodities.handlingUnits[0].lineItems[%d].", i)
		d.require(item, at, "pieces", "cartons of the line")
		d.require(item, at, "weight", "weight of the line")
		d.require(item, at, "description", "description of the line")
	}
	for i := range EBOLFields {
		f := &EBOLFields[i]
		constant, known := d.rules.EBOL[f.Path]
		if !known && f.Path == "bol.isTest" {
			constant, known = "true", true // a draft is a test until the profile says otherwise
		}
		if rest, ok := strings.CutPrefix(f.Path, "lineItems."); ok {
			d.set(items, "commodities.handlingUnits[0].lineItems[*].", rest, f, constant, known)
		} else {
			d.set([]object{request}, "", f.Path, f, constant, known)
		}
	}
}

// set sets a field in objects that have none, to the constant of the profile.
func (d *drafter) set(in []object, prefix, path string, f *EBOLField, constant string, known bool) {
	set, missing := false, false
	for _, o := range in {
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			next, ok := o[name].(object)
			if !ok {
				next = object{}
				if known || f.Required {
					o[name] = next
				}
			}
			o = next
		}
		last := names[len(names)-1]
		switch _, there := o[last]; {
		case there:
		case known:
			o[last], set = f.form.value(constant), true
		default:
			missing = true
		}
	}
	if set && d.rules.EBOL[f.Path] != "" {
		d.FromProfile = append(d.FromProfile, prefix+path)
	}
	if missing && f.Required {
		d.Missing = append(d.Missing, EBOLMissing{prefix + path, f.What})
	}
}

func (d *drafter) require(o object, at, name, what string) {
	if _, ok := o[name]; !ok {
		d.Missing = append(d.Missing, EBOLMissing{at + name, what})
	}
}

// whole sets a field to a figure, rounded to a whole number and at least 1 unless it is
// zero, and notes that.
func (d *drafter) whole(o object, at, name string, exact decimal.Decimal) {
	sent := exact.Round(0)
	if sent.IsZero() && exact.IsPositive() {
		sent = decimal.NewFromInt(1)
	}
	o[name] = json.Number(sent.String())
	if !sent.Equal(exact) {
		d.Rounded = append(d.Rounded, EBOLRounded{at + name, Figure(exact.String()), Figure(sent.String())})
	}
}

func (d *drafter) calculated(path, how string) {
	d.Calculated = append(d.Calculated, EBOLNote{path, how})
}

// weigh sets a field to the weight of the bill, and notes if that is not printed.
func (d *drafter) weigh(o object, at, name string) {
	weight, err := decimal.NewFromString(d.bill.Total(bol.Weight))
	if err != nil {
		return
	}
	d.whole(o, at, name, weight)
	if !d.bill.Printed.Weight.Valid {
		d.calculated(at+name, "the bill prints no total; this is the sum of its lines")
	}
}

func (d *drafter) commodities() object {
	const at = "commodities.handlingUnits[0]."
	// The known form counts cartons, others say less. The sheet counts pallets.
	unit := object{"type": "PAT", "weightUnit": "Pounds"}
	if cube, ok := cubeOf(d.bill); ok {
		d.whole(unit, at, "count", d.rules.pallets(cube))
		d.calculated(at+"count", fmt.Sprintf("the cube of the bill, %s cubic feet, over %s, rounded up", cube, d.rules.CubePerPallet))
	}
	d.weigh(unit, at, "weight")
	items := []object{}
	for i := range d.bill.Lines {
		l, at := &d.bill.Lines[i], fmt.Sprintf("%slineItems[%d].", at, i)
		item := object{"weightUnit": "Pounds"}
		if d.bill.Free == nil {
			item["packagingType"] = "CTN"
		}
		if description := strings.TrimSpace(l.Style.Text + " " + l.Description.Text); description != "" {
			item["description"] = description
		}
		if l.Cartons.Valid {
			d.whole(item, at, "pieces", l.Cartons.Amount())
		}
		if l.Weight.Valid {
			d.whole(item, at, "weight", l.Weight.Amount())
		}
		items = append(items, item)
	}
	unit["lineItems"] = items
	return object{
		// It is not known which carton stands on which pallet.
		"lineItemLayout": "Stacked",
		"handlingUnits":  []object{unit},
		// The description requires this list beside those of the handling units, and
		// does not say what belongs into it.
		"lineItems": []object{},
	}
}

func (d *drafter) totals() object {
	const at = "shipmentTotals."
	totals := object{"weightUnit": "Pounds", "cubeDimensionsUnit": "Feet"}
	d.weigh(totals, at, "netWeight")
	if cube, ok := cubeOf(d.bill); ok {
		d.whole(totals, at, "cube", cube)
		d.whole(totals, at, "handlingUnits", d.rules.pallets(cube))
	}
	return totals
}

// references returns the numbers of the bill. Cartons and weight of a purchase order are
// given if all its lines have them.
func (d *drafter) references(rows map[*bol.Line]*Row) object {
	b := d.bill
	type sum struct {
		cartons, weight     decimal.Decimal
		allCartons, weighed bool
	}
	sums, order := map[string]*sum{}, []string{}
	for i := range b.Lines {
		l := &b.Lines[i]
		po := ""
		if r := rows[l]; r != nil && r.Order != nil {
			po = strings.TrimSpace(r.Order.OrderNo)
		}
		if po = cmp.Or(po, l.OrderNumber.Text, b.OrderNumber.Text); po == "" {
			continue
		}
		if sums[po] == nil {
			sums[po] = &sum{allCartons: true, weighed: true}
			order = append(order, po)
		}
		s := sums[po]
		s.cartons, s.allCartons = s.cartons.Add(l.Cartons.Amount()), s.allCartons && l.Cartons.Valid
		s.weight, s.weighed = s.weight.Add(l.Weight.Amount()), s.weighed && l.Weight.Valid
	}
	pos := []object{}
	for i, po := range order {
		at := fmt.Sprintf("referenceNumbers.po[%d].", i)
		o, s := object{"number": po}, sums[po]
		if s.allCartons {
			d.whole(o, at, "pieces", s.cartons)
		}
		if s.weighed {
			d.whole(o, at, "weight", s.weight)
			o["weightUnit"] = "Pounds"
		}
		pos = append(pos, o)
	}
	more := []object{}
	for _, r := range []struct {
		name string
		of   bol.Value
	}{
		{"Store", b.Store}, {"Department", b.Dept}, {"Vendor", b.Vendor}, {"Reference", b.Reference},
		{"Control No.", b.ControlNo}, {"Internal Code", b.InternalCode}, {"Customer Code", b.CustomerCode},
	} {
		if r.of.Text != "" {
			more = append(more, object{"name": r.name, "value": r.of.Text})
		}
	}
	refs := object{"po": pos, "additionalReferences": more}
	if b.Number.Text != "" {
		refs["bol"] = []string{b.Number.Text}
	}
	return refs
}

var (
	// cityLine is the end of an address: city, state or province, postal code.
	cityLine = regexp.MustCompile(`^(.*?)[, ]\s*([A-Za-z]{2})\.?,?\s+([0-9]{5}(?:-[0-9]{4})?|[A-Za-z][0-9][A-Za-z] ?[0-9][A-Za-z][0-9])$`)
	// street is the beginning of an address.
	street = regexp.MustCompile(`(?i)^([0-9]|p\.? ?o\.? ?box)`)
)

// countries are names of countries as addresses end with them.
var countries = map[string]string{
	"USA": "USA", "US": "USA", "U.S.A.": "USA", "UNITED STATES": "USA", "UNITED STATES OF AMERICA": "USA",
	"CANADA": "CAN", "MEXICO": "MEX", "MÉXICO": "MEX",
}

// placed sets city, state, postal code and country by the end of an address, and returns
// what stands before the state. It sets nothing unless state, postal code and the
// printed country, if any, agree.
func placed(o object, line, country string) (before string, ok bool) {
	m := cityLine.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	state, postal := strings.ToUpper(m[2]), strings.ToUpper(strings.ReplaceAll(m[3], " ", ""))
	of := countryOf(state)
	if canadian := postal[0] >= 'A'; of == "" || canadian != (of == "CAN") || country != "" && of != country {
		return "", false
	}
	o["stateProvince"], o["postalCode"], o["country"] = state, postal, of
	return strings.TrimRight(m[1], ", "), true
}

// origin returns the shipper, whose address is one line.
func origin(b *bol.Bill) object {
	o := object{}
	put(o, "name", b.Shipper.Text)
	if before, ok := placed(o, b.ShipperAddress.Text, ""); ok {
		if i := strings.LastIndexByte(before, ','); i >= 0 {
			put(o, "city", strings.TrimSpace(before[i+1:]))
			before = before[:i]
		}
		first, second, _ := strings.Cut(before, ",")
		put(o, "address1", strings.TrimSpace(first))
		put(o, "address2", strings.TrimSpace(second))
	}
	return o
}

// destination returns the consignee: a name, lines of an address, the city, and in some
// bills the country.
func destination(b *bol.Bill) object {
	lines := texts(b.Consignee)
	o := object{}
	if len(lines) == 0 {
		return o
	}
	put(o, "name", lines[0])
	lines = lines[1:]
	country := ""
	if n := len(lines); n > 0 {
		if country = countries[strings.ToUpper(lines[n-1])]; country != "" {
			lines = lines[:n-1]
		}
	}
	n := len(lines)
	if n == 0 {
		return o
	}
	city, ok := placed(o, lines[n-1], country)
	if !ok {
		return o
	}
	put(o, "city", city)
	lines = lines[:n-1]
	// The street is the primary address, whatever stands above it.
	if at := max(0, slices.IndexFunc(lines, street.MatchString)); at < len(lines) {
		put(o, "address1", lines[at])
		put(o, "address2", strings.Join(slices.Concat(lines[:at], lines[at+1:]), ", "))
	}
	return o
}

func put(o object, name, text string) {
	if text != "" {
		o[name] = text
	}
}

func texts(values []bol.Value) (list []string) {
	for _, v := range values {
		if v.Text != "" {
			list = append(list, v.Text)
		}
	}
	return list
}

// EBOLPaths returns the paths of EBOLFields.
func EBOLPaths() []string { return text.Each(EBOLFields, func(f EBOLField) string { return f.Path }) }
