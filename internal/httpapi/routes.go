package httpapi

import (
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/report"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// serviceName is the service's name in answers.
const serviceName = "Tallyman"

// route is one row of the table: how requests are served, and everything that their
// description says.
type route struct {
	path    string
	methods []string
	// op is the name of the session operation in the log, "" for other routes.
	op      string
	summary string

	public  bool // no key is needed
	static  bool // a file; _action has no effect
	page    bool // it is a page that runs scripts of ours
	changes bool // it changes the session
	begins  bool // it begins or ends a session itself
	reads   bool // it reads the body, although it needs no input

	optional bool // its bodies may be left out
	accepted bool // its success is 202, with a header Location

	queries []parameter
	bodies  []bodyDoc
	answer  reflect.Type // the type of its JSON
	media   []string     // media types besides or instead of JSON
	faults  []fault.Code // codes besides those of every route

	handle func(*call) (any, error)
}

// parameter is a parameter of one route, in its query or path.
type parameter struct {
	name, in, about string
	values          []string
	required        bool // parts of paths are in any case
}

// bodyDoc describes one kind of body that a route takes.
type bodyDoc struct {
	media  string
	about  string
	fields []bodyField // nil for a body that is one file
}

type bodyField struct {
	name, about string
	file        bool // binary
	many        bool
	required    bool
}

// rawDocs describes bodies that are one file.
func rawDocs(kinds []string, about string) []bodyDoc {
	return text.Each(kinds, func(kind string) bodyDoc { return bodyDoc{media: kind, about: about} })
}

// conversionDocs describes the files of a conversion by the names of their fields, the
// second of which may be "".
func conversionDocs(bills, billsToo, orders, ordersToo string) []bodyDoc {
	fields := []bodyField{{name: bills, about: "a PDF of bills, or a picture of a page; may be repeated, in the order of the pages", file: true, many: true}}
	if billsToo != "" {
		fields = append(fields, bodyField{name: billsToo, about: "the same", file: true, many: true})
	}
	fields = append(fields, bodyField{name: orders, about: "the order export: CSV, XLSX or XLS. A file in another field is recognised by its content, and accepted if its kind is clear", file: true})
	if ordersToo != "" {
		fields = append(fields, bodyField{name: ordersToo, about: "the same", file: true}, bodyField{name: "format", about: "csv, xlsx, json or ebol"})
	}
	return []bodyDoc{{media: body.Multipart, fields: fields}}
}

// typed makes a handler with an answer of one type a route's.
func typed[T any](rt route, f func(*call) (T, error)) *route {
	rt.answer = reflect.TypeFor[T]()
	rt.handle = func(c *call) (any, error) {
		a, err := f(c)
		if err != nil {
			return nil, err
		}
		return a, nil
	}
	return &rt
}

var (
	get  = []string{http.MethodGet}
	post = []string{http.MethodPost}
)

func byteCount(n int64) slog.Attr { return slog.Int64("bytes", n) }

// The faults that routes have in common.
var (
	bodyFaults = []fault.Code{fault.BadRequest, fault.TooLarge, body.UnsupportedType, body.RequestTimeout, body.TooManyParts, fault.NoUpload}
	readFaults = []fault.Code{fault.EmptyFile, fault.TooSlow, fault.TooMuchMemory, fault.WorkerCrashed, fault.WorkerStopped}
	pdfFaults  = []fault.Code{fault.NotAPDF, fault.DamagedPDF, fault.EncryptedPDF, fault.DamagedPicture, fault.NoText, fault.NoBills, fault.UnreadForm}
	csvFaults  = []fault.Code{fault.NotAnOrderFile, fault.DamagedOrders, fault.OldXLS, fault.MissingColumns, fault.NoOrderRows}
	// What is stored may turn out to be damaged when it is read.
	storedFaults = []fault.Code{blob.Damaged}
)

var codes = slices.Concat[[]fault.Code]

// acceptParameter accepts bills of no known form that no total proves.
var acceptParameter = parameter{name: "accept_unproved", in: "query", about: "true puts bills into the sheet that are of no known form and that no total proves", values: []string{"true", "false"}}

var formatParameter = parameter{name: "format", in: "query", about: "the sheet's format; csv by default; ebol is JSON with drafts of electronic bills of lading", values: []string{"csv", "xlsx", "json", "ebol"}}

var sheetMedia = []string{sheet.CSV.ContentType(), sheet.XLSX.ContentType(), sheet.JSON.ContentType()}

var staticMedia = []string{"text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml", "text/html; charset=utf-8"}

// mapParameters say what columns of an order export mean.
var mapParameters = []parameter{
	{name: "map", in: "query", about: "what a column of the order export means, as in Qty=cartons, or Qty= for one that is not read; may be repeated"},
	{name: "remember", in: "query", about: "true adds what map says to your profile", values: []string{"true", "false"}},
}

// listingParameters name a page of a listing of sessions.
var listingParameters = []parameter{
	{name: "limit", in: "query", about: "sessions per page, 1 to 1000; 100 by default"},
	{name: "after", in: "query", about: "\"next\" of the previous page"},
}

// routes is the table of DESIGN.md §7.
func routes() []*route {
	modeParameter := parameter{name: "mode", in: "query", about: "append adds the bills to the session's and keeps its orders", values: []string{"append", "replace"}}
	teachParameter := parameter{name: "teach", in: "query", about: "true also attaches documents of which no bill can be read, so that their form can be taught by /learn", values: []string{"true", "false"}}
	keyParameter := parameter{name: "Idempotency-Key", in: "header", about: "a name of this upload, new for each one: repeated with it, the upload is not attached again"}
	modeField := bodyField{name: "mode", about: "append adds the bills to the session's and keeps its orders"}
	named := []bodyField{{name: "filename", about: "the file's name"}, {name: "name", about: "the same"}, modeField}
	base64Field := func(name string) bodyField {
		return bodyField{name: name, about: "the PDF as base64, as a data: URL, or in JSON as {\"$content\": base64}"}
	}
	billFaults := codes(bodyFaults, readFaults, pdfFaults, storedFaults, []fault.Code{session.Superseded, session.Changed, desk.KeyReused})

	rs := []*route{
		&route{path: "/", methods: get, public: true, page: true, op: "open",
			summary: "The page; with ?format=json or Accept: application/json, a list of the routes",
			queries: []parameter{{name: "format", in: "query", about: "json for programs", values: []string{"json"}}},
			media:   []string{"text/html; charset=utf-8"},
			answer:  reflect.TypeFor[readyAnswer](), handle: handleRoot},
		typed(route{path: "/new-session", methods: []string{http.MethodPost, http.MethodGet}, op: "new", changes: true, begins: true,
			summary: "Begin a new, empty session with the given ID, or with a minted one",
		}, handleNew),
		typed(route{path: "/clear-session", methods: post, op: "clear", changes: true, begins: true,
			summary: "End the session and remove its files",
		}, handleClear),
		typed(route{path: "/auto-reset", methods: post, op: "reset", changes: true, begins: true,
			summary: "Clear and new in one step",
		}, handleReset),
		typed(route{path: "/upload", methods: post, op: "attach_bol", changes: true,
			summary: "Attach the BOL: one PDF or picture, or more",
			queries: []parameter{modeParameter, keyParameter, teachParameter},
			bodies: append([]bodyDoc{
				{media: body.Multipart, fields: append([]bodyField{{name: "file", about: "a PDF of bills, or a picture of a page (JPEG, PNG, TIFF, WebP); may be repeated, in the order of the pages. A file in another field is accepted if it is the only one", file: true, many: true, required: true}}, named...)},
			}, rawDocs(billTypes, "one PDF or picture; ?filename= names it")...),
			faults: codes(billFaults, []fault.Code{body.BadBase64, session.TooManyFiles}),
		}, handleUpload),
		typed(route{path: "/upload-base64", methods: post, op: "attach_bol", changes: true,
			summary: "Attach the BOL from JSON",
			queries: []parameter{modeParameter, keyParameter, teachParameter},
			bodies:  []bodyDoc{{media: body.JSON, fields: append([]bodyField{base64Field("file_data"), base64Field("attachmentData")}, named...)}},
			faults:  codes(billFaults, []fault.Code{body.BadBase64}),
		}, handleUploadBase64),
		typed(route{path: "/upload-attachment", methods: post, op: "attach_bol", changes: true,
			summary: "Attach the BOL from JSON or a form",
			queries: []parameter{modeParameter, keyParameter, teachParameter},
			bodies: func() (bodies []bodyDoc) {
				fields := append([]bodyField{base64Field("attachmentData"), base64Field("file_data"), base64Field("data")}, named...)
				bodies = []bodyDoc{{media: body.JSON, fields: fields}, {media: body.URLEncoded, fields: fields}}
				file := bodyField{name: "file", about: "a PDF of bills, used if the other fields are missing", file: true}
				bodies = append(bodies, bodyDoc{media: body.Multipart, fields: append([]bodyField{file}, fields...)})
				return append(bodies, rawDocs(billTypes, "one PDF; ?filename= names it")...)
			}(),
			faults: codes(billFaults, []fault.Code{body.BadBase64, session.TooManyFiles}),
		}, handleUploadAttachment),
		typed(route{path: "/upload-csv", methods: post, op: "attach_orders", changes: true,
			summary: "Attach the order export, which is joined with the bills",
			queries: append([]parameter{{name: "mode", in: "query", about: "append adds the export to the session's", values: []string{"append", "replace"}}, keyParameter}, mapParameters...),
			bodies: func() (bodies []bodyDoc) {
				text := []bodyField{
					{name: "csv_data", about: "the export as text, as base64, as a data: URL, or in JSON as {\"$content\": base64}"},
					{name: "file_data", about: "the same"},
					{name: "csv", about: "the same, used if the fields above are missing"},
					{name: "csv_file", about: "the same as csv"},
					{name: "data", about: "the same as csv"},
					{name: "attachmentData", about: "the same as csv"},
					{name: "filename", about: "the file's name"},
					{name: "name", about: "the same"},
					{name: "map", about: mapParameters[0].about + "; several in one field stand on lines of their own"},
					{name: "remember", about: mapParameters[1].about},
					{name: "mode", about: "append adds the export to the session's"},
				}
				file := bodyField{name: "file", about: "the export: CSV, XLSX or XLS. A file in another field is accepted if it is the only one", file: true}
				bodies = append(bodies,
					bodyDoc{media: body.Multipart, fields: append([]bodyField{file}, text...)},
					bodyDoc{media: body.JSON, fields: text}, bodyDoc{media: body.URLEncoded, fields: text})
				return append(bodies, rawDocs(exportTypes, "the export itself; ?filename= names it")...)
			}(),
			faults: codes(bodyFaults, readFaults, csvFaults, storedFaults, []fault.Code{desk.NoBOL, body.BadBase64, session.Superseded, session.Changed, desk.KeyReused}),
		}, handleUploadCSV),
	}
	convertFaults := codes(bodyFaults, readFaults, pdfFaults, csvFaults, storedFaults, []fault.Code{body.BadBase64, session.TooManyFiles})
	for _, path := range []string{"/process", "/process-workflow"} {
		rs = append(rs, &route{path: path, methods: post, op: "reread", changes: true, optional: true,
			summary: "Read the stored BOL again; with files make their sheet without a session, as /convert does",
			bodies:  conversionDocs("pdf", "file", "csv", "csv_file"),
			answer:  reflect.TypeFor[processAnswer](), media: sheetMedia,
			faults: codes(convertFaults, []fault.Code{desk.NoBOL, session.Superseded, session.Changed}),
			handle: handleProcess})
	}
	for _, r := range []struct{ path, bills string }{{"/upload-stateless", "file"}, {"/upload-stateless-multipart", "pdf_file"}} {
		rs = append(rs, typed(route{path: r.path, methods: post, op: "convert",
			summary: "Make a sheet without a session, and return it as CSV within JSON",
			bodies:  conversionDocs(r.bills, "", "csv_file", ""),
			faults:  convertFaults,
		}, handleStateless(r.bills)))
	}
	for _, r := range []struct{ path, base string }{{"/download-bol", "BOL_processed"}, {"/download", "combined_data"}} {
		rs = append(rs, &route{path: r.path, methods: get, op: "sheet", media: sheetMedia,
			summary: "The sheet, as " + r.base + ".csv",
			queries: []parameter{formatParameter, acceptParameter},
			faults:  codes(storedFaults, []fault.Code{desk.NoSheet, BadRange}),
			handle:  func(c *call) (any, error) { return c.download(r.base) }})
	}
	rs = slices.Concat(rs, learnRoutes(), amendmentRoutes(), webhookRoutes(), jobRoutes(keyParameter), profileRoutes())
	return append(rs,
		&route{path: "/download-bol/{name}", methods: get, op: "file",
			summary: "One of the session's files",
			queries: []parameter{{name: "name", in: "path", about: "a name from /files"}},
			media:   []string{"text/csv; charset=utf-8", "application/pdf", sheet.XLSX.ContentType(), "application/vnd.ms-excel", body.JSON},
			faults:  codes(storedFaults, []fault.Code{fault.NotFound, BadRange}),
			handle:  handleDownloadFile},
		&route{path: "/routing", methods: get, op: "routing", media: sheetMedia,
			summary: "What routing requests ask for: the bills by ship-to and ship window, and within that by purchase order",
			queries: []parameter{
				{name: "format", in: "query", about: "the table's format; csv by default", values: []string{"csv", "xlsx", "json"}},
				{name: "on", in: "query", about: "the day for which windows are examined, as 2025-07-30; today by default"},
				acceptParameter,
			},
			faults: codes(storedFaults, []fault.Code{desk.NoSheet, BadRange}),
			handle: handleRouting},
		&route{path: "/report", methods: get, op: "report", media: []string{report.HTML.ContentType(), report.PDF.ContentType()},
			summary: "What needs a person's eye, by bill, with who checked what and what was amended: a page to print, or a PDF",
			queries: []parameter{{name: "format", in: "query", about: "html, which is the default, or pdf", values: []string{"html", "pdf"}}},
			faults:  codes(storedFaults, []fault.Code{desk.NoSheet}),
			handle:  handleReport},
		typed(route{path: "/status", methods: get, op: "status",
			summary: "The state of the session; creates no session",
			faults:  storedFaults,
		}, handleStatus),
		typed(route{path: "/files", methods: get, op: "files",
			summary: "The session's files",
			faults:  storedFaults,
		}, handleFiles),
		typed(route{path: "/files", methods: []string{http.MethodDelete}, op: "detach", changes: true,
			summary: "Take one of the session's files away again, and keep everything else",
			queries: []parameter{
				{name: "name", in: "query", about: "its name in the answer of GET", required: true},
				{name: "revision", in: "query", about: "\"revision\" of the state in which you saw it: if the session has another by now, nothing is removed and the answer is 409 changed"},
				{name: "of", in: "query", about: "\"version\" of that state from /view: the same, and after a reset, too"},
			},
			faults: []fault.Code{fault.NotFound, desk.AmendmentsChanged, session.Superseded},
		}, handleDetach),
		typed(route{path: "/validate-session", methods: get, op: "validate",
			summary: "Is the session clean? _sid is required",
			faults:  codes(storedFaults, []fault.Code{SessionRequired}),
		}, handleValidate),
		typed(route{path: "/auto-clean-session", methods: post, op: "clean", changes: true,
			summary: "Empty the session, if it has files. _sid is required",
			faults:  []fault.Code{SessionRequired},
		}, handleClean),
		&route{path: "/events", methods: get, op: "events", media: []string{"text/event-stream"},
			summary: "What happens in the session, as server-sent events: state, new, cleared, expired, reading, progress, attached, detached, failed",
			faults:  []fault.Code{SessionRequired},
			handle:  handleEvents},
		&route{path: "/convert", methods: post, op: "convert", media: sheetMedia,
			summary: "Make a sheet without a session",
			queries: []parameter{formatParameter, acceptParameter},
			bodies:  conversionDocs("pdf", "file", "csv", "csv_file"),
			faults:  convertFaults,
			handle:  handleConvert},
		typed(route{path: "/sessions", methods: get, op: "sessions",
			summary: "The sessions of the caller's key, to go on with one; none where there are no keys",
			queries: listingParameters,
		}, handleSessions),
		typed(route{path: "/debug-sessions", methods: get, op: "debug_sessions",
			summary: "The caller's sessions; all sessions for admin keys, and on this machine if there are no keys",
			queries: listingParameters,
		}, handleDebugSessions),
		typed(route{path: "/debug-request", methods: anyMethod, reads: true,
			summary: "An echo of the request as it was received, without its secrets",
			faults:  []fault.Code{fault.BadRequest, fault.TooLarge, body.RequestTimeout},
		}, handleDebugRequest),
		&route{path: "/ping", methods: get, public: true, summary: "Is the server alive?",
			answer: reflect.TypeFor[aliveAnswer](), handle: handlePing},
		&route{path: "/wake-up", methods: get, public: true, summary: "Is the server awake?",
			answer: reflect.TypeFor[wakeAnswer](), handle: handleWakeUp},
		&route{path: "/health", methods: get, public: true, summary: "Do storage and PDF workers work? 503 if not",
			answer: reflect.TypeFor[healthAnswer](), handle: handleHealth},
		&route{path: "/api/health", methods: get, public: true, summary: "The same as /health",
			answer: reflect.TypeFor[healthAnswer](), handle: handleHealth},
		&route{path: "/api/docs", methods: get, public: true, summary: "All routes, for programs",
			answer: reflect.TypeFor[docsAnswer](), handle: handleAPIDocs},
		&route{path: "/openapi.json", methods: get, public: true, static: true, summary: "This description, as OpenAPI 3.1",
			media: []string{"application/json"}, handle: handleOpenAPI},
		&route{path: "/docs", methods: get, public: true, static: true, page: true, summary: "This description, for people",
			media: []string{"text/html; charset=utf-8"}, handle: staticFile("docs.html")},
		&route{path: "/help", methods: get, public: true, static: true, page: true, summary: "Help for people who use the page, with a glossary",
			media: []string{"text/html; charset=utf-8"}, handle: staticFile("help.html")},
		&route{path: "/metrics", methods: get, summary: "Measurements for Prometheus; with keys for admin keys only",
			media: []string{"text/plain"}, faults: []fault.Code{AdminOnly}, handle: handleMetrics},
		&route{path: "/debug/pprof/{name}", methods: get,
			summary: "A profile of the server for go tool pprof or go tool trace; for admin keys, and on this machine if there are no keys",
			queries: []parameter{
				{name: "name", in: "path", about: "which", values: profileNames()},
				{name: "seconds", in: "query", about: "how long to measure: profile 1 to 60 (default 30), block and mutex 1 to 60 (10), trace 1 to 10 (1)"},
				{name: "debug", in: "query", about: "1 for text; not for profile and trace", values: []string{"0", "1"}},
			},
			media:  []string{body.Octets, "text/plain; charset=utf-8"},
			faults: []fault.Code{AdminOnly, fault.NotFound},
			handle: handleProfile},
		&route{path: "/client.js", methods: get, public: true, static: true, summary: "A client of this API as an ES module, for browsers and Node",
			media: []string{"text/javascript; charset=utf-8"}, handle: staticFile("client.js")},
		&route{path: "/view", methods: get, op: "view", answer: reflect.TypeFor[viewAnswer](),
			summary: "The session and its sheet as of one instant, for the page; creates no session",
			queries: []parameter{{name: "have", in: "query", about: "the version of the sheet that the caller has; an unchanged sheet is left out of the answer"}},
			faults:  storedFaults,
			handle:  handleView},
		&route{path: "/page-picture", methods: get, op: "picture", media: []string{"image/png"},
			summary: "A page of the session's BOL as a picture; the header Page-Size gives the page's width and height in points",
			queries: []parameter{
				{name: "of", in: "query", about: "the version of the sheet from /view, so that the picture is never of another document", required: true},
				{name: "file", in: "query", about: "the file, counted from 0; 0 by default"},
				{name: "page", in: "query", about: "the page, counted from 1; 1 by default"},
				{name: "width", in: "query", about: "the width of the picture in pixels; 1200 by default"},
			},
			faults: codes(readFaults, storedFaults, []fault.Code{fault.TooLarge, fault.NotAPDF, fault.DamagedPDF, fault.EncryptedPDF, fault.DamagedPicture, fault.NotFound, fault.NoSuchPage, session.Changed}),
			handle: handlePicture},
		&route{path: "/sample/{name}", methods: get, public: true, static: true, summary: "Invented bills and orders to try things with: bol.pdf and orders.csv, bol-with-mistakes.pdf and orders-with-mistakes.csv",
			queries: []parameter{{name: "name", in: "path", about: "the file's name"}},
			media:   []string{"application/pdf", sheet.CSV.ContentType()}, faults: []fault.Code{fault.NotFound}, handle: handleSample},
		&route{path: "/static/{version}/{name}", methods: get, public: true, static: true, summary: "Parts of the pages of one build, which never change",
			queries: []parameter{{name: "version", in: "path", about: "the build"}, {name: "name", in: "path", about: "a part's name"}},
			media:   staticMedia, faults: []fault.Code{fault.NotFound}, handle: handleVersioned},
		&route{path: "/static/{name}", methods: get, public: true, static: true, summary: "Parts of the pages",
			queries: []parameter{{name: "name", in: "path", about: "a part's name"}},
			media:   staticMedia, faults: []fault.Code{fault.NotFound},
			handle: func(c *call) (any, error) { return nil, c.static(c.r.PathValue("name")) }},
	)
}

// notFoundRoute answers requests for unknown paths.
var notFoundRoute = &route{path: "(none)", public: true, static: true, handle: func(c *call) (any, error) {
	return nil, fault.New(fault.NotFound, "there is nothing at %.80q; /docs lists what there is", c.r.URL.Path)
}}

// methodNotAllowedRoute answers for methods that a path does not have.
func methodNotAllowedRoute(path, allow string) *route {
	return &route{path: path, public: true, static: true, handle: func(c *call) (any, error) {
		c.w.Header().Set("Allow", allow)
		return nil, fault.New(MethodNotAllowed, "%.80s takes %s, not %.20s", path, allow, c.r.Method)
	}}
}

// wordsOf makes the path of a route a name.
var wordsOf = strings.NewReplacer("/", "_", "-", "_")

// endpoints names the routes that programs use, for answers that list them:
// "upload_csv" is /upload-csv.
func endpoints(rs []*route) map[string]string {
	all := map[string]string{}
	for _, rt := range rs {
		if rt.static || rt.page || strings.Contains(rt.path, "{") {
			continue
		}
		all[wordsOf.Replace(rt.path[1:])] = rt.path
	}
	return all
}
