package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image/png"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"tallyman/internal/testing/api"
)

// client works with its own sessions, one operation after the other, and knows what
// each must hold.
type client struct {
	*Soak
	name   string
	hc     *http.Client
	random *rand.Rand
	press  *press
	// named are sessions with names of the client's choice, minted one with a name
	// from the server. kept is a session that is read more often than it is changed.
	named        []*session
	minted, kept *session
	seen         int64 // looks, when the client last checked its sessions
	loads        int   // values that were filled in
	jobs         []*job
}

// names returns a client's session names: minimally different from those of other
// clients, and easily confused by a careless server.
func names(n int) []string {
	return []string{
		fmt.Sprintf("c%d", n), fmt.Sprintf("C%d", n), fmt.Sprintf("c%d ", n), fmt.Sprintf("../c%d", n),
		fmt.Sprintf("c%d&_sid=c%d", n, n+1), fmt.Sprintf("ç%d/☂/%%2e%%2e", n),
	}
}

func (s *Soak) newClient(n int) (*client, error) {
	letter := byte('A' + n)
	p, err := newPress(letter, s.o.Seed+uint64(n)*1000, 12)
	if err != nil {
		return nil, err
	}
	c := &client{Soak: s, name: string(letter), hc: newHTTP(), random: rand.New(rand.NewPCG(s.o.Seed, uint64(n))), press: p}
	for _, id := range names(n) {
		c.named = append(c.named, newSession(id))
	}
	c.kept = newSession(fmt.Sprintf("kept by %d", n))
	for _, own := range c.sessions() {
		s.remember(own.id)
	}
	return c, nil
}

// work runs operations until the run is over. The gate is held during an operation.
func (c *client) work(ctx context.Context) {
	defer c.hc.CloseIdleConnections()
	for ctx.Err() == nil {
		c.gate.RLock()
		if ctx.Err() == nil {
			if looks := c.looks.Load(); looks != c.seen {
				c.seen = looks
				c.recall(ctx)
			}
			c.one(ctx)
		}
		c.gate.RUnlock()
		sleep(ctx, time.Duration(1+c.random.Int64N(2*int64(c.o.Pause))))
	}
}

// sleep waits for a time, or until ctx ends: then it returns false.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return ctx.Err() == nil
}

// sessions returns all sessions of the client.
func (c *client) sessions() []*session {
	all := append([]*session{c.kept}, c.named...)
	if c.minted != nil {
		all = append(all, c.minted)
	}
	return all
}

// recall checks all sessions: what was acknowledged must be there.
func (c *client) recall(ctx context.Context) {
	for _, s := range c.sessions() {
		c.look(ctx, s)
		c.report.count("sessions checked after a restart, a foreign server or a jump of the clock")
	}
}

