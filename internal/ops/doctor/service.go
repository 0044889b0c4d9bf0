package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/client"
	"tallyman/internal/sample"
	"tallyman/internal/text"
)

// expirySoon is the remaining time at which a certificate should have been renewed:
// most are renewed a month before they expire.
const expirySoon = 14 * 24 * time.Hour

// caller calls the service as clients do.
type caller struct {
	*doctor
	http *http.Client
	url  *url.URL
	sid  string
}

// service checks the service at the URL that callers use.
func (d *doctor) service(ctx context.Context) {
	const check = "service"
	u, err := url.Parse(d.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		d.fail(check, "the URL cannot be used — give one such as https://tallyman.example.com, without user and password")
		return
	}
	u.RawQuery, u.Fragment, u.Path = "", "", strings.TrimRight(u.Path, "/")
	s := &caller{
		doctor: d, url: u, sid: fresh("doctor-"),
		// Never send the key to the target of a redirect.
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	defer s.http.CloseIdleConnections()
	if !s.health(ctx) || !s.workflow(ctx) {
		return
	}
	s.jobs(ctx)
	s.webhooks(ctx)
	s.names(ctx)
	s.events(ctx)
	s.bodies(ctx)
	s.readers(ctx)
}

// reply is a complete answer.
type reply struct {
	*http.Response
	body []byte
	took time.Duration
}

// code is the code of an error of the server itself, "" if a proxy answered.
func (a reply) code() (code, sentence string) {
	var e struct{ Error, Code string }
	if json.Unmarshal(a.body, &e) != nil {
		return "", ""
	}
	return e.Code, e.Error
}

// says describes an answer in a few words.
func (a reply) says() string {
	if code, sentence := a.code(); code != "" {
		return fmt.Sprintf("%s (%s)", sentence, code)
	}
	return a.Status
}

func (s *caller) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	u := *s.url
	u.Path += path
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err == nil && s.Key != "" {
		r.Header.Set("Authorization", "Bearer "+s.Key)
	}
	return r, err
}

func (s *caller) do(r *http.Request, limit time.Duration) (a reply, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	began := time.Now()
	a.Response, err = s.http.Do(r.WithContext(ctx))
	if err != nil {
		return a, err
	}
	defer a.Body.Close()
	a.took = time.Since(began)
	a.body, err = io.ReadAll(io.LimitReader(a.Body, 4<<20))
	return a, err
}

// plain returns an HTTP error without the URL around it.
func plain(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return "it does not answer in time"
		}
		err = u.Err
	}
	return err.Error()
}

// health requests the server's health, which also shows what is in front of it.
func (s *caller) health(ctx context.Context) bool {
	const check = "service"
	r, err := s.request(ctx, http.MethodGet, "/health", nil, nil)
	if err != nil {
		s.fail(check, "%v", err)
		return false
	}
	// Do not send the key: the path is public, and it is not yet known who answers.
	r.Header.Del("Authorization")
	before := time.Now()
	a, err := s.do(r, 2*s.answer)
	if err != nil {
		s.fail(check, "%s cannot be reached: %s — is the server running, and the proxy before it? Is the name right?", s.url, plain(err))
		return false
	}
	var h struct{ Status, Version, Sessions, Contents, Workers, Sweep string }
	code, sentence := a.code()
	switch err := json.Unmarshal(a.body, &h); {
	case a.StatusCode/100 == 3:
		s.fail(check, "%s redirects to %s — give --url the final address; clients lose their uploads in a redirect", s.url, a.Header.Get("Location"))
		return false
	case code != "":
		s.fail(check, "%s", sentence)
		return false
	case err != nil || h.Status == "":
		s.fail(check, "the server at %s is not Tallyman (%s) — correct the URL, or the target of the proxy", s.url, a.Status)
		return false
	case h.Status != "healthy":
		s.fail(check, "it is unhealthy: sessions %s, contents %s, workers %s — its log says why", h.Sessions, h.Contents, h.Workers)
		return false
	}
	if h.Sweep == "stopped" {
		s.warn(check, "its sweep stopped: sessions name too few of the stored files, so sessions may have been lost — restore them, or start once with --sweep-share 100")
	}
	s.ok(check, "%s is healthy: sessions %s, contents %s, workers %s", s.url, h.Sessions, h.Contents, h.Workers)
	if h.Version != s.Version {
		s.warn(check, "it runs version %s, and this program is %s — use the doctor of that version, or replace the server's program and restart it", h.Version, s.Version)
	}
	if date, err := http.ParseTime(a.Header.Get("Date")); err == nil {
		// The date has no fractions of seconds, and is of some moment between request and
		// answer.
		s.clock(check, "the service", date.Add(time.Second/2).Sub(before.Add(a.took/2)), a.took/2+time.Second)
	}
	s.tls(a.Response)
	return true
}

