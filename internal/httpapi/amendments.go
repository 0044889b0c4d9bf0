package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"strings"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// What people add to what was read (DESIGN.md §11).

// amendmentsAnswer is the answer of the routes of amendments.
type amendmentsAnswer struct {
	SessionID string `json:"session_id"`
	// Revision is the session's: it grows with each change of it, whether by amendments or by
	// uploads. A change that is sent with it is applied to this state or not at all.
	Revision int64 `json:"revision"`
	// Version is that of /view: it differs for every other state, also after a reset.
	Version string `json:"version"`
	// Amendments are all amendments of the session, in the order in which they were made,
	// each with what became of it.
	Amendments []sheet.Amendment `json:"amendments"`
	// Added are the IDs of the amendments that the request added, in its order.
	Added []string `json:"added,omitempty"`
}

// handleGetAmendments answers with the session's amendments.
func handleGetAmendments(c *call) (a amendmentsAnswer, err error) {
	err = c.look(c.noSheet, func(st session.State) error {
		list, err := c.s.desk.Amendments(c.r.Context(), st)
		a = c.amendments(st, list)
		return err
	})
	return a, err
}

func (c *call) amendments(st session.State, list []sheet.Amendment) amendmentsAnswer {
	c.note("amendments", len(list))
	return amendmentsAnswer{SessionID: string(c.naming.id()), Revision: st.Revision, Version: versionOf(st), Amendments: append([]sheet.Amendment{}, list...)}
}

// amendmentsRequest is the body of POST /amendments.
type amendmentsRequest struct {
	Revision int64             `json:"revision"`
	Of       string            `json:"of"`
	By       string            `json:"by"`
	Add      []sheet.Amendment `json:"add"`
	Undo     []string          `json:"undo"`
}

// handlePostAmendments changes the session's amendments.
func handlePostAmendments(c *call) (a amendmentsAnswer, err error) {
	defer func() { c.s.metrics.upload("amendments", err) }()
	st, err := c.withBills()
	if err != nil {
		return a, err
	}
	count, end := c.s.desk.Arriving(c.r.Context(), c.caller.owner)
	defer end()
	r, err := c.amendmentsRequest(count)
	if err != nil {
		return a, err
	}
	change := desk.Change{Revision: r.Revision, Add: r.Add, Undo: r.Undo, By: r.By}
	if r.Of != "" {
		change.Seen = func(st session.State) bool { return versionOf(st) == r.Of }
	}
	return c.amend(st, change)
}

// amend makes a change to the amendments of a session that was read before, and tells its
// watchers.
func (c *call) amend(st session.State, change desk.Change) (a amendmentsAnswer, err error) {
	c.note("added", len(change.Add))
	c.note("undone", len(change.Undo))
	now, s, added, err := c.s.desk.Amend(c.r.Context(), st, c.change(change))
	if err != nil {
		return a, err
	}
	if err := c.amended(now, s); err != nil {
		return a, err
	}
	a = c.amendments(now, s.Amendments)
	a.Added = added
	return a, nil
}

// carryAnswer is the answer of POST /carry.
type carryAnswer struct {
	amendmentsAnswer
	// Carried is how many values were filled in; Lost are the rows of the earlier sheet whose
	// values were not, with the reason.
	Carried int             `json:"carried"`
	Lost    []sheet.LostRow `json:"lost"`
}

// handleCarry fills in what people filled in on an earlier sheet.
func handleCarry(c *call) (a carryAnswer, err error) {
	defer func() { c.s.metrics.upload("carry", err) }()
	if err := c.s.desk.Room(c.caller.owner); err != nil {
		return a, err
	}
	st, err := c.withBills()
	if err != nil {
		return a, err
	}
	in, got, err := c.receive(body.Reception{
		Forms:    []string{body.Multipart},
		Raw:      exportTypes,
		RawField: "file",
		Files:    slots(orders, "file"),
		Stray:    only(orders),
		Fallback: "earlier sheet",
	})
	if err != nil {
		return a, err
	}
	defer in.Discard()
	by := cmp.Or(c.query("by"), got.Values.Get("by"))
	if len(by) > mostName {
		return a, errLongName(by)
	}
	change := c.change(desk.Change{By: by})
	now, s, added, carried, err := c.s.desk.Carry(c.r.Context(), st, in, change)
	if err != nil {
		return a, err
	}
	if now.Revision != st.Revision {
		if err := c.amended(now, s); err != nil {
			return a, err
		}
	}
	c.note("carried", carried.Values)
	c.note("lost", len(carried.Lost))
	a = carryAnswer{c.amendments(now, s.Amendments), carried.Values, append([]sheet.LostRow{}, carried.Lost...)}
	a.Added = added
	return a, nil
}

// change completes a change with what the request says of itself.
func (c *call) change(change desk.Change) desk.Change {
	if change.Once = c.once(); c.caller.owner != session.Local {
		change.Key = string(c.caller.owner) // the name of the key
	}
	return change
}

// amended tells the session's watchers and the owner's webhooks of a change of its amendments.
func (c *call) amended(now session.State, s *sheet.Sheet) error {
	c.s.hub.tell(c.key(), event{Type: "attached", Kind: string(session.Amendments), Revision: now.Revision, Status: statusOf(now, true)})
	return c.changed("amendments", now, s)
}