// one runs one random operation.
func (c *client) one(ctx context.Context) {
	s := c.named[c.random.IntN(len(c.named))]
	switch c.random.IntN(5) {
	case 0:
		if c.minted != nil {
			s = c.minted
		}
	case 1:
		s = c.kept
	}
	n := c.random.IntN(122)
	if s == c.kept && n < 40 && c.random.IntN(5) > 0 {
		n += 40 // check the session
	}
	// knowing does what depends on the session's content. If that is not known, or not as
	// the operation needs it, it looks at the sheet.
	knowing := func(do func(context.Context, *session, state), needs func(state) bool) func() {
		return func() {
			if st, ok := s.sure(); ok && needs(st) {
				do(ctx, s, st)
			} else {
				c.look(ctx, s)
			}
		}
	}
	anything := func(state) bool { return true }
	bills := func(st state) bool { return len(st.Bills) > 0 }
	files := func(st state) bool { return len(st.Files()) > 0 }
	for _, operation := range []struct {
		below int
		do    func()
	}{
		{4, func() { c.begin(ctx, s, "/new-session") }},
		{6, func() { c.begin(ctx, s, "/auto-reset") }},
		{7, func() { c.clear(ctx, s); c.look(ctx, s) }},
		{8, func() { c.clean(ctx, s); c.look(ctx, s) }},
		{11, func() { c.mint(ctx) }},
		{18, func() { c.upload(ctx, s, 1, false) }},
		{21, func() { c.upload(ctx, s, 2+c.random.IntN(2), false) }},
		{25, func() { c.upload(ctx, s, 1, true) }},
		{27, func() { c.uploadAnew(ctx, s) }},
		{29, func() { c.uploadBase64(ctx, s) }},
		{32, func() { c.race(ctx, s) }},
		{34, func() { c.convert(ctx) }},
		{40, func() { c.workflow(ctx, s) }},
		{50, func() { c.order(ctx, s) }},
		{66, func() { c.look(ctx, s) }},
		{72, func() { c.download(ctx, s, "xlsx") }},
		{77, func() { c.download(ctx, s, "json") }},
		{79, func() { c.routing(ctx, s) }},
		{84, func() { c.status(ctx, s) }},
		{86, func() { c.validate(ctx, s) }},
		{91, knowing(c.files, bills)},
		{93, func() { c.picture(ctx, s) }},
		{96, func() { c.watch(ctx, s) }},
		{97, func() { c.process(ctx, s) }},
		{99, func() { c.browse(ctx) }},
		{100, func() { c.gone(ctx) }},
		{106, knowing(c.amend, anything)},
		{108, knowing(c.undo, bills)},
		{110, knowing(c.carry, bills)},
		{113, knowing(c.detach, files)},
		{116, knowing(c.orderMore, bills)},
		{118, func() { c.putJob(ctx) }},
		{122, func() { c.checkJob(ctx) }},
	} {
		if n < operation.below {
			operation.do()
			return
		}
	}
}

// load returns a value that nobody else fills in.
func (c *client) load() string {
	c.loads++
	return fmt.Sprintf("L%s%d", c.name, c.loads)
}

// amend fills in the load of one of the session's bills. A change whose outcome is unknown
// is sent again, and made once.
func (c *client) amend(ctx context.Context, s *session, st state) {
	number := "none"
	if len(st.Bills) > 0 {
		bills := st.Bills[c.random.IntN(len(st.Bills))].sample.Bills
		number = bills[c.random.IntN(len(bills))].Number
	}
	load := c.load()
	body := map[string]any{"by": c.name, "add": []any{map[string]any{"kind": "fill", "column": "Load #", "bill": map[string]any{"number": number}, "value": load}}}
	if c.random.IntN(2) == 0 {
		if revision, _, ok := c.amendments(ctx, s); ok && len(st.Bills) > 0 {
			body["revision"] = revision
		}
	}
	c.change(ctx, s, body, load, amended(number+"="+load))
}

// undo undoes one of the session's amendments.
func (c *client) undo(ctx context.Context, s *session, _ state) {
	revision, list, ok := c.amendments(ctx, s)
	if !ok || len(list) == 0 {
		return
	}
	i := c.random.IntN(len(list))
	c.change(ctx, s, map[string]any{"revision": revision, "undo": []string{list[i].ID}}, list[i].ID, func(s state) state {
		for _, what := range s.Amendments() {
			if strings.HasSuffix(what, "="+list[i].Value) {
				return s.Undone(what)
			}
		}
		return s
	})
}

type amendment struct{ ID, Value string }

