package cluster

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// Balancer is a plain reverse proxy: each request goes to the next replica in turn. If no
// connection can be made, nothing was sent, and the request goes to the next one. No
// request is sent twice.
type Balancer struct {
	URL string

	replicas func() []*Replica
	next     atomic.Uint64
	server   *http.Server
	pool     *http.Transport
}

// ByHeader is the header in which a Balancer names the replica that answered. An
// answer without it is the Balancer's own.
const ByHeader = "X-Answered-By"

// NewBalancer starts a balancer.
func NewBalancer(replicas func() []*Replica) (*Balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Balancer{
		URL: "http://" + l.Addr().String(), replicas: replicas,
		pool: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext},
	}
	silent := log.New(io.Discard, "", 0)
	b.server = &http.Server{ErrorLog: silent, Handler: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host },
		Transport:     b,
		FlushInterval: -1,
		ErrorLog:      silent,
	}}
	go b.server.Serve(l)
	return b, nil
}

// RoundTrip implements http.RoundTripper.
func (b *Balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	all := b.replicas()
	start := int(b.next.Add(1))
	err := errors.New("no replica runs")
	for i := range all {
		replica := all[(start+i)%len(all)]
		at := replica.URL()
		if at == "" {
			continue
		}
		out := r.Clone(r.Context())
		out.URL.Host = at[len("http://"):]
		if r.Body != nil {
			out.Body = io.NopCloser(r.Body)
		}
		var resp *http.Response
		if resp, err = b.pool.RoundTrip(out); err == nil {
			resp.Header.Set(ByHeader, replica.Name)
			return resp, nil
		}
		if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" {
			return nil, err
		}
	}
	return nil, err
}

// Close ends the balancer and interrupts requests under way.
func (b *Balancer) Close() error {
	err := b.server.Close()
	b.pool.CloseIdleConnections()
	return err
}
