package webhook

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"tallyman/client"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/receiver"
)

func TestRequestsAreSignedAsStandardWebhooksSays(t *testing.T) {
	// The example that Standard Webhooks publishes.
	h := http.Header{}
	err := sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	if err != nil || h.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || h.Get("webhook-timestamp") != "1614265330" ||
		h.Get("webhook-signature") != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("got %v, %v", h, err)
	}
	old, fresh := newSecret(), newSecret()
	if old == fresh {
		t.Error("the same secret twice")
	}
	body := []byte(`{"type":"ping"}`)
	must.OK(t, sign(h, "msg_1", time.Now(), body, []string{fresh, old}))
	for _, s := range []string{old, fresh} {
		if e, err := client.VerifyWebhook(h, body, s); err != nil || e.ID != "msg_1" || e.Type != "ping" {
			t.Errorf("with one of both secrets: %+v, %v", e, err)
		}
	}
	if _, err := client.VerifyWebhook(h, body, newSecret()); err == nil {
		t.Error("any secret verifies")
	}
	for _, s := range []string{"", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?", secretPrefix + strings.Repeat("A", 4*64)} {
		if _, err := keyOf(s); err == nil {
			t.Errorf("%q is taken for a secret", s)
		}
	}
}

// local allows what tests start on this machine.
func local(t *testing.T) *Policy {
	t.Helper()
	p, err := NewPolicy([]string{"localhost:*", "http://localhost:*"}, []string{"127.0.0.1", "::1"})
	must.OK(t, err)
	return p
}

func start(t *testing.T, c receiver.Certificate) *receiver.Receiver {
	t.Helper()
	r, err := receiver.Start(c)
	must.OK(t, err)
	t.Cleanup(r.Close)
	return r
}