// amendments reads the session's amendments, which must be those that were made.
func (c *client) amendments(ctx context.Context, s *session) (revision int64, list []amendment, ok bool) {
	var v struct {
		Revision   int64
		Amendments []amendment
	}
	a, ok := c.read(ctx, s, "GET", "/amendments", &v, "no_sheet", "not_found")
	if a.outcome == refused {
		c.found(s.seesNone(), s, "/amendments", a.Body)
	}
	if !ok {
		return 0, nil, false
	}
	says := func(what string, got amendment) bool { return strings.HasSuffix(what, "="+got.Value) }
	if !s.narrow(func(st state) bool { return len(st.Bills) > 0 && slices.EqualFunc(st.Amendments(), v.Amendments, says) }) {
		c.found(lost, s, "/amendments", a.Body)
		return 0, nil, false
	}
	c.report.count("lists of amendments compared")
	return v.Revision, v.Amendments, true
}

// change changes the session's amendments, under a name. If the outcome is unknown it tries
// again.
func (c *client) change(ctx context.Context, s *session, body any, name string, change func(state) state) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r := api.Request{Method: "POST", Path: "/amendments", SID: s.id, Kind: "application/json", Body: b, Once: name}
	for range 3 {
		a := c.ask(ctx, c.hc, r, "no_bol")
		if s.took(a, change) && c.random.IntN(2) == 0 {
			c.look(ctx, s)
		}
		if a.outcome == refused {
			c.found(s.seesNone(), s, "/amendments", a.Body)
		}
		if a.outcome != unknown {
			return
		}
	}
}

// carry fills in the loads on the session's sheet, as people do in a spreadsheet, and gives
// it back.
func (c *client) carry(ctx context.Context, s *session, st state) {
	load := c.load()
	var what []string
	for _, f := range st.Bills {
		for _, b := range f.sample.Bills {
			what = append(what, b.Number+"="+load+b.Number)
		}
	}
	filled := csvOf(state{Bills: st.Bills, Orders: st.Orders}.AmendedBy(what...))
	r := api.Request{Method: "POST", Path: "/carry", SID: s.id}
	r.Kind, r.Body = api.Form(api.Part{Name: "filled.csv", Content: filled})
	change := func(s state) state {
		// The server goes by the rows of the sheet, and so by its order.
		return s.AmendedBy(inOrder(csvOf(s), what)...)
	}
	if a := c.ask(ctx, c.hc, r); s.took(a, change) {
		var v struct{ Lost []any }
		if err := a.Into(&v); err != nil || len(v.Lost) > 0 {
			c.found(wrong, s, "/carry", a.Body)
		}
	}
	c.look(ctx, s)
}

// inOrder returns what is filled in for bills in the order in which a sheet has them.
func inOrder(sheet []byte, what []string) (sorted []string) {
	rows, err := csv.NewReader(bytes.NewReader(sheet)).ReadAll()
	if err != nil {
		panic(err) // it is one of ours
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		for _, w := range what {
			if strings.HasPrefix(w, row[24]+"=") && !seen[w] {
				seen[w] = true
				sorted = append(sorted, w)
			}
		}
	}
	return sorted
}

// detach takes one of the session's files away again.
func (c *client) detach(ctx context.Context, s *session, st state) {
	f := st.Files()[c.random.IntN(len(st.Files()))]
	a := c.ask(ctx, c.hc, api.Request{Method: "DELETE", Path: "/files", SID: s.id, Query: url.Values{"name": {f.name()}}}, "not_found")
	s.took(a, without(f))
	if a.outcome == refused {
		c.found(lost, s, "DELETE /files", a.Body)
	}
	c.look(ctx, s)
}

// orderMore adds the order export of a document of the session that has none yet.
func (c *client) orderMore(ctx context.Context, s *session, st state) {
	for _, f := range st.Bills {
		if slices.ContainsFunc(st.Orders, func(o file) bool { return o.Document == f.Document }) {
			continue
		}
		c.attachOrders(ctx, s, file{f.Document, ".csv"}, true)
		return
	}
	c.look(ctx, s)
}

// found reports a finding about a session. "" means none.
func (c *client) found(f finding, s *session, what string, body []byte) {
	if f != "" {
		c.report.violated(f, "client %s, %s: %s was answered %.400q", c.name, s, what, body)
		s.lostTrack = true
	}
}

