package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/page"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/text"
)

// Learnt forms are taught on a page of the session's BOL, and kept in the profile of the
// session's owner. Places are in points from the top left corner of the page, as
// /page-picture shows it.

// learnAnswer is how the table on a page of the session's BOL is read.
type learnAnswer struct {
	SessionID string `json:"session_id"`
	// Version is that of /view. POST /learn sends it back as "of".
	Version string `json:"version"`
	// Revision is that of the profile, which a save is written over.
	Revision int64 `json:"revision"`
	// Saved is true after a save: the form is in the profile, and the session's bills were
	// read again with it.
	Saved bool `json:"saved"`
	File  int  `json:"file"`
	Page  int  `json:"page"`
	// Pages are the pages of the bill that the page belongs to.
	Pages []int `json:"pages"`
	// HeadingsOn is the page of the bill that has the headings; 0 if none was found. Show
	// columns on that page.
	HeadingsOn int     `json:"headings_on"`
	Width      float32 `json:"width"`
	Height     float32 `json:"height"`
	// Form is "learnt" or "free", and Name is that of a learnt form, or a proposal.
	Form form.Kind `json:"form"`
	Name string    `json:"name"`
	// Columns are from left to right; none if no table was found.
	Columns []learnColumn `json:"columns"`
	// Top is where the rows begin, under the headings, and Bottom where the last row ends.
	Top    float32    `json:"top"`
	Bottom float32    `json:"bottom"`
	Rows   []learnRow `json:"rows"`
	// Rules say which rows of the form are what, by the words with which they begin.
	Rules []learnRule `json:"rules"`
	// Totals are the kinds of totals that are not sums, by field.
	Totals map[form.Field]form.TotalKind `json:"totals"`
	// Checks are the figures, with a live sentence for each.
	Checks  []learnCheck `json:"checks"`
	Outcome form.Outcome `json:"outcome"`
	// Reason says why the bill is not reconciled; "" if it is.
	Reason string `json:"reason"`
	// Bits is the strength of the proof, of the 20 that are needed.
	Bits float64 `json:"bits"`
	// Proved says that the printed totals prove what was read: after two documents that do,
	// the form is trusted.
	Proved bool `json:"proved"`
	// Problems say why these columns make no form yet.
	Problems []desk.BadPart `json:"problems"`
	// Fields, RowKinds and TotalKinds are what there is to choose from.
	Fields     []learnField     `json:"fields"`
	RowKinds   []form.RowKind   `json:"row_kinds"`
	TotalKinds []form.TotalKind `json:"total_kinds"`
	// Forms are the learnt forms of the profile.
	Forms []learntForm `json:"forms"`
}

// learnColumn is a column in points of the page.
type learnColumn struct {
	Field   form.Field `json:"field"`
	Unit    form.Unit  `json:"unit"`
	Heading string     `json:"heading"`
	Left    float32    `json:"left"`
	Right   float32    `json:"right"`
}

// learnRow is a row of the table.
type learnRow struct {
	Kind  form.RowKind `json:"kind"`
	Box   page.Box     `json:"box"`
	Text  string       `json:"text"`
	Cells []learnCell  `json:"cells"`
}

// learnCell is a cell of a row. State is "" for texts.
type learnCell struct {
	Field form.Field `json:"field"`
	Text  string     `json:"text"`
	Box   page.Box   `json:"box"`
	State form.State `json:"state"`
}

// learnRule says what rows are that begin with some words; "" are rows of figures alone.
type learnRule struct {
	Begins string       `json:"begins"`
	Kind   form.RowKind `json:"kind"`
}

// learnCheck compares the lines of a column with its printed total.
type learnCheck struct {
	Table form.Role  `json:"table"`
	Field form.Field `json:"field"`
	Lines int        `json:"lines"`
	Sum   string     `json:"sum"`
	// Printed is "" if no total is printed.
	Printed string     `json:"printed"`
	State   form.State `json:"state"`
	Unit    form.Unit  `json:"unit"`
	// Sentence is for people: "weight: 4 lines add up to 4,114.4, printed 4,114.4".
	Sentence string `json:"sentence"`
}

