package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/keys"
	"tallyman/internal/session"
	"tallyman/internal/turn"
)

// call is one request while it is served.
type call struct {
	s       *Server
	w       *response // out
	out     response
	r       *http.Request
	control *http.ResponseController
	route   *route
	began   time.Time
	span    trace.Span // nil if the request is not traced
	turn    *turn.Turn // nil if the request does not take turns
	beat    time.Time  // when a stream last told its client that the server is there

	known     []keys.Key // the result of keys, once it was called
	keysErr   error
	keysKnown bool

	values url.Values // the query
	caller caller
	naming naming
	body   *body.Body
	attrs  []slog.Attr
	err    error
	broken bool // the answer is cut off
	noOp   bool // the session was not touched, although the route can touch it
}

// errPanic is the error that clients get after a panic. The panic itself is in the log.
var errPanic = errors.New("panic")

// answer serves the request.
func (c *call) answer() error {
	defer func() { c.turn.End() }()
	err := c.parseQuery()
	if err != nil {
		return err
	}
	if err := c.checkHost(); err != nil {
		return err
	}
	action := c.query("_action") == "new_session" && !c.route.static && c.r.Method != http.MethodHead
	if action && c.route.page && !wantsJSON(c.r) {
		// The page is served without a key: it lets its user sign in.
		if _, err := c.identify(); fault.CodeOf(err) == Unauthorized {
			action = false
		}
	}
	changes := c.route.changes || action
	if err := c.checkOrigin(changes); err != nil {
		return err
	}
	if !c.route.public || action {
		if c.caller, err = c.identify(); err != nil {
			return err
		}
		if c.caller.own {
			shownKey(c.r)
		}
		if c.naming, err = c.name(); err != nil {
			return err
		}
		c.trace()
		if err := c.takeTurn(); err != nil {
			return err
		}
		if changes {
			if err := c.mayChange(); err != nil {
				return err
			}
			if c.naming.cookie != "" && c.naming.given == "" && foreign(c.r) {
				return fault.New(CrossOrigin, "a page of another site cannot change the session of a browser's cookie; name the session with _sid")
			}
		}
		if action && !c.route.begins {
			if _, _, err := c.begin(); err != nil {
				return err
			}
		}
	}
	if c.route.bodies == nil && c.route.methods != nil && !c.route.reads {
		if err := c.body.Ignore(); err != nil {
			return err
		}
	}
	out, err := c.route.handle(c)
	if err != nil {
		return err
	}
	switch out := out.(type) {
	case nil: // the handler has written its answer
	case *file:
		return c.send(out)
	default:
		if want := c.route.answer; want != nil && reflect.TypeOf(out) != want {
			return fmt.Errorf("the route %s answered with %T, which its description does not contain", c.route.path, out)
		}
		c.json(http.StatusOK, out)
	}
	return nil
}

// takeTurn waits for the request's turn on the processors, if it is a session operation of
// an owner with a key. It fails with fault.Busy if too many requests of the owner wait.
func (c *call) takeTurn() error {
	if c.route.op == "" {
		return nil
	}
	ctx, t, err := c.s.begin(c.r.Context(), c.caller.owner)
	if err == nil && t != nil {
		c.r, c.turn = c.r.WithContext(ctx), t
	}
	return err
}

// pause gives the turn up until resume; see turn.Turn.Pause.
func (c *call) pause() (resume func()) { return c.turn.Pause(c.r.Context()) }

// query returns a parameter of the URL's query, "" if it is missing.
func (c *call) query(name string) string { return c.values.Get(name) }

// json answers with JSON.
func (c *call) json(status int, v any) {
	e := encoders.Get().(*encoder)
	e.Reset()
	if err := e.json.Encode(v); err != nil {
		c.err = fmt.Errorf("encoding the answer: %w", err)
		status = http.StatusInternalServerError
		e.Reset()
		e.WriteString(`{"error":"Something went wrong on the server.","code":"internal"}` + "\n")
	}
	h := c.w.Header()
	h["Content-Type"] = mediaJSON
	h["Content-Length"] = []string{strconv.Itoa(e.Len())}
	c.w.WriteHeader(status)
	c.w.Write(e.Bytes()) // net/http does not send it to who asked for the head
	if e.Cap() <= writePiece {
		encoders.Put(e)
	}
}

var mediaJSON = []string{"application/json"}

// encoder encodes answers.
type encoder struct {
	bytes.Buffer
	json *json.Encoder
}

// encoders are used again: most answers are short.
var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.json = json.NewEncoder(e)
	return e
}}

// fail answers with an error.
func (c *call) fail(err error) {
	c.err = err
	if c.w.status != 0 {
		c.broken = true
		return
	}
	status, a := translate(err)
	if id := c.naming.id(); id != "" {
		a.SessionID = string(id)
	}
	errorHeaders(c.w.Header(), err, a)
	whole := c.r.ContentLength == 0 || c.body.Err() == io.EOF
	if !whole {
		c.w.Header().Set("Connection", "close")
		c.control.EnableFullDuplex() // else the answer would wait for the body, which may never come
	}
	c.json(status, a)
	if !whole && c.body.Err() == nil {
		c.control.Flush()
		c.body.Drain()
	}
}

// finish counts the request, and logs it if it is a session operation.
func (c *call) finish() {
	took := time.Since(c.began)
	status := c.w.status
	c.s.metrics.observe(c, status, took)
	outcome := "ok"
	var code fault.Code
	if c.err != nil {
		_, a := translate(c.err)
		code = a.Code
		outcome = string(code)
	}
	defer c.endTrace(status, outcome)
	switch code {
	case fault.Internal, blob.StorageFull, blob.StorageUnavailable, blob.Damaged:
		cause := errors.Unwrap(c.err)
		if f, found := errors.AsType[*fault.Error](c.err); found {
			cause = f.Err
		}
		c.s.log.ErrorContext(c.r.Context(), "request failed", "route", c.route.path, "error", c.err, "cause", cause)
		c.s.metrics.ours.WithLabelValues(string(code)).Inc()
	}
	if c.route.op == "" || c.noOp {
		return
	}
	log := c.s.log.Handler()
	if !log.Enabled(c.r.Context(), slog.LevelInfo) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 16),
		slog.String("op", c.route.op),
		slog.String("outcome", outcome),
		slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
	)
	if id := c.naming.id(); id != "" {
		attrs = append(attrs, slog.String("session", c.key().Hash()), slog.String("kind", string(c.kind())))
	}
	if c.caller.owner != "" {
		attrs = append(attrs, slog.String("owner", string(c.caller.owner)))
	}
	// A Logger would look up the place in the code as well, which is not in the log.
	line := slog.NewRecord(c.began.Add(took), slog.LevelInfo, "session", 0)
	line.AddAttrs(append(attrs, c.attrs...)...)
	_ = log.Handle(c.r.Context(), line)
}

// note adds a figure to the request's line in the log.
func (c *call) note(name string, n int) { c.attrs = append(c.attrs, slog.Int(name, n)) }

func (c *call) noteRemoved(r session.Removed) {
	c.note("files_removed", r.Files)
	c.attrs = append(c.attrs, slog.Int64("bytes_removed", r.Bytes))
}

// disposition returns the Content-Disposition header for a download. The name may
// contain anything.
func disposition(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' || r == '%' || r == '/' {
			return '_'
		}
		return r
	}, name)
	if ascii == name {
		return mime.FormatMediaType("attachment", map[string]string{"filename": name})
	}
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, ascii, strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
}
