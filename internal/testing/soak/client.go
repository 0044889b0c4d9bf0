package soak

import (
	"bufio"
	"bytes"
	"context"
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
		s.remember(id)
	}
	kept := fmt.Sprintf("kept by %d", n)
	s.remember(kept)
	c.kept = newSession(kept)
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

// sleep waits for a time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
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
	n := c.random.IntN(100)
	if s == c.kept && n < 40 && c.random.IntN(5) > 0 {
		n += 40 // check the session
	}
	switch {
	case n < 4:
		c.begin(ctx, s, "/new-session")
	case n < 6:
		c.begin(ctx, s, "/auto-reset")
	case n < 7:
		c.clear(ctx, s)
		c.look(ctx, s)
	case n < 8:
		c.clean(ctx, s)
		c.look(ctx, s)
	case n < 11:
		c.mint(ctx)
	case n < 18:
		c.upload(ctx, s, 1, false)
	case n < 21:
		c.upload(ctx, s, 2+c.random.IntN(2), false)
	case n < 25:
		c.upload(ctx, s, 1, true)
	case n < 27:
		c.uploadAnew(ctx, s)
	case n < 29:
		c.uploadBase64(ctx, s)
	case n < 32:
		c.race(ctx, s)
	case n < 34:
		c.convert(ctx)
	case n < 40:
		c.workflow(ctx, s)
	case n < 50:
		c.order(ctx, s)
	case n < 66:
		c.look(ctx, s)
	case n < 72:
		c.download(ctx, s, "xlsx")
	case n < 77:
		c.download(ctx, s, "json")
	case n < 79:
		c.routing(ctx, s)
	case n < 84:
		c.status(ctx, s)
	case n < 86:
		c.validate(ctx, s)
	case n < 91:
		c.files(ctx, s)
	case n < 93:
		c.picture(ctx, s)
	case n < 96:
		c.watch(ctx, s)
	case n < 97:
		c.process(ctx, s)
	case n < 99:
		c.browse(ctx)
	default:
		c.gone(ctx)
	}
}

// found reports a finding about a session. "" means none.
func (c *client) found(f finding, s *session, what string, body []byte) {
	if f != "" {
		c.report.violated(string(f), "client %s, %s: %s was answered %.400q", c.name, s, what, body)
		s.lostTrack = true
	}
}

// broken reports an invalid answer of status 200.
func (c *client) broken(s *session, what string, a answer, err error) {
	c.report.violated(unpromised, "client %s, %s: the answer to %s cannot be understood (%v): %.300q", c.name, s, what, err, a.Body)
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
	a := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: what, SID: s.id})
	switch a.outcome {
	case unknown:
		s.mayHave(cleaned)
	case done:
		var v struct {
			Status string
			api.Removed
		}
		if err := a.Into(&v); err != nil {
			c.broken(s, what, a, err)
		} else {
			c.found(s.seesRemoved(v.Removed.Removed.Files, v.Removed.Removed.Bytes), s, what, a.Body)
		}
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
		if err := a.Into(&v); err != nil {
			c.broken(s, what, a, err)
		} else {
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
		c.report.violated(string(contaminated), "client %s: /new-session minted %q, which it had minted before", c.name, v.SessionID)
	}
	c.minted = newSession(v.SessionID)
	c.minted.set([]state{state{}.Begun()})
}

// docs makes n documents.
func (c *client) docs(n int) []*Document {
	var docs []*Document
	for range n {
		d, err := c.press.next()
		if err != nil {
			panic(fmt.Sprintf("inventing a document: %v", err)) // a mistake in this program
		}
		docs = append(docs, d)
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
	r := api.Request{Method: "POST", Path: "/upload", SID: s.id}
	change := replaced(docs...)
	if st, ok := s.sure(); add && ok && len(st.Bills) < 6 {
		r.Query = url.Values{"mode": {"append"}}
		change = appended(docs...)
	}
	r.Kind, r.Body = pdfs(docs...)
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
	up := api.Request{Method: "POST", Path: "/upload", SID: s.id}
	up.Kind, up.Body = pdfs(d...)
	answered := make(chan answer)
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
	if !ok || len(st.Bills) == 0 {
		if ok {
			// Orders without bills are refused.
			d := c.docs(1)[0]
			a := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: "/upload-csv", SID: s.id, Kind: "text/csv", Body: d.CSV}, "no_bol")
			if a.outcome == done {
				c.found(lost, s, "/upload-csv without bills", a.Body)
			}
			return
		}
		c.look(ctx, s)
		return
	}
	f := file{st.Bills[c.random.IntN(len(st.Bills))].Document, []string{".csv", ".xlsx"}[c.random.IntN(2)]}
	change := ordered(f)
	r := api.Request{Method: "POST", Path: "/upload-csv", SID: s.id}
	r.Kind, r.Body = api.Form(api.Part{Name: f.name(), Content: f.content()})
	a := c.ask(ctx, c.hc, r)
	switch a.outcome {
	case unknown:
		s.mayHave(change)
	case done:
		s.did(change)
		var v struct{ Rows int }
		if err := a.Into(&v); err != nil {
			c.broken(s, r.String(), a, err)
		} else if v.Rows != len(f.sample.Orders) {
			c.found(wrong, s, r.String(), a.Body)
		}
	}
	if c.random.IntN(2) == 0 {
		c.look(ctx, s)
	}
}