func errLongName(by string) error {
	return fault.New(fault.BadRequest, "the name of the person has %d bytes, and at most %d are allowed", len(by), mostName)
}

// amendmentsRequest reads the body of POST /amendments: a request, or what has amendments
// to add: a list of them, the answer of GET /amendments, or the JSON of a sheet. count is
// told of the bytes that arrive.
func (c *call) amendmentsRequest(count func(int) error) (r amendmentsRequest, err error) {
	data, err := c.readJSON(&counted{c.body, count}, sheet.MostOfAmendments, "amendments are JSON; send them")
	if err != nil {
		return r, err
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\uFEFF")))
	if !body.Shallow(data) {
		return r, fault.New(fault.BadRequest, "the body is nested too deeply for amendments; see /docs")
	}
	var parts map[string]json.RawMessage
	if len(data) > 0 && data[0] == '{' {
		if err := json.Unmarshal(data, &parts); err != nil {
			return r, notAmendments(err)
		}
	}
	if _, list := parts["amendments"]; parts == nil || list {
		r.Add, err = sheet.ParseAmendments(data)
		return r, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, notAmendments(err)
	}
	switch {
	case r.Revision < 0:
		return r, fault.New(fault.BadRequest, "there is no revision %d; send that of the last answer, or none", r.Revision)
	case len(r.Add) == 0 && len(r.Undo) == 0:
		return r, fault.New(fault.BadRequest, "there is nothing to change: send amendments to \"add\", or IDs to \"undo\"")
	case len(r.By) > mostName:
		return r, errLongName(r.By)
	}
	return r, sheet.CheckAmendments(r.Add)
}

// mostName bounds the name of a person, in bytes.
const mostName = 200

func notAmendments(err error) error {
	return fault.New(fault.BadRequest, "the body is not what /docs says of POST /amendments: %.200s", strings.TrimPrefix(err.Error(), "json: "))
}

// readJSON reads a body of at most so many bytes that must be JSON, as ask says to people. It
// fails with body.UnsupportedType, fault.TooLarge, and if the caller's key is not valid any more.
func (c *call) readJSON(r io.Reader, most int, ask string) ([]byte, error) {
	if kind := c.r.Header.Get("Content-Type"); kind != "" && !body.IsJSON(kind) {
		return nil, fault.New(body.UnsupportedType, "%s with Content-Type: application/json", ask)
	}
	data, err := readAll(r, most)
	if err == nil {
		err = c.stillAllowed()
	}
	return data, err
}

// readAll reads a body of at most so many bytes. It fails with fault.TooLarge.
func readAll(r io.Reader, most int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err == nil && len(data) > most {
		err = fault.New(fault.TooLarge, "the body has more than %s", text.Size(int64(most)))
	}
	return data, err
}

// counted tells a function of what is read, before it is used.
type counted struct {
	io.Reader
	count func(int) error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if cerr := c.count(n); cerr != nil {
		return 0, cerr
	}
	return n, err
}

// amendmentRoutes are the routes of amendments.
func amendmentRoutes() []*route {
	key := parameter{name: "Idempotency-Key", in: "header", about: "a name of this change, new for each one: repeated with it, the change is not made again"}
	return []*route{
		typed(route{path: "/amendments", methods: get, op: "amendments",
			summary: "What people added to what was read: corrected values, lines, pairs, filled-in cells, ticks; each with what became of it",
			faults:  codes(storedFaults, []fault.Code{desk.NoSheet}),
		}, handleGetAmendments),
		typed(route{path: "/amendments", methods: post, op: "amend", changes: true,
			summary: "Add amendments and undo others, in one step",
			queries: []parameter{key},
			bodies: []bodyDoc{{media: body.JSON, about: "or a list of amendments, or an object that has one in \"amendments\", as the answer of GET and the JSON of a sheet: all of them are added", fields: []bodyField{
				{name: "revision", about: "\"revision\" of the state that the change was made from: if the session has another by now, nothing is changed and the answer is 409 changed, with the newest amendments. Without it the newest state is changed"},
				{name: "of", about: "\"version\" of that state, here or in /view: the same, and after a reset, too"},
				{name: "by", about: "the name of the person"},
				{name: "add", about: "a list of amendments; see the schema of the answer. id, key and at are given by the server"},
				{name: "undo", about: "a list of IDs of amendments to take away, before any are added"},
			}}},
			faults: codes(storedFaults, []fault.Code{fault.BadRequest, fault.TooLarge, body.UnsupportedType, body.RequestTimeout, desk.NoBOL, desk.AmendmentsChanged, fault.NotFound, session.Superseded, desk.KeyReused}),
		}, handlePostAmendments),
		typed(route{path: "/carry", methods: post, op: "carry", changes: true,
			summary: "Fill in what people filled in on an earlier sheet of this shipment: CSV or XLSX",
			queries: []parameter{key, {name: "by", in: "query", about: "the name of the person"}},
			bodies: append([]bodyDoc{{media: body.Multipart, fields: []bodyField{
				{name: "file", about: "the earlier sheet", file: true, required: true},
				{name: "by", about: "the name of the person"},
			}}}, rawDocs(exportTypes, "the earlier sheet itself; ?filename= names it")...),
			faults: codes(bodyFaults, readFaults, csvFaults, storedFaults, []fault.Code{desk.NoBOL, session.Superseded, desk.KeyReused}),
		}, handleCarry),
	}
}
