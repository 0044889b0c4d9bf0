package sheet

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/text"
)

// Severity is how much a finding matters.
type Severity string

// The severities, most severe first.
const (
	Error   Severity = "error"   // something is missing from the sheet, or figures differ
	Warning Severity = "warning" // something could not be proved
	Notice  Severity = "notice"  // something is unusual; the sheet is right as it stands
	Info    Severity = "info"    // for information only
)

var severities = []Severity{Error, Warning, Notice, Info}

// Strict reports whether somebody must check findings of this severity before the sheet
// is used.
func (s Severity) Strict() bool { return s == Error || s == Warning }

// The kinds of findings besides those of bol.ProblemKind.
const (
	Mismatch         = "mismatch"           // a bill's lines do not add up to its printed totals
	Unchecked        = "unchecked"          // totals of a bill are not printed or not readable
	NotProved        = "not_proved"         // a bill of a form that nobody described, which nothing proves
	NearMissFound    = "near_miss"          // a line and an order row differ in quantities only
	LineWithoutOrder = "line_without_order" // lines of a bill have no order row
	OrderWithoutLine = "order_without_line" // order rows of a bill have no line
	OrdersOfOthers   = "orders_of_others"   // order rows of bills that are not in the document
	WrongOrders      = "wrong_orders"       // the order export is of another shipment
	Rounding         = "rounding"           // sums and printed totals differ within rounding
	Instructions     = "instructions"       // shipping instructions on bills
	Notes            = "notes"              // notes on bills

	AmendmentLost     = "amendment_lost" // what an amendment is about is not there
	AmendmentsApplied = "amendments"     // people amended what was read
)

// Finding is something that people should know about a sheet (DESIGN.md §2). Indices
// count from 0, page and row numbers from 1.
type Finding struct {
	// Kind is for programs; it never changes its meaning.
	Kind     string   `json:"kind"`
	Severity Severity `json:"severity"`
	// Title names the kind for people, for example "Row not read".
	Title string `json:"title"`
	// Where names the place for people, for example "bill T20425, page 4".
	Where string `json:"where"`
	// Text is one sentence about what was found. Action says what to do about it, or is
	// "".
	Text   string `json:"text"`
	Action string `json:"action"`
	// Bills are the bills concerned, as indices in the document.
	Bills []int `json:"bills"`
	// Rows are the lines concerned, as rows of the sheet. A finding about a whole
	// bill has none.
	Rows []int `json:"rows"`
	// OrderRows are the numbers of the order rows concerned, and Column the name of the
	// column in them.
	OrderRows []int  `json:"order_rows"`
	Column    string `json:"column"`
	// Export is the name of their order export, if there are several; absent otherwise.
	Export string `json:"export,omitempty"`
	// Places are the places in the document, the most important first.
	Places []PlaceView `json:"places"`
	// Checked says who looked at it; absent if nobody did.
	Checked *Checked `json:"checked,omitempty"`
}

// Open reports whether somebody still has to check the finding before the sheet is used;
// --strict counts them.
func (f *Finding) Open() bool { return f.Severity.Strict() && f.Checked == nil }

// String returns the finding as one line for people.
func (f Finding) String() string {
	title := f.Title
	if !strings.HasSuffix(title, "?") {
		title += ":"
	}
	if f.Where != "" {
		title += " " + f.Where + ":"
	}
	line := title + " " + fault.Sentence(f.Text)
	if f.Action != "" {
		line += " " + f.Action
	}
	return line
}

// about has what all findings of a kind share.
type about struct {
	severity Severity
	title    string
	action   string
}