// tls checks how the connection is protected.
func (s *caller) tls(r *http.Response) {
	const check = "TLS"
	if r.TLS == nil {
		if host := s.url.Hostname(); host != "localhost" && !net.ParseIP(host).IsLoopback() {
			s.warn(check, "the connection is not encrypted: others can read keys and documents — put a proxy with TLS in front, and give its https:// URL")
		}
		return
	}
	left := time.Until(r.TLS.PeerCertificates[0].NotAfter)
	if left < expirySoon {
		s.warn(check, "the certificate ends in %.0f days — have it renewed", left.Hours()/24)
		return
	}
	s.ok(check, "the certificate is valid for another %.0f days", left.Hours()/24)
}

// workflow runs a whole workflow with the sample in a session of its own.
func (s *caller) workflow(ctx context.Context) bool {
	const check = "workflow"
	bills, orders, want, err := sampleFiles()
	if err != nil {
		s.fail(check, "%v", err)
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, s.upload)
	defer cancel()
	began := time.Now()
	c := &client.Client{URL: s.url.String(), Key: s.Key, Session: s.sid, HTTP: s.http}
	got, err := c.Run(ctx, client.Upload{Name: sample.PDFName, Content: bytes.NewReader(bills)}, &client.Upload{Name: sample.OrdersName, Content: bytes.NewReader(orders)})
	e, answered := errors.AsType[*client.Error](err)
	switch {
	case answered && e.Code == "unauthorized" && s.Key == "":
		s.fail(check, "the server requires a key — set TALLYMAN_KEY in the environment, or name a file that holds it with --key-file")
	case answered && e.Code == "unauthorized":
		s.fail(check, "the server refuses the key — make one with \"tallyman key add NAME\"; a proxy must pass on Authorization and X-API-Key")
	case answered && e.Code == "":
		s.fail(check, "%s, which is not the server's own answer — look at the proxy before it", e.Message)
	case err != nil:
		s.fail(check, "the workflow with the sample failed: %s", plain(err))
	case !bytes.Equal(got, want):
		s.fail(check, "the returned sheet is not the expected one — something between here and the server changes bodies, or the server is broken")
	default:
		s.ok(check, "the sample gave the expected sheet in %s; the session was cleared", brief(time.Since(began)))
		return true
	}
	return false
}

