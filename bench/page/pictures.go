package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tallyman/internal/httpapi"
	"tallyman/internal/intake"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/testing/browser"
	"tallyman/internal/testing/service"
)

// maker takes pictures and measurements.
type maker struct {
	ctx     context.Context
	dir     string
	reader  *intake.Reader
	browser *browser.Browser
	places  int
}

// start starts a separate service.
func (m *maker) start(o service.Options) (*service.Service, error) {
	m.places++
	o.Dir, o.Reader = filepath.Join(m.dir, "place"+strconv.Itoa(m.places)), m.reader
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	o.Config.Version = "sample"
	return service.Start(m.ctx, o)
}

// file writes a file to upload.
func (m *maker) file(name string, write func(io.Writer) error) (string, error) {
	path := filepath.Join(m.dir, name)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	return path, errors.Join(write(f), f.Close())
}

// state is a state of the page, with the way to reach it.
type state struct {
	name string
	// service returns the server's options; nil for the default ones.
	service func(*maker) (service.Options, error)
	// reach brings a tab that has loaded the page to the state.
	reach func(*maker, *browser.Tab) error
}

const shown = "!document.getElementById('views').hidden"

// steps runs actions in a tab until one fails.
func steps(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

func click(selectors ...string) func(*maker, *browser.Tab) error {
	return func(_ *maker, t *browser.Tab) error {
		for _, s := range selectors {
			var err error
			if until, ok := strings.CutPrefix(s, "until:"); ok {
				err = t.Until(until)
			} else {
				err = t.Click(s)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

const (
	flawed    = "#try-flawed"
	good      = "#try-sample"
	joined    = "until:document.querySelector('#step-sheet .chip')?.textContent === 'Joined' && document.querySelector('#step-orders.has')"
	inspected = "until:document.querySelector('.inspector[open] .marks .here') && document.querySelector('.paper img').complete"
)

var held atomic.Bool

// hold delays the body of an upload while held is true, so that its progress can be
// seen.
func hold(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for held.Load() && r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/upload") && r.Context().Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
		next.ServeHTTP(w, r)
	})
}

var states = []state{
	{name: "01-empty", reach: func(_ *maker, t *browser.Tab) error {
		return t.Until("document.getElementById('session-text').textContent.startsWith('Fresh')")
	}},
	{name: "02-uploading", service: func(*maker) (service.Options, error) {
		return service.Options{Wrap: hold}, nil
	}, reach: func(m *maker, t *browser.Tab) error {
		s, err := sample.New(sample.Options{Bills: 2000, Lines: 4000, Seed: 3})
		if err != nil {
			return err
		}
		path, err := m.file("large.pdf", s.WritePDF)
		if err != nil {
			return err
		}
		held.Store(true)
		defer held.Store(false)
		if err := t.Until("document.querySelector('#step-bills .choose:not(:disabled)')"); err != nil {
			return err
		}
		if err := t.Files("#bills-files", path); err != nil {
			return err
		}
		return t.Until("!document.querySelector('#step-bills .work').hidden")
	}},
	{name: "03-reading", reach: func(m *maker, t *browser.Tab) error {
		path := filepath.Join(m.dir, "large.pdf")
		if err := t.Until("document.querySelector('#step-bills .choose:not(:disabled)')"); err != nil {
			return err
		}
		if err := t.Files("#bills-files", path); err != nil {
			return err
		}
		return t.Until("/pages? read/.test(document.querySelector('#step-bills .detail').textContent)")
	}},
	{name: "04-bills", reach: func(m *maker, t *browser.Tab) error {
		s, err := sample.New(sample.Defaults())
		if err != nil {
			return err
		}
		path, err := m.file("bol.pdf", s.WritePDF)
		if err != nil {
			return err
		}
		if err := t.Until("document.querySelector('#step-bills .choose:not(:disabled)')"); err != nil {
			return err
		}
		return steps(t.Files("#bills-files", path), t.Until(shown), t.Until("document.querySelector('.bill')"))
	}},
	{name: "05-complete", reach: click(good, joined, "until:document.querySelector('.bill')")},
	{name: "06-mismatch", reach: click(flawed, joined, "until:document.querySelector('.bill')")},
	{name: "07-inspecting", reach: click(flawed, joined, ".issues .issue.bad", inspected)},
	{name: "08-matched", reach: click(good, joined, "#tab-matching", "until:document.querySelector('.tile')")},
	{name: "09-near-misses", reach: click(flawed, joined, "#tab-matching", "until:document.querySelector('.tile')")},
	{name: "10-sheet", reach: click(good, joined, "#tab-sheet", "until:document.querySelector('.gridrow')", "#grid-help")},
	{name: "11-charts", reach: click(good, joined, "#tab-load", "until:document.querySelectorAll('canvas').length === 3")},
	{name: "12-expired", service: func(*maker) (service.Options, error) {
		return service.Options{Lives: session.Lives{Cookie: 3 * time.Second}}, nil
	}, reach: click(good, "until:!document.getElementById('ended').hidden")},
	{name: "13-error", reach: func(m *maker, t *browser.Tab) error {
		path, err := m.file("shipping list.pdf", func(w io.Writer) error {
			_, err := w.Write([]byte("this is a letter, not a PDF"))
			return err
		})
		if err != nil {
			return err
		}
		if err := t.Until("document.querySelector('#step-bills .choose:not(:disabled)')"); err != nil {
			return err
		}
		return steps(t.Files("#bills-files", path), t.Until("document.querySelector('.error p')"))
	}},
	{name: "14-signin", service: func(m *maker) (service.Options, error) {
		dir := filepath.Join(m.dir, "keys"+strconv.Itoa(m.places))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return service.Options{}, err
		}
		ring := keys.Open(dir)
		if _, err := ring.Add(m.ctx, keys.Key{Name: "depot"}); err != nil {
			return service.Options{}, err
		}
		return service.Options{Config: httpapi.Config{Keys: ring}}, nil
	}, reach: click("until:!document.getElementById('signin').hidden")},
	{name: "15-start-over", reach: click(good, joined, "#start-over", "until:document.getElementById('ask').open")},
}

// pictures takes a picture of every state, in three widths and both colour schemes.
func (m *maker) pictures(dir, only string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, s := range states {
		if !strings.Contains(s.name, only) && s.name != "02-uploading" {
			continue
		}
		for _, width := range []int64{1440, 1024, 390} {
			for _, scheme := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%d-%s.png", s.name, width, scheme)
				if err := m.picture(s, width, scheme, filepath.Join(dir, name)); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	}
	return nil
}

func (m *maker) picture(s state, width int64, scheme, path string) (err error) {
	var o service.Options
	if s.service != nil {
		if o, err = s.service(m); err != nil {
			return err
		}
	}
	place, err := m.start(o)
	if err != nil {
		return err
	}
	defer place.Close()
	t, err := m.browser.Tab()
	if err != nil {
		return err
	}
	defer t.Close()
	height := map[int64]int64{1440: 900, 1024: 768, 390: 844}[width]
	if err := steps(t.Size(width, height, width < 600), t.Prefer(scheme), t.Go(place.URL), s.reach(m, t)); err != nil {
		return err
	}
	png, err := t.Picture()
	if err != nil {
		return err
	}
	if faults := t.Faults(); len(faults) > 0 {
		return fmt.Errorf("the page reports: %s", strings.Join(faults, "; "))
	}
	return os.WriteFile(path, png, 0o666)
}