// kindsOfFindings has every kind. A kind of bol that is missing here still makes a
// finding, with a general title.
var kindsOfFindings = map[string]about{
	string(bol.UnreadRow):       {Error, "Row not read", "Read the row on the page, and add a line for it."},
	string(bol.TextInTable):     {Warning, "Words between rows", "Look at the page: the words may belong to a line."},
	string(bol.UnreadTotal):     {Error, "Total not read", "Read the total on the page and compare it with the sum of the lines."},
	string(bol.MissingPage):     {Error, "Page missing", "Add the missing page; until then the sums of the lines that are there stand in for its totals."},
	string(bol.DuplicatePage):   {Notice, "Page twice", "If the page was copied by mistake, there is nothing to do."},
	string(bol.DifferingPage):   {Warning, "Page twice, and they differ", "Compare both pages, and remove the wrong one from the document: the lines of both are in the sheet."},
	string(bol.DuplicateFile):   {Notice, "File twice", "If the file was given twice by mistake, there is nothing to do."},
	string(bol.NoNumber):        {Error, "Bill without number", "Read the number on the page and fill it in as Invoice No."},
	string(bol.NoTextOnPage):    {Error, "Page without text", "If the page is a bill, get it as a PDF with text, or add its lines by hand."},
	string(bol.NotABill):        {Notice, "Not a bill", "If the page is a bill, its lines are not in the sheet: add a line for each."},
	string(bol.UnreadPage):      {Error, "Table not found", "Add a line for each row of the page."},
	string(bol.DamagedPage):     {Error, "Damaged page", "Export the PDF again and use it in place of this one."},
	string(bol.UnsureText):      {Error, "Text that may be hidden", "Compare what was read with the picture of the page."},
	string(bol.Stamped):         {Error, "Stamp", "Look at the page: if the stamp makes the bill void, remove the bill from the document."},
	string(bol.DoubtfulNumber):  {Warning, "Doubtful number", "Compare the number with the page."},
	string(bol.Converted):       {Info, "Converted", ""},
	string(bol.PoorPicture):     {Notice, "Poor picture", "Take or scan the page again if values of it are wrong or missing."},
	string(bol.DoubtfulReading): {Warning, "Doubtful reading", "Compare the text with the picture, and correct it if it is another."},
	string(bol.ChosenReading):   {Notice, "Chosen reading", "Compare the figure with the picture, and correct it if it is another."},
	string(bol.OneReader):       {Warning, "Read once", "Compare the bills with the pictures and accept them, or have the pictures read again where two readers are installed."},
	string(bol.Attachment):      {Error, "Attached file", "If the attached file has bills, save it as a file of its own and add that."},

	Mismatch:         {Error, "Does not add up", "Compare the lines with the page; if the paper is wrong, ask the shipper for a corrected bill."},
	Unchecked:        {Warning, "Not checked", "Compare the lines with the page: the sums of the lines stand in for the totals, and nothing proves them."},
	NotProved:        {Error, "Not proved", "Compare the lines with the page, and accept the bill if they are right."},
	NearMissFound:    {Error, "Near miss", "Compare both: correct the one that is wrong, or accept the pair; until then nothing of the order is filled in."},
	LineWithoutOrder: {Error, "No order", "Look for the bill and the style in the order export: pair the line with its row, or export it again if rows are missing."},
	OrderWithoutLine: {Warning, "No line", "Look at the bill: add the line if it was not read, or pair the row with another line; else the order was not shipped."},
	OrdersOfOthers:   {Notice, "Orders of other bills", "If these orders belong to another shipment, there is nothing to do."},
	WrongOrders:      {Error, "Wrong orders?", "Give the order export of this shipment, or the bills of this export."},
	Rounding:         {Info, "Within rounding", ""},
	Instructions:     {Info, "Shipping instructions", ""},
	Notes:            {Info, "Notes", ""},

	AmendmentLost:     {Warning, "Amendment without place", "Make the amendment again where it belongs, or undo it."},
	AmendmentsApplied: {Info, "Amended", ""},
}

// finder collects the findings of a sheet.
type finder struct {
	s        *Sheet
	found    []Finding
	byNumber map[string]int // bills by their number
}