func TestWhateverAnEndpointAnswersTheAttemptEnds(t *testing.T) {
	r := start(t, receiver.Right)
	aside := start(t, receiver.None)
	s := newSender(local(t), r.Roots, "test")
	body := []byte(`{"type":"ping","timestamp":"2026-11-29T09:00:00Z","data":{}}`)
	secret := newSecret()
	for _, c := range []struct {
		name    string
		answer  func(http.ResponseWriter, *http.Request)
		patient bool   // the limit must not end it
		problem string // "" for success
		status  int
		after   time.Duration
	}{
		{name: "a success", patient: true, status: 200},
		{name: "another success", answer: receiver.Status(204, ""), patient: true, status: 204},
		{name: "a body that does not end", answer: receiver.Drip, patient: true, status: 200},
		{name: "a huge answer", answer: receiver.Flood, patient: true, status: 200},
		{name: "a body that is cut off", answer: receiver.CutBody, patient: true, status: 200},
		{name: "huge headers", answer: receiver.HugeHeaders, patient: true, problem: "did not answer as HTTP says"},
		{name: "no HTTP", answer: receiver.Garbage, patient: true, problem: "did not answer as HTTP says"},
		{name: "a cut connection", answer: receiver.Cut, patient: true, problem: "closed the connection"},
		{name: "silence", answer: receiver.Silent, problem: "did not answer within"},
		{name: "slow headers", answer: receiver.SlowHeaders, problem: "did not answer within"},
		{name: "an error", answer: receiver.Status(500, ""), patient: true, problem: "answered 500 Internal Server Error", status: 500},
		{name: "an unknown status", answer: receiver.Status(599, ""), patient: true, problem: "answered 599", status: 599},
		{name: "too many requests", answer: receiver.Status(429, "120"), patient: true, problem: "answered 429", status: 429, after: 2 * time.Minute},
		{name: "a Retry-After that is none", answer: receiver.Status(503, "soon"), patient: true, problem: "answered 503", status: 503},
		{name: "a negative Retry-After", answer: receiver.Status(503, "-5"), patient: true, problem: "answered 503", status: 503},
		{name: "gone", answer: receiver.Status(410, ""), patient: true, problem: "answered 410", status: 410},
		{name: "a redirect", answer: receiver.Redirect(307, aside.URL+"/aside"), patient: true, problem: "redirects are not followed", status: 307},
		{name: "another redirect", answer: receiver.Redirect(302, aside.URL+"/aside"), patient: true, problem: "redirects are not followed", status: 302},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/" + strings.ReplaceAll(c.name, " ", "-")
			r.Expect(path, secret)
			r.Answer(path, c.answer)
			s.limit = 300 * time.Millisecond
			if c.patient {
				s.limit = time.Hour
			}
			send := func() result {
				return s.send(context.Background(), r.URL+path, "msg_"+path, body, []string{secret})
			}
			got := send()
			for !c.patient && r.Asked(path) == 0 { // a slow machine does not come so far
				s.limit *= 2
				got = send()
			}
			if got.ok() != (c.problem == "") || !strings.Contains(got.problem, c.problem) || got.status != c.status || got.after != c.after || got.gone != (c.status == 410) {
				t.Errorf("got %+v", got)
			}
			if bad := r.Bad(); len(bad) > 0 {
				t.Errorf("the request was wrong: %v", bad)
			}
			if n := r.Asked(path); n != 1 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
	if n := aside.Asked("/aside"); n > 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestADateInRetryAfterIsObeyed(t *testing.T) {
	s := newSender(&Policy{}, nil, "test")
	s.now = func() time.Time { return time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC) }
	for header, want := range map[string]time.Duration{
		"Sun, 29 Nov 2026 09:10:00 GMT": 10 * time.Minute, "Sun, 29 Nov 2026 08:00:00 GMT": 0, "60": time.Minute, "": 0, "99999999999999999999": 0,
	} {
		if got := s.retryAfter(header); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}

func TestTheTimesBetweenAttemptsGrowAndDiffer(t *testing.T) {
	seen := map[time.Duration]bool{}
	var least, most time.Duration
	for n := 1; n <= len(waits); n++ {
		low, high := time.Duration(1<<62), time.Duration(0)
		for range 50 {
			w := result{}.wait(waits, n)
			seen[w] = true
			low, high = min(low, w), max(high, w)
		}
		if low < waits[n-1] || high > waits[n-1]*5/4+1 {
			t.Errorf("after %d attempts it waits %v to %v", n, low, high)
		}
		least, most = least+low, most+high
	}
	if least < 24*time.Hour || most > 72*time.Hour || len(seen) < 20*len(waits) {
		t.Errorf("it goes on for %v to %v, with %d different times", least, most, len(seen))
	}
	if w := (result{after: time.Hour}).wait(waits, 1); w != time.Hour {
		t.Errorf("Retry-After of an hour: %v", w)
	}
	if w := (result{after: 1000 * time.Hour}).wait(waits, 1); w != maxRetryAfter {
		t.Errorf("Retry-After of weeks: %v", w)
	}
	if w := (result{after: time.Second}).wait(waits, 5); w < waits[4] {
		t.Errorf("a short Retry-After shortens the time to %v", w)
	}
}

func TestWrongCertificatesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		certificate receiver.Certificate
		problem     string
	}{
		"an expired one":           {receiver.Expired, "has expired"},
		"one for another host":     {receiver.ForOthers, "for another host"},
		"one of another authority": {receiver.Unknown, "not of an authority"},
		"none":                     {receiver.None, "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, c.certificate)
			s := newSender(local(t), r.Roots, "test")
			got := s.send(context.Background(), strings.Replace(r.URL, "http://", "https://", 1)+"/x", "msg_1", []byte("{}"), []string{newSecret()})
			if got.ok() || !strings.Contains(got.problem, c.problem) {
				t.Errorf("got %+v", got)
			}
			if n := r.Asked("/x"); n != 0 {
				t.Error("the event was sent all the same")
			}
		})
	}
}