// broken reports an invalid answer of status 200.
func (c *client) broken(s *session, what string, a answer, err error) {
	c.report.violated(unpromised, "client %s, %s: the answer to %s cannot be understood (%v): %.300q", c.name, s, what, err, a.Body)
}

// decode decodes an answer of status 200. It returns false if that is invalid.
func (c *client) decode(s *session, what string, a answer, into any) bool {
	err := a.Into(into)
	if err != nil {
		c.broken(s, what, a, err)
	}
	return err == nil
}

// read makes a request about a session and decodes its answer, if there is one.
func (c *client) read(ctx context.Context, s *session, method, path string, into any, want ...string) (a answer, ok bool) {
	a = c.ask(ctx, c.hc, api.Request{Method: method, Path: path, SID: s.id}, want...)
	return a, a.outcome == done && c.decode(s, path, a, into)
}

// begin begins a session anew, by one of the routes for it.
func (c *client) begin(ctx context.Context, s *session, path string) {
	a := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: path, SID: s.id})
	c.beginning(s, path, a, state.Begun)
}

func (c *client) clear(ctx context.Context, s *session) {
	a := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: "/clear-session", SID: s.id})
	c.beginning(s, "/clear-session", a, state.Ended)
}

// clean empties the session if it has files.
func (c *client) clean(ctx context.Context, s *session) {
	const what = "/auto-clean-session"
	var v struct {
		Status string
		api.Removed
	}
	a, ok := c.read(ctx, s, "POST", what, &v)
	if ok {
		c.found(s.seesRemoved(v.Removed.Removed.Files, v.Removed.Removed.Bytes), s, what, a.Body)
	}
	switch a.outcome {
	case unknown:
		s.mayHave(cleaned)
	case done:
		s.set(each(s.may, cleaned))
		if v.Status == "cleaned" {
			s.anew()
		}
	}
}

// beginning records the end of a session's life.
func (c *client) beginning(s *session, what string, a answer, change func(state) state) {
	switch a.outcome {
	case unknown:
		s.mayHave(change)
	case done:
		var v api.Removed
		if c.decode(s, what, a, &v) {
			c.found(s.seesRemoved(v.Removed.Files, v.Removed.Bytes), s, what, a.Body)
		}
		s.set([]state{change(state{})})
		s.anew()
	}
}

// mint begins a session with a name of the server's choice, and ends the previous
// one.
func (c *client) mint(ctx context.Context) {
	// It always ends the previous one. Then the number of sessions does not grow with
	// time, and growing memory shows a leak.
	if old := c.minted; old != nil {
		c.clear(ctx, old)
		c.look(ctx, old)
	}
	a := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: "/new-session"})
	if a.outcome != done {
		return // a session with an unknown name expires
	}
	var v struct {
		SessionID string `json:"session_id"`
	}
	if err := a.Into(&v); err != nil || !strings.HasPrefix(v.SessionID, "s_") {
		c.report.violated(unpromised, "client %s: /new-session without a name was answered %.300q", c.name, a.Body)
		return
	}
	if !c.remember(v.SessionID) {
		c.report.violated(contaminated, "client %s: /new-session minted %q, which it had minted before", c.name, v.SessionID)
	}
	c.minted = newSession(v.SessionID)
	c.minted.set([]state{state{}.Begun()})
}

// docs makes n documents.
func (c *client) docs(n int) []*Document {
	var docs []*Document
	for range n {
		docs = append(docs, c.press.next())
	}
	return docs
}

// figures is the answer to an upload of bills.
type figures struct {
	SessionID string `json:"session_id"`
	Bills     int
	Lines     int
}