// look downloads the sheet as CSV, by one of the routes for it.
func (c *client) look(ctx context.Context, s *session) {
	path := []string{"/download", "/download-bol", "/download-bol/combined_data.csv"}[c.random.IntN(3)]
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: path, SID: s.id}, "no_sheet", "not_found")
	switch a.outcome {
	case done:
		c.report.count("downloads compared")
		c.found(s.seesCSV(a.Body), s, path, a.Body)
	case refused:
		if a.code == "no_sheet" || a.code == "not_found" {
			c.report.count("downloads of sessions without a sheet")
			c.found(s.seesNone(), s, path, a.Body)
		}
	}
}

func (c *client) download(ctx context.Context, s *session, format string) {
	what := "/download-bol as " + format
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: "/download-bol", SID: s.id, Query: url.Values{"format": {format}}}, "no_sheet", "not_found")
	switch a.outcome {
	case done:
		c.report.count("downloads compared")
		if format == "xlsx" {
			c.found(s.seesXLSX(a.Body), s, what, a.Body)
		} else {
			c.found(s.seesJSON(a.Body), s, what, a.Body)
		}
	case refused:
		if a.code == "no_sheet" || a.code == "not_found" {
			c.found(s.seesNone(), s, what, a.Body)
		}
	}
}

// routing downloads the routing of the sheet.
func (c *client) routing(ctx context.Context, s *session) {
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: "/routing", SID: s.id, Query: url.Values{"format": {"json"}}}, "no_sheet", "not_found")
	switch a.outcome {
	case done:
		c.report.count("downloads compared")
		c.found(s.seesRouting(a.Body), s, "/routing", a.Body)
	case refused:
		if a.code == "no_sheet" || a.code == "not_found" {
			c.found(s.seesNone(), s, "/routing", a.Body)
		}
	}
}

func (c *client) status(ctx context.Context, s *session) {
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: "/status", SID: s.id})
	if a.outcome != done {
		return
	}
	var v api.Status
	if err := a.Into(&v); err != nil {
		c.broken(s, "/status", a, err)
		return
	}
	c.found(s.seesFiles(v.Exists, v.Uploaded()), s, "/status", a.Body)
}

// validate asks whether the session is clean, and compares the names of its files.
func (c *client) validate(ctx context.Context, s *session) {
	const what = "/validate-session"
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: what, SID: s.id})
	if a.outcome != done {
		return
	}
	var v struct {
		Exists bool     `json:"directory_exists"`
		Names  []string `json:"files_found"`
	}
	if err := a.Into(&v); err != nil {
		c.broken(s, what, a, err)
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
func (c *client) files(ctx context.Context, s *session) {
	st, ok := s.sure()
	if !ok || len(st.Bills) == 0 {
		c.look(ctx, s)
		return
	}
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
	a := c.ask(ctx, c.hc, api.Request{Method: "GET", Path: "/view", SID: s.id})
	if a.outcome != done {
		return
	}
	var v struct {
		Version string
		Bills   []struct{}
	}
	if err := a.Into(&v); err != nil {
		c.broken(s, "/view", a, err)
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
	a := c.ask(ctx, c.hc, api.Request{Method: "POST", Path: "/process", SID: s.id}, "no_bol")
	switch a.outcome {
	case done:
		var v struct {
			Rows int `json:"row_count"`
		}
		if err := a.Into(&v); err != nil {
			c.broken(s, "/process", a, err)
		} else if !s.narrow(func(st state) bool { _, lines := countOf(st); return lines == v.Rows }) {
			c.found(wrong, s, "/process", a.Body)
		}
	case refused:
		if a.code == "no_bol" {
			c.found(s.seesNone(), s, "/process", a.Body)
		}
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
		if err := a.Into(&v); err != nil {
			c.broken(s, way.path, a, err)
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
		c.report.violated(string(contaminated), "client %s: /new-session without a name was answered %.300q", c.name, a.Body)
		return
	}
	s := newSession(v.SessionID)
	s.set([]state{state{}.Begun()})
	d := c.docs(1)
	r := api.Request{Method: "POST", Path: "/upload"}
	r.Kind, r.Body = pdfs(d...)
	c.attached(s, "/upload by the cookie", c.ask(ctx, browser, r), state.Opened, replaced(d...))
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
	events := make(chan event, 100)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var e event
				if json.Unmarshal([]byte(data), &e) == nil {
					select {
					case events <- e:
					default: // more than needed
					}
				}
			}
		}
	}()
	excused := func() bool {
		return run.Err() != nil || c.trouble.since(down, began) || c.trouble.since(crowded, began)
	}
	first, ok := <-events
	if !ok && excused() {
		return
	}
	if first.Type != "state" || !s.narrow(func(st state) bool { b, l := countOf(st); return b == first.Bills && l == first.Lines }) {
		c.report.violated(string(wrong), "client %s, %s: its events began with %+v", c.name, s, first)
	}
	d := c.docs(1)
	up := api.Request{Method: "POST", Path: "/upload", SID: s.id}
	up.Kind, up.Body = pdfs(d...)
	a := c.ask(ctx, c.hc, up)
	c.attached(s, up.String(), a, state.Opened, replaced(d...))
	if a.outcome != done {
		return
	}
	for e := range events {
		if e.Type == "attached" && e.Kind == "bol" && e.Bills == d[0].Bills() && e.Lines == d[0].Lines() {
			c.report.count("uploads that events reported")
			return
		}
	}
	if !excused() {
		c.report.violated(unpromised, "client %s, %s: the stream of events ended without reporting an upload that was acknowledged", c.name, s)
	}
}
