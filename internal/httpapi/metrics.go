package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tallyman/internal/bol"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// metrics are the measurements that Prometheus reads.
type metrics struct {
	registry *prometheus.Registry
	handler  http.Handler

	requests, uploads, bills, ours, refused, jobs *prometheus.CounterVec
	seconds                                       *prometheus.HistogramVec
	waited, reading                               prometheus.Histogram
	inFlight, streams                             prometheus.Gauge
	pages                                         prometheus.Counter

	refusedLogged atomic.Int64 // the second in which a refused key was last logged
}

func newMetrics(s *Server) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		live(s), jobCounts(s), folders(s.config.Folders), mailboxes(s.config.Mailboxes), hooks(s.config.Webhooks), readers(s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	made := promauto.With(m.registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return made.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, f func() float64) {
		made.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	m.requests = counter("tallyman_requests_total", "Requests answered.", "route", "method", "status")
	m.uploads = counter("tallyman_uploads_total",
		"Uploads by kind (bol, orders, amendments, carry, convert) and outcome (ok, or the code of the error).", "kind", "outcome")
	m.bills = counter("tallyman_bills_total", "Bills read, by the outcome of their reconciliation.", "outcome")
	m.ours = counter("tallyman_errors_total", "Requests that failed by the server's own fault (storage, internal), by code.", "code")
	m.refused = counter("tallyman_keys_refused_total", "Keys that were refused, by reason (unknown, expired).", "reason")
	m.jobs = counter("tallyman_job_attempts_total",
		"Attempts at jobs by outcome (done, again, lost, or the code with which the job failed).", "outcome")
	m.pages = made.NewCounter(prometheus.CounterOpts{Name: "tallyman_pages_read_total", Help: "Pages of bills read."})
	m.inFlight = made.NewGauge(prometheus.GaugeOpts{Name: "tallyman_requests_in_flight", Help: "Requests being answered."})
	m.streams = made.NewGauge(prometheus.GaugeOpts{Name: "tallyman_event_streams", Help: "Open event streams."})
	m.seconds = made.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tallyman_request_seconds", Help: "Duration of requests, uploads included.",
		Buckets: []float64{.0005, .001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180},
	}, []string{"route"})
	m.waited = made.NewHistogram(prometheus.HistogramOpts{
		Name: "tallyman_wait_seconds", Help: "Time that uploads, stored bills and pages waited before they were read.",
		Buckets: []float64{.001, .01, .1, .5, 1, 2.5, 5, 10, 30, 60, 180},
	})
	m.reading = made.NewHistogram(prometheus.HistogramOpts{
		Name: "tallyman_read_seconds", Help: "Time that reading them took after the wait.",
		Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180},
	})
	s.desk.Watch(desk.Watcher{
		Waited: func(d time.Duration) { m.waited.Observe(d.Seconds()) },
		Read:   func(d time.Duration) { m.reading.Observe(d.Seconds()) },
	})
	made.NewGauge(prometheus.GaugeOpts{
		Name: "tallyman_build_info", Help: "Always 1, with the version of the program.", ConstLabels: prometheus.Labels{"version": s.config.Version},
	}).Set(1)
	gauge("tallyman_reading", "Uploads being read.", func() float64 { return float64(s.desk.Load().Reading) })
	gauge("tallyman_waiting", "Uploads waiting to be read.", func() float64 { return float64(s.desk.Load().Waiting) })
	gauge("tallyman_memory_taken_bytes", "Memory that documents take in the server, by estimate.", func() float64 { used, _ := s.desk.Memory(); return float64(used) })
	gauge("tallyman_memory_budget_bytes", "What they may take; requests that need more get 503.", func() float64 { _, most := s.desk.Memory(); return float64(most) })
	gauge("tallyman_sweep_stopped_files", "Stored files that no session names, too large a share to be removed unasked; 0 while the sweep works.", func() float64 { return float64(s.config.Orphans()) })
	made.NewCounterFunc(prometheus.CounterOpts{
		Name: "tallyman_worker_restarts_total", Help: "Workers that were killed or that crashed.",
	}, func() float64 { return float64(s.desk.Restarts()) })
	for _, o := range []bol.Outcome{bol.Reconciled, bol.Mismatched, bol.Unchecked, bol.Unproved} {
		m.bills.WithLabelValues(string(o))
	}
	for _, reason := range []string{"unknown", "expired"} {
		m.refused.WithLabelValues(reason)
	}
	for _, outcome := range []string{"done", "again", "lost"} {
		m.jobs.WithLabelValues(outcome)
	}
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
	return m
}