// find returns all findings, most severe first, and within a severity in the order of
// the document.
func (s *Sheet) find(amended *amender) []Finding {
	f := &finder{s: s, found: []Finding{}, byNumber: map[string]int{}}
	for i, b := range s.Document.Bills {
		if _, ok := f.byNumber[b.Number.Text]; !ok {
			f.byNumber[b.Number.Text] = i
		}
	}
	// Rows that were not read come before the bill that does not add up because of
	// them.
	incomplete := map[string]bool{}
	for _, p := range s.Document.Problems {
		f.problem(p)
		if p.Kind == bol.MissingPage {
			incomplete[p.Bill] = true
		}
	}
	for i, b := range s.Document.Bills {
		f.verdict(i, b, incomplete[b.Number.Text])
	}
	f.rounding()
	f.texts(Instructions, func(b *bol.Bill) []bol.Value { return b.Instructions })
	f.texts(Notes, func(b *bol.Bill) []bol.Value { return b.Notes })
	if s.Orders != nil {
		for _, o := range slices.Concat(s.Orders.Notes, s.Notes) {
			f.note(o)
		}
		f.match()
	}
	if amended != nil {
		amended.tick(f.found)
		s.Amendments = amended.list
		f.amended()
	}
	slices.SortStableFunc(f.found, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.file(), b.file()), cmp.Compare(a.page(), b.page()),
		)
	})
	return f.found
}

// of returns " of b.csv", or "" for no export.
func of(export string) string {
	if export == "" {
		return ""
	}
	return " of " + export
}

// file and page are the sort keys of a finding: those about everything come first,
// those about order rows only come last.
func (f *Finding) file() int {
	switch {
	case len(f.Places) > 0:
		return f.Places[0].File
	case len(f.OrderRows) > 0:
		return math.MaxInt
	}
	return -1
}

func (f *Finding) page() int {
	if len(f.Places) == 0 {
		return 0
	}
	return f.Places[0].Page
}

// add completes a finding with what its kind has in common, and adds it.
func (f *finder) add(n Finding) {
	k, ok := kindsOfFindings[n.Kind]
	if !ok {
		k = about{Warning, "Look at this", "Look at the page."}
		if bol.ProblemKind(n.Kind).Loses() {
			k.severity = Error
		}
	}
	if n.Severity == "" {
		n.Severity, n.Title, n.Action = k.severity, k.title, k.action
	}
	// Lists are empty in JSON, not null.
	n.Bills, n.Rows, n.OrderRows = append([]int{}, n.Bills...), append([]int{}, n.Rows...), append([]int{}, n.OrderRows...)
	n.Places = append([]PlaceView{}, n.Places...)
	if n.Where == "" {
		n.Where = f.where(&n)
	}
	f.found = append(f.found, n)
}

// where names the bill, the page and the order rows of a finding.
func (f *finder) where(n *Finding) string {
	var parts []string
	switch len(n.Bills) {
	case 0:
	case 1:
		parts = append(parts, "bill "+cmp.Or(f.s.Document.Bills[n.Bills[0]].Number.Text, "without number"))
	default:
		parts = append(parts, text.Count(len(n.Bills), "bill"))
	}
	if len(n.Places) > 0 && len(n.Bills) < 2 {
		parts = append(parts, f.s.PageName(n.Places[0].File, n.Places[0].Page))
	}
	if len(n.OrderRows) > 0 {
		some, word := n.OrderRows, "order row"
		if len(some) > 1 {
			word += "s"
		}
		parts = append(parts, word+" "+listed(some, strconv.Itoa)+of(n.Export))
	} else if n.Export != "" {
		parts = append(parts, n.Export)
	}
	return strings.Join(parts, ", ")
}

// PageName returns a page's name for people, with its file if there are several.
func (s *Sheet) PageName(file, page int) string {
	name := fmt.Sprintf("page %d", page)
	if files := s.Document.Files; len(files) > 1 && file < len(files) {
		name += " of " + filepath.Base(files[file].Name)
	}
	return name
}

// listed returns the first few elements and the number of the others.
func listed[T any](list []T, each func(T) string) string { return text.List(list, 3, each) }

func (f *finder) problem(p bol.Problem) {
	n := Finding{Kind: string(p.Kind), Text: p.Message}
	if i, ok := f.byNumber[p.Bill]; ok && p.Bill != "" {
		n.Bills = []int{i}
	}
	if p.Page > 0 {
		n.Places = []PlaceView{viewPlace(p.File, p.Page, p.Box)}
	}
	f.add(n)
}

