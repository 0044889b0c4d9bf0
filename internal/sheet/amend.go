package sheet

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/text"
)

// AmendmentKind is what an amendment does.
type AmendmentKind string

// The kinds of amendments (DESIGN.md §11).
const (
	Correct AmendmentKind = "correct" // a field or total of a bill, or a cell of a line, is Value
	Add     AmendmentKind = "add"     // a line that was not read
	Remove  AmendmentKind = "remove"  // what was read is not a line
	Vouch   AmendmentKind = "accept"  // a bill that nothing proves is right
	Pair    AmendmentKind = "pair"    // a line and an order row belong together
	Unpair  AmendmentKind = "unpair"  // a line belongs to no order row
	Fill    AmendmentKind = "fill"    // cells of a column without a source are Value
	Tick    AmendmentKind = "check"   // somebody has looked at a finding
)

var amendmentKinds = []AmendmentKind{Correct, Add, Remove, Vouch, Pair, Unpair, Fill, Tick}

// Amendment is what a person adds to what was read (DESIGN.md §11). It names what it is
// about by what was read there, so that it holds for the same documents wherever they are
// read.
type Amendment struct {
	// ID names the amendment among those of a session; it may be "".
	ID   string        `json:"id,omitempty"`
	Kind AmendmentKind `json:"kind"`

	// Bill is the bill that is corrected, filled in or accepted, or gets a line.
	Bill *BillKey `json:"bill,omitempty"`
	// Line is the line that is corrected, removed, paired or filled in.
	Line *LineKey `json:"line,omitempty"`
	// Order is the order row of a pair.
	Order *LineKey `json:"order,omitempty"`
	// Field is the name of what is corrected: one of bol.LineCells with a Line, else one of
	// bol.BillFields.
	Field string `json:"field,omitempty"`
	// Cells are those of an added line, by the names of bol.LineCells, and Place is where
	// it is printed.
	Cells map[string]string `json:"cells,omitempty"`
	Place *PlaceView        `json:"place,omitempty"`
	// Column is the column that is filled in, one of FillColumns. Without a line and a bill
	// it is filled in for all rows of a ship-to, a window or both.
	Column string     `json:"column,omitempty"`
	ShipTo string     `json:"ship_to,omitempty"`
	Window *WindowKey `json:"window,omitempty"`
	// Value is what a corrected or filled-in cell has now; "" empties it.
	Value string `json:"value,omitempty"`
	// Finding is the finding that somebody has looked at.
	Finding *FindingKey `json:"finding,omitempty"`

	// Note says why. By is who made the amendment, Key the name of the API key, and At when.
	Note string    `json:"note,omitempty"`
	By   string    `json:"by,omitempty"`
	Key  string    `json:"key,omitempty"`
	At   time.Time `json:"at,omitzero"`

	// The outcome. It is not read back.

	// State is Applied or Lost, and Reason says why an amendment is lost.
	State  string `json:"state,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Was is what was there before.
	Was string `json:"was,omitempty"`
}

// The states of amendments.
const (
	Applied = "applied"
	Lost    = "lost" // what the amendment is about is not there
)

// BillKey names a bill by its number as it was read. Nth tells bills of one number apart,
// from 1; 0 means 1.
type BillKey struct {
	Number string `json:"number"`
	Nth    int    `json:"nth,omitempty"`
}

// LineKey names a line, or an order row, by what was read: texts compare as in matching
// lines and order rows. Nth tells those with the same texts apart, from 1 in the order of
// the document or the export; 0 means 1.
type LineKey struct {
	Bill    string `json:"bill"`
	Style   string `json:"style"`
	Cartons string `json:"cartons"`
	Pieces  string `json:"pieces"`
	Nth     int    `json:"nth,omitempty"`
}

// WindowKey is a ship window by the cells of the sheet.
type WindowKey struct {
	Start  string `json:"start"`
	Cancel string `json:"cancel"`
}

// FindingKey names a finding by what it says, so that a tick does not hold for anything
// else.
type FindingKey struct {
	Kind  string `json:"kind"`
	Where string `json:"where"`
	Text  string `json:"text"`
}

// Checked says who looked at a finding.
type Checked struct {
	By   string    `json:"by"`
	At   time.Time `json:"at,omitzero"`
	Note string    `json:"note"`
}

// The bounds of amendments.
const (
	MaxAmendments    = 20_000
	MaxWideFills     = 2000     // that are for a ship-to or a window, which may be all rows
	mostOfAmendment  = 4000     // bytes of one text
	MostOfAmendments = 16 << 20 // bytes of a file of them
)

// FillColumns are the columns that amendments fill in: those without a source.
func FillColumns() []string {
	var names []string
	for at, name := range Columns {
		if !sources[at] {
			names = append(names, name)
		}
	}
	return names
}

// ParseAmendments reads a JSON array of amendments, or an object that has one in its member
// "amendments", as the JSON of a sheet. It fails with fault.BadRequest, which names the
// amendment and what is wrong with it.
func ParseAmendments(data []byte) ([]Amendment, error) {
	if len(data) > MostOfAmendments {
		return nil, fault.New(fault.TooLarge, "the amendments have more than %s", text.Size(MostOfAmendments))
	}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\uFEFF")))
	if len(trimmed) > 0 && trimmed[0] == '{' {
		var around struct {
			Amendments json.RawMessage `json:"amendments"`
		}
		if err := json.Unmarshal(trimmed, &around); err != nil {
			return nil, notAmendments(err)
		}
		if trimmed = around.Amendments; trimmed == nil {
			return nil, nil // the JSON of a sheet without amendments
		}
	}
	var list []Amendment
	d := json.NewDecoder(bytes.NewReader(trimmed))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, notAmendments(err)
	}
	if d.More() {
		return nil, notAmendments(errors.New("there is text after the list"))
	}
	for i := range list {
		a := &list[i]
		a.State, a.Reason, a.Was = "", "", ""
	}
	return list, CheckAmendments(list)
}

func notAmendments(err error) error {
	return fault.New(fault.BadRequest, "the amendments are not a JSON list of amendments: %w", err)
}

// CheckAmendments fails with fault.BadRequest if one is not valid, whatever the documents.
func CheckAmendments(list []Amendment) error {
	if len(list) > MaxAmendments {
		return fault.New(fault.BadRequest, "there are %d amendments, and at most %d are allowed", len(list), MaxAmendments)
	}
	wide := 0
	for i := range list {
		if err := list[i].check(); err != nil {
			return fault.New(fault.BadRequest, "amendment %d: %w", i+1, err)
		}
		if list[i].ShipTo != "" || list[i].Window != nil {
			wide++
		}
	}
	if wide > MaxWideFills {
		return fault.New(fault.BadRequest, "%d amendments fill in a column for a ship-to or a window, and at most %d are allowed; undo those that others replace", wide, MaxWideFills)
	}
	return nil
}

// Check fails with fault.BadRequest if the amendment is not valid, whatever the documents.
func (a *Amendment) Check() error {
	if err := a.check(); err != nil {
		return fault.New(fault.BadRequest, "the amendment is not valid: %w", err)
	}
	return nil
}

// needs are the parts of an amendment by its kind: a part that is named must be there, one
// with a question mark may be, and no other.
var needs = map[AmendmentKind]string{
	Correct: "bill? line? field", Add: "bill cells place?", Remove: "line", Vouch: "bill",
	Pair: "line order", Unpair: "line", Fill: "column bill? line? ship_to? window?", Tick: "finding",
}

func (a *Amendment) check() error {
	need, ok := needs[a.Kind]
	if !ok {
		return fmt.Errorf("its kind is %q; the kinds are %s", a.Kind, text.List(amendmentKinds, len(amendmentKinds), func(k AmendmentKind) string { return string(k) }))
	}
	has := map[string]bool{"bill": a.Bill != nil, "line": a.Line != nil, "order": a.Order != nil, "field": a.Field != "", "cells": len(a.Cells) > 0,
		"place": a.Place != nil, "column": a.Column != "", "ship_to": a.ShipTo != "", "window": a.Window != nil, "finding": a.Finding != nil}
	allowed := map[string]bool{}
	for _, part := range strings.Fields(need) {
		name, optional := strings.CutSuffix(part, "?")
		allowed[name] = true
		if !optional && !has[name] {
			return fmt.Errorf("%s %q needs %q", article(a.Kind), a.Kind, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if has[name] && !allowed[name] {
			return fmt.Errorf("%s %q has no %q", article(a.Kind), a.Kind, name)
		}
	}
	if a.Value != "" && a.Kind != Correct && a.Kind != Fill {
		return fmt.Errorf("%s %q has no value", article(a.Kind), a.Kind)
	}
	names := bol.BillFields()
	switch {
	case a.Kind == Correct && (a.Bill == nil) == (a.Line == nil):
		return errors.New(`a "correct" names either a bill or a line`)
	case a.Kind == Correct && a.Line != nil:
		names = bol.LineCells()
	case a.Kind == Fill:
		if (a.Bill != nil || a.Line != nil) && (a.ShipTo != "" || a.Window != nil) || a.Bill != nil && a.Line != nil {
			return errors.New(`a "fill" is for a line, or a bill, or a ship-to and a window`)
		}
		if a.Bill == nil && a.Line == nil && a.ShipTo == "" && a.Window == nil {
			return errors.New(`a "fill" needs a line, a bill, a ship-to or a window`)
		}
		if !slices.Contains(FillColumns(), a.Column) {
			return fmt.Errorf("column %q cannot be filled in; those without a source are %s", a.Column, strings.Join(FillColumns(), ", "))
		}
	}
	if a.Kind == Correct && !slices.Contains(names, a.Field) {
		return fmt.Errorf("there is no field %q here; the fields are %s", a.Field, strings.Join(names, ", "))
	}
	for name := range a.Cells {
		if !slices.Contains(bol.LineCells(), name) {
			return fmt.Errorf("a line has no cell %q; it has %s", name, strings.Join(bol.LineCells(), ", "))
		}
	}
	if p := a.Place; p != nil && (p.File < 0 || p.Page < 1) {
		return errors.New("its place has a file from 0 and a page from 1")
	}
	return a.checkTexts()
}

// checkTexts bounds the texts of an amendment, and refuses control characters, which no
// cell of a sheet has.
func (a *Amendment) checkTexts() error {
	texts := []string{a.ID, a.Field, a.Column, a.ShipTo, a.Value, a.Note, a.By, a.Key}
	for name, cell := range a.Cells {
		texts = append(texts, name, cell)
	}
	nths := []int{}
	if a.Bill != nil {
		texts, nths = append(texts, a.Bill.Number), append(nths, a.Bill.Nth)
	}
	for _, k := range []*LineKey{a.Line, a.Order} {
		if k != nil {
			texts, nths = append(texts, k.Bill, k.Style, k.Cartons, k.Pieces), append(nths, k.Nth)
		}
	}
	if a.Window != nil {
		texts = append(texts, a.Window.Start, a.Window.Cancel)
	}
	for _, n := range nths {
		if n < 0 {
			return errors.New("nth counts from 1")
		}
	}
	for _, s := range texts {
		if len(s) > mostOfAmendment {
			return fmt.Errorf("a text has %d bytes, and at most %d are allowed", len(s), mostOfAmendment)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			return fmt.Errorf("a text has control characters: %q", text.Shorten(s, 60))
		}
	}
	if f := a.Finding; f != nil && len(f.Kind)+len(f.Where)+len(f.Text) > 64<<10 {
		return errors.New("the finding is longer than any finding")
	}
	return nil
}

func article(k AmendmentKind) string {
	if strings.ContainsAny(string(k[:1]), "aeiou") {
		return "an"
	}
	return "a"
}

// place is a line of a draft.
type place struct{ bill, line int }

// amender applies amendments to a document and to the sheet that is made of it.
type amender struct {
	list  []Amendment
	draft *bol.Draft
	lines map[key][]place // by what was read or, of added lines, what was added
	bills map[string][]int
	find  func(bill, line int) *bol.Line // in the finished document
}

// amend returns the amended document, and an amender for the sheet; nil if there is nothing
// to apply.
func amend(doc *bol.Document, list []Amendment) (*bol.Document, *amender) {
	if len(list) == 0 {
		return doc, nil
	}
	a := newAmender(doc, list)
	for i := range a.list {
		m := &a.list[i]
		m.State, m.Reason, m.Was = Applied, "", ""
		if err := a.toDocument(doc, m); err != nil {
			m.lose("%v", err)
		}
	}
	doc, a.find = a.draft.Finish()
	return doc, a
}

func newAmender(doc *bol.Document, list []Amendment) *amender {
	a := &amender{list: slices.Clone(list), draft: doc.Draft(), lines: map[key][]place{}, bills: map[string][]int{}}
	for i, b := range doc.Bills {
		a.bills[normal(b.Number.Text)] = append(a.bills[normal(b.Number.Text)], i)
		for j := range b.Lines {
			k := lineKey(b, &b.Lines[j]).normal(false, false)
			a.lines[k] = append(a.lines[k], place{i, j})
		}
	}
	return a
}

// lose notes that an amendment has nothing to change.
func (m *Amendment) lose(format string, args ...any) {
	m.State, m.Reason = Lost, fmt.Sprintf(format, args...)
}

func (a *amender) billOf(k *BillKey) (int, error) {
	some, nth := a.bills[normal(k.Number)], max(k.Nth, 1)
	switch {
	case len(some) == 0:
		return 0, fmt.Errorf("there is no bill %s", cmp.Or(k.Number, "without number"))
	case nth > len(some):
		return 0, fmt.Errorf("there are %d bills %s, and it is about number %d", len(some), k.Number, nth)
	}
	return some[nth-1], nil
}

// placeOf returns the place of a line in the draft, and how many lines have its texts.
func (a *amender) placeOf(k *LineKey) (p place, n int) {
	some, nth := a.lines[key{k.Bill, k.Style, k.Cartons, k.Pieces}.normal(false, false)], max(k.Nth, 1)
	if nth <= len(some) {
		p = some[nth-1]
	}
	return p, len(some)
}

func (a *amender) lineOf(k *LineKey) (place, error) {
	p, n := a.placeOf(k)
	switch {
	case n == 0:
		return place{}, fmt.Errorf("bill %s has no line of %s", cmp.Or(k.Bill, "without number"), styleAndQuantities(k.Style, k.Cartons, k.Pieces))
	case k.Nth > n:
		return place{}, fmt.Errorf("bill %s has %s of %s, and it is about line %d of them", cmp.Or(k.Bill, "without number"), text.Count(n, "line"), styleAndQuantities(k.Style, k.Cartons, k.Pieces), k.Nth)
	}
	if a.draft.Removed(p.bill, p.line) {
		return place{}, fmt.Errorf("the line of %s was removed from bill %s", styleAndQuantities(k.Style, k.Cartons, k.Pieces), cmp.Or(k.Bill, "without number"))
	}
	return p, nil
}

// toDocument applies an amendment of what was read.
func (a *amender) toDocument(doc *bol.Document, m *Amendment) (err error) {
	var bill int
	var line place
	if m.Bill != nil {
		if bill, err = a.billOf(m.Bill); err != nil {
			return err
		}
	}
	if m.Line != nil {
		if line, err = a.lineOf(m.Line); err != nil {
			return err
		}
	}
	switch m.Kind {
	case Correct:
		if m.Line != nil {
			m.Was, err = a.draft.SetCell(line.bill, line.line, m.Field, m.Value)
		} else {
			m.Was, err = a.draft.SetField(bill, m.Field, m.Value)
		}
	case Add:
		at := bol.Value{}
		if p := m.Place; p != nil {
			if p.File >= len(doc.Files) || p.Page > doc.Files[p.File].Pages {
				return fmt.Errorf("there is no page %d of file %d", p.Page, p.File+1)
			}
			at.File, at.Page = p.File, p.Page
			if p.Box != nil {
				at.Box = *p.Box
			}
		}
		var added int
		if added, err = a.draft.AddLine(bill, m.Cells, at); err == nil {
			k := key{doc.Bills[bill].Number.Text, m.Cells["style"], m.Cells["cartons"], m.Cells["pieces"]}.normal(false, false)
			a.lines[k] = append(a.lines[k], place{bill, added})
		}
	case Remove:
		l := a.draft.Line(line.bill, line.line)
		m.Was = styleAndQuantities(l.Style.Text, l.Cartons.Text, l.Pieces.Text)
		a.draft.RemoveLine(line.bill, line.line)
	case Vouch:
		if !a.draft.Accept(bill) {
			err = fmt.Errorf("bill %s does not need to be accepted", cmp.Or(m.Bill.Number, "without number"))
		}
	}
	return err
}

// pairs marks the entries that people paired or unpaired, and returns the order rows that
// are taken.
func (a *amender) pairs(entries []entry, table *orders.Table) map[*orders.Row]bool {
	if a == nil {
		return nil
	}
	of := map[*bol.Line]*entry{}
	for i := range entries {
		of[entries[i].line] = &entries[i]
	}
	rows := map[key][]*orders.Row{}
	cartons, pieces := table.Dots()
	for i := range table.Rows {
		k := orderKey(&table.Rows[i]).normal(cartons, pieces)
		rows[k] = append(rows[k], &table.Rows[i])
	}
	taken := map[*orders.Row]bool{}
	for i := range a.list {
		m := &a.list[i]
		if m.State == Lost || m.Kind != Pair && m.Kind != Unpair {
			continue
		}
		e := of[a.lineAt(m.Line)]
		if e == nil {
			m.lose("the line is not in the sheet: its bill is not proved and was not accepted, or another amendment removed it")
			continue
		}
		if e.order != nil { // an earlier amendment said otherwise
			delete(taken, e.order)
		}
		e.order, e.alone = nil, true
		if m.Kind == Unpair {
			continue
		}
		k := m.Order
		some := rows[key{k.Bill, k.Style, k.Cartons, k.Pieces}.normal(cartons, pieces)]
		nth := max(k.Nth, 1)
		switch {
		case nth > len(some):
			e.alone = false
			m.lose("the order export has %s of bill %s, %s", text.Count(len(some), "row"), cmp.Or(k.Bill, "without number"), styleAndQuantities(k.Style, k.Cartons, k.Pieces))
		case taken[some[nth-1]]:
			e.alone = false
			m.lose("order row %d is paired with another line", some[nth-1].Number)
		default:
			e.order = some[nth-1]
			taken[e.order] = true
		}
	}
	return taken
}

// lineAt returns the line of a key in the amended document, nil if it is not there.
func (a *amender) lineAt(k *LineKey) *bol.Line {
	p, n := a.placeOf(k)
	if max(k.Nth, 1) > n {
		return nil
	}
	return a.find(p.bill, p.line)
}

// sheetCells are the columns of the cells of a line.
var sheetCells = map[string]int{"cartons": cartons, "pieces": individualPieces, "weight": individualWeight, "style": style}

// fill fills in cells of the sheet and notes in each row what was there before any
// amendment.
func (a *amender) fill(s *Sheet) {
	if a == nil {
		return
	}
	note := func(r *Row, at int, was string) {
		if r.Was == nil {
			r.Was = map[int]string{}
		}
		if _, again := r.Was[at]; !again {
			r.Was[at] = was
		}
	}
	of := map[*bol.Line][]*Row{}
	ofBill, ofShipTo := map[int][]*Row{}, map[string][]*Row{}
	all := make([]*Row, len(s.Rows))
	for i := range s.Rows {
		r := &s.Rows[i]
		of[r.Line], all[i] = []*Row{r}, r
		ofBill[r.bill] = append(ofBill[r.bill], r)
		name := normal(r.Cells[shipToName])
		ofShipTo[name] = append(ofShipTo[name], r)
		for name, was := range r.Line.Was() {
			if at, ok := sheetCells[name]; ok && !r.Line.Confirmed(name) {
				note(r, at, was)
			}
		}
		for name, was := range r.Bill.Was() {
			switch {
			case r.Bill.Confirmed(name):
			case name == "number":
				note(r, invoiceNo, was)
			case name == "total_cube":
				note(r, bolCube, was)
			case name == "total_pieces" && r.Cells[totalPieces] != "":
				note(r, totalPieces, was)
			case name == "total_weight" && r.Cells[totalWeight] != "":
				note(r, totalWeight, was)
			}
		}
	}
	for i := range a.list {
		m := &a.list[i]
		if m.Kind != Fill || m.State == Lost {
			continue
		}
		at, found := slices.Index(Columns[:], m.Column), 0
		rows := all
		switch {
		case m.Line != nil:
			rows = of[a.lineAt(m.Line)]
		case m.Bill != nil:
			bill, _ := a.billOf(m.Bill) // it was found before
			rows = ofBill[bill]
		case m.ShipTo != "":
			rows = ofShipTo[normal(m.ShipTo)]
		}
		for _, r := range rows {
			if m.Window != nil && (r.Cells[startDate] != m.Window.Start || r.Cells[cancelDate] != m.Window.Cancel) {
				continue
			}
			if found++; found == 1 {
				m.Was = r.Cells[at]
			}
			note(r, at, r.Cells[at])
			r.Cells[at] = m.Value
		}
		if found == 0 {
			m.lose("no row of the sheet is meant by it")
		}
	}
}

// tick notes on findings who looked at them: at a bill that nothing proves, whoever
// accepted it.
func (a *amender) tick(findings []Finding) {
	notProved := map[int][]*Finding{} // by bill
	byKey := map[FindingKey][]*Finding{}
	for i := range findings {
		f := &findings[i]
		byKey[f.Key()] = append(byKey[f.Key()], f)
		if f.Kind == NotProved && len(f.Bills) == 1 {
			notProved[f.Bills[0]] = append(notProved[f.Bills[0]], f)
		}
	}
	for i := range a.list {
		m := &a.list[i]
		var some []*Finding
		switch {
		case m.Kind == Vouch && m.State == Applied:
			bill, _ := a.billOf(m.Bill) // it was found before
			some = notProved[bill]
		case m.Kind == Tick:
			if some = byKey[*m.Finding]; len(some) == 0 {
				m.lose("the sheet has no such finding any more")
			}
		}
		for _, f := range some {
			f.Checked = &Checked{By: cmp.Or(m.By, m.Key), At: m.At, Note: m.Note}
		}
	}
}

// Key names the finding in amendments.
func (f *Finding) Key() FindingKey { return FindingKey{Kind: f.Kind, Where: f.Where, Text: f.Text} }

// What says for people what an amendment does.
func (m *Amendment) What() string {
	what := map[AmendmentKind]string{Correct: "Corrected ", Add: "Line added", Remove: "Line removed", Vouch: "Bill accepted",
		Pair: "Paired with an order row", Unpair: "Taken apart from its order row", Fill: "Filled in ", Tick: "Checked"}[m.Kind]
	switch m.Kind {
	case Correct:
		if m.Confirms() {
			what = "Confirmed "
		}
		return what + fieldName(m.Field)
	case Fill:
		return what + m.Column
	}
	return cmp.Or(what, string(m.Kind))
}

// Confirms reports whether an amendment that was applied says that a value is right as it was
// read.
func (m *Amendment) Confirms() bool {
	return m.Kind == Correct && m.State == Applied && m.Value != "" && m.Value == m.Was
}

// fieldName is a field's name for people: "total_cartons" becomes "total cartons".
func fieldName(name string) string { return strings.ReplaceAll(name, "_", " ") }

// About says for people what an amendment is about.
func (m *Amendment) About() string {
	var parts []string
	line := func(k *LineKey) string {
		return "bill " + cmp.Or(k.Bill, "without number") + ", " + styleAndQuantities(k.Style, k.Cartons, k.Pieces)
	}
	if m.Bill != nil {
		parts = append(parts, "bill "+cmp.Or(m.Bill.Number, "without number"))
	}
	if m.Line != nil {
		parts = append(parts, line(m.Line))
	}
	if m.Order != nil {
		parts = append(parts, "order row of "+line(m.Order))
	}
	if m.ShipTo != "" {
		parts = append(parts, "ship-to "+m.ShipTo)
	}
	if m.Window != nil {
		parts = append(parts, fmt.Sprintf("window %s to %s", cmp.Or(m.Window.Start, "none"), cmp.Or(m.Window.Cancel, "none")))
	}
	if m.Finding != nil {
		parts = append(parts, cmp.Or(m.Finding.Where, kindsOfFindings[m.Finding.Kind].title))
	}
	return strings.Join(parts, "; ")
}

// Now says for people what there is after an amendment.
func (m *Amendment) Now() string {
	if m.Kind != Add {
		return m.Value
	}
	var parts []string
	for _, name := range bol.LineCells() {
		if v := m.Cells[name]; v != "" {
			parts = append(parts, fieldName(name)+" "+v)
		}
	}
	return strings.Join(parts, ", ")
}

// amended adds findings about amendments: those that are lost, and how many there are. A
// tick whose finding is gone is nothing to look at: what it was about has been mended.
func (f *finder) amended() {
	by := map[string]int{}
	for i := range f.s.Amendments {
		m := &f.s.Amendments[i]
		if m.State == Lost {
			if m.Kind == Tick {
				continue
			}
			f.add(Finding{Kind: AmendmentLost, Where: m.About(), Text: fmt.Sprintf("%s: %s", strings.ToLower(m.What()[:1])+m.What()[1:], m.Reason)})
			continue
		}
		by[cmp.Or(m.By, m.Key, "somebody")]++
	}
	if len(by) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(by))
	f.add(Finding{Kind: AmendmentsApplied, Text: listed(names, func(name string) string { return fmt.Sprintf("%s by %s", text.Count(by[name], "amendment"), name) })})
}