// learnField is a meaning that a column can have.
type learnField struct {
	Name  form.Field `json:"name"`
	Label string     `json:"label"`
	// Figure is true if the column is added up.
	Figure bool        `json:"figure"`
	Units  []form.Unit `json:"units"`
}

// learntForm is a form of the profile.
type learntForm struct {
	Name string `json:"name"`
	// Proved is the number of documents that proved it, up to two; then it is trusted.
	Proved  int  `json:"proved"`
	Trusted bool `json:"trusted"`
}

// learnRequest is the body of POST /learn.
type learnRequest struct {
	// Of is "version" of the answer to GET.
	Of   string `json:"of"`
	File int    `json:"file"`
	Page int    `json:"page"`
	Name string `json:"name"`
	// Columns and Top are as in the answer, in points of the page ColumnsOn, which is Page
	// unless it is given; without columns those that are found count.
	ColumnsOn int           `json:"columns_on"`
	Columns   []learnColumn `json:"columns"`
	Top       float32       `json:"top"`
	// Rows say what the rows at some heights are. They become rules.
	Rows []struct {
		Y    float32      `json:"y"`
		Kind form.RowKind `json:"kind"`
	} `json:"rows"`
	Rules  []learnRule                   `json:"rules"`
	Totals map[form.Field]form.TotalKind `json:"totals"`
	// Save keeps the form in the profile, over the revision of the answer.
	Save     bool   `json:"save"`
	Revision *int64 `json:"revision"`
}

// maxLearnBody bounds the body of POST /learn, in bytes.
const maxLearnBody = 64 << 10

func handleGetLearn(c *call) (a learnAnswer, err error) {
	file, page, err := c.filePage()
	if err != nil {
		return a, err
	}
	return c.learn(file, page, c.query("of"), nil, nil)
}

func handlePostLearn(c *call) (a learnAnswer, err error) {
	r, err := c.learnRequest()
	if err != nil {
		return a, err
	}
	shown := &form.Shown{Name: r.Name, On: r.ColumnsOn, Top: r.Top, Totals: r.Totals}
	for _, col := range r.Columns {
		shown.Columns = append(shown.Columns, form.FormColumn{Field: col.Field, Unit: col.Unit, Heading: col.Heading, Left: col.Left, Right: col.Right})
	}
	for _, row := range r.Rows {
		shown.Rows = append(shown.Rows, form.ShownRow{Y: row.Y, Is: row.Kind})
	}
	for _, rule := range r.Rules {
		shown.Rules = append(shown.Rules, form.RowRule{Begins: rule.Begins, Is: rule.Kind})
	}
	if r.Of == "" {
		return a, fault.New(fault.BadRequest, "\"of\" is missing: send the \"version\" of the answer of GET /learn, so that no other document is read than the one that was shown")
	}
	if !r.Save {
		return c.learn(r.File, r.Page, r.Of, shown, nil)
	}
	switch {
	case r.Revision == nil:
		return a, fault.New(fault.BadRequest, "\"revision\" is missing: send that of the answer of GET /learn, over which the profile is written")
	case strings.TrimSpace(r.Name) == "":
		return a, fault.New(fault.BadRequest, "give the form a \"name\"")
	}
	return c.learn(r.File, r.Page, r.Of, shown, r.Revision)
}