// attached records the answer to an upload of bills. before are the changes that it
// may have made in any case, and change is the effect of success.
func (c *client) attached(s *session, what string, a answer, before, change func(state) state) {
	switch a.outcome {
	case unknown:
		s.mayHave(before, change)
	case busy, refused:
		s.mayHave(before)
	case done:
		s.did(change)
		var v figures
		if err := a.Into(&v); err != nil || v.SessionID != s.id {
			c.broken(s, what, a, err)
			return
		}
		c.found(s.seesFigures(v.Bills, v.Lines), s, what, a.Body)
	}
}

// upload uploads n documents in one request, which replace the session's files or are
// added to them.
func (c *client) upload(ctx context.Context, s *session, n int, add bool) {
	docs := c.docs(n)
	r := uploading(s.id, docs...)
	change := replaced(docs...)
	if st, ok := s.sure(); add && ok && len(st.Bills) < 6 {
		r.Query = url.Values{"mode": {"append"}}
		change = appended(docs...)
	}
	c.attached(s, r.String(), c.ask(ctx, c.hc, r), state.Opened, change)
	if c.random.IntN(2) == 0 {
		c.look(ctx, s)
	}
}

// uploadAnew begins the session anew and uploads in one request.
func (c *client) uploadAnew(ctx context.Context, s *session) {
	d := c.docs(1)
	r := api.Request{Method: "POST", Path: "/upload", SID: s.id, Query: url.Values{"_action": {"new_session"}, "_t": {"1"}}}
	r.Kind, r.Body = "application/pdf", d[0].PDF
	r.Query.Set("filename", billsOf(d)[0].name())
	a := c.ask(ctx, c.hc, r)
	c.attached(s, r.String(), a, state.Begun, replaced(d...))
	if a.outcome == done {
		s.anew()
	}
	c.look(ctx, s)
}

func (c *client) uploadBase64(ctx context.Context, s *session) {
	d := c.docs(1)
	body, err := json.Marshal(map[string]any{"file_data": d[0].PDF, "filename": billsOf(d)[0].name()}) // base64
	if err != nil {
		panic(err)
	}
	r := api.Request{Method: "POST", Path: "/upload-base64", SID: s.id, Kind: "application/json", Body: body}
	c.attached(s, r.String(), c.ask(ctx, c.hc, r), state.Opened, replaced(d...))
}

// race uploads and resets at the same time. If the upload came before the reset its files
// are gone; if it came after, they are there; otherwise it was superseded.
func (c *client) race(ctx context.Context, s *session) {
	d := c.docs(1)
	up, answered := uploading(s.id, d...), make(chan answer)
	go func() { answered <- c.ask(ctx, c.hc, up, "session_superseded") }()
	sleep(ctx, time.Duration(c.random.Int64N(int64(40*time.Millisecond))))
	path, change := "/new-session", state.Begun
	if c.random.IntN(2) == 0 {
		path, change = "/clear-session", state.Ended
	}
	reset := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: path, SID: s.id})
	a := <-answered
	before := s.may
	var after []state
	add := func(states ...state) { after = append(after, states...) }
	there := holding(d...)
	switch {
	case reset.outcome == done && a.outcome == done:
		add(change(state{}), there)
	case reset.outcome == done && a.code == "session_superseded":
		add(change(state{}))
	case reset.outcome == done:
		add(change(state{}), state{}.Begun())
		if a.outcome == unknown {
			add(there)
		}
	case reset.outcome == unknown:
		add(change(state{}), there, state{}.Begun())
		fallthrough
	default:
		// Only a reset can have superseded the upload.
		if a.outcome == done {
			add(there)
		} else {
			add(before...)
			add(each(before, state.Opened)...)
			if a.outcome == unknown {
				add(there)
			}
		}
	}
	s.set(after)
	if reset.outcome == done {
		s.anew()
	}
	c.look(ctx, s)
}