// jobs has a sheet of the sample made later.
func (s *caller) jobs(ctx context.Context) {
	const check = "jobs"
	var bills, want bytes.Buffer
	m, err := sample.New(sample.Options{Bills: 1, Lines: 1})
	if err == nil {
		err = errors.Join(m.WritePDF(&bills), m.WriteUnmatched(&want))
	}
	if err != nil {
		s.fail(check, "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.upload)
	defer cancel()
	began := time.Now()
	c := &client.Client{URL: s.url.String(), Key: s.Key, HTTP: s.http}
	j, err := c.Submit(ctx, "", client.Upload{Name: sample.PDFName, Content: bytes.NewReader(bills.Bytes())})
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusNotFound {
		s.warn(check, "the server has no jobs — replace its program by this version")
		return
	}
	if err != nil {
		s.fail(check, "no job can be made: %s", plain(err))
		return
	}
	defer func() {
		if err := c.DeleteJob(context.WithoutCancel(ctx), j.ID); err != nil {
			s.warn(check, "the job could not be removed again: %s", plain(err))
		}
	}()
	done, err := c.Wait(ctx, j.ID)
	switch {
	case err != nil:
		s.fail(check, "a job with the sample has no outcome after %s: %s — look at the server's log, and at tallyman_jobs in its metrics", brief(time.Since(began)), plain(err))
		return
	case done.State != "done":
		s.fail(check, "a job with the sample is %s: %+v", done.State, done.Error)
		return
	}
	var got bytes.Buffer
	if err := c.JobSheet(ctx, j.ID, &got, "csv"); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		s.fail(check, "the sheet of a job with the sample is not the expected one (%v)", err)
		return
	}
	s.ok(check, "a job gave the expected sheet in %s; it was removed", brief(time.Since(began)))
}

// webhooks tells whether the server has webhooks, and which need somebody: of the key's owner
// those that are off and whose events were given up, and how many of all owners.
func (s *caller) webhooks(ctx context.Context) {
	const check = "webhooks"
	var got struct {
		Webhooks []struct {
			ID, URL, Off string
			On           bool
		}
		Deliveries []struct{ Host, Problem string }
	}
	ask := func(path string, query url.Values) (a reply, err error) {
		r, err := s.request(ctx, http.MethodGet, path, query, nil)
		if err == nil {
			a, err = s.do(r, s.answer)
		}
		if err == nil && a.StatusCode == http.StatusOK {
			err = json.Unmarshal(a.body, &got)
		}
		return a, err
	}
	a, err := ask("/webhooks", nil)
	code := ""
	if err == nil {
		code, _ = a.code()
	}
	switch {
	case err != nil:
		s.fail(check, "they cannot be listed: %s", plain(err))
		return
	case code == "webhooks_off" && len(s.Webhooks) > 0:
		s.warn(check, "--webhook-allow is given, and the server says: %s — restart it with this option; an open server without keys has none in any case", a.says())
		return
	case code == "webhooks_off":
		s.ok(check, "there are none: the operator allows none, or callers have no keys")
		return
	case a.StatusCode == http.StatusNotFound:
		s.warn(check, "the server has none — replace its program by this version")
		return
	case a.StatusCode != http.StatusOK:
		s.fail(check, "they cannot be listed: %s", a.says())
		return
	}
	before := len(s.findings)
	for _, w := range got.Webhooks {
		if u, err := url.Parse(w.URL); !w.On && err == nil {
			s.warn(check, "%s, to %s, is off: %.200s — switch it on in the page, or with PATCH /webhooks/%s and {\"on\": true}, once it works", w.ID, u.Host, w.Off, w.ID)
		}
	}
	if _, err := ask("/webhooks/deliveries", url.Values{"state": {"dead"}, "limit": {"1"}}); err == nil && len(got.Deliveries) > 0 {
		d := got.Deliveries[0]
		s.warn(check, "events were given up, the latest for %s: %.200s — see GET /webhooks/deliveries?state=dead, and send them again with POST /webhooks/ID/resend", d.Host, d.Problem)
	}
	values, ok := s.metrics(ctx)
	if off, dead := values[`tallyman_webhooks{state="off"}`], values[`tallyman_webhook_events{state="dead"}`]; ok && off+dead > 0 {
		s.warn(check, "of all owners, %.0f webhooks are off and %.0f events were given up — the log (webhook) names owners, hosts and problems", off, dead)
	}
	if late := values["tallyman_webhook_oldest_due_seconds"]; late > lateEvent.Seconds() {
		s.warn(check, "an event has been due for %s — its receiver is slow or silent; see tallyman_webhook_events", brief(time.Duration(late)*time.Second))
	}
	if len(s.findings) == before {
		s.ok(check, "%s of this key's owner; none is off, and no event was given up", text.Count(len(got.Webhooks), "webhook"))
	}
}

// lateEvent is for how long an event may be due before somebody should look; as in the alert.
const lateEvent = 15 * time.Minute

// metrics returns the measurements by name and labels; ok is false if the key may not see them.
func (s *caller) metrics(ctx context.Context) (values map[string]float64, ok bool) {
	r, err := s.request(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return nil, false
	}
	a, err := s.do(r, s.answer)
	if err != nil || a.StatusCode != http.StatusOK {
		return nil, false
	}
	values = map[string]float64{}
	for line := range strings.Lines(string(a.body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = n
		}
	}
	return values, true
}

// names checks which of a request's names and headers arrive.
func (s *caller) names(ctx context.Context) {
	const check = "headers"
	r, err := s.request(ctx, http.MethodGet, "/debug-request", url.Values{"_t": {"1"}}, nil)
	if err != nil {
		return
	}
	r.Header.Set("X-Session-ID", s.sid)
	r.AddCookie(&http.Cookie{Name: "tallyman_doctor", Value: "1"})
	a, err := s.do(r, s.answer)
	if err != nil || a.StatusCode != http.StatusOK {
		s.warn(check, "the server does not echo a request: %s", said(a, err))
		return
	}
	var echo struct {
		Info struct {
			Headers map[string]string `json:"headers"`
		} `json:"request_info"`
	}
	if err := json.Unmarshal(a.body, &echo); err != nil {
		s.warn(check, "the echo of a request cannot be understood: %v", err)
		return
	}
	arrived, before := echo.Info.Headers, len(s.findings)
	if arrived["X-Session-Id"] != s.sid {
		s.fail(check, "X-Session-ID does not arrive — let the proxy pass it on; clients that name their session by it would all share one, or get new ones")
	}
	if arrived["Cookie"] == "" {
		s.fail(check, "cookies do not arrive — let the proxy pass them on; browsers lose their sessions")
	}
	if host := arrived["Host"]; !strings.EqualFold(host, s.url.Host) {
		s.warn(check, "the server receives the name %s instead of %s — let the proxy pass Host on; otherwise requests of browsers may look like those of another site", host, s.url.Host)
	}
	if s.url.Scheme == "https" && !strings.EqualFold(arrived["X-Forwarded-Proto"], "https") {
		s.warn(check, "the server does not learn that the connection is encrypted — let the proxy set X-Forwarded-Proto: https; otherwise cookies are not Secure")
	}
	if len(s.findings) == before {
		s.ok(check, "session, cookies and the name of the server arrive")
	}
}

func said(a reply, err error) string {
	if err != nil {
		return plain(err)
	}
	return a.says()
}

// events checks whether events arrive when they happen.
func (s *caller) events(ctx context.Context) {
	const check = "events"
	ctx, cancel := context.WithTimeout(ctx, s.event)
	defer cancel()
	r, err := s.request(ctx, http.MethodGet, "/events", url.Values{"_sid": {s.sid}}, nil)
	if err != nil {
		return
	}
	began := time.Now()
	resp, err := s.http.Do(r)
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			s.warn(check, "the stream of events is refused: %s", resp.Status)
			return
		}
		var line string
		if line, err = bufio.NewReader(resp.Body).ReadString('\n'); err == nil && strings.HasPrefix(line, "event:") {
			s.ok(check, "they come as they happen, the first after %s", brief(time.Since(began)))
			return
		}
	}
	if err == nil {
		err = errors.New("the answer is not an event")
	}
	why := plain(err)
	if ctx.Err() != nil {
		why = "none came in " + brief(s.event)
	}
	s.warn(check, "something holds them back: %s — switch off the buffering of answers in the proxy (nginx: proxy_buffering off; Caddy: flush_interval -1); until then the page shows no progress, and polls instead", why)
}