// names starts a server of names that leads every name to these addresses, in turn.
func names(t *testing.T, addresses ...[4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	must.OK(t, err)
	t.Cleanup(func() { conn.Close() })
	var asked atomic.Int64
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(addresses)) - 1
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: addresses[i]},
				}}
			}
			if answer, err := m.Pack(); err == nil {
				conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A name that was public when the endpoint was made may lead into the network later.
func TestANameThatLeadsToAPrivateAddressIsNotReached(t *testing.T) {
	r := start(t, receiver.None)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	open := []string{"http://*:*", "*:*"}
	for _, c := range []struct {
		name, host string
		private    []string
		reaches    bool
	}{
		{name: "a name", host: "rebind.example.com"},
		{name: "a name, allowed", host: "rebind.example.com", private: []string{"127.0.0.0/8"}, reaches: true},
		{name: "the address", host: "127.0.0.1"},
		{name: "the address as one of IPv6", host: "[::ffff:127.0.0.1]"},
		{name: "a short address", host: "127.1"},
		{name: "a number", host: "2130706433"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := NewPolicy(open, c.private)
			must.OK(t, err)
			s := newSender(p, nil, "test")
			d := &net.Dialer{Control: p.control, Resolver: names(t, [4]byte{127, 0, 0, 1})}
			s.client.Transport.(*http.Transport).DialContext = d.DialContext
			before := r.Asked("/x")
			got := s.send(context.Background(), "http://"+c.host+":"+port+"/x", "msg_1", []byte("{}"), []string{newSecret()})
			if asked := r.Asked("/x") > before; asked != c.reaches || got.ok() != c.reaches {
				t.Errorf("reached: %v; %+v", asked, got)
			}
			if !c.reaches && (!strings.Contains(got.problem, "not public") && !strings.Contains(got.problem, "no host") || strings.Contains(got.problem, "127.0.0.1")) {
				t.Errorf("the sentence is %q", got.problem)
			}
		})
	}
}

// A proxy would connect to addresses that the policy never sees.
func TestNoProxyOfTheEnvironmentStandsBetween(t *testing.T) {
	r, proxy := start(t, receiver.None), start(t, receiver.None)
	t.Setenv("HTTP_PROXY", proxy.URL)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	p, err := NewPolicy([]string{"http://*:*"}, []string{"127.0.0.1"})
	must.OK(t, err)
	s := newSender(p, nil, "test")
	d := &net.Dialer{Control: p.control, Resolver: names(t, [4]byte{127, 0, 0, 1})}
	s.client.Transport.(*http.Transport).DialContext = d.DialContext // no proxy is asked for localhost
	if got := s.send(context.Background(), "http://hooks.example.com:"+port+"/x", "msg_1", []byte("{}"), []string{newSecret()}); !got.ok() || r.Asked("/x") != 1 || proxy.Asked("/x") != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAnAttemptEndsWithTheServer(t *testing.T) {
	r := start(t, receiver.None)
	r.Answer("/x", receiver.Silent)
	s := newSender(local(t), nil, "test")
	s.limit = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		r.Wait(nil, func([]receiver.Got) bool { return r.Asked("/x") > 0 })
		cancel()
	}()
	if got := s.send(ctx, r.URL+"/x", "msg_1", []byte("{}"), []string{newSecret()}); !strings.Contains(got.problem, "this server ends") {
		t.Errorf("got %+v", got)
	}
}

func TestProblemsRepeatNothingThatAServerSent(t *testing.T) {
	r := start(t, receiver.None)
	r.Answer("/x", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://evil.example.com/"+strings.Repeat("x", 100))
		w.WriteHeader(302)
		w.Write(bytes.Repeat([]byte("evil"), 100))
	})
	s := newSender(local(t), nil, "test")
	got := s.send(context.Background(), r.URL+"/x", "msg_1", []byte("{}"), []string{newSecret()})
	if strings.Contains(got.problem, "evil") || got.status != 302 {
		t.Errorf("got %+v", got)
	}
}