// order uploads the order export of one of the session's documents.
func (c *client) order(ctx context.Context, s *session) {
	st, ok := s.sure()
	if !ok {
		c.look(ctx, s)
		return
	}
	if len(st.Bills) == 0 { // they are refused
		d := c.docs(1)[0]
		a := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: "/upload-csv", SID: s.id, Kind: "text/csv", Body: d.CSV}, "no_bol")
		if a.outcome == done {
			c.found(lost, s, "/upload-csv without bills", a.Body)
		}
		return
	}
	f := file{st.Bills[c.random.IntN(len(st.Bills))].Document, []string{".csv", ".xlsx"}[c.random.IntN(2)]}
	c.attachOrders(ctx, s, f, false)
}

// attachOrders uploads an order export, in place of those of the session or beside them.
func (c *client) attachOrders(ctx context.Context, s *session, f file, add bool) {
	change := ordered(f)
	r := api.Request{Method: "POST", Path: "/upload-csv", SID: s.id}
	if add {
		change, r.Query = alsoOrdered(f), url.Values{"mode": {"append"}}
	}
	r.Kind, r.Body = api.Form(api.Part{Name: f.name(), Content: f.content()})
	if a := c.ask(ctx, c.hc, r); s.took(a, change) {
		var v struct{ Rows int }
		if c.decode(s, r.String(), a, &v) {
			c.found(s.expect(func(st state) bool { return rowsOf(st) == v.Rows }, wrong), s, r.String(), a.Body)
		}
	}
	if c.random.IntN(2) == 0 {
		c.look(ctx, s)
	}
}

// compare makes a request for the sheet, and compares the answer with what the session holds.
// It reports whether the answer was that there is none.
func (c *client) compare(ctx context.Context, s *session, what string, r api.Request, sees func([]byte) finding) (none bool) {
	a := c.ask(ctx, c.hc, r, "no_sheet", "not_found")
	none = a.outcome == refused && (a.code == "no_sheet" || a.code == "not_found")
	if a.outcome == done {
		c.report.count("downloads compared")
		c.found(sees(a.Body), s, what, a.Body)
	} else if none {
		c.found(s.seesNone(), s, what, a.Body)
	}
	return none
}

// look downloads the sheet as CSV, by one of the routes for it.
func (c *client) look(ctx context.Context, s *session) {
	path := []string{"/download", "/download-bol", "/download-bol/combined_data.csv"}[c.random.IntN(3)]
	if c.compare(ctx, s, path, api.Request{Method: "GET", Path: path, SID: s.id}, s.seesCSV) {
		c.report.count("downloads of sessions without a sheet")
	}
}

func (c *client) download(ctx context.Context, s *session, format string) {
	sees := s.seesJSON
	if format == "xlsx" {
		sees = s.seesXLSX
	}
	c.compare(ctx, s, "/download-bol as "+format, api.Request{Method: "GET", Path: "/download-bol", SID: s.id, Query: url.Values{"format": {format}}}, sees)
}

// routing downloads the routing of the sheet.
func (c *client) routing(ctx context.Context, s *session) {
	c.compare(ctx, s, "/routing", api.Request{Method: "GET", Path: "/routing", SID: s.id, Query: url.Values{"format": {"json"}}}, s.seesRouting)
}

func (c *client) status(ctx context.Context, s *session) {
	var v api.Status
	if a, ok := c.read(ctx, s, "GET", "/status", &v); ok {
		c.found(s.seesFiles(v.Exists, v.Uploaded()), s, "/status", a.Body)
	}
}

// validate asks whether the session is clean, and compares the names of its files.
func (c *client) validate(ctx context.Context, s *session) {
	const what = "/validate-session"
	var v struct {
		Exists bool     `json:"directory_exists"`
		Names  []string `json:"files_found"`
	}
	a, ok := c.read(ctx, s, "GET", what, &v)
	if !ok {
		return
	}
	var files []api.File
	for _, name := range v.Names {
		files = append(files, api.File{Name: name})
	}
	files = api.Status{Files: files}.Uploaded()
	c.found(s.sees(files, func(st state) bool {
		return st.Alive == v.Exists && slices.EqualFunc(filesOf(st), files, func(want, got api.File) bool { return want.Name == got.Name })
	}), s, what, a.Body)
}