// scraped are measurements that are made at each scrape.
type scraped struct {
	descs   []*prometheus.Desc
	measure func(gauge, count measurement)
}

// measurement gives a measurement to who scrapes.
type measurement func(d *prometheus.Desc, n float64, labels ...string)

// Describe implements prometheus.Collector.
func (s scraped) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s scraped) Collect(ch chan<- prometheus.Metric) {
	as := func(kind prometheus.ValueType) measurement {
		return func(d *prometheus.Desc, n float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, n, labels...)
		}
	}
	s.measure(as(prometheus.GaugeValue), as(prometheus.CounterValue))
}

// flag is 1 for true.
func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// liveTime is how long a scrape waits for storage: half of Prometheus's default timeout for
// the whole scrape.
const liveTime = 5 * time.Second

// live counts the sessions. The metric is absent while storage does not answer: the number is
// unknown then.
func live(s *Server) scraped {
	sessions := prometheus.NewDesc("tallyman_sessions_live", "Live sessions; absent while storage does not answer.", nil, nil)
	return scraped{[]*prometheus.Desc{sessions}, func(gauge, _ measurement) {
		ctx, cancel := context.WithTimeout(context.Background(), liveTime)
		defer cancel()
		page, err := s.desk.List(ctx, session.Query{Limit: 1})
		if err != nil {
			s.log.Warn("the sessions cannot be counted; tallyman_sessions_live is left out", "error", err, "cause", errors.Unwrap(err))
			return
		}
		gauge(sessions, float64(page.Total))
	}}
}

// readers tells how PDFs were read.
func readers(s *Server) scraped {
	pages := prometheus.NewDesc("tallyman_pdf_pages_total", "Pages read, by the reader: without PDFium (fast) or with it (pdfium).", []string{"reader"}, nil)
	declined := prometheus.NewDesc("tallyman_pdf_declined_total", "Documents and pages that the fast reader left to PDFium, by the reason.", []string{"reason"}, nil)
	judged := prometheus.NewDesc("tallyman_pdf_judged_pages_total", "Pages that both readers read, to compare.", nil, nil)
	differ := prometheus.NewDesc("tallyman_pdf_differing_pages_total", "Pages on which the readers differed.", nil, nil)
	return scraped{[]*prometheus.Desc{pages, declined, judged, differ}, func(_, count measurement) {
		c := s.desk.Readers()
		count(pages, float64(c.Fast), "fast")
		count(pages, float64(c.Slow), "pdfium")
		count(judged, float64(c.Judged))
		count(differ, float64(c.Differing))
		if len(c.Declined) == 0 {
			count(declined, 0, "encryption") // so that the name is there
		}
		for why, n := range c.Declined {
			count(declined, float64(n), why)
		}
	}}
}

// observe counts a request. Route and method are those of the table, so that clients
// cannot create series.
func (m *metrics) observe(c *call, status int, took time.Duration) {
	method := c.r.Method
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(c.route.path, method, strconv.Itoa(status)).Inc()
	if c.route.path != "/events" {
		m.seconds.WithLabelValues(c.route.path).Observe(took.Seconds())
	}
}

// upload counts an upload.
func (m *metrics) upload(kind string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = string(fault.CodeOf(err))
	}
	m.uploads.WithLabelValues(kind, outcome).Inc()
}

// read counts the bills and pages that were read.
func (m *metrics) read(sum desk.BillsSummary) {
	m.pages.Add(float64(sum.Pages))
	m.bills.WithLabelValues(string(bol.Reconciled)).Add(float64(sum.Reconciled))
	m.bills.WithLabelValues(string(bol.Mismatched)).Add(float64(sum.Mismatched))
	m.bills.WithLabelValues(string(bol.Unchecked)).Add(float64(sum.Unchecked))
	m.bills.WithLabelValues(string(bol.Unproved)).Add(float64(sum.Unproved))
}

func handleMetrics(c *call) (any, error) {
	switch {
	case len(c.known) > 0 && !c.caller.all:
		return nil, fault.New(AdminOnly, "the measurements are of all owners' work; send an admin key, made with \"tallyman key add NAME --admin\"")
	case !c.caller.own && foreign(c.r):
		return nil, fault.New(CrossOrigin, "a page of another site cannot read the measurements")
	}
	c.s.metrics.handler.ServeHTTP(c.w, c.r)
	return nil, nil
}
