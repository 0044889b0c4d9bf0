package soak

import (
	"context"
	"math"
	"time"

	"tallyman/internal/testing/load"
)

// reading is a measurement while clients worked, in MB.
type reading struct {
	at                    time.Time
	server, workers, heap float64
}

// sample measures at intervals until ctx ends.
func (s *Soak) sample(ctx context.Context, every time.Duration) (seen []reading) {
	for sleep(ctx, every) {
		m, err := s.metrics(ctx)
		if err != nil {
			continue // it is stopped, or out of connections
		}
		self, workers := load.Family(s.server.PID())
		if self.PID == 0 {
			continue
		}
		seen = append(seen, reading{at: time.Now(), server: self.MB, workers: load.Sum(workers), heap: m["go_memstats_heap_inuse_bytes"] / (1 << 20)})
	}
	return seen
}

// slope fits a line through points by least squares: its slope, with its standard
// error, in units of y over those of x, and the mean of y. Consecutive points are not
// independent, so the error is too small rather than too large.
func slope(x, y []float64) (b, se, mean float64) {
	n := float64(len(x))
	if n < 3 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	var mx, my, sxx, sxy float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	b = sxy / sxx
	var rest float64
	for i := range x {
		d := y[i] - my - b*(x[i]-mx)
		rest += d * d
	}
	return b, math.Sqrt(rest / (n - 2) / sxx), my
}

// slopes reports how memory changed while clients worked.
func (s *Soak) slopes(seen []reading) {
	var x []float64
	for _, p := range seen {
		x = append(x, p.at.Sub(seen[0].at).Hours())
	}
	for _, of := range []struct {
		name string
		y    func(reading) float64
	}{
		{"server", func(p reading) float64 { return p.server }},
		{"workers", func(p reading) float64 { return p.workers }},
		{"heap of the server", func(p reading) float64 { return p.heap }},
	} {
		var y []float64
		for _, p := range seen {
			y = append(y, of.y(p))
		}
		b, se, mean := slope(x, y)
		if math.IsNaN(b) {
			s.report.figure(of.name+" under load", "too few samples to tell: %d", len(y))
			continue
		}
		s.report.figure(of.name+" under load", "%.1f MB on average, slope %+.1f ± %.1f MB an hour (%d samples)", mean, b, se, len(y))
	}
}