// files lists the files and downloads one of them, which must match the upload.
func (c *client) files(ctx context.Context, s *session, st state) {
	all := st.Files()
	f := all[c.random.IntN(len(all))]
	what := "/download-bol/" + f.name()
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: what, SID: s.id}, "not_found")
	switch a.outcome {
	case done:
		c.report.count("downloads compared")
		if !bytes.Equal(a.Body, f.content()) {
			c.found(contaminated, s, what, a.Body)
		}
	case refused:
		c.found(lost, s, what, a.Body)
	}
}

// picture reads the session's view, as the page does, and a picture of a page.
func (c *client) picture(ctx context.Context, s *session) {
	var v struct {
		Version string
		Bills   []struct{}
	}
	a, ok := c.read(ctx, s, "GET", "/view", &v)
	if !ok {
		return
	}
	if len(v.Bills) == 0 {
		c.found(s.seesNone(), s, "/view", a.Body)
		return
	}
	a = c.ask(ctx, c.hc, api.Request{Method: "GET", Path: "/page-picture", SID: s.id, Query: url.Values{"of": {v.Version}, "width": {"200"}}})
	if a.outcome == done {
		if _, err := png.Decode(bytes.NewReader(a.Body)); err != nil {
			c.report.violated(unpromised, "client %s, %s: /page-picture did not answer with a picture: %v", c.name, s, err)
		}
	}
}

// process makes the server read the bills again.
func (c *client) process(ctx context.Context, s *session) {
	var v struct {
		Rows int `json:"row_count"`
	}
	a, ok := c.read(ctx, s, "POST", "/process", &v, "no_bol")
	if ok {
		c.found(s.expect(func(st state) bool { _, lines := countOf(st); return lines == v.Rows }, wrong), s, "/process", a.Body)
	} else if a.code == "no_bol" {
		c.found(s.seesNone(), s, "/process", a.Body)
	}
}

// convert makes a sheet without a session, by one of the routes for it.
func (c *client) convert(ctx context.Context) {
	way := []struct{ path, bills, orders string }{
		{"/convert", "pdf", "csv"}, {"/process", "pdf", "csv_file"},
		{"/upload-stateless", "file", "csv_file"}, {"/upload-stateless-multipart", "pdf_file", "csv_file"},
	}[c.random.IntN(4)]
	d := c.docs(1)[0]
	r := api.Request{Method: "POST", Path: way.path}
	r.Kind, r.Body = api.Form(
		api.Part{Field: way.bills, Name: d.Mark + ".pdf", Content: d.PDF}, api.Part{Field: way.orders, Name: d.Mark + ".csv", Content: d.CSV})
	a := c.ask(ctx, c.hc, r)
	if a.outcome != done {
		return
	}
	c.report.count("downloads compared")
	s := newSession("none")
	s.set([]state{holding(d).Ordered(file{d, ".csv"})})
	sheet := a.Body
	if strings.HasPrefix(way.path, "/upload-stateless") {
		var v struct {
			CSV string `json:"csv_data"`
		}
		if !c.decode(s, way.path, a, &v) {
			return
		}
		sheet = []byte(v.CSV)
	}
	c.found(s.seesCSV(sheet), s, way.path, a.Body)
}