// verdict adds a finding about a bill that is not reconciled. incomplete bills lack a
// page, which has a finding of its own.
func (f *finder) verdict(i int, b *bol.Bill, incomplete bool) {
	n := Finding{Bills: []int{i}}
	if b.Doubtful() {
		what := "the form of this document is not known, and nothing proves what was read"
		switch {
		case b.Optical && len(b.Keys()) > 0:
			what = fmt.Sprintf("its %s read once, from a picture", text.Verb(len(b.Keys()), "value", "was", "were"))
			if b.Twice {
				what = "it was read from a picture"
			}
		case b.Optical:
			what = "it was read from a picture"
		case b.Free.Learnt != "":
			what = fmt.Sprintf("nothing proves what was read by the learnt form %s", text.Quote(b.Free.Learnt))
		}
		n.Kind, n.Text = NotProved, fmt.Sprintf("%s: %s; its %s not in the sheet, until somebody accepts the bill", what, b.Verdict.Reason, text.Verb(len(b.Lines), "line", "is", "are"))
		if b.Accepted {
			n.Severity, n.Title = Notice, kindsOfFindings[NotProved].title
			n.Text = fmt.Sprintf("%s: %s; its %s in the sheet, since somebody accepted the bill", what, b.Verdict.Reason, text.Verb(len(b.Lines), "line", "is", "are"))
		}
		if len(b.Sheets) > 0 {
			n.Places = []PlaceView{{File: b.Sheets[0].File, Page: b.Sheets[0].Page}}
		}
		if b.Optical { // each value has to be compared
			for _, v := range b.Unsettled() {
				n.Places = append(n.Places, viewPlace(v.File, v.Page, v.Box))
			}
		}
		f.add(n)
		return
	}
	switch b.Verdict.Outcome {
	case bol.Mismatched:
		// One finding for all totals that differ: they have one cause.
		var texts []string
		for _, c := range b.Verdict.Differences() {
			texts = append(texts, c.String())
			if v := b.PrintedTotal(c.Field); v.Page > 0 {
				n.Places = append(n.Places, viewPlace(v.File, v.Page, v.Box))
			}
		}
		n.Kind, n.Text = Mismatch, strings.Join(texts, "; ")
	case bol.Unchecked:
		if incomplete {
			return
		}
		n.Kind, n.Text = Unchecked, b.Verdict.Reason
	default:
		return
	}
	if len(n.Places) == 0 && len(b.Sheets) > 0 {
		last := b.Sheets[0] // the totals are on the last page
		for _, s := range b.Sheets {
			if s.N > last.N {
				last = s
			}
		}
		n.Places = []PlaceView{{File: last.File, Page: last.Page}}
	}
	f.add(n)
}

// rounding adds one finding about the totals of all bills that are proved only within
// rounding.
func (f *finder) rounding() {
	n := Finding{Kind: Rounding}
	var texts []string
	for i, b := range f.s.Document.Bills {
		var of []string
		for _, c := range b.Verdict.Checks {
			if r := c.Rounding(); r != "" {
				of = append(of, string(c.Field)+" "+strings.TrimPrefix(r, "≈ rounding, "))
				v := b.PrintedTotal(c.Field)
				n.Places = append(n.Places, viewPlace(v.File, v.Page, v.Box))
			}
		}
		if len(of) > 0 {
			n.Bills = append(n.Bills, i)
			texts = append(texts, strings.Join(of, ", "))
		}
	}
	if len(texts) == 0 {
		return
	}
	if len(texts) > 1 {
		for j, i := range n.Bills {
			texts[j] = cmp.Or(f.s.Document.Bills[i].Number.Text, "without number") + ": " + texts[j]
		}
	}
	some := strings.Join(texts[:min(len(texts), 3)], "; ")
	if more := len(texts) - 3; more > 0 {
		some += fmt.Sprintf(" and %d more", more)
	}
	n.Text = some + "; rounding may change each line by half its last printed digit"
	f.add(n)
}

// texts adds a finding for each text on bills, one for all bills with the same text.
func (f *finder) texts(kind string, of func(*bol.Bill) []bol.Value) {
	same := map[string]int{} // the index of each text in all
	var all []Finding
	for i, b := range f.s.Document.Bills {
		vs := of(b)
		if len(vs) == 0 {
			continue
		}
		text := strings.Join(text.Each(vs, func(v bol.Value) string { return v.Text }), " / ")
		j, ok := same[text]
		if !ok {
			j = len(all)
			same[text] = j
			all = append(all, Finding{Kind: kind, Text: text})
		}
		all[j].Bills = append(all[j].Bills, i)
		all[j].Places = append(all[j].Places, viewPlace(vs[0].File, vs[0].Page, vs[0].Box))
	}
	for _, n := range all {
		f.add(n)
	}
}