// bodies checks whether a body of the largest size is accepted.
func (s *caller) bodies(ctx context.Context) {
	const check = "upload size"
	sizes := []int64{s.Upload}
	// Common default limits of proxies, to tell which one applies.
	if s.Upload > 2<<20 {
		sizes = []int64{1<<20 + 1, s.Upload}
	}
	for i, n := range sizes {
		r, err := s.request(ctx, http.MethodPut, "/debug-request", nil, io.LimitReader(zeros{}, n))
		if err != nil {
			return
		}
		r.ContentLength = n
		r.Header.Set("Content-Type", "application/octet-stream")
		// A proxy that refuses does so before the body is sent.
		r.Header.Set("Expect", "100-continue")
		a, err := s.do(r, s.upload)
		code := ""
		if err == nil {
			code, _ = a.code()
		}
		switch {
		case err == nil && a.StatusCode == http.StatusOK:
			if i == len(sizes)-1 {
				s.ok(check, "a body of %s gets through, in %s", text.Size(n), brief(a.took))
			}
			continue
		case code == "too_large":
			s.warn(check, "the server accepts less than %s (it says: %s) — give the doctor the server's --max-upload", text.Size(n), a.says())
		case code != "":
			s.warn(check, "a body of %s is refused: %s", text.Size(n), a.says())
		case err == nil && slices.Contains([]int{http.StatusRequestEntityTooLarge, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout}, a.StatusCode):
			s.fail(check, "a proxy in front of the server refuses a body of %s (%s) — raise the proxy's limit to %s (nginx: client_max_body_size; or its timeouts, if those are the reason)", text.Size(n), a.Status, text.Size(s.Upload))
		default:
			s.fail(check, "a body of %s does not arrive: %s — check the proxy's limits of size and time; the server accepts %s", text.Size(n), said(a, err), text.Size(s.Upload))
		}
		return
	}
}

// readers checks whether the service's two readers of PDFs differed since its start. It
// finds nothing where /metrics is kept from callers.
func (s *caller) readers(ctx context.Context) {
	const check = "PDF readers"
	values, ok := s.metrics(ctx)
	if !ok {
		return
	}
	judged, there := values["tallyman_pdf_judged_pages_total"]
	differing := values["tallyman_pdf_differing_pages_total"]
	switch {
	case differing > 0:
		s.warn(check, "of %.0f pages that were read both ways, %.0f differ — its log names the pages; report such a file, and run the service with --pdfium until it is mended", judged, differing)
	case there:
		s.ok(check, "none of %.0f pages that were read both ways differ", judged)
	}
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
