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
	"tallyman/internal/testing/load"
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
func (m *maker) start(o service.Options) *service.Service {
	m.places++
	o.Dir, o.Reader = filepath.Join(m.dir, "place"+strconv.Itoa(m.places)), m.reader
	load.Check(os.MkdirAll(o.Dir, 0o700))
	o.Config.Version = "sample"
	return load.Must(service.Start(m.ctx, o))
}

// file writes a file to upload.
func (m *maker) file(name string, write func(io.Writer) error) string {
	path := filepath.Join(m.dir, name)
	f := load.Must(os.Create(path))
	load.Check(errors.Join(write(f), f.Close()))
	return path
}

// state is a state of the page, with the way to reach it.
type state struct {
	name string
	// service returns the server's options; nil for the default ones.
	service func(*maker) service.Options
	// reach brings a tab that has loaded the page to the state.
	reach func(*maker, *browser.Tab)
}

// steps checks actions in a tab, which were run one after the other.
func steps(list ...error) { load.Check(errors.Join(list...)) }

// upload uploads bills, and waits for what the page shows then.
func upload(t *browser.Tab, path, until string) {
	steps(t.Until(browser.Ready), t.Files("#bills-files", path), t.Until(until))
}

func click(selectors ...string) func(*maker, *browser.Tab) {
	return func(_ *maker, t *browser.Tab) {
		for _, s := range selectors {
			if until, ok := strings.CutPrefix(s, "until:"); ok {
				load.Check(t.Until(until))
			} else {
				load.Check(t.Click(s))
			}
		}
	}
}

const (
	flawed    = "#try-flawed"
	good      = "#try-sample"
	joined    = "until:" + browser.Joined
	inspected = "until:" + browser.Inspected
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
	{name: "01-empty", reach: func(_ *maker, t *browser.Tab) {
		load.Check(t.Until("document.getElementById('session-text').textContent.startsWith('Fresh')"))
	}},
	{name: "02-uploading", service: func(*maker) service.Options {
		return service.Options{Wrap: hold}
	}, reach: func(m *maker, t *browser.Tab) {
		s := load.Must(sample.New(sample.Options{Bills: 2000, Lines: 4000, Seed: 3}))
		path := m.file("large.pdf", s.WritePDF)
		held.Store(true)
		defer held.Store(false)
		upload(t, path, "!document.querySelector('#step-bills .work').hidden")
	}},
	{name: "03-reading", reach: func(m *maker, t *browser.Tab) {
		upload(t, filepath.Join(m.dir, "large.pdf"), "document.querySelector('#step-bills .detail').textContent.startsWith('Found so far')")
	}},
	{name: "04-bills", reach: func(m *maker, t *browser.Tab) {
		s := load.Must(sample.New(sample.Defaults()))
		upload(t, m.file("bol.pdf", s.WritePDF), browser.Bills)
	}},
	{name: "05-complete", reach: click(good, joined, "until:document.querySelector('.bill')")},
	{name: "06-mismatch", reach: click(flawed, joined, "until:document.querySelector('.bill')")},
	{name: "07-inspecting", reach: click(flawed, joined, ".issues .issue.bad", inspected)},
	{name: "08-matched", reach: click(good, joined, "#tab-matching", "until:document.querySelector('.tile')")},
	{name: "09-near-misses", reach: click(flawed, joined, "#tab-matching", "until:document.querySelector('.tile')")},
	{name: "10-sheet", reach: click(good, joined, "#tab-sheet", "until:document.querySelector('.gridrow')", "#grid-help")},
	{name: "11-charts", reach: click(good, joined, "#tab-load", "until:document.querySelectorAll('#panel-load canvas').length === 3")},
	{name: "12-expired", service: func(*maker) service.Options {
		return service.Options{Lives: session.Lives{Cookie: 3 * time.Second}}
	}, reach: click(good, "until:!document.getElementById('ended').hidden")},
	{name: "13-error", reach: func(m *maker, t *browser.Tab) {
		path := m.file("shipping list.pdf", func(w io.Writer) error {
			_, err := w.Write([]byte("this is a letter, not a PDF"))
			return err
		})
		upload(t, path, "document.querySelector('.error p')")
	}},
	{name: "14-signin", service: func(m *maker) service.Options {
		dir := filepath.Join(m.dir, "keys"+strconv.Itoa(m.places))
		load.Check(os.MkdirAll(dir, 0o700))
		ring := keys.Open(dir)
		load.Must(ring.Add(m.ctx, keys.Key{Name: "depot"}))
		return service.Options{Config: httpapi.Config{Keys: ring}}
	}, reach: click("until:!document.getElementById('signin').hidden")},
	{name: "15-start-over", reach: click(good, joined, "#start-over", "until:document.getElementById('ask').open")},
}

// pictures takes a picture of every state, in three widths and both colour schemes.
func (m *maker) pictures(dir, only string) {
	load.Check(os.MkdirAll(dir, 0o777))
	for _, s := range states {
		if !strings.Contains(s.name, only) && s.name != "02-uploading" {
			continue
		}
		for _, width := range []int64{1440, 1024, 390} {
			for _, scheme := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%d-%s.png", s.name, width, scheme)
				fmt.Println(name)
				m.picture(s, width, scheme, filepath.Join(dir, name))
			}
		}
	}
}

func (m *maker) picture(s state, width int64, scheme, path string) {
	var o service.Options
	if s.service != nil {
		o = s.service(m)
	}
	place := m.start(o)
	defer place.Close()
	t := load.Must(m.browser.Tab())
	defer t.Close()
	height := map[int64]int64{1440: 900, 1024: 768, 390: 844}[width]
	steps(t.Size(width, height, width < 600), t.Prefer(scheme), t.Go(place.URL))
	s.reach(m, t)
	png := load.Must(t.Picture())
	faults(t)
	load.Check(os.WriteFile(path, png, 0o666))
}