// browse works as the page in a browser: only the cookie names the session.
func (c *client) browse(ctx context.Context) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // no options are given
	}
	browser := &http.Client{Transport: c.hc.Transport, Jar: jar}
	a := c.ask(ctx, browser, api.Request{Method: "POST", Path: "/new-session"})
	if a.outcome != done {
		return // a session with an unknown name expires, and has no files
	}
	var v figures
	if err := a.Into(&v); err != nil || !c.remember(v.SessionID) {
		c.report.violated(contaminated, "client %s: /new-session without a name was answered %.300q", c.name, a.Body)
		return
	}
	s := newSession(v.SessionID)
	s.set([]state{state{}.Begun()})
	d := c.docs(1)
	c.attached(s, "/upload by the cookie", c.ask(ctx, browser, uploading("", d...)), state.Opened, replaced(d...))
	if a := c.ask(ctx, browser, api.Request{Method: "GET", Path: "/download"}, "no_sheet"); a.outcome == done {
		c.report.count("downloads compared")
		c.found(s.seesCSV(a.Body), s, "/download by the cookie", a.Body)
	}
	c.look(ctx, s)
	a = c.ask(ctx, browser, api.Request{Method: "POST", Path: "/clear-session"})
	c.beginning(s, "/clear-session by the cookie", a, state.Ended)
	c.look(ctx, s)
}

// workflow runs the workflow of front ends: clear, new, upload, upload-csv, download,
// clear.
func (c *client) workflow(ctx context.Context, s *session) {
	c.clear(ctx, s)
	c.begin(ctx, s, "/new-session")
	c.upload(ctx, s, 1, false)
	c.order(ctx, s)
	c.look(ctx, s)
	if s != c.kept && c.random.IntN(2) == 0 {
		c.clear(ctx, s)
		c.look(ctx, s)
	}
}

// gone requests sessions that never existed.
func (c *client) gone(ctx context.Context) {
	s := newSession(fmt.Sprintf("never %s %d", c.name, c.random.Int64()))
	c.look(ctx, s)
	c.status(ctx, s)
	c.ask(ctx, c.hc, api.Request{Method: "GET", Path: "/wake-up"})
}

// watch reads the events of a session during an upload: the stream begins with the
// state, and reports an upload that succeeded.
func (c *client) watch(run context.Context, s *session) {
	ctx, cancel := context.WithTimeout(run, c.o.Deadline)
	defer cancel()
	r := api.Request{Method: "GET", Path: "/events", SID: s.id}
	c.report.operation("GET /events")
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, r.Method, r.Address(c.at()), nil)
	if err != nil {
		panic(err)
	}
	resp, err := c.hc.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		var a answer
		if err == nil {
			a.Status, a.Header = resp.StatusCode, resp.Header
			b := bufio.NewReader(resp.Body)
			a.Body, _ = b.Peek(1000)
			resp.Body.Close()
		}
		c.judge(ctx, r.String(), began, a, err, nil)
		return
	}
	defer resp.Body.Close()
	type event struct {
		Type, Kind   string
		Bills, Lines int
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() (e event, ok bool) {
		for !ok && lines.Scan() {
			data, is := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
			ok = is && json.Unmarshal(data, &e) == nil
		}
		return e, ok
	}
	excused := func() bool {
		return run.Err() != nil || c.trouble.since(down, began) || c.trouble.since(crowded, began)
	}
	first, ok := next()
	if !ok && excused() {
		return
	}
	if first.Type != "state" || !s.narrow(func(st state) bool { b, l := countOf(st); return b == first.Bills && l == first.Lines }) {
		c.report.violated(wrong, "client %s, %s: its events began with %+v", c.name, s, first)
	}
	d := c.docs(1)
	up := uploading(s.id, d...)
	a := c.ask(ctx, c.hc, up)
	c.attached(s, up.String(), a, state.Opened, replaced(d...))
	if a.outcome != done {
		return
	}
	for e, ok := next(); ok; e, ok = next() {
		if e.Type == "attached" && e.Kind == "bol" && e.Bills == d[0].Bills() && e.Lines == d[0].Lines() {
			c.report.count("uploads that events reported")
			return
		}
	}
	if !excused() {
		c.report.violated(unpromised, "client %s, %s: the stream of events ended without reporting an upload that was acknowledged", c.name, s)
	}
}