// note adds a finding about how the order export was read.
func (f *finder) note(o orders.Note) {
	n := Finding{Kind: string(o.Kind), Severity: Warning, Title: "Order export", Text: o.Message, Column: o.Column, Export: o.Export}
	if o.Action != "" {
		n.Action = fault.Sentence(strings.ToUpper(o.Action[:1]) + o.Action[1:])
	}
	if o.Info {
		n.Severity = Info
	}
	if o.Row > 0 {
		n.OrderRows = []int{o.Row}
		n.Where, n.Text = rowsOf(n.Text, o.Row)
		n.Where += of(o.Export)
	}
	f.add(n)
}

// rowsNamed finds the rows that a note names, as "rows 2, 3, 4 and 17 more".
var rowsNamed = regexp.MustCompile(`(^|, | in )(rows? (\d+)(?:, \d+)*(?: and \d+(?: more)?)?)(: |, |)`)

// rowsOf moves the rows that a note names from its text to its place; "" leaves that to
// where.
func rowsOf(text string, first int) (where, rest string) {
	m := rowsNamed.FindStringSubmatch(text)
	if m == nil || m[3] != strconv.Itoa(first) || strings.Contains(text, "first in ") {
		return "", text
	}
	if m[1] == "" {
		return "order " + m[2], strings.TrimPrefix(text, m[0])
	}
	return "order " + m[2], strings.Replace(text, m[1]+m[2], "", 1)
}

// match adds findings about lines and order rows without a partner, bill by bill.
func (f *finder) match() {
	m := f.s.Match
	if m.State == WrongOrders {
		// All lines and order rows without partner have one cause.
		f.add(Finding{Kind: WrongOrders, Text: m.Reason, Where: f.s.Orders.Name})
		return
	}
	// Both parts of a near miss are also without partner.
	type orderRow struct {
		export string
		number int
	}
	nearLine, nearOrder := map[int]bool{}, map[orderRow]bool{}
	for _, n := range m.NearMisses {
		nearLine[n.Line.Row], nearOrder[orderRow{n.Order.Export, n.Order.Number}] = true, true
		f.add(Finding{
			Kind: NearMissFound, Bills: f.billOf(n.Line.Row), Rows: []int{n.Line.Row},
			OrderRows: []int{n.Order.Number}, Export: n.Order.Export, Places: []PlaceView{f.lineAt(n.Line.Row)},
			Text: fmt.Sprintf("style %s: the bill has %s, the order %s",
				n.Line.Style, quantities(n.Line.Cartons, n.Line.Pieces), quantities(n.Order.Cartons, n.Order.Pieces)),
		})
	}
	lines := grouped(m.UnmatchedLines, func(l LineRef) (int, bool) { return f.billOf(l.Row)[0], !nearLine[l.Row] })
	for _, group := range lines {
		n := Finding{Kind: LineWithoutOrder, Bills: f.billOf(group[0].Row), Rows: text.Each(group, func(l LineRef) int { return l.Row })}
		n.Places = text.Each(n.Rows, f.lineAt)
		n.Text = fmt.Sprintf("%s no order row: %s", has(len(group), "line"), listed(group, func(l LineRef) string { return styleAndQuantities(l.Style, l.Cartons, l.Pieces) }))
		f.add(n)
	}
	numbers := map[string]int{}
	for i, b := range f.s.Document.Bills {
		numbers[normal(b.Number.Text)] = i
	}
	type ofExport struct {
		bill   int // -1 for those of all others
		export string
	}
	rows := grouped(m.UnmatchedOrders, func(o OrderRef) (ofExport, bool) {
		i, ok := numbers[normal(o.Bill)]
		if !ok {
			i = -1
		}
		return ofExport{i, o.Export}, !nearOrder[orderRow{o.Export, o.Number}]
	})
	for _, group := range rows {
		n := Finding{Kind: OrderWithoutLine, Export: group[0].Export, OrderRows: text.Each(group, func(o OrderRef) int { return o.Number })}
		if i, ok := numbers[normal(group[0].Bill)]; ok {
			if f.s.Document.Bills[i].Held() {
				continue // its lines are not in the sheet, which is said
			}
			n.Bills = []int{i}
			n.Text = fmt.Sprintf("%s no line on the bill: %s", has(len(group), "order row"), listed(group, func(o OrderRef) string { return styleAndQuantities(o.Style, o.Cartons, o.Pieces) }))
		} else {
			n.Kind = OrdersOfOthers
			var names []string
			seen := map[string]bool{}
			for _, o := range group {
				if !seen[o.Bill] {
					seen[o.Bill] = true
					names = append(names, cmp.Or(o.Bill, "no bill"))
				}
			}
			n.Text = fmt.Sprintf("%s for bills that are not in the document: %s", is(len(group), "order row"), listed(names, text.Itself))
		}
		f.add(n)
	}
}