// learnRequest reads the body of POST /learn.
func (c *call) learnRequest() (r learnRequest, err error) {
	text, err := c.readJSON(c.body, maxLearnBody, "what is shown of a form is JSON; send it")
	if len(text) > maxLearnBody {
		return r, fault.New(fault.TooLarge, "what is shown of a form takes more than %d KB; a real one is a small part of that", maxLearnBody>>10)
	}
	if err != nil {
		return r, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if !body.Shallow(text) {
		return r, fault.New(fault.BadRequest, "the body is not a JSON object of a form")
	}
	if err := d.Decode(&r); err != nil {
		return r, fault.New(fault.BadRequest, "the body is not what /docs says of POST /learn: %.200s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return r, nil
}

// learn reads a page of the session, with what was shown of it, if that is not nil, and
// keeps that over a revision of the profile, if that is not nil.
func (c *call) learn(file, number int, of string, shown *form.Shown, over *int64) (a learnAnswer, err error) {
	first, there, err := c.peek()
	if err != nil {
		return a, err
	}
	if !there {
		return a, desk.HasBills(session.State{})
	}
	var l *form.Lesson
	var own desk.OwnProfile
	current := func(st session.State) error {
		if of != "" && versionOf(st) != of {
			return fault.New(session.Changed, "the session changed after its page was shown; load it again")
		}
		return nil
	}
	now := first
	if over != nil {
		if err := current(first); err != nil {
			return a, err
		}
		now, l, own, err = c.s.desk.Teach(c.r.Context(), first, file, number, shown, *over)
	} else {
		err = c.s.desk.Look(c.r.Context(), first, func(st session.State) (err error) {
			if err := current(st); err != nil {
				return err
			}
			now = st
			l, own, err = c.s.desk.Lesson(c.r.Context(), st, file, number, shown)
			return err
		})
	}
	if err != nil {
		return a, err
	}
	c.note("rows", len(l.Rows))
	a = learnAnswer{
		SessionID: string(c.naming.id()), Version: versionOf(now), Revision: own.Revision, Saved: over != nil,
		File: file, Page: l.Page, Pages: l.Pages, HeadingsOn: l.HeadingsOn, Width: l.Width, Height: l.Height,
		Form: l.Kind, Columns: []learnColumn{}, Top: l.Top, Bottom: l.Bottom, Rows: []learnRow{}, Rules: []learnRule{}, Totals: map[form.Field]form.TotalKind{},
		Checks: []learnCheck{}, Outcome: l.Outcome, Reason: l.Reason, Bits: float64(int(10*l.Bits)) / 10, Proved: l.Proved,
		Problems: text.Each(l.Flaws, func(f form.Flaw) desk.BadPart { return desk.BadPart(f) }),
		RowKinds: form.RowKinds, TotalKinds: form.TotalKinds, Forms: learntForms(own.Profile),
	}
	for _, col := range l.Columns {
		a.Columns = append(a.Columns, learnColumn{Field: col.Field, Unit: col.Unit, Heading: col.Heading, Left: col.Left, Right: col.Right})
	}
	for _, r := range l.Rows {
		row := learnRow{Kind: r.Is, Box: r.Box, Text: r.Text, Cells: []learnCell{}}
		for _, cell := range r.Cells {
			row.Cells = append(row.Cells, learnCell{Field: cell.Field, Text: cell.Text, Box: cell.Box, State: cell.State})
		}
		a.Rows = append(a.Rows, row)
	}
	if l.Form != nil {
		a.Name = l.Form.Name
		a.Rules = text.Each(l.Form.Rows, func(r form.RowRule) learnRule { return learnRule{r.Begins, r.Is} })
		if l.Form.Totals != nil {
			a.Totals = l.Form.Totals
		}
	}
	for i, k := range l.Checks {
		a.Checks = append(a.Checks, learnCheck{Table: k.Role, Field: k.Field, Lines: k.Lines, Sum: k.Sum, Printed: k.Printed, State: k.State, Unit: k.Unit, Sentence: l.Sentences[i]})
	}
	for _, f := range form.Fields {
		field := learnField{Name: f, Label: f.Words(), Figure: f.IsFigure(), Units: []form.Unit{}}
		for _, u := range form.Units {
			if u.Suits(f) {
				field.Units = append(field.Units, u)
			}
		}
		a.Fields = append(a.Fields, field)
	}
	return a, nil
}

func learntForms(p *profile.Profile) []learntForm {
	return text.Each(p.LearntForms(), func(f form.Form) learntForm { return learntForm{f.Name, len(f.Proved), f.Trusted()} })
}

// formsAnswer is the answer to a change of the names of learnt forms.
type formsAnswer struct {
	simpleAnswer
	Revision int64        `json:"revision"`
	Forms    []learntForm `json:"forms"`
}

// handlePutLearn renames a learnt form, and handleDeleteLearn forgets one.
func handlePutLearn(c *call) (a formsAnswer, err error) {
	if c.query("to") == "" {
		return a, fault.New(fault.BadRequest, "say with \"to\" what the form is to be called")
	}
	return c.renameForm(c.query("to"), "The form was renamed.")
}

func handleDeleteLearn(c *call) (a formsAnswer, err error) {
	return c.renameForm("", "The form was forgotten. Bills that are uploaded or processed from now on are read without it.")
}

func (c *call) renameForm(to, message string) (a formsAnswer, err error) {
	over, err := c.overRevision()
	if err != nil {
		return a, err
	}
	own, err := c.s.desk.RenameForm(c.r.Context(), c.caller.owner, over, c.query("name"), to)
	if err != nil {
		return a, err
	}
	c.note("revision", int(own.Revision))
	c.w.Header().Set("ETag", profileTag(own.Revision))
	return formsAnswer{success(message), own.Revision, learntForms(own.Profile)}, nil
}

// learnRoutes are the routes of learnt forms.
func learnRoutes() []*route {
	lessonFaults := codes(readFaults, storedFaults, []fault.Code{desk.NoBOL, desk.BadForm, fault.NotFound, fault.NoSuchPage, session.Changed, fault.NotAPDF, fault.DamagedPDF, fault.EncryptedPDF})
	of := []parameter{
		{name: "name", in: "query", about: "the form", required: true},
		{name: "revision", in: "query", about: "the revision of the profile that you saw; or its ETag as If-Match, * for any"},
	}
	return []*route{
		typed(route{path: "/learn", methods: get, op: "learn",
			summary: "How the table on a page of the session's BOL is read, for teaching its form",
			queries: []parameter{
				{name: "file", in: "query", about: "the file, counted from 0; 0 by default"},
				{name: "page", in: "query", about: "the page, counted from 1; 1 by default"},
				{name: "of", in: "query", about: "the version of the sheet from /view, so that the page is never of another document"},
			},
			faults: lessonFaults,
		}, handleGetLearn),
		typed(route{path: "/learn", methods: post, op: "teach", changes: true,
			summary: "The same with a form that is shown; with save it is kept in your profile, and the session's bills are read again",
			bodies: []bodyDoc{{media: body.JSON, fields: []bodyField{
				{name: "of", about: "\"version\" of the answer of GET", required: true},
				{name: "page", about: "the page, counted from 1", required: true},
				{name: "file", about: "the file, counted from 0"},
				{name: "name", about: "the name of the form"},
				{name: "columns", about: "a list of {field, unit, heading, left, right} as in the answer; without it those that are found"},
				{name: "columns_on", about: "the page of the same bill on which columns and top are; the page itself by default"},
				{name: "top", about: "where the rows begin, in points; without it under the headings that are found"},
				{name: "rows", about: "a list of {y, kind}: what the rows at some heights are"},
				{name: "rules", about: "a list of {begins, kind} as in the answer"},
				{name: "totals", about: "the kinds of totals that are not sums, by field"},
				{name: "save", about: "true keeps the form"},
				{name: "revision", about: "with save: that of the answer of GET"},
			}}},
			faults: codes(lessonFaults, []fault.Code{body.UnsupportedType, session.ProfileChanged, session.Superseded, fault.TooLarge}),
		}, handlePostLearn),
		typed(route{path: "/learn", methods: put, op: "rename_form", changes: true,
			summary: "Rename a learnt form",
			queries: append(of, parameter{name: "to", in: "query", about: "its new name", required: true}),
			faults:  []fault.Code{fault.NotFound, session.ProfileChanged},
		}, handlePutLearn),
		typed(route{path: "/learn", methods: []string{http.MethodDelete}, op: "forget_form", changes: true,
			summary: "Forget a learnt form",
			queries: of,
			faults:  []fault.Code{fault.NotFound, session.ProfileChanged},
		}, handleDeleteLearn),
	}
}
