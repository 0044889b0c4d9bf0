package tracing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"tallyman/internal/fault"
)

// sender sends spans to a collector: an otlptrace.Client. OpenTelemetry's own client
// requires gRPC, 5 MB that nothing here needs.
type sender struct {
	to     string
	header http.Header
	http   *http.Client
	// abandon ends the context ended, and with it a request under way.
	ended   context.Context
	abandon context.CancelFunc
}

// The limits of sending a batch.
const (
	sendTime  = 10 * time.Second // for one attempt
	sendTries = 3
	sendPause = time.Second // before the second attempt; the next pause is twice that
	pauseMost = 10 * time.Second
)

func newSender(to string, header http.Header) *sender {
	s := &sender{to: to, header: header, http: &http.Client{
		Timeout: sendTime,
		// Headers may hold a credential.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
	}}
	s.ended, s.abandon = context.WithCancel(context.Background())
	return s
}

// Start implements otlptrace.Client. The connection is opened when there are spans to
// send.
func (s *sender) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (s *sender) Stop(context.Context) error {
	s.abandon()
	s.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends a batch, and repeats it if the collector asks for that.
func (s *sender) UploadTraces(ctx context.Context, spans []*otlp.ResourceSpans) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.ended, cancel)
	defer stop()
	// TracesData has the wire format of an export request.
	body, err := proto.Marshal(&otlp.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encoding spans: %w", err)
	}
	pause := sendPause
	for try := 1; ; try++ {
		after, again, err := s.send(ctx, body)
		if err == nil || !again || try == sendTries {
			return err
		}
		if fault.Pause(ctx, min(max(pause, after), pauseMost)) != nil {
			return err
		}
		pause *= 2
	}
}

// send makes one attempt. again is true if another attempt may succeed, and after is the
// time to wait for it.
func (s *sender) send(ctx context.Context, body []byte) (after time.Duration, again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.to, bytes.NewReader(body))
	if err != nil {
		return 0, false, err
	}
	for name, values := range s.header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.http.Do(r)
	if err != nil {
		return 0, true, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be reused
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return 0, false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			after = time.Duration(min(seconds, 3600)) * time.Second
		}
		again = true
	}
	return after, again, fmt.Errorf("the collector answers %s", resp.Status)
}

// headers parses headers in the format of OpenTelemetry's variables: a=b,c=d, with
// values escaped as in a URL.
func headers(text string) (http.Header, error) {
	h := http.Header{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || name == "" || err != nil || strings.ContainsAny(name+value, "\r\n\x00") || strings.ContainsAny(name, " \t:") {
			// The text is left out, since it may be a credential.
			return nil, fault.New(fault.BadRequest, "OTEL_EXPORTER_OTLP_HEADERS is invalid; give NAME=VALUE, and commas between several")
		}
		h.Add(name, value)
	}
	return h, nil
}