// grouped groups the elements that are wanted, in order of appearance.
func grouped[T any, K comparable](list []T, group func(T) (K, bool)) [][]T {
	var groups [][]T
	at := map[K]int{}
	for _, e := range list {
		g, wanted := group(e)
		if !wanted {
			continue
		}
		i, ok := at[g]
		if !ok {
			i = len(groups)
			at[g] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

// billOf returns the index of the bill of a row of the sheet.
func (f *finder) billOf(row int) []int { return []int{f.s.Rows[row].bill} }

func (f *finder) lineAt(row int) PlaceView {
	l := f.s.Rows[row].Line
	return viewPlace(l.File, l.Page, l.Box)
}

// quantities returns cartons and pieces as they stand, but with commas between thousands:
// "4 cartons, 2,832 pieces".
func quantities(cartons, pieces string) string {
	one := func(n, what string) string {
		switch strings.TrimSpace(n) {
		case "":
			return "no " + what + "s"
		case "1":
			return n + " " + what
		}
		return text.Figure(n) + " " + what + "s"
	}
	return one(cartons, "carton") + ", " + one(pieces, "piece")
}

func styleAndQuantities(style, cartons, pieces string) string {
	return fmt.Sprintf("style %s (%s)", cmp.Or(style, "not given"), quantities(cartons, pieces))
}

func has(n int, what string) string { return text.Verb(n, what, "has", "have") }
func is(n int, what string) string  { return text.Verb(n, what, "is", "are") }

// nearly is the reciprocal of the share of lines, and of bills, that an order export
// must match to be of this shipment; less is chance.
const nearly = 10

// state reports whether the order export is of another shipment, and why it seems so:
// hardly a line matched, and hardly a bill's number is in the export.
func (s *Sheet) state() (state, reason string) {
	lines := len(s.Rows)
	if lines == 0 || s.Match.Matched*nearly > lines {
		return Joined, ""
	}
	inExport := map[string]bool{}
	var theirs []string
	for i := range s.Orders.Rows {
		text := s.Orders.Rows[i].InvoiceNo
		if k := normal(text); !inExport[k] {
			inExport[k] = true
			theirs = append(theirs, text)
		}
	}
	var ours []string
	known := 0
	for _, b := range s.Document.Bills {
		if b.Number.Text == "" {
			continue
		}
		ours = append(ours, b.Number.Text)
		if inExport[normal(b.Number.Text)] {
			known++
		}
	}
	if len(ours) == 0 || known*nearly > len(ours) {
		return Joined, ""
	}
	return WrongOrders, fmt.Sprintf("%d of %s matched, and %d of %s in the order export: the document has %s, the export %s",
		s.Match.Matched, text.Count(lines, "line"), known, is(len(ours), "bill"), listed(ours, text.Itself), listed(theirs, text.Itself))
}

// Listed is the greatest number of findings in a list for people. JSON and the workbook
// have all.
const Listed = 200

// ToCheck returns the findings that people should check: all but those for information.
func (s *Sheet) ToCheck() []Finding {
	n := slices.IndexFunc(s.Findings, func(f Finding) bool { return f.Severity == Info })
	if n < 0 {
		n = len(s.Findings)
	}
	return s.Findings[:n]
}
